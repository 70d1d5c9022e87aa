"""Deleting a draft: only what never was public, and what no member has answered to.

What was published stays, withdrawn if need be: sites have pasted its address, and readers have seen
it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy import delete as deleting
from sqlalchemy.orm import Session

from widgets import audit, languages, publication, statements, text, writing
from widgets.audit import Actor
from widgets.models import (
    AuditEntry,
    Consented,
    Invitation,
    Signatory,
    Signing,
    Standing,
    Statement,
    Version,
)


class CannotBeDeleted(Exception):
    """The text says why."""


class Overtaken(Exception):
    """Something else would go than what the editor was shown."""


@dataclass(frozen=True)
class Loss:
    """What goes with a draft. lines: in words; seen: all of it in short, another where any of it is
    another."""

    lines: list[str]
    seen: str


def hindrance(session: Session, statement: Statement) -> str:
    """Why it can't be deleted, in a sentence; "" if it can."""
    if statement.standing == Standing.GATHERING:
        return "It gathers endorsements. Make it a draft again first, under “Publish”."
    was_public = _count(
        session,
        AuditEntry.kind == "statement",
        AuditEntry.subject == str(statement.id),
        AuditEntry.action == publication.PUBLISHED,
    )
    if statement.standing != Standing.DRAFT or was_public:
        return "It is public, or was. What was public stays; it can be withdrawn, under “Publish”."
    answered = _count(
        session,
        Invitation.statement_id == statement.id,
        Invitation.reply.is_not(None),
    )
    by_themselves = (Consented.LINK, Consented.SIGNED)
    stand = _count(
        session, Signatory.statement_id == statement.id, Signatory.consented.in_(by_themselves)
    )
    if answered or stand or _count(session, Signing.statement_id == statement.id):
        return "Members have answered to it, or people have signed it. What they said is kept."
    return ""


def loss(session: Session, statement: Statement) -> Loss:
    """What goes when a statement (with its translations) is deleted."""
    names = [languages.own_name(one.lang) for one in publication.texts(statement)]
    counted = (
        (_count(session, Version.statement_id == statement.id), "version", "versions"),
        (
            _count(session, Signatory.statement_id == statement.id),
            "name under it, with the note of how consent was given",
            "names under it, with the notes of how consent was given",
        ),
        (
            _count(session, Invitation.statement_id == statement.id),
            "contact who was asked and has not answered, and whose link then leads nowhere",
            "contacts who were asked and have not answered, and whose links then lead nowhere",
        ),
    )
    lines = [
        f"Its text in {', '.join(names)}",
        *(
            f"{text.thousands(number, languages.SOURCE)} {one if number == 1 else many}"
            for number, one, many in counted
            if number
        ),
    ]
    if statement.image_id:
        lines.append("Its picture, unless another statement shows the same")
    if statement.publish_at:
        lines.append("Its publication by itself, which is set for later")
    seen = "\n".join([*lines, publication.state(statement)])
    return Loss(lines, hashlib.sha256(seen.encode()).hexdigest()[:24])


def delete(session: Session, number: int, seen: str, actor: Actor, now: datetime) -> list[str]:
    """Deletes a draft and all that hangs on it. seen: of the Loss that the editor was shown. Gives
    the digests of pictures whose files are to be removed when the transaction is committed. Raises
    NoSuchStatement, CannotBeDeleted, Overtaken."""
    statement = writing.held(session, number)
    if reason := hindrance(session, statement):
        raise CannotBeDeleted(reason)
    gone = loss(session, statement)
    if gone.seen != seen:
        raise Overtaken
    audit.record(
        session, actor, statements.DELETED, writing.subject(statement), now, gone=gone.lines
    )
    session.expunge(statement)  # the ORM would load and unlink what the database deletes
    session.execute(deleting(Statement).where(Statement.id == number))
    return statements.forget_unused_pictures(session)


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*conditions)) or 0
