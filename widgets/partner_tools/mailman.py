"""A list of Mailman 3, by the REST API of its core, version 3.1
(https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/rest/docs/rest.html)."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from widgets.partner_tools.asking import Api, number, strange
from widgets.partner_tools.tool import KnownThere, Member, Refused, There, ToolFails

AT_ONCE = 200  # on a page
MOST_PAGES = 1_000_000
# Nobody is asked again who has confirmed with us, and no moderator is asked either.
DECIDED = {"pre_confirmed": "true", "pre_approved": "true"}


class Mailman:
    """list_name: the id of the list ("news.lists.example") or its address."""

    def __init__(self, api: Api, list_name: str) -> None:
        self._api = api
        self._list = quote(list_name.replace("@", "."), safe="")

    def close(self) -> None:
        self._api.close()

    def check(self) -> str:
        status, said, _ = self._api.ask("GET", f"/3.1/lists/{self._list}", may=(404,))
        if status == 404:
            raise ToolFails("It has no such list, or this is not the address of Mailman’s core.")
        if not isinstance(said, dict) or "list_id" not in said:
            raise strange()
        many = number(said.get("member_count"))
        name = str(said.get("display_name", ""))[:100]
        people = "member" if many == 1 else "members"
        return f"The list is called “{name}” and has {many:,} {people}."

    def members(self) -> Iterator[Member]:
        seen, before = 0, None
        for page in range(1, MOST_PAGES):
            _, said, _ = self._api.ask(
                "GET",
                f"/3.1/lists/{self._list}/roster/member",
                query={"count": AT_ONCE, "page": page},
            )
            if not isinstance(said, dict):
                raise strange()
            found = said.get("entries") or []
            if not isinstance(found, list):
                raise strange()
            if found and found == before:
                raise strange()  # every page is the same
            before = found
            yield from (_member(one) for one in found)
            seen += len(found)
            if not found or seen >= number(said.get("total_size")):
                return

    def find(self, address: str) -> Member | None:
        path = f"/3.1/lists/{self._list}/member/{quote(address, safe='@')}"
        status, said, _ = self._api.ask("GET", path, may=(400, 404))
        if status in (400, 404):
            self.check()  # or the list itself is gone, and everybody would seem to have left
            return None
        return _member(said)

    def add(self, address: str) -> str:
        form = {
            "list_id": self._list,
            "subscriber": address,
            "pre_verified": "true",
            **DECIDED,
            "send_welcome_message": "false",
        }
        status, _, headers = self._api.ask("POST", "/3.1/members", form=form, may=(400, 409))
        if status == 409:
            raise KnownThere
        if status == 400:
            self.check()  # "no such list" is a 400 too
            raise Refused
        remote_id = headers.get("location", "").rstrip("/").rpartition("/")[2]
        if status != 201 or not remote_id:
            raise strange()
        return str(remote_id)

    def put_back(self, member: Member) -> str:
        return self.add(member.address)

    def remove(self, remote_ids: Sequence[str]) -> None:
        for one in remote_ids:
            path = f"/3.1/members/{quote(one, safe='')}"
            status, _, _ = self._api.ask("DELETE", path, form=DECIDED, may=(404,))
            if status == 202:
                raise ToolFails("It keeps people on the list until a moderator has agreed.")


def _member(one: Any) -> Member:
    if not isinstance(one, dict) or not one.get("member_id") or not one.get("email"):
        raise strange()
    return Member(str(one["member_id"]), str(one["email"]), There.ON)
