"""The outbox: what waits, what was refused and why, try again; a test to oneself. And what came
back."""

import uuid
from datetime import UTC, datetime

from flask import Response, abort, make_response, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import bounces, digests, mailroom, outbox, reports
from widgets.audit import Actor
from widgets.digests import NoSuchDigest
from widgets.mailroom import KINDS, STATES, NoSuchMessage, TooLate
from widgets.models import BounceKind, Digest, Editor
from widgets.models.fact import read_fact
from widgets.web import service
from widgets.web.console.asked import page_number
from widgets.web.console.door import Screen, noted

screen = Screen("mail", __name__, url_prefix="/admin/mail")

BOUNCES = {
    BounceKind.HARD: "no mailbox",
    BounceKind.SOFT: "not now",
    BounceKind.COMPLAINT: "called unwanted",
    BounceKind.POLICY: "refused us",
}
HINTS = {
    BounceKind.HARD: "There is no such mailbox, or not any more. Nothing is sent to it for 30 "
    "days; then its owner can sign up again.",
    BounceKind.SOFT: "A full mailbox, or a server that did not answer for days. After the fifth "
    "in a row, an address is treated like one that is not there.",
    BounceKind.COMPLAINT: "They called our mail unwanted. Nothing is sent to them any more, unless "
    "they ask for it and an administrator lets them.",
    BounceKind.POLICY: "The other server refused what the mail says or where it comes from, "
    "whoever it was for. Nobody is unsubscribed by it. If there are many, tell whoever runs the "
    "server.",
}
SOURCES = {
    "smtp": "the relay, at once",
    "dsn": "a mail that came back",
    "arf": "a provider’s feedback",
    "mailgun": "Mailgun",
    "postmark": "Postmark",
    "resend": "Resend",
    "sendgrid": "SendGrid",
    "ses": "Amazon SES",
}


@screen.get("")
def index(editor: Editor) -> Response:
    state, kind = request.args.get("state", "")[:8], request.args.get("kind", "")[:16]
    now = datetime.now(UTC)
    with service().database.reading() as session:
        issue = _issue(session)
        of = issue.id if issue else None
        page = mailroom.messages(session, state, kind, number=page_number(), digest_id=of)
        html = render_template(
            "console/mail.html",
            page=page,
            about={one.id: mailroom.about(session, one) for one in page.items},
            counts=mailroom.counts(session, of),
            health=mailroom.health(session, now),
            refusals=mailroom.refusals(session, of),
            issue=issue,
            kinds=[(one, KINDS.get(one, one)) for one in mailroom.kinds(session)],
            states=STATES,
            state=state,
            kind=kind,
            now=now,
        )
    return make_response(html)


@screen.get("/came-back")
def came_back(editor: Editor) -> Response:
    kind = request.args.get("kind", "")[:16]
    settings = service().settings
    with service().database.reading() as session:
        page = bounces.newest(session, kind, page_number())
        html = render_template(
            "console/came_back.html",
            page=page,
            whose=bounces.whose(session, page.items),
            counts=bounces.counts(session),
            trouble=read_fact(session, reports.TROUBLE) if settings.reports_url else None,
            is_taken=bool(settings.reports_url or settings.relay),
            kind=kind,
            kinds=BOUNCES,
            hints=HINTS,
            sources=SOURCES,
            mails=KINDS,
        )
    return make_response(html)


@screen.post("/test")
def test(editor: Editor) -> AnyResponse:
    now = datetime.now(UTC)
    with service().database.writing() as session:
        message = outbox.add(session, "test", now, send_at=now, editor_id=editor.id)
    return noted("The message is in the outbox.", url_for("mail.message", message_id=message))


@screen.get("/<uuid:message_id>")
def message(editor: Editor, message_id: uuid.UUID) -> Response:
    return _message(editor, message_id)


@screen.post("/<uuid:message_id>/again")
def try_again(editor: Editor, message_id: uuid.UUID) -> AnyResponse:
    try:
        with service().database.writing() as session:
            mailroom.try_again(session, message_id, Actor.of(editor), datetime.now(UTC))
    except NoSuchMessage:
        abort(404)
    except TooLate as error:
        return _message(editor, message_id, str(error), 409)
    said = "It is tried again now."
    return noted(said, url_for("mail.message", message_id=message_id))


@screen.post("/<uuid:message_id>/give-up")
def give_up(editor: Editor, message_id: uuid.UUID) -> AnyResponse:
    try:
        with service().database.writing() as session:
            mailroom.give_up(session, message_id, Actor.of(editor), datetime.now(UTC))
    except NoSuchMessage:
        abort(404)
    except TooLate as error:
        return _message(editor, message_id, str(error), 409)
    said = "It is not tried any more."
    return noted(said, url_for("mail.message", message_id=message_id))


@screen.post("/again")
def try_all_again(editor: Editor) -> AnyResponse:
    reason = request.form.get("reason", "")
    with service().database.writing() as session:
        many = mailroom.try_all_again(session, reason, Actor.of(editor), datetime.now(UTC))
    said = {0: "None is left that was refused for this.", 1: "One message is tried again now."}
    return noted(
        said.get(many, f"{many:,} messages are tried again now."),
        url_for("mail.index", state="waiting" if many else "refused"),
    )


def _issue(session: Session) -> Digest | None:
    """The one that the address narrows the outbox to, if it does."""
    try:
        return digests.get(session, uuid.UUID(request.args.get("issue", "")))
    except (ValueError, NoSuchDigest):
        return None


def _message(
    editor: Editor, message_id: uuid.UUID, problem: str = "", status: int = 200
) -> Response:
    now = datetime.now(UTC)
    try:
        with service().database.reading() as session:
            shown = mailroom.get(session, message_id)
            about = mailroom.about(session, shown)
    except NoSuchMessage:
        abort(404)
    html = render_template(
        "console/message.html",
        shown=shown,
        about=about,
        states=STATES,
        problem=problem,
        # where nothing is to be expected for a while, the page need not look again and again
        is_watched=mailroom.is_due(shown, now),
    )
    return make_response(html, status)
