"""Heights are computed from a page's own HTML, and written as a length of the frame's width."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets import heights, layout
from widgets.heights import Height, Piece

FORM = """<!doctype html><html lang="en"><head><title>T</title></head><body class="form ask"><main>
<div class="words"><h1>The week</h1><p class="lede">One mail a week.</p><form>
<input type="hidden" name="token"><label for="a">Your e-mail address</label>
<div class="row"><input id="a"><button>Sign up</button></div>
<p class="promise">We write once.</p></form></div></main>
<footer><span><a href="/">Network</a></span></footer></body></html>"""


def test_a_page_is_the_sum_of_its_boxes() -> None:
    narrow = 5 + 40 + 28 + (12 + 24) + 20 + 24 + (48 + 8 + 48) + (12 + 20) + (1 + 28 + 24)
    assert heights.natural(FORM, 300) == narrow
    wide = 5 + 56 + 36 + (12 + 24) + 20 + 24 + 48 + (12 + 20) + (1 + 28 + 24)
    assert heights.natural(FORM, 600) == wide


def test_a_correction_is_a_box_below_the_headline() -> None:
    def page(notice: str) -> str:
        return f"""<body class="card full"><main><div class="words"><div class="flow"><h1>T</h1>
        {notice}<div class="text"><p>Open it.</p></div></div></div></main><footer></footer>"""

    without, short = page(""), page('<p class="correction">It was Monday.</p>')
    long = page('<p class="correction">Corrected on 3 May: it was Monday and not Tuesday.</p>')
    khmer = page('<p class="correction" lang="km">It was Monday.</p>')
    for width, lines in ((300, 2), (600, 1)):
        alone = heights.natural(without, width)
        assert heights.natural(short, width) == alone + 12 + 9 + 20
        assert heights.natural(long, width) == alone + 12 + 9 + lines * 20
        assert heights.natural(khmer, width) == alone + 12 + 9 + 24.5


def test_a_quotation_is_known_by_its_place_and_not_by_its_words() -> None:
    page = """<body class="card full"><main><div class="words"><div class="flow"><div class="text">
    <p>Open it.</p><blockquote class="pull"><p>Open it.</p></blockquote></div></div></div></main>"""
    text = layout.tree(page).first("text")
    assert text is not None
    first, pull = text.elements()
    assert first is not pull.elements()[0]
    assert first != pull.elements()[0]


def test_what_fills_its_frame_has_a_height_of_its_width_alone() -> None:
    def body(kind: str) -> str:
        return f'<body class="{kind}"><main></main></body>'

    assert heights.of(body("card compact pictured")) is heights.PICTURED_CARD
    assert heights.of(body("card compact")) is heights.PLAIN_CARD
    assert heights.of(body("card compact latest")) is heights.PICTURED_CARD
    assert heights.of(body("list latest")) is heights.PICTURED_CARD
    assert heights.of(body("list compact")) is heights.NAMES
    assert heights.of(body("list more")) is heights.STORIES
    assert heights.of(body("posts")) is heights.POSTS
    for width in (240, 479, 480, 700, 895, 896, 1200):
        assert heights.at(body("posts"), width) == heights.POSTS.at(width)


def test_of_and_at_agree_and_are_never_too_low() -> None:
    made = heights.of(FORM)
    for width in range(240, 1201, 7):
        needed = heights.natural(FORM, width)
        assert heights.at(FORM, width) == needed
        assert needed <= made.at(width) <= needed + 24


def value(css: str, width: float) -> float:
    """What a browser makes of the length, in a container of this width."""
    python = css.removeprefix("calc").replace("100cqw", repr(float(width))).replace("px", "")
    names = {"max": max, "min": min, "clamp": lambda low, it, high: max(low, min(it, high))}
    return float(eval(python, {"__builtins__": {}}, names))


needs = st.lists(st.integers(200, 3000), min_size=2, max_size=12)


@given(needs, st.sampled_from([1.0, 0.5, 0.3]))
def test_pieces_are_nowhere_below_what_is_needed_nor_far_above(
    steps: list[int], share: float
) -> None:
    number = heights.WIDEST - heights.NARROWEST + 1
    needed = [float(steps[index * len(steps) // number]) for index in range(number)]
    made = heights._fitted(needed, share)
    for index in range(0, number, 3):
        width, least = heights.NARROWEST + index, needed[index]
        assert least <= made.at(width) <= least + share * max(20, 0.032 * least) + 2


@given(needs)
def test_the_css_says_the_same_at_every_width(steps: list[int]) -> None:
    number = heights.WIDEST - heights.NARROWEST + 1
    needed = [float(steps[index * len(steps) // number]) for index in range(number)]
    made = heights._fitted(needed, 1.0)
    css = made.css()
    assert re.fullmatch(r"calc\([-\d.+*() ,a-z]*\)", css.replace("100cqw", "cqw"))
    for width in range(heights.NARROWEST, heights.WIDEST + 1, 11):
        assert value(css, width) == pytest.approx(made.at(width), abs=1.1)
    assert value(css, 2000) == pytest.approx(made.at(heights.WIDEST), abs=1.1)


def test_beyond_the_widest_a_height_stays() -> None:
    made = Height((Piece(240, 500, -0.1), Piece(600, 300, 0.05)))
    assert made.at(5000) == made.at(1200) == 330
    assert made.at(240) == 500
    assert value(made.css(), 600) == pytest.approx(300)
    assert value(made.css(), 599) == pytest.approx(500 - 35.9)


def test_a_heavy_page_is_laid_out_at_fewer_widths_and_still_nowhere_too_low() -> None:
    paragraphs = "".join(f"<p>{'A word and another. ' * 40}</p>" for _ in range(60))
    page = f"""<body class="card full"><main><div class="words"><div class="flow">
    <div class="text">{paragraphs}</div></div></div></main><footer></footer></body>"""
    assert len(page) > 3 * heights.LIGHT
    made = heights.of(page)
    for width in range(240, 1201, 37):
        assert made.at(width) >= heights.natural(page, width)


def test_names_fit_by_rows_and_less_where_they_are_long() -> None:
    def page(name: str) -> str:
        items = "".join(f"<li><bdi>{name} {number}</bdi></li>" for number in range(60))
        return f"""<body class="list compact"><main><div class="words"><h1>Names</h1>
        <div class="fit"><ul class="names">{items}</ul></div></div></main>
        <footer></footer></body>"""

    short = heights.names_that_fit(page("A"))
    long = heights.names_that_fit(page("A society with a name of very many words " * 2))
    assert short.counts[0] > long.counts[0] > 0
    rows = dict(zip(short.starts, short.counts, strict=True))
    assert rows[578] % 2 == 0  # two columns
    assert f".n{short.counts[0]}" in short.css()


LETTER = """<!doctype html><html lang="en"><body class="form ask"><main>
<div class="words"><h1>Sign</h1><form><input type="hidden" name="token"><div class="fields">
<div><label for="a">Your name</label><input id="a"></div>
<div><label for="b">Country</label><select id="b"><option value="">x</option></select></div>
<div><label for="c">Address</label><p class="problem">Missing.</p><input id="c"></div></div>
<fieldset><legend>In the list</legend><div class="tick"><input id="d">
<label class="plain" for="d">Show my name</label></div></fieldset>
<div class="tick"><input id="e"><label class="plain" for="e">The weekly</label></div>
<div class="row"><button>Sign</button></div></form></div></main>
<footer><span><a href="/">Network</a></span></footer></body></html>"""


def test_the_fields_of_a_long_form_stand_beside_each_other_where_there_is_room() -> None:
    ends = 28 + 20 + (16 + 20 + 32) + (12 + 32) + (16 + 48) + (1 + 28 + 24)
    field, wrong = 24 + 48, 24 + 28 + 48
    assert heights.natural(LETTER, 300) == 5 + 40 + ends + 2 * field + wrong + 2 * 12
    assert heights.natural(LETTER, 600) == 5 + 56 + 8 + ends + field + wrong + 12
