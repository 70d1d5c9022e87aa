"""Newsletters: their words in every language, how they grow, and who is taken in and out."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import audit, growth, jobs, newsletter_texts, records, subscriber_imports, tables
from widgets.audit import Actor, Subject
from widgets.languages import LANGUAGES, own_name
from widgets.members import names
from widgets.models import Database, Editor, Newsletter, Role, State
from widgets.newsletter_texts import LONGEST, BadWords, Listed, Overtaken
from widgets.newsletters import NoSuchNewsletter
from widgets.subscriber_imports import LARGEST, TOO_LARGE, BadTable, Defaults
from widgets.tables import BadRow
from widgets.text import clean
from widgets.web import service
from widgets.web.console import charts
from widgets.web.console.door import Screen, noted

screen = Screen("newsletters", __name__, url_prefix="/admin/newsletters")

LATELY = 90  # days
LINES_AT_ONCE = 500


@screen.get("")
def index(editor: Editor) -> Response:
    with service().database.reading() as session:
        listed = newsletter_texts.listed(session)
    html = render_template("console/newsletters.html", listed=listed, own_name=own_name)
    return make_response(html)


@screen.get("/new")
def new(editor: Editor) -> Response:
    return _new({"lang": service().settings.language}, {})


@screen.post("/new")
def add(editor: Editor) -> AnyResponse:
    typed = {name: request.form.get(name, "") for name in ("slug", "lang", *LONGEST)}
    try:
        with service().database.writing() as session:
            added = newsletter_texts.add(
                session,
                typed["slug"].strip(),
                typed["lang"],
                typed,
                Actor.of(editor),
                datetime.now(UTC),
            )
    except BadWords as error:
        return _new(typed, error.problems, 422)
    path = url_for("newsletters.words", slug=added.slug, lang=added.lang)
    return noted("The newsletter is there. This is its form.", path)


@screen.get("/<slug:slug>")
def overview(editor: Editor, slug: str) -> Response:
    now = datetime.now(UTC)
    with service().database.reading() as session:
        shown = _one(session, slug)
        grown = growth.growth(session, shown.newsletter, now)
        langs = growth.by_language(session, shown.newsletter)
        sites = growth.by_site(session, shown.newsletter)
        called = names(session, [site for site, _ in sites])
    html = render_template(
        "console/newsletter.html",
        shown=shown,
        lately=charts.line(grown.days[-LATELY:], "Confirmed subscribers"),
        year=charts.line(grown.days, "Confirmed subscribers"),
        year_ago=grown.days[0][1],
        days=grown.days[-LATELY:][::-1],
        months=grown.months,
        langs=[(own_name(lang), lang, many) for lang, many in langs],
        sites=[(called.get(site, site), many) for site, many in sites],
    )
    return make_response(html)


@screen.get("/<slug:slug>/words")
def choose_language(editor: Editor, slug: str) -> AnyResponse:
    """Leads to the words in the language that was chosen, or typed, or to the newsletter's own."""
    with service().database.reading() as session:
        shown = _one(session, slug)
    typed = request.args.get("tag", "").strip() or request.args.get("lang", "")
    try:
        lang = newsletter_texts.language(typed or shown.newsletter.lang)
    except BadWords as error:
        return _words(slug, shown.newsletter.lang, problems=error.problems, tag=typed, status=422)
    return redirect(url_for("newsletters.words", slug=slug, lang=lang), 303)


@screen.get("/<slug:slug>/words/<lang>")
def words(editor: Editor, slug: str, lang: str) -> AnyResponse:
    return _words(slug, _tag(lang))


@screen.post("/<slug:slug>/words/<lang>")
def save(editor: Editor, slug: str, lang: str) -> AnyResponse:
    lang = _tag(lang)
    typed = {name: request.form.get(name, "") for name in LONGEST}
    seen = request.form.get("seen", "")[:40]
    try:
        with service().database.writing() as session:
            changed = newsletter_texts.save(
                session, slug, lang, typed, seen, Actor.of(editor), datetime.now(UTC)
            )
    except NoSuchNewsletter:
        abort(404)
    except BadWords as error:
        return _words(slug, lang, typed=typed, seen=seen, problems=error.problems, status=422)
    except Overtaken as error:
        return _words(slug, lang, typed=typed, overtaken=error, status=409)
    said = "Saved. Readers see it now." if changed else "It was so already."
    return noted(said, url_for("newsletters.words", slug=slug, lang=lang))


@screen.post("/<slug:slug>/words/<lang>/remove")
def remove(editor: Editor, slug: str, lang: str) -> AnyResponse:
    try:
        with service().database.writing() as session:
            newsletter_texts.remove(session, slug, _tag(lang), Actor.of(editor), datetime.now(UTC))
    except NoSuchNewsletter:
        abort(404)
    except BadWords as error:
        return _words(slug, lang, problems=error.problems, status=422)
    return noted(
        f"The words in {own_name(lang)} are taken away.",
        url_for("newsletters.choose_language", slug=slug),
    )


@screen.get("/<slug:slug>/people", role=Role.ADMINISTRATOR)
def people(editor: Editor, slug: str) -> Response:
    return _people(slug, {})


@screen.post("/<slug:slug>/export", role=Role.ADMINISTRATOR)
def export(editor: Editor, slug: str) -> Response:
    """Everybody who confirmed, as a file. It is streamed, and sees one moment of the database."""
    form = "ndjson" if request.form.get("format") == "ndjson" else "csv"
    with service().database.writing() as session:
        shown = _one(session, slug)
        subject = Subject("newsletter", slug, shown.words.name)
        actor = Actor.of(editor)
        audit.record(session, actor, "exported subscribers of", subject, datetime.now(UTC))
    return Response(
        _exported(service().database, slug, form),
        mimetype="text/csv" if form == "csv" else "application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{slug}-subscribers.{form}"'},
    )


@screen.post("/<slug:slug>/people", role=Role.ADMINISTRATOR)
def take_in(editor: Editor, slug: str) -> AnyResponse:
    """Looks through a table, and, when it was looked through, starts to import it."""
    typed = {name: request.form.get(name, "") for name in ("source", "consent", "lang", "table")}
    typed["table"] = typed["table"].replace("\r\n", "\n").replace("\r", "\n")
    now = datetime.now(UTC)
    with service().database.reading() as session:
        newsletter = _one(session, slug).newsletter
    try:
        typed["table"] = _uploaded() or typed["table"]
        defaults = _defaults(typed, newsletter)
        reading = subscriber_imports.read(
            typed["table"],
            defaults,
            service().hasher,
            now,
            allow_test_domains=service().settings.is_local,
        )
    except BadWords as error:
        return _people(slug, typed, problems=error.problems, status=422)
    except BadTable as error:
        return _people(slug, typed, problems={"table": str(error)}, status=422)
    with service().database.reading() as session:
        found = subscriber_imports.preview(session, newsletter, reading)
    looked = _fingerprint(typed)
    if request.form.get("do") != "import" or request.form.get("looked") != looked or not found.new:
        return _people(slug, typed, found=found, looked=looked)
    with service().database.writing() as session:
        shown = _one(session, slug)
        job = jobs.start(
            session,
            editor,
            subscriber_imports.KIND,
            now,
            params={
                "newsletter": slug,
                "name": shown.words.name,
                "source": defaults.source,
                "consent": defaults.consent,
                "lang": defaults.lang,
                "asked_at": now.isoformat(),
            },
            data=typed["table"].encode(errors="replace"),
            total=reading.candidates[-1].line,
        )
    return redirect(url_for("jobs.progress", job_id=job), 303)


def _one(session: Session, slug: str) -> Listed:
    try:
        return newsletter_texts.one(session, slug)
    except NoSuchNewsletter:
        abort(404)


def _tag(lang: str) -> str:
    try:
        return newsletter_texts.language(lang)
    except BadWords:
        abort(404)


def _new(typed: dict[str, str], problems: dict[str, str], status: int = 200) -> Response:
    langs = [(lang, own_name(lang)) for lang in LANGUAGES]
    if typed["lang"] and typed["lang"] not in LANGUAGES:
        langs.append((typed["lang"], typed["lang"]))
    html = render_template(
        "console/newsletter_new.html", typed=typed, problems=problems, langs=langs
    )
    return make_response(html, status)


def _words(
    slug: str,
    lang: str,
    *,
    typed: dict[str, str] | None = None,
    seen: str | None = None,
    problems: dict[str, str] | None = None,
    overtaken: Overtaken | None = None,
    tag: str = "",
    status: int = 200,
) -> Response:
    """The words in a language, beside those in the newsletter's own."""
    with service().database.reading() as session:
        shown = _one(session, slug)
        saved = newsletter_texts.words(session, shown.newsletter, lang)
        wordings = newsletter_texts.wordings(session, shown.newsletter, lang)
    if seen is None:
        seen = saved.fingerprint if saved else ""
    html = render_template(
        "console/newsletter_words.html",
        shown=shown,
        lang=lang,
        saved=saved,
        typed=typed or (vars(saved) if saved else {}),
        seen=seen,
        problems=problems or {},
        overtaken=overtaken,
        tag=tag,
        wordings=wordings,
        choices=newsletter_texts.choices(shown.langs, LANGUAGES),
        own_name=own_name,
    )
    return make_response(html, status)


def _people(
    slug: str,
    typed: dict[str, str],
    *,
    problems: dict[str, str] | None = None,
    found: subscriber_imports.Preview | None = None,
    looked: str = "",
    status: int = 200,
) -> Response:
    with service().database.reading() as session:
        shown = _one(session, slug)
    html = render_template(
        "console/newsletter_people.html",
        shown=shown,
        typed=typed,
        problems=problems or {},
        found=found,
        looked=looked,
    )
    return make_response(html, status)


def _exported(database: Database, slug: str, form: str) -> Iterator[str]:
    with database.reading() as session:
        lines = records.export(session, slug, State.CONFIRMED, form)
        while some := "".join(islice(lines, LINES_AT_ONCE)):
            yield some


def _uploaded() -> str:
    """The text of the file that came along, if one did. Raises BadTable."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return ""
    data = file.stream.read(2 * LARGEST + 1)  # UTF-16 takes two bytes for a letter
    if len(data) > 2 * LARGEST:
        raise BadTable(TOO_LARGE)
    try:
        text = tables.decoded(data)
    except BadRow as error:
        raise BadTable(f"Line {error.line}: {error.reason}.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _defaults(typed: dict[str, str], newsletter: Newsletter) -> Defaults:
    """Raises BadWords."""
    problems = {}
    source, consent = clean(typed["source"]), clean(typed["consent"])
    if not source:
        problems["source"] = "Please say what this list is called, and where it comes from."
    elif len(source) > 200:
        problems["source"] = "Please use at most 200 characters."
    if len(consent) > 700:
        problems["consent"] = "Please use at most 700 characters."
    lang = newsletter.lang
    if typed["lang"].strip():
        try:
            lang = newsletter_texts.language(typed["lang"])
        except BadWords as error:
            problems |= error.problems
    if not typed["table"].strip():
        problems["table"] = "Please choose a file, or paste the table."
    if problems:
        raise BadWords(problems)
    return Defaults(source, consent, lang)


def _fingerprint(typed: dict[str, str]) -> str:
    """Tells whether anything was changed since the table was looked through."""
    return hashlib.sha256(repr(sorted(typed.items())).encode(errors="replace")).hexdigest()
