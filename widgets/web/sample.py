"""The site of the sample's member: somebody else's page, on another origin, with our snippets."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, render_template

from widgets.letters import template_folder
from widgets.sample import MEMBER, SHOWN
from widgets.settings import Settings


def member_site(settings: Settings) -> Callable[..., Iterable[bytes]]:
    """The member's site: one plain page, which knows nothing of us but the snippets."""
    app = Flask("sample", template_folder=template_folder(), static_folder=None)

    @app.get("/")
    def page() -> str:
        values: dict[str, Any] = {
            "widgets": settings.base_url,
            "statement": SHOWN,
            "site": MEMBER,
        }
        return render_template("sample/member.html", **values)

    return app
