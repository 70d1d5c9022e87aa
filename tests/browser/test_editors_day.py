"""A day of an editor's life, in a browser that runs no script: from signing in to a withdrawal."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FrameLocator, expect
from playwright.sync_api import Page as Tab

from tests.actors import Delivered, Reader, wait_until
from tests.browser.conftest import Member, Network, host
from tests.samples import picture_bytes
from widgets import editors
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import Role

MEMBERS = 115
ENDORSING = 100
SLUG = "let-the-library-boat-sail-again"
HEADLINE = "Let the library boat sail again"
TEXT = """On Friday the ferry to Sample Island stopped for good, and with it the library boat.

> “We lent books to every house on the shore, and every one came back.”

We ask the harbour to let the library boat sail again."""
FRENCH_HEADLINE = "Laissez repartir le bateau-bibliothèque"
FRENCH = """Vendredi, le bac de l’île n’est plus parti, et avec lui le bateau-bibliothèque.

Nous demandons au port de le laisser repartir."""


class Office:
    """An editor before a browser without scripts, and the mail that the network sends.

    The console's cookie needs a secure origin, which this machine's own address is.
    """

    def __init__(self, tab: Tab, network: Network) -> None:
        self.tab = tab
        self.network = network
        self.url = f"http://127.0.0.1:{urlsplit(network.url).port}"

    def open(self, path: str) -> None:
        self.tab.goto(self.url + path)

    def press(self, button: str) -> None:
        self.tab.get_by_role("button", name=button, exact=True).click()

    def type(self, label: str, text: str) -> None:
        self.tab.get_by_label(label, exact=True).fill(text)

    def follow(self, link: str) -> None:
        self.tab.get_by_role("link", name=link, exact=True).first.click()

    def is_told(self, words: str | re.Pattern[str]) -> None:
        expect(self.tab.get_by_role("status")).to_contain_text(words)

    def sign_in(self, address: str) -> None:
        before = len(self.network.relay.delivered)
        self.open("/admin")
        self.type("Your e-mail address", address)
        self.press("Mail me a link")
        (mail,) = self.mails(before, 1)
        assert mail.recipients == [address]
        (code,) = re.findall(r"^ +(\d{8})$", mail.text, re.MULTILINE)
        self.type("Eight digits from the mail", code)
        self.press("Sign in")
        expect(self.tab.get_by_role("heading", level=1)).to_contain_text("Good to see you")

    def wait_for_work(self) -> None:
        """On the page of a job, which loads itself anew until there is nothing to wait for."""
        expect(self.tab).to_have_url(re.compile("/admin/jobs/"))
        expect(self.tab.get_by_role("progressbar")).to_have_count(0, timeout=90_000)

    def mails(self, before: int, many: int) -> list[Delivered]:
        """The next mails after so many; all of them, when they have come."""
        delivered = self.network.relay.delivered
        wait_until(lambda: len(delivered) >= before + many, 120, f"{many} mails")
        return list(delivered[before:])


@pytest.fixture
def office(browser: Browser, network: Network) -> Iterator[Office]:
    with network.desk.service.database.writing() as session:
        editors.add(
            session,
            parse("olga@office.test", allow_test_domains=True),
            "Olga",
            Role.ADMINISTRATOR,
            COMMAND_LINE,
            datetime.now(UTC),
        )
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    yield Office(context.new_page(), network)
    context.close()


def members_table() -> str:
    """Members in three countries, each with somebody to write to, in three languages."""
    rows = [
        f"Reading Circle {number:03},{('NO', 'KE', 'EG')[number % 3]},"
        f"circle{number}@members.test,{('en', 'fr', 'ar')[number % 3]}"
        for number in range(MEMBERS)
    ]
    return "\n".join(["name,country,contact address,contact lang", *rows])


def link_in(mail: Delivered) -> str:
    """The path of the link by which a member answers."""
    (link,) = set(re.findall(r"http://network\.test:\d+(/endorse/[\w.-]+)", mail.text))
    return str(link)


class Readers:
    """Each opens the member's page for the first time, and sees what stands then."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url

    def next(self) -> FrameLocator:
        tab = self._browser.new_context(java_script_enabled=False).new_page()
        tab.goto(self._url)
        return tab.frame_locator("iframe")


def test_a_day_of_an_editor(
    office: Office, network: Network, member: Member, browser: Browser, tmp_path: Path
) -> None:
    tab = office.tab
    office.sign_in("olga@office.test")

    # the members come in as a table, after a look at what would change
    office.open("/admin/members/import")
    office.type("Or the table itself, pasted", members_table())
    office.press("See what would change")
    expect(tab.get_by_role("heading", level=1)).to_have_text("What would change")
    office.press("Bring it in")
    office.wait_for_work()
    office.is_told(str(MEMBERS))

    # the statement is written, looked at before it is saved, and translated
    office.open("/admin/statements/new")
    office.type("Headline", HEADLINE)
    office.press("Begin the draft")
    number = urlsplit(tab.url).path.rpartition("/")[2]
    office.type("Text", TEXT)
    office.press("Show")
    preview = tab.frame_locator("iframe[name=preview]")
    on_phone = preview.frame_locator("iframe[title='On a phone']")
    expect(on_phone.get_by_role("heading", name=HEADLINE)).to_be_visible()
    expect(on_phone.get_by_text("to every house on the shore")).to_be_visible()
    office.press("Save")
    office.is_told("Saved")

    office.open(f"/admin/statements/{number}/text/fr")
    office.type("Headline", FRENCH_HEADLINE)
    office.type("Text", FRENCH)
    office.press("Save")
    office.is_told("Saved")

    photo = tmp_path / "boat.jpg"
    photo.write_bytes(picture_bytes(1200, 800))
    office.open(f"/admin/statements/{number}/picture")
    tab.get_by_label("Picture", exact=True).set_input_files(photo)
    tab.get_by_label("What is in it").first.fill("A boat full of books")
    tab.get_by_label("Credit", exact=True).fill("A. Painter")
    office.press("Save")
    office.is_told(re.compile("."))

    # nobody outside can read it yet
    http = Reader(office.url)
    for path in (f"/statements/{SLUG}", f"/embed/statements/{SLUG}"):
        assert http.open(path).status == 404

    # all members are asked; a hundred endorse by their mailed links, three of them in a browser
    before = len(network.relay.delivered)
    office.open(f"/admin/statements/{number}/endorsements/invite")
    office.press("Go on")
    office.press(f"Send {MEMBERS} mails")
    office.wait_for_work()
    mails = office.mails(before, MEMBERS)
    assert len({mail.recipients[0] for mail in mails}) == len(mails) == MEMBERS
    assert {mail.mail["Content-Language"] for mail in mails} == {"en", "fr", "ar"}
    by_language = {mail.mail["Content-Language"]: mail for mail in mails}
    for lang, button in (("en", "Endorse"), ("fr", "Soutenir"), ("ar", "أؤيّد")):
        office.open(link_in(by_language[lang]))
        assert tab.locator("html").get_attribute("lang") == lang
        buttons = tab.locator("main form button")
        assert buttons.count() == 2, button
        buttons.first.click()
    shown = [link_in(mail) for mail in by_language.values()]
    others = [link_in(mail) for mail in mails if link_in(mail) not in shown]
    for path in others[: ENDORSING - 3]:
        page = http.open(path)
        form = next(one for one in page.forms if one.method == "post")
        assert http.post(form.action, form.fields).status in (200, 303)
    office.open(f"/admin/statements/{number}/endorsements")
    expect(tab.get_by_text(f"{ENDORSING} names stand")).to_be_visible()

    # what publishing would change is told, and then so
    office.open(f"/admin/statements/{number}/publish")
    expect(tab.get_by_text("What publishing changes")).to_be_visible()
    expect(tab.get_by_text(f"/statements/{SLUG}").first).to_be_visible()
    office.press("Publish now")
    office.is_told(re.compile("."))

    # on a member's page, as its webmaster pasted it
    snippet = http.open(f"/statements/{SLUG}/embed?widget=card").html
    pasted = re.search(r"<textarea[^>]*>(.*?)</textarea>", snippet, re.DOTALL)
    assert pasted
    embedding = member.publish("boat.html", unescape(pasted[1]))
    assert host(embedding) != host(office.url)
    readers = Readers(browser, embedding)
    card = readers.next()
    expect(card.get_by_role("heading", name=HEADLINE)).to_be_visible()
    expect(card.get_by_text(str(ENDORSING))).to_be_visible()

    # one more comes in: the list grows where it is embedded
    page = http.open(others[ENDORSING - 3])
    form = next(one for one in page.forms if one.method == "post")
    http.post(form.action, form.fields)
    expect(readers.next().get_by_text(str(ENDORSING + 1))).to_be_visible()

    # a correction, and a withdrawal, are told in the widget itself
    office.open(f"/admin/statements/{number}/publish/correction")
    tab.get_by_label(re.compile("What was corrected .English")).fill("It was on a Thursday.")
    office.press("Tell readers")
    expect(readers.next().get_by_text("It was on a Thursday.")).to_be_visible()

    office.open(f"/admin/statements/{number}/publish/withdraw")
    tab.get_by_label(re.compile("Reason for readers .English")).fill("The boat sails again.")
    office.press("Withdraw it now")
    expect(readers.next().get_by_text("The boat sails again.")).to_be_visible()

    # all of it is in the audit, by whom it was
    office.open("/admin/audit?kind=statement")
    for done in ("published", "correction", "withdrew"):
        expect(tab.get_by_text(re.compile(done)).first).to_be_visible()
