"""Publishing, correcting and withdrawing, as an editor does it and as readers see it."""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.samples import publish, scheduled, statement_file, subscribed, translation_file
from tests.web.console.conftest import EditorAtWork
from widgets import dispatch, newsletter_texts, publication
from widgets.audit import COMMAND_LINE
from widgets.models import AuditEntry, Image, Member, Sighting, Standing, Statement
from widgets.service import Service

HERE = "/admin/statements/1/publish"
CARD = "/embed/statements/river-gate"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def statement(service: Service, tmp_path: Path) -> Callable[..., None]:
    """Writes statement 1, in English and French, as it stands."""

    def written(standing: Standing = Standing.DRAFT, **changes: Any) -> None:
        publish(
            service,
            statement_file(tmp_path, picture=True, topics="[Libraries]", names=["Lamp Keepers"]),
            translation_file(tmp_path, "fr"),
        )
        with service.database.writing() as session:
            made = session.get_one(Statement, 1)
            made.standing = standing
            if standing == Standing.DRAFT:
                made.published_at = None
            for name, value in changes.items():
                setattr(made, name, value)

    return written


@pytest.fixture
def draft(statement: Callable[..., None]) -> None:
    statement()


@pytest.fixture
def public(statement: Callable[..., None]) -> None:
    statement(Standing.PUBLISHED)


def standing(service: Service) -> str:
    with service.database.reading() as session:
        return session.get_one(Statement, 1).standing


@pytest.mark.usefixtures("draft")
def test_an_editor_sees_what_publishing_changes_and_publishes(
    anna: EditorAtWork, service: Service, client: FlaskClient
) -> None:
    with service.database.writing() as session:
        session.add(Member(slug="lamps", name="Circle of Lamp Keepers"))
        session.add(
            Sighting(day=TODAY, widget="statements/latest", member_slug="lamps", shown=1234)
        )
    page = anna.open(HERE)

    assert client.get(CARD).status_code == 404
    assert "will stand first in the list of statements" in page.text
    assert "The list of statements / " in page.text
    assert f"Its card {CARD}" in page.text
    seen = f"{TODAY:%-d %b %Y}"
    assert f"Circle of Lamp Keepersthe latest statement{seen}1,234" in page.text
    assert "the weekly updatein the issue that an editor sends next, for 0 subscr" in page.text
    done = anna.fill(page, "Publish now")
    assert "It is published." in done.text
    assert client.get(CARD).status_code == 200
    assert standing(service) == Standing.PUBLISHED


@pytest.mark.usefixtures("draft")
def test_pressed_twice_it_was_published_already(anna: EditorAtWork, service: Service) -> None:
    page = anna.open(HERE)
    anna.fill(page, "Publish now")
    again = anna.fill(page, "Publish now")

    assert "It was published already." in again.text
    with service.database.reading() as session:
        published = select(AuditEntry).where(AuditEntry.action == "published")
        assert len(session.scalars(published).all()) == 1


@pytest.mark.usefixtures("draft")
def test_what_another_editor_changed_meanwhile_is_shown_before_it_is_published(
    anna: EditorAtWork, service: Service
) -> None:
    page = anna.open(HERE)
    with service.database.writing() as session:
        session.get_one(Statement, 1).title = "Another headline"
    told = anna.fill(page, "Publish now")

    assert told.status == 409
    assert "Somebody has changed this statement since you opened this page." in told.text
    assert "Another headline" in told.text
    assert standing(service) == Standing.DRAFT
    assert "It is published." in anna.fill(told, "Publish now").text


def test_what_is_missing_is_listed_and_there_is_no_button(
    anna: EditorAtWork, statement: Callable[..., None]
) -> None:
    statement(title="", image_alt="")
    page = anna.open(HERE)

    assert "It needs a headline." in page.text
    assert "Its picture needs an alternative text" in page.text
    assert "Publish now" not in page.text
    fields = {"csrf_token": page.forms[0].fields["csrf_token"], "seen": ""}
    refused = anna.post(f"{HERE}/now", fields)
    assert refused.status in (409, 422)


@pytest.mark.usefixtures("draft")
def test_an_older_date_can_be_made_todays(anna: EditorAtWork, service: Service) -> None:
    page = anna.fill(anna.open(HERE), "Give it today’s date")

    assert "It carries today’s date." in page.text
    assert "Give it today’s date" not in page.text
    with service.database.reading() as session:
        assert session.get_one(Statement, 1).published_on == TODAY


@pytest.mark.usefixtures("draft")
def test_it_is_published_by_itself_at_a_moment_by_the_clocks_of_a_place(
    anna: EditorAtWork, service: Service
) -> None:
    day = TODAY + timedelta(days=40)
    page = anna.fill(
        anna.open(HERE), "Publish it then", day=day.isoformat(), time="01:30", zone="Asia/Yangon"
    )

    before = day - timedelta(days=1)
    assert f"It will be published on {before.day} {before:%B %Y} at 19:00 UTC." in page.text
    assert '<option value="Asia/Yangon" selected>' in page.html  # proposed next time
    with service.database.reading() as session:
        waiting = session.get_one(Statement, 1)
    assert waiting.published_on == day  # by the same clocks
    assert "It will not be published by itself." in (
        anna.fill(page, "Don’t publish it by itself").text
    )


@pytest.mark.parametrize(
    ("day", "time", "zone", "problem"),
    [
        ("2026-03-01", "09:00", "UTC", "That moment is over."),
        ("", "09:00", "UTC", "Write the day like 2027-03-01."),
        ("2027-03-28", "02:30", "Europe/Oslo", "In Europe/Oslo there is no 02:30 on that day"),
        ("2027-03-28", "x", "UTC", "Write the time like 18:30."),
        ("2027-03-28", "09:00", "Mars/Olympus", "Choose whose clocks you mean."),
        ("2099-03-28", "09:00", "UTC", "That is more than two years ahead."),
    ],
)
@pytest.mark.usefixtures("draft")
def test_a_moment_that_cannot_be_is_refused_beside_its_field(
    anna: EditorAtWork, service: Service, day: str, time: str, zone: str, problem: str
) -> None:
    page = anna.fill(anna.open(HERE), "Publish it then", day=day, time=time, zone=zone)

    assert page.status == 422
    assert problem in page.text
    (form,) = [form for form in page.forms if "Publish it then" in form.buttons]
    assert form.fields["day"] == day
    assert form.fields["time"] == time
    with service.database.reading() as session:
        assert session.get_one(Statement, 1).publish_at is None


def test_why_it_was_not_published_by_itself_is_told(
    anna: EditorAtWork, service: Service, statement: Callable[..., None]
) -> None:
    statement(publish_at=datetime(2026, 3, 2, 9, tzinfo=UTC), body="")
    publication.publish_due(service.database, datetime.now(UTC))

    page = anna.open(HERE)
    assert "It was to be published on 2026-03-02 at 09:00 UTC, and was not." in page.text
    assert "It needs a text." in page.text


@pytest.mark.usefixtures("draft")
def test_a_draft_gathers_endorsements_and_is_a_draft_again(
    anna: EditorAtWork, service: Service
) -> None:
    page = anna.fill(anna.open(HERE), "Gather endorsements")
    assert standing(service) == Standing.GATHERING
    anna.fill(page, "Make it a draft again")
    assert standing(service) == Standing.DRAFT


@pytest.mark.usefixtures("public")
def test_a_correction_stands_at_the_head_of_all_that_shows_the_statement(
    anna: EditorAtWork, client: FlaskClient
) -> None:
    form = anna.open(f"{HERE}/correction")
    said = {"notice-en": "It was <b>Monday</b>.", "notice-fr": "C’était lundi."}
    done = anna.fill(form, "Tell readers", day="2026-03-05", **said)

    assert "Readers are told of the correction." in done.text
    english = '<p class="correction" lang="en" dir="ltr"><span class="label" lang="en" dir="ltr">'
    words = "Corrected on 5 March 2026:</span> It was &lt;b&gt;Monday&lt;/b&gt;.</p>"
    for path in (CARD, f"{CARD}?view=full", "/statements/river-gate"):
        assert f"</h1>\n{english}{words}" in client.get(path).text
    assert "C’était lundi." in client.get(f"{CARD}?lang=fr").text
    told = {"date": "2026-03-05", "lang": "fr", "text": "C’était lundi."}
    assert client.get("/statements/river-gate.json?lang=fr").json["correction"] == told  # type: ignore[index]
    for feed in ("/feed.json", "/feed.atom"):
        assert "Corrected on 5 March 2026:" in client.get(feed).text
    page = client.get("/statements/river-gate").text
    (data,) = re.findall(r"<script[^>]*>(.*?)</script>", page)
    assert json.loads(data)["correction"] == {
        "@type": "CorrectionComment",
        "text": "It was <b>Monday</b>.",
        "inLanguage": "en",
        "datePublished": "2026-03-05",
    }


@pytest.mark.usefixtures("public")
def test_a_correction_is_changed_and_taken_away(anna: EditorAtWork, client: FlaskClient) -> None:
    anna.fill(anna.open(f"{HERE}/correction"), "Tell readers", **{"notice-en": "Monday."})
    form = anna.open(f"{HERE}/correction")
    assert form.forms[-1].fields["notice-en"] == "Monday."
    page = anna.fill(form, "Save", **{"notice-en": "Tuesday."})
    assert "Tuesday." in client.get(CARD).text

    anna.fill(page, "Take it away")
    assert "Corrected" not in client.get(CARD).text


@pytest.mark.usefixtures("public")
def test_a_correction_of_five_megabytes_is_answered_with_the_text_still_there(
    anna: EditorAtWork, client: FlaskClient
) -> None:
    pasted = "word " * 1_000_000
    page = anna.fill(anna.open(f"{HERE}/correction"), "Tell readers", **{"notice-en": pasted})

    assert page.status == 422
    assert "This has 4,999,999 characters; a notice has room for 500." in page.text
    assert page.forms[-1].fields["notice-en"] == pasted
    assert "Corrected" not in client.get(CARD).text


@pytest.mark.usefixtures("public")
def test_a_correction_without_words_or_with_a_bad_day_is_refused(anna: EditorAtWork) -> None:
    form = anna.open(f"{HERE}/correction")
    late = (TODAY + timedelta(days=9)).isoformat()
    for typed, problem in (
        ({"notice-en": " "}, "Write what was corrected, in one of the languages."),
        ({"notice-en": "Monday.", "day": "yesterday"}, "Write the day like 2027-03-01."),
        ({"notice-en": "Monday.", "day": late}, "can’t be in the future"),
    ):
        page = anna.fill(form, "Tell readers", **typed)
        assert page.status == 422
        assert problem in page.text
        assert page.forms[-1].fields["notice-en"] == typed["notice-en"]


@pytest.mark.usefixtures("public")
def test_of_two_corrections_at_once_the_second_is_shown_the_first_and_loses_nothing(
    anna: EditorAtWork, new_editor: Callable[..., EditorAtWork], client: FlaskClient
) -> None:
    ben = new_editor("ben@example.org")
    ben.sign_in()
    hers, his = anna.open(f"{HERE}/correction"), ben.open(f"{HERE}/correction")
    anna.fill(hers, "Tell readers", **{"notice-en": "It was Monday."})
    page = ben.fill(his, "Tell readers", **{"notice-en": "It was Tuesday."})

    assert page.status == 409
    assert "It says now: It was Monday." in page.text
    assert page.forms[-1].fields["notice-en"] == "It was Tuesday."
    assert "It was Monday." in client.get(CARD).text
    ben.fill(page, "Save")
    assert "It was Tuesday." in client.get(CARD).text


@pytest.mark.usefixtures("public")
def test_a_withdrawn_statement_says_why_wherever_it_stood_and_can_come_back(
    anna: EditorAtWork, client: FlaskClient, service: Service
) -> None:
    form = anna.open(f"{HERE}/withdraw")
    assert "The list of statements / " in form.text
    said = {"notice-en": "It named <i>somebody</i>.", "notice-fr": "Quelqu’un était nommé."}
    page = anna.fill(form, "Withdraw it now", **said)

    assert "It is withdrawn." in page.text
    for path in (CARD, f"{CARD}?view=full", f"{CARD}/signatories", "/statements/river-gate"):
        answer = client.get(path)
        assert answer.status_code == 410
        assert "This statement was withdrawn" in answer.text
        assert "It named &lt;i&gt;somebody&lt;/i&gt;." in answer.text
    assert "Quelqu’un était nommé." in client.get(f"{CARD}?lang=fr").text
    assert 'href="http://127.0.0.1:8000/statements/river-gate"' in client.get(CARD).text
    data = client.get("/statements/river-gate.json").json
    assert data
    assert data["reason"]["text"] == "It named <i>somebody</i>."
    assert "river-gate" not in client.get("/").text
    with service.database.reading() as session:
        assert session.scalars(select(Image)).all() == []
    assert not list(service.settings.instance_path.rglob("*-480.webp"))

    assert "It is published." in anna.fill(page, "Publish again").text
    assert "It named" not in client.get(CARD).text


@pytest.mark.usefixtures("public")
def test_the_picture_of_what_is_withdrawn_can_be_kept(anna: EditorAtWork, service: Service) -> None:
    page = anna.open(f"{HERE}/withdraw")
    assert page.forms[-1].fields["picture"] == "yes"
    anna.fill(page, "Withdraw it now", picture="")

    with service.database.reading() as session:
        assert session.get_one(Statement, 1).image_id


@pytest.mark.parametrize("step", ["correction", "withdraw"])
@pytest.mark.usefixtures("draft")
def test_what_is_not_public_can_neither_be_corrected_nor_withdrawn(
    anna: EditorAtWork, service: Service, step: str
) -> None:
    page = anna.open(f"{HERE}/{step}")
    assert page.status == 422
    assert "It is public nowhere yet." in page.text
    token = page.forms[0].fields["csrf_token"]
    fields = {"csrf_token": token, "notice-en": "No.", "day": TODAY.isoformat(), "seen": ""}
    assert anna.post(f"{HERE}/{step}", fields).status == 422
    assert standing(service) == Standing.DRAFT


def test_a_statement_that_is_not_there_is_not_found(anna: EditorAtWork) -> None:
    token = anna.open("/admin").forms[0].fields["csrf_token"]
    nowhere = "/admin/statements/99/publish"

    for path in ("", "/correction", "/withdraw"):
        assert anna.open(nowhere + path).status == 404
    fields = {"csrf_token": token, "day": "2027-03-01", "time": "09:00", "zone": "UTC"}
    for path in ("/now", "/schedule", "/schedule/cancel", "/gather", "/draft", "/date",
                 "/correction", "/correction/take-away", "/withdraw"):  # fmt: skip
        assert anna.post(nowhere + path, fields).status == 404


def test_what_an_editor_wrote_is_shown_as_it_is_written(
    app: Flask, anna: EditorAtWork, statement: Callable[..., None]
) -> None:
    nasty = '"><img src=x onerror=alert(1)>'
    statement(title=nasty, topics=[nasty], published_on=date(2026, 3, 2))

    page = anna.open(HERE)
    assert "<img" not in page.html
    assert html.escape(nasty, quote=False) in html.unescape(page.html) or nasty in page.text


def alerts(service: Service) -> None:
    """A newsletter that brings urgent statements at once, with two subscribers."""
    now = datetime.now(UTC)
    with service.database.writing() as session:
        words = {
            "title": "Alerts",
            "name": "the alerts",
            "description": "What can’t wait.",
            "consent": "I want the alerts.",
        }
        newsletter_texts.add(session, "alerts", "en", words, COMMAND_LINE, now)
    scheduled(service, "each", "alerts", only_urgent=True)
    subscribed(service, "a@example.org", "b@example.org", newsletter="alerts")


def urgent_issues(service: Service) -> int:
    """How many issues the worker begins now."""
    return dispatch.begin_due(service.database, datetime.now(UTC))


@pytest.mark.usefixtures("draft")
def test_an_urgent_statement_goes_to_the_subscribers_of_alerts_at_once(
    anna: EditorAtWork, service: Service
) -> None:
    alerts(service)
    page = anna.open(HERE)
    assert "Urgent: also send it at once to the 2 subscribers of alerts" in page.text
    assert "the alerts only if it is marked as urgentsent at once, to 2 subscribers" in page.text

    anna.fill(page, "Publish now", urgent="yes")
    assert urgent_issues(service) == 1
    with service.database.reading() as session:
        told = session.scalars(select(AuditEntry.action).where(AuditEntry.kind == "statement"))
        assert list(told)[-2:] == ["marked as urgent", "published"]


@pytest.mark.usefixtures("draft")
def test_what_is_not_urgent_goes_to_nobody_at_once(anna: EditorAtWork, service: Service) -> None:
    alerts(service)
    anna.fill(anna.open(HERE), "Publish now")
    assert urgent_issues(service) == 0


@pytest.mark.usefixtures("draft")
def test_an_urgent_statement_is_sent_when_it_publishes_itself(
    anna: EditorAtWork, service: Service
) -> None:
    alerts(service)
    at = datetime.now(UTC) + timedelta(days=2)
    page = anna.open(HERE)
    anna.fill(page, "Publish it then", day=f"{at:%Y-%m-%d}", time="09:00", urgent="yes")
    with service.database.reading() as session:
        assert session.get_one(Statement, 1).is_urgent
    assert 'id="urgent-now" name="urgent" type="checkbox" value="yes" checked' in (
        anna.open(HERE).html
    )
    publication.publish_due(service.database, at + timedelta(days=1))
    assert dispatch.begin_due(service.database, at + timedelta(days=1)) == 1


@pytest.mark.usefixtures("draft")
def test_a_tick_is_kept_when_it_cannot_be_published(anna: EditorAtWork, service: Service) -> None:
    alerts(service)
    page = anna.open(HERE)
    with service.database.writing() as session:
        session.get_one(Statement, 1).title = "Another"
    again = anna.fill(page, "Publish now", urgent="yes")

    assert again.status == 409
    assert again.form_with("Publish now").fields["urgent"] == "yes"


@pytest.mark.usefixtures("draft")
def test_what_went_out_says_where_and_is_not_offered_to_be_sent_again(
    anna: EditorAtWork, service: Service
) -> None:
    alerts(service)
    anna.fill(anna.open(HERE), "Publish now", urgent="yes")
    assert urgent_issues(service) == 1
    for path in ("", "/correction", "/withdraw"):
        page = anna.open(f"{HERE}{path}")
        assert "the alerts, number 1 is being sent: to 0 readers so far" in page.text, path

    page = anna.fill(anna.open(f"{HERE}/withdraw"), "Withdraw it now")
    assert "the alerts, number 1" in page.text
    assert "Urgent: also send it" not in page.text


@pytest.mark.usefixtures("draft")
def test_without_a_newsletter_of_alerts_nothing_is_asked(anna: EditorAtWork) -> None:
    assert "Urgent" not in anna.open(HERE).text
