"""Who may work in the console, how they come in, and from where they did."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base


class Role(StrEnum):
    EDITOR = "editor"
    ADMINISTRATOR = "administrator"  # also: editors, and what is known of single subscribers


class Editor(Base):
    """Never deleted, since the audit speaks of them: who is removed can do nothing any more."""

    __tablename__ = "editors"

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(Text, unique=True)  # its letters A to Z in lower case
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(16), default=Role.EDITOR)
    totp_secret: Mapped[str | None] = mapped_column(String(64))  # base32 (RFC 6238)
    totp_last_step: Mapped[int | None]  # of the last code that was taken: none is taken twice
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class SignInLink(Base):
    """One request to sign in: a link and a code that were mailed, for one browser, once.

    browser: a hash of what only that browser's cookie holds.
    """

    __tablename__ = "sign_in_links"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    editor_id: Mapped[int] = mapped_column(ForeignKey("editors.id"), index=True)
    browser: Mapped[str] = mapped_column(String(64))
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    editor: Mapped[Editor] = relationship()


class EditorSession(Base):
    """A browser in which somebody is signed in. token: a hash of what its cookie holds."""

    __tablename__ = "editor_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    editor_id: Mapped[int] = mapped_column(ForeignKey("editors.id"), index=True)
    browser: Mapped[str] = mapped_column(Text)  # what to call it: see widgets.browsers
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]  # by the second factor, where there is one
    tries: Mapped[int] = mapped_column(default=0)  # of its codes
    ended_at: Mapped[datetime | None]

    editor: Mapped[Editor] = relationship()
