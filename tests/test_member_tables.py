"""Members in tables: nobody comes in twice, and what goes out comes back the same."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from widgets import audit, editors, jobs, member_tables, members, work
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.member_tables import Does, Planned, plan, read
from widgets.members import Entry, Person
from widgets.models import Database, Editor, Job, Role
from widgets.service import Service
from widgets.tables import BadRow

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAMPS = Entry(
    "Circle of Lamp Keepers",
    {"fr": "Cercle des Gardiens de Lampes"},
    "NO",
    "https://lamp.example",
    [Person("Ada", "ada@lamp.example", "fr")],
    ["https://lamp.example"],
)


@pytest.fixture
def lamps(service: Service) -> str:
    with service.database.writing() as session:
        return members.add(session, LAMPS, "lamps", COMMAND_LINE, NOW).slug


@pytest.fixture
def editor(service: Service) -> Editor:
    with service.database.writing() as session:
        return editors.add(
            session, parse("anna@example.org"), "Anna", Role.EDITOR, COMMAND_LINE, NOW
        )


@pytest.fixture
def bring_in(service: Service, editor: Editor) -> Callable[..., Job]:
    def bring(table: str, **choices: str) -> Job:
        params = {"choices": {line.removeprefix("line_"): how for line, how in choices.items()}}
        with service.database.writing() as session:
            job_id = jobs.start(
                session, editor, "import members", NOW, params=params, data=table.encode()
            )
        while work.do_one(service, "here:1"):
            pass
        with service.database.reading() as session:
            job = jobs.get(session, job_id)
        assert job
        return job

    return bring


def planned(service: Service, table: str, choices: dict[str, str] | None = None) -> list[Planned]:
    with service.database.reading() as session:
        return plan(session, read(table.encode()), choices or {})


def told(service: Service, table: str) -> list[str]:
    return [f"{one.line} {one.does}" for one in planned(service, table)]


def names(service: Service) -> list[str]:
    with service.database.reading() as session:
        return [one.name for one in members.everyone(session)]


def test_a_table_says_all_of_a_member() -> None:
    table = read(
        "name;name:FR;Slug;Country;website;sites;contact name;contact address;contact lang;"
        "contact 2 address;phone\n"
        "Lamp Keepers;Gardiens;lamps;Norway;lamp.example;https://a.example b.example;Ada;"
        "ada@lamp.example;fr;bo@lamp.example;123\n".encode("utf-16")
    )

    (row,) = table.rows
    assert (row.line, row.slug, table.unread) == (2, "lamps", ["phone"])
    assert members.checked(row.entry) == Entry(
        "Lamp Keepers",
        {"fr": "Gardiens"},
        "NO",
        "https://lamp.example",
        [Person("Ada", "ada@lamp.example", "fr"), Person("", "bo@lamp.example")],
        ["https://a.example", "https://b.example"],
    )


def test_what_goes_out_comes_back_unchanged(service: Service, lamps: str) -> None:
    strange = ["=HYPERLINK(1)", "+972 Magazine", "-minus", "@handle", "اتحاد", 'A "B", C; D']
    with service.database.writing() as session:
        for number, name in enumerate(strange):
            people = [Person(name, f"a{place}@m{number}.example") for place in range(number)]
            members.add(session, Entry(name, contacts=people), f"m{number}", COMMAND_LINE, NOW)
        members.leave(session, "m1", COMMAND_LINE, NOW)
    with service.database.reading() as session:
        table = member_tables.exported(members.everyone(session))

    assert "\n=" not in table
    assert ",=" not in table
    assert {one.does for one in planned(service, table)} == {Does.NOTHING}
    assert len(planned(service, table)) == 7


def test_a_table_that_went_out_fills_an_empty_network(
    service: Service, lamps: str, bring_in: Callable[..., Job]
) -> None:
    with service.database.writing() as session:
        members.leave(session, lamps, COMMAND_LINE, NOW)
        before = members.entry_of(members.get(session, lamps))
        table = member_tables.exported(members.everyone(session))
        members.forget(session, lamps, COMMAND_LINE, NOW)

    assert bring_in(table).outcome["text"].startswith("1 added")
    with service.database.reading() as session:
        after = members.get(session, lamps)
        assert (after.name, dict(after.names), after.country) == (
            before.name,
            before.names,
            before.country,
        )
        assert after.left_at == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "does"),
    [
        ("Circle of Lamp Keepers,", Does.NOTHING),
        ("Cercle des Gardiens de Lampes,", Does.CHANGE),
        ("circle of lamp keepers,", Does.ASK),
        ("The Circle of Lamp-Keepers,", Does.ASK),
        ("CIRCLE OF LAMPKEEPERS,", Does.ASK),
        ("Lamp Circle,www.lamp.example", Does.ASK),
        ("Circle of Lamps,", Does.ADD),
    ],
)
def test_a_member_in_other_spelling_is_asked_about(
    service: Service, lamps: str, row: str, does: Does
) -> None:
    (one,) = planned(service, f"name,website\n{row}\n")

    assert one.does is does
    if does is Does.ASK:
        assert [other.name for other in one.alike] == ["Circle of Lamp Keepers"]
        assert one.choice == "keep:lamps"


def test_the_slug_tells_who_is_meant_whatever_the_name(service: Service, lamps: str) -> None:
    (one,) = planned(service, "slug,name,country\nlamps,Union of Lamps,SE\n")

    assert one.does is Does.CHANGE
    assert one.changes == (
        "name: Circle of Lamp Keepers → Union of Lamps",
        "country: NO → SE",
    )


def test_a_namesake_in_another_country_is_likelier_another(service: Service, lamps: str) -> None:
    (one,) = planned(service, "name,country\nCircle of Lamp Keepers,SE\n")

    assert (one.does, one.choice) == (Does.ASK, "add")


def test_one_that_stands_twice_in_the_table_is_asked_about(service: Service) -> None:
    assert told(service, "name\nLamp Keepers\nPaper and Ink\nthe lampkeepers\n") == [
        "2 add",
        "3 add",
        "4 ask",
    ]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("name,country\nLamps,Norwegia\n", "“NORWEGIA” is not a country"),
        ("name,sites\nLamps,https://lamp.example\n", "belongs to Circle of Lamp Keepers already"),
        ("name,contact address\nLamps,nobody\n", "has an @ in it"),
        ("name,slug\nLamps,Not A Slug\n", "must be like “a-short-name”"),
        ("name,slug\n,lamps2\n", "needs a name"),
        ("name,left\nLamps,yesterday\n", "is not a day"),
        ("name,name:x1\nLamps,b\n", "is not the tag of a language"),
    ],
)
def test_a_row_that_cannot_be_kept_is_refused_with_its_reason(
    service: Service, lamps: str, table: str, told: str
) -> None:
    rows = planned(service, f"{table}Fine\n")

    assert rows[0].line == 2
    assert rows[1].does is Does.ADD
    if "sites" in table:  # which is asked about first
        assert rows[0].does is Does.ASK
    else:
        assert rows[0].does is Does.REFUSE
        assert told in rows[0].reason


def test_too_many_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_tables, "MOST", 2)
    with pytest.raises(BadRow, match="more than 2 members"):
        read(b"name\nA\nB\n\nC\n")


def test_what_was_chosen_is_done(
    service: Service, lamps: str, bring_in: Callable[..., Job]
) -> None:
    job = bring_in(
        "name,website,contact address,contact name,sites\n"
        "circle of lamp keepers,,bo@lamp.example,Bo,lamps.example\n"
        "Lamp Keepers’ Circle,https://lamp.example,,,\n"
        "The Circle of Lamp Keepers,,,,\n"
        "circle of lampkeepers,,,,\n"
        "Paper and Ink,,,,\n",
        line_2="keep:lamps",
        line_3="rename:lamps",
        line_4="add",
        line_5="skip",
    )

    assert job.state == "done"
    assert job.outcome["text"] == ("2 added, 2 changed, 0 as they were, 1 left out, 0 refused.")
    assert names(service) == ["Lamp Keepers’ Circle", "Paper and Ink", "The Circle of Lamp Keepers"]
    with service.database.reading() as session:
        entry = members.entry_of(members.get(session, lamps))
    assert [one.address for one in entry.contacts] == ["ada@lamp.example", "bo@lamp.example"]
    assert entry.sites == ["https://lamp.example", "https://lamps.example"]


def test_nobody_comes_in_twice_without_being_asked(
    service: Service, lamps: str, bring_in: Callable[..., Job]
) -> None:
    table = "name\nthe circle of lamp keepers\nPaper and Ink\n"
    bring_in(table)
    job = bring_in(table)

    assert names(service) == ["Circle of Lamp Keepers", "Paper and Ink"]
    assert job.outcome["text"] == "0 added, 0 changed, 1 as they were, 1 left out, 0 refused."
    assert job.outcome["lines"] == [
        "Line 2, the circle of lamp keepers: left out, since it may be Circle of Lamp Keepers"
    ]


def test_what_cannot_be_done_any_more_is_told(
    service: Service, bring_in: Callable[..., Job]
) -> None:
    job = bring_in("name,sites\nA,https://a.example\nB,https://a.example\n", line_3="add")

    assert names(service) == ["A"]
    assert job.outcome["lines"] == ["Line 3, B: https://a.example belongs to A already."]


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(
    service: Service,
    bring_in: Callable[..., Job],
    editor: Editor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member_tables, "AT_ONCE", 10)
    table = "name\n" + "".join(f"Member {number}\n" for number in range(35))
    with service.database.writing() as session:
        jobs.start(
            session, editor, "import members", NOW, params={"choices": {}}, data=table.encode()
        )
    task = jobs.claim(service.database, "first:1", NOW)
    assert task
    writing, times = Database.writing, []

    def dies(database: Database) -> Any:
        times.append(1)
        if len(times) > 2:
            raise KeyboardInterrupt
        return writing(database)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "writing", dies)
        with pytest.raises(KeyboardInterrupt):
            member_tables.bring_in(service, task)
    assert len(names(service)) == 20

    later = datetime.now(UTC) + jobs.LEASE * 2
    assert work.do_one(service, "second:1", lambda: later)

    assert len(names(service)) == 35
    with service.database.reading() as session:
        (job,) = jobs.latest(session)
    assert (job.done, job.total, job.state) == (35, 35, "done")
    assert "what was done before that is in the audit" in job.outcome["text"]


def test_every_change_of_a_table_is_in_the_audit(
    service: Service, bring_in: Callable[..., Job]
) -> None:
    bring_in("name\nPaper and Ink\n")

    with service.database.reading() as session:
        (entry,) = audit.entries(session, kind="member").items
    assert (entry.actor, entry.action, entry.title, entry.details) == (
        "Anna",
        "added",
        "Paper and Ink",
        {"by": "a table"},
    )
