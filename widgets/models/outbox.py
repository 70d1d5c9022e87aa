"""Mail that is committed but not yet delivered. It names whom it is for; it holds no address,
no link and no code: those are put in when it is sent (widgets.letters)."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
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
    sign_up_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sign_ups.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    leased_by: Mapped[str | None] = mapped_column(String(128))
    leased_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    sign_up: Mapped[SignUp] = relationship()
