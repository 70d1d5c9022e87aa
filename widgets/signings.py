"""Open letters: people sign a statement, confirm by mail, and may take their name back.

As with newsletters, signing does the same work and has the same answer whatever an address' state
is: nobody learns from it who has signed. Each press of "Sign" is a row; one of an address is
confirmed at most. What is shown of those who are listed stands in `signatories`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from widgets import newsletters, outbox, pacing, signatories, suppressions, webhooks
from widgets.addresses import Address, Hasher
from widgets.languages import gettext
from widgets.links import CODE_FOR, Links
from widgets.models import (
    Consented,
    Message,
    MessageState,
    Opening,
    Signatory,
    Signing,
    SigningState,
    Standing,
    Statement,
)
from widgets.models.database import one_at_a_time
from widgets.models.fact import content_changed
from widgets.models.signing import SIGNED
from widgets.newsletters import TRIES, Answer
from widgets.pacing import Limits
from widgets.text import clean, fold, has_substance, is_country
from widgets.webhooks import Event

LONGEST_NAME = 120  # characters; with the affiliation it fits into signatories.LONGEST_NAME
LONGEST_AFFILIATION = 170
IN_SIGHT = (Opening.OPEN, Opening.MODERATED)  # the public may sign
# Who was refused is nobody's twin.
IN_QUESTION = (SigningState.CONFIRMED, SigningState.LISTED)


class NotOpen(Exception):
    """The statement is not open to the public (any more)."""


class Incomplete(ValueError):
    """What is missing or can't be so, by field: a sentence for the reader in the language that is
    spoken."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class Signer:
    """What somebody wants to stand under a statement. country: ISO 3166-1 alpha-2."""

    name: str
    affiliation: str
    country: str | None
    shows_name: bool

    @property
    def line(self) -> str:
        """As it stands in the list of names.

        >>> Signer("Ada Li", "Lamp Keepers", None, True).line
        'Ada Li, Lamp Keepers'
        """
        return f"{self.name}, {self.affiliation}" if self.affiliation else self.name


def read(name: str, affiliation: str, country: str, shows: str) -> Signer:
    """A signer from what was typed. shows: "yes" or "no". Raises Incomplete."""
    name, affiliation, country = clean(name), clean(affiliation), clean(country).upper()
    problems: dict[str, str] = {}
    if not has_substance(name):
        problems["name"] = gettext("Please type your name.")
    elif len(name) > LONGEST_NAME:
        problems["name"] = gettext(
            "Please type at most %(number)s characters.", number=LONGEST_NAME
        )
    elif _leads_somewhere(name):
        problems["name"] = gettext("Please type no web or e-mail address here.")
    if len(affiliation) > LONGEST_AFFILIATION:
        problems["affiliation"] = gettext(
            "Please type at most %(number)s characters.", number=LONGEST_AFFILIATION
        )
    elif _leads_somewhere(affiliation):
        problems["affiliation"] = gettext("Please type no web or e-mail address here.")
    if not is_country(country):
        problems["country"] = gettext("Please choose your country.")
    if shows not in ("yes", "no"):
        problems["shows"] = gettext("Please choose one of the two.")
    if problems:
        raise Incomplete(problems)
    return Signer(name, affiliation if has_substance(affiliation) else "", country, shows == "yes")


def _leads_somewhere(written: str) -> bool:
    """Whether it holds an address: what who advertises writes into a list that everybody reads."""
    lower = written.casefold()
    return any(sign in lower for sign in ("://", "www.", "@"))


def opening(session: Session, statement_id: int) -> Opening:
    """Whether the public may sign a statement."""
    found = session.scalar(select(Statement.opening).where(Statement.id == statement_id))
    return Opening(found) if found else Opening.NO


def offered(session: Session, *langs: str) -> newsletters.Form | None:
    """The newsletter that the form offers besides: the network's first, in the first of these
    languages that it has."""
    first = newsletters.slugs(session)[:1]
    return newsletters.form(session, first[0], *langs) if first else None


def sign(
    session: Session,
    hasher: Hasher,
    limits: Limits,
    statement_id: int,
    signer: Signer,
    address: Address,
    *,
    consent_text_id: int | None,
    site: str | None,
    lang: str,
    now: datetime,
) -> uuid.UUID:
    """One press of "Sign": a row, and a message in the outbox, in the caller's transaction.
    Returns the row's id. consent_text_id: of the newsletter that they want too.

    The same statements run for an address that is new, has signed, took its name back, was refused
    or is suppressed. Of the last nothing is stored, and its message is void. Raises NotOpen.
    """
    if opening(session, statement_id) not in IN_SIGHT:
        raise NotOpen
    row = Signing(
        statement_id=statement_id,
        key=hasher.address(address),
        address=address.text,
        name=signer.name,
        affiliation=signer.affiliation,
        folded_name=fold(signer.name),
        folded_affiliation=fold(signer.affiliation),
        country=signer.country,
        shows_name=signer.shows_name,
        site=site,
        lang=lang,
        mailbox=hasher.mailbox(address),
        domain=hasher.domain(address),
        consent_text_id=consent_text_id,
    )
    paced = address.domain not in limits.unlimited_domains
    return _asked(session, limits, row, paced, now)


def new_code(session: Session, limits: Limits, signing_id: uuid.UUID, now: datetime) -> uuid.UUID:
    """Signs again with what an earlier press brought, which makes a new code. The same limits
    hold, and the same work is done for every address. An unknown one gets an id that leads
    nowhere."""
    earlier = session.get(Signing, signing_id)
    if earlier is None or opening(session, earlier.statement_id) not in IN_SIGHT:
        return uuid.uuid4()
    copied = ("statement_id", "key", "address", "name", "affiliation", "folded_name", "mailbox",
              "folded_affiliation", "country", "shows_name", "site", "lang", "domain",
              "consent_text_id")  # fmt: skip
    host = (earlier.address or "").rpartition("@")[2].casefold()
    row = Signing(**{name: getattr(earlier, name) for name in copied})
    return _asked(session, limits, row, host not in limits.unlimited_domains, now)


def _asked(session: Session, limits: Limits, row: Signing, paced: bool, now: datetime) -> uuid.UUID:
    one_at_a_time(session, row.mailbox)
    suppressed = suppressions.is_suppressed(session, row.key, now)
    signed = _that_signed(session, row.statement_id, row.key)
    turn = pacing.turn(session, limits, row.mailbox, row.domain if paced else None, now)
    if suppressed:
        for name, nothing in _NOBODY.items():
            setattr(row, name, nothing)
    row.id = uuid.uuid4()
    row.state = SigningState.PENDING
    row.asked_at = row.changed_at = now
    row.send_at = None if suppressed else turn
    session.add(row)
    session.flush()
    kind = "signed-already" if signed else "sign"
    outbox.add(session, kind, now, send_at=row.send_at, signing_id=row.id)
    session.flush()
    return row.id


def _that_signed(session: Session, statement_id: int, key: str) -> Signing | None:
    """The row by which an address has signed, if it has."""
    return session.scalar(
        select(Signing).where(
            Signing.statement_id == statement_id, Signing.key == key, Signing.state.in_(SIGNED)
        )
    )


def link_stands(session: Session, signing_id: uuid.UUID) -> Answer:
    """What `confirm` would answer now: DONE where its button is worth showing."""
    row = session.get(Signing, signing_id)
    return _answer(session, row) if row else Answer.OVER


def confirm(session: Session, signing_id: uuid.UUID, now: datetime) -> Answer:
    """Confirms by the link in the mail."""
    row = _locked(session, signing_id)
    if row is None:
        return Answer.OVER
    answer = _answer(session, row)
    if answer is Answer.DONE:
        _confirm(session, row, "link", now)
    return answer


def confirm_with_code(
    session: Session, links: Links, signing_id: uuid.UUID, typed: str, now: datetime
) -> Answer:
    """Confirms by the six digits that were mailed for this press; TRIES tries, then none. Only the
    right code is told how things stand; to a wrong one every address looks alike."""
    digits = "".join(str(int(c)) for c in typed if c.isdecimal())
    row = _locked(session, signing_id)
    if row is None:
        return Answer.WRONG
    if row.tries >= TRIES or now - (row.send_at or row.asked_at) > CODE_FOR:
        return Answer.EXHAUSTED
    if len(digits) != 6:
        return Answer.WRONG  # a slip, and no guess
    if not links.is_code(signing_id, digits) or not _was_asked_to_confirm(session, row):
        row.tries += 1
        return Answer.EXHAUSTED if row.tries >= TRIES else Answer.WRONG
    answer = _answer(session, row)
    if answer is Answer.DONE:
        _confirm(session, row, "code", now)
    return answer


def _locked(session: Session, signing_id: uuid.UUID) -> Signing | None:
    """The row, while nobody else signs, confirms or takes back with its mailbox."""
    mailbox = session.scalar(select(Signing.mailbox).where(Signing.id == signing_id))
    if mailbox is None:
        return None
    one_at_a_time(session, mailbox)
    return session.get(Signing, signing_id, with_for_update=True)


def _answer(session: Session, row: Signing) -> Answer:
    if row.state in SIGNED or _that_signed(session, row.statement_id, row.key):
        return Answer.ALREADY
    if row.state == SigningState.WITHDRAWN:
        return Answer.LEFT
    if row.send_at is None or not _stands(session, row.statement_id):
        return Answer.OVER
    return Answer.DONE


def _stands(session: Session, statement_id: int) -> bool:
    """Whether a statement can be signed for: it is published. Who signed before it was closed may
    still confirm."""
    found = session.execute(
        select(Statement.standing, Statement.opening).where(Statement.id == statement_id)
    ).one()
    return bool(found.standing == Standing.PUBLISHED and found.opening != Opening.NO)


def _was_asked_to_confirm(session: Session, row: Signing) -> bool:
    kind = session.scalar(select(Message.kind).where(Message.signing_id == row.id))
    return kind == "sign" and row.send_at is not None


def _confirm(session: Session, row: Signing, method: str, now: datetime) -> None:
    """Listed at once where the letter is open and nobody like them has signed; otherwise an editor
    looks first."""
    signatories.one_after_another(session, row.statement_id)
    at_once = opening(session, row.statement_id) is Opening.OPEN and not twins(session, [row])
    session.execute(
        delete(Signing).where(  # taken back before; this is what they want now
            Signing.statement_id == row.statement_id,
            Signing.key == row.key,
            Signing.state == SigningState.WITHDRAWN,
        )
    )
    row.confirmed_at = now
    move(session, row, SigningState.LISTED if at_once else SigningState.CONFIRMED, now)
    if row.consent_text_id is not None and row.address is not None:
        newsletters.subscribe(
            session,
            row.key,
            row.address,
            consent_text_id=row.consent_text_id,
            site=row.site,
            lang=row.lang,
            method=method,
            asked_at=row.asked_at,
            now=now,
        )
    _call_back(session, row)
    if at_once:
        content_changed(session)


def withdraw(session: Session, signing_id: uuid.UUID, now: datetime) -> Answer:
    """Takes a name back, at once: by any mail that was ever sent for it. That somebody took theirs
    back is counted; who it was is deleted. Every confirmation under way of the same address is
    void. Who was refused stays so, or they could sign again: they stand nowhere."""
    row = _locked(session, signing_id)
    if row is None:
        return Answer.OVER
    _call_back(session, row)
    signed = _that_signed(session, row.statement_id, row.key)
    listed = signed is not None and signed.state == SigningState.LISTED
    if signed is not None and signed.state != SigningState.REFUSED:
        move(session, signed, SigningState.WITHDRAWN, now)
    session.execute(
        update(Signing)
        .where(
            Signing.statement_id == row.statement_id,
            Signing.key == row.key,
            Signing.state.in_((SigningState.PENDING, SigningState.WITHDRAWN)),
        )
        .values(state=SigningState.WITHDRAWN, changed_at=now, **_NOBODY)
    )
    if listed:
        content_changed(session)
    return Answer.DONE if signed is not None else Answer.ALREADY


_NOBODY: dict[str, str | None] = {
    **dict.fromkeys(("name", "affiliation", "folded_name", "folded_affiliation"), ""),
    **dict.fromkeys(("address", "country"), None),
}


def can_be_withdrawn(session: Session, signing_id: uuid.UUID) -> bool:
    """Whether there is a name, or a confirmation under way."""
    row = session.get(Signing, signing_id)
    if row is None:
        return False
    signed = _that_signed(session, row.statement_id, row.key)
    if signed is not None:
        return signed.state != SigningState.REFUSED
    return row.state == SigningState.PENDING


def signer(row: Signing) -> Signer:
    return Signer(row.name, row.affiliation, row.country, row.shows_name)


def get(session: Session, signing_id: uuid.UUID) -> Signing | None:
    """A press, with its statement."""
    return session.get(Signing, signing_id)


def move(session: Session, row: Signing, state: SigningState, now: datetime) -> None:
    """Into another state; and its name into the list, or out of it. Whoever calls this has the
    statement's names for themselves."""
    if row.state == SigningState.LISTED and row.shows_name:
        session.execute(delete(Signatory).where(Signatory.signing_id == row.id))
    row.state, row.changed_at = state, now
    session.flush()
    if state == SigningState.LISTED and row.shows_name:
        signatories.add(
            session,
            row.statement_id,
            signatories.Name(signer(row).line, row.country),
            consented=Consented.SIGNED,
            signing_id=row.id,
        )
    if state == SigningState.LISTED:
        statement = session.get_one(Statement, row.statement_id)
        # never by their name, which they can take back, and an event can't be
        webhooks.tell(
            session,
            Event.ENDORSED,
            lambda: {
                "statement": webhooks.about(statement),
                "kind": "person",
                "country": row.country,
            },
            now,
        )


def _call_back(session: Session, row: Signing) -> None:
    """What is still on its way to this address for this letter asks for nothing any more."""
    asked = select(Signing.id).where(
        Signing.statement_id == row.statement_id, Signing.key == row.key
    )
    session.execute(
        update(Message)
        .where(
            Message.state == MessageState.WAITING,
            Message.leased_until.is_(None),
            Message.signing_id.in_(asked),
        )
        .values(state=MessageState.VOID)
    )


def twins(session: Session, rows: Sequence[Signing]) -> dict[uuid.UUID, str]:
    """Of these, of one statement, who may have signed twice, and why it looks so: somebody who
    waits or is listed has the same name in the same country or of the same affiliation, or the
    same mailbox under another address."""
    if not rows:
        return {}
    # each by an index of its own; what else must be so is seen to here
    found = {
        one.id: one
        for one in (
            *session.scalars(
                select(Signing).where(
                    Signing.statement_id == rows[0].statement_id,
                    Signing.folded_name.in_({row.folded_name for row in rows}),
                )
            ),
            *session.scalars(
                select(Signing).where(Signing.mailbox.in_({row.mailbox for row in rows}))
            ),
        )
        if one.statement_id == rows[0].statement_id and one.state in IN_QUESTION
    }
    return {
        row.id: said
        for row in rows
        if (said := _likeness(row, [one for one in found.values() if one.id != row.id]))
    }


def _likeness(row: Signing, others: Sequence[Signing]) -> str:
    """What one of the others has in common with this one, in words for the editor, or nothing."""
    if any(one.mailbox == row.mailbox for one in others):
        return "the same mailbox under another address"
    named = [one for one in others if one.folded_name == row.folded_name]
    if any(one.country == row.country for one in named):
        return "the same name in the same country"
    affiliation = row.folded_affiliation
    if affiliation and any(one.folded_affiliation == affiliation for one in named):
        return "the same name and affiliation"
    return ""
