"""Who takes part: a reader before the pages, a mail relay, and the program as a process."""

import email
import email.policy
import http.client
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode, urljoin, urlsplit

import html5lib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CHECKOUT = Path(__file__).parent.parent


@dataclass
class Form:
    """A form as the page shows it: where it goes, and what is filled in."""

    action: str
    method: str
    fields: dict[str, str]
    buttons: list[str]


@dataclass
class Page:
    """A response, and what a reader sees in it."""

    status: int
    headers: Any
    html: str
    path: str

    @property
    def text(self) -> str:
        """The words of the page, without its style."""
        tree = html5lib.parse(self.html, namespaceHTMLElements=False)
        for parent in tree.iter():
            for child in list(parent):
                if child.tag in ("style", "title"):
                    child.text = ""
        return " ".join("".join(tree.itertext()).split())

    @property
    def forms(self) -> list[Form]:
        tree = html5lib.parse(self.html, namespaceHTMLElements=False)
        return [
            Form(
                action=urljoin(self.path, form.get("action") or self.path),
                method=(form.get("method") or "get").lower(),
                fields=dict(_filled_in(form)),
                buttons=["".join(one.itertext()).strip() for one in form.iter("button")],
            )
            for form in tree.iter("form")
        ]

    @property
    def form(self) -> Form:
        """The one form of the page."""
        (form,) = self.forms
        return form

    def form_with(self, button: str) -> Form:
        """The one form that has this button, of several."""
        (form,) = [form for form in self.forms if button in form.buttons]
        return form


def _filled_in(form: Any) -> Iterator[tuple[str, str]]:
    """What a browser would send of a form that nobody touches, but for its buttons and files."""
    for one in form.iter():
        name = one.get("name")
        if not name or one.tag == "button" or one.get("type") == "file":
            continue
        if one.tag == "textarea":
            yield name, (one.text or "").removeprefix("\n")
        elif one.tag == "select":
            options = list(one.iter("option"))
            chosen = next((o for o in options if "selected" in o.attrib), *options[:1])
            yield name, chosen.get("value", chosen.text or "")
        elif one.get("type") not in ("checkbox", "radio") or "checked" in one.attrib:
            yield name, one.get("value") or ""


class Reader:
    """Opens pages and sends forms through a Flask client, or over HTTP to a server."""

    def __init__(self, where: Any, headers: dict[str, str] | None = None) -> None:
        self._where = where
        self._headers = headers or {}

    def open(self, path: str) -> Page:
        """Goes to a path, and follows redirects as a browser does."""
        return self._followed("GET", path, None)

    def post(self, path: str, fields: dict[str, str] | None = None) -> Page:
        """Sends these fields; what comes back is not followed."""
        return self._asked("POST", path, fields or {})

    def press(self, page: Page, **typed: str) -> Page:
        """Fills in the page's one form, presses its button, and follows where it leads."""
        form = page.form
        fields = {**form.fields, **typed}
        if form.method == "get":
            return self.open(f"{form.action}?{urlencode(fields)}")
        return self._followed("POST", form.action, fields)

    def sign_up(self, address: str, path: str = "/embed/newsletters/weekly") -> Page:
        """From the form to "Check your inbox"."""
        return self.press(self.open(path), address=address)

    def sign(
        self, address: str, path: str = "/embed/statements/river-gate/sign", **typed: str
    ) -> Page:
        """From the form of an open letter to "Check your inbox"."""
        usual = {"name": "Ada Li", "country": "NO", "shows": "yes", "address": address}
        return self.press(self.open(path), **{**usual, **typed})

    def _followed(self, method: str, path: str, fields: dict[str, str] | None) -> Page:
        page = self._asked(method, path, fields)
        while page.status in (302, 303):
            target = urljoin(page.path, page.headers["Location"])
            page = self._asked("GET", target, None)
        return page

    def _asked(self, method: str, path: str, fields: dict[str, str] | None) -> Page:
        parts = urlsplit(path)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        if isinstance(self._where, str):
            return self._over_http(method, path, fields)
        answer = self._where.open(path, method=method, data=fields, headers=self._headers)
        return Page(answer.status_code, answer.headers, answer.get_data(as_text=True), path)

    def _over_http(self, method: str, path: str, fields: dict[str, str] | None) -> Page:
        connection = http.client.HTTPConnection(urlsplit(self._where).netloc, timeout=60)
        body = urlencode(fields) if fields is not None else None
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        connection.request(method, path, body, {**headers, **self._headers})
        answer = connection.getresponse()
        html = answer.read().decode()
        connection.close()
        return Page(answer.status, answer.headers, html, path)


@dataclass
class Delivered:
    """A mail as the relay took it."""

    sender: str
    recipients: list[str]
    mail: EmailMessage
    raw: bytes
    over_tls: bool
    logged_in: bool
    connection: int

    @property
    def text(self) -> str:
        part = self.mail.get_body(("plain",))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")

    @property
    def html(self) -> str:
        part = self.mail.get_body(("html",))
        assert part is not None
        return str(part.get_content())

    @property
    def code(self) -> str:
        return re.findall(r"^ +(\d{6})$", self.text, re.MULTILINE)[0]

    def link(self, kind: str) -> str:
        """The one link of a kind ("confirm", "unsubscribe"), whole."""
        (link,) = set(re.findall(rf"https?://\S+/{kind}/\S+", self.text))
        return str(link)

    def path(self, kind: str) -> str:
        return urlsplit(self.link(kind)).path


@dataclass
class Relay:
    """An SMTP server on this machine. `answers` are given, in order, instead of taking a mail:
    "451 4.3.0 later", or a callable that is asked with the envelope."""

    user: str | None = None
    password: str | None = None
    certificate: ssl.SSLContext | None = None
    tls_from_the_start: bool = False
    smtputf8: bool = True
    port: int = 0
    answers: list[str | Callable[[Envelope], str | None]] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)

    def __enter__(self) -> "Relay":
        relay = self

        class Handler:
            async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
                self, server: SMTP, session: Session, envelope: Envelope
            ) -> str:
                if relay.answers:
                    answer = relay.answers.pop(0)
                    said = answer(envelope) if callable(answer) else answer
                    if said is not None:
                        return said
                raw = envelope.content
                assert isinstance(raw, bytes)
                relay.delivered.append(
                    Delivered(
                        str(envelope.mail_from),
                        list(envelope.rcpt_tos),
                        email.message_from_bytes(raw, policy=email.policy.default),  # type: ignore[arg-type]
                        raw,
                        session.ssl is not None or relay.tls_from_the_start,
                        session.authenticated,
                        id(session),
                    )
                )
                return "250 taken"

        def authenticate(
            _server: SMTP, _session: Session, _envelope: Any, _how: str, data: Any
        ) -> Any:
            good = isinstance(data, LoginPassword) and (
                data.login == (self.user or "").encode()
                and data.password == (self.password or "").encode()
            )
            return AuthResult(success=good, handled=good)

        wanted: dict[str, Any] = {"enable_SMTPUTF8": self.smtputf8, "data_size_limit": 1_000_000}
        if self.user:
            wanted |= {"authenticator": authenticate, "auth_required": True}
            wanted |= {
                "auth_require_tls": self.certificate is not None and not self.tls_from_the_start
            }
        if self.certificate and not self.tls_from_the_start:
            wanted["tls_context"] = self.certificate
        self.port = self.port or free_port()
        self._controller = Controller(
            Handler(),
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=self.certificate if self.tls_from_the_start else None,
            **wanted,
        )
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def url(self) -> str:
        login = f"{self.user}:{self.password}@" if self.user else ""
        scheme = "smtps" if self.tls_from_the_start else "smtp"
        return f"{scheme}://{login}localhost:{self.port}"

    def wait_for(self, number: int, seconds: float = 20) -> list[Delivered]:
        """The mails, as soon as there are so many."""
        wait_until(lambda: len(self.delivered) >= number, seconds, f"{number} mails")
        return list(self.delivered)


@dataclass
class Taken:
    """A mail as QuickRelay took it."""

    sender: str
    to: str
    wire: bytes
    connection: int
    at: float = field(default_factory=time.monotonic)

    @property
    def mail(self) -> EmailMessage:
        return email.message_from_bytes(self.wire, policy=email.policy.default)  # type: ignore[arg-type, return-value]


@dataclass
class QuickRelay:
    """An SMTP server for many mails: quicker than Relay, and one that takes several commands at
    once (RFC 2920). answer: is asked with each line before it is obeyed ("CONNECT", "RCPT TO:<…>",
    "." at the end of a mail), and may give another answer."""

    answer: Callable[[str], str | None] = lambda _line: None
    pipelining: bool = True
    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __enter__(self) -> "QuickRelay":
        self.port = self.port or free_port()
        self._server = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Hangs up on everybody, wherever they are."""
        for one in (self._server, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def wait_for(self, number: int, seconds: float = 30) -> list[Taken]:
        wait_until(lambda: len(self.taken) >= number, seconds, f"{number} mails")
        return list(self.taken)

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection = server.accept()[0]
                self._open.add(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as heard:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._say(connection, "CONNECT", "220 quick")
            sender, to = "", ""
            while line := heard.readline():
                said = line.decode().rstrip("\r\n")
                self.lines.append(said)
                verb = said[:4].upper()
                answer = "250 fine"
                if verb == "EHLO":
                    more = "250-PIPELINING\r\n" if self.pipelining else ""
                    answer = f"250-quick\r\n{more}250 SMTPUTF8"
                elif verb == "DATA":
                    answer = "354 go on" if to else "503 to whom?"
                elif verb == "QUIT":
                    answer = "221 bye"
                answer = self._say(connection, said, answer)
                good = answer.startswith(("2", "3"))
                if verb == "MAIL":
                    sender, to = (said[11:].partition(">")[0], "") if good else ("", "")
                elif verb == "RCPT":
                    to = said[9:].partition(">")[0] if good else ""
                elif verb == "RSET":
                    sender, to = "", ""
                elif verb == "DATA" and answer.startswith("354"):
                    wire = bytearray()
                    while (part := heard.readline()) not in (b".\r\n", b""):
                        wire += part[1:] if part.startswith(b".") else part
                    if not part:
                        return
                    if not wire:
                        self._say(connection, "empty", "554 nobody wants it")
                        continue
                    # taken before it is said, as a relay has it on its disk by then
                    if (refusal := self.answer(f". {to}")) is None:
                        self.taken.append(Taken(sender, to, bytes(wire), id(connection)))
                    self._say(connection, "taken", refusal or "250 taken")
                if answer.startswith(("221", "421")):
                    return

    def _say(self, connection: socket.socket, line: str, usual: str) -> str:
        answer = (self.answer(line) if line not in ("empty", "taken") else None) or usual
        connection.sendall(f"{answer}\r\n".encode())
        return answer


class Program:
    """`undersigned COMMAND…` in a process group of its own, so that all of it can be killed."""

    def __init__(self, command: list[str], settings: dict[str, str], folder: Path) -> None:
        self.port = int(settings.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        usual = {k: v for k, v in os.environ.items() if not k.startswith("UNDERSIGNED_")}
        usual |= {f"UNDERSIGNED_{name}": value for name, value in settings.items()}
        usual |= {"UNDERSIGNED_PORT": str(self.port), "PYTHONPATH": str(CHECKOUT)}
        self.log = folder / f"{command[0]}-{self.port}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "widgets.cli", *command],
                env=usual,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ready(self, path: str = "/readyz") -> "Program":
        """Waits until it answers."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return Reader(self.url).open(path).status == 200
            except OSError:
                return False

        wait_until(answers, 60, f"{self.url} to answer")
        return self

    def family(self) -> list[int]:
        """The process ids of it and of all that it started."""
        found = [self.process.pid]
        for one in found:
            listed = subprocess.run(
                ["ps", "-o", "pid=", "--ppid", str(one)],
                capture_output=True,
                text=True,
                check=False,
            )
            found += [int(pid) for pid in listed.stdout.split()]
        return found

    def kill(self) -> None:
        """kill -9, everything at once."""
        for one in self.family():
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Asks it to end, as an operator does."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def quiet_port() -> Iterator[int]:
    """A port on which connections are taken and nobody ever says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        yield server.getsockname()[1]
        for one in held:
            one.close()


def missing(what: str) -> NoReturn:
    """Skips, and says why; in CI, where everything must be there, fails."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} (and in CI no test may be skipped)", pytrace=False)
    pytest.skip(what)


def free_port() -> int:
    """A port that nobody listens on. Not one that the system would choose: those it may give to
    any other process (of tests that run at the same time, too) before ours listens there."""
    while True:
        port = _CHANCE.randrange(10_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


_CHANCE = random.SystemRandom()  # not what a test may have seeded


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)
