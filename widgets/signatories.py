"""The names under a statement: read from CSV, kept with what their roll is made from."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import icu4py
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from widgets import languages, text
from widgets.collation import Collator
from widgets.models import Consented, Fact, Signatory, Signing, SigningState, Statement
from widgets.models.fact import NAMES_KEYED_BY, content_changed, read_fact
from widgets.tables import BadRow, rows
from widgets.text import clean, has_hidden, has_substance, is_country, plain

PER_PAGE = 300  # names at most
PAGE_BYTES = 7_800  # what the names of a page may weigh; its frame takes the rest of 14,600
MOST = 100_000
LONGEST_NAME = 300  # characters
LONGEST_URL = 500
KEYED_BY = f"1, ICU {icu4py.icu_version}"  # 1: changes with text.fold, weight and collation
AT_ONCE = 5_000  # names that are written in one go
NAMED_AT_ONCE = 500  # in a query that names what it looks for


class Twin(ValueError):
    """The name stands under the statement already."""


class BadName(ValueError):
    """Not a name that can be listed. field: which of Name's is wrong; the text says how."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True)
class Name:
    name: str
    country: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Table:
    """Names in their order, and what was passed over, as (line, reason)."""

    names: list[Name]
    warnings: list[tuple[int, str]]


def read_csv(data: bytes) -> Table:
    """A table with the columns `name` and, if known, `country` (ISO 3166) and `url`.

    Comma, semicolon or tab; UTF-8, with or without a byte order mark, or UTF-16 as Excel writes
    it. Empty and repeated names are passed over with a warning. Raises BadRow.
    """
    names: list[Name] = []
    warnings: list[tuple[int, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for row in rows(data):
        line, raw = row.line, row.cells["name"]
        name = clean(raw)
        country = clean(row.cells.get("country", "")).upper()
        url = clean(row.cells.get("url", ""))
        if not has_substance(name):
            warnings.append((line, "a row without a name is passed over"))
            continue
        if len(name) > LONGEST_NAME:
            raise BadRow(line, f"a name of more than {LONGEST_NAME} characters")
        if len(names) == MOST:
            raise BadRow(line, f"more than {MOST} names")
        if has_hidden(raw):
            warnings.append((line, f"hidden characters are taken out of “{name}”"))
        if country and not is_country(country):
            # Left out, it could be the second half of a name with a comma, and the first half
            # would stand there as somebody else's name.
            raise BadRow(
                line,
                f"“{country}” is not a country (two letters, ISO 3166); a name with a comma "
                "needs quotation marks",
            )
        if url and not is_web_address(url):
            warnings.append((line, f"“{url}” is not a web address; it is left out"))
            url = ""
        if len(url) > LONGEST_URL:
            reason = f"a web address of more than {LONGEST_URL} characters is left out"
            warnings.append((line, reason))
            url = ""
        key = (plain(name), country)
        if key in seen:
            warnings.append((line, f"“{name}” stands in line {seen[key]} already; passed over"))
            continue
        seen[key] = line
        names.append(Name(name, country or None, url or None))
    return Table(names, warnings)


def checked(name: str, country: str = "", url: str = "") -> Name:
    """A single name as somebody typed it, cleaned and checked as in a table. Raises BadName."""
    name, country, url = clean(name), clean(country).upper(), clean(url)
    if not has_substance(name):
        raise BadName("name", "Write the name.")
    if len(name) > LONGEST_NAME:
        raise BadName("name", f"A name can have {LONGEST_NAME} characters at most.")
    if country and not is_country(country):
        raise BadName("country", f"“{country}” is not a country (two letters, ISO 3166).")
    if url and (not is_web_address(url) or len(url) > LONGEST_URL):
        raise BadName("url", "Write a web address like https://member.example, or nothing.")
    return Name(name, country or None, url or None)


def is_web_address(url: str) -> bool:
    """A host and nothing that could disguise it."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.username is None
        return named and parts.scheme in ("http", "https") and " " not in url
    except ValueError:
        return False


def one_after_another(session: Session, statement_id: int) -> None:
    """Transactions that change the names of one statement wait for each other, or two could take
    the same place in the list. (SQLite has one writer anyway.)"""
    session.execute(
        select(Statement.id).where(Statement.id == statement_id).with_for_update(key_share=True)
    )


def listed(session: Session, statement_id: int) -> list[Name]:
    """All names of a statement, in its order."""
    return _named(session, statement_id)


def first(session: Session, statement_id: int, most: int = PER_PAGE) -> list[Name]:
    """The first names of a statement, in its order."""
    return _named(session, statement_id, most)


@dataclass(frozen=True)
class Numbered:
    """A name as a program meets it. kind: "organisation" or "person"."""

    id: int
    name: str
    country: str | None
    url: str | None
    kind: str


def part(
    session: Session, statement_id: int, after: int = 0, most: int | None = None
) -> list[Numbered]:
    """Names in the order of their ids, from the one after an id, which need not be there any
    more. most: None for all."""
    rows = session.scalars(
        select(Signatory)
        .where(Signatory.statement_id == statement_id, Signatory.id > after)
        .order_by(Signatory.id)
        .limit(most)
    )
    return [
        Numbered(
            row.id,
            row.name,
            row.country,
            row.url,
            "person" if row.consented == Consented.SIGNED else "organisation",
        )
        for row in rows
    ]


def count(session: Session, statement_id: int) -> int:
    query = select(func.count()).where(Signatory.statement_id == statement_id)
    return session.scalar(query) or 0


def counts(session: Session) -> dict[int, int]:
    """How many names each statement has, by its id."""
    rows = session.execute(
        select(Signatory.statement_id, func.count()).group_by(Signatory.statement_id)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class Tally:
    """Who stands behind a statement. people: who signed it as an open letter; hidden: those of
    them who do not show their names."""

    organisations: int = 0
    people: int = 0
    hidden: int = 0

    def __bool__(self) -> bool:
        return bool(self.organisations or self.people)


def tally(session: Session, statement_id: int) -> Tally:
    return _tallies(session, statement_id).get(statement_id, Tally())


def tallies(session: Session) -> dict[int, Tally]:
    """Who stands behind each statement, by its id."""
    return _tallies(session)


def endorsed_by(tally: Tally) -> str:
    """Who stands behind a statement, in the words of the language that is spoken, as
    templates/layout/parts.html has it."""
    said = languages.ngettext
    organisations, people = (
        text.thousands(number, languages.spoken()) for number in (tally.organisations, tally.people)
    )
    if not tally.people:
        return said(
            "Endorsed by %(count)s organisation",
            "Endorsed by %(count)s organisations",
            tally.organisations,
            count=organisations,
        )
    if not tally.organisations:
        return said(
            "Signed by %(count)s person",
            "Signed by %(count)s people",
            tally.people,
            count=people,
        )
    return languages.gettext(
        "Endorsed by %(organisations)s and %(people)s",
        organisations=said(
            "%(count)s organisation",
            "%(count)s organisations",
            tally.organisations,
            count=organisations,
        ),
        people=said("%(count)s person", "%(count)s people", tally.people, count=people),
    )


def _tallies(session: Session, only: int | None = None) -> dict[int, Tally]:
    signed = (
        select(Signing.statement_id, Signing.shows_name, func.count())
        .where(Signing.state == SigningState.LISTED)
        .group_by(Signing.statement_id, Signing.shows_name)
    )
    if only is not None:
        signed = signed.where(Signing.statement_id == only)
    people: dict[int, list[int]] = {}  # hidden, shown
    for statement_id, shows, number in session.execute(signed):
        people.setdefault(statement_id, [0, 0])[shows] = number
    names = counts(session) if only is None else {only: count(session, only)}
    found: dict[int, Tally] = {}
    for statement_id in names.keys() | people.keys():
        hidden, shown = people.get(statement_id, (0, 0))
        organisations = names.get(statement_id, 0) - shown  # each has one name in the list
        found[statement_id] = Tally(organisations, hidden + shown, hidden)
    return found


def replace(session: Session, statement_id: int, names: Sequence[Name]) -> bool:
    """Makes these the names that a statement has by its file; tells whether that changed anything.
    Names that came in by a member's link or by hand stay, below, and so do people who signed. A
    name that stood there before stays its member's, and it stays known how it was consented to."""
    one_after_another(session, statement_id)
    told = _with_what_is_known(session, statement_id, names)
    if _named(session, statement_id, signed=False) == [name for name, _ in told]:
        return False
    of_people = (Signatory.statement_id == statement_id, Signatory.consented == Consented.SIGNED)
    last = session.scalar(
        select(func.max(Signatory.position)).where(Signatory.statement_id == statement_id)
    )
    session.execute(
        update(Signatory)
        .where(*of_people)
        # behind what stands there and what will
        .values(position=Signatory.position + (last or 0) + len(told) + 1)
    )
    session.execute(
        delete(Signatory).where(
            Signatory.statement_id == statement_id, Signatory.consented != Consented.SIGNED
        )
    )
    order = collator(session, statement_id)
    for start in range(0, len(told), AT_ONCE):
        rows = [
            {
                "statement_id": statement_id,
                "position": position,
                **_told(row),
                **_shown(name, order),
            }
            for position, (name, row) in enumerate(told[start : start + AT_ONCE], start)
        ]
        session.execute(insert(Signatory), rows)
    return True


def _with_what_is_known(
    session: Session, statement_id: int, names: Sequence[Name]
) -> list[tuple[Name, Any]]:
    """The names of a file, each with the row in which it stands there already, if any; then those
    that came in by another way. The same is what has the same country, or else what has none
    in one of the two places, as members are known under a statement (endorsing.standing_of)."""
    rows: Sequence[Any] = session.execute(
        select(Signatory.name, Signatory.country, Signatory.url, *_CONSENT)
        .where(Signatory.statement_id == statement_id, Signatory.consented != Consented.SIGNED)
        .order_by(Signatory.position)
    ).all()
    free: dict[str, list[Any]] = {}
    for row in rows:
        free.setdefault(plain(row.name), []).append(row)
    found: dict[int, Any] = {}  # by the place in the file
    for same in (lambda one, other: one == other, lambda one, other: not (one and other)):
        for place, name in enumerate(names):
            there = free.get(plain(name.name), []) if place not in found else []
            if row := next((one for one in there if same(one.country, name.country)), None):
                found[place] = row
                there.remove(row)
    by_another_way = [
        (Name(*row[:3]), row)
        for row in rows
        if row.consented != Consented.FILE and any(row is one for one in free[plain(row.name)])
    ]
    return [(name, found.get(place)) for place, name in enumerate(names)] + by_another_way


def add(
    session: Session,
    statement_id: int,
    name: Name,
    *,
    consented: Consented,
    note: str | None = None,
    member_slug: str | None = None,
    signing_id: uuid.UUID | None = None,
) -> int:
    """Puts a name (cleaned, as of a table) at the end of a statement's; its id. The caller says
    that the content changed. Raises Twin where it stands there already."""
    if signing_id is None and has_twin(session, statement_id, name):
        raise Twin(name.name)
    last = session.scalar(
        select(func.max(Signatory.position)).where(Signatory.statement_id == statement_id)
    )
    row = Signatory(
        statement_id=statement_id,
        position=0 if last is None else last + 1,
        consented=consented,
        note=note,
        member_slug=member_slug,
        signing_id=signing_id,
        **_shown(name, collator(session, statement_id)),
    )
    session.add(row)
    session.flush()
    return row.id


def add_all(
    session: Session,
    statement_id: int,
    names: Sequence[Name],
    *,
    consented: Consented,
    note: str | None = None,
) -> list[Name]:
    """Puts many names at the end; returns those that stood there already, also where only one of
    the two has a country: names by hand often come without."""
    order = collator(session, statement_id)
    last = session.scalar(
        select(func.max(Signatory.position)).where(Signatory.statement_id == statement_id)
    )
    position = 0 if last is None else last + 1
    twins: list[Name] = []
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        there = _twins(session, statement_id, some)
        rows: list[dict[str, Any]] = []
        for name in some:
            if _may_be_one_of(there, name):
                twins.append(name)
                continue
            there.setdefault(plain(name.name), set()).add(name.country)
            rows.append(
                {
                    "statement_id": statement_id,
                    "position": position + len(rows),
                    "consented": consented,
                    "note": note,
                    **_shown(name, order),
                }
            )
        if rows:
            session.execute(insert(Signatory), rows)
            position += len(rows)
    return twins


def has_twin(
    session: Session, statement_id: int, name: Name, *, but_for: int | None = None
) -> bool:
    """Whether the name stands under the statement already, with the same country; but_for: the id
    of a row that doesn't count. People who signed an open letter keep no organisation out."""
    there = _twins(session, statement_id, [name], but_for)
    return name.country in there.get(plain(name.name), ())


def may_stand(session: Session, statement_id: int, name: Name) -> bool:
    """Whether the name stands under the statement already, or may: with the same country, or where
    one of the two has none."""
    return _may_be_one_of(_twins(session, statement_id, [name]), name)


def _may_be_one_of(there: Mapping[str, set[str | None]], name: Name) -> bool:
    countries = there.get(plain(name.name), set())
    return bool(countries and (name.country is None or countries & {name.country, None}))


def _twins(
    session: Session, statement_id: int, names: Sequence[Name], but_for: int | None = None
) -> dict[str, set[str | None]]:
    """What is there that could be one of these names: plain, and with which countries."""
    folded = sorted({text.fold(name.name) for name in names})
    found: dict[str, set[str | None]] = {}
    for start in range(0, len(folded), NAMED_AT_ONCE):
        query = select(Signatory.name, Signatory.country).where(
            Signatory.statement_id == statement_id,
            Signatory.signing_id.is_(None),
            Signatory.folded.in_(folded[start : start + NAMED_AT_ONCE]),
        )
        if but_for is not None:
            query = query.where(Signatory.id != but_for)
        for row in session.execute(query):
            found.setdefault(plain(row.name), set()).add(row.country)
    return found


def correct(session: Session, signatory_id: int, name: Name) -> None:
    """Writes a name differently, in its place. The caller says that the content changed. Raises
    Twin where it would then stand there twice."""
    row = session.get_one(Signatory, signatory_id)
    if has_twin(session, row.statement_id, name, but_for=row.id):
        raise Twin(name.name)
    for field, value in _shown(name, collator(session, row.statement_id)).items():
        setattr(row, field, value)
    session.flush()


def remove(session: Session, signatory_id: int) -> None:
    """Takes a name away. The caller says that the content changed."""
    session.execute(delete(Signatory).where(Signatory.id == signatory_id))


_CONSENT = (
    Signatory.consented,
    Signatory.note,
    Signatory.member_slug,
    Signatory.signing_id,
)


def _told(row: Any) -> dict[str, object]:
    """How a name was consented to; without a row, by the file that it came in."""
    if row is None:
        return {"consented": Consented.FILE, **dict.fromkeys(one.key for one in _CONSENT[1:])}
    return {one.key: getattr(row, one.key) for one in _CONSENT}


def _shown(name: Name, order: Collator) -> dict[str, Any]:
    return {"name": name.name, "country": name.country, "url": name.url, **_derived(name, order)}


def put_in_order(session: Session, statement_id: int) -> None:
    """Makes anew what was made from each name and the statement's language."""
    order = collator(session, statement_id)
    last = -1
    while rows := session.execute(
        select(Signatory.id, Signatory.position, Signatory.name, Signatory.country, Signatory.url)
        .where(Signatory.statement_id == statement_id, Signatory.position > last)
        .order_by(Signatory.position)
        .limit(AT_ONCE)
    ).all():
        session.execute(
            update(Signatory),
            [{"id": row.id, **_derived(Name(*row[2:]), order)} for row in rows],
        )
        last = rows[-1].position


def bring_up_to_date(session: Session) -> None:
    """After an upgrade: makes the sort keys and folded names anew if this version of ours or of
    ICU makes them differently. Keys of two versions don't compare."""
    if read_fact(session, NAMES_KEYED_BY) == KEYED_BY:
        return
    session.merge(Fact(name=NAMES_KEYED_BY, value=KEYED_BY))
    for statement_id in session.scalars(select(Signatory.statement_id).distinct()).all():
        put_in_order(session, statement_id)
        content_changed(session)


def _derived(name: Name, order: Collator) -> dict[str, Any]:
    return {
        "folded": text.fold(name.name),
        "sort_key": order.key(name.name),
        "initial": order.initial(name.name),
        "weight": weight(name),
    }


def weight(name: Name) -> int:
    """How many bytes a name takes in a compressed page at most, in whatever script: an even share
    of the page, or more if it is long. A common name takes half of it.

    >>> weight(Name("Circle of Lamp Keepers")) * PER_PAGE == PAGE_BYTES
    True
    """
    link = 12 + wire_bytes(name.url) if name.url else 0
    return max(PAGE_BYTES // PER_PAGE, 6 + wire_bytes(name.name) + link)


def wire_bytes(written: str) -> int:
    """What a text takes in UTF-8 and HTML if its letters were drawn by lot, so that compression
    finds no words in it."""
    return math.ceil(sum(map(_bytes_of, written)))


@cache
def _bytes_of(character: str) -> float:
    if character in "&<>\"'":
        return 3.0  # written as an entity
    if character < "\x80":
        return 0.62 if character.islower() or character == " " else 0.85
    return 1.4 if character < "\u0800" else 2.5 if character < "\U00010000" else 2.9


def collator(session: Session, statement_id: int) -> Collator:
    """That of the statement's language, in whose order its names are kept."""
    lang = session.scalar(select(Statement.lang).where(Statement.id == statement_id))
    return Collator(lang or languages.SOURCE)


def _named(
    session: Session, statement_id: int, most: int | None = None, *, signed: bool = True
) -> list[Name]:
    """signed: whether people who signed are among them."""
    query = (
        select(Signatory.name, Signatory.country, Signatory.url)
        .where(Signatory.statement_id == statement_id)
        .order_by(Signatory.position)
        .limit(most)
    )
    if not signed:
        query = query.where(Signatory.consented != Consented.SIGNED)
    return [Name(*row) for row in session.execute(query)]
