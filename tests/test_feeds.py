"""Following feeds: fetched in turn, kept, and shown as they last were."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.actors import Program, Reader, wait_until
from tests.strangers import ATOM, Says, Stranger, atom
from widgets import feeds, worker
from widgets.feeds import BadFeed, NoSuchFeed, Outcome
from widgets.fetching import Policy
from widgets.models import Feed, Post
from widgets.models.fact import content_version
from widgets.service import Service

BEGIN = datetime(2026, 4, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@dataclass
class Follower:
    """An editor and a worker in one, with a clock of their own."""

    service: Service
    stranger: Stranger
    now: datetime = BEGIN
    policy: Policy = field(default_factory=lambda: Policy(private=True, seconds=2))

    def follow(self, slug: str = "lamps", url: str | None = None, title: str | None = None) -> None:
        with self.service.database.writing() as session:
            url = url or self.stranger.url(f"/{slug}")
            feeds.follow(session, slug, url, title, self.now, self.policy)

    def fetch(self, slug: str = "lamps") -> Outcome:
        return feeds.fetch_now(self.service, slug, self.policy, lambda: self.now)

    def fetch_due(self) -> str | None:
        outcome = feeds.fetch_due(self.service, self.policy, lambda: self.now)
        return outcome.slug if outcome else None

    def feed(self, slug: str = "lamps") -> Feed:
        with self.service.database.reading() as session:
            found = session.scalar(select(Feed).where(Feed.slug == slug))
        assert found
        return found

    def shown(self, slug: str = "lamps") -> feeds.Shown:
        with self.service.database.reading() as session:
            return feeds.shown(session, slug, self.now)

    def titles(self, slug: str = "lamps") -> list[str]:
        return [post.title for post in self.shown(slug).posts]

    def pause(self) -> timedelta:
        return self.feed().next_fetch_at - self.now

    def version(self) -> int:
        with self.service.database.reading() as session:
            return content_version(session)

    def publish(self, *titles: str, path: str = "/lamps", **headers: str) -> None:
        self.stranger.answers[path] = Says(atom(*titles), headers=headers)

    def break_down(self, status: int = 500, **headers: str) -> None:
        self.stranger.answers["/lamps"] = Says(status=status, headers=headers)


@pytest.fixture
def follower(service: Service) -> Iterator[Follower]:
    with Stranger() as stranger:
        yield Follower(service, stranger)


# Addresses


@pytest.mark.parametrize(
    ("written", "followed"),
    [
        ("https://lamp.example/feed", "https://lamp.example/feed"),
        (" http://lamp.example/feed?x=1 ", "http://lamp.example/feed?x=1"),
        ("@lamps@social.example", "https://social.example/@lamps.rss"),
        ("https://social.example/@lamps", "https://social.example/@lamps.rss"),
        ("https://social.example/@lamps.rss", "https://social.example/@lamps.rss"),
        ("@lamps.bsky.social", "https://bsky.app/profile/lamps.bsky.social/rss"),
        (
            "https://bsky.app/profile/lamps.bsky.social",
            "https://bsky.app/profile/lamps.bsky.social/rss",
        ),
    ],
)
def test_feeds_and_accounts_have_addresses(written: str, followed: str) -> None:
    assert feeds.address(written) == followed


@pytest.mark.parametrize(
    ("slug", "url", "why"),
    [
        ("lamps", "lamp.example/feed", "must be an address like"),
        ("lamps", "@lamps", "must be an address like"),
        ("lamps", "", "must be an address like"),
        ("lamps", "ftp://lamp.example/", "begins with http"),
        ("lamps", "https://user:word@lamp.example/", "a password in it"),
        ("Big Lamps", "https://lamp.example/", "must be like"),
        ("x" * 81, "https://lamp.example/", "at most"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    follower: Follower, slug: str, url: str, why: str
) -> None:
    with pytest.raises(BadFeed, match=why), follower.service.database.writing() as session:
        feeds.follow(session, slug, url, None, BEGIN, follower.policy)


# Fetching and keeping


def test_a_feed_is_fetched_and_kept(follower: Follower) -> None:
    follower.publish("Three", "Two", "One")
    follower.follow()

    assert follower.titles() == []
    assert follower.fetch_due() == "lamps"
    assert follower.titles() == ["Three", "Two", "One"]
    shown = follower.shown()
    assert (shown.name, shown.site_url) == ("Lamp Keepers", follower.stranger.url("/"))
    assert shown.fetched_at is None


def test_an_editors_title_is_shown_instead_of_the_feeds_own(follower: Follower) -> None:
    follower.publish("One")
    follower.follow(title="  News\u202e of lamps ")
    follower.fetch()

    assert follower.shown().name == "News of lamps"


def test_what_has_not_changed_is_not_fetched_again(follower: Follower) -> None:
    modified = "Mon, 02 Mar 2026 10:00:00 GMT"
    follower.stranger.answers["/lamps"] = lambda asked: (
        Says(status=304)
        if (asked["If-None-Match"], asked["If-Modified-Since"]) == ('"1"', modified)
        else Says(atom("One"), headers={"ETag": '"1"', "Last-Modified": modified})
    )
    follower.follow()
    first = follower.fetch()
    before = follower.version()

    assert (first.new, first.changed, first.kept) == (1, True, 1)
    assert follower.fetch() == Outcome("lamps", kept=1)
    assert follower.titles() == ["One"]
    assert follower.version() == before


def test_pages_go_stale_only_when_readers_would_see_a_change(follower: Follower) -> None:
    follower.publish("One")
    follower.follow()
    follower.fetch()
    before = follower.version()

    assert not follower.fetch().changed
    follower.break_down()
    follower.fetch()
    assert follower.version() == before
    follower.publish("Two", "One")
    assert follower.fetch().new == 1
    assert follower.version() == before + 1


def test_corrections_and_removals_are_followed(follower: Follower) -> None:
    follower.publish("Two", "One")
    follower.follow()
    follower.fetch()
    follower.stranger.answers["/lamps"] = Says(atom("One").replace(b"About", b"All about"))
    outcome = follower.fetch()

    assert (outcome.new, outcome.changed) == (0, True)
    assert [(post.title, post.summary) for post in follower.shown().posts] == [
        ("One", "All about One.")
    ]


def test_twenty_are_kept_and_five_are_shown(follower: Follower) -> None:
    follower.publish(*(f"Post {number}" for number in range(27)))
    follower.follow()

    assert follower.fetch().kept == 20
    with follower.service.database.reading() as session:
        assert len(session.scalars(select(Post)).all()) == 20
    assert follower.titles() == [f"Post {number}" for number in range(5)]


def test_posts_without_a_date_are_ordered_by_when_they_came(follower: Follower) -> None:
    def undated(*titles: str) -> Says:
        entries = "".join(f"<entry><id>{one}</id><title>{one}</title></entry>" for one in titles)
        return Says(ATOM.format(entries).encode())

    follower.stranger.answers["/lamps"] = undated("Two", "One")
    follower.follow()
    follower.fetch()
    follower.now += QUARTER
    follower.stranger.answers["/lamps"] = undated("Two", "One", "Three")
    follower.fetch()

    assert follower.titles() == ["Three", "Two", "One"]
    assert not follower.fetch().changed


# In turn


def test_a_feed_is_asked_again_after_a_pause(follower: Follower) -> None:
    follower.publish("One")
    follower.follow()
    assert follower.fetch_due() == "lamps"

    assert QUARTER <= follower.pause() <= QUARTER * 1.1
    assert follower.fetch_due() is None
    follower.now += QUARTER * 1.1
    assert follower.fetch_due() == "lamps"


@pytest.mark.parametrize(
    ("seconds", "pause"), [("60", QUARTER), ("1800", 2 * QUARTER), ("999999", 4 * QUARTER)]
)
def test_a_server_is_believed_that_its_feed_is_fresh_for_up_to_an_hour(
    follower: Follower, seconds: str, pause: timedelta
) -> None:
    follower.publish("One", **{"Cache-Control": f"max-age={seconds}"})
    follower.follow()
    follower.fetch()

    assert pause <= follower.pause() <= pause * 1.1


def test_a_feed_that_fails_is_asked_less_and_less_down_to_once_a_day(follower: Follower) -> None:
    follower.break_down()
    follower.follow()
    pauses = []
    for _ in range(9):
        assert follower.fetch().error == "the server answered 500"
        pauses.append(follower.pause())

    for number, pause in enumerate(pauses):
        usual = min(QUARTER * 2**number, timedelta(days=1))
        assert usual <= pause <= usual * 1.1
    follower.publish("One")
    follower.fetch()
    assert follower.pause() <= QUARTER * 1.1
    assert follower.feed().failing_since is None


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (503, {"Retry-After": "7200"}, timedelta(hours=2)),
        (503, {"Retry-After": "99999999999999"}, timedelta(days=1)),
        (429, {"Retry-After": "1"}, QUARTER),
        (410, {}, timedelta(days=1)),
    ],
)
def test_a_servers_wish_is_respected_within_a_day(
    follower: Follower, status: int, headers: dict[str, str], pause: timedelta
) -> None:
    follower.break_down(status, **headers)
    follower.follow()
    follower.fetch()

    assert pause <= follower.pause() <= pause * 1.1


def test_workers_never_fetch_the_same_feed_at_once(follower: Follower) -> None:
    slugs = [f"feed-{number}" for number in range(6)]
    for slug in slugs:
        follower.publish("One", path=f"/{slug}")
        follower.follow(slug)
    fetched: list[str | None] = []

    def work() -> None:
        fetched.extend(follower.fetch_due() for _ in range(8))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert sorted(filter(None, fetched)) == slugs
    assert len(follower.stranger.asked) == 6


def test_a_feed_whose_worker_died_is_fetched_after_its_lease(follower: Follower) -> None:
    follower.publish("One")
    follower.follow()
    with follower.service.database.writing() as session:
        assert feeds._claim(session, follower.now)

    assert follower.fetch_due() is None
    follower.now += feeds.LEASE
    assert follower.fetch_due() == "lamps"


def test_what_was_fetched_for_an_older_address_is_not_kept(follower: Follower) -> None:
    follower.publish("New", path="/new")

    def meanwhile(_: Any) -> Says:
        follower.follow(url=follower.stranger.url("/new"))
        return Says(atom("Old"))

    follower.stranger.answers["/lamps"] = meanwhile
    follower.follow()
    follower.fetch()

    assert follower.titles() == []
    follower.fetch_due()
    assert follower.titles() == ["New"]


# Failing


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Says(b"<!doctype html><title>News</title>"), "this is a web page, not a feed"),
        (Says(status=404), "the server answered 404"),
        (Says(atom("Half")[:-20]), "damaged XML"),
        (Says(b"<rss", length=99), "the answer is cut off"),
        (Says(b"x" * 2_000_001), "larger than 2,000,000 bytes"),
    ],
)
def test_a_feed_that_fails_shows_what_it_had(follower: Follower, answer: Says, why: str) -> None:
    follower.publish("Two", "One")
    follower.follow()
    follower.fetch()
    follower.stranger.answers["/lamps"] = answer
    follower.now += QUARTER

    assert (follower.fetch().error or "").startswith(why)
    assert follower.titles() == ["Two", "One"]
    feed = follower.feed()
    assert (feed.failing_since, feed.fetched_at, feed.failures) == (BEGIN + QUARTER, BEGIN, 1)


def test_readers_are_told_the_age_after_an_hour_of_failing(follower: Follower) -> None:
    follower.publish("One")
    follower.follow()
    follower.fetch()
    follower.break_down()
    follower.now += QUARTER
    follower.fetch()

    assert follower.shown().fetched_at is None
    assert follower.shown().changes_in == 3600
    follower.now += timedelta(minutes=50)
    assert follower.shown().fetched_at is None
    assert follower.shown().changes_in == 600
    follower.now += timedelta(minutes=10)
    assert follower.shown().fetched_at == BEGIN
    follower.publish("One")
    follower.fetch()
    assert follower.shown().fetched_at is None


def test_the_log_tells_each_change_once(
    follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "undersigned.feeds")
    follower.break_down()
    follower.follow()
    for _ in range(3):
        follower.fetch()
    follower.publish("One")
    for _ in range(3):
        follower.fetch()

    assert caplog.messages == [
        "the feed lamps fails: the server answered 500",
        "the feed lamps works again, after 3 failures",
    ]


# Changing


def test_another_address_takes_the_old_posts_away(follower: Follower) -> None:
    follower.publish("Old")
    follower.publish("New", path="/new")
    follower.follow(title="Lamps")
    follower.fetch()
    follower.follow(url=follower.stranger.url("/new"))

    assert follower.titles() == []
    assert follower.shown().name == "Lamps"
    follower.fetch()
    assert follower.titles() == ["New"]


def test_the_same_address_again_keeps_the_posts(follower: Follower) -> None:
    follower.publish("One")
    follower.follow()
    follower.fetch()
    follower.follow(title="Another title")

    assert follower.titles() == ["One"]
    assert follower.shown().name == "Another title"


def test_a_feed_that_is_forgotten_leaves_nothing(follower: Follower) -> None:
    follower.publish("One")
    follower.follow()
    follower.fetch()
    with follower.service.database.writing() as session:
        feeds.forget(session, "lamps")

    with follower.service.database.reading() as session:
        assert not session.scalars(select(Post)).all()
        for what in (feeds.forget, lambda *known: feeds.shown(*known, BEGIN)):
            with pytest.raises(NoSuchFeed):
                what(session, "lamps")
    with pytest.raises(NoSuchFeed):
        follower.fetch()


# The program


def test_a_feed_that_hangs_holds_up_no_mail(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, delivered = threading.Event(), threading.Event()
    stopping = threading.Event()

    def hang(*_: Any) -> None:
        hanging.set()
        stopping.wait()

    def deliver(*_: Any, **__: Any) -> int:
        if hanging.wait(5):
            delivered.set()
        return 0

    monkeypatch.setattr(feeds, "fetch_due", hang)
    monkeypatch.setattr(worker, "deliver_due", deliver)
    running = threading.Thread(target=worker.run, args=(service, stopping))
    running.start()
    assert delivered.wait(5)
    stopping.set()
    running.join(5)
    assert not running.is_alive()


def test_a_fault_in_one_round_ends_no_worker(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, rounds = threading.Event(), threading.Semaphore(0)

    def fail(*_: Any) -> None:
        rounds.release()
        raise RuntimeError("the first time and the second")

    monkeypatch.setattr(feeds, "fetch_due", fail)
    monkeypatch.setattr(worker, "PAUSE_AFTER_A_FAULT", 0.01)
    monkeypatch.setattr(worker, "LOOK_FOR_FEEDS_EVERY", 0.01)
    running = threading.Thread(target=worker.run, args=(service, stopping))
    running.start()
    assert rounds.acquire(timeout=5)
    assert rounds.acquire(timeout=5)
    stopping.set()
    running.join(5)


def test_serve_shows_what_a_feed_says_and_keeps_it_current(
    program: Callable[..., Program], follower: Follower
) -> None:
    follower.publish("One")
    served = program("serve", FEED_ALLOW_PRIVATE="true", FEED_SECONDS=1).ready()
    follower.now = datetime.now(UTC)
    follower.follow()
    reader = Reader(served.url)

    def shows(title: str) -> Callable[[], bool]:
        return lambda: title in reader.open("/embed/posts/lamps").text

    wait_until(shows("About One."), 20, "the post in the widget")
    follower.publish("Two", "One")
    wait_until(shows("About Two."), 20, "the next post in the widget")
    follower.break_down()
    wait_until(lambda: follower.feed().failing_since is not None, 20, "a failure")
    assert shows("About Two.")()
    (agent,) = {asked["User-Agent"] for _, asked in follower.stranger.asked}
    assert agent.startswith("Undersigned/")
    assert agent.endswith(f"(+http://127.0.0.1:{served.port})")


def test_by_default_a_served_feed_on_this_machine_is_not_fetched(
    program: Callable[..., Program], follower: Follower
) -> None:
    follower.publish("One")
    follower.follow()
    worked = program("worker")

    wait_until(lambda: follower.feed().failures > 0, 20, "a refusal")
    assert follower.feed().last_error == (
        f"port {follower.stranger.port} is not asked, only 80 and 443"
    )
    assert not follower.stranger.asked
    assert worked.stop() == 0
