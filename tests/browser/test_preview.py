"""An editor looks at what isn't saved yet, in a browser without JavaScript."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab
from sqlalchemy import select

from tests.browser.conftest import Network
from tests.samples import published, scheduled
from tests.web.console.conftest import EditorAtWork
from widgets import editors
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import Role, Statement

HOSTILE = "<script>top.document.title = 'taken over'</script>\n\n<img src=x onerror=alert(1)>"


@pytest.fixture
def number(network: Network) -> int:
    """Of the statement that is written at."""
    with network.desk.service.database.reading() as session:
        return session.scalars(select(Statement.id).where(Statement.slug == "reading-room")).one()


@pytest.fixture
def desk(browser: Browser, network: Network, number: int) -> Iterator[Tab]:
    """The text of a statement, before an editor who has signed in."""
    service = network.desk.service
    # of one network for all tests here, she may be an editor already
    with suppress(editors.BadEditor), service.database.writing() as session:
        address = parse("anna@example.org")
        editors.add(session, address, "Anna", Role.EDITOR, COMMAND_LINE, datetime.now(UTC))
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    tab = context.new_page()
    # a browser keeps a cookie for https only from this machine too, but not from network.test
    here = f"http://127.0.0.1:{urlsplit(network.url).port}"
    tab.goto(f"{here}/admin")
    tab.fill("#address", "anna@example.org")
    tab.click("main button")
    tab.wait_for_selector("#code")
    tab.fill("#code", EditorAtWork(network.desk.app, "anna@example.org").code())
    tab.click("main button")
    tab.wait_for_selector(".me")
    tab.goto(f"{here}/admin/statements/{number}")
    yield tab
    context.close()


def test_what_is_typed_is_shown_in_the_real_widget_and_stays_in_the_form(
    desk: Tab, network: Network
) -> None:
    here, title = desk.url, desk.title()
    desk.fill("#title", "Not saved yet")
    desk.fill("#body", HOSTILE)

    desk.click("button:text('Show')")

    preview = desk.frame_locator("iframe[name=preview]")
    for name, width in (("On a phone", 340), ("On a wider screen", 500)):
        frame = preview.locator(f"iframe[title='{name}']")
        card = preview.frame_locator(f"iframe[title='{name}']")
        expect(card.locator("h1")).to_have_text("Not saved yet")
        expect(card.locator(".text")).to_contain_text("<script>")
        box = frame.bounding_box()
        assert box is not None
        assert width - 60 < box["width"] < width + 220
        assert box["height"] > 300
    assert desk.url == here
    assert desk.title() == title
    assert desk.input_value("#title") == "Not saved yet"
    assert desk.input_value("#body").strip() == HOSTILE
    assert "Not saved yet" not in network.desk.reader.open("/statements/reading-room").html


def test_the_next_issue_is_shown_as_the_mail_that_it_will_be(desk: Tab, network: Network) -> None:
    scheduled(network.desk.service)
    published(network.desk.service, "lock-gate", at=datetime.now(UTC), title="Open the lock gate")
    here = urlsplit(desk.url)
    desk.goto(f"http://{here.netloc}/admin/newsletters/weekly/issues/weekly/preview?lang=ar")

    for name, width, colour in (
        ("On a wide screen", 642, "rgb(255, 255, 255)"),
        ("On a phone", 322, "rgb(255, 255, 255)"),
        ("On a phone, dark", 322, "rgb(23, 25, 29)"),
    ):
        frame = desk.locator(f"iframe[title='{name}']")
        mail = desk.frame_locator(f"iframe[title='{name}']")
        expect(mail.locator("html")).to_have_attribute("dir", "rtl")
        expect(mail.get_by_text("Open the lock gate").first).to_be_visible()
        expect(mail.locator("body")).to_have_css("background-color", colour)
        box = frame.bounding_box()
        assert box is not None
        assert box["width"] == width
