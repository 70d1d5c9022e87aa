"""The organisations of the network, whose sites show our widgets."""

from sqlalchemy.orm import Session

from widgets.models import Member


def save(session: Session, slug: str, name: str, website: str | None) -> None:
    """Adds a member, or changes its name and website."""
    session.merge(Member(slug=slug, name=name, website=website))


def site_name(session: Session, slug: str | None) -> str | None:
    """What to call the site with this slug in a sentence: the member's name where we know it."""
    if slug is None:
        return None
    member = session.get(Member, slug)
    return member.name if member else slug
