"""Which answers are counted as a widget's showing: the first look at a frame on somebody's page.

Nothing of the request is kept but the widget and whose site it is on (see widgets.sightings).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from widgets.origins import of_referer
from widgets.sightings import Tally
from widgets.wording import SLUG

OURS = "undersigned.ours"  # in the WSGI environment: asked for by ourselves, to measure it
# no page of a widget that has a token in its path
_WIDGET = re.compile(
    rf"/embed/(statements/latest|stories|(?:posts|newsletters)/{SLUG}|"
    rf"statements/{SLUG}(?:/[a-z-]{{1,20}})?)/?"
)
_FRAMES = {"iframe", "frame", "object", "embed"}


def counter(tally: Tally, own_origin: str) -> Callable[[Mapping[str, Any], str, str], None]:
    """What is to be called with each widget that was sent whole: with the WSGI environment, the
    path and `site` of the query. own_origin: of our pages, whose previews don't count."""

    def count(environ: Mapping[str, Any], path: str, site: str) -> None:
        widget = _WIDGET.fullmatch(path)
        if widget is None or OURS in environ:
            return
        # Fetch Metadata: opened by itself, or from a page of ours or another page of the widget
        if environ.get("HTTP_SEC_FETCH_DEST", "iframe") not in _FRAMES:
            return
        if environ.get("HTTP_SEC_FETCH_SITE") == "same-origin":
            return
        if "prefetch" in environ.get("HTTP_SEC_PURPOSE", environ.get("HTTP_PURPOSE", "")):
            return
        origin = of_referer(environ.get("HTTP_REFERER", ""))
        if origin != own_origin:
            tally.add(widget[1], site, origin)

    return count
