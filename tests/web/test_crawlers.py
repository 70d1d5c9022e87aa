"""What search engines and preview machines fetch."""

import io
import urllib.robotparser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import update

from tests.samples import publish, statement_file, translation_file
from widgets.languages import LANGUAGES
from widgets.models import Statement
from widgets.models.fact import content_changed
from widgets.service import Service
from widgets.web import crawlers

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
LINK = "{http://www.w3.org/1999/xhtml}link"
BASE = "http://127.0.0.1:8000"
SHARE = "/statements/river-gate/share.png"


def sitemap(client: FlaskClient) -> dict[str, ElementTree.Element]:
    answer = client.get("/sitemap.xml")
    assert answer.content_type == "application/xml; charset=utf-8"
    root = ElementTree.fromstring(answer.data)
    assert root.tag == f"{SITEMAP}urlset"
    return {url.findtext(f"{SITEMAP}loc") or "": url for url in root}


def test_the_sitemap_has_every_public_page_and_each_can_be_opened(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(
        service,
        statement_file(tmp_path),
        statement_file(tmp_path, "gone", withdrawn="2026-03-05"),
    )
    listed = sitemap(client)

    assert {address for address in listed if "?" not in address} == {
        f"{BASE}/",
        f"{BASE}/privacy",
        f"{BASE}/secure-connection",
        f"{BASE}/statements/river-gate",
    }
    assert f"{BASE}/privacy?lang=my" in listed
    assert len(listed) == 3 * len(LANGUAGES) + 1
    for address in listed:
        assert client.get(address.removeprefix(BASE)).status_code == 200
    for address in (f"{BASE}/", f"{BASE}/statements/river-gate"):
        assert (listed[address].findtext(f"{SITEMAP}lastmod") or "").endswith("+00:00")


def test_translations_are_in_the_sitemap_and_lead_to_each_other(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path), translation_file(tmp_path, "fr"))
    listed = sitemap(client)
    expected = {
        "en": f"{BASE}/statements/river-gate",
        "fr": f"{BASE}/statements/river-gate?lang=fr",
        "x-default": f"{BASE}/statements/river-gate",
    }

    for address in (expected["en"], expected["fr"]):
        links = {one.get("hreflang"): one.get("href") for one in listed[address].iter(LINK)}
        assert links == expected


@pytest.mark.parametrize("path", ["/", "/privacy", "/secure-connection"])
def test_pages_of_the_server_lead_to_each_other_in_every_language(
    client: FlaskClient, path: str
) -> None:
    listed = sitemap(client)
    addresses = {
        tag: f"{BASE}{path}" + ("" if tag == "en" else f"?lang={tag}") for tag in LANGUAGES
    }

    for address in addresses.values():
        links = {one.get("hreflang"): one.get("href") for one in listed[address].iter(LINK)}
        assert links == {**addresses, "x-default": addresses["en"]}


def test_no_slug_can_break_the_sitemap(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    slug = "a&b<c>\"'</loc>\x0b"
    with service.database.writing() as session:
        session.execute(update(Statement).values(slug=slug))
        content_changed(session)

    assert f"{BASE}/statements/{slug[:-1]}" in sitemap(client)


def test_a_sitemap_never_has_more_addresses_than_it_may(
    client: FlaskClient, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawlers, "MOST_ADDRESSES", 3 * len(LANGUAGES) + 2)
    days = [f"2026-01-{day:02}" for day in range(1, 6)]
    publish(service, *(statement_file(tmp_path, f"on-{day}", date=day) for day in days))
    listed = sitemap(client)

    assert len(listed) == 3 * len(LANGUAGES) + 2
    assert f"{BASE}/statements/on-2026-01-05" in listed
    assert f"{BASE}/statements/on-2026-01-01" not in listed


def test_robots_read_the_pages_and_stay_away_from_signed_links(client: FlaskClient) -> None:
    answer = client.get("/robots.txt")
    read = urllib.robotparser.RobotFileParser()
    read.parse(answer.text.splitlines())

    assert answer.content_type == "text/plain; charset=utf-8"
    for path in (
        "/",
        "/statements/river-gate",
        "/embed/statements/river-gate",
        "/feed.atom",
        SHARE,
    ):
        assert read.can_fetch("Anybody", path), path
    for path in ("/confirm/x", "/unsubscribe/x", "/endorse/x", "/preferences/x", "/admin/"):
        assert not read.can_fetch("Anybody", path), path
    assert read.site_maps() == [f"{BASE}/sitemap.xml"]


def test_the_share_picture_is_drawn_and_kept(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, names=["Lamp Keepers"]))
    answer = client.get(SHARE, headers={"Accept-Encoding": "br, gzip"})
    picture = Image.open(io.BytesIO(answer.data))

    assert (picture.format, picture.size) == ("PNG", (1200, 630))
    assert len(picture.convert("RGB").getcolors(1_000_000) or ()) > 10
    assert answer.mimetype == "image/png"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "s-maxage" in answer.headers["Cache-Control"]
    assert "Content-Encoding" not in answer.headers  # it is compressed in itself
    tag = answer.headers["ETag"]
    assert client.get(SHARE, headers={"If-None-Match": tag}).status_code == 304
    publish(service, statement_file(tmp_path, names=["Lamp Keepers", "Night Readers"]))
    assert client.get(SHARE, headers={"If-None-Match": tag}).status_code == 200


def test_a_share_picture_of_nothing_is_a_404_and_of_what_was_withdrawn_a_410(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, withdrawn="2026-03-05"))

    assert client.get(SHARE).status_code == 410
    assert client.get("/statements/nothing/share.png").status_code == 404


def test_the_network_has_a_share_picture_too(client: FlaskClient) -> None:
    picture = Image.open(io.BytesIO(client.get("/share.png").data))

    assert picture.size == (1200, 630)


@pytest.mark.parametrize("path", ["/sitemap.xml", "/robots.txt", "/share.png"])
def test_who_has_it_already_is_told_so(client: FlaskClient, path: str) -> None:
    tag = client.get(path).headers["ETag"]

    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
