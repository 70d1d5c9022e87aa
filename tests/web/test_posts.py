"""The latest posts of a feed, as a reader sees them in a frame."""

from datetime import UTC, datetime, timedelta

import html5lib
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.actors import Reader
from tests.samples import follow
from widgets.models import Feed, Post
from widgets.models.fact import content_changed
from widgets.service import Service

WIDGET = "/embed/posts/news"


def change(service: Service, **values: object) -> None:
    """Changes the newest post."""
    with service.database.writing() as session:
        session.execute(update(Post).where(Post.position == 0).values(**values))
        content_changed(session)


def fail_since(service: Service, ago: timedelta) -> None:
    now = datetime.now(UTC)
    fetched = datetime(2026, 3, 4, 15, 6, tzinfo=UTC)
    with service.database.writing() as session:
        session.execute(update(Feed).values(failing_since=now - ago, fetched_at=fetched))
        content_changed(session)


def test_the_newest_post_leads_and_four_follow(service: Service, reader: Reader) -> None:
    follow(service, "news", posts=7)
    page = reader.open(WIDGET)
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)

    for words in (
        "Latest post",
        "Circle of Lamp Keepers",
        "2 March 2026",
        "Every lamp along the quay was lit again last night.",
        "Before that",
        "Network of Tests",
        "All posts",
    ):
        assert words in page.text
    assert ["".join(e.itertext()) for e in tree.iter("h1")] == ["The lamps of evening 0"]
    titles = [" ".join("".join(e.itertext()).split()) for e in tree.iter("li")]
    assert titles == [
        f"The lamps of evening {number} {date}"
        for number, date in enumerate(
            ("1 March 2026", "28 February 2026", "27 February 2026", "26 February 2026"), 1
        )
    ]


def test_links_open_outside_and_vouch_for_nothing(service: Service, reader: Reader) -> None:
    follow(service, "news", posts=2)
    tree = html5lib.parse(reader.open(WIDGET).html, namespaceHTMLElements=False)
    links = [link for link in tree.iter("a") if "news.example" in link.get("href", "")]

    assert [link.get("href") for link in links] == [
        "https://news.example/0", "https://news.example/1", "https://news.example/",
    ]  # fmt: skip
    for link in links:
        assert link.get("target") == "_blank"
        assert link.get("rel") == "noopener nofollow noreferrer"


def test_a_post_without_a_title_shows_its_text(service: Service, reader: Reader) -> None:
    follow(service, "news", posts=2)
    change(service, title="", summary="All lamps are lit.")
    page = reader.open(WIDGET)
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)

    assert ["".join(e.itertext()) for e in tree.iter("h1")] == ["Circle of Lamp Keepers"]
    assert "All lamps are lit. Before that" in page.text
    assert "Read the post All posts" in page.text
    assert 'href="https://news.example/0" target="_blank"' in page.html


def test_an_earlier_post_without_a_title_shows_the_beginning_of_its_text(
    service: Service, reader: Reader
) -> None:
    follow(service, "news", posts=2)
    with service.database.writing() as session:
        session.execute(update(Post).where(Post.position == 1).values(title="", url=None))
    page = reader.open(WIDGET)
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)
    (item,) = tree.iter("li")
    words = (item.text or "").strip()

    assert words.startswith("Every lamp along the quay")
    assert words.endswith("…")
    assert len(words) <= 120
    assert [child.tag for child in item] == ["time"]


def test_each_post_has_the_language_and_direction_it_says(service: Service, reader: Reader) -> None:
    follow(service, "news", posts=2, lang="ar")
    change(service, lang=None)
    html = reader.open(WIDGET).html

    assert '<h1 lang="" dir="auto">' in html
    assert '<li class="post" lang="ar" dir="rtl">' in html


def test_what_a_stranger_writes_is_text(service: Service, reader: Reader) -> None:
    follow(service, "news", posts=1)
    change(service, title="<script>alert(1)</script>", summary='"><img src=x onerror=y>')
    page = reader.open(WIDGET)

    assert "<script" not in page.html
    assert "<img" not in page.html
    assert "<script>alert(1)</script>" in page.text


@pytest.mark.parametrize(("minutes", "told"), [(0, False), (59, False), (61, True), (9999, True)])
def test_the_age_of_a_failing_feed_is_told_after_an_hour(
    service: Service, reader: Reader, minutes: int, told: bool
) -> None:
    follow(service, "news", posts=2)
    fail_since(service, timedelta(minutes=minutes))
    page = reader.open(WIDGET)

    assert page.status == 200
    assert "The lamps of evening 0" in page.text
    assert ("Last fetched on 4 March 2026, 15:06 UTC" in page.text) == told


def test_a_feed_that_never_worked_says_so_without_alarm(service: Service, reader: Reader) -> None:
    follow(service, "news", posts=0)
    page = reader.open(WIDGET)

    assert page.status == 200
    assert "Circle of Lamp Keepers There are no posts yet." in page.text


def test_an_unknown_feed_is_a_small_404_that_can_be_embedded(reader: Reader) -> None:
    page = reader.open(WIDGET)

    assert page.status == 404
    assert "There is nothing here" in page.text
    assert "frame-ancestors *" in page.headers["Content-Security-Policy"]


def test_it_is_kept_and_asked_for_again_like_the_others(
    service: Service, client: FlaskClient
) -> None:
    follow(service, "news", posts=2)
    first = client.get(WIDGET)

    assert "s-maxage=300" in first.headers["Cache-Control"]
    again = client.get(WIDGET, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    change(service, title="Another title")
    assert "Another title" in client.get(WIDGET).text


@pytest.mark.parametrize("query", ["theme=pink", "lang=xx-klingon", "accent=zz", "x=%00%FF"])
def test_a_bad_value_shows_the_usual_widget(
    service: Service, client: FlaskClient, query: str
) -> None:
    follow(service, "news", posts=2)

    assert client.get(f"{WIDGET}?{query}").text == client.get(WIDGET).text
