"""Mail over a real SMTP connection: kept open, encrypted, put off, refused."""

import re
import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

import pytest
import trustme
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from tests.actors import QuickRelay, Relay, quiet_port, wait_until
from tests.test_newsletters import Desk
from widgets import delivery, outbox, worker
from widgets.delivery import (
    MailboxTransport,
    RefusedForGood,
    RefusedForNow,
    SmtpTransport,
    deliver_due,
)
from widgets.models import Message, MessageState, Subscriber
from widgets.service import Service, make_ready, open_service
from widgets.settings import Settings

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def mailing(make_settings: Callable[..., Settings], relay: Relay) -> Iterator[Service]:
    """A service whose mail goes to the relay."""
    service = open_service(make_settings(SMTP_URL=relay.url, MAIL_FROM="news@network.example"))
    make_ready(service)
    yield service
    service.database.close()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost, by an authority that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """localhost is treated as a relay in the world."""
    monkeypatch.setattr(delivery, "is_local_host", lambda _host: False)


def letter(to: str = "anna@example.org") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "news@network.example", "Hello"
    mail["To"] = to.partition(">")[0]
    mail.set_content(".A line that begins with a dot.\n")
    return mail.as_bytes(policy=SMTPUTF8)


def send(url: str, to: str = "anna@example.org") -> None:
    transport = SmtpTransport(url)
    try:
        transport.send(letter(to), "news@network.example", to)
    finally:
        transport.close()


def deliver(service: Service, clock: datetime = NOW) -> int:
    transport = delivery.transport(service)
    try:
        return deliver_due(service, transport, "here:1", clock=lambda: clock)
    finally:
        transport.close()


def messages(service: Service) -> list[Message]:
    with service.database.reading() as session:
        return list(session.scalars(select(Message).order_by(Message.created_at)))


def test_a_mail_arrives_as_it_was_written(relay: Relay) -> None:
    send(relay.url)

    (arrived,) = relay.delivered
    assert (arrived.sender, arrived.recipients) == ("news@network.example", ["anna@example.org"])
    assert arrived.text == ".A line that begins with a dot.\n"


def test_the_connection_is_kept_between_mails(mailing: Service, relay: Relay) -> None:
    desk = Desk(mailing)
    for number in range(5):
        desk.sign_up(f"reader{number}@example{number}.org")

    assert deliver(mailing) == 5
    assert len({mail.connection for mail in relay.delivered}) == 1
    assert {message.state for message in messages(mailing)} == {MessageState.SENT}


def test_a_kept_connection_that_the_relay_has_closed_is_opened_again() -> None:
    with Relay() as first:
        port = first.port
        transport = SmtpTransport(first.url)
        transport.send(letter(), "news@network.example", "anna@example.org")
    with Relay(port=port) as second:
        transport.send(letter(), "news@network.example", "anna@example.org")
        assert len(second.delivered) == 1
        transport.close()


def test_starttls_is_taken_where_it_is_offered(certificate: ssl.SSLContext) -> None:
    with Relay(certificate=certificate) as relay:
        send(relay.url)
        assert relay.delivered[0].over_tls


def test_starttls_off_never_asks(certificate: ssl.SSLContext) -> None:
    with Relay(certificate=certificate) as relay:
        send(f"{relay.url}?starttls=off")
        assert not relay.delivered[0].over_tls


def test_starttls_that_is_required_and_not_offered_sends_nothing(relay: Relay) -> None:
    with pytest.raises(RefusedForNow, match="STARTTLS"):
        send(f"{relay.url}?starttls=required")
    assert relay.delivered == []


def test_required_starttls_checks_the_certificate(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(certificate=certificate) as relay:
        send(f"{relay.url}?starttls=required")
        assert relay.delivered[0].over_tls
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(RefusedForNow, match="certificate"):
            send(f"{relay.url}?starttls=required")
    assert len(relay.delivered) == 1


def test_smtps_is_encrypted_from_the_start_and_checked(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(certificate=certificate, tls_from_the_start=True) as relay:
        send(relay.url)
        assert relay.delivered[0].over_tls
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(RefusedForNow, match="certificate"):
            send(relay.url)


@pytest.mark.usefixtures("far_away")
def test_a_password_is_given_over_a_checked_connection(certificate: ssl.SSLContext) -> None:
    with Relay(certificate=certificate, user="us%40er", password="p%2Fw") as relay:
        relay.user, relay.password = "us@er", "p/w"
        send(f"smtp://us%40er:p%2Fw@localhost:{relay.port}")
        assert relay.delivered[0].over_tls
        assert relay.delivered[0].logged_in


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("query", ["", "?starttls=off", "?starttls=offered"])
def test_a_password_never_goes_in_the_clear(query: str) -> None:
    with Relay(user="user", password="password") as relay:
        with pytest.raises(RefusedForNow, match="STARTTLS"):
            send(relay.url + query)
        assert relay.delivered == []


def test_a_wrong_password_is_our_fault_and_no_readers() -> None:
    with Relay(user="user", password="password") as relay, pytest.raises(RefusedForNow) as refused:
        send(relay.url.replace("password", "wrong"))
    assert refused.value.relay_down


def test_a_temporary_refusal_is_tried_again_later(mailing: Service, relay: Relay) -> None:
    Desk(mailing).sign_up()
    relay.answers.append("451 4.7.1 greylisted")
    deliver(mailing)
    assert [(m.state, m.error) for m in messages(mailing)] == [("waiting", "451 4.7.1 greylisted")]

    deliver(mailing, NOW + timedelta(seconds=1))
    assert [(m.state, m.error) for m in messages(mailing)] == [("sent", None)]
    assert len(relay.delivered) == 1


def test_a_refusal_for_good_is_kept_with_its_reason_and_without_the_address(
    mailing: Service, relay: Relay
) -> None:
    Desk(mailing).sign_up("anna@example.org")
    relay.answers.append("550 5.1.1 <anna@example.org>: no such user")
    deliver(mailing)

    (message,) = messages(mailing)
    assert (message.state, message.error) == (
        "refused",
        "550 5.1.1 <(address)>: no such user",
    )


def test_one_refused_mail_does_not_hold_up_the_others(mailing: Service, relay: Relay) -> None:
    desk = Desk(mailing)
    for number in range(3):
        desk.sign_up(f"reader{number}@example{number}.org")
    relay.answers.append("550 5.1.1 no such user")
    deliver(mailing)

    assert sorted(m.state for m in messages(mailing)) == ["refused", "sent", "sent"]


def test_a_relay_that_is_down_costs_one_try_and_no_mail(mailing: Service, relay: Relay) -> None:
    desk = Desk(mailing)
    for number in range(3):
        desk.sign_up(f"reader{number}@example{number}.org")
    relay.__exit__()
    try:
        assert deliver(mailing) == 1
    finally:
        relay.__enter__()
    assert sum(message.attempts for message in messages(mailing)) == 1

    deliver(mailing, NOW + timedelta(seconds=1))
    assert len(relay.delivered) == 3


def test_421_closes_the_connection_and_nothing_is_lost(mailing: Service, relay: Relay) -> None:
    desk = Desk(mailing)
    for number in range(2):
        desk.sign_up(f"reader{number}@example{number}.org")
    relay.answers.append("421 4.3.2 going down")

    assert deliver(mailing) == 1
    deliver(mailing, NOW + timedelta(seconds=1))
    assert len(relay.delivered) == 2


def test_a_relay_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SMTP_TIMEOUT", 0.2)
    with quiet_port() as port, pytest.raises(RefusedForNow) as refused:
        send(f"smtp://127.0.0.1:{port}")
    assert refused.value.relay_down


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_relay_that_looks_long_at_a_mail_gets_it_once(
    pipelining: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SMTP_TIMEOUT", 0.2)
    with QuickRelay(lambda line: time.sleep(0.5) if line[0] == "." else None, pipelining) as relay:
        transport = SmtpTransport(relay.url)
        for name in ("anna", "ben"):
            transport.send(letter(f"{name}@example.org"), "news@network.example", f"{name}@a.org")
        transport.close()
        assert [one.to for one in relay.taken] == ["anna@a.org", "ben@a.org"]


def test_a_mail_that_may_have_arrived_is_not_sent_again_at_once() -> None:
    ends: list[str] = []

    def hangs_up_on_ben(line: str) -> None:
        if line.startswith("."):
            ends.append(line)
            if "ben" in line:
                raise OSError

    with QuickRelay(hangs_up_on_ben) as relay:
        transport = SmtpTransport(relay.url)
        transport.send(letter(), "news@network.example", "anna@example.org")
        with pytest.raises(RefusedForNow, match="did not say whether it took the mail") as refused:
            transport.send(letter(), "news@network.example", "ben@example.org")
        assert refused.value.unanswered
        transport.send(letter(), "news@network.example", "cora@example.org")
        transport.close()
    assert ends == [". anna@example.org", ". ben@example.org", ". cora@example.org"]


def test_no_other_worker_takes_a_mail_that_a_slow_relay_looks_at(
    make_settings: Callable[..., Settings],
) -> None:
    goes_on = threading.Event()

    def slow(line: str) -> None:
        if line.startswith("."):
            goes_on.wait(20)

    with QuickRelay(slow) as relay:
        changes = {"SMTP_URL": relay.url, "MAIL_FROM": "news@network.example"}
        service = open_service(make_settings(**changes, LEASE_SECONDS=1))
        make_ready(service)
        Desk(service).sign_up("anna@example.org")
        way = SmtpTransport(relay.url)
        slowly = threading.Thread(target=deliver_due, args=(service, way, "here:1"))
        slowly.start()

        def held_until() -> datetime:
            return messages(service)[0].leased_until or NOW

        wait_until(lambda: held_until() > NOW, 10, "a lease")
        first = held_until()
        wait_until(lambda: held_until() > first, 10, "a longer lease")
        later = first + timedelta(milliseconds=1)
        assert deliver_due(service, way, "there:1", clock=lambda: later) == 0
        goes_on.set()
        slowly.join(20)
        way.close()
        service.database.close()
    assert [one.to for one in relay.taken] == ["anna@example.org"]


def test_an_international_address_needs_a_relay_that_can() -> None:
    with Relay() as able:
        send(able.url, "δοκιμή@xn--hxajbheg2az3al.org")
        assert able.delivered[0].recipients == ["δοκιμή@xn--hxajbheg2az3al.org"]
    with Relay(smtputf8=False) as unable, pytest.raises(RefusedForGood, match="SMTPUTF8"):
        send(unable.url, "δοκιμή@xn--hxajbheg2az3al.org")


def test_what_no_longer_has_an_addressee_is_not_sent(mailing: Service, relay: Relay) -> None:
    desk = Desk(mailing)
    desk.sign_up()
    desk.suppress()
    deliver(mailing)

    assert relay.delivered == []
    assert messages(mailing) == []


def test_a_letter_that_cannot_be_written_holds_up_nobody(
    mailing: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(mailing)
    desk.sign_up("first@example.org")
    desk.sign_up("second@example2.org")
    compose = delivery.letters.compose

    def failing(service: Service, session: object, message: object) -> EmailMessage | None:
        mail = compose(service, session, message)  # type: ignore[arg-type]
        assert mail is not None
        if "first" in str(mail["To"]):
            raise ValueError("first@example.org can't be written")
        return mail

    monkeypatch.setattr(delivery.letters, "compose", failing)
    deliver(mailing)

    assert [mail.recipients for mail in relay.delivered] == [["second@example2.org"]]
    assert {m.error for m in messages(mailing)} == {"not written: ValueError", None}


def test_whatever_goes_wrong_with_one_mail_the_next_goes_out(
    mailing: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(mailing)
    desk.sign_up("first@example.org")
    desk.sign_up("second@example2.org")
    rcpt = smtplib.SMTP.rcpt

    def failing(self: smtplib.SMTP, to: str) -> tuple[int, bytes]:
        if "first" in to:
            "\ud800".encode()
        return rcpt(self, to)

    monkeypatch.setattr(smtplib.SMTP, "rcpt", failing)
    deliver(mailing)

    assert [mail.recipients for mail in relay.delivered] == [["second@example2.org"]]


@pytest.mark.parametrize(
    "stored",
    [
        "=?utf-8?q?a=0D=0ABcc=3A_x=40evil.org?=@example.com",
        "=?utf-8?b?dmljdGlt?=@example.com",
        "=?utf-7?q?+2AA-?=@example.org",
    ],
)
def test_a_mail_whose_head_would_say_something_else_is_not_sent(
    mailing: Service, relay: Relay, stored: str
) -> None:
    Desk(mailing).sign_up()
    with mailing.database.writing() as session:
        session.execute(update(Subscriber).values(address=stored))
    deliver(mailing)

    assert relay.delivered == []
    assert messages(mailing)[0].state == MessageState.WAITING


def test_the_way_to_leave_stands_in_the_head_as_it_is(mailing: Service, relay: Relay) -> None:
    Desk(mailing).sign_up()
    deliver(mailing)

    assert re.search(
        rb"\r\nList-Unsubscribe: <http://127.0.0.1:8000/unsubscribe/[\w.-]+>\r\n",
        relay.delivered[0].raw,
    )


def test_a_password_that_smtp_cannot_carry_is_said_so_and_stops_nothing() -> None:
    with Relay(user="user", password="pässword") as relay, pytest.raises(RefusedForNow) as refused:
        send(f"smtp://user:p%C3%A4ss@localhost:{relay.port}")
    assert refused.value.relay_down


def test_what_is_claimed_and_not_tried_is_given_back(mailing: Service, relay: Relay) -> None:
    desk = Desk(mailing)
    for number in range(3):
        desk.sign_up(f"reader{number}@example{number}.org")
    stopping = threading.Event()
    stopping.set()
    transport = delivery.transport(mailing)
    deliver_due(mailing, transport, "here:1", clock=lambda: NOW, stopping=stopping)

    with mailing.database.writing() as session:
        assert len(outbox.claim(session, "here:2", NOW, timedelta(seconds=60), 20)) == 3


def test_a_lost_commit_sends_again_with_the_same_message_id(
    mailing: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    Desk(mailing).sign_up()

    def crash(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as crashing:
        crashing.setattr(outbox, "sent", crash)
        with pytest.raises(SystemExit):
            deliver(mailing)
    deliver(mailing, NOW + timedelta(seconds=61))

    first, second = (mail.mail["Message-ID"] for mail in relay.delivered)
    assert first == second


def test_without_a_relay_mail_lands_in_the_mailbox_folder(tmp_path: Path) -> None:
    box = MailboxTransport(tmp_path / "mailbox")
    box.send(letter(), "news@network.example", "anna@example.org")

    assert len(list((tmp_path / "mailbox" / "new").iterdir())) == 1


def test_the_worker_delivers_until_it_is_asked_to_stop(mailing: Service, relay: Relay) -> None:
    stopping = threading.Event()
    running = threading.Thread(target=worker.run, args=(mailing, stopping))
    running.start()
    desk = Desk(mailing)
    desk.now = datetime.now(UTC)
    desk.sign_up()
    try:
        relay.wait_for(1)
    finally:
        stopping.set()
        running.join(10)
    assert not running.is_alive()
    assert [m.state for m in messages(mailing)] == ["sent"]


def test_the_worker_waits_for_a_database_that_is_away(
    mailing: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def away(*_: object, **__: object) -> int:
        tried.append(1)
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(worker, "deliver_due", away)
    monkeypatch.setattr(worker, "PAUSE_AFTER_A_FAULT", 0.01)
    stopping = threading.Event()
    running = threading.Thread(target=worker.run, args=(mailing, stopping))
    running.start()
    try:
        wait_until(lambda: len(tried) > 2, 10, "three tries")
    finally:
        stopping.set()
        running.join(10)
    assert not running.is_alive()


@pytest.mark.parametrize(
    ("command", "answer", "down"),
    [
        ("MAIL", "550 5.7.1 not from you", True),
        ("MAIL", "421 4.3.2 going down", True),
        ("RCPT", "451 4.7.1 greylisted", False),
        ("RCPT", "421 4.7.0 too much", True),
        ("DATA", "451 4.3.0 later", False),
        ("DATA", "421 4.3.2 going down", True),
        (".", "452 4.3.1 disk full", False),
        (".", "421 4.3.2 going down", True),
    ],
)
def test_a_relay_that_takes_commands_together_is_understood_when_it_takes_nothing(
    command: str, answer: str, down: bool
) -> None:
    with QuickRelay(lambda line: answer if line.startswith(command) else None) as relay:
        transport = SmtpTransport(relay.url)
        with pytest.raises(RefusedForNow) as refused:
            transport.send(letter(), "news@network.example", "anna@example.org")
        assert (str(refused.value), refused.value.relay_down) == (answer, down)
        assert relay.taken == []
        relay.answer = lambda _line: None  # the connection, or a new one, is good for the next
        transport.send(letter("ben@example.org"), "news@network.example", "ben@example.org")
        transport.close()
        assert [one.to for one in relay.taken] == ["ben@example.org"]


@pytest.mark.parametrize("command", ["RCPT", "DATA", "."])
def test_a_refusal_for_good_among_commands_sent_together(command: str) -> None:
    with QuickRelay(lambda line: "550 5.1.1 no" if line.startswith(command) else None) as relay:
        with pytest.raises(RefusedForGood, match=r"^550 5\.1\.1 no$"):
            send(relay.url)
        assert relay.taken == []


def test_a_relay_that_wants_the_mail_of_nobody_gets_an_empty_one() -> None:
    def eager(line: str) -> str | None:
        return {"RCPT": "550 5.1.1 no", "DATA": "354 go on"}.get(line[:4])

    with QuickRelay(eager) as relay:
        transport = SmtpTransport(relay.url)
        with pytest.raises(RefusedForGood):
            transport.send(letter(), "news@network.example", "anna@example.org")
        relay.answer = lambda _line: None
        transport.send(letter(), "news@network.example", "anna@example.org")
        transport.close()
        assert [one.mail.get_content() for one in relay.taken] == [
            ".A line that begins with a dot.\r\n"
        ]


def test_a_door_that_is_shut_is_told_from_a_relay_that_is_down() -> None:
    with QuickRelay(lambda line: "421 full" if line == "CONNECT" else None) as relay:
        with pytest.raises(RefusedForNow) as refused:
            send(relay.url)
        assert refused.value.unconnected


def test_an_address_cannot_bring_commands_of_its_own() -> None:
    with QuickRelay() as relay:
        with pytest.raises(ValueError, match="line break"):
            send(relay.url, "anna@example.org>\r\nRCPT TO:<eve@example.org")
        assert not any("eve" in line for line in relay.lines)
