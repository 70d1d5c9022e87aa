"""The picture that goes with a shared link where a statement has none of its own.

Its words, set as on the cards: rule, headline, and the names that stand behind it.
"""

import io
from dataclasses import dataclass
from functools import lru_cache

from icu4py.breakers import CharacterBreaker, LineBreaker
from PIL import Image, ImageDraw

from widgets.colours import LIGHT_PAPER, accent
from widgets.lettering import SANS, SANS_BOLD, SERIF_BOLD, line, without_signs
from widgets.text import direction, has_substance

WIDTH, HEIGHT = 1200, 630  # pixels, the shape to which networks cut a preview
MARGIN = 72
ROOM = WIDTH - 2 * MARGIN
_RULE = 16
_INK, _SOFT, _HAIRLINE = "#17191d", "#55595f", "#d9dbde"
_SIZES = (112, 100, 88, 80, 72, 64, 56, 50, 44, 40, 36)  # of the headline, pixels
_TOP, _BOTTOM = 136, 502  # between which it stands
_LEADING = (1.12, 1.55)  # from Latin letters to scripts that reach far up and down
_SMALL = 30
_APART = 40


@dataclass(frozen=True)
class Words:
    """What a picture says. host: shown where the network's name can't be drawn. label: what it is
    ("Joint statement"); count: the sentence about the names; either may be empty."""

    title: str
    lang: str
    network: str
    host: str
    label: str = ""
    count: str = ""


@dataclass(frozen=True)
class _Piece:
    """What stays together on a line. Widths in ems, with and without the space behind it."""

    text: str
    width: float
    ink: float


@lru_cache(maxsize=64)  # about 2 MB; each network on which a link is shared asks for it anew
def drawn(words: Words, rrggbb: str) -> bytes:
    """The picture as a PNG, 1200 by 630 pixels. rrggbb: the accent.

    A headline in a script for which there is no font is not drawn, and the network's name stands
    in its place.
    """
    picture = Image.new("RGB", (WIDTH, HEIGHT), f"#{LIGHT_PAPER}")
    pen = ImageDraw.Draw(picture)
    colour = f"#{accent(rrggbb).light}"
    towards = direction(words.lang)
    pen.rectangle((0, 0, WIDTH, _RULE - 1), colour)
    if not _draw_headline(picture, words.title, words.lang):
        if not _draw_headline(picture, words.network, words.lang):
            _draw_headline(picture, words.host, "en")
        return _png(picture)
    _draw_small(picture, [words.label], SANS_BOLD, 98, colour, towards, ROOM)
    pen.rectangle((MARGIN, 526, WIDTH - MARGIN - 1, 527), _HAIRLINE)
    taken = _draw_small(picture, [words.count], SANS_BOLD, 582, _INK, towards, ROOM)
    if taken:  # the network's name stands at the other end
        end = "ltr" if towards == "rtl" else "rtl"
        names = [words.network, words.host]
        _draw_small(picture, names, SANS, 582, _SOFT, end, ROOM - taken - _APART)
    else:
        _draw_small(picture, [words.network, words.host], SANS, 582, _SOFT, towards, ROOM)
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _draw_headline(picture: Image.Image, title: str, lang: str) -> bool:
    """At the largest size at which it has room. Tells whether it could be drawn."""
    towards = direction(lang)
    title = without_signs(title, SERIF_BOLD)
    whole = line(title, SERIF_BOLD, towards)
    if not has_substance(title) or whole is None:
        return False
    up, down = whole.height()
    leading = min(max(up + down, _LEADING[0]), _LEADING[1])
    pieces = _pieces(title, lang, ROOM / _SIZES[0])
    for size in _SIZES:
        most = int((_BOTTOM - _TOP) / (size * leading))
        texts = _balanced(pieces, ROOM / size)
        if len(texts) <= most:
            break
    if len(texts) > most:  # too long even so: cut, and marked as cut
        texts = [*texts[: most - 1], _cut(texts[most - 1], ROOM / size)]
    base = _TOP + (up + (leading - up - down) / 2) * size
    for text in texts:
        if shown := line(text, SERIF_BOLD, towards):
            x = MARGIN if towards == "ltr" else WIDTH - MARGIN - shown.width(size)
            shown.draw(picture, x, base, size, _INK)
        base += leading * size
    return True


def _draw_small(
    picture: Image.Image,
    choices: list[str],
    fonts: tuple[str, ...],
    base: int,
    colour: str,
    towards: str,
    room: float,
) -> float:
    """The first of these texts that can be drawn and has room, from the edge where a text of this
    direction begins. Returns its width in pixels, or 0."""
    for text in choices:
        shown = line(without_signs(text, fonts), fonts, towards)
        if shown and shown.runs and shown.width(_SMALL) <= room:
            width = shown.width(_SMALL)
            x = MARGIN if towards == "ltr" else WIDTH - MARGIN - width
            shown.draw(picture, x, base, _SMALL, colour)
            return width
    return 0


def _pieces(text: str, lang: str, room: float) -> list[_Piece]:
    """Broken where lines may be (ICU), and within a word that is wider than any line."""
    found: list[_Piece] = []
    for word in LineBreaker(text, lang):
        piece = _measured(word)
        if piece.ink > room:
            found += [_measured(letter) for letter in CharacterBreaker(word, lang)]
        else:
            found.append(piece)
    return found


def _measured(text: str) -> _Piece:
    return _Piece(text, _width(text), _width(text.rstrip()))


def _width(text: str) -> float:
    shown = line(text, SERIF_BOLD, "ltr")
    return shown.width(1) if shown else 0


def _balanced(pieces: list[_Piece], room: float) -> list[str]:
    """The lines, about equally long. room: ems."""
    lines = _broken(pieces, room)
    narrow, wide = 0.0, room
    for _ in range(8):  # halves the way each time
        middle = (narrow + wide) / 2
        if len(_broken(pieces, middle)) > len(lines):
            narrow = middle
        else:
            wide = middle
    return _broken(pieces, wide)


def _broken(pieces: list[_Piece], room: float) -> list[str]:
    lines: list[str] = []
    filled = 0.0
    for piece in pieces:
        if not lines or filled + piece.ink > room:
            lines.append("")
            filled = 0.0
        lines[-1] += piece.text
        filled += piece.width
    return [text.rstrip() for text in lines]


def _cut(text: str, room: float) -> str:
    letters = list(CharacterBreaker(text, "en"))
    while letters and _width("".join(letters).rstrip() + "…") > room:
        letters.pop()
    return "".join(letters).rstrip() + "…"
