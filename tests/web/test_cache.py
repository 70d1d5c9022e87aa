"""Pages that are kept as bytes, until what they show has changed."""

import gzip
import threading
import time
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from tests.samples import publish, statement_file
from widgets.models import Database
from widgets.service import Service
from widgets.settings import Settings
from widgets.web import cache, forms
from widgets.web.cache import PageCache

CARD = "/embed/statements/river-gate"


@pytest.fixture(autouse=True)
def published(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path))


@pytest.fixture
def rendered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Flask was asked for: what is kept does not get that far."""
    seen: list[str] = []
    app.before_request(lambda: seen.append("asked"))
    return seen


def test_a_page_is_rendered_once(rendered: list[str], client: FlaskClient) -> None:
    first, second = client.get(CARD), client.get(CARD)

    assert first.data == second.data
    assert len(rendered) == 1


def test_however_the_query_is_written_it_is_the_same_page(
    rendered: list[str], client: FlaskClient
) -> None:
    for query in ("theme=dark&site=a", "utm=1&site=a&theme=dark", "site=a&theme=dark&theme=x"):
        client.get(f"{CARD}?{query}")

    assert len(rendered) == 1


def test_a_change_shows_at_once(client: FlaskClient, service: Service, tmp_path: Path) -> None:
    before = client.get(CARD)
    publish(service, statement_file(tmp_path, title="Reopen it, please"))
    after = client.get(CARD)

    assert "Reopen it, please" in after.text
    assert before.headers["ETag"] != after.headers["ETag"]


def test_an_import_that_changes_nothing_leaves_the_pages_be(
    rendered: list[str], client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    client.get(CARD)
    publish(service, statement_file(tmp_path))
    client.get(CARD)

    assert len(rendered) == 1


def test_who_has_the_page_already_is_told_so(client: FlaskClient) -> None:
    tag = client.get(CARD).headers["ETag"]
    for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        answer = client.get(CARD, headers={"If-None-Match": known})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert "s-maxage" in answer.headers["Cache-Control"]
    assert client.get(CARD, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "encoding", "decode"),
    [
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip, zstd", "zstd", lambda data: zstandard.ZstdDecompressor().decompress(data)),
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0, gzip;q=0.1", "gzip", gzip.decompress),
        ("identity", None, bytes),
        ("", None, bytes),
        ("x" * 5000, None, bytes),
    ],
)
def test_it_is_compressed_as_the_browser_can_read(
    client: FlaskClient, accepted: str, encoding: str | None, decode: Callable[[bytes], bytes]
) -> None:
    plain = client.get(CARD).data
    answer = client.get(CARD, headers={"Accept-Encoding": accepted})

    assert answer.headers.get("Content-Encoding") == encoding
    assert decode(answer.data) == plain
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_head_has_the_headers_of_get_and_no_body(client: FlaskClient) -> None:
    whole, head = client.get(CARD), client.head(CARD)

    assert head.data == b""
    assert dict(head.headers) == dict(whole.headers)
    assert client.head("/confirm/x").data == b""


@pytest.mark.parametrize("path", ["/nothing", "/embed/statements/nothing", "/confirm/x"])
def test_errors_and_personal_pages_are_not_kept(
    rendered: list[str], client: FlaskClient, path: str
) -> None:
    answers = [client.get(path) for _ in range(2)]

    assert len(rendered) == 2
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


def test_a_form_is_kept_for_its_hour(
    rendered: list[str], client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get("/embed/newsletters/weekly").data
    assert client.get("/embed/newsletters/weekly").data == first
    assert len(rendered) == 1

    real = time.monotonic
    monkeypatch.setattr(cache.time, "monotonic", lambda: real() + 3601)
    monkeypatch.setattr(forms.time, "time", lambda now=time.time: now() + 3601)
    assert client.get("/embed/newsletters/weekly").data != first


def test_what_is_kept_is_served_while_the_database_is_away(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(CARD)

    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(Database, "reading", away)
    assert client.get(CARD).status_code == 200
    assert client.get(f"{CARD}?theme=dark").status_code == 503
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").text == "ok\n"


def test_the_version_is_asked_for_no_more_often_than_set(
    make_app: Callable[[Settings], Flask],
    make_settings: Callable[..., Settings],
    service: Service,
    tmp_path: Path,
) -> None:
    client = make_app(make_settings(CONTENT_CHECK_SECONDS=3600)).test_client()
    client.get(CARD)
    publish(service, statement_file(tmp_path, title="Another title"))

    assert "Another title" not in client.get(CARD).text


def small_cache(app: Flask) -> PageCache:
    return PageCache(app.wsgi_app.__dict__["_app"], lambda: 1, 0)


def test_it_forgets_the_oldest_when_it_is_full(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 100_000)
    kept = small_cache(app)
    app.wsgi_app = kept  # type: ignore[method-assign]
    client = app.test_client()
    for number in range(200):
        client.get(f"{CARD}?accent={number:06x}")

    assert kept.bytes_kept() <= 100_000


def test_many_readers_at_once_are_all_served(app: Flask) -> None:
    answers: list[int] = []

    def read(number: int) -> None:
        answer = app.test_client().get(f"{CARD}?accent={number % 7:06x}")
        answers.append(answer.status_code)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 40


def test_a_database_that_hangs_holds_up_one_reader_and_no_more(app: Flask) -> None:
    hanging, released = threading.Event(), threading.Event()
    hangs = False

    def version() -> int:
        if hangs:
            hanging.set()
            released.wait(20)
        return 1

    kept = PageCache(app.wsgi_app.__dict__["_app"], version, 0)
    app.wsgi_app = kept  # type: ignore[method-assign]
    app.test_client().get(CARD)
    hangs = True
    held = threading.Thread(target=lambda: app.test_client().get(CARD))
    held.start()
    assert hanging.wait(10)

    try:
        assert app.test_client().get(CARD).status_code == 200
        assert held.is_alive()
    finally:
        released.set()
        held.join(10)
