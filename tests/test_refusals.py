"""What servers of the world say when they refuse a mail, and what it means."""

import pytest

from widgets.models import BounceKind
from widgets.refusals import kind_of_failure, kind_of_refusal, status_in

GONE = (
    "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1"
    " double-checking the recipient's email address for typos or 550-5.1.1 unnecessary "
    "spaces. 550 5.1.1 https://support.google.com/mail/?p=NoSuchUser a1-20si1",
    "550-5.2.1 The email account that you tried to reach is inactive. For more information, "
    "go to https://support.google.com/mail/?p=DisabledUser",
    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). "
    "[x.prod.protection.outlook.com]",
    "550 5.4.1 Recipient address rejected: Access denied. [x.mail.protection.outlook.com 2026]",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "554 delivery error: dd This user doesn't have a yahoo.com account ((address)) [0] - "
    "mta4.mail.yahoo.com",
    "552 1 Requested mail action aborted, mailbox not found (in reply to end of DATA command)",
    "550 5.1.1 <(address)>: Recipient address rejected: User unknown in virtual mailbox table",
    "550 5.1.1 <(address)>: Recipient address rejected: User unknown in local recipient table",
    "550 Unrouteable address",
    "550 No such user here",
    "550 5.1.1 <(address)>: user does not exist",
    "550 Requested action not taken: mailbox unavailable",
    "550 Message was not accepted -- invalid mailbox. Local mailbox (address) is unavailable:"
    " user not found",
    "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_418",
    "550 5.1.1 <(address)>: Recipient address rejected: Address does not exist",
    "551 5.1.1 not our customer",
    "553 5.3.0 <(address)>... No such user",
    "550 sorry, no mailbox here by that name. (#5.1.1)",
    "511 5.1.1 unknown address or alias: (address)",
)
NOBODYS_FAULT = (
    "550-5.7.26 Unauthenticated email from example.org is not accepted due to domain's DMARC "
    "policy.",
    "550 5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited"
    " mail.",
    "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your "
    "Internet service provider since part of their network is on our block list (S3150).",
    "554 5.7.9 Message not accepted for policy reasons. See "
    "https://postmaster.yahooinc.com/error-codes",
    "554 Message not allowed - [PH01] Email not accepted for policy reasons.",
    "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in "
    "Spamhaus's list",
    "554 5.7.1 <(address)>: Relay access denied",
    "550 5.1.8 <(address)>: Sender address rejected: Domain not found",
    "550 5.1.0 <(address)>: Sender rejected",
    "550 5.1.7 bad return path",
    "554 5.6.0 Message content rejected",
    "552 5.3.4 Message size exceeds fixed limit",
    "554 Transaction failed. Reject due to policy restrictions.",
    "550 spam message rejected. Please visit http://help.mail.ru/notspam-support",
    "550 5.7.1 No such user!",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
    "550 Administrative prohibition",
    "550",
    "554 rejected",
)
NOT_NOW = (
    "452 4.2.2 The email account that you tried to reach is over quota",
    "552-5.2.2 The email account that you tried to reach is over quota. Please direct the "
    "recipient to",
    "552 5.2.2 <(address)>: user is over quota",
    "554 5.2.2 mailbox full",
    "450 4.2.1 The user you are trying to contact is receiving mail at a rate that",
    "451 4.3.0 Temporary lookup failure",
    "550 5.4.7 Delivery expired (message too old)",
    "554 5.4.4 unable to route: no mail hosts for domain",
    "552 Mailbox is full",
    "450 4.1.1 <(address)>: Recipient address rejected: unverified address: Host or domain "
    "name not found",
)


@pytest.mark.parametrize("reply", GONE)
def test_a_mailbox_that_is_said_not_to_be_there_is_a_hard_bounce(reply: str) -> None:
    assert kind_of_refusal(reply) is BounceKind.HARD


@pytest.mark.parametrize("reply", NOBODYS_FAULT)
def test_what_speaks_of_us_or_of_the_content_says_nothing_of_the_mailbox(reply: str) -> None:
    assert kind_of_refusal(reply) is None


@pytest.mark.parametrize("reply", NOT_NOW)
def test_a_full_mailbox_and_a_bad_moment_are_soft_bounces(reply: str) -> None:
    assert kind_of_refusal(reply) is BounceKind.SOFT


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.1.1", "", BounceKind.HARD),
        ("5.0.0", "550 5.1.1 User unknown", BounceKind.HARD),
        ("5.0.0", "550 5.7.1 Message rejected as spam", None),
        ("5.0.0", "", None),
        ("4.4.7", "delivery time expired", BounceKind.SOFT),
        ("5.4.4", "Host or domain name not found. Name service error for name=a.example",
         BounceKind.HARD),
        ("5.4.6", "mail for a.example loops back to myself", BounceKind.SOFT),
        ("5.2.2", "552 Quota", BounceKind.SOFT),
        ("", "", None),
    ],
)  # fmt: skip
def test_a_reports_status_counts_where_the_reply_in_it_tells_less(
    status: str, diagnostic: str, kind: BounceKind | None
) -> None:
    assert kind_of_failure(status, diagnostic) is kind


def test_the_status_is_taken_from_the_reply_and_from_no_other_number() -> None:
    assert status_in("550-5.1.1 no 192.0.2.1") == "5.1.1"
    assert status_in("550 refused by 5.1.1.2") == ""
