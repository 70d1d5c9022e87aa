"""Text: cleaned when it comes in, folded for search, turned from Markdown into safe HTML."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

import nh3
import pyphen
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date
from babel.numbers import format_decimal
from markdown_it import MarkdownIt
from markdown_it.token import Token

# Marks that change the direction of what follows them, or that no one can see, can make a name
# read as another or spill into its neighbour (Unicode TR 36, "bidirectional text spoofing").
# Fillers that look like nothing could make a name of nothing, or two of one.
# Single marks (LRM, RLM) and joiners stay: Persian, Khmer and Burmese names are written with them.
_HIDDEN = re.compile(
    "[\u115f\u1160\u17b4\u17b5\u180e\u2060-\u2064\u2800\u3164\uffa0"
    "\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_MANY_MARKS = re.compile(
    r"((?:[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]){4})"
    r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_ACCENT = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0591-\u05c7\u064b-\u065f\u0670]"
)
_TYPED_FOR_EACH_OTHER = str.maketrans({
    **dict(zip("æœþđðħıłŋøŧ", ("ae", "oe", "th", *"ddhilnot"), strict=True)),
    # Arabic, with the letters of Persian, Urdu and Kurdish for the same; tatweel only widens
    **dict(zip("ٱىیةہھەک", "اييههههك", strict=True)), "ـ": "",
    # Hebrew has other letters at the end of a word, Burmese two that look alike
    **dict(zip("ךםןףץဉ", "כמנפצဥ", strict=True)),
    # what keyboards make of an apostrophe, a quotation mark and a hyphen
    **dict.fromkeys("’‘‛ʼʻ`´′", "'"), **dict.fromkeys("“”„‟«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
})  # fmt: skip
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTE_MARKS = "\"'“”„‟«»‹›‘’‚「」『』"
_RIGHT_TO_LEFT = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"}
_DIGITS = {
    "mymr": str.maketrans("0123456789", "၀၁၂၃၄၅၆၇၈၉"),
    "arab": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"),
    "arabext": str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"),
    "beng": str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"),
    "deva": str.maketrans("0123456789", "०१२३४५६७८९"),
}
_TAGS = {"p", "blockquote", "em", "strong", "a", "ul", "ol", "li", "h2", "h3", "h4", "hr", "br",
         "code", "pre"}  # fmt: skip
_SCHEMES = {"http", "https", "mailto"}
# Babel also names regions that are no countries, and codes kept for private use.
_TERRITORIES = frozenset(Locale.parse("en").territories) - {
    "AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ",
}  # fmt: skip
COUNTRIES = tuple(sorted(code for code in _TERRITORIES if len(code) == 2 and code.isalpha()))

_LANGUAGES = frozenset(Locale.parse("en").languages) - {"mul", "root", "und", "zxx"}
_OTHER_CODES: Mapping[str, str] = get_global("language_aliases")


def clean_lines(text: str) -> str:
    """Text with its lines kept, in Unicode's composed form (NFC), without control characters,
    direction overrides and towers of accents. What is left looks as it is written."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n\n").replace("\t", "    ")
    text = _HIDDEN.sub("", text)
    text = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))
    # last, since what was apart may now stand together
    return _MANY_MARKS.sub(r"\1", unicodedata.normalize("NFC", text))


def clean(text: str) -> str:
    """One line of clean text; runs of white space become one space.

    >>> clean("  Union\\u202e of\\n Writers ")
    'Union of Writers'
    """
    return " ".join(clean_lines(text).split())


def has_hidden(text: str) -> bool:
    """Whether cleaning takes more out of it than white space."""
    return clean(text) != " ".join(unicodedata.normalize("NFC", text).split())


def plain(text: str) -> str:
    """What two spellings of one name share: no case, no accents, no difference of width, nothing
    invisible.

    >>> plain("Fundación  Ligue ŒUVRE") == plain("fundacion ligue œuvre")
    True
    """
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in decomposed if not _is_mark(c))
    return " ".join(bare.casefold().split())


def fold(text: str) -> str:
    """What search compares: plain, and with one letter for those that people type for each other,
    because their keyboard lacks one, or because both are usual, or because both look alike.

    >>> fold("Đà Nẵng, Ørsted’s Kırık") == fold("da nang, orsted's kirik")
    True
    """
    # twice: an acute accent that stands alone for an apostrophe would be lost in between
    folded = plain(text.translate(_TYPED_FOR_EACH_OTHER)).translate(_TYPED_FOR_EACH_OTHER)
    digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)
    # Khmer: TA and DA look the same where they stand below another consonant.
    return digits.replace("\u17d2\u178a", "\u17d2\u178f")


def xml_only(text: str) -> str:
    """Without the characters that XML 1.0 can't hold in any way.

    >>> xml_only("a\\x00b\\x0bc\\uffff")
    'abc'
    """
    return _NOT_XML.sub("", text)


def has_substance(text: str) -> bool:
    """Whether there is anything to see: a letter, a number or a sign."""
    return any(unicodedata.category(c)[0] in "LNS" for c in text)


def shortened(text: str, most: int) -> str:
    """The text, or as many of its first words as fit into so many characters with an ellipsis.
    Where words have no spaces between them, it may end within one, but not within a letter.

    >>> shortened("One two three", 11), shortened("One two", 11)
    ('One two…', 'One two')
    """
    if len(text) <= most:
        return text
    cut = most - 1
    space = text.rfind(" ", most // 2, most)
    if space > 0:
        cut = space
    else:
        while cut > 1 and unicodedata.category(text[cut])[0] in "MC":
            cut -= 1
    return text[:cut].rstrip(" ,;:–—-") + "…"


@lru_cache(maxsize=10_000)
def _is_mark(character: str) -> bool:
    """An accent of Latin, Greek or Cyrillic, a vowel sign of Arabic or Hebrew, or invisible. The
    marks of other scripts tell words apart as letters do."""
    return (
        _ACCENT.match(character) is not None
        or unicodedata.category(character) == "Cf"
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def unquoted(text: str) -> str:
    """Without the quotation marks around it: the page sets its own, in the text's language."""
    return text.strip(_QUOTE_MARKS + " ") if text[:1] in _QUOTE_MARKS else text


def is_country(code: str) -> bool:
    """Whether this is a country's code: two capital letters of ISO 3166-1.

    >>> is_country("NO"), is_country("Norway"), is_country("QQ")
    (True, False, False)
    """
    return code in COUNTRIES


def country_name(code: str, lang: str) -> str:
    """A country (ISO 3166-1) in the words of a language; its code where Babel lacks the word.

    >>> country_name("KH", "fr")
    'Cambodge'
    """
    return str(Locale.parse(lang.replace("-", "_")).territories.get(code, code))


def same_tag(tag: str) -> str:
    """A language tag (BCP 47) with the letters as they are usually written, so that two tags of
    one language are equal.

    >>> same_tag("PT-br"), same_tag("ZH-hant-tw")
    ('pt-BR', 'zh-Hant-TW')
    """
    first, *others = tag.split("-")
    written = {2: str.upper, 4: str.title}
    return "-".join([first.lower(), *(written.get(len(one), str.lower)(one) for one in others)])


def is_language(tag: str) -> bool:
    """Whether the tag begins with the code of a language that Unicode's CLDR has a name for. There
    are languages of three letters without one.

    >>> is_language("pt-BR"), is_language("my"), is_language("qq"), is_language("old")
    (True, True, False, False)
    """
    return tag.partition("-")[0].lower() in _LANGUAGES


def shorter_tag(tag: str) -> str | None:
    """The tag to write instead, where a language has a shorter or newer code (BCP 47, 2.2.1).

    >>> shorter_tag("eng"), shorter_tag("fra-CA"), shorter_tag("fr")
    ('en', 'fr-CA', None)
    """
    code, hyphen, rest = tag.partition("-")
    other = _OTHER_CODES.get(code.lower())
    return f"{other.replace('_', '-')}{hyphen}{rest}" if other else None


def direction(lang: str) -> str:
    """ "rtl" or "ltr", by the language or by the script it names (BCP 47)."""
    parts = lang.split("-")
    if len(parts) > 1 and len(parts[1]) == 4:
        return "rtl" if parts[1].title() in ("Arab", "Hebr", "Thaa", "Syrc", "Nkoo") else "ltr"
    return "rtl" if parts[0].lower() in _RIGHT_TO_LEFT else "ltr"


def long_date(day: date, lang: str) -> str:
    """The date in the language's words: 27 November 2017."""
    locale = _locale(lang)
    return _in_digits(format_date(day, "long", locale=locale), locale)


def long_moment(moment: datetime, lang: str) -> str:
    """The day and the time in UTC, in the language's words.

    >>> long_moment(datetime(2017, 11, 27, 17, 5, tzinfo=UTC), "en")
    '27 November 2017, 17:05 UTC'
    """
    at = moment.astimezone(UTC)
    comma = "، " if _locale(lang).language == "ar" else ", "
    return f"{long_date(at.date(), lang)}{comma}{_in_digits(f'{at:%H:%M}', _locale(lang))} UTC"


def thousands(number: int, lang: str) -> str:
    """A number as the language writes it: 1,234 in English, ၁,၂၃၄ in Burmese.

    >>> thousands(1234567, "en"), thousands(1234567, "es")
    ('1,234,567', '1.234.567')
    """
    locale = _locale(lang)
    return _in_digits(format_decimal(number, locale=locale), locale)


def _locale(lang: str) -> Locale:
    """What Babel knows of a language; of English without a country, the world's."""
    try:
        return Locale.parse("en_001" if lang == "en" else lang.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_001")


def _in_digits(written: str, locale: Locale) -> str:
    """In the digits that the language uses by default (Unicode CLDR), which Babel's dates
    don't know."""
    return written.translate(_DIGITS.get(locale.default_numbering_system, {}))


@dataclass(frozen=True)
class Block:
    """A paragraph, quotation, list or heading of a text. `html` is safe to show as it is."""

    kind: str  # markdown-it's name of it: paragraph, blockquote, heading, …
    html: str
    text: str


def blocks(markdown: str, *, new_tab: bool = False) -> list[Block]:
    """The blocks of a text in CommonMark. HTML in it is shown as text, pictures as their
    alternative text; links other than http, https and mailto lose their address.

    new_tab: for widgets, whose links must not open inside the frame.
    """
    tokens = _MARKDOWN.parse(markdown)
    highest = min((int(t.tag[1]) for t in tokens if t.type == "heading_open"), default=1)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) - highest + 2, 4)}"
    return [_block(group, new_tab) for group in _groups(tokens)]


def lede(markdown: str) -> str:
    """The first paragraph, as plain text."""
    return next((b.text for b in blocks(markdown) if b.kind == "paragraph"), "")


def opening(markdown: str, most: int = 1800) -> list[str]:
    """How a text begins, as plain paragraphs: about so many characters, for where a card has room
    for more than the first paragraph. Headings and rules are left out."""
    found: list[str] = []
    for block in blocks(markdown):
        if block.text and block.kind != "heading" and sum(map(len, found)) < most:
            found.append(block.text)
    return found


def hyphenated(text: str, lang: str) -> str:
    """With soft hyphens in its very long words, where we know how the language divides words.
    Browsers that divide by themselves do so each in its own way.

    >>> hyphenated("Ein Binnenschifffahrtsprotokoll", "de").replace("\u00ad", "-")
    'Ein Binnen-schiff-fahrts-pro-tokoll'
    """
    known = pyphen.language_fallback(lang.replace("-", "_"))
    if known is None:
        return text
    divider = pyphen.Pyphen(lang=known, left=5, right=5)
    return re.sub(r"[^\W\d_]{14,}", lambda word: divider.inserted(word[0], "\u00ad"), text)


@dataclass(frozen=True)
class Doubt:
    """Something in a text that will not be shown as its writer meant it. line: from 1."""

    line: int
    reason: str


def doubts(markdown: str) -> list[Doubt]:
    """What a writer should know before the text goes out."""
    found: list[Doubt] = []
    for token in _LENIENT.parse(markdown):
        line = (token.map or [0])[0] + 1
        kinds = {token.type, *(child.type for child in token.children or ())}
        if kinds & {"html_block", "html_inline"}:
            found.append(Doubt(line, "HTML is shown as text, not obeyed"))
        if "image" in kinds:
            found.append(Doubt(line, "a picture in the text is shown as its alternative text"))
    for number, line_text in enumerate(markdown.split("\n"), 1):
        for scheme in re.findall(r"(?:\]\(|\]:|<)\s*([a-zA-Z][\w+.-]*):", line_text):
            if scheme.lower() not in _SCHEMES:
                reason = f"a link that begins with {scheme.lower()}: is not made"
                found.append(Doubt(number, reason))
    return found


def _alternative_text(_self: object, tokens: list[Token], index: int, *_: object) -> str:
    return nh3.clean_text(tokens[index].content)


_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_MARKDOWN.add_render_rule("image", _alternative_text)
_LENIENT = MarkdownIt("commonmark", {"html": True})


def _groups(tokens: list[Token]) -> Iterator[list[Token]]:
    group: list[Token] = []
    depth = 0
    for token in tokens:
        group.append(token)
        depth += token.nesting
        if depth == 0:
            yield group
            group = []


def _block(tokens: list[Token], new_tab: bool) -> Block:
    html = nh3.clean(
        _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}),
        tags=_TAGS,
        attributes={"a": {"href", "target"} if new_tab else {"href"}, "ol": {"start"}},
        set_tag_attribute_values={"a": {"target": "_blank"}} if new_tab else None,
        url_schemes=_SCHEMES,
        url_relative="deny",  # in a frame it would lead elsewhere than on the page
        link_rel="noopener",
    )
    words = (
        "".join(
            child.content if child.type in ("text", "code_inline", "image") else " "
            for child in token.children or ()
            if child.type in ("text", "code_inline", "image", "softbreak", "hardbreak")
        )
        for token in tokens
        if token.type == "inline"
    )
    kind = tokens[0].type.removesuffix("_open")
    return Block(kind, html, " ".join(" ".join(words).split()))
