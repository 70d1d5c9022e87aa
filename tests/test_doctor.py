"""The doctor: what it looks at, and what it says."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.actors import Relay
from tests.name_server import NameServer
from tests.test_cli import Run
from tests.test_mail_dns import GOOD, key
from widgets import doctor, outbox
from widgets.doctor import World
from widgets.mail_dns import Finding, Level, Plan
from widgets.models import Editor, Feed
from widgets.service import Service, open_service
from widgets.settings import Settings

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def world(authority: trustme.CA) -> Iterator[World]:
    """A name server with a good zone, and an authority of our own."""
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with NameServer(GOOD) as names:
        yield World(names.resolver(), trusted)


def context(authority: trustme.CA, until: timedelta = timedelta(days=90)) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", not_after=NOW + until).configure_cert(made)
    return made


def about(told: list[Finding], what: str) -> list[Finding]:
    return [one for one in told if one.about == what]


def real(make_settings: Callable[..., Settings], **changes: object) -> Settings:
    """Settings of production."""
    return make_settings(
        SECRET_KEY="a long and random secret 123",
        BASE_URL="https://widgets.network.org",
        SMTP_URL="smtp://localhost:9",
        MAIL_FROM="Network <news@network.org>",
        **changes,
    )


def test_a_trial_is_not_looked_up(service: Service, world: World) -> None:
    told = doctor.examine(service, world, NOW)

    assert {one.level for one in told} == {Level.OK, Level.HINT}
    assert [one.about for one in told] == ["settings", "disk", "database", "worker", "relay"]


def test_what_is_planned_comes_from_the_settings(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = real(
        make_settings, RETURN_PATH="back@bounces.network.org", DKIM_SELECTOR="us",
        DKIM_KEY=key(tmp_path), REPORTS_URL="maildir:///var/mail/back",
    )  # fmt: skip

    assert doctor.plan(settings) == Plan(
        "network.org", "bounces.network.org", "localhost", True, "widgets.network.org", "us",
        settings.dkim_key, True,
    )  # fmt: skip


def test_dns_is_asked_in_production(
    make_settings: Callable[..., Settings], service: Service, world: World
) -> None:
    opened = open_service(real(make_settings))
    told = doctor.examine(opened, world, NOW)
    opened.database.close()

    assert [one.level for one in about(told, "DMARC")] == [Level.OK]
    assert about(told, "relay")[0].text.startswith("The relay localhost:9 can’t be reached")
    assert about(told, "https")[0].level is Level.PROBLEM


# The relay


def relay_of(service: Service, relay: Relay, world: World, query: str = "") -> Finding:
    settings = Settings(**{**vars(service.settings), "smtp_url": relay.url + query})
    return doctor._relay(settings, world, NOW)[-1]


def test_a_relay_with_a_good_certificate(
    service: Service, world: World, authority: trustme.CA
) -> None:
    with Relay(certificate=context(authority)) as relay:
        assert relay_of(service, relay, world).text == (
            f"localhost:{relay.port} answers with TLS; its certificate holds for 89 more days."
        )


def test_a_certificate_that_ends_soon(
    service: Service, world: World, authority: trustme.CA
) -> None:
    with Relay(certificate=context(authority, timedelta(days=3))) as relay:
        told = relay_of(service, relay, world)

    assert told.level is Level.WARNING
    assert "It should have been renewed by now." in told.text


def test_a_certificate_that_nobody_knows(service: Service, world: World) -> None:
    with Relay(certificate=context(trustme.CA())) as relay:
        told = relay_of(service, relay, world)
        assert told.level is Level.WARNING
        assert "Mail is sent there all the same." in told.text
        assert relay_of(service, relay, world, "?starttls=required").level is Level.PROBLEM


def test_a_relay_without_tls(service: Service, world: World, relay: Relay) -> None:
    assert relay_of(service, relay, world).level is Level.OK
    assert "offers no TLS" in relay_of(service, relay, world, "?starttls=required").text


@pytest.mark.parametrize(("password", "level"), [("word", Level.OK), ("no", Level.PROBLEM)])
def test_the_password_is_tried(
    service: Service, world: World, authority: trustme.CA, password: str, level: Level
) -> None:
    with Relay(certificate=context(authority), user="us", password="word") as relay:
        url = f"smtp://us:{password}@localhost:{relay.port}"
        settings = Settings(**{**vars(service.settings), "smtp_url": url})
        told = doctor._relay(settings, world, NOW)[-1]

    assert told.level is level
    assert "word" not in told.text.replace("password", "")


def test_what_talks_but_is_no_relay(service: Service, world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def talk() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        settings = Settings(**{**vars(service.settings), "smtp_url": f"smtp://localhost:{port}"})
        told = doctor._relay(settings, world, NOW)[-1]

    assert told.level is Level.PROBLEM


# https


@pytest.mark.parametrize(
    ("status", "headers", "level", "says"),
    [
        (200, {"Strict-Transport-Security": "max-age=1"}, Level.OK, "HSTS"),
        (200, {}, Level.WARNING, "without HSTS"),
        (502, {}, Level.PROBLEM, "answers 502"),
    ],
)
def test_the_public_address_is_asked(
    service: Service,
    world: World,
    authority: trustme.CA,
    status: int,
    headers: dict[str, str],
    level: Level,
    says: str,
) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context(authority).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url = f"https://localhost:{server.server_port}"
    told = doctor._asked_over_https(url, world, NOW)
    server.shutdown()
    server.server_close()

    assert told[0].level is Level.OK
    assert told[-1].level is level
    assert says in told[-1].text


# The rest


def test_mail_that_no_worker_takes_up_is_a_problem(service: Service, world: World) -> None:
    with service.database.writing() as session:
        editor = Editor(address="a@example.org", name="A", role="editor", created_at=NOW)
        session.add(editor)
        session.flush()
        then = NOW - timedelta(hours=2)
        outbox.add(session, "test", then, send_at=then, editor_id=editor.id)
    told = about(doctor.examine(service, world, NOW), "worker")

    assert [one.level for one in told] == [Level.PROBLEM]
    assert "No worker runs: mails (1) and other work (0) wait" in told[0].text


def test_a_feed_that_nobody_fetches_tells_it_too(service: Service, world: World) -> None:
    with service.database.writing() as session:
        session.add(
            Feed(slug="f", url="https://f.example", next_fetch_at=NOW - timedelta(hours=1),
                 failures=0)
        )  # fmt: skip

    assert about(doctor.examine(service, world, NOW), "worker")[0].level is Level.PROBLEM


def test_one_that_fails_hides_nothing(
    service: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: 1 / 0)
    told = doctor.examine(service, world, NOW)

    assert about(told, "disk")[0].text.startswith("This could not be looked at: ZeroDivisionError")
    assert about(told, "worker")


def test_the_command(run: Run) -> None:
    told = run("doctor", BASE_URL="http://127.0.0.1:8000")
    assert told.exit_code == 0
    assert "OK       database: The database answers, and is of this version.\n" in told.output
    found = json.loads(run("doctor", "--json", BASE_URL="http://127.0.0.1:8000").output)
    assert {one["level"] for one in found} == {"ok", "hint"}


def test_the_command_ends_with_1_where_nothing_can_start(run: Run) -> None:
    told = run("doctor", "--json", BASE_URL="https://widgets.network.org", MAIL_FROM="nobody")

    assert told.exit_code == 1
    assert "UNDERSIGNED_SMTP_URL is missing" in json.loads(told.output)[0]["text"]
