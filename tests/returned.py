"""Mails that come back, as the servers of the world write them."""

ORIGINAL = """Return-Path: <{return_path}>
From: Network of Tests <news@example.org>
To: reader@reader.example
Subject: The weekly update
Message-ID: <0123456789abcdef0123456789abcdef@example.org>
List-Unsubscribe: <{unsubscribe}>
"""


def recipient(
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "550 5.1.1 <reader@reader.example>: Recipient address rejected: User unknown",
    address: str = "reader@reader.example",
) -> str:
    """What is told of one recipient."""
    return (
        f"Final-Recipient: rfc822; {address}\n"
        f"Original-Recipient: rfc822;{address}\n"
        f"Action: {action}\n"
        f"Status: {status}\n"
        "Remote-MTA: dns; mx.reader.example\n"
        f"Diagnostic-Code: smtp; {said}\n"
    )


def delivery_status(
    to: str,
    *recipients: str,
    text: str = "I'm sorry to have to inform you that your message could not be delivered.\n",
    original: str = ORIGINAL.format(return_path="", unsubscribe=""),
) -> bytes:
    """As Postfix writes it (RFC 3464)."""
    told = "\n".join(recipients or [recipient()])
    return f"""Return-Path: <>
Received: by mail.example.org (Postfix) id 5F3C1; Mon,  2 Mar 2026 12:00:00 +0000 (UTC)
Date: Mon,  2 Mar 2026 12:00:00 +0000 (UTC)
From: MAILER-DAEMON@mail.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="5F3C1.1772452800/mail.example.org"

This is a MIME-encapsulated message.

--5F3C1.1772452800/mail.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

{text}
--5F3C1.1772452800/mail.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
X-Postfix-Queue-ID: 5F3C1
Arrival-Date: Mon,  2 Mar 2026 11:59:58 +0000 (UTC)

{told}
--5F3C1.1772452800/mail.example.org
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

{original}
--5F3C1.1772452800/mail.example.org--
""".replace("\n", "\r\n").encode()


def feedback(
    to: str = "abuse@example.org",
    *,
    kind: str = "abuse",
    return_path: str = "",
    unsubscribe: str = "",
    fields: str = "",
) -> bytes:
    """As providers write it for whoever asked for their feedback loop (RFC 5965)."""
    original = ORIGINAL.format(return_path=return_path, unsubscribe=unsubscribe)
    return f"""From: feedback@provider.example
To: {to}
Subject: FW: The weekly update
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1_13d.2e68ed54"

--part1_13d.2e68ed54
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.1.

--part1_13d.2e68ed54
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
{fields}Original-Rcpt-To: redacted
Source-IP: 192.0.2.1

--part1_13d.2e68ed54
Content-Type: message/rfc822
Content-Disposition: inline

{original}
Hello.

--part1_13d.2e68ed54--
""".replace("\n", "\r\n").encode()


AWAY = b"""Return-Path: <>
From: Reader <reader@reader.example>
To: %s
Subject: Out of office Re: The weekly update
Auto-Submitted: auto-replied
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

I am away until Monday. 550 5.1.1 User unknown
--b--
"""
