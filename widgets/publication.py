"""How a statement stands: draft, gathering endorsements, published, withdrawn; and the notices that
readers are given of a correction or a withdrawal.

Each step locks the statement's row first, so of two editors who do the same at once, the second
finds it done. What would change for readers is told by widgets.effects.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Select, delete, exists, select
from sqlalchemy.orm import Session, selectinload

from widgets import audit, languages, text, webhooks
from widgets.audit import SCHEDULE, Actor, Subject
from widgets.models import AuditEntry, Database, Image, Standing, Statement, Translation
from widgets.models.fact import content_changed
from widgets.statements import NoSuchStatement

LONGEST_NOTICE = 500  # characters
FURTHEST = timedelta(days=2 * 366)  # ahead that publication can be set: more is a slip of the pen

PUBLISHED = "published"
SCHEDULED = "scheduled"
FAILED = "could not publish"
_BEFORE = (Standing.DRAFT, Standing.GATHERING)


class Unready(ValueError):
    """It can't be published yet. reasons: sentences, one for each thing that is missing."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class CannotBe(ValueError):
    """A step that can't be taken from how the statement stands; the text says why."""


class Overtaken(Exception):
    """Somebody has changed the statement since the editor looked."""


class BadNotices(ValueError):
    """Notices that can't be kept. problems: a sentence by the language of each (a tag)."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


def get(session: Session, number: int) -> Statement:
    """The statement of this id, with its translations. Raises NoSuchStatement."""
    found = session.scalar(
        select(Statement)
        .options(selectinload(Statement.translations))
        .where(Statement.id == number)
    )
    if found is None:
        raise NoSuchStatement(str(number))
    return found


def texts(statement: Statement) -> list[Statement | Translation]:
    """What it says in each of its languages, the original's first."""
    return [statement, *statement.translations]


def state(statement: Statement) -> str:
    """All that an editor looks at before a step, in short: another where any of it is another."""
    fields = ("lang", "title", "body", "pull_quote", "endorsement", "topics", "image_alt",
              "correction", "withdrawal")  # fmt: skip
    looked_at: list[object] = [
        statement.standing,
        statement.published_on.isoformat(),
        statement.countries,
        statement.image_id,
        statement.is_urgent,
        str(statement.corrected_on),
        *([getattr(words, name) for name in fields] for words in texts(statement)),
    ]
    return hashlib.sha256(json.dumps(looked_at).encode()).hexdigest()[:24]


def missing(statement: Statement) -> list[str]:
    """What it must have before it can be published, in sentences."""
    found = [
        *([] if statement.title.strip() else ["It needs a headline."]),
        *([] if text.has_substance(statement.body) else ["It needs a text."]),
    ]
    if statement.image_id and not statement.image_alt.strip():
        found.append(
            "Its picture needs an alternative text, for readers who can’t see it: one sentence "
            "that says what it shows."
        )
    for translation in statement.translations:
        name = languages.own_name(translation.lang)
        if not translation.title.strip():
            found.append(f"Its translation into {name} needs a headline.")
        if not text.has_substance(translation.body):
            found.append(f"Its translation into {name} needs a text.")
    return found


def doubts(statement: Statement, today: date) -> list[str]:
    """What an editor may have overlooked, in sentences; nothing of it is in the way."""
    found = []
    if statement.published_on > today:
        found.append("It carries a day that is still to come, and stands before all others.")
    for words in texts(statement):
        name = languages.own_name(words.lang)
        found += [f"{name}, line {one.line}: {one.reason}." for one in text.doubts(words.body)]
    if statement.image_id:
        found += [
            f"Its picture’s alternative text is not there in {languages.own_name(one.lang)}."
            for one in statement.translations
            if not one.image_alt
        ]
    return found


def publish(
    session: Session,
    number: int,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
    *,
    urgent: bool | None = None,
) -> bool:
    """Makes it public, or public again; whether it wasn't already. seen: its `state` when the
    editor looked at it; urgent: whether newsletters of alerts bring it, None: as it stands. Raises
    NoSuchStatement, Overtaken and Unready."""
    statement = _locked(session, number)
    if statement.standing == Standing.PUBLISHED:
        return False
    _check_seen(statement, seen)
    _set_urgent(session, statement, urgent, actor, now)
    if reasons := missing(statement):
        raise Unready(reasons)
    is_again = statement.standing == Standing.WITHDRAWN
    for words in texts(statement):
        words.withdrawal = None
    statement.withdrawn_on = statement.publish_at = None
    statement.standing = Standing.PUBLISHED
    statement.published_at = statement.published_at or now
    statement.updated_at = now
    _note(session, statement, actor, PUBLISHED, now, **({"again": "yes"} if is_again else {}))
    content_changed(session)
    webhooks.tell_published(session, statement, now, again=is_again)
    return True


def date_it(session: Session, number: int, day: date, actor: Actor, now: datetime) -> None:
    """Gives it the day that it carries for readers, before it is published."""
    statement = _locked(session, number)
    _must_stand(statement, _BEFORE, "It is public: change its date with its text.")
    if statement.published_on != day:
        before, statement.published_on = statement.published_on, day
        _note(session, statement, actor, "dated", now, day=str(day), before=str(before))


def schedule(
    session: Session,
    number: int,
    at: datetime,
    actor: Actor,
    now: datetime,
    *,
    day: date | None = None,
    seen: str | None = None,
    urgent: bool | None = None,
) -> None:
    """Has it published by itself at a moment. day: which it carries for readers from now on; None:
    the one it has; urgent: as of `publish`. Raises NoSuchStatement, Overtaken, Unready and
    CannotBe."""
    statement = _locked(session, number)
    _must_stand(statement, _BEFORE, "It is public already or was: nothing is left to wait for.")
    _check_seen(statement, seen)
    if at <= now:
        raise CannotBe("That moment is over. Choose a later one, or publish it now.")
    if at > now + FURTHEST:
        raise CannotBe("That is more than two years ahead. Choose an earlier day.")
    if reasons := missing(statement):
        raise Unready(reasons)
    _set_urgent(session, statement, urgent, actor, now)
    statement.publish_at = at
    if day is not None:
        statement.published_on = day
    _note(session, statement, actor, SCHEDULED, now, at=at.isoformat(timespec="minutes"))


def unschedule(session: Session, number: int, actor: Actor, now: datetime) -> bool:
    """Has it stay as it is; whether it was to be published."""
    statement = _locked(session, number)
    if statement.publish_at is None:
        return False
    statement.publish_at = None
    _note(session, statement, actor, "unscheduled", now)
    return True


def publish_due(database: Database, now: datetime) -> int:
    """Publishes what is to be published by itself, each in a transaction of its own; how many.
    What has lost something that it needs stays as it was, and waits for an editor."""
    due = select(Statement.id).where(Statement.publish_at <= now)
    with database.reading() as session:
        numbers = session.scalars(due).all()
    return sum(_publish_due(database, number, now) for number in numbers)


def _publish_due(database: Database, number: int, now: datetime) -> bool:
    with database.writing() as session:
        statement = session.scalar(
            _with_translations(number)
            .where(Statement.publish_at <= now)
            .with_for_update(of=Statement, skip_locked=True)
        )
        if statement is None:  # another worker has it, or an editor was quicker
            return False
        at, statement.publish_at = statement.publish_at, None
        if statement.standing not in _BEFORE:  # published or withdrawn by a file
            return False
        if reasons := missing(statement):
            assert at
            moment = at.isoformat(timespec="minutes")
            _note(session, statement, SCHEDULE, FAILED, now, at=moment, why=" ".join(reasons))
            return False
        return publish(session, number, SCHEDULE, now)


def failed(session: Session, number: int) -> AuditEntry | None:
    """That it could not be published by itself, and why, where nothing has come of it since."""
    last = session.scalar(
        select(AuditEntry)
        .where(
            AuditEntry.kind == "statement",
            AuditEntry.subject == str(number),
            AuditEntry.action.in_((FAILED, SCHEDULED, PUBLISHED)),
        )
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    return last if last is not None and last.action == FAILED else None


def gather(session: Session, number: int, actor: Actor, now: datetime) -> bool:
    """Has a draft gather endorsements before it is published; whether it didn't already."""
    statement = _locked(session, number)
    if statement.standing == Standing.GATHERING:
        return False
    _must_stand(statement, _BEFORE, "It is public already, or was.")
    statement.standing = Standing.GATHERING
    _note(session, statement, actor, "began to gather endorsements for", now)
    return True


def stop_gathering(session: Session, number: int, actor: Actor, now: datetime) -> bool:
    """Makes it a draft again, with the names it has; whether it wasn't already."""
    statement = _locked(session, number)
    if statement.standing == Standing.DRAFT:
        return False
    _must_stand(statement, _BEFORE, "It is public already or was: it can’t be a draft again.")
    statement.standing = Standing.DRAFT
    _note(session, statement, actor, "stopped gathering endorsements for", now)
    return True


def correct(
    session: Session,
    number: int,
    notices: Mapping[str, str],
    day: date,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> bool:
    """Tells readers what was corrected, and on which day; whether that changes anything. notices:
    by language; one that has none shows the original's. Raises NoSuchStatement, Overtaken,
    CannotBe and BadNotices."""
    statement = _locked(session, number)
    _must_stand(statement, (Standing.PUBLISHED,), "Only what is public can be corrected publicly.")
    _check_seen(statement, seen)
    kept = _checked(statement, notices)
    if not any(kept.values()):
        raise BadNotices({statement.lang: "Write what was corrected, in one of the languages."})
    if day > now.date() + timedelta(days=1):  # it may be tomorrow already where the editor is
        raise CannotBe("The day of a correction can’t be in the future.")
    is_new = statement.corrected_on is None
    if not _keep(statement, "correction", kept) and statement.corrected_on == day:
        return False
    statement.corrected_on = day
    statement.updated_at = now
    action = "noted a correction of" if is_new else "changed the correction of"
    _note(session, statement, actor, action, now, **_told(kept))
    content_changed(session)
    return True


def uncorrect(session: Session, number: int, actor: Actor, now: datetime) -> bool:
    """Takes the notice of a correction away; whether there was one."""
    statement = _locked(session, number)
    if statement.corrected_on is None:
        return False
    _keep(statement, "correction", {})
    statement.corrected_on = None
    statement.updated_at = now
    _note(session, statement, actor, "took away the correction of", now)
    content_changed(session)
    return True


def withdraw(
    session: Session,
    number: int,
    reasons: Mapping[str, str],
    actor: Actor,
    now: datetime,
    *,
    with_picture: bool,
    seen: str | None = None,
) -> list[str]:
    """Takes it back, and tells readers why, where a reason is given: by language; one that has none
    shows the original's. Of what is withdrawn already, the reasons become these.

    with_picture: its picture is forgotten too. Returns the digests of pictures that nothing shows
    any more, for images.remove when the transaction has committed. Raises as `correct` does.
    """
    statement = _locked(session, number)
    _must_stand(
        statement,
        (Standing.PUBLISHED, Standing.WITHDRAWN),
        "It is public nowhere, so there is nothing to withdraw.",
    )
    _check_seen(statement, seen)
    kept = _checked(statement, reasons)
    if any(kept.values()) and not kept.get(statement.lang):
        raise BadNotices({statement.lang: "Write the reason in the statement’s own language too."})
    is_new = statement.standing == Standing.PUBLISHED
    if _keep(statement, "withdrawal", kept) or is_new:
        statement.standing = Standing.WITHDRAWN
        statement.withdrawn_on = statement.withdrawn_on or now.date()
        statement.updated_at = now
        action = "withdrew" if is_new else "changed the reason for withdrawing"
        _note(session, statement, actor, action, now, **_told(kept))
        content_changed(session)
    return _forget_picture(session, statement, actor, now) if with_picture else []


def _forget_picture(
    session: Session, statement: Statement, actor: Actor, now: datetime
) -> list[str]:
    if statement.image_id is None:
        return []
    forgotten, statement.image_id = statement.image_id, None
    session.flush()
    _note(session, statement, actor, "deleted the picture of", now)
    unused = ~exists().where(Statement.image_id == Image.id)
    return list(
        session.scalars(
            delete(Image)
            .where(Image.id == forgotten, unused)
            .returning(Image.digest)
            .execution_options(synchronize_session=False)
        )
    )


def _locked(session: Session, number: int) -> Statement:
    """The statement, which nobody else changes until the transaction ends."""
    found = session.scalar(_with_translations(number).with_for_update(of=Statement))
    if found is None:
        raise NoSuchStatement(str(number))
    return found


def _with_translations(number: int) -> Select[Statement]:
    return (
        select(Statement)
        .options(selectinload(Statement.translations))
        .where(Statement.id == number)
        .execution_options(populate_existing=True)
    )


def _must_stand(statement: Statement, standings: tuple[Standing, ...], otherwise: str) -> None:
    if statement.standing not in standings:
        raise CannotBe(otherwise)


def _set_urgent(
    session: Session, statement: Statement, urgent: bool | None, actor: Actor, now: datetime
) -> None:
    if urgent is None or urgent == statement.is_urgent:
        return
    statement.is_urgent = urgent
    action = "marked as urgent" if urgent else "marked as not urgent"
    _note(session, statement, actor, action, now)


def _check_seen(statement: Statement, seen: str | None) -> None:
    if seen is not None and seen != state(statement):
        raise Overtaken


def _checked(statement: Statement, notices: Mapping[str, str]) -> dict[str, str]:
    """The notices as they are kept, one for each language of the statement."""
    kept: dict[str, str] = {}
    problems: dict[str, str] = {}
    for words in texts(statement):
        kept[words.lang] = notice = text.clean(notices.get(words.lang, ""))
        if len(notice) > LONGEST_NOTICE:
            problems[words.lang] = (
                f"This has {len(notice):,} characters; a notice has room for {LONGEST_NOTICE}. "
                "Say the rest in the text."
            )
        elif notice and not text.has_substance(notice):
            problems[words.lang] = "There is nothing to read in this."
    if problems:
        raise BadNotices(problems)
    return kept


def _keep(statement: Statement, field: str, notices: Mapping[str, str]) -> bool:
    """Sets a notice in each language; whether any is another than before."""
    is_other = False
    for words in texts(statement):
        notice = notices.get(words.lang) or None
        if getattr(words, field) != notice:
            setattr(words, field, notice)
            is_other = True
    return is_other


def _told(notices: Mapping[str, str]) -> dict[str, str]:
    return {lang: notice for lang, notice in notices.items() if notice}


def _note(
    session: Session,
    statement: Statement,
    actor: Actor,
    action: str,
    now: datetime,
    **details: str,
) -> None:
    subject = Subject("statement", statement.id, statement.title or "without a headline")
    audit.record(session, actor, action, subject, now, **details)
