"""A page of ours laid out at a width, as browsers lay it out.

The same boxes as in the sheets of templates/embeds, filled with text that is set by
widgets.typesetting: whoever changes one changes the other. The tests hold the result against
Chromium and Firefox. All lengths are CSS pixels at the usual text size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

from widgets import typesetting
from widgets.typesetting import Paragraph, Run

MEDIUM, WIDE = 480, 896  # where the sheets change (their media queries)
MEASURE = 608  # of running text: 38rem
GROUPS = 704  # of a list by country: 44rem
STACKED = ("km", "my")  # languages whose letters are stacked, and whose lines are further apart

_VOID = {"br", "hr", "img", "input", "link", "meta", "source"}
_OUT_OF_FLOW = {"leave-empty", "open"}
_INLINE = {"a", "b", "bdi", "code", "em", "i", "span", "strong", "time"}


@dataclass(eq=False)
class Node:
    """An element. lang: its own or the one around it. is_open: of a details element."""

    tag: str
    classes: frozenset[str] = frozenset()
    lang: str = "en"
    hidden: bool = False
    is_open: bool = False
    children: list["Node | str"] = field(default_factory=list)
    # laid out again and again at other widths: what was shaped is kept
    shaped: dict[tuple[str, float], Paragraph] = field(default_factory=dict, repr=False)

    def elements(self) -> list["Node"]:
        return [child for child in self.children if isinstance(child, Node)]

    def first(self, name: str) -> "Node | None":
        """The first element below of this tag or class."""
        for child in self.elements():
            if child.tag == name or name in child.classes:
                return child
            if (found := child.first(name)) is not None:
                return found
        return None


class _Reader(HTMLParser):
    """Builds the tree of a page that we rendered ourselves and that is therefore well-formed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        node = Node(
            tag,
            frozenset((values.get("class") or "").split()),
            values.get("lang") or self._open[-1].lang,
            values.get("type") == "hidden",
            "open" in values,
        )
        self._open[-1].children.append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and len(self._open) > 1:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def tree(html: str) -> Node:
    """The body of a page of ours."""
    reader = _Reader()
    reader.feed(html)
    body = reader.root.first("body")
    assert body is not None, "no page of ours is without a body"
    return body


@dataclass(frozen=True)
class Face:
    """How text in an element is set."""

    font: str = typesetting.SANS
    size: float = 16
    line: float = 24


@dataclass(frozen=True)
class Layout:
    """A page at one width."""

    body: Node
    width: float

    @property
    def medium(self) -> bool:
        return self.width >= MEDIUM

    @property
    def side(self) -> float:
        return 32 if self.medium else 20

    @property
    def kind(self) -> frozenset[str]:
        return self.body.classes

    def height(self) -> float:
        """Of the whole page, borders included, where nothing has to give way."""
        main, footer = self.body.first("main"), self.body.first("footer")
        total = 4.0 + 1
        for part in self.body.elements():
            if "insecure" in part.classes:
                total += sum(self._block(part, self.body, 0, self.width - 2, Face()))
        for part in main.elements() if main else []:
            total += self._picture(part) if part.tag == "figure" else self._words(part)
        return total + (self._footer(footer) if footer else 0)

    def pictures(self) -> float:
        """What of the height is pictures, which grow with the width."""
        main = self.body.first("main")
        return (
            sum(self._picture(one) for one in main.elements() if one.tag == "figure") if main else 0
        )

    def _picture(self, figure: Node) -> float:
        image = min(self.width * 0.5625, 560 if "full" in self.kind else 360)
        return image + (20 if figure.first("figcaption") else 0)

    def _words(self, words: Node) -> float:
        room = self.width - 2
        if "full" in self.kind and self.width >= WIDE:
            room = min(room, 736)
        top = bottom = 28 if self.medium else 20
        if "full" in self.kind:
            bottom = 32
        total = float(top + bottom)
        for child in self._seen(words):  # in a flex column, no margins meet
            above, height, below = self._block(child, words, 0, room - 2 * self.side, Face())
            total += above + height + below
        form = words.first("form")
        if form and self._is_long(form) and form.lang.partition("-")[0] in STACKED:
            total += 28  # of so many lines, one may be broken elsewhere: none may be left out
        return total

    def _footer(self, footer: Node) -> float:
        face = self.face(footer, Face())
        return 1 + 28 + self._wrapped(footer, self.width - 2 - 2 * self.side, face, 24, 4)

    def _seen(self, node: Node) -> list[Node]:
        return [
            child
            for child in node.elements()
            if not child.hidden and not child.classes & _OUT_OF_FLOW
        ]

    def _stack(self, node: Node, width: float, face: Face) -> tuple[float, float, float]:
        """Blocks below each other: the margin above them, their height, the margin below. Of two
        margins that meet, the larger counts."""
        first, total, margin = 0.0, 0.0, 0.0
        for number, child in enumerate(self._seen(node)):
            above, height, below = self._block(child, node, number, width, face)
            if number == 0:
                first = above
            else:
                total += max(margin, above)
            total += height
            margin = below
        return first, total, margin

    def _block(
        self, node: Node, parent: Node, number: int, width: float, face: Face
    ) -> tuple[float, float, float]:
        """A block of this width: margin above, height, margin below. Those of the blocks in it
        count as its own where nothing lies between."""
        above, below = self._margins(node, parent, number)
        before, height, after = self._box(node, width, self.face(node, face))
        return max(above, before), height, max(below, after)

    def _box(self, node: Node, width: float, face: Face) -> tuple[float, float, float]:
        names = node.classes
        if node.tag == "hr":
            return 0, 1, 0
        if "meta" in names:
            return 0, 20 if "card" in self.kind else self._wrapped(node, width, face, 12, 0), 0
        if "names" in names:
            return 0, self.grid(node, width, face), 0
        if "fields" in names:
            return 0, self._fields(node, min(width, MEASURE)), 0
        if "row" in names:
            return 0, self._row(node, min(width, MEASURE)), 0
        if "search" in names:
            return 0, self._search(node, min(width, 512)), 0
        if "turn" in names:
            return 0, self._wrapped(node, width, face, 24, 8), 0
        if "ways" in names:
            return 0, self._wrapped(node, width, face, 24, 0), 0
        if "jumps" in names:
            return 0, self._jumps(node, width + 16, face), 0
        if "groups" in names:
            return 0, self._groups(node, width), 0
        if "tick" in names:  # a box or a knob, beside its words
            label = node.first("label")
            return (
                0,
                12
                + (
                    self._box(label, min(width, MEASURE) - 32, self.face(label, face))[1]
                    if label
                    else 0
                ),
                0,
            )
        top, beside, bottom = self._padding(node)
        if node.tag in ("p", "ul", "ol") or node in self._in_text:
            width = min(width, MEASURE)
        width -= beside
        blocks = [child for child in node.elements() if child.tag not in _INLINE | {"br"}]
        if node.tag == "pre" or not blocks:
            keep = node.tag == "pre"
            height = self._lines(node.children, node, width, face, keep) * face.line
            return 0, top + height + bottom, 0
        own = 0.0
        if any(isinstance(child, str) and child.strip() for child in node.children):
            inline = [child for child in node.children if child not in blocks]
            own = self._lines(inline, node, width, face) * face.line  # before the list within it
        before, height, after = self._stack(node, width, face)
        height += own
        if own or top or "flow" in names:  # "flow": columns keep their margins in
            height, before = height + before, 0
        if bottom or "flow" in names:
            height, after = height + after, 0
        return before, top + height + bottom, after

    @cached_property
    def _in_text(self) -> list[Node]:
        text = self.body.first("text")
        return text.elements() if text else []

    def _margins(self, node: Node, parent: Node, number: int) -> tuple[float, float]:
        names = node.classes
        if "pull" in names:
            return (24, 8) if "text" in parent.classes else (16, 0)
        if "text" in parent.classes:
            return 16, 0
        if parent.tag == "blockquote" and number:
            return 12, 0
        above = {
            "endorsement": 24, "form": 20, "promise": 12, "lede": 12, "of": 4, "fit": 16,
            "correction": 12, "note": 16, "turn": 20, "ways": 16, "jumps": 16, "groups": 16,
            "trial": 16,
        }  # fmt: skip
        below = {"meta": 8, "problem": 8, "label": 4}
        if "search" in names or node.tag == "fieldset":
            return 16, 0
        if parent.tag == "form" and names & {"tick", "row"} and self._is_long(parent):
            return (12 if "tick" in names else 16), 0
        return (
            max((above[name] for name in (*names, node.tag) if name in above), default=0),
            max((below[name] for name in (*names, node.tag) if name in below), default=0),
        )

    def _is_long(self, form: Node) -> bool:
        return form.first("fields") is not None

    def _padding(self, node: Node) -> tuple[float, float, float]:
        """Padding and borders: above, on both sides together, below."""
        names = node.classes
        if "pull" in names:
            return 0, 19, 0
        if node.tag == "blockquote":
            return 0, 17, 0
        if node.tag in ("ul", "ol"):
            return 0, 24, 0
        if "endorsement" in names:
            return 17, 0, 0
        if "correction" in names:
            return 9, 0, 0
        if "problem" in names:
            return 0, 15, 0
        if "trial" in names:
            return 8, 24, 8
        return 0, 0, 0

    def face(self, node: Node, face: Face) -> Face:
        """How text in this element is set, by what is set around it."""
        names, medium = node.classes, self.medium
        font, size, line = face.font, face.size, face.line
        if node.tag == "h1":
            font = typesetting.SERIF_BOLD
            size, line = (32, 36) if medium else (24, 28)
            if "list" in self.kind:
                size, line = (24, 28) if medium else (20, 24)
        elif node.tag in ("h2", "h3", "h4"):
            font = typesetting.SERIF_BOLD if node.tag == "h2" else typesetting.BOLD
            size, line = 16, 24
        elif "pull" in names:
            font = typesetting.SERIF_ITALIC
            size, line = (20, 28) if medium else (18, 26)
        elif node.tag == "blockquote":
            font, size, line = typesetting.SERIF, 18, 26
        elif names & {"turn", "ways", "jumps"} or node.tag == "footer":
            size, line = 14, 24
        elif names & {"of", "note", "names", "correction"}:
            size, line = 14, 20
        elif names & {"meta", "promise", "trial"}:
            size, line = 13, 20
        elif node.tag in ("label", "legend") or "problem" in names:
            font = typesetting.SANS if "plain" in names else typesetting.BOLD
            size, line = 14, 20
        elif "endorsement" in names:
            font = typesetting.BOLD
        if node.lang.partition("-")[0] in STACKED:
            heading = node.tag in ("h1", "h2", "h3", "h4")
            text = node.tag in ("p", "li", "label", "legend", "button", "footer") or "meta" in names
            line = size * 1.5 if heading else size * 1.75 if text else line
        return Face(font, size, line)

    def _lines(
        self,
        children: list[Node | str],
        owner: Node,
        width: float,
        face: Face,
        keep: bool = False,
    ) -> int:
        key = (face.font, face.size)
        if key not in owner.shaped:
            runs = list(_runs(children, face, keep))
            if "pull" in owner.classes or (owner.tag == "p" and self._is_pull(owner)):
                runs = [Run("“", face.font, face.size), *runs, Run("”", face.font, face.size)]
            owner.shaped[key] = typesetting.paragraph(runs, owner.lang)
        return owner.shaped[key].lines(width)

    def _is_pull(self, paragraph: Node) -> bool:
        return any(paragraph in pull.elements() for pull in self._pulls)

    @cached_property
    def _pulls(self) -> list[Node]:
        pull = self.body.first("pull")
        return [pull] if pull else []

    def _width(self, node: Node, face: Face) -> float:
        """Of an element on one line."""
        face = self.face(node, face)
        key = (face.font, face.size)
        if key not in node.shaped:
            node.shaped[key] = typesetting.paragraph(_runs(node.children, face, False), node.lang)
        return node.shaped[key].width

    def _wrapped(self, node: Node, width: float, face: Face, between: float, below: float) -> float:
        """Things beside each other that wrap to further rows (flex-wrap)."""
        rows: list[float] = []
        filled = 0.0
        for child in _items(node):
            own = self._width(child, face)
            lines = max(1, self._lines(child.children, child, width, self.face(child, face)))
            if rows and filled + between + own <= width - typesetting.NARROWER:
                filled += between + own
                rows[-1] = max(rows[-1], lines * face.line)
            else:
                rows.append(lines * face.line)
                filled = own
        return sum(rows) + below * max(0, len(rows) - 1)

    def _row(self, row: Node, width: float) -> float:
        """A field and its button: beside each other, or below."""
        button = row.first("button")
        if button is None:
            return 48
        if row.first("input") is None:
            face = self.face(button, Face(typesetting.BOLD))
            return max(48, 18 + self._lines(button.children, button, width - 50, face) * 24)
        own = self._width(button, Face(typesetting.BOLD)) + 50
        fits = (136 if "code" in row.classes else 192) + 8 + own <= width
        room = width - 50
        lines = self._lines(
            button.children, button, room, self.face(button, Face(typesetting.BOLD))
        )
        tall = max(48.0, 18 + lines * 24)
        return tall if fits else 48 + 8 + tall

    def _fields(self, fields: Node, width: float) -> float:
        """Fields below their labels, two beside each other where there is room; what is wrong with
        one stands between."""
        columns = 2 if self.medium else 1
        column = (width - 16 * (columns - 1)) / columns
        heights = [
            48
            + sum(
                sum(self._block(part, field, 1, column, Face())[1:])
                for part in self._seen(field)
                if part.tag not in ("input", "select")
            )
            for field in fields.elements()
        ]
        rows = [max(heights[i : i + columns]) for i in range(0, len(heights), columns)]
        return sum(rows) + 12 * (len(rows) - 1)

    def _search(self, form: Node, width: float) -> float:
        label = form.first("label")
        face = Face()
        above = self._block(label, form, 0, width, face)[1] - 4 + 8 if label else 0
        button = form.first("button")
        own = self._width(button, Face()) + 50 if button else 0
        return above + (48 if 160 + 8 + own <= width else 104)

    def _jumps(self, letters: Node, width: float, face: Face) -> float:
        """First letters, each a target of its own, between two lines."""
        rows, filled = 1, 0.0
        for letter in letters.elements():
            own = max(32, self._width(letter, face) + 16)
            if filled and filled + own > width:
                rows, filled = rows + 1, 0
            filled += own
        return 2 + rows * (face.line + 8)

    def _groups(self, groups: Node, width: float) -> float:
        """Countries over hairlines, the number of names beside each; a closed one hides them."""
        width = min(width, GROUPS) - 20
        total = 0.0
        for group in groups.elements():
            heading, names = group.first("h2") or group, group.first("names")
            count = heading.first("span")
            country = [child for child in heading.children if child is not count]
            face = Face(size=14)
            room = width - 16 - (self._width(count, face) if count else 0)
            total += 16 + self._lines(country, heading, room, face) * face.line
            if names is not None and group.is_open:
                total += self.grid(names, width, self.face(names, Face())) + 16
        return total

    def columns(self, width: float) -> int:
        return max(1, int((width + 32) // (240 + 32)))

    def rows(self, names: Node, width: float, face: Face) -> Iterator[float]:
        """The heights of rows of names, each a little higher than it must be, so that more can
        join; but for a list that has grown into pages."""
        room = 7 if "long" in self.kind else 12
        columns = self.columns(width)
        column = (width - 32 * (columns - 1)) / columns
        items = names.elements()
        for start in range(0, len(items), columns):
            yield room + max(
                self._lines(item.children, item, column, self.face(item, face))
                * self.face(item, face).line
                for item in items[start : start + columns]
            )

    def grid(self, names: Node, width: float, face: Face) -> float:
        return sum(self.rows(names, width, face))


def _items(node: Node) -> Iterator[Node]:
    """What stands beside each other in it: the links to other languages one by one."""
    for child in node.elements():
        yield from child.elements() if "languages" in child.classes else [child]


def _runs(children: list[Node | str], face: Face, keep: bool) -> Iterator[Run]:
    """The text of inline elements in their fonts. A line feed stands for a <br>."""
    for child in children:
        if isinstance(child, str):
            text = child if keep else " ".join(child.replace("\n", " ").split(" "))
            yield Run(text, typesetting.MONO if keep else face.font, face.size)
        elif child.tag == "br":
            yield Run("\n", face.font, face.size)
        elif child.tag in _INLINE:
            yield from _runs(child.children, _inline(child, face), keep)


def _inline(node: Node, face: Face) -> Face:
    serif = face.font.startswith("LiberationSerif")
    font = face.font
    if node.tag in ("strong", "b") or "label" in node.classes:
        font = typesetting.SERIF_BOLD if serif else typesetting.BOLD
    elif node.tag in ("em", "i"):
        font = typesetting.SERIF_ITALIC if serif else typesetting.ITALIC
    elif node.tag == "code":
        font = typesetting.MONO
    return Face(font, face.size, face.line)
