"""What waits for an editor: where each thing that is under way stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, joinedload

from widgets import digests, rhythms
from widgets.models import (
    Digest,
    DigestState,
    Invitation,
    Member,
    Message,
    MessageState,
    Newsletter,
    Signing,
    SigningState,
    Standing,
    Statement,
)

LATE = timedelta(hours=1)  # mail that is due for longer waits for something
SOON_DUE = timedelta(days=2)  # an issue that is due by then is to be approved


@dataclass(frozen=True)
class Gathering:
    """A statement that members are asked to endorse: how many were, and how many have answered."""

    statement: Statement
    asked: int
    answered: int


@dataclass(frozen=True)
class Issue:
    """An issue of a newsletter that an editor should know of: it waits for approval, is being sent
    or was stopped. done, total: how many have got it, of how many."""

    digest: Digest
    done: int
    total: int


@dataclass(frozen=True)
class Overview:
    drafts: Sequence[Statement]  # the one changed last first
    gathering: list[Gathering]
    scheduled: Sequence[Statement]  # the next to be published first
    to_moderate: Sequence[Row[int, str, str, int]]  # id, headline, language, how many people
    issues: list[Issue]
    refused: int  # mails that can't be delivered
    late: int  # mails that are due and don't go out
    members: int


def of(session: Session, now: datetime) -> Overview:
    """How things stand now."""
    by_change = select(Statement).order_by(Statement.updated_at.desc(), Statement.id)
    drafts = session.scalars(by_change.where(Statement.standing == Standing.DRAFT).limit(8)).all()
    gathering = session.scalars(by_change.where(Statement.standing == Standing.GATHERING)).all()
    scheduled = session.scalars(
        select(Statement)
        .where(
            Statement.publish_at.is_not(None),
            Statement.standing.in_((Standing.DRAFT, Standing.GATHERING)),
        )
        .order_by(Statement.publish_at)
    ).all()
    to_moderate = session.execute(
        select(Statement.id, Statement.title, Statement.lang, func.count())
        .join(Signing, Signing.statement_id == Statement.id)
        .where(Signing.state == SigningState.CONFIRMED)
        .group_by(Statement.id, Statement.title, Statement.lang)
        .order_by(func.count().desc())
    ).all()
    refused = select(func.count()).where(Message.state == MessageState.REFUSED)
    late = select(func.count()).where(
        Message.state == MessageState.WAITING, Message.not_before < now - LATE
    )
    members = select(func.count()).select_from(Member).where(Member.left_at.is_(None))
    return Overview(
        drafts=drafts,
        gathering=[_gathering(session, one) for one in gathering],
        scheduled=scheduled,
        to_moderate=to_moderate,
        issues=_issues(session, now),
        refused=session.scalar(refused) or 0,
        late=session.scalar(late) or 0,
        members=session.scalar(members) or 0,
    )


def _issues(session: Session, now: datetime) -> list[Issue]:
    query = select(Digest).options(joinedload(Digest.newsletter))
    under_way = session.scalars(
        query.where(Digest.state.in_((DigestState.SENDING, DigestState.STOPPED))).order_by(
            Digest.started_at
        )
    )
    found = []
    for digest in under_way:
        how = digests.progress(session, digest, now)
        found.append(Issue(digest, how.done, how.total))
    to_approve = session.scalars(
        query.join(Newsletter, Newsletter.id == Digest.newsletter_id)
        .where(
            Digest.state == DigestState.DRAFT,
            Digest.due_at <= now + SOON_DUE,
            Newsletter.by_itself.is_(False),
        )
        .order_by(Digest.due_at)
    )
    found += [
        Issue(digest, 0, rhythms.readers(session, digest.newsletter, digest.rhythm, now))
        for digest in to_approve
        if digests.contents(session, digest, now)
    ]
    return found


def _gathering(session: Session, statement: Statement) -> Gathering:
    asked = select(func.count(Invitation.member_slug.distinct())).where(
        Invitation.statement_id == statement.id
    )
    answered = asked.where(Invitation.reply.is_not(None))
    return Gathering(statement, session.scalar(asked) or 0, session.scalar(answered) or 0)
