"""Long work: done once, in steps, by whoever is alive."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from widgets import audit, editors, jobs, partner_sync, work
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.jobs import CannotBeDone, Outcome, Stopped, Task
from widgets.models import Editor, Job, JobState, Role
from widgets.service import Service

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def editor(service: Service) -> Editor:
    with service.database.writing() as session:
        return editors.add(
            session, parse("anna@example.org"), "Anna", Role.EDITOR, COMMAND_LINE, NOW
        )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the work "count" has done: a number for each of its ten steps."""
    counted: list[int] = []

    def count(service: Service, task: Task) -> Outcome:
        for step in range(task.done, 10):
            with service.database.writing() as session:
                task.advance(session, step + 1, 10, NOW)
            counted.append(step)
            if task.params.get("dies_at") == step:
                raise KeyboardInterrupt  # as a process that is killed
        return Outcome(f"{task.params['what']} counted", ["one line"], "/admin")

    monkeypatch.setitem(work.KINDS, "count", count)
    return counted


def start(service: Service, editor: Editor, **params: Any) -> uuid.UUID:
    with service.database.writing() as session:
        return jobs.start(session, editor, "count", NOW, params={"what": "Sheep", **params})


def job(service: Service, job_id: uuid.UUID) -> Job:
    with service.database.reading() as session:
        found = jobs.get(session, job_id)
    assert found
    return found


def test_a_job_is_done_and_says_what_came_of_it(
    service: Service, editor: Editor, steps: list[int]
) -> None:
    made = start(service, editor)

    assert work.do_one(service, "here:1", lambda: NOW)
    assert steps == list(range(10))
    done = job(service, made)
    assert (done.state, done.done, done.total) == (JobState.DONE, 10, 10)
    assert done.outcome == {"text": "Sheep counted", "lines": ["one line"], "path": "/admin"}
    assert not work.do_one(service, "here:1", lambda: NOW)


def test_after_a_worker_is_killed_another_goes_on_where_it_was(
    service: Service, editor: Editor, steps: list[int]
) -> None:
    made = start(service, editor, dies_at=3)
    with pytest.raises(KeyboardInterrupt):
        work.do_one(service, "here:1", lambda: NOW)
    assert not work.do_one(service, "there:2", lambda: NOW)  # it is held
    work.do_one(service, "there:2", lambda: NOW + jobs.LEASE + timedelta(seconds=1))

    assert steps == list(range(10))
    assert job(service, made).state == JobState.DONE


def test_a_worker_that_was_taken_for_dead_does_no_further_step(
    service: Service, editor: Editor, steps: list[int]
) -> None:
    made = start(service, editor)
    first = jobs.claim(service.database, "here:1", NOW)
    jobs.claim(service.database, "there:2", NOW + jobs.LEASE + timedelta(seconds=1))
    assert first

    with pytest.raises(Stopped), service.database.writing() as session:
        first.advance(session, 1, 10, NOW)
    assert job(service, made).done == 0


def test_a_stopped_job_does_no_further_step(
    service: Service, editor: Editor, steps: list[int]
) -> None:
    made = start(service, editor)
    held = jobs.claim(service.database, "here:1", NOW)
    with service.database.writing() as session:
        assert jobs.stop(session, made, COMMAND_LINE, NOW)
    assert held

    with pytest.raises(Stopped), service.database.writing() as session:
        held.advance(session, 1, 10, NOW)
    assert job(service, made).state == JobState.STOPPED


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CannotBeDone("The table has no names."), "The table has no names."),
        (ValueError("a secret"), "Something failed on our side; the log has it."),
    ],
)
def test_a_job_that_fails_says_why_and_no_more(
    service: Service,
    editor: Editor,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    told: str,
) -> None:
    def fail(service: Service, task: Task) -> Outcome:
        raise error

    monkeypatch.setitem(work.KINDS, "count", fail)
    made = start(service, editor)
    assert work.do_one(service, "here:1", lambda: NOW)

    failed = job(service, made)
    assert (failed.state, failed.error) == (JobState.FAILED, told)


def told_of(service: Service) -> list[tuple[str, str, str, dict[str, int]]]:
    with service.database.reading() as session:
        found = audit.entries(session, kind="job").items
        return [(one.actor, one.action, one.title, one.details) for one in found]


def test_the_audit_tells_how_far_a_job_came_that_was_stopped(
    service: Service, editor: Editor, steps: list[int]
) -> None:
    made = start(service, editor)
    held = jobs.claim(service.database, "here:1", NOW)
    assert held
    with service.database.writing() as session:
        held.advance(session, 3, 10, NOW)
    for _ in range(2):
        with service.database.writing() as session:
            jobs.stop(session, made, COMMAND_LINE, NOW)

    assert told_of(service) == [("the command line", "stopped", "count", {"done": 3})]


def test_the_audit_tells_how_far_a_job_came_that_failed(
    service: Service, editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(service: Service, task: Task) -> Outcome:
        with service.database.writing() as session:
            task.advance(session, 3, 10, NOW)
        raise CannotBeDone("The statement is withdrawn.")

    monkeypatch.setitem(work.KINDS, "count", fail)
    start(service, editor)
    work.do_one(service, "here:1", lambda: NOW)

    assert told_of(service) == [(editor.name, "could not finish", "count", {"done": 3})]


def test_a_job_that_the_database_failed_is_taken_up_again(
    service: Service, editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(service: Service, task: Task) -> Outcome:
        raise OperationalError("", None, Exception("deadlock detected"))

    monkeypatch.setitem(work.KINDS, "count", fail)
    made = start(service, editor)
    with pytest.raises(OperationalError):
        work.do_one(service, "here:1", lambda: NOW)

    assert job(service, made).state == JobState.WAITING
    later = NOW + jobs.LEASE + timedelta(seconds=1)
    assert jobs.claim(service.database, "there:1", later)


# What makes the steps of a kind of work, where that is not the function which begins it.
STEPS = {"compare subscribers": partner_sync._Run._give_way}


@pytest.mark.parametrize("kind", work.KINDS)
def test_long_work_of_every_kind_gives_way_between_its_steps(kind: str) -> None:
    steps = STEPS.get(kind, work.KINDS[kind])
    assert "give_way" in steps.__code__.co_names  # type: ignore[attr-defined]


def test_jobs_are_forgotten_a_month_after_they_ended(
    service: Service, editor: Editor, steps: list[int]
) -> None:
    made = start(service, editor)
    waiting = start(service, editor)
    with service.database.writing() as session:
        jobs.stop(session, made, COMMAND_LINE, NOW)
        jobs.forget(session, NOW + timedelta(days=31))
        assert jobs.get(session, made) is None
        assert jobs.get(session, waiting) is not None
