"""The names under a statement: read from CSV, listed, searched."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from widgets.models import Signatory
from widgets.text import clean, fold, has_hidden, has_substance, is_country

PER_PAGE = 300
MOST = 100_000
LONGEST_NAME = 300  # characters


class BadRow(ValueError):
    """A table that can't be read. line: from 1, where it was noticed."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


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
    text = _decoded(data)
    # Excel's own way to say which delimiter a table has
    header_line = 2 if re.match(r"sep=.\r?\n", text) else 1
    if header_line == 2:
        text = text.split("\n", 1)[1]
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = {clean(column or "").casefold(): column for column in rows.fieldnames or ()}
    except csv.Error as error:
        raise BadRow(header_line, f"not a CSV table: {error}") from None
    named = [clean(column).casefold() for column in rows.fieldnames or () if clean(column)]
    if len(set(named)) < len(named):
        raise BadRow(header_line, "two columns have the same name")
    if "name" not in columns:
        raise BadRow(header_line, 'the first line must name the columns, one of them "name"')
    names: list[Name] = []
    warnings: list[tuple[int, str]] = []
    seen: dict[tuple[str, str], int] = {}
    last_line = header_line
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise BadRow(last_line + 1, f"not a CSV table: {error}") from None
        if row is None:
            return Table(names, warnings)
        line = last_line = rows.line_num + header_line - 1
        raw = row.get(columns["name"]) or ""
        name = clean(raw)
        country = clean(row.get(columns["country"]) or "").upper() if "country" in columns else ""
        url = clean(row.get(columns["url"]) or "") if "url" in columns else ""
        if row.get(None):
            raise BadRow(
                line, "more values than columns: a name with a comma needs quotation marks"
            )
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
        if url and not _is_web_address(url):
            warnings.append((line, f"“{url}” is not a web address; it is left out"))
            url = ""
        key = (fold(name), country)
        if key in seen:
            warnings.append((line, f"“{name}” stands in line {seen[key]} already; passed over"))
            continue
        seen[key] = line
        names.append(Name(name, country or None, url or None))


def _is_web_address(url: str) -> bool:
    """A host and nothing that could disguise it."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.username is None
        return named and parts.scheme in ("http", "https") and " " not in url
    except ValueError:
        return False


def listed(session: Session, statement_id: int) -> list[Name]:
    """All names of a statement, in its order."""
    return _names(session, statement_id, "", None, 0)


def count(session: Session, statement_id: int, search: str = "") -> int:
    query = select(func.count()).select_from(Signatory).where(*_matching(statement_id, search))
    return session.scalar(query) or 0


def counts(session: Session) -> dict[int, int]:
    """How many names each statement has, by its id."""
    rows = session.execute(
        select(Signatory.statement_id, func.count()).group_by(Signatory.statement_id)
    )
    return {row[0]: row[1] for row in rows}


def page(session: Session, statement_id: int, search: str, number: int) -> list[Name]:
    """The names on a page (from 1) of those that have `search` in them."""
    return _names(session, statement_id, search, PER_PAGE, (number - 1) * PER_PAGE)


def replace(session: Session, statement_id: int, names: Sequence[Name]) -> bool:
    """Makes these the names of the statement; tells whether that changed anything."""
    if listed(session, statement_id) == list(names):
        return False
    session.execute(delete(Signatory).where(Signatory.statement_id == statement_id))
    session.add_all(
        Signatory(
            statement_id=statement_id,
            position=position,
            name=name.name,
            country=name.country,
            url=name.url,
            folded=fold(name.name),
        )
        for position, name in enumerate(names)
    )
    session.flush()
    return True


def _names(
    session: Session, statement_id: int, search: str, limit: int | None, offset: int
) -> list[Name]:
    rows = session.execute(
        select(Signatory.name, Signatory.country, Signatory.url)
        .where(*_matching(statement_id, search))
        .order_by(Signatory.position)
        .limit(limit)
        .offset(offset)
    )
    return [Name(*row) for row in rows]


def _matching(statement_id: int, search: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Signatory.statement_id == statement_id]
    if fold(search):
        conditions.append(Signatory.folded.contains(fold(search), autoescape=True))
    return conditions


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadRow(line, "not UTF-8; save the table as “CSV UTF-8”") from None
