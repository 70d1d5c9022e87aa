"""The public pages, and the pictures."""

from flask import Blueprint, Response, abort, make_response, render_template, send_file

from widgets import back_issues, images, newsletters, roll, signatories, signings, statements
from widgets.web import cache, service, statement_languages, text_languages
from widgets.web.parameters import asked_look

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def index() -> Response:
    with service().database.reading() as session:
        listed = statements.newest(session, statement_languages(asked_look().lang))
        tallies = signatories.tallies(session)
        letters = newsletters.slugs(session)
        archives = back_issues.archives(session, *text_languages())
    html = render_template(
        "pages/index.html",
        statements=listed,
        tallies=tallies,
        newsletters=letters,
        archives=archives,
    )
    return cache.keep(make_response(html))


@blueprint.get("/statements/<slug:slug>")
def statement(slug: str) -> Response:
    look = asked_look()
    with service().database.reading() as session:
        shown = statements.standing(session, slug, statement_languages(look.lang))
        names = signatories.first(session, shown.id)
        count = signatories.count(session, shown.id)
        tally = signatories.tally(session, shown.id)
        opening = signings.opening(session, shown.id)
        countries = roll.country_names(session, shown.id)
        letters = newsletters.slugs(session)
        archives = back_issues.archives(session, *text_languages())
    html = render_template(
        "pages/statement.html",
        look=look,
        statement=shown,
        names=names,
        count=count,
        tally=tally,
        opening=opening,
        countries=countries,
        newsletters=letters,
        archives=archives,
    )
    return cache.keep(make_response(html))


@blueprint.get("/privacy")
def privacy() -> Response:
    return cache.keep(make_response(render_template("pages/privacy.html")))


@blueprint.get("/secure-connection")
def secure_connection() -> Response:
    """Why https matters; linked from every page that came without it."""
    settings = service().settings
    html = render_template(
        "pages/secure_connection.html",
        host_name=settings.host_name,
        secure_address=settings.url("/secure-connection"),
        is_https=settings.is_https,
    )
    return cache.keep(make_response(html))


@blueprint.get("/pictures/<digest:digest>-<int:width>.<any(webp, jpg):suffix>")
def picture(digest: str, width: int, suffix: str) -> Response:
    """A stored picture. Its name is its content's, so it never changes; but it may be taken
    back, so it is not kept for long."""
    path = images.file(service().settings.instance_path, digest, width, suffix)
    if not path.is_file():
        abort(404)
    response = send_file(path, mimetype=images.SUFFIXES[suffix], etag=digest)
    response.headers["Cache-Control"] = "public, max-age=86400, s-maxage=3600"
    return response


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return _word("ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """The process answers and the database too."""
    with service().database.reading() as session:
        newsletters.slugs(session)
    return _word("ready")


def _word(word: str) -> Response:
    return Response(word + "\n", mimetype="text/plain")
