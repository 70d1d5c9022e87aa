"""How high a widget is at every width, so that the frame around it needs no script to fit.

Computed from the page's own HTML (widgets.layout) or, for a widget that fills whatever frame it is
given, fixed by its kind; and written as a CSS length by the width of the container.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf
from typing import Any, TypeVar, cast

from widgets.layout import MEDIUM, WIDE, Face, Layout, Node, tree

Computed = TypeVar("Computed")
NARROWEST, WIDEST = 240, 1200
LAYOUT_CHANGES = (MEDIUM, 578, 850, WIDE, 1122)  # and where there is a column of names more
# Widths within which a list shows as many names at any of them.
BUCKETS = (240, 270, 300, 330, 370, 420, 480, 530, 578, 640, 720, 850, 896, 980, 1060, 1122)
MEAN_BLANK = 0.018  # of a height, over all widths
LIGHT = 12_000  # characters of a page that is laid out at every width; heavier ones at fewer
MOST_KEPT = 500  # heights of pages


@dataclass(frozen=True)
class Piece:
    """From this width on, a height that changes by `slope` with each further pixel."""

    start: int
    height: float
    slope: float

    def at(self, width: float) -> float:
        return self.height + self.slope * (width - self.start)


@dataclass(frozen=True)
class Height:
    """How high a frame is to be at each width: straight pieces, in the order of their starts."""

    pieces: tuple[Piece, ...]

    def at(self, width: float) -> int:
        """In whole pixels."""
        width = min(width, WIDEST)
        piece = next((p for p in reversed(self.pieces) if p.start <= width), self.pieces[0])
        return ceil(piece.at(width) - 0.001)

    def css(self) -> str:
        """The same as a CSS length, by the width of the container around the frame (`cqw`)."""
        first = self.pieces[0]
        terms = [f"{_number(first.at(0))}px", _times(first.slope, f"min(100cqw,{WIDEST}px)")]
        for before, piece in zip(self.pieces, self.pieces[1:], strict=False):
            jump = piece.height - before.at(piece.start)
            if abs(jump) >= 1:  # all at once, half a pixel before
                steep = f"{'-' if jump < 0 else ''}9999*(100cqw - {piece.start - 0.5}px)"
                low, high = sorted((0.0, jump))
                terms.append(f"clamp({_number(low)}px,{steep},{_number(high)}px)")
            beyond = f"clamp(0px,100cqw - {piece.start}px,{WIDEST - piece.start}px)"
            terms.append(_times(piece.slope - before.slope, beyond))
        return f"calc({' + '.join(term for term in terms if term)})"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def _times(factor: float, length: str) -> str:
    return f"{_number(factor)}*{length}" if abs(factor) >= 0.005 else ""


# Of widgets whose content may be another tomorrow: a function of the width alone, which they fill.
PICTURED_CARD = Height(
    (Piece(240, 604, 0.27), Piece(480, 712, 0.55), Piece(640, 800, 0), Piece(896, 420, 0))
)
PLAIN_CARD = Height((Piece(240, 420, -0.15), Piece(480, 364, 0), Piece(896, 340, 0)))
NAMES = Height((Piece(240, 540, 0), Piece(480, 480, 0), Piece(896, 440, 0)))
POSTS = Height((Piece(240, 520, -0.25), Piece(480, 440, 0), Piece(896, 380, 0)))
STORIES = Height((Piece(240, 610, 0), Piece(480, 645, 0), Piece(896, 450, 0)))


def natural(html: str, width: float) -> float:
    """The height of a page of ours at a width, where nothing has to give way."""
    return Layout(tree(html), width).height()


def of(html: str) -> Height:
    """How high a frame around this page of ours is to be. What was computed for a page is kept."""
    body = tree(html)
    if (stable := _stable(body)) is not None:
        return stable
    step = min(40, 1 + len(html) // LIGHT)
    return _once("height", html, lambda: _computed_height(body, step))


def at(html: str, width: float) -> int:
    """The same at one width, in whole pixels: for a long list some forty times as quick."""
    body = tree(html)
    if (stable := _stable(body)) is not None:
        return stable.at(width)
    return ceil(Layout(body, min(max(width, NARROWEST), WIDEST)).height() - 0.001)


def _stable(body: Node) -> Height | None:
    """Of a widget that fills the frame that it is given: one that doesn't ask for its content."""
    if "latest" in body.classes and "full" not in body.classes:
        return PICTURED_CARD  # whatever it shows today
    if {"list", "compact"} <= body.classes:
        return NAMES
    if "posts" in body.classes:
        return POSTS
    if "compact" in body.classes:
        return PICTURED_CARD if "pictured" in body.classes else PLAIN_CARD
    if "more" in body.classes:
        return STORIES
    return None


_computed: OrderedDict[tuple[str, bytes], Any] = OrderedDict()
_computing = threading.Lock()


def _once(what: str, html: str, compute: Callable[[], Computed]) -> Computed:
    """What was computed for a page before, or now: one at a time, since it takes a processor."""
    key = (what, hashlib.sha256(html.encode()).digest())
    with _computing:
        if key not in _computed:
            _computed[key] = compute()
            while len(_computed) > MOST_KEPT:
                _computed.popitem(last=False)
        return cast(Computed, _computed[key])


def forget() -> None:
    """Everything that was kept, so that it is computed anew."""
    with _computing:
        _computed.clear()


def _computed_height(body: Node, step: int) -> Height:
    heights = _heights(body, step)
    for share in (1.0, 0.85, 0.7, 0.5, 0.3):
        fitted = _fitted(heights, share)
        if _mean_blank(fitted, heights) <= MEAN_BLANK:
            break
    return fitted


def _heights(body: Node, step: int) -> list[float]:
    """At each width from NARROWEST to WIDEST. step: px from one that is laid out to the next;
    between them, text is as high as at the narrower, since more room never makes it higher but
    where the layout changes."""
    widths = {*range(NARROWEST, WIDEST + 1, step), *LAYOUT_CHANGES}
    found: list[float] = []
    text = 0.0
    for width in range(NARROWEST, WIDEST + 1):
        layout = Layout(body, width)
        if width in widths:
            text = layout.height() - layout.pictures()
        found.append(text + layout.pictures())
    return found


def _mean_blank(fitted: Height, heights: list[float]) -> float:
    blanks = (fitted.at(NARROWEST + i) / height - 1 for i, height in enumerate(heights))
    return sum(blanks) / len(heights)


def _fitted(heights: list[float], share: float) -> Height:
    """Straight pieces above these heights, one for each width from NARROWEST on, and nowhere more
    above than a share of 20 px or 3.2 %, whichever is larger. Each begins where the one before
    ends, and goes on for as long as it can, but for where the height itself jumps."""

    def tolerated(height: float) -> float:
        return share * max(20, 0.032 * height)

    pieces: list[Piece] = []
    first, value = 0, heights[0]
    while first < len(heights) - 1:
        low, high = -inf, inf
        last, slope = first, None
        for index in range(first + 1, len(heights)):
            least = heights[index]
            if abs(least - heights[index - 1]) > tolerated(least):
                break
            low = max(low, (least - value) / (index - first))
            high = min(high, (least + tolerated(least) - value) / (index - first))
            rounded = ceil(low * 100) / 100
            if low > high:
                break
            if rounded <= high:
                last, slope = index, rounded
        if slope is None:  # a jump right here
            pieces.append(Piece(NARROWEST + first, value, 0))
            first, value = first + 1, heights[first + 1]
            continue
        pieces.append(Piece(NARROWEST + first, value, slope))
        value += slope * (last - first)
        jumps = last + 1 < len(heights) and (
            abs(heights[last + 1] - heights[last]) > tolerated(heights[last + 1])
        )
        first = last + 1 if jumps else last
        value = heights[first] if jumps else value
    return Height(tuple(pieces))


@dataclass(frozen=True)
class Fitting:
    """How many names fit a frame of the height NAMES. starts: from which widths on; counts: how
    many from there."""

    starts: tuple[int, ...]
    counts: tuple[int, ...]

    def css(self) -> str:
        """Rules that show so many names and say how many are left; below its height, a frame
        shows what it can of them, and says how many there are."""
        rules = [".and{display:none}"]
        for index, (start, count) in enumerate(zip(self.starts, self.counts, strict=True)):
            least = f"(min-width:{start}px) and " if index else ""
            most = (
                f" and (max-width:{self.starts[index + 1] - 1}px)"
                if self.starts[index + 1 :]
                else ""
            )
            rules.append(
                f"@media {least}(min-height:{NAMES.at(start)}px){most}"
                f"{{.n{count}{{display:inline}}.n{count}~.all{{display:none}}"
                f".names li:nth-child(n + {count + 1}){{display:none}}}}"
            )
        return "".join(rules)


def names_that_fit(html: str) -> Fitting:
    """How many of the names on this page fit, at widths a few pixels apart. Rows share what is
    left, so a name less than would fit leaves no gap."""
    return _once("names", html, lambda: _fitting_names(tree(html)))


def _fitting_names(body: Node) -> Fitting:
    names = body.first("names")
    assert names is not None, "asked only of a list with names"
    starts: list[int] = []
    counts: list[int] = []
    for start, end in zip(BUCKETS, (*BUCKETS[1:], WIDEST), strict=True):
        fits = min(_fitting(body, names, width) for width in range(start, end, 4))
        if not counts or fits != counts[-1]:
            starts.append(start)
            counts.append(fits)
    return Fitting(tuple(starts), tuple(counts))


def _fitting(body: Node, names: Node, width: int) -> int:
    layout = Layout(body, width)
    inner = width - 2 - 2 * layout.side
    face = layout.face(names, Face())
    rest = layout.height() - layout.grid(names, inner, face)
    columns = layout.columns(inner)
    room, fits = NAMES.at(width) - rest, 0
    for row in layout.rows(names, inner, face):
        room -= row
        if room < 0:
            break
        fits += columns
    return min(fits, len(names.elements()))
