"""The JSON API: for programs that have a key. What it takes and gives is written in openapi.py,
and docs/api.md is for whoever uses it."""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any

from flask import Blueprint, Response, current_app, request
from sqlalchemy.orm import Session

from widgets import (
    api_keys,
    audit,
    languages,
    members,
    newsletters,
    people,
    signatories,
    statements,
    subscribers,
)
from widgets.addresses import BadAddress, parse
from widgets.models import ApiKey, Consent, Member, State
from widgets.newsletters import Answer, NoSuchNewsletter
from widgets.statements import NoSuchStatement, Shown, Withdrawn
from widgets.subscribers import Listed, NoSuchSubscriber
from widgets.web import mail_limits, openapi, service, statement_languages, syndication
from widgets.web.parameters import asked_look
from widgets.web.problems import problem
from widgets.web.security import ClientLimit
from widgets.wording import SLUG

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

USUAL, MOST = 100, 1000  # items in an answer
LARGEST_NUMBER = 2**31 - 1  # that the database can hold
REALM = 'Bearer realm="Undersigned"'
ASKED = "If this address can be written to, a mail that asks to confirm is on its way."


class Refused(Exception):
    """The request can't be answered as it was meant; the text says why. field: of the body, or a
    parameter, that is wrong."""

    def __init__(
        self, status: int, detail: str, *, field: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field
        self.headers = headers or {}


View = Callable[..., Response]


def _for_keys(*, writing: bool = False) -> Callable[[View], View]:
    """A view that is for programs with a key (to write, where that is asked for), which it gets as
    its first argument."""

    def decorated(view: View) -> View:
        @wraps(view)
        def admitted(**values: Any) -> Response:
            return view(_key(writing), **values)

        return admitted

    return decorated


@blueprint.get("/openapi.json")
def document() -> Response:
    return _answer(openapi.document(service().settings))


@blueprint.get("/newsletters")
@_for_keys()
def list_newsletters(key: ApiKey) -> Response:
    with service().database.reading() as session:
        forms = newsletters.forms(session)
    return _answer({"items": [_newsletter(*one) for one in forms.items()], "next": None})


@blueprint.get("/newsletters/<slug:slug>/subscribers")
@_for_keys()
def list_subscribers(key: ApiKey, slug: str) -> Response:
    state = request.args.get("state") or None
    if state and state not in list(State):
        raise Refused(400, f"“state” must be one of {', '.join(State)}.", field="state")
    after, most = _uuid(request.args.get("after")), _limit()
    with service().database.reading() as session:
        _must_be_newsletter(session, slug)
        found = subscribers.part(session, slug, state, after, most + 1)
    return _part(found, most, _subscriber, lambda one: str(one.subscription.subscriber_id))


@blueprint.post("/newsletters/<slug:slug>/subscribers")
@_for_keys(writing=True)
def sign_up(key: ApiKey, slug: str) -> Response:
    """As the form does: it starts with a mail to the address, and the answer is the same whatever
    there is to it."""
    sent = _sent({"address": str, "lang": str, "site": str, "consent": int}, needed="address")
    lang = languages.known(sent.get("lang") or service().settings.language)
    if lang is None:
        raise Refused(422, f"“lang” must be one of {', '.join(languages.LANGUAGES)}.", field="lang")
    site = sent.get("site")
    if site is not None and (not re.fullmatch(SLUG, site) or len(site) > members.LONGEST_SLUG):
        raise Refused(422, "“site” must be the slug of a member.", field="site")
    try:
        address = parse(sent["address"], allow_test_domains=service().settings.is_local)
    except BadAddress as error:
        raise Refused(422, str(error), field="address") from None
    with service().database.writing() as session:
        form = newsletters.form(session, slug, lang, service().settings.language)
        agreed_to = sent.get("consent", form.consent_text_id)
        if not 0 < agreed_to <= LARGEST_NUMBER or not newsletters.has_asked(
            session, slug, agreed_to
        ):
            detail = "“consent” must be the id of a wording of this newsletter’s consent."
            raise Refused(422, detail, field="consent")
        newsletters.sign_up(
            session,
            service().hasher,
            mail_limits(),
            address,
            consent_text_id=agreed_to,
            site=site,
            lang=lang,
            now=datetime.now(UTC),
        )
    return _answer({"detail": ASKED}, 202)


@blueprint.get("/newsletters/<slug:slug>/subscribers/<uuid:subscriber_id>")
@_for_keys()
def show_subscriber(key: ApiKey, slug: str, subscriber_id: uuid.UUID) -> Response:
    with service().database.reading() as session:
        _must_be_newsletter(session, slug)
        return _answer(_subscriber(subscribers.find(session, slug, subscriber_id)))


@blueprint.delete("/newsletters/<slug:slug>/subscribers/<uuid:subscriber_id>")
@_for_keys(writing=True)
def unsubscribe(key: ApiKey, slug: str, subscriber_id: uuid.UUID) -> Response:
    """Nobody but the person themself can undo it. Doing it again changes nothing."""
    now = datetime.now(UTC)
    with service().database.writing() as session:
        _must_be_newsletter(session, slug)
        found = subscribers.find(session, slug, subscriber_id).subscription
        if newsletters.unsubscribe(session, found.id, now) is Answer.DONE:
            subject = people.subject(found.subscriber.key)
            actor = api_keys.actor(key)
            audit.record(session, actor, "unsubscribed", subject, now, newsletter=slug)
    return Response(status=204)


@blueprint.get("/statements")
@_for_keys()
def list_statements(key: ApiKey) -> Response:
    after, most = request.args.get("after", ""), _limit()
    with service().database.reading() as session:
        try:
            lang = statement_languages(asked_look().lang)
            found = statements.part(session, lang, after, most + 1)
        except NoSuchStatement:
            raise Refused(400, _BAD_AFTER, field="after") from None
    return _part(found, most, _statement, lambda one: one.slug)


@blueprint.get("/statements/<slug:slug>")
@_for_keys()
def show_statement(key: ApiKey, slug: str) -> Response:
    with service().database.reading() as session:
        return _answer(syndication.data(session, slug))


@blueprint.get("/statements/<slug:slug>/signatories")
@_for_keys()
def list_signatories(key: ApiKey, slug: str) -> Response:
    after, most = _number("after", 0, LARGEST_NUMBER, 0), _limit()
    with service().database.reading() as session:
        shown = statements.standing(session, slug)
        found = signatories.part(session, shown.id, after, most + 1)
    return _part(found, most, vars, lambda one: str(one.id))


@blueprint.get("/members")
@_for_keys()
def list_members(key: ApiKey) -> Response:
    after, most = request.args.get("after", ""), _limit()
    if after and not re.fullmatch(SLUG, after):
        raise Refused(400, _BAD_AFTER, field="after")
    with service().database.reading() as session:
        found = members.part(session, after, most + 1)
    return _part(found, most, _member, lambda one: one.slug)


# Keys


def _key(writing: bool) -> ApiKey:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        detail = "Send a key: “Authorization: Bearer und_…”. Administrators make it in the console."
        raise Refused(401, detail, headers={"WWW-Authenticate": REALM})
    with service().database.reading() as session:
        key = api_keys.find(session, given.strip())
    if key is None:
        told = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
        raise Refused(401, "This is no key of ours, or it was revoked.", headers=told)
    limit: ClientLimit = current_app.extensions["key limit"]
    if not limit.allows(str(key.id)):
        wait = {"Retry-After": str(limit.wait(str(key.id)))}
        raise Refused(429, "This key has asked too often. Wait before you ask again.", headers=wait)
    if writing and not key.may_write:
        told = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope"'}
        raise Refused(403, "This key may only read.", headers=told)
    _note_used(key, datetime.now(UTC).date())
    return key


def _note_used(key: ApiKey, today: date) -> None:
    if key.used_on is None or key.used_on < today:
        with service().database.writing() as session:
            api_keys.note_used(session, key.id, today)


# What is sent

_BAD_AFTER = "“after” must be what “next” was in the answer before."


def _limit() -> int:
    return _number("limit", 1, MOST, USUAL)


def _number(name: str, least: int, most: int, usual: int) -> int:
    given = request.args.get(name, "")
    if not given:
        return usual
    if not re.fullmatch(r"[0-9]{1,10}", given) or not least <= int(given) <= most:
        raise Refused(400, f"“{name}” must be a number from {least:,} to {most:,}.", field=name)
    return int(given)


def _uuid(given: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(given) if given else None
    except ValueError:
        raise Refused(400, _BAD_AFTER, field="after") from None


def _sent(fields: Mapping[str, type], *, needed: str) -> dict[str, Any]:
    """The JSON object that was sent, with nothing in it but these fields, of these types."""
    if request.mimetype != "application/json":
        raise Refused(415, "Send JSON, with “Content-Type: application/json”.")
    try:
        sent = json.loads(request.get_data().decode())
        json.dumps(sent, ensure_ascii=False).encode()  # half a character is none
    except (ValueError, RecursionError):
        raise Refused(400, "This is no JSON that can be read, in UTF-8.") from None
    if not isinstance(sent, dict):
        raise Refused(422, "Send a JSON object.")
    for name, value in sent.items():
        if name not in fields:
            raise Refused(422, f"There is no such field; there are: {', '.join(fields)}.")
        if type(value) is not fields[name]:  # True would be a number
            kind = {str: "a text", int: "a whole number"}[fields[name]]
            raise Refused(422, f"“{name}” must be {kind}.", field=name)
    if needed not in sent:
        raise Refused(422, f"“{needed}” is missing.", field=needed)
    return sent


def _must_be_newsletter(session: Session, slug: str) -> None:
    if slug not in newsletters.slugs(session):
        raise NoSuchNewsletter(slug)


# What is answered


def _answer(data: Mapping[str, Any], status: int = 200) -> Response:
    return Response(
        json.dumps(data, ensure_ascii=False) + "\n", status, content_type="application/json"
    )


def _part(
    found: Sequence[Any],
    most: int,
    as_data: Callable[[Any], dict[str, Any]],
    cursor: Callable[[Any], str],
) -> Response:
    """found: one more than are to be answered, where there are more."""
    items = found[:most]
    on = cursor(items[-1]) if len(found) > most else None
    return _answer({"items": [as_data(one) for one in items], "next": on})


def _newsletter(slug: str, forms: Sequence[newsletters.Form]) -> dict[str, Any]:
    """forms: in each of its languages, its own first."""
    return {
        "slug": slug,
        "lang": forms[0].lang,
        "texts": [
            {
                "lang": form.lang,
                "title": form.title,
                "name": form.name,
                "description": form.description,
                "consent": {"id": form.consent_text_id, "text": form.consent_text},
            }
            for form in forms
        ],
    }


def _subscriber(one: Listed) -> dict[str, Any]:
    subscription, consent = one.subscription, one.consent
    return {
        "id": str(subscription.subscriber_id),
        "address": subscription.subscriber.address,
        "state": subscription.state,
        "lang": subscription.lang or (consent.lang if consent else None),
        "created": _moment(subscription.created_at),
        "changed": _moment(subscription.changed_at),
        "consent": _consent(consent) if consent else None,
    }


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "id": consent.consent_text_id,
        "site": consent.site,
        "lang": consent.lang,
        "method": consent.method,
        "asked": _moment(consent.asked_at),
        "given": _moment(consent.given_at),
        "withdrawn": _moment(consent.withdrawn_at) if consent.withdrawn_at else None,
    }


def _statement(one: Shown) -> dict[str, Any]:
    return {
        **syndication.named(one),
        "date": one.published_on.isoformat(),
        "updated": _moment(one.updated_at),
        "languages": list(one.languages),
        "topics": one.topics,
        "countries": one.countries,
    }


def _member(one: Member) -> dict[str, Any]:
    return {
        "slug": one.slug,
        "name": one.name,
        "names": one.names,
        "country": one.country,
        "website": one.website,
        "sites": [site.origin for site in one.sites],
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


@blueprint.errorhandler(Refused)
def refused(error: Refused) -> Response:
    response = problem(error.status, str(error), **({"field": error.field} if error.field else {}))
    response.headers.update(error.headers)
    return response


@blueprint.errorhandler(NoSuchNewsletter)
def no_such_newsletter(error: NoSuchNewsletter) -> Response:
    return problem(404, "There is no newsletter of this name.")


@blueprint.errorhandler(NoSuchSubscriber)
def no_such_subscriber(error: NoSuchSubscriber) -> Response:
    return problem(404, "Nobody of this id subscribes to this newsletter, or ever did.")


@blueprint.errorhandler(NoSuchStatement)
def no_such_statement(error: NoSuchStatement) -> Response:
    return problem(404, "There is no statement of this name.")


@blueprint.errorhandler(Withdrawn)
def withdrawn(error: Withdrawn) -> Response:
    detail = "The network has withdrawn this statement."
    return problem(410, detail, **syndication.withdrawal(error.statement))
