"""The console in a browser: every screen, as it is found by following links."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from playwright.sync_api import Page as Tab
from sqlalchemy import select

from tests.actors import Page
from tests.browser.conftest import LONG_WORD, Network, display, missing, resize
from tests.browser.test_accessibility import AXE, FIND
from tests.crawl import crawl
from tests.samples import published, scheduled, subscribed
from tests.web.console.conftest import EditorAtWork
from widgets import digests, editors
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import Newsletter, Rhythm, Role
from widgets.service import Service


@pytest.fixture(scope="module")
def pages(network: Network) -> dict[str, Page]:
    """Every screen, of a network in which there is something to see."""
    app = network.desk.app
    a_newsletter_with_issues(network.desk.service)
    with network.desk.service.database.writing() as session:
        editors.add(
            session,
            parse("greta@example.org"),
            "Greta Donaudampfschifffahrtsgesellschaftskapitän",
            Role.ADMINISTRATOR,
            COMMAND_LINE,
            datetime.now(UTC),
        )
    editor = EditorAtWork(app, "greta@example.org")
    signing_in = {"signing in": editor.open("/admin/sign-in")}
    editor.sign_in()
    return signing_in | crawl(app, editor)


def a_newsletter_with_issues(service: Service) -> None:
    """Readers in two languages; a monthly issue that was stopped, a weekly one to come."""
    now = datetime.now(UTC)
    scheduled(service)
    german = f"Das {LONG_WORD} bleibt"
    published(service, "lighthouse", at=now, title=german, translations={"ar": "المنارة تبقى"})
    subscribed(service, "issues@example.org", lang="ar")
    subscribed(service, "monthly@example.org", lang="de", rhythm="monthly")
    with service.database.writing() as session:
        weekly = session.scalars(select(Newsletter)).one()
        monthly = digests.prepare(session, weekly, Rhythm.MONTHLY, now)
        digests.begin(session, monthly.id, COMMAND_LINE, now)
        digests.stop(session, monthly.id, COMMAND_LINE, now, f"The {LONG_WORD} is down.")
        digests.prepare(session, weekly, Rhythm.WEEKLY, now)


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """axe-core may run in it, which our own policy would not allow."""
    if not AXE.is_file():
        missing("there is no axe-core: run `npm ci --prefix tests`")
    opened = browser.new_context(bypass_csp=True)
    opened.add_init_script(path=AXE)
    yield opened
    opened.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_axe_finds_nothing_on_any_screen(
    tab: Tab, network: Network, pages: dict[str, Page], scheme: Any, width: int
) -> None:
    tab.emulate_media(color_scheme=scheme)
    found = {}
    for path, page in pages.items():
        resize(display(tab, network, page), width)
        if complaints := tab.evaluate(FIND):
            found[path] = complaints

    assert len(pages) > 5
    assert found == {}


@pytest.mark.parametrize("width", [320, 768])
def test_no_screen_is_wider_than_the_window(
    tab: Tab, network: Network, pages: dict[str, Page], width: int
) -> None:
    wide = []
    for path, page in pages.items():
        resize(display(tab, network, page), width)
        if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)

    assert wide == []
