"""When the issues of a newsletter are due, and who gets which: each, weekly, monthly."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from widgets import audit
from widgets.audit import Actor, Subject
from widgets.models import LAST, Digest, DigestState, Newsletter, Rhythm, State, Subscription
from widgets.moments import zones

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class BadSchedule(ValueError):
    """What can't be kept. problems: a sentence for the editor by the name of the field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


def next_due(newsletter: Newsletter, rhythm: str, after: datetime) -> datetime:
    """The next moment after another at which an issue is due, in UTC: at the newsletter's weekday
    and time, as its place's clocks show it; a monthly one on the first such day of a month. An
    hour that is left out when summer time begins is the one after it; of one that comes twice, it
    is the first."""
    there = ZoneInfo(newsletter.zone)
    day = after.astimezone(there).date()
    while True:
        if day.weekday() == newsletter.weekday and (rhythm != Rhythm.MONTHLY or day.day <= 7):
            moment = _at(newsletter, day, there)
            if moment > after:
                return moment
        day += timedelta(days=1)


def due(newsletter: Newsletter, rhythm: str, after: datetime) -> datetime | None:
    """The same; None where issues of this rhythm have no moment of their own: they are sent by
    hand, or as soon as something is published."""
    if newsletter.rhythm == Rhythm.NEVER or rhythm == Rhythm.EACH:
        return None
    return next_due(newsletter, rhythm, after)


def _at(newsletter: Newsletter, day: date, there: ZoneInfo) -> datetime:
    shown = datetime.combine(day, time.fromisoformat(newsletter.clock), there)
    return shown.astimezone(UTC)


def schedule(
    session: Session,
    newsletter: Newsletter,
    actor: Actor,
    now: datetime,
    *,
    rhythm: str,
    weekday: int,
    clock: str,
    zone: str,
    by_itself: bool,
    only_urgent: bool,
) -> bool:
    """Sets how often a newsletter comes, and when; whether that changed anything. What was
    published before it began to come is in no issue, and issues that wait keep to the new times.
    Raises BadSchedule."""
    problems = {}
    if rhythm not in set(Rhythm):
        problems["rhythm"] = "Choose how often it comes."
    elif _usual(rhythm) != usual(newsletter) and _is_on_its_way(session, newsletter):
        problems["rhythm"] = (
            "An issue is on its way, also to those who have not chosen how often. Wait until all "
            "have got it, or end it."
        )
    if weekday not in range(7):
        problems["weekday"] = "Choose a day of the week."
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", clock):
        problems["clock"] = "Write the time like 09:00."
    if zone not in zones():
        problems["zone"] = "Choose whose clocks you mean."
    if problems:
        raise BadSchedule(problems)
    wanted = {
        "rhythm": str(rhythm),
        "weekday": weekday,
        "clock": clock,
        "zone": zone,
        "by_itself": by_itself,
        "only_urgent": only_urgent,
    }
    changed = {
        name: {"from": getattr(newsletter, name), "to": value}
        for name, value in wanted.items()
        if getattr(newsletter, name) != value
    }
    if not changed:
        return False
    if newsletter.rhythm == Rhythm.NEVER:
        newsletter.digests_since = now
    before = usual(newsletter)
    for name, value in wanted.items():
        setattr(newsletter, name, value)
    _move_upcoming(session, newsletter, before, now)
    subject = Subject("newsletter", newsletter.slug, newsletter.slug)
    audit.record(session, actor, "scheduled", subject, now, **changed)
    return True


def _is_on_its_way(session: Session, newsletter: Newsletter) -> bool:
    """Whether there are subscribers yet for whom an issue must be written that has begun."""
    begun = select(Digest.id).where(
        Digest.newsletter_id == newsletter.id,
        Digest.state.in_((DigestState.SENDING, DigestState.STOPPED)),
        or_(Digest.cursor.is_(None), Digest.cursor != LAST),
    )
    return session.scalar(begun.limit(1)) is not None


def _move_upcoming(session: Session, newsletter: Newsletter, before: str, now: datetime) -> None:
    """before: the rhythm that was usual."""
    waiting = (DigestState.DRAFT, DigestState.APPROVED)
    upcoming = select(Digest).where(
        Digest.newsletter_id == newsletter.id, Digest.state.in_(waiting)
    )
    found = session.scalars(upcoming.with_for_update(of=Digest)).all()
    still_wanted, after = wanted(session, newsletter), usual(newsletter)
    for digest in found:
        # What was approved for a later moment must not go out at once because there is none now,
        # nor in some months, when this rhythm has readers again.
        if digest.rhythm not in still_wanted:
            digest.state, digest.approved_by, digest.approved_at = DigestState.DRAFT, None, None
            # What an editor wrote for the next issue stands above the next, whenever it comes.
            if digest.rhythm == before and after not in {
                Rhythm.EACH,
                *(one.rhythm for one in found),
            }:
                digest.rhythm = after
        digest.due_at = due(newsletter, digest.rhythm, now)


def usual(newsletter: Newsletter) -> str:
    """What subscribers get who have not chosen: where nothing is sent by itself, an issue that an
    editor sends is a weekly one."""
    return _usual(newsletter.rhythm)


def _usual(rhythm: str) -> str:
    return Rhythm.WEEKLY if rhythm == Rhythm.NEVER else rhythm


def gets(newsletter: Newsletter, rhythm: str, now: datetime) -> ColumnElement[bool]:
    """Of which subscriptions an issue of this rhythm is for, in a query on Subscription."""
    chosen = Subscription.rhythm == rhythm
    if rhythm == usual(newsletter):
        chosen = or_(chosen, Subscription.rhythm.is_(None))
    return and_(
        Subscription.newsletter_id == newsletter.id,
        Subscription.state == State.CONFIRMED,
        or_(Subscription.paused_until.is_(None), Subscription.paused_until <= now),
        chosen,
    )


def readers(session: Session, newsletter: Newsletter, rhythm: str, now: datetime) -> int:
    """For how many subscriptions an issue would be."""
    query = select(func.count()).select_from(Subscription)
    return session.scalar(query.where(gets(newsletter, rhythm, now))) or 0


def has_readers(session: Session, newsletter: Newsletter, rhythm: str, now: datetime) -> bool:
    one = select(Subscription.id).where(gets(newsletter, rhythm, now)).limit(1)
    return session.scalar(one) is not None


def wanted(session: Session, newsletter: Newsletter) -> list[str]:
    """Which rhythms there are issues for: the newsletter's, and those that subscribers chose."""
    if newsletter.rhythm == Rhythm.NEVER:
        return []
    chosen = session.scalars(
        select(Subscription.rhythm)
        .where(
            Subscription.newsletter_id == newsletter.id,
            Subscription.state == State.CONFIRMED,
            Subscription.rhythm.is_not(None),
        )
        .distinct()
    )
    found = {newsletter.rhythm, *chosen}
    return [one for one in (Rhythm.EACH, Rhythm.WEEKLY, Rhythm.MONTHLY) if one in found]
