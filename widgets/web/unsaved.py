"""What an editor wants to see before it is saved, in frames of the console.

Behind a signed link, for an hour, in nobody's session: no cookie is read here. The widget within is
in a sandbox without any permission, and only pages of ours may frame it.
"""

from flask import Blueprint, Response, make_response, render_template

from widgets import languages, previews
from widgets.links import BadLink, ExpiredLink
from widgets.previews import NoSuchPreview, Seen
from widgets.web import service, snippets
from widgets.web.parameters import Look, asked_look

blueprint = Blueprint("unsaved", __name__, url_prefix="/embed/previews")


@blueprint.get("/<token>")
def preview(token: str) -> Response:
    """The widget on a phone and on a wider screen, as high as its snippet makes it."""
    languages.speak(languages.SOURCE)
    seen = _seen(token)
    view = asked_look().view or "full"
    frame = None
    if not seen.problem:
        query = Look(view=view, lang=seen.statement.lang).query()
        frame = snippets.snippet(f"/embed/previews/{token}/card{query}", "", "/")
    return make_response(
        render_template("console/preview.html", seen=seen, frame=frame, view=view, over=False)
    )


@blueprint.get("/<token>/card")
def card(token: str) -> Response:
    """The statement card itself."""
    seen = _seen(token)
    html = render_template(
        "embeds/statement.html",
        look=asked_look(),
        statement=seen.statement,
        count=seen.count,
        newest=False,
    )
    return make_response(html)


@blueprint.errorhandler(BadLink)
@blueprint.errorhandler(ExpiredLink)
@blueprint.errorhandler(NoSuchPreview)
def over(_: Exception) -> tuple[Response, int]:
    languages.speak(languages.SOURCE)
    return make_response(render_template("console/preview.html", over=True)), 410


def _seen(token: str) -> Seen:
    preview_id = service().links.read_preview(token)
    with service().database.reading() as session:
        return previews.seen(session, preview_id)
