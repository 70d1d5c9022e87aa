"""Issues of newsletters: which statements they bring, and what they say in each language."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.newsletter import Newsletter

LAST = uuid.UUID(int=2**128 - 1)  # the cursor of an issue that has been written for everybody


class DigestState(StrEnum):
    DRAFT = "draft"  # what is new goes in by itself
    APPROVED = "approved"  # goes out when it is due, with what was in it then
    SENDING = "sending"
    STOPPED = "stopped"  # in mid-sending; can go on
    SENT = "sent"


class Digest(Base):
    """One issue. Of a newsletter and a rhythm there is at most one that has not begun to be sent.

    number: from 1 for each newsletter, given when sending begins; its public address has it.
    total: how many it is for; expanded: for how many of them there has been a message; cursor: the
    last subscription of these, in the order of their ids. sent, refused: kept when it is finished,
    since the messages are deleted some day.
    """

    __tablename__ = "digests"
    __table_args__ = (
        UniqueConstraint("newsletter_id", "number"),
        Index(None, "newsletter_id", "rhythm", "state"),
        Index(None, "state"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))
    rhythm: Mapped[str] = mapped_column(String(8))
    number: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(8), default=DigestState.DRAFT)
    due_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(Text)  # as they were called then
    approved_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    stopped_because: Mapped[str | None] = mapped_column(Text)
    total: Mapped[int] = mapped_column(default=0)
    expanded: Mapped[int] = mapped_column(default=0)
    cursor: Mapped[uuid.UUID | None]
    sent: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    newsletter: Mapped[Newsletter] = relationship()


class DigestText(Base):
    """What an editor writes above the statements, in one language. subject: "": the one that is
    made from the statements; introduction: Markdown."""

    __tablename__ = "digest_texts"

    digest_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("digests.id", ondelete="CASCADE"), primary_key=True
    )
    lang: Mapped[str] = mapped_column(String(35), primary_key=True)
    subject: Mapped[str] = mapped_column(Text, default="")
    introduction: Mapped[str] = mapped_column(Text, default="")


class DigestStatement(Base):
    """A statement in an issue, or one that an editor has left out of it: that is not proposed for
    the next issue either. In a draft only what is left out is here."""

    __tablename__ = "digest_statements"

    digest_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("digests.id", ondelete="CASCADE"), primary_key=True
    )
    statement_id: Mapped[int] = mapped_column(
        ForeignKey("statements.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    position: Mapped[int] = mapped_column(default=0)
    is_in: Mapped[bool] = mapped_column(default=True)


class DigestEdition(Base):
    """What an issue says in one language, as it was when sending began: every subscriber reads the
    same, whatever is edited meanwhile. content: see widgets.editions."""

    __tablename__ = "digest_editions"

    digest_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("digests.id", ondelete="CASCADE"), primary_key=True
    )
    lang: Mapped[str] = mapped_column(String(35), primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
