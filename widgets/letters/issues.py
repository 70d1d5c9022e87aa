"""Issues of newsletters as mail, and what editors are told of them."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from widgets import digests, editions, languages, plaintext, rhythms, suppressions
from widgets.editions import Edition, Item, Wishes
from widgets.languages import SOURCE
from widgets.letters import stories
from widgets.letters.draft import Draft, Mailing
from widgets.models import (
    Digest,
    DigestState,
    Message,
    State,
    Subscription,
)
from widgets.service import Service
from widgets.text import blocks, direction, long_date, shortened, thousands

SHORTEST_SENDER_ID, LONGEST_SENDER_ID = 5, 15  # characters, by Google's rules for Feedback-ID
LONGEST_HEADLINE = 110  # characters, of a subject
LONGEST_PREHEADER = 160
# What stands in a letter for the links of one person until it is for one.
UNSUBSCRIBE = "https://unsubscribe.invalid/"
PREFERENCES = "https://preferences.invalid/"


def issue(service: Service, session: Session, row: Message) -> Draft | None:
    """An issue for a subscriber. Not wanted where they left, pause, or wish to read of nothing
    that is in it and still stands."""
    subscription, digest = row.subscription, row.digest
    if subscription is None or digest is None:
        return None
    if not is_wanted(session, subscription, datetime.now(UTC)):
        return None
    edition = for_reader(session, digest, subscription)
    address = subscription.subscriber.address
    if edition is None or address is None:
        return None
    unsubscribe = unsubscribe_link(service, subscription.id)
    preferences = preferences_link(service, subscription.subscriber_id)
    return draft(service, edition, address, unsubscribe, preferences)


def draft(service: Service, edition: Edition, to: str, unsubscribe: str, preferences: str) -> Draft:
    """An edition for one person, with the links that are theirs."""
    return Draft(
        to=to,
        lang=edition.spoken,
        values=lambda: values(service, edition, unsubscribe, preferences),
        unsubscribe=unsubscribe,
        mailing=mailing(service, edition),
    )


def unsubscribe_link(service: Service, subscription_id: uuid.UUID) -> str:
    return service.settings.url(f"/unsubscribe/{service.links.unsubscribe(subscription_id)}")


def preferences_link(service: Service, subscriber_id: uuid.UUID) -> str:
    return service.settings.url(f"/preferences/{service.links.preferences(subscriber_id)}")


def mailing(service: Service, edition: Edition) -> Mailing:
    """What an issue says of itself to mail programs."""
    settings = service.settings
    host = settings.host_name
    if host[-1:].isdigit() or ":" in host:  # an address, which names nobody
        host = "localhost"
    issue = f"{edition.number or 0}:{edition.newsletter}:{edition.rhythm}"
    return Mailing(
        list_id=f"{edition.newsletter}.{host}",
        name=edition.title,
        archive=settings.url(f"/newsletters/{edition.newsletter}"),
        feedback_id=f"{issue}:{_sender_id(host)}",
    )


def _sender_id(host: str) -> str:
    """Of a Feedback-ID: 5 to 15 letters and digits that stay the same.

    >>> _sender_id("widgets.network.example"), _sender_id("a.b")
    ('networkexample', 'ab000')
    """
    labels = host.split(".")
    names = ["".join(filter(str.isalnum, ".".join(labels[at:]))) for at in range(len(labels))]
    fitting = next((name for name in names if len(name) <= LONGEST_SENDER_ID), names[-1])
    return fitting[-LONGEST_SENDER_ID:].ljust(SHORTEST_SENDER_ID, "0")


def is_wanted(session: Session, subscription: Subscription, now: datetime) -> bool:
    """Whether a subscriber may be written to at this moment."""
    subscriber = subscription.subscriber
    if not may_get(subscription.state, subscriber.address, subscription.paused_until, now):
        return False
    return not suppressions.is_suppressed(session, subscriber.key, now)


def may_get(state: str, address: str | None, paused_until: datetime | None, now: datetime) -> bool:
    """The same of what stands in their subscription; an address may be suppressed all the same."""
    is_paused = paused_until is not None and paused_until > now
    return state == State.CONFIRMED and address is not None and not is_paused


def for_reader(session: Session, digest: Digest, subscription: Subscription) -> Edition | None:
    """An issue in their language, with what they wish to read of and what still stands; None where
    that is nothing."""
    edition = editions.of(session, digest, subscription.lang)
    wishes = Wishes.of(subscription.topics, subscription.countries)
    stand = editions.standing(session, [item.id for item in edition.items])
    items = [item for item in edition.items if item.id in stand and wishes.include(item)]
    return replace(edition, items=items) if items else None


def test_issue(service: Service, session: Session, row: Message) -> Draft | None:
    """An issue that an editor sends to themselves, in the network's language, to look at."""
    editor, digest = row.editor, row.digest
    if editor is None or editor.removed_at is not None or digest is None:
        return None
    edition = preview(session, digest, digest.newsletter.lang, datetime.now(UTC))
    if edition is None:
        return None
    return Draft(
        to=editor.address,
        lang=edition.spoken,
        values=lambda: values(service, edition, UNSUBSCRIBE, PREFERENCES, is_test=True),
    )


def preview(session: Session, digest: Digest, lang: str, now: datetime) -> Edition | None:
    """An issue that has not begun to be sent, for a subscriber without wishes who reads this
    language; None where nothing is in it."""
    ids = digests.contents(session, digest, now)
    return editions.make(session, digest, ids, lang, now) if ids else None


def waits(service: Service, session: Session, row: Message) -> Draft | None:
    """Tells an editor that an issue is due and waits to be approved."""
    editor, digest = row.editor, row.digest
    if editor is None or editor.removed_at is not None:
        return None
    if digest is None or digest.state != DigestState.DRAFT:
        return None
    now = datetime.now(UTC)
    ids = digests.contents(session, digest, now)
    newsletter = digest.newsletter
    return Draft(
        to=editor.address,
        lang=SOURCE,
        values=lambda: {
            "name": editor.name,
            "newsletter": newsletter.slug,
            "titles": [
                item.title
                for item in editions.make(session, digest, ids, newsletter.lang, now).items
            ],
            "readers": rhythms.readers(session, newsletter, digest.rhythm, now),
            "link": service.settings.url(f"/admin/newsletters/{newsletter.slug}/issues"),
        },
    )


def values(
    service: Service,
    edition: Edition,
    unsubscribe: str,
    preferences: str,
    *,
    is_test: bool = False,
) -> dict[str, Any]:
    """What the templates of an issue say, in the language that is spoken."""
    settings = service.settings
    first_words, first_lang = stories.preheader(edition)
    return {
        "edition": edition,
        "stories": stories.told(edition, settings.url, whole=edition.is_whole),
        "more": stories.beyond(edition),
        "subject_line": subject(edition, settings.network_name),
        "preheader": shortened(first_words, LONGEST_PREHEADER),
        "preheader_lang": first_lang,
        "introduction": blocks(edition.introduction),
        "plain_introduction": plaintext.written(edition.introduction, edition.introduction_lang),
        "day_and_number": stories.day_and_number(edition),
        "web_version": settings.url(web_path(edition)) if edition.path else "",
        "unsubscribe": unsubscribe,
        "preferences": preferences,
        "postal_address": settings.postal_address,
        "is_test": is_test,
        "direction": direction,
        "long_date": lambda day: long_date(day, languages.spoken()),
        "underlined": plaintext.underlined,
    }


def web_path(edition: Edition) -> str:
    """Of the web version, in the edition's language: of an alert, the statement itself, with all
    its names."""
    if edition.is_whole:
        return edition.items[0].path
    return f"{edition.path}?lang={edition.lang}"


def subject(edition: Edition, network: str) -> str:
    """An editor's, or one that is made from the headlines."""
    if edition.subject:
        return edition.subject
    first: Item = edition.items[0]
    title = shortened(first.title, LONGEST_HEADLINE)
    more = len(edition.items) - 1
    if edition.is_whole or not more:
        return title
    return languages.ngettext(
        "%(title)s, and %(count)s more statement",
        "%(title)s, and %(count)s more statements",
        more,
        title=title,
        count=thousands(more, languages.spoken()),
    )
