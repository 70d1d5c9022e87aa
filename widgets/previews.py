"""What an editor wants to see before it is saved: kept for an hour, shown to whoever has its signed
link, and nowhere else."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from widgets import signatories, statements, writing
from widgets.links import PREVIEW_FOR
from widgets.models import Preview, Statement, Translation
from widgets.statements import Shown
from widgets.writing import BadWords

UNTITLED = "Without a headline yet"
MOST_KEPT = 100  # previews; each may have a megabyte in it


class NoSuchPreview(Exception):
    """It was deleted when its time was up."""


@dataclass(frozen=True)
class Seen:
    """A preview. count: how many names are under the statement. problem: why there is nothing to
    show, in which case the statement is as it is saved."""

    statement: Shown
    count: int
    problem: str


def keep(
    session: Session, number: int, lang: str, typed: Mapping[str, str], now: datetime
) -> uuid.UUID:
    """Keeps what was typed into the form of a statement, or of its translation into `lang`; what
    can't be saved is as it was. Previews whose time is up go, and the oldest of too many. Raises
    NoSuchStatement."""
    statement = writing.get(session, number)
    row: Statement | Translation | None = statement
    if lang != statement.lang:
        row = next((one for one in statement.translations if one.lang == lang), None)
    if row is None:
        row = Translation(statement_id=number, lang=lang, topics=[], title="", body="")
    try:
        fields = writing.fields_of(typed, row, leniently=True)
        problem = ""
    except BadWords as error:
        fields, problem = {}, str(error)
    content = {
        "lang": fields.get("lang", lang),
        "title": fields.get("title") or UNTITLED,
        "body": fields.get("body", ""),
        "pull_quote": fields.get("pull_quote"),
        "endorsement": fields.get("endorsement"),
        "topics": fields.get("topics", []),
        "published_on": fields.get("published_on", statement.published_on).isoformat(),
        "problem": problem,
    }
    others = select(Preview.id).order_by(Preview.created_at.desc()).offset(MOST_KEPT - 1)
    is_old = or_(Preview.created_at < now - PREVIEW_FOR, Preview.id.in_(others))
    session.execute(delete(Preview).where(is_old))
    made = Preview(id=uuid.uuid4(), statement_id=number, content=content, created_at=now)
    session.add(made)
    return made.id


def seen(session: Session, preview_id: uuid.UUID) -> Seen:
    """The statement as it would be. Raises NoSuchPreview."""
    preview = session.get(Preview, preview_id)
    if preview is None:
        raise NoSuchPreview
    statement = writing.get(session, preview.statement_id)
    content = preview.content
    saved = statements.shown(statement, content["lang"])
    shown = replace(
        saved,
        lang=content["lang"],
        title=content["title"],
        body=content["body"],
        pull_quote=content["pull_quote"],
        endorsement=content["endorsement"],
        topics=content["topics"],
        published_on=date.fromisoformat(content["published_on"]),
        languages=tuple(dict.fromkeys((*saved.languages, content["lang"]))),
    )
    return Seen(shown, signatories.count(session, statement.id), content["problem"])


def forget(session: Session, now: datetime) -> None:
    """Deletes all whose time is up."""
    session.execute(delete(Preview).where(Preview.created_at < now - PREVIEW_FOR))
