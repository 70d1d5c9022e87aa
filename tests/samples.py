"""Invented statements, for tests that need something to show."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from widgets import statements
from widgets.service import Service

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


def picture_bytes(width: int = 900, height: int = 600, form: str = "JPEG") -> bytes:
    """A picture with something to see in it."""
    picture = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


def publish(service: Service, *paths: Path) -> None:
    statements.import_files(
        service.database, service.settings.instance_path, paths, datetime.now(UTC)
    )
