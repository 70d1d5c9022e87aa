"""What a system gets that knows oEmbed and is given an address of ours."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as anything

from tests.actors import Reader
from tests.samples import publish, statement_file
from widgets import heights
from widgets.service import Service
from widgets.settings import Settings
from widgets.web.oembed import Refused, our_part

HERE = "http://127.0.0.1:8000"
STATEMENT = f"{HERE}/statements/river-gate"
CARD = f"{HERE}/embed/statements/river-gate"
HOSTILE = "]]> & </title><script>alert(1)</script> 'quoted' العربية"


@pytest.fixture
def published(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, names=["Lamp Keepers"], picture=True))


@pytest.fixture
def ask(client: FlaskClient) -> Callable[..., Any]:
    """Asks for an address, with other parameters."""

    def asking(url: str | None, **others: Any) -> Any:
        query = {**({"url": url} if url is not None else {}), **others}
        return client.get("/oembed", query_string=query)

    return asking


def frame(answer: Any) -> dict[str, str]:
    """The attributes of the one element that the answer's HTML is."""
    (element,) = list(html5lib.parseFragment(answer.json["html"], namespaceHTMLElements=False))
    assert element.tag == "iframe"
    assert not element.text
    assert not element.tail
    return dict(element.attrib)


@pytest.mark.usefixtures("published")
def test_a_statement_is_answered_with_a_bare_frame_of_its_card(ask: Callable[..., Any]) -> None:
    answer = ask(STATEMENT)

    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["version"] == "1.0"
    assert answer.json["type"] == "rich"
    assert answer.json["title"] == "Reopen the reading room"
    assert answer.json["provider_name"] == "Network of Tests"
    assert answer.json["provider_url"] == f"{HERE}/"
    assert answer.json["cache_age"] == 86_400
    shown = frame(answer)
    assert shown["src"] == CARD
    assert shown["title"] == "Reopen the reading room"
    assert shown["width"] == "100%"
    assert shown["height"] == str(answer.json["height"])


@pytest.mark.usefixtures("published")
def test_a_frame_may_do_no_more_than_it_must(ask: Callable[..., Any]) -> None:
    links = "allow-popups allow-popups-to-escape-sandbox"

    assert frame(ask(STATEMENT))["sandbox"] == links
    assert frame(ask(f"{HERE}/embed/newsletters/weekly"))["sandbox"] == f"allow-forms {links}"


@pytest.mark.usefixtures("published")
def test_the_same_as_xml(ask: Callable[..., Any]) -> None:
    told = ask(STATEMENT, format="json").json
    answer = ask(STATEMENT, format="xml")

    assert answer.content_type == "text/xml; charset=utf-8"
    root = ElementTree.fromstring(answer.data)
    assert root.tag == "oembed"
    assert {one.tag: one.text for one in root} == {k: str(v) for k, v in told.items()}


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{STATEMENT}/", "/embed/statements/river-gate"),
        (f"{STATEMENT}#top", "/embed/statements/river-gate"),
        (f"{STATEMENT}?lang=fr&utm_source=x", "/embed/statements/river-gate?lang=fr"),
        (f"{STATEMENT}?lang=not-a-language!", "/embed/statements/river-gate"),
        (
            f"{STATEMENT}?theme=dark#signatories",
            "/embed/statements/river-gate/signatories?theme=dark&view=compact",
        ),
        (f"{STATEMENT}#signatories", "/embed/statements/river-gate/signatories?view=compact"),
        (f"{CARD}?view=full", "/embed/statements/river-gate?view=full"),
        (f"{CARD}/signatories", "/embed/statements/river-gate/signatories"),
        (f"{CARD}/signatories?q=lamp", "/embed/statements/river-gate/signatories"),
        (f"{HERE}/embed/newsletters/weekly", "/embed/newsletters/weekly"),
        (HERE, "/embed/statements/latest"),
        (f"{HERE}/?lang=fr", "/embed/statements/latest?lang=fr"),
        (f"{HERE}/embed/statements/latest?topic=Any", "/embed/statements/latest?topic=Any"),
        (f"{HERE}/embed/stories?country=NO", "/embed/stories?country=NO"),
        (f"{HERE}/statements/river%2Dgate", "/embed/statements/river-gate"),
        ("HTTPS://127.0.0.1:8000/statements/river-gate", "/embed/statements/river-gate"),
    ],
)
@pytest.mark.usefixtures("published")
def test_however_an_address_of_ours_is_written_its_widget_is_shown(
    ask: Callable[..., Any], client: FlaskClient, url: str, path: str
) -> None:
    answer = ask(url)

    assert frame(answer)["src"] == HERE + path
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://widgets.test", "http://widgets.test/statements/river-gate"),
        ("https://widgets.test", "https://WIDGETS.test:443/statements/river-gate"),
        ("https://widgets.test", "http://widgets.test.:80/statements/river-gate"),
        ("https://widgets.test:443", "https://widgets.test/statements/river-gate"),
        ("https://xn--bcher-kva.test", "https://bücher.test/statements/river-gate"),
        ("http://[::1]:8000", "http://[::1]:8000/statements/river-gate"),
    ],
)
@pytest.mark.usefixtures("published")
def test_the_place_may_be_written_in_any_way_and_the_frame_has_the_configured_one(
    make_app: Callable[[Settings], Flask],
    make_settings: Callable[..., Settings],
    base_url: str,
    url: str,
) -> None:
    client = make_app(make_settings(BASE_URL=base_url)).test_client()
    answer = client.get("/oembed", query_string={"url": url})

    assert frame(answer)["src"] == f"{base_url}/embed/statements/river-gate"


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        (None, 400, "is missing"),
        ("", 400, "is missing"),
        ("statements/river-gate", 400, "not a whole web address"),
        ("/statements/river-gate", 400, "not a whole web address"),
        ("http://", 400, "not a whole web address"),
        ("http://[::1", 400, "not a whole web address"),
        ("http://127.0.0.1:80000/statements/river-gate", 400, "not a whole web address"),
        ("http://127.0.0.1:x/statements/river-gate", 400, "not a whole web address"),
        ("http://127.0.0.1:8000/statements/river gate", 400, "not a whole web address"),
        ("http://127.0.0.1:8000/statements/river-gate\n", 400, "not a whole web address"),
        ("http://127.0.0.1:8000\\@elsewhere.example/", 400, "not a whole web address"),
        ("http://127.0.0.1:8000/statements/%FF", 400, "not a whole web address"),
        (f"http://{'a' * 70}.example/", 400, "not a whole web address"),
        ("javascript:alert(1)", 400, "not a whole web address"),
        ("data:text/html,x", 400, "not a whole web address"),
        ("file:///etc/passwd", 400, "not a whole web address"),
        (f"{STATEMENT}?{'x' * 2000}", 400, "longer than 2000 characters"),
        ("https://elsewhere.example/statements/river-gate", 404, "Only what is at"),
        ("http://127.0.0.1/statements/river-gate", 404, "Only what is at"),
        ("http://127.0.0.1:8000.elsewhere.example/", 400, "not a whole web address"),
        ("http://127.0.0.1.elsewhere.example:8000/", 404, "Only what is at"),
        ("http://169.254.169.254/latest/meta-data", 404, "Only what is at"),
        ("http://10.0.0.1:8000/statements/river-gate", 404, "Only what is at"),
        ("http://localhost:8000/statements/river-gate", 404, "Only what is at"),
        ("http://[::1]:8000/statements/river-gate", 404, "Only what is at"),
        ("ftp://127.0.0.1:8000/statements/river-gate", 404, "Only what is at"),
        ("//127.0.0.1:8000/statements/river-gate", 404, "Only what is at"),
        ("http://somebody@127.0.0.1:8000/statements/river-gate", 404, "Only what is at"),
        ("http://a:b@127.0.0.1:8000/statements/river-gate", 404, "Only what is at"),
        (f"{HERE}/statements/nothing", 404, "no statement of this name"),
        (f"{HERE}/embed/statements/nothing/signatories", 404, "no statement of this name"),
        (f"{HERE}/embed/newsletters/nothing", 404, "nothing at this address"),
        (f"{HERE}/statements/%00", 404, "nothing at this address"),
        (f"{HERE}/statements/UPPER", 404, "nothing at this address"),
        (f"{HERE}/privacy", 404, "nothing at this address"),
        (f"{HERE}/oembed?url={quote(STATEMENT)}", 404, "nothing at this address"),
        (f"{HERE}/confirm/some-token", 404, "nothing at this address"),
        (f"{HERE}/embed/newsletters/weekly/subscribed", 404, "nothing at this address"),
    ],
)
@pytest.mark.usefixtures("published")
def test_any_other_address_is_refused_with_the_reason(
    ask: Callable[..., Any], url: str | None, status: int, words: str
) -> None:
    answer = ask(url)

    assert (answer.status_code, answer.mimetype) == (status, "text/plain")
    assert words in answer.text
    assert answer.text.count("\n") == 1
    assert answer.headers["Cache-Control"] == "no-store"


@given(
    anything.text(max_size=200)
    | anything.from_regex(r"(?i)https?://(127\.0\.0\.1|\[?::1\]?)(:8000)?(.|%..)*", fullmatch=True)
)
def test_no_address_is_a_fault(url: str) -> None:
    with suppress(Refused):
        assert our_part(url, HERE).hostname == "127.0.0.1"


def test_a_withdrawn_statement_is_not_shown_any_more(
    ask: Callable[..., Any], service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, withdrawn="2026-03-05"))
    for url in (STATEMENT, CARD, f"{CARD}/signatories"):
        answer = ask(url)
        assert answer.status_code == 404
        assert answer.text == "This statement was withdrawn on 5 March 2026.\n"


@pytest.mark.parametrize("name", ["html", "JSON", "json ", "../xml", "jsonp"])
@pytest.mark.usefixtures("published")
def test_another_format_is_not_implemented(ask: Callable[..., Any], name: str) -> None:
    answer = ask(STATEMENT, format=name)

    assert (answer.status_code, answer.text) == (501, "“format” can be json or xml.\n")


@pytest.mark.parametrize("name", ["maxwidth", "maxheight"])
@pytest.mark.parametrize(
    "value",
    ["0", "-1", "-600", "+600", "600.5", "600px", "100%", "1e3", "NaN", "wide", " 600", "٦٠٠",
     "10001", "9" * 400],
)  # fmt: skip
@pytest.mark.usefixtures("published")
def test_a_size_that_is_none_is_refused_with_the_reason(
    ask: Callable[..., Any], name: str, value: str
) -> None:
    answer = ask(STATEMENT, **{name: value})

    assert answer.status_code == 400
    assert answer.text == f"“{name}” must be a whole number of pixels, from 1 to 10000.\n"


@pytest.mark.parametrize(
    ("asked", "width"),
    [("", 600), ("10000", 1200), ("800", 800), ("600", 600), ("480", 480), ("200", 200), ("1", 1)],
)
@pytest.mark.usefixtures("published")
def test_a_frame_is_as_wide_as_it_may_be_within_reason(
    ask: Callable[..., Any], asked: str, width: int
) -> None:
    assert ask(STATEMENT, maxwidth=asked).json["width"] == width


@pytest.mark.parametrize("url", [STATEMENT, f"{CARD}?view=full", f"{CARD}/signatories"])
@pytest.mark.parametrize("width", [240, 500, 600, 1200])
@pytest.mark.usefixtures("published")
def test_a_frame_is_as_high_as_its_widget_at_that_width(
    ask: Callable[..., Any], client: FlaskClient, url: str, width: int
) -> None:
    answer = ask(url, maxwidth=width)
    page = client.get(frame(answer)["src"].removeprefix(HERE)).text

    fitted = heights.of(page).at(width)
    assert min(heights.natural(page, width), fitted) <= answer.json["height"] <= fitted
    assert frame(answer)["height"] == str(answer.json["height"])


@pytest.mark.usefixtures("published")
def test_a_frame_is_never_higher_than_asked(ask: Callable[..., Any]) -> None:
    free = ask(STATEMENT).json["height"]

    assert ask(STATEMENT, maxheight="10000").json["height"] == free
    for most in ("300", "120", "1"):
        answer = ask(STATEMENT, maxheight=most)
        assert answer.json["height"] == int(most)
        assert frame(answer)["height"] == most


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({}, (900, 600)),
        ({"maxwidth": "900"}, (900, 600)),
        ({"maxwidth": "899"}, (800, 533)),
        ({"maxwidth": "500"}, (480, 320)),
        ({"maxheight": "400"}, (480, 320)),
    ],
)
@pytest.mark.usefixtures("published")
def test_its_thumbnail_is_the_largest_picture_within_the_limits(
    ask: Callable[..., Any], client: FlaskClient, limits: dict[str, str], size: tuple[int, int]
) -> None:
    told = ask(STATEMENT, **limits).json

    assert (told["thumbnail_width"], told["thumbnail_height"]) == size
    picture = client.get(urlsplit(told["thumbnail_url"]).path)
    assert picture.mimetype == "image/jpeg"
    assert f"-{size[0]}.jpg" in told["thumbnail_url"]


@pytest.mark.usefixtures("published")
def test_without_a_picture_that_fits_there_is_nothing_of_a_thumbnail(
    ask: Callable[..., Any], service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, "without"))
    for told in (ask(STATEMENT, maxwidth="400"), ask(f"{HERE}/statements/without")):
        assert told.status_code == 200
        assert not [name for name in told.json if name.startswith("thumbnail")]


def test_a_hostile_title_stays_a_title(
    ask: Callable[..., Any], service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, title=HOSTILE))

    answer = ask(STATEMENT)
    assert answer.json["title"] == HOSTILE
    assert frame(answer)["title"] == HOSTILE
    assert frame(ask(f"{STATEMENT}#signatories"))["title"] == f"Signatories: {HOSTILE}"
    root = ElementTree.fromstring(ask(STATEMENT, format="xml").data)
    assert root.findtext("title") == HOSTILE
    assert root.findtext("html") == answer.json["html"]


@pytest.mark.usefixtures("published")
def test_what_is_another_tomorrow_is_called_the_same_then(
    ask: Callable[..., Any], service: Service, tmp_path: Path
) -> None:
    before = ask(HERE)
    publish(service, statement_file(tmp_path, "newer", title="A newer one", date="2026-03-03"))

    assert before.json["title"] == "Network of Tests"
    assert ask(HERE).json["title"] == "Network of Tests"


def test_a_translation_is_told_of_in_its_language(
    ask: Callable[..., Any], client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    original = statement_file(tmp_path)
    french = tmp_path / "river-gate.fr.md"
    french.write_text("---\ntitle: Rouvrez la salle de lecture\n---\n\nPremier paragraphe.\n")
    publish(service, original, french)
    link = discovered(client.get("/statements/river-gate?lang=fr").text)["application/json+oembed"]
    told = client.get(link["href"].removeprefix(HERE))

    assert told.json["title"] == link["title"] == "Rouvrez la salle de lecture"
    assert frame(told)["src"] == f"{CARD}?lang=fr"
    assert ask(STATEMENT).json["title"] == "Reopen the reading room"


@pytest.mark.usefixtures("published")
def test_each_way_of_asking_has_its_own_answer(ask: Callable[..., Any]) -> None:
    first = ask(STATEMENT)
    for other in (
        ask(f"{STATEMENT}#signatories"),
        ask(STATEMENT, format="xml"),
        ask(STATEMENT, maxwidth="300"),
        ask(STATEMENT, maxheight="300"),
    ):
        assert other.data != first.data
        assert other.headers["ETag"] != first.headers["ETag"]
    assert ask(STATEMENT).data == first.data


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.usefixtures("published")
def test_who_has_the_answer_already_is_told_so(client: FlaskClient, form: str) -> None:
    query = {"url": STATEMENT, "format": form}
    first = client.get("/oembed", query_string=query)
    tag = first.headers["ETag"]
    again = client.get("/oembed", query_string=query, headers={"If-None-Match": tag})
    other = client.get("/oembed", query_string=query, headers={"If-None-Match": '"other"'})
    head = client.head("/oembed", query_string=query)

    assert "public" in first.headers["Cache-Control"]
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert other.data == first.data
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", tag)


def test_a_correction_shows_at_once(
    ask: Callable[..., Any], service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    before = ask(STATEMENT)
    publish(service, statement_file(tmp_path, title="Reopen it, please"))
    after = ask(STATEMENT)

    assert after.json["title"] == "Reopen it, please"
    assert before.headers["ETag"] != after.headers["ETag"]


@pytest.mark.parametrize("url", [STATEMENT, "https://elsewhere.example/"])
@pytest.mark.usefixtures("published")
def test_scripts_of_any_site_may_read_it(ask: Callable[..., Any], url: str) -> None:
    assert ask(url).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.usefixtures("published")
def test_it_can_only_be_read(client: FlaskClient) -> None:
    assert client.post("/oembed", data={"url": STATEMENT}).status_code == 405


@pytest.mark.parametrize("title", ["Reopen the reading room", HOSTILE])
def test_a_statements_page_leads_to_both_forms_of_its_answer(
    reader: Reader, client: FlaskClient, service: Service, tmp_path: Path, title: str
) -> None:
    publish(service, statement_file(tmp_path, title=title))
    found = discovered(reader.open("/statements/river-gate").html)

    assert set(found) == {"application/json+oembed", "text/xml+oembed"}
    for link in found.values():
        assert link["title"] == title
        assert link["href"].startswith(f"{HERE}/oembed?url=http%3A%2F%2F127.0.0.1%3A8000%2F")
        assert parse_qs(urlsplit(link["href"]).query)["url"] == [STATEMENT]
    told = client.get(found["application/json+oembed"]["href"].removeprefix(HERE))
    assert json.loads(told.data)["title"] == title
    told = client.get(found["text/xml+oembed"]["href"].removeprefix(HERE))
    assert ElementTree.fromstring(told.data).findtext("title") == title


def test_in_production_all_of_it_is_https(
    make_app: Callable[[Settings], Flask],
    make_settings: Callable[..., Settings],
    service: Service,
    tmp_path: Path,
) -> None:
    publish(service, statement_file(tmp_path, picture=True))
    client = make_app(make_settings(BASE_URL="https://widgets.test")).test_client()
    found = discovered(client.get("/statements/river-gate").text)
    told = client.get("/oembed", query_string={"url": "http://widgets.test/statements/river-gate"})

    assert {link["href"].partition(":")[0] for link in found.values()} == {"https"}
    assert frame(told)["src"].startswith("https://")
    assert told.json["thumbnail_url"].startswith("https://")


def discovered(html: str) -> dict[str, dict[str, str]]:
    """The attributes of the links in a page's head that lead to oEmbed, by their type."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    return {
        link.attrib["type"]: dict(link.attrib)
        for link in tree.find("head").iter("link")
        if link.attrib["rel"] == "alternate" and link.attrib.get("type", "").endswith("+oembed")
    }
