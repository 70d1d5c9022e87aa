"""What editors do with those who have signed an open letter: look at them, list them or refuse
them, open the letter and close it, take its names out as a table.

`signings` is how they come in.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from widgets import audit, jobs, signatories, tables
from widgets.audit import Actor, Subject
from widgets.jobs import Outcome, Task
from widgets.models import Opening, Signing, SigningState, Statement
from widgets.models.fact import content_changed
from widgets.models.signing import SIGNED
from widgets.paging import PER_PAGE, Page
from widgets.service import Service
from widgets.signings import IN_QUESTION, move
from widgets.text import fold

AT_ONCE = 100  # names that are moved in one transaction: readers who sign wait for its end
EXPORTED = ("name", "affiliation", "country", "address", "shown", "state", "site", "language",
            "asked_at", "confirmed_at")  # fmt: skip


class Act(StrEnum):
    LIST = "list"
    REFUSE = "refuse"
    TAKE_BACK = "take back"


# Of which states, and to which; and how the audit tells it.
_ACTS: dict[Act, tuple[tuple[SigningState, ...], SigningState, str]] = {
    Act.LIST: (
        (SigningState.CONFIRMED, SigningState.REFUSED), SigningState.LISTED, "listed names under"
    ),
    Act.REFUSE: (
        (SigningState.CONFIRMED, SigningState.LISTED), SigningState.REFUSED, "refused names under"
    ),
    Act.TAKE_BACK: (
        (SigningState.LISTED, SigningState.REFUSED),
        SigningState.CONFIRMED,
        "put names back among those that wait under",
    ),
}  # fmt: skip


class Sort(StrEnum):
    """Which of those who signed an editor looks at."""

    WAITING = "waiting"
    LISTED = "listed"
    HIDDEN = "hidden"  # listed, and not shown
    REFUSED = "refused"
    TWINS = "twins"  # they may have signed twice
    ALL = "all"


@dataclass(frozen=True)
class Counts:
    """Of people, not of presses. shown: listed with their names; hidden: listed without."""

    pending: int
    waiting: int
    shown: int
    hidden: int
    refused: int
    withdrawn: int

    @property
    def listed(self) -> int:
        return self.shown + self.hidden

    @property
    def signed(self) -> int:
        """Who an editor can see."""
        return self.waiting + self.listed + self.refused


def counts(session: Session, statement_id: int) -> Counts:
    rows = session.execute(
        select(Signing.state, Signing.shows_name, func.count())
        .where(
            Signing.statement_id == statement_id,
            Signing.state != SigningState.PENDING,
            Signing.confirmed_at.is_not(None),  # or nobody has taken anything back
        )
        .group_by(Signing.state, Signing.shows_name)
    )
    found: dict[tuple[str, bool], int] = {(row[0], row[1]): row[2] for row in rows}
    other = aliased(Signing)
    pending = session.scalar(
        select(func.count(Signing.key.distinct())).where(
            Signing.statement_id == statement_id,
            Signing.state == SigningState.PENDING,
            Signing.send_at.is_not(None),
            ~exists().where(
                other.statement_id == statement_id,
                other.key == Signing.key,
                other.state != SigningState.PENDING,
            ),
        )
    )

    def of(state: SigningState) -> int:
        return found.get((state, True), 0) + found.get((state, False), 0)

    return Counts(
        pending=pending or 0,
        waiting=of(SigningState.CONFIRMED),
        shown=found.get((SigningState.LISTED, True), 0),
        hidden=found.get((SigningState.LISTED, False), 0),
        refused=of(SigningState.REFUSED),
        withdrawn=of(SigningState.WITHDRAWN),
    )


def matching(
    statement_id: int, sort: Sort = Sort.ALL, search: str = ""
) -> list[ColumnElement[bool]]:
    """The conditions for those of a statement who have confirmed and are of this sort, with all
    words of `search` in their name or affiliation."""
    wanted: list[ColumnElement[bool]] = [
        Signing.statement_id == statement_id,
        Signing.state.in_(SIGNED),
    ]
    states = {
        Sort.WAITING: SigningState.CONFIRMED,
        Sort.LISTED: SigningState.LISTED,
        Sort.HIDDEN: SigningState.LISTED,
        Sort.REFUSED: SigningState.REFUSED,
    }
    if sort in states:
        wanted.append(Signing.state == states[sort])
    if sort is Sort.HIDDEN:
        wanted.append(Signing.shows_name.is_(False))
    if sort is Sort.TWINS:
        wanted.append(Signing.state.in_(IN_QUESTION))
        wanted.append(_twins(statement_id))
    wanted.extend(
        or_(
            Signing.folded_name.contains(word, autoescape=True),
            Signing.folded_affiliation.contains(word, autoescape=True),
        )
        for word in fold(search).split()
    )
    return wanted


def _twins(statement_id: int) -> ColumnElement[bool]:
    """Whether somebody else who waits or is listed looks like this one; see
    `signings.twins`. All of them
    are looked through at once: of 100,000, to ask of each one whether it has a twin takes minutes.
    """

    def alike(*columns: Any) -> ColumnElement[int]:
        return func.count().over(partition_by=columns)

    named = Signing.folded_name
    affiliated = (Signing.folded_affiliation != "", alike(named, Signing.folded_affiliation))
    seen = (
        select(
            Signing.id,
            alike(Signing.mailbox).label("mailboxes"),
            alike(named, Signing.country).label("countries"),
            case(affiliated, else_=0).label("affiliations"),
        )
        .where(Signing.statement_id == statement_id, Signing.state.in_(IN_QUESTION))
        .subquery()
    )
    several = or_(seen.c.mailboxes > 1, seen.c.countries > 1, seen.c.affiliations > 1)
    # kept: PostgreSQL, before it has statistics, would look through all again for each of them
    found = select(seen.c.id).where(several).cte("found").prefix_with("MATERIALIZED")
    return Signing.id.in_(select(found.c.id))


def listed(
    session: Session, statement_id: int, sort: Sort, search: str = "", number: int = 1
) -> Page[Signing]:
    """A page of them, the latest first; the last page where `number` is beyond it. They are
    counted and put in order by their ids alone, and in one go: there may be 100,000."""
    order = (Signing.confirmed_at.desc(), Signing.id)
    wanted = matching(statement_id, sort, search)
    query = select(Signing.id, func.count().over()).where(*wanted).order_by(*order).limit(PER_PAGE)
    number, total = max(1, number), 0
    found = session.execute(query.offset((number - 1) * PER_PAGE)).all()
    if not found and number > 1:
        total = session.scalar(select(func.count()).select_from(Signing).where(*wanted)) or 0
        number = max(1, -(-total // PER_PAGE))
    if not found and total:
        found = session.execute(query.offset((number - 1) * PER_PAGE)).all()
    total = found[0][1] if found else 0
    ids = [row[0] for row in found]
    items = session.scalars(select(Signing).where(Signing.id.in_(ids)).order_by(*order)).all()
    return Page(items, number, max(1, -(-total // PER_PAGE)), total)


def in_turn(
    session: Session, wanted: Sequence[ColumnElement[bool]], act: Act
) -> Sequence[uuid.UUID]:
    """The ids of those whom `act` would move, in the order in which they confirmed: so they stand
    in the list too."""
    query = (
        select(Signing.id)
        .where(*wanted, Signing.state.in_(_ACTS[act][0]))
        .order_by(Signing.confirmed_at, Signing.id)
    )
    return session.scalars(query).all()


def moderate(
    session: Session,
    statement: Statement,
    act: Act,
    wanted: Sequence[ColumnElement[bool]],
    actor: Actor,
    now: datetime,
) -> int:
    """Moves those who match, AT_ONCE at most, and writes it down; how many. Nobody is moved from a
    state that the act does not start from."""
    sources, target, told = _ACTS[act]
    signatories.one_after_another(session, statement.id)
    rows = session.scalars(
        select(Signing)
        .where(*wanted, Signing.state.in_(sources))
        .order_by(Signing.confirmed_at, Signing.id)
        .limit(AT_ONCE)
        .with_for_update()
    ).all()
    for row in rows:
        move(session, row, target, now)
    if rows:
        subject = Subject("statement", statement.id, statement.title)
        # ids, not names: the audit outlives whoever asks to be forgotten
        ids = [row.id.hex[:8] for row in rows[:50]]
        audit.record(session, actor, told, subject, now, number=len(rows), signatures=ids)
        content_changed(session)
    return len(rows)


def run(service: Service, task: Task) -> Outcome:
    """The job "moderate signatures": AT_ONCE at a time. Its data are the ids of those who were
    meant when the editor pressed, as `in_turn` has them: whether somebody is there twice depends
    on what became of the others."""
    act, statement_id = Act(task.params["act"]), int(task.params["statement"])
    ids = [uuid.UUID(one) for one in (task.data or b"").decode().split()]
    while task.done < len(ids):
        some = ids[task.done : task.done + AT_ONCE]
        now = datetime.now(UTC)
        with service.database.writing() as session:
            statement = session.get_one(Statement, statement_id)
            wanted = [*matching(statement_id), Signing.id.in_(some)]
            moved = moderate(session, statement, act, wanted, task.actor, now)
            task.remember(session, moved=task.params.get("moved", 0) + moved)
            task.advance(session, task.done + len(some), len(ids), now)
        jobs.give_way()
    path = f"/admin/statements/{statement_id}/letter"
    return Outcome(f"{task.params.get('moved', 0):,} names: {DONE[act]}.", path=path)


DONE = {
    Act.LIST: "listed",
    Act.REFUSE: "refused",
    Act.TAKE_BACK: "put back among those that wait",
}


def change_opening(
    session: Session, statement: Statement, to: Opening, actor: Actor, now: datetime
) -> None:
    """Opens a statement to the public, or closes it."""
    if statement.opening == to:
        return
    was, statement.opening = statement.opening, to
    subject = Subject("statement", statement.id, statement.title)
    audit.record(session, actor, "changed who may sign", subject, now, was=was, to=to)
    content_changed(session)


def exported(session: Session, statement_id: int) -> str:
    """All who have confirmed, as a table. Times are ISO 8601 in UTC."""
    rows = session.execute(
        select(
            Signing.name, Signing.affiliation, Signing.country, Signing.address,
            Signing.shows_name, Signing.state, Signing.site, Signing.lang, Signing.asked_at,
            Signing.confirmed_at,
        )
        .where(*matching(statement_id))
        .order_by(Signing.confirmed_at, Signing.id)
        .execution_options(yield_per=1000)
    )  # fmt: skip
    return tables.written(EXPORTED, map(_exported, rows))


def _exported(row: Any) -> dict[str, str]:
    return {
        "name": row.name,
        "affiliation": row.affiliation,
        "country": row.country or "",
        "address": row.address or "",
        "shown": "yes" if row.shows_name else "no",
        "state": "waiting" if row.state == SigningState.CONFIRMED else row.state,
        "site": row.site or "",
        "language": row.lang,
        "asked_at": row.asked_at.isoformat(timespec="seconds"),
        "confirmed_at": row.confirmed_at.isoformat(timespec="seconds") if row.confirmed_at else "",
    }
