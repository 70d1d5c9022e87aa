"""Invented statements, for tests that need something to show."""

import csv
import io
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import insert, select, update

from widgets import digests, signatories, statements
from widgets.addresses import Address
from widgets.audit import COMMAND_LINE
from widgets.models import (
    Contact,
    Feed,
    Invitation,
    Member,
    Newsletter,
    Opening,
    Post,
    Standing,
    State,
    Statement,
    Subscriber,
    Subscription,
    Translation,
)
from widgets.models.fact import content_changed
from widgets.service import Service
from widgets.signatories import Name

BODY = """The first paragraph is the lede.

The second paragraph stands alone.

> “A quotation of somebody.”

The third paragraph ends it."""


def statement_file(
    folder: Path,
    slug: str = "river-gate",
    *,
    title: str = "Reopen the reading room",
    body: str = BODY,
    names: Sequence[str | tuple[str, str]] = (),
    picture: bool = False,
    **fields: str,
) -> Path:
    """Writes a statement, and what lies beside it. names: alone, or with their countries."""
    front = {"title": f'"{title}"', "slug": slug, "date": "2026-03-02", **fields}
    if picture:
        front["image"] = f'{{file: {slug}.jpg, credit: "A. Painter", alt: "A gate by a river"}}'
        (folder / f"{slug}.jpg").write_bytes(picture_bytes())
    path = folder / f"{slug}.md"
    lines = "".join(f"{name}: {value}\n" for name, value in front.items())
    path.write_text(f"---\n{lines}---\n\n{body}\n", encoding="utf-8")
    if names:
        with path.with_name(f"{slug}.signatories.csv").open("w", encoding="utf-8") as table:
            rows = csv.writer(table)
            rows.writerow(("name", "country"))
            rows.writerows((name, "") if isinstance(name, str) else name for name in names)
    return path


def translation_file(
    folder: Path,
    lang: str,
    slug: str = "river-gate",
    *,
    title: str = "Rouvrez la salle",
    body: str = "Premier paragraphe.\n\nDeuxième paragraphe.",
    **fields: str,
) -> Path:
    """Writes a statement in another language, to be imported with it or after it."""
    path = folder / f"{slug}.{lang}.md"
    lines = "".join(f"{name}: {value}\n" for name, value in fields.items())
    path.write_text(f'---\ntitle: "{title}"\n{lines}---\n\n{body}\n', encoding="utf-8")
    return path


def picture_bytes(width: int = 900, height: int = 600, form: str = "JPEG") -> bytes:
    """A picture with something to see in it."""
    picture = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


def open_to_the_public(
    service: Service, opening: Opening = Opening.OPEN, slug: str = "river-gate"
) -> int:
    """Makes a statement an open letter; its id."""
    with service.database.writing() as session:
        statement = session.scalars(select(Statement).where(Statement.slug == slug)).one()
        statement.opening = opening
        content_changed(session)
        return statement.id


def publish(service: Service, *paths: Path) -> None:
    statements.import_files(
        service.database, service.settings.instance_path, paths, datetime.now(UTC)
    )


def endorsed(
    service: Service,
    names: Sequence[Name | str],
    *,
    slug: str = "river-gate",
    lang: str = "en",
) -> int:
    """The id of a statement with these names under it."""
    with service.database.writing() as session:
        made = Statement(
            slug=slug,
            lang=lang,
            title="Reopen the reading room",
            published_on=date(2026, 3, 2),
            topics=[],
            countries=[],
            body="Text.",
            updated_at=datetime(2026, 3, 2, tzinfo=UTC),
        )
        session.add(made)
        session.flush()
        listed = [Name(name) if isinstance(name, str) else name for name in names]
        signatories.replace(session, made.id, listed)
        return made.id


def published(
    service: Service,
    slug: str = "river-gate",
    *,
    at: datetime,
    title: str = "Reopen the reading room",
    topics: Sequence[str] = (),
    countries: Sequence[str] = (),
    urgent: bool = False,
    body: str = BODY,
    translations: dict[str, str] | None = None,
) -> int:
    """The id of a statement that was published at a moment. translations: headlines by language."""
    with service.database.writing() as session:
        made = Statement(
            slug=slug,
            lang="en",
            title=title,
            published_on=at.date(),
            published_at=at,
            is_urgent=urgent,
            topics=list(topics),
            countries=list(countries),
            body=body,
            updated_at=at,
        )
        session.add(made)
        session.flush()
        session.add_all(
            Translation(
                statement_id=made.id,
                lang=lang,
                title=headline,
                body=f"{headline}, one paragraph.",
                topics=[],
                updated_at=at,
            )
            for lang, headline in (translations or {}).items()
        )
        content_changed(session)
        return made.id


def subscribed(
    service: Service,
    *addresses: str,
    newsletter: str = "weekly",
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    **wishes: Any,
) -> list[uuid.UUID]:
    """Confirmed subscriptions, as they are after a sign-up long ago. wishes: columns of
    Subscription, like lang="fr"."""
    made = []
    with service.database.writing() as session:
        of = session.scalars(select(Newsletter.id).where(Newsletter.slug == newsletter)).one()
        for address in addresses:
            local, _, domain = address.rpartition("@")
            person = Subscriber(
                id=uuid.uuid4(),
                key=service.hasher.address(Address(local, domain)),
                address=address,
                created_at=at,
            )
            subscription = Subscription(
                id=uuid.uuid4(),
                subscriber=person,
                newsletter_id=of,
                state=State.CONFIRMED,
                epoch=1,
                created_at=at,
                changed_at=at,
                **wishes,
            )
            session.add(subscription)
            made.append(subscription.id)
    return made


def crowd(service: Service, name: str, number: int, **values: Any) -> list[str]:
    """The addresses of so many subscriptions to the weekly newsletter, confirmed long ago if
    `values` (columns of Subscription) don't say otherwise; quicker than subscribed."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    addresses = [f"{name}{one}@host{one % 700}.example.org" for one in range(number)]
    with service.database.reading() as session:
        newsletter = session.scalars(select(Newsletter.id).order_by(Newsletter.id)).first()
    usual = {
        "newsletter_id": newsletter,
        "state": State.CONFIRMED,
        "epoch": 1,
        "topics": [],
        "countries": [],
        "soft_bounces": 0,
        "created_at": at,
        "changed_at": at,
        **values,
    }
    for start in range(0, number, 10_000):
        people = [
            {
                "id": uuid.uuid4(),
                "key": service.hasher.address(Address(*address.split("@"))),
                "address": address,
                "created_at": at,
            }
            for address in addresses[start : start + 10_000]
        ]
        theirs = [{"id": uuid.uuid4(), "subscriber_id": one["id"], **usual} for one in people]
        with service.database.writing() as session:
            session.execute(insert(Subscriber), people)
            session.execute(insert(Subscription), theirs)
    return addresses


def scheduled(service: Service, rhythm: str = "weekly", slug: str = "weekly", **more: Any) -> None:
    """Has a newsletter come by itself: weekly on Thursdays at nine in Oslo, unless `more` says
    otherwise."""
    with service.database.writing() as session:
        newsletter = session.scalars(select(Newsletter).where(Newsletter.slug == slug)).one()
        values = {"weekday": 3, "clock": "09:00", "zone": "Europe/Oslo", **more}
        for name, value in {"rhythm": rhythm, **values}.items():
            setattr(newsletter, name, value)


def issued(
    service: Service,
    *,
    at: datetime,
    rhythm: str = "weekly",
    introductions: dict[str, str] | None = None,
) -> uuid.UUID:
    """The id of an issue that is being sent, with all statements that stand, as if they were
    published at that moment. introductions: Markdown by language."""
    with service.database.writing() as session:
        session.execute(
            update(Statement)
            .where(Statement.standing == Standing.PUBLISHED)
            .values(published_at=at)
        )
        newsletter = session.scalars(select(Newsletter).where(Newsletter.slug == "weekly")).one()
        digest = digests.prepare(session, newsletter, rhythm, at)
        for lang, words in (introductions or {}).items():
            typed = {"subject": "", "introduction": words}
            seen = digests.text_fingerprint(None)
            digests.write(session, digest.id, lang, typed, seen, COMMAND_LINE, at)
        return digests.begin(session, digest.id, COMMAND_LINE, at).id


def invited(service: Service, slug: str = "river-gate") -> uuid.UUID:
    """The invitation of a member's contact to endorse a statement."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    with service.database.writing() as session:
        statement = session.scalars(select(Statement.id).where(Statement.slug == slug)).one()
        session.add(Member(slug="lamp-keepers", name="Circle of Lamp Keepers", country="NO"))
        session.flush()
        contact = Contact(member_slug="lamp-keepers", name="Maria", address="m@lamp.example")
        session.add(contact)
        session.flush()
        made = Invitation(
            id=uuid.uuid4(),
            statement_id=statement,
            member_slug="lamp-keepers",
            contact_id=contact.id,
            asked_at=now,
        )
        session.add(made)
        return made.id


def follow(service: Service, slug: str, *, posts: int = 1, lang: str | None = None) -> None:
    """Has the network follow a feed, as if it had been fetched. The newest post is number 0."""
    now = datetime.now(UTC).replace(microsecond=0)
    with service.database.writing() as session:
        feed = Feed(
            slug=slug,
            url=f"https://{slug}.example/feed",
            own_title="Circle of Lamp Keepers",
            site_url=f"https://{slug}.example/",
            next_fetch_at=now + timedelta(days=1),
            fetched_at=now,
            failures=0,
        )
        session.add(feed)
        session.flush()
        session.add_all(
            Post(
                feed_id=feed.id,
                guid=str(number),
                position=number,
                url=f"https://{slug}.example/{number}",
                title=f"The lamps of evening {number}",
                summary="Every lamp along the quay was lit again last night. " * 11,
                lang=lang,
                published_at=datetime(2026, 3, 2, 12, tzinfo=UTC) - timedelta(days=number),
                seen_at=now,
            )
            for number in range(posts)
        )
        content_changed(session)
