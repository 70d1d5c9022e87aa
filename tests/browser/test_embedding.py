"""The widgets where they live: in frames of another site, in a browser that allows them little."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Request, expect

from tests.actors import CHECKOUT, Delivered, Page
from tests.browser.conftest import PATHS, WIDGETS, Member, Network, host

SANDBOX = "allow-forms allow-popups"
FORM = "/embed/newsletters/weekly"
CARD = "/embed/statements/reading-room"
LIST = "/embed/statements/reading-room/signatories"
PUBLIC = ["/", "/statements/reading-room", "/privacy", "/nothing", "/statements/taken-back"]


class Visitor:
    """Somebody with a browser that runs no script; what it asks for is noted."""

    def __init__(self, context: BrowserContext, network: Network, member: Member) -> None:
        self.context = context
        self.network = network
        self.member = member
        self.requests: list[Request] = []
        self.failed: list[str] = []
        context.set_default_timeout(10_000)
        context.on("request", self._asked)
        context.on("requestfailed", self._failed)
        self.tab = context.new_page()

    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    def _failed(self, request: Request) -> None:
        self.failed.append(request.url)

    def visit(self, path: str, sandbox: str = SANDBOX) -> FrameLocator:
        """Goes to a member's page that embeds what is at this path."""
        source = f"{self.network.url}{path}"
        frame = f'<iframe src="{source}" title="It" width="600" height="700" sandbox="{sandbox}">'
        self.tab.goto(self.member.publish("page.html", f"{frame}</iframe>"))
        return self.tab.frame_locator("iframe")

    def sign_up(self, address: str, path: str = FORM) -> FrameLocator:
        frame = self.visit(path)
        frame.get_by_label("Your e-mail address").fill(address)
        frame.get_by_role("button", name="Sign up").click()
        expect(frame.get_by_role("heading")).to_have_text("Check your inbox")
        return frame

    def mail_to(self, address: str) -> Delivered:
        before = len(self.network.relay.delivered)
        for number in range(1, before + 10):
            mail = self.network.relay.wait_for(number)[number - 1]
            if mail.recipients == [address]:
                return mail
        raise AssertionError(f"no mail to {address}")

    def cookies(self) -> list[str]:
        return [str(cookie["name"]) for cookie in self.context.cookies()]


@pytest.fixture
def visitor(browser: Browser, network: Network, member: Member) -> Iterator[Visitor]:
    context = browser.new_context(java_script_enabled=False)
    yield Visitor(context, network, member)
    context.close()


_numbers = count()


@pytest.fixture
def address() -> str:
    """An address that has not signed up yet."""
    return f"visitor{next(_numbers)}@readers.test"


class CookieSetter(BaseHTTPRequestHandler):
    """Sets a cookie that is allowed everywhere but in a browser without third-party cookies."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Set-Cookie", "everywhere=1; SameSite=None; Secure")
        self.end_headers()
        self.wfile.write(b"<h1>Here</h1>")

    def log_message(self, *_: object) -> None:
        pass


def test_this_browser_keeps_no_cookie_of_a_third_party(visitor: Visitor, member: Member) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), CookieSetter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        setter = f"http://localhost:{server.server_port}/"
        visitor.tab.goto(member.publish("cookie.html", f'<iframe src="{setter}"></iframe>'))
        expect(visitor.tab.frame_locator("iframe").get_by_role("heading")).to_have_text("Here")
        assert visitor.cookies() == []

        visitor.tab.goto(setter)
        assert visitor.cookies() == ["everywhere"]
        server.shutdown()


def test_a_reader_subscribes_without_leaving_the_frame(visitor: Visitor, address: str) -> None:
    frame = visitor.sign_up(address)
    frame.get_by_label("Six digits from the mail").fill(visitor.mail_to(address).code)
    frame.get_by_role("button", name="Confirm").click()

    expect(frame.get_by_role("heading")).to_have_text("You are subscribed")
    assert host(visitor.tab.url) == "member.test"
    assert visitor.failed == []


def test_the_mailed_link_confirms_by_its_button_and_not_by_being_opened(
    visitor: Visitor, network: Network, address: str
) -> None:
    visitor.sign_up(address)
    link = visitor.mail_to(address).link("confirm")
    before = network.subscriptions("confirmed")
    own_tab = visitor.context.new_page()
    own_tab.goto(link)
    own_tab.reload()
    expect(own_tab.get_by_role("heading")).to_have_text("One last step")
    assert network.subscriptions("confirmed") == before

    own_tab.get_by_role("button", name="Yes, send me").click()

    expect(own_tab.get_by_role("heading")).to_have_text("You are subscribed")
    assert network.subscriptions("confirmed") == before + 1


def test_a_refused_address_comes_back_as_it_was_typed(visitor: Visitor) -> None:
    frame = visitor.visit(FORM)
    field = frame.get_by_label("Your e-mail address")
    field.fill("anna at readers.test")
    frame.get_by_role("button", name="Sign up").click()

    expect(frame.get_by_role("alert")).to_be_visible()
    expect(field).to_have_value("anna at readers.test")
    expect(field).to_have_attribute("aria-invalid", "true")


def test_a_wrong_code_comes_back_as_it_was_typed_and_the_right_one_still_works(
    visitor: Visitor, address: str
) -> None:
    frame = visitor.sign_up(address)
    field = frame.get_by_label("Six digits from the mail")
    right = visitor.mail_to(address).code
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    field.fill(wrong)
    frame.get_by_role("button", name="Confirm").click()
    expect(frame.get_by_role("alert")).to_contain_text("That is not the code")
    expect(field).to_have_value(wrong)

    field.fill(f"{right[:3]} {right[3:]}")
    frame.get_by_role("button", name="Confirm").click()

    expect(frame.get_by_role("heading")).to_have_text("You are subscribed")


def test_the_look_and_the_site_go_along_through_the_frame(
    visitor: Visitor, network: Network, address: str
) -> None:
    frame = visitor.sign_up(address, f"{FORM}?theme=dark&accent=1f4d45&site=lamp-keepers")
    frame.get_by_label("Six digits from the mail").fill(visitor.mail_to(address).code)
    frame.get_by_role("button", name="Confirm").click()
    expect(frame.get_by_role("heading")).to_have_text("You are subscribed")

    asked = [one.url for one in visitor.requests if host(one.url) == "network.test"]
    assert len(asked) == 5
    assert all(url.endswith("?accent=1f4d45&site=lamp-keepers&theme=dark") for url in asked[1:])


def test_a_whole_visit_leaves_no_cookie_and_meets_no_third_party(
    visitor: Visitor, network: Network, member: Member, address: str
) -> None:
    frames = "".join(f'<iframe src="{network.url}{path}"></iframe>' for path in (CARD, LIST, FORM))
    visitor.tab.goto(member.publish("all.html", frames))
    for path in PUBLIC:
        visitor.tab.goto(network.url + path)
    frame = visitor.sign_up(address)
    mail = visitor.mail_to(address)
    frame.get_by_label("Six digits from the mail").fill(mail.code)
    frame.get_by_role("button", name="Confirm").click()
    expect(frame.get_by_role("heading")).to_have_text("You are subscribed")
    visitor.tab.goto(mail.link("confirm"))
    visitor.tab.goto(mail.link("unsubscribe"))
    visitor.tab.get_by_role("button", name="Yes, I leave").click()
    expect(visitor.tab.get_by_role("heading")).to_have_text("You have left")

    assert visitor.cookies() == []
    assert visitor.context.storage_state() == {"cookies": [], "origins": []}
    assert {host(one.url) for one in visitor.requests} == {"member.test", "network.test"}
    assert {one.resource_type for one in visitor.requests} == {"document", "image"}
    assert visitor.failed == []


@pytest.mark.parametrize("sandbox", [SANDBOX, f"{SANDBOX} allow-popups-to-escape-sandbox"])
@pytest.mark.parametrize(
    ("path", "link", "heading"),
    [
        (CARD, "Read and share", "Reopen the River Gate reading room and return its letters"),
        (LIST, "Read the statement", "Reopen the River Gate reading room and return its letters"),
        (FORM, "How we treat your address", "How we treat your address, and you"),
    ],
)
def test_a_widgets_link_opens_its_page_beside_the_members(
    visitor: Visitor, path: str, link: str, heading: str, sandbox: str
) -> None:
    frame = visitor.visit(path, sandbox)
    with visitor.context.expect_page() as opened:
        frame.get_by_role("link", name=link).click()

    expect(opened.value.get_by_role("heading", level=1)).to_have_text(heading)
    assert host(visitor.tab.url) == "member.test"
    expect(frame.get_by_role("link", name=link)).to_be_visible()


@pytest.mark.parametrize("name", WIDGETS)
def test_no_link_of_a_widget_leaves_it_within_the_frame(
    state: Callable[[str], Page], name: str
) -> None:
    for link in re.findall(r"<a [^>]*>", state(name).html):
        inside = re.search(r'href="(\?|/embed/)', link)
        assert inside or ('target="_blank"' in link and "noopener" in link), link


def test_no_page_but_a_widget_can_be_framed(visitor: Visitor, network: Network) -> None:
    desk = network.desk
    confirm = desk.confirm().path
    paths = [*PUBLIC, confirm, desk.link("unsubscribe"), "/confirm/cut-off", "/healthz"]
    for path in paths:
        visitor.visit(path)
        visitor.tab.frames[1].wait_for_url("chrome-error://chromewebdata/")
    assert len(visitor.failed) == len(paths)


@pytest.mark.parametrize("path", [CARD, LIST, FORM, "/embed/statements/nothing"])
def test_a_widget_shows_on_any_site_and_on_a_webmasters_own_disk(
    visitor: Visitor, network: Network, tmp_path: Path, path: str
) -> None:
    expect(visitor.visit(path).get_by_role("heading").first).to_be_visible()

    page = tmp_path / "draft.html"
    page.write_text(f'<iframe src="{network.url}{path}"></iframe>')
    visitor.tab.goto(page.as_uri())
    expect(visitor.tab.frame_locator("iframe").get_by_role("heading").first).to_be_visible()


def test_what_the_guide_tells_webmasters_to_paste_works(
    visitor: Visitor, network: Network, member: Member
) -> None:
    guide = (CHECKOUT / "docs" / "webmasters.md").read_text("utf-8")
    (card,) = re.findall(r"```html\n(<div.*?)```", guide, re.DOTALL)
    pasted = card.replace("https://widgets.network.example", network.url)
    pasted = pasted.replace("statements/river-gate", "statements/reading-room")
    visitor.tab.goto(member.publish("pasted.html", pasted))

    shown = visitor.tab.frame_locator("iframe")
    expect(shown.get_by_role("heading")).to_contain_text("Reopen the River Gate")
    expect(shown.get_by_role("img")).to_be_visible()


def test_the_snippet_on_a_statements_page_works(
    visitor: Visitor, network: Network, member: Member
) -> None:
    visitor.tab.goto(network.url + PATHS["statement"])
    pasted = visitor.tab.get_by_role("textbox", name="The statement, as a card").input_value()
    visitor.tab.goto(member.publish("copied.html", pasted))

    frame = visitor.tab.frame_locator("iframe")
    expect(frame.get_by_role("heading")).to_contain_text("Reopen the River Gate")
    expect(visitor.tab.get_by_role("link", name="Statement: Reopen")).to_have_attribute(
        "href", f"{network.url}/statements/reading-room"
    )


def test_a_form_from_the_builder_is_sent_from_within_its_sandbox(
    visitor: Visitor, network: Network, member: Member, address: str
) -> None:
    visitor.tab.goto(f"{network.url}/embed")
    visitor.tab.get_by_label("What to show").select_option(label="The newsletter form")
    visitor.tab.get_by_role("button", name="Show it so").click()
    pasted = visitor.tab.get_by_role("textbox", name="Paste this").input_value()
    visitor.tab.goto(member.publish("built.html", pasted))

    frame = visitor.tab.frame_locator("iframe")
    frame.get_by_label("Your e-mail address").fill(address)
    frame.get_by_role("button", name="Sign up").click()
    expect(frame.get_by_role("heading")).to_have_text("Check your inbox")


def test_a_picture_is_asked_for_in_the_width_of_the_frame_and_in_a_modern_format(
    visitor: Visitor,
) -> None:
    frame = visitor.visit(CARD)
    expect(frame.get_by_role("img")).to_be_visible()
    visitor.tab.wait_for_load_state("networkidle")
    pictures = [one.url for one in visitor.requests if one.resource_type == "image"]
    assert pictures[-1].endswith("-800.webp")
    # Chromium sometimes lays a frame of another process out before it knows its width.
    assert {one.rpartition("-")[2] for one in pictures} <= {"480.webp", "800.webp"}
