"""Everything a reader can send, and everything that can go wrong with it."""

import html
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from tests.actors import Page, Reader, Relay, free_port, quiet_port
from widgets import links, newsletters, records
from widgets.addresses import parse
from widgets.delivery import deliver_due, transport
from widgets.models import Consent, Database, Message, SignUp, State, Subscriber, Subscription
from widgets.service import Service
from widgets.settings import Settings
from widgets.text import clean
from widgets.web import forms

FORM = "/embed/newsletters/weekly"
SANDBOXED = {"Origin": "null"}


@pytest.fixture
def settings(make_settings: Callable[..., Settings], relay: Relay) -> Settings:
    return make_settings(SMTP_URL=relay.url, MAIL_FROM="news@network.example")


@pytest.fixture
def reader(client: FlaskClient) -> Reader:
    """In a frame that is sandboxed, as the tightest of snippets has it."""
    return Reader(client, SANDBOXED)


@pytest.fixture
def inbox(service: Service, relay: Relay) -> Callable[[], Any]:
    """Has the mail delivered; the newest of it."""

    def newest() -> Any:
        post = transport(service)
        deliver_due(service, post, "here:1", clock=lambda: datetime.now(UTC) + timedelta(hours=1))
        post.close()
        return relay.delivered[-1]

    return newest


def state(service: Service) -> str | None:
    with service.database.reading() as session:
        return session.scalar(select(Subscription.state))


def count(service: Service, model: type) -> int:
    with service.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def problem(page: Page) -> str:
    found = re.search(r'role="alert">([^<]*)<', page.html)
    return html.unescape(found[1]) if found else ""


def test_from_the_form_to_a_subscription_by_the_code(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    waiting = reader.sign_up("anna@example.org", f"{FORM}?site=lamp-keepers&theme=dark")
    assert "Check your inbox" in waiting.text
    assert state(service) == State.PENDING

    done = reader.press(waiting, code=inbox().code)

    assert "You are subscribed" in done.text
    assert state(service) == State.CONFIRMED
    with service.database.reading() as session:
        consent = session.scalars(select(Consent)).one()
    assert (consent.site, consent.method) == ("lamp-keepers", "code")


def test_from_the_form_to_a_subscription_by_the_link(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign_up("anna@example.org")
    asked = reader.open(inbox().path("confirm"))
    assert asked.form.method == "post"
    assert state(service) == State.PENDING  # opening it confirmed nothing

    done = reader.press(asked)

    assert "You are subscribed" in done.text
    assert state(service) == State.CONFIRMED


def test_the_acknowledgement_is_a_redirect_that_can_be_reloaded(reader: Reader) -> None:
    form = reader.open(FORM).form
    answer = reader.post(form.action, {**form.fields, "address": "anna@example.org"})

    assert answer.status == 303
    assert answer.headers["Location"].startswith(f"{FORM}/inbox/")
    again = [reader.open(answer.headers["Location"]).html for _ in range(2)]
    assert again[0] == again[1]


def test_the_look_goes_along_from_page_to_page(reader: Reader, inbox: Callable[[], Any]) -> None:
    query = "?accent=006600&site=lamp-keepers&theme=dark"
    waiting = reader.sign_up("anna@example.org", FORM + query)
    assert waiting.path.endswith(query)

    assert reader.press(waiting, code=inbox().code).path.endswith(query)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Please type your e-mail address."),
        ("   ", "Please type your e-mail address."),
        ("anna", "has an @ in it"),
        ("anna@", "does not look like"),
        ("@example.org", "does not look like"),
        ("anna@localhost", "does not look like"),
        ("anna@example..org", "does not look like"),
        ("a@example.org, b@example.org", "Please type one address"),
        ("a@example.org b@example.org", "Please type one address"),
        (f"{'a' * 250}@example.org", "longer than an e-mail address can be"),
        (f"{'a' * 65}@example.org", "longer than an e-mail address can be"),
        ("anna@example.org\r\nBcc: all@example.org", "one line"),
        ("anna@example.org\0", "one line"),
        ("anna@example.org%0aBcc:x", "does not look like"),
        ("<script>@example.org", "does not look like"),
        ('"anna o\'neil"@example.org', "can’t be used here"),
        ("=?utf-8?q?a=0D=0ABcc=3A_x=40evil.org?=@example.com", "can’t be used here"),
        ("=?utf-7?q?+2AA-?=@example.org", "can’t be used here"),
    ],
)
def test_what_is_no_address_comes_back_with_a_sentence(
    reader: Reader, service: Service, typed: str, sentence: str
) -> None:
    page = reader.sign_up(typed)

    assert page.status == 422
    assert sentence in problem(page)
    assert page.form.fields["address"] == clean(typed)
    assert page.html.startswith("<!doctype html>")
    assert count(service, SignUp) == 0


@pytest.mark.parametrize("raw", [b"%ff%fe@example.org", b"\xff\x00@example.org", b"a%00@b.org"])
def test_what_is_not_utf_8_comes_back_with_a_sentence_too(
    client: FlaskClient, reader: Reader, service: Service, raw: bytes
) -> None:
    token = reader.open(FORM).form.fields["token"]
    kind = "application/x-www-form-urlencoded"
    body = b"token=" + token.encode() + b"&address=" + raw
    answer = client.post(FORM, data=body, content_type=kind)

    assert answer.status_code == 422
    assert "e-mail address" in answer.text.lower()
    assert count(service, SignUp) == 0


@pytest.mark.parametrize(
    "typed",
    [
        "anna@example.org",
        " Anna@Example.ORG ",
        '"anna"@example.org',
        "δοκιμή@παράδειγμα.gr",
        "用户@例え.jp",
        "o'brien+weekly@example.co.uk",
    ],
)
def test_addresses_of_all_kinds_are_taken(reader: Reader, service: Service, typed: str) -> None:
    assert "Check your inbox" in reader.sign_up(typed).text
    assert count(service, Message) == 1


def test_a_form_that_stood_open_for_days_comes_back_filled_in_one_press_away(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    stood_open = reader.open(FORM)
    days = (links.FORM_FOR_HOURS + 2) * 3600
    monkeypatch.setattr(forms.time, "time", lambda now=time.time: now() + days)

    back = reader.press(stood_open, address="anna@example.org")
    assert back.status == 400
    assert "open for a long time" in problem(back)
    assert back.form.fields["address"] == "anna@example.org"
    assert "Check your inbox" in reader.press(back).text


@pytest.mark.parametrize("token", [None, "", "x", "AAAA.BBBB", "\0", "é" * 5000])
def test_a_forged_or_missing_token_gives_the_form_back(
    reader: Reader, service: Service, token: str | None
) -> None:
    fields = {"address": "anna@example.org"} | ({} if token is None else {"token": token})
    back = reader.post(FORM, fields)

    assert back.status == 400
    assert back.form.fields["address"] == "anna@example.org"
    assert count(service, SignUp) == 0
    assert "Check your inbox" in reader.press(back).text


def test_a_token_of_another_newsletter_or_key_is_not_taken(
    reader: Reader, service: Service
) -> None:
    hour = forms.this_hour()
    for token in (
        service.links.form("another", 1, hour),
        links.Links(["another key"]).form("weekly", 1, hour),
        service.links.form("weekly", 1, hour + 48),
    ):
        assert reader.post(FORM, {"address": "a@example.org", "token": token}).status == 400


def test_a_form_signed_with_the_key_before_still_works(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    before = Reader(make_app(make_settings(SECRET_KEY="the key before")).test_client())
    after = Reader(
        make_app(
            make_settings(SECRET_KEY="the key after", SECRET_KEY_FALLBACKS=["the key before"])
        ).test_client()
    )
    waiting = after.press(before.open(FORM), address="anna@example.org")

    assert "Check your inbox" in waiting.text


def test_the_honeypot_is_answered_like_everybody_and_keeps_nothing(
    reader: Reader, service: Service
) -> None:
    caught = reader.press(reader.open(FORM), address="anna@example.org", subject="Buy")
    assert count(service, Subscriber) == 0

    person = reader.sign_up("anna@example.org")
    assert caught.html.replace(_token(caught), "") == person.html.replace(_token(person), "")


def _token(page: Page) -> str:
    found = re.search(r"inbox/[^\"?]+", page.html)
    assert found
    return found[0]


def test_another_sites_page_cannot_send_for_the_reader(client: FlaskClient) -> None:
    foreign = Reader(client, {"Origin": "https://evil.example"})
    back = foreign.sign_up("anna@example.org")

    assert back.status == 403
    assert back.form.fields["address"] == "anna@example.org"


def test_a_script_cannot_send_for_the_reader(client: FlaskClient) -> None:
    script = Reader(client, {"Sec-Fetch-Mode": "cors", "Origin": "null"})

    assert script.sign_up("anna@example.org").status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Origin": "null", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_our_own_form_is_taken_wherever_it_was_shown(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    assert "Check your inbox" in Reader(client, headers).sign_up("anna@example.org").text


def test_too_many_sign_ups_from_one_client_give_the_form_back(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(CLIENT_LIMIT="2/minute"))
    reader = Reader(app.test_client())
    pages = [reader.sign_up(f"reader{number}@example.org") for number in range(3)]

    assert [page.status for page in pages] == [200, 200, 429]
    assert pages[2].form.fields["address"] == "reader2@example.org"
    assert "in a minute" in problem(pages[2])


def test_behind_a_trusted_proxy_each_client_has_its_own_limit(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(CLIENT_LIMIT="1/minute", TRUSTED_PROXIES=1))
    client = app.test_client()
    one = Reader(client, {"X-Forwarded-For": "192.0.2.1"})
    other = Reader(client, {"X-Forwarded-For": "192.0.2.2"})

    assert one.sign_up("a@example.org").status == 200
    assert one.sign_up("a@example.org").status == 429
    assert other.sign_up("a@example.org").status == 200


def test_a_client_cannot_choose_its_own_address(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    client = make_app(make_settings(CLIENT_LIMIT="1/minute")).test_client()

    assert Reader(client, {"X-Forwarded-For": "192.0.2.1"}).sign_up("a@b.org").status == 200
    assert Reader(client, {"X-Forwarded-For": "192.0.2.2"}).sign_up("a@b.org").status == 429


@pytest.mark.parametrize("silent", [True, False])
def test_a_valkey_that_is_away_keeps_nobody_out(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings], silent: bool
) -> None:
    with quiet_port() as port:
        valkey = f"valkey://127.0.0.1:{port if silent else free_port()}"
        app = make_app(make_settings(CLIENT_LIMIT="1/minute", LIMIT_STORAGE=valkey))
        assert "Check your inbox" in Reader(app.test_client()).sign_up("anna@example.org").text


def test_any_fault_at_all_gives_the_form_back(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = reader.open(FORM)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as broken:
        broken.setattr(newsletters, "sign_up", fail)
        back = reader.press(form, address="anna@example.org")

    assert back.status == 503
    assert back.form.fields["address"] == "anna@example.org"


def test_a_body_larger_than_any_form_is_refused(client: FlaskClient, service: Service) -> None:
    answer = client.post(FORM, data={"address": "a" * 70_000})

    assert answer.status_code == 413
    assert count(service, SignUp) == 0


class Broken:
    """A database that fails when it is written to, or at all."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch, *, reads: bool) -> None:
        def fail(*_: object) -> None:
            raise OperationalError("BEGIN", {}, Exception("disk is full"))

        monkeypatch.setattr(Database, "writing", fail)
        if not reads:
            monkeypatch.setattr(Database, "reading", fail)


@pytest.mark.parametrize("reads", [True, False])
def test_a_database_that_fails_gives_the_form_back_and_acknowledges_nothing(
    reader: Reader, service: Service, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    form = reader.open(FORM)
    with monkeypatch.context() as broken:
        Broken(service, broken, reads=reads)
        back = reader.press(form, address="anna@example.org")

    assert back.status == 503
    assert back.form.fields["address"] == "anna@example.org"
    assert "Nothing is lost" in problem(back)
    assert "Check your inbox" in reader.press(back).text  # and now it works


@pytest.mark.parametrize("reads", [True, False])
def test_a_database_that_fails_gives_the_code_back(
    reader: Reader, inbox: Callable[[], Any], service: Service, reads: bool
) -> None:
    waiting = reader.sign_up("anna@example.org")
    code = inbox().code
    with pytest.MonkeyPatch.context() as broken:
        Broken(service, broken, reads=reads)
        back = reader.press(waiting, code=code)

    assert back.status == 503
    assert back.form.fields["code"] == code
    assert "You are subscribed" in reader.press(back).text


def test_a_database_that_fails_leaves_the_confirming_button_to_be_pressed_again(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign_up("anna@example.org")
    asked = reader.open(inbox().path("confirm"))
    with pytest.MonkeyPatch.context() as broken:
        Broken(service, broken, reads=False)
        back = reader.press(asked)

    assert back.status == 503
    assert back.form.buttons == ["Try again"]
    assert "You are subscribed" in reader.press(back).text


def test_a_wrong_code_comes_back_and_the_right_one_still_works(
    reader: Reader, inbox: Callable[[], Any]
) -> None:
    waiting = reader.sign_up("anna@example.org")
    back = reader.press(waiting, code="12345")

    assert back.status == 422
    assert back.form.fields["code"] == "12345"
    assert "You are subscribed" in reader.press(back, code=inbox().code).text


def test_after_five_wrong_codes_a_new_one_is_a_press_away(
    reader: Reader, inbox: Callable[[], Any]
) -> None:
    page = reader.sign_up("anna@example.org")
    for _ in range(5):
        page = reader.press(page, code="000000")
    assert page.form.buttons == ["Send a new code"]

    fresh = reader.press(page)
    assert "Check your inbox" in fresh.text
    assert "You are subscribed" in reader.press(fresh, code=inbox().code).text


@pytest.mark.parametrize("code", ["", " ", "\0", "1" * 5000, "١٢٣", "<b>", "½²③"])
def test_a_code_can_be_anything_and_is_then_just_wrong(reader: Reader, code: str) -> None:
    assert reader.press(reader.sign_up("anna@example.org"), code=code).status == 422


def test_an_old_inbox_page_leads_back_to_the_form(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = reader.sign_up("anna@example.org")
    _in_the_future(monkeypatch, links.CODE_FOR + timedelta(minutes=1))
    page = reader.press(waiting, code="123456")

    assert page.status == 410
    assert f'href="{FORM}"' in page.html


def _in_the_future(monkeypatch: pytest.MonkeyPatch, later: timedelta) -> None:
    """itsdangerous reads the clock through time.time."""
    now = time.time() + later.total_seconds()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now)


def test_confirming_twice_says_kindly_that_it_is_done(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign_up("anna@example.org")
    asked = reader.open(inbox().path("confirm"))
    reader.press(asked)
    twice = reader.press(asked)

    assert twice.status == 200
    assert "You are subscribed" in twice.text
    assert count(service, Consent) == 1


def test_confirming_after_leaving_says_so_and_offers_the_form(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign_up("anna@example.org")
    mail = inbox()
    asked = reader.open(mail.path("confirm"))
    reader.press(reader.open(mail.path("unsubscribe")))
    late = reader.press(asked)

    assert late.status == 410
    assert "You have left since then" in late.text
    assert 'href="/#newsletter"' in late.html
    assert state(service) == State.UNSUBSCRIBED


def test_confirming_after_a_week_says_so_and_offers_the_form(
    reader: Reader, inbox: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.sign_up("anna@example.org")
    path = inbox().path("confirm")
    _in_the_future(monkeypatch, links.CONFIRM_FOR + timedelta(minutes=1))
    for late in (reader.open(path), reader.post(path)):
        assert late.status == 410
        assert "This link is too old" in late.text
        assert 'href="/#newsletter"' in late.html


def test_a_link_that_was_cut_off_anywhere_says_so(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign_up("anna@example.org")
    path = inbox().path("confirm")
    for length in range(len("/confirm/") + 1, len(path)):
        assert reader.open(path[:length]).status == 404
        assert reader.post(path[:length]).status == 404
    assert "not complete" in reader.open(path[:-3]).text
    assert state(service) == State.PENDING


def test_leaving_asks_by_get_and_acts_by_post(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.press(reader.sign_up("anna@example.org"), code=inbox().code)
    asked = reader.open(inbox().path("unsubscribe"))
    assert state(service) == State.CONFIRMED

    left = reader.press(asked)
    assert "You have left" in left.text
    assert state(service) == State.UNSUBSCRIBED


def test_a_mail_programs_one_click_is_enough(
    client: FlaskClient, reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.press(reader.sign_up("anna@example.org"), code=inbox().code)
    header = inbox().mail["List-Unsubscribe"]
    path = "/" + header.strip("<>").split("/", 3)[3]
    answer = client.post(path, data={"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200  # RFC 8058 §3.2: no redirect
    assert state(service) == State.UNSUBSCRIBED
    again = client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert again.status_code == 200


def test_leaving_works_from_the_oldest_mail(
    reader: Reader, inbox: Callable[[], Any], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.sign_up("anna@example.org")
    path = inbox().path("unsubscribe")
    _in_the_future(monkeypatch, timedelta(days=3650))

    assert "You have left" in reader.press(reader.open(path)).text


def test_a_stranger_cannot_make_anybody_leave(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.press(reader.sign_up("anna@example.org"), code=inbox().code)
    path = inbox().path("unsubscribe")
    forged = path[:-4] + ("AAAA" if not path.endswith("AAAA") else "BBBB")

    assert reader.post(forged).status == 404
    assert state(service) == State.CONFIRMED


def test_a_link_of_one_purpose_serves_no_other(
    reader: Reader, inbox: Callable[[], Any], service: Service
) -> None:
    reader.sign_up("anna@example.org")
    mail = inbox()
    confirm, leave = (mail.path(kind).split("/", 2)[2] for kind in ("confirm", "unsubscribe"))

    assert reader.post(f"/unsubscribe/{confirm}").status == 404
    assert reader.post(f"/confirm/{leave}").status == 404
    assert reader.post(f"{FORM}/inbox/{confirm}").status == 404


def test_every_address_gets_the_same_answer(
    reader: Reader, inbox: Callable[[], Any], service: Service, app: Flask
) -> None:
    hasher = service.hasher
    reader.sign_up("pending@example.org")
    reader.press(reader.sign_up("confirmed@example.org"), code=inbox().code)
    reader.press(reader.sign_up("left@example.org"), code=inbox().code)
    reader.press(reader.open(inbox().path("unsubscribe")))
    with service.database.writing() as session:
        suppressed = parse("suppressed@example.org")
        records.suppress(session, hasher, suppressed, "test", datetime.now(UTC))
    answers = set()
    for who in ("new", "pending", "confirmed", "left", "suppressed"):
        page = reader.sign_up(f"{who}@example.org")
        headers = tuple(h for h in page.headers if h[0] not in ("Date", "Content-Length"))
        answers.add((page.status, headers, page.html.replace(_token(page), "")))
        wrong = reader.press(page, code="12345")
        answers.add(("wrong", wrong.status, wrong.html.replace(_token(wrong), "")))

    assert len(answers) == 2


def test_links_in_mail_come_from_the_base_url_whatever_the_request_says(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings], relay: Relay
) -> None:
    app = make_app(
        make_settings(
            SMTP_URL=relay.url, MAIL_FROM="n@network.example", BASE_URL="http://network.test"
        )
    )
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    Reader(app.test_client(), evil).sign_up("anna@example.org")
    service: Service = app.extensions["undersigned"]
    deliver_due(service, transport(service), "here:1")

    (mail,) = relay.delivered
    assert mail.link("confirm").startswith("http://network.test/confirm/")
    assert b"evil" not in mail.raw


def test_an_unknown_newsletter_is_a_small_404_and_keeps_nothing(reader: Reader) -> None:
    assert reader.open("/embed/newsletters/nothing").status == 404
    assert reader.post("/embed/newsletters/nothing", {"address": "a@example.org"}).status == 404


def test_the_page_of_a_subscription_can_be_opened_by_anybody_and_tells_nothing(
    reader: Reader,
) -> None:
    assert "You are subscribed" in reader.open(f"{FORM}/subscribed").text
