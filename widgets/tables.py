"""Tables as people keep them: read from whatever a spreadsheet writes, written so that none of it
is run by one."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from widgets.text import clean


class BadRow(ValueError):
    """A table that can't be read. line: from 1, where it was noticed."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Row:
    """values: as they are written, by the name of their column in lower case. overflows: whether
    there are more values than columns, as where a comma stands without quotation marks."""

    line: int
    values: dict[str, str]
    overflows: bool

    def __getitem__(self, column: str) -> str:
        """The value of a column; nothing where it is not there."""
        return self.values.get(column, "")


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, or UTF-16 as Excel writes it.
    Raises BadRow."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadRow(line, "not UTF-8; save the table as “CSV UTF-8”") from None


def read(table: str, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a table, separated by comma, semicolon or tab, whose first line names the
    columns. Raises BadRow, also where one of the `needed` columns is missing."""
    # Excel's own way to say which delimiter a table has
    header_line = 2 if re.match(r"sep=.\r?\n", table) else 1
    if header_line == 2:
        table = table.split("\n", 1)[1]
    header = table.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.DictReader(io.StringIO(table, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = {clean(column or "").casefold(): column for column in rows.fieldnames or ()}
    except csv.Error as error:
        raise BadRow(header_line, f"not a CSV table: {error}") from None
    named = [clean(column).casefold() for column in rows.fieldnames or () if clean(column)]
    if len(set(named)) < len(named):
        raise BadRow(header_line, "two columns have the same name")
    for column in needed:
        if column not in columns:
            reason = f'the first line must name the columns, one of them "{column}"'
            raise BadRow(header_line, reason)
    last_line = header_line
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise BadRow(last_line + 1, f"not a CSV table: {error}") from None
        if row is None:
            return
        last_line = rows.line_num + header_line - 1
        values = {name: row.get(column) or "" for name, column in columns.items()}
        yield Row(last_line, values, bool(row.get(None)))


def written(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """The lines of a table in CSV, one by one, without formulas."""
    line = io.StringIO()
    table = csv.DictWriter(line, columns, lineterminator="\n")
    table.writeheader()
    for row in rows:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        table.writerow({name: no_formula(value) for name, value in row.items()})
    yield line.getvalue()


def no_formula(value: object) -> object:
    """A spreadsheet runs what begins with one of these; an apostrophe before it makes it text.

    >>> no_formula("=1+1"), no_formula("one"), no_formula(None)
    ("'=1+1", 'one', None)
    """
    return f"'{value}" if str(value or "").startswith(("=", "+", "-", "@", "\t", "\r")) else value


def with_formula(value: str) -> str:
    """What `no_formula` was given.

    >>> with_formula("'=1+1"), with_formula("'one"), with_formula("one")
    ('=1+1', "'one", 'one')
    """
    return value[1:] if re.match(r"'[=+@\t\r-]", value) else value
