"""Statements brought in from files: all or nothing, and twice is once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image as Picture
from sqlalchemy import select

from widgets import signatories, statements
from widgets.models import Image, Statement
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
