"""The accent: readable whatever is asked for."""

import colorsys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from widgets.colours import DARK_PAPER, ENOUGH, LIGHT_PAPER, accent, contrast

COLOURS = st.integers(0, 0xFFFFFF).map("{:06x}".format)


def hue(rrggbb: str) -> float:
    channels = [int(rrggbb[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    return colorsys.rgb_to_hls(*channels)[0]


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("000000", "ffffff", 21.0),
        ("ffffff", "ffffff", 1.0),
        ("777777", "ffffff", 4.48),  # the well-known grey that just fails
        ("767676", "ffffff", 4.54),  # and the one that just does not
        ("ff0000", "ffffff", 4.00),
        ("0000ff", "ffffff", 8.59),
        ("00ff00", "000000", 15.30),
        ("FFFF00", "ffffff", 1.07),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


@given(COLOURS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_accent_can_be_read_on_both_papers(colour: str) -> None:
    made = accent(colour)
    assert contrast(made.light, LIGHT_PAPER) >= 4.5
    assert contrast(made.dark, DARK_PAPER) >= 4.5


@given(COLOURS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_colour_that_can_be_read_is_left_as_it_is(colour: str) -> None:
    made = accent(colour)
    assert (made.light == colour) == (contrast(colour, LIGHT_PAPER) >= ENOUGH)
    assert (made.dark == colour) == (contrast(colour, DARK_PAPER) >= ENOUGH)


@pytest.mark.parametrize("colour", ["ffee00", "00ffff", "ff8800", "000000", "ffffff", "17191d"])
def test_what_is_moved_is_moved_no_further_than_it_must(colour: str) -> None:
    made = accent(colour)
    if made.light != colour:
        assert contrast(made.light, LIGHT_PAPER) < 4.8
    if made.dark != colour:
        assert contrast(made.dark, DARK_PAPER) < 4.8


@given(COLOURS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_hue_stays(colour: str) -> None:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (0, 2, 4))
    assume(max(red, green, blue) - min(red, green, blue) > 64)  # in greys a hue means nothing
    for moved in (accent(colour).light, accent(colour).dark):
        apart = abs(hue(moved) - hue(colour))
        assert min(apart, 1 - apart) < 0.06
