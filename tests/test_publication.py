"""How a statement stands: each step is taken once, for a reason, by somebody."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.samples import picture_bytes
from widgets import images, publication, statements
from widgets.audit import Actor
from widgets.models import AuditEntry, Image, Standing, Statement, Translation
from widgets.models.fact import content_version
from widgets.publication import BadNotices, CannotBe, Overtaken, Unready
from widgets.service import Service
from widgets.statements import NoSuchStatement, Withdrawn

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANNA = Actor("Anna", 1)
Write = Callable[..., int]


@pytest.fixture
def write(service: Service) -> Write:
    """Writes a statement as a draft, with translations by their language; its id."""

    def made(slug: str = "river-gate", *, translations: tuple[str, ...] = (), **fields: Any) -> int:
        values = {
            "lang": "en",
            "title": "Reopen the reading room",
            "published_on": date(2026, 3, 1),
            "topics": [],
            "countries": [],
            "body": "On Monday it was locked.",
            "standing": Standing.DRAFT,
            "updated_at": NOW - timedelta(days=1),
        }
        with service.database.writing() as session:
            statement = Statement(slug=slug, **{**values, **fields})
            session.add(statement)
            session.flush()
            session.add_all(
                Translation(
                    statement_id=statement.id,
                    lang=lang,
                    title=f"In {lang}",
                    body="Text.",
                    topics=[],
                    updated_at=NOW - timedelta(days=1),
                )
                for lang in translations
            )
            return statement.id

    return made


def picture(service: Service) -> int:
    stored = images.store(service.settings.instance_path, picture_bytes())
    with service.database.writing() as session:
        row = Image(
            digest=stored.digest, width=stored.width, height=stored.height, widths=stored.widths
        )
        session.add(row)
        session.flush()
        return row.id


def at(service: Service, number: int) -> Statement:
    with service.database.reading() as session:
        return publication.get(session, number)


def actions(service: Service) -> list[str]:
    with service.database.reading() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    return [f"{row.actor} {row.action} {row.kind} {row.title}" for row in rows]


def do(service: Service, step: Callable[..., Any], *values: Any, **more: Any) -> Any:
    with service.database.writing() as session:
        return step(session, *values, **more)


def publish(service: Service, number: int, **more: Any) -> bool:
    return bool(do(service, publication.publish, number, ANNA, NOW, **more))


def version(service: Service) -> int:
    with service.database.reading() as session:
        return content_version(session)


def test_a_draft_is_published_and_readers_see_it(service: Service, write: Write) -> None:
    number, before = write(), version(service)

    assert publish(service, number)

    statement = at(service, number)
    assert (statement.standing, statement.updated_at) == (Standing.PUBLISHED, NOW)
    assert version(service) == before + 1
    with service.database.reading() as session:
        assert statements.standing(session, "river-gate").title == "Reopen the reading room"
    assert actions(service) == ["Anna published statement Reopen the reading room"]


def test_publishing_twice_is_publishing_once(service: Service, write: Write) -> None:
    number = write()
    assert publish(service, number)
    after = version(service)

    assert not publish(service, number)
    assert version(service) == after
    assert len(actions(service)) == 1


def test_of_two_editors_who_publish_at_once_one_does(service: Service, write: Write) -> None:
    number = write()
    seen = publication.state(at(service, number))
    done: list[bool] = []
    start = threading.Barrier(6)

    def press() -> None:
        start.wait()
        done.append(publish(service, number, seen=seen))

    editors = [threading.Thread(target=press) for _ in range(6)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()

    assert sorted(done) == [False] * 5 + [True]
    assert len(actions(service)) == 1


def test_what_is_missing_is_named_and_nothing_is_published(service: Service, write: Write) -> None:
    number = write(
        title=" ", body="\n", translations=("fr",), image_id=picture(service), image_alt=" "
    )
    with service.database.writing() as session:
        session.scalars(select(Translation)).one().body = ""

    with pytest.raises(Unready) as unready:
        publish(service, number)

    assert unready.value.reasons == [
        "It needs a headline.",
        "It needs a text.",
        "Its picture needs an alternative text, for readers who can’t see it: one sentence that "
        "says what it shows.",
        "Its translation into Français needs a text.",
    ]
    assert at(service, number).standing == Standing.DRAFT


def test_doubts_are_told_and_are_not_in_the_way(service: Service, write: Write) -> None:
    number = write(
        body="A <b>bold</b> word.",
        published_on=date(2026, 3, 9),
        translations=("fr",),
        image_id=picture(service),
        image_alt="A gate",
    )

    assert publication.doubts(at(service, number), NOW.date()) == [
        "It carries a day that is still to come, and stands before all others.",
        "English, line 1: HTML is shown as text, not obeyed.",
        "Its picture’s alternative text is not there in Français.",
    ]
    assert publish(service, number)


def test_what_was_changed_since_the_editor_looked_is_not_published(
    service: Service, write: Write
) -> None:
    number = write(translations=("fr",))
    seen = publication.state(at(service, number))
    with service.database.writing() as session:
        session.scalars(select(Translation)).one().body = "Autre chose."

    with pytest.raises(Overtaken):
        publish(service, number, seen=seen)

    assert at(service, number).standing == Standing.DRAFT
    assert publish(service, number, seen=publication.state(at(service, number)))


def test_there_must_be_a_statement(service: Service) -> None:
    for step in (publication.publish, publication.unschedule, publication.gather):
        with pytest.raises(NoSuchStatement):
            do(service, step, 99, ANNA, NOW)


def test_a_draft_gathers_and_is_a_draft_again(service: Service, write: Write) -> None:
    number, before = write(), version(service)

    assert do(service, publication.gather, number, ANNA, NOW)
    assert not do(service, publication.gather, number, ANNA, NOW)
    assert at(service, number).standing == Standing.GATHERING
    assert do(service, publication.stop_gathering, number, ANNA, NOW)
    assert at(service, number).standing == Standing.DRAFT
    assert version(service) == before  # readers see nothing of it
    publish(service, number)
    for step in (publication.gather, publication.stop_gathering):
        with pytest.raises(CannotBe):
            do(service, step, number, ANNA, NOW)


def test_it_is_published_by_itself_at_its_moment_and_not_before(
    service: Service, write: Write
) -> None:
    number, moment = write(), NOW + timedelta(hours=3)
    do(service, publication.schedule, number, moment, ANNA, NOW, day=date(2026, 3, 3))

    assert publication.publish_due(service.database, moment - timedelta(seconds=1)) == 0
    assert at(service, number).standing == Standing.DRAFT
    assert publication.publish_due(service.database, moment) == 1

    statement = at(service, number)
    assert (statement.standing, statement.publish_at) == (Standing.PUBLISHED, None)
    assert (statement.published_on, statement.updated_at) == (date(2026, 3, 3), moment)
    assert actions(service) == [
        "Anna scheduled statement Reopen the reading room",
        "the schedule published statement Reopen the reading room",
    ]
    assert publication.publish_due(service.database, moment) == 0


def test_many_workers_publish_what_is_due_once(service: Service, write: Write) -> None:
    for number in range(4):
        made = write(f"due-{number}")
        do(service, publication.schedule, made, NOW + timedelta(hours=1), ANNA, NOW)
    published: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        published.append(publication.publish_due(service.database, NOW + timedelta(hours=2)))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(published) == 4
    assert len([one for one in actions(service) if one.startswith("the schedule")]) == 4


def test_a_schedule_can_be_taken_back(service: Service, write: Write) -> None:
    number = write()
    do(service, publication.schedule, number, NOW + timedelta(hours=1), ANNA, NOW)

    assert do(service, publication.unschedule, number, ANNA, NOW)
    assert not do(service, publication.unschedule, number, ANNA, NOW)
    assert publication.publish_due(service.database, NOW + timedelta(days=1)) == 0


def test_what_has_lost_its_text_is_not_published_and_it_is_told_why(
    service: Service, write: Write
) -> None:
    number, moment = write(), NOW + timedelta(hours=1)
    do(service, publication.schedule, number, moment, ANNA, NOW)
    with service.database.writing() as session:
        session.get_one(Statement, number).body = ""

    assert publication.publish_due(service.database, moment) == 0

    statement = at(service, number)
    assert (statement.standing, statement.publish_at) == (Standing.DRAFT, None)
    with service.database.reading() as session:
        failed = publication.failed(session, number)
    assert failed
    assert failed.details == {"at": "2026-03-02T10:00+00:00", "why": "It needs a text."}
    with service.database.writing() as session:
        session.get_one(Statement, number).body = "Text."
    publish(service, number)
    with service.database.reading() as session:
        assert publication.failed(session, number) is None


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        (timedelta(0), "That moment is over. Choose a later one, or publish it now."),
        (timedelta(days=800), "That is more than two years ahead. Choose an earlier day."),
    ],
)
def test_a_moment_that_is_over_or_far_off_is_refused(
    service: Service, write: Write, ahead: timedelta, reason: str
) -> None:
    number = write()

    with pytest.raises(CannotBe, match=reason):
        do(service, publication.schedule, number, NOW + ahead, ANNA, NOW)
    assert at(service, number).publish_at is None


def test_what_was_published_by_a_file_meanwhile_is_left_alone(
    service: Service, write: Write
) -> None:
    number, moment = write(), NOW + timedelta(hours=1)
    do(service, publication.schedule, number, moment, ANNA, NOW)
    with service.database.writing() as session:
        session.get_one(Statement, number).standing = Standing.WITHDRAWN

    assert publication.publish_due(service.database, moment) == 0
    assert at(service, number).standing == Standing.WITHDRAWN
    assert at(service, number).publish_at is None


def notice(service: Service, lang: str = "") -> tuple[str, str] | None:
    with service.database.reading() as session:
        found = statements.standing(session, "river-gate", lang).correction
    return (found.lang, found.text) if found else None


def correct(service: Service, number: int, day: date = date(2026, 3, 2), **notices: str) -> bool:
    return bool(do(service, publication.correct, number, notices, day, ANNA, NOW))


def test_a_correction_is_told_in_each_language_or_in_the_originals(
    service: Service, write: Write
) -> None:
    number = write(translations=("ar", "fr"))
    publish(service, number)

    assert correct(service, number, en=" It was \u202eMonday. ", fr="C’était lundi.", de="?")

    assert notice(service) == ("en", "It was Monday.")
    assert notice(service, "fr") == ("fr", "C’était lundi.")
    assert notice(service, "ar") == ("en", "It was Monday.")
    assert not correct(service, number, en="It was Monday.", fr="C’était lundi.")
    assert actions(service)[1:] == ["Anna noted a correction of statement Reopen the reading room"]


def test_only_the_translation_that_was_wrong_says_so(service: Service, write: Write) -> None:
    number = write(translations=("ar", "fr"))
    publish(service, number)

    correct(service, number, fr="C’était lundi.")

    assert notice(service, "fr") == ("fr", "C’était lundi.")
    assert notice(service, "ar") is notice(service) is None


def test_a_correction_is_changed_and_taken_away(service: Service, write: Write) -> None:
    number = write()
    publish(service, number)
    correct(service, number, en="It was Monday.")

    assert correct(service, number, en="It was Tuesday.")
    assert notice(service) == ("en", "It was Tuesday.")
    assert do(service, publication.uncorrect, number, ANNA, NOW)
    assert not do(service, publication.uncorrect, number, ANNA, NOW)
    assert notice(service) is None
    assert at(service, number).corrected_on is None


def test_bad_corrections_are_refused(service: Service, write: Write) -> None:
    number = write(translations=("fr",))
    with pytest.raises(CannotBe, match="Only what is public"):
        correct(service, number, en="It was Monday.")
    publish(service, number)

    with pytest.raises(BadNotices) as bad:
        correct(service, number, en="x" * 5_000_000, fr=" \u202e")
    assert bad.value.problems == {
        "en": "This has 5,000,000 characters; a notice has room for 500. Say the rest in the text."
    }
    with pytest.raises(BadNotices, match="Write what was corrected"):
        correct(service, number, en=" \u202e")
    with pytest.raises(BadNotices, match="nothing to read"):
        correct(service, number, en="\u200b")
    with pytest.raises(CannotBe, match="in the future"):
        correct(service, number, day=date(2026, 3, 9), en="It was Monday.")
    assert at(service, number).corrected_on is None


def withdraw(service: Service, number: int, with_picture: bool = True, **why: str) -> list[str]:
    found = do(service, publication.withdraw, number, why, ANNA, NOW, with_picture=with_picture)
    return list(found)


def test_what_is_withdrawn_says_why_and_comes_back_without_it(
    service: Service, write: Write
) -> None:
    number = write(translations=("fr",))
    publish(service, number)

    withdraw(service, number, en="It named somebody.")

    with service.database.reading() as session, pytest.raises(Withdrawn) as withdrawn:
        statements.standing(session, "river-gate", "fr")
    reason = withdrawn.value.statement.withdrawal
    assert reason
    assert (reason.text, reason.lang, reason.on) == ("It named somebody.", "en", NOW.date())
    withdraw(service, number, en="It named somebody.", fr="Quelqu’un était nommé.")
    assert publish(service, number)
    statement = at(service, number)
    assert (statement.withdrawn_on, statement.withdrawal) == (None, None)
    assert [one.withdrawal for one in statement.translations] == [None]
    assert [one.partition(" statement")[0] for one in actions(service)] == [
        "Anna published",
        "Anna withdrew",
        "Anna changed the reason for withdrawing",
        "Anna published",
    ]


def test_withdrawing_twice_is_withdrawing_once(service: Service, write: Write) -> None:
    number = write()
    publish(service, number)
    withdraw(service, number)
    withdraw(service, number)

    assert len(actions(service)) == 2


def test_what_was_never_public_is_not_withdrawn(service: Service, write: Write) -> None:
    for standing in (Standing.DRAFT, Standing.GATHERING):
        number = write(standing, standing=standing)
        with pytest.raises(CannotBe, match="nothing to withdraw"):
            withdraw(service, number)
        assert at(service, number).standing == standing


def test_a_reason_in_another_language_alone_is_refused(service: Service, write: Write) -> None:
    number = write(translations=("fr",))
    publish(service, number)

    with pytest.raises(BadNotices) as bad:
        withdraw(service, number, fr="Quelqu’un était nommé.")
    assert list(bad.value.problems) == ["en"]
    assert at(service, number).standing == Standing.PUBLISHED


def test_with_the_statement_its_picture_goes_unless_another_shows_it(
    service: Service, write: Write
) -> None:
    image = picture(service)
    first = write("first", image_id=image, image_alt="A gate")
    second = write("second", image_id=image, image_alt="A gate")
    for number in (first, second):
        publish(service, number)

    assert withdraw(service, first) == []
    assert at(service, first).image is None
    assert at(service, second).image
    assert withdraw(service, second, with_picture=False) == []
    (digest,) = withdraw(service, second)
    assert len(digest) == 32
    with service.database.reading() as session:
        assert session.scalars(select(Image)).all() == []


def test_its_date_is_given_before_it_is_public(service: Service, write: Write) -> None:
    number = write()
    do(service, publication.date_it, number, date(2026, 3, 2), ANNA, NOW)
    assert at(service, number).published_on == date(2026, 3, 2)
    publish(service, number)

    with pytest.raises(CannotBe):
        do(service, publication.date_it, number, date(2026, 3, 3), ANNA, NOW)
