"""A real WordPress: somebody puts a statement's address on a line of its own in a post."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Playwright, expect
from playwright.sync_api import Page as Tab

from tests.actors import Program, Reader, free_port, missing
from tests.browser.conftest import FLAGS, write_statements
from tests.conftest import SECRET, Databases
from tests.wordpress.site import PACKAGES, WordPress, is_installed, themes
from widgets import settings as setting_values
from widgets import statements
from widgets.service import make_ready, open_service

HEADLINE = "Reopen the River Gate reading room and return its letters"
ENDORSED = "10 organisations endorse this"
DESKTOP, PHONE = 1280, 390
THEMES = themes() or ["none"]
pytestmark = pytest.mark.xdist_group("wordpress")  # one is enough: it takes its time to start
TALL = 1600  # so that the whole card is in view

CLASSIC = "We signed this.\n\n{url}\n\nSo can you."
PARAGRAPH = "<!-- wp:paragraph -->\n<p>{url}</p>\n<!-- /wp:paragraph -->"
# as the block editor writes it
BLOCK = """<!-- wp:embed {{"url":"{url}","type":"wp-embed","providerNameSlug":"a-network"}} -->
<figure class="wp-block-embed is-type-wp-embed is-provider-a-network wp-block-embed-a-network">\
<div class="wp-block-embed__wrapper">
{url}
</div></figure>
<!-- /wp:embed -->"""


@pytest.fixture(scope="module")
def network_url(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The running program with statements, at an address that WordPress finds too."""
    folder = tmp_path_factory.mktemp("network")
    port = free_port()
    settings = {
        "SECRET_KEY": SECRET,
        "HASH_KEY": "another secret of the tests",
        "DATABASE_URL": databases.fresh(),
        "INSTANCE_PATH": str(folder / "instance"),
        "BASE_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "NETWORK_NAME": "Network of Reading Rooms",
    }
    service = open_service(setting_values.from_values(settings))
    make_ready(service)
    statements.import_files(
        service.database,
        service.settings.instance_path,
        write_statements(folder),
        datetime.now(UTC),
    )
    service.database.close()
    program = Program(["web"], settings, folder)
    try:
        yield program.ready().url
    finally:
        program.kill()


@pytest.fixture(scope="module")
def wordpress(network_url: str) -> Iterator[WordPress]:
    if not is_installed():
        missing(f"there is no WordPress: on Debian, apt install {PACKAGES}")
    site = WordPress(network_url)
    yield site
    site.close()


@pytest.fixture(scope="module")
def chromium_alone(chromium: str, playwright: Playwright) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield started
    started.close()


@pytest.fixture
def context(
    chromium_alone: Browser, wordpress: WordPress, network_url: str
) -> Iterator[BrowserContext]:
    """A visit, on which nobody but WordPress and the network is asked for anything."""
    opened = chromium_alone.new_context()
    opened.set_default_timeout(20_000)
    ours = (wordpress.url, network_url, "data:", "blob:", "about:")
    opened.route(lambda url: not url.startswith(ours), lambda route: route.abort())
    yield opened
    opened.close()


@pytest.fixture
def show(context: BrowserContext, wordpress: WordPress, network_url: str) -> Callable[..., Locator]:
    """Publishes a post, goes there, and returns the frame in it."""

    def showing(
        path: str = "/statements/reading-room",
        *,
        content: str = CLASSIC,
        theme: str = THEMES[-1],
        width: int = DESKTOP,
    ) -> Locator:
        address = wordpress.publish(content.format(url=network_url + path), theme)
        tab = context.new_page()
        tab.set_viewport_size({"width": width, "height": TALL})
        tab.goto(address)
        return tab.locator("iframe")

    return showing


def assert_it_shows(frame: Locator, heading: str) -> None:
    """That the frame is there to be seen, whole, and nothing in it has to be scrolled for."""
    expect(frame).to_have_count(1)
    expect(frame).to_be_in_viewport(ratio=1)
    expect(frame).to_have_css("clip", "auto")
    expect(frame).to_have_css("position", "static")
    expect(frame.content_frame.get_by_role("heading", level=1)).to_have_text(heading)
    expect(frame.content_frame.get_by_role("heading", level=1)).to_be_in_viewport(ratio=1)
    body = frame.content_frame.locator("body")
    assert body.evaluate("() => document.scrollingElement.scrollHeight <= innerHeight")
    assert body.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("content", [CLASSIC, PARAGRAPH, BLOCK], ids=["classic", "line", "block"])
def test_an_address_alone_on_a_line_shows_the_card_at_once(
    show: Callable[..., Locator], content: str, theme: str, width: int
) -> None:
    frame = show(content=content, theme=theme, width=width)

    assert_it_shows(frame, HEADLINE)
    expect(frame.content_frame.get_by_text(ENDORSED)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", THEMES)
def test_the_frame_has_the_height_that_was_computed_for_what_wordpress_asked(
    show: Callable[..., Locator], wordpress: WordPress, theme: str, width: int
) -> None:
    box = show(theme=theme, width=width).bounding_box()
    asked = urlsplit(wordpress.asked())
    told = json.loads(Reader(f"http://{asked.netloc}").open(f"{asked.path}?{asked.query}").html)

    assert "maxwidth" in asked.query
    assert "maxheight" in asked.query
    assert box is not None
    assert round(box["height"]) == told["height"]


def test_wordpress_leaves_a_bare_frame_with_a_title_in_its_own_sandbox(
    show: Callable[..., Locator], network_url: str
) -> None:
    frame = show("/statements/reading-room?lang=fr&theme=dark")

    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    expect(frame).to_have_attribute("title", HEADLINE)
    source = frame.get_attribute("src") or ""
    card = f"{network_url}/embed/statements/reading-room?lang=fr&theme=dark"
    assert source.partition("#")[0] == card


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_names_show_where_the_address_says_so(show: Callable[..., Locator], width: int) -> None:
    frame = show("/statements/reading-room#signatories", width=width)

    expect(frame).to_have_attribute("title", f"Signatories: {HEADLINE}")
    expect(frame.content_frame.get_by_text("Circle of Lamp Keepers")).to_be_visible()


def test_the_networks_own_address_shows_the_newest_statement(show: Callable[..., Locator]) -> None:
    frame = show("/")

    assert_it_shows(frame, HEADLINE)
    expect(frame).to_have_attribute("title", "Network of Reading Rooms")


def test_a_link_does_nothing_there_and_the_card_stays(
    show: Callable[..., Locator], context: BrowserContext
) -> None:
    frame = show()
    frame.content_frame.get_by_role("link", name="Read and share").click()
    frame.page.wait_for_timeout(500)

    assert len(context.pages) == 1
    expect(frame.content_frame.get_by_role("heading", level=1)).to_have_text(HEADLINE)


@pytest.mark.parametrize("path", ["/statements/nothing", "/statements/taken-back", "/privacy"])
def test_what_cant_be_shown_stays_an_address(
    show: Callable[..., Locator], network_url: str, path: str
) -> None:
    frame = show(path)

    expect(frame.page.get_by_text(network_url + path, exact=True)).to_be_visible()
    expect(frame).to_have_count(0)


def test_an_author_gives_the_address_to_the_editor_and_sees_the_card_before_it_is_out(
    context: BrowserContext, wordpress: WordPress, network_url: str
) -> None:
    tab = signed_in(context, wordpress, "author")
    tab.goto(f"{wordpress.url}/wp-admin/post-new.php")
    tab.get_by_role("button", name="Close dialog").click()  # its welcome
    tab.get_by_role("textbox", name="Add title").fill("We signed this")
    tab.keyboard.press("Enter")
    tab.keyboard.type("/embed")
    tab.get_by_role("option", name="Embed", exact=True).click()
    tab.get_by_label("Embed URL").fill(f"{network_url}/statements/reading-room")
    tab.keyboard.press("Enter")

    preview = tab.frame_locator("figure iframe")
    expect(preview.get_by_role("heading", level=1)).to_have_text(HEADLINE)
    tab.get_by_role("button", name="Publish", exact=True).click()
    panel = tab.get_by_label("Editor publish")
    panel.get_by_role("button", name="Publish", exact=True).click()
    panel.get_by_role("link", name="View Post").first.click()
    tab.set_viewport_size({"width": DESKTOP, "height": TALL})
    assert_it_shows(tab.locator(".entry-content iframe"), HEADLINE)


def test_a_webmaster_who_names_the_network_as_a_provider_gets_links_and_forms(
    show: Callable[..., Locator], wordpress: WordPress, network_url: str, context: BrowserContext
) -> None:
    with wordpress.trusting(network_url):
        frame = show()
        with context.expect_page() as opened:
            frame.content_frame.get_by_role("link", name="Read and share").click()
        expect(opened.value.get_by_role("heading", level=1)).to_have_text(HEADLINE)

        form = show("/embed/newsletters/weekly").content_frame
        form.get_by_label("Your e-mail address").fill("visitor@readers.test")
        form.get_by_role("button", name="Sign up").click()
        expect(form.get_by_role("heading")).to_have_text("Check your inbox")


def signed_in(context: BrowserContext, wordpress: WordPress, login: str) -> Tab:
    tab = context.new_page()
    tab.goto(f"{wordpress.url}/wp-login.php")
    tab.get_by_label("Username or Email Address").fill(login)
    tab.get_by_label("Password", exact=True).fill(wordpress.password)
    tab.get_by_role("button", name="Log In").click()
    tab.wait_for_url("**/wp-admin/**")
    return tab
