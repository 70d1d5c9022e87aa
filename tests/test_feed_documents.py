# ruff: noqa: E501 (feeds have long lines)
"""Feeds of every kind, and what only looks like one, from bytes to plain text."""

import json
import time
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strangers import atom
from widgets.feed_documents import LONGEST_TEXT, MOST_POSTS, Document, Entry, NotAFeed, read

NOW = datetime(2026, 3, 31, tzinfo=UTC)
HERE = "https://lamps.example/blog/feed"
BOMB = '<!DOCTYPE a [<!ENTITY a "ha">{}]><rss version="2.0"><channel><item><title>{}</title>'
MASTODON = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:webfeeds="http://webfeeds.org/rss/1.0" xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>Lamp Keepers</title><description>Public posts</description>
<link>https://social.example/@lamps</link>
<image><url>https://files.social.example/1.png</url><title>Lamp</title></image>
<item><guid isPermaLink="true">https://social.example/@lamps/1</guid>
<link>https://social.example/@lamps/1</link><pubDate>Mon, 02 Mar 2026 10:00:00 +0200</pubDate>
<description>&lt;p&gt;The lamps are &lt;b&gt;lit&lt;/b&gt;&lt;br&gt;again.&lt;/p&gt;&lt;p&gt;All &amp;amp; every one.&lt;/p&gt;</description>
<media:content url="https://files.social.example/2.png" type="image/png">
<media:description type="plain">A lamp</media:description></media:content>
<category>lamps</category></item></channel></rss>"""
BLUESKY = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>
<description>Lamps</description><link>https://bsky.app/profile/lamps.example</link>
<title>@lamps.example - Lamp Keepers</title><item>
<link>https://bsky.app/profile/lamps.example/post/1</link><description>Lit &amp; lovely</description>
<pubDate>02 Mar 2026 10:00 +0000</pubDate><guid isPermaLink="false">at://did:plc:1/post/1</guid>
</item></channel></rss>"""


def parsed(source: str | bytes, content_type: str = "", url: str = HERE) -> Document:
    body = source if isinstance(source, bytes) else source.encode()
    return read(body, content_type, url, NOW)


def rss(*items: str) -> str:
    inner = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0"><channel><title>Lamps</title>{inner}</channel></rss>'


def only(source: str | bytes, content_type: str = "") -> Entry:
    (entry,) = parsed(source, content_type).entries
    return entry


def refused(source: str | bytes, content_type: str = "") -> str:
    with pytest.raises(NotAFeed) as error:
        parsed(source, content_type)
    return str(error.value)


def json_feed(*items: Any, **more: Any) -> str:
    return json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": "Lamps", "items": items, **more}
    )


# The kinds


def test_atom() -> None:
    document = parsed(atom("Lit", "Out"))

    assert (document.title, document.site_url) == ("Lamp Keepers", "https://lamps.example/")
    first, second = document.entries
    assert (first.title, first.text, first.url) == ("Lit", "About Lit.", "https://lamps.example/0")
    assert first.lang == "en"
    assert first.published_at == datetime(2026, 3, 28, 10, tzinfo=UTC)
    assert first.key != second.key


def test_atom_with_its_own_base_language_and_markup() -> None:
    entry = only(
        "<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='ar'><entry xml:lang='fr' "
        "xml:base='https://other.example/a/'><title type='text'>a &lt;b&gt; c</title>"
        "<link rel='enclosure' href='z.mp3'/><link href='k'/>"
        "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>A<b>b</b></p><p>c</p>"
        "</div></content></entry></feed>"
    )
    assert (entry.title, entry.text, entry.lang) == ("a <b> c", "Ab c", "fr")
    assert entry.url == "https://other.example/a/k"


def test_a_mastodon_account_has_texts_without_titles() -> None:
    entry = only(MASTODON)

    assert (entry.title, entry.text) == ("", "The lamps are lit again. All & every one.")
    assert entry.url == "https://social.example/@lamps/1"
    assert entry.published_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert parsed(MASTODON).title == "Lamp Keepers"


def test_a_bluesky_account() -> None:
    entry = only(BLUESKY)

    assert (entry.title, entry.text) == ("", "Lit & lovely")
    assert entry.published_at == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_rdf_and_the_old_doctype_of_rss() -> None:
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<channel><title>L</title></channel><item><title>One</title><link>/1</link>"
        "<dc:date>2026-03-02T10:00:00Z</dc:date></item></rdf:RDF>"
    )
    assert only(rdf).published_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    doctype = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://127.0.0.1:1/x.dtd">'
    assert only(doctype + rss("<title>One</title>")).title == "One"


def test_json_feed() -> None:
    document = parsed(
        json_feed(
            {
                "id": 7,
                "url": "/7",
                "title": "Lit",
                "content_html": "<p>All <b>lit</b></p><script>out()</script>",
                "date_published": "2026-03-02T10:00:00+02:00",
            },
            {"id": "8", "external_url": "https://a.example/", "content_text": "Only text"},
            language="pt-BR",
            home_page_url="https://lamps.example/",
        ),
        "application/feed+json",
    )
    assert document.site_url == "https://lamps.example/"
    first, second = document.entries
    assert (first.title, first.text, first.lang) == ("Lit", "All lit", "pt-BR")
    assert (first.url, second.url) == ("https://lamps.example/7", "https://a.example/")
    assert first.published_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert (second.title, second.text, second.published_at) == ("", "Only text", None)


@pytest.mark.parametrize(
    "content_type", ["text/html", "image/png", "", "text/plain; charset=x", "\0"]
)
def test_a_wrong_content_type_is_passed_over(content_type: str) -> None:
    assert only(atom("Lit"), content_type).title == "Lit"


# What is no feed


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "the answer is empty"),
        (" \n", "the answer is empty"),
        ("<!DOCTYPE html><html><body>", "this is a web page, not a feed"),
        ("  <html lang=en>", "this is a web page, not a feed"),
        ('<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C">', "this is a web page, not a feed"),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "this XML is neither Atom nor RSS"),
        ("<a><rss version='2.0'/></a>", "this XML is neither Atom nor RSS"),
        ("hello", "neither XML nor JSON"),
        ("[1]", "neither XML nor JSON"),
        ("{", "the JSON is damaged"),
        ("{}", "this JSON is not a JSON Feed (jsonfeed.org)"),
        ('{"version": 7}', "this JSON is not a JSON Feed (jsonfeed.org)"),
        (json_feed()[:-5], "the JSON is damaged"),
        ('{"version": "https://jsonfeed.org/version/1"}', "a JSON Feed without its list of items"),
        ('{"a":' * 100_000, "the JSON is damaged"),
        ('{"a":' + "9" * 10_000 + "}", "the JSON is damaged"),
        ("<" * 1000, "damaged XML: "),
        (rss("<title>One</title>")[:-30], "damaged XML: "),
        ("<rss version='2.0'><a:title/></rss>", "damaged XML: "),
        ("<rss version='2.0'>" + "<b>" * 200, "more than 100 elements within each other"),
    ],
)  # fmt: skip
def test_what_is_no_feed_is_refused_with_the_reason(source: str, why: str) -> None:
    assert refused(source).startswith(why)


def laughs() -> str:
    levels = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    return BOMB.format(levels, "&m;")


def quadratic() -> str:
    return BOMB.format(f'<!ENTITY b "{"x" * 100_000}">', "&b;" * 100_000)


@pytest.mark.parametrize(
    "bomb",
    [
        laughs(),
        quadratic(),
        BOMB.format('<!ENTITY b SYSTEM "file:///etc/passwd">', "&b;"),
        BOMB.format('<!ENTITY % b SYSTEM "http://127.0.0.1:1/">%b;', ""),
    ],
    ids=["billion laughs", "quadratic", "a file", "a parameter"],
)
def test_entities_are_refused_in_little_time_and_memory(bomb: str) -> None:
    tracemalloc.start()
    began = time.monotonic()
    assert refused(bomb).startswith("it defines entities")
    assert time.monotonic() - began < 1
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "inside",
    [
        "<author>" + "1" * 1_900_000 + "</author>",
        "<author>" + "a@" * 900_000 + "</author>",
        "<title>" + "1" * 1_900_000 + "</title>",
        "<pubDate>" + "1:" * 900_000 + "</pubDate>",
        "<description>" + "&lt;a " * 300_000 + "</description>",
        "<description>" + "&lt;b&gt;" * 200_000 + "</description>",
        "<description>" + "<b/>" * 450_000 + "</description>",
        "<link>" + "../" * 600_000 + "</link>",
        "<category/>" * 170_000,
        "<a " + "".join(f"a{n}='' " for n in range(150_000)) + "/>",
        "<x><![CDATA[" + "]" * 1_900_000 + "]]></x>",
        "&" * 1_900_000,
        "&a" * 900_000,
    ],
    ids=lambda inside: inside[:24],
)
def test_nothing_in_a_feed_stalls_the_reading(inside: str) -> None:
    began = time.process_time()  # others may have the machine meanwhile
    with suppress(NotAFeed):
        parsed(rss(inside, "<title>One</title>"))
    assert time.process_time() - began < 6


@settings(deadline=None, max_examples=150)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: rss(text).encode()))
)
def test_whatever_comes_is_a_feed_or_is_refused(body: bytes) -> None:
    with suppress(NotAFeed):
        assert isinstance(parsed(body), Document)


# What is made of what is in it


def test_of_many_entries_the_newest_stay() -> None:
    day = "<pubDate>{:02} {} 2025 10:00:00 GMT</pubDate>"
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    items = [
        f"<title>{number}</title>" + day.format(number % 28 + 1, months[number // 28 % 12])
        for number in range(5_000)
    ]
    began = time.monotonic()
    document = parsed(rss(*items))
    assert time.monotonic() - began < 10
    newest = sorted({entry.published_at for entry in document.entries}, reverse=True)
    assert newest[0] == datetime(2025, 12, 28, 10, tzinfo=UTC)
    assert MOST_POSTS <= len(document.entries) <= 10 * MOST_POSTS


def test_a_date_that_cannot_be_true_is_none() -> None:
    for date in ("Mon, 02 Mar 2099 10:00:00 GMT", "yesterday", "", "32 Mar 2026", "0000-00-00"):
        entry = only(rss(f"<title>One</title><pubDate>{date}</pubDate>"))
        assert entry.published_at is None, date
    for value in ("2099-01-01T00:00:00Z", "soon", 7, None, "0001-01-01T00:00:00+23:00"):
        assert (
            only(json_feed({"id": 1, "title": "One", "date_published": value})).published_at is None
        )


def test_of_posts_with_the_same_guid_the_first_stays() -> None:
    document = parsed(rss("<guid>a</guid><title>One</title>", "<guid>a</guid><title>Two</title>"))

    assert [entry.title for entry in document.entries] == ["One"]


def test_posts_without_a_guid_are_told_apart_by_their_link_or_text() -> None:
    document = parsed(rss("<title>One</title>", "<title>Two</title>", "<title>One</title>"))

    assert [entry.title for entry in document.entries] == ["One", "Two"]


def test_posts_with_nothing_to_show_are_left_out() -> None:
    document = parsed(
        rss("<guid>1</guid>", "<title> </title>", "<description>&lt;img&gt;</description>")
    )

    assert document.entries == []
    assert document.title == "Lamps"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("&lt;script&gt;alert(1)&lt;/script&gt;Lit", "Lit"),
        ("&lt;b onclick='x()'&gt;Lit&lt;/b&gt;", "Lit"),
        ("<![CDATA[<i>Lit</i> &amp; out]]>", "Lit & out"),
        ("Lit \u202egro.elpmaxe", "Lit gro.elpmaxe"),
        ("Lit\0\x08\x1f", "Lit"),
        ("1 &lt; 2 &amp; 3", "1 < 2 & 3"),
        ("Caf&eacute; &nbsp;d'hiver &bogus;", "Café d'hiver &bogus;"),
        ("Lamps & ladders", "Lamps & ladders"),
        ("w " * 1000, None),
    ],
)
def test_titles_are_plain_text(written: str, read_as: str | None) -> None:
    title = only(rss(f"<title>{written}</title>")).title

    assert title == read_as or (read_as is None and title.endswith("w…") and len(title) <= 300)


def test_texts_end_at_a_word() -> None:
    text = only(rss(f"<description>{'Lamps along the quay. ' * 100}</description>")).text

    assert LONGEST_TEXT - 20 < len(text) <= LONGEST_TEXT
    assert text.endswith(("Lamps…", "along…", "the…", "quay.…"))


def test_a_text_that_repeats_the_title_is_left_out() -> None:
    assert only(rss("<title>Lit</title><description>Lit</description>")).text == ""


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("/1", "https://lamps.example/1"),
        ("2", "https://lamps.example/blog/2"),
        ("//other.example/3", "https://other.example/3"),
        (" https://other.example/4 ", "https://other.example/4"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("data:text/html,x", None),
        ("ftp://other.example/", None),
        ("https://user:word@other.example/", None),
        ("http://[", None),
        ("https://other.example/\u202ex", None),
        ("https://other.example/" + "x" * 3000, None),
    ],
)
def test_links_are_whole_and_lead_to_the_web(link: str, url: str | None) -> None:
    assert (
        only(rss(f"<guid isPermaLink='false'>1</guid><title>One</title><link>{link}</link>")).url
        == url
    )
    assert only(json_feed({"id": 1, "title": "One", "url": link})).url == url


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("utf-8", "", ""),
        ("utf-8-sig", "", ""),
        ("utf-16", "", ""),
        ("iso-8859-1", "iso-8859-1", ""),
        ("windows-1252", "", "text/xml; charset=windows-1252"),
        ("utf-8", "iso-8859-99", ""),
        ("utf-8", "punycode", "text/xml; charset=zlib"),
        ("iso-8859-1", "utf-8", "text/xml; charset=utf-8"),
    ],
)
def test_encodings_are_read_also_where_they_are_told_wrongly(
    encoding: str, declared: str, content_type: str
) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""

    assert only((head + rss("<title>Fundación</title>")).encode(encoding), content_type).title == (
        "Fundación"
    )


@pytest.mark.parametrize("lang", ["xx-klingon-toolongsubtag", "<b>", "1", ""])
def test_a_language_that_is_none_is_unknown(lang: str) -> None:
    assert only(json_feed({"id": 1, "title": "One", "language": lang})).lang is None


@pytest.mark.parametrize("item", [None, 7, "x", [], {}, {"id": {}, "title": [], "url": 7}])
def test_items_that_are_none_are_passed_over(item: Any) -> None:
    assert parsed(json_feed(item)).entries == []


def test_half_a_character_is_no_reason_to_fail() -> None:
    document = (
        rb'{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[{"id":"\ud800",'
    )
    document += rb'"title":"One \udfff more","url":"https://a.example/\ud800"}]}'
    found = read(document, "application/json", "https://a.example/feed", NOW)

    (entry,) = found.entries
    assert "more" in entry.title
    entry.title.encode()
    (entry.url or "").encode()
