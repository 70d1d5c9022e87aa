"""Statements as editors write them."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.samples import publish, statement_file, translation_file
from widgets import statements, versions, writing
from widgets.audit import Actor, entries
from widgets.models import Standing, Statement
from widgets.models.fact import content_version
from widgets.service import Service
from widgets.writing import BadWords, Overtaken

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANNA, BORIS = Actor("Anna"), Actor("Boris")


def draft(service: Service, title: str = "Reopen the reading room", lang: str = "en") -> int:
    with service.database.writing() as session:
        typed = {"title": title, "lang": lang}
        return writing.begin(session, typed, NOW.date(), ANNA, NOW).id


def form(service: Service, number: int) -> tuple[dict[str, str], int]:
    """What an editor has on the screen: the fields, and the version they were filled with."""
    with service.database.reading() as session:
        statement = writing.get(session, number)
        return writing.written(session, statement), writing.base_of(session, statement)


def save(service: Service, number: int, who: Actor = ANNA, base: int = 0, **typed: str) -> bool:
    filled, newest = form(service, number)
    with service.database.writing() as session:
        return writing.save(session, number, {**filled, **typed}, base or newest, who, NOW)


def translate(service: Service, number: int, title: str, who: Actor, base: int = 0) -> bool:
    typed = {"title": title, "body": "Texte."}
    with service.database.writing() as session:
        return writing.save_translation(session, number, "fr", typed, base, who, NOW)


def restore(service: Service, number: int, version: int, base: int) -> str:
    with service.database.writing() as session:
        return writing.restore(session, number, version, base, ANNA, NOW)


def standing(service: Service, number: int) -> Statement:
    with service.database.reading() as session:
        return writing.get(session, number)


def problems(act: Callable[[], Any]) -> dict[str, str]:
    with pytest.raises(BadWords) as refused:
        act()
    return refused.value.problems


def test_a_draft_begins_with_a_headline_and_an_address_made_of_it(service: Service) -> None:
    made = standing(service, draft(service, "Réouvrez l’Æther: now!"))

    assert (made.title, made.slug, made.standing) == (
        "Réouvrez l’Æther: now!",
        "reouvrez-laether-now",
        "draft",
    )
    assert made.published_on == date(2026, 11, 25)


def test_two_drafts_with_one_headline_have_two_addresses(service: Service) -> None:
    slugs = [standing(service, draft(service)).slug for _ in range(3)]

    assert slugs == [f"reopen-the-reading-room{end}" for end in ("", "-2", "-3")]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("افتحوا القاعة", "statement-2026-11-25"),
        ("Latest", "statement-2026-11-25"),
        ("2026", "2026"),
        ("Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlung", None),
        ("word " * 59, "word-word-word-word-word-word-word-word-word-word-word-word"),
    ],
)
def test_an_address_is_always_one_that_can_be_used(
    service: Service, title: str, slug: str | None
) -> None:
    made = standing(service, draft(service, title))

    assert len(made.slug) <= 60
    assert slug is None or made.slug == slug


def test_what_is_saved_is_cleaned_and_makes_a_version(service: Service) -> None:
    number = draft(service)

    assert save(
        service,
        number,
        title=" Open\u202e it ",
        body="One.\r\n\r\nTwo.\t\x07",
        topics="Libraries, Free expression,, Libraries",
        countries="Norway; ke, Côte d’Ivoire",
        pull_quote="\n ",
        endorsement="We, the\nundersigned",
        published_on="2027-03-01",
    )

    made = standing(service, number)
    assert (made.title, made.body, made.pull_quote) == ("Open it", "One.\n\nTwo.", None)
    assert (made.topics, made.countries) == (["Libraries", "Free expression"], ["NO", "KE", "CI"])
    assert (made.endorsement, made.published_on) == ("We, the undersigned", date(2027, 3, 1))
    with service.database.reading() as session:
        newest = versions.current(session, made)
        assert newest is not None
        assert (newest.number, newest.actor) == (2, "Anna")
        assert [(one.actor, one.action) for one in entries(session).items] == [
            ("Anna", "changed"),
            ("Anna", "began"),
        ]


def test_saving_what_is_there_already_makes_no_version(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, topics='["Peace, and quiet", Water]'))

    assert not save(service, 1)
    assert standing(service, 1).topics == ["Peace, and quiet", "Water"]


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("title", " \u202e ", "The headline is missing."),
        ("title", "x" * 301, "The headline has more than 300 characters."),
        ("lang", "english", "“english” must be a language tag like en, ar or pt-BR."),
        ("lang", "fra", "“fra” is written “fr”."),
        ("slug", "Not Good", "“Not Good” must be like “a-short-name”: a-z, 0-9, hyphens."),
        ("slug", "latest", "“latest” is the name of a widget; take another."),
        ("published_on", "", "The date is missing; write it like 2027-03-01."),
        ("published_on", "1 March", "“1 March” must be a day like 2027-03-01."),
        ("countries", "NO, Atlantis", "“Atlantis” is not a country that we know."),
        (
            "body",
            "x" * 5_000_000,
            "The text is too long: 5,000,058 bytes, and 1,000,000 are the most that a statement "
            "can have.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_saved_is_told_beside_its_field(
    service: Service, field: str, typed: str, told: str
) -> None:
    number = draft(service)

    found = problems(lambda: save(service, number, **{field: typed}))

    assert found == {field: told}
    assert standing(service, number).version == 1


def test_a_published_statement_keeps_its_address_and_its_text(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))

    save(service, 1, slug="another")
    assert standing(service, 1).slug == "river-gate"
    assert problems(lambda: save(service, 1, body="")) == {"body": "The text is missing."}


def test_two_statements_cannot_have_one_address(service: Service) -> None:
    draft(service)
    number = draft(service)

    assert problems(lambda: save(service, number, slug="reopen-the-reading-room")) == {
        "slug": "Another statement has this address already."
    }


def test_a_statement_cannot_take_the_language_of_its_translation(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path), translation_file(tmp_path, "fr"))

    assert list(problems(lambda: save(service, 1, lang="fr"))) == ["lang"]
    assert save(service, 1, lang="de")


def test_readers_see_at_once_what_is_saved_of_a_public_statement_only(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    number = draft(service, "Another")

    def moved(act: Callable[[], object]) -> bool:
        with service.database.reading() as session:
            before = content_version(session)
        act()
        with service.database.reading() as session:
            return content_version(session) != before

    assert moved(lambda: save(service, 1, title="Changed"))
    assert not moved(lambda: save(service, 1, title="Changed"))
    assert not moved(lambda: save(service, number, title="Changed too"))


def test_the_second_of_two_editors_is_told_and_loses_nothing(service: Service) -> None:
    number = draft(service)
    save(service, number, body="The text.", pull_quote="A quote.")
    mine, base = form(service, number)
    save(service, number, BORIS, body="The text of Boris.", endorsement="We")

    typed = {**mine, "body": "The text of Anna.", "pull_quote": "Anna’s quote."}
    with pytest.raises(Overtaken) as told:
        save(service, number, base=base, **typed)

    overtaken = told.value
    assert overtaken.theirs is not None
    assert overtaken.theirs.actor == "Boris"
    assert [one.label for one in overtaken.since] == ["Text", "Sentence above the names"]
    assert overtaken.both == ["The text"]
    assert overtaken.merged["body"] == "The text of Anna."
    assert overtaken.merged["pull_quote"] == "Anna’s quote."
    assert overtaken.merged["endorsement"] == "We"  # which Anna had not touched
    assert standing(service, number).body == "The text of Boris."

    save(service, number, base=overtaken.theirs.id, **overtaken.merged)
    assert standing(service, number).body == "The text of Anna."
    assert standing(service, number).endorsement == "We"


def test_two_who_save_the_same_do_not_disturb_each_other(service: Service) -> None:
    number = draft(service)
    _, base = form(service, number)
    save(service, number, BORIS, body="The same.")

    assert not save(service, number, base=base, body="The same.")


def test_of_two_who_save_at_the_same_moment_one_is_told(service: Service) -> None:
    number = draft(service)
    filled, base = form(service, number)
    start = threading.Barrier(6)
    done: list[str] = []

    def one(who: int) -> None:
        start.wait()
        try:
            with service.database.writing() as session:
                typed = {**filled, "body": f"Text of {who}."}
                writing.save(session, number, typed, base, Actor(str(who)), NOW)
            done.append("saved")
        except Overtaken:
            done.append("told")

    threads = [threading.Thread(target=one, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == ["saved", *["told"] * 5]
    assert standing(service, number).version == 2


def test_a_translation_is_written_removed_and_brought_back(service: Service) -> None:
    number = draft(service)
    assert translate(service, number, "Rouvrez", ANNA)
    with service.database.writing() as session:
        writing.remove_translation(session, number, "fr", ANNA, NOW)
    assert standing(service, number).translations == []

    with service.database.reading() as session:
        (version,) = versions.listed(session, number, "fr", 1).items
    assert restore(service, number, version.id, 0) == "fr"

    (back,) = standing(service, number).translations
    assert (back.title, back.body) == ("Rouvrez", "Texte.")
    with service.database.reading() as session:
        actions = [one.action for one in entries(session).items]
    assert actions == ["restored", "translated", "removed a translation of", "translated", "began"]


def test_two_who_begin_the_same_translation_lose_nothing(service: Service) -> None:
    number = draft(service)
    translate(service, number, "Un", ANNA)

    with pytest.raises(Overtaken) as told:
        translate(service, number, "Deux", BORIS)

    assert told.value.both == ["The headline"]
    assert told.value.merged["title"] == "Deux"


def test_a_translation_that_was_removed_meanwhile_is_told_to_whoever_saves_it(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path), translation_file(tmp_path, "fr"))
    with service.database.writing() as session:
        base = writing.base_of(session, statements.translation(session, 1, "fr"))
        writing.remove_translation(session, 1, "fr", ANNA, NOW)

    with pytest.raises(Overtaken) as told:
        translate(service, 1, "Un", BORIS, base)

    assert told.value.theirs is None
    assert told.value.merged["title"] == "Un"


def test_an_old_version_is_restored_as_a_new_one(service: Service, tmp_path: Path) -> None:
    publish(service, statement_file(tmp_path, topics="[Water]"))
    save(service, 1, body="Worse.", topics="", countries="NO")
    with service.database.reading() as session:
        newest, first = versions.listed(session, 1, "en", 1).items
    restore(service, 1, first.id, newest.id)

    restored = standing(service, 1)
    assert restored.body.startswith("The first paragraph is the lede.")
    assert (restored.topics, restored.countries, restored.version) == (["Water"], [], 3)


def test_nothing_is_restored_over_what_was_saved_meanwhile(service: Service) -> None:
    number = draft(service)
    save(service, number, body="Two.")
    with service.database.reading() as session:
        two, one = versions.listed(session, number, "en", 1).items
    save(service, number, BORIS, body="Three.")

    with pytest.raises(Overtaken):
        restore(service, number, one.id, two.id)


def test_statements_are_found_by_words_in_any_of_their_languages(
    service: Service, tmp_path: Path
) -> None:
    publish(
        service,
        statement_file(tmp_path),
        translation_file(tmp_path, "fr", title="Réouverture de la salle", topics="[Œuvres]"),
        statement_file(tmp_path, "other", title="100% of the water", date="2026-04-01"),
    )
    number = draft(service, "افتحوا القاعة", "ar")

    def found(search: str, standing: str = "") -> list[int]:
        with service.database.reading() as session:
            return [one.id for one in writing.listed(session, search, standing, 1).page.items]

    assert found("") == [number, 2, 1]
    assert found("REOUVERTURE salle") == [1]
    assert found("oeuvres") == [1]
    assert found("lede") == [2, 1]
    assert found("100%") == [2]
    assert found("%") == [2]
    assert found("القاعه") == [number]
    assert found("", "draft") == [number]
    assert found("lede", "draft") == []


def test_the_list_tells_names_languages_and_who_changed_what_last(
    service: Service, tmp_path: Path
) -> None:
    publish(
        service,
        statement_file(tmp_path, names=["Ada", "Ben"]),
        translation_file(tmp_path, "fr"),
    )
    with service.database.reading() as session:
        base = writing.base_of(session, statements.translation(session, 1, "fr"))
    translate(service, 1, "Un", BORIS, base)

    with service.database.reading() as session:
        found = writing.listed(session, "", "", 1)
        assert [one.lang for one in found.page.items[0].translations] == ["fr"]
    assert found.counts[1] == 2
    assert found.last[1].actor == "Boris"


def test_a_file_that_is_imported_overtakes_an_editor_who_is_told(
    service: Service, tmp_path: Path
) -> None:
    publish(service, statement_file(tmp_path))
    _, base = form(service, 1)
    publish(service, statement_file(tmp_path, title="From the file"))

    with pytest.raises(Overtaken) as told:
        save(service, 1, base=base, title="From the form")
    assert told.value.theirs is not None
    assert told.value.theirs.actor == "the command line"
    with service.database.reading() as session:
        assert session.scalars(select(Statement.title)).one() == "From the file"
        assert session.scalars(select(Statement.standing)).one() == Standing.PUBLISHED
