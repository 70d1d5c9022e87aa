"""Tables as spreadsheets read them: CSV, and free of formulas."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# A spreadsheet may run what begins with one of these (OWASP, CSV injection).
_FORMULA = "=+\\-@\t\r＝＋－＠"


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
