"""A newsletter and a list of another tool, kept in step."""

import tracemalloc
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from tests.actors import quiet_port
from tests.other_tools import PASSWORD, USER, Listmonk
from widgets import newsletters, partner_findings, partner_sync, partners, records
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import (
    AddressChange,
    AuditEntry,
    Consent,
    Partner,
    PartnerEntry,
    State,
    Subscriber,
    Subscription,
    Suppression,
)
from widgets.pacing import Limits
from widgets.partner_findings import Found
from widgets.partner_rules import Do, Here, Known, decide
from widgets.partner_tools.asking import Api
from widgets.partner_tools.listmonk import Listmonk as Client
from widgets.partner_tools.tool import Member, There, ToolFails
from widgets.partners import Typed
from widgets.service import Service

BEGIN = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Both:
    """A newsletter, a list over there, an editor and a worker, with one clock."""

    service: Service
    there: Listmonk
    now: datetime = BEGIN
    partner: int = 0

    def later(self, by: timedelta = MINUTE) -> None:
        self.now += by
        self.there.now = self.now

    def join(self, list_name: str = "3", *, take_in: bool = False) -> None:
        with self.service.database.writing() as session:
            typed = Typed("listmonk", self.there.url, USER, PASSWORD, list_name, take_in)
            added = partners.add(
                session, self.service.links, "weekly", typed, COMMAND_LINE, self.now
            )
            partners.start(session, added, COMMAND_LINE, self.now)
            self.partner = added.id

    def key(self, address: str) -> str:
        return self.service.hasher.address(parse(address))

    def confirm(self, *addresses: str) -> None:
        """Their own confirmation, here and now."""
        with self.service.database.writing() as session:
            text = newsletters.form(session, "weekly", "en").consent_text_id
            for address in addresses:
                newsletters.subscribe(
                    session,
                    self.key(address),
                    address,
                    consent_text_id=text,
                    site=None,
                    lang="en",
                    method="link",
                    asked_at=self.now,
                    now=self.now,
                )

    def sign_up(self, address: str) -> None:
        """Asked for here by somebody, and not confirmed."""
        with self.service.database.writing() as session:
            text = newsletters.form(session, "weekly", "en").consent_text_id
            newsletters.sign_up(
                session,
                self.service.hasher,
                Limits(3, 500, frozenset()),
                parse(address),
                consent_text_id=text,
                site=None,
                lang="en",
                now=self.now,
            )

    def leave(self, *addresses: str) -> None:
        with self.service.database.writing() as session:
            for address in addresses:
                newsletters.unsubscribe(session, self._id(session, address), self.now)

    def _id(self, session: object, address: str) -> uuid.UUID:
        query = (
            select(Subscription.id)
            .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .where(Subscriber.key == self.key(address))
        )
        found: uuid.UUID = session.scalars(query).one()  # type: ignore[attr-defined]
        return found

    def state(self, address: str) -> str | None:
        with self.service.database.reading() as session:
            return session.scalar(
                select(Subscription.state)
                .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
                .where(Subscriber.key == self.key(address))
            )

    def run(self) -> None:
        self.later()
        assert partner_sync.run_due(
            self.service, "the tests", lambda: self.now, only=self.partner
        ) == (self.partner)

    def look(self) -> Found:
        return partner_sync.look(self.service, self.partner, lambda: self.now)

    def row(self) -> Partner:
        with self.service.database.reading() as session:
            return partners.one(session, self.partner)

    def done(self) -> tuple[int, int, int, int]:
        """Of the last run: put there, ended there, ended here, taken in."""
        outcome = self.row().outcome
        return tuple(outcome[name] for name in ("put", "end_there", "end_here", "take_in"))  # type: ignore[return-value]


@pytest.fixture
def both(service: Service) -> Iterator[Both]:
    with Listmonk() as there:
        yield Both(service, there)


# What is decided, without either side


ON = Here(is_on=True, epoch=1, given_at=BEGIN)
ANEW = Here(is_on=True, epoch=3, given_at=BEGIN)
LEFT = Here(left=True, epoch=2)


def member(there: There, changed: datetime | None = None) -> Member:
    return Member("7", "ada@example.org", there, changed)


@pytest.mark.parametrize(
    ("here", "there", "known", "do"),
    [
        (ON, There.ON, None, Do.NOTHING),
        (ON, There.ABSENT, None, Do.PUT_THERE),
        (ON, There.ABSENT, Known("on", 1), Do.END_HERE),
        (ON, There.OFF, Known("on", 1), Do.END_HERE),
        (ON, There.OFF, None, Do.END_HERE),
        (ON, There.UNCONFIRMED, None, Do.PUT_THERE),
        (ON, There.BLOCKED, Known("on", 1), Do.END_HERE),
        (LEFT, There.ON, None, Do.END_THERE),
        (LEFT, There.ON, Known("on", 1), Do.END_THERE),
        (LEFT, There.ON, Known("off", 2), Do.END_THERE),
        (LEFT, There.UNCONFIRMED, None, Do.END_THERE),
        (LEFT, There.OFF, Known("off", 2), Do.NOTHING),
        (LEFT, There.ABSENT, Known("on", 1), Do.NOTHING),
        (ANEW, There.OFF, Known("off", 2), Do.PUT_THERE),
        (ANEW, There.ABSENT, Known("off", 2), Do.PUT_THERE),
        (ANEW, There.ABSENT, Known("ending", 2), Do.PUT_THERE),
        (ANEW, There.ABSENT, Known("on", 1), Do.END_HERE),  # nobody can tell which was later
        (ANEW, There.BLOCKED, Known("off", 2), Do.NOTHING),
        (ANEW, There.BLOCKED, Known("blocked", 3), Do.NOTHING),
        (Here(), There.ON, None, Do.TAKE_IN),
        (Here(), There.PAUSED, None, Do.NOTHING),
        (Here(), There.OFF, None, Do.NOTHING),
    ],
)
def test_three_things_are_compared(here: Here, there: There, known: Known | None, do: Do) -> None:
    assert decide(here, None if there is There.ABSENT else member(there), known) is do


@pytest.mark.parametrize(
    ("known", "left_at", "do"),
    [
        (None, BEGIN - MINUTE, Do.PUT_THERE),
        (None, BEGIN + MINUTE, Do.END_HERE),
        (Known("off", 2), BEGIN + MINUTE, Do.END_HERE),
        (Known("on", 1), BEGIN - MINUTE, Do.PUT_THERE),
        (Known("on", 3), BEGIN - MINUTE, Do.END_HERE),  # both were on since
    ],
)
def test_where_moments_are_known_the_later_counts(
    known: Known | None, left_at: datetime, do: Do
) -> None:
    assert decide(ANEW, member(There.OFF, left_at), known) is do


# Both directions


def test_who_confirms_here_is_put_there_without_a_mail(both: Both) -> None:
    both.confirm("ada@example.org", "bo@example.org")
    both.there.put("BO@example.org")
    both.join()
    both.run()

    assert both.there.confirmed() == ["BO@example.org", "ada@example.org"]
    assert both.done() == (1, 0, 0, 0)
    both.run()
    assert both.done() == (0, 0, 0, 0)
    assert both.row().outcome["same"] == 2


def test_who_leaves_here_leaves_there(both: Both) -> None:
    both.confirm("ada@example.org", "bo@example.org")
    both.join()
    both.run()
    both.leave("ada@example.org")
    both.run()

    assert both.there.confirmed() == ["bo@example.org"]
    assert both.there.standing("ada@example.org") == "unsubscribed"
    both.run()
    assert both.done() == (0, 0, 0, 0)


@pytest.mark.parametrize("how", ["leave", "vanish", "blocklist", "other list"])
def test_who_leaves_there_leaves_here(both: Both, how: str) -> None:
    both.confirm("ada@example.org", "bo@example.org")
    both.join()
    both.run()
    row = both.there.of("ada@example.org")
    assert row
    if how == "leave":
        both.there.leave("ada@example.org")
    elif how == "vanish":
        both.there.vanish("ada@example.org")
    elif how == "blocklist":
        row.status = "blocklisted"
    else:
        row.standing = {5: row.standing[3]}
    both.run()

    assert both.state("ada@example.org") == State.UNSUBSCRIBED
    assert both.state("bo@example.org") == State.CONFIRMED
    assert both.done() == (0, 0, 1, 0)
    with both.service.database.reading() as session:
        assert session.scalar(select(Consent.withdrawn_at).where(Consent.id == 1)) == both.now


def test_who_confirms_anew_here_is_put_back_there(both: Both) -> None:
    both.confirm("ada@example.org")
    both.join()
    both.run()
    both.there.leave("ada@example.org")
    both.run()
    both.later()
    both.confirm("ada@example.org")
    both.run()

    assert both.state("ada@example.org") == State.CONFIRMED
    assert both.there.standing("ada@example.org") == "confirmed"
    both.run()
    assert both.done() == (0, 0, 0, 0)


def test_older_knowledge_there_does_not_undo_a_leaving_here(both: Both) -> None:
    both.confirm("ada@example.org")
    both.join(take_in=True)
    both.run()
    both.leave("ada@example.org")
    both.there.put("ada@example.org")  # by an import of an old file, perhaps
    for _ in range(3):
        both.run()
        assert both.state("ada@example.org") == State.UNSUBSCRIBED
        assert both.there.standing("ada@example.org") == "unsubscribed"


@pytest.mark.parametrize("end", ["erased", "bounced", "complained"])
def test_who_must_not_be_written_to_goes_there_too(both: Both, end: str) -> None:
    both.confirm("ada@example.org")
    both.join(take_in=True)
    both.run()
    with both.service.database.writing() as session:
        if end == "erased":
            records.erase(session, both.service.hasher, both.key("ada@example.org"), "", both.now)
        else:
            one = session.scalars(select(Subscription)).one()
            one.state, one.epoch = end, one.epoch + 1
    both.run()

    assert both.there.confirmed() == []
    assert both.done() == (0, 1, 0, 0)
    with both.service.database.reading() as session:
        left = 0 if end == "erased" else 1
        assert session.scalar(select(func.count()).select_from(PartnerEntry)) == left


@pytest.mark.parametrize("signs_up_again", [False, True])
def test_who_is_erased_without_a_trace_goes_there_and_is_not_taken_in_again(
    both: Both, signs_up_again: bool
) -> None:
    both.confirm("ada@example.org", "bo@example.org")
    both.join(take_in=True)
    both.run()
    with both.service.database.writing() as session:
        records.erase(session, both.service.hasher, both.key("ada@example.org"), None, both.now)
    if signs_up_again:
        both.sign_up("ada@example.org")
    both.run()

    assert both.state("ada@example.org") == (State.PENDING if signs_up_again else None)
    assert both.there.confirmed() == ["bo@example.org"]
    assert both.row().state["erased"] == []
    both.run()
    assert both.done() == (0, 0, 0, 0)
    both.later()
    both.confirm("ada@example.org")
    both.run()
    assert both.there.confirmed() == ["ada@example.org", "bo@example.org"]


def test_who_is_erased_while_the_partner_is_away_is_not_forgotten(both: Both) -> None:
    both.confirm("ada@example.org")
    both.join(take_in=True)
    both.run()
    with both.service.database.writing() as session:
        records.erase(session, both.service.hasher, both.key("ada@example.org"), None, both.now)
    both.there.said["GET /api/subscribers"] = (500, b"{}")
    both.run()
    assert both.row().state["erased"] == [both.key("ada@example.org")]
    both.there.said.clear()
    both.run()

    assert both.there.confirmed() == []
    assert both.state("ada@example.org") is None


def test_strangers_there_are_left_alone_unless_they_are_to_be_taken_in(both: Both) -> None:
    both.there.put("ada@example.org")
    both.join()
    both.run()

    assert both.state("ada@example.org") is None
    assert both.row().outcome["unknown"] == 1


def test_who_confirmed_there_is_taken_in_with_the_evidence(both: Both) -> None:
    both.there.put("Ada@example.org")
    both.there.put("bo@example.org", "unconfirmed")
    both.there.put("cy@example.org").status = "disabled"
    both.there.put("di@example.org", "unsubscribed")
    both.there.put("ed@example.org").status = "blocklisted"
    with both.service.database.writing() as session:
        session.add(Suppression(key=both.key("fay@example.org"), reason="", created_at=BEGIN))
    both.there.put("fay@example.org")
    both.join(take_in=True)
    both.run()

    with both.service.database.reading() as session:
        assert session.scalars(select(Subscriber.address)).all() == ["Ada@example.org"]
        consent = session.scalars(select(Consent)).one()
    assert (consent.method, consent.lang, consent.given_at) == ("import", "en", BEGIN)
    assert consent.evidence == f"listmonk list 3 at {both.there.url}, confirmed, 2026-04-01"
    assert both.there.standing("fay@example.org") == "unsubscribed"
    assert both.done() == (0, 1, 0, 1)
    both.run()
    assert both.done() == (0, 0, 0, 0)


def test_on_a_list_that_asks_once_nobody_counts_as_confirmed(both: Both) -> None:
    both.there.put("ada@example.org", "unconfirmed", on=4)
    both.confirm("bo@example.org")
    both.there.put("bo@example.org", "unconfirmed", on=4)
    both.join("4", take_in=True)
    both.run()

    assert both.state("ada@example.org") is None
    assert both.done() == (0, 0, 0, 0)


def test_who_waits_to_be_confirmed_there_is_confirmed_by_ours(both: Both) -> None:
    both.confirm("ada@example.org")
    both.there.put("ada@example.org", "unconfirmed")
    both.join()
    both.run()

    assert both.there.confirmed() == ["ada@example.org"]


def test_who_is_on_another_list_there_is_put_on_this_one(both: Both) -> None:
    both.confirm("ada@example.org", "bo'x+y@example.org")
    both.there.put("ada@example.org", on=5)
    both.there.put("bo'x+y@example.org", on=5)
    both.join()
    both.run()

    assert both.there.confirmed() == ["ada@example.org", "bo'x+y@example.org"]
    assert both.there.confirmed(on=5) == ["ada@example.org", "bo'x+y@example.org"]


def test_older_versions_there_are_asked_in_sql(both: Both) -> None:
    both.there.searches = False
    both.there.per_page = 2
    both.confirm("bo'x@example.org")
    for number in range(5):
        both.there.put(f"u{number}@example.org", on=5)
    both.there.put("bo'x@example.org", on=5)
    both.join()
    both.run()

    assert both.there.confirmed() == ["bo'x@example.org"]


def test_who_left_there_before_they_confirmed_here_is_put_back(both: Both) -> None:
    both.there.put("ada@example.org", "unsubscribed")
    both.later()
    both.confirm("ada@example.org")
    both.join()
    both.run()

    assert both.there.confirmed() == ["ada@example.org"]


def test_who_left_there_after_they_confirmed_here_has_left(both: Both) -> None:
    both.confirm("ada@example.org")
    both.later()
    both.there.put("ada@example.org", "unsubscribed")
    both.join()
    both.run()

    assert both.state("ada@example.org") == State.UNSUBSCRIBED


def test_two_spellings_of_one_address_are_one_person(both: Both) -> None:
    both.confirm("ada@example.org")
    both.there.rows = {}
    both.there.put("ada@example.org")
    twin = both.there.put("ada@example.com")
    twin.email = "ADA@example.org"
    twin.standing[3] = ("unsubscribed", BEGIN + MINUTE)
    both.join()
    both.run()
    assert both.state("ada@example.org") == State.UNSUBSCRIBED
    both.run()

    assert both.there.confirmed() == []


def test_an_address_that_was_changed_here_is_changed_there(both: Both) -> None:
    both.confirm("ada@example.org")
    both.join(take_in=True)
    both.run()
    both.later()
    with both.service.database.writing() as session:
        one = session.scalars(select(Subscriber)).one()
        one.address, one.key = "ada@new.example", both.key("ada@new.example")
        session.add(
            AddressChange(
                id=uuid.uuid4(), subscriber_id=one.id, key=one.key, address=one.address,
                lang="en", mailbox="", domain="", asked_at=both.now, done_at=both.now,
            )
        )  # fmt: skip
    both.run()
    both.run()

    assert both.there.confirmed() == ["ada@new.example"]
    assert both.there.standing("ada@example.org") == "unsubscribed"
    assert both.state("ada@new.example") == State.CONFIRMED
    assert both.state("ada@example.org") is None


def test_an_address_that_was_changed_there_has_left(both: Both) -> None:
    both.confirm("ada@example.org")
    both.join()
    both.run()
    row = both.there.of("ada@example.org")
    assert row
    row.email = "ada@new.example"
    both.run()

    assert both.state("ada@example.org") == State.UNSUBSCRIBED
    assert both.state("ada@new.example") is None


def test_what_is_no_address_there_is_passed_over(both: Both) -> None:
    both.there.put("no address")
    both.there.put("=?x?=@example.org")
    both.there.put("")
    both.confirm("ada@example.org")
    both.join(take_in=True)
    both.run()

    assert both.row().outcome["bad"] == 3
    assert both.done() == (1, 0, 0, 0)


def test_an_address_that_is_refused_there_is_asked_about_again_in_a_day(both: Both) -> None:
    both.confirm("a=b@example.org", "bo@example.org")
    both.join()
    both.run()
    assert both.row().outcome["refused"] == 1
    assert both.there.confirmed() == ["bo@example.org"]
    both.run()
    assert both.row().outcome["refused"] == 0
    both.later(timedelta(days=1))
    both.run()

    assert both.row().outcome["refused"] == 1
    assert both.state("a=b@example.org") == State.CONFIRMED


# Before it begins


def test_a_look_tells_what_would_happen_and_does_nothing(both: Both) -> None:
    both.confirm("ada@example.org", "bo@example.org", "cy@example.org")
    both.leave("cy@example.org")
    both.later()
    both.there.put("bo@example.org", "unsubscribed")
    both.there.put("cy@example.org")
    both.there.put("di@example.org")
    both.join()
    found = both.look()

    assert (found.put, found.end_here, found.end_there, found.unknown) == (1, 1, 1, 1)
    assert partner_findings.sentence(found) == (
        "A run would put 1 person on the list there, take 1 person off it there and end "
        "1 subscription here. 0 stand alike."
    )
    assert both.row().state["looked"]["put"] == 1
    assert both.there.confirmed() == ["cy@example.org", "di@example.org"]
    assert all(asked.startswith("GET") for asked in both.there.asked)
    with both.service.database.reading() as session:
        assert session.scalars(select(PartnerEntry)).all() == []
    both.run()
    assert both.done() == (1, 1, 1, 0)
    both.there.leave("ada@example.org")
    assert both.look().end_here == 1
    both.there.vanish("ada@example.org")
    assert (both.look().end_here, both.look().put) == (1, 0)


# Too much at once


def many(number: int) -> list[str]:
    return [f"u{n}@example.org" for n in range(number)]


@pytest.mark.parametrize("how", ["emptied", "unsubscribed"])
def test_a_list_that_is_suddenly_empty_ends_nothing_without_a_word(both: Both, how: str) -> None:
    both.confirm(*many(30))
    both.join()
    both.run()
    if how == "emptied":
        before, both.there.rows = both.there.rows, {}
    else:
        before = {}
        for row in both.there.rows.values():
            row.standing[3] = ("unsubscribed", both.now)
    both.confirm("new@example.org")
    both.run()
    asked = partners.asks(both.row())
    assert asked
    assert (asked.ends_here, asked.of) == (30, 30)
    assert {both.state(one) for one in many(30)} == {State.CONFIRMED}
    assert both.there.standing("new@example.org") is None
    if how == "emptied":
        both.there.rows = before
        both.run()
        assert partners.asks(both.row()) is None
        assert {both.state(one) for one in many(30)} == {State.CONFIRMED}
        assert both.there.standing("new@example.org") == "confirmed"
        return
    with both.service.database.writing() as session:
        partner = partners.one(session, both.partner)
        assert not partners.agree(session, partner, 29, COMMAND_LINE, both.now)
        assert partners.agree(session, partner, 30, COMMAND_LINE, both.now)
    both.run()

    assert both.done() == (1, 0, 30, 0)
    assert {both.state(one) for one in many(30)} == {State.UNSUBSCRIBED}
    assert both.there.confirmed() == ["new@example.org"]


def test_a_word_is_for_as_many_as_were_shown(both: Both) -> None:
    both.confirm(*many(60))
    both.join()
    both.run()
    for one in many(30):
        both.there.leave(one)
    both.run()
    with both.service.database.writing() as session:
        partners.agree(session, partners.one(session, both.partner), 30, COMMAND_LINE, both.now)
    for one in many(60):
        both.there.leave(one)
    both.run()

    asked = partners.asks(both.row())
    assert asked
    assert asked.ends_here == 60
    assert both.state("u0@example.org") == State.CONFIRMED


def test_a_few_of_many_need_no_word(both: Both) -> None:
    both.confirm(*many(30))
    both.join()
    both.run()
    for one in many(20):
        both.there.leave(one)
    both.run()

    assert both.done() == (0, 0, 20, 0)


def test_many_ends_a_few_at_a_time_need_a_word_too(both: Both) -> None:
    both.confirm(*many(60))
    both.join()
    both.run()
    for one in many(20):
        both.there.leave(one)
    both.run()
    assert both.done() == (0, 0, 20, 0)
    for one in many(21):
        both.there.leave(one)
    both.run()
    asked = partners.asks(both.row())
    assert asked
    assert asked.ends_here == 1
    both.later(timedelta(hours=26))
    both.run()

    assert partners.asks(both.row()) is None
    assert both.done() == (0, 0, 1, 0)


# What goes wrong


def test_who_is_missed_while_pages_shift_has_not_left(both: Both) -> None:
    """Somebody is deleted on the first page while it is read, so the first of the second page
    slips onto the first."""
    both.there.per_page = 10
    both.confirm(*many(30))
    both.join()
    both.run()
    first = both.there.rows[1].email
    answer = both.there._query

    def shifting(query: dict[str, str]) -> tuple[int, object]:
        if "list_id" in query and query["page"] == "2":
            both.there.vanish(first)
        return answer(query)

    both.there._query = shifting  # type: ignore[method-assign]
    both.run()

    assert both.done() == (0, 0, 0, 0)
    both.there._query = answer  # type: ignore[method-assign]
    both.run()
    assert both.done() == (0, 0, 1, 0)
    assert [one for one in many(30) if both.state(one) != State.CONFIRMED] == [first]


@pytest.mark.parametrize(
    ("path", "status", "body", "says"),
    [
        ("/api/subscribers", 500, b"{}", "It answered 500."),
        ("/api/subscribers", 403, b"{}", "needs more permissions"),
        ("/api/subscribers", 302, b"", "a redirect (302)"),
        ("/api/subscribers", 200, b"<!doctype html><p>Welcome", "The answer is no JSON."),
        ("/api/subscribers", 200, b'{"data": []}', "not as this tool gives it"),
        ("/api/subscribers", 200, b'{"data": {"results": [7], "total": 1}}', "not as this tool"),
        (
            "/api/subscribers",
            200,
            b'{"data": {"results": [{"id": "x"}], "total": 1}}',
            "not as this tool",
        ),
        (
            "/api/subscribers",
            200,
            b'{"data": {"results": [{"id": 1, "email": "a@example.org"}], "total": 9}}',
            "not as this tool",
        ),
        ("/api/subscribers", 200, b"[" * 100_000, "The answer is no JSON."),
        ("/api/lists/3", 400, b"{}", "It has no list 3"),
    ],
)
def test_a_partner_that_fails_says_why_and_is_tried_again(
    both: Both, path: str, status: int, body: bytes, says: str
) -> None:
    both.confirm("ada@example.org")
    both.join()
    both.there.said[f"GET {path}"] = (status, body)
    both.run()
    row = both.row()

    assert row.last_error
    assert says in row.last_error
    assert (row.failing_since, row.next_at) == (both.now, both.now + timedelta(minutes=15))
    assert both.state("ada@example.org") == State.CONFIRMED
    both.there.said.clear()
    both.run()
    assert (both.row().failing_since, both.row().last_error) == (None, None)
    assert both.there.confirmed() == ["ada@example.org"]


def test_who_is_away_for_a_day_is_asked_less_and_less(both: Both) -> None:
    both.join()
    both.there.said["GET /api/lists/3"] = (500, b"")
    pauses = []
    for _ in range(8):
        both.run()
        next_at = both.row().next_at
        assert next_at
        pauses.append((next_at - both.now).total_seconds() / 60)

    assert pauses == [15, 30, 60, 120, 240, 240, 240, 240]
    assert both.row().failing_since == BEGIN + MINUTE


def test_a_wrong_password_is_told_and_never_shown(both: Both) -> None:
    with both.service.database.writing() as session:
        typed = Typed("listmonk", both.there.url, USER, "wrong pass phrase", "3")
        both.partner = partners.add(
            session, both.service.links, "weekly", typed, COMMAND_LINE, both.now
        ).id
    both.run()

    assert both.row().last_error == (
        "It does not let us in: please check the user and the password."
    )
    assert "wrong pass phrase" not in repr(vars(both.row()))


def test_a_partner_that_hangs_is_given_up() -> None:
    with quiet_port() as port:
        api = Api(f"http://127.0.0.1:{port}", USER, PASSWORD, seconds=0.2)
        with pytest.raises(ToolFails, match="no answer within"):
            Client(api, "3").check()
        api.close()


def test_a_yes_without_a_deed_is_noticed(both: Both) -> None:
    both.confirm("ada@example.org")
    both.there.put("ada@example.org")
    both.join()
    both.run()
    both.leave("ada@example.org")
    both.there.ignores_changes = True
    both.run()

    assert "needs the permission to manage this list" in (both.row().last_error or "")
    both.there.ignores_changes = False
    both.run()
    assert both.there.confirmed() == []


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_what_breaks_off_in_the_middle_is_finished_by_the_next_run(both: Both, after: int) -> None:
    both.confirm(*many(6))
    both.join()
    both.run()
    both.leave("u0@example.org", "u1@example.org")
    both.there.leave("u2@example.org")
    both.confirm("new1@example.org", "new2@example.org", "new3@example.org")
    both.there.fails_after = after
    both.run()
    both.there.fails_after = None
    both.run()
    both.run()

    on = ["new1@example.org", "new2@example.org", "new3@example.org", *many(6)[3:]]
    assert both.there.confirmed() == on
    assert [both.state(one) for one in many(3)] == [State.UNSUBSCRIBED] * 3
    assert both.done() == (0, 0, 0, 0)


def test_two_workers_never_have_one_partner(both: Both) -> None:
    both.join()
    first = partners.claim(both.service.database, "one", both.now)
    assert first
    assert partners.claim(both.service.database, "two", both.now) is None
    assert partners.claim(both.service.database, "two", both.now, only=both.partner) is None
    second = partners.claim(both.service.database, "two", both.now + partners.LEASE + MINUTE)
    assert second

    with pytest.raises(partners.Overtaken), both.service.database.writing() as session:
        partners.hold(session, first, both.now)


def test_a_stopped_or_removed_partner_ends_nobodys_subscription(both: Both) -> None:
    both.confirm("ada@example.org")
    both.join()
    both.run()
    with both.service.database.writing() as session:
        partners.stop(session, partners.one(session, both.partner), COMMAND_LINE, both.now)
    assert partner_sync.run_due(both.service, "w", lambda: both.now + timedelta(days=1)) is None
    with both.service.database.writing() as session:
        partners.remove(session, partners.one(session, both.partner), COMMAND_LINE, both.now)

    assert both.state("ada@example.org") == State.CONFIRMED
    assert both.there.confirmed() == ["ada@example.org"]
    with both.service.database.reading() as session:
        told = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert told == ["added", "started", "synchronised", "stopped", "removed"]


def test_another_newsletter_is_not_touched(both: Both) -> None:
    both.confirm("ada@example.org")
    both.join()
    with both.service.database.writing() as session:
        typed = Typed("listmonk", both.there.url, USER, PASSWORD, "3")
        with pytest.raises(partners.BadPartner, match="a partner already, of “weekly”"):
            partners.add(session, both.service.links, "weekly", typed, COMMAND_LINE, both.now)


def test_a_hundred_thousand_members_take_little_memory(both: Both) -> None:
    """Of strangers: what is measured is the reading."""
    both.there.per_page = 2000
    both.join()
    client = Client(Api(both.there.url, USER, PASSWORD), "3")
    client._is_double = True
    page = [
        {"id": n, "email": f"u{n}@example.org", "status": "enabled", "lists": [
            {"id": 3, "subscription_status": "confirmed"}
        ]}
        for n in range(2000)
    ]  # fmt: skip

    def endless(query: dict[str, str]) -> tuple[int, object]:
        number = int(query["page"])
        told = [{**one, "id": one["id"] + 2000 * number} for one in page]  # type: ignore[operator]
        return 200, {"data": {"results": told, "total": 100_000}}

    both.there._query = endless  # type: ignore[method-assign]
    seen = 0
    tracemalloc.start()
    for _ in client.members():
        seen += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    client.close()

    assert seen == 100_000
    assert peak < 40_000_000


# Whatever happens


PEOPLE = ["a@example.org", "b@example.org"]
DEEDS = [
    "confirm",
    "leave",
    "erase",
    "vanish here",
    "there on",
    "there off",
    "vanish",
    "block",
    "run",
]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    st.lists(st.tuples(st.sampled_from(DEEDS), st.sampled_from(PEOPLE)), min_size=3, max_size=10),
    st.booleans(),
)
def test_nobody_who_left_comes_back_by_itself_and_both_sides_agree_in_the_end(
    both: Both, history: list[tuple[str, str]], take_in: bool
) -> None:
    _begin_anew(both, take_in)
    left_here, left_there = set[str](), set[str]()  # and has not come back by their own deed
    for deed, address in history:
        both.later()
        _do(both, deed, address, left_here, left_there)
        for one in left_here:
            assert both.state(one) != State.CONFIRMED, (one, history)
        for one in left_there if deed == "run" else ():
            assert both.state(one) != State.CONFIRMED, (one, history)
            assert both.there.standing(one) != "confirmed", (one, history)
    both.run()
    both.run()

    assert both.row().last_error is None
    assert both.done() == (0, 0, 0, 0)
    for one in PEOPLE:
        row = both.there.of(one)
        if row and row.status == "blocklisted":
            continue
        on_here = both.state(one) == State.CONFIRMED
        on_there = both.there.standing(one) == "confirmed"
        is_stranger = both.state(one) is None and not take_in
        assert on_here == on_there or is_stranger, (one, history)


def _do(both: Both, deed: str, address: str, left_here: set[str], left_there: set[str]) -> None:
    if deed == "confirm":
        was = both.state(address)
        both.confirm(address)
        if was != State.CONFIRMED and both.state(address) == State.CONFIRMED:
            left_here.discard(address)
            left_there.discard(address)
    elif deed == "leave" and both.state(address):
        both.leave(address)
        left_here.add(address)
    elif deed == "erase":
        with both.service.database.writing() as session:
            records.erase(session, both.service.hasher, both.key(address), "", both.now)
        left_here.add(address)
    elif deed == "vanish here" and both.there.standing(address) == "confirmed":
        if both.state(address):
            with both.service.database.writing() as session:
                records.erase(session, both.service.hasher, both.key(address), None, both.now)
            both.run()
            assert both.state(address) is None
            assert both.there.standing(address) != "confirmed"
    elif deed == "there on":
        both.there.put(address)
        left_there.discard(address)
    elif deed == "there off" and both.there.standing(address):
        both.there.leave(address)
        left_there.add(address)
    elif deed == "vanish":
        both.there.vanish(address)
        left_there.discard(address)  # nobody can know any more
    elif deed == "block" and (row := both.there.of(address)):
        row.status = "blocklisted"
    elif deed == "run":
        both.run()
        assert both.row().last_error is None


def _begin_anew(both: Both, take_in: bool) -> None:
    with both.service.database.writing() as session:
        for model in (PartnerEntry, Partner, Subscriber, Suppression):
            session.execute(delete(model))
    both.there.rows = {}
    both.there.said.clear()
    both.later()
    both.join(take_in=take_in)
