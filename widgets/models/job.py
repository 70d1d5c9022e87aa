"""Long work that an editor has asked for and a worker does."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widgets.models.base import Base
from widgets.models.editor import Editor


class JobState(StrEnum):
    WAITING = "waiting"  # also while it is worked on: then it has a lease
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # by an editor


class Job(Base):
    """kind: a key of widgets.jobs.KINDS. done of total: steps, for the progress bar; what is done
    is not done again by a worker that takes over. outcome: what to tell the editor."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    editor_id: Mapped[int] = mapped_column(ForeignKey("editors.id"))
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    # what was uploaded, until the work is done
    data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    state: Mapped[str] = mapped_column(String(8), default=JobState.WAITING)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON)
    error: Mapped[str | None] = mapped_column(Text)
    leased_by: Mapped[str | None] = mapped_column(String(128))
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    editor: Mapped[Editor] = relationship()
