"""What the common mail relays tell by webhooks: bounces and complaints, in the words of each.

Nothing is believed that its relay has not signed, or that is old. And of what is believed, only
that counts which names a message under our own signature: a mail carries its tag in a header that
its relay gives back with each event.

Mailgun, Postmark, Resend, SendGrid, and Amazon SES through SNS, each as its documentation says.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import load_pem_x509_certificate
from standardwebhooks import Webhook, WebhookVerificationError

from widgets import fetching
from widgets.bounces import Report, message_of
from widgets.fetching import CantFetch, Policy
from widgets.links import BadLink, Links
from widgets.models import BounceKind
from widgets.refusals import is_about_us, kind_of_failure, status_in
from widgets.settings import Settings

TAG = "undersigned-tag"  # as relays call it that let us choose
TAG_HEADER = "X-Undersigned-Tag"
SECRET_HEADER = "X-Undersigned-Secret"  # noqa: S105 (its name)
STALE_AFTER = timedelta(minutes=5)
STALE_AFTER_OF_SNS = timedelta(hours=1)  # it tries again for a while with the first signature
MOST_REMEMBERED = 10_000
PAUSE_BETWEEN_CERTIFICATES = 10.0  # seconds
_SNS = r"https://sns\.[a-z0-9-]{2,30}\.amazonaws\.com(?:\.cn)?/"
_CERTIFICATE = re.compile(_SNS + r"SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
_CONFIRMATION = re.compile(_SNS + r"\?Action=ConfirmSubscription&[\w.~%:&=+-]{1,2000}")


class NotBelieved(Exception):
    """Not signed by the relay, or long ago, or told before."""


class NotUnderstood(Exception):
    """It is not what the relay sends, by its documentation."""


@dataclass(frozen=True)
class Call:
    """One request of a relay. header: of this name, in any case, or else what is given second."""

    header: Callable[[str, str], str]
    body: bytes


@dataclass(frozen=True)
class Told:
    """mark: what this call has for itself alone, under the relay's signature; "" where it has no
    such thing."""

    reports: list[Report]
    mark: str = ""


def relay_headers(settings: Settings, tag: str) -> dict[str, str]:
    """What a mail carries so that the relay tells us which one it speaks of."""
    if settings.relay == "mailgun":
        return {"X-Mailgun-Variables": json.dumps({TAG: tag})}
    if settings.relay == "sendgrid":
        return {"X-SMTPAPI": json.dumps({"unique_args": {TAG: tag}})}
    if settings.relay == "postmark":
        return {f"X-PM-Metadata-{TAG}": tag}
    if settings.relay == "ses":
        return {"X-SES-MESSAGE-TAGS": f"{TAG}={tag}", TAG_HEADER: tag}
    if settings.relay == "resend":
        return {TAG_HEADER: tag}
    return {}


class Receiver:
    """Reads what the relay in the settings tells. It remembers what it has been told, so that
    nobody else can tell it once more, and the certificates of SNS."""

    def __init__(self, settings: Settings, links: Links, policy: Policy | None = None) -> None:
        self.relay = settings.relay
        self._secret = settings.relay_secret or ""
        self._links = links
        self._agent = f"Undersigned/{version('undersigned')} (+{settings.base_url})"
        self._policy = policy or Policy(largest=100_000, seconds=5, redirects=0)
        self._told: dict[str, datetime] = {}
        self._certificates: dict[str, rsa.RSAPublicKey] = {}
        self._next_certificate = 0.0
        self._lock = threading.Lock()

    def read(self, call: Call, now: datetime) -> Told:
        """What a call tells. Raises NotBelieved and NotUnderstood."""
        read: dict[str, Callable[[Call, datetime], Told]] = {
            "mailgun": self._mailgun,
            "postmark": self._postmark,
            "resend": self._resend,
            "sendgrid": self._sendgrid,
            "ses": self._ses,
        }
        return read[self.relay](call, now)

    def remember(self, told: Told, now: datetime) -> None:
        """Notes that all is done that a call asked for: the same is not taken twice."""
        with self._lock:
            for old in [one for one, at in self._told.items() if now - at > STALE_AFTER_OF_SNS * 2]:
                del self._told[old]
            if told.mark and len(self._told) < MOST_REMEMBERED:
                self._told[told.mark] = now

    def _once(self, mark: str) -> None:
        with self._lock:
            if mark in self._told:
                raise NotBelieved("it was told before")

    def _message(self, tag: Any) -> uuid.UUID | None:
        """The message of a tag, or of the address of a return path."""
        if not isinstance(tag, str):
            return None
        try:
            return self._links.read_return_tag(tag)
        except BadLink:
            return message_of(self._links, tag[:500])

    # Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/

    def _mailgun(self, call: Call, now: datetime) -> Told:
        told = _json(call.body)
        timestamp, token = _text(told, "signature", "timestamp"), _text(told, "signature", "token")
        ours = hmac.new(self._secret.encode(), f"{timestamp}{token}".encode(), hashlib.sha256)
        if not _same(ours.hexdigest(), _text(told, "signature", "signature")):
            raise NotBelieved("the signature is not Mailgun’s")
        _fresh(timestamp, now)
        self._once(token)
        return Told(self._mailgun_event(_at(told, "event-data")), token)

    def _mailgun_event(self, event: Any) -> list[Report]:
        message = self._message(_at(event, "user-variables", TAG))
        kind = _text(event, "event")
        if message is None:
            return []
        if kind == "complained":
            return [Report(message, BounceKind.COMPLAINT, source="mailgun")]
        if kind != "failed" or _text(event, "severity") != "permanent":
            return []  # it tries again by itself
        status = _at(event, "delivery-status")
        said = _text(status, "message") or _text(status, "description")
        reason = _text(event, "reason")
        if reason == "suppress-bounce":
            return [Report(message, BounceKind.HARD, "", said or reason, "mailgun")]
        if reason in ("suppress-complaint", "suppress-unsubscribe"):
            return []
        code = _text(status, "code")
        reply = said if re.match(r"\d{3}", said) else f"{code} {said}".strip()
        return [self._failed(message, _text(status, "enhanced-code"), reply)]

    # Postmark: https://postmarkapp.com/developer/webhooks/webhooks-overview

    def _postmark(self, call: Call, now: datetime) -> Told:
        given = [call.header(SECRET_HEADER, "")]
        how, _, credentials = call.header("Authorization", "").partition(" ")
        if how.lower() == "basic":
            both = _base64(credentials).decode("utf-8", "replace")
            given += [both, both.partition(":")[2]]  # the secret is "user:password", or the latter
        if not any(_same(self._secret, one) for one in given):
            raise NotBelieved("the password is not the one that was agreed")
        event = _json(call.body)
        message = self._message(_at(event, "Metadata", TAG))
        kind = _POSTMARK.get(_text(event, "Type"))
        if _text(event, "RecordType") == "SpamComplaint":
            kind = BounceKind.COMPLAINT
        elif _text(event, "RecordType") != "Bounce":
            kind = None
        if message is None or kind is None:
            return Told([])
        said = _text(event, "Details") or _text(event, "Description")
        return Told([Report(message, kind, status_in(said), said, "postmark")])

    # Resend signs as Standard Webhooks says: https://www.standardwebhooks.com

    def _resend(self, call: Call, now: datetime) -> Told:
        signed = {
            f"webhook-{name}": call.header(f"svix-{name}", "") or call.header(f"webhook-{name}", "")
            for name in ("id", "timestamp", "signature")
        }
        try:
            told = Webhook(self._secret).verify(call.body, signed)
        except (WebhookVerificationError, ValueError, RuntimeError, RecursionError) as error:
            raise NotBelieved("the signature is not Resend’s") from error
        self._once(signed["webhook-id"])
        return Told(self._resend_event(told), signed["webhook-id"])

    def _resend_event(self, told: Any) -> list[Report]:
        data = _at(told, "data")
        tags = _at(data, "tags")
        tag = _at(tags, TAG) or _named(tags, TAG) or _named(_at(data, "headers"), TAG_HEADER)
        message = self._message(tag)
        kind = _text(told, "type")
        if message is None:
            return []
        if kind == "email.complained":
            return [Report(message, BounceKind.COMPLAINT, source="resend")]
        if kind != "email.bounced":
            return []
        bounce = _at(data, "bounce")
        said = _text(bounce, "message")
        kinds = _text(bounce, "type"), _text(bounce, "subType")
        return self._of_ses(message, *kinds, status_in(said), said)

    # SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/

    def _sendgrid(self, call: Call, now: datetime) -> Told:
        timestamp = call.header("X-Twilio-Email-Event-Webhook-Timestamp", "")
        signature = call.header("X-Twilio-Email-Event-Webhook-Signature", "")
        key = load_der_public_key(_base64(self._secret))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        signed = timestamp.encode("utf-8", "replace") + call.body
        try:
            key.verify(_base64(signature), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise NotBelieved("the signature is not SendGrid’s") from None
        _fresh(timestamp, now)
        mark = hashlib.sha256(signed).hexdigest()
        self._once(mark)
        told = _json(call.body)
        if not isinstance(told, list):
            raise NotUnderstood("not a list of events")
        return Told([report for event in told for report in self._sendgrid_event(event)], mark)

    def _sendgrid_event(self, event: Any) -> Iterator[Report]:
        message = self._message(_at(event, TAG))
        kind, reason = _text(event, "event"), _text(event, "reason")
        if message is None:
            return
        if kind == "spamreport":
            yield Report(message, BounceKind.COMPLAINT, source="sendgrid")
        elif kind == "bounce":
            status = _text(event, "status")
            if _text(event, "bounce_classification") == "Invalid Address":
                yield Report(message, BounceKind.HARD, status, reason, "sendgrid")
            else:
                yield self._failed(message, status, reason)
        elif kind == "dropped" and reason in ("Bounced Address", "Invalid"):
            yield Report(message, BounceKind.HARD, "", reason, "sendgrid")

    # Amazon SES: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html, through SNS:
    # https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

    def _ses(self, call: Call, now: datetime) -> Told:
        told = _json(call.body)
        if not _same(self._secret, _text(told, "TopicArn")):
            raise NotBelieved("it is of another topic")
        kind = _text(told, "Type")
        names = _SIGNED.get(kind)
        if names is None:
            raise NotUnderstood("of no type that is known")
        signed = "".join(f"{name}\n{_text(told, name)}\n" for name in names if name in told).encode(
            "utf-8", "replace"
        )
        way = hashes.SHA256() if _text(told, "SignatureVersion") == "2" else hashes.SHA1()  # noqa: S303
        key = self._certificate(_text(told, "SigningCertURL"))
        try:
            key.verify(_base64(_text(told, "Signature")), signed, padding.PKCS1v15(), way)
        except InvalidSignature:
            raise NotBelieved("the signature is not Amazon’s") from None
        _fresh(_text(told, "Timestamp"), now, STALE_AFTER_OF_SNS)
        mark = _text(told, "MessageId")
        self._once(mark)
        if kind == "SubscriptionConfirmation":
            self._confirm(_text(told, "SubscribeURL"))
        if kind != "Notification":
            return Told([], mark)
        return Told(list(self._ses_event(_text(told, "Message"))), mark)

    def _ses_event(self, text: str) -> Iterator[Report]:
        try:
            event = _json(text.encode("utf-8", "replace"))
        except NotUnderstood:
            return  # SES greets a new topic in plain words
        mail = _at(event, "mail")
        tags = _at(mail, "tags", TAG)
        tag = tags[0] if isinstance(tags, list) and tags else None
        tag = tag or _named(_at(mail, "headers"), TAG_HEADER) or _at(mail, "source")
        message = self._message(tag)
        if message is None:
            return
        kind = _text(event, "eventType") or _text(event, "notificationType")
        if kind == "Complaint" and not _text(event, "complaint", "complaintSubType"):
            if _text(event, "complaint", "complaintFeedbackType") != "not-spam":
                yield Report(message, BounceKind.COMPLAINT, source="ses")
        elif kind == "Bounce":
            bounce = _at(event, "bounce")
            recipients = _at(bounce, "bouncedRecipients")
            first = recipients[0] if isinstance(recipients, list) and recipients else {}
            said = _text(first, "diagnosticCode")
            said = said.partition(";")[2].strip() or said
            kinds = _text(bounce, "bounceType"), _text(bounce, "bounceSubType")
            yield from self._of_ses(message, *kinds, _text(first, "status"), said)

    def _of_ses(
        self, message: uuid.UUID, kind: str, more: str, status: str, said: str
    ) -> list[Report]:
        """In the words of SES, which Resend uses too."""
        judged = kind_of_failure(status, said)
        if more in ("ContentRejected", "AttachmentRejected", "MessageTooLarge"):
            judged = BounceKind.POLICY
        elif kind == "Permanent" and (more != "General" or not is_about_us(status, said)):
            judged = BounceKind.HARD
        elif more == "MailboxFull":
            judged = BounceKind.SOFT
        elif not status:
            return []  # "General" may be somebody's word that they are away
        said = said or f"{kind} {more}".strip()
        return [Report(message, judged or BounceKind.POLICY, status, said, self.relay)]

    def _certificate(self, url: str) -> rsa.RSAPublicKey:
        if not _CERTIFICATE.fullmatch(url):
            raise NotBelieved("its certificate is not at Amazon")
        with self._lock:
            if url in self._certificates:
                return self._certificates[url]
            if time.monotonic() < self._next_certificate:
                raise NotBelieved("its certificate can’t be asked for so soon again")
            self._next_certificate = time.monotonic() + PAUSE_BETWEEN_CERTIFICATES
        try:
            answer = fetching.fetch(url, self._policy, agent=self._agent)
            key = load_pem_x509_certificate(answer.body).public_key()
        except (CantFetch, ValueError) as error:
            raise NotBelieved(f"its certificate can’t be read: {error}") from error
        if not isinstance(key, rsa.RSAPublicKey):
            raise NotBelieved("its certificate is of another kind")
        with self._lock:
            self._certificates = {**dict(list(self._certificates.items())[-9:]), url: key}
            self._next_certificate = 0.0
        return key

    def _confirm(self, url: str) -> None:
        """Answers to the question whether the topic is to be sent here."""
        if not _CONFIRMATION.fullmatch(url):
            raise NotBelieved("it is to be confirmed somewhere else than at Amazon")
        try:
            fetching.fetch(url, self._policy, agent=self._agent)
        except CantFetch as error:
            raise NotUnderstood(f"the subscription can’t be confirmed: {error}") from error

    def _failed(self, message: uuid.UUID, status: str, reply: str) -> Report:
        kind = kind_of_failure(status, reply) or BounceKind.POLICY
        return Report(message, kind, status_in(reply) or status, reply, self.relay)


# Of Postmark's types; of the others, mail is on its way still, or somebody's machine has answered.
_POSTMARK = {
    "HardBounce": BounceKind.HARD,
    "BadEmailAddress": BounceKind.HARD,
    "SoftBounce": BounceKind.SOFT,
    "DnsError": BounceKind.SOFT,
    "Undeliverable": BounceKind.SOFT,
    "SpamNotification": BounceKind.POLICY,
    "VirusNotification": BounceKind.POLICY,
    "Blocked": BounceKind.POLICY,
    "DMARCPolicy": BounceKind.POLICY,
    "SpamComplaint": BounceKind.COMPLAINT,
}
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token",
                                 "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token",
                                "TopicArn", "Type"),
}  # fmt: skip


def _fresh(timestamp: str, now: datetime, age: timedelta = STALE_AFTER) -> None:
    """Raises NotBelieved where a moment (seconds since 1970, or ISO 8601) is not about now."""
    try:
        if re.fullmatch(r"\d{1,11}", timestamp, re.ASCII):
            at = datetime.fromtimestamp(int(timestamp), UTC)
        else:
            at = datetime.fromisoformat(timestamp[:40])
        about_now = abs(now - at) <= age
    except (ValueError, TypeError, OverflowError, OSError):
        about_now = False
    if not about_now:
        raise NotBelieved("it was signed at another time")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii", "replace"))
    except ValueError:
        return b""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("not JSON") from None


def _at(value: Any, *path: str) -> Any:
    """What lies at a path of objects; None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any, *path: str) -> str:
    found = _at(value, *path)
    return str(found) if isinstance(found, str | int) else ""


def _named(pairs: Any, name: str) -> Any:
    """The value of what has this name, in a list of names and values."""
    for one in pairs if isinstance(pairs, list) else []:
        if _text(one, "name").lower() == name.lower():
            return _at(one, "value")
    return None
