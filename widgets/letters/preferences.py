"""Mails by which subscribers reach what they have chosen and all that is kept of them, and by which
their address is changed."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from widgets import address_changes, preferences
from widgets.languages import spoken
from widgets.letters.draft import Draft
from widgets.models import Message, Subscriber
from widgets.newsletters import Answer
from widgets.preferences import NothingKept
from widgets.service import Service
from widgets.text import long_moment


def link(service: Service, session: Session, row: Message) -> Draft | None:
    """A new link to somebody's preferences, where the one they had is too old."""
    return _to_subscriber(
        service, session, row, lambda one: f"/preferences/{service.links.preferences(one.id)}"
    )


def record(service: Service, session: Session, row: Message) -> Draft | None:
    """A link to all that is kept of them."""
    return _to_subscriber(
        service, session, row, lambda one: f"/preferences/record/{service.links.record(one.id)}"
    )


def new_address(service: Service, session: Session, row: Message) -> Draft | None:
    """Asks the owner of a new address whether they want to be written to there."""
    change = row.address_change
    # when it is sent: a message that has to wait may become too late
    now = datetime.now(UTC)
    if change is None or address_changes.stands(session, change.id, now)[0] is not Answer.DONE:
        return None
    token = service.links.change(change.id)
    return Draft(
        to=change.address,
        lang=change.lang,
        values=lambda: {"link": service.settings.url(f"/preferences/address/{token}")},
    )


def address_changed(service: Service, session: Session, row: Message) -> Draft | None:
    """Tells the old address that it is not written to any more; not what the new one is."""
    change = row.address_change
    if change is None or change.done_at is None or change.subscriber.address is None:
        return None
    done_at = change.done_at
    return Draft(
        to=change.subscriber.address,
        lang=change.lang,
        values=lambda: {
            "at": long_moment(done_at, spoken()),
            "contact": service.settings.contact,
        },
    )


def _to_subscriber(
    service: Service, session: Session, row: Message, path: Callable[[Subscriber], str]
) -> Draft | None:
    if row.subscriber_id is None:
        return None
    try:
        subscriber = preferences.standing(session, row.subscriber_id, datetime.now(UTC))
    except NothingKept:
        return None
    return Draft(
        to=subscriber.address or "",
        lang=preferences.language(session, subscriber.id),
        values=lambda: {"link": service.settings.url(path(subscriber))},
    )
