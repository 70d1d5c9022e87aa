"""Statements: the list of them, and the text of one in each of its languages, with its versions and
a preview of what isn't saved yet."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from babel import Locale
from flask import Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from widgets import drafts, images, languages, previews, text, versions, writing
from widgets.audit import Actor
from widgets.drafts import CannotBeDeleted
from widgets.models import Editor, Standing, Statement, Translation
from widgets.statements import NoSuchStatement
from widgets.web import service
from widgets.web.console.asked import page_number, search
from widgets.web.console.door import Screen, noted
from widgets.writing import BadWords, Overtaken

screen = Screen("statements", __name__, url_prefix="/admin/statements")
STANDINGS = (
    ("", "all"),
    (Standing.DRAFT.value, "drafts"),
    (Standing.GATHERING.value, "gathering endorsements"),
    (Standing.PUBLISHED.value, "published"),
    (Standing.WITHDRAWN.value, "withdrawn"),
)


@screen.get("")
def index(editor: Editor) -> Response:
    standing = request.args.get("standing", "")
    if standing not in dict(STANDINGS):
        standing = ""
    with service().database.reading() as session:
        found = writing.listed(session, search(), standing, page_number())
    html = render_template(
        "console/statements.html",
        found=found,
        q=search(),
        standing=standing,
        standings=STANDINGS,
    )
    return make_response(html)


@screen.get("/new")
def new(editor: Editor) -> Response:
    return _new({"lang": service().settings.language}, {})


@screen.post("/new")
def begin(editor: Editor) -> AnyResponse:
    now = datetime.now(UTC)
    typed = {name: request.form.get(name, "") for name in ("title", "lang")}
    try:
        with service().database.writing() as session:
            made = writing.begin(session, typed, now.date(), Actor.of(editor), now)
    except BadWords as error:
        return _new(typed, error.problems, 422)
    return noted("The draft is begun. Nobody sees it but you editors.", _text_path(made.id))


def _new(typed: Mapping[str, str], problems: Mapping[str, str], status: int = 200) -> Response:
    html = render_template(
        "console/statement_new.html", typed=typed, problems=problems, tags=_tags()
    )
    return make_response(html, status)


@screen.post("/anew")
def begin_anew(editor: Editor) -> AnyResponse:
    """A draft of what was written for one that was deleted meanwhile."""
    typed, now = _typed(), datetime.now(UTC)
    try:
        with service().database.writing() as session:
            made = writing.begin_with(session, typed, now.date(), Actor.of(editor), now)
    except BadWords as error:
        return _gone(typed, error.problems, 422)
    return noted("It is a draft of its own now.", _text_path(made.id))


def _gone(
    typed: Mapping[str, str], problems: Mapping[str, str] | None = None, status: int = 410
) -> Response:
    """What somebody wrote while somebody else deleted the statement, so that it isn't lost."""
    html = render_template("console/statement_gone.html", typed=typed, problems=problems or {})
    return make_response(html, status)


@screen.get("/<int:number>")
def edit(editor: Editor, number: int) -> Response:
    return _page(number, None)


@screen.post("/<int:number>")
def save(editor: Editor, number: int) -> AnyResponse:
    typed, base = _typed(), _base()
    try:
        with service().database.writing() as session:
            changed = writing.save(
                session, number, typed, base, Actor.of(editor), datetime.now(UTC)
            )
    except NoSuchStatement:
        return _gone(typed)
    except BadWords as error:
        return _page(number, None, typed, base, problems=error.problems, status=422)
    except Overtaken as error:
        return _page(number, None, error.merged, overtaken=error, status=409)
    return noted(_said(changed), _text_path(number))


@screen.get("/<int:number>/text")
def add(editor: Editor, number: int) -> AnyResponse:
    """Which language to translate into; and on to its form, once it is named."""
    typed = text.clean(request.args.get("lang", ""))[:100]
    problem = ""
    with service().database.reading() as session:
        statement = writing.get(session, number)
    if typed:
        try:
            lang = writing.new_language(statement, typed)
            return redirect(_text_path(number, lang), 303)
        except BadWords as error:
            problem = str(error)
    html = render_template(
        "console/statement_translate.html",
        statement=statement,
        typed=typed,
        problem=problem,
        tags=_tags(),
    )
    return make_response(html, 422 if problem else 200)


@screen.get("/<int:number>/text/<lang>")
def edit_translation(editor: Editor, number: int, lang: str) -> AnyResponse:
    with service().database.reading() as session:
        statement = writing.get(session, number)
    if lang == statement.lang:
        return redirect(_text_path(number), 303)
    return _page(number, _translated(statement, lang))


@screen.post("/<int:number>/text/<lang>")
def save_translation(editor: Editor, number: int, lang: str) -> AnyResponse:
    typed, base = _typed(), _base()
    try:
        with service().database.reading() as session:
            lang = _translated(writing.get(session, number), lang)
        with service().database.writing() as session:
            changed = writing.save_translation(
                session, number, lang, typed, base, Actor.of(editor), datetime.now(UTC)
            )
    except NoSuchStatement:
        return _gone({**typed, "lang": lang})
    except BadWords as error:
        return _page(number, lang, typed, base, problems=error.problems, status=422)
    except Overtaken as error:
        return _page(number, lang, error.merged, overtaken=error, status=409)
    return noted(_said(changed), _text_path(number, lang))


@screen.post("/<int:number>/text/<lang>/remove")
def remove_translation(editor: Editor, number: int, lang: str) -> AnyResponse:
    with service().database.writing() as session:
        writing.remove_translation(session, number, lang, Actor.of(editor), datetime.now(UTC))
    return noted(
        "The translation is removed. Its versions are kept: you can bring it back here.",
        url_for("statements.history", number=number, lang=lang),
    )


@screen.get("/<int:number>/delete")
def to_delete(editor: Editor, number: int) -> Response:
    """What goes with a draft."""
    return _to_delete(number)


@screen.post("/<int:number>/delete")
def delete(editor: Editor, number: int) -> AnyResponse:
    seen = request.form.get("seen", "")
    try:
        with service().database.writing() as session:
            title = writing.get(session, number).title
            unused = drafts.delete(session, number, seen, Actor.of(editor), datetime.now(UTC))
    except CannotBeDeleted:
        return _to_delete(number, status=422)
    except drafts.Overtaken:
        return _to_delete(number, overtaken=True, status=409)
    for digest in unused:
        images.remove(service().settings.instance_path, digest)
    return noted(f"The draft “{title}” is deleted.", url_for("statements.index"))


def _to_delete(number: int, *, overtaken: bool = False, status: int = 200) -> Response:
    with service().database.reading() as session:
        statement = writing.get(session, number)
        html = render_template(
            "console/statement_delete.html",
            statement=statement,
            hindrance=drafts.hindrance(session, statement),
            loss=drafts.loss(session, statement),
            overtaken=overtaken,
        )
    return make_response(html, status)


@screen.post("/<int:number>/preview")
def preview(editor: Editor, number: int) -> AnyResponse:
    """Shows what is typed, in the frame beside it. Nothing is saved."""
    with service().database.writing() as session:
        statement = writing.get(session, number)
        lang = request.args.get("of", "")
        lang = _translated(statement, lang) if lang else statement.lang
        kept = previews.keep(session, number, lang, _typed(), datetime.now(UTC))
    return redirect(url_for("unsaved.preview", token=service().links.preview(kept)), 303)


@screen.get("/<int:number>/versions")
def history(editor: Editor, number: int) -> Response:
    with service().database.reading() as session:
        statement = writing.get(session, number)
        kept = versions.languages(session, number)
        kept.sort(key=lambda one: one != statement.lang)  # the original's first, as elsewhere
        lang = request.args.get("lang", "")
        lang = lang if lang in kept else statement.lang
        page = versions.listed(session, number, lang, page_number())
        base = writing.base_of(session, _row(statement, lang))
    html = render_template(
        "console/versions.html", statement=statement, kept=kept, lang=lang, page=page, base=base
    )
    return make_response(html)


@screen.get("/<int:number>/versions/<int:version_id>")
def version(editor: Editor, number: int, version_id: int) -> Response:
    return _version(number, version_id)


@screen.post("/<int:number>/versions/<int:version_id>/restore")
def restore(editor: Editor, number: int, version_id: int) -> AnyResponse:
    try:
        with service().database.writing() as session:
            lang = writing.restore(
                session, number, version_id, _base(), Actor.of(editor), datetime.now(UTC)
            )
    except Overtaken:
        problem = "Somebody has saved meanwhile. Look at the newest version first."
        return _version(number, version_id, problem, 409)
    except BadWords as error:
        return _version(number, version_id, str(error), 422)
    return noted(
        "It says this again. What it said before is a version too.",
        url_for("statements.history", number=number, lang=lang),
    )


def _version(number: int, version_id: int, problem: str = "", status: int = 200) -> Response:
    with service().database.reading() as session:
        statement = writing.get(session, number)
        shown = versions.get(session, number, version_id)
        if shown is None:
            abort(404)
        older = versions.before(session, shown)
        base = writing.base_of(session, _row(statement, shown.lang))
    html = render_template(
        "console/version.html",
        statement=statement,
        version=shown,
        older=older,
        changes=versions.changes(older.content if older else None, shown.content),
        told=[
            (name, label, versions.told(name, shown.content.get(name)))
            for name, label in versions.LABELS.items()
            if name != "image" and shown.content.get(name)
        ],
        base=base,
        problem=problem,
    )
    return make_response(html, status)


def _page(
    number: int,
    lang: str | None,
    typed: Mapping[str, str] | None = None,
    base: int | None = None,
    *,
    problems: Mapping[str, str] | None = None,
    overtaken: Overtaken | None = None,
    status: int = 200,
) -> Response:
    """The text of the statement (lang: None) or of a translation: as it is saved, or as typed."""
    with service().database.reading() as session:
        statement = writing.get(session, number)
        row: Statement | Translation | None = statement if lang is None else _row(statement, lang)
        saved = writing.written(session, row) if row is not None else {}
        newest = writing.base_of(session, row)
        original = writing.written(session, statement)
    shown = saved if typed is None else typed
    html = render_template(
        "console/statement.html",
        statement=statement,
        lang=lang,
        is_new=row is None,
        original=original,
        typed=shown,
        version=newest if base is None else base,
        problems=problems or {},
        overtaken=overtaken,
        doubts=[] if problems else text.doubts(shown.get("body", "")),
        may_move=writing.may_move(statement),
        tags=_tags(),
    )
    return make_response(html, status)


def _row(statement: Statement, lang: str) -> Statement | Translation | None:
    if lang == statement.lang:
        return statement
    return next((one for one in statement.translations if one.lang == lang), None)


def _translated(statement: Statement, lang: str) -> str:
    """A language of a translation, there or to come, from an address; else there is nothing."""
    try:
        return writing.new_language(statement, lang)
    except BadWords:
        abort(404)


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in writing.OF_THE_ORIGINAL}


def _base() -> int:
    base = request.form.get("version", "")
    return int(base) if base.isdecimal() and len(base) < 10 else 0


def _said(changed: bool) -> str:
    return "Saved." if changed else "Nothing was different; there is nothing new to save."


def _text_path(number: int, lang: str = "") -> str:
    if lang:
        return url_for("statements.edit_translation", number=number, lang=lang)
    return url_for("statements.edit", number=number)


def _tags() -> list[tuple[str, Any]]:
    """Languages that are often written, to choose from: their tags and English names."""
    english = Locale.parse("en").languages
    often = (*languages.LANGUAGES, "bn", "de", "fa", "hi", "id", "it", "ja", "nl", "pl", "ps",
             "pt-BR", "sw", "th", "tr", "uk", "ur", "vi", "zh-Hans", "zh-Hant")  # fmt: skip
    return [
        (tag, Locale.parse(tag, sep="-").get_display_name("en") or english[tag]) for tag in often
    ]
