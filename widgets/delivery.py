"""Getting mail out: over one kept SMTP connection, or, in a trial, into a mailbox folder."""

import contextlib
import logging
import mailbox
import re
import smtplib
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from widgets import bounces, letters, outbox, seals
from widgets.logs import without_addresses
from widgets.seals import Seal
from widgets.service import Service
from widgets.settings import is_local_host

log = logging.getLogger("undersigned.delivery")

SMTP_TIMEOUT = 15  # seconds for one answer of the relay
# The same for its last one, when it has the whole mail: it may look through it, or hand it on,
# before it answers. Who does not wait sends again what has arrived already (RFC 1047). RFC 5321
# §4.5.3.2.6 wants ten minutes; where somebody waits for the next mail, there are two.
PATIENCE = 600
PATIENCE_WHERE_SOMEBODY_WAITS = 120
IDLE = 5  # seconds after which a kept connection is asked whether it still lives
BATCH = 20


class RefusedForNow(Exception):
    """The relay can't take it now: try again later. relay_down: nothing else will do better;
    unconnected: it did not let us in at all; unanswered: it has the whole mail, and did not say
    whether it takes it."""

    def __init__(
        self,
        reason: str,
        *,
        relay_down: bool = False,
        unconnected: bool = False,
        unanswered: bool = False,
    ) -> None:
        super().__init__(reason)
        self.relay_down = relay_down
        self.unconnected = unconnected
        self.unanswered = unanswered


class RefusedForGood(Exception):
    """The relay will never take it."""


class Transport(Protocol):
    def send(self, wire: bytes, sender: str, to: str) -> None:
        """Hands over one mail, as letters.on_the_wire gives it. Raises RefusedForNow or
        RefusedForGood."""

    def close(self) -> None: ...


def transport(service: Service, patience: float = PATIENCE_WHERE_SOMEBODY_WAITS) -> Transport:
    """The way out for all our mail. patience: how many seconds a relay has to say that it takes
    one. Raises UnsafeSettings where it is to be signed and can't be."""
    settings = service.settings
    seal = seals.load(settings)
    way: Transport
    if settings.smtp_url:
        way = SmtpTransport(settings.smtp_url, patience)
    else:
        way = MailboxTransport(mailbox_folder(settings.instance_path))
    return Sealing(way, seal) if seal else way


def mailbox_folder(instance_path: Path) -> Path:
    return instance_path / "mailbox"


class Sealing:
    """Signs each mail before it goes another way out."""

    def __init__(self, way: Transport, seal: Seal) -> None:
        self._way = way
        self._seal = seal

    def send(self, wire: bytes, sender: str, to: str) -> None:
        self._way.send(self._seal.sealed(wire), sender, to)

    def close(self) -> None:
        self._way.close()


class MailboxTransport:
    """Without an SMTP server: a Maildir in the instance folder, which the mailbox page shows."""

    def __init__(self, folder: Path) -> None:
        self._box = mailbox.Maildir(folder, create=True)

    def send(self, wire: bytes, sender: str, to: str) -> None:
        self._box.add(wire)

    def close(self) -> None:
        self._box.close()


class SmtpTransport:
    """A relay, by URL: smtp://user:password@host:587, smtps://host:465.

    smtp:// takes STARTTLS where the relay offers it; `?starttls=required` insists and checks the
    certificate, `?starttls=off` never asks. A password goes over a checked TLS connection or to
    this machine, and nowhere else. The connection is kept between mails and opened again when
    the relay has closed it.
    """

    def __init__(self, url: str, patience: float = PATIENCE_WHERE_SOMEBODY_WAITS) -> None:
        parts = urlsplit(url)
        self._patience = patience
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._tls else 587 if parts.username else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._starttls = parse_qs(parts.query).get("starttls", ["offered"])[0]
        self._connection: smtplib.SMTP | None = None
        self._used_at = 0.0

    def send(self, wire: bytes, sender: str, to: str) -> None:
        kept = self._connection is not None
        try:
            self._send(self._connected(), wire, sender, to)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            if not kept or isinstance(error, smtplib.SMTPResponseException):
                raise RefusedForNow(_reason(error), relay_down=True) from error
            # The relay had closed the kept connection in the meantime: once more, on a new one.
            try:
                self._send(self._connected(), wire, sender, to)
            except OSError as again:
                self.close()
                raise RefusedForNow(_reason(again), relay_down=True) from again

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._connection.quit()
            self._connection = None

    def _send(self, smtp: smtplib.SMTP, wire: bytes, sender: str, to: str) -> None:
        try:
            _hand_over(smtp, wire, sender, to, self._patience)
            self._used_at = time.monotonic()
        except _Unanswered as error:
            # Not at once again, on a new connection: it may well have arrived.
            self.close()
            reason = f"the relay did not say whether it took the mail: {error}"
            raise RefusedForNow(reason, relay_down=True, unanswered=True) from error
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedForGood(
                "the relay can't take internationalised addresses (SMTPUTF8)"
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            self._after_refusal(code, _text(code, answer))
        except smtplib.SMTPSenderRefused as error:
            # It is us they don't take: a setting to mend, and no reader's fault.
            if error.smtp_code == 421:
                self.close()
            else:
                smtp.rset()
            raise RefusedForNow(
                _text(error.smtp_code, error.smtp_error), relay_down=True
            ) from error
        except smtplib.SMTPDataError as error:
            self._after_refusal(error.smtp_code, _text(error.smtp_code, error.smtp_error))
        except Exception:  # in the middle of something: the next mail begins anew
            self.close()
            raise

    def _after_refusal(self, code: int, reason: str) -> None:
        if code == 421:  # "closing transmission channel"
            self.close()
            raise RefusedForNow(reason, relay_down=True)
        if 500 <= code < 600:
            raise RefusedForGood(reason)
        raise RefusedForNow(reason)

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None and time.monotonic() - self._used_at > IDLE:
            try:
                alive = self._connection.noop()[0] == 250
            except (smtplib.SMTPException, OSError):
                alive = False
            if not alive:
                self.close()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except OSError as error:  # what smtplib raises is that too
                raise RefusedForNow(_reason(error), relay_down=True, unconnected=True) from error
            self._used_at = time.monotonic()
        return self._connection

    def _connect(self) -> smtplib.SMTP:
        checked = ssl.create_default_context()
        with contextlib.ExitStack() as unless_ready:
            smtp: smtplib.SMTP
            try:
                if self._tls:
                    smtp = smtplib.SMTP_SSL(
                        self._host, self._port, timeout=SMTP_TIMEOUT, context=checked
                    )
                else:
                    smtp = smtplib.SMTP(self._host, self._port, timeout=SMTP_TIMEOUT)
                unless_ready.callback(smtp.close)
                # The end of a mail is not to wait until its beginning was acknowledged.
                if isinstance(smtp.sock, socket.socket):
                    smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not self._tls:
                    smtp.ehlo()
                    self._upgrade(smtp, checked)
                if self._user:
                    smtp.login(self._user, self._password)
            except OSError:  # a wrong certificate too, which is also a ValueError
                raise
            except ValueError as error:  # what the relay says, or our password, can't be read
                raise RefusedForNow(
                    type(error).__name__, relay_down=True, unconnected=True
                ) from error
            unless_ready.pop_all()
        return smtp

    def _upgrade(self, smtp: smtplib.SMTP, checked: ssl.SSLContext) -> None:
        local = is_local_host(self._host)
        must = self._starttls == "required" or (bool(self._user) and not local)
        if self._starttls == "off" and not (self._user and not local):
            return
        if not smtp.has_extn("starttls"):
            if must:
                raise smtplib.SMTPException("the relay offers no STARTTLS, which is required here")
            return
        # Without a password, an unchecked certificate still beats sending in the clear (RFC 7435).
        if not must:
            checked.check_hostname = False
            checked.verify_mode = ssl.CERT_NONE
        smtp.starttls(context=checked)
        smtp.ehlo()


class _Unanswered(Exception):
    """The relay got a whole mail, and nothing was heard of it any more."""


def _hand_over(smtp: smtplib.SMTP, wire: bytes, sender: str, to: str, patience: float) -> None:
    """One mail through an open connection. Raises as smtplib.SMTP.sendmail does, and _Unanswered
    where the relay is silent for `patience` seconds at the end, or gone."""
    smtp.ehlo_or_helo_if_needed()
    options = [f"SIZE={len(wire)}"] if smtp.has_extn("size") else []
    if not (sender + to).isascii():
        if not smtp.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    if smtp.has_extn("pipelining"):
        data = _at_once(smtp, sender, to, options)
    else:
        data = _one_by_one(smtp, sender, to, options)
    if data[0] == 354:
        end = b".\r\n" if wire.endswith(b"\r\n") else b"\r\n.\r\n"
        smtp.send(_LINE_OF_A_DOT.sub(b"..", wire) + end)
        data = _last_answer(smtp, patience)
    if data[0] != 250:
        if data[0] != 421:
            smtp.rset()
        raise smtplib.SMTPDataError(*data)


def _one_by_one(
    smtp: smtplib.SMTP, sender: str, to: str, options: Sequence[str]
) -> tuple[int, bytes]:
    """The commands before a mail; the answer to the last, DATA."""
    mail = smtp.mail(sender, options)
    if mail[0] != 250:
        raise smtplib.SMTPSenderRefused(*mail, sender)
    rcpt = smtp.rcpt(to)
    if rcpt[0] not in (250, 251):
        if rcpt[0] != 421:
            smtp.rset()
        raise smtplib.SMTPRecipientsRefused({to: rcpt})
    return smtp.docmd("DATA")


def _at_once(smtp: smtplib.SMTP, sender: str, to: str, options: Sequence[str]) -> tuple[int, bytes]:
    """The same, sent together (RFC 2920): it waits for the relay once and not three times."""
    commands = (
        " ".join((f"MAIL FROM:<{sender}>", *options)),
        f"RCPT TO:<{to}>",
        "DATA",
    )
    if any(sign in command for command in commands for sign in "\r\n"):
        raise ValueError("an address has a line break in it")
    smtp.send("".join(f"{command}\r\n" for command in commands).encode())
    mail = smtp.getreply()
    rcpt = mail if mail[0] == 421 else smtp.getreply()
    data = rcpt if rcpt[0] == 421 else smtp.getreply()
    if mail[0] != 250 or rcpt[0] not in (250, 251):
        if data[0] == 354:  # it wants a mail all the same: an empty one, to nobody
            smtp.send(b".\r\n")
            smtp.getreply()
        if mail[0] != 250:
            raise smtplib.SMTPSenderRefused(*mail, sender)
        if rcpt[0] != 421:
            smtp.rset()
        raise smtplib.SMTPRecipientsRefused({to: rcpt})
    return data


def _last_answer(smtp: smtplib.SMTP, patience: float) -> tuple[int, bytes]:
    assert smtp.sock
    usual = smtp.sock.gettimeout()
    smtp.sock.settimeout(patience)
    try:
        answer = smtp.getreply()
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        raise _Unanswered(_reason(error)) from error
    smtp.sock.settimeout(usual)
    return answer


_LINE_OF_A_DOT = re.compile(rb"^\.", re.MULTILINE)


def deliver_due(
    service: Service,
    transport: Transport,
    worker: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    stopping: threading.Event | None = None,
) -> int:
    """Sends the messages that somebody waits for and that are due, up to BATCH; returns how many
    were tried.

    Each outcome is committed before the next message is begun. What can't be sent before the
    lease runs out, or after the relay went away, is given back.
    """
    settings, database = service.settings, service.database
    lease = timedelta(seconds=settings.lease_seconds)
    with database.reading() as session:
        if not outbox.any_due(session, clock()):
            return 0
    with database.writing() as session:
        claimed = outbox.claim(session, worker, clock(), lease, BATCH)
    started = time.monotonic()
    tried = 0
    for message in claimed:
        out_of_time = time.monotonic() - started > settings.lease_seconds / 2
        if out_of_time or (stopping is not None and stopping.is_set()):
            break
        tried += 1
        if not _deliver(service, transport, worker, message, clock):
            break
    if tried < len(claimed):
        with database.writing() as session:
            outbox.release(session, worker, claimed[tried:])
    return tried


def _deliver(
    service: Service,
    transport: Transport,
    worker: str,
    message: uuid.UUID,
    clock: Callable[[], datetime],
) -> bool:
    """Sends one message and records what became of it; False where the relay is down."""
    database, settings = service.database, service.settings
    base = timedelta(seconds=settings.retry_base_seconds)
    try:
        with database.reading() as session:
            mail = letters.compose(service, session, message)
        if mail is not None:
            sender, to = sender_of(service, message), letters.addressee(mail)
            with _held(service, worker, message, clock):
                transport.send(letters.on_the_wire(mail, sender), sender, to)
    except RefusedForGood as error:
        log.warning("message %s was refused: %s", message, error)
        with database.writing() as session:
            refused(service, session, worker, message, clock(), str(error))
    except RefusedForNow as error:
        log.warning("message %s was put off: %s", message, error)
        with database.writing() as session:
            outbox.postponed(session, worker, message, clock(), str(error), base)
        return not error.relay_down
    except SQLAlchemyError:
        raise
    except Exception as error:  # one letter that can't be written must not hold up the others
        log.exception("message %s could not be written or sent", message)
        with database.writing() as session:
            reason = f"not written: {type(error).__name__}"
            outbox.postponed(session, worker, message, clock(), reason, base)
    else:
        with database.writing() as session:
            if mail is None:
                outbox.void(session, worker, clock(), message)
            else:
                outbox.sent(session, worker, clock(), message)
    return True


@contextlib.contextmanager
def _held(
    service: Service, worker: str, message: uuid.UUID, clock: Callable[[], datetime]
) -> Iterator[None]:
    """Holds a message for as long as a slow relay needs, so that no other worker sends it too."""
    lease = timedelta(seconds=service.settings.lease_seconds)
    done = threading.Event()

    def renew() -> None:
        while not done.wait(lease.total_seconds() / 3):
            # if it can't be renewed, it may be by the next time
            with contextlib.suppress(SQLAlchemyError), service.database.writing() as session:
                outbox.renew(session, worker, [message], clock(), lease)

    renewing = threading.Thread(target=renew, daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()


def sender_of(service: Service, message: uuid.UUID) -> str:
    """The envelope's sender of a message: who is told where it can't be delivered."""
    return bounces.return_path(service.settings, service.links, message)


def refused(
    service: Service,
    session: Session,
    worker: str,
    message: uuid.UUID,
    now: datetime,
    reason: str,
) -> None:
    """Records that the relay will never take a message, of either lane, and what follows from it
    for whoever it was for."""
    if report := bounces.of_refusal(message, reason):
        bounces.record(session, service.hasher, report, now)
    outbox.refused(session, worker, message, now, reason)


def _reason(error: Exception) -> str:
    return without_addresses(str(error)) or type(error).__name__


def _text(code: int, answer: bytes | str) -> str:
    words = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return f"{code} {without_addresses(' '.join(words.split()))}"
