"""Who works in the console: for administrators."""

from datetime import UTC, datetime

from flask import Response, abort, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from widgets import editors
from widgets.addresses import BadAddress, parse
from widgets.audit import Actor
from widgets.editors import BadEditor, NoSuchEditor
from widgets.models import Editor, Role
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("editors", __name__, url_prefix="/admin/editors")


@screen.get("", role=Role.ADMINISTRATOR)
def index(editor: Editor) -> Response:
    return _index(editor)


@screen.post("", role=Role.ADMINISTRATOR)
def add(editor: Editor) -> AnyResponse:
    typed = {name: request.form.get(name, "")[:300] for name in ("address", "name", "role")}
    try:
        address = parse(typed["address"], allow_test_domains=service().settings.is_local)
        with service().database.writing() as session:
            added = editors.add(
                session,
                address,
                typed["name"],
                _role(typed["role"]),
                Actor.of(editor),
                datetime.now(UTC),
            )
    except (BadAddress, BadEditor) as error:
        return _index(editor, typed, str(error), 422)
    return noted(f"{added.name} can sign in now.", url_for("editors.index"))


@screen.get("/<int:number>", role=Role.ADMINISTRATOR)
def edit(editor: Editor, number: int) -> Response:
    return _edit(editor, number)


@screen.post("/<int:number>", role=Role.ADMINISTRATOR)
def change(editor: Editor, number: int) -> AnyResponse:
    name, role = request.form.get("name", "")[:300], _role(request.form.get("role", ""))
    try:
        with service().database.writing() as session:
            changed = editors.change(
                session, number, name, role, Actor.of(editor), datetime.now(UTC)
            )
    except NoSuchEditor:
        abort(404)
    except BadEditor as error:
        return _edit(editor, number, str(error), 422)
    return noted(f"{changed.name} is saved.", url_for("editors.index"))


@screen.post("/<int:number>/remove", role=Role.ADMINISTRATOR)
def remove(editor: Editor, number: int) -> AnyResponse:
    try:
        with service().database.writing() as session:
            name = editors.get(session, number).name
            editors.remove(session, number, Actor.of(editor), datetime.now(UTC))
    except NoSuchEditor:
        abort(404)
    except BadEditor as error:
        return _edit(editor, number, str(error), 422)
    return noted(f"{name} is signed out everywhere and can’t sign in.", url_for("editors.index"))


@screen.post("/<int:number>/end-sessions", role=Role.ADMINISTRATOR)
def end_sessions(editor: Editor, number: int) -> AnyResponse:
    now = datetime.now(UTC)
    try:
        with service().database.writing() as session:
            editors.end_for(session, number, Actor.of(editor), now)
    except NoSuchEditor:
        abort(404)
    return noted("All their sessions are ended.", url_for("editors.edit", number=number))


@screen.post("/<int:number>/second-factor/take-away", role=Role.ADMINISTRATOR)
def take_away(editor: Editor, number: int) -> AnyResponse:
    """For an editor who has lost the device that makes the codes."""
    try:
        with service().database.writing() as session:
            editors.take_away_second_factor(session, number, Actor.of(editor), datetime.now(UTC))
    except NoSuchEditor:
        abort(404)
    return noted("Their second factor is taken away.", url_for("editors.edit", number=number))


def _role(typed: str) -> Role:
    return Role.ADMINISTRATOR if typed == Role.ADMINISTRATOR else Role.EDITOR


def _index(
    editor: Editor, typed: dict[str, str] | None = None, problem: str = "", status: int = 200
) -> Response:
    with service().database.reading() as session:
        listed = editors.listed(session)
    page = render_template(
        "console/editors.html", listed=listed, typed=typed or {}, problem=problem
    )
    return make_response(page, status)


def _edit(editor: Editor, number: int, problem: str = "", status: int = 200) -> Response:
    try:
        with service().database.reading() as session:
            shown = editors.get(session, number)
            sessions = editors.sessions(session, number, datetime.now(UTC))
    except NoSuchEditor:
        abort(404)
    page = render_template("console/editor.html", shown=shown, sessions=sessions, problem=problem)
    return make_response(page, status)
