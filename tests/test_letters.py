"""The mails: what they say, and what they carry for mail programs."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage

import html5lib
import pytest
from sqlalchemy import select

from tests.test_newsletters import Desk
from widgets import letters, members
from widgets.models import Message
from widgets.service import Service, make_ready, open_service
from widgets.settings import Settings


def written(service: Service) -> EmailMessage:
    """The newest message, as it would be sent."""
    with service.database.reading() as session:
        newest = session.scalars(select(Message).order_by(Message.created_at.desc())).first()
        assert newest is not None
        mail = letters.compose(service, session, newest.id)
    assert mail is not None
    return mail


def plain(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def test_a_confirmation_has_what_mail_programs_and_standards_ask_for(service: Service) -> None:
    Desk(service).sign_up("anna@example.org")
    mail = written(service)

    assert mail["To"] == "anna@example.org"
    assert mail["From"] == "Network of Tests <no-reply@localhost>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<http://127.0.0.1:8000/unsubscribe/[\w.-]+>", mail["List-Unsubscribe"])
    assert mail["Date"].datetime == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_same_message_has_the_same_id_each_time_it_is_written(service: Service) -> None:
    Desk(service).sign_up()

    assert written(service)["Message-ID"] == written(service)["Message-ID"]


def test_code_and_links_stand_in_both_parts(service: Service) -> None:
    sign_up = Desk(service).sign_up()
    mail = written(service)
    code = service.links.code(sign_up)

    for part in (plain(mail), html(mail)):
        assert code in part
        assert len(set(re.findall(r"http://127.0.0.1:8000/confirm/[\w.-]+", part))) == 1
        assert len(set(re.findall(r"http://127.0.0.1:8000/unsubscribe/[\w.-]+", part))) == 1
    assert mail["Subject"].startswith(f"{code} is your code")


def test_the_link_stands_whole_on_a_line_of_the_raw_mail(service: Service) -> None:
    Desk(service).sign_up()
    raw = written(service).as_bytes()

    assert re.search(rb"\r\nhttp://127.0.0.1:8000/confirm/[\w.-]+\r\n", raw)


def test_the_members_site_is_named(service: Service) -> None:
    with service.database.writing() as session:
        members.save(session, "lamp-keepers", "the Circle of Lamp Keepers")
    Desk(service).sign_up(site="lamp-keepers")

    assert "on the site of the Circle of Lamp Keepers" in plain(written(service))


def test_nobody_can_put_words_into_our_mails(service: Service) -> None:
    Desk(service).sign_up(site="visit-evil-example-now")
    mail = written(service)

    assert "evil" not in plain(mail)
    assert "evil" not in html(mail)


def test_it_says_what_to_do_if_it_was_not_you(service: Service) -> None:
    Desk(service).sign_up()

    assert "If it was somebody else, ignore this mail" in plain(written(service))


def test_a_subscribed_reader_gets_no_code_and_no_confirmation(service: Service) -> None:
    desk = Desk(service)
    desk.confirm(desk.sign_up())
    desk.now = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
    desk.sign_up()
    mail = written(service)

    assert "You are subscribed already" in plain(mail)
    assert "/confirm/" not in plain(mail) + html(mail)
    assert not re.search(r"\b\d{6}\b", mail["Subject"])


def test_nothing_in_a_mail_is_fetched_from_anywhere(service: Service) -> None:
    Desk(service).sign_up()
    tree = html5lib.parse(html(written(service)), namespaceHTMLElements=False)

    fetching = {"img", "script", "link", "iframe", "video", "audio", "object", "embed", "form"}
    assert not [one.tag for one in tree.iter() if one.tag in fetching]
    assert "url(" not in html(written(service))


def test_erased_means_that_nothing_is_written(service: Service) -> None:
    desk = Desk(service)
    desk.sign_up()
    with service.database.reading() as session:
        message = session.scalars(select(Message.id)).one()
    desk.suppress()

    with service.database.reading() as session:
        assert letters.compose(service, session, message) is None


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Réseau, «libre» & 'juste'", "anna@example.org"),
        ("شبكة الكلمة", "anna@example.org"),
        ("A very long name " * 12, "anna@example.org"),
        ("Network", "o'neil+a=b?c@example.org"),
        ("Network", "δοκιμή@παράδειγμα.δοκιμή.org"),
    ],
)
def test_names_and_addresses_of_all_kinds_survive(
    make_settings: Callable[..., Settings], name: str, address: str
) -> None:
    service = open_service(make_settings(NETWORK_NAME=name, MAIL_FROM="news@network.example"))
    make_ready(service)
    Desk(service).sign_up(address)
    mail = written(service)
    service.database.close()

    assert mail["From"].addresses[0].display_name == name.strip()
    assert all(len(line) <= 998 for line in mail.as_bytes().split(b"\r\n"))
    ascii_domain = letters.addressee(mail).rpartition("@")[2]
    assert letters.addressee(mail).rpartition("@")[0] == address.rpartition("@")[0]
    assert ascii_domain.encode().decode("idna") == address.rpartition("@")[2]
