"""The JSON API: who may ask, what is answered, and that its document tells the truth."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from tests.actors import Reader
from tests.samples import invited, open_to_the_public, publish, statement_file
from widgets import api_keys, newsletters, records, signatories
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import (
    ApiKey,
    AuditEntry,
    Consented,
    Member,
    Message,
    SignUp,
    Standing,
    State,
    Statement,
    Subscriber,
    Subscription,
)
from widgets.service import Service
from widgets.settings import Settings
from widgets.signatories import Name
from widgets.web import openapi

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PEOPLE = "/api/v1/newsletters/weekly/subscribers"


class Program:
    """A program that asks with a key."""

    def __init__(self, app: Flask, *, may_write: bool = True) -> None:
        self.client: FlaskClient = app.test_client()
        service: Service = app.extensions["undersigned"]
        with service.database.writing() as session:
            made, self.key = api_keys.make(session, "The CRM", may_write, COMMAND_LINE, NOW)
        self.number = made.id

    def ask(self, path: str, method: str = "GET", **sent: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}", **sent.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **sent)

    def items(self, path: str) -> list[dict[str, Any]]:
        answer = self.ask(path)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.get_json()["items"]
        return items


@pytest.fixture
def crm(app: Flask) -> Program:
    return Program(app)


@pytest.fixture
def reading(app: Flask) -> Program:
    return Program(app, may_write=False)


def problem(answer: TestResponse) -> tuple[int, str]:
    """Status and sentence of an answer that is a problem as RFC 9457 has it."""
    assert answer.mimetype == "application/problem+json", answer.text
    told = answer.get_json()
    assert told["status"] == answer.status_code
    assert told["title"]
    return answer.status_code, told["detail"]


def confirmed(service: Service, address: str) -> uuid.UUID:
    """The id of somebody who subscribes."""
    with service.database.writing() as session:
        consent_text = newsletters.form(session, "weekly", "en").consent_text_id
        newsletters.subscribe(
            session,
            service.hasher.address(parse(address)),
            address,
            consent_text_id=consent_text,
            site="lamps",
            lang="fr",
            method="link",
            asked_at=NOW,
            now=NOW,
        )
        return session.scalars(select(Subscriber.id).where(Subscriber.address == address)).one()


# Keys


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dW5kOng=", "und_x"])
def test_without_a_key_nothing_is_answered(client: FlaskClient, header: str) -> None:
    answer = client.get("/api/v1/members", headers={"Authorization": header} if header else {})

    assert problem(answer)[0] == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Undersigned"'


def test_a_key_of_the_wrong_case_a_cut_off_one_and_one_with_strange_letters_open_nothing(
    crm: Program,
) -> None:
    for wrong in (crm.key.swapcase(), crm.key[:-1], crm.key + "é", "und_\udcff"):
        headers = {"Authorization": f"Bearer {wrong}".encode("utf-8", "replace").decode("latin-1")}
        answer = crm.client.get("/api/v1/members", headers=headers)
        assert problem(answer) == (401, "This is no key of ours, or it was revoked.")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_revoked_key_opens_nothing(crm: Program, service: Service) -> None:
    assert crm.ask("/api/v1/members").status_code == 200
    with service.database.writing() as session:
        api_keys.revoke(session, crm.number, COMMAND_LINE, NOW)

    assert problem(crm.ask("/api/v1/members"))[0] == 401


def test_of_a_key_its_hash_is_kept_and_the_day_of_its_last_use(
    crm: Program, service: Service
) -> None:
    crm.ask("/api/v1/members")

    with service.database.reading() as session:
        kept = session.scalars(select(ApiKey)).one()
    assert kept.used_on == datetime.now(UTC).date()
    assert crm.key not in str(vars(kept))
    assert (kept.start, len(kept.start)) == (crm.key[:8], 8)
    assert len(crm.key) > 40


def test_a_key_to_read_changes_nothing(reading: Program, service: Service) -> None:
    who = confirmed(service, "anna@example.org")

    for answer in (
        reading.ask(PEOPLE, "POST", json={"address": "bo@example.org"}),
        reading.ask(f"{PEOPLE}/{who}", "DELETE"),
    ):
        assert problem(answer) == (403, "This key may only read.")
    with service.database.reading() as session:
        assert session.scalar(select(func.count(Message.id))) == 0
        assert session.scalars(select(Subscription.state)).one() == State.CONFIRMED


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(API_LIMIT="2/minute"))
    hasty, other = Program(app), Program(app)
    for _ in range(2):
        assert hasty.ask("/api/v1/members").status_code == 200

    answer = hasty.ask("/api/v1/members")
    assert problem(answer)[0] == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert other.ask("/api/v1/members").status_code == 200


def test_answers_are_kept_by_nobody_and_open_to_no_other_site(crm: Program) -> None:
    for path in ("/api/v1/members", "/api/v1/nothing", "/api/v1/openapi.json"):
        answer = crm.ask(path, headers={"Origin": "https://other.example"})
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert "Set-Cookie" not in answer.headers


# Newsletters and subscribers


def test_newsletters_come_with_the_consent_that_readers_are_asked_for(crm: Program) -> None:
    (weekly,) = crm.items("/api/v1/newsletters")

    assert (weekly["slug"], weekly["lang"]) == ("weekly", "en")
    assert [text["lang"] for text in weekly["texts"]][:2] == ["en", "ar"]
    assert len(weekly["texts"]) == 8
    assert all(text["consent"]["text"] for text in weekly["texts"])


def test_a_subscriber_comes_with_the_evidence_of_their_consent(
    reading: Program, service: Service
) -> None:
    who = confirmed(service, "anna@example.org")

    answer = reading.ask(f"{PEOPLE}/{who}").get_json()
    consent = answer.pop("consent")
    assert answer == {
        "id": str(who),
        "address": "anna@example.org",
        "state": "confirmed",
        "lang": "fr",
        "created": "2026-03-02T12:00:00+00:00",
        "changed": "2026-03-02T12:00:00+00:00",
    }
    assert (consent["site"], consent["lang"], consent["method"]) == ("lamps", "fr", "link")
    assert (consent["given"], consent["withdrawn"]) == ("2026-03-02T12:00:00+00:00", None)
    assert reading.items(PEOPLE) == [{**answer, "consent": consent}]


def test_a_long_list_is_gone_through_in_parts_also_while_it_changes(
    reading: Program, service: Service
) -> None:
    there = {confirmed(service, f"anna{number}@example.org") for number in range(25)}
    met: list[str] = []
    path = f"{PEOPLE}?limit=4"
    after = None
    while True:
        answer = reading.ask(path + (f"&after={after}" if after else "")).get_json()
        met += [one["id"] for one in answer["items"]]
        if not (after := answer["next"]):
            break
        with service.database.writing() as session:  # whom we go on from is erased
            session.delete(session.get_one(Subscriber, uuid.UUID(after)))

    assert sorted(met) == sorted(map(str, there))


def test_a_state_can_be_asked_for(reading: Program, service: Service) -> None:
    confirmed(service, "anna@example.org")
    Reader(reading.client).sign_up("bo@example.org")

    assert [one["address"] for one in reading.items(f"{PEOPLE}?state=pending")] == [
        "bo@example.org"
    ]
    assert len(reading.items(PEOPLE)) == 2
    assert reading.items(f"{PEOPLE}?state=complained") == []


def test_whose_address_is_not_kept_is_not_there(reading: Program, service: Service) -> None:
    who = confirmed(service, "anna@example.org")
    with service.database.writing() as session:
        session.execute(update(Subscriber).values(address=None))

    assert reading.items(PEOPLE) == []
    assert problem(reading.ask(f"{PEOPLE}/{who}"))[0] == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "limit=1e2",
                                   "limit=" + "9" * 5000, "after=x", "state=asleep"])  # fmt: skip
def test_a_parameter_that_cannot_be_read_is_said_to_be_wrong(reading: Program, query: str) -> None:
    answer = reading.ask(f"{PEOPLE}?{query}")

    assert problem(answer)[0] == 400
    assert answer.get_json()["field"] == query.partition("=")[0]


def test_leaving_is_honoured_at_once_and_twice_is_as_good(crm: Program, service: Service) -> None:
    who = confirmed(service, "anna@example.org")

    for _ in range(2):
        answer = crm.ask(f"{PEOPLE}/{who}", "DELETE")
        assert (answer.status_code, answer.data) == (204, b"")
    assert crm.ask(f"{PEOPLE}/{who}").get_json()["state"] == "unsubscribed"
    with service.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "unsubscribed"))
        assert [entry.actor for entry in entries] == ["the key “The CRM”"]
    crm.ask(PEOPLE, "POST", json={"address": "anna@example.org"})
    assert crm.ask(f"{PEOPLE}/{who}").get_json()["state"] == "unsubscribed"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_whom_nobody_knows_is_not_found(crm: Program, method: str) -> None:
    for path in (f"{PEOPLE}/{uuid.uuid4()}", f"/api/v1/newsletters/x/subscribers/{uuid.uuid4()}",
                 f"{PEOPLE}/1"):  # fmt: skip
        assert problem(crm.ask(path, method))[0] == 404


# Signing up


def test_signing_up_asks_the_person_and_subscribes_nobody(crm: Program, service: Service) -> None:
    sent = {"address": "Anna@Example.org", "lang": "fr", "site": "lamps"}
    answer = crm.ask(PEOPLE, "POST", json=sent)

    assert answer.status_code == 202
    with service.database.reading() as session:
        asked = session.scalars(select(SignUp)).one()
        assert (asked.lang, asked.site) == ("fr", "lamps")
        assert session.scalars(select(Message.kind)).one() == "confirmation"
    assert [one["state"] for one in crm.items(PEOPLE)] == ["pending"]


@pytest.mark.parametrize("state", [*State, "suppressed", "unknown"])
def test_the_answer_to_a_sign_up_is_the_same_for_every_address(
    crm: Program, service: Service, state: str
) -> None:
    usual = crm.ask(PEOPLE, "POST", json={"address": "bo@example.org"})
    if state == "suppressed":
        with service.database.writing() as session:
            anna = parse("anna@example.org")
            records.suppress(session, service.hasher, anna, "by hand", NOW)
    elif state != "unknown":
        confirmed(service, "anna@example.org")
        with service.database.writing() as session:
            session.execute(update(Subscription).values(state=state))

    for _ in range(5):  # beyond the limit of one mailbox too
        answer = crm.ask(PEOPLE, "POST", json={"address": "anna@example.org"})
        assert (answer.status_code, answer.data) == (usual.status_code, usual.data)
        assert dict(answer.headers) == dict(usual.headers)


def test_the_wording_that_somebody_was_shown_is_the_one_that_is_kept(
    crm: Program, service: Service
) -> None:
    (weekly,) = crm.items("/api/v1/newsletters")
    french = next(text for text in weekly["texts"] if text["lang"] == "fr")
    sent = {"address": "anna@example.org", "consent": french["consent"]["id"]}

    assert crm.ask(PEOPLE, "POST", json=sent).status_code == 202
    with service.database.reading() as session:
        kept = session.scalars(select(SignUp.consent_text_id)).one()
    assert kept == french["consent"]["id"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "address"),
        ({"address": ""}, "address"),
        ({"address": "anna"}, "address"),
        ({"address": "an\x00na@example.org"}, "address"),
        ({"address": None}, "address"),
        ({"address": ["anna@example.org"]}, "address"),
        ({"address": "anna@example.org", "lang": "tlh"}, "lang"),
        ({"address": "anna@example.org", "site": "\x00"}, "site"),
        ({"address": "anna@example.org", "site": "x" * 65}, "site"),
        ({"address": "anna@example.org", "consent": 0}, "consent"),
        ({"address": "anna@example.org", "consent": 10**30}, "consent"),
        ({"address": "anna@example.org", "consent": True}, "consent"),
        ({"address": "anna@example.org", "state": "confirmed"}, None),
        ([], None),
        ("anna@example.org", None),
        (None, None),
    ],
)
def test_a_body_that_cannot_be_used_is_said_to_be_wrong(
    crm: Program, service: Service, sent: Any, field: str | None
) -> None:
    answer = crm.ask(PEOPLE, "POST", data=json.dumps(sent), content_type="application/json")

    assert problem(answer)[0] == 422
    assert answer.get_json().get("field") == field
    with service.database.reading() as session:
        assert session.scalar(select(func.count(SignUp.id))) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"address=anna", 400),
        (b'{"address": "anna@example.org"', 400),
        (b'{"address": "\xff@example.org"}', 400),
        (b'{"address": "\\ud800@example.org"}', 400),
        (b'{"\\ud800": 1}', 400),
        (b"[" * 60_000, 400),
        (b'{"address": ' + b"9" * 10_000 + b"}", 400),
        (b'{"address": "' + b"x" * 10_000_000 + b'"}', 413),
    ],
    ids=["nothing", "a form", "cut off", "no UTF-8", "half a character", "half a name", "deep",
         "a long number", "10 MB"],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused(crm: Program, body: bytes, status: int) -> None:
    answer = crm.ask(PEOPLE, "POST", data=body, content_type="application/json")

    assert problem(answer)[0] == status


def test_only_json_is_taken(crm: Program) -> None:
    assert problem(crm.ask(PEOPLE, "POST", data={"address": "anna@example.org"}))[0] == 415


# Statements and members


def test_a_statement_is_the_same_as_its_public_data(
    reading: Program, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, names=["One", "Two"], picture=True))

    answer = reading.ask("/api/v1/statements/river-gate")
    assert answer.get_json() == reading.client.get("/statements/river-gate.json").get_json()


def test_statements_are_listed_in_parts_the_newest_first(
    reading: Program, service: Service, tmp_path: Path
) -> None:
    for number in range(3):
        publish(service, statement_file(tmp_path, f"s-{number}", date=f"2026-01-0{number + 1}"))
    with service.database.writing() as session:
        session.execute(
            update(Statement).where(Statement.slug == "s-1").values(standing=Standing.DRAFT)
        )

    first = reading.ask("/api/v1/statements?limit=1").get_json()
    assert [one["slug"] for one in first["items"]] == ["s-2"]
    assert first["items"][0]["url"] == "http://127.0.0.1:8000/statements/s-2"
    after = reading.ask(f"/api/v1/statements?after={first['next']}").get_json()
    assert ([one["slug"] for one in after["items"]], after["next"]) == (["s-0"], None)
    assert problem(reading.ask("/api/v1/statements?after=s-1"))[0] == 400
    assert problem(reading.ask("/api/v1/statements/s-1"))[0] == 404


def test_a_withdrawn_statement_is_gone(reading: Program, service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, withdrawn="2026-03-03"))

    for path in ("/api/v1/statements/river-gate", "/api/v1/statements/river-gate/signatories"):
        answer = reading.ask(path)
        assert problem(answer) == (410, "The network has withdrawn this statement.")
        assert answer.get_json()["withdrawn"] == "2026-03-03"


def test_signatories_are_listed_in_parts_and_by_their_kind(
    reading: Program, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, names=[("One", "NO"), "Two"]))
    with service.database.writing() as session:
        number = session.scalars(select(Statement.id)).one()
        signatories.add(session, number, Name("Ada Li"), consented=Consented.SIGNED)

    path = "/api/v1/statements/river-gate/signatories"
    first = reading.ask(f"{path}?limit=2").get_json()
    rest = reading.ask(f"{path}?after={first['next']}").get_json()
    met = [(one["name"], one["country"], one["kind"]) for one in first["items"] + rest["items"]]
    assert met == [
        ("One", "NO", "organisation"),
        ("Two", None, "organisation"),
        ("Ada Li", None, "person"),
    ]
    assert rest["next"] is None


def test_members_are_listed_without_their_contacts(
    reading: Program, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    invited(service)
    with service.database.writing() as session:
        session.add(Member(slug="gone", name="Gone", names={}, left_at=NOW))

    answer = reading.ask("/api/v1/members")
    assert answer.get_json()["items"] == [
        {
            "slug": "lamp-keepers",
            "name": "Circle of Lamp Keepers",
            "names": {},
            "country": "NO",
            "website": None,
            "sites": [],
        }
    ]
    assert "lamp.example" not in answer.text


# Errors


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api", 404),
        ("PUT", "/api/v1/members", 405),
        ("GET", "/api/v1/newsletters/%00/subscribers", 404),
    ],
)
def test_whatever_goes_wrong_is_said_as_a_problem(
    crm: Program, method: str, path: str, status: int
) -> None:
    assert problem(crm.ask(path, method))[0] == status


def test_a_fault_is_said_as_a_problem(crm: Program, app: Flask) -> None:
    app.view_functions["api.list_members"] = lambda **_: 1 / 0  # type: ignore[assignment]

    assert problem(crm.ask("/api/v1/members"))[0] == 500


# The document


def test_the_document_is_valid_and_needs_no_key(client: FlaskClient) -> None:
    answer = client.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    validate(answer.get_json())


def test_the_document_has_every_route_and_no_other(app: Flask) -> None:
    routes = {
        (method.lower(), rule.rule.removeprefix("/api/v1"))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {
        (method, path.replace("{slug}", "<slug:slug>").replace("{id}", "<uuid:subscriber_id>"))
        for path, item in openapi.PATHS.items()
        for method in item
        if method != "parameters"
    }
    assert told == routes


def test_programs_that_try_everything_meet_what_the_document_says(
    app: Flask, service: Service, tmp_path: Path
) -> None:
    """Schemathesis makes up requests by the document, good and bad."""
    publish(service, statement_file(tmp_path, names=[("One", "NO"), "Two"], picture=True))
    open_to_the_public(service)
    invited(service)
    who = confirmed(service, "anna@example.org")
    program = Program(app)
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    for path, item in document["paths"].items():  # so that some requests meet what is there
        for parameter in item.get("parameters", []):
            there = {"id": str(who), "slug": "weekly" if "newsletters" in path else "river-gate"}
            parameter["schema"]["enum"] = [there[parameter["name"]], there["id"]]
    address = document["components"]["schemas"]["SignUp"]["properties"]["address"]
    address["enum"] = ["bo@example.org", "ünï@example.org", "x@x"]
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    seen: set[tuple[str, int]] = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.settings(
            max_examples=40, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(headers={"Authorization": f"Bearer {program.key}"})
            seen.add((f"{case.method} {case.path}", answer.status_code))
            assert answer.status_code < 500
            case.validate_response(
                answer,
                checks=[
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ],
            )

        ask()

    good = {name for name, status in seen if status < 300}
    assert len(good) == len(list(schema.get_all_operations())), seen
