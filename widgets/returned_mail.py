"""Mail that came back, read: delivery status notifications (RFC 3464) and feedback reports (ARF,
RFC 5965).

Anybody may send such a mail, and make it as large and as strange as they like. So it is read by a
parser that does no more than is needed: the head, and the parts of one level, from a bounded number
of bytes, in time that grows with them. It is believed only for what is signed in it: a report is
about the message that a return path of ours names (widgets.bounces.return_path). That stands in the
address at which the report arrives; a feedback report also quotes it, and, where the address was
taken out, the link by which the mail could be unsubscribed from. A Message-ID alone is nothing:
everybody who ever got a mail of ours knows how they look.
"""

import base64
import binascii
import quopri
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

from widgets.bounces import Report, message_of
from widgets.links import BadLink, Links
from widgets.models import BounceKind
from widgets.refusals import kind_of_failure

LARGEST = 512 * 1024  # bytes of a mail that are looked at
_MOST_HEADERS = 300
_LONGEST_HEADER = 4000  # characters
_MOST_PARTS = 20
_MOST_RECIPIENTS = 1000
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_UNSUBSCRIBE = re.compile(r"/unsubscribe/([\w.-]{20,400})")
# Where the address is told to which a mail was delivered; the first is written by us.
_DELIVERED_TO = ("delivered-to", "x-original-to", "envelope-to", "x-delivered-to",
                 "x-envelope-to", "x-rcpt-to", "to", "return-path")  # fmt: skip
_COMPLAINTS = ("abuse", "fraud", "opt-out", "opt-out-list", "miscategorized")


class NotAReport(Exception):
    """A mail of another kind: something for people."""


class NotOurs(Exception):
    """A report, but of no mail that we can be sure to have sent."""


@dataclass(frozen=True)
class _Part:
    """headers: by their names in lower case, in the order in which they stand."""

    headers: dict[str, list[str]]
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name, [""])[0]

    def parameter(self, name: str) -> str:
        """Of its Content-Type (RFC 2045)."""
        message = Message()
        message["Content-Type"] = self.header("content-type").replace("\n", " ")
        found = message.get_param(name)
        return found if isinstance(found, str) else ""

    @property
    def type(self) -> str:
        return self.header("content-type").partition(";")[0].strip().lower()


def read(mail: bytes, links: Links, *, arrived_at: str = "") -> Report | None:
    """What a mail reports; None where that calls for nothing: a delay, a delivery, "not spam".

    arrived_at: the address that it was delivered to, if that is known for sure. Raises NotAReport
    and NotOurs, and nothing else, whatever the mail is.
    """
    outer = _part(mail[:LARGEST])
    kind = outer.parameter("report-type").lower()
    if outer.type != "multipart/report" or kind not in ("delivery-status", "feedback-report"):
        raise NotAReport
    parts = _parts(outer)
    told = [arrived_at, *(one for name in _DELIVERED_TO for one in outer.headers.get(name, []))]
    if kind == "feedback-report":
        return _feedback(parts, links, told)
    return _delivery_status(parts, links, told)


def _delivery_status(parts: Sequence[_Part], links: Links, told: Sequence[str]) -> Report | None:
    message_id = message_of(links, "\n".join(told))
    if message_id is None:
        raise NotOurs
    status = next((one for one in parts if one.type.endswith("delivery-status")), None)
    if status is None:
        raise NotAReport
    groups = [_headers(group) for group in _groups(status)]
    recipients = [one for one in groups if "action" in one]
    if not recipients:
        raise NotAReport
    # A message is for one address. Where a report speaks of several, that address leads on to
    # others: only if it failed for all of them, none has it.
    if any(_first(one, "action").lower() != "failed" for one in recipients):
        return None
    failures = [_failure(message_id, one) for one in recipients]
    mildest = (BounceKind.POLICY, BounceKind.SOFT, BounceKind.HARD)
    return min(failures, key=lambda one: mildest.index(one.kind))


def _failure(message_id: uuid.UUID, recipient: dict[str, list[str]]) -> Report:
    status = re.sub(r"[^\d.].*", "", _first(recipient, "status"), flags=re.DOTALL)
    diagnostic = _first(recipient, "diagnostic-code")
    reply = diagnostic.partition(";")[2].strip() or diagnostic
    kind = kind_of_failure(status, reply) or BounceKind.POLICY
    return Report(message_id, kind, status[:16], reply or status, "dsn")


def _feedback(parts: Sequence[_Part], links: Links, told: Sequence[str]) -> Report | None:
    feedback = next((one for one in parts if one.type == "message/feedback-report"), None)
    if feedback is None:
        raise NotAReport
    fields = _headers(_decoded(feedback))
    kind = _first(fields, "feedback-type").strip().lower()
    original = next(
        (
            _headers(_decoded(one))
            for one in parts
            if one.type in ("message/rfc822", "text/rfc822-headers", "message/global",
                            "message/global-headers")
        ),
        {},
    )  # fmt: skip
    named = [*fields.get("original-mail-from", []), *original.get("return-path", [])]
    message_id = message_of(links, "\n".join([*told, *named]))
    subscription_id = None if message_id else _unsubscribable(links, original)
    if message_id is None and subscription_id is None:
        raise NotOurs
    if kind not in _COMPLAINTS:
        return None
    return Report(message_id, BounceKind.COMPLAINT, "", kind, "arf", subscription_id)


def _unsubscribable(links: Links, original: dict[str, list[str]]) -> uuid.UUID | None:
    found = _UNSUBSCRIBE.search(_first(original, "list-unsubscribe"))
    try:
        return links.read_unsubscribe(found[1]) if found else None
    except BadLink:
        return None


def _part(data: bytes) -> _Part:
    data = data.lstrip(b"\r\n")
    end = _BLANK.search(data)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    return _Part(_headers(head), body)


def _parts(outer: _Part) -> list[_Part]:
    """Its parts, of one level (RFC 2046 §5.1)."""
    boundary = outer.parameter("boundary")[:200].encode("ascii", "replace")
    if not boundary:
        return []
    line = re.compile(rb"(?:^|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|$)")
    found: list[_Part] = []
    begins: int | None = None
    for delimiter in line.finditer(outer.body):
        if begins is not None:
            found.append(_part_within(outer.body[begins : delimiter.start()]))
        begins = delimiter.end()
        if delimiter[1] or len(found) >= _MOST_PARTS:
            return found
    if begins is not None:  # the end was cut off
        found.append(_part_within(outer.body[begins:]))
    return found


def _part_within(data: bytes) -> _Part:
    """What stands behind a delimiter, from the end of its line on."""
    data = data.removeprefix(b"\r").removeprefix(b"\n")
    if data.startswith((b"\n", b"\r\n")):  # no headers at all
        return _Part({}, data)
    return _part(data)


def _decoded(part: _Part) -> bytes:
    """Its body without its transfer encoding, which such parts need not have."""
    encoding = part.header("content-transfer-encoding").strip().lower()
    try:
        if encoding == "base64":
            return base64.b64decode(re.sub(rb"[^A-Za-z0-9+/]", b"", part.body) + b"==")
        if encoding == "quoted-printable":
            return quopri.decodestring(part.body)
    except (binascii.Error, ValueError):
        pass
    return part.body


def _groups(status: _Part) -> list[bytes]:
    """The fields of the message, and those of each recipient (RFC 3464 §2.1)."""
    return _BLANK.split(_decoded(status).strip(), _MOST_RECIPIENTS)[: _MOST_RECIPIENTS + 1]


def _headers(head: bytes) -> dict[str, list[str]]:
    """The fields at the head of some text, unfolded (RFC 5322 §2.2.3). Of each not more, and not
    more of them, than anybody needs."""
    end = _BLANK.search(head)
    text = (head[: end.start()] if end else head).decode("utf-8", "replace").replace("\0", "")
    found: dict[str, list[str]] = {}
    values: list[str] = []
    length = many = 0
    for line in re.split(r"\r?\n", text):
        if line[:1] in (" ", "\t"):
            if values and length < _LONGEST_HEADER:
                values[-1] += " " + line.strip()[:_LONGEST_HEADER]
                length = len(values[-1])
            continue
        name, colon, value = line.partition(":")
        if not colon or many >= _MOST_HEADERS:
            values = []
            continue
        many += 1
        values = found.setdefault(name.strip().lower()[:80], [])
        values.append(value.strip()[:_LONGEST_HEADER])
        length = len(values[-1])
    return found


def _first(headers: dict[str, list[str]], name: str) -> str:
    return headers.get(name, [""])[0]
