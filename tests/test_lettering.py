"""Text as pixels: the font of each letter, its direction, and that letters join."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont, features

from tests.actors import missing
from widgets.faces import FONTS
from widgets.lettering import SERIF_BOLD, Line, levels, line, without_signs

ARABIC = "نطالب بفتح القاعة"


def seen(text: str, direction: str) -> list[str]:
    """The runs of a line from left to right, without the spaces around them."""
    made = line(text, SERIF_BOLD, direction)
    assert made
    return [run.text.strip() for run in made.runs if run.text.strip()]


@pytest.mark.parametrize(
    ("text", "fonts"),
    [
        ("Reopen, ξανά, снова", ["LiberationSerif-Bold"]),
        (ARABIC, ["NotoSansArabic-Bold"]),
        ("បើកបន្ទប់", ["NotoSansKhmer-Bold"]),
        ("ပြန်ဖွင့်ပေးပါ", ["NotoSansMyanmar-Bold"]),
        ("ឡើងវិញ IFEX", ["NotoSansKhmer-Bold", "LiberationSerif-Bold"]),
    ],
)
def test_each_letter_is_in_the_first_font_that_has_it(text: str, fonts: list[str]) -> None:
    made = line(text, SERIF_BOLD, "ltr")

    assert made
    assert [run.font for run in made.runs] == fonts


@pytest.mark.parametrize("text", ["自由", "Free 自由", "ᚠᚢ", "a\U0001f54a"])
def test_what_no_font_has_is_not_drawn_as_boxes(text: str) -> None:
    assert line(text, SERIF_BOLD, "ltr") is None


def test_signs_that_no_font_has_can_be_spared_and_letters_cannot() -> None:
    assert without_signs("Free \U0001f54a\ufe0f them", SERIF_BOLD) == "Free them"
    assert without_signs("自由 now", SERIF_BOLD) == "自由 now"


@pytest.mark.parametrize("text", [ARABIC, "قاعة القراءة", "ပြန်ဖွင့်ပေးပါ", "បន្ទប់អានសៀវភៅ"])
def test_letters_join_and_stack_as_their_script_wants(text: str) -> None:
    together = line(text, SERIF_BOLD, "ltr")
    apart = [line(letter, SERIF_BOLD, "ltr") for letter in text]

    assert together
    assert together.width(100) < 0.95 * sum(one.width(100) for one in apart if one)


def test_a_word_of_latin_letters_stands_in_arabic_text_the_right_way_round() -> None:
    assert seen("نطالب IFEX 2017 الآن", "rtl") == ["الآن", "IFEX 2017", "نطالب"]
    assert seen("IFEX نطالب now", "ltr") == ["IFEX", "نطالب", "now"]
    assert seen("سنة 2017", "rtl") == ["2017", "سنة"]


def test_what_is_written_is_drawn_and_drawn_within_its_width() -> None:
    made = line("Reopen the room", SERIF_BOLD, "ltr")
    assert made
    paper = Image.new("RGB", (900, 200), "white")
    made.draw(paper, 50, 120, 80, "#000000")
    left, top, right, bottom = (
        Image.eval(paper.convert("L"), lambda grey: 255 - grey).getbbox() or ()
    )

    assert 48 <= left <= 56
    assert 40 + made.width(80) <= right <= 52 + made.width(80)
    assert 120 - 80 <= top < 120 < bottom <= 120 + 24


@pytest.mark.parametrize("text", [ARABIC, "سنة 2017 والآن", "a, 3: 4"])
def test_it_is_as_wide_as_another_program_sets_it(text: str) -> None:
    if not features.check("raqm"):
        missing("Pillow finds no FriBiDi on this machine")
    made = line(text, SERIF_BOLD, "rtl")
    assert made
    (font,) = {run.font for run in made.runs}
    other = ImageFont.truetype(FONTS / f"{font}.ttf", 200, layout_engine=ImageFont.Layout.RAQM)

    assert made.width(200) == pytest.approx(other.getlength(text, direction="rtl"), abs=4)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_any_text_has_a_level_for_each_character(text: str) -> None:
    for direction in ("ltr", "rtl"):
        found = levels(text, direction)
        assert len(found) == len(text)
        assert set(found) <= {0, 1, 2}
        for character, level in zip(text, found, strict=True):
            if unicodedata.bidirectional(character) in ("R", "AL"):
                assert level == 1
            if unicodedata.bidirectional(character) == "L":
                assert level in (0, 2)


@given(st.text("ab 12%,.()-اب٣", max_size=20))
def test_every_letter_is_seen_once(text: str) -> None:
    for direction in ("ltr", "rtl"):
        made = line(text, SERIF_BOLD, direction)
        assert isinstance(made, Line)
        assert sorted("".join(run.text for run in made.runs)) == sorted(text)
