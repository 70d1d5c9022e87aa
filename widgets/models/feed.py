"""The feeds that the network follows, and the newest posts of each."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from widgets.models.base import Base


class Feed(Base):
    __tablename__ = "feeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)  # an editor's; without it, the feed's own
    own_title: Mapped[str | None] = mapped_column(Text)
    site_url: Mapped[str | None] = mapped_column(Text)
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    next_fetch_at: Mapped[datetime] = mapped_column(index=True)  # while it is fetched: the lease
    fetched_at: Mapped[datetime | None]  # when it was last fetched well
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)  # since then
    last_error: Mapped[str | None] = mapped_column(Text)


class Post(Base):
    """Plain text, shortened. `position` is its place among those of the feed, from 0, the newest
    first."""

    __tablename__ = "posts"
    __table_args__ = (UniqueConstraint("feed_id", "guid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id", ondelete="CASCADE"))
    guid: Mapped[str] = mapped_column(String(64))  # a hash of what the feed knows it by
    position: Mapped[int]
    url: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    summary: Mapped[str] = mapped_column(Text)
    lang: Mapped[str | None] = mapped_column(String(35))  # BCP 47
    published_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]  # when it was first met: what orders posts without a date
