"""The outbox in the console."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.samples import endorsed, invited
from tests.test_bounces import Post
from tests.web.console.conftest import EditorAtWork
from widgets import editors, letters, mailroom, outbox, reports
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.delivery import deliver_due, transport
from widgets.models import AuditEntry, BounceKind, Message, MessageState, Role
from widgets.service import Service
from widgets.settings import Settings

NOW = datetime.now(UTC)


@pytest.fixture
def service(app: Flask) -> Service:
    opened: Service = app.extensions["undersigned"]
    return opened


@pytest.fixture
def put(service: Service, anna: EditorAtWork) -> Callable[..., uuid.UUID]:
    """Puts a test message to Anna in, and makes it what the test needs."""
    deliver_due(
        service, transport(service), "here:1"
    )  # her sign-in, which is used already and so not sent

    def put(**values: object) -> uuid.UUID:
        with service.database.writing() as session:
            written = outbox.add(session, "test", NOW, send_at=NOW, editor_id=1)
            session.flush()
            message = session.get_one(Message, written)
            for name, value in values.items():
                setattr(message, name, value)
            return written

    return put


def refused(reason: str = "550 no such mailbox") -> dict[str, object]:
    return {"state": MessageState.REFUSED, "error": reason, "settled_at": NOW}


def message(service: Service, message_id: uuid.UUID) -> Message:
    with service.database.reading() as session:
        return session.get_one(Message, message_id)


def test_a_test_message_is_watched_until_it_is_sent(anna: EditorAtWork, service: Service) -> None:
    page = anna.fill(anna.open("/admin/mail"), "Send a test message to me")
    assert '<meta http-equiv="refresh" content="2">' in page.html
    assert "It waits to be sent." in page.text

    deliver_due(service, transport(service), "here:1")

    page = anna.open(page.path)
    assert "It was handed over to the mail relay." in page.text
    assert "refresh" not in page.html
    assert "A test message from Network of Tests" in anna.open("/mailbox").text


def test_messages_are_counted_and_shown_by_state_and_kind(
    anna: EditorAtWork, put: Callable[..., uuid.UUID]
) -> None:
    put()
    put(**refused())

    page = anna.open("/admin/mail?state=refused&kind=test")

    assert "3 all 1 waiting 0 sent 1 refused 1 never to be sent" in page.text
    assert "550 no such mailbox" in page.text
    assert page.text.count("anna@example.org") == 1
    assert "Nothing here" in anna.open("/admin/mail?state=refused&kind=sign-in").text


def test_every_kind_of_mail_has_a_name() -> None:
    assert set(mailroom.KINDS) == set(letters.KINDS)


def test_an_editor_does_not_see_addresses(
    put: Callable[..., uuid.UUID], new_editor: Callable[..., EditorAtWork]
) -> None:
    written = put(**refused())
    bela = new_editor("bela@example.org", Role.EDITOR)
    bela.sign_in()

    for path in ("/admin/mail", f"/admin/mail/{written}"):
        page = bela.open(path)
        assert "Anna" in page.text
        assert "anna@example.org" not in page.html


def test_a_refused_message_is_tried_again(
    anna: EditorAtWork, service: Service, put: Callable[..., uuid.UUID]
) -> None:
    written = put(**refused())
    page = anna.fill(anna.open(f"/admin/mail/{written}"), "Try again now")
    assert "It waits to be sent." in page.text

    deliver_due(service, transport(service), "here:1")

    assert message(service, written).state == MessageState.SENT
    with service.database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.kind, entry.subject) == ("tried again", "mail", str(written))


def test_all_that_were_refused_for_one_reason_are_tried_again(
    anna: EditorAtWork, service: Service, put: Callable[..., uuid.UUID]
) -> None:
    first, second = put(**refused("554 blocked")), put(**refused("554 blocked"))
    other = put(**refused())
    page = anna.fill(anna.open("/admin/mail?state=refused"), "Try all again")

    assert "2 messages are tried again now." in page.text
    assert {message(service, one).state for one in (first, second)} == {MessageState.WAITING}
    assert message(service, other).state == MessageState.REFUSED


def test_a_waiting_message_is_given_up_and_can_be_tried_again(
    anna: EditorAtWork, service: Service, put: Callable[..., uuid.UUID]
) -> None:
    written = put(not_before=NOW + timedelta(hours=2), attempts=3, error="451 later")
    page = anna.open(f"/admin/mail/{written}")
    assert "It is tried again at" in page.text
    assert "refresh" not in page.html

    page = anna.fill(page, "Give up")

    assert "given up in the console" in page.text
    assert "Try again now" in page.text
    assert message(service, written).state == MessageState.REFUSED


@pytest.mark.parametrize("press", ["Give up", "again"])
def test_a_message_that_is_being_sent_is_left_alone(
    anna: EditorAtWork, service: Service, put: Callable[..., uuid.UUID], press: str
) -> None:
    written = put()
    page = anna.open(f"/admin/mail/{written}")
    with service.database.writing() as session:
        outbox.claim(session, "here:2", datetime.now(UTC), timedelta(minutes=1), 5)
    path = f"/admin/mail/{written}/{'give-up' if press == 'Give up' else 'again'}"
    (form,) = [form for form in page.forms if "Give up" in form.buttons]

    page = anna.post(path, form.fields)

    assert page.status == 409
    assert "This message is being sent just now." in page.text
    assert message(service, written).leased_by == "here:2"


def test_a_settled_message_is_not_sent_twice(
    anna: EditorAtWork, service: Service, put: Callable[..., uuid.UUID]
) -> None:
    written = put(state=MessageState.SENT, settled_at=NOW)
    fields = anna.open(f"/admin/mail/{written}").forms[0].fields

    page = anna.post(f"/admin/mail/{written}/again", fields)

    assert page.status == 409
    assert "it can’t be tried again" in page.text


def test_a_relay_that_seems_down_is_told_with_its_last_answer(
    anna: EditorAtWork, put: Callable[..., uuid.UUID]
) -> None:
    assert "Nothing is late." in anna.open("/admin/mail").text
    soon = datetime.now(UTC) + timedelta(minutes=4)
    for _ in range(3):
        put(attempts=2, error="Connection refused", not_before=soon, created_at=soon)

    page = anna.open("/admin/mail")

    assert "The mail relay seems to be down: 3 messages could not be handed over" in page.text
    assert "It last said: Connection refused." in page.text
    assert "3 due. The oldest has waited since" in page.text


def test_one_strange_mailbox_is_no_relay_that_is_down(
    anna: EditorAtWork, put: Callable[..., uuid.UUID]
) -> None:
    put(attempts=2, error="451 mailbox is full", not_before=NOW + timedelta(hours=1))

    assert "seems to be down" not in anna.open("/admin/mail").text


def test_mail_that_nobody_takes_up_is_told(
    anna: EditorAtWork, put: Callable[..., uuid.UUID]
) -> None:
    put(not_before=NOW - timedelta(minutes=11))

    assert "1 message waits and nobody takes it up." in anna.open("/admin/mail").text


@pytest.mark.parametrize("path", ["", "/again", "/give-up"])
def test_a_message_that_is_not_there_is_a_404(anna: EditorAtWork, path: str) -> None:
    fields = anna.open("/admin/mail").forms[0].fields
    where = f"/admin/mail/{uuid.uuid4()}{path}"
    answer = anna.post(where, fields) if path else anna.open(where)

    assert answer.status == 404


@pytest.fixture
def back(service: Service) -> Post:
    """A reader who bounced, one who complained, and a member who could not be reached."""
    post = Post(service)
    post.now = NOW
    post.comes_back(
        post.issue(post.subscriber("reader@example.net")), status="5.1.1", reason="550 unknown"
    )
    complained = post.issue(post.subscriber("other@example.net"), 2)
    post.comes_back(complained, BounceKind.COMPLAINT)
    endorsed(service, ["Lamp Keepers"])
    asked = invited(service)
    with service.database.writing() as session:
        message = outbox.add(session, "invitation", NOW, send_at=NOW, invitation_id=asked)
    post.comes_back(message, BounceKind.POLICY, reason="550 5.7.1 blocked")
    return post


def test_what_came_back_is_counted_and_shown_with_its_reason(
    anna: EditorAtWork, back: Post
) -> None:
    page = anna.open("/admin/mail/came-back")

    assert "3 all 1 no mailbox 0 not now 1 called unwanted 1 refused us" in page.text
    assert "5.1.1 550 unknown" in page.text
    assert "reader@example.net" in page.text
    assert "asks a member to endorse" in page.text
    hard = anna.open("/admin/mail/came-back?kind=hard")
    assert "There is no such mailbox" in hard.text
    assert "other@example.net" not in hard.text
    assert "Nothing here" in anna.open("/admin/mail/came-back?kind=soft").text


def test_an_editor_does_not_see_whose_mail_came_back(
    back: Post, new_editor: Callable[..., EditorAtWork]
) -> None:
    bela = new_editor("bela@example.org", Role.EDITOR)
    bela.sign_in()

    page = bela.open("/admin/mail/came-back")

    assert "550 unknown" in page.text
    assert "a reader" in page.text
    assert "example.net" not in page.html
    assert "/admin/subscribers/" not in page.html


def test_a_mailbox_that_can_not_be_read_is_told_to_editors(
    make_app: Callable[..., Flask],
    make_settings: Callable[..., Settings],
    tmp_path: Path,
) -> None:
    app = make_app(make_settings(REPORTS_URL=f"maildir://{tmp_path / 'none'}"))
    opened: Service = app.extensions["undersigned"]
    stopping = threading.Event()
    stopping.set()
    reports.run(opened, stopping)
    with opened.database.writing() as session:
        address = parse("carla@example.org")
        editors.add(session, address, "Carla", Role.EDITOR, COMMAND_LINE, NOW)
    carla = EditorAtWork(app, "carla@example.org")
    carla.sign_in()

    page = carla.open("/admin/mail/came-back")

    assert "can’t be read" in page.text
    assert "No such file" in page.text


def test_who_bounced_is_written_to_again_when_an_administrator_says_so(
    anna: EditorAtWork, back: Post
) -> None:
    key = back.service.hasher.address(parse("reader@example.net"))
    page = anna.open(f"/admin/subscribers/{key}")
    assert "(bounced) and until" in page.text
    assert "5.1.1 550 unknown" in page.text

    page = anna.fill(page, "Write to them again")

    assert "They are written to again." in page.text
    assert "confirmed" in page.text
    assert not back.is_suppressed("reader@example.net")


def test_who_complained_can_only_be_let_sign_up_again(anna: EditorAtWork, back: Post) -> None:
    key = back.service.hasher.address(parse("other@example.net"))
    page = anna.open(f"/admin/subscribers/{key}")
    assert "Write to them again" not in page.text

    page = anna.fill(page, "Let it sign up again")

    assert "unsubscribed" in page.text
    assert not back.is_suppressed("other@example.net")


def test_an_issue_that_takes_its_time_is_no_cause_for_alarm(
    service: Service, put: Callable[..., uuid.UUID]
) -> None:
    put(is_bulk=True, not_before=NOW - timedelta(hours=1), created_at=NOW - timedelta(hours=1))
    with service.database.reading() as session:
        health = mailroom.health(session, NOW)
    assert (health.late, health.untouched) == (0, 0)
