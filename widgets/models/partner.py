"""Other tools that hold a newsletter's subscribers too: listmonk, Mailman 3."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.newsletter import Newsletter


class Partner(Base):
    """A list of another tool that is kept in step with a newsletter. kind: "listmonk" or "mailman";
    list_name: as the tool calls it (listmonk's number, Mailman's list id); password: sealed with a
    key of ours (see widgets.partners); state: what the next run needs to know of the last."""

    __tablename__ = "partners"

    id: Mapped[int] = mapped_column(primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str] = mapped_column(Text)
    user: Mapped[str] = mapped_column(Text)
    password: Mapped[str] = mapped_column(Text)
    list_name: Mapped[str] = mapped_column(Text)
    state: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime]
    next_at: Mapped[datetime | None]  # None: only when it is asked for
    leased_by: Mapped[str | None] = mapped_column(String(128))
    leased_until: Mapped[datetime | None]
    run_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    newsletter: Mapped[Newsletter] = relationship()


class PartnerEntry(Base):
    """How a subscription stood in the other tool when both were last compared."""

    __tablename__ = "partner_entries"
    __table_args__ = (UniqueConstraint("partner_id", "remote_id"),)

    partner_id: Mapped[int] = mapped_column(
        ForeignKey("partners.id", ondelete="CASCADE"), primary_key=True
    )
    subscription_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    remote_id: Mapped[str] = mapped_column(Text)
    remote_state: Mapped[str] = mapped_column(String(32))
    epoch: Mapped[int]  # of the subscription then
    at: Mapped[datetime]
