"""What templates can say, the filters and names they share; and in which language they say it."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import Flask, request
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from widgets import collation, illustrations, languages, statements, text
from widgets.models import Image
from widgets.statements import Shown
from widgets.web import parameters, security, service, snippets, styles
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
        country_name=_country_name,
        direction=text.direction,
        hyphenated=text.hyphenated,
        lede=text.lede,
        long_date=_long_date,
        long_moment=_long_moment,
        opening=text.opening,
        own_name=languages.own_name,
        shortened=text.shortened,
        unquoted=text.unquoted,
        thousands=_thousands,
        with_lang=_with_lang,
    )
    app.jinja_env.globals.update(
        all_languages=languages.LANGUAGES,
        base_url=settings.base_url,
        contact=settings.contact,
        focus_class=focus_class,
        focus_rules=focus_rules,
        country_names=_country_names,
        foreign=foreign,
        frame_height=frame_height,
        forget_days=settings.unconfirmed_days,
        evidence_days=settings.evidence_days,
        mail_days=settings.mail_days,
        network=settings.network_name,
        oembed_url=oembed_url,
        on_trial=settings.smtp_url is None,
        page_style=page_style,
        picture_url=picture_url,
        quote_place=quote_place,
        other_languages=other_languages,
        rules=styles.inline_css,
        secure_origin=security.secure_origin,
        secure_self=security.secure_self,
        snippet=snippets.snippet,
        spoken=languages.spoken,
        statement_link=statement_link,
        statement_path=statement_path,
        this_page=this_page,
        widget_style=widget_style,
    )

    @app.before_request
    def speak() -> None:
        languages.speak(language_of_reader(for_one_reader=_is_behind_a_signed_link()))

    @app.teardown_request
    def fall_silent(_: BaseException | None) -> None:
        """What is said outside a request is in nobody's language."""
        languages.speak(languages.SOURCE)


def language_of_reader(signed_up_in: str | None = None, *, for_one_reader: bool = True) -> str:
    """Which of the languages an answer is in. The first that is known of:

    1. the one that the address asks for, `?lang=`;
    2. for one reader only: the one that they signed up in, where the link tells, then what their
       browser asks for (Accept-Language);
    3. the network's.

    for_one_reader: whether no shared cache keeps the answer. Widgets and public pages are kept
    for everybody, by their address, so nothing else may decide about them; pages behind signed
    links, and errors on pages of our own, are for one reader.
    """
    tags: list[str | None] = [parameters.asked_look().lang]
    if for_one_reader:
        wished = request.accept_languages
        tags += [signed_up_in, *(tag for tag, quality in wished if quality > 0)]
    return languages.first_known(tags) or service().settings.language


def speak_to_one_reader() -> None:
    """For an answer that no cache keeps; what is said in a frame stays as it is."""
    if not is_framed():
        languages.speak(language_of_reader())


def _is_behind_a_signed_link() -> bool:
    behind = ("signup", "sign_on", "endorse", "choose")
    return request.blueprint in behind and not is_framed()


def is_framed() -> bool:
    """Whether this is a widget, which speaks as the page around it does and not as the reader's
    browser asks."""
    return request.path.startswith("/embed/")


def with_lang(path: str, lang: str | None = None) -> str:
    """A path of ours in a language: the spoken one, if no other is named. The network's own is
    not written, so that each page has one address."""
    lang = lang or languages.spoken()
    if lang == service().settings.language:
        return path
    page, mark, place = path.partition("#")
    return f"{page}{'&' if '?' in page else '?'}lang={lang}{mark}{place}"


# Jinja works out a filter of a constant once, when it compiles the template, and for good: unless
# the filter asks for the context of each rendering.


@pass_context
def _with_lang(_: Context, path: str, lang: str | None = None) -> str:
    return with_lang(path, lang)


@pass_context
def _thousands(_: Context, number: int) -> str:
    return text.thousands(number, languages.spoken())


@pass_context
def _long_date(_: Context, day: date) -> str:
    return text.long_date(day, languages.spoken())


@pass_context
def _long_moment(_: Context, moment: datetime) -> str:
    return text.long_moment(moment, languages.spoken())


@pass_context
def _country_name(_: Context, code: str) -> str:
    return text.country_name(code, languages.spoken())


def _country_names() -> tuple[tuple[str, str], ...]:
    return collation.countries(languages.spoken())


def this_page() -> str:
    """This page again, in the language that was asked for."""
    return request.path + Look(lang=parameters.asked_look().lang).query()


def other_languages() -> list[tuple[str, str]]:
    """This page in the languages that are not spoken: their codes and its addresses."""
    here = quote(request.path)
    # where a browser's wish counts, the network's own language must be asked for too
    always = _is_behind_a_signed_link()
    return [
        (lang, f"{here}?lang={lang}" if always else with_lang(here, lang))
        for lang in languages.LANGUAGES
        if lang != languages.spoken()
    ]


def foreign(lang: str) -> Markup:
    """The attributes of an element whose words are in this language, where it isn't spoken."""
    if lang == languages.spoken():
        return Markup()
    return Markup(' lang="{}" dir="{}"').format(lang, text.direction(lang))


def widget_style(look: Look, kinds: str) -> Any:
    """kinds: the sheets of a widget besides what all share, by name, separated by spaces."""
    sheets = tuple(f"embeds/{name}.css" for name in ("base", *kinds.split()))
    return styles.inline(sheets, look.theme, look.accent or service().settings.accent)


def page_style() -> Any:
    return styles.inline(("pages/pages.css",), "auto", service().settings.accent)


def frame_height(path: str) -> str:
    """The height of a frame of ours around the widget at a path, as a CSS length."""
    made = snippets.snippet(path, "", "/")
    return made.height.css() if made else "auto"


def picture_url(image: Image, width: int, suffix: str) -> str:
    return f"/pictures/{image.digest}-{width}.{suffix}"


def statement_path(statement: Shown, lang: str | None = None) -> str:
    """Where a statement's own page is, in the language it is shown in, or in another of its. The
    one in which it is shown to whoever asks for none is not written."""
    tag = lang or statement.lang
    usual = statements.nearest(service().settings.language, statement.languages)
    path = f"/statements/{statement.slug}"
    return path if tag == usual else f"{path}?lang={tag}"


def statement_link(statement: Shown) -> str:
    """The same, for a reader who is led there: the words around it stay in their language too."""
    path = statement_path(statement)
    return path if "?" in path else with_lang(path)


USUAL_FOCUS = illustrations.USUAL_FOCUS  # as the sheets have it


def focus_class(statement: Shown) -> str:
    """The class of its picture, if what a crop keeps of it is not where it usually is."""
    return "" if statement.focus == USUAL_FOCUS else f"focus-{statement.id}"


def focus_rules(shown: Iterable[Shown]) -> Markup:
    """What crops keep of the pictures of these statements: a `<style>` for the head, or nothing."""
    rules = "".join(
        f":is(figure,picture).{focus_class(one)} img{{object-position:{x}% {y}%}}"
        for one in shown
        for x, y in [one.focus]
        if one.image and focus_class(one)
    )
    return styles.inline_css(rules) if rules else Markup()


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
