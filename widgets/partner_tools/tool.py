"""What every other tool is asked, whatever it is called there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ToolFails(Exception):
    """The tool can't be used now, or not with what we know of it; the text tells an editor why. It
    holds no address of a subscriber."""


class Refused(Exception):
    """The tool does not take this one address."""


class KnownThere(Exception):
    """The tool has this address already, on this list or on another: look at it first."""


class There(StrEnum):
    """How somebody stands on the list over there."""

    ON = "on"
    PAUSED = "paused"  # on it, but not written to, or never asked to confirm: never taken in
    UNCONFIRMED = "unconfirmed"
    OFF = "off"  # was on it, and has left
    BLOCKED = "blocked"  # off it, and nothing may put them on it
    ABSENT = "absent"


@dataclass(frozen=True)
class Member:
    """remote_id: as the tool knows them; address: as it is written there, checked by nobody;
    changed: since when they stand so, where the tool tells."""

    remote_id: str
    address: str
    there: There
    changed: datetime | None = None

    @property
    def is_on(self) -> bool:
        """Whether they are on the list, or about to be."""
        return self.there in (There.ON, There.PAUSED, There.UNCONFIRMED)


class Tool(Protocol):
    """One list of one tool. Every method raises ToolFails."""

    def check(self) -> str:
        """Asks for the list with what we know; a sentence on what was found."""

    def members(self) -> Iterator[Member]:
        """Everybody who is or was on the list, page by page. Who comes or goes meanwhile can make
        it miss others."""

    def find(self, address: str) -> Member | None:
        """How one address stands there; None where the tool does not know it."""

    def add(self, address: str) -> str:
        """Puts somebody on the list whom the tool does not know, confirmed, without a mail to them;
        their remote id. Raises Refused and KnownThere."""

    def put_back(self, member: Member) -> str:
        """Puts somebody on the list whom it knows; their remote id. Raises Refused."""

    def remove(self, remote_ids: Sequence[str]) -> None:
        """Takes them off the list. Who is not on it stays so."""

    def close(self) -> None: ...
