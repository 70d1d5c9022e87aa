"""Editors at work: signed in by a mail that was really composed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.actors import Page, Reader
from widgets import editors, work
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.models import Role, SignInLink
from widgets.service import Service


class EditorAtWork(Reader):
    """A browser in which somebody is signed in to the console."""

    def __init__(self, app: Flask, address: str) -> None:
        self.client = app.test_client()
        super().__init__(self.client)
        self.service: Service = app.extensions["undersigned"]
        self.address = address

    def sign_in(self) -> Page:
        """With the code in the mail, from the page that was asked for to the page after."""
        asked = self.press(self.open("/admin/sign-in"), address=self.address)
        return self.press(asked, code=self.code())

    def code(self) -> str:
        """Of the newest mail that signs somebody in."""
        with self.service.database.reading() as session:
            newest = session.scalars(
                select(SignInLink.id).order_by(SignInLink.created_at.desc()).limit(1)
            ).one()
        return self.service.links.sign_in_code(newest)

    def fill(self, page: Page, button: str, **typed: Any) -> Page:
        """Fills in the form that has this button (of several), presses it, and follows."""
        form = page.form_with(button)
        return self._followed("POST", form.action, {**form.fields, **typed})

    def work_off(self) -> None:
        """As the worker: every job that waits."""
        while work.do_one(self.service, "the tests:1"):
            pass


@pytest.fixture
def new_editor(app: Flask) -> Callable[..., EditorAtWork]:
    """Somebody who may sign in, before a browser of their own."""

    def new(address: str = "anna@example.org", role: Role = Role.EDITOR) -> EditorAtWork:
        service: Service = app.extensions["undersigned"]
        with service.database.writing() as session:
            name = address.partition("@")[0].title()
            editors.add(session, parse(address), name, role, COMMAND_LINE, datetime.now(UTC))
        return EditorAtWork(app, address)

    return new


@pytest.fixture
def anna(new_editor: Callable[..., EditorAtWork]) -> EditorAtWork:
    """An administrator, signed in."""
    editor = new_editor(role=Role.ADMINISTRATOR)
    editor.sign_in()
    return editor
