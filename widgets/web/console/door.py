"""The door of the console: every view of a screen is behind it, and gets the editor who asks.

What a POST brings from somebody who was signed out meanwhile, or from a page that is older than
their session, is not thrown away: it is carried along, and can be sent again by one button. What
another site's page posts is: else an editor could be led to send what somebody else has typed.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_wtf.csrf import validate_csrf
from werkzeug.wrappers import Response as AnyResponse
from wtforms.validators import ValidationError

from widgets import editors, languages
from widgets.models import Editor, EditorSession, Role
from widgets.web import service
from widgets.web.server import wait_longer

LARGEST_TEXT = 24_000_000  # bytes of what is typed or pasted, as it is sent: more than is taken
LARGEST_UPLOAD = 34_000_000  # bytes of a form with a file
SECONDS_TO_UPLOAD = 600.0
MARK = 64  # letters before a form that is carried along


class Screen(Blueprint):
    """A screen of the console. Its views are called with the editor who asks as first argument.

    `@screen.get("/path", role=Role.ADMINISTRATOR)`: for administrators only. `is_open=True`: for
    anybody, as the sign-in is; such a view gets no editor, and a POST to it is checked by itself.
    """

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        *,
        role: Role = Role.EDITOR,
        is_open: bool = False,
        **options: Any,
    ) -> None:
        if view_func is not None:
            endpoint = endpoint or view_func.__name__
            view_func = _open_to_all(view_func) if is_open else _behind_the_door(view_func, role)
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)


@dataclass(frozen=True)
class Kept:
    """A form that could not be taken yet. path: where it goes; fields: as they were sent; lost:
    the names of files, which can't be kept."""

    path: str
    fields: list[tuple[str, str]]
    lost: list[str]

    def dumped(self) -> str:
        """With a mark that only this browser's next requests can show."""
        form = json.dumps([self.path, self.fields, self.lost], ensure_ascii=False)
        return service().links.mark_of_kept(browser_secret(), form) + form

    @classmethod
    def loaded(cls, dumped: str) -> "Kept | None":
        """What `dumped` wrote for this browser; None for anything else."""
        mark, form = dumped[:MARK], dumped[MARK:]
        if not form or not service().links.is_mark_of_kept(browser_secret(), form, mark):
            return None
        try:
            path, fields, lost = json.loads(form)
            kept = cls(str(path), [(str(a), str(b)) for a, b in fields], [str(a) for a in lost])
        except (ValueError, TypeError):
            return None
        return kept if is_of_console(kept.path) else None


def is_of_console(path: str) -> bool:
    """Whether a path is of the console: what we may lead to after signing in.

    >>> is_of_console("/admin/members?page=2"), is_of_console("/adminx"), is_of_console("//x.org")
    (True, False, False)
    """
    return path == "/admin" or path.startswith(("/admin/", "/admin?"))


def current_session() -> EditorSession | None:
    """That of the browser that asks, if somebody is signed in there, with its editor. (The second
    factor may be missing.)"""
    token = session.get("token")
    if not isinstance(token, str):
        return None
    now = datetime.now(UTC)
    with service().database.reading() as database:
        opened = editors.session_of(database, token, now)
    if opened is not None and editors.is_to_be_noted(opened, now):
        with service().database.writing() as database:
            editors.note_seen(database, opened.id, now)
    return opened


def csrf_holds() -> bool:
    """Whether this POST has the token of a form that we gave to this browser (Flask-WTF)."""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return False
    return True


def keep_form() -> Kept:
    """This POST, to be sent again later. Buttons are fields too."""
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    fields = [(name, value) for name, value in request.form.items(multi=True)]
    return Kept(
        request.path + query,
        # a password of another tool is not put into any page
        [(name, value) for name, value in fields if name not in ("csrf_token", "password")],
        [file.filename for file in request.files.values() if file.filename],
    )


def browser_secret() -> str:
    """The secret of this browser, by which the link in a mail and a form that is carried along know
    it. It stays when the session ends."""
    if "browser" not in session:
        session["browser"] = uuid.uuid4().hex + uuid.uuid4().hex
    session.permanent = True
    return str(session["browser"])


def sent_again(kept: Kept) -> Response:
    """A page with what was typed, and a button that sends it, with a token that holds."""
    return make_response(render_template("console/kept.html", kept=kept))


def noted(said: str, path: str) -> AnyResponse:
    """Leads on to a path after something was done, and says so there."""
    flash(said)
    return redirect(path, 303)


def _open_to_all(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def opened(**values: Any) -> Any:
        languages.speak(languages.SOURCE)
        if _is_foreign_post():
            return redirect(url_for("entry.sign_in"), 303)
        if _was_signed_in():
            _allow(LARGEST_UPLOAD, LARGEST_TEXT)  # it may carry a form along
        return view(**values)

    return opened


def _behind_the_door(view: Callable[..., Any], role: Role) -> Callable[..., Any]:
    @wraps(view)
    def admitted(**values: Any) -> Any:
        languages.speak(languages.SOURCE)
        if _is_foreign_post():
            return redirect("/admin", 303)
        opened = current_session()
        if _was_signed_in():
            _allow(LARGEST_UPLOAD, LARGEST_TEXT)
            wait_longer(SECONDS_TO_UPLOAD)
        if opened is None:
            return _to_sign_in()
        if editors.needs_second_factor(opened):
            return _to_second_factor()
        if request.method == "POST" and not csrf_holds():
            return sent_again(keep_form())
        if role == Role.ADMINISTRATOR and opened.editor.role != Role.ADMINISTRATOR:
            return _only_for_administrators()
        request.environ["undersigned.editor"] = opened.editor  # for the layout's head
        return view(opened.editor, **values)

    return admitted


def _is_foreign_post() -> bool:
    """Whether a page of another site sent this POST, as far as the browser tells (Fetch Metadata).
    Our cookie did not come with it, and an answer that set a new one would sign the editor out."""
    sent_from = request.headers.get("Sec-Fetch-Site", "same-origin")
    return request.method == "POST" and sent_from not in ("same-origin", "none")


def _was_signed_in() -> bool:
    """Whether this browser's cookie, which is ours, is that of a session, over or not."""
    return "token" in session


def _is_from_our_page() -> bool:
    """As the browser says, which no page can change (Fetch Metadata); many say nothing."""
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


def _allow(whole: int, text: int) -> None:
    """How large a POST may be, in bytes: with files, and what is typed."""
    request.max_content_length = whole
    request.max_form_memory_size = text


def _to_sign_in() -> AnyResponse:
    """What somebody sends who was signed in is kept, also where the cookie was deleted meanwhile.
    Another site's POST has no cookie of ours, and browsers say where it comes from."""
    if request.method == "POST" and (_was_signed_in() or _is_from_our_page()):
        page = render_template("console/sign_in.html", kept=keep_form(), typed="")
        return make_response(page, 401)
    if request.method == "POST":
        return redirect(url_for("entry.sign_in"), 303)
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    session["next"] = (request.path + query)[:500]
    return redirect(url_for("entry.sign_in"), 303)


def _to_second_factor() -> AnyResponse:
    if request.method == "POST":
        kept = keep_form()
        return make_response(render_template("console/second_factor.html", kept=kept), 401)
    return redirect(url_for("entry.second_factor"), 303)


def _only_for_administrators() -> Response:
    return make_response(render_template("console/not_yours.html"), 403)


def editor_of_page() -> Editor | None:
    """Who is signed in on the page that is rendered; for its head."""
    found = request.environ.get("undersigned.editor")
    return found if isinstance(found, Editor) else None
