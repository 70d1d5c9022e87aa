"""The commands; each calls one function of the floor below."""

import errno
import json
import os
import sys
import threading
from dataclasses import asdict
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
    doctor,
    editors,
    feeds,
    logs,
    member_tables,
    members,
    newsletters,
    outbox,
    partner_findings,
    partner_sync,
    partners,
    people,
    records,
    seals,
    signatories,
    statements,
    supervisor,
    tables,
)
from widgets import sample as sample_network
from widgets import settings as setting_values
from widgets import worker as delivery_worker
from widgets.audit import COMMAND_LINE
from widgets.mail_dns import Finding, Level
from widgets.models import Partner, Role
from widgets.models.database import DatabaseIsBehind
from widgets.models.subscriber import State
from widgets.partner_tools.tool import ToolFails
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


@main.group()
def partner() -> None:
    """Other tools that hold a newsletter's subscribers too: listmonk, Mailman 3."""


@partner.command("add")
@click.argument("newsletter")
@click.argument("kind", type=click.Choice(list(partners.KINDS)))
@click.argument("url")
@click.argument("list_name", metavar="LIST")
@click.option("--user", required=True, help="Of the tool's API.")
@click.option(
    "--password", prompt=True, hide_input=True, help="Or the token; asked for where it is missing."
)
@click.option("--take-in", is_flag=True, help="Who confirmed there subscribes here too.")
def add_partner(
    newsletter: str, kind: str, url: str, list_name: str, user: str, password: str, take_in: bool
) -> None:
    """Keeps NEWSLETTER in step with a list of another tool, once it is started.

    URL is where its API is; LIST is listmonk's number of the list, or Mailman's id of it. Look
    first what would happen: `undersigned partner sync NUMBER --look`.
    """
    service = _service()
    typed = partners.Typed(kind, url, user, password, list_name, take_in)
    now = datetime.now(UTC)
    try:
        with service.database.writing() as session:
            added = partners.add(session, service.links, newsletter, typed, COMMAND_LINE, now)
    except partners.BadPartner as error:
        raise click.ClickException("\n".join(error.problems.values())) from None
    except newsletters.NoSuchNewsletter:
        raise click.ClickException(f"There is no newsletter “{newsletter}”.") from None
    click.echo(f"{added.id}: {partners.name(added)}, of {newsletter}")
    try:
        click.echo(partners.check(service.links, added))
    except ToolFails as error:
        click.echo(f"It was added, but: {error}", err=True)
        sys.exit(1)


@partner.command("list")
def list_partners() -> None:
    """The partners, and how each is doing."""
    with _service().database.reading() as session:
        for one in partners.listed(session):
            click.echo(f"{one.id}: {partners.name(one)}, of {one.newsletter.slug}")
            click.echo(f"  {_doing(one)}")


def _doing(one: Partner) -> str:
    if one.failing_since:
        return f"failing since {one.failing_since:%Y-%m-%d %H:%M} UTC: {one.last_error}"
    if asked := partners.asks(one):
        return (
            f"waits for a word: it would end {asked.ends_here:,} subscriptions here and "
            f"{asked.ends_there:,} there, of {asked.of:,}. See the console, or: "
            f"undersigned partner sync {one.id} --agree {asked.ends_here + asked.ends_there}"
        )
    ran = f"last in step: {one.run_at:%Y-%m-%d %H:%M} UTC" if one.run_at else "never compared"
    return ran if one.next_at else f"{ran}; not started"


@partner.command("sync")
@click.argument("number", type=int)
@click.option("--look", is_flag=True, help="Only tell what would happen.")
@click.option("--agree", type=int, metavar="ENDS", help="To as many ends as the last run told.")
@click.option("--start", is_flag=True, help="And again every 15 minutes from now on.")
def sync_partner(number: int, look: bool, agree: int | None, start: bool) -> None:
    """Brings a partner in step now, and says what happened."""
    service = _service()
    now = datetime.now(UTC)
    try:
        if look:
            found = partner_sync.look(service, number, lambda: datetime.now(UTC))
            click.echo(partner_findings.sentence(found))
            return
        with service.database.writing() as session:
            one = partners.one(session, number)
            if agree is not None and not partners.agree(session, one, agree, COMMAND_LINE, now):
                raise click.ClickException("It does not wait for a word on that many.")
            if start:
                partners.start(session, one, COMMAND_LINE, now)
        worker = f"{outbox.worker_name()}:command"
        if partner_sync.run_due(service, worker, only=number) is None:
            raise click.ClickException("Another worker is at it. Please try again in a moment.")
        with service.database.reading() as session:
            one = partners.one(session, number)
    except partners.NoSuchPartner:
        raise _no_such_partner(number) from None
    except ToolFails as error:
        raise click.ClickException(str(error)) from None
    if one.failing_since or partners.asks(one):
        click.echo(_doing(one), err=True)
        sys.exit(1)
    click.echo(partner_findings.told(one.outcome))


@partner.command("remove")
@click.argument("number", type=int)
def remove_partner(number: int) -> None:
    """Forgets a partner and its password. Nobody is unsubscribed by that, here or there."""
    try:
        with _service().database.writing() as session:
            one = partners.one(session, number)
            partners.remove(session, one, COMMAND_LINE, datetime.now(UTC))
    except partners.NoSuchPartner:
        raise _no_such_partner(number) from None
    click.echo(f"{number}: removed")


def _no_such_partner(number: int) -> click.ClickException:
    return click.ClickException(f"There is no partner {number}; see: undersigned partner list")


@main.command()
@click.argument("address")
def suppress(address: str) -> None:
    """Never writes to ADDRESS again; of it, only a keyed hash is kept."""
    service = _service()
    parsed = _parsed(service, address)
    with service.database.writing() as session:
        records.suppress(session, service.hasher, parsed, "by hand", datetime.now(UTC))
    click.echo("Nothing will be sent there again.")


@main.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
def examine(as_json: bool) -> None:
    """Looks at settings, database, worker, relay, https and DNS, and says what to do.

    Ends with 1 if there is a problem.
    """
    try:
        found = doctor.examine(_service(), doctor.World(), datetime.now(UTC))
    except click.ClickException as error:
        found = [Finding(Level.PROBLEM, "settings", error.message)]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2))
    else:
        for one in found:
            click.echo(f"{one.level.upper():8} {one.about}: {one.text}")
            for line in one.records:
                click.echo(f"           {line}")
    if any(one.level is Level.PROBLEM for one in found):
        sys.exit(1)


def _parsed(service: Service, address: str) -> addresses.Address:
    try:
        return addresses.parse(address, allow_test_domains=service.settings.is_local)
    except addresses.BadAddress as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.argument("address")
@click.option("--contacts", is_flag=True, help="Also as a contact of members.")
def erase(address: str, contacts: bool) -> None:
    """Deletes all that is kept of ADDRESS, which can sign up again one day."""
    service = _service()
    key = service.hasher.address(_parsed(service, address))
    with service.database.writing() as session:
        known = people.find(session, service.hasher, key)
        records.erase(session, service.hasher, key, None, datetime.now(UTC), contacts=contacts)
        if known.is_known:
            actor, now = COMMAND_LINE, datetime.now(UTC)
            audit.record(session, actor, "erased", people.subject(key), now)
    click.echo("Erased." if known.is_known else "Nothing was kept of this address.")
    if known.contact_of and not contacts:
        click.echo("They stay a contact of members; --contacts erases that too.", err=True)
    if known.editor:
        click.echo("They stay an editor; see `undersigned editor remove`.", err=True)


FORMAT = click.option(
    "--format", "form", type=click.Choice(["csv", "ndjson"]), default="csv", show_default=True
)


@main.group()
def export() -> None:
    """Writes to standard output."""


@export.command("statements")
@FORMAT
def export_statements(form: str) -> None:
    """The statements that stand, the newest first."""
    service = _service()
    with service.database.reading() as session:
        tallies = signatories.tallies(session)
        rows = [
            {
                "slug": one.slug,
                "url": service.settings.url(f"/statements/{one.slug}"),
                "lang": one.lang,
                "title": one.title,
                "date": one.published_on.isoformat(),
                "languages": one.languages,
                "topics": one.topics,
                "countries": one.countries,
                "organisations": tallies.get(one.id, signatories.Tally()).organisations,
                "people": tallies.get(one.id, signatories.Tally()).people,
            }
            for one in statements.newest(session)
        ]
    columns = ("slug", "url", "lang", "title", "date", "languages", "topics", "countries",
               "organisations", "people")  # fmt: skip
    for line in tables.exported(columns, rows, form):
        click.echo(line, nl=False)


@export.command("signatories")
@click.argument("slug")
@FORMAT
def export_signatories(slug: str, form: str) -> None:
    """The names under the statement SLUG, also of a draft, in the order in which they came."""
    with _service().database.reading() as session:
        statement = statements.by_slug(session, slug)
        if statement is None:
            raise click.ClickException(f"There is no statement “{slug}”.")
        rows = [vars(one) for one in signatories.part(session, statement.id)]
    for line in tables.exported(("name", "country", "url", "kind"), rows, form):
        click.echo(line, nl=False)


@export.command("members")
@FORMAT
def export_members(form: str) -> None:
    """The members, with their contacts and sites, as the console writes and reads them."""
    with _service().database.reading() as session:
        listed = members.everyone(session)
    if form == "csv":
        click.echo(member_tables.exported(listed), nl=False)
        return
    for one in listed:
        click.echo(json.dumps(member_tables.as_data(one), ensure_ascii=False))


@export.command("subscribers")
@click.option("--newsletter", default="weekly", show_default=True)
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only these.")
@FORMAT
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


@export.command("person")
@click.argument("address")
def export_person(address: str) -> None:
    """All that is kept of whoever has ADDRESS, as JSON: for them, if they ask."""
    service = _service()
    key = service.hasher.address(_parsed(service, address))
    with service.database.reading() as session:
        click.echo(people.as_json(people.find(session, service.hasher, key)))


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
