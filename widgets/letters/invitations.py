"""Mails to the contacts of members: do you endorse this statement?"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from widgets import endorsing, inviting, languages, statements
from widgets.letters.draft import Draft
from widgets.models import Invitation, Message
from widgets.service import Service
from widgets.text import direction, long_moment, shortened

LONGEST_HEADLINE = 120  # characters, of a subject


def invitation(service: Service, session: Session, row: Message) -> Draft | None:
    """Asks a contact, once. Not wanted where there is nothing to answer any more."""
    asked = row.invitation
    if asked is None or asked.reply or not _is_open(asked):
        return None
    return _draft(service, session, asked)


def reminder(service: Service, session: Session, row: Message) -> Draft | None:
    """Asks once more, unless somebody has answered for the member meanwhile."""
    asked = row.invitation
    if asked is None or not _is_open(asked):
        return None
    of_member = (
        Invitation.statement_id == asked.statement_id,
        Invitation.member_slug == asked.member_slug,
    )
    if session.scalar(select(exists().where(*of_member, Invitation.reply.is_not(None)))):
        return None
    return _draft(service, session, asked)


def _is_open(asked: Invitation) -> bool:
    # at the moment when it is sent: a message that has to wait may become too late
    return endorsing.closed(asked.statement, asked.member, datetime.now(UTC)) is None


def _draft(service: Service, session: Session, asked: Invitation) -> Draft | None:
    if inviting.is_suppressed(service, session, asked.contact.address):
        return None
    return Draft(
        to=asked.contact.address,
        lang=asked.contact.lang,
        values=lambda: _values(service, session, asked),
    )


def _values(service: Service, session: Session, asked: Invitation) -> dict[str, Any]:
    settings, spoken = service.settings, languages.spoken()
    wanted = ",".join(tag for tag in (asked.contact.lang, spoken, settings.language) if tag)
    statement = statements.of_any_standing(session, asked.statement_id, wanted)
    until = asked.statement.endorse_until
    return {
        "title": statement.title,
        "headline": shortened(statement.title, LONGEST_HEADLINE),
        "title_lang": statement.lang,
        "title_dir": direction(statement.lang),
        "contact_name": asked.contact.name,
        "member": endorsing.called(asked.member, spoken),
        "until": long_moment(until, spoken) if until else "",
        "words": asked.words or "",
        "link": settings.url(f"/endorse/{service.links.endorse(asked.id)}"),
        "contact": settings.contact,
    }
