"""The trial's mailbox: for this machine alone, and only without a relay."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.actors import Reader
from widgets.delivery import deliver_due, transport
from widgets.service import Service
from widgets.settings import Settings


def test_mail_lands_there_with_its_links(reader: Reader, service: Service) -> None:
    reader.sign_up("anna@example.org")
    deliver_due(service, transport(service), "here:1")
    page = reader.open("/mailbox")

    assert "To anna@example.org" in page.text
    assert 'href="http://127.0.0.1:8000/confirm/' in page.html


def test_a_letter_can_be_seen_as_a_mail_program_shows_it(reader: Reader, service: Service) -> None:
    reader.sign_up("anna@example.org")
    deliver_due(service, transport(service), "here:1")
    link = reader.open("/mailbox").html.split('href="/mailbox/')[1].split('"')[0]

    letter = reader.open(f"/mailbox/{link}")
    assert "Confirm the weekly update" in letter.text
    assert "img-src 'self';" in letter.headers["Content-Security-Policy"]


def test_an_empty_mailbox_says_what_to_do(reader: Reader) -> None:
    assert "No mail yet" in reader.open("/mailbox").text


@pytest.mark.parametrize(
    "request_",
    [
        {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}},
        {"headers": {"Host": "network.example"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Forwarded": "for=127.0.0.1"}},
    ],
)
def test_it_answers_to_nobody_else(client: FlaskClient, request_: dict[str, object]) -> None:
    assert client.get("/mailbox", **request_).status_code == 404  # type: ignore[arg-type]


def test_with_a_relay_there_is_none(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(SMTP_URL="smtp://localhost:25"))

    assert app.test_client().get("/mailbox").status_code == 404
