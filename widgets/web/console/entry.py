"""Signing in and out, the second factor, and one's own sessions."""

import uuid
from datetime import UTC, datetime

import segno
from flask import Response, make_response, redirect, render_template, request, session, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from widgets import editors
from widgets.addresses import BadAddress, parse
from widgets.audit import Actor
from widgets.editors import Entry, Opened
from widgets.links import BadLink, ExpiredLink
from widgets.models import Editor
from widgets.web import service
from widgets.web.console.door import (
    Kept,
    Screen,
    browser_secret,
    csrf_holds,
    current_session,
    is_of_console,
    noted,
    sent_again,
)
from widgets.web.security import client_limit

screen = Screen("entry", __name__, url_prefix="/admin")

PRESS_AGAIN = "Please press the button again."
NO_COOKIE = (
    "Your browser has kept no cookie of ours. The console needs one, and it is only kept over "
    "https, or on this very machine at http://127.0.0.1 or http://localhost."
)
TOO_OFTEN = "Many tries came from your connection just now. Please try again in a minute."
# One sentence for both, or five wrong codes would tell whose address is an editor's.
WRONG_OR_OVER = (
    "That is not the code in our newest mail, or it can’t be used any more. It has eight digits, "
    "works for fifteen minutes, and can be tried five times. If in doubt, ask for a new mail."
)
OVER_LINK = "This link can’t be used any more: it works once, and for fifteen minutes."
ELSEWHERE = (
    "This link was asked for in another browser, and works only there. "
    "Go back to that browser, or ask for a mail from this one."
)
WRONG_FACTOR = "That is not the code that your app shows now. Each code works once."


@screen.get("/sign-in", is_open=True)
def sign_in() -> AnyResponse:
    if current_session():
        return redirect("/admin", 303)
    return _asks_address()


@screen.post("/sign-in", is_open=True)
def ask() -> AnyResponse:
    """Mails a link and a code to an editor. For every address the answer is the same."""
    typed = request.form.get("address", "")[:300]
    if not session:
        return _asks_address(NO_COOKIE, typed, 400)
    if not csrf_holds():
        return _asks_address(PRESS_AGAIN, typed, 400)
    try:
        address = parse(typed, allow_test_domains=service().settings.is_local)
    except BadAddress as error:
        return _asks_address(str(error), typed, 422)
    if not client_limit().allows(request.remote_addr):
        return _asks_address(TOO_OFTEN, typed, 429)
    with service().database.writing() as database:
        asked = editors.ask_to_sign_in(database, address, browser_secret(), datetime.now(UTC))
    session["asked"] = str(asked)
    if kept := _kept():
        return _asks_code(kept=kept)
    return redirect(url_for("entry.inbox"), 303)


@screen.get("/sign-in/inbox", is_open=True)
def inbox() -> AnyResponse:
    if current_session():
        return redirect("/admin", 303)
    if "asked" not in session:
        return redirect(url_for("entry.sign_in"), 303)
    return _asks_code()


@screen.post("/sign-in/inbox", is_open=True)
def enter_code() -> AnyResponse:
    typed = request.form.get("code", "")[:40]
    if current_session():  # the link was pressed meanwhile
        return _welcome()
    if not csrf_holds():
        return _asks_code(PRESS_AGAIN, typed, 400)
    if not client_limit().allows(request.remote_addr):
        return _asks_code(TOO_OFTEN, typed, 429)
    try:
        asked = uuid.UUID(str(session.get("asked")))
    except ValueError:
        return redirect(url_for("entry.sign_in"), 303)
    with service().database.writing() as database:
        _, opened = editors.sign_in_with_code(
            database,
            service().links,
            asked,
            browser_secret(),
            typed,
            request.headers.get("User-Agent", ""),
            datetime.now(UTC),
        )
    if opened:
        return _let_in(opened)
    return _asks_code(WRONG_OR_OVER, typed, 422)


@screen.get("/sign-in/<token>", is_open=True)
def link(token: str) -> AnyResponse:
    """One button. Opening the link changes nothing: mail scanners open every link."""
    if current_session():
        return redirect("/admin", 303)
    try:
        asked = service().links.read_sign_in(token)
    except (BadLink, ExpiredLink):
        return _asks_address(OVER_LINK, "", 410)
    with service().database.reading() as database:
        entry = editors.link_stands(database, asked, browser_secret(), datetime.now(UTC))
    if entry is Entry.IN:
        return make_response(render_template("console/link.html", token=token))
    return _asks_address(ELSEWHERE if entry is Entry.ELSEWHERE else OVER_LINK, "", 410)


@screen.post("/sign-in/<token>", is_open=True)
def press(token: str) -> AnyResponse:
    if not csrf_holds():
        return redirect(url_for("entry.link", token=token), 303)
    try:
        asked = service().links.read_sign_in(token)
    except (BadLink, ExpiredLink):
        return _asks_address(OVER_LINK, "", 410)
    with service().database.writing() as database:
        entry, opened = editors.sign_in(
            database,
            asked,
            browser_secret(),
            request.headers.get("User-Agent", ""),
            datetime.now(UTC),
        )
    if opened:
        return _let_in(opened)
    return _asks_address(ELSEWHERE if entry is Entry.ELSEWHERE else OVER_LINK, "", 410)


@screen.get("/second-factor", is_open=True)
def second_factor() -> AnyResponse:
    opened = current_session()
    if opened is None:
        return redirect(url_for("entry.sign_in"), 303)
    if not editors.needs_second_factor(opened):
        return redirect(_next(), 303)
    return _asks_factor()


@screen.post("/second-factor", is_open=True)
def enter_factor() -> AnyResponse:
    opened = current_session()
    if opened is None:
        return _asks_address("You were signed out. Please sign in again.", "", 401)
    if not editors.needs_second_factor(opened):
        return _welcome()
    if not csrf_holds():
        return _asks_factor(PRESS_AGAIN, 400)
    if not client_limit().allows(request.remote_addr):
        return _asks_factor(TOO_OFTEN, 429)
    typed = request.form.get("code", "")[:40]
    with service().database.writing() as database:
        verified = editors.verify(database, opened.id, typed, datetime.now(UTC))
    return _welcome() if verified else _asks_factor(WRONG_FACTOR, 422)


@screen.post("/sign-out")
def sign_out(editor: Editor) -> AnyResponse:
    opened = current_session()
    if opened:
        with service().database.writing() as database:
            editors.end(database, editor.id, opened.id, datetime.now(UTC))
    browser = browser_secret()
    session.clear()
    session["browser"] = browser  # where they have signed in before, they may ask more often
    session["token"] = ""  # none, but there was one: what an open tab still sends is kept
    session.permanent = True
    return noted("You are signed out.", url_for("entry.sign_in"))


@screen.get("/account")
def account(editor: Editor) -> Response:
    """One's own sessions and second factor."""
    opened = current_session()
    with service().database.reading() as database:
        sessions = editors.sessions(database, editor.id, datetime.now(UTC))
    return make_response(
        render_template(
            "console/account.html",
            me=editor,
            sessions=sessions,
            current=opened.id if opened else None,
        )
    )


@screen.post("/account/sessions/<int:number>/end")
def end_session(editor: Editor, number: int) -> AnyResponse:
    with service().database.writing() as database:
        editors.end(database, editor.id, number, datetime.now(UTC))
    return noted("That session is ended.", url_for("entry.account"))


@screen.post("/account/sessions/end-others")
def end_other_sessions(editor: Editor) -> AnyResponse:
    opened = current_session()
    with service().database.writing() as database:
        editors.end_all(database, editor.id, datetime.now(UTC), but=opened.id if opened else None)
    return noted("All other sessions are ended.", url_for("entry.account"))


@screen.get("/account/second-factor")
def set_up(editor: Editor) -> Response:
    secret = session.setdefault("secret", editors.new_secret())
    return _shows_secret(editor, secret)


@screen.post("/account/second-factor")
def confirm_set_up(editor: Editor) -> AnyResponse:
    secret, opened = session.get("secret"), current_session()
    typed = request.form.get("code", "")[:40]
    if secret is None or opened is None:
        return redirect(url_for("entry.set_up"), 303)
    with service().database.writing() as database:
        done = editors.set_up_second_factor(database, opened.id, secret, typed, datetime.now(UTC))
    if not done:
        return _shows_secret(editor, secret, WRONG_FACTOR, 422)
    del session["secret"]
    return noted("The second factor is set up.", url_for("entry.account"))


@screen.post("/account/second-factor/take-away")
def take_away(editor: Editor) -> AnyResponse:
    with service().database.writing() as database:
        editors.take_away_second_factor(database, editor.id, Actor.of(editor), datetime.now(UTC))
    return noted("The second factor is taken away.", url_for("entry.account"))


def _let_in(opened: Opened) -> AnyResponse:
    where, browser = _next(), browser_secret()
    session.clear()  # a session that was planted here before gains nothing
    session.permanent = True
    session["browser"] = browser
    session["token"] = opened.token
    session["next"] = where
    with service().database.reading() as database:
        again = editors.session_of(database, opened.token, datetime.now(UTC))
        if again and editors.needs_second_factor(again):
            return _asks_factor()
    return _welcome()


def _welcome() -> AnyResponse:
    if kept := _kept():
        return sent_again(kept)
    where = _next()
    session.pop("next", None)
    return redirect(where, 303)


def _next() -> str:
    wished = str(session.get("next", "/admin"))
    return wished if is_of_console(wished) else "/admin"


def _kept() -> Kept | None:
    return Kept.loaded(request.form.get("kept", ""))


def _asks_address(problem: str = "", typed: str = "", status: int = 200) -> Response:
    page = render_template("console/sign_in.html", problem=problem, typed=typed, kept=_kept())
    return make_response(page, status)


def _asks_code(
    problem: str = "", typed: str = "", status: int = 200, *, kept: Kept | None = None
) -> Response:
    page = render_template("console/inbox.html", problem=problem, typed=typed, kept=kept or _kept())
    return make_response(page, status)


def _asks_factor(problem: str = "", status: int = 200) -> Response:
    page = render_template("console/second_factor.html", problem=problem, kept=_kept())
    return make_response(page, status)


def _shows_secret(editor: Editor, secret: str, problem: str = "", status: int = 200) -> Response:
    uri = editors.provisioning_uri(secret, editor, service().settings.network_name)
    picture = segno.make(uri).svg_inline(scale=5, border=4, light="#fff", dark="#000")
    page = render_template(
        "console/set_up.html",
        picture=Markup(picture),  # noqa: S704 (drawn here, from our own letters)
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        problem=problem,
    )
    return make_response(page, status)
