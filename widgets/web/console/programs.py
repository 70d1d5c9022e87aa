"""Other programs: the keys by which they ask us, and the way to what we tell them. For
administrators."""

from datetime import UTC, datetime

from flask import Response, abort, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from widgets import api_keys, webhooks
from widgets.api_keys import BadName, NoSuchKey
from widgets.audit import Actor
from widgets.models import Editor, Role
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("programs", __name__, url_prefix="/admin/programs")


@screen.get("", role=Role.ADMINISTRATOR)
def index(editor: Editor) -> Response:
    return _index()


@screen.post("", role=Role.ADMINISTRATOR)
def make_key(editor: Editor) -> Response:
    """The key is in this answer and nowhere else."""
    name, may_write = request.form.get("name", "")[:400], request.form.get("write") == "yes"
    try:
        with service().database.writing() as session:
            made, key = api_keys.make(session, name, may_write, Actor.of(editor), datetime.now(UTC))
    except BadName as error:
        return _index(name, may_write, str(error), 422)
    html = render_template(
        "console/secret.html",
        title=f"The key “{made.name}”",
        secret=key,
        text="A program sends it with every request, as docs/api.md shows.",
    )
    return make_response(html, 201)


@screen.post("/keys/<int:number>/revoke", role=Role.ADMINISTRATOR)
def revoke(editor: Editor, number: int) -> AnyResponse:
    try:
        with service().database.writing() as session:
            revoked = api_keys.revoke(session, number, Actor.of(editor), datetime.now(UTC))
    except NoSuchKey:
        abort(404)
    return noted(f"The key “{revoked.name}” opens nothing any more.", url_for("programs.index"))


def _index(
    name: str = "", may_write: bool = False, problem: str = "", status: int = 200
) -> Response:
    with service().database.reading() as session:
        html = render_template(
            "console/programs.html",
            keys=api_keys.listed(session),
            listed=webhooks.listed(session),
            waiting=webhooks.waiting(session),
            name=name,
            may_write=may_write,
            problem=problem,
        )
    return make_response(html, status)
