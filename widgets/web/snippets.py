"""What a webmaster pastes: the snippet of each widget, and the page on which it is put together.

A snippet is one piece of HTML without a script. Its frame is as high as its content at every
width, by a CSS length that the server computes (widgets.heights). Where styles are taken out, the
`height` attribute holds, and the widget answers to it; where frames are taken out, a link is left.
"""

from contextvars import copy_context
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, make_response, render_template, request
from markupsafe import Markup
from werkzeug.test import EnvironBuilder, run_wsgi_app

from widgets import heights, languages, newsletters, statements
from widgets.heights import Height
from widgets.languages import N_
from widgets.web import parameters, service
from widgets.web.parameters import Look

blueprint = Blueprint("snippets", __name__)

USUAL_WIDTH = 600  # px: what the attributes say, for where styles are taken out
PREVIEWS = (320, 560, 960)  # px
FIELDS = ("theme", "accent", "site")
# The least that works: links open beside the member's page, and as ordinary pages.
LINKS = "allow-popups allow-popups-to-escape-sandbox"
FORMS = f"allow-forms {LINKS}"


@dataclass(frozen=True)
class Choice:
    """A widget that can be chosen. label: in the list of choices. name: of its frame, for screen
    readers. path: below the base URL. query: what it always asks for."""

    key: str
    label: str
    name: str
    path: str
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Snippet:
    """A widget at its address. src: its path and query. link: a page for whoever sees no frame."""

    src: str
    title: str
    link: str
    height: Height
    sandbox: str

    def html(self) -> str:
        """What to paste."""
        url = service().settings.url
        return str(
            Markup(
                '<div style="container-type:inline-size;position:relative">\n'
                '<blockquote style="position:absolute;margin:24px">'
                '<a href="{link}" tabindex="-1">{title}</a></blockquote>\n'
                '<iframe src="{src}" title="{title}" width="{width}" height="{height}" '
                'loading="lazy" referrerpolicy="no-referrer" sandbox="{sandbox}" '
                'style="position:relative;display:block;box-sizing:border-box;border:0;width:100%;'
                'height:{css}"></iframe>\n'
                "</div>"
            ).format(
                src=url(self.src),
                title=self.title,
                link=url(self.link),
                width=USUAL_WIDTH,
                height=self.height.at(USUAL_WIDTH),
                sandbox=self.sandbox,
                css=self.height.css(),
            )
        )


def snippet(path: str, title: str, link: str) -> Snippet | None:
    """The snippet of the widget at a path (with its query); None where there is no such widget.
    title: what a screen reader calls the frame. link: the path of a page that says the same."""
    html = shown_at(path)
    if html is None:
        return None
    sandbox = FORMS if "<form" in html else LINKS
    return Snippet(path, title, link, heights.of(html), sandbox)


def shown_at(path: str) -> str | None:
    """The page that a frame at this path shows; None where it is an error."""
    environ = EnvironBuilder(path=path, base_url=service().settings.base_url).get_environ()
    # in a context of its own: the widget may speak another language than this page
    body, status, _ = copy_context().run(run_wsgi_app, current_app.wsgi_app, environ, True)
    return b"".join(body).decode() if status.startswith("200") else None


CARD = "/embed/statements/{slug}"
STATEMENT_WIDGETS = (
    Choice("card", N_("The statement, as a card"), N_("Statement"), CARD),
    Choice(
        "full", N_("The statement, all of its text"), N_("Statement"), CARD, (("view", "full"),)
    ),
    Choice("names", N_("All the names under it"), N_("Signatories"), f"{CARD}/signatories"),
)
SITE_WIDGETS: tuple[Choice, ...] = ()


@blueprint.get("/statements/<slug:slug>/embed")
def of_statement(slug: str) -> Response:
    """The snippets of one statement, and of what isn't about one."""
    with service().database.reading() as session:
        shown = statements.standing(session, slug)
        letters = newsletters.slugs(session)
    return _builder(_choices(STATEMENT_WIDGETS, letters), shown.title, slug)


@blueprint.get("/embed")
def of_network() -> Response:
    """The snippets of what isn't about one statement."""
    with service().database.reading() as session:
        letters = newsletters.slugs(session)
    return _builder(_choices((), letters), None, None)


def _choices(first: tuple[Choice, ...], letters: list[str]) -> list[Choice]:
    forms = [
        Choice(
            f"newsletter-{letter}",
            N_("The newsletter form"),
            N_("Newsletter"),
            f"/embed/newsletters/{letter}",
        )
        for letter in letters
    ]
    return [*first, *SITE_WIDGETS, *forms]


def _builder(choices: list[Choice], title: str | None, slug: str | None) -> Response:
    asked = {name: value.strip() for name, value in request.args.items()}
    chosen = next((one for one in choices if one.key == asked.get("widget")), choices[0])
    # the widget's language has a name of its own here: this page is in the webmaster's
    look = parameters.look(
        urlencode(
            {**{name: asked.get(name, "") for name in FIELDS}, "lang": asked.get("language", "")}
        )
    )
    pairs = dict(chosen.query) | dict(parameters.normal(look.query().lstrip("?")))
    path = chosen.path.format(slug=slug) + (f"?{urlencode(sorted(pairs.items()))}" if pairs else "")
    with languages.speaking(languages.known(look.lang) or languages.spoken()):
        name = languages.gettext(chosen.name)
        if title and chosen in STATEMENT_WIDGETS:
            name = languages.gettext("%(what)s: %(title)s", what=name, title=title)
    made = snippet(
        path,
        name,
        f"/statements/{slug}" if slug else "/",
    )
    html = render_template(
        "pages/embed.html",
        action=request.path,
        choices=choices,
        chosen=chosen,
        look=look,
        asked=asked,
        problems=_problems(asked, look),
        slug=slug,
        title=title,
        snippet=made,
        previews=PREVIEWS,
        languages=languages.LANGUAGES,
    )
    return make_response(html)


def _problems(asked: dict[str, str], look: Look) -> dict[str, str]:
    """By field, a sentence where something was asked for that can't be used."""
    found: dict[str, str] = {}
    if asked.get("accent") and not look.accent:
        found["accent"] = languages.gettext(
            "“%(value)s” is not a colour of six digits like 1f4d45; the network’s own is used.",
            value=asked["accent"][:40],
        )
    if asked.get("site") and not look.site:
        found["site"] = languages.gettext(
            "“%(value)s” is not a name like lamp-keepers: a–z, 0–9 and hyphens.",
            value=asked["site"][:40],
        )
    return found
