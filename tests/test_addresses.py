"""What is an e-mail address, and the hashes by which one is known again."""

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.addresses import Address, BadAddress, Hasher, parse

ONE_LINE = "one line, without special characters"


def refusal(typed: str, **options: Any) -> str:
    with pytest.raises(BadAddress) as refused:
        parse(typed, **options)
    return str(refused.value)


@pytest.mark.parametrize(
    ("typed", "text", "domain"),
    [
        ("reader@example.org", "reader@example.org", "example.org"),
        ("  reader@example.org\n", "reader@example.org", "example.org"),
        ("Reader@EXAMPLE.Org", "Reader@example.org", "example.org"),
        ("reader+news@example.org", "reader+news@example.org", "example.org"),
        ("o'neill@example.org", "o'neill@example.org", "example.org"),
        ("=reader@example.org", "=reader@example.org", "example.org"),
        ("jürgen@exämple.org", "jürgen@xn--exmple-cua.org", "xn--exmple-cua.org"),
        ("ju\u0308rgen@exa\u0308mple.org", "jürgen@xn--exmple-cua.org", "xn--exmple-cua.org"),
        ("reader@XN--exmple-cua.org", "reader@xn--exmple-cua.org", "xn--exmple-cua.org"),
        ("reader@faß.example", "reader@xn--fa-hia.example", "xn--fa-hia.example"),
        ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v", "xn--fsqu00a.xn--4rr70v"),
        ('"reader"@example.org', "reader@example.org", "example.org"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org", "example.org"),
    ],
)
def test_an_address_is_taken_as_a_reader_types_it(typed: str, text: str, domain: str) -> None:
    parsed = parse(typed)
    assert (parsed.text, parsed.domain) == (text, domain)
    assert parsed.text == f"{parsed.local}@{parsed.domain}"


@pytest.mark.parametrize(
    "typed",
    [
        '"a reader"@example.org',
        '"a@b"@example.org',
        '"a,b"@example.org',
        "=?utf-8?q?a?=@example.org",
    ],
)
def test_an_address_that_mail_programs_read_in_several_ways_is_refused(typed: str) -> None:
    assert refusal(typed) == (
        "Addresses written in this way can’t be used here. Please give another."
    )


@pytest.mark.parametrize("typed", ["", " ", "\n\t "])
def test_nothing_typed_is_asked_for(typed: str) -> None:
    assert refusal(typed) == "Please type your e-mail address."


@pytest.mark.parametrize("typed", ["reader", "reader.example.org", "https://example.org"])
def test_what_has_no_at_sign_is_told_so(typed: str) -> None:
    assert refusal(typed) == "An e-mail address has an @ in it, like name@example.org."


@pytest.mark.parametrize("between", [",", ", ", ";", " ", " ; ", " and "])
def test_several_addresses_are_refused_as_several(between: str) -> None:
    assert refusal(f"one@example.org{between}two@example.org") == (
        "Please type one address; each is signed up by itself."
    )


@pytest.mark.parametrize("control", ["\r", "\n", "\r\n", "\0", "\x0b", "\x1b", "\x7f", "\x85"])
@pytest.mark.parametrize(
    "typed", ["reader{}@example.org", "reader@example.org{}Bcc: other@example.org", '"a{}b"@a.org']
)
def test_a_header_cannot_be_slipped_in(typed: str, control: str) -> None:
    assert ONE_LINE in refusal(typed.format(control))


@pytest.mark.parametrize(
    "typed",
    [
        "reader@",
        "@example.org",
        "reader@@example.org",
        "a@b@example.org",
        "reader@example",
        "reader@example..org",
        "reader@.example.org",
        "reader@example.org.",
        "reader@-example.org",
        "reader@exam_ple.org",
        "reader@[127.0.0.1]",
        "re ader@example.org",
        ".reader@example.org",
        "reader.@example.org",
        "rea..der@example.org",
        "Reader <reader@example.org>",
        "<reader@example.org>",
        "mailto:reader@example.org",
        "reader@example.org\u2028x",
        "rea\u202eder@example.org",
        "reader@example.org?cc=x",
        "reader@example.org\\",
        '"reader@example.org',
    ],
)
def test_what_is_no_address_is_refused_with_an_example(typed: str) -> None:
    assert refusal(typed).endswith("Please check it: name@example.org.")


def test_bytes_that_are_no_text_are_refused() -> None:
    """As a shell hands over an argument that is not UTF-8."""
    assert refusal("\udcff@example.org")


def test_an_address_longer_than_mail_can_carry_is_refused() -> None:
    assert "longer" in refusal("reader@" + "a." * 124 + "org")
    assert "longer" in refusal("я" * 122 + "@example.org")  # octets count, not letters
    assert refusal("x" * 100_000 + "@example.org")


@pytest.mark.parametrize("typed", ["reader@network.test", "reader@test"])
def test_a_test_domain_is_for_trials_only(typed: str) -> None:
    assert parse(typed, allow_test_domains=True).text == typed
    assert refusal(typed)


@pytest.mark.parametrize("domain", ["localhost", "network.invalid", "printer.local"])
def test_a_name_that_leads_nowhere_is_never_taken(domain: str) -> None:
    assert refusal(f"reader@{domain}")
    assert refusal(f"reader@{domain}", allow_test_domains=True)


@given(st.text(max_size=30) | st.from_regex(r"[^@]{0,9}@[a-z.]{0,9}\.org", fullmatch=True))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_whatever_is_typed_it_is_an_address_or_refused(typed: str) -> None:
    with contextlib.suppress(BadAddress):
        parsed = parse(typed)
        assert parse(parsed.text) == parsed
        assert not re.search(r"[\s\0]", parsed.text)
        assert len(parsed.text.encode()) <= 254


# Hashes


def hashes(typed: str, key: str = "key") -> tuple[str, str, str]:
    hasher, address = Hasher(key), parse(typed)
    return hasher.address(address), hasher.mailbox(address), hasher.domain(address)


def test_an_address_is_the_same_in_upper_and_lower_case() -> None:
    assert hashes("Reader@Example.ORG") == hashes("reader@example.org")


def test_an_address_is_the_same_in_both_ways_to_write_its_domain() -> None:
    assert hashes("reader@exämple.org") == hashes("reader@xn--exmple-cua.org")


def test_what_follows_a_plus_is_the_same_mailbox_and_another_address() -> None:
    plain, tagged = hashes("reader@example.org"), hashes("reader+news@example.org")
    assert plain[1] == tagged[1]
    assert plain[0] != tagged[0]


def test_a_name_that_begins_with_a_plus_is_whole() -> None:
    assert hashes("+a@example.org")[1] != hashes("+b@example.org")[1]


def test_letters_that_only_look_related_are_not_one() -> None:
    assert hashes("strauß@example.org")[:2] != hashes("strauss@example.org")[:2]
    assert hashes("reader@faß.example") != hashes("reader@fass.example")


@pytest.mark.parametrize(
    "typed", ["r.e.a.d.e.r@gmail.com", "reader@googlemail.com", "Rea.Der+news@GoogleMail.com"]
)
def test_the_dots_of_a_gmail_name_do_not_count(typed: str) -> None:
    assert hashes(typed)[1] == hashes("reader@gmail.com")[1]
    assert hashes(typed)[0] != hashes("reader@gmail.com")[0]


def test_dots_count_elsewhere() -> None:
    assert hashes("rea.der@example.org")[1] != hashes("reader@example.org")[1]


def test_another_person_or_domain_is_another_hash() -> None:
    one, other, elsewhere = map(hashes, ["one@example.org", "two@example.org", "one@example.net"])
    assert one[0] != other[0]
    assert one[1] != other[1]
    assert one[2] == other[2] != elsewhere[2]


def test_each_purpose_and_each_key_hashes_by_itself() -> None:
    found = {*hashes("reader@gmail.com", "one"), *hashes("reader@gmail.com", "two")}
    assert len(found) == 6
    assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in found)


def test_a_hash_does_not_change_from_version_to_version() -> None:
    """Suppressed addresses are known by nothing else."""
    assert Hasher("key").address(Address("a", "b.example")) == (
        "818b3dce2e1167dc4f0277225ad0f39f704bcdf33a4ad76aa9d9d8cfd8f3aa52"
    )


def test_a_key_for_another_purpose_is_another_key() -> None:
    hasher = Hasher("key")
    found = {hasher.key_for("one"), hasher.key_for("two"), Hasher("other").key_for("one")}
    assert len(found) == 3
    assert hasher.key_for("one") == Hasher("key").key_for("one")


def test_keys_are_told_apart_without_being_told() -> None:
    assert Hasher("one").fingerprint() == Hasher("one").fingerprint()
    assert Hasher("one").fingerprint() != Hasher("two").fingerprint()
    assert re.fullmatch(r"[0-9a-f]{16}", Hasher("one").fingerprint())
