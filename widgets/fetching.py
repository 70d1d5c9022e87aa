"""Fetching a document from a stranger's server, or sending one there, without harm.

What is fetched is bounded in time, in size and in redirects, and comes from the public internet
only: a name is resolved once, every address that it gives is looked at, and one of those very
addresses is connected to, so that a name which points elsewhere a moment later (DNS rebinding)
gains nothing. Proxies, cookies and passwords play no part.
"""

import contextlib
import ipaddress
import queue
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

REDIRECTS = (301, 302, 303, 307, 308)
PORTS = (80, 443)
MOST_ADDRESSES_TRIED = 4
# What is not the public internet, by the registries of special-purpose addresses (RFC 6890 and
# what has been added to it since). The second group leads into IPv4 by other ways: 6to4, Teredo.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


class CantFetch(Exception):
    """It could not be fetched; the text says why, to an operator.

    retry_after: seconds in which the server asked not to be asked again.
    gone: the server says that it will not come back.
    """

    def __init__(self, reason: str, *, retry_after: float = 0, gone: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.gone = gone


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True)
class Policy:
    """What a fetch may touch, and what it may cost.

    private: addresses that are not public may be connected to, on any port.
    largest: bytes of the document, unpacked. seconds: for all of it, redirects and all.
    """

    private: bool = False
    largest: int = 2_000_000
    seconds: float = 15.0
    redirects: int = 5
    resolve: Callable[[str, int], Sequence[str]] = look_up
    network: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)


@dataclass(frozen=True)
class Answer:
    """What came. url: where it came from in the end. unchanged: the server said that we have
    it already (304). fresh_for: seconds for which the server says that it stays as it is."""

    url: str
    body: bytes = b""
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    fresh_for: float = 0
    unchanged: bool = False


def fetch(
    url: str,
    policy: Policy,
    *,
    agent: str,
    accept: str = "*/*",
    etag: str | None = None,
    last_modified: str | None = None,
) -> Answer:
    """Fetches with GET; with etag or last_modified, only what has changed since (RFC 9110).

    agent: the User-Agent. Raises CantFetch.
    """
    headers = {"User-Agent": agent, "Accept": accept, "Accept-Encoding": "gzip"}
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    guard = _Guard(policy)
    target = checked(url, policy)
    for _ in range(policy.redirects + 1):
        answer = _ask(target, headers, guard)
        if isinstance(answer, Answer):
            return answer
        target = checked(answer, policy)
    raise CantFetch(f"more than {policy.redirects} redirects")


@dataclass(frozen=True)
class Reply:
    """What a server said to what was sent it. retry_after: seconds in which it asked not to be
    asked again."""

    status: int
    retry_after: float


def post(url: str, body: bytes, policy: Policy, *, agent: str, headers: Mapping[str, str]) -> Reply:
    """Sends with POST. Redirects are not followed; what the server says besides its status is
    read, up to policy.largest, and thrown away. Raises CantFetch."""
    target = checked(url, policy)
    guard = _Guard(policy)
    sent = {"User-Agent": agent, "Content-Length": str(len(body)), **headers}
    with _failing_clearly(policy), _exchange("POST", target, sent, guard, body) as response:
        told = httpx.Headers(response.headers)
        reply = Reply(response.status, _retry_after(told.get("Retry-After", "")))
        # It has taken what was sent or not, whatever becomes of its words about it.
        with contextlib.suppress(httpcore.TimeoutException, *_BROKEN):
            read = 0
            for chunk in response.iter_stream():
                read += len(chunk)
                if read > policy.largest:
                    break
    return reply


def checked(url: str | httpx.URL, policy: Policy) -> httpx.URL:
    """The address in its normal form, if it is one that may be asked. Raises CantFetch."""
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, TypeError, ValueError):
        raise CantFetch("not an address that can be read") from None
    if parsed.scheme not in ("http", "https") or not host:
        raise CantFetch("not an address that begins with http:// or https://")
    if parsed.userinfo:
        raise CantFetch("an address with a user or a password in it is not asked")
    if not policy.private and _port(parsed) not in PORTS:
        raise CantFetch(f"port {_port(parsed)} is not asked, only 80 and 443")
    return parsed


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet. Addresses of IPv6 that hold one of
    IPv4 (mapped, 6to4, NAT64, Teredo) do not: nobody can tell where they lead.

    >>> is_public("93.184.215.14"), is_public("192.168.1.1"), is_public("::ffff:8.8.8.8")
    (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in block for block in _NOT_PUBLIC_4)
    return parsed in _PUBLIC_6 and not any(parsed in block for block in _NOT_PUBLIC_6)


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _ask(url: httpx.URL, headers: dict[str, str], guard: "_Guard") -> Answer | httpx.URL:
    """One exchange: what came, or where else to ask."""
    with _failing_clearly(guard.policy), _exchange("GET", url, headers, guard) as response:
        return _read(url, response, headers, guard.policy)


@contextmanager
def _exchange(
    method: str, url: httpx.URL, headers: dict[str, str], guard: "_Guard", body: bytes = b""
) -> Iterator[httpcore.Response]:
    with (
        httpcore.ConnectionPool(guard.policy.tls, network_backend=guard) as pool,
        pool.stream(
            method,
            httpcore.URL(
                scheme=url.raw_scheme,
                host=url.raw_host,
                port=_port(url),
                target=url.raw_path,
            ),
            headers=[("Host", url.netloc), *headers.items()],
            content=body or None,
        ) as response,
    ):
        yield response


_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError)


@contextmanager
def _failing_clearly(policy: Policy) -> Iterator[None]:
    """What fails in the block is raised as CantFetch."""
    try:
        yield
    except httpcore.TimeoutException:
        raise CantFetch(f"no whole answer within {policy.seconds:g} seconds") from None
    except httpcore.ConnectError as error:
        raise CantFetch(f"no connection: {_reason(error)}") from None
    except httpcore.RemoteProtocolError as error:
        raise CantFetch(f"the answer is cut off or no HTTP: {_reason(error)}") from None
    except _BROKEN as error:
        raise CantFetch(f"the connection failed: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """The error in one short line; a stranger's server may have a hand in it."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _read(
    url: httpx.URL, response: httpcore.Response, asked: dict[str, str], policy: Policy
) -> Answer | httpx.URL:
    told = httpx.Headers(response.headers)
    status = response.status
    if status in REDIRECTS:
        try:
            return url.join(told["Location"])
        except (KeyError, httpx.InvalidURL, UnicodeError, ValueError):
            raise CantFetch(f"a redirect ({status}) to no address") from None
    fresh_for = _max_age(told.get("Cache-Control", ""))
    if status == 304 and {"If-None-Match", "If-Modified-Since"} & set(asked):
        return Answer(str(url), fresh_for=fresh_for, unchanged=True)
    if status != 200:
        raise CantFetch(
            f"the server answered {status}",
            retry_after=_retry_after(told.get("Retry-After", "")),
            gone=status == 410,
        )
    if told.get("Content-Length", "").isdecimal() and (
        int(told["Content-Length"][:20]) > policy.largest
    ):
        raise CantFetch(_too_large(policy))
    return Answer(
        str(url),
        body=_body(response.iter_stream(), told.get("Content-Encoding", ""), policy),
        content_type=told.get("Content-Type", ""),
        etag=_kept(told.get("ETag")),
        last_modified=_kept(told.get("Last-Modified")),
        fresh_for=fresh_for,
    )


def _body(chunks: Iterable[bytes], encoding: str, policy: Policy) -> bytes:
    """All of the chunks, unpacked; what is too large is found out before it is in memory."""
    encoding = encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        chunks = _unpacked(chunks, policy)
    elif encoding not in ("", "identity"):
        raise CantFetch("the answer is packed in a way that was not asked for")
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > policy.largest:
            raise CantFetch(_too_large(policy))
    return bytes(body)


def _unpacked(chunks: Iterable[bytes], policy: Policy) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(wbits=31)
    packed = 0
    try:
        for chunk in chunks:
            packed += len(chunk)
            if packed > policy.largest:  # packs nothing, at length
                raise CantFetch(_too_large(policy))
            # One byte more than there may be in all is enough to tell.
            yield unpacking.decompress(chunk, policy.largest + 1)
            if unpacking.eof:
                return
    except zlib.error:
        raise CantFetch("the answer is packed, and damaged") from None
    raise CantFetch("the answer is cut off")


def _too_large(policy: Policy) -> str:
    return f"larger than {policy.largest:,} bytes"


def _kept(validator: str | None) -> str | None:
    """An ETag or a date, if it is one that can be sent back."""
    sent_back = validator and len(validator) <= 500 and validator.isascii()
    return validator if sent_back and str(validator).isprintable() else None


def _max_age(cache_control: str) -> float:
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name == "max-age" and value.isdecimal():
            return float(value[:10])
    return 0


def _retry_after(value: str) -> float:
    """Seconds, of a number or of a date (RFC 9110, 10.2.3); 0 where there are none."""
    if value.isdecimal():
        return float(value[:10])
    try:
        when = parsedate_to_datetime(value)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return 0


class _Guard(httpcore.NetworkBackend):
    """The network as one fetch may use it: vetted addresses, and one deadline for everything."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._until = time.monotonic() + policy.seconds

    def left(self) -> float:
        """Seconds. Raises httpcore.ReadTimeout when there are none."""
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout
        return seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._vetted(host, port)[:MOST_ADDRESSES_TRIED]
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for number, address in enumerate(addresses):
            # An address that takes no calls must leave time for the next.
            seconds = self.left() / (len(addresses) - number)
            try:
                stream = self.policy.network.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
                return _Stream(stream, self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def _vetted(self, host: str, port: int) -> list[str]:
        addresses = list(self._resolved(host, port))
        if not self.policy.private and not all(is_public(address) for address in addresses):
            raise CantFetch(f"{host} is not on the public internet")
        return addresses

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """Asked in a thread, since the system's resolver knows no deadline."""
        answered: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answered.put(self.policy.resolve(host, port))
            except (OSError, UnicodeError) as error:
                answered.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            found = answered.get(timeout=self.left())
        except queue.Empty:
            raise httpcore.ConnectTimeout from None
        if isinstance(found, Exception):
            raise CantFetch(f"{host} is not found: {_reason(found)}")
        return found


class _Stream(httpcore.NetworkStream):
    """A connection on which each step has only what is left of the whole time."""

    def __init__(self, stream: httpcore.NetworkStream, guard: _Guard) -> None:
        self._stream = stream
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._guard.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._guard.left())

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._guard.left())
        return _Stream(stream, self._guard)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
