"""Newsletters, and each wording of the consent that readers were ever asked for."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from widgets.models.base import Base


class Newsletter(Base):
    __tablename__ = "newsletters"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    lang: Mapped[str] = mapped_column(String(35))  # its own, for where it lacks the reader's


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
