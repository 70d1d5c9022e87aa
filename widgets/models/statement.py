"""What the network publishes and its translations, the picture that goes with it, and the names
under it."""

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base


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
    withdrawn_on: Mapped[date | None]
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
    updated_at: Mapped[datetime]


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
