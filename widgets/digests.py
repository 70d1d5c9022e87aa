"""Issues of newsletters: what is in each, and its way from draft to sent.

`editions` is what an issue says; `dispatch` is how it gets to its readers.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session, joinedload

from widgets import audit, editions, rhythms
from widgets.audit import Actor, Subject
from widgets.models import (
    Digest,
    DigestState,
    DigestStatement,
    DigestText,
    Message,
    MessageState,
    Newsletter,
    Rhythm,
    Standing,
    Statement,
)
from widgets.models.fact import content_changed
from widgets.refusals import kind_of_refusal
from widgets.text import clean, clean_lines

# What is older is no news, also where it was never in an issue.
FRESH_FOR = {
    Rhythm.EACH: timedelta(days=3),
    Rhythm.WEEKLY: timedelta(days=21),
    Rhythm.MONTHLY: timedelta(days=62),
}
LONGEST_SUBJECT = 150  # characters
LONGEST_INTRODUCTION = 5000
LATELY = timedelta(minutes=5)
STEP = 1000  # rows in one statement
SETTLED = (MessageState.SENT, MessageState.REFUSED, MessageState.VOID)
NOT_BEGUN = (DigestState.DRAFT, DigestState.APPROVED)


class NoSuchDigest(Exception):
    """There is no such issue, or not any more."""


class CannotBe(Exception):
    """The issue can't be brought into that state; the text says why."""


class Overtaken(Exception):
    """Somebody has changed the issue since it was shown."""


class BadText(ValueError):
    """What can't be kept. problems: a sentence for the editor by the name of the field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class Progress:
    """How far the sending of an issue is. total: how many it is for; sent, refused, void (who left
    meanwhile, or wanted nothing of what is in it), waiting: how many of them; seconds_left: an
    estimate, None where nothing can be said."""

    total: int
    sent: int
    refused: int
    void: int
    waiting: int
    seconds_left: float | None

    @property
    def done(self) -> int:
        return self.sent + self.refused + self.void


def get(session: Session, digest_id: uuid.UUID, *, lock: bool = False) -> Digest:
    """Raises NoSuchDigest. lock: nobody else changes it until the transaction ends."""
    query = select(Digest).options(joinedload(Digest.newsletter)).where(Digest.id == digest_id)
    if lock:
        query = query.with_for_update(of=Digest).execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NoSuchDigest(digest_id)
    return found


def upcoming(session: Session, newsletter: Newsletter, rhythm: str) -> Digest | None:
    """The issue that has not begun to be sent, if there is one."""
    return session.scalar(
        select(Digest)
        .options(joinedload(Digest.newsletter))
        .where(
            Digest.newsletter_id == newsletter.id,
            Digest.rhythm == rhythm,
            Digest.state.in_(NOT_BEGUN),
        )
    )


def prepare(session: Session, newsletter: Newsletter, rhythm: str, now: datetime) -> Digest:
    """The same; made where there is none yet. Of a newsletter that comes by itself it has the
    moment at which it is due."""
    # Two who prepare at once wait for each other.
    session.scalar(select(Newsletter.id).where(Newsletter.id == newsletter.id).with_for_update())
    found = upcoming(session, newsletter, rhythm)
    if found is None:
        found = Digest(
            id=uuid.uuid4(),
            newsletter=newsletter,
            rhythm=rhythm,
            state=DigestState.DRAFT,
            created_at=now,
            changed_at=now,
        )
        session.add(found)
    is_late = found.due_at is not None and found.due_at <= now
    due_at = rhythms.due(newsletter, rhythm, now)
    if due_at is None or not is_late:
        found.due_at = due_at
    session.flush()
    return found


def sent_before(session: Session, newsletter: Newsletter, most: int = 50) -> Sequence[Digest]:
    """The issues that are being sent or were, the newest first."""
    return session.scalars(
        select(Digest)
        .options(joinedload(Digest.newsletter))
        .where(Digest.newsletter_id == newsletter.id, Digest.number.is_not(None))
        .order_by(Digest.number.desc())
        .limit(most)
    ).all()


def by_number(session: Session, slug: str, number: int) -> Digest:
    """An issue by its public address. Raises NoSuchDigest."""
    found = session.scalar(
        select(Digest)
        .options(joinedload(Digest.newsletter))
        .join(Newsletter, Newsletter.id == Digest.newsletter_id)
        .where(Newsletter.slug == slug, Digest.number == number)
    )
    if found is None:
        raise NoSuchDigest(f"{slug} {number}")
    return found


def last_number(session: Session, newsletter: Newsletter, rhythm: str) -> int:
    """Of the latest issue of a rhythm that has begun to be sent; 0 where none has."""
    last = select(func.max(Digest.number)).where(
        Digest.newsletter_id == newsletter.id, Digest.rhythm == rhythm
    )
    return session.scalar(last) or 0


def under_way(session: Session) -> Sequence[Digest]:
    """The issues that are being sent, or were stopped, the newest first."""
    return session.scalars(
        select(Digest)
        .options(joinedload(Digest.newsletter))
        .where(Digest.state.in_((DigestState.SENDING, DigestState.STOPPED)))
        .order_by(Digest.started_at.desc())
    ).all()


def proposed(session: Session, digest: Digest, now: datetime) -> list[int]:
    """What is new since the last issues of this rhythm, the newest first: the ids of statements
    that stand and were in none of them, those that are left out of this one among them."""
    return new_for(session, digest.newsletter, digest.rhythm, now)


def new_for(session: Session, newsletter: Newsletter, rhythm: str, now: datetime) -> list[int]:
    """The same, whether there is a draft or not."""
    query = (
        select(Statement.id)
        .where(
            Statement.standing == Standing.PUBLISHED,
            Statement.published_at >= now - FRESH_FOR[Rhythm(rhythm)],
            Statement.id.not_in(_in_earlier_ones(newsletter, rhythm)),
        )
        .order_by(Statement.published_at.desc(), Statement.id.desc())
    )
    if newsletter.digests_since is not None:
        query = query.where(Statement.published_at >= newsletter.digests_since)
    if newsletter.only_urgent:
        query = query.where(Statement.is_urgent)
    return list(session.scalars(query))


def is_news(
    session: Session,
    newsletter: Newsletter,
    rhythm: str,
    statement: Statement,
    now: datetime,
    *,
    is_urgent: bool,
) -> bool:
    """Whether a statement would be new for this rhythm if it were published now, as urgent or
    not."""
    if newsletter.only_urgent and not is_urgent:
        return False
    at = statement.published_at or now  # what was withdrawn keeps the moment that it has
    oldest = max(now - FRESH_FOR[Rhythm(rhythm)], newsletter.digests_since or at)
    if at < oldest:
        return False
    earlier = _in_earlier_ones(newsletter, rhythm)
    return not session.scalar(
        select(exists(earlier.where(DigestStatement.statement_id == statement.id)))
    )


def _in_earlier_ones(newsletter: Newsletter, rhythm: str) -> Select[int]:
    query = (
        select(DigestStatement.statement_id)
        .join(Digest, Digest.id == DigestStatement.digest_id)
        .where(Digest.newsletter_id == newsletter.id, Digest.state.not_in(NOT_BEGUN))
    )
    # What was in a weekly issue is not sent at once any more: else a newsletter that begins to
    # come for each statement would send its readers once more what they have just read.
    return query if rhythm == Rhythm.EACH else query.where(Digest.rhythm == rhythm)


def left_out(session: Session, digest: Digest) -> set[int]:
    """What an editor has left out of an issue."""
    return set(
        session.scalars(
            select(DigestStatement.statement_id).where(
                DigestStatement.digest_id == digest.id, DigestStatement.is_in.is_(False)
            )
        )
    )


def contents(session: Session, digest: Digest, now: datetime) -> list[int]:
    """The statements in an issue, in their order: of a draft, what it would have now. What was
    withdrawn is in none that has yet to begin."""
    if digest.state == DigestState.DRAFT:
        out = left_out(session, digest)
        return [one for one in proposed(session, digest, now) if one not in out]
    query = (
        select(DigestStatement.statement_id)
        .where(DigestStatement.digest_id == digest.id, DigestStatement.is_in)
        .order_by(DigestStatement.position)
    )
    if digest.state == DigestState.APPROVED:
        query = query.join(Statement, Statement.id == DigestStatement.statement_id).where(
            Statement.standing == Standing.PUBLISHED
        )
    return list(session.scalars(query))


def published_since(session: Session, digest: Digest, now: datetime) -> int:
    """How many statements are new since an issue was approved, and not in it."""
    known = set(contents(session, digest, now)) | left_out(session, digest)
    return sum(one not in known for one in proposed(session, digest, now))


def texts(session: Session, digest: Digest) -> dict[str, DigestText]:
    """What editors wrote above the statements, by language."""
    found = session.scalars(
        select(DigestText).where(DigestText.digest_id == digest.id).order_by(DigestText.lang)
    )
    return {text.lang: text for text in found}


def fingerprint(session: Session, digest: Digest, now: datetime) -> str:
    """Tells whether anything that editors decide about an issue has changed since it was shown."""
    return _fingerprint(session, digest, digest.state, now)


def _fingerprint(session: Session, digest: Digest, state: str, now: datetime) -> str:
    words = [(one.lang, one.subject, one.introduction) for one in texts(session, digest).values()]
    whole = (str(state), contents(session, digest, now), words)
    return hashlib.sha256(repr(whole).encode()).hexdigest()[:16]


def text_fingerprint(text: DigestText | None) -> str:
    """The same of the text in one language."""
    words = (text.subject, text.introduction) if text else ("", "")
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]


def write(
    session: Session,
    digest_id: uuid.UUID,
    lang: str,
    typed: Mapping[str, str],
    seen: str,
    actor: Actor,
    now: datetime,
) -> bool:
    """Writes the subject and the introduction in a language; whether that changed anything. seen:
    the text_fingerprint of what was shown. An approved issue becomes a draft again. Raises
    NoSuchDigest, BadText, CannotBe and Overtaken."""
    digest = _not_begun(session, digest_id)
    subject = " ".join(clean(typed.get("subject", "")).split())
    introduction = clean_lines(typed.get("introduction", "")).strip()
    problems = {}
    if len(subject) > LONGEST_SUBJECT:
        problems["subject"] = f"A subject has room for {LONGEST_SUBJECT} characters."
    if len(introduction) > LONGEST_INTRODUCTION:
        problems["introduction"] = (
            f"This has {len(introduction):,} characters; {LONGEST_INTRODUCTION:,} is the most "
            "there can be."
        )
    if problems:
        raise BadText(problems)
    old = session.get(DigestText, (digest.id, lang))
    was = (old.subject, old.introduction) if old else ("", "")
    if was == (subject, introduction):
        return False
    if seen != text_fingerprint(old):
        raise Overtaken
    if subject or introduction:
        session.merge(
            DigestText(digest_id=digest.id, lang=lang, subject=subject, introduction=introduction)
        )
    elif old:
        session.delete(old)
    session.flush()
    _reopen(session, digest)
    _note(session, digest, actor, "wrote the introduction of", now, lang=lang)
    return True


def choose(
    session: Session,
    digest_id: uuid.UUID,
    leave_out: Sequence[int],
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> bool:
    """Leaves these statements out, and takes all others in; whether that changed anything. An
    approved issue becomes a draft again. seen: its fingerprint when the editor looked. Raises
    NoSuchDigest, CannotBe and Overtaken."""
    digest = _not_begun(session, digest_id)
    out = set(leave_out) & set(proposed(session, digest, now))
    if out == left_out(session, digest):
        return False
    _check_seen(session, digest, seen, now)
    _reopen(session, digest)
    session.execute(delete(DigestStatement).where(DigestStatement.digest_id == digest.id))
    session.add_all(
        DigestStatement(digest_id=digest.id, statement_id=one, is_in=False) for one in sorted(out)
    )
    session.flush()
    _note(session, digest, actor, "chose the statements of", now, left_out=sorted(out))
    return True


def choose_only(session: Session, digest: Digest, statement_id: int) -> None:
    """Makes an issue of one statement, and leaves the others to issues of their own."""
    session.execute(delete(DigestStatement).where(DigestStatement.digest_id == digest.id))
    session.add(DigestStatement(digest_id=digest.id, statement_id=statement_id))
    digest.state = DigestState.APPROVED
    session.flush()


def approve(session: Session, digest_id: uuid.UUID, seen: str, actor: Actor, now: datetime) -> bool:
    """Has an issue go out when it is due (at once, where that is over) with what is in it now;
    whether it was not to already, as the editor saw it. seen: its fingerprint when the editor
    looked. Raises NoSuchDigest, Overtaken and CannotBe."""
    digest = _not_begun(session, digest_id)
    is_draft = digest.state == DigestState.DRAFT
    if not is_draft and seen == _fingerprint(session, digest, DigestState.DRAFT, now):
        return False
    _check_seen(session, digest, seen, now)
    _fix_contents(session, digest, _inside(session, digest, now))
    digest.state, digest.approved_by, digest.approved_at = DigestState.APPROVED, actor.name, now
    digest.changed_at = now
    _note(session, digest, actor, "approved", now)
    return True


def reopen(session: Session, digest_id: uuid.UUID, actor: Actor, now: datetime) -> bool:
    """Makes an approved issue a draft again; whether it wasn't. Raises NoSuchDigest, CannotBe."""
    digest = _not_begun(session, digest_id)
    if digest.state == DigestState.DRAFT:
        return False
    _reopen(session, digest)
    digest.changed_at = now
    _note(session, digest, actor, "took back the approval of", now)
    return True


def begin(
    session: Session, digest_id: uuid.UUID, actor: Actor, now: datetime, seen: str | None = None
) -> Digest:
    """Begins to send an issue now: gives it its number, fixes what is in it and what it says in
    each language. seen: its fingerprint when an editor looked. Raises NoSuchDigest, Overtaken, and
    CannotBe where there is nothing in it, or nobody to read it."""
    digest = _not_begun(session, digest_id)
    _check_seen(session, digest, seen, now)
    newsletter = digest.newsletter
    inside = _inside(session, digest, now)
    # Nothing is written yet: the schedule, where it can't be, goes on in this transaction.
    if not (total := rhythms.readers(session, newsletter, digest.rhythm, now)):
        raise CannotBe("Nobody has subscribed to it yet.")
    _fix_contents(session, digest, inside)
    digest.total = total
    session.scalar(select(Newsletter.id).where(Newsletter.id == newsletter.id).with_for_update())
    last = select(func.max(Digest.number)).where(Digest.newsletter_id == newsletter.id)
    digest.number = (session.scalar(last) or 0) + 1
    digest.state = DigestState.SENDING
    digest.started_at = digest.changed_at = now
    session.flush()
    editions.fix(session, digest)
    content_changed(session)  # its web version is there from now on
    _note(session, digest, actor, "began to send", now, readers=digest.total)
    return digest


def stop(
    session: Session, digest_id: uuid.UUID, actor: Actor, now: datetime, because: str = ""
) -> bool:
    """Stops the sending of an issue; what is under way at this moment still arrives. Whether it
    was being sent. Raises NoSuchDigest."""
    digest = get(session, digest_id, lock=True)
    if digest.state != DigestState.SENDING:
        return False
    digest.state, digest.stopped_because = DigestState.STOPPED, because or None
    digest.changed_at = now
    _note(session, digest, actor, "stopped sending", now, **({"why": because} if because else {}))
    return True


def resume(session: Session, digest_id: uuid.UUID, actor: Actor, now: datetime) -> bool:
    """Goes on where an issue was stopped; whether it was. If it was stopped since too much was
    refused, those get it too who were refused for no reason of their own. Raises NoSuchDigest and
    CannotBe."""
    digest = get(session, digest_id, lock=True)
    if digest.state != DigestState.STOPPED:
        return False
    if not editions.standing(session, contents(session, digest, now)):
        raise CannotBe("Every statement in it was withdrawn: nothing is left to send.")
    if digest.stopped_because:
        _have_tried_again(session, digest, now)
    # What arrives after days is not to stand among the mails of that day, where nobody sees it.
    waiting = Message.digest_id == digest.id, Message.state == MessageState.WAITING
    session.execute(update(Message).where(*waiting).values(created_at=now))
    digest.state, digest.stopped_because = DigestState.SENDING, None
    digest.changed_at = now
    _note(session, digest, actor, "went on sending", now)
    return True


def _have_tried_again(session: Session, digest: Digest, now: datetime) -> None:
    """Has those wait again who were refused for what an issue says, or where it comes from."""
    refused = session.execute(
        select(Message.id, Message.error).where(
            Message.digest_id == digest.id,
            Message.state == MessageState.REFUSED,
            Message.subscription_id.is_not(None),
        )
    )
    ids = [row.id for row in refused if kind_of_refusal(row.error or "") is None]
    for start in range(0, len(ids), STEP):
        session.execute(
            update(Message)
            .where(Message.id.in_(ids[start : start + STEP]))
            .values(
                state=MessageState.WAITING,
                attempts=0,
                not_before=now,
                settled_at=None,
                error=None,
            )
        )


def end(session: Session, digest_id: uuid.UUID, actor: Actor, now: datetime) -> bool:
    """Ends an issue that was stopped: who has not got it gets it no more. Whether it was stopped.
    Raises NoSuchDigest."""
    digest = get(session, digest_id, lock=True)
    if digest.state != DigestState.STOPPED:
        return False
    session.execute(
        update(Message)
        .where(Message.digest_id == digest.id, Message.state == MessageState.WAITING)
        .values(state=MessageState.VOID, settled_at=now)
    )
    finish(session, digest, now)
    _note(session, digest, actor, "ended", now, sent=digest.sent)
    return True


def finish(session: Session, digest: Digest, now: datetime) -> None:
    """Notes that everybody has got it, and keeps how many."""
    counts = _counts(session, digest)
    digest.sent = counts.get(MessageState.SENT, 0)
    digest.refused = counts.get(MessageState.REFUSED, 0)
    digest.state, digest.finished_at, digest.changed_at = DigestState.SENT, now, now


def progress(session: Session, digest: Digest, now: datetime) -> Progress:
    """How far the sending is."""
    if digest.state == DigestState.SENT:
        left = digest.expanded - digest.sent - digest.refused
        return Progress(digest.total, digest.sent, digest.refused, max(left, 0), 0, 0.0)
    counts = _counts(session, digest)
    sent, refused = counts.get(MessageState.SENT, 0), counts.get(MessageState.REFUSED, 0)
    void = counts.get(MessageState.VOID, 0)
    waiting = max(digest.total - sent - refused - void, 0)
    return Progress(
        digest.total, sent, refused, void, waiting, _seconds_left(session, digest, waiting, now)
    )


def a_second(session: Session, digest: Digest, now: datetime) -> float:
    """How many messages of an issue were settled in a second, lately."""
    since = max(now - LATELY, digest.started_at or now)
    settled = session.scalar(
        select(func.count())
        .select_from(Message)
        .where(
            Message.digest_id == digest.id,
            Message.state.in_(SETTLED),  # for the index
            Message.settled_at >= since,
        )
    )
    seconds = (now - since).total_seconds()
    return (settled or 0) / seconds if seconds > 0 else 0.0


def last_error(session: Session, digest: Digest) -> str | None:
    """What the relay said last of a message of an issue that still waits."""
    return session.scalar(
        select(Message.error)
        .where(
            Message.digest_id == digest.id,
            Message.state == MessageState.WAITING,
            Message.error.is_not(None),
        )
        .order_by(Message.not_before.desc())
        .limit(1)
    )


def _seconds_left(session: Session, digest: Digest, waiting: int, now: datetime) -> float | None:
    if digest.state != DigestState.SENDING:
        return None
    rate = a_second(session, digest, now)
    if not rate:
        return None
    # What was refused for now, or waits for the turn of its domain, may be all that is left.
    first = session.scalar(
        select(func.min(Message.not_before)).where(
            Message.digest_id == digest.id, Message.state == MessageState.WAITING
        )
    )
    return max(waiting / rate, (first - now).total_seconds() if first else 0.0)


def _counts(session: Session, digest: Digest) -> dict[str, int]:
    """How many messages to readers there are in each state. Counted in the index alone, and then
    without the few to editors: a million rows are not looked at every second."""

    def counted(*which: ColumnElement[bool]) -> dict[str, int]:
        rows = session.execute(
            select(Message.state, func.count())
            .where(Message.digest_id == digest.id, *which)
            .group_by(Message.state)
        )
        return {row[0]: row[1] for row in rows}

    to_editors = counted(Message.subscription_id.is_(None))
    return {state: many - to_editors.get(state, 0) for state, many in counted().items()}


def _not_begun(session: Session, digest_id: uuid.UUID) -> Digest:
    digest = get(session, digest_id, lock=True)
    if digest.state not in NOT_BEGUN:
        raise CannotBe("It is being sent already, or was: it can’t be changed any more.")
    return digest


def _check_seen(session: Session, digest: Digest, seen: str | None, now: datetime) -> None:
    if seen is not None and seen != fingerprint(session, digest, now):
        raise Overtaken


def _inside(session: Session, digest: Digest, now: datetime) -> list[int]:
    """What is in an issue that is to be sent. Raises CannotBe where nothing is."""
    if inside := contents(session, digest, now):
        return inside
    new = set(proposed(session, digest, now))
    if new and new <= left_out(session, digest):
        raise CannotBe("Nothing is in it: all that is new is left out.")
    raise CannotBe("Nothing is in it: no statement is new since the last issue.")


def _fix_contents(session: Session, digest: Digest, inside: Sequence[int]) -> None:
    """Keeps what is in an issue, and what was left out."""
    session.execute(
        delete(DigestStatement).where(DigestStatement.digest_id == digest.id, DigestStatement.is_in)
    )
    session.add_all(
        DigestStatement(digest_id=digest.id, statement_id=one, position=position)
        for position, one in enumerate(inside)
    )
    session.flush()


def _reopen(session: Session, digest: Digest) -> None:
    digest.state, digest.approved_by, digest.approved_at = DigestState.DRAFT, None, None
    session.execute(
        delete(DigestStatement).where(DigestStatement.digest_id == digest.id, DigestStatement.is_in)
    )


def with_statement(session: Session, statement_id: int) -> Sequence[Digest]:
    """The issues that are being sent or were, and have a statement in them; the newest first."""
    return session.scalars(
        select(Digest)
        .options(joinedload(Digest.newsletter))
        .join(DigestStatement, DigestStatement.digest_id == Digest.id)
        .where(
            DigestStatement.statement_id == statement_id,
            DigestStatement.is_in,
            Digest.number.is_not(None),
        )
        .order_by(Digest.started_at.desc(), Digest.id)
    ).all()


def _note(
    session: Session, digest: Digest, actor: Actor, action: str, now: datetime, **details: object
) -> None:
    title = f"{digest.newsletter.slug}, {digest.rhythm}"
    if digest.number is not None:
        title += f", number {digest.number}"
    audit.record(session, actor, action, Subject("issue", str(digest.id), title), now, **details)
