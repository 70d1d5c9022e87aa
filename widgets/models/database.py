"""One engine, and two kinds of transaction: reading and writing.

SQLite lets one writer in at a time. A transaction that reads first and writes later can fail
half-way ("database is locked") however long it would have waited, so a writing transaction says
so at once (BEGIN IMMEDIATE) and waits for its turn.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.orm import Session

MIGRATIONS = Path(__file__).parent / "migrations"
SECONDS_TO_WAIT_FOR_A_TURN = 30
SECONDS_TO_CONNECT = 5


class DatabaseIsBehind(Exception):
    """The tables are older (or newer) than this version of the program."""


class Database:
    """Where everything but pictures lives.

    url: an SQLAlchemy URL; `postgresql://` is read with psycopg 3. SQLite and PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        if url.startswith(("postgresql://", "postgres://")):
            url = "postgresql+psycopg://" + url.split("://", 1)[1]
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            _create_private(url)
        self.engine: Engine = create_engine(
            url,
            pool_size=16,
            max_overflow=48,
            pool_pre_ping=True,
            connect_args={} if self.is_sqlite else {"connect_timeout": SECONDS_TO_CONNECT},
            hide_parameters=True,  # an error in the log must not tell whose address it was
        )
        self._turn: Any = nullcontext()
        if self.is_sqlite:
            # Threads of one process queue here, in order, instead of polling the file's lock.
            self._turn = threading.Lock()
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writer = self.engine.execution_options(writing=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment of the database and changes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose transaction commits, durably, when the block ends without an error."""
        with (
            self._turn,
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def upgrade(self) -> None:
        """Creates the tables, or brings them up to this version; safe from many machines."""
        with self._turn, self._writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(873405)"))
            command.upgrade(_alembic(connection), "head")

    def is_empty(self) -> bool:
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() is None

    def check(self) -> None:
        """Raises DatabaseIsBehind where the tables are not this version's."""
        with self.engine.connect() as connection:
            have = MigrationContext.configure(connection).get_current_revision()
            want = ScriptDirectory.from_config(_alembic(connection)).get_current_head()
        if have != want:
            raise DatabaseIsBehind(
                f"The database is at version {have or 'none'}, this program needs {want}: "
                "run `undersigned upgrade`."
            )

    def close(self) -> None:
        self.engine.dispose()


def insert(session: Session, model: type[Any]) -> Any:
    """An INSERT that can say ON CONFLICT, in the dialect at hand."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(model)
    return sqlite_dialect.insert(model)


def one_at_a_time(session: Session, whose: str) -> None:
    """Transactions that name the same mailbox (or domain, by their hexadecimal hashes) wait for
    each other, or two could both be the last one allowed. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": int(whose[:15], 16)})


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _create_private(url: str) -> None:
    """The file, before SQLite makes it: what it makes anybody on the machine may read."""
    name = make_url(url).database
    if name and name != ":memory:":
        with contextlib.suppress(OSError):  # SQLite will say what is wrong
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {SECONDS_TO_WAIT_FOR_A_TURN * 1000}")
    _write_ahead(cursor)
    # FULL: a commit is on disk before it is acknowledged, a power cut included.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Sets the journal's mode, once for the file. While another connection does so too, SQLite
    does not wait for its turn, as it does everywhere else, but fails at once."""
    until = time.monotonic() + SECONDS_TO_WAIT_FOR_A_TURN
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
