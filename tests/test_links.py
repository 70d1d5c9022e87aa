"""Signed links: one purpose each, made by nobody else, and telling nothing."""

import base64
import json
import string
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import itsdangerous
import pytest

from widgets.links import (
    CODE_FOR,
    CONFIRM_FOR,
    FORM_FOR_HOURS,
    BadLink,
    ExpiredLink,
    Links,
)

ID = uuid.UUID("00000000-0000-4000-8000-0123456789ab")
HOUR = 500_000
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

MAKERS: dict[str, Callable[[Links], str]] = {
    "confirm": lambda links: links.confirm(ID, 3),
    "unsubscribe": lambda links: links.unsubscribe(ID),
    "inbox": lambda links: links.inbox(ID),
    "form": lambda links: links.form("weekly", 7, HOUR),
}
READERS: dict[str, Callable[[Links, str], Any]] = {
    "confirm": lambda links, token: links.read_confirm(token),
    "unsubscribe": lambda links, token: links.read_unsubscribe(token),
    "inbox": lambda links, token: links.read_inbox(token),
    "form": lambda links, token: links.read_form(token, "weekly", HOUR),
}
READ = {"confirm": (ID, 3), "unsubscribe": ID, "inbox": ID, "form": 7}


@pytest.fixture
def links() -> Links:
    return Links(["the key of today"])


def later(monkeypatch: pytest.MonkeyPatch, age: timedelta) -> None:
    """Lets so much time go by for whoever reads a signature's age."""
    now = int(time.time() + age.total_seconds())
    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: now)


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, timedelta())


@pytest.mark.parametrize("purpose", MAKERS)
def test_a_link_reads_as_what_it_was_made_of(links: Links, purpose: str) -> None:
    assert READERS[purpose](links, MAKERS[purpose](links)) == READ[purpose]


@pytest.mark.parametrize("made_for", MAKERS)
@pytest.mark.parametrize("read_as", READERS)
def test_a_link_of_one_purpose_is_never_read_as_another(
    links: Links, made_for: str, read_as: str
) -> None:
    if made_for != read_as:
        with pytest.raises(BadLink):
            READERS[read_as](links, MAKERS[made_for](links))


@pytest.mark.parametrize("purpose", MAKERS)
def test_a_link_cut_off_anywhere_is_bad(links: Links, purpose: str) -> None:
    token = MAKERS[purpose](links)
    for length in range(len(token)):
        for part in (token[:length], token[length + 1 :]):
            with pytest.raises(BadLink):
                READERS[purpose](links, part)


@pytest.mark.parametrize("purpose", MAKERS)
def test_a_link_altered_anywhere_is_bad(links: Links, purpose: str) -> None:
    token = MAKERS[purpose](links)
    for place, character in enumerate(token):
        # the highest of a character's six bits: it counts in the last character too
        other = ALPHABET[ALPHABET.index(character) ^ 32] if character in ALPHABET else "A"
        with pytest.raises(BadLink):
            READERS[purpose](links, token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("purpose", MAKERS)
def test_a_link_signed_by_somebody_else_is_bad(links: Links, purpose: str) -> None:
    foreign = MAKERS[purpose](Links(["a foreign key"]))
    with pytest.raises(BadLink):
        READERS[purpose](links, foreign)


@pytest.mark.parametrize("purpose", READERS)
@pytest.mark.parametrize(
    "token",
    ["", ".", "...", "a.b.c", "é.é.é", "\udcff", "\0", "A" * 100_000, ".eJw.x.y", "W10.A.A"],
)
def test_what_never_was_a_link_is_bad(links: Links, purpose: str, token: str) -> None:
    with pytest.raises(BadLink):
        READERS[purpose](links, token)


# How long


@pytest.mark.parametrize(("purpose", "age"), [("confirm", CONFIRM_FOR), ("inbox", CODE_FOR)])
def test_a_link_lives_as_long_as_is_promised(
    links: Links, purpose: str, age: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, timedelta())
    token = MAKERS[purpose](links)

    later(monkeypatch, age - timedelta(seconds=5))
    assert READERS[purpose](links, token) == READ[purpose]
    later(monkeypatch, age + timedelta(seconds=5))
    with pytest.raises(ExpiredLink):
        READERS[purpose](links, token)


def test_a_bad_link_is_bad_however_old(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    token = Links(["a foreign key"]).confirm(ID, 3)
    later(monkeypatch, CONFIRM_FOR * 2)
    with pytest.raises(BadLink):
        links.read_confirm(token)


def test_leaving_works_from_the_oldest_mail(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    token = links.unsubscribe(ID)
    later(monkeypatch, timedelta(days=20 * 365))
    assert links.read_unsubscribe(token) == ID


def test_confirming_takes_days_and_a_code_takes_hours() -> None:
    assert timedelta(days=2) <= CONFIRM_FOR <= timedelta(days=30)
    assert timedelta(minutes=30) <= CODE_FOR <= timedelta(days=1)


# The form's token


def test_a_form_has_one_token_for_all_who_see_it_in_one_hour(links: Links) -> None:
    assert links.form("weekly", 7, HOUR) == links.form("weekly", 7, HOUR)
    assert links.form("weekly", 7, HOUR) != links.form("weekly", 7, HOUR + 1)


def test_a_form_is_good_for_days_and_no_longer(links: Links) -> None:
    token = links.form("weekly", 7, HOUR)
    assert links.read_form(token, "weekly", HOUR + FORM_FOR_HOURS) == 7
    with pytest.raises(ExpiredLink):
        links.read_form(token, "weekly", HOUR + FORM_FOR_HOURS + 1)


def test_a_form_of_another_newsletter_is_bad(links: Links) -> None:
    with pytest.raises(BadLink):
        links.read_form(links.form("monthly", 7, HOUR), "weekly", HOUR)


def test_a_form_from_a_clock_a_little_ahead_is_good_and_from_tomorrow_is_not(
    links: Links,
) -> None:
    assert links.read_form(links.form("weekly", 7, HOUR + 1), "weekly", HOUR) == 7
    with pytest.raises(BadLink):
        links.read_form(links.form("weekly", 7, HOUR + 2), "weekly", HOUR)


# Keys


@pytest.mark.parametrize("purpose", MAKERS)
def test_what_a_retired_key_signed_is_still_honoured(purpose: str) -> None:
    token = MAKERS[purpose](Links(["oldest"]))
    assert READERS[purpose](Links(["newest", "older", "oldest"]), token) == READ[purpose]


@pytest.mark.usefixtures("at_rest")
@pytest.mark.parametrize("purpose", MAKERS)
def test_the_newest_key_signs(purpose: str) -> None:
    assert MAKERS[purpose](Links(["newest", "oldest"])) == MAKERS[purpose](Links(["newest"]))
    with pytest.raises(BadLink):
        READERS[purpose](Links(["oldest"]), MAKERS[purpose](Links(["newest", "oldest"])))


# Codes


def test_a_code_has_six_digits() -> None:
    links = Links(["the key of today"])
    codes = [links.code(uuid.UUID(int=number)) for number in range(300)]
    assert all(len(code) == 6 and code.isdigit() and code.isascii() for code in codes)
    assert any(code.startswith("0") for code in codes)
    assert len(set(codes)) > 290


def test_a_code_is_bound_to_its_sign_up(links: Links) -> None:
    code, other = links.code(ID), uuid.UUID(int=ID.int + 1)
    assert links.is_code(ID, code)
    assert not links.is_code(other, code)


@pytest.mark.parametrize("typed", ["", "0", "12345", "1234567", "abcdef", "000000 "])
def test_what_is_no_code_is_not_taken_for_one(links: Links, typed: str) -> None:
    assert not links.is_code(ID, typed)


def test_a_code_is_one_number_and_not_its_neighbours(links: Links) -> None:
    code = int(links.code(ID))
    for wrong in (code - 1, code + 1, code ^ 1024):
        assert not links.is_code(ID, f"{wrong % 1_000_000:06d}")


def test_a_code_of_a_retired_key_is_still_taken() -> None:
    code = Links(["oldest"]).code(ID)
    assert Links(["newest", "oldest"]).is_code(ID, code)
    assert not Links(["newest"]).is_code(ID, code)


def test_a_new_code_is_made_with_the_newest_key() -> None:
    assert Links(["newest", "oldest"]).code(ID) == Links(["newest"]).code(ID)
    assert Links(["newest"]).code(ID) != Links(["oldest"]).code(ID)


# What a link tells


def payload(token: str) -> Any:
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_link_tells_an_identifier_and_nothing_of_a_person(links: Links) -> None:
    short = base64.urlsafe_b64encode(ID.bytes).rstrip(b"=").decode()
    assert payload(links.confirm(ID, 3)) == [short, 3]
    assert payload(links.unsubscribe(ID)) == short
    assert payload(links.inbox(ID)) == short
    assert payload(links.form("weekly", 7, HOUR)) == ["weekly", 7, HOUR]


@pytest.mark.parametrize("purpose", MAKERS)
def test_a_link_fits_a_line_of_a_mail_and_a_path(links: Links, purpose: str) -> None:
    token = MAKERS[purpose](links)
    assert len(token) < 160
    assert set(token) <= set(ALPHABET + ".")
