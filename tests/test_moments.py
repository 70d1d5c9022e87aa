"""Moments are read as people write them."""

from datetime import UTC, datetime

import pytest

from widgets import moments
from widgets.moments import BadMoment


def test_the_clocks_of_a_place_are_read() -> None:
    assert moments.read("2027-01-31", "09:05", "UTC") == datetime(2027, 1, 31, 9, 5, tzinfo=UTC)
    read = moments.read(" 2027-07-01", "09:05 ", "Asia/Yangon")
    assert read == datetime(2027, 7, 1, 2, 35, tzinfo=UTC)


def test_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    read = moments.read("2027-10-31", "02:30", "Europe/Oslo")

    assert read == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_an_hour_that_is_left_out_is_refused_with_the_one_to_write() -> None:
    with pytest.raises(BadMoment) as bad:
        moments.read("2027-03-28", "02:30", "Europe/Oslo")

    assert bad.value.field == "time"
    assert str(bad.value) == (
        "In Europe/Oslo there is no 02:30 on that day: the clocks are put forward then. "
        "Write 03:30, or an earlier time."
    )


@pytest.mark.parametrize(
    ("day", "clock", "zone", "field"),
    [
        ("", "09:00", "UTC", "day"),
        ("31.1.2027", "09:00", "UTC", "day"),
        ("2027-02-30", "09:00", "UTC", "day"),
        ("9999-12-31", "23:00", "America/Lima", "day"),
        ("2027-01-31", "", "UTC", "time"),
        ("2027-01-31", "25:00", "UTC", "time"),
        ("2027-01-31", "09:00+01:00", "UTC", "time"),
        ("2027-01-31", "09:00", "", "zone"),
        ("2027-01-31", "09:00", "../../etc/passwd", "zone"),
        ("2027-01-31", "09:00", "CET", "zone"),
    ],
)
def test_what_is_no_moment_is_refused_beside_its_field(
    day: str, clock: str, zone: str, field: str
) -> None:
    with pytest.raises(BadMoment) as bad:
        moments.read(day, clock, zone)
    assert bad.value.field == field
