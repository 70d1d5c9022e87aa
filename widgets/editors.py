"""Editors: who may come in, how, and from which browsers they did.

An editor has no password. A link and a code are mailed, which work for a quarter of an hour, once,
and only in the browser that asked: whoever else gets hold of the mail can't use it. Who likes adds
a second factor (TOTP, RFC 6238).
"""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from widgets import audit, browsers, outbox
from widgets.addresses import Address
from widgets.audit import Actor, Subject
from widgets.links import SIGN_IN_DIGITS, SIGN_IN_FOR, Links
from widgets.models import Editor, EditorSession, Role, SignInLink
from widgets.models.database import one_at_a_time
from widgets.text import clean

IDLE = timedelta(hours=12)  # after so long without a request a session ends
LONGEST = timedelta(days=7)  # and after so long in any case
SEEN_EVERY = timedelta(minutes=5)  # more exactly it is not noted
# To one editor, asked for in browsers that they never signed in from. (Were it in any, a stranger
# who asks again and again would keep them out.)
MAILS_IN_AN_HOUR, MAILS_IN_A_DAY = 5, 10
MAILS_IN_AN_HOUR_TO_KNOWN = 10
TRIES = 5  # of one code
STEP = 30  # seconds that a code of the second factor is good for, and as long before and after


class BadEditor(ValueError):
    """Not an editor that can be kept; the text says why."""


class NoSuchEditor(Exception):
    """There is no editor of this id or address."""


class Entry(Enum):
    """What became of a try to sign in."""

    IN = "in"
    WRONG = "wrong"  # not the code
    OVER = "over"  # used, too old, tried too often, or the editor was removed
    ELSEWHERE = "elsewhere"  # asked for in another browser


@dataclass(frozen=True)
class Opened:
    """A session that has begun. token: for the browser's cookie, and nowhere else."""

    token: str
    session: EditorSession


def add(
    session: Session, address: Address, name: str, role: Role, actor: Actor, now: datetime
) -> Editor:
    """Lets somebody in, anew if they had been removed. Raises BadEditor where they are one."""
    written = _key(address)
    editor = session.scalar(select(Editor).where(Editor.address == written))
    if editor and editor.removed_at is None:
        raise BadEditor(f"{written} is an editor already.")
    if editor is None:
        editor = Editor(address=written, created_at=now)
        session.add(editor)
    editor.name = clean(name)[:100] or written.partition("@")[0]
    editor.role = role
    editor.removed_at = editor.totp_secret = editor.totp_last_step = None
    session.flush()
    audit.record(session, actor, "added", _subject(editor), now, role=str(role))
    return editor


def listed(session: Session) -> Sequence[Editor]:
    """Who may come in, by name."""
    query = select(Editor).where(Editor.removed_at.is_(None)).order_by(Editor.name, Editor.id)
    return session.scalars(query).all()


def get(session: Session, editor_id: int) -> Editor:
    """An editor who may come in. Raises NoSuchEditor."""
    editor = session.get(Editor, editor_id)
    if editor is None or editor.removed_at is not None:
        raise NoSuchEditor
    return editor


def change(
    session: Session, editor_id: int, name: str, role: Role, actor: Actor, now: datetime
) -> Editor:
    """Changes what an editor is called and may do. Raises NoSuchEditor, and BadEditor where
    nobody would be left to administer."""
    editor = get(session, editor_id)
    if role != Role.ADMINISTRATOR:
        _refuse_to_lose_the_last(session, editor)
    before = {"name": editor.name, "role": editor.role}
    editor.name = clean(name)[:100] or editor.name
    editor.role = role
    after = {"name": editor.name, "role": str(role)}
    if before != after:
        audit.record(session, actor, "changed", _subject(editor), now, before=before, after=after)
    return editor


def remove(session: Session, editor_id: int, actor: Actor, now: datetime) -> None:
    """Lets an editor in no more, and ends what they have open. Raises NoSuchEditor, and BadEditor
    for the last administrator."""
    editor = get(session, editor_id)
    _refuse_to_lose_the_last(session, editor)
    editor.removed_at = now
    editor.totp_secret = None
    end_all(session, editor.id, now)
    audit.record(session, actor, "removed", _subject(editor), now)


def ask_to_sign_in(session: Session, address: Address, browser: str, now: datetime) -> uuid.UUID:
    """Mails a link and a code, if this is an editor's address. Returns the request's id, which for
    anybody else leads nowhere: what is answered is the same.

    browser: a secret that only this browser has.
    """
    editor = session.scalar(
        select(Editor).where(Editor.address == _key(address), Editor.removed_at.is_(None))
    )
    if editor is None:
        return uuid.uuid4()
    one_at_a_time(session, _hash(editor.address))
    if not _may_be_mailed(session, editor.id, _hash(browser), now):
        return uuid.uuid4()
    asked = SignInLink(id=uuid.uuid4(), editor_id=editor.id, browser=_hash(browser), created_at=now)
    session.add(asked)
    session.flush()
    outbox.add(session, "sign-in", now, send_at=now, sign_in_link_id=asked.id)
    return asked.id


def link_stands(session: Session, asked: uuid.UUID, browser: str, now: datetime) -> Entry:
    """What `sign_in` would answer to the link now: IN where its button is worth showing."""
    return _standing(session.get(SignInLink, asked), browser, now)


def sign_in(
    session: Session, asked: uuid.UUID, browser: str, called: str, now: datetime
) -> tuple[Entry, Opened | None]:
    """By the mailed link. called: what the browser calls itself (User-Agent)."""
    link = session.get(SignInLink, asked, with_for_update=True)
    entry = _standing(link, browser, now)
    if link is None or entry is not Entry.IN:
        return entry, None
    return entry, _open(session, link, called, now)


def sign_in_with_code(
    session: Session,
    links: Links,
    asked: uuid.UUID,
    browser: str,
    typed: str,
    called: str,
    now: datetime,
) -> tuple[Entry, Opened | None]:
    """By the digits in the same mail; TRIES tries."""
    link = session.get(SignInLink, asked, with_for_update=True)
    if link is None:
        return Entry.WRONG, None  # what anybody who is no editor gets
    entry = _standing(link, browser, now)
    if entry is not Entry.IN:
        return entry, None
    digits = _digits(typed)
    if len(digits) != SIGN_IN_DIGITS:
        return Entry.WRONG, None  # a slip, and no guess
    if not links.is_sign_in_code(asked, digits):
        link.tries += 1
        return (Entry.OVER if link.tries >= TRIES else Entry.WRONG), None
    return entry, _open(session, link, called, now)


def session_of(session: Session, token: str, now: datetime) -> EditorSession | None:
    """The session of a browser's token, with its editor, if it is still open."""
    found = session.scalar(select(EditorSession).where(EditorSession.token == _hash(token)))
    if found is None or not _is_open(found, now):
        return None
    return found


def is_to_be_noted(opened: EditorSession, now: datetime) -> bool:
    """Whether it is time to note that a session is used."""
    return now - opened.seen_at > SEEN_EVERY


def note_seen(session: Session, session_id: int, now: datetime) -> None:
    session.execute(update(EditorSession).where(EditorSession.id == session_id).values(seen_at=now))


def sessions(session: Session, editor_id: int, now: datetime) -> list[EditorSession]:
    """The open sessions of an editor, the one used last first."""
    found = session.scalars(
        select(EditorSession)
        .where(EditorSession.editor_id == editor_id, EditorSession.ended_at.is_(None))
        .order_by(EditorSession.seen_at.desc())
    )
    return [one for one in found if _is_open(one, now)]


def end(session: Session, editor_id: int, session_id: int, now: datetime) -> None:
    """Ends one session of this editor."""
    session.execute(
        update(EditorSession)
        .where(
            EditorSession.id == session_id,
            EditorSession.editor_id == editor_id,
            EditorSession.ended_at.is_(None),
        )
        .values(ended_at=now)
    )


def end_all(session: Session, editor_id: int, now: datetime, *, but: int | None = None) -> None:
    """Ends every session of an editor (but one), and what was mailed to begin another."""
    session.execute(
        update(EditorSession)
        .where(
            EditorSession.editor_id == editor_id,
            EditorSession.ended_at.is_(None),
            EditorSession.id != (but or 0),
        )
        .values(ended_at=now)
    )
    session.execute(
        delete(SignInLink).where(SignInLink.editor_id == editor_id, SignInLink.used_at.is_(None))
    )


def end_for(session: Session, editor_id: int, actor: Actor, now: datetime) -> None:
    """The same by somebody else, which is written down. Raises NoSuchEditor."""
    editor = get(session, editor_id)
    end_all(session, editor.id, now)
    audit.record(session, actor, "ended the sessions of", _subject(editor), now)


def needs_second_factor(opened: EditorSession) -> bool:
    return opened.editor.totp_secret is not None and opened.verified_at is None


def new_secret() -> str:
    """For a second factor that is to be set up: base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, editor: Editor, network: str) -> str:
    """What an authenticator app reads from the picture (Key URI Format)."""
    return pyotp.TOTP(secret).provisioning_uri(name=editor.address, issuer_name=network)


def set_up_second_factor(
    session: Session, opened_id: int, secret: str, typed: str, now: datetime
) -> bool:
    """From now on this secret's codes are asked for, if this is one of them. Other sessions of
    the editor have to give one too."""
    opened = session.get_one(EditorSession, opened_id)
    step = _step_of(secret, typed, None, now)
    if step is None:
        return False
    opened.editor.totp_secret = secret
    opened.editor.totp_last_step = step
    opened.verified_at = now
    subject = _subject(opened.editor)
    audit.record(session, Actor.of(opened.editor), "set up a second factor for", subject, now)
    return True


def take_away_second_factor(session: Session, editor_id: int, actor: Actor, now: datetime) -> None:
    editor = get(session, editor_id)
    editor.totp_secret = editor.totp_last_step = None
    audit.record(session, actor, "took away the second factor of", _subject(editor), now)


def verify(session: Session, opened_id: int, typed: str, now: datetime) -> bool:
    """Takes a code of the second factor, each only once. A wrong one counts as a try of the
    session; after TRIES of them it ends."""
    # held first: of many codes that are tried at the same time, each must count
    opened = session.get_one(EditorSession, opened_id, with_for_update=True)
    if opened.ended_at is not None:
        return False
    editor = session.get_one(Editor, opened.editor_id, with_for_update=True)
    step = _step_of(editor.totp_secret or "", typed, editor.totp_last_step, now)
    if step is None:
        opened.tries += 1
        if opened.tries >= TRIES:
            opened.ended_at = now
        return False
    editor.totp_last_step = step
    opened.verified_at = now
    opened.tries = 0
    return True


def forget(session: Session, now: datetime) -> None:
    """Deletes requests to sign in and sessions that are long over."""
    long_ago = now - timedelta(days=30)
    for stale in session.scalars(select(SignInLink).where(SignInLink.created_at < long_ago)):
        session.delete(stale)
    for over in session.scalars(select(EditorSession).where(EditorSession.created_at < long_ago)):
        session.delete(over)


def _step_of(secret: str, typed: str, last: int | None, now: datetime) -> int | None:
    """Which step of 30 seconds a code is of: this one, that before, or the next."""
    digits = _digits(typed)
    step = int(now.timestamp()) // STEP
    totp = pyotp.TOTP(secret)
    for one in (step, step - 1, step + 1):
        if secrets.compare_digest(totp.at(one * STEP), digits) and one > (last or 0):
            return one
    return None


def _digits(typed: str) -> str:
    """What was meant, in whatever script's digits it was typed."""
    return "".join(str(int(c)) for c in typed if c.isdecimal())


def _open(session: Session, link: SignInLink, called: str, now: datetime) -> Opened:
    link.used_at = now
    token = secrets.token_urlsafe(32)
    opened = EditorSession(
        token=_hash(token),
        editor_id=link.editor_id,
        browser=browsers.name(clean(called)),
        created_at=now,
        seen_at=now,
    )
    session.add(opened)
    session.flush()
    audit.record(session, Actor.of(link.editor), "signed in as", _subject(link.editor), now)
    return Opened(token, opened)


def _may_be_mailed(session: Session, editor_id: int, browser: str, now: datetime) -> bool:
    here = SignInLink.browser == browser
    signed_in_here = select(SignInLink.id).where(
        SignInLink.editor_id == editor_id, here, SignInLink.used_at.is_not(None)
    )
    if session.scalar(signed_in_here.limit(1)) is not None:
        limits = [(timedelta(hours=1), MAILS_IN_AN_HOUR_TO_KNOWN)]
    else:
        limits = [(timedelta(hours=1), MAILS_IN_AN_HOUR), (timedelta(days=1), MAILS_IN_A_DAY)]
        here = SignInLink.browser.is_not(None)
    for span, most in limits:
        asked = select(func.count()).where(
            SignInLink.editor_id == editor_id, here, SignInLink.created_at > now - span
        )
        if (session.scalar(asked) or 0) >= most:
            return False
    return True


def _standing(link: SignInLink | None, browser: str, now: datetime) -> Entry:
    if link is None or link.used_at is not None or link.tries >= TRIES:
        return Entry.OVER
    if now - link.created_at > SIGN_IN_FOR or link.editor.removed_at is not None:
        return Entry.OVER
    same = secrets.compare_digest(link.browser, _hash(browser))
    return Entry.IN if same else Entry.ELSEWHERE


def _is_open(found: EditorSession, now: datetime) -> bool:
    return (
        found.ended_at is None
        and found.editor.removed_at is None
        and now - found.seen_at < IDLE
        and now - found.created_at < LONGEST
    )


def _refuse_to_lose_the_last(session: Session, editor: Editor) -> None:
    if editor.role != Role.ADMINISTRATOR:
        return
    others = session.scalars(
        select(Editor.id)
        .where(
            Editor.role == Role.ADMINISTRATOR,
            Editor.removed_at.is_(None),
            Editor.id != editor.id,
        )
        .with_for_update()
    ).all()
    if not others:
        raise BadEditor(f"{editor.name} is the only administrator. Make somebody else one first.")


def _subject(editor: Editor) -> Subject:
    return Subject("editor", editor.id, editor.name)


def _key(address: Address) -> str:
    return address.text.lower() if address.text.isascii() else address.text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
