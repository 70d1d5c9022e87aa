"""Plain pages for whatever goes wrong: small and framed where a widget was asked for."""

import logging

from flask import Flask, Response, make_response, render_template, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException, InternalServerError

from widgets.digests import NoSuchDigest
from widgets.feeds import NoSuchFeed
from widgets.languages import N_, gettext, spoken
from widgets.newsletters import NoSuchNewsletter
from widgets.statements import NoSuchStatement, Notice, Withdrawn
from widgets.text import long_date
from widgets.web import cache, parameters, rendering
from widgets.web.problems import WORDS as WORDS_FOR_PROGRAMS
from widgets.web.problems import is_asked_by_program, problem

log = logging.getLogger("undersigned.web")

WORDS = {
    400: (
        N_("We could not read this"),
        N_("The request was malformed. Please go back and try again."),
    ),
    404: (
        N_("There is nothing here"),
        N_("The address may be mistyped, or what was here has moved."),
    ),
    405: (N_("This can’t be done here"), N_("Please go back and use the buttons on the page.")),
    410: (N_("This is gone"), N_("What was here has been taken back.")),
    413: (
        N_("This is too much"),
        N_("What was sent is larger than any form of ours. Nothing was kept."),
    ),
    500: (N_("Something failed on our side"), N_("Nothing you did. Please try again in a minute.")),
    503: (N_("We can’t answer just now"), N_("Please try again in a minute.")),
}


def install(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        code = error.code or 500
        if 300 <= code < 400:
            return make_response(error.get_response())
        response = page(code if code in WORDS else 400 if code < 500 else 500, status=code)
        for name, value in error.get_headers():
            if name not in ("Content-Type", "Content-Length"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        # The path of a signed link is a secret; the route's name is not.
        log.error("%s failed", request.endpoint, exc_info=error)
        return page(InternalServerError.code)

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(NoConnection)
    def database_away(error: Exception) -> Response:
        log.error("%s: the database did not answer: %s", request.endpoint, error)
        response = page(503)
        response.headers["Retry-After"] = "60"
        return response

    @app.errorhandler(NoSuchStatement)
    @app.errorhandler(NoSuchNewsletter)
    @app.errorhandler(NoSuchFeed)
    @app.errorhandler(NoSuchDigest)
    def not_there(error: Exception) -> Response:
        return page(404)

    @app.errorhandler(Withdrawn)
    def withdrawn(error: Withdrawn) -> Response:
        rendering.speak_to_one_reader()
        statement = error.statement
        assert statement.withdrawn_on
        gone = page(
            410,
            title=gettext("This statement was withdrawn"),
            text=gettext(
                "“%(title)s” was taken back by its signatories’ network on %(date)s.",
                title=statement.title,
                date=long_date(statement.withdrawn_on, spoken()),
            ),
            notice=statement.withdrawal,
            more=rendering.statement_link(statement) if statement.withdrawal else None,
        )
        # it stays embedded on many sites: a frame that says so is kept like the card it was
        return cache.keep(gone) if rendering.is_framed() else gone


def page(
    code: int,
    *,
    status: int | None = None,
    title: str | None = None,
    text: str | None = None,
    notice: Notice | None = None,
    more: str | None = None,
) -> Response:
    """An error page in the hand of where it appears. notice: the network's own words below ours;
    more: the path of a page with room for all of them. Programs are told in theirs."""
    if is_asked_by_program():
        return problem(status or code, WORDS_FOR_PROGRAMS[code])
    rendering.speak_to_one_reader()
    words = WORDS[code]
    folder = "embeds" if rendering.is_framed() else "pages"
    html = render_template(
        f"{folder}/error.html",
        look=parameters.asked_look(),
        title=title or gettext(words[0]),
        text=text or gettext(words[1]),
        notice=notice,
        more=more,
        again=request.method == "POST" and code in (500, 503),
    )
    return make_response(html, status or code)
