"""What subscribers wish of what they get. There is no account: a signed link in a mail opens it.

Such links are passed on with the mails that they stand in. So the page behind one never shows a
whole address, whatever is new is confirmed by mail as ever, and all that is kept of somebody is
shown, and erased, behind another link, which is mailed to them.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from widgets import collation, newsletters, outbox, pacing, records, statements, topics
from widgets.addresses import Hasher, masked, stored
from widgets.languages import LANGUAGES
from widgets.models import (
    Message,
    MessageState,
    Newsletter,
    NewsletterText,
    Rhythm,
    State,
    Subscriber,
    Subscription,
)
from widgets.models.database import one_at_a_time
from widgets.pacing import Limits
from widgets.suppressions import is_suppressed

RHYTHMS = (Rhythm.EACH, Rhythm.WEEKLY, Rhythm.MONTHLY)
PAUSES: Mapping[str, timedelta | None] = {
    "two-weeks": timedelta(weeks=2),
    "month": timedelta(days=30),
    "three-months": timedelta(days=91),
    "open": None,  # until they say so
}
GOES_ON = "goes-on"  # the pause that there is
UNTIL_TOLD = datetime(9000, 1, 1, tzinfo=UTC)  # the end of a pause without one


class NothingKept(Exception):
    """There is nothing of whom a link was for, or they are not to be written to; nobody learns
    which."""


@dataclass(frozen=True)
class Offered:
    """A newsletter, in the language `lang`, and how it stands with somebody. is_sent: they have
    confirmed it. is_asked: it waits for their confirmation."""

    slug: str
    lang: str
    title: str
    description: str
    consent_text: str
    consent_text_id: int
    is_sent: bool
    is_asked: bool


@dataclass(frozen=True)
class Wishes:
    """What stands in the form. newsletters: the slugs of those that are ticked; rhythms: by slug,
    one of RHYTHMS, or nothing for the newsletter's own; pause: a key of PAUSES, GOES_ON or
    nothing."""

    newsletters: frozenset[str]
    rhythms: Mapping[str, str]
    lang: str
    topics: frozenset[str]
    countries: frozenset[str]
    pause: str


@dataclass(frozen=True)
class Interest:
    """A topic or a country that can be chosen. lang: of its name, where that is not the page's."""

    value: str
    name: str
    lang: str
    is_chosen: bool


@dataclass(frozen=True)
class Page:
    """What there is to choose from, and what is chosen now."""

    address: str  # masked
    newsletters: Sequence[Offered]
    languages: Sequence[str]
    topics: Sequence[Interest]
    countries: Sequence[Interest]
    paused_until: datetime | None  # which may be UNTIL_TOLD
    wishes: Wishes


def page(
    session: Session,
    subscriber_id: uuid.UUID,
    langs: tuple[str, ...],
    now: datetime,
    typed: Wishes | None = None,
) -> Page:
    """The page of a subscriber, in the first of these languages; filled in with what was typed,
    where it comes back. Raises NothingKept."""
    subscriber = standing(session, subscriber_id, now)
    held = _subscriptions(session, subscriber_id)
    wishes = typed or _wishes(session, held, now)
    return Page(
        address=masked(subscriber.address or ""),
        newsletters=[
            _offered(session, slug, held.get(slug), langs) for slug in newsletters.slugs(session)
        ],
        languages=_languages(session),
        topics=_topics(session, held, wishes, langs),
        countries=_countries(session, held, wishes, langs[0]),
        paused_until=_paused_until(held, now),
        wishes=wishes,
    )


def language(session: Session, subscriber_id: uuid.UUID) -> str | None:
    """In which language somebody is written to: that of what they last subscribed to."""
    held = _subscriptions(session, subscriber_id).values()
    latest = max(held, key=lambda one: (one.state == State.CONFIRMED, one.changed_at), default=None)
    return newsletters.lang_of_subscription(session, latest.id) if latest else None


def save(
    session: Session,
    hasher: Hasher,
    limits: Limits,
    subscriber_id: uuid.UUID,
    wishes: Wishes,
    *,
    was_sent: frozenset[str],
    agreed: Mapping[str, int],
    now: datetime,
) -> bool:
    """Does as they wish; whether a mail asks them to confirm something now. What the page offered
    neither is ignored.

    was_sent: the newsletters that were ticked when the page was shown: what was left meanwhile, by
    another page or a mail, does not come back, and what came meanwhile is not lost. agreed: by
    slug, the consent text beside those that were not. Raises NothingKept.
    """
    subscriber = standing(session, subscriber_id, now)
    address = stored(subscriber.address or "")
    one_at_a_time(session, hasher.mailbox(address))
    held = _subscriptions(session, subscriber_id, lock=True)
    lang = wishes.lang if wishes.lang in _languages(session) else ""
    for slug in sorted(was_sent - wishes.newsletters):
        if slug in held and held[slug].state == State.CONFIRMED:
            newsletters.unsubscribe(session, held[slug].id, now)
    wanted = [
        slug
        for slug in newsletters.slugs(session)
        if slug in wishes.newsletters - was_sent
        and slug in agreed
        and not (slug in held and held[slug].state == State.CONFIRMED)
    ]
    for slug in wanted:
        newsletters.sign_up(
            session,
            hasher,
            limits,
            address,
            consent_text_id=agreed[slug],
            site=None,
            lang=lang or language(session, subscriber_id) or "en",
            now=now,
        )
    held = _subscriptions(session, subscriber_id, lock=True)
    chosen = topics.taken(topics.of_statements(session), wishes.topics, _chosen_topics(held))
    countries = _countries_taken(session, held, wishes)
    for slug, subscription in held.items():
        if subscription not in _wanted(held) and slug not in wanted:
            continue
        subscription.topics, subscription.countries = chosen, countries
        if lang:
            subscription.lang = lang
        if wishes.rhythms.get(slug, "?") in ("", *RHYTHMS):
            subscription.rhythm = wishes.rhythms[slug] or None
        if wishes.pause == "":
            subscription.paused_until = None
        elif wishes.pause in PAUSES:
            length = PAUSES[wishes.pause]
            subscription.paused_until = now + length if length else UNTIL_TOLD
    return bool(wanted)


def leave_all(session: Session, subscriber_id: uuid.UUID, now: datetime) -> None:
    """Ends everything that somebody is subscribed to or has asked for. Raises NothingKept."""
    standing(session, subscriber_id, now)
    for subscription in _subscriptions(session, subscriber_id, lock=True).values():
        newsletters.unsubscribe(session, subscription.id, now)


def mail_link(
    session: Session,
    hasher: Hasher,
    limits: Limits,
    subscriber_id: uuid.UUID,
    kind: str,
    now: datetime,
) -> bool:
    """Sends somebody a link at their own address, a few times a day; whether one is sent now. kind:
    "preferences", or "record" for all that is kept of them. Raises NothingKept."""
    subscriber = standing(session, subscriber_id, now)
    mailbox = hasher.mailbox(stored(subscriber.address or ""))
    one_at_a_time(session, mailbox)  # before the count
    lately = session.scalar(
        select(func.count()).where(
            Message.subscriber_id == subscriber_id,
            Message.state != MessageState.VOID,
            Message.created_at > now - timedelta(days=1),
        )
    )
    turn = pacing.turn(session, limits, mailbox, None, now, besides=lately or 0)
    outbox.add(session, kind, now, send_at=turn, subscriber_id=subscriber_id)
    return turn is not None


def erase(
    session: Session, hasher: Hasher, subscriber_id: uuid.UUID, never_again: bool, now: datetime
) -> None:
    """Deletes all that is kept of somebody, as they asked. never_again: keeps the keyed hash of the
    address, so that nothing can be sent there any more, whoever asks for it; without it they can
    sign up anew. Raises NothingKept."""
    subscriber = standing(session, subscriber_id, now)
    records.erase(session, hasher, subscriber.key, "asked" if never_again else None, now)


def standing(session: Session, subscriber_id: uuid.UUID, now: datetime) -> Subscriber:
    """Whom a link is for. Raises NothingKept."""
    subscriber = session.get(Subscriber, subscriber_id)
    if (
        subscriber is None
        or subscriber.address is None
        or is_suppressed(session, subscriber.key, now)
    ):
        raise NothingKept
    return subscriber


def _subscriptions(
    session: Session, subscriber_id: uuid.UUID, *, lock: bool = False
) -> dict[str, Subscription]:
    """Theirs, by the slug of the newsletter."""
    query = (
        select(Newsletter.slug, Subscription)
        .join(Newsletter, Newsletter.id == Subscription.newsletter_id)
        .where(Subscription.subscriber_id == subscriber_id)
        .order_by(Subscription.id)
    )
    if lock:
        query = query.with_for_update(of=Subscription).execution_options(populate_existing=True)
    return {row[0]: row[1] for row in session.execute(query)}


def _offered(
    session: Session, slug: str, held: Subscription | None, langs: tuple[str, ...]
) -> Offered:
    form = newsletters.form(session, slug, *langs)
    return Offered(
        slug,
        form.lang,
        form.title,
        form.description,
        form.consent_text,
        form.consent_text_id,
        is_sent=held is not None and held.state == State.CONFIRMED,
        is_asked=held is not None and held.state == State.PENDING,
    )


def _wishes(session: Session, held: Mapping[str, Subscription], now: datetime) -> Wishes:
    confirmed = [slug for slug, one in held.items() if one.state == State.CONFIRMED]
    latest = max(held.values(), key=lambda one: one.changed_at, default=None)
    lang = language(session, latest.subscriber_id) if latest else None
    return Wishes(
        newsletters=frozenset(confirmed),
        rhythms={slug: held[slug].rhythm or "" for slug in confirmed},
        lang=lang or "",
        topics=frozenset(_chosen_topics(held)),
        countries=frozenset(_chosen_countries(held)),
        pause=GOES_ON if _paused_until(held, now) else "",
    )


def _wanted(held: Mapping[str, Subscription]) -> list[Subscription]:
    """Those that say what somebody wishes."""
    return [one for one in held.values() if one.state in (State.CONFIRMED, State.PENDING)]


def _chosen_topics(held: Mapping[str, Subscription]) -> list[str]:
    return list(dict.fromkeys(topic for one in _wanted(held) for topic in one.topics))


def _chosen_countries(held: Mapping[str, Subscription]) -> list[str]:
    return list(dict.fromkeys(code for one in _wanted(held) for code in one.countries))


def _paused_until(held: Mapping[str, Subscription], now: datetime) -> datetime | None:
    ends = [one.paused_until for one in _wanted(held) if one.paused_until]
    return max((end for end in ends if end > now), default=None)


def _languages(session: Session) -> list[str]:
    """In which they can be written to: ours, and others in which a newsletter has words."""
    others = session.scalars(select(NewsletterText.lang).distinct().order_by(NewsletterText.lang))
    return list(dict.fromkeys((*LANGUAGES, *others)))


def _topics(
    session: Session, held: Mapping[str, Subscription], wishes: Wishes, langs: tuple[str, ...]
) -> list[Interest]:
    """All that is offered, with what is ticked in the form."""
    there = topics.of_statements(session)
    offered = topics.offered(there, _chosen_topics(held), *langs)
    kept = topics.taken(there, wishes.topics, _chosen_topics(held))
    ticked = {name for _, name, is_chosen in topics.offered(there, kept, *langs) if is_chosen}
    return [
        Interest(name, name, "" if lang == langs[0] else lang, name in ticked)
        for lang, name, _ in offered
    ]


def _countries(
    session: Session, held: Mapping[str, Subscription], wishes: Wishes, lang: str
) -> list[Interest]:
    there = _of_statements(session) | set(_chosen_countries(held))
    return [
        Interest(code, name, "", code in wishes.countries)
        for code, name in collation.countries(lang)
        if code in there
    ]


def _countries_taken(
    session: Session, held: Mapping[str, Subscription], wishes: Wishes
) -> list[str]:
    return sorted((_of_statements(session) | set(_chosen_countries(held))) & set(wishes.countries))


def _of_statements(session: Session) -> set[str]:
    """The countries that statements are about."""
    return {code for one in statements.subjects(session) for code in one.countries}
