"""People who sign an open letter."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.statement import Statement


class SigningState(StrEnum):
    PENDING = "pending"  # not confirmed by mail yet
    CONFIRMED = "confirmed"  # waits for an editor, where the letter is moderated
    LISTED = "listed"  # counted, and shown if they wish
    REFUSED = "refused"  # by an editor
    WITHDRAWN = "withdrawn"  # by themselves


# Those in which an address has signed. No two of one statement may have the same address.
SIGNED = (SigningState.CONFIRMED, SigningState.LISTED, SigningState.REFUSED)
_SIGNED = text("state IN ('confirmed', 'listed', 'refused')")


class Signing(Base):
    """One press of "Sign": who wants to stand under a statement, and, once it is confirmed, does.

    `key`, `mailbox` and `domain` are keyed hashes, as of subscribers; send_at and tries are as in
    SignUp. Each press is a row of its own, with a code of its own; only one of an address is ever
    confirmed.
    """

    __tablename__ = "signings"
    __table_args__ = (
        Index("ix_signings_one_of_an_address", "statement_id", "key", unique=True,
              sqlite_where=_SIGNED, postgresql_where=_SIGNED),
        Index(None, "statement_id", "key"),
        # All that is needed to count is in it.
        Index(None, "statement_id", "state", "shows_name"),
        Index(None, "statement_id", "folded_name"),
        Index(None, "mailbox", "asked_at"),
        Index(None, "domain", "send_at"),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    affiliation: Mapped[str] = mapped_column(Text, default="")
    # for search, and to find those who sign twice: see widgets.text.fold
    folded_name: Mapped[str] = mapped_column(Text)
    folded_affiliation: Mapped[str] = mapped_column(Text, default="")
    country: Mapped[str | None] = mapped_column(String(2))
    shows_name: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16), default=SigningState.PENDING)
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
