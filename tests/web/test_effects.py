"""The dry run is exact: what it lists is what all public addresses answer otherwise afterwards."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select

from tests.samples import follow, issued, published, scheduled, subscribed
from widgets import digests, effects, publication
from widgets.audit import COMMAND_LINE
from widgets.effects import Effects, Step
from widgets.models import Member, Newsletter, Sighting, Standing, Statement, Translation
from widgets.service import Service

NOW = datetime(2026, 5, 2, 9, tzinfo=UTC)
BASE = "http://127.0.0.1:8000"
TOPICS = ("Libraries", "Ferries", "Bibliothèques")
COUNTRIES = ("NO", "KE")
SLUGS = [f"statement-{number}" for number in range(9)]


@dataclass
class Network:
    """A network with statements, and what all of its public addresses answer."""

    app: Flask
    service: Service
    now: datetime = NOW

    def write(self, slug: str, day: date, *, standing: str = Standing.PUBLISHED,
              topics: tuple[str, ...] = (), countries: tuple[str, ...] = (),
              french: tuple[str, ...] | None = None) -> int:  # fmt: skip
        with self.service.database.writing() as session:
            made = Statement(
                slug=slug,
                lang="en",
                title=f"About {slug}",
                published_on=day,
                topics=list(topics),
                countries=list(countries),
                body=f"What {slug} says.",
                standing=standing,
                withdrawn_on=day if standing == Standing.WITHDRAWN else None,
                updated_at=NOW - timedelta(days=9),
            )
            session.add(made)
            session.flush()
            if french is not None:
                words = Translation(
                    statement_id=made.id, lang="fr", title=f"Sur {slug}", body="Texte.",
                    topics=list(french), updated_at=NOW - timedelta(days=9),
                )  # fmt: skip
                session.add(words)
            return made.id

    def effects(self, number: int, step: Step) -> Effects:
        with self.service.database.reading() as session:
            statement = publication.get(session, number)
            return effects.of(session, statement, step, "en", NOW)

    def take(self, number: int, step: Step) -> None:
        self.now += timedelta(minutes=1)
        values = (COMMAND_LINE, self.now)
        with self.service.database.writing() as session:
            if step == Step.PUBLISH:
                assert publication.publish(session, number, *values)
            elif step == Step.CORRECT:
                words = {"en": "It was Monday.", "fr": "C’était lundi."}
                assert publication.correct(session, number, words, NOW.date(), *values)
            else:
                publication.withdraw(session, number, {}, *values, with_picture=True)

    def answers(self) -> dict[str, list[object]]:
        """By each public address without its language: what it answers in two of them."""
        client = self.app.test_client()
        found: dict[str, list[object]] = {}
        for path, lang in product(self.addresses(), ("en", "fr")):
            if path.startswith("/oembed"):
                asked = path.partition("=")[2]
                mark = "&" if "?" in asked else "?"
                answer = client.get(
                    "/oembed", query_string={"url": f"{BASE}{asked}{mark}lang={lang}"}
                )
            else:
                answer = client.get(path + ("&" if "?" in path else "?") + f"lang={lang}")
            found.setdefault(path, []).append((answer.status_code, answer.data))
        return found

    def never_public(self) -> set[str]:
        known = select(Statement.slug).where(
            Statement.standing.in_((Standing.PUBLISHED, Standing.WITHDRAWN))
        )
        with self.service.database.reading() as session:
            return set(SLUGS) - set(session.scalars(known))

    def addresses(self) -> Iterator[str]:
        yield from ("/", "/privacy", "/secure-connection", "/feed.atom", "/feed.json", "/share.png")
        yield from ("/sitemap.xml", "/robots.txt", "/embed", "/embed?widget=newest")
        yield from ("/embed/newsletters/weekly", "/embed/posts/news")
        yield from ("/newsletters/weekly", "/newsletters/weekly/1", "/newsletters/weekly/feed.atom")
        yield from (f"/oembed?url={path}" for path in ("/", "/embed/stories"))
        for slug in SLUGS:
            page, card = f"/statements/{slug}", f"/embed/statements/{slug}"
            yield from (page, f"{page}.json", f"{page}/share.png")
            yield from (f"{page}/embed", f"{page}/embed?widget=full")
            yield from (card, f"{card}?view=full", f"{card}/signatories")
            yield from (f"/oembed?url={one}" for one in (page, card, f"{card}?view=full"))
            yield f"/embed/stories?like={slug}"
        for path in ("/embed/statements/latest", "/embed/stories"):
            for country, topic in product(("", *COUNTRIES), ("", *TOPICS)):
                query = {"country": country, "topic": topic}
                asked = urlencode({name: value for name, value in query.items() if value})
                yield f"{path}?{asked}" if asked else path


@pytest.fixture
def network(app: Flask, service: Service) -> Network:
    follow(service, "news")
    return Network(app, service)


def listed(told: Effects) -> set[str]:
    """The addresses of a dry run, as they are sent."""
    return {
        re.sub(r"(?<=topic=)[^&]+", lambda topic: urlencode({"": topic[0]})[1:], place.path)
        for place in told.places
    }


def changed(before: dict[str, list[object]], after: dict[str, list[object]]) -> set[str]:
    found = {path for path in before if before[path] != after[path]}
    # the snippet of all the text is put together on the same page as the others
    return {
        path
        for path in found
        if not (path.endswith("/embed?widget=full") and path.partition("?")[0] in found)
    }


def check(network: Network, number: int, *steps: Step) -> None:
    before = network.answers()
    for step in steps:
        told = network.effects(number, step)
        network.take(number, step)
        after = network.answers()
        _agree(network, told, changed(before, after), step)
        before = after


def _agree(network: Network, told: Effects, found: set[str], step: Step) -> None:
    # what nobody can have embedded yet shows what frames without it do
    unknown = {f"/embed/stories?like={slug}" for slug in network.never_public()}
    assert found - unknown == listed(told), step


def test_the_first_statement_changes_all_that_shows_the_newest(network: Network) -> None:
    number = network.write(SLUGS[0], date(2026, 5, 1), standing=Standing.DRAFT)
    told = network.effects(number, Step.PUBLISH)

    check(network, number, Step.PUBLISH)
    assert told.place == 1
    assert told.newest == ("About statement-0", "en")
    assert told.changes_latest()
    by_hand = effects.Issue("weekly", None, "UTC", to_approve=True, readers=0)
    assert told.newsletters == (
        effects.Mailing("the weekly update", only_urgent=False, at_once=0, issues=(by_hand,)),
    )


def test_an_older_statement_takes_its_place_below_the_newer(network: Network) -> None:
    network.write(SLUGS[1], date(2026, 5, 1), topics=("Ferries",))
    number = network.write(
        SLUGS[0], date(2026, 4, 1), standing=Standing.DRAFT, topics=("Libraries",),
        french=("Bibliothèques",),
    )  # fmt: skip
    told = network.effects(number, Step.PUBLISH)
    latest = {p.path: p.narrowed for p in told.places if "latest" in p.path}

    assert told.place == 2
    assert told.newest == ("About statement-1", "en")
    assert not told.changes_latest()
    assert latest == {
        "/embed/statements/latest?topic=Libraries": "Libraries",
        "/embed/statements/latest?topic=Bibliothèques": "Bibliothèques",
    }
    check(network, number, Step.PUBLISH)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_else_stands_the_list_is_exact(network: Network, seed: int) -> None:
    """A statement is published, corrected, withdrawn and published again among others."""
    draw = random.Random(seed)

    def about() -> dict[str, tuple[str, ...]]:
        return {
            "topics": tuple(draw.sample(TOPICS[:2], draw.randint(0, 2))),
            "countries": tuple(draw.sample(COUNTRIES, draw.randint(0, 2))),
        }

    days = [date(2026, 4, 1) + timedelta(days=draw.randint(0, 5)) for _ in SLUGS]
    numbers = [
        network.write(
            slug,
            day,
            standing=draw.choice((*Standing, *[Standing.PUBLISHED] * 6)),
            french=draw.choice((None, (), ("Bibliothèques",))),
            **about(),
        )
        for slug, day in zip(SLUGS[1:], days, strict=False)
    ]
    assert numbers
    number = network.write(
        SLUGS[0], days[-1], standing=Standing.DRAFT, french=("Bibliothèques",), **about()
    )
    check(network, number, Step.PUBLISH, Step.CORRECT, Step.WITHDRAW, Step.PUBLISH)


def test_beyond_the_feeds_only_the_time_of_the_last_change_is_another(network: Network) -> None:
    for day in range(30):
        network.write(f"newer-{day}", date(2026, 4, 2))
    number = network.write(SLUGS[0], date(2026, 4, 1), standing=Standing.DRAFT)
    told = network.effects(number, Step.PUBLISH)
    feeds = {place.path: place.what for place in told.places if place.path.startswith("/feed")}

    assert feeds == {"/feed.atom": "the Atom feed, only the time of its last change"}
    check(network, number, Step.PUBLISH)


def test_members_are_named_on_whose_sites_a_widget_that_changes_was_seen(
    network: Network,
) -> None:
    number = network.write(SLUGS[0], date(2026, 5, 1), standing=Standing.DRAFT)
    today, names = NOW.date(), {"lamps": "Circle of Lamp Keepers", "ink": "اتحاد القرّاء"}

    def sight(widget: str, slug: str, ago: int, shown: int) -> Sighting:
        return Sighting(
            widget=widget, member_slug=slug, day=today - timedelta(days=ago), shown=shown
        )

    with network.service.database.writing() as session:
        session.add_all(Member(slug=slug, name=name) for slug, name in names.items())
        session.add_all(
            [
                sight("statements/latest", "lamps", 2, 40),
                sight("statements/latest", "lamps", 9, 60),
                sight("stories", "ink", 0, 5),
                sight("stories", "lamps", 30, 7),  # too long ago
                sight("statements/another", "ink", 1, 8),  # nothing of it changes
                sight("newsletters/weekly", "ink", 1, 8),
                sight("statements/latest", "", 1, 3),
            ]
        )

    seen = network.effects(number, Step.PUBLISH).seen

    assert [(one.member, one.widget, one.last, one.shown) for one in seen] == [
        ("Circle of Lamp Keepers", "statements/latest", today - timedelta(days=2), 100),
        ("اتحاد القرّاء", "stories", today, 5),
        ("", "statements/latest", today - timedelta(days=1), 3),
    ]


def test_hundreds_of_statements_are_worked_out_while_the_editor_waits(
    network: Network, benchmark_seconds: Callable[[], float]
) -> None:
    draw = random.Random(5)
    for number in range(300):
        topics = tuple(draw.sample([f"Topic {n}" for n in range(20)], 3))
        network.write(f"old-{number}", date(2026, 4, 1), topics=topics, french=topics)
    number = network.write(
        SLUGS[0], date(2026, 5, 1), standing=Standing.DRAFT, topics=("Topic 1", "Topic 2")
    )
    network.effects(number, Step.PUBLISH)
    assert benchmark_seconds() < 5


@pytest.fixture
def benchmark_seconds() -> Callable[[], float]:
    """Processor time of this process since the test began, in seconds."""
    import time

    begun = time.process_time()
    return lambda: time.process_time() - begun


def test_the_dry_run_tells_which_issue_it_will_be_in(network: Network) -> None:
    """What is told is what the newsletter then brings."""
    scheduled(network.service)
    subscribed(network.service, "a@example.org", "b@example.org")
    subscribed(network.service, "c@example.org", rhythm="each")
    number = network.write(SLUGS[0], NOW.date(), standing=Standing.DRAFT)
    (mailing,) = network.effects(number, Step.PUBLISH).newsletters
    due = datetime(2026, 5, 7, 7, tzinfo=UTC)  # Thursday, nine in Oslo

    assert (mailing.at_once, mailing.only_urgent) == (1, False)
    assert mailing.issues == (effects.Issue("weekly", due, "Europe/Oslo", True, 2),)
    network.take(number, Step.PUBLISH)
    with network.service.database.reading() as session:
        weekly = session.scalars(select(Newsletter)).one()
        new = [digests.new_for(session, weekly, one, network.now) for one in ("each", "weekly")]
    assert new == [[number], [number]]


def test_what_comes_after_an_issue_was_approved_is_in_the_one_after_it(network: Network) -> None:
    scheduled(network.service)
    subscribed(network.service, "a@example.org")
    published(network.service, at=NOW - timedelta(hours=1))
    number = network.write(SLUGS[0], NOW.date(), standing=Standing.DRAFT)
    with network.service.database.writing() as session:
        weekly = session.scalars(select(Newsletter)).one()
        digest = digests.prepare(session, weekly, "weekly", NOW)
        seen = digests.fingerprint(session, digest, NOW)
        digests.approve(session, digest.id, seen, COMMAND_LINE, NOW)
    (mailing,) = network.effects(number, Step.PUBLISH).newsletters

    assert [one.due for one in mailing.issues] == [datetime(2026, 5, 14, 7, tzinfo=UTC)]


def test_what_went_out_in_an_issue_changes_there_too(network: Network) -> None:
    number = network.write(SLUGS[0], date(2026, 3, 1))
    subscribed(network.service, "reader@example.org")
    issued(network.service, at=NOW)
    told = network.effects(number, Step.CORRECT)
    assert [(one.slug, one.number, one.sent, one.is_going) for one in told.sent] == [
        ("weekly", 1, 0, True)
    ]

    check(network, number, Step.CORRECT, Step.WITHDRAW, Step.PUBLISH)


def test_what_went_out_before_is_in_no_issue_when_it_is_published_again(network: Network) -> None:
    scheduled(network.service)
    subscribed(network.service, "a@example.org")
    number = published(network.service, at=NOW - timedelta(hours=1))
    with network.service.database.writing() as session:
        weekly = session.scalars(select(Newsletter)).one()
        digest = digests.prepare(session, weekly, "weekly", NOW)
        digests.begin(session, digest.id, COMMAND_LINE, NOW)
        session.get_one(Statement, number).standing = Standing.WITHDRAWN

    assert network.effects(number, Step.PUBLISH).newsletters == ()
