"""What was found when a newsletter and a list of another tool were compared, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Found:
    """What a run or a look found. there: who is or was on the list; same: who stands alike;
    unknown: confirmed there and not here, and left alone; bad: what is no address."""

    there: int = 0
    same: int = 0
    put: int = 0
    end_here: int = 0
    end_there: int = 0
    take_in: int = 0
    unknown: int = 0
    bad: int = 0
    refused: int = 0
    entries: int = 0  # who was on both when they were last compared
    matched: int = field(default=0, repr=False)


def sentence(found: Found) -> str:
    """
    >>> sentence(Found(there=130, same=127, put=120, end_here=3, unknown=2))
    'A run would put 120 people on the list there and end 3 subscriptions here. 127 stand alike.'
    """
    parts = []
    if found.put:
        parts.append(f"put {_people(found.put)} on the list there")
    if found.end_there:
        parts.append(f"take {_people(found.end_there)} off it there")
    if found.end_here:
        ends = "1 subscription" if found.end_here == 1 else f"{found.end_here:,} subscriptions"
        parts.append(f"end {ends} here")
    if found.take_in:
        parts.append(f"take {_people(found.take_in)} in here")
    alike = "1 stands" if found.same == 1 else f"{found.same:,} stand"
    if not parts:
        return f"A run would change nothing. {alike} alike."
    start = ", ".join(parts[:-1])
    return f"A run would {start + ' and ' if start else ''}{parts[-1]}. {alike} alike."


def found(kept: Mapping[str, Any]) -> Found:
    """What `look` has kept."""
    return Found(**{name: value for name, value in kept.items() if name != "at"})


def told(outcome: Mapping[str, Any]) -> str:
    """What a run did.

    >>> told({"put": 2, "end_there": 0, "end_here": 1, "take_in": 0, "same": 3})
    '2 people put on the list there, 1 subscription ended here. 3 stood alike.'
    """
    parts = []
    if put := outcome["put"]:
        parts.append(f"{_people(put)} put on the list there")
    if off := outcome["end_there"]:
        parts.append(f"{_people(off)} taken off it there")
    if ends := outcome["end_here"]:
        ended = "1 subscription" if ends == 1 else f"{ends:,} subscriptions"
        parts.append(f"{ended} ended here")
    if taken := outcome["take_in"]:
        parts.append(f"{_people(taken)} taken in here")
    alike = f"{outcome['same']:,} stood alike."
    return f"{', '.join(parts) or 'Nothing was to be done'}. {alike}"


def _people(many: int) -> str:
    return "1 person" if many == 1 else f"{many:,} people"
