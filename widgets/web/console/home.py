"""Where an editor arrives: what waits for them."""

from datetime import UTC, datetime

from flask import Response, make_response, render_template

from widgets import audit, jobs, overview
from widgets.models import Editor
from widgets.web import service
from widgets.web.console.door import Screen

screen = Screen("home", __name__, url_prefix="/admin")


@screen.get("")
def index(editor: Editor) -> Response:
    with service().database.reading() as session:
        waits = overview.of(session, datetime.now(UTC))
        work = jobs.latest(session, 5)
        lately = audit.entries(session).items[:8]
    return make_response(
        render_template("console/home.html", waits=waits, work=work, lately=lately)
    )
