"""Members in tables: read, compared with those there are, brought in, and written out.

What a row would do is decided in one place (`planned`), for the preview as for the import itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from babel import Locale
from sqlalchemy.orm import Session

from widgets import jobs, members, tables
from widgets.audit import Actor
from widgets.jobs import Outcome, Task
from widgets.members import Alike, Entry, Known, Person, Problems, checked, slug_problem
from widgets.models import Member
from widgets.service import Service
from widgets.tables import BadRow, unguarded
from widgets.text import clean, is_country, same_tag

MOST = 5_000  # rows
AT_ONCE = 50  # rows of one transaction
_CONTACT = re.compile(r"contact(?: (\d{1,2}))? (name|address|lang)")
_NAME = re.compile(r"name:\s*(\S+)")
_PLAIN = ("name", "slug", "country", "website", "sites", "left")


class Does(StrEnum):
    """What a row does."""

    ADD = "add"
    CHANGE = "change"
    NOTHING = "nothing"  # all of it is there already
    ASK = "ask"  # it may be a member that is written otherwise, or another
    SKIP = "skip"  # left out, by the editor's choice
    REFUSE = "refuse"


@dataclass(frozen=True)
class TableRow:
    """A row as it is read. line: in the table, from 1."""

    line: int
    slug: str
    entry: Entry
    left: str


@dataclass(frozen=True)
class Table:
    """rows: in their order; unread: columns that mean nothing to us."""

    rows: list[TableRow]
    unread: list[str]


@dataclass(frozen=True)
class Planned:
    """What a row does. slug: of the member that it changes or adds; name: as the table writes it;
    entry: what the member then is; changes: in words; reason: why it is refused or passed over;
    alike: whom it may mean, where that has to be asked; choice: what is likeliest then."""

    line: int
    does: Does
    name: str
    slug: str = ""
    entry: Entry | None = None
    changes: tuple[str, ...] = ()
    reason: str = ""
    alike: tuple[Alike, ...] = ()
    choice: str = ""


def read(data: bytes) -> Table:
    """A table with the column `name` and, if known, `name:fr` and so on, `slug`, `country`
    (ISO 3166, or its English name), `website`, `sites` (apart by spaces), `contact name`,
    `contact address`, `contact lang`, `contact 2 name` … and `left` (a date). Raises BadRow."""
    found: list[TableRow] = []
    unread: dict[str, None] = {}
    for row in tables.rows(data):
        cells = {column: unguarded(cell) for column, cell in row.cells.items()}
        if not any(clean(cell) for cell in cells.values()):
            continue
        if len(found) == MOST:
            raise BadRow(row.line, f"more than {MOST:,} members; please part the table")
        names: dict[str, str] = {}
        people: dict[int, dict[str, str]] = {}
        for column, cell in cells.items():
            if contact := _CONTACT.fullmatch(column):
                people.setdefault(int(contact[1] or 1), {})[contact[2]] = cell
            elif named := _NAME.fullmatch(column):
                if clean(cell):
                    names[same_tag(named[1])] = cell
            elif column not in _PLAIN:
                unread[column] = None
        entry = Entry(
            cells["name"],
            names,
            _country(cells.get("country", "")),
            cells.get("website"),
            [
                Person(one.get("name", ""), one.get("address", ""), one.get("lang") or None)
                for _, one in sorted(people.items())
                if any(clean(cell) for cell in one.values())
            ],
            re.split(r"[\s,;]+", cells.get("sites", "").strip()),
        )
        slug, left = clean(cells.get("slug", "")), clean(cells.get("left", ""))
        found.append(TableRow(row.line, slug, entry, left))
    return Table(found, list(unread))


def planned(known: Known, row: TableRow, choice: str, *, allow_test_domains: bool) -> Planned:
    """What a row does, given the members there are, and what an editor chose where they were
    asked: "add", "skip", "keep:<slug>" (it is that member, whose name stays) or "rename:<slug>"."""
    shown = clean(row.entry.name)[:100]
    try:
        entry = checked(row.entry, allow_test_domains=allow_test_domains)
        _day(row.left)
    except Problems as error:
        return Planned(row.line, Does.REFUSE, shown, reason=str(error))
    if row.slug in known.entries:
        return _changing(known, row, row.slug, entry, renames=True)
    if row.slug and (problem := slug_problem(row.slug)):
        return Planned(row.line, Does.REFUSE, shown, reason=problem)
    alike = known.alike(entry)
    same = [one.slug for one in alike if one.sure and _is_called(known, one.slug, entry.name)]
    if len(same) == 1 and not row.slug:
        return _changing(known, row, same[0], entry, renames=True)
    if alike and not choice:
        likeliest = "add" if not alike[0].sure else f"keep:{alike[0].slug}"
        return Planned(
            row.line,
            Does.ASK,
            shown,
            entry=entry,
            alike=tuple(alike),
            choice="skip" if len([one for one in alike if one.sure]) > 1 else likeliest,
        )
    how, _, slug = choice.partition(":")
    if alike and how == "skip":
        return Planned(row.line, Does.SKIP, shown, reason="you chose to leave it out")
    if how in ("keep", "rename") and slug in known.entries:
        return _changing(known, row, slug, entry, renames=how == "rename")
    if alike and how != "add":
        return Planned(
            row.line, Does.SKIP, shown, reason="the members have changed since you were asked"
        )
    if taken := _taken(known, entry, ""):
        return Planned(row.line, Does.REFUSE, shown, reason=taken)
    slug = row.slug or members.proposed_slug(entry, set(known.entries))
    return Planned(row.line, Does.ADD, shown, slug, entry)


def _is_called(known: Known, slug: str, name: str) -> bool:
    there = known.entries[slug]
    return name in (there.name, *there.names.values())


def _changing(known: Known, row: TableRow, slug: str, entry: Entry, *, renames: bool) -> Planned:
    """The member with what the row has and it lacks, or has otherwise. What the row leaves empty
    stays; contacts and sites come in addition."""
    there = known.entries[slug]
    if taken := _taken(known, entry, slug):
        return Planned(row.line, Does.REFUSE, entry.name, reason=taken)
    contacts = list(there.contacts)
    said: list[str] = []
    for person in entry.contacts:
        addresses = [one.address.casefold() for one in contacts]
        address = person.address.casefold()
        place = addresses.index(address) if address in addresses else None
        if place is None:
            contacts.append(person)
            said.append(f"contact {person.address} comes in addition")
            continue
        was = contacts[place]
        now = replace(was, name=person.name or was.name, lang=person.lang or was.lang)
        if now != was:
            contacts[place] = now
            said.append(f"contact {was.address}: {_told(now)}")
    after = Entry(
        entry.name if renames else there.name,
        {**there.names, **entry.names},
        entry.country or there.country,
        entry.website or there.website,
        contacts,
        [*there.sites, *(site for site in entry.sites if site not in there.sites)],
    )
    plain: list[tuple[str, str | None, str | None]] = [("name", there.name, after.name)]
    plain += [(f"name:{tag}", there.names.get(tag), name) for tag, name in after.names.items()]
    plain += [
        ("country", there.country, after.country),
        ("website", there.website, after.website),
    ]
    changes = [
        f"{what}: {was} → {now}" if was else f"{what}: {now}"
        for what, was, now in plain
        if was != now
    ]
    changes += [f"site {site} comes in addition" for site in after.sites[len(there.sites) :]]
    changes += said
    does = Does.CHANGE if changes else Does.NOTHING
    return Planned(row.line, does, entry.name, slug, after, tuple(changes))


def _told(person: Person) -> str:
    return ", ".join(part for part in (person.name, person.lang) if part)


def _taken(known: Known, entry: Entry, slug: str) -> str:
    for site in entry.sites:
        owner = known.owner(site)
        if owner and owner != slug:
            return f"{site} belongs to {known.entries[owner].name} already."
    return ""


def plan(
    session: Session,
    table: Table,
    choices: Mapping[str, str],
    *,
    allow_test_domains: bool = False,
) -> list[Planned]:
    """What each row would do if the table were brought in now, one after the other. choices: by
    line, as `planned` takes them."""
    known = Known(members.everyone(session))
    found = []
    for row in table.rows:
        one = planned(
            known, row, choices.get(str(row.line), ""), allow_test_domains=allow_test_domains
        )
        found.append(one)
        _follow(known, one)
    return found


def _follow(known: Known, one: Planned) -> None:
    """The members as they are after a row. One that has to be asked is as if it were chosen what
    is likeliest, so that what comes after it is asked too."""
    if one.does in (Does.ADD, Does.CHANGE) and one.entry:
        known.put(one.slug, one.entry)
    elif one.does is Does.ASK and one.choice == "add" and one.entry:
        known.put(members.proposed_slug(one.entry, set(known.entries)), one.entry)


def bring_in(service: Service, task: Task) -> Outcome:
    """The job "import members": its data is the table, its params the `choices`."""
    try:
        table = read(task.data or b"")
    except BadRow as error:
        return Outcome(f"The table can’t be read: line {error.line}: {error.reason}")
    resumed = task.done > 0
    counts = dict.fromkeys(Does, 0)
    lines: list[str] = []
    local = service.settings.is_local
    while task.done < len(table.rows):
        batch = table.rows[task.done : task.done + AT_ONCE]
        now = datetime.now(UTC)
        told: list[Planned] = []
        with service.database.writing() as session:
            known = Known(members.everyone(session))
            for row in batch:
                choice = task.params["choices"].get(str(row.line), "")
                one = planned(known, row, choice, allow_test_domains=local)
                one = _do(session, one, row, task.actor, now)
                _follow(known, one)
                told.append(one)
            task.advance(session, task.done + len(batch), len(table.rows), now)
        jobs.give_way()
        for one in told:
            counts[one.does] += 1
            if one.does is Does.ASK:
                likely = one.alike[0].name
                lines.append(f"Line {one.line}, {one.name}: left out, since it may be {likely}")
            elif one.reason:
                lines.append(f"Line {one.line}, {one.name}: {one.reason}")
    return Outcome(_summed_up(counts, resumed), lines, "/admin/members")


def _do(session: Session, one: Planned, row: TableRow, actor: Actor, now: datetime) -> Planned:
    """Does what was planned; what was refused on the way is told as refused."""
    try:
        with session.begin_nested():
            if one.does is Does.ADD and one.entry:
                member = members.add(session, one.entry, one.slug, actor, now, by="a table")
                if day := _day(row.left):
                    member.left_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            elif one.does is Does.CHANGE and one.entry:
                members.change(session, one.slug, one.entry, actor, now, by="a table")
    except Problems as error:
        return Planned(one.line, Does.REFUSE, one.name, reason=str(error))
    return one


def _summed_up(counts: Mapping[Does, int], resumed: bool) -> str:
    left_out = counts[Does.SKIP] + counts[Does.ASK]
    text = (
        f"{counts[Does.ADD]:,} added, {counts[Does.CHANGE]:,} changed, "
        f"{counts[Does.NOTHING]:,} as they were, {left_out:,} left out, "
        f"{counts[Does.REFUSE]:,} refused."
    )
    if resumed:
        text += " The work was interrupted: what was done before that is in the audit."
    return text


def _country(typed: str) -> str:
    """The code of a country that may be written in English; else what was typed."""
    written = clean(typed)
    if not is_country(written.upper()) and written.casefold() in _english_countries():
        return _english_countries()[written.casefold()]
    return written


@cache
def _english_countries() -> dict[str, str]:
    return {
        name.casefold(): code
        for code, name in Locale.parse("en").territories.items()
        if is_country(code)
    }


def _day(typed: str) -> date | None:
    if not typed:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError:
        reason = f"“{typed[:40]}” is not a day, like 2026-03-02."
        raise Problems({"left": reason}) from None


def exported(listed: Sequence[Member]) -> str:
    """Members (with their contacts and sites) as a table that can be brought in again."""
    tags = sorted({tag for one in listed for tag in one.names})
    most = max((len(one.contacts) for one in listed), default=0)
    contacts = [
        f"contact {what}" if number == 1 else f"contact {number} {what}"
        for number in range(1, max(1, most) + 1)
        for what in ("name", "address", "lang")
    ]
    columns = ["name", *(f"name:{tag}" for tag in tags), "slug", "country", "website", "sites",
               *contacts, "left"]  # fmt: skip
    return tables.written(columns, map(_cells, listed))


def _cells(member: Member) -> dict[str, str]:
    return {
        "name": member.name,
        **{f"name:{tag}": name for tag, name in member.names.items()},
        "slug": member.slug,
        "country": member.country or "",
        "website": member.website or "",
        "sites": " ".join(one.origin for one in member.sites),
        "left": f"{member.left_at:%Y-%m-%d}" if member.left_at else "",
        **dict(_contact_cells(member)),
    }


def as_data(member: Member) -> dict[str, Any]:
    """The same for a program."""
    return {
        "slug": member.slug,
        "name": member.name,
        "names": member.names,
        "country": member.country,
        "website": member.website,
        "sites": [one.origin for one in member.sites],
        "contacts": [
            {"name": one.name, "address": one.address, "lang": one.lang} for one in member.contacts
        ],
        "left": f"{member.left_at:%Y-%m-%d}" if member.left_at else None,
    }


def _contact_cells(member: Member) -> Iterator[tuple[str, str]]:
    for number, one in enumerate(member.contacts, 1):
        before = "contact" if number == 1 else f"contact {number}"
        yield f"{before} name", one.name
        yield f"{before} address", one.address
        yield f"{before} lang", one.lang or ""
