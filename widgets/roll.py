"""The roll: the names under a statement for whoever reads them, in pages, by country, found."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from widgets import languages, text
from widgets.collation import Collator, script
from widgets.models import Signatory
from widgets.signatories import PAGE_BYTES, Name, collator, wire_bytes

NOWHERE = "ZZ"  # CLDR's code for an unknown region
MOST_LETTERS = 60  # that have links of their own
MOST_SCRIPTS = 12
_GROUP_BYTES = 20  # what a country takes in a compressed page besides its name


def is_long(session: Session, statement_id: int) -> bool:
    """Whether all the names of a statement have more than one page."""
    query = select(func.sum(Signatory.weight)).where(Signatory.statement_id == statement_id)
    return (session.scalar(query) or 0) > PAGE_BYTES


@dataclass(frozen=True)
class Jump:
    """A link to where the names with an initial begin: on which page, before which of them.

    label: the initial, or the first and the last one of a script ("А–Я") that is passed over as
    a whole. here: whether any of them are on the page that is shown.
    """

    label: str
    initial: str
    page: int
    here: bool


@dataclass(frozen=True)
class Page:
    """Some of the names that were looked for. found: how many there are on all pages together.

    jumps: only where there is more than one page. begins: by the place of a name on this page,
    the initial of the jump that leads to it.
    """

    names: list[Name]
    number: int
    pages: int
    found: int
    jumps: list[Jump]
    begins: dict[int, str]


def page(
    session: Session,
    statement_id: int,
    lang: str,
    *,
    search: str = "",
    country: str = "",
    number: int = 1,
) -> Page:
    """The names that have all words of `search` in them, in a country (ISO 3166, or NOWHERE).

    A list that has room on one page is in its own order, which somebody chose. A longer one, and
    the names in a country, are in the alphabet of `lang` (BCP 47), where they can be found. Pages
    are cut by what their names weigh. So a name that is added moves others to later pages only:
    who reads on from page to page misses none. Of too high a number, it is the last page.
    """
    wanted = _matching(statement_id, search, country)
    if country or is_long(session, statement_id):
        rows = _in_alphabet(session, statement_id, lang, wanted)
    else:
        rows = _in_own_order(session, wanted)
    starts = [0, *accumulate(row.weight for row in rows)]
    pages = starts[-2] // PAGE_BYTES + 1 if rows else 1
    number = min(number, pages)
    low = bisect_left(starts, (number - 1) * PAGE_BYTES)
    high = bisect_left(starts, number * PAGE_BYTES, hi=len(rows))
    shown = rows[low:high]
    jumps = _jumps(rows, starts, shown) if pages > 1 else []
    leading = {jump.initial for jump in jumps if jump.page == number}
    begins: dict[int, str] = {}
    for place, row in enumerate(shown):
        if row.initial in leading:
            leading.remove(row.initial)
            begins[place] = row.initial
    names = _at(session, statement_id, [row.position for row in shown])
    return Page(names, number, pages, len(rows), jumps, begins)


@dataclass(frozen=True)
class Group:
    """The names in a country. code: of ISO 3166, or NOWHERE; name: in the language that is
    spoken. names: None where they are too many to stand here: `page` has them."""

    code: str
    name: str
    count: int
    names: list[Name] | None


def grouped(session: Session, statement_id: int, lang: str, search: str = "") -> list[Group]:
    """The names that have all words of `search` in them, by country. Countries are in the order
    of their names, those without one last; the names of each in the alphabet of `lang`.

    As many groups bring their names along as have room together, the small ones first.
    """
    wanted = _matching(statement_id, search)
    rows = session.execute(
        select(Signatory.country, func.count(), func.sum(Signatory.weight))
        .where(*wanted)
        .group_by(Signatory.country)
    )
    sizes = {code or NOWHERE: (number, weight) for code, number, weight in rows}
    titles = {code: _country_name(code) for code in sizes}
    room = PAGE_BYTES - sum(_GROUP_BYTES + wire_bytes(title) for title in titles.values())
    small = set()
    for code in sorted(sizes, key=lambda code: (sizes[code][1], code)):
        room -= sizes[code][1]
        if room < 0:
            break
        small.add(code)
    names: dict[str, list[Name]] = {code: [] for code in small}
    if small:
        inside = _in_alphabet(session, statement_id, lang, [*wanted, _in_countries(small)])
        for name in _at(session, statement_id, [row.position for row in inside]):
            names[name.country or NOWHERE].append(name)
    key = Collator(languages.spoken()).key
    order = sorted(sizes, key=lambda code: (code == NOWHERE, key(titles[code])))
    return [Group(code, titles[code], sizes[code][0], names.get(code)) for code in order]


def country_names(session: Session, statement_id: int) -> dict[str, str]:
    """The countries that names of a statement are in, by their codes (NOWHERE: in none), each in
    the language that is spoken."""
    codes = session.scalars(
        select(Signatory.country).where(Signatory.statement_id == statement_id).distinct()
    )
    return {code or NOWHERE: _country_name(code or NOWHERE) for code in codes}


def _country_name(code: str) -> str:
    if code == NOWHERE:
        return languages.gettext("Country not given")
    return text.country_name(code, languages.spoken())


class _Row(NamedTuple):
    position: int
    weight: int
    initial: str


def _in_own_order(session: Session, wanted: list[ColumnElement[bool]]) -> list[_Row]:
    query = select(Signatory.position, Signatory.weight, Signatory.initial).where(*wanted)
    ordered = query.order_by(Signatory.position)
    return list(map(_Row._make, session.execute(ordered)))


def _in_alphabet(
    session: Session, statement_id: int, lang: str, wanted: list[ColumnElement[bool]]
) -> list[_Row]:
    """By the keys that are kept, if the language has the same rules as the statement's; otherwise
    by keys that are made now: some 60 ms for 10,000 names."""
    asked = Collator(lang)
    if asked.rules == collator(session, statement_id).rules:
        query = select(Signatory.position, Signatory.weight, Signatory.initial).where(*wanted)
        ordered = query.order_by(Signatory.sort_key, Signatory.position)
        return list(map(_Row._make, session.execute(ordered)))
    found = session.execute(
        select(Signatory.position, Signatory.weight, Signatory.name).where(*wanted)
    )
    keyed = sorted((asked.key(name), place, size, name) for place, size, name in found)
    return [_Row(place, size, asked.initial(name)) for _, place, size, name in keyed]


def _jumps(rows: list[_Row], starts: list[int], shown: list[_Row]) -> list[Jump]:
    """A link for each initial. But names in a script that fill no page have one link together, as
    have those of the rarer scripts where there would be too many links; neighbours too, then."""
    pages: dict[str, int] = {}
    sizes: Counter[str] = Counter()
    for (_, size, initial), start in zip(rows, starts, strict=False):
        if initial not in pages:
            pages[initial] = start // PAGE_BYTES + 1
        sizes[initial] += size
    scripts: dict[str, list[str]] = {}
    weights: Counter[str] = Counter()
    for initial in pages:
        scripts.setdefault(script(initial), []).append(initial)
        weights[script(initial)] += sizes[initial]
    spelt: set[str] = set()
    left = MOST_LETTERS
    for name, total in weights.most_common():
        if total > PAGE_BYTES and len(scripts[name]) <= left:
            spelt.add(name)
            left -= len(scripts[name])
    runs: list[list[str]] = []
    joining = False
    for name, initials in scripts.items():
        if name in spelt:
            runs += [[one] for one in initials]
        elif joining and len(scripts) - len(spelt) > MOST_SCRIPTS:
            runs[-1] += initials
        else:
            runs.append(list(initials))
        joining = name not in spelt
    here = {row.initial for row in shown}
    return [
        Jump(
            label=run[0] if len(run) == 1 else f"{run[0]}–{run[-1]}",
            initial=run[0],
            page=pages[run[0]],
            here=not here.isdisjoint(run),
        )
        for run in runs
    ]


def _at(session: Session, statement_id: int, positions: list[int]) -> list[Name]:
    """The names in these places, in this order."""
    rows = session.execute(
        select(Signatory.position, Signatory.name, Signatory.country, Signatory.url).where(
            Signatory.statement_id == statement_id, Signatory.position.in_(positions)
        )
    )
    found = {row.position: Name(*row[1:]) for row in rows}
    return [found[position] for position in positions]


def _matching(statement_id: int, search: str, country: str = "") -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Signatory.statement_id == statement_id]
    words = text.fold(search).split()
    conditions.extend(Signatory.folded.contains(word, autoescape=True) for word in words)
    if country:
        conditions.append(_in_countries({country}))
    return conditions


def _in_countries(codes: set[str]) -> ColumnElement[bool]:
    return func.coalesce(Signatory.country, NOWHERE).in_(codes)
