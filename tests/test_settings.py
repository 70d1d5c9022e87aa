"""Settings: their defaults, where they come from, and what makes them unsafe."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from tests.actors import CHECKOUT
from widgets.settings import (
    LARGE_MAIL_DOMAINS,
    Settings,
    UnsafeSettings,
    from_values,
    is_local_host,
    load,
)

PRODUCTION = {
    "BASE_URL": "https://widgets.network.example",
    "SECRET_KEY": "0123456789abcdef0123",
    "HASH_KEY": "fedcba98765432100123",
    "SMTP_URL": "smtp://user:password@relay.example:587",
    "MAIL_FROM": "Network <news@network.example>",
}


def problems(**values: Any) -> list[str]:
    with pytest.raises(UnsafeSettings) as unsafe:
        from_values(values)
    return str(unsafe.value).split("\n")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No setting is set, whatever the shell of whoever runs the tests says."""
    for name in ("HOST", "PORT", *(f"UNDERSIGNED_{one}" for one in names())):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def names() -> list[str]:
    return [field.name.upper() for field in dataclasses.fields(Settings)]


# Defaults


@pytest.mark.usefixtures("environment")
def test_without_any_setting_it_is_a_trial_on_this_machine(tmp_path: Path) -> None:
    settings = load()
    assert settings.is_local
    assert settings.base_url == settings.origin == "http://127.0.0.1:8000"
    assert settings.instance_path == tmp_path / "instance"
    assert settings.database_url == f"sqlite:///{tmp_path}/instance/undersigned.sqlite3"
    assert settings.mail_from == settings.contact == "no-reply@localhost"
    assert settings.network_name == "127.0.0.1"
    assert settings.smtp_url is settings.secret_key is settings.hash_key is None


def test_an_empty_value_is_the_default() -> None:
    given = from_values(dict.fromkeys(("BASE_URL", "SMTP_URL", "MAIL_FROM", "DATABASE_URL"), ""))
    assert given == from_values({})


def test_an_empty_client_limit_turns_it_off() -> None:
    assert from_values({"CLIENT_LIMIT": ""}).client_limit == ""
    assert from_values({}).client_limit == "30/minute;300/hour"


def test_what_is_not_given_follows_from_the_base_url() -> None:
    settings = from_values({"BASE_URL": "http://network.test:9000/"})
    assert settings.base_url == "http://network.test:9000"
    assert settings.mail_from == settings.contact == "no-reply@network.test"
    assert settings.network_name == "network.test"
    assert settings.url("/privacy") == "http://network.test:9000/privacy"


def test_the_port_is_part_of_the_base_url_of_a_trial() -> None:
    assert from_values({"PORT": 9000}).base_url == "http://127.0.0.1:9000"


def test_questions_about_privacy_go_to_the_sender_unless_told_otherwise() -> None:
    assert from_values(PRODUCTION).contact == "news@network.example"
    assert from_values({**PRODUCTION, "CONTACT": "privacy@x.example"}).contact == (
        "privacy@x.example"
    )


def test_an_accent_may_be_written_as_in_css() -> None:
    assert from_values({"ACCENT": "#0A7B3C"}).accent == "0a7b3c"


# Where they come from


def test_a_setting_is_an_environment_variable_with_our_prefix(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("UNDERSIGNED_NETWORK_NAME", "Network of Reading Rooms")
    environment.setenv("UNDERSIGNED_WEB_THREADS", "4")
    environment.setenv("UNDERSIGNED_RETRY_BASE_SECONDS", "0.5")
    environment.setenv("NETWORK_NAME", "Somebody else's")
    settings = load()
    assert settings.network_name == "Network of Reading Rooms"
    assert settings.web_threads == 4
    assert settings.retry_base_seconds == 0.5


@pytest.mark.parametrize("written", ['["old key", "older"]', '["old key","older"]'])
def test_a_list_is_written_as_json(environment: pytest.MonkeyPatch, written: str) -> None:
    environment.setenv("UNDERSIGNED_SECRET_KEY_FALLBACKS", written)
    assert load().secret_key_fallbacks == ("old key", "older")


def test_a_list_may_be_separated_by_spaces(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNDERSIGNED_SECRET_KEY_FALLBACKS", "old  older")
    environment.setenv("UNDERSIGNED_UNLIMITED_DOMAINS", "mail.example post.example")
    settings = load()
    assert settings.secret_key_fallbacks == ("old", "older")
    assert settings.unlimited_domains == {"mail.example", "post.example"}


def test_a_key_of_digits_is_a_text(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNDERSIGNED_SECRET_KEY", "1234567890123456")
    environment.setenv("UNDERSIGNED_SECRET_KEY_FALLBACKS", "6543210987654321")
    settings = load()
    assert settings.secret_key == "1234567890123456"
    assert settings.secret_key_fallbacks == ("6543210987654321",)


@pytest.mark.parametrize(
    ("written", "meant"), [("true", True), ("1", True), ("false", False), ("0", False), ("", False)]
)
def test_yes_and_no_are_written_as_json(
    environment: pytest.MonkeyPatch, written: str, meant: bool
) -> None:
    environment.setenv("UNDERSIGNED_FEED_ALLOW_PRIVATE", written)
    assert load().feed_allow_private is meant


def test_no_domain_need_be_unlimited(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNDERSIGNED_UNLIMITED_DOMAINS", "[]")
    assert load().unlimited_domains == frozenset()


def test_host_and_port_are_taken_without_the_prefix_too(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOST", "0.0.0.0")
    environment.setenv("PORT", "9000")
    settings = load()
    assert (settings.host, settings.port) == ("0.0.0.0", 9000)


def test_with_the_prefix_they_win(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOST", "0.0.0.0")
    environment.setenv("PORT", "9000")
    environment.setenv("UNDERSIGNED_HOST", "::1")
    environment.setenv("UNDERSIGNED_PORT", "9001")
    settings = load()
    assert (settings.host, settings.port) == ("::1", 9001)


@pytest.mark.parametrize("host", ["x86_64-pc-linux-gnu", "laptop", "build.example.org", ""])
def test_a_shells_own_host_is_not_meant_for_us(environment: pytest.MonkeyPatch, host: str) -> None:
    environment.setenv("HOST", host)
    environment.setenv("PORT", "")
    settings = load()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


# A trial, or production


@pytest.mark.parametrize(
    "host",
    ["localhost", "a.localhost", "network.test", "127.0.0.1", "127.9.9.9", "::1"],
)
def test_this_machine_and_the_names_for_tests_are_local(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "ifex.org", "test", "latest", "localhost.example.org", "network.test.example.org",
     "contest", "10.0.0.1", "192.168.1.1", "0.0.0.0", "128.0.0.1", "::2", "127.0.0.1.example"],
)  # fmt: skip
def test_what_others_can_reach_is_not_local(host: str) -> None:
    assert not is_local_host(host)


def test_production_with_all_that_it_needs_is_fine() -> None:
    settings = from_values(PRODUCTION)
    assert not settings.is_local
    assert settings.is_https


@pytest.mark.parametrize("name", ["SECRET_KEY", "SMTP_URL", "MAIL_FROM"])
def test_production_says_what_it_misses(name: str) -> None:
    (line,) = problems(**{**PRODUCTION, name: ""})
    assert line.startswith(f"UNDERSIGNED_{name} is missing")


def test_production_without_a_hash_key_makes_one() -> None:
    assert from_values({**PRODUCTION, "HASH_KEY": ""}).hash_key is None


def test_production_is_https() -> None:
    (line,) = problems(**{**PRODUCTION, "BASE_URL": "http://widgets.network.example"})
    assert line.startswith("UNDERSIGNED_BASE_URL must be https")


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaaaaaaa", "abababababababababab"])
@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "HASH_KEY"])
def test_production_takes_no_weak_key_and_does_not_show_it(name: str, weak: str) -> None:
    (line,) = problems(**{**PRODUCTION, name: weak})
    assert "must be random" in line
    assert weak not in line


def test_a_trial_may_have_a_weak_key() -> None:
    assert from_values({"SECRET_KEY": "short"}).secret_key == "short"


# Problems


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("BASE_URL", ["widgets.network.example", "ftp://a.example", "https://", "https://a:x/",
                      "https://a:99999", "https://a:0", "https://[::1"]),
        ("BASE_URL", ["http://a.test/path", "http://a.test?x", "http://a.test/#x", "http://u@a.test"]),
        ("SMTP_URL", ["relay.example", "https://relay.example", "smtp://", "smtp://relay:x",
                      "smtp://relay:99999", "smtp://relay?starttls=maybe", "smtp://relay?x=y",
                      "smtp://user:pass[word@relay.example"]),
        ("DATABASE_URL", ["undersigned.sqlite3", "mysql://a/b", "sqlite://", "sqlite:///"]),
        ("LIMIT_STORAGE", ["redis://a", "valkey://", "memory"]),
        ("MAIL_FROM", ["nobody", "Network <nobody>", "a b@c.example", "@a.example"]),
        ("ACCENT", ["red", "fff", "#12345g", "b3261e0"]),
        ("CLIENT_LIMIT", ["often", "30", "30/fortnight", "many/minute"]),
        ("FRAME_ANCESTORS", ["*; script-src *", "https://a.example, https://b.example", "a\nb"]),
        ("PORT", ["http", "0", "-1", "", "65536", [8000], float("inf")]),
        ("MAILBOX_LIMIT", ["0", "-3", "three", float("nan")]),
        ("DOMAIN_LIMIT", ["0", {}]),
        ("TRUSTED_PROXIES", ["-1", "yes"]),
        ("RETRY_BASE_SECONDS", ["0", "-1", "soon", "nan", float("nan"), "inf"]),
        ("LEASE_SECONDS", ["0.5", "long", "nan"]),
        ("CONTENT_CHECK_SECONDS", ["-1", "nan"]),
        ("WEB_WORKERS", ["0", "two"]),
        ("WEB_THREADS", ["0", "8.5.1"]),
        ("UNLIMITED_DOMAINS", [5]),
        ("FEED_SECONDS", ["0", "often", "nan"]),
        ("FEED_ALLOW_PRIVATE", ["yes", 2, [], "sometimes"]),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named_with_its_variable(name: str, values: list[Any]) -> None:
    missed = []
    for value in values:
        try:
            missed.append(
                f"{value!r} is taken: {getattr(from_values({name: value}), name.lower())}"
            )
        except UnsafeSettings as unsafe:
            if not str(unsafe).startswith(f"UNDERSIGNED_{name}"):
                missed.append(f"{value!r}: {unsafe}")
        except Exception as error:
            missed.append(f"{value!r}: {error!r}")
    assert missed == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "http://[::1]:8000"),
        ("SMTP_URL", "smtps://user:p%40ss@relay.example"),
        ("SMTP_URL", "smtp://relay.example?starttls=required"),
        ("SMTP_URL", "smtp://[::1]:2525"),
        ("DATABASE_URL", "postgresql://user:password@host/name"),
        ("DATABASE_URL", "postgres://host/name"),
        ("DATABASE_URL", "sqlite:////var/lib/undersigned/it.sqlite3"),
        ("LIMIT_STORAGE", "valkey://host:6379"),
        ("LIMIT_STORAGE", "valkeys://user:password@host:6379/1"),
        ("CLIENT_LIMIT", "5 per second; 100/day"),
        ("FRAME_ANCESTORS", "https://one.example https://*.two.example"),
        ("MAIL_FROM", "Network of Reading Rooms <news@network.example>"),
    ],
)
def test_a_value_that_can_be_is_kept_as_it_is(name: str, value: str) -> None:
    assert getattr(from_values({name: value}), name.lower()) == value


def test_all_problems_are_told_at_once() -> None:
    told = problems(
        BASE_URL="http://widgets.network.example/path",
        ACCENT="red",
        PORT="x",
        WEB_THREADS="0",
        CLIENT_LIMIT="often",
        LIMIT_STORAGE="redis://a",
        DATABASE_URL="mysql://a/b",
        FRAME_ANCESTORS=";",
    )
    assert {line.split()[0].rstrip(":") for line in told} == {
        f"UNDERSIGNED_{name}"
        for name in (
            "BASE_URL", "ACCENT", "PORT", "WEB_THREADS", "CLIENT_LIMIT", "LIMIT_STORAGE",
            "DATABASE_URL", "FRAME_ANCESTORS", "SECRET_KEY", "SMTP_URL", "MAIL_FROM",
        )
    }  # fmt: skip


def test_a_bad_base_url_hides_no_other_problem() -> None:
    told = problems(BASE_URL="widgets.network.example", ACCENT="red", CLIENT_LIMIT="often")
    assert [line.split()[0] for line in told] == [
        "UNDERSIGNED_BASE_URL", "UNDERSIGNED_ACCENT", "UNDERSIGNED_CLIENT_LIMIT",
    ]  # fmt: skip


def test_a_problem_does_not_tell_a_password() -> None:
    told = problems(SMTP_URL="smtp://user:secret@relay:x", DATABASE_URL="mysql://user:secret@a/b")
    assert len(told) == 2
    assert "secret" not in "".join(told)


# The operators' guide


def documented() -> dict[str, str]:
    """Each setting of the guide's table, with what it says of the default."""
    guide = (CHECKOUT / "docs" / "operators.md").read_text()
    table = guide.split("## Settings")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]*?) \|", table, re.MULTILINE))


def test_the_guide_lists_exactly_the_settings_there_are() -> None:
    assert list(documented()) == sorted(documented(), key=list(documented()).index)
    assert set(documented()) == set(names())


def test_the_guide_tells_the_defaults() -> None:
    told = {name: text[1:-1] for name, text in documented().items() if re.fullmatch("`.*`", text)}
    usual = {
        field.name.upper(): f"{field.default:g}"
        if isinstance(field.default, float)
        else str(field.default)
        for field in dataclasses.fields(Settings)
    }
    assert len(told) > 12
    assert told == {name: usual[name] for name in told}


def test_the_guide_counts_the_large_providers() -> None:
    assert documented()["UNLIMITED_DOMAINS"].startswith(f"{len(LARGE_MAIL_DOMAINS)} domains")


def test_the_guides_example_can_be_used() -> None:
    guide = (CHECKOUT / "docs" / "operators.md").read_text()
    example = re.findall(r"^UNDERSIGNED_([A-Z_]+)='?(.*?)'?$", guide.split("## A proxy")[0], re.M)
    values = {**dict(example), "SECRET_KEY": PRODUCTION["SECRET_KEY"]}
    values["HASH_KEY"] = PRODUCTION["HASH_KEY"]
    assert len(values) > 6
    assert from_values(values).network_name == "Network of Reading Rooms"


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9000"),
        ("::1", "http://[::1]:9000"),
        ("0.0.0.0", "http://127.0.0.1:9000"),
        ("::", "http://127.0.0.1:9000"),
    ],
)
def test_links_of_a_trial_lead_to_where_it_listens(host: str, base_url: str) -> None:
    assert from_values({"HOST": host, "PORT": 9000}).base_url == base_url


def test_a_name_that_json_reads_as_something_else_stays_as_it_was() -> None:
    assert from_values({"NETWORK_NAME": True}).network_name == "true"
    assert from_values({"NETWORK_NAME": 1984}).network_name == "1984"


@pytest.mark.parametrize(
    "wrong",
    [
        {"TYPO": "1"},
        {"MAIL_FROM": "a@b.example, c@d.example"},
        {"CONTACT": "nobody"},
        {"FRAME_ANCESTORS": "a.example"},
        {"WEB_WORKERS": 1.5},
        {"TRUSTED_PROXIES": True},
    ],
)
def test_what_would_be_taken_for_something_else_is_named(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(UnsafeSettings, match=f"^UNDERSIGNED_{name} "):
        from_values(wrong)


def test_a_return_path_leaves_room_for_what_names_each_mail() -> None:
    assert from_values({"RETURN_PATH": f"{'b' * 23}@example.org"}).return_path
    with pytest.raises(UnsafeSettings, match="RETURN_PATH"):
        from_values({"RETURN_PATH": f"{'b' * 24}@example.org"})
