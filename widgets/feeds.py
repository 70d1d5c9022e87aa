"""What other people publish and the network shows: feeds are followed, fetched by the worker,
kept as plain text, and read from here. Readers never touch the third party."""

import logging
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from urllib.parse import urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from widgets import feed_documents, fetching
from widgets.feed_documents import MOST_POSTS, Document, Entry, NotAFeed
from widgets.fetching import Answer, CantFetch, Policy
from widgets.models import Feed, Post
from widgets.models.fact import content_changed
from widgets.service import Service
from widgets.settings import Settings
from widgets.text import clean, shortened
from widgets.wording import LONGEST_SLUG, SLUG

log = logging.getLogger("undersigned.feeds")

SHOWN = 5  # posts in a widget
LEASE = timedelta(minutes=2)  # in which a worker has fetched a feed, or another may
LONGEST_PAUSE = timedelta(days=1)  # between two tries of a feed that fails
LONGEST_FRESH = timedelta(hours=1)  # for which a server's max-age is believed
SAY_SO_AFTER = timedelta(hours=1)  # of failing, readers are told how old this is
JITTER = 0.1  # of a pause, so that feeds followed together are not fetched together
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
)


class BadFeed(ValueError):
    """Not a feed that can be followed; the text says why."""


class NoSuchFeed(LookupError):
    """No feed has this slug."""


@dataclass(frozen=True)
class Shown:
    """A feed as its widget shows it: the newest posts first, none before it was ever fetched.

    fetched_at: when it was last fetched well, where it has been failing for so long that readers
    should know; otherwise None. changes_in: seconds after which that may have become otherwise.
    """

    name: str
    site_url: str | None
    posts: Sequence[Post]
    fetched_at: datetime | None
    changes_in: float


@dataclass(frozen=True)
class Outcome:
    """What came of fetching a feed. error: why it failed; then the rest is as it was."""

    slug: str
    new: int = 0  # posts that were not there before
    changed: bool = False  # whether readers see anything else than before
    kept: int = 0  # posts that there are now
    error: str | None = None


def address(text: str) -> str:
    """The address of the feed that an editor means by an address or by an account's name. The
    accounts are those of Mastodon (and what answers like it) and of Bluesky. Raises BadFeed.

    >>> address("@lamps@social.example")
    'https://social.example/@lamps.rss'
    >>> address("@lamps.example")
    'https://bsky.app/profile/lamps.example/rss'
    """
    text = text.strip()
    name, host = r"[\w.-]+", r"[\w-]+(?:\.[\w-]+)+"
    if account := re.fullmatch(rf"@({name})@({host}(?::\d+)?)", text):
        return f"https://{account[2]}/@{account[1]}.rss"
    if account := re.fullmatch(rf"@({host})|https://bsky\.app/profile/([\w.:-]+)/?", text):
        return f"https://bsky.app/profile/{account[1] or account[2]}/rss"
    if account := re.fullmatch(rf"(https://{host}(?::\d+)?/@{name})(?<!\.rss)/?", text):
        return f"{account[1]}.rss"
    if "://" not in text:
        raise BadFeed(
            f"“{text}” must be an address like https://news.example/feed, or an account like "
            "@name@social.example or @name.bsky.social."
        )
    return text


def follow(
    session: Session, slug: str, url: str, title: str | None, now: datetime, policy: Policy
) -> Feed:
    """Follows a feed, or changes where one is and, where a title is given, what it is called.
    From another address everything is fetched anew, and what came from the old one goes.

    url: what `address` understands. Raises BadFeed.
    """
    if not re.fullmatch(SLUG, slug) or len(slug) > LONGEST_SLUG:
        raise BadFeed(
            f"“{slug}” must be like “a-short-name”: a-z, 0-9, hyphens, "
            f"{LONGEST_SLUG} characters at most."
        )
    try:
        url = str(fetching.checked(address(url), policy))
    except CantFetch as error:
        raise BadFeed(f"“{url}” can’t be followed: {error}.") from None
    feed = session.scalar(select(Feed).where(Feed.slug == slug))
    if feed and feed.url != url:
        session.delete(feed)
        session.flush()
        title = title or feed.title
        feed = None
    feed = feed or Feed(slug=slug, url=url, next_fetch_at=now, failures=0)
    if title and clean(title):
        feed.title = shortened(clean(title), feed_documents.LONGEST_TITLE)
    session.add(feed)
    content_changed(session)
    return feed


def forget(session: Session, slug: str) -> None:
    """Follows a feed no longer; its posts go with it. Raises NoSuchFeed."""
    session.delete(_feed(session, slug))
    content_changed(session)


def followed(session: Session) -> list[Feed]:
    return list(session.scalars(select(Feed).order_by(Feed.slug)))


def name(feed: Feed) -> str:
    """What a feed is called: by the editors, by itself, or by where it is."""
    return feed.title or feed.own_title or urlsplit(feed.url).hostname or feed.slug


def shown(session: Session, slug: str, now: datetime) -> Shown:
    """What the widget of a feed shows. Raises NoSuchFeed."""
    feed = _feed(session, slug)
    posts = session.scalars(
        select(Post).where(Post.feed_id == feed.id).order_by(Post.position).limit(SHOWN)
    ).all()
    told = feed.failing_since + SAY_SO_AFTER if feed.failing_since else None
    return Shown(
        name=name(feed),
        site_url=feed.site_url,
        posts=posts,
        fetched_at=feed.fetched_at if told and told <= now else None,
        changes_in=(told - now).total_seconds() if told and told > now else 300 if told else 3600,
    )


def fetch_due(service: Service, policy: Policy, clock: Callable[[], datetime]) -> Outcome | None:
    """Fetches the feed whose turn it is, if there is one that no other worker is fetching."""
    with service.database.reading() as session:
        if session.scalar(select(Feed.id).where(Feed.next_fetch_at <= clock()).limit(1)) is None:
            return None
    with service.database.writing() as session:
        claimed = _claim(session, clock())
    return _fetch(service, claimed, policy, clock) if claimed else None


def fetch_now(
    service: Service, slug: str, policy: Policy, clock: Callable[[], datetime]
) -> Outcome:
    """Fetches a feed, whether it is its turn or not. Raises NoSuchFeed."""
    with service.database.writing() as session:
        feed = _feed(session, slug)
        feed.next_fetch_at = clock() + LEASE
    return _fetch(service, feed, policy, clock)


def policy(settings: Settings) -> Policy:
    """What fetching may touch, by the settings."""
    return Policy(private=settings.feed_allow_private)


def _feed(session: Session, slug: str) -> Feed:
    feed = session.scalar(select(Feed).where(Feed.slug == slug))
    if feed is None:
        raise NoSuchFeed(slug)
    return feed


def _claim(session: Session, now: datetime) -> Feed | None:
    """Takes the feed that has been due for longest: it is due again when the lease ends, if its
    worker hasn't said otherwise by then. Of two workers that ask at once, one gets it."""
    oldest = (
        select(Feed.id)
        .where(Feed.next_fetch_at <= now)
        .order_by(Feed.next_fetch_at, Feed.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # not on SQLite, which has one writer anyway
        .scalar_subquery()
    )
    return session.scalar(
        update(Feed)
        .where(Feed.id == oldest, Feed.next_fetch_at <= now)
        .values(next_fetch_at=now + LEASE)
        .returning(Feed)
    )


def _fetch(service: Service, feed: Feed, policy: Policy, clock: Callable[[], datetime]) -> Outcome:
    """Asks without a transaction, so that nobody waits for a stranger's server; then keeps."""
    usual = timedelta(seconds=service.settings.feed_seconds)
    try:
        answer = fetching.fetch(
            feed.url,
            policy,
            agent=f"Undersigned/{version('undersigned')} (+{service.settings.base_url})",
            accept=ACCEPT,
            etag=feed.etag,
            last_modified=feed.last_modified,
        )
        document = (
            None
            if answer.unchanged
            else feed_documents.read(answer.body, answer.content_type, answer.url, clock())
        )
    except (CantFetch, NotAFeed) as error:
        with service.database.writing() as session:
            return _failed(session, feed, error, usual, clock())
    with service.database.writing() as session:
        return _succeeded(session, feed, answer, document, usual, clock())


def _again(session: Session, fetched: Feed) -> Feed | None:
    """The feed's row now; None where editors have taken it away or moved it meanwhile."""
    feed = session.get(Feed, fetched.id, with_for_update=True)
    return feed if feed and feed.url == fetched.url else None


def _failed(
    session: Session, fetched: Feed, error: Exception, usual: timedelta, now: datetime
) -> Outcome:
    feed = _again(session, fetched)
    if feed:
        if feed.failing_since is None:
            feed.failing_since = now
            log.warning("the feed %s fails: %s", feed.slug, error)
        pause = usual * 2 ** min(feed.failures, 20)
        if isinstance(error, CantFetch):
            asked = timedelta(seconds=min(error.retry_after, LONGEST_PAUSE.total_seconds()))
            pause = LONGEST_PAUSE if error.gone else max(pause, asked)
        feed.failures += 1
        feed.last_error = str(error)
        feed.next_fetch_at = now + _jittered(min(pause, max(LONGEST_PAUSE, usual)))
    return Outcome(fetched.slug, error=str(error))


def _succeeded(
    session: Session,
    fetched: Feed,
    answer: Answer,
    document: Document | None,
    usual: timedelta,
    now: datetime,
) -> Outcome:
    feed = _again(session, fetched)
    if feed is None:
        return Outcome(fetched.slug)
    if feed.failing_since is not None:
        log.info("the feed %s works again, after %d failures", feed.slug, feed.failures)
    feed.failing_since, feed.failures, feed.last_error = None, 0, None
    feed.fetched_at = now
    fresh_for = timedelta(seconds=min(answer.fresh_for, LONGEST_FRESH.total_seconds()))
    feed.next_fetch_at = now + _jittered(max(usual, fresh_for))
    before = {post.guid: post for post in _posts(session, feed)}
    if document is None:
        return Outcome(feed.slug, kept=len(before))
    feed.etag, feed.last_modified = answer.etag, answer.last_modified
    seen = {guid: post.seen_at for guid, post in before.items()}
    kept = _newest_first(document.entries, seen, now)
    head = (document.title or None, document.site_url)
    changed = head != (feed.own_title, feed.site_url) or [
        _content(post) for post in before.values()
    ] != [_content(post) for post in kept]
    if changed:
        feed.own_title, feed.site_url = head
        session.execute(delete(Post).where(Post.feed_id == feed.id))
        for post in kept:
            post.feed_id = feed.id
        session.add_all(kept)
        content_changed(session)
    new = len({post.guid for post in kept} - set(before))
    return Outcome(feed.slug, new=new, changed=changed, kept=len(kept))


def _posts(session: Session, feed: Feed) -> Sequence[Post]:
    return session.scalars(
        select(Post).where(Post.feed_id == feed.id).order_by(Post.position)
    ).all()


def _newest_first(entries: list[Entry], seen: dict[str, datetime], now: datetime) -> list[Post]:
    """The newest of a feed, by their dates; those without one, by when we first met them."""

    def moment(entry: Entry) -> datetime:
        return entry.published_at or seen.get(entry.key, now)

    newest = sorted(entries, key=moment, reverse=True)[:MOST_POSTS]
    return [
        Post(
            guid=entry.key,
            position=position,
            url=entry.url,
            title=entry.title,
            summary=entry.text,
            lang=entry.lang,
            published_at=entry.published_at,
            seen_at=seen.get(entry.key, now),
        )
        for position, entry in enumerate(newest)
    ]


def _content(post: Post) -> tuple[object, ...]:
    return (post.guid, post.url, post.title, post.summary, post.lang, post.published_at)


def _jittered(pause: timedelta) -> timedelta:
    return pause * (1 + JITTER * secrets.randbelow(1000) / 1000)
