"""One person's record: looked up, given to them, ended, erased. For administrators.

The address is never part of a path: a record is known by the keyed hash of it.
"""

import re
import uuid
from datetime import UTC, datetime

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from widgets import audit, bounces, newsletters, people, records
from widgets.addresses import BadAddress, parse
from widgets.audit import Actor
from widgets.languages import own_name
from widgets.models import Editor, Role
from widgets.newsletters import Answer
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("subscribers", __name__, url_prefix="/admin/subscribers")

BY_HAND = "by hand"
ERASED = "erased on request"


@screen.get("", role=Role.ADMINISTRATOR)
def index(editor: Editor) -> Response:
    return make_response(render_template("console/subscribers.html", typed="", problem=""))


@screen.post("", role=Role.ADMINISTRATOR)
def look_up(editor: Editor) -> AnyResponse:
    typed = request.form.get("address", "")[:400]
    try:
        address = parse(typed, allow_test_domains=service().settings.is_local)
    except BadAddress as error:
        html = render_template("console/subscribers.html", typed=typed, problem=str(error))
        return make_response(html, 422)
    return redirect(url_for("subscribers.record", key=service().hasher.address(address)), 303)


@screen.get("/<key>", role=Role.ADMINISTRATOR)
def record(editor: Editor, key: str) -> Response:
    with service().database.reading() as session:
        person = people.find(session, service().hasher, _checked(key))
    html = render_template("console/subscriber.html", person=person, own_name=own_name)
    return make_response(html)


@screen.post("/<key>/export", role=Role.ADMINISTRATOR)
def export(editor: Editor, key: str) -> Response:
    """All that is kept of them, as a file for them."""
    with service().database.writing() as session:
        person = people.find(session, service().hasher, _checked(key))
        audit.record(session, Actor.of(editor), "exported", people.subject(key), datetime.now(UTC))
    return Response(
        people.as_json(person),
        mimetype="application/json",
        headers={"Content-Disposition": f'attachment; filename="record-{key[:8]}.json"'},
    )


@screen.post("/<key>/unsubscribe", role=Role.ADMINISTRATOR)
def unsubscribe(editor: Editor, key: str) -> AnyResponse:
    now = datetime.now(UTC)
    with service().database.writing() as session:
        person = people.find(session, service().hasher, _checked(key))
        ended = [
            one for one in person.subscriptions if one["id"] == request.form.get("subscription")
        ]
        if not ended:
            abort(404)
        answer = newsletters.unsubscribe(session, uuid.UUID(ended[0]["id"]), now)
        if answer is Answer.DONE:
            newsletter = ended[0]["newsletter"]
            actor = Actor.of(editor)
            audit.record(
                session, actor, "unsubscribed", people.subject(key), now, newsletter=newsletter
            )
    said = "They are unsubscribed." if answer is Answer.DONE else "They had left already."
    return noted(said, url_for("subscribers.record", key=key))


@screen.post("/<key>/erase", role=Role.ADMINISTRATOR)
def erase(editor: Editor, key: str) -> AnyResponse:
    now = datetime.now(UTC)
    with service().database.writing() as session:
        records.erase(
            session,
            service().hasher,
            _checked(key),
            ERASED,
            now,
            contacts=request.form.get("contacts") == "yes",
        )
        audit.record(session, Actor.of(editor), "erased", people.subject(key), now)
    return noted(
        "Erased. Only the keyed hash is left, so that nothing is ever sent there again.",
        url_for("subscribers.record", key=key),
    )


@screen.post("/<key>/suppress", role=Role.ADMINISTRATOR)
def suppress(editor: Editor, key: str) -> AnyResponse:
    """For an address of which nothing is kept."""
    now = datetime.now(UTC)
    with service().database.writing() as session:
        records.erase(session, service().hasher, _checked(key), BY_HAND, now)
        audit.record(session, Actor.of(editor), "suppressed", people.subject(key), now)
    said = "Nothing will be sent to this address."
    return noted(said, url_for("subscribers.record", key=key))


@screen.post("/<key>/allow", role=Role.ADMINISTRATOR)
def allow(editor: Editor, key: str) -> AnyResponse:
    now = datetime.now(UTC)
    with service().database.writing() as session:
        records.allow_again(session, _checked(key))
        audit.record(session, Actor.of(editor), "allowed again", people.subject(key), now)
    said = "Whoever has this address can sign up again."
    return noted(said, url_for("subscribers.record", key=key))


@screen.post("/<key>/write-again", role=Role.ADMINISTRATOR)
def write_again(editor: Editor, key: str) -> AnyResponse:
    """For an address whose mail bounced."""
    now = datetime.now(UTC)
    with service().database.writing() as session:
        bounces.write_again(session, _checked(key), now)
        audit.record(session, Actor.of(editor), "allowed again", people.subject(key), now)
    said = "They are written to again."
    return noted(said, url_for("subscribers.record", key=key))


def _checked(key: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", key):
        abort(404)
    return key
