"""What came back: mail that could not be delivered, and complaints about mail."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from widgets.models.base import Base


class BounceKind(StrEnum):
    HARD = "hard"  # the mailbox is not there
    SOFT = "soft"  # not now
    COMPLAINT = "complaint"  # its owner called our mail unwanted
    POLICY = "policy"  # refused for what it says or where it comes from, whoever it is for


class Bounce(Base):
    """One report. message_id: of the outbox, which forgets sooner than this does; status: as RFC
    3463 ("5.1.1"), if it was told; reason: in the words of the other server, without addresses;
    source: how we learnt it ("smtp", "dsn", "arf", or the name of a relay)."""

    __tablename__ = "bounces"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    subscriber_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    digest_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("digests.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime]
