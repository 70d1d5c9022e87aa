"""Transactions, and the tables themselves."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from tests.conftest import Databases
from widgets import newsletters
from widgets.languages import LANGUAGES
from widgets.models import Base, Database, Message, Newsletter, Statement, Subscription
from widgets.models.database import DatabaseIsBehind, _alembic
from widgets.models.fact import content_changed, content_version
from widgets.service import Service


def test_the_migrations_make_the_tables_that_the_models_describe(service: Service) -> None:
    with service.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_new_database_has_one_newsletter(service: Service) -> None:
    with service.database.reading() as session:
        assert [one.slug for one in session.query(Newsletter)] == ["weekly"]


def test_upgrading_twice_at_once_is_upgrading_once(databases: Databases) -> None:
    url = databases.empty()
    machines = [Database(url) for _ in range(8)]
    with ThreadPoolExecutor(len(machines)) as crowd:
        list(crowd.map(Database.upgrade, machines))

    for machine in machines:
        machine.check()
        machine.close()


def test_a_database_of_another_version_is_refused_with_what_to_do(databases: Databases) -> None:
    database = Database(databases.empty())
    with pytest.raises(DatabaseIsBehind, match="run `undersigned upgrade`"):
        database.check()
    database.close()


def at_version(databases: Databases, revision: str) -> Database:
    """A database as an earlier version of the program left it."""
    database = Database(databases.empty())
    with database.engine.begin() as connection:
        command.upgrade(_alembic(connection), revision)
    return database


def test_the_first_newsletter_gets_its_words_in_every_language(databases: Databases) -> None:
    database = at_version(databases, "0001")
    database.upgrade()
    with database.reading() as session:
        for lang in LANGUAGES:
            shown = newsletters.form(session, "weekly", lang)
            assert shown.lang == lang
            assert shown.title
            assert shown.name in shown.consent_text
        assert newsletters.form(session, "weekly").lang == "en"
    database.close()


def test_a_networks_own_words_for_its_newsletter_stay_and_get_none_beside_them(
    databases: Databases,
) -> None:
    database = at_version(databases, "0001")
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE newsletters SET lang = 'de', title = 'Die Woche'"))
        connection.execute(text("UPDATE consent_texts SET lang = 'de'"))
    database.upgrade()
    with database.reading() as session:
        shown = newsletters.form(session, "weekly", "fr", "en")
        assert (shown.lang, shown.title, shown.name) == ("de", "Die Woche", "the weekly update")
        assert shown.consent_text_id == 1
    database.close()


def test_what_was_public_and_what_was_asked_for_is_known_to_issues(databases: Databases) -> None:
    database = at_version(databases, "0006")
    day = "2026-11-20 08:00:00+00:00"
    statement = (
        "INSERT INTO statements (slug, lang, title, published_on, topics, countries, body, "
        "image_alt, standing, updated_at) "
        f"VALUES (:slug, 'en', 'A', '2026-11-20', '[]', '[]', 'B', '', :standing, '{day}')"
    )
    person, subscription, message = (uuid.uuid4().hex for _ in range(3))
    with database.engine.begin() as connection:
        for slug, standing in (("a", "published"), ("b", "draft"), ("c", "withdrawn")):
            connection.execute(text(statement), {"slug": slug, "standing": standing})
        for query in (
            f"INSERT INTO subscribers VALUES ('{person}', 'k', 'a@example.org', '{day}')",
            "INSERT INTO subscriptions (id, subscriber_id, newsletter_id, state, epoch, "
            f"created_at, changed_at) VALUES ('{subscription}', '{person}', 1, 'confirmed', 1, "
            f"'{day}', '{day}')",
            "INSERT INTO sign_ups (id, subscription_id, consent_text_id, lang, mailbox, domain, "
            f"epoch, tries, asked_at) VALUES ('{message}', '{subscription}', 1, 'fr', 'm', 'd', "
            f"0, 0, '{day}')",
            "INSERT INTO outbox (id, kind, sign_up_id, state, attempts, not_before, created_at) "
            f"VALUES ('{message}', 'confirmation', '{message}', 'sent', 0, '{day}', '{day}')",
        ):
            connection.execute(text(query))
    database.upgrade()
    with database.reading() as session:
        known = session.execute(select(Statement.slug, Statement.published_at)).all()
        assert {slug: at and at.date().isoformat() for slug, at in known} == {
            "a": "2026-11-20", "b": None, "c": "2026-11-20",
        }  # fmt: skip
        assert session.scalars(select(Subscription.lang)).one() == "fr"
        kept = session.scalars(select(Message)).one()
        assert (kept.kind, kept.is_bulk) == ("confirmation", False)
    database.close()


def test_an_error_rolls_back_all_of_a_writing_transaction(service: Service) -> None:
    def change_and_fail() -> None:
        with service.database.writing() as session:
            content_changed(session)
            raise KeyError

    with pytest.raises(KeyError):
        change_and_fail()
    with service.database.reading() as session:
        assert content_version(session) == 0


def test_writers_wait_for_their_turn(service: Service) -> None:
    def bump() -> None:
        with service.database.writing() as session:
            content_changed(session)

    with service.database.writing() as session:
        content_changed(session)
    threads = [threading.Thread(target=bump) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with service.database.reading() as session:
        assert content_version(session) == 33


def test_a_commit_on_sqlite_is_on_disk(service: Service) -> None:
    if not service.database.is_sqlite:
        with service.database.engine.connect() as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        return
    with service.database.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
