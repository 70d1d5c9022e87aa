"""Statements: brought in from files, all or nothing, and read for pages and widgets in the
language that is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Integer, Select, cast, delete, func, select
from sqlalchemy.orm import Session, selectinload

from widgets import audit, images, signatories, text, versions, webhooks
from widgets.audit import COMMAND_LINE
from widgets.models import AuditEntry, Database, Image, Standing, Statement, Translation
from widgets.models.fact import content_changed
from widgets.statement_files import (
    BadFile,
    StatementFile,
    TranslationFile,
    is_translation,
    read,
    read_translation,
)

MOST_STORIES = 6
MOST_IN_A_FEED = 30
DELETED = "deleted"  # what the audit says of a draft that is no more


class NoSuchStatement(Exception):
    """There is no statement of this name."""


@dataclass(frozen=True)
class Notice:
    """What readers are told of a statement that is not what it was. lang: of the text: where a
    translation has none, it is the original's. on: the day of the correction or withdrawal."""

    text: str
    lang: str
    on: date


@dataclass(frozen=True)
class Shown:
    """A statement in one of its languages. languages: the tags of all of them, the original's
    first, the others sorted. focus: the point of the picture that a crop keeps, in per cent from
    the left and from the top."""

    id: int
    slug: str
    lang: str
    original_lang: str
    languages: tuple[str, ...]
    title: str
    published_on: date
    topics: list[str]
    countries: list[str]
    body: str
    pull_quote: str | None
    endorsement: str | None
    image: Image | None
    image_alt: str
    image_credit: str | None
    focus: tuple[int, int]
    withdrawn_on: date | None
    updated_at: datetime
    correction: Notice | None = None
    withdrawal: Notice | None = None  # why; there may be no reason given


class Withdrawn(Exception):
    """The network has taken the statement back."""

    def __init__(self, statement: Shown) -> None:
        super().__init__(statement.slug)
        self.statement = statement


class Change(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    TAKEN_BACK = "taken back"  # of a translation


@dataclass(frozen=True)
class Imported:
    """What the import of one file did. signatories: how many names the statement has now."""

    file: StatementFile | TranslationFile
    change: Change
    signatories: int


def import_files(
    database: Database, instance_path: Path, paths: Sequence[Path], now: datetime
) -> list[Imported]:
    """Brings these files in: all of them, or none. Doing it twice changes nothing.

    Raises BadFile for the first file that can't be read; what was there stays as it was.
    """
    today = now.date()
    files = [read(path, today) for path in paths if not is_translation(path)]
    translations = [read_translation(path, today) for path in paths if is_translation(path)]
    _refuse_twins(files, translations)
    # Pictures first: files named by their content harm nobody if the transaction then fails.
    pictures = [_stored_picture(instance_path, file) for file in files]
    with database.writing() as session:
        # A translation may come before its statement in the list, but not in the database.
        done = [
            _save(session, file, picture, now)
            for file, picture in zip(files, pictures, strict=True)
        ]
        done += [_save_translation(session, file, now) for file in translations]
        _refuse_translations_into_their_own_language(session, files)
        if any(one.change != Change.UNCHANGED for one in done):
            content_changed(session)
        unused = forget_unused_pictures(session)
    # A picture that was replaced or taken back may endanger somebody: it goes at once.
    for digest in unused:
        images.remove(instance_path, digest)
    return sorted(done, key=lambda one: paths.index(one.file.path))


def _refuse_twins(files: list[StatementFile], translations: list[TranslationFile]) -> None:
    by_slug: dict[str, StatementFile] = {}
    for file in files:
        if file.slug in by_slug:
            raise BadFile(file.path, 1, f"has the slug of {by_slug[file.slug].path}")
        by_slug[file.slug] = file
    by_language: dict[tuple[str, str], TranslationFile] = {}
    for translation in translations:
        key = (translation.slug, translation.lang)
        if key in by_language:
            raise BadFile(
                translation.path, 1, f"is the same translation as {by_language[key].path}"
            )
        by_language[key] = translation


def standing(session: Session, slug: str, lang: str = "") -> Shown:
    """The statement of this name, in the language nearest to a tag (BCP 47), or its own.

    Raises NoSuchStatement, and Withdrawn where it was.
    """
    statement = session.scalar(with_translations().where(Statement.slug == slug, _IS_PUBLIC))
    if statement is None:
        raise NoSuchStatement(slug)
    found = shown(statement, lang)
    if found.withdrawn_on is not None:
        raise Withdrawn(found)
    return found


def of_any_standing(session: Session, statement_id: int, lang: str = "") -> Shown:
    """A statement, a draft too, in the language nearest to a tag: for those who may see it.
    Raises NoSuchStatement."""
    statement = session.scalar(with_translations().where(Statement.id == statement_id))
    if statement is None:
        raise NoSuchStatement(str(statement_id))
    return shown(statement, lang)


def newest(session: Session, lang: str = "", most: int | None = None) -> list[Shown]:
    """The statements that stand, the newest first, each in the language nearest to a tag. most:
    how many at most; None: all of them."""
    found = session.scalars(
        with_translations()
        .where(Statement.standing == Standing.PUBLISHED)
        .order_by(*_NEWEST_FIRST)
        .limit(most)
    )
    return [shown(statement, lang) for statement in found]


def part(session: Session, lang: str, after: str, most: int) -> list[Shown]:
    """The same, a part at a time: from the one after that of a slug; "": from the newest. Raises
    NoSuchStatement where that one does not stand any more."""
    rows = session.execute(
        select(Statement.slug, Statement.id)
        .where(Statement.standing == Standing.PUBLISHED)
        .order_by(*_NEWEST_FIRST)
    )
    ids = {row[0]: row[1] for row in rows}
    if after and after not in ids:
        raise NoSuchStatement(after)
    start = list(ids).index(after) + 1 if after else 0
    return in_order(session, list(ids.values())[start : start + most], lang)


def last_change(session: Session) -> datetime | None:
    """When a statement last came, changed or was withdrawn; None where there has never been one."""
    moments = (
        session.scalar(select(func.max(Statement.updated_at)).where(_IS_PUBLIC)),
        session.scalar(
            select(func.max(Translation.updated_at))
            .join(Statement, Statement.id == Translation.statement_id)
            .where(_IS_PUBLIC)
        ),
    )
    return max((moment for moment in moments if moment), default=None)


def latest(session: Session, lang: str = "", *, topic: str = "", country: str = "") -> Shown | None:
    """The newest statement that stands, on a topic and on a country where these are given.

    topic: in any of the statement's languages, without regard to case and accents. country: ISO
    3166-1 alpha-2.
    """
    about = first(subjects(session), topic, country)
    return in_order(session, [about.id], lang)[0] if about else None


def stories(
    session: Session, lang: str = "", *, like: str = "", topic: str = "", country: str = ""
) -> list[Shown]:
    """At most MOST_STORIES statements that stand: those that share most topics and countries with
    the one of the slug `like` (which is not among them), then the newest. topic and country as
    for `latest`."""
    found = nearest_to(like, subjects(session), topic, country)
    return in_order(session, [one.id for one in found], lang)


# Drafts, and what still gathers endorsements, are not there for anybody outside the console.
PUBLIC = (Standing.PUBLISHED, Standing.WITHDRAWN)
_IS_PUBLIC = Statement.standing.in_(PUBLIC)
_NEWEST_FIRST = (Statement.published_on.desc(), Statement.id.desc())


@dataclass
class Subject:
    """What a statement is about. topics: folded, of each of its languages."""

    id: int
    slug: str
    published_on: date
    countries: frozenset[str]
    topics: list[frozenset[str]]

    def is_on(self, topic: str, country: str) -> bool:
        on_topic = not topic or any(text.fold(topic) in one for one in self.topics)
        return on_topic and (not country or country.upper() in self.countries)

    def shared_with(self, other: "Subject") -> int:
        """How many topics and countries. A topic in several languages is one."""
        topics = max(len(ours & theirs) for ours in self.topics for theirs in other.topics)
        return topics + len(self.countries & other.countries)


def subjects(session: Session, also: int | None = None) -> list[Subject]:
    """Of all statements that stand, the newest first; and of one more, as if it stood too."""
    rows = session.execute(
        select(
            Statement.id,
            Statement.slug,
            Statement.published_on,
            Statement.countries,
            Statement.topics,
            Translation.topics,
        )
        .outerjoin(Translation, Translation.statement_id == Statement.id)
        .where((Statement.standing == Standing.PUBLISHED) | (Statement.id == also))
        .order_by(*_NEWEST_FIRST)
    )
    found: dict[int, Subject] = {}
    for id_, slug, published_on, countries, topics, translated in rows:
        subject = found.setdefault(
            id_, Subject(id_, slug, published_on, frozenset(countries), [_folded(topics)])
        )
        subject.topics.append(_folded(translated or []))
    return list(found.values())


def first(among: Sequence[Subject], topic: str = "", country: str = "") -> Subject | None:
    """What `latest` shows, of subjects with the newest first."""
    return next((one for one in among if one.is_on(topic, country)), None)


def nearest_to(
    like: str, among: Sequence[Subject], topic: str = "", country: str = ""
) -> list[Subject]:
    """What `stories` shows, of subjects with the newest first."""
    alike = next((one for one in among if one.slug == like), None)
    found = [one for one in among if one is not alike and one.is_on(topic, country)]
    if alike:
        found.sort(key=alike.shared_with, reverse=True)  # among equals, the newest stay first
    return found[:MOST_STORIES]


def _folded(topics: list[str]) -> frozenset[str]:
    return frozenset(text.fold(topic) for topic in topics)


def in_order(session: Session, ids: list[int], lang: str) -> list[Shown]:
    """These statements, in this order, each in the language nearest to a tag."""
    found = session.scalars(with_translations().where(Statement.id.in_(ids)))
    return sorted((shown(one, lang) for one in found), key=lambda one: ids.index(one.id))


def with_translations() -> Select[Statement]:
    """A query for statements of any standing, drafts too."""
    return select(Statement).options(selectinload(Statement.translations))


def shown(statement: Statement, lang: str) -> Shown:
    """A statement, read with its translations, in the language nearest to a tag."""
    translated = {one.lang: one for one in statement.translations}
    languages = (statement.lang, *sorted(translated))
    found = translated.get(nearest(lang, languages))
    words: Statement | Translation = found or statement
    alt, credit = statement.image_alt, statement.image_credit
    updated_at = statement.updated_at
    if found:
        alt = alt if found.image_alt is None else found.image_alt
        credit = credit if found.image_credit is None else found.image_credit
        updated_at = max(updated_at, found.updated_at)
    return Shown(
        id=statement.id,
        slug=statement.slug,
        lang=words.lang,
        original_lang=statement.lang,
        languages=languages,
        title=words.title,
        published_on=statement.published_on,
        topics=words.topics,
        countries=statement.countries,
        body=words.body,
        pull_quote=words.pull_quote,
        endorsement=words.endorsement,
        image=statement.image,
        image_alt=alt,
        image_credit=credit,
        focus=(statement.focus_x, statement.focus_y),
        withdrawn_on=statement.withdrawn_on,
        updated_at=updated_at,
        correction=_correction(statement, found),
        withdrawal=_withdrawal(statement, found),
    )


def _correction(statement: Statement, translation: Translation | None) -> Notice | None:
    if statement.corrected_on is None:
        return None
    if translation and translation.correction:
        return Notice(translation.correction, translation.lang, statement.corrected_on)
    if statement.correction:
        return Notice(statement.correction, statement.lang, statement.corrected_on)
    return None  # it was another translation that was wrong


def _withdrawal(statement: Statement, translation: Translation | None) -> Notice | None:
    if statement.withdrawn_on is None or not statement.withdrawal:
        return None
    if translation and translation.withdrawal:
        return Notice(translation.withdrawal, translation.lang, statement.withdrawn_on)
    return Notice(statement.withdrawal, statement.lang, statement.withdrawn_on)


def nearest(asked: str, languages: Sequence[str]) -> str:
    """Of a statement's languages, the original's first, the one to show whoever asks for a tag:
    the tag itself or the nearest above it (RFC 4647, lookup), else the same language as written
    elsewhere, else the original. Of several tags with commas between them, the first that helps.

    >>> nearest("pt-PT", ["en", "fr", "pt-BR"]), nearest("fr-CA", ["en", "fr", "fr-BE"])
    ('pt-BR', 'fr')
    >>> nearest("de", ["en", "fr"]), nearest("", ["en", "fr"]), nearest("de,fr", ["en", "fr"])
    ('en', 'en', 'fr')
    """
    by_tag = {tag.lower(): tag for tag in languages}
    for one in asked.lower().split(","):
        parts = one.split("-")
        for length in range(len(parts), 0, -1):
            if found := by_tag.get("-".join(parts[:length])):
                return found
        for tag in languages:
            if tag.lower().split("-")[0] == parts[0]:
                return tag
    return languages[0]


def by_slug(session: Session, slug: str) -> Statement | None:
    """Of any standing, drafts too."""
    return session.scalar(select(Statement).where(Statement.slug == slug))


def translation(session: Session, statement_id: int, lang: str) -> Translation | None:
    return session.scalar(
        select(Translation).where(
            Translation.statement_id == statement_id, Translation.lang == lang
        )
    )


def unused_id(session: Session) -> int | None:
    """The id of a new statement. SQLite would give that of the one that was deleted last, by which
    the audit knows it, and forms that are still open. None: the database gives one."""
    if session.get_bind().dialect.name == "postgresql":
        return None
    deleted = select(func.max(cast(AuditEntry.subject, Integer))).where(
        AuditEntry.kind == "statement", AuditEntry.action == DELETED
    )
    highest = session.scalar(select(func.max(Statement.id))) or 0
    return max(highest, session.scalar(deleted) or 0) + 1


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
    statement = by_slug(session, file.slug)
    change = Change.UNCHANGED
    if statement is None:
        change = Change.NEW
        statement = Statement(id=unused_id(session), slug=file.slug, updated_at=now)
    before = statement.standing
    if warning := _made_public(statement, file):
        file.warnings.append(f"{file.path}: {warning}")
    fields = {
        "lang": file.lang,
        "title": file.title,
        "published_on": file.published_on,
        "topics": file.topics,
        "countries": file.countries,
        "body": file.body,
        "pull_quote": file.pull_quote,
        "endorsement": file.endorsement,
        "standing": Standing.WITHDRAWN if file.withdrawn_on else Standing.PUBLISHED,
        "publish_at": None,
        "is_urgent": bool(statement.is_urgent) if file.urgent is None else file.urgent,
        "published_at": statement.published_at or _when(file.published_on, now),
        "withdrawn_on": file.withdrawn_on,
        "withdrawal": statement.withdrawal if file.withdrawn_on else None,
        "image_id": image_row(session, picture).id if picture else None,
        "image_alt": file.picture.alt if file.picture else "",
        "image_credit": file.picture.credit if file.picture else None,
    }
    in_another_language = change != Change.NEW and statement.lang != file.lang
    different = set_fields(statement, fields)
    session.add(statement)
    session.flush()
    names_changed = file.names is not None and signatories.replace(
        session, statement.id, file.names
    )
    if in_another_language:
        signatories.put_in_order(session, statement.id)
    if change == Change.UNCHANGED and (different or names_changed):
        change = Change.CHANGED
        statement.updated_at = now
    versions.keep(session, statement, COMMAND_LINE, now)
    count = signatories.count(session, statement.id)
    if change != Change.UNCHANGED:
        details: dict[str, object] = {"language": file.lang, "file": file.path.name}
        if names_changed:
            details["names"] = count
        if before not in (None, statement.standing):
            details |= {"was": before, "is": statement.standing}
        action = "imported" if change == Change.NEW else "changed"
        _note(session, statement, action, now, details)
    if statement.standing == Standing.PUBLISHED and _is_news(before, statement, now):
        webhooks.tell_published(session, statement, now, again=before == Standing.WITHDRAWN)
    return Imported(file, change, count)


def _is_news(before: str | None, statement: Statement, now: datetime) -> bool:
    """Whether what a file made public was not so before. What comes from an archive is no news."""
    if before is None:
        return statement.published_at == now
    return before != Standing.PUBLISHED


def _made_public(statement: Statement, file: StatementFile) -> str:
    """What an import does to a statement that editors hold back; "" where it does no such thing."""
    result = "withdrawn" if file.withdrawn_on else "published"
    if statement.standing == Standing.DRAFT:
        return f"“{file.slug}” was a draft in the console; it is {result} now"
    if statement.standing == Standing.GATHERING:
        return f"“{file.slug}” was gathering endorsements in the console; it is {result} now"
    if statement.standing == Standing.WITHDRAWN and file.withdrawn_on is None:
        return f"“{file.slug}” was withdrawn; it is published again now"
    return ""


def _note(
    session: Session,
    statement: Statement,
    action: str,
    now: datetime,
    details: Mapping[str, object],
) -> None:
    about = audit.Subject("statement", statement.id, statement.title)
    audit.record(session, COMMAND_LINE, action, about, now, **details)


_OF_A_TRANSLATION = {
    Change.NEW: "translated",
    Change.CHANGED: "changed",
    Change.TAKEN_BACK: "removed a translation of",
}


def _when(day: date, now: datetime) -> datetime:
    """The moment at which a file of that day is held to be published: what is brought in from an
    archive is no news."""
    return now if day >= now.date() else datetime.combine(day, time(), UTC)


def _save_translation(session: Session, file: TranslationFile, now: datetime) -> Imported:
    statement = by_slug(session, file.slug)
    if statement is None:
        raise BadFile(
            file.path,
            1,
            f"there is no statement “{file.slug}” to translate; "
            f"import {file.slug}.md first, or together with this",
        )
    if statement.lang == file.lang and file.withdrawn_on is None:
        raise BadFile(file.path, 1, f"“{file.lang}” is the statement's own language")
    change = _change_translation(session, statement, file, now)
    if change != Change.UNCHANGED:
        details = {"language": file.lang, "file": file.path.name}
        _note(session, statement, _OF_A_TRANSLATION[change], now, details)
    return Imported(file, change, signatories.count(session, statement.id))


def _change_translation(
    session: Session, statement: Statement, file: TranslationFile, now: datetime
) -> Change:
    known = translation(session, statement.id, file.lang)
    if file.withdrawn_on is not None:
        if known is None:
            return Change.UNCHANGED
        session.delete(known)
        session.flush()
        return Change.TAKEN_BACK
    changed = known or Translation(statement_id=statement.id, lang=file.lang, updated_at=now)
    fields = {
        "title": file.title,
        "body": file.body,
        "pull_quote": file.pull_quote,
        "endorsement": file.endorsement,
        "image_alt": file.image_alt,
        "image_credit": file.image_credit,
        "topics": file.topics,
    }
    if not set_fields(changed, fields):
        return Change.UNCHANGED
    changed.updated_at = now
    session.add(changed)
    session.flush()
    versions.keep(session, changed, COMMAND_LINE, now)
    return Change.CHANGED if known else Change.NEW


def _refuse_translations_into_their_own_language(
    session: Session, files: Sequence[StatementFile]
) -> None:
    """A statement may have been given the language that there was a translation into."""
    for file in files:
        twin = session.scalar(
            select(Translation.lang)
            .join(Statement, Statement.id == Translation.statement_id)
            .where(Statement.slug == file.slug, Translation.lang == Statement.lang)
        )
        if twin:
            raise BadFile(
                file.path,
                1,
                f"its language is now “{twin}”, into which there is a translation; take that back "
                f"with the same import: {file.slug}.{twin}.md with a line “withdrawn: …”",
            )


def set_fields(row: Statement | Translation, fields: Mapping[str, object]) -> bool:
    """Sets the fields that are different; whether there were any."""
    different = {name: value for name, value in fields.items() if getattr(row, name) != value}
    for name, value in different.items():
        setattr(row, name, value)
    return bool(different)


def forget_unused_pictures(session: Session) -> list[str]:
    """The digests of those that no statement shows any more; their files are to be removed when
    the transaction is committed."""
    shown = select(Statement.image_id).where(Statement.image_id.is_not(None))
    unused = delete(Image).where(Image.id.not_in(shown)).returning(Image.digest)
    return list(session.scalars(unused))


def image_row(session: Session, picture: images.StoredImage) -> Image:
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
