"""What is kept is kept for a time, and goes in small steps."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from tests.test_newsletters import NOW, Desk
from tests.test_preferences import Chooser
from widgets import forgetting
from widgets.models import (
    CallState,
    Consent,
    Digest,
    DigestState,
    Message,
    MessageState,
    Newsletter,
    SignUp,
    State,
    Subscriber,
    Subscription,
    Suppression,
    Webhook,
    WebhookCall,
)
from widgets.service import Service, make_ready, open_service
from widgets.settings import Settings


@pytest.fixture
def desk(service: Service) -> Chooser:
    return Chooser(service)


def test_the_evidence_of_who_left_is_kept_as_long_as_is_set_and_no_longer(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.confirm(sign_up)
    desk.leave(sign_up)
    desk.now += timedelta(days=3 * 365)
    assert desk.forget() == 0
    assert len(desk.consents()) == 1
    desk.now += timedelta(days=1)

    assert desk.forget() == 1
    assert [desk.count(one) for one in (Subscriber, Subscription, SignUp, Consent)] == [0] * 4


def test_how_long_that_is_can_be_set(
    make_settings: Callable[..., Settings],
) -> None:
    service = open_service(make_settings(EVIDENCE_DAYS=10, UNCONFIRMED_DAYS=3))
    make_ready(service)
    desk = Desk(service)
    desk.confirm(left := desk.sign_up("left@example.org"))
    desk.leave(left)
    desk.sign_up("never@example.org")
    desk.now += timedelta(days=4)
    assert desk.forget() == 1
    desk.now += timedelta(days=7)
    assert desk.forget() == 1
    service.database.close()


def test_who_complained_is_forgotten_but_for_the_keyed_hash(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.confirm(sign_up)
    desk.become(sign_up, State.COMPLAINED)
    with desk.service.database.writing() as session:
        key = session.scalars(select(Subscriber.key)).one()
        session.add(Suppression(key=key, reason="complained", created_at=NOW))
    desk.now += timedelta(days=3 * 365 + 1)

    assert desk.forget() == 1
    assert desk.count(Suppression) == 1


def test_a_consent_that_was_given_anew_outlives_the_one_that_was_withdrawn(desk: Desk) -> None:
    first = desk.sign_up()
    desk.confirm(first)
    desk.leave(first)
    desk.now += timedelta(days=3 * 365)
    desk.confirm(desk.sign_up())
    desk.now += timedelta(days=1)

    assert desk.forget() == 0
    assert [one.withdrawn_at for one in desk.consents()] == [None]


def test_who_asks_again_after_years_is_not_forgotten_before_confirming(desk: Desk) -> None:
    first = desk.sign_up()
    desk.confirm(first)
    desk.leave(first)
    desk.now += timedelta(days=4 * 365)
    again = desk.sign_up()
    assert desk.forget() == 0

    assert desk.confirm(again) is not None
    assert desk.state(again) == State.CONFIRMED


def settle(desk: Desk, state: MessageState) -> None:
    with desk.service.database.writing() as session:
        for message in session.scalars(select(Message)):
            message.state, message.settled_at = state, desk.now


@pytest.mark.parametrize("state", [MessageState.SENT, MessageState.REFUSED, MessageState.VOID])
def test_what_was_sent_to_whom_is_forgotten_when_it_is_settled(
    desk: Desk, state: MessageState
) -> None:
    desk.confirm(desk.sign_up())
    settle(desk, state)
    desk.sign_up()  # which is not settled
    desk.now += timedelta(days=31)
    desk.forget()

    assert [message.state for message in desk.messages()] == [MessageState.WAITING]
    assert desk.count(SignUp) == 2


def test_a_code_still_works_as_long_as_its_mail_is_kept(desk: Desk) -> None:
    sign_up = desk.sign_up()
    settle(desk, MessageState.SENT)
    desk.now += timedelta(hours=23)
    desk.forget()

    desk.type_code(sign_up)
    assert desk.state(sign_up) == State.CONFIRMED


@pytest.mark.parametrize(
    ("state", "left"), [(DigestState.SENT, 0), (DigestState.STOPPED, 1), (DigestState.SENDING, 1)]
)
def test_the_messages_of_an_issue_are_kept_until_it_is_finished(
    desk: Chooser, state: DigestState, left: int
) -> None:
    who = desk.subscribed()
    with desk.service.database.writing() as session:
        newsletter = session.scalars(select(Newsletter.id)).one()
        digest = Digest(
            id=uuid.uuid4(),
            newsletter_id=newsletter,
            rhythm="weekly",
            state=state,
            created_at=NOW,
            changed_at=NOW,
        )
        session.add(digest)
        session.flush()
        session.add(
            Message(
                id=uuid.uuid4(),
                kind="issue",
                is_bulk=True,
                digest_id=digest.id,
                subscription_id=desk.subscription(who).id,
                state=MessageState.SENT,
                not_before=NOW,
                created_at=NOW,
                settled_at=NOW,
            )
        )
    desk.now += timedelta(days=31)
    desk.forget()

    assert len([m for m in desk.messages() if m.kind == "issue"]) == left


def test_what_webhooks_were_told_is_forgotten_when_it_is_settled(desk: Desk) -> None:
    with desk.service.database.writing() as session:
        hook = Webhook(url="https://x.example", secret="whsec_", events=[], created_at=NOW)
        session.add(hook)
        session.flush()
        for state in CallState:
            session.add(
                WebhookCall(
                    id=uuid.uuid4(),
                    webhook_id=hook.id,
                    event="subscribed",
                    payload={},
                    state=state,
                    not_before=NOW,
                    created_at=NOW,
                    settled_at=None if state == CallState.WAITING else NOW,
                )
            )
    desk.now += timedelta(days=31)
    desk.forget()

    with desk.service.database.reading() as session:
        assert session.scalars(select(WebhookCall.state)).all() == [CallState.WAITING]


def test_a_suppression_that_is_over_goes_and_one_for_good_stays(desk: Desk) -> None:
    with desk.service.database.writing() as session:
        for key, until in (("a" * 64, NOW + timedelta(days=1)), ("b" * 64, None)):
            session.add(Suppression(key=key, reason="x", until=until, created_at=NOW))
    desk.now += timedelta(days=2)
    desk.forget()

    with desk.service.database.reading() as session:
        assert session.scalars(select(Suppression.key)).all() == ["b" * 64]


def test_what_is_much_goes_in_steps_between_which_others_have_their_turn(desk: Desk) -> None:
    many = 2 * forgetting.STEP + 1
    with desk.service.database.writing() as session:
        session.execute(
            insert(Subscriber),
            [
                {"id": uuid.uuid4(), "key": f"{number:064x}", "address": "x", "created_at": NOW}
                for number in range(many)
            ],
        )
    left: list[int] = []

    def others_turn() -> None:
        desk.sign_up(f"reader{len(left)}@large.example")  # would wait for ever within a step
        left.append(desk.count(Subscriber))

    forgotten = forgetting.tidy(
        desk.service.database, desk.service.settings, NOW + timedelta(days=3), others_turn
    )

    assert forgotten == many
    assert left == [forgetting.STEP + 2, 3]
