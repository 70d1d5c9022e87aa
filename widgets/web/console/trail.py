"""The audit: who changed what, and when."""

from flask import Response, make_response, render_template, request

from widgets import audit
from widgets.models import Editor
from widgets.web import service
from widgets.web.console.asked import page_number
from widgets.web.console.door import Screen

screen = Screen("trail", __name__, url_prefix="/admin/audit")


@screen.get("")
def index(editor: Editor) -> Response:
    kind = request.args.get("kind", "")[:24]
    subject = request.args.get("subject", "")[:80]
    by = request.args.get("by", "")[:300]
    with service().database.reading() as session:
        page = audit.entries(session, kind=kind, subject=subject, actor=by, number=page_number())
        choices = [("", "everything"), *((one, one) for one in audit.kinds(session))]
        actors = [("", "everybody"), *((one, one) for one in audit.actors(session))]
    html = render_template(
        "console/audit.html",
        page=page,
        choices=choices,
        actors=actors,
        kind=kind,
        subject=subject,
        by=by,
    )
    return make_response(html)
