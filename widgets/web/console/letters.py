"""A statement as an open letter: whether the public may sign it, and those who have."""

import uuid
from datetime import UTC, datetime
from urllib.parse import urlencode

from flask import Response, abort, make_response, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import audit, jobs, languages, moderation, signings, text
from widgets.audit import Actor, Subject
from widgets.models import Editor, Opening, Role, Signing, Statement
from widgets.moderation import Act, Sort
from widgets.web import service
from widgets.web.console.asked import page_number, search
from widgets.web.console.door import Screen, noted

screen = Screen("letters", __name__, url_prefix="/admin/statements/<int:number>/letter")

SORTS = (
    (Sort.WAITING, "waiting for an editor"),
    (Sort.TWINS, "perhaps there twice"),
    (Sort.LISTED, "listed"),
    (Sort.HIDDEN, "listed without their names"),
    (Sort.REFUSED, "refused"),
    (Sort.ALL, "all who confirmed"),
)
OPENED = {
    Opening.NO: "Nobody but members can stand under this statement now.",
    Opening.OPEN: "Everybody can sign now, and is listed when they confirm.",
    Opening.MODERATED: "Everybody can sign now, and is listed when an editor has looked.",
    Opening.CLOSED: "Nobody can sign any more. Who signed stays.",
}


@screen.get("")
def index(editor: Editor, number: int) -> Response:
    return _index(number)


@screen.post("/opening")
def change_opening(editor: Editor, number: int) -> AnyResponse:
    asked = request.form.get("opening", "")
    if asked not in set(Opening):
        abort(400)
    with service().database.writing() as session:
        statement = _found(session, number)
        if asked == Opening.NO and moderation.counts(session, number).signed:
            abort(400)  # who signed would vanish without a word: it is closed instead
        moderation.change_opening(
            session, statement, Opening(asked), Actor.of(editor), datetime.now(UTC)
        )
    return noted(OPENED[Opening(asked)], url_for("letters.index", number=number))


@screen.post("")
def moderate(editor: Editor, number: int) -> AnyResponse:
    """What a button says, of those who are ticked or of all that are shown page after page."""
    try:
        act = Act(request.form.get("act", ""))
    except ValueError:
        abort(400)
    sort, searched = _sort(request.form.get("sort", "")), search(request.form)
    back = _address(number, sort, searched)
    now = datetime.now(UTC)
    wanted = moderation.matching(number, sort, searched)
    if request.form.get("whom") == "all":
        wanted.append(Signing.confirmed_at <= now)
    elif ticked := _ticked():
        wanted = [*moderation.matching(number), Signing.id.in_(ticked)]
    else:
        return _index(number, sort, searched, "Tick the names that you mean first.", 422)
    with service().database.writing() as session:
        statement = _found(session, number)
        ids = moderation.in_turn(session, wanted, act)
        if len(ids) > moderation.AT_ONCE:
            job_id = jobs.start(
                session,
                editor,
                "moderate signatures",
                now,
                params={"statement": number, "act": act},
                data="\n".join(one.hex for one in ids).encode(),
                total=len(ids),
            )
            return noted("It is under way.", url_for("jobs.progress", job_id=job_id))
        moved = moderation.moderate(session, statement, act, wanted, Actor.of(editor), now)
    names = "1 name is" if moved == 1 else f"{moved:,} names are"
    return noted(f"{names} {moderation.DONE[act]}." if moved else "There was nothing to do.", back)


@screen.post("/export", role=Role.ADMINISTRATOR)
def export(editor: Editor, number: int) -> AnyResponse:
    """With the addresses: for administrators, and written down."""
    # The table is made before it is written down: a long one would keep readers from signing.
    with service().database.reading() as session:
        _found(session, number)
        table = moderation.exported(session, number)
    with service().database.writing() as session:
        statement = _found(session, number)
        subject = Subject("statement", statement.id, statement.title)
        audit.record(session, Actor.of(editor), "exported who signed", subject, datetime.now(UTC))
    response = Response("\ufeff" + table, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{statement.slug}-signed.csv"'
    return response


def _index(
    number: int,
    sort: Sort | None = None,
    searched: str | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    searched = search() if searched is None else searched
    with service().database.reading() as session:
        statement = _found(session, number)
        counts = moderation.counts(session, number)
        sort = sort or _sort(request.args.get("sort", ""), counts)
        page = moderation.listed(session, number, sort, searched, page_number())
        twins = signings.twins(session, [one for one in page.items if one.state != "refused"])
    html = render_template(
        "console/letter.html",
        statement=statement,
        counts=counts,
        page=page,
        twins=twins,
        sort=sort,
        sorts=SORTS,
        q=searched,
        problem=problem,
        acts=_acts(sort),
        country_name=lambda code: text.country_name(code, languages.SOURCE),
    )
    return make_response(html, status)


def _acts(sort: Sort) -> list[tuple[Act, str]]:
    """The buttons that can do something for those who are shown."""
    words = {Act.LIST: "List", Act.REFUSE: "Refuse", Act.TAKE_BACK: "Take back to waiting"}
    none = {
        Sort.WAITING: {Act.TAKE_BACK},
        Sort.LISTED: {Act.LIST},
        Sort.HIDDEN: {Act.LIST},
        Sort.REFUSED: {Act.REFUSE},
    }
    return [(act, word) for act, word in words.items() if act not in none.get(sort, set())]


def _sort(asked: str, counts: moderation.Counts | None = None) -> Sort:
    """Without a wish: those who wait, if there are any."""
    if asked in set(Sort):
        return Sort(asked)
    return Sort.WAITING if counts and counts.waiting else Sort.ALL


def _ticked() -> list[uuid.UUID]:
    found = []
    for value in request.form.getlist("signature")[: moderation.AT_ONCE]:
        try:
            found.append(uuid.UUID(value))
        except ValueError:
            abort(400)
    return found


def _address(number: int, sort: Sort, searched: str) -> str:
    query = {"sort": sort, **({"q": searched} if searched else {})}
    return f"{url_for('letters.index', number=number)}?{urlencode(query)}"


def _found(session: Session, number: int) -> Statement:
    statement = session.get(Statement, number)
    if statement is None:
        abort(404)
    return statement
