"""Statements as an issue sets them: cut to what a mail has room for, and put into words.

Gmail shows the first 102 kB of a mail's HTML, and hides the rest with the link to leave in it, so
everything here has an end.
"""

from collections.abc import Callable
from dataclasses import dataclass

from widgets import languages, plaintext, signatories, text
from widgets.editions import Correction, Edition, Item, Picture
from widgets.languages import gettext
from widgets.signatories import Tally
from widgets.text import Block, direction, shortened

MOST = 12  # statements; those beyond are on the web
LONGEST_LEDE = (900, 300)  # characters: of the first, of the others
LONGEST_QUOTE = 400
LONGEST_CORRECTION = 400
LONGEST_ALT = 250
LONGEST_CREDIT = 150
MOST_TOPICS = 3
LARGEST_TEXT = 50_000  # bytes of HTML of a statement that is brought whole
BYTES_OF_A_TAG = 70  # with the style that it is given
COLUMN = 560  # pixels
TALLEST = 480  # of a picture; one that is higher than wide is made narrower
BESIDE = 168  # pixels: the width of a picture beside a headline
# Around a quotation, where it is not “ and ”.
MARKS = {
    "fr": ("«\u202f", "\u202f»"),
    "de": ("„", "“"),
    "ja": ("「", "」"),
    **dict.fromkeys(("ar", "ckb", "es", "fa", "ru", "uk"), ("«", "»")),
}


@dataclass(frozen=True)
class Frame:
    """A picture in a letter. width, height: pixels on the page, at most."""

    url: str
    width: int
    height: int
    alt: str
    credit: str


@dataclass(frozen=True)
class Story:
    """A statement in a letter. dir: of its words. body: its whole text, where it is brought whole;
    plain: the same as plain text; is_cut: whether there was more of it than a mail has room for.
    count: who stands behind it, in words."""

    lang: str
    dir: str
    url: str
    title: str
    day: str
    topics: list[str]
    lede: str
    body: list[Block]
    plain: str
    is_cut: bool
    quote: str
    count: str
    correction: Correction | None
    picture: Frame | None


def told(
    edition: Edition, url: Callable[[str], str], *, most: int | None = MOST, whole: bool = False
) -> list[Story]:
    """What is shown of an issue, in the language that is spoken. url: makes an address of a path
    of ours; most: statements; whole: whether with all of their text."""
    return [
        _story(item, url, first=place == 0, whole=whole)
        for place, item in enumerate(edition.items[:most])
    ]


def preheader(edition: Edition) -> tuple[str, str]:
    """What a mail program shows of a letter beside its subject, and the language it is in: how the
    introduction begins, or the first statement."""
    item = edition.items[0]
    if edition.introduction:
        return text.lede(edition.introduction) or item.title, edition.introduction_lang
    return item.lede or item.title, item.lang


def _story(item: Item, url: Callable[[str], str], *, first: bool, whole: bool) -> Story:
    body, is_cut = _whole(item) if whole else ([], False)
    if is_cut:
        plain = "\n\n".join(block.text for block in body)
    else:
        plain = plaintext.written(item.body, item.lang) if whole else ""
    tally = Tally(item.names, item.people)
    return Story(
        lang=item.lang,
        dir=direction(item.lang),
        url=url(item.path),
        title=item.title,
        day=text.long_date(item.day, languages.spoken()),
        topics=[shortened(topic, 60) for topic in item.topics[:MOST_TOPICS]],
        lede=shortened(item.lede, LONGEST_LEDE[not first]),
        body=body,
        plain=plain,
        is_cut=is_cut,
        quote=_quote(item) if first and not whole else "",
        count=signatories.endorsed_by(tally) if tally else "",
        correction=_cut_correction(item.correction),
        picture=_frame(item.picture, url, first=first) if item.picture else None,
    )


def _quote(item: Item) -> str:
    """In the marks of its language; "" where it is what the first paragraph says already."""
    quote = text.unquoted(item.pull_quote or "")
    if quote in item.lede:
        return ""
    opening, closing = MARKS.get(item.lang.partition("-")[0], ("“", "”"))
    return opening + shortened(quote, LONGEST_QUOTE) + closing


def _cut_correction(correction: Correction | None) -> Correction | None:
    if correction is None:
        return None
    return Correction(
        shortened(correction.text, LONGEST_CORRECTION), correction.lang, correction.on
    )


def _frame(picture: Picture, url: Callable[[str], str], *, first: bool) -> Frame:
    most = COLUMN if first else BESIDE
    tallest = TALLEST if first else BESIDE * 3 // 2
    width = max(1, min(most, round(tallest * picture.width / picture.height)))
    return Frame(
        url=url(picture.path if first else picture.small),
        width=width,
        height=max(1, round(picture.height * width / picture.width)),
        alt=shortened(picture.alt, LONGEST_ALT),
        credit=shortened(picture.credit or "", LONGEST_CREDIT),
    )


def _whole(item: Item) -> tuple[list[Block], bool]:
    """The text of a statement as far as a mail has room for it, and whether that is not all."""
    found: list[Block] = []
    room = LARGEST_TEXT
    blocks = text.blocks(item.body)
    for block in blocks:
        room -= len(block.html.encode()) + BYTES_OF_A_TAG * block.html.count("<")
        if room < 0:
            break
        found.append(block)
    return found, len(found) < len(blocks)


def day_and_number(edition: Edition) -> str:
    """ "Number 3 · 27 November 2026", in the language that is spoken."""
    day = text.long_date(edition.day, languages.spoken())
    if edition.number is None:
        return day
    number = text.thousands(edition.number, languages.spoken())
    numbered = gettext("Number %(number)s", number=number)
    return f"{numbered} · {day}"


def beyond(edition: Edition) -> str:
    """How many statements a letter has no room for, in words; "" for none."""
    more = len(edition.items) - MOST
    if more <= 0:
        return ""
    return languages.ngettext(
        "and %(count)s more statement",
        "and %(count)s more statements",
        more,
        count=text.thousands(more, languages.spoken()),
    )
