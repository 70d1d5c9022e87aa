"""Every widget and page at every width, in every theme, in print, with keys and right to left."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from playwright.sync_api import Page as Tab

from tests.actors import Page
from tests.browser.conftest import PATHS, WIDGETS, Desk, Network, display, resize
from widgets import heights, languages

WIDTHS = [240, 320, 375, 480, 600, 768, 1024, 1280, 1600]
Show = Callable[..., Tab]

# What sticks out of the page or of its own box, or is cut off at the side. Only what is kept out of
# sight may: in a frame that is too low, what doesn't fit stands in a further column.
STICKING_OUT = """() => {
  const root = document.scrollingElement, width = root.clientWidth, found = [];
  if (root.scrollWidth > width) found.push(`the page is ${root.scrollWidth} of ${width} wide`);
  for (const one of document.body.querySelectorAll("*")) {
    if (one.closest(".leave-empty, .skip")) continue;
    const name = `${one.tagName} “${one.textContent.trim().slice(0, 30)}”`;
    const limits = [];
    for (let outer = one.parentElement; outer; outer = outer.parentElement)
      if (["hidden", "clip"].includes(getComputedStyle(outer).overflowX))
        limits.push(outer.getBoundingClientRect());
    for (const box of one.getClientRects()) {
      const away = limit => box.left >= limit.right - 1 || box.right <= limit.left + 1;
      if (limits.some(away)) continue;
      if (box.width && (box.left < -0.5 || box.right > width + 0.5))
        found.push(`${name} from ${box.left} to ${box.right} of ${width}`);
    }
    const style = getComputedStyle(one);
    const scrolls = ["INPUT", "TEXTAREA", "SELECT"].includes(one.tagName);
    const hides = style.overflowX !== "visible";
    if (!scrolls && !hides && one.clientWidth && one.scrollWidth > one.clientWidth + 1)
      found.push(`in ${name} ${one.scrollWidth} of ${one.clientWidth}`);
  }
  return found;
}"""

# Each text that can be seen: its words, size, colour, and whether it stands in the way of others.
TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement, range = new Range();
    if (!node.data.trim() || parent.closest(".leave-empty, .skip")) continue;
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter(box => box.width && box.height);
    if (!boxes.length) continue;
    const style = getComputedStyle(parent);
    found.push({
      words: node.data.trim().slice(0, 40),
      size: parseFloat(style.fontSize),
      colour: style.color,
      tag: parent.tagName,
    });
  }
  return found;
}"""

# Where the focus is, what it is called, and how much of its outline can be seen.
FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body || one.reached) return null;
  one.reached = one.tagName !== "IFRAME";
  const style = getComputedStyle(one), width = parseFloat(style.outlineWidth);
  const reach = width + parseFloat(style.outlineOffset);
  let cut = false;
  for (let outer = one.parentElement; outer && outer !== document.body; outer = outer.parentElement)
    if (["hidden", "clip"].includes(getComputedStyle(outer).overflowX)) {
      const limit = outer.getBoundingClientRect();
      const spare = parseFloat(getComputedStyle(outer).overflowClipMargin) || 0;
      for (const box of one.getClientRects())
        cut ||= box.left - reach < limit.left - spare || box.right + reach > limit.right + spare ||
                box.top - reach < limit.top - spare || box.bottom + reach > limit.bottom + spare;
    }
  return {
    name: (one.labels?.length ? one.labels[0] : one).textContent.replaceAll("\u00ad", "").trim(),
    tag: one.tagName,
    outline: style.outlineStyle === "none" ? 0 : width,
    colour: style.outlineColor,
    cut,
  };
}"""

PAPER = "getComputedStyle(document.documentElement).backgroundColor"
INK = "getComputedStyle(document.documentElement).color"
FIELDS = "input:not([type=hidden]):not(#subject)"
WHITE = "rgb(255, 255, 255)"
PRINTED_WELL: dict[str, Any] = {
    "paper": WHITE,
    "ink": "rgb(0, 0, 0)",
    "pale": [],
    "for a screen": 0,
}


def in_print(tab: Tab) -> dict[str, Any]:
    pale = [
        text["words"]
        for text in tab.evaluate(TEXTS)
        if text["tag"] != "BUTTON" and contrast(text["colour"], WHITE) < 4.5
    ]
    for_a_screen = tab.locator(".search, .turn, iframe, textarea").filter(visible=True).count()
    return {
        "paper": tab.evaluate(PAPER),
        "ink": tab.evaluate(INK),
        "pale": pale,
        "for a screen": for_a_screen,
    }


def luminance(colour: str) -> float:
    """Of "rgb(1, 2, 3)", as WCAG 2 defines it."""
    numbers = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in numbers
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def tabbed_through(tab: Tab) -> list[dict[str, Any]]:
    """What the Tab key reaches, in order; the insides of a frame count once.

    A frame is in a process of its own: the focus gets there a while after the key was pressed.
    """
    found: list[dict[str, Any]] = []
    frames = tab.locator("iframe").all()
    for frame in frames:
        frame.scroll_into_view_if_needed()  # until then a lazy one has nothing to focus
    for page in tab.frames:
        page.wait_for_load_state()
    tab.evaluate("scrollTo(0, 0)")
    for _ in range(60):
        tab.keyboard.press("Tab")
        for _ in range(1 + 20 * len(frames)):
            focus = tab.evaluate(FOCUS)
            if focus is not None:
                break
            tab.wait_for_timeout(50)
        else:
            return found
        if focus["tag"] != "IFRAME" or not found or found[-1]["tag"] != "IFRAME":
            found.append(focus)
    raise AssertionError("the focus never leaves")


def test_nothing_sticks_out_at_any_width(shown: Tab) -> None:
    for width in WIDTHS:
        assert resize(shown, width).evaluate(STICKING_OUT) == [], f"at {width} px"


@pytest.mark.parametrize("lang", [lang for lang in languages.LANGUAGES if lang != "en"])
@pytest.mark.parametrize("name", PATHS)
def test_nothing_sticks_out_in_any_language(show: Show, name: str, lang: str) -> None:
    tab = show(name, f"{'&' if '?' in PATHS[name] else '?'}lang={lang}")
    for width in (240, 768):
        assert resize(tab, width).evaluate(STICKING_OUT) == [], f"at {width} px"


def test_nothing_sticks_out_when_zoomed_to_double_size(shown: Tab) -> None:
    for width in WIDTHS:
        if width >= 480:
            found = resize(shown, width // 2, 450, scale=2).evaluate(STICKING_OUT)
            assert found == [], f"at {width} px"


def test_nothing_sticks_out_when_text_alone_is_twice_as_large(shown: Tab) -> None:
    shown.evaluate("document.documentElement.style.fontSize = '200%'")
    found = {width: resize(shown, width).evaluate(STICKING_OUT) for width in WIDTHS[1::2]}
    shown.evaluate("document.documentElement.style.fontSize = ''")
    assert found == {width: [] for width in WIDTHS[1::2]}


def test_text_can_be_read_and_fields_and_buttons_can_be_hit(shown: Tab) -> None:
    for width in (240, 1280):
        resize(shown, width)
        assert [text for text in shown.evaluate(TEXTS) if text["size"] < 12] == []
        sizes = shown.locator(f"{FIELDS}, button").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect()).map(box => [box.width, box.height])"
        )
        assert all(width >= 44 and height >= 44 for width, height in sizes)


SAID: dict[str, Callable[[Desk], Page]] = {
    "form": lambda desk: desk.reader.open(desk.form),
    "address refused": Desk.refused_address,
    "stale": Desk.stale_form,
    "inbox": Desk.inbox,
    "wrong code": lambda desk: desk.typed(desk.inbox(), "000 000"),
    "no more tries": Desk.exhausted,
    "subscribed": lambda desk: desk.reader.open(desk.form.replace("?", "/subscribed?")),
}


@pytest.mark.parametrize("lang", languages.LANGUAGES)
def test_whatever_a_form_says_fits_the_frame_that_was_pasted(
    network: Network, tab: Tab, lang: str
) -> None:
    desk = network.desk
    with patch.object(desk, "form", f"/embed/newsletters/weekly?lang={lang}"):
        frame = heights.of(desk.reader.open(desk.form).html)
        for name, said in SAID.items():
            display(tab, network, said(desk))
            for width in range(240, 1000, 40):
                resize(tab, width, frame.at(width))
                needed = tab.evaluate("document.scrollingElement.scrollHeight")
                assert needed <= frame.at(width), f"{name}, {width} px"


@pytest.mark.parametrize("name", ["form", "form, address refused", "inbox, wrong code"])
def test_a_form_fits_its_frame_on_our_own_pages(show: Show, network: Network, name: str) -> None:
    frames = {}
    tab = show("index")
    for width in WIDTHS[1:]:
        frames[width] = resize(tab, width).locator("iframe").bounding_box()
    tab = show(name)
    for width, frame in frames.items():
        assert frame is not None
        resize(tab, int(frame["width"]), int(frame["height"]))
        needed = tab.evaluate("document.scrollingElement.scrollHeight")
        assert needed <= frame["height"], f"on a page {width} px wide"


@pytest.mark.parametrize("name", ["card", "list", "form"])
def test_a_theme_changes_the_colours_and_auto_follows_the_device(show: Show, name: str) -> None:
    paper: dict[str, list[str]] = {}
    for theme in ("light", "dark", "auto"):
        tab = show(name, f"?theme={theme}")
        for device in ("light", "dark"):
            tab.emulate_media(color_scheme=device)  # type: ignore[arg-type]
            paper[f"{theme} on {device}"] = [tab.evaluate(PAPER), tab.evaluate(INK)]
    tab.emulate_media(color_scheme="null")

    light, dark = paper["light on light"], paper["dark on light"]
    assert contrast(light[0], "rgb(255, 255, 255)") < 1.1
    assert contrast(dark[0], "rgb(0, 0, 0)") < 1.5
    assert contrast(light[0], light[1]) >= 7
    assert contrast(dark[0], dark[1]) >= 7
    assert paper["light on dark"] == paper["auto on light"] == light
    assert paper["dark on dark"] == paper["auto on dark"] == dark


def test_pages_follow_the_device(show: Show) -> None:
    tab = show("index")
    tab.emulate_media(color_scheme="light")
    light = tab.evaluate(PAPER)
    tab.emulate_media(color_scheme="dark")
    dark = tab.evaluate(PAPER)
    tab.emulate_media(color_scheme="null")
    assert luminance(light) > 0.8
    assert luminance(dark) < 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_keep_borders(shown: Tab, scheme: Any) -> None:
    shown.emulate_media(forced_colors="active", color_scheme=scheme)
    paper = shown.evaluate(PAPER)
    edges = shown.locator(f"body, {FIELDS}, button").evaluate_all(
        """all => all.map(one => getComputedStyle(one)).map(
             style => [style.borderTopWidth, style.borderTopStyle, style.borderTopColor])"""
    )
    shown.emulate_media(forced_colors="null", color_scheme="null")
    for width, style, colour in edges:
        assert (width, style) != ("0px", "none")
        assert contrast(colour, paper) >= 3


@pytest.mark.parametrize("name", ["card", "list", "form", "confirm"])
def test_forced_colours_keep_the_focus(show: Show, name: str) -> None:
    tab = show(name)
    tab.emulate_media(forced_colors="active")
    paper = tab.evaluate(PAPER)
    reached = tabbed_through(tab)
    tab.emulate_media(forced_colors="null")
    for focus in reached:
        assert focus["outline"] >= 3
        assert contrast(focus["colour"], paper) >= 3


def test_print_is_dark_on_white_without_what_only_a_screen_can_do(shown: Tab) -> None:
    shown.emulate_media(media="print", color_scheme="light")  # browsers print in light
    found = in_print(shown)
    shown.emulate_media(media="null", color_scheme="null")
    assert found == PRINTED_WELL


@pytest.mark.parametrize("name", [name for name in WIDGETS if "?" not in PATHS.get(name, "?")])
def test_a_dark_widget_is_printed_dark_on_white_too(show: Show, name: str) -> None:
    tab = show(name, "?theme=dark")
    tab.emulate_media(media="print")
    found = in_print(tab)
    tab.emulate_media(media="null")
    assert found == PRINTED_WELL


NETWORK = "Network of Reading Rooms"
FOOT = [
    "Statements",
    "How we treat your address",
    "Use a secure connection",
    *(languages.own_name(tag) for tag in languages.LANGUAGES if tag != "en"),
]
ORDER = {
    "card": ["Read and share", NETWORK],
    "full card": ["Its rules", "10 organisations", "Read and share", NETWORK],
    "list": [
        "Paper, Ink and Press",
        "Unión de Lectores y Lectoras de las Bibliotecas Populares del Sur Imaginario",
        "Read the statement",
        NETWORK,
    ],
    "long list, page 2": [
        "Find a name",
        "Find",
        "By name",
        "By country",
        "O",  # the one letter with which all of them begin
        "Previous names",
        "More names",
        "Read the statement",
        NETWORK,
    ],
    "form": ["Your e-mail address", "Sign up", "How we treat your address", NETWORK],
    "form, address refused": [
        "Your e-mail address",
        "Sign up",
        "How we treat your address",
        NETWORK,
    ],
    "inbox": ["Six digits from the mail", "Confirm", "Another address", NETWORK],
    "inbox, no more tries": ["Send a new code", "Another address", NETWORK],
    "confirm": [
        "To the text",
        NETWORK,
        "Yes, send me the weekly update",
        *FOOT,
    ],
    "index": [
        "To the text",
        NETWORK,
        "Reopen the River Gate reading room and return its letters",
        "Das Donaudampfschifffahrtsgesellschaftskapitänsversammlungsprotokoll gehört allen",
        "أعيدوا مكتبة الميناء إلى قرّائها، وأعيدوا الكتب إلى رفوفها",
        "A short word",
        "Leave the lamps on",
        "",  # the frame with the form
        *FOOT,
    ],
}


@pytest.mark.parametrize("name", ORDER)
def test_tab_goes_in_reading_order_with_a_focus_that_can_be_seen(show: Show, name: str) -> None:
    tab = resize(show(name), 768)
    paper = tab.evaluate(PAPER)
    reached = tabbed_through(tab)

    assert [focus["name"] for focus in reached] == ORDER[name]
    for focus in reached:
        if focus["tag"] != "IFRAME":  # what is focused inside it is tried by itself
            assert focus["outline"] >= 3, focus
            assert contrast(focus["colour"], paper) >= 3, focus
            assert not focus["cut"], focus


@pytest.mark.parametrize("name", ["form", "form, address refused", "form, stale"])
def test_nobody_meets_the_honeypot(show: Show, name: str) -> None:
    tab = show(name)
    trap = tab.locator("#subject")
    assert all(focus["name"] != "Leave this empty" for focus in tabbed_through(tab))
    assert "Leave this empty" not in tab.locator("body").aria_snapshot()
    box = trap.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] < 0


# How far the first line of a text is from the left and right edges of the box it stands in.
FIRST_LINE = """one => {
  const range = new Range(), style = getComputedStyle(one), box = one.getBoundingClientRect();
  range.selectNodeContents(one);
  const line = [...range.getClientRects()].find(line => line.width > 1);
  const left = box.left + parseFloat(style.borderLeftWidth) + parseFloat(style.paddingLeft);
  const right = box.right - parseFloat(style.borderRightWidth) - parseFloat(style.paddingRight);
  return [line.left - left, right - line.right];
}"""


@pytest.mark.parametrize("name", ["Arabic card", "Arabic full card", "Arabic statement"])
@pytest.mark.parametrize("width", [320, 1280])
def test_arabic_runs_from_right_to_left(show: Show, name: str, width: int) -> None:
    tab = resize(show(name), width)
    texts = tab.locator("h1, .lede, .text > p, blockquote:not(.pull) p").all()
    assert len(texts) >= 2
    for text in texts:
        assert text.evaluate("one => getComputedStyle(one).direction") == "rtl"
        _, from_right = text.evaluate(FIRST_LINE)
        assert abs(from_right) <= 2, text.inner_text()
    for quote in tab.locator("blockquote").all():
        edges = quote.evaluate(
            "one => [getComputedStyle(one).borderLeftWidth, getComputedStyle(one).borderRightWidth]"
        )
        assert edges[0] == "0px"
        assert edges[1] in ("1px", "3px")


# How far texts begin from the edge at which their language begins.
INDENTS = """selectors => {
  const main = document.querySelector("main").getBoundingClientRect();
  return selectors.map(selector => {
    const one = document.querySelector(selector), box = one.getBoundingClientRect();
    const rtl = getComputedStyle(one).direction === "rtl";
    return Math.round(rtl ? main.right - box.right : box.left - main.left);
  });
}"""


@pytest.mark.parametrize(
    ("arabic", "english", "endorsement"),
    [
        ("Arabic full card", "full card", ".endorsement"),
        ("Arabic statement", "statement", ".roll p"),
    ],
)
def test_an_arabic_layout_is_the_mirror_image_of_an_english_one(
    show: Show, arabic: str, english: str, endorsement: str
) -> None:
    texts = ["h1", ".text > p", ".pull", endorsement]
    wanted = resize(show(english), 1280, 4000).evaluate(INDENTS, texts)
    assert resize(show(arabic), 1280, 4000).evaluate(INDENTS, texts) == wanted


def test_an_english_count_in_an_arabic_line_keeps_its_order(show: Show) -> None:
    link = show("Arabic full card").get_by_role("link", name="3 organisations")
    number, word = link.evaluate(
        """one => [[0, 1], [2, 3]].map(([from, to]) => {
             const range = new Range();
             range.setStart(one.firstChild, from);
             range.setEnd(one.firstChild, to);
             return range.getBoundingClientRect().left;
           })"""
    )
    assert number < word


def test_each_name_runs_in_its_own_direction(show: Show) -> None:
    tab = show("list")
    directions = {
        one.inner_text(): one.evaluate("one => getComputedStyle(one).direction")
        for one in tab.locator(".names bdi").all()
    }
    assert directions.pop("رابطة المنارات المتخيَّلة") == "rtl"
    assert set(directions.values()) == {"ltr"}


@pytest.mark.parametrize("name", ["list", "statement"])
def test_names_take_as_many_columns_as_fit(show: Show, name: str) -> None:
    tab = show(name)
    columns = []
    for width in (320, 768, 1280):
        resize(tab, width)
        lefts = {
            round(box["x"])
            for one in tab.locator(".names li").all()
            if (box := one.bounding_box()) is not None
        }
        columns.append(len(lefts))
    assert columns[0] == 1
    assert columns[0] < columns[1] < columns[2]


def test_no_line_of_running_text_is_longer_than_42_rem(shown: Tab) -> None:
    texts = resize(shown, 1600).locator("main p:not(.meta), main li:not(.names li, .stories li)")
    widths = texts.evaluate_all("all => all.map(one => one.clientWidth)")
    assert max(widths, default=0) <= 42 * 16
