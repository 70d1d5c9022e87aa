"""Issues of newsletters in the console: from the schedule to the last reader."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tests.actors import Page
from tests.samples import published, scheduled, subscribed
from tests.web.console.conftest import EditorAtWork
from widgets import digests, dispatch, letters
from widgets.models import (
    AuditEntry,
    Bounce,
    Digest,
    DigestState,
    Message,
    MessageState,
    Newsletter,
    Standing,
    Statement,
)
from widgets.service import Service

HERE = "/admin/newsletters/weekly"
NEXT = f"{HERE}/issues/weekly"
LATELY = timedelta(hours=1)
New = Callable[..., EditorAtWork]


@pytest.fixture
def weekly(service: Service) -> None:
    """A newsletter that comes weekly, with a reader and something to read."""
    scheduled(service)
    subscribed(service, "reader@example.org")
    published(service, at=datetime.now(UTC) - LATELY)


def digest(service: Service) -> Digest:
    with service.database.reading() as session:
        return session.scalars(select(Digest).options(joinedload(Digest.newsletter))).one()


def actions(service: Service) -> list[str]:
    with service.database.reading() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [one.action for one in entries if one.kind in ("issue", "newsletter")]


def sent_now(anna: EditorAtWork, readers: str = "1 reader") -> Page:
    return anna.fill(anna.open(f"{NEXT}/send"), f"Send it to {readers}")


def wrote(anna: EditorAtWork, lang: str = "en", **typed: str) -> Page:
    return anna.fill(anna.open(f"{NEXT}/words/{lang}"), "Save", **typed)


def told(anna: EditorAtWork) -> str:
    return anna.open(f"{HERE}/issues").text


def test_a_newsletter_is_scheduled_and_says_when_it_is_due(
    anna: EditorAtWork, service: Service
) -> None:
    subscribed(service, "a@example.org", "b@example.org")
    subscribed(service, "c@example.org", rhythm="monthly")
    page = anna.fill(
        anna.open(f"{HERE}/schedule"), "Save",
        rhythm="weekly", weekday="1", clock="18:30", zone="Africa/Nairobi", by_itself="yes",
    )  # fmt: skip

    assert "Saved." in page.text
    assert len(re.findall(r"Tuesday \d+ \w+ \d{4}, 18:30 Africa/Nairobi", page.text)) == 3
    assert page.text.count(", 15:30 UTC") == 3
    assert "weekly20" in page.text
    assert "monthly11" in page.text
    assert actions(service) == ["scheduled"]
    assert "It was so already." in anna.fill(page, "Save").text


def test_a_schedule_that_cannot_be_comes_back_as_it_was_typed(anna: EditorAtWork) -> None:
    page = anna.fill(
        anna.open(f"{HERE}/schedule"), "Save",
        rhythm="daily", weekday="8", clock="25:00", zone="Oslo", only_urgent="yes",
    )  # fmt: skip

    assert page.status == 422
    for said in ("how often it comes", "a day of the week", "like 09:00", "whose clocks"):
        assert said in page.text
    fields = page.form_with("Save").fields
    assert (fields["clock"], fields["only_urgent"]) == ("25:00", "yes")


@pytest.mark.usefixtures("weekly")
def test_an_issue_keeps_to_another_schedule(anna: EditorAtWork, service: Service) -> None:
    anna.fill(anna.open(NEXT), "Approve")
    page = anna.open(f"{HERE}/schedule")
    anna.fill(page, "Save", weekday="1")
    moved = digest(service)
    anna.fill(page, "Save", rhythm="never")

    assert moved.due_at
    assert (moved.due_at.weekday(), moved.state) == (1, "approved")
    # approved for a day that is no more, it must not go out at once
    assert (digest(service).due_at, digest(service).state) == (None, "draft")
    assert dispatch.begin_due(service.database, datetime.now(UTC)) == 0


@pytest.mark.usefixtures("weekly")
def test_the_next_issue_says_how_it_stands(anna: EditorAtWork, service: Service) -> None:
    due = r"Thursday \d+ \w+ \d{4}, 09:00 Europe/Oslo"
    assert re.search(f"due on {due}, for 1 reader, and waits for your approval", told(anna))

    anna.fill(anna.open(NEXT), "Approve")
    assert re.search(f"Approved by Anna. It goes out on {due}, to 1 reader.", told(anna))

    with service.database.writing() as session:
        session.scalars(select(Digest)).one().due_at = datetime.now(UTC) - LATELY
    anna.fill(anna.open(NEXT), "Take the approval back")
    assert "and waits for your approval: it goes out as soon as it is approved" in told(anna)
    assert "waits for approval, for 1 reader" in anna.open("/admin").text

    scheduled(service, by_itself=True)
    assert "It goes out by itself in a moment, to 1 reader." in told(anna)
    scheduled(service, "never")
    assert "Have it come weekly or monthly" in told(anna)
    with service.database.writing() as session:
        session.scalars(select(Statement)).one().standing = Standing.WITHDRAWN
    assert "Nothing new yet: there is nothing to send." in told(anna)


def test_a_newsletter_of_alerts_has_no_issue_to_prepare(
    anna: EditorAtWork, service: Service
) -> None:
    scheduled(service, "each", only_urgent=True)
    subscribed(service, "a@example.org")

    assert "A statement that is published as urgent is sent at once when it is" in told(anna)
    assert anna.open(f"{HERE}/issues/each").status == 404


@pytest.mark.usefixtures("weekly")
def test_looking_writes_nothing(anna: EditorAtWork, service: Service) -> None:
    for path in (HERE + "/issues", HERE + "/schedule", NEXT, f"{NEXT}/words/fr", f"{NEXT}/send",
                 f"{NEXT}/preview", f"{NEXT}/preview/frame", "/admin"):  # fmt: skip
        assert anna.open(path).status == 200, path

    with service.database.reading() as session:
        assert session.scalars(select(Digest)).all() == []


@pytest.mark.usefixtures("weekly")
def test_what_is_not_ticked_is_left_out_and_can_come_back(
    anna: EditorAtWork, service: Service
) -> None:
    second = published(service, "second", at=datetime.now(UTC) - LATELY, title="The second")
    page = anna.open(NEXT)
    assert page.html.count(" checked") == 2
    form = page.form_with("Save what is in it")
    shown = re.findall(r'name="shown" value="(\d+)"', page.html)
    page = anna._followed("POST", form.action, {**form.fields, "shown": shown, "in": [second]})  # type: ignore[dict-item]

    assert page.html.count(" checked") == 1
    with service.database.reading() as session:
        inside = digests.contents(session, digest(service), datetime.now(UTC))
    assert inside == [second]
    fields = {**page.form_with("Save what is in it").fields, "shown": shown, "in": shown}
    page = anna._followed("POST", form.action, fields)  # type: ignore[arg-type]
    assert page.html.count(" checked") == 2
    assert actions(service) == ["chose the statements of"] * 2


@pytest.mark.usefixtures("weekly")
def test_what_is_published_meanwhile_is_not_left_out_unseen(
    anna: EditorAtWork, service: Service
) -> None:
    page = anna.open(NEXT)
    published(service, "second", at=datetime.now(UTC), title="The second")
    form = page.form_with("Save what is in it")
    answer = anna.post(form.action, {k: v for k, v in form.fields.items() if k != "in"})

    assert answer.status == 409
    assert "Nothing was done." in answer.text
    assert "The second" in answer.text
    assert answer.html.count(" checked") == 1  # what was unticked is as it was sent
    with service.database.reading() as session:
        assert session.scalars(select(Digest)).all() == []


def test_the_readers_of_each_language_are_told_with_what_they_miss(
    anna: EditorAtWork, service: Service
) -> None:
    scheduled(service)
    at = datetime.now(UTC) - LATELY
    published(service, "one", at=at, translations={"ar": "واحد"})
    published(service, "two", at=at)
    subscribed(service, "a@example.org", lang="ar")
    subscribed(service, "b@example.org", "c@example.org", lang="en-GB")
    page = anna.open(NEXT)

    assert "العربية 1 1 of 2 statements is in English" in page.text
    assert "English (United Kingdom) 2 all in their language" in page.text


@pytest.mark.usefixtures("weekly")
def test_an_introduction_is_written_beside_the_original(
    anna: EditorAtWork, service: Service
) -> None:
    wrote(anna, subject="Open the room", introduction="Good **news**.")
    page = wrote(anna, "fr", introduction="Bonne **nouvelle**.")

    assert "Saved." in page.text
    assert "Good **news**." in page.text
    with service.database.reading() as session:
        kept = digests.texts(session, session.scalars(select(Digest)).one())
    assert {lang: (one.subject, one.introduction) for lang, one in kept.items()} == {
        "en": ("Open the room", "Good **news**."),
        "fr": ("", "Bonne **nouvelle**."),
    }


@pytest.mark.usefixtures("weekly")
def test_who_writes_second_sees_theirs_and_keeps_their_own(
    anna: EditorAtWork, service: Service
) -> None:
    page = anna.open(f"{NEXT}/words/en")
    wrote(anna, introduction="Theirs.")
    second = anna.fill(page, "Save", introduction="Mine.")

    assert second.status == 409
    assert "Somebody else has saved other words meanwhile" in second.text
    assert "Theirs." in second.text
    assert second.form_with("Save").fields["introduction"] == "Mine."
    assert "Saved." in anna.fill(second, "Save").text


@pytest.mark.usefixtures("weekly")
def test_words_that_are_too_long_come_back_whole(anna: EditorAtWork) -> None:
    page = wrote(anna, subject="s" * 151, introduction="x" * 5001)

    assert page.status == 422
    assert "A subject has room for 150 characters." in page.text
    assert page.form_with("Save").fields["introduction"] == "x" * 5001


@pytest.mark.usefixtures("weekly")
def test_words_written_while_it_was_sent_are_kept_for_the_next(
    anna: EditorAtWork, service: Service
) -> None:
    wrote(anna, introduction="As it was.")
    page = anna.open(f"{NEXT}/words/en")
    sent_now(anna)
    late = anna.fill(page, "Save", introduction="Too late.")

    assert late.status == 409
    assert "or the issue has been sent" in late.text
    assert late.form_with("Save").fields["introduction"] == "Too late."
    assert "Saved." in anna.fill(late, "Save").text


@pytest.mark.usefixtures("weekly")
def test_writing_above_an_approved_issue_asks_for_approval_again(
    anna: EditorAtWork, service: Service
) -> None:
    anna.fill(anna.open(NEXT), "Approve")
    page = anna.open(f"{NEXT}/words/en")
    assert "it waits to be approved again" in page.text
    assert "waits to be approved again" in anna.fill(page, "Save", introduction="New.").text
    assert digest(service).state == DigestState.DRAFT


@pytest.mark.usefixtures("weekly")
def test_a_preview_is_the_mail_itself_in_frames_that_may_do_nothing(anna: EditorAtWork) -> None:
    page = anna.open(f"{NEXT}/preview?lang=ar")
    frames = re.findall(r'<iframe src="([^"]+)"[^>]* sandbox=""', page.html)
    light, _, dark = (anna.open(path.replace("&amp;", "&")) for path in frames)

    assert "Reopen the reading room" in page.text
    assert 'class="plain"' in page.html
    assert 'lang="ar" dir="rtl"' in light.html
    policy = dark.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'none'", "frame-ancestors 'self'", "sandbox"):
        assert rule in policy
    assert dark.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "prefers-color-scheme: dark" not in dark.html + light.html
    assert dark.html.replace("@media all", "@media not all") == light.html


def test_of_an_empty_issue_there_is_nothing_to_see_nor_to_send(
    anna: EditorAtWork, service: Service
) -> None:
    scheduled(service)
    subscribed(service, "a@example.org")

    assert "Nothing is in it" in anna.open(f"{NEXT}/preview").text
    assert anna.open(f"{NEXT}/preview/frame").status == 404
    assert "Nothing is in it" in anna.open(f"{NEXT}/send").text
    token = anna.open(f"{HERE}/schedule").form_with("Save").fields["csrf_token"]
    seen = {"csrf_token": token}
    with service.database.writing() as session:
        of = session.scalars(select(Newsletter)).one()
        made = digests.prepare(session, of, "weekly", datetime.now(UTC))
        seen["seen"] = digests.fingerprint(session, made, datetime.now(UTC))
    for action in ("test", "approve", "send"):
        answer = anna.post(f"{NEXT}/{action}", seen)
        assert (answer.status, "Nothing is in it" in answer.text) == (422, True), action


@pytest.mark.usefixtures("weekly")
def test_a_test_goes_to_the_editor_alone(anna: EditorAtWork, service: Service) -> None:
    page = anna.fill(anna.open(NEXT), "Send me a test")

    assert "The test is in the outbox." in page.text
    with service.database.reading() as session:
        test = session.scalars(select(Message).where(Message.kind == "test-issue")).one()
        mail = letters.compose(service, session, test.id)
    assert mail
    assert (mail["To"], test.subscription_id) == ("anna@example.org", None)
    assert digest(service).state == DigestState.DRAFT


@pytest.mark.usefixtures("weekly")
def test_what_has_changed_since_it_was_seen_is_not_approved(
    anna: EditorAtWork, service: Service
) -> None:
    page, to_send = anna.open(NEXT), anna.open(f"{NEXT}/send")
    published(service, "second", at=datetime.now(UTC), title="The second")

    for answer in (anna.fill(page, "Approve"), anna.fill(to_send, "Send it to 1 reader")):
        assert answer.status == 409
        assert "Nothing was done." in answer.text
        assert "The second" in answer.text
    assert actions(service) == []


@pytest.mark.usefixtures("weekly")
def test_what_became_of_an_approved_issue_is_told(anna: EditorAtWork, service: Service) -> None:
    anna.fill(anna.open(NEXT), "Approve")
    with service.database.writing() as session:
        session.scalars(select(Statement)).one().standing = Standing.WITHDRAWN
    published(service, "second", at=datetime.now(UTC), title="The second")
    page = anna.open(NEXT)

    assert "“Reopen the reading room” was withdrawn since it was approved" in page.text
    assert "1 statement was published since it was approved, and is not in it." in page.text
    assert "It is a draft again." in anna.fill(page, "Take the approval back").text
    assert "It was not approved." in anna.fill(page, "Take the approval back").text


@pytest.mark.usefixtures("weekly")
def test_an_issue_is_sent_stopped_and_goes_on(anna: EditorAtWork, service: Service) -> None:
    page = sent_now(anna)
    assert page.path == f"{HERE}/issues/1"
    assert 'http-equiv="refresh"' in page.html
    assert "0 of 1 done." in page.text
    assert "number 1" in anna.open("/admin").text

    stopped = anna.fill(page, "Stop")
    assert "It is stopped." in stopped.text
    assert 'http-equiv="refresh"' not in stopped.html
    assert "It is not being sent." in anna.fill(page, "Stop").text
    assert "It goes on." in anna.fill(stopped, "Go on").text
    assert "It is not stopped." in anna.fill(stopped, "Go on").text
    assert "It is not stopped." in anna.fill(stopped, "End it here").text

    dispatch.expand(service.database, digest(service).id, datetime.now(UTC))
    ended = anna.fill(anna.fill(page, "Stop"), "End it here")
    assert "It is ended." in ended.text
    assert "0 sent 0 waiting 0 refused 1 not wanted any more" in ended.text
    assert actions(service) == [
        "began to send", "stopped sending", "went on sending", "stopped sending", "ended",
    ]  # fmt: skip
    assert "Number 1 weekly" in told(anna)
    assert f'href="/newsletters/weekly/{1}"' in anna.open(f"{HERE}/issues").html


@pytest.mark.usefixtures("weekly")
def test_an_issue_is_sent_once_however_often_it_is_pressed(
    anna: EditorAtWork, service: Service
) -> None:
    page = anna.open(f"{NEXT}/send")
    anna.fill(page, "Send it to 1 reader")
    again = anna.fill(page, "Send it to 1 reader")

    assert again.path == f"{HERE}/issues/1"
    assert "It has begun to be sent already: nothing is sent twice." in again.text
    assert actions(service) == ["began to send"]


@pytest.mark.usefixtures("weekly")
def test_what_is_pressed_twice_is_said_to_be_done(anna: EditorAtWork, service: Service) -> None:
    page = anna.open(NEXT)
    anna.fill(page, "Approve")
    approved = anna.fill(page, "Approve")
    anna.fill(anna.open(NEXT), "Take the approval back")
    page = anna.open(NEXT)
    anna.fill(page, "Save what is in it", **{"in": ""})
    left_out = anna.fill(page, "Save what is in it", **{"in": ""})

    assert "It was approved already." in approved.text
    assert "It was so already." in left_out.text
    assert actions(service) == ["approved", "took back the approval of", "chose the statements of"]


@pytest.mark.usefixtures("weekly")
def test_where_all_is_left_out_that_is_what_is_said(anna: EditorAtWork) -> None:
    page = anna.fill(anna.open(NEXT), "Save what is in it", **{"in": ""})

    assert "All that is new is left out: nothing will be sent on" in page.text
    for path in ("preview", "send"):
        assert "Nothing is in it: all that is new is left out." in anna.open(f"{NEXT}/{path}").text


@pytest.mark.usefixtures("weekly")
def test_progress_tells_the_rate_and_what_is_left(anna: EditorAtWork, service: Service) -> None:
    subscribed(service, *(f"{n}@example.org" for n in range(9)))
    sent_now(anna, "10 readers")
    now = datetime.now(UTC)
    dispatch.expand(service.database, digest(service).id, now)
    with service.database.writing() as session:
        session.scalars(select(Digest)).one().started_at = now - timedelta(minutes=4)
        for message in session.scalars(select(Message).where(Message.kind == "issue").limit(4)):
            message.state, message.settled_at = MessageState.SENT, now
    page = anna.open(f"{HERE}/issues/1")

    assert "4 of 10 done. 1 a minute: 6 minutes left." in page.text
    assert '<progress value="4" max="10">' in page.html


@pytest.mark.usefixtures("weekly")
def test_what_was_refused_and_came_back_is_a_link_away(
    anna: EditorAtWork, service: Service
) -> None:
    anna.fill(anna.open("/admin/mail"), "Send a test message to me")
    sent_now(anna)
    now = datetime.now(UTC)
    dispatch.expand(service.database, digest(service).id, now)
    with service.database.writing() as session:
        message = session.scalars(select(Message).where(Message.kind == "issue")).one()
        message.state, message.error = MessageState.REFUSED, "550 no such mailbox"
        session.add(Bounce(digest_id=message.digest_id, kind="hard", source="dsn", at=now))
    page = anna.open(f"{HERE}/issues/1")
    assert "1 refused" in page.text
    assert "1 came back for good" in page.text
    (link,) = re.findall(r'href="(/admin/mail\?[^"]+refused)"', page.html)
    mail = anna.open(link.replace("&amp;", "&"))

    assert "Only of an issue of weekly, number 1" in mail.text
    assert "1 all" in mail.text
    assert "550 no such mailbox" in mail.text
    assert mail.text.count("tests whether mail arrives") == 1  # among the kinds to choose from


@pytest.mark.usefixtures("weekly")
def test_an_issue_that_stopped_by_itself_says_why_on_the_first_page(
    anna: EditorAtWork, service: Service
) -> None:
    sent_now(anna)
    with service.database.writing() as session:
        one = session.scalars(select(Digest)).one()
        one.state, one.stopped_because = DigestState.STOPPED, "The relay is down."

    assert "was stopped by itself, with 0 of 1 done: The relay is down." in anna.open("/admin").text
    assert "It was stopped by itself: The relay is down." in anna.open(f"{HERE}/issues/1").text


@pytest.mark.usefixtures("weekly")
def test_what_is_nowhere_is_not_found(anna: EditorAtWork) -> None:
    for path in ("/admin/newsletters/none/issues", f"{HERE}/issues/9", f"{HERE}/issues/daily",
                 f"{NEXT}/words/qq", "/admin/newsletters/none/schedule"):  # fmt: skip
        assert anna.open(path).status == 404, path


@pytest.mark.usefixtures("weekly")
def test_any_editor_may_send(new_editor: New, service: Service) -> None:
    bo = new_editor("bo@example.org")
    bo.sign_in()

    assert "It is being sent." in sent_now(bo).text
    assert digest(service).number == 1


@pytest.mark.usefixtures("weekly")
def test_a_page_older_than_the_session_sends_nothing(
    anna: EditorAtWork, service: Service, app: Flask
) -> None:
    form = anna.open(f"{NEXT}/send").form_with("Send it to 1 reader")
    answer = anna.post(form.action, {**form.fields, "csrf_token": "of another session"})

    assert "began to send" not in actions(service)
    assert form.fields["seen"] in answer.html  # it can be sent again by one button
    assert app.test_client().post(form.action, data=form.fields).status_code == 303
