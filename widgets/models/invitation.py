"""Members who were asked to endorse a statement."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.member import Contact, Member
from widgets.models.statement import Statement


class Reply(StrEnum):
    ENDORSED = "endorsed"
    DECLINED = "declined"  # "not this time"
    WITHDRAWN = "withdrawn"  # endorsed, and taken back


class Invitation(Base):
    """One contact of a member, asked to endorse one statement. The member's answer is the latest
    of its contacts'."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("statement_id", "contact_id"),
        Index(None, "statement_id", "member_slug"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    member_slug: Mapped[str] = mapped_column(ForeignKey("members.slug", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    words: Mapped[str | None] = mapped_column(Text)  # of the editor's own, in the mail
    asked_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    reminders: Mapped[int] = mapped_column(default=0)
    reply: Mapped[str | None] = mapped_column(String(16))
    replied_at: Mapped[datetime | None]

    statement: Mapped[Statement] = relationship()
    member: Mapped[Member] = relationship()
    contact: Mapped[Contact] = relationship()
