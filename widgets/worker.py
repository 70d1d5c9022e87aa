"""The loop that delivers what somebody waits for; beside it, those that fetch feeds, do what
editors asked for, publish what is due, put issues of newsletters into the outbox and deliver them,
take in what comes back, keep partners in step, tell other programs, and tidy up once an hour."""

import logging
import threading
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from widgets import (
    bulk,
    dispatch,
    feeds,
    forgetting,
    outbox,
    partner_sync,
    publication,
    reports,
    webhook_delivery,
    work,
)
from widgets.delivery import deliver_due, transport
from widgets.service import Service

log = logging.getLogger("undersigned.worker")

PAUSE = 0.5  # seconds between looks into an empty outbox
PAUSE_AFTER_A_FAULT = 5.0  # seconds
TIDY_EVERY = 3600.0  # seconds
LOOK_FOR_FEEDS_EVERY = 2.0  # seconds
LOOK_FOR_ISSUES_EVERY = 1.0  # seconds
LOOK_FOR_PARTNERS_EVERY = 2.0  # seconds
LOOK_FOR_STATEMENTS_EVERY = 1.0  # seconds: at most so much later than asked for is one published


def run(service: Service, stopping: threading.Event) -> None:
    """Delivers until `stopping` is set. A database that is away for a while is waited for."""
    name = outbox.worker_name()
    with service.database.writing() as session:
        if released := outbox.release_of_the_dead(session):
            log.info("took over %d messages of a worker that is gone", released)
    # Beside the mail, which must not wait for a stranger's slow server or for a long import. What
    # is under way when all ends is taken up again after its lease.
    beside = (
        _fetch_feeds,
        _work,
        _publish,
        _send_issues,
        _take_back,
        _synchronise,
        webhook_delivery.run,
        _tidy,
    )
    for loop in beside:
        threading.Thread(target=loop, args=(service, stopping), daemon=True).start()
    post = transport(service)
    # No daemon: what it has handed over is noted before all ends.
    to_many = threading.Thread(target=bulk.run, args=(service, stopping))
    to_many.start()
    try:
        while not stopping.is_set():
            try:
                tried = deliver_due(service, post, name, stopping=stopping)
            except SQLAlchemyError:
                log.exception("the database did not answer; trying again")
                tried = 0
                stopping.wait(PAUSE_AFTER_A_FAULT)
            except Exception:  # whatever it is, mail that can go out must
                log.exception("something failed; trying again")
                tried = 0
                stopping.wait(PAUSE_AFTER_A_FAULT)
            if not tried:
                stopping.wait(PAUSE)
    finally:
        post.close()
        to_many.join()


def _fetch_feeds(service: Service, stopping: threading.Event) -> None:
    policy = feeds.policy(service.settings)
    while not stopping.is_set():
        fetched = None
        try:
            fetched = feeds.fetch_due(service, policy, lambda: datetime.now(UTC))
        except Exception:  # the next feed, or the next try, may do better
            log.exception("feeds could not be fetched; trying again")
            stopping.wait(PAUSE_AFTER_A_FAULT)
        if not fetched:
            stopping.wait(LOOK_FOR_FEEDS_EVERY)


def _take_back(service: Service, stopping: threading.Event) -> None:
    if service.settings.reports_url:
        reports.run(service, stopping)


def _work(service: Service, stopping: threading.Event) -> None:
    worker = f"{outbox.worker_name()}:work"
    while not stopping.is_set():
        done = False
        try:
            done = work.do_one(service, worker)
        except Exception:
            log.exception("a job could not be done; trying again")
            stopping.wait(PAUSE_AFTER_A_FAULT)
        if not done:
            stopping.wait(PAUSE)


def _send_issues(service: Service, stopping: threading.Event) -> None:
    while not stopping.is_set():
        more = False
        try:
            more = dispatch.run_once(service.database, datetime.now(UTC))
        except Exception:
            log.exception("issues could not be put into the outbox; trying again")
            stopping.wait(PAUSE_AFTER_A_FAULT)
        if not more:
            stopping.wait(LOOK_FOR_ISSUES_EVERY)


def _publish(service: Service, stopping: threading.Event) -> None:
    while not stopping.wait(LOOK_FOR_STATEMENTS_EVERY):
        try:
            if published := publication.publish_due(service.database, datetime.now(UTC)):
                log.info("published %d statements that were due", published)
        except Exception:
            log.exception("what is due could not be published; trying again")
            stopping.wait(PAUSE_AFTER_A_FAULT)


def _synchronise(service: Service, stopping: threading.Event) -> None:
    worker = f"{outbox.worker_name()}:partners"
    while not stopping.is_set():
        done = None
        try:
            done = partner_sync.run_due(service, worker, stopping=stopping)
        except Exception:
            log.exception("a partner could not be brought in step; trying again")
            stopping.wait(PAUSE_AFTER_A_FAULT)
        if not done:
            stopping.wait(LOOK_FOR_PARTNERS_EVERY)


def _tidy(service: Service, stopping: threading.Event) -> None:
    while not stopping.is_set():
        pause = TIDY_EVERY
        try:
            forgetting.tidy(service.database, service.settings, datetime.now(UTC))
        except Exception:
            log.exception("what is kept no longer could not be deleted; trying again")
            pause = PAUSE_AFTER_A_FAULT
        stopping.wait(pause)
