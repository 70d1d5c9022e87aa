"""What DNS says about mail from a domain, asked of a name server on this machine."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.name_server import NameServer
from widgets import mail_dns
from widgets.mail_dns import Finding, Level, Plan

GOOD = """
network.org IN MX 10 mx.network.org.
network.org IN TXT "v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 -all"
mx.network.org IN A 192.0.2.9
widgets.network.org IN A 192.0.2.7
widgets.network.org IN AAAA 2001:db8::7
_dmarc.network.org IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@network.org"
7.2.0.192.in-addr.arpa IN PTR widgets.network.org.
7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa IN PTR widgets.network.org.
_mta-sts.network.org IN TXT "v=STSv1; id=1"
_smtp._tls.network.org IN TXT "v=TLSRPTv1; rua=mailto:tls@network.org"
"""
PLAN = Plan("network.org", "network.org", "localhost", own=True, host="widgets.network.org")
RELAYED = replace(PLAN, relay="smtp.eu.mailgun.org", own=False)


def key(folder: Path, bits: int = 2048) -> str:
    """A private key in a file; with 0 bits, of Ed25519."""
    made = generate_private_key(65537, bits) if bits else Ed25519PrivateKey.generate()
    path = folder / "dkim.pem"
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


def found(names: NameServer, about: str, plan: Plan = PLAN, seconds: float = 5) -> list[Finding]:
    return [one for one in mail_dns.check(names.resolver(seconds), plan) if one.about == about]


def only(names: NameServer, about: str, plan: Plan = PLAN) -> Finding:
    (one,) = found(names, about, plan)
    return one


def test_a_domain_that_has_everything_is_well(names: NameServer, tmp_path: Path) -> None:
    names.add(GOOD)
    plan = replace(PLAN, selector="us", key=key(tmp_path))
    kind, public = mail_dns.public_key(plan.key)
    names.add(mail_dns.record("us._domainkey.network.org", f"v=DKIM1; k={kind}; p={public}"))

    assert {one.level for one in mail_dns.check(names.resolver(), plan)} == {Level.OK}


def test_a_domain_that_has_nothing_is_told_what_to_put_there(names: NameServer) -> None:
    names.add("widgets.network.org IN A 192.0.2.7")
    told = mail_dns.check(names.resolver(), PLAN)

    assert [line for one in told for line in one.records] == [
        "network.org. IN MX 10 the-host-that-takes-its-mail.",
        'network.org. IN TXT "v=spf1 ip4:192.0.2.7 ~all"',
        '_dmarc.network.org. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@network.org"',
        "7.2.0.192.in-addr.arpa. IN PTR widgets.network.org.",
        '_smtp._tls.network.org. IN TXT "v=TLSRPTv1; rua=mailto:tls@network.org"',
    ]
    assert [one.about for one in told if one.level is Level.PROBLEM] == ["SPF", "DMARC", "PTR"]


# SPF


def spf(names: NameServer, text: str, plan: Plan = PLAN) -> Finding:
    names.add(mail_dns.record("network.org", text))
    names.add("widgets.network.org IN A 192.0.2.7")
    return found(names, "SPF", plan)[0]


@pytest.mark.parametrize(
    "text",
    [
        "v=spf1 ip4:192.0.2.0/24 -all",
        "v=spf1 a:widgets.network.org ~all",
        "v=spf1 a:other.network.org/28 ~all",
        "v=spf1 mx -all",
        "v=spf1 include:spf.network.org -all",
        "v=spf1 redirect=spf.network.org",
        "V=SPF1 IP4:192.0.2.7 -ALL",
        "v=spf1 exp=why.network.org ip4:192.0.2.7 -all",
    ],
)
def test_an_spf_that_lets_us_send(names: NameServer, text: str) -> None:
    names.add(
        """
        other.network.org IN A 192.0.2.1
        network.org IN MX 5 mx.network.org.
        mx.network.org IN A 192.0.2.7
        spf.network.org IN TXT "v=spf1 ip4:192.0.2.7 -all"
        """
    )
    assert spf(names, text).level is Level.OK


def test_the_look_ups_are_told(names: NameServer) -> None:
    names.add('spf.network.org IN TXT "v=spf1 ip4:192.0.2.7 a:widgets.network.org -all"')

    assert spf(names, "v=spf1 include:spf.network.org -all").text == (
        "The SPF of network.org lets this machine (192.0.2.7) send. It needs 2 of 10 look-ups."
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v=spf1 ip4:192.0.2.8 -all", "does not let this machine (192.0.2.7) send"),
        ("v=spf1 -ip4:192.0.2.7 ?ip4:192.0.2.0/24 -all", "does not let this machine"),
        ("v=spf1 +all", "anybody may send in your name"),
        ("v=spf1 ip4:192.0.2.700 -all", "has an address that is none: “192.0.2.700”"),
        ("v=spf1 a/99 -all", "has a length that is none"),
        ("v=spf1 ipv4:192.0.2.7 -all", "has a term that is none: “ipv4:192.0.2.7”"),
        ("v=spf1 include:none.network.org -all", "none.network.org has no SPF record"),
        ("v=spf1 include:loop.network.org -all", "leads back to itself"),
        ("v=spf1 include:network.org -all", "leads back to itself"),
    ],
)
def test_an_spf_that_is_of_no_use(names: NameServer, text: str, says: str) -> None:
    names.add('loop.network.org IN TXT "v=spf1 include:loop.network.org -all"')
    names.add("network.org IN A 192.0.2.1")
    told = spf(names, text)

    assert told.level is Level.PROBLEM
    assert says in told.text


def test_what_is_missing_is_put_before_the_end(names: NameServer) -> None:
    told = spf(names, "v=spf1 ip4:192.0.2.9 -all", RELAYED)

    assert told.level is Level.PROBLEM
    assert told.records == ['network.org. IN TXT "v=spf1 ip4:192.0.2.9 include:mailgun.org -all"']


def test_two_spf_records_are_none(names: NameServer) -> None:
    names.add('network.org IN TXT "v=spf1 -all"')

    assert "has 2 SPF records, and then none counts" in spf(names, "v=spf1 ip4:192.0.2.7").text


def test_more_than_ten_look_ups_are_too_many(names: NameServer) -> None:
    for number in range(11):
        names.add(f'i{number}.network.org IN TXT "v=spf1 ip4:192.0.2.{number} -all"')
    includes = " ".join(f"include:i{number}.network.org" for number in range(11))

    assert spf(names, f"v=spf1 {includes} -all").text.startswith(
        "The SPF of network.org needs 11 look-ups; 10 is the most"
    )


def test_an_endless_chain_ends(names: NameServer) -> None:
    for number in range(100):
        names.add(f'c{number}.network.org IN TXT "v=spf1 include:c{number + 1}.network.org -all"')

    assert "look-ups; 10 is the most" in spf(names, "v=spf1 include:c0.network.org -all").text


def test_names_that_lead_nowhere_count_too(names: NameServer) -> None:
    text = "v=spf1 ip4:192.0.2.7 a:n1.network.org a:n2.network.org a:n3.network.org -all"

    assert spf(names, text).text.startswith("3 names in the SPF of network.org don’t exist")


def test_a_known_relay_is_to_be_included(names: NameServer) -> None:
    names.add('mailgun.org IN TXT "v=spf1 ip4:198.51.100.0/24 -all"')
    told = spf(names, "v=spf1 include:mailgun.org -all", RELAYED)

    assert told.level is Level.OK
    assert told.text.startswith("The SPF of network.org includes mailgun.org.")


def test_an_unknown_relay_is_a_hint(names: NameServer) -> None:
    told = spf(names, "v=spf1 mx -all", replace(RELAYED, relay="smtp.relay.example"))

    assert told.level is Level.HINT
    assert "look up what yours says to include" in told.text


# DKIM


@pytest.mark.parametrize(
    ("bits", "level"), [(2048, Level.OK), (1024, Level.WARNING), (0, Level.OK)]
)
def test_the_key_in_dns_is_compared(
    names: NameServer, tmp_path: Path, bits: int, level: Level
) -> None:
    plan = replace(PLAN, selector="us", key=key(tmp_path, bits))
    missing = only(names, "DKIM", plan)
    assert missing.level is Level.PROBLEM
    names.add(missing.records[0])  # as it was told, in strings of 255 bytes

    assert only(names, "DKIM", plan).level is level


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v=DKIM1; p=", "it was revoked"),
        ("v=DKIM1; k=rsa", "it has no p="),
        ("v=DKIM1; p=MIIBIjANBgkq", "its p= is no RSA key; was it cut off?"),
        ("v=DKIM1; p=***", "its p= is no base64"),
        ("v=DKIM2; p=AAAA", "its version is “DKIM2”"),
        ("v=DKIM1; k=ed25519; p=AAAA", "of the kind ed25519, and DKIM_KEY is rsa"),
        ("just text", "a tag that is none"),
        ("v=DKIM1; p=A; p=B", "its tag p stands there twice"),
    ],
)
def test_a_key_that_is_of_no_use(names: NameServer, tmp_path: Path, text: str, says: str) -> None:
    quoted = text.replace(";", "\\;")
    names.add(f'us._domainkey.network.org IN TXT "{quoted}"')
    told = only(names, "DKIM", replace(PLAN, selector="us", key=key(tmp_path)))

    assert told.level is Level.PROBLEM
    assert says in told.text
    assert told.records


def test_another_key_is_told(names: NameServer, tmp_path: Path) -> None:
    _, other = mail_dns.public_key(key(tmp_path))
    names.add(mail_dns.record("us._domainkey.network.org", f"v=DKIM1; p={other}"))
    told = only(names, "DKIM", replace(PLAN, selector="us", key=key(tmp_path)))

    assert "it does not belong to DKIM_KEY, so every signature fails" in told.text


def test_a_file_that_is_no_key_is_told(names: NameServer, tmp_path: Path) -> None:
    path = tmp_path / "no.pem"
    plan = replace(PLAN, selector="us", key=str(path))
    assert "No such file" in only(names, "DKIM", plan).text
    path.write_text("a shopping list")

    assert "the file is no private key" in only(names, "DKIM", plan).text


def test_a_relay_that_signs_is_a_hint(names: NameServer) -> None:
    assert "signs as d=network.org" in only(names, "DKIM").text


# DMARC


@pytest.mark.parametrize(
    ("text", "levels", "says"),
    [
        ("v=DMARC1; p=none; rua=mailto:d@network.org", {Level.OK, Level.HINT}, "only reports"),
        ("v=DMARC1; p=reject", {Level.OK, Level.WARNING}, "nobody who gets its reports"),
        ("v=DMARC1; p=reject; rua=d@network.org", {Level.OK, Level.WARNING}, "that is none"),
        ("v=DMARC1; p=reject; rua=mailto:d@r.example", {Level.OK, Level.WARNING}, "r.example"),
        ("v=DMARC1; rua=mailto:d@network.org", {Level.PROBLEM}, "no policy"),
        ("v=DMARC1; p=maybe", {Level.PROBLEM}, "no policy"),
        ("v=DMARC1; p=reject; p=none", {Level.PROBLEM}, "of no use"),
    ],
)
def test_what_a_dmarc_record_says(
    names: NameServer, text: str, levels: set[Level], says: str
) -> None:
    names.add(f'_dmarc.network.org IN TXT "{text}"')
    told = found(names, "DMARC")

    assert {one.level for one in told} == levels
    assert says in " ".join(one.text for one in told)


def test_the_record_of_the_domain_above_counts(names: NameServer) -> None:
    names.add('_dmarc.network.org IN TXT "v=DMARC1; p=none; sp=reject; rua=mailto:d@network.org"')
    told = only(names, "DMARC", replace(PLAN, domain="news.network.org"))

    assert told.text == "news.network.org has DMARC, with p=reject."


def test_reports_to_somebody_else_need_their_word(names: NameServer) -> None:
    names.add('_dmarc.network.org IN TXT "v=DMARC1; p=reject; rua=mailto:d@r.example"')
    told = found(names, "DMARC")[1]
    assert told.records == ['network.org._report._dmarc.r.example. IN TXT "v=DMARC1"']
    names.add(told.records[0])

    assert only(names, "DMARC").level is Level.OK


@pytest.mark.parametrize(
    ("returns", "policy", "aligned"),
    [
        ("bounces.network.org", "", True),
        ("bounces.network.org", "; aspf=s", False),
        ("relay.example", "", False),
    ],
)
def test_the_return_path_is_to_be_of_the_same_domain(
    names: NameServer, returns: str, policy: str, aligned: bool
) -> None:
    names.add(f'_dmarc.network.org IN TXT "v=DMARC1; p=reject; rua=mailto:d@network.org{policy}"')
    told = found(names, "DMARC", replace(PLAN, returns=returns))

    assert ("SPF does not count for DMARC" in " ".join(one.text for one in told)) is not aligned


# The rest


def test_a_domain_that_takes_no_mail_gets_none_back(names: NameServer) -> None:
    names.add("network.org IN MX 0 .")

    assert "what can’t be delivered never comes back" in only(names, "MX").text


def test_a_mail_server_without_an_address_is_told(names: NameServer) -> None:
    names.add("network.org IN MX 10 mx.network.org.")

    assert only(names, "MX").text == (
        "The mail server of network.org, mx.network.org, has no address."
    )


def test_a_name_must_lead_back(names: NameServer) -> None:
    names.add("widgets.network.org IN A 192.0.2.7")
    names.add("7.2.0.192.in-addr.arpa IN PTR host7.provider.example.")

    assert only(names, "PTR").text == (
        "192.0.2.7 is called host7.provider.example, which does not lead back to it."
    )
    names.add("host7.provider.example IN A 192.0.2.7")
    assert only(names, "PTR").level is Level.OK


def test_dns_that_fails_or_keeps_silent_is_told_and_hides_nothing(names: NameServer) -> None:
    names.add(GOOD)
    names.fails = {"_dmarc.network.org"}
    names.silent = {"_mta-sts.network.org"}
    told = mail_dns.check(names.resolver(0.3), PLAN)

    assert [one.text[:45] for one in told if one.level is Level.PROBLEM] == [
        "DNS could not answer about _dmarc.network.org",
        "DNS did not answer in time about _mta-sts.net",
    ]
    assert [one.about for one in told if one.level is Level.OK] == [
        "MX", "SPF", "PTR", "PTR", "TLS-RPT",
    ]  # fmt: skip
