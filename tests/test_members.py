"""The organisations on whose sites widgets are shown."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.samples import endorsed
from widgets import audit, members
from widgets.audit import Actor
from widgets.members import Entry, Person, Problems, checked
from widgets.models import Contact, Invitation, Member, Sighting, Site
from widgets.service import Service


def saved(service: Service, slug: str, name: str, website: str | None = None) -> tuple[str, ...]:
    """What is kept of a member, after another look."""
    with service.database.writing() as session:
        members.save(session, slug, name, website)
    with service.database.reading() as session:
        return tuple(
            f"{one.slug}, {one.name}, {one.website}" for one in session.query(Member).all()
        )


def test_a_member_is_kept(service: Service) -> None:
    assert saved(service, "lamp-keepers", "Circle of Lamp Keepers", "https://lamp.example") == (
        "lamp-keepers, Circle of Lamp Keepers, https://lamp.example",
    )


def test_a_member_needs_no_website(service: Service) -> None:
    assert saved(service, "lamp-keepers", "Lamp Keepers") == ("lamp-keepers, Lamp Keepers, None",)


def test_saving_again_renames_and_keeps_the_website(service: Service) -> None:
    saved(service, "lamp-keepers", "Circle of Lamp Keepers", "https://lamp.example")
    assert saved(service, "lamp-keepers", "Union of Lamp Keepers") == (
        "lamp-keepers, Union of Lamp Keepers, https://lamp.example",
    )


def test_saving_again_changes_the_website_that_is_given(service: Service) -> None:
    saved(service, "lamp-keepers", "Lamp Keepers", "https://lamp.example")
    assert saved(service, "lamp-keepers", "Lamp Keepers", "http://lamps.example") == (
        "lamp-keepers, Lamp Keepers, http://lamps.example",
    )


def test_a_name_is_cleaned(service: Service) -> None:
    assert saved(service, "lamp-keepers", "  Lamp\u202e\n Keepers\0 ") == (
        "lamp-keepers, Lamp Keepers, None",
    )


@pytest.mark.parametrize(
    "slug",
    ["", "-", "Lamp", "lamp keepers", "lamp--keepers", "-lamp", "lamp-", "lämp", "lamp\n", "a" * 64,
     "lamp/keepers", "lamp_keepers", "١"],
)  # fmt: skip
def test_a_slug_that_cannot_stand_in_an_address_is_refused(service: Service, slug: str) -> None:
    with (
        pytest.raises(members.BadMember, match="must be like “a-short-name”"),
        service.database.writing() as session,
    ):
        members.save(session, slug, "Lamp Keepers")


def test_a_slug_may_be_as_long_as_a_snippet_takes(service: Service) -> None:
    assert saved(service, "a" * 63, "Lamp Keepers") == ("a" * 63 + ", Lamp Keepers, None",)


@pytest.mark.parametrize("name", ["", " \n", "\u202e\u202c", "\0"])
def test_a_member_needs_a_name(service: Service, name: str) -> None:
    with (
        pytest.raises(members.BadMember, match="needs a name"),
        service.database.writing() as session,
    ):
        members.save(session, "lamp-keepers", name)


@pytest.mark.parametrize("website", ["lamp.example", "javascript:alert(1)", "ftp://a", "//a"])
def test_a_website_is_an_address_of_the_web(service: Service, website: str) -> None:
    with (
        pytest.raises(members.BadMember, match="must be an address like https://"),
        service.database.writing() as session,
    ):
        members.save(session, "lamp-keepers", "Lamp Keepers", website)


def test_only_a_member_we_know_has_a_name_in_our_mails(service: Service) -> None:
    saved(service, "lamp-keepers", "Circle of Lamp Keepers")
    with service.database.reading() as session:
        assert members.site_name(session, "lamp-keepers") == "Circle of Lamp Keepers"
        assert members.site_name(session, "click-here-to-win") is None
        assert members.site_name(session, "") is None
        assert members.site_name(session, None) is None


# As an editor keeps them

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANNA = Actor("Anna")
LAMPS = Entry(
    "Circle of Lamp Keepers",
    {"fr": "Cercle des Gardiens de Lampes"},
    "NO",
    "https://lamp.example/",
    [Person("Ada", "ada@lamp.example", "fr")],
    ["https://lamp.example"],
)


def add(service: Service, entry: Entry, slug: str = "") -> str:
    with service.database.writing() as session:
        return members.add(session, entry, slug, ANNA, NOW).slug


def change(service: Service, slug: str, entry: Entry) -> bool:
    with service.database.writing() as session:
        return members.change(session, slug, entry, ANNA, NOW)


def kept(service: Service, slug: str) -> Entry:
    with service.database.reading() as session:
        entry = members.entry_of(members.get(session, slug))
    return replace(entry, contacts=[replace(one, id=None) for one in entry.contacts])


def done(service: Service) -> list[str]:
    with service.database.reading() as session:
        entries = audit.entries(session, kind="member").items
        return [f"{one.actor} {one.action} {one.title}" for one in reversed(entries)]


def test_what_is_typed_is_cleaned() -> None:
    assert checked(
        Entry(
            "  Circle\u202e of  Lamp Keepers ",
            {"FR": " Cercle ", "ar": " "},
            "no",
            "lamp.example",
            [Person(" Ada ", " ada@LAMP.example ", "PT-br"), Person()],
            ["Lamp.example/about", "https://lamp.example", "http://bücher.example:8080"],
        )
    ) == Entry(
        "Circle of Lamp Keepers",
        {"fr": "Cercle"},
        "NO",
        "https://lamp.example",
        [Person("Ada", "ada@lamp.example", "pt-BR")],
        ["https://lamp.example", "http://xn--bcher-kva.example:8080"],
    )


@pytest.mark.parametrize(
    ("typed", "field", "told"),
    [
        (Entry(" \u202e"), "name", "needs a name"),
        (Entry("x" * 301), "name", "300 characters at most; this has 301"),
        (Entry("..."), "name", "nothing to see"),
        (Entry("A", {"fr": "x" * 301}), "name-fr", "300 characters"),
        (Entry("A", {"nonsense!": "b"}), "name-nonsense!", "not the tag of a language"),
        (Entry("A", country="QQ"), "country", "not a country"),
        (Entry("A", website="javascript://a/%0aalert(1)"), "website", "must be an address"),
        (Entry("A", website="https://user:word@a.example"), "website", "must be an address"),
        (Entry("A", website="https://a.example/" + "a" * 500), "website", "500 characters"),
        (Entry("A", sites=["ftp://a.example"]), "sites", "not the address of a site"),
        (Entry("A", sites=["https://a@b.example"]), "sites", "not the address of a site"),
        (Entry("A", sites=["https://a.example:99999"]), "sites", "not the address of a site"),
        (Entry("A", contacts=[Person("Ada")]), "contact-0-address", "Where is Ada written to"),
        (Entry("A", contacts=[Person("", "ada")]), "contact-0-address", "has an @ in it"),
        (
            Entry("A", contacts=[Person("", "a@b.example"), Person("", "A@b.example")]),
            "contact-1-address",
            "stands here twice",
        ),
        (Entry("A", contacts=[Person("", "a@b.example", "??")]), "contact-0-lang", "not the tag"),
    ],
)
def test_what_cannot_be_kept_is_told_field_by_field(typed: Entry, field: str, told: str) -> None:
    with pytest.raises(Problems) as refused:
        checked(typed)

    assert list(refused.value.problems) == [field]
    assert told in refused.value.problems[field]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(Problems) as refused:
        checked(Entry("", country="QQ", sites=["a@b"], website="ftp://a"))

    assert set(refused.value.problems) == {"name", "country", "website", "sites"}


def test_a_member_is_kept_with_all_it_has(service: Service) -> None:
    assert add(service, LAMPS) == "circle-of-lamp-keepers"

    assert kept(service, "circle-of-lamp-keepers") == LAMPS
    assert done(service) == ["Anna added Circle of Lamp Keepers"]


@pytest.mark.parametrize(
    ("entry", "slug"),
    [
        (Entry("Union des Écrivains, Ørsted’s"), "union-des-ecrivains-orsteds"),
        (Entry("Союз", {"en": "Union of Writers"}), "union-of-writers"),
        (Entry("Союз", website="https://www.soyuz.example"), "soyuz"),
        (Entry("Союз"), "member"),
        (Entry("Import"), "import-2"),
        (Entry("word " * 50), "-".join(["word"] * 12)),
    ],
)
def test_a_slug_is_made_from_what_there_is(service: Service, entry: Entry, slug: str) -> None:
    assert add(service, entry) == slug


def test_a_slug_is_one_members_only(service: Service) -> None:
    add(service, LAMPS, "lamps")
    with pytest.raises(Problems, match="Another member has “lamps” already"):
        add(service, Entry("Others"), "lamps")
    assert add(service, Entry("Lamps")) == "lamps-2"


@pytest.mark.parametrize("site", ["https://lamp.example", "http://www.lamp.example"])
def test_a_site_is_one_members_only(service: Service, site: str) -> None:
    add(service, LAMPS)
    with pytest.raises(Problems, match="belongs to Circle of Lamp Keepers already"):
        add(service, Entry("Others", sites=[site]))
    assert done(service) == ["Anna added Circle of Lamp Keepers"]


def test_a_change_is_noted_and_tells_nothing_of_people(service: Service) -> None:
    slug = add(service, LAMPS)
    after = replace(LAMPS, name="Lamp Keepers", contacts=[Person("Bo", "bo@lamp.example")])

    assert change(service, slug, after)
    assert not change(service, slug, after)

    assert kept(service, slug) == after
    with service.database.reading() as session:
        newest = audit.entries(session).items[0]
    assert newest.details == {
        "name": {"before": "Circle of Lamp Keepers", "after": "Lamp Keepers"},
        "contacts": "changed",
    }


def test_contacts_keep_their_identity_when_their_address_changes(service: Service) -> None:
    slug = add(service, LAMPS)
    with service.database.reading() as session:
        (before,) = members.get(session, slug).contacts
    change(service, slug, replace(LAMPS, contacts=[Person("Bo", "bo@lamp.example", id=before.id)]))

    with service.database.reading() as session:
        (after,) = members.get(session, slug).contacts
    assert (after.id, after.name, after.address) == (before.id, "Bo", "bo@lamp.example")


def test_two_contacts_can_exchange_their_addresses(service: Service) -> None:
    one, two = Person("Ada", "ada@lamp.example"), Person("Bo", "bo@lamp.example")
    slug = add(service, replace(LAMPS, contacts=[one, two]))
    with service.database.reading() as session:
        ada, bo = members.get(session, slug).contacts
    swapped = [Person("Ada", two.address, id=ada.id), Person("Bo", one.address, id=bo.id)]
    change(service, slug, replace(LAMPS, contacts=swapped))

    assert {(p.name, p.address) for p in kept(service, slug).contacts} == {
        ("Ada", "bo@lamp.example"),
        ("Bo", "ada@lamp.example"),
    }


def asked(service: Service, slug: str, reply: str | None) -> None:
    statement = endorsed(service, [])
    with service.database.writing() as session:
        (contact,) = members.get(session, slug).contacts
        session.add(
            Invitation(
                id=uuid.uuid4(),
                statement_id=statement,
                member_slug=slug,
                contact_id=contact.id,
                asked_at=NOW,
                reply=reply,
            )
        )


def test_a_contact_who_has_answered_can_only_be_followed_by_another(service: Service) -> None:
    slug = add(service, LAMPS)
    asked(service, slug, "endorsed")
    with pytest.raises(Problems, match="Ada has answered for this member"):
        change(service, slug, replace(LAMPS, contacts=[]))

    assert kept(service, slug) == LAMPS


def test_a_member_leaves_and_comes_back(service: Service) -> None:
    slug = add(service, LAMPS)
    with service.database.writing() as session:
        members.leave(session, slug, ANNA, NOW)
        members.leave(session, slug, ANNA, NOW)
    with service.database.reading() as session:
        assert members.get(session, slug).left_at == NOW
        assert members.numbers(session) == (0, 1)
        assert members.found(session).total == 0
        assert members.found(session, left=True).total == 1
    with service.database.writing() as session:
        members.come_back(session, slug, ANNA, NOW)
    with service.database.reading() as session:
        assert members.get(session, slug).left_at is None
    assert done(service)[1:] == [
        "Anna noted the leaving of Circle of Lamp Keepers",
        "Anna noted the return of Circle of Lamp Keepers",
    ]


def test_a_member_on_which_nothing_hangs_can_be_deleted(service: Service) -> None:
    slug = add(service, LAMPS)
    with service.database.writing() as session:
        members.forget(session, slug, ANNA, NOW)

    with service.database.reading() as session:
        assert [session.query(table).count() for table in (Member, Contact, Site)] == [0, 0, 0]
    assert add(service, LAMPS) == slug


def test_a_member_on_which_something_hangs_stays(service: Service) -> None:
    slug = add(service, LAMPS)
    asked(service, slug, None)
    with service.database.writing() as session:
        session.add(Sighting(day=NOW.date(), widget="stories", member_slug=slug, shown=1))
    with (
        pytest.raises(
            members.BadMember,
            match="there are invitations to endorse and days on which its site showed a widget",
        ),
        service.database.writing() as session,
    ):
        members.forget(session, slug, ANNA, NOW)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["ecrivains", "lamps", "soyuz"]),
        ("ECRIVAINS", ["ecrivains"]),
        ("keepers lamp", ["lamps"]),
        ("gardiens", ["lamps"]),
        ("союз", ["soyuz"]),
        ("soyuz.example", ["soyuz"]),
        ("nobody", []),
    ],
)
def test_members_are_found_by_any_of_their_names(
    service: Service, search: str, found: list[str]
) -> None:
    add(service, Entry("Союз писателей", website="https://soyuz.example"), "soyuz")
    add(service, LAMPS, "lamps")
    add(service, Entry("Association des Écrivains", country="KH"), "ecrivains")
    with service.database.reading() as session:
        assert [one.slug for one in members.found(session, search=search).items] == found


def test_members_are_found_by_country_and_region(service: Service) -> None:
    add(service, LAMPS, "lamps")
    add(service, Entry("Khmer Readers", country="KH"), "readers")
    add(service, Entry("Nowhere"), "nowhere")
    with service.database.reading() as session:
        by_country = members.found(session, country="NO").items
        by_region = members.found(session, region="035").items
        assert members.countries(session) == ["KH", "NO"]
    assert [one.slug for one in by_country] == ["lamps"]
    assert [one.slug for one in by_region] == ["readers"]


@pytest.mark.parametrize(
    ("entry", "why", "sure"),
    [
        (Entry("THE CIRCLE OF LAMP-KEEPERS"), "name", True),
        (Entry("Circle of Lampkeepers"), "name", True),
        (Entry("Circle of Lamp Keepers, The"), "name", True),
        (Entry("cercle des gardiens de lampes"), "name", True),
        (Entry("Circle of Lamp Keepers", country="SE"), "name", False),
        (Entry("Lamp Circle", website="http://www.lamp.example"), "website", True),
        (Entry("Lamp Circle", sites=["https://lamp.example"]), "site", True),
        (
            Entry("Circle of Lamp Keepers", website="https://lamp.example"),
            "name and website",
            True,
        ),
    ],
)
def test_a_member_is_recognised_however_it_is_written(
    service: Service, entry: Entry, why: str, sure: bool
) -> None:
    add(service, LAMPS, "lamps")
    with service.database.reading() as session:
        assert [(one.slug, one.why, one.sure) for one in members.alike(session, entry)] == [
            ("lamps", why, sure)
        ]


@pytest.mark.parametrize(
    "entry",
    [
        Entry("Circle of Lamps"),
        Entry("Union of Lamp Keepers", website="https://lamp.example/union"),
        Entry("The"),
    ],
)
def test_others_are_taken_for_others(service: Service, entry: Entry) -> None:
    add(service, LAMPS, "lamps")
    with service.database.reading() as session:
        assert members.alike(session, entry) == []
