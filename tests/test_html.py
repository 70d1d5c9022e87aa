"""The HTML of every page, in every state, by the Nu HTML checker."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from flask import Flask

from tests.actors import Reader
from tests.browser.conftest import STATES, TOOLS, Desk, missing, write_statements
from tests.crawl import crawl
from tests.samples import follow
from tests.web.console.conftest import EditorAtWork
from widgets import editors, statements
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.delivery import deliver_due, transport
from widgets.models import Role
from widgets.service import Service
from widgets.settings import Settings
from widgets.web.sample import member_site

# Goes along, to show that the checker would have told.
WRONG = '<!doctype html><html lang="en"><title>Wrong</title><p id="a b">Wrong</p></html>'
COMPLAINT = (
    "wrong.html:1: Bad value “a b” for attribute “id” on element “p”: "
    "An ID must not contain whitespace."
)
# What the checker's CSS is too old for: container queries, lengths in the container's units, and
# properties of drawings.
NEWER_CSS = re.compile(
    r"CSS: (Unrecognized at-rule “@container”|“(container-type|vector-effect)”: Property"
    r"|“height”: Parse Error)"
)
# So that each state is the one that its name says.
HEADINGS = {
    "no such card": "There is nothing here",
    "withdrawn card": "This statement was withdrawn",
    "inbox, cut off": "Please sign up again",
    "form, fault": "Something failed on our side",
    "card, fault": "We can’t answer just now",
    "confirm": "One last step",
    "confirmed": "You are subscribed",
    "confirm, cut off": "This link is not complete",
    "confirm, expired": "This link is too old",
    "confirm, fault": "We can’t answer just now",
    "left since": "You have left since then",
    "unsubscribe": "Leave the weekly update?",
    "unsubscribed": "You have left",
}
CHECKER = TOOLS / "vnu-jar" / "build" / "dist" / "vnu.jar"


def heading(html: str) -> str:
    (found,) = re.findall(r"<h1[^>]*>(.*?)</h1>", html)
    return unescape(found)


@pytest.fixture
def check(tmp_path: Path) -> Callable[[dict[str, str]], list[str]]:
    """Has the checker read documents, by their names, and returns what it has to say."""
    java = shutil.which("java")
    if java is None or not CHECKER.is_file():
        missing("there is no Nu HTML checker: it needs java, and `npm ci --prefix tests`")
    folder = tmp_path / "documents"
    folder.mkdir()

    def checking(documents: dict[str, str]) -> list[str]:
        for name, html in documents.items():
            (folder / f"{re.sub(r'[^a-zA-Z0-9]+', '-', name)}.html").write_text(html, "utf-8")
        done = subprocess.run(
            [java, "-Xss8m", "-jar", str(CHECKER), "--format", "json", "--stdout", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert len(list(folder.iterdir())) == len(documents)
        assert done.stdout.startswith("{"), done.stderr
        return [
            f"{Path(one['url']).name}:{one.get('lastLine')}: {one['message']}"
            for one in json.loads(done.stdout)["messages"]
            if not NEWER_CSS.match(one["message"])
        ]

    return checking


@pytest.fixture
def published(app: Flask, settings: Settings, tmp_path: Path) -> Service:
    service: Service = app.extensions["undersigned"]
    files = write_statements(tmp_path)
    statements.import_files(service.database, settings.instance_path, files, datetime.now(UTC))
    follow(service, "news", posts=5)
    return service


def test_every_page_in_every_state_is_valid_html(
    app: Flask,
    published: Service,
    settings: Settings,
    check: Callable[[dict[str, str]], list[str]],
) -> None:
    desk = Desk(app)
    documents = {name: desk.state(name).html for name in STATES}
    assert {name: heading(documents[name]) for name in HEADINGS} == HEADINGS
    post = transport(published)
    while deliver_due(published, post, "the tests"):
        pass
    mailbox = desk.reader.open("/mailbox")
    documents["mailbox"] = mailbox.html
    letters = set(re.findall(r'href="(/mailbox/[^"]+)"', mailbox.html))
    documents |= {letter: desk.reader.open(letter).html for letter in letters}
    member = member_site(app).test_client()  # type: ignore[attr-defined]
    documents["a member's site"] = Reader(member).open("/").html

    assert len(letters) > 5
    assert check(documents | {"wrong": WRONG}) == [COMPLAINT]


def test_every_screen_of_the_console_is_valid_html(
    app: Flask, published: Service, check: Callable[[dict[str, str]], list[str]]
) -> None:
    with published.database.writing() as session:
        address = parse("greta@example.org")
        now = datetime.now(UTC)
        editors.add(session, address, "Greta", Role.ADMINISTRATOR, COMMAND_LINE, now)
    greta = EditorAtWork(app, "greta@example.org")
    greta.sign_in()
    documents = {path: page.html for path, page in crawl(app, greta).items()}

    assert len(documents) > 5
    assert check(documents | {"wrong": WRONG}) == [COMPLAINT]
