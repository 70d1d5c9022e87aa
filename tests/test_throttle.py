"""How fast mail to many may go: limits, turns and pauses."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from limits.errors import StorageError

from tests.actors import free_port
from widgets.settings import Settings
from widgets.throttle import Throttle, Trouble

MakeSettings = Callable[..., Settings]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_everything_may_go(make_settings: MakeSettings) -> None:
    throttle = Throttle(make_settings())
    assert throttle.room(400) == 400
    assert throttle.take()
    assert [throttle.wait_of("a.example") for _ in range(1000)] == [0.0] * 1000


def test_the_relay_has_room_for_as_many_as_its_limit_says(make_settings: MakeSettings) -> None:
    throttle = Throttle(make_settings(MAIL_LIMIT="5/day;100/month"))
    assert throttle.room(400) == 5
    assert [throttle.take() for _ in range(7)] == [True] * 5 + [False] * 2
    assert throttle.room(400) == 0


def test_who_is_over_the_limit_of_a_domain_gets_a_turn_each(make_settings: MakeSettings) -> None:
    throttle = Throttle(make_settings(MAIL_DOMAIN_LIMIT="24/day"), Clock())
    waits = [throttle.wait_of("a.example") for _ in range(44)]
    assert waits[:24] == [0.0] * 24
    assert {round(b - a) for a, b in pairwise(waits[24:])} == {3672}  # an hour, and a little more
    assert waits[24] >= 3600
    assert throttle.wait_of("b.example") == 0.0


def test_a_domain_is_left_alone_after_three_in_a_row_and_longer_each_time(
    make_settings: MakeSettings,
) -> None:
    clock = Clock()
    throttle = Throttle(make_settings(RETRY_BASE_SECONDS=30), clock)
    throttle.refused("a.example")
    throttle.taken("a.example")
    for _ in range(2):
        throttle.refused("a.example")
    assert throttle.pause_of("a.example") == 0
    throttle.refused("a.example")
    throttle.refused("a.example")  # was under way
    waits = [throttle.wait_of("a.example") for _ in range(3)]
    assert waits == pytest.approx([30, 30.1, 30.2])
    clock.now += 30
    assert throttle.pause_of("a.example") == 0
    throttle.refused("a.example")
    assert throttle.pause_of("a.example") == pytest.approx(60)
    throttle.taken("a.example")
    assert throttle.pause_of("a.example") == 0


def test_what_fails_again_and_again_is_left_alone_longer_up_to_a_limit() -> None:
    trouble, now, pauses = Trouble(base=1, longest=10), 0.0, []
    for _ in range(6):
        assert trouble.again(now)
        assert not trouble.again(now)
        pauses.append(trouble.until - now)
        now = trouble.until
    assert pauses == [1, 2, 4, 8, 10, 10]


def test_a_storage_that_is_away_is_said_so(make_settings: MakeSettings) -> None:
    throttle = Throttle(
        make_settings(MAIL_LIMIT="5/second", LIMIT_STORAGE=f"valkey://127.0.0.1:{free_port()}")
    )
    with pytest.raises(StorageError):
        throttle.room(1)
