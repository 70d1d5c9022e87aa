"""One accent, whatever is asked for, kept readable: its lightness moves, its hue stays.

Contrast is that of WCAG 2.2, §1.4.3: text needs 4.5:1.
"""

import colorsys
from dataclasses import dataclass

ENOUGH = 4.55  # a little over 4.5, so that rounding to 8 bits cannot fall below
LIGHT_PAPER = "ffffff"
DARK_PAPER = "17191d"


@dataclass(frozen=True)
class Accent:
    """The accent for either theme, as RRGGBB. On it, text is set in the theme's paper colour."""

    light: str
    dark: str


def accent(rrggbb: str) -> Accent:
    """Readable versions of a colour given as six hexadecimal digits.

    >>> accent("ffee00").light != "ffee00"
    True
    """
    return Accent(
        light=_moved(rrggbb, LIGHT_PAPER, towards=0.0),
        dark=_moved(rrggbb, DARK_PAPER, towards=1.0),
    )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 (none) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _moved(rrggbb: str, paper: str, towards: float) -> str:
    if contrast(rrggbb, paper) >= ENOUGH:
        return rrggbb
    red, green, blue = _channels(rrggbb)
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    near, far = lightness, towards
    for _ in range(12):  # halves the way each time: 12 steps are finer than 8 bits
        middle = (near + far) / 2
        if contrast(_hex(*colorsys.hls_to_rgb(hue, middle, saturation)), paper) >= ENOUGH:
            far = middle
        else:
            near = middle
    return _hex(*colorsys.hls_to_rgb(hue, far, saturation))


def _channels(rrggbb: str) -> tuple[float, float, float]:
    red, green, blue = (int(rrggbb[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def _hex(red: float, green: float, blue: float) -> str:
    return "".join(f"{round(channel * 255):02x}" for channel in (red, green, blue))


def _luminance(rrggbb: str) -> float:
    linear = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in _channels(rrggbb)
    )
    red, green, blue = linear
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
