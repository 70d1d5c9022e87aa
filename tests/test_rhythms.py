from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tests.samples import scheduled, subscribed
from widgets import rhythms
from widgets.audit import COMMAND_LINE
from widgets.models import Newsletter, Rhythm
from widgets.rhythms import BadSchedule
from widgets.service import Service


def newsletter(**values: object) -> Newsletter:
    usual = {"weekday": 3, "clock": "09:00", "zone": "Europe/Oslo"}
    return Newsletter(**{**usual, **values})


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("after", "due"),
    [
        (utc(2026, 11, 25, 12), utc(2026, 11, 26, 8)),  # Wednesday: the next day
        (utc(2026, 11, 26, 7, 59), utc(2026, 11, 26, 8)),
        (utc(2026, 11, 26, 8), utc(2026, 12, 3, 8)),  # the very moment: a week later
        (utc(2026, 7, 1), utc(2026, 7, 2, 7)),  # summer time
    ],
)
def test_a_weekly_issue_is_due_by_the_clocks_of_its_place(after: datetime, due: datetime) -> None:
    assert rhythms.next_due(newsletter(), Rhythm.WEEKLY, after) == due


def test_a_monthly_issue_is_due_on_the_first_such_day_of_a_month() -> None:
    due = rhythms.next_due(newsletter(), Rhythm.MONTHLY, utc(2026, 11, 6))
    assert due == utc(2026, 12, 3, 8)


def test_an_hour_that_is_left_out_is_the_one_after_it() -> None:
    sundays = newsletter(weekday=6, clock="02:30")
    due = rhythms.next_due(sundays, Rhythm.WEEKLY, utc(2027, 3, 27, 12))
    assert due == utc(2027, 3, 28, 1, 30)  # half past three in Oslo


def test_an_hour_that_comes_twice_is_the_first() -> None:
    sundays = newsletter(weekday=6, clock="02:30")
    due = rhythms.next_due(sundays, Rhythm.WEEKLY, utc(2026, 10, 24, 12))
    assert due == utc(2026, 10, 25, 0, 30)


def test_a_day_far_from_utc_is_the_day_of_the_place() -> None:
    due = rhythms.next_due(
        newsletter(weekday=0, clock="06:00", zone="Pacific/Kiritimati"),
        Rhythm.WEEKLY,
        utc(2026, 11, 25),
    )
    assert due == utc(2026, 11, 29, 16)  # Monday morning there


def test_who_chose_another_rhythm_gets_that(service: Service) -> None:
    scheduled(service)
    subscribed(service, "usual@example.org")
    subscribed(service, "monthly@example.org", rhythm="monthly")
    now = utc(2026, 11, 25)
    with service.database.reading() as session:
        weekly = session.scalars(select(Newsletter)).one()
        assert rhythms.wanted(session, weekly) == ["weekly", "monthly"]
        assert [rhythms.readers(session, weekly, one, now) for one in Rhythm] == [0, 0, 1, 1]


def test_who_pauses_gets_nothing_until_then(service: Service) -> None:
    scheduled(service)
    subscribed(service, "a@example.org", paused_until=utc(2026, 12, 1))
    with service.database.reading() as session:
        weekly = session.scalars(select(Newsletter)).one()
        counts = [rhythms.readers(session, weekly, "weekly", utc(2026, m, 1)) for m in (11, 12)]
    assert counts == [0, 1]


def test_a_schedule_that_cannot_be_says_what_is_wrong(service: Service) -> None:
    with (
        pytest.raises(BadSchedule) as told,
        service.database.writing() as session,
    ):
        rhythms.schedule(
            session,
            session.scalars(select(Newsletter)).one(),
            COMMAND_LINE,
            utc(2026, 11, 25),
            rhythm="daily",
            weekday=7,
            clock="25:00",
            zone="Oslo",
            by_itself=False,
            only_urgent=False,
        )
    assert set(told.value.problems) == {"rhythm", "weekday", "clock", "zone"}


def test_what_was_published_before_a_newsletter_came_is_in_no_issue(service: Service) -> None:
    now = utc(2026, 11, 25)
    with service.database.writing() as session:
        weekly = session.scalars(select(Newsletter)).one()
        chosen = {
            "rhythm": "weekly",
            "weekday": 1,
            "clock": "10:00",
            "zone": "UTC",
            "by_itself": True,
            "only_urgent": False,
        }
        changed = [
            rhythms.schedule(session, weekly, COMMAND_LINE, now, **chosen)  # type: ignore[arg-type]
            for _ in range(2)
        ]
    assert changed == [True, False]
    assert weekly.digests_since == now
