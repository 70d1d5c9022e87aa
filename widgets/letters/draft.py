"""What a kind of mail is made from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Draft:
    """to: the one address it is for. lang: the tag of the language it is wanted in; None: the
    network's. values: what the templates mail/<kind>.txt and .html say, worked out once that
    language is spoken. unsubscribe: where one click ends such mail (RFC 8058)."""

    to: str
    lang: str | None
    values: Callable[[], dict[str, Any]]
    unsubscribe: str | None = None
