"""Lines of text as pixels: which font has the letters, which way they run, how they join.

Shaped and drawn by HarfBuzz alone. (Pillow can shape Arabic or Khmer only where the machine has
FriBiDi, which a small server often hasn't.)
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import uharfbuzz as hb
from PIL import Image

from widgets.faces import has, opened

SERIF_BOLD = ("LiberationSerif-Bold", "NotoSansArabic-Bold", "NotoSansKhmer-Bold",
              "NotoSansMyanmar-Bold")  # fmt: skip
SANS_BOLD = ("LiberationSans-Bold", *SERIF_BOLD[1:])
SANS = ("LiberationSans-Regular", "NotoSansArabic-Regular", "NotoSansKhmer-Regular",
        "NotoSansMyanmar-Regular")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Letters of one font and one direction."""

    text: str
    font: str
    level: int  # of the bidirectional algorithm: odd ones run from right to left


@dataclass(frozen=True)
class Line:
    """Text on one line. runs: from left to right, as they are seen."""

    runs: tuple[Run, ...]

    def width(self, size: float) -> float:
        """In pixels, at a size of letters in pixels."""
        return sum(_width(run) for run in self.runs) * size

    def height(self) -> tuple[float, float]:
        """How far its fonts reach above and below the base line, in ems."""
        reaches = [_reach(run.font) for run in self.runs] or [(0.0, 0.0)]
        return max(up for up, _ in reaches), max(down for _, down in reaches)

    def draw(self, on: Image.Image, x: float, base: float, size: float, colour: str) -> None:
        """Draws it from x to the right, on the base line."""
        for run in self.runs:
            _draw(run, on, x, base, size, colour)
            x += _width(run) * size


def line(text: str, fonts: Sequence[str], direction: str) -> Line | None:
    """One line of text in the first of these fonts that has each letter; None where one has none,
    so that nobody ever sees an empty box. direction: "ltr" or "rtl", that of the whole text."""
    owners: list[str] = []
    for character in text:
        before = owners[-1] if owners else ""
        if before and (_goes_along(character) or _stays(character, before)):
            owners.append(before)
        else:
            owners.append(_font_of(character, fonts) or fonts[0])
    runs: list[Run] = []
    together = zip(text, owners, levels(text, direction), strict=True)
    for (owner, level), letters in groupby(together, key=lambda one: one[1:]):
        runs.append(Run("".join(letter[0] for letter in letters), owner, level))
    if any(glyph.codepoint == 0 for run in runs for glyph in _shaped(run).glyph_infos):
        return None
    return Line(tuple(_as_seen(runs)))


def without_signs(text: str, fonts: Sequence[str]) -> str:
    """Without what is no writing and in none of the fonts, such as emoji: it can be spared."""
    kept = (c for c in text if _font_of(c, fonts) or not _can_be_left_out(c))
    return " ".join("".join(kept).split())


def levels(text: str, direction: str) -> list[int]:
    """The embedding level of each character: the implicit part of the Unicode Bidirectional
    Algorithm (UAX #9, W1 to I2), for text without explicit directions, as ours is.

    >>> levels("a b 1", "ltr"), levels("א 12 b", "rtl")
    ([0, 0, 0, 0, 0], [1, 1, 2, 2, 1, 2])
    """
    base = 1 if direction == "rtl" else 0
    kinds = _weak(text, "R" if base else "L")
    found = [0] * len(kinds)
    place = 0
    strong = {"L": "L", "R": "R", "EN": "R", "AN": "R"}
    around = outside = "R" if base else "L"
    while place < len(kinds):
        if kinds[place] in strong:
            around = strong[kinds[place]]
            right_to_left = kinds[place] == "R"
            number = kinds[place] in ("EN", "AN")
            found[place] = 1 if right_to_left else 2 if number or base else 0
            place += 1
            continue
        end = place  # neutrals: as what is on both sides, otherwise as the whole (N1, N2)
        while end < len(kinds) and kinds[end] not in strong:
            end += 1
        behind = strong[kinds[end]] if end < len(kinds) else outside
        taken = around if around == behind else outside
        found[place:end] = [1 if taken == "R" else 2 if base else 0] * (end - place)
        place = end
    return found


def _weak(text: str, outside: str) -> list[str]:
    """The kind of each character (L, R, EN, AN or ON) after the rules W1 to W7."""
    kinds: list[str] = []
    for character in text:
        kind = unicodedata.bidirectional(character) or "L"
        if kind in ("NSM", "BN"):
            kind = kinds[-1] if kinds else outside
        kinds.append(kind)
    strong = outside
    for place, kind in enumerate(kinds):
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[place] = "AN"
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for place in range(1, len(kinds) - 1):
        before, kind, behind = kinds[place - 1 : place + 2]
        if before == behind and (kind, before) in (("ES", "EN"), ("CS", "EN"), ("CS", "AN")):
            kinds[place] = before
    for reverse in (False, True):  # terminators such as % on either side of a number
        order = range(len(kinds) - 2, -1, -1) if reverse else range(1, len(kinds))
        for place in order:
            if kinds[place] == "ET" and kinds[place + (1 if reverse else -1)] == "EN":
                kinds[place] = "EN"
    strong = outside
    for place, kind in enumerate(kinds):
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[place] = "L"
        elif kind not in ("EN", "AN"):
            kinds[place] = "ON"
    return kinds


def _as_seen(runs: list[Run]) -> list[Run]:
    """From left to right (UAX #9, L2): what runs leftwards is turned, the deepest first."""
    for depth in (2, 1):
        turned: list[Run] = []
        for deep, group in groupby(runs, key=lambda run: run.level >= depth):
            together = list(group)
            turned += reversed(together) if deep else together
        runs = turned
    return runs


def _goes_along(character: str) -> bool:
    """Marks and joiners belong to the letter before them."""
    return unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf")


def _stays(character: str, font: str) -> bool:
    """Spaces, digits and signs stay in the font of what they follow, where it has them."""
    return not character.isalpha() and has(font, character)


def _can_be_left_out(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk", "Cf", "Mn", "Co", "Cn")


def _font_of(character: str, fonts: Sequence[str]) -> str | None:
    return next((font for font in fonts if has(font, character)), None)


def _reach(font: str) -> tuple[float, float]:
    ours = opened(font)
    extents = ours.get_font_extents("ltr")
    return extents.ascender / ours.face.upem, -extents.descender / ours.face.upem


def _shaped(run: Run) -> hb.Buffer:
    buffer = hb.Buffer()
    buffer.add_str(run.text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    hb.shape(opened(run.font), buffer)
    return buffer


def _width(run: Run) -> float:
    """In ems."""
    upem = opened(run.font).face.upem
    units: int = sum(one.x_advance for one in _shaped(run).glyph_positions)
    return units / int(upem)


def _draw(run: Run, on: Image.Image, x: float, base: float, size: float, colour: str) -> None:
    font = opened(run.font)
    scale = size / font.face.upem
    buffer = _shaped(run)
    pen = hb.RasterDraw()
    left = 0
    for glyph, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        across, up = x + (left + place.x_offset) * scale, place.y_offset * scale
        pen.transform = (scale, 0, 0, scale, across, up)
        pen.draw_glyph(font, glyph.codepoint)
        left += place.x_advance
    drawn = pen.render()
    box = drawn.extents
    if not box.width or not box.height:
        return
    rows = (box.width, box.height)
    ink = Image.frombuffer("L", rows, drawn.buffer, "raw", "L", box.stride, -1)
    on.paste(colour, (box.x_origin, round(base) - box.y_origin - box.height), ink)
