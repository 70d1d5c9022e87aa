"""How issues of newsletters get to their readers: begun when they are due, and put into the outbox
in steps, each of which is committed with the place that it came to.

However often a worker dies, nobody is passed over and nobody gets two.
"""

import logging
import uuid
from datetime import datetime, timedelta

from sqlalchemy import exists, func, insert, select
from sqlalchemy.orm import Session, joinedload

from widgets import digests, jobs, outbox, rhythms
from widgets.audit import SCHEDULE
from widgets.models import (
    LAST,
    Database,
    Digest,
    DigestState,
    Editor,
    Message,
    MessageState,
    Newsletter,
    Rhythm,
    Subscription,
)

log = logging.getLogger("undersigned.dispatch")

STEP = 500  # messages in one transaction
AHEAD = 5000  # messages of an issue that could go out at most before more are written
FAR_AHEAD = 200_000  # the same of all that wait: for the turn of their domain, too
HEAD_START = timedelta(days=1)  # of an alert


def run_once(database: Database, now: datetime) -> bool:
    """Begins what is due, and goes a step further with each issue that is being sent; whether
    there is more to do at once."""
    begin_due(database, now)
    with database.reading() as session:
        sending = session.scalars(
            select(Digest.id).where(Digest.state == DigestState.SENDING).order_by(Digest.started_at)
        ).all()
    return sum(expand(database, one, now) for one in sending) > 0  # each gets its turn


def begin_due(database: Database, now: datetime) -> int:
    """Begins every issue whose time has come and that may go; how many."""
    with database.reading() as session:
        regular = session.scalars(
            select(Newsletter.id).where(Newsletter.rhythm != Rhythm.NEVER)
        ).all()
        by_hand = session.scalars(
            select(Digest.id)
            .join(Newsletter, Newsletter.id == Digest.newsletter_id)
            .where(Digest.state == DigestState.APPROVED, Newsletter.rhythm == Rhythm.NEVER)
        ).all()
        due = [
            (newsletter, rhythm)
            for newsletter in regular
            for rhythm in _due(session, session.get_one(Newsletter, newsletter), now)
        ]
    begun = sum(_begin_one(database, newsletter, rhythm, now) for newsletter, rhythm in due)
    for digest_id in by_hand:
        with database.writing() as session:
            begun += _begin(session, digests.get(session, digest_id), now)
    return begun


def _due(session: Session, newsletter: Newsletter, now: datetime) -> list[str]:
    """The rhythms of a newsletter in which something may have to be begun now. Read only: it is
    asked every second."""
    found = []
    for rhythm in rhythms.wanted(session, newsletter):
        digest = digests.upcoming(session, newsletter, rhythm)
        if rhythm == Rhythm.EACH:
            is_due = bool(digests.new_for(session, newsletter, rhythm, now))
            is_due = is_due and rhythms.has_readers(session, newsletter, rhythm, now)
        else:
            is_due = digest is None or digest.due_at is None or digest.due_at <= now
            # One that waits for an editor would keep the only writer of SQLite busy.
            if digest and digest.state == DigestState.DRAFT and not newsletter.by_itself:
                is_due = is_due and not _were_told(session, digest)
        if is_due:
            found.append(rhythm)
    return found


def _begin_one(database: Database, newsletter_id: int, rhythm: str, now: datetime) -> int:
    if rhythm == Rhythm.EACH:
        return _begin_alerts(database, newsletter_id, now)
    with database.writing() as session:
        newsletter = session.get_one(Newsletter, newsletter_id)
        digest = digests.prepare(session, newsletter, rhythm, now)
        if digest.due_at is None or digest.due_at > now:
            return 0
        if not digests.contents(session, digest, now):
            _wait_for_the_next(session, digest, now)
            return 0
        if digest.state != DigestState.APPROVED and not newsletter.by_itself:
            _tell_editors(session, digest, now)
            return 0
        return _begin(session, digest, now)


def _begin(session: Session, digest: Digest, now: datetime) -> int:
    try:
        digests.begin(session, digest.id, SCHEDULE, now)
    except digests.CannotBe as reason:
        log.info("an issue of %s was passed over: %s", digest.newsletter.slug, reason)
        _wait_for_the_next(session, digest, now)
        return 0
    return 1


def _wait_for_the_next(session: Session, digest: Digest, now: datetime) -> None:
    """Nothing new, nothing sent. What an editor wrote for it stays."""
    if digest.state == DigestState.APPROVED:
        digests.reopen(session, digest.id, SCHEDULE, now)
    if digest.newsletter.rhythm != Rhythm.NEVER and digest.rhythm != Rhythm.EACH:
        digest.due_at = rhythms.next_due(digest.newsletter, digest.rhythm, now)


def _begin_alerts(database: Database, newsletter_id: int, now: datetime) -> int:
    """An issue for each statement that is new, the oldest first. That it was published is the
    approval."""
    begun = 0
    while True:
        with database.writing() as session:
            newsletter = session.get_one(Newsletter, newsletter_id)
            new = digests.new_for(session, newsletter, Rhythm.EACH, now)
            if not new or not rhythms.has_readers(session, newsletter, Rhythm.EACH, now):
                return begun
            digest = digests.prepare(session, newsletter, Rhythm.EACH, now)
            digests.choose_only(session, digest, new[-1])
            digests.begin(session, digest.id, SCHEDULE, now)
            begun += 1


def _tell_editors(session: Session, digest: Digest, now: datetime) -> None:
    """Once: that an issue is due, and waits for somebody to approve it."""
    if _were_told(session, digest):
        return
    for editor in session.scalars(select(Editor).where(Editor.removed_at.is_(None))):
        outbox.add(
            session, "issue-waits", now, send_at=now, digest_id=digest.id, editor_id=editor.id
        )


def _were_told(session: Session, digest: Digest) -> bool:
    told = exists().where(Message.digest_id == digest.id, Message.kind == "issue-waits")
    return bool(session.scalar(select(told)))


def expand(database: Database, digest_id: uuid.UUID, now: datetime) -> bool:
    """Writes the next messages of an issue, up to AHEAD of those that were sent; notes its end when
    everybody has got it. Whether there is more to write at once."""
    with database.reading() as session:
        digest = session.get(Digest, digest_id)
        if digest is None or digest.state != DigestState.SENDING:
            return False
        if _waiting(session, digest, AHEAD, now) == AHEAD:
            return False
        if _waiting(session, digest, FAR_AHEAD) == FAR_AHEAD:
            return False
    with database.writing() as session:
        held = session.scalar(
            select(Digest)
            .options(joinedload(Digest.newsletter))
            .where(Digest.id == digest_id, Digest.state == DigestState.SENDING)
            .with_for_update(of=Digest, skip_locked=True)
        )
        if held is None:  # stopped meanwhile, or another worker is at it
            return False
        if held.cursor == LAST:
            if not _waiting(session, held, 1):
                digests.finish(session, held, now)
            return False
        _write(session, held, now)
    jobs.give_way()
    return True


def _write(session: Session, digest: Digest, now: datetime) -> None:
    started = digest.started_at
    assert started
    query = (
        select(Subscription.id)
        .where(
            rhythms.gets(digest.newsletter, digest.rhythm, started),
            Subscription.changed_at <= started,  # who came later gets the next
        )
        .order_by(Subscription.id)
        .limit(STEP)
    )
    if digest.cursor is not None:
        query = query.where(Subscription.id > digest.cursor)
    to = session.scalars(query).all()
    # The outbox is emptied by this moment: an alert goes before the issue that is under way.
    turn = now - HEAD_START if digest.rhythm == Rhythm.EACH else now
    if to:
        session.execute(
            insert(Message),
            [
                {
                    "id": uuid.uuid4(),
                    "kind": "issue",
                    "is_bulk": True,
                    "digest_id": digest.id,
                    "subscription_id": subscription,
                    "state": MessageState.WAITING,
                    "attempts": 0,
                    "not_before": turn,
                    "created_at": now,
                }
                for subscription in to
            ],
        )
    digest.expanded += len(to)
    digest.cursor = to[-1] if len(to) == STEP else LAST


def _waiting(session: Session, digest: Digest, most: int, due_at: datetime | None = None) -> int:
    """How many messages of an issue wait (or would go out at a moment), counted up to `most`."""
    waiting = select(Message.id).where(
        Message.digest_id == digest.id, Message.state == MessageState.WAITING
    )
    if due_at:
        waiting = waiting.where(Message.not_before <= due_at)
    return session.scalar(select(func.count()).select_from(waiting.limit(most).subquery())) or 0
