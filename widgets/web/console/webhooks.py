"""Whom we tell what happens: addresses of other programs, and what became of what they were told.
For administrators."""

import uuid
from datetime import UTC, datetime

from flask import Response, abort, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from widgets import webhooks
from widgets.audit import Actor
from widgets.models import CallState, Editor, Role, Webhook
from widgets.web import service
from widgets.web.console.asked import page_number
from widgets.web.console.door import Screen, noted
from widgets.webhooks import BadWebhook, Event, NoSuchWebhook

screen = Screen("webhooks", __name__, url_prefix="/admin/programs/webhooks")

EVENTS = {
    Event.SUBSCRIBED: "Somebody asked for a newsletter, and has still to confirm",
    Event.CONFIRMED: "Somebody confirmed, and subscribes",
    Event.UNSUBSCRIBED: "Somebody left",
    Event.ENDORSED: "A member endorsed a statement, or a person’s signature is listed",
    Event.PUBLISHED: "A statement is published",
}
STATES = {CallState.WAITING: "waiting", CallState.DONE: "told", CallState.FAILED: "given up"}


@screen.get("/new", role=Role.ADMINISTRATOR)
def choose(editor: Editor) -> Response:
    return _form(None, "", list(Event))


@screen.post("/new", role=Role.ADMINISTRATOR)
def add(editor: Editor) -> Response:
    """The secret is in this answer, and is not shown again."""
    url, events = _typed()
    try:
        with service().database.writing() as session:
            made = webhooks.add(
                session, url, events, service().settings, Actor.of(editor), datetime.now(UTC)
            )
    except BadWebhook as error:
        return _form(None, url, events, error)
    return _secret(made)


@screen.get("/<int:number>", role=Role.ADMINISTRATOR)
def show(editor: Editor, number: int) -> Response:
    return _show(number)


@screen.get("/<int:number>/change", role=Role.ADMINISTRATOR)
def edit(editor: Editor, number: int) -> Response:
    webhook = _get(number)
    return _form(webhook, webhook.url, webhook.events)


@screen.post("/<int:number>/change", role=Role.ADMINISTRATOR)
def change(editor: Editor, number: int) -> AnyResponse:
    url, events = _typed()
    try:
        with service().database.writing() as session:
            settings, now = service().settings, datetime.now(UTC)
            webhooks.change(session, number, url, events, settings, Actor.of(editor), now)
    except NoSuchWebhook:
        abort(404)
    except BadWebhook as error:
        return _form(_get(number), url, events, error)
    return noted("It is saved.", url_for("webhooks.show", number=number))


@screen.post("/<int:number>/secret", role=Role.ADMINISTRATOR)
def new_secret(editor: Editor, number: int) -> Response:
    try:
        with service().database.writing() as session:
            changed = webhooks.new_secret(session, number, Actor.of(editor), datetime.now(UTC))
    except NoSuchWebhook:
        abort(404)
    return _secret(changed)


@screen.post("/<int:number>/<any(test, disable, enable, delete, forget):act>",
             role=Role.ADMINISTRATOR)  # fmt: skip
def do(editor: Editor, number: int, act: str) -> AnyResponse:
    doing, said = {
        "test": (webhooks.test, "It is told of a test now."),
        "disable": (webhooks.disable, "It is told nothing any more."),
        "enable": (webhooks.enable, "It is told of what happens from now on."),
        "delete": (webhooks.remove, "The webhook is deleted."),
        "forget": (webhooks.forget_old_secret, "The old secret signs nothing any more."),
    }[act]
    try:
        with service().database.writing() as session:
            doing(session, number, Actor.of(editor), datetime.now(UTC))
    except NoSuchWebhook:
        abort(404)
    except BadWebhook as error:
        return _show(number, str(error), 409)
    if act == "delete":
        return noted(said, url_for("programs.index"))
    return noted(said, url_for("webhooks.show", number=number))


@screen.post("/<int:number>/calls/<uuid:call_id>/again", role=Role.ADMINISTRATOR)
def try_again(editor: Editor, number: int, call_id: uuid.UUID) -> AnyResponse:
    try:
        with service().database.writing() as session:
            webhooks.try_again(session, number, call_id, Actor.of(editor), datetime.now(UTC))
    except NoSuchWebhook:
        abort(404)
    except BadWebhook as error:
        return _show(number, str(error), 409)
    return noted("It is told again now.", url_for("webhooks.show", number=number))


def _typed() -> tuple[str, list[str]]:
    return request.form.get("url", "")[:3000], request.form.getlist("events")[:20]


def _get(number: int) -> Webhook:
    try:
        with service().database.reading() as session:
            return webhooks.get(session, number)
    except NoSuchWebhook:
        abort(404)


def _form(
    webhook: Webhook | None, url: str, events: list[str], error: BadWebhook | None = None
) -> Response:
    html = render_template(
        "console/webhook_form.html",
        webhook=webhook,
        url=url,
        chosen=events,
        events=EVENTS,
        problems={error.field: str(error)} if error else {},
    )
    return make_response(html, 422 if error else 200)


def _secret(webhook: Webhook) -> Response:
    html = render_template(
        "console/secret.html",
        title=f"The secret of {webhooks.host(webhook)}",
        secret=webhooks.newest_secret(webhook),
        text="By it, the program that is told knows that we told it, as docs/api.md shows.",
        path=url_for("webhooks.show", number=webhook.id),
        parent=webhooks.host(webhook),
    )
    return make_response(html, 201)


def _show(number: int, problem: str = "", status: int = 200) -> Response:
    try:
        with service().database.reading() as session:
            webhook = webhooks.get(session, number)
            page = webhooks.calls(session, number, page_number())
    except NoSuchWebhook:
        abort(404)
    html = render_template(
        "console/webhook.html",
        webhook=webhook,
        name=webhooks.host(webhook),
        has_old_secret=webhooks.has_old_secret(webhook),
        page=page,
        events=EVENTS,
        states=STATES,
        problem=problem,
        now=datetime.now(UTC),
    )
    return make_response(html, status)
