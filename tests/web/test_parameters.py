"""What a widget's address may say, and what is made of everything else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.web.parameters import Look, look, normal


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Look()),
        ("theme=dark&accent=B3261E&site=lamp-keepers", Look("dark", "b3261e", "", "lamp-keepers")),
        ("accent=%23006600", Look(accent="006600")),
        ("theme=auto&view=compact&page=1", Look(view="compact")),
        ("view=full&page=3&q=union", Look(view="full", page=3, q="union")),
        ("lang=pt-BR", Look(lang="pt-BR")),
        ("group=country&country=kh", Look(group="country", country="KH")),
        ("country=ZZ", Look(country="ZZ")),
        ("country=no&topic=%20Press%0a freedom", Look(country="NO", topic="Press freedom")),
        ("like=" + "a" * 80, Look(like="a" * 80)),
    ],
)
def test_what_is_known_and_valid_is_taken(query: str, expected: Look) -> None:
    assert look(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "theme=purple",
        "theme=DARK",
        "accent=red",
        "accent=12345",
        "accent=%00b3261e",
        "accent=b3261e%0a",
        "lang=../../etc",
        "lang=" + "a" * 400,
        "site=Lamp%20Keepers",
        "site=" + "a" * 64,
        "site=%00",
        "view=huge",
        "page=0",
        "page=-1",
        "page=99999",
        "page=%D9%A1",
        "group=city",
        "country=XX",
        "country=UK",
        "country=%D9%A1%D9%A1",
        "q=%00%00",
        "q=",
        "topic=%00",
        "country=Norway",
        "country=QQ",
        "country=n%C3%B6",
        "like=River%20Gate",
        "like=" + "a" * 81,
        "like=../x",
        "unknown=1&utm_source=x",
        "%FF%FE=%FF",
        ";;;&&&===",
    ],
)
def test_what_is_not_falls_back_to_what_is_usual(query: str) -> None:
    assert look(query) == Look()


def test_of_what_is_said_twice_the_first_counts() -> None:
    assert look("theme=dark&theme=light").theme == "dark"


def test_one_look_has_one_normal_form_however_it_is_asked_for() -> None:
    asked = ["theme=dark&site=a", "site=a&x=1&theme=dark", "theme=dark&site=a&theme=light&page=1"]

    assert len({normal(query) for query in asked}) == 1


def test_a_search_is_cut_and_cleaned() -> None:
    assert look("q=%20%20union%0a%E2%80%AEof%20" + "a" * 500).q == "union of " + "a" * 91


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=300))
def test_anything_at_all_is_some_look_and_its_query_leads_back_to_it(query: str) -> None:
    asked = look(query)

    assert look(asked.query().removeprefix("?")) == asked
