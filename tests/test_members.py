"""The organisations on whose sites widgets are shown."""

import pytest

from widgets import members
from widgets.models import Member
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
