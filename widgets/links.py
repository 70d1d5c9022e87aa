"""Signed links: one salt a purpose, one function that makes each and one that reads it.

A token carries random identifiers and an epoch, never an address; it can be read by anybody but
made by nobody else. Keys that were retired (SECRET_KEY_FALLBACKS) still open what they signed.
"""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import timedelta
from enum import Enum
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import BadData, SignatureExpired, URLSafeSerializer, URLSafeTimedSerializer

CONFIRM_FOR = timedelta(days=7)
CODE_FOR = timedelta(hours=24)
SIGN_IN_DIGITS = 8
SIGN_IN_FOR = timedelta(minutes=15)
PREVIEW_FOR = timedelta(hours=1)
PREFERENCES_FOR = timedelta(days=90)
RECORD_FOR = timedelta(hours=24)
FORM_FOR_HOURS = 7 * 24


class BadLink(Exception):
    """Cut off, altered, or signed by somebody else."""


class ExpiredLink(Exception):
    """Ours, but older than it may be."""


class Purpose(Enum):
    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"
    INBOX = "inbox"
    FORM = "form"
    SIGN = "sign"
    SIGN_INBOX = "sign inbox"
    SIGN_FORM = "sign form"
    WITHDRAW = "withdraw"
    CODE = "code"
    SIGN_IN = "sign in"
    ENDORSE = "endorse"
    KEPT = "kept"
    PREVIEW = "preview"
    PREFERENCES = "preferences"
    RECORD = "record"
    CHANGE = "change"
    RETURN = "return"


_NOT_TIMED = (Purpose.FORM, Purpose.SIGN_FORM, Purpose.CODE, Purpose.KEPT, Purpose.RETURN)


class _Serializer(URLSafeTimedSerializer):
    """Without the attempt to compress, which makes what is as short as ours longer, and takes more
    time than all the rest: an issue has two links for each of its readers."""

    def dump_payload(self, obj: Any) -> bytes:
        written = json.dumps(obj, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(written).rstrip(b"=")


class Links:
    """Makes and reads every token. keys: the newest first, then those still honoured."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = keys
        # itsdangerous signs with the last of a list and accepts all of them
        old_to_new = list(reversed(keys))
        options: Any = {
            "signer_kwargs": {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        }
        self._timed: dict[Purpose, _Serializer] = {
            purpose: _Serializer(old_to_new, salt=f"undersigned {purpose.value}", **options)
            for purpose in Purpose
            if purpose not in _NOT_TIMED
        }
        self._forms: dict[Purpose, URLSafeSerializer] = {
            purpose: URLSafeSerializer(old_to_new, salt=f"undersigned {purpose.value}", **options)
            for purpose in (Purpose.FORM, Purpose.SIGN_FORM)
        }

    def confirm(self, sign_up: uuid.UUID, epoch: int) -> str:
        return self._make(Purpose.CONFIRM, [_short(sign_up), epoch])

    def read_confirm(self, token: str) -> tuple[uuid.UUID, int]:
        """The sign-up and the epoch at which its link was made.
        Raises BadLink, and ExpiredLink after CONFIRM_FOR."""
        sign_up, epoch = self._read(Purpose.CONFIRM, token, CONFIRM_FOR)
        return _long(sign_up), epoch

    def unsubscribe(self, subscription: uuid.UUID) -> str:
        return self._make(Purpose.UNSUBSCRIBE, _short(subscription))

    def read_unsubscribe(self, token: str) -> uuid.UUID:
        """The subscription. Never expires: leaving works from the oldest mail. Raises BadLink."""
        return _long(self._read(Purpose.UNSUBSCRIBE, token, None))

    def inbox(self, sign_up: uuid.UUID) -> str:
        """For the "check your inbox" page, which knows its sign-up and not the address."""
        return self._make(Purpose.INBOX, _short(sign_up))

    def read_inbox(self, token: str) -> uuid.UUID:
        """The sign-up. Raises BadLink, and ExpiredLink after CODE_FOR."""
        return _long(self._read(Purpose.INBOX, token, CODE_FOR))

    def cookie_keys(self) -> list[str]:
        """For the console's cookie, the newest first."""
        return [
            hashlib.sha256(f"undersigned cookie\0{key}".encode()).hexdigest() for key in self._keys
        ]

    def sealing_keys(self) -> list[bytes]:
        """For what is sealed in the database (HKDF, RFC 5869), as Fernet takes them, the newest
        first."""
        return [
            base64.urlsafe_b64encode(
                HKDF(SHA256(), length=32, salt=None, info=b"undersigned sealing").derive(
                    key.encode()
                )
            )
            for key in self._keys
        ]

    def sign_in(self, asked: uuid.UUID) -> str:
        """For an editor's mail. The link works in the browser that asked, and once: the database
        knows."""
        return self._make(Purpose.SIGN_IN, _short(asked))

    def read_sign_in(self, token: str) -> uuid.UUID:
        """The request to sign in. Raises BadLink, and ExpiredLink after SIGN_IN_FOR."""
        return _long(self._read(Purpose.SIGN_IN, token, SIGN_IN_FOR))

    def endorse(self, invitation: uuid.UUID) -> str:
        return self._make(Purpose.ENDORSE, _short(invitation))

    def read_endorse(self, token: str) -> uuid.UUID:
        """The invitation. It never expires: an endorsement can always be taken back by it, and
        whether there is still one to give the database knows. Raises BadLink."""
        return _long(self._read(Purpose.ENDORSE, token, None))

    def preview(self, preview: uuid.UUID) -> str:
        return self._make(Purpose.PREVIEW, _short(preview))

    def read_preview(self, token: str) -> uuid.UUID:
        """What an editor wanted to see. Raises BadLink, and ExpiredLink after PREVIEW_FOR."""
        return _long(self._read(Purpose.PREVIEW, token, PREVIEW_FOR))

    def preferences(self, subscriber: uuid.UUID) -> str:
        return self._make(Purpose.PREFERENCES, _short(subscriber))

    def read_preferences(self, token: str) -> uuid.UUID:
        """The subscriber. Raises BadLink, and ExpiredLink after PREFERENCES_FOR: mail is passed
        on, and kept for years."""
        return _long(self._read(Purpose.PREFERENCES, token, PREFERENCES_FOR))

    def read_old_preferences(self, token: str) -> uuid.UUID:
        """The same, however old: to send a new link to whom it was for. Raises BadLink."""
        return _long(self._read(Purpose.PREFERENCES, token, None))

    def record(self, subscriber: uuid.UUID) -> str:
        """For the mail by which somebody sees all that is kept of them."""
        return self._make(Purpose.RECORD, _short(subscriber))

    def read_record(self, token: str) -> uuid.UUID:
        """The subscriber. Raises BadLink, and ExpiredLink after RECORD_FOR."""
        return _long(self._read(Purpose.RECORD, token, RECORD_FOR))

    def change(self, address_change: uuid.UUID) -> str:
        """For the mail that asks the owner of a new address to confirm it."""
        return self._make(Purpose.CHANGE, _short(address_change))

    def read_change(self, token: str) -> uuid.UUID:
        """The change of address. Raises BadLink, and ExpiredLink after CONFIRM_FOR."""
        return _long(self._read(Purpose.CHANGE, token, CONFIRM_FOR))

    def return_tag(self, message: uuid.UUID) -> str:
        """What stands in the return path of a message, so that a report of its fate names it
        (VERP): 40 small letters and digits, since other servers may change capitals."""
        return _returned(self._keys[0], message)

    def read_return_tag(self, tag: str) -> uuid.UUID:
        """The message. Raises BadLink."""
        if not tag.isascii():
            raise BadLink
        try:
            message = uuid.UUID(bytes=base64.b32decode(tag[:26].upper() + "======"))
        except ValueError:
            raise BadLink from None
        if not any(hmac.compare_digest(_returned(key, message), tag.lower()) for key in self._keys):
            raise BadLink
        return message

    def form(self, newsletter: str, consent_text: int, hour: int) -> str:
        """The token of a form: the same for all who are shown it within one hour (counted from
        1970), so that the page can be cached. It says which wording of the consent was shown."""
        return self._make_form(Purpose.FORM, newsletter, consent_text, hour)

    def read_form(self, token: str, newsletter: str, hour: int) -> int:
        """The consent text that the form showed. Raises BadLink where the token is not of this
        newsletter's form, ExpiredLink where it is older than FORM_FOR_HOURS."""
        return self._read_form(Purpose.FORM, token, newsletter, hour)

    def sign_form(self, statement: str, consent_text: int, hour: int) -> str:
        """The same for the form by which a statement is signed. consent_text: of the newsletter
        that it offers; 0 where it offers none."""
        return self._make_form(Purpose.SIGN_FORM, statement, consent_text, hour)

    def read_sign_form(self, token: str, statement: str, hour: int) -> int:
        """As read_form."""
        return self._read_form(Purpose.SIGN_FORM, token, statement, hour)

    def sign(self, signing: uuid.UUID) -> str:
        """For the mail that asks whoever signed to confirm."""
        return self._make(Purpose.SIGN, _short(signing))

    def read_sign(self, token: str) -> uuid.UUID:
        """The signing. Raises BadLink, and ExpiredLink after CONFIRM_FOR."""
        return _long(self._read(Purpose.SIGN, token, CONFIRM_FOR))

    def sign_inbox(self, signing: uuid.UUID) -> str:
        """For the "check your inbox" page of a signing."""
        return self._make(Purpose.SIGN_INBOX, _short(signing))

    def read_sign_inbox(self, token: str) -> uuid.UUID:
        """The signing. Raises BadLink, and ExpiredLink after CODE_FOR."""
        return _long(self._read(Purpose.SIGN_INBOX, token, CODE_FOR))

    def withdraw(self, signing: uuid.UUID) -> str:
        return self._make(Purpose.WITHDRAW, _short(signing))

    def read_withdraw(self, token: str) -> uuid.UUID:
        """The signing. Never expires: a name can be taken back by the oldest mail. Raises
        BadLink."""
        return _long(self._read(Purpose.WITHDRAW, token, None))

    def code(self, sign_up: uuid.UUID) -> str:
        """The six digits that confirm this one sign-up (or other request, by its id). Derived from
        its random id and our key (as HOTP truncates, RFC 4226 §5.3), so that the code is kept
        nowhere at all."""
        return _code(self._keys[0], sign_up)

    def is_code(self, sign_up: uuid.UUID, typed: str) -> bool:
        return any(hmac.compare_digest(_code(key, sign_up), typed) for key in self._keys)

    def sign_in_code(self, asked: uuid.UUID) -> str:
        """The eight digits that let an editor in: longer, since they open more."""
        return _code(self._keys[0], asked, SIGN_IN_DIGITS)

    def is_sign_in_code(self, asked: uuid.UUID, typed: str) -> bool:
        return any(
            hmac.compare_digest(_code(key, asked, SIGN_IN_DIGITS), typed) for key in self._keys
        )

    def mark_of_kept(self, browser: str, form: str) -> str:
        """For a form that a page carries along until its editor has signed in again: 64 letters.
        browser: the secret of the one that sent it, which alone may bring it back."""
        return _mark(self._keys[0], browser, form)

    def is_mark_of_kept(self, browser: str, form: str, mark: str) -> bool:
        return any(
            hmac.compare_digest(_mark(key, browser, form).encode(), mark.encode())
            for key in self._keys
        )

    def _make_form(self, purpose: Purpose, of: str, consent_text: int, hour: int) -> str:
        return str(self._forms[purpose].dumps([of, consent_text, hour]))

    def _read_form(self, purpose: Purpose, token: str, of: str, hour: int) -> int:
        try:
            shown, consent_text, stamped = self._forms[purpose].loads(token)
        except (BadData, ValueError, TypeError):
            raise BadLink from None
        if shown != of or stamped > hour + 1:
            raise BadLink
        if stamped < hour - FORM_FOR_HOURS:
            raise ExpiredLink
        return int(consent_text)

    def _make(self, purpose: Purpose, payload: Any) -> str:
        return str(self._timed[purpose].dumps(payload))

    def _read(self, purpose: Purpose, token: str, age: timedelta | None) -> Any:
        try:
            seconds = int(age.total_seconds()) if age else None
            return self._timed[purpose].loads(token, max_age=seconds)
        except SignatureExpired:
            raise ExpiredLink from None
        except (BadData, ValueError):
            raise BadLink from None


def _code(key: str, sign_up: uuid.UUID, digits: int = 6) -> str:
    secret = hashlib.sha256(f"undersigned {Purpose.CODE.value}\0{key}".encode()).digest()
    digest = hmac.new(secret, sign_up.bytes, hashlib.sha256).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def _returned(key: str, message: uuid.UUID) -> str:
    secret = hashlib.sha256(f"undersigned {Purpose.RETURN.value}\0{key}".encode()).digest()
    digest = hmac.new(secret, message.bytes, hashlib.sha256).digest()
    mark = base64.b32encode(digest[:9]).decode()[:14]
    return (base64.b32encode(message.bytes).decode().rstrip("=") + mark).lower()


def _mark(key: str, browser: str, form: str) -> str:
    secret = hashlib.sha256(f"undersigned {Purpose.KEPT.value}\0{key}".encode()).digest()
    marked = f"{browser}\0{form}".encode(errors="replace")
    return hmac.new(secret, marked, hashlib.sha256).hexdigest()


def _short(value: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()


def _long(text: str) -> uuid.UUID:
    return uuid.UUID(bytes=base64.urlsafe_b64decode(text + "=="))
