"""Markdown as plain text."""

import pytest

from widgets.plaintext import columns, underlined, written


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("One\ntwo.\n\nThree.", "One two.\n\nThree."),
        ("## Head\n\nText", "Head\n----\n\nText"),
        ("A **strong** and *slanted* `word`", "A *strong* and slanted word"),
        ("- one\n- two\n  - inner", "- one\n- two\n  - inner"),
        ("3. one\n4. two", "3. one\n4. two"),
        ("> Said.\n>\n> Twice.", "    Said.\n\n    Twice."),
        ("    code\n      more", "    code\n      more"),
        ("a  \nb", "a\nb"),
        ("a\n\n***\n\nb", "a\n\n* * *\n\nb"),
        ("![Alt](x.jpg) <b>bold</b>", "Alt <b>bold</b>"),
        ("", ""),
    ],
)
def test_each_part_of_markdown_reads_as_text(markdown: str, expected: str) -> None:
    assert written(markdown, "en") == expected


def test_links_are_numbered_and_stand_below() -> None:
    text = written("[Here](https://a.example) and [there](https://b.example).", "en")
    assert text == "Here [1] and there [2].\n\n[1] https://a.example\n[2] https://b.example"


def test_an_address_that_is_its_own_text_is_not_said_twice() -> None:
    assert written("See <https://a.example> or <b@a.example>.", "en") == (
        "See https://a.example or b@a.example."
    )


def test_other_links_lose_their_address() -> None:
    assert written("[Call](tel:112) [run](javascript:x) [up](../x)", "en") == (
        "Call [run](javascript:x) up"
    )


def test_an_address_is_alone_on_its_line_where_the_text_runs_from_the_right() -> None:
    assert written("[هنا](https://a.example)", "ar") == "هنا [1]\n\n[1]\nhttps://a.example"


def test_a_headline_is_underlined_where_it_begins_and_never_wider_than_a_phone() -> None:
    assert underlined("Read on", "en") == "Read on\n-------"
    assert underlined("港湾", "ja") == "港湾\n----"
    assert underlined("هنا", "ar", "=") == "هنا\n\u200f==="
    assert underlined("word " * 20, "en").count("-") == 40
    assert columns("e\u0301") == 1
