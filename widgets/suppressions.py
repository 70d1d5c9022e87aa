"""Addresses that must not be written to, for good or for a while, known by their keyed hashes."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from widgets.models import Suppression

BOUNCED = "bounced"
COMPLAINED = "complained"


def is_suppressed(session: Session, key: str, now: datetime) -> bool:
    """Whether nothing may be sent to the address with this keyed hash."""
    query = select(Suppression.key).where(Suppression.key == key, _holds(now))
    return session.scalar(query) is not None


def among(session: Session, keys: Iterable[str], now: datetime) -> set[str]:
    """Those of the keyed hashes to which nothing may be sent."""
    query = select(Suppression.key).where(Suppression.key.in_(keys), _holds(now))
    return set(session.scalars(query))


def of(session: Session, key: str, now: datetime) -> Suppression | None:
    """Why nothing may be sent to an address, if so."""
    return session.scalar(select(Suppression).where(Suppression.key == key, _holds(now)))


def put(session: Session, key: str, reason: str, now: datetime, until: datetime | None) -> None:
    """Sends nothing more to this address; until: see Suppression. What holds for longer already
    stays as it is."""
    there = session.get(Suppression, key, with_for_update=True)
    if there is not None and _ends_later(there.until, until):
        return
    session.merge(Suppression(key=key, reason=reason, until=until, created_at=now))
    session.flush()


def forget(session: Session, now: datetime) -> None:
    """Deletes those that hold no more."""
    session.execute(delete(Suppression).where(Suppression.until <= now))


def _holds(now: datetime) -> ColumnElement[bool]:
    return or_(Suppression.until.is_(None), Suppression.until > now)


def _ends_later(one: datetime | None, other: datetime | None) -> bool:
    return one is None or (other is not None and one >= other)
