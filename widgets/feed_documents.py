"""Feeds as documents: Atom, RSS and JSON Feed, from bytes that a stranger wrote to plain text.

Of XML, only what we show is handed on to the library that knows the many kinds of feeds, and of
that no more than could be shown: what is left can neither unfold nor stall it.
"""

import codecs
import hashlib
import html
import html.entities
import io
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import feedparser
import nh3

from widgets.text import clean, has_substance, shortened, xml_only
from widgets.wording import LANG

MOST_POSTS = 20
LONGEST_TITLE = 300  # characters
LONGEST_TEXT = 600
LONGEST_LINK = 2000
LONGEST_SOURCE = 20_000  # characters of one text that are read at all
DEEPEST = 100  # elements within each other
# What is read of a feed and of its entries, by whatever prefix; all else is left out.
_READ = {
    "title", "link", "guid", "id", "description", "summary", "content", "encoded", "language",
    "pubdate", "published", "updated", "date", "issued", "modified", "created",
}  # fmt: skip
_FRAMES = {"rss", "rdf", "channel", "feed", "item", "entry"}
# The encodings of the web (WHATWG), as Python names them; others can be slow, or are none.
_ENCODINGS = {
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "iso8859-1", "iso8859-2", "iso8859-3",
    "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-10",
    "iso8859-13", "iso8859-14", "iso8859-15", "iso8859-16", "koi8-r", "koi8-u", "cp866", "cp874",
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "gbk", "gb2312", "gb18030", "big5", "euc_jp", "shift_jis", "euc_kr", "mac-roman",
}  # fmt: skip
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml\b[^>]{0,200}\?>")
_BLOCKS = re.compile(
    r"<(?=/?(?:p|br|div|li|ul|ol|h[1-6]|tr|td|hr|pre|blockquote|figure|figcaption)\b)",
    re.IGNORECASE,
)


class NotAFeed(ValueError):
    """What was fetched can't be read as a feed; the text says why, to an operator."""


@dataclass(frozen=True)
class Entry:
    """A post as its feed has it: plain text, shortened. `key` tells it from the others of the
    feed; a post has a title or a text, or both."""

    key: str
    url: str | None
    title: str
    text: str
    lang: str | None  # BCP 47
    published_at: datetime | None  # None: unknown, or in the future


@dataclass(frozen=True)
class Document:
    """A feed, with the newest of its entries that have a date and the first of those that have
    none: among them are the MOST_POSTS newest."""

    title: str
    site_url: str | None
    entries: list[Entry]


def read(body: bytes, content_type: str, url: str, now: datetime) -> Document:
    """Reads a feed of any kind. url: where it came from, to which its links are relative.

    Raises NotAFeed.
    """
    text = _decoded(body, content_type)
    text = _DECLARATION.sub("", text, count=1).lstrip("\ufeff\0 \t\r\n")
    if not text:
        raise NotAFeed("the answer is empty")
    if re.match(r"<!doctype html|<html\b", text, re.IGNORECASE):
        raise NotAFeed("this is a web page, not a feed")
    if text[0] not in "{<":
        raise NotAFeed("neither XML nor JSON")
    try:
        return (_read_json if text[0] == "{" else _read_xml)(text, url, now)
    except NotAFeed:
        raise
    except Exception as error:  # a stranger's document, read by other people's code
        raise NotAFeed(f"it could not be read ({type(error).__name__})") from error


def _decoded(body: bytes, content_type: str) -> str:
    """The text, by its byte order mark, its own declaration, or what the server says; where
    none of them is true, by the two encodings that most text is in."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    declared = re.match(rb"\s*<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]{1,40})", body)
    told = Message()
    told["Content-Type"] = xml_only(content_type)[:200].replace("\n", " ")
    candidates = [
        declared[1].decode("ascii") if declared else "",
        told.get_content_charset("") or "",
        "utf-8",
        "cp1252",
    ]
    for candidate in candidates:
        try:
            known = codecs.lookup(candidate).name if candidate else ""
            if known in _ENCODINGS:
                return body.decode(known)
        except (LookupError, ValueError):
            continue
    return body.decode("latin-1")


# JSON Feed, version 1.1: https://www.jsonfeed.org/version/1.1/


def _read_json(text: str, url: str, now: datetime) -> Document:
    try:
        feed = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAFeed("the JSON is damaged") from None
    if not str(feed.get("version", "")).startswith("https://jsonfeed.org/version/"):
        raise NotAFeed("this JSON is not a JSON Feed (jsonfeed.org)")
    items = feed.get("items")
    if not isinstance(items, list):
        raise NotAFeed("a JSON Feed without its list of items")
    lang = _lang(feed.get("language"))
    dated = [
        (item, _past(_json_date(item.get("date_published") or item.get("date_modified")), now))
        for item in items
        if isinstance(item, dict)
    ]
    entries = [
        _entry(
            key=_string(item.get("id")),
            url=_link(item.get("url") or item.get("external_url"), url),
            title=_plain(_string(item.get("title"))),
            text=_plain(
                _string(item.get("summary")) or _string(item.get("content_text")),
            )
            or _of_html(_string(item.get("content_html"))),
            lang=_lang(item.get("language")) or lang,
            published_at=when,
        )
        for item, when in _newest(dated)
    ]
    return Document(
        title=shortened(_plain(_string(feed.get("title"))), LONGEST_TITLE),
        site_url=_link(feed.get("home_page_url"), url),
        entries=_told_apart(entries),
    )


def _string(value: object) -> str:
    """A text or (as ids often are) a number; anything else is nothing. JSON can hold half a
    character ("\\ud800"), which no database and no page can."""
    text = str(value) if isinstance(value, str | int | float) else ""
    return text.encode(errors="replace").decode()


def _json_date(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


# Atom and RSS


def _read_xml(text: str, url: str, now: datetime) -> Document:
    text = xml_only(text)
    try:
        thinned = _Thinner().thin(text)
    except expat.ExpatError:
        try:
            thinned = _Thinner().thin(_mended(text))
        except expat.ExpatError as error:
            raise NotAFeed(f"damaged XML: {error}") from None
    parsed = feedparser.parse(
        io.BytesIO(thinned),  # a file: bytes alone would be tried as a file's name
        response_headers={
            "content-type": "application/xml; charset=utf-8",
            "content-location": url,
        },
        sanitize_html=False,  # no HTML of it is shown
        resolve_relative_uris=False,
    )
    if parsed.bozo or not parsed.version:
        raise NotAFeed("this XML is neither Atom nor RSS")
    lang = parsed.feed.get("language")
    loose = parsed.version.startswith("rss")
    dated = [(entry, _past(_xml_date(entry), now)) for entry in parsed.entries]
    entries = [
        _entry(
            key=_string(entry.get("id")),
            url=_link(entry.get("link"), url),
            title=_of_detail(entry.get("title_detail"), loose),
            text=_of_detail(entry.get("summary_detail"))
            or _of_detail(next(iter(entry.get("content", [])), None)),
            lang=_lang(_detail_lang(entry) or lang),
            published_at=when,
        )
        for entry, when in _newest(dated)
    ]
    return Document(
        title=shortened(_of_detail(parsed.feed.get("title_detail"), loose), LONGEST_TITLE),
        site_url=_link(parsed.feed.get("link"), url),
        entries=_told_apart(entries),
    )


class _Thinner:
    """Writes a document anew with no more in it than is read. Refuses those that define
    entities, by which a small document unfolds into a huge one, with NotAFeed."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._open: list[str] = []  # names of the elements we are in
        self._left_out_from = 0  # depth of the element that is being left out; 0: none
        self._room = 0  # characters that the element at hand may still take
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = self._entity

    def thin(self, text: str) -> bytes:
        """UTF-8. Raises expat.ExpatError for what is not well-formed, prefixes and all."""
        self._parser.Parse(text, True)
        thinned = "".join(self._out).encode()
        expat.ParserCreate(namespace_separator=" ").Parse(thinned, True)
        return thinned

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        depth = len(self._open)
        if depth > DEEPEST:
            raise NotAFeed(f"more than {DEEPEST} elements within each other")
        if self._left_out_from:
            return
        inner = name.rpartition(":")[2].lower()
        in_frame = all(one.rpartition(":")[2].lower() in _FRAMES for one in self._open[:-1])
        if in_frame and inner in _READ:
            self._room = LONGEST_SOURCE
        kept = "".join(
            f" {key}={quoteattr(value)}"
            for key, value in list(attributes.items())[:40]
            if len(value) <= LONGEST_LINK
        )
        if in_frame:
            left_out = inner not in _READ | _FRAMES
            if left_out and depth == 1:
                raise NotAFeed("this XML is neither Atom nor RSS")
        else:
            self._room -= len(name) + len(kept)
            left_out = self._room <= 0
        if left_out:
            self._left_out_from = depth
        else:
            self._out.append(f"<{name}{kept}>")

    def _end(self, name: str) -> None:
        depth = len(self._open)
        self._open.pop()
        if not self._left_out_from:
            self._out.append(f"</{name}>")
        elif depth == self._left_out_from:
            self._left_out_from = 0

    def _text(self, text: str) -> None:
        if not self._left_out_from and self._room > 0:
            self._out.append(escape(text[: self._room]))
            self._room -= len(text)

    def _entity(self, *_: object) -> None:
        raise NotAFeed("it defines entities, which no feed needs and attacks are made of")


def _mended(text: str) -> str:
    """Without the two mistakes that feeds make most: entities of HTML, and bare ampersands."""

    def mend(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("amp", "lt", "gt", "quot", "apos") or name.startswith("#"):
            return found[0]
        meant = html.entities.html5.get(f"{name};")
        return meant if meant else f"&amp;{name};"

    text = re.sub(r"&(#?\w{1,32});", mend, text)
    return re.sub(r"&(?!#?\w{1,32};)", "&amp;", text)


def _of_detail(detail: Any, loose: bool = False) -> str:
    """The plain text of what feedparser found, by the type that it says it has. loose: RSS does
    not say whether a title is HTML, so it is if there are tags in it."""
    if not detail:
        return ""
    value = detail["value"]
    is_html = "html" in detail["type"] or (loose and re.search(r"<[a-zA-Z/!][^<>]*>", value))
    return _of_html(value) if is_html else _plain(value)


def _detail_lang(entry: Any) -> str | None:
    for detail in (entry.get("title_detail"), entry.get("summary_detail")):
        if detail and detail.get("language"):
            return str(detail["language"])
    return None


def _xml_date(entry: Any) -> datetime | None:
    # not its own get, which takes the one for the other and warns of it
    found: time.struct_time | None = dict.get(entry, "published_parsed") or dict.get(
        entry, "updated_parsed"
    )
    try:
        return datetime(*found[:6], tzinfo=UTC) if found else None
    except ValueError:
        return None


# What both have in common


def _past(when: datetime | None, now: datetime) -> datetime | None:
    """A date, if it can be true. One without a zone is taken as UTC."""
    if when is None:
        return None
    try:
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
    return when.replace(microsecond=0) if when <= now else None


def _newest(dated: list[tuple[Any, datetime | None]]) -> list[tuple[Any, datetime | None]]:
    """Those that can be among the newest, in their order: the rest is never looked at."""
    dates = set(sorted({when for _, when in dated if when}, reverse=True)[:MOST_POSTS])
    with_date = [one for one in dated if one[1] in dates]
    without = [one for one in dated if one[1] is None]
    return with_date[: 5 * MOST_POSTS] + without[: 5 * MOST_POSTS]


def _entry(
    *,
    key: str,
    url: str | None,
    title: str,
    text: str,
    lang: str | None,
    published_at: datetime | None,
) -> Entry:
    text = shortened(text, LONGEST_TEXT)
    title = shortened(title, LONGEST_TITLE)
    return Entry(
        key=hashlib.sha256((key or url or f"{title}\n{text}").encode(errors="replace")).hexdigest(),
        url=url,
        title=title if has_substance(title) else "",
        text=text if text != title and has_substance(text) else "",
        lang=lang,
        published_at=published_at,
    )


def _told_apart(entries: list[Entry]) -> list[Entry]:
    """Those that have something to show; of several with the same key, the first."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.title or entry.text:
            found.setdefault(entry.key, entry)
    return list(found.values())


def _plain(text: str) -> str:
    return clean(text[:LONGEST_SOURCE])


def _of_html(source: str) -> str:
    """The words of HTML, without its scripts and styles.

    >>> _of_html("<p>One<b>self</b></p><p>two &amp; three</p><script>four()</script>")
    'Oneself two & three'
    """
    apart = _BLOCKS.sub(" <", source[:LONGEST_SOURCE])
    return clean(html.unescape(nh3.clean(apart, tags=set())))


def _lang(tag: object) -> str | None:
    found = tag.strip().replace("_", "-") if isinstance(tag, str) else ""
    return found if len(found) <= 35 and re.fullmatch(LANG, found) else None


def _link(target: object, base: str) -> str | None:
    """A link to the web, made whole; None for anything else."""
    if not isinstance(target, str) or not target.strip():
        return None
    try:
        whole = urljoin(base, target.strip())
        parts = urlsplit(whole)
        fit = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        return None
    if not fit or len(whole) > LONGEST_LINK or clean(whole) != whole or " " in whole:
        return None
    return whole
