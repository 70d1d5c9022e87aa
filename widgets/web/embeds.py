"""The widgets, for iframes on member sites."""

from flask import Blueprint, Response, make_response, render_template, request

from widgets import newsletters, roll, signatories, statements
from widgets.web import cache, forms, parameters, service

blueprint = Blueprint("embeds", __name__, url_prefix="/embed")


@blueprint.get("/statements/<slug:slug>")
def statement(slug: str) -> Response:
    look = asked_look()
    with service().database.reading() as session:
        shown = statements.standing(session, slug)
        count = signatories.count(session, shown.id)
    html = render_template("embeds/statement.html", look=look, statement=shown, count=count)
    return cache.keep(make_response(html))


@blueprint.get("/statements/<slug:slug>/signatories")
def signatory_list(slug: str) -> Response:
    look = asked_look()
    with service().database.reading() as session:
        shown = statements.standing(session, slug)
        count = signatories.count(session, shown.id)
        lang = look.lang or shown.lang
        countries = roll.country_names(session, shown.id)
        page = groups = None
        if look.group and not look.country and len(countries) > 1:
            groups = roll.grouped(session, shown.id, lang, look.q)
        else:
            page = roll.page(
                session, shown.id, lang, search=look.q, country=look.country, number=look.page
            )
    html = render_template(
        "embeds/signatories.html",
        look=look,
        statement=shown,
        count=count,
        countries=countries,
        page=page,
        groups=groups,
    )
    return cache.keep(make_response(html))


@blueprint.get("/newsletters/<slug:slug>")
def newsletter(slug: str) -> Response:
    with service().database.reading() as session:
        shown = newsletters.form(session, slug)
    html = render_template(
        "embeds/newsletter.html",
        look=asked_look(),
        newsletter=shown,
        form=forms.SignUpForm.of(service().links, shown),
        problem=None,
    )
    # The token in it says the hour; a new one is rendered for the next.
    return cache.keep(make_response(html), seconds=forms.seconds_left_in_hour())


def asked_look() -> parameters.Look:
    """The look that this request asks for."""
    return parameters.look(request.query_string.decode("latin-1"))
