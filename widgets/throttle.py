"""How fast mail to many goes out: no faster than the relay and the servers of each domain want it,
and not at all while one of them is in trouble."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem, parse_many
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from widgets.settings import Settings

MOST_DOMAINS = 10_000  # whose turns and troubles are remembered
IN_A_ROW = 3  # that one domain did not take for now, before it is left alone for a while
LONGEST_PAUSE = 300.0  # seconds that the relay is left alone
LONGEST_PAUSE_OF_A_DOMAIN = 3600.0
BETWEEN = 0.1  # seconds from turn to turn, at least
SLACK = 1.02  # the counted windows are a little longer than they say


@dataclass
class Trouble:
    """What fails `patience` times in a row is left alone for base × 2ⁿ seconds, longer each time
    until it goes well again."""

    base: float
    longest: float
    patience: int = 1
    times: int = 0
    until: float = 0.0

    def again(self, now: float) -> bool:
        """It failed once more; whether it is left alone from now on. What fails while it is left
        alone was under way before."""
        if self.until > now:
            return False
        self.times += 1
        if self.times < self.patience:
            return False
        pause: float = self.base * 2.0 ** min(self.times - self.patience, 20)
        self.until = now + min(pause, self.longest)
        return True

    def over(self) -> None:
        self.times, self.until = 0, 0.0


class Throttle:
    """The limits of the settings, counted in LIMIT_STORAGE: where that is memory, in this process.
    Raises limits.errors.StorageError where the storage is away."""

    def __init__(self, settings: Settings, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._relay = _limits(settings.mail_limit)
        self._domain = _limits(settings.mail_domain_limit)
        self._between = SLACK * max(
            (one.get_expiry() / one.amount for one in self._domain), default=0.0
        )
        in_memory = settings.limit_storage.startswith("memory:")
        quickly: dict[str, Any] = {} if in_memory else {"socket_timeout": 1}
        storage = storage_from_string(settings.limit_storage, wrap_exceptions=True, **quickly)
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._base = settings.retry_base_seconds
        self._lock = threading.Lock()
        self._turns: OrderedDict[str, float] = OrderedDict()  # when the next one's turn is
        self._troubles: OrderedDict[str, Trouble] = OrderedDict()

    def room(self, most: int) -> int:
        """How many the relay may be given now, up to `most`."""
        for limit in self._relay:
            most = min(most, self._limiter.get_window_stats(limit, "relay").remaining)
        return most

    def take(self) -> bool:
        """Counts one for the relay; False, and none, where it may be given no more."""
        return self._hit(self._relay, "relay")

    def wait_of(self, domain: str) -> float:
        """Counts one for a domain, and gives 0; or, where that may not go yet, the seconds until
        its turn. Those who wait get turns one after the other, as fast as the limit allows."""
        if wait := self.pause_of(domain):
            return wait
        if not self._domain or self._hit(self._domain, domain):
            return 0.0
        stats = (self._limiter.get_window_stats(one, domain) for one in self._domain)
        full = max((one.reset_time - time.time() for one in stats if not one.remaining), default=0)
        return self._turn_after(domain, max(full, self._between))

    def pause_of(self, domain: str) -> float:
        """The same of a domain that is left alone; 0 where it isn't."""
        trouble = self._troubles.get(domain)
        left = trouble.until - self._seconds() if trouble else 0.0
        # not all at once when it is over
        return self._turn_after(domain, left) if left > 0 else 0.0

    def refused(self, domain: str) -> None:
        """A domain did not take a mail for now. After a few in a row it is left alone."""
        usual = Trouble(self._base, LONGEST_PAUSE_OF_A_DOMAIN, IN_A_ROW)
        with self._lock:
            self._troubles.setdefault(domain, usual).again(self._seconds())
            _forget(self._troubles)

    def taken(self, domain: str) -> None:
        with self._lock:
            self._troubles.pop(domain, None)

    def _turn_after(self, domain: str, wait: float) -> float:
        now = self._seconds()
        with self._lock:
            turn = max(self._turns.get(domain, 0.0), now + wait)
            self._turns[domain] = turn + max(self._between, BETWEEN)
            self._turns.move_to_end(domain)
            _forget(self._turns)
        return turn - now

    def _hit(self, limits: list[RateLimitItem], key: str) -> bool:
        if not all(self._limiter.test(one, key) for one in limits):
            return False
        return all(self._limiter.hit(one, key) for one in limits)


def _limits(text: str) -> list[RateLimitItem]:
    return list(parse_many(text)) if text else []


def _forget(known: OrderedDict[str, Any]) -> None:
    while len(known) > MOST_DOMAINS:
        known.popitem(last=False)
