"""The top floor: HTTP. One module for each audience."""

from typing import cast

from flask import current_app

from widgets import languages
from widgets.pacing import Limits
from widgets.service import Service
from widgets.web.parameters import asked_look


def service() -> Service:
    """What this application was opened with."""
    return cast(Service, current_app.extensions["undersigned"])


def text_languages() -> tuple[str, ...]:
    """For words that the network wrote, and may not have in each language: the one that the
    address asks for, which need not be one of ours, else the reader's, else the network's."""
    return asked_look().lang, languages.spoken(), service().settings.language


def statement_languages(asked: str) -> str:
    """In which languages a statement is wanted, as widgets.statements.nearest takes them: the one
    that the address asks for, else the network's."""
    return f"{asked},{service().settings.language}"


def mail_limits() -> Limits:
    settings = service().settings
    return Limits(settings.mailbox_limit, settings.domain_limit, settings.unlimited_domains)
