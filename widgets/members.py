"""The organisations of the network: their names, their people, and the sites that show our widgets.

A member is known by its slug, which stands in its snippets (`?site=`) and never changes. One that
leaves keeps its history; only one on which nothing hangs can be deleted.
"""

import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session, selectinload

from widgets import audit
from widgets.addresses import BadAddress, parse
from widgets.audit import Actor, Subject
from widgets.collation import Collator
from widgets.models import (
    Consent,
    Contact,
    Invitation,
    Member,
    Message,
    MessageState,
    Sighting,
    Signatory,
    Signing,
    SignUp,
    Site,
)
from widgets.models.database import one_at_a_time
from widgets.origins import BadOrigin, origin, twins
from widgets.paging import PER_PAGE, Page
from widgets.regions import region_of
from widgets.signatories import LONGEST_NAME, LONGEST_URL, is_web_address
from widgets.text import clean, fold, has_substance, is_country, is_language, same_tag
from widgets.wording import LANG, LONGEST_LANG, SLUG

LONGEST_SLUG = 63  # characters; what a snippet's ?site= may be
TAKEN_SLUGS = frozenset({"add", "export", "import", "shown"})  # screens of the console
MOST_CONTACTS = 30
MOST_SITES = 60
LONGEST_TEXT = 2_000  # characters of one field; what is longer is never right
_ALL_MEMBERS = "6d656d62657273"


class BadMember(ValueError):
    """Not a member that can be kept; the text says why."""


class NoSuchMember(Exception):
    """There is no member of this slug."""


class Problems(BadMember):
    """What is wrong with what was typed, field by field (as `checked` names them)."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True)
class Person:
    """A contact of a member. lang: of the mails to them. id: in the table, if they are there."""

    name: str = ""
    address: str = ""
    lang: str | None = None
    id: int | None = None


@dataclass(frozen=True)
class Entry:
    """What an editor says of a member: as typed, and when `checked`, fit to be kept. names: by
    language, besides `name`; country: ISO 3166; sites: their origins."""

    name: str = ""
    names: dict[str, str] = field(default_factory=dict)
    country: str | None = None
    website: str | None = None
    contacts: list[Person] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)


def checked(typed: Entry, *, allow_test_domains: bool = False) -> Entry:
    """What was typed, cleaned. Raises Problems with the fields `name`, `name-<lang>`, `country`,
    `website`, `sites`, and `contact-<place>-address` and `-lang`, places from 0."""
    problems: dict[str, str] = {}
    name = _checked_name("name", typed.name, problems)
    if not name and "name" not in problems:
        problems["name"] = "A member needs a name."
    names = {}
    for tag, written in typed.names.items():
        if not _is_tag(tag):
            problems[f"name-{tag}"] = (
                f"“{clean(tag)[:40]}” is not the tag of a language, like “fr”."
            )
        elif shown := _checked_name(f"name-{tag}", written, problems):
            names[same_tag(tag)] = shown
    country = clean(typed.country or "").upper()
    if country and not is_country(country):
        problems["country"] = f"“{country[:60]}” is not a country (two letters, ISO 3166)."
    website = clean(typed.website or "")
    if website and "://" not in website:
        website = f"https://{website}"
    if website and (not is_web_address(website) or len(website) > LONGEST_URL):
        problems["website"] = (
            f"“{website[:100]}” must be an address like https://member.example, of "
            f"{LONGEST_URL} characters at most."
        )
    sites = _checked_sites(typed.sites, problems)
    contacts = _checked_contacts(typed.contacts, problems, allow_test_domains)
    if problems:
        raise Problems(problems)
    return Entry(name, names, country or None, website or None, contacts, sites)


def _checked_name(where: str, written: str, problems: dict[str, str]) -> str:
    name = clean(written)
    if len(name) > LONGEST_NAME:
        problems[where] = f"A name has {LONGEST_NAME} characters at most; this has {len(name):,}."
    elif name and not has_substance(name):
        problems[where] = "There is nothing to see in this name."
    return name


def _is_tag(tag: str) -> bool:
    return re.fullmatch(LANG, tag) is not None and is_language(tag) and len(tag) <= LONGEST_LANG


def _not_a_tag(tag: str) -> str:
    return f"“{clean(tag)[:40]}” is not the tag of a language, like “fr”."


def _checked_sites(typed: Sequence[str], problems: dict[str, str]) -> list[str]:
    sites: dict[str, None] = {}
    for one in typed:
        try:
            if one.strip():
                sites[origin(clean(one))] = None
        except BadOrigin as error:
            problems["sites"] = str(error)
    if len(sites) > MOST_SITES:
        problems["sites"] = f"A member has {MOST_SITES} sites at most."
    return list(sites)


def _checked_contacts(
    typed: Sequence[Person], problems: dict[str, str], allow_test_domains: bool
) -> list[Person]:
    contacts: dict[str, Person] = {}
    for place, one in enumerate(typed):
        where = f"contact-{place}"
        name, lang = clean(one.name), clean(one.lang or "")
        if not one.address.strip():
            if name:
                problems[f"{where}-address"] = f"Where is {name[:60]} written to?"
            continue
        if len(name) > LONGEST_NAME:
            problems[f"{where}-name"] = f"A name has {LONGEST_NAME} characters at most."
        if lang and not _is_tag(lang):
            problems[f"{where}-lang"] = _not_a_tag(lang)
        try:
            address = parse(one.address, allow_test_domains=allow_test_domains).text
        except BadAddress as error:
            problems[f"{where}-address"] = str(error)
            continue
        if address.casefold() in contacts:
            problems[f"{where}-address"] = "This address stands here twice."
        contacts[address.casefold()] = Person(name, address, same_tag(lang) or None, one.id)
    if len(contacts) > MOST_CONTACTS:
        problems["contacts"] = f"A member has {MOST_CONTACTS} contacts at most."
    return list(contacts.values())


def one_after_another(session: Session) -> None:
    """Whoever changes members waits for whoever else does."""
    one_at_a_time(session, _ALL_MEMBERS)


def get(session: Session, slug: str) -> Member:
    """A member with its contacts and sites. Raises NoSuchMember."""
    member = session.scalar(_whole().where(Member.slug == slug))
    if member is None:
        raise NoSuchMember(slug)
    return member


def everyone(session: Session) -> Sequence[Member]:
    """All members with their contacts and sites, also those that have left, by slug."""
    return session.scalars(_whole().order_by(Member.slug)).all()


def part(session: Session, after: str, most: int) -> Sequence[Member]:
    """Those that have not left, in the order of their slugs, from the one after a slug."""
    query = _whole().where(Member.left_at.is_(None), Member.slug > after)
    return session.scalars(query.order_by(Member.slug).limit(most)).all()


def _whole() -> Select[Member]:
    return select(Member).options(selectinload(Member.contacts), selectinload(Member.sites))


def found(
    session: Session,
    *,
    search: str = "",
    country: str = "",
    region: str = "",
    left: bool = False,
    number: int = 1,
) -> Page[Member]:
    """A page of the members in the order of their names: of those that have left, or of those
    that have not. search: in any of their names, their slug and their website, whatever the case
    and the accents, words in any order; country: ISO 3166; region: its M.49 code."""
    query = select(Member.slug, Member.name, Member.names, Member.country, Member.website).where(
        Member.left_at.is_not(None) if left else Member.left_at.is_(None)
    )
    words = fold(search).split()
    order = Collator("en")
    keyed = []
    for row in session.execute(query):
        if country and row.country != country:
            continue
        if region and (row.country is None or region_of(row.country) != region):
            continue
        within = fold("\n".join((row.name, *row.names.values(), row.slug, row.website or "")))
        if all(word in within for word in words):
            keyed.append((order.key(row.name), row.slug))
    keyed.sort()
    pages = max(1, -(-len(keyed) // PER_PAGE))
    number = min(max(1, number), pages)
    slugs = [slug for _, slug in keyed[(number - 1) * PER_PAGE : number * PER_PAGE]]
    members = {one.slug: one for one in session.scalars(_whole().where(Member.slug.in_(slugs)))}
    return Page([members[slug] for slug in slugs], number, pages, len(keyed))


def countries(session: Session) -> list[str]:
    """Where there are members (ISO 3166)."""
    query = select(Member.country).where(Member.country.is_not(None)).distinct()
    return [country for country in session.scalars(query.order_by(Member.country)) if country]


def numbers(session: Session) -> tuple[int, int]:
    """How many members there are, and how many have left."""
    query = select(func.count()).select_from(Member)
    left = session.scalar(query.where(Member.left_at.is_not(None))) or 0
    return (session.scalar(query) or 0) - left, left


def add(
    session: Session, entry: Entry, slug: str, actor: Actor, now: datetime, **details: Any
) -> Member:
    """Adds a member that is `checked`. slug: if empty, one is made from the name. details: for
    the audit. Raises Problems where the slug or a site is another's."""
    one_after_another(session)
    taken = set(session.scalars(select(Member.slug)))
    slug = slug or proposed_slug(entry, taken)
    if problem := slug_problem(slug):
        raise Problems({"slug": problem})
    if slug in taken:
        raise Problems({"slug": f"Another member has “{slug}” already."})
    _refuse_others_sites(session, slug, entry.sites)
    member = Member(slug=slug, name="", names={})
    session.add(member)
    session.flush()
    _fill(session, member, entry, (), ())
    audit.record(session, actor, "added", subject(member), now, **details)
    return member


def change(
    session: Session, slug: str, entry: Entry, actor: Actor, now: datetime, **details: Any
) -> bool:
    """Makes a member what the entry (`checked`) says; whether that changed anything. details: for
    the audit. Raises NoSuchMember, and Problems where a site is another's, or where a contact is
    missing who has answered for the member."""
    one_after_another(session)
    member = get(session, slug)
    before = entry_of(member)
    if _without_ids(before) == _without_ids(entry):
        return False
    _refuse_others_sites(session, slug, entry.sites)
    _fill(session, member, entry, member.contacts, member.sites)
    after = _without_ids(entry)
    changed = {
        # of people, who can ask to be forgotten, the audit must not tell
        name: "changed" if name == "contacts" else {"before": was, "after": vars(after)[name]}
        for name, was in vars(_without_ids(before)).items()
        if was != vars(after)[name]
    }
    audit.record(session, actor, "changed", subject(member), now, **changed, **details)
    return True


def leave(session: Session, slug: str, actor: Actor, now: datetime) -> Member:
    """From now on the member is asked for nothing; what there is of it stays. Raises
    NoSuchMember."""
    member = get(session, slug)
    if member.left_at is None:
        member.left_at = now
        audit.record(session, actor, "noted the leaving of", subject(member), now)
    return member


def come_back(session: Session, slug: str, actor: Actor, now: datetime) -> Member:
    """Undoes `leave`. Raises NoSuchMember."""
    member = get(session, slug)
    if member.left_at is not None:
        member.left_at = None
        audit.record(session, actor, "noted the return of", subject(member), now)
    return member


def forget(session: Session, slug: str, actor: Actor, now: datetime) -> str:
    """Deletes a member on which nothing hangs; what it was called. Raises NoSuchMember, and
    BadMember where something does."""
    one_after_another(session)
    member = get(session, slug)
    if hanging := hangs_on(session, slug):
        raise BadMember(f"{member.name} can’t be deleted: there are {_listed(hanging)}.")
    audit.record(session, actor, "deleted", subject(member), now)
    name = member.name
    for table in (Contact, Site, Member):  # the ORM would load and unlink what the database deletes
        column = table.slug if table is Member else table.member_slug  # type: ignore[union-attr]
        session.execute(delete(table).where(column == slug))
    session.expunge(member)
    return name


def hangs_on(session: Session, slug: str) -> list[str]:
    """What would be lost or would point nowhere if a member were deleted, in words."""
    kinds: tuple[tuple[str, ColumnElement[bool]], ...] = (
        ("invitations to endorse", Invitation.member_slug == slug),
        ("names under statements", Signatory.member_slug == slug),
        ("consents that were given on its site", Consent.site == slug),
        ("sign-ups from its site", SignUp.site == slug),
        ("signatures from its site", Signing.site == slug),
        ("days on which its site showed a widget", Sighting.member_slug == slug),
    )
    return [
        words
        for words, condition in kinds
        if session.scalar(select(func.count()).where(condition).limit(1))
    ]


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def subject(member: Member) -> Subject:
    return Subject("member", member.slug, member.name)


def entry_of(member: Member) -> Entry:
    """A member (with its contacts and sites) as an entry."""
    return Entry(
        member.name,
        dict(member.names),
        member.country,
        member.website,
        [Person(one.name, one.address, one.lang, one.id) for one in member.contacts],
        [one.origin for one in member.sites],
    )


def _without_ids(entry: Entry) -> Entry:
    people = [Person(one.name, one.address, one.lang) for one in entry.contacts]
    return Entry(**{**vars(entry), "contacts": people})


def _fill(
    session: Session,
    member: Member,
    entry: Entry,
    contacts: Sequence[Contact],
    sites: Sequence[Site],
) -> None:
    member.name, member.names = entry.name, dict(entry.names)
    member.country, member.website = entry.country, entry.website
    for gone in [one for one in sites if one.origin not in entry.sites]:
        session.delete(gone)
    there = {one.origin for one in sites}
    for new in entry.sites:
        if new not in there:
            session.add(Site(member_slug=member.slug, origin=new))
    known = {one.id: one for one in contacts}
    by_address = {one.address.casefold(): one for one in contacts}
    kept: list[tuple[Contact, Person]] = []
    for person in entry.contacts:
        contact = by_address.get(person.address.casefold()) or known.get(person.id or 0)
        if contact is None or any(contact is taken for taken, _ in kept):
            contact = Contact(member_slug=member.slug, address=person.address)
        kept.append((contact, person))
    for contact in contacts:
        if not any(contact is taken for taken, _ in kept):
            _refuse_to_lose_an_answer(session, contact)
            session.delete(contact)
    session.flush()  # what goes before what comes: an address may move from one to another
    for contact, person in kept:
        if contact.id and contact.address.casefold() != person.address.casefold():
            _end_the_links_of(session, contact)
        contact.name, contact.address, contact.lang = person.name, person.address, person.lang
        session.add(contact)
    session.flush()
    session.expire(member, ["contacts", "sites"])


def _end_the_links_of(session: Session, contact: Contact) -> None:
    """What was mailed to the address that a contact had must not open anything any more: whoever
    reads there may be somebody else. Whoever was asked there and has not answered can be asked
    again; a mail that still waits goes to the new address."""
    asked = session.execute(
        select(Invitation.id, Invitation.reply).where(Invitation.contact_id == contact.id)
    ).all()
    for invitation_id, reply in asked:
        mails = session.scalars(
            select(Message.id).where(Message.invitation_id == invitation_id).with_for_update()
        ).all()
        waiting = (Message.id.in_(mails), Message.state == MessageState.WAITING)
        this = Invitation.id == invitation_id
        if reply is None and not session.scalar(select(func.count()).where(*waiting)):
            session.execute(delete(Invitation).where(this))
            continue
        new = uuid.uuid4()  # the links have it in them
        those = update(Message).where(Message.id.in_(mails))
        session.execute(those.values(invitation_id=None))
        session.execute(update(Invitation).where(this).values(id=new))
        session.execute(those.values(invitation_id=new))


def _refuse_to_lose_an_answer(session: Session, contact: Contact) -> None:
    answered = select(Invitation.id).where(
        Invitation.contact_id == contact.id, Invitation.reply.is_not(None)
    )
    if session.scalar(answered.limit(1)):
        who = contact.name or contact.address
        raise Problems(
            {
                "contacts": f"{who} has answered for this member, and the answer would go with "
                "them. Put the name and address of whoever follows them in their place."
            }
        )


def _refuse_others_sites(session: Session, slug: str, sites: Sequence[str]) -> None:
    all_of_them = {twin: site for site in sites for twin in twins(site)}
    other = session.execute(
        select(Site.origin, Member.name)
        .join(Member, Member.slug == Site.member_slug)
        .where(Site.origin.in_(all_of_them), Site.member_slug != slug)
        .order_by(Site.id)
        .limit(1)
    ).first()
    if other:
        raise Problems({"sites": f"{all_of_them[other[0]]} belongs to {other[1]} already."})


def slug_problem(slug: str) -> str | None:
    """Why a slug can't be a member's."""
    if not re.fullmatch(SLUG, slug) or len(slug) > LONGEST_SLUG:
        return (
            f"“{slug[:100]}” must be like “a-short-name”: a-z, 0-9, hyphens, "
            f"{LONGEST_SLUG} characters at most."
        )
    return f"“{slug}” is taken." if slug in TAKEN_SLUGS else None


def proposed_slug(entry: Entry, taken: set[str]) -> str:
    """A slug from the name in Latin letters, or from the website, that nobody has.

    >>> proposed_slug(Entry("Union des Écrivains"), {"union-des-ecrivains"})
    'union-des-ecrivains-2'
    >>> proposed_slug(Entry("اتحاد", website="https://www.writers.example/ar"), set())
    'writers'
    """
    host = (urlsplit(entry.website or "").hostname or "").removeprefix("www.")
    wished = (entry.name, *(entry.names.get(tag, "") for tag in ("en", "fr", "es", "pt")))
    base = next((slug for one in wished if (slug := _as_slug(one))), "")
    base = base or _as_slug(host.partition(".")[0]) or "member"
    numbered = [base, *(f"{base[:55].rstrip('-')}-{number}" for number in range(2, 10_000))]
    return next(one for one in numbered if one not in taken and one not in TAKEN_SLUGS)


def _as_slug(name: str) -> str:
    """Empty where it would lose letters of another alphabet."""
    folded = fold(name)
    if any(c.isalpha() and not c.isascii() for c in folded):
        return ""
    slug = re.sub(r"[^a-z0-9]+", "-", folded.replace("'", "")).strip("-")
    if len(slug) <= LONGEST_SLUG:
        return slug
    return slug[: slug.rfind("-", 0, LONGEST_SLUG) if "-" in slug[:LONGEST_SLUG] else LONGEST_SLUG]


# Whether two are the same


def name_key(name: str) -> str:
    """What the spellings of one organisation's name share: case, accents, signs, spaces and any
    "the" make no difference.

    >>> name_key("The Lamp-Keepers’ Union") == name_key("LAMP KEEPERS UNION")
    True
    """
    folded = fold(name).replace("&", " and ")
    letters = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in folded)
    words = letters.replace(" s ", "s ").split()
    return "".join(word for word in words if word != "the") or folded


def website_key(website: str | None) -> str:
    """What the ways of writing one address share.

    >>> website_key("http://www.Lamp.example/") == website_key("https://lamp.example")
    True
    """
    try:
        parts = urlsplit(website or "")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    query = f"?{parts.query}" if parts.query else ""
    return host + parts.path.rstrip("/") + query if host else ""


@dataclass(frozen=True)
class Alike:
    """A member that somebody may mean. why: in words, after "the same". sure: there is nothing
    against it: what is known of both does not differ."""

    slug: str
    name: str
    why: str
    sure: bool


class Known:
    """The members there are, found by whatever they may be called."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.entries: dict[str, Entry] = {}
        self._names: dict[str, dict[str, None]] = {}
        self._websites: dict[str, dict[str, None]] = {}
        self._sites: dict[str, str] = {}
        for one in members:
            self.put(one.slug, entry_of(one))

    def put(self, slug: str, entry: Entry) -> None:
        """Adds a member, or what is new of it."""
        self.entries[slug] = entry
        for name in (entry.name, *entry.names.values()):
            self._names.setdefault(name_key(name), {})[slug] = None
        if key := website_key(entry.website):
            self._websites.setdefault(key, {})[slug] = None
        for site in entry.sites:
            for twin in (*twins(site), site):
                self._sites[twin] = slug

    def owner(self, site: str) -> str | None:
        """The slug of the member that has a site."""
        return self._sites.get(site)

    def alike(self, entry: Entry, but: str = "") -> list[Alike]:
        """The members that an entry may mean, the likeliest first. but: a slug to leave out."""
        why: dict[str, str] = {}
        for name in (entry.name, *entry.names.values()):
            for slug in self._names.get(name_key(name), ()):
                why.setdefault(slug, "name")
        for slug in self._websites.get(website_key(entry.website), ()) if entry.website else ():
            why[slug] = "name and website" if slug in why else "website"
        for site in entry.sites:
            if (owner := self._sites.get(site)) and owner not in why:
                why[owner] = "site"
        found = [
            Alike(slug, self.entries[slug].name, words, self._agrees(slug, entry))
            for slug, words in why.items()
            if slug != but and slug in self.entries
        ]
        return sorted(found, key=lambda one: (not one.sure, len(one.why) * -1))

    def _agrees(self, slug: str, entry: Entry) -> bool:
        there = self.entries[slug].country
        return not there or not entry.country or there == entry.country


def alike(session: Session, entry: Entry, but: str = "") -> list[Alike]:
    """The members that an entry (`checked`) may mean. but: a slug to leave out."""
    return Known(everyone(session)).alike(entry, but)


def save(session: Session, slug: str, name: str, website: str | None = None) -> Member:
    """Adds a member, or changes its name and, where one is given, its website.
    Raises BadMember."""
    if problem := slug_problem(slug):
        raise BadMember(problem)
    if not clean(name):
        raise BadMember("A member needs a name.")
    if website and not website.startswith(("https://", "http://")):
        raise BadMember(f"“{website}” must be an address like https://member.example.")
    member = session.get(Member, slug) or Member(slug=slug)
    member.name = clean(name)
    member.website = website or member.website
    session.add(member)
    return member


def site_name(session: Session, slug: str | None) -> str | None:
    """What to call the site with this slug in a sentence. None where it is no member we know:
    a slug comes with the request, and nobody may put words into our mails."""
    member = session.get(Member, slug) if slug else None
    return member.name if member else None


def names(session: Session, slugs: Sequence[str]) -> dict[str, str]:
    """What the members with these slugs are called; those that we know."""
    rows = session.execute(select(Member.slug, Member.name).where(Member.slug.in_(slugs)))
    return {row[0]: row[1] for row in rows}
