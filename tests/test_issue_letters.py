"""An issue as mail: what its two parts say, and how much they weigh."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import html5lib
import pytest
from sqlalchemy import select, update

from tests.samples import issued, publish, published, statement_file, subscribed
from tests.test_letters import html, plain
from widgets import dispatch, letters
from widgets.models import Message, Standing, Statement
from widgets.service import Service

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
GMAIL_CUTS_AT = 102_000  # bytes of HTML


def arrived(service: Service) -> EmailMessage:
    """The issue as the first subscriber gets it."""
    while dispatch.run_once(service.database, NOW):
        pass
    with service.database.reading() as session:
        ids = session.scalars(select(Message.id).where(Message.kind == "issue")).all()
        mails = [letters.compose(service, session, one) for one in ids]
    assert mails[0] is not None
    return mails[0]


def test_both_parts_say_the_same_in_the_same_order(service: Service, tmp_path: Path) -> None:
    publish(
        service,
        statement_file(
            tmp_path, names=["One", "Two"], picture=True, pull_quote="Open it.", topics="[Rooms]"
        ),
        statement_file(tmp_path, "second", title="The lamps", date="2026-03-01"),
    )
    subscribed(service, "a@example.org")
    issued(
        service, at=NOW, introductions={"en": "Two *things*.\n\n[Read](https://a.example/b) them."}
    )
    mail = arrived(service)
    said = [
        "The week, in your inbox",
        "Number 1 · 26 November 2026",
        "Two things.",
        "The lamps",
        "Reopen the reading room",
        "The first paragraph is the lede.",
        "Endorsed by 2 organisations",
        "You are subscribed to the weekly update of Network of Tests",
        "Nothing in this mail tells us whether you read it.",
    ]
    tree = html5lib.parse(html(mail), namespaceHTMLElements=False)
    (body,) = tree.iter("body")
    for part in (" ".join("".join(body.itertext()).split()), plain(mail)):
        places = [part.rindex(words) for words in said]
        assert places == sorted(places)
    assert "[1] https://a.example/b" in plain(mail)


def test_addresses_stand_alone_on_their_lines(service: Service) -> None:
    published(service, at=NOW)
    subscribed(service, "a@example.org")
    issued(service, at=NOW)
    lines = [line for line in plain(arrived(service)).splitlines() if "http" in line]
    assert len(lines) == 5
    assert all(line.startswith("http://127.0.0.1:8000/") and " " not in line for line in lines)


def test_the_first_brings_its_quotation_in_the_marks_of_its_language(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, lang="fr", pull_quote="Ouvrez."))
    subscribed(service, "a@example.org")
    issued(service, at=NOW)
    mail = arrived(service)
    assert "«\u202fOuvrez.\u202f»" in html(mail)
    assert "    «\u202fOuvrez.\u202f»" in plain(mail)


def test_an_alert_brings_the_whole_text(service: Service) -> None:
    published(service, at=NOW)
    subscribed(service, "a@example.org", rhythm="each")
    issued(service, at=NOW, rhythm="each")
    mail = arrived(service)
    assert "The third paragraph ends it." in plain(mail)
    assert "The third paragraph ends it." in html(mail)
    assert "http://127.0.0.1:8000/statements/river-gate" in html(mail)


def test_a_picture_is_ours_has_its_size_and_is_the_same_for_everybody(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, picture=True))
    subscribed(service, "a@example.org")
    issued(service, at=NOW)
    tree = html5lib.parse(html(arrived(service)), namespaceHTMLElements=False)
    (picture,) = tree.iter("img")
    assert picture.get("src", "").startswith("http://127.0.0.1:8000/pictures/")
    assert "?" not in picture.get("src", "")
    assert (picture.get("width"), picture.get("height")) == ("560", "373")
    assert picture.get("alt") == "A gate by a river"


def test_what_is_withdrawn_first_leaves_the_others(service: Service) -> None:
    published(service, at=NOW, title="Taken back")
    published(service, "second", at=NOW, title="The second")
    subscribed(service, "a@example.org")
    issued(service, at=NOW)
    with service.database.writing() as session:
        session.execute(
            update(Statement)
            .where(Statement.slug == "river-gate")
            .values(standing=Standing.WITHDRAWN)
        )
    mail = arrived(service)
    assert "Taken back" not in html(mail) + plain(mail)
    assert mail["Subject"] == "The second"


@pytest.mark.parametrize("rhythm", ["weekly", "each"])
def test_however_much_there_is_it_is_not_cut_off_by_gmail(service: Service, rhythm: str) -> None:
    """Of everything the most there can be, in letters of three bytes."""
    letter = "\u1000"
    for number in range(40 if rhythm == "weekly" else 1):
        published(
            service,
            f"number-{number}",
            at=NOW,
            title=letter * 300,
            topics=[letter * 200] * 9,
        )
    with service.database.writing() as session:
        session.execute(
            update(Statement).values(
                body=f"{letter * 100} [{letter}](https://a.example)\n\n"
                * (2 if rhythm == "weekly" else 500),
                pull_quote=letter * 9000,
                correction=letter * 9000,
                corrected_on=NOW.date(),
                lang="my",
            )
        )
    subscribed(service, "a@example.org", lang="my", rhythm=rhythm)
    issued(service, at=NOW, rhythm=rhythm, introductions={"my": letter * 5000})
    mail = arrived(service)
    assert 40_000 < len(html(mail).encode()) < GMAIL_CUTS_AT
    assert "/unsubscribe/" in html(mail)
    if rhythm == "weekly":
        assert plain(mail).count("/statements/") == 12  # the others are on the web


def test_no_line_on_the_wire_is_too_long(service: Service) -> None:
    published(service, at=NOW)
    with service.database.writing() as session:
        session.execute(update(Statement).values(body="word " * 150 + "\n\n" + "x" * 2000))
    subscribed(service, "a@example.org", rhythm="each")
    issued(service, at=NOW, rhythm="each")
    mail = arrived(service)
    assert max(map(len, mail.as_bytes(policy=default).splitlines())) < 998
    assert "x" * 2000 in plain(mail)
