"""Text set as a browser sets it: how many lines it takes at a width.

Words are shaped by HarfBuzz and lines may be broken where ICU says so, which is what Chromium
and Firefox use too. Letters are measured with fonts whose advance widths are those of the fonts
that our pages ask for. Kerning is off there and here: it differs between fonts of equal widths.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

import uharfbuzz as hb
from icu4py.breakers import CharacterBreaker, LineBreaker

from widgets.faces import has, opened

NARROWER = 0.05  # px: browsers round to a 60th or a 64th
MONOSPACED = 0.6001  # of an em, for each letter of Courier New and its kin
SANS, BOLD, ITALIC = "LiberationSans-Regular", "LiberationSans-Bold", "LiberationSans-Italic"
SERIF, SERIF_BOLD = "LiberationSerif-Regular", "LiberationSerif-Bold"
SERIF_ITALIC = "LiberationSerif-Italic"
MONO = "mono"
_OTHER_SCRIPTS = ("NotoSansArabic", "NotoSansKhmer", "NotoSansMyanmar")
_NOTHING = {"kern": False}


@dataclass(frozen=True)
class Run:
    """Text in one font. size: px."""

    text: str
    font: str = SANS
    size: float = 16


@dataclass(frozen=True)
class _Word:
    """What stays together on a line. width: with the space behind it; ink: without. pieces: the
    widths of its letters, for where even a line of its own is too narrow. hyphen: the width of the
    hyphen that appears where a line ends here at a soft hyphen. forced: a line must end here."""

    width: float
    ink: float
    pieces: tuple[float, ...] = field(repr=False, default=())
    hyphen: float = 0
    forced: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Text that is shaped once and can then be broken at any width."""

    words: tuple[_Word, ...]

    @property
    def width(self) -> float:
        """On one line, in px."""
        return sum(word.width for word in self.words[:-1]) + self.words[-1].ink if self.words else 0

    def lines(self, width: float) -> int:
        """How many lines it takes where each is this wide, in px; 0 for no text."""
        if not self.words:
            return 0
        lines, filled, room = 1, 0.0, max(width - NARROWER, 1)
        for word in self.words:
            if filled + word.ink + word.hyphen > room and filled > 0:
                lines, filled = lines + 1, 0
            if word.ink > room:  # by itself on a new line, and broken there
                for piece in word.pieces:
                    if filled + piece > room and filled > 0:
                        lines, filled = lines + 1, 0
                    filled += piece
                filled += word.width - word.ink
            else:
                filled += word.width
            if word.forced:
                lines, filled = lines + 1, 0
        return lines


def paragraph(runs: Iterable[Run], lang: str = "en") -> Paragraph:
    """Shapes a paragraph. Runs follow each other as inline elements do; a line feed in them
    ends a line, other white space is as in HTML."""
    text, owners = _joined(runs)
    words: list[_Word] = []
    for start, end in _segments(text, lang):
        segment = text[start:end]
        solid = segment.rstrip(" \n\u00ad")
        pieces = [
            width
            for run, part in _spans(solid, owners, start)
            for width in _letters(part, run.font, run.size)
        ]
        ink = sum(advance(part, run.font, run.size) for run, part in _spans(solid, owners, start))
        behind = segment[len(solid) :]
        run = owners[end - 1]
        blank = advance(" ", run.font, run.size) if " " in behind else 0
        hyphen = advance("-", run.font, run.size) if behind.endswith("\u00ad") else 0
        words.append(_Word(ink + blank, ink, tuple(pieces), hyphen, behind.endswith("\n")))
    return Paragraph(tuple(words))


def advance(text: str, font: str = SANS, size: float = 16) -> float:
    """The width in px of text on one line."""
    return _width(text, font) * size


@lru_cache(maxsize=10_000)
def _width(text: str, font: str) -> float:
    """In ems."""
    return sum(sum(_clusters(part, face).values()) for face, part in _faces(text, font))


def _letters(text: str, font: str, size: float) -> list[float]:
    """The width in px of each thing a line can be broken before where it must."""
    found: list[float] = []
    for face, part in _faces(text, font):
        clusters = _clusters(part, face)
        for start, end in _places(CharacterBreaker(part, "en")):
            found.append(sum(clusters.get(i, 0) for i in range(start, end)) * size)
    return found


@lru_cache(maxsize=10_000)
def _clusters(text: str, face: str) -> dict[int, float]:
    """By the index of its first character, the width in ems of each cluster of letters."""
    if face == "":
        return {i: _guess(c) for i, c in enumerate(text)}
    if face == MONO:
        return dict.fromkeys(range(len(text)), MONOSPACED)
    font = opened(face)
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    hb.shape(font, buffer, _NOTHING)
    widths: dict[int, float] = {}
    for glyph, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        em = position.x_advance / font.face.upem
        widths[glyph.cluster] = widths.get(glyph.cluster, 0) + em
    return widths


def _guess(character: str) -> float:
    """The width in ems of a letter for which we have no font: ideographs fill a square, and for
    others this is rather too much than too little."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.72


def _faces(text: str, font: str) -> list[tuple[str, str]]:
    """The text in parts, each with the face that has its letters; "" where we have none. A mark,
    a joiner or a space goes with the letter before it."""
    if font == MONO or text.isascii():
        return [(font, text)]
    owners: list[str] = []
    for character in text:
        sticks = unicodedata.category(character) in ("Mn", "Me", "Cf", "Zs") and owners
        owners.append(owners[-1] if sticks else _face_of(character, font))
    return [
        (face, "".join(character for _, character in group))
        for face, group in groupby(zip(owners, text, strict=True), key=lambda pair: pair[0])
    ]


def _face_of(character: str, font: str) -> str:
    weight = "Bold" if "Bold" in font else "Regular"
    faces = (font, *(f"{name}-{weight}" for name in _OTHER_SCRIPTS))
    return next((face for face in faces if has(face, character)), "")


def _joined(runs: Iterable[Run]) -> tuple[str, list[Run]]:
    """The text of all runs with white space as HTML shows it, and whose each character is."""
    text: list[str] = []
    owners: list[Run] = []
    for run in runs:
        for character in re.sub(r"[ \t]*\n[ \t]*", "\n", run.text):
            blank = character in " \t"
            if blank and (not text or text[-1] in " \n"):
                continue
            text.append(" " if blank else character)
            owners.append(run)
    while text and text[-1] in " \n":
        text.pop()
        owners.pop()
    return "".join(text), owners


def _segments(text: str, lang: str) -> list[tuple[int, int]]:
    """Where lines may be broken: (start, end) of each piece that stays together. Chromium does
    not break an address behind a slash, as ICU and Firefox do; it takes more lines then."""
    found: list[tuple[int, int]] = []
    for start, end in _places(LineBreaker(text, lang)) if text else ():
        if found and text[start - 1] == "/" and text[start].isascii() and text[start].isalnum():
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _places(pieces: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where each piece of a text is. (What ICU says itself counts UTF-16's halves as two.)"""
    end = 0
    for piece in pieces:
        start, end = end, end + len(piece)
        yield start, end


def _spans(text: str, owners: Sequence[Run], start: int) -> list[tuple[Run, str]]:
    """A segment in the parts that different runs own."""
    if not text:
        return []
    first = owners[start]
    if all(owner is first for owner in owners[start : start + len(text)]):
        return [(first, text)]
    return [
        (owners[start + group[0][0]], "".join(character for _, character in group))
        for _, grouped in groupby(enumerate(text), key=lambda pair: id(owners[start + pair[0]]))
        if (group := list(grouped))
    ]
