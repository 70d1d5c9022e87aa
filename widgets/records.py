"""What we keep of people: taken out for those who need it, kept as long as it must be, erased.

`newsletters` is how it comes in.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session, undefer

from widgets import people, tables
from widgets.addresses import Address, Hasher
from widgets.models import (
    AddressChange,
    Consent,
    ConsentText,
    Contact,
    Job,
    Newsletter,
    Preview,
    Signatory,
    Signing,
    SigningState,
    SignUp,
    State,
    Subscriber,
    Subscription,
    Suppression,
)
from widgets.models.database import one_at_a_time
from widgets.models.fact import content_changed

EXPORTED = ("address", "state", "since", "site", "lang", "consent", "asked_at", "confirmed_at",
            "method")  # fmt: skip


def suppress(
    session: Session, hasher: Hasher, address: Address, reason: str, now: datetime
) -> None:
    """Never writes to this address again. Of it, only the keyed hash is kept: what it was
    subscribed to or signed, its consents and its mail are deleted with it."""
    one_at_a_time(session, hasher.mailbox(address))
    erase(session, hasher, hasher.address(address), reason, now)


def erase(
    session: Session,
    hasher: Hasher,
    key: str,
    reason: str | None,
    now: datetime,
    *,
    contacts: bool = False,
) -> None:
    """The same, by the keyed hash. reason: None where nothing at all is to be kept, so that they
    can sign up again. contacts: also takes the person away as a contact of members, with the
    invitations that they were sent; what a member endorsed stays."""
    for mailbox in sorted(_mailboxes(session, key)):
        one_at_a_time(session, mailbox)
    found = people.find(session, hasher, key)
    if reason is not None:
        session.merge(Suppression(key=key, reason=reason, until=None, created_at=now))
    _forget_addresses_before(session, key)
    session.execute(delete(Subscriber).where(Subscriber.key == key))
    signed = select(Signing.id).where(Signing.key == key)
    # their names go first: a database's cascade does not tell the session
    session.execute(delete(Signatory).where(Signatory.signing_id.in_(signed)))
    states = session.scalars(delete(Signing).where(Signing.key == key).returning(Signing.state))
    if SigningState.LISTED in states.all():  # counted too where the name is not shown
        content_changed(session)
    if contacts:
        ids = [one.id for one in people.contacts(session, hasher, key)]
        session.execute(delete(Contact).where(Contact.id.in_(ids)))
    if found.address:
        _blank_out(session, found.address)


def allow_again(session: Session, key: str) -> None:
    """Takes an address off the list of those we must not write to. Nothing is sent to it but what
    its owner asks for and confirms anew."""
    session.execute(delete(Suppression).where(Suppression.key == key))
    theirs = select(Subscriber.id).where(Subscriber.key == key)
    session.execute(
        update(Subscription)
        .where(Subscription.subscriber_id.in_(theirs), Subscription.state == State.COMPLAINED)
        .values(state=State.UNSUBSCRIBED, epoch=Subscription.epoch + 1)
    )


def _forget_addresses_before(session: Session, key: str) -> None:
    """Deletes wishes to be written to at this address, and the addresses that it has replaced."""
    before = select(AddressChange.subscriber_id).where(
        AddressChange.key == key, AddressChange.done_at.is_not(None)
    )
    session.execute(
        delete(Subscriber).where(
            Subscriber.id.in_(before),
            Subscriber.key != key,
            ~exists().where(Subscription.subscriber_id == Subscriber.id),
        )
    )
    session.execute(delete(AddressChange).where(AddressChange.key == key))


def _mailboxes(session: Session, key: str) -> set[str]:
    sign_ups = (
        select(SignUp.mailbox)
        .join(Subscription, Subscription.id == SignUp.subscription_id)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(Subscriber.key == key)
    )
    return {
        *session.scalars(sign_ups),
        *session.scalars(select(Signing.mailbox).where(Signing.key == key)),
    }


def _blank_out(session: Session, address: str) -> None:
    """Takes an address out of what is kept for a short while: tables that wait to be imported, and
    previews of texts. A table keeps its lines."""
    written = re.compile(rf"(?<![\w.+-]){re.escape(address)}(?![\w-])", re.IGNORECASE)
    for job in session.scalars(select(Job).options(undefer(Job.data)).where(Job.data.is_not(None))):
        text = (job.data or b"").decode(errors="surrogateescape")
        if written.search(text):
            job.data = written.sub("", text).encode(errors="surrogateescape")
    for preview in session.scalars(select(Preview)):
        if written.search(json.dumps(preview.content, ensure_ascii=False)):
            session.delete(preview)


def exported(session: Session, slug: str, state: str | None) -> Iterator[dict[str, str | None]]:
    """Who subscribes to a newsletter (those whose address we still have), in a stable order, with
    the evidence of the latest consent. Times are ISO 8601 in UTC."""
    latest = (
        select(func.max(Consent.id))
        .where(Consent.subscription_id == Subscription.id)
        .correlate(Subscription)
        .scalar_subquery()
    )
    query = (
        select(Subscriber, Subscription, Consent, ConsentText)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .join(Newsletter, Newsletter.id == Subscription.newsletter_id)
        .outerjoin(Consent, Consent.id == latest)
        .outerjoin(ConsentText, ConsentText.id == Consent.consent_text_id)
        .where(Newsletter.slug == slug, Subscriber.address.is_not(None))
        .order_by(Subscription.created_at, Subscription.id)
        .execution_options(yield_per=1000)
    )
    if state:
        query = query.where(Subscription.state == state)
    for subscriber, subscription, consent, wording in session.execute(query):
        yield {
            "address": subscriber.address,
            "state": subscription.state,
            "since": subscription.changed_at.isoformat(timespec="seconds"),
            "site": consent.site if consent else None,
            "lang": consent.lang if consent else None,
            "consent": wording.text if wording else consent.evidence if consent else None,
            "asked_at": consent.asked_at.isoformat(timespec="seconds") if consent else None,
            "confirmed_at": consent.given_at.isoformat(timespec="seconds") if consent else None,
            "method": consent.method if consent else None,
        }


def export(session: Session, slug: str, state: str | None, form: str) -> Iterator[str]:
    """The same, line by line. form: "csv", in which no value is a formula to a spreadsheet, or
    "ndjson": an object a line, as it is."""
    rows = exported(session, slug, state)
    if form == "csv":
        return tables.lines(EXPORTED, rows, end="\n")
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
