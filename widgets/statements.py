"""Statements: brought in from files, all or nothing, and read for pages and widgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from widgets import images, signatories
from widgets.models import Database, Image, Statement
from widgets.models.fact import content_changed
from widgets.statement_files import BadFile, StatementFile, read


class NoSuchStatement(Exception):
    """There is no statement of this name."""


class Withdrawn(Exception):
    """The network has taken the statement back."""

    def __init__(self, statement: Statement) -> None:
        super().__init__(statement.slug)
        self.statement = statement


class Change(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Imported:
    """What the import of one file did. signatories: how many names the statement has now."""

    file: StatementFile
    change: Change
    signatories: int


def import_files(
    database: Database, instance_path: Path, paths: Sequence[Path], now: datetime
) -> list[Imported]:
    """Brings these files in: all of them, or none. Doing it twice changes nothing.

    Raises BadFile for the first file that can't be read; what was there stays as it was.
    """
    files = [read(path, now.date()) for path in paths]
    by_slug: dict[str, StatementFile] = {}
    for file in files:
        if file.slug in by_slug:
            raise BadFile(file.path, 1, f"has the slug of {by_slug[file.slug].path}")
        by_slug[file.slug] = file
    # Pictures first: files named by their content harm nobody if the transaction then fails.
    pictures = [_stored_picture(instance_path, file) for file in files]
    with database.writing() as session:
        done = [
            _save(session, file, picture, now)
            for file, picture in zip(files, pictures, strict=True)
        ]
        if any(one.change != Change.UNCHANGED for one in done):
            content_changed(session)
        unused = _forget_unused_pictures(session)
    # A picture that was replaced or taken back may endanger somebody: it goes at once.
    for digest in unused:
        images.remove(instance_path, digest)
    return done


def newest(session: Session) -> list[Statement]:
    """All statements that stand, the newest first."""
    return list(
        session.scalars(
            select(Statement)
            .where(Statement.withdrawn_on.is_(None))
            .order_by(Statement.published_on.desc(), Statement.id.desc())
        )
    )


def standing(session: Session, slug: str) -> Statement:
    """The statement of this name. Raises NoSuchStatement, and Withdrawn where it was."""
    statement = _by_slug(session, slug)
    if statement is None:
        raise NoSuchStatement(slug)
    if statement.withdrawn_on is not None:
        raise Withdrawn(statement)
    return statement


def _by_slug(session: Session, slug: str) -> Statement | None:
    return session.scalar(select(Statement).where(Statement.slug == slug))


def has_any(session: Session) -> bool:
    return session.scalar(select(Statement.id).limit(1)) is not None


def _stored_picture(instance_path: Path, file: StatementFile) -> images.StoredImage | None:
    if file.picture is None or file.withdrawn_on is not None:
        return None
    try:
        return images.store(instance_path, file.picture.data)
    except images.BadImage as error:
        raise BadFile(file.path, file.picture.line, f"{file.picture.path.name}: {error}") from None


def _save(
    session: Session, file: StatementFile, picture: images.StoredImage | None, now: datetime
) -> Imported:
    statement = _by_slug(session, file.slug)
    change = Change.UNCHANGED
    if statement is None:
        change = Change.NEW
        statement = Statement(slug=file.slug, updated_at=now)
    fields = {
        "lang": file.lang,
        "title": file.title,
        "published_on": file.published_on,
        "topics": file.topics,
        "countries": file.countries,
        "body": file.body,
        "pull_quote": file.pull_quote,
        "endorsement": file.endorsement,
        "withdrawn_on": file.withdrawn_on,
        "image_id": _image_row(session, picture).id if picture else None,
        "image_alt": file.picture.alt if file.picture else "",
        "image_credit": file.picture.credit if file.picture else None,
    }
    different = {name: value for name, value in fields.items() if getattr(statement, name) != value}
    for name, value in different.items():
        setattr(statement, name, value)
    session.add(statement)
    session.flush()
    names_changed = file.names is not None and signatories.replace(
        session, statement.id, file.names
    )
    if "lang" in different:
        signatories.put_in_order(session, statement.id)
    if change == Change.UNCHANGED and (different or names_changed):
        change = Change.CHANGED
        statement.updated_at = now
    return Imported(file, change, signatories.count(session, statement.id))


def _forget_unused_pictures(session: Session) -> list[str]:
    shown = select(Statement.image_id).where(Statement.image_id.is_not(None))
    unused = delete(Image).where(Image.id.not_in(shown)).returning(Image.digest)
    return list(session.scalars(unused))


def _image_row(session: Session, picture: images.StoredImage) -> Image:
    row = session.scalar(select(Image).where(Image.digest == picture.digest))
    if row is None:
        row = Image(
            digest=picture.digest,
            width=picture.width,
            height=picture.height,
            widths=picture.widths,
        )
        session.add(row)
        session.flush()
    return row
