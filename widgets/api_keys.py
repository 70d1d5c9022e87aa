"""The keys by which programs may ask the JSON API. A key is shown once, when it is made; what is
kept is its hash, which nobody can turn back: a key is too long to be guessed (256 bits)."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets import audit
from widgets.audit import Actor, Subject
from widgets.models import ApiKey
from widgets.text import clean, has_substance

PREFIX = "und_"  # by which a key that leaked can be known for what it is
SHOWN = 8  # letters by which people tell keys apart
LONGEST_NAME = 100


class BadName(ValueError):
    """Not a name that a key can have; the text says why."""


class NoSuchKey(LookupError):
    """There is none of this number."""


def make(
    session: Session, name: str, may_write: bool, actor: Actor, now: datetime
) -> tuple[ApiKey, str]:
    """A new key: what is kept of it, and the key itself. Raises BadName."""
    name = clean(name)
    if not has_substance(name):
        raise BadName("Write what the key is for.")
    if len(name) > LONGEST_NAME:
        raise BadName(f"A name can have {LONGEST_NAME} characters at most.")
    key = PREFIX + secrets.token_urlsafe(32)
    made = ApiKey(name=name, key=_hash(key), start=key[:SHOWN], may_write=may_write, created_at=now)
    session.add(made)
    session.flush()
    audit.record(session, actor, "made", subject(made), now, may_write=may_write)
    return made, key


def find(session: Session, key: str) -> ApiKey | None:
    """The key that this is, unless it is revoked or none of ours."""
    return session.scalar(
        select(ApiKey).where(ApiKey.key == _hash(key), ApiKey.revoked_at.is_(None))
    )


def note_used(session: Session, number: int, today: date) -> None:
    """That it was used, to the day and no closer."""
    found = session.get(ApiKey, number, with_for_update=True)
    if found is not None and (found.used_on is None or found.used_on < today):
        found.used_on = today


def revoke(session: Session, number: int, actor: Actor, now: datetime) -> ApiKey:
    """It opens nothing any more, from the next request on. Raises NoSuchKey."""
    found = session.get(ApiKey, number, with_for_update=True)
    if found is None:
        raise NoSuchKey(number)
    if found.revoked_at is None:
        found.revoked_at = now
        audit.record(session, actor, "revoked", subject(found), now)
    return found


def listed(session: Session) -> Sequence[ApiKey]:
    """Those that hold first, each group by age."""
    return session.scalars(select(ApiKey).order_by(ApiKey.revoked_at.is_not(None), ApiKey.id)).all()


def subject(key: ApiKey) -> Subject:
    return Subject("key", key.id, key.name)


def actor(key: ApiKey) -> Actor:
    """Who acts where a program does."""
    return Actor(f"the key “{key.name}”")


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
