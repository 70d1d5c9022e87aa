"""Long work that an editor asks for and does not wait for: a queue in the database.

A worker holds a job under a lease, which it renews with each step. One that dies is followed by
another, which goes on after the last step that was committed.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, joinedload, undefer

from widgets import audit
from widgets.audit import Actor, Subject
from widgets.models import Database, Editor, Job, JobState

LEASE = timedelta(minutes=2)
# SQLite has one writer, and who waits for a turn looks for it every tenth of a second: long work
# that left no gap as wide would keep readers' sign-ups and the mail out until it is done.
GAP = 0.12  # seconds
FORGET_AFTER = timedelta(days=30)


class Stopped(Exception):
    """An editor has stopped the job, or another worker has taken it over."""


class CannotBeDone(Exception):
    """What the job was to do can't be done; the text tells the editor why."""


@dataclass
class Task:
    """A job that this worker holds. done: how many of its steps are committed already."""

    id: uuid.UUID
    kind: str
    params: dict[str, Any]
    data: bytes | None
    actor: Actor
    done: int
    worker: str

    def advance(self, session: Session, done: int, total: int, now: datetime) -> None:
        """Notes, in the transaction that did them, how many steps are done. Raises Stopped, and
        then the transaction must not commit."""
        held = session.scalar(
            update(Job)
            .where(Job.id == self.id, Job.state == JobState.WAITING, Job.leased_by == self.worker)
            .values(done=done, total=total, leased_until=now + LEASE)
            .returning(Job.id)
        )
        if held is None:
            raise Stopped
        self.done = done

    def remember(self, session: Session, **values: Any) -> None:
        """Keeps values in `params`, in the transaction that does a step, for the next step or for
        a worker that takes over."""
        self.params = {**self.params, **values}
        session.execute(update(Job).where(Job.id == self.id).values(params=self.params))


@dataclass(frozen=True)
class Outcome:
    """What came of a job, for the editor: a sentence, lines below it, and where to go on (a path
    of the console)."""

    text: str
    lines: Sequence[str] = ()
    path: str = ""


def give_way() -> None:
    """Between two transactions of a long work: lets others have their turn."""
    time.sleep(GAP)


def start(
    session: Session,
    editor: Editor,
    kind: str,
    now: datetime,
    *,
    params: dict[str, Any] | None = None,
    data: bytes | None = None,
    total: int = 0,
) -> uuid.UUID:
    """Puts a job in, in the caller's transaction. kind: one of widgets.work.KINDS; params: what
    can be written as JSON; data: an uploaded file; total: how many steps it has, if known."""
    job = Job(
        id=uuid.uuid4(),
        kind=kind,
        editor_id=editor.id,
        params=params or {},
        data=data,
        total=total,
        outcome={},
        created_at=now,
    )
    session.add(job)
    session.flush()
    return job.id


def get(session: Session, job_id: uuid.UUID) -> Job | None:
    return session.scalar(select(Job).options(joinedload(Job.editor)).where(Job.id == job_id))


def latest(session: Session, most: int = 20) -> Sequence[Job]:
    """The newest jobs first."""
    query = select(Job).options(joinedload(Job.editor)).order_by(Job.created_at.desc())
    return session.scalars(query.limit(most)).all()


def stop(session: Session, job_id: uuid.UUID, actor: Actor, now: datetime) -> bool:
    """Stops a job after the step that is under way. What is done stays done, and the audit tells
    how much that was."""
    stopped = session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.WAITING)
        .values(state=JobState.STOPPED, finished_at=now, data=None)
        .returning(Job)
    )
    if stopped is not None:
        _tell(session, actor, "stopped", stopped.id, stopped.kind, stopped.done, now)
    return stopped is not None


def claim(database: Database, worker: str, now: datetime) -> Task | None:
    """The oldest job that nobody works on, now ours."""
    free = and_(
        Job.state == JobState.WAITING,
        or_(Job.leased_until.is_(None), Job.leased_until < now),
    )
    with database.reading() as session:
        if session.scalar(select(Job.id).where(free).limit(1)) is None:
            return None
    with database.writing() as session:
        job = session.scalar(
            select(Job)
            .options(undefer(Job.data))
            .where(free)
            .order_by(Job.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if job is None:
            return None
        job.leased_by, job.leased_until = worker, now + LEASE
        actor = Actor.of(session.get_one(Editor, job.editor_id))
        return Task(job.id, job.kind, job.params, job.data, actor, job.done, worker)


def finish(session: Session, task: Task, outcome: Outcome, now: datetime) -> None:
    _settle(
        session,
        task,
        state=JobState.DONE,
        outcome={"text": outcome.text, "lines": list(outcome.lines)[:200], "path": outcome.path},
        finished_at=now,
    )


def fail(session: Session, task: Task, reason: str, now: datetime) -> None:
    if _settle(session, task, state=JobState.FAILED, error=reason[:2000], finished_at=now):
        _tell(session, task.actor, "could not finish", task.id, task.kind, task.done, now)


def forget(session: Session, now: datetime) -> None:
    """Deletes jobs that ended long ago."""
    for old in session.scalars(select(Job).where(Job.finished_at < now - FORGET_AFTER)):
        session.delete(old)


def _tell(
    session: Session, actor: Actor, action: str, job: uuid.UUID, kind: str, done: int, now: datetime
) -> None:
    """In the audit, which a job that ends halfway may not have told of what it did."""
    audit.record(session, actor, action, Subject("job", str(job), kind), now, done=done)


def _settle(session: Session, task: Task, **values: Any) -> bool:
    settled = session.scalar(
        update(Job)
        .where(Job.id == task.id, Job.leased_by == task.worker, Job.state == JobState.WAITING)
        .values(leased_by=None, leased_until=None, data=None, **values)
        .returning(Job.id)
    )
    return settled is not None
