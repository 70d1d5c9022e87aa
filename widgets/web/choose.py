"""What subscribers choose, behind the signed links of our mails, without an account. GET shows,
POST acts."""

import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as AnyResponse

from widgets import address_changes, members, people, preferences
from widgets.addresses import BadAddress, parse
from widgets.languages import N_, gettext, known, speak, spoken
from widgets.links import BadLink, ExpiredLink
from widgets.newsletters import Answer
from widgets.preferences import NothingKept, Wishes
from widgets.web import mail_limits, service
from widgets.web.forms import STALE_SIGNATURE, this_hour
from widgets.web.parameters import Look, asked_look
from widgets.web.rendering import language_of_reader, this_page
from widgets.web.security import client_limit, is_foreign_post

blueprint = Blueprint("choose", __name__, url_prefix="/preferences")
log = logging.getLogger("undersigned.web")

FOREIGN = N_("This was sent from another site’s page. If it was you, please press again.")
TOO_OFTEN = N_("Much came from your connection just now. Please press again in a minute.")
FAULT = N_("We could not keep that just now. Nothing is lost: please press again in a minute.")
SAID = {
    "saved": N_("Saved."),
    "asked": N_("Saved. For what is new, we send you a mail: please confirm there."),
    "address": N_("We send a mail to the new address. Its button makes the change."),
    "record": N_("We send you a mail with a link to all that we keep of you."),
    "left": N_("You have left everything. Nothing more comes to you."),
    "enough": N_(
        "You have had several mails from us today, and one of them may have the link. Please ask "
        "again tomorrow."
    ),
    "sent": N_("If we still have your address, a new link is on its way to it."),
}


@blueprint.get("/<token>")
def page(token: str) -> Response:
    return _page(service().links.read_preferences(token))


@blueprint.post("/<token>")
def act(token: str) -> AnyResponse:
    """The forms of the page say which of them was sent."""
    do = request.form.get("do", "")
    if do == "again":
        return _new_link(service().links.read_old_preferences(token))
    subscriber = service().links.read_preferences(token)
    with suppress(SQLAlchemyError):  # what is wrong is told even so
        _speak_to(subscriber)
    if is_foreign_post(service().settings):
        return _given_back(subscriber, gettext(FOREIGN), 403)
    if not client_limit().allows(request.remote_addr):
        return _given_back(subscriber, gettext(TOO_OFTEN), 429)
    acts = {"save": _save, "record": _mail_record, "leave": _leave}
    try:
        return acts[do](subscriber) if do in acts else redirect(this_page(), 303)
    except (NothingKept, ExpiredLink, BadLink):
        raise
    except Exception:  # whatever it is, what was chosen comes back
        log.exception("%s failed", request.endpoint)
        return _given_back(subscriber, gettext(FAULT), 503)


@blueprint.get("/address/<token>")
def address_page(token: str) -> Response:
    """One button. Opening the link changes nothing: mail scanners open every link."""
    change = service().links.read_change(token)
    with service().database.reading() as session:
        answer, address, lang = address_changes.stands(session, change, datetime.now(UTC))
        became = address_changes.became(session, change)
    speak(language_of_reader(lang))
    if answer is Answer.OVER:
        return _gone()
    if answer is Answer.LEFT:
        return _too_old()
    html = render_template(
        "choose/address.html",
        address=address,
        is_done=answer is Answer.ALREADY,
        theirs=became and service().links.preferences(became),
    )
    return make_response(html)


@blueprint.post("/address/<token>")
def change_address(token: str) -> AnyResponse:
    change = service().links.read_change(token)
    if not is_foreign_post(service().settings):
        with service().database.writing() as session:
            address_changes.confirm(session, change, datetime.now(UTC))
    return redirect(this_page(), 303)


@blueprint.get("/record/<token>")
def record(token: str) -> Response:
    """All that is kept of them, in words; and what only they may do. It is behind the link that is
    mailed when it is asked for: the one in every issue is passed on with it, and who holds that
    must not be able to see this, to move somebody to another address or to erase them."""
    return _record_page(token, service().links.read_record(token))


@blueprint.post("/record/<token>")
def new_address(token: str) -> AnyResponse:
    """Asks the owner of another address whether the mails shall come there."""
    subscriber = service().links.read_record(token)
    try:
        return _ask_new_address(token, subscriber)
    except NothingKept:
        raise
    except Exception:  # whatever it is, what was typed comes back
        log.exception("%s failed", request.endpoint)
        return _fault(gettext(FAULT), 503)


@blueprint.get("/record/<token>/download")
def download(token: str) -> Response:
    """The same, as a file for programs."""
    person = _record(service().links.read_record(token))
    return Response(
        people.as_json(person),
        mimetype="application/json",
        headers={"Content-Disposition": 'attachment; filename="record.json"'},
    )


@blueprint.get("/record/<token>/erase")
def erase_page(token: str) -> Response:
    _speak_to(service().links.read_record(token))
    return make_response(render_template("choose/erase.html", token=token))


@blueprint.post("/record/<token>/erase")
def erase(token: str) -> AnyResponse:
    subscriber = service().links.read_record(token)
    if is_foreign_post(service().settings):
        return redirect(this_page(), 303)
    never_again = request.form.get("never") == "yes"
    _speak_to(subscriber)  # of whoever is gone, nobody knows the language
    with service().database.writing() as session:
        preferences.erase(session, service().hasher, subscriber, never_again, datetime.now(UTC))
    return redirect(f"{request.path}?{urlencode({'lang': spoken()})}", 303)


@blueprint.errorhandler(ExpiredLink)
def expired(error: ExpiredLink) -> Response:
    """Of a link to the preferences, a new one can be had; the others are in a mail of today."""
    if request.path.startswith(("/preferences/record/", "/preferences/address/")):
        return _too_old()
    token = (request.view_args or {})["token"]
    path = f"/preferences/{token}{Look(lang=asked_look().lang).query()}"
    html = render_template("choose/expired.html", path=path, said=_said())
    return make_response(html, 410)


@blueprint.errorhandler(BadLink)
def cut_off(error: BadLink) -> Response:
    return make_response(render_template("choose/cut_off.html"), 404)


@blueprint.errorhandler(NothingKept)
def nothing_kept(error: NothingKept) -> Response:
    return _gone()


def _save(subscriber: uuid.UUID) -> AnyResponse:
    typed = _typed()
    was_sent = frozenset(request.form.getlist("was"))
    try:
        agreed = {
            slug: service().links.read_form(
                request.form.get(f"consent-{slug}", ""), slug, this_hour()
            )
            for slug in typed.newsletters - was_sent
        }
    except (BadLink, ExpiredLink):
        return _given_back(subscriber, gettext(STALE_SIGNATURE), 400)
    with service().database.writing() as session:
        before = preferences.language(session, subscriber)
        asked = preferences.save(
            session,
            service().hasher,
            mail_limits(),
            subscriber,
            typed,
            was_sent=was_sent,
            agreed=agreed,
            now=datetime.now(UTC),
        )
    return _back("asked" if asked else "saved", stays=typed.lang == before)


def _ask_new_address(token: str, subscriber: uuid.UUID) -> AnyResponse:
    _speak_to(subscriber)
    if is_foreign_post(service().settings):
        return _record_page(token, subscriber, gettext(FOREIGN), 403)
    if not client_limit().allows(request.remote_addr):
        return _record_page(token, subscriber, gettext(TOO_OFTEN), 429)
    try:
        address = parse(
            request.form.get("address", ""), allow_test_domains=service().settings.is_local
        )
    except BadAddress as error:
        return _record_page(token, subscriber, str(error), 422)
    with service().database.writing() as session:
        address_changes.ask(
            session,
            service().hasher,
            mail_limits(),
            subscriber,
            address,
            lang=preferences.language(session, subscriber) or spoken(),
            now=datetime.now(UTC),
        )
    return _back("address")


def _mail_record(subscriber: uuid.UUID) -> AnyResponse:
    return _back("record" if _mail_link(subscriber, "record") else "enough")


def _leave(subscriber: uuid.UUID) -> AnyResponse:
    with service().database.writing() as session:
        preferences.leave_all(session, subscriber, datetime.now(UTC))
    return _back("left")


def _new_link(subscriber: uuid.UUID) -> AnyResponse:
    """The answer is the same, whether there is anybody to send it to."""
    if is_foreign_post(service().settings) or not client_limit().allows(request.remote_addr):
        return redirect(this_page(), 303)
    with suppress(NothingKept):
        _mail_link(subscriber, "preferences")
    return _back("sent")


def _mail_link(subscriber: uuid.UUID, kind: str) -> bool:
    with service().database.writing() as session:
        return preferences.mail_link(
            session, service().hasher, mail_limits(), subscriber, kind, datetime.now(UTC)
        )


def _typed() -> Wishes:
    form = request.form
    return Wishes(
        newsletters=frozenset(form.getlist("newsletter")),
        rhythms={
            name.removeprefix("rhythm-"): value
            for name, value in form.items()
            if name.startswith("rhythm-")
        },
        lang=form.get("lang", ""),
        topics=frozenset(form.getlist("topic")),
        countries=frozenset(form.getlist("country")),
        pause=form.get("pause", ""),
    )


def _given_back(subscriber: uuid.UUID, problem: str, status: int) -> Response:
    """The page with all that was chosen and typed on it."""
    try:
        return _page(subscriber, problem, status)
    except SQLAlchemyError:  # what was chosen comes back even so
        return _fault(problem, status)


def _fault(problem: str, status: int) -> Response:
    """What was sent, on a page that needs no table."""
    fields = list(request.form.items(multi=True))
    html = render_template("choose/fault.html", problem=problem, fields=fields)
    return make_response(html, status)


def _page(subscriber: uuid.UUID, problem: str = "", status: int = 200) -> Response:
    typed = _typed() if request.form.get("do") == "save" else None
    with service().database.reading() as session:
        speak(language_of_reader(preferences.language(session, subscriber)))
        langs = (spoken(), service().settings.language)
        shown = preferences.page(session, subscriber, langs, datetime.now(UTC), typed)
    html = render_template(
        "choose/page.html",
        page=shown,
        wishes=shown.wishes,
        lang=shown.wishes.lang or spoken(),
        consents=_consents(shown),
        rhythms=preferences.RHYTHMS,
        until_told=preferences.UNTIL_TOLD,
        goes_on=preferences.GOES_ON,
        problem=problem,
        said=_said(),
    )
    return make_response(html, status)


def _consents(shown: preferences.Page) -> Mapping[str, str]:
    """For each newsletter that can be asked for, a token of the wording beside it."""
    return {
        one.slug: service().links.form(one.slug, one.consent_text_id, this_hour())
        for one in shown.newsletters
        if not one.is_sent
    }


def _record_page(
    token: str, subscriber: uuid.UUID, problem: str = "", status: int = 200
) -> Response:
    person = _record(subscriber)
    with service().database.reading() as session:
        sites = {
            one["site"]: members.site_name(session, one["site"]) or one["site"]
            for held in person.subscriptions
            for one in (*held["consents"], *held["sign_ups"])
            if one["site"]
        }
    html = render_template(
        "choose/record.html",
        person=person,
        token=token,
        theirs=service().links.preferences(subscriber),
        sites=sites,
        until_told=preferences.UNTIL_TOLD,
        typed_address=request.form.get("address", ""),
        problem=problem,
        said=_said(),
    )
    return make_response(html, status)


def _record(subscriber: uuid.UUID) -> people.Person:
    with service().database.reading() as session:
        key = preferences.standing(session, subscriber, datetime.now(UTC)).key
        speak(language_of_reader(preferences.language(session, subscriber)))
        return people.as_told(people.find(session, service().hasher, key))


def _speak_to(subscriber: uuid.UUID) -> None:
    with service().database.reading() as session:
        preferences.standing(session, subscriber, datetime.now(UTC))
        speak(language_of_reader(preferences.language(session, subscriber)))


def _back(said: str, *, stays: bool = True) -> AnyResponse:
    """To the page. stays: in the language that the address asks for, if it asks for one."""
    lang = asked_look().lang if stays and known(asked_look().lang) else ""
    query = urlencode({"said": said, **({"lang": lang} if lang else {})})
    return redirect(f"{request.path}?{query}", 303)


def _said() -> str:
    said = request.args.get("said", "") if request.method == "GET" else ""
    return gettext(SAID[said]) if said in SAID else ""


def _gone() -> Response:
    return make_response(render_template("choose/gone.html"), 410)


def _too_old() -> Response:
    return make_response(render_template("choose/too_old.html"), 410)
