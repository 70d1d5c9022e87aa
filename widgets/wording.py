"""What the words of a statement may be, wherever they come from: from a file or from a form.

Each check gives what it is given, cleaned, or raises Unfit. Its text goes on after the name that
the field has there: "title" in a file, "The headline" in a form.
"""

import re
from collections.abc import Iterable
from datetime import date
from functools import cache

from babel import Locale

from widgets import languages, text

LARGEST = 1_000_000  # bytes of one statement in one language
LONGEST_TITLE = 300  # characters
SLUG = r"[a-z0-9]+(?:-[a-z0-9]+)*"
LONGEST_SLUG = 80
TAKEN_SLUGS = frozenset({"latest"})  # /embed/statements/latest is a widget of its own
LANG = r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*"
LONGEST_LANG = 35  # characters


class Unfit(ValueError):
    """Not what this field can hold."""


def title(written: str | None) -> str:
    cleaned = text.clean(written or "")
    if not cleaned:
        raise Unfit("is missing")
    if len(cleaned) > LONGEST_TITLE:
        raise Unfit(f"has more than {LONGEST_TITLE} characters")
    return cleaned


def slug(written: str) -> str:
    if not re.fullmatch(SLUG, written) or len(written) > LONGEST_SLUG:
        raise Unfit(f"“{text.shortened(written, 100)}” must be like “a-short-name”: "
                    "a-z, 0-9, hyphens")  # fmt: skip
    if written in TAKEN_SLUGS:
        raise Unfit(f"“{written}” is the name of a widget; take another")
    return written


def lang(written: str) -> str:
    """A language's tag (BCP 47), with its letters as they are usually written."""
    if not re.fullmatch(LANG, written) or len(written) > LONGEST_LANG:
        raise Unfit(f"“{text.shortened(written, 100)}” must be a language tag like en, ar or pt-BR")
    if not text.is_language(written):
        if shorter := text.shorter_tag(written):
            raise Unfit(f"“{written}” is written “{shorter}”")
        if len(written.partition("-")[0]) == 2:  # all of these are known
            raise Unfit(f"“{written}” is not a language")
    return text.same_tag(written)


def day(written: str | None) -> date:
    if not written:
        raise Unfit("is missing; write it like 2027-03-01")
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise Unfit(f"“{text.shortened(written, 100)}” must be a day like 2027-03-01") from None


def body(written: str) -> str:
    """Markdown, in clean lines. It may be empty; who publishes it sees to that."""
    return text.clean_lines(written).strip()


def country(written: str) -> str:
    """The code (ISO 3166-1) of a country that is given by its code."""
    code = written.upper()
    if not text.is_country(code):
        raise Unfit(f"“{text.shortened(code, 100)}” is not a country's code (ISO 3166)")
    return code


def country_called(written: str) -> str:
    """The code of a country that is given by its code, or by its name in one of our languages.

    >>> country_called("no"), country_called("Côte d'Ivoire"), country_called("Camboya")
    ('NO', 'CI', 'KH')
    """
    if text.is_country(written.upper()):
        return written.upper()
    try:
        return _countries()[text.fold(written)]
    except KeyError:
        raise Unfit(f"“{text.shortened(written, 100)}” is not a country that we know") from None


def must_be_small(written: Iterable[str]) -> None:
    """Raises Unfit where the words of one language are more than a statement may have."""
    size = sum(len(one.encode("utf-8", "replace")) for one in written)
    if size > LARGEST:
        raise Unfit(
            f"is too long: {text.thousands(size, 'en')} bytes, and "
            f"{text.thousands(LARGEST, 'en')} are the most that a statement can have"
        )


@cache
def _countries() -> dict[str, str]:
    """Codes by folded names, in all of our languages; English where two don't agree."""
    found: dict[str, str] = {}
    for spoken in languages.LANGUAGES:
        for code, name in Locale.parse(spoken).territories.items():
            if text.is_country(code):
                found.setdefault(text.fold(name), code)
    return found
