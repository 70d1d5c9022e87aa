"""The editors' console: one module a screen. All is in English, and nothing of it can be framed."""

from datetime import timedelta

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf

from widgets.editors import LONGEST
from widgets.models import Role
from widgets.service import Service
from widgets.web import service as opened
from widgets.web import styles
from widgets.web.console import (
    editors,
    endorsements,
    entry,
    home,
    issues,
    jobs,
    letters,
    mail,
    members,
    newsletters,
    partners,
    pictures,
    programs,
    publishing,
    statements,
    subscribers,
    trail,
    webhooks,
)
from widgets.web.console.asked import page_link
from widgets.web.console.door import Screen, editor_of_page, is_of_console

SCREENS: tuple[Screen, ...] = (
    home.screen,
    entry.screen,
    statements.screen,
    pictures.screen,
    members.screen,
    editors.screen,
    trail.screen,
    jobs.screen,
    publishing.screen,
    endorsements.screen,
    letters.screen,
    newsletters.screen,
    issues.screen,
    partners.screen,
    subscribers.screen,
    mail.screen,
    programs.screen,
    webhooks.screen,
)
# What stands at the head of every screen: a word, the endpoint, and who may go there.
MENU = (
    ("Statements", "statements.index", Role.EDITOR),
    ("Members", "members.index", Role.EDITOR),
    ("Newsletters", "newsletters.index", Role.EDITOR),
    ("Subscribers", "subscribers.index", Role.ADMINISTRATOR),
    ("Mail", "mail.index", Role.EDITOR),
    ("Programs", "programs.index", Role.ADMINISTRATOR),
    ("Audit", "trail.index", Role.EDITOR),
    ("Editors", "editors.index", Role.ADMINISTRATOR),
)
COOKIE = "__Host-undersigned"  # only from a secure origin, for this host alone (RFC 6265bis)


class _Sessions(SecureCookieSessionInterface):
    """Only pages of the console have a session. On all others Flask would renew the cookie too, and
    what is kept of them for everybody would hand one editor's session to all readers."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return super().open_session(app, request) if is_of_console(request.path) else None


def install(app: Flask, service: Service) -> None:
    """The console's cookie, its words for templates, and its screens."""
    app.session_interface = _Sessions()
    app.secret_key = service.links.cookie_keys()[0]
    app.config.update(
        SECRET_KEY_FALLBACKS=service.links.cookie_keys()[1:],
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=max(timedelta(days=30), LONGEST),
        WTF_CSRF_TIME_LIMIT=None,  # a form is good for as long as its session
    )
    app.jinja_env.globals.update(
        console_menu=MENU,
        console_style=_style,
        csrf_token=generate_csrf,
        editor_of_page=editor_of_page,
        page_link=page_link,
        Role=Role,
    )
    for screen in SCREENS:
        app.register_blueprint(screen)


def _style() -> object:
    return styles.inline(("console/console.css",), "auto", opened().settings.accent)
