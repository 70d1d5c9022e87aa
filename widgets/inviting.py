"""An editor asks members to endorse a statement, and reminds those who have not answered."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from widgets import audit, endorsing, jobs, outbox, regions, signatories, suppressions, text
from widgets.addresses import BadAddress, parse
from widgets.audit import Actor
from widgets.jobs import CannotBeDone, Outcome, Task
from widgets.models import (
    Contact,
    Editor,
    Invitation,
    Member,
    Standing,
    Statement,
)
from widgets.models.database import insert
from widgets.service import Service

AT_ONCE = 20  # mails that are put in with one transaction
LONGEST_WORDS = 1000  # characters
REMIND_AFTER = timedelta(days=1)  # the last mail to that contact


class CannotInvite(Exception):
    """Nobody was asked. field: which of the form's is wrong, "" for none; the text says why."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True)
class Candidate:
    """A member that can be asked. contacts: how many, and how many of them were asked already.
    stands: its name is under the statement."""

    member: Member
    region: str | None
    contacts: int
    asked: int
    stands: bool


def candidates(session: Session, statement_id: int) -> list[Candidate]:
    """All members of the network, in the order of their names."""
    members = session.scalars(
        select(Member).options(selectinload(Member.contacts)).where(Member.left_at.is_(None))
    ).all()
    asked = set(
        session.scalars(
            select(Invitation.contact_id).where(Invitation.statement_id == statement_id)
        )
    )
    standing = endorsing.standing_of(session, statement_id, members)
    return [
        Candidate(
            member,
            regions.region_of(member.country or ""),
            len(member.contacts),
            sum(contact.id in asked for contact in member.contacts),
            member.slug in standing,
        )
        for member in sorted(members, key=lambda one: text.fold(one.name))
    ]


@dataclass(frozen=True)
class Plan:
    """Whom an editor asks. contacts: ids of those who get a mail; members: how many they answer
    for; without: the names of members that have no contact."""

    contacts: list[int]
    members: int
    without: list[str]
    until: datetime | None
    words: str


def plan(
    session: Session,
    statement_id: int,
    slugs: Sequence[str],
    *,
    until: datetime | None,
    words: str,
    now: datetime,
) -> Plan:
    """Who would be asked if these members were: each of their contacts that was not asked yet.
    until: when the time to answer ends; words: the editor's own, for the mail.
    Raises CannotInvite."""
    _can_be_endorsed(session.get_one(Statement, statement_id))
    _check_deadline(until, now)
    words = _checked(words)
    members = session.scalars(
        select(Member)
        .options(selectinload(Member.contacts))
        .where(Member.slug.in_(slugs), Member.left_at.is_(None))
    ).all()
    if not members:
        raise CannotInvite("Choose whom to ask.", "who")
    asked = set(
        session.scalars(
            select(Invitation.contact_id).where(Invitation.statement_id == statement_id)
        )
    )
    members = sorted(members, key=lambda one: text.fold(one.name))
    new = [one for member in members for one in member.contacts if one.id not in asked]
    without = [member.name for member in members if not member.contacts]
    if not new and len(without) == len(members):
        raise CannotInvite(
            "Nobody can be asked: none of these members has a contact. Add one to each.", "who"
        )
    if not new:
        raise CannotInvite(
            "Every contact of these members has been asked already. You can remind them.", "who"
        )
    answering = len({one.member_slug for one in new})
    return Plan([one.id for one in new], answering, without, until, words)


def invite(
    session: Session, editor: Editor, statement_id: int, planned: Plan, now: datetime
) -> uuid.UUID:
    """Has these contacts asked, each once; the job that does it. A draft becomes one that gathers
    endorsements. Raises CannotInvite."""
    signatories.one_after_another(session, statement_id)
    statement = session.get_one(Statement, statement_id, populate_existing=True)
    _can_be_endorsed(statement)
    if statement.standing == Standing.DRAFT:
        statement.standing = Standing.GATHERING
    statement.endorse_until = planned.until
    audit.record(
        session,
        Actor.of(editor),
        "asked members to endorse",
        endorsing.about(statement),
        now,
        members=planned.members,
        contacts=len(planned.contacts),
        until=planned.until.isoformat(timespec="minutes") if planned.until else "no deadline",
    )
    return jobs.start(
        session,
        editor,
        "ask for endorsements",
        now,
        params={
            "statement": statement_id,
            "contacts": planned.contacts,
            "words": planned.words,
            "without": planned.without,
        },
        total=len(planned.contacts),
    )


def set_deadline(
    session: Session, editor: Editor, statement_id: int, until: datetime | None, now: datetime
) -> None:
    """Until when members can endorse; None: without end. Raises CannotInvite."""
    statement = session.get_one(Statement, statement_id)
    _check_deadline(until, now)
    if statement.endorse_until == until:
        return
    statement.endorse_until = until
    audit.record(
        session,
        Actor.of(editor),
        "changed the deadline of",
        endorsing.about(statement),
        now,
        until=until.isoformat(timespec="minutes") if until else "no deadline",
    )


def remindable(session: Session, statement_id: int, now: datetime) -> list[Invitation]:
    """Whom a reminder would go to: contacts of members of which nobody has answered and whose name
    does not stand there, who were not written to within REMIND_AFTER."""
    before = now - REMIND_AFTER
    return [
        invitation
        for one in endorsing.members_asked(session, statement_id)
        if one.latest is None and not one.stands and one.member.left_at is None
        for invitation in one.invitations
        if (invitation.reminded_at or invitation.asked_at) <= before
    ]


def remind(
    session: Session, editor: Editor, statement_id: int, words: str, now: datetime
) -> uuid.UUID:
    """Has everybody reminded who is `remindable`; the job that does it. words: the editor's own,
    for this mail. Raises CannotInvite."""
    statement = session.get_one(Statement, statement_id)
    _can_be_endorsed(statement)
    if endorsing.is_over(statement, now):
        raise CannotInvite("The time to answer has ended. Set a later deadline first.")
    words = _checked(words)
    invitations = remindable(session, statement_id, now)
    if not invitations:
        raise CannotInvite(
            "There is nobody to remind: all have answered, or were written to within a day."
        )
    audit.record(
        session,
        Actor.of(editor),
        "reminded members of",
        endorsing.about(statement),
        now,
        contacts=len(invitations),
    )
    return jobs.start(
        session,
        editor,
        "remind members",
        now,
        params={
            "statement": statement_id,
            "invitations": [one.id.hex for one in invitations],
            "words": words,
        },
        total=len(invitations),
    )


def send_invitations(service: Service, task: Task) -> Outcome:
    """The job: an invitation and a mail for each contact, in one transaction, so that nobody is
    asked twice, whoever else asks them at the same time."""
    statement_id, contacts = task.params["statement"], task.params["contacts"]
    lines = [
        f"{name} has no contact, so nobody there was asked." for name in task.params["without"]
    ]
    while task.done < len(contacts):
        now = datetime.now(UTC)
        some = contacts[task.done : task.done + AT_ONCE]
        with service.database.writing() as session:
            _still_open(session, statement_id)
            for contact in session.scalars(
                select(Contact)
                .options(joinedload(Contact.member))
                .where(Contact.id.in_(some))
                .order_by(Contact.id)
            ):
                if contact.member.left_at is None:
                    _ask(session, statement_id, contact, task.params["words"], now)
                if is_suppressed(service, session, contact.address):
                    lines.append(_not_written_to(contact))
            task.advance(session, task.done + len(some), len(contacts), now)
        jobs.give_way()
    with service.database.reading() as session:
        asked = session.scalars(
            select(Invitation.member_slug).where(
                Invitation.statement_id == statement_id, Invitation.contact_id.in_(contacts)
            )
        ).all()
    return Outcome(
        f"{_people(len(asked))} of {_members(len(set(asked)))} asked. The mails are on their way.",
        lines,
        _screen(statement_id),
    )


def _ask(session: Session, statement_id: int, contact: Contact, words: str, now: datetime) -> None:
    new = session.scalar(
        insert(session, Invitation)
        .values(
            id=uuid.uuid4(),
            statement_id=statement_id,
            member_slug=contact.member_slug,
            contact_id=contact.id,
            words=words or None,
            asked_at=now,
            reminders=0,
        )
        .on_conflict_do_nothing(index_elements=["statement_id", "contact_id"])
        .returning(Invitation.id)
    )
    if new is not None:
        outbox.add(session, "invitation", now, send_at=now, invitation_id=new)


def send_reminders(service: Service, task: Task) -> Outcome:
    """The job: whoever has answered meanwhile, or was reminded by somebody else, is left out."""
    statement_id = task.params["statement"]
    ids = [uuid.UUID(one) for one in task.params["invitations"]]
    answered = select(Invitation.member_slug).where(
        Invitation.statement_id == statement_id, Invitation.reply.is_not(None)
    )
    reminded = task.done
    while task.done < len(ids):
        now = datetime.now(UTC)
        some = ids[task.done : task.done + AT_ONCE]
        with service.database.writing() as session:
            _still_open(session, statement_id)
            sent = session.scalars(
                update(Invitation)
                .where(
                    Invitation.id.in_(some),
                    func.coalesce(Invitation.reminded_at, Invitation.asked_at)
                    <= now - REMIND_AFTER,
                    Invitation.member_slug.not_in(answered),
                )
                .values(
                    reminded_at=now,
                    reminders=Invitation.reminders + 1,
                    words=task.params["words"] or None,
                )
                .returning(Invitation.id),
                execution_options={"synchronize_session": False},
            ).all()
            for invitation_id in sent:
                outbox.add(session, "reminder", now, send_at=now, invitation_id=invitation_id)
            task.advance(session, task.done + len(some), len(ids), now)
        jobs.give_way()
        reminded += len(sent)
    return Outcome(
        f"{_people(reminded)} reminded. The mails are on their way.", (), _screen(statement_id)
    )


def is_suppressed(service: Service, session: Session, address: str) -> bool:
    """Whether somebody never wants to be written to at this address."""
    try:
        key = service.hasher.address(parse(address, allow_test_domains=True))
    except BadAddress:
        return True
    return suppressions.is_suppressed(session, key, datetime.now(UTC))


def _can_be_endorsed(statement: Statement) -> None:
    if statement.standing == Standing.WITHDRAWN:
        raise CannotInvite("This statement is withdrawn: nobody can endorse it.")
    if not statement.title.strip() or not statement.body.strip():
        raise CannotInvite("Give the statement a headline and a text first.")


def _still_open(session: Session, statement_id: int) -> None:
    standing = session.scalar(select(Statement.standing).where(Statement.id == statement_id))
    if standing not in (Standing.GATHERING, Standing.PUBLISHED):
        raise CannotBeDone("Meanwhile the statement was taken back, so nobody else is written to.")


def _check_deadline(until: datetime | None, now: datetime) -> None:
    if until is not None and until <= now:
        raise CannotInvite("This moment has passed. Give a later one.", "day")


def _checked(words: str) -> str:
    words = text.clean_lines(words).strip()
    if len(words) > LONGEST_WORDS:
        raise CannotInvite(
            f"These are {len(words):,} characters; {LONGEST_WORDS:,} is the most for a mail.",
            "words",
        )
    return words


def _not_written_to(contact: Contact) -> str:
    who = contact.name or "A contact"  # what a job tells is kept when their address is erased
    return f"{who} ({contact.member.name}) never wants mail from us, so none is sent."


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


def _members(number: int) -> str:
    return f"{number:,} {'member' if number == 1 else 'members'}"


def _screen(statement_id: int) -> str:
    return f"/admin/statements/{statement_id}/endorsements"
