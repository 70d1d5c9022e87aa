"""Asking another tool's API: JSON over HTTP, with a password, in bounded time and memory."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from widgets.fetching import is_public
from widgets.partner_tools.tool import ToolFails
from widgets.settings import is_local_host

SECONDS = 30.0  # for one step of an exchange
SECONDS_IN_ALL = 120.0  # for a whole answer
LARGEST = 20_000_000  # bytes of an answer


class BadUrl(ValueError):
    """Not an address that a password may be sent to; the text says why."""


def checked_url(url: str) -> str:
    """The address without a slash at its end. Raises BadUrl.

    A password goes over TLS, or stays on this machine or in a network of ours: a host that is
    named by one word, as containers are, or by a private address.
    """
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        usable = parts.scheme in ("http", "https") and host and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() for c in url):
        raise BadUrl("This must be an address like https://lists.example.org.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadUrl("Please give the address alone, without a user, a password or a query in it.")
    if parts.scheme == "http" and not _is_near(host):
        raise BadUrl("This must begin with https://, or the password could be read on the way.")
    return url


def _is_near(host: str) -> bool:
    if is_local_host(host) or "." not in host.replace(":", "."):
        return True
    is_address = ":" in host or host.replace(".", "").isdecimal()
    return (is_address and not is_public(host)) or host.endswith((".local", ".internal"))


class Api:
    """url: what all paths are below."""

    def __init__(self, url: str, user: str, password: str, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._client = httpx.Client(
            base_url=url,
            auth=httpx.BasicAuth(user, password),
            timeout=seconds,
            follow_redirects=False,  # they would carry the password along
            trust_env=False,
            headers={"Accept": "application/json", "User-Agent": "Undersigned"},
        )

    def close(self) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        may: Sequence[int] = (),
    ) -> tuple[int, Any, httpx.Headers]:
        """One exchange: the status, what the JSON says, the headers. may: statuses beside those of
        success that the caller understands. Raises ToolFails."""
        try:
            with self._client.stream(
                method, path, params=query, json=body, data=dict(form) if form else None
            ) as response:
                text = self._read(response)
                status, headers = response.status_code, response.headers
        except httpx.TimeoutException:
            raise ToolFails(f"There was no answer within {self._seconds:g} seconds.") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ToolFails(f"It can’t be reached: {reason or type(error).__name__}.") from None
        if status not in may:
            _complain(status)
        if not text:
            return status, None, headers
        try:
            return status, json.loads(text), headers
        except (ValueError, RecursionError):
            if status in may:
                return status, None, headers
            raise ToolFails(
                "The answer is no JSON. Is this the address of the tool’s API?"
            ) from None

    def _read(self, response: httpx.Response) -> bytes:
        until = time.monotonic() + max(SECONDS_IN_ALL, self._seconds)
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > LARGEST:
                raise ToolFails(f"An answer was larger than {LARGEST:,} bytes.")
            if time.monotonic() > until:
                raise ToolFails("An answer came too slowly.")
        return bytes(body)


def _complain(status: int) -> None:
    if status < 300:
        return
    if status < 400:
        raise ToolFails(
            f"It answers with a redirect ({status}). Please give the address that it leads to."
        )
    if status == 401:
        raise ToolFails("It does not let us in: please check the user and the password.")
    if status == 403:
        raise ToolFails("It lets us in, but does not allow this: its user needs more permissions.")
    if status == 404:
        raise ToolFails("There is nothing at this address, or no such list (404).")
    if status == 429:
        raise ToolFails("It is asked too often (429).")
    raise ToolFails(f"It answered {status}.")


def number(value: object) -> int:
    """A number that an answer should have. Raises ToolFails."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise strange()


def strange() -> ToolFails:
    return ToolFails("The answer is JSON, but not as this tool gives it. Is it another tool?")
