"""Statements as editors write them: begun, changed, translated, brought back to what they said.

Each save makes a version. Who saves what somebody else has changed meanwhile is told so first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from widgets import audit, signatories, statements, text, versions, wording
from widgets.audit import Actor, Subject
from widgets.models import Standing, Statement, Translation, Version
from widgets.models.fact import content_changed
from widgets.paging import Page, paged
from widgets.wording import Unfit

IN_EACH_LANGUAGE = ("title", "body", "pull_quote", "endorsement", "topics")
OF_THE_ORIGINAL = (*IN_EACH_LANGUAGE, "lang", "slug", "published_on", "countries")
_NAMES = {
    "title": "The headline",
    "body": "The text",
    "pull_quote": "The pull quote",
    "endorsement": "The sentence",
    "topics": "The list of topics",
    "lang": "The language",
    "slug": "The address",
    "published_on": "The date",
    "countries": "The list of countries",
}
_APART = re.compile(r"[,;\n،、]")  # what stands between topics, or countries

Value = TypeVar("Value")


class BadWords(Exception):
    """What was written can't be saved. problems: a sentence for each field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


class Overtaken(Exception):
    """Somebody else has saved meanwhile. theirs: their version; since: what they changed.
    merged: what was typed, with theirs in fields that weren't touched; both: labels of the fields
    that both have changed."""

    def __init__(
        self,
        theirs: Version | None,
        since: list[versions.Change],
        merged: dict[str, str],
        both: list[str],
    ) -> None:
        super().__init__("somebody else has saved meanwhile")
        self.theirs = theirs
        self.since = since
        self.merged = merged
        self.both = both


@dataclass(frozen=True)
class Found:
    """A page of statements; by id, how many names are under each, and its newest version."""

    page: Page[Statement]
    counts: Mapping[int, int]
    last: Mapping[int, Version]


@dataclass
class _Checks:
    """Tries each field, so that all problems are told at once."""

    typed: Mapping[str, str]
    problems: dict[str, str] = field(default_factory=dict)

    def of(self, name: str, check: Callable[[str], Value], otherwise: Value) -> Value:
        try:
            return check(self.typed.get(name, ""))
        except Unfit as error:
            self.problems[name] = _sentence(name, error)
            return otherwise


def _sentence(name: str, error: Unfit) -> str:
    """What begins with the thing itself, in quotation marks, needs no name before it."""
    return f"{error}." if str(error).startswith("“") else f"{_NAMES[name]} {error}."


def listed(session: Session, search: str, standing: str, number: int) -> Found:
    """Statements, the newest first. search: words that all occur in one of its languages, without
    regard to case and accents; standing: one of Standing, or nothing."""
    query = select(Statement).options(selectinload(Statement.translations))
    query = query.order_by(Statement.published_on.desc(), Statement.id.desc())
    if standing:
        query = query.where(Statement.standing == standing)
    words = text.fold(search).split()
    if words:
        translated = select(Translation.statement_id).where(_has(Translation, words))
        query = query.where(or_(_has(Statement, words), Statement.id.in_(translated)))
    page = paged(session, query, number)
    ids = [one.id for one in page.items]
    return Found(page, signatories.counts(session), versions.last_changes(session, ids))


def _has(model: type[Statement] | type[Translation], words: list[str]) -> ColumnElement[bool]:
    found = model.folded.contains(words[0], autoescape=True)
    for word in words[1:]:
        found &= model.folded.contains(word, autoescape=True)
    return found


def get(session: Session, number: int) -> Statement:
    """With its translations, of any standing. Raises NoSuchStatement."""
    found = session.scalar(statements.with_translations().where(Statement.id == number))
    if found is None:
        raise statements.NoSuchStatement(number)
    return found


def held(session: Session, number: int) -> Statement:
    """The same, and nobody else changes it (or its translations) until the transaction ends."""
    session.scalar(select(Statement.id).where(Statement.id == number).with_for_update())
    return get(session, number)


def begin(
    session: Session, typed: Mapping[str, str], today: date, actor: Actor, now: datetime
) -> Statement:
    """A draft with a headline and nothing else yet. Raises BadWords."""
    checks = _Checks(typed)
    title = checks.of("title", wording.title, "")
    lang = checks.of("lang", lambda written: wording.lang(text.clean(written)), "")
    if checks.problems:
        raise BadWords(checks.problems)
    made = Statement(
        id=statements.unused_id(session),
        slug=_free_slug(session, title, today),
        lang=lang,
        title=title,
        published_on=today,
        topics=[],
        countries=[],
        body="",
        standing=Standing.DRAFT,
        updated_at=now,
    )
    session.add(made)
    versions.keep(session, made, actor, now)
    audit.record(session, actor, "began", subject(made), now)
    return made


def begin_with(
    session: Session, typed: Mapping[str, str], today: date, actor: Actor, now: datetime
) -> Statement:
    """A draft with a text, as of `IN_EACH_LANGUAGE`. Raises BadWords."""
    made = begin(session, typed, today, actor, now)
    written_so_far = written(session, held(session, made.id))
    words = {name: typed.get(name, "") for name in IN_EACH_LANGUAGE}
    base = base_of(session, made)
    save(session, made.id, {**written_so_far, **words}, base, actor, now)
    return made


def proposed_slug(title: str, today: date) -> str:
    """A name for the address, from a headline; from the day where the headline is in other letters.

    >>> proposed_slug("Réouvrez la salle de lecture !", date(2027, 3, 1))
    'reouvrez-la-salle-de-lecture'
    >>> proposed_slug("افتحوا القاعة", date(2027, 3, 1))
    'statement-2027-03-01'
    """
    words = re.findall(r"[a-z0-9]+", text.fold(title).replace("'", ""))
    slug = "-".join(words)[:60]
    if len("-".join(words)) > 60:
        slug = slug.rpartition("-")[0] or slug
    letters = sum(character.isalpha() for character in title)
    if not slug or sum(map(len, words)) < letters / 2 or slug in wording.TAKEN_SLUGS:
        return f"statement-{today.isoformat()}"
    return slug


def _free_slug(session: Session, title: str, today: date) -> str:
    slug = proposed = proposed_slug(title, today)
    number = 1
    while statements.by_slug(session, slug):
        number += 1
        slug = f"{proposed}-{number}"
    return slug


def may_move(statement: Statement) -> bool:
    """Whether its address can still be changed: nobody has pasted it yet."""
    return statement.standing in (Standing.DRAFT, Standing.GATHERING)


def written(session: Session, row: Statement | Translation) -> dict[str, str]:
    """What stands in the fields of the form for what is saved."""
    content = versions.content(session, row)
    return _written(content, row.lang if isinstance(row, Statement) else None)


def _written(content: versions.Content, lang: str | None) -> dict[str, str]:
    """lang: None for a translation, whose language is not written in the form."""
    fields = {name: versions.told(name, content.get(name)) for name in IN_EACH_LANGUAGE}
    if lang is not None:
        fields |= {
            "lang": lang,
            "slug": content["slug"],
            "published_on": content["published_on"],
            "countries": versions.told("countries", content["countries"]),
        }
    return fields


def fields_of(
    typed: Mapping[str, str], row: Statement | Translation, *, leniently: bool = False
) -> dict[str, Any]:
    """What a form says, checked and cleaned. leniently: what can't be saved stays as it was, and a
    headline or text may be missing: for a preview. Raises BadWords otherwise."""
    checks = _Checks(typed)
    texts = {name: typed.get(name, "") for name in OF_THE_ORIGINAL}
    try:
        wording.must_be_small(texts.values())
    except Unfit as error:
        # cleaning and comparing millions of letters would take long
        longest = max(texts, key=lambda name: len(texts[name]))
        raise BadWords({longest: _sentence(longest, error)}) from None
    fields: dict[str, Any] = {
        "title": checks.of("title", wording.title, "" if leniently else row.title),
        "body": wording.body(texts["body"]),
        "pull_quote": text.clean(texts["pull_quote"]) or None,
        "endorsement": text.clean(texts["endorsement"]) or None,
        "topics": _kept_or("topics", texts, row.topics, _topics),
    }
    must_have_text = isinstance(row, Translation) or row.standing in statements.PUBLIC
    if not fields["body"] and must_have_text:
        checks.problems["body"] = "The text is missing."
    if isinstance(row, Statement):
        fields |= {
            "lang": checks.of("lang", lambda one: wording.lang(text.clean(one)), row.lang),
            "published_on": checks.of(
                "published_on", lambda one: wording.day(text.clean(one)), row.published_on
            ),
            "countries": checks.of(
                "countries",
                lambda _: _kept_or("countries", texts, row.countries, _countries),
                row.countries,
            ),
        }
        if may_move(row):
            fields["slug"] = checks.of("slug", lambda one: wording.slug(text.clean(one)), row.slug)
    if checks.problems and not leniently:
        raise BadWords(checks.problems)
    return fields


def _kept_or(
    name: str, texts: Mapping[str, str], known: list[str], read: Callable[[str], list[str]]
) -> list[str]:
    """What nobody touched stays as it is, also a topic from a file with a comma in it."""
    if text.clean(texts[name]) == text.clean(versions.told(name, known)):
        return known
    return read(texts[name])


def _topics(typed: str) -> list[str]:
    found = (text.clean(one) for one in _APART.split(typed))
    return list(dict.fromkeys(one for one in found if one))


def _countries(typed: str) -> list[str]:
    found = (text.clean(one) for one in _APART.split(typed))
    return list(dict.fromkeys(wording.country_called(one) for one in found if one))


def save(
    session: Session,
    number: int,
    typed: Mapping[str, str],
    base: int,
    actor: Actor,
    now: datetime,
) -> bool:
    """Saves a statement in its own language. base: the id of the version that the form was filled
    with. Whether anything is different. Raises NoSuchStatement, BadWords, and Overtaken where
    somebody has saved since base."""
    statement = held(session, number)
    fields = fields_of(typed, statement)
    _refuse_to_overtake(session, statement, typed, fields, base)
    slug = fields.get("slug", statement.slug)
    if slug != statement.slug and statements.by_slug(session, slug):
        raise BadWords({"slug": "Another statement has this address already."})
    if fields["lang"] in {one.lang for one in statement.translations}:
        raise BadWords(
            {"lang": "There is a translation into this language. Remove it first, or keep it."}
        )
    in_another_language = fields["lang"] != statement.lang
    if not statements.set_fields(statement, fields):
        return False
    statement.updated_at = now
    versions.keep(session, statement, actor, now)
    if in_another_language:
        signatories.put_in_order(session, statement.id)
    audit.record(session, actor, "changed", subject(statement), now, language=statement.lang)
    if statement.standing in statements.PUBLIC:
        content_changed(session)
    return True


def save_translation(
    session: Session,
    number: int,
    lang: str,
    typed: Mapping[str, str],
    base: int,
    actor: Actor,
    now: datetime,
) -> bool:
    """Saves a statement in another language, as `save` does; base is 0 for a new translation.
    lang: as `new_language` gives it."""
    statement = held(session, number)
    known = next((one for one in statement.translations if one.lang == lang), None)
    row = known or Translation(statement_id=number, lang=lang, topics=[], title="", body="")
    fields = fields_of(typed, row)
    if known is not None:
        _refuse_to_overtake(session, known, typed, fields, base)
    elif base:
        raise Overtaken(None, [], dict(typed), [])
    if not statements.set_fields(row, fields) and known is not None:
        return False
    row.updated_at = now
    session.add(row)
    versions.keep(session, row, actor, now)
    action = "changed" if known else "translated"
    audit.record(session, actor, action, subject(statement), now, language=lang)
    if statement.standing in statements.PUBLIC:
        content_changed(session)
    return True


def new_language(statement: Statement, typed: str) -> str:
    """The tag of a language into which a statement can be translated. Raises BadWords."""
    try:
        lang = wording.lang(text.clean(typed))
    except Unfit as error:
        raise BadWords({"lang": _sentence("lang", error)}) from None
    if lang == statement.lang:
        raise BadWords({"lang": "That is the statement’s own language."})
    return lang


def remove_translation(
    session: Session, number: int, lang: str, actor: Actor, now: datetime
) -> None:
    """Its versions stay, so that it can be brought back."""
    statement = held(session, number)
    row = next((one for one in statement.translations if one.lang == lang), None)
    if row is None:
        raise statements.NoSuchStatement(number)
    session.delete(row)
    statement.updated_at = now
    audit.record(session, actor, "removed a translation of", subject(statement), now, language=lang)
    if statement.standing in statements.PUBLIC:
        content_changed(session)


def restore(
    session: Session, number: int, version_id: int, base: int, actor: Actor, now: datetime
) -> str:
    """Brings back what a version says, as a new one, and gives its language. The address stays, and
    so does the picture with what is said of it. base: as in `save`, of the newest version that was
    shown, 0 where the translation was removed. Raises NoSuchStatement, Overtaken, BadWords."""
    statement = held(session, number)
    version = versions.get(session, number, version_id)
    if version is None:
        raise statements.NoSuchStatement(number)
    is_original = "slug" in version.content
    typed = _written(version.content, version.lang if is_original else None)
    if is_original:
        typed["slug"] = statement.slug
        changed = save(session, number, typed, base, actor, now)
    else:
        if version.lang == statement.lang:
            raise BadWords({"lang": "This is now the language of the statement itself."})
        changed = save_translation(session, number, version.lang, typed, base, actor, now)
    if changed:
        audit.record(
            session,
            actor,
            "restored",
            subject(statement),
            now,
            language=version.lang,
            version=version.number,
        )
    return version.lang


def base_of(session: Session, row: Statement | Translation | None) -> int:
    """The id of the newest version; 0 where there is none."""
    found = versions.current(session, row) if row is not None else None
    return found.id if found else 0


def subject(statement: Statement) -> Subject:
    """How the audit knows a statement."""
    return Subject("statement", statement.id, statement.title)


def _refuse_to_overtake(
    session: Session,
    row: Statement | Translation,
    typed: Mapping[str, str],
    fields: Mapping[str, Any],
    base: int,
) -> None:
    """Raises Overtaken unless nothing was saved since base, or just the same."""
    newest = versions.current(session, row)
    if newest is None or newest.id == base:
        return
    if all(getattr(row, name) == value for name, value in fields.items()):
        return
    statement_id = row.id if isinstance(row, Statement) else row.statement_id
    start = versions.get(session, statement_id, base)
    old = start.content if start else None
    names = OF_THE_ORIGINAL if isinstance(row, Statement) else IN_EACH_LANGUAGE
    theirs = written(session, row)
    before = _written(old, start.lang) if start and old and "slug" in old else None
    if before is None:
        before = _written(old, None) if old else {}
    merged = {name: typed.get(name, "") for name in names}
    both = []
    for name in names:
        touched = name not in before or not _same(merged[name], before[name])
        if not touched:
            merged[name] = theirs[name]
        elif not _same(theirs[name], merged[name]) and not _same(
            theirs[name], before.get(name, "")
        ):
            both.append(_NAMES[name])
    session.expunge(newest)  # it is still to be read when this transaction is rolled back
    raise Overtaken(newest, versions.changes(old, newest.content), merged, both)


def _same(one: str, other: str) -> bool:
    return text.clean_lines(one).strip() == text.clean_lines(other).strip()
