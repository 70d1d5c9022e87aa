"""A browser, a network with invented statements, and a member's site on another address."""

import os
import random
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import pytest
from flask import Flask
from PIL import Image, ImageDraw
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Playwright,
    Route,
    sync_playwright,
)
from playwright.sync_api import Page as Tab
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.actors import CHECKOUT, Page, Program, Reader, Relay, free_port, missing
from tests.conftest import SECRET, Databases
from tests.samples import follow
from widgets import create_app
from widgets import settings as setting_values
from widgets.models import Database, SignUp, Subscription
from widgets.service import Service

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    "--test-third-party-cookie-phaseout",
]
TOOLS = CHECKOUT / "tests" / "node_modules"

LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitänsversammlungsprotokoll"

READING_ROOM = """---
title: "Reopen the River Gate reading room and return its letters"
date: 2026-03-01
topics: [Libraries, Free expression]
countries: [NO, KE]
image: {file: reading-room.jpg, credit: "Ada Sample / Invented Pictures", alt: "Chairs on tables"}
pull_quote: "A closed reading room is a letter returned unread."
endorsement: "These organisations endorse this statement:"
---

On Monday the reading room at River Gate was locked, and the letters that were waiting in it were
carried off in four boxes. Nobody has said where the boxes are.

The room had been open on every evening but Sunday for *forty-one* years. **It never asked anybody
for a name.** [Its rules](https://room.example/rules) fill one page.

## What was taken

> “We kept the lamp on because somebody might still be reading. That was the whole of our policy,
> and nobody ever complained of it.”

1. Four boxes of letters, unopened
2. The book in which readers wrote what they missed
    - its index
    - its pencil

### What we ask

We ask the town to open the room again, to bring back the boxes, and to say who ordered them away.

---

    River Gate reading room, shelf 4: https://room.example/a/very/long/path/without/any/space/in/it

Write to the town at `clerk@river-gate.example`.
"""

BARGE = f"""---
title: "Das {LONG_WORD} gehört allen"
lang: de
date: 2026-02-20
topics: [Binnenschifffahrtsöffentlichkeitsarbeit]
image: {{file: barge.jpg, credit: "Werk der Lichtbildnerinnengenossenschaft", alt: "Ein Kahn"}}
pull_quote: "Ohne {LONG_WORD} bleibt jede Fahrt ein Gerücht."
endorsement: "Diese Organisationen unterstützen die Erklärung:"
---

Das {LONG_WORD} wurde am Montag aus dem Lesesaal entfernt. Wer wissen will, was beschlossen wurde,
muss nun die Kapitäne fragen, und die sind auf See.

Wir verlangen, dass das {LONG_WORD} zurückkommt.
"""

LIBRARY = """---
title: "أعيدوا مكتبة الميناء إلى قرّائها، وأعيدوا الكتب إلى رفوفها"
lang: ar
date: 2026-02-10
topics: [مكتبات, حرية التعبير]
pull_quote: "المكتبة المغلقة رسالة لم يفتحها أحد."
endorsement: "تؤيّد هذا البيان المنظمات الآتية:"
---

أُغلقت مكتبة الميناء مساء الثلاثاء، وبقيت الكتب على الطاولات كما تركها القرّاء، ولم يُقل لأحد لماذا.

> «كنا نترك المصباح مضاءً لأن أحدًا ما قد يكون لا يزال يقرأ.»

نطلب أن تُفتح الأبواب، وأن يعود كلّ كتاب إلى من كان يقرؤه.
"""

BARE = """---
title: "A short word"
date: 2026-02-01
---

We have nothing to add.
"""

MANY = """---
title: "Leave the lamps on"
date: 2026-01-20
endorsement: "Endorsed by:"
---

The lamps of the quay were put out on Friday. We ask that they be lit.
"""

TAKEN_BACK = """---
title: "A statement that was too quick"
date: 2026-01-10
withdrawn: 2026-01-12
---

We said this too soon.
"""

NAMES = """name,country,url
Circle of Lamp Keepers,,
"Paper, Ink and Press",NO,https://paper.example
Unión de Lectores y Lectoras de las Bibliotecas Populares del Sur Imaginario,AR,https://union.example
Bund der freien Hafenzeitungsherausgeberinnengewerkschaftsvertreterinnen,DE,
Маяк: вымышленный союз писателей,,
رابطة المنارات المتخيَّلة,,
សមាគមគំរូសម្រាប់សេរីភាពនៃការបញ្ចេញមតិនៅក្នុងបណ្ណាល័យ,,
နမူနာ စာရေးဆရာအသင်း,,
架空の灯台作家協会,,
https://an-organisation-that-calls-itself-by-its-very-long-address.example/and/its/path,,
"""

GERMAN_NAMES = f"""name
Gesellschaft zur Förderung des {LONG_WORD}s
Verein der Schleusenwärterinnen
"""

ARABIC_NAMES = """name,country,url
رابطة المنارات المتخيَّلة,,
اتحاد قرّاء الميناء,,https://readers.example
Harbour Writers' Circle,,
"""


MANY_NAMES = "name,country\n" + "".join(
    f"Organisation No. {n} of 700,{('KE', 'NO', '')[n % 3] if n % 70 else 'EG'}\n"
    for n in range(1, 701)
)


def write_statements(folder: Path) -> list[Path]:
    """Statements, names and pictures as an editor keeps them: six invented ones."""
    texts = {
        "reading-room": (READING_ROOM, NAMES),
        "barge": (BARGE, GERMAN_NAMES),
        "library": (LIBRARY, ARABIC_NAMES),
        "bare": (BARE, None),
        "many": (MANY, MANY_NAMES),
        "taken-back": (TAKEN_BACK, None),
    }
    for slug, (text, names) in texts.items():
        (folder / f"{slug}.md").write_text(text, "utf-8")
        if names is not None:
            (folder / f"{slug}.signatories.csv").write_text(names, "utf-8")
    _paint(folder / "reading-room.jpg", (1800, 1200))
    _paint(folder / "barge.jpg", (900, 1350))
    return [folder / f"{slug}.md" for slug in texts]


def _paint(path: Path, size: tuple[int, int]) -> None:
    """A picture that is nobody's: a light over dark shapes."""
    shapes = random.Random(path.name)
    width, height = size
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for left in range(0, width, width // 12):
        top = height - shapes.randrange(height // 6, height // 2)
        draw.rectangle((left, top, left + width // 15, height), (40, 44, 60))
    draw.ellipse((width // 2, height // 6, width // 2 + 90, height // 6 + 90), (250, 214, 120))
    picture.save(path, quality=80)


# What is simply opened, by a name that the tests' reports show.
PATHS = {
    "card": "/embed/statements/reading-room",
    "full card": "/embed/statements/reading-room?view=full",
    "German card": "/embed/statements/barge",
    "German full card": "/embed/statements/barge?view=full",
    "Arabic card": "/embed/statements/library",
    "Arabic full card": "/embed/statements/library?view=full",
    "bare card": "/embed/statements/bare",
    "withdrawn card": "/embed/statements/taken-back",
    "no such card": "/embed/statements/nothing",
    "list": "/embed/statements/reading-room/signatories",
    "German list": "/embed/statements/barge/signatories",
    "Arabic list": "/embed/statements/library/signatories",
    "empty list": "/embed/statements/bare/signatories",
    "long list": "/embed/statements/many/signatories",
    "long list, page 2": "/embed/statements/many/signatories?page=2",
    "names by country": "/embed/statements/many/signatories?group=country",
    "names in a country": "/embed/statements/many/signatories?country=EG&group=country",
    "names found by country": "/embed/statements/many/signatories?group=country&q=No.+70",
    "search": "/embed/statements/many/signatories?q=No.+69",
    "search in vain": f"/embed/statements/many/signatories?q={LONG_WORD}",
    "latest": "/embed/statements/latest?view=full",
    "stories": "/embed/stories?like=reading-room",
    "stories on nothing": "/embed/stories?topic=nothing",
    "some names": "/embed/statements/reading-room/signatories?view=compact",
    "posts": "/embed/posts/news",
    "form": "/embed/newsletters/weekly",
    "subscribed": "/embed/newsletters/weekly/subscribed",
    "inbox, cut off": "/embed/newsletters/weekly/inbox/cut-off",
    "index": "/",
    "statement": "/statements/reading-room",
    "German statement": "/statements/barge",
    "Arabic statement": "/statements/library",
    "bare statement": "/statements/bare",
    "long statement": "/statements/many",
    "withdrawn statement": "/statements/taken-back",
    "no such page": "/nothing",
    "privacy": "/privacy",
    "secure connection": "/secure-connection",
    "builder": "/statements/reading-room/embed",
    "builder, values refused": "/embed?widget=latest&accent=red&site=A+B&country=Norway",
    "confirm, cut off": "/confirm/cut-off",
    "unsubscribe, cut off": "/unsubscribe/cut-off",
}


class Desk:
    """Brings an application into each state that a reader can meet, and keeps the answer."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.service: Service = app.extensions["undersigned"]
        self.reader = Reader(app.test_client())
        self.form = "/embed/newsletters/weekly"  # with a query, to speak another language
        self._people = 0

    def state(self, name: str) -> Page:
        if name in PATHS:
            return self.reader.open(PATHS[name])
        return JOURNEYS[name](self)

    def inbox(self) -> Page:
        """ "Check your inbox", of an address that has not been here before."""
        self._people += 1
        return self.reader.sign_up(f"reader{self._people}-{os.getpid()}@readers.test", self.form)

    def typed(self, inbox: Page, code: str) -> Page:
        return self.reader.press(inbox, code=code)

    def exhausted(self) -> Page:
        inbox = self.inbox()
        for _ in range(4):
            self.typed(inbox, "000 000")
        return self.typed(inbox, "000 000")

    def refused_address(self) -> Page:
        return self.reader.sign_up(f"{LONG_WORD}{LONG_WORD}@@readers", self.form)

    def stale_form(self) -> Page:
        form = self.reader.open(self.form)
        return self.reader.press(form, address="anna@readers.test", token="not ours")

    def confirm(self) -> Page:
        self.inbox()
        return self.reader.open(self.link("confirm"))

    def confirmed(self) -> Page:
        return self.reader.press(self.confirm())

    def left_since(self) -> Page:
        confirm = self.confirm()
        self.reader.press(self.reader.open(self.link("unsubscribe")))
        return self.reader.open(confirm.path)

    def expired(self) -> Page:
        return self.reader.open(f"/confirm/{self.service.links.confirm(uuid.uuid4(), 0)}")

    def unsubscribe(self) -> Page:
        self.confirmed()
        return self.reader.open(self.link("unsubscribe"))

    def unsubscribed(self) -> Page:
        return self.reader.press(self.unsubscribe())

    def fault_in_form(self) -> Page:
        form = self.reader.open("/embed/newsletters/weekly")
        with database_away():
            return self.reader.press(form, address=f"{LONG_WORD}@readers.test")

    def fault_in_inbox(self) -> Page:
        inbox = self.inbox()
        with database_away():
            return self.typed(inbox, "123456")

    def fault_in_card(self) -> Page:
        with database_away():
            return self.reader.open("/embed/statements/reading-room?accent=123456")

    def fault_in_confirming(self) -> Page:
        confirm = self.confirm()
        with database_away():
            return self.reader.press(confirm)

    def link(self, kind: str) -> str:
        """The path of the link that the newest sign-up's mail carries."""
        with self.service.database.reading() as session:
            newest = session.scalars(select(SignUp).order_by(SignUp.asked_at.desc())).first()
            assert newest is not None
            links = self.service.links
            if kind == "unsubscribe":
                return f"/unsubscribe/{links.unsubscribe(newest.subscription_id)}"
            return f"/confirm/{links.confirm(newest.id, newest.epoch)}"


def database_away() -> Any:
    """Every transaction fails, as when the database's machine is gone."""
    gone = OperationalError("SELECT 1", None, Exception("gone"))
    return patch.multiple(Database, reading=_raising(gone), writing=_raising(gone))


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


# What takes more than an address to see: in a frame, and on a page.
IN_FRAMES: dict[str, Callable[[Desk], Page]] = {
    "form, address refused": Desk.refused_address,
    "form, stale": Desk.stale_form,
    "form, fault": Desk.fault_in_form,
    "inbox": Desk.inbox,
    "inbox, wrong code": lambda desk: desk.typed(desk.inbox(), "000 000"),
    "inbox, no more tries": Desk.exhausted,
    "inbox, fault": Desk.fault_in_inbox,
    "card, fault": Desk.fault_in_card,
}
ON_PAGES: dict[str, Callable[[Desk], Page]] = {
    "confirm": Desk.confirm,
    "confirmed": Desk.confirmed,
    "left since": Desk.left_since,
    "confirm, expired": Desk.expired,
    "confirm, fault": Desk.fault_in_confirming,
    "unsubscribe": Desk.unsubscribe,
    "unsubscribed": Desk.unsubscribed,
}
JOURNEYS = {**IN_FRAMES, **ON_PAGES}
WIDGETS = [name for name, path in PATHS.items() if path.startswith("/embed/")] + [*IN_FRAMES]
PAGES = [name for name in PATHS if name not in WIDGETS] + [*ON_PAGES]
STATES = [*WIDGETS, *PAGES]


@dataclass
class Network:
    """The running program, what reaches its relay, and an application on the same database."""

    url: str
    program: Program
    relay: Relay
    desk: Desk

    def subscriptions(self, state: str) -> int:
        """How many there are in a state."""
        with self.desk.service.database.reading() as session:
            found = session.scalars(select(Subscription).where(Subscription.state == state))
            return len(found.all())


class Member:
    """A member's site: pages of plain HTML, on another address than the network's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        handler = partial(quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
        self.url = f"http://member.test:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def publish(self, name: str, html: str) -> str:
        """Puts a page up, around what its webmaster pasted; returns its address."""
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A member</title>'
            f'<link rel="icon" href="data:,"></head><body><h1>A member</h1>{html}</body></html>'
        )
        (self.folder / name).write_text(page, "utf-8")
        return f"{self.url}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="package")
def chromium() -> str:
    """The path of the system's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, names)]
    path = next(filter(None, found), None)
    return path or missing("there is no Chromium: install it, or set CHROMIUM to its path")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def network(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """`undersigned serve` with imported statements and a real relay."""
    folder = tmp_path_factory.mktemp("network")
    port = free_port()
    with Relay() as relay:
        settings = {
            "SECRET_KEY": SECRET,
            "HASH_KEY": "another secret of the tests",
            "DATABASE_URL": databases.fresh(),
            "INSTANCE_PATH": str(folder / "instance"),
            "BASE_URL": f"http://network.test:{port}",
            "PORT": str(port),
            "SMTP_URL": relay.url,
            "NETWORK_NAME": "Network of Reading Rooms",
            "CLIENT_LIMIT": "",
            "MAILBOX_LIMIT": "100",
            "DOMAIN_LIMIT": "10000",
            "CONTENT_CHECK_SECONDS": "0",
            "RETRY_BASE_SECONDS": "0.05",
        }
        imported = subprocess.run(
            [sys.executable, "-m", "widgets.cli", "import", *write_statements(folder)],
            env={**os.environ, **{f"UNDERSIGNED_{k}": v for k, v in settings.items()}},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert imported.returncode == 0, imported.stderr
        program = Program(["serve"], settings, folder)
        app = create_app(setting_values.from_values(settings))
        follow(app.extensions["undersigned"], "news", posts=5)
        try:
            program.ready()
            yield Network(settings["BASE_URL"], program, relay, Desk(app))
        finally:
            program.kill()
            app.extensions["undersigned"].database.close()


@pytest.fixture(scope="package")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    site = Member(tmp_path_factory.mktemp("member"))
    yield site
    site.close()


@pytest.fixture(scope="package")
def browser(
    chromium: str, playwright: Playwright, network: Network, member: Member
) -> Iterator[Browser]:
    """One Chromium for all tests. Both sites count as secure, as they would over https, so that
    what browsers do only there (Fetch Metadata, opener policies) is tried too."""
    secure = f"--unsafely-treat-insecure-origin-as-secure={network.url},{member.url}"
    started = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, secure])
    yield started
    started.close()


@pytest.fixture(scope="package")
def state(network: Network) -> Callable[[str], Page]:
    """The answer that shows a state, by its name; each is brought about once."""
    seen: dict[str, Page] = {}

    def get(name: str) -> Page:
        if name not in seen:
            seen[name] = network.desk.state(name)
        return seen[name]

    return get


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def show(
    context: BrowserContext, network: Network, state: Callable[[str], Page]
) -> Callable[..., Tab]:
    """Shows a state, by its name, in a tab that a module's tests take turns in."""
    tab = context.new_page()

    def showing(name: str, query: str = "") -> Tab:
        answer = network.desk.reader.open(PATHS[name] + query) if query else state(name)
        return display(tab, network, answer)

    return showing


@pytest.fixture(scope="module")
def tab(context: BrowserContext) -> Tab:
    return context.new_page()


@pytest.fixture(scope="module", params=STATES)
def shown(
    request: pytest.FixtureRequest, tab: Tab, network: Network, state: Callable[[str], Page]
) -> Tab:
    """Each state in turn, loaded once for all of a module's tests that ask for it. They leave
    the tab as they found it."""
    return display(tab, network, state(request.param))


def display(tab: Tab, network: Network, answer: Page) -> Tab:
    """Shows an answer with its own status and headers, whatever it took to be given it."""
    url = network.url + answer.path
    dropped = {"content-length", "content-encoding", "location"}
    headers = {k: v for k, v in answer.headers.items() if k.lower() not in dropped}

    def fulfil(route: Route) -> None:
        route.fulfill(status=answer.status, headers=headers, body=answer.html)

    tab.route(url, fulfil, times=1)
    tab.goto(url)
    return tab


def resize(tab: Tab, width: int, height: int = 900, scale: int = 1) -> Tab:
    """Gives the page so many CSS pixels; scale: device pixels for each, as zooming changes it.
    Much quicker than Playwright's own way."""
    if tab not in _sessions:
        _sessions[tab] = tab.context.new_cdp_session(tab)
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    _sessions[tab].send("Emulation.setDeviceMetricsOverride", metrics)
    return tab


_sessions: WeakKeyDictionary[Tab, CDPSession] = WeakKeyDictionary()


def host(url: str) -> str:
    """ "network.test" of "http://network.test:8000/…"."""
    return urlsplit(url).hostname or ""
