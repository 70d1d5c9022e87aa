"""The languages that the service speaks: which one an answer is in, and the words of each.

Words are written in English where they are used, as gettext's msgids, and translated in
`translations/<language>.po`. What is said while `speaking` a language is in that language.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE = "en"
LANGUAGES = ("en", "fr", "es", "ar", "pt", "ru", "km", "my")
CATALOGUES = Path(__file__).parent / "translations"

_spoken: ContextVar[str] = ContextVar("spoken", default=SOURCE)


def spoken() -> str:
    """The language that is spoken just now: one of LANGUAGES."""
    return _spoken.get()


def speak(lang: str) -> None:
    """From now on, for this request or thread, words are in this one of LANGUAGES."""
    _spoken.set(lang)


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Within the block, words are in this one of LANGUAGES."""
    token = _spoken.set(lang)
    try:
        yield
    finally:
        _spoken.reset(token)


def known(tag: str) -> str | None:
    """The one of LANGUAGES that a tag (BCP 47) asks for, if there is one.

    >>> known("pt-BR"), known("AR"), known("de")
    ('pt', 'ar', None)
    """
    primary = tag.partition("-")[0].lower()
    return primary if primary in LANGUAGES else None


def own_name(tag: str) -> str:
    """What a language calls itself; the tag (BCP 47) where nobody knows.

    >>> own_name("fr"), own_name("zz")
    ('Français', 'zz')
    """
    try:
        name = Locale.parse(tag, sep="-").display_name
    except (UnknownLocaleError, ValueError):
        return tag
    return name[:1].title() + name[1:] if name else tag


def N_(message: str) -> str:  # noqa: N802 (the name that gettext gives it)
    """Marks a constant whose words are looked up later, where it is said."""
    return message


def first_known(tags: Iterable[str | None]) -> str | None:
    """The first of LANGUAGES that any of these tags asks for.

    >>> first_known([None, "klingon", "pt-BR", "fr"])
    'pt'
    """
    return next((lang for tag in tags if tag and (lang := known(tag))), None)


def gettext(message: str, **values: object) -> str:
    """The words for an English message, with %(name)s filled in from values."""
    said = _words(spoken()).gettext(message)
    return said % values if values else said


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """The same for a number of things, in the plural form that the language has for it. With
    values, %(name)s is filled in, and %(num)s with the number."""
    said = str(_words(spoken()).ngettext(one, many, num))
    return said % {"num": num, **values} if values else said


def pgettext(context: str, message: str, **values: object) -> str:
    """As gettext, where one English word has several meanings."""
    said = str(_words(spoken()).pgettext(context, message))
    return said % values if values else said


@cache
def _words(lang: str) -> NullTranslations:
    path = CATALOGUES / f"{lang}.po"
    if lang == SOURCE or not path.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=lang))
    compiled.seek(0)
    return Translations(compiled)
