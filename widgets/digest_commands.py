"""`undersigned digest …`: issues of newsletters on the command line."""

import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from widgets import digests, newsletters, rhythms
from widgets.audit import COMMAND_LINE
from widgets.digests import CannotBe, NoSuchDigest, Progress
from widgets.models import Digest, DigestState, Newsletter, Rhythm
from widgets.service import Service

LOOK_EVERY = 1.0  # seconds
STATES = {
    DigestState.DRAFT: "draft",
    DigestState.APPROVED: "approved",
    DigestState.SENDING: "being sent",
    DigestState.STOPPED: "stopped",
    DigestState.SENT: "sent",
}


def install(main: click.Group, open_service: Callable[[], Service]) -> None:
    """Adds the commands to ours."""

    @main.group()
    def digest() -> None:
        """Issues of newsletters. An ISSUE is called as `digest list` shows it, like weekly/3."""

    @digest.command()
    @click.argument("newsletter")
    @click.option("--wait", is_flag=True, help="Show how far it is, until everybody has got it.")
    def send(newsletter: str, wait: bool) -> None:
        """Sends an issue of NEWSLETTER now: what is new since the last."""
        service = open_service()
        now = datetime.now(UTC)
        try:
            with service.database.writing() as session:
                begun = _begin(session, newsletter, now)
                readers = f"{begun.total:,} readers" if begun.total != 1 else "1 reader"
                click.echo(f"{_name(begun)}: begun, to {readers}. A worker sends it.")
        except CannotBe as error:
            raise click.ClickException(str(error)) from None
        if wait:
            _follow(service, begun.id)

    @digest.command("list")
    def list_issues() -> None:
        """The issues that are prepared, under way or sent, the newest first."""
        with open_service().database.reading() as session:
            for of in session.scalars(select(Newsletter).order_by(Newsletter.slug)):
                for rhythm in (Rhythm.EACH, Rhythm.WEEKLY, Rhythm.MONTHLY):
                    if one := digests.upcoming(session, of, rhythm):
                        due = f", due {one.due_at:%Y-%m-%d %H:%M} UTC" if one.due_at else ""
                        click.echo(f"{_name(one)}: {STATES[DigestState(one.state)]}{due}")
                for one in digests.sent_before(session, of):
                    click.echo(_line(session, one))

    @digest.command()
    @click.argument("issue", required=False)
    @click.option("--once", is_flag=True, help="Don't follow it.")
    def progress(issue: str | None, once: bool) -> None:
        """How far the sending of ISSUE is; without one, of what is under way. On a terminal it is
        followed until it is done."""
        service = open_service()
        with service.database.reading() as session:
            found = _issue(session, issue)
        _follow(service, found.id, once=once or not sys.stdout.isatty())

    @digest.command()
    @click.argument("issue", required=False)
    def stop(issue: str | None) -> None:
        """Stops the sending of ISSUE; what is on its way at this moment still arrives."""
        with open_service().database.writing() as session:
            found = _issue(session, issue)
            if not digests.stop(session, found.id, COMMAND_LINE, datetime.now(UTC)):
                raise click.ClickException(f"{_name(found)} is not being sent.")
            click.echo(_line(session, found))

    @digest.command()
    @click.argument("issue", required=False)
    def resume(issue: str | None) -> None:
        """Goes on where ISSUE was stopped."""
        with open_service().database.writing() as session:
            found = _issue(session, issue)
            try:
                went_on = digests.resume(session, found.id, COMMAND_LINE, datetime.now(UTC))
            except CannotBe as error:
                raise click.ClickException(str(error)) from None
            if not went_on:
                raise click.ClickException(f"{_name(found)} is not stopped.")
            click.echo(_line(session, found))


def _begin(session: Session, slug: str, now: datetime) -> Digest:
    """Raises CannotBe."""
    newsletter = session.scalar(select(Newsletter).where(Newsletter.slug == slug))
    if newsletter is None:
        known = ", ".join(newsletters.slugs(session))
        raise CannotBe(f"There is no newsletter “{slug}”, only: {known}.")
    rhythm = rhythms.usual(newsletter)
    if rhythm == Rhythm.EACH:
        raise CannotBe(f"“{slug}” sends each statement by itself, as soon as it is published.")
    prepared = digests.prepare(session, newsletter, rhythm, now)
    return digests.begin(session, prepared.id, COMMAND_LINE, now)


def _issue(session: Session, name: str | None) -> Digest:
    """An issue by its name ("weekly/3") or id; without one, that which is under way."""
    if name is None:
        found = digests.under_way(session)
        if len(found) == 1:
            return found[0]
        which = ", ".join(map(_name, found))
        raise click.ClickException(
            f"Several issues are under way. Say which: {which}."
            if found
            else "No issue is under way. `undersigned digest list` shows those there were."
        )
    slug, _, number = name.partition("/")
    try:
        if number.isdecimal():
            return digests.by_number(session, slug, int(number))
        return digests.get(session, uuid.UUID(name))
    except (NoSuchDigest, ValueError):
        raise click.ClickException(
            f"There is no issue “{name}”. `undersigned digest list` shows those there are."
        ) from None


def _follow(service: Service, digest_id: uuid.UUID, *, once: bool = False) -> None:
    """Shows how far it is, on a terminal again and again in the same line."""
    shown = _Line(sys.stdout)
    while True:
        with service.database.reading() as session:
            digest = digests.get(session, digest_id)
            shown.say(_line(session, digest))
        if once or digest.state != DigestState.SENDING:
            break
        time.sleep(LOOK_EVERY)
    shown.end()


class _Line:
    """One line, over and over; where that is no terminal, a line for each thing said."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._said = ""

    def say(self, text: str) -> None:
        if text == self._said:
            return
        self._said = text
        self._out.write(f"\r\033[K{text}" if self._is_terminal else f"{text}\n")
        self._out.flush()

    def end(self) -> None:
        if self._is_terminal:
            self._out.write("\n")


def _line(session: Session, digest: Digest) -> str:
    now = datetime.now(UTC)
    how = digests.progress(session, digest, now)
    state = STATES[DigestState(digest.state)]
    parts = [f"{how.done:,} of {how.total:,}", f"{how.sent:,} sent"]
    if how.refused:
        parts.append(f"{how.refused:,} refused")
    if how.void:
        parts.append(f"{how.void:,} not wanted any more")
    if digest.state == DigestState.SENDING:
        parts += _speed(how, digests.a_second(session, digest, now))
        if error := digests.last_error(session, digest):
            parts.append(f"the relay said: {error}")
    if digest.stopped_because:
        state += f" ({digest.stopped_because})"
    return f"{_name(digest)}: {state}, {', '.join(parts)}"


def _speed(how: Progress, a_second: float) -> list[str]:
    said = []
    if a_second >= 0.95:
        said.append(f"{a_second:,.0f} a second")
    elif a_second:
        said.append(f"{a_second * 60:,.1f} a minute")
    if how.seconds_left is not None and how.waiting:
        said.append(f"about {_duration(how.seconds_left)} left")
    return said


def _duration(seconds: float) -> str:
    """
    >>> _duration(12), _duration(200), _duration(9000)
    ('12 s', '3 min', '2 h 30 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _name(digest: Digest) -> str:
    slug = digest.newsletter.slug
    return f"{slug}/{digest.number}" if digest.number else f"{slug} ({digest.rhythm})"
