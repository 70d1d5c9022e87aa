"""What comes back, and what becomes of whom it was for."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.actors import Relay
from tests.samples import endorsed, invited
from tests.test_newsletters import ANNA, NOW, Desk
from widgets import bounces, outbox, people, records, suppressions, webhooks
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.bounces import FORGET_AFTER, SUPPRESSED_FOR, Outcome, Report
from widgets.delivery import deliver_due, transport
from widgets.links import BadLink
from widgets.models import (
    AddressChange,
    Bounce,
    BounceKind,
    Digest,
    Message,
    MessageState,
    Newsletter,
    State,
    Subscription,
    Suppression,
    WebhookCall,
)
from widgets.newsletters import Answer
from widgets.service import Service, make_ready, open_service
from widgets.settings import Settings
from widgets.webhooks import Event


class Post(Desk):
    """A desk whose mail comes back."""

    def message(self, sign_up: uuid.UUID) -> uuid.UUID:
        with self.service.database.reading() as session:
            return session.scalars(select(Message.id).where(Message.sign_up_id == sign_up)).one()

    def issue(self, sign_up: uuid.UUID, number: int = 1) -> uuid.UUID:
        """An issue that was sent to whoever signed up so."""
        with self.service.database.writing() as session:
            digest = Digest(
                id=uuid.uuid4(),
                newsletter_id=session.scalars(select(Newsletter.id)).one(),
                rhythm="weekly",
                number=number,
                created_at=self.now,
                changed_at=self.now,
            )
            session.add(digest)
            session.flush()
            message = outbox.add(
                session,
                "digest",
                self.now + timedelta(minutes=number),
                send_at=self.now + timedelta(minutes=number),
                digest_id=digest.id,
                subscription_id=self.subscription(sign_up).id,
            )
            session.flush()
            session.get_one(Message, message).state = MessageState.SENT
            return message

    def subscription(self, sign_up: uuid.UUID) -> Subscription:
        with self.service.database.reading() as session:
            message = session.scalars(select(Message).where(Message.sign_up_id == sign_up)).one()
            assert message.sign_up
            return message.sign_up.subscription

    def comes_back(
        self, message: uuid.UUID, kind: BounceKind = BounceKind.HARD, **said: str
    ) -> Outcome:
        with self.service.database.writing() as session:
            report = Report(message, kind, source="dsn", **said)
            return bounces.record(session, self.service.hasher, report, self.now)

    def subscriber(self, address: str = ANNA) -> uuid.UUID:
        """A confirmed one: the sign-up."""
        asked = self.sign_up(address)
        assert self.confirm(asked) is Answer.DONE
        self.now += timedelta(minutes=1)
        return asked

    def is_suppressed(self, address: str = ANNA) -> bool:
        key = self.service.hasher.address(parse(address))
        with self.service.database.reading() as session:
            return suppressions.is_suppressed(session, key, self.now)

    def kept(self) -> list[Bounce]:
        with self.service.database.reading() as session:
            return list(session.scalars(select(Bounce).order_by(Bounce.id)))


@pytest.fixture
def post(service: Service) -> Post:
    return Post(service)


def test_a_hard_bounce_ends_the_subscription_and_suppresses_for_a_month(post: Post) -> None:
    anna = post.subscriber()
    before = post.epoch(anna)

    said = post.comes_back(post.issue(anna), status="5.1.1", reason=f"550 <{ANNA}> is\nunknown")

    assert said is Outcome.RECORDED
    assert (post.state(anna), post.epoch(anna)) == (State.BOUNCED, before + 1)
    (kept,) = post.kept()
    assert (kept.kind, kept.status, kept.source) == ("hard", "5.1.1", "dsn")
    assert kept.reason == "550 <(address)> is unknown"
    assert kept.subscriber_id == post.subscription(anna).subscriber_id
    assert kept.digest_id is not None
    assert post.is_suppressed()
    post.now += SUPPRESSED_FOR
    assert not post.is_suppressed()


def test_while_suppressed_a_sign_up_gets_no_mail_and_afterwards_confirms_anew(post: Post) -> None:
    post.comes_back(post.issue(post.subscriber()))

    post.now += timedelta(days=29)
    post.sign_up()
    assert post.to_be_sent() == 0

    post.now += timedelta(days=2)
    again = post.sign_up()
    assert post.to_be_sent() == 1
    assert post.confirm(again) is Answer.DONE
    assert post.state(again) == State.CONFIRMED


def test_a_bounced_confirmation_ends_what_was_pending(post: Post) -> None:
    asked = post.sign_up()

    post.comes_back(post.message(asked))

    assert post.state(asked) == State.BOUNCED
    assert post.confirm(asked, epoch=0) is Answer.LEFT


def test_a_complaint_ends_it_for_good_and_withdraws_the_consent(post: Post) -> None:
    anna = post.subscriber()

    post.comes_back(post.issue(anna), BounceKind.COMPLAINT)

    assert post.state(anna) == State.COMPLAINED
    assert [one.withdrawn_at for one in post.consents()] == [post.now]
    post.now += timedelta(days=4000)
    assert post.is_suppressed()


@pytest.mark.parametrize(
    ("kind", "reason"), [(BounceKind.HARD, "bounced"), (BounceKind.COMPLAINT, "complained")]
)
def test_other_programs_are_told_why_nobody_must_write_to_them(
    post: Post, kind: BounceKind, reason: str
) -> None:
    issue = post.issue(post.subscriber())
    with post.service.database.writing() as session:
        settings, url = post.service.settings, "https://crm.example/"
        webhooks.add(session, url, [Event.UNSUBSCRIBED], settings, COMMAND_LINE, post.now)
    for _ in range(2):
        post.comes_back(issue, kind)

    with post.service.database.reading() as session:
        call = session.scalars(select(WebhookCall)).one()
    assert call.payload["data"]["address"] == ANNA
    assert call.payload["data"]["reason"] == reason


def test_a_bounce_does_not_shorten_what_a_complaint_has_begun(post: Post) -> None:
    anna = post.subscriber()
    issue = post.issue(anna)
    post.comes_back(issue, BounceKind.COMPLAINT)
    post.comes_back(issue, BounceKind.HARD)

    assert post.state(anna) == State.COMPLAINED
    post.now += timedelta(days=4000)
    assert post.is_suppressed()


def test_who_is_erased_while_suppressed_for_a_while_is_never_written_to_again(post: Post) -> None:
    post.comes_back(post.issue(post.subscriber()))
    post.suppress()

    post.now += SUPPRESSED_FOR * 2
    assert post.is_suppressed()
    assert post.kept() == []


def test_an_editor_lets_somebody_who_complained_sign_up_again(post: Post) -> None:
    anna = post.subscriber()
    post.comes_back(post.issue(anna), BounceKind.COMPLAINT)
    with post.service.database.writing() as session:
        records.allow_again(session, post.service.hasher.address(parse(ANNA)))

    again = post.sign_up()

    assert post.state(again) == State.UNSUBSCRIBED
    assert post.confirm(again) is Answer.DONE


def test_the_fifth_soft_bounce_in_a_row_is_a_hard_one(post: Post) -> None:
    anna = post.subscriber()
    for number in range(1, 5):
        post.comes_back(post.issue(anna, number), BounceKind.SOFT, reason="mailbox full")
    assert post.state(anna) == State.CONFIRMED
    assert not post.is_suppressed()

    post.comes_back(post.issue(anna, 5), BounceKind.SOFT, reason="mailbox full")

    assert post.state(anna) == State.BOUNCED
    assert post.kept()[-1].reason == "bounced after 5 soft bounces: mailbox full"
    assert post.is_suppressed()


def test_an_issue_that_arrives_between_begins_the_count_anew(post: Post) -> None:
    anna = post.subscriber()
    for number in (1, 2, 3, 4, 6, 7):
        issue = post.issue(anna, number)
        if number == 6:
            post.issue(anna, 5)
        post.comes_back(issue, BounceKind.SOFT)

    assert post.state(anna) == State.CONFIRMED
    assert post.subscription(anna).soft_bounces == 2


@pytest.mark.parametrize("kind", [BounceKind.SOFT, BounceKind.HARD, BounceKind.COMPLAINT])
def test_the_same_report_twice_counts_once(post: Post, kind: BounceKind) -> None:
    anna = post.subscriber()
    issue = post.issue(anna)
    post.comes_back(issue, kind)
    after = post.subscription(anna)

    assert post.comes_back(issue, kind) is Outcome.ALREADY
    assert len(post.kept()) == 1
    assert post.subscription(anna).epoch == after.epoch
    assert post.subscription(anna).soft_bounces == after.soft_bounces


def test_a_refusal_for_what_we_are_is_kept_and_changes_nothing(post: Post) -> None:
    anna = post.subscriber()

    assert post.comes_back(post.issue(anna), BounceKind.POLICY) is Outcome.RECORDED

    assert post.state(anna) == State.CONFIRMED
    assert not post.is_suppressed()


def test_a_report_for_an_erased_subscriber_or_a_forgotten_message_is_kept_nowhere(
    post: Post,
) -> None:
    issue = post.issue(post.subscriber())
    post.suppress()

    assert post.comes_back(issue) is Outcome.UNKNOWN
    assert post.comes_back(uuid.uuid4()) is Outcome.UNKNOWN
    assert post.kept() == []


def test_a_bounce_of_an_address_that_was_changed_since_is_not_the_new_ones(post: Post) -> None:
    anna = post.subscriber()
    issue = post.issue(anna)
    with post.service.database.writing() as session:
        session.add(
            AddressChange(
                id=uuid.uuid4(),
                subscriber_id=post.subscription(anna).subscriber_id,
                key="k",
                address="new@example.org",
                lang="en",
                mailbox="m",
                domain="d",
                asked_at=post.now,
                done_at=post.now + timedelta(days=1),
            )
        )

    assert post.comes_back(issue) is Outcome.UNKNOWN
    assert post.state(anna) == State.CONFIRMED


def test_who_has_confirmed_since_has_a_mailbox(post: Post) -> None:
    first = post.sign_up()
    post.now += timedelta(minutes=5)
    assert post.confirm(post.sign_up()) is Answer.DONE

    assert post.comes_back(post.message(first)) is Outcome.RECORDED
    assert post.state(first) == State.CONFIRMED


def test_what_waits_for_who_bounced_is_not_sent(post: Post) -> None:
    anna, bo = post.subscriber(), post.subscriber("bo@example.org")
    issue = post.issue(anna)
    waiting = [post.message(post.sign_up()), post.message(post.sign_up("bo@example.org"))]

    post.comes_back(issue)

    with post.service.database.reading() as session:
        states = [session.get_one(Message, one).state for one in waiting]
    assert states == [MessageState.VOID, MessageState.WAITING]
    assert post.state(bo) == State.CONFIRMED


def test_what_was_for_no_subscriber_is_only_kept(post: Post) -> None:
    endorsed(post.service, ["Lamp Keepers"])
    asked = invited(post.service)
    with post.service.database.writing() as session:
        message = outbox.add(session, "invitation", NOW, send_at=NOW, invitation_id=asked)

    assert post.comes_back(message) is Outcome.RECORDED

    (kept,) = post.kept()
    assert (kept.message_id, kept.subscriber_id) == (message, None)
    assert post.count(Suppression) == 0


def test_a_complaint_by_the_unsubscribe_link_does_what_the_link_can_do(post: Post) -> None:
    anna = post.subscriber()
    report = Report(
        None, BounceKind.COMPLAINT, source="arf", subscription_id=post.subscription(anna).id
    )

    with post.service.database.writing() as session:
        said = [bounces.record(session, post.service.hasher, report, post.now) for _ in range(2)]

    assert said == [Outcome.RECORDED, Outcome.ALREADY]
    assert post.state(anna) == State.UNSUBSCRIBED
    assert not post.is_suppressed()


def test_an_editor_undoes_what_a_provider_got_wrong(post: Post) -> None:
    anna, pending = post.subscriber(), post.sign_up("bo@example.org")
    post.comes_back(post.issue(anna))
    post.comes_back(post.message(pending))

    with post.service.database.writing() as session:
        for address in (ANNA, "bo@example.org"):
            key = post.service.hasher.address(parse(address))
            bounces.write_again(session, key, post.now)

    assert post.state(anna) == State.CONFIRMED
    assert post.state(pending) == State.BOUNCED  # who never agreed is not subscribed by it
    assert not post.is_suppressed()


def test_what_came_back_is_in_the_whole_record(post: Post) -> None:
    post.comes_back(post.issue(post.subscriber()), reason="unknown", status="5.1.1")

    with post.service.database.reading() as session:
        key = post.service.hasher.address(parse(ANNA))
        found = people.find(session, post.service.hasher, key)

    (told,) = found.bounces
    assert (told["kind"], told["status"], told["reason"]) == ("hard", "5.1.1", "unknown")


def test_old_reports_and_suppressions_that_hold_no_more_are_forgotten(post: Post) -> None:
    post.comes_back(post.issue(post.subscriber()))

    for later, left in ((FORGET_AFTER, (1, 0)), (FORGET_AFTER + timedelta(seconds=1), (0, 0))):
        with post.service.database.writing() as session:
            bounces.forget(session, post.now + later)
        assert (post.count(Bounce), post.count(Suppression)) == left


def test_the_return_path_names_its_message_under_our_signature(
    make_settings: Callable[..., Settings], post: Post
) -> None:
    links, message = post.service.links, uuid.uuid4()
    settings = make_settings(RETURN_PATH="bounces@example.org", MAIL_FROM="N <news@example.org>")

    path = bounces.return_path(settings, links, message)

    local, _, domain = path.partition("@")
    assert (local[:8], len(local), domain) == ("bounces+", 48, "example.org")
    assert bounces.message_of(links, f"To: <{path.upper()}>") == message
    forged = path.replace(path[9], "a" if path[9] != "a" else "b", 1)
    assert bounces.message_of(links, forged) is None
    with pytest.raises(BadLink):
        links.read_return_tag(f"{path[8:47]}é")
    plain = make_settings(MAIL_FROM="N <news@example.org>")
    assert bounces.return_path(plain, links, message) == "news@example.org"


@pytest.mark.parametrize(
    ("answer", "state"),
    [("550 5.1.1 User unknown", State.BOUNCED), ("554 5.7.1 Blocked by SPF", State.PENDING)],
)
def test_what_the_relay_refuses_for_good_is_a_bounce_only_where_the_mailbox_is_gone(
    make_settings: Callable[..., Settings], relay: Relay, answer: str, state: State
) -> None:
    service = open_service(make_settings(SMTP_URL=relay.url, RETURN_PATH="bounces@example.org"))
    make_ready(service)
    post = Post(service)
    relay.answers = [answer]
    asked = post.sign_up()
    bo = post.sign_up("bo@example.org")

    deliver_due(service, transport(service), "here:1", clock=lambda: NOW)

    assert post.state(asked) == state
    assert [(one.kind, one.source, one.reason) for one in post.kept()] == (
        [("hard", "smtp", answer)] if state == State.BOUNCED else []
    )
    (arrived,) = relay.delivered
    assert bounces.message_of(service.links, arrived.sender) == post.message(bo)
    with service.database.reading() as session:
        refused = session.get_one(Message, post.message(asked))
        assert (refused.state, refused.error) == (MessageState.REFUSED, answer)
    service.database.close()
