"""One person's record in the console: looked up, given to them, ended, erased."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from tests.actors import Page
from tests.samples import publish, statement_file
from tests.web.console.conftest import EditorAtWork
from widgets import jobs, newsletters, outbox, signatories
from widgets.addresses import parse
from widgets.models import (
    Base,
    Consented,
    Contact,
    Editor,
    Invitation,
    Member,
    Preview,
    Role,
    Signing,
    SigningState,
    Statement,
    Subscription,
    Suppression,
)
from widgets.models.fact import content_version
from widgets.newsletters import Limits
from widgets.service import Service
from widgets.text import fold

ADDRESS = "Zebulon.Quill@example.org"
NAME = "Zebulon Quillfeather"


@pytest.fixture
def service(app: Flask) -> Service:
    opened: Service = app.extensions["undersigned"]
    return opened


@pytest.fixture
def zebulon(service: Service, tmp_path: Path) -> str:
    """Somebody who subscribes, has signed a letter, is a member's contact, and stands in a table
    that waits and in a preview. The keyed hash of their address."""
    now = datetime.now(UTC)
    publish(service, statement_file(tmp_path))
    address = parse(ADDRESS)
    key = service.hasher.address(address)
    with service.database.writing() as session:
        asked = newsletters.sign_up(
            session,
            service.hasher,
            Limits(9, 99, frozenset()),
            address,
            consent_text_id=newsletters.form(session, "weekly", "fr").consent_text_id,
            site="lamp-keepers",
            lang="fr",
            now=now,
        )
        newsletters.confirm(session, asked, 0, now)
        statement = session.scalars(select(Statement)).one()
        signing = Signing(
            id=uuid.uuid4(),
            statement_id=statement.id,
            key=key,
            address=ADDRESS,
            name=NAME,
            folded_name=fold(NAME),
            folded_affiliation="",
            shows_name=True,
            state=SigningState.LISTED,
            lang="en",
            mailbox=service.hasher.mailbox(address),
            domain=service.hasher.domain(address),
            asked_at=now,
            changed_at=now,
        )
        session.add_all([signing, Member(slug="lamp-keepers", name="Lamp Keepers")])
        session.flush()
        signatories.add(
            session,
            statement.id,
            signatories.Name(NAME),
            consented=Consented.SIGNED,
            signing_id=signing.id,
        )
        contact = Contact(member_slug="lamp-keepers", name=NAME, address=ADDRESS.lower())
        session.add(contact)
        session.flush()
        session.add(
            Invitation(
                id=uuid.uuid4(),
                statement_id=statement.id,
                member_slug="lamp-keepers",
                contact_id=contact.id,
                asked_at=now,
            )
        )
        session.add(
            Preview(
                id=uuid.uuid4(),
                statement_id=statement.id,
                content={"body": f"Write to {ADDRESS}"},
                created_at=now,
            )
        )
        outbox.add(session, "test", now, send_at=now, signing_id=signing.id)
    return key


def looked_up(anna: EditorAtWork, address: str = ADDRESS) -> Page:
    return anna.fill(anna.open("/admin/subscribers"), "Look it up", address=address)


def everything(service: Service) -> str:
    """Every value in every table."""
    found: list[str] = []
    with service.database.reading() as session:
        for table in Base.metadata.sorted_tables:
            rows = session.execute(text(f"SELECT * FROM {table.name}"))
            found += [f"{table.name}: {tuple(row)!r}" for row in rows]
    return "\n".join(found)


def test_a_person_is_found_by_the_address_in_any_case_and_it_stands_in_no_path(
    anna: EditorAtWork, zebulon: str
) -> None:
    page = looked_up(anna, ADDRESS.upper())

    assert page.path == f"/admin/subscribers/{zebulon}"
    assert ADDRESS in page.text
    assert "confirmed" in page.text
    assert "En m’inscrivant" in page.text or "accepte" in page.text  # what they agreed to
    assert NAME in page.text
    assert "Lamp Keepers" in page.text


@pytest.mark.parametrize("typed", ["", "zebulon", "a@b.example, c@d.example"])
def test_what_is_no_address_is_told_and_stays(anna: EditorAtWork, typed: str) -> None:
    page = looked_up(anna, typed)

    assert page.status == 422
    assert page.html.count('aria-invalid="true"') == 1
    assert f'value="{typed}"' in page.html


def test_of_an_unknown_address_nothing_is_kept_and_it_can_be_suppressed(
    anna: EditorAtWork, service: Service
) -> None:
    page = looked_up(anna, "nobody@example.org")
    assert "Nothing is kept of this address" in page.text

    page = anna.fill(page, "Never write to it")

    assert "Not to be written to" in page.text
    with service.database.reading() as session:
        assert session.scalars(select(Suppression.reason)).all() == ["by hand"]
    page = anna.fill(page, "Let it sign up again")
    assert "Nothing is kept of this address" in page.text
    with service.database.reading() as session:
        assert session.scalars(select(Suppression)).all() == []


def test_the_whole_record_is_given_as_one_file(
    anna: EditorAtWork, zebulon: str, service: Service
) -> None:
    page = anna.fill(looked_up(anna), "Download the whole record")

    assert page.headers["Content-Type"] == "application/json"
    assert page.headers["Content-Disposition"] == (
        f'attachment; filename="record-{zebulon[:8]}.json"'
    )
    record = json.loads(page.html)
    assert record["address"] == ADDRESS
    (subscription,) = record["subscriptions"]
    assert (subscription["newsletter"], subscription["state"]) == ("weekly", "confirmed")
    assert subscription["consents"][0]["method"] == "link"
    assert subscription["consents"][0]["text"].startswith("En m")
    assert subscription["sign_ups"][0]["site"] == "lamp-keepers"
    assert record["open_letters"][0]["name"] == NAME
    assert record["contact_of"][0]["organisation"] == "Lamp Keepers"
    assert [one["kind"] for one in record["mails"]] == ["test"]


def test_an_editors_own_mails_are_in_their_record(anna: EditorAtWork) -> None:
    page = looked_up(anna, "anna@example.org")

    assert "sign-in" in page.text
    assert "who works in this console" in page.text


def test_somebody_is_unsubscribed_by_hand(
    anna: EditorAtWork, zebulon: str, service: Service
) -> None:
    page = anna.fill(looked_up(anna), "Unsubscribe them")

    assert "They are unsubscribed." in page.text
    with service.database.reading() as session:
        assert session.scalars(select(Subscription.state)).one() == "unsubscribed"
    again = anna.post(
        f"/admin/subscribers/{zebulon}/unsubscribe",
        {**page.forms[0].fields, "subscription": str(uuid.uuid4())},
    )
    assert again.status == 404


def test_after_erasing_no_table_holds_the_address_or_the_name(
    anna: EditorAtWork, zebulon: str, service: Service
) -> None:
    with service.database.writing() as session:
        editor = session.scalars(select(Editor)).one()
        table = f"address,consented_at\n{ADDRESS.lower()},2025-03-31\nbela@example.org,2025-03-31\n"
        jobs.start(
            session,
            editor,
            "import subscribers",
            datetime.now(UTC),
            params={
                "newsletter": "weekly",
                "name": "weekly",
                "source": "a list",
                "consent": "on paper",
                "lang": "en",
                "asked_at": datetime.now(UTC).isoformat(),
            },
            data=table.encode(),
        )
        version = content_version(session)
    assert "zebulon" in everything(service).lower()
    page = looked_up(anna)

    page = anna.fill(page, "Erase for good")

    assert page.path == f"/admin/subscribers/{zebulon}"
    assert "Not to be written to" in page.text
    left = everything(service).lower()
    assert "zebulon" not in left
    assert "quill" not in left
    # the suppression, and the audit, which speaks of the person by it
    assert [line.split(":")[0] for line in left.splitlines() if zebulon in line] == [
        "audit",
        "suppressions",
    ]
    with service.database.reading() as session:
        assert content_version(session) > version
    anna.work_off()
    left = everything(service).lower()
    assert "zebulon" not in left
    assert "bela@example.org" in left


def test_a_member_keeps_its_contact_where_only_the_rest_is_to_be_erased(
    anna: EditorAtWork, zebulon: str, service: Service
) -> None:
    page = looked_up(anna)
    (form,) = [form for form in page.forms if "Erase for good" in form.buttons]
    anna.post(form.action, {k: v for k, v in form.fields.items() if k != "contacts"})

    with service.database.reading() as session:
        assert session.scalars(select(Contact.address)).all() == [ADDRESS.lower()]
        assert session.scalars(select(Signing)).all() == []


def test_who_was_erased_is_not_imported_again(
    anna: EditorAtWork, zebulon: str, service: Service
) -> None:
    anna.fill(looked_up(anna), "Erase for good")
    page = anna.open("/admin/newsletters/weekly/people")
    page = anna.fill(
        page,
        "Look through it",
        source="a list",
        consent="on paper",
        table=f"address,consented_at\n{ADDRESS},2025-03-31\n",
        do="look",
    )

    assert "0 people can be imported" in page.text
    assert "1 who unsubscribed, complained, bounced or must not be written to" in page.text


def test_records_are_for_administrators(
    new_editor: Callable[..., EditorAtWork], zebulon: str
) -> None:
    bela = new_editor("bela@example.org", Role.EDITOR)
    page = bela.sign_in()

    assert "Subscribers" not in page.text
    assert bela.open("/admin/subscribers").status == 403
    assert bela.open(f"/admin/subscribers/{zebulon}").status == 403
    token = page.forms[0].fields
    for what in ("erase", "export", "unsubscribe", "suppress", "allow"):
        assert bela.post(f"/admin/subscribers/{zebulon}/{what}", token).status == 403


@pytest.mark.parametrize("key", ["x", "0" * 63, "G" * 64])
def test_what_is_no_keyed_hash_leads_nowhere(anna: EditorAtWork, key: str) -> None:
    assert anna.open(f"/admin/subscribers/{key}").status == 404
