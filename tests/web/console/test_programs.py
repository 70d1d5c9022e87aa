"""Keys for programs, and whom we tell what happens: for administrators."""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select

from tests.actors import wait_until
from tests.strangers import Says, Stranger
from tests.web.console.conftest import EditorAtWork
from widgets.models import ApiKey, AuditEntry, CallState, Webhook, WebhookCall
from widgets.service import Service
from widgets.settings import Settings
from widgets.webhook_delivery import Delivery, policy

PATH = "/admin/programs"


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(WEBHOOK_ALLOW_PRIVATE=True)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger({"/hook": Says()}) as server:
        yield server


def shown_secret(html: str) -> str:
    return re.findall(r'<p class="secret"><code>([^<]+)</code>', html)[0]


def actions(service: Service, kind: str) -> list[str]:
    with service.database.reading() as session:
        query = select(AuditEntry.action).where(AuditEntry.kind == kind).order_by(AuditEntry.id)
        return list(session.scalars(query))


def tell(service: Service) -> None:
    delivery = Delivery(service, policy(service.settings), "here:1")
    wait_until(lambda: not delivery.step() and delivery.is_idle(), 20, "all to be told")


def test_programs_are_for_administrators(new_editor: Callable[..., EditorAtWork]) -> None:
    bo = new_editor("bo@example.org")
    bo.sign_in()

    for path in (PATH, f"{PATH}/webhooks/new", f"{PATH}/webhooks/1"):
        assert bo.open(path).status == 403
    assert "Programs" not in bo.open("/admin").text


def test_a_key_is_shown_once_opens_the_door_and_is_revoked(
    anna: EditorAtWork, app: Flask, service: Service
) -> None:
    made = anna.fill(anna.open(PATH), "Make a key", name="The CRM")
    key = shown_secret(made.html)
    bearer = {"Authorization": f"Bearer {key}"}

    assert made.status == 201
    assert key not in anna.open(PATH).html
    assert app.test_client().get("/api/v1/members", headers=bearer).status_code == 200
    page = anna.open(PATH)
    assert "The CRM" in page.text
    assert "Last used" in page.text
    assert "opens nothing any more" in anna.fill(page, "Revoke").text
    assert app.test_client().get("/api/v1/members", headers=bearer).status_code == 401
    assert actions(service, "key") == ["made", "revoked"]


def test_a_key_may_write_only_where_that_is_ticked(anna: EditorAtWork, service: Service) -> None:
    anna.fill(anna.open(PATH), "Make a key", name="Reads")
    anna.fill(anna.open(PATH), "Make a key", name="Writes", write="yes")

    with service.database.reading() as session:
        assert [key.may_write for key in session.scalars(select(ApiKey))] == [False, True]


@pytest.mark.parametrize("name", ["", "\u200b", "x" * 101])
def test_a_key_without_a_proper_name_is_not_made_and_what_was_typed_stays(
    anna: EditorAtWork, service: Service, name: str
) -> None:
    page = anna.fill(anna.open(PATH), "Make a key", name=name, write="yes")

    assert page.status == 422
    assert page.form_with("Make a key").fields["write"] == "yes"
    assert actions(service, "key") == []


def test_a_webhook_is_added_with_a_secret_that_is_shown_once(
    anna: EditorAtWork, service: Service, stranger: Stranger
) -> None:
    made = anna.fill(
        anna.open(f"{PATH}/webhooks/new"), "Add", url=stranger.url("/hook"),
        events="subscriber.confirmed",
    )  # fmt: skip
    secret = shown_secret(made.html)

    with service.database.reading() as session:
        kept = session.scalars(select(Webhook)).one()
    assert (kept.secret, kept.events) == (secret, ["subscriber.confirmed"])
    assert stranger.url("/hook") in anna.open(PATH).text
    assert secret not in anna.open(f"{PATH}/webhooks/1").html
    assert actions(service, "webhook") == ["added"]


def test_a_wrong_address_comes_back_with_what_was_chosen(
    anna: EditorAtWork, service: Service
) -> None:
    page = anna.fill(
        anna.open(f"{PATH}/webhooks/new"), "Add", url="ftp://crm", events="statement.published"
    )

    assert page.status == 422
    assert "not an address that begins with" in page.text
    assert page.form_with("Add").fields["url"] == "ftp://crm"
    assert page.form_with("Add").fields["events"] == "statement.published"


def added(anna: EditorAtWork, stranger: Stranger) -> str:
    """The path of a webhook."""
    page = anna.open(f"{PATH}/webhooks/new")
    anna.fill(page, "Add", url=stranger.url("/hook"))
    return f"{PATH}/webhooks/1"


def test_a_test_event_shows_whether_it_arrives(
    anna: EditorAtWork, service: Service, stranger: Stranger
) -> None:
    path = added(anna, stranger)

    assert "waiting" in anna.fill(anna.open(path), "Send a test event").text
    tell(service)

    assert b'"webhook.test"' in stranger.sent[0]
    assert "told 200" in anna.open(path).text


def test_what_failed_is_shown_with_its_reason_and_can_be_tried_again(
    anna: EditorAtWork, service: Service, stranger: Stranger
) -> None:
    path = added(anna, stranger)
    stranger.answers["/hook"] = Says(status=500)
    anna.fill(anna.open(path), "Send a test event")
    tell(service)

    page = anna.open(path)
    assert "the server answered 500" in page.text
    assert "It has taken nothing since" in page.text
    assert "failing" in anna.open(PATH).text
    stranger.answers["/hook"] = Says()
    anna.fill(page, "Try it again")
    tell(service)
    assert "told 200" in anna.open(path).text


def test_a_webhook_that_disabled_itself_says_why_and_is_enabled_again(
    anna: EditorAtWork, service: Service, stranger: Stranger
) -> None:
    path = added(anna, stranger)
    stranger.answers["/hook"] = Says(status=410)
    anna.fill(anna.open(path), "Send a test event")
    tell(service)

    page = anna.open(path)
    assert "it said that it is gone for good (410)" in page.text
    assert "Send a test event" not in page.text
    assert "it said that it is gone for good (410)" in anna.open(PATH).text
    anna.fill(page, "Enable it")
    assert "Send a test event" in anna.open(path).text
    anna.fill(anna.open(path), "Disable it")
    assert "by Anna" in anna.open(path).text
    assert actions(service, "webhook") == ["added", "enabled", "disabled"]


def test_secrets_are_changed_over(anna: EditorAtWork, service: Service, stranger: Stranger) -> None:
    path = added(anna, stranger)

    new = shown_secret(anna.fill(anna.open(path), "Make a new secret").html)
    with service.database.reading() as session:
        assert len(session.scalars(select(Webhook.secret)).one().split()) == 2
    anna.fill(anna.open(path), "Forget the old secret")
    with service.database.reading() as session:
        assert session.scalars(select(Webhook.secret)).one() == new
    assert "Forget the old secret" not in anna.open(path).text


def test_a_webhook_is_changed_and_deleted(
    anna: EditorAtWork, service: Service, stranger: Stranger
) -> None:
    path = added(anna, stranger)
    page = anna.open(f"{path}/change")
    anna.fill(page, "Save", url="https://crm.example/x", events="statement.published")
    assert "https://crm.example/x" in anna.open(path).text

    assert "deleted" in anna.fill(anna.open(path), "Delete it").text
    assert anna.open(path).status == 404
    assert actions(service, "webhook") == ["added", "changed", "deleted"]


def test_an_old_page_does_no_harm(anna: EditorAtWork, service: Service, stranger: Stranger) -> None:
    path = added(anna, stranger)
    old = anna.open(path)
    with service.database.writing() as session:
        session.add(
            WebhookCall(
                id=uuid.uuid4(), webhook_id=1, event="webhook.test", payload={},
                state=CallState.FAILED, not_before=datetime.now(UTC), attempts=1,
                created_at=datetime.now(UTC),
            )
        )  # fmt: skip
    failing = anna.open(path)
    anna.fill(old, "Disable it")

    assert anna.fill(old, "Send a test event").status == 409
    assert anna.fill(failing, "Try it again").status == 409
    anna.fill(old, "Delete it")
    for button in ("Send a test event", "Disable it", "Make a new secret"):
        assert anna.fill(old, button).status == 404
    assert anna.fill(failing, "Try it again").status == 404
