"""Who changed what, and when. The database itself refuses to change or delete an entry."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from widgets.models.base import Base


class AuditEntry(Base):
    """actor: as they were called then; editor_id: None where it was no editor. subject: what was
    changed, by its kind ("statement", "member", …) and the id or slug it is known by there."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "kind", "subject", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    editor_id: Mapped[int | None] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(48))  # "published", "contact added", …
    kind: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(Text)  # what the subject was called then
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
