"""What the network's statements are about, as a list from which readers choose.

Each statement has its topics in its own language, and each translation has them in its own. Which
of them are one topic is told by their places in the two lists.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets import collation, text
from widgets.models import Standing, Statement, Translation

MOST = 60  # that are offered: those of the most statements


@dataclass(frozen=True)
class Topic:
    """names: in each of its languages, as they are written. statements: how many are on it."""

    names: tuple[tuple[str, str], ...]
    statements: int

    @property
    def folded(self) -> frozenset[str]:
        return frozenset(text.fold(name) for _, name in self.names)

    def name(self, *langs: str) -> tuple[str, str]:
        """Its language and name, in the first of these that it has, else in any."""
        by_lang = {lang.partition("-")[0]: (lang, name) for lang, name in reversed(self.names)}
        return next((by_lang[lang] for lang in langs if lang in by_lang), self.names[0])


def of_statements(session: Session) -> list[Topic]:
    """The topics of all statements that stand, those of the most statements first."""
    rows = session.execute(
        select(Statement.id, Statement.lang, Statement.topics, Translation.lang, Translation.topics)
        .outerjoin(Translation, Translation.statement_id == Statement.id)
        .where(Statement.standing == Standing.PUBLISHED)
        .order_by(Statement.published_on.desc(), Statement.id.desc(), Translation.lang)
    ).all()
    written: dict[tuple[str, str], str] = {}  # by language and folded name
    on: dict[tuple[str, str], set[int]] = defaultdict(set)
    together: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for id_, own, own_topics, other, other_topics in rows:
        for lang, topics in ((own, own_topics), (other, other_topics or [])):
            for topic in topics:
                written.setdefault((lang, text.fold(topic)), topic)
                on[lang, text.fold(topic)].add(id_)
        if other_topics and len(own_topics) == len(other_topics):
            for one, its_name in zip(own_topics, other_topics, strict=True):
                here, there = (own, text.fold(one)), (other, text.fold(its_name))
                together[here][there] += 1
                together[there][here] += 1
    found = [
        Topic(
            tuple((lang, written[lang, name]) for lang, name in group),
            len(set().union(*(on[one] for one in group))),
        )
        for group in _groups(written, together)
    ]
    return sorted(found, key=lambda topic: -topic.statements)


def offered(
    topics: Sequence[Topic], chosen: Iterable[str], *langs: str
) -> list[tuple[str, str, bool]]:
    """What is offered to somebody who has chosen some names: the language and name of each topic,
    and whether it is chosen, in the alphabet of the first language. What is chosen and no topic any
    more stands there too, so that it can be given up."""
    left = {text.fold(name): name for name in chosen}
    listed: list[tuple[str, str, bool]] = []
    for place, topic in enumerate(topics):
        is_chosen = bool(topic.folded & left.keys())
        if is_chosen or place < MOST:
            listed.append((*topic.name(*langs), is_chosen))
    known = frozenset[str]().union(*(topic.folded for topic in topics))
    listed += [("", name, True) for folded, name in left.items() if folded not in known]
    alphabet = collation.Collator(langs[0])
    return sorted(listed, key=lambda one: alphabet.key(one[1]))


def taken(topics: Sequence[Topic], ticked: Iterable[str], chosen: Sequence[str]) -> list[str]:
    """What is kept of the names that somebody ticked: all names of their topics, since statements
    have them in one language or another. What is neither a topic nor was chosen before is not."""
    wanted = {text.fold(name) for name in ticked}
    names = [
        name
        for topic in topics
        if topic.folded & wanted
        for name in dict.fromkeys(name for _, name in topic.names)
    ]
    known = frozenset[str]().union(*(topic.folded for topic in topics))
    before = {text.fold(name): name for name in chosen}
    return names + [before[name] for name in before if name in wanted and name not in known]


def _groups(
    written: Iterable[tuple[str, str]],
    together: dict[tuple[str, str], Counter[tuple[str, str]]],
) -> list[list[tuple[str, str]]]:
    """Which names are one topic: those that stand in each other's place more often than any other
    name of their languages, so that one list in another order does no harm; and equal ones."""
    group: dict[tuple[str, str], list[tuple[str, str]]] = {}
    by_name: dict[str, tuple[str, str]] = {}
    for one in written:
        group[one] = [one]
        _join(group, by_name.setdefault(one[1], one), one)
    for one, others in together.items():
        for other in others:
            if _nearest(together, one, other[0]) == other and (
                _nearest(together, other, one[0]) == one
            ):
                _join(group, one, other)
    return list({id(members): members for members in group.values()}.values())


def _nearest(
    together: dict[tuple[str, str], Counter[tuple[str, str]]], one: tuple[str, str], lang: str
) -> tuple[str, str]:
    there = [(other, many) for other, many in together[one].items() if other[0] == lang]
    return max(there, key=lambda pair: pair[1])[0]


def _join(
    group: dict[tuple[str, str], list[tuple[str, str]]],
    one: tuple[str, str],
    other: tuple[str, str],
) -> None:
    ours, theirs = group[one], group[other]
    if ours is not theirs:
        ours += theirs
        for member in theirs:
            group[member] = ours
