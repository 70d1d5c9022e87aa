"""Editors open a statement to the public, and look at who signs."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.samples import open_to_the_public, publish, statement_file
from tests.web.console.conftest import EditorAtWork
from widgets import moderation, signatories
from widgets.models import (
    AuditEntry,
    Job,
    JobState,
    Opening,
    Signatory,
    Signing,
    SigningState,
    Statement,
)
from widgets.service import Service
from widgets.signatories import Tally
from widgets.text import fold

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def number(service: Service, tmp_path: Path) -> int:
    """Of a statement that is published."""
    publish(service, statement_file(tmp_path))
    with service.database.reading() as session:
        return session.scalars(select(Statement.id)).one()


@pytest.fixture
def wait(service: Service, number: int) -> Callable[..., list[uuid.UUID]]:
    """People who have confirmed, and wait for an editor."""

    def add(*names: str) -> list[uuid.UUID]:
        open_to_the_public(service, Opening.MODERATED)
        ids = [uuid.uuid4() for _ in names]
        with service.database.writing() as session:
            session.add_all(
                Signing(
                    id=made,
                    statement_id=number,
                    key=made.hex * 2,
                    mailbox=made.hex * 2,
                    domain="0" * 64,
                    address=f"{made.hex}@example.org",
                    name=name,
                    affiliation="Readers",
                    folded_name=fold(name),
                    folded_affiliation="readers",
                    country="NO",
                    shows_name=True,
                    state=SigningState.CONFIRMED,
                    lang="en",
                    asked_at=NOW,
                    confirmed_at=NOW + timedelta(seconds=place),
                    changed_at=NOW,
                )
                for place, (made, name) in enumerate(zip(ids, names, strict=True))
            )
        return ids

    return add


def letter(number: int) -> str:
    return f"/admin/statements/{number}/letter"


def tally(service: Service, number: int) -> Tally:
    with service.database.reading() as session:
        return signatories.tally(session, number)


def test_a_statement_is_opened_and_closed(anna: EditorAtWork, number: int) -> None:
    page = anna.open(letter(number))
    assert "not" not in page.text.partition("Who may sign")[0].rpartition("Open letter")[2]

    opened = anna.fill(page, "Save", opening="moderated")
    assert "is listed when an editor has looked" in opened.text
    assert "Nobody has confirmed yet" in opened.text
    assert anna.open("/embed/statements/river-gate/sign").forms

    closed = anna.fill(opened, "Save", opening="closed")
    assert "Nobody can sign any more" in closed.text
    with anna.service.database.reading() as session:
        told = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "changed who may sign")
        ).all()
    assert [(one.details["was"], one.details["to"]) for one in told] == [
        ("no", "moderated"), ("moderated", "closed"),
    ]  # fmt: skip


def test_who_is_ticked_is_listed_and_the_rest_waits(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    ada, _ = wait("Ada Li", "Bo Lind")

    done = anna.fill(anna.open(letter(number)), "List", act="list", signature=str(ada))

    assert "1 name is listed." in done.text
    assert "Bo Lind" in done.text
    assert tally(anna.service, number) == Tally(people=1)
    assert "Ada Li, Readers" in anna.open("/statements/river-gate").text


def test_without_a_tick_nothing_is_done_and_it_is_said(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    wait("Ada Li")

    page = anna.fill(anna.open(letter(number)), "List", act="list")

    assert page.status == 422
    assert "Tick the names that you mean first." in page.text


def test_all_that_match_a_search_are_refused_and_can_be_listed_again(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    wait("Spam One", "Spam Two", "Ada Li")
    found = anna.open(f"{letter(number)}?sort=waiting&q=spam")
    assert "Ada Li" not in found.text

    done = anna.fill(found, "Refuse", act="refuse", whom="all")
    assert "2 names are refused." in done.text
    again = anna.open(f"{letter(number)}?sort=refused")
    anna.fill(again, "List", act="list", whom="all")

    assert tally(anna.service, number) == Tally(people=2)


def test_a_search_of_megabytes_is_cut(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    """It stands in the address that is led to, and addresses have an end."""
    wait("Ada Li")
    fields = anna.open(letter(number)).form_with("List").fields
    answer = anna.post(letter(number), {**fields, "act": "list", "whom": "all", "q": "a" * 300_000})

    assert answer.status == 303
    assert len(answer.headers["Location"]) < 1000


def test_many_are_a_job_that_takes_only_who_was_there(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    wait(*(f"Name {place}" for place in range(601)))
    page = anna.fill(anna.open(letter(number)), "List", act="list", whom="all")
    assert "It is under way." in page.text
    anna.work_off()

    assert tally(anna.service, number) == Tally(people=601)
    with anna.service.database.reading() as session:
        job = session.scalars(select(Job)).one()
        assert (job.state, job.done) == (JobState.DONE, 601)
        assert job.outcome["text"] == "601 names: listed."


def test_a_job_refuses_all_who_were_perhaps_there_twice_when_it_was_asked_for(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    once = [f"Name {place}" for place in range(251)]
    wait("Ada Li", *once, *once)
    page = anna.open(f"{letter(number)}?sort=twins")
    anna.fill(page, "Refuse", act="refuse", whom="all")
    anna.work_off()

    with anna.service.database.reading() as session:
        counts = moderation.counts(session, number)
    assert (counts.refused, counts.waiting) == (502, 1)


def test_who_may_be_there_twice_is_marked(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    wait("Ada Li", "ADA LÍ", "Bo Lind")

    page = anna.open(f"{letter(number)}?sort=twins")

    assert page.text.count("Perhaps there twice: the same name in the same country.") == 2
    assert "Bo Lind" not in page.text


def test_editors_see_no_address_and_administrators_take_them_out_with_a_note(
    anna: EditorAtWork,
    number: int,
    wait: Callable[..., list[uuid.UUID]],
    new_editor: Callable[..., EditorAtWork],
) -> None:
    wait("=1+1")
    assert "@example.org" not in anna.open(letter(number)).html.replace("anna@example.org", "")

    page = anna.fill(anna.open(letter(number)), "Export")
    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "'=1+1,Readers,NO," in page.html
    assert "exported who signed" in anna.open("/admin/audit").text

    bo = new_editor("bo@example.org")
    bo.sign_in()
    assert "Export" not in bo.open(letter(number)).text
    token = bo.open(letter(number)).forms[-1].fields["csrf_token"]
    assert bo.post(f"{letter(number)}/export", {"csrf_token": token}).status == 403


def test_a_name_that_is_markup_stays_text(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    wait("<img src=x onerror=alert(1)>")

    assert "<img src=x" not in anna.open(letter(number)).html


def test_what_is_no_statement_no_act_or_no_name_is_no_page(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    wait("Ada Li")
    page = anna.open(letter(number))

    assert anna.open(letter(number + 1)).status == 404
    assert anna.fill(page, "List", act="shout").status == 400
    assert anna.fill(page, "List", act="list", signature="x").status == 400
    assert anna.fill(page, "Save", opening="no").status == 400  # who signed would vanish
    assert anna.open(f"{letter(number)}?sort=x&page=99&q=%00").status == 200


def test_who_signed_is_not_taken_away_as_an_organisation_is(
    anna: EditorAtWork, number: int, wait: Callable[..., list[uuid.UUID]]
) -> None:
    """Their name would stay in the audit, and an organisation too few would be counted."""
    wait("Ada Li")
    anna.fill(anna.open(letter(number)), "List", act="list", whom="all")
    names = f"/admin/statements/{number}/endorsements/names"
    with anna.service.database.reading() as session:
        row = session.scalars(select(Signatory.id)).one()
    token = anna.open(letter(number)).form_with("Save").fields["csrf_token"]
    for path in (f"{names}/{row}", f"{names}/{row}/remove"):
        assert anna.post(path, {"csrf_token": token, "name": "Other"}).status == 404

    (way,) = re.findall(r'href="([^"]*sort=listed[^"]*q=[^"]*)"', anna.open(names).html)
    assert "Ada Li" in anna.open(unescape(way)).text
    assert tally(anna.service, number) == Tally(people=1)
