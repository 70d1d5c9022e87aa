"""Moments as people write them: a day, a time, and the place whose clocks they mean."""

from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_AREAS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe",
          "Indian", "Pacific")  # fmt: skip


class BadMoment(ValueError):
    """Not a moment; the text says why. field: "day", "time" or "zone"."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@cache
def zones() -> tuple[str, ...]:
    """Where clocks can be read (IANA's names of time zones), UTC first, the others by their names.
    Those that are only kept for old programs are left out."""
    places = (name for name in available_timezones() if name.partition("/")[0] in _AREAS)
    return ("UTC", *sorted(places))


def by_clocks(at: datetime, zone: str) -> str:
    """A moment as the clocks of a place show it.

    >>> by_clocks(datetime(2026, 11, 26, 8, tzinfo=UTC), "Europe/Oslo")
    'Thursday 26 November 2026, 09:00 Europe/Oslo'
    """
    return f"{at.astimezone(ZoneInfo(zone)):%A %-d %B %Y, %H:%M} {zone.replace('_', ' ')}"


def read(day: str, clock: str, zone: str) -> datetime:
    """The moment in UTC at which the clocks of a place show this: day as 2027-03-01, clock as
    18:30. Of an hour that comes twice, the first is meant. Raises BadMoment.

    >>> read("2027-07-01", "18:30", "Europe/Oslo").isoformat()
    '2027-07-01T16:30:00+00:00'
    """
    try:
        on = date.fromisoformat(day.strip())
    except ValueError:
        raise BadMoment("day", "Write the day like 2027-03-01.") from None
    try:
        at = time.fromisoformat(clock.strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        raise BadMoment("time", "Write the time like 18:30.")
    if zone not in zones():
        raise BadMoment("zone", "Choose whose clocks you mean.")
    there = ZoneInfo(zone)
    shown = datetime.combine(on, at.replace(second=0, microsecond=0))
    try:
        moment = shown.replace(tzinfo=there).astimezone(UTC)
        again = moment.astimezone(there).replace(tzinfo=None)
    except OverflowError:
        raise BadMoment("day", "Write a day of this century, like 2027-03-01.") from None
    if again != shown:  # in the hour that is left out when summer time begins
        raise BadMoment(
            "time",
            f"In {zone} there is no {shown:%H:%M} on that day: the clocks are put forward then. "
            f"Write {again:%H:%M}, or an earlier time.",
        )
    return moment
