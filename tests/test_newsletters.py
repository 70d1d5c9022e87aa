"""The states of a subscription, the evidence, and the limits."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from widgets import forgetting, newsletters, records, webhooks
from widgets.addresses import Address, parse
from widgets.audit import COMMAND_LINE
from widgets.links import CODE_FOR
from widgets.models import (
    Consent,
    ConsentText,
    Message,
    MessageState,
    SignUp,
    State,
    Subscriber,
    Subscription,
    Suppression,
)
from widgets.newsletters import Answer
from widgets.pacing import Limits
from widgets.service import Service
from widgets.webhooks import Event

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMITS = Limits(per_mailbox=3, per_domain=4, unlimited_domains=frozenset({"large.example"}))
ANNA = "anna@example.org"


class Desk:
    """Signs up, confirms and leaves, on a database, at a time of its own."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.now = NOW

    def sign_up(
        self, address: str = ANNA, site: str | None = "lamp-keepers", lang: str = "en"
    ) -> uuid.UUID:
        with self.service.database.writing() as session:
            return self.sign_up_in(session, address, site, lang)

    def sign_up_in(
        self, session: Session, address: str, site: str | None = None, lang: str = "en"
    ) -> uuid.UUID:
        """In a transaction that the caller ends."""
        shown = newsletters.form(session, "weekly", lang)
        return newsletters.sign_up(
            session,
            self.service.hasher,
            LIMITS,
            parse(address),
            consent_text_id=shown.consent_text_id,
            site=site,
            lang=lang,
            now=self.now,
        )

    def epoch(self, sign_up: uuid.UUID) -> int:
        with self.service.database.reading() as session:
            return session.get_one(SignUp, sign_up).subscription.epoch

    def confirm(self, sign_up: uuid.UUID, epoch: int | None = None) -> Answer:
        epoch = self.epoch(sign_up) if epoch is None else epoch
        with self.service.database.writing() as session:
            return newsletters.confirm(session, sign_up, epoch, self.now)

    def type_code(self, sign_up: uuid.UUID, code: str | None = None) -> Answer:
        code = self.service.links.code(sign_up) if code is None else code
        with self.service.database.writing() as session:
            return newsletters.confirm_with_code(
                session, self.service.links, sign_up, code, self.now
            )

    def new_code(self, sign_up: uuid.UUID) -> uuid.UUID:
        with self.service.database.writing() as session:
            return newsletters.new_code(session, LIMITS, sign_up, self.now)

    def leave(self, sign_up: uuid.UUID) -> Answer:
        with self.service.database.writing() as session:
            subscription = session.get_one(SignUp, sign_up).subscription_id
            return newsletters.unsubscribe(session, subscription, self.now)

    def suppress(self, address: str = ANNA) -> None:
        with self.service.database.writing() as session:
            records.suppress(session, self.service.hasher, parse(address), "test", self.now)

    def become(self, sign_up: uuid.UUID, state: State) -> None:
        with self.service.database.writing() as session:
            subscription = session.get_one(SignUp, sign_up).subscription
            subscription.state = state
            subscription.epoch += 1

    def state(self, sign_up: uuid.UUID) -> str:
        with self.service.database.reading() as session:
            return session.get_one(SignUp, sign_up).subscription.state

    def consents(self) -> list[Consent]:
        with self.service.database.reading() as session:
            return list(session.scalars(select(Consent).order_by(Consent.id)))

    def messages(self) -> list[Message]:
        with self.service.database.reading() as session:
            return list(session.scalars(select(Message).order_by(Message.created_at)))

    def to_be_sent(self) -> int:
        return sum(message.state == MessageState.WAITING for message in self.messages())

    def count(self, model: type) -> int:
        with self.service.database.reading() as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    def forget(self) -> int:
        return forgetting.tidy(self.service.database, self.service.settings, self.now)


@pytest.fixture
def desk(service: Service) -> Desk:
    return Desk(service)


def test_signing_up_leaves_a_pending_subscription_and_a_mail_to_be_sent(desk: Desk) -> None:
    sign_up = desk.sign_up()

    assert desk.state(sign_up) == State.PENDING
    assert [(m.kind, m.state) for m in desk.messages()] == [("confirmation", MessageState.WAITING)]
    assert desk.consents() == []


def test_a_subscription_speaks_the_language_it_was_confirmed_in_until_another_is_chosen(
    desk: Desk,
) -> None:
    sign_up = desk.sign_up(lang="fr")
    desk.confirm(sign_up)
    desk.now += timedelta(minutes=1)
    desk.sign_up(lang="ru")  # somebody asks again, in another
    with desk.service.database.reading() as session:
        subscription = session.get_one(SignUp, sign_up).subscription
        assert subscription.lang == "fr"
        assert newsletters.lang_of_subscription(session, subscription.id) == "fr"


def test_confirming_keeps_the_evidence(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.now += timedelta(minutes=5)

    assert desk.confirm(sign_up) is Answer.DONE

    (consent,) = desk.consents()
    assert (consent.site, consent.lang, consent.method) == ("lamp-keepers", "en", "link")
    assert (consent.asked_at, consent.given_at) == (NOW, NOW + timedelta(minutes=5))
    with desk.service.database.reading() as session:
        assert "weekly" in session.get_one(ConsentText, consent.consent_text_id).text


def test_confirming_twice_changes_nothing_more(desk: Desk) -> None:
    sign_up = desk.sign_up()
    epoch = desk.epoch(sign_up)
    desk.confirm(sign_up, epoch)

    assert desk.confirm(sign_up, epoch) is Answer.ALREADY
    assert len(desk.consents()) == 1


def test_a_link_from_before_leaving_confirms_nothing(desk: Desk) -> None:
    sign_up = desk.sign_up()
    epoch = desk.epoch(sign_up)
    desk.confirm(sign_up, epoch)
    desk.leave(sign_up)

    assert desk.confirm(sign_up, epoch) is Answer.LEFT
    assert desk.type_code(sign_up) is Answer.LEFT
    assert desk.state(sign_up) == State.UNSUBSCRIBED


def test_a_pending_subscription_can_be_left_too_and_its_links_are_void(desk: Desk) -> None:
    sign_up = desk.sign_up()
    epoch = desk.epoch(sign_up)
    desk.leave(sign_up)

    assert desk.confirm(sign_up, epoch) is Answer.LEFT


def test_whoever_left_stays_away_until_a_new_confirmation(desk: Desk) -> None:
    first = desk.sign_up()
    desk.confirm(first)
    desk.leave(first)
    desk.now += timedelta(days=2)

    again = desk.sign_up()
    assert desk.state(again) == State.UNSUBSCRIBED
    assert desk.confirm(again) is Answer.DONE
    assert desk.state(again) == State.CONFIRMED


def test_leaving_is_written_beside_the_consent(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.confirm(sign_up)
    desk.now += timedelta(days=9)
    desk.leave(sign_up)

    assert [consent.withdrawn_at for consent in desk.consents()] == [NOW + timedelta(days=9)]


def test_leaving_twice_and_from_nowhere_is_no_error(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.leave(sign_up)

    assert desk.leave(sign_up) is Answer.ALREADY
    with desk.service.database.writing() as session:
        assert newsletters.unsubscribe(session, uuid.uuid4(), NOW) is Answer.OVER


def test_the_code_confirms(desk: Desk) -> None:
    sign_up = desk.sign_up()

    assert desk.type_code(sign_up) is Answer.DONE
    assert [consent.method for consent in desk.consents()] == ["code"]


@pytest.mark.parametrize("written", ["{} ", " {}", "{0[0]} {0[1]}", "٠"])
def test_the_code_may_be_typed_with_spaces_and_in_other_digits(desk: Desk, written: str) -> None:
    sign_up = desk.sign_up()
    code = desk.service.links.code(sign_up)
    typed = {
        "{0[0]} {0[1]}": f"{code[:3]} {code[3:]}",
        "٠": "".join(chr(0x660 + int(digit)) for digit in code),
    }.get(written, written.format(code))

    assert desk.type_code(sign_up, typed) is Answer.DONE


def test_a_code_is_good_for_its_own_sign_up_only(desk: Desk) -> None:
    mine, other = desk.sign_up(), desk.sign_up("ben@example.org")

    assert desk.type_code(mine, desk.service.links.code(other)) is Answer.WRONG


def test_five_tries_and_then_only_a_new_code_helps(desk: Desk) -> None:
    sign_up = desk.sign_up()
    wrong = f"{(int(desk.service.links.code(sign_up)) + 1) % 1_000_000:06d}"

    answers = [desk.type_code(sign_up, wrong) for _ in range(5)]
    assert answers == [Answer.WRONG] * 4 + [Answer.EXHAUSTED]
    assert desk.type_code(sign_up) is Answer.EXHAUSTED  # even the right one
    fresh = desk.new_code(sign_up)
    assert desk.type_code(fresh) is Answer.DONE


def test_a_slip_costs_no_try(desk: Desk) -> None:
    sign_up = desk.sign_up()
    for slip in ("", "12345", "1234567", "abcdef", "\0"):
        assert desk.type_code(sign_up, slip) is Answer.WRONG

    assert desk.type_code(sign_up) is Answer.DONE


def test_a_code_ends_after_a_day(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.now += CODE_FOR + timedelta(seconds=1)

    assert desk.type_code(sign_up) is Answer.EXHAUSTED


def test_new_codes_are_limited_like_sign_ups(desk: Desk) -> None:
    sign_up = desk.sign_up()
    for _ in range(5):
        desk.new_code(sign_up)

    assert desk.to_be_sent() == LIMITS.per_mailbox


def test_a_new_code_for_nobody_leads_nowhere(desk: Desk) -> None:
    nowhere = desk.new_code(uuid.uuid4())

    assert desk.count(SignUp) == 0
    assert desk.type_code(nowhere, "123456") is Answer.WRONG


def test_a_code_that_was_never_mailed_confirms_nothing(desk: Desk) -> None:
    for _ in range(LIMITS.per_mailbox):
        desk.sign_up()
    unmailed = desk.sign_up()

    assert desk.type_code(unmailed) is Answer.WRONG


def test_a_mailbox_gets_three_mails_a_day_however_its_address_is_written(desk: Desk) -> None:
    ways = ["a.b@gmail.com", "ab@gmail.com", "AB+news@googlemail.com", "a.b+x@gmail.com"] * 3
    for way in ways:
        desk.sign_up(way)

    assert desk.to_be_sent() == 3
    desk.now += timedelta(hours=24, seconds=1)
    desk.sign_up("ab@gmail.com")
    assert desk.to_be_sent() == 4


def test_a_domain_gets_its_mails_at_its_pace_and_all_of_them(desk: Desk) -> None:
    for number in range(8):
        desk.sign_up(f"reader{number}@small.example.org")

    delays = [message.not_before - NOW for message in desk.messages()]
    assert sorted(delays) == [timedelta()] * 4 + [timedelta(hours=1)] * 4


def test_no_hour_has_more_mails_for_a_domain_however_long_it_goes_on(desk: Desk) -> None:
    for number in range(60):
        desk.now += timedelta(minutes=5)
        desk.sign_up(f"reader{number}@small.example.org")

    due = sorted(message.not_before for message in desk.messages())
    assert min(b - a for a, b in zip(due, due[LIMITS.per_domain :], strict=False)) >= timedelta(
        hours=1
    )


def test_who_would_wait_for_half_a_day_is_not_mailed(desk: Desk) -> None:
    for number in range(200):
        desk.sign_up(f"reader{number}@small.example.org")

    assert desk.to_be_sent() == LIMITS.per_domain * 13


def test_a_code_lives_for_a_day_from_when_it_was_sent(desk: Desk) -> None:
    sign_ups = [desk.sign_up(f"reader{number}@small.example.org") for number in range(5)]
    desk.now += timedelta(hours=24, minutes=30)

    assert desk.type_code(sign_ups[0]) is Answer.EXHAUSTED
    assert desk.type_code(sign_ups[4]) is Answer.DONE  # its turn came an hour later


def test_a_large_provider_has_no_pace(desk: Desk) -> None:
    for number in range(8):
        desk.sign_up(f"reader{number}@large.example")

    assert {message.not_before for message in desk.messages()} == {NOW}


def test_a_confirmed_reader_is_told_so_and_asked_nothing(desk: Desk) -> None:
    desk.confirm(desk.sign_up())
    again = desk.sign_up()

    assert sorted(message.kind for message in desk.messages()) == ["already", "confirmation"]
    assert desk.type_code(again) is Answer.WRONG  # there is no code in that mail
    assert desk.state(again) == State.CONFIRMED


def test_confirming_calls_back_what_else_was_on_its_way(desk: Desk) -> None:
    first, _second = desk.sign_up(), desk.sign_up()
    desk.confirm(first)

    assert desk.to_be_sent() == 0


def test_a_suppressed_address_is_not_stored_and_not_written_to(desk: Desk) -> None:
    desk.suppress()
    sign_up = desk.sign_up()

    assert desk.to_be_sent() == 0
    with desk.service.database.reading() as session:
        assert [one.address for one in session.scalars(select(Subscriber))] == [None]
    assert desk.type_code(sign_up) is Answer.WRONG


def test_suppressing_a_reader_leaves_nothing_but_a_hash(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.confirm(sign_up)
    desk.suppress()

    assert desk.confirm(sign_up, 0) is Answer.OVER
    everything = (Subscriber, Subscription, SignUp, Consent, Message)
    assert [desk.count(model) for model in everything] == [0] * 5
    with desk.service.database.reading() as session:
        (kept,) = session.scalars(select(Suppression))
    assert "anna" not in f"{vars(kept)}"


def test_leaving_voids_a_new_sign_up_too(desk: Desk) -> None:
    desk.leave(desk.sign_up())
    again = desk.sign_up()
    epoch = desk.epoch(again)
    with desk.service.database.reading() as session:
        subscription = session.get_one(SignUp, again).subscription_id
        assert newsletters.can_be_left(session, subscription)
    desk.leave(again)

    assert desk.confirm(again, epoch) is Answer.LEFT
    assert desk.type_code(again) is Answer.LEFT
    assert desk.to_be_sent() == 0
    with desk.service.database.reading() as session:
        assert not newsletters.can_be_left(session, subscription)


def test_who_left_without_ever_confirming_is_forgotten_too(desk: Desk) -> None:
    desk.leave(desk.sign_up())
    desk.now += timedelta(days=31)

    assert desk.forget() == 1
    assert desk.count(Subscriber) == 0


def test_who_confirmed_and_left_stays_on_record(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.confirm(sign_up)
    desk.leave(sign_up)
    desk.now += timedelta(days=400)

    assert desk.forget() == 0
    assert len(desk.consents()) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("strauss@example.org", "strauß@example.org"),
        ("sam@example.org", "ſam@example.org"),
        ("a@fass.de", "a@faß.de"),
        ("ann.a@example.org", "anna@example.org"),
    ],
)
def test_two_people_are_two_people(desk: Desk, one: str, other: str) -> None:
    desk.sign_up(one)
    desk.sign_up(other)

    assert desk.count(Subscriber) == 2


def test_a_suppression_waits_for_the_sign_up_that_is_under_way(desk: Desk) -> None:
    with desk.service.database.writing() as session:
        desk.sign_up_in(session, ANNA)
        suppressing = threading.Thread(target=desk.suppress)
        suppressing.start()
        suppressing.join(0.5)
        assert suppressing.is_alive()
    suppressing.join(10)

    assert desk.count(Subscriber) == 0


def test_forgetting_spares_whoever_signs_up_at_this_moment(desk: Desk) -> None:
    desk.sign_up()
    desk.now += timedelta(days=40)
    forgotten: list[int] = []
    forgetting = threading.Thread(target=lambda: forgotten.append(desk.forget()))
    with desk.service.database.writing() as session:
        desk.sign_up_in(session, ANNA)
        forgetting.start()
        forgetting.join(0.5)
        # SQLite has one writer, and forgetting its turn after; PostgreSQL passes over who is in use
        assert forgetting.is_alive() == desk.service.database.is_sqlite
    forgetting.join(10)

    assert forgotten == [0]
    assert desk.count(SignUp) == 2


@pytest.mark.parametrize("state", [State.COMPLAINED, State.ERASED])
def test_whoever_complained_or_was_erased_is_not_written_to(desk: Desk, state: State) -> None:
    desk.become(desk.sign_up(), state)
    before = desk.to_be_sent()
    desk.sign_up()

    assert desk.to_be_sent() == before


@contextmanager
def statements_of(service: Service) -> Iterator[list[str]]:
    """Every statement that is sent to the database meanwhile, without its values."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(service.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(service.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("is_told", [False, True], ids=["nobody is told", "a webhook is told"])
def test_signing_up_does_the_same_work_whatever_the_address_is(desk: Desk, is_told: bool) -> None:
    if is_told:
        with desk.service.database.writing() as session:
            settings, url = desk.service.settings, "https://crm.example/"
            webhooks.add(session, url, list(Event), settings, COMMAND_LINE, desk.now)
    confirmed, left = "confirmed@example.org", "left@example.org"
    desk.sign_up("pending@example.org")
    desk.confirm(desk.sign_up(confirmed))
    gone = desk.sign_up(left)
    desk.confirm(gone)
    desk.leave(gone)
    desk.suppress("suppressed@example.org")
    desk.sign_up("warm@example.org")  # what is compiled once is compiled now
    desk.now += timedelta(days=2)

    work = {}
    for address in ("new", "pending", "confirmed", "left", "suppressed"):
        with statements_of(desk.service) as seen:
            desk.sign_up(f"{address}@example.org")
        work[address] = seen
    assert work["new"]
    assert all(seen == work["new"] for seen in work.values())


def test_typing_a_wrong_code_does_the_same_work_whatever_the_address_is(desk: Desk) -> None:
    pending = desk.sign_up("pending@example.org")
    confirmed = desk.sign_up("confirmed@example.org")
    desk.confirm(confirmed)
    again = desk.sign_up("confirmed@example.org")
    desk.suppress("suppressed@example.org")
    suppressed = desk.sign_up("suppressed@example.org")
    desk.type_code(desk.sign_up("warm@example.org"), "000000")

    work = []
    for sign_up in (pending, again, suppressed):
        with statements_of(desk.service) as seen:
            desk.type_code(sign_up, "123456")
        work.append(seen)
    assert work[0]
    assert work[1] == work[0]
    assert work[2] == work[0]


def test_asking_for_a_new_code_does_the_same_work_whatever_the_address_is(desk: Desk) -> None:
    sign_ups = [desk.sign_up(f"{who}@example.org") for who in ("warm", "pending", "confirmed")]
    desk.confirm(sign_ups[2])
    desk.suppress("suppressed@example.org")
    sign_ups.append(desk.sign_up("suppressed@example.org"))
    desk.new_code(sign_ups[0])

    work = []
    for sign_up in sign_ups[1:]:
        with statements_of(desk.service) as seen:
            desk.new_code(sign_up)
        work.append(seen)
    assert work[0]
    assert work[1:] == [work[0]] * 2


def test_leaving_calls_back_what_was_still_to_be_confirmed(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.leave(sign_up)

    assert desk.to_be_sent() == 0


def test_who_never_confirms_is_forgotten_with_all_we_knew(desk: Desk) -> None:
    desk.sign_up()
    desk.now += timedelta(days=31)

    assert desk.forget() == 1
    assert [desk.count(model) for model in (Subscriber, Subscription, SignUp, Message)] == [0] * 4


def test_who_confirmed_or_asked_again_lately_is_not_forgotten(desk: Desk) -> None:
    desk.confirm(desk.sign_up("stays@example.org"))
    desk.sign_up("again@example.org")
    desk.now += timedelta(days=29)
    desk.sign_up("again@example.org")
    desk.now += timedelta(days=2)

    assert desk.forget() == 0
    assert desk.count(Subscriber) == 2


def test_what_could_lead_to_nothing_is_forgotten_sooner(desk: Desk) -> None:
    desk.suppress()
    desk.sign_up()
    desk.now += timedelta(days=31)
    desk.forget()

    assert desk.count(SignUp) == 0
    assert desk.count(Suppression) == 1


def test_the_export_tells_who_when_where_and_to_what_words(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.now += timedelta(minutes=1)
    desk.confirm(sign_up)
    desk.sign_up("ben@example.org")
    with desk.service.database.reading() as session:
        words = newsletters.form(session, "weekly").consent_text
        rows = list(records.exported(session, "weekly", State.CONFIRMED))
        everybody = list(records.exported(session, "weekly", None))

    assert rows == [
        {
            "address": ANNA,
            "state": "confirmed",
            "since": "2026-03-02T12:01:00+00:00",
            "site": "lamp-keepers",
            "lang": "en",
            "consent": words,
            "asked_at": "2026-03-02T12:00:00+00:00",
            "confirmed_at": "2026-03-02T12:01:00+00:00",
            "method": "link",
        }
    ]
    assert [row["state"] for row in everybody] == ["confirmed", "pending"]


def test_the_export_leaves_out_who_was_erased(desk: Desk) -> None:
    desk.sign_up()
    desk.suppress()
    with desk.service.database.reading() as session:
        assert list(records.exported(session, "weekly", None)) == []


def test_the_form_shows_the_newest_wording_and_evidence_points_at_the_one_agreed_to(
    desk: Desk,
) -> None:
    sign_up = desk.sign_up()
    with desk.service.database.writing() as session:
        old = newsletters.form(session, "weekly")
        session.add(_reworded(session, old.consent_text_id))
    desk.confirm(sign_up)

    with desk.service.database.reading() as session:
        assert newsletters.form(session, "weekly").consent_text == "New words."
        agreed = desk.consents()[0].consent_text_id
        assert session.get_one(ConsentText, agreed).text == old.consent_text


def test_a_newsletter_that_is_not_there_is_named(service: Service) -> None:
    with (
        service.database.reading() as session,
        pytest.raises(newsletters.NoSuchNewsletter, match="monthly"),
    ):
        newsletters.form(session, "monthly")


def test_a_mailbox_is_counted_across_newsletters_and_sites(desk: Desk) -> None:
    for site in ("one", "two", "three", "four", None):
        desk.sign_up(site=site)

    assert desk.to_be_sent() == 3


def _reworded(session: Session, consent_text_id: int) -> ConsentText:
    old = session.get_one(ConsentText, consent_text_id)
    return ConsentText(
        newsletter_id=old.newsletter_id, lang=old.lang, text="New words.", created_at=NOW
    )


def test_the_limits_of_a_mailbox_can_be_set(service: Service) -> None:
    limits = replace(LIMITS, per_mailbox=1)
    for _ in range(3):
        with service.database.writing() as session:
            shown = newsletters.form(session, "weekly")
            newsletters.sign_up(
                session,
                service.hasher,
                limits,
                Address("anna", "example.org"),
                consent_text_id=shown.consent_text_id,
                site=None,
                lang="en",
                now=NOW,
            )
    with service.database.reading() as session:
        sent = select(func.count()).where(Message.state == MessageState.WAITING)
        assert session.scalar(sent) == 1
