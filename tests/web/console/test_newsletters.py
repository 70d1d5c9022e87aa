"""Newsletters in the console: their words, their growth, export and import."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.actors import Page, Reader
from tests.web.console.conftest import EditorAtWork
from widgets import newsletters
from widgets.addresses import parse
from widgets.models import AuditEntry, Consent, Message, MessageState, Role, State, Subscription
from widgets.service import Service

WORDS = {
    "title": "Once a month, in your inbox",
    "name": "the monthly letter",
    "description": "What we did, and what comes next.",
    "consent": "I want the monthly letter. I can leave with one click.",
}
LIST = {"source": "The old website", "consent": "They ticked a box and confirmed by mail."}


@pytest.fixture
def service(app: Flask) -> Service:
    opened: Service = app.extensions["undersigned"]
    return opened


@pytest.fixture
def subscribed(service: Service) -> Callable[..., None]:
    """Somebody signs up and confirms."""

    def subscribe(address: str, site: str | None = None, lang: str = "en") -> None:
        now = datetime.now(UTC)
        with service.database.writing() as session:
            asked = newsletters.sign_up(
                session,
                service.hasher,
                newsletters.Limits(9, 99, frozenset()),
                parse(address),
                consent_text_id=newsletters.form(session, "weekly", lang).consent_text_id,
                site=site,
                lang=lang,
                now=now,
            )
            newsletters.confirm(session, asked, 0, now)

    return subscribe


def added(anna: EditorAtWork, **typed: str) -> Page:
    page = anna.open("/admin/newsletters/new")
    return anna.fill(page, "Add", **{"slug": "monthly", "lang": "en", **WORDS, **typed})


def import_page(anna: EditorAtWork, table: str, **typed: Any) -> Page:
    page = anna.open("/admin/newsletters/weekly/people")
    return anna.fill(page, "Look through it", **{**LIST, "table": table, "do": "look", **typed})


def imported(anna: EditorAtWork, table: str) -> Page:
    page = import_page(anna, table)
    (button,) = [
        button for form in page.forms for button in form.buttons if button.startswith("Import ")
    ]
    page = anna.fill(page, button, do="import")
    anna.work_off()
    return anna.open(page.path)


def states(service: Service) -> dict[str | None, str]:
    with service.database.reading() as session:
        return {one.subscriber.address: one.state for one in session.scalars(select(Subscription))}


def actions(service: Service) -> list[str]:
    with service.database.reading() as session:
        return [
            one.action
            for one in session.scalars(select(AuditEntry).order_by(AuditEntry.id))
            if one.kind in ("newsletter", "subscriber")
        ]


def test_the_list_leads_to_each_newsletter_and_its_languages(anna: EditorAtWork) -> None:
    page = anna.open("/admin/newsletters")

    assert "the weekly update" in page.text
    assert 'href="/admin/newsletters/weekly/words/ar"' in page.html


def test_a_newsletter_is_added_and_its_form_is_there(anna: EditorAtWork, app: Flask) -> None:
    page = added(anna)

    assert page.path == "/admin/newsletters/monthly/words/en"
    assert 'src="/embed/newsletters/monthly?lang=en"' in page.html
    form = Reader(app.test_client()).open("/embed/newsletters/monthly")
    assert "Once a month, in your inbox" in form.text
    assert "I want the monthly letter. I can leave with one click." in form.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"slug": "weekly"}, "There is a newsletter “weekly” already."),
        ({"slug": "Monthly Letter"}, "The short name has a to z"),
        ({"slug": "new"}, "“new” can’t be a short name"),
        ({"lang": "qq"}, "Give the language as a tag"),
        ({"consent": " \u200b "}, "Please write the sentence that readers agree to."),
        ({"title": "x" * 151}, "This has 151 characters; 150 is the most there can be."),
    ],
)
def test_a_newsletter_that_cannot_be_is_told_beside_its_field(
    anna: EditorAtWork, typed: dict[str, str], said: str
) -> None:
    page = added(anna, **typed)

    assert page.status == 422
    assert said in page.text
    assert "What we did, and what comes next." in page.html
    assert page.html.count('aria-invalid="true"') == 1


def test_a_translation_stands_beside_the_original_and_readers_get_it(
    anna: EditorAtWork, app: Flask
) -> None:
    added(anna)
    page = anna.open("/admin/newsletters/monthly/words?lang=fr")
    assert page.path == "/admin/newsletters/monthly/words/fr"
    assert "Once a month, in your inbox" in page.text

    anna.fill(page, "Save", **WORDS | {"title": "Chaque mois"})

    reader = Reader(app.test_client())
    assert "Chaque mois" in reader.open("/embed/newsletters/monthly?lang=fr").text
    assert "Once a month" in reader.open("/embed/newsletters/monthly?lang=ru").text


def test_a_language_that_the_forms_do_not_speak_is_shown_where_it_is_asked_for(
    anna: EditorAtWork, app: Flask
) -> None:
    added(anna)
    page = anna.open("/admin/newsletters/monthly/words?lang=fr&tag=DE")
    assert page.path == "/admin/newsletters/monthly/words/de"
    anna.fill(page, "Save", **WORDS | {"title": "Einmal im Monat"})

    form = Reader(app.test_client()).open("/embed/newsletters/monthly?lang=de")
    assert 'lang="de"' in form.html
    assert "Einmal im Monat" in form.text


def test_a_language_that_is_none_is_told(anna: EditorAtWork) -> None:
    page = anna.open("/admin/newsletters/weekly/words?tag=klingon!")

    assert page.status == 422
    assert "Give the language as a tag" in page.text


def test_a_changed_consent_is_a_new_wording_and_an_open_form_keeps_the_old(
    anna: EditorAtWork, app: Flask, service: Service, subscribed: Callable[..., None]
) -> None:
    subscribed("bela@example.org")
    reader = Reader(app.test_client())
    old_form = reader.open("/embed/newsletters/weekly?lang=en")

    page = anna.open("/admin/newsletters/weekly/words/en")
    page = anna.fill(page, "Save", consent="Entirely new words.")

    assert "Saved. Readers see it now." in page.text
    rows = page.text.split("What was agreed to")[1]
    assert rows.index("Entirely new words. shown now") < rows.index("with one click")  # the newest
    reader.press(old_form, address="clara@example.org")
    with service.database.reading() as session:
        asked = session.scalars(select(Message).order_by(Message.created_at.desc())).first()
        assert asked is not None
        assert asked.sign_up is not None
        agreed = asked.sign_up.consent_text_id
        newest = newsletters.form(session, "weekly", "en")
    assert newest.consent_text == "Entirely new words."
    assert agreed < newest.consent_text_id


def test_saving_the_same_words_changes_nothing(anna: EditorAtWork, service: Service) -> None:
    page = anna.open("/admin/newsletters/weekly/words/fr")
    page = anna.fill(page, "Save")

    assert "It was so already." in page.text
    assert actions(service) == []


def test_whoever_saves_second_sees_the_others_words_and_loses_nothing(
    anna: EditorAtWork, new_editor: Callable[..., EditorAtWork]
) -> None:
    bela = new_editor("bela@example.org")
    bela.sign_in()
    theirs = bela.open("/admin/newsletters/weekly/words/en")
    mine = anna.open("/admin/newsletters/weekly/words/en")
    bela.fill(theirs, "Save", title="Bela’s headline")

    page = anna.fill(mine, "Save", title="Anna’s headline")

    assert page.status == 409
    assert "Bela’s headline" in page.text
    assert 'value="Anna’s headline"' in page.html
    page = anna.fill(page, "Save")
    assert "Saved." in page.text
    assert 'value="Anna’s headline"' in page.html


def test_words_in_a_language_can_be_taken_away_but_not_its_own(
    anna: EditorAtWork, app: Flask
) -> None:
    page = anna.open("/admin/newsletters/weekly/words/fr")
    page = anna.fill(page, "Take them away")

    assert "/words/fr" not in page.html
    form = Reader(app.test_client()).open("/embed/newsletters/weekly?lang=fr")
    assert '<h1 lang="en"' in form.html
    own = anna.open("/admin/newsletters/weekly/words/en")
    assert not [form for form in own.forms if "Take them away" in form.buttons]


def test_stored_words_are_text_and_never_obeyed(anna: EditorAtWork, app: Flask) -> None:
    added(anna, title='<script>alert("x")</script>', description='" autofocus onfocus="x')

    for path in ("/admin/newsletters", "/admin/newsletters/monthly/words/en"):
        assert "<script" not in anna.open(path).html
    form = Reader(app.test_client()).open("/embed/newsletters/monthly")
    assert "<script" not in form.html
    assert "&lt;script&gt;" in form.html


def test_growth_is_drawn_and_told_in_numbers(
    anna: EditorAtWork, subscribed: Callable[..., None]
) -> None:
    assert "Nobody has confirmed yet" in anna.open("/admin/newsletters/weekly").text
    subscribed("bela@example.org", site="lamp-keepers")
    subscribed("clara@example.org", lang="ar")

    page = anna.open("/admin/newsletters/weekly")

    assert page.html.count("<svg") == 2
    assert "at most 2, lately 2" in page.html
    assert "lamp-keepers 1" in page.text
    assert "العربية 1" in page.text


def test_all_who_confirmed_are_exported_without_formulas(
    anna: EditorAtWork, service: Service, subscribed: Callable[..., None]
) -> None:
    subscribed("=cmd@example.org")
    subscribed("bela@example.org", site="lamp-keepers")
    page = anna.open("/admin/newsletters/weekly/people")

    table = anna.fill(page, "Download CSV")
    lines = anna.fill(page, "Download NDJSON")

    assert table.headers["Content-Disposition"] == 'attachment; filename="weekly-subscribers.csv"'
    assert table.headers["Cache-Control"] == "no-store"
    found = list(csv.DictReader(io.StringIO(table.html)))
    assert [one["address"] for one in found] == ["'=cmd@example.org", "bela@example.org"]
    assert found[1]["site"] == "lamp-keepers"
    assert json.loads(lines.html.splitlines()[0])["address"] == "=cmd@example.org"
    assert actions(service) == ["exported subscribers of"] * 2


def test_an_export_sees_one_moment_while_rows_change(
    anna: EditorAtWork,
    service: Service,
    subscribed: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from widgets.web.console import newsletters as screen

    monkeypatch.setattr(screen, "LINES_AT_ONCE", 1)
    subscribed("bela@example.org")
    stream = screen._exported(service.database, "weekly", "csv")
    head = next(stream)
    subscribed("clara@example.org")

    assert head.startswith("address,")
    assert [line.split(",")[0] for line in stream] == ["bela@example.org"]


def test_an_editor_sees_newsletters_but_not_who_subscribes(
    new_editor: Callable[..., EditorAtWork],
) -> None:
    editor = new_editor("bela@example.org", Role.EDITOR)
    editor.sign_in()

    page = editor.open("/admin/newsletters/weekly")

    assert "Export and import" not in page.text
    assert editor.open("/admin/newsletters/weekly/people").status == 403


def test_a_table_is_looked_through_first_and_nothing_is_taken_in(
    anna: EditorAtWork, service: Service, subscribed: Callable[..., None]
) -> None:
    subscribed("bela@example.org")
    page = import_page(
        anna,
        "address,consented_at\nclara@example.org,2025-03-31\nBela@Example.org,2025-03-31\n"
        "clara@EXAMPLE.org,2025-04-01\nnobody,2025-03-31\ndora@example.org,2125-01-01\n",
    )

    assert "1 person can be imported. Nothing has been taken in yet." in page.text
    assert "1 subscribes already and stays as it is." in page.text
    assert "1 row has an address that stands there already: line 4." in page.text
    assert "5 not one e-mail address" in page.text
    assert "6 the day of the consent lies in the future" in page.text
    assert set(states(service)) == {"bela@example.org"}


def test_an_import_keeps_the_evidence_mails_nobody_and_done_again_changes_nothing(
    anna: EditorAtWork, service: Service
) -> None:
    table = (
        "address;consented_at;lang\nclara@example.org;2025-03-31;fr\n"
        "dora@example.org;2025-04-01T10:30;\n"
    )
    page = imported(anna, table)

    assert "2 people subscribe from now on. Nobody was written to." in page.text
    assert states(service) == dict.fromkeys(
        ("clara@example.org", "dora@example.org"), State.CONFIRMED
    )
    with service.database.reading() as session:
        consents = session.scalars(select(Consent).order_by(Consent.given_at)).all()
        assert not session.scalars(
            select(Message).where(Message.kind != "sign-in", Message.state != MessageState.VOID)
        ).all()
    assert [(one.method, one.lang, one.consent_text_id) for one in consents] == [
        ("import", "fr", None),
        ("import", "en", None),
    ]
    assert consents[0].evidence == "The old website: They ticked a box and confirmed by mail."
    assert consents[1].given_at == datetime(2025, 4, 1, 10, 30, tzinfo=UTC)
    again = import_page(anna, table)
    assert "0 people can be imported" in again.text
    assert "2 subscribe already" in again.text
    assert actions(service) == ["imported subscribers of"]


def test_a_table_that_was_changed_is_looked_through_again(
    anna: EditorAtWork, service: Service
) -> None:
    page = import_page(anna, "address,consented_at\nclara@example.org,2025-03-31\n")
    table = "address,consented_at\nclara@example.org,2025-03-31\ndora@example.org,2025-03-31\n"
    page = anna.fill(page, "Import 1 person", do="import", table=table)

    assert "2 people can be imported. Nothing has been taken in yet." in page.text
    assert states(service) == {}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "Please choose a file, or paste the table."),
        ("name,when\nx,y\n", "one of them “address”. It names: name, when."),
        ("address\nclara@example.org\n", "one of them “consented_at”"),
        ("address,consented_at\n", "There is no row in this table"),
        ('address,consented_at\n"clara@example.org,2025', "not a CSV table"),
        ("address,address\nx,y\n", "two columns have the same name"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_and_stays_in_the_form(
    anna: EditorAtWork, table: str, said: str
) -> None:
    page = import_page(anna, table)

    assert page.status == 422
    assert said in page.text
    kept = next(form.fields for form in page.forms if "table" in form.fields)
    assert kept["table"] == table
    assert kept["source"] == "The old website"


def test_without_a_word_on_the_consent_nobody_is_taken_in(anna: EditorAtWork) -> None:
    table = "address,consented_at\nclara@example.org,2025-03-31\n"
    page = import_page(anna, table, consent="")
    assert page.status == 422
    assert "one of them “consent”, or say above" in page.text

    page = import_page(
        anna,
        "address,consented_at,consent\nclara@example.org,2025-03-31,\n",
        consent="",
    )
    assert "2 nothing says how the consent is known" in page.text


def upload(anna: EditorAtWork, data: bytes) -> Page:
    page = anna.open("/admin/newsletters/weekly/people")
    return anna.fill(
        page, "Look through it", **LIST, do="look", file=(io.BytesIO(data), "list.csv")
    )


def test_a_file_in_utf_16_is_read_and_then_imported_from_the_page(
    anna: EditorAtWork, service: Service
) -> None:
    page = upload(
        anna, "address\tconsented_at\r\nclara@example.org\t2025-03-31\r\n".encode("utf-16")
    )
    assert "1 person can be imported" in page.text

    anna.fill(page, "Import 1 person", do="import")
    anna.work_off()

    assert states(service) == {"clara@example.org": State.CONFIRMED}


def test_a_file_in_another_encoding_is_told(anna: EditorAtWork) -> None:
    page = upload(
        anna, "address,consented_at,consent\nx@example.org,2025-03-31,\xfc\n".encode("latin-1")
    )

    assert page.status == 422
    assert "Line 2: not UTF-8; save the table as “CSV UTF-8”." in page.text


def test_a_table_that_is_too_large_is_told_and_stays_in_the_form(anna: EditorAtWork) -> None:
    table = "address,consented_at\n" + "x" * 6_000_000
    page = import_page(anna, table)

    assert page.status == 422
    assert "This table is larger than 6 MB." in page.text
    assert "x" * 6_000_000 in page.html


def test_what_a_table_says_is_shown_as_text(anna: EditorAtWork) -> None:
    page = import_page(anna, "<script>x,b\n1,2\n")

    assert "<script" not in page.html
    assert "It names: &lt;script&gt;x, b." in page.html
