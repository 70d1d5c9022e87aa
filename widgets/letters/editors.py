"""Mails to editors. They are in English, as the console is."""

from sqlalchemy.orm import Session

from widgets.languages import SOURCE
from widgets.letters.draft import Draft
from widgets.models import Message
from widgets.service import Service


def sign_in(service: Service, session: Session, row: Message) -> Draft | None:
    """The link and the code that sign an editor in, in the browser that asked."""
    link = row.sign_in_link
    if link is None or link.used_at is not None or link.editor.removed_at is not None:
        return None
    settings, links = service.settings, service.links
    return Draft(
        to=link.editor.address,
        lang=SOURCE,
        values=lambda: {
            "name": link.editor.name,
            "code": links.sign_in_code(link.id),
            "link": settings.url(f"/admin/sign-in/{links.sign_in(link.id)}"),
        },
    )


def test(service: Service, session: Session, row: Message) -> Draft | None:
    """A message that an editor sends to themselves, to see that mail arrives."""
    editor = row.editor
    if editor is None or editor.removed_at is not None:
        return None
    return Draft(
        to=editor.address,
        lang=SOURCE,
        values=lambda: {"name": editor.name, "sent_at": row.created_at},
    )
