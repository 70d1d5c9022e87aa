"""The widgets, as they answer on their paths."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote

import html5lib
import pytest
from flask.testing import FlaskClient

from tests.actors import Reader
from tests.samples import publish, statement_file, translation_file
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


# Thousands of names

MANY = [
    *((f"Zulu Press {number:04}", "ZA") for number in range(900)),
    *((f"Élan {number:03}", "FR") for number in range(200)),
    ("Берег", "RU"), ("اتحاد القرّاء", "EG"), ("<b>Bold</b> & Sons", ""),
]  # fmt: skip


@pytest.fixture
def many(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, names=MANY))


def links(html: str) -> dict[str, str]:
    """Where each link leads, by its words."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    return {"".join(a.itertext()): a.attrib["href"] for a in tree.iter("a")}


@pytest.mark.usefixtures("many")
def test_letters_lead_to_the_first_name_under_them(reader: Reader) -> None:
    first = reader.open(f"{LIST}?theme=dark")
    assert listed(first.html)[0] == "<b>Bold</b> & Sons"
    assert [word for word in links(first.html) if len(word) == 1] == ["B", "E", "Z", "Б", "ا"]
    query, anchor = links(first.html)["Б"].split("#")
    assert "theme=dark" in query
    page = html5lib.parse(reader.open(LIST + query).html, namespaceHTMLElements=False)
    (led_to,) = [item for item in page.iter("li") if item.get("id") == unquote(anchor)]
    assert "".join(led_to.itertext()) == "Берег"


@pytest.mark.usefixtures("many")
def test_letters_say_which_of_them_are_on_this_page(reader: Reader) -> None:
    tree = html5lib.parse(reader.open(f"{LIST}?page=2").html, namespaceHTMLElements=False)
    here = ["".join(a.itertext()) for a in tree.iter("a") if a.get("aria-current")]
    assert here == ["By name", "Z"]


@pytest.mark.usefixtures("many")
def test_names_come_by_country_with_their_numbers(reader: Reader) -> None:
    page = reader.open(f"{LIST}?group=country&site=lamp-keepers")
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)
    headings = [" ".join("".join(h2.itertext()).split()) for h2 in tree.iter("h2")]
    assert headings == [
        "Egypt 1", "France 200", "Russia 1", "South Africa 900", "Country not given 1",
    ]  # fmt: skip
    assert len(list(tree.iter("details"))) == 4
    inside = [item for one in tree.iter("details") for item in one.iter("li")]
    assert len(inside) == 203
    alone = reader.open(LIST + links(page.html)["South Africa"])
    assert "site=lamp-keepers" in alone.html
    assert "900 organisations · all 1,103" in alone.text
    assert len(listed(alone.html)) == 300
    assert "country=ZA&amp;group=country&amp;page=2" in alone.html


@pytest.mark.usefixtures("many")
def test_a_search_keeps_all_that_was_chosen_before_it(reader: Reader) -> None:
    asked = "theme=dark&accent=006600&lang=fr&site=lamp-keepers&country=FR&group=country"
    form = reader.open(f"{LIST}?{asked}&page=2").form
    assert form.method == "get"
    assert {**form.fields, "q": ""} == {**dict(parse_qsl(asked)), "q": ""}
    page = reader.open(f"{LIST}?{asked}&q=elan+19")
    assert [name[:6] for name in listed(page.html)] == ["Élan 0", *["Élan 1"] * 11]


@pytest.mark.usefixtures("many")
def test_a_search_in_vain_leads_back_to_all(reader: Reader) -> None:
    page = reader.open(f"{LIST}?q=nobody+<i>&theme=dark")
    assert "No organisation with “nobody <i>” · all 1,103 Try a part of the name" in page.text
    assert links(page.html)["all 1,103"] == "?theme=dark"
    assert listed(page.html) == []
    elsewhere = reader.open(f"{LIST}?q=zulu&country=FR")
    assert links(elsewhere.html)["in all countries"] == "?q=zulu"


@pytest.mark.usefixtures("many")
def test_a_country_with_nobody_in_it_says_so(reader: Reader) -> None:
    page = reader.open(f"{LIST}?country=NZ")
    assert page.status == 200
    assert "Nobody in this country" in page.text
    assert links(page.html)["all 1,103"] == "?"


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("query", ["country=XX", "country=Norway", "group=x", "page=0", "page=-1"])
def test_a_bad_value_shows_the_usual_list(client: FlaskClient, query: str) -> None:
    assert client.get(f"{LIST}?{query}").text == client.get(LIST).text


def test_without_countries_there_is_nothing_to_group_by(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, names=[f"Press {n}" for n in range(400)]))
    assert "By country" not in reader.open(LIST).text
    assert len(listed(reader.open(f"{LIST}?group=country").html)) == 300


@pytest.mark.usefixtures("many")
def test_the_statement_page_shows_the_first_names_and_leads_to_all(reader: Reader) -> None:
    page = reader.open("/statements/river-gate")
    assert [name for name in listed(page.html) if "Zulu" in name] == [
        name for name, _ in MANY[:300]
    ]
    assert "The first 300 of 1,103." in page.text
    assert reader.open(links(page.html)["All names, from A to Z"]).status == 200
    assert "Country not given" in reader.open(links(page.html)["By country"]).text
    (form,) = [form for form in page.forms if "q" in form.fields]
    assert (form.method, form.action) == ("get", LIST)


# Languages


@pytest.fixture
def translated(service: Service, tmp_path: Path) -> Path:
    publish(
        service,
        statement_file(tmp_path, names=NAMES),
        translation_file(tmp_path, "fr", pull_quote="Fermé", topics="[Villes]"),
        translation_file(tmp_path, "ar", title="أعيدوا القاعة", body="نصّ أوّل."),
    )
    return tmp_path


def anchors(html: str) -> list[dict[str, str]]:
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    return [dict(element.attrib) for element in tree.iter("a")]


@pytest.mark.usefixtures("translated")
def test_a_card_is_in_the_language_asked_for(reader: Reader) -> None:
    french = reader.open(f"{CARD}?lang=fr-CA")

    assert '<h1 lang="fr" dir="ltr">Rouvrez la salle</h1>' in french.html
    for words in ("Premier paragraphe.", "Fermé", "Villes"):
        assert words in french.text
    address = "http://127.0.0.1:8000/statements/river-gate?lang=fr"
    assert f'rel="canonical" href="{address}"' in french.html
    assert f'<a href="{address}" target="_blank"' in french.html
    assert '<h1 lang="ar" dir="rtl">أعيدوا القاعة</h1>' in reader.open(f"{CARD}?lang=ar").html
    assert "Deuxième paragraphe." in reader.open(f"{CARD}?view=full&lang=fr").text


@pytest.mark.usefixtures("translated")
def test_a_language_that_there_is_not_shows_the_original(client: FlaskClient) -> None:
    usual = client.get(CARD).text

    for tag in ("xx-klingon", "..", "a" * 300):
        assert client.get(CARD, query_string={"lang": tag}).text == usual
    original = '<h1 lang="en" dir="ltr">Reopen the reading room</h1>'
    assert original in client.get(CARD, query_string={"lang": "ru"}).text


@pytest.mark.usefixtures("translated")
@pytest.mark.parametrize("path", [CARD, LIST, "/embed/statements/latest"])
def test_the_other_languages_are_linked_by_their_own_names_within_the_frame(
    reader: Reader, path: str
) -> None:
    page = reader.open(f"{path}?lang=fr&theme=dark&site=lamp-keepers&view=full")
    others = [link for link in anchors(page.html) if "hreflang" in link]

    kept = "&site=lamp-keepers&theme=dark&view=full"
    assert others == [
        {"href": f"?lang={tag}{kept}", "hreflang": tag, "lang": tag, "dir": direction}
        for tag, direction in (("en", "ltr"), ("ar", "rtl"))
    ]
    for name in ("English", "العربية"):
        assert name in page.text
    assert "Français" not in page.text
    assert reader.open(f"{path}{others[1]['href']}").html.count('lang="ar" dir="rtl">أعيدوا') == 1


@pytest.mark.usefixtures("published")
def test_a_statement_in_one_language_has_no_links_to_others(reader: Reader) -> None:
    for path in (CARD, LIST):
        assert "hreflang" not in reader.open(path).html
    text, _, foot = reader.open("/statements/river-gate").html.partition("<footer")
    assert "hreflang" not in text
    assert "hreflang" in foot  # the words around it do speak others


def test_a_translation_appears_in_the_widget_at_once_and_is_taken_back_at_once(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    assert "Rouvrez" not in reader.open(f"{CARD}?lang=fr").text
    publish(service, translation_file(tmp_path, "fr"))
    assert "Rouvrez" in reader.open(f"{CARD}?lang=fr").text
    publish(service, translation_file(tmp_path, "fr", withdrawn="2026-03-05"))
    assert "Rouvrez" not in reader.open(f"{CARD}?lang=fr").text


def test_a_withdrawn_statement_is_named_in_the_language_asked_for(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(
        service,
        statement_file(tmp_path, withdrawn="2026-03-05"),
        translation_file(tmp_path, "fr"),
    )

    for path in (CARD, LIST, "/statements/river-gate"):
        page = reader.open(f"{path}?lang=fr")
        assert page.status == 410
        assert "Rouvrez la salle" in page.text


# Paste once, always current

LATEST = "/embed/statements/latest"
STORIES = "/embed/stories"


def headlines(reader: Reader, path: str) -> list[str]:
    tree = html5lib.parse(reader.open(path).html, namespaceHTMLElements=False)
    return ["".join(one.itertext()) for one in tree.iter() if one.tag in ("h1", "h2")]


def test_before_the_first_statement_the_frames_say_what_will_come(reader: Reader) -> None:
    for path in (LATEST, STORIES):
        page = reader.open(path)
        assert page.status == 200
        assert "will stand here as soon as it is published" in page.text
        assert "s-maxage" in page.headers["Cache-Control"]


def test_the_latest_is_current_at_once(service: Service, reader: Reader, tmp_path: Path) -> None:
    for day, slug in ((2, "second"), (3, "third"), (1, "first")):
        publish(service, statement_file(tmp_path, slug, title=slug, date=f"2026-03-0{day}"))
        newest = "second" if day == 2 else "third"
        assert headlines(reader, LATEST) == [newest]
    assert f'rel="canonical" href="http://127.0.0.1:8000/statements/{newest}"' in (
        reader.open(LATEST).html
    )
    publish(service, statement_file(tmp_path, "third", withdrawn="2026-03-05"))
    assert headlines(reader, LATEST) == ["second"]


@pytest.mark.usefixtures("published")
def test_the_latest_is_the_card_of_that_statement(reader: Reader) -> None:
    for query in ("", "?view=full", "?theme=dark"):
        newest = reader.open(LATEST + query).html.replace(' latest">', '">', 1)
        assert newest == reader.open(CARD + query).html


@pytest.fixture
def several(service: Service, tmp_path: Path) -> None:
    def publish_one(slug: str, **fields: str) -> Path:
        return statement_file(tmp_path, slug, title=slug, **fields)

    publish(
        service,
        publish_one("old", date="2026-01-01", topics="[Libertés]", countries="[NO]"),
        publish_one("new", date="2026-01-03", topics="[Ports]", countries="[KE]"),
        publish_one("alike", date="2026-01-02", topics="[Ports, LIBERTES]", countries="[NO]"),
        publish_one("gone", date="2026-01-04", topics="[Libertés]", withdrawn="2026-01-05"),
    )


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("topic=libertes", "alike"),
        ("topic=%20LIBERT%C3%89S", "alike"),
        ("country=ke", "new"),
        ("country=NO&topic=ports", "alike"),
        ("country=nowhere", "new"),
        ("topic=%00", "new"),
        ("topic=nothing", "No statement yet"),
    ],
)
def test_the_latest_can_be_of_a_topic_and_of_a_country(
    reader: Reader, query: str, shown: str
) -> None:
    assert headlines(reader, f"{LATEST}?{query}") == [shown]


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["More stories", "new", "alike", "old"]),
        ("like=old", ["More stories like this", "alike", "new"]),
        ("like=new", ["More stories like this", "alike", "old"]),
        ("like=nothing", ["More stories like this", "new", "alike", "old"]),
        ("like=gone", ["More stories like this", "new", "alike", "old"]),
        ("like=..%2f", ["More stories", "new", "alike", "old"]),
        ("topic=Libert%C3%A9s", ["More stories like this", "alike", "old"]),
        ("country=KE", ["More stories like this", "new"]),
        ("topic=nothing", ["More stories like this"]),
    ],
)
def test_more_stories_are_those_that_share_most(
    reader: Reader, query: str, shown: list[str]
) -> None:
    assert headlines(reader, f"{STORIES}?{query}") == shown


@pytest.mark.usefixtures("translated")
def test_each_story_opens_outside_with_its_date_and_names(reader: Reader) -> None:
    page = reader.open(f"{STORIES}?lang=ar")

    (story,) = [link for link in anchors(page.html) if "river-gate" in link["href"]]
    assert story == {
        "href": "http://127.0.0.1:8000/statements/river-gate?lang=ar",
        "target": "_blank",
        "rel": "noopener",
    }
    assert all(link["target"] == "_blank" for link in anchors(page.html))
    for words in ("أعيدوا القاعة", "2 مارس 2026"):
        assert words in page.text


@pytest.mark.usefixtures("published")
def test_a_story_has_a_small_picture(reader: Reader, client: FlaskClient) -> None:
    tree = html5lib.parse(reader.open(STORIES).html, namespaceHTMLElements=False)
    (source,), (image,) = tree.iter("source"), tree.iter("img")

    assert (image.attrib["width"], image.attrib["height"]) == ("96", "72")
    for address in (source.attrib["srcset"], image.attrib["src"]):
        assert client.get(address).status_code == 200
