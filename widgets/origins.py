"""Origins, by which browsers tell sites apart (RFC 6454): https://member.example."""

import re
from urllib.parse import urlsplit

import idna

LONGEST = 255  # characters
_USUAL = {"http": 80, "https": 443}


class BadOrigin(ValueError):
    """Not the address of a site; the text says why."""


def origin(typed: str) -> str:
    """The origin of an address, as a browser writes it. A path is left out, and without a scheme
    it is https. Raises BadOrigin.

    >>> origin("Member.example/about"), origin("http://bücher.example:80")
    ('https://member.example', 'http://xn--bcher-kva.example')
    """
    address = typed.strip()
    if "://" not in address:
        address = f"https://{address}"
    bad = BadOrigin(f"“{typed.strip()[:200]}” is not the address of a site: https://member.example")
    try:
        parts = urlsplit(address)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise bad from None
    if parts.scheme not in _USUAL or not host or parts.username is not None:
        raise bad
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise bad from None
    if ":" in host:  # IPv6
        host = f"[{host}]"
    elif not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", host):
        raise bad
    shown = "" if port is None or port == _USUAL[parts.scheme] else f":{port}"
    found = f"{parts.scheme}://{host.rstrip('.')}{shown}"
    if len(found) > LONGEST:
        raise bad
    return found


def of_referer(referer: str) -> str:
    """The origin that a browser's Referer tells; "" where there is none.

    >>> of_referer("https://member.example/a?b"), of_referer("about:blank"), of_referer("")
    ('https://member.example', '', '')
    """
    found = re.match(r"(https?://[^/?#@\s]{1,253})(?:[/?#]|$)", referer)
    return found[1].lower() if found else ""


def twins(origin: str) -> list[str]:
    """The origins that one site usually has: with www and without, by https and by http.

    >>> twins("https://www.member.example")[1:]
    ['https://member.example', 'http://www.member.example', 'http://member.example']
    """
    scheme, _, host = origin.partition("://")
    other_host = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
    other = "http" if scheme == "https" else "https"
    return [f"{one}://{name}" for one in (scheme, other) for name in (host, other_host)]
