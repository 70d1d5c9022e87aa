"""The picture of a statement in the console."""

import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.actors import Page
from tests.samples import picture_bytes, publish, statement_file, translation_file
from tests.web.console.conftest import EditorAtWork

SHOW = "/admin/statements/1/picture"


@pytest.fixture
def statement(anna: EditorAtWork, tmp_path: Path) -> EditorAtWork:
    """Anna, and a published statement with a translation and without a picture."""
    publish(anna.service, statement_file(tmp_path), translation_file(tmp_path, "fr"))
    return anna


def upload(editor: EditorAtWork, data: bytes | None = None, **typed: Any) -> Page:
    file = (io.BytesIO(picture_bytes() if data is None else data), "gate.jpg")
    typed = {"alt": "A gate by a river", **typed}
    return editor.fill(editor.open(SHOW), "Save", file=file, **typed)


def pictures(editor: EditorAtWork) -> set[str]:
    folder = editor.service.settings.instance_path / "pictures"
    return {path.name.partition("-")[0] for path in folder.glob("*")}


def fields(editor: EditorAtWork) -> dict[str, str]:
    (form,) = [form for form in editor.open(SHOW).forms if "Save" in form.buttons]
    return form.fields


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has 40,000 × 40,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def test_a_picture_is_brought_in_and_shown_to_readers_at_once(
    statement: EditorAtWork, client: FlaskClient
) -> None:
    assert "No picture yet" in statement.open(SHOW).text
    assert "<img" not in client.get("/embed/statements/river-gate").text

    page = upload(statement, credit="A. Painter", **{"alt-fr": "Une porte"})

    assert "The picture is saved." in page.text
    card = client.get("/embed/statements/river-gate").text
    assert 'alt="A gate by a river"' in card
    assert "Picture: A. Painter" in card
    assert 'alt="Une porte"' in client.get("/embed/statements/river-gate?lang=fr").text


def test_a_picture_needs_words_for_those_who_cannot_see_it(statement: EditorAtWork) -> None:
    page = upload(statement, alt=" ", credit="Kept")

    assert page.status == 422
    assert "Say what is in the picture, for those who can’t see it." in page.text
    assert "Please choose the file once more" in page.text
    assert 'value="Kept"' in page.html


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"not a picture", "it is not a JPEG, PNG, WebP, AVIF, GIF or TIFF picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG can carry scripts"),
        (picture_bytes()[:2000], "it is cut off or damaged"),
        (bomb(), "it has too many pixels"),
        (bytes(25_000_001), "it is larger than 25 MB"),
    ],
    ids=["text", "svg", "half", "bomb", "large"],
)
def test_what_is_no_picture_is_refused_in_words(
    statement: EditorAtWork, data: bytes, told: str
) -> None:
    page = upload(statement, data)

    assert page.status == 422
    assert f"This picture can’t be used: {told}" in page.text
    assert "A gate by a river" in page.html
    assert pictures(statement) == set()


def test_another_picture_takes_the_place_of_the_first_whose_files_go(
    statement: EditorAtWork,
) -> None:
    upload(statement, **{"alt-fr": "Une porte"})
    (first,) = pictures(statement)
    upload(statement, picture_bytes(700, 500), alt="A bridge")

    (second,) = pictures(statement)
    assert second != first
    assert fields(statement)["alt"] == "A bridge"
    assert fields(statement)["alt-fr"] == ""  # it spoke of the gate


def test_taking_the_picture_away_deletes_its_files(statement: EditorAtWork) -> None:
    upload(statement)
    page = statement.fill(statement.open(SHOW), "Take it away")

    assert "The picture is taken away." in page.text
    assert "No picture yet" in page.text
    assert pictures(statement) == set()


def test_words_are_changed_without_bringing_the_picture_in_again(
    statement: EditorAtWork,
) -> None:
    upload(statement)
    page = statement.fill(statement.open(SHOW), "Save", alt="A gate, open")

    assert "The picture is saved." in page.text
    assert fields(statement)["alt"] == "A gate, open"
    assert (
        "What is in the picture"
        in statement.open(
            re.findall(
                r"/admin/statements/1/versions/\d+",
                statement.open("/admin/statements/1/versions").html,
            )[0]
        ).text
    )


def test_the_focal_point_is_where_the_picture_is_pressed(
    statement: EditorAtWork, client: FlaskClient
) -> None:
    upload(statement)  # 900 × 600, drawn 280 × 187
    page = statement.fill(
        statement.open(SHOW), "Set the point", **{"press.x": "70", "press.y": "150"}
    )

    assert "This point stays in every crop." in page.text
    assert ".crops img{object-position:25% 80%}" in page.html
    for path in ("/embed/statements/river-gate", "/embed/statements/latest", "/embed/stories", "/"):
        shown = client.get(path).text
        assert ":is(figure,picture).focus-1 img{object-position:25% 80%}" in shown, path
        assert "focus-1" in re.findall(r'class="(?:picture|thumbnail)([^"]*)"', shown)[0], path


def test_the_focal_point_is_given_in_numbers_too(statement: EditorAtWork) -> None:
    upload(statement)
    for x, y in (("101", "50"), ("-1", "50"), ("", "50"), ("x", "50")):
        page = statement.fill(statement.open(SHOW), "Set the point", x=x, y=y)
        assert page.status == 422
        assert "Both are numbers from 0 to 100." in page.text
    page = statement.fill(statement.open(SHOW), "Set the point", x="0", y="100")
    assert ".crops img{object-position:0% 100%}" in page.html


def test_a_keyboard_on_the_picture_moves_no_point(statement: EditorAtWork) -> None:
    upload(statement)
    page = statement.fill(statement.open(SHOW), "Set the point", **{"press.x": "0", "press.y": "0"})

    assert page.status == 422
    assert "Press a point with a pointer, or give it as numbers." in page.text


def test_the_usual_focal_point_adds_nothing_to_a_widget(
    statement: EditorAtWork, client: FlaskClient
) -> None:
    upload(statement)

    assert "focus-1" not in client.get("/embed/statements/river-gate").text
    assert "focus-1" not in client.get("/embed/stories").text


def test_two_who_change_the_picture_are_told(statement: EditorAtWork) -> None:
    upload(statement)
    mine = statement.open(SHOW)
    statement.fill(statement.open(SHOW), "Save", alt="What the other wrote")

    page = statement.fill(mine, "Save", alt="What I wrote")

    assert page.status == 409
    assert "Somebody changed the picture" in page.text
    assert "What I wrote" in page.html
    assert statement.fill(page, "Save").status == 200
    assert fields(statement)["alt"] == "What I wrote"
