"""Mail that came back: reports of every kind, forged ones, and what is no report."""

import base64
import time
import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.returned import AWAY, delivery_status, feedback, recipient
from widgets.bounces import Report
from widgets.links import Links
from widgets.models import BounceKind
from widgets.returned_mail import LARGEST, NotAReport, NotOurs, read

LINKS = Links(["a secret that only the tests know"])
MESSAGE = uuid.UUID("12345678-1234-5678-1234-567812345678")
TO = f"bounces+{LINKS.return_tag(MESSAGE)}@example.org"
FORGED = TO[:40] + ("a" if TO[40] != "a" else "b") + TO[41:]
LATER = recipient("delayed", "4.4.1", "451 4.4.1 connection timed out")


def test_a_delivery_status_names_its_message_by_the_return_path() -> None:
    report = read(delivery_status(TO), LINKS)

    assert report == Report(
        MESSAGE,
        BounceKind.HARD,
        "5.1.1",
        "550 5.1.1 <reader@reader.example>: Recipient address rejected: User unknown",
        "dsn",
    )


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (recipient(status="5.2.2", said="552 5.2.2 mailbox full"), BounceKind.SOFT),
        (recipient(status="4.4.7", said="delivery time expired"), BounceKind.SOFT),
        (recipient(status="5.7.1", said="550 5.7.1 blocked as spam"), BounceKind.POLICY),
        (recipient(status="5.0.0", said="550 5.1.1 User unknown"), BounceKind.HARD),
        (recipient(action="Failed (by us)", status="5.1.1"), None),
        (recipient(action="FAILED", status="5.1.1 (bad address)"), BounceKind.HARD),
        (LATER, None),
        (recipient("delivered", "2.0.0"), None),
        (recipient("relayed", "2.0.0"), None),
        (recipient("expanded", "2.0.0"), None),
    ],
)
def test_only_what_was_given_up_is_reported(told: str, kind: BounceKind | None) -> None:
    report = read(delivery_status(TO, told), LINKS)

    assert (report and report.kind) == kind


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ([recipient(address="two@reader.example")], BounceKind.HARD),
        ([recipient(status="5.2.2", said="552 5.2.2 mailbox full")], BounceKind.SOFT),
        ([recipient("delivered", "2.0.0")], None),
        ([LATER], None),
    ],
)
def test_of_two_recipients_the_better_news_counts(
    others: list[str], kind: BounceKind | None
) -> None:
    """An address may lead on to several: as long as one of them has the mail, it works."""
    report = read(delivery_status(TO, recipient(), *others), LINKS)

    assert (report and report.kind) == kind


def test_the_address_of_delivery_is_believed_before_what_stands_in_the_mail() -> None:
    mail = delivery_status("news@example.org")
    with pytest.raises(NotOurs):
        read(mail, LINKS)

    for where in (b"Delivered-To", b"X-Original-To", b"Envelope-To"):
        report = read(where + b": " + TO.upper().encode() + b"\r\n" + mail, LINKS)
        assert report
        assert report.message_id == MESSAGE
    report = read(mail, LINKS, arrived_at=TO)
    assert report
    assert report.message_id == MESSAGE


@pytest.mark.parametrize("to", [FORGED, "bounces+short@example.org", "bounces@example.org", ""])
def test_a_forged_return_path_is_nobodys(to: str) -> None:
    with pytest.raises(NotOurs):
        read(delivery_status(to), LINKS)


def test_a_message_id_alone_is_not_enough() -> None:
    original = f"Message-ID: <{MESSAGE.hex}@example.org>\nReturn-Path: <{TO}>\n"
    with pytest.raises(NotOurs):
        read(delivery_status("news@example.org", original=original), LINKS)


@pytest.mark.parametrize(
    "mail",
    [
        feedback(TO),
        feedback(fields=f"Original-Mail-From: <{TO}>\n"),
        feedback(return_path=TO),
        feedback(return_path=TO, kind="Fraud"),
    ],
)
def test_a_feedback_report_names_its_message_by_the_return_path_in_it(mail: bytes) -> None:
    report = read(mail, LINKS)

    assert report
    assert (report.message_id, report.kind, report.source) == (
        MESSAGE,
        BounceKind.COMPLAINT,
        "arf",
    )


def test_a_feedback_report_without_addresses_names_the_subscription_by_its_link() -> None:
    link = f"https://example.org/unsubscribe/{LINKS.unsubscribe(MESSAGE)}"
    report = read(feedback(unsubscribe=link), LINKS)

    assert report == Report(None, BounceKind.COMPLAINT, "", "abuse", "arf", MESSAGE)
    with pytest.raises(NotOurs):
        read(feedback(unsubscribe=link.replace("/unsubscribe/I", "/unsubscribe/J")), LINKS)
    with pytest.raises(NotOurs):
        read(feedback(return_path=FORGED), LINKS)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other", ""])
def test_feedback_that_is_no_complaint_calls_for_nothing(kind: str) -> None:
    assert read(feedback(TO, kind=kind), LINKS) is None


@pytest.mark.parametrize(
    "mail",
    [
        AWAY % TO.encode(),
        b"",
        b"\r\n\r\n",
        b"To: " + TO.encode() + b"\nSubject: Please answer to this challenge\n\nClick here.",
        delivery_status(TO).replace(b"delivery-status;", b"disposition-notification;"),
        delivery_status(TO).replace(b"message/delivery-status", b"text/plain"),
        delivery_status(TO).replace(b"Action:", b"Inaction:"),
        delivery_status(TO).replace(b"boundary=", b"foundry="),
        feedback(TO).replace(b"message/feedback-report", b"text/plain"),
    ],
)
def test_what_is_no_report_is_left_for_people(mail: bytes) -> None:
    with pytest.raises(NotAReport):
        read(mail, LINKS)


def test_broken_letters_and_encodings_hide_nothing() -> None:
    latin = delivery_status(TO, text="Message non distribu\u00e9").decode().encode("latin-1")
    words = recipient(said="550 5.1.1 <a@b.example>: destinataire inconnu \u00e9\0 User unknown")
    strange = delivery_status(TO, words).decode().encode("latin-1")
    for mail in (latin, strange, latin.replace(b"\r\n", b"\n")):
        report = read(mail, LINKS)
        assert report
        assert report.kind is BounceKind.HARD
        assert "\0" not in report.reason


def test_parts_with_a_transfer_encoding_are_read_too() -> None:
    plain = delivery_status(TO).decode()
    head, told = plain.split("message/delivery-status\r\n\r\n")
    told, rest = told.split("\r\n--5F3C1", 1)
    packed = base64.encodebytes(told.encode()).decode()
    mail = (
        f"{head}message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{packed}\r\n--5F3C1{rest}"
    )

    report = read(mail.encode(), LINKS)

    assert report
    assert report.kind is BounceKind.HARD


def deep(levels: int) -> bytes:
    """Parts within parts within parts."""
    begin = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1)
        for n in range(levels)
    )
    head = b"To: " + TO.encode() + b"\r\nContent-Type: multipart/report; boundary=b0; "
    return head + b"report-type=delivery-status\r\n\r\n" + begin


BOMBS = {
    "a megabyte of text": delivery_status(TO, text="Sorry.\n" * 150_000),
    "a megabyte of recipients": delivery_status(TO, *[recipient()] * 4000),
    "a megabyte of headers": b"X: y\r\n" * 170_000 + delivery_status(TO),
    "a header of a megabyte": b"To: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "folded for ever": b"To: x\r\n" + b" \r\n" * 300_000,
    "folded letter by letter": b"To: x\r\n" + b" y\r\n" * 300_000,
    "quoted for ever": b"Content-Type: multipart/report" + b';"; a=' * 200_000 + b"\r\n\r\n",
    "blanks": b"To: a\n" + b" " * 1_000_000 + b"\n",
    "line breaks": b"\n" * 1_000_000,
    "nested": deep(20_000),
    "boundaries": deep(1) + b"\r\n--b0" * 200_000,
    "boundaries with blanks": deep(1) + (b"\r\n--b0" + b" " * 1000) * 1000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_megabyte_of_anything_is_read_at_once(name: str) -> None:
    began = time.process_time()
    with suppress(NotAReport, NotOurs):
        read(BOMBS[name], LINKS)
    assert time.process_time() - began < 1


def test_what_stands_beyond_the_bound_is_not_read() -> None:
    assert read(delivery_status(TO, *[recipient()] * 4000), LINKS) is not None
    with pytest.raises(NotAReport):
        read(delivery_status(TO, text="x" * LARGEST), LINKS)


@given(st.binary(max_size=2000), st.integers(0, 1500), st.integers(0, 300))
def test_no_mail_whatever_it_is_does_harm(junk: bytes, where: int, gone: int) -> None:
    for mail in (junk, delivery_status(TO), feedback(return_path=TO)):
        damaged = mail[:where] + junk + mail[where + gone :]
        try:
            report = read(damaged, LINKS)
        except (NotAReport, NotOurs):
            continue
        assert report is None or report.message_id in (MESSAGE, None)
