"""An issue as a mail program shows it: the HTML of the real message, in a browser."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Playwright, Route
from playwright.sync_api import Page as Tab
from sqlalchemy import select, update

from tests.browser.conftest import FLAGS, missing, resize, write_statements
from tests.browser.test_accessibility import AXE
from tests.conftest import SECRET, Databases
from tests.samples import issued, publish, subscribed
from tests.test_letters import html, plain
from widgets import create_app, dispatch, letters
from widgets import settings as setting_values
from widgets.models import Message, Statement
from widgets.service import Service, make_ready, open_service

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
LANGUAGES = ("en", "fr", "ar", "km", "ru")
BASE = "https://network.test"
MAIL = "http://mail.test/"
# A mail has no landmarks: it is read within the page of a mail program. What is off besides is as
# in test_accessibility.
FIND = """() => axe.run(document, {
  resultTypes: ["violations"],
  rules: Object.fromEntries(axe.getRules().map(rule => [rule.ruleId, {enabled: ![
    "color-contrast-enhanced", "region", "landmark-one-main"].includes(rule.ruleId)}])),
}).then(found => found.violations.flatMap(one => one.nodes.map(
  node => `${one.id}: ${node.html.slice(0, 100)}: ${node.failureSummary.slice(0, 300)}`)))"""


@pytest.fixture(scope="module")
def service(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A network whose issue is being sent, to a reader in each of LANGUAGES: statements in several
    languages and directions, with pictures high and wide, one corrected."""
    folder = tmp_path_factory.mktemp("mail")
    values = {
        "SECRET_KEY": SECRET,
        "HASH_KEY": "another secret of the tests",
        "DATABASE_URL": databases.fresh(),
        "INSTANCE_PATH": str(folder / "instance"),
        "NETWORK_NAME": "Network of Reading Rooms",
        "BASE_URL": BASE,
        "MAIL_FROM": "weekly@network.test",
        "SMTP_URL": "smtp://127.0.0.1:9",
        "POSTAL_ADDRESS": "7 Quay Street, River Gate",
    }
    opened = open_service(setting_values.from_values(values))
    make_ready(opened)
    publish(opened, *write_statements(folder))
    with opened.database.writing() as session:
        session.execute(
            update(Statement)
            .where(Statement.slug == "barge")
            .values(correction="Es war ein Dienstag.", corrected_on=NOW.date())
        )
    for lang in LANGUAGES:
        subscribed(opened, f"{lang}@example.org", lang=lang)
    words = {
        "en": "What **we** say.\n\n- one\n- [two](https://network.test/two)",
        "ar": "ما *نقوله* هذا الأسبوع.",
    }
    issued(opened, at=NOW, introductions=words)
    while dispatch.run_once(opened.database, NOW):
        pass
    yield opened
    opened.database.close()


@pytest.fixture(scope="module")
def mails(service: Service) -> dict[str, Any]:
    """The messages, by language."""
    with service.database.reading() as session:
        rows = session.scalars(select(Message).where(Message.kind == "issue")).all()
        return {
            row.subscription.lang: letters.compose(service, session, row.id)
            for row in rows
            if row.subscription
        }


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[FlaskClient]:
    app = create_app(service.settings)
    yield app.test_client()
    app.extensions["sightings"].close()
    app.extensions["undersigned"].database.close()


@pytest.fixture(scope="module")
def program(chromium: str, playwright: Playwright) -> Iterator[Browser]:
    if not AXE.is_file():
        missing("there is no axe-core: run `npm ci --prefix tests`")
    started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield started
    started.close()


@pytest.fixture
def show(
    program: Browser, service: Service, mails: dict[str, Any]
) -> Iterator[Callable[..., tuple[Tab, list[str]]]]:
    """Opens a mail; gives the tab, and what was fetched for it."""
    context = program.new_context()
    context.add_init_script(path=AXE)

    def showing(
        lang: str,
        scheme: Any = "light",
        *,
        pictures: bool = True,
        sheet: bool = True,
        page: str = "",
    ) -> tuple[Tab, list[str]]:
        body = page or html(mails[lang])
        if not sheet:
            body = re.sub(r"<style>.*?</style>", "", body, flags=re.DOTALL)
        fetched: list[str] = []
        tab = context.new_page()
        tab.emulate_media(color_scheme=scheme)

        def answer(route: Route) -> None:
            url = route.request.url
            if url == MAIL:
                return route.fulfill(body=body, content_type="text/html; charset=utf-8")
            fetched.append(url)
            name = url.rpartition("/")[2]
            found = list(service.settings.instance_path.rglob(name))
            return route.fulfill(path=found[0]) if pictures and found else route.abort()

        tab.route("**/*", answer)
        tab.goto(MAIL)
        return tab, fetched

    yield showing
    context.close()


def fits(tab: Tab, width: int) -> bool:
    """Whether nothing is wider than a window of this width."""
    resize(tab, width)
    return bool(tab.evaluate("document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_reads_well_at_every_width_in_light_and_dark(
    show: Callable[..., tuple[Tab, list[str]]], lang: str, scheme: str
) -> None:
    tab, fetched = show(lang, scheme)
    for width in (320, 640, 1024):
        assert fits(tab, width)
        assert tab.evaluate(FIND) == []
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 25, 29)"}[scheme]
    assert len(fetched) == 2
    assert all(url.startswith(f"{BASE}/pictures/") and "?" not in url for url in fetched)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_holds_together_without_pictures_and_without_its_sheet(
    show: Callable[..., tuple[Tab, list[str]]], lang: str
) -> None:
    tab, _ = show(lang, pictures=False, sheet=False)
    for width in (320, 640, 1024):
        assert fits(tab, width)
    assert tab.evaluate(FIND) == []
    # the invisible first line stays invisible, and a picture says what it shows
    assert not tab.locator(".preheader").is_visible()
    assert tab.get_by_alt_text("Chairs on tables").count() == 1
    column = tab.evaluate("document.querySelector('.masthead').getBoundingClientRect().width")
    assert column == 560


@pytest.mark.parametrize("lang", LANGUAGES)
def test_text_begins_where_its_language_does(
    show: Callable[..., tuple[Tab, list[str]]], lang: str
) -> None:
    tab, _ = show(lang)
    resize(tab, 640)
    sides = tab.evaluate(
        """() => ["h1", "h2[lang=ar]", "h2[lang=de]"].map(which => {
          const range = document.createRange()
          range.selectNodeContents(document.querySelector(which))
          const [words, sheet] = [range, document.querySelector(".masthead")].map(
            one => one.getBoundingClientRect())
          return words.left - sheet.left < sheet.right - words.right ? "left" : "right"
        })"""
    )
    assert sides == ["right" if lang == "ar" else "left", "right", "left"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_size_of_letters_is_hard_to_read_and_the_mail_is_small(
    show: Callable[..., tuple[Tab, list[str]]], mails: dict[str, Any], lang: str
) -> None:
    tab, _ = show(lang)
    sizes = tab.evaluate(
        """() => [".lede", ".read a", ".press a", ".ways a", ".introduction p"].flatMap(which =>
          [...document.querySelectorAll(which)].map(
            one => parseFloat(getComputedStyle(one).fontSize)))"""
    )
    assert min(sizes) >= 16
    assert len(html(mails[lang]).encode()) < 30_000
    assert len(plain(mails[lang]).encode()) < 10_000


@pytest.mark.parametrize("path", ["/newsletters/weekly/1", "/newsletters/weekly"])
@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("ar", "dark"), ("km", "light")])
def test_its_web_version_and_the_archive_read_as_well(
    show: Callable[..., tuple[Tab, list[str]]],
    client: FlaskClient,
    path: str,
    lang: str,
    scheme: str,
) -> None:
    address = f"{BASE}{path}?lang={lang}"
    answer = client.get(address, base_url=BASE)
    assert answer.status_code == 200
    tab, _ = show(lang, scheme, page=answer.text)
    rules = FIND.replace('"region", "landmark-one-main"', "").replace(
        "{\n", "{iframes: false,\n", 1
    )
    for width in (320, 1024):
        assert fits(tab, width)
        assert tab.evaluate(rules) == []
