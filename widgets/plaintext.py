"""Markdown as plain text, for the part of a mail that has no HTML.

Paragraphs stay one line each: mail programs break them where their windows end, which on a phone is
after forty characters and in a terminal after eighty, and by the rules of each script. On the wire
no line is long (quoted-printable).
"""

import unicodedata

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from widgets.text import direction

LONGEST_RULE = 40  # columns below a headline: more would be broken on a phone
_RIGHT_TO_LEFT_MARK = "\u200f"
_SCHEMES = ("http://", "https://", "mailto:")
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


def written(markdown: str, lang: str) -> str:
    """A text in CommonMark, to be read as it stands: headings underlined, quotations set in, and
    links numbered, with their addresses below."""
    links: list[str] = []
    parts = [_block(node, lang, links) for node in _tree(markdown).children]
    if links:
        # An address in a line of Arabic would be read from its end.
        between = "\n" if direction(lang) == "rtl" else " "
        parts.append("\n".join(f"[{n}]{between}{link}" for n, link in enumerate(links, 1)))
    return "\n\n".join(part for part in parts if part)


def underlined(title: str, lang: str, line: str = "-") -> str:
    """A headline over a line as wide as it is, which stands on the side where it begins.

    >>> underlined("Read on", "en").split()
    ['Read', 'on', '-------']
    """
    mark = _RIGHT_TO_LEFT_MARK if direction(lang) == "rtl" else ""
    return f"{title}\n{mark}{line * min(columns(title), LONGEST_RULE)}"


def columns(text: str) -> int:
    """How wide a text is in a terminal (Unicode, UAX 11): Chinese letters take two columns, marks
    none.

    >>> columns("abc"), columns("港湾"), columns("កា")
    (3, 4, 1)
    """
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.category(one)[0] in "MC" for one in text)


def _tree(markdown: str) -> SyntaxTreeNode:
    return SyntaxTreeNode(_MARKDOWN.parse(markdown))


def _block(node: SyntaxTreeNode, lang: str, links: list[str]) -> str:
    if node.type == "heading":
        return underlined(_words(node, links), lang)
    if node.type == "paragraph":
        return _words(node, links)
    if node.type == "hr":
        return "* * *"
    if node.type in ("fence", "code_block"):
        return _set_in(node.content.rstrip("\n"), "    ")
    inside = [_block(child, lang, links) for child in node.children]
    if node.type == "blockquote":
        return "\n\n".join(_set_in(one, "    ") for one in inside)
    if node.type in ("bullet_list", "ordered_list"):
        first = int(node.attrs.get("start", 1))
        signs = [
            f"{first + n}. " if node.type == "ordered_list" else "- " for n in range(len(inside))
        ]
        return "\n".join(
            sign + _set_in(one, " " * len(sign)).lstrip()
            for sign, one in zip(signs, inside, strict=True)
        )
    return "\n".join(inside)  # an item of a list


def _set_in(text: str, by: str) -> str:
    return "\n".join(by + line if line else line for line in text.split("\n"))


def _words(node: SyntaxTreeNode, links: list[str]) -> str:
    """What is within a paragraph or a heading, on one line but for the breaks it asks for."""
    if node.type in ("text", "code_inline"):
        return node.content
    if node.type == "image":
        return node.content
    if node.type == "softbreak":
        return " "
    if node.type == "hardbreak":
        return "\n"
    said = "".join(_words(child, links) for child in node.children)
    if node.type == "strong":
        return f"*{said}*"
    if node.type == "link":
        target = str(node.attrs.get("href", ""))
        shown = target.removeprefix("mailto:")
        if target.startswith(_SCHEMES) and shown != said:
            links.append(shown)
            return f"{said} [{len(links)}]"
    return said
