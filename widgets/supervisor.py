"""`undersigned serve`: the web server and the delivery worker, kept running together.

Each is a process of its own, started again when it dies. They hold the read end of a pipe from
here: if this process is killed, the pipe ends and so do they.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger("undersigned.supervisor")

LOOK_EVERY = 0.3  # seconds
LONGEST_PAUSE = 30.0  # seconds between two starts of a part that keeps dying
STOP_WITHIN = 20.0  # seconds


@dataclass
class Part:
    """One process: a command of ours, and whether all ends when it does."""

    command: list[str]
    vital: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = field(default=0.5)

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "widgets.cli", *self.command, "--tied"],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches them through us, in order
        )

    def ended(self) -> int | None:
        return self.process.poll() if self.process else None


def run(parts: list[Part]) -> int:
    """Runs these parts until a vital one ends or a signal comes; returns the exit code."""
    stopping = threading.Event()
    on_stop_signal(stopping.set)
    for part in parts:
        part.start()
    code = 0
    while not stopping.wait(LOOK_EVERY):
        for part in parts:
            ended = part.ended()
            if ended is None:
                continue
            lived = time.monotonic() - part.started
            if part.vital:
                log.error("%s ended with %d", part.command[0], ended)
                code = ended if ended > 0 else 1
                stopping.set()
            elif lived >= part.pause:
                part.pause = 0.5 if lived > LONGEST_PAUSE else min(part.pause * 2, LONGEST_PAUSE)
                log.error("%s ended with %d; starting it again", part.command[0], ended)
                part.start()
    _stop(parts)
    return code


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Calls `stop` when this process is asked to end (SIGTERM, or Ctrl-C)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def when_parent_ends(stop: Callable[[], None]) -> None:
    """Calls `stop`, from another thread, when standard input ends: when the process that
    started us with a pipe is gone, however it went."""

    def wait() -> None:
        # not through sys.stdin, whose lock would be held when the interpreter ends
        while os.read(0, 1024):
            pass
        stop()

    threading.Thread(target=wait, daemon=True).start()


def try_port(host: str, port: int) -> None:
    """Raises OSError, with its reason, where no server could listen now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((host, port))


def wait_for_port(host: str, port: int, seconds: float = 60.0) -> bool:
    """Waits until something answers there; False when nothing does in this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def _stop(parts: list[Part]) -> None:
    running = [part.process for part in parts if part.process and part.process.poll() is None]
    for process in running:
        process.terminate()
    until = time.monotonic() + STOP_WITHIN
    for process in running:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
