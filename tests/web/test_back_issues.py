"""Newsletters on the network's own address: the archive, each issue, and the feed of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.actors import Reader
from tests.samples import issued, publish, published, statement_file, subscribed
from widgets import digests, publication
from widgets.audit import COMMAND_LINE
from widgets.models import Digest, Newsletter, Standing, Statement
from widgets.models.fact import content_changed, content_version
from widgets.service import Service

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(autouse=True)
def somebody(service: Service) -> None:
    subscribed(service, "a@example.org")


def withdraw(service: Service, slug: str = "river-gate") -> None:
    with service.database.writing() as session:
        session.execute(
            update(Statement).where(Statement.slug == slug).values(standing=Standing.WITHDRAWN)
        )
        content_changed(session)


def test_an_issue_is_there_from_the_moment_it_begins_to_be_sent(
    reader: Reader, service: Service
) -> None:
    published(service, at=NOW)
    with service.database.writing() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        digests.prepare(session, newsletter, "weekly", NOW)
    assert reader.open("/newsletters/weekly/1").status == 404
    issued(service, at=NOW, introductions={"en": "A **word** of ours."})

    page = reader.open("/newsletters/weekly/1")
    assert page.status == 200
    assert "The week, in your inbox Number 1 · 26 November 2026 A word of ours." in page.text
    assert "Reopen the reading room" in page.text
    assert "The first paragraph is the lede." in page.text


def test_that_an_issue_begins_is_seen_at_once_on_every_page(service: Service) -> None:
    published(service, at=NOW)
    with service.database.reading() as session:
        before = content_version(session)
    issued(service, at=NOW)
    with service.database.reading() as session:
        assert content_version(session) > before


def test_an_issue_stays_as_it_was_whatever_is_edited(reader: Reader, service: Service) -> None:
    published(service, at=NOW)
    issued(service, at=NOW)
    with service.database.writing() as session:
        session.execute(update(Statement).values(title="Another headline"))
        content_changed(session)
    assert "Another headline" not in reader.open("/newsletters/weekly/1").html


def test_what_was_corrected_since_says_so(reader: Reader, service: Service) -> None:
    number = published(service, at=NOW)
    issued(service, at=NOW)
    with service.database.writing() as session:
        words = {"en": "It was Monday."}
        publication.correct(session, number, words, NOW.date(), COMMAND_LINE, datetime.now(UTC))

    assert "It was Monday." in reader.open("/newsletters/weekly/1").text


def test_what_was_withdrawn_is_only_named(reader: Reader, service: Service) -> None:
    published(service, at=NOW)
    published(service, "second", at=NOW, title="The second")
    issued(service, at=NOW)
    withdraw(service)

    page = reader.open("/newsletters/weekly/1")
    assert "<s>Reopen the reading room</s>" in page.html
    assert "This statement was withdrawn" in page.text
    assert (
        page.html.count("The first paragraph is the lede.") == 3
    )  # of the second, and in its head
    assert "<title>The second · Network of Tests</title>" in page.html


def test_an_issue_of_which_nothing_stands_says_no_headline_of_it(
    reader: Reader, service: Service
) -> None:
    published(service, at=NOW)
    issued(service, at=NOW)
    withdraw(service)
    assert "<title>This was withdrawn · Network of Tests</title>" in (
        reader.open("/newsletters/weekly/1").html
    )
    assert "Reopen" not in reader.open("/newsletters/weekly").html


def test_an_issue_that_was_stopped_is_still_there(reader: Reader, service: Service) -> None:
    published(service, at=NOW)
    digest_id = issued(service, at=NOW)
    with service.database.writing() as session:
        digests.stop(session, digest_id, COMMAND_LINE, NOW)
    assert reader.open("/newsletters/weekly/1").status == 200


@pytest.mark.parametrize("path", ["weekly/2", "weekly/0", "none/1", "none", "none/feed.atom"])
def test_what_never_was_is_not_there(reader: Reader, service: Service, path: str) -> None:
    published(service, at=NOW)
    issued(service, at=NOW)
    assert reader.open(f"/newsletters/{path}").status == 404


def test_an_issue_speaks_the_language_that_is_asked_for(reader: Reader, service: Service) -> None:
    published(service, at=NOW, translations={"fr": "Rouvrez la salle", "de": "Öffnet den Saal"})
    subscribed(service, "b@example.org", lang="de")
    issued(service, at=NOW)

    french = reader.open("/newsletters/weekly/1?lang=fr")
    assert "Rouvrez la salle" in french.text
    assert '<html lang="fr"' in french.html
    assert "Rouvrez la salle" in reader.open("/newsletters/weekly/1?lang=fr-CA").text
    assert "Öffnet den Saal" in reader.open("/newsletters/weekly/1?lang=de").text
    assert "Reopen the reading room" in reader.open("/newsletters/weekly/1?lang=sw").text
    assert "Rouvrez la salle" in reader.open("/newsletters/weekly?lang=fr").text


def test_the_head_of_an_issue_tells_machines(
    reader: Reader, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, picture=True))
    issued(service, at=NOW)
    html = reader.open("/newsletters/weekly/1").html
    base = "http://127.0.0.1:8000/newsletters/weekly/1"
    assert f'<link rel="canonical" href="{base}">' in html
    assert f'<link rel="alternate" hreflang="ar" href="{base}?lang=ar">' in html
    assert '<meta property="og:title" content="Reopen the reading room">' in html
    assert '<meta property="og:image" content="http://127.0.0.1:8000/pictures/' in html


def test_the_archive_has_the_form_and_the_newest_issue_first(
    reader: Reader, service: Service
) -> None:
    for number in range(22):
        published(service, f"s-{number}", at=NOW, title=f"Headline {number}")
        with service.database.writing() as session:
            session.execute(
                update(Statement).where(Statement.slug != f"s-{number}").values(published_at=None)
            )
        _issue_of_the_newest(service, NOW + timedelta(minutes=number))

    first = reader.open("/newsletters/weekly")
    assert 'src="/embed/newsletters/weekly"' in first.html
    assert first.text.index("Headline 21") < first.text.index("Headline 20")
    assert "Headline 1 " not in first.text
    assert 'href="/newsletters/weekly?page=2" rel="next"' in first.html
    second = reader.open("/newsletters/weekly?page=2")
    assert "Headline 1 Number 2 · 26 November 2026 Headline 0" in second.text
    assert 'href="/newsletters/weekly" rel="prev"' in second.html


def _issue_of_the_newest(service: Service, at: datetime) -> None:
    with service.database.writing() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        digest = digests.prepare(session, newsletter, "weekly", at)
        digests.begin(session, digest.id, COMMAND_LINE, at)


def test_an_archive_without_issues_says_what_will_come(reader: Reader) -> None:
    page = reader.open("/newsletters/weekly")
    assert "No issue yet. The first will stand here as soon as it is sent." in page.text
    assert "Earlier issues" not in reader.open("/").html


def test_earlier_issues_are_found_from_every_form_of_ours(reader: Reader, service: Service) -> None:
    published(service, at=NOW)
    issued(service, at=NOW)
    for path in ("/", "/statements/river-gate"):
        assert '<a href="/newsletters/weekly">The week, in your inbox</a>' in reader.open(path).html
    sitemap = reader.open("/sitemap.xml").html
    assert "<loc>http://127.0.0.1:8000/newsletters/weekly</loc>" in sitemap
    assert "<loc>http://127.0.0.1:8000/newsletters/weekly/1?lang=km</loc>" in sitemap


def test_issues_are_a_feed(client: FlaskClient, service: Service) -> None:
    published(service, at=NOW)
    issued(service, at=NOW)
    answer = client.get("/newsletters/weekly/feed.atom")
    assert answer.content_type == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(answer.data)
    (entry,) = feed.iter(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "Reopen the reading room"
    assert entry.findtext(f"{ATOM}id") == "http://127.0.0.1:8000/newsletters/weekly/1"
    assert entry.findtext(f"{ATOM}summary") == "The first paragraph is the lede."
    assert feed.findtext(f"{ATOM}updated") == "2026-11-26T08:00:00+00:00"


def test_a_feed_without_issues_is_a_feed(client: FlaskClient, service: Service) -> None:
    feed = ElementTree.fromstring(client.get("/newsletters/weekly/feed.atom").data)
    assert not list(feed.iter(f"{ATOM}entry"))
    with service.database.reading() as session:
        assert not session.scalars(select(Digest)).all()
