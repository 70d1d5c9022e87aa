"""Signing in and out."""

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from tests.actors import Reader
from tests.samples import publish, statement_file
from tests.web.console.conftest import EditorAtWork


def test_an_editor_signs_in_with_the_mailed_code(
    new_editor: Callable[..., EditorAtWork],
) -> None:
    page = new_editor().sign_in()

    assert page.path == "/admin"
    assert "Anna" in page.text


def test_without_a_session_the_console_leads_to_signing_in(app: Flask) -> None:
    page = Reader(app.test_client()).open("/admin/audit")

    assert page.path == "/admin/sign-in"


def test_pages_outside_the_console_know_nothing_of_an_editors_session(
    anna: EditorAtWork, app: Flask, tmp_path: Path
) -> None:
    """They are kept for everybody: a cookie on one would be handed to every reader."""
    publish(anna.service, statement_file(tmp_path))
    paths = ("/", "/statements/river-gate", "/embed/statements/river-gate", "/nothing", "/adminx")
    for path in paths:
        for browser in (anna, Reader(app.test_client())):
            headers = browser.open(path).headers
            assert "Set-Cookie" not in headers, path
            assert "Cookie" not in headers.get("Vary", ""), path
    assert "Good to see you" in anna.open("/admin").text
