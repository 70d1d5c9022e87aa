"""What every response carries, and who may post how often."""

import hashlib
import hmac
import ipaddress
import logging
import math
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask, Response, current_app, request
from limits import parse_many
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from widgets.service import Service
from widgets.settings import Settings
from widgets.web import service as opened
from widgets.web import styles
from widgets.web.parameters import normal

log = logging.getLogger("undersigned.web")

# Everything a page could ask a browser for; none of ours asks for anything.
_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "clipboard-read", "display-capture",
    "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid", "identity-credentials-get",
    "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial",
    "storage-access", "usb", "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in _FEATURES)
LARGEST_POST = 64 * 1024  # bytes; the largest form of ours is far below


def install(app: Flask, service: Service) -> None:
    """Headers on every response of this application, and its limits of clients and of keys."""
    settings = service.settings
    for name, limit in (("client limit", settings.client_limit), ("key limit", settings.api_limit)):
        app.extensions[name] = ClientLimit(limit, settings, service.hasher.key_for(name))

    @app.after_request
    def add_headers(response: Response) -> Response:
        framed = request.path.startswith("/embed/")
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _policy(_who_may_frame(settings)))
        headers.update(common_headers(settings.is_https and not came_in_clear()))
        headers.setdefault("Cache-Control", "no-store")
        shared = framed or request.path.startswith("/pictures/")
        headers.setdefault(
            "Cross-Origin-Resource-Policy", "cross-origin" if shared else "same-origin"
        )
        # No Cross-Origin-Opener-Policy: a page that is opened from a sandboxed frame would then
        # not show at all, and our links carry noopener anyway.
        if not framed:
            headers.setdefault("X-Frame-Options", "DENY")
        if request.path.startswith("/admin"):
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


def common_headers(is_https: bool) -> dict[str, str]:
    """What stands on every answer, those that never reach the application too."""
    headers = {
        "Referrer-Policy": "no-referrer",  # addresses of ours may hold signed links
        "X-Content-Type-Options": "nosniff",
        "Permissions-Policy": PERMISSIONS_POLICY,
    }
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=63072000"
    return headers


def _who_may_frame(settings: Settings) -> str:
    """frame-ancestors of the answer to this request."""
    if request.path.startswith("/embed/previews/"):
        return "'self'"  # what an editor looks at in the console is nobody else's
    if not request.path.startswith("/embed/"):
        return "'none'"
    if settings.frame_ancestors == "*":
        # "*" means http and https only: without these, a webmaster's local file shows nothing
        return "* file: data: blob:"
    return f"'self' {settings.frame_ancestors}"


def _policy(ancestors: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'none'",
            f"style-src {styles.policy()}",
            "img-src 'self'",
            "frame-src 'self'",
            f"form-action 'self' {secure_origin()}".strip(),
            "base-uri 'none'",
            f"frame-ancestors {ancestors}",
        )
    )


def scheme(environ: Mapping[str, Any]) -> str:
    """ "https" or "http": how the reader's browser asked.

    What the proxy nearest to the reader says is believed also where no proxy is trusted: a reader
    who makes that up for a request of their own spares nobody else a warning.
    """
    said = environ.get("HTTP_X_FORWARDED_PROTO", "").partition(",")[0].strip().lower()
    return "https" if "https" in (environ["wsgi.url_scheme"], said) else "http"


def came_in_clear() -> bool:
    """Whether this request could be read and changed on its way, though it need not have been."""
    settings = opened().settings
    return settings.is_https and not settings.is_local and scheme(request.environ) == "http"


def secure_self() -> str | None:
    """The https address of a page that came in clear, from the base URL and never from the Host;
    None where the connection is as it should be."""
    if not came_in_clear():
        return None
    query = urlencode(normal(request.query_string.decode("latin-1")))
    return opened().settings.url(quote(request.path) + (f"?{query}" if query else ""))


def secure_origin() -> str:
    """What stands before the path to which a form is sent: nothing, or on a page that came in clear
    our https address, so that what is typed into it is not read on the way."""
    return opened().settings.base_url if came_in_clear() else ""


def is_foreign_post(settings: Settings) -> bool:
    """Whether another site's page, or a script, sent this POST.

    Our form in a sandboxed frame has the origin "null", and old browsers send none: both are let
    in. A named origin that is not ours is not, nor what a script fetches (Fetch Metadata).
    """
    origin = request.headers.get("Origin", "null")
    if origin != "null" and origin.partition("://")[2] not in (
        request.host,
        urlsplit(settings.base_url).netloc,
    ):
        return True
    return request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"


def client_limit() -> "ClientLimit":
    return cast(ClientLimit, current_app.extensions["client limit"])


class ClientLimit:
    """How often one client may post, or one key of the API ask. Clients are told apart by a hash of
    their address under a key that is made anew with each process (or is the service's, where many
    share a Valkey), and the hashes are kept in memory only."""

    def __init__(self, limit: str, settings: Settings, shared_key: bytes) -> None:
        in_memory = settings.limit_storage.startswith("memory:")
        self._key = secrets.token_bytes(32) if in_memory else shared_key
        self._limits = parse_many(limit) if limit else []
        quickly: dict[str, Any] = {} if in_memory else {"socket_timeout": 1}
        storage = storage_from_string(settings.limit_storage, wrap_exceptions=True, **quickly)
        self._limiter = FixedWindowRateLimiter(storage)

    def allows(self, client: str | None) -> bool:
        """Counts one request of this client, and tells whether it is still within every limit."""
        who = self._who(client)
        try:
            # each is counted, also when another is exceeded already
            within = [self._limiter.hit(limit, who) for limit in self._limits]
            return all(within)
        except StorageError as error:  # a lost Valkey must not keep readers out
            log.warning("clients can't be counted: %s", error)
            return True

    def wait(self, client: str | None) -> int:
        """After how many seconds this client is within every limit again."""
        who = self._who(client)
        now = time.time()
        try:
            told = [self._limiter.get_window_stats(limit, who) for limit in self._limits]
        except StorageError:
            return 1
        return max([1, *(math.ceil(one.reset_time - now) for one in told if not one.remaining)])

    def _who(self, client: str | None) -> str:
        return hmac.new(self._key, _one_client(client or ""), hashlib.sha256).hexdigest()


def _one_client(address: str) -> bytes:
    """What one client has for itself: an IPv4 address, or the first half of an IPv6 address.

    >>> _one_client("192.0.2.1:8080") == _one_client("::ffff:192.0.2.1")
    True
    >>> _one_client("2001:db8::1") == _one_client("2001:db8::2")
    True
    """
    bare = re.sub(r"^\[(.*)\](:\d+)?$|^([\d.]+):\d+$", r"\1\3", address)
    try:
        ip = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return address.encode("utf-8", "replace")
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return ip.packed[:8]
        ip = ip.ipv4_mapped
    return ip.packed
