"""What DNS says about mail from a domain: MX, SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489),
PTR, MTA-STS (RFC 8461) and TLS-RPT (RFC 8460).

Each check tells what is so in a sentence, and, where something is missing, the lines of a zone file
that mend it."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

MOST_LOOK_UPS = 10  # RFC 7208, 4.6.4
MOST_VOID = 2  # of those that may find nothing
SHORTEST_RSA = 1024  # bits, below which nobody verifies; RFC 8301
USUAL_RSA = 2048
# What a relay says to include, by the end of its SMTP host's name.
INCLUDES = {
    ".amazonaws.com": "amazonses.com",
    ".gandi.net": "_mailcust.gandi.net",
    ".google.com": "_spf.google.com",
    ".gmail.com": "_spf.google.com",
    ".mailgun.org": "mailgun.org",
    ".mailjet.com": "spf.mailjet.com",
    ".mtasv.net": "spf.mtasv.net",
    ".office365.com": "spf.protection.outlook.com",
    ".ovh.net": "mx.ovh.com",
    ".postmarkapp.com": "spf.mtasv.net",
    ".sendgrid.net": "sendgrid.net",
}


class Level(StrEnum):
    OK = "ok"
    HINT = "hint"  # good to know
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """about: a word, like SPF; text: a sentence; records: lines for a zone file."""

    level: Level
    about: str
    text: str
    records: Sequence[str] = ()


class CantTell(Exception):
    """DNS did not answer; the text says how."""


class BadRecord(Exception):
    """A record that nobody can use; the text says why."""


@dataclass(frozen=True)
class Plan:
    """What is to be so. domain: of MAIL_FROM; returns: of the return path; relay: the SMTP host;
    own: whether this machine hands mail over itself, from the addresses of `host`."""

    domain: str
    returns: str
    relay: str
    own: bool
    host: str
    selector: str = ""
    key: str = ""
    expects_returns: bool = False


class Dns:
    """Questions to one resolver. Names that don't exist have no records."""

    def __init__(self, resolver: dns.resolver.Resolver) -> None:
        self._resolver = resolver

    def ask(self, name: str, kind: str) -> list[Any]:
        """Raises CantTell."""
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.Timeout:
            raise CantTell(f"DNS did not answer in time about {name} ({kind}).") from None
        except dns.exception.DNSException as error:
            reason = " ".join(str(error).split())[:150]
            raise CantTell(f"DNS could not answer about {name} ({kind}): {reason}") from None

    def texts(self, name: str) -> list[str]:
        """TXT records, each put together from its strings."""
        return [b"".join(one.strings).decode("utf-8", "replace") for one in self.ask(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        try:
            return [str(ipaddress.ip_address(name))]
        except ValueError:
            pass
        return [str(one.address) for kind in ("A", "AAAA") for one in self.ask(name, kind)]


def check(resolver: dns.resolver.Resolver, plan: Plan) -> list[Finding]:
    """All of it. What DNS does not answer is a finding too."""
    asked = Dns(resolver)
    found: list[Finding] = []
    for about, look in (
        ("MX", _mx),
        ("SPF", _spf),
        ("DKIM", _dkim),
        ("DMARC", _dmarc),
        ("PTR", _ptr),
        ("MTA-STS", _mta_sts),
        ("TLS-RPT", _tls_rpt),
    ):
        try:
            found += look(asked, plan)
        except CantTell as error:
            found.append(Finding(Level.PROBLEM, about, str(error)))
    return found


def record(name: str, text: str) -> str:
    """A TXT record as a zone file has it: strings of at most 255 bytes (RFC 1035, 3.3.14).

    >>> record("_dmarc.x.org", "v=DMARC1; p=none")
    '_dmarc.x.org. IN TXT "v=DMARC1; p=none"'
    """
    parts = [text[at : at + 250] for at in range(0, len(text), 250)]
    return f"{name}. IN TXT " + " ".join(f'"{part}"' for part in parts)


def _mx(asked: Dns, plan: Plan) -> list[Finding]:
    found = []
    for domain in dict.fromkeys((plan.domain, plan.returns)):
        comes_back = domain == plan.returns
        hosts = sorted(
            (one.preference, str(one.exchange).rstrip(".").lower())
            for one in asked.ask(domain, "MX")
        )
        names = [name for _, name in hosts]
        if names == [""]:
            text = f"{domain} says that it takes no mail (null MX, RFC 7505)"
            rest = ": what can’t be delivered never comes back." if comes_back else "."
            found.append(Finding(Level.PROBLEM, "MX", text + rest))
        elif names:
            dead = [name for name in names if not asked.addresses(name)]
            if dead:
                text = f"The mail server of {domain}, {dead[0]}, has no address."
                found.append(Finding(Level.PROBLEM, "MX", text))
            else:
                found.append(Finding(Level.OK, "MX", f"{domain} takes mail at {', '.join(names)}."))
        elif asked.addresses(domain):
            text = f"{domain} has no MX record; its mail goes to the host of the same name."
            found.append(Finding(Level.WARNING, "MX", text, _mx_line(domain)))
        else:
            level = Level.PROBLEM if comes_back and plan.expects_returns else Level.WARNING
            text = f"{domain} takes no mail: many receivers refuse a sender that can’t be answered."
            found.append(Finding(level, "MX", text, _mx_line(domain)))
    return found


def _mx_line(domain: str) -> list[str]:
    return [f"{domain}. IN MX 10 the-host-that-takes-its-mail."]


# SPF


@dataclass
class _Budget:
    look_ups: int = 0
    void: int = 0

    def spend(self) -> None:
        self.look_ups += 1


class Spf:
    """The SPF of a domain, followed to its ends. The ten look-ups are counted over all of it, also
    behind what would have matched: one more sender, and those count too."""

    def __init__(self, asked: Dns, domain: str) -> None:
        self._asked = asked
        self.domain = domain
        self.budget = _Budget()
        self.includes: list[str] = []
        self.networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self.last = ""  # the qualifier of "all", if there is one
        self.text = self._record(domain)
        self._follow(domain, self.text, (), passes=True)

    def passes(self, address: str) -> bool:
        """Whether mail from this IP address passes."""
        one = ipaddress.ip_address(address)
        return self.last == "+" or any(one in network for network in self.networks)

    def _record(self, domain: str) -> str:
        """Raises BadRecord."""
        found = [
            text
            for text in self._asked.texts(domain)
            if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")
        ]
        if not found:
            raise BadRecord(f"{domain} has no SPF record")
        if len(found) > 1:
            raise BadRecord(
                f"{domain} has {len(found)} SPF records, and then none counts (RFC 7208, 4.5)"
            )
        return found[0]

    def _follow(self, domain: str, text: str, above: tuple[str, ...], *, passes: bool) -> None:
        """passes: whether what matches here passes in the end."""
        redirect = ""
        for term in text.split()[1:]:
            if name := re.fullmatch(r"redirect=(\S+)", term, re.IGNORECASE):
                redirect = name[1]
                continue
            if re.match(r"[a-z][\w.-]*=", term, re.IGNORECASE):
                continue  # exp= and what is not known yet
            parsed = re.fullmatch(
                r"([-+~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^\s/]\S*))?((?:/\d+)?(?://?\d+)?)",
                term,
                re.IGNORECASE,
            )
            if parsed is None:
                raise BadRecord(f"the SPF of {domain} has a term that is none: “{term[:60]}”")
            qualifier, what, value, _ = parsed.groups()
            good = passes and qualifier in ("", "+")
            if what.lower() == "all":
                if not above or good:
                    self.last = qualifier or "+"
                return
            self._term(domain, what.lower(), value or "", parsed[4] or "", above, good)
        if redirect:
            self.budget.spend()
            if "%" not in redirect:
                self._into(redirect, above, passes, of=domain)

    def _term(
        self, domain: str, what: str, value: str, bits: str, above: tuple[str, ...], good: bool
    ) -> None:
        if what in ("ip4", "ip6"):
            try:
                network = ipaddress.ip_network(value + (bits if "/" not in value else ""), False)
            except ValueError:
                raise BadRecord(
                    f"the SPF of {domain} has an address that is none: “{value[:60]}”"
                ) from None
            if good:
                self.networks.append(network)
            return
        self.budget.spend()
        if "%" in value or what in ("ptr", "exists"):
            return  # depends on each mail
        host, _, slash = value.partition("/")
        bits = bits or (f"/{slash}" if slash else "")
        host = host or domain
        if what == "include":
            self.includes.append(host.lower())
            self._into(host, above, good, of=domain)
            return
        hosts = [host]
        if what == "mx":
            hosts = [str(one.exchange).rstrip(".") for one in self._asked.ask(host, "MX")]
        addresses = [one for name in hosts[:10] for one in self._asked.addresses(name)]
        if not addresses:
            self.budget.void += 1
        for one in addresses if good else ():
            try:
                self.networks.append(ipaddress.ip_network(one + _bits(one, bits), False))
            except ValueError:
                raise BadRecord(
                    f"the SPF of {domain} has a length that is none: “{bits}”"
                ) from None

    def _into(self, domain: str, above: tuple[str, ...], passes: bool, *, of: str) -> None:
        if domain.lower() in above or domain.lower() == self.domain.lower():
            raise BadRecord(f"the SPF of {of} leads back to itself, through {domain}")
        if self.budget.look_ups > 4 * MOST_LOOK_UPS:
            return  # it is far over the limit anyway
        try:
            text = self._record(domain)
        except BadRecord as error:
            raise BadRecord(f"the SPF of {of} includes {domain}, but {error}") from None
        redirected = text  # what is "all" there says nothing about us
        self._follow(domain, redirected, (*above, domain.lower()), passes=passes)


def _bits(address: str, written: str) -> str:
    """ "/24//64": for IPv4, and for IPv6."""
    four, _, six = written.partition("//")
    bits = six if ":" in address else four.lstrip("/")
    return f"/{bits}" if bits else ""


def _spf(asked: Dns, plan: Plan) -> list[Finding]:
    include = next((name for end, name in INCLUDES.items() if f".{plan.relay}".endswith(end)), None)
    own = asked.addresses(plan.host if plan.own else plan.relay)
    wanted = _wanted(include, own, plan)
    try:
        spf = Spf(asked, plan.returns)
    except BadRecord as error:
        missing = "has no SPF record" in str(error) and "includes" not in str(error)
        lines = [record(plan.returns, f"v=spf1 {' '.join(wanted)} ~all")] if missing else []
        return [Finding(Level.PROBLEM, "SPF", _sentence(str(error)), lines)]
    found = []
    many = spf.budget.look_ups
    if many > MOST_LOOK_UPS:
        text = (
            f"The SPF of {plan.returns} needs {many} look-ups; {MOST_LOOK_UPS} is the most "
            "(RFC 7208, 4.6.4), and beyond them none counts. Take out includes that you don’t use."
        )
        found.append(Finding(Level.PROBLEM, "SPF", text))
    if spf.budget.void > MOST_VOID:
        text = f"{spf.budget.void} names in the SPF of {plan.returns} don’t exist; 2 are the most."
        found.append(Finding(Level.PROBLEM, "SPF", text))
    if spf.last == "+":
        text = f"The SPF of {plan.returns} ends in +all: anybody may send in your name."
        found.append(Finding(Level.PROBLEM, "SPF", text))
    found.append(_covers(spf, plan, include, own, wanted))
    if found[-1].level is Level.OK and len(found) == 1:
        text = f"{found[-1].text} It needs {many} of {MOST_LOOK_UPS} look-ups."
        return [Finding(Level.OK, "SPF", text)]
    return found


def _wanted(include: str | None, own: Sequence[str], plan: Plan) -> list[str]:
    if include:
        return [f"include:{include}"]
    if plan.own:
        return [f"ip{ipaddress.ip_address(one).version}:{one}" for one in own] or ["mx"]
    return ["include:what-your-relay-says"]


def _covers(
    spf: Spf, plan: Plan, include: str | None, own: Sequence[str], wanted: Sequence[str]
) -> Finding:
    """Whether the SPF lets our mail pass."""
    who = f"this machine ({', '.join(own)})" if plan.own else f"the relay {plan.relay}"
    if include and include in spf.includes:
        return Finding(Level.OK, "SPF", f"The SPF of {plan.returns} includes {include}.")
    if own and all(spf.passes(one) for one in own):
        return Finding(Level.OK, "SPF", f"The SPF of {plan.returns} lets {who} send.")
    more = [one for one in wanted if one not in spf.text.split()]
    terms = spf.text.split()
    end = next((at for at, one in enumerate(terms) if one.lower().endswith("all")), len(terms))
    line = record(plan.returns, " ".join([*terms[:end], *more, *terms[end:]]))
    if include:
        text = f"The SPF of {plan.returns} does not include {include}, which {who} says to include."
        return Finding(Level.PROBLEM, "SPF", text, [line])
    if plan.own:
        text = f"The SPF of {plan.returns} does not let {who} send."
        return Finding(Level.PROBLEM, "SPF", text, [line])
    text = (
        f"The SPF of {plan.returns} does not name {who}. A relay often sends from other addresses: "
        "look up what yours says to include, and that it is there."
    )
    return Finding(Level.HINT, "SPF", text)


# DKIM


def public_key(path: str) -> tuple[str, str]:
    """Of a private key in a file: its kind as DKIM names it ("rsa", "ed25519"), and the public key
    as it stands in DNS. Raises BadRecord."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadRecord(f"the file can’t be read: {error.strerror}") from None
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError):
        raise BadRecord("the file is no private key (PEM, without a password)") from None
    if isinstance(key, RSAPrivateKey):
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return "rsa", base64.b64encode(der).decode()
    if isinstance(key, Ed25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return "ed25519", base64.b64encode(raw).decode()
    raise BadRecord("the key is neither RSA nor Ed25519, which DKIM knows")


def tags(text: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record (RFC 6376, 3.2). Raises BadRecord."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"[A-Za-z]\w*", name):
            raise BadRecord(f"it has a tag that is none: “{part.strip()[:60]}”")
        if name in found:
            raise BadRecord(f"its tag {name} stands there twice")
        found[name] = value.strip()
    return found


def _dkim(asked: Dns, plan: Plan) -> list[Finding]:
    if not plan.selector:
        text = (
            "The relay is to sign (no DKIM_SELECTOR is set). Look up with it which records it asks "
            f"for below _domainkey.{plan.domain}, and that it signs as d={plan.domain}."
        )
        return [Finding(Level.HINT, "DKIM", text)]
    try:
        kind, ours = public_key(plan.key)
    except BadRecord as error:
        return [Finding(Level.PROBLEM, "DKIM", f"DKIM_KEY can’t be used: {error}.")]
    name = f"{plan.selector}._domainkey.{plan.domain}"
    lines = [record(name, f"v=DKIM1; k={kind}; p={ours}")]
    texts = asked.texts(name)
    if not texts:
        return [Finding(Level.PROBLEM, "DKIM", f"There is no key at {name}.", lines)]
    if len(texts) > 1:
        text = f"There are {len(texts)} records at {name}; one is right."
        return [Finding(Level.PROBLEM, "DKIM", text, lines)]
    try:
        bits = _same_key(texts[0], kind, ours)
    except BadRecord as error:
        return [Finding(Level.PROBLEM, "DKIM", f"The key at {name} is of no use: {error}.", lines)]
    if bits and bits < SHORTEST_RSA:
        text = f"The key at {name} has {bits} bits: nobody verifies so short a key (RFC 8301)."
        return [Finding(Level.PROBLEM, "DKIM", text)]
    if bits and bits < USUAL_RSA:
        text = f"The key at {name} has {bits} bits; {USUAL_RSA} are usual now."
        return [Finding(Level.WARNING, "DKIM", text)]
    return [Finding(Level.OK, "DKIM", f"The key at {name} is the one that signs.")]


def _same_key(text: str, kind: str, ours: str) -> int:
    """How many bits the key has, of RSA. Raises BadRecord."""
    found = tags(text)
    if found.get("v", "DKIM1") != "DKIM1":
        raise BadRecord(f"its version is “{found['v'][:20]}”")
    theirs = re.sub(r"\s", "", found.get("p", ""))
    if "p" not in found:
        raise BadRecord("it has no p=")
    if not theirs:
        raise BadRecord("it was revoked (p= is empty)")
    try:
        der = base64.b64decode(theirs, validate=True)
    except (binascii.Error, ValueError):
        raise BadRecord("its p= is no base64; was it cut off?") from None
    if found.get("k", "rsa") != kind:
        raise BadRecord(f"it is of the kind {found.get('k', 'rsa')[:20]}, and DKIM_KEY is {kind}")
    bits = 0
    if kind == "rsa":
        try:
            key = load_der_public_key(der)
        except ValueError:
            raise BadRecord("its p= is no RSA key; was it cut off?") from None
        if isinstance(key, RSAPublicKey):
            bits = key.key_size
    if theirs != ours:
        raise BadRecord("it does not belong to DKIM_KEY, so every signature fails")
    return bits


# DMARC


def _dmarc(asked: Dns, plan: Plan) -> list[Finding]:
    where, texts = _dmarc_of(asked, plan.domain)
    line = [record(f"_dmarc.{plan.domain}", f"v=DMARC1; p=none; rua=mailto:dmarc@{plan.domain}")]
    if not texts:
        text = f"{plan.domain} has no DMARC record: large receivers refuse or hide such mail."
        return [Finding(Level.PROBLEM, "DMARC", text, line)]
    if len(texts) > 1:
        text = f"There are {len(texts)} DMARC records at _dmarc.{where}, and then none counts."
        return [Finding(Level.PROBLEM, "DMARC", text)]
    try:
        found = tags(texts[0])
    except BadRecord as error:
        text = f"The DMARC record at _dmarc.{where} is of no use: {error}."
        return [Finding(Level.PROBLEM, "DMARC", text, line)]
    policy = found.get("p", "").lower()
    if where != plan.domain:
        policy = found.get("sp", policy).lower()
    if policy not in ("none", "quarantine", "reject"):
        text = f"The DMARC record at _dmarc.{where} has no policy (p=none, quarantine or reject)."
        return [Finding(Level.PROBLEM, "DMARC", text, line)]
    says = [Finding(Level.OK, "DMARC", f"{plan.domain} has DMARC, with p={policy}.")]
    if policy == "none":
        text = (
            "DMARC with p=none only reports. When its reports show no surprises, p=quarantine "
            "keeps others from writing in your name."
        )
        says.append(Finding(Level.HINT, "DMARC", text))
    says += _reports(asked, found.get("rua", ""), where)
    says += _aligned(plan, where, found)
    return says


def _dmarc_of(asked: Dns, domain: str) -> tuple[str, list[str]]:
    """The nearest record at the domain or above it, and where it is."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        at = ".".join(labels[start:])
        texts = [text for text in asked.texts(f"_dmarc.{at}") if text.startswith("v=DMARC1")]
        if texts:
            return at, texts
    return domain, []


def _reports(asked: Dns, rua: str, where: str) -> list[Finding]:
    if not rua:
        text = "DMARC names nobody who gets its reports (rua=): you learn nothing from them."
        return [Finding(Level.WARNING, "DMARC", text)]
    found = []
    for one in rua.split(","):
        address = re.fullmatch(r"\s*mailto:[^@\s]+@([^@\s!]+)(![\w]+)?\s*", one, re.IGNORECASE)
        if address is None:
            text = f"DMARC's rua= has an address that is none: “{one.strip()[:60]}”."
            found.append(Finding(Level.WARNING, "DMARC", text))
            continue
        other = address[1].lower()
        if _related(other, where):
            continue
        name = f"{where}._report._dmarc.{other}"
        if not any(text.startswith("v=DMARC1") for text in asked.texts(name)):
            text = f"Reports go to {other}, which does not say that it takes them (RFC 7489, 7.1)."
            line = [record(name, "v=DMARC1")]
            found.append(Finding(Level.WARNING, "DMARC", text, line))
    return found


def _aligned(plan: Plan, where: str, found: dict[str, str]) -> list[Finding]:
    """Whether SPF speaks for the sender that readers see. DKIM does by itself, with our key."""
    strict = found.get("aspf", "r").lower() == "s"
    below = plan.returns.endswith(f".{where}") or plan.returns == where
    is_aligned = plan.returns == plan.domain or (
        not strict and (below or _related(plan.returns, plan.domain))
    )
    if is_aligned:
        return []
    text = (
        f"Mail that can’t be delivered comes back to {plan.returns}, and readers see "
        f"{plan.domain}: SPF does not count for DMARC, so every mail depends on its DKIM signature."
    )
    return [Finding(Level.WARNING if not plan.selector else Level.HINT, "DMARC", text)]


def _related(one: str, other: str) -> bool:
    """Whether one is the other, or below it.

    >>> _related("mail.x.org", "x.org"), _related("x.org", "y.org")
    (True, False)
    """
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


# The rest


def _ptr(asked: Dns, plan: Plan) -> list[Finding]:
    if not plan.own:
        return []
    own = asked.addresses(plan.host)
    if not own:
        text = f"{plan.host} has no address in DNS, so the address that sends can’t be looked at."
        return [Finding(Level.PROBLEM, "PTR", text)]
    found = []
    for address in own:
        reverse = dns.reversename.from_address(address)
        names = [str(one.target).rstrip(".") for one in asked.ask(str(reverse), "PTR")]
        line = [f"{reverse} IN PTR {plan.host}."]
        if not names:
            text = f"{address} has no name (PTR): most receivers refuse its mail. Ask its provider."
            found.append(Finding(Level.PROBLEM, "PTR", text, line))
        elif not any(address in asked.addresses(name) for name in names):
            text = f"{address} is called {names[0]}, which does not lead back to it."
            found.append(Finding(Level.PROBLEM, "PTR", text, line))
        else:
            found.append(Finding(Level.OK, "PTR", f"{address} is called {names[0]}, and is that."))
    return found


def _mta_sts(asked: Dns, plan: Plan) -> list[Finding]:
    if any(text.startswith("v=STSv1") for text in asked.texts(f"_mta-sts.{plan.domain}")):
        return [Finding(Level.OK, "MTA-STS", f"{plan.domain} asks for TLS of mail to it.")]
    text = f"Mail to {plan.domain} may come without TLS: it has no MTA-STS (RFC 8461)."
    return [Finding(Level.HINT, "MTA-STS", text)]


def _tls_rpt(asked: Dns, plan: Plan) -> list[Finding]:
    name = f"_smtp._tls.{plan.domain}"
    if any(text.startswith("v=TLSRPTv1") for text in asked.texts(name)):
        return [Finding(Level.OK, "TLS-RPT", f"{plan.domain} is told where TLS fails.")]
    line = [record(name, f"v=TLSRPTv1; rua=mailto:tls@{plan.domain}")]
    text = f"{plan.domain} is not told where TLS fails (TLS-RPT, RFC 8460)."
    return [Finding(Level.HINT, "TLS-RPT", text, line)]


def _sentence(text: str) -> str:
    """
    >>> _sentence("too many look-ups"), _sentence("network.example has no SPF record")
    ('Too many look-ups.', 'network.example has no SPF record.')
    """
    begins_with_a_name = "." in text.partition(" ")[0]
    return f"{text if begins_with_a_name else text[:1].upper() + text[1:]}."
