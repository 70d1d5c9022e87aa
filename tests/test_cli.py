"""The commands: what they say, what they do, and with which code they end."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import update

from tests.actors import CHECKOUT
from tests.other_tools import PASSWORD, USER, Listmonk
from tests.samples import publish, statement_file
from tests.strangers import Says, Stranger, atom
from widgets import addresses, audit, cli, newsletters, signatories, statements, writing
from widgets.audit import COMMAND_LINE
from widgets.models import Member, State, Statement, Subscriber, Suppression
from widgets.models.fact import content_version
from widgets.newsletters import Answer
from widgets.pacing import Limits
from widgets.service import Service

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
COLUMNS = "address,state,since,site,lang,consent,asked_at,confirmed_at,method"

Run = Callable[..., Result]


@pytest.fixture
def subscribe(service: Service) -> Callable[..., None]:
    """Signs an address up, an hour after the one before, and confirms it."""
    hours = iter(range(1000))

    def subscribe(address: str, *, confirmed: bool = True, site: str | None = None) -> None:
        now = NOW + timedelta(hours=next(hours))
        with service.database.writing() as session:
            sign_up = newsletters.sign_up(
                session,
                service.hasher,
                Limits(100, 100, frozenset()),
                addresses.parse(address),
                consent_text_id=newsletters.form(session, "weekly").consent_text_id,
                site=site,
                lang="en",
                now=now,
            )
            if confirmed:
                minute = now + timedelta(minutes=1)
                assert newsletters.confirm(session, sign_up, 0, minute) is Answer.DONE

    return subscribe


def statement(folder: Path, slug: str = "river-gate", front: str = "", names: str = "") -> Path:
    path = folder / f"{slug}.md"
    path.write_text(f"---\ntitle: Reopen it\ndate: 2026-03-02\n{front}---\n\nText.\n")
    if names:
        path.with_name(f"{slug}.signatories.csv").write_text(names)
    return path


# upgrade


def test_upgrade_makes_the_tables_and_may_be_repeated(
    run: Run, databases: Any, tmp_path: Path
) -> None:
    url = databases.empty()
    for _ in range(2):
        result = run("upgrade", DATABASE_URL=url)
        assert (result.exit_code, result.stdout) == (0, "The database is up to date.\n")


# import


def test_import_says_what_became_of_each_file(run: Run, tmp_path: Path) -> None:
    one = statement(tmp_path, names="name\nA\nB\n")
    two = statement(tmp_path, "second-gate")
    result = run("import", str(one), str(two))
    assert result.stdout == (
        "river-gate: new, 2 signatories, http://network.test/statements/river-gate\n"
        "second-gate: new, 0 signatories, http://network.test/statements/second-gate\n"
    )
    assert (result.exit_code, result.stderr) == (0, "")


def test_import_of_translations_says_in_which_language_and_where(run: Run, tmp_path: Path) -> None:
    original, french = statement(tmp_path), tmp_path / "river-gate.fr.md"
    french.write_text("---\ntitle: Rouvrez\n---\n\nTexte.\n")
    result = run("import", str(french), str(original))
    assert result.stdout == (
        "river-gate (fr): new, http://network.test/statements/river-gate?lang=fr\n"
        "river-gate: new, 0 signatories, http://network.test/statements/river-gate\n"
    )
    french.write_text("---\ntitle: Rouvrez\nwithdrawn: 2026-03-05\n---\n\nTexte.\n")
    assert run("import", str(french)).stdout.startswith("river-gate (fr): taken back, ")


def test_import_of_a_translation_of_nothing_names_what_is_missing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "river-gate.fr.md"
    path.write_text("---\ntitle: Rouvrez\n---\n\nTexte.\n")
    result = run("import", str(path))
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {path}:1: there is no statement “river-gate” to translate; import river-gate.md "
        "first, or together with this\nNothing was imported.\n"
    )


def test_import_twice_is_unchanged_and_a_correction_is_changed(run: Run, tmp_path: Path) -> None:
    path = statement(tmp_path)
    run("import", str(path))
    assert run("import", str(path)).stdout.startswith("river-gate: unchanged, 0 signatories")
    statement(tmp_path, front="lang: fr\n")
    assert run("import", str(path)).stdout.startswith("river-gate: changed, 0 signatories")


def test_import_warns_on_standard_error_and_goes_on(run: Run, tmp_path: Path) -> None:
    path = statement(tmp_path, front="tags: [a]\n", names="name\nA\na\n")
    result = run("import", str(path))
    assert result.exit_code == 0
    assert result.stderr == (
        f"warning: {path}:4: “tags” is not a field; it is ignored\n"
        f"warning: {tmp_path}/river-gate.signatories.csv:3: “a” stands in line 2 already; "
        "passed over\n"
    )


def test_import_warns_of_a_draft_that_it_makes_public(
    run: Run, tmp_path: Path, service: Service
) -> None:
    with service.database.writing() as session:
        typed = {"title": "River gate", "lang": "en"}
        number = writing.begin(session, typed, NOW.date(), COMMAND_LINE, NOW).id
        writing.get(session, number).publish_at = NOW
    path = statement(tmp_path)
    result = run("import", str(path))
    assert (result.exit_code, result.stderr) == (
        0,
        f"warning: {path}: “river-gate” was a draft in the console; it is published now\n",
    )
    with service.database.reading() as session:
        public = writing.get(session, number)
        assert (public.standing, public.publish_at) == ("published", None)
        last = audit.entries(session).items[0]
    assert (last.actor, last.action, last.subject) == ("the command line", "changed", str(number))
    assert last.details == {
        "language": "en",
        "file": "river-gate.md",
        "was": "draft",
        "is": "published",
    }
    assert run("import", str(path)).stderr == ""


def test_import_warns_of_what_gathers_and_of_what_was_withdrawn(
    run: Run, tmp_path: Path, service: Service
) -> None:
    path = statement(tmp_path)
    run("import", str(path))
    for standing, told in (
        ("gathering", "was gathering endorsements in the console; it is published now"),
        ("withdrawn", "was withdrawn; it is published again now"),
    ):
        with service.database.writing() as session:
            session.execute(update(Statement).values(standing=standing))
        assert run("import", str(path)).stderr == f"warning: {path}: “river-gate” {told}\n"


def test_the_audit_has_what_an_import_brings_in_and_changes_and_nothing_else(
    run: Run, tmp_path: Path, service: Service
) -> None:
    original, french = statement(tmp_path, names="name\nA\n"), tmp_path / "river-gate.fr.md"
    french.write_text("---\ntitle: Rouvrez\n---\n\nTexte.\n")
    for _ in range(2):
        run("import", str(original), str(french))
    statement(tmp_path, names="name\nA\nB\n")
    french.write_text("---\ntitle: Rouvrez\nwithdrawn: 2026-03-05\n---\n\nTexte.\n")
    run("import", str(original), str(french))
    with service.database.reading() as session:
        written = audit.entries(session, kind="statement").items
    file, its = {"language": "en", "file": "river-gate.md"}, {"language": "fr"}
    its |= {"file": "river-gate.fr.md"}
    assert {one.actor for one in written} == {"the command line"}
    assert [(one.action, one.details) for one in reversed(written)] == [
        ("imported", {**file, "names": 1}),
        ("translated", its),
        ("changed", {**file, "names": 2}),
        ("removed a translation of", its),
    ]


def test_import_of_a_mistake_names_its_line_and_imports_nothing(
    run: Run, tmp_path: Path, service: Service
) -> None:
    good, bad = statement(tmp_path), statement(tmp_path, "bad", front="lang: no language\n")
    result = run("import", str(good), str(bad))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"Error: {bad}:4: lang “no language” must be a language tag like en, ar or pt-BR\n"
        "Nothing was imported.\n"
    )
    with service.database.reading() as session:
        assert not statements.has_any(session)
        assert content_version(session) == 0


def test_import_of_a_file_that_is_not_there_says_so(run: Run, tmp_path: Path) -> None:
    result = run("import", str(tmp_path / "nothing.md"))
    assert result.exit_code == 1
    assert "nothing.md:1: can't be read: No such file or directory" in result.stderr


def test_import_of_nothing_is_a_mistake_in_the_command(run: Run) -> None:
    assert run("import").exit_code == 2


# member add


def test_a_member_is_added_and_told(run: Run, service: Service) -> None:
    result = run("member", "add", "lamp-keepers", "Lamp Keepers", "--website", "https://a.example")
    assert result.stdout == "lamp-keepers: Lamp Keepers, https://a.example\n"
    assert run("member", "add", "lamp-keepers", "Circle of Lamp Keepers").stdout == (
        "lamp-keepers: Circle of Lamp Keepers, https://a.example\n"
    )
    assert run("member", "add", "ink", "Paper and Ink").stdout.endswith("no website\n")
    with service.database.reading() as session:
        assert session.query(Member).count() == 2


def test_a_member_that_cannot_be_is_refused(run: Run, service: Service) -> None:
    result = run("member", "add", "Lamp Keepers", "Lamp Keepers")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: “Lamp Keepers” must be like “a-short-name”")
    with service.database.reading() as session:
        assert session.query(Member).count() == 0


# suppress


def test_a_suppressed_address_is_forgotten_but_for_its_hash(
    run: Run, service: Service, subscribe: Callable[..., None]
) -> None:
    subscribe("anna@example.org")
    result = run("suppress", "Anna@Example.org")
    assert (result.exit_code, result.stdout) == (0, "Nothing will be sent there again.\n")
    assert run("export", "subscribers").stdout == f"{COLUMNS}\n"
    with service.database.reading() as session:
        key = service.hasher.address(addresses.parse("anna@example.org"))
        assert [one.key for one in session.query(Suppression)] == [key]
        assert {one.address for one in session.query(Subscriber)} <= {None}


def test_who_asks_gets_all_that_is_kept_and_is_erased_without_a_trace(
    run: Run, service: Service, subscribe: Callable[..., None]
) -> None:
    subscribe("anna@example.org")
    told = json.loads(run("export", "person", "Anna@example.org").output)
    assert told["address"] == "anna@example.org"
    assert told["subscriptions"][0]["consents"][0]["method"] == "link"

    assert run("erase", "Anna@example.org").output == "Erased.\n"
    assert run("erase", "Anna@example.org").output == "Nothing was kept of this address.\n"
    with service.database.reading() as session:
        assert session.query(Subscriber).count() == session.query(Suppression).count() == 0
    assert json.loads(run("export", "person", "anna@example.org").output)["address"] is None


@pytest.mark.parametrize("command", [("erase",), ("export", "person")])
def test_what_is_no_address_has_no_record(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "anna@")

    assert result.exit_code == 1
    assert "e-mail address" in result.output


def test_suppressing_twice_or_whom_nobody_knows_is_no_error(run: Run) -> None:
    assert run("suppress", "anna@example.org").exit_code == 0
    assert run("suppress", "anna@example.org").exit_code == 0


@pytest.mark.parametrize("typed", ["anna", "a@b.example, c@d.example", "anna@example.org\nBcc: x"])
def test_what_is_no_address_cannot_be_suppressed(run: Run, service: Service, typed: str) -> None:
    result = run("suppress", typed)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    with service.database.reading() as session:
        assert session.query(Suppression).count() == 0


# export subscribers


def rows(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_subscribers_are_exported_with_the_evidence_of_their_consent(
    run: Run, service: Service, subscribe: Callable[..., None]
) -> None:
    subscribe("anna@example.org", site="lamp-keepers")
    subscribe("bela@example.org", confirmed=False)
    with service.database.reading() as session:
        wording = newsletters.form(session, "weekly").consent_text

    result = run("export", "subscribers")
    assert result.stdout.split("\n")[0] == COLUMNS
    assert rows(result) == [
        {
            "address": "anna@example.org",
            "state": "confirmed",
            "since": "2026-03-02T12:01:00+00:00",
            "site": "lamp-keepers",
            "lang": "en",
            "consent": wording,
            "asked_at": "2026-03-02T12:00:00+00:00",
            "confirmed_at": "2026-03-02T12:01:00+00:00",
            "method": "link",
        },
        {
            **dict.fromkeys(COLUMNS.split(","), ""),
            "address": "bela@example.org",
            "state": "pending",
            "since": "2026-03-02T13:00:00+00:00",
        },
    ]


def test_without_subscribers_the_table_has_its_head(run: Run) -> None:
    assert run("export", "subscribers").stdout == f"{COLUMNS}\n"
    assert run("export", "subscribers", "--format", "ndjson").stdout == ""


@pytest.mark.parametrize(
    ("state", "expected"),
    [("confirmed", ["anna@example.org"]), ("pending", ["bela@example.org"]), ("unsubscribed", [])],
)
def test_only_those_of_a_state_are_exported(
    run: Run, subscribe: Callable[..., None], state: str, expected: list[str]
) -> None:
    subscribe("anna@example.org")
    subscribe("bela@example.org", confirmed=False)
    result = run("export", "subscribers", "--newsletter", "weekly", "--state", state)
    assert [row["address"] for row in rows(result)] == expected


def test_ndjson_has_an_object_a_line_as_it_is(run: Run, subscribe: Callable[..., None]) -> None:
    subscribe("jürgen@example.org")
    subscribe("=1+1@example.org", confirmed=False)
    result = run("export", "subscribers", "--format", "ndjson")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["address"] for one in found] == ["jürgen@example.org", "=1+1@example.org"]
    assert [one["site"] for one in found] == [None, None]
    assert all(list(one) == COLUMNS.split(",") for one in found)
    assert "jürgen" in result.stdout


@pytest.mark.parametrize("address", ["=1+1@example.org", "+1@example.org", "-1@example.org"])
def test_a_spreadsheet_runs_nothing_of_what_is_exported(
    run: Run, subscribe: Callable[..., None], address: str
) -> None:
    subscribe(address)
    (row,) = rows(run("export", "subscribers"))
    assert row["address"] == f"'{address}"


def test_an_unknown_newsletter_is_told_with_those_there_are(run: Run) -> None:
    result = run("export", "subscribers", "--newsletter", "monthly")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: There is no newsletter “monthly”, only: weekly.\n"


def test_an_unknown_state_is_told_with_those_there_are(run: Run) -> None:
    result = run("export", "subscribers", "--state", "asleep")
    assert result.exit_code == 2
    assert all(state.value in result.stderr for state in State)


# export statements, signatories and members


def test_statements_are_exported_with_their_addresses(
    run: Run, service: Service, tmp_path: Path
) -> None:
    path = statement_file(tmp_path, names=["One", "Two"], topics="[press, water]")
    publish(service, path)

    (row,) = rows(run("export", "statements"))
    assert row == {
        "slug": "river-gate",
        "url": "http://network.test/statements/river-gate",
        "lang": "en",
        "title": "Reopen the reading room",
        "date": "2026-03-02",
        "languages": "en",
        "topics": "press; water",
        "countries": "",
        "organisations": "2",
        "people": "0",
    }
    told = json.loads(run("export", "statements", "--format", "ndjson").stdout)
    assert told["topics"] == ["press", "water"]


def test_the_names_under_a_statement_are_exported_and_can_be_imported_again(
    run: Run, service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path, names=[("=1+1", "NO"), "Two"]))

    result = run("export", "signatories", "river-gate")
    assert result.stdout == ("name,country,url,kind\n'=1+1,NO,,organisation\nTwo,,,organisation\n")
    assert [one.name for one in signatories.read_csv(result.stdout_bytes).names] == ["'=1+1", "Two"]
    told = run("export", "signatories", "river-gate", "--format", "ndjson").stdout.splitlines()
    assert json.loads(told[0])["name"] == "=1+1"


def test_the_names_under_no_statement_are_refused(run: Run) -> None:
    result = run("export", "signatories", "nothing")
    assert (result.exit_code, result.stderr) == (1, "Error: There is no statement “nothing”.\n")


def test_members_are_exported_as_the_console_writes_them(run: Run) -> None:
    run("member", "add", "lamp-keepers", "Lamp Keepers", "--website", "https://lamp.example")

    (row,) = rows(run("export", "members"))
    assert (row["slug"], row["website"]) == ("lamp-keepers", "https://lamp.example")
    told = json.loads(run("export", "members", "--format", "ndjson").stdout)
    assert (told["name"], told["contacts"]) == ("Lamp Keepers", [])


# What can't work


COMMANDS = [
    ["upgrade"],
    ["import", "river-gate.md"],
    ["member", "add", "lamp-keepers", "Lamp Keepers"],
    ["suppress", "anna@example.org"],
    ["export", "subscribers"],
    ["serve"],
    ["web"],
    ["worker"],
]


@pytest.mark.parametrize("command", COMMANDS)
def test_bad_settings_end_every_command_with_all_that_is_wrong(
    run: Run, command: list[str]
) -> None:
    result = run(*command, ACCENT="red", CLIENT_LIMIT="often")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "Error: The settings can't be used.\n"
        "UNDERSIGNED_ACCENT must be six hexadecimal digits, like b3261e.\n"
        "UNDERSIGNED_CLIENT_LIMIT must look like 30/minute;300/hour, or be empty.\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("service")
def test_another_hash_key_than_the_databases_ends_every_command(
    run: Run, command: list[str]
) -> None:
    result = run(*command, HASH_KEY="not the key of this database")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: UNDERSIGNED_HASH_KEY (or hash.key in the instance")


def test_a_refused_command_changes_nothing(run: Run, service: Service) -> None:
    run("member", "add", "lamp-keepers", "Lamp Keepers", HASH_KEY="not the key of this database")
    run("suppress", "anna@example.org", HASH_KEY="not the key of this database")
    with service.database.reading() as session:
        assert session.query(Member).count() == session.query(Suppression).count() == 0


@pytest.mark.parametrize("command", [*COMMANDS[1:5], ["worker"]])
def test_a_database_of_another_version_is_refused_with_what_to_do(
    run: Run, service: Service, command: list[str]
) -> None:
    with service.database.writing() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    result = run(*command)
    assert result.exit_code == 1
    assert "run `undersigned upgrade`" in result.stderr


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/nowhere/it.sqlite3", "postgresql://nobody@127.0.0.1:1/nothing"]
)
def test_a_database_that_does_not_answer_is_told_in_one_line(run: Run, url: str) -> None:
    result = run("export", "subscribers", DATABASE_URL=url)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database can't be used: ")
    assert len(result.stderr.splitlines()) == 1


def test_an_instance_folder_that_cannot_be_made_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("export", "subscribers", INSTANCE_PATH=str(tmp_path / "file" / "instance"))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The instance folder can't be used: ")


def test_help_names_every_command_and_no_hidden_one(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in ("upgrade", "import", "member", "suppress", "export", "serve", "web", "worker"):
        assert f"\n  {command} " in result.stdout
    assert "sample-site" not in result.stdout
    assert "--tied" not in run("worker", "--help").stdout


def test_an_unknown_command_is_told(run: Run) -> None:
    result = run("publish")
    assert result.exit_code == 2
    assert "No such command 'publish'" in result.stderr


# As processes


def process(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    usual = {name: text for name, text in os.environ.items() if not name.startswith("UNDERSIGNED_")}
    return subprocess.run(
        [sys.executable, *command],
        env=usual | environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_flask_knows_the_same_commands(
    environment: dict[str, str], service: Service, tmp_path: Path
) -> None:
    path = statement(tmp_path, names="name\nA\n")
    done = process(environment, "-m", "flask", "--app", "wsgi", "import", str(path))
    assert done.stdout == (
        "river-gate: new, 1 signatories, http://network.test/statements/river-gate\n"
    )
    assert done.returncode == 0
    with service.database.reading() as session:
        assert signatories.counts(session) == {1: 1}


def test_flask_lists_the_same_commands(environment: dict[str, str]) -> None:
    listed = process(environment, "-m", "flask", "--app", "wsgi", "--help").stdout
    for command in cli.main.commands.values():
        assert command.hidden or f"\n  {command.name} " in listed


def test_a_process_with_bad_settings_ends_without_a_traceback(environment: dict[str, str]) -> None:
    done = process(environment | {"UNDERSIGNED_ACCENT": "red"}, "-m", "widgets.cli", "serve")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "Error: The settings can't be used.\n"
        "UNDERSIGNED_ACCENT must be six hexadecimal digits, like b3261e.\n"
    )


# Feeds


def test_a_feed_is_followed_fetched_listed_and_forgotten(run: Run) -> None:
    with Stranger({"/feed": Says(atom("Two", "One"))}) as stranger:
        added = run("feed", "add", "lamps", stranger.url(), FEED_ALLOW_PRIVATE="true")
        assert (added.exit_code, added.stderr) == (0, "")
        assert added.stdout == (
            f"lamps: {stranger.url()}, http://network.test/embed/posts/lamps\n"
            "lamps: fetched, 2 new, 2 kept\n"
        )
        fetched = run("feed", "fetch", FEED_ALLOW_PRIVATE="true")
        assert (fetched.exit_code, fetched.stdout) == (
            0,
            "lamps: fetched, nothing new, 2 kept\n",
        )
        listed = run("feed", "list").stdout
        assert f"lamps: Lamp Keepers, {stranger.url()}\n  last fetched: 20" in listed
        assert "failing" not in listed
        stranger.answers.clear()
        failed = run("feed", "fetch", "lamps", FEED_ALLOW_PRIVATE="true")
        assert (failed.exit_code, failed.stderr) == (
            1,
            "lamps: failed, the server answered 404\n",
        )
        assert "; failing since 20" in run("feed", "list").stdout
    assert run("feed", "remove", "lamps").stdout == "lamps: not followed any more\n"
    assert run("feed", "list").stdout == ""


def test_a_feed_that_cannot_be_fetched_yet_is_followed_all_the_same(run: Run) -> None:
    added = run("feed", "add", "here", "http://127.0.0.1/feed")

    assert added.exit_code == 0
    assert added.stderr == (
        "here: failed, 127.0.0.1 is not on the public internet\n"
        "It is followed all the same, and tried again by the worker.\n"
    )
    assert "here: 127.0.0.1, http://127.0.0.1/feed" in run("feed", "list").stdout


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("add", "Lamps!", "https://lamp.example/"), "must be like"),
        (("add", "lamps", "lamp.example"), "must be an address like"),
        (("add", "lamps", "https://lamp.example:22/"), "port 22 is not asked"),
        (("remove", "none"), "There is no feed “none”."),
        (("fetch", "none"), "There is no feed “none”."),
    ],
)
def test_a_feed_that_is_none_is_refused(run: Run, command: tuple[str, ...], why: str) -> None:
    result = run("feed", *command)

    assert result.exit_code == 1
    assert why in result.stderr
    assert run("feed", "list").stdout == ""


# Partners


def test_a_partner_is_added_looked_at_brought_in_step_and_removed(
    run: Run, subscribe: Callable[..., None]
) -> None:
    subscribe("ada@example.org")
    with Listmonk() as there:
        there.put("bo@example.org")
        added = run(
            "partner", "add", "weekly", "listmonk", there.url, "3",
            "--user", USER, "--password", PASSWORD, "--take-in",
        )  # fmt: skip
        assert added.output == (
            "1: listmonk, list 3 at 127.0.0.1, of weekly\n"
            "The list is called “Weekly” and knows 1 person.\n"
        )
        assert run("partner", "sync", "1", "--look").output == (
            "A run would put 1 person on the list there and take 1 person in here. 0 stand alike.\n"
        )
        assert "never compared; not started" in run("partner", "list").output
        done = run("partner", "sync", "1")
        assert done.output == (
            "1 person put on the list there, 1 person taken in here. 0 stood alike.\n"
        )
        assert there.confirmed() == ["ada@example.org", "bo@example.org"]
        assert run("partner", "sync", "1", "--start").exit_code == 0
        assert "not started" not in run("partner", "list").output
        there.said["GET /api/subscribers"] = (500, b"")
        failed = run("partner", "sync", "1")
        assert failed.exit_code == 1
        assert "It answered 500." in failed.output
        assert "failing since" in run("partner", "list").output
    assert run("partner", "remove", "1").output == "1: removed\n"
    assert run("partner", "list").output == ""
    assert run("partner", "sync", "1").exit_code == 1
    assert "There is no partner 1" in run("partner", "remove", "1").output


def test_many_ends_need_a_word(run: Run, subscribe: Callable[..., None]) -> None:
    for number in range(25):
        subscribe(f"u{number}@example.org")
    with Listmonk() as there:
        run("partner", "add", "weekly", "listmonk", there.url, "3", "--user", USER,
            "--password", PASSWORD)  # fmt: skip
        run("partner", "sync", "1")
        there.rows = {}
        asked = run("partner", "sync", "1")
        assert asked.exit_code == 1
        assert "it would end 25 subscriptions here and 0 there, of 25" in asked.output
        assert run("partner", "sync", "1", "--agree", "24").exit_code == 1
        done = run("partner", "sync", "1", "--agree", "25")

    assert done.output == "25 subscriptions ended here. 0 stood alike.\n"


def test_a_partner_that_can_not_be_used_is_told(run: Run) -> None:
    def add(*changes: str) -> Result:
        return run("partner", "add", *changes, "--user", USER, "--password", PASSWORD)

    wrong = add("weekly", "listmonk", "http://lists.example.org", "news")
    assert wrong.exit_code == 1
    assert "must begin with https://" in wrong.output
    assert "known by its number" in wrong.output
    assert "no newsletter “daily”" in add("daily", "listmonk", "https://l.example", "3").output
    away = add("weekly", "mailman", "http://127.0.0.1:9", "news.lists.example")
    assert away.exit_code == 1
    assert "It was added, but: It can’t be reached" in away.output


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_key_for_signing_mail_that_is_not_there_ends_the_start(run: Run, command: str) -> None:
    done = run(command, DKIM_SELECTOR="news", DKIM_KEY="/nowhere/key.pem")
    assert done.exit_code == 1
    assert done.output.startswith(
        "Error: The settings can't be used.\nUNDERSIGNED_DKIM_KEY: /nowhere/key.pem can't be read"
    )
