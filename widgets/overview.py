"""What waits for an editor: where each thing that is under way stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from widgets.models import (
    Invitation,
    Member,
    Message,
    MessageState,
    Signing,
    SigningState,
    Standing,
    Statement,
)

LATE = timedelta(hours=1)  # mail that is due for longer waits for something


@dataclass(frozen=True)
class Gathering:
    """A statement that members are asked to endorse: how many were, and how many have answered."""

    statement: Statement
    asked: int
    answered: int


@dataclass(frozen=True)
class Overview:
    drafts: Sequence[Statement]  # the one changed last first
    gathering: list[Gathering]
    scheduled: Sequence[Statement]  # the next to be published first
    to_moderate: Sequence[Row[int, str, str, int]]  # id, headline, language, how many people
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
        refused=session.scalar(refused) or 0,
        late=session.scalar(late) or 0,
        members=session.scalar(members) or 0,
    )


def _gathering(session: Session, statement: Statement) -> Gathering:
    asked = select(func.count(Invitation.member_slug.distinct())).where(
        Invitation.statement_id == statement.id
    )
    answered = asked.where(Invitation.reply.is_not(None))
    return Gathering(statement, session.scalar(asked) or 0, session.scalar(answered) or 0)
