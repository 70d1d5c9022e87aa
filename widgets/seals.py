"""The seal of a mail: a signature of the sending domain (DKIM, RFC 6376) by which whoever receives
it knows that it came from there and was not changed on its way.

Where DKIM_SELECTOR and DKIM_KEY are not set, the relay signs, or nobody.
"""

import base64
import hashlib
import re
from email.utils import parseaddr
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from dkim import fold, rfc822_parse
from dkim.canonicalization import Relaxed

from widgets.settings import PREFIX, Settings, UnsafeSettings

LONGEST_LINE = 70  # characters
SHORTEST_KEY = 2048  # bits, of RSA (RFC 8301 demands 1024, receivers want more)
# What a reader sees or a mail program acts upon: RFC 6376 §5.4.1, and RFC 8058 §4 for the two of
# List-Unsubscribe. Of what is not in a mail nothing is signed; From is signed once more than it is
# there, so that nobody can add another.
SIGNED = (
    b"from", b"reply-to", b"subject", b"date", b"message-id", b"to", b"mime-version",
    b"content-type", b"content-language", b"auto-submitted", b"list-id", b"list-archive",
    b"list-post", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id",
)  # fmt: skip


class Seal:
    """A key that signs for a domain. selector: under which name its public half is in DNS."""

    def __init__(self, key: RSAPrivateKey | Ed25519PrivateKey, selector: str, domain: str) -> None:
        self._key = key
        self._domain = domain.encode("idna")
        self._selector = selector.encode()
        self._algorithm = b"ed25519" if isinstance(key, Ed25519PrivateKey) else b"rsa"

    def sealed(self, wire: bytes) -> bytes:
        """A mail as it goes over the wire, with its signature above it. The same mail gets the
        same signature again."""
        head, _, body = wire.partition(b"\r\n\r\n")
        headers = Relaxed.canonicalize_headers(rfc822_parse(head)[0])
        by_name = {name: value for name, value in headers if name in SIGNED}
        names = [name for name in SIGNED if name in by_name]
        hashed = base64.b64encode(hashlib.sha256(_relaxed(body)).digest())
        fields = (
            b"v=1;", b"a=" + self._algorithm + b"-sha256;", b"c=relaxed/relaxed;",
            b"d=" + self._domain + b";", b"s=" + self._selector + b";",
            # The second From is not there: nothing is signed for it (RFC 6376 §5.4.2).
            *_cut(b"h=" + b":".join((*names, b"from")) + b";"), b"bh=" + hashed + b";", b"b=",
        )  # fmt: skip
        unsigned = b"\r\n ".join(fields)
        ours = Relaxed.canonicalize_headers([(b"DKIM-Signature", unsigned)])[0]
        signed = b"".join(name + b":" + by_name[name] for name in names)
        signed += ours[0] + b":" + ours[1].rstrip()
        signature = base64.b64encode(self._signature(signed))
        above: bytes = b"DKIM-Signature: " + unsigned + fold(signature, 2) + b"\r\n"
        return above + wire

    def public(self) -> str:
        """What stands in DNS at <selector>._domainkey.<domain>, as a TXT record."""
        key = self._key.public_key()
        if isinstance(self._key, Ed25519PrivateKey):
            public = key.public_bytes(Encoding.Raw, PublicFormat.Raw)  # RFC 8463 §4.2
        else:
            public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k={self._algorithm.decode()}; p={base64.b64encode(public).decode()}"

    @property
    def name(self) -> str:
        """Where in DNS its public half is looked for."""
        return f"{self._selector.decode()}._domainkey.{self._domain.decode()}"

    def _signature(self, signed: bytes) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(hashlib.sha256(signed).digest())  # RFC 8463 §3
        return self._key.sign(signed, PKCS1v15(), SHA256())


def load(settings: Settings) -> Seal | None:
    """The seal that the settings ask for, if any. Raises UnsafeSettings where it can't be used."""
    if not settings.dkim_key:
        return None
    said = f"{PREFIX}_DKIM_KEY"
    path = Path(settings.dkim_key)
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise UnsafeSettings(f"{said}: {path} can't be read: {error.strerror or error}.") from None
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnsafeSettings(
            f"{said}: {path} holds no private key in PEM without a password."
        ) from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise UnsafeSettings(f"{said}: the key in {path} must be an RSA or an Ed25519 key.")
    if isinstance(key, RSAPrivateKey) and key.key_size < SHORTEST_KEY:
        raise UnsafeSettings(
            f"{said}: the key in {path} has {key.key_size} bits; {SHORTEST_KEY} is the least."
        )
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", settings.dkim_selector):
        raise UnsafeSettings(f"{PREFIX}_DKIM_SELECTOR must be a name in DNS, like news2026.")
    return Seal(key, settings.dkim_selector, parseaddr(settings.mail_from)[1].rpartition("@")[2])


def _relaxed(body: bytes) -> bytes:
    """RFC 6376 §3.4.4. As dkimpy's, whose regular expressions stop at every space: that took longer
    than the signature."""
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def _cut(names: bytes) -> list[bytes]:
    """A list of names in several lines, cut at its colons."""
    lines = [b""]
    for name in names.split(b":"):
        if len(lines[-1]) + len(name) > LONGEST_LINE:
            lines.append(b"")
        lines[-1] += name + b":"
    return [*lines[:-1], lines[-1].removesuffix(b":")]
