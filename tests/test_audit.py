"""The audit: what is written there stays."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DatabaseError

from widgets import audit
from widgets.audit import COMMAND_LINE, Actor, Subject
from widgets.models import AuditEntry
from widgets.service import Service

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def write(service: Service, action: str, subject: Subject) -> None:
    with service.database.writing() as session:
        audit.record(session, COMMAND_LINE, action, subject, NOW, why="because")


@pytest.mark.parametrize("change", [update(AuditEntry).values(actor="x"), delete(AuditEntry)])
def test_the_database_itself_refuses_to_change_or_delete_an_entry(
    service: Service, change: object
) -> None:
    write(service, "added", Subject("member", "lamp-keepers", "Lamp Keepers"))

    with pytest.raises(DatabaseError, match="append-only"), service.database.writing() as session:
        session.execute(change)  # type: ignore[call-overload]
    with service.database.reading() as session:
        assert audit.entries(session).total == 1


def test_an_entry_is_only_there_if_its_change_is(service: Service) -> None:
    with suppress(RuntimeError), service.database.writing() as session:
        audit.record(session, COMMAND_LINE, "added", Subject("member", "x", "X"), NOW)
        raise RuntimeError
    with service.database.reading() as session:
        assert audit.entries(session).total == 0


def test_entries_are_found_by_kind_and_subject_the_newest_first(service: Service) -> None:
    lamp, paper = Subject("member", "lamp", "Lamp"), Subject("member", "paper", "Paper")
    for action, subject in (("added", lamp), ("added", paper), ("changed", lamp)):
        write(service, action, subject)
    write(service, "added", Subject("statement", 1, "A word"))

    with service.database.reading() as session:
        of_lamp = audit.entries(session, kind="member", subject="lamp")
        assert [entry.action for entry in of_lamp.items] == ["changed", "added"]
        assert audit.kinds(session) == ["member", "statement"]
        assert audit.entries(session, number=99).number == 1


def test_an_actor_that_is_no_editor_has_no_number() -> None:
    assert Actor("the schedule").editor_id is None
