"""One person's whole record: everything that is kept of whoever has an address."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from widgets import suppressions, webhooks
from widgets.addresses import Hasher, stored
from widgets.audit import Subject
from widgets.models import (
    AddressChange,
    Bounce,
    CallState,
    Consent,
    ConsentText,
    Contact,
    Editor,
    Invitation,
    Message,
    MessageState,
    Newsletter,
    NewsletterText,
    Signing,
    SignInLink,
    SignUp,
    Subscriber,
    Subscription,
    WebhookCall,
)


@dataclass(frozen=True)
class Person:
    """All that is kept of whoever has an address: what they are shown if they ask. The lists hold
    what can be written as JSON, but for moments. address: None where only the keyed hash is known
    to us. editor: the name that they work under in the console, if they do."""

    key: str
    address: str | None
    known_since: datetime | None
    suppressed: dict[str, Any] | None
    subscriptions: list[dict[str, Any]]
    address_changes: list[dict[str, Any]]
    open_letters: list[dict[str, Any]]
    contact_of: list[dict[str, Any]]
    mails: list[dict[str, Any]]
    bounces: list[dict[str, Any]]
    told_others: list[dict[str, Any]]
    editor: str | None

    @property
    def is_known(self) -> bool:
        """Whether there is anything of them but the keyed hash."""
        return self.address is not None


def find(session: Session, hasher: Hasher, key: str) -> Person:
    """The whole record of the address with this keyed hash."""
    subscriber = session.scalar(select(Subscriber).where(Subscriber.key == key))
    signings = session.scalars(
        select(Signing)
        .options(joinedload(Signing.statement))
        .where(Signing.key == key)
        .order_by(Signing.asked_at)
    ).all()
    their_contacts = contacts(session, hasher, key)
    editor = next(
        (
            one
            for one in session.scalars(select(Editor).order_by(Editor.id))
            if _key(hasher, one.address) == key
        ),
        None,
    )
    addresses = [
        subscriber.address if subscriber else None,
        *(one.address for one in signings),
        *(one.address for one in their_contacts),
        editor.address if editor else None,
    ]
    suppression = suppressions.of(session, key, datetime.now(UTC))
    return Person(
        key=key,
        address=next((address for address in addresses if address), None),
        known_since=subscriber.created_at if subscriber and subscriber.address else None,
        suppressed=None
        if suppression is None
        else {
            "reason": suppression.reason,
            "since": suppression.created_at,
            "until": suppression.until,
        },
        subscriptions=_subscriptions(session, key),
        address_changes=_address_changes(session, key),
        open_letters=[_signing(session, one) for one in signings],
        contact_of=[_contact(session, one) for one in their_contacts],
        mails=_mails(
            session, key, [one.id for one in their_contacts], editor.id if editor else None
        ),
        bounces=_bounces(session, key),
        told_others=_told_others(session, key),
        editor=editor.name if editor else None,
    )


def contacts(session: Session, hasher: Hasher, key: str) -> list[Contact]:
    """As whom they may answer for members."""
    everybody = session.scalars(
        select(Contact).options(joinedload(Contact.member)).order_by(Contact.id)
    )
    return [one for one in everybody if _key(hasher, one.address) == key]


def as_json(found: Person) -> str:
    """The record as one readable file. Times are ISO 8601 in UTC."""
    return json.dumps(
        asdict(found), ensure_ascii=False, indent=2, default=lambda at: at.isoformat(" ", "seconds")
    )


def subject(key: str) -> Subject:
    """How the audit speaks of somebody: never by the address, which it would outlive."""
    return Subject("subscriber", key, key[:8])


def _subscriptions(session: Session, key: str) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Subscription, Newsletter, NewsletterText)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .join(Newsletter, Newsletter.id == Subscription.newsletter_id)
        .outerjoin(
            NewsletterText,
            (NewsletterText.newsletter_id == Newsletter.id)
            & (NewsletterText.lang == Newsletter.lang),
        )
        .where(Subscriber.key == key)
        .order_by(Subscription.created_at)
    ).all()
    return [
        {
            "id": str(subscription.id),
            "newsletter": newsletter.slug,
            "name": words.name if words else newsletter.slug,
            "lang": newsletter.lang,
            "state": subscription.state,
            "since": subscription.changed_at,
            "wishes": {
                "lang": subscription.lang,
                "rhythm": subscription.rhythm,
                "topics": subscription.topics,
                "countries": subscription.countries,
                "paused_until": subscription.paused_until,
            },
            "soft_bounces": subscription.soft_bounces,
            "sign_ups": [
                {
                    "asked_at": sign_up.asked_at,
                    "site": sign_up.site,
                    "lang": sign_up.lang,
                    "text": text.text,
                    "mail_from": sign_up.send_at,
                }
                for sign_up, text in session.execute(
                    select(SignUp, ConsentText)
                    .join(ConsentText, ConsentText.id == SignUp.consent_text_id)
                    .where(SignUp.subscription_id == subscription.id)
                    .order_by(SignUp.asked_at)
                )
            ],
            "consents": [
                {
                    "text": text.text if text else None,
                    "evidence": consent.evidence,
                    "method": consent.method,
                    "site": consent.site,
                    "lang": consent.lang,
                    "asked_at": consent.asked_at,
                    "given_at": consent.given_at,
                    "withdrawn_at": consent.withdrawn_at,
                }
                for consent, text in session.execute(
                    select(Consent, ConsentText)
                    .outerjoin(ConsentText, ConsentText.id == Consent.consent_text_id)
                    .where(Consent.subscription_id == subscription.id)
                    .order_by(Consent.id)
                )
            ],
        }
        for subscription, newsletter, words in rows
    ]


def _address_changes(session: Session, key: str) -> list[dict[str, Any]]:
    """Wishes to be written to elsewhere, and those of another address to be written to here."""
    return [
        {
            "from": one.subscriber.address,
            "to": one.address or None,
            "lang": one.lang,
            "asked_at": one.asked_at,
            "mail_from": one.send_at,
            "done_at": one.done_at,
        }
        for one in session.scalars(
            select(AddressChange)
            .join(Subscriber, Subscriber.id == AddressChange.subscriber_id)
            .options(joinedload(AddressChange.subscriber))
            .where(
                or_(
                    Subscriber.key == key,
                    # what a stranger typed is not theirs until they confirm it
                    and_(AddressChange.key == key, AddressChange.done_at.is_not(None)),
                )
            )
            .order_by(AddressChange.asked_at)
        )
    ]


def _bounces(session: Session, key: str) -> list[dict[str, Any]]:
    """What came back of the mails to them."""
    return [
        {
            "kind": one.kind,
            "status": one.status,
            "reason": one.reason,
            "source": one.source,
            "at": one.at,
        }
        for one in session.scalars(
            select(Bounce)
            .join(Subscriber, Subscriber.id == Bounce.subscriber_id)
            .where(Subscriber.key == key)
            .order_by(Bounce.at)
        )
    ]


def _told_others(session: Session, key: str) -> list[dict[str, Any]]:
    """What other programs of the network were told of them."""
    return [
        {
            "event": one.event,
            "host": webhooks.host(one.webhook),  # the rest of an address may be a secret of theirs
            "state": one.state,
            "at": one.created_at,
            "payload": one.payload,
        }
        for one in session.scalars(
            select(WebhookCall)
            .join(Subscriber, Subscriber.id == WebhookCall.subscriber_id)
            .options(joinedload(WebhookCall.webhook))
            .where(Subscriber.key == key, WebhookCall.state != CallState.VOID)
            .order_by(WebhookCall.created_at)
        )
    ]


def _signing(session: Session, signing: Signing) -> dict[str, Any]:
    text = signing.consent_text_id and session.get(ConsentText, signing.consent_text_id)
    return {
        "statement": signing.statement.slug,
        "title": signing.statement.title,
        "name": signing.name,
        "affiliation": signing.affiliation,
        "country": signing.country,
        "shows_name": signing.shows_name,
        "state": signing.state,
        "site": signing.site,
        "lang": signing.lang,
        "asked_at": signing.asked_at,
        "confirmed_at": signing.confirmed_at,
        "newsletter_text": text.text if text else None,
    }


def _contact(session: Session, contact: Contact) -> dict[str, Any]:
    invitations = session.scalars(
        select(Invitation)
        .options(joinedload(Invitation.statement))
        .where(Invitation.contact_id == contact.id)
        .order_by(Invitation.asked_at)
    )
    return {
        "member": contact.member_slug,
        "organisation": contact.member.name,
        "name": contact.name,
        "lang": contact.lang,
        "invitations": [
            {
                "statement": one.statement.slug,
                "title": one.statement.title,
                "asked_at": one.asked_at,
                "reply": one.reply,
                "replied_at": one.replied_at,
            }
            for one in invitations
        ],
    }


def _mails(
    session: Session, key: str, contact_ids: list[int], editor_id: int | None
) -> list[dict[str, Any]]:
    """What was written to them, and what became of it."""
    sign_ups = (
        select(SignUp.id)
        .join(Subscription, Subscription.id == SignUp.subscription_id)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(Subscriber.key == key)
    )
    subscribers = select(Subscriber.id).where(Subscriber.key == key)
    changes = select(AddressChange.id).where(AddressChange.subscriber_id.in_(subscribers))
    issues = select(Subscription.id).where(Subscription.subscriber_id.in_(subscribers))
    theirs: list[ColumnElement[bool]] = [
        Message.sign_up_id.in_(sign_ups),
        Message.subscriber_id.in_(subscribers),
        Message.address_change_id.in_(changes),
        Message.subscription_id.in_(issues),
        Message.signing_id.in_(select(Signing.id).where(Signing.key == key)),
        Message.invitation_id.in_(
            select(Invitation.id).where(Invitation.contact_id.in_(contact_ids))
        ),
    ]
    if editor_id is not None:
        of_editor = select(SignInLink.id).where(SignInLink.editor_id == editor_id)
        theirs += [Message.editor_id == editor_id, Message.sign_in_link_id.in_(of_editor)]
    return [
        {
            "kind": one.kind,
            "issue": one.digest.number if one.digest else None,
            "state": one.state,
            "written_at": one.created_at,
            "settled_at": one.settled_at,
            "error": one.error,
        }
        for one in session.scalars(
            select(Message)
            .options(joinedload(Message.digest))
            .where(or_(*theirs), Message.state != MessageState.VOID)
            .order_by(Message.created_at)
        )
    ]


def _key(hasher: Hasher, address: str) -> str:
    """Of an address that was checked when it came in."""
    return hasher.address(stored(address))
