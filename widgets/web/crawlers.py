"""For search engines and for the machines that draw previews of links."""

from flask import Blueprint, Response, render_template

from widgets import back_issues, languages, share_pictures, signatories, statements
from widgets.text import xml_only
from widgets.web import cache, service, statement_languages
from widgets.web.metadata import share_words
from widgets.web.parameters import asked_look

blueprint = Blueprint("crawlers", __name__)

PAGES = ("/", "/privacy", "/secure-connection")  # that are in every language
MOST_ISSUES = 1_000  # of newsletters
MOST_ADDRESSES = 50_000  # in a sitemap (https://www.sitemaps.org/protocol.html)
# Behind these are a reader's own signed links. Frames may be read: each says that it is to be
# found under the address of its statement instead (noindex, canonical), which nobody would
# learn who may not look.
PRIVATE = ("/confirm/", "/unsubscribe/", "/preferences/", "/endorse/", "/sign/",
           "/withdraw/", "/admin", "/embed/newsletters/*/inbox/",
           "/embed/statements/*/sign/inbox/")  # fmt: skip


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    """Every public page, the newest first; more than MOST_ADDRESSES are not told."""
    with service().database.reading() as session:
        listed = statements.newest(session)
        updated = statements.last_change(session)
        issues = back_issues.paths(session, most=MOST_ISSUES)
    pages = [(path, tag) for path in (*PAGES, *issues) for tag in languages.LANGUAGES]
    texts = [(statement, tag) for statement in listed for tag in statement.languages]
    xml = render_template(
        "crawlers/sitemap.xml",
        pages=pages,
        texts=texts[: MOST_ADDRESSES - len(pages)],
        updated=updated,
    )
    return cache.keep(Response(xml_only(xml), content_type="application/xml; charset=utf-8"))


@blueprint.get("/robots.txt")
def robots() -> Response:
    """RFC 9309."""
    kept_out = "".join(f"Disallow: {path}\n" for path in PRIVATE)
    told = f"User-agent: *\n{kept_out}\nSitemap: {service().settings.url('/sitemap.xml')}\n"
    return cache.keep(Response(told, content_type="text/plain; charset=utf-8"))


@blueprint.get("/statements/<slug:slug>/share.png")
def share_picture(slug: str) -> Response:
    """What is shown with a link to a statement that has no picture."""
    with service().database.reading() as session:
        shown = statements.standing(session, slug, statement_languages(asked_look().lang))
        tally = signatories.tally(session, shown.id)
    return _picture(share_words(shown, tally))


@blueprint.get("/share.png")
def network_picture() -> Response:
    """The same for the list of statements."""
    settings = service().settings
    host = settings.host_name
    return _picture(
        share_pictures.Words(settings.network_name, languages.spoken(), network=host, host=host)
    )


def _picture(words: share_pictures.Words) -> Response:
    data = share_pictures.drawn(words, service().settings.accent)
    response = Response(data, content_type="image/png")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return cache.keep(response)
