"""The JSON API as a document for programs (OpenAPI 3.1). Tests hold it against what api.py does."""

from importlib.metadata import version
from typing import Any

from widgets.languages import LANGUAGES
from widgets.models import State
from widgets.settings import Settings
from widgets.wording import SLUG

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXT_OR_NOTHING: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "integer"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
ADDRESS: Schema = {"type": "string", "format": "uri"}
TEXTS: Schema = {"type": "array", "items": TEXT}
NAMED: Schema = {"slug": TEXT, "url": ADDRESS, "lang": TEXT, "title": TEXT}
IS_SLUG: Schema = {"type": "string", "pattern": f"^{SLUG}$"}


def document(settings: Settings) -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Undersigned of {settings.network_name}",
            "version": version("undersigned"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Newsletters, their subscribers, statements, their names, and members.",
        },
        "servers": [{"url": settings.url("/api/v1")}],
        "security": [{"key": []}],
        "paths": PATHS,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key that an administrator made in the console.",
                }
            },
            "schemas": SCHEMAS,
        },
    }


def _object(**members: Schema) -> Schema:
    """An object with all of these members, and no other."""
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def _or_nothing(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> Schema:
    return _object(
        items={"type": "array", "items": _ref(name)},
        next={
            **TEXT_OR_NOTHING,
            "description": "What to send as “after” for what follows; null: nothing follows.",
        },
    )


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(description: str, *headers: str) -> Schema:
    found: Schema = {
        "description": description,
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    if headers:
        found["headers"] = {name: {"schema": TEXT} for name in headers}
    return found


def _operation(
    name: str, summary: str, answers: Schema, *refusals: int, body: str = "", **parameters: Schema
) -> Schema:
    """parameters: of the query, by their names."""
    found: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": answers | {str(code): REFUSALS[code] for code in (401, 429, *refusals)},
    }
    if parameters:
        found["parameters"] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in parameters.items()
        ]
    if body:
        content = {"application/json": {"schema": _ref(body)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _in_path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


REFUSALS: dict[int, Schema] = {
    400: _problem("A parameter, or the body, can’t be read."),
    401: _problem("There is no key, or it is none of ours, or revoked.", "WWW-Authenticate"),
    403: _problem("The key may only read.", "WWW-Authenticate"),
    404: _problem("There is nothing at this address."),
    410: _problem("The statement was withdrawn."),
    413: _problem("More was sent than any request needs."),
    415: _problem("What was sent is not JSON."),
    422: _problem("What was sent can’t be used; “field” says which part of it."),
    429: _problem("The key has asked too often.", "Retry-After"),
}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
SLUG_IN_PATH = _in_path("slug", IS_SLUG)
LANG: Schema = {
    "type": "string",
    "description": "A language tag (BCP 47); the nearest that there is is answered.",
}
PATHS: Schema = {
    "/openapi.json": {
        "get": {
            "operationId": "document",
            "summary": "This document; no key is needed.",
            "security": [],
            "responses": {"200": _json("This document.", {"type": "object"})},
        }
    },
    "/newsletters": {
        "get": _operation(
            "list_newsletters",
            "All newsletters, with their words and the consent that readers are asked for.",
            {"200": _json("All of them.", _list_of("Newsletter"))},
        )
    },
    "/newsletters/{slug}/subscribers": {
        "parameters": [SLUG_IN_PATH],
        "get": _operation(
            "list_subscribers",
            "Who subscribes, or did, in the order of their ids.",
            {"200": _json("A part of them.", _list_of("Subscriber"))},
            400,
            404,
            state={"type": "string", "enum": list(State)},
            after={"type": "string", "format": "uuid"},
            limit=LIMIT,
        ),
        "post": _operation(
            "sign_up",
            "Asks somebody by mail to confirm that they want it; nobody is subscribed without it.",
            {"202": _json("The same for every address.", _object(detail=TEXT))},
            400,
            403,
            404,
            413,
            415,
            422,
            body="SignUp",
        ),
    },
    "/newsletters/{slug}/subscribers/{id}": {
        "parameters": [SLUG_IN_PATH, _in_path("id", {"type": "string", "format": "uuid"})],
        "get": _operation(
            "show_subscriber", "One of them.", {"200": _json("They.", _ref("Subscriber"))}, 404
        ),
        "delete": _operation(
            "unsubscribe",
            "Unsubscribes them; only they can undo it, by confirming anew.",
            {"204": {"description": "They are unsubscribed, now or before."}},
            403,
            404,
        ),
    },
    "/statements": {
        "get": _operation(
            "list_statements",
            "The statements that stand, the newest first.",
            {"200": _json("A part of them.", _list_of("StatementInList"))},
            400,
            after=TEXT,
            limit=LIMIT,
            lang=LANG,
        )
    },
    "/statements/{slug}": {
        "parameters": [SLUG_IN_PATH],
        "get": _operation(
            "show_statement",
            "One statement, with all its names: as at /statements/{slug}.json, which is public.",
            {"200": _json("The statement.", _ref("Statement"))},
            404,
            410,
            lang=LANG,
        ),
    },
    "/statements/{slug}/signatories": {
        "parameters": [SLUG_IN_PATH],
        "get": _operation(
            "list_signatories",
            "The names under a statement, in the order in which they came.",
            {"200": _json("A part of them.", _list_of("Signatory"))},
            400,
            404,
            410,
            after={"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
            limit=LIMIT,
        ),
    },
    "/members": {
        "get": _operation(
            "list_members",
            "The organisations of the network, in the order of their slugs.",
            {"200": _json("A part of them.", _list_of("Member"))},
            400,
            after=IS_SLUG,
            limit=LIMIT,
        )
    },
}
NOTICE = _object(date=DAY, lang=TEXT, text=TEXT)
SCHEMAS: Schema = {
    "Problem": {  # RFC 9457
        "type": "object",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": NUMBER,
            "detail": {**TEXT, "description": "A sentence for whoever writes the program."},
            "field": {**TEXT, "description": "The field or parameter that is wrong."},
            "withdrawn": DAY,
            "reason": _or_nothing(NOTICE),
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": False,
    },
    "Newsletter": _object(
        slug=TEXT,
        lang=TEXT,
        texts={
            "type": "array",
            "items": _object(
                lang=TEXT,
                title=TEXT,
                name=TEXT,
                description=TEXT,
                consent=_object(id=NUMBER, text=TEXT),
            ),
        },
    ),
    "SignUp": {
        "type": "object",
        "properties": {
            "address": {"type": "string", "format": "email"},
            "lang": {
                "type": "string",
                "enum": list(LANGUAGES),
                "description": "Of the mail; without it, the network’s own.",
            },
            "site": {**IS_SLUG, "description": "The member on whose site they asked."},
            "consent": {
                **NUMBER,
                "description": "The id of the wording that they were shown; without it, the newest "
                "in that language.",
            },
        },
        "required": ["address"],
        "additionalProperties": False,
    },
    "Subscriber": _object(
        id={"type": "string", "format": "uuid"},
        address=TEXT,
        state={"type": "string", "enum": list(State)},
        lang=TEXT_OR_NOTHING,
        created=MOMENT,
        changed=MOMENT,
        consent=_or_nothing(
            _object(
                id={"type": ["integer", "null"]},
                site=TEXT_OR_NOTHING,
                lang=TEXT,
                method=TEXT,
                asked=MOMENT,
                given=MOMENT,
                withdrawn={"type": ["string", "null"], "format": "date-time"},
            )
        ),
    ),
    "StatementInList": _object(
        **NAMED, date=DAY, updated=MOMENT, languages=TEXTS, topics=TEXTS, countries=TEXTS
    ),
    "Statement": _object(
        **NAMED,
        date=DAY,
        updated=MOMENT,
        languages={"type": "object", "additionalProperties": ADDRESS},
        topics=TEXTS,
        countries=TEXTS,
        body=_object(markdown=TEXT, html=TEXT),
        pull_quote=TEXT_OR_NOTHING,
        endorsement=TEXT_OR_NOTHING,
        picture=_or_nothing(
            _object(url=ADDRESS, width=NUMBER, height=NUMBER, alt=TEXT, credit=TEXT_OR_NOTHING)
        ),
        count=NUMBER,
        organisations=NUMBER,
        people=NUMBER,
        hidden=NUMBER,
        signatories={
            "type": "array",
            "items": _object(name=TEXT, country=TEXT_OR_NOTHING, url=TEXT_OR_NOTHING),
        },
        correction=_or_nothing(NOTICE),
        withdrawn={"type": "null"},
    ),
    "Signatory": _object(
        id=NUMBER,
        name=TEXT,
        country=TEXT_OR_NOTHING,
        url=TEXT_OR_NOTHING,
        kind={"type": "string", "enum": ["organisation", "person"]},
    ),
    "Member": _object(
        slug=TEXT,
        name=TEXT,
        names={"type": "object", "additionalProperties": TEXT},
        country=TEXT_OR_NOTHING,
        website=TEXT_OR_NOTHING,
        sites=TEXTS,
    ),
}
