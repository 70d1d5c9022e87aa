"""The order of names in a language: ICU's collation, by the rules of CLDR.

icu4py brings ICU along but has no collator of its own. The two functions that are needed are
looked up in the ICU that its own modules are linked with, whichever that is.
"""

import ctypes
import unicodedata
from functools import cache
from typing import Any

import icu4py
from icu4py import messageformat

from widgets.text import COUNTRIES, country_name

LONGEST_KEY = 400  # bytes; beyond the first 150 letters or so, names may stand in any order
DIGITS = "0–9"
IDEOGRAPHS = "字"
SIGNS = "#"
_CHOSEONG = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"  # the consonants that begin a Korean syllable
_LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WRITTEN_FIRST_SPOKEN_SECOND = "เแโใไເແໂໃໄ"  # vowels of Thai and Lao


def _function(name: str, answer: Any, *arguments: Any) -> Any:
    library = ctypes.CDLL(messageformat.__file__)
    found = getattr(library, f"{name}_{icu4py.icu_version_info[0]}")
    found.restype, found.argtypes = answer, arguments
    return found


_status = ctypes.POINTER(ctypes.c_int)
_open = _function("ucol_open", ctypes.c_void_p, ctypes.c_char_p, _status)
_close = _function("ucol_close", None, ctypes.c_void_p)
_rules = _function("ucol_getLocaleByType", ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, _status)
_sort_key = _function(
    "ucol_getSortKey",
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_int32,
    ctypes.c_char_p,
    ctypes.c_int32,
)


class Collator:
    """Puts texts in the order of a language (BCP 47); one that ICU does not know has the order
    that all share. Numbers count by their value, and signs only part words: quotation marks move
    nobody to the front. Not for two threads at once.

    >>> sorted(["Zebra", "“Öl”", "Article 19", "Article 9"], key=Collator("de").key)
    ['Article 9', 'Article 19', '“Öl”', 'Zebra']
    """

    def __init__(self, lang: str) -> None:
        status = ctypes.c_int(0)
        self._lang = lang
        self._collator = _open(f"{lang}-u-kn".encode(), ctypes.byref(status))
        if status.value > 0:
            raise RuntimeError(f"ICU has no collator for {lang!r}: error {status.value}")
        # Text of the longest name and all that its letters expand to (U+FDFA into 18)
        self._buffer = ctypes.create_string_buffer(32_768)
        self._initials: dict[str, str] = {}

    def __del__(self) -> None:
        if collator := getattr(self, "_collator", None):
            _close(collator)

    @property
    def rules(self) -> str:
        """Whose rules these are: languages that have none of their own share those of "root".

        >>> Collator("fr").rules, Collator("pt-BR").rules, Collator("es").rules
        ('root', 'root', 'es')
        """
        actual = 0
        name: bytes = _rules(self._collator, actual, ctypes.byref(ctypes.c_int(0)))
        return name.decode()

    def key(self, text: str) -> bytes:
        """Bytes that stand in the order of the texts; LONGEST_KEY of them at most."""
        return self._key(_words(text))[:LONGEST_KEY]

    def initial(self, text: str) -> str:
        """The letter under which a name is looked for, in the language: Ñ is a letter of its own
        in Spanish and an N in French. DIGITS, IDEOGRAPHS and SIGNS stand for many.

        >>> Collator("fr").initial("Ñandú"), Collator("es").initial("Ñandú")
        ('N', 'Ñ')
        """
        start = _words(text)[:2]
        letter = start[-1:] if start[:1] in _WRITTEN_FIRST_SPOKEN_SECOND else start[:1]
        if letter not in self._initials:
            self._initials[letter] = self._initial(letter)
        return self._initials[letter]

    def _initial(self, letter: str) -> str:
        name = unicodedata.name(letter, "")
        if unicodedata.category(letter)[0] != "L":
            return DIGITS if unicodedata.category(letter)[0] == "N" else SIGNS
        if name.startswith("CJK"):
            return IDEOGRAPHS
        if name.startswith("HANGUL SYLLABLE"):
            return _CHOSEONG[(ord(letter) - 0xAC00) // 588]
        if name.startswith("KATAKANA LETTER"):
            letter = chr(ord(letter) - 0x60)
        if self._lang[:2] in ("tr", "az") and letter == "i":
            return "İ"
        capital = letter.title()[0]
        base = unicodedata.normalize("NFKD", capital)[0].title()[0]
        if base == capital and name.startswith("LATIN"):
            candidates = _LATIN
        elif name.startswith("ARABIC"):
            return base
        else:
            candidates = base
        primary = self._primary(capital)
        alike = (one for one in candidates if primary.startswith(self._primary(one)))
        return next(alike, capital)

    def _primary(self, letter: str) -> bytes:
        """What tells letters apart, whatever their accents and case: up to the first separator of
        levels in a sort key (UTS 10)."""
        return self._key(letter).partition(b"\x01")[0]

    def _key(self, text: str) -> bytes:
        units = text.encode("utf-16-le")
        size = _sort_key(self._collator, units, len(units) // 2, self._buffer, len(self._buffer))
        return ctypes.string_at(self._buffer, min(size, len(self._buffer)) - 1)


def script(initial: str) -> str:
    """A name for the script of an initial, as the Unicode names of its letters begin.

    >>> script("Б"), script("Я"), script("ክ")
    ('CYRILLIC', 'CYRILLIC', 'ETHIOPIC')
    """
    return unicodedata.name(initial[0], initial).partition(" ")[0]


class _Words(dict[int, str]):
    """For str.translate, filled as characters come: letters, numbers and their marks stay, what
    can stand within a word goes, and everything else parts words."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character in "'’ʼ." or category == "Cf":
            self[code] = ""
        else:
            self[code] = character if category[0] in "LNM" else " "
        return self[code]


_WORDS = _Words()


def _words(text: str) -> str:
    return " ".join(text.translate(_WORDS).split()) or text


@cache
def countries(lang: str) -> tuple[tuple[str, str], ...]:
    """All countries, each with its name in a language, in the order of these names."""
    key = Collator(lang).key
    named = [(code, country_name(code, lang)) for code in COUNTRIES]
    return tuple(sorted(named, key=lambda country: key(country[1])))
