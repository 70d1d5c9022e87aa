"""An open letter in its frame, and behind its links."""

import html
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from tests.actors import Page, Reader, Relay
from tests.samples import open_to_the_public, publish, statement_file
from widgets import records, signings
from widgets.addresses import parse
from widgets.delivery import deliver_due, transport
from widgets.models import Consent, Message, Opening, Signing, SigningState
from widgets.service import Service
from widgets.settings import Settings
from widgets.web import forms

FORM = "/embed/statements/river-gate/sign"


@pytest.fixture
def settings(make_settings: Callable[..., Settings], relay: Relay) -> Settings:
    return make_settings(SMTP_URL=relay.url, MAIL_FROM="news@network.example")


@pytest.fixture
def reader(client: FlaskClient, service: Service, tmp_path: Path) -> Reader:
    """Before a statement that everybody may sign, in a sandboxed frame."""
    publish(service, statement_file(tmp_path, names=["Union of Readers"]))
    open_to_the_public(service)
    return Reader(client, {"Origin": "null"})


@pytest.fixture
def inbox(service: Service, relay: Relay) -> Callable[[], Any]:
    """Has the mail delivered; the newest of it."""

    def newest() -> Any:
        post = transport(service)
        deliver_due(service, post, "here:1", clock=lambda: datetime.now(UTC) + timedelta(hours=1))
        post.close()
        return relay.delivered[-1]

    return newest


def count(service: Service, model: type) -> int:
    with service.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def state(service: Service) -> str | None:
    with service.database.reading() as session:
        return session.scalar(select(Signing.state))


def beside(page: Page) -> dict[str, str]:
    """What is said beside each field."""
    found = re.findall(r'id="([a-z]+)-problem">([^<]*)<', page.html)
    return {field: html.unescape(said) for field, said in found}


def test_from_the_form_to_the_list_by_the_code(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    waiting = reader.sign("anna@example.org", f"{FORM}?site=lamp-keepers", affiliation="Readers")
    assert "Check your inbox" in waiting.text
    assert "Ada Li" not in reader.open("/embed/statements/river-gate/signatories").text

    done = reader.press(waiting, code=inbox().code)

    assert "You have signed" in done.text
    names = reader.open("/embed/statements/river-gate/signatories").text
    assert "Ada Li, Readers" in names
    assert "Endorsed by 1 organisation and 1 person" in names
    assert "Endorsed by 1 organisation and 1 person" in reader.open("/statements/river-gate").text


def test_the_link_confirms_only_by_its_button(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign("anna@example.org")
    page = reader.open(inbox().path("sign"))
    assert "Ada Li" in page.text
    assert state(service) == SigningState.PENDING

    assert "You have signed" in reader.press(page).text
    assert state(service) == SigningState.LISTED


def test_one_click_takes_the_name_back_and_the_old_link_does_not_bring_it_again(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign("anna@example.org")
    mail = inbox()
    reader.press(reader.open(mail.path("sign")))
    page = reader.open(mail.path("withdraw"))
    assert state(service) == SigningState.LISTED

    assert "Your name is taken back" in reader.press(page).text
    assert "Ada Li" not in reader.open("/embed/statements/river-gate/signatories").text
    assert reader.open(mail.path("sign")).status == 410


def test_who_hides_their_name_is_in_the_number_and_in_a_line_of_the_list(
    reader: Reader, inbox: Callable[[], Any]
) -> None:
    waiting = reader.sign("anna@example.org", shows="no")
    reader.press(waiting, code=inbox().code)

    for path in ("/statements/river-gate", "/embed/statements/river-gate/signatories"):
        page = reader.open(path)
        assert "Endorsed by 1 organisation and 1 person" in page.text
        assert "and 1 person who does not show their name" in page.text
        assert "Ada Li" not in page.html
    assert "Ada Li" not in reader.open("/statements/river-gate.json").html


def test_the_newsletter_box_is_not_ticked_and_ticking_it_subscribes_on_confirming(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    page = reader.open(FORM)
    assert "wants" not in page.form.fields
    assert "By signing up I agree" in page.text

    waiting = reader.sign("anna@example.org", wants="yes")
    assert count(service, Consent) == 0
    reader.press(waiting, code=inbox().code)

    with service.database.reading() as session:
        assert session.scalars(select(Consent.method)).all() == ["code"]


def test_every_address_is_answered_alike(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    new = reader.sign("new@example.org")
    waiting = reader.sign("anna@example.org")
    pending = reader.sign("anna@example.org")
    reader.press(waiting, code=inbox_code(service, waiting))
    listed = reader.sign("anna@example.org")
    with service.database.writing() as session:
        records.suppress(session, service.hasher, parse("no@example.org"), "x", datetime.now(UTC))
    suppressed = reader.sign("no@example.org")
    caught = reader.sign("bot@example.org", subject="I am a machine")

    pages = {re.sub(r"inbox/[\w.-]+", "", one.html)
             for one in (new, pending, listed, suppressed, caught)}  # fmt: skip
    assert len(pages) == 1
    assert count(service, Message) == 5  # of the machine nothing is kept


def inbox_code(service: Service, page: Page) -> str:
    token = page.path.partition("?")[0].rpartition("/")[2]
    return service.links.code(service.links.read_sign_inbox(token))


def test_what_is_wrong_stands_beside_its_field_and_all_that_was_typed_stays(
    reader: Reader,
) -> None:
    page = reader.sign("anna", name="  ", affiliation="<b>Größe", country="FR", shows="")

    assert page.status == 422
    assert beside(page) == {
        "name": "Please type your name.",
        "address": "An e-mail address has an @ in it, like name@example.org.",
        "shows": "Please choose one of the two.",
    }
    fields = page.form.fields
    assert (fields["affiliation"], fields["country"], fields["address"]) == (
        "<b>Größe", "FR", "anna",
    )  # fmt: skip
    assert page.html.count('aria-invalid="true"') == 4  # the two knobs, one field each


def test_a_form_left_open_for_a_week_gives_everything_back(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reader.open(FORM)
    now = forms.this_hour()
    monkeypatch.setattr(forms, "this_hour", lambda: now + 24 * 8)

    again = reader.press(page, name="Ada", country="NO", shows="no", wants="yes", address="a@b.org")

    assert again.status == 400
    assert "What you typed is still here" in again.text
    fields = again.form.fields
    assert (fields["name"], fields["shows"], fields["wants"]) == ("Ada", "no", "yes")
    assert "Check your inbox" in reader.press(again, address="a@example.org").text


def test_a_token_of_another_form_is_none(reader: Reader) -> None:
    other = reader.open("/embed/newsletters/weekly").form.fields["token"]

    assert reader.sign("anna@example.org", token=other).status == 400


def test_another_sites_form_signs_nobody(app: Flask, reader: Reader, service: Service) -> None:
    elsewhere = Reader(app.test_client(), {"Origin": "https://elsewhere.example"})

    page = elsewhere.sign("anna@example.org")

    assert page.status == 403
    assert page.form.fields["name"] == "Ada Li"
    assert count(service, Signing) == 0


@pytest.mark.parametrize("opening", [Opening.NO, Opening.CLOSED])
def test_what_is_not_open_says_so_kindly(
    reader: Reader, service: Service, opening: Opening
) -> None:
    page = reader.open(FORM)
    open_to_the_public(service, opening)

    shown = reader.open(FORM)
    assert shown.status == 200
    assert shown.forms == []
    assert "This can’t be signed" in shown.text
    sent = reader.press(page, name="Ada", country="NO", shows="no", address="a@example.org")
    assert sent.status == 410
    assert count(service, Signing) == 0


def test_a_fault_gives_everything_back(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("", {}, Exception())

    page = reader.open(FORM)
    with monkeypatch.context() as broken:
        broken.setattr(signings, "sign", away)
        again = reader.press(page, name="Ada", country="NO", shows="no", address="a@example.org")
    assert again.status == 503
    assert again.form.fields["country"] == "NO"

    assert "Check your inbox" in reader.press(again).text


def test_a_new_code_after_too_many_tries(reader: Reader, inbox: Callable[[], Any]) -> None:
    waiting = reader.sign("anna@example.org")
    wrong = "000000" if inbox().code != "000000" else "111111"
    for _ in range(5):
        waiting = reader.press(waiting, code=wrong)
    assert "Ask for a new code" in waiting.text

    again = reader.press(waiting)

    assert "You have signed" in reader.press(again, code=inbox().code).text


def test_links_that_are_cut_off_or_of_nobody_say_so(reader: Reader, service: Service) -> None:
    for path in ("/sign/x", "/withdraw/x"):
        page = reader.open(path)
        assert (page.status, "This link is not complete" in page.text) == (404, True)
    nobody = uuid.uuid4()
    assert reader.open(f"/sign/{service.links.sign(nobody)}").status == 410
    assert "taken back" in reader.open(f"/withdraw/{service.links.withdraw(nobody)}").text
    assert reader.open(f"{FORM}/inbox/x").status == 404


def test_the_form_is_in_the_readers_language_and_so_are_the_countries(reader: Reader) -> None:
    page = reader.open(f"{FORM}?lang=fr")

    assert '<option value="NO">Norvège</option>' in page.html
    assert page.html.index(">Équateur<") < page.html.index(">Érythrée<") < page.html.index(">Fidji")


def test_a_letter_is_found_where_statements_are(reader: Reader) -> None:
    card = reader.open("/embed/statements/river-gate")
    assert "#sign" in card.html
    assert 'src="/embed/statements/river-gate/sign"' in reader.open("/statements/river-gate").html
    builder = reader.open("/statements/river-gate/embed?widget=sign")
    assert "/embed/statements/river-gate/sign" in builder.html
    assert "allow-forms" in builder.html


def test_a_closed_letter_offers_nothing(reader: Reader, service: Service) -> None:
    open_to_the_public(service, Opening.CLOSED)

    assert "#sign" not in reader.open("/embed/statements/river-gate").html
    assert "/sign" not in reader.open("/statements/river-gate").html
    assert 'value="sign"' not in reader.open("/statements/river-gate/embed").html
