"""Pages that come over plain http, though they need not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.actors import Page, Reader
from tests.samples import publish, statement_file
from widgets.settings import Settings

BASE = "https://widgets.network.example"
NOTICE = 'class="insecure"'
PAGES = ["/", "/statements/river-gate", "/privacy", "/secure-connection", "/nothing", "/confirm/x"]
WIDGETS = [
    "/embed/statements/river-gate",
    "/embed/statements/river-gate/signatories",
    "/embed/newsletters/weekly",
    "/embed/statements/nothing",
]
OVER_HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture
def production(make_settings: Callable[..., Settings]) -> Callable[..., Settings]:
    """Settings of a server that is no trial."""

    def make(**changes: Any) -> Settings:
        return make_settings(
            **{
                "BASE_URL": BASE,
                "SMTP_URL": "smtp://relay.example",
                "MAIL_FROM": "news@network.example",
                "TRUSTED_PROXIES": 1,
                **changes,
            }
        )

    return make


@pytest.fixture
def client(
    make_app: Callable[[Settings], Flask], production: Callable[..., Settings], tmp_path: Path
) -> FlaskClient:
    app = make_app(production())
    publish(app.extensions["undersigned"], statement_file(tmp_path, names=["Lamp Keepers"]))
    return app.test_client()


def notice(html: str) -> list[dict[str, str]]:
    """The attributes of the links in the notice, which stands first on the page."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    (body,) = tree.iter("body")
    assert body[0].attrib["class"] == "insecure"
    return [dict(link.attrib) for link in body[0].iter("a")]


@pytest.mark.parametrize("path", [*PAGES, *WIDGETS])
def test_a_page_that_came_in_clear_says_so_and_leads_to_its_https_self(
    client: FlaskClient, path: str
) -> None:
    answer = client.get(f"{path}?theme=dark&utm=1", headers={"Host": "evil.example"})
    links = notice(answer.text)

    assert [link["href"] for link in links] == [
        f"{BASE}{path}?theme=dark",
        f"{BASE}/secure-connection",
    ]
    assert "evil.example" not in answer.text
    if path.startswith("/embed/"):
        assert {(link["target"], link["rel"]) for link in links} == {("_blank", "noopener")}


@pytest.mark.parametrize("path", [*PAGES, *WIDGETS])
def test_over_https_there_is_no_notice(client: FlaskClient, path: str) -> None:
    assert NOTICE not in client.get(path, headers=OVER_HTTPS).text


@pytest.mark.parametrize("path", [*PAGES, *WIDGETS])
def test_neither_is_kept_for_the_other(client: FlaskClient, path: str) -> None:
    for headers in ({}, OVER_HTTPS, {}, OVER_HTTPS):
        answer = client.get(path, headers=headers)
        assert (NOTICE in answer.text) == (not headers)


@pytest.mark.parametrize("path", ["/", "/embed/statements/river-gate", "/feed.atom"])
def test_shared_caches_keep_only_what_came_over_https(client: FlaskClient, path: str) -> None:
    in_clear, secure = client.get(path), client.get(path, headers=OVER_HTTPS)

    assert in_clear.headers["Cache-Control"] == "private, max-age=60"
    assert "s-maxage" in secure.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("proxies", "said", "warned"),
    [
        (1, "https", False),
        (1, "http", True),
        (1, "", True),
        (2, "https", False),  # the nearer proxy has written over what the other said
        (2, "https, http", False),  # between the proxies, which is no reader's matter
        (2, "http, https", True),
        (0, "https", False),
        (0, "", True),
    ],
)
def test_the_proxies_say_how_a_reader_came(
    make_app: Callable[[Settings], Flask],
    production: Callable[..., Settings],
    proxies: int,
    said: str,
    warned: bool,
) -> None:
    client = make_app(production(TRUSTED_PROXIES=proxies)).test_client()
    answer = client.get("/", headers={"X-Forwarded-Proto": said} if said else {})

    assert (NOTICE in answer.text) == warned


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000", "https://network.test"])
def test_in_local_use_there_is_no_notice(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings], base: str
) -> None:
    client = make_app(make_settings(BASE_URL=base)).test_client()

    for path in ("/", "/embed/newsletters/weekly"):
        answer = client.get(path)
        assert NOTICE not in answer.text
        assert "public" in answer.headers["Cache-Control"]


def form_of(
    client: FlaskClient, path: str, headers: dict[str, str] | None = None
) -> tuple[Any, Any]:
    answer = client.get(path, headers=headers or {})
    page = Page(200, answer.headers, answer.text, path)
    return page.form, answer.headers["Content-Security-Policy"]


def test_what_is_typed_into_a_form_goes_over_https(client: FlaskClient) -> None:
    path = "/embed/newsletters/weekly"
    in_clear, policy = form_of(client, path)
    secure, secure_policy = form_of(client, path, OVER_HTTPS)

    assert in_clear.action == f"{BASE}{path}"
    assert f"form-action 'self' {BASE};" in policy
    assert secure.action == path
    assert "form-action 'self';" in secure_policy


def test_what_was_sent_in_clear_all_the_same_is_not_lost(client: FlaskClient) -> None:
    reader = Reader(client)
    inbox = reader.sign_up("anna@reader.org")
    assert inbox.status == 200
    assert "Check your inbox" in inbox.text

    again = reader.press(reader.open("/embed/newsletters/weekly"), address="anna at reader.org")
    assert again.status == 422
    assert again.form.fields["address"] == "anna at reader.org"
    assert again.form.action == f"{BASE}/embed/newsletters/weekly"


def test_addresses_for_others_are_https_however_a_page_came(client: FlaskClient) -> None:
    for path in ("/", "/statements/river-gate", "/feed.atom", "/feed.json", "/sitemap.xml",
                 "/robots.txt", "/statements/river-gate.json", "/embed/statements/river-gate",
                 "/statements/river-gate/embed",
                 f"/oembed?url={BASE}/statements/river-gate"):  # fmt: skip
        answer = client.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 200, path
        assert f"{BASE}/" in answer.text, path
        assert "http://widgets.network.example" not in answer.text, path
        assert "evil.example" not in answer.text, path


def test_the_page_explains_what_is_hidden_and_what_is_not(client: FlaskClient) -> None:
    page = Reader(client).open("/secure-connection")

    for words in (
        "Use a secure connection: why this is important",
        "public Wi-Fi",
        "It doesn’t hide that you visited us: the name of this site, widgets.network.example",
        f"If you can’t open {BASE}/secure-connection",
    ):
        assert words in page.text
    assert f'rel="canonical" href="{BASE}/secure-connection"' in page.html


def test_every_page_leads_to_it(client: FlaskClient) -> None:
    assert 'href="/secure-connection"' in client.get("/", headers=OVER_HTTPS).text
