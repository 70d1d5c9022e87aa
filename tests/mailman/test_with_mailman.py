"""A newsletter and a list of a real Mailman, kept in step."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mailman.core import PASSWORD, USER, Core
from tests.other_tools import Listmonk
from tests.test_partner_sync import Both
from widgets import partners, records
from widgets.audit import COMMAND_LINE
from widgets.models import State
from widgets.partner_tools import mailman
from widgets.partner_tools.asking import Api
from widgets.partner_tools.tool import KnownThere, Refused, ToolFails
from widgets.partners import Typed
from widgets.service import Service

pytestmark = pytest.mark.xdist_group("mailman")
NAMES = (f"news{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    with Core(tmp_path_factory.mktemp("mailman")) as running:
        yield running


class WithMailman(Both):
    """With the list of a Mailman of its own."""

    core: Core
    list_id: str

    def join_mailman(self, *, take_in: bool = False, password: str = PASSWORD) -> None:
        with self.service.database.writing() as session:
            typed = Typed("mailman", self.core.url, USER, password, self.list_id, take_in)
            added = partners.add(
                session, self.service.links, "weekly", typed, COMMAND_LINE, self.now
            )
            partners.start(session, added, COMMAND_LINE, self.now)
            self.partner = added.id

    def on(self) -> list[str]:
        return self.core.on(self.list_id)


@pytest.fixture
def both(service: Service, core: Core) -> Iterator[WithMailman]:
    with Listmonk() as unused:
        made = WithMailman(service, unused)
        made.core, made.list_id = core, core.make_list(next(NAMES))
        yield made


def test_both_directions(both: WithMailman) -> None:
    both.confirm("ada@example.org", "bo@example.org", "cy@example.org", "di@example.org")
    both.core.put(both.list_id, "Bo@Example.org")
    both.core.put(both.list_id, "stranger@example.org")
    both.join_mailman()
    both.run()

    everybody = [f"{name}@example.org" for name in ("ada", "bo", "cy", "di", "stranger")]
    assert both.row().last_error is None
    assert both.on() == everybody
    assert both.done() == (3, 0, 0, 0)
    both.run()
    assert both.done() == (0, 0, 0, 0)
    both.leave("ada@example.org")
    both.core.leave(both.list_id, "bo@example.org")
    with both.service.database.writing() as session:
        records.erase(session, both.service.hasher, both.key("cy@example.org"), "", both.now)
    both.run()

    assert both.on() == ["di@example.org", "stranger@example.org"]
    assert both.state("bo@example.org") == State.UNSUBSCRIBED
    assert both.state("stranger@example.org") is None
    assert both.done() == (0, 2, 1, 0)
    both.later()
    both.confirm("bo@example.org")
    both.run()
    assert both.on() == ["bo@example.org", "di@example.org", "stranger@example.org"]
    both.run()
    assert both.done() == (0, 0, 0, 0)


def test_nobody_gets_a_mail_for_being_put_on_the_list(both: WithMailman) -> None:
    before = both.core.waiting_mails()
    both.core.ask(
        "PATCH", f"/lists/{both.list_id}/config",
        subscription_policy="confirm_then_moderate", send_welcome_message="true",
        admin_notify_mchanges="false",
    )  # fmt: skip
    both.confirm("ada@example.org")
    both.join_mailman()
    both.run()

    assert both.on() == ["ada@example.org"]
    assert both.core.waiting_mails() == before


def test_leaving_needs_nobodys_leave(both: WithMailman) -> None:
    both.core.ask(
        "PATCH", f"/lists/{both.list_id}/config", unsubscription_policy="confirm_then_moderate"
    )
    both.confirm("ada@example.org")
    both.join_mailman()
    both.run()
    both.leave("ada@example.org")
    both.run()

    assert both.on() == []


def test_members_are_taken_in(both: WithMailman) -> None:
    both.core.put(both.list_id, "ada@example.org")
    both.join_mailman(take_in=True)
    both.run()

    assert both.state("ada@example.org") == State.CONFIRMED
    both.core.leave(both.list_id, "ada@example.org")
    both.run()
    assert both.state("ada@example.org") == State.UNSUBSCRIBED


def test_a_list_is_read_page_by_page(both: WithMailman, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailman, "AT_ONCE", 2)
    for number in range(5):
        both.core.put(both.list_id, f"u{number}@example.org")
    client = mailman.Mailman(Api(both.core.url, USER, PASSWORD), both.list_id)

    assert [one.address for one in client.members()] == [f"u{n}@example.org" for n in range(5)]
    assert client.check() == f"The list is called “{both.list_id[:-14].title()}” and has 5 members."
    client.close()


def test_what_it_does_not_take(both: WithMailman) -> None:
    client = mailman.Mailman(Api(both.core.url, USER, PASSWORD), both.list_id)
    both.core.put(both.list_id, "ada@example.org")
    both.core.ask("POST", f"/lists/{both.list_id}/bans", email="^.*@banned.example")
    with pytest.raises(KnownThere):
        client.add("ADA@example.org")
    for address in ("x@banned.example", f"{both.list_id.replace('.', '@', 1)}", "é@example.org"):
        with pytest.raises(Refused):
            client.add(address)
    assert client.find("nobody@example.org") is None
    client.remove(["00000000000000000000000000000000"])  # is gone already
    client.close()


@pytest.mark.parametrize(
    ("list_id", "password", "says"),
    [
        (None, "wrong", "It does not let us in"),
        ("other.lists.example", PASSWORD, "It has no such list"),
        ("../domains", PASSWORD, "It has no such list"),
    ],
)
def test_a_wrong_password_or_list_is_told(
    both: WithMailman, list_id: str | None, password: str, says: str
) -> None:
    client = mailman.Mailman(Api(both.core.url, USER, password), list_id or both.list_id)
    with pytest.raises(ToolFails, match=says):
        client.check()
    with pytest.raises(ToolFails):
        list(client.members())
    with pytest.raises(ToolFails):
        client.find("ada@example.org")
    client.close()


def test_a_list_that_was_deleted_ends_nobodys_subscription(both: WithMailman) -> None:
    both.confirm("ada@example.org")
    both.join_mailman()
    both.run()
    both.core.ask("DELETE", f"/lists/{both.list_id}")
    both.run()

    assert "no such list" in (both.row().last_error or "")
    assert both.state("ada@example.org") == State.CONFIRMED


def test_a_mailman_that_is_away_is_waited_for(both: WithMailman, tmp_path: Path) -> None:
    both.confirm("ada@example.org")
    both.join_mailman()
    with both.service.database.writing() as session:
        partners.one(session, both.partner).url = "http://127.0.0.1:9"
    both.run()

    assert "It can’t be reached" in (both.row().last_error or "")
    assert both.state("ada@example.org") == State.CONFIRMED
