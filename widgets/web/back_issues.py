"""Newsletters on the network's own address: what each is, and every issue of it."""

from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, render_template

from widgets import back_issues
from widgets.back_issues import BackIssue
from widgets.letters import stories
from widgets.text import blocks, lede, shortened, xml_only
from widgets.web import cache, service, statement_languages, text_languages
from widgets.web.metadata import LONGEST_SUMMARY, Preview, network_preview
from widgets.web.parameters import asked_look

blueprint = Blueprint("back_issues", __name__)


@blueprint.get("/newsletters/<slug:slug>")
def archive(slug: str) -> Response:
    """What the newsletter is, the form to sign up for it, and its issues, the newest first."""
    look = asked_look()
    network = service().settings.network_name
    with service().database.reading() as session:
        words = back_issues.words(session, slug, *text_languages())
        wanted = statement_languages(look.lang)
        page = back_issues.listed(session, slug, wanted, look.page, network)
    html = render_template(
        "pages/archive.html",
        path=back_issues.path(slug),
        words=words,
        page=page,
        newsletters=[slug],
        day_and_number=stories.day_and_number,
        picture=network_preview(),
    )
    return cache.keep(make_response(html))


@blueprint.get("/newsletters/<slug:slug>/<int:number>")
def issue(slug: str, number: int) -> Response:
    """The web version of an issue. An alert's text is on the page of its statement."""
    network = service().settings.network_name
    with service().database.reading() as session:
        shown = back_issues.issue(
            session, slug, number, statement_languages(asked_look().lang), network
        )
        archives = back_issues.archives(session, *text_languages())
    edition = shown.edition
    html = render_template(
        "pages/issue.html",
        archive=back_issues.path(slug),
        archives=[one for one in archives if one.path != back_issues.path(slug)],
        shown=shown,
        edition=edition,
        introduction=blocks(edition.introduction),
        stories=stories.told(edition, lambda path: path, most=None),
        day_and_number=stories.day_and_number(edition),
        description=summary(shown),
        picture=_picture(shown),
        newsletters=[slug],
    )
    return cache.keep(make_response(html))


@blueprint.get("/newsletters/<slug:slug>/feed.atom")
def feed(slug: str) -> Response:
    """The newest issues (RFC 4287)."""
    network = service().settings.network_name
    with service().database.reading() as session:
        words = back_issues.words(session, slug, *text_languages())
        wanted = statement_languages(asked_look().lang)
        page = back_issues.listed(session, slug, wanted, 1, network, back_issues.MOST_IN_A_FEED)
    xml = render_template(
        "syndication/issues.xml",
        path=back_issues.path(slug),
        words=words,
        issues=page.items,
        summary=summary,
        never=datetime.fromtimestamp(0, UTC),
    )
    response = Response(xml_only(xml), content_type="application/atom+xml; charset=utf-8")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return cache.keep(response)


def summary(shown: BackIssue) -> str:
    """What an issue is about, as a preview shows it."""
    edition = shown.edition
    if not edition.items:
        return shown.title
    return shortened(lede(edition.introduction) or edition.items[0].lede, LONGEST_SUMMARY)


def _picture(shown: BackIssue) -> Preview:
    found = next((item.picture for item in shown.edition.items if item.picture), None)
    if found is None:
        return network_preview()
    url = service().settings.url(found.path)
    return Preview(url, "image/jpeg", found.width, found.height, found.alt)
