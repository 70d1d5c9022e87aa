"""The roll: names in the alphabet of whoever reads them, in pages, by country, found."""

import random

import pytest
from sqlalchemy import event

from tests.samples import endorsed
from widgets import languages, roll, signatories
from widgets.roll import NOWHERE, Page
from widgets.service import Service
from widgets.signatories import PAGE_BYTES, PER_PAGE, Name

MIXED = [
    "Zebra", "Élan", "“Apple” Press", "Article 19", "Article 9", "Яблоко", "اتحاد", "apple Tree",
    "Ñandú", "Nube", "សមាគម", "7amleh", "Ångström", "Øst",
]  # fmt: skip
FOUND = [
    Name("Unión de Lectores"), Name("UNION of Writers"), Name("100 % Libre"), Name("1000 Voices"),
    Name("under_score"), Name("underscore"), Name("back\\slash"), Name("Straße 9"), Name("اتحاد"),
    Name("O'Neill; DROP TABLE"), Name("読書会"),
]  # fmt: skip


def page(service: Service, of: int, lang: str = "en", **asked: object) -> Page:
    with service.database.reading() as session:
        return roll.page(session, of, lang, **asked)  # type: ignore[arg-type]


def shown(page: Page) -> list[str]:
    return [name.name for name in page.names]


def whole(service: Service, of: int, lang: str = "en", **asked: object) -> list[str]:
    """The names of all pages, one after the other."""
    pages = page(service, of, lang, **asked).pages
    return [
        name
        for one in range(1, pages + 1)
        for name in shown(page(service, of, lang, number=one, **asked))
    ]


def filler(letter: str, how_many: int = PER_PAGE) -> list[str]:
    return [f"{letter}{letter.lower()} {number:03}" for number in range(how_many)]


# Order


def test_a_list_of_one_page_keeps_the_order_that_somebody_chose(service: Service) -> None:
    number = endorsed(service, MIXED)
    assert shown(page(service, number)) == MIXED
    assert page(service, number).jumps == []


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", ["7amleh", "Ångström", "“Apple” Press", "apple Tree", "Article 9", "Article 19",
                "Élan", "Ñandú", "Nube", "Øst", "Zebra", "Яблоко", "اتحاد", "សមាគម"]),
        ("es", ["7amleh", "Ångström", "“Apple” Press", "apple Tree", "Article 9", "Article 19",
                "Élan", "Nube", "Ñandú", "Øst", "Zebra", "Яблоко", "اتحاد", "សមាគម"]),
        ("ar", ["7amleh", "اتحاد", "Ångström", "“Apple” Press", "apple Tree", "Article 9",
                "Article 19", "Élan", "Ñandú", "Nube", "Øst", "Zebra", "Яблоко", "សមាគម"]),
        ("ru", ["7amleh", "Яблоко", "Ångström", "“Apple” Press", "apple Tree", "Article 9",
                "Article 19", "Élan", "Ñandú", "Nube", "Øst", "Zebra", "اتحاد", "សមាគម"]),
        ("km", ["7amleh", "សមាគម", "Ångström", "“Apple” Press", "apple Tree", "Article 9",
                "Article 19", "Élan", "Ñandú", "Nube", "Øst", "Zebra", "Яблоко", "اتحاد"]),
        ("da", ["7amleh", "“Apple” Press", "apple Tree", "Article 9", "Article 19", "Élan",
                "Ñandú", "Nube", "Zebra", "Øst", "Ångström", "Яблоко", "اتحاد", "សមាគម"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kept_in", ["en", "ru"])
def test_a_longer_list_is_in_the_alphabet_of_the_reader(
    service: Service, lang: str, expected: list[str], kept_in: str
) -> None:
    """Whether by keys that are kept or by keys that are made for it, on either database."""
    number = endorsed(service, [*MIXED, *filler("M")], lang=kept_in)
    found = [name for name in whole(service, number, lang) if not name.startswith("Mm")]
    assert found == expected


def test_names_that_sort_alike_keep_the_order_of_the_list(service: Service) -> None:
    number = endorsed(service, [Name("PEN", "NO"), Name("PEN", "KE"), *filler("A")])
    with service.database.reading() as session:
        last = roll.page(session, number, "en", number=2)
    assert last.names[-2:] == [Name("PEN", "NO"), Name("PEN", "KE")]


# Pages


def test_pages_join_without_a_seam(service: Service) -> None:
    names = filler("A", 2 * PER_PAGE + 1)
    number = endorsed(service, names[::-1])
    pages = [page(service, number, number=one) for one in (1, 2, 3, 4)]
    assert [len(one.names) for one in pages] == [PER_PAGE, PER_PAGE, 1, 1]
    assert [one.number for one in pages] == [1, 2, 3, 3]
    assert {(one.pages, one.found) for one in pages} == {(3, 601)}
    assert whole(service, number) == names


def test_long_names_make_pages_of_fewer(service: Service) -> None:
    draw = random.Random(3)
    names = ["".join(chr(draw.randrange(0x4E00, 0x9FFF)) for _ in range(300)) for _ in range(100)]
    number = endorsed(service, names)
    first = page(service, number)
    assert first.pages > 7
    assert 1 < len(first.names) < 15
    assert sorted(whole(service, number)) == sorted(names)


@pytest.mark.parametrize("added", ["Aa", "Mm 150 and a half", "Zz"])
def test_who_reads_on_while_a_name_is_added_misses_none(service: Service, added: str) -> None:
    names = filler("M", 3 * PER_PAGE)
    number = endorsed(service, names)
    read = shown(page(service, number))
    with service.database.writing() as session:
        signatories.replace(session, number, [Name(name) for name in [*names, added]])
    for one in (2, 3, 4):
        read += shown(page(service, number, number=one))
    assert set(names) <= set(read)


def test_no_names_are_one_page(service: Service) -> None:
    number = endorsed(service, [])
    assert page(service, number, number=7) == Page([], 1, 1, 0, [], {})


def test_a_page_is_few_questions_to_the_database(service: Service) -> None:
    number = endorsed(service, filler("M", 3 * PER_PAGE))
    asked: list[str] = []
    event.listen(
        service.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2])
    )
    page(service, number, number=2)
    assert len([one for one in asked if one.startswith("SELECT")]) == 4


# Letters


def test_letters_lead_to_where_their_names_begin(service: Service) -> None:
    number = endorsed(service, [*filler("A"), "Élan", *filler("M"), "Öl", "Zebra", "3 Rivers"])
    first, second = page(service, number), page(service, number, number=2)
    assert [(jump.label, jump.page) for jump in first.jumps] == [
        ("0–9", 1), ("A", 1), ("E", 2), ("M", 2), ("O", 3), ("Z", 3),
    ]  # fmt: skip
    assert [jump.label for jump in first.jumps if jump.here] == ["0–9", "A"]
    assert [jump.label for jump in second.jumps if jump.here] == ["A", "E", "M"]
    assert first.begins == {0: "0–9", 1: "A"}
    assert {shown(second)[place]: letter for place, letter in second.begins.items()} == {
        "Élan": "E",
        "Mm 000": "M",
    }


def test_a_script_that_fills_no_page_has_one_link(service: Service) -> None:
    russian = ["Ёлка", "Берег", "Яблоко", "Аист"]
    number = endorsed(service, [*filler("A"), "Zebra", *russian, "اتحاد"])
    jumps = page(service, number).jumps
    assert [jump.label for jump in jumps] == ["A", "Z", "А–Я", "ا"]
    last = page(service, number, number=2)
    assert last.begins[shown(last).index("Аист")] == "А"
    assert "Я" not in last.begins.values()


def test_however_many_letters_there_are_the_links_stay_few(service: Service) -> None:
    syllables = [chr(0x1200 + n) for n in range(0x100) if chr(0x1200 + n).isalpha()]
    number = endorsed(service, [f"{one} {n}" for one in syllables for n in range(4)])
    (jump,) = page(service, number).jumps
    assert jump.label[0] == "ሀ"


# Search


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("union", ["Unión de Lectores", "UNION of Writers"]),
        ("UNIÓN  DE", ["Unión de Lectores"]),
        ("writers union", ["UNION of Writers"]),
        ("unio\u0301n", ["Unión de Lectores", "UNION of Writers"]),
        ("%", ["100 % Libre"]),
        ("100%", []),
        ("100_", []),
        ("_", ["under_score"]),
        ("under_", ["under_score"]),
        ("\\", ["back\\slash"]),
        ("/", []),
        ("strasse", ["Straße 9"]),
        ("اتحاد", ["اتحاد"]),
        ("読書", ["読書会"]),
        ("' OR 1=1 --", []),
        ("o’neill; drop", ["O'Neill; DROP TABLE"]),
        ("nobody", []),
        ("", [name.name for name in FOUND]),
        (" \u0301 ", [name.name for name in FOUND]),
    ],
)
def test_a_name_is_found_by_parts_of_its_words(
    service: Service, search: str, expected: list[str]
) -> None:
    number = endorsed(service, FOUND)
    assert shown(page(service, number, search=search)) == expected
    assert page(service, number, search=search).found == len(expected)


def test_what_is_found_comes_in_pages_and_letters_too(service: Service) -> None:
    names = [f"{'Even' if number % 2 == 0 else 'Odd'} {number:03}" for number in range(700)]
    number = endorsed(service, names)
    assert whole(service, number, search="even") == names[::2]
    assert page(service, number, search="even").found == 350
    assert [jump.label for jump in page(service, number, search="even").jumps] == ["E"]


# Countries


def in_countries(**sizes: int) -> list[Name]:
    return [
        Name(f"{code} Press {number:04}", None if code == NOWHERE else code)
        for code, size in sizes.items()
        for number in range(size, 0, -1)
    ]


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", ["Åland Islands", "Cambodia", "Germany", "Myanmar (Burma)"]),
        ("fr", ["Allemagne", "Cambodge", "Îles Åland", "Myanmar (Birmanie)"]),
        ("ru", ["Аландские о-ва", "Германия", "Камбоджа", "Мьянма (Бирма)"]),
    ],
)
def test_countries_are_named_and_ordered_in_the_language_that_is_spoken(
    service: Service, lang: str, expected: list[str]
) -> None:
    number = endorsed(service, in_countries(ZZ=1, DE=2, MM=1, KH=1, AX=1))
    with service.database.reading() as session, languages.speaking(lang):
        groups = roll.grouped(session, number, lang)
    assert [group.name for group in groups[:-1]] == expected
    assert groups[-1].code == NOWHERE


def test_the_names_of_a_country_are_in_its_group(service: Service) -> None:
    number = endorsed(service, in_countries(KH=2, DE=1))
    with service.database.reading() as session:
        groups = roll.grouped(session, number, "en")
    assert [(group.code, group.count, group.names) for group in groups] == [
        ("KH", 2, [Name("KH Press 0001", "KH"), Name("KH Press 0002", "KH")]),
        ("DE", 1, [Name("DE Press 0001", "DE")]),
    ]


def test_small_groups_stand_here_and_large_ones_on_pages_of_their_own(service: Service) -> None:
    number = endorsed(service, in_countries(KH=4000, DE=40, NO=30, ZZ=500))
    with service.database.reading() as session:
        groups = {group.code: group for group in roll.grouped(session, number, "en")}
    assert {code for code, group in groups.items() if group.names is not None} == {"DE", "NO"}
    assert groups["KH"].count == 4000
    cambodia = page(service, number, country="KH", number=2)
    assert (cambodia.found, cambodia.names[0]) == (4000, Name("KH Press 0301", "KH"))
    assert page(service, number, country=NOWHERE).found == 500
    assert page(service, number, country="FR").found == 0


def test_a_search_counts_by_country_too(service: Service) -> None:
    number = endorsed(service, in_countries(KH=12, DE=3))
    with service.database.reading() as session:
        groups = roll.grouped(session, number, "en", "press 0003")
    assert [(group.code, group.count) for group in groups] == [("KH", 1), ("DE", 1)]


def test_a_page_of_common_names_holds_as_many_as_may_be() -> None:
    assert PAGE_BYTES // signatories.weight(Name("Circle of Lamp Keepers")) == PER_PAGE
