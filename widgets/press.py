"""A letter, and the copies struck off it: an issue is written once for all who get the same, and of
each copy only what belongs to its reader is put in: address, links, Message-ID and date.

A letter is first written as any other mail is (widgets.letters), for a specimen: a person who does
not exist, whose links are signed like everybody's and so stand nowhere else. Where they stand, a
copy has its reader's.
"""

import re
import uuid
from binascii import b2a_qp
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

from sqlalchemy.orm import Session

from widgets import editions, letters
from widgets.editions import Edition, Wishes
from widgets.letters import issues
from widgets.models import Digest, Message
from widgets.service import Service

MOST_LETTERS = 100  # that are kept; each has some 100 kB
MOST_EDITIONS = 200
LONGEST_LINE = 75  # bytes before a soft line break
LONGEST_ADDRESS = 70  # characters that stand in a head without being folded
_PLAIN = re.compile(r"[\w+'-]+(\.[\w+'-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


@dataclass(frozen=True)
class Reader:
    """Whose copy it is."""

    message_id: uuid.UUID
    created_at: datetime  # of the message
    address: str
    subscription_id: uuid.UUID
    subscriber_id: uuid.UUID


def is_plain(address: str) -> bool:
    """Whether an address stands in a head as it is. Others (longer, quoted, internationalised) get
    a letter of their own.

    >>> is_plain("o'neil@example.org"), is_plain("δ@example.org"), is_plain('"a b"@example.org')
    (True, False, False)
    """
    return len(address) <= LONGEST_ADDRESS and _PLAIN.fullmatch(address) is not None


class Letter:
    """An edition as a mail for anybody. Raises letters.Unsendable where it can't be made."""

    def __init__(self, service: Service, edition: Edition) -> None:
        self._service = service
        self.edition = edition
        specimen = _specimen()
        theirs = self._of(specimen)
        links = (theirs[name].decode() for name in ("unsubscribe", "preferences"))
        mail = _write(service, edition, specimen, *links)
        self._pieces = list(_pieces(mail, theirs))
        proof = message_from_bytes(self._struck(theirs), policy=SMTP)
        if not _same(proof, mail):
            raise letters.Unsendable

    def copy(self, reader: Reader) -> bytes:
        """The mail for one reader, as it goes over the wire. Their address must be plain."""
        return self._struck(self._of(reader))

    def _of(self, reader: Reader) -> dict[str, bytes]:
        """What belongs to one reader, by where it stands."""
        unsubscribe = issues.unsubscribe_link(self._service, reader.subscription_id).encode()
        preferences = issues.preferences_link(self._service, reader.subscriber_id).encode()
        theirs = {
            "to": reader.address.encode(),
            "date": _date(reader.created_at.replace(microsecond=0)),
            "id": reader.message_id.hex.encode(),
            "unsubscribe": unsubscribe,
            "preferences": preferences,
            "unsubscribe, encoded": _encoded(unsubscribe),
            "preferences, encoded": _encoded(preferences),
        }
        if self._service.settings.relay:  # which is told which message it is
            theirs["tag"] = self._service.links.return_tag(reader.message_id).encode()
        return theirs

    def _struck(self, theirs: dict[str, bytes]) -> bytes:
        return b"".join([
            piece if isinstance(piece, bytes) else theirs[piece] for piece in self._pieces
        ])  # fmt: skip


def write(service: Service, edition: Edition, reader: Reader) -> EmailMessage:
    """The same mail, written for one reader alone, whatever their address. Raises
    letters.Unsendable."""
    unsubscribe = issues.unsubscribe_link(service, reader.subscription_id)
    preferences = issues.preferences_link(service, reader.subscriber_id)
    return _write(service, edition, reader, unsubscribe, preferences)


def _write(
    service: Service, edition: Edition, reader: Reader, unsubscribe: str, preferences: str
) -> EmailMessage:
    row = Message(id=reader.message_id, kind="issue", created_at=reader.created_at)
    draft = issues.draft(service, edition, reader.address, unsubscribe, preferences)
    return letters.written(service, row, draft)


class Press:
    """Editions and letters, each made once and kept for a while."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._editions: OrderedDict[tuple[uuid.UUID, str | None], Edition] = OrderedDict()
        self._letters: OrderedDict[tuple[object, ...], Letter] = OrderedDict()

    def edition(self, session: Session, digest: Digest, lang: str | None) -> Edition:
        """What an issue that is being sent says in a language."""
        key = (digest.id, lang)
        if key not in self._editions:
            self._editions[key] = editions.of(session, digest, lang)
            if len(self._editions) > MOST_EDITIONS:
                self._editions.popitem(last=False)
        return self._editions[key]

    def letter(self, digest_id: uuid.UUID, edition: Edition) -> Letter:
        """A letter of what is in an edition. Raises letters.Unsendable."""
        key = (digest_id, edition.lang, *(item.id for item in edition.items))
        if key in self._letters:
            self._letters.move_to_end(key)
        else:
            self._letters[key] = Letter(self._service, edition)
            if len(self._letters) > MOST_LETTERS:
                self._letters.popitem(last=False)
        return self._letters[key]


def wanted(edition: Edition, standing: set[int], wishes: Wishes) -> Edition | None:
    """Of an edition, what still stands and its reader wishes to read of; None: nothing."""
    items = [item for item in edition.items if item.id in standing and wishes.include(item)]
    if len(items) == len(edition.items):
        return edition
    return replace(edition, items=items) if items else None


def _pieces(mail: EmailMessage, theirs: dict[str, bytes]) -> Iterable[bytes | str]:
    """A mail cut where something belongs to its reader."""
    boundary = mail.get_boundary()
    assert boundary  # since it was read as a relay will, it has one that stands nowhere in it
    head = mail.as_bytes(policy=letters.POLICY).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    yield from _cut(head, theirs, ("to", "date", "id", "tag", "unsubscribe"))
    for part in mail.iter_parts():
        assert isinstance(part, EmailMessage)
        fields = [letters.POLICY.fold_binary(name, value) for name, value in part.items()]
        yield b"--" + boundary.encode() + b"\r\n" + b"".join(fields) + b"\r\n"
        content = part.get_content().replace("\r\n", "\n").replace("\n", "\r\n").encode()
        if part["Content-Transfer-Encoding"] == "quoted-printable":
            yield from _cut_encoded(content, theirs)
        else:
            yield from _cut(content, theirs, ("unsubscribe", "preferences"))
        yield b"\r\n"
    yield b"--" + boundary.encode() + b"--\r\n"


def _cut(text: bytes, theirs: dict[str, bytes], names: Iterable[str]) -> Iterable[bytes | str]:
    found = {theirs[name]: name for name in names if name in theirs}
    for piece in re.split(b"(" + b"|".join(map(re.escape, found)) + b")", text):
        yield found.get(piece, piece)


def _cut_encoded(text: bytes, theirs: dict[str, bytes]) -> Iterable[bytes | str]:
    """The same of a text that goes quoted-printable."""
    for piece in _cut(text, theirs, ("unsubscribe", "preferences")):
        if isinstance(piece, str):
            yield f"{piece}, encoded"
        elif piece:
            yield _encoded(piece)


def _encoded(text: bytes) -> bytes:
    """Quoted-printable (RFC 2045 §6.7), ending with a line break, a soft one if need be: what comes
    next does not depend on how long this is."""
    encoded = b2a_qp(text, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if encoded.endswith(b"\r\n"):
        return encoded
    line = encoded[encoded.rfind(b"\n") + 1 :]
    if len(line) > LONGEST_LINE:
        # not within "=C3"
        within = line.rfind(b"=", LONGEST_LINE - 2, LONGEST_LINE)
        at = len(encoded) - len(line) + (within if within > 0 else LONGEST_LINE)
        encoded = encoded[:at] + b"=\r\n" + encoded[at:]
    return encoded + b"=\r\n"


@lru_cache(maxsize=64)
def _date(moment: datetime) -> bytes:
    return format_datetime(moment).encode()


def _specimen() -> Reader:
    """Somebody of whom nothing stands anywhere else in a mail."""
    by_chance = uuid.uuid4()
    when = datetime.fromtimestamp(by_chance.int % 10**9, UTC)
    address = f"{by_chance.hex}@undersigned.invalid"
    return Reader(uuid.uuid4(), when, address, uuid.uuid4(), uuid.uuid4())


def _same(one: EmailMessage, other: EmailMessage) -> bool:
    """Whether two mails say the same, head and parts."""

    def said(mail: EmailMessage) -> list[object]:
        parts = [
            (part.get_content_type(), part.get_content().replace("\r\n", "\n"))
            for part in mail.iter_parts()
        ]
        return [[(name, str(value).strip()) for name, value in mail.items()], parts]

    return not one.defects and said(one) == said(other)
