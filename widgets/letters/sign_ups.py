"""Mails to those who sign up for a newsletter."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from widgets import languages, members, newsletters, suppressions
from widgets.letters.draft import Draft
from widgets.models import Message, SignUp, State, Subscription
from widgets.service import Service


def confirmation(service: Service, session: Session, row: Message) -> Draft | None:
    """Asks whoever signed up to confirm; not wanted where they left, confirmed or were erased."""
    record = row.sign_up
    if record is None or record.subscription.state == State.CONFIRMED:
        return None
    if record.subscription.epoch != record.epoch:
        return None
    return _draft(service, session, record)


def already(service: Service, session: Session, row: Message) -> Draft | None:
    """Tells a subscriber who signs up again that they are one."""
    record = row.sign_up
    if record is None or record.subscription.state != State.CONFIRMED:
        return None
    return _draft(service, session, record)


def _draft(service: Service, session: Session, record: SignUp) -> Draft | None:
    subscription = record.subscription
    key, address = subscription.subscriber.key, subscription.subscriber.address
    if address is None or suppressions.is_suppressed(session, key, datetime.now(UTC)):
        return None
    unsubscribe = service.settings.url(f"/unsubscribe/{service.links.unsubscribe(subscription.id)}")
    return Draft(
        to=address,
        lang=record.lang,
        values=lambda: _values(service, session, record, subscription, unsubscribe),
        unsubscribe=unsubscribe,
    )


def _values(
    service: Service,
    session: Session,
    record: SignUp,
    subscription: Subscription,
    unsubscribe: str,
) -> dict[str, Any]:
    settings, links = service.settings, service.links
    newsletter = newsletters.words(
        session, subscription.newsletter, languages.spoken(), settings.language
    )
    site = members.site_name(session, record.site)
    return {
        "newsletter": newsletter.name,
        "title": newsletter.title,
        "asked": _asked(newsletter.name, settings.network_name, site),
        "code": links.code(record.id),
        "confirm": settings.url(f"/confirm/{links.confirm(record.id, record.epoch)}"),
        "unsubscribe": unsubscribe,
        "preferences": settings.url(
            f"/preferences/{links.preferences(subscription.subscriber_id)}"
        ),
    }


def _asked(newsletter: str, network: str, site: str | None) -> str:
    """What happened, for somebody who may not have done it. site: whose it happened on."""
    if site:
        return languages.gettext(
            "Somebody, probably you, asked for %(newsletter)s of %(network)s on the site of "
            "%(site)s.",
            newsletter=newsletter,
            network=network,
            site=site,
        )
    return languages.gettext(
        "Somebody, probably you, asked for %(newsletter)s of %(network)s.",
        newsletter=newsletter,
        network=network,
    )
