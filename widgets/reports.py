"""Where mail that came back is taken from: a mailbox that is read (IMAP, Maildir), or a server that
it is handed to (LMTP).

Whatever is understood is removed only when what follows from it is committed: a connection or a
machine that is lost in between brings it again, and it counts once. What is no report of ours is
left for people.
"""

import asyncio
import contextlib
import imaplib
import logging
import os
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Conversation
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from widgets import bounces, jobs, returned_mail
from widgets.bounces import Outcome
from widgets.models import Fact
from widgets.models.fact import read_fact
from widgets.returned_mail import NotAReport, NotOurs
from widgets.service import Service
from widgets.settings import is_local_host

log = logging.getLogger("undersigned.reports")

EVERY = 60.0  # seconds between two looks into a mailbox
AT_ONCE = 20  # mails between which nobody else is let through
IN_SIGHT = 2000  # mails of a mailbox that are asked for at once
IMAP_TIMEOUT = 30  # seconds for one answer
LARGEST_HANDED_OVER = 2 * 1024 * 1024  # bytes
TROUBLE = "reports can't be read"  # a fact: why


class CantRead(Exception):
    """The mailbox could not be read; the text says why, to an operator."""


def run(service: Service, stopping: threading.Event) -> None:
    """Takes in what comes back until `stopping` is set, as the settings say."""
    parts = urlsplit(service.settings.reports_url)
    if parts.scheme == "lmtp":
        _serve(service, parts, stopping)
        return
    while True:
        try:
            look(service, stopping)
            _told(service, None)
        except CantRead as error:
            log.warning("what came back can't be read: %s", error)
            _told(service, str(error))
        except Exception:
            log.exception("what came back could not be taken in; trying again")
        if stopping.wait(EVERY):
            return


def look(service: Service, stopping: threading.Event) -> int:
    """Reads all that lies in the mailbox; how many reports of ours there were. Raises CantRead."""
    parts = urlsplit(service.settings.reports_url)
    if parts.scheme == "maildir":
        return _maildir(service, Path(unquote(parts.path)), stopping)
    return _imap(service, parts, stopping)


def take(service: Service, mail: bytes, arrived_at: str = "") -> Outcome | None:
    """Does what a mail that came back calls for, and commits it. Raises NotAReport, NotOurs, and
    what a database that is away raises."""
    report = returned_mail.read(mail, service.links, arrived_at=arrived_at)
    if report is None:
        return None
    with service.database.writing() as session:
        return bounces.record(session, service.hasher, report, datetime.now(UTC))


def _is_taken(service: Service, mail: bytes) -> bool:
    """Whether this was a report of ours, with which all is done now."""
    try:
        take(service, mail)
    except (NotAReport, NotOurs):
        return False
    return True


def _maildir(service: Service, folder: Path, stopping: threading.Event) -> int:
    """A Maildir's new mail: what is no report of ours is moved to those that were seen (cur)."""
    taken = 0
    try:
        names = sorted(entry.name for entry in os.scandir(folder / "new") if entry.is_file())
        (folder / "cur").mkdir(mode=0o700, exist_ok=True)
        for number, name in enumerate(names, 1):
            if stopping.is_set():
                break
            if number % AT_ONCE == 0:
                jobs.give_way()
            path = folder / "new" / name
            with contextlib.suppress(FileNotFoundError):  # another worker was first
                with path.open("rb") as file:
                    mail = file.read(returned_mail.LARGEST)
                if _is_taken(service, mail):
                    path.unlink()
                    taken += 1
                else:
                    path.rename(folder / "cur" / f"{name}:2,")
    except OSError as error:
        raise CantRead(f"{folder}: {error.strerror or error}") from error
    return taken


def _imap(service: Service, parts: SplitResult, stopping: threading.Event) -> int:
    """A mailbox's unseen mail: what is no report of ours is marked as seen, and stays."""
    taken = 0
    try:
        with _mailbox(parts) as box:
            # What was left for people stays in front of what is new.
            first, last = 1, _select(box, unquote(parts.path).strip("/") or "INBOX")
            while first <= last and not stopping.is_set():
                until = min(last, first + IN_SIGHT - 1)
                found = _ok(box.uid("SEARCH", f"{first}:{until}", "UNSEEN", "UNDELETED"))
                uids = (found[0] or b"").decode().split() if found else []
                gone = 0
                for start in range(0, len(uids), AT_ONCE):
                    if stopping.is_set():
                        break
                    gone += _some(service, box, uids[start : start + AT_ONCE])
                    jobs.give_way()
                taken += gone
                first, last = until - gone + 1, last - gone
    except (imaplib.IMAP4.error, OSError, UnicodeError) as error:
        raise CantRead(f"{parts.hostname}: {error or type(error).__name__}") from error
    return taken


def _some(service: Service, box: imaplib.IMAP4, uids: list[str]) -> int:
    """Takes a few mails in, and then removes those that were reports of ours; how many."""
    taken: list[str] = []
    left: list[str] = []
    for uid in uids:
        fetched = _ok(box.uid("FETCH", uid, f"(BODY.PEEK[]<0.{returned_mail.LARGEST}>)"))
        mail = next((one[1] for one in fetched if isinstance(one, tuple)), None)
        if mail is not None:
            (taken if _is_taken(service, mail) else left).append(uid)
    if left:
        _ok(box.uid("STORE", ",".join(left), "+FLAGS.SILENT", r"(\Seen)"))
    if taken:
        _ok(box.uid("STORE", ",".join(taken), "+FLAGS.SILENT", r"(\Seen \Deleted)"))
        if "UIDPLUS" in box.capabilities:  # RFC 4315: nobody else's go with them
            _ok(box.uid("EXPUNGE", ",".join(taken)))
        else:
            _ok(box.expunge())
    return len(taken)


@contextlib.contextmanager
def _mailbox(parts: SplitResult) -> Iterator[imaplib.IMAP4]:
    """A connection to an IMAP server (RFC 3501), signed in. The password goes over a checked TLS
    connection or to this machine."""
    host, checked = parts.hostname or "localhost", ssl.create_default_context()
    box: imaplib.IMAP4
    if parts.scheme == "imaps":
        box = imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=checked, timeout=IMAP_TIMEOUT)
    else:
        box = imaplib.IMAP4(host, parts.port or 143, timeout=IMAP_TIMEOUT)
    try:
        if parts.scheme == "imap" and not is_local_host(host):
            box.starttls(checked)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if "AUTH=PLAIN" in box.capabilities:  # which takes every letter there is
            box.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        else:
            box.login(user, password)
        yield box
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            box.logout()


def _select(box: imaplib.IMAP4, name: str) -> int:
    """Opens a mailbox; how many mails are in it."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    (many,) = _ok(box.select(f'"{quoted}"'))
    return int(many)


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(" ".join(str(one) for one in data)[:200])
    return data


def _serve(service: Service, parts: SplitResult, stopping: threading.Event) -> None:
    """Answers to LMTP until `stopping` is set."""
    host, port = parts.hostname or "127.0.0.1", parts.port or 24
    while not stopping.is_set():
        server = _LmtpServer(_Handler(service), hostname=host, port=port)
        try:
            server.start()
        except OSError as error:
            log.warning("%s:%d can't be listened to: %s; trying again", host, port, error)
            _told(service, f"{host}:{port}: {error.strerror or error}")
            stopping.wait(EVERY)
            continue
        _told(service, None)
        stopping.wait()
        server.stop()


class _LmtpServer(Controller):
    def factory(self) -> LMTP:
        return LMTP(
            self.handler,
            data_size_limit=LARGEST_HANDED_OVER,
            enable_SMTPUTF8=True,
            ident="Undersigned",
        )


class _Handler:
    """LMTP (RFC 2033): what is answered to one recipient. Each mail has one, since each of ours was
    for one: so one answer after it is all."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self,
        server: SMTP,
        session: Conversation,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        is_base = address.lower() == self._service.settings.return_path.lower()
        if not is_base and bounces.message_of(self._service.links, address) is None:
            return "550 5.1.1 No such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 It is known"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Conversation, envelope: Envelope
    ) -> str:
        mail, to = envelope.original_content or b"", envelope.rcpt_tos[0]
        return await asyncio.to_thread(self._take, mail, to)

    def _take(self, mail: bytes, to: str) -> str:
        try:
            take(self._service, mail, to)
        except NotAReport:
            return "550 5.6.0 Only reports of undelivered or unwanted mail are taken here"
        except NotOurs:
            return "550 5.7.1 This is about no mail of ours"
        except Exception:
            log.exception("what was handed over could not be taken in; it is to come again")
            return "451 4.3.0 Not now"
        return "250 2.0.0 Taken in"


def _told(service: Service, trouble: str | None) -> None:
    """Lets editors know whether what comes back is read."""
    try:
        with service.database.reading() as session:
            known = read_fact(session, TROUBLE)
        if known == trouble:
            return
        with service.database.writing() as session:
            if trouble is None:
                session.execute(delete(Fact).where(Fact.name == TROUBLE))
            else:
                session.merge(Fact(name=TROUBLE, value=trouble))
    except SQLAlchemyError:
        log.exception("the database did not answer")
