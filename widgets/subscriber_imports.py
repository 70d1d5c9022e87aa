"""Confirmed subscribers from elsewhere: a table is looked through, and taken in by a worker.

Nobody is taken in without a word on how their consent is known, nobody who has left comes back,
and nobody is written to.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets import audit, jobs, newsletters, suppressions, tables, webhooks
from widgets.addresses import Address, BadAddress, Hasher, parse
from widgets.audit import Subject
from widgets.jobs import Outcome, Task
from widgets.members import LONGEST_SLUG
from widgets.models import (
    Consent,
    Newsletter,
    State,
    Subscriber,
    Subscription,
)
from widgets.models.database import insert
from widgets.newsletter_texts import BadWords, language
from widgets.service import Service
from widgets.tables import BadRow, Row
from widgets.text import clean
from widgets.webhooks import Event
from widgets.wording import SLUG

KIND = "import subscribers"
MOST = 100_000  # rows
LARGEST = 6_000_000  # bytes
TOO_LARGE = (
    f"This table is larger than {LARGEST // 1_000_000} MB. Please divide it, and import one part "
    "after the other."
)
LONGEST_EVIDENCE = 1000  # characters
AT_ONCE = 500  # rows in a transaction
EARLIEST = date(1990, 1, 1)  # what comes before was a slip of the pen
# what others call our columns; our own exports have "confirmed_at"
ALSO = {
    "address": ("email", "e-mail", "email address", "e-mail address"),
    "consented_at": ("confirmed_at", "date", "confirm_time"),
    "consent": ("evidence",),
    "lang": ("language",),
    "list": ("name of the list",),
}


class BadTable(ValueError):
    """A table that can't be taken; the text says why, for the editor."""


class Fate(StrEnum):
    """What would become of a row."""

    NEW = "new"
    ALREADY = "already"  # subscribed
    LEFT = "left"  # unsubscribed, complained, bounced or suppressed: never brought back


@dataclass(frozen=True)
class Defaults:
    """What holds for rows that don't say it themselves. source: the name of the list; consent: how
    it is known; lang: a language tag."""

    source: str
    consent: str
    lang: str


@dataclass(frozen=True)
class Candidate:
    """A row that can be taken in. key: the keyed hash of its address."""

    line: int
    address: str
    key: str
    lang: str
    site: str | None
    consented_at: datetime
    evidence: str


@dataclass
class Reading:
    """A table as it was read. twice: rows whose address stood there before; bad: those that can't
    be taken, as (line, reason)."""

    candidates: list[Candidate] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Preview:
    """What an import would do."""

    reading: Reading
    fates: Mapping[Fate, int]

    @property
    def new(self) -> int:
        return self.fates.get(Fate.NEW, 0)


def read(
    table: str, defaults: Defaults, hasher: Hasher, now: datetime, *, allow_test_domains: bool
) -> Reading:
    """Reads a table with the columns `address` and `consented_at`, and, where the defaults should
    not hold, `consent`, `list`, `lang` and `site`. The same table reads the same at any time but
    for dates after `now`. Raises BadTable."""
    if len(table.encode(errors="replace")) > LARGEST:
        raise BadTable(TOO_LARGE)
    found = Reading()
    seen: set[str] = set()
    try:
        for number, row in enumerate(tables.read(table)):
            if number == 0:
                _check_columns(row, defaults)
            if number == MOST:
                raise BadTable(f"This table has more than {MOST:,} rows. Please divide it.")
            if not any(clean(value) for value in row.cells.values()):
                continue
            try:
                one = _candidate(row, defaults, hasher, now, allow_test_domains)
            except _BadRow as error:
                found.bad.append((row.line, str(error)))
                continue
            if one.key in seen:
                found.twice.append(row.line)
                continue
            seen.add(one.key)
            found.candidates.append(one)
    except BadRow as error:
        raise BadTable(f"Line {error.line}: {error.reason}.") from None
    if not (found.candidates or found.bad):
        raise BadTable("There is no row in this table below the names of its columns.")
    return found


def preview(session: Session, newsletter: Newsletter, reading: Reading) -> Preview:
    """What would become of each row now."""
    fates: Counter[Fate] = Counter()
    for some in _parts(reading.candidates, 500):
        keys = [one.key for one in some]
        fates.update(_fates(session, newsletter.id, keys, datetime.now(UTC)).values())
    return Preview(reading, fates)


def run(service: Service, task: Task) -> Outcome:
    """Takes a table in (see widgets.work). Whoever is subscribed already, or has left, stays as
    they are: doing it again changes nothing."""
    params = task.params
    defaults = Defaults(params["source"], params["consent"], params["lang"])
    asked_at = datetime.fromisoformat(params["asked_at"])
    reading = read(
        (task.data or b"").decode(errors="replace"),
        defaults,
        service.hasher,
        asked_at,
        allow_test_domains=service.settings.is_local,
    )
    # Counted by lines: they stay the same where a row is blanked out meanwhile (records.erase).
    last = reading.candidates[-1].line if reading.candidates else 0
    for some in _parts([one for one in reading.candidates if one.line > task.done], AT_ONCE):
        now, done = datetime.now(UTC), some[-1].line
        with service.database.writing() as session:
            taken = _take_in(session, params["newsletter"], some, now)
            task.remember(session, taken=task.params.get("taken", 0) + taken)
            task.advance(session, done, last, now)
            if done == last:
                audit.record(
                    session,
                    task.actor,
                    "imported subscribers of",
                    Subject("newsletter", params["newsletter"], params["name"]),
                    now,
                    list=defaults.source,
                    imported=task.params["taken"],
                )
        jobs.give_way()
    taken = task.params.get("taken", 0)
    people = "1 person subscribes" if taken == 1 else f"{taken:,} people subscribe"
    rest = len(reading.candidates) - taken
    kept = f" {rest:,} stayed as they were." if rest else ""
    bad = [f"Line {line}: {reason}" for line, reason in reading.bad]
    return Outcome(
        f"{people} from now on.{kept} Nobody was written to.",
        bad,
        f"/admin/newsletters/{params['newsletter']}",
    )


class _BadRow(ValueError):
    """A row that can't be taken. It is told by its line, and never by its address: what a job has
    to say outlives the person's record."""


def _check_columns(row: Row, defaults: Defaults) -> None:
    needed = ["address", "consented_at", *(() if defaults.consent else ("consent",))]
    for column in needed:
        if not any(name in row.cells for name in (column, *ALSO.get(column, ()))):
            also = ""
            if column == "consent":
                also = ", or say above how the consent of all of them is known"
            raise BadTable(
                f"The first line must name the columns, one of them “{column}”{also}. "
                f"It names: {', '.join(name for name in row.cells if name) or 'nothing'}."[:500]
            )


def _value(row: Row, column: str) -> str:
    found = (clean(row[name]) for name in (column, *ALSO.get(column, ())))
    return tables.unguarded(next((value for value in found if value), ""))


def _candidate(
    row: Row, defaults: Defaults, hasher: Hasher, now: datetime, allow_test_domains: bool
) -> Candidate:
    if row.overflows:
        raise _BadRow("more values than columns: a value with a comma needs quotation marks")
    if _value(row, "state").lower() not in ("", State.CONFIRMED):
        raise _BadRow("the column “state” says something else than confirmed")
    address = _address(_value(row, "address"), allow_test_domains)
    consent = _value(row, "consent") or defaults.consent
    if not consent:
        raise _BadRow("nothing says how the consent is known")
    source = _value(row, "list") or defaults.source
    evidence = f"{source}: {consent}"
    if len(evidence) > LONGEST_EVIDENCE:
        raise _BadRow(f"more than {LONGEST_EVIDENCE:,} characters on the consent")
    site = _value(row, "site") or None
    if site and (not re.fullmatch(SLUG, site) or len(site) > LONGEST_SLUG):
        raise _BadRow("the site is the short name of a member, like “lamp-keepers”")
    try:
        lang = language(_value(row, "lang") or defaults.lang)
    except BadWords:
        raise _BadRow("the language is not a tag like en, ar or pt-BR") from None
    return Candidate(
        line=row.line,
        address=address.text,
        key=hasher.address(address),
        lang=lang,
        site=site,
        consented_at=_moment(_value(row, "consented_at"), now),
        evidence=evidence,
    )


def _address(typed: str, allow_test_domains: bool) -> Address:
    try:
        return parse(typed, allow_test_domains=allow_test_domains)
    except BadAddress:
        reason = "not one e-mail address" if typed else "no e-mail address"
        raise _BadRow(reason) from None


def _moment(written: str, now: datetime) -> datetime:
    """When it was, from ISO 8601: a day, or a moment, which is in UTC where it names no zone."""
    if not written:
        raise _BadRow("no day of the consent")
    try:
        moment = datetime.fromisoformat(written.removesuffix(" UTC"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _BadRow(
            "the day of the consent can’t be read; write it like 2025-03-31 or 2025-03-31T14:05"
        ) from None
    if moment - now > timedelta(days=1):  # it may be tomorrow elsewhere
        raise _BadRow("the day of the consent lies in the future")
    if moment < datetime.combine(EARLIEST, time(), UTC):
        raise _BadRow(f"the day of the consent lies before {EARLIEST.year}")
    return min(moment, now)


def _fates(session: Session, newsletter_id: int, keys: list[str], now: datetime) -> dict[str, Fate]:
    suppressed = suppressions.among(session, keys, now)
    rows = session.execute(
        select(Subscriber.key, Subscription.state)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(Subscriber.key.in_(keys), Subscription.newsletter_id == newsletter_id)
    )
    states: dict[str, str] = {row[0]: row[1] for row in rows}
    return {
        key: Fate.LEFT if key in suppressed else _fate(states.get(key, State.PENDING))
        for key in keys
    }


def _fate(state: str) -> Fate:
    if state == State.PENDING:
        return Fate.NEW
    return Fate.ALREADY if state == State.CONFIRMED else Fate.LEFT


def _take_in(session: Session, slug: str, some: Sequence[Candidate], now: datetime) -> int:
    """How many of them subscribe now, and did not before."""
    newsletter_id = session.scalars(select(Newsletter.id).where(Newsletter.slug == slug)).one()
    fates = _fates(session, newsletter_id, [one.key for one in some], now)
    wanted = {one.key: one for one in some if fates[one.key] is Fate.NEW}
    if not wanted:
        return 0
    unknown = _added(session, list(wanted.values()), now)
    subscriptions = {key: uuid.uuid4() for key in unknown}
    if unknown:
        session.execute(
            insert(session, Subscription),
            [
                {
                    "id": subscriptions[key],
                    "subscriber_id": subscriber_id,
                    "newsletter_id": newsletter_id,
                    "state": State.CONFIRMED,
                    "epoch": 1,
                    "created_at": now,
                    "changed_at": now,
                }
                for key, subscriber_id in unknown.items()
            ],
        )
        session.execute(
            insert(session, Consent),
            [{"subscription_id": subscriptions[key], **_evidence(wanted[key])} for key in unknown],
        )
        webhooks.tell_all(
            session,
            Event.CONFIRMED,
            lambda: [(_told(slug, who, wanted[key]), who) for key, who in unknown.items()],
            now,
        )
    # the few that we know from elsewhere, one by one
    return len(unknown) + sum(
        newsletters.confirm_elsewhere(
            session, key, one.address, newsletter_id, Consent(**_evidence(one)), now
        )
        for key, one in wanted.items()
        if key not in unknown
    )


def _added(session: Session, some: Sequence[Candidate], now: datetime) -> dict[str, uuid.UUID]:
    """Those whose address was not known at all, and is now: the ids of the subscribers."""
    rows = session.execute(
        insert(session, Subscriber)
        .values(
            [
                {"id": uuid.uuid4(), "key": one.key, "address": one.address, "created_at": now}
                for one in some
            ]
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Subscriber.key, Subscriber.id)
    )
    return {row[0]: row[1] for row in rows}


def _evidence(one: Candidate) -> dict[str, Any]:
    return {
        "consent_text_id": None,
        "site": one.site,
        "lang": one.lang,
        "method": "import",
        "evidence": one.evidence,
        "asked_at": one.consented_at,
        "given_at": one.consented_at,
    }


def _told(slug: str, subscriber_id: uuid.UUID, one: Candidate) -> dict[str, str | None]:
    """What programs are told of them."""
    return newsletters.told(
        slug, subscriber_id, one.address, site=one.site, lang=one.lang, method="import"
    )


def _parts(candidates: Sequence[Candidate], most: int) -> Iterator[Sequence[Candidate]]:
    return (candidates[start : start + most] for start in range(0, len(candidates), most))
