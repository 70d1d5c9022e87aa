"""Who subscribes to a newsletter, a part at a time, for programs. Whose address is not kept, of
whom only a hash is, is not there."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from widgets.models import Consent, Newsletter, Subscriber, Subscription


class NoSuchSubscriber(LookupError):
    """Nobody of this id subscribes to the newsletter, or ever did."""


@dataclass(frozen=True)
class Listed:
    """A subscription, and the newest evidence of the consent to it, if it was ever given."""

    subscription: Subscription
    consent: Consent | None


def part(
    session: Session, slug: str, state: str | None, after: uuid.UUID | None, most: int
) -> Sequence[Listed]:
    """Subscribers in the order of their ids, from the one after an id, which need not be there any
    more. Who is there throughout is met exactly once by whoever goes on from the last of each
    part; who signs up meanwhile may be met or not."""
    query = _of(slug).order_by(Subscription.subscriber_id).limit(most)
    if state:
        query = query.where(Subscription.state == state)
    if after:
        query = query.where(Subscription.subscriber_id > after)
    return [Listed(*row) for row in session.execute(query)]


def find(session: Session, slug: str, subscriber_id: uuid.UUID) -> Listed:
    """Raises NoSuchSubscriber."""
    row = session.execute(_of(slug).where(Subscription.subscriber_id == subscriber_id)).first()
    if row is None:
        raise NoSuchSubscriber(subscriber_id)
    return Listed(*row)


def _of(slug: str) -> Select[Subscription, Consent]:
    latest = (
        select(func.max(Consent.id))
        .where(Consent.subscription_id == Subscription.id)
        .correlate(Subscription)
        .scalar_subquery()
    )
    newsletter = select(Newsletter.id).where(Newsletter.slug == slug).scalar_subquery()
    return (
        select(Subscription, Consent)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .outerjoin(Consent, Consent.id == latest)
        .options(joinedload(Subscription.subscriber))
        .where(Subscription.newsletter_id == newsletter, Subscriber.address.is_not(None))
    )
