"""Single values about the database itself, by name."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from widgets.models.base import Base

CONTENT_VERSION = "content version"
HASH_KEY = "hash key fingerprint"
NAMES_KEYED_BY = "names keyed by"


class Fact(Base):
    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


def read_fact(session: Session, name: str) -> str | None:
    fact = session.get(Fact, name)
    return fact.value if fact else None


def content_version(session: Session) -> int:
    """Grows with every change to what widgets and pages show; 0 in a new database."""
    return int(read_fact(session, CONTENT_VERSION) or 0)


def content_changed(session: Session) -> None:
    """Called in the transaction that changes what readers see: every cached page is stale."""
    fact = session.get(Fact, CONTENT_VERSION, with_for_update=True)
    if fact is None:
        session.add(Fact(name=CONTENT_VERSION, value="1"))
    else:
        fact.value = str(int(fact.value) + 1)
