"""What templates can say: the filters and names they share."""

from typing import Any
from urllib.parse import urlencode

from flask import Flask

from widgets import languages, records, text
from widgets.models import Image
from widgets.statements import Shown
from widgets.web import security, service, snippets, styles
from widgets.web.parameters import Look


def install(app: Flask) -> None:
    settings = app.extensions["undersigned"].settings
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        languages.gettext, languages.ngettext, newstyle=True, pgettext=languages.pgettext
    )
    app.jinja_env.filters.update(
        blocks=text.blocks,
        clean=text.clean,
        direction=text.direction,
        hyphenated=text.hyphenated,
        lede=text.lede,
        long_date=lambda day: text.long_date(day, languages.spoken()),
        opening=text.opening,
        own_name=languages.own_name,
        shortened=text.shortened,
        unquoted=text.unquoted,
        thousands=lambda number: text.thousands(number, languages.spoken()),
    )
    app.jinja_env.globals.update(
        base_url=settings.base_url,
        contact=settings.contact,
        forget_days=records.FORGET_UNCONFIRMED_AFTER.days,
        network=settings.network_name,
        oembed_url=oembed_url,
        on_trial=settings.smtp_url is None,
        page_style=page_style,
        picture_url=picture_url,
        quote_place=quote_place,
        rules=styles.inline_css,
        secure_origin=security.secure_origin,
        secure_self=security.secure_self,
        snippet=snippets.snippet,
        spoken=languages.spoken,
        statement_path=statement_path,
        widget_style=widget_style,
    )


def widget_style(look: Look, kinds: str) -> Any:
    """kinds: the sheets of a widget besides what all share, by name, separated by spaces."""
    sheets = tuple(f"embeds/{name}.css" for name in ("base", *kinds.split()))
    return styles.inline(sheets, look.theme, look.accent or service().settings.accent)


def page_style() -> Any:
    return styles.inline(("pages/pages.css",), "auto", service().settings.accent)


def picture_url(image: Image, width: int, suffix: str) -> str:
    return f"/pictures/{image.digest}-{width}.{suffix}"


def statement_path(statement: Shown, lang: str | None = None) -> str:
    """Where a statement's own page is, in the language it is shown in, or in another of its."""
    lang = lang or statement.lang
    path = f"/statements/{statement.slug}"
    return path if lang == statement.original_lang else f"{path}?lang={lang}"


def oembed_url(path: str, form: str) -> str:
    """Where it is told how the page at a path of ours is embedded. form: "json" or "xml"."""
    settings = service().settings
    return settings.url("/oembed?" + urlencode({"url": settings.url(path), "format": form}))


def quote_place(blocks: list[text.Block]) -> int:
    """Before which block of a text its pull quote stands: about half-way, between two
    paragraphs, and not beside a quotation, which it often repeats."""
    middle = (len(blocks) + 1) // 2
    fitting = [
        place
        for place in range(1, len(blocks))
        if blocks[place - 1].kind == blocks[place].kind == "paragraph"
    ]
    return min(fitting, key=lambda place: abs(place - middle), default=len(blocks))
