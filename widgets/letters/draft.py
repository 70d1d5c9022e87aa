"""What a kind of mail is made from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mailing:
    """What one mail to many says of itself to mail programs and to those who receive many of them.
    list_id: of its newsletter, for good (RFC 2919); name: of it, in the reader's language; archive:
    where earlier ones can be read (RFC 2369); feedback_id: by which Google sums up complaints."""

    list_id: str
    name: str
    archive: str
    feedback_id: str


@dataclass(frozen=True)
class Draft:
    """to: the one address it is for. lang: the tag of the language it is wanted in; None: the
    network's. values: what the templates mail/<kind>.txt and .html say, worked out once that
    language is spoken. unsubscribe: where one click ends such mail (RFC 8058). mailing: which mail
    to many it is a copy of."""

    to: str
    lang: str | None
    values: Callable[[], dict[str, Any]]
    unsubscribe: str | None = None
    mailing: Mailing | None = None
