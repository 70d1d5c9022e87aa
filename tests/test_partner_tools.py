"""Clients of other tools: what they ask, and what they make of the answers.

listmonk is a recording (tests/recordings/listmonk.json): each request must be as it stands there.
Mailman is a real one, in tests/mailman/.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.other_tools import PASSWORD, USER, Replay, Served
from widgets import sealing
from widgets.links import Links
from widgets.partner_tools.asking import Api, BadUrl, checked_url
from widgets.partner_tools.listmonk import Listmonk
from widgets.partner_tools.tool import KnownThere, Member, There, ToolFails

RECORDING = Path(__file__).parent / "recordings" / "listmonk.json"
SINCE = datetime(2026, 3, 30, 16, 1, 2, 500000, tzinfo=UTC)


@contextmanager
def replayed(name: str) -> Iterator[Listmonk]:
    """A client before this part of the recording, which it must ask for to the end."""
    with Replay(json.loads(RECORDING.read_text())["exchanges"][name]) as replay:
        client = Listmonk(Api(replay.url, USER, PASSWORD), "3")
        yield client
        client.close()
        replay.check()


def test_the_members_of_a_list_of_listmonk_come_page_by_page() -> None:
    with replayed("members") as client:
        found = list(client.members())

    assert found == [
        Member("1", "ada@example.org", There.ON, SINCE),
        Member("2", "bo@example.org", There.OFF, SINCE),
        Member("9", "cy@example.org", There.BLOCKED, SINCE),
    ]


def test_somebody_new_is_added_as_confirmed() -> None:
    with replayed("add") as client:
        assert client.add("di@example.org") == "12"


def test_whom_listmonk_knows_is_not_added() -> None:
    with replayed("add, known") as client, pytest.raises(KnownThere):
        client.add("bo@example.org")


def test_one_address_is_searched_for() -> None:
    with replayed("find") as client:
        found = client.find("Bo.X+1@example.org")

    assert found == Member("2", "bo.x+1@example.org", There.OFF, SINCE)


def test_older_versions_are_asked_in_sql() -> None:
    with replayed("find, before version 5") as client:
        assert client.find("bo'x@example.org") is None


def test_somebody_is_put_back() -> None:
    with replayed("put back") as client:
        assert client.put_back(Member("2", "bo@example.org", There.OFF)) == "2"


def test_several_are_unsubscribed_at_once() -> None:
    with replayed("remove") as client:
        client.remove(["1", "2"])


def test_a_yes_without_a_deed_is_noticed() -> None:
    with replayed("remove, not allowed") as client, pytest.raises(ToolFails, match="permission"):
        client.remove(["1"])


# Asking


class Says(Served):
    def __init__(self, says: Callable[[], tuple[int, dict[str, str], bytes]]) -> None:
        super().__init__()
        self.says = says
        self.paths: list[str] = []

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.paths.append(path)
        return self.says()


def test_a_redirect_is_told_and_not_followed() -> None:
    with Says(lambda: (302, {"Location": "/elsewhere"}, b"")) as server:
        api = Api(server.url, USER, PASSWORD)
        with pytest.raises(ToolFails, match="a redirect"):
            api.ask("GET", "/api/lists/3")
        api.close()

    assert server.paths == ["/api/lists/3"]


def test_an_endless_answer_is_cut_off() -> None:
    with Says(lambda: (200, {}, b"[" + b" " * 21_000_000)) as server:
        api = Api(server.url, USER, PASSWORD)
        with pytest.raises(ToolFails, match="larger than 20,000,000 bytes"):
            api.ask("GET", "/")
        api.close()


def test_a_page_that_never_ends_is_noticed() -> None:
    one = {"id": 1, "email": "a@example.org", "status": "enabled", "lists": []}
    page = {"results": [one], "total": 10**9, "id": 3, "optin": "double"}
    with Says(lambda: (200, {}, json.dumps({"data": page}).encode())) as server:
        client = Listmonk(Api(server.url, USER, PASSWORD), "3")
        client._is_double = True
        with pytest.raises(ToolFails):
            list(client.members())
        client.close()

    assert len(server.paths) == 2


@pytest.mark.parametrize(
    "url",
    [
        "https://lists.example.org",
        "http://127.0.0.1:8001",
        "http://localhost:9000",
        "http://mailman-core:8001",
        "http://192.168.1.7:8001",
        "http://[fd00::1]:8001",
        "http://mail.internal",
    ],
)
def test_a_password_may_be_sent_there(url: str) -> None:
    assert checked_url(f" {url}/ ") == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://lists.example.org", "must begin with https"),
        ("http://8.8.8.8", "must begin with https"),
        ("https://user:word@lists.example.org", "the address alone"),
        ("https://lists.example.org/?a=b", "the address alone"),
        ("ftp://lists.example.org", "an address like"),
        ("lists.example.org", "an address like"),
        ("", "an address like"),
        ("https://", "an address like"),
        ("https://a:999999", "an address like"),
        ("https://[", "an address like"),
    ],
)
def test_a_password_may_not_be_sent_there(url: str, why: str) -> None:
    with pytest.raises(BadUrl, match=why):
        checked_url(url)


# Sealing


def test_a_secret_is_sealed_and_opened() -> None:
    sealed = sealing.seal(Links(["a key"]), "pass phrase")

    assert "pass" not in sealed
    assert sealing.opened(Links(["a key"]), sealed) == "pass phrase"
    assert sealing.opened(Links(["a newer key", "a key"]), sealed) == "pass phrase"
    with pytest.raises(sealing.CantOpen):
        sealing.opened(Links(["a newer key"]), sealed)
    with pytest.raises(sealing.CantOpen):
        sealing.opened(Links(["a key"]), "rubbish")
