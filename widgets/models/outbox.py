"""Mail that is committed but not yet delivered. It names whom it is for; it holds no address,
no link and no code: those are put in when it is sent (widgets.letters)."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.digest import Digest
from widgets.models.editor import Editor, SignInLink
from widgets.models.invitation import Invitation
from widgets.models.signing import Signing
from widgets.models.subscriber import AddressChange, SignUp, Subscriber, Subscription


class MessageState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"  # for good; `error` says why
    VOID = "void"  # never to be sent: written so that every sign-up writes the same


class Message(Base):
    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "state", "is_bulk", "not_before"),
        Index(None, "digest_id", "state", "settled_at"),  # how far an issue is, and how fast
        UniqueConstraint("digest_id", "subscription_id"),  # nobody gets an issue twice
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)  # also its Message-ID
    kind: Mapped[str] = mapped_column(String(16))  # a key of widgets.letters.KINDS
    # to many at once: it goes out beside what somebody waits for, and never before it
    is_bulk: Mapped[bool] = mapped_column(default=False)
    # what it speaks of
    sign_up_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("sign_ups.id", ondelete="CASCADE"), index=True
    )
    sign_in_link_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("sign_in_links.id", ondelete="CASCADE"), index=True
    )
    invitation_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("invitations.id", ondelete="CASCADE"), index=True
    )
    signing_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("signings.id", ondelete="CASCADE"), index=True
    )
    editor_id: Mapped[int | None] = mapped_column(
        ForeignKey("editors.id", ondelete="CASCADE"), index=True
    )
    subscriber_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    address_change_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("address_changes.id", ondelete="CASCADE"), index=True
    )
    # an issue, and to whom: to a subscription, or, to be looked at, to an editor
    digest_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("digests.id", ondelete="CASCADE")
    )
    subscription_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("subscriptions.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    leased_by: Mapped[str | None] = mapped_column(String(128))
    leased_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    sign_up: Mapped[SignUp | None] = relationship()
    sign_in_link: Mapped[SignInLink | None] = relationship()
    invitation: Mapped[Invitation | None] = relationship()
    signing: Mapped[Signing | None] = relationship()
    editor: Mapped[Editor | None] = relationship()
    subscriber: Mapped[Subscriber | None] = relationship()
    address_change: Mapped[AddressChange | None] = relationship()
    digest: Mapped[Digest | None] = relationship()
    subscription: Mapped[Subscription | None] = relationship()
