"""A subscriber gets another address, by double opt-in.

Asking has the same answer for every address and does the same work, so that nobody learns from it
who is subscribed. What was subscribed to goes to the new address when its owner confirms, and the
old one is told; it is forgotten soon after.
"""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from widgets import outbox, pacing
from widgets.addresses import Address, Hasher
from widgets.models import (
    AddressChange,
    Consent,
    FormerSubscription,
    Message,
    MessageState,
    SignUp,
    State,
    Subscriber,
    Subscription,
)
from widgets.models.database import insert, one_at_a_time
from widgets.newsletters import OF_ANOTHER, Answer
from widgets.pacing import Limits
from widgets.preferences import NothingKept, standing
from widgets.suppressions import is_suppressed


def ask(
    session: Session,
    hasher: Hasher,
    limits: Limits,
    subscriber_id: uuid.UUID,
    address: Address,
    *,
    lang: str,
    now: datetime,
) -> None:
    """One wish to be written to at another address, and a mail there that asks its owner. A
    suppressed address is not stored, and the message to it is void. Nobody has more such mails sent
    in a day than one mailbox gets. Raises NothingKept."""
    standing(session, subscriber_id, now)
    key, mailbox = hasher.address(address), hasher.mailbox(address)
    domain = hasher.domain(address)
    is_paced = address.domain not in limits.unlimited_domains
    turn = pacing.turn(session, limits, mailbox, domain if is_paced else None, now)
    lately = session.scalar(
        select(func.count()).where(
            AddressChange.subscriber_id == subscriber_id,
            AddressChange.send_at.is_not(None),
            AddressChange.asked_at > now - timedelta(days=1),
        )
    )
    suppressed = is_suppressed(session, key, now)
    may = not suppressed and (lately or 0) < limits.per_mailbox
    change = AddressChange(
        id=uuid.uuid4(),
        subscriber_id=subscriber_id,
        key=key,
        address="" if suppressed else address.text,
        lang=lang,
        mailbox=mailbox,
        domain=domain,
        send_at=turn if may else None,
        asked_at=now,
    )
    session.add(change)
    session.flush()
    outbox.add(session, "new-address", now, send_at=change.send_at, address_change_id=change.id)


def stands(session: Session, change_id: uuid.UUID, now: datetime) -> tuple[Answer, str, str]:
    """What `confirm` would answer now, DONE where its button is worth showing; to which address,
    and in which language it was asked."""
    change = session.get(AddressChange, change_id)
    if change is None:
        return Answer.OVER, "", ""
    return _standing(session, change, now), change.address, change.lang


def confirm(session: Session, change_id: uuid.UUID, now: datetime) -> Answer:
    """Moves what somebody subscribes to to the new address. If that subscribes already, both
    become one: what was confirmed by either stays confirmed, unless the new address itself has
    left; the wishes of whom asked for the change hold."""
    change = session.get(AddressChange, change_id, with_for_update=True)
    if change is None:
        return Answer.OVER
    one_at_a_time(session, change.mailbox)
    answer = _standing(session, change, now)
    if answer is not Answer.DONE:
        return answer
    change.done_at = now
    old = session.get_one(Subscriber, change.subscriber_id, with_for_update=True)
    if old.key == change.key:  # the same address, written in another way
        old.address = change.address
        return Answer.DONE
    new_id = session.scalar(
        insert(session, Subscriber)
        .values(id=uuid.uuid4(), key=change.key, address=change.address, created_at=old.created_at)
        .on_conflict_do_update(index_elements=["key"], set_={"address": change.address})
        .returning(Subscriber.id)
    )
    assert new_id is not None
    _move_all(session, old.id, new_id, now)
    others = select(AddressChange.id).where(
        AddressChange.subscriber_id == old.id, AddressChange.id != change.id
    )
    session.execute(
        update(Message)
        .where(
            Message.address_change_id.in_(others),
            Message.state == MessageState.WAITING,
            Message.leased_until.is_(None),
        )
        .values(state=MessageState.VOID)
    )
    outbox.add(session, "address-changed", now, send_at=now, address_change_id=change.id)
    return Answer.DONE


def became(session: Session, change_id: uuid.UUID) -> uuid.UUID | None:
    """Who is written to at the new address, once it is confirmed."""
    change = session.get(AddressChange, change_id)
    if change is None or change.done_at is None:
        return None
    return session.scalar(select(Subscriber.id).where(Subscriber.key == change.key))


def _standing(session: Session, change: AddressChange, now: datetime) -> Answer:
    if change.done_at is not None:
        return Answer.ALREADY
    try:
        standing(session, change.subscriber_id, now)
    except NothingKept:
        return Answer.OVER
    if not change.address or is_suppressed(session, change.key, now):
        return Answer.OVER
    moved = select(AddressChange.id).where(
        AddressChange.subscriber_id == change.subscriber_id,
        AddressChange.done_at > change.asked_at,
    )
    # another of their changes was confirmed since: nothing is left at the address to be moved
    return Answer.LEFT if session.scalar(moved.limit(1)) else Answer.DONE


def _move_all(session: Session, old_id: uuid.UUID, new_id: uuid.UUID, now: datetime) -> None:
    """What only waits for a confirmation stays with the address that was asked to confirm it."""
    theirs = {
        one.newsletter_id: one
        for one in session.scalars(
            select(Subscription)
            .where(Subscription.subscriber_id == new_id)
            .order_by(Subscription.id)
            .with_for_update()
        )
    }
    moving = session.scalars(
        select(Subscription)
        .where(Subscription.subscriber_id == old_id, Subscription.state != State.PENDING)
        .order_by(Subscription.id)
        .with_for_update()
    ).all()
    for one in moving:
        other = theirs.get(one.newsletter_id)
        if other is None:
            one.subscriber_id = new_id
            _overtake(session, one)
        else:
            _merge(session, one, other, now)
    session.flush()


def _merge(session: Session, one: Subscription, other: Subscription, now: datetime) -> None:
    """Makes `other`, which is the new address', what both were; its evidence is that of both."""
    if one.state == State.CONFIRMED:
        if other.state in (State.PENDING, State.BOUNCED):
            other.state, other.epoch, other.changed_at = one.state, other.epoch + 1, one.changed_at
            other.soft_bounces = 0
        if other.state == State.CONFIRMED:
            for wish in ("lang", "rhythm", "topics", "countries", "paused_until"):
                setattr(other, wish, getattr(one, wish))
    if other.state != State.CONFIRMED:
        session.execute(
            update(Consent)
            .where(Consent.subscription_id == one.id, Consent.withdrawn_at.is_(None))
            .values(withdrawn_at=now)
        )
    _overtake(session, one)
    for model in (Consent, FormerSubscription):
        session.execute(
            update(model).where(model.subscription_id == one.id).values(subscription_id=other.id)
        )
    # none of the links in mails to the old address may fit what the new one has
    session.execute(
        update(SignUp)
        .where(SignUp.subscription_id == one.id)
        .values(subscription_id=other.id, epoch=OF_ANOTHER)
    )
    session.flush()
    session.execute(delete(Subscription).where(Subscription.id == one.id))
    session.add(FormerSubscription(id=one.id, subscription_id=other.id))
    session.flush()


def _overtake(session: Session, one: Subscription) -> None:
    """What was mailed to the old address can confirm nothing for the new one."""
    if one.state != State.CONFIRMED:
        one.epoch += 1
    waiting = select(SignUp.id).where(SignUp.subscription_id == one.id)
    session.execute(
        update(Message)
        .where(
            Message.sign_up_id.in_(waiting),
            Message.state == MessageState.WAITING,
            Message.leased_until.is_(None),
        )
        .values(state=MessageState.VOID)
    )
