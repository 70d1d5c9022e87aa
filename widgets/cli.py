"""The commands; each calls one function of the floor below."""

import errno
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from widgets import (
    addresses,
    audit,
    create_app,
    digest_commands,
    editors,
    feeds,
    logs,
    members,
    newsletters,
    records,
    seals,
    statements,
    supervisor,
)
from widgets import sample as sample_network
from widgets import settings as setting_values
from widgets import worker as delivery_worker
from widgets.audit import COMMAND_LINE
from widgets.models import Role
from widgets.models.database import DatabaseIsBehind
from widgets.models.subscriber import State
from widgets.service import Service, WrongHashKey, make_ready, open_service
from widgets.settings import Settings, UnsafeSettings
from widgets.statement_files import BadFile, TranslationFile
from widgets.web.sample import member_site
from widgets.web.security import common_headers
from widgets.web.server import Server

FILE = click.Path(path_type=Path, dir_okay=False)
TIED = click.option("--tied", is_flag=True, hidden=True, help="Stop when standard input ends.")


@click.group()
@click.version_option(package_name="undersigned")
def main() -> None:
    """Statement cards, signatory lists and newsletter forms for iframes, without JavaScript.

    Settings are environment variables that begin with UNDERSIGNED_; see docs/operators.md.
    """
    logs.install()


def install(app: Flask) -> None:
    """The same commands for `flask --app wsgi …`."""
    for command in main.commands.values():
        app.cli.add_command(command)


def _settings() -> Settings:
    try:
        return setting_values.load()
    except UnsafeSettings as error:
        raise click.ClickException(f"The settings can't be used.\n{error}") from None


def _service(*, upgrade: bool = False) -> Service:
    settings = _settings()
    try:
        service = open_service(settings)
        make_ready(service, upgrade=upgrade)
    except (DatabaseIsBehind, WrongHashKey) as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise click.ClickException(f"The database can't be used: {reason}") from None
    except OSError as error:
        raise click.ClickException(f"The instance folder can't be used: {error}") from None
    return service


@main.command()
def upgrade() -> None:
    """Creates the database, or brings it up to this version."""
    _service(upgrade=True)
    click.echo("The database is up to date.")


@main.command("import")
@click.argument("files", nargs=-1, required=True, type=FILE)
def import_statements(files: tuple[Path, ...]) -> None:
    """Imports statements: FILE.md, with its signatories and picture beside it, and translations:
    SLUG.LANG.md.

    All files are imported, or none. Doing it again changes nothing.
    """
    service = _service()
    try:
        done = statements.import_files(
            service.database, service.settings.instance_path, files, datetime.now(UTC)
        )
    except BadFile as error:
        raise click.ClickException(f"{error}\nNothing was imported.") from None
    for one in done:
        for warning in one.file.warnings:
            click.echo(f"warning: {warning}", err=True)
        address = service.settings.url(f"/statements/{one.file.slug}")
        if isinstance(one.file, TranslationFile):
            lang = one.file.lang
            click.echo(f"{one.file.slug} ({lang}): {one.change}, {address}?lang={lang}")
        else:
            click.echo(f"{one.file.slug}: {one.change}, {one.signatories} signatories, {address}")


@main.group()
def member() -> None:
    """The organisations on whose sites widgets are shown."""


@member.command("add")
@click.argument("slug")
@click.argument("name")
@click.option("--website", help="Its address.")
def add_member(slug: str, name: str, website: str | None) -> None:
    """Adds a member, or changes its name. Its snippets say ?site=SLUG."""
    try:
        with _service().database.writing() as session:
            saved = members.save(session, slug, name, website)
            audit.record(session, COMMAND_LINE, "saved", members.subject(saved), datetime.now(UTC))
    except members.BadMember as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{saved.slug}: {saved.name}, {saved.website or 'no website'}")


@main.group()
def editor() -> None:
    """Who works in the console."""


@editor.command("add")
@click.argument("address")
@click.option("--name", default="", help="What the console calls them.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="Without it, the first is an administrator and whoever follows an editor.",
)
def add_editor(address: str, name: str, role: str | None) -> None:
    """Lets ADDRESS sign in to the console, by mail."""
    service = _service()
    try:
        parsed = addresses.parse(address, allow_test_domains=service.settings.is_local)
        with service.database.writing() as session:
            first = not editors.listed(session)
            given = Role(role) if role else Role.ADMINISTRATOR if first else Role.EDITOR
            added = editors.add(session, parsed, name, given, COMMAND_LINE, datetime.now(UTC))
    except (addresses.BadAddress, editors.BadEditor) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{added.address}: {added.role}. Sign in at {service.settings.url('/admin')}")


@editor.command("list")
def list_editors() -> None:
    """Who can sign in."""
    with _service().database.reading() as session:
        for one in editors.listed(session):
            factor = ", second factor" if one.totp_secret else ""
            click.echo(f"{one.address}: {one.name}, {one.role}{factor}")


@editor.command("remove")
@click.argument("address")
def remove_editor(address: str) -> None:
    """Signs ADDRESS out everywhere, and lets them in no more."""
    service = _service()
    try:
        with service.database.writing() as session:
            found = [one for one in editors.listed(session) if one.address == address.lower()]
            if not found:
                raise click.ClickException(f"There is no editor {address}.")
            editors.remove(session, found[0].id, COMMAND_LINE, datetime.now(UTC))
    except editors.BadEditor as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{address}: can’t sign in any more")


@main.group()
def feed() -> None:
    """The feeds and accounts whose posts widgets show."""


@feed.command("add")
@click.argument("slug")
@click.argument("url")
@click.option("--title", help="What readers see it called; without it, what it calls itself.")
def add_feed(slug: str, url: str, title: str | None) -> None:
    """Follows URL: a feed, or an account like @name@social.example or @name.bsky.social.

    Its widget is at /embed/posts/SLUG. Doing it again changes the address or the title.
    """
    service = _service()
    policy = feeds.policy(service.settings)
    try:
        with service.database.writing() as session:
            saved = feeds.follow(session, slug, url, title, datetime.now(UTC), policy)
    except feeds.BadFeed as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{slug}: {saved.url}, {service.settings.url('/embed/posts/' + slug)}")
    if not _fetched(service, slug):
        click.echo("It is followed all the same, and tried again by the worker.", err=True)


@feed.command("list")
def list_feeds() -> None:
    """The feeds that are followed, and how each is doing."""
    with _service().database.reading() as session:
        for one in feeds.followed(session):
            click.echo(f"{one.slug}: {feeds.name(one)}, {one.url}")
            fetched = f"{one.fetched_at:%Y-%m-%d %H:%M} UTC" if one.fetched_at else "never"
            failing = (
                f"; failing since {one.failing_since:%Y-%m-%d %H:%M} UTC: {one.last_error}"
                if one.failing_since
                else ""
            )
            click.echo(f"  last fetched: {fetched}{failing}")


@feed.command("remove")
@click.argument("slug")
def remove_feed(slug: str) -> None:
    """Follows a feed no longer; its posts go with it."""
    try:
        with _service().database.writing() as session:
            feeds.forget(session, slug)
    except feeds.NoSuchFeed:
        raise _no_such_feed(slug) from None
    click.echo(f"{slug}: not followed any more")


@feed.command("fetch")
@click.argument("slug", required=False)
def fetch_feed(slug: str | None) -> None:
    """Fetches a feed (or all) now, and says what happened."""
    service = _service()
    with service.database.reading() as session:
        slugs = [slug] if slug else [one.slug for one in feeds.followed(session)]
    outcomes = [_fetched(service, one) for one in slugs]
    if not all(outcomes):
        sys.exit(1)


def _fetched(service: Service, slug: str) -> bool:
    """Fetches it, and says what came of it; whether it went well."""
    try:
        outcome = feeds.fetch_now(
            service, slug, feeds.policy(service.settings), lambda: datetime.now(UTC)
        )
    except feeds.NoSuchFeed:
        raise _no_such_feed(slug) from None
    if outcome.error:
        click.echo(f"{slug}: failed, {outcome.error}", err=True)
        return False
    changed = f"{outcome.new} new" if outcome.changed else "nothing new"
    click.echo(f"{slug}: fetched, {changed}, {outcome.kept} kept")
    return True


def _no_such_feed(slug: str) -> click.ClickException:
    return click.ClickException(f"There is no feed “{slug}”.")


@main.command()
@click.argument("address")
def suppress(address: str) -> None:
    """Never writes to ADDRESS again; of it, only a keyed hash is kept."""
    service = _service()
    try:
        parsed = addresses.parse(address, allow_test_domains=service.settings.is_local)
    except addresses.BadAddress as error:
        raise click.ClickException(str(error)) from None
    with service.database.writing() as session:
        records.suppress(session, service.hasher, parsed, "by hand", datetime.now(UTC))
    click.echo("Nothing will be sent there again.")


@main.group()
def export() -> None:
    """Writes to standard output."""


@export.command("subscribers")
@click.option("--newsletter", default="weekly", show_default=True)
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only these.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "ndjson"]), default="csv", show_default=True
)
def export_subscribers(newsletter: str, state: str | None, form: str) -> None:
    """The subscribers of a newsletter, with the evidence of their consent."""
    service = _service()
    with service.database.reading() as session:
        if newsletter not in (known := newsletters.slugs(session)):
            raise click.ClickException(
                f"There is no newsletter “{newsletter}”, only: {', '.join(known)}."
            )
        for line in records.export(session, newsletter, state, form):
            click.echo(line, nl=False)


digest_commands.install(main, _service)


@main.command()
@click.option("--sample", is_flag=True, help="Load a sample network if the database is empty.")
def serve(sample: bool) -> None:
    """Serves the pages and delivers mail, on HOST and PORT; brings up the database first."""
    if sample:
        os.environ.setdefault("UNDERSIGNED_NETWORK_NAME", sample_network.NETWORK_NAME)
    settings = _settings()
    _check_seal(settings)
    service = _service(upgrade=True)
    parts = [supervisor.Part(["web"], vital=True), supervisor.Part(["worker"])]
    lines = [("The network's pages", settings.url("/"))]
    if sample and sample_network.load(service, datetime.now(UTC)):
        parts.append(supervisor.Part(["sample-site"]))
        lines.insert(0, ("A member's site", sample_network.site_url(settings)))
    lines.append(("The console", settings.url("/admin")))
    if sample and sample_network.has_editor(service):
        lines[-1] = ("The console", f"{settings.url('/admin')}, as {sample_network.EDITOR}")
    if settings.smtp_url is None:
        lines.append(("The mailbox", settings.url("/mailbox")))
    service.database.close()
    # Otherwise the first start of the web server would be what fails, out of many lines.
    _check_port(settings.host, settings.port)
    if len(parts) > 2:
        _check_port("127.0.0.1", sample_network.site_port(settings))
    announce = threading.Thread(target=_announce, args=(settings, lines), daemon=True)
    announce.start()
    sys.exit(supervisor.run(parts))


def _check_seal(settings: Settings) -> None:
    """What signs our mail must be there before the first is sent."""
    try:
        seals.load(settings)
    except UnsafeSettings as error:
        raise click.ClickException(f"The settings can't be used.\n{error}") from None


def _check_port(host: str, port: int) -> None:
    try:
        supervisor.try_port(host, port)
    except OSError as error:
        raise click.ClickException(
            f"Something else listens on port {port} of {host}. Choose another port with "
            "UNDERSIGNED_PORT, or with PORT where that is not set."
            if error.errno == errno.EADDRINUSE
            else f"Port {port} of “{host}” can't be used: {error.strerror or error}. HOST must be "
            "an address of this machine, without brackets."
        ) from None


def _announce(settings: Settings, lines: list[tuple[str, str]]) -> None:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    if supervisor.wait_for_port(host, settings.port):
        width = max(len(name) for name, _ in lines)
        told = "".join(f"  {name.ljust(width)}   {url}\n" for name, url in lines)
        click.echo(f"\nUndersigned is running. Start with the first:\n\n{told}")


@main.command()
@TIED
def web(tied: bool) -> None:
    """Serves the pages alone."""
    settings = _settings()
    _service().database.close()  # what can't work is told here, once, and not by every process
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    Server(
        lambda: create_app(settings),
        bind=f"{host}:{settings.port}",
        workers=settings.web_workers,
        threads=settings.web_threads,
        request_seconds=settings.request_seconds,
        headers=common_headers(settings.is_https),
        lang=settings.language,
        tied=tied,
    ).run()


@main.command()
@TIED
def worker(tied: bool) -> None:
    """Delivers mail alone."""
    stopping = threading.Event()
    supervisor.on_stop_signal(stopping.set)
    if tied:
        supervisor.when_parent_ends(stopping.set)
    _check_seal(_settings())
    delivery_worker.run(_service(), stopping)


@main.command("sample-site", hidden=True)
@TIED
def sample_site(tied: bool) -> None:
    """A member's site on another origin, with the widgets as a member pastes them."""
    settings = _settings()
    Server(
        lambda: member_site(create_app(settings)),
        bind=f"127.0.0.1:{sample_network.site_port(settings)}",
        workers=1,
        threads=4,
        tied=tied,
    ).run()


if __name__ == "__main__":
    main()
