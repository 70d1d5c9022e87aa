"""Keeping a newsletter and a list of another tool in step, in both directions.

What is to be done about one person is in partner_rules.py; what is told of a run to editors, in
partner_findings.py.

A run reads all of the list first and changes nothing on it, since who goes while it is read can
hide others. What it means to do is written down before it is done, in small transactions; every
step can be done again. So a run that dies is followed by one that starts anew and ends in the same.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from widgets import audit, jobs, newsletters, partners
from widgets.addresses import BadAddress, parse
from widgets.audit import SCHEDULE
from widgets.jobs import Outcome, Task
from widgets.models import (
    AddressChange,
    Consent,
    Newsletter,
    Partner,
    PartnerEntry,
    State,
    Subscriber,
    Subscription,
    Suppression,
)
from widgets.models.database import insert
from widgets.partner_findings import Found, sentence
from widgets.partner_rules import (
    ADDING,
    BLOCKED,
    ENDING,
    GONE,
    LEFT,
    MOVED,
    OFF,
    ON,
    REFUSED,
    Do,
    Here,
    Known,
    decide,
)
from widgets.partner_tools.tool import KnownThere, Member, Refused, There, Tool, ToolFails
from widgets.partners import Asks, Overtaken, Turn
from widgets.service import Service

log = logging.getLogger("undersigned.partners")

KIND = "compare subscribers"  # a look, as a job
AT_ONCE = 500  # members in a transaction
DONE_AT_ONCE = 20  # of what is changed over there, before it is written down
MOST_STRANGERS = 5000  # who must go over there and have no entry; the rest has the next run
ASK_AGAIN = timedelta(days=1)  # after the tool has refused an address
MANY = 20  # ends of subscriptions in one run, and …
MUCH = 0.2  # … of all: more than both, within a day, is asked about

_NOBODY = "-"  # before what stands for a remote id where there is none
_SETTLED = (OFF, REFUSED, BLOCKED)
_ENDS_HERE = (LEFT, GONE)


def run_due(
    service: Service,
    worker: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    only: int | None = None,
    stopping: threading.Event | None = None,
) -> int | None:
    """Brings the partner whose turn it is in step, or the one with the number `only`; its number,
    None where there was nothing to do. What fails is noted, and tried again later."""
    turn = partners.claim(service.database, worker, clock(), only)
    if turn is None:
        return None
    run = _Run(service, turn, clock, stopping)
    try:
        run.all()
    except _Interrupted:
        with service.database.writing() as session:
            partners.let_go(session, turn)
    except Overtaken:
        log.info("partner %d was stopped, or is another worker's", turn.id)
    except ToolFails as error:
        log.warning("partner %d fails: %s", turn.id, error)
        with service.database.writing() as session:
            partners.settle(session, turn, clock(), error=str(error))
    except Exception:
        with service.database.writing() as session:
            reason = "Something failed on our side; the log has it."
            partners.settle(session, turn, clock(), error=reason)
        raise
    return turn.id


def look(service: Service, partner_id: int, clock: Callable[[], datetime]) -> Found:
    """What a run would do now; nothing is changed here or there. Raises ToolFails."""
    with service.database.reading() as session:
        partner = partners.one(session, partner_id)
    turn = Turn(
        partner.id, partner.newsletter_id, partner.kind, partner.url, partner.list_name,
        partners.takes_in(partner), 0, "",
    )  # fmt: skip
    run = _Run(service, turn, clock, None)
    found = run.only_look()
    partners.keep(service, partner_id, {**asdict(found), "at": clock().isoformat()})
    return found


def look_as_job(service: Service, task: Task) -> Outcome:
    """The same for an editor who waits for it (see widgets.work)."""
    partner_id = int(task.params["partner"])
    path = str(task.params["path"])
    try:
        found = look(service, partner_id, lambda: datetime.now(UTC))
    except ToolFails as error:
        raise jobs.CannotBeDone(str(error)) from None
    except partners.NoSuchPartner:
        raise jobs.CannotBeDone("The partner was removed meanwhile.") from None
    return Outcome(sentence(found), (), path)


@dataclass(frozen=True)
class _Person:
    """What the database has of somebody on the list."""

    subscription_id: UUID | None
    here: Here
    entry: Known | None
    seen: bool = False  # in this run already, under another spelling
    address: str = ""
    key: str = ""


class _Run:
    """One comparison, from reading the list to the last change."""

    def __init__(
        self,
        service: Service,
        turn: Turn,
        clock: Callable[[], datetime],
        stopping: threading.Event | None,
    ) -> None:
        self._service = service
        self._database = service.database
        self._turn = turn
        self._clock = clock
        self._stopping = stopping
        self._started = clock()
        self._found = Found()
        self._strangers: list[str] = []  # remote ids
        self._more = False
        self._erased: frozenset[str] = frozenset()
        self._known = 0  # who is on here, on the list, and has an entry
        self._tool: Tool | None = None

    @property
    def tool(self) -> Tool:
        if self._tool is None:
            with self._database.reading() as session:
                partner = partners.one(session, self._turn.id)
                self._tool = partners.tool(self._service.links, partner)
        return self._tool

    def all(self) -> None:
        try:
            self._read(writes=True)
            self._missing()
            self._wanting()
            if asked := self._too_many():
                with self._database.writing() as session:
                    partners.hold(session, self._turn, self._clock())
                    partners.settle(session, self._turn, self._clock(), asked=asked)
                return
            done = Found(**{**asdict(self._found), "put": 0, "end_here": 0, "end_there": 0})
            self._found = done
            self._end_here()
            self._end_there()
            self._put_there()
            self._finish()
        finally:
            if self._tool is not None:
                self._tool.close()

    def only_look(self) -> Found:
        try:
            self._read(writes=False)
            self._count_the_rest()
            return self._found
        finally:
            if self._tool is not None:
                self._tool.close()

    # Reading

    def _read(self, *, writes: bool) -> None:
        with self._database.reading() as session:
            self._found.entries = self._count(session, (ON, *_ENDS_HERE))
            self._erased = partners.erased(session, self._turn.id)
        members = iter(self.tool.members())
        while some := list(islice(members, AT_ONCE)):
            self._found.there += sum(one.there is not There.ABSENT for one in some)
            by_key = self._by_key(some)
            if not writes:
                with self._database.reading() as session:
                    self._compare(session, by_key, writes=False)
                continue
            with self._step() as session:
                self._compare(session, by_key, writes=True)
            self._give_way(len(some) == AT_ONCE)

    def _by_key(self, some: Sequence[Member]) -> dict[str, list[Member]]:
        """By the keyed hash of the address: capitals don't matter. Of several spellings of one
        address those that are off come first."""
        found: dict[str, list[Member]] = {}
        for one in some:
            try:
                address = parse(one.address, allow_test_domains=self._service.settings.is_local)
            except BadAddress:
                self._found.bad += 1
                continue
            found.setdefault(self._service.hasher.address(address), []).append(one)
        return {key: sorted(ones, key=lambda one: one.is_on) for key, ones in found.items()}

    def _compare(
        self, session: Session, spelled: Mapping[str, Sequence[Member]], *, writes: bool
    ) -> None:
        by_key = {key: ones[0] for key, ones in spelled.items()}
        people = self._people(session, by_key)
        moved = self._moved(session, by_key, people)
        if moved and writes:
            self._set(session, list(moved.values()), MOVED)
        rows: list[dict[str, Any]] = []
        for key, member in by_key.items():
            person = people[key]
            if member.remote_id in moved:
                self._found.end_there += 1
                continue
            do = decide(person.here, member, person.entry)
            if person.here.left or do is Do.END_HERE:
                for other in spelled[key][1:]:
                    if other.is_on:
                        self._found.end_there += 1
                        self._strange(other)
            if person.seen and do not in (Do.END_HERE, Do.END_THERE):
                continue
            self._found.matched += person.here.is_on
            self._known += person.here.is_on and person.entry is not None
            self._tally(do, person, member)
            if person.subscription_id is None:
                if do is Do.END_THERE:
                    self._strange(member)
                elif do is Do.TAKE_IN and self._turn.take_in and writes:
                    row = self._take_in(session, key, member)
                    rows += [row] if row else []
                continue
            if do is Do.TAKE_IN:
                if self._turn.take_in and writes:
                    row = self._take_in(session, key, member)
                    rows += [row] if row else []
                continue
            state = _state(do, person, member)
            if state is not None:
                rows.append(self._row(person.subscription_id, member, state, person.here.epoch))
        if writes and rows:
            self._write(session, rows)

    def _tally(self, do: Do, person: _Person, member: Member) -> None:
        if do is Do.TAKE_IN:
            if self._turn.take_in:
                self._found.take_in += 1
            else:
                self._found.unknown += 1
        elif do is Do.END_HERE:
            self._found.end_here += 1
        elif do is Do.END_THERE:
            self._found.end_there += 1
        elif do is Do.PUT_THERE:
            self._found.put += 1
        elif person.here.is_on or person.here.left:
            self._found.same += 1

    def _strange(self, member: Member) -> None:
        if len(self._strangers) < MOST_STRANGERS:
            self._strangers.append(member.remote_id)
        else:
            self._more = True

    def _people(self, session: Session, by_key: Mapping[str, Member]) -> dict[str, _Person]:
        keys = list(by_key)
        suppressed = set(session.scalars(select(Suppression.key).where(Suppression.key.in_(keys))))
        rows = session.execute(
            select(Subscriber.key, Subscription, PartnerEntry, _given_at())
            .join(Subscription, Subscription.subscriber_id == Subscriber.id)
            .outerjoin(
                PartnerEntry,
                and_(
                    PartnerEntry.subscription_id == Subscription.id,
                    PartnerEntry.partner_id == self._turn.id,
                ),
            )
            .where(
                Subscriber.key.in_(keys),
                Subscription.newsletter_id == self._turn.newsletter_id,
            )
        ).all()
        found = {
            key: _Person(
                subscription.id,
                _here(
                    subscription, given_at, key in suppressed or self._was_erased(subscription, key)
                ),
                Known(entry.remote_state, entry.epoch) if entry else None,
                seen=entry is not None and entry.at >= self._started,
            )
            for key, subscription, entry, given_at in rows
        }
        return {
            key: found.get(key, _Person(None, Here(left=key in suppressed | self._erased), None))
            for key in keys
        }

    def _was_erased(self, subscription: Subscription, key: str) -> bool:
        """Also where they, or somebody else, have signed up since and not confirmed it."""
        return subscription.state == State.PENDING and key in self._erased

    def _moved(
        self, session: Session, by_key: Mapping[str, Member], people: Mapping[str, _Person]
    ) -> dict[str, UUID]:
        """The remote ids under which subscriptions were known before their address changed here."""
        unknown = [
            member.remote_id
            for key, member in by_key.items()
            if people[key].subscription_id is None
        ]
        if not unknown:
            return {}
        changed = exists().where(
            AddressChange.subscriber_id == Subscription.subscriber_id,
            AddressChange.done_at > PartnerEntry.at,
            AddressChange.key == Subscriber.key,
        )
        rows = session.execute(
            select(PartnerEntry.remote_id, PartnerEntry.subscription_id)
            .join(Subscription, Subscription.id == PartnerEntry.subscription_id)
            .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .where(
                PartnerEntry.partner_id == self._turn.id,
                PartnerEntry.remote_id.in_(unknown),
                or_(changed, PartnerEntry.remote_state == MOVED),
            )
        )
        return {row[0]: row[1] for row in rows}

    def _set(self, session: Session, subscription_ids: Sequence[UUID], state: str) -> None:
        session.execute(
            update(PartnerEntry)
            .where(
                PartnerEntry.partner_id == self._turn.id,
                PartnerEntry.subscription_id.in_(subscription_ids),
            )
            .values(remote_state=state, at=self._started)
        )

    def _take_in(self, session: Session, key: str, member: Member) -> dict[str, Any] | None:
        now = self._clock()
        agreed = min(member.changed or now, now)
        newsletter = session.get_one(Newsletter, self._turn.newsletter_id)
        kind = partners.KINDS[self._turn.kind]
        day = f", {member.changed:%Y-%m-%d}" if member.changed else ""
        evidence = Consent(
            consent_text_id=None,
            site=None,
            lang=newsletter.lang,
            method="import",
            evidence=f"{kind} list {self._turn.list_name} at {self._turn.url}, confirmed{day}",
            asked_at=agreed,
            given_at=agreed,
        )
        address = parse(member.address, allow_test_domains=self._service.settings.is_local)
        taken = newsletters.confirm_elsewhere(
            session, key, address.text, self._turn.newsletter_id, evidence, now
        )
        if not taken:
            return None
        session.flush()
        epoch = session.scalars(
            select(Subscription.epoch).where(Subscription.id == evidence.subscription_id)
        ).one()
        return self._row(evidence.subscription_id, member, ON, epoch)

    def _row(self, subscription_id: UUID, member: Member, state: str, epoch: int) -> dict[str, Any]:
        return {
            "partner_id": self._turn.id,
            "subscription_id": subscription_id,
            "remote_id": member.remote_id,
            "remote_state": state,
            "epoch": epoch,
            "at": self._started,
        }

    def _write(self, session: Session, rows: Sequence[dict[str, Any]]) -> None:
        """The entries of these subscriptions. A remote id that was another subscription's (the
        address was changed over there) leaves it."""
        theirs = {row["remote_id"]: row for row in rows}
        self._free(session, {name: row["subscription_id"] for name, row in theirs.items()})
        statement = insert(session, PartnerEntry).values(list(theirs.values()))
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["partner_id", "subscription_id"],
                set_={
                    name: statement.excluded[name]
                    for name in ("remote_id", "remote_state", "epoch", "at")
                },
            )
        )

    def _free(self, session: Session, wanted: Mapping[str, UUID]) -> None:
        """Takes these remote ids from all subscriptions but the one each is for now."""
        held = session.execute(
            select(PartnerEntry.subscription_id, PartnerEntry.remote_id).where(
                PartnerEntry.partner_id == self._turn.id, PartnerEntry.remote_id.in_(wanted)
            )
        ).all()
        for subscription_id, remote_id in held:
            if wanted[remote_id] != subscription_id:
                session.execute(
                    update(PartnerEntry)
                    .where(
                        PartnerEntry.partner_id == self._turn.id,
                        PartnerEntry.subscription_id == subscription_id,
                    )
                    .values(remote_id=_nobody(subscription_id))
                )

    def _missing(self) -> None:
        """Those whose entry this reading did not touch: they are not on the list."""
        after = UUID(int=0)
        while True:
            with self._step() as session:
                rows = session.execute(self._untouched(after).limit(AT_ONCE)).all()
                for entry, subscription, given_at, suppressed in rows:
                    here = _here(subscription, given_at, suppressed)
                    do = decide(here, None, Known(entry.remote_state, entry.epoch))
                    if do is Do.END_HERE:
                        entry.remote_state, entry.epoch = GONE, here.epoch
                        self._found.end_here += 1
                    elif do is Do.PUT_THERE:
                        entry.remote_state, entry.epoch = ADDING, here.epoch
                        entry.remote_id = _nobody(subscription.id)
                    elif here.left:
                        entry.remote_state, entry.epoch = OFF, here.epoch
                    entry.at = self._started
            if len(rows) < AT_ONCE:
                return
            after = rows[-1][0].subscription_id
            self._give_way(True)

    def _untouched(self, after: UUID) -> Any:
        return (
            select(
                PartnerEntry,
                Subscription,
                _given_at(),
                exists().where(Suppression.key == Subscriber.key),
            )
            .join(Subscription, Subscription.id == PartnerEntry.subscription_id)
            .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .where(
                PartnerEntry.partner_id == self._turn.id,
                PartnerEntry.at < self._started,
                PartnerEntry.subscription_id > after,
                or_(
                    PartnerEntry.remote_state.not_in(_SETTLED),
                    and_(
                        Subscription.state == State.CONFIRMED,
                        or_(
                            Subscription.epoch > PartnerEntry.epoch,
                            and_(
                                PartnerEntry.remote_state == REFUSED,
                                PartnerEntry.at < self._started - ASK_AGAIN,
                            ),
                        ),
                    ),
                ),
            )
            .order_by(PartnerEntry.subscription_id)
        )

    def _wanting(self) -> None:
        """Who is confirmed here and was never compared: to be put on the list there."""
        while True:
            with self._step() as session:
                rows = session.execute(
                    self._never_compared()
                    .with_only_columns(Subscription.id, Subscription.epoch)
                    .limit(AT_ONCE)
                ).all()
                if rows:
                    self._write(
                        session,
                        [
                            self._row(id_, Member(_nobody(id_), "", There.ABSENT), ADDING, epoch)
                            for id_, epoch in rows
                        ],
                    )
            if len(rows) < AT_ONCE:
                return
            self._give_way(True)

    def _never_compared(self) -> Any:
        return (
            select(Subscription)
            .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .where(
                Subscription.newsletter_id == self._turn.newsletter_id,
                Subscription.state == State.CONFIRMED,
                Subscriber.address.is_not(None),
                ~exists().where(Suppression.key == Subscriber.key),
                ~exists().where(
                    PartnerEntry.partner_id == self._turn.id,
                    PartnerEntry.subscription_id == Subscription.id,
                ),
            )
        )

    def _count_the_rest(self) -> None:
        """For a look, which writes nothing: what of ours was not on the list."""
        with self._database.reading() as session:
            confirmed = session.scalar(
                select(func.count())
                .select_from(Subscription)
                .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
                .where(
                    Subscription.newsletter_id == self._turn.newsletter_id,
                    Subscription.state == State.CONFIRMED,
                    Subscriber.address.is_not(None),
                )
            )
            known = session.scalar(
                select(func.count())
                .select_from(PartnerEntry)
                .join(Subscription, Subscription.id == PartnerEntry.subscription_id)
                .where(
                    PartnerEntry.partner_id == self._turn.id,
                    Subscription.state == State.CONFIRMED,
                    PartnerEntry.remote_state.not_in((ADDING, REFUSED)),
                )
            )
        missing = max(0, (confirmed or 0) - self._found.matched)
        # whoever was on both and is not on the list has left there
        gone = min(missing, max(0, (known or 0) - self._known))
        self._found.end_here += gone
        self._found.put += missing - gone

    def _too_many(self) -> Asks | None:
        """What an editor must agree to first: a list that was emptied by mistake would end
        everybody's subscription."""
        with self._database.reading() as session:
            ends_here = self._count(session, _ENDS_HERE)
            ends_there = self._count(session, (ENDING,)) + len(self._strangers)
            before = partners.ended_lately(session, self._turn.id, self._clock())
        if ends_here + ends_there <= self._turn.approved:
            return None
        of = max(self._found.entries, ends_here)
        # With those of the last day: or a list could be emptied a fifth at a time.
        lately = ends_here + before
        too_many_here = ends_here > 0 and lately > MANY and lately > MUCH * (of + before)
        too_many_there = ends_there > MANY and ends_there > MUCH * self._found.there
        if not (too_many_here or too_many_there):
            return None
        return Asks(ends_here, ends_there, of, self._clock().isoformat())

    # Doing

    def _end_here(self) -> None:
        for some in self._in_state(_ENDS_HERE):
            again = {}
            for entry, address in some:
                if entry.remote_state == GONE and address:
                    again[entry.subscription_id] = self.tool.find(address)
            with self._step() as session:
                before = self._found.end_here
                for known, _ in some:
                    member = again.get(known.subscription_id)
                    self._end_one(session, known.subscription_id, member)
                ended = self._found.end_here - before
                if ended and not self._turn.approved:
                    partners.note_ended(session, self._turn.id, ended, self._clock())
            self._give_way(len(some) == DONE_AT_ONCE)

    def _end_one(self, session: Session, subscription_id: UUID, member: Member | None) -> None:
        """Ends one subscription, if it still is as it was compared, and if the closer look has not
        found them on the list."""
        entry = session.get(PartnerEntry, (self._turn.id, subscription_id), with_for_update=True)
        if entry is None or entry.remote_state not in _ENDS_HERE:
            return
        subscription = session.get_one(Subscription, subscription_id, with_for_update=True)
        if member is not None and member.there in (There.ON, There.PAUSED):
            entry.remote_state, entry.remote_id = ON, member.remote_id
            if subscription.state == State.CONFIRMED:
                entry.epoch = subscription.epoch
            return
        if subscription.state == State.CONFIRMED:
            if subscription.epoch != entry.epoch:
                return  # confirmed anew while we read: the next run looks at it
            newsletters.unsubscribe(session, subscription_id, self._clock())
            self._found.end_here += 1
        entry.remote_state, entry.epoch = OFF, subscription.epoch

    def _end_there(self) -> None:
        for start in range(0, len(self._strangers), DONE_AT_ONCE):
            some = self._strangers[start : start + DONE_AT_ONCE]
            self.tool.remove(some)
            self._found.end_there += len(some)
            with self._step():
                pass
        for pairs in self._in_state((ENDING, MOVED)):
            self.tool.remove([entry.remote_id for entry, _ in pairs])
            with self._step() as session:
                for known, _ in pairs:
                    key = (self._turn.id, known.subscription_id)
                    entry = session.get(PartnerEntry, key, with_for_update=True)
                    if entry is None or entry.remote_state not in (ENDING, MOVED):
                        continue
                    self._found.end_there += 1
                    if entry.remote_state == ENDING:
                        entry.remote_state = OFF
                    else:  # the new address is put on the list as if it were never compared
                        session.delete(entry)
                        self._more = True

    def _put_there(self) -> None:
        for pairs in self._in_state((ADDING,)):
            done: list[tuple[UUID, str, str]] = []
            try:
                for entry, address in pairs:
                    if self._is_still_on(entry) and address:
                        done.append((entry.subscription_id, *self._put(entry, address)))
            finally:  # what was done is written down, whatever came then
                self._note(done)

    def _is_still_on(self, entry: PartnerEntry) -> bool:
        """Asked right before: who has left since must not be put anywhere."""
        with self._database.reading() as session:
            state, epoch = session.execute(
                select(Subscription.state, Subscription.epoch).where(
                    Subscription.id == entry.subscription_id
                )
            ).one_or_none() or ("", 0)
        return state == State.CONFIRMED and epoch == entry.epoch

    def _put(self, entry: PartnerEntry, address: str) -> tuple[str, str]:
        """The new state of the entry, and the remote id."""
        try:
            if not entry.remote_id.startswith(_NOBODY) and (member := self.tool.find(address)):
                return self._put_known(entry, member)
            return ON, self.tool.add(address)
        except Refused:
            return REFUSED, entry.remote_id
        except KnownThere:
            member = self.tool.find(address)
            try:
                return self._put_known(entry, member) if member else (REFUSED, entry.remote_id)
            except (Refused, KnownThere):
                return REFUSED, entry.remote_id

    def _put_known(self, entry: PartnerEntry, member: Member) -> tuple[str, str]:
        """Of somebody whom the tool knows. Reading may have missed them, so it is decided anew."""
        with self._database.reading() as session:
            given_at = session.scalar(
                select(_given_at()).where(Subscription.id == entry.subscription_id)
            )
        here = Here(is_on=True, epoch=entry.epoch, given_at=given_at)
        if member.there is There.ABSENT:
            return ON, self.tool.put_back(member)
        asked_for = not entry.remote_id.startswith(_NOBODY)  # decided with all that was known
        do = decide(here, member, None)
        if do is Do.NOTHING:
            return ON, member.remote_id
        if do is Do.PUT_THERE or (asked_for and member.there is There.OFF):
            return ON, self.tool.put_back(member)
        return LEFT, member.remote_id

    def _note(self, done: Sequence[tuple[UUID, str, str]]) -> None:
        with self._step() as session:
            for subscription_id, state, remote_id in done:
                entry = session.get(PartnerEntry, (self._turn.id, subscription_id))
                if entry is None or entry.remote_state != ADDING:
                    continue
                self._free(session, {remote_id: subscription_id})
                entry.remote_state, entry.remote_id = state, remote_id
                if state == ON:
                    self._found.put += 1
                elif state == REFUSED:
                    self._found.refused += 1
                else:
                    self._more = True

    def _in_state(self, states: Sequence[str]) -> Iterator[list[tuple[PartnerEntry, str | None]]]:
        """The entries in these states, some at a time, each once, with the address."""
        after = UUID(int=0)
        while True:
            self._look_up()
            with self._database.reading() as session:
                rows = session.execute(
                    select(PartnerEntry, Subscriber.address)
                    .join(Subscription, Subscription.id == PartnerEntry.subscription_id)
                    .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
                    .where(
                        PartnerEntry.partner_id == self._turn.id,
                        PartnerEntry.remote_state.in_(states),
                        PartnerEntry.subscription_id > after,
                    )
                    .order_by(PartnerEntry.subscription_id)
                    .limit(DONE_AT_ONCE)
                ).all()
            if not rows:
                return
            after = rows[-1][0].subscription_id
            yield [(entry, address) for entry, address in rows]

    def _finish(self) -> None:
        now = self._clock()
        found = self._found
        with self._step() as session:
            if found.put or found.end_here or found.end_there or found.take_in:
                partner = session.get_one(Partner, self._turn.id)
                audit.record(
                    session, SCHEDULE, "synchronised", partners.subject(partner), now,
                    put_there=found.put, ended_there=found.end_there,
                    ended_here=found.end_here, taken_in=found.take_in,
                )  # fmt: skip
            outcome = {**asdict(found), "at": now.isoformat()}
            gone = () if self._more else self._erased
            partners.settle(session, self._turn, now, outcome=outcome, again=self._more, gone=gone)

    # What every step does

    def _count(self, session: Session, states: Sequence[str]) -> int:
        query = select(func.count()).where(
            PartnerEntry.partner_id == self._turn.id, PartnerEntry.remote_state.in_(states)
        )
        return session.scalar(query) or 0

    @contextmanager
    def _step(self) -> Iterator[Session]:
        """A transaction that commits only while this partner is ours."""
        self._look_up()
        with self._database.writing() as session:
            partners.hold(session, self._turn, self._clock())
            yield session

    def _look_up(self) -> None:
        if self._stopping is not None and self._stopping.is_set():
            raise _Interrupted

    def _give_way(self, more: bool) -> None:
        if more and self._database.is_sqlite:
            jobs.give_way()


class _Interrupted(Exception):
    """The worker is to end: the next goes on."""


def _nobody(subscription_id: UUID) -> str:
    """Stands for a remote id where there is none."""
    return f"{_NOBODY}{subscription_id.hex}"


def _given_at() -> Any:
    """When the subscription was last confirmed, wherever that was."""
    return (
        select(func.max(Consent.given_at))
        .where(Consent.subscription_id == Subscription.id)
        .correlate(Subscription)
        .scalar_subquery()
    )


def _here(subscription: Subscription, given_at: datetime | None, suppressed: bool) -> Here:
    is_on = subscription.state == State.CONFIRMED and not suppressed
    left = suppressed or subscription.state not in (State.CONFIRMED, State.PENDING)
    return Here(is_on, left, subscription.epoch, given_at)


def _state(do: Do, person: "_Person", member: Member) -> str | None:
    """What an entry is to say; None where there is nothing to be remembered."""
    if do is Do.END_HERE:
        return LEFT
    if do is Do.END_THERE:
        return ENDING
    if do is Do.PUT_THERE:
        return ADDING
    if person.here.is_on:
        return BLOCKED if member.there is There.BLOCKED else ON
    return OFF if person.here.left and person.entry else None
