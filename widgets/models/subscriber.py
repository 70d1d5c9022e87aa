"""A person's address, what it is subscribed to, and how that came to be."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.newsletter import Newsletter


class State(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    ERASED = "erased"


class Subscriber(Base):
    """An address. `key` is its keyed hash (widgets.addresses); `address` is absent where it is
    suppressed, so that only the hash is kept."""

    __tablename__ = "subscribers"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


class Subscription(Base):
    """Subscriber × newsletter, and what they wish of it. `epoch` grows by one with every change of
    `state`. topics (in any language) and countries (ISO 3166-1 alpha-2): a statement on one of
    these is wanted; none of both: all are. soft_bounces: since the last issue that did not bounce.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "newsletter_id"),
        Index(None, "newsletter_id", "state", "id"),  # who gets an issue, one after the other
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subscriber_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE")
    )
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))
    state: Mapped[str] = mapped_column(String(16), default=State.PENDING)
    epoch: Mapped[int] = mapped_column(default=0)
    lang: Mapped[str | None] = mapped_column(String(35))  # None: as it was asked for
    rhythm: Mapped[str | None] = mapped_column(String(8))  # None: the newsletter's
    topics: Mapped[list[str]] = mapped_column(JSON, default=list)
    countries: Mapped[list[str]] = mapped_column(JSON, default=list)
    paused_until: Mapped[datetime | None]
    soft_bounces: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    subscriber: Mapped[Subscriber] = relationship()
    newsletter: Mapped[Newsletter] = relationship()


class FormerSubscription(Base):
    """The id of a subscription that has become one with another, since two addresses turned out to
    be one person's: links in mails of then end the other."""

    __tablename__ = "former_subscriptions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("subscriptions.id", ondelete="CASCADE"), index=True
    )


class SignUp(Base):
    """One press of "Sign up": what was asked, where, and how often its code was tried.

    `mailbox` and `domain` are keyed hashes that the limits count by.
    """

    __tablename__ = "sign_ups"
    __table_args__ = (Index(None, "mailbox", "asked_at"), Index(None, "domain", "send_at"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("subscriptions.id", ondelete="CASCADE"), index=True
    )
    consent_text_id: Mapped[int] = mapped_column(ForeignKey("consent_texts.id"))
    site: Mapped[str | None] = mapped_column(String(64))  # the member whose site showed the form
    lang: Mapped[str] = mapped_column(String(35))
    mailbox: Mapped[str] = mapped_column(String(64))
    domain: Mapped[str] = mapped_column(String(64))
    # When its mail goes out, at the earliest; none does where suppressed or over a limit.
    send_at: Mapped[datetime | None]
    epoch: Mapped[int]  # of the subscription when it was asked: its code and link hold for this
    tries: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime]

    subscription: Mapped[Subscription] = relationship()


class Consent(Base):
    """The evidence: which text was agreed to, when and where it was asked and given, and how.

    consent_text_id: None where it was imported, and agreed to elsewhere.
    """

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("subscriptions.id", ondelete="CASCADE"), index=True
    )
    consent_text_id: Mapped[int | None] = mapped_column(ForeignKey("consent_texts.id"))
    site: Mapped[str | None] = mapped_column(String(64))
    lang: Mapped[str] = mapped_column(String(35))
    method: Mapped[str] = mapped_column(String(8))  # "link", "code", or "import"
    evidence: Mapped[str | None] = mapped_column(Text)  # of an import: what it said of the consent
    asked_at: Mapped[datetime]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class AddressChange(Base):
    """A subscriber's wish to be written to at another address, until its owner confirms it. key,
    mailbox and domain are keyed hashes; send_at is as in SignUp."""

    __tablename__ = "address_changes"
    __table_args__ = (Index(None, "mailbox", "asked_at"), Index(None, "domain", "send_at"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subscriber_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    key: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(Text)
    lang: Mapped[str] = mapped_column(String(35))
    mailbox: Mapped[str] = mapped_column(String(64))
    domain: Mapped[str] = mapped_column(String(64))
    send_at: Mapped[datetime | None]
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    subscriber: Mapped[Subscriber] = relationship()


class Suppression(Base):
    """An address we must not write to, as its keyed hash and nothing else. until: a mailbox that
    did not exist may exist again; None: for good."""

    __tablename__ = "suppressions"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(String(32))
    until: Mapped[datetime | None]
    created_at: Mapped[datetime]
