"""Signing up, confirming, leaving: every POST of a reader, and the pages of the signed links."""

import logging
import uuid
from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from widgets import newsletters
from widgets.addresses import BadAddress, parse
from widgets.languages import N_, gettext, speak, spoken
from widgets.links import BadLink, ExpiredLink
from widgets.models import Newsletter, NewsletterText
from widgets.newsletters import Answer
from widgets.web import mail_limits, service, text_languages
from widgets.web.forms import SignUpForm
from widgets.web.parameters import asked_look
from widgets.web.rendering import language_of_reader, this_page
from widgets.web.security import client_limit, is_foreign_post

blueprint = Blueprint("signup", __name__)
log = logging.getLogger("undersigned.web")

FOREIGN = N_("This was sent from another site’s page. If it was you, please press again.")
TOO_OFTEN = N_("Many sign-ups came from your connection just now. Please press again in a minute.")
FAULT = N_("We could not keep that just now. Nothing is lost: please press again in a minute.")
WRONG_CODE = N_("That is not the code in our mail. Please look again: it has six digits.")
NO_MORE_TRIES = N_("This code has been tried too often or is too old. We can send you a new one.")


@blueprint.post("/embed/newsletters/<slug:slug>")
def sign_up(slug: str) -> AnyResponse:
    """Acknowledged only when it is on disk; given back, filled in, in every other case."""
    now = datetime.now(UTC)
    try:
        with service().database.reading() as session:
            shown = newsletters.form(session, slug, *text_languages())
        form = SignUpForm.of(service().links, shown)
        if form.subject.data:  # the honeypot: answered as everybody is, and nothing stored
            return _to_inbox(slug, uuid.uuid4())
        if problem := form.token_problem():
            return _form_again(shown, form, problem, 400)
        if is_foreign_post(service().settings):
            return _form_again(shown, form, gettext(FOREIGN), 403)
        try:
            address = parse(form.address.data or "", allow_test_domains=service().settings.is_local)
        except BadAddress as error:
            return _form_again(shown, form, str(error), 422, of_field=True)
        if not client_limit().allows(request.remote_addr):
            return _form_again(shown, form, gettext(TOO_OFTEN), 429)
        with service().database.writing() as session:
            made = newsletters.sign_up(
                session,
                service().hasher,
                mail_limits(),
                address,
                consent_text_id=form.agreed_to or shown.consent_text_id,
                site=asked_look().site or None,
                lang=spoken(),
                now=now,
            )
    except (HTTPException, newsletters.NoSuchNewsletter):
        raise
    except Exception:  # whatever it is, what was typed comes back
        _log_fault()
        return _form_without_database(slug)
    return _to_inbox(slug, made)


@blueprint.get("/embed/newsletters/<slug:slug>/inbox/<token>")
def inbox(slug: str, token: str) -> AnyResponse:
    """ "Check your inbox": the same for every address, and for none."""
    service().links.read_inbox(token)
    return _inbox(slug, token)


@blueprint.post("/embed/newsletters/<slug:slug>/inbox/<token>")
def confirm_with_code(slug: str, token: str) -> AnyResponse:
    made = service().links.read_inbox(token)
    typed = request.form.get("code", "")[:40]
    if is_foreign_post(service().settings):
        return _inbox(slug, token, FOREIGN, 403, typed)
    if not client_limit().allows(request.remote_addr):
        return _inbox(slug, token, TOO_OFTEN, 429, typed)
    try:
        with service().database.writing() as session:
            answer = newsletters.confirm_with_code(
                session, service().links, made, typed, datetime.now(UTC)
            )
    except Exception:
        _log_fault()
        return _inbox(slug, token, FAULT, 503, typed)
    if answer in (Answer.DONE, Answer.ALREADY):
        query = asked_look().frame_query()
        return redirect(f"/embed/newsletters/{slug}/subscribed{query}", 303)
    if answer is Answer.LEFT:
        return _overtaken_in_frame(slug, 410)
    problem = NO_MORE_TRIES if answer is Answer.EXHAUSTED else WRONG_CODE
    return _inbox(slug, token, problem, 422, typed, exhausted=answer is Answer.EXHAUSTED)


@blueprint.get("/embed/newsletters/<slug:slug>/inbox/<token>/again")
def back_to_inbox(slug: str, token: str) -> AnyResponse:
    """Where a reload leads after a new code could not be sent."""
    service().links.read_inbox(token)
    return redirect(f"/embed/newsletters/{slug}/inbox/{token}{asked_look().frame_query()}", 303)


@blueprint.post("/embed/newsletters/<slug:slug>/inbox/<token>/again")
def new_code(slug: str, token: str) -> AnyResponse:
    made = service().links.read_inbox(token)
    if is_foreign_post(service().settings):
        return _inbox(slug, token, FOREIGN, 403)
    if not client_limit().allows(request.remote_addr):
        return _inbox(slug, token, TOO_OFTEN, 429)
    try:
        with service().database.writing() as session:
            again = newsletters.new_code(session, mail_limits(), made, datetime.now(UTC))
    except Exception:
        _log_fault()
        return _inbox(slug, token, FAULT, 503, exhausted=True)
    return _to_inbox(slug, again)


@blueprint.get("/embed/newsletters/<slug:slug>/subscribed")
def subscribed(slug: str) -> AnyResponse:
    with service().database.reading() as session:
        shown = newsletters.form(session, slug, *text_languages())
    html = render_template("embeds/subscribed.html", look=asked_look(), newsletter=shown)
    return make_response(html)


@blueprint.get("/confirm/<token>")
def confirm_page(token: str) -> AnyResponse:
    """One button. Opening the link changes nothing: mail scanners open every link."""
    made, epoch = service().links.read_confirm(token)
    with service().database.reading() as session:
        answer = newsletters.link_stands(session, made, epoch)
        newsletter = _of_sign_up(session, made)
    return _confirmation(answer, newsletter)


@blueprint.post("/confirm/<token>")
def confirm(token: str) -> AnyResponse:
    made, epoch = service().links.read_confirm(token)
    if is_foreign_post(service().settings):
        return redirect(this_page(), 303)
    with service().database.writing() as session:
        answer = newsletters.confirm(session, made, epoch, datetime.now(UTC))
        newsletter = _of_sign_up(session, made)
    if answer is Answer.DONE:
        return redirect(this_page(), 303)
    return _confirmation(answer, newsletter)


@blueprint.get("/unsubscribe/<token>")
def unsubscribe_page(token: str) -> AnyResponse:
    subscription = service().links.read_unsubscribe(token)
    with service().database.reading() as session:
        subscription = newsletters.current(session, subscription)
        newsletter = _of_subscription(session, subscription)
        still = newsletters.can_be_left(session, subscription)
    name = "unsubscribe" if still else "unsubscribed"
    return make_response(render_template(f"signup/{name}.html", newsletter=newsletter))


@blueprint.post("/unsubscribe/<token>")
def unsubscribe(token: str) -> AnyResponse:
    """From our page's button, or from a mail program's (RFC 8058: no redirect, no questions)."""
    subscription = service().links.read_unsubscribe(token)
    with service().database.writing() as session:
        subscription = newsletters.current(session, subscription)
        newsletters.unsubscribe(session, subscription, datetime.now(UTC))
        newsletter = _of_subscription(session, subscription)
    if request.form.get("List-Unsubscribe") == "One-Click":
        return make_response(
            render_template("signup/unsubscribed.html", newsletter=newsletter), 200
        )
    return redirect(this_page(), 303)


@blueprint.errorhandler(ExpiredLink)
def expired(error: ExpiredLink) -> Response:
    if request.path.startswith("/embed/"):
        return _overtaken_in_frame((request.view_args or {})["slug"], 410)
    return make_response(render_template("signup/expired.html"), 410)


@blueprint.errorhandler(BadLink)
def cut_off(error: BadLink) -> Response:
    if request.path.startswith("/embed/"):
        return _overtaken_in_frame((request.view_args or {})["slug"], 404)
    return make_response(render_template("signup/cut_off.html"), 404)


def _of_sign_up(session: Session, made: uuid.UUID) -> NewsletterText | None:
    newsletter = newsletters.of_sign_up(session, made)
    return _told(session, newsletter, newsletters.lang_of_sign_up(session, made))


def _of_subscription(session: Session, subscription: uuid.UUID) -> NewsletterText | None:
    newsletter = newsletters.of_subscription(session, subscription)
    return _told(session, newsletter, newsletters.lang_of_subscription(session, subscription))


def _told(
    session: Session, newsletter: Newsletter | None, signed_up_in: str | None
) -> NewsletterText | None:
    """The newsletter's words. From here on, the answer is in the language of the sign-up."""
    speak(language_of_reader(signed_up_in))
    return newsletters.words(session, newsletter, *text_languages()) if newsletter else None


def _confirmation(answer: Answer, newsletter: NewsletterText | None) -> Response:
    page, status = {
        Answer.DONE: ("confirm", 200),
        Answer.ALREADY: ("confirmed", 200),
        Answer.LEFT: ("left", 410),
    }.get(answer, ("expired", 410))
    return make_response(render_template(f"signup/{page}.html", newsletter=newsletter), status)


def _form_again(
    shown: newsletters.Form, form: SignUpForm, problem: str, status: int, of_field: bool = False
) -> Response:
    html = render_template(
        "embeds/newsletter.html",
        look=asked_look(),
        newsletter=shown,
        form=form,
        problem=problem,
        of_field=of_field,
    )
    return make_response(html, status)


def _form_without_database(slug: str) -> Response:
    """What the reader typed, with the token it came with, on a page that needs no table."""
    html = render_template(
        "embeds/fault.html",
        look=asked_look(),
        slug=slug,
        problem=gettext(FAULT),
        address=request.form.get("address", ""),
        token=request.form.get("token", ""),
    )
    return make_response(html, 503)


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
            shown = newsletters.form(session, slug, *text_languages())
    except SQLAlchemyError:
        if problem is None:
            raise
        shown = None  # what was typed comes back even so
    html = render_template(
        "embeds/inbox.html",
        look=asked_look(),
        slug=slug,
        newsletter=shown,
        here=f"/embed/newsletters/{slug}/inbox/{token}",
        problem=problem and gettext(problem),
        typed=typed,
        exhausted=exhausted,
    )
    return make_response(html, status)


def _overtaken_in_frame(slug: str, status: int) -> Response:
    html = render_template("embeds/overtaken.html", look=asked_look(), slug=slug)
    return make_response(html, status)


def _to_inbox(slug: str, made: uuid.UUID) -> AnyResponse:
    token = service().links.inbox(made)
    return redirect(f"/embed/newsletters/{slug}/inbox/{token}{asked_look().frame_query()}", 303)


def _log_fault() -> None:
    log.exception("%s failed", request.endpoint)
