"""Mails to those who sign an open letter."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from widgets import languages, members, signings, statements, suppressions
from widgets.letters.draft import Draft
from widgets.links import Links
from widgets.models import Message, Signing, SigningState
from widgets.newsletters import Answer
from widgets.service import Service
from widgets.text import direction


def confirmation(service: Service, session: Session, row: Message) -> Draft | None:
    """Asks whoever signed to confirm; not wanted where they did, took it back or were erased."""
    record = row.signing
    if record is None or record.state != SigningState.PENDING:
        return None
    if signings.link_stands(session, record.id) is not Answer.DONE:
        return None
    return _draft(service, session, record)


def already(service: Service, session: Session, row: Message) -> Draft | None:
    """Tells somebody who signs again that they have."""
    record = row.signing
    if record is None or signings.link_stands(session, record.id) is not Answer.ALREADY:
        return None
    return _draft(service, session, record)


def _draft(service: Service, session: Session, record: Signing) -> Draft | None:
    if record.address is None:
        return None
    if suppressions.is_suppressed(session, record.key, datetime.now(UTC)):
        return None
    settings, links = service.settings, service.links
    shown = statements.standing(session, record.statement.slug, record.lang)
    site = members.site_name(session, record.site)
    return Draft(
        to=record.address,
        lang=record.lang,
        values=lambda: {
            "title": shown.title,
            "title_lang": shown.lang,
            "title_dir": direction(shown.lang),
            "asked": _asked(shown.title, settings.network_name, site),
            "name": signings.signer(record).line,
            "shows_name": record.shows_name,
            **_ways(settings.url, links, record),
        },
    )


def _ways(url: Callable[[str], str], links: Links, record: Signing) -> dict[str, str]:
    return {
        "code": links.code(record.id),
        "confirm": url(f"/sign/{links.sign(record.id)}"),
        "withdraw": url(f"/withdraw/{links.withdraw(record.id)}"),
    }


def _asked(title: str, network: str, site: str | None) -> str:
    """What happened, for somebody who may not have done it. site: whose it happened on."""
    if site:
        return languages.gettext(
            "Somebody, probably you, signed “%(title)s” of %(network)s on the site of %(site)s.",
            title=title,
            network=network,
            site=site,
        )
    return languages.gettext(
        "Somebody, probably you, signed “%(title)s” of %(network)s.", title=title, network=network
    )
