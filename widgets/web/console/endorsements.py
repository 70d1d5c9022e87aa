"""Who endorses a statement: asking members, what they answer, and the names that stand there."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from babel import Locale
from flask import Response, abort, make_response, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import endorsing, inviting, moments, names_by_hand, regions, signatories, tables
from widgets.inviting import Candidate, CannotInvite
from widgets.models import Editor, Reply, Statement
from widgets.moments import BadMoment
from widgets.names_by_hand import LARGEST_TABLE, NoNote, NoSuchName
from widgets.signatories import BadName, Table, Twin
from widgets.tables import BadRow
from widgets.text import country_name, is_country
from widgets.web import service
from widgets.web.console.asked import page_number, search
from widgets.web.console.door import Screen, noted

screen = Screen("endorsements", __name__, url_prefix="/admin/statements/<int:number>/endorsements")

MOST_SHOWN = 500  # members in the list to tick; a search finds the others
STATES = {
    "": "all who were asked",
    "waiting": "no answer yet",
    Reply.ENDORSED: "endorsed",
    Reply.DECLINED: "not this time",
    Reply.WITHDRAWN: "taken back",
    "disagree": "contacts disagree",
}
CONSENTED = {
    "file": "came with a file",
    "link": "answered by signed link",
    "by hand": "added by an editor",
    "signed": "signed the open letter",
}


@screen.get("")
def index(editor: Editor, number: int) -> Response:
    state = request.args.get("state", "")
    state = state if state in STATES else ""
    with service().database.reading() as session:
        statement = _statement(session, number)
        found = endorsing.overview(
            session, number, search=search(), state=state, number=page_number()
        )
        remindable = len(inviting.remindable(session, number, datetime.now(UTC)))
    return _rendered(
        "endorsements", statement, overview=found, remindable=remindable, q=search(),
        state=state, states=STATES,
    )  # fmt: skip


@screen.get("/answers.csv")
def answers(editor: Editor, number: int) -> Response:
    with service().database.reading() as session:
        statement = _statement(session, number)
        table = tables.written(endorsing.ANSWERS, endorsing.answers(session, number))
    response = Response("\ufeff" + table, mimetype="text/csv")  # the mark tells Excel it is UTF-8
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{statement.slug}-endorsements.csv"'
    )
    return response


@screen.get("/deadline")
def deadline(editor: Editor, number: int) -> Response:
    with service().database.reading() as session:
        statement = _statement(session, number)
    return _rendered("deadline", statement, typed=_deadline_of(statement), problems={})


@screen.post("/deadline")
def set_deadline(editor: Editor, number: int) -> AnyResponse:
    typed = {name: request.form.get(name, "")[:60] for name in ("day", "time", "zone")}
    with service().database.reading() as session:
        statement = _statement(session, number)
    try:
        until = _until(typed)
        with service().database.writing() as session:
            inviting.set_deadline(session, editor, number, until, datetime.now(UTC))
    except (BadMoment, CannotInvite) as error:
        problems = {error.field or "day": str(error)}
        return _rendered("deadline", statement, 422, typed=typed, problems=problems)
    said = "The deadline is changed." if until else "There is no deadline now."
    return noted(said, _to("index", number))


@screen.get("/invite")
def invite(editor: Editor, number: int) -> Response:
    with service().database.reading() as session:
        statement = _statement(session, number)
        candidates = inviting.candidates(session, number)
    return _invite(statement, candidates, {"who": "all", **_deadline_of(statement)}, set(), {})


@screen.post("/invite")
def ask(editor: Editor, number: int) -> AnyResponse:
    """Looks for members to tick, or shows whom it would ask, or asks them. What is ticked and typed
    stays."""
    names = ("who", "region", "q", "day", "time", "zone", "words")
    typed = {name: request.form.get(name, "") for name in names}
    ticked = set(request.form.getlist("member"))
    with service().database.reading() as session:
        statement = _statement(session, number)
        candidates = inviting.candidates(session, number)
    if "look" in request.form:
        typed["who"] = "some" if typed["q"].strip() else typed["who"]
        return _invite(statement, candidates, typed, ticked, {})
    slugs = [one.member.slug for one in candidates if _is_chosen(one, typed, ticked)]
    now = datetime.now(UTC)
    try:
        until = _until(typed)
        with service().database.reading() as session:
            planned = inviting.plan(
                session, number, slugs, until=until, words=typed["words"], now=now
            )
        if "sure" not in request.form:
            return _rendered("sure", statement, planned=planned, typed=typed, ticked=sorted(ticked))
        with service().database.writing() as session:
            job = inviting.invite(session, editor, number, planned, now)
    except (BadMoment, CannotInvite) as error:
        return _invite(statement, candidates, typed, ticked, {error.field: str(error)}, 422)
    return noted("The mails are being prepared.", url_for("jobs.progress", job_id=job))


def _is_chosen(one: Candidate, typed: dict[str, str], ticked: set[str]) -> bool:
    if typed["who"] == "region":
        return bool(typed["region"]) and one.region == typed["region"]
    return typed["who"] == "all" or one.member.slug in ticked


def _invite(
    statement: Statement,
    candidates: list[Candidate],
    typed: dict[str, str],
    ticked: set[str],
    problems: dict[str, str],
    status: int = 200,
) -> Response:
    fitting = [one for one in candidates if endorsing.matches(one.member, typed.get("q", ""))]
    shown = fitting[:MOST_SHOWN]
    among = {one.member.slug for one in shown}
    there = {one.region for one in candidates}
    return _rendered(
        "invite",
        statement,
        status,
        typed=typed,
        problems=problems,
        ticked=ticked,
        shown=shown,
        fitting=len(fitting),
        ticked_elsewhere=sorted(
            one.member.slug
            for one in candidates
            if one.member.slug in ticked and one.member.slug not in among
        ),
        total=len(candidates),
        without=[one.member for one in candidates if not one.contacts],
        to_ask=sum(one.contacts - one.asked for one in candidates),
        regions=[("", "choose"), *((k, v) for k, v in regions.REGIONS.items() if k in there)],
    )


@screen.get("/remind")
def remind(editor: Editor, number: int) -> Response:
    return _remind(number, "", {})


@screen.post("/remind")
def send_reminders(editor: Editor, number: int) -> AnyResponse:
    words = request.form.get("words", "")
    try:
        with service().database.writing() as session:
            _statement(session, number)
            job = inviting.remind(session, editor, number, words, datetime.now(UTC))
    except CannotInvite as error:
        return _remind(number, words, {error.field: str(error)}, 422)
    return noted("The reminders are being prepared.", url_for("jobs.progress", job_id=job))


def _remind(number: int, words: str, problems: dict[str, str], status: int = 200) -> Response:
    now = datetime.now(UTC)
    with service().database.reading() as session:
        statement = _statement(session, number)
        waiting = inviting.remindable(session, number, now)
    return _rendered(
        "remind", statement, status, words=words, problems=problems, waiting=waiting,
        is_over=endorsing.is_over(statement, now),
    )  # fmt: skip


@screen.get("/names")
def names(editor: Editor, number: int) -> Response:
    with service().database.reading() as session:
        statement = _statement(session, number)
        page = names_by_hand.found(session, number, search(), page_number())
    return _rendered("names", statement, page=page, q=search(), consented=CONSENTED)


@screen.get("/names/add")
def add_page(editor: Editor, number: int) -> Response:
    return _add(number, {}, {})


@screen.post("/names/add")
def add(editor: Editor, number: int) -> AnyResponse:
    typed = {name: request.form.get(name, "") for name in ("name", "country", "url", "note")}

    def save(session: Session) -> str:
        name = signatories.checked(typed["name"], typed["country"], typed["url"])
        names_by_hand.add(session, editor, number, name, typed["note"], datetime.now(UTC))
        return f"{name.name} stands under the statement."

    return _changed(number, save, lambda problems: _add(number, typed, problems, 422))


@screen.get("/names/table")
def table_page(editor: Editor, number: int) -> Response:
    return _table(number, {}, {})


@screen.post("/names/table")
def add_table(editor: Editor, number: int) -> AnyResponse:
    typed = {name: request.form.get(name, "") for name in ("table", "note")}
    file = request.files.get("file")
    data = (file.read() if file else b"") or typed["table"].strip().encode("utf-8", "replace")
    field = "file" if file and file.filename else "table"
    try:
        table = _read(data)
    except ValueError as error:
        return _table(number, typed, {field: str(error)}, 422)
    try:
        with service().database.writing() as session:
            _statement(session, number)
            job = names_by_hand.start_table(
                session, editor, number, data, table, typed["note"], datetime.now(UTC)
            )
    except NoNote as error:
        problems = {"note": str(error)}
        if field == "file":
            problems["file"] = "Please choose the file once more."
        return _table(number, typed, problems, 422)
    return noted("The names are being added.", url_for("jobs.progress", job_id=job))


def _read(data: bytes) -> Table:
    """Raises ValueError with a sentence for the editor."""
    if not data:
        raise ValueError("Choose a file, or paste the table below.")
    if len(data) > LARGEST_TABLE:
        raise ValueError(
            f"The table has {len(data):,} bytes; {LARGEST_TABLE:,} is the most. Add it in parts."
        )
    try:
        table = signatories.read_csv(data)
    except BadRow as error:
        raise ValueError(f"Line {error.line}: {error.reason}.") from None
    if not table.names:
        raise ValueError("There is no name in this table.")
    return table


@screen.get("/names/<int:signatory>")
def name(editor: Editor, number: int, signatory: int) -> Response:
    return _name(number, signatory, None, {})


@screen.post("/names/<int:signatory>")
def correct(editor: Editor, number: int, signatory: int) -> AnyResponse:
    typed = {name: request.form.get(name, "") for name in ("name", "country", "url")}

    def save(session: Session) -> str:
        name = signatories.checked(typed["name"], typed["country"], typed["url"])
        names_by_hand.correct(session, editor, number, signatory, name, datetime.now(UTC))
        return f"It says {name.name} now."

    return _changed(number, save, lambda problems: _name(number, signatory, typed, problems, 422))


@screen.post("/names/<int:signatory>/remove")
def remove(editor: Editor, number: int, signatory: int) -> AnyResponse:
    def save(session: Session) -> str:
        name = names_by_hand.remove(session, editor, number, signatory, datetime.now(UTC))
        return f"{name} no longer stands under the statement."

    return _changed(number, save, lambda problems: _name(number, signatory, None, problems, 422))


def _changed(
    number: int, save: Callable[[Session], str], again: Callable[[dict[str, str]], Response]
) -> AnyResponse:
    """Saves, and says so on the list of names; or shows the form again with what is wrong."""
    try:
        with service().database.writing() as session:
            _statement(session, number)
            said = save(session)
    except NoSuchName:
        abort(404)
    except BadName as error:
        return again({error.field: str(error)})
    except NoNote as error:
        return again({"note": str(error)})
    except Twin:
        return again(
            {
                "name": "This name stands there already, with the same country or where one of the "
                "two has none. If this is another organisation, give its country."
            }
        )
    return noted(said, _to("names", number))


def _add(
    number: int, typed: dict[str, str], problems: dict[str, str], status: int = 200
) -> Response:
    with service().database.reading() as session:
        statement = _statement(session, number)
    return _rendered(
        "add_name", statement, status, typed=typed, problems=problems, countries=_countries()
    )


def _table(
    number: int, typed: dict[str, str], problems: dict[str, str], status: int = 200
) -> Response:
    with service().database.reading() as session:
        statement = _statement(session, number)
    return _rendered("add_names", statement, status, typed=typed, problems=problems)


def _name(
    number: int,
    signatory: int,
    typed: dict[str, str] | None,
    problems: dict[str, str],
    status: int = 200,
) -> Response:
    with service().database.reading() as session:
        statement = _statement(session, number)
        try:
            shown = names_by_hand.get(session, number, signatory)
        except NoSuchName:
            abort(404)
    kept = {"name": shown.name, "country": shown.country or "", "url": shown.url or ""}
    return _rendered(
        "name", statement, status, shown=shown, typed=typed or kept, problems=problems,
        countries=_countries(), consented=CONSENTED,
    )  # fmt: skip


def _statement(session: Session, number: int) -> Statement:
    statement = session.get(Statement, number)
    if statement is None:
        abort(404)
    return statement


def _rendered(template: str, statement: Statement, status: int = 200, **values: Any) -> Response:
    html = render_template(
        f"console/endorsements/{template}.html",
        statement=statement,
        zones=moments.zones(),
        **values,
    )
    return make_response(html, status)


def _to(view: str, number: int) -> str:
    return url_for(f"endorsements.{view}", number=number)


def _until(typed: dict[str, str]) -> datetime | None:
    """The deadline as it was typed; None where none was. Raises BadMoment."""
    if not typed["day"].strip() and not typed["time"].strip():
        return None
    return moments.read(typed["day"], typed["time"], typed["zone"])


def _deadline_of(statement: Statement) -> dict[str, str]:
    until = statement.endorse_until
    if until is None:
        return {"day": "", "time": "", "zone": "UTC"}
    return {"day": f"{until:%Y-%m-%d}", "time": f"{until:%H:%M}", "zone": "UTC"}


@cache
def _countries() -> list[tuple[str, str]]:
    """What is sent and what is shown, for a choice."""
    named = [
        (code, country_name(code, "en"))
        for code in map(str, Locale.parse("en").territories)
        if is_country(code)
    ]
    return [("", "not known"), *sorted(named, key=lambda one: one[1])]
