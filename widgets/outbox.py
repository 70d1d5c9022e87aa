"""Mail committed but not yet delivered: put in with what it speaks of, claimed under a lease.

A worker that dies keeps its claim until the lease ends; then another sends the message again,
with the same Message-ID. So a message may arrive twice, and is never lost.

There are two lanes: what somebody waits for (widgets.delivery), and mail to many (widgets.bulk).
"""

import os
import socket
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from widgets.models import Digest, DigestState, Message, MessageState

GIVE_UP_AFTER = timedelta(days=3)
LONGEST_BACK_OFF = timedelta(hours=4)


def worker_name() -> str:
    """Who holds a lease: this machine and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def add(
    session: Session,
    kind: str,
    now: datetime,
    *,
    send_at: datetime | None,
    **about: uuid.UUID | int,
) -> uuid.UUID:
    """Puts a message in, in the caller's transaction. kind: one of widgets.letters.KINDS; about:
    what it speaks of, by the column of Message (sign_up_id, invitation_id, …). send_at: not
    before; None: never."""
    message = Message(
        id=uuid.uuid4(),
        kind=kind,
        **about,
        state=MessageState.WAITING if send_at else MessageState.VOID,
        not_before=send_at or now,
        created_at=now,
    )
    session.add(message)
    return message.id


def claim(
    session: Session,
    worker: str,
    now: datetime,
    lease: timedelta,
    most: int,
    *,
    bulk: bool = False,
) -> list[uuid.UUID]:
    """Takes up to `most` due messages of a lane, the oldest first, that no other worker holds."""
    ids = session.scalars(
        select(Message.id)
        .where(_due(now, bulk))
        .order_by(Message.not_before)
        .limit(most)
        .with_for_update(of=Message, skip_locked=True)  # not on SQLite, which has one writer anyway
    ).all()
    if ids:
        session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(leased_by=worker, leased_until=now + lease)
            .execution_options(synchronize_session=False)
        )
    return list(ids)


def any_due(session: Session, now: datetime, *, bulk: bool = False) -> bool:
    return session.scalar(select(Message.id).where(_due(now, bulk)).limit(1)) is not None


def renew(
    session: Session,
    worker: str,
    messages: Collection[uuid.UUID],
    now: datetime,
    lease: timedelta,
) -> set[uuid.UUID]:
    """Holds claimed messages for longer; which of them are still this worker's."""
    held = session.scalars(
        update(Message)
        .where(Message.id.in_(messages), Message.leased_by == worker)
        .values(leased_until=now + lease)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    return set(held)


# What became of a message is told by its worker. One whose lease has ended in the meantime, so
# that another holds the message now, has no say any more.


def sent(session: Session, worker: str, now: datetime, *messages: uuid.UUID) -> None:
    _settle(session, worker, *messages, state=MessageState.SENT, settled_at=now, error=None)


def void(session: Session, worker: str, now: datetime, *messages: uuid.UUID) -> None:
    """Nobody wants them any more."""
    _settle(session, worker, *messages, state=MessageState.VOID, settled_at=now)


def refused(session: Session, worker: str, message: uuid.UUID, now: datetime, reason: str) -> None:
    """For good: it is not tried again."""
    _settle(
        session, worker, message, state=MessageState.REFUSED, settled_at=now, error=reason[:500]
    )


def postponed(
    session: Session,
    worker: str,
    message: uuid.UUID,
    now: datetime,
    reason: str,
    base: timedelta,
    *,
    tries: int = 0,
) -> None:
    """Refused for now: tried again after base × 2ⁿ, and given up after GIVE_UP_AFTER and so many
    tries."""
    row = session.get(Message, message)
    if row is None:  # erased meanwhile
        return
    if now - row.created_at > GIVE_UP_AFTER and row.attempts >= tries:
        refused(session, worker, message, now, f"given up: {reason}")
        return
    wait = min(base * 2 ** min(row.attempts, 20), LONGEST_BACK_OFF)
    _settle(
        session,
        worker,
        message,
        attempts=row.attempts + 1,
        not_before=now + wait,
        error=reason[:500],
    )


def put_off(session: Session, worker: str, message: uuid.UUID, until: datetime) -> None:
    """Gives a message back whose turn comes later; that counts as no try."""
    _settle(session, worker, message, not_before=until)


def release(
    session: Session, worker: str, messages: Sequence[uuid.UUID], reason: str | None = None
) -> None:
    """Gives back what was claimed and not tried. reason: why, if it is worth a word."""
    why = {"error": reason} if reason else {}
    session.execute(
        update(Message)
        .where(Message.id.in_(messages), Message.leased_by == worker)
        .values(leased_by=None, leased_until=None, **why)
        .execution_options(synchronize_session=False)
    )


def release_of_the_dead(session: Session) -> int:
    """Gives back what processes of this machine held that are no more; how many messages."""
    machine = socket.gethostname()
    holders = session.scalars(
        select(Message.leased_by)
        .where(Message.state == MessageState.WAITING, Message.leased_by.startswith(f"{machine}:"))
        .distinct()
    ).all()
    dead = [holder for holder in holders if holder and not _lives(int(holder.rsplit(":", 1)[1]))]
    given_back = session.scalars(
        update(Message)
        .where(Message.leased_by.in_(dead))
        .values(leased_by=None, leased_until=None)
        .returning(Message.id)
    )
    return len(given_back.all())


def _due(now: datetime, bulk: bool) -> ColumnElement[bool]:
    due = and_(
        Message.state == MessageState.WAITING,
        Message.is_bulk.is_(bulk),
        Message.not_before <= now,
        or_(Message.leased_until.is_(None), Message.leased_until < now),
    )
    if not bulk:
        return due
    # What was stopped waits until somebody has it go on.
    goes_on = exists().where(Digest.id == Message.digest_id, Digest.state == DigestState.SENDING)
    return and_(due, goes_on)


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False  # ours from an earlier life: in a container the number comes again
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _settle(session: Session, worker: str, *messages: uuid.UUID, **values: object) -> None:
    session.execute(
        update(Message)
        .where(
            Message.id.in_(messages),
            Message.leased_by == worker,
            Message.state == MessageState.WAITING,
        )
        .values(leased_by=None, leased_until=None, **values)
        .execution_options(synchronize_session=False)
    )
