"""axe-core finds nothing: on no page, in no widget, in no state, light or dark."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from playwright.sync_api import Page as Tab

from tests.browser.conftest import PATHS, TOOLS, missing, resize

AXE = TOOLS / "axe-core" / "axe.min.js"
# Every rule that axe has, those of its best practices, of AAA and on trial too, but one: we keep
# a contrast of 4.5 (AA) for any accent that a member asks for; 7 (AAA) would leave no colour.
FIND = """() => axe.run(document, {
  iframes: false,
  resultTypes: ["violations"],
  rules: Object.fromEntries(axe.getRules().map(
    rule => [rule.ruleId, {enabled: rule.ruleId !== "color-contrast-enhanced"}])),
}).then(found => found.violations.flatMap(one => one.nodes.map(
  node => `${one.id}: ${node.html.slice(0, 100)}: ${node.failureSummary.slice(0, 300)}`)))"""


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Like every other, but axe-core may run in it, which our own policy would not allow."""
    if not AXE.is_file():
        missing("there is no axe-core: run `npm ci --prefix tests`")
    opened = browser.new_context(bypass_csp=True)
    opened.add_init_script(path=AXE)
    yield opened
    opened.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1024)])
def test_axe_finds_nothing(shown: Tab, scheme: Any, width: int) -> None:
    resize(shown, width).emulate_media(color_scheme=scheme)
    assert shown.evaluate(FIND) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("accent", ["ffff00", "000000", "ffffff", "808080", "00ff00", "0000ff"])
@pytest.mark.parametrize("name", ["card", "form"])
def test_any_accent_stays_readable(
    show: Callable[..., Tab], name: str, accent: str, theme: str
) -> None:
    tab = show(name, f"?theme={theme}&accent={accent}")
    assert tab.evaluate(FIND) == []


@pytest.mark.parametrize("name", PATHS)
def test_axe_finds_nothing_in_arabic(show: Callable[..., Tab], name: str) -> None:
    tab = resize(show(name, f"{'&' if '?' in PATHS[name] else '?'}lang=ar"), 375)
    assert tab.evaluate("document.documentElement.dir") == "rtl"
    assert tab.evaluate(FIND) == []
