"""The statements as feeds and as data, read as feed readers and programs read them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import html5lib
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.samples import publish, statement_file, translation_file
from widgets.models import Statement
from widgets.models.fact import content_changed
from widgets.service import Service

ATOM = "{http://www.w3.org/2005/Atom}"
BASE = "http://127.0.0.1:8000"
HOSTILE = "</title>]]><script>alert(1)</script> &amp; \"quoted\" 'so' \u2028 <!-- -->"
PUBLIC = ["/feed.atom", "/feed.json", "/statements/river-gate.json"]


@pytest.fixture
def published(service: Service, tmp_path: Path) -> Path:
    publish(
        service,
        statement_file(
            tmp_path,
            names=["Union of Lamp Keepers", "اتحاد القرّاء"],
            picture=True,
            topics="[Libraries, Towns]",
            countries="[NO]",
            pull_quote='"Closed is closed."',
            endorsement='"These endorse it:"',
            body="The *first* paragraph.\n\nA [link](https://town.example/a?b=1&c=2).",
        ),
    )
    return tmp_path


def retitle(service: Service, title: str) -> None:
    """As if it had come in by another way than our import, which cleans it."""
    with service.database.writing() as session:
        session.execute(update(Statement).values(title=title))
        content_changed(session)


def feed(client: FlaskClient, query: str = "") -> ElementTree.Element:
    answer = client.get(f"/feed.atom{query}")
    assert answer.status_code == 200
    assert answer.content_type == "application/atom+xml; charset=utf-8"
    return ElementTree.fromstring(answer.data)


def text_of(parent: ElementTree.Element, name: str) -> str:
    (found,) = parent.findall(ATOM + name)
    return found.text or ""


@pytest.mark.usefixtures("published")
def test_the_atom_feed_has_what_the_standard_asks_for(client: FlaskClient) -> None:
    root = feed(client)
    (entry,) = root.findall(f"{ATOM}entry")
    links = {(one.get("rel"), one.get("href")) for one in root.findall(f"{ATOM}link")}

    assert text_of(root, "id") == f"{BASE}/feed.atom"
    assert text_of(root, "title") == "Network of Tests"
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "Network of Tests"
    assert links == {("self", f"{BASE}/feed.atom"), ("alternate", f"{BASE}/")}
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    assert text_of(entry, "id") == f"{BASE}/statements/river-gate"
    assert text_of(entry, "title") == "Reopen the reading room"
    assert text_of(entry, "summary") == "The first paragraph."
    assert text_of(entry, "published") == "2026-03-02T00:00:00+00:00"
    for moment in (text_of(root, "updated"), text_of(entry, "updated")):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", moment)
        assert abs((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()) < 600
    assert [one.get("term") for one in entry.findall(f"{ATOM}category")] == ["Libraries", "Towns"]


@pytest.mark.usefixtures("published")
def test_an_entry_has_the_whole_text_with_whole_addresses(client: FlaskClient) -> None:
    (entry,) = feed(client).findall(f"{ATOM}entry")
    (content,) = entry.findall(f"{ATOM}content")
    tree = html5lib.parseFragment(content.text, namespaceHTMLElements=False)
    addresses = [
        value
        for one in tree.iter()
        for name, value in one.attrib.items()
        if name in ("href", "src")
    ]

    assert content.get("type") == "html"
    assert "<p>The <em>first</em> paragraph.</p>" in str(content.text)
    assert "https://town.example/a?b=1&c=2" in addresses
    assert f"{BASE}/statements/river-gate#signatories" in addresses
    assert all(one.startswith(("https://", BASE)) for one in addresses)
    assert "Endorsed by 2 organisations" in "".join(tree.itertext())


@pytest.mark.usefixtures("published")
def test_the_picture_is_enclosed_with_its_length(client: FlaskClient) -> None:
    (entry,) = feed(client).findall(f"{ATOM}entry")
    (enclosure,) = [one for one in entry.findall(f"{ATOM}link") if one.get("rel") == "enclosure"]
    fetched = client.get(str(enclosure.get("href")).removeprefix(BASE))

    assert enclosure.get("type") == fetched.mimetype == "image/jpeg"
    assert enclosure.get("length") == str(len(fetched.data))


@pytest.mark.usefixtures("published")
def test_a_feed_reader_reads_it(client: FlaskClient) -> None:
    read = feedparser.parse(client.get("/feed.atom").data)

    assert not read.bozo
    assert read.version == "atom10"
    assert read.feed.title == "Network of Tests"
    assert [(one.title, one.link) for one in read.entries] == [
        ("Reopen the reading room", f"{BASE}/statements/river-gate")
    ]
    assert read.entries[0].enclosures[0].type == "image/jpeg"


@pytest.mark.usefixtures("published")
def test_no_title_can_break_a_feed(client: FlaskClient, service: Service) -> None:
    retitle(service, HOSTILE + "\x0b\x00\ufffe"[: 1 if _is_postgresql(service) else 3])
    (entry,) = feed(client).findall(f"{ATOM}entry")

    assert text_of(entry, "title") == HOSTILE
    assert json.loads(client.get("/feed.json").text)["items"][0]["title"].startswith(HOSTILE)
    assert client.get("/statements/river-gate.json").json["title"].startswith(HOSTILE)


def _is_postgresql(service: Service) -> bool:
    return service.settings.database_url.startswith("postgresql")  # which takes no NUL


def test_a_network_without_statements_has_feeds_all_the_same(client: FlaskClient) -> None:
    assert text_of(feed(client), "updated") == "1970-01-01T00:00:00+00:00"
    assert client.get("/feed.json").json["items"] == []


def test_the_feeds_end_after_the_newest_thirty(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 32)]
    publish(service, *(statement_file(tmp_path, f"on-{day}", date=day) for day in days))
    entries = feed(client).findall(f"{ATOM}entry")
    items = client.get("/feed.json").json["items"]

    assert len(entries) == len(items) == 30
    assert items[0]["id"] == text_of(entries[0], "id") == f"{BASE}/statements/on-2026-01-31"
    assert items[-1]["id"] == f"{BASE}/statements/on-2026-01-02"


def test_a_withdrawn_statement_leaves_the_feeds_and_they_say_that_they_changed(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    with service.database.writing() as session:
        session.execute(update(Statement).values(updated_at=datetime(2026, 3, 2, tzinfo=UTC)))
        content_changed(session)
    before = text_of(feed(client), "updated")
    publish(service, statement_file(tmp_path, withdrawn="2026-03-05"))

    assert before == "2026-03-02T00:00:00+00:00"
    assert feed(client).findall(f"{ATOM}entry") == []
    assert text_of(feed(client), "updated") > before
    assert client.get("/feed.json").json["items"] == []


@pytest.mark.usefixtures("published")
def test_the_json_feed_has_what_version_1_1_asks_for(client: FlaskClient) -> None:
    answer = client.get("/feed.json")
    read: dict[str, Any] = json.loads(answer.text)
    (item,) = read["items"]

    assert answer.content_type == "application/feed+json; charset=utf-8"
    assert read["version"] == "https://jsonfeed.org/version/1.1"
    assert read["title"] == "Network of Tests"
    assert (read["home_page_url"], read["feed_url"]) == (f"{BASE}/", f"{BASE}/feed.json")
    assert read["authors"] == [{"name": "Network of Tests", "url": f"{BASE}/"}]
    assert item["id"] == item["url"] == f"{BASE}/statements/river-gate"
    assert item["language"] == "en"
    assert item["tags"] == ["Libraries", "Towns"]
    assert item["date_published"] == "2026-03-02T00:00:00+00:00"
    assert "<em>first</em>" in item["content_html"]
    assert item["attachments"][0]["mime_type"] == "image/jpeg"


@pytest.mark.usefixtures("published")
def test_a_statement_is_data_with_all_that_its_page_says(client: FlaskClient) -> None:
    answer = client.get("/statements/river-gate.json")
    read = json.loads(answer.text)
    picture = read.pop("picture")
    updated = datetime.fromisoformat(read.pop("updated"))

    assert answer.content_type == "application/json"
    assert read == {
        "slug": "river-gate",
        "url": f"{BASE}/statements/river-gate",
        "lang": "en",
        "title": "Reopen the reading room",
        "languages": {"en": f"{BASE}/statements/river-gate"},
        "date": "2026-03-02",
        "topics": ["Libraries", "Towns"],
        "countries": ["NO"],
        "body": {
            "markdown": "The *first* paragraph.\n\nA [link](https://town.example/a?b=1&c=2).",
            "html": "<p>The <em>first</em> paragraph.</p>\n"
            '<p>A <a href="https://town.example/a?b=1&amp;c=2" rel="noopener">link</a>.</p>',
        },
        "pull_quote": "Closed is closed.",
        "endorsement": "These endorse it:",
        "count": 2,
        "organisations": 2,
        "people": 0,
        "hidden": 0,
        "signatories": [
            {"name": "Union of Lamp Keepers", "country": None, "url": None},
            {"name": "اتحاد القرّاء", "country": None, "url": None},
        ],
        "correction": None,
        "withdrawn": None,
    }
    assert updated.tzinfo
    assert (picture["width"], picture["height"]) == (900, 600)
    assert (picture["alt"], picture["credit"]) == ("A gate by a river", "A. Painter")
    assert client.get(picture["url"].removeprefix(BASE)).mimetype == "image/jpeg"


def test_what_is_withdrawn_or_was_never_there_says_so_as_data(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, withdrawn="2026-03-05"))
    gone = client.get("/statements/river-gate.json")
    missing = client.get("/statements/nothing.json")

    assert (gone.status_code, missing.status_code) == (410, 404)
    assert gone.json == {
        "slug": "river-gate",
        "url": f"{BASE}/statements/river-gate",
        "lang": "en",
        "title": "Reopen the reading room",
        "withdrawn": "2026-03-05",
        "reason": None,
    }
    assert missing.json == {"error": "There is no statement of this name."}
    for answer in (gone, missing):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("path", PUBLIC)
def test_any_site_may_fetch_it_and_ask_whether_it_changed(
    client: FlaskClient, path: str, service: Service
) -> None:
    answer = client.get(path)
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "public" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(path, headers={"Accept-Encoding": "br"}).headers["Content-Encoding"] == "br"
    retitle(service, "Another title")
    changed = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert changed.status_code == 200
    assert "Another title" in changed.text


def test_translations_are_told_of_and_can_be_asked_for(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path), translation_file(tmp_path, "fr"))
    (entry,) = feed(client).findall(f"{ATOM}entry")
    read = client.get("/statements/river-gate.json?lang=fr").json

    languages = {
        one.get("hreflang"): one.get("href")
        for one in entry.findall(f"{ATOM}link")
        if one.get("rel") == "alternate"
    }
    assert languages == {
        "en": f"{BASE}/statements/river-gate",
        "fr": f"{BASE}/statements/river-gate?lang=fr",
    }
    assert (read["lang"], read["title"]) == ("fr", "Rouvrez la salle")
    assert read["url"] == f"{BASE}/statements/river-gate?lang=fr"
    assert read["languages"] == languages
    (translated,) = feed(client, "?lang=fr").findall(f"{ATOM}entry")
    assert text_of(translated, "title") == "Rouvrez la salle"
