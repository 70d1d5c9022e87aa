"""Mail that is committed but not yet delivered. It names whom it is for; it holds no address,
no link and no code: those are put in when it is sent (widgets.letters)."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.editor import Editor, SignInLink
from widgets.models.invitation import Invitation
from widgets.models.signing import Signing
from widgets.models.subscriber import SignUp


class MessageState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"  # for good; `error` says why
    VOID = "void"  # never to be sent: written so that every sign-up writes the same


class Message(Base):
    __tablename__ = "outbox"
    __table_args__ = (Index(None, "state", "not_before"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)  # also its Message-ID
    kind: Mapped[str] = mapped_column(String(16))  # a key of widgets.letters.KINDS
    # what it speaks of: one of these
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
