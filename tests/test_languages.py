"""The catalogues are complete and sound, and each language counts and dates in its own way."""

import re
import unicodedata
from datetime import date

import pytest
from babel import Locale
from babel.messages import Catalog, Message

from widgets import catalogues, languages
from widgets.catalogues import TRANSLATED
from widgets.languages import LANGUAGES, gettext, ngettext, speaking
from widgets.text import long_date, thousands

SCRIPTS = {"ru": "CYRILLIC", "ar": "ARABIC", "km": "KHMER", "my": "MYANMAR"}
# Of these numbers a language may say the number itself in words: one, two, none.
SAID_IN_WORDS = {"ar": (0, 1, 2)}


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s|%%", text))


@pytest.fixture(scope="module")
def source() -> Catalog:
    return catalogues.extracted()


@pytest.fixture(params=TRANSLATED)
def lang(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_strings_of_templates_and_code_are_found(source: Catalog) -> None:
    assert len(messages(source)) > 200
    for words in ("Check your inbox", "Please type your e-mail address.", "Joint statement"):
        assert words in source
    assert source.get("%(count)s organisation")  # with its plural


def test_a_catalogue_has_every_string_and_no_other(source: Catalog, lang: str) -> None:
    said = {(m.context, m.id) for m in messages(source)}
    translated = {(m.context, m.id) for m in messages(catalogues.read(lang))}

    assert said - translated == set(), "run `make catalogues`, and translate what is new"
    assert translated - said == set(), "run `make catalogues`: these are said nowhere any more"


def test_every_string_is_translated_and_none_is_in_doubt(lang: str) -> None:
    catalogue = catalogues.read(lang)

    assert not catalogue.fuzzy
    for message in messages(catalogue):
        assert not message.fuzzy, message.id
        assert all(form.strip() == form != "" for form in forms(message)), message.id
        assert not list(message.check(catalogue)), message.id


def test_placeholders_stay_as_they_are(lang: str) -> None:
    for message in messages(catalogues.read(lang)):
        plain = message.id if isinstance(message.id, str) else message.id[1]
        for number, form in enumerate(forms(message)):
            expected = placeholders(plain)
            if isinstance(message.id, tuple) and number in SAID_IN_WORDS.get(lang, ()):
                number_left_out = {"%(count)s", "%(days)s"} - set(placeholders(form))
                assert {*placeholders(form), *number_left_out} >= set(expected), message.id
                assert set(placeholders(form)) <= set(expected), message.id
            else:
                assert placeholders(form) == expected, (message.id, form)


def test_plurals_have_a_form_for_every_number_that_the_language_tells_apart(lang: str) -> None:
    catalogue = catalogues.read(lang)
    count = {"ar": 6, "ru": 3, "km": 1, "my": 1}.get(lang, 2)

    assert catalogue.num_plurals == count
    for message in messages(catalogue):
        if isinstance(message.id, tuple):
            assert len(forms(message)) == count, message.id


def test_words_are_in_the_languages_own_script(lang: str) -> None:
    """A letter of a neighbouring script looks right and can't be searched or read aloud."""
    script = SCRIPTS.get(lang, "LATIN")
    for message in messages(catalogues.read(lang)):
        for form in forms(message):
            for letter in form:
                if unicodedata.category(letter)[0] in "LM":
                    name = unicodedata.name(letter)
                    assert name.startswith((script, "LATIN")), (form, letter)


def test_sentences_end_as_the_language_ends_them(lang: str) -> None:
    """Where English ends a sentence, so does the translation, by its own sign."""
    ends = {"km": "។៖?!", "my": "။−", "ar": ".؟:!؛"}.get(lang, ".?!:;")
    for message in messages(catalogues.read(lang)):
        plain = message.id if isinstance(message.id, str) else message.id[1]
        if plain[-1] in ".?" and lang != "ar":
            assert all(form[-1] in ends for form in forms(message)), message.id
        for form in forms(message):
            assert not (lang == "ar" and re.search(r"[،؛؟]?[,;?](?!\))", form)), form
            assert not (lang == "fr" and re.search(r"[^\u202f][;:!?»](?!//)|«[^\u202f]", form)), (
                form
            )
            assert "'" not in form, form


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", {1: "1 organisation", 2: "2 organisations", 1234: "1,234 organisations"}),
        ("fr", {1: "1 organisation", 2: "2 organisations", 1234: "1\u202f234 organisations"}),
        ("es", {1: "1 organización", 2: "2 organizaciones"}),
        ("pt", {1: "1 organização", 2: "2 organizações"}),
        (
            "ru",
            {
                1: "1 организация",
                3: "3 организации",
                5: "5 организаций",
                11: "11 организаций",
                21: "21 организация",
                112: "112 организаций",
            },
        ),
        (
            "ar",
            {
                1: "منظمة واحدة",
                2: "منظمتان",
                3: "3 منظمات",
                11: "11 منظمة",
                100: "100 منظمة",
                103: "103 منظمات",
            },
        ),
        ("km", {1: "អង្គការចំនួន 1", 115: "អង្គការចំនួន 115"}),
        ("my", {1: "အဖွဲ့အစည်း ၁ ခု", 115: "အဖွဲ့အစည်း ၁၁၅ ခု"}),
    ],
)
def test_each_language_counts_in_its_own_way(lang: str, said: dict[int, str]) -> None:
    with speaking(lang):
        for number, words in said.items():
            count = thousands(number, lang)
            one, many = "%(count)s organisation", "%(count)s organisations"
            assert ngettext(one, many, number, count=count) == words


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", "27 November 2017"),
        ("fr", "27 novembre 2017"),
        ("es", "27 de noviembre de 2017"),
        ("ar", "27 نوفمبر 2017"),
        ("pt", "27 de novembro de 2017"),
        ("ru", "27 ноября 2017\u202fг."),
        ("km", "27 វិច្ឆិកា 2017"),
        ("my", "၂၀၁၇ နိုဝင်ဘာ ၂၇"),
    ],
)
def test_each_language_has_its_dates(lang: str, expected: str) -> None:
    written = long_date(date(2017, 11, 27), lang)

    assert re.sub(r"\s", " ", written) == re.sub(r"\s", " ", expected)


def test_every_language_is_known_by_its_own_name() -> None:
    names = [languages.own_name(lang) for lang in LANGUAGES]

    assert names[:3] == ["English", "Français", "Español"]
    assert len(set(names)) == len(LANGUAGES)
    assert all(Locale.parse(lang) for lang in LANGUAGES)


def test_a_language_is_spoken_within_its_block_and_no_longer() -> None:
    with speaking("fr"):
        assert gettext("Try again") == "Réessayer"
        with speaking("ru"):
            assert gettext("Try again") == "Попробовать ещё раз"
        assert gettext("Try again") == "Réessayer"
    assert gettext("Try again") == "Try again"


def test_what_no_catalogue_has_is_said_in_english() -> None:
    with speaking("km"):
        assert gettext("Said nowhere: %(name)s", name="a") == "Said nowhere: a"
        assert ngettext("%(a)s gate", "%(a)s gates", 2, a="b") == "b gates"


@pytest.mark.parametrize(
    ("tags", "lang"),
    [
        (["pt-BR"], "pt"),
        (["zh-Hant", "AR-eg"], "ar"),
        (["klingon", "xx-!!", "", None, "x" * 500, "km"], "km"),
        (["de"], None),
        ([], None),
    ],
)
def test_the_first_language_that_we_know_is_taken(tags: list[str | None], lang: str | None) -> None:
    assert languages.first_known(tags) == lang


def test_no_placeholder_is_left_when_words_are_said(source: Catalog, lang: str) -> None:
    with speaking(lang):
        for message in messages(source):
            plain = message.id if isinstance(message.id, str) else message.id[1]
            names = re.findall(r"%\((\w+)\)s", plain)
            values = dict.fromkeys(names, "…")
            if isinstance(message.id, str):
                said = gettext(message.id, **values)
            else:
                said = ngettext(*message.id, 5, **values)
            assert "%(" not in said
