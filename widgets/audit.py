"""Who changed what: written in the transaction of the change, never changed, never deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from widgets.models import AuditEntry, Editor
from widgets.paging import Page, paged


@dataclass(frozen=True)
class Actor:
    """Who acts: an editor, or whatever else `name` says ("the command line")."""

    name: str
    editor_id: int | None = None

    @classmethod
    def of(cls, editor: Editor) -> "Actor":
        return cls(editor.name, editor.id)


COMMAND_LINE = Actor("the command line")
SCHEDULE = Actor("the schedule")


@dataclass(frozen=True)
class Subject:
    """What is changed: its kind ("statement", "member", …), the id or slug it is known by there,
    and what it is called. Of a subscriber never the address: the audit outlives their record."""

    kind: str
    key: str | int
    title: str


def record(
    session: Session, actor: Actor, action: str, subject: Subject, now: datetime, **details: Any
) -> None:
    """Writes one entry. action: in the past, as it is read after the actor's name ("published");
    details: what can be written as JSON."""
    session.add(
        AuditEntry(
            at=now,
            editor_id=actor.editor_id,
            actor=actor.name,
            action=action,
            kind=subject.kind,
            subject=str(subject.key),
            title=subject.title[:300],
            details=details,
        )
    )


def entries(
    session: Session,
    *,
    kind: str = "",
    subject: str = "",
    actor: str = "",
    number: int = 1,
) -> Page[AuditEntry]:
    """A page of the audit, the newest first: all of it, or of one kind, one subject, one actor, as
    they were called then."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    if kind:
        query = query.where(AuditEntry.kind == kind)
    if subject:
        query = query.where(AuditEntry.subject == subject)
    if actor:
        query = query.where(AuditEntry.actor == actor)
    return paged(session, query, number)


def actors(session: Session) -> Sequence[str]:
    """Who has changed anything, as they were called then; but for members' contacts, of whom there
    are too many to choose from."""
    works_here = or_(
        AuditEntry.editor_id.is_not(None),
        AuditEntry.actor.in_([COMMAND_LINE.name, SCHEDULE.name]),
    )
    query = select(AuditEntry.actor).where(works_here).distinct().order_by(AuditEntry.actor)
    return session.scalars(query).all()


def kinds(session: Session) -> Sequence[str]:
    """Of what there are entries."""
    return session.scalars(select(AuditEntry.kind).distinct().order_by(AuditEntry.kind)).all()
