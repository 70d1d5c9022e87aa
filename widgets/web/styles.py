"""The sheets, put into each page: no page fetches a style, and none allows one it didn't bring.

The Content-Security-Policy names each `<style>` by its hash, so that nothing smuggled into a
page could style it (or read it, as styles can).
"""

import base64
import hashlib
import re
from functools import lru_cache

from flask import current_app, g
from markupsafe import Markup

from widgets.colours import DARK_PAPER, LIGHT_PAPER, accent
from widgets.letters import template_folder

_LIGHT = {"paper": LIGHT_PAPER, "ink": "17191d", "soft": "55595f", "line": "d9dbde",
          "field": "74787e", "wash": "f4f4f2", "alarm": "a3121f"}  # fmt: skip
_DARK = {"paper": DARK_PAPER, "ink": "f1f1ef", "soft": "aeb2b8", "line": "383c43",
         "field": "8b9098", "wash": "0f1114", "alarm": "ffb1a8"}  # fmt: skip


def inline(sheets: tuple[str, ...], theme: str, rrggbb: str) -> Markup:
    """The `<style>` element of sheets ("embeds/base.css", …), in a theme and an accent."""
    css, digest = _made(sheets, theme, rrggbb, current_app.debug)
    g.setdefault("style_hashes", []).append(digest)
    return Markup("<style>{}</style>").format(Markup(css))  # noqa: S704 (our own sheet)


def inline_css(css: str) -> Markup:
    """The `<style>` element of a few rules that only this page has. css: ours, never a reader's."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    g.setdefault("style_hashes", []).append(digest)
    return Markup("<style>{}</style>").format(Markup(css))  # noqa: S704 (see above)


def policy() -> str:
    """The style-src of the page that was just rendered."""
    hashes = [f"'sha256-{digest}'" for digest in dict.fromkeys(g.get("style_hashes", []))]
    return " ".join(hashes) or "'none'"


def forget() -> None:
    """What was rendered so far was a draft: its styles are not the page's."""
    g.pop("style_hashes", None)


@lru_cache(maxsize=512)
def _made(sheets: tuple[str, ...], theme: str, rrggbb: str, _debug: bool) -> tuple[str, str]:
    shades = accent(rrggbb)
    light = _variables("light", {**_LIGHT, "accent": shades.light})
    dark = _variables("dark", {**_DARK, "accent": shades.dark})
    palette = {
        "light": light,
        # paper is white, whatever the screen was
        "dark": light + "@media screen{" + dark + "}",
        "auto": light + "@media screen and (prefers-color-scheme:dark){" + dark + "}",
    }[theme]
    css = palette + "".join(_squeezed((template_folder() / one).read_text()) for one in sheets)
    return css, base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()


def _variables(scheme: str, colours: dict[str, str]) -> str:
    pairs = "".join(f"--{name}:#{value};" for name, value in colours.items())
    return f":root{{color-scheme:{scheme};{pairs}}}"


def _squeezed(css: str) -> str:
    """Without comments and needless space; for our own sheets, not for any CSS."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    return re.sub(r" ?([{};,]) ?|(?<=:) ", r"\1", css).replace(";}", "}").strip()
