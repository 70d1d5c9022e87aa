"""The trial's mailbox: what would have been mailed, were there an SMTP server.

It exists only without SMTP_URL, and answers only to a browser on this machine.
"""

import email
import email.policy
import mailbox
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, make_response, render_template, request
from markupsafe import Markup, escape

from widgets.delivery import mailbox_folder
from widgets.settings import is_local_host
from widgets.web import service

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
MOST = 50
# mails carry their styles in attributes, which no hash can name
MAIL_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Letter:
    key: str
    to: str
    subject: str
    sent_at: datetime
    text: Markup


@blueprint.before_request
def only_from_this_machine() -> None:
    """A Host of ours keeps out pages that point their own name at 127.0.0.1 (DNS rebinding)."""
    try:
        local = ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        local = False
    host = urlsplit(f"//{request.host}").hostname or ""
    forwarded = "Forwarded" in request.headers or "X-Forwarded-For" in request.headers
    if not local or not is_local_host(host) or forwarded:
        abort(404)


@blueprint.get("")
def index() -> Response:
    box = _box()
    found = [_letter(key, _message(box, key)) for key in _newest(box)[:MOST]]
    return make_response(render_template("mailbox/index.html", letters=found))


@blueprint.get("/<key>")
def letter(key: str) -> Response:
    """A mail as a mail program shows it, with the styles it carries."""
    box = _box()
    if key not in box:
        abort(404)
    part = _message(box, key).get_body(("html",))
    if part is None:
        abort(404)
    response = make_response(part.get_content())
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


def _box() -> mailbox.Maildir:
    return mailbox.Maildir(mailbox_folder(service().settings.instance_path), create=True)


def _newest(box: mailbox.Maildir) -> list[str]:
    # a Maildir's names begin with the second and microsecond of delivery
    def delivered(key: str) -> tuple[int, int]:
        found = re.match(r"(\d+)\.M(\d+)", key)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    return sorted(box.keys(), key=delivered, reverse=True)


def _message(box: mailbox.Maildir, key: str) -> EmailMessage:
    data = box.get_bytes(key)
    return email.message_from_bytes(data, policy=email.policy.default)


def _letter(key: str, mail: EmailMessage) -> Letter:
    part = mail.get_body(("plain",))
    text = part.get_content() if part else ""
    linked = re.sub(
        r"https?://[^\s<>\"]+",
        lambda found: f'<a href="{found[0]}">{found[0]}</a>',
        str(escape(text)),
    )
    shown = Markup(linked)  # noqa: S704 (escaped above; only our own links are added)
    return Letter(key, str(mail["To"]), str(mail["Subject"]), mail["Date"].datetime, shown)
