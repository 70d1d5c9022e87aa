"""What versions keep of a statement, and how two of them are compared."""

import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, update

from tests.samples import endorsed, publish, statement_file, translation_file
from widgets import versions
from widgets.models import Statement, Translation, Version
from widgets.service import Service, make_ready
from widgets.versions import Piece, changes, compared


def kept(service: Service, lang: str = "en") -> list[Version]:
    with service.database.reading() as session:
        statement_id = session.scalars(select(Statement.id)).one()
        return list(versions.listed(session, statement_id, lang, 1).items)


def marked(old: str, new: str) -> str:
    """{+added+}, [-removed-] and … for what is left out."""
    signs = {"added": "{{+{}+}}", "removed": "[-{}-]", "apart": "…", "same": "{}"}
    return "".join(signs[piece.kind].format(piece.text) for piece in compared(old, new))


def test_an_import_makes_a_version_and_one_that_changes_nothing_does_not(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    publish(service, statement_file(tmp_path))
    publish(service, statement_file(tmp_path, title="Reopen both rooms"))

    assert [(one.number, one.actor, one.content["title"]) for one in kept(service)] == [
        (2, "the command line", "Reopen both rooms"),
        (1, "the command line", "Reopen the reading room"),
    ]


def test_each_language_has_versions_of_its_own(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path), translation_file(tmp_path, "fr"))
    publish(service, translation_file(tmp_path, "fr", title="Rouvrez tout"))

    assert [one.number for one in kept(service)] == [1]
    assert [(one.number, one.content["title"]) for one in kept(service, "fr")] == [
        (2, "Rouvrez tout"),
        (1, "Rouvrez la salle"),
    ]
    with service.database.reading() as session:
        assert session.scalars(select(Statement.version)).one() == 1
        assert session.scalars(select(Translation.version)).one() == 2


def test_a_translation_that_comes_again_goes_on_counting(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path), translation_file(tmp_path, "fr"))
    publish(service, translation_file(tmp_path, "fr", withdrawn="2026-03-03"))
    publish(service, translation_file(tmp_path, "fr", title="De nouveau"))

    assert [one.number for one in kept(service, "fr")] == [2, 1]


def test_what_was_there_before_versions_were_kept_gets_its_first_at_the_upgrade(
    service: Service,
) -> None:
    number = endorsed(service, ["Ada"])
    with service.database.writing() as session:
        session.execute(update(Statement).values(updated_at=datetime(2026, 1, 1, tzinfo=UTC)))

    make_ready(service, upgrade=True)
    make_ready(service, upgrade=True)

    assert [(one.statement_id, one.number, one.actor, one.at.year) for one in kept(service)] == [
        (number, 1, "before versions were kept", 2026)
    ]
    with service.database.reading() as session:
        assert session.scalars(select(Statement.folded)).one() == "reopen the reading room text."


def test_words_are_compared_and_not_lines() -> None:
    assert marked("Open the gate.", "Open every gate.") == "Open [-the-]{+every+} gate."
    assert marked("One two", "One two three") == "One two{+ three+}"
    assert marked("", "New.") == "{+New.+}"
    assert marked("a b c d", "w x y d") == "[-a b c-]{+w x y+} d"
    assert marked("بيت قديم هنا", "بيت جديد هنا") == "بيت [-قديم-]{+جديد+} هنا"


def test_a_change_far_into_a_long_text_is_shown_with_a_little_around_it() -> None:
    paragraphs = [f"Paragraph {number} has some words in it.\n\n" for number in range(60)]
    changed = [*paragraphs]
    changed[40] = "Paragraph 40 has other words in it.\n\n"

    pieces = compared("".join(paragraphs), "".join(changed))

    assert [one.kind for one in pieces] == ["apart", "same", "removed", "added", "same", "apart"]
    assert pieces[2:4] == [Piece("removed", "some"), Piece("added", "other")]
    assert sum(len(one.text) for one in pieces) < 300


def test_two_texts_of_a_megabyte_are_compared_in_a_moment() -> None:
    one = "".join(f"word{number} again\n" for number in range(50_000))
    other = "".join(f"else{number} again and\n" for number in range(50_000))
    begun = time.monotonic()

    assert compared(one, other)[0].kind == "removed"
    assert compared(one.replace("\n", " "), other.replace("\n", " "))[0].kind == "removed"
    assert time.monotonic() - begun < 10


def test_the_same_few_words_again_and_again_are_compared_quickly_too() -> None:
    begun = time.monotonic()
    compared("a b a b " * 500, "b b a a " * 500)
    pages = ["\n".join(f"{page}\n" + start * 300 for page in range(20)) for start in ("a b ", "b ")]
    compared(*pages)

    assert time.monotonic() - begun < 10


def test_changes_are_told_field_by_field_in_words() -> None:
    old = {"title": "One", "countries": ["NO"], "topics": [], "published_on": "2026-03-01"}
    new = {"title": "Two", "countries": ["NO", "KE"], "topics": ["Water"],
           "published_on": "2026-03-02", "image": "f" * 32}  # fmt: skip

    assert [(one.label, one.pieces) for one in changes(old, new)] == [
        ("Headline", [Piece("removed", "One"), Piece("added", "Two")]),
        ("Topics", [Piece("added", "Water")]),
        ("Date", [Piece("removed", "1"), Piece("added", "2"), Piece("same", " March 2026")]),
        ("Countries", [Piece("same", "Norway"), Piece("added", ", Kenya")]),
        ("Picture", [Piece("added", "a picture")]),
    ]
