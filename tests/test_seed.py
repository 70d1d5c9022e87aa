"""A real statement, shown completely wherever it is shown. Its wording stands in its files only."""

import csv
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import html5lib
import pytest
import yaml
from flask.testing import FlaskClient

from tests.actors import Page, Reader
from widgets import statements
from widgets.service import Service
from widgets.statements import Change, Imported

NAMES = 115
QUOTES = "“”\"'‘’ "


class Real:
    """What the files say, read without the help of the code under test."""

    def __init__(self, path: Path) -> None:
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        self.path = path
        self.front: dict[str, Any] = yaml.safe_load(front)
        self.slug = str(self.front["slug"])
        self.title = line(self.front["title"])
        self.pull_quote = line(self.front["pull_quote"]).strip(QUOTES)
        self.endorsement = line(self.front["endorsement"])
        parts = [line(part) for part in body.strip().split("\n\n")]
        self.parts = [part.removeprefix("> ") for part in parts]
        self.quotation = next(part.removeprefix("> ") for part in parts if part.startswith("> "))
        with path.with_name(f"{self.slug}.signatories.csv").open(encoding="utf-8") as table:
            self.names = [line(row["name"]) for row in csv.DictReader(table)]


def line(text: str) -> str:
    return " ".join(text.split())


def words(element: Any) -> str:
    return line("".join(element.itertext()))


def found(page: Page, tag: str, **attributes: str) -> list[Any]:
    """The elements of a page with this tag and these attributes."""
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)
    return [
        one
        for one in tree.iter(tag)
        if all(value in one.get(name.rstrip("_"), "").split() for name, value in attributes.items())
    ]


@pytest.fixture
def real(seed: Path, tmp_path: Path) -> Real:
    """A copy of the real files in a folder of their own, with a picture."""
    (table,) = seed.glob("*.signatories.csv")
    path = tmp_path / table.name.replace(".signatories.csv", ".md")
    source = (seed / path.name).read_text(encoding="utf-8")
    if "\nimage:" not in source:
        picture = "image: {file: sample-photo.jpg, alt: A picture, credit: A painter}"
        source = source.replace("\n---\n", f"\n{picture}\n---\n", 1)
    path.write_text(source, encoding="utf-8")
    shutil.copy(table, tmp_path)
    shutil.copy(seed / "sample-photo.jpg", tmp_path)
    return Real(path)


@pytest.fixture
def shown(real: Real, service: Service) -> Real:
    """The same, imported."""
    bring_in(real, service)
    return real


def bring_in(real: Real, service: Service) -> Imported:
    (done,) = statements.import_files(
        service.database, service.settings.instance_path, [real.path], datetime.now(UTC)
    )
    return done


# What a reader sees of it


def test_the_page_shows_it_whole(shown: Real, reader: Reader) -> None:
    page = reader.open(f"/statements/{shown.slug}")
    assert page.status == 200
    assert [words(one) for one in found(page, "h1")] == [shown.title]
    assert_whole_text(page, shown)
    assert shown.endorsement in page.text
    assert listed(page) == shown.names


def test_the_full_card_shows_it_whole(shown: Real, reader: Reader) -> None:
    page = reader.open(f"/embed/statements/{shown.slug}?view=full")
    assert page.status == 200
    assert [words(one) for one in found(page, "h1")] == [shown.title]
    assert_whole_text(page, shown)
    assert [words(one) for one in found(page, "p", class_="endorsement")] == [
        f"{shown.endorsement} {NAMES} organisations"
    ]


def test_the_compact_card_shows_what_it_is_about(shown: Real, reader: Reader) -> None:
    page = reader.open(f"/embed/statements/{shown.slug}")
    assert page.status == 200
    assert [words(one) for one in found(page, "h1")] == [shown.title]
    (lede,) = found(page, "div", class_="lede")
    assert [words(one) for one in lede.iter("p")][:2] == shown.parts[:2]
    assert [words(one) for one in found(page, "blockquote")] == [shown.pull_quote]
    assert f"{NAMES} organisations endorse this" in page.text
    assert shown.parts[-1] not in page.text


def test_the_list_shows_every_name_in_its_order(shown: Real, reader: Reader) -> None:
    page = reader.open(f"/embed/statements/{shown.slug}/signatories")
    assert page.status == 200
    assert [words(one) for one in found(page, "h1")] == [f"Endorsed by {NAMES} organisations"]
    assert shown.title in page.text
    assert listed(page) == shown.names


def test_every_name_is_found_in_the_list(shown: Real, reader: Reader) -> None:
    page = reader.open(f"/embed/statements/{shown.slug}/signatories")
    for name in shown.names[::12]:
        assert name in listed(reader.press(page, q=name.upper()))


def test_the_networks_page_leads_to_it(shown: Real, reader: Reader) -> None:
    page = reader.open("/")
    assert [words(one) for one in found(page, "a", href=f"/statements/{shown.slug}")] == [
        shown.title
    ]


@pytest.mark.parametrize("path", ["/statements/{}", "/embed/statements/{}"])
def test_its_picture_is_there_in_every_width(
    shown: Real, reader: Reader, client: FlaskClient, path: str
) -> None:
    page = reader.open(path.format(shown.slug))
    (picture,) = found(page, "img")
    assert picture.get("alt") == shown.front["image"]["alt"]
    sources = found(page, "source")
    files = re.findall(r"\S+\.(?:jpg|webp)", " ".join(
        one.get("srcset", "") + " " + one.get("src", "") for one in [picture, *sources]
    ))  # fmt: skip
    assert len(set(files)) >= 2
    for file in set(files):
        answer = client.get(urlsplit(file).path)
        assert (answer.status_code, answer.content_type[:6]) == (200, "image/")


def test_its_pictures_painter_is_named(shown: Real, reader: Reader) -> None:
    for path in (f"/statements/{shown.slug}", f"/embed/statements/{shown.slug}"):
        captions = [words(one) for one in found(reader.open(path), "figcaption")]
        assert captions == [f"Picture: {shown.front['image']['credit']}"]


def assert_whole_text(page: Page, real: Real) -> None:
    """Every part of the text, once and in its order, the quotation as one, and the pull quote."""
    (text,) = found(page, "div", class_="text")
    shown = [words(one) for one in text]
    pulled = [words(one) for one in text if "pull" in one.get("class", "").split()]
    assert pulled == [real.pull_quote]
    assert [one for one in shown if one not in pulled] == real.parts
    quoted = [words(one) for one in text if one.tag == "blockquote"]
    assert sorted(quoted) == sorted([real.quotation, real.pull_quote])


def listed(page: Page) -> list[str]:
    """The names in the list of a page."""
    (names,) = found(page, "ul", class_="names")
    return [words(one) for one in names]


# Coming in


def test_it_comes_in_with_all_its_names_and_nothing_to_warn_of(
    real: Real, service: Service
) -> None:
    done = bring_in(real, service)
    assert (done.change, done.signatories) == (Change.NEW, NAMES)
    assert done.file.warnings == []
    assert [name.name for name in done.file.names or []] == real.names


def test_it_comes_in_a_second_time_unchanged(shown: Real, service: Service) -> None:
    again = bring_in(shown, service)
    assert (again.change, again.signatories) == (Change.UNCHANGED, NAMES)
