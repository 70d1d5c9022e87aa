"""Invented statements, for tests that need something to show."""

import csv
import io
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from PIL import Image
from sqlalchemy import select

from widgets import signatories, statements
from widgets.models import Contact, Feed, Invitation, Member, Opening, Post, Statement
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
