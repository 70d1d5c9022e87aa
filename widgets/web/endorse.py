"""The pages of the signed links by which a member's contacts endorse a statement: no account."""

import uuid
from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from widgets import endorsing
from widgets.endorsing import Closed, NoSuchInvitation, Said
from widgets.languages import N_, gettext, speak, spoken
from widgets.links import BadLink
from widgets.web import service, statement_languages
from widgets.web.parameters import asked_look
from widgets.web.rendering import language_of_reader, this_page
from widgets.web.security import client_limit, is_foreign_post

blueprint = Blueprint("endorse", __name__)

TOO_OFTEN = N_("Many answers came from your connection just now. Please press again in a minute.")


@blueprint.get("/endorse/<token>")
def page(token: str) -> Response:
    """The statement and the buttons. Opening it changes nothing: mail scanners open every link."""
    return _page(service().links.read_endorse(token))


@blueprint.post("/endorse/<token>")
def answer(token: str) -> AnyResponse:
    invitation = service().links.read_endorse(token)
    pressed = request.form.get("answer", "")
    if is_foreign_post(service().settings) or pressed not in list(Said):
        return redirect(this_page(), 303)
    if not client_limit().allows(request.remote_addr):
        return _page(invitation, TOO_OFTEN, 429)
    with service().database.writing() as session:
        endorsing.answer(session, invitation, Said(pressed), datetime.now(UTC))
    return redirect(this_page(), 303)


@blueprint.errorhandler(BadLink)
def cut_off(error: BadLink) -> Response:
    return make_response(render_template("endorse/cut_off.html"), 404)


@blueprint.errorhandler(NoSuchInvitation)
def gone(error: NoSuchInvitation) -> Response:
    return make_response(render_template("endorse/gone.html"), 410)


def _page(invitation: uuid.UUID, problem: str = "", status: int = 200) -> Response:
    """In the language of the contact, and the statement in the nearest to it, unless the address
    asks for another."""
    with service().database.reading() as session:
        theirs = endorsing.language(session, invitation)
        speak(language_of_reader(theirs))
        wanted = asked_look().lang or f"{theirs or spoken()},{spoken()}"
        asked = endorsing.asked(session, invitation, statement_languages(wanted), datetime.now(UTC))
    if asked.closed in (Closed.WITHDRAWN, Closed.LEFT, Closed.DRAFT):
        name, status = "closed", 410
    else:
        name = "statement"
    html = render_template(
        f"endorse/{name}.html",
        asked=asked,
        statement=asked.statement,
        look=asked_look(),
        problem=problem and gettext(problem),
    )
    return make_response(html, status)
