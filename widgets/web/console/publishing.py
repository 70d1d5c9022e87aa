"""One statement: what publishing it would change, and publishing, correcting and withdrawing it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import Response, abort, make_response, render_template, request, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import effects, images, moments, publication
from widgets.audit import Actor
from widgets.effects import Effects, Place, Step
from widgets.models import Editor, Standing, Statement
from widgets.moments import BadMoment
from widgets.publication import BadNotices, CannotBe, Overtaken, Unready
from widgets.statements import NoSuchStatement
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("publishing", __name__, url_prefix="/admin/statements/<int:number>/publish")

OVERTAKEN = (
    "Somebody has changed this statement since you opened this page. Nothing was done. Below is "
    "what would change now."
)


@dataclass(frozen=True)
class Typed:
    """What an editor sent that could not be taken. problems: by the name of the field."""

    fields: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    def of(self, name: str, otherwise: str = "") -> str:
        return self.fields.get(name, otherwise)


NOTHING = Typed()


@screen.get("")
def index(editor: Editor, number: int) -> Response:
    return _index(number)


@screen.post("/now")
def publish(editor: Editor, number: int) -> AnyResponse:
    fields = _fields("urgent")
    try:
        with service().database.writing() as database:
            is_new = publication.publish(
                database,
                number,
                Actor.of(editor),
                _now(),
                request.form.get("seen", ""),
                urgent=_urgent(),
            )
    except NoSuchStatement:
        abort(404)
    except Overtaken:
        return _index(number, Typed(fields, problem=OVERTAKEN), 409)
    except Unready as error:
        return _index(number, Typed(fields, problem=str(error)), 422)
    return _back("It is published." if is_new else "It was published already.", number)


@screen.post("/schedule")
def schedule(editor: Editor, number: int) -> AnyResponse:
    fields = _fields("day", "time", "zone", "dated", "seen", "urgent")
    try:
        at = moments.read(fields["day"], fields["time"], fields["zone"])
        day = at.astimezone(ZoneInfo(fields["zone"])).date() if fields["dated"] else None
        with service().database.writing() as database:
            publication.schedule(
                database,
                number,
                at,
                Actor.of(editor),
                _now(),
                day=day,
                seen=fields["seen"],
                urgent=_urgent(),
            )
    except NoSuchStatement:
        abort(404)
    except BadMoment as error:
        return _index(number, Typed(fields, {error.field: str(error)}), 422)
    except CannotBe as error:
        return _index(number, Typed(fields, {"day": str(error)}), 422)
    except Unready as error:
        return _index(number, Typed(fields, problem=str(error)), 422)
    except Overtaken:
        return _index(number, Typed(fields, problem=OVERTAKEN), 409)
    session["zone"] = fields["zone"]  # to be proposed next time
    return _back(f"It will be published on {at:%-d %B %Y} at {at:%H:%M} UTC.", number)


@screen.post("/schedule/cancel")
def cancel(editor: Editor, number: int) -> AnyResponse:
    return _step(
        number,
        editor,
        publication.unschedule,
        "It will not be published by itself.",
        "It was not to be published by itself.",
    )


@screen.post("/gather")
def gather(editor: Editor, number: int) -> AnyResponse:
    said = "It gathers endorsements now, and is public nowhere yet."
    return _step(number, editor, publication.gather, said, "It gathers endorsements already.")


@screen.post("/draft")
def draft(editor: Editor, number: int) -> AnyResponse:
    said = "It is a draft again."
    return _step(number, editor, publication.stop_gathering, said, "It is a draft already.")


@screen.post("/date")
def date_it(editor: Editor, number: int) -> AnyResponse:
    try:
        with service().database.writing() as database:
            now = _now()
            publication.date_it(database, number, now.date(), Actor.of(editor), now)
    except NoSuchStatement:
        abort(404)
    except CannotBe as error:
        return _index(number, Typed(problem=str(error)), 422)
    return _back("It carries today’s date.", number)


@screen.get("/correction")
def correction(editor: Editor, number: int) -> Response:
    return _notices(number, Step.CORRECT)


@screen.post("/correction")
def correct(editor: Editor, number: int) -> AnyResponse:
    fields = _fields("day", "seen", notices=True)
    try:
        day = date.fromisoformat(fields["day"].strip())
    except ValueError:
        problems = {"day": "Write the day like 2027-03-01."}
        return _notices(number, Step.CORRECT, Typed(fields, problems), 422)
    try:
        with service().database.writing() as database:
            notices, actor = _by_language(fields), Actor.of(editor)
            is_other = publication.correct(
                database, number, notices, day, actor, _now(), fields["seen"]
            )
    except NoSuchStatement:
        abort(404)
    except CannotBe as error:
        return _notices(number, Step.CORRECT, Typed(fields, {"day": str(error)}), 422)
    except BadNotices as error:
        return _notices(number, Step.CORRECT, Typed(fields, _by_field(error)), 422)
    except Overtaken:
        return _notices(number, Step.CORRECT, Typed(fields, problem=_OTHERS_WORDS), 409)
    said = "Readers are told of the correction." if is_other else "Nothing was different."
    return _back(said, number)


@screen.post("/correction/take-away")
def uncorrect(editor: Editor, number: int) -> AnyResponse:
    said = "The notice of the correction is taken away."
    return _step(number, editor, publication.uncorrect, said, "There was no notice any more.")


@screen.get("/withdraw")
def withdrawal(editor: Editor, number: int) -> Response:
    return _notices(number, Step.WITHDRAW)


@screen.post("/withdraw")
def withdraw(editor: Editor, number: int) -> AnyResponse:
    fields = _fields("seen", "picture", notices=True)
    try:
        with service().database.writing() as database:
            unused = publication.withdraw(
                database,
                number,
                _by_language(fields),
                Actor.of(editor),
                _now(),
                with_picture=bool(fields["picture"]),
                seen=fields["seen"],
            )
    except NoSuchStatement:
        abort(404)
    except CannotBe as error:
        return _index(number, Typed(problem=str(error)), 422)
    except BadNotices as error:
        return _notices(number, Step.WITHDRAW, Typed(fields, _by_field(error)), 422)
    except Overtaken:
        return _notices(number, Step.WITHDRAW, Typed(fields, problem=_OTHERS_WORDS), 409)
    for digest in unused:
        images.remove(service().settings.instance_path, digest)
    return _back("It is withdrawn. Its page and its widgets say so.", number)


_OTHERS_WORDS = (
    "Somebody has changed this statement since you opened this page. Nothing was done, and what "
    "you wrote is still here. What stands now is above each field; send yours to replace it."
)


def _now() -> datetime:
    return datetime.now(UTC)


def _step(
    number: int,
    editor: Editor,
    step: Callable[[Session, int, Actor, datetime], bool],
    said: str,
    otherwise: str,
) -> AnyResponse:
    """Takes a step that asks for nothing."""
    try:
        with service().database.writing() as database:
            is_done = step(database, number, Actor.of(editor), _now())
    except NoSuchStatement:
        abort(404)
    except CannotBe as error:
        return _index(number, Typed(problem=str(error)), 422)
    return _back(said if is_done else otherwise, number)


def _urgent() -> bool | None:
    """Whether "urgent" is ticked; None where the form did not ask."""
    return bool(request.form.get("urgent")) if request.form.get("asks") == "urgent" else None


def _back(said: str, number: int) -> AnyResponse:
    return noted(said, url_for("publishing.index", number=number))


_NOTICE = "notice-"  # and a language: the name of a field


def _fields(*names: str, notices: bool = False) -> dict[str, str]:
    found = {name: request.form.get(name, "") for name in names}
    if notices:
        found |= {name: text for name, text in request.form.items() if name.startswith(_NOTICE)}
    return found


def _by_language(fields: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_NOTICE): text
        for name, text in fields.items()
        if name.startswith(_NOTICE)
    }


def _by_field(error: BadNotices) -> dict[str, str]:
    return {_NOTICE + lang: problem for lang, problem in error.problems.items()}


def _index(number: int, typed: Typed = NOTHING, status: int = 200) -> Response:
    now = _now()
    with service().database.reading() as database:
        try:
            statement = publication.get(database, number)
        except NoSuchStatement:
            abort(404)
        is_public = statement.standing == Standing.PUBLISHED
        step = Step.WITHDRAW if is_public else Step.PUBLISH
        told = effects.of(database, statement, step, service().settings.language, now)
        failed = publication.failed(database, number)
    html = render_template(
        "console/publishing.html",
        statement=statement,
        effects=told,
        groups=_groups(told),
        alerts=_alerts(told, statement),
        by_clocks=moments.by_clocks,
        missing=publication.missing(statement),
        doubts=publication.doubts(statement, now.date()),
        failed=failed,
        seen=publication.state(statement),
        notices=_own(statement, "withdrawal" if statement.withdrawn_on else "correction"),
        today=now.date(),
        zones=moments.zones(),
        zone=typed.of("zone", str(session.get("zone", "UTC"))),
        typed=typed,
    )
    return make_response(html, status)


def _alerts(told: Effects, statement: Statement) -> int | None:
    """To how many an urgent statement is sent at once that otherwise would not get it so; None
    where being urgent makes no difference."""
    only = [one.at_once for one in told.newsletters if one.only_urgent]
    return sum(only) if only else None


def _notices(number: int, step: Step, typed: Typed = NOTHING, status: int = 200) -> Response:
    """The form for the notice of a correction or withdrawal, in each of the languages."""
    with service().database.reading() as database:
        try:
            statement = publication.get(database, number)
        except NoSuchStatement:
            abort(404)
        if statement.standing not in (Standing.PUBLISHED, Standing.WITHDRAWN):
            return _index(number, Typed(problem="It is public nowhere yet."), 422)
        if step == Step.CORRECT and statement.standing == Standing.WITHDRAWN:
            return _index(
                number, Typed(problem="It is withdrawn: there is nothing to correct."), 422
            )
        told = effects.of(database, statement, step, service().settings.language, _now())
    kind = "withdrawal" if step == Step.WITHDRAW else "correction"
    html = render_template(
        f"console/{kind}.html",
        statement=statement,
        effects=told,
        groups=_groups(told),
        by_clocks=moments.by_clocks,
        texts=[(one.lang, getattr(one, kind) or "") for one in publication.texts(statement)],
        seen=publication.state(statement),
        most=publication.LONGEST_NOTICE,
        today=_now().date(),
        typed=typed,
    )
    return make_response(html, status)


def _own(statement: Statement, kind: str) -> list[tuple[str, str]]:
    """The notices there are: their languages and words."""
    return [
        (one.lang, getattr(one, kind)) for one in publication.texts(statement) if getattr(one, kind)
    ]


def _groups(told: Effects) -> dict[str, list[tuple[Place, list[str]]]]:
    """The places by their kind; one that is shown in many ways once, with these ways."""
    found: dict[str, list[tuple[Place, list[str]]]] = {}
    for (kind, _), places in groupby(
        told.places, key=lambda one: (one.kind, (one.what, one.path.partition("?")[0]))
    ):
        listed = list(places)
        found.setdefault(kind, []).append((listed[0], [one.narrowed for one in listed]))
    return found
