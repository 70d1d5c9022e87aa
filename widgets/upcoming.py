"""An issue as editors see it before it goes: what is in it, who gets it, and what may be amiss."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from widgets import digests, rhythms, statements
from widgets.languages import LANGUAGES, SOURCE, known
from widgets.models import (
    Bounce,
    Digest,
    DigestState,
    DigestStatement,
    Newsletter,
    Rhythm,
    Standing,
    State,
    Statement,
    Subscription,
)

BY_HAND = (Rhythm.WEEKLY, Rhythm.MONTHLY)  # an alert goes at once: nobody can write above it


@dataclass(frozen=True)
class Candidate:
    """A statement that is new. is_in: whether the issue has it."""

    id: int
    title: str
    lang: str
    langs: list[str]
    is_urgent: bool
    published_at: datetime | None
    is_in: bool


@dataclass(frozen=True)
class Audience:
    """The readers of a language. elsewhere: in which other languages they get how many of the
    statements, for want of a translation."""

    lang: str
    readers: int
    elsewhere: list[tuple[str, int]]


@dataclass(frozen=True)
class Coming:
    """An issue that has not begun to be sent. seen: its fingerprint; withdrawn: headlines, with
    their languages, of what was taken back since it was approved; since: how many statements were
    published since then; written: the languages in which something stands above the statements;
    last: the number of the issue of this rhythm before it, 0 where there is none."""

    digest: Digest
    candidates: list[Candidate]
    readers: int
    audiences: list[Audience]
    seen: str
    withdrawn: Sequence[tuple[str, str]]
    since: int
    written: list[str]
    last: int
    now: datetime

    @property
    def inside(self) -> list[Candidate]:
        return [one for one in self.candidates if one.is_in]

    @property
    def is_late(self) -> bool:
        """Whether the moment at which it was due is over."""
        return self.digest.due_at is not None and self.digest.due_at <= self.now


@dataclass(frozen=True)
class Schedule:
    """When a newsletter comes. due: the next moments, none where it has none; readers: how many
    get each rhythm; chosen: how many of them chose it themselves."""

    due: list[datetime]
    readers: list[tuple[str, int, int]]
    paused: int


def coming(session: Session, newsletter: Newsletter, now: datetime) -> list[Coming]:
    """The next issue of each rhythm that has readers; of a newsletter that never comes by itself,
    the one that can be sent by hand."""
    wanted = rhythms.wanted(session, newsletter) or [rhythms.usual(newsletter)]
    return [of(session, newsletter, rhythm, now) for rhythm in wanted if rhythm in BY_HAND]


def of(session: Session, newsletter: Newsletter, rhythm: str, now: datetime) -> Coming:
    """The next issue of a rhythm. Where there is none in the database yet it is as it would be
    made: looking at it writes nothing."""
    digest = digests.upcoming(session, newsletter, rhythm) or _unsaved(newsletter, rhythm, now)
    inside = digests.contents(session, digest, now)
    others = [one for one in digests.proposed(session, digest, now) if one not in inside]
    return Coming(
        digest=digest,
        candidates=_candidates(session, inside, others),
        readers=rhythms.readers(session, newsletter, rhythm, now),
        audiences=_audiences(session, newsletter, rhythm, inside, now),
        seen=digests.fingerprint(session, digest, now),
        withdrawn=_withdrawn(session, digest),
        since=_published_since(session, digest, now),
        written=sorted(digests.texts(session, digest)),
        last=digests.last_number(session, newsletter, rhythm),
        now=now,
    )


def schedule(session: Session, newsletter: Newsletter, now: datetime) -> Schedule:
    """When a newsletter comes, and how many get it how often."""
    due: list[datetime] = []
    rhythm = newsletter.rhythm
    while len(due) < 3 and (at := rhythms.due(newsletter, rhythm, due[-1] if due else now)):
        due.append(at)
    return Schedule(due, _by_rhythm(session, newsletter, now), _paused(session, newsletter, now))


def tongues(session: Session, newsletter: Newsletter, rhythm: str, now: datetime) -> list[str]:
    """The languages to write in: the newsletter's own, ours, those of readers, and those in which
    something is written already."""
    digest = digests.upcoming(session, newsletter, rhythm)
    written = digests.texts(session, digest) if digest else {}
    read = [lang for lang, _ in _languages(session, newsletter, rhythm, now)]
    return list(dict.fromkeys((newsletter.lang, *LANGUAGES, *read, *written)))


def returned(session: Session, digest: Digest) -> dict[str, int]:
    """What came back of an issue that was sent: how many, by models.BounceKind."""
    rows = session.execute(
        select(Bounce.kind, func.count())
        .where(Bounce.digest_id == digest.id)
        .group_by(Bounce.kind)
        .order_by(Bounce.kind)
    )
    return {row[0]: row[1] for row in rows}


def _unsaved(newsletter: Newsletter, rhythm: str, now: datetime) -> Digest:
    return Digest(
        id=uuid.uuid4(),
        newsletter=newsletter,
        newsletter_id=newsletter.id,
        rhythm=str(rhythm),
        state=str(DigestState.DRAFT),
        due_at=rhythms.due(newsletter, rhythm, now),
    )


def _candidates(session: Session, inside: list[int], others: list[int]) -> list[Candidate]:
    ids = [*inside, *others]
    found = session.scalars(statements.with_translations().where(Statement.id.in_(ids)))
    return [
        Candidate(
            one.id,
            one.title,
            one.lang,
            [one.lang, *sorted(words.lang for words in one.translations)],
            one.is_urgent,
            one.published_at,
            one.id in inside,
        )
        for one in sorted(found, key=lambda one: ids.index(one.id))
    ]


def _languages(
    session: Session, newsletter: Newsletter, rhythm: str, now: datetime
) -> list[tuple[str, int]]:
    """In which languages an issue would be read, and by how many; the most first."""
    rows = session.execute(
        select(Subscription.lang, func.count())
        .where(rhythms.gets(newsletter, rhythm, now))
        .group_by(Subscription.lang)
    )
    found: Counter[str] = Counter()
    for lang, many in rows:
        found[lang or newsletter.lang] += many
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


def _audiences(
    session: Session, newsletter: Newsletter, rhythm: str, inside: list[int], now: datetime
) -> list[Audience]:
    found = session.scalars(statements.with_translations().where(Statement.id.in_(inside)))
    langs = [(one.lang, *sorted(words.lang for words in one.translations)) for one in found]
    return [
        Audience(lang, many, _elsewhere(lang, newsletter, langs))
        for lang, many in _languages(session, newsletter, rhythm, now)
    ]


def _elsewhere(
    lang: str, newsletter: Newsletter, langs: Sequence[tuple[str, ...]]
) -> list[tuple[str, int]]:
    spoken = known(lang) or known(newsletter.lang) or SOURCE
    wanted = f"{lang},{spoken},{newsletter.lang}"  # as an edition chooses
    got = Counter(statements.nearest(wanted, have) for have in langs)
    return [(one, many) for one, many in got.most_common() if _primary(one) != _primary(lang)]


def _primary(lang: str) -> str:
    return lang.partition("-")[0].lower()


def _withdrawn(session: Session, digest: Digest) -> Sequence[tuple[str, str]]:
    if digest.state != DigestState.APPROVED:
        return []
    rows = session.execute(
        select(Statement.title, Statement.lang)
        .join(DigestStatement, DigestStatement.statement_id == Statement.id)
        .where(
            DigestStatement.digest_id == digest.id,
            DigestStatement.is_in,
            Statement.standing != Standing.PUBLISHED,
        )
        .order_by(DigestStatement.position)
    )
    return [(title, lang) for title, lang in rows]


def _published_since(session: Session, digest: Digest, now: datetime) -> int:
    if digest.state != DigestState.APPROVED:
        return 0
    return digests.published_since(session, digest, now)


def _by_rhythm(
    session: Session, newsletter: Newsletter, now: datetime
) -> list[tuple[str, int, int]]:
    found = []
    for rhythm in (Rhythm.EACH, Rhythm.WEEKLY, Rhythm.MONTHLY):
        chosen = select(func.count()).where(
            rhythms.gets(newsletter, rhythm, now), Subscription.rhythm == rhythm
        )
        many = rhythms.readers(session, newsletter, rhythm, now)
        found.append((str(rhythm), many, session.scalar(chosen) or 0))
    return found


def _paused(session: Session, newsletter: Newsletter, now: datetime) -> int:
    query = select(func.count()).where(
        Subscription.newsletter_id == newsletter.id,
        Subscription.state == State.CONFIRMED,
        Subscription.paused_until > now,
    )
    return session.scalar(query) or 0
