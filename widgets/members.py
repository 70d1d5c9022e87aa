"""The organisations of the network, whose sites show our widgets."""

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets.models import Member
from widgets.statement_files import SLUG
from widgets.text import clean

LONGEST_SLUG = 63  # characters; what a snippet's ?site= may be


class BadMember(ValueError):
    """Not a member that can be kept; the text says why."""


def save(session: Session, slug: str, name: str, website: str | None = None) -> Member:
    """Adds a member, or changes its name and, where one is given, its website.
    Raises BadMember."""
    if not re.fullmatch(SLUG, slug) or len(slug) > LONGEST_SLUG:
        raise BadMember(
            f"“{slug}” must be like “a-short-name”: a-z, 0-9, hyphens, "
            f"{LONGEST_SLUG} characters at most."
        )
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
