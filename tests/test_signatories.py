"""The names under a statement: read from tables as people make them, kept in order, found."""

import pytest
from alembic import command
from sqlalchemy import select, text, update

from tests.conftest import Databases
from tests.samples import endorsed
from widgets import signatories
from widgets.models import Database, Fact, Signatory, Statement
from widgets.models.database import _alembic
from widgets.models.fact import NAMES_KEYED_BY, content_version
from widgets.service import Service, make_ready
from widgets.signatories import MOST, Name, Table, read_csv
from widgets.tables import BadRow
from widgets.text import fold

TABLE = (
    "name,country,url\nCircle of Lamp Keepers,NO,\nUnión de Lectores,,https://lectores.example\n"
)
NAMES = [
    Name("Circle of Lamp Keepers", "NO", None),
    Name("Unión de Lectores", None, "https://lectores.example"),
]


def names(text: str | bytes) -> list[str]:
    return [one.name for one in table(text).names]


def table(text: str | bytes) -> Table:
    return read_csv(text.encode() if isinstance(text, str) else text)


def refusal(text: str | bytes) -> tuple[int, str]:
    with pytest.raises(BadRow) as refused:
        table(text)
    return refused.value.line, refused.value.reason


# Tables as programs write them


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        b"\xfe\xff" + TABLE.encode("utf-16-be"),
        TABLE.replace(",", ";").encode("utf-8-sig"),
        TABLE.replace(",", "\t").encode("utf-16"),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\r\n").encode("utf-16"),
        TABLE.replace("\n", "\r").encode(),
        TABLE.rstrip("\n").encode(),
        TABLE.replace("\n", "\n\n").encode(),
        '\ufeff"name","country","url"\n"Circle of Lamp Keepers","NO",""\n'
        '"Unión de Lectores","","https://lectores.example"\n'.encode(),
    ],
)
def test_a_table_reads_alike_from_whatever_program(data: bytes) -> None:
    assert read_csv(data) == Table(NAMES, [])


@pytest.mark.parametrize(
    "header",
    ["Name,Country,URL", " name , country , url ", "NAME,COUNTRY,Url", "\ufeffname,country,url"],
)
def test_the_header_may_be_written_in_many_ways(header: str) -> None:
    assert table(TABLE.replace("name,country,url", header)).names == NAMES


def test_columns_may_stand_in_any_order_and_others_are_ignored() -> None:
    assert table(
        "id,url,e-mail,name,country\n1,https://a.example,x@a.example,Lamp Keepers,no\n"
    ) == Table([Name("Lamp Keepers", "NO", "https://a.example")], [])


def test_a_column_without_a_name_is_ignored() -> None:
    assert table("name,,\nLamp Keepers,a remark,https://a.example\n") == Table(
        [Name("Lamp Keepers")], []
    )


def test_a_row_may_be_shorter_than_the_header() -> None:
    assert table("name,country,url\nLamp Keepers\n").names == [Name("Lamp Keepers")]


def test_a_table_may_have_names_alone_or_none() -> None:
    assert names("name\nLamp Keepers\nPaper and Ink\n") == ["Lamp Keepers", "Paper and Ink"]
    assert names("name\n") == names("name") == []


def test_a_name_may_have_commas_quotation_marks_and_line_ends() -> None:
    assert names('name\n"Paper, Ink and Press"\n"The ""Free"" Press"\n"Two\nLines"\n') == [
        "Paper, Ink and Press",
        'The "Free" Press',
        "Two Lines",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "جمعية القراء",
        "កម្ពុជា\u200bសហគមន៍",
        "読書会",
        "سازمان\u200cهای",
        "Ãñ & Ø <b>",
        "=SUM(A1)",
        "'Ohana",
    ],
)
def test_a_name_is_kept_as_it_is_written(name: str) -> None:
    assert table(f"name\n{name}\n") == Table([Name(name)], [])


# What is passed over, with a warning


def test_a_row_without_a_name_is_passed_over() -> None:
    assert table("name,country\nOne,\n,NO\n  ,\n\nTwo,\n") == Table(
        [Name("One"), Name("Two")],
        [(3, "a row without a name is passed over"), (4, "a row without a name is passed over")],
    )


@pytest.mark.parametrize("unseen", ["\u202e", "\u200b", "\u200e\u200f", "\u2060", "\xad", "\0"])
def test_a_name_of_nothing_that_can_be_seen_is_no_name(unseen: str) -> None:
    assert names(f"name\nOne\n{unseen}\n") == ["One"]


def test_a_repeated_name_is_passed_over_with_the_line_of_the_first() -> None:
    assert table("name\nUnión  de Lectores\nPaper and Ink\nunion de lectores\n") == Table(
        [Name("Unión de Lectores"), Name("Paper and Ink")],
        [(4, "“union de lectores” stands in line 2 already; passed over")],
    )


def test_a_name_in_two_countries_is_two_names() -> None:
    assert names("name,country\nPEN,NO\nPEN,KE\nPEN,\nPEN,no\n") == ["PEN"] * 3


@pytest.mark.parametrize(("one", "other"), [("カラス", "ガラス"), ("ハス", "パス"), ("कल", "क्ल")])
def test_what_another_script_tells_apart_is_two_names(one: str, other: str) -> None:
    """Their difference is a mark in Unicode and a letter to whoever reads them."""
    assert names(f"name\n{one}\n{other}\n") == [one, other]


@pytest.mark.parametrize("hidden", ["\u202e", "\u2067", "\u202a", "\x07", "\0", "\ufeff"])
def test_an_override_or_control_character_is_taken_out_and_told(hidden: str) -> None:
    assert table(f"name\nFirst\nUnion{hidden} of Writers\n") == Table(
        [Name("First"), Name("Union of Writers")],
        [(3, "hidden characters are taken out of “Union of Writers”")],
    )


def test_an_override_does_not_make_a_second_name_of_one() -> None:
    assert names("name\nUnion of Writers\nUnion\u202e of Writers\n") == ["Union of Writers"]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "a.example", "ftp://a.example", "data:text/html", "//a.example"]
)
def test_what_is_no_web_address_is_left_out(url: str) -> None:
    assert table(f"name,url\nLamp Keepers,{url}\n") == Table(
        [Name("Lamp Keepers")], [(2, f"“{url}” is not a web address; it is left out")]
    )


def test_a_web_address_may_begin_in_capitals() -> None:
    assert table("name,url\nOne,HTTPS://A.example/\n").names == [
        Name("One", None, "HTTPS://A.example/")
    ]


# What is refused, with its line


def test_a_name_with_a_bare_comma_is_refused_with_its_line() -> None:
    reason = "more values than columns: a name with a comma needs quotation marks"
    assert refusal("name\nLamp Keepers\nPaper, Ink and Press\n") == (3, reason)
    assert refusal("name,country\nPaper, Ink and Press,NO\n") == (2, reason)


def test_half_a_name_is_not_taken_for_a_country() -> None:
    assert refusal("name,country,url\nLamp Keepers,NO,\nPaper, Ink and Press\n") == (
        3,
        "“INK AND PRESS” is not a country (two letters, ISO 3166); a name with a comma "
        "needs quotation marks",
    )


@pytest.mark.parametrize("country", ["Norway", "NOR", "QQ", "N", "47"])
def test_a_country_that_is_none_is_refused(country: str) -> None:
    line, reason = refusal(f"name,country\nOne,\nTwo,{country}\n")
    assert line == 3
    assert reason.startswith(f"“{country.upper()}” is not a country")


def test_a_quotation_mark_that_is_never_closed_is_refused_where_it_opens() -> None:
    line, reason = refusal('name\nOne\n"Two\nThree\nFour\n')
    assert line == 3
    assert reason.startswith("not a CSV table")


def test_a_quotation_mark_within_is_refused() -> None:
    assert refusal('name\nOne\n"Two" or Three\n')[0] == 3


def test_text_that_is_not_utf_8_is_refused_with_its_line() -> None:
    assert refusal("name\nOne\nUnión\nTwo\n".encode("latin-1")) == (
        3,
        "not UTF-8; save the table as “CSV UTF-8”",
    )


def test_half_of_a_utf_16_file_is_refused() -> None:
    assert refusal("name\nOne\n".encode("utf-16")[:-1])[1].startswith("not UTF-8")


@pytest.mark.parametrize(
    "text", ["", "\n", "Lamp Keepers\nPaper and Ink\n", "title,country\nA,NO\n"]
)
def test_a_table_without_a_column_name_is_refused(text: str) -> None:
    assert refusal(text) == (1, 'the first line must name the columns, one of them "name"')


def test_a_name_has_a_length_that_can_be_shown() -> None:
    assert names(f"name\n{'x' * 300}\n") == ["x" * 300]
    assert refusal(f"name\nOne\n{'x' * 301}\n") == (3, "a name of more than 300 characters")
    assert refusal(f"name\nOne\n{'x' * 200_000}\n")[0] == 3


def test_a_hundred_thousand_names_are_read() -> None:
    expected = [str(number) for number in range(MOST)]
    assert names("name\n" + "\n".join(expected)) == expected
    assert MOST == 100_000


def test_a_name_more_than_the_most_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatories, "MOST", 3)
    assert names("name\n1\n2\n3\n") == ["1", "2", "3"]
    assert refusal("name\n1\n2\n3\n4\n") == (5, "more than 3 names")


# Kept, listed, found


def test_names_are_listed_as_they_came_with_all_that_is_known(service: Service) -> None:
    listed = [*NAMES, Name("zebra"), Name("Aardvark"), Name("Ångström")]
    number = endorsed(service, listed)
    with service.database.reading() as session:
        assert signatories.listed(session, number) == listed
        assert signatories.count(session, number) == 5


def test_each_statement_has_its_own_names(service: Service) -> None:
    one = endorsed(service, [Name("A"), Name("B")], slug="one")
    two = endorsed(service, [Name("B")], slug="two")
    none = endorsed(service, [], slug="none")
    with service.database.reading() as session:
        assert signatories.counts(session) == {one: 2, two: 1}
        assert signatories.listed(session, two) == [Name("B")]
        assert signatories.count(session, none) == 0
        assert signatories.first(session, one, 1) == [Name("A")]


def test_the_same_names_again_change_nothing(service: Service) -> None:
    number = endorsed(service, NAMES)
    with service.database.reading() as session:
        before = list(session.scalars(select(Signatory.id).order_by(Signatory.id)))
    with service.database.writing() as session:
        assert signatories.replace(session, number, list(NAMES)) is False
    with service.database.reading() as session:
        assert list(session.scalars(select(Signatory.id).order_by(Signatory.id))) == before


@pytest.mark.parametrize(
    "after",
    [
        [],
        NAMES[:1],
        [*NAMES, Name("Paper and Ink")],
        NAMES[::-1],
        [NAMES[0], Name("Unión de Lectores", "AR", "https://lectores.example")],
        [NAMES[0], Name("Union de Lectores", None, "https://lectores.example")],
    ],
)
def test_other_names_take_the_place_of_all(service: Service, after: list[Name]) -> None:
    number = endorsed(service, NAMES)
    other = endorsed(service, NAMES, slug="other")
    with service.database.writing() as session:
        assert signatories.replace(session, number, after) is True
    with service.database.reading() as session:
        assert signatories.listed(session, number) == after
        assert signatories.listed(session, other) == NAMES


def test_what_is_searched_is_folded_with_the_name(service: Service) -> None:
    endorsed(service, NAMES)
    with service.database.reading() as session:
        kept = session.execute(select(Signatory.name, Signatory.folded)).all()
    assert [(name, fold(name)) for name, _ in kept] == [tuple(row) for row in kept]


@pytest.mark.parametrize(
    "url", ["https://", "https://a b.example", "https://u:p@h.example", "https://[::1", "ftp://a.b"]
)
def test_an_address_that_leads_nowhere_or_hides_its_host_is_left_out(url: str) -> None:
    read = read_csv(f"name,url\nLamp Keepers,{url}\n".encode())
    assert [name.url for name in read.names] == [None]
    assert [line for line, _ in read.warnings] == [2]


def test_a_web_address_has_a_length_that_fits_a_page() -> None:
    longest = "https://a.example/".ljust(500, "x")
    read = table(f"name,url\nOne,{longest}\nTwo,{longest}x\n")
    assert [name.url for name in read.names] == [longest, None]
    assert read.warnings == [(3, "a web address of more than 500 characters is left out")]


def test_names_that_only_a_search_takes_for_each_other_are_two() -> None:
    assert names("name\nŁódź Press\nLodz Press\nKırık\nKirik\nجمعية\nجمعيه\n") == [
        "Łódź Press", "Lodz Press", "Kırık", "Kirik", "جمعية", "جمعيه",
    ]  # fmt: skip


def test_another_language_puts_the_names_in_its_own_order(service: Service) -> None:
    number = endorsed(service, [Name("Ñandú"), Name("Nube")])
    with service.database.writing() as session:
        session.get_one(Statement, number).lang = "es"
        session.flush()
        signatories.put_in_order(session, number)
    with service.database.reading() as session:
        ordered = select(Signatory.name, Signatory.initial).order_by(Signatory.sort_key)
        assert list(map(tuple, session.execute(ordered))) == [("Nube", "N"), ("Ñandú", "Ñ")]


def test_an_upgrade_makes_anew_what_an_older_version_made_from_names(service: Service) -> None:
    number = endorsed(service, NAMES)
    with service.database.writing() as session:
        session.merge(Fact(name=NAMES_KEYED_BY, value="an older version"))
        session.execute(update(Signatory).values(folded="", sort_key=b"", initial="", weight=1))
        before = content_version(session)
    make_ready(service, upgrade=True)
    with service.database.reading() as session:
        kept = session.execute(select(Signatory.folded, Signatory.initial, Signatory.weight))
        assert list(map(tuple, kept)) == [
            ("circle of lamp keepers", "C", 26),
            ("union de lectores", "U", signatories.weight(NAMES[1])),
        ]
        assert signatories.listed(session, number) == NAMES
        assert content_version(session) == before + 1


def test_an_upgrade_leaves_alone_what_is_as_it_should_be(service: Service) -> None:
    make_ready(service, upgrade=True)
    endorsed(service, NAMES)
    with service.database.reading() as session:
        before = content_version(session)
    make_ready(service, upgrade=True)
    with service.database.reading() as session:
        assert content_version(session) == before


def test_names_of_an_older_database_come_along(databases: Databases) -> None:
    database = Database(databases.empty())
    with database.engine.begin() as connection:
        command.upgrade(_alembic(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO statements (id, slug, lang, title, published_on, topics, countries, "
                "body, image_alt, updated_at) VALUES (1, 'old', 'en', 'Old', '2026-03-02', '[]', "
                "'[]', 'Text.', '', '2026-03-02 00:00:00')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO signatories (statement_id, position, name, folded) "
                "VALUES (1, 0, 'Łódź', 'łodz'), (1, 1, 'Aa', 'aa')"
            )
        )
    database.upgrade()
    with database.writing() as session:
        signatories.bring_up_to_date(session)
        assert signatories.listed(session, 1) == [Name("Łódź"), Name("Aa")]
        kept = session.execute(select(Signatory.folded, Signatory.initial))
        assert sorted(map(tuple, kept)) == [("aa", "A"), ("lodz", "L")]
    database.close()


def test_excels_own_first_line_names_the_delimiter() -> None:
    read = read_csv(b"sep=;\r\nname;country\r\nLamp Keepers;NO\r\n;\r\n")
    assert [(name.name, name.country) for name in read.names] == [("Lamp Keepers", "NO")]
    assert [line for line, _ in read.warnings] == [4]


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(BadRow, match="two columns"):
        read_csv(b"name,Name\na,b\n")
