"""Every page and every mail in every language; and which language an answer is in."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import html5lib
import pytest
from babel.support import NullTranslations
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from tests.actors import Reader
from tests.browser.conftest import STATES, WIDGETS, Desk, write_statements
from tests.samples import follow, publish, statement_file
from tests.test_letters import html, plain, written
from tests.test_newsletters import Desk as Counter
from widgets import catalogues, languages, newsletters, statements
from widgets.catalogues import TRANSLATED
from widgets.languages import LANGUAGES, gettext, speaking
from widgets.models import ConsentText, Feed, NewsletterText, Post, SignUp
from widgets.models.fact import content_changed
from widgets.service import Service, open_service
from widgets.settings import Settings, UnsafeSettings
from widgets.text import direction

ROUND_TRIP = 14_600  # bytes on the wire
FORM = "/embed/newsletters/weekly"
# What holds words of its own and no smaller such thing.
BLOCKS = {"title", "h1", "h2", "h3", "p", "a", "li", "label", "button", "span", "strong", "option",
          "summary", "figcaption", "time", "legend"}  # fmt: skip


def said_in(page: str) -> set[str]:
    """Every piece of words in a page, labels for screen readers too."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    found = set()
    for element in tree.iter():
        if element.tag in BLOCKS:
            found.add(" ".join("".join(element.itertext()).split()))
        found |= {
            element.attrib[name] for name in ("aria-label", "title") if name in element.attrib
        }
        if element.tag == "meta" and element.attrib.get("name") == "description":
            found.add(element.attrib["content"])
    return found


def forms(said: str | tuple[str, ...]) -> list[str]:
    return [said] if isinstance(said, str) else list(said)


@cache
def english(lang: str) -> list[re.Pattern[str]]:
    """What no piece of words in another language may be: each English string that differs there."""
    patterns = []
    for message in catalogues.read(lang):
        if message.id:
            for form in forms(message.id):
                if form not in forms(message.string):
                    words = re.split(r"%\(\w+\)s", form)
                    # between two names, one short word could stand in any sentence
                    least = 4 if not words[0] and not words[-1] else 1
                    if any(len(word.strip(" :“”")) > least for word in words):
                        patterns.append(re.compile(".+?".join(map(re.escape, words))))
    return patterns


def english_left_over(page: str, lang: str) -> list[str]:
    patterns = english(lang)
    return [words for words in said_in(page) if any(p.fullmatch(words) for p in patterns)]


def root(page: str) -> dict[str, str]:
    """What the page says of its language and direction."""
    return dict(html5lib.parse(page, namespaceHTMLElements=False).attrib)


@pytest.fixture(params=TRANSLATED)
def lang(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(
    make_app: Callable[[Settings], Flask],
    make_settings: Callable[..., Settings],
    tmp_path: Path,
    lang: str,
) -> Desk:
    """At a network whose own language is this one."""
    app = make_app(make_settings(LANGUAGE=lang, MAILBOX_LIMIT=100, NETWORK_NAME="IFLA"))
    desk = Desk(app)
    statements.import_files(
        desk.service.database,
        desk.service.settings.instance_path,
        write_statements(tmp_path),
        datetime.now(UTC),
    )
    follow(desk.service, "news", posts=3)
    return desk


def test_every_state_of_every_page_speaks_the_language(desk: Desk, lang: str) -> None:
    for name in STATES:
        page = desk.state(name)
        assert root(page.html) == {"lang": lang, "dir": direction(lang)}, name
        assert english_left_over(page.html, lang) == [], name


def test_english_that_was_forgotten_would_be_found() -> None:
    page = "<!doctype html><title>Erreur</title><h1>Check your inbox</h1><p>Error: Erreur</p>"

    assert sorted(english_left_over(page, "fr")) == ["Check your inbox", "Error: Erreur"]


class Marked(NullTranslations):
    """A language in which every word that was looked up stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid2}⟧"

    def pgettext(self, context: str, message: str) -> str:
        return f"⟦{message}⟧"


BRACKETED = re.compile("⟦[^⟦⟧]*⟧")
WORD = re.compile("[A-Za-z]{3,}")


def never_looked_up(page: str, known: set[str]) -> list[str]:
    """Pieces of a page with a word in them that is neither in brackets nor known."""
    return [piece for piece in said_in(page) if unmarked(piece) - known]


def unmarked(piece: str) -> set[str]:
    """Its words that don't stand in brackets, web addresses apart."""
    words = re.sub(r"https?://\S+", "", piece.replace("\u00ad", ""))
    while BRACKETED.search(words):  # one may stand in another
        words = BRACKETED.sub(" ", words)
    return set(WORD.findall(words))


@pytest.mark.parametrize("lang", ["ru"], indirect=True)
def test_every_word_on_every_page_is_looked_up_in_the_catalogue(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(languages, "_words", lambda _: Marked())
    written_by_others = " ".join(
        path.read_text("utf-8") for path in tmp_path.rglob("*") if path.suffix in (".md", ".csv")
    )
    with desk.service.database.reading() as session:
        for feed in session.execute(select(Feed.own_title, Post.title, Post.summary).join(Post)):
            written_by_others += " ".join(feed)
    names = " ".join(["IFLA", desk.service.settings.mail_from, *map(languages.own_name, LANGUAGES)])
    known = set(WORD.findall(f"{written_by_others} {names}"))
    # dates and countries are Babel's, and in Cyrillic letters
    found = {name: never_looked_up(desk.state(name).html, known) for name in STATES}
    assert {name: pieces for name, pieces in found.items() if pieces} == {}


@pytest.mark.parametrize("kind", ["confirmation", "already"])
def test_every_word_of_a_mail_is_looked_up_in_the_catalogue(
    service: Service, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(languages, "_words", lambda _: Marked())
    counter = Counter(service)
    sign_up = counter.sign_up(lang="ru")
    if kind == "already":
        counter.confirm(sign_up)
        counter.now += timedelta(minutes=1)
        counter.sign_up(lang="ru")
    mail = written(service)
    known = set(WORD.findall(service.settings.network_name))

    assert never_looked_up(html(mail), known) == []
    assert unmarked(mail["Subject"]) | unmarked(plain(mail)) <= known


def test_words_that_were_never_looked_up_would_be_found() -> None:
    page = "<!doctype html><title>⟦About ⟦us⟧⟧ Ferries</title><p>⟦Sent⟧ to you</p>"

    assert never_looked_up(page, {"Ferries"}) == ["⟦Sent⟧ to you"]


def test_every_widget_fits_the_first_round_trip_in_the_language(desk: Desk, lang: str) -> None:
    client = desk.app.test_client()
    kept = [name for name in WIDGETS if name not in ("no such card", "withdrawn card")]
    sizes = {}
    for name in kept:
        page = desk.state(name)
        if "public" in page.headers["Cache-Control"]:
            for encoding in ("br", "gzip"):
                answer = client.get(page.path, headers={"Accept-Encoding": encoding})
                head = sum(len(f"{key}: {value}\r\n") for key, value in answer.headers)
                sizes[name, encoding] = len(answer.data) + head + 200
    assert len(sizes) > 40
    assert {name: size for name, size in sizes.items() if size >= ROUND_TRIP} == {}


@pytest.mark.parametrize("kind", ["confirmation", "already"])
def test_mails_are_written_in_the_language_of_the_sign_up(
    service: Service, lang: str, kind: str
) -> None:
    counter = Counter(service)
    sign_up = counter.sign_up(lang=lang)
    if kind == "already":
        counter.confirm(sign_up)
        counter.now += timedelta(minutes=1)
        counter.sign_up(lang=lang)
    mail = written(service)

    assert mail["Content-Language"] == lang
    assert root(html(mail)).items() >= {"lang": lang, "dir": direction(lang)}.items()
    assert english_left_over(html(mail), lang) == []
    lines = [mail["Subject"], *filter(str.strip, plain(mail).splitlines())]
    assert [line for line in lines if any(p.fullmatch(line) for p in english(lang))] == []
    with service.database.reading() as session:
        name = newsletters.form(session, "weekly", lang).name
    for text in (mail["Subject"], plain(mail), html(mail)):
        assert name in text


def test_a_language_that_is_spoken_no_longer_gets_its_mail_in_the_networks(
    make_settings: Callable[..., Settings],
) -> None:
    service = open_service(make_settings(LANGUAGE="fr"))
    Counter(service).sign_up(lang="de")
    mail = written(service)
    service.database.close()

    assert mail["Content-Language"] == "fr"
    assert "votre code" in mail["Subject"]


# Which language


@pytest.mark.parametrize(
    ("query", "lang"),
    [
        ("", "en"),
        ("?lang=fr", "fr"),
        ("?lang=pt-BR", "pt"),
        ("?lang=AR", "ar"),
        ("?lang=klingon", "en"),
        ("?lang=de", "en"),
        ("?lang=xx-!!", "en"),
        (f"?lang={'a' * 500}", "en"),
        ("?lang=", "en"),
        ("?lang=%00", "en"),
        ("?lang=fr&lang=ar", "fr"),
    ],
)
@pytest.mark.parametrize("path", [FORM, "/", "/privacy", "/secure-connection", "/embed"])
def test_the_address_asks_for_a_language(reader: Reader, path: str, query: str, lang: str) -> None:
    page = reader.open(path + query)

    assert page.status == 200
    assert root(page.html) == {"lang": lang, "dir": direction(lang)}


@pytest.mark.parametrize("path", [FORM, "/", "/privacy", "/embed/statements/none", "/embed"])
def test_what_is_kept_for_everybody_asks_no_browser(app: Flask, path: str) -> None:
    arabic = Reader(app.test_client(), {"Accept-Language": "ar"})

    assert root(arabic.open(path).html)["lang"] == "en"
    assert root(Reader(app.test_client()).open(path).html)["lang"] == "en"
    assert "Accept-Language" not in arabic.open(path).headers.get("Vary", "")


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [
        ("ar", "ar"),
        ("de-CH, fr;q=0.5, ru;q=0.8", "ru"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("fr;q=0", "en"),
        ("*", "en"),
        ("xx;;;q=,,,", "en"),
        ("fr" * 2000, "en"),
        ("", "en"),
    ],
)
@pytest.mark.parametrize("path", ["/confirm/cut-off", "/unsubscribe/cut-off", "/nothing"])
def test_what_is_for_one_reader_asks_their_browser(
    app: Flask, path: str, accepted: str, lang: str
) -> None:
    page = Reader(app.test_client(), {"Accept-Language": accepted}).open(path)

    assert root(page.html)["lang"] == lang
    assert page.headers["Cache-Control"] == "no-store"
    assert root(Reader(app.test_client()).open(f"{path}?lang=km").html)["lang"] == "km"


def test_pages_behind_links_speak_the_language_of_the_sign_up(app: Flask) -> None:
    """However the browser was set up, in whatever café."""
    desk = CafeDesk(app)
    desk.form = f"{FORM}?lang=ru"
    for page in (desk.confirm(), desk.confirmed(), desk.unsubscribe(), desk.unsubscribed()):
        assert root(page.html)["lang"] == "ru"
        assert english_left_over(page.html, "ru") == []
    asked = desk.reader.press(desk.reader.open(f"{desk.confirm().path}?lang=km"))
    assert root(asked.html)["lang"] == "km"  # through the redirect after the press
    assert asked.path.endswith("?lang=km")


class CafeDesk(Desk):
    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.reader = Reader(app.test_client(), {"Accept-Language": "es"})


def test_nothing_of_one_reader_is_left_for_the_next(client: FlaskClient) -> None:
    client.get("/nothing", headers={"Accept-Language": "ar"})
    client.get(f"{FORM}?lang=ar")

    assert languages.spoken() == "en"
    assert root(client.get("/privacy").text)["lang"] == "en"


def test_the_networks_language_is_a_setting(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    reader = Reader(make_app(make_settings(LANGUAGE="FR")).test_client())

    assert root(reader.open("/").html)["lang"] == "fr"
    assert root(reader.open("/?lang=en").html)["lang"] == "en"
    assert root(reader.open(f"{FORM}?lang=klingon").html)["lang"] == "fr"
    for wrong in ("klingon", "pt-BR", ""):
        with pytest.raises(UnsafeSettings, match=r"UNDERSIGNED_LANGUAGE must be one of en, fr"):
            make_settings(LANGUAGE=wrong)


# The language goes along


def test_links_within_the_site_keep_the_language_and_never_write_the_usual_one(
    app: Flask, service: Service, reader: Reader, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, names=[f"Name {n}" for n in range(300)]))
    unasked = "/feed.atom|/feed.json|.json|/oembed|/pictures/|share.png|/mailbox|hreflang"
    for path in ("/", "/privacy", "/statements/river-gate", "/secure-connection", "/embed",
                 "/statements/river-gate/embed", FORM, "/embed/stories", "/embed/statements/latest",
                 "/embed/statements/river-gate/signatories"):  # fmt: skip
        for lang, kept in (("ar", "lang=ar"), ("en", None)):
            page = reader.open(f"{path}?lang={lang}" if kept else path)
            tree = html5lib.parse(page.html, namespaceHTMLElements=False)
            for link in tree.iter("a"):
                href = link.attrib["href"].removeprefix("http://127.0.0.1:8000")
                ours = href.startswith(("/", "?")) and "hreflang" not in link.attrib
                if ours and not re.search(unasked, href):
                    assert (kept in href) if kept else ("lang=" not in href), (path, href)


def test_the_foot_offers_each_page_in_the_other_languages(reader: Reader) -> None:
    for path in ("/", "/privacy", "/secure-connection"):
        for lang in LANGUAGES:
            page = reader.open(f"{path}?lang={lang}")
            (foot,) = html5lib.parse(page.html, namespaceHTMLElements=False).iter("footer")
            offered = {
                one.attrib["hreflang"]: one for one in foot.iter("a") if "hreflang" in one.attrib
            }
            assert set(offered) == set(LANGUAGES) - {lang}
            for other, link in offered.items():
                assert link.attrib["lang"] == other
                assert link.text == languages.own_name(other)
                assert link.attrib["href"] == (path if other == "en" else f"{path}?lang={other}")
                assert root(reader.open(link.attrib["href"]).html)["lang"] == other


def test_a_private_page_can_be_had_in_the_networks_language_against_the_browsers(
    app: Flask,
) -> None:
    reader = Reader(app.test_client(), {"Accept-Language": "fr"})
    page = reader.open("/confirm/cut-off")
    (english,) = re.findall(r'href="([^"]*)" hreflang="en"', page.html)

    assert root(reader.open(english).html)["lang"] == "en"


def test_search_engines_are_told_of_every_language(reader: Reader) -> None:
    for path in ("/", "/privacy", "/secure-connection"):
        page = reader.open(f"{path}?lang=ru")
        tree = html5lib.parse(page.html, namespaceHTMLElements=False)
        links = [link.attrib for link in tree.iter("link")]
        (canonical,) = [one["href"] for one in links if one["rel"] == "canonical"]
        told = {one["hreflang"]: one["href"] for one in links if "hreflang" in one}
        assert canonical == f"http://127.0.0.1:8000{path}?lang=ru"
        assert set(told) == {*LANGUAGES, "x-default"}
        assert told["en"] == told["x-default"] == f"http://127.0.0.1:8000{path}"
        assert told["ru"] == canonical


# The newsletter and its evidence


@pytest.mark.parametrize("lang", LANGUAGES)
def test_evidence_points_at_the_words_that_the_reader_saw(
    reader: Reader, service: Service, lang: str
) -> None:
    form = reader.open(f"{FORM}?lang={lang}")
    inbox = reader.press(form, address="anna@example.org")

    assert root(inbox.html)["lang"] == lang
    with service.database.reading() as session:
        (record,) = session.scalars(select(SignUp))
        agreed = session.get_one(ConsentText, record.consent_text_id)
        assert record.lang == agreed.lang == lang
        assert " ".join(agreed.text.split()) in form.text
        code = service.links.code(record.id)
    done = reader.press(inbox, code=code)
    assert root(done.html)["lang"] == lang
    assert english_left_over(done.html, lang) == []


def test_a_form_sent_in_one_language_and_shown_in_another_keeps_its_evidence(
    reader: Reader, service: Service
) -> None:
    shown = reader.open(f"{FORM}?lang=fr").form.fields
    reader.post(f"{FORM}?lang=ar", {**shown, "address": "anna@example.org"})

    with service.database.reading() as session:
        (record,) = session.scalars(select(SignUp))
        assert session.get_one(ConsentText, record.consent_text_id).lang == "fr"


def test_a_newsletter_without_the_language_is_shown_in_its_own_and_says_so(
    reader: Reader, service: Service
) -> None:
    with service.database.writing() as session:
        session.execute(delete(NewsletterText).where(NewsletterText.lang == "ar"))
        content_changed(session)
    page = reader.open(f"{FORM}?lang=ar")

    assert root(page.html) == {"lang": "ar", "dir": "rtl"}
    assert '<h1 lang="en" dir="ltr">The week, in your inbox</h1>' in page.html
    assert '<span lang="en" dir="ltr">By signing up' in page.html
    inbox = reader.press(page, address="anna@example.org")
    assert root(inbox.html)["lang"] == "ar"
    assert written(service)["Content-Language"] == "ar"


def test_a_missing_language_gives_way_to_the_networks_before_the_newsletters(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(LANGUAGE="fr"))
    with app.extensions["undersigned"].database.writing() as session:
        session.execute(delete(NewsletterText).where(NewsletterText.lang == "km"))
    page = Reader(app.test_client()).open(f"{FORM}?lang=km")

    assert '<h1 lang="fr" dir="ltr">La semaine' in page.html


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_state_of_an_address_has_the_same_answer_in_every_language(
    reader: Reader, service: Service, lang: str
) -> None:
    counter = Counter(service)
    counter.confirm(counter.sign_up("confirmed@example.org"))
    counter.leave(counter.sign_up("left@example.org"))
    counter.suppress("suppressed@example.org")
    answers = set()
    for name in ("new", "confirmed", "left", "suppressed"):
        page = reader.sign_up(f"{name}@example.org", f"{FORM}?lang={lang}")
        answers.add(re.sub(r"/inbox/[\w.-]+", "/inbox/…", page.html))

    assert len(answers) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_wrong_with_an_address_is_said_in_the_language(reader: Reader, lang: str) -> None:
    for wrong, sentence in (
        ("", "Please type your e-mail address."),
        ("anna", "An e-mail address has an @ in it, like name@example.org."),
        ("a@example.org, b@example.org", "Please type one address; each is signed up by itself."),
    ):
        page = reader.sign_up(wrong, f"{FORM}?lang={lang}")
        with speaking(lang):
            assert " ".join(gettext(sentence).split()) in page.text
        assert page.status == 422
