"""What goes wrong, said to a program (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Any

from flask import Response, request

CONTENT_TYPE = "application/problem+json"
WORDS = {
    400: "The request could not be read.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    410: "What was here has been taken back.",
    413: "The request is larger than any that is meant to be sent here.",
    500: "Something failed on our side; the log has it.",
    503: "The database did not answer. Try again in a minute.",
}


def is_asked_by_program() -> bool:
    """Whether an answer to this request is read by a program."""
    return request.path == "/api" or request.path.startswith("/api/")


def problem(status: int, detail: str = "", **more: Any) -> Response:
    """detail: a sentence for whoever writes the program; more: further members."""
    told = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or WORDS[status],
        **more,
    }
    return Response(json.dumps(told) + "\n", status, content_type=CONTENT_TYPE)
