"""A statement as a file: every field, and every mistake told with its line."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from widgets.signatories import Name
from widgets.statement_files import (
    LARGEST,
    BadFile,
    StatementFile,
    TranslationFile,
    is_translation,
    read,
    read_translation,
)

TODAY = date(2027, 4, 1)
HEAD = "title: Reopen the reading room\ndate: 2027-03-01\n"
WHOLE = """---
title: "Reopen the River Gate reading room"
slug: river-gate
lang: pt-BR
date: 2027-03-01
topics: [Libraries, Free expression]
countries: [NO, ke]
image:
  file: gate.jpg
  credit: "Ada Sample"
  alt: "Chairs on tables"
pull_quote: "A closed room is a letter returned unread."
endorsement: "These organisations endorse this statement:"
withdrawn: 2027-04-01
urgent: true
---

On Monday the reading room was *locked*.

We ask the town to open it again.
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes river-gate.md, of a front matter and a body, or of bytes as they are."""

    def write(front: str | bytes, body: str = "Text.\n") -> Path:
        path = tmp_path / "river-gate.md"
        if isinstance(front, str):
            front = f"---\n{front}---\n\n{body}".encode()
        path.write_bytes(front)
        return path

    return write


def refusal(path: Path) -> str:
    """The complaint, without the folder."""
    with pytest.raises(BadFile) as refused:
        read(path, TODAY)
    return str(refused.value).removeprefix(f"{path.parent}/")


def warnings(statement: StatementFile | TranslationFile) -> list[str]:
    return [one.removeprefix(f"{statement.path.parent}/") for one in statement.warnings]


# What a file can say


def test_every_field_is_read(write: Write) -> None:
    path = write(WHOLE.encode())
    path.with_name("gate.jpg").write_bytes(b"a picture")
    path.with_name("river-gate.signatories.csv").write_text("name,country\nLamp Keepers,NO\n")

    statement = read(path, TODAY)
    assert statement.slug == "river-gate"
    assert statement.lang == "pt-BR"
    assert statement.title == "Reopen the River Gate reading room"
    assert statement.published_on == date(2027, 3, 1)
    assert statement.topics == ["Libraries", "Free expression"]
    assert statement.countries == ["NO", "KE"]
    assert statement.pull_quote == "A closed room is a letter returned unread."
    assert statement.endorsement == "These organisations endorse this statement:"
    assert statement.withdrawn_on == date(2027, 4, 1)
    assert statement.urgent is True
    assert statement.body == (
        "On Monday the reading room was *locked*.\n\nWe ask the town to open it again."
    )
    assert statement.names == [Name("Lamp Keepers", "NO")]
    assert statement.picture is not None
    assert (statement.picture.data, statement.picture.line) == (b"a picture", 9)
    assert (statement.picture.alt, statement.picture.credit) == ("Chairs on tables", "Ada Sample")
    assert statement.warnings == []


def test_only_a_title_and_a_date_are_needed(write: Write) -> None:
    statement = read(write(HEAD), TODAY)
    assert statement == StatementFile(
        path=statement.path,
        slug="river-gate",
        lang="en",
        title="Reopen the reading room",
        published_on=date(2027, 3, 1),
        body="Text.",
    )


def test_an_empty_field_is_as_none(write: Write) -> None:
    statement = read(
        write(
            HEAD
            + "slug:\nlang: ''\ntopics:\ncountries: []\nimage:\npull_quote: ''\n"
            + "withdrawn:\nurgent:\n"
        ),
        TODAY,
    )
    assert statement == read(write(HEAD), TODAY)


def test_one_topic_needs_no_list(write: Write) -> None:
    assert read(write(HEAD + "topics: Libraries\ncountries: NO\n"), TODAY).topics == ["Libraries"]


@pytest.mark.parametrize(
    "whole",
    [
        WHOLE.replace("\n", "\r\n").encode(),
        WHOLE.replace("\n", "\r").encode(),
        WHOLE.encode("utf-8-sig"),
        WHOLE.replace("\n", "\r\n").encode("utf-8-sig"),
        WHOLE.replace("---\n", "---  \n").encode(),
        WHOLE.replace("---\n\n", "...\n\n").encode(),
        WHOLE.replace("  file", "\tfile").replace("  credit", "\tcredit").replace("  alt", "\talt")
        .encode(),
        WHOLE.replace("title: ", "title:\t").encode(),
        WHOLE.replace("On Monday", "On\0 Monday").encode(),
    ],
)  # fmt: skip
def test_it_reads_alike_from_whatever_editor(write: Write, whole: bytes) -> None:
    path = write(WHOLE.encode())
    path.with_name("gate.jpg").write_bytes(b"a picture")
    expected = read(path, TODAY)
    path.write_bytes(whole)
    assert read(path, TODAY) == expected


def test_a_field_is_one_line_of_clean_text(write: Write) -> None:
    statement = read(
        write(HEAD + 'pull_quote: |\n  One\n  two.\nendorsement: "By\\u202e\\0 us:"\n'), TODAY
    )
    assert statement.pull_quote == "One two."
    assert statement.endorsement == "By us:"


def test_a_statement_may_lie_in_the_future(write: Write) -> None:
    assert read(write("title: T\ndate: 2099-12-31\n"), TODAY).published_on == date(2099, 12, 31)


# What YAML would make of it


@pytest.mark.parametrize(
    ("written", "meant"),
    [("NO", "NO"), ("no", "NO"), ("'NO'", "NO"), ("[NO]", "NO"), ("[no, ]", "NO")],
)
def test_norway_is_a_country(write: Write, written: str, meant: str) -> None:
    assert read(write(HEAD + f"countries: {written}\n"), TODAY).countries == [meant]


@pytest.mark.parametrize(
    "title", ["NO", "yes", "null", "~", "2027-03-01", "1_000", "0x1F", "1e3", "12:30:45", "0777"]
)
def test_a_title_is_what_is_written(write: Write, title: str) -> None:
    assert read(write(f"title: {title}\ndate: 2027-03-01\n"), TODAY).title == title


def test_a_slug_is_what_is_written(write: Write) -> None:
    assert read(write(HEAD + "slug: 0123\n"), TODAY).slug == "0123"


@pytest.mark.parametrize("written", ["2027-03-01", "'2027-03-01'", '"2027-03-01"  # of March'])
def test_a_day_may_stand_in_quotation_marks(write: Write, written: str) -> None:
    assert read(write(f"title: T\ndate: {written}\n"), TODAY).published_on == date(2027, 3, 1)


def test_a_tag_makes_no_object(write: Write) -> None:
    assert refusal(write('date: 2027-03-01\ntitle: !!python/object/apply:os.system ["x"]\n')) == (
        "river-gate.md:3: title must be a text"
    )
    assert read(write("date: 2027-03-01\ntitle: !!python/name:os.system x\n"), TODAY).title == "x"


def test_an_alias_bomb_does_not_go_off(write: Write) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    assert refusal(write(HEAD + bomb + "topics: *a29\n")) == (
        "river-gate.md:34: topics must be a list: [one, another]"
    )


def test_a_list_within_itself_is_refused(write: Write) -> None:
    assert refusal(write(HEAD + "topics: &t [*t]\n")).startswith("river-gate.md:4: topics must be")


def test_an_alias_of_a_text_is_that_text(write: Write) -> None:
    assert read(write(HEAD + "pull_quote: &q Quote\nendorsement: *q\n"), TODAY).endorsement == (
        "Quote"
    )


# Mistakes


@pytest.mark.parametrize(
    ("front", "complaint"),
    [
        ("date: 2027-03-01\n", "1: title is missing"),
        ("", "1: title is missing"),
        ("date: 2027-03-01\ntitle:\n", "3: title is missing"),
        ("date: 2027-03-01\ntitle: '\u202e'\n", "3: title is missing"),
        (f"title: {'x' * 301}\n", "2: title has more than 300 characters"),
        ("title: [a]\n", "2: title must be a text"),
        ("title: {a: b}\n", "2: title must be a text"),
        ("title: T\n", "1: date is missing; write it like 2027-03-01"),
        ("title: T\ndate:\n", "3: date is missing; write it like 2027-03-01"),
        ("title: T\ndate: 1 March 2027\n", "3: date “1 March 2027” must be a day like 2027-03-01"),
        ("title: T\ndate: 2027-02-29\n", "3: date “2027-02-29” must be a day like 2027-03-01"),
        ("title: T\ndate: 2027-03-01 10:00\n",
         "3: date “2027-03-01 10:00” must be a day like 2027-03-01"),
        (HEAD + "slug: River Gate\n",
         "4: slug “River Gate” must be like “a-short-name”: a-z, 0-9, hyphens"),
        (HEAD + "slug: ../x\n", "4: slug “../x” must be like “a-short-name”: a-z, 0-9, hyphens"),
        (HEAD + f"slug: {'x' * 81}\n",
         f"4: slug “{'x' * 81}” must be like “a-short-name”: a-z, 0-9, hyphens"),
        (HEAD + "slug: latest\n", "4: slug “latest” is the name of a widget; take another"),
        (HEAD + "\n# a remark\nlang: English language\n",
         "6: lang “English language” must be a language tag like en, ar or pt-BR"),
        (HEAD + "lang: xx-klingon\n", "4: lang “xx-klingon” is not a language"),
        (HEAD + "lang: eng-GB\n", "4: lang “eng-GB” is written “en-GB”"),
        (HEAD + "lang: en_GB\n", "4: lang “en_GB” must be a language tag like en, ar or pt-BR"),
        (HEAD + "topics: [a, [b]]\n", "4: topics must be a list: [one, another]"),
        (HEAD + "topics: {a: b}\n", "4: topics must be a list: [one, another]"),
        (HEAD + "countries: [NO, Norway]\n", "4: “NORWAY” is not a country's code (ISO 3166)"),
        (HEAD + "pull_quote: [a]\n", "4: pull_quote must be a text"),
        (HEAD + "endorsement: {a: b}\n", "4: endorsement must be a text"),
        (HEAD + "withdrawn: 2027-04-02\n", "4: withdrawn 2027-04-02 lies in the future"),
        (HEAD + "withdrawn: yes\n", "4: withdrawn “yes” must be a day like 2027-03-01"),
        (HEAD + "urgent: perhaps\n", "4: urgent must be true or false"),
        (HEAD + "date: 2027-03-02\n", "4: date stands here twice"),
        (HEAD + "image:\n  file: a.jpg\n  file: b.jpg\n", "6: file stands here twice"),
        (HEAD + "image: gate.jpg\n", "4: here should be lines like “title: …”"),
        (HEAD + "image: [gate.jpg]\n", "4: here should be lines like “title: …”"),
        (HEAD + "image:\n  credit: Ada\n", "4: image needs a file"),
        (HEAD + "image:\n  credit: Ada\n  file:\n", "6: image needs a file"),
        (HEAD + "image:\n  file: ../gate.jpg\n",
         "5: image file “../gate.jpg” must lie beside the statement"),
        (HEAD + "image:\n  file: /etc/passwd\n",
         "5: image file “/etc/passwd” must lie beside the statement"),
        (HEAD + "image:\n  file: ..\n", "5: ..: not a file"),
        (HEAD + "image:\n  file: gate.jpg\n", "5: gate.jpg: No such file or directory"),
        ("just a text\n", "2: here should be lines like “title: …”"),
        ("\n- a\n- b\n", "3: here should be lines like “title: …”"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_told_with_its_line(
    write: Write, front: str, complaint: str
) -> None:
    assert refusal(write(front)) == f"river-gate.md:{complaint}"


@pytest.mark.parametrize(
    ("front", "line", "reason"),
    [
        ("title: Reading: a right\ndate: 2027-03-01\n", 2, "mapping values are not allowed here"),
        (HEAD + 'pull_quote: "Open\nlang: en\n', 4, "a quotation mark or bracket is never closed"),
        (HEAD + "pull_quote: 'Open\nlang: en\n", 4, "a quotation mark or bracket is never closed"),
        (HEAD + 'pull_quote: "a" b\n', 4, "expected <block end>"),
        (HEAD + "topics: *unknown\n", 4, "found undefined alias"),
        (HEAD + "topics: [a, b]]\n", 4, ""),
        (HEAD + "--- another\n", 4, "but found another document"),
        (HEAD + 'pull_quote: "\\q"\n', 4, "found unknown escape character"),
        (HEAD + 'pull_quote: "\\U00110000"\n', 4, ""),
        (HEAD + 'pull_quote: "\\UFFFFFFFF"\n', 4, ""),
        (HEAD + "topics: @home\n", 4, ""),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(
    write: Write, front: str, line: int, reason: str
) -> None:
    told = refusal(write(front))
    assert told.startswith(f"river-gate.md:{line}: not YAML: ")
    assert reason in told


def test_front_matter_nested_without_end_is_refused(write: Write) -> None:
    assert "nested too deeply" in refusal(write(HEAD + "topics: " + "[" * 3000 + "\n"))


@pytest.mark.parametrize(
    ("whole", "complaint"),
    [
        (b"", "1: the front matter must begin with a line of three hyphens (---)"),
        (b"\n---\n", "1: the front matter must begin with a line of three hyphens (---)"),
        (b"# T\n\nText.\n", "1: the front matter must begin with a line of three hyphens (---)"),
        (b"---\ntitle: T\n", "1: the front matter has no end: a second line of ---"),
        (b"---\ntitle: T\ndate: 2027-03-01\n---\n", "5: the statement has no text"),
        (b"---\ntitle: T\ndate: 2027-03-01\n---\n\n \n", "5: the statement has no text"),
        ("---\ntitle: Unión\n---\nText.\n".encode("latin-1"), "2: not UTF-8 text"),
        ("---\ntitle: T\n---\nText.\n".encode("utf-16"), "1: not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_statement_is_refused(write: Write, whole: bytes, complaint: str) -> None:
    assert refusal(write(whole)) == f"river-gate.md:{complaint}"


def test_a_file_is_of_a_size_that_can_be_read(write: Write) -> None:
    start = f"---\n{HEAD}---\n".encode()
    assert len(read(write(start + b"x" * (LARGEST - len(start))), TODAY).body) > 900_000
    assert refusal(write(start + b"x" * (LARGEST - len(start) + 1))) == (
        "river-gate.md:1: larger than 1 MB"
    )


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.md") == (
        "nothing.md:1: can't be read: No such file or directory"
    )
    (tmp_path / "folder.md").mkdir()
    assert refusal(tmp_path / "folder.md") == "folder.md:1: not a file"


def test_the_name_of_the_file_is_the_slug_unless_it_cannot_be(write: Write) -> None:
    path = write(HEAD)
    path = path.rename(path.with_name("River Gate.md"))
    assert refusal(path).startswith("River Gate.md:1: slug “River Gate” must be like")


# The table beside it


def test_without_a_table_the_names_are_not_known(write: Write) -> None:
    assert read(write(HEAD), TODAY).names is None


def test_a_table_of_none_is_a_table(write: Write) -> None:
    path = write(HEAD)
    path.with_name("river-gate.signatories.csv").write_text("name\n")
    assert read(path, TODAY).names == []


def test_the_slug_names_the_table_and_not_the_file(write: Write) -> None:
    path = write(HEAD + "slug: other\n")
    path.with_name("river-gate.signatories.csv").write_text("name\nWrong\n")
    path.with_name("other.signatories.csv").write_text("name\nRight\n")
    assert read(path, TODAY).names == [Name("Right")]


def test_a_mistake_in_the_table_is_told_with_its_file_and_line(write: Write) -> None:
    path = write(HEAD)
    path.with_name("river-gate.signatories.csv").write_text("name\nLamp Keepers\nPaper, Ink\n")
    assert refusal(path) == (
        "river-gate.signatories.csv:3: more values than columns: a name with a comma needs "
        "quotation marks"
    )


def test_a_table_that_cannot_be_read_is_told(write: Write) -> None:
    path = write(HEAD)
    path.with_name("river-gate.signatories.csv").mkdir()
    assert refusal(path) == "river-gate.signatories.csv:1: not a file"


# Warnings


def test_what_is_not_known_is_ignored_with_a_warning(write: Write) -> None:
    path = write(HEAD + "tags: [a]\n<<: {slug: b}\nimage:\n  file: gate.jpg\n  alt: A\n  size: 3\n")
    path.with_name("gate.jpg").write_bytes(b"a picture")
    statement = read(path, TODAY)
    assert statement.slug == "river-gate"
    assert warnings(statement) == [
        "river-gate.md:4: “tags” is not a field; it is ignored",
        "river-gate.md:5: “<<” is not a field; it is ignored",
        "river-gate.md:9: “size” is not a field; it is ignored",
    ]


def test_a_picture_without_words_for_it_is_a_warning(write: Write) -> None:
    path = write(HEAD + "image:\n  credit: Ada\n  file: gate.jpg\n")
    path.with_name("gate.jpg").write_bytes(b"a picture")
    assert warnings(read(path, TODAY)) == [
        "river-gate.md:6: the picture has no alt: readers who can't see it miss it"
    ]


@pytest.mark.parametrize("blank", ["", "\n", "\n \n\n"])
def test_a_doubt_about_the_text_has_its_line_in_the_file(write: Write, blank: str) -> None:
    whole = f"---\n{HEAD}---\n{blank}Text.\n\n<b>Bold</b>\n\n[a](javascript:x)\n"
    lines = whole.split("\n")
    assert warnings(read(write(whole.encode()), TODAY)) == [
        f"river-gate.md:{lines.index('<b>Bold</b>') + 1}: HTML is shown as text, not obeyed",
        f"river-gate.md:{lines.index('[a](javascript:x)') + 1}: "
        "a link that begins with javascript: is not made",
    ]


def test_hidden_characters_are_told_with_their_lines(write: Write) -> None:
    statement = read(write(HEAD + "topics: [a\u202e]\n", "One\n\ntwo\u2066\n"), TODAY)
    assert statement.topics == ["a"]
    assert statement.body == "One\n\ntwo"
    assert warnings(statement) == [
        "river-gate.md:4: hidden characters are taken out",
        "river-gate.md:9: hidden characters are taken out",
    ]


def test_the_tables_warnings_name_the_table(write: Write) -> None:
    path = write(HEAD)
    path.with_name("river-gate.signatories.csv").write_text("name\nOne\none\n")
    assert warnings(read(path, TODAY)) == [
        "river-gate.signatories.csv:3: “one” stands in line 2 already; passed over"
    ]


# Translations


@pytest.fixture
def translate(tmp_path: Path) -> Write:
    """Writes a translation of river-gate, named by its language."""

    def translate(lang: str, front: str = "title: T\n", body: str = "Texte.\n") -> Path:
        path = tmp_path / f"river-gate.{lang}.md"
        path.write_text(f"---\n{front}---\n\n{body}", encoding="utf-8")
        return path

    return translate


def translations_refusal(path: Path) -> str:
    with pytest.raises(BadFile) as refused:
        read_translation(path, TODAY)
    return str(refused.value).removeprefix(f"{path.parent}/")


def test_a_translation_says_in_its_language_what_is_words(translate: Write) -> None:
    path = translate(
        "pt-BR",
        "title: Reabram\nlang: pt-BR\ntopics: [Bibliotecas]\npull_quote: Uma carta\n"
        "endorsement: Apoiam\nimage:\n  alt: Cadeiras\n  credit: Desenho\n",
        "Na segunda-feira.\n",
    )
    assert read_translation(path, TODAY) == TranslationFile(
        path=path,
        slug="river-gate",
        lang="pt-BR",
        title="Reabram",
        body="Na segunda-feira.",
        topics=["Bibliotecas"],
        pull_quote="Uma carta",
        endorsement="Apoiam",
        image_alt="Cadeiras",
        image_credit="Desenho",
    )


def test_only_a_title_is_needed(translate: Write) -> None:
    path = translate("ar")
    assert read_translation(path, TODAY) == TranslationFile(
        path=path, slug="river-gate", lang="ar", title="T", body="Texte."
    )


@pytest.mark.parametrize(
    ("name", "translation"),
    [
        ("river-gate.md", False),
        ("river-gate.ar.md", True),
        ("river-gate.zh-Hant-TW.md", True),
        ("River Gate v1.2.md", True),
        (".river-gate.md", False),
    ],
)
def test_a_translation_is_known_by_its_name(name: str, translation: bool) -> None:
    assert is_translation(Path(name)) is translation


def test_a_tag_is_kept_as_it_is_usually_written(translate: Write, write: Write) -> None:
    assert read_translation(translate("PT-br"), TODAY).lang == "pt-BR"
    assert read(write(HEAD + "lang: ZH-hant\n"), TODAY).lang == "zh-Hant"


NAMED = (
    "; a translation's file is named like river-gate.ar.md, and a statement's has no dot before .md"
)


@pytest.mark.parametrize(
    ("lang", "complaint"),
    [
        ("arabic", f"1: “arabic” must be a language tag like en, ar or pt-BR{NAMED}"),
        ("2", f"1: “2” must be a language tag like en, ar or pt-BR{NAMED}"),
        ("pt_BR", f"1: “pt_BR” must be a language tag like en, ar or pt-BR{NAMED}"),
        ("en" + "-abcdefgh" * 4, f"1: “en{'-abcdefgh' * 4}” must be a language tag like en, ar or "
         f"pt-BR{NAMED}"),
        ("xx", f"1: “xx” is not a language{NAMED}"),
        ("fra", f"1: “fra” is written “fr”{NAMED}"),
        ("old", "1: “old” is not a language that we know; if it is one, say so in the front "
         "matter: lang: old"),
        ("und", "1: “und” is not a language that we know; if it is one, say so in the front "
         "matter: lang: und"),
    ],
)  # fmt: skip
def test_a_language_that_is_none_is_refused(translate: Write, lang: str, complaint: str) -> None:
    assert translations_refusal(translate(lang)) == f"river-gate.{lang}.md:{complaint}"


def test_a_small_language_is_taken_at_its_word(translate: Write) -> None:
    assert read_translation(translate("ksw", "title: T\nlang: ksw\n"), TODAY).lang == "ksw"


@pytest.mark.parametrize(
    ("front", "complaint"),
    [
        ("title: T\nlang: fr\n", "3: lang “fr” is not what the file's name says, “ar”"),
        ("title: T\nslug: other\n",
         "3: slug “other” is not what the file's name says, “river-gate”"),
        ("lang: ar\n", "1: title is missing"),
        ("title: T\nwithdrawn: 2027-04-02\n", "3: withdrawn 2027-04-02 lies in the future"),
        ("title: T\nimage: gate.jpg\n", "3: here should be lines like “title: …”"),
    ],
)  # fmt: skip
def test_what_a_translation_cannot_say_is_told_with_its_line(
    translate: Write, front: str, complaint: str
) -> None:
    assert translations_refusal(translate("ar", front)).startswith(f"river-gate.ar.md:{complaint}")


def test_what_belongs_to_the_statement_is_ignored_with_a_warning(translate: Write) -> None:
    path = translate(
        "ar",
        "title: T\nslug: river-gate\nlang: AR\ndate: 1 March\ncountries: [NO]\ntags: [a]\n"
        "image:\n  file: gate.jpg\n",
        "<b>Bold</b>\n",
    )
    assert warnings(read_translation(path, TODAY)) == [
        "river-gate.ar.md:7: “tags” is not a field; it is ignored",
        "river-gate.ar.md:5: date belongs to the statement, river-gate.md; it is ignored",
        "river-gate.ar.md:6: countries belongs to the statement, river-gate.md; it is ignored",
        "river-gate.ar.md:9: file belongs to the statement; it is ignored",
        "river-gate.ar.md:12: HTML is shown as text, not obeyed",
    ]
