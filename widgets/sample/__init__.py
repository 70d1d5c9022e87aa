"""An invented network, to try everything with: its statements, and a member of it.

The organisations, people and events in it do not exist.
"""

from datetime import datetime
from pathlib import Path

from widgets import members, statements
from widgets.service import Service
from widgets.settings import Settings

NETWORK_NAME = "Network of Sample Harbours"
FOLDER = Path(__file__).parent
SHOWN = "sample-lantern-press"  # the statement that the member's site embeds
MEMBER = "harbour-writers"


def load(service: Service, now: datetime) -> bool:
    """Loads the sample if there is no statement at all; whether the sample is there now."""
    with service.database.reading() as session:
        empty = not statements.has_any(session)
    if empty:
        files = sorted(FOLDER.glob("*.md"))
        statements.import_files(service.database, service.settings.instance_path, files, now)
        with service.database.writing() as session:
            members.save(session, MEMBER, "the Harbour Writers' Circle (sample)", None)
    with service.database.reading() as session:
        try:
            statements.standing(session, SHOWN)
        except (statements.NoSuchStatement, statements.Withdrawn):
            return False
    return True


def site_port(settings: Settings) -> int:
    return settings.port + 1


def site_url(settings: Settings) -> str:
    """Another origin, and another site, than 127.0.0.1: as foreign as a member's own domain."""
    return f"http://localhost:{site_port(settings)}/"
