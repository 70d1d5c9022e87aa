"""The lane for mail to many: issues of newsletters, beside what somebody waits for (delivery).

One thread claims messages in batches and reads in one query all that their copies need; several
threads, each with a connection of its own, hand the copies to the relay; what became of them comes
back to the first thread, which commits it in groups. So there is never more in memory than one
batch, however many an issue is for.

A crash sends again, with the same Message-ID, what was handed over and not yet committed: never
more than MOST_UNSETTLED.
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from queue import Empty, SimpleQueue

from limits.errors import StorageError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload

from widgets import delivery, digests, editions, letters, outbox, press, suppressions
from widgets.audit import Actor
from widgets.delivery import RefusedForGood, RefusedForNow, Transport
from widgets.editions import Edition, Wishes
from widgets.letters import issues
from widgets.models import (
    Digest,
    DigestState,
    Message,
    Subscriber,
    Subscription,
)
from widgets.press import Letter, Press, Reader
from widgets.service import Service
from widgets.throttle import LONGEST_PAUSE, Throttle, Trouble

log = logging.getLogger("undersigned.bulk")

MOST_UNSETTLED = 100  # messages handed over and not yet committed
MOST_IN_HAND = 400  # messages claimed; in truth no more than go out in two seconds
GATHER = 0.05  # seconds in which outcomes come together before they are committed
LOOK_EVERY = 0.5  # seconds between looks into an empty outbox
PAUSE_AFTER_A_FAULT = 5.0  # seconds
FRESH_FOR = 10.0  # seconds: who has left since, or what was withdrawn, is looked up again then
KEEP_IDLE = 10.0  # seconds after which a connection that has nothing to do is closed
# A message is given up when it is old and was tried so often: a relay that was away for days, or
# an issue that was stopped for a week, are no reason.
TRIES = 8
# Refusals for good after which an issue is stopped: so many in a row, or this share of a stretch.
# Who is on a block list must not burn the whole list of readers, nor their name with a list that
# is too old.
IN_A_ROW = 50
STRETCH, SHARE_OF_STRETCH = 500, 0.2  # messages that one worker sends; counted anew after that
DELIVERY = Actor("the delivery")


class Fate(Enum):
    """What became of a message that was in hand."""

    SENT = "sent"
    VOID = "void"  # its reader has left, or wants nothing of what is in it
    REFUSED = "refused"
    POSTPONED = "postponed"  # this one was refused for now
    PUT_OFF = "put off"  # its turn comes later: no try
    BACK = "back"  # not tried: for whoever claims it next


@dataclass
class Copy:
    """A message in hand. until: when it is too old to be sent, in seconds of time.monotonic."""

    reader: Reader
    digest_id: uuid.UUID
    domain: str
    edition: Edition
    letter: Letter
    until: float


@dataclass(frozen=True)
class Outcome:
    message_id: uuid.UUID
    fate: Fate
    reason: str = ""
    copy: Copy | None = None
    later: datetime | None = None  # of what is put off


@dataclass
class Tally:
    """How an issue fares, as far as this worker knows."""

    tried: int = 0
    refused: int = 0
    in_a_row: int = 0

    def add(self, refused: bool) -> bool:
        """Counts one; whether it is one too many."""
        if self.tried == STRETCH:
            self.tried = self.refused = 0
        self.tried += 1
        self.refused += refused
        self.in_a_row = self.in_a_row + 1 if refused else 0
        too_many = self.refused > STRETCH * SHARE_OF_STRETCH
        return refused and (self.in_a_row >= IN_A_ROW or too_many)


@dataclass
class Pace:
    """How many messages were settled in the last seconds."""

    settled: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, number: int) -> None:
        self.settled.append((time.monotonic(), number))

    def a_second(self) -> float:
        now = time.monotonic()
        while self.settled and self.settled[0][0] < now - 2:
            self.settled.popleft()
        if not self.settled:
            return 0.0
        return sum(number for _, number in self.settled) / max(now - self.settled[0][0], GATHER)


def run(service: Service, stopping: threading.Event) -> None:
    """Delivers until `stopping` is set. Then what is on its way is finished and committed, and the
    rest is given back."""
    Lane(service).run(stopping)


class Lane:
    """What the threads share. clock: the time that goes into the database."""

    def __init__(
        self, service: Service, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        settings = service.settings
        self._service = service
        self._clock = clock
        self._worker = outbox.worker_name()
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._renewed = 0.0
        self._press = Press(service)
        self._throttle = Throttle(settings)
        # the mailbox of a trial is a folder: more hands would be of no use
        self._hands = settings.smtp_connections if settings.smtp_url else 1
        self._ready: SimpleQueue[Copy | None] = SimpleQueue()
        self._told: SimpleQueue[Outcome] = SimpleQueue()
        self._unsettled: list[Outcome] = []
        self._may_be_sent = threading.Semaphore(max(MOST_UNSETTLED, self._hands))
        self._in_hand: dict[uuid.UUID, Copy | None] = {}
        self._given_up: set[uuid.UUID] = set()  # issues that are stopped, as the senders know
        self._tallies: dict[uuid.UUID, Tally] = {}
        self._pace = Pace()
        self._trouble = Trouble(settings.retry_base_seconds, LONGEST_PAUSE)
        self._went_well = -FRESH_FOR  # when a mail was last taken
        self._handing_over: set[int] = set()  # the threads that do so now
        self._stopping = threading.Event()

    def run(self, stopping: threading.Event) -> None:
        senders = [
            threading.Thread(target=self._send, args=(way,))
            for way in [
                delivery.transport(self._service, delivery.PATIENCE) for _ in range(self._hands)
            ]
        ]
        for sender in senders:
            sender.start()
        try:
            while not stopping.is_set():
                try:
                    busy = self._step()
                except SQLAlchemyError:
                    log.exception("the database did not answer; trying again")
                    stopping.wait(PAUSE_AFTER_A_FAULT)
                except StorageError as error:
                    log.warning("mail to many waits, since its limits can't be counted: %s", error)
                    stopping.wait(PAUSE_AFTER_A_FAULT)
                except Exception:  # whatever it is, mail that can go out must
                    log.exception("something failed; trying again")
                    stopping.wait(PAUSE_AFTER_A_FAULT)
                else:
                    if not busy:
                        stopping.wait(LOOK_EVERY)
        finally:
            self._end(senders)

    def _end(self, senders: Sequence[threading.Thread]) -> None:
        self._stopping.set()  # what is in the queue comes back
        for _ in senders:
            self._ready.put(None)
        try:
            while any(sender.is_alive() for sender in senders) or not self._told.empty():
                self._settle()
                self._renew()
            self._settle()
        except SQLAlchemyError:
            log.exception("what was sent last could not be noted")
            # Whoever waits to be allowed to send must not wait for ever.
            self._may_be_sent.release(MOST_UNSETTLED)

    # -- the first thread

    def _step(self) -> bool:
        """Commits what is known, and claims what there is room for; whether anything is in hand."""
        if self._in_hand or self._unsettled:
            self._settle()
        self._renew()
        if len(self._in_hand) <= self._most() // 2:
            self._take()
        return bool(self._in_hand or self._unsettled)

    def _most(self) -> int:
        """How many may be in hand now."""
        if self._trouble.until > time.monotonic():
            return 0
        if self._trouble.times:  # is it over? One is enough to find out
            return 1
        return max(2 * self._hands, min(int(2 * self._pace.a_second()), MOST_IN_HAND))

    def _take(self) -> None:
        """Claims a batch, and gives what may go out now to those who send."""
        database, now = self._service.database, self._clock()
        most = self._throttle.room(self._most() - len(self._in_hand))
        if most <= 0:
            return
        with database.reading() as session:
            if not outbox.any_due(session, now, bulk=True):
                return
        with database.writing() as session:
            claimed = outbox.claim(session, self._worker, now, self._lease, most, bulk=True)
        # The clock was put forward, or the machine slept: our own leases seem to be over.
        claimed = [one for one in claimed if one not in self._in_hand]
        if not claimed:
            return
        self._in_hand.update(dict.fromkeys(claimed))
        until = time.monotonic() + min(FRESH_FOR, 0.8 * self._lease.total_seconds())
        copies: list[Copy] = []
        try:
            with database.reading() as session:
                for made in self._read(session, claimed, now, until):
                    if isinstance(made, Copy):
                        copies.append(made)
                    else:
                        self._unsettled.append(made)
            for copy in copies:
                if not self._put_off(copy, now):
                    self._in_hand[copy.reader.message_id] = copy
                    self._ready.put(copy)
        except Exception:
            known = {one.message_id for one in self._unsettled}
            self._unsettled += [
                Outcome(one, Fate.BACK)
                for one in claimed
                if self._in_hand.get(one) is None and one not in known
            ]
            raise

    def _put_off(self, copy: Copy, now: datetime) -> bool:
        """Whether a copy may not go out yet."""
        message_id = copy.reader.message_id
        wait = self._throttle.wait_of(copy.domain)
        if wait > 0:
            later = now + timedelta(seconds=wait)
            self._unsettled.append(Outcome(message_id, Fate.PUT_OFF, later=later))
        elif self._throttle.take():
            return False
        else:  # another worker was faster
            self._unsettled.append(Outcome(message_id, Fate.BACK))
        return True

    def _read(
        self, session: Session, claimed: Sequence[uuid.UUID], now: datetime, until: float
    ) -> Iterable[Copy | Outcome]:
        """The copies of these messages; of those that are not to be sent, what becomes of them."""
        rows = session.execute(
            select(
                Message.id,
                Message.created_at,
                Message.digest_id,
                Subscription.id.label("subscription_id"),
                Subscription.subscriber_id,
                Subscription.state,
                Subscription.lang,
                Subscription.topics,
                Subscription.countries,
                Subscription.paused_until,
                Subscriber.address,
                Subscriber.key,
            )
            .outerjoin(Subscription, Subscription.id == Message.subscription_id)
            .outerjoin(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .where(Message.id.in_(claimed))
        ).all()
        suppressed = suppressions.among(session, {row.key for row in rows if row.key}, now)
        sending = {
            digest.id: digest
            for digest in session.scalars(
                select(Digest)
                .options(joinedload(Digest.newsletter))
                .where(
                    Digest.id.in_({row.digest_id for row in rows}),
                    Digest.state == DigestState.SENDING,
                )
            )
        }
        standing: dict[tuple[uuid.UUID, str], set[int]] = {}
        # what has the same letter one after the other: with many wishes not all letters are kept
        for row in sorted(rows, key=lambda row: (str(row.lang), str(row.topics), row.id)):
            digest = sending.get(row.digest_id)
            self._given_up.discard(row.digest_id)
            if digest is None:  # stopped at this moment
                yield Outcome(row.id, Fate.BACK)
                continue
            if row.key in suppressed or not issues.may_get(
                row.state, row.address, row.paused_until, now
            ):
                yield Outcome(row.id, Fate.VOID)
                continue
            edition = self._press.edition(session, digest, row.lang)
            key = (digest.id, edition.lang)
            if key not in standing:
                standing[key] = editions.standing(session, [one.id for one in edition.items])
            wishes = Wishes.of(row.topics, row.countries)
            wanted = press.wanted(edition, standing[key], wishes)
            if wanted is None:
                yield Outcome(row.id, Fate.VOID)
                continue
            try:
                letter = self._press.letter(digest.id, wanted)
            except Exception as error:
                log.exception("an issue could not be written in %s", edition.lang)
                why = f"it could not be written in “{edition.lang}”: {type(error).__name__}"
                self._stop(digest.id, why)
                yield Outcome(row.id, Fate.BACK)
                del sending[digest.id]
                continue
            reader = Reader(
                row.id, row.created_at, row.address, row.subscription_id, row.subscriber_id
            )
            domain = row.address.rpartition("@")[2].lower()
            yield Copy(reader, digest.id, domain, wanted, letter, until)
        # erased since it was claimed
        for gone in set(claimed) - {row.id for row in rows}:
            yield Outcome(gone, Fate.BACK)

    def _renew(self) -> None:
        """Holds what is in hand for longer, before its lease ends."""
        now = time.monotonic()
        if not self._in_hand or now - self._renewed < self._lease.total_seconds() / 3:
            return
        with self._service.database.writing() as session:
            held = outbox.renew(
                session, self._worker, self._in_hand.keys(), self._clock(), self._lease
            )
        self._renewed = now
        for message_id, copy in self._in_hand.items():
            if copy is not None and message_id not in held:
                copy.until = 0.0  # somebody else's now

    def _settle(self) -> None:
        """Commits what became of messages, as far as it is told within GATHER."""
        until = time.monotonic() + GATHER
        while len(self._unsettled) < MOST_UNSETTLED // 2:
            try:
                left = until - time.monotonic()
                self._unsettled.append(self._told.get(timeout=max(left, 0.0)))
            except Empty:
                break
        if not self._unsettled:
            return
        with self._service.database.writing() as session:
            self._note(session, self._unsettled)
            self._give_up(session, self._unsettled)
        for outcome in self._unsettled:
            self._in_hand.pop(outcome.message_id, None)
        handed_over = [one for one in self._unsettled if one.copy]
        if handed_over:
            self._may_be_sent.release(len(handed_over))
        self._pace.add(len(self._unsettled))
        self._unsettled = []

    def _note(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        now, worker = self._clock(), self._worker
        by_fate: dict[Fate, list[Outcome]] = {fate: [] for fate in Fate}
        for one in outcomes:
            by_fate[one.fate].append(one)
        ids = {fate: [one.message_id for one in these] for fate, these in by_fate.items()}
        if ids[Fate.SENT]:
            outbox.sent(session, worker, now, *ids[Fate.SENT])
        if ids[Fate.VOID]:
            outbox.void(session, worker, now, *ids[Fate.VOID])
        if ids[Fate.BACK]:
            reason = next((one.reason for one in by_fate[Fate.BACK] if one.reason), None)
            outbox.release(session, worker, ids[Fate.BACK], reason)
        base = timedelta(seconds=self._service.settings.retry_base_seconds)
        for one in by_fate[Fate.POSTPONED]:
            outbox.postponed(session, worker, one.message_id, now, one.reason, base, tries=TRIES)
        for one in by_fate[Fate.PUT_OFF]:
            assert one.later
            outbox.put_off(session, worker, one.message_id, one.later)
        for one in by_fate[Fate.REFUSED]:
            delivery.refused(self._service, session, worker, one.message_id, now, one.reason)

    def _give_up(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        """Stops issues of which too much is refused."""
        for one in outcomes:
            if one.copy is None or one.fate not in (Fate.SENT, Fate.REFUSED):
                continue
            digest_id = one.copy.digest_id
            tally = self._tallies.setdefault(digest_id, Tally())
            if not tally.add(one.fate == Fate.REFUSED):
                continue
            del self._tallies[digest_id]  # who has it go on begins to count anew
            self._given_up.add(digest_id)
            many = (
                f"{tally.in_a_row} mails in a row were refused"
                if tally.in_a_row >= IN_A_ROW
                else f"{tally.refused} of {tally.tried} mails were refused"
            )
            because = f"{many}, the last with: {one.reason}"
            if digests.stop(session, digest_id, DELIVERY, self._clock(), because):
                log.error("an issue was stopped: %s", because)

    def _stop(self, digest_id: uuid.UUID, because: str) -> None:
        with self._service.database.writing() as session:
            digests.stop(session, digest_id, DELIVERY, self._clock(), because)

    # -- those who send

    def _send(self, way: Transport) -> None:
        alone = Trouble(self._service.settings.retry_base_seconds, LONGEST_PAUSE)
        while True:
            try:
                copy = self._ready.get(timeout=KEEP_IDLE)
            except Empty:
                way.close()
                continue
            if copy is None:
                break
            self._may_be_sent.acquire()
            self._handing_over.add(threading.get_ident())
            outcome = self._sent(way, copy, alone)
            self._handing_over.discard(threading.get_ident())
            self._told.put(outcome)
            if (rest := alone.until - time.monotonic()) > 0:
                self._stopping.wait(rest)
        way.close()

    def _sent(self, way: Transport, copy: Copy, alone: Trouble) -> Outcome:
        """Hands over one copy. alone: what this connection has been through by itself."""
        message_id = copy.reader.message_id
        now = time.monotonic()
        too_late = self._stopping.is_set() or now > copy.until or copy.digest_id in self._given_up
        if too_late or now < self._trouble.until:
            return Outcome(message_id, Fate.BACK, copy=copy)
        if wait := self._throttle.pause_of(copy.domain):
            later = self._clock() + timedelta(seconds=wait)
            return Outcome(message_id, Fate.PUT_OFF, copy=copy, later=later)
        to = copy.reader.address
        sender = delivery.sender_of(self._service, message_id)
        try:
            if press.is_plain(to):
                wire = copy.letter.copy(copy.reader)
            else:
                mail = press.write(self._service, copy.edition, copy.reader)
                wire = letters.on_the_wire(mail, sender)
            way.send(wire, sender, to)
        except RefusedForGood as error:
            self._goes_well(alone)
            return Outcome(message_id, Fate.REFUSED, str(error), copy)
        except RefusedForNow as error:
            if error.relay_down:
                self._goes_badly(error, alone)
                # What may have arrived counts as tried: the next time another finds out whether
                # the relay is well, or one reader would get it again and again.
                fate = Fate.POSTPONED if error.unanswered else Fate.BACK
                return Outcome(message_id, fate, str(error), copy)
            self._goes_well(alone)
            self._throttle.refused(copy.domain)
            return Outcome(message_id, Fate.POSTPONED, str(error), copy)
        except Exception as error:  # one letter that can't be written must not hold up the others
            log.exception("message %s could not be written or sent", message_id)
            return Outcome(message_id, Fate.POSTPONED, f"not written: {type(error).__name__}", copy)
        self._goes_well(alone)
        self._throttle.taken(copy.domain)
        return Outcome(message_id, Fate.SENT, copy=copy)

    def _goes_well(self, alone: Trouble) -> None:
        self._went_well = time.monotonic()
        alone.over()
        if self._trouble.times and self._trouble.until <= self._went_well:
            self._trouble.over()
            log.warning("the relay takes mail again")

    def _goes_badly(self, error: RefusedForNow, alone: Trouble) -> None:
        """The relay is left alone for a while: by this connection, where only one more than it
        wants was not let in, else by all."""
        now = time.monotonic()
        others_are_in = now - self._went_well < FRESH_FOR or len(self._handing_over) > 1
        if error.unconnected and others_are_in:
            if alone.again(now):
                log.warning("the relay takes no further connection: %s", error)
        elif self._trouble.again(now):
            pause = self._trouble.until - now
            log.warning("the relay is left alone for %.0f seconds: %s", pause, error)
