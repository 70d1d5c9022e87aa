"""Tables as spreadsheets write and read them: CSV in whatever form, and free of formulas."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from widgets.text import clean

# A spreadsheet may run what begins with one of these (OWASP, CSV injection).
_FORMULA = "=+\\-@\t\r＝＋－＠"


class BadRow(ValueError):
    """A table that can't be read. line: from 1, where it was noticed."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Row:
    """cells: as they are written, by the name of their column in lower case. line: where the row
    ends, from 1."""

    line: int
    cells: dict[str, str]


def rows(data: bytes, needed: str = "name") -> Iterator[Row]:
    """The rows of a table with a header that has the column `needed`.

    Comma, semicolon or tab; UTF-8, with or without a byte order mark, or UTF-16 as Excel writes
    it. Raises BadRow, also while it is gone through.
    """
    table = decoded(data)
    # Excel's own way to say which delimiter a table has
    header_line = 2 if re.match(r"sep=.\r?\n", table) else 1
    if header_line == 2:
        table = table.split("\n", 1)[1]
    header = table.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    read = csv.DictReader(io.StringIO(table, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = {clean(column or "").casefold(): column for column in read.fieldnames or ()}
    except csv.Error as error:
        raise BadRow(header_line, f"not a CSV table: {error}") from None
    named = [clean(column).casefold() for column in read.fieldnames or () if clean(column)]
    if len(set(named)) < len(named):
        raise BadRow(header_line, "two columns have the same name")
    if needed not in columns:
        reason = f'the first line must name the columns, one of them "{needed}"'
        raise BadRow(header_line, reason)
    last_line = header_line
    while True:
        try:
            row = next(read, None)
        except csv.Error as error:
            raise BadRow(last_line + 1, f"not a CSV table: {error}") from None
        if row is None:
            return
        last_line = read.line_num + header_line - 1
        if row.get(None):
            raise BadRow(
                last_line, "more values than columns: a name with a comma needs quotation marks"
            )
        yield Row(last_line, {name: row.get(columns[name]) or "" for name in columns if name})


def written(columns: Sequence[str], cells: Iterable[dict[str, str]]) -> str:
    """A table (RFC 4180) in which nothing is a formula. What stands in no column is left out."""
    out = io.StringIO()
    table = csv.DictWriter(out, columns, restval="", extrasaction="ignore")
    table.writeheader()
    for row in cells:
        table.writerow({name: guarded(value) for name, value in row.items()})
    return out.getvalue()


def guarded(value: str) -> str:
    """With an apostrophe before what a spreadsheet would run, which makes it text.

    >>> guarded("=1+1"), guarded("A+B")
    ("'=1+1", 'A+B')
    """
    return f"'{value}" if re.match(f"'*[{_FORMULA}]", value) else value


def unguarded(value: str) -> str:
    """What `guarded` was given.

    >>> unguarded("'=1+1"), unguarded(guarded("'=1+1")), unguarded("'s-Hertogenbosch")
    ('=1+1', "'=1+1", "'s-Hertogenbosch")
    """
    return value[1:] if re.match(f"'+[{_FORMULA}]", value) else value


def decoded(data: bytes) -> str:
    """The text of a table, in UTF-8 or UTF-16. Raises BadRow."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadRow(line, "not UTF-8; save the table as “CSV UTF-8”") from None
