"""Newsletters, and each wording of the consent that readers were ever asked for."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from widgets.models.base import Base


class Rhythm(StrEnum):
    """How often a newsletter brings what is new. Each rhythm has issues of its own."""

    NEVER = "never"  # nothing is sent by itself
    EACH = "each"  # an issue for each statement, as soon as it is published
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Newsletter(Base):
    """rhythm: what subscribers get who have not chosen another. weekday (0: Monday), clock
    ("09:00") and zone (IANA): when a weekly issue is due; a monthly one is due on the first such
    day of a month. digests_since: what was published before is in no issue."""

    __tablename__ = "newsletters"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    lang: Mapped[str] = mapped_column(String(35))  # its own, for where it lacks the reader's
    rhythm: Mapped[str] = mapped_column(String(8), default=Rhythm.NEVER)
    weekday: Mapped[int] = mapped_column(default=3)
    clock: Mapped[str] = mapped_column(String(5), default="09:00")
    zone: Mapped[str] = mapped_column(String(64), default="UTC")
    by_itself: Mapped[bool] = mapped_column(default=False)  # weekly and monthly, unapproved
    only_urgent: Mapped[bool] = mapped_column(default=False)  # only statements marked as urgent
    digests_since: Mapped[datetime | None]


class NewsletterText(Base):
    """What a newsletter says of itself in one language."""

    __tablename__ = "newsletter_texts"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), primary_key=True)
    lang: Mapped[str] = mapped_column(String(35), primary_key=True)
    title: Mapped[str] = mapped_column(Text)  # the form's headline
    name: Mapped[str] = mapped_column(Text)  # as it stands in a sentence: "the weekly update"
    description: Mapped[str] = mapped_column(Text)


class ConsentText(Base):
    """One wording; the newest of a newsletter in a language is the one shown. Never changed, never
    deleted, because evidence points at it."""

    __tablename__ = "consent_texts"

    id: Mapped[int] = mapped_column(primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), index=True)
    lang: Mapped[str] = mapped_column(String(35))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
