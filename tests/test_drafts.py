"""Drafts that are deleted: which can be, and what goes with them."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.samples import publish, statement_file
from widgets import drafts, publication, statements, writing
from widgets.audit import Actor, entries
from widgets.drafts import CannotBeDeleted, Overtaken
from widgets.models import Contact, Invitation, Member, Reply, Statement, Translation, Version
from widgets.service import Service

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANNA = Actor("Anna")


def draft(service: Service, title: str = "Reopen the reading room") -> int:
    with service.database.writing() as session:
        typed = {"title": title, "lang": "en"}
        number = writing.begin(session, typed, NOW.date(), ANNA, NOW).id
        french = {"title": "Rouvrez", "body": "Texte."}
        writing.save_translation(session, number, "fr", french, 0, ANNA, NOW)
        return number


def asked(service: Service, number: int, reply: Reply | None = None) -> None:
    with service.database.writing() as session:
        session.add(Member(slug="lamp", name="Lamp"))
        contact = Contact(member_slug="lamp", name="Lee", address="lee@lamp.example")
        session.add(contact)
        session.flush()
        session.add(
            Invitation(id=uuid.uuid4(), statement_id=number, member_slug="lamp",
                       contact_id=contact.id, asked_at=NOW, reply=reply)
        )  # fmt: skip


def loss(service: Service, number: int) -> drafts.Loss:
    with service.database.reading() as session:
        return drafts.loss(session, writing.get(session, number))


def delete(service: Service, number: int, seen: str | None = None) -> list[str]:
    seen = loss(service, number).seen if seen is None else seen
    with service.database.writing() as session:
        return drafts.delete(session, number, seen, ANNA, NOW)


def test_a_draft_goes_with_its_translations_and_versions_and_the_audit_keeps_its_headline(
    service: Service,
) -> None:
    number = draft(service)
    asked(service, number)
    lines = [
        "Its text in English, Français",
        "2 versions",
        "1 contact who was asked and has not answered, and whose link then leads nowhere",
    ]
    assert loss(service, number).lines == lines

    assert delete(service, number) == []

    with service.database.reading() as session:
        for table in (Statement, Translation, Version, Invitation):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        last = entries(session).items[0]
    assert (last.actor, last.action, last.kind, last.subject, last.title, last.details) == (
        "Anna",
        "deleted",
        "statement",
        str(number),
        "Reopen the reading room",
        {"gone": lines},
    )


def test_the_number_of_a_deleted_draft_is_not_given_again(service: Service, tmp_path: Path) -> None:
    """Forms that are still open, and the audit, mean the one that was deleted."""
    first = draft(service)
    delete(service, first)
    second = draft(service)
    delete(service, second)
    publish(service, statement_file(tmp_path))

    with service.database.reading() as session:
        (imported,) = session.scalars(select(Statement.id))
    assert first < second < imported


def test_what_was_changed_since_the_editor_looked_is_not_deleted(service: Service) -> None:
    number = draft(service)
    seen = loss(service, number).seen
    asked(service, number)

    with pytest.raises(Overtaken):
        delete(service, number, seen)
    delete(service, number)


@pytest.mark.parametrize("reply", list(Reply))
def test_what_a_member_has_answered_to_is_not_deleted(service: Service, reply: Reply) -> None:
    number = draft(service)
    asked(service, number, reply)

    with pytest.raises(CannotBeDeleted, match="Members have answered to it"):
        delete(service, number)


def test_what_gathers_is_made_a_draft_first(service: Service) -> None:
    number = draft(service)
    with service.database.writing() as session:
        publication.gather(session, number, ANNA, NOW)

    with pytest.raises(CannotBeDeleted, match="Make it a draft again first"):
        delete(service, number)
    with service.database.writing() as session:
        publication.stop_gathering(session, number, ANNA, NOW)
    delete(service, number)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_what_was_public_is_not_deleted(service: Service, tmp_path: Path, withdrawn: bool) -> None:
    publish(service, statement_file(tmp_path))
    with service.database.writing() as session:
        number = session.scalars(select(Statement.id)).one()
        if withdrawn:
            publication.withdraw(session, number, {}, ANNA, NOW, with_picture=True)

    with pytest.raises(CannotBeDeleted, match="It is public, or was"):
        delete(service, number)


def test_a_picture_goes_that_nothing_else_shows(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, picture=True))
    number = draft(service)
    with service.database.writing() as session:
        public = session.scalars(select(Statement).where(Statement.id != number)).one()
        writing.get(session, number).image_id = public.image_id
    assert "Its picture, unless another statement shows the same" in loss(service, number).lines

    assert delete(service, number) == []


def test_a_draft_that_is_gone_is_not_there(service: Service) -> None:
    number = draft(service)
    seen = loss(service, number).seen
    delete(service, number, seen)

    with pytest.raises(statements.NoSuchStatement):
        delete(service, number, seen)
