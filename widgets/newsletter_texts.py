"""What editors write of a newsletter: what it is called in each language, and the consent.

A consent that reads otherwise is a new wording: what was agreed to stays as it was.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from widgets import audit
from widgets.audit import Actor, Subject
from widgets.languages import own_name
from widgets.models import (
    Consent,
    ConsentText,
    Newsletter,
    NewsletterText,
    State,
    Subscription,
)
from widgets.models.fact import content_changed
from widgets.newsletters import NoSuchNewsletter
from widgets.text import clean, has_substance, is_language, same_tag, shorter_tag
from widgets.wording import LANG, LONGEST_LANG, SLUG

LONGEST_SLUG = 63  # characters, as of everything that stands in a widget's address
TAKEN_SLUGS = frozenset({"new"})  # /admin/newsletters/new
LONGEST = {"title": 150, "name": 100, "description": 600, "consent": 1000}  # characters
CALLED = {
    "title": "a headline",
    "name": "a name",
    "description": "a description",
    "consent": "the sentence that readers agree to",
}


class BadWords(ValueError):
    """What can't be kept. problems: a sentence for the editor by the name of the field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


class Overtaken(Exception):
    """Somebody has saved other words since these were shown. theirs: what stands there now."""

    def __init__(self, theirs: "Words | None") -> None:
        super().__init__("Somebody else has saved other words meanwhile.")
        self.theirs = theirs


@dataclass(frozen=True)
class Words:
    """What a form says in one language. name: as it stands in a sentence."""

    title: str = ""
    name: str = ""
    description: str = ""
    consent: str = ""

    @property
    def fingerprint(self) -> str:
        """Tells whether somebody has changed them."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Listed:
    """A newsletter in a list. langs: its own first."""

    newsletter: Newsletter
    words: Words
    langs: list[str]
    confirmed: int
    pending: int


@dataclass(frozen=True)
class Wording:
    """A consent as it read from `since` on. agreed: how many times it was agreed to, by those that
    we still know; still: how many of these subscribe."""

    text: str
    since: datetime
    agreed: int
    still: int


def get(session: Session, slug: str) -> Newsletter:
    """Raises NoSuchNewsletter."""
    found = session.scalar(select(Newsletter).where(Newsletter.slug == slug))
    if found is None:
        raise NoSuchNewsletter(slug)
    return found


def listed(session: Session) -> list[Listed]:
    """All newsletters, the oldest first."""
    return [_listed(session, one) for one in session.scalars(select(Newsletter).order_by("id"))]


def one(session: Session, slug: str) -> Listed:
    """Raises NoSuchNewsletter."""
    return _listed(session, get(session, slug))


def languages_of(session: Session, newsletter: Newsletter) -> list[str]:
    """Those that it has words in, its own first."""
    langs = session.scalars(
        select(NewsletterText.lang)
        .where(NewsletterText.newsletter_id == newsletter.id)
        .order_by(NewsletterText.lang)
    )
    return sorted(langs, key=lambda lang: lang != newsletter.lang)


def words(session: Session, newsletter: Newsletter, lang: str) -> Words | None:
    """What it says in a language now; None where it has no words in it."""
    text = session.get(NewsletterText, (newsletter.id, lang))
    if text is None:
        return None
    return Words(
        text.title, text.name, text.description, _newest_consent(session, newsletter, lang) or ""
    )


def wordings(session: Session, newsletter: Newsletter, lang: str) -> list[Wording]:
    """Every wording of the consent in a language, the newest first."""
    agreed = (
        select(func.count())
        .select_from(Consent)
        .where(Consent.consent_text_id == ConsentText.id)
        .correlate(ConsentText)
    )
    still = agreed.join(Subscription, Subscription.id == Consent.subscription_id).where(
        Subscription.state == State.CONFIRMED, Consent.withdrawn_at.is_(None)
    )
    rows = session.execute(
        select(ConsentText, agreed.scalar_subquery(), still.scalar_subquery())
        .where(ConsentText.newsletter_id == newsletter.id, ConsentText.lang == lang)
        .order_by(ConsentText.id.desc())
    )
    return [Wording(text.text, text.created_at, many, left) for text, many, left in rows]


def language(typed: str) -> str:
    """A language tag as it is usually written. Raises BadWords."""
    tag = shorter_tag(typed.strip()) or typed.strip()
    unknown = not is_language(tag) and len(tag.partition("-")[0]) == 2  # of these, all are known
    if unknown or not re.fullmatch(LANG, tag) or len(tag) > LONGEST_LANG:
        raise BadWords({"lang": "Give the language as a tag, like de, sw, pt-BR or zh-Hant."})
    return same_tag(tag)


def cleaned(typed: Mapping[str, str]) -> Words:
    """The words as they are kept. Raises BadWords."""
    found = {name: clean(typed.get(name, "")) for name in LONGEST}
    problems = {}
    for name, most in LONGEST.items():
        if not has_substance(found[name]):
            problems[name] = f"Please write {CALLED[name]}."
        elif len(found[name]) > most:
            length = len(found[name])
            problems[name] = f"This has {length:,} characters; {most:,} is the most there can be."
    if problems:
        raise BadWords(problems)
    return Words(**found)


def add(
    session: Session, slug: str, lang: str, typed: Mapping[str, str], actor: Actor, now: datetime
) -> Newsletter:
    """A new newsletter with its words in its own language. Raises BadWords."""
    problems: dict[str, str] = {}
    if not re.fullmatch(SLUG, slug) or len(slug) > LONGEST_SLUG:
        problems["slug"] = (
            f"The short name has a to z, 0 to 9 and single hyphens, {LONGEST_SLUG} characters at "
            "most: like “monthly-letter”."
        )
    elif slug in TAKEN_SLUGS:
        problems["slug"] = f"“{slug}” can’t be a short name; the console needs it."
    elif session.scalar(select(exists().where(Newsletter.slug == slug))):
        problems["slug"] = f"There is a newsletter “{slug}” already."
    for check in (lambda: language(lang), lambda: cleaned(typed)):
        try:
            check()
        except BadWords as error:
            problems |= error.problems
    if problems:
        raise BadWords(problems)
    newsletter = Newsletter(slug=slug, lang=language(lang))
    session.add(newsletter)
    session.flush()
    written = cleaned(typed)
    _write(session, newsletter, newsletter.lang, written, now)
    audit.record(
        session,
        actor,
        "added",
        Subject("newsletter", slug, written.name),
        now,
        lang=newsletter.lang,
    )
    content_changed(session)
    return newsletter


def save(
    session: Session,
    slug: str,
    lang: str,
    typed: Mapping[str, str],
    seen: str,
    actor: Actor,
    now: datetime,
) -> bool:
    """Writes a newsletter's words in a language; whether that changed anything. seen: the
    fingerprint of the words that were shown to whoever wrote these ("": there were none).
    Raises NoSuchNewsletter, BadWords and Overtaken."""
    newsletter = session.scalar(select(Newsletter).where(Newsletter.slug == slug).with_for_update())
    if newsletter is None:
        raise NoSuchNewsletter(slug)
    new, old = cleaned(typed), words(session, newsletter, lang)
    if old == new:
        return False
    if seen != (old.fingerprint if old else ""):
        raise Overtaken(old)
    _write(session, newsletter, lang, new, now)
    changed = {
        name: {"from": getattr(old, name) if old else "", "to": getattr(new, name)}
        for name in LONGEST
        if old is None or getattr(old, name) != getattr(new, name)
    }
    action = "changed" if old else "translated"
    audit.record(session, actor, action, _subject(session, newsletter), now, lang=lang, **changed)
    content_changed(session)
    return True


def remove(session: Session, slug: str, lang: str, actor: Actor, now: datetime) -> None:
    """Takes the words in a language away, but not its own. Who agreed to a wording in it still
    did. Raises NoSuchNewsletter and BadWords."""
    newsletter = get(session, slug)
    if lang == newsletter.lang:
        raise BadWords({"lang": "A newsletter keeps the words in its own language."})
    old = words(session, newsletter, lang)
    if old is None:
        return
    session.execute(
        delete(NewsletterText).where(
            NewsletterText.newsletter_id == newsletter.id, NewsletterText.lang == lang
        )
    )
    details = {name: getattr(old, name) for name in LONGEST}
    subject = _subject(session, newsletter)
    audit.record(session, actor, "translation removed", subject, now, lang=lang, **details)
    content_changed(session)


def choices(taken: Sequence[str], offered: Sequence[str]) -> list[tuple[str, str]]:
    """Of the offered languages, those that are not taken, with what each calls itself."""
    return [(lang, own_name(lang)) for lang in offered if lang not in taken]


def _listed(session: Session, newsletter: Newsletter) -> Listed:
    rows = session.execute(
        select(Subscription.state, func.count())
        .where(Subscription.newsletter_id == newsletter.id)
        .group_by(Subscription.state)
    )
    many = {row[0]: row[1] for row in rows}
    return Listed(
        newsletter,
        words(session, newsletter, newsletter.lang) or Words(name=newsletter.slug),
        languages_of(session, newsletter),
        many.get(State.CONFIRMED, 0),
        many.get(State.PENDING, 0),
    )


def _write(session: Session, newsletter: Newsletter, lang: str, new: Words, now: datetime) -> None:
    session.merge(
        NewsletterText(
            newsletter_id=newsletter.id,
            lang=lang,
            title=new.title,
            name=new.name,
            description=new.description,
        )
    )
    if _newest_consent(session, newsletter, lang) != new.consent:
        session.add(
            ConsentText(newsletter_id=newsletter.id, lang=lang, text=new.consent, created_at=now)
        )
    session.flush()


def _newest_consent(session: Session, newsletter: Newsletter, lang: str) -> str | None:
    return session.scalar(
        select(ConsentText.text)
        .where(ConsentText.newsletter_id == newsletter.id, ConsentText.lang == lang)
        .order_by(ConsentText.id.desc())
        .limit(1)
    )


def _subject(session: Session, newsletter: Newsletter) -> Subject:
    own = session.get(NewsletterText, (newsletter.id, newsletter.lang))
    return Subject("newsletter", newsletter.slug, own.name if own else newsletter.slug)
