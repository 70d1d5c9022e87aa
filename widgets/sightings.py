"""How often each widget is shown on which member's site, a day at a time. Of a reader, nothing:
what is counted is the widget, never who looks at it, and nobody is known again.

Each process counts in memory and adds to the table once a minute and when it ends: a showing costs
no transaction, and a process that is killed loses its last minute.
"""

import atexit
import logging
import threading
import time
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from widgets.models import Database, Member, Sighting, Site
from widgets.models.database import insert
from widgets.origins import twins

log = logging.getLogger("undersigned.sightings")

ELSEWHERE = ""  # the member, where it is none that we know
LATELY = 30  # days
FORGET_AFTER = timedelta(days=2 * 365)
MOST_KEYS = 20_000  # that wait to be written, in one process
AT_ONCE = 500  # rows of one statement

Key = tuple[date, str, str]  # as the table's


class Tally:
    """What one process has seen and not written yet.

    seconds: after so many it is written; 0: nothing is counted.
    """

    def __init__(
        self,
        database: Database,
        seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._seconds = seconds
        self._clock = clock
        self._seen: Counter[Key] = Counter()
        self._sites: Mapping[str, str] | None = None  # whose a slug or an origin is
        self._due = 0.0
        self._lock = threading.Lock()

    @property
    def counts(self) -> bool:
        return self._seconds > 0

    def add(self, widget: str, site: str, origin: str) -> None:
        """Counts one showing. site: the slug that the snippet says; origin: of the page around the
        frame, if the browser told. They tell the member's site, if it is one, and are forgotten."""
        sites = self._sites
        if sites is None:
            sites = self._begin()
        member = sites.get(site) or sites.get(origin) or ELSEWHERE
        key = (self._clock().date(), widget, member)
        with self._lock:
            if key in self._seen or len(self._seen) < MOST_KEYS:
                self._seen[key] += 1

    def write(self) -> None:
        """Adds what was seen to the table. What can't be written now is kept for the next time."""
        with self._lock:
            seen, self._seen = self._seen, Counter()
            self._due = time.monotonic() + self._seconds
        try:
            if seen:
                with self._database.writing() as session:
                    _add(session, seen)
            with self._database.reading() as session:
                self._sites = whose(session)
        except SQLAlchemyError as error:
            log.warning("what was shown could not be written, and is kept: %s", error)
            with self._lock:
                self._seen.update(seen)

    def close(self) -> None:
        """Writes a last time."""
        _tallies.discard(self)
        if self._seen:
            self.write()

    def write_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self.write()

    def _begin(self) -> Mapping[str, str]:
        """At the first showing: who the members are, and from now on what is seen is written."""
        try:
            with self._database.reading() as session:
                found = whose(session)
        except SQLAlchemyError:
            return {}
        with self._lock:
            if self._sites is None:
                self._sites = found
                self._due = time.monotonic() + self._seconds
                _write_regularly(self)
            return self._sites


_tallies: "weakref.WeakSet[Tally]" = weakref.WeakSet()
_beginning = threading.Lock()
_writer: threading.Thread | None = None


def _write_regularly(tally: Tally) -> None:
    """One thread for all of a process, which begins after gunicorn has forked."""
    global _writer  # noqa: PLW0603
    with _beginning:
        _tallies.add(tally)
        if _writer is None or not _writer.is_alive():
            _writer = threading.Thread(target=_keep_writing, daemon=True)
            _writer.start()
            atexit.register(_close_all)


def _keep_writing() -> None:
    while True:
        time.sleep(1)
        for tally in list(_tallies):
            try:
                tally.write_if_due()
            except Exception:  # the next time may go better
                log.exception("what was shown could not be written")


def _close_all() -> None:
    for tally in list(_tallies):
        tally.close()


def whose(session: Session) -> dict[str, str]:
    """The slug of the member that each known slug, and each origin of a known site, belongs to.
    An origin is also found without its www, and by http for https."""
    found: dict[str, str] = {slug: slug for slug in session.scalars(select(Member.slug))}
    exact = {row[0]: row[1] for row in session.execute(select(Site.origin, Site.member_slug))}
    for origin, slug in exact.items():
        for twin in twins(origin):
            found.setdefault(twin, slug)
    return found | exact


def _add(session: Session, seen: Mapping[Key, int]) -> None:
    # in order: two processes that add to the same rows then wait for each other, and don't block
    keys = sorted(seen)
    for start in range(0, len(keys), AT_ONCE):
        rows = [
            {"day": key[0], "widget": key[1], "member_slug": key[2], "shown": seen[key]}
            for key in keys[start : start + AT_ONCE]
        ]
        adding = insert(session, Sighting).values(rows)
        session.execute(
            adding.on_conflict_do_update(
                index_elements=["day", "widget", "member_slug"],
                set_={"shown": Sighting.shown + adding.excluded.shown},
            )
        )


def forget(session: Session, now: datetime) -> None:
    """Deletes what was counted long ago."""
    session.execute(delete(Sighting).where(Sighting.day < (now - FORGET_AFTER).date()))


@dataclass(frozen=True)
class Seen:
    """A widget on a member's site. last: the day on which it was last shown there; shown: how
    often, since the day that was asked for."""

    member_slug: str
    widget: str
    last: date
    shown: int


@dataclass(frozen=True)
class Embedded:
    """A widget, as a member's site shows it. days: how often on each of the LATELY last ones."""

    widget: str
    last: date
    days: list[tuple[date, int]]
    lately: int
    total: int


@dataclass(frozen=True)
class Overview:
    """All that a member's site shows. last, days and lately: as of `Embedded`."""

    member_slug: str
    last: date
    days: list[tuple[date, int]]
    lately: int
    widgets: int


def last_seen(session: Session, widgets: Collection[str], since: date) -> list[Seen]:
    """Where these widgets (paths after /embed/) were shown since a day (in UTC), the latest first.
    Of `ELSEWHERE` too, where it is not known on whose site it was."""
    last, shown = func.max(Sighting.day), func.sum(Sighting.shown)
    query = (
        select(Sighting.member_slug, Sighting.widget, last, shown)
        .where(Sighting.widget.in_(widgets), Sighting.day >= since)
        .group_by(Sighting.member_slug, Sighting.widget)
        .order_by(last.desc(), shown.desc(), Sighting.member_slug, Sighting.widget)
    )
    return [Seen(row[0], row[1], row[2], int(row[3])) for row in session.execute(query)]


def of_statement(slug: str) -> list[str]:
    """The widgets that show one statement, whichever is the newest."""
    return [f"statements/{slug}", f"statements/{slug}/signatories"]


def of_member(session: Session, slug: str, today: date) -> list[Embedded]:
    """What a member's site shows, the latest first. today: in UTC, the last of the days."""
    last, total = func.max(Sighting.day), func.sum(Sighting.shown)
    query = (
        select(Sighting.widget, last, total)
        .where(Sighting.member_slug == slug)
        .group_by(Sighting.widget)
        .order_by(last.desc(), total.desc(), Sighting.widget)
    )
    found = session.execute(query).all()
    daily: dict[str, dict[date, int]] = defaultdict(dict)
    for widget, day, shown in session.execute(
        select(Sighting.widget, Sighting.day, Sighting.shown).where(
            Sighting.member_slug == slug, Sighting.day > today - timedelta(days=LATELY)
        )
    ):
        daily[widget][day] = shown
    return [
        Embedded(widget, last, *_lately(daily[widget], today), total=int(total))
        for widget, last, total in found
    ]


def overview(session: Session, today: date) -> list[Overview]:
    """Every member whose site has shown something, those that show most lately first."""
    found = session.execute(
        select(
            Sighting.member_slug,
            func.max(Sighting.day),
            func.count(Sighting.widget.distinct()),
        ).group_by(Sighting.member_slug)
    ).all()
    daily: dict[str, dict[date, int]] = defaultdict(dict)
    for slug, day, shown in session.execute(
        select(Sighting.member_slug, Sighting.day, func.sum(Sighting.shown))
        .where(Sighting.day > today - timedelta(days=LATELY))
        .group_by(Sighting.member_slug, Sighting.day)
    ):
        daily[slug][day] = int(shown)
    rows = [
        Overview(slug, last, *_lately(daily[slug], today), widgets=widgets)
        for slug, last, widgets in found
    ]
    return sorted(rows, key=lambda row: (-row.lately, -row.last.toordinal(), row.member_slug))


def last_days(session: Session, slugs: Collection[str]) -> dict[str, date]:
    """When a widget was last shown on the sites of these members, of those where one was."""
    query = select(Sighting.member_slug, func.max(Sighting.day)).group_by(Sighting.member_slug)
    rows = session.execute(query.where(Sighting.member_slug.in_(slugs)))
    return {row[0]: row[1] for row in rows}


def _lately(shown: Mapping[date, int], today: date) -> tuple[list[tuple[date, int]], int]:
    days = [today - timedelta(days=back) for back in range(LATELY - 1, -1, -1)]
    listed = [(day, shown.get(day, 0)) for day in days]
    return listed, sum(number for _, number in listed)
