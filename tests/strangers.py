"""A stranger's web server on this machine, as good or as hostile as a test wants it."""

import gzip
import io
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
<title>Lamp Keepers</title><link href="/"/><id>urn:lamps</id>
{}</feed>"""


def atom(*titles: str) -> bytes:
    """A feed in Atom with these posts, the newest first."""
    entries = "".join(
        f"<entry><id>urn:{title}</id><title>{title}</title><link href='/{number}'/>"
        f"<updated>2026-03-{28 - number:02}T10:00:00Z</updated>"
        f"<summary>About {title}.</summary></entry>\n"
        for number, title in enumerate(titles)
    )
    return ATOM.format(entries).encode()


@dataclass
class Says:
    """An answer. body: given in pieces as they come; None: the connection is held, without a
    word, until the server ends."""

    body: bytes | Iterable[bytes] | None = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None  # what it claims; without it, of bytes their own


@dataclass
class Stranger:
    """Answers each path as `answers` says, and remembers who asked for what, and what was sent."""

    answers: dict[str, Says | Callable[[Message], Says]] = field(default_factory=dict)
    certificate: ssl.SSLContext | None = None
    asked: list[tuple[str, Message]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> "Stranger":
        stranger = self
        self.ending = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stranger.asked.append((self.path, self.headers))
                said = stranger.answers.get(self.path, Says(status=404))
                said = said if isinstance(said, Says) else said(self.headers)
                self.close_connection = True
                if said.body is None:
                    stranger.ending.wait()
                    return
                with suppress(OSError):  # the other side has had enough
                    self._tell(said)

            def do_POST(self) -> None:
                stranger.sent.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.do_GET()

            def _tell(self, said: Says) -> None:
                body = [said.body] if isinstance(said.body, bytes) else said.body
                assert body is not None
                length = len(said.body) if isinstance(said.body, bytes) else None
                length = length if said.length is None else said.length
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.end_headers()
                for piece in body:
                    if stranger.ending.is_set():
                        return
                    self.wfile.write(piece)
                    self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                pass  # a handshake that the other side broke off

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if self.certificate:
            self.server.socket = self.certificate.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path: str = "/feed") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


class Elsewhere(httpcore.NetworkBackend):
    """A network on which every address is the stranger's; it remembers which were called."""

    def __init__(self, stranger: Stranger) -> None:
        self._stranger = stranger
        self.called: list[tuple[str, int]] = []

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        self.called.append((host, port))
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self._stranger.port, timeout)


def endless(piece: bytes) -> Iterable[bytes]:
    while True:
        yield piece


def packed_zeros(megabytes: int) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as packing:
        for _ in range(megabytes):
            packing.write(bytes(1_000_000))
    return out.getvalue()
