"""A member's contact before the page behind their signed link."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete

from tests.actors import Form, Page, Reader
from tests.test_endorsing import Network
from widgets.endorsing import Said
from widgets.models import Member, Standing, Translation
from widgets.service import Service
from widgets.settings import Settings


class AtTheLink(Reader):
    """Somebody who was asked, with the link of their mail."""

    def __init__(self, app: Flask, network: Network, contact: str, **headers: str) -> None:
        super().__init__(app.test_client(), headers)
        token = network.service.links.endorse(network.of(contact))
        self.path = f"/endorse/{token}"

    def arrive(self, query: str = "") -> Page:
        return self.open(self.path + query)

    def answer(self, button: str, page: Page | None = None) -> Page:
        """Presses the button of that name, as a browser does."""
        form = form_of(page or self.arrive(), button)
        return self._followed("POST", form.action, form.fields)


def form_of(page: Page, button: str) -> Form:
    (form,) = [form for form in page.forms if button in form.buttons]
    return form


def buttons(page: Page) -> list[str]:
    return [button for form in page.forms for button in form.buttons]


@pytest.fixture
def network(service: Service) -> Network:
    """One member with two contacts, who were both asked about a statement."""
    made = Network(service)
    made.member("Lamp Keepers", "Maria", "Omar", country="NO", website="https://lamp.example")
    made.invite()
    made.work_off()
    return made


@pytest.fixture
def maria(app: Flask, network: Network) -> AtTheLink:
    return AtTheLink(app, network, "Maria")


def test_the_page_shows_the_statement_the_name_and_two_buttons(maria: AtTheLink) -> None:
    page = maria.arrive()

    assert page.status == 200
    assert "Reopen the reading room" in page.text
    assert "The first paragraph. The second." in page.text
    assert "In the list of names it will stand as: Lamp Keepers" in page.text
    assert 'href="https://lamp.example"' in page.html
    assert buttons(page) == ["Endorse", "Not this time"]
    assert page.headers["Cache-Control"] == "no-store"
    assert "noindex" in page.html
    assert "Set-Cookie" not in page.headers


def test_opening_the_link_changes_nothing(maria: AtTheLink, network: Network) -> None:
    maria.arrive()
    maria.arrive()

    assert network.names() == []
    assert network.sees("Maria").mine is None


def test_endorsing_thanks_and_tells_what_stands_now(maria: AtTheLink, network: Network) -> None:
    page = maria.answer("Endorse")

    assert page.status == 200
    assert "Thank you This name stands under the statement, and is shown with it when it is" in (
        page.text
    )
    assert "Endorsed by you" in page.text
    assert buttons(page) == ["Take our name away"]
    assert network.names() == ["Lamp Keepers"]


def test_not_this_time_is_an_answer_and_can_be_changed(maria: AtTheLink, network: Network) -> None:
    page = maria.answer("Not this time")

    assert "Thank you for your answer" in page.text
    assert buttons(page) == ["Endorse"]
    maria.answer("Endorse", page)
    assert network.names() == ["Lamp Keepers"]


def test_the_same_link_takes_the_name_away(maria: AtTheLink, network: Network) -> None:
    maria.answer("Endorse")
    page = maria.answer("Take our name away")

    assert "The name is taken away" in page.text
    assert network.names() == []


def test_a_colleague_sees_who_answered_and_when(
    app: Flask, maria: AtTheLink, network: Network
) -> None:
    maria.answer("Endorse")
    page = AtTheLink(app, network, "Omar").arrive()

    assert "Your organisation endorses this statement" in page.text
    assert re.search(r"Endorsed by Maria, \d+ \w+ \d{4}, \d\d:\d\d UTC", page.text)
    assert buttons(page) == ["Take our name away"]
    page = AtTheLink(app, network, "Omar").answer("Take our name away", page)
    assert "The latest answer counts." in page.text
    assert "somebody took it away after you endorsed" in maria.arrive().text


def test_once_it_is_public_the_name_is_in_the_widgets_list(
    maria: AtTheLink, network: Network
) -> None:
    network.change(standing=Standing.PUBLISHED)
    widget = "/embed/statements/river-gate/signatories"
    assert "Lamp Keepers" not in maria.open(widget).text
    maria.answer("Endorse")
    assert "Lamp Keepers" in maria.open(widget).text
    maria.answer("Take our name away")
    assert "Lamp Keepers" not in maria.open(widget).text


def test_before_it_is_public_only_the_link_shows_it(maria: AtTheLink) -> None:
    assert "not published yet" in maria.arrive().text
    assert maria.open("/statements/river-gate").status == 404
    assert maria.open("/embed/statements/river-gate").status == 404


def test_the_page_speaks_the_contacts_language(app: Flask, network: Network) -> None:
    network.member("Gardiens", "Lena", lang="fr")
    with network.service.database.writing() as session:
        session.add(
            Translation(
                statement_id=network.statement, lang="fr", title="Rouvrez la salle",
                body="Texte.", topics=[], updated_at=network.editor.created_at,
            )
        )  # fmt: skip
    network.invite()
    network.work_off()
    lena = AtTheLink(app, network, "Lena")

    assert '<html lang="fr" dir="ltr">' in lena.arrive().html
    assert "Rouvrez la salle" in lena.arrive().text
    assert "Reopen the reading room" in lena.arrive("?lang=en").text
    assert '<html lang="en" dir="ltr">' in lena.arrive("?lang=en").html
    assert form_of(lena.arrive("?lang=en"), "Endorse").action.endswith("?lang=en")


def test_a_name_in_the_contacts_language_stands_in_the_list_as_the_page_says(
    app: Flask, network: Network
) -> None:
    network.member("Lamp Owners", "Leila", names={"fr": "Amis des lampes"}, lang="fr")
    network.invite()
    network.work_off()
    leila = AtTheLink(app, network, "Leila")
    page = leila.arrive()

    assert "Amis des lampes" in page.text
    assert re.findall(r'class="names as-listed".*?<bdi>(.*?)</bdi>', page.html) == ["Lamp Owners"]
    with network.service.database.writing() as session:
        session.get_one(Member, "lamp-owners").names = {}
    leila._followed("POST", page.forms[0].action, page.forms[0].fields)
    assert network.names() == ["Lamp Owners"]


# what has ended, or was never so


def test_after_the_deadline_it_says_so_and_withdrawing_still_works(
    app: Flask, maria: AtTheLink, network: Network
) -> None:
    open_page = AtTheLink(app, network, "Omar").arrive()
    maria.answer("Endorse")
    network.change(endorse_until=network.editor.created_at)
    page = maria.arrive()

    assert page.status == 200
    assert "It could be endorsed until 2 March 2026, 12:00 UTC." in page.text
    assert buttons(page) == ["Take our name away"]
    maria.answer("Take our name away", page)
    assert network.names() == []
    late = AtTheLink(app, network, "Omar").answer("Endorse", open_page)
    assert "does not stand under this statement" in late.text
    assert network.names() == []


def test_a_withdrawn_statement_is_not_shown_any_more(maria: AtTheLink, network: Network) -> None:
    maria.answer("Endorse")
    network.change(standing=Standing.WITHDRAWN)
    page = maria.arrive()

    assert page.status == 410
    assert "This statement was withdrawn" in page.text
    assert "The first paragraph" not in page.text
    assert buttons(page) == ["Take our name away"]


def test_a_draft_that_is_written_on_again_is_not_shown(maria: AtTheLink, network: Network) -> None:
    network.change(standing=Standing.DRAFT)
    page = maria.arrive()

    assert page.status == 410
    assert "being written on again" in page.text
    assert "The first paragraph" not in page.text
    assert buttons(page) == []


def test_a_member_that_left_is_told_so(maria: AtTheLink, network: Network) -> None:
    with network.service.database.writing() as session:
        session.get_one(Member, "lamp-keepers").left_at = network.editor.created_at
    page = maria.arrive()

    assert page.status == 410
    assert "Lamp Keepers is no longer a member" in page.text


def test_a_deleted_member_has_a_page_that_explains(maria: AtTheLink, network: Network) -> None:
    with network.service.database.writing() as session:
        session.execute(delete(Member))

    for page in (maria.arrive(), maria.post(maria.path, {"answer": "endorse"})):
        assert page.status == 410
        assert "This link leads nowhere any more" in page.text


def test_a_link_that_was_cut_off_says_what_to_do(maria: AtTheLink) -> None:
    for path in (maria.path[:-3], "/endorse/x"):
        page = maria.open(path)
        assert page.status == 404
        assert "This link is not complete" in page.text


def test_a_link_of_another_purpose_does_not_open_it(maria: AtTheLink, network: Network) -> None:
    other = network.service.links.preview(network.of("Maria"))

    assert maria.open(f"/endorse/{other}").status == 404


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Mode": "cors"}]
)
def test_what_another_site_sends_is_not_taken(
    app: Flask, network: Network, headers: dict[str, str]
) -> None:
    maria = AtTheLink(app, network, "Maria", **headers)
    page = maria.answer("Endorse")

    assert buttons(page) == ["Endorse", "Not this time"]
    assert network.names() == []


@pytest.mark.parametrize("sent", [{}, {"answer": "delete"}, {"answer": "endorse\x00"}])
def test_what_is_no_answer_changes_nothing(
    maria: AtTheLink, network: Network, sent: dict[str, str]
) -> None:
    assert maria.post(maria.path, sent).status == 303
    assert network.names() == []


def test_too_many_answers_from_one_connection_are_asked_to_wait(
    make_app: Callable[[Settings], Flask], make_settings: Callable[..., Settings]
) -> None:
    app = make_app(make_settings(CLIENT_LIMIT="1/minute"))
    network = Network(app.extensions["undersigned"])
    network.member("Lamp Keepers", "Maria")
    network.invite()
    network.work_off()
    maria = AtTheLink(app, network, "Maria")
    maria.answer("Not this time")
    page = maria.answer("Endorse")

    assert page.status == 429
    assert "Many answers came from your connection just now." in page.text
    assert buttons(page) == ["Endorse"]


def test_names_and_texts_are_escaped(app: Flask, network: Network) -> None:
    network.member("<b>Evil</b> & Co", "<i>Eve</i>")
    network.change(title="<u>Title</u>", body="<script>alert(1)</script>")
    network.invite()
    network.work_off()
    network.say("<i>Eve</i>", Said.ENDORSE)
    page = AtTheLink(app, network, "<i>Eve</i>").arrive()

    assert "<b>Evil" not in page.html
    assert "<u>" not in page.html
    assert "<script" not in page.html
    assert "<i>Eve" not in page.html
