"""What another server means when it will not take a mail: the mailbox, the moment, or us.

Servers word this each in their own way, and many give the same code for all of it. A mailbox is
taken for gone only where that is said; whatever speaks of us, of the mail's content or of a block
list is nobody's fault at the other end.
"""

import re

from widgets.models import BounceKind

LONGEST = 1000  # characters of a reply that are looked at

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")  # RFC 3463
_CODE = re.compile(r"\s*([245]\d\d)(?!\d)")  # RFC 5321
_US = re.compile(
    r"\b(spam\w*|junk|black ?list\w*|block ?list\w*|block list|blocked|deny ?list\w*|banned|"
    r"reputation|spf|dkim|dmarc|policy|policies|content|virus|malware|phish\w*|unsolicited|bulk|"
    r"relay\w*|spamhaus|rbl|dnsbl|senders?|authenticat\w+|unauthenticated|abus\w+|suspicious|"
    r"too many|rate ?limit\w*|too quickly|prohibited)\b"
)
_FULL = re.compile(
    r"\b((mailbox|inbox|account|user|quota|storage)( is| has)?( currently)? "
    r"(full|over|exceed\w*|out of)|over ?quota|exceed\w* [\w ]{0,20}quota|quota exceed\w*|"
    r"insufficient (system )?storage|out of storage|mailbox size limit)\b"
)
_LATER = re.compile(
    r"\b(expired|timed? ?out|time-?out|connection refused|unreachable|try again|temporar\w+)\b"
)
_WHO = r"(user|recipient|mailbox|mail ?box|account|address|e-?mail address|person|inbox)"
_GONE = re.compile(
    rf"\b(unknown (local )?{_WHO}|{_WHO}s? (is |was )?(unknown|not found|unavailable|disabled|"
    r"inactive|invalid|deactivated|suspended|closed|frozen|expired|not available|not known|"
    r"not listed|does(n't| not) exist|not exist)|"
    rf"no such {_WHO}|no mail ?box|invalid {_WHO}|not a valid {_WHO}|unrout?eable address|"
    rf"{_WHO} that you tried to reach (does not exist|is disabled|is inactive)|"
    rf"{_WHO} (here )?(has been|is) (disabled|deactivated|suspended|inactive)|"
    r"does(n't| not) have an? [\w.@-]* ?account|recipient address rejected: access denied|"
    r"recipient (address )?(rejected: )?undeliverable|destinataire invalide|user doesn't exist|"
    r"does not accept mail|null mx|"
    r"(host|domain)( or domain name)?( is)? not found|no such (host|domain))\b"
)
# Of RFC 3463 and IANA's list: bad, ambiguous or moved mailbox, or a domain that takes no mail.
# 5.1.7 to 5.1.9 are about the sender.
_GONE_BY_STATUS = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1")


def kind_of_refusal(reply: str) -> BounceKind | None:
    """What a server's reply to one recipient means for the mailbox; None where it means nothing
    for it. reply: from its code on, all its lines in one ("550 5.1.1 User unknown").

    >>> kind_of_refusal("550 5.1.1 User unknown"), kind_of_refusal("554 5.7.1 Blocked by SPF")
    (<BounceKind.HARD: 'hard'>, None)
    """
    reply = reply[:LONGEST]
    code = _CODE.match(reply)
    return _judged(code[1] if code else "", status_in(reply), reply)


def kind_of_failure(status: str, diagnostic: str) -> BounceKind | None:
    """The same of a report that a mail was given up (RFC 3464): its Status, and the reply that it
    quotes, if it does."""
    diagnostic = diagnostic[:LONGEST]
    code = _CODE.match(diagnostic)
    # What a relay says of itself ("5.0.0") tells less than the reply that it got.
    told = status_in(diagnostic)
    return _judged(code[1] if code else "", told or status, diagnostic)


def is_about_us(status: str, reply: str) -> bool:
    """Whether it was refused for what it says or where it comes from, whoever it was for."""
    said = _plain(reply[:LONGEST])
    return bool(re.match(r"\d\.7\.", status_in(reply) or status) or _US.search(said))


def status_in(reply: str) -> str:
    """The enhanced status code that a reply gives (RFC 3463), or ""."""
    found = _STATUS.search(reply[:LONGEST])
    return found[1] if found else ""


def _judged(code: str, status: str, words: str) -> BounceKind | None:
    said = _plain(words)
    if is_about_us(status, words):
        return None
    if status.endswith(".2.2") or _FULL.search(said):
        return BounceKind.SOFT
    if (status or code).startswith("4") or status.endswith(".4.7"):
        return BounceKind.SOFT
    if _GONE.search(said) or status in _GONE_BY_STATUS:
        return BounceKind.HARD
    if _LATER.search(said) or status.startswith(("5.4.", "5.2.0")):
        return BounceKind.SOFT
    return None


def _plain(words: str) -> str:
    said = re.sub(r"[\s_]+", " ", words.replace("’", "'")).lower()
    return re.sub(r"https?://\S+", " ", said)
