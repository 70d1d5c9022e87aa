"""Other tools that hold a newsletter's subscribers too: which, how they are doing, whose turn it
is. What happens when it is one's turn is in partner_sync.py."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from widgets import audit, sealing
from widgets.audit import Actor, Subject
from widgets.links import Links
from widgets.models import (
    Database,
    Newsletter,
    Partner,
    PartnerEntry,
    Subscriber,
    Subscription,
)
from widgets.newsletters import NoSuchNewsletter
from widgets.partner_tools.asking import Api, BadUrl, checked_url
from widgets.partner_tools.listmonk import Listmonk
from widgets.partner_tools.mailman import Mailman
from widgets.partner_tools.tool import Tool, ToolFails
from widgets.service import Service

EVERY = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=4)  # between two tries of a partner that fails
LEASE = timedelta(minutes=10)  # renewed with every step
ENDS_COUNT_FOR = timedelta(days=1)
LONGEST = {"url": 500, "user": 200, "password": 500, "list_name": 200}
KINDS = {"listmonk": "listmonk", "mailman": "Mailman 3"}


class NoSuchPartner(LookupError):
    """There is none of this number, or not of this newsletter."""


class BadPartner(ValueError):
    """What was typed can't be used. problems: for each field, why."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


class Overtaken(Exception):
    """Another worker has taken this partner over, or an editor has stopped or changed it."""


@dataclass(frozen=True)
class Typed:
    """What an editor says of a partner. password: empty where the old one stays. take_in: whether
    people who confirmed over there become subscribers here."""

    kind: str
    url: str
    user: str
    password: str
    list_name: str
    take_in: bool = False


@dataclass(frozen=True)
class Turn:
    """A partner that this worker holds, as it was then. approved: how many ends an editor has
    agreed to."""

    id: int
    newsletter_id: int
    kind: str
    url: str
    list_name: str
    take_in: bool
    approved: int
    worker: str


@dataclass(frozen=True)
class Asks:
    """What a run waits for: an editor's word on so many ends, here and over there, of so many."""

    ends_here: int
    ends_there: int
    of: int
    at: str  # ISO 8601


def listed(session: Session, newsletter_id: int | None = None) -> Sequence[Partner]:
    query = select(Partner).options(joinedload(Partner.newsletter)).order_by(Partner.id)
    if newsletter_id is not None:
        query = query.where(Partner.newsletter_id == newsletter_id)
    return session.scalars(query).all()


def one(session: Session, partner_id: int, newsletter_id: int | None = None) -> Partner:
    """Raises NoSuchPartner."""
    partner = session.get(Partner, partner_id, options=[joinedload(Partner.newsletter)])
    if partner is None or newsletter_id not in (None, partner.newsletter_id):
        raise NoSuchPartner(partner_id)
    return partner


def name(partner: Partner) -> str:
    """As editors and the log know it."""
    host = urlsplit(partner.url).hostname or partner.url
    return f"{KINDS[partner.kind]}, list {partner.list_name} at {host}"


def subject(partner: Partner) -> Subject:
    return Subject("partner", partner.id, name(partner))


def asks(partner: Partner) -> Asks | None:
    """What the last run asked an editor, where nobody has answered yet."""
    asked = partner.state.get("asks")
    return Asks(**asked) if asked else None


def takes_in(partner: Partner) -> bool:
    return bool(partner.state.get("take_in"))


def compared(session: Session, partner: Partner) -> int:
    """How many subscriptions were compared with it."""
    query = select(func.count()).where(PartnerEntry.partner_id == partner.id)
    return session.scalar(query) or 0


def add(
    session: Session, links: Links, slug: str, typed: Typed, actor: Actor, now: datetime
) -> Partner:
    """Adds a partner that is not started yet. Raises BadPartner and NoSuchNewsletter."""
    newsletter = session.scalar(select(Newsletter).where(Newsletter.slug == slug))
    if newsletter is None:
        raise NoSuchNewsletter(slug)
    url = _checked(typed, needs_password=True)
    _check_is_new(session, typed, url, None)
    partner = Partner(
        newsletter_id=newsletter.id,
        kind=typed.kind,
        url=url,
        user=typed.user.strip(),
        password=sealing.seal(links, typed.password),
        list_name=typed.list_name.strip(),
        state={"take_in": typed.take_in},
        created_at=now,
        outcome={},
    )
    session.add(partner)
    session.flush()
    session.refresh(partner, ["newsletter"])
    audit.record(session, actor, "added", subject(partner), now, newsletter=slug)
    return partner


def change(
    session: Session, links: Links, partner: Partner, typed: Typed, actor: Actor, now: datetime
) -> None:
    """Changes where a partner is or how we get in. Another list is compared anew, after an editor
    has started it again. Raises BadPartner."""
    moved = (typed.url.strip().rstrip("/"), typed.list_name.strip()) != (
        partner.url,
        partner.list_name,
    )
    elsewhere = typed.url.strip().rstrip("/") != partner.url or typed.user.strip() != partner.user
    # or whoever may change the address could have the password sent to a server of their own
    url = _checked(typed, needs_password=elsewhere)
    _check_is_new(session, typed, url, partner.id)
    partner.url, partner.user = url, typed.user.strip()
    partner.list_name = typed.list_name.strip()
    if typed.password:
        partner.password = sealing.seal(links, typed.password)
    partner.state = {**_state_now(session, partner), "take_in": typed.take_in}
    _let_go(partner)
    if moved:
        session.execute(delete(PartnerEntry).where(PartnerEntry.partner_id == partner.id))
        partner.state = {"take_in": typed.take_in, "erased": partner.state.get("erased", [])}
        partner.next_at, partner.run_at, partner.outcome = None, None, {}
    elif partner.next_at is not None:
        partner.next_at = now
    partner.failing_since, partner.last_error = None, None
    audit.record(session, actor, "changed", subject(partner), now, take_in=typed.take_in)


def start(session: Session, partner: Partner, actor: Actor, now: datetime) -> None:
    """Keeps it in step from now on, beginning at once."""
    if partner.next_at is None:
        audit.record(session, actor, "started", subject(partner), now)
    partner.next_at = now


def stop(session: Session, partner: Partner, actor: Actor, now: datetime) -> None:
    """Nothing is done any more, from the next step on."""
    if partner.next_at is not None:
        audit.record(session, actor, "stopped", subject(partner), now)
    partner.next_at = None
    _let_go(partner)


def agree(session: Session, partner: Partner, ends: int, actor: Actor, now: datetime) -> bool:
    """An editor's yes to what the last run asked, for as many ends as they were shown; whether it
    still asks for that."""
    asked = asks(partner)
    if asked is None or asked.ends_here + asked.ends_there != ends:
        return False
    partner.state = {**_state_now(session, partner), "asks": None, "approved": ends}
    partner.next_at = now
    audit.record(
        session, actor, "agreed to ends of", subject(partner), now,
        here=asked.ends_here, there=asked.ends_there,
    )  # fmt: skip
    return True


def erase(session: Session, key: str) -> None:
    """Has somebody who is to be erased, and of whom nothing is kept, taken off the lists of the
    tools that hold the newsletters they had to do with. Until that is done, each partner keeps the
    keyed hash: or the next run would know nothing of them, and might take them in again."""
    theirs = (
        select(Subscription.newsletter_id)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(Subscriber.key == key)
    )
    query = select(Partner).where(Partner.newsletter_id.in_(theirs)).order_by(Partner.id)
    for partner in session.scalars(query).all():
        state = _state_now(session, partner)
        partner.state = {**state, "erased": sorted({*state.get("erased", ()), key})}


def erased(session: Session, partner_id: int) -> frozenset[str]:
    """The keyed hashes of whom is to go from the list over there, since they were erased here."""
    state = session.scalar(select(Partner.state).where(Partner.id == partner_id)) or {}
    return frozenset(state.get("erased", ()))


def ended_lately(session: Session, partner_id: int, now: datetime) -> int:
    """How many subscriptions this partner has ended here within a day without an editor's word."""
    state = session.scalar(select(Partner.state).where(Partner.id == partner_id)) or {}
    return sum(_lately(state, now).values())


def note_ended(session: Session, partner_id: int, many: int, now: datetime) -> None:
    """Counts subscriptions that this partner has just ended here."""
    partner = session.get_one(Partner, partner_id, with_for_update=True)
    ended = _lately(partner.state, now)
    hour = now.isoformat(timespec="hours")
    ended[hour] = ended.get(hour, 0) + many
    partner.state = {**partner.state, "ended": ended}


def _lately(state: Mapping[str, Any], now: datetime) -> dict[str, int]:
    """By the hour."""
    since = (now - ENDS_COUNT_FOR).isoformat(timespec="hours")
    return {hour: many for hour, many in state.get("ended", {}).items() if hour >= since}


def remove(session: Session, partner: Partner, actor: Actor, now: datetime) -> None:
    """Forgets it, and the password. Nobody is unsubscribed anywhere by that."""
    audit.record(session, actor, "removed", subject(partner), now)
    session.execute(delete(PartnerEntry).where(PartnerEntry.partner_id == partner.id))
    session.delete(partner)


def tool(links: Links, partner: Partner) -> Tool:
    """Raises ToolFails."""
    try:
        password = sealing.opened(links, partner.password)
    except sealing.CantOpen:
        raise ToolFails(
            "The password was kept with a secret key that is gone. Please type it again."
        ) from None
    api = Api(partner.url, partner.user, password)
    return (
        Listmonk(api, partner.list_name)
        if partner.kind == "listmonk"
        else Mailman(api, partner.list_name)
    )


def check(links: Links, partner: Partner) -> str:
    """Tries the connection: a sentence on what was found. Raises ToolFails."""
    asked = tool(links, partner)
    try:
        return asked.check()
    finally:
        asked.close()


def claim(database: Database, worker: str, now: datetime, only: int | None = None) -> Turn | None:
    """The partner whose turn it is, now ours; with `only`, that one, whether it is its turn or
    not. None where there is none, or another worker has it."""
    free = or_(Partner.leased_until.is_(None), Partner.leased_until < now)
    due = Partner.next_at <= now if only is None else Partner.id == only
    with database.reading() as session:
        if session.scalar(select(Partner.id).where(due, free).limit(1)) is None:
            return None
    with database.writing() as session:
        partner = session.scalar(
            select(Partner)
            .where(due, free)
            .order_by(Partner.next_at, Partner.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if partner is None:
            return None
        partner.leased_by, partner.leased_until = worker, now + LEASE
        return Turn(
            partner.id,
            partner.newsletter_id,
            partner.kind,
            partner.url,
            partner.list_name,
            takes_in(partner),
            int(partner.state.get("approved") or 0),
            worker,
        )


def hold(session: Session, turn: Turn, now: datetime) -> None:
    """Renews the lease, in the transaction of a step. Raises Overtaken, and then that must not
    commit."""
    held = session.scalar(
        update(Partner)
        .where(Partner.id == turn.id, Partner.leased_by == turn.worker)
        .values(leased_until=now + LEASE)
        .returning(Partner.id)
    )
    if held is None:
        raise Overtaken


def settle(
    session: Session,
    turn: Turn,
    now: datetime,
    *,
    outcome: dict[str, Any] | None = None,
    asked: Asks | None = None,
    error: str | None = None,
    again: bool = False,
    gone: Collection[str] = (),
) -> None:
    """What came of a run. outcome: of one that ended well; error: why it did not; again: there is
    more to do at once; gone: the keyed hashes of those who were erased here and now are there."""
    partner = session.get(Partner, turn.id, with_for_update=True)
    if partner is None or partner.leased_by != turn.worker:
        return
    _let_go(partner)
    failures = int(partner.state.get("failures") or 0)
    pause = EVERY
    if error is not None:
        partner.failing_since = partner.failing_since or now
        partner.last_error = error[:1000]
        failures += 1
        pause = min(EVERY * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
    else:
        partner.failing_since, partner.last_error, failures = None, None, 0
        partner.run_at = partner.run_at if asked else now
    state = {**partner.state, "failures": failures}
    if error is None:
        state["asks"] = vars(asked) if asked else None
        if asked is None:
            state["approved"] = 0
            state["erased"] = [one for one in state.get("erased", ()) if one not in gone]
    partner.state = state
    if outcome is not None:
        partner.outcome = outcome
    if partner.next_at is not None:
        partner.next_at = now if again else now + pause


def let_go(session: Session, turn: Turn) -> None:
    """Gives a partner back in the middle of a run: whoever is next begins it anew."""
    partner = session.get(Partner, turn.id, with_for_update=True)
    if partner is not None and partner.leased_by == turn.worker:
        _let_go(partner)


def keep(service: Service, partner_id: int, looked: dict[str, Any]) -> None:
    """Keeps what a look found, for the page of the partner."""
    with service.database.writing() as session:
        partner = session.get(Partner, partner_id, with_for_update=True)
        if partner is not None:
            partner.state = {**partner.state, "looked": looked}


def _state_now(session: Session, partner: Partner) -> dict[str, Any]:
    """Read again, since others write it too, and held until the transaction ends."""
    found = session.scalar(select(Partner.state).where(Partner.id == partner.id).with_for_update())
    return dict(found or {})


def _let_go(partner: Partner) -> None:
    partner.leased_by, partner.leased_until = None, None


def _checked(typed: Typed, *, needs_password: bool) -> str:
    """The address as it is kept. Raises BadPartner."""
    problems = {}
    if typed.kind not in KINDS:
        problems["kind"] = f"Please choose one of: {', '.join(KINDS.values())}."
    url = ""
    try:
        url = checked_url(typed.url)
    except BadUrl as error:
        problems["url"] = str(error)
    if not typed.user.strip():
        problems["user"] = "Please say by which name the tool knows us."
    elif ":" in typed.user:
        problems["user"] = "A user’s name has no colon in it. The password has a field of its own."
    if needs_password and not typed.password:
        problems["password"] = "Please type the password, or the token."  # noqa: S105
    listed_as = typed.list_name.strip()
    if not listed_as:
        problems["list_name"] = "Please say which list."
    elif typed.kind == "listmonk" and not (listed_as.isascii() and listed_as.isdecimal()):
        problems["list_name"] = "In listmonk, a list is known by its number, like 3."
    elif typed.kind == "mailman" and not re.fullmatch(r"[^\s/?#@]+(@|\.)[^\s/?#@]+", listed_as):
        problems["list_name"] = (
            "In Mailman, a list is known by its id, like news.lists.example.org."
        )
    for field_name, most in LONGEST.items():
        if len(getattr(typed, field_name)) > most:
            problems[field_name] = f"Please use at most {most} characters."
    if problems:
        raise BadPartner(problems)
    return url


def _check_is_new(session: Session, typed: Typed, url: str, but: int | None) -> None:
    """Two newsletters that share a list would end each other's subscriptions."""
    query = select(Partner).where(Partner.url == url, Partner.list_name == typed.list_name.strip())
    other = session.scalar(query)
    if other is not None and other.id != but:
        raise BadPartner(
            {"list_name": f"This list is a partner already, of “{other.newsletter.slug}”."}
        )
