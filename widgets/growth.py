"""How many confirmed subscribers a newsletter has and had: numbers only, of nobody in particular.

Who was erased is not in them, also not for the days before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, case, cast, func, select
from sqlalchemy.orm import Session

from widgets.models import Consent, Newsletter, State, Subscription


@dataclass(frozen=True)
class Month:
    """first: its first day; came and left: in it; end: how many there were when it ended."""

    first: date
    came: int
    left: int
    end: int


@dataclass(frozen=True)
class Growth:
    """days: how many there were at the end of each day, up to today; months: the newest first."""

    days: Sequence[tuple[date, int]]
    months: Sequence[Month]


def growth(session: Session, newsletter: Newsletter, now: datetime, days: int = 365) -> Growth:
    """Counted by the consents that were given and withdrawn. Those who were imported came on the
    day of the import, whenever they had agreed."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    start = datetime.combine(first, time(), UTC)
    came_at = case(
        (Subscription.created_at > Consent.given_at, Subscription.created_at),
        else_=Consent.given_at,
    )
    of_it = (
        select(func.count())
        .select_from(Consent)
        .join(Subscription, Subscription.id == Consent.subscription_id)
        .where(Subscription.newsletter_id == newsletter.id)
    )
    before = session.scalar(of_it.where(came_at < start)) or 0
    gone_before = session.scalar(of_it.where(Consent.withdrawn_at < start)) or 0
    came = _by_day(session, newsletter, came_at, start)
    left = _by_day(session, newsletter, Consent.withdrawn_at, start)
    number = before - gone_before
    counted: list[tuple[date, int]] = []
    months: list[Month] = []
    for place in range(days):
        day = first + timedelta(days=place)
        number += came.get(day, 0) - left.get(day, 0)
        counted.append((day, number))
        if not months or day.day == 1:
            months.append(Month(day.replace(day=1), 0, 0, number))
        month = months[-1]
        months[-1] = Month(
            month.first,
            month.came + came.get(day, 0),
            month.left + left.get(day, 0),
            number,
        )
    if first.day > 1 and len(months) > 1:
        months = months[1:]  # only a part of it was counted
    return Growth(counted, months[::-1])


def by_language(session: Session, newsletter: Newsletter) -> list[tuple[str, int]]:
    """How many subscribe in each language, the most first."""
    return _by(session, newsletter, Consent.lang)


def by_site(session: Session, newsletter: Newsletter) -> list[tuple[str, int]]:
    """How many signed up on the site of each member ("": on a page of the network's own)."""
    return _by(session, newsletter, func.coalesce(Consent.site, ""))


def _by(
    session: Session, newsletter: Newsletter, what: ColumnElement[Any] | Any
) -> list[tuple[str, int]]:
    latest = (
        select(func.max(Consent.id))
        .where(Consent.subscription_id == Subscription.id)
        .correlate(Subscription)
        .scalar_subquery()
    )
    rows = session.execute(
        select(what, func.count())
        .select_from(Subscription)
        .join(Consent, Consent.id == latest)
        .where(Subscription.newsletter_id == newsletter.id, Subscription.state == State.CONFIRMED)
        .group_by(what)
        .order_by(func.count().desc(), what)
    )
    return [(name, many) for name, many in rows]


def _by_day(
    session: Session, newsletter: Newsletter, moment: Any, start: datetime
) -> dict[date, int]:
    """How many moments there were on each day (in UTC) since `start`."""
    if session.get_bind().dialect.name == "postgresql":
        day: Any = cast(func.timezone("UTC", moment), Date)
    else:
        day = func.date(moment, type_=Date)
    rows = session.execute(
        select(day, func.count())
        .select_from(Consent)
        .join(Subscription, Subscription.id == Consent.subscription_id)
        .where(Subscription.newsletter_id == newsletter.id, moment >= start)
        .group_by(day)
    )
    return {row[0]: row[1] for row in rows}
