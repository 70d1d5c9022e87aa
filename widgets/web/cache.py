"""Rendered once, served many times: pages as bytes, before Flask sees the request.

A page that asks to be kept is a pure function of the content version, its path, the normal form
of its query, and whether it is asked for over https (other pages carry a warning). It is stored
with its ETag and, as they are first asked for, its compressed bodies, and served from here until
the content version moves or its time is up.
"""

import hashlib
import logging
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import brotli
import zstandard
from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import parse_accept_header
from werkzeug.test import run_wsgi_app

from widgets.web.parameters import normal
from widgets.web.security import came_in_clear, scheme

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger("undersigned.cache")

NEVER_KEPT = ("/healthz", "/readyz")  # these must tell how things are now
MOST_BYTES = 64_000_000  # in one process
LARGEST_KEPT = 2_000_000  # bytes of one page: a few larger ones would drive out all others
LARGE = 200_000  # bytes
KEEP = "undersigned.keep"  # in the WSGI environment: a list, to which `keep` adds its seconds
Headers = list[tuple[str, str]]


def keep(response: Response, seconds: float = 3600, fresh: int = 60) -> Response:
    """Marks a page as the same for everybody. seconds: how long we keep it at most; fresh: how
    long a browser may without asking. A shared cache may for five minutes, and show an old page
    for an hour while it asks and for a day while we are down (RFC 5861). None may keep a page that
    came in clear: it could show its warning to those who come over https."""
    request.environ.get(KEEP, []).append(seconds)
    if came_in_clear():
        response.headers["Cache-Control"] = f"private, max-age={fresh}"
        return response
    response.headers["Cache-Control"] = (
        f"public, max-age={fresh}, s-maxage=300, stale-while-revalidate=3600, stale-if-error=86400"
    )
    return response


@dataclass
class _Page:
    version: int
    until: float  # on the monotonic clock
    status: str
    headers: Headers
    body: bytes
    etag: str
    bodies: dict[str, bytes] = field(default_factory=dict)

    def encoded(self, encoding: str) -> bytes:
        if encoding not in self.bodies:
            self.bodies[encoding] = _ENCODERS[encoding](self.body)
        return self.bodies[encoding]

    def size(self) -> int:
        return 2 * len(self.body) + 1000


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    # the best of them takes a second for each megabyte
    "br": lambda body: brotli.compress(body, brotli.MODE_TEXT, 10 if len(body) < LARGE else 5),
    "zstd": lambda body: zstandard.ZstdCompressor(
        19 if len(body) < LARGE else 6, write_content_size=True
    ).compress(body),
    "gzip": lambda body: zlib.compress(body, 9, wbits=31),
    "": lambda body: body,
}


class PageCache:
    """WSGI middleware.

    version: reads the content version from the database; asked at most once in check_seconds.
    shown: called with each page that a reader is sent whole, its path and its ?site=.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        version: Callable[[], int],
        check_seconds: float,
        shown: Callable[["WSGIEnvironment", str, str], None] | None = None,
    ) -> None:
        self._app = app
        self._read_version = version
        self._check_seconds = check_seconds
        self._shown = shown
        self._version = -1
        self._checked = float("-inf")
        self._pages: OrderedDict[tuple[Any, ...], _Page] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or path in NEVER_KEPT:
            return self._app(environ, start_response)
        key = (scheme(environ), path, normal(environ.get("QUERY_STRING", "")))
        version = self._current_version()
        page = self._pages.get(key)
        if page is not None:
            with suppress(KeyError):  # another thread has just dropped it
                self._pages.move_to_end(key)
        if page is None or page.version != version or page.until < time.monotonic():
            seconds: list[float] = []
            asked = {**environ, "REQUEST_METHOD": "GET", KEEP: seconds}
            body, status, headers = run_wsgi_app(self._app, asked, buffered=True)
            whole = b"".join(body)
            if not seconds or "Set-Cookie" in headers:  # which is for one browser alone
                start_response(status, list(headers))
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [whole]
            page = _Page(
                version=version,
                until=time.monotonic() + seconds[0],
                status=status,
                headers=[(k, v) for k, v in headers if k.lower() != "content-length"],
                body=whole,
                etag=f'W/"{hashlib.sha256(whole).hexdigest()[:20]}"',
            )
            if len(whole) <= LARGEST_KEPT:
                self._store(key, page)
        whole_page = environ["REQUEST_METHOD"] == "GET" and page.status[0] == "2"
        if self._shown and whole_page and not _is_known(page, environ):
            self._shown(environ, path, dict(key[2]).get("site", ""))
        return _answer(page, environ, start_response)

    def bytes_kept(self) -> int:
        """About how much memory the pages take."""
        return self._bytes

    def _store(self, key: tuple[Any, ...], page: _Page) -> None:
        with self._lock:
            old = self._pages.pop(key, None)
            self._bytes += page.size() - (old.size() if old else 0)
            self._pages[key] = page
            while self._bytes > MOST_BYTES:
                _, dropped = self._pages.popitem(last=False)
                self._bytes -= dropped.size()

    def _current_version(self) -> int:
        # One asks, and the others don't wait for it: a database that hangs holds up one reader.
        if not self._due() or not self._asking.acquire(blocking=self._version < 0):
            return self._version
        try:
            if self._due():
                self._version = self._read_version()
                self._checked = time.monotonic()
        except SQLAlchemyError as error:
            # What we have is better than nothing while the database is away.
            self._checked = time.monotonic()
            log.warning("the content version could not be read: %s", error)
        finally:
            self._asking.release()
        return self._version

    def _due(self) -> bool:
        return time.monotonic() - self._checked >= self._check_seconds


def _answer(
    page: _Page, environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    headers: Headers = [*page.headers, ("ETag", page.etag), ("Vary", "Accept-Encoding")]
    if _is_known(page, environ):
        start_response("304 Not Modified", [h for h in headers if h[0] != "Content-Type"])
        return []
    encoding = _best_encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
    if _is_picture(page):  # which is compressed already
        encoding = ""
    body = page.encoded(encoding)
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Content-Length", str(len(body))))
    start_response(page.status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _is_known(page: _Page, environ: "WSGIEnvironment") -> bool:
    """Whether the browser says that it has the page still."""
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    return page.etag[2:] in known or known.strip() == "*"


def _is_picture(page: _Page) -> bool:
    return any(
        name == "Content-Type" and value.startswith("image/") for name, value in page.headers
    )


@lru_cache(maxsize=256)
def _best_encoding(accepted: str) -> str:
    offered = parse_accept_header(accepted)
    return next((one for one in ("br", "zstd", "gzip") if offered.quality(one) > 0), "")
