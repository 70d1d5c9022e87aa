"""Statements in the console: from a headline to a text in several languages, and what it said."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import html5lib
import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.actors import Page, Reader
from tests.samples import publish, statement_file, translation_file
from tests.web.console.conftest import EditorAtWork
from widgets import api_keys, previews
from widgets.audit import COMMAND_LINE
from widgets.models import Preview, Standing, Statement
from widgets.service import Service

HOSTILE = """<script>alert(1)</script> <img src=x onerror=alert(2)>

<iframe srcdoc="<script>top.location='/admin'</script>"></iframe>

[a link](javascript:alert(3)) ![](javascript:alert(4))

</textarea></form><form action="https://evil.example/"><input name=x>
"""


def frames(page: Page) -> list[dict[str, str]]:
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)
    return [dict(frame.attrib) for frame in tree.iter("iframe")]


def show(editor: EditorAtWork, page: Page, **typed: str) -> Page:
    """Presses "Show" in the form of the text: what is then in the frame beside it."""
    tree = html5lib.parse(page.html, namespaceHTMLElements=False)
    (button,) = [one for one in tree.iter("button") if "formaction" in one.attrib]
    assert button.attrib["formtarget"] in [frame["name"] for frame in frames(page)]
    (form,) = [form for form in page.forms if "Show" in form.buttons]
    return editor._followed("POST", button.attrib["formaction"], {**form.fields, **typed})


def begun(editor: EditorAtWork, title: str = "Reopen the reading room", lang: str = "en") -> Page:
    page = editor.open("/admin/statements/new")
    return editor.fill(page, "Begin the draft", title=title, lang=lang)


def test_the_first_statement_is_begun_from_the_empty_list(anna: EditorAtWork) -> None:
    page = anna.open("/admin/statements")
    assert "No statement yet" in page.text
    assert 'href="/admin/statements/new"' in page.html

    page = begun(anna)

    assert page.path == "/admin/statements/1"
    assert "The draft is begun." in page.text
    (form,) = [form for form in page.forms if "Save" in form.buttons]
    assert form.fields["slug"] == "reopen-the-reading-room"
    assert "Reopen the reading room" in anna.open("/admin/statements").text


def test_a_headline_that_is_missing_is_told_and_the_language_stays(anna: EditorAtWork) -> None:
    page = begun(anna, title="  ", lang="ar")

    assert page.status == 422
    assert "The headline is missing." in page.text
    assert page.html.count('value="ar"') >= 1
    assert "<title>Error: " in page.html


def test_what_is_saved_stands_in_the_form_again(anna: EditorAtWork) -> None:
    page = anna.fill(
        begun(anna),
        "Save",
        title="Öffnet “den” <Lesesaal>",
        body="\nErster Absatz.\n\n</textarea>",
        countries="norway",
        topics="Wasser",
    )

    assert page.status == 200
    assert "Saved." in page.text
    (form,) = [form for form in page.forms if "Save" in form.buttons]
    assert form.fields["title"] == "Öffnet “den” <Lesesaal>"
    assert form.fields["body"] == "Erster Absatz.\n\n</textarea>"
    assert (form.fields["countries"], form.fields["topics"]) == ("Norway", "Wasser")


def test_a_paste_of_five_megabytes_is_refused_with_the_text_still_there(
    anna: EditorAtWork,
) -> None:
    pasted = "Absatz für Absatz. " * 263_158

    page = anna.fill(begun(anna), "Save", body=pasted, title="Kept")

    assert page.status == 422
    assert "The text is too long: 5,2" in page.text
    assert "1,000,000 are the most that a statement can have." in page.text
    (form,) = [form for form in page.forms if "Save" in form.buttons]
    assert form.fields["body"].strip() == pasted.strip()
    assert form.fields["title"] == "Kept"
    shown = show(anna, page)
    assert shown.status == 200
    assert "too long" in shown.text


def test_what_will_not_be_shown_as_it_is_meant_is_told(anna: EditorAtWork) -> None:
    page = anna.fill(begun(anna), "Save", body="One.\n\n<b>Two</b> [x](ftp://x.example)")

    assert "Line 3: HTML is shown as text, not obeyed." in page.text
    assert "Line 3: a link that begins with ftp: is not made." in page.text


def test_the_second_editor_sees_what_the_first_changed_and_can_save_over_it(
    anna: EditorAtWork, new_editor: Callable[..., EditorAtWork]
) -> None:
    boris = new_editor("boris@example.org")
    boris.sign_in()
    mine = anna.fill(begun(anna), "Save", body="The room is closed.")
    boris.fill(boris.open("/admin/statements/1"), "Save", body="The room is open.", topics="Rooms")

    page = anna.fill(mine, "Save", body="The room was closed.")

    assert page.status == 409
    assert "Boris saved this while you were writing" in page.text
    assert "<del>" in page.html
    assert re.search(r"<ins><span class=\"unseen\"> \[added:\] </span>open", page.html)
    (form,) = [form for form in page.forms if "Save over it" in form.buttons]
    assert form.fields["body"] == "The room was closed."
    assert form.fields["topics"] == "Rooms"
    assert "You both changed: the text." in page.text

    page = anna.fill(page, "Save over it")
    assert page.status == 200
    listed = anna.open("/admin/statements/1/versions").text
    assert re.findall(r"Version (\d) ?(?:now)? ?([A-Z][a-z]+)", listed) == [
        ("4", "Anna"), ("3", "Boris"), ("2", "Anna"), ("1", "Anna"),
    ]  # fmt: skip


def test_a_form_without_its_version_overwrites_nothing(anna: EditorAtWork) -> None:
    page = anna.fill(begun(anna), "Save", body="One.")
    for version in ("", "x", "-1", "9" * 30):
        assert anna.fill(page, "Save", body="Two.", version=version).status == 409


def test_a_translation_is_written_beside_the_original(anna: EditorAtWork) -> None:
    anna.fill(begun(anna), "Save", body="The original text.")

    page = anna.open("/admin/statements/1/text?lang=AR")
    assert page.path == "/admin/statements/1/text/ar"
    assert "The original text." in page.text
    assert 'lang="ar" dir="auto" class="source"' in page.html
    page = anna.fill(page, "Save", title="افتحوا", body="نصّ.")

    assert "Saved." in page.text
    assert "en, ar" in anna.open("/admin/statements").text
    page = anna.fill(page, "Remove the translation")
    assert page.path == "/admin/statements/1/versions?lang=ar"
    version = re.findall(r'href="(/admin/statements/1/versions/\d+)"', page.html)[0]
    page = anna.fill(anna.open(version), "Restore this version")
    assert "It says this again." in page.text
    assert "en, ar" in anna.open("/admin/statements").text


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("english", "“english” must be a language tag like en, ar or pt-BR."),
        ("en", "That is the statement’s own language."),
        ("qq", "“qq” is not a language."),
    ],
)
def test_a_translation_into_no_language_is_refused(
    anna: EditorAtWork, lang: str, told: str
) -> None:
    begun(anna)
    page = anna.open(f"/admin/statements/1/text?lang={lang}")

    assert page.status == 422
    assert told in page.text
    assert f'value="{lang}"' in page.html
    if lang != "en":
        assert anna.open(f"/admin/statements/1/text/{lang}").status == 404


def test_a_version_tells_what_changed_and_is_restored(anna: EditorAtWork) -> None:
    anna.fill(begun(anna), "Save", body="We ask the town.")
    anna.fill(anna.open("/admin/statements/1"), "Save", body="We ask the whole town.")
    links = re.findall(
        r'href="(/admin/statements/1/versions/\d+)"', anna.open("/admin/statements/1/versions").html
    )

    page = anna.open(links[0])
    assert "[added:] whole" in page.text
    assert "This is what it says now." in page.text
    page = anna.fill(anna.open(links[1]), "Restore this version")

    assert "It says this again." in page.text
    (form,) = [form for form in anna.open("/admin/statements/1").forms if "Save" in form.buttons]
    assert form.fields["body"] == "We ask the town."


def test_a_version_of_another_statement_is_not_found(anna: EditorAtWork) -> None:
    begun(anna)
    begun(anna)

    assert anna.open("/admin/statements/1/versions/2").status == 404
    assert anna.open("/admin/statements/9").status == 404
    assert anna.open("/admin/statements/9/picture").status == 404
    assert anna.open("/admin/statements/9/versions").status == 404


def test_a_preview_shows_the_widget_twice_and_saves_nothing(
    app: Flask, anna: EditorAtWork, service: Service
) -> None:
    page = begun(anna)
    shown = show(anna, page, title="Not saved", body="Nor this.", countries="Atlantis")

    assert shown.status == 200
    assert shown.path.startswith("/embed/previews/")
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in shown.headers
    assert [frame["sandbox"] for frame in frames(shown)] == ["", ""]
    card = Reader(app.test_client()).open(frames(shown)[0]["src"])
    assert "Not saved" in card.text
    assert "Nor this." in card.text
    assert "frame-ancestors 'self'" in card.headers["Content-Security-Policy"]
    assert card.headers["Cache-Control"] == "no-store"
    with service.database.reading() as session:
        assert session.scalars(select(Statement.title)).one() == "Reopen the reading room"


def test_a_preview_speaks_the_language_of_the_translation(anna: EditorAtWork) -> None:
    anna.fill(begun(anna), "Save", body="Text.")
    page = anna.open("/admin/statements/1/text/ar")

    card = anna.open(frames(show(anna, page, title="افتحوا", body="نصّ."))[0]["src"])

    assert '<html lang="ar" dir="rtl">' in card.html
    assert '<h1 lang="ar" dir="rtl">افتحوا</h1>' in card.html


def test_hostile_text_does_nothing_in_a_preview_nor_anywhere(anna: EditorAtWork) -> None:
    page = anna.fill(
        begun(anna, title="<script>alert(0)</script>"),
        "Save",
        body=HOSTILE,
        pull_quote="<img src=x onerror=alert(5)>",
        topics="<svg onload=alert(6)>",
    )
    shown = show(anna, page)
    pages = [page, shown, anna.open(frames(shown)[0]["src"])]
    pages += [anna.open(f"/admin/statements/1/{tab}") for tab in ("versions", "picture", "text/fr")]
    pages += [anna.open("/admin/statements"), anna.open("/admin/audit")]
    pages += [anna.open(f"/admin/statements/1/versions/{number}") for number in (1, 2)]

    for one in pages:
        assert one.status == 200
        assert "script-src 'none'" in one.headers["Content-Security-Policy"]
        tree = html5lib.parse(one.html, namespaceHTMLElements=False)
        assert not list(tree.iter("script"))
        assert not [e for e in tree.iter() if any(name.startswith("on") for name in e.attrib)]
        assert not [e for e in tree.iter("iframe") if "srcdoc" in e.attrib]
        links = [str(value) for e in tree.iter() for value in e.attrib.values()]
        assert not [link for link in links if link.lower().startswith("javascript:")]
        assert not [form for form in one.forms if "evil" in form.action]


def test_a_preview_ends_after_an_hour_kindly(anna: EditorAtWork, service: Service) -> None:
    page = begun(anna)
    shown = show(anna, page)
    with service.database.writing() as session:
        session.execute(Preview.__table__.delete())
    for path in (
        shown.path,
        frames(shown)[0]["src"],
        "/embed/previews/x",
        "/embed/previews/x/card",
    ):
        over = anna.open(path)
        assert over.status == 410
        assert "This preview is over" in over.text
        assert "frame-ancestors 'self'" in over.headers["Content-Security-Policy"]
        assert over.headers["Cache-Control"] == "no-store"


def test_the_last_preview_is_deleted_too_when_its_time_is_up(
    anna: EditorAtWork, service: Service
) -> None:
    show(anna, begun(anna))
    with service.database.writing() as session:
        made = session.scalars(select(Preview.created_at)).one()
        previews.forget(session, made)
        assert session.scalars(select(Preview)).all()
        previews.forget(session, made.replace(year=made.year + 1))
        assert not session.scalars(select(Preview)).all()


def test_old_previews_are_deleted_by_the_next(anna: EditorAtWork, service: Service) -> None:
    page = begun(anna)
    show(anna, page)
    with service.database.writing() as session:
        old = session.scalars(select(Preview)).one()
        session.execute(update(Preview).values(created_at=old.created_at.replace(year=2020)))
    show(anna, page)

    with service.database.reading() as session:
        assert len(session.scalars(select(Preview)).all()) == 1


def test_of_many_previews_the_oldest_go(
    anna: EditorAtWork, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "MOST_KEPT", 3)
    page = begun(anna)
    first = show(anna, page)
    assert len({first.path, *(show(anna, page).path for _ in range(3))}) == 4

    with service.database.reading() as session:
        assert len(session.scalars(select(Preview)).all()) == 3
    assert anna.open(first.path).status == 410


def test_a_draft_is_deleted_after_a_page_that_says_what_goes(anna: EditorAtWork) -> None:
    assert 'href="/admin/statements/1/delete"' in begun(anna).html
    page = anna.open("/admin/statements/1/delete")
    assert "Its text in English" in page.text
    assert "1 version" in page.text

    page = anna.fill(page, "Delete it for good")

    assert page.path == "/admin/statements"
    assert "The draft “Reopen the reading room” is deleted." in page.text
    assert "No statement yet" in page.text
    assert anna.open("/admin/statements/1").status == 404
    assert "deleted statement Reopen the reading room" in anna.open("/admin/audit").text


def test_a_draft_that_was_changed_meanwhile_is_shown_again_and_not_deleted(
    anna: EditorAtWork,
) -> None:
    draft = begun(anna)
    page = anna.open(f"{draft.path}/delete")
    anna.fill(draft, "Save", body="More.")

    page = anna.fill(page, "Delete it for good")

    assert page.status == 409
    assert "Nothing was deleted." in page.text
    assert "2 versions" in page.text


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_what_was_written_for_a_draft_that_was_deleted_meanwhile_is_not_lost(
    anna: EditorAtWork, lang: str
) -> None:
    page = begun(anna)
    if lang == "fr":
        page = anna.open("/admin/statements/1/text/fr")
    anna.fill(anna.open("/admin/statements/1/delete"), "Delete it for good")

    gone = anna.fill(page, "Save", title="Hello", body="Precious\n\n</textarea>", topics="A, B")
    assert gone.status == 410
    assert "This statement was deleted while you were writing" in gone.text
    refused = anna.fill(gone, "Begin a new draft with it", title=" ")
    assert (refused.status, "The headline is missing." in refused.text) == (422, True)
    made = anna.fill(refused, "Begin a new draft with it", title="Hello again")

    fields = made.form_with("Save").fields
    assert made.path == "/admin/statements/2"
    assert [fields[name] for name in ("title", "body", "topics", "lang")] == [
        "Hello again",
        "Precious\n\n</textarea>",
        "A, B",
        lang,
    ]


def test_what_is_public_says_why_it_is_not_deleted(anna: EditorAtWork, tmp_path: Path) -> None:
    publish(anna.service, statement_file(tmp_path))

    assert "Delete this draft" not in anna.open("/admin/statements/1").text
    page = anna.open("/admin/statements/1/delete")
    assert "It can’t be deleted. It is public, or was." in page.text
    assert not [form for form in page.forms if "Delete it for good" in form.buttons]


@pytest.mark.parametrize("path", ["", "/versions", "/versions/{}", "/publish", "/endorsements"])
def test_a_number_that_no_table_can_have_is_not_there(anna: EditorAtWork, path: str) -> None:
    begun(anna)
    number = 99999999999999999999
    whole = f"/admin/statements/{1 if '{' in path else number}{path.format(number)}"
    assert anna.open(whole).status == 404


def test_a_state_without_statements_says_so(anna: EditorAtWork) -> None:
    begun(anna)
    page = anna.open("/admin/statements?standing=withdrawn")
    assert "No statement is in this state now." in page.text
    assert "all of these words" not in page.text


def test_statements_are_searched_and_filtered(anna: EditorAtWork, tmp_path: Path) -> None:
    publish(
        anna.service,
        statement_file(tmp_path),
        translation_file(tmp_path, "fr", title="Réouverture"),
    )
    begun(anna, title="Something else")

    def listed(query: str) -> list[str]:
        html = anna.open(f"/admin/statements{query}").html
        return re.findall(r'href="/admin/statements/(\d+)"', html)

    assert listed("") == ["2", "1"]
    assert listed("?q=reouverture") == ["1"]
    assert listed("?standing=draft") == ["2"]
    assert listed("?standing=nonsense") == ["2", "1"]
    assert listed("?q=nowhere") == []
    assert "Nothing found" in anna.open("/admin/statements?q=nowhere").text
    assert listed("?page=99") == ["2", "1"]


@pytest.mark.parametrize("standing", [Standing.DRAFT, Standing.GATHERING])
def test_what_is_not_published_is_nowhere_outside_the_console(
    app: Flask, anna: EditorAtWork, service: Service, tmp_path: Path, standing: Standing
) -> None:
    publish(service, statement_file(tmp_path, topics="[Water]", countries="[NO]"))
    anna.fill(
        begun(anna, title="Unheard-of headline"),
        "Save",
        body="Unheard-of text.",
        topics="Water",
        countries="NO",
        published_on="2030-01-01",
        slug="unheard-of",
    )
    anna.fill(
        anna.open("/admin/statements/2/text/fr"), "Save", title="Unheard-of too", body="Unheard-of."
    )
    with service.database.writing() as session:
        session.execute(update(Statement).where(Statement.id == 2).values(standing=standing))
        _, key = api_keys.make(session, "A program", True, COMMAND_LINE, datetime.now(UTC))
    reader = app.test_client()
    known = {"Authorization": f"Bearer {key}"}

    walked = 0
    for rule in app.url_map.iter_rules():
        if "/admin" in rule.rule or "/mailbox" in rule.rule or "GET" not in (rule.methods or ()):
            continue
        values = {"slug": "unheard-of", "token": "x", "digest": "0" * 32, "width": 480,
                  "suffix": "jpg", "key": "x", "number": 1, "relay": "ses",
                  "subscriber_id": UUID(int=1)}  # fmt: skip
        path = app.url_map.bind("127.0.0.1").build(
            rule.endpoint, {name: values[name] for name in rule.arguments}
        )
        url = "http://127.0.0.1:8000/statements/unheard-of"
        for query in (
            "", "?lang=fr", "?topic=Water", "?country=NO", "?like=unheard-of", "?like=river-gate",
            f"?url={url}", f"?url={url}&format=xml",
        ):  # fmt: skip
            answer = reader.get(path + query, headers=known if path.startswith("/api/") else None)
            walked += 1
            assert b"Unheard-of" not in answer.data, path + query
            if "slug" in rule.arguments and "statements" in path:
                assert answer.status_code == 404, path + query
    assert walked > 100
    assert reader.get("/statements/river-gate").status_code == 200
