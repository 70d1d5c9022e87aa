"""An editor gathers endorsements."""

import csv
import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.actors import Page
from tests.test_endorsing import NOW, Network
from tests.web.console.conftest import EditorAtWork
from widgets.endorsing import Said
from widgets.models import AuditEntry, Editor, Standing, Statement
from widgets.service import Service


class Gathering(Network):
    """With Anna, who is signed in, as the editor."""

    def __init__(self, anna: EditorAtWork) -> None:
        self.anna = anna
        self.service: Service = anna.service
        with self.service.database.writing() as session:
            self.editor = session.scalars(select(Editor)).one()
            statement = Statement(
                slug="river-gate", lang="en", title="Reopen the reading room",
                published_on=self.editor.created_at.date(), topics=[], countries=[],
                body="The first paragraph.", standing=Standing.DRAFT,
                updated_at=self.editor.created_at,
            )  # fmt: skip
            session.add(statement)
            session.flush()
            self.statement = statement.id
        self.path = f"/admin/statements/{self.statement}/endorsements"

    def page(self, rest: str = "") -> Page:
        return self.anna.open(self.path + rest)

    def go_on(self, page: Page, **typed: str) -> Page:
        """To what will happen."""
        return self.anna.fill(page, "Go on", **typed)

    def send(self, page: Page, button: str, *ticked: str) -> Page:
        """Presses the button that sends the mails."""
        (form,) = [form for form in page.forms if button in form.buttons]
        fields = {**form.fields, "sure": "yes", "member": list(ticked)}
        return self.anna._followed("POST", form.action, fields)

    def look(self, page: Page, search: str, *ticked: str) -> Page:
        """Presses "Find" among the members to tick."""
        (form,) = [form for form in page.forms if "Find" in form.buttons]
        fields = {**form.fields, "q": search, "look": "yes", "member": list(ticked)}
        return self.anna._followed("POST", form.action, fields)


@pytest.fixture
def gathering(anna: EditorAtWork) -> Gathering:
    return Gathering(anna)


def test_an_empty_screen_tells_the_next_step(gathering: Gathering) -> None:
    page = gathering.page()

    assert "Nobody was asked yet" in page.text
    assert f'href="{gathering.path}/invite"' in page.html
    assert "No members yet" in gathering.page("/invite").text


def test_an_editor_asks_all_members_and_sees_them_answer(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "Maria", "Omar", lang="fr")
    gathering.member("Ink Press", "Lena")
    gathering.member("Silent Society")
    page = gathering.go_on(
        gathering.page("/invite"),
        day="2099-12-24", time="18:00", zone="Europe/Oslo", words="Please do.",
    )  # fmt: skip
    assert "3 people get a mail They answer for 2 members." in page.text
    assert "Silent Society: it has no contact" in page.text
    assert gathering.overview() == {}
    page = gathering.send(page, "Send 3 mails")
    assert page.path.startswith("/admin/jobs/")
    gathering.anna.work_off()
    done = gathering.anna.open(page.path)
    assert "3 people of 2 members asked." in done.text
    assert "Silent Society has no contact, so nobody there was asked." in done.text
    gathering.say("Maria", Said.ENDORSE)
    gathering.say("Omar", Said.DECLINE, NOW + timedelta(minutes=1))
    page = gathering.page()

    assert "gathering endorsements" in page.text
    assert "Members can endorse it until 24 Dec 2099, 17:00 UTC." in page.text
    assert re.findall(r"<dt>(.*?)</dt><dd><a [^>]*>(\d+)", page.html) == [
        ("asked", "2"),
        ("endorsed", "0"),
        ("not this time", "0"),
        ("taken back", "1"),
        ("no answer yet", "1"),
        ("contacts disagree", "1"),
    ]
    assert "Its contacts answered differently; the latest counts." in page.text
    assert "we don’t track" in page.text
    assert "Lamp Keepers" not in gathering.page("?state=waiting").text
    assert "Ink Press" not in gathering.page("?q=lamp").text


def test_members_are_ticked_from_several_searches(gathering: Gathering) -> None:
    for name in ("Lamp Keepers", "Ink Press", "Old Friends"):
        gathering.member(name, name.split(maxsplit=1)[0])
    page = gathering.look(gathering.page("/invite"), "lamp")
    assert "Ink Press" not in page.text
    page = gathering.look(page, "ink", "lamp-keepers")
    assert "1 more is ticked that this list doesn’t show." in page.text
    (form,) = [form for form in page.forms if "Go on" in form.buttons]
    ticked = ["lamp-keepers", "ink-press"]
    page = gathering.anna._followed("POST", form.action, {**form.fields, "member": ticked})
    gathering.send(page, "Send 2 mails", *ticked)
    gathering.anna.work_off()

    assert sorted(gathering.overview()) == ["ink-press", "lamp-keepers"]


def test_the_enter_key_sends_no_mail(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "Maria")
    (form,) = [form for form in gathering.page("/invite").forms if "Go on" in form.buttons]

    assert form.buttons[0] == "Show"  # a browser presses the first
    page = gathering.anna._followed("POST", form.action, {**form.fields, "look": "yes"})
    assert page.status == 200
    assert 'value="all" checked' in page.html
    assert gathering.overview() == {}


def test_going_back_from_the_last_page_keeps_what_was_typed(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "Maria")
    page = gathering.go_on(gathering.page("/invite"), words="Please\n\ndo.", day="2099-01-01",
                           time="10:00")  # fmt: skip
    page = gathering.anna.fill(page, "Change something", look="yes")

    assert "Please\n\ndo.</textarea>" in page.html
    assert 'value="2099-01-01"' in page.html


def test_members_of_one_region_are_asked(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "Maria", country="NO")
    gathering.member("Ink Press", "Lena", country="KH")
    page = gathering.go_on(gathering.page("/invite"), who="region", region="035")
    gathering.send(page, "Send 1 mail")
    gathering.anna.work_off()

    assert list(gathering.overview()) == ["ink-press"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"who": "some"}, "Choose whom to ask."),
        ({"who": "region", "region": ""}, "Choose whom to ask."),
        ({"day": "2026-13-01", "time": "10:00"}, "Write the day like"),
        ({"day": "2099-01-01", "time": ""}, "Write the time like"),
        ({"day": "2001-01-01", "time": "10:00"}, "This moment has passed."),
        ({"words": "x" * 1001}, "1,001 characters; 1,000 is the most"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(
    gathering: Gathering, typed: dict[str, str], says: str
) -> None:
    gathering.member("Lamp Keepers", "Maria")
    page = gathering.go_on(gathering.page("/invite"), **{"words": "Please do.", **typed})

    assert page.status == 422
    assert says in page.text
    assert typed.get("words", "Please do.") in page.text
    assert gathering.overview() == {}


def test_a_withdrawn_statement_asks_nobody(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "Maria")
    gathering.change(standing=Standing.WITHDRAWN)

    assert "Ask members" not in gathering.page().text
    page = gathering.go_on(gathering.page("/invite"))
    assert page.status == 422
    assert "This statement is withdrawn: nobody can endorse it." in page.text


def test_those_who_have_not_answered_are_reminded(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "Maria")
    gathering.invite()
    gathering.anna.work_off()
    assert "Nobody to remind" in gathering.page("/remind").text
    gathering.asked_long_ago()
    page = gathering.anna.fill(gathering.page("/remind"), "Remind this person", words="Soon.")
    gathering.anna.work_off()

    assert "1 person reminded." in gathering.anna.open(page.path).text
    assert len(gathering.mails("reminder")) == 1


def test_the_deadline_can_be_moved_and_taken_away(gathering: Gathering) -> None:
    deadline = gathering.anna.fill(
        gathering.page("/deadline"), "Save", day="2099-03-01", time="12:00", zone="UTC"
    )
    assert "until 1 Mar 2099, 12:00 UTC" in deadline.text
    assert gathering.anna.fill(
        gathering.page("/deadline"), "Save", day="2001-03-01", time="12:00"
    ).status == 422  # fmt: skip
    page = gathering.anna.fill(gathering.page("/deadline"), "Save", day="", time="")
    assert "without a deadline" in page.text


def test_answers_are_exported_without_formulas(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "=1+1")
    gathering.invite()
    gathering.anna.work_off()
    page = gathering.page("/answers.csv")
    (row,) = csv.DictReader(io.StringIO(page.html.removeprefix("\ufeff")))

    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "river-gate-endorsements.csv" in page.headers["Content-Disposition"]
    assert (row["member"], row["contact"], row["answer"]) == ("Lamp Keepers", "'=1+1", "")


# names


def test_a_name_is_added_corrected_and_taken_away(gathering: Gathering) -> None:
    anna = gathering.anna
    page = anna.fill(
        gathering.page("/names/add"), "Add",
        name="Lapm Keepers", country="NO", url="https://lamp.example", note="by mail of Maria",
    )  # fmt: skip
    assert "Lapm Keepers stands under the statement." in page.text
    assert "added by an editor: by mail of Maria" in page.text
    row = gathering.row("Lapm Keepers")
    page = anna.fill(gathering.page(f"/names/{row.id}"), "Save", name="Lamp Keepers")
    assert "It says Lamp Keepers now." in page.text
    page = anna.fill(gathering.page(f"/names/{row.id}"), "Take it away")
    assert "Lamp Keepers no longer stands under the statement." in page.text
    with gathering.service.database.reading() as session:
        told = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()

    assert told[-3:] == [
        "added a name to", "corrected a name under", "took a name away from",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"name": ""}, "Write the name."),
        ({"name": "\u202e\u2800"}, "Write the name."),
        ({"name": "x" * 301}, "300 characters at most"),
        ({"country": "QQ"}, "is not a country"),
        ({"url": "javascript:alert(1)"}, "Write a web address like"),
        ({"note": " "}, "Write how you know that the name may stand here"),
        ({"name": "INK press"}, "This name stands there already"),
    ],
)
def test_a_name_that_cannot_stand_there_comes_back(
    gathering: Gathering, typed: dict[str, str], says: str
) -> None:
    good = {"name": "Ink Press", "country": "", "url": "", "note": "by mail"}
    gathering.anna.fill(gathering.page("/names/add"), "Add", **good)
    page = gathering.anna.fill(
        gathering.page("/names/add"), "Add", **{**good, "name": "Lamp Keepers", **typed}
    )

    assert page.status == 422
    assert says in page.text
    assert gathering.names() == ["Ink Press"]


def test_a_name_by_hand_is_its_members(gathering: Gathering) -> None:
    gathering.member("Lamp Keepers", "Maria")
    gathering.anna.fill(gathering.page("/names/add"), "Add", name="lamp keepers", note="by mail")

    assert gathering.row("lamp keepers").member_slug == "lamp-keepers"


def test_a_pasted_table_is_added(gathering: Gathering) -> None:
    page = gathering.anna.fill(
        gathering.page("/names/table"), "Add",
        table="name;country\nLamp Keepers;NO\n\nInk Press;\nINK PRESS;", note="signed on paper",
    )  # fmt: skip
    gathering.anna.work_off()
    done = gathering.anna.open(page.path)

    assert "2 names are added; 2 stand there now." in done.text
    assert "Line 5: “INK PRESS” stands in line 4 already; passed over" in done.text
    assert gathering.names() == ["Lamp Keepers", "Ink Press"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "Choose a file, or paste the table below."),
        ("Lamp Keepers", 'Line 1: the first line must name the columns, one of them "name".'),
        ("name\n", "There is no name in this table."),
        ("name,country\nInk, Press,NO", "Line 2: more values than columns"),
        ("name\n" + "x" * 5_000_000, "The table has 5,000,005 bytes; 4,000,000 is the most."),
    ],
)
def test_a_table_that_cannot_be_read_comes_back(
    gathering: Gathering, table: str, says: str
) -> None:
    page = gathering.anna.fill(
        gathering.page("/names/table"), "Add", table=table, note="signed on paper"
    )

    assert page.status == 422
    assert says in page.text
    assert table in page.html.replace("&#34;", '"')
    assert "signed on paper" in page.text


def test_thousands_of_names_come_in_pages_and_can_be_searched(gathering: Gathering) -> None:
    table = "name\n" + "".join(f"Société n° {number}\n" for number in range(1, 2001))
    page = gathering.anna.fill(gathering.page("/names/table"), "Add", table=table, note="paper")
    gathering.anna.work_off()
    assert "2,000 names are added" in gathering.anna.open(page.path).text
    assert "Page 1 of 40" in gathering.page("/names").text
    found = gathering.page("/names?q=1234+societe")

    assert "1 name " in found.text
    assert "Société n° 1234" in found.text
    assert "No name has “100%” in it." in gathering.page("/names?q=100%25").text


def test_stored_names_are_escaped_everywhere(gathering: Gathering) -> None:
    gathering.member("<b>Evil</b>", "<i>Eve</i>")
    gathering.invite(words="<u>now</u>")
    gathering.anna.work_off()
    gathering.say("<i>Eve</i>", Said.ENDORSE)
    row = gathering.row("<b>Evil</b>")

    for rest in ("", "/invite", "/names", f"/names/{row.id}", "/remind"):
        page = gathering.page(rest)
        assert page.status == 200
        assert "<b>Evil" not in page.html
        assert "<i>Eve" not in page.html


def test_what_is_not_there_is_not_found(gathering: Gathering) -> None:
    assert gathering.anna.open("/admin/statements/999/endorsements").status == 404
    assert gathering.page("/names/999").status == 404
    for rest in ("", "/invite", "/remind", "/names", "/names/add", "/names/table", "/deadline"):
        assert gathering.anna.open(f"/admin/statements/999/endorsements{rest}").status == 404
