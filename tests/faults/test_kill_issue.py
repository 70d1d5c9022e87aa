"""An issue to 10,000 while workers and the relay are killed without a word: everybody gets it, once
but for what was on its way at that moment, and nobody else does."""

import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.actors import CHECKOUT, Program, free_port, wait_until
from tests.samples import crowd, published
from widgets import bulk, digests
from widgets.addresses import Address
from widgets.audit import Actor
from widgets.models import (
    Digest,
    DigestState,
    Message,
    Newsletter,
    State,
    Suppression,
)
from widgets.service import Service

READERS = 10_000
CONNECTIONS = 3
WORKERS = 2
NOW = datetime.now(UTC)


class Relay:
    """The relay, and what it has taken in all its lives."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._file = folder / "taken"
        self._file.touch()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.relay", str(self.port), str(self._file)]
        self.process = subprocess.Popen(command, cwd=CHECKOUT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def taken(self) -> list[tuple[str, str]]:
        whole = self._file.read_text().splitlines()
        return [(to, message_id) for to, _, message_id in (one.partition("\t") for one in whole)]


@pytest.mark.xdist_group("kill issue")
def test_an_issue_to_10_000_survives_whatever_dies(
    program: Callable[..., Program], service: Service, tmp_path: Path
) -> None:
    wanted = crowd(service, "reader", READERS)
    crowd(service, "left", 100, state=State.UNSUBSCRIBED)
    crowd(service, "pending", 100, state=State.PENDING)
    crowd(service, "paused", 100, paused_until=NOW + timedelta(days=9))
    crowd(service, "elsewhere", 100, rhythm="monthly")
    suppressed = crowd(service, "suppressed", 100)
    with service.database.writing() as session:
        keys = [service.hasher.address(Address(*one.split("@"))) for one in suppressed]
        rows = [{"key": key, "reason": "test", "created_at": NOW} for key in keys]
        session.execute(insert(Suppression), rows)
    published(service, at=NOW - timedelta(minutes=1))
    with service.database.writing() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        digest_id = digests.prepare(session, newsletter, "weekly", NOW).id
        digests.begin(session, digest_id, Actor("Anna"), NOW)
    relay = Relay(tmp_path)
    settings = {
        "SMTP_URL": f"smtp://127.0.0.1:{relay.port}",
        "MAIL_FROM": "news@network.example",
        "SMTP_CONNECTIONS": CONNECTIONS,
        "LEASE_SECONDS": 2,
    }
    workers = [program("worker", **settings) for _ in range(WORKERS)]
    chance = random.Random()
    killed = Counter[str]()
    try:
        at = 0
        while at < READERS - 1500:
            at += chance.randrange(600, 1800)
            wait_until(lambda at=at: len(relay.taken()) >= at, 60, f"{at} mails")
            time.sleep(chance.random() * 0.2)
            victim = chance.choice(["worker", "worker", "relay", "both"])
            if victim != "relay":
                number = chance.randrange(WORKERS)
                workers[number].kill()
                workers[number] = program("worker", **settings)
                killed["workers"] += 1
            if victim != "worker":
                relay.kill()
                relay.start()
                killed["relays"] += 1

        def finished() -> bool:
            with service.database.reading() as session:
                return session.get_one(Digest, digest_id).state == DigestState.SENT

        wait_until(finished, 90, "the end of the issue")
    finally:
        relay.kill()

    taken = relay.taken()
    ids = defaultdict(set)
    for to, message_id in taken:
        ids[to].add(message_id)
    assert ids.keys() == set(wanted)
    assert {len(one) for one in ids.values()} == {1}
    twice = len(taken) - READERS
    window = killed["workers"] * bulk.MOST_UNSETTLED + killed["relays"] * CONNECTIONS * WORKERS
    print(f"{killed}: {twice} of {READERS:,} came twice, {window} is the most")
    assert twice <= window
    with service.database.reading() as session:
        states = Counter(session.scalars(select(Message.state)))
        digest = session.get_one(Digest, digest_id)
    assert states == {"sent": READERS, "void": len(suppressed)}
    assert (digest.sent, digest.refused, digest.stopped_because) == (READERS, 0, None)
