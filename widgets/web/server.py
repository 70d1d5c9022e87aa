"""gunicorn, configured here: many threads, because readers are slow and answers are quick."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from widgets.supervisor import when_parent_ends

TO_READ = 6  # times as long as a client may take to send, it may take in all
MEMORY = Path("/dev/shm")  # noqa: S108 (gunicorn makes a file of its own in it)


class Discreet(Logger):  # type: ignore[misc]
    """gunicorn's log without what it would tell of readers: their address, and the paths they
    asked for, which may be signed links."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if msg.startswith("Invalid request"):
            msg, args = "something that is not a valid request was answered with an error", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if msg.startswith("Error handling request"):
            msg, args = "a request failed outside the application", ()
        super().exception(msg, *args, **kwargs)


class ImpatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, which wait for as long as a client takes to send and to read. A few
    half-sent requests would hold them all, so whoever is too slow is cut off."""

    request_seconds = 20.0

    def init_process(self) -> None:
        self._begun: dict[Any, float] = {}
        threading.Thread(target=self._watch, daemon=True).start()
        super().init_process()

    def handle(self, conn: Any) -> Any:
        self._begun[conn] = time.monotonic()
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

    request_seconds: in which a client must have sent its request.
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
        tied: bool = False,
    ) -> None:
        self._make = make
        worker = type("Worker", (ImpatientWorker,), {"request_seconds": request_seconds})
        self._options: dict[str, Any] = {
            "bind": [bind],
            "workers": workers,
            "threads": threads,
            "worker_class": worker,
            "keepalive": 5,
            "graceful_timeout": 15,
            "accesslog": None,  # it would hold the addresses of readers
            "loglevel": "warning",
            "logger_class": Discreet,
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
