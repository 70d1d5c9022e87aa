"""What a webmaster pastes: the snippet of each widget, and the page on which it is put together.

A snippet is one piece of HTML without a script. Its frame is as high as its content at every
width, by a CSS length that the server computes (widgets.heights). Where styles are taken out, the
`height` attribute holds, and the widget answers to it; where frames are taken out, a link is left.
"""

from contextvars import Context
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    make_response,
    render_template,
    request,
)
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.test import EnvironBuilder, run_wsgi_app

from widgets import feeds, heights, languages, newsletters, signings, statements
from widgets.heights import Height
from widgets.languages import N_
from widgets.statements import Shown
from widgets.web import parameters, service, statement_languages
from widgets.web.counting import OURS
from widgets.web.parameters import Look

blueprint = Blueprint("snippets", __name__)

PLAIN_WIDTH = 300  # px: of a frame that nobody gives one, as where styles are taken out
PREVIEWS = (320, 560, 960)  # px
FIELDS = ("theme", "accent", "site")
NARROWING = ("topic", "country")
# The least that works: links open beside the member's page, and as ordinary pages.
LINKS = "allow-popups allow-popups-to-escape-sandbox"
FORMS = f"allow-forms {LINKS}"


@dataclass(frozen=True)
class Choice:
    """A widget that can be chosen. label: in the list of choices. name: of its frame, for screen
    readers. path: below the base URL. query: what it always asks for. titled: its frame has the
    statement's title in its name. narrow: a topic or a country can be asked for."""

    key: str
    label: str
    name: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    titled: bool = False
    narrow: bool = False


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
                '<div style="container-type:inline-size;display:grid">\n'
                '<blockquote style="grid-area:1/1;margin:24px">'
                '<a href="{link}" tabindex="-1">{title}</a></blockquote>\n'
                '<iframe src="{src}" title="{title}" height="{height}" '
                'loading="lazy" referrerpolicy="no-referrer" sandbox="{sandbox}" '
                'style="grid-area:1/1;box-sizing:border-box;border:0;width:100%;'
                'height:{css}"></iframe>\n'
                "</div>"
            ).format(
                src=url(self.src),
                title=self.title,
                link=url(self.link),
                height=self.height.at(PLAIN_WIDTH),
                sandbox=self.sandbox,
                css=self.height.css(),
            )
        )


def snippet(path: str, title: str, link: str) -> Snippet | None:
    """The snippet of the widget at a path (with its query); None where there is no such widget.
    title: what a screen reader calls the frame. link: the path of a page that says the same."""
    # colours and whose site it is change no height: all who ask are given one answer
    html = shown_at(_without_colours(path))
    if html is None:
        return None
    sandbox = FORMS if "<form" in html else LINKS
    return Snippet(path, title, link, heights.of(html), sandbox)


def _without_colours(path: str) -> str:
    page, _, query = path.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in FIELDS]
    return f"{page}?{urlencode(kept)}" if kept else page


def shown_at(path: str) -> str | None:
    """The page that a frame at this path shows; None where it is an error."""
    environ = EnvironBuilder(path=path, base_url=service().settings.base_url).get_environ()
    environ[OURS] = True
    # in a context of its own: the widget may speak another language than this page, and the
    # styles that its policy names are not this page's
    body, status, _ = Context().run(run_wsgi_app, current_app.wsgi_app, environ, True)
    if status.startswith("5"):
        abort(503)  # and what would be around it is not to be kept without it
    return b"".join(body).decode() if status.startswith("200") else None


CARD = "/embed/statements/{slug}"
NAMES = f"{CARD}/signatories"
SIGN = f"{CARD}/sign"
LATEST = "/embed/statements/latest"
STORIES = "/embed/stories"
FORM = "/embed/newsletters/"
POSTS = "/embed/posts/"
STATEMENT_WIDGETS = (
    Choice("card", N_("The statement, as a card"), N_("Statement"), CARD, titled=True),
    Choice(
        "full",
        N_("The statement, all of its text"),
        N_("Statement"),
        CARD,
        (("view", "full"),),
        titled=True,
    ),
    Choice("names", N_("All the names under it"), N_("Signatories"), NAMES, titled=True),
    Choice(
        "some-names",
        N_("As many names as fit, for a list that grows"),
        N_("Signatories"),
        NAMES,
        (("view", "compact"),),
        titled=True,
    ),
    Choice(
        "stories", N_("More stories like it"), N_("More stories"), STORIES, (("like", "{slug}"),)
    ),
)
OPEN_LETTER = Choice("sign", N_("The form to sign it"), N_("Sign"), SIGN, titled=True)
NETWORK_WIDGETS = (
    Choice("latest", N_("The newest statement"), N_("The newest statement"), LATEST, narrow=True),
    Choice("newest", N_("The newest stories"), N_("More stories"), STORIES, narrow=True),
)


@blueprint.get("/statements/<slug:slug>/embed")
def of_statement(slug: str) -> Response:
    """The snippets of one statement, and of what isn't about one."""
    wanted = statement_languages(request.args.get("language", "").strip())
    with service().database.reading() as session:
        shown = statements.standing(session, slug, wanted)
        others = _of_network(session)
        can_be_signed = signings.opening(session, shown.id) in signings.IN_SIGHT
    letter = [OPEN_LETTER] if can_be_signed else []
    return _builder([*STATEMENT_WIDGETS, *letter, *others], shown)


@blueprint.get("/embed", strict_slashes=True)  # below /embed/ all is for frames
def of_network() -> Response:
    """The snippets of what isn't about one statement."""
    with service().database.reading() as session:
        others = _of_network(session)
    return _builder(others, None)


def _of_network(session: Session) -> list[Choice]:
    forms = [
        Choice(f"newsletter-{one}", N_("The newsletter form"), N_("Newsletter"), FORM + one)
        for one in newsletters.slugs(session)
    ]
    posts = [
        Choice(f"posts-{one.slug}", feeds.name(one), feeds.name(one), POSTS + one.slug)
        for one in feeds.followed(session)
    ]
    return [*NETWORK_WIDGETS, *forms, *posts]


def _builder(choices: list[Choice], shown: Shown | None) -> Response:
    asked = {name: value.strip() for name, value in request.args.items()}
    chosen = next((one for one in choices if one.key == asked.get("widget")), choices[0])
    # the widget's language has a name of its own here: this page is in the webmaster's
    wanted = {"lang": asked.get("language", "")}
    wanted |= {
        name: asked.get(name, "") for name in (*FIELDS, *(NARROWING if chosen.narrow else ()))
    }
    look = parameters.look(urlencode(wanted))
    slug = shown.slug if shown else ""
    always = {name: value.format(slug=slug) for name, value in chosen.query}
    query = urlencode(sorted((always | dict(parameters.normal(look.query()[1:]))).items()))
    path = chosen.path.format(slug=slug) + (f"?{query}" if query else "")
    with languages.speaking(languages.known(look.lang) or service().settings.language):
        name = languages.gettext(chosen.name)
        if shown and chosen.titled:
            name = languages.gettext("%(what)s: %(title)s", what=name, title=shown.title)
    # what a reader without the frame is led to: the statement, the form or the post itself, or all
    itself = chosen.path.startswith((FORM, POSTS))
    link = chosen.path if itself else "/"
    if chosen.titled:
        link = path.partition("?")[0] if chosen is OPEN_LETTER else f"/statements/{slug}"
    html = render_template(
        "pages/embed.html",
        action=request.path,
        labels={one.key: languages.gettext(one.label) for one in choices},
        chosen=chosen,
        look=look,
        asked=asked,
        problems=_problems(asked, look),
        statement=shown,
        snippet=snippet(path, name, link + (f"?lang={look.lang}" if look.lang else "")),
        previews=PREVIEWS,
        languages=list(dict.fromkeys([*languages.LANGUAGES, *(shown.languages if shown else ())])),
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
    if asked.get("country") and not look.country:
        found["country"] = languages.gettext(
            "“%(value)s” is not a country’s code of two letters, like NO.",
            value=asked["country"][:40],
        )
    if asked.get("site") and not look.site:
        found["site"] = languages.gettext(
            "“%(value)s” is not a name like lamp-keepers: a–z, 0–9 and hyphens.",
            value=asked["site"][:40],
        )
    return found
