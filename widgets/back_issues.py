"""Issues that have begun to be sent, as anybody can read them: what each says is kept, but what was
withdrawn since is only named, and what was corrected since says so."""

from dataclasses import dataclass, replace

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, joinedload

from widgets import digests, editions, languages, newsletters, statements
from widgets.editions import Edition, Item
from widgets.letters import issues
from widgets.models import Digest, Newsletter, NewsletterText
from widgets.newsletters import NoSuchNewsletter
from widgets.paging import Page, paged

PER_PAGE = 20
MOST_IN_A_FEED = 20


@dataclass(frozen=True)
class Archive:
    """Where the issues of a newsletter are. title: in the language lang."""

    path: str
    title: str
    lang: str


@dataclass(frozen=True)
class BackIssue:
    """An issue in a language. edition: with what still stands of it; withdrawn: the rest; title:
    its subject, without the headlines of those."""

    digest: Digest
    edition: Edition
    withdrawn: list[Item]
    title: str


def path(slug: str) -> str:
    """Of a newsletter's page."""
    return f"/newsletters/{slug}"


def archives(session: Session, *langs: str) -> list[Archive]:
    """Of the newsletters that have had an issue, the oldest first, each called as it is in the
    first of these languages that it has."""
    found = session.scalars(
        select(Newsletter)
        .where(exists().where(Digest.newsletter_id == Newsletter.id, Digest.number.is_not(None)))
        .order_by(Newsletter.id)
    )
    made = []
    for newsletter in found:
        words = newsletters.words(session, newsletter, *langs)
        made.append(Archive(path(newsletter.slug), words.title, words.lang))
    return made


def paths(session: Session, most: int) -> list[str]:
    """Of the newsletters that have had an issue, and of their newest issues, at most so many."""
    found = session.execute(
        select(Newsletter.slug, Digest.number)
        .join(Digest, Digest.newsletter_id == Newsletter.id)
        .where(Digest.number.is_not(None))
        .order_by(Digest.started_at.desc(), Digest.number.desc())
        .limit(most)
    ).all()
    return [
        *dict.fromkeys(path(slug) for slug, _ in found),
        *(f"{path(slug)}/{number}" for slug, number in found),
    ]


def words(session: Session, slug: str, *langs: str) -> NewsletterText:
    """What a newsletter says of itself. Raises NoSuchNewsletter."""
    found = session.scalar(select(Newsletter).where(Newsletter.slug == slug))
    if found is None:
        raise NoSuchNewsletter(slug)
    return newsletters.words(session, found, *langs)


def listed(
    session: Session, slug: str, wanted: str, page: int, network: str, per: int = PER_PAGE
) -> Page[BackIssue]:
    """A page of a newsletter's issues, the newest first. wanted: language tags, with commas between
    them, as widgets.statements.nearest takes them."""
    query = (
        select(Digest)
        .options(joinedload(Digest.newsletter))
        .join(Newsletter, Newsletter.id == Digest.newsletter_id)
        .where(Newsletter.slug == slug, Digest.number.is_not(None))
        .order_by(Digest.number.desc())
    )
    found = paged(session, query, page, per)
    items = [_shown(session, one, wanted, network) for one in found.items]
    return Page(items, found.number, found.pages, found.total)


def issue(session: Session, slug: str, number: int, wanted: str, network: str) -> BackIssue:
    """With the corrections that there are now. Raises NoSuchDigest where there is no issue of this
    number, or not yet."""
    found = _shown(session, digests.by_number(session, slug, number), wanted, network)
    now = statements.in_order(session, [item.id for item in found.edition.items], wanted)
    corrections = {one.id: editions.correction(one) for one in now}
    items = [replace(item, correction=corrections.get(item.id)) for item in found.edition.items]
    return replace(found, edition=replace(found.edition, items=items))


def _shown(session: Session, digest: Digest, wanted: str, network: str) -> BackIssue:
    whole = editions.of(session, digest, wanted)
    stand = editions.standing(session, [item.id for item in whole.items])
    edition = replace(whole, items=[item for item in whole.items if item.id in stand])
    withdrawn = [item for item in whole.items if item.id not in stand]
    if edition.items:
        title = issues.subject(edition, network)
    else:
        title = languages.gettext("This was withdrawn")
    return BackIssue(digest, edition, withdrawn, title)
