"""The oEmbed 1.0 provider (oembed.com): from an address of ours to the frame that shows it.

A system that knows oEmbed (WordPress, Drupal, Ghost, …) asks here when somebody puts an address of
ours into a text. What is refused is told in English, to whoever builds or runs such a system.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import unescape
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from xml.etree import ElementTree

from flask import Blueprint, Response, current_app, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from widgets import heights, images, statements
from widgets.models import Image
from widgets.text import long_date
from widgets.web import parameters, rendering, service, snippets

blueprint = Blueprint("oembed", __name__)

WIDTH = 600  # CSS pixels of a frame, where nothing is asked for; however much is, heights.WIDEST
LARGEST = 10_000  # CSS pixels that may be asked for
LONGEST_URL = 2_000  # characters
WIDEST_THUMBNAIL = 1200  # pixels, where no less is asked for
CACHE_AGE = 86_400  # seconds; what can change within a frame is not in the answer
OF_STATEMENTS = ("pages.statement", "embeds.statement", "embeds.signatory_list", "embeds.sign")
PORTS = {"http": 80, "https": 443}


class Refused(Exception):
    """There is no answer: the HTTP status, and a sentence that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """The most that a frame may take up, in CSS pixels; None: anything."""

    width: int | None
    height: int | None


@dataclass(frozen=True)
class Widget:
    """What shows an address of ours. path: with its query. html: its page. image: the picture of
    the statement that it is about, if there is one."""

    path: str
    title: str
    html: str
    image: Image | None


@blueprint.get("/oembed")
def provider() -> Response:
    written = _format(request.args.get("format") or "json")
    limits = Limits(_pixels("maxwidth"), _pixels("maxheight"))
    ours = our_part(request.args.get("url", ""), service().settings.base_url)
    response = written(_answer(_widget(ours), limits))
    # Not in the page cache: there are endless ways to write one address.
    response.headers["Cache-Control"] = "public, max-age=300, s-maxage=300, stale-if-error=86400"
    response.add_etag(weak=True)
    response.make_conditional(request)
    return response


@blueprint.errorhandler(Refused)
def refused(error: Refused) -> Response:
    return Response(f"{error}\n", status=error.status, mimetype="text/plain")


@blueprint.errorhandler(statements.NoSuchStatement)
def no_such_statement(error: statements.NoSuchStatement) -> Response:
    return refused(Refused(404, "There is no statement of this name."))


@blueprint.errorhandler(statements.Withdrawn)
def withdrawn(error: statements.Withdrawn) -> Response:
    day = error.statement.withdrawn_on
    assert day
    return refused(Refused(404, f"This statement was withdrawn on {long_date(day, 'en')}."))


@blueprint.after_request
def for_any_site(response: Response) -> Response:
    """Lets scripts of other sites read the answer: it is the same for everybody."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _pixels(name: str) -> int | None:
    asked = request.args.get(name, "")
    if not asked:
        return None
    if not re.fullmatch("[0-9]{1,5}", asked) or not 1 <= int(asked) <= LARGEST:
        raise Refused(400, f"“{name}” must be a whole number of pixels, from 1 to {LARGEST}.")
    return int(asked)


def our_part(url: str, base_url: str) -> SplitResult:
    """The parts of an address of ours, its path decoded. Raises Refused for any other.

    >>> our_part("HTTP://widgets.example:80/statements/river%2Dgate", "https://widgets.example").path
    '/statements/river-gate'
    """
    if not url:
        raise Refused(400, f"“url” is missing: the address to show, like {base_url}/statements/….")
    if len(url) > LONGEST_URL:
        raise Refused(400, f"“url” is longer than {LONGEST_URL} characters.")
    try:
        parts = urlsplit(url)
        if re.search(r"[\s\x00-\x20\x7f\\]", url) or not parts.hostname:
            raise ValueError
        place, path = _place(parts), unquote(parts.path, errors="strict")
    except ValueError:
        raise Refused(400, "“url” is not a whole web address, as in https://….") from None
    is_web = parts.scheme in PORTS and "@" not in parts.netloc
    if not is_web or place != _place(urlsplit(base_url)):
        raise Refused(404, f"Only what is at {base_url} can be shown by this server.")
    return parts._replace(path=path or "/")


def _place(parts: SplitResult) -> tuple[str, int | None]:
    """The host, as DNS writes it, and the port where it isn't the usual one of the scheme: so
    http and https, which lead to the same pages here, are the same place."""
    host = (parts.hostname or "").encode("idna").decode().rstrip(".")
    return host, None if parts.port == PORTS.get(parts.scheme) else parts.port


def _widget(ours: SplitResult) -> Widget:
    """What shows an address of ours. Raises Refused, and what statements.standing raises."""
    endpoint, values = _route(ours.path)
    # what somebody searched for, or where they were in a list, is not what others are to see
    look = replace(parameters.look(ours.query), q="", page=1)
    image = None
    if endpoint in OF_STATEMENTS:
        with service().database.reading() as session:
            image = statements.standing(session, values["slug"]).image
    if endpoint == "pages.index":
        path = snippets.LATEST
    elif endpoint == "pages.statement":
        path = url_for("embeds.statement", **values)
        if ours.fragment == "signatories":
            # as many names as fit, and how many more: the height that is told today has to do
            path, look = f"{path}/signatories", replace(look, view="compact")
    elif endpoint.startswith("embeds."):
        path = url_for(endpoint, **values)
    else:
        path = ""
    query = look.query()
    html = snippets.shown_at(path + query) if path else None
    if html is None:
        raise Refused(404, "There is nothing at this address that can be shown in a frame.")
    title = unescape(html.partition("<title>")[2].partition("</title>")[0])
    if path == snippets.LATEST:  # the frame shows another tomorrow, and is still called the same
        title = service().settings.network_name
    return Widget(path + query, title, html, image)


def _route(path: str) -> tuple[str, Mapping[str, Any]]:
    """The endpoint of the page at a path, and the path's variable parts; "" where there is none."""
    try:
        return current_app.url_map.bind("").match(path, "GET")
    except HTTPException:
        return "", {}


def _answer(widget: Widget, limits: Limits) -> dict[str, str | int]:
    settings = service().settings
    width = min(limits.width or WIDTH, heights.WIDEST)
    height = min(heights.at(widget.html, width), limits.height or LARGEST)
    return {
        "version": "1.0",
        "type": "rich",
        "title": widget.title,
        "provider_name": settings.network_name,
        "provider_url": settings.url("/"),
        "cache_age": CACHE_AGE,
        **(_thumbnail(widget.image, limits) if widget.image else {}),
        "html": _frame(widget, height),
        "width": width,
        "height": height,
    }


def _frame(widget: Widget, height: int) -> str:
    """A bare frame, made to come through WordPress, which takes most attributes away.

    Nothing may stand before it: WordPress hides a frame that follows a quotation until a script
    in it sends word, and ours has none. `style` would be dropped, hence `frameborder`, and hence
    `width`: a number would make the page of a phone scroll sideways where the theme doesn't see
    to it, as block themes don't in classic posts. So the frame fills the room it was asked for.
    """
    sandbox = snippets.FORMS if "<form" in widget.html else snippets.LINKS
    return str(
        Markup(
            '<iframe src="{}" title="{}" width="100%" height="{}" frameborder="0" loading="lazy" '
            'referrerpolicy="no-referrer" '
            'sandbox="{}"></iframe>'
        ).format(service().settings.url(widget.path), widget.title, height, sandbox)
    )


def _thumbnail(image: Image, limits: Limits) -> dict[str, str | int]:
    """The largest stored picture within the limits; nothing where all are larger."""
    most_width = min(limits.width or WIDEST_THUMBNAIL, WIDEST_THUMBNAIL)
    most_height = limits.height or LARGEST
    for width in sorted(image.widths, reverse=True):
        height = images.scaled_height(image.width, image.height, width)
        if width <= most_width and height <= most_height:
            return {
                "thumbnail_url": service().settings.url(rendering.picture_url(image, width, "jpg")),
                "thumbnail_width": width,
                "thumbnail_height": height,
            }
    return {}


def _format(name: str) -> Callable[[Mapping[str, Any]], Response]:
    if name not in _WRITERS:
        raise Refused(501, "“format” can be json or xml.")
    return _WRITERS[name]


def _json(answer: Mapping[str, Any]) -> Response:
    return Response(json.dumps(answer, ensure_ascii=False), mimetype="application/json")


def _xml(answer: Mapping[str, Any]) -> Response:
    root = ElementTree.Element("oembed")
    for name, value in answer.items():
        ElementTree.SubElement(root, name).text = str(value)
    return Response(
        ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), mimetype="text/xml"
    )


_WRITERS = {"json": _json, "xml": _xml}
