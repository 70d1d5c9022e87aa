"""What the heads of public pages tell machines."""

import io
import json
from pathlib import Path
from typing import Any

import html5lib
import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import update

from tests.samples import publish, statement_file
from widgets.models import Statement
from widgets.models.fact import content_changed
from widgets.service import Service

BASE = "http://127.0.0.1:8000"
PAGE = "/statements/river-gate"
TITLES = [
    "Reopen the reading room",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "“Quoted” \"so\" 'and so' \\ \\u003c &lt; &amp;",
    "a line\u2028and\u2029another",
    "القاعة",
    "]]>",
]


def head(client: FlaskClient, path: str) -> tuple[dict[str, list[str]], list[dict[str, Any]], Any]:
    """The properties of a page by name, its data, and its tree."""
    tree = html5lib.parse(client.get(path).text, namespaceHTMLElements=False)
    properties: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
        name = meta.attrib.get("property") or meta.attrib.get("name")
        if name:
            properties.setdefault(name, []).append(meta.attrib["content"])
    data = [json.loads(script.text) for script in tree.iter("script")]
    return properties, data, tree


@pytest.mark.parametrize("title", TITLES)
def test_no_title_can_get_out_of_its_place(
    client: FlaskClient, service: Service, tmp_path: Path, title: str
) -> None:
    publish(service, statement_file(tmp_path))
    with service.database.writing() as session:
        session.execute(update(Statement).values(title=title))
        content_changed(session)
    properties, data, tree = head(client, PAGE)

    assert data[0]["headline"] == title
    assert properties["og:title"] == [title]
    assert len(list(tree.iter("script"))) == 1
    assert [h1.text for h1 in tree.iter("h1")] == [title]


def test_a_link_to_a_statement_is_shown_with_its_words_and_its_picture(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, picture=True, topics="[Libraries, Towns]"))
    properties, _, _ = head(client, PAGE)
    expected = {
        "description": "The first paragraph is the lede.",
        "og:type": "article",
        "og:title": "Reopen the reading room",
        "og:description": "The first paragraph is the lede.",
        "og:url": f"{BASE}{PAGE}",
        "og:site_name": "Network of Tests",
        "og:locale": "en_US",
        "og:image:width": "900",
        "og:image:height": "600",
        "og:image:type": "image/jpeg",
        "og:image:alt": "A gate by a river",
        "article:published_time": "2026-03-02",
        "twitter:card": "summary_large_image",
    }

    assert {name: properties[name] for name in expected} == {
        name: [value] for name, value in expected.items()
    }
    assert properties["article:tag"] == ["Libraries", "Towns"]
    (address,) = properties["og:image"]
    picture = Image.open(io.BytesIO(client.get(address.removeprefix(BASE)).data))
    assert (picture.format, picture.size) == ("JPEG", (900, 600))


def test_a_large_picture_is_shown_1200_pixels_wide(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    path = statement_file(tmp_path, picture=True)
    Image.new("RGB", (2000, 1501), "green").save(tmp_path / "river-gate.jpg")
    publish(service, path)
    properties, _, _ = head(client, PAGE)
    picture = Image.open(io.BytesIO(client.get(properties["og:image"][0].removeprefix(BASE)).data))

    assert picture.size == (1200, 901)
    assert (properties["og:image:width"], properties["og:image:height"]) == (["1200"], ["901"])


def test_a_statement_without_a_picture_has_one_drawn(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    properties, data, _ = head(client, PAGE)
    (address,) = properties["og:image"]

    assert address == data[0]["image"]["url"] == f"{BASE}{PAGE}/share.png"
    assert (properties["og:image:width"], properties["og:image:height"]) == (["1200"], ["630"])
    assert client.get(address.removeprefix(BASE)).mimetype == "image/png"


def test_search_engines_learn_what_it_is_and_who_publishes_it(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, topics="[Libraries]"))
    _, (article,), _ = head(client, PAGE)
    _, (network,), _ = head(client, "/")

    assert (article["@context"], article["@type"]) == ("https://schema.org", "Article")
    assert article["url"] == article["mainEntityOfPage"] == f"{BASE}{PAGE}"
    assert article["datePublished"] == "2026-03-02"
    assert article["dateModified"].endswith("+00:00")
    assert article["inLanguage"] == "en"
    assert article["keywords"] == ["Libraries"]
    assert article["publisher"] == article["author"]
    assert network == {"@context": "https://schema.org", **article["publisher"]}
    assert network["@type"] == "Organization"
    assert (network["name"], network["url"]) == ("Network of Tests", f"{BASE}/")


def test_a_translation_says_of_what_and_in_which_language(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    original = statement_file(tmp_path)
    arabic = tmp_path / "river-gate.ar.md"
    arabic.write_text('---\ntitle: "أعيدوا القاعة"\n---\n\nالنص.\n', encoding="utf-8")
    publish(service, original, arabic)
    properties, (article,), _ = head(client, f"{PAGE}?lang=ar")
    _, (english,), _ = head(client, PAGE)

    assert properties["og:locale"] == ["ar_EG"]
    assert properties["og:locale:alternate"] == ["en_US"]
    assert properties["og:url"] == [f"{BASE}{PAGE}?lang=ar"]
    assert properties["og:image"] == [f"{BASE}{PAGE}/share.png?lang=ar"]
    assert article["inLanguage"] == "ar"
    assert article["translationOfWork"] == {"@id": english["@id"]}
    assert english["workTranslation"] == [{"@id": article["@id"]}]
    drawn = [client.get(f"{PAGE}/share.png{query}").data for query in ("", "?lang=ar")]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("path", ["/", PAGE])
def test_feeds_are_found_from_the_pages(
    client: FlaskClient, service: Service, tmp_path: Path, path: str
) -> None:
    publish(service, statement_file(tmp_path))
    _, _, tree = head(client, path)
    found = {one.attrib["type"]: one.attrib["href"] for one in tree.iter("link")
             if "type" in one.attrib}  # fmt: skip

    for kind in ("application/atom+xml", "application/feed+json"):
        answer = client.get(found[kind].removeprefix(BASE))
        assert (answer.status_code, answer.mimetype) == (200, kind)


def test_a_long_first_paragraph_is_cut_between_words(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, body="Word and word. " * 40))
    (described,) = head(client, PAGE)[0]["description"]

    assert 150 < len(described) <= 201
    assert described.endswith(("Word…", "and…", "word.…"))
