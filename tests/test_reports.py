"""What comes back by IMAP, in a Maildir, and over LMTP."""

import smtplib
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.actors import free_port, wait_until
from tests.imap import ImapServer
from tests.returned import AWAY, delivery_status, feedback, recipient
from tests.test_bounces import Post
from tests.test_delivery import certificate as certificate
from widgets import bounces, reports, worker
from widgets.models import State
from widgets.models.fact import read_fact
from widgets.reports import CantRead, look
from widgets.service import Service, make_ready, open_service
from widgets.settings import Settings

Opened = Callable[[str], Post]
GOING_ON = threading.Event()
FORGED = f"bounces+{'a' * 40}@example.org"


@pytest.fixture
def opened(make_settings: Callable[..., Settings]) -> Iterator[Opened]:
    """A desk whose mail comes back to where it says."""
    services: list[Service] = []

    def opened(reports_url: str) -> Post:
        settings = make_settings(RETURN_PATH="bounces@example.org", REPORTS_URL=reports_url)
        services.append(open_service(settings))
        make_ready(services[-1])
        return Post(services[-1])

    yield opened
    for service in services:
        service.database.close()


def back(post: Post, asked: uuid.UUID) -> str:
    """The return path of the mail that was sent for a sign-up."""
    service = post.service
    return bounces.return_path(service.settings, service.links, post.message(asked))


def maildir(folder: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    return folder


def test_a_maildir_is_read_and_what_is_for_people_is_left(opened: Opened, tmp_path: Path) -> None:
    box = maildir(tmp_path / "box")
    post = opened(f"maildir://{box}")
    asked = post.sign_up()
    mails = [delivery_status(back(post, asked)), AWAY, delivery_status(FORGED)]
    for number, mail in enumerate(mails):
        (box / "new" / f"{number}.host").write_bytes(mail)
    (box / "cur" / "old:2,S").write_bytes(delivery_status(back(post, post.sign_up("b@b.org"))))

    assert look(post.service, GOING_ON) == 1

    assert post.state(asked) == State.BOUNCED
    assert list((box / "new").iterdir()) == []
    assert {one.name for one in (box / "cur").iterdir()} == {"1.host:2,", "2.host:2,", "old:2,S"}
    assert look(post.service, GOING_ON) == 0


def test_what_could_not_be_committed_stays_in_the_maildir(opened: Opened, tmp_path: Path) -> None:
    box = maildir(tmp_path / "box")
    post = opened(f"maildir://{box}")
    (box / "new" / "1").write_bytes(delivery_status(back(post, post.sign_up())))
    with post.service.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE bounces RENAME TO elsewhere")

    with pytest.raises(Exception, match="bounces"):
        look(post.service, GOING_ON)

    assert [one.name for one in (box / "new").iterdir()] == ["1"]


def test_a_mailbox_is_read_and_what_is_for_people_is_marked_as_seen(
    opened: Opened, certificate: ssl.SSLContext
) -> None:
    with ImapServer(certificate) as server:
        post = opened(server.url)
        anna, bo = post.sign_up(), post.sign_up("bo@example.org")
        server.put(AWAY, delivery_status(back(post, anna)), delivery_status(FORGED))
        server.put(feedback(return_path=back(post, bo)))
        server.mails[0].flags.add("\\Deleted")  # by somebody else

        assert look(post.service, GOING_ON) == 2

        assert (post.state(anna), post.state(bo)) == (State.BOUNCED, State.COMPLAINED)
        assert server.flags() == [{"\\Deleted"}, {"\\Seen"}]
        assert look(post.service, GOING_ON) == 0


def test_a_mailbox_without_uidplus_is_emptied_too(
    opened: Opened, certificate: ssl.SSLContext
) -> None:
    with ImapServer(certificate, uidplus=False) as server:
        post = opened(server.url)
        server.put(delivery_status(back(post, post.sign_up())))

        assert look(post.service, GOING_ON) == 1
        assert server.mails == []


@pytest.mark.parametrize("lost_at", ["UID STORE", "UID EXPUNGE", "UID FETCH"])
def test_a_connection_that_is_lost_loses_nothing_and_counts_nothing_twice(
    opened: Opened, certificate: ssl.SSLContext, lost_at: str
) -> None:
    with ImapServer(certificate) as server:
        post = opened(server.url)
        anna = post.subscriber()
        full = recipient(status="5.2.2", said="552 5.2.2 mailbox full")
        service = post.service
        to = bounces.return_path(service.settings, service.links, post.issue(anna))
        server.put(delivery_status(to, full))
        server.hang_up_at = lost_at

        with pytest.raises(CantRead):
            look(service, GOING_ON)
        look(service, GOING_ON)

        assert post.subscription(anna).soft_bounces == 1
        assert len(post.kept()) == 1
        assert all("\\Deleted" in flags for flags in server.flags())


def test_a_mailbox_of_thousands_is_read_in_batches(
    opened: Opened, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "IN_SIGHT", 70)
    monkeypatch.setattr(reports.jobs, "GAP", 0)
    with ImapServer(certificate) as server:
        post = opened(server.url)
        asked = post.sign_up()
        for _ in range(100):
            server.put(AWAY, delivery_status(back(post, asked)))

        assert look(post.service, GOING_ON) == 100

        assert len(server.mails) == 100
        assert {frozenset(one) for one in server.flags()} == {frozenset({"\\Seen"})}
        assert len(post.kept()) == 1


def test_a_wrong_password_and_a_wrong_certificate_are_told_without_the_password(
    opened: Opened, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ImapServer(certificate) as server:
        wrong = opened(server.url.replace("pass%20", "sesame"))
        with pytest.raises(CantRead, match="AUTHENTICATIONFAILED") as error:
            look(wrong.service, GOING_ON)
        assert "sesame" not in str(error.value)
        with pytest.raises(CantRead, match="no such mailbox"):
            look(opened(server.url.replace("INBOX", "Elsewhere")).service, GOING_ON)
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(CantRead, match="certificate"):
            look(opened(server.url).service, GOING_ON)


@pytest.fixture
def lmtp(opened: Opened) -> Iterator[tuple[Post, int]]:
    """A server that takes LMTP, as the worker runs it; its port."""
    port = free_port()
    post = opened(f"lmtp://127.0.0.1:{port}")
    stopping = threading.Event()
    served = threading.Thread(target=reports.run, args=(post.service, stopping))
    served.start()

    def listens() -> bool:
        try:
            smtplib.LMTP("127.0.0.1", port).quit()
        except OSError:
            return False
        return True

    wait_until(listens, 20, "LMTP")
    yield post, port
    stopping.set()
    served.join()


def hand_over(port: int, to: str, mail: bytes) -> str:
    """What LMTP says to a mail for this address."""
    with smtplib.LMTP("127.0.0.1", port) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        code, said = client.rcpt(to)
        if code == 250:
            code, said = client.data(mail)
    return f"{code} {said.decode()}"


def test_what_is_handed_over_is_answered_when_it_is_committed(lmtp: tuple[Post, int]) -> None:
    post, port = lmtp
    asked = post.sign_up()
    to = back(post, asked)

    assert hand_over(port, to, delivery_status("undisclosed")) == "250 2.0.0 Taken in"

    assert post.state(asked) == State.BOUNCED
    assert hand_over(port, to, delivery_status("undisclosed")).startswith("250")
    assert len(post.kept()) == 1


def test_an_unknown_address_and_a_forged_one_are_refused(lmtp: tuple[Post, int]) -> None:
    post, port = lmtp
    for to in (FORGED, "somebody@example.org", "bounces+x@example.org"):
        assert hand_over(port, to, delivery_status(to)).startswith("550 5.1.1")
    assert hand_over(port, "Bounces@example.org", delivery_status(FORGED)).startswith("550 5.7.1")
    assert hand_over(port, back(post, post.sign_up()), AWAY).startswith("550 5.6.0")


def test_a_feedback_report_may_come_to_the_return_path_itself(lmtp: tuple[Post, int]) -> None:
    post, port = lmtp
    asked = post.sign_up()

    said = hand_over(port, "bounces@example.org", feedback(return_path=back(post, asked)))

    assert said.startswith("250")
    assert post.state(asked) == State.COMPLAINED


def test_one_recipient_at_a_time_so_that_one_answer_is_all(lmtp: tuple[Post, int]) -> None:
    post, port = lmtp
    to = [back(post, post.sign_up()), back(post, post.sign_up("bo@example.org"))]
    with smtplib.LMTP("127.0.0.1", port) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        assert [client.rcpt(one)[0] for one in to] == [250, 452]


def test_what_is_too_large_is_refused(lmtp: tuple[Post, int]) -> None:
    post, port = lmtp
    to = back(post, post.sign_up())
    large = delivery_status(to, text="Sorry.\n" * (reports.LARGEST_HANDED_OVER // 7))

    assert hand_over(port, to, large).startswith("552")


def test_a_database_that_is_away_has_it_come_again(lmtp: tuple[Post, int]) -> None:
    post, port = lmtp
    asked = post.sign_up()
    to = back(post, asked)
    engine = post.service.database.engine
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE bounces RENAME TO elsewhere")

    assert hand_over(port, to, delivery_status(to)).startswith("451")
    assert post.state(asked) == State.PENDING

    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO bounces")
    assert hand_over(port, to, delivery_status(to)).startswith("250")
    assert post.state(asked) == State.BOUNCED


def test_the_worker_reads_what_comes_back_and_editors_learn_when_it_can_not(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "EVERY", 0.05)
    box = tmp_path / "box"
    post = opened(f"maildir://{box}")
    post.now = datetime.now(UTC)  # the worker forgets who signed up long ago
    asked = post.sign_up()
    stopping = threading.Event()
    works = threading.Thread(target=worker.run, args=(post.service, stopping))

    def trouble() -> str | None:
        with post.service.database.reading() as session:
            return read_fact(session, reports.TROUBLE)

    works.start()
    try:
        wait_until(lambda: "No such file" in (trouble() or ""), 20, "the trouble")
        maildir(box)
        (box / "new" / "1").write_bytes(delivery_status(back(post, asked)))
        wait_until(lambda: post.state(asked) == State.BOUNCED, 20, "the bounce")
        wait_until(lambda: trouble() is None, 20, "its end")
    finally:
        stopping.set()
        works.join()
