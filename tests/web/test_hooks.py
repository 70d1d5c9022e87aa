"""What mail relays tell: each by its own signature, about messages that are ours."""

import base64
import hashlib
import hmac
import json
import ssl
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from flask import Flask
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from tests.strangers import Elsewhere, Says, Stranger
from tests.test_bounces import Post
from widgets import letters, relays
from widgets.fetching import Policy
from widgets.models import State
from widgets.relays import Receiver, relay_headers
from widgets.settings import RELAYS, Settings, UnsafeSettings, from_values

EXAMPLES = Path(__file__).parent.parent / "hooks"
NOW = datetime.now(UTC)
SENDGRID = ec.generate_private_key(ec.SECP256R1())
AMAZON = rsa.generate_private_key(65537, 2048)
CERTIFICATE = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
SECRETS = {
    "mailgun": "key-of-mailgun",
    "postmark": "a long password",
    "resend": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "sendgrid": base64.b64encode(
        SENDGRID.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode(),
    "ses": "arn:aws:sns:eu-west-1:123456789012:bounces",
}


class Teller:
    """A relay that tells us of a message, as it documents it; NAME=value change how."""

    def __init__(self, app: Flask, relay: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.relay = relay
        self.post = Post(app.extensions["undersigned"])
        self.at = datetime.now(UTC)
        self.post.now = self.at - timedelta(days=1)
        self.anna = self.post.subscriber()
        self.message = self.post.issue(self.anna)

    def example(self, name: str) -> str:
        text = (EXAMPLES / f"{self.relay}-{name}.json").read_text()
        return text.replace("TAG", self.post.service.links.return_tag(self.message))

    def tell(self, name: str, *, spoil: bool = False, **changes: Any) -> TestResponse:
        """spoil: the body is changed after it was signed."""
        body, headers = getattr(self, f"_{self.relay}")(self.example(name), **changes)
        if spoil:
            body = body.replace("reader@", "rEader@")
        return self.send(body, headers)

    def send(self, body: str | bytes, headers: dict[str, str]) -> TestResponse:
        return self.client.post(f"/hooks/{self.relay}", data=body, headers=headers)

    def state(self) -> str:
        return self.post.state(self.anna)

    def kinds(self) -> list[str]:
        return [one.kind for one in self.post.kept()]

    def _mailgun(self, text: str, token: str = "t" * 50, key: str = "") -> tuple[str, Any]:
        told = json.loads(text)
        timestamp = str(int(self.at.timestamp()))
        signed = hmac.new(
            (key or SECRETS["mailgun"]).encode(), f"{timestamp}{token}".encode(), hashlib.sha256
        )
        told["signature"] = {
            "token": token,
            "timestamp": timestamp,
            "signature": signed.hexdigest(),
        }
        return json.dumps(told), {"Content-Type": "application/json"}

    def _postmark(self, text: str, key: str = "") -> tuple[str, dict[str, str]]:
        both = base64.b64encode(f"relay:{key or SECRETS['postmark']}".encode()).decode()
        return text, {"Authorization": f"Basic {both}"}

    def _resend(self, text: str, key: str = "") -> tuple[str, dict[str, str]]:
        signed = Webhook(key or SECRETS["resend"]).sign("msg_1", self.at, text)
        return text, {
            "svix-id": "msg_1",
            "svix-timestamp": str(int(self.at.timestamp())),
            "svix-signature": signed,
        }

    def _sendgrid(self, text: str, key: Any = None) -> tuple[str, dict[str, str]]:
        timestamp = str(int(self.at.timestamp()))
        signed = (key or SENDGRID).sign(f"{timestamp}{text}".encode(), ec.ECDSA(hashes.SHA256()))
        return text, {
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
        }

    def _ses(self, text: str, key: Any = None, way: str = "2", **said: str) -> tuple[str, Any]:
        told = json.loads(text) | {"SignatureVersion": way, "Timestamp": _iso(self.at)} | said
        names = sorted(
            {"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn",
             "Type"}
            & set(told)
        )  # fmt: skip
        signed = "".join(f"{name}\n{told[name]}\n" for name in names).encode()
        how = hashes.SHA256() if way == "2" else hashes.SHA1()
        signature = (key or AMAZON).sign(signed, padding.PKCS1v15(), how)
        told["Signature"] = base64.b64encode(signature).decode()
        return json.dumps(told), {"Content-Type": "text/plain; charset=UTF-8"}


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.123Z")


def certificate() -> bytes:
    """Amazon's, by which SNS signs."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder(
        name, name, AMAZON.public_key(), 1, NOW - timedelta(days=1), NOW + timedelta(days=1)
    )
    return made.sign(AMAZON, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """How Amazon's servers show themselves, and what believes them."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("sns.eu-west-1.amazonaws.com").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@pytest.fixture
def amazon(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Stranger]:
    """Amazon's servers, with SNS' certificate."""
    with Stranger(certificate=tls[0]) as stranger:
        stranger.answers[CERTIFICATE] = Says(certificate())
        yield stranger


@pytest.fixture
def teller(
    make_app: Callable[[Settings], Flask],
    make_settings: Callable[..., Settings],
    amazon: Stranger,
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> Callable[[str], Teller]:
    def teller(relay: str) -> Teller:
        settings = make_settings(RELAY=relay, RELAY_SECRET=SECRETS[relay])
        app = make_app(settings)
        policy = Policy(
            resolve=lambda *_: ["93.184.215.14"],
            network=Elsewhere(amazon),
            tls=tls[1],
            redirects=0,
            seconds=5,
        )
        app.extensions["relay"] = Receiver(settings, app.extensions["undersigned"].links, policy)
        return Teller(app, relay)

    return teller


@pytest.mark.parametrize(
    ("relay", "name", "kinds", "state"),
    [
        ("mailgun", "failed", ["hard"], State.BOUNCED),
        ("mailgun", "full", ["soft"], State.CONFIRMED),
        ("mailgun", "later", [], State.CONFIRMED),
        ("mailgun", "spam", ["policy"], State.CONFIRMED),
        ("mailgun", "complained", ["complaint"], State.COMPLAINED),
        ("mailgun", "delivered", [], State.CONFIRMED),
        ("postmark", "hard", ["hard"], State.BOUNCED),
        ("postmark", "soft", ["soft"], State.CONFIRMED),
        ("postmark", "blocked", ["policy"], State.CONFIRMED),
        ("postmark", "away", [], State.CONFIRMED),
        ("postmark", "spam", ["complaint"], State.COMPLAINED),
        ("resend", "bounced", ["hard"], State.BOUNCED),
        ("resend", "tagged", ["hard"], State.BOUNCED),
        ("resend", "complained", ["complaint"], State.COMPLAINED),
        ("resend", "delayed", [], State.CONFIRMED),
        ("sendgrid", "bounce", ["hard"], State.BOUNCED),
        ("sendgrid", "full", ["soft"], State.CONFIRMED),
        ("sendgrid", "blocked", ["policy"], State.CONFIRMED),
        ("sendgrid", "dropped", ["hard"], State.BOUNCED),
        ("sendgrid", "spam", ["complaint"], State.COMPLAINED),
        ("sendgrid", "open", [], State.CONFIRMED),
        ("ses", "bounce", ["hard"], State.BOUNCED),
        ("ses", "event", ["hard"], State.BOUNCED),
        ("ses", "source", ["hard"], State.BOUNCED),
        ("ses", "blocked", ["policy"], State.CONFIRMED),
        ("ses", "full", ["soft"], State.CONFIRMED),
        ("ses", "away", [], State.CONFIRMED),
        ("ses", "complaint", ["complaint"], State.COMPLAINED),
    ],
)
def test_what_a_relay_tells_is_done(
    teller: Callable[[str], Teller], relay: str, name: str, kinds: list[str], state: State
) -> None:
    told = teller(relay)

    assert told.tell(name).status_code == 200

    assert told.kinds() == kinds
    assert told.state() == state
    assert [one.source for one in told.post.kept()] == [relay] * len(kinds)
    assert "reader.example" not in str([one.reason for one in told.post.kept()])


WRONG = {
    "mailgun": ("failed", {"key": "of somebody else"}),
    "postmark": ("hard", {"key": "a wrong password"}),
    "resend": ("bounced", {"key": "whsec_c29tZWJvZHkgZWxzZQ=="}),
    "sendgrid": ("bounce", {"key": ec.generate_private_key(ec.SECP256R1())}),
    "ses": ("bounce", {"key": rsa.generate_private_key(65537, 2048)}),
}


@pytest.mark.parametrize("relay", RELAYS)
def test_a_wrong_signature_is_refused_and_changes_nothing(
    teller: Callable[[str], Teller], relay: str
) -> None:
    told = teller(relay)
    name, wrong = WRONG[relay]

    assert told.tell(name, **wrong).status_code == 403
    assert told.send(told.example(name), {}).status_code == 403

    assert told.state() == State.CONFIRMED
    assert told.kinds() == []


@pytest.mark.parametrize("relay", ["resend", "sendgrid"])
def test_what_was_changed_on_its_way_is_refused(
    teller: Callable[[str], Teller], relay: str
) -> None:
    assert teller(relay).tell(WRONG[relay][0], spoil=True).status_code == 403


@pytest.mark.parametrize("relay", ["mailgun", "resend", "sendgrid", "ses"])
@pytest.mark.parametrize("off", [timedelta(hours=-2), timedelta(hours=2)])
def test_what_was_signed_at_another_time_is_refused(
    teller: Callable[[str], Teller], relay: str, off: timedelta
) -> None:
    told = teller(relay)
    told.at += off

    assert told.tell(WRONG[relay][0]).status_code == 403
    assert told.kinds() == []


@pytest.mark.parametrize("relay", ["mailgun", "resend", "sendgrid", "ses"])
def test_the_same_call_a_second_time_is_refused(
    teller: Callable[[str], Teller], relay: str
) -> None:
    told = teller(relay)
    body, headers = getattr(told, f"_{relay}")(told.example(WRONG[relay][0]))

    assert told.send(body, headers).status_code == 200
    assert told.send(body, headers).status_code == 403
    assert told.kinds() == ["hard"]


def test_the_same_event_in_another_call_counts_once(teller: Callable[[str], Teller]) -> None:
    told = teller("mailgun")

    assert told.tell("failed", token="a" * 50).status_code == 200
    assert told.tell("failed", token="b" * 50).status_code == 200
    assert told.kinds() == ["hard"]


@pytest.mark.parametrize("relay", RELAYS)
def test_an_event_of_a_message_that_is_not_ours_changes_nothing(
    teller: Callable[[str], Teller], relay: str
) -> None:
    told = teller(relay)
    told.message = uuid.uuid4()  # signed, and forgotten
    assert told.tell(WRONG[relay][0]).status_code == 200

    text = told.example(WRONG[relay][0])
    forged = text.replace(told.post.service.links.return_tag(told.message), "a" * 40)
    body, headers = getattr(told, f"_{relay}")(
        forged, **{"mailgun": {"token": "z"}, "ses": {"MessageId": "z"}}.get(relay, {})
    )
    if relay != "resend":  # whose calls have all one id here
        assert told.send(body, headers).status_code == 200
    assert told.kinds() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 50_000, b'{"event-data": []}',
     b'{"signature": {"timestamp": [], "token": 5}}', b'{"Type": {}, "TopicArn": 7}'],
)  # fmt: skip
@pytest.mark.parametrize("relay", RELAYS)
def test_anything_else_is_refused(teller: Callable[[str], Teller], relay: str, body: bytes) -> None:
    assert teller(relay).send(body, {}).status_code in (400, 403)


def test_only_the_relay_that_is_set_is_answered(
    teller: Callable[[str], Teller], client: FlaskClient
) -> None:
    told = teller("mailgun")
    for path in ("/hooks/sendgrid", "/hooks/nothing"):
        assert told.client.post(path, data=told.example("failed")).status_code == 404
    assert client.post("/hooks/mailgun", data="{}").status_code == 404
    assert told.client.get("/hooks/mailgun").status_code == 405


def test_what_is_too_large_is_refused(teller: Callable[[str], Teller]) -> None:
    mailgun = teller("mailgun")
    assert mailgun.send(b" " * 300_000, {}).status_code == 413


def test_thousands_of_events_in_one_call_are_taken(teller: Callable[[str], Teller]) -> None:
    told = teller("sendgrid")
    events = json.loads(told.example("bounce")) + json.loads(told.example("open")) * 900
    text = json.dumps(events)
    assert len(text) > 400_000
    body, headers = told._sendgrid(text)

    assert told.send(body, headers).status_code == 200
    assert told.kinds() == ["hard"]


@pytest.mark.parametrize("way", ["1", "2"])
def test_both_signatures_of_sns_are_known_and_its_certificate_is_kept(
    teller: Callable[[str], Teller], amazon: Stranger, way: str
) -> None:
    told = teller("ses")

    assert told.tell("bounce", way=way).status_code == 200
    assert told.tell("complaint", way=way, MessageId="another").status_code == 200

    assert [path for path, _ in amazon.asked] == [CERTIFICATE]


@pytest.mark.parametrize(
    "url",
    [
        f"http://sns.eu-west-1.amazonaws.com{CERTIFICATE}",
        f"https://sns.eu-west-1.amazonaws.com.evil.example{CERTIFICATE}",
        f"https://evil.example/sns.eu-west-1.amazonaws.com{CERTIFICATE}",
        f"https://x@sns.eu-west-1.amazonaws.com{CERTIFICATE}",
        f"https://sns.eu-west-1.amazonaws.com:8443{CERTIFICATE}",
        "https://sns.eu-west-1.amazonaws.com/evil/x.pem",
        "",
    ],
)
def test_a_certificate_from_anywhere_else_is_never_fetched(
    teller: Callable[[str], Teller], amazon: Stranger, url: str
) -> None:
    assert teller("ses").tell("bounce", SigningCertURL=url).status_code == 403
    assert amazon.asked == []


def test_another_topic_is_refused_before_anything_is_fetched(
    teller: Callable[[str], Teller], amazon: Stranger
) -> None:
    assert teller("ses").tell("bounce", TopicArn=f"{SECRETS['ses']}x").status_code == 403
    assert amazon.asked == []


def test_certificates_that_can_not_be_had_are_not_asked_for_again_and_again(
    teller: Callable[[str], Teller], amazon: Stranger
) -> None:
    amazon.answers[CERTIFICATE] = Says(b"no certificate")
    told = teller("ses")

    assert [told.tell("bounce").status_code for _ in range(3)] == [403, 403, 403]
    assert len(amazon.asked) == 1


def test_a_subscription_to_the_topic_is_confirmed_at_amazon_only(
    teller: Callable[[str], Teller], amazon: Stranger
) -> None:
    told = teller("ses")
    confirmation = json.loads(told.example("subscription"))["SubscribeURL"]
    path = confirmation.removeprefix("https://sns.eu-west-1.amazonaws.com")
    amazon.answers[path] = Says(b"<ConfirmSubscriptionResponse/>")

    elsewhere = confirmation.replace("amazonaws.com", "amazonaws.com.evil.example")
    assert told.tell("subscription", SubscribeURL=elsewhere).status_code == 403
    assert told.tell("subscription").status_code == 200

    assert [asked for asked, _ in amazon.asked] == [CERTIFICATE, path]


def test_postmark_may_send_the_secret_in_a_header(teller: Callable[[str], Teller]) -> None:
    told = teller("postmark")

    header = {relays.SECRET_HEADER: SECRETS["postmark"]}
    assert told.send(told.example("hard"), header).status_code == 200
    assert told.kinds() == ["hard"]


@pytest.mark.parametrize("relay", RELAYS)
def test_a_mail_carries_the_header_of_its_relay_and_no_other(
    make_settings: Callable[..., Settings], teller: Callable[[str], Teller], relay: str
) -> None:
    told = teller(relay)
    service = told.post.service
    asked = told.post.sign_up("bo@example.org")
    with service.database.reading() as session:
        mail = letters.compose(service, session, told.post.message(asked))
    assert mail
    tag = service.links.return_tag(told.post.message(asked))

    ours = {name: value for name, value in mail.items() if tag in value}

    assert ours == relay_headers(service.settings, tag)
    assert ours
    assert relay_headers(make_settings(), tag) == {}


@pytest.mark.parametrize(
    ("relay", "secret"),
    [("sendgrid", "no key"), ("resend", "no-whsec"), ("resend", "whsec_"), ("ses", "bounces")],
)
def test_a_secret_that_can_not_be_the_relays_ends_the_start(relay: str, secret: str) -> None:
    with pytest.raises(UnsafeSettings, match="RELAY_SECRET"):
        from_values({"RELAY": relay, "RELAY_SECRET": secret})
