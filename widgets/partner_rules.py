"""What is to be done about one person who is, or was, here and on a list of another tool.

Three things are compared: how somebody stands here, how they stand there, and how both stood when
they were last compared (PartnerEntry). Leaving anywhere leaves everywhere, and what the other side
knew before does not undo it; only what somebody confirmed here later does.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from widgets.partner_tools.tool import Member, There

# How an entry says that both stood, or what we mean to do about it.
ON = "on"  # both were on
OFF = "off"  # both were off
LEFT = "left"  # they have left there: to be ended here
GONE = "gone"  # they are not in the list any more: to be looked at, and then the same
ENDING = "ending"  # to be ended there
ADDING = "adding"  # to be put on there
MOVED = "moved"  # the address was changed here: the old one is to go there
REFUSED = "refused"  # the tool does not take the address
BLOCKED = "blocked"  # it does not take them any more, which we know


class Do(Enum):
    NOTHING = "nothing"
    END_HERE = "end here"
    END_THERE = "end there"
    PUT_THERE = "put there"
    TAKE_IN = "take in"


@dataclass(frozen=True)
class Here:
    """How somebody stands here. left: unsubscribed, bounced, complained, erased or suppressed.
    epoch: of the subscription; given_at: when they last confirmed it."""

    is_on: bool = False
    left: bool = False
    epoch: int = 0
    given_at: datetime | None = None


@dataclass(frozen=True)
class Known:
    """How both stood when they were last compared: an entry's state, and the epoch then."""

    state: str
    epoch: int


def decide(here: Here, member: Member | None, known: Known | None) -> Do:
    """What is to be done about one person. member: as they stand there; None: not in the list."""
    there = member.there if member else There.ABSENT
    if here.left:
        return Do.END_THERE if member and member.is_on else Do.NOTHING
    if not here.is_on:
        return Do.TAKE_IN if there is There.ON else Do.NOTHING
    anew = known is not None and here.epoch > known.epoch  # confirmed since
    if there in (There.ON, There.PAUSED):
        return Do.NOTHING
    if there is There.UNCONFIRMED:
        return Do.PUT_THERE
    if there is There.ABSENT:
        if known is None or known.state in (ADDING, MOVED):
            return Do.PUT_THERE
        if known.state == ON:
            # Also where both changed since: nobody can tell which was later.
            return Do.END_HERE
        if known.state == REFUSED:
            return Do.PUT_THERE
        return Do.PUT_THERE if anew else Do.END_HERE
    if there is There.BLOCKED:
        known_off = known is not None and known.state in (OFF, LEFT, GONE, ENDING)
        if (known is not None and known.state == BLOCKED) or (known_off and anew):
            return Do.NOTHING  # they want it here, and nothing may put them on it there
        return Do.END_HERE
    return Do.PUT_THERE if _is_older(here, member, known, anew) else Do.END_HERE


def _is_older(here: Here, member: Member | None, known: Known | None, anew: bool) -> bool:
    """Whether they left over there before they last confirmed here."""
    changed = member.changed if member else None
    comparable = changed is not None and here.given_at is not None
    later_here = comparable and here.given_at > changed  # type: ignore[operator]
    if known is None or known.state in (ADDING, REFUSED, MOVED):
        return later_here
    if known.state == ON:
        return anew and later_here
    return anew and (later_here or not comparable)
