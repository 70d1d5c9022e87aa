"""Tables as spreadsheets write and read them: CSV in whatever form, and free of formulas."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    ends, from 1. overflows: whether there are more values than columns, as where a comma stands
    without quotation marks."""

    line: int
    cells: dict[str, str]
    overflows: bool

    def __getitem__(self, column: str) -> str:
        """What stands in a column; nothing where there is no such column."""
        return self.cells.get(column, "")


def rows(data: bytes, needed: str = "name") -> Iterator[Row]:
    """The rows of a file with a header that has the column `needed`. Raises BadRow, also while it
    is gone through, and where a row has more values than columns."""
    for row in read(decoded(data), (needed,)):
        if row.overflows:
            raise BadRow(
                row.line, "more values than columns: a name with a comma needs quotation marks"
            )
        yield row


def read(table: str, needed: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a table, separated by comma, semicolon or tab, whose first line names the
    columns. Raises BadRow, also where one of the `needed` columns is missing."""
    # Excel's own way to say which delimiter a table has
    header_line = 2 if re.match(r"sep=.\r?\n", table) else 1
    if header_line == 2:
        table = table.split("\n", 1)[1]
    header = table.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    found = csv.DictReader(io.StringIO(table, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = {clean(column or "").casefold(): column for column in found.fieldnames or ()}
    except csv.Error as error:
        raise BadRow(header_line, f"not a CSV table: {error}") from None
    named = [clean(column).casefold() for column in found.fieldnames or () if clean(column)]
    if len(set(named)) < len(named):
        raise BadRow(header_line, "two columns have the same name")
    for column in needed:
        if column not in columns:
            reason = f'the first line must name the columns, one of them "{column}"'
            raise BadRow(header_line, reason)
    last_line = header_line
    while True:
        try:
            row = next(found, None)
        except csv.Error as error:
            raise BadRow(last_line + 1, f"not a CSV table: {error}") from None
        if row is None:
            return
        last_line = found.line_num + header_line - 1
        cells = {name: row.get(column) or "" for name, column in columns.items() if name}
        yield Row(last_line, cells, bool(row.get(None)))


def written(columns: Sequence[str], cells: Iterable[Mapping[str, object]]) -> str:
    """A table (RFC 4180) in which nothing is a formula. What stands in no column is left out."""
    return "".join(lines(columns, cells))


def lines(
    columns: Sequence[str], cells: Iterable[Mapping[str, object]], *, end: str = "\r\n"
) -> Iterator[str]:
    """The same line by line, in little memory."""
    line = io.StringIO()
    table = csv.DictWriter(line, columns, restval="", extrasaction="ignore", lineterminator=end)
    table.writeheader()
    for row in cells:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        table.writerow(
            {name: "" if value is None else guarded(str(value)) for name, value in row.items()}
        )
    yield line.getvalue()


def exported(
    columns: Sequence[str], rows: Iterable[Mapping[str, object]], form: str
) -> Iterator[str]:
    """Rows line by line. form: "csv", in which several values of one column stand with semicolons
    between them and nothing is a formula to a spreadsheet, or "ndjson": an object a line, as it
    is."""
    if form == "csv":
        return lines(columns, ({n: _in_cell(v) for n, v in row.items()} for row in rows), end="\n")
    return (json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)


def _in_cell(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value


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
