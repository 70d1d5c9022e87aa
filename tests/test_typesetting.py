"""Text is set as browsers set it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.typesetting import BOLD, MONO, SANS, Run, advance, paragraph

WORDS = "The letters were about a pier: who had closed it, and why the fishers were not asked."


def test_letters_are_as_wide_as_arials() -> None:
    # of Arial's 2,048 units an em: A 1366, space 569, i 455
    assert advance("A", size=2048) == pytest.approx(1366)
    assert advance("Ai i", size=2048) == pytest.approx(1366 + 455 + 569 + 455)
    assert advance("iiii", MONO) == advance("WWWW", MONO)
    assert advance("Word", BOLD) > advance("Word", SANS)


def test_lines_are_broken_where_words_end() -> None:
    text = paragraph([Run(WORDS)])
    assert text.lines(text.width + 1) == 1
    assert text.lines(text.width - 1) == 2
    assert text.lines(text.width / 3) in (3, 4)
    assert paragraph([]).lines(300) == 0


def test_a_word_wider_than_its_line_is_broken_on_a_line_of_its_own() -> None:
    word = paragraph([Run("W" * 40)])
    assert word.lines(word.width / 4 + 1) == 4
    assert paragraph([Run("I " + "W" * 40)]).lines(word.width / 4 + 1) == 5


def test_a_break_that_is_asked_for_is_made() -> None:
    assert paragraph([Run("one"), Run("\n"), Run("two")]).lines(500) == 2
    assert paragraph([Run("one two\n")]).lines(500) == 1  # white space at the end is none


def test_an_address_is_not_broken_behind_a_slash_as_in_chromium() -> None:
    address = paragraph([Run("read press.example/a-very/long/path")])
    assert len(address.words) == 3  # read, press.example/a-, very/long/path
    assert address.lines(advance("press.example/a-") + 1) == 3


def test_a_soft_hyphen_is_a_place_to_break_and_takes_a_hyphens_room() -> None:
    divided = paragraph([Run("Hafen\u00adzeitung")])
    assert divided.width == pytest.approx(advance("Hafenzeitung"))
    assert divided.lines(advance("zeitung") + 1) == 2
    assert paragraph([Run("Hafenzeitung")]).lines(advance("zeitung") + 1) == 2  # in mid-word


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("ar", "المكتبة المغلقة رسالة لم يفتحها أحد."),
        ("km", "គ្មាននរណាម្នាក់ត្រូវបានសួររកឈ្មោះនៅលើសាឡាងឡើយ។"),
        ("my", "ကူးတို့သင်္ဘောပေါ်တွင် မည်သူ့ကိုမျှ အမည်မမေးပါ။"),
        ("zh", "渡船上没有人会被问到姓名，渡船正是为此而设。"),
        ("el", "Κανείς δεν ρωτιέται για το όνομά του."),
        ("ru", "На пароме никого не спрашивают об имени."),
    ],
)
def test_every_script_has_widths_and_places_to_break(lang: str, text: str) -> None:
    shaped = paragraph([Run(text)], lang)
    assert 4 * len(text) < shaped.width < 16.1 * len(text)
    assert shaped.lines(shaped.width / 2.5) >= 3
    assert len(shaped.words) >= 4


def test_signs_beyond_the_first_plane_are_letters_too() -> None:
    assert paragraph([Run("a 😀😀 b 𐀀")]).lines(20) >= 4


def test_letters_that_join_are_measured_joined() -> None:
    assert advance("مكتبة") < sum(advance(letter) for letter in "مكتبة")


@given(st.text(max_size=200), st.integers(20, 600))
def test_less_room_never_makes_fewer_lines(text: str, width: int) -> None:
    shaped = paragraph([Run(text)])
    assert shaped.lines(width) >= shaped.lines(width + 40)
