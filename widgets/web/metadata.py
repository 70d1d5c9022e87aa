"""What the heads of public pages tell machines: link previews (Open Graph) and search engines
(schema.org, as JSON-LD)."""

from dataclasses import dataclass
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from flask import Flask

from widgets import images, languages, share_pictures, signatories
from widgets.models import Image
from widgets.signatories import Tally
from widgets.statements import Shown
from widgets.text import lede
from widgets.web import service
from widgets.web.rendering import picture_url, statement_path

LARGEST_PREVIEW = 1200  # pixels wide
LONGEST_SUMMARY = 200  # characters


@dataclass(frozen=True)
class Preview:
    """The picture that is shown with a link. width and height: pixels."""

    url: str
    type: str
    width: int
    height: int
    alt: str


def install(app: Flask) -> None:
    app.jinja_env.globals.update(
        article=article,
        network_preview=network_preview,
        open_graph_locale=open_graph_locale,
        organization=organization,
        preview=preview,
        statement_url=statement_url,
        summary=summary,
    )


def statement_url(statement: Shown, lang: str | None = None) -> str:
    """The public address of a statement's text in the language it is shown in, or in another of
    its; whatever language the words around it are in."""
    return service().settings.url(statement_path(statement, lang or statement.lang))


def summary(statement: Shown) -> str:
    """Its first paragraph, cut between words to what a preview has room for."""
    text = lede(statement.body)
    if len(text) <= LONGEST_SUMMARY:
        return text
    whole, _, cut = text[:LONGEST_SUMMARY].rpartition(" ")
    return (whole or cut) + "…"


def preview(statement: Shown) -> Preview:
    """Its own picture, at the width nearest below LARGEST_PREVIEW, or the one that is drawn."""
    settings = service().settings
    if statement.image is None:
        page, _, query = statement_url(statement).partition("?")
        return Preview(
            f"{page}/share.png" + (f"?{query}" if query else ""),
            "image/png",
            share_pictures.WIDTH,
            share_pictures.HEIGHT,
            statement.title,
        )
    width, height = preview_size(statement.image)
    url = settings.url(picture_url(statement.image, width, "jpg"))
    return Preview(url, "image/jpeg", width, height, statement.image_alt)


def preview_size(image: Image) -> tuple[int, int]:
    """Of the widest stored file that is no wider than LARGEST_PREVIEW, in pixels."""
    fitting = [width for width in image.widths if width <= LARGEST_PREVIEW]
    width = max(fitting, default=image.widths[0])
    return width, images.scaled_height(image.width, image.height, width)


def network_preview() -> Preview:
    settings = service().settings
    return Preview(
        settings.url("/share.png"),
        "image/png",
        share_pictures.WIDTH,
        share_pictures.HEIGHT,
        settings.network_name,
    )


def share_words(statement: Shown, tally: Tally) -> share_pictures.Words:
    """What the drawn picture of a statement says: in its language, if it is one of ours."""
    settings = service().settings
    with languages.speaking(languages.known(statement.lang) or languages.spoken()):
        return share_pictures.Words(
            title=statement.title,
            lang=statement.lang,
            network=settings.network_name,
            host=settings.host_name,
            label=languages.gettext("Joint statement"),
            count=signatories.endorsed_by(tally) if tally else "",
        )


def open_graph_locale(tag: str) -> str:
    """A language as Open Graph writes it, with a country: the likeliest (CLDR) where a tag
    (BCP 47) names none.

    >>> open_graph_locale("pt"), open_graph_locale("pt-PT"), open_graph_locale("zz")
    ('pt_BR', 'pt_PT', 'zz')
    """
    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return tag
    if locale.territory:
        return f"{locale.language}_{locale.territory}"
    likely = get_global("likely_subtags")
    written = "_".join(part for part in (locale.language, locale.script) if part)
    full = likely.get(written) or likely.get(locale.language) or locale.language
    return f"{locale.language}_{full.rpartition('_')[2]}" if "_" in full else locale.language


def organization() -> dict[str, Any]:
    """The network (https://schema.org/Organization)."""
    return {"@context": "https://schema.org", **_network()}


def _network() -> dict[str, Any]:
    settings = service().settings
    return {
        "@type": "Organization",
        "@id": settings.url("/#network"),
        "name": settings.network_name,
        "url": settings.url("/"),
    }


def article(statement: Shown) -> dict[str, Any]:
    """A statement (https://schema.org/Article). Its names are not authors: the network is."""
    picture = preview(statement)
    url = statement_url(statement)
    found: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Article",
        "@id": url,
        "url": url,
        "mainEntityOfPage": url,
        "headline": statement.title,
        "description": summary(statement),
        "inLanguage": statement.lang,
        "datePublished": statement.published_on.isoformat(),
        "dateModified": statement.updated_at.isoformat(timespec="seconds"),
        "image": {
            "@type": "ImageObject",
            "url": picture.url,
            "width": picture.width,
            "height": picture.height,
        },
        "author": _network(),
        "publisher": _network(),
        "isAccessibleForFree": True,
    }
    if notice := statement.correction:
        found["correction"] = {
            "@type": "CorrectionComment",
            "text": notice.text,
            "inLanguage": notice.lang,
            "datePublished": notice.on.isoformat(),
        }
    if statement.topics:
        found["keywords"] = statement.topics
    if statement.lang != statement.original_lang:
        found["translationOfWork"] = {"@id": statement_url(statement, statement.original_lang)}
    others = [tag for tag in statement.languages if tag != statement.original_lang]
    if statement.lang == statement.original_lang and others:
        found["workTranslation"] = [{"@id": statement_url(statement, tag)} for tag in others]
    return found
