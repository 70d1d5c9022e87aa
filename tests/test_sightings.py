"""What was shown where: counted in memory, added up in the table, read by day."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from widgets import sightings
from widgets.models import Database, Member, Sighting, Site
from widgets.service import Service
from widgets.sightings import Seen, Tally

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = NOON.date()


@pytest.fixture
def tally(service: Service) -> Tally:
    with service.database.writing() as session:
        session.add(Member(slug="lamp-keepers", name="Circle of Lamp Keepers"))
        session.flush()
        session.add(Site(member_slug="lamp-keepers", origin="https://lamp.example"))
    return Tally(service.database, 3600, lambda: NOON)


def rows(service: Service) -> list[tuple[date, str, str, int]]:
    with service.database.reading() as session:
        table = session.execute(
            select(Sighting.day, Sighting.widget, Sighting.member_slug, Sighting.shown).order_by(
                Sighting.day, Sighting.widget, Sighting.member_slug
            )
        )
        return [tuple(row) for row in table]


def test_what_is_seen_is_written_when_its_time_has_come(service: Service, tally: Tally) -> None:
    for _ in range(3):
        tally.add("stories", "lamp-keepers", "")
    assert rows(service) == []

    tally.write()
    tally.add("stories", "lamp-keepers", "")
    tally.write()

    assert rows(service) == [(TODAY, "stories", "lamp-keepers", 4)]


@pytest.mark.parametrize(
    ("site", "origin", "member"),
    [
        ("lamp-keepers", "", "lamp-keepers"),
        ("lamp-keepers", "https://other.example", "lamp-keepers"),
        ("", "https://lamp.example", "lamp-keepers"),
        ("unknown", "https://lamp.example", "lamp-keepers"),
        ("", "https://www.lamp.example", "lamp-keepers"),
        ("", "http://lamp.example", "lamp-keepers"),
        ("", "https://not-lamp.example", ""),
        ("unknown", "", ""),
        ("", "", ""),
    ],
)
def test_the_site_is_a_members_or_elsewhere(
    service: Service, tally: Tally, site: str, origin: str, member: str
) -> None:
    tally.add("stories", site, origin)
    tally.write()

    assert rows(service) == [(TODAY, "stories", member, 1)]


def test_two_processes_add_up(service: Service, tally: Tally) -> None:
    other = Tally(service.database, 3600, lambda: NOON)
    widgets = [f"statements/s{number}" for number in range(700)]

    def see(one: Tally) -> None:
        for widget in widgets:
            one.add(widget, "lamp-keepers", "")
        one.write()

    threads = [threading.Thread(target=see, args=(one,)) for one in (tally, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {row[3] for row in rows(service)} == {2}
    assert len(rows(service)) == 700


def test_the_day_is_that_of_the_showing(service: Service) -> None:
    moments = iter([datetime(2026, 3, 1, 23, 59, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)])
    tally = Tally(service.database, 3600, lambda: next(moments))
    tally.add("stories", "", "")
    tally.add("stories", "", "")
    tally.write()

    assert [row[0] for row in rows(service)] == [date(2026, 3, 1), date(2026, 3, 2)]


def test_a_database_that_is_away_costs_nothing_that_was_seen(
    service: Service, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.add("stories", "", "")

    def away(_: Database) -> None:
        raise OperationalError("no", None, Exception())

    with monkeypatch.context() as patched:
        patched.setattr(Database, "writing", away)
        tally.write()
    tally.add("stories", "", "")
    tally.write()

    assert rows(service) == [(TODAY, "stories", "", 2)]


def test_the_keys_that_wait_are_bounded(
    service: Service, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "MOST_KEYS", 2)
    for widget in ("a", "b", "c", "a"):
        tally.add(widget, "", "")
    tally.write()

    assert [row[1::2] for row in rows(service)] == [("a", 2), ("b", 1)]


def test_a_new_member_is_known_after_the_next_writing(service: Service, tally: Tally) -> None:
    tally.add("stories", "paper-and-ink", "")
    with service.database.writing() as session:
        session.add(Member(slug="paper-and-ink", name="Paper and Ink"))
    tally.write()
    tally.add("stories", "paper-and-ink", "")
    tally.write()

    assert rows(service) == [(TODAY, "stories", "", 1), (TODAY, "stories", "paper-and-ink", 1)]


@pytest.fixture
def shown(service: Service) -> Callable[..., None]:
    def add(widget: str, member: str, days_ago: int, times: int) -> None:
        with service.database.writing() as session:
            day = TODAY - timedelta(days=days_ago)
            session.add(Sighting(day=day, widget=widget, member_slug=member, shown=times))

    return add


def test_where_a_statement_was_last_seen(service: Service, shown: Callable[..., None]) -> None:
    card, names = sightings.of_statement("river-gate")
    shown(card, "lamp-keepers", 0, 3)
    shown(card, "lamp-keepers", 2, 4)
    shown(names, "", 1, 9)
    shown(card, "paper-and-ink", 40, 5)
    shown("stories", "paper-and-ink", 0, 5)

    with service.database.reading() as session:
        found = sightings.last_seen(session, [card, names], TODAY - timedelta(days=30))

    assert found == [
        Seen("lamp-keepers", card, TODAY, 7),
        Seen("", names, TODAY - timedelta(days=1), 9),
    ]


def test_what_a_member_embeds(service: Service, shown: Callable[..., None]) -> None:
    shown("stories", "lamp-keepers", 0, 3)
    shown("stories", "lamp-keepers", 29, 2)
    shown("stories", "lamp-keepers", 30, 7)
    shown("newsletters/weekly", "lamp-keepers", 90, 1)
    shown("stories", "other", 0, 50)

    with service.database.reading() as session:
        stories, newsletter = sightings.of_member(session, "lamp-keepers", TODAY)

    assert (stories.widget, stories.last, stories.lately, stories.total) == (
        "stories",
        TODAY,
        5,
        12,
    )
    assert stories.days[0] == (TODAY - timedelta(days=29), 2)
    assert stories.days[-1] == (TODAY, 3)
    assert len(stories.days) == 30
    assert (newsletter.widget, newsletter.lately, newsletter.total) == ("newsletters/weekly", 0, 1)


def test_all_members_at_a_glance(service: Service, shown: Callable[..., None]) -> None:
    shown("stories", "lamp-keepers", 0, 3)
    shown("newsletters/weekly", "lamp-keepers", 0, 4)
    shown("stories", "", 1, 50)
    shown("stories", "paper-and-ink", 90, 1)

    with service.database.reading() as session:
        rows = sightings.overview(session, TODAY)
        last = sightings.last_days(session, ["lamp-keepers", "nobody"])

    assert [(row.member_slug, row.lately, row.widgets) for row in rows] == [
        ("", 50, 1),
        ("lamp-keepers", 7, 2),
        ("paper-and-ink", 0, 1),
    ]
    assert rows[1].days[-1] == (TODAY, 7)
    assert last == {"lamp-keepers": TODAY}


def test_what_was_counted_long_ago_is_forgotten(
    service: Service, shown: Callable[..., None]
) -> None:
    shown("stories", "", 2 * 365, 1)
    shown("stories", "", 2 * 365 + 1, 1)

    with service.database.writing() as session:
        sightings.forget(session, NOON)

    assert len(rows(service)) == 1
