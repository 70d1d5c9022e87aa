"""The pages behind the links to what subscribers choose, and everything that can go wrong there."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from tests.actors import Page, Reader, Relay
from tests.samples import publish, statement_file
from tests.test_preferences import add_newsletter
from widgets import links, newsletters, records
from widgets.addresses import parse
from widgets.delivery import deliver_due, transport
from widgets.languages import gettext, speaking
from widgets.models import (
    AddressChange,
    Message,
    MessageState,
    State,
    Subscriber,
    Subscription,
    Suppression,
)
from widgets.pacing import Limits
from widgets.service import Service
from widgets.settings import Settings


@pytest.fixture
def settings(make_settings: Callable[..., Settings], relay: Relay) -> Settings:
    return make_settings(SMTP_URL=relay.url, MAIL_FROM="news@network.example")


@pytest.fixture
def inbox(service: Service, relay: Relay) -> Callable[[], Any]:
    """Has the mail delivered; the newest of it."""

    def newest() -> Any:
        post = transport(service)
        deliver_due(service, post, "here:1", clock=lambda: datetime.now(UTC) + timedelta(hours=1))
        post.close()
        return relay.delivered[-1]

    return newest


@pytest.fixture
def theirs(reader: Reader, service: Service) -> str:
    """The path of a new subscriber's page."""
    subscribe(service, "anna@example.org")
    with service.database.reading() as session:
        subscriber = session.scalars(select(Subscriber.id)).one()
    return f"/preferences/{service.links.preferences(subscriber)}"


def subscribe(service: Service, address: str, lang: str = "en") -> None:
    with service.database.writing() as session:
        shown = newsletters.form(session, "weekly", lang)
        sign_up = newsletters.sign_up(
            session,
            service.hasher,
            Limits(3, 500, frozenset()),
            parse(address),
            consent_text_id=shown.consent_text_id,
            site=None,
            lang=lang,
            now=datetime.now(UTC) - timedelta(days=2),
        )
        newsletters.confirm(session, sign_up, 0, datetime.now(UTC))


def subscription(service: Service) -> Subscription:
    with service.database.reading() as session:
        return session.scalars(select(Subscription).order_by(Subscription.created_at)).all()[0]


def state(service: Service) -> str:
    return subscription(service).state


def save(reader: Reader, page: Page, **typed: str) -> Page:
    form = page.form_with("Save")
    answer = reader.post(form.action, {**form.fields, **typed})
    return reader.open(answer.headers["Location"]) if answer.status == 303 else answer


def send(reader: Reader, page: Page, button: str, **typed: str) -> Page:
    """Presses another button of the page."""
    form = page.form_with(button)
    answer = reader.post(form.action, {**form.fields, **typed})
    return reader.open(answer.headers["Location"]) if answer.status == 303 else answer


def problem(page: Page) -> str:
    found = re.search(r'role="alert">([^<]*)<', page.html)
    return found[1] if found else ""


def test_the_page_shows_what_comes_and_never_the_whole_address(reader: Reader, theirs: str) -> None:
    page = reader.open(theirs)

    assert page.status == 200
    assert "a…a@e…e.org" in page.text
    assert "anna@example.org" not in page.html
    assert page.form_with("Save").fields["newsletter"] == "weekly"


def test_what_is_saved_is_there_again_in_the_language_that_was_chosen(
    reader: Reader, theirs: str, service: Service
) -> None:
    saved = save(reader, reader.open(theirs), lang="fr", pause="month", **{"rhythm-weekly": "each"})

    assert '<html lang="fr"' in saved.html
    assert 'role="status"' in saved.html
    kept = subscription(service)
    assert (kept.lang, kept.rhythm) == ("fr", "each")
    assert kept.paused_until is not None
    form = next(form for form in saved.forms if form.fields.get("do") == "save")
    assert form.fields["rhythm-weekly"] == "each"
    assert form.fields["pause"] == "goes-on"


def test_saving_without_a_change_changes_nothing(
    reader: Reader, theirs: str, service: Service
) -> None:
    before = vars(subscription(service)).copy()
    save(reader, reader.open(theirs))
    after = vars(subscription(service)).copy()

    assert {k: v for k, v in after.items() if k[0] != "_"} == {
        k: v for k, v in before.items() if k[0] != "_"
    }


def test_topics_and_countries_of_public_statements_can_be_chosen(
    reader: Reader, client: FlaskClient, theirs: str, service: Service, tmp_path: Any
) -> None:
    publish(service, statement_file(tmp_path, topics="[Women, Libraries]", countries="[KH, NO]"))
    form = reader.open(theirs).form_with("Save")
    many = {"topic": ["Women", *(f"t{n}" for n in range(4000))], "country": ["NO", "XX"]}
    answer = client.post(form.action, data={**form.fields, **many})

    assert answer.status_code == 303
    kept = subscription(service)
    assert (kept.topics, kept.countries) == (["Women"], ["NO"])


def test_a_newsletter_is_asked_for_by_a_tick_and_a_mail(
    reader: Reader, theirs: str, service: Service, inbox: Callable[[], Any]
) -> None:
    add_newsletter(service)
    page = reader.open(theirs)
    assert "I agree." in page.text
    form = page.form_with("Save")
    both = {**form.fields, "newsletter": ["weekly", "alerts"]}
    answer = reader.post(form.action, both)  # type: ignore[arg-type]

    assert "please confirm" in reader.open(answer.headers["Location"]).text
    done = reader.press(reader.open(inbox().path("confirm")))
    assert "You are subscribed" in done.text
    assert 'value="alerts" checked' in reader.open(theirs).html


def test_a_newsletter_is_left_by_a_tick_less(reader: Reader, theirs: str, service: Service) -> None:
    form = reader.open(theirs).form_with("Save")
    fields = {name: value for name, value in form.fields.items() if name != "newsletter"}
    reader.post(form.action, fields)

    assert state(service) == State.UNSUBSCRIBED


def test_everything_is_left_by_one_press_and_twice_is_once(
    reader: Reader, theirs: str, service: Service
) -> None:
    page = reader.open(theirs)
    for _ in range(2):
        assert "You have left everything" in send(reader, page, "Send me nothing more").text

    assert state(service) == State.UNSUBSCRIBED


def test_opening_any_of_the_links_changes_nothing(
    reader: Reader, theirs: str, service: Service
) -> None:
    for path in (theirs, f"{theirs}?do=leave", f"{record_of(service)}/erase"):
        assert reader.open(path).status == 200
    assert state(service) == State.CONFIRMED


def test_a_post_from_another_site_comes_back_with_what_was_chosen(
    client: FlaskClient, theirs: str, service: Service
) -> None:
    stranger = Reader(client, {"Origin": "https://evil.example"})
    back = save(stranger, stranger.open(theirs), **{"rhythm-weekly": "monthly"})

    assert back.status == 403
    assert back.form_with("Save").fields["rhythm-weekly"] == "monthly"
    assert subscription(service).rhythm is None


def test_too_many_posts_come_back_with_what_was_typed(
    make_app: Any, make_settings: Callable[..., Settings], record: str
) -> None:
    limited = Reader(make_app(make_settings(CLIENT_LIMIT="1/hour")).test_client())
    page = limited.open(record)
    send(limited, page, "Send that mail", address="x")
    back = send(limited, page, "Send that mail", address="new@example.org")

    assert back.status == 429
    assert back.form_with("Send that mail").fields["address"] == "new@example.org"


def test_a_stale_wording_comes_back_one_press_away(
    reader: Reader, theirs: str, service: Service
) -> None:
    add_newsletter(service)
    form = reader.open(theirs).form_with("Save")
    back = reader.post(
        form.action, {**form.fields, "newsletter": "alerts", "consent-alerts": "x", "was": ""}
    )

    assert back.status == 400
    assert "press again" in problem(back)
    assert 'value="alerts" checked' in back.html
    assert "please confirm" in save(reader, back).text


def test_a_fault_gives_everything_back(
    client: FlaskClient, reader: Reader, theirs: str, service: Service
) -> None:
    page = reader.open(theirs)
    with service.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE newsletters RENAME TO away"))
    back = save(reader, page, **{"rhythm-weekly": "monthly"})
    assert back.status == 503

    with service.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO newsletters"))
    reader.press(back)
    assert subscription(service).rhythm == "monthly"


def expire(monkeypatch: pytest.MonkeyPatch, days: int = 91) -> None:
    """Lets time go by for everything that is signed."""
    signer = links.URLSafeTimedSerializer.default_signer
    now = signer.get_timestamp
    monkeypatch.setattr(signer, "get_timestamp", lambda self: now(self) + days * 24 * 3600)


def test_an_old_link_can_be_had_anew_at_the_same_address(
    reader: Reader, theirs: str, inbox: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        expire(later)
        old = reader.open(theirs)
        assert old.status == 410
        assert "a new link is on its way" in reader.press(old).text
        assert inbox().recipients == ["anna@example.org"]
        path = urlsplit(re.findall(r"http\S+/preferences/\S+", inbox().text)[0]).path
        assert reader.open(path).status == 200


def test_an_old_link_of_nobody_is_answered_alike(
    reader: Reader, theirs: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire(monkeypatch)
    old = reader.open(theirs)
    there = reader.press(old)
    with service.database.writing() as session:
        records.erase(session, service.hasher, key_of(service), None, datetime.now(UTC))
    gone = reader.press(reader.open(theirs))

    assert gone.html == there.html
    assert reader.open(theirs).html == old.html


@pytest.fixture
def record(theirs: str, service: Service) -> str:
    """The path of the link that is mailed to who asks for all that is kept."""
    return record_of(service)


def record_of(service: Service) -> str:
    """The path of a link that was mailed to the one subscriber there is."""
    with service.database.reading() as session:
        token = service.links.record(session.scalars(select(Subscriber.id)).one())
    return f"/preferences/record/{token}"


def key_of(service: Service) -> str:
    with service.database.reading() as session:
        return session.scalars(select(Subscriber.key)).one()


@pytest.mark.parametrize("how", ["erased", "suppressed"])
def test_of_whoever_is_gone_the_page_says_only_that_nothing_is_kept(
    reader: Reader, theirs: str, service: Service, how: str
) -> None:
    page, record = reader.open(theirs), record_of(service)
    with service.database.writing() as session:
        if how == "erased":
            records.erase(session, service.hasher, key_of(service), None, datetime.now(UTC))
        else:
            key = key_of(service)
            session.add(Suppression(key=key, reason="complained", created_at=datetime.now(UTC)))

    for answer in (
        reader.open(theirs),
        reader.open(f"{record}/erase"),
        save(reader, page),
        send(reader, page, "Mail me that link"),
        reader.post(record, {"address": "new@example.org"}),
    ):
        assert answer.status == 410
        assert "There is nothing kept under this link any more" in answer.text


@pytest.mark.parametrize(
    "path", ["{}x", "{}/erase/more", "/preferences/", "/preferences/address/x"]
)
def test_a_cut_link_says_so(reader: Reader, theirs: str, path: str) -> None:
    assert reader.open(path.format(theirs[:-9])).status == 404


def test_the_address_changes_when_its_new_owner_presses(
    reader: Reader, record: str, service: Service, inbox: Callable[[], Any]
) -> None:
    asked = send(reader, reader.open(record), "Send that mail", address="new@example.org")
    assert "We send a mail to the new address" in asked.text
    mail = inbox()
    assert mail.recipients == ["new@example.org"]
    path = urlsplit(re.findall(r"http\S+/preferences/address/\S+", mail.text)[0]).path
    page = reader.open(path)
    assert state(service) == State.CONFIRMED
    done = reader.press(page)

    assert "Your address is changed" in done.text
    assert reader.open(path).html == done.html
    told = inbox()
    assert told.recipients == ["anna@example.org"]
    assert "new@example.org" not in told.raw.decode()
    (next_page,) = re.findall(r'<p><a href="(/preferences/[^"]+)"', done.html)
    assert "n…w@e…e.org" in reader.open(next_page).text


def test_the_answer_is_the_same_for_every_new_address(
    reader: Reader, record: str, service: Service
) -> None:
    subscribe(service, "taken@example.org")
    with service.database.writing() as session:
        never = parse("never@example.org")
        records.suppress(session, service.hasher, never, "test", datetime.now(UTC))
    answers = [
        reader.post(record, {"address": address})
        for address in ("new@example.org", "taken@example.org", "never@example.org")
    ]

    assert {(one.status, one.headers["Location"], one.html) for one in answers} == {
        (303, f"{record}?said=address", answers[0].html)
    }


@pytest.mark.parametrize("typed", ["", "anna", "a@b@c", "a@example.org\r\nBcc: x@y.org"])
def test_what_is_no_address_comes_back(reader: Reader, record: str, typed: str) -> None:
    back = send(reader, reader.open(record), "Send that mail", address=typed)

    assert back.status == 422
    assert problem(back)


def test_whoever_has_a_mail_that_was_passed_on_moves_nobody(
    reader: Reader, theirs: str, service: Service
) -> None:
    assert not [one for one in reader.open(theirs).forms if "address" in one.fields]
    reader.post(theirs, {"do": "address", "address": "mine@example.org"})
    as_if_mailed = theirs.replace("/preferences/", "/preferences/record/")
    answer = reader.post(as_if_mailed, {"address": "mine@example.org"})

    assert answer.status == 404
    with service.database.reading() as session:
        assert session.scalars(select(AddressChange)).all() == []


def test_all_that_is_kept_is_shown_behind_a_link_that_was_mailed(
    reader: Reader, client: FlaskClient, theirs: str, inbox: Callable[[], Any]
) -> None:
    assert "We send you a mail" in send(reader, reader.open(theirs), "Mail me that link").text
    path = urlsplit(re.findall(r"http\S+/preferences/record/\S+", inbox().text)[0]).path
    page = reader.open(path)
    assert "anna@example.org" in page.text
    assert "You agreed to this on" in page.text
    assert "by the link in our mail" in page.text
    assert "link that was asked for; sent" in page.text

    file = client.get(f"{path}/download")
    assert file.headers["Content-Disposition"] == 'attachment; filename="record.json"'
    assert json.loads(file.data)["address"] == "anna@example.org"


def test_a_record_is_not_opened_by_the_link_to_the_preferences(reader: Reader, theirs: str) -> None:
    assert reader.open(theirs.replace("/preferences/", "/preferences/record/")).status == 404


def test_the_record_of_who_is_gone_or_after_a_day_is_not_there(
    reader: Reader, theirs: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.database.reading() as session:
        token = service.links.record(session.scalars(select(Subscriber.id)).one())
    with monkeypatch.context() as later:
        expire(later, days=2)
        assert "too old" in reader.open(f"/preferences/record/{token}").text
    with service.database.writing() as session:
        records.erase(session, service.hasher, key_of(service), None, datetime.now(UTC))

    for path in (f"/preferences/record/{token}", f"/preferences/record/{token}/download"):
        assert reader.open(path).status == 410


def test_nobody_is_erased_by_a_link_that_is_passed_on_with_every_mail(
    client: FlaskClient, theirs: str, service: Service
) -> None:
    token = theirs.removeprefix("/preferences/")
    for path in (f"{theirs}/erase", f"/preferences/record/{token}/erase"):
        assert client.post(path, data={"never": "yes"}).status_code == 404

    assert state(service) == State.CONFIRMED


@pytest.mark.parametrize(("tick", "kept"), [({}, 0), ({"never": "yes"}, 1)])
def test_erasing_is_done_at_once_and_twice_is_once(
    reader: Reader, theirs: str, service: Service, tick: dict[str, str], kept: int
) -> None:
    send(reader, reader.open(theirs), "Mail me that link")
    (path,) = re.findall(r'href="([^"]+/erase[^"]*)"', reader.open(record_of(service)).html)
    page = reader.open(path)
    for _ in range(2):
        gone = reader.press(page, **tick)
        assert gone.status == 410

    with service.database.reading() as session:
        assert session.scalars(select(Subscriber)).all() == []
        assert session.scalars(select(Message)).all() == []
        assert len(session.scalars(select(Suppression)).all()) == kept


def test_who_signs_up_again_is_led_to_the_page(
    reader: Reader, theirs: str, inbox: Callable[[], Any]
) -> None:
    reader.sign_up("anna@example.org")

    assert reader.open(inbox().path("preferences")).status == 200


def test_a_link_that_was_asked_for_too_often_sends_no_more(
    reader: Reader, theirs: str, service: Service
) -> None:
    for _ in range(6):
        page = send(reader, reader.open(theirs), "Mail me that link")
    assert "You have had several mails from us today" in page.text

    with service.database.reading() as session:
        waiting = session.scalars(
            select(Message).where(Message.kind == "record", Message.state == MessageState.WAITING)
        ).all()
    assert len(waiting) == 3


@pytest.mark.parametrize("lang", ["fr", "es", "ar", "pt", "ru", "km", "my"])
def test_the_page_speaks_the_language_of_the_subscription(
    reader: Reader, service: Service, lang: str
) -> None:
    subscribe(service, "bo@example.org", lang)
    with service.database.reading() as session:
        token = service.links.preferences(session.scalars(select(Subscriber.id)).one())

    record = record_of(service)
    page = reader.open(f"/preferences/{token}")
    assert f'<html lang="{lang}"' in page.html

    with speaking(lang):
        complaint = gettext("Please type your e-mail address.")
    assert complaint in reader.post(record, {"address": ""}).html
    gone = reader.press(reader.open(f"{record}/erase"))
    assert f'<html lang="{lang}"' in gone.html
