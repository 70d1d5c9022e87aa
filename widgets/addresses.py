"""E-mail addresses: what is one, and the keyed hashes by which they are known."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from widgets.languages import gettext

LONGEST = 254  # octets, RFC 5321 §4.5.3.1.3 less the angle brackets
LONGEST_LOCAL = 64  # octets before the @, RFC 5321 §4.5.3.1.1
DOTS_DO_NOT_COUNT = frozenset({"gmail.com", "googlemail.com"})


class BadAddress(ValueError):
    """Not one deliverable address; the text is a sentence for the reader, in the language that is
    spoken."""


@dataclass(frozen=True)
class Address:
    """A valid address: `local` as it was typed, `domain` in the DNS' own letters (IDNA 2008)."""

    local: str
    domain: str

    @property
    def text(self) -> str:
        """As it is written to."""
        return f"{self.local}@{self.domain}"


def parse(typed: str, *, allow_test_domains: bool = False) -> Address:
    """One address as a reader types it; internationalised ones too (RFC 6531).

    Raises BadAddress. Nothing is looked up: a sign-up must not wait for somebody's DNS.
    """
    text = typed.strip()
    if not text:
        raise BadAddress(gettext("Please type your e-mail address."))
    if any(unicodedata.category(c) in ("Cc", "Cs") or c == "\ufffd" for c in text):
        raise BadAddress(gettext("An e-mail address is one line, without special characters."))
    if not text.startswith('"') and len(re.findall(r"[^\s@,;<>]@[^\s@,;<>]", text)) > 1:
        raise BadAddress(gettext("Please type one address; each is signed up by itself."))
    if len(text.encode()) > LONGEST or len(text.rpartition("@")[0].encode()) > LONGEST_LOCAL:
        raise BadAddress(gettext("This is longer than an e-mail address can be."))
    if "@" not in text:
        raise BadAddress(gettext("An e-mail address has an @ in it, like name@example.org."))
    try:
        valid = validate_email(
            text,
            check_deliverability=False,
            allow_quoted_local=True,
            test_environment=allow_test_domains,
        )
    except EmailNotValidError:
        raise BadAddress(
            gettext("This does not look like an e-mail address. Please check it: name@example.org.")
        ) from None
    # What needs quotation marks (RFC 5321), or looks like an encoded word of a mail's head
    # (RFC 2047), is read by mail programs each in its own way: it could reach somebody else.
    if valid.local_part.startswith('"') or "=?" in valid.local_part:
        raise BadAddress(
            gettext("Addresses written in this way can’t be used here. Please give another.")
        )
    return Address(valid.local_part, valid.ascii_domain.lower())


def stored(text: str) -> Address:
    """An address that was checked when it came in."""
    local, _, domain = text.rpartition("@")
    return Address(local, domain.lower())


def masked(text: str) -> str:
    """An address as its owner knows it again, and whoever was passed on a mail can't write to it.

    >>> masked("anna@example.org"), masked("b@x.org")
    ('a…a@e…e.org', '…@….org')
    """
    local, _, domain = text.rpartition("@")
    host, dot, rest = domain.rpartition(".")
    return f"{_ends(local)}@{_ends(host)}{dot}{rest}"


def _ends(text: str) -> str:
    return f"{text[0]}…{text[-1]}" if len(text) > 2 else "…"


class Hasher:
    """Keyed hashes (HMAC-SHA256, hexadecimal) of addresses: useless without the key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def _hash(self, purpose: str, text: str) -> str:
        message = f"{purpose}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def address(self, address: Address) -> str:
        """The same for every way of writing one address in upper and lower case."""
        return self._hash("address", f"{_lower(address.local)}@{address.domain}")

    def mailbox(self, address: Address) -> str:
        """The same for all addresses that reach one mailbox by common rules: `name+anything`,
        and the dots of a Gmail name. By it the mails to one person are counted."""
        local = _lower(address.local)
        if not local.startswith("+"):
            local = local.split("+", 1)[0]
        domain = address.domain
        if domain in DOTS_DO_NOT_COUNT:
            local, domain = local.replace(".", ""), "gmail.com"
        return self._hash("mailbox", f"{local}@{domain}")

    def domain(self, address: Address) -> str:
        return self._hash("domain", address.domain)

    def key_for(self, purpose: str) -> bytes:
        """A key of its own for another purpose, from which ours can't be told."""
        return hmac.new(self._key, f"key for {purpose}".encode(), hashlib.sha256).digest()

    def fingerprint(self) -> str:
        """Tells two keys apart without telling either."""
        return self._hash("fingerprint", "")[:16]


def _lower(local: str) -> str:
    """A to Z in lower case, and nothing else: "strauß" and "strauss" may be two people."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), local)
