"""What the network publishes and its translations, the picture that goes with it, and the names
under it."""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base


class Standing(StrEnum):
    DRAFT = "draft"
    GATHERING = "gathering"  # endorsements, before it is published
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Opening(StrEnum):
    """Whether the public may sign."""

    NO = "no"
    MODERATED = "moderated"  # a name is listed when an editor has seen it
    OPEN = "open"  # a name is listed when it is confirmed
    CLOSED = "closed"  # it was open


class Image(Base):
    """A picture, stored as files named by its digest (see widgets.images)."""

    __tablename__ = "images"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(32), unique=True)
    width: Mapped[int]  # pixels of the widest stored file
    height: Mapped[int]
    widths: Mapped[list[int]] = mapped_column(JSON)  # ascending, pixels


class Statement(Base):
    __tablename__ = "statements"
    __table_args__ = (Index(None, "published_on", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    lang: Mapped[str] = mapped_column(String(35))  # BCP 47
    title: Mapped[str] = mapped_column(Text)
    published_on: Mapped[date]
    topics: Mapped[list[str]] = mapped_column(JSON)
    countries: Mapped[list[str]] = mapped_column(JSON)  # ISO 3166-1 alpha-2
    body: Mapped[str] = mapped_column(Text)  # Markdown
    pull_quote: Mapped[str | None] = mapped_column(Text)
    endorsement: Mapped[str | None] = mapped_column(Text)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"))
    image_alt: Mapped[str] = mapped_column(Text, default="")
    image_credit: Mapped[str | None] = mapped_column(Text)
    focus_x: Mapped[int] = mapped_column(default=50)  # per cent from the left: what a crop keeps
    focus_y: Mapped[int] = mapped_column(default=30)  # per cent from the top: faces are above
    standing: Mapped[str] = mapped_column(String(16), default=Standing.PUBLISHED)
    publish_at: Mapped[datetime | None] = mapped_column(index=True)  # by itself, at this moment
    published_at: Mapped[datetime | None] = mapped_column(index=True)  # for the first time
    is_urgent: Mapped[bool] = mapped_column(default=False)  # worth an alert
    correction: Mapped[str | None] = mapped_column(Text)  # what was corrected, for readers
    corrected_on: Mapped[date | None]
    withdrawn_on: Mapped[date | None]
    withdrawal: Mapped[str | None] = mapped_column(Text)  # why, for readers
    endorse_until: Mapped[datetime | None]  # members answer until then
    opening: Mapped[str] = mapped_column(String(16), default=Opening.NO)
    version: Mapped[int] = mapped_column(default=0)  # the number of its newest Version
    folded: Mapped[str] = mapped_column(Text, default="", deferred=True)  # for search: its words
    updated_at: Mapped[datetime]

    image: Mapped[Image | None] = relationship(lazy="joined")
    # never one by one: a query that needs them says so
    translations: Mapped[list["Translation"]] = relationship(
        lazy="raise", order_by="Translation.lang"
    )


class Translation(Base):
    """A statement in another language. What is None here is as in the statement itself, or, of the
    quotation and the sentence above the names, not there."""

    __tablename__ = "translations"
    __table_args__ = (UniqueConstraint("statement_id", "lang"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    lang: Mapped[str] = mapped_column(String(35))  # BCP 47
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)  # Markdown
    pull_quote: Mapped[str | None] = mapped_column(Text)
    endorsement: Mapped[str | None] = mapped_column(Text)
    image_alt: Mapped[str | None] = mapped_column(Text)
    image_credit: Mapped[str | None] = mapped_column(Text)
    topics: Mapped[list[str]] = mapped_column(JSON)
    correction: Mapped[str | None] = mapped_column(Text)
    withdrawal: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=0)
    folded: Mapped[str] = mapped_column(Text, default="", deferred=True)
    updated_at: Mapped[datetime]


class Version(Base):
    """What a statement said in one of its languages at one time: each save makes one. `number`
    counts from 1 for each language."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("statement_id", "lang", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    lang: Mapped[str] = mapped_column(String(35))
    number: Mapped[int]
    actor: Mapped[str] = mapped_column(Text)  # who saved it, as they were called then
    at: Mapped[datetime]
    content: Mapped[dict[str, Any]] = mapped_column(JSON)  # see widgets.versions


class Preview(Base):
    """What an editor wants to see before it is saved. Shown behind a signed link, for an hour."""

    __tablename__ = "previews"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(index=True)


class Consented(StrEnum):
    """How it is known that a name may stand under a statement."""

    FILE = "file"  # it came with an imported table
    LINK = "link"  # a contact of the member pressed "endorse"
    BY_HAND = "by hand"  # an editor wrote it; `note` tells how consent was given
    SIGNED = "signed"  # a person signed an open letter


class Signatory(Base):
    """A name under a statement. `position` is its place in the list, from 0.

    What is last is made from the name and the statement's language: see widgets.signatories.
    """

    __tablename__ = "signatories"
    __table_args__ = (
        UniqueConstraint("statement_id", "position"),
        # All that is needed to cut a list into pages is in it; the rows are not visited.
        Index(None, "statement_id", "sort_key", "position", "weight", "initial"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    country: Mapped[str | None] = mapped_column(String(2))
    url: Mapped[str | None] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Text)  # for search: see widgets.text.fold
    sort_key: Mapped[bytes]  # its place in the alphabet: see widgets.collation
    initial: Mapped[str] = mapped_column(String(8))  # the letter it is looked for under
    weight: Mapped[int]  # bytes on the wire at most
    consented: Mapped[str] = mapped_column(String(16), default=Consented.FILE)
    note: Mapped[str | None] = mapped_column(Text)
    member_slug: Mapped[str | None] = mapped_column(
        ForeignKey("members.slug", ondelete="SET NULL"), index=True
    )
    signing_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("signings.id", ondelete="CASCADE"), index=True
    )
