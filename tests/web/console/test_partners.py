"""An administrator keeps a newsletter in step with another tool."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from tests.actors import Page
from tests.other_tools import PASSWORD, USER, Listmonk
from tests.test_partner_sync import Both, many
from tests.web.console.conftest import EditorAtWork
from widgets import partners
from widgets.models import AuditEntry, Partner, State

PATH = "/admin/newsletters/weekly/partners"


class AtWork(Both):
    anna: EditorAtWork

    def add(self, **typed: str) -> Page:
        usual = {"url": self.there.url, "user": USER, "password": PASSWORD, "list_name": "3"}
        button = "Save, and try the connection"
        page = self.anna.fill(self.anna.open(f"{PATH}/add"), button, **{**usual, **typed})
        with self.service.database.reading() as session:
            self.partner = session.scalars(select(Partner.id)).one_or_none() or 0
        return page

    def page(self) -> Page:
        return self.anna.open(f"{PATH}/{self.partner}")

    def press(self, button: str) -> Page:
        return self.anna.fill(self.page(), button)

    def doings(self) -> list[str]:
        with self.service.database.reading() as session:
            query = select(AuditEntry.action).where(AuditEntry.kind == "partner")
            return list(session.scalars(query.order_by(AuditEntry.id)))


@pytest.fixture
def both(anna: EditorAtWork) -> Iterator[AtWork]:
    with Listmonk() as there:
        made = AtWork(anna.service, there)
        made.anna = anna
        yield made


def test_from_nothing_to_a_list_that_is_kept_in_step(both: AtWork) -> None:
    both.confirm("ada@example.org", "bo@example.org")
    both.there.put("bo@example.org")
    assert "No partners" in both.anna.open(PATH).text
    page = both.add()
    assert "Saved. It answers. The list is called “Weekly” and knows 1 person." in page.text
    assert "Never compared · not started" in page.text
    assert "Start" not in [button for form in page.forms for button in form.buttons]
    page = both.press("See what would happen")
    both.anna.work_off()
    assert "A run would put 1 person on the list there. 1 stands alike." in (
        both.anna.open(page.path).text
    )
    assert "Looked at" in both.page().text
    assert both.there.confirmed() == ["bo@example.org"]
    both.press("Start")
    both.run()
    page = both.page()

    assert "The last run: 1 person put on the list there. 1 stood alike." in page.text
    assert "2 compared" in page.text
    assert both.there.confirmed() == ["ada@example.org", "bo@example.org"]
    assert "well" in both.anna.open(PATH).text
    both.press("Stop")
    assert both.row().next_at is None
    page = both.press("Remove it")
    assert "Nobody was unsubscribed." in page.text
    assert both.doings() == ["added", "started", "synchronised", "stopped", "removed"]


def test_a_partner_that_lets_nobody_in_is_kept_and_can_be_corrected(both: AtWork) -> None:
    page = both.add(password="a wrong phrase")
    assert "But it can’t be used yet. It does not let us in" in page.text
    assert "a wrong phrase" not in page.html
    page = both.anna.fill(page, "Save", password=PASSWORD)
    assert "Saved. It answers." in page.text
    page = both.anna.fill(page, "Save", take_in="yes")
    assert "Saved. It answers." in page.text
    assert partners.takes_in(both.row())
    assert "Try the connection" in page.text
    assert "It answers." in both.press("Try the connection").text


def test_the_password_goes_nowhere_else(both: AtWork) -> None:
    page = both.add()
    page = both.anna.fill(page, "Save", url="https://elsewhere.example")

    assert page.status == 422
    assert "Please type the password, or the token." in page.text
    assert "https://elsewhere.example" in page.html
    assert both.row().url == both.there.url


def test_another_list_begins_anew(both: AtWork) -> None:
    both.confirm("ada@example.org")
    page = both.add()
    both.press("See what would happen")
    both.anna.work_off()
    both.press("Start")
    both.run()
    both.anna.fill(page, "Save", list_name="5")

    assert both.row().next_at is None
    assert "Never compared · not started" in both.page().text
    assert both.state("ada@example.org") == State.CONFIRMED


def test_a_list_that_was_emptied_is_asked_about(both: AtWork) -> None:
    both.confirm(*many(30))
    both.add()
    both.press("See what would happen")
    both.anna.work_off()
    both.press("Start")
    both.run()
    both.there.rows = {}
    both.run()
    assert "waits for your word" in both.anna.open(PATH).text
    page = both.page()
    assert "This would end 30 subscriptions here, of 30 that were compared before." in page.text
    page = both.anna.fill(page, "Go on, and end 30")
    assert "It goes on in a moment." in page.text
    both.run()

    assert {both.state(one) for one in many(30)} == {State.UNSUBSCRIBED}
    assert "agreed to ends of" in both.doings()


def test_what_fails_is_told(both: AtWork) -> None:
    both.add()
    both.there.said["GET /api/subscribers"] = (500, b"")
    both.press("See what would happen")
    both.anna.work_off()
    both.run()

    assert "It answered 500." in both.page().text
    assert "failing since" in both.anna.open(PATH).text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"url": "lists.example.org"}, "This must be an address like https://lists.example.org."),
        ({"url": "http://lists.example.org"}, "This must begin with https://"),
        ({"list_name": "news"}, "In listmonk, a list is known by its number, like 3."),
        ({"kind": "mailman", "list_name": "news"}, "In Mailman, a list is known by its id"),
        ({"kind": "mailman", "list_name": "news.x/../y"}, "In Mailman, a list is known by its id"),
        ({"kind": "mailchimp"}, "Please choose one of: listmonk, Mailman 3."),
        ({"user": ""}, "Please say by which name the tool knows us."),
        ({"user": "a:b"}, "A user’s name has no colon in it."),
        ({"password": ""}, "Please type the password, or the token."),
        ({"list_name": ""}, "Please say which list."),
        ({"user": "x" * 201}, "Please use at most 200 characters."),
    ],
)
def test_what_can_not_be_used_is_told_beside_its_field(
    both: AtWork, typed: dict[str, str], says: str
) -> None:
    page = both.add(**typed)

    assert page.status == 422
    assert says in page.text
    assert PASSWORD not in page.html
    assert both.partner == 0


def test_partners_are_for_administrators(
    both: AtWork, new_editor: Callable[..., EditorAtWork]
) -> None:
    both.add()
    bo = new_editor("bo@example.org")
    bo.sign_in()

    assert bo.open(PATH).status == 403
    assert bo.open(f"{PATH}/{both.partner}").status == 403
    assert "Partners" not in bo.open("/admin/newsletters/weekly").text


def test_a_partner_of_another_newsletter_is_not_found(both: AtWork) -> None:
    both.add()

    assert both.anna.open(f"{PATH}/{both.partner + 1}").status == 404
    assert both.anna.open(f"/admin/newsletters/none/partners/{both.partner}").status == 404
