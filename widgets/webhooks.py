"""Other programs that are told what happens here: who is told of what, what still has to be told,
and what came of it. The form is that of Standard Webhooks (https://www.standardwebhooks.com).

A call is written in the transaction of what it tells of, and made by widgets.webhook_delivery.
"""

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import httpx
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from widgets import audit, fetching
from widgets.audit import Actor, Subject
from widgets.fetching import CantFetch
from widgets.models import CallState, Statement, Webhook, WebhookCall
from widgets.paging import Page, paged
from widgets.settings import Settings

MOST = 10  # webhooks: each has threads of its own
LONGEST_URL = 2000  # characters
LEASE = timedelta(minutes=1)  # a call is over long before
SCHEDULE = tuple(  # after how long it is tried again; as the standard proposes
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
LONGEST_WAIT = timedelta(days=1)  # that a receiver's Retry-After is believed
FAILS_FOR = timedelta(days=5)  # then it is told nothing more
GONE = 410
TEST = "webhook.test"


class Event(StrEnum):
    """Of what programs can be told; docs/api.md describes them."""

    SUBSCRIBED = "subscriber.subscribed"
    CONFIRMED = "subscriber.confirmed"
    UNSUBSCRIBED = "subscriber.unsubscribed"
    ENDORSED = "statement.endorsed"
    PUBLISHED = "statement.published"


class NoSuchWebhook(LookupError):
    """There is none of this number, or no such call of it."""


class BadWebhook(ValueError):
    """Not a webhook that can be kept. field: "url" or "events"; the text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


# What happens is told


def tell(
    session: Session,
    event: Event,
    data: Callable[[], Mapping[str, Any]],
    now: datetime,
    subscriber_id: uuid.UUID | None = None,
    *,
    is_sent: bool = True,
) -> None:
    """Has every webhook that wants to know told of something, in the caller's transaction.

    data: asked for only where there is such a webhook. subscriber_id: of whom it tells. is_sent:
    otherwise the same work is done and nothing is told, so that nobody can tell from the time of an
    answer what there was to tell.
    """
    tell_all(session, event, lambda: [(data(), subscriber_id)], now, is_sent=is_sent)


def tell_all(
    session: Session,
    event: Event,
    happened: Callable[[], Sequence[tuple[Mapping[str, Any], uuid.UUID | None]]],
    now: datetime,
    *,
    is_sent: bool = True,
) -> None:
    """The same for several events of one kind: the data of each, and of whom it tells."""
    if not (wanted := _that_want(session, event)):
        return
    state = CallState.WAITING if is_sent else CallState.VOID
    rows = [
        _row(webhook, event, data, subscriber_id, now, state)
        for data, subscriber_id in happened()
        for webhook in wanted
    ]
    if rows:
        session.execute(insert(WebhookCall), rows)


def _that_want(session: Session, event: Event) -> list[int]:
    """The webhooks that are told of such an event. They can't be deleted before the transaction
    ends, or what somebody does at that moment would fail for it."""
    rows = session.execute(
        select(Webhook.id, Webhook.events)
        .where(Webhook.disabled_at.is_(None))
        .order_by(Webhook.id)
        .with_for_update(read=True, key_share=True)
    )
    return [number for number, events in rows if event in events]


def _row(
    webhook: int,
    event: str,
    data: Mapping[str, Any],
    subscriber_id: uuid.UUID | None,
    now: datetime,
    state: CallState,
) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "webhook_id": webhook,
        "event": event,
        "payload": {"type": event, "timestamp": iso(now), "data": dict(data)},
        "subscriber_id": subscriber_id,
        "state": state,
        "not_before": now,
        "created_at": now,
    }


def iso(moment: datetime) -> str:
    """As programs are told a moment: ISO 8601, in UTC. To the millisecond: by it they know what
    came first."""
    return moment.isoformat(timespec="milliseconds")


def about(statement: Statement) -> dict[str, Any]:
    """How an event speaks of a statement. Its address is added when the event is told."""
    return {"slug": statement.slug, "lang": statement.lang, "title": statement.title}


def tell_published(session: Session, statement: Statement, now: datetime, *, again: bool) -> None:
    """Tells that a statement is public. again: it was before, and was withdrawn."""

    def data() -> dict[str, Any]:
        date = statement.published_on.isoformat()
        return {"statement": about(statement), "date": date, "again": again}

    tell(session, Event.PUBLISHED, data, now)


def payload(call: WebhookCall, settings: Settings) -> dict[str, Any]:
    """What a call says, the same at every attempt."""
    told = call.payload
    statement = told["data"].get("statement")
    if statement is None:
        return told
    url = settings.url(f"/statements/{statement['slug']}")
    return {**told, "data": {**told["data"], "statement": {**statement, "url": url}}}


# The list of webhooks


def listed(session: Session) -> Sequence[Webhook]:
    return session.scalars(select(Webhook).order_by(Webhook.id)).all()


def get(session: Session, number: int) -> Webhook:
    """Raises NoSuchWebhook."""
    found = session.get(Webhook, number)
    if found is None:
        raise NoSuchWebhook(number)
    return found


def add(
    session: Session,
    url: str,
    events: Sequence[str],
    settings: Settings,
    actor: Actor,
    now: datetime,
) -> Webhook:
    """A new webhook, with a new secret. Raises BadWebhook."""
    checked = _checked(url, settings)
    wanted = _wanted(events)
    if len(listed(session)) >= MOST:
        raise BadWebhook("url", f"There can be {MOST} webhooks at most. Delete one first.")
    made = Webhook(url=checked, secret=_new_secret(), events=wanted, created_at=now)
    session.add(made)
    session.flush()
    _note(session, made, actor, "added", now, events=wanted)
    return made


def change(
    session: Session,
    number: int,
    url: str,
    events: Sequence[str],
    settings: Settings,
    actor: Actor,
    now: datetime,
) -> Webhook:
    """Another address, other events, or both. Raises NoSuchWebhook and BadWebhook."""
    webhook = _locked(session, number)
    checked, wanted = _checked(url, settings), _wanted(events)
    if (webhook.url, webhook.events) != (checked, wanted):
        webhook.url, webhook.events = checked, wanted
        _note(session, webhook, actor, "changed", now, events=wanted)
    return webhook


def new_secret(session: Session, number: int, actor: Actor, now: datetime) -> Webhook:
    """Signs with a new secret and, until `forget_old_secret`, with the one before too. Raises
    NoSuchWebhook."""
    webhook = _locked(session, number)
    webhook.secret = f"{_new_secret()} {newest_secret(webhook)}"
    _note(session, webhook, actor, "made a new secret for", now)
    return webhook


def forget_old_secret(session: Session, number: int, actor: Actor, now: datetime) -> None:
    """Signs with the newest secret alone. Raises NoSuchWebhook."""
    webhook = _locked(session, number)
    if has_old_secret(webhook):
        webhook.secret = newest_secret(webhook)
        _note(session, webhook, actor, "forgot the old secret of", now)


def newest_secret(webhook: Webhook) -> str:
    return webhook.secret.split()[0]


def has_old_secret(webhook: Webhook) -> bool:
    return len(webhook.secret.split()) > 1


def disable(session: Session, number: int, actor: Actor, now: datetime) -> None:
    """Tells it nothing more; what waits is given up. Raises NoSuchWebhook."""
    webhook = _locked(session, number)
    if webhook.disabled_at is None:
        _disable(session, webhook, f"by {actor.name}", now)
        _note(session, webhook, actor, "disabled", now)


def enable(session: Session, number: int, actor: Actor, now: datetime) -> None:
    """Tells it again of what happens from now on. Raises NoSuchWebhook."""
    webhook = _locked(session, number)
    if webhook.disabled_at is not None:
        webhook.disabled_at = webhook.disabled_because = None
        webhook.failing_since = webhook.last_error = None
        _note(session, webhook, actor, "enabled", now)


def remove(session: Session, number: int, actor: Actor, now: datetime) -> None:
    """Deletes it, and what was told it. Raises NoSuchWebhook."""
    webhook = _locked(session, number)
    _note(session, webhook, actor, "deleted", now)
    session.delete(webhook)


def test(session: Session, number: int, actor: Actor, now: datetime) -> uuid.UUID:
    """Has it told of nothing but that somebody tries it; the call's id. Raises NoSuchWebhook, and
    BadWebhook where it is disabled."""
    webhook = _locked(session, number)
    if webhook.disabled_at is not None:
        raise BadWebhook("url", "It is disabled: enable it first.")
    row = _row(number, TEST, {"by": actor.name}, None, now, CallState.WAITING)
    session.execute(insert(WebhookCall), [row])
    return uuid.UUID(str(row["id"]))


def _checked(url: str, settings: Settings) -> str:
    """An address that can be told something. Where it leads is looked at whenever it is."""
    url = url.strip()
    policy = fetching.Policy(private=settings.webhook_allow_private)
    try:
        parsed = fetching.checked(url, policy)
    except CantFetch as error:
        raise BadWebhook("url", f"This can’t be used: {error}.") from None
    if len(url) > LONGEST_URL:
        raise BadWebhook("url", f"An address can have {LONGEST_URL:,} characters at most.")
    if parsed.scheme != "https" and not settings.webhook_allow_private:
        raise BadWebhook("url", "It must begin with https://, since it tells people’s addresses.")
    if _is_private(parsed) and not settings.webhook_allow_private:
        raise BadWebhook(
            "url",
            "This is no address of the public internet. Whoever runs the server can allow others "
            "(UNDERSIGNED_WEBHOOK_ALLOW_PRIVATE).",
        )
    return str(parsed)


def _is_private(url: httpx.URL) -> bool:
    host = url.host
    is_number = ":" in host or host.replace(".", "").isdecimal()
    return host == "localhost" or (is_number and not fetching.is_public(host))


def _wanted(events: Sequence[str]) -> list[str]:
    wanted = [event.value for event in Event if event in events]
    if not wanted:
        raise BadWebhook("events", "Choose at least one event.")
    return wanted


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


_BUT_FOR_ITS_KEY = {"key_share": True}  # who tells of something meanwhile need not wait


def _locked(session: Session, number: int) -> Webhook:
    found = session.get(Webhook, number, with_for_update=_BUT_FOR_ITS_KEY)
    if found is None:
        raise NoSuchWebhook(number)
    return found


def _note(
    session: Session, webhook: Webhook, actor: Actor, action: str, now: datetime, **details: Any
) -> None:
    audit.record(session, actor, action, subject(webhook), now, **details)


def subject(webhook: Webhook) -> Subject:
    """By its host: the path may be a secret of the receiver's."""
    return Subject("webhook", webhook.id, host(webhook))


def host(webhook: Webhook) -> str:
    return httpx.URL(webhook.url).host


# What was told


def calls(session: Session, number: int, page: int = 1) -> Page[WebhookCall]:
    """What a webhook was or is to be told, the newest first."""
    query = (
        select(WebhookCall)
        .where(WebhookCall.webhook_id == number, WebhookCall.state != CallState.VOID)
        .order_by(WebhookCall.created_at.desc(), WebhookCall.id)
    )
    return paged(session, query, page)


def waiting(session: Session) -> dict[int, int]:
    """How many calls wait, by the webhook."""
    rows = session.execute(
        select(WebhookCall.webhook_id, func.count())
        .where(WebhookCall.state == CallState.WAITING)
        .group_by(WebhookCall.webhook_id)
    )
    return {row[0]: row[1] for row in rows}


def try_again(
    session: Session, number: int, call_id: uuid.UUID, actor: Actor, now: datetime
) -> None:
    """Tells it at once, whether it waits or was given up; then as often as if it were new. Raises
    NoSuchWebhook, and BadWebhook where the webhook is disabled."""
    webhook = _locked(session, number)
    call = session.get(WebhookCall, call_id, with_for_update=True)
    if call is None or call.webhook_id != number or call.state == CallState.VOID:
        raise NoSuchWebhook(number)
    if webhook.disabled_at is not None:
        raise BadWebhook("url", "It is disabled: enable it first.")
    if call.state == CallState.DONE:
        return
    call.state, call.settled_at = CallState.WAITING, None
    call.attempts, call.not_before = 0, now
    _note(session, webhook, actor, "tried again to tell", now, event=call.event)


def claim(
    session: Session, worker: str, now: datetime, busy: Mapping[int, int], each: int
) -> list[WebhookCall]:
    """Takes due calls that no other worker holds, the oldest first: of each webhook as many as
    make `each` with those of it that this worker makes already (busy)."""
    taken: list[WebhookCall] = []
    for number, free in _free(session, busy, each):
        taken += session.scalars(
            select(WebhookCall)
            .where(WebhookCall.webhook_id == number, _due(now))
            .order_by(WebhookCall.not_before)
            .limit(free)
            .with_for_update(skip_locked=True)
        )
    for call in taken:
        call.leased_by, call.leased_until = worker, now + LEASE
    return taken


def any_due(session: Session, now: datetime, busy: Mapping[int, int], each: int) -> bool:
    """Whether `claim` would find any."""
    return any(
        session.scalar(
            select(WebhookCall.id).where(WebhookCall.webhook_id == number, _due(now)).limit(1)
        )
        for number, _ in _free(session, busy, each)
    )


def _free(session: Session, busy: Mapping[int, int], each: int) -> list[tuple[int, int]]:
    """The webhooks that can be told more, and how much."""
    numbers = session.scalars(
        select(Webhook.id).where(Webhook.disabled_at.is_(None)).order_by(Webhook.id)
    )
    return [(one, each - busy.get(one, 0)) for one in numbers if busy.get(one, 0) < each]


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(
        WebhookCall.state == CallState.WAITING,
        WebhookCall.not_before <= now,
        or_(WebhookCall.leased_until.is_(None), WebhookCall.leased_until < now),
    )


# What became of a call is told by its worker. One whose lease has ended in the meantime has no say
# any more. The webhook is locked first, always, or two could wait for each other.


@dataclass(frozen=True)
class Outcome:
    """What came of a call. status: of the answer, if there was one; reason: why it failed, "" where
    it did not; retry_after: in which the receiver asked not to be asked again."""

    webhook: int
    call: uuid.UUID
    status: int | None
    reason: str = ""
    retry_after: timedelta = timedelta()


def record(
    session: Session,
    worker: str,
    outcome: Outcome,
    now: datetime,
    schedule: Sequence[timedelta] = SCHEDULE,
) -> None:
    """What failed is told again later, by the schedule, or given up. A webhook that says it is gone
    (410), or that took nothing for FAILS_FOR, is disabled."""
    held = _held(session, worker, outcome)
    if held is None:
        return
    webhook, call = held
    call.status = outcome.status
    call.leased_by = call.leased_until = None
    if not outcome.reason:
        webhook.failing_since = webhook.last_error = call.error = None
        _settle(call, CallState.DONE, now)
        return
    webhook.failing_since = webhook.failing_since or now
    webhook.last_error = call.error = outcome.reason[:500]
    call.attempts += 1
    if outcome.status == GONE:
        _settle(call, CallState.FAILED, now)
        _disable(session, webhook, "it said that it is gone for good (410)", now)
    elif call.attempts <= len(schedule):
        pause = schedule[call.attempts - 1]
        call.not_before = now + max(pause, min(outcome.retry_after, LONGEST_WAIT))
    else:
        _settle(call, CallState.FAILED, now)
        if now - webhook.failing_since > FAILS_FOR:
            since = f"{webhook.failing_since:%-d %b %Y}"
            _disable(session, webhook, f"it has taken nothing since {since}", now)


def _held(session: Session, worker: str, outcome: Outcome) -> tuple[Webhook, WebhookCall] | None:
    webhook = session.get(Webhook, outcome.webhook, with_for_update=_BUT_FOR_ITS_KEY)
    call = session.get(WebhookCall, outcome.call, with_for_update=True)
    if webhook is None or call is None:  # deleted meanwhile
        return None
    held = call.leased_by == worker and call.state == CallState.WAITING
    return (webhook, call) if held else None


def _settle(call: WebhookCall, state: CallState, now: datetime) -> None:
    call.state, call.settled_at = state, now


def _disable(session: Session, webhook: Webhook, reason: str, now: datetime) -> None:
    webhook.disabled_at, webhook.disabled_because = now, reason
    session.execute(
        update(WebhookCall)
        .where(WebhookCall.webhook_id == webhook.id, WebhookCall.state == CallState.WAITING)
        .values(
            state=CallState.FAILED,
            settled_at=now,
            error=func.coalesce(WebhookCall.error, "the webhook was disabled"),
            leased_by=None,
            leased_until=None,
        )
    )
