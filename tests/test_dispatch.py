"""Issues of newsletters, from what is published to what waits in the outbox."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.samples import published, scheduled, subscribed
from widgets import digests, dispatch, editions, letters, newsletters, outbox, rhythms
from widgets.audit import Actor
from widgets.models import (
    AuditEntry,
    Digest,
    DigestEdition,
    DigestState,
    Editor,
    Message,
    MessageState,
    Newsletter,
    Role,
    Standing,
    Statement,
    Subscription,
)
from widgets.service import Service

DUE = datetime(2026, 11, 26, 8, tzinfo=UTC)  # a Thursday, nine in Oslo
BEFORE = DUE - timedelta(days=2)
ANNA = Actor("Anna")


def tick(service: Service, now: datetime) -> None:
    """What the worker does until there is nothing to do."""
    while dispatch.run_once(service.database, now):
        pass


def waiting(service: Service) -> list[str]:
    """The subjects of what waits for subscribers."""
    with service.database.reading() as session:
        ids = session.scalars(
            select(Message.id)
            .where(Message.kind == "issue", Message.state == MessageState.WAITING)
            .order_by(Message.id)
        ).all()
        mails = [letters.compose(service, session, one) for one in ids]
    return sorted(str(mail["Subject"]) for mail in mails if mail)


def the_digest(service: Service) -> Digest:
    """The first issue."""
    with service.database.reading() as session:
        return session.scalars(select(Digest).order_by(Digest.created_at)).first()  # type: ignore[return-value]


def newsletter(service: Service) -> Newsletter:
    with service.database.reading() as session:
        return session.scalars(select(Newsletter)).one()


def prepared(service: Service, now: datetime = BEFORE) -> uuid.UUID:
    with service.database.writing() as session:
        of = session.scalars(select(Newsletter)).one()
        return digests.prepare(session, of, "weekly", now).id


def comes_weekly(service: Service, **more: bool) -> None:
    """A weekly newsletter, whose next issue the worker has prepared."""
    scheduled(service, **more)
    prepared(service)


def approved(service: Service, digest_id: uuid.UUID, now: datetime = BEFORE) -> None:
    with service.database.writing() as session:
        seen = digests.fingerprint(session, digests.get(session, digest_id), now)
        digests.approve(session, digest_id, seen, ANNA, now)


def test_an_issue_brings_what_is_new_to_everybody_when_it_is_due(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, *(f"{n}@example.org" for n in range(3)))
    published(service, at=BEFORE)
    tick(service, DUE - timedelta(seconds=1))
    assert waiting(service) == []
    tick(service, DUE)
    assert waiting(service) == ["Reopen the reading room"] * 3
    digest = the_digest(service)
    assert (digest.number, digest.state, digest.total) == (1, DigestState.SENDING, 3)


def test_nothing_new_nothing_sent(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    tick(service, DUE)
    digest = the_digest(service)
    assert (digest.state, digest.due_at) == (DigestState.DRAFT, DUE + timedelta(days=7))
    assert waiting(service) == []


def test_what_was_in_one_issue_is_not_in_the_next(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, at=BEFORE)
    tick(service, DUE)
    published(service, "second", at=DUE + timedelta(hours=1), title="The second")
    tick(service, DUE + timedelta(days=7))
    assert waiting(service) == ["Reopen the reading room", "The second"]


def test_an_old_statement_is_no_news(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, at=DUE - timedelta(days=22))
    tick(service, DUE)
    assert waiting(service) == []


def test_an_issue_waits_for_an_editor_who_is_told_once(service: Service) -> None:
    comes_weekly(service)
    subscribed(service, "a@example.org")
    published(service, at=BEFORE)
    with service.database.writing() as session:
        session.add(Editor(address="e@example.org", name="E", role=Role.EDITOR, created_at=BEFORE))
    tick(service, DUE)
    tick(service, DUE + timedelta(hours=1))
    assert waiting(service) == []
    with service.database.reading() as session:
        told = session.scalars(select(Message).where(Message.kind == "issue-waits")).one()
        mail = letters.compose(service, session, told.id)
    assert mail
    assert mail["To"] == "e@example.org"
    assert "Reopen the reading room" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    approved(service, the_digest(service).id, DUE + timedelta(hours=2))
    tick(service, DUE + timedelta(hours=2))
    assert waiting(service) == ["Reopen the reading room"]


def test_an_approved_issue_has_what_was_seen(service: Service) -> None:
    comes_weekly(service)
    subscribed(service, "a@example.org")
    first = published(service, at=BEFORE)
    digest_id = prepared(service)
    approved(service, digest_id)
    published(service, "later", at=BEFORE + timedelta(hours=1), title="Later")
    with service.database.reading() as session:
        digest = digests.get(session, digest_id)
        assert digests.contents(session, digest, DUE) == [first]
        assert digests.published_since(session, digest, DUE) == 1
    tick(service, DUE)
    assert waiting(service) == ["Reopen the reading room"]


def test_what_nobody_looked_at_is_not_approved(service: Service) -> None:
    published(service, at=BEFORE)
    digest_id = prepared(service)
    with service.database.reading() as session:
        seen = digests.fingerprint(session, digests.get(session, digest_id), BEFORE)
    published(service, "later", at=BEFORE, title="Later")
    with pytest.raises(digests.Overtaken), service.database.writing() as session:
        digests.approve(session, digest_id, seen, ANNA, BEFORE)


def test_an_issue_speaks_the_language_of_each_reader(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    published(service, at=BEFORE, translations={"fr": "Rouvrez la salle"})
    for lang in ("fr", "de", "ar", "en"):
        subscribed(service, f"{lang}@example.org", lang=lang)
    tick(service, DUE)
    assert Counter(waiting(service)) == {"Reopen the reading room": 3, "Rouvrez la salle": 1}


def test_readers_get_what_they_wish_to_read_of(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    published(service, "a", at=BEFORE, title="Of rivers", topics=["Rivers"], countries=["NO"])
    published(service, "b", at=BEFORE, title="Of gates", topics=["Gates"], countries=["CL"])
    subscribed(service, "rivers@example.org", topics=["rivers"])
    subscribed(service, "chile@example.org", countries=["CL"])
    subscribed(service, "neither@example.org", topics=["Roads"])
    subscribed(service, "both@example.org")
    tick(service, DUE)
    assert waiting(service) == [
        "Of gates", "Of gates, and 1 more statement", "Of rivers",
    ]  # fmt: skip


def test_what_is_edited_while_it_is_sent_arrives_as_it_was(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org", "b@example.org")
    number = published(service, at=BEFORE)
    tick(service, DUE)
    with service.database.writing() as session:
        session.get_one(Statement, number).title = "Another headline"
    assert waiting(service) == ["Reopen the reading room"] * 2


def test_what_is_withdrawn_while_it_is_sent_goes_no_further(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, "a", at=BEFORE - timedelta(hours=1), title="It stands")
    number = published(service, "b", at=BEFORE, title="It falls")
    tick(service, DUE)
    with service.database.writing() as session:
        session.get_one(Statement, number).standing = Standing.WITHDRAWN
    assert waiting(service) == ["It stands"]


def test_who_leaves_while_it_is_sent_does_not_get_it(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    gone, _ = subscribed(service, "a@example.org", "b@example.org")
    published(service, at=BEFORE)
    tick(service, DUE)
    with service.database.writing() as session:
        newsletters.unsubscribe(session, gone, DUE)
    assert len(waiting(service)) == 1


def test_who_confirms_after_it_began_gets_the_next(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, at=BEFORE)
    dispatch.begin_due(service.database, DUE)
    subscribed(service, "late@example.org", at=DUE + timedelta(seconds=1))
    tick(service, DUE + timedelta(seconds=2))
    assert len(waiting(service)) == 1


def test_an_issue_that_is_stopped_goes_on_where_it_was(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "STEP", 2)
    comes_weekly(service, by_itself=True)
    everybody = subscribed(service, *(f"{n}@example.org" for n in range(5)))
    published(service, at=BEFORE)
    dispatch.begin_due(service.database, DUE)
    digest_id = the_digest(service).id
    dispatch.expand(service.database, digest_id, DUE)
    with service.database.writing() as session:
        assert digests.stop(session, digest_id, ANNA, DUE)
    assert not dispatch.expand(service.database, digest_id, DUE)
    assert len(waiting(service)) == 2
    with service.database.writing() as session:
        assert digests.resume(session, digest_id, ANNA, DUE)
    tick(service, DUE)
    with service.database.reading() as session:
        got = session.scalars(select(Message.subscription_id)).all()
    assert sorted(got) == sorted(everybody)  # type: ignore[type-var]


def test_an_issue_is_over_when_everybody_has_it(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org", "b@example.org")
    published(service, at=BEFORE)
    tick(service, DUE)
    with service.database.writing() as session:
        first, second = session.scalars(select(Message)).all()
        first.state, second.state = MessageState.SENT, MessageState.REFUSED
    tick(service, DUE)
    digest = the_digest(service)
    assert (digest.state, digest.sent, digest.refused) == (DigestState.SENT, 1, 1)


def test_an_alert_is_sent_for_each_urgent_statement_at_once(service: Service) -> None:
    scheduled(service, "each", only_urgent=True)
    subscribed(service, "a@example.org")
    published(service, "calm", at=BEFORE, title="Calm")
    published(service, "one", at=BEFORE, title="One", urgent=True)
    published(service, "two", at=BEFORE + timedelta(seconds=1), title="Two", urgent=True)
    tick(service, BEFORE + timedelta(seconds=2))
    assert waiting(service) == ["One", "Two"]
    with service.database.reading() as session:
        assert session.scalars(select(Digest.number).order_by(Digest.number)).all() == [1, 2]


def test_a_newsletter_that_comes_by_hand_is_sent_when_it_is_approved(service: Service) -> None:
    subscribed(service, "a@example.org")
    published(service, at=BEFORE)
    digest_id = prepared(service)
    tick(service, BEFORE)
    assert waiting(service) == []
    approved(service, digest_id)
    tick(service, BEFORE)
    assert waiting(service) == ["Reopen the reading room"]


def test_what_is_left_out_is_not_proposed_again(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, "a", at=BEFORE, title="In")
    out = published(service, "b", at=BEFORE, title="Out")
    digest_id = prepared(service)
    with service.database.writing() as session:
        assert digests.choose(session, digest_id, [out], ANNA, BEFORE)
    tick(service, DUE)
    assert waiting(service) == ["In"]
    tick(service, DUE + timedelta(days=7))
    assert waiting(service) == ["In"]


def test_who_has_only_a_subject_in_their_language_reads_the_introduction_in_another(
    service: Service,
) -> None:
    digest_id = prepared(service)
    empty = digests.text_fingerprint(None)
    with service.database.writing() as session:
        for lang, words in (("en", {"introduction": "Dear reader"}), ("fr", {"subject": "Lisez"})):
            digests.write(session, digest_id, lang, words, empty, ANNA, BEFORE)
        digest = digests.get(session, digest_id)
        made = editions.make(session, digest, [], "fr-CA", BEFORE)
    assert (made.subject, made.introduction, made.introduction_lang) == (
        "Lisez",
        "Dear reader",
        "en",
    )


def test_an_introduction_stands_above_in_its_language(service: Service) -> None:
    published(service, at=BEFORE)
    digest_id = prepared(service)
    words = {"subject": "  A week\nof gates ", "introduction": "Dear *reader*\r\n\r\nRead.\n"}
    with service.database.writing() as session:
        empty = digests.text_fingerprint(None)
        assert digests.write(session, digest_id, "en", words, empty, ANNA, BEFORE)
        assert not digests.write(session, digest_id, "en", words, empty, ANNA, BEFORE)
        digest = digests.get(session, digest_id)
        ids = digests.contents(session, digest, BEFORE)
        made = editions.make(session, digest, ids, "fr", BEFORE)
    assert (made.subject, made.introduction, made.introduction_lang) == (
        "A week of gates", "Dear *reader*\n\nRead.", "en",
    )  # fmt: skip


def test_whoever_writes_second_is_told(service: Service) -> None:
    digest_id = prepared(service)
    empty = digests.text_fingerprint(None)
    with service.database.writing() as session:
        digests.write(session, digest_id, "en", {"introduction": "One"}, empty, ANNA, BEFORE)
    with pytest.raises(digests.Overtaken), service.database.writing() as session:
        digests.write(session, digest_id, "en", {"introduction": "Two"}, empty, ANNA, BEFORE)


def test_what_began_cannot_be_changed(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, at=BEFORE)
    tick(service, DUE)
    digest_id = the_digest(service).id
    with pytest.raises(digests.CannotBe), service.database.writing() as session:
        digests.write(session, digest_id, "en", {"subject": "New"}, "", ANNA, DUE)


def test_an_issue_nobody_reads_is_not_begun(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    published(service, at=BEFORE)
    tick(service, DUE)
    digest = the_digest(service)
    assert (digest.state, digest.number, digest.due_at) == (
        DigestState.DRAFT, None, DUE + timedelta(days=7),
    )  # fmt: skip
    with service.database.reading() as session:
        assert not session.scalars(select(DigestEdition.lang)).all()


def test_how_far_it_is_and_how_long_it_takes(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, *(f"{n}@example.org" for n in range(4)))
    published(service, at=BEFORE)
    tick(service, DUE)
    with service.database.writing() as session:
        first, second, *_ = session.scalars(select(Message)).all()
        first.state, first.settled_at = MessageState.SENT, DUE + timedelta(seconds=5)
        second.state, second.settled_at = MessageState.VOID, DUE + timedelta(seconds=9)
    with service.database.reading() as session:
        how = digests.progress(session, the_digest(service), DUE + timedelta(seconds=10))
    assert (how.total, how.sent, how.void, how.waiting, how.done) == (4, 1, 1, 2, 2)
    assert how.seconds_left == 10
    with service.database.writing() as session:  # the others are refused for now
        left = Message.state == MessageState.WAITING
        session.execute(update(Message).where(left).values(not_before=DUE + timedelta(minutes=5)))
    with service.database.reading() as session:
        how = digests.progress(session, the_digest(service), DUE + timedelta(seconds=10))
    assert how.seconds_left == 290


def test_the_audit_tells_who_approved_and_stopped(service: Service) -> None:
    comes_weekly(service)
    subscribed(service, "a@example.org")
    published(service, at=BEFORE)
    digest_id = prepared(service)
    approved(service, digest_id)
    tick(service, DUE)
    with service.database.writing() as session:
        digests.stop(session, digest_id, ANNA, DUE)
        digests.end(session, digest_id, ANNA, DUE)
    with service.database.reading() as session:
        told = session.execute(select(AuditEntry.actor, AuditEntry.action)).all()
        subscription = session.scalars(select(Subscription)).one()
    assert [tuple(one) for one in told] == [
        ("Anna", "approved"), ("the schedule", "began to send"), ("Anna", "stopped sending"),
        ("Anna", "ended"),
    ]  # fmt: skip
    assert subscription.state == "confirmed"


def test_an_issue_that_was_prepared_goes_by_the_new_schedule(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, at=BEFORE)
    with service.database.writing() as session:
        rhythms.schedule(
            session,
            session.scalars(select(Newsletter)).one(),
            ANNA,
            BEFORE,
            rhythm="weekly",
            weekday=2,
            clock="09:00",
            zone="UTC",
            by_itself=True,
            only_urgent=False,
        )
    tick(service, BEFORE)
    wednesday = datetime(2026, 11, 25, 9, tzinfo=UTC)
    assert the_digest(service).due_at == wednesday
    tick(service, wednesday)
    assert waiting(service) == ["Reopen the reading room"]


def another_rhythm(service: Service, rhythm: str, now: datetime) -> None:
    with service.database.writing() as session:
        weekly = session.scalars(select(Newsletter)).one()
        rhythms.schedule(
            session, weekly, ANNA, now,
            rhythm=rhythm, weekday=3, clock="09:00", zone="Europe/Oslo",
            by_itself=True, only_urgent=False,
        )  # fmt: skip


def test_what_was_in_a_weekly_issue_is_not_sent_at_once_when_the_rhythm_changes(
    service: Service,
) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, "a@example.org")
    published(service, "a", at=BEFORE, title="Read already")
    tick(service, DUE)
    published(service, "b", at=DUE, title="New")
    another_rhythm(service, "each", DUE)
    tick(service, DUE + timedelta(minutes=1))

    assert waiting(service) == ["New", "Read already"]


def test_what_was_written_and_approved_for_a_rhythm_that_is_no_more_waits_in_the_new_one(
    service: Service,
) -> None:
    scheduled(service)
    subscribed(service, "a@example.org")
    published(service, "a", at=BEFORE)
    digest_id = prepared(service)
    with service.database.writing() as session:
        words = {"introduction": "Dear reader"}
        digests.write(session, digest_id, "en", words, digests.text_fingerprint(None), ANNA, BEFORE)
    approved(service, digest_id)
    another_rhythm(service, "monthly", BEFORE)

    digest = the_digest(service)
    assert (digest.id, digest.rhythm, digest.state) == (digest_id, "monthly", "draft")
    assert digest.due_at == datetime(2026, 12, 3, 8, tzinfo=UTC)


def test_an_alert_goes_before_an_issue_that_is_under_way(service: Service) -> None:
    comes_weekly(service, by_itself=True)
    subscribed(service, *(f"{n}@example.org" for n in range(3)))
    subscribed(service, "alerted@example.org", rhythm="each")
    published(service, at=BEFORE)
    tick(service, DUE)
    alarm = DUE + timedelta(minutes=1)
    published(service, "alarm", at=alarm, title="Alarm")
    tick(service, alarm)
    with service.database.writing() as session:
        minute = timedelta(minutes=1)
        claimed = outbox.claim(session, "worker", alarm, minute, 2, bulk=True)
        mails = [letters.compose(service, session, one) for one in claimed]
    assert [(mail["To"], mail["Subject"]) for mail in mails if mail] == [
        ("alerted@example.org", "Reopen the reading room"), ("alerted@example.org", "Alarm"),
    ]  # fmt: skip


def test_how_often_it_comes_is_not_changed_while_readers_who_left_that_open_wait(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "STEP", 2)
    comes_weekly(service, by_itself=True)
    everybody = subscribed(service, *(f"{n}@example.org" for n in range(5)))
    published(service, at=BEFORE)
    dispatch.begin_due(service.database, DUE)
    dispatch.expand(service.database, the_digest(service).id, DUE)

    def come(rhythm: str) -> bool:
        with service.database.writing() as session:
            of = session.scalars(select(Newsletter)).one()
            values = {name: getattr(of, name) for name in ("weekday", "clock", "zone")}
            more = {"rhythm": rhythm, "by_itself": True, "only_urgent": False}
            return rhythms.schedule(session, of, ANNA, DUE, **values, **more)

    assert come("never")  # those who left it open are the same
    with pytest.raises(rhythms.BadSchedule, match="An issue is on its way"):
        come("monthly")
    tick(service, DUE)
    assert len(waiting(service)) == len(everybody)
    assert come("monthly")
