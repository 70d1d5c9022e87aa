"""Moments as people write them: a day, a time, and the place whose clock shows it."""

import re
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_AREAS = ("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/",
          "Europe/", "Indian/", "Pacific/")  # fmt: skip


class BadMoment(ValueError):
    """Not a moment. field: "day", "time" or "zone"; the text says what is wrong with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@cache
def names() -> list[str]:
    """The time zones that can be named: UTC, then by place."""
    return ["UTC", *sorted(one for one in available_timezones() if one.startswith(_AREAS))]


def moment(day: str, time: str, zone: str) -> datetime:
    """When a clock in that zone shows this day (2026-03-02) and time (18:30), in UTC. Where it
    shows it twice, since clocks are put back, the first time. Raises BadMoment.

    >>> moment("2026-03-02", "18:30", "Europe/Oslo").isoformat()
    '2026-03-02T17:30:00+00:00'
    """
    place = _zone(zone)
    try:
        on = datetime.strptime(day.strip(), "%Y-%m-%d")  # noqa: DTZ007 (the zone is put in below)
    except ValueError:
        raise BadMoment("day", "Write the day like 2026-03-02.") from None
    found = re.fullmatch(r"\s*(\d{1,2})[:.](\d{2})(?::\d{2})?\s*", time)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise BadMoment("time", "Write the time like 18:30.")
    local = on.replace(hour=int(found[1]), minute=int(found[2]), tzinfo=place)
    try:
        in_utc = local.astimezone(UTC)
    except OverflowError:
        raise BadMoment("day", "Write the day like 2026-03-02.") from None
    if in_utc.astimezone(place).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise BadMoment("time", f"In {place.key} no clock shows this time on that day.")
    return in_utc


def _zone(typed: str) -> ZoneInfo:
    """By its name, or by that of its city alone."""
    wanted = typed.strip().replace(" ", "_").casefold()
    if not wanted:
        return ZoneInfo("UTC")
    exact = [one for one in names() if one.casefold() == wanted]
    cities = [one for one in names() if one.rpartition("/")[2].casefold() == wanted]
    for fitting in (exact, cities):
        if len(fitting) == 1:
            return ZoneInfo(fitting[0])
    raise BadMoment("zone", "Choose one of the list, like Europe/Oslo or UTC.")
