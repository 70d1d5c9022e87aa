"""Which requests count as a showing; and that nothing else of them is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.actors import Program, Reader
from tests.samples import publish, statement_file
from widgets.models import Member, Sighting, Site
from widgets.service import Service
from widgets.settings import Settings

CARD = "/embed/statements/river-gate"
FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(autouse=True)
def published(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, names=["Circle of Lamp Keepers"]))
    with service.database.writing() as session:
        session.add(Member(slug="lamp-keepers", name="Circle of Lamp Keepers"))
        session.flush()
        session.add(Site(member_slug="lamp-keepers", origin="https://lamp.example"))


@pytest.fixture
def counted(app: Flask, service: Service) -> Callable[[], list[str]]:
    """What the table has, once all is written: "widget, member, how often"."""

    def read() -> list[str]:
        app.extensions["sightings"].write()
        with service.database.reading() as session:
            found = session.scalars(select(Sighting).order_by(Sighting.widget)).all()
            return [f"{one.widget}, {one.member_slug}, {one.shown}" for one in found]

    return read


def test_each_look_at_a_frame_counts_also_when_it_is_served_from_memory(
    client: FlaskClient, counted: Callable[[], list[str]]
) -> None:
    for query in ("?site=lamp-keepers", "?theme=dark&site=lamp-keepers", "?site=lamp-keepers"):
        client.get(f"{CARD}{query}", headers=FRAME)

    assert counted() == ["statements/river-gate, lamp-keepers, 3"]


@pytest.mark.parametrize(
    ("path", "widget"),
    [
        (f"{CARD}/signatories?page=1", "statements/river-gate/signatories"),
        ("/embed/statements/latest", "statements/latest"),
        ("/embed/stories", "stories"),
        ("/embed/newsletters/weekly", "newsletters/weekly"),
    ],
)
def test_each_widget_counts_by_itself(
    client: FlaskClient, counted: Callable[[], list[str]], path: str, widget: str
) -> None:
    client.get(path, headers={**FRAME, "Referer": "https://lamp.example/a?b=c"})

    assert counted() == [f"{widget}, lamp-keepers, 1"]


def test_an_old_browser_and_one_that_tells_nothing_count_too(
    client: FlaskClient, counted: Callable[[], list[str]]
) -> None:
    client.get(CARD)

    assert counted() == ["statements/river-gate, , 1"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/embed/statements/none", FRAME),
        ("/embed/newsletters/weekly/subscribed", FRAME),
        ("/statements/river-gate", FRAME),
        ("/", FRAME),
        (CARD, {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}),
        (CARD, {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"}),
        (CARD, {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "cross-site"}),
        (CARD, {**FRAME, "Sec-Purpose": "prefetch;prerender"}),
        (CARD, {"Referer": "http://127.0.0.1:8000/embed"}),
        (CARD, {**FRAME, "If-None-Match": "*"}),
    ],
)
def test_what_is_no_look_at_a_members_page_does_not_count(
    client: FlaskClient, counted: Callable[[], list[str]], path: str, headers: dict[str, str]
) -> None:
    client.get(path, headers=headers)

    assert counted() == []


def test_asking_for_the_head_does_not_count(
    client: FlaskClient, counted: Callable[[], list[str]]
) -> None:
    client.head(CARD, headers=FRAME)

    assert counted() == []


def test_a_browser_that_has_the_page_still_is_not_counted_again(
    client: FlaskClient, counted: Callable[[], list[str]]
) -> None:
    tag = client.get(CARD, headers=FRAME).headers["ETag"]
    client.get(CARD, headers={**FRAME, "If-None-Match": tag})

    assert counted() == ["statements/river-gate, , 1"]


def test_measuring_a_frame_for_a_snippet_does_not_count(
    client: FlaskClient, counted: Callable[[], list[str]]
) -> None:
    assert client.get("/statements/river-gate/embed").status_code == 200

    assert counted() == []


def test_invented_sites_and_widgets_make_no_rows_of_their_own(
    client: FlaskClient, counted: Callable[[], list[str]]
) -> None:
    for number in range(50):
        client.get(f"{CARD}?site=invented-{number}", headers=FRAME)
        client.get(f"/embed/posts/invented-{number}", headers=FRAME)
        client.get(CARD, headers={**FRAME, "Referer": f"https://invented-{number}.example"})

    assert counted() == ["statements/river-gate, , 100"]


def test_counting_can_be_turned_off(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(SIGHTINGS_SECONDS=0))
    app.test_client().get("/embed/stories", headers=FRAME)
    app.extensions["sightings"].write()

    with app.extensions["undersigned"].database.reading() as session:
        assert session.scalars(select(Sighting)).all() == []


def test_what_was_counted_is_written_when_the_server_ends(
    program: Callable[..., Program], service: Service
) -> None:
    server = program("web", WEB_WORKERS=2).ready()
    for _ in range(6):
        assert Reader(server.url, FRAME).open(f"{CARD}?site=lamp-keepers").status == 200
    with service.database.reading() as session:
        assert session.scalars(select(Sighting)).all() == []
    server.stop()

    with service.database.reading() as session:
        (row,) = session.scalars(select(Sighting)).all()
    assert (row.widget, row.member_slug, row.shown) == ("statements/river-gate", "lamp-keepers", 6)
