"""The widgets, as they answer on their paths."""

from pathlib import Path

import html5lib
import pytest
from flask.testing import FlaskClient

from tests.actors import Reader
from tests.samples import publish, statement_file
from widgets.service import Service

CARD = "/embed/statements/river-gate"
LIST = f"{CARD}/signatories"
NAMES = ["Union of Lamp Keepers", "اتحاد القرّاء", "Fundación Río", "100% Press_Club"]


@pytest.fixture
def published(service: Service, tmp_path: Path) -> Path:
    publish(
        service,
        statement_file(
            tmp_path,
            names=NAMES,
            picture=True,
            topics="[Libraries, Towns]",
            pull_quote='"“Closed is closed.”"',
            endorsement='"These endorse it:"',
        ),
    )
    return tmp_path


def listed(html: str) -> list[str]:
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    return ["".join(item.itertext()) for item in tree.iter("li")]


@pytest.mark.usefixtures("published")
def test_the_compact_card_has_what_a_reader_needs_to_decide(reader: Reader) -> None:
    page = reader.open(CARD)

    for words in (
        "Joint statement",
        "2 March 2026",
        "Libraries",
        "Reopen the reading room",
        "The first paragraph is the lede.",
        "Picture: A. Painter",
        "Closed is closed.",
        "4 organisations endorse this",
        "Read and share",
        "Network of Tests",
    ):
        assert words in page.text
    assert 'alt="A gate by a river"' in page.html
    assert 'href="http://127.0.0.1:8000/statements/river-gate" target="_blank"' in page.html


@pytest.mark.usefixtures("published")
def test_the_full_card_has_the_whole_text(reader: Reader) -> None:
    page = reader.open(f"{CARD}?view=full")

    for words in (
        "The first paragraph",
        "The second paragraph",
        "“A quotation of somebody.”",
        "The third paragraph",
        "Closed is closed.",
        "These endorse it: 4 organisations",
    ):
        assert words in page.text


@pytest.mark.usefixtures("published")
def test_a_picture_comes_in_widths_and_two_formats(reader: Reader, client: FlaskClient) -> None:
    tree = html5lib.parse(reader.open(CARD).html, namespaceHTMLElements=False)
    (source,), (image,) = tree.iter("source"), tree.iter("img")

    assert source.attrib["type"] == "image/webp"
    sizes = [part.rsplit(" ", 1)[1] for part in image.attrib["srcset"].split(", ")]
    assert sizes == ["480w", "800w", "900w"]
    assert (image.attrib["width"], image.attrib["height"]) == ("900", "600")
    for part in (source.attrib["srcset"] + ", " + image.attrib["srcset"]).split(", "):
        answer = client.get(part.split(" ")[0])
        assert (answer.status_code, answer.mimetype.split("/")[0]) == (200, "image")
        assert "max-age=" in answer.headers["Cache-Control"]


@pytest.mark.usefixtures("published")
def test_the_list_has_all_names_in_order_and_as_they_are_written(reader: Reader) -> None:
    page = reader.open(LIST)

    assert listed(page.html) == NAMES
    assert page.html.count("<bdi>") == len(NAMES)
    assert "Endorsed by 4 organisations" in page.text


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("lamp", NAMES[:1]),
        ("FUNDACION rio", NAMES[2:3]),
        ("القر", NAMES[1:2]),
        ("100%", NAMES[3:]),
        ("s_C", NAMES[3:]),
        ("%", NAMES[3:]),
        ("nobody", []),
        ("<script>", []),
    ],
)
def test_a_search_finds_names_without_regard_to_case_and_accents(
    client: FlaskClient, search: str, found: list[str]
) -> None:
    html = client.get(LIST, query_string={"q": search}).text

    assert listed(html) == found
    assert "<script>" not in html


def test_long_lists_have_pages(service: Service, reader: Reader, tmp_path: Path) -> None:
    names = [f"Organisation {number:03}" for number in range(700)]
    publish(service, statement_file(tmp_path, names=names))

    shown = [listed(reader.open(f"{LIST}?page={page}").html) for page in (1, 2, 3)]
    assert [len(page) for page in shown] == [300, 300, 100]
    assert [name for page in shown for name in page] == names
    assert listed(reader.open(f"{LIST}?page=9999").html) == shown[2]
    assert "Page 2 of 3" in reader.open(f"{LIST}?page=2").text
    assert "page=2&amp;theme=dark" in reader.open(f"{LIST}?theme=dark").html
    assert "Find a name" in reader.open(LIST).text


def test_a_statement_without_names_and_picture_is_whole_too(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))

    assert "organisation" not in reader.open(CARD).text
    assert "No names yet" in reader.open(LIST).text
    assert "<img" not in reader.open(CARD).html


def test_one_name_is_one_organisation(service: Service, reader: Reader, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, names=["Lone Voice"]))

    assert "1 organisation endorses this" in reader.open(CARD).text
    assert "Endorsed by 1 organisation" in reader.open(LIST).text


def test_another_script_has_its_direction(service: Service, reader: Reader, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, title="أعيدوا القاعة", body="نصّ أوّل.", lang="ar"))

    assert '<h1 lang="ar" dir="rtl">أعيدوا القاعة</h1>' in reader.open(CARD).html
    assert '<div class="text" lang="ar" dir="rtl">' in reader.open(f"{CARD}?view=full").html


@pytest.mark.parametrize("path", [CARD, LIST, "/embed/newsletters/monthly", "/embed/x"])
def test_an_unknown_slug_is_a_small_404_in_the_widgets_hand(reader: Reader, path: str) -> None:
    page = reader.open(path)

    assert page.status == 404
    assert "There is nothing here" in page.text
    assert "Network of Tests" in page.text
    assert "frame-ancestors *" in page.headers["Content-Security-Policy"]


def test_a_withdrawn_statement_says_so_wherever_it_was_embedded(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, withdrawn="2026-03-05"))

    for path in (CARD, LIST, "/statements/river-gate"):
        page = reader.open(path)
        assert page.status == 410
        assert "This statement was withdrawn" in page.text
        assert "5 March 2026" in page.text


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("query", ["theme=pink", "lang=xx-klingon", "accent=zz", "x=%00%FF"])
def test_a_bad_value_shows_the_usual_card(client: FlaskClient, query: str) -> None:
    usual, asked = client.get(CARD).text, client.get(f"{CARD}?{query}")

    assert asked.status_code == 200
    assert asked.text == usual


@pytest.mark.usefixtures("published")
def test_themes_and_accents_change_the_style_and_nothing_else(client: FlaskClient) -> None:
    pages = [client.get(f"{CARD}?{query}").text for query in ("theme=light", "theme=dark", "")]

    assert len({page.split("</style>")[1] for page in pages}) == 1
    assert len(set(pages)) == 3
    assert "prefers-color-scheme" in pages[2]
    assert "prefers-color-scheme" not in pages[0] + pages[1]
    assert "#006600" in client.get(f"{CARD}?accent=006600").text


def test_names_cannot_forge_markup_or_their_neighbours(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    names = ["<b>Bold</b> & Sons", "evil\u202egro.elpmaxe", "Plain'name"]
    publish(service, statement_file(tmp_path, names=names))
    page = reader.open(LIST)

    assert listed(page.html) == ["<b>Bold</b> & Sons", "evilgro.elpmaxe", "Plain'name"]
    assert "\u202e" not in page.html
