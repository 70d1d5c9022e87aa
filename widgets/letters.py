"""The mails themselves, written when they are sent: only then do their links and codes exist."""

import re
import uuid
from datetime import datetime
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.orm import Session

from widgets import members
from widgets.colours import accent
from widgets.models import Message
from widgets.service import Service
from widgets.text import direction

KINDS = ("confirmation", "already")


def compose(service: Service, session: Session, message_id: uuid.UUID) -> EmailMessage | None:
    """The message as it goes over the wire, or None where there is nobody to write to any more.

    Its Message-ID is the outbox row's, so that a second delivery can be told from a second mail.
    """
    row = session.get_one(Message, message_id)
    sign_up, subscription = row.sign_up, row.sign_up.subscription
    address = subscription.subscriber.address
    if address is None:
        return None
    settings, links = service.settings, service.links
    unsubscribe = settings.url(f"/unsubscribe/{links.unsubscribe(subscription.id)}")
    letter = _write(
        row.kind,
        lang=sign_up.lang,
        dir=direction(sign_up.lang),
        network=settings.network_name,
        base_url=settings.base_url,
        accent=accent(settings.accent),
        newsletter=subscription.newsletter.name,
        title=subscription.newsletter.title,
        site=members.site_name(session, sign_up.site),
        code=links.code(sign_up.id),
        confirm=settings.url(f"/confirm/{links.confirm(sign_up.id, sign_up.epoch)}"),
        unsubscribe=unsubscribe,
    )
    mail = EmailMessage(policy=SMTP)
    name, sender = parseaddr(settings.mail_from)
    mail["From"] = _mailbox(name or settings.network_name, sender)
    mail["To"] = _mailbox("", address)
    mail["Subject"] = letter["subject"]
    mail["Date"] = format_datetime(row.created_at)
    mail["Message-ID"] = f"<{row.id.hex}@{_message_id_domain(sender, settings.base_url)}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay away
    mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    mail["Content-Language"] = sign_up.lang
    _set_text(mail, letter["text"])
    mail.add_alternative(letter["html"], subtype="html", cte="quoted-printable")
    return mail


def addressee(mail: EmailMessage) -> str:
    """The one address a composed mail is for."""
    return str(mail["To"].addresses[0].addr_spec)


def sent_at(mail: EmailMessage) -> datetime:
    when: datetime = mail["Date"].datetime
    return when


def _set_text(mail: EmailMessage, text: str) -> None:
    # Plain ASCII is sent as it is, so that the link stands whole on its line for every reader.
    mail.set_content(text, cte="7bit" if text.isascii() else "quoted-printable")


def _mailbox(name: str, address: str) -> Mailbox:
    local, _, domain = address.rpartition("@")
    if local.startswith('"'):  # the header puts its own quotation marks around what needs them
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    if not domain.isascii():
        domain = domain.encode("idna").decode()
    return Mailbox(display_name=name, username=local, domain=domain)


def _message_id_domain(sender: str, base_url: str) -> str:
    host = urlsplit(base_url).hostname or "localhost"
    return sender.rpartition("@")[2] if host[-1].isdigit() else host


def _write(kind: str, **values: Any) -> dict[str, str]:
    """The subject (the first line of the text template), the plain text and the HTML."""
    text = _templates().get_template(f"mail/{kind}.txt").render(values)
    subject, _, body = text.partition("\n\n")
    html = _templates().get_template(f"mail/{kind}.html").render(values, subject=subject)
    return {
        "subject": " ".join(subject.split()),
        "text": body.strip() + "\n",
        "html": _inliner().inline(html),
    }


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)


def template_folder() -> Path:
    """Beside the package in a checkout, inside it when installed."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "templates"


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(template_folder()),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
