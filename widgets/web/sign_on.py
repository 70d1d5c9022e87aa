"""Signing an open letter: every POST of a signer, and the pages of the signed links.

As `signup`, and with the same protections.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from widgets import newsletters, signatories, signings, statements
from widgets.addresses import Address, BadAddress, parse
from widgets.languages import N_, gettext, speak, spoken
from widgets.links import BadLink, ExpiredLink
from widgets.models import Opening, Signing
from widgets.newsletters import Answer
from widgets.signatories import Tally
from widgets.signings import Incomplete, NotOpen, Signer
from widgets.statements import NoSuchStatement, Shown, Withdrawn
from widgets.web import mail_limits, service, statement_languages, text_languages
from widgets.web.forms import SignForm
from widgets.web.parameters import asked_look
from widgets.web.rendering import language_of_reader, this_page
from widgets.web.security import client_limit, is_foreign_post
from widgets.web.signup import FAULT, FOREIGN, NO_MORE_TRIES, TOO_OFTEN, WRONG_CODE

blueprint = Blueprint("sign_on", __name__)
log = logging.getLogger("undersigned.web")

INCOMPLETE = N_("Something is missing or not quite right. It is marked below.")
FIELDS = ("name", "affiliation", "country", "address", "shows", "wants", "token")


@dataclass(frozen=True)
class Letter:
    """A statement that the public may sign, or might have. offered: the newsletter that can be
    asked for with it."""

    statement: Shown
    opening: Opening
    tally: Tally
    offered: newsletters.Form | None

    @property
    def is_open(self) -> bool:
        return self.opening in signings.IN_SIGHT


def letter(session: Session, slug: str, lang: str) -> Letter:
    """Raises what statements.standing raises."""
    shown = statements.standing(session, slug, statement_languages(lang))
    return Letter(
        shown,
        signings.opening(session, shown.id),
        signatories.tally(session, shown.id),
        signings.offered(session, *text_languages()),
    )


@blueprint.post("/embed/statements/<slug:slug>/sign")
def sign(slug: str) -> AnyResponse:
    """Acknowledged only when it is on disk; given back, filled in, in every other case."""
    try:
        with service().database.reading() as session:
            shown = letter(session, slug, asked_look().lang)
        if not shown.is_open:
            return _closed(shown)
        form = SignForm.of(service().links, slug, shown.offered)
        if form.subject.data:  # the honeypot: answered as everybody is, and nothing stored
            return _to_inbox(slug, uuid.uuid4())
        if problem := form.token_problem():
            return _form_again(shown, form, problem, 400)
        if is_foreign_post(service().settings):
            return _form_again(shown, form, gettext(FOREIGN), 403)
        try:
            signer, address = _read(form)
        except Incomplete as error:
            return _form_again(shown, form, gettext(INCOMPLETE), 422, error.problems)
        if not client_limit().allows(request.remote_addr):
            return _form_again(shown, form, gettext(TOO_OFTEN), 429)
        with service().database.writing() as session:
            made = signings.sign(
                session,
                service().hasher,
                mail_limits(),
                shown.statement.id,
                signer,
                address,
                consent_text_id=form.agreed_to or None if form.wants.data else None,
                site=asked_look().site or None,
                lang=spoken(),
                now=datetime.now(UTC),
            )
    except (HTTPException, NoSuchStatement, Withdrawn):
        raise
    except NotOpen:  # closed in this very moment
        return redirect(f"/embed/statements/{slug}/sign{asked_look().frame_query()}", 303)
    except Exception:  # whatever it is, what was typed comes back
        _log_fault()
        return _form_without_database(slug)
    return _to_inbox(slug, made)


@blueprint.get("/embed/statements/<slug:slug>/sign/inbox/<token>")
def inbox(slug: str, token: str) -> AnyResponse:
    """ "Check your inbox": the same for every address, and for none."""
    service().links.read_sign_inbox(token)
    return _inbox(slug, token)


@blueprint.post("/embed/statements/<slug:slug>/sign/inbox/<token>")
def confirm_with_code(slug: str, token: str) -> AnyResponse:
    made = service().links.read_sign_inbox(token)
    typed = request.form.get("code", "")[:40]
    if is_foreign_post(service().settings):
        return _inbox(slug, token, FOREIGN, 403, typed)
    if not client_limit().allows(request.remote_addr):
        return _inbox(slug, token, TOO_OFTEN, 429, typed)
    try:
        with service().database.writing() as session:
            answer = signings.confirm_with_code(
                session, service().links, made, typed, datetime.now(UTC)
            )
    except Exception:
        _log_fault()
        return _inbox(slug, token, FAULT, 503, typed)
    if answer in (Answer.DONE, Answer.ALREADY):
        query = asked_look().frame_query()
        return redirect(f"/embed/statements/{slug}/sign/signed{query}", 303)
    if answer in (Answer.LEFT, Answer.OVER):
        return _overtaken_in_frame(slug, 410)
    problem = NO_MORE_TRIES if answer is Answer.EXHAUSTED else WRONG_CODE
    return _inbox(slug, token, problem, 422, typed, exhausted=answer is Answer.EXHAUSTED)


@blueprint.get("/embed/statements/<slug:slug>/sign/inbox/<token>/again")
def back_to_inbox(slug: str, token: str) -> AnyResponse:
    """Where a reload leads after a new code could not be sent."""
    service().links.read_sign_inbox(token)
    return redirect(_inbox_path(slug, token), 303)


@blueprint.post("/embed/statements/<slug:slug>/sign/inbox/<token>/again")
def new_code(slug: str, token: str) -> AnyResponse:
    made = service().links.read_sign_inbox(token)
    if is_foreign_post(service().settings):
        return _inbox(slug, token, FOREIGN, 403)
    if not client_limit().allows(request.remote_addr):
        return _inbox(slug, token, TOO_OFTEN, 429)
    try:
        with service().database.writing() as session:
            again = signings.new_code(session, mail_limits(), made, datetime.now(UTC))
    except Exception:
        _log_fault()
        return _inbox(slug, token, FAULT, 503, exhausted=True)
    return _to_inbox(slug, again)


@blueprint.get("/embed/statements/<slug:slug>/sign/signed")
def signed(slug: str) -> AnyResponse:
    with service().database.reading() as session:
        shown = letter(session, slug, asked_look().lang)
    return make_response(render_template("embeds/signed.html", look=asked_look(), letter=shown))


@blueprint.get("/sign/<token>")
def confirm_page(token: str) -> AnyResponse:
    """One button. Opening the link changes nothing: mail scanners open every link."""
    made = service().links.read_sign(token)
    with service().database.reading() as session:
        return _confirmation(session, made, signings.link_stands(session, made))


@blueprint.post("/sign/<token>")
def confirm(token: str) -> AnyResponse:
    made = service().links.read_sign(token)
    if is_foreign_post(service().settings):
        return redirect(this_page(), 303)
    with service().database.writing() as session:
        answer = signings.confirm(session, made, datetime.now(UTC))
        if answer is not Answer.DONE:
            return _confirmation(session, made, answer)
    return redirect(this_page(), 303)


@blueprint.get("/withdraw/<token>")
def withdraw_page(token: str) -> AnyResponse:
    made = service().links.read_withdraw(token)
    with service().database.reading() as session:
        shown = _of_signing(session, signings.get(session, made))
        page = "withdraw" if signings.can_be_withdrawn(session, made) else "withdrawn"
    return make_response(render_template(f"sign_on/{page}.html", **shown))


@blueprint.post("/withdraw/<token>")
def withdraw(token: str) -> AnyResponse:
    made = service().links.read_withdraw(token)
    if is_foreign_post(service().settings):
        return redirect(this_page(), 303)
    with service().database.writing() as session:
        signings.withdraw(session, made, datetime.now(UTC))
    return redirect(this_page(), 303)


@blueprint.errorhandler(ExpiredLink)
def expired(error: ExpiredLink) -> Response:
    if request.path.startswith("/embed/"):
        return _overtaken_in_frame((request.view_args or {})["slug"], 410)
    return make_response(render_template("sign_on/expired.html"), 410)


@blueprint.errorhandler(BadLink)
def cut_off(error: BadLink) -> Response:
    if request.path.startswith("/embed/"):
        return _overtaken_in_frame((request.view_args or {})["slug"], 404)
    return make_response(render_template("sign_on/cut_off.html"), 404)


def _read(form: SignForm) -> tuple[Signer, Address]:
    """What was typed. Raises Incomplete with all that is wrong with it."""
    problems: dict[str, str] = {}
    signer = address = None
    try:
        signer = signings.read(
            form.name.data or "",
            form.affiliation.data or "",
            form.country.data or "",
            form.shows.data or "",
        )
    except Incomplete as error:
        problems |= error.problems
    try:
        address = parse(form.address.data or "", allow_test_domains=service().settings.is_local)
    except BadAddress as error:
        problems["address"] = str(error)
    if signer is None or address is None:
        raise Incomplete(problems)
    return signer, address


def _of_signing(session: Session, row: Signing | None) -> dict[str, Any]:
    """What the page of a signed link shows. From here on, the answer is in the language of the
    signing."""
    speak(language_of_reader(row.lang if row else None))
    if row is None:
        return {"statement": None, "signer": None, "newsletter": None}
    try:
        wanted = statement_languages(asked_look().lang or row.lang)
        shown = statements.standing(session, row.statement.slug, wanted)
    except (NoSuchStatement, Withdrawn):
        shown = None
    offered = signings.offered(session, *text_languages()) if row.consent_text_id else None
    return {"statement": shown, "signer": signings.signer(row), "newsletter": offered}


def _confirmation(session: Session, made: uuid.UUID, answer: Answer) -> Response:
    page, status = {
        Answer.DONE: ("confirm", 200),
        Answer.ALREADY: ("confirmed", 200),
        Answer.LEFT: ("left", 410),
    }.get(answer, ("expired", 410))
    shown = _of_signing(session, signings.get(session, made))
    if shown["statement"] is None:
        page, status = "expired", 410
    return make_response(render_template(f"sign_on/{page}.html", **shown), status)


def _form_again(
    shown: Letter,
    form: SignForm,
    problem: str,
    status: int,
    problems: dict[str, str] | None = None,
) -> Response:
    html = render_template(
        "embeds/sign.html",
        look=asked_look(),
        letter=shown,
        form=form,
        problem=problem,
        problems=problems or {},
    )
    return make_response(html, status)


def _form_without_database(slug: str) -> Response:
    """What was typed, with the token it came with, on a page that needs no table."""
    html = render_template(
        "embeds/sign_fault.html",
        look=asked_look(),
        slug=slug,
        problem=gettext(FAULT),
        typed={name: request.form.get(name, "") for name in FIELDS},
    )
    return make_response(html, 503)


def _closed(shown: Letter) -> Response:
    html = render_template("embeds/sign_closed.html", look=asked_look(), letter=shown)
    return make_response(html, 410)


def _inbox(
    slug: str,
    token: str,
    problem: str | None = None,
    status: int = 200,
    typed: str = "",
    exhausted: bool = False,
) -> Response:
    try:
        with service().database.reading() as session:
            statements.standing(session, slug)
    except SQLAlchemyError:
        if problem is None:
            raise  # otherwise what was typed comes back even so
    html = render_template(
        "embeds/sign_inbox.html",
        look=asked_look(),
        here=f"/embed/statements/{slug}/sign/inbox/{token}",
        slug=slug,
        problem=problem and gettext(problem),
        typed=typed,
        exhausted=exhausted,
    )
    return make_response(html, status)


def _overtaken_in_frame(slug: str, status: int) -> Response:
    html = render_template("embeds/sign_overtaken.html", look=asked_look(), slug=slug)
    return make_response(html, status)


def _inbox_path(slug: str, token: str) -> str:
    return f"/embed/statements/{slug}/sign/inbox/{token}{asked_look().frame_query()}"


def _to_inbox(slug: str, made: uuid.UUID) -> AnyResponse:
    return redirect(_inbox_path(slug, service().links.sign_inbox(made)), 303)


def _log_fault() -> None:
    log.exception("%s failed", request.endpoint)
