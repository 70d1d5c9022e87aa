"""Subscribers from elsewhere: what of a table is taken, and that it is taken once."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from tests.test_newsletters import Desk
from widgets import editors, jobs, newsletter_texts, records, subscriber_imports, webhooks, work
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import (
    AuditEntry,
    Consent,
    Job,
    JobState,
    Message,
    Role,
    State,
    Subscription,
    WebhookCall,
)
from widgets.service import Service
from widgets.subscriber_imports import BadTable, Defaults, Fate, Reading
from widgets.webhooks import Event

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEFAULTS = Defaults("The old website", "on paper", "en")
HEAD = "address,consented_at"


@pytest.fixture
def desk(service: Service) -> Desk:
    return Desk(service)


def read(service: Service, table: str, defaults: Defaults = DEFAULTS) -> Reading:
    return subscriber_imports.read(table, defaults, service.hasher, NOW, allow_test_domains=True)


def start(service: Service, table: str) -> uuid.UUID:
    with service.database.writing() as session:
        listed = editors.listed(session)
        editor = (
            listed[0]
            if listed
            else editors.add(
                session, parse("anna@example.org"), "Anna", Role.ADMINISTRATOR, COMMAND_LINE, NOW
            )
        )
        return jobs.start(
            session,
            editor,
            subscriber_imports.KIND,
            NOW,
            params={
                "newsletter": "weekly",
                "name": "the weekly update",
                "source": DEFAULTS.source,
                "consent": DEFAULTS.consent,
                "lang": DEFAULTS.lang,
                "asked_at": NOW.isoformat(),
            },
            data=table.encode(),
        )


def rows(many: int) -> str:
    return "\n".join([HEAD, *(f"reader{one}@example.org,2025-03-31" for one in range(many))])


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2025-03-31", datetime(2025, 3, 31, tzinfo=UTC)),
        ("2025-03-31T14:05:09+02:00", datetime(2025, 3, 31, 12, 5, 9, tzinfo=UTC)),
        ("2025-03-31 14:05", datetime(2025, 3, 31, 14, 5, tzinfo=UTC)),
        ("2025-03-31 14:05:00 UTC", datetime(2025, 3, 31, 14, 5, tzinfo=UTC)),
        ("2026-03-03", NOW),  # today, where the day begins earlier
    ],
)
def test_a_day_or_a_moment_is_read(service: Service, written: str, moment: datetime) -> None:
    (one,) = read(service, f"{HEAD}\na@example.org,{written}").candidates

    assert one.consented_at == moment


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a@example.org,31.3.2025,,", "the day of the consent can’t be read; write it like"),
        ("a@example.org,,,", "no day of the consent"),
        ("a@example.org,2026-03-04,,", "the day of the consent lies in the future"),
        ("a@example.org,1970-01-01,,", "the day of the consent lies before 1990"),
        ("a@example.org,9999-12-31T23:59:59-23:00,,", "the day of the consent"),
        (",2025-03-31,,", "no e-mail address"),
        ("a b@example.org,2025-03-31,,", "not one e-mail address"),
        ("a@example.org,2025-03-31,qq,", "the language is not a tag like en, ar or pt-BR"),
        ("a@example.org,2025-03-31,en,Lamp Keepers", "the site is the short name of a member"),
        ("a@example.org,2025-03-31,en,ink,and paper", "more values than columns"),
    ],
)
def test_a_bad_row_is_told_by_its_line_and_never_by_its_address(
    service: Service, row: str, reason: str
) -> None:
    found = read(service, f"{HEAD},lang,site\n{row}\nb@example.org,2025-03-31,,\n")

    ((line, told),) = found.bad
    assert line == 2
    assert told.startswith(reason)
    assert "@" not in told
    assert [one.address for one in found.candidates] == ["b@example.org"]


def test_what_a_row_says_itself_goes_before_what_holds_for_all(service: Service) -> None:
    found = read(
        service,
        "E-mail address;Date;Evidence;List;Language;Site\n"
        "a@example.org;2025-03-31;by telephone;Fair;PT-br;lamp-keepers\n",
    )

    (one,) = found.candidates
    assert (one.evidence, one.lang, one.site) == ("Fair: by telephone", "pt-BR", "lamp-keepers")


def test_our_own_export_can_be_taken_in_again(service: Service, desk: Desk) -> None:
    desk.confirm(desk.sign_up("=odd@example.org"))
    desk.now += timedelta(minutes=1)
    desk.sign_up("bela@example.org")
    with service.database.reading() as session:
        table = "".join(records.export(session, "weekly", None, "csv"))

    found = read(service, table)

    assert [one.address for one in found.candidates] == ["=odd@example.org"]
    assert found.bad == [(3, "the column “state” says something else than confirmed")]
    assert found.candidates[0].site == "lamp-keepers"


def test_a_table_of_too_many_rows_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_imports, "MOST", 3)
    assert len(read(service, rows(3)).candidates) == 3
    with pytest.raises(BadTable, match="more than 3 rows"):
        read(service, rows(4))


@pytest.mark.parametrize(
    ("state", "fate"),
    [
        (State.PENDING, Fate.NEW),
        (State.CONFIRMED, Fate.ALREADY),
        (State.UNSUBSCRIBED, Fate.LEFT),
        (State.BOUNCED, Fate.LEFT),
        (State.COMPLAINED, Fate.LEFT),
        (State.ERASED, Fate.LEFT),
    ],
)
def test_who_has_left_is_never_brought_back(
    service: Service, desk: Desk, state: State, fate: Fate
) -> None:
    sign_up = desk.sign_up("reader0@example.org")
    if state != State.PENDING:
        desk.become(sign_up, state)
    with service.database.reading() as session:
        newsletter = newsletter_texts.get(session, "weekly")
        found = subscriber_imports.preview(session, newsletter, read(service, rows(1)))
    assert dict(found.fates) == {fate: 1}

    start(service, rows(1))
    assert work.do_one(service, "here:1")

    assert desk.state(sign_up) == (State.CONFIRMED if fate is Fate.NEW else state)


def test_a_suppressed_address_is_not_taken_in(service: Service, desk: Desk) -> None:
    desk.suppress("reader0@example.org")
    job = start(service, rows(2))
    work.do_one(service, "here:1")

    with service.database.reading() as session:
        assert session.scalars(select(Subscription.state)).all() == [State.CONFIRMED]
        done = session.get_one(Job, job)
    assert done.outcome["text"] == (
        "1 person subscribes from now on. 1 stayed as they were. Nobody was written to."
    )


def test_other_programs_are_told_of_who_was_taken_in_and_of_nobody_else(
    service: Service, desk: Desk
) -> None:
    desk.sign_up("reader1@example.org")  # known, and has not confirmed
    with service.database.writing() as session:
        webhooks.add(
            session, "https://crm.example/", [Event.CONFIRMED], service.settings, COMMAND_LINE, NOW
        )
    for _ in range(2):
        start(service, rows(3))
        work.do_one(service, "here:1")

    with service.database.reading() as session:
        told = [call.payload["data"] for call in session.scalars(select(WebhookCall))]
    addresses = sorted(one["address"] for one in told)
    assert addresses == [f"reader{one}@example.org" for one in range(3)]
    assert {(one["method"], one["lang"], one["newsletter"]) for one in told} == {
        ("import", "en", "weekly")
    }


def test_a_confirmation_that_is_on_its_way_is_not_sent_to_who_was_imported(desk: Desk) -> None:
    desk.sign_up("reader0@example.org")
    assert desk.to_be_sent() == 1
    start(desk.service, rows(1))
    work.do_one(desk.service, "here:1")

    assert desk.to_be_sent() == 0


def test_a_worker_that_takes_over_goes_on_and_counts_all(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_imports, "AT_ONCE", 2)
    job = start(service, rows(7))
    taken: list[int] = []
    take_in = subscriber_imports._take_in

    class Killed(BaseException):
        """As if the process had ended."""

    def die_in_the_third(*args: object) -> int:
        taken.append(1)
        if len(taken) == 3:
            raise Killed
        return take_in(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(subscriber_imports, "_take_in", die_in_the_third)
    with pytest.raises(Killed):
        work.do_one(service, "here:1")
    monkeypatch.setattr(subscriber_imports, "_take_in", take_in)
    with service.database.writing() as session:
        assert session.get_one(Job, job).done == 5  # the line of the fourth
        session.execute(update(Job).values(leased_until=NOW - timedelta(hours=1)))

    assert work.do_one(service, "here:2")

    with service.database.reading() as session:
        done = session.get_one(Job, job)
        assert session.scalar(select(func.count()).select_from(Consent)) == 7
        entries = session.scalars(select(AuditEntry).where(AuditEntry.kind == "newsletter")).all()
        assert session.scalars(select(Message)).all() == []
    assert done.state == JobState.DONE
    assert done.outcome["text"].startswith("7 people subscribe from now on.")
    assert [(one.action, one.details) for one in entries] == [
        ("imported subscribers of", {"list": "The old website", "imported": 7})
    ]


def test_importing_again_changes_nothing(service: Service) -> None:
    start(service, rows(3))
    work.do_one(service, "here:1")
    with service.database.reading() as session:
        before = session.execute(select(Consent.id, Consent.given_at)).all()
    start(service, rows(3))
    work.do_one(service, "here:1")

    with service.database.reading() as session:
        assert session.execute(select(Consent.id, Consent.given_at)).all() == before
