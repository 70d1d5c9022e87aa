"""The outbox as editors see it: what waits, what was refused and why, and what can be done.

`outbox` is the same for the workers that deliver it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from widgets import audit
from widgets.audit import Actor, Subject
from widgets.models import (
    AddressChange,
    Digest,
    Invitation,
    Message,
    MessageState,
    NewsletterText,
    Signing,
    SignInLink,
    SignUp,
    Subscription,
)
from widgets.paging import Page, paged

SLOW_AFTER = timedelta(minutes=10)  # a mail that waits for longer is worth a word
SOON = timedelta(minutes=1)
MANY = 3  # mails that fail one after the other are more than one strange mailbox
GIVEN_UP = "given up in the console"
STATES = {
    MessageState.WAITING: "waiting",
    MessageState.SENT: "sent",
    MessageState.REFUSED: "refused",
    MessageState.VOID: "never to be sent",
}
KINDS = {  # a message that …
    "confirmation": "asks to confirm a newsletter",
    "already": "says that they subscribe already",
    "sign-in": "signs an editor in",
    "test": "tests whether mail arrives",
    "invitation": "asks a member to endorse",
    "reminder": "reminds a member to endorse",
    "sign": "asks to confirm a signature",
    "signed-already": "says that they have signed already",
    "preferences": "brings a new link to somebody’s preferences",
    "record": "brings a link to all that is kept of somebody",
    "new-address": "asks to confirm a new address",
    "address-changed": "tells the old address of a new one",
    "issue": "is an issue of a newsletter",
    "test-issue": "shows an editor an issue",
    "issue-waits": "tells an editor that an issue waits",
}


class NoSuchMessage(Exception):
    """There is no such message, or not any more."""


class TooLate(Exception):
    """The message is in another state than was shown, or is being sent just now; the text says
    so."""


@dataclass(frozen=True)
class Health:
    """How mail goes out. late: how many wait that could have gone out; oldest: since when the
    oldest of them waits; tried: how many of them the relay did not take for now; untouched: how
    many no worker has taken up in SLOW_AFTER; is_stuck: several failed, and none went out since.
    """

    late: int
    oldest: datetime | None
    tried: int
    untouched: int
    is_stuck: bool
    last_error: str | None
    last_sent_at: datetime | None


@dataclass(frozen=True)
class About:
    """What a message is about, in words, and whom it is for: a name, which every editor may see,
    and an address, which administrators may."""

    what: str
    subject: str
    name: str
    address: str


def counts(session: Session, digest_id: uuid.UUID | None = None) -> dict[str, int]:
    """How many messages there are in each state; digest_id: of one issue."""
    query = select(Message.state, func.count()).group_by(Message.state)
    if digest_id:
        query = query.where(Message.digest_id == digest_id)
    rows = session.execute(query)
    found = {row[0]: row[1] for row in rows}
    return {state: found.get(state, 0) for state in STATES}


def kinds(session: Session) -> Sequence[str]:
    """Of what kinds there are messages."""
    return session.scalars(select(Message.kind).distinct().order_by(Message.kind)).all()


def health(session: Session, now: datetime) -> Health:
    waiting = Message.state == MessageState.WAITING
    # One whose turn comes later, as many to one domain have, is not late. Nor is an issue to many,
    # which takes its time.
    late = and_(
        waiting, Message.is_bulk.is_(False), or_(Message.attempts > 0, Message.not_before <= now)
    )
    since = func.min(Message.created_at)
    many, oldest = session.execute(select(func.count(), since).where(late)).one()
    tried = _number(session, waiting, Message.attempts > 0)
    last_sent_at = session.scalar(
        select(func.max(Message.settled_at)).where(Message.state == MessageState.SENT)
    )
    failing = [waiting, Message.attempts > 0]
    if last_sent_at:
        failing.append(Message.created_at > last_sent_at)
    untouched = _number(session, late, Message.attempts == 0, Message.not_before < now - SLOW_AFTER)
    last_error = session.scalar(
        select(Message.error)
        .where(waiting, Message.error.is_not(None))
        .order_by(Message.not_before.desc())
        .limit(1)
    )
    is_stuck = _number(session, *failing) >= MANY
    return Health(many, oldest, tried, untouched, is_stuck, last_error, last_sent_at)


def messages(
    session: Session,
    state: str = "",
    kind: str = "",
    error: str = "",
    number: int = 1,
    digest_id: uuid.UUID | None = None,
) -> Page[Message]:
    """A page of the outbox: what waits by its turn, everything else the newest first. digest_id:
    of one issue."""
    query = select(Message).options(*_WITH_WHAT_IT_IS_ABOUT)
    if state:
        query = query.where(Message.state == state)
    if kind:
        query = query.where(Message.kind == kind)
    if error:
        query = query.where(Message.error == error)
    if digest_id:
        query = query.where(Message.digest_id == digest_id)
    order = Message.not_before if state == MessageState.WAITING else Message.created_at.desc()
    return paged(session, query.order_by(order, Message.id), number)


def refusals(
    session: Session, digest_id: uuid.UUID | None = None, most: int = 20
) -> list[tuple[str, int]]:
    """For what reasons messages were refused, and how many for each, the most first. digest_id: of
    one issue."""
    query = select(Message.error, func.count()).where(Message.state == MessageState.REFUSED)
    if digest_id:
        query = query.where(Message.digest_id == digest_id)
    rows = session.execute(
        query.group_by(Message.error).order_by(func.count().desc(), Message.error).limit(most)
    )
    return [(error or "", many) for error, many in rows]


def get(session: Session, message_id: uuid.UUID) -> Message:
    """Raises NoSuchMessage."""
    found = session.scalar(
        select(Message).options(*_WITH_WHAT_IT_IS_ABOUT).where(Message.id == message_id)
    )
    if found is None:
        raise NoSuchMessage(message_id)
    return found


def about(session: Session, message: Message) -> About:
    """What is worth knowing of a message that was loaded here."""
    what = KINDS.get(message.kind, message.kind)
    if message.sign_up:
        subscription = message.sign_up.subscription
        newsletter = subscription.newsletter
        words = session.get(NewsletterText, (newsletter.id, newsletter.lang))
        name = words.name if words else newsletter.slug
        return About(what, name, "", subscription.subscriber.address or "")
    if message.invitation:
        invitation = message.invitation
        whom = invitation.member.name
        return About(what, invitation.statement.title, whom, invitation.contact.address)
    if message.signing:
        return About(what, message.signing.statement.title, "", message.signing.address or "")
    if message.subscriber:
        return About(what, "", "", message.subscriber.address or "")
    if message.address_change:
        change = message.address_change
        to_new = message.kind == "new-address"
        address = change.address if to_new else change.subscriber.address or ""
        return About(what, "", "", address)
    if message.subscription and message.digest:
        newsletter = message.digest.newsletter
        issue = f"{newsletter.slug}, number {message.digest.number}"
        return About(what, issue, "", message.subscription.subscriber.address or "")
    editor = message.sign_in_link.editor if message.sign_in_link else message.editor
    return About(what, "", editor.name if editor else "", editor.address if editor else "")


def try_again(session: Session, message_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """Has a refused message, or one that waits for its next try, sent as soon as can be. Raises
    NoSuchMessage and TooLate."""
    message = _open(session, message_id, now)
    if message.state not in (MessageState.REFUSED, MessageState.WAITING):
        raise TooLate("This message is settled; it can’t be tried again.")
    message.state, message.attempts = MessageState.WAITING, 0
    message.not_before, message.settled_at = now, None
    audit.record(session, actor, "tried again", _subject(message), now)


def try_all_again(session: Session, error: str, actor: Actor, now: datetime) -> int:
    """The same for all that were refused for this reason; how many."""
    again = session.scalars(
        update(Message)
        .where(Message.state == MessageState.REFUSED, Message.error == error)
        .values(state=MessageState.WAITING, attempts=0, not_before=now, settled_at=None)
        .returning(Message.id)
    ).all()
    if again:
        subject = Subject("mail", "refused", f"{len(again)} refused messages")
        audit.record(session, actor, "tried again", subject, now, reason=error)
    return len(again)


def give_up(session: Session, message_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """Has a waiting message sent no more; it can be tried again. Raises NoSuchMessage and
    TooLate."""
    message = _open(session, message_id, now)
    if message.state != MessageState.WAITING:
        raise TooLate("This message does not wait any more.")
    message.state, message.settled_at, message.error = MessageState.REFUSED, now, GIVEN_UP
    audit.record(session, actor, "gave up", _subject(message), now)


def is_due(message: Message, now: datetime) -> bool:
    """Whether it should be sent any moment now."""
    return message.state == MessageState.WAITING and message.not_before <= now + SOON


def _open(session: Session, message_id: uuid.UUID, now: datetime) -> Message:
    """The message, which nobody is sending now; held until the transaction ends."""
    message = session.get(Message, message_id, with_for_update=True)
    if message is None:
        raise NoSuchMessage(message_id)
    if message.leased_until and message.leased_until > now:
        raise TooLate("This message is being sent just now. Look again in a minute.")
    return message


def _subject(message: Message) -> Subject:
    return Subject("mail", str(message.id), message.kind)


def _number(session: Session, *which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Message).where(*which)) or 0


_WITH_WHAT_IT_IS_ABOUT = (
    joinedload(Message.sign_up)
    .joinedload(SignUp.subscription)
    .options(joinedload(Subscription.subscriber), joinedload(Subscription.newsletter)),
    joinedload(Message.sign_in_link).joinedload(SignInLink.editor),
    joinedload(Message.invitation).options(
        joinedload(Invitation.statement),
        joinedload(Invitation.member),
        joinedload(Invitation.contact),
    ),
    joinedload(Message.signing).joinedload(Signing.statement),
    joinedload(Message.subscriber),
    joinedload(Message.address_change).joinedload(AddressChange.subscriber),
    joinedload(Message.editor),
    joinedload(Message.digest).joinedload(Digest.newsletter),
    joinedload(Message.subscription).joinedload(Subscription.subscriber),
)
