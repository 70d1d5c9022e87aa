"""What it costs: `make bench`. Machines are noisy, so what counts are the ratios within one run.

Starts the program as an operator does, on SQLite in a temporary folder with the sample network,
and prints tables: size of each widget on the wire, cold start, requests and sign-ups a second
beside what the machine can do at all, and the time of a sign-up by the state of its address.
"""

import gzip
import http.client
import itertools
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from werkzeug.test import EnvironBuilder  # noqa: E402

from tests.actors import Program, Reader, Relay, free_port, wait_until  # noqa: E402
from tests.samples import publish, statement_file  # noqa: E402
from widgets import create_app, heights, layout, newsletters, records  # noqa: E402
from widgets import settings as setting_values  # noqa: E402
from widgets.addresses import parse  # noqa: E402
from widgets.service import Service, open_service  # noqa: E402
from widgets.web.server import Server  # noqa: E402

SECONDS = 5.0
CARD = "/embed/statements/sample-lantern-press"
MANY = 10_000
LONG_LIST = "/embed/statements/many/signatories"
WIDGETS = {
    "card, compact": CARD,
    "card, full": f"{CARD}?view=full",
    "signatory list": f"{CARD}/signatories",
    f"list of {MANY:,} names": f"{LONG_LIST}?page=7",
    f"{MANY:,} names by country": f"{LONG_LIST}?group=country",
    "as many names as fit": f"{CARD}/signatories?view=compact",
    "the newest statement": "/embed/statements/latest",
    "more stories": "/embed/stories",
    "newsletter form": "/embed/newsletters/weekly",
}
ROUND_TRIP = 14_600


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="undersigned-bench-"))
    relay = Relay()
    running: list[Program] = []
    with relay:
        try:
            settings = {
                "SECRET_KEY": "a secret of the benchmark",
                "HASH_KEY": "another secret of the benchmark",
                "INSTANCE_PATH": str(folder / "instance"),
                "CLIENT_LIMIT": "",
                "DOMAIN_LIMIT": "1000000000",
                "MAILBOX_LIMIT": "1000000000",
                "SMTP_URL": relay.url,
                "WEB_WORKERS": "2",
            }
            started = time.monotonic()
            served = Program(["serve", "--sample"], settings, folder)
            running.append(served)
            served.ready()
            table("Cold start", [("serve --sample, empty database, to ready", seconds(started))])
            publish_many(settings, folder)
            sizes(served)
            rendering(served)
            computing_heights(served)
            counting(settings)
            reading(served, running, folder)
            sign_ups(served, folder, relay)
            by_state(served, settings)
        finally:
            for program in running:
                program.kill()
            shutil.rmtree(folder, ignore_errors=True)


def sizes(served: Program) -> None:
    """Bytes on the wire: the head of the response and its compressed body, without the picture."""
    rows = []
    for name, path in WIDGETS.items():
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        row: list[Any] = [name]
        for encoding in ("identity", "gzip", "br"):
            connection.request("GET", path, headers={"Accept-Encoding": encoding})
            answer = connection.getresponse()
            head = sum(len(f"{k}: {v}\r\n") for k, v in answer.getheaders()) + 19
            body = answer.read()
            if encoding == "gzip":
                gzip.decompress(body)
            row.append(f"{head + len(body):,}")
        row.append(f"{(head + len(body)) / ROUND_TRIP:.0%}")
        rows.append(tuple(row))
    table("Bytes on the wire", rows, ("widget", "plain", "gzip", "br", "of 14,600"))


def publish_many(settings: dict[str, str], folder: Path) -> None:
    """A statement with MANY invented names, and how long its import takes."""
    draw = random.Random(1)
    words = ("Union", "Centre", "for", "Freedom", "of", "Expression", "Periodistas", "Press",
             "Союз", "журналистов", "اتحاد", "الصحفيين", "សមាគម", "Liberty", "Rights")  # fmt: skip
    codes = ("KH", "NO", "FR", "EG", "MM", "RU", "BR", "KE", "")
    names = [
        (f"{' '.join(draw.choices(words, k=5))} {number}", draw.choice(codes))
        for number in range(MANY)
    ]
    service = open_service(setting_values.from_values(settings))
    rows = []
    for what, listed in (("first", names), ("others in their place", names[1:] + names[:1])):
        path = statement_file(folder, "many", names=listed)
        started = time.monotonic()
        publish(service, path)
        rows.append((what, seconds(started)))
    table(f"Import of {MANY:,} names", rows)
    service.database.close()


def rendering(served: Program) -> None:
    """How long a page takes that nobody has asked for yet: each is asked for with an accent of
    its own, which makes it another page. In a language with another alphabet than the
    statement's, the names are put in order on the way."""
    card_list = WIDGETS["signatory list"]
    asked = {
        "signatory list": f"{card_list}?",
        f"{MANY:,} names, a page": f"{LONG_LIST}?page=7&",
        "… in another alphabet": f"{LONG_LIST}?page=7&lang=ar&",
        "… found": f"{LONG_LIST}?q=press+union&",
        "… by country": f"{LONG_LIST}?group=country&",
    }
    times: dict[str, list[float]] = {name: [] for name in asked}
    reader = Reader(served.url)
    for number in range(40):
        for name, path in asked.items():
            started = time.perf_counter()
            assert reader.open(f"{path}accent={number + 1:06x}").status == 200
            times[name].append(time.perf_counter() - started)
    base = statistics.median(times["signatory list"])
    rows = [
        (name, f"{statistics.median(taken) * 1000:.1f}", f"{statistics.median(taken) / base:.1f}")
        for name, taken in times.items()
    ]
    table("Time of a page that is not kept yet", rows, ("what", "median ms", "of the short list"))


def computing_heights(served: Program) -> None:
    """What a snippet's height costs: laying the page out at one width and at all 961 of them,
    beside reading its HTML; and how good what is written into the snippet is."""
    rows = []
    for name in ("card, full", "signatory list", f"list of {MANY:,} names", "newsletter form"):
        html = Reader(served.url).open(WIDGETS[name]).html
        read = timed(lambda html=html: layout.tree(html))
        once = timed(lambda html=html: heights.natural(html, 600))
        every = timed(lambda html=html: (heights.forget(), heights.of(html)))
        made = heights.of(html)
        needed = {width: heights.natural(html, width) for width in range(240, 1201, 20)}
        blank = statistics.mean(made.at(width) / high - 1 for width, high in needed.items())
        rows.append(
            (
                name,
                f"{once / read:.1f}",
                f"{every / read:.0f}",
                f"{every * 1000:,.0f} ms",
                f"{len(made.css()):,}",
                f"{blank:.1%}",
            )
        )
    head = ("widget", "one width", "all widths", "(all)", "bytes of CSS", "blank")
    table("Computing a height, in times of reading the page's HTML", rows, head)


def timed(work: Callable[[], object]) -> float:
    """Seconds, the least of three."""
    found = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def counting(settings: dict[str, str]) -> None:
    """What it costs to count a showing: the same kept card from an application that counts and from
    one that doesn't, in turns, without a server around them."""
    apps = {
        name: create_app(setting_values.from_values({**settings, "SIGHTINGS_SECONDS": pause}))
        for name, pause in (("not counted", "0"), ("counted", "60"))
    }
    frame = {
        "HTTP_ACCEPT_ENCODING": "br",
        "HTTP_SEC_FETCH_DEST": "iframe",
        "HTTP_SEC_FETCH_SITE": "cross-site",
        "HTTP_REFERER": "https://member.example/",
    }
    environ = EnvironBuilder(
        CARD, query_string="site=member", environ_overrides=frame
    ).get_environ()
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(200):
        for name, app in apps.items():
            started = time.perf_counter()
            for _ in range(100):
                app.wsgi_app(environ, lambda *_: None)  # type: ignore[arg-type, return-value]
            times[name].append((time.perf_counter() - started) / 100)
    base = statistics.median(times["not counted"][10:])
    rows = [
        (
            name,
            f"{statistics.median(taken[10:]) * 1e6:.1f}",
            f"{statistics.median(taken[10:]) / base:.2f}",
        )
        for name, taken in times.items()
    ]
    for app in apps.values():
        app.extensions["sightings"].close()
        app.extensions["undersigned"].database.close()
    table("Counting a kept card's showing", rows, ("what", "median µs", "of not counted"))


def reading(served: Program, running: list[Program], folder: Path) -> None:
    """Requests a second, beside a bare WSGI application under the same gunicorn."""
    port = free_port()
    bare = subprocess.Popen([sys.executable, __file__, "bare", str(port)], cwd=folder)
    try:
        wait_until(lambda: _answers(port), 20, "the bare application")
        base = requests_a_second(f"http://127.0.0.1:{port}/")
        rows = [("bare WSGI, 2 workers", f"{base:,.0f}", "1.00")]
        for name, path in WIDGETS.items():
            rate = requests_a_second(served.url + path)
            rows.append((name, f"{rate:,.0f}", f"{rate / base:.2f}"))
    finally:
        bare.kill()
        bare.wait()
    tool = "wrk, 2 threads, 32 connections" if shutil.which("wrk") else "own client, 8 threads"
    table(f"Requests a second ({tool}, {SECONDS:g} s)", rows, ("what", "a second", "of bare"))


def requests_a_second(url: str) -> float:
    if shutil.which("wrk"):
        command = ["wrk", "-t2", "-c32", f"-d{SECONDS:g}s", "-H", "Accept-Encoding: br", url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in said, said
        return float(said.split("Requests/sec:")[1].split()[0])
    parts = urlsplit(url)

    def ask(connection: http.client.HTTPConnection) -> None:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept-Encoding": "br"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200

    return rate(parts.netloc, 8, ask)


def sign_ups(served: Program, folder: Path, relay: Relay) -> None:
    """Sign-ups a second, each on disk before it is answered, beside bare commits."""
    form = Reader(served.url).open("/embed/newsletters/weekly").form
    numbers = itertools.count()

    def sign_up(connection: http.client.HTTPConnection) -> None:
        fields = {**form.fields, "address": f"reader{next(numbers)}@example.org"}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", form.action, urlencode(fields), kind)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303, answer.status

    commits = bare_commits(folder)
    done = rate(f"127.0.0.1:{served.port}", 16, sign_up)
    made = next(numbers)
    begun = time.monotonic()
    wait_until(lambda: len(relay.delivered) >= made, 600, "all mail")
    rows = [
        ("bare SQLite commits (WAL, synchronous FULL), one thread", f"{commits:,.0f}", "1.00"),
        ("sign-ups, 16 clients, mail going out meanwhile", f"{done:,.0f}", f"{done / commits:.2f}"),
    ]
    table(f"Sign-ups a second ({SECONDS:g} s)", rows, ("what", "a second", "of bare"))
    print(f"  {made:,} sign-ups; the last mail was out {time.monotonic() - begun:.1f} s later\n")


def bare_commits(folder: Path) -> float:
    with sqlite3.connect(folder / "bare.sqlite3", isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE t (x)")
        begun, count = time.monotonic(), 0
        while time.monotonic() - begun < 2:
            connection.execute("INSERT INTO t VALUES (1)")
            count += 1
    return count / (time.monotonic() - begun)


def by_state(served: Program, settings: dict[str, str]) -> None:
    """How long the answer to a sign-up takes, by what the address was before: promise 5."""
    service = open_service(setting_values.from_values(settings))
    rounds = 150
    states = ("new", "pending", "confirmed", "left", "suppressed")
    times: dict[str, list[float]] = {state: [] for state in states}
    prepare(service, rounds)
    form = Reader(served.url).open("/embed/newsletters/weekly").form
    reader = Reader(served.url)
    for number in range(rounds):
        for state in states[number % 5 :] + states[: number % 5]:
            fields = {**form.fields, "address": f"{state}{number}@bench.example.org"}
            begun = time.perf_counter()
            assert reader.post(form.action, fields).status == 303
            times[state].append(time.perf_counter() - begun)
    base = statistics.median(times["new"])
    rows = [
        (
            state,
            f"{statistics.median(taken) * 1000:.2f}",
            f"{statistics.median(taken) / base:.2f}",
            f"{statistics.quantiles(taken, n=20)[-1] * 1000:.2f}",
        )
        for state, taken in times.items()
    ]
    table(
        f"Time of a sign-up by the state of its address ({rounds} each, interleaved)",
        rows,
        ("state", "median ms", "of new", "95 % ms"),
    )
    service.database.close()


def prepare(service: Service, rounds: int) -> None:
    limits = newsletters.Limits(10**9, 10**9, frozenset())
    now = datetime.now(UTC)
    for number in range(rounds):
        for state in ("pending", "confirmed", "left", "suppressed"):
            address = parse(f"{state}{number}@bench.example.org")
            with service.database.writing() as session:
                if state == "suppressed":
                    records.suppress(session, service.hasher, address, "bench", now)
                    continue
                made = newsletters.sign_up(
                    session,
                    service.hasher,
                    limits,
                    address,
                    consent_text_id=1,
                    site=None,
                    lang="en",
                    now=now,
                )
                if state != "pending":
                    newsletters.confirm(session, made, 0, now)
                if state == "left":
                    record = session.get_one(newsletters.SignUp, made)
                    newsletters.unsubscribe(session, record.subscription_id, now)


def rate(netloc: str, clients: int, ask: Callable[[http.client.HTTPConnection], None]) -> float:
    """How often a second `ask` is done, by so many clients at once, each on a kept connection."""
    until = time.monotonic() + SECONDS
    counts: list[int] = []

    def run() -> None:
        connection, count = http.client.HTTPConnection(netloc), 0
        while time.monotonic() < until:
            ask(connection)
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == clients, "a client failed"
    return sum(counts) / SECONDS


def serve_bare(port: int) -> None:
    def bare(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "2")])
        return [b"ok"]

    Server(lambda: bare, bind=f"127.0.0.1:{port}", workers=2, threads=8).run()


def _answers(port: int) -> bool:
    try:
        return Reader(f"http://127.0.0.1:{port}").open("/").status == 200
    except OSError:
        return False


def seconds(started: float) -> str:
    return f"{time.monotonic() - started:.2f} s"


def table(title: str, rows: list[tuple[str, ...]], head: tuple[str, ...] = ()) -> None:
    lines = [head, *rows] if head else rows
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    print(title)
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  " + "   ".join(cells))
    print(flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        serve_bare(int(sys.argv[2]))
    else:
        main()
