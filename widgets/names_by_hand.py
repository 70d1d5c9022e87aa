"""What an editor does to the names under a statement: adds, corrects, takes away. Each time it is
written down how it is known that a name may stand there."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets import audit, endorsing, jobs, signatories, text
from widgets.audit import Actor
from widgets.jobs import CannotBeDone, Outcome, Task
from widgets.models import Consented, Editor, Member, Signatory, Statement
from widgets.models.fact import content_changed
from widgets.paging import Page, paged
from widgets.service import Service
from widgets.signatories import Name, Table

LONGEST_NOTE = 500  # characters
LARGEST_TABLE = 4_000_000  # bytes
AT_ONCE = 500  # names of a table that are added in one transaction


class NoSuchName(Exception):
    """It doesn't stand under the statement (any more)."""


class NoNote(ValueError):
    """It is not told how consent was given; the text asks for it."""


def found(session: Session, statement_id: int, search: str, number: int) -> Page[Signatory]:
    """A page of the names under a statement, those last added first, that have all words of a
    search in them."""
    query = (
        select(Signatory)
        .where(Signatory.statement_id == statement_id)
        .order_by(Signatory.position.desc())
    )
    for word in text.fold(search).split():
        query = query.where(Signatory.folded.contains(word, autoescape=True))
    return paged(session, query, number)


def get(session: Session, statement_id: int, signatory_id: int) -> Signatory:
    """One of the names under this statement. Raises NoSuchName; also for somebody who signed the
    open letter, about whom `signings` decides: the audit would keep their name for good here."""
    row = session.get(Signatory, signatory_id)
    if row is None or row.statement_id != statement_id or row.consented == Consented.SIGNED:
        raise NoSuchName
    return row


def add(
    session: Session, editor: Editor, statement_id: int, name: Name, note: str, now: datetime
) -> None:
    """Puts a name under a statement; it is its member's, if one has this name. Raises NoNote, and
    signatories.Twin where it stands there already, or may: one of the two has no country."""
    note = checked_note(note)
    signatories.one_after_another(session, statement_id)
    statement = session.get_one(Statement, statement_id)
    if signatories.may_stand(session, statement_id, name):
        raise signatories.Twin(name.name)
    signatories.add(session, statement_id, name, consented=Consented.BY_HAND, note=note)
    _know_members(session, statement_id)
    _note(session, editor, "added a name to", statement, now, name=name.name, note=note)


def correct(
    session: Session, editor: Editor, statement_id: int, signatory_id: int, name: Name,
    now: datetime,
) -> None:  # fmt: skip
    """Writes a name, its country or its address differently. Raises NoSuchName, and
    signatories.Twin."""
    signatories.one_after_another(session, statement_id)
    statement = session.get_one(Statement, statement_id)
    row = get(session, statement_id, signatory_id)
    before = Name(row.name, row.country, row.url)
    if before == name:
        return
    signatories.correct(session, signatory_id, name)
    _note(session, editor, "corrected a name under", statement, now,
          before=_told(before), after=_told(name))  # fmt: skip


def remove(
    session: Session, editor: Editor, statement_id: int, signatory_id: int, now: datetime
) -> str:
    """Takes a name away; what it was. How it was consented to is kept in the audit.
    Raises NoSuchName."""
    signatories.one_after_another(session, statement_id)
    statement = session.get_one(Statement, statement_id)
    row = get(session, statement_id, signatory_id)
    signatories.remove(session, signatory_id)
    _note(session, editor, "took a name away from", statement, now,
          name=_told(Name(row.name, row.country, row.url)),
          consented=row.consented, note=row.note or "")  # fmt: skip
    return row.name


def start_table(
    session: Session,
    editor: Editor,
    statement_id: int,
    data: bytes,
    table: Table,
    note: str,
    now: datetime,
) -> uuid.UUID:
    """Has the names of a table (`table` is how `data` was read) added; the job that does it.
    Raises NoNote."""
    note = checked_note(note)
    statement = session.get_one(Statement, statement_id)
    audit.record(
        session,
        Actor.of(editor),
        "added a table of names to",
        endorsing.about(statement),
        now,
        names=len(table.names),
        note=note,
    )
    return jobs.start(
        session,
        editor,
        "add names",
        now,
        params={"statement": statement_id, "note": note},
        data=data,
        total=len(table.names),
    )


def add_table(service: Service, task: Task) -> Outcome:
    """The job. Names that stand there already are passed over."""
    statement_id = task.params["statement"]
    table = signatories.read_csv(task.data or b"")
    twins: list[Name] = []
    while task.done < len(table.names):
        now = datetime.now(UTC)
        some = table.names[task.done : task.done + AT_ONCE]
        with service.database.writing() as session:
            signatories.one_after_another(session, statement_id)
            statement = session.get(Statement, statement_id)
            if statement is None:
                raise CannotBeDone("Meanwhile the statement was deleted.")
            twins += signatories.add_all(
                session,
                statement_id,
                some,
                consented=Consented.BY_HAND,
                note=task.params["note"],
            )
            _know_members(session, statement_id)
            if statement.standing in endorsing.PUBLIC:
                content_changed(session)
            task.advance(session, task.done + len(some), len(table.names), now)
        jobs.give_way()
    with service.database.reading() as session:
        count = signatories.count(session, statement_id)
    lines = [f"Line {line}: {reason}" for line, reason in table.warnings]
    lines += [f"“{name.name}” stood there already" for name in twins]
    return Outcome(
        f"{len(table.names) - len(twins):,} names are added; {count:,} stand there now.",
        lines,
        f"/admin/statements/{statement_id}/endorsements/names",
    )


def checked_note(note: str) -> str:
    """How consent was given, cleaned. Raises NoNote."""
    note = text.clean_lines(note).strip()
    if not text.has_substance(note):
        raise NoNote(
            "Write how you know that the name may stand here: “by mail of Maria, 3 March”."
        )
    if len(note) > LONGEST_NOTE:
        raise NoNote(f"These are {len(note):,} characters; {LONGEST_NOTE} are the most.")
    return note


def _know_members(session: Session, statement_id: int) -> None:
    """Names that are a member's become known as theirs, so that it isn't asked in vain and can take
    its name away itself."""
    session.flush()
    members = session.scalars(select(Member).where(Member.left_at.is_(None))).all()
    for slug, row in endorsing.standing_of(session, statement_id, members).items():
        row.member_slug = slug


def _note(
    session: Session, editor: Editor, action: str, statement: Statement, now: datetime,
    **details: str,
) -> None:  # fmt: skip
    if statement.standing in endorsing.PUBLIC:
        content_changed(session)
    audit.record(session, Actor.of(editor), action, endorsing.about(statement), now, **details)


def _told(name: Name) -> str:
    return ", ".join(part for part in (name.name, name.country, name.url) if part)
