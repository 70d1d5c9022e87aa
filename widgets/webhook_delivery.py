"""Telling other programs: calls that are due are made, several at once, so that a receiver that
hangs holds up nobody but itself. Which of two calls arrives first is not promised.

A worker that dies in between is followed by another after the lease, which makes the call again
with the same webhook-id.
"""

import json
import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import standardwebhooks

from widgets import fetching, jobs, outbox, webhooks
from widgets.fetching import CantFetch, Policy
from widgets.models import Webhook, WebhookCall
from widgets.service import Service
from widgets.settings import Settings
from widgets.webhooks import Outcome

log = logging.getLogger("undersigned.webhooks")

AT_ONCE = 4  # calls to one webhook
SECONDS = 15.0  # for a call, from the look-up of the name to the last byte
LARGEST_ANSWER = 64 * 1024  # bytes that are read, and thrown away
PAUSE = 0.5  # seconds between looks
PAUSE_AFTER_A_FAULT = 5.0  # seconds


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Delivery:
    """Makes calls in threads: never more than AT_ONCE to one webhook. schedule: after how long a
    call that failed is made again."""

    service: Service
    policy: Policy
    worker: str
    schedule: Sequence[timedelta] = webhooks.SCHEDULE
    clock: Callable[[], datetime] = _now
    _busy: Counter[int] = field(default_factory=Counter)
    _ended: queue.SimpleQueue[Outcome] = field(default_factory=queue.SimpleQueue)
    _unrecorded: list[Outcome] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(
            webhooks.MOST * AT_ONCE, thread_name_prefix="webhook"
        )
    )

    def step(self) -> bool:
        """Records what became of calls that have ended and begins those that are due, all in one
        short transaction; whether there was anything to do."""
        while not self._ended.empty():
            ended = self._ended.get()
            self._busy[ended.webhook] -= 1
            self._unrecorded.append(ended)
        now = self.clock()
        if not self._unrecorded:
            with self.service.database.reading() as session:
                if not webhooks.any_due(session, now, self._busy, AT_ONCE):
                    return False
        with self.service.database.writing() as session:
            # in the order of the webhooks, as every worker locks them
            for outcome in sorted(self._unrecorded, key=lambda one: (one.webhook, one.call)):
                webhooks.record(session, self.worker, outcome, now, self.schedule)
            taken = webhooks.claim(session, self.worker, now, self._busy, AT_ONCE)
            calls = [(session.get_one(Webhook, call.webhook_id), call) for call in taken]
        self._unrecorded.clear()
        for webhook, call in calls:
            self._busy[webhook.id] += 1
            self._pool.submit(self._make, webhook, call)
        return True

    def is_idle(self) -> bool:
        """Whether nothing is under way or to be recorded."""
        return not self._busy.total() and not self._unrecorded

    def close(self) -> None:
        """Begins no more. What is under way ends with the process, or in its own time."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self, webhook: Webhook, call: WebhookCall) -> None:
        try:
            outcome = make(self.service.settings, self.policy, webhook, call, self.clock())
        except Exception as error:
            log.exception("call %s of a webhook could not be made", call.id)
            outcome = Outcome(webhook.id, call.id, None, f"not made: {type(error).__name__}")
        self._ended.put(outcome)


def make(
    settings: Settings, policy: Policy, webhook: Webhook, call: WebhookCall, now: datetime
) -> Outcome:
    """Makes one call."""
    body = json.dumps(webhooks.payload(call, settings))
    try:
        answer = fetching.post(
            webhook.url,
            body.encode(),
            policy,
            agent=f"Undersigned/{version('undersigned')}",
            headers=signed(webhook, call, body, now),
        )
    except CantFetch as error:
        outcome = Outcome(webhook.id, call.id, None, str(error))
    else:
        wait = timedelta(seconds=min(answer.retry_after, 1e6))
        outcome = Outcome(webhook.id, call.id, answer.status, _refused(answer), wait)
    if outcome.reason:
        log.warning("call %s of webhook %d failed: %s", call.id, webhook.id, outcome.reason)
    return outcome


def _refused(answer: fetching.Reply) -> str:
    """Why an answer means that the call failed; "" where it does not."""
    if 200 <= answer.status < 300:
        return ""
    if answer.status in fetching.REDIRECTS:
        return f"the server answered {answer.status}; redirects are not followed"
    return f"the server answered {answer.status}"


def signed(webhook: Webhook, call: WebhookCall, body: str, now: datetime) -> dict[str, str]:
    """The headers by which a receiver knows that we sent it: one signature for each secret."""
    signatures = (
        standardwebhooks.Webhook(secret).sign(str(call.id), now, body)
        for secret in webhook.secret.split()
    )
    return {
        "Content-Type": "application/json",
        "webhook-id": str(call.id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def policy(settings: Settings) -> Policy:
    """Where calls may go, and what they may cost."""
    private = settings.webhook_allow_private
    return Policy(private=private, largest=LARGEST_ANSWER, seconds=SECONDS)


def run(service: Service, stopping: threading.Event) -> None:
    """Makes calls until `stopping` is set."""
    delivery = Delivery(service, policy(service.settings), f"{outbox.worker_name()}:webhooks")
    pause = PAUSE
    try:
        while not stopping.wait(pause):
            try:
                # many calls, one after the other, must not keep other writers out
                pause = jobs.GAP if delivery.step() or not delivery.is_idle() else PAUSE
            except Exception:
                log.exception("webhooks could not be called; trying again")
                pause = PAUSE_AFTER_A_FAULT
    finally:
        delivery.close()
