"""An invented network, to try everything with: its statements, and a member of it.

The organisations, people and events in it do not exist.
"""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets import addresses, digests, editors, members, newsletter_texts, rhythms, statements
from widgets.audit import Actor
from widgets.members import Entry, Person
from widgets.models import Rhythm, Role, Statement
from widgets.service import Service
from widgets.settings import Settings

NETWORK_NAME = "Network of Sample Harbours"
FOLDER = Path(__file__).parent
SHOWN = "sample-lantern-press"  # the statement that the member's site embeds
MEMBER = "harbour-writers"
EDITOR = "editor@sample.example"  # whose mail lands in the trial's mailbox
SAMPLE = Actor("the sample")
INTRODUCTIONS = {
    "en": {
        "subject": "",
        "introduction": "This week our members spoke up for a press, a library and a radio. "
        "Please *read* them, and pass them on.",
    },
    "fr": {
        "subject": "",
        "introduction": "Cette semaine, nos membres ont pris la parole pour une imprimerie, une "
        "bibliothèque et une radio. *Lisez*-les, et faites-les lire.",
    },
}
MEMBERS = [
    Entry(
        name="the Harbour Writers' Circle (sample)",
        country="NO",
        contacts=[Person("Ada Sample", "ada@sample.example")],
    ),
    Entry(
        name="Cercle des gardiens de phare (exemple)",
        names={"en": "Circle of Lighthouse Keepers (sample)"},
        country="FR",
        contacts=[
            Person("Blaise Exemple", "blaise@sample.example", "fr"),
            Person("Colette Exemple", "colette@sample.example", "fr"),
        ],
    ),
    Entry(
        name="جمعية قرّاء الميناء (نموذج)",
        names={"en": "Harbour Readers' Association (sample)"},
        country="EG",
        contacts=[Person("دينا نموذج", "dina@sample.example", "ar")],
    ),
    Entry(name="Quay Library Friends (sample)", country="KE"),
]


def load(service: Service, now: datetime) -> bool:
    """Loads the sample if there is no statement at all; whether the sample is there now."""
    with service.database.reading() as session:
        empty = not statements.has_any(session)
    if empty:
        files = sorted(FOLDER.glob("*.md"))
        statements.import_files(service.database, service.settings.instance_path, files, now)
        with service.database.writing() as session:
            for number, entry in enumerate(MEMBERS):
                members.add(session, entry, "" if number else MEMBER, SAMPLE, now)
            _prepare_an_issue(session, now)
            if service.settings.smtp_url is None:
                _let_somebody_in(session, now)
    with service.database.reading() as session:
        try:
            statements.standing(session, SHOWN)
        except (statements.NoSuchStatement, statements.Withdrawn):
            return False
    return True


def has_editor(service: Service) -> bool:
    """Whether the sample's editor can sign in: in a trial, by its mailbox on this machine."""
    if service.settings.smtp_url is not None:
        return False
    with service.database.reading() as session:
        return any(one.address == EDITOR for one in editors.listed(session))


def _let_somebody_in(session: Session, now: datetime) -> None:
    address = addresses.parse(EDITOR)
    editors.add(session, address, "Sample Editor", Role.ADMINISTRATOR, SAMPLE, now)


def _prepare_an_issue(session: Session, now: datetime) -> None:
    """A weekly newsletter, with statements that are news and words above them. An editor has to
    approve it, so nothing goes out by itself."""
    weekly = newsletter_texts.get(session, "weekly")
    rhythms.schedule(
        session,
        weekly,
        SAMPLE,
        now,
        rhythm=Rhythm.WEEKLY,
        weekday=3,
        clock="09:00",
        zone="Europe/Oslo",
        by_itself=False,
        only_urgent=False,
    )
    for statement in session.scalars(select(Statement)):
        statement.published_at = now  # the files carry days of long ago, which are no news
    digest = digests.prepare(session, weekly, Rhythm.WEEKLY, now)
    for lang, words in INTRODUCTIONS.items():
        nothing = digests.text_fingerprint(None)
        digests.write(session, digest.id, lang, words, nothing, SAMPLE, now)


def site_port(settings: Settings) -> int:
    return settings.port + 1


def site_url(settings: Settings) -> str:
    """Another origin, and another site, than 127.0.0.1: as foreign as a member's own domain."""
    return f"http://localhost:{site_port(settings)}/"
