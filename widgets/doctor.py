"""`undersigned doctor`: looks at all that mail to readers depends on, and says what to do."""

import contextlib
import http.client
import os
import shutil
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

import dns.resolver
from cryptography import x509
from sqlalchemy import func, select

from widgets import mail_dns, mailroom
from widgets.mail_dns import Finding, Level, Plan
from widgets.models import Feed, Message, MessageState, Partner
from widgets.service import Service
from widgets.settings import Settings, is_local_host

SECONDS = 10  # for a connection, and for a question to DNS
SOON = timedelta(days=14)  # within which a certificate must be renewed
LATE = timedelta(minutes=30)  # after which what is due has been forgotten by everybody
LITTLE_DISK = 500_000_000  # bytes
NO_DISK = 50_000_000


def resolver() -> dns.resolver.Resolver:
    """That of the system, with less patience."""
    made = dns.resolver.Resolver()
    made.lifetime = SECONDS
    return made


@dataclass(frozen=True)
class World:
    """What is outside, so that tests can bring their own."""

    resolver: dns.resolver.Resolver = field(default_factory=resolver)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)


def examine(service: Service, world: World, now: datetime) -> list[Finding]:
    """Everything, in the order in which it is to be mended."""
    settings = service.settings
    found: list[Finding] = []
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("settings", lambda: _settings(settings)),
        ("disk", lambda: _disk(settings)),
        ("worker", lambda: _worker(service, now)),
        ("partners", lambda: _partners(service)),
        ("relay", lambda: _relay(settings, world, now)),
        ("https", lambda: _https(settings, world, now)),
        ("DNS", lambda: _dns(settings, world)),
    ]
    for about, check in checks:
        try:
            found += check()
        except Exception as error:  # one that fails must not hide what the others find
            text = f"This could not be looked at: {type(error).__name__}: {_line(error)}"
            found.append(Finding(Level.PROBLEM, about, text))
    return found


def plan(settings: Settings) -> Plan:
    """What DNS should say, by the settings."""
    sender = parseaddr(settings.mail_from)[1]
    domain = _domain(sender)
    relay = (urlsplit(settings.smtp_url or "").hostname or "").lower()
    return Plan(
        domain=domain,
        returns=_domain(settings.return_path) if settings.return_path else domain,
        relay=relay,
        own=is_local_host(relay),
        host=settings.host_name,
        selector=settings.dkim_selector,
        key=settings.dkim_key,
        expects_returns=bool(settings.reports_url),
    )


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2].lower().rstrip(".")
    with contextlib.suppress(UnicodeError):
        return domain.encode("idna").decode()
    return domain


def _settings(settings: Settings) -> list[Finding]:
    if settings.is_local:
        text = "This is a trial: the base URL names this machine. DNS and https are not looked at."
        return [Finding(Level.HINT, "settings", text)]
    found = [Finding(Level.OK, "settings", "The settings can be used.")]
    if not settings.postal_address:
        text = "POSTAL_ADDRESS is empty: some laws ask for one under every issue."
        found.append(Finding(Level.HINT, "settings", text))
    if not settings.reports_url and not settings.relay:
        text = (
            "Neither REPORTS_URL nor RELAY is set: nobody learns of mail that can’t be delivered, "
            "and it is sent again and again."
        )
        found.append(Finding(Level.WARNING, "settings", text))
    return found


def _disk(settings: Settings) -> list[Finding]:
    path = settings.instance_path
    if not os.access(path, os.W_OK):
        return [Finding(Level.PROBLEM, "disk", f"{path} can’t be written to.")]
    free = shutil.disk_usage(path).free
    left = f"{free / 1e9:,.1f} GB" if free >= 1e9 else f"{free / 1e6:,.0f} MB"
    text = f"There {'is' if free >= LITTLE_DISK else 'is only'} {left} left at {path}."
    low = Level.PROBLEM if free < NO_DISK else Level.WARNING
    return [Finding(Level.OK if free >= LITTLE_DISK else low, "disk", text)]


def _worker(service: Service, now: datetime) -> list[Finding]:
    with service.database.reading() as session:
        health = mailroom.health(session, now)
    found = [Finding(Level.OK, "database", "The database answers, and is of this version.")]
    mails, more = _overdue(service, now)
    if mails or more:
        text = f"No worker runs: mails ({mails:,}) and other work ({more:,}) wait to be taken up."
        found.append(Finding(Level.PROBLEM, "worker", text))
    elif health.is_stuck:
        text = f"Several mails failed and none went out since: {health.last_error}"
        found.append(Finding(Level.PROBLEM, "worker", text))
    else:
        found.append(Finding(Level.OK, "worker", "No mail waits for longer than it should."))
    return found


def _overdue(service: Service, now: datetime) -> tuple[int, int]:
    """How many mails no worker has taken up for long (of an issue, many may wait for their turn),
    and how much else."""
    late = now - LATE
    untouched = (
        Message.state == MessageState.WAITING,
        Message.is_bulk.is_(False),
        Message.attempts == 0,
        Message.not_before < late,
    )
    with service.database.reading() as session:
        mails = session.scalar(select(func.count()).select_from(Message).where(*untouched)) or 0
        feeds = session.scalars(select(Feed.id).where(Feed.next_fetch_at < late)).all()
        partners = session.scalars(select(Partner.id).where(Partner.next_at < late)).all()
    return mails, len(feeds) + len(partners)


def _partners(service: Service) -> list[Finding]:
    with service.database.reading() as session:
        failing = session.scalars(select(Partner).where(Partner.failing_since.is_not(None))).all()
    return [
        Finding(
            Level.WARNING,
            "partners",
            f"Partner {one.id} has been failing since {one.failing_since:%Y-%m-%d %H:%M} UTC: "
            f"{one.last_error}",
        )
        for one in failing
    ]


# What is connected to


def _relay(settings: Settings, world: World, now: datetime) -> list[Finding]:
    if settings.smtp_url is None:
        text = "No SMTP_URL is set: mail lands in the mailbox page."
        return [Finding(Level.HINT, "relay", text)]
    parts = urlsplit(settings.smtp_url)
    tls = parts.scheme == "smtps"
    host = parts.hostname or "localhost"
    user = unquote(parts.username or "")
    port = parts.port or (465 if tls else 587 if user else 25)
    starttls = parse_qs(parts.query).get("starttls", ["offered"])[0]
    name = f"{host}:{port}"
    try:
        with contextlib.closing(_connected(host, port, tls, world.tls)) as smtp:
            found = _secured(smtp, name, tls, starttls, bool(user), world.tls, now)
            if user and not any(one.level is Level.PROBLEM for one in found):
                smtp.login(user, unquote(parts.password or ""))
                found.append(Finding(Level.OK, "relay", f"{name} lets us in."))
            return found
    except smtplib.SMTPAuthenticationError:
        text = f"{name} does not let us in: check the user and the password in SMTP_URL."
    except ssl.SSLCertVerificationError as error:
        text = f"The certificate of {name} can’t be trusted: {error.verify_message}."
        if not (tls or user) and starttls == "offered":
            return [Finding(Level.WARNING, "relay", f"{text} Mail is sent there all the same.")]
    except (smtplib.SMTPException, OSError) as error:
        text = f"The relay {name} can’t be reached: {_line(error)}."
    return [Finding(Level.PROBLEM, "relay", text)]


def _connected(host: str, port: int, tls: bool, context: ssl.SSLContext) -> smtplib.SMTP:
    if tls:
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    return smtplib.SMTP(host, port, timeout=SECONDS)


def _secured(
    smtp: smtplib.SMTP,
    name: str,
    tls: bool,
    starttls: str,
    user: bool,
    context: ssl.SSLContext,
    now: datetime,
) -> list[Finding]:
    smtp.ehlo()
    if not tls and starttls != "off" and smtp.has_extn("starttls"):
        smtp.starttls(context=context)
        smtp.ehlo()
        tls = True
    if isinstance(smtp.sock, ssl.SSLSocket):
        return [_certificate(smtp.sock, "relay", name, now)]
    here = is_local_host(name.rpartition(":")[0])
    if starttls == "required" or (user and not here):
        text = f"{name} offers no TLS: nothing is sent to it."
        return [Finding(Level.PROBLEM, "relay", text)]
    level = Level.OK if here else Level.WARNING
    return [Finding(level, "relay", f"{name} answers, without TLS.")]


def _https(settings: Settings, world: World, now: datetime) -> list[Finding]:
    if settings.is_local or not settings.is_https:
        return []
    return _asked_over_https(settings.base_url, world, now)


def _asked_over_https(url: str, world: World, now: datetime) -> list[Finding]:
    parts = urlsplit(url)
    asked = http.client.HTTPSConnection(
        parts.hostname or "", parts.port or 443, timeout=SECONDS, context=world.tls
    )
    try:
        asked.connect()
        assert isinstance(asked.sock, ssl.SSLSocket)
        found = [_certificate(asked.sock, "https", url, now)]
        asked.request("GET", "/healthz", headers={"User-Agent": "Undersigned doctor"})
        answer = asked.getresponse()
        answer.read(1000)
    except ssl.SSLCertVerificationError as error:
        text = f"The certificate of {url} can’t be trusted: {error.verify_message}."
        return [Finding(Level.PROBLEM, "https", text)]
    except (OSError, http.client.HTTPException) as error:
        text = f"{url} can’t be reached from here: {_line(error)}."
        return [Finding(Level.PROBLEM, "https", text)]
    finally:
        asked.close()
    if answer.status != 200:
        text = f"{url}/healthz answers {answer.status}. Is the proxy set up?"
        found.append(Finding(Level.PROBLEM, "https", text))
    elif not answer.headers.get("Strict-Transport-Security"):
        text = f"{url} comes without HSTS; does the proxy take the header away?"
        found.append(Finding(Level.WARNING, "https", text))
    else:
        text = "Browsers are told to use https for this host (HSTS)."
        found.append(Finding(Level.OK, "https", text))
    return found


def _certificate(socket: ssl.SSLSocket, about: str, name: str, now: datetime) -> Finding:
    der = socket.getpeercert(binary_form=True) or b""
    left = x509.load_der_x509_certificate(der).not_valid_after_utc - now.astimezone(UTC)
    text = f"{name} answers with TLS; its certificate holds for {max(0, left.days)} more days."
    if left < SOON:
        return Finding(Level.WARNING, about, f"{text} It should have been renewed by now.")
    return Finding(Level.OK, about, text)


def _dns(settings: Settings, world: World) -> list[Finding]:
    return [] if settings.is_local else mail_dns.check(world.resolver, plan(settings))


def _line(error: Exception) -> str:
    """The error in one short line."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
