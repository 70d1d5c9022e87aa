"""The lane for mail to many, against a relay that takes, refuses, slows down and goes away."""

import itertools
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dkim
import pytest
from sqlalchemy import select, update

from tests.actors import QuickRelay, Reader, wait_until
from tests.samples import published, subscribed
from tests.test_newsletters import Desk
from tests.test_seals import KEYS, pem
from widgets import bulk, create_app, digests, dispatch, newsletters, outbox, press, seals, worker
from widgets.audit import Actor
from widgets.bulk import Lane
from widgets.models import (
    AuditEntry,
    Digest,
    DigestState,
    Message,
    MessageState,
    Newsletter,
    Standing,
    State,
    Statement,
    Subscription,
    Suppression,
)
from widgets.service import Service, make_ready, open_service
from widgets.settings import Settings

NOW = datetime.now(UTC)
ANNA = Actor("Anna")


class Issues:
    """Issues of the weekly newsletter, and the lane that delivers them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.now = NOW
        self.statements = 0

    def begin(self, *addresses: str, **wishes: object) -> uuid.UUID:
        """An issue of one new statement, in the outbox for these readers and all who were there."""
        subscribed(self.service, *addresses, **wishes)
        self.statements += 1
        published(self.service, f"river-{self.statements}", at=self.now - timedelta(minutes=1))
        with self.service.database.writing() as session:
            newsletter = session.scalars(select(Newsletter)).one()
            digest = digests.prepare(session, newsletter, "weekly", self.now)
            digests.begin(session, digest.id, ANNA, self.now)
        while dispatch.expand(self.service.database, digest.id, self.now):
            pass
        return digest.id

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        stopping = threading.Event()
        lane = Lane(self.service, clock=lambda: self.now)
        running = threading.Thread(target=lane.run, args=(stopping,))
        running.start()
        try:
            yield lane
        finally:
            stopping.set()
            running.join(20)
        assert not running.is_alive()

    def deliver(self) -> None:
        """Until nothing is due any more."""
        with self.lane():
            wait_until(lambda: not self.due(), 20, "the lane to deliver")

    def due(self) -> bool:
        with self.service.database.reading() as session:
            due = select(Message.id).where(
                Message.state == MessageState.WAITING, Message.not_before <= self.now
            )
            return session.scalar(due.limit(1)) is not None

    def messages(self) -> list[Message]:
        with self.service.database.reading() as session:
            return list(session.scalars(select(Message).where(Message.is_bulk)))

    def states(self) -> dict[str, int]:
        return dict(Counter(one.state for one in self.messages()))

    def digest(self) -> Digest:
        with self.service.database.reading() as session:
            return session.scalars(select(Digest).order_by(Digest.number.desc())).all()[0]


@pytest.fixture
def relay() -> Iterator[QuickRelay]:
    with QuickRelay() as server:
        yield server


@pytest.fixture
def sending(
    make_settings: Callable[..., Settings], relay: QuickRelay
) -> Iterator[Callable[..., Issues]]:
    """A service whose mail goes to the relay; NAME=value are settings."""
    opened: list[Service] = []

    def make(**changes: object) -> Issues:
        usual = {"SMTP_URL": relay.url, "MAIL_FROM": "news@network.test", "SMTP_CONNECTIONS": 3}
        opened.append(open_service(make_settings(**{**usual, **changes})))
        make_ready(opened[-1])
        return Issues(opened[-1])

    yield make
    for service in opened:
        service.database.close()


def readers(number: int, domain: str = "") -> list[str]:
    return [f"r{one}@{domain or f'host{one}.example.org'}" for one in range(number)]


def test_everybody_gets_their_own_copy_over_a_few_kept_connections(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    issues.begin(*readers(40))
    issues.deliver()

    assert sorted(one.to for one in relay.taken) == sorted(readers(40))
    assert len({one.connection for one in relay.taken}) <= 3
    assert issues.states() == {"sent": 40}
    own = {one.mail["List-Unsubscribe"] for one in relay.taken}
    assert len(own) == len({one.mail["Message-ID"] for one in relay.taken}) == 40
    ids = {one.id.hex for one in issues.messages()}
    assert {one.mail["Message-ID"].strip("<>").split("@")[0] for one in relay.taken} == ids
    assert {one.mail["To"] for one in relay.taken} == set(readers(40))


def test_each_reads_in_their_language_and_of_what_they_wish(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    subscribed(issues.service, "f@example.org", lang="fr")
    subscribed(issues.service, "rivers@example.org", topics=["Rivers"])
    french = {"fr": "Mouillé"}
    published(issues.service, "wet", at=NOW, title="Wet", topics=["rivers"], translations=french)
    issues.begin("all@example.org")
    issues.deliver()

    subjects = {one.to: one.mail["Subject"] for one in relay.taken}
    assert subjects["rivers@example.org"] == "Wet"
    assert subjects["f@example.org"].startswith("Mouillé")
    assert subjects["all@example.org"] == "Wet, and 1 more statement"


def test_an_internationalised_address_gets_a_letter_of_its_own(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    issues.begin("δοκιμή@example.org", "plain@example.org")
    issues.deliver()

    assert {one.to for one in relay.taken} == {"δοκιμή@example.org", "plain@example.org"}
    assert any("SMTPUTF8" in line for line in relay.lines)
    assert len({one.mail["Subject"] for one in relay.taken}) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"state": State.UNSUBSCRIBED},
        {"state": State.BOUNCED},
        {"paused_until": NOW + timedelta(days=1)},
    ],
)
def test_who_does_not_want_it_any_more_does_not_get_it(
    sending: Callable[..., Issues], relay: QuickRelay, values: dict[str, object]
) -> None:
    issues = sending()
    issues.begin("a@example.org", "b@example.org")
    with issues.service.database.writing() as session:
        (first, _) = session.scalars(select(Subscription.id).order_by(Subscription.id)).all()
        session.execute(update(Subscription).where(Subscription.id == first).values(**values))
    issues.deliver()

    assert len(relay.taken) == 1
    assert issues.states() == {"sent": 1, "void": 1}


def test_who_is_suppressed_meanwhile_does_not_get_it(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    issues.begin("a@example.org", "b@example.org")
    with issues.service.database.writing() as session:
        person = session.scalars(select(Subscription)).all()[0].subscriber
        session.add(Suppression(key=person.key, reason="test", created_at=NOW))
        address = person.address
    issues.deliver()

    assert [one.to for one in relay.taken if one.to != address] == [relay.taken[0].to]
    assert issues.states() == {"sent": 1, "void": 1}


def test_what_is_withdrawn_in_mid_sending_goes_to_nobody_else(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending(MAIL_LIMIT="5/minute")
    issues.begin(*readers(20))
    with issues.lane():
        relay.wait_for(5)
    with issues.service.database.writing() as session:
        session.execute(update(Statement).values(standing=Standing.WITHDRAWN))
    unlimited = sending()
    unlimited.deliver()

    assert len(relay.taken) == 5
    assert unlimited.states() == {"sent": 5, "void": 15}


def test_what_is_stopped_stays_and_goes_on_when_it_is_resumed(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending(SMTP_CONNECTIONS=1)
    asked = threading.Event()
    relay.answer = lambda line: asked.wait(10) and None if line.startswith(". ") else None
    digest_id = issues.begin(*readers(30))
    with issues.lane():
        wait_until(lambda: any(line.startswith("RCPT") for line in relay.lines), 10, "a mail")
        with issues.service.database.writing() as session:
            digests.stop(session, digest_id, ANNA, NOW)
        asked.set()
        wait_until(lambda: not any(one.leased_by for one in issues.messages()), 10, "release")
    under_way = len(relay.taken)
    assert under_way <= 2  # what was in hand of one connection
    assert issues.states() == {"sent": under_way, "waiting": 30 - under_way}

    with issues.service.database.writing() as session:
        digests.resume(session, digest_id, ANNA, NOW)
    issues.deliver()
    assert sorted(one.to for one in relay.taken) == sorted(readers(30))


def test_a_relay_that_is_away_costs_nobody_a_try_and_nobody_is_given_up(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    issues.begin(*readers(12))
    relay.__exit__()
    with issues.lane():
        wait_until(lambda: any(one.error for one in issues.messages()), 10, "a try")
        issues.now += timedelta(days=4)
        time.sleep(0.5)  # for more tries
    assert {(one.state, one.attempts, one.leased_by) for one in issues.messages()} == {
        ("waiting", 0, None)
    }
    relay.__enter__()
    issues.deliver()
    assert issues.states() == {"sent": 12}
    assert {one.error for one in issues.messages()} == {None}


def test_a_relay_that_closes_its_doors_in_mid_issue_is_left_alone_and_asked_again(
    sending: Callable[..., Issues], relay: QuickRelay, caplog: pytest.LogCaptureFixture
) -> None:
    left = [7]

    def busy(line: str) -> str | None:
        if line.startswith("RCPT"):
            left[0] -= 1
            if -6 < left[0] <= 0:
                return "421 4.7.0 too much, come again later"
        return None

    relay.answer = busy
    issues = sending(RETRY_BASE_SECONDS=0.2)
    issues.begin(*readers(30))
    issues.deliver()

    assert Counter(one.to for one in relay.taken) == Counter(readers(30))
    assert {one.attempts for one in issues.messages()} == {0}
    assert "left alone" in caplog.text
    assert "takes mail again" in caplog.text


def test_a_relay_that_never_says_whether_it_took_a_mail_does_not_get_the_same_again_and_again(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    ends: list[str] = []

    def hangs_up(line: str) -> None:
        if line.startswith("."):
            ends.append(line)
            raise OSError

    relay.answer = hangs_up
    issues = sending(SMTP_CONNECTIONS=1, RETRY_BASE_SECONDS=0.2)
    issues.begin(*readers(3))
    with issues.lane():
        wait_until(lambda: {one.attempts for one in issues.messages()} == {1}, 20, "a try of each")
    assert sorted(ends) == [f". {one}" for one in readers(3)]
    assert not issues.due()
    relay.answer = lambda _line: None
    issues.now += timedelta(minutes=1)
    issues.deliver()
    assert issues.states() == {"sent": 3}


def test_a_clock_that_is_put_forward_sends_nothing_twice(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    goes_on = threading.Event()
    relay.answer = lambda line: goes_on.wait(20) and None if line.startswith(".") else None
    issues = sending(SMTP_CONNECTIONS=1)
    issues.begin("anna@example.org")
    with issues.lane():
        wait_until(lambda: "DATA" in relay.lines, 10, "a mail")
        issues.now += timedelta(hours=1)
        until = issues.now

        def is_held() -> bool:
            (message,) = issues.messages()
            return message.leased_until is not None and message.leased_until > until

        wait_until(is_held, 10, "a new lease")
        goes_on.set()
        relay.wait_for(1)
        wait_until(lambda: not issues.due(), 10, "the end")
    assert len(relay.taken) == 1
    assert issues.states() == {"sent": 1}


def test_one_connection_too_many_does_not_hold_up_the_others(
    sending: Callable[..., Issues], relay: QuickRelay, caplog: pytest.LogCaptureFixture
) -> None:
    doors: list[str] = []

    def only_two(line: str) -> str | None:
        if line == "CONNECT":
            doors.append(line)
            if len(doors) > 2:
                return "421 4.7.0 too many connections"
            return None
        if line.startswith(". "):
            time.sleep(0.01)
        return None

    relay.answer = only_two
    issues = sending(SMTP_CONNECTIONS=3, RETRY_BASE_SECONDS=30)
    issues.begin(*readers(1))
    issues.deliver()
    doors.clear()
    issues.begin(*readers(60, "example.org"))
    issues.deliver()

    assert len({one.to for one in relay.taken}) == 61
    assert "no further connection" in caplog.text
    assert "left alone" not in caplog.text


def test_one_reader_who_is_refused_for_now_is_tried_again_later(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    relay.answer = lambda line: "451 4.7.1 greylisted" if "r1@" in line else None
    issues = sending(RETRY_BASE_SECONDS=60)
    issues.begin(*readers(5))
    issues.deliver()

    (late,) = [one for one in issues.messages() if one.state == MessageState.WAITING]
    assert (late.attempts, late.error) == (1, "451 4.7.1 greylisted")
    assert late.not_before == NOW + timedelta(seconds=60)
    assert len(relay.taken) == 4


def test_a_domain_that_takes_nothing_is_left_alone(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    relay.answer = lambda line: "451 4.7.1 busy" if "RCPT" in line and "@busy." in line else None
    issues = sending(RETRY_BASE_SECONDS=60, SMTP_CONNECTIONS=1)
    issues.begin(*readers(60, "busy.example"), *readers(20))
    issues.deliver()

    assert Counter(one.to for one in relay.taken) == Counter(readers(20))
    late = [one for one in issues.messages() if one.state == MessageState.WAITING]
    assert len(late) == 60
    tried = [one for one in late if one.attempts]
    assert 3 <= len(tried) < 30
    assert all(one.not_before >= NOW + timedelta(seconds=55) for one in late)


def test_a_domain_gets_no_more_than_its_limit_and_the_others_do_not_wait(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending(MAIL_DOMAIN_LIMIT="4/hour")
    issues.begin(*readers(10, "small.example"), *readers(30))
    issues.deliver()

    small = [one.to for one in relay.taken if one.to.endswith("@small.example")]
    # an hour that ends while the test runs lets some more through
    assert 4 <= len(small) <= 8
    assert len(relay.taken) == 30 + len(small)
    late = sorted(one.not_before for one in issues.messages() if one.state == "waiting")
    assert {one.attempts for one in issues.messages()} == {0}
    gaps = {round((b - a).total_seconds()) for a, b in itertools.pairwise(late)}
    assert gaps == {918}  # a quarter of an hour, and a little more
    assert late[0] > NOW + timedelta(minutes=14)


def test_the_relay_gets_no_more_than_its_limit(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending(MAIL_LIMIT="5/hour;7/day")
    issues.begin(*readers(20))
    with issues.lane():
        relay.wait_for(5)
        time.sleep(1.2)  # for a sixth, if there were one

    assert 5 <= len(relay.taken) <= 7
    assert {one.leased_by for one in issues.messages()} == {None}


def test_an_issue_that_everybody_refuses_is_stopped_and_says_why(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    relay.answer = lambda line: "554 5.7.1 on a block list" if line.startswith("RCPT") else None
    issues = sending(SMTP_CONNECTIONS=2)
    digest_id = issues.begin(*readers(300))
    with issues.lane():
        wait_until(lambda: issues.digest().state == DigestState.STOPPED, 20, "the stop")

    digest = issues.digest()
    assert digest.stopped_because == (
        "50 mails in a row were refused, the last with: 554 5.7.1 on a block list"
    )
    states = issues.states()
    assert 50 <= states["refused"] <= 50 + bulk.MOST_UNSETTLED
    assert states["refused"] + states["waiting"] == 300
    with issues.service.database.reading() as session:
        told = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert told
        assert (told.actor, told.action) == ("the delivery", "stopped sending")

    relay.answer = lambda _line: None
    with issues.service.database.writing() as session:
        digests.resume(session, digest_id, ANNA, NOW)
    issues.deliver()
    assert issues.states() == {"sent": 300}


def test_who_is_gone_is_not_tried_again_when_an_issue_goes_on(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    gone = "550 5.1.1 User unknown"
    relay.answer = lambda line: gone if line.startswith("RCPT TO:<r1@") else None
    issues = sending()
    digest_id = issues.begin(*readers(3))
    issues.deliver()
    with issues.service.database.writing() as session:
        digests.stop(session, digest_id, ANNA, NOW, because="too many were refused")
    relay.answer = lambda _line: None
    with issues.service.database.writing() as session:
        digests.resume(session, digest_id, ANNA, NOW)
    issues.deliver()
    assert issues.states() == {"sent": 2, "refused": 1}


def test_what_goes_on_after_days_has_the_date_of_that_day(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    digest_id = issues.begin("anna@example.org")
    later = NOW + timedelta(days=4)
    with issues.service.database.writing() as session:
        digests.stop(session, digest_id, ANNA, NOW)
        digests.resume(session, digest_id, ANNA, later)
    issues.now = later
    issues.deliver()
    (taken,) = relay.taken
    assert taken.mail["Date"].datetime == later.replace(microsecond=0)


def test_a_list_of_which_every_fourth_is_gone_is_stopped() -> None:
    tally = bulk.Tally()
    tried = [tally.add(refused=number % 4 == 0) for number in range(404)]
    assert tried.index(True) == 400
    assert (tally.tried, tally.refused) == (404, 101)


def test_a_large_provider_that_takes_no_more_in_mid_issue_stops_it() -> None:
    tally = bulk.Tally()
    assert not any(tally.add(refused=False) for _ in range(1500))
    tried = [tally.add(refused=number % 4 == 0) for number in range(404)]
    assert tried.index(True) == 400


def test_a_few_who_are_gone_are_no_reason_to_stop() -> None:
    tally = bulk.Tally()
    assert not any(tally.add(refused=number % 6 == 0) for number in range(5000))


def test_an_issue_that_cannot_be_written_is_stopped(
    sending: Callable[..., Issues], relay: QuickRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    issues = sending()
    issues.begin(*readers(5))

    def broken(*_: object) -> None:
        raise KeyError("a template")

    monkeypatch.setattr(press, "Letter", broken)
    with issues.lane():
        wait_until(lambda: issues.digest().state == DigestState.STOPPED, 20, "the stop")
    assert issues.digest().stopped_because == "it could not be written in “en”: KeyError"
    assert issues.states() == {"waiting": 5}
    assert relay.taken == []


def test_what_somebody_waits_for_is_never_behind_an_issue(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    relay.answer = lambda line: time.sleep(0.02) if line.startswith(". ") else None
    issues = sending(SMTP_CONNECTIONS=1)
    issues.begin(*readers(150))
    stopping = threading.Event()
    running = threading.Thread(target=worker.run, args=(issues.service, stopping))
    running.start()
    try:
        relay.wait_for(5)
        desk = Desk(issues.service)
        desk.now = datetime.now(UTC)
        desk.sign_up("waiting@example.org")
        wait_until(
            lambda: any(one.to == "waiting@example.org" for one in relay.taken), 20, "her mail"
        )
        assert len(relay.taken) < 140
    finally:
        stopping.set()
        running.join(20)
    assert not running.is_alive()


def test_the_lanes_do_not_take_each_others_mail(sending: Callable[..., Issues]) -> None:
    issues = sending()
    issues.begin(*readers(2))
    Desk(issues.service).sign_up()
    lease = timedelta(seconds=60)
    with issues.service.database.writing() as session:
        waited_for = outbox.claim(session, "here:1", NOW, lease, 20)
        to_many = outbox.claim(session, "here:1", NOW, lease, 20, bulk=True)
    assert (len(waited_for), len(to_many)) == (1, 2)


def test_a_worker_that_is_asked_to_stop_notes_what_it_sent_and_gives_back_the_rest(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    relay.answer = lambda line: time.sleep(0.05) if line.startswith(". ") else None
    issues = sending()
    issues.begin(*readers(50))
    with issues.lane():
        relay.wait_for(4)
    sent = [one for one in issues.messages() if one.state == MessageState.SENT]
    assert len(sent) == len(relay.taken) < 50
    assert {one.leased_by for one in issues.messages()} == {None}


def test_what_another_worker_holds_by_now_is_not_sent(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending(LEASE_SECONDS=1, SMTP_CONNECTIONS=1)
    hold = threading.Event()
    relay.answer = lambda line: hold.wait(10) and None if line.startswith(". ") else None
    issues.begin(*readers(2))
    with issues.lane():
        wait_until(lambda: any(line.startswith("RCPT") for line in relay.lines), 10, "a mail")
        with issues.service.database.writing() as session:
            session.execute(update(Message).values(leased_by="there:1"))
        wait_until(
            lambda: {one.leased_until for one in issues.messages()} != {None}, 5, "the lease"
        )
        time.sleep(1)  # until it has asked whether they are still its own
        hold.set()
        wait_until(lambda: len(relay.taken) == 1, 10, "what was on its way")
    assert issues.states() == {"waiting": 2}
    assert len(relay.taken) == 1
    assert {one.leased_by for one in issues.messages()} == {"there:1"}


def test_mail_of_both_lanes_is_signed(
    sending: Callable[..., Issues], relay: QuickRelay, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(pem(KEYS["rsa"]()))
    issues = sending(DKIM_SELECTOR="news", DKIM_KEY=str(tmp_path / "key"))
    issues.begin("a@example.org")
    desk = Desk(issues.service)
    desk.now = datetime.now(UTC)
    desk.sign_up("b@example.org")
    stopping = threading.Event()
    running = threading.Thread(target=worker.run, args=(issues.service, stopping))
    running.start()
    try:
        relay.wait_for(2)
    finally:
        stopping.set()
        running.join(20)
    seal = seals.load(issues.service.settings)
    assert seal
    public = seal.public().encode()
    for one in relay.taken:
        assert dkim.verify(one.wire, dnsfunc=lambda *_, **__: public)
        assert b"d=network.test" in one.wire
    to_many = next(one for one in relay.taken if one.to == "a@example.org")
    signed = re.sub(r"\s", "", to_many.mail["DKIM-Signature"])
    assert "list-unsubscribe:list-unsubscribe-post:feedback-id:from;" in signed


def test_leaving_by_the_head_of_a_mail_is_one_click_that_can_be_repeated(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    issues.begin("a@example.org", "b@example.org")
    issues.deliver()
    app = create_app(issues.service.settings)
    client = app.test_client()
    mail = next(one.mail for one in relay.taken if one.to == "a@example.org")
    path = str(mail["List-Unsubscribe"]).strip("<>").removeprefix("http://127.0.0.1:8000")
    name, _, value = str(mail["List-Unsubscribe-Post"]).partition("=")

    def states() -> list[str]:
        with issues.service.database.reading() as session:
            return sorted(session.scalars(select(Subscription.state)))

    assert client.get(path).status_code == 200
    assert states() == ["confirmed", "confirmed"]
    forged = path[:-3] + ("AAA" if not path.endswith("AAA") else "BBB")
    assert client.post(forged, data={name: value}).status_code == 404
    assert Reader(client).post("/unsubscribe/nonsense").status == 404
    assert states() == ["confirmed", "confirmed"]
    for _ in range(2):
        answer = client.post(path, data={name: value})
        assert (answer.status_code, answer.headers.get("Location")) == (200, None)
    assert states() == ["confirmed", "unsubscribed"]
    app.extensions["sightings"].close()
    app.extensions["undersigned"].database.close()


def test_who_leaves_while_an_issue_goes_out_does_not_get_it(
    sending: Callable[..., Issues], relay: QuickRelay
) -> None:
    issues = sending()
    issues.begin("a@example.org", "b@example.org")
    with issues.service.database.writing() as session:
        first = session.scalars(select(Subscription.id)).all()[0]
        newsletters.unsubscribe(session, first, NOW)
    issues.deliver()
    assert len(relay.taken) == 1
