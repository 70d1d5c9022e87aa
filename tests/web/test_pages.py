"""The network's own pages, and how it says that something went wrong."""

from collections.abc import Callable
from pathlib import Path

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.actors import Reader
from tests.samples import publish, statement_file, translation_file
from widgets import statements
from widgets.service import Service
from widgets.settings import Settings


def test_the_index_lists_statements_the_newest_first(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    for day, slug in ((3, "third"), (1, "first"), (2, "second")):
        publish(service, statement_file(tmp_path, slug, title=slug, date=f"2026-03-0{day}"))
    tree = html5lib.parse(reader.open("/").html, namespaceHTMLElements=False)

    assert ["".join(h2.itertext()) for h2 in tree.iter("h2")] == ["third", "second", "first"]


def test_the_index_without_statements_says_what_will_be_there(reader: Reader) -> None:
    assert "No statement yet" in reader.open("/").text


def test_a_withdrawn_statement_is_not_listed(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, withdrawn="2026-03-05"))

    assert "river-gate" not in reader.open("/").html


def test_a_statement_page_has_it_all_with_its_names_and_snippets(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, names=["Lamp Keepers"], endorsement='"We endorse:"'))
    page = reader.open("/statements/river-gate")

    for words in ("The first paragraph", "The third paragraph", "We endorse:", "Lamp Keepers"):
        assert words in page.text
    assert 'src="http://127.0.0.1:8000/embed/statements/river-gate"' in page.text
    assert 'rel="canonical" href="http://127.0.0.1:8000/statements/river-gate"' in page.html


def test_a_statement_page_is_in_the_language_asked_for_and_leads_to_the_others(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(
        service,
        statement_file(tmp_path),
        translation_file(tmp_path, "fr"),
        translation_file(tmp_path, "ar", title="أعيدوا القاعة"),
    )
    here = "http://127.0.0.1:8000/statements/river-gate"
    alternates = {
        "en": here, "ar": f"{here}?lang=ar", "fr": f"{here}?lang=fr", "x-default": here,
    }  # fmt: skip
    for query, shown, title in (
        ("", "en", "Reopen the reading room"),
        ("?lang=fr", "fr", "Rouvrez la salle"),
        ("?lang=ar-EG", "ar", "أعيدوا القاعة"),
        ("?lang=ru", "en", "Reopen the reading room"),
    ):
        page = reader.open(f"/statements/river-gate{query}")
        tree = html5lib.parse(page.html, namespaceHTMLElements=False)
        links = [link.attrib for link in tree.iter("link")]
        assert [one.text for one in tree.iter("h1")] == [title]
        assert [one["href"] for one in links if one["rel"] == "canonical"] == [alternates[shown]]
        assert {one["hreflang"]: one["href"] for one in links if "hreflang" in one} == alternates
        (main,) = tree.iter("main")
        named = [one.attrib for one in main.iter("a") if "hreflang" in one.attrib]
        assert [one["hreflang"] for one in named] == [
            tag for tag in ("en", "ar", "fr") if tag != shown
        ]
        assert {one["lang"] for one in named} == {one["hreflang"] for one in named}
        for one in named:
            assert reader.open(one["href"]).status == 200


def test_the_index_shows_titles_in_the_language_asked_for(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(
        service,
        statement_file(tmp_path),
        statement_file(tmp_path, "other", title="Other", date="2026-03-01"),
        translation_file(tmp_path, "fr"),
    )
    page = reader.open("/?lang=fr")

    assert '<h2 lang="fr" dir="ltr"><a href="/statements/river-gate?lang=fr">' in page.html
    assert "Rouvrez la salle" in page.text
    assert '<h2 lang="en" dir="ltr"><a href="/statements/other?lang=fr">' in page.html


def test_a_statement_offers_its_snippet_and_the_way_to_others(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    page = reader.open("/statements/river-gate")

    assert page.html.count("<textarea") == 1
    assert "/embed/statements/river-gate&#34;" in page.html
    assert 'href="/statements/river-gate/embed"' in page.html


def test_privacy_says_whom_to_write_to(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(CONTACT="privacy@network.example"))
    page = Reader(app.test_client()).open("/privacy")

    assert 'href="mailto:privacy@network.example"' in page.html
    assert "30 days" in page.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/statements/nothing", 404),
        ("/statements/%00", 404),
        ("/statements/%FF", 404),
        ("/statements/UPPER", 404),
        ("/statements/river-gate/../x", 404),
        ("/pictures/0123456789abcdef0123456789abcdef-480.webp", 404),
        ("/pictures/..%2f..%2fsecret.key", 404),
        ("/mailbox/%2e%2e%2fsecret.key", 404),
    ],
)
def test_what_is_not_there_is_a_plain_404(reader: Reader, path: str, status: int) -> None:
    page = reader.open(path)

    assert page.status == status
    assert "There is nothing here" in page.text


def test_a_slash_too_many_does_not_matter(
    service: Service, client: FlaskClient, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))

    assert client.get("/statements/river-gate/").status_code == 200


def test_a_fault_is_a_plain_500_and_tells_nothing(
    client: FlaskClient, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail of anna@example.org")

    monkeypatch.setattr(statements, "standing", fail)
    for path in ("/statements/river-gate", "/embed/statements/river-gate"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "Something failed on our side" in answer.text
        assert "secret" not in answer.text
        assert "script-src 'none'" in answer.headers["Content-Security-Policy"]


def test_what_cannot_be_done_says_so_and_what_can(client: FlaskClient) -> None:
    answer = client.post("/privacy")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_it_tells_the_operator_how_it_is(client: FlaskClient) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"
