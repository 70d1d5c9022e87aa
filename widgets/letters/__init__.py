"""The mails themselves, written when they are sent: only then do their links and codes exist.

What each kind of mail says is in a room of its own; here they get their head and their form.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from email import message_from_string
from email.header import Header
from email.headerregistry import Address as Mailbox
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.orm import Session

from widgets import languages
from widgets.colours import accent
from widgets.letters import editors, invitations, issues, preferences, sign_ups, signings
from widgets.letters.draft import Draft, Mailing
from widgets.models import Message
from widgets.relays import relay_headers
from widgets.service import Service
from widgets.text import direction


class Unsendable(Exception):
    """A mail whose head says something else than was put in."""


class _AsItIs(UnstructuredHeader):
    """A header of addresses (RFC 2369), which must never be written as encoded words."""

    def fold(self, *, policy: Any) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


class _Named(UnstructuredHeader):
    """A name, and an identifier in angle brackets (RFC 2919), of which only the name may be
    written as encoded words."""

    def fold(self, *, policy: Any) -> str:
        name, _, identifier = str(self).rpartition(" ")
        if not policy.utf8:
            name = Header(name, "us-ascii" if name.isascii() else "utf-8").encode(linesep="")
        return f"{self.name}: {name} {identifier}{policy.linesep}"  # type: ignore[attr-defined]


def _headers() -> HeaderRegistry:
    registry = HeaderRegistry()
    for name in ("list-unsubscribe", "list-archive"):
        registry.map_to_type(name, _AsItIs)  # type: ignore[arg-type]
    registry.map_to_type("list-id", _Named)  # type: ignore[arg-type]
    return registry


POLICY = SMTP.clone(header_factory=_headers())


KINDS: dict[str, Callable[[Service, Session, Message], Draft | None]] = {
    "confirmation": sign_ups.confirmation,
    "already": sign_ups.already,
    "sign-in": editors.sign_in,
    "test": editors.test,
    "invitation": invitations.invitation,
    "reminder": invitations.reminder,
    "sign": signings.confirmation,
    "signed-already": signings.already,
    "preferences": preferences.link,
    "record": preferences.record,
    "new-address": preferences.new_address,
    "address-changed": preferences.address_changed,
    "issue": issues.issue,
    "test-issue": issues.test_issue,
    "issue-waits": issues.waits,
}


def compose(service: Service, session: Session, message_id: uuid.UUID) -> EmailMessage | None:
    """The message as it goes over the wire, or None where it is not wanted any more.

    Its Message-ID is the outbox row's, so that a second delivery can be told from a second mail.
    Raises Unsendable where what would go out is not what was meant.
    """
    row = session.get(Message, message_id)
    draft = KINDS[row.kind](service, session, row) if row else None
    if row is None or draft is None:
        return None
    return written(service, row, draft)


def written(service: Service, row: Message, draft: Draft) -> EmailMessage:
    """A draft, as a mail. Raises Unsendable."""
    with languages.speaking(languages.known(draft.lang or "") or service.settings.language):
        return _written(service, row, draft)


def _written(service: Service, row: Message, draft: Draft) -> EmailMessage:
    """The mail in the language that is spoken."""
    settings = service.settings
    lang = languages.spoken()
    letter = rendered(service, row.kind, draft.values())
    mail = EmailMessage(policy=POLICY)
    name, sender = parseaddr(settings.mail_from)
    mail["From"] = _mailbox(name or settings.network_name, sender)
    mail["To"] = _mailbox("", draft.to)
    mail["Subject"] = letter["subject"]
    mail["Date"] = format_datetime(row.created_at)
    mail["Message-ID"] = f"<{row.id.hex}@{_message_id_domain(sender, settings.base_url)}>"
    # RFC 3834: out-of-office replies stay away. An issue too is put together and sent by a program,
    # again and again, and answers nobody (§5).
    mail["Auto-Submitted"] = "auto-generated"
    if draft.unsubscribe:
        mail["List-Unsubscribe"] = f"<{draft.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    if draft.mailing:
        _say_to_whom_it_goes(mail, draft.mailing, settings.contact)
    for header, value in relay_headers(settings, service.links.return_tag(row.id)).items():
        mail[header] = value
    _set_text(mail, letter["text"])
    mail.add_alternative(letter["html"], subtype="html", cte="quoted-printable")
    mail["Content-Language"] = lang  # last: setting the content takes such headers out
    _check(mail, draft.to)
    return mail


def rendered(service: Service, kind: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The "subject", the plain "text" and the "html" of a mail of this kind, in the language that
    is spoken."""
    settings = service.settings
    lang = languages.spoken()
    return _write(
        kind,
        lang=lang,
        dir=direction(lang),
        network=settings.network_name,
        base_url=settings.base_url,
        accent=accent(settings.accent),
        **values,
    )


def _say_to_whom_it_goes(mail: EmailMessage, mailing: Mailing, contact: str) -> None:
    name, address = parseaddr(contact)
    mail["Reply-To"] = _mailbox(name, address)
    mail["List-Id"] = f"{_phrase(mailing.name)} <{mailing.list_id}>"
    mail["List-Archive"] = f"<{mailing.archive}>"
    mail["List-Post"] = "NO"  # RFC 2369 §3.4: only its editors write to it
    # No standard knows it, yet what answers by itself (RFC 3834 §2) and old relays look at it.
    mail["Precedence"] = "bulk"
    mail["Feedback-ID"] = mailing.feedback_id


def _phrase(name: str) -> str:
    """A name as it may stand before angle brackets (RFC 5322, phrase). What is not ASCII becomes
    encoded words, in which every sign is allowed."""
    name = " ".join(name.split())
    if not name.isascii() or re.fullmatch(r"[\w !#$%&'*+/=?^`{|}~-]+", name):
        return name
    return '"' + re.sub(r'(["\\\\])', r"\\\1", name) + '"'


def on_the_wire(mail: EmailMessage, sender: str) -> bytes:
    """The bytes that a relay is given. Where an address in the envelope is internationalised, the
    head is in UTF-8 (RFC 6532)."""
    ascii_only = (sender + addressee(mail)).isascii()
    return mail.as_bytes(policy=POLICY.clone(utf8=not ascii_only))


def _check(mail: EmailMessage, address: str) -> None:
    """Reads the mail as the relay will: its head must be ours, and for one person."""
    wire = mail.as_bytes(policy=POLICY.clone(utf8=True)).decode()
    read = message_from_string(wire, policy=SMTPUTF8)
    recipients = [f"{to.username}@{to.domain}" for to in read["To"].addresses]
    if recipients != [address] or read.keys() != mail.keys() or read.defects:
        raise Unsendable


def addressee(mail: EmailMessage) -> str:
    """The one address a composed mail is for."""
    return str(mail["To"].addresses[0].addr_spec)


def _set_text(mail: EmailMessage, text: str) -> None:
    # Plain ASCII is sent as it is, so that the link stands whole on its line for every reader;
    # but a line on the wire has at most 998 characters (RFC 5322, 2.1.1).
    fits = text.isascii() and max(map(len, text.splitlines()), default=0) < 998
    mail.set_content(text, cte="7bit" if fits else "quoted-printable")


def _mailbox(name: str, address: str) -> Mailbox:
    local, _, domain = address.rpartition("@")
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
    """What can't be in an attribute (dark mode) stays in the head: some programs take that out."""
    return css_inline.CSSInliner(
        keep_at_rules=True,
        remove_inlined_selectors=True,
        minify_css=True,
        load_remote_stylesheets=False,
    )


def template_folder() -> Path:
    """Beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent.parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(template_folder()),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        languages.gettext, languages.ngettext, newstyle=True, pgettext=languages.pgettext
    )
    return environment
