"""The order of names in a language, and the letter each is looked for under."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.collation import LONGEST_KEY, Collator, script
from widgets.wording import LANG


@pytest.mark.parametrize(
    ("lang", "ordered"),
    [
        ("en", ["a B", "AB", "áb", "aC", "b"]),
        ("en", ["Article 9", "Article 19", "Article 100"]),
        ("en", ["Anti Apple", "Anti-Bomb", "Anti Censorship", "Antic"]),
        ("en", ["U.N. Watch", "UN Watch 2", "Unesco"]),
        ("de", ["Ofen", "Öl", "Otto"]),
        ("sv", ["Otto", "Zebra", "Ål", "Öl"]),
        ("es", ["Nube", "Nz", "Ñandú", "Oso"]),
        ("cs", ["Cukr", "Čas", "Hrad", "Chata", "Iva"]),
        ("tr", ["Hak", "Isparta", "Işık", "İstanbul", "Jale"]),
        ("ru", ["Елка", "Ёлка 2", "Жук", "Иван", "Йод"]),
        ("vi", ["Da", "Đa", "E"]),
        ("ar", ["أحمد", "باب", "تاج"]),
        ("km", ["កម្ពុជា", "ខេត្ត", "គ្រូ"]),
        ("my", ["ကလေး", "ခလေး", "ဂီတ"]),
        ("zh", ["北京", "上海"]),
    ],
)
def test_texts_stand_as_a_dictionary_of_the_language_has_them(
    lang: str, ordered: list[str]
) -> None:
    backwards = ordered[::-1]
    assert sorted(backwards, key=Collator(lang).key) == ordered


@pytest.mark.parametrize(
    ("lang", "initials"),
    [
        ("en", {"Élan": "E", "Øst": "O", "Æsir": "A", "łódź": "L", "ﬁn": "F", "Ｆull": "F"}),
        ("en", {"“Apple”": "A", "7amleh": "0–9", "٣": "0–9", "👍": "#", "...": "#"}),
        ("en", {"أحمد": "ا", "إب": "ا", "가나": "ㄱ", "ガラス": "か", "読書会": "字", "เก": "ก"}),
        ("da", {"Øst": "Ø", "Ål": "Å", "Élan": "E"}),
        ("es", {"Ñandú": "Ñ", "Ángel": "A"}),
        ("tr", {"ışık": "I", "istanbul": "İ", "Şişli": "Ş"}),
        ("ru", {"Ёлка": "Е", "Йод": "Й", "яблоко": "Я"}),
        ("ka", {"საქართველო": "ს"}),
    ],
)
def test_a_name_is_looked_for_under_a_letter_of_the_language(
    lang: str, initials: dict[str, str]
) -> None:
    collator = Collator(lang)
    assert {name: collator.initial(name) for name in initials} == initials


@given(st.from_regex(LANG, fullmatch=True), st.text(min_size=1, max_size=20))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_has_a_place_in_any_language(lang: str, text: str) -> None:
    collator = Collator(lang)
    written = text.encode("utf-8", "ignore").decode() or "x"
    assert collator.key(written) == Collator(lang).key(written)
    assert script(collator.initial(written))


def test_a_key_is_short_enough_to_be_indexed_whatever_it_is_made_of() -> None:
    """PostgreSQL indexes no more than 2,704 bytes; U+FDFA sorts as the 18 letters it stands for."""
    assert len(Collator("en").key("\ufdfa" * 300)) == LONGEST_KEY


def test_languages_without_rules_of_their_own_share_an_order() -> None:
    assert {Collator(lang).rules for lang in ("en", "fr", "pt-BR", "de", "qqq")} == {"root"}
