"""What is written down: nobody's address."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from widgets import logs
from widgets.logs import without_addresses


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process of ours writes to standard error, once its logging is installed."""
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    before = root.handlers[:], root.level, alembic.level
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root.handlers[:] = []
    logs.install()
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    alembic.setLevel(before[2])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("550 5.1.1 <reader@example.org>: unknown user", "550 5.1.1 <(address)>: unknown user"),
        ("to=reader@example.org, relay=a", "to=(address), relay=a"),
        ("{'reader@example.org': (550, b'no')}", "{'(address)': (550, b'no')}"),
        ("mailto:rea.der+news@sub.example.org?x", "mailto:(address)"),
        ("jürgen@exämple.org and 用户@例子.广告", "(address) and (address)"),
        ("one@a.example,two@b.example;three@c.example", "(address),(address);(address)"),
        ("o'neill@example.org is full", "(address) is full"),
        ("nobody @ home, 3 @ 4, @handle", "nobody @ home, 3 @ 4, @handle"),
        ("", ""),
    ],
)
def test_an_address_is_taken_out_of_a_text(text: str, left: str) -> None:
    assert without_addresses(text) == left


def test_what_is_logged_goes_to_standard_error_with_who_said_it(
    errors: io.StringIO,
) -> None:
    logging.getLogger("undersigned.worker").info("message %d was delivered", 7)
    assert errors.getvalue() == "INFO undersigned.worker: message 7 was delivered\n"


def test_no_line_has_an_address_neither_in_arguments_nor_in_an_error(
    errors: io.StringIO,
) -> None:
    log = logging.getLogger("undersigned.worker")
    log.warning("refused: %s", "<reader@example.org> unknown")
    try:
        raise ValueError("reader@example.org is not in the table")
    except ValueError:
        log.exception("failed for %s", "other@example.org")

    written = errors.getvalue()
    assert "WARNING undersigned.worker: refused: <(address)> unknown" in written
    assert "ValueError: (address) is not in the table" in written
    assert "example.org" not in written


def test_migrations_are_quiet(errors: io.StringIO) -> None:
    logging.getLogger("alembic.runtime").info("Running upgrade")
    logging.getLogger("alembic.runtime").warning("Something is odd")
    assert errors.getvalue() == "WARNING alembic.runtime: Something is odd\n"


def test_what_partners_are_asked_is_not_written_down(errors: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET https://l.example/?search=reader%40x.org")
    assert errors.getvalue() == ""
