"""The picture of a statement: brought in, described in each language, and where it may be cut."""

from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Response, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from widgets import illustrations, images, writing
from widgets.audit import Actor
from widgets.illustrations import BadPicture, PictureOvertaken
from widgets.images import BadImage
from widgets.models import Editor, Image
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("pictures", __name__, url_prefix="/admin/statements/<int:number>/picture")
BOX = (280, 420)  # CSS pixels into which the picture fits where its focal point is pressed


@screen.get("")
def show(editor: Editor, number: int) -> Response:
    return _page(number)


@screen.post("")
def describe(editor: Editor, number: int) -> AnyResponse:
    typed = {name: value for name, value in request.form.items() if name != "csrf_token"}
    file = request.files.get("file")
    data = file.stream.read() if file else b""
    folder = service().settings.instance_path
    with service().database.reading() as session:
        writing.get(session, number)
    try:
        stored = images.store(folder, data) if data else None
        with service().database.writing() as session:
            unused = illustrations.describe(
                session,
                number,
                typed,
                stored,
                typed.get("state", ""),
                Actor.of(editor),
                datetime.now(UTC),
            )
    except BadImage as error:
        problem = f"This picture can’t be used: {error}."
        return _page(number, typed, {"file": problem}, status=422)
    except BadPicture as error:
        problems = dict(error.problems)
        if data and "file" not in problems:
            problems["file"] = "Please choose the file once more: a form can’t keep it."
        return _page(number, typed, problems, status=422)
    except PictureOvertaken:
        return _page(number, typed, {}, overtaken=True, status=409)
    _remove(unused)
    return noted("The picture is saved.", url_for("pictures.show", number=number))


@screen.post("/focus")
def focus(editor: Editor, number: int) -> AnyResponse:
    """By numbers, or by a press on the picture, whose button sends where it was pressed."""
    try:
        x, y = _point(number)
        with service().database.writing() as session:
            illustrations.focus(session, number, x, y, Actor.of(editor), datetime.now(UTC))
    except BadPicture as error:
        typed = {name: request.form.get(name, "")[:20] for name in ("x", "y")}
        return _page(number, typed, error.problems, status=422)
    return noted("This point stays in every crop.", url_for("pictures.show", number=number))


@screen.post("/remove")
def remove(editor: Editor, number: int) -> AnyResponse:
    with service().database.writing() as session:
        unused = illustrations.take_away(session, number, Actor.of(editor), datetime.now(UTC))
    _remove(unused)
    return noted("The picture is taken away.", url_for("pictures.show", number=number))


def _remove(unused: list[str]) -> None:
    """A picture that was replaced may endanger somebody: its files go at once."""
    for digest in unused:
        images.remove(service().settings.instance_path, digest)


def _point(number: int) -> tuple[int, int]:
    """In per cent. Raises BadPicture."""
    pressed = [request.form.get(f"press.{axis}", "") for axis in "xy"]
    if all(one.isdecimal() and len(one) < 6 for one in pressed):
        across, down = map(int, pressed)
        if (across, down) == (0, 0):  # so a keyboard presses it
            raise BadPicture({"x": "Press a point with a pointer, or give it as numbers."})
        with service().database.reading() as session:
            image = writing.get(session, number).image
        if image is None:
            raise BadPicture({"x": "There is no picture any more."})
        width, height = _fitted(image)
        return min(100, round(across * 100 / width)), min(100, round(down * 100 / height))
    try:
        x, y = (int(request.form.get(axis, "")[:5]) for axis in "xy")
    except ValueError:
        raise BadPicture({"x": "Both are numbers from 0 to 100."}) from None
    return x, y


def _fitted(image: Image) -> tuple[int, int]:
    """How large a picture is drawn to be pressed, in CSS pixels."""
    scale = min(BOX[0] / image.width, BOX[1] / image.height)
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _page(
    number: int,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    overtaken: bool = False,
    status: int = 200,
) -> Response:
    with service().database.reading() as session:
        statement = writing.get(session, number)
    said = illustrations.written(statement) | {
        "x": str(statement.focus_x),
        "y": str(statement.focus_y),
    }
    html = render_template(
        "console/picture.html",
        statement=statement,
        typed={**said, **(typed or {})},
        problems=problems or {},
        overtaken=overtaken,
        state=illustrations.state(statement),
        fitted=_fitted(statement.image) if statement.image else None,
    )
    return make_response(html, status)
