"""Mail that waits: claimed by one worker at a time, put off, given up, never lost."""

import os
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.test_newsletters import Desk
from widgets import outbox
from widgets.models import Message, MessageState
from widgets.service import Service

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)


class Post:
    """The outbox as a worker uses it, at a time of its own."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.desk = Desk(service)
        self.now = NOW

    def ask(self, number: int = 1) -> None:
        for one in range(number):
            self.desk.sign_up(f"reader{one}-{uuid.uuid4().hex[:6]}@host{one}.example.org")

    def claim(self, worker: str = "here:1", most: int = 20) -> list[uuid.UUID]:
        with self.service.database.writing() as session:
            return outbox.claim(session, worker, self.now, LEASE, most)

    def postpone(self, message: uuid.UUID, reason: str = "451 later") -> None:
        with self.service.database.writing() as session:
            outbox.postponed(session, "here:1", message, self.now, reason, timedelta(seconds=30))

    def wait_for(self, message: uuid.UUID) -> None:
        """Until it is due again, and claimed."""
        self.now = self.message(message).not_before
        assert self.claim() == [message]

    def message(self, message: uuid.UUID) -> Message:
        with self.service.database.reading() as session:
            return session.get_one(Message, message)


@pytest.fixture
def post(service: Service) -> Post:
    return Post(service)


def test_a_message_is_claimed_by_one_worker(post: Post) -> None:
    post.ask(3)

    first, second = post.claim("here:1", most=2), post.claim("here:2")

    assert (len(first), len(second)) == (2, 1)
    assert not set(first) & set(second)
    assert post.claim("here:3") == []


def test_two_workers_that_claim_at_once_take_different_messages(post: Post) -> None:
    post.ask(4)
    if post.service.database.is_sqlite:
        assert set(post.claim(most=2)).isdisjoint(post.claim("here:2"))
        return
    with post.service.database.writing() as one:
        first = outbox.claim(one, "here:1", NOW, LEASE, 2)
        with post.service.database.writing() as two:  # while the first is not committed
            second = outbox.claim(two, "here:2", NOW, LEASE, 20)
    assert len(first) == len(second) == 2
    assert set(first).isdisjoint(second)


def test_what_a_dead_worker_held_is_claimed_again_after_its_lease(post: Post) -> None:
    post.ask()
    held = post.claim()
    post.now += LEASE

    assert post.claim("here:2") == []
    post.now += timedelta(seconds=1)
    assert post.claim("here:2") == held


def test_what_is_not_due_waits(post: Post) -> None:
    post.ask()
    post.now -= timedelta(seconds=1)

    assert post.claim() == []


def test_the_oldest_goes_first(post: Post) -> None:
    post.desk.now = NOW - timedelta(minutes=1)
    post.ask()
    post.desk.now = NOW - timedelta(minutes=2)
    post.ask()

    (oldest,) = post.claim(most=1)
    assert post.message(oldest).created_at == NOW - timedelta(minutes=2)


def test_what_is_put_off_waits_twice_as_long_each_time(post: Post) -> None:
    post.ask()
    (message,) = post.claim()
    waits = []
    for _ in range(4):
        post.postpone(message)
        waits.append((post.message(message).not_before - post.now).total_seconds())
        post.wait_for(message)

    assert waits == [30, 60, 120, 240]


def test_the_pause_is_four_hours_at_most(post: Post) -> None:
    post.ask()
    (message,) = post.claim()
    for _ in range(12):
        post.postpone(message)
        pause = post.message(message).not_before - post.now
        post.wait_for(message)

    assert pause == timedelta(hours=4)


def test_after_three_days_it_is_given_up_and_says_why(post: Post) -> None:
    post.ask()
    (message,) = post.claim()
    post.now += timedelta(days=3, seconds=1)
    post.postpone(message, "451 greylisted")

    given_up = post.message(message)
    assert (given_up.state, given_up.error) == (MessageState.REFUSED, "given up: 451 greylisted")


def test_who_has_lost_its_lease_has_no_say_any_more(post: Post) -> None:
    post.ask()
    (message,) = post.claim("slow:1")
    post.now += LEASE + timedelta(seconds=1)
    assert post.claim("quick:2") == [message]

    with post.service.database.writing() as session:
        outbox.release(session, "slow:1", [message])
        outbox.refused(session, "slow:1", message, post.now, "550 no")
    assert post.message(message).state == MessageState.WAITING
    assert post.claim("third:3") == []


def test_what_this_machines_dead_processes_held_is_given_back_at_once(post: Post) -> None:
    post.ask(3)
    machine = outbox.worker_name().rsplit(":", 1)[0]
    post.claim(f"{machine}:{_no_process()}", most=1)
    post.claim(f"{machine}:1", most=1)  # init lives
    post.claim("another-machine:99", most=1)

    with post.service.database.writing() as session:
        assert outbox.release_of_the_dead(session) == 1
    assert len(post.claim()) == 1


def _no_process() -> int:
    number = 4_000_000
    while True:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return number
        number -= 1
