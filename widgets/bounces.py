"""What comes back of the mail we send, and what becomes of those who did not get it or want it.

However we learn of it (from the relay as we send, from a mail that came back, from a relay's
webhook), it ends here as a Report of one message. The return path of each mail names its message
under our signature (VERP), so that nobody can make up a report for somebody else.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from enum import Enum

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from widgets import newsletters, suppressions
from widgets.addresses import Address, Hasher
from widgets.links import BadLink, Links
from widgets.logs import without_addresses
from widgets.models import (
    AddressChange,
    Bounce,
    BounceKind,
    Consent,
    Message,
    MessageState,
    SignUp,
    State,
    Subscriber,
    Subscription,
    Suppression,
)
from widgets.models.database import one_at_a_time
from widgets.paging import Page, paged
from widgets.refusals import kind_of_refusal, status_in
from widgets.settings import Settings

SOFT_AT_MOST = 4  # issues that bounce one after the other; the next one counts as hard
SUPPRESSED_FOR = timedelta(days=30)  # a mailbox that did not exist may exist again
FORGET_AFTER = timedelta(days=90)
LONGEST_REASON = 300  # characters
_TAG = re.compile(r"\+([a-z2-7]{40})@", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """What became of one message. message_id: as its signed tag names it. subscription_id: for a
    complaint that names no message, but holds the signed link by which the mail could be
    unsubscribed from. status, reason and source: as in Bounce."""

    message_id: uuid.UUID | None
    kind: BounceKind
    status: str = ""
    reason: str = ""
    source: str = ""
    subscription_id: uuid.UUID | None = None


class Outcome(Enum):
    RECORDED = "recorded"
    ALREADY = "already"  # this was reported of this message before
    UNKNOWN = "unknown"  # the message, or whom it was for, is forgotten: nothing is kept


@dataclass(frozen=True)
class Returned:
    """Whom a report is about, where that is still known. key: of their record; mail: its kind, as
    in widgets.letters.KINDS."""

    address: str | None
    key: str | None
    mail: str | None


def return_path(settings: Settings, links: Links, message_id: uuid.UUID) -> str:
    """Where a message that can't be delivered goes back to: its envelope sender."""
    if not settings.return_path:
        return parseaddr(settings.mail_from)[1]
    local, _, domain = settings.return_path.rpartition("@")
    return f"{local}+{links.return_tag(message_id)}@{domain}"


def message_of(links: Links, text: str) -> uuid.UUID | None:
    """The message that a return path of ours names, anywhere in a text; None where there is none,
    or one that we did not sign."""
    for found in _TAG.finditer(text):
        try:
            return links.read_return_tag(found[1])
        except BadLink:
            continue
    return None


def of_refusal(message_id: uuid.UUID, reply: str) -> Report | None:
    """The report that a relay's refusal is, given as we sent; None where it says nothing of the
    mailbox."""
    kind = kind_of_refusal(reply)
    return None if kind is None else Report(message_id, kind, status_in(reply), reply, "smtp")


def record(session: Session, hasher: Hasher, report: Report, now: datetime) -> Outcome:
    """Keeps a report, and does what follows from it.

    A hard bounce, or the fifth soft one in a row, ends all that its subscriber is subscribed to,
    and nothing is sent there for SUPPRESSED_FOR. A complaint ends it for good. What was reported
    of a message to anybody else (an editor, a member, one who signs) is only kept.
    """
    reason = without_addresses(" ".join(report.reason.split()))[:LONGEST_REASON]
    report = replace(report, reason=reason.replace("\0", ""), status=report.status[:16])
    if report.message_id is None:
        return _complained_by_link(session, hasher, report, now)
    one_at_a_time(session, report.message_id.hex)
    message = session.get(Message, report.message_id)
    if message is None:
        return Outcome.UNKNOWN
    told = exists().where(Bounce.message_id == message.id, Bounce.kind == report.kind)
    if session.scalar(select(told)):
        return Outcome.ALREADY
    subscriber_id, subscription_id = _addressee(session, message)
    subscriber = None
    if subscriber_id:
        subscriber = _held(session, hasher, subscriber_id)
        if subscriber is None or _has_moved_since(session, subscriber, message):
            return Outcome.UNKNOWN
    bounce = _kept(session, report, subscriber, message.digest_id, now)
    if subscriber is None:
        return Outcome.RECORDED
    if report.kind == BounceKind.COMPLAINT:
        _complained(session, subscriber, now)
    elif _has_confirmed_since(session, subscriber, message):
        pass  # so there is a mailbox
    elif report.kind == BounceKind.HARD:
        _bounced(session, subscriber, now)
    elif (
        report.kind == BounceKind.SOFT
        and subscription_id
        and _one_more(session, subscription_id, message) > SOFT_AT_MOST
    ):
        bounce.reason = f"bounced after {SOFT_AT_MOST + 1} soft bounces: {bounce.reason}"
        _bounced(session, subscriber, now)
    session.flush()
    return Outcome.RECORDED


def write_again(session: Session, key: str, now: datetime) -> None:
    """Undoes what bounces did to an address, since its mailbox is known to be there: what its owner
    had agreed to, and has not left, goes on."""
    session.execute(
        delete(Suppression).where(
            Suppression.key == key, Suppression.reason == suppressions.BOUNCED
        )
    )
    bounced = session.scalars(
        select(Subscription)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(
            Subscriber.key == key,
            Subscription.state == State.BOUNCED,
            exists().where(
                Consent.subscription_id == Subscription.id, Consent.withdrawn_at.is_(None)
            ),
        )
        .with_for_update(of=Subscription)
    )
    for one in bounced:
        one.state, one.soft_bounces = State.CONFIRMED, 0
        one.epoch += 1
        one.changed_at = now


def counts(session: Session) -> dict[str, int]:
    """How many reports of each kind there are."""
    rows = session.execute(select(Bounce.kind, func.count()).group_by(Bounce.kind))
    found = {row[0]: row[1] for row in rows}
    return {kind: found.get(kind, 0) for kind in BounceKind}


def newest(session: Session, kind: str = "", number: int = 1) -> Page[Bounce]:
    """A page of the reports, the newest first."""
    query = select(Bounce)
    if kind:
        query = query.where(Bounce.kind == kind)
    return paged(session, query.order_by(Bounce.at.desc(), Bounce.id.desc()), number)


def whose(session: Session, bounces: Sequence[Bounce]) -> dict[int, Returned]:
    """Whom these reports are about, by their ids."""
    subscribers = {
        one.id: one
        for one in session.scalars(
            select(Subscriber).where(
                Subscriber.id.in_([one.subscriber_id for one in bounces if one.subscriber_id])
            )
        )
    }
    kinds = {
        row[0]: row[1]
        for row in session.execute(
            select(Message.id, Message.kind).where(
                Message.id.in_([one.message_id for one in bounces if one.message_id])
            )
        )
    }
    found = {}
    for one in bounces:
        subscriber = subscribers.get(one.subscriber_id) if one.subscriber_id else None
        found[one.id] = Returned(
            subscriber.address if subscriber else None,
            subscriber.key if subscriber else None,
            kinds.get(one.message_id) if one.message_id else None,
        )
    return found


def forget(session: Session, now: datetime) -> None:
    """Deletes old reports, and suppressions that hold no more."""
    session.execute(delete(Bounce).where(Bounce.at < now - FORGET_AFTER))
    suppressions.forget(session, now)


def _addressee(session: Session, message: Message) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The subscriber and the subscription that a message was sent to. One that asks the owner of a
    new address went to nobody that we know yet."""
    if message.address_change_id:
        return None, None
    subscription_id = message.subscription_id
    if message.sign_up_id:
        subscription_id = session.scalar(
            select(SignUp.subscription_id).where(SignUp.id == message.sign_up_id)
        )
    if subscription_id is None:
        return message.subscriber_id, None
    subscriber_id = session.scalar(
        select(Subscription.subscriber_id).where(Subscription.id == subscription_id)
    )
    return subscriber_id, subscription_id


def _has_moved_since(session: Session, subscriber: Subscriber, message: Message) -> bool:
    moved = exists().where(
        AddressChange.subscriber_id == subscriber.id, AddressChange.done_at > message.created_at
    )
    return bool(session.scalar(select(moved)))


def _has_confirmed_since(session: Session, subscriber: Subscriber, message: Message) -> bool:
    theirs = select(Subscription.id).where(Subscription.subscriber_id == subscriber.id)
    confirmed = exists().where(
        Consent.subscription_id.in_(theirs),
        Consent.method != "import",
        Consent.given_at > message.created_at,
    )
    return bool(session.scalar(select(confirmed)))


def _held(session: Session, hasher: Hasher, subscriber_id: uuid.UUID) -> Subscriber | None:
    """The subscriber, with whom nobody else does anything until the transaction ends."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber and subscriber.address:
        local, _, domain = subscriber.address.rpartition("@")
        one_at_a_time(session, hasher.mailbox(Address(local, domain.lower())))
    return session.get(Subscriber, subscriber_id, with_for_update=True, populate_existing=True)


def _kept(
    session: Session,
    report: Report,
    subscriber: Subscriber | None,
    digest_id: uuid.UUID | None,
    now: datetime,
) -> Bounce:
    bounce = Bounce(
        message_id=report.message_id,
        subscriber_id=subscriber.id if subscriber else None,
        digest_id=digest_id,
        kind=report.kind,
        status=report.status,
        reason=report.reason,
        source=report.source,
        at=now,
    )
    session.add(bounce)
    session.flush()
    return bounce


def _bounced(session: Session, subscriber: Subscriber, now: datetime) -> None:
    ended = (State.PENDING, State.CONFIRMED)
    _end(session, subscriber, State.BOUNCED, ended, now)
    until = now + SUPPRESSED_FOR
    suppressions.put(session, subscriber.key, suppressions.BOUNCED, now, until)


def _complained(session: Session, subscriber: Subscriber, now: datetime) -> None:
    ended = (State.PENDING, State.CONFIRMED, State.BOUNCED)
    theirs = _end(session, subscriber, State.COMPLAINED, ended, now)
    session.execute(
        update(Consent)
        .where(Consent.subscription_id.in_(theirs), Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )
    suppressions.put(session, subscriber.key, suppressions.COMPLAINED, now, None)


def _complained_by_link(session: Session, hasher: Hasher, report: Report, now: datetime) -> Outcome:
    """A complaint that is known by the unsubscribe link in it does what that link can do. Mail is
    passed on with its links: it must not be by them that somebody can never come back."""
    subscription = report.subscription_id and session.get(Subscription, report.subscription_id)
    if not subscription:
        return Outcome.UNKNOWN
    subscriber = _held(session, hasher, subscription.subscriber_id)
    if subscriber is None:
        return Outcome.UNKNOWN
    told = exists().where(
        Bounce.subscriber_id == subscriber.id,
        Bounce.message_id.is_(None),
        Bounce.kind == report.kind,
        Bounce.at >= subscription.changed_at,
    )
    if session.scalar(select(told)):
        return Outcome.ALREADY
    newsletters.unsubscribe(session, subscription.id, now)
    _kept(session, report, subscriber, None, now)
    return Outcome.RECORDED


def _end(
    session: Session,
    subscriber: Subscriber,
    state: State,
    ended: tuple[State, ...],
    now: datetime,
) -> list[uuid.UUID]:
    """Ends what somebody is subscribed to; the ids of all that they are or were subscribed to."""
    theirs = session.scalars(
        select(Subscription)
        .where(Subscription.subscriber_id == subscriber.id)
        .order_by(Subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for one in theirs:
        if one.state in ended:
            one.state = state
            one.epoch += 1
            one.changed_at = now
            newsletters.tell_ended(session, one, state, now)
    session.flush()
    ids = [one.id for one in theirs]
    _call_back(session, subscriber.id, ids, now)
    return ids


def _call_back(
    session: Session, subscriber_id: uuid.UUID, subscriptions: Sequence[uuid.UUID], now: datetime
) -> None:
    """What waits to be sent to them is not sent."""
    asked = select(SignUp.id).where(SignUp.subscription_id.in_(subscriptions))
    for theirs in (
        Message.sign_up_id.in_(asked),
        Message.subscription_id.in_(subscriptions),
        Message.subscriber_id == subscriber_id,
    ):
        session.execute(
            update(Message)
            .where(
                theirs,
                Message.state == MessageState.WAITING,
                or_(Message.leased_until.is_(None), Message.leased_until < now),
            )
            .values(state=MessageState.VOID, settled_at=now, leased_by=None, leased_until=None),
            execution_options={"synchronize_session": False},
        )


def _one_more(session: Session, subscription_id: uuid.UUID, message: Message) -> int:
    """Counts a soft bounce; how many there have been without an issue between that did not."""
    subscription = session.get_one(Subscription, subscription_id, with_for_update=True)
    last = session.scalar(
        select(Message.id)
        .where(
            Message.subscription_id == subscription_id,
            Message.id != message.id,
            Message.digest_id.is_not(None),
            Message.state.in_((MessageState.SENT, MessageState.REFUSED)),
            Message.created_at < message.created_at,
        )
        .order_by(Message.created_at.desc())
        .limit(1)
    )
    if last and not session.scalar(select(exists().where(Bounce.message_id == last))):
        subscription.soft_bounces = 0
    subscription.soft_bounces += 1
    return subscription.soft_bounces
