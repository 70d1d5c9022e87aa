"""Members on the screen: added, changed, brought in as tables, and what each shows."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.actors import Page
from tests.web.console.conftest import EditorAtWork
from widgets import members
from widgets.members import Entry
from widgets.models import Member, Sighting
from widgets.service import Service

LAMPS = {
    "name": "Circle of Lamp Keepers",
    "country": "NO",
    "website": "https://lamp.example",
    "contact-0-name": "Ada",
    "contact-0-address": "ada@lamp.example",
    "contact-0-lang": "fr",
    "sites": "https://lamp.example\nhttps://blog.lamp.example",
    "name-fr": "Cercle des Gardiens de Lampes",
    "other-tag": "de",
    "other-name": "Lampenwärterkreis",
}


def add(anna: EditorAtWork, **typed: Any) -> Page:
    return anna.fill(anna.open("/admin/members/add"), "Add", **{**LAMPS, **typed})


def kept(service: Service, slug: str = "circle-of-lamp-keepers") -> Entry:
    with service.database.reading() as session:
        return members.entry_of(members.get(session, slug))


def slugs(service: Service) -> list[str]:
    with service.database.reading() as session:
        return list(session.scalars(select(Member.slug).order_by(Member.slug)))


def preview(anna: EditorAtWork, table: str) -> Page:
    return anna.fill(anna.open("/admin/members/import"), "See what would change", table=table)


def test_an_empty_network_is_told_the_next_step(anna: EditorAtWork) -> None:
    page = anna.open("/admin/members")

    assert "No members yet" in page.text
    assert '<a class="button" href="/admin/members/import">' in page.html


def test_a_member_is_added_with_all_it_has(anna: EditorAtWork, service: Service) -> None:
    page = add(anna)

    assert page.path == "/admin/members/circle-of-lamp-keepers"
    assert "Circle of Lamp Keepers is a member now." in page.text
    for told in ("Norway", "Ada", "ada@lamp.example", "https://blog.lamp.example", "French"):
        assert told in page.text
    entry = kept(service)
    assert entry.names == {"fr": "Cercle des Gardiens de Lampes", "de": "Lampenwärterkreis"}
    assert [one.lang for one in entry.contacts] == ["fr"]


def test_what_is_wrong_stands_beside_its_field_and_all_that_was_typed_stays(
    anna: EditorAtWork, service: Service
) -> None:
    page = add(
        anna,
        **{
            "website": "ftp://lamp",
            "contact-0-address": "ada",
            "sites": "https://lamp.example nonsense@x",
            "other-tag": "??",
        },
    )

    assert page.status == 422
    assert slugs(service) == []
    assert "“ftp://lamp” must be an address like https://member.example" in page.text
    assert "An e-mail address has an @ in it" in page.text
    assert "“nonsense@x” is not the address of a site" in page.text
    assert "“??” is not the tag of a language" in page.text
    (form,) = [form for form in page.forms if "Add" in form.buttons]
    assert form.fields["name"] == "Circle of Lamp Keepers"
    assert form.fields["website"] == "ftp://lamp"
    assert form.fields["contact-0-address"] == "ada"
    assert form.fields["other-tag"] == "??"
    assert form.fields["other-name"] == "Lampenwärterkreis"
    assert form.fields["sites"].split() == ["https://lamp.example", "nonsense@x"]


def test_a_member_in_another_spelling_is_asked_about(anna: EditorAtWork, service: Service) -> None:
    add(anna)
    page = add(anna, name="the circle of LAMP-KEEPERS", sites="", website="")

    assert page.status == 422
    assert "Is it one of these?" in page.text
    assert slugs(service) == ["circle-of-lamp-keepers"]

    page = anna.fill(page, "Add", another="yes")
    assert page.status == 200
    assert slugs(service) == ["circle-of-lamp-keepers", "the-circle-of-lamp-keepers"]


def test_a_site_of_another_member_is_told_apart(anna: EditorAtWork, service: Service) -> None:
    add(anna)
    page = add(anna, name="Paper and Ink", website="", another="yes")

    assert page.status == 422
    assert "https://lamp.example belongs to Circle of Lamp Keepers already." in page.text


def test_a_member_is_changed(anna: EditorAtWork, service: Service) -> None:
    add(anna)
    page = anna.open("/admin/members/circle-of-lamp-keepers/edit")
    page = anna.fill(
        page, "Save", **{"name": "Union of Lamps", "contact-0-address": "", "contact-0-name": ""}
    )

    assert "Union of Lamps is saved." in page.text
    assert kept(service).name == "Union of Lamps"
    assert kept(service).contacts == []
    assert kept(service).names["de"] == "Lampenwärterkreis"


def test_a_form_that_nobody_changes_changes_nothing(anna: EditorAtWork, service: Service) -> None:
    add(anna)
    before = kept(service)
    page = anna.fill(anna.open("/admin/members/circle-of-lamp-keepers/edit"), "Save")

    assert "Nothing was to be changed." in page.text
    assert kept(service) == before


def test_who_saves_second_is_shown_what_was_changed_meanwhile_and_loses_nothing(
    anna: EditorAtWork, new_editor: Callable[..., EditorAtWork], service: Service
) -> None:
    add(anna)
    edit = "/admin/members/circle-of-lamp-keepers/edit"
    boris = new_editor("boris@example.org")
    boris.sign_in()
    page = anna.open(edit)
    boris.fill(
        boris.open(edit),
        "Save",
        **{
            "name": "Union of Lamps",
            "contact-1-name": "Omar",
            "contact-1-address": "omar@lamp.example",
            "sites": "https://lamp.example",
        },
    )
    shown = anna.fill(page, "Save", **{"country": "SE", "contact-0-name": "Ada L."})

    assert shown.status == 409
    assert "Boris saved this while you were writing" in shown.text
    assert "The form has both; save to keep both." in shown.text
    assert kept(service).country == "NO"
    anna.fill(shown, "Save")
    assert (kept(service).name, kept(service).country) == ("Union of Lamps", "SE")
    assert [one.name for one in kept(service).contacts] == ["Ada L.", "Omar"]
    assert kept(service).sites == ["https://lamp.example"]


def test_what_both_have_changed_is_replaced_only_by_another_press(
    anna: EditorAtWork, service: Service
) -> None:
    add(anna)
    edit = "/admin/members/circle-of-lamp-keepers/edit"
    first, second = anna.open(edit), anna.open(edit)
    anna.fill(
        first,
        "Save",
        **{"name": "Union of Lamps", "contact-0-name": "", "contact-0-address": ""},
    )
    shown = anna.fill(second, "Save", **{"name": "Lamps", "contact-0-lang": "es"})

    assert "You both changed the name, a contact." in shown.text
    assert kept(service).name == "Union of Lamps"
    anna.fill(shown, "Save over it")
    assert kept(service).name == "Lamps"
    assert [(one.address, one.lang) for one in kept(service).contacts] == [
        ("ada@lamp.example", "es")
    ]


@pytest.mark.parametrize("base", ["", "{", "[]", '{"name": 1}', '{"contacts": [{"id": []}]}'])
def test_a_form_that_does_not_tell_what_it_was_filled_with_is_saved(
    anna: EditorAtWork, service: Service, base: str
) -> None:
    add(anna)
    page = anna.open("/admin/members/circle-of-lamp-keepers/edit")
    anna.fill(page, "Save", name="Union of Lamps", base=base)

    assert kept(service).name == "Union of Lamps"


def test_a_member_leaves_and_comes_back(anna: EditorAtWork) -> None:
    page = anna.fill(add(anna), "It has left")
    assert "is no member any more" in page.text
    assert "Circle of Lamp Keepers" not in anna.open("/admin/members").text
    assert "Circle of Lamp Keepers" in anna.open("/admin/members?left=yes").text

    page = anna.fill(page, "It is a member again")
    assert "is a member again." in page.text
    assert "Circle of Lamp Keepers" in anna.open("/admin/members").text


def test_a_member_is_deleted_only_while_nothing_hangs_on_it(
    anna: EditorAtWork, service: Service
) -> None:
    page = add(anna)
    with service.database.writing() as session:
        today = datetime.now(UTC).date()
        shown = Sighting(day=today, widget="stories", member_slug="circle-of-lamp-keepers", shown=3)
        session.add(shown)
    refused = anna.fill(page, "Delete it")
    assert "can’t be deleted: there are days on which its site showed a widget." in refused.text
    assert "Delete it" not in refused.text

    with service.database.writing() as session:
        session.delete(session.merge(shown))
    page = anna.fill(anna.open("/admin/members/circle-of-lamp-keepers"), "Delete it")
    assert page.path == "/admin/members"
    assert slugs(service) == []


@pytest.mark.parametrize("query", ["q=GARDIENS+cercle", "where=NO", "where=154", "q=lampenwarter"])
def test_members_are_found(anna: EditorAtWork, query: str) -> None:
    add(anna)

    assert "1 member found" in anna.open(f"/admin/members?{query}").text
    assert "Nobody is found" in anna.open(f"/admin/members?{query}&q=nobody&where=KH").text


def test_names_are_shown_as_they_are_written_and_run_nowhere(
    anna: EditorAtWork, service: Service
) -> None:
    name = '<script>alert("1")</script> & \u202eevil'
    page = add(anna, name=name)

    assert "<script" not in page.html
    assert '<script>alert("1")</script> & evil' in page.text
    assert "\u202e" not in page.html


def test_who_is_nobody_is_not_there(anna: EditorAtWork) -> None:
    for path in ("nobody", "nobody/edit"):
        assert anna.open(f"/admin/members/{path}").status == 404


def test_what_a_member_shows_is_drawn(anna: EditorAtWork, service: Service) -> None:
    add(anna)
    today = datetime.now(UTC).date()
    with service.database.writing() as session:
        for days_ago, widget, shown in (
            (0, "statements/river-gate", 7),
            (3, "statements/river-gate", 1200),
            (90, "statements/river-gate", 5),
            (1, "newsletters/weekly", 1),
        ):
            day = today - timedelta(days=days_ago)
            slug = "circle-of-lamp-keepers"
            session.add(Sighting(day=day, widget=widget, member_slug=slug, shown=shown))
        session.add(Sighting(day=today, widget="stories", member_slug="", shown=2))

    page = anna.open("/admin/members/circle-of-lamp-keepers")
    assert "Statement “river-gate”" in page.text
    assert "Newsletter “weekly”" in page.text
    assert ">1,207</td>" in page.html
    assert ">1,212</td>" in page.html
    assert page.html.count("<svg") == 2
    assert "at most 1,200, lately 7" in page.html

    overview = anna.open("/admin/members/shown")
    assert overview.text.index("Circle of Lamp Keepers") < overview.text.index("elsewhere")
    assert "1,208" in overview.text


def test_an_overview_without_anything_says_so(anna: EditorAtWork) -> None:
    assert "Nothing has been shown yet" in anna.open("/admin/members/shown").text


# Tables


def test_a_table_is_brought_in_after_a_look_at_what_would_change(
    anna: EditorAtWork, service: Service
) -> None:
    add(anna)
    page = preview(
        anna,
        "name;country;colour\nPaper and Ink;KH;red\nCircle of Lamp Keepers;SE;\n"
        "circle of lampkeepers;NO;\nNobody;QQ;\nCircle of Lamp Keepers;NO;\n",
    )
    assert slugs(service) == ["circle-of-lamp-keepers"]
    assert "5 rows" in page.text
    assert "no such column is known: colour" in page.text
    assert "“QQ” is not a country" in page.text
    (form,) = [form for form in page.forms if "Bring it in" in form.buttons]
    assert form.fields["line-3"] == "add"
    assert form.fields["line-4"] == "keep:circle-of-lamp-keepers"

    page = anna.fill(page, "Bring it in", **{"line-3": "skip"})
    assert page.path.startswith("/admin/jobs/")
    anna.work_off()

    page = anna.open(page.path)
    assert "1 added, 0 changed, 2 as they were, 1 left out, 1 refused." in page.text
    assert "Line 5, Nobody: “QQ” is not a country" in page.text
    assert slugs(service) == ["circle-of-lamp-keepers", "paper-and-ink"]


def test_a_file_is_read_as_a_spreadsheet_saves_it(anna: EditorAtWork) -> None:
    page = anna.open("/admin/members/import")
    (form,) = [form for form in page.forms if "See what would change" in form.buttons]
    table = "name;name:ar\nPaper and Ink;حبر وورق\n".encode("utf-16")
    answer = anna._where.post(
        form.action, data={**form.fields, "file": (io.BytesIO(table), "members.csv")}
    )

    assert answer.status_code == 200
    assert "paper-and-ink" in answer.text


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "Choose a file, or paste a table."),
        ("title\nA\n", "Line 1: the first line must name the columns, one of them"),
        ('name\n"A\n', "not a CSV table"),
        ("name\nA,b\n", "more values than columns"),
        ("name\n\n", "There are no members in this table."),
        ("name\n" + "A\n" * 5001, "more than 5,000 members"),
    ],
)
def test_what_is_no_table_of_members_is_told_and_stays_in_the_field(
    anna: EditorAtWork, table: str, told: str
) -> None:
    page = preview(anna, table)

    assert page.status == 422
    assert told in page.text
    (form,) = [form for form in page.forms if "See what would change" in form.buttons]
    assert form.fields["table"].split() == table.split()


def test_a_paste_of_five_megabytes_is_told_to_be_too_long_and_stays(anna: EditorAtWork) -> None:
    page = preview(anna, "name\n" + "Lamp Keepers\n" * 400_000)

    assert page.status == 422
    assert "This table has 5.2 MB; at most 2 MB can be read at once." in page.text
    (form,) = [form for form in page.forms if "See what would change" in form.buttons]
    assert len(form.fields["table"]) > 5_000_000


def test_a_table_can_be_changed_after_the_preview(anna: EditorAtWork) -> None:
    page = preview(anna, "name,country\nNobody,QQ\n")
    (form,) = [form for form in page.forms if "Change the table" in form.buttons]
    again = anna.post("/admin/members/import", {**form.fields, "again": "yes"})

    (form,) = [form for form in again.forms if "See what would change" in form.buttons]
    assert form.fields["table"] == "name,country\nNobody,QQ\n"


def test_the_table_that_is_taken_out_is_safe_and_comes_back(
    anna: EditorAtWork, service: Service
) -> None:
    add(anna, name='=HYPERLINK("https://x.example")')
    page = anna.open("/admin/members/export")

    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in page.headers["Content-Disposition"]
    assert '"\'=HYPERLINK(""https://x.example"")"' in page.html
    assert "All of it is there already." in preview(anna, page.html).text
