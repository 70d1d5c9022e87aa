"""The widgets, for iframes on member sites."""

from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, render_template

from widgets import feeds, heights, newsletters, roll, signatories, signings, statements
from widgets.web import (
    cache,
    forms,
    parameters,
    service,
    sign_on,
    statement_languages,
    styles,
    text_languages,
)
from widgets.web.parameters import asked_look

blueprint = Blueprint("embeds", __name__, url_prefix="/embed")
MOST_IN_A_COMPACT_LIST = 60  # names; more fit no frame of its height


@blueprint.get("/statements/<slug:slug>")
def statement(slug: str) -> Response:
    look = asked_look()
    with service().database.reading() as session:
        shown = statements.standing(session, slug, statement_languages(look.lang))
        tally = signatories.tally(session, shown.id)
        opening = signings.opening(session, shown.id)
    html = render_template(
        "embeds/statement.html",
        look=look,
        statement=shown,
        tally=tally,
        opening=opening,
        newest=False,
    )
    return cache.keep(make_response(html))


@blueprint.get("/statements/latest")
def latest() -> Response:
    """Pasted once, always current."""
    look = asked_look()
    with service().database.reading() as session:
        shown = statements.latest(
            session, statement_languages(look.lang), topic=look.topic, country=look.country
        )
        tally = signatories.tally(session, shown.id) if shown else None
        opening = signings.opening(session, shown.id) if shown else None
    page = "embeds/statement.html" if shown else "embeds/coming.html"
    html = render_template(
        page, look=look, statement=shown, tally=tally, opening=opening, newest=True
    )
    return cache.keep(make_response(html))


@blueprint.get("/stories")
def stories() -> Response:
    look = asked_look()
    with service().database.reading() as session:
        listed = statements.stories(
            session,
            statement_languages(look.lang),
            like=look.like,
            topic=look.topic,
            country=look.country,
        )
        tallies = signatories.tallies(session)
    html = render_template("embeds/stories.html", look=look, statements=listed, tallies=tallies)
    return cache.keep(make_response(html))


@blueprint.get("/statements/<slug:slug>/signatories")
def signatory_list(slug: str) -> Response:
    look = asked_look()
    if look.view == "compact":
        return _names_that_fit(slug, look)
    with service().database.reading() as session:
        shown = statements.standing(session, slug, statement_languages(look.lang))
        count = signatories.count(session, shown.id)
        tally = signatories.tally(session, shown.id)
        lang = look.lang or shown.lang
        countries = roll.country_names(session, shown.id)
        long = roll.is_long(session, shown.id)
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
        tally=tally,
        countries=countries,
        page=page,
        groups=groups,
        long=long or groups is not None,
    )
    return cache.keep(make_response(html))


def _names_that_fit(slug: str, look: parameters.Look) -> Response:
    with service().database.reading() as session:
        shown = statements.standing(session, slug, statement_languages(look.lang))
        count = signatories.count(session, shown.id)
        tally = signatories.tally(session, shown.id)
        names = signatories.first(session, shown.id, MOST_IN_A_COMPACT_LIST)
    values = {"statement": shown, "count": count, "tally": tally, "names": names}
    fitting = None
    if names:  # laid out once to count, in the usual colours, and again with words for each count
        draft = render_template("embeds/names.html", **values, look=parameters.Look(lang=look.lang))
        fitting = heights.names_that_fit(draft)
        styles.forget()
    html = render_template("embeds/names.html", **values, look=look, fitting=fitting)
    return cache.keep(make_response(html))


@blueprint.get("/statements/<slug:slug>/sign")
def sign(slug: str) -> Response:
    """The form of an open letter; where it isn't open, that it isn't."""
    look = asked_look()
    with service().database.reading() as session:
        letter = sign_on.letter(session, slug, look.lang)
    if not letter.is_open:
        html = render_template("embeds/sign_closed.html", look=look, letter=letter)
        return cache.keep(make_response(html))
    form = forms.SignForm.of(service().links, slug, letter.offered)
    html = render_template(
        "embeds/sign.html", look=look, letter=letter, form=form, problem=None, problems={}
    )
    return cache.keep(make_response(html), seconds=forms.seconds_left_in_hour())


@blueprint.get("/newsletters/<slug:slug>")
def newsletter(slug: str) -> Response:
    with service().database.reading() as session:
        shown = newsletters.form(session, slug, *text_languages())
    html = render_template(
        "embeds/newsletter.html",
        look=asked_look(),
        newsletter=shown,
        form=forms.SignUpForm.of(service().links, shown),
        problem=None,
    )
    # The token in it says the hour; a new one is rendered for the next.
    return cache.keep(make_response(html), seconds=forms.seconds_left_in_hour())


@blueprint.get("/posts/<slug:slug>")
def posts(slug: str) -> Response:
    with service().database.reading() as session:
        shown = feeds.shown(session, slug, datetime.now(UTC))
    html = render_template("embeds/posts.html", look=asked_look(), feed=shown)
    return cache.keep(make_response(html), seconds=shown.changes_in)
