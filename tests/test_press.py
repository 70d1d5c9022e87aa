"""Copies of a letter: the same as if each had been written for its reader alone."""

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from widgets import letters, press
from widgets.editions import Edition, Item
from widgets.press import Letter, Reader
from widgets.service import Service, make_ready, open_service
from widgets.settings import RELAYS, Settings

NOW = datetime(2026, 11, 26, 8, 0, 3, 250, tzinfo=UTC)
# Whatever quoted-printable, HTML or a head could trip over.
TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from(" =.\n\t<>&\"'é–ش%"), st.characters(codec="utf-8")),
    max_size=300,
)


def edition(lang: str = "en", **changes: object) -> Edition:
    values: dict[str, object] = {
        "lang": lang,
        "spoken": lang,
        "newsletter": "weekly",
        "name": "the weekly update",
        "title": "Weekly update",
        "rhythm": "weekly",
        "number": 12,
        "on": "2026-11-26",
        "subject": "",
        "introduction": "Dear reader",
        "introduction_lang": lang,
        "items": [item(1), item(2)],
        **changes,
    }
    return Edition(**values)  # type: ignore[arg-type]


def item(number: int, **changes: object) -> Item:
    values: dict[str, object] = {
        "id": number,
        "slug": f"river-{number}",
        "lang": "en",
        "path": f"/statements/river-{number}",
        "title": f"Reopen reading room {number}",
        "on": "2026-11-25",
        "lede": "Its doors have been shut since spring.",
        "body": "",
        "pull_quote": None,
        "picture": None,
        "names": 115,
        "people": 0,
        "correction": None,
        "topics": ["libraries"],
        "countries": ["NO"],
        "subjects": [["libraries"]],
        **changes,
    }
    return Item(**values)  # type: ignore[arg-type]


def reader(address: str = "anna@example.org") -> Reader:
    return Reader(uuid.uuid4(), NOW, address, uuid.uuid4(), uuid.uuid4())


def said(mail: EmailMessage) -> tuple[object, ...]:
    """All that a mail says, but for the boundary between its parts, and the second at which its
    links were signed."""
    assert not mail.defects
    parts = [
        (part.get_content_type(), timeless(part.get_content().replace("\r\n", "\n")))
        for part in mail.iter_parts()
    ]
    head = [
        (name, timeless(str(value).strip()))
        for name, value in mail.items()
        if name != "Content-Type"
    ]
    return head, parts


def timeless(text: str) -> str:
    return re.sub(r"(/(?:unsubscribe|preferences)/[\w-]{32})\.[\w-]{6}\.[\w-]{43}", r"\1", text)


def parsed(wire: bytes) -> EmailMessage:
    return message_from_bytes(wire, policy=SMTP)


def is_as_if_written_alone(service: Service, made: Letter, one: Reader) -> None:
    wire = made.copy(one)
    assert said(parsed(wire)) == said(press.write(service, made.edition, one))
    assert all(len(line) <= 998 for line in wire.split(b"\r\n"))
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", wire)


@pytest.mark.parametrize("lang", ["en", "fr", "ar", "ru", "km"])
def test_a_copy_says_what_a_mail_of_its_own_would(service: Service, lang: str) -> None:
    words = edition(lang, title="Обзор недели", introduction="Привет, *мир*. " * 40)
    made = Letter(service, words)
    for address in ("anna@example.org", "o'neil+news@" + "long." * 8 + "example.org"):
        is_as_if_written_alone(service, made, reader(address))


@how(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(introduction=TEXTS, subject=TEXTS, title=TEXTS, name=TEXTS)
def test_whatever_editors_write_a_copy_is_whole(
    service: Service, introduction: str, subject: str, title: str, name: str
) -> None:
    title, name = f"Title {' '.join(title.split())}", f"Weekly {' '.join(name.split())}"
    subject = " ".join(subject.split())
    words = edition(
        introduction=introduction, subject=subject, title=name, items=[item(1, title=title)]
    )
    is_as_if_written_alone(service, Letter(service, words), reader())


@how(max_examples=300, deadline=None)
@given(text=st.text(max_size=400))
def test_what_is_encoded_ends_its_line_and_reads_the_same(text: str) -> None:
    lines = text.replace("\r", "").replace("\n", "\r\n").encode()
    wire = press._encoded(lines)
    assert wire.endswith(b"\r\n")
    assert max(map(len, wire.split(b"\r\n"))) <= 76
    part = parsed(
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + wire
    )
    assert part.get_payload(decode=True) == lines


def test_links_of_one_reader_stand_in_no_other_copy(service: Service) -> None:
    made = Letter(service, edition())
    one, other = reader(), reader("ben@example.org")
    first, second = (str(said(parsed(made.copy(who)))) for who in (one, other))
    links = r"/(?:unsubscribe|preferences)/[\w-]{32}"
    assert len(re.findall(links, first)) == 5  # in the head, and two in each part
    assert len(set(re.findall(links, first))) == 2
    assert not set(re.findall(links, first)) & set(re.findall(links, second))
    token = str(parsed(made.copy(one))["List-Unsubscribe"]).strip("<>").rpartition("/")[2]
    assert service.links.read_unsubscribe(token) == one.subscription_id


@pytest.mark.parametrize("relay", RELAYS)
def test_a_relay_is_told_which_message_each_copy_is(service: Service, relay: str) -> None:
    asked = replace(service, settings=replace(service.settings, relay=relay))
    one = reader()
    made = Letter(asked, edition())
    is_as_if_written_alone(asked, made, one)
    assert service.links.return_tag(one.message_id).encode() in made.copy(one)


def test_what_looks_like_a_place_for_a_link_stays_as_it_was_written(service: Service) -> None:
    words = edition(introduction="{unsubscribe} %(to)s https://unsubscribe.invalid/ $id to date")
    is_as_if_written_alone(service, Letter(service, words), reader())


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("anna@example.org", True),
        ("a.b-c_d+e'f@sub.example.org", True),
        ("δοκιμή@example.org", False),
        ("a..b@example.org", False),
        ("=?utf-8?q?a?=@example.org", False),
        ("a@exämple.org", False),
        ("a" * 70 + "@example.org", False),
        ("a@example.org\r\nBcc: eve@example.org", False),
        ("a b@example.org", False),
    ],
)
def test_only_an_address_that_stands_as_it_is_gets_a_copy(address: str, plain: bool) -> None:
    assert press.is_plain(address) == plain


def test_the_head_is_what_those_who_receive_mail_to_many_ask_for(
    make_settings: Callable[..., Settings],
) -> None:
    service = open_service(
        make_settings(
            BASE_URL="https://widgets.network.test",
            MAIL_FROM="news@network.test",
            CONTACT="Privacy <us@network.test>",
        )
    )
    make_ready(service)
    mail = parsed(Letter(service, edition()).copy(reader()))
    service.database.close()
    assert mail["From"] == "Network of Tests <news@network.test>"
    assert mail["Reply-To"] == "Privacy <us@network.test>"
    assert mail["List-Id"] == "Weekly update <weekly.widgets.network.test>"
    assert mail["List-Archive"] == "<https://widgets.network.test/newsletters/weekly>"
    assert mail["List-Post"] == "NO"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith("<https://widgets.network.test/unsubscribe/")
    assert mail["Precedence"] == "bulk"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Feedback-ID"] == "12:weekly:weekly:networktest"
    assert mail["Date"].datetime == NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    ("title", "raw"),
    [
        ("Weekly update", b"List-Id: Weekly update <weekly.localhost>"),
        ("Alerts: now!", b'List-Id: "Alerts: now!" <weekly.localhost>'),
        ('A "b" <c>', b'List-Id: "A \\"b\\" <c>" <weekly.localhost>'),
        ("L’actualité", b"List-Id: =?utf-8?b?TOKAmWFjdHVhbGl0w6k=?= <weekly.localhost>"),
    ],
)
def test_the_name_of_a_list_is_written_so_that_its_identifier_stays_readable(
    service: Service, title: str, raw: bytes
) -> None:
    wire = Letter(service, edition(title=title)).copy(reader())
    assert b"\r\n" + raw + b"\r\n" in wire


def test_a_mail_without_bodies_that_can_be_struck_is_not_sent(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press, "_encoded", lambda text: text.upper())
    with pytest.raises(letters.Unsendable):
        Letter(service, edition(introduction="Привет"))
