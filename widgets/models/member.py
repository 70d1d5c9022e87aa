"""The organisations of the network, their people, their sites, and what these embed."""

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base


class Member(Base):
    __tablename__ = "members"

    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    names: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)  # by language, besides `name`
    country: Mapped[str | None] = mapped_column(String(2))  # ISO 3166-1 alpha-2
    website: Mapped[str | None] = mapped_column(Text)
    left_at: Mapped[datetime | None]  # no member any more: is asked for nothing, keeps its history

    # never one by one: a query that needs them says so
    contacts: Mapped[list["Contact"]] = relationship(lazy="raise", order_by="Contact.id")
    sites: Mapped[list["Site"]] = relationship(lazy="raise", order_by="Site.id")


class Contact(Base):
    """Somebody who may answer for a member."""

    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("member_slug", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    member_slug: Mapped[str] = mapped_column(ForeignKey("members.slug", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(Text)
    lang: Mapped[str | None] = mapped_column(String(35))  # of mails to them

    member: Mapped[Member] = relationship(back_populates="contacts")


class Site(Base):
    """An origin that a member embeds from, like https://member.example."""

    __tablename__ = "sites"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_slug: Mapped[str] = mapped_column(
        ForeignKey("members.slug", ondelete="CASCADE"), index=True
    )
    origin: Mapped[str] = mapped_column(String(255), unique=True)


class Sighting(Base):
    """How often a widget was shown on the sites of a member on one day, and nothing about whom to.

    member_slug: "" where it was none that we know.
    """

    __tablename__ = "sightings"
    __table_args__ = (Index(None, "widget", "member_slug", "day"),)

    day: Mapped[date] = mapped_column(primary_key=True)  # in UTC
    widget: Mapped[str] = mapped_column(String(160), primary_key=True)  # its path after /embed/
    member_slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    shown: Mapped[int]
