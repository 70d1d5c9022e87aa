"""Statements brought in from files: all or nothing, and twice is once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image as Picture
from sqlalchemy import event, select

from widgets import signatories, statements
from widgets.models import Image, Statement, Translation
from widgets.models.fact import content_version
from widgets.service import Service
from widgets.statement_files import BadFile
from widgets.statements import Change, Imported, NoSuchStatement, Withdrawn

NOW = datetime(2027, 4, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a statement; `names` beside it, and a picture of one colour."""

    def write(
        slug: str = "river-gate",
        front: str = "",
        *,
        body: str = "Text.",
        day: str = "2027-03-01",
        names: Sequence[str] | None = None,
        colour: str | None = None,
    ) -> Path:
        if colour:
            Picture.new("RGB", (60, 40), colour).save(tmp_path / f"{slug}.png")
            front += f"image:\n  file: {slug}.png\n  alt: A gate\n  credit: Ada\n"
        if names is not None:
            rows = "".join(f"{name}\n" for name in names)
            (tmp_path / f"{slug}.signatories.csv").write_text(f"name\n{rows}")
        path = tmp_path / f"{slug}.md"
        path.write_text(f"---\ntitle: About {slug}\ndate: {day}\n{front}---\n\n{body}\n")
        return path

    return write


@pytest.fixture
def translate(tmp_path: Path) -> Write:
    """Writes a translation of a statement."""

    def translate(
        lang: str, front: str = "", *, slug: str = "river-gate", body: str = "Texte."
    ) -> Path:
        path = tmp_path / f"{slug}.{lang}.md"
        path.write_text(f"---\ntitle: {slug} in {lang}\n{front}---\n\n{body}\n")
        return path

    return translate


def bring_in(service: Service, *paths: Path, now: datetime = NOW) -> list[Imported]:
    return statements.import_files(service.database, service.settings.instance_path, paths, now)


def changes(service: Service, *paths: Path, now: datetime = NOW) -> list[Change]:
    return [one.change for one in bring_in(service, *paths, now=now)]


def version(service: Service) -> int:
    with service.database.reading() as session:
        return content_version(session)


def kept(service: Service, slug: str = "river-gate") -> Statement:
    """The statement as it is in the database, withdrawn or not."""
    with service.database.reading() as session:
        return session.scalars(select(Statement).where(Statement.slug == slug)).one()


def everything(service: Service) -> list[object]:
    """All that an import could change."""
    with service.database.reading() as session:
        rows: list[object] = [
            {column.name: getattr(one, column.name) for column in Statement.__table__.columns}
            for one in session.scalars(select(Statement).order_by(Statement.id))
        ]
        rows += [
            signatories.listed(session, one.id)
            for one in session.scalars(select(Statement).order_by(Statement.id))
        ]
        rows += [
            {column.name: getattr(one, column.name) for column in Translation.__table__.columns}
            for one in session.scalars(select(Translation).order_by(Translation.id))
        ]
        rows += [(one.id, one.digest) for one in session.scalars(select(Image).order_by(Image.id))]
    return [*rows, version(service)]


def pictures(service: Service) -> set[str]:
    """The digests of the pictures that are on disk."""
    folder = service.settings.instance_path / "pictures"
    return {path.name.split("-")[0] for path in folder.glob("*")}


def digest(service: Service, slug: str = "river-gate") -> str:
    image = kept(service, slug).image
    assert image is not None
    return image.digest


# New, changed, unchanged


def test_a_new_statement_is_kept_with_all_that_its_file_says(
    service: Service, write: Write
) -> None:
    front = (
        "lang: pt-BR\ntopics: [Libraries]\ncountries: [NO]\npull_quote: A quote\n"
        "endorsement: These endorse it\n"
    )
    (done,) = bring_in(service, write(front=front, names=["A", "B"], colour="red"))
    assert (done.change, done.signatories) == (Change.NEW, 2)

    with service.database.reading() as session:
        one = statements.standing(session, "river-gate")
        assert [name.name for name in signatories.listed(session, one.id)] == ["A", "B"]
    assert (one.title, one.lang, one.body) == ("About river-gate", "pt-BR", "Text.")
    assert (one.topics, one.countries) == (["Libraries"], ["NO"])
    assert (one.pull_quote, one.endorsement) == ("A quote", "These endorse it")
    assert (one.image_alt, one.image_credit) == ("A gate", "Ada")
    assert one.published_on.isoformat() == "2027-03-01"
    assert one.updated_at == NOW
    assert one.image is not None
    assert (one.image.width, one.image.height, one.image.widths) == (60, 40, [60])
    assert pictures(service) == {one.image.digest}


def test_importing_twice_is_importing_once(service: Service, write: Write) -> None:
    paths = [write(names=["A"], colour="red"), write("other", "topics: [a, b]\n")]
    assert changes(service, *paths) == [Change.NEW, Change.NEW]
    before = everything(service)

    again = bring_in(service, *paths, now=LATER)
    assert [(one.change, one.signatories) for one in again] == [
        (Change.UNCHANGED, 1), (Change.UNCHANGED, 0),
    ]  # fmt: skip
    assert everything(service) == before


@pytest.mark.parametrize(
    "change",
    [
        {"body": "Other text."},
        {"day": "2027-03-02"},
        {"front": "topics: [Libraries]\n"},
        {"front": "countries: [KE]\n"},
        {"front": "lang: fr\n"},
        {"front": "pull_quote: A quote\n"},
        {"front": "endorsement: These endorse it\n"},
        {"names": ["A", "C"]},
        {"names": ["B", "A"]},
        {"names": []},
        {"colour": "blue"},
    ],
)
def test_whatever_is_changed_is_seen_to_change(
    service: Service, write: Write, change: dict[str, object]
) -> None:
    bring_in(service, write(names=["A", "B"], colour="red"))
    path = write(**{"names": ["A", "B"], "colour": "red", **change})  # type: ignore[arg-type]

    assert changes(service, path, now=LATER) == [Change.CHANGED]
    assert kept(service).updated_at == LATER
    assert version(service) == 2
    assert changes(service, path, now=LATER + timedelta(days=1)) == [Change.UNCHANGED]
    assert kept(service).updated_at == LATER
    assert version(service) == 2


def test_one_import_is_one_new_version_of_what_is_shown(service: Service, write: Write) -> None:
    paths = [write(f"statement-{number}", names=["A"]) for number in range(3)]
    bring_in(service, *paths)
    assert version(service) == 1
    write("statement-1", names=["B"])
    assert changes(service, *paths) == [Change.UNCHANGED, Change.CHANGED, Change.UNCHANGED]
    assert version(service) == 2


def test_importing_nothing_changes_nothing(service: Service) -> None:
    assert bring_in(service) == []
    assert version(service) == 0


def test_a_field_that_is_taken_out_is_gone(service: Service, write: Write) -> None:
    bring_in(service, write(front="topics: [a]\npull_quote: A quote\nlang: fr\n", colour="red"))
    bring_in(service, write())
    one = kept(service)
    assert (one.topics, one.pull_quote, one.lang) == ([], None, "en")
    assert (one.image, one.image_alt, one.image_credit) == (None, "", None)


# All or nothing


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("mistake", ["lang: no language\n", "image: {file: text.png}\n"])
def test_a_bad_file_among_good_ones_changes_nothing(
    service: Service, write: Write, place: int, mistake: str
) -> None:
    bring_in(service, write("one", names=["A"], colour="red"))
    before, shown = everything(service), pictures(service)
    good = [write("one", names=["B"], colour="blue"), write("two", names=["C"])]
    bad = write("bad", mistake)
    bad.with_name("text.png").write_text("a text")

    with pytest.raises(BadFile, match=r"bad\.md:4: "):
        bring_in(service, *good[:place], bad, *good[place:], now=LATER)
    assert everything(service) == before
    assert shown <= pictures(service)


def test_a_bad_table_among_good_files_changes_nothing(service: Service, write: Write) -> None:
    good, bad = write("good"), write("bad", names=["A", "Paper, Ink"])
    with pytest.raises(BadFile, match=r"bad\.signatories\.csv:3: "):
        bring_in(service, good, bad)
    assert everything(service) == [0]


def test_a_bad_picture_is_told_with_the_line_that_names_it(service: Service, write: Write) -> None:
    path = write(colour="red")
    path.with_suffix(".png").write_bytes(path.with_suffix(".png").read_bytes()[:60])
    with pytest.raises(BadFile, match=r"river-gate\.md:5: river-gate\.png: it is cut off"):
        bring_in(service, path)
    assert everything(service) == [0]


def test_two_files_of_one_slug_are_refused(service: Service, write: Write) -> None:
    twin = write("twin", "slug: river-gate\n")
    with pytest.raises(BadFile, match=r"twin\.md:1: has the slug of .*river-gate\.md"):
        bring_in(service, write(), twin)
    assert everything(service) == [0]


def test_what_came_before_a_mistake_can_come_in_afterwards(service: Service, write: Write) -> None:
    path = write(front="lang: no language\n")
    with pytest.raises(BadFile):
        bring_in(service, path)
    assert changes(service, write()) == [Change.NEW]


# Names


def test_without_a_table_the_names_stay(service: Service, write: Write) -> None:
    path = write(names=["A", "B"])
    bring_in(service, path)
    path.with_name("river-gate.signatories.csv").unlink()

    (again,) = bring_in(service, path)
    assert (again.change, again.signatories) == (Change.UNCHANGED, 2)
    (changed,) = bring_in(service, write(body="Other text."))
    assert (changed.change, changed.signatories) == (Change.CHANGED, 2)


def test_a_table_of_none_takes_all_names_away(service: Service, write: Write) -> None:
    bring_in(service, write(names=["A", "B"]))
    (again,) = bring_in(service, write(names=[]))
    assert (again.change, again.signatories) == (Change.CHANGED, 0)


# Pictures


def test_a_picture_that_is_replaced_is_deleted_from_disk(service: Service, write: Write) -> None:
    bring_in(service, write(colour="red"))
    before = digest(service)
    bring_in(service, write(colour="blue"))
    assert digest(service) != before
    assert pictures(service) == {digest(service)}
    with service.database.reading() as session:
        assert list(session.scalars(select(Image.digest))) == [digest(service)]


def test_a_picture_that_is_taken_out_is_deleted_from_disk(service: Service, write: Write) -> None:
    bring_in(service, write(colour="red"))
    bring_in(service, write())
    assert pictures(service) == set()


def test_a_picture_that_another_statement_shows_stays(service: Service, write: Write) -> None:
    bring_in(service, write("one", colour="red"), write("two", colour="red"))
    assert digest(service, "one") == digest(service, "two")
    bring_in(service, write("one", colour="blue"))
    assert pictures(service) == {digest(service, "one"), digest(service, "two")}


def test_two_statements_can_exchange_their_pictures(service: Service, write: Write) -> None:
    bring_in(service, write("one", colour="red"), write("two", colour="blue"))
    one, two = digest(service, "one"), digest(service, "two")
    bring_in(service, write("one", colour="blue"), write("two", colour="red"))
    assert (digest(service, "one"), digest(service, "two")) == (two, one)
    assert pictures(service) == {one, two}


def test_a_file_makes_a_statement_urgent_and_one_that_does_not_say_it_changes_nothing(
    service: Service, write: Write
) -> None:
    said = []
    for front in ("", "urgent: true\n", "", "urgent: false\n"):
        bring_in(service, write(front=front))
        with service.database.reading() as session:
            said.append(session.scalars(select(Statement.is_urgent)).one())
    assert said == [False, True, True, False]


# Withdrawing


def test_a_statement_that_is_withdrawn_stands_no_more(service: Service, write: Write) -> None:
    bring_in(service, write(names=["A"]), write("other"))
    path = write(front="withdrawn: 2027-04-01\n", names=["A"])

    assert changes(service, path, now=LATER) == [Change.CHANGED]
    with service.database.reading() as session:
        with pytest.raises(Withdrawn) as withdrawn:
            statements.standing(session, "river-gate")
        assert [one.slug for one in statements.newest(session)] == ["other"]
    assert withdrawn.value.statement.title == "About river-gate"
    assert str(withdrawn.value.statement.withdrawn_on) == "2027-04-01"
    assert version(service) == 2


def test_the_picture_of_what_is_withdrawn_is_deleted_from_disk(
    service: Service, write: Write
) -> None:
    bring_in(service, write(colour="red"))
    bring_in(service, write(front="withdrawn: 2027-04-01\n", colour="red"))
    assert pictures(service) == set()
    assert kept(service).image is None


def test_a_statement_withdrawn_from_the_start_stores_no_picture(
    service: Service, write: Write
) -> None:
    bring_in(service, write(front="withdrawn: 2027-04-01\n", colour="red"))
    assert pictures(service) == set()


def test_a_withdrawn_statement_can_be_brought_back_whole(service: Service, write: Write) -> None:
    bring_in(service, write(names=["A", "B"], colour="red"))
    before = digest(service)
    bring_in(service, write(front="withdrawn: 2027-04-01\n", colour="red"))
    (back,) = bring_in(service, write(colour="red"), now=LATER)

    assert (back.change, back.signatories) == (Change.CHANGED, 2)
    with service.database.reading() as session:
        assert statements.standing(session, "river-gate").withdrawn_on is None
    assert pictures(service) == {before}


def test_a_day_of_withdrawal_in_the_future_is_refused(service: Service, write: Write) -> None:
    path = write(front="withdrawn: 2027-04-02\n")
    with pytest.raises(BadFile, match=r":4: withdrawn 2027-04-02 lies in the future"):
        bring_in(service, path, now=NOW)
    assert changes(service, path, now=LATER) == [Change.NEW]


# Reading


def test_a_statement_that_never_was_is_not_there(service: Service, write: Write) -> None:
    bring_in(service, write())
    with service.database.reading() as session, pytest.raises(NoSuchStatement):
        statements.standing(session, "river")


def test_the_newest_stands_first_and_of_one_day_the_last_to_come(
    service: Service, write: Write
) -> None:
    bring_in(service, write("old", day="2026-12-31"), write("new", day="2027-03-01"))
    bring_in(service, write("same-day", day="2027-03-01"), write("middle", day="2027-01-01"))
    bring_in(service, write("old", day="2026-12-31", body="A correction moves nothing."))
    with service.database.reading() as session:
        assert [one.slug for one in statements.newest(session)] == [
            "same-day", "new", "middle", "old",
        ]  # fmt: skip


def test_it_is_known_whether_there_is_any(service: Service, write: Write) -> None:
    with service.database.reading() as session:
        assert not statements.has_any(session)
    bring_in(service, write(front="withdrawn: 2027-04-01\n"))
    with service.database.reading() as session:
        assert statements.has_any(session)


# Translations


def shown(service: Service, lang: str = "", slug: str = "river-gate") -> statements.Shown:
    with service.database.reading() as session:
        return statements.standing(session, slug, lang)


def test_a_statement_is_shown_in_the_language_that_is_asked_for(
    service: Service, write: Write, translate: Write
) -> None:
    front = "topics: [Bibliothèques]\npull_quote: Une lettre\nendorsement: Soutenue par\n"
    words = "image:\n  alt: Une porte\n"
    original = write(front="topics: [Libraries]\npull_quote: A letter\n", colour="red")
    assert changes(service, original, translate("fr", front + words)) == [Change.NEW, Change.NEW]

    one = shown(service, "fr")
    assert (one.slug, one.lang, one.original_lang) == ("river-gate", "fr", "en")
    assert (one.title, one.body, one.topics) == ("river-gate in fr", "Texte.", ["Bibliothèques"])
    assert (one.pull_quote, one.endorsement) == ("Une lettre", "Soutenue par")
    assert (one.image_alt, one.image_credit) == ("Une porte", "Ada")
    assert one.image is not None
    assert one.published_on.isoformat() == "2027-03-01"
    assert shown(service).title == "About river-gate"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", "en"), ("en", "en"), ("fr", "fr"), ("FR", "fr"), ("fr-CA", "fr"), ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"), ("pt-br", "pt-BR"), ("zh", "zh-Hans"), ("zh-Hant-TW", "zh-Hant"),
        ("zh-Hant-HK", "zh-Hant"), ("en-GB", "en"), ("de", "en"), ("f", "en"),
        ("a" * 60, "en"), ("-", "en"),
    ],
)  # fmt: skip
def test_the_nearest_language_is_shown_or_else_the_original(asked: str, found: str) -> None:
    assert statements.nearest(asked, ["en", "fr", "pt-BR", "zh-Hans", "zh-Hant"]) == found


def test_a_statement_tells_its_languages_the_original_first(
    service: Service, write: Write, translate: Write
) -> None:
    bring_in(service, write(front="lang: km\n"), *map(translate, ("my", "ar", "en")))
    for lang in ("", "ar", "xx"):
        assert shown(service, lang).languages == ("km", "ar", "en", "my")


def test_a_translation_may_stand_before_its_statement_or_come_later(
    service: Service, write: Write, translate: Write
) -> None:
    done = bring_in(service, translate("ar"), write(), translate("fr"))
    assert [one.file.path.name for one in done] == [
        "river-gate.ar.md", "river-gate.md", "river-gate.fr.md",
    ]  # fmt: skip
    assert changes(service, translate("ru"), now=LATER) == [Change.NEW]
    assert version(service) == 2
    assert shown(service).languages == ("en", "ar", "fr", "ru")
    assert (shown(service, "ru").updated_at, shown(service, "ar").updated_at) == (LATER, NOW)


def test_importing_translations_twice_is_importing_them_once(
    service: Service, write: Write, translate: Write
) -> None:
    paths = [write(names=["A"]), translate("ar"), translate("fr", "topics: [a]\n")]
    bring_in(service, *paths)
    before = everything(service)
    assert changes(service, *paths, now=LATER) == [Change.UNCHANGED] * 3
    assert everything(service) == before


def test_importing_the_statement_alone_leaves_its_translations(
    service: Service, write: Write, translate: Write
) -> None:
    bring_in(service, write(), translate("ar"))
    bring_in(service, write(body="Corrected."))
    assert shown(service, "ar").title == "river-gate in ar"


@pytest.mark.parametrize(
    "change",
    [
        {"body": "Autre texte."},
        {"front": "topics: [a]\n"},
        {"front": "pull_quote: a\n"},
        {"front": "endorsement: a\n"},
        {"front": "image: {alt: a}\n"},
        {"front": "image: {credit: a}\n"},
    ],
)
def test_a_change_of_a_translation_is_seen(
    service: Service, write: Write, translate: Write, change: dict[str, str]
) -> None:
    bring_in(service, write(), translate("fr"))
    assert changes(service, translate("fr", **change), now=LATER) == [Change.CHANGED]
    assert version(service) == 2
    assert shown(service, "fr").updated_at == LATER
    assert shown(service).updated_at == NOW


def test_a_translation_is_taken_back_by_a_line_in_its_file(
    service: Service, write: Write, translate: Write
) -> None:
    bring_in(service, write(), translate("ar"), translate("fr"))
    back = translate("ar", "withdrawn: 2027-04-01\n")
    assert changes(service, back, now=LATER) == [Change.TAKEN_BACK]
    assert shown(service, "ar").languages == ("en", "fr")
    assert version(service) == 2
    assert changes(service, back, now=LATER) == [Change.UNCHANGED]
    assert version(service) == 2
    assert changes(service, translate("ar"), now=LATER) == [Change.NEW]


@pytest.mark.parametrize(
    ("lang", "front", "complaint"),
    [
        (
            "ar",
            "",
            r"other\.ar\.md:1: there is no statement “other” to translate; import other\.md",
        ),
        ("xx", "", r"other\.xx\.md:1: “xx” is not a language"),
        ("ar", "lang: fr\n", r"other\.ar\.md:3: lang “fr” is not what the file's name says"),
    ],
)
def test_a_bad_translation_changes_nothing(
    service: Service, write: Write, translate: Write, lang: str, front: str, complaint: str
) -> None:
    bring_in(service, write())
    before = everything(service)
    with pytest.raises(BadFile, match=complaint):
        bring_in(service, write(body="New."), translate("fr"), translate(lang, front, slug="other"))
    assert everything(service) == before


def test_a_translation_into_the_statements_own_language_is_refused(
    service: Service, write: Write, translate: Write
) -> None:
    with pytest.raises(
        BadFile, match=r"river-gate\.en\.md:1: “en” is the statement's own language"
    ):
        bring_in(service, write(), translate("en"))
    assert everything(service) == [0]


def test_the_same_translation_twice_in_one_import_is_refused(
    service: Service, write: Write, translate: Write
) -> None:
    with pytest.raises(BadFile, match=r"pt-br\.md:1: is the same translation as .*pt-BR\.md"):
        bring_in(service, write(), translate("pt-BR"), translate("pt-br"))
    assert everything(service) == [0]


def test_a_statement_cannot_take_the_language_of_a_translation_unless_that_goes(
    service: Service, write: Write, translate: Write
) -> None:
    bring_in(service, write(), translate("fr"))
    before = everything(service)
    french = write(front="lang: fr\n")
    with pytest.raises(BadFile, match=r"river-gate\.md:1: its language is now “fr”, into which"):
        bring_in(service, french)
    assert everything(service) == before
    bring_in(service, french, translate("fr", "withdrawn: 2027-04-01\n"), translate("en"))
    assert (shown(service).lang, shown(service).languages) == ("fr", ("fr", "en"))


def test_what_is_withdrawn_is_named_in_the_language_asked_for(
    service: Service, write: Write, translate: Write
) -> None:
    bring_in(service, write(front="withdrawn: 2027-04-01\n"), translate("fr"))
    with pytest.raises(Withdrawn) as withdrawn:
        shown(service, "fr")
    assert withdrawn.value.statement.title == "river-gate in fr"


def test_the_list_is_in_the_language_asked_for_where_there_is_one(
    service: Service, write: Write, translate: Write
) -> None:
    bring_in(service, write(), write("other", day="2026-01-01"), translate("fr"))
    with service.database.reading() as session:
        titles = [one.title for one in statements.newest(session, "fr")]
    assert titles == ["river-gate in fr", "About other"]


# The latest, and more like one


def slugs(service: Service, **asked: str) -> list[str]:
    with service.database.reading() as session:
        return [one.slug for one in statements.stories(session, **asked)]


def latest(service: Service, **asked: str) -> str | None:
    with service.database.reading() as session:
        found = statements.latest(session, **asked)
        return found.slug if found else None


@pytest.fixture
def five(service: Service, write: Write, translate: Write) -> None:
    """Statements by their day, the last the newest; the one of the fifth is withdrawn."""
    about = {
        "first": "topics: [Libraries, Towns]\ncountries: [NO, KE]\n",
        "second": "topics: [LIBRÁRIES]\n",
        "third": "topics: [Radio]\ncountries: [NO]\n",
        "fourth": "",
        "fifth": "topics: [Libraries, Towns]\ncountries: [NO, KE]\nwithdrawn: 2027-04-01\n",
    }
    bring_in(
        service,
        *(
            write(slug, front, day=f"2027-03-0{number}")
            for number, (slug, front) in enumerate(about.items(), 1)
        ),
        translate("fr", "topics: [Bibliothèques]\n", slug="second"),
        translate("es", "topics: [Libraries]\n", slug="second"),
    )


def test_without_any_statement_there_is_no_latest_and_no_story(service: Service) -> None:
    assert latest(service) is None
    assert slugs(service) == slugs(service, like="river-gate") == []


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "fourth"),
        ({"topic": "libraries"}, "second"),
        ({"topic": "bibliotheques"}, "second"),
        ({"topic": "Towns"}, "first"),
        ({"topic": "Libr"}, None),
        ({"country": "NO"}, "third"),
        ({"country": "ke"}, "first"),
        ({"country": "NO", "topic": "Libraries"}, "first"),
        ({"country": "SE"}, None),
    ],
)
def test_the_latest_is_the_newest_that_stands_on_what_is_asked_for(
    service: Service, asked: dict[str, str], found: str | None
) -> None:
    assert latest(service, **asked) == found


@pytest.mark.usefixtures("five")
def test_the_latest_is_in_the_language_asked_for(service: Service) -> None:
    with service.database.reading() as session:
        found = statements.latest(session, "fr", topic="libraries")
    assert found is not None
    assert found.title == "second in fr"


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["fourth", "third", "second", "first"]),
        ({"like": "first"}, ["third", "second", "fourth"]),
        ({"like": "second"}, ["first", "fourth", "third"]),
        ({"like": "third"}, ["first", "fourth", "second"]),
        ({"like": "nothing"}, ["fourth", "third", "second", "first"]),
        ({"like": "fifth"}, ["fourth", "third", "second", "first"]),
        ({"like": "first", "topic": "Libraries"}, ["second"]),
        ({"country": "no"}, ["third", "first"]),
        ({"topic": "nothing"}, []),
    ],
)
def test_stories_share_most_and_then_are_newest(
    service: Service, asked: dict[str, str], found: list[str]
) -> None:
    assert slugs(service, **asked) == found


def test_a_topic_in_many_languages_is_one_topic(
    service: Service, write: Write, translate: Write
) -> None:
    """Or two statements that are translated would seem more alike than they are."""
    bring_in(
        service,
        write("this", "topics: [Press, Towns]\n"),
        write("translated", "topics: [Press]\n", day="2027-03-02"),
        write("closer", "topics: [Press, Towns]\n"),
        *(
            translate(lang, f"topics: [Press in {lang}]\n", slug=slug)
            for lang in ("ar", "fr", "ru")
            for slug in ("this", "translated")
        ),
    )
    assert slugs(service, like="this") == ["closer", "translated"]


def test_there_are_no_more_stories_than_fit(service: Service, write: Write) -> None:
    bring_in(service, *(write(f"statement-{number}") for number in range(9)))
    assert slugs(service) == [f"statement-{number}" for number in (8, 7, 6, 5, 4, 3)]


def test_however_many_statements_there_are_the_queries_are_as_many(
    service: Service, write: Write, translate: Write
) -> None:
    def queries() -> int:
        seen: list[str] = []
        with service.database.reading() as session:
            engine = service.database.engine
            note = lambda *call: seen.append(call[2])  # noqa: E731
            event.listen(engine, "before_cursor_execute", note)
            statements.newest(session, "fr")
            statements.stories(session, "fr", like="statement-1")
            statements.latest(session, "fr")
            statements.standing(session, "statement-1", "fr")
            event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    bring_in(service, write("statement-1"), translate("fr", slug="statement-1"))
    bring_in(service, write("statement-2"), translate("fr", slug="statement-2"))
    few = queries()
    assert few > 5
    for number in range(3, 12):
        slug = f"statement-{number}"
        bring_in(service, write(slug), translate("fr", slug=slug), translate("ar", slug=slug))
    assert queries() == few
