"""What is kept is kept for a time: who never confirmed, evidence of consents long after somebody
left, what was sent to whom.

All of it goes in steps of at most STEP rows, each looked for without writing and deleted in a
transaction of its own, with room between them: SQLite has one writer, and a sign-up must not wait
until a million rows are gone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from widgets import bounces, editors, jobs, previews, sightings
from widgets.links import CONFIRM_FOR
from widgets.models import (
    AddressChange,
    CallState,
    Consent,
    Database,
    Digest,
    DigestState,
    Message,
    MessageState,
    Signing,
    SigningState,
    SignUp,
    State,
    Subscriber,
    Subscription,
    WebhookCall,
)
from widgets.settings import Settings

STEP = 1000  # rows
FORGET_VOID_AFTER = timedelta(days=2)
FORGET_CALLS_AFTER = timedelta(days=30)
LEFT = (State.UNSUBSCRIBED, State.BOUNCED, State.COMPLAINED)


@dataclass(frozen=True)
class _Stale:
    """Rows that are kept no longer. in_use: a transaction may hold them just now; they are passed
    over then, and looked at once more under our lock."""

    model: type[Any]
    conditions: tuple[ColumnElement[bool], ...]
    in_use: bool = False


def tidy(
    database: Database,
    settings: Settings,
    now: datetime,
    give_way: Callable[[], None] = jobs.give_way,
) -> int:
    """Deletes what has been kept for long enough, everywhere. Returns how many subscribers'
    addresses were forgotten."""
    forgotten = 0
    for stale in _stale(settings, now):
        many = _forget(database, stale, give_way)
        forgotten += many if stale.model is Subscriber else 0
    for room in (bounces, editors, jobs, previews, sightings):
        with database.writing() as session:
            room.forget(session, now)
    return forgotten


def _forget(database: Database, stale: _Stale, give_way: Callable[[], None]) -> int:
    """Deletes such rows, step by step; how many."""
    done = 0
    while True:
        with database.reading() as session:
            looked = select(stale.model.id).where(*stale.conditions).limit(STEP)
            ids = session.scalars(looked).all()
        if not ids:
            return done
        with database.writing() as session:
            gone = _delete(session, stale, ids)
        done += gone
        if len(ids) < STEP or not gone:  # the rest is held by others: another time
            return done
        give_way()


def _delete(session: Session, stale: _Stale, ids: Any) -> int:
    model = stale.model
    if stale.in_use:
        held = select(model.id).where(model.id.in_(ids), *stale.conditions)
        ids = session.scalars(held.with_for_update(skip_locked=True)).all()
    gone = session.scalars(
        delete(model).where(model.id.in_(ids), *stale.conditions).returning(model.id),
        execution_options={"synchronize_session": False},
    )
    return len(gone.all())


def _stale(settings: Settings, now: datetime) -> list[_Stale]:
    """In this order: what hangs on something else goes before it."""
    void = now - FORGET_VOID_AFTER
    unconfirmed = now - timedelta(days=settings.unconfirmed_days)
    evidence = now - timedelta(days=settings.evidence_days)
    asked_lately = exists().where(
        SignUp.subscription_id == Subscription.id, SignUp.asked_at >= unconfirmed
    )
    return [
        _Stale(SignUp, (SignUp.send_at.is_(None), SignUp.asked_at < void)),
        _Stale(
            Signing,
            (
                Signing.state == SigningState.PENDING,
                or_(
                    Signing.asked_at < unconfirmed,
                    Signing.send_at.is_(None) & (Signing.asked_at < void),
                ),
            ),
        ),
        _Stale(
            Subscription,
            (
                Subscription.state != State.CONFIRMED,
                Subscription.created_at < unconfirmed,
                ~exists().where(Consent.subscription_id == Subscription.id),
                ~asked_lately,
            ),
            in_use=True,
        ),
        # of a consent that was withdrawn, also where it was given anew since
        _Stale(Consent, (Consent.withdrawn_at < evidence,)),
        _Stale(
            Subscription,
            (Subscription.state.in_(LEFT), Subscription.changed_at < evidence, ~asked_lately),
            in_use=True,
        ),
        _Stale(
            AddressChange,
            (
                AddressChange.asked_at < now - CONFIRM_FOR,
                or_(
                    AddressChange.done_at.is_(None),
                    AddressChange.done_at < now - CONFIRM_FOR,
                ),
            ),
        ),
        _Stale(
            Subscriber,
            (
                Subscriber.created_at < void,
                ~exists().where(Subscription.subscriber_id == Subscriber.id),
                # whom their old address still tells of the new one
                ~exists().where(AddressChange.subscriber_id == Subscriber.id),
            ),
            in_use=True,
        ),
        _Stale(
            Message,
            (
                Message.state != MessageState.WAITING,
                func.coalesce(Message.settled_at, Message.created_at)
                < now - timedelta(days=settings.mail_days),
                Message.created_at < now - timedelta(days=settings.mail_days),
                # an issue counts its messages until it is finished, and then keeps the numbers
                or_(
                    Message.digest_id.is_(None),
                    exists().where(
                        Digest.id == Message.digest_id, Digest.state == DigestState.SENT
                    ),
                ),
            ),
        ),
        _Stale(
            WebhookCall,
            (
                or_(
                    WebhookCall.settled_at < now - FORGET_CALLS_AFTER,
                    (WebhookCall.state == CallState.VOID) & (WebhookCall.created_at < void),
                ),
            ),
        ),
    ]
