"""`undersigned digest …`: what it says, and what it does."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from sqlalchemy import select, update

from tests.samples import published, scheduled, subscribed
from tests.test_dispatch import prepared, the_digest
from widgets import digest_commands, digests, dispatch
from widgets.audit import COMMAND_LINE
from widgets.models import AuditEntry, DigestState, Message, MessageState
from widgets.service import Service

Run = Callable[..., Result]
NOW = datetime.now(UTC)


@pytest.fixture
def begun(service: Service) -> Service:
    """An issue to four readers, in the outbox."""
    subscribed(service, *(f"{n}@example.org" for n in range(4)))
    published(service, at=NOW - timedelta(minutes=1))
    with service.database.writing() as session:
        digest = digest_commands._begin(session, "weekly", NOW)
    while dispatch.expand(service.database, digest.id, NOW):
        pass
    return service


def settle(service: Service, number: int, state: MessageState) -> None:
    with service.database.writing() as session:
        waiting = select(Message.id).where(Message.state == MessageState.WAITING).limit(number)
        session.execute(
            update(Message)
            .where(Message.id.in_(session.scalars(waiting).all()))
            .values(state=state, settled_at=datetime.now(UTC))
        )


def test_an_issue_is_begun_and_says_to_how_many(run: Run, service: Service) -> None:
    subscribed(service, "a@example.org", "b@example.org")
    published(service, at=NOW - timedelta(minutes=1))
    done = run("digest", "send", "weekly")
    assert done.output == "weekly/1: begun, to 2 readers. A worker sends it.\n"
    assert the_digest(service).state == DigestState.SENDING
    with service.database.reading() as session:
        told = session.scalars(select(AuditEntry)).one()
    assert (told.actor, told.action) == ("the command line", "began to send")


def test_what_cannot_be_sent_is_told_in_a_sentence(run: Run, service: Service) -> None:
    def said(newsletter: str) -> str:
        done = run("digest", "send", newsletter)
        assert done.exit_code == 1
        return done.output

    assert said("nothing") == "Error: There is no newsletter “nothing”, only: weekly.\n"
    assert said("weekly").startswith("Error: Nothing is in it: no statement is new")
    published(service, at=NOW - timedelta(minutes=1))
    assert said("weekly") == "Error: Nobody has subscribed to it yet.\n"
    scheduled(service, "each")
    assert said("weekly") == (
        "Error: “weekly” sends each statement by itself, as soon as it is published.\n"
    )


def test_how_far_it_is(run: Run, begun: Service) -> None:
    settle(begun, 1, MessageState.SENT)
    settle(begun, 1, MessageState.REFUSED)
    said = run("digest", "progress").output
    assert said.startswith("weekly/1: being sent, 2 of 4, 1 sent, 1 refused, ")
    assert "left" in said
    settle(begun, 1, MessageState.VOID)
    assert "1 not wanted any more" in run("digest", "progress", "weekly/1").output
    with begun.database.writing() as session:
        session.execute(
            update(Message)
            .where(Message.state == MessageState.WAITING)
            .values(error="421 too much")
        )
    assert "the relay said: 421 too much" in run("digest", "progress", "weekly/1").output


def test_it_is_stopped_and_resumed(run: Run, begun: Service) -> None:
    assert run("digest", "stop").output == "weekly/1: stopped, 0 of 4, 0 sent\n"
    assert run("digest", "stop").output == "Error: weekly/1 is not being sent.\n"
    assert run("digest", "resume", str(the_digest(begun).id)).output.startswith(
        "weekly/1: being sent, 0 of 4"
    )
    assert run("digest", "resume").output == "Error: weekly/1 is not stopped.\n"


def test_why_it_was_stopped_is_shown(run: Run, begun: Service) -> None:
    with begun.database.writing() as session:
        digests.stop(session, the_digest(begun).id, COMMAND_LINE, NOW, "50 were refused")
    assert run("digest", "list").output == ("weekly/1: stopped (50 were refused), 0 of 4, 0 sent\n")


def test_an_issue_that_is_not_there_is_told_of(run: Run) -> None:
    for name in ("weekly/9", "nonsense", "weekly/²"):
        done = run("digest", "stop", name)
        assert done.exit_code == 1
        assert done.output.startswith(f"Error: There is no issue “{name}”.")
    assert run("digest", "progress").output.startswith("Error: No issue is under way.")


def test_what_is_prepared_is_listed(run: Run, service: Service) -> None:
    scheduled(service)
    prepared(service, NOW)
    assert run("digest", "list").output.startswith("weekly (weekly): draft, due 20")


def test_on_a_terminal_one_line_is_kept_up_to_date_until_it_is_done(
    begun: Service, environment: dict[str, str]
) -> None:
    ours, theirs = pty.openpty()
    following = subprocess.Popen(
        [sys.executable, "-m", "widgets.cli", "digest", "progress"],
        env={**os.environ, **environment},
        stdout=theirs,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    said = b""
    try:
        while b"0 of 4" not in said:
            said += os.read(ours, 4096)
        settle(begun, 4, MessageState.SENT)
        dispatch.run_once(begun.database, datetime.now(UTC))
        while b"4 of 4" not in said or not said.endswith(b"\n"):
            said += os.read(ours, 4096)
        assert following.wait(30) == 0
    finally:
        following.kill()
        os.close(ours)
    assert b"weekly/1: sent, 4 of 4, 4 sent\r\n" in said
    assert said.count(b"\r\x1b[K") >= 2
    assert said.count(b"\n") == 1
