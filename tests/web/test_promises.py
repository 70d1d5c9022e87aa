"""The promises of the design, on every route there is: a new page can't forget them."""

import gzip
import random
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import html5lib
import pytest
from babel import Locale
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.actors import Reader
from tests.crawl import crawl
from tests.samples import (
    follow,
    invited,
    issued,
    open_to_the_public,
    publish,
    statement_file,
    subscribed,
)
from tests.web.console.conftest import EditorAtWork
from widgets import address_changes, api_keys, editors, previews, webhooks
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.delivery import deliver_due, transport
from widgets.models import AddressChange, Base, Role, Sighting, Subscriber
from widgets.pacing import Limits
from widgets.service import Service
from widgets.settings import Settings
from widgets.text import clean, has_substance, is_country
from widgets.webhooks import Event

_PARTS = re.compile(r"<(?:(\w+)(?:\((\w+)[^)]*\))?:)?(\w+)>")  # its kind, a value, its name
ROUND_TRIP = 14_600  # bytes on the wire
NAMES = [f"Invented Association Number {number} of Somewhere" for number in range(115)]


@pytest.fixture
def filled(app: Flask, service: Service, tmp_path: Path) -> dict[str, Any]:
    """A value for every kind of variable part, so that each route has a page behind it."""
    publish(
        service,
        statement_file(
            tmp_path, names=NAMES, picture=True, pull_quote="Open it.", endorsement="We"
        ),
    )
    follow(service, "news", posts=20)
    reader = Reader(app.test_client())
    waiting = reader.sign_up("anna@example.org")
    open_to_the_public(service)
    to_sign = reader.sign("bo@example.org")
    post = transport(service)
    deliver_due(service, post, "here:1", clock=lambda: datetime.now(UTC))
    mailbox = reader.open("/mailbox").html
    card = reader.open("/embed/statements/river-gate").html
    digest = re.findall(r"/pictures/([0-9a-f]{32})-480", card)[0]
    asked = service.links.endorse(invited(service))
    subscriber, change = _chooser(service)
    reader.sign_up("other@example.org")
    with service.database.reading() as session:
        newest = select(Subscriber.id).order_by(Subscriber.created_at.desc())
        other = session.scalars(newest).all()[0]
    reader.sign_up("dora@example.org")
    with service.database.reading() as session:
        dora = session.scalars(
            select(Subscriber.id).where(Subscriber.address == "dora@example.org")
        ).one()
    subscribed(service, "cy@example.org")
    issued(service, at=datetime.now(UTC))
    return {
        "webhooks.do": [{"number": 2, "act": "test"}],
        "api.list_subscribers": [{"slug": "weekly"}],
        "api.sign_up": [{"slug": "weekly"}],
        "api.show_subscriber": [{"slug": "weekly", "subscriber_id": dora}],
        "api.unsubscribe": [{"slug": "weekly", "subscriber_id": dora}],
        "api.show_statement": [{"slug": "river-gate"}],
        "api.list_signatories": [{"slug": "river-gate"}],
        "back_issues.archive": [{"slug": "weekly"}],
        "back_issues.issue": [{"slug": "weekly", "number": 1}],
        "back_issues.feed": [{"slug": "weekly"}],
        "endorse.page": [{"token": asked}],
        "endorse.answer": [{"token": asked}],
        "embeds.statement": [{"slug": "river-gate"}],
        "embeds.signatory_list": [{"slug": "river-gate"}],
        "embeds.latest": [{}, {"topic": "none"}],
        "embeds.stories": [{}, {"like": "river-gate"}, {"topic": "none"}],
        "embeds.newsletter": [{"slug": "weekly"}],
        "embeds.posts": [{"slug": "news"}],
        "embeds.sign": [{"slug": "river-gate"}],
        "sign_on.sign": [{"slug": "river-gate"}],
        "sign_on.signed": [{"slug": "river-gate"}],
        "sign_on.inbox": [{"slug": "river-gate", "token": _token(to_sign.path)}],
        "sign_on.confirm_with_code": [{"slug": "river-gate", "token": _token(to_sign.path)}],
        "sign_on.back_to_inbox": [{"slug": "river-gate", "token": _token(to_sign.path)}],
        "sign_on.new_code": [{"slug": "river-gate", "token": _token(to_sign.path)}],
        "sign_on.confirm_page": [{"token": _link(mailbox, "sign")}],
        "sign_on.confirm": [{"token": _link(mailbox, "sign")}],
        "sign_on.withdraw_page": [{"token": _link(mailbox, "withdraw")}],
        "sign_on.withdraw": [{"token": _link(mailbox, "withdraw")}],
        "choose.page": [{"token": service.links.preferences(subscriber)}],
        "choose.act": [{"token": service.links.preferences(subscriber)}],
        "choose.erase_page": [{"token": service.links.record(other)}],
        "choose.erase": [{"token": service.links.record(other)}],
        "choose.record": [{"token": service.links.record(subscriber)}],
        "choose.download": [{"token": service.links.record(subscriber)}],
        "choose.address_page": [{"token": change}],
        "choose.change_address": [{"token": change}],
        "signup.sign_up": [{"slug": "weekly"}],
        "signup.subscribed": [{"slug": "weekly"}],
        "signup.inbox": [{"slug": "weekly", "token": _token(waiting.path)}],
        "signup.confirm_with_code": [{"slug": "weekly", "token": _token(waiting.path)}],
        "signup.back_to_inbox": [{"slug": "weekly", "token": _token(waiting.path)}],
        "signup.new_code": [{"slug": "weekly", "token": _token(waiting.path)}],
        "signup.confirm_page": [{"token": _link(mailbox, "confirm")}],
        "signup.confirm": [{"token": _link(mailbox, "confirm")}],
        "signup.unsubscribe_page": [{"token": _link(mailbox, "unsubscribe")}],
        "signup.unsubscribe": [{"token": _link(mailbox, "unsubscribe")}],
        "pages.statement": [{"slug": "river-gate"}],
        "syndication.statement": [{"slug": "river-gate"}],
        "crawlers.share_picture": [{"slug": "river-gate"}],
        "snippets.of_statement": [{"slug": "river-gate"}],
        "oembed.provider": [
            {"url": "http://127.0.0.1:8000/statements/river-gate", "format": form}
            for form in ("json", "xml")
        ],
        "unsaved.preview": [{"token": _preview(service)}],
        "unsaved.card": [{"token": _preview(service)}],
        "pages.picture": [
            {"digest": digest, "width": 480, "suffix": suffix} for suffix in ("webp", "jpg")
        ],
        "mailbox.letter": [{"key": re.findall(r'href="/mailbox/([^"]+)"', mailbox)[0]}],
    }


def _chooser(service: Service) -> tuple[UUID, str]:
    """A subscriber who has asked for another address, and the link that confirms it."""
    with service.database.writing() as session:
        subscriber = session.scalars(select(Subscriber.id)).one()
        now, address = datetime.now(UTC), parse("new@example.org")
        limits = Limits(3, 500, frozenset())
        address_changes.ask(
            session, service.hasher, limits, subscriber, address, lang="en", now=now
        )
        session.flush()
        return subscriber, service.links.change(session.scalars(select(AddressChange.id)).one())


def _preview(service: Service) -> str:
    typed = {"title": "As it would be", "body": "A paragraph."}
    with service.database.writing() as session:
        return service.links.preview(previews.keep(session, 1, "en", typed, datetime.now(UTC)))


def anything(rule: Rule) -> dict[str, Any]:
    """A value for each variable part: enough for a route of the console, whose door is shut."""
    usual = {"int": 1, "uuid": UUID(int=1), "slug": "river-gate"}
    parts = _PARTS.findall(rule.rule)
    return {part: first or usual.get(kind, "x") for kind, first, part in parts}


def _token(path: str) -> str:
    return path.partition("?")[0].rpartition("/")[2]


def _link(html: str, kind: str) -> str:
    return re.findall(rf"/{kind}/([\w.-]+)", html)[0]


@pytest.fixture
def answers(
    app: Flask, client: FlaskClient, service: Service, filled: dict[str, Any]
) -> list[tuple[str, TestResponse]]:
    """Every route of the URL map, by every method, as it answers; also wrongly asked."""
    found: list[tuple[str, TestResponse]] = []
    with service.database.writing() as session:
        now = datetime.now(UTC)
        _, key = api_keys.make(session, "The tests", True, COMMAND_LINE, now)
        webhooks.add(
            session, "https://crm.example/", list(Event), service.settings, COMMAND_LINE, now
        )
    for rule in app.url_map.iter_rules():
        for values in filled.get(rule.endpoint, [anything(rule)]):
            path = str(app.url_map.bind("127.0.0.1").build(rule.endpoint, values))
            asked: dict[str, Any] = {}
            if path.startswith("/api/"):
                asked = {"headers": {"Authorization": f"Bearer {key}"}}
            for method in sorted((rule.methods or set()) & {"GET", "POST", "DELETE"}):
                if asked and method == "POST":
                    asked["json"] = {"address": "cy@example.org"}
                answer = client.open(path, method=method, **asked)
                found.append((f"{method} {path} ({rule.endpoint})", answer))
    wrong = (
        "/nothing",
        "/embed/nothing",
        "/embed/statements/none",
        "/confirm/x",
        "/unsubscribe/x",
        "/endorse/x",
        "/sign/x",
        "/withdraw/x",
        "/embed/newsletters/weekly/inbox/x",
        "/embed/statements/river-gate/sign/inbox/x",
        "/%00",
        "/%FF%FE",
        "/embed/statements/%00",
        "/pictures/../x",
        "/api/v1/nothing",
        "/api/v1/members",
    )
    found += [(f"GET {path}", client.get(path)) for path in wrong]
    found += signed_in(app, service)
    found.append(("DELETE /", client.delete("/")))
    found.append(("POST too much", client.post("/embed/newsletters/weekly", data=b"x" * 70_000)))
    return found


def signed_in(app: Flask, service: Service) -> list[tuple[str, TestResponse]]:
    """Every screen of the console, as an administrator sees it."""
    with service.database.writing() as session:
        editors.add(
            session,
            parse("greta@example.org"),
            "Greta",
            Role.ADMINISTRATOR,
            COMMAND_LINE,
            datetime.now(UTC),
        )
    greta = EditorAtWork(app, "greta@example.org")
    greta.sign_in()
    paths = crawl(app, greta)
    assert len(paths) > 5
    return [(f"GET {path} (signed in)", greta.client.get(path)) for path in paths]


def pages(answers: list[tuple[str, TestResponse]]) -> list[tuple[str, TestResponse, Any]]:
    """Those that are HTML, with their trees."""
    return [
        (name, answer, html5lib.parse(answer.text, namespaceHTMLElements=False))
        for name, answer in answers
        if answer.mimetype == "text/html"
    ]


def is_ours(address: str) -> bool:
    return address.startswith(("/", "?", "#")) and not address.startswith("//")


def test_every_route_is_walked(app: Flask, answers: list[tuple[str, TestResponse]]) -> None:
    walked = {name.rpartition("(")[2].rstrip(")") for name, _ in answers}

    assert {rule.endpoint for rule in app.url_map.iter_rules()} <= walked
    public = {rule.endpoint for rule in app.url_map.iter_rules() if "/admin" not in rule.rule}
    good = [name for name, answer in answers if answer.status_code < 400 and "/admin" not in name]
    assert len(good) >= len(public) - 1
    assert not [name for name, answer in answers if answer.status_code >= 500]


def test_no_javascript_anywhere(answers: list[tuple[str, TestResponse]]) -> None:
    for name, answer in answers:
        assert "script-src 'none'" in answer.headers["Content-Security-Policy"], name
        assert "unsafe-eval" not in answer.headers["Content-Security-Policy"], name
    for name, _, tree in pages(answers):
        for element in tree.iter():
            if element.tag == "script":  # a block of data, which no browser runs
                assert element.attrib == {"type": "application/ld+json"}, name
                assert "(pages.index)" in name or "(pages.statement)" in name, name
            for attribute, value in element.attrib.items():
                assert not attribute.startswith("on"), (name, attribute)
                assert not value.strip().lower().startswith(("javascript:", "data:")), name


def test_no_cookie_but_the_consoles_own(answers: list[tuple[str, TestResponse]]) -> None:
    for name, answer in answers:
        if not name.split()[1].startswith("/admin"):
            assert "Set-Cookie" not in answer.headers, name
        for cookie in answer.headers.getlist("Set-Cookie"):
            assert cookie.startswith("__Host-undersigned="), name
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; ")), name
            assert "Domain" not in cookie, name


def test_nothing_is_loaded_from_anybody_else(answers: list[tuple[str, TestResponse]]) -> None:
    loading = {"src", "srcset", "data", "poster", "action", "formaction", "background", "ping"}
    for name, answer, tree in pages(answers):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, name
        assert not re.search(
            r"\b(?:img|style|font|connect|media|frame)-src[^;]*(?:\*|https?:)", policy
        )
        for element in tree.iter():
            for attribute in loading & set(element.attrib):
                for address in re.split(r",\s+", element.attrib[attribute]):
                    assert is_ours(address.strip()), (name, element.tag, address)
            if element.tag == "link":
                assert element.attrib["rel"] in ("canonical", "alternate"), name
            if element.tag == "style":
                assert "url(" not in (element.text or ""), name
                assert "@import" not in (element.text or ""), name


def test_every_style_is_one_that_the_policy_names(
    answers: list[tuple[str, TestResponse]],
) -> None:
    for name, answer, tree in pages(answers):
        if "mailbox.letter" in name:
            continue  # a mail, shown as a mail program shows it
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"], name
        assert not [e.tag for e in tree.iter() if "style" in e.attrib], name
        brought = {
            f"'sha256-{b64encode(sha256((e.text or '').encode()).digest()).decode()}'"
            for e in tree.iter("style")
        }
        (named,) = re.findall(r"style-src ([^;]*)", answer.headers["Content-Security-Policy"])
        assert set(named.split()) == (brought or {"'none'"}), name


def test_the_security_headers_are_on_every_response(
    answers: list[tuple[str, TestResponse]],
) -> None:
    for name, answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff", name
        assert answer.headers["Referrer-Policy"] == "no-referrer", name
        assert "camera=()" in answer.headers["Permissions-Policy"], name
        assert "base-uri 'none'" in answer.headers["Content-Security-Policy"], name
        assert "Cache-Control" in answer.headers, name


def test_only_widgets_can_be_framed(answers: list[tuple[str, TestResponse]]) -> None:
    for name, answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        if name.split()[1].startswith("/embed/previews/"):
            assert "frame-ancestors 'self'" in policy, name
            assert "X-Frame-Options" not in answer.headers, name
        elif name.split()[1].startswith("/embed/") or name == "POST too much":
            assert "frame-ancestors *" in policy, name
            assert "X-Frame-Options" not in answer.headers, name
        else:
            assert "frame-ancestors 'none'" in policy, name
            assert answer.headers["X-Frame-Options"] == "DENY", name


def test_nothing_is_written_anywhere_by_reading_but_how_often_a_widget_was_shown(
    app: Flask, service: Service, filled: dict[str, Any], client: FlaskClient
) -> None:
    app.extensions["sightings"].write()
    began = datetime.now(UTC).date()
    before = _everything(service, but=Sighting.__tablename__)
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            for values in filled.get(rule.endpoint, [anything(rule)]):
                path = str(app.url_map.bind("127.0.0.1").build(rule.endpoint, values))
                client.get(path)
                client.head(path)
    app.extensions["sightings"].write()

    assert _everything(service, but=Sighting.__tablename__) == before
    with service.database.reading() as session:
        counted = session.scalars(select(Sighting)).all()
    columns = set(Sighting.__table__.columns.keys())
    assert columns == {"day", "widget", "member_slug", "shown"}
    assert {one.member_slug for one in counted} == {""}
    assert {one.day for one in counted} <= {datetime.now(UTC).date(), began}
    assert {one.widget for one in counted} == {
        "newsletters/weekly",
        "posts/news",
        "statements/latest",
        "statements/river-gate",
        "statements/river-gate/sign",
        "statements/river-gate/signatories",
        "stories",
    }


def test_of_a_thousand_readers_only_their_number_is_kept(
    app: Flask, service: Service, filled: dict[str, Any]
) -> None:
    path = "/embed/statements/river-gate"
    app.extensions["sightings"].write()
    before = _everything(service, but=Sighting.__tablename__)
    for number in range(250):
        app.test_client().get(
            f"{path}?site=somebody-{number}&q=sought{number}",
            headers={
                "Referer": f"https://reader{number}.example/private?who=anna",
                "User-Agent": f"Browser of number {number}",
                "X-Forwarded-For": f"198.51.100.{number}",
                "Cookie": f"who=anna{number}",
            },
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
        )
    app.extensions["sightings"].write()

    with service.database.reading() as session:
        rows = session.scalars(select(Sighting).where(Sighting.shown >= 250)).all()
    assert [(one.widget, one.member_slug) for one in rows] == [("statements/river-gate", "")]
    assert _everything(service, but=Sighting.__tablename__) == before
    for trace in ("198.51.100", "somebody", "reader", "Browser", "sought"):
        assert trace not in repr([vars(one) for one in rows])


def test_no_table_and_no_file_holds_a_readers_ip_address(
    app: Flask, service: Service, filled: dict[str, Any], settings: Settings
) -> None:
    reader = Reader(app.test_client(), {"X-Forwarded-For": "198.51.100.77"})
    answer = app.test_client().post(
        "/embed/newsletters/weekly",
        data={**reader.open("/embed/newsletters/weekly").form.fields, "address": "b@example.org"},
        environ_overrides={"REMOTE_ADDR": "198.51.100.77"},
    )
    assert answer.status_code == 303
    app.extensions["sightings"].write()

    assert "198.51.100.77" not in _everything(service)
    files = [path.read_bytes() for path in settings.instance_path.rglob("*") if path.is_file()]
    assert files
    assert not [data for data in files if b"198.51.100.77" in data]


def test_every_address_of_ours_is_without_an_e_mail_address(
    answers: list[tuple[str, TestResponse]],
) -> None:
    for name, answer, tree in pages(answers):
        links = [
            value for e in tree.iter() for k, value in e.attrib.items() if k in ("href", "action")
        ]
        for link in [*links, answer.headers.get("Location", "")]:
            assert "@" not in link or link.startswith("mailto:"), name
            assert "anna" not in link, name


@pytest.mark.parametrize(
    "path",
    [
        "/embed/statements/river-gate",
        "/embed/statements/river-gate?view=full",
        "/embed/statements/river-gate/signatories",
        "/embed/statements/latest?view=full",
        "/embed/stories",
        "/embed/newsletters/weekly",
        "/embed/newsletters/weekly/subscribed",
        "/embed/statements/river-gate/sign",
        "/embed/statements/river-gate/sign?lang=my",
        "/embed/statements/river-gate/sign?lang=km",
        "/embed/posts/news",
    ],
)
@pytest.mark.usefixtures("filled")
def test_a_widget_is_one_response_within_the_first_round_trip(
    client: FlaskClient, path: str
) -> None:
    for encoding in ("br", "gzip"):
        answer = client.get(path, headers={"Accept-Encoding": encoding})
        head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers)
        assert len(answer.data) + head + 200 < ROUND_TRIP
    tree = html5lib.parse(client.get(path).text, namespaceHTMLElements=False)
    fetched = {element.tag for element in tree.iter() if element.tag in ("link", "img", "source")}
    canonical = {e.attrib["rel"] for e in tree.iter("link")}
    assert fetched <= {"link", "img", "source"}
    assert canonical <= {"canonical"}


def drawn(low: int, high: int, longest: int, draw: random.Random) -> str:
    """Letters drawn by lot, of which no compression makes less."""
    return "".join(chr(draw.randrange(low, high)) for _ in range(draw.randint(1, longest)))


@pytest.mark.parametrize(
    ("low", "high", "longest"),
    [
        (0x21, 0x7F, 300),
        (0x21, 0x7F, 12),
        (0x400, 0x6D0, 60),
        (0x1000, 0x1100, 120),
        (0x4E00, 0x9FFF, 300),
        (0x100, 0xD7FF, 280),
        (0x20000, 0x2A6D0, 300),
    ],
)
def test_thousands_of_names_come_in_pages_within_the_first_round_trip(
    client: FlaskClient, service: Service, tmp_path: Path, low: int, high: int, longest: int
) -> None:
    """However long and strange they are, by name, by country, found and in a country."""
    draw = random.Random(f"{low} {longest}")
    codes = sorted(code for code in Locale("en").territories if is_country(code))
    names = [(drawn(low, high, longest, draw), draw.choice(codes)) for _ in range(1500)]
    names = [(name, code) for name, code in names if has_substance(name)]
    publish(service, statement_file(tmp_path, names=names))
    path = "/embed/statements/river-gate/signatories"
    queries = ("page=1", "page=2", "page=9999", "country=KH", "q=a", "lang=my")
    for query in (*queries, "group=country", "group=country&lang=my", "group=country&lang=ar"):
        for encoding in ("br", "gzip"):
            answer = client.get(f"{path}?{query}", headers={"Accept-Encoding": encoding})
            assert answer.status_code == 200
            head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers)
            assert len(answer.data) + head + 200 < ROUND_TRIP, query


def test_ten_thousand_names_are_all_there_page_after_page(
    client: FlaskClient, service: Service, tmp_path: Path
) -> None:
    draw = random.Random(7)
    scripts = [(0x41, 0x5B), (0x410, 0x450), (0x621, 0x63B), (0x1780, 0x17A3), (0x1000, 0x1021)]
    names = [f"{drawn(*draw.choice(scripts), 40, draw)} {number}" for number in range(10_000)]
    publish(service, statement_file(tmp_path, names=names))
    path = "/embed/statements/river-gate/signatories"
    listed: list[str] = []
    while path:
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert len(answer.data) < ROUND_TRIP - 1500
        tree = html5lib.parse(gzip.decompress(answer.data), namespaceHTMLElements=False)
        listed += ["".join(item.itertext()) for item in tree.iter("li")]
        after = [a.attrib["href"] for a in tree.iter("a") if a.get("rel") == "next"]
        path = path.partition("?")[0] + after[0] if after else ""
    assert sorted(listed) == sorted(map(clean, names))


def test_every_widget_can_be_embedded_by_its_address(
    app: Flask, client: FlaskClient, filled: dict[str, Any]
) -> None:
    widgets = [rule.endpoint for rule in app.url_map.iter_rules() if "embeds." in rule.endpoint]
    assert widgets
    for endpoint in widgets:
        for values in filled.get(endpoint, [{}]):
            path = str(app.url_map.bind("127.0.0.1").build(endpoint, values))
            told = client.get("/oembed", query_string={"url": f"http://127.0.0.1:8000{path}"}).json
            assert told, path
            assert told["title"], path
            assert f'src="http://127.0.0.1:8000{path.partition("?")[0]}' in told["html"]


def test_whatever_may_be_kept_can_be_asked_for_again(
    client: FlaskClient, answers: list[tuple[str, TestResponse]]
) -> None:
    asked = 0
    for name, answer in answers:
        method, path = name.split()[:2]
        kept = "public" in answer.headers["Cache-Control"] and answer.status_code == 200
        if method != "GET" or not kept:
            assert kept or answer.headers["Cache-Control"].startswith(("no-store", "public")), name
            continue
        asked += 1
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b""), name
        assert again.headers["Cache-Control"] == answer.headers["Cache-Control"], name
    assert asked > 15  # each widget and each public page


def test_over_https_browsers_are_asked_to_stay_there(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    over_https = make_app(make_settings(BASE_URL="https://network.test")).test_client()
    plain = make_app(make_settings()).test_client()

    for path in ("/", "/nothing", "/embed/newsletters/weekly"):
        assert over_https.get(path).headers["Strict-Transport-Security"] == "max-age=63072000"
        assert "Strict-Transport-Security" not in plain.get(path).headers


def test_only_the_members_origins_may_frame_where_they_are_named(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    origins = "https://one.example https://two.example"
    client = make_app(make_settings(FRAME_ANCESTORS=origins)).test_client()
    policy = client.get("/embed/newsletters/weekly").headers["Content-Security-Policy"]

    assert f"frame-ancestors 'self' {origins}" in policy
    assert "frame-ancestors 'none'" in client.get("/").headers["Content-Security-Policy"]


def _everything(service: Service, but: str = "") -> str:
    """All rows of all tables, but for those of one."""
    with service.database.reading() as session:
        return "\n".join(
            str(sorted(map(str, session.execute(table.select()).all())))
            for table in Base.metadata.sorted_tables
            if table.name != but
        )
