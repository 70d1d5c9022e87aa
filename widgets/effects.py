"""What readers will see otherwise when a statement is published, corrected or withdrawn: a dry run.

It is worked out by what chooses the statements for each page and widget (widgets.statements), with
the statement and without it. Tests hold it against what all public addresses answer before and
after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from widgets import digests, rhythms, statements, text
from widgets.models import (
    Digest,
    DigestState,
    Member,
    Newsletter,
    NewsletterText,
    Rhythm,
    Sighting,
    Standing,
    Statement,
)
from widgets.statements import Subject, first, nearest_to, subjects

LOOKED_BACK = timedelta(days=30)  # over which a widget was seen on a site


class Step(StrEnum):
    PUBLISH = "publish"
    CORRECT = "correct"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Place:
    """A public address whose answer will be another. kind: "page", "data" or "widget". path: with
    the query that matters, in whatever language it is asked for. what: in words. narrowed: to a
    topic, a country or a statement that the frame asks for."""

    kind: str
    path: str
    what: str
    narrowed: str = ""


@dataclass(frozen=True)
class Seen:
    """A widget that will change, where it was shown of late. member: its name; "" for sites that
    are no member's. widget: its path after /embed/. shown: how often in LOOKED_BACK."""

    member_slug: str
    member: str
    widget: str
    last: date
    shown: int


@dataclass(frozen=True)
class Issue:
    """An issue that a statement will be in. due: None where an editor sends it by hand; approved:
    whether one must approve it first."""

    rhythm: str
    due: datetime | None
    zone: str
    to_approve: bool
    readers: int


@dataclass(frozen=True)
class Mailing:
    """What a newsletter does with a statement. at_once: to how many it is sent within moments.
    only_urgent: it brings what is urgent and nothing else; then this is what it does with it as
    urgent."""

    name: str
    only_urgent: bool
    at_once: int
    issues: tuple[Issue, ...]


@dataclass(frozen=True)
class Sent:
    """An issue in which a statement went out, or is going out. name: of its newsletter, whose short
    name is slug; sent: to how many so far; is_going: whether more are to get it."""

    name: str
    slug: str
    number: int
    sent: int
    is_going: bool


@dataclass(frozen=True)
class Effects:
    """place: which in the list of statements it has or will have, from 1. newest: the headline and
    language of the one that frames with the latest statement show afterwards; None: no statement.
    newsletters: what each does with it; sent: where it was in a mail already."""

    step: Step
    places: tuple[Place, ...]
    seen: tuple[Seen, ...]
    newsletters: tuple[Mailing, ...]
    sent: tuple[Sent, ...]
    place: int
    newest: tuple[str, str] | None

    def changes_latest(self) -> bool:
        """Whether frames change that show the latest statement, whatever it is about."""
        return any(place.path == LATEST for place in self.places)


@dataclass(frozen=True)
class _Narrowing:
    topic: str = ""
    country: str = ""

    def query(self) -> str:
        asked = (("country", self.country), ("topic", self.topic))
        return "&".join(f"{name}={value}" for name, value in asked if value)

    def words(self) -> str:
        country = text.country_name(self.country, "en") if self.country else ""
        return ", ".join(filter(None, (self.topic, country)))


LATEST = "/embed/statements/latest"
STORIES = "/embed/stories"


def of(session: Session, statement: Statement, step: Step, lang: str, now: datetime) -> Effects:
    """What this step would change. statement: with its translations; lang: the network's."""
    whole = subjects(session, also=statement.id)
    others = [one for one in whole if one.id != statement.id]
    before = others if step == Step.PUBLISH else whole
    after = others if step == Step.WITHDRAW else whole
    places = (
        *_its_own(statement, step),
        *_lists(statement, step, before, after),
        *_latest(statement, step, before, after),
        *_stories(session, statement, before, after),
    )
    newest = first(after)
    issues = digests.with_statement(session, statement.id)
    places += tuple(_issues(issues, step))
    return Effects(
        step,
        places,
        tuple(_seen(session, _widgets(statement, places), now)),
        tuple(_mailings(session, statement, lang, now)) if step == Step.PUBLISH else (),
        tuple(_sent(session, issues, lang, now)),
        next(place for place, one in enumerate(whole, 1) if one.id == statement.id),
        _headlines(session, [newest.id])[newest.id] if newest else None,
    )


def _its_own(statement: Statement, step: Step) -> Iterator[Place]:
    page, card = f"/statements/{statement.slug}", f"/embed/statements/{statement.slug}"
    full = f"{card}?view=full"
    yield Place("page", page, "its page")
    if step == Step.CORRECT:
        yield Place("page", f"{page}/embed?widget=full", "the snippet of all its text: higher")
    else:
        yield Place("page", f"{page}/embed", "where its snippets are put together")
        yield Place("page", f"{page}/share.png", "the picture that is drawn for links to it")
    yield Place("data", f"{page}.json", "the statement as data")
    if step != Step.CORRECT:
        yield Place(
            "data", f"/oembed?url={page}", "what WordPress and others are told of its page (oEmbed)"
        )
        yield Place("data", f"/oembed?url={card}", "the same of its card")
    yield Place(
        "data",
        f"/oembed?url={full}",
        "the same of all its text"
        if step != Step.CORRECT
        else "what WordPress and others are told of all its text (oEmbed)",
    )
    yield Place("widget", card, "its card")
    yield Place("widget", full, "all its text")
    if step != Step.CORRECT:
        yield Place("widget", f"{card}/signatories", "the names under it")


def _lists(
    statement: Statement, step: Step, before: Sequence[Subject], after: Sequence[Subject]
) -> Iterator[Place]:
    most = statements.MOST_IN_A_FEED
    is_fed = any(one.id == statement.id for one in (*before[:most], *after[:most]))
    if step != Step.CORRECT:
        yield Place("page", "/", "the list of statements")
    entry = "the Atom feed" if is_fed else "the Atom feed, only the time of its last change"
    yield Place("data", "/feed.atom", entry)
    if is_fed:
        yield Place("data", "/feed.json", "the JSON feed")
    yield Place("data", "/sitemap.xml", "the sitemap for search engines")


def _latest(
    statement: Statement, step: Step, before: Sequence[Subject], after: Sequence[Subject]
) -> Iterator[Place]:
    for narrowing in _narrowings(statement):
        asked = (narrowing.topic, narrowing.country)
        old, new = first(before, *asked), first(after, *asked)
        is_corrected = step == Step.CORRECT and new is not None and new.id == statement.id
        if old is not new or is_corrected:
            path = _with_query(LATEST, narrowing.query())
            yield Place("widget", path, "the latest statement", narrowing.words())


def _stories(
    session: Session, statement: Statement, before: Sequence[Subject], after: Sequence[Subject]
) -> Iterator[Place]:
    """Of other statements these show the headline only, which no correction changes."""
    if before == after:
        return
    for narrowing in _narrowings(statement):
        asked = (narrowing.topic, narrowing.country)
        if nearest_to("", before, *asked) != nearest_to("", after, *asked):
            path = _with_query(STORIES, narrowing.query())
            yield Place("widget", path, "more stories", narrowing.words())
    whole = max(before, after, key=len)
    changed = [one for one in whole if nearest_to(one.slug, before) != nearest_to(one.slug, after)]
    headlines = _headlines(session, [one.id for one in changed])
    liked = [(one.slug, headlines[one.id][0]) for one in changed]
    if nearest_to("", before) != nearest_to("", after):  # what is like nothing that stands
        rows = session.execute(
            select(Statement.slug, Statement.title)
            .where(Statement.standing == Standing.WITHDRAWN, Statement.id != statement.id)
            .order_by(Statement.id)
        )
        liked += [(slug, headline) for slug, headline in rows]
    for slug, headline in liked:
        yield Place("widget", f"{STORIES}?like={slug}", "more stories", f"like “{headline}”")


def _narrowings(statement: Statement) -> list[_Narrowing]:
    """All that frames can ask for and this statement answers to."""
    topics: dict[str, str] = {}
    translated = (topic for one in statement.translations for topic in one.topics)
    for topic in (*statement.topics, *translated):
        topics.setdefault(text.fold(topic), topic)
    return [
        _Narrowing(topic, country)
        for country in ("", *statement.countries)
        for topic in ("", *topics.values())
    ]


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _widgets(statement: Statement, places: Sequence[Place]) -> set[str]:
    """What sightings call the widgets that change."""
    paths = (place.path.partition("?")[0] for place in places if place.kind == "widget")
    return {path.removeprefix("/embed/") for path in paths}


def _seen(session: Session, widgets: set[str], now: datetime) -> Iterator[Seen]:
    rows = session.execute(
        select(
            Sighting.member_slug,
            Member.name,
            Sighting.widget,
            func.max(Sighting.day),
            func.sum(Sighting.shown),
        )
        .outerjoin(Member, Member.slug == Sighting.member_slug)
        .where(Sighting.widget.in_(widgets), Sighting.day > (now - LOOKED_BACK).date())
        .group_by(Sighting.member_slug, Member.name, Sighting.widget)
    )
    found = [
        Seen(slug if name else "", name or "", widget, last, int(shown))
        for slug, name, widget, last, shown in rows
    ]
    # of no member's sites last
    yield from sorted(found, key=lambda one: (not one.member, text.fold(one.member), one.widget))


def _issues(issues: Sequence[Digest], step: Step) -> Iterator[Place]:
    """Those in which it went out, as they stand on the web."""
    for issue in issues:
        path = f"/newsletters/{issue.newsletter.slug}/{issue.number}"
        yield Place(
            "page", path, f"number {issue.number} of {issue.newsletter.slug}, in which it went out"
        )
    if step == Step.CORRECT:
        return
    for slug in dict.fromkeys(issue.newsletter.slug for issue in issues):
        yield Place("page", f"/newsletters/{slug}", f"the issues of {slug}")
        yield Place(
            "data", f"/newsletters/{slug}/feed.atom", f"the Atom feed of the issues of {slug}"
        )


def _sent(session: Session, issues: Sequence[Digest], lang: str, now: datetime) -> Iterator[Sent]:
    called = _newsletters(session, lang)
    for issue in issues:
        assert issue.number
        yield Sent(
            called[issue.newsletter_id],
            issue.newsletter.slug,
            issue.number,
            digests.progress(session, issue, now).sent,
            issue.state != DigestState.SENT,
        )


def _mailings(
    session: Session, statement: Statement, lang: str, now: datetime
) -> Iterator[Mailing]:
    called = _newsletters(session, lang)
    for newsletter in session.scalars(select(Newsletter).order_by(Newsletter.id)):
        brings = [
            rhythm
            for rhythm in rhythms.wanted(session, newsletter) or [rhythms.usual(newsletter)]
            if digests.is_news(session, newsletter, rhythm, statement, now, is_urgent=True)
        ]
        at_once = 0
        if Rhythm.EACH in brings:
            at_once = rhythms.readers(session, newsletter, Rhythm.EACH, now)
        issues = tuple(
            _issue(session, newsletter, rhythm, now) for rhythm in brings if rhythm != Rhythm.EACH
        )
        if brings:
            name = called[newsletter.id]
            yield Mailing(name, newsletter.only_urgent, at_once, issues)


def _issue(session: Session, newsletter: Newsletter, rhythm: str, now: datetime) -> Issue:
    """The next that is not approved: in one that is, nothing new comes any more."""
    upcoming = digests.upcoming(session, newsletter, rhythm)
    due = upcoming.due_at if upcoming else rhythms.due(newsletter, rhythm, now)
    if upcoming and upcoming.state == DigestState.APPROVED:
        due = rhythms.due(newsletter, rhythm, max(due or now, now))
    return Issue(
        rhythm=rhythm,
        due=due,
        zone=newsletter.zone,
        to_approve=not newsletter.by_itself,
        readers=rhythms.readers(session, newsletter, rhythm, now),
    )


def _newsletters(session: Session, lang: str) -> dict[int, str]:
    """Their names, in the network's language where they have one in it, else in their own."""
    rows = session.execute(
        select(Newsletter.id, Newsletter.lang, NewsletterText.lang, NewsletterText.name)
        .join(NewsletterText, NewsletterText.newsletter_id == Newsletter.id)
        .order_by(Newsletter.id)
    ).all()
    own = {id_: name for id_, its_own, tag, name in rows if tag == its_own}
    ours = {id_: name for id_, _, tag, name in rows if tag == lang}
    return own | ours


def _headlines(session: Session, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    rows = session.execute(
        select(Statement.id, Statement.title, Statement.lang).where(Statement.id.in_(ids))
    )
    return {id_: (title, lang) for id_, title, lang in rows}
