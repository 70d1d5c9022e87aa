"""Signing in and out."""

from collections.abc import Callable

from flask import Flask

from tests.actors import Reader
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
