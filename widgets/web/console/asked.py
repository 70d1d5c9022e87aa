"""What a request to the console asks for, read forgivingly."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import request

from widgets.text import clean

LARGEST_NUMBER = 1_000_000


def page_number() -> int:
    """?page=, from 1; 1 where it is no number."""
    try:
        return min(max(1, int(request.args.get("page", "1"))), LARGEST_NUMBER)
    except ValueError:
        return 1


def search(sent: Mapping[str, str] | None = None) -> str:
    """?q=, or the field of that name of what was sent, cleaned and not too long."""
    return clean((request.args if sent is None else sent).get("q", "")[:2000])[:200]


def page_link(number: int) -> str:
    """The address of another page of the list that is shown."""
    return "?" + urlencode({**request.args.to_dict(), "page": number})
