"""The audit on its screen."""

from collections.abc import Callable
from datetime import UTC, datetime

from tests.web.console.conftest import EditorAtWork
from widgets import audit
from widgets.audit import COMMAND_LINE, Actor, Subject
from widgets.service import Service

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def record(service: Service, actor: Actor, title: str) -> None:
    with service.database.writing() as session:
        audit.record(session, actor, "changed", Subject("statement", 1, title), NOW)


def test_the_audit_is_narrowed_to_one_person(
    anna: EditorAtWork, new_editor: Callable[..., EditorAtWork]
) -> None:
    record(anna.service, COMMAND_LINE, "River gate")
    new_editor("bruno@example.org").sign_in()

    page = anna.open("/admin/audit?by=the+command+line")

    assert "River gate" in page.text
    assert "signed in as" not in page.text
    assert '<option value="Bruno">Bruno</option>' in page.html
    assert '<option value="the command line" selected>' in page.html


def test_members_contacts_are_too_many_to_choose_from(anna: EditorAtWork) -> None:
    record(anna.service, Actor("Lee of Lamp"), "River gate")

    page = anna.open("/admin/audit")

    assert "Lee of Lamp" in page.text
    assert 'value="Lee of Lamp"' not in page.html


def test_where_nothing_is_found_all_of_it_is_one_press_away(anna: EditorAtWork) -> None:
    page = anna.open("/admin/audit?by=nobody+of+this+name")

    assert "Nothing found" in page.text
    assert 'href="/admin/audit"' in page.html
