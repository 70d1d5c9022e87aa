"""The organisations of the network, on whose sites widgets are shown."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from widgets.models.base import Base


class Member(Base):
    __tablename__ = "members"

    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    website: Mapped[str | None] = mapped_column(Text)
