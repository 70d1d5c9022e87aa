"""What an issue of a newsletter says in one language.

It is fixed when sending begins, so that every reader of a language gets the same, whatever is
edited meanwhile. Only what is withdrawn meanwhile is left out of what has yet to go.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets import newsletters, signatories, statements, text
from widgets.languages import LANGUAGES, SOURCE, known
from widgets.models import (
    Digest,
    DigestEdition,
    DigestStatement,
    DigestText,
    Newsletter,
    Rhythm,
    Standing,
    State,
    Statement,
    Subscription,
)
from widgets.models.database import insert
from widgets.statements import Shown

MOST_LANGUAGES = 60  # of one issue; who asked for another gets the newsletter's own
WIDEST_PICTURE = 1120  # pixels: twice the column
SMALL_PICTURE = 336  # pixels: twice what stands beside a headline


@dataclass(frozen=True)
class Picture:
    """A picture as it stands in a mail: path of ours, and its size in pixels. small: path of the
    same, for where it stands beside a headline."""

    path: str
    width: int
    height: int
    small: str
    alt: str
    credit: str | None


@dataclass(frozen=True)
class Correction:
    """What was corrected, for readers. on: the day, ISO 8601."""

    text: str
    lang: str
    on: str

    @property
    def day(self) -> date:
        return date.fromisoformat(self.on)


@dataclass(frozen=True)
class Item:
    """A statement in an issue. path: of its page, in this language; lede: its first paragraph;
    body: Markdown, where an issue brings it whole ("" elsewhere); names, people: how many
    organisations and people stand under it; subjects: its topics in each of its languages,
    folded, by which readers choose."""

    id: int
    slug: str
    lang: str
    path: str
    title: str
    on: str  # the day that it carries, ISO 8601
    lede: str
    body: str
    pull_quote: str | None
    picture: Picture | None
    names: int
    people: int
    correction: Correction | None
    topics: list[str]
    countries: list[str]
    subjects: list[list[str]]

    @property
    def day(self) -> date:
        return date.fromisoformat(self.on)


@dataclass(frozen=True)
class Edition:
    """An issue in a language. lang: the one asked for; spoken: that of ours which the words around
    are in. name, title: of the newsletter ("the weekly update", "Weekly update"); subject: ""
    where it is made from the headlines; introduction: Markdown, in introduction_lang. path: of its
    web version; number: None as long as it has none."""

    lang: str
    spoken: str
    newsletter: str
    name: str
    title: str
    rhythm: str
    number: int | None
    on: str
    subject: str
    introduction: str
    introduction_lang: str
    items: list[Item] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/newsletters/{self.newsletter}/{self.number}" if self.number else ""

    @property
    def day(self) -> date:
        return date.fromisoformat(self.on)

    @property
    def is_whole(self) -> bool:
        """Whether it brings a statement with its whole text: an alert."""
        return self.rhythm == Rhythm.EACH


@dataclass(frozen=True)
class Wishes:
    """Of what a subscriber wants to read: on one of these topics or countries; all, where there
    are none."""

    topics: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()

    @classmethod
    def of(cls, topics: Iterable[str], countries: Iterable[str]) -> "Wishes":
        return cls(
            frozenset(text.fold(one) for one in topics),
            frozenset(one.upper() for one in countries),
        )

    def include(self, item: Item) -> bool:
        if not self.topics and not self.countries:
            return True
        return any(self.topics.intersection(one) for one in item.subjects) or bool(
            self.countries.intersection(item.countries)
        )


def make(
    session: Session,
    digest: Digest,
    statement_ids: Sequence[int],
    lang: str,
    now: datetime,
) -> Edition:
    """What an issue says in a language (a tag, BCP 47). What there is not in it is in the
    newsletter's own."""
    newsletter = digest.newsletter
    spoken = known(lang) or known(newsletter.lang) or SOURCE
    words = newsletters.words(session, newsletter, *_tags(lang), spoken)
    above = _above(session, digest, lang, newsletter)
    introduced = next((one for one in above if one.introduction), None)
    wanted = f"{lang},{spoken},{newsletter.lang}"
    shown = statements.in_order(session, list(statement_ids), wanted)
    subjects = _subjects(session, statement_ids)
    return Edition(
        lang=lang,
        spoken=spoken,
        newsletter=newsletter.slug,
        name=words.name,
        title=words.title,
        rhythm=digest.rhythm,
        number=digest.number,
        on=(digest.started_at or digest.due_at or now).date().isoformat(),
        subject=above[0].subject if above else "",
        introduction=introduced.introduction if introduced else "",
        introduction_lang=introduced.lang if introduced else spoken,
        items=[
            _item(session, one, subjects[one.id], whole=digest.rhythm == Rhythm.EACH)
            for one in shown
        ],
    )


def fix(session: Session, digest: Digest) -> None:
    """Keeps what an issue that begins to be sent says, in each language that its readers asked for
    and in each of ours."""
    asked = session.scalars(
        select(Subscription.lang)
        .where(
            Subscription.newsletter_id == digest.newsletter_id,
            Subscription.state == State.CONFIRMED,
            Subscription.lang.is_not(None),
        )
        .distinct()
        .limit(MOST_LANGUAGES)
    )
    inside = session.scalars(
        select(DigestStatement.statement_id)
        .where(DigestStatement.digest_id == digest.id, DigestStatement.is_in)
        .order_by(DigestStatement.position)
    ).all()
    for lang in dict.fromkeys((digest.newsletter.lang, *LANGUAGES, *asked)):
        if lang:
            _keep(session, digest, inside, lang)


def of(session: Session, digest: Digest, lang: str | None) -> Edition:
    """What an issue that has begun to be sent says in a language; where it has none, in the
    nearest, else in the newsletter's own."""
    lang = lang or digest.newsletter.lang
    found = session.get(DigestEdition, (digest.id, lang))
    if found is None:
        have = session.scalars(
            select(DigestEdition.lang).where(DigestEdition.digest_id == digest.id)
        ).all()
        own = digest.newsletter.lang
        nearest = statements.nearest(lang, [own, *(one for one in have if one != own)])
        found = session.get_one(DigestEdition, (digest.id, nearest))
    return loaded(found.content)


def loaded(content: dict[str, Any]) -> Edition:
    """An edition as it was kept."""
    items = [
        Item(
            **{
                **item,
                "picture": Picture(**item["picture"]) if item["picture"] else None,
                "correction": Correction(**item["correction"]) if item["correction"] else None,
            }
        )
        for item in content["items"]
    ]
    return Edition(**{**content, "items": items})


def standing(session: Session, statement_ids: Iterable[int]) -> set[int]:
    """Which of these statements stand now."""
    return set(
        session.scalars(
            select(Statement.id).where(
                Statement.id.in_(list(statement_ids)), Statement.standing == Standing.PUBLISHED
            )
        )
    )


def _keep(session: Session, digest: Digest, inside: Sequence[int], lang: str) -> None:
    started = digest.started_at
    assert started
    made = make(session, digest, inside, lang, started)
    session.execute(
        insert(session, DigestEdition)
        .values(digest_id=digest.id, lang=lang, content=asdict(made))
        .on_conflict_do_nothing()
    )


def _item(session: Session, shown: Shown, subjects: list[list[str]], *, whole: bool) -> Item:
    tally = signatories.tally(session, shown.id)
    path = f"/statements/{shown.slug}"
    if len(shown.languages) > 1:
        path += f"?lang={shown.lang}"
    return Item(
        id=shown.id,
        slug=shown.slug,
        lang=shown.lang,
        path=path,
        title=shown.title,
        on=shown.published_on.isoformat(),
        lede=text.lede(shown.body),
        body=shown.body if whole else "",
        pull_quote=shown.pull_quote,
        picture=_picture(shown),
        names=tally.organisations,
        people=tally.people,
        correction=correction(shown),
        topics=list(shown.topics),
        countries=list(shown.countries),
        subjects=subjects,
    )


def correction(shown: Shown) -> Correction | None:
    """What readers are told was corrected in a statement."""
    notice = shown.correction
    return Correction(notice.text, notice.lang, notice.on.isoformat()) if notice else None


def _picture(shown: Shown) -> Picture | None:
    image = shown.image
    if image is None:
        return None
    fitting = [one for one in image.widths if one <= WIDEST_PICTURE] or image.widths[:1]
    width = max(fitting)
    small = min((one for one in image.widths if one >= SMALL_PICTURE), default=width)
    return Picture(
        path=f"/pictures/{image.digest}-{width}.jpg",
        width=width,
        height=round(image.height * width / image.width),
        small=f"/pictures/{image.digest}-{small}.jpg",
        alt=shown.image_alt,
        credit=shown.image_credit,
    )


def _subjects(session: Session, statement_ids: Sequence[int]) -> dict[int, list[list[str]]]:
    """The topics of statements, in each of their languages, folded."""
    found = session.scalars(
        statements.with_translations().where(Statement.id.in_(list(statement_ids)))
    )
    return {
        one.id: [
            sorted({text.fold(topic) for topic in topics})
            for topics in (one.topics, *(words.topics for words in one.translations))
        ]
        for one in found
    }


def _above(session: Session, digest: Digest, lang: str, newsletter: Newsletter) -> list[DigestText]:
    """What the editor wrote: in the language first, then in the newsletter's own."""
    tags = dict.fromkeys((*_tags(lang), newsletter.lang))
    found = (session.get(DigestText, (digest.id, tag)) for tag in tags)
    return [text for text in found if text]


def _tags(lang: str) -> tuple[str, ...]:
    """The tag and those above it (RFC 4647, lookup): pt-BR, pt."""
    parts = lang.split("-")
    return tuple("-".join(parts[:length]) for length in range(len(parts), 0, -1))
