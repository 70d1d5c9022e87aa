"""The page on which a snippet is put together, and what it gives to paste."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import html5lib
import pytest

from tests.actors import Reader
from tests.samples import publish, statement_file
from widgets import heights
from widgets.service import Service

BUILDER = "/statements/river-gate/embed"
TITLE = "Quotes & <angles> 'here'"


@pytest.fixture(autouse=True)
def published(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, title=TITLE, names=["One", "Two"]))


def pasted(reader: Reader, query: str = "", path: str = BUILDER) -> Any:
    """What the box on the page holds, as a browser reads it."""
    tree = html5lib.parse(reader.open(path + query).html, namespaceHTMLElements=False)
    (area,) = tree.iter("textarea")
    (wrapper,) = list(html5lib.parseFragment(area.text, namespaceHTMLElements=False))
    return wrapper


def frame_of(wrapper: Any) -> Any:
    (frame,) = wrapper.iter("iframe")
    return frame


def asked(frame: Any) -> tuple[str, dict[str, str]]:
    parts = urlsplit(frame.attrib["src"])
    return parts.path, dict(parse_qsl(parts.query))


def test_a_snippet_is_complete(reader: Reader) -> None:
    wrapper = pasted(reader)
    frame = frame_of(wrapper)

    assert frame.attrib["title"] == f"Statement: {TITLE}"
    assert frame.attrib["loading"] == "lazy"
    assert frame.attrib["referrerpolicy"] == "no-referrer"
    assert int(frame.attrib["height"]) > 100
    assert "container-type:inline-size" in wrapper.attrib["style"]
    assert re.search(r"height:calc\([^;]*100cqw", frame.attrib["style"])
    (left,) = wrapper.iter("blockquote")  # where frames are taken out
    (link,) = left.iter("a")
    assert link.attrib["href"] == "http://127.0.0.1:8000/statements/river-gate"
    assert "".join(link.itertext()) == f"Statement: {TITLE}"
    assert reader.open(urlsplit(frame.attrib["src"]).path).status == 200


def test_only_what_has_a_form_may_send_one(reader: Reader) -> None:
    links = "allow-popups allow-popups-to-escape-sandbox"
    assert frame_of(pasted(reader)).attrib["sandbox"] == links
    form = frame_of(pasted(reader, "?widget=newsletter-weekly"))
    assert form.attrib["sandbox"] == f"allow-forms {links}"


def test_what_is_chosen_is_in_the_address(reader: Reader) -> None:
    query = "?widget=full&language=ar&theme=dark&accent=%231F4D45&site=lamp-keepers"
    assert asked(frame_of(pasted(reader, query))) == (
        "/embed/statements/river-gate",
        {
            "view": "full",
            "lang": "ar",
            "theme": "dark",
            "accent": "1f4d45",
            "site": "lamp-keepers",
        },
    )


def test_the_form_keeps_what_was_chosen(reader: Reader) -> None:
    page = reader.open(f"{BUILDER}?widget=names&language=fr&theme=light&accent=1f4d45")
    chosen = re.findall(r'<option value="([^"]+)"[^>]* selected>', page.html)
    assert chosen == ["names", "fr", "light"]
    assert 'value="1f4d45"' in page.html


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?accent=red", "“red” is not a colour of six digits"),
        ("?accent=%3Cscript%3E", "“<script>” is not a colour"),
        ("?site=A+B", "“A B” is not a name like lamp-keepers"),
    ],
)
def test_what_cannot_be_used_is_given_back_with_a_sentence(
    reader: Reader, query: str, sentence: str
) -> None:
    page = reader.open(BUILDER + query)
    assert page.status == 200
    assert sentence in page.text
    assert asked(frame_of(pasted(reader, query)))[1] == {}


@pytest.mark.parametrize(
    "query", ["?widget=nothing", "?widget=&theme=purple&language=klingon", "?language=" + "x" * 500]
)
def test_what_does_not_exist_counts_as_not_chosen(reader: Reader, query: str) -> None:
    path, values = asked(frame_of(pasted(reader, query)))
    assert path == "/embed/statements/river-gate"
    assert set(values) <= {"lang"}


def test_the_previews_are_the_widget_itself_at_three_widths(reader: Reader) -> None:
    page = reader.open(f"{BUILDER}?widget=names&theme=dark")
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)
    frames = list(tree.iter("iframe"))

    assert len(frames) == 3
    assert {frame.attrib["src"] for frame in frames} == {
        "/embed/statements/river-gate/signatories?theme=dark"
    }
    assert ".preview iframe{height:calc(" in page.html


def test_what_is_not_about_a_statement_has_a_builder_too(reader: Reader) -> None:
    frame = frame_of(pasted(reader, path="/embed"))
    assert asked(frame)[0].startswith("/embed/")


def test_there_is_no_builder_of_a_statement_that_is_not_there(reader: Reader) -> None:
    assert reader.open("/statements/nothing/embed").status == 404


def test_the_newest_statement_has_one_height_whatever_it_is_today(
    service: Service, reader: Reader, tmp_path: Path
) -> None:
    def style(query: str) -> str:
        return str(frame_of(pasted(reader, query, "/embed")).attrib["style"])

    nothing_yet = style("?widget=latest&topic=Lighthouses")
    plain = style("?widget=latest")
    publish(service, statement_file(tmp_path, "pictured", date="2026-05-01", picture=True))

    assert nothing_yet == plain == style("?widget=latest")


def test_a_colour_costs_no_new_height(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.open(f"{BUILDER}?widget=full")
    monkeypatch.setattr(heights, "_computed_height", None)  # which would fail if it were called
    for query in ("accent=123456", "theme=dark", "site=lamp-keepers"):
        assert reader.open(f"{BUILDER}?widget=full&{query}").status == 200
