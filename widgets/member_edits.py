"""Two editors change one member at the same time: whoever saves second is shown so, and loses
nothing. The form carries along what it was filled with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from widgets import audit, members
from widgets.audit import Actor
from widgets.members import Entry, Person
from widgets.models import AuditEntry
from widgets.versions import Change, compared

T = TypeVar("T")


@dataclass
class Overtaken(Exception):
    """Somebody has saved the member since the form was filled. who: their entry in the audit;
    since: what they changed; theirs: what stands there now; merged: what was typed, and theirs
    where nothing was; both: what both have changed, as the form calls it."""

    who: AuditEntry | None
    since: list[Change]
    theirs: Entry
    merged: Entry
    both: list[str]


def save(
    session: Session, slug: str, entry: Entry, base: Entry | None, actor: Actor, now: datetime
) -> bool:
    """As members.change. base: what the form was filled with; None where that is not known.
    Raises Overtaken, and what members.change raises."""
    members.one_after_another(session)
    theirs = members.entry_of(members.get(session, slug))
    if base is not None and theirs not in (base, entry):
        merging = _Merging(base, theirs, entry)
        merged = merging.entry()
        raise Overtaken(
            _last_change(session, slug), _changes(base, theirs), theirs, merged, merging.both
        )
    return members.change(session, slug, entry, actor, now)


def packed(entry: Entry) -> str:
    """An entry as the form carries it along."""
    return json.dumps(asdict(entry), ensure_ascii=False)


def unpacked(carried: str) -> Entry | None:
    """What `packed` made; None where it is anything else: it comes with the request."""
    try:
        fields = json.loads(carried)
        people = [Person(**one) for one in fields.pop("contacts")]
        entry = Entry(**fields, contacts=people)
        ours = json.loads(packed(entry))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return entry if _fits(ours) else None


def _fits(fields: Mapping[str, Any]) -> bool:
    def are_texts(values: Any) -> bool:
        return all(isinstance(one, str) for one in values)

    people = fields["contacts"]
    return (
        isinstance(fields["names"], dict)
        and isinstance(fields["sites"], list)
        and are_texts([fields["name"], fields["country"] or "", fields["website"] or ""])
        and are_texts([*fields["names"].values(), *fields["sites"]])
        and all(isinstance(one["id"], int | None) for one in people)
        and all(are_texts([one["name"], one["address"], one["lang"] or ""]) for one in people)
    )


class _Merging:
    """What was typed where something was, and what the other editor saved elsewhere."""

    def __init__(self, base: Entry, theirs: Entry, mine: Entry) -> None:
        self._base, self._theirs, self._mine = base, theirs, mine
        self.both: list[str] = []

    def entry(self) -> Entry:
        base, theirs, mine = self._base, self._theirs, self._mine
        tags = list(dict.fromkeys([*theirs.names, *mine.names]))
        names = {
            tag: self._one(
                f"the name ({tag})",
                base.names.get(tag, ""),
                theirs.names.get(tag, ""),
                mine.names.get(tag, ""),
            )
            for tag in tags
        }
        return Entry(
            self._one("the name", base.name, theirs.name, mine.name),
            {tag: name for tag, name in names.items() if name},
            self._one("the country", base.country, theirs.country, mine.country),
            self._one("the website", base.website, theirs.website, mine.website),
            self._contacts(),
            self._sites(),
        )

    def _one(self, label: str, base: T, theirs: T, mine: T) -> T:
        if mine == base:
            return theirs
        if theirs not in (base, mine) and label not in self.both:
            self.both.append(label)
        return mine

    def _sites(self) -> list[str]:
        base, theirs, mine = self._base.sites, self._theirs.sites, self._mine.sites
        kept = [one for one in theirs if one in mine or one not in base]
        return kept + [one for one in mine if one not in theirs and one not in base]

    def _contacts(self) -> list[Person]:
        base = {one.id: one for one in self._base.contacts if one.id}
        mine = {one.id: one for one in self._mine.contacts if one.id}
        merged: list[Person] = []
        for one in self._theirs.contacts:
            if one.id not in base:
                merged.append(one)
            elif kept := self._one("a contact", base[one.id], one, mine.get(one.id)):
                merged.append(kept)
        there = {one.id for one in self._theirs.contacts}
        for typed in self._mine.contacts:
            if typed.id and (typed.id in there or typed == base.get(typed.id)):
                continue  # is in already, or was taken out by them
            if typed.id:  # changed here, taken out there
                self.both.append("a contact")
            if all(typed.address.casefold() != one.address.casefold() for one in merged):
                merged.append(Person(typed.name, typed.address, typed.lang))
        return merged


def _changes(old: Entry, new: Entry) -> list[Change]:
    before, after = _told(old), _told(new)
    return [
        Change(label, label, compared(before.get(label, ""), after.get(label, "")))
        for label in dict.fromkeys([*before, *after])
        if before.get(label, "") != after.get(label, "")
    ]


def _told(entry: Entry) -> dict[str, str]:
    """What an entry says, in words, by what the form calls it."""
    people = [
        " ".join(part for part in (one.name, one.address, one.lang) if part)
        for one in entry.contacts
    ]
    return {
        "Name": entry.name,
        "Country": entry.country or "",
        "Website": entry.website or "",
        "Contacts": ", ".join(people),
        "Sites": ", ".join(entry.sites),
    } | {f"Name ({tag})": name for tag, name in entry.names.items()}


def _last_change(session: Session, slug: str) -> AuditEntry | None:
    entries = audit.entries(session, kind="member", subject=slug).items
    found = next((one for one in entries if one.action == "changed"), None)
    if found is not None:
        session.expunge(found)  # it is still to be read when this transaction is rolled back
    return found
