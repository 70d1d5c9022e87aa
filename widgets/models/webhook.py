"""Whom we tell what happens: other programs' addresses, what was told them; and the keys by which
programs may ask."""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base


class Webhook(Base):
    """events: the types that it is told of. secret: as Standard Webhooks writes it ("whsec_…")."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    failing_since: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None] = mapped_column(Text)


class CallState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"  # given up
    VOID = "void"  # never to be told: only so that the same work is done whatever there is to tell


class WebhookCall(Base):
    """An event that one webhook is to be told: written with what it tells of, in one transaction.
    id: also its webhook-id, the same at every attempt."""

    __tablename__ = "webhook_calls"
    __table_args__ = (Index(None, "state", "not_before"), Index(None, "webhook_id", "created_at"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    # of whom it tells, so that erasing them reaches it
    subscriber_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[str] = mapped_column(String(8), default=CallState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    leased_by: Mapped[str | None] = mapped_column(String(128))
    leased_until: Mapped[datetime | None]
    status: Mapped[int | None]  # of the last answer
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    webhook: Mapped[Webhook] = relationship()


class ApiKey(Base):
    """key: the hash of the key; start: its first letters, by which people tell keys apart."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    start: Mapped[str] = mapped_column(String(16))
    may_write: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    used_on: Mapped[date | None]
    revoked_at: Mapped[datetime | None]
