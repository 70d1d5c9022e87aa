"""What the mail relay tells us: `/hooks/<relay>`. No session, no form: a call proves by its
signature whose it is."""

import logging
from datetime import UTC, datetime
from typing import cast

from flask import Blueprint, Response, abort, current_app, request

from widgets import bounces
from widgets.relays import Call, NotBelieved, NotUnderstood, Receiver
from widgets.web import service

log = logging.getLogger("undersigned.hooks")

blueprint = Blueprint("hooks", __name__)

LARGEST = 256 * 1024  # bytes; as much as SNS sends
LARGEST_OF_SENDGRID = 1024 * 1024  # it tells of many messages at once


@blueprint.post("/hooks/<relay>")
def tell(relay: str) -> Response:
    """Takes in bounces and complaints; answers when that is committed."""
    receiver = cast(Receiver, current_app.extensions["relay"])
    if not relay or relay != receiver.relay:
        abort(404)
    request.max_content_length = LARGEST_OF_SENDGRID if relay == "sendgrid" else LARGEST
    call, now = Call(request.headers.get, request.get_data(cache=False)), datetime.now(UTC)
    try:
        told = receiver.read(call, now)
    except NotBelieved as error:
        log.warning("what claims to be of %s is not believed: %s", relay, error)
        return _said(403, f"Not believed: {error}.")
    except NotUnderstood as error:
        return _said(400, f"Not understood: {error}.")
    for report in told.reports:
        with service().database.writing() as session:
            bounces.record(session, service().hasher, report, now)
    receiver.remember(told, now)
    return _said(200, "Taken in.")


def _said(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")
