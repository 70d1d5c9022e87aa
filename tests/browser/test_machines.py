"""In a browser: what pages hold for machines, and what warns of an insecure connection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page as Tab

from tests.actors import Page
from tests.browser.conftest import Network, display, resize, write_statements
from tests.samples import publish
from widgets.settings import Settings

NOTICE = """() => {
  const one = document.querySelector(".insecure");
  const line = parseFloat(getComputedStyle(one).lineHeight);
  return {
    first: document.body.firstElementChild === one,
    lines: Math.round((one.clientHeight - 8) / line),
    sticksOut: document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth,
    links: [...one.querySelectorAll("a")].filter(link => {
      const box = link.getBoundingClientRect();
      return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === link;
    }).length,
  };
}"""


@pytest.mark.parametrize("path", ["/", "/statements/reading-room", "/statements/library"])
def test_a_block_of_data_is_no_script_and_breaks_no_policy(
    tab: Tab, network: Network, path: str
) -> None:
    told: list[str] = []
    tab.on("console", lambda message: told.append(f"{message.text} ({message.location['url']})"))
    tab.on("pageerror", lambda error: told.append(str(error)))
    answer = tab.goto(network.url + path)
    tab.wait_for_load_state("networkidle")

    assert answer
    assert "script-src 'none'" in answer.headers["content-security-policy"]
    assert tab.locator('script[type="application/ld+json"]').count() == 1
    assert [one for one in told if "/favicon.ico" not in one] == []


@pytest.fixture
def in_clear(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings], tmp_path: Path
) -> Callable[[str], Page]:
    """Pages of a server that can be had over https, fetched without it."""
    app = make_app(
        make_settings(
            BASE_URL="https://widgets.network.example",
            SMTP_URL="smtp://relay.example",
            MAIL_FROM="news@network.example",
        )
    )
    publish(app.extensions["undersigned"], *write_statements(tmp_path))
    client = app.test_client()

    def fetched(path: str) -> Page:
        answer = client.get(path)
        return Page(answer.status_code, answer.headers, answer.text, path)

    return fetched


@pytest.mark.parametrize("width", [240, 320, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_notice_stands_first_in_one_line_of_a_frame_and_whole_on_a_page(
    tab: Tab, network: Network, in_clear: Callable[[str], Page], scheme: Any, width: int
) -> None:
    tab.emulate_media(color_scheme=scheme)
    for path in (
        "/embed/statements/reading-room",
        "/embed/statements/library/signatories",
        "/embed/newsletters/weekly",
        "/",
        "/statements/library",
    ):
        shown = resize(display(tab, network, in_clear(path)), width).evaluate(NOTICE)
        assert shown["first"], path
        assert shown["sticksOut"] <= 0, path
        assert shown["links"] == 2, path
        if path.startswith("/embed/"):
            assert shown["lines"] == 1, path
