"""A list of listmonk 2.3 or later, by its HTTP API (https://listmonk.app/docs/apis/subscribers/).

Its user needs, of the permissions that there are since version 4: `lists:get_all`,
`subscribers:get_all`, `subscribers:manage`, and managing of this list.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from widgets.partner_tools.asking import Api, number, strange
from widgets.partner_tools.tool import KnownThere, Member, Refused, There, ToolFails

AT_ONCE = 500  # on a page; it may give fewer
MOST_PAGES = 1_000_000
STANDING = {"confirmed": There.ON, "unconfirmed": There.UNCONFIRMED, "unsubscribed": There.OFF}


class Listmonk:
    """list_name: the number of the list, as its page has it in its address."""

    def __init__(self, api: Api, list_name: str) -> None:
        self._api = api
        self._list = int(list_name)

    def close(self) -> None:
        self._api.close()

    def check(self) -> str:
        status, said, _ = self._api.ask("GET", f"/api/lists/{self._list}", may=(400, 404))
        if status in (400, 404):
            raise ToolFails(f"It has no list {self._list}, or its user may not see it.")
        found = _data(said)
        if isinstance(found, dict) and "results" in found:  # before version 2.2
            found = next(iter(found["results"]), None)
        if not isinstance(found, dict) or found.get("id") != self._list:
            raise strange()
        many = self._page(1)[1]
        is_double = found.get("optin") == "double"
        self._is_double = is_double
        name = str(found.get("name", ""))[:100]
        return f"The list is called “{name}” and knows {many:,} {_people(many)}."

    def members(self) -> Iterator[Member]:
        double = self._asks_twice()
        seen, before = 0, None
        for page in range(1, MOST_PAGES):
            found, total = self._page(page)
            if found and found == before:
                raise strange()  # every page is the same
            before = found
            yield from (self._member(one, double) for one in found)
            seen += len(found)
            if not found or seen >= total:
                return

    def find(self, address: str) -> Member | None:
        lower = address.lower()
        # newer versions search by a regular expression; older ones know only SQL, and newer ones
        # only let some users write that
        query: dict[str, Any] = {"page": 1, "per_page": 100, "search": f"^{_literally(lower)}$"}
        found, total = self._pick(query)
        exact = [one for one in found if str(one.get("email", "")).lower() == lower]
        if not exact and total > len(found):
            quoted = lower.replace("'", "''")
            query = {"page": 1, "per_page": 2, "query": f"subscribers.email = '{quoted}'"}
            found, _ = self._pick(query)
            exact = [one for one in found if str(one.get("email", "")).lower() == lower]
        return self._member(exact[0], self._asks_twice()) if exact else None

    def add(self, address: str) -> str:
        body = {
            "email": address,
            "name": address.partition("@")[0],
            "status": "enabled",
            "lists": [self._list],
            "preconfirm_subscriptions": True,
        }
        status, said, _ = self._api.ask("POST", "/api/subscribers", body=body, may=(400, 409))
        if status == 409:
            raise KnownThere
        if status == 400:
            raise Refused
        made = _data(said)
        if not isinstance(made, dict):
            raise strange()
        remote_id = str(number(made.get("id")))
        self._see_that(remote_id, There.ON)
        return remote_id

    def put_back(self, member: Member) -> str:
        if member.there is There.BLOCKED:
            raise Refused
        self._change([member.remote_id], "add", status="confirmed")
        self._see_that(member.remote_id, There.ON)
        return member.remote_id

    def remove(self, remote_ids: Sequence[str]) -> None:
        if remote_ids:
            self._change(remote_ids, "unsubscribe")
            self._see_that(remote_ids[0], There.OFF)

    def _change(self, remote_ids: Sequence[str], action: str, **more: str) -> None:
        body = {
            "ids": [int(one) for one in remote_ids],
            "action": action,
            "target_list_ids": [self._list],
            **more,
        }
        self._api.ask("PUT", "/api/subscribers/lists", body=body)

    def _see_that(self, remote_id: str, there: There) -> None:
        """It answers 200 too where its user may not do what was asked, and does nothing."""
        # 400 is its way to say that it does not know this number
        status, said, _ = self._api.ask("GET", f"/api/subscribers/{int(remote_id)}", may=(400, 403))
        now = There.ABSENT if status in (400, 403) else self._member(_data(said), True).there
        is_so = now is There.ON if there is There.ON else now not in (There.ON, There.UNCONFIRMED)
        if not is_so:
            raise ToolFails(
                "It answered that all is well, but nothing changed: its user needs the permission "
                "to manage this list."
            )

    def _asks_twice(self) -> bool:
        """Whether who subscribes there confirms it. On a list that asks once, they are told as
        unconfirmed, and are written to."""
        if not hasattr(self, "_is_double"):
            self.check()
        return self._is_double

    def _page(self, page: int) -> tuple[list[dict[str, Any]], int]:
        # by their number, so that who comes meanwhile comes last
        query = {
            "list_id": self._list,
            "page": page,
            "per_page": AT_ONCE,
            "order_by": "id",
            "order": "ASC",
        }
        return self._pick(query)

    def _pick(self, query: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
        _, said, _ = self._api.ask("GET", "/api/subscribers", query=query)
        found = _data(said)
        if not isinstance(found, dict):
            raise strange()
        results = found.get("results") or []
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise strange()
        return results, number(found.get("total"))

    def _member(self, one: Any, double: bool) -> Member:
        if not isinstance(one, dict):
            raise strange()
        lists = one.get("lists") or []
        on = next((x for x in lists if isinstance(x, dict) and x.get("id") == self._list), None)
        there = There.ABSENT
        changed = None
        if on is not None:
            there = STANDING.get(str(on.get("subscription_status")), There.UNCONFIRMED)
            changed = _moment(on.get("subscription_updated_at"))
            if there is There.UNCONFIRMED and not double:
                there = There.PAUSED
        if one.get("status") == "blocklisted":
            there, changed = There.BLOCKED, _moment(one.get("updated_at"))
        elif one.get("status") == "disabled" and there is There.ON:
            there = There.PAUSED
        return Member(str(number(one.get("id"))), str(one.get("email", "")), there, changed)


def _data(said: object) -> Any:
    if not isinstance(said, dict) or "data" not in said:
        raise strange()
    return said["data"]


def _people(many: int) -> str:
    return "person" if many == 1 else "people"


def _literally(address: str) -> str:
    """For a regular expression of PostgreSQL."""
    return re.sub(r"([!-,./:-?\[-^`{-~])", r"\\\1", address)


def _moment(written: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
