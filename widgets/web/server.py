"""gunicorn, configured here: many threads, because readers are slow and answers are quick."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from widgets.languages import SOURCE, gettext, speaking
from widgets.supervisor import when_parent_ends
from widgets.text import direction
from widgets.web.errors import WORDS

TO_READ = 6  # times as long as a client may take to send, it may take in all
MEMORY = Path("/dev/shm")  # noqa: S108 (gunicorn makes a file of its own in it)


REFUSALS: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ParseException: HTTPStatus.BAD_REQUEST,
}
REFUSAL_POLICY = (
    "default-src 'none'; script-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
REFUSAL = """<!doctype html>
<html lang="{lang}" dir="{dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
</body>
</html>
"""


_serving = threading.local()


def wait_longer(seconds: float) -> None:
    """Gives whoever sends the request that this thread serves so much more time to send it all:
    for those that we know, who send a picture over a slow line."""
    extend = getattr(_serving, "extend", None)
    if extend is not None:
        extend(seconds)


class ImpatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, which wait for as long as a client takes to send and to read. A few
    half-sent requests would hold them all, so whoever is too slow is cut off."""

    request_seconds = 20.0
    headers: ClassVar[dict[str, str]] = {}
    lang = SOURCE

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answers what is no valid request in our own way: gunicorn would log who sent it, and
        send back what was sent, which may be a signed link."""
        status = next(
            (status for kind, status in REFUSALS.items() if isinstance(exc, kind)),
            HTTPStatus.INTERNAL_SERVER_ERROR,
        )
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("a request failed outside the application", exc_info=exc)
        with speaking(self.lang):
            title, text = map(gettext, WORDS[500 if status == 500 else 400])
        words = REFUSAL.format(lang=self.lang, dir=direction(self.lang), title=title, text=text)
        body = words.encode()
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": REFUSAL_POLICY,
            "Cache-Control": "no-store",
            "Connection": "close",
            **self.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with contextlib.suppress(OSError):
            client.sendall(f"HTTP/1.1 {status} {status.phrase}\r\n{head}\r\n".encode() + body)

    def init_process(self) -> None:
        self._begun: dict[Any, float] = {}
        threading.Thread(target=self._watch, daemon=True).start()
        super().init_process()

    def handle(self, conn: Any) -> Any:
        self._begun[conn] = time.monotonic()

        def extend(seconds: float) -> None:
            self._begun[conn] = time.monotonic() + seconds

        _serving.extend = extend
        try:
            return super().handle(conn)
        finally:
            self._begun.pop(conn, None)

    def _watch(self) -> None:
        while True:
            time.sleep(1)
            now = time.monotonic()
            for conn, begun in list(self._begun.items()):
                with contextlib.suppress(OSError):
                    if now - begun > self.request_seconds:
                        conn.sock.shutdown(socket.SHUT_RD)
                    if now - begun > self.request_seconds * TO_READ:
                        conn.sock.shutdown(socket.SHUT_RDWR)


class Server(BaseApplication):  # type: ignore[misc]
    """Serves what `load` returns, made anew in each worker process.

    request_seconds: in which a client must have sent its request. headers: of answers that the
    application doesn't give, and lang their language.
    tied: stop when standard input ends, that is when the process that started us is gone,
    however it went.
    """

    def __init__(
        self,
        make: Callable[[], Callable[..., Iterable[bytes]]],
        *,
        bind: str,
        workers: int,
        threads: int,
        request_seconds: float = ImpatientWorker.request_seconds,
        headers: dict[str, str] | None = None,
        lang: str = SOURCE,
        tied: bool = False,
    ) -> None:
        self._make = make
        own = {"request_seconds": request_seconds, "headers": headers or {}, "lang": lang}
        worker = type("Worker", (ImpatientWorker,), own)
        self._options: dict[str, Any] = {
            "bind": [bind],
            "workers": workers,
            "threads": threads,
            "worker_class": worker,
            "keepalive": 5,
            "graceful_timeout": 15,
            "accesslog": None,  # it would hold the addresses of readers
            "loglevel": "warning",
            "control_socket_disable": True,
            # heartbeats in memory: a slow disk must not look like a dead worker
            "worker_tmp_dir": str(MEMORY) if MEMORY.is_dir() else None,
            "when_ready": _stop_with_parent if tied else lambda _: None,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        return self._make()


def _stop_with_parent(_arbiter: Any) -> None:
    when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
