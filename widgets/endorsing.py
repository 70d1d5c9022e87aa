"""Members answer whether they endorse a statement. Each of a member's contacts has a signed link of
their own; what was answered last, by whichever of them, is the member's answer."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from widgets import audit, signatories, statements, text, webhooks
from widgets.audit import Actor, Subject
from widgets.models import (
    Consented,
    Contact,
    Invitation,
    Member,
    Reply,
    Signatory,
    Standing,
    Statement,
)
from widgets.models.fact import content_changed
from widgets.paging import PER_PAGE, Page
from widgets.signatories import NAMED_AT_ONCE, Name
from widgets.statements import Shown
from widgets.webhooks import Event

_TOLD = {
    Reply.ENDORSED: "endorsed",
    Reply.DECLINED: "did not endorse",
    Reply.WITHDRAWN: "took back the endorsement of",
}
PUBLIC = (Standing.PUBLISHED, Standing.WITHDRAWN)


class NoSuchInvitation(Exception):
    """The contact, the member or the statement that it was about is no more."""


class Said(StrEnum):
    """What a contact presses."""

    ENDORSE = "endorse"
    DECLINE = "decline"  # "not this time"; where the name stands there, it is taken away
    WITHDRAW = "withdraw"  # takes the name away, at any time


class Closed(StrEnum):
    """Why nobody can endorse now."""

    WITHDRAWN = "withdrawn"  # the statement, by the network
    LEFT = "left"  # the member, the network
    DRAFT = "draft"  # it is written on again
    LATE = "late"


@dataclass(frozen=True)
class Answer:
    """What one contact answered last. name: "" where we don't know their name."""

    name: str
    reply: str
    at: datetime
    is_mine: bool


@dataclass(frozen=True)
class Asked:
    """What somebody meets who opens their link. called: the member, in the first language that is
    asked for. name: as it stands under the statement, or would; the list has one language. stands:
    whether it does. answers: those of all its contacts, the latest first. mine: what this contact
    answered last."""

    statement: Shown
    is_public: bool
    called: str
    name: Name
    stands: bool
    until: datetime | None
    closed: Closed | None
    mine: str | None
    answers: list[Answer]


def language(session: Session, invitation_id: uuid.UUID) -> str | None:
    """That of the contact who was asked, as far as we know. Raises NoSuchInvitation."""
    return _invitation(session, invitation_id).contact.lang


def asked(session: Session, invitation_id: uuid.UUID, lang: str, now: datetime) -> Asked:
    """What an invitation leads to, with the statement in the language nearest to a tag, or to the
    first of several with commas between them that helps. Raises NoSuchInvitation."""
    invitation = _invitation(session, invitation_id)
    statement, member = invitation.statement, invitation.member
    row = standing_of(session, statement.id, [member]).get(member.slug)
    answers = [
        Answer(one.contact.name, one.reply, one.replied_at, one.id == invitation.id)
        for one in _of_member(session, statement.id, member.slug)
        if one.reply and one.replied_at
    ]
    return Asked(
        statement=statements.of_any_standing(session, statement.id, lang),
        is_public=statement.standing in PUBLIC,
        called=called(member, lang.partition(",")[0]),
        name=_as_it_stands(row) or name_of(member, statement.lang),
        stands=row is not None,
        until=statement.endorse_until,
        closed=closed(statement, member, now),
        mine=invitation.reply,
        answers=sorted(answers, key=lambda one: one.at, reverse=True),
    )


def closed(statement: Statement, member: Member, now: datetime) -> Closed | None:
    """Why the member can't endorse the statement now; None where it can."""
    if statement.standing == Standing.WITHDRAWN:
        return Closed.WITHDRAWN
    if member.left_at is not None:
        return Closed.LEFT
    if statement.standing == Standing.DRAFT:
        return Closed.DRAFT
    return Closed.LATE if is_over(statement, now) else None


def is_over(statement: Statement, now: datetime) -> bool:
    """Whether the time to endorse it has ended."""
    return statement.endorse_until is not None and statement.endorse_until <= now


def called(member: Member, lang: str) -> str:
    """A member's name in the language of a tag, or the one it has without a language."""
    names = {tag.lower(): name for tag, name in member.names.items()}
    tag = lang.lower()
    return names.get(tag) or names.get(tag.partition("-")[0]) or member.name


def _as_it_stands(row: Signatory | None) -> Name | None:
    return Name(row.name, row.country, row.url) if row else None


def name_of(member: Member, lang: str) -> Name:
    """The name a member has under a statement whose own language this is: the list is the same for
    all readers, in whatever language they read."""
    name = called(member, lang)
    try:
        return signatories.checked(name, member.country or "", member.website or "")
    except signatories.BadName:  # its address or its country came in by another way
        return Name(text.clean(name), member.country)


def answer(session: Session, invitation_id: uuid.UUID, said: Said, now: datetime) -> None:
    """Takes a contact's answer, and puts the member's name under the statement or takes it away.
    What comes too late, or twice, changes nothing. Raises NoSuchInvitation."""
    statement_id = _invitation(session, invitation_id).statement_id
    signatories.one_after_another(session, statement_id)
    session.expire_all()  # another contact may have answered while we waited
    invitation = _invitation(session, invitation_id)
    statement, member = invitation.statement, invitation.member
    if said is not Said.WITHDRAW and closed(statement, member, now):
        return
    row = standing_of(session, statement_id, [member]).get(member.slug)
    is_news = said is Said.ENDORSE and (row is None or row.member_slug != member.slug)
    if said is Said.ENDORSE:
        reply = Reply.ENDORSED
        if row is None:
            _add(session, statement, invitation, now)
        elif invitation.reply == reply and row.member_slug == member.slug:
            return
        else:
            row.member_slug, row.consented = member.slug, Consented.LINK
            row.note = _note(invitation, now)
    else:
        reply = Reply.DECLINED
        if row is not None or invitation.reply in (Reply.ENDORSED, Reply.WITHDRAWN):
            reply = Reply.WITHDRAWN
        if row is None and invitation.reply == reply:
            return
        if row is not None:
            signatories.remove(session, row.id)
            _changed(session, statement)
    invitation.reply, invitation.replied_at = reply, now
    audit.record(
        session,
        Actor(invitation.contact.name or member.name),
        _TOLD[reply],
        about(statement),
        now,
        member=member.name,
    )
    if is_news:
        _tell(session, statement, member, now)


def _tell(session: Session, statement: Statement, member: Member, now: datetime) -> None:
    def data() -> dict[str, object]:
        return {
            "statement": webhooks.about(statement),
            "kind": "member",
            "country": member.country,
            "member": {"slug": member.slug, "name": member.name},
        }

    webhooks.tell(session, Event.ENDORSED, data, now)


def _add(session: Session, statement: Statement, invitation: Invitation, now: datetime) -> None:
    try:
        signatories.add(
            session,
            statement.id,
            name_of(invitation.member, statement.lang),
            consented=Consented.LINK,
            note=_note(invitation, now),
            member_slug=invitation.member_slug,
        )
    except signatories.Twin:  # another member of the same name: the editors see the answer
        return
    _changed(session, statement)


def _changed(session: Session, statement: Statement) -> None:
    if statement.standing in PUBLIC:
        content_changed(session)


def _note(invitation: Invitation, now: datetime) -> str:
    """How it is known, also when the contact is no more: so never by their address, which has to go
    with them, and which the audit would keep for good. The name is last: before it, one from right
    to left would turn the date round."""
    return f"{now:%-d %b %Y, %H:%M} UTC, {invitation.contact.name or 'a contact'}"


def about(statement: Statement) -> Subject:
    return Subject("statement", statement.id, statement.title)


def standing_of(
    session: Session, statement_id: int, members: Sequence[Member]
) -> dict[str, Signatory]:
    """Of these members those who stand under a statement, by slug, and where: as their own, or by a
    name of theirs that was written there before anybody knew whose it is."""
    found: dict[str, Signatory] = {}
    for start in range(0, len(members), NAMED_AT_ONCE):
        slugs = [member.slug for member in members[start : start + NAMED_AT_ONCE]]
        for row in session.scalars(
            select(Signatory).where(
                Signatory.statement_id == statement_id, Signatory.member_slug.in_(slugs)
            )
        ):
            found[str(row.member_slug)] = row
    missing = [member for member in members if member.slug not in found]
    nobodys = _nobodys(session, statement_id, missing)
    for member in missing:
        rows = [row for name in _names(member) for row in nobodys.get(text.plain(name), ())]
        fitting = [
            row for row in rows if not row.country or row.country == (member.country or row.country)
        ]
        if fitting:
            found[member.slug] = fitting[0]
    return found


def _nobodys(
    session: Session, statement_id: int, members: Sequence[Member]
) -> dict[str, list[Signatory]]:
    """Names under the statement that are no member's yet and might be one of these, by what they
    are without case and accents."""
    folded = sorted({text.fold(name) for member in members for name in _names(member)})
    found: dict[str, list[Signatory]] = {}
    for start in range(0, len(folded), NAMED_AT_ONCE):
        for row in session.scalars(
            select(Signatory)
            .where(
                Signatory.statement_id == statement_id,
                Signatory.member_slug.is_(None),
                Signatory.signing_id.is_(None),
                Signatory.folded.in_(folded[start : start + NAMED_AT_ONCE]),
            )
            .order_by(Signatory.position)
        ):
            found.setdefault(text.plain(row.name), []).append(row)
    return found


def _names(member: Member) -> list[str]:
    return [member.name, *member.names.values()]


@dataclass(frozen=True)
class MemberAsked:
    """A member that was asked, for the editor. invitations: one of each contact, the first asked
    first. stands: whether its name is under the statement now."""

    member: Member
    invitations: list[Invitation]
    stands: bool

    @property
    def latest(self) -> Invitation | None:
        """The contact's answer that counts."""
        answered = [one for one in self.invitations if one.replied_at]
        return max(answered, key=lambda one: one.replied_at or one.asked_at, default=None)

    @property
    def state(self) -> str:
        return (self.latest.reply if self.latest else None) or "waiting"

    @property
    def disagrees(self) -> bool:
        """Whether its contacts answered differently."""
        said = {one.reply == Reply.ENDORSED for one in self.invitations if one.reply}
        return len(said) > 1

    @property
    def differs(self) -> bool:
        """Whether what stands under the statement is not what was answered."""
        return self.latest is not None and self.stands != (self.state == Reply.ENDORSED)


def members_asked(session: Session, statement_id: int) -> list[MemberAsked]:
    """All members that were asked about a statement, in the order of their names."""
    by_member: dict[str, list[Invitation]] = {}
    for one in session.scalars(
        select(Invitation)
        .options(joinedload(Invitation.member), joinedload(Invitation.contact))
        .where(Invitation.statement_id == statement_id)
        .order_by(Invitation.asked_at, Invitation.contact_id)
    ):
        by_member.setdefault(one.member_slug, []).append(one)
    members = sorted(
        (those[0].member for those in by_member.values()), key=lambda one: text.fold(one.name)
    )
    standing = standing_of(session, statement_id, members)
    return [MemberAsked(one, by_member[one.slug], one.slug in standing) for one in members]


@dataclass(frozen=True)
class Overview:
    """counts: how many members were asked, and how many are in each state. names: how many stand
    under the statement, however they came there."""

    page: Page[MemberAsked]
    counts: dict[str, int]
    names: int


def overview(
    session: Session, statement_id: int, *, search: str = "", state: str = "", number: int = 1
) -> Overview:
    """What became of the invitations: a page of the members found. state: one of Reply, "waiting"
    or "disagree"; "" for all."""
    everybody = members_asked(session, statement_id)
    counts = {"asked": len(everybody), "disagree": sum(one.disagrees for one in everybody)}
    for said in (*Reply, "waiting"):
        counts[str(said)] = sum(one.state == said for one in everybody)
    found = [
        one
        for one in everybody
        if matches(one.member, search)
        and (not state or one.state == state or (state == "disagree" and one.disagrees))
    ]
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(max(1, number), pages)
    items = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    page = Page(items, number, pages, len(found))
    return Overview(page, counts, signatories.count(session, statement_id))


def matches(member: Member, search: str) -> bool:
    """Whether all words of a search are in one of the member's names."""
    words = text.fold(search).split()
    return any(all(word in text.fold(name) for word in words) for name in _names(member))


ANSWERS = ("member", "country", "stands", "contact", "address", "asked_at", "reminded_at",
           "reminders", "answer", "answered_at")  # fmt: skip


def answers(session: Session, statement_id: int) -> Iterator[dict[str, str]]:
    """Who was asked and who answered what, a row for each contact. Times are ISO 8601 in UTC."""

    def iso(moment: datetime | None) -> str:
        return moment.isoformat(timespec="seconds") if moment else ""

    for one in members_asked(session, statement_id):
        for invitation in one.invitations:
            contact: Contact = invitation.contact
            yield {
                "member": one.member.name,
                "country": one.member.country or "",
                "stands": "yes" if one.stands else "no",
                "contact": contact.name,
                "address": contact.address,
                "asked_at": iso(invitation.asked_at),
                "reminded_at": iso(invitation.reminded_at),
                "reminders": str(invitation.reminders),
                "answer": invitation.reply or "",
                "answered_at": iso(invitation.replied_at),
            }


def _invitation(session: Session, invitation_id: uuid.UUID) -> Invitation:
    found = session.scalar(_with_all().where(Invitation.id == invitation_id))
    if found is None:
        raise NoSuchInvitation
    return found


def _of_member(session: Session, statement_id: int, slug: str) -> Sequence[Invitation]:
    return session.scalars(
        _with_all().where(Invitation.statement_id == statement_id, Invitation.member_slug == slug)
    ).all()


def _with_all() -> Select[Invitation]:
    return select(Invitation).options(
        joinedload(Invitation.statement),
        joinedload(Invitation.member),
        joinedload(Invitation.contact),
    )
