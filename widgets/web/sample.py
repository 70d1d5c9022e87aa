"""The site of the sample's member: somebody else's page, on another origin, with our snippets."""

from collections.abc import Callable, Iterable

from flask import Flask, render_template

from widgets.letters import template_folder
from widgets.sample import MEMBER, SHOWN
from widgets.web.snippets import snippet

PASTED = {
    "card": (f"/embed/statements/{SHOWN}?site={MEMBER}", "Statement: our harbours stand by it"),
    "form": (f"/embed/newsletters/weekly?site={MEMBER}", "The weekly update"),
    "names": (f"/embed/statements/{SHOWN}/signatories?site={MEMBER}&view=compact", "Signatories"),
}


def member_site(network: Flask) -> Callable[..., Iterable[bytes]]:
    """The member's site: one plain page, which knows nothing of the network's but the snippets
    that its webmaster copied there."""
    app = Flask("sample", template_folder=template_folder(), static_folder=None)

    @app.get("/")
    def page() -> str:
        with network.test_request_context():
            made = {name: snippet(path, title, "/") for name, (path, title) in PASTED.items()}
            pasted = {name: one.html() if one else "" for name, one in made.items()}
        return render_template("sample/member.html", **pasted)

    return app
