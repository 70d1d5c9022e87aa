"""Every setting: its name, its default, and what makes it unsafe.

A setting NAME is the environment variable UNDERSIGNED_NAME (read by Flask's
`Config.from_prefixed_env`, so lists are written as JSON). HOST and PORT are also taken without
the prefix, as many hosting platforms set them.
"""

import base64
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from email.utils import getaddresses, parseaddr
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from flask import Config
from limits import parse_many

from widgets.languages import LANGUAGES, SOURCE

PREFIX = "UNDERSIGNED"
SHORTEST_SECRET = 16
MOST = 1e9  # of anything that is counted or waited for
RELAYS = ("mailgun", "postmark", "resend", "sendgrid", "ses")
STARTTLS = ("offered", "required", "off")  # in SMTP_URL; see widgets.delivery.SmtpTransport
Number = TypeVar("Number", int, float)
# Large providers' domains are shared by millions: a limit on them would be a limit on everybody.
LARGE_MAIL_DOMAINS = frozenset({
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com",
    "yahoo.com", "ymail.com", "icloud.com", "me.com", "mac.com", "aol.com", "proton.me",
    "protonmail.com", "pm.me", "gmx.de", "gmx.net", "gmx.com", "web.de", "t-online.de", "mail.ru",
    "bk.ru", "yandex.ru", "yandex.com", "ya.ru", "rambler.ru", "qq.com", "163.com", "126.com",
    "naver.com", "orange.fr", "free.fr", "laposte.net", "wanadoo.fr", "libero.it", "uol.com.br",
    "bol.com.br", "terra.com.br", "hotmail.fr", "hotmail.es", "yahoo.fr", "yahoo.es",
    "yahoo.com.br", "riseup.net", "tuta.com", "tutanota.com", "fastmail.com", "zoho.com",
})  # fmt: skip


class UnsafeSettings(Exception):
    """One or more settings are missing or unsafe; each line names a variable."""


@dataclass(frozen=True)
class Settings:
    secret_key: str | None = None  # None: kept in the instance folder (not in production)
    secret_key_fallbacks: tuple[str, ...] = ()  # older keys whose links still work
    hash_key: str | None = None  # keys the hashes of addresses; None: in the instance folder
    base_url: str = "http://127.0.0.1:8000"  # the only source of links in mail
    database_url: str = ""  # empty: SQLite in the instance folder
    instance_path: Path = Path("instance")
    smtp_url: str | None = None  # None: mail lands in a mailbox page (not in production)
    smtp_connections: int = 4  # beside each other, for issues of newsletters
    mail_limit: str = ""  # of issues, to the relay, like 50/second; empty: as fast as it takes them
    mail_domain_limit: str = ""  # of issues, to one recipient domain, like 20/minute
    mail_from: str = ""  # empty: no-reply at the base URL's host
    return_path: str = ""  # an address for what can't be delivered; empty: mail_from's
    reports_url: str = ""  # where that arrives: imaps://, maildir:// or lmtp://; empty: nowhere
    relay: str = ""  # whose webhooks are believed: one of RELAYS; empty: none's
    relay_secret: str | None = None  # by which its webhooks are known
    dkim_selector: str = ""  # empty: the relay signs
    dkim_key: str = ""  # the file of the private key
    postal_address: str = ""  # stands under issues, where a law asks for it
    network_name: str = ""  # empty: the base URL's host
    contact: str = ""  # an address for questions about privacy; empty: mail_from's
    language: str = SOURCE  # one of widgets.languages.LANGUAGES, where a reader asks for none
    accent: str = "b3261e"  # RRGGBB
    frame_ancestors: str = "*"  # who may embed: * or origins, separated by spaces
    client_limit: str = "30/minute;300/hour"  # POSTs of one client; empty: no limit
    api_limit: str = "600/minute"  # requests of one key to the JSON API; empty: no limit
    limit_storage: str = "memory://"  # or valkey://host:6379
    mailbox_limit: int = 3  # confirmation mails to one mailbox in 24 hours
    domain_limit: int = 500  # confirmation mails to one domain in an hour; more are spaced out
    unlimited_domains: frozenset[str] = LARGE_MAIL_DOMAINS
    trusted_proxies: int = 0  # how many proxies' X-Forwarded-For to believe
    retry_base_seconds: float = 30.0  # first back-off of a refused mail; doubles each time
    lease_seconds: float = 60.0  # how long a worker may hold a message it is sending
    content_check_seconds: float = 1.0  # how stale a cached page may be after a change
    sightings_seconds: float = 60.0  # between two writings of what was shown where; 0: not counted
    feed_seconds: float = 900.0  # between two fetches of a feed that the network follows
    feed_allow_private: bool = False  # feeds may lie on this machine and in private networks
    webhook_allow_private: bool = False  # so may what our webhooks tell
    unconfirmed_days: int = 30  # how long an address is kept that was never confirmed
    evidence_days: int = 3 * 365  # how long the evidence of a consent is kept after leaving
    mail_days: int = 30  # how long is kept what was sent to whom
    host: str = "127.0.0.1"
    port: int = 8000
    web_workers: int = 2
    web_threads: int = 8
    request_seconds: float = 20.0  # in which a client must have sent its request

    @property
    def is_local(self) -> bool:
        """Whether this is a trial: the base URL names this machine or a reserved test name."""
        return is_local_host(self.host_name)

    @property
    def origin(self) -> str:
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host_name(self) -> str:
        """The host of the base URL, without its port."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    def url(self, path: str) -> str:
        """The public address of a path of ours ("/confirm/…")."""
        return self.base_url + path


def is_local_host(host: str) -> bool:
    """Loopback addresses and the names RFC 6761 keeps for this machine and for tests.

    >>> is_local_host("127.0.0.1"), is_local_host("network.test"), is_local_host("ifex.org")
    (True, True, False)
    """
    if host == "localhost" or host.endswith((".localhost", ".test")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load() -> Settings:
    """The settings of this process' environment. Raises UnsafeSettings, naming each variable."""
    config = Config(Path.cwd())
    config.from_prefixed_env(PREFIX)
    values: dict[str, Any] = dict(config)
    port = os.environ.get("PORT", "")
    host = os.environ.get("HOST", "")
    if "PORT" not in values and port:
        values["PORT"] = port
    # Shells and build tools set HOST to all sorts of names; only an address is meant for us.
    if "HOST" not in values and re.fullmatch(r"localhost|[\d.]+|[\da-fA-F:]+", host):
        values["HOST"] = host
    return from_values(values)


def from_values(values: Mapping[str, Any]) -> Settings:
    """Settings from NAME → value; raises UnsafeSettings with a line for each that can't be."""
    problems: list[str] = []

    def text(name: str, default: str) -> str:
        value = values.get(name)
        if value is None:
            return default
        # "true" was read as JSON; a text it is all the same
        return value.strip() if isinstance(value, str) else json.dumps(value)

    def number(name: str, default: Number, least: float, most: float = MOST) -> Number:
        try:
            given = values.get(name, default)
            value = type(default)(given)
            if isinstance(given, bool) or (isinstance(given, float) and value != given):
                raise ValueError
            if not least <= value <= most:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            problems.append(f"{PREFIX}_{name} must be a number from {least:g} to {most:,.0f}.")
            return default
        return value

    def truth(name: str, default: bool) -> bool:
        value = values.get(name, default)
        if value == "":
            return default
        if value not in (True, False):  # 1 and 0 are these too
            problems.append(f"{PREFIX}_{name} must be true or false.")
            return default
        return bool(value)

    known = {field.name.upper() for field in fields(Settings)}
    problems += [f"{PREFIX}_{name} is not a setting." for name in values if name not in known]
    fallbacks = values.get("SECRET_KEY_FALLBACKS") or []
    if isinstance(fallbacks, str):
        fallbacks = fallbacks.split()
    if not isinstance(fallbacks, list):
        fallbacks = [fallbacks]
    unlimited = values.get("UNLIMITED_DOMAINS")
    if isinstance(unlimited, str):
        unlimited = unlimited.split()
    if unlimited is not None and not isinstance(unlimited, list):
        problems.append(f"{PREFIX}_UNLIMITED_DOMAINS must be a list of domains.")
        unlimited = None

    usual = Settings()
    port = number("PORT", usual.port, 1, 65535)
    host = text("HOST", usual.host)
    here = f"[{host}]" if ":" in host and is_local_host(host) else "127.0.0.1"
    settings = Settings(
        secret_key=text("SECRET_KEY", "") or None,
        secret_key_fallbacks=tuple(str(key) for key in fallbacks),
        hash_key=text("HASH_KEY", "") or None,
        base_url=(text("BASE_URL", "") or f"http://{here}:{port}").rstrip("/"),
        database_url=text("DATABASE_URL", usual.database_url),
        instance_path=Path(text("INSTANCE_PATH", "") or usual.instance_path).absolute(),
        smtp_url=text("SMTP_URL", "") or None,
        smtp_connections=number("SMTP_CONNECTIONS", usual.smtp_connections, 1, 100),
        mail_limit=text("MAIL_LIMIT", usual.mail_limit),
        mail_domain_limit=text("MAIL_DOMAIN_LIMIT", usual.mail_domain_limit),
        mail_from=text("MAIL_FROM", usual.mail_from),
        return_path=text("RETURN_PATH", usual.return_path),
        reports_url=text("REPORTS_URL", usual.reports_url),
        relay=text("RELAY", usual.relay).lower(),
        relay_secret=text("RELAY_SECRET", "") or None,
        dkim_selector=text("DKIM_SELECTOR", usual.dkim_selector),
        dkim_key=text("DKIM_KEY", usual.dkim_key),
        postal_address=text("POSTAL_ADDRESS", usual.postal_address),
        network_name=text("NETWORK_NAME", usual.network_name),
        contact=text("CONTACT", usual.contact),
        language=text("LANGUAGE", usual.language).lower(),
        accent=text("ACCENT", usual.accent).lstrip("#").lower(),
        frame_ancestors=text("FRAME_ANCESTORS", usual.frame_ancestors) or "*",
        client_limit=text("CLIENT_LIMIT", usual.client_limit),
        api_limit=text("API_LIMIT", usual.api_limit),
        limit_storage=text("LIMIT_STORAGE", usual.limit_storage),
        mailbox_limit=number("MAILBOX_LIMIT", usual.mailbox_limit, 1),
        domain_limit=number("DOMAIN_LIMIT", usual.domain_limit, 1),
        unlimited_domains=(
            usual.unlimited_domains if unlimited is None else frozenset(map(str, unlimited))
        ),
        trusted_proxies=number("TRUSTED_PROXIES", usual.trusted_proxies, 0),
        retry_base_seconds=number("RETRY_BASE_SECONDS", usual.retry_base_seconds, 0.01),
        lease_seconds=number("LEASE_SECONDS", usual.lease_seconds, 1),
        content_check_seconds=number("CONTENT_CHECK_SECONDS", usual.content_check_seconds, 0),
        sightings_seconds=number("SIGHTINGS_SECONDS", usual.sightings_seconds, 0),
        feed_seconds=number("FEED_SECONDS", usual.feed_seconds, 1),
        feed_allow_private=truth("FEED_ALLOW_PRIVATE", usual.feed_allow_private),
        webhook_allow_private=truth("WEBHOOK_ALLOW_PRIVATE", usual.webhook_allow_private),
        unconfirmed_days=number("UNCONFIRMED_DAYS", usual.unconfirmed_days, 1, 3650),
        evidence_days=number("EVIDENCE_DAYS", usual.evidence_days, 0, 36500),
        mail_days=number("MAIL_DAYS", usual.mail_days, 8, 3650),
        host=host,
        port=port,
        web_workers=number("WEB_WORKERS", usual.web_workers, 1),
        web_threads=number("WEB_THREADS", usual.web_threads, 1),
        request_seconds=number("REQUEST_SECONDS", usual.request_seconds, 1),
    )
    problems += _problems(settings)
    if problems:
        raise UnsafeSettings("\n".join(problems))
    return _with_defaults(settings)


def _with_defaults(settings: Settings) -> Settings:
    host = urlsplit(settings.base_url).hostname or "localhost"
    mail_from = settings.mail_from or f"no-reply@{host if not host[-1].isdigit() else 'localhost'}"
    return Settings(
        **{
            **vars(settings),
            "mail_from": mail_from,
            "network_name": settings.network_name or host,
            "contact": settings.contact or parseaddr(mail_from)[1],
            "database_url": settings.database_url
            or f"sqlite:///{settings.instance_path / 'undersigned.sqlite3'}",
        }
    )


def _problems(settings: Settings) -> list[str]:
    found: list[str] = []
    base = _parts(settings.base_url)
    if base is None or base.scheme not in ("http", "https"):
        found.append(
            f"{PREFIX}_BASE_URL must be the public address, like https://widgets.example.org."
        )
    elif base.path or base.query or base.fragment or base.username:
        found.append(f"{PREFIX}_BASE_URL must be an address without path, user, query or fragment.")
    if settings.smtp_url:
        smtp = _parts(settings.smtp_url)
        if smtp is None or smtp.scheme not in ("smtp", "smtps"):
            found.append(
                f"{PREFIX}_SMTP_URL must look like smtp://user:password@host:587 or smtps://…"
            )
        elif smtp.query not in ("", *(f"starttls={how}" for how in STARTTLS)):
            found.append(f"{PREFIX}_SMTP_URL: after ? only starttls={'|'.join(STARTTLS)} is known.")
    if settings.database_url and not re.match(
        r"sqlite:///.|postgres(ql)?(\+psycopg)?://", settings.database_url
    ):
        found.append(
            f"{PREFIX}_DATABASE_URL must look like postgresql://user:password@host/name or "
            "sqlite:////path/to/file."
        )
    if not re.match(r"memory://|valkeys?(\+\w+)?://.", settings.limit_storage):
        found.append(f"{PREFIX}_LIMIT_STORAGE must be memory:// or like valkey://host:6379.")
    if settings.mail_from and not _is_one_address(settings.mail_from):
        found.append(f"{PREFIX}_MAIL_FROM must be one address, with or without a name before it.")
    found += _problems_of_mail(settings)
    if settings.contact and not _is_one_address(settings.contact):
        found.append(f"{PREFIX}_CONTACT must be an e-mail address.")
    if settings.language not in LANGUAGES:
        found.append(f"{PREFIX}_LANGUAGE must be one of {', '.join(LANGUAGES)}.")
    if not re.fullmatch(r"[0-9a-f]{6}", settings.accent):
        found.append(f"{PREFIX}_ACCENT must be six hexadecimal digits, like b3261e.")
    for name in ("CLIENT_LIMIT", "API_LIMIT", "MAIL_LIMIT", "MAIL_DOMAIN_LIMIT"):
        if not _is_limit(getattr(settings, name.lower())):
            found.append(f"{PREFIX}_{name} must look like 30/minute;300/hour, or be empty.")
    origin = r"https?://(\*\.)?[\w.-]+(:\d+)?"
    if not re.fullmatch(rf"\*|{origin}( +{origin})*", settings.frame_ancestors):
        found.append(
            f"{PREFIX}_FRAME_ANCESTORS must be * or origins like https://member.example, "
            "separated by spaces."
        )
    if base is not None and not settings.is_local:
        found += _unsafe_in_production(settings)
    return found


def _problems_of_mail(settings: Settings) -> list[str]:
    found: list[str] = []
    # 41 more stand before the @ of each mail's own, and mail servers take no more than 64
    if settings.return_path and not re.fullmatch(r"[^@\s<>]{1,23}@[^@\s<>]+", settings.return_path):
        found.append(
            f"{PREFIX}_RETURN_PATH must be an e-mail address, without a name, and with 23 "
            "characters at most before the @."
        )
    if settings.reports_url and not re.match(
        r"imaps?://[^/]+|maildir:///.|lmtp://[^/]+:\d+$", settings.reports_url
    ):
        found.append(
            f"{PREFIX}_REPORTS_URL must look like imaps://user:password@host/INBOX, "
            "maildir:///path/to/it or lmtp://127.0.0.1:8024."
        )
    if settings.relay and settings.relay not in RELAYS:
        found.append(f"{PREFIX}_RELAY must be one of {', '.join(RELAYS)}, or empty.")
    if bool(settings.relay) != bool(settings.relay_secret):
        found.append(f"{PREFIX}_RELAY and {PREFIX}_RELAY_SECRET need each other.")
    elif settings.relay_secret and not _fits(settings.relay, settings.relay_secret):
        found.append(f"{PREFIX}_RELAY_SECRET must be {_SECRETS[settings.relay]}.")
    if bool(settings.dkim_selector) != bool(settings.dkim_key):
        found.append(f"{PREFIX}_DKIM_SELECTOR and {PREFIX}_DKIM_KEY need each other.")
    return found


_SECRETS = {
    "sendgrid": "the public key of the signed event webhook, in one line",
    "resend": "the signing secret of the webhook, which begins with whsec_",
    "ses": "the ARN of the topic, which begins with arn:",
}


def _fits(relay: str, secret: str) -> bool:
    """Whether this can be by what the webhooks of a relay are known."""
    try:
        if relay == "sendgrid":
            key = load_der_public_key(base64.b64decode(secret, validate=True))
            return isinstance(key, EllipticCurvePublicKey)
        if relay == "resend":
            encoded = secret.removeprefix("whsec_")
            return encoded != secret and len(base64.b64decode(encoded + "==")) > 0
    except (ValueError, UnsupportedAlgorithm):
        return False
    return relay != "ses" or secret.startswith("arn:")


def _is_limit(text: str) -> bool:
    try:
        return not text or bool(parse_many(text))
    except ValueError:
        return False


def _is_one_address(text: str) -> bool:
    found = getaddresses([text])
    return len(found) == 1 and re.fullmatch(r"[^@\s]+@[^@\s]+", found[0][1]) is not None


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL with a host and, if any, a possible port; None where it isn't one."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _unsafe_in_production(settings: Settings) -> list[str]:
    found: list[str] = []
    if not settings.is_https:
        found.append(
            f"{PREFIX}_BASE_URL must be https: confirmation links must not be read on the way."
        )
    if not settings.secret_key:
        found.append(
            f"{PREFIX}_SECRET_KEY is missing. Make one with: "
            "python3 -c 'import secrets; print(secrets.token_hex())'"
        )
    for key in (settings.secret_key, *settings.secret_key_fallbacks, settings.hash_key):
        if key and (len(key) < SHORTEST_SECRET or len(set(key)) < 6):
            found.append(
                f"{PREFIX}_SECRET_KEY, its _FALLBACKS and _HASH_KEY must be random and have at "
                f"least {SHORTEST_SECRET} characters."
            )
            break
    if not settings.smtp_url:
        found.append(f"{PREFIX}_SMTP_URL is missing: confirmations could not be delivered.")
    if not settings.mail_from:
        found.append(f"{PREFIX}_MAIL_FROM is missing: relays refuse mail without a real sender.")
    return found
