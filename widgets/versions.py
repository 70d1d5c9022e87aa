"""Every version of what a statement says in each of its languages: kept with who wrote it and when,
and compared word by word."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import Match, SequenceMatcher
from itertools import accumulate, groupby
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from widgets import text
from widgets.audit import Actor
from widgets.models import Image, Statement, Translation, Version
from widgets.paging import Page, paged

# What a version holds, in the order in which it is told; the last four only of the original.
LABELS = {
    "title": "Headline",
    "body": "Text",
    "pull_quote": "Pull quote",
    "endorsement": "Sentence above the names",
    "topics": "Topics",
    "image_alt": "What is in the picture",
    "image_credit": "Credit of the picture",
    "published_on": "Date",
    "countries": "Countries",
    "slug": "Address",
    "image": "Picture",
}
CONTEXT = 12  # words around a change, where much around it is the same
MOST_COMPARED = 4_000_000  # pairs of equal words that are looked at; then what is left is all new
EARLIER = Actor("before versions were kept")
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Piece:
    """kind: "same", "added", "removed", or "apart", where what is the same is left out."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """What became of one field. label: what it is called."""

    field: str
    label: str
    pieces: list[Piece]


def content(session: Session, row: Statement | Translation) -> dict[str, Any]:
    """What the statement says just now, as a version holds it."""
    held = {name: getattr(row, name) for name in LABELS if name in _OF_EACH_LANGUAGE}
    if isinstance(row, Statement):
        image = session.get(Image, row.image_id) if row.image_id else None
        held |= {
            "published_on": row.published_on.isoformat(),
            "countries": row.countries,
            "slug": row.slug,
            "image": image.digest if image else None,
        }
    return held


_OF_EACH_LANGUAGE = frozenset(LABELS) - {"published_on", "countries", "slug", "image"}


def keep(session: Session, row: Statement | Translation, actor: Actor, now: datetime) -> bool:
    """Makes a version of what was just written, unless it says the same as the newest. To be
    called after each change, in its transaction. Whether there is a new version."""
    session.flush()
    row.folded = _folded(row)
    held = content(session, row)
    newest = current(session, row)
    if newest is not None and newest.content == held:
        return False
    statement_id = _statement_id(row)
    highest = session.scalar(
        select(func.max(Version.number)).where(
            Version.statement_id == statement_id, Version.lang == row.lang
        )
    )
    row.version = (highest or 0) + 1
    session.add(
        Version(
            statement_id=statement_id,
            lang=row.lang,
            number=row.version,
            actor=actor.name,
            at=now,
            content=held,
        )
    )
    session.flush()
    return True


def current(session: Session, row: Statement | Translation) -> Version | None:
    """The version that is what the statement says now; None where none was made yet."""
    return session.scalar(
        select(Version).where(
            Version.statement_id == _statement_id(row),
            Version.lang == row.lang,
            Version.number == row.version,
        )
    )


def get(session: Session, statement_id: int, version_id: int) -> Version | None:
    found = session.get(Version, version_id)
    return found if found and found.statement_id == statement_id else None


def before(session: Session, version: Version) -> Version | None:
    """The one that it came after, in its language."""
    return session.scalar(
        select(Version)
        .where(
            Version.statement_id == version.statement_id,
            Version.lang == version.lang,
            Version.number < version.number,
        )
        .order_by(Version.number.desc())
        .limit(1)
    )


def listed(session: Session, statement_id: int, lang: str, number: int) -> Page[Version]:
    """A page of the versions in one language, the newest first."""
    query = (
        select(Version)
        .where(Version.statement_id == statement_id, Version.lang == lang)
        .order_by(Version.number.desc())
    )
    return paged(session, query, number)


def languages(session: Session, statement_id: int) -> list[str]:
    """Those in which there are versions, also of translations that were removed."""
    query = select(Version.lang).where(Version.statement_id == statement_id).distinct()
    return sorted(session.scalars(query))


def last_changes(session: Session, statement_ids: Sequence[int]) -> dict[int, Version]:
    """By statement, the newest version in any of its languages."""
    newest = (
        select(func.max(Version.id))
        .where(Version.statement_id.in_(statement_ids))
        .group_by(Version.statement_id)
    )
    found = session.scalars(select(Version).where(Version.id.in_(newest)))
    return {version.statement_id: version for version in found}


def bring_up_to_date(session: Session) -> None:
    """Makes the first version of what was written before versions were kept."""
    rows: list[Statement | Translation] = [
        *session.scalars(select(Statement).where(Statement.version == 0)),
        *session.scalars(select(Translation).where(Translation.version == 0)),
    ]
    for row in rows:
        keep(session, row, EARLIER, row.updated_at)


def changes(old: Content | None, new: Content) -> list[Change]:
    """What is different, field by field. old: None where there was nothing before."""
    found = []
    for name, label in LABELS.items():
        was, now = ((one or {}).get(name) for one in (old, new))
        if was == now or (not was and not now):
            continue
        if name == "image":
            pieces = [Piece("removed", "the picture before")] if was else []
            pieces += [Piece("added", "another picture" if was else "a picture")] if now else []
        else:
            pieces = compared(told(name, was), told(name, now))
        found.append(Change(name, label, pieces))
    return found


def told(name: str, value: Any) -> str:
    """A field's value in words."""
    if not value:
        return ""
    if name == "topics":
        return ", ".join(value)
    if name == "countries":
        return ", ".join(text.country_name(code, "en") for code in value)
    if name == "published_on":
        return text.long_date(date.fromisoformat(value), "en")
    return str(value)


def compared(old: str, new: str) -> list[Piece]:
    """Two texts word by word: what was removed, what was added, and what is the same around it.

    >>> [(one.kind, one.text) for one in compared("Open the gate.", "Open every gate.")]
    [('same', 'Open '), ('removed', 'the'), ('added', 'every'), ('same', ' gate.')]
    """
    pieces: list[Piece] = []
    effort = _Effort(MOST_COMPARED)
    for kind, was, now in _differences(old.splitlines(True), new.splitlines(True), effort):
        if kind == "same":
            pieces.append(Piece("same", "".join(was)))
            continue
        before, after = (_WORDS.findall("".join(lines)) for lines in (was, now))
        for inner, removed, added in _differences(before, after, effort):
            if inner == "same":
                pieces.append(Piece("same", "".join(removed)))
                continue
            pieces += [Piece("removed", "".join(removed))] if removed else []
            pieces += [Piece("added", "".join(added))] if added else []
    return list(_with_little_around(_joined(pieces)))


@dataclass
class _Effort:
    """What may still be spent on comparing: pairs of equal words."""

    left: int


class _Matcher(SequenceMatcher[str]):
    """It looks at all pairs of equal words for each run that it finds: where the same few words
    come again and again, a page takes a minute. What can't be paid is different."""

    def __init__(self, old: Sequence[str], new: Sequence[str], effort: _Effort) -> None:
        super().__init__(None, old, new, autojunk=False)
        many = Counter(new)
        self._costs = list(accumulate((many[word] + 1 for word in old), initial=0))
        self._effort = effort

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        self._effort.left -= self._costs[-1 if ahi is None else ahi] - self._costs[alo]
        if self._effort.left < 0:
            return Match(alo, blo, 0)
        return super().find_longest_match(alo, ahi, blo, bhi)


def _differences(
    old: Sequence[str], new: Sequence[str], effort: _Effort
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """Runs of what is the same and of what isn't, of two sequences."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    if start:
        yield "same", old[:start], new[:start]
    was, now = old[start : len(old) - end], new[start : len(new) - end]
    for tag, a, b, c, d in _Matcher(was, now, effort).get_opcodes():
        yield "same" if tag == "equal" else "different", was[a:b], now[c:d]
    if end:
        yield "same", old[len(old) - end :], new[len(new) - end :]


def _joined(pieces: list[Piece]) -> list[Piece]:
    """A single space between two changes is part of both: so a sentence that was written anew
    reads as one change, not as one of each word."""
    merged: list[Piece] = []
    for place, piece in enumerate(pieces):
        is_gap = (
            piece.kind == "same"
            and not piece.text.strip(" ")
            and 0 < place < len(pieces) - 1
            and {pieces[place - 1].kind, pieces[place + 1].kind} <= {"added", "removed"}
        )
        merged += [Piece("removed", piece.text), Piece("added", piece.text)] if is_gap else [piece]
    done: list[Piece] = []
    for is_same, run in groupby(merged, key=lambda piece: piece.kind == "same"):
        pieces = list(run)
        for kind in ("same",) if is_same else ("removed", "added"):
            told = "".join(piece.text for piece in pieces if piece.kind == kind)
            done += [Piece(kind, told)] if told else []
    return done


def _with_little_around(pieces: list[Piece]) -> Iterator[Piece]:
    for place, piece in enumerate(pieces):
        words = re.findall(r"\S+\s*|\s+", piece.text) if piece.kind == "same" else []
        if len(words) <= 2 * CONTEXT + 8:
            yield piece
            continue
        if place > 0:
            yield Piece("same", "".join(words[:CONTEXT]))
        yield Piece("apart", " … ")
        if place < len(pieces) - 1:
            yield Piece("same", "".join(words[-CONTEXT:]))


def _folded(row: Statement | Translation) -> str:
    return text.fold("\n".join((row.title, row.body, *row.topics)))


def _statement_id(row: Statement | Translation) -> int:
    return row.id if isinstance(row, Statement) else row.statement_id
