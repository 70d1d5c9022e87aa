"""People who sign an open letter."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.statement import Statement


class SigningState(StrEnum):
    PENDING = "pending"  # not confirmed by mail yet
    CONFIRMED = "confirmed"  # waits for an editor, where the letter is moderated
    LISTED = "listed"  # counted, and shown if they wish
    REFUSED = "refused"  # by an editor
    WITHDRAWN = "withdrawn"  # by themselves


class Signing(Base):
    """One person under one statement. `key` and `mailbox`, `domain` are keyed hashes, as of
    subscribers; one address signs a statement once. send_at, epoch and tries are as in SignUp."""

    __tablename__ = "signings"
    __table_args__ = (
        UniqueConstraint("statement_id", "key"),
        Index(None, "statement_id", "state"),
        Index(None, "mailbox", "asked_at"),
        Index(None, "domain", "send_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    affiliation: Mapped[str] = mapped_column(Text, default="")
    country: Mapped[str | None] = mapped_column(String(2))
    shows_name: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16), default=SigningState.PENDING)
    epoch: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    site: Mapped[str | None] = mapped_column(String(64))
    lang: Mapped[str] = mapped_column(String(35))
    mailbox: Mapped[str] = mapped_column(String(64))
    domain: Mapped[str] = mapped_column(String(64))
    # the newsletter that they asked for too, by the wording that they agreed to
    consent_text_id: Mapped[int | None] = mapped_column(ForeignKey("consent_texts.id"))
    send_at: Mapped[datetime | None]
    asked_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]

    statement: Mapped[Statement] = relationship()
