"""Tables that nobody's spreadsheet runs."""

import pytest

from widgets.tables import BadRow, guarded, rows, unguarded, written


@pytest.mark.parametrize(
    "value",
    ["=SUM(A1)", "+972 Magazine", "-minus-", "@handle", "\tTab", "＝1", "'=1+1", "''@x", "'quoted'",
     "Lamp Keepers", "'", "A=B", 'The "Free" Press, Inc.', "Two\nLines"],
)  # fmt: skip
def test_what_is_written_is_no_formula_and_reads_back_unchanged(value: str) -> None:
    (row,) = rows(written(["name"], [{"name": value}]).encode())

    assert unguarded(row.cells["name"]) == value
    assert guarded(value)[0] not in "=+-@\t＝"


def test_columns_are_found_by_their_names() -> None:
    (row,) = rows("\ufeffNAME;Contact  Name;\nLamp;Ada;x\n".encode())

    assert (row.line, row.cells) == (2, {"name": "Lamp", "contact name": "Ada"})


def test_a_table_must_have_the_column_that_is_needed() -> None:
    with pytest.raises(BadRow, match='one of them "address"'):
        list(rows(b"name\nLamp\n", "address"))
