"""The query of a widget: what is known is kept if it is valid, everything else is ignored.

So each page has one normal form of its query, whatever was added to the address on the way.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from flask import request

from widgets.members import LONGEST_SLUG
from widgets.roll import NOWHERE
from widgets.text import clean, is_country
from widgets.wording import LANG, SLUG
from widgets.wording import LONGEST_SLUG as LONGEST_STATEMENT

LONGEST_SEARCH = 100  # characters
_WORDS = ("q", "topic")  # anything at all, cleaned and cut
_VALID = {
    "accent": re.compile(r"#?[0-9a-fA-F]{6}"),
    "country": re.compile(r"[a-zA-Z]{2}"),
    "group": re.compile(r"country"),
    "lang": re.compile(LANG),
    "like": re.compile(SLUG),
    "page": re.compile(r"[1-9][0-9]{0,3}"),
    "site": re.compile(SLUG),
    "theme": re.compile(r"light|dark"),  # "auto" is what there is without it
    "view": re.compile(r"compact|full"),
}


_LONGEST = {"like": LONGEST_STATEMENT}


@dataclass(frozen=True)
class Look:
    """How and for whom a widget is shown. accent: RRGGBB; empty: the network's own. view: empty:
    the usual one, which is compact for a card and full for a list. topic, country (ISO 3166) and
    like (a slug): which statements. group ("country") and country, which may be NOWHERE: how a list
    of names is parted, and which part of it."""

    theme: str = "auto"
    accent: str = ""
    lang: str = ""
    site: str = ""
    view: str = ""
    page: int = 1
    q: str = ""
    topic: str = ""
    country: str = ""
    like: str = ""
    group: str = ""

    def query(self, **changes: str | int) -> str:
        """The query that gives this look, or this with some changes: "?site=…" or nothing."""
        usual = Look()
        values = {**vars(self), **changes}
        pairs = [(k, v) for k, v in sorted(values.items()) if v != getattr(usual, k)]
        return "?" + urlencode(pairs) if pairs else ""

    def differs(self, name: str) -> bool:
        """Whether a parameter has another value than it has without being named."""
        return bool(getattr(self, name) != getattr(Look(), name))

    def frame_query(self) -> str:
        """What goes along from page to page within a frame."""
        return Look(theme=self.theme, accent=self.accent, lang=self.lang, site=self.site).query()


def asked_look() -> Look:
    """The look that this request asks for."""
    return look(request.query_string.decode("latin-1"))


def normal(query: str) -> tuple[tuple[str, str], ...]:
    """The known and valid parameters of a raw query, sorted; of repeated ones the first."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query[:2000], errors="replace", max_num_fields=None):
        if name in found:
            continue
        if name in _WORDS:
            if searched := clean(value)[:LONGEST_SEARCH]:
                found[name] = searched
        elif name in _VALID and _VALID[name].fullmatch(value):
            kept = _as_usual(name, value)
            if kept and len(kept) <= _LONGEST.get(name, LONGEST_SLUG):
                found[name] = kept
    return tuple(sorted(found.items()))


def _as_usual(name: str, value: str) -> str:
    """A valid value as we write it; empty where it is what there is without it, or nothing."""
    if name == "accent":
        return value.lstrip("#").lower()
    if name == "country":
        code = value.upper()
        return code if code == NOWHERE or is_country(code) else ""
    return "" if (name, value) == ("page", "1") else value


def look(query: str) -> Look:
    """The look that a raw query asks for."""
    values = dict(normal(query))
    page = int(values.pop("page", "1"))
    return Look(page=page, **values)
