"""What a worker does of each kind of job, one at a time."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from widgets import (
    inviting,
    jobs,
    member_tables,
    moderation,
    names_by_hand,
    partner_sync,
    subscriber_imports,
)
from widgets.jobs import CannotBeDone, Outcome, Stopped, Task
from widgets.service import Service

log = logging.getLogger("undersigned.work")

# Each goes on from task.done, and calls task.advance in every transaction that does a part.
KINDS: dict[str, Callable[[Service, Task], Outcome]] = {
    "import members": member_tables.bring_in,
    "ask for endorsements": inviting.send_invitations,
    "remind members": inviting.send_reminders,
    "add names": names_by_hand.add_table,
    subscriber_imports.KIND: subscriber_imports.run,
    "moderate signatures": moderation.run,
    partner_sync.KIND: partner_sync.look_as_job,
}


def do_one(
    service: Service, worker: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> bool:
    """Does the oldest job that waits; whether there was one. A fault of the database is raised:
    the job is taken up again when its lease is over."""
    task = jobs.claim(service.database, worker, clock())
    if task is None:
        return False
    try:
        outcome = KINDS[task.kind](service, task)
    except Stopped:
        log.info("job %s was stopped", task.id)
    except CannotBeDone as error:
        with service.database.writing() as session:
            jobs.fail(session, task, str(error), clock())
    except (OperationalError, InterfaceError, NoConnection):
        raise
    except Exception:
        log.exception("job %s (%s) failed", task.id, task.kind)
        with service.database.writing() as session:
            jobs.fail(session, task, "Something failed on our side; the log has it.", clock())
    else:
        with service.database.writing() as session:
            jobs.finish(session, task, outcome, clock())
    return True
