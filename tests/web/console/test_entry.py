"""Signing in and out, and what happens at the door of the console."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from uuid import UUID

import pyotp
import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.routing import Rule

from tests.actors import Page, Reader
from tests.samples import publish, statement_file
from tests.web.console.conftest import EditorAtWork
from tests.web.test_promises import anything
from widgets import audit, editors, letters
from widgets.models import Editor, EditorSession, Message, Role, SignInLink
from widgets.service import Service

New = Callable[..., EditorAtWork]


def mails(service: Service) -> int:
    with service.database.reading() as session:
        return session.scalar(select(func.count()).where(Message.kind == "sign-in")) or 0


def link(service: Service) -> str:
    """The path of the link in the newest mail."""
    with service.database.reading() as session:
        newest = select(Message.id).order_by(Message.created_at.desc()).limit(1)
        mail = letters.compose(service, session, session.scalars(newest).one())
    assert mail
    part = mail.get_body(("plain",))
    assert part
    (path,) = re.findall(r"http://127.0.0.1:8000(/admin/sign-in/\S+)", part.get_content())
    return str(path)


def asked(editor: EditorAtWork) -> Page:
    return editor.press(editor.open("/admin/sign-in"), address=editor.address)


def age(service: Service, by: timedelta) -> None:
    """As if so much time had gone by since every link was mailed and every session was used."""
    past = datetime.now(UTC) - by
    with service.database.writing() as session:
        session.execute(update(SignInLink).values(created_at=past))
        session.execute(update(EditorSession).values(seen_at=past))


def test_an_editor_signs_in_with_the_mailed_code(new_editor: New) -> None:
    page = new_editor().sign_in()

    assert page.path == "/admin"
    assert "Good to see you, Anna" in page.text


def test_an_editor_signs_in_with_the_mailed_link_by_one_press(new_editor: New) -> None:
    editor = new_editor()
    asked(editor)
    opened = editor.open(link(editor.service))
    assert "One press, and you are in" in opened.text

    assert editor.press(opened).path == "/admin"


def test_opening_the_link_alone_signs_nobody_in(new_editor: New) -> None:
    editor = new_editor()
    asked(editor)
    editor.open(link(editor.service))

    assert editor.open("/admin").path == "/admin/sign-in"


def test_a_link_works_once(new_editor: New) -> None:
    editor = new_editor()
    asked(editor)
    path = link(editor.service)
    form = editor.open(path).form
    editor.press(editor.open(path))
    with editor.service.database.writing() as session:
        session.execute(update(EditorSession).values(ended_at=datetime.now(UTC)))

    assert "works once" in editor.open(path).text
    again = editor.post(path, form.fields)
    assert again.status in (303, 410)
    assert editor.open("/admin").path == "/admin/sign-in"


def test_a_forwarded_link_does_not_work_in_another_browser(app: Flask, new_editor: New) -> None:
    editor = new_editor()
    asked(editor)
    stranger = Reader(app.test_client())
    page = stranger.open(link(editor.service))

    assert page.status == 410
    assert "asked for in another browser" in page.text
    assert stranger.open("/admin").path == "/admin/sign-in"


def test_a_forwarded_link_is_refused_when_it_is_posted_too(app: Flask, new_editor: New) -> None:
    editor = new_editor()
    asked(editor)
    stranger = Reader(app.test_client())
    token = stranger.open("/admin/sign-in").form.fields["csrf_token"]
    answer = stranger.post(link(editor.service), {"csrf_token": token})

    assert answer.status == 410
    assert stranger.open("/admin").path == "/admin/sign-in"


def test_a_link_and_its_code_are_good_for_a_quarter_of_an_hour(new_editor: New) -> None:
    editor = new_editor()
    page = asked(editor)
    path, code = link(editor.service), editor.code()
    age(editor.service, timedelta(minutes=16))

    assert "can’t be used any more" in editor.open(path).text
    assert "can’t be used any more" in editor.press(page, code=code).text
    assert editor.open("/admin").path == "/admin/sign-in"


def test_a_code_is_of_no_use_in_another_browser(app: Flask, new_editor: New) -> None:
    editor, stranger = new_editor(), EditorAtWork(app, "nobody@example.org")
    asked(editor)
    code = editor.code()

    assert "not the code" in stranger.press(asked(stranger), code=code).text


def test_a_code_can_be_tried_five_times(new_editor: New) -> None:
    editor = new_editor()
    page = asked(editor)
    wrong = f"{(int(editor.code()) + 1) % 10**8:08d}"
    for _ in range(5):
        assert "not the code" in editor.press(page, code=wrong).text

    assert "can’t be used any more" in editor.press(page, code=editor.code()).text


def test_the_code_may_be_typed_with_spaces_and_in_other_digits(new_editor: New) -> None:
    editor = new_editor()
    page = asked(editor)
    code = editor.code()
    arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))

    assert editor.press(page, code=f" {arabic[:4]} {arabic[4:]}").path == "/admin"


def test_nobody_learns_who_is_an_editor(app: Flask, new_editor: New) -> None:
    known, unknown = new_editor(), EditorAtWork(app, "nobody@example.org")
    pages = [asked(known), asked(unknown)]

    token = re.compile(r'name="csrf_token" value="[^"]*"')
    assert len({token.sub("", page.html) for page in pages}) == 1
    assert mails(known.service) == 1

    wrong = f"{(int(known.code()) + 1) % 10**8:08d}"
    for _ in range(editors.TRIES + 1):
        answers = [
            one.press(page, code=wrong) for one, page in zip((known, unknown), pages, strict=True)
        ]
        assert len({token.sub("", answer.html) for answer in answers}) == 1


def test_a_stranger_who_asks_again_and_again_does_not_flood_an_editor(
    app: Flask, new_editor: New
) -> None:
    editor = new_editor()
    editor.sign_in()
    for _ in range(7):
        asked(EditorAtWork(app, editor.address))

    assert mails(editor.service) == editors.MAILS_IN_AN_HOUR


def test_and_does_not_keep_them_out_of_the_browser_they_use(app: Flask, new_editor: New) -> None:
    editor = new_editor()
    editor.sign_in()
    editor.fill(editor.open("/admin"), "Sign out")
    for _ in range(7):
        asked(EditorAtWork(app, editor.address))

    assert editor.sign_in().path == "/admin"


def test_what_is_no_address_comes_back_with_a_sentence(app: Flask) -> None:
    reader = Reader(app.test_client())
    page = reader.press(reader.open("/admin/sign-in"), address="anna at example")

    assert page.status == 422
    assert page.form.fields["address"] == "anna at example"
    assert "has an @ in it" in page.text


def test_signing_in_leads_where_one_wanted_to_go(new_editor: New) -> None:
    editor = new_editor()
    page = editor.press(editor.open("/admin/audit?kind=editor"), address=editor.address)

    assert editor.press(page, code=editor.code()).path == "/admin/audit?kind=editor"


@pytest.mark.parametrize("path", ["//evil.example/admin", "https://evil.example", "/statements"])
def test_and_never_out_of_the_console(path: str, new_editor: New) -> None:
    editor = new_editor()
    with editor.client.session_transaction("/admin") as cookie:
        cookie["next"] = path

    assert editor.sign_in().path == "/admin"


def test_after_signing_out_the_old_cookie_opens_nothing(app: Flask, new_editor: New) -> None:
    editor = new_editor()
    editor.sign_in()
    client = editor.client
    cookie = client.get_cookie("__Host-undersigned")
    assert editor.fill(editor.open("/admin"), "Sign out").path == "/admin/sign-in"
    client.set_cookie("__Host-undersigned", cookie.value)

    assert editor.open("/admin").path == "/admin/sign-in"


def test_a_session_ends_after_twelve_idle_hours(new_editor: New) -> None:
    editor = new_editor()
    editor.sign_in()
    age(editor.service, timedelta(hours=11))
    assert editor.open("/admin").path == "/admin"
    age(editor.service, timedelta(hours=13))

    assert editor.open("/admin").path == "/admin/sign-in"


def test_a_session_ends_after_a_week_however_much_it_is_used(new_editor: New) -> None:
    editor = new_editor()
    editor.sign_in()
    with editor.service.database.writing() as session:
        long_ago = datetime.now(UTC) - timedelta(days=7)
        session.execute(update(EditorSession).values(created_at=long_ago))

    assert editor.open("/admin").path == "/admin/sign-in"


def test_an_editor_who_is_removed_is_out_at_the_next_click(
    anna: EditorAtWork, new_editor: New
) -> None:
    ben = new_editor("ben@example.org")
    ben.sign_in()
    number = _number(anna.service, "ben@example.org")
    anna.fill(anna.open(f"/admin/editors/{number}"), "Remove")

    assert ben.open("/admin").path == "/admin/sign-in"
    asked(ben)
    assert "Ben" not in anna.open("/admin/editors").text


def test_sessions_are_listed_and_can_be_ended_from_another_browser(
    app: Flask, anna: EditorAtWork
) -> None:
    elsewhere = EditorAtWork(app, anna.address)
    elsewhere.sign_in()
    page = anna.open("/admin/account")
    assert page.text.count("this one") == 1
    anna.fill(page, "End")

    assert elsewhere.open("/admin").path == "/admin/sign-in"
    assert anna.open("/admin").path == "/admin"


def test_nobody_ends_somebody_elses_session(anna: EditorAtWork, new_editor: New) -> None:
    ben = new_editor("ben@example.org")
    ben.sign_in()
    with anna.service.database.reading() as session:
        hers = session.scalars(
            select(EditorSession.id).join(Editor).where(Editor.address == anna.address)
        ).one()
    token = ben.open("/admin/account").forms[0].fields["csrf_token"]
    ben.post(f"/admin/account/sessions/{hers}/end", {"csrf_token": token})

    assert anna.open("/admin").path == "/admin"


def test_the_last_administrator_stays(anna: EditorAtWork) -> None:
    number = _number(anna.service, anna.address)
    page = anna.fill(anna.open(f"/admin/editors/{number}"), "Remove")

    assert page.status == 422
    assert "the only administrator" in page.text
    assert anna.open("/admin").path == "/admin"


def test_editors_do_not_administer(new_editor: New) -> None:
    ben = new_editor("ben@example.org")
    ben.sign_in()

    page = ben.open("/admin/editors")
    assert page.status == 403
    assert "for administrators" in page.text
    assert "/admin/editors" not in ben.open("/admin").html


def test_a_second_factor_is_asked_for_from_then_on(anna: EditorAtWork, app: Flask) -> None:
    _set_up_second_factor(anna)
    elsewhere = EditorAtWork(app, anna.address)
    page = elsewhere.sign_in()
    assert "authenticator app" in page.text
    assert elsewhere.open("/admin/audit").path == "/admin/second-factor"

    page = elsewhere.press(page, code=_factor(anna.service, later=1))
    assert page.path == "/admin"


def test_a_code_of_the_second_factor_works_once(anna: EditorAtWork, app: Flask) -> None:
    _set_up_second_factor(anna)
    code = _factor(anna.service, later=1)
    one, other = EditorAtWork(app, anna.address), EditorAtWork(app, anna.address)
    assert one.press(one.sign_in(), code=code).path == "/admin"

    assert "Each code works once" in other.press(other.sign_in(), code=code).text


def test_after_five_wrong_codes_of_the_second_factor_one_signs_in_anew(
    anna: EditorAtWork, app: Flask
) -> None:
    _set_up_second_factor(anna)
    guesser = EditorAtWork(app, anna.address)
    page = guesser.sign_in()
    for _ in range(5):
        guesser.press(page, code="000000")

    assert guesser.open("/admin/second-factor").path == "/admin/sign-in"


def test_of_codes_of_the_second_factor_that_are_tried_at_once_each_counts(
    anna: EditorAtWork, app: Flask
) -> None:
    _set_up_second_factor(anna)
    EditorAtWork(app, anna.address).sign_in()
    with anna.service.database.reading() as session:
        opened = session.scalars(
            select(EditorSession.id).where(EditorSession.verified_at.is_(None))
        ).one()
    barrier = Barrier(12)

    def guess(_: int) -> bool:
        barrier.wait()
        with anna.service.database.writing() as session:
            return editors.verify(session, opened, "000000", datetime.now(UTC))

    with ThreadPoolExecutor(12) as threads:
        assert not any(threads.map(guess, range(12)))
    with anna.service.database.reading() as session:
        guessed = session.get_one(EditorSession, opened)
    assert guessed.tries == editors.TRIES
    assert guessed.ended_at


def test_an_administrator_ends_somebodys_sessions_and_the_audit_tells(
    anna: EditorAtWork, new_editor: New
) -> None:
    ben = new_editor("ben@example.org")
    ben.sign_in()
    number = _number(anna.service, "ben@example.org")
    anna.fill(anna.open(f"/admin/editors/{number}"), "End all of them")

    assert ben.open("/admin").path == "/admin/sign-in"
    with anna.service.database.reading() as session:
        told = audit.entries(session, kind="editor").items[0]
    assert (told.actor, told.action, told.title) == ("Anna", "ended the sessions of", "Ben")


def test_an_administrator_takes_away_a_lost_second_factor(
    anna: EditorAtWork, new_editor: New, app: Flask
) -> None:
    ben = new_editor("ben@example.org")
    ben.sign_in()
    _set_up_second_factor(ben)
    number = _number(anna.service, "ben@example.org")
    anna.fill(anna.open(f"/admin/editors/{number}"), "Take it away")

    assert EditorAtWork(app, "ben@example.org").sign_in().path == "/admin"


def test_a_form_left_open_overnight_is_kept_through_signing_in_and_then_saved(
    anna: EditorAtWork,
) -> None:
    form = anna.open("/admin/editors").form_with("Add")
    typed = {**form.fields, "name": "Žofia\nفاطمة", "address": "zofia@example.org"}
    age(anna.service, timedelta(hours=13))

    page = anna.post("/admin/editors", typed)
    assert page.status == 401
    assert "safe in this page" in page.text
    page = anna.press(page, address=anna.address)
    page = anna.press(page, code=anna.code())
    assert "Nothing is lost" in page.text
    assert "zofia@example.org" in page.text
    page = anna.fill(page, "Send it now")

    assert "can sign in now" in page.text
    assert "zofia@example.org" in anna.open("/admin/editors").text


def test_it_is_kept_when_the_link_is_pressed_in_another_tab_too(anna: EditorAtWork) -> None:
    form = anna.open("/admin/editors").form_with("Add")
    age(anna.service, timedelta(hours=13))
    page = anna.post("/admin/editors", {**form.fields, "address": "zofia@example.org"})
    waiting = anna.press(page, address=anna.address)
    anna.press(anna.open(link(anna.service)))

    page = anna.press(waiting)
    assert "Nothing is lost" in page.text
    anna.fill(page, "Send it now")
    assert "zofia@example.org" in anna.open("/admin/editors").text


def test_what_a_tab_still_sends_after_signing_out_is_kept(anna: EditorAtWork) -> None:
    form = anna.open("/admin/editors").form_with("Add")
    anna.fill(anna.open("/admin"), "Sign out")

    page = anna.post("/admin/editors", {**form.fields, "address": "zofia@example.org"})
    assert "zofia@example.org" in page.html


def test_a_page_from_an_earlier_session_is_sent_again_by_one_button(anna: EditorAtWork) -> None:
    form = anna.open("/admin/editors").form_with("Add")
    anna.fill(anna.open("/admin"), "Sign out")
    anna.sign_in()

    page = anna.post("/admin/editors", {**form.fields, "address": "zofia@example.org"})
    assert "Nothing is lost" in page.text
    assert "zofia@example.org" not in anna.open("/admin/editors").text
    anna.fill(page, "Send it now")
    assert "zofia@example.org" in anna.open("/admin/editors").text


def test_megabytes_are_kept_too(anna: EditorAtWork) -> None:
    form = anna.open("/admin/editors").form_with("Add")
    age(anna.service, timedelta(hours=13))
    long = "سلام " * 400_000

    page = anna.post("/admin/editors", {**form.fields, "name": long})
    assert page.status == 401
    page = anna.press(page, address=anna.address)
    page = anna.press(page, code=anna.code())
    assert page.form_with("Send it now").fields["name"] == long


def test_a_form_is_kept_where_the_browser_has_deleted_our_cookie(anna: EditorAtWork) -> None:
    form = anna.open("/admin/editors").form_with("Add")
    fresh = anna.client.application.test_client()
    browser = Reader(fresh, headers={"Sec-Fetch-Site": "same-origin"})

    page = browser.post("/admin/editors", {**form.fields, "name": "Žofia"})
    assert page.status == 401
    page = browser.press(page, address=anna.address)
    page = browser.press(page, code=anna.code())

    assert page.form_with("Send it now").fields["name"] == "Žofia"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_what_another_sites_page_posts_is_not_kept(app: Flask, site: str) -> None:
    browser = Reader(app.test_client(), headers={"Sec-Fetch-Site": site})
    answer = browser.post("/admin/editors", {"address": "mallory@example.org"})

    assert (answer.status, "mallory" in answer.html) == (303, False)


def test_what_another_site_posts_is_not_kept(app: Flask) -> None:
    answer = Reader(app.test_client()).post("/admin/editors", {"address": "mallory@example.org"})

    assert answer.status == 303
    assert answer.headers["Location"] == "/admin/sign-in"
    assert "mallory" not in answer.html


FORGED = json.dumps(
    ["/admin/editors", [["address", "mallory@example.org"], ["role", "administrator"]], []]
)


@pytest.mark.parametrize("mark", ["", "0" * 64])
def test_a_form_that_somebody_else_made_up_is_not_carried_along(
    anna: EditorAtWork, app: Flask, mark: str
) -> None:
    for browser in (Reader(app.test_client()), anna):
        for path in ("/admin/sign-in", "/admin/sign-in/inbox", "/admin/second-factor"):
            assert "mallory" not in browser.post(path, {"kept": mark + FORGED}).html


def test_a_form_that_was_kept_in_one_browser_is_not_carried_along_in_another(
    anna: EditorAtWork, new_editor: New
) -> None:
    form = anna.open("/admin/editors").form_with("Add")
    age(anna.service, timedelta(hours=13))
    page = anna.post("/admin/editors", {**form.fields, "address": "mallory@example.org"})

    ben = new_editor("ben@example.org")
    asked = ben.open("/admin/sign-in").form
    answer = ben.post("/admin/sign-in", {**asked.fields, "kept": page.form.fields["kept"]})
    assert "mallory" not in answer.html


@pytest.mark.parametrize("path", ["/admin/sign-in", "/admin/second-factor", "/admin/editors"])
def test_what_another_sites_page_posts_changes_nothing_of_the_session(
    anna: EditorAtWork, path: str
) -> None:
    """The cookie does not come along, and an answer with a new one would sign the editor out."""
    stranger = {"Sec-Fetch-Site": "cross-site"}
    answer = anna.client.application.test_client().post(path, headers=stranger)

    assert answer.status_code == 303
    assert "Set-Cookie" not in answer.headers


def test_pages_outside_the_console_know_nothing_of_an_editors_session(
    anna: EditorAtWork, app: Flask, tmp_path: Path
) -> None:
    """They are kept for everybody: a cookie on one would be handed to every reader."""
    publish(anna.service, statement_file(tmp_path))
    paths = ("/", "/statements/river-gate", "/embed/statements/river-gate", "/nothing", "/adminx")
    for path in paths:
        for browser in (anna, Reader(app.test_client())):
            headers = browser.open(path).headers
            assert "Set-Cookie" not in headers, path
            assert "Cookie" not in headers.get("Vary", ""), path
    assert "Good to see you" in anna.open("/admin").text


def console_rules(app: Flask, *methods: str) -> list[tuple[Rule, str]]:
    return [
        (rule, str(app.url_map.bind("127.0.0.1").build(rule.endpoint, anything(rule), method)))
        for rule in app.url_map.iter_rules()
        for method in methods
        if rule.rule.startswith("/admin") and method in (rule.methods or ())
    ]


OPEN = {"entry.sign_in", "entry.ask", "entry.inbox", "entry.enter_code", "entry.link",
        "entry.press", "entry.second_factor", "entry.enter_factor"}  # fmt: skip


def test_every_page_of_the_console_needs_a_session(app: Flask) -> None:
    rules = console_rules(app, "GET", "POST")
    assert len(rules) > 15
    for rule, path in rules:
        for method in (rule.methods or set()) & {"GET", "POST"}:
            client = app.test_client()
            answer = client.open(path, method=method)
            if rule.endpoint in OPEN:
                assert "Sign out" not in answer.text, path
                continue
            assert answer.status_code == 303, path
            assert answer.headers["Location"] == "/admin/sign-in", path


def test_every_page_of_the_console_refuses_a_cookie_that_is_not_ours(app: Flask) -> None:
    for rule, path in console_rules(app, "GET"):
        client = app.test_client()
        client.set_cookie("__Host-undersigned", "eyJ0b2tlbiI6IngifQ.aaaa.bbbb")
        if rule.endpoint not in OPEN:
            assert client.get(path).status_code == 303, path


def test_every_post_of_the_console_needs_a_token_of_its_form(
    app: Flask, anna: EditorAtWork, service: Service
) -> None:
    before = _rows(service)
    for rule, path in console_rules(app, "POST"):
        if rule.endpoint in OPEN:
            continue
        for token in ({}, {"csrf_token": "x"}):
            page = anna.post(path, {**token, "name": "Mallory"})
            assert "Nothing is lost" in page.text, path
    assert _rows(service) == before


def test_a_token_of_one_editors_form_is_nothing_in_anothers_browser(
    anna: EditorAtWork, new_editor: New
) -> None:
    ben = new_editor("ben@example.org", Role.ADMINISTRATOR)
    ben.sign_in()
    token = ben.open("/admin/editors").form_with("Add").fields["csrf_token"]

    page = anna.post("/admin/editors", {"csrf_token": token, "address": "mallory@example.org"})
    assert "Nothing is lost" in page.text
    assert "mallory" not in anna.open("/admin/editors").text


def test_nothing_of_the_console_is_framed_or_kept_by_a_cache(
    app: Flask, anna: EditorAtWork
) -> None:
    for _, path in console_rules(app, "GET"):
        headers = anna.open(path).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert headers["X-Frame-Options"] == "DENY", path
        assert headers["Cache-Control"] == "no-store", path


def _rows(service: Service) -> list[tuple[str, str]]:
    with service.database.reading() as session:
        return [(one.address, one.name) for one in editors.listed(session)]


def _number(service: Service, address: str) -> int:
    with service.database.reading() as session:
        return session.scalars(select(Editor.id).where(Editor.address == address)).one()


def _factor(service: Service, later: int = 0) -> str:
    """What the app shows; or will, so many steps of thirty seconds later."""
    with service.database.reading() as session:
        secret = session.scalars(
            select(Editor.totp_secret).where(Editor.totp_secret.is_not(None))
        ).one()
    assert secret
    return pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=30 * later))


def _set_up_second_factor(editor: EditorAtWork) -> None:
    page = editor.open("/admin/account/second-factor")
    (secret,) = re.findall(r"<code>([A-Z2-7 ]+)</code>", page.html)
    code = pyotp.TOTP(secret.replace(" ", "")).now()
    page = editor.fill(page, "Set it up", code=code)
    assert "The second factor is set up" in page.text


def test_a_made_up_request_leads_nowhere(new_editor: New) -> None:
    editor = new_editor()
    asked(editor)
    with editor.client.session_transaction("/admin") as cookie:
        cookie["asked"] = str(UUID(int=7))

    page = editor.press(editor.open("/admin/sign-in/inbox"), code=editor.code())
    assert "not the code" in page.text
