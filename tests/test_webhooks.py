"""What other programs are told, by real requests to servers that are good, slow or hostile."""

import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import trustme
from sqlalchemy import select, update

from tests.actors import Program, quiet_port, wait_until
from tests.samples import invited, open_to_the_public, publish, statement_file
from tests.strangers import Elsewhere, Says, Stranger, endless
from widgets import endorsing, forgetting, newsletters, publication, records, signings, webhooks
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.endorsing import Said
from widgets.fetching import Policy
from widgets.models import CallState, Standing, State, Statement, Webhook, WebhookCall
from widgets.newsletters import Answer
from widgets.pacing import Limits
from widgets.service import Service
from widgets.settings import Settings
from widgets.webhook_delivery import AT_ONCE, Delivery, policy, signed
from widgets.webhooks import SCHEDULE, BadWebhook, Event

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMITS = Limits(3, 500, frozenset())
HERE = Policy(private=True, seconds=1, largest=64 * 1024)
PUBLIC = "93.184.215.14"


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(WEBHOOK_ALLOW_PRIVATE=True)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger({"/hook": Says()}) as server:
        yield server


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Network:
    """The service, who is told, and the worker that tells."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.clock = Clock()
        self.delivery = self.worker()

    def worker(self, policy: Policy = HERE, name: str = "here:1") -> Delivery:
        return Delivery(self.service, policy, name, clock=self.clock)

    def add(self, url: str, *events: Event) -> Webhook:
        with self.service.database.writing() as session:
            return webhooks.add(
                session, url, events or list(Event), self.service.settings, COMMAND_LINE, NOW
            )

    def sign_up(self, address: str = "anna@example.org") -> uuid.UUID:
        with self.service.database.writing() as session:
            form = newsletters.form(session, "weekly", "en")
            return newsletters.sign_up(
                session,
                self.service.hasher,
                LIMITS,
                parse(address),
                consent_text_id=form.consent_text_id,
                site="lamps",
                lang="fr",
                now=NOW,
            )

    def confirm(self, sign_up: uuid.UUID) -> uuid.UUID:
        """The id of the subscription."""
        with self.service.database.writing() as session:
            assert newsletters.confirm(session, sign_up, 0, NOW) is Answer.DONE
            found = session.get_one(newsletters.SignUp, sign_up)
            return found.subscription_id

    def tell(self, delivery: Delivery | None = None) -> None:
        """As the worker: until nothing is due or under way."""
        delivery = delivery or self.delivery
        wait_until(lambda: not delivery.step() and delivery.is_idle(), 20, "all to be told")

    def calls(self) -> Sequence[WebhookCall]:
        with self.service.database.reading() as session:
            return session.scalars(select(WebhookCall).order_by(WebhookCall.created_at)).all()

    def call(self) -> WebhookCall:
        (call,) = self.calls()
        return call

    def webhook(self) -> Webhook:
        with self.service.database.reading() as session:
            return session.scalars(select(Webhook)).one()


@pytest.fixture
def network(service: Service) -> Network:
    return Network(service)


def told(stranger: Stranger) -> list[dict[str, Any]]:
    return [json.loads(body) for body in stranger.sent]


# What is told


def test_a_sign_up_a_confirmation_and_leaving_are_told(
    network: Network, stranger: Stranger
) -> None:
    network.add(stranger.url("/hook"))

    subscription = network.confirm(network.sign_up())
    with network.service.database.writing() as session:
        newsletters.unsubscribe(session, subscription, NOW)
        who = session.get_one(newsletters.Subscription, subscription).subscriber_id
    network.tell()

    usual = {"subscriber": str(who), "newsletter": "weekly", "address": "anna@example.org",
             "lang": "fr"}  # fmt: skip
    data = {one["type"]: one["data"] for one in told(stranger)}
    assert data == {
        "subscriber.subscribed": {**usual, "site": "lamps"},
        "subscriber.confirmed": {**usual, "site": "lamps", "method": "link"},
        "subscriber.unsubscribed": {**usual, "site": None, "reason": "left"},
    }
    assert {one["timestamp"] for one in told(stranger)} == {"2026-03-02T12:00:00.000+00:00"}


def test_only_what_a_webhook_wants_is_told_it(network: Network, stranger: Stranger) -> None:
    network.add(stranger.url("/hook"), Event.CONFIRMED)

    network.confirm(network.sign_up())
    network.tell()

    assert [one["type"] for one in told(stranger)] == ["subscriber.confirmed"]


@pytest.mark.parametrize("state", [*State, "suppressed", "unknown"])
def test_a_sign_up_does_the_same_work_whoever_it_is_and_tells_only_who_has_to_confirm(
    network: Network, stranger: Stranger, state: str
) -> None:
    network.add(stranger.url("/hook"))
    database = network.service.database
    if state == "suppressed":
        with database.writing() as session:
            hasher = network.service.hasher
            records.suppress(session, hasher, parse("anna@example.org"), "by hand", NOW)
    elif state != "unknown":
        network.sign_up()
        with database.writing() as session:
            session.execute(update(newsletters.Subscription).values(state=state))
            session.execute(WebhookCall.__table__.delete())

    network.sign_up()

    (call,) = network.calls()
    asks = state not in (State.CONFIRMED, State.COMPLAINED, State.ERASED, "suppressed")
    assert call.state == (CallState.WAITING if asks else CallState.VOID)
    assert call.payload["data"]["address"] == (
        None if state == "suppressed" else "anna@example.org"
    )
    network.tell()
    assert len(stranger.sent) == asks


def test_a_sign_up_beyond_the_limit_is_not_told(network: Network, stranger: Stranger) -> None:
    network.add(stranger.url("/hook"))

    for _ in range(5):
        network.sign_up()

    states = [call.state for call in network.calls()]
    assert sorted(states) == [CallState.VOID] * 2 + [CallState.WAITING] * 3


def test_publishing_is_told_with_the_public_address(
    network: Network, stranger: Stranger, tmp_path: Path
) -> None:
    network.add(stranger.url("/hook"))
    publish(network.service, statement_file(tmp_path))
    assert not network.calls()  # from an archive: its date is past
    with network.service.database.writing() as session:
        session.execute(update(Statement).values(standing=Standing.DRAFT))
        statement = session.scalars(select(Statement.id)).one()

    with network.service.database.writing() as session:
        publication.publish(session, statement, COMMAND_LINE, NOW)
    network.tell()

    assert told(stranger) == [
        {
            "type": "statement.published",
            "timestamp": "2026-03-02T12:00:00.000+00:00",
            "data": {
                "statement": {
                    "slug": "river-gate",
                    "lang": "en",
                    "title": "Reopen the reading room",
                    "url": "http://127.0.0.1:8000/statements/river-gate",
                },
                "date": "2026-03-02",
                "again": False,
            },
        }
    ]


def test_a_file_of_today_is_told_once(network: Network, tmp_path: Path, stranger: Stranger) -> None:
    network.add(stranger.url("/hook"))
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    path = statement_file(tmp_path, date=today)

    publish(network.service, path)
    publish(network.service, path)

    assert network.call().event == Event.PUBLISHED


def test_an_endorsement_is_told_once_for_a_member(
    network: Network, stranger: Stranger, tmp_path: Path
) -> None:
    network.add(stranger.url("/hook"))
    publish(network.service, statement_file(tmp_path))
    asked = invited(network.service)

    for _ in range(2):
        with network.service.database.writing() as session:
            endorsing.answer(session, asked, Said.ENDORSE, NOW)

    data = network.call().payload["data"]
    assert data["kind"] == "member"
    assert data["member"] == {"slug": "lamp-keepers", "name": "Circle of Lamp Keepers"}
    assert (data["country"], data["statement"]["slug"]) == ("NO", "river-gate")


def test_a_person_who_signs_is_told_of_without_name_and_address(
    network: Network, stranger: Stranger, tmp_path: Path
) -> None:
    network.add(stranger.url("/hook"))
    publish(network.service, statement_file(tmp_path))
    letter = open_to_the_public(network.service)
    with network.service.database.writing() as session:
        made = signings.sign(
            session,
            network.service.hasher,
            LIMITS,
            letter,
            signings.read("Ada Li", "", "NO", "yes"),
            parse("ada@example.org"),
            consent_text_id=None,
            site=None,
            lang="en",
            now=NOW,
        )
        signings.confirm(session, made, NOW)

    data = network.call().payload["data"]
    assert (data["kind"], data["country"]) == ("person", "NO")
    assert "Ada" not in json.dumps(data)
    assert "ada" not in json.dumps(data)


def test_who_is_erased_is_told_of_no_more(network: Network, stranger: Stranger) -> None:
    network.add(stranger.url("/hook"))
    network.sign_up()

    with network.service.database.writing() as session:
        hasher = network.service.hasher
        records.suppress(session, hasher, parse("anna@example.org"), "by hand", NOW)

    assert not network.calls()


def test_without_webhooks_nothing_is_written(network: Network) -> None:
    network.confirm(network.sign_up())

    assert not network.calls()


# How it is told


def test_a_receiver_knows_by_the_signature_that_we_sent_it(
    network: Network, stranger: Stranger
) -> None:
    network.clock.now = datetime.now(UTC)  # the library looks at it
    webhook = network.add(stranger.url("/hook"))
    network.sign_up()
    network.tell()

    ((_, headers),) = stranger.asked
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == str(network.call().id)
    opened = standardwebhooks.Webhook(webhook.secret).verify(stranger.sent[0], dict(headers))
    assert opened["type"] == "subscriber.subscribed"
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


def test_while_there_are_two_secrets_either_is_good(network: Network, stranger: Stranger) -> None:
    network.clock.now = datetime.now(UTC)
    old = network.add(stranger.url("/hook")).secret
    with network.service.database.writing() as session:
        new = webhooks.newest_secret(webhooks.new_secret(session, 1, COMMAND_LINE, NOW))
    network.sign_up()
    network.tell()

    ((_, headers),) = stranger.asked
    assert new != old
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(stranger.sent[0], dict(headers))
    with network.service.database.writing() as session:
        webhooks.forget_old_secret(session, 1, COMMAND_LINE, NOW)
    assert network.webhook().secret == new
    assert len(signed(network.webhook(), network.call(), "", NOW)["webhook-signature"].split()) == 1


@pytest.mark.parametrize("status", [200, 201, 204])
def test_every_status_of_success_is_one(network: Network, stranger: Stranger, status: int) -> None:
    stranger.answers["/hook"] = Says(status=status)
    network.add(stranger.url("/hook"))
    network.sign_up()
    network.tell()

    call = network.call()
    assert (call.state, call.status, call.settled_at) == (CallState.DONE, status, NOW)


def test_what_fails_is_tried_again_by_the_schedule_with_the_same_id_and_then_given_up(
    network: Network, stranger: Stranger
) -> None:
    stranger.answers["/hook"] = Says(status=500)
    network.add(stranger.url("/hook"))
    network.sign_up()
    network.tell()
    for pause in SCHEDULE:
        assert network.call().not_before == network.clock.now + pause
        network.clock.now += pause - timedelta(seconds=1)
        network.tell()
        network.clock.now += timedelta(seconds=1)
        network.tell()

    call = network.call()
    assert (call.state, call.attempts, call.status) == (CallState.FAILED, 10, 500)
    assert call.error == "the server answered 500"
    assert len(stranger.asked) == 10
    assert {headers["webhook-id"] for _, headers in stranger.asked} == {str(call.id)}
    assert len(set(stranger.sent)) == 1
    assert network.webhook().failing_since == NOW
    assert network.webhook().disabled_at is None


@pytest.mark.parametrize(
    ("asked", "wait"), [("3600", 3600), ("2", 5), ("99999999999", 86_400), ("soon", 5)]
)
def test_a_receiver_can_ask_for_patience_within_bounds(
    network: Network, stranger: Stranger, asked: str, wait: int
) -> None:
    stranger.answers["/hook"] = Says(status=429, headers={"Retry-After": asked})
    network.add(stranger.url("/hook"))
    network.sign_up()
    network.tell()

    assert network.call().not_before == NOW + timedelta(seconds=wait)


def test_a_receiver_that_is_gone_is_told_nothing_more(network: Network, stranger: Stranger) -> None:
    stranger.answers["/hook"] = Says(status=410)
    network.add(stranger.url("/hook"))
    for number in range(AT_ONCE + 3):
        network.sign_up(f"anna{number}@example.org")
    network.tell()

    assert network.webhook().disabled_because == "it said that it is gone for good (410)"
    assert {call.state for call in network.calls()} == {CallState.FAILED}
    assert len(stranger.sent) <= AT_ONCE
    many = len(network.calls())
    network.sign_up("bo@example.org")
    assert len(network.calls()) == many


def test_a_webhook_that_takes_nothing_for_days_is_disabled_when_a_call_is_given_up(
    network: Network, stranger: Stranger
) -> None:
    stranger.answers["/hook"] = Says(status=500)
    network.add(stranger.url("/hook"))
    network.delivery.schedule = ()
    network.sign_up()
    network.tell()
    assert network.webhook().disabled_at is None

    network.clock.now += timedelta(days=5, seconds=1)
    network.sign_up("bo@example.org")
    network.tell()

    assert network.webhook().disabled_because == "it has taken nothing since 2 Mar 2026"


def test_one_success_ends_a_bad_time(network: Network, stranger: Stranger) -> None:
    stranger.answers["/hook"] = Says(status=500)
    network.add(stranger.url("/hook"))
    network.sign_up()
    network.tell()
    stranger.answers["/hook"] = Says()
    network.clock.now += SCHEDULE[0]
    network.tell()

    assert (network.webhook().failing_since, network.webhook().last_error) == (None, None)
    assert network.call().state == CallState.DONE


# Bad receivers


def dripping() -> Iterator[bytes]:
    while True:
        time.sleep(0.05)
        yield b"x"


def failure(network: Network, url: str, policy: Policy = HERE) -> str:
    """Why a call failed, and that it did before long."""
    network.add(url)
    network.sign_up()
    began = time.monotonic()
    network.tell(network.worker(policy))
    assert time.monotonic() - began < 4
    call = network.call()
    assert (call.state, call.attempts) == (CallState.WAITING, 1)
    return call.error or ""


def test_a_receiver_that_hangs_is_left_after_the_deadline(
    network: Network, stranger: Stranger
) -> None:
    stranger.answers["/hook"] = Says(None)

    assert failure(network, stranger.url("/hook")) == "no whole answer within 1 seconds"


def test_so_is_one_that_never_takes_the_handshake(network: Network) -> None:
    with quiet_port() as port:
        why = failure(network, f"https://127.0.0.1:{port}/hook")
    assert why == "no whole answer within 1 seconds"


@pytest.mark.parametrize("body", [dripping(), endless(b"x" * 100_000)], ids=["drips", "is large"])
def test_what_a_receiver_says_besides_its_status_does_not_matter(
    network: Network, stranger: Stranger, body: Any
) -> None:
    stranger.answers["/hook"] = Says(body, length=100_000_000)
    network.add(stranger.url("/hook"))
    network.sign_up()
    began = time.monotonic()
    network.tell()

    assert network.call().state == CallState.DONE
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1/", "http://169.254.169.254/latest", "https://example.org/", "/x"]
)
def test_redirects_are_not_followed(network: Network, stranger: Stranger, target: str) -> None:
    stranger.answers["/hook"] = Says(status=307, headers={"Location": target})

    why = failure(network, stranger.url("/hook"))
    assert why == "the server answered 307; redirects are not followed"
    assert len(stranger.asked) == 1


def test_a_receiver_that_closes_at_once_has_not_taken_it(network: Network) -> None:
    with Stranger() as gone:
        url = gone.url("/hook")
    assert failure(network, url).startswith("no connection")


def test_a_wrong_certificate_is_a_failure(network: Network) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(served)
    with Stranger({"/hook": Says()}, certificate=served) as stranger:
        assert "certificate" in failure(network, f"https://127.0.0.1:{stranger.port}/hook")
        assert not stranger.sent


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "fd00::1"])
def test_a_name_that_leads_into_a_private_network_is_not_called(
    network: Network, stranger: Stranger, address: str
) -> None:
    elsewhere = Elsewhere(stranger)
    shut = replace(HERE, private=False, network=elsewhere, resolve=lambda *_: [PUBLIC, address])

    why = failure(network, "https://crm.example/hook", shut)
    assert why == "crm.example is not on the public internet"
    assert not elsewhere.called


def test_a_receiver_that_hangs_does_not_hold_up_another(
    network: Network, stranger: Stranger
) -> None:
    stranger.answers["/slow"] = Says(None)
    network.add(stranger.url("/slow"))
    network.add(stranger.url("/hook"))
    for number in range(AT_ONCE * 3):
        network.sign_up(f"anna{number}@example.org")
    delivery = network.worker(replace(HERE, seconds=30))

    def all_told() -> bool:
        delivery.step()
        done = [call for call in network.calls() if call.state == CallState.DONE]
        return len(done) == AT_ONCE * 3

    wait_until(all_told, 10, "the quick one to be told")
    assert [path for path, _ in stranger.asked].count("/slow") == AT_ONCE
    delivery.close()


def test_a_worker_that_dies_is_followed_by_another_after_the_lease(
    network: Network, stranger: Stranger
) -> None:
    network.add(stranger.url("/hook"))
    network.sign_up()
    with network.service.database.writing() as session:
        (held,) = webhooks.claim(session, "dead:1", NOW, {}, AT_ONCE)

    network.tell()
    assert not stranger.sent
    network.clock.now += webhooks.LEASE + timedelta(seconds=1)
    network.tell()

    assert [headers["webhook-id"] for _, headers in stranger.asked] == [str(held.id)]
    with network.service.database.writing() as session:  # and the dead has no say any more
        late = webhooks.Outcome(1, held.id, None, "late")
        webhooks.record(session, "dead:1", late, NOW)
    assert network.call().state == CallState.DONE


def test_the_program_tells(
    program: Callable[..., Program], network: Network, stranger: Stranger
) -> None:
    network.add(stranger.url("/hook"))
    with network.service.database.writing() as session:
        webhooks.test(session, 1, COMMAND_LINE, NOW)
    program("worker", WEBHOOK_ALLOW_PRIVATE="true")

    wait_until(lambda: bool(stranger.sent), 30, "the worker to tell")
    wait_until(lambda: network.call().state == CallState.DONE, 10, "it to be noted")


# The list of webhooks


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://crm.example/hook", "must begin with https://"),
        ("https://crm.example:8080/", "port 8080 is not asked"),
        ("https://user:word@crm.example/", "user or a password"),
        ("https://127.0.0.1/", "no address of the public internet"),
        ("https://[::1]/", "no address of the public internet"),
        ("https://localhost/", "no address of the public internet"),
        ("crm.example", "not an address that begins with"),
        ("https://crm.example/\x00", "can’t be used"),
        ("https://crm.example/" + "x" * 2000, "2,000 characters at most"),
        ("", "not an address that begins with"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    make_settings: Callable[..., Settings], network: Network, url: str, why: str
) -> None:
    with (
        network.service.database.writing() as session,
        pytest.raises(BadWebhook, match=why) as error,
    ):
        webhooks.add(session, url, list(Event), make_settings(), COMMAND_LINE, NOW)
    assert error.value.field == "url"


def test_there_are_not_too_many(network: Network) -> None:
    for number in range(webhooks.MOST):
        network.add(f"https://crm.example/{number}")
    with pytest.raises(BadWebhook, match="10 webhooks at most"):
        network.add("https://crm.example/x")


def test_what_was_given_up_can_be_tried_again(network: Network, stranger: Stranger) -> None:
    stranger.answers["/hook"] = Says(status=500)
    network.delivery.schedule = ()
    network.add(stranger.url("/hook"))
    network.sign_up()
    network.tell()
    assert network.call().state == CallState.FAILED
    stranger.answers["/hook"] = Says()

    with network.service.database.writing() as session:
        webhooks.try_again(session, 1, network.call().id, COMMAND_LINE, NOW)
    network.tell()

    assert network.call().state == CallState.DONE


def test_a_webhook_that_is_deleted_takes_its_calls_along(network: Network) -> None:
    network.add("https://crm.example/hook")
    network.sign_up()
    with network.service.database.writing() as session:
        webhooks.remove(session, 1, COMMAND_LINE, NOW)

    assert not network.calls()
    network.sign_up("bo@example.org")


def test_what_was_told_is_forgotten_and_what_waits_is_not(
    network: Network, stranger: Stranger
) -> None:
    network.add(stranger.url("/hook"))
    network.confirm(network.sign_up())
    network.tell()
    network.sign_up("bo@example.org")
    network.sign_up()  # of somebody who has confirmed: never to be told
    later = NOW + timedelta(days=29)
    forgetting.tidy(network.service.database, network.service.settings, later, lambda: None)
    assert {call.state for call in network.calls()} == {CallState.DONE, CallState.WAITING}
    later += timedelta(days=1, seconds=1)
    settings = replace(network.service.settings, unconfirmed_days=100)
    forgetting.tidy(network.service.database, settings, later, lambda: None)

    assert network.call().state == CallState.WAITING


def test_calls_go_to_public_addresses_unless_the_operator_says_otherwise(
    make_settings: Callable[..., Settings],
) -> None:
    assert not policy(make_settings()).private
    assert policy(make_settings(WEBHOOK_ALLOW_PRIVATE=True)).private
