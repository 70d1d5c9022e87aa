"""The program killed without a word: what was acknowledged is there, and arrives."""

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.actors import Program, Reader, Relay, wait_until
from tests.web.console.conftest import EditorAtWork
from widgets import editors
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import Role

Start = Callable[..., Program]


def mail_settings(relay: Relay) -> dict[str, str]:
    return {"SMTP_URL": relay.url, "MAIL_FROM": "news@network.example", "LEASE_SECONDS": "1"}


def test_a_sign_up_that_was_acknowledged_survives_kill_9(program: Start, relay: Relay) -> None:
    relay.__exit__()  # nothing can be delivered before the end
    served = program("serve", **mail_settings(relay)).ready()
    assert "Check your inbox" in Reader(served.url).sign_up("anna@example.org").text
    served.kill()

    relay.__enter__()
    program("serve", **mail_settings(relay)).ready()
    (mail,) = relay.wait_for(1)
    assert mail.recipients == ["anna@example.org"]


def test_a_worker_killed_while_it_sends_loses_nothing(program: Start, relay: Relay) -> None:
    reached = threading.Event()

    def hang(_envelope: object) -> str:
        reached.set()
        time.sleep(0.5)
        return "451 4.3.0 later"

    relay.answers.append(hang)
    web = program("web", **mail_settings(relay)).ready()
    first = program("worker", **mail_settings(relay))
    Reader(web.url).sign_up("anna@example.org")
    assert reached.wait(20)
    first.kill()

    program("worker", **mail_settings(relay))
    (mail,) = relay.wait_for(1)
    assert mail.recipients == ["anna@example.org"]


def test_serve_starts_a_dead_worker_again(program: Start, relay: Relay) -> None:
    served = program("serve", **mail_settings(relay)).ready()
    before = served.family()
    (worker,) = [pid for pid in before if "worker" in _command(pid)]
    os.kill(worker, signal.SIGKILL)
    wait_until(
        lambda: any("worker" in _command(pid) for pid in served.family() if pid != worker),
        20,
        "another worker",
    )
    Reader(served.url).sign_up("anna@example.org")
    assert len(relay.wait_for(1)) == 1


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def test_no_part_outlives_the_program(program: Start) -> None:
    served = program("serve").ready()
    family = served.family()
    assert len(family) >= 4
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait()

    wait_until(lambda: not any(_command(pid) for pid in family), 20, "all parts to end")


def test_it_ends_in_order_when_it_is_asked_to(program: Start) -> None:
    served = program("serve").ready()
    family = served.family()

    assert served.stop() == 0
    wait_until(lambda: not any(_command(pid) for pid in family), 20, "all parts to end")
    assert "Traceback" not in served.log.read_text()


def test_64_readers_at_once_are_all_signed_up_and_written_to(program: Start, relay: Relay) -> None:
    served = program("serve", DOMAIN_LIMIT=1000, **mail_settings(relay)).ready()
    form = Reader(served.url).open("/embed/newsletters/weekly").form
    together = threading.Barrier(64)

    def sign_up(number: int) -> int:
        reader = Reader(served.url)
        together.wait()
        fields = {**form.fields, "address": f"reader{number}@example.org"}
        return reader.post(form.action, fields).status

    with ThreadPoolExecutor(64) as crowd:
        assert list(crowd.map(sign_up, range(64))) == [303] * 64

    arrived = {mail.recipients[0] for mail in relay.wait_for(64, seconds=60)}
    assert arrived == {f"reader{number}@example.org" for number in range(64)}
    assert "locked" not in served.log.read_text()


def test_the_same_address_at_once_from_many_is_one_subscription_and_three_mails(
    program: Start, relay: Relay
) -> None:
    served = program("serve", **mail_settings(relay)).ready()
    form = Reader(served.url).open("/embed/newsletters/weekly").form
    fields = {**form.fields, "address": "anna@example.org"}

    with ThreadPoolExecutor(16) as crowd:
        statuses = crowd.map(
            lambda _: Reader(served.url).post(form.action, fields).status, range(16)
        )
        assert list(statuses) == [303] * 16

    relay.wait_for(3)
    time.sleep(1.5)  # for a fourth, if there were one
    assert len(relay.delivered) == 3
    exported = program("export", "subscribers")
    assert exported.process.wait(30) == 0
    assert exported.log.read_text().count("anna@example.org") == 1


def test_50_megabytes_are_refused_and_do_not_take_memory_or_the_server(program: Start) -> None:
    served = program("web", WEB_WORKERS=1).ready()
    size = 50 * 1024 * 1024
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=30)
    connection.putrequest("POST", "/embed/newsletters/weekly")
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    sent = 0
    try:
        while sent < size:
            connection.send(b"address=" + b"a" * 65528)
            sent += 65536
    except OSError:
        pass  # it has answered and hung up, as it may
    try:
        assert connection.getresponse().status == 413
    except OSError:
        assert sent < size
    assert Reader(served.url).open("/readyz").status == 200
    assert max(_memory(pid) for pid in served.family()) < 300_000_000


def _memory(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff\xfe\xfd\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /embed/newsletters/weekly HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /embed/newsletters/weekly HTTP/1.1\r\nHost: x\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_nobody_is_named(program: Start, garbage: bytes) -> None:
    served = program("web", WEB_WORKERS=1).ready()
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4096)

    assert answer.split()[1].startswith(b"4") or answer.split()[1] == b"501"
    assert b"Content-Security-Policy: default-src 'none'; script-src 'none'" in answer
    assert b"frame-ancestors " in answer  # a bad chunk is found by the page that reads it
    assert b"Referrer-Policy: no-referrer" in answer
    assert b"newsletters" not in answer  # nothing of what was sent comes back
    assert Reader(served.url).open("/healthz").status == 200
    assert "127.0.0.1" not in served.log.read_text()


def test_what_is_not_http_is_refused_in_the_networks_language(program: Start) -> None:
    served = program("web", LANGUAGE="ar").ready()
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = connection.makefile("rb").read().decode()

    assert answer.startswith("HTTP/1.1 400 ")
    assert '<html lang="ar" dir="rtl">' in answer
    assert "<h1>لم نتمكن من قراءة هذا</h1>" in answer


def test_who_sends_half_a_request_is_cut_off_and_the_others_are_served(program: Start) -> None:
    served = program("web", WEB_WORKERS=1, WEB_THREADS=2, REQUEST_SECONDS=1).ready()
    held = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(2)]
    for connection in held:
        connection.sendall(b"POST /embed/newsletters/weekly HTTP/1.1\r\nContent-Length: 9\r\n\r\na")
    begun = time.monotonic()

    assert Reader(served.url).open("/privacy").status == 200
    assert time.monotonic() - begun < 15
    for connection in held:
        connection.close()


@pytest.mark.parametrize(("signed_in", "status"), [(True, b" 200 "), (False, b" 303 ")])
def test_an_editor_may_send_slowly_what_a_stranger_need_not_send_at_all(
    program: Start, app: Flask, signed_in: bool, status: bytes
) -> None:
    """A picture over a slow line takes its time. To a stranger the door is shut before that."""
    served = program("web", WEB_WORKERS=1, REQUEST_SECONDS=2).ready()
    service = app.extensions["undersigned"]
    with service.database.writing() as session:
        address = parse("anna@example.org")
        editors.add(session, address, "Anna", Role.EDITOR, COMMAND_LINE, datetime.now(UTC))
    anna = EditorAtWork(app, "anna@example.org")
    if signed_in:
        anna.sign_in()
    cookie = anna.client.get_cookie("__Host-undersigned")
    head = (
        "POST /admin/sign-out HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n"
        f"Cookie: __Host-undersigned={cookie.value if cookie else ''}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(head.encode())
        for _ in range(40 if signed_in else 1):
            connection.sendall(b"a")
            time.sleep(0.12)
        answer = connection.recv(100_000)

    assert status in answer


def test_an_address_that_is_not_ours_and_a_port_that_is_taken_are_told_apart(
    program: Start,
) -> None:
    elsewhere = program("serve", HOST="192.0.2.1")
    assert elsewhere.process.wait(30) == 1
    assert "HOST must be an address of this machine" in elsewhere.log.read_text()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        second = program("serve", PORT=taken.getsockname()[1])
        assert second.process.wait(30) == 1
    assert "Something else listens on port" in second.log.read_text()


def test_it_serves_over_ipv6_where_it_is_told_to(program: Start) -> None:
    served = program("serve", HOST="::1")
    served.url = f"http://[::1]:{served.port}"
    assert "No statement yet" in Reader(served.ready().url).open("/").text
