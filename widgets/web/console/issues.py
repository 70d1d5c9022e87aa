"""Issues of a newsletter: when they come, what is in the next one and how it reads, and how the
sending of one goes on."""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from flask import Response, abort, make_response, render_template, request, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import digests, editions, letters, newsletter_texts, outbox, rhythms, upcoming
from widgets.audit import Actor
from widgets.digests import BadText, CannotBe, NoSuchDigest, Overtaken
from widgets.languages import own_name, speaking
from widgets.letters import issues as issue_letters
from widgets.models import Digest, DigestState, Editor, Rhythm
from widgets.moments import by_clocks, zones
from widgets.newsletter_texts import BadWords, Listed
from widgets.newsletters import NoSuchNewsletter
from widgets.rhythms import WEEKDAYS, BadSchedule
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("issues", __name__, url_prefix="/admin/newsletters/<slug:slug>")

RHYTHMS = (
    (Rhythm.NEVER.value, "never by itself: I send each issue"),
    (Rhythm.EACH.value, "for each statement, at once"),
    (Rhythm.WEEKLY.value, "weekly"),
    (Rhythm.MONTHLY.value, "monthly, on the first such day of the month"),
)
OVERTAKEN = (
    "This issue has changed since you opened this page: another editor was at it, or a statement "
    "was published or withdrawn. Nothing was done. Below is how it stands now."
)
# A mail carries its styles in attributes, which no hash can name. It is shown to its editors only,
# in frames that may do nothing.
FRAME_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
)
_DARK = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")


@screen.get("/schedule")
def schedule(editor: Editor, slug: str) -> Response:
    return _schedule(slug)


@screen.post("/schedule")
def reschedule(editor: Editor, slug: str) -> AnyResponse:
    names = ("rhythm", "weekday", "clock", "zone", "by_itself", "only_urgent")
    typed = {name: request.form.get(name, "") for name in names}
    try:
        with service().database.writing() as database:
            changed = rhythms.schedule(
                database,
                _one(database, slug).newsletter,
                Actor.of(editor),
                _now(),
                rhythm=typed["rhythm"],
                weekday=int(typed["weekday"]) if typed["weekday"] in set("0123456") else -1,
                clock=typed["clock"].strip(),
                zone=typed["zone"],
                by_itself=bool(typed["by_itself"]),
                only_urgent=bool(typed["only_urgent"]),
            )
    except BadSchedule as error:
        return _schedule(slug, typed, error.problems, 422)
    session["zone"] = typed["zone"]  # to be proposed next time
    said = "Saved." if changed else "It was so already."
    return noted(said, url_for("issues.schedule", slug=slug))


@screen.get("/issues")
def index(editor: Editor, slug: str) -> Response:
    now = _now()
    with service().database.reading() as database:
        shown = _one(database, slug)
        newsletter = shown.newsletter
        html = render_template(
            "console/issues.html",
            shown=shown,
            coming=upcoming.coming(database, newsletter, now),
            alerts=rhythms.readers(database, newsletter, Rhythm.EACH, now),
            past=[
                (one, digests.progress(database, one, now))
                for one in digests.sent_before(database, newsletter)
            ],
            own_name=own_name,
            by_clocks=by_clocks,
        )
    return make_response(html)


@screen.get("/issues/<rhythm>")
def coming(editor: Editor, slug: str, rhythm: str) -> Response:
    return _coming(slug, _by_hand(rhythm))


@screen.post("/issues/<rhythm>/statements")
def choose(editor: Editor, slug: str, rhythm: str) -> AnyResponse:
    """Those that were shown and are not ticked are left out."""
    ticked = _numbers("in")
    ticks = {one: one in ticked for one in _numbers("shown")}
    left_out = [one for one, is_in in ticks.items() if not is_in]

    def leave_out(database: Session, digest_id: uuid.UUID, seen: str) -> str:
        changed = digests.choose(database, digest_id, left_out, Actor.of(editor), _now(), seen)
        return "Saved." if changed else "It was so already."

    return _done(slug, rhythm, leave_out, ticks=ticks)


@screen.get("/issues/<rhythm>/words/<lang>")
def words(editor: Editor, slug: str, rhythm: str, lang: str) -> Response:
    return _words(slug, _by_hand(rhythm), _tag(lang))


@screen.post("/issues/<rhythm>/words/<lang>")
def write(editor: Editor, slug: str, rhythm: str, lang: str) -> AnyResponse:
    rhythm, lang, now = _by_hand(rhythm), _tag(lang), _now()
    typed = {name: request.form.get(name, "") for name in ("subject", "introduction")}
    seen = request.form.get("seen", "")[:40]
    try:
        with service().database.writing() as database:
            newsletter = _one(database, slug).newsletter
            digest = digests.prepare(database, newsletter, rhythm, now)
            was_approved = digest.state == DigestState.APPROVED
            changed = digests.write(database, digest.id, lang, typed, seen, Actor.of(editor), now)
    except BadText as error:
        return _words(
            slug, rhythm, lang, typed=typed, seen=seen, problems=error.problems, status=422
        )
    except Overtaken:
        return _words(slug, rhythm, lang, typed=typed, is_overtaken=True, status=409)
    said = "Saved." if changed else "It was so already."
    if changed and was_approved:
        said = "Saved. It was approved as it was before, so it waits to be approved again."
    return noted(said, url_for("issues.words", slug=slug, rhythm=rhythm, lang=lang))


@screen.get("/issues/<rhythm>/preview")
def preview(editor: Editor, slug: str, rhythm: str) -> Response:
    """The mail as it would be, in frames beside each other."""
    rhythm, now = _by_hand(rhythm), _now()
    with service().database.reading() as database:
        shown = _one(database, slug)
        newsletter = shown.newsletter
        lang = _asked_lang(newsletter.lang)
        one = upcoming.of(database, newsletter, rhythm, now)
        html = render_template(
            "console/issue_preview.html",
            shown=shown,
            rhythm=rhythm,
            lang=lang,
            langs=upcoming.tongues(database, newsletter, rhythm, now),
            one=one,
            letter=_letter(database, one.digest, lang),
            own_name=own_name,
        )
    return make_response(html)


@screen.get("/issues/<rhythm>/preview/frame")
def frame(editor: Editor, slug: str, rhythm: str) -> Response:
    """The mail itself. ?dark=1: as a program shows it whose reader likes it dark."""
    now = _now()
    with service().database.reading() as database:
        newsletter = _one(database, slug).newsletter
        digest = upcoming.of(database, newsletter, _by_hand(rhythm), now).digest
        letter = _letter(database, digest, _asked_lang(newsletter.lang))
    if letter is None:
        abort(404)
    # What the editor's own screen prefers must not decide how it looks here.
    when = "@media all" if request.args.get("dark") else "@media not all"
    response = make_response(_DARK.sub(when, letter["html"]))
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@screen.post("/issues/<rhythm>/test")
def test(editor: Editor, slug: str, rhythm: str) -> AnyResponse:
    now = _now()
    with service().database.writing() as database:
        newsletter = _one(database, slug).newsletter
        digest = digests.prepare(database, newsletter, _by_hand(rhythm), now)
        message = None
        if digests.contents(database, digest, now):
            message = outbox.add(
                database, "test-issue", now, send_at=now, digest_id=digest.id, editor_id=editor.id
            )
    if message is None:
        return _coming(
            slug, rhythm, problem="Nothing is in it: there is nothing to send.", status=422
        )
    return noted("The test is in the outbox.", url_for("mail.message", message_id=message))


@screen.post("/issues/<rhythm>/approve")
def approve(editor: Editor, slug: str, rhythm: str) -> AnyResponse:
    def approved(database: Session, digest_id: uuid.UUID, seen: str) -> str:
        is_new = digests.approve(database, digest_id, seen, Actor.of(editor), _now())
        return "It is approved." if is_new else "It was approved already."

    return _done(slug, rhythm, approved)


@screen.post("/issues/<rhythm>/reopen")
def reopen(editor: Editor, slug: str, rhythm: str) -> AnyResponse:
    rhythm = _by_hand(rhythm)
    try:
        with service().database.writing() as database:
            newsletter = _one(database, slug).newsletter
            digest = digests.upcoming(database, newsletter, rhythm)
            reopened = digest and digests.reopen(database, digest.id, Actor.of(editor), _now())
    except CannotBe as error:
        return _coming(slug, rhythm, problem=str(error), status=422)
    said = "It is a draft again." if reopened else "It was not approved."
    return noted(said, url_for("issues.coming", slug=slug, rhythm=rhythm))


@screen.get("/issues/<rhythm>/send")
def to_send(editor: Editor, slug: str, rhythm: str) -> Response:
    return _to_send(slug, _by_hand(rhythm))


@screen.post("/issues/<rhythm>/send")
def send(editor: Editor, slug: str, rhythm: str) -> AnyResponse:
    rhythm, now = _by_hand(rhythm), _now()
    seen, last = request.form.get("seen", ""), request.form.get("last", "")
    try:
        with service().database.writing() as database:
            newsletter = _one(database, slug).newsletter
            begun_since = digests.last_number(database, newsletter, rhythm)
            if re.fullmatch("[0-9]{1,9}", last) and int(last) < begun_since:  # pressed twice
                said = "It has begun to be sent already: nothing is sent twice."
                return noted(said, url_for("issues.sent", slug=slug, number=begun_since))
            digest = digests.prepare(database, newsletter, rhythm, now)
            begun = digests.begin(database, digest.id, Actor.of(editor), now, seen)
            number = begun.number
    except Overtaken:
        return _to_send(slug, rhythm, OVERTAKEN, 409)
    except CannotBe as error:
        return _coming(slug, rhythm, problem=str(error), status=422)
    return noted("It is being sent.", url_for("issues.sent", slug=slug, number=number))


@screen.get("/issues/<int:number>")
def sent(editor: Editor, slug: str, number: int) -> Response:
    return _sent(slug, number)


@screen.post("/issues/<int:number>/stop")
def stop(editor: Editor, slug: str, number: int) -> AnyResponse:
    said = "It is stopped. What was under way at that moment still arrives."
    return _step(slug, number, editor, digests.stop, said, "It is not being sent.")


@screen.post("/issues/<int:number>/resume")
def resume(editor: Editor, slug: str, number: int) -> AnyResponse:
    return _step(slug, number, editor, digests.resume, "It goes on.", "It is not stopped.")


@screen.post("/issues/<int:number>/end")
def end(editor: Editor, slug: str, number: int) -> AnyResponse:
    return _step(slug, number, editor, digests.end, "It is ended.", "It is not stopped.")


def _now() -> datetime:
    return datetime.now(UTC)


def _one(database: Session, slug: str) -> Listed:
    try:
        return newsletter_texts.one(database, slug)
    except NoSuchNewsletter:
        abort(404)


def _begun(database: Session, slug: str, number: int) -> Digest:
    try:
        return digests.by_number(database, slug, number)
    except NoSuchDigest:
        abort(404)


def _by_hand(rhythm: str) -> str:
    if rhythm not in upcoming.BY_HAND:
        abort(404)
    return rhythm


def _tag(lang: str) -> str:
    try:
        return newsletter_texts.language(lang)
    except BadWords:
        abort(404)


def _asked_lang(otherwise: str) -> str:
    try:
        return newsletter_texts.language(request.args.get("lang", "")[:35])
    except BadWords:
        return otherwise


def _numbers(name: str) -> list[int]:
    """The ids that a form sent under a name; what is none is passed over."""
    sent = request.form.getlist(name)
    return [int(one) for one in sent if re.fullmatch(r"[0-9]{1,9}", one)]


def _letter(database: Session, digest: Digest, lang: str) -> Mapping[str, str] | None:
    """The mail as it would be written for a reader of a language."""
    edition = issue_letters.preview(database, digest, lang, _now())
    if edition is None:
        return None
    with speaking(edition.spoken):
        values = issue_letters.values(
            service(), edition, issue_letters.UNSUBSCRIBE, issue_letters.PREFERENCES
        )
        return letters.rendered(service(), "issue", values)


def _done(
    slug: str,
    rhythm: str,
    act: Callable[[Session, uuid.UUID, str], str],
    *,
    ticks: Mapping[int, bool] | None = None,
) -> AnyResponse:
    """Does something to the next issue, as the editor saw it."""
    rhythm = _by_hand(rhythm)
    seen = request.form.get("seen", "")
    try:
        with service().database.writing() as database:
            newsletter = _one(database, slug).newsletter
            digest = digests.prepare(database, newsletter, rhythm, _now())
            said = act(database, digest.id, seen)
    except Overtaken:
        return _coming(slug, rhythm, problem=OVERTAKEN, ticks=ticks, status=409)
    except CannotBe as error:
        return _coming(slug, rhythm, problem=str(error), ticks=ticks, status=422)
    return noted(said, url_for("issues.coming", slug=slug, rhythm=rhythm))


def _step(
    slug: str,
    number: int,
    editor: Editor,
    step: Callable[[Session, uuid.UUID, Actor, datetime], bool],
    said: str,
    otherwise: str,
) -> AnyResponse:
    """Takes a step with an issue that has begun to be sent."""
    try:
        with service().database.writing() as database:
            digest = _begun(database, slug, number)
            is_done = step(database, digest.id, Actor.of(editor), _now())
    except CannotBe as error:
        return _sent(slug, number, str(error), 422)
    return noted(said if is_done else otherwise, url_for("issues.sent", slug=slug, number=number))


def _schedule(
    slug: str,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    with service().database.reading() as database:
        shown = _one(database, slug)
        plan = upcoming.schedule(database, shown.newsletter, _now())
    newsletter = shown.newsletter
    is_new = newsletter.rhythm == Rhythm.NEVER
    html = render_template(
        "console/newsletter_schedule.html",
        shown=shown,
        plan=plan,
        typed=typed
        or {
            "rhythm": newsletter.rhythm,
            "weekday": str(newsletter.weekday),
            "clock": newsletter.clock,
            "zone": session.get("zone", newsletter.zone) if is_new else newsletter.zone,
            "by_itself": "yes" if newsletter.by_itself else "",
            "only_urgent": "yes" if newsletter.only_urgent else "",
        },
        problems=problems or {},
        rhythms=RHYTHMS,
        weekdays=[(str(number), name) for number, name in enumerate(WEEKDAYS)],
        zones=[(zone, zone.replace("_", " ")) for zone in zones()],
        by_clocks=by_clocks,
    )
    return make_response(html, status)


def _coming(
    slug: str,
    rhythm: str,
    *,
    problem: str = "",
    ticks: Mapping[int, bool] | None = None,
    status: int = 200,
) -> Response:
    now = _now()
    with service().database.reading() as database:
        shown = _one(database, slug)
        html = render_template(
            "console/issue.html",
            shown=shown,
            one=upcoming.of(database, shown.newsletter, rhythm, now),
            langs=upcoming.tongues(database, shown.newsletter, rhythm, now),
            problem=problem,
            ticks=ticks or {},
            own_name=own_name,
            by_clocks=by_clocks,
        )
    return make_response(html, status)


def _words(
    slug: str,
    rhythm: str,
    lang: str,
    *,
    typed: Mapping[str, str] | None = None,
    seen: str | None = None,
    problems: Mapping[str, str] | None = None,
    is_overtaken: bool = False,
    status: int = 200,
) -> Response:
    """What stands above the statements in a language, beside the same in the newsletter's own."""
    now = _now()
    with service().database.reading() as database:
        shown = _one(database, slug)
        digest = digests.upcoming(database, shown.newsletter, rhythm)
        texts = digests.texts(database, digest) if digest else {}
        langs = upcoming.tongues(database, shown.newsletter, rhythm, now)
    saved = texts.get(lang)
    html = render_template(
        "console/issue_words.html",
        shown=shown,
        rhythm=rhythm,
        lang=lang,
        langs=langs,
        written=list(texts),
        saved=saved,
        original=texts.get(shown.newsletter.lang),
        typed=typed or (vars(saved) if saved else {}),
        seen=digests.text_fingerprint(saved) if seen is None else seen,
        problems=problems or {},
        is_overtaken=is_overtaken,
        is_approved=digest is not None and digest.state == DigestState.APPROVED,
        own_name=own_name,
    )
    return make_response(html, status)


def _to_send(slug: str, rhythm: str, problem: str = "", status: int = 200) -> Response:
    now = _now()
    with service().database.reading() as database:
        shown = _one(database, slug)
        one = upcoming.of(database, shown.newsletter, rhythm, now)
    html = render_template(
        "console/issue_send.html",
        shown=shown,
        one=one,
        problem=problem,
        own_name=own_name,
        by_clocks=by_clocks,
    )
    return make_response(html, status)


def _sent(slug: str, number: int, problem: str = "", status: int = 200) -> Response:
    now = _now()
    with service().database.reading() as database:
        shown = _one(database, slug)
        digest = _begun(database, slug, number)
        html = render_template(
            "console/issue_sent.html",
            shown=shown,
            digest=digest,
            how=digests.progress(database, digest, now),
            returned=upcoming.returned(database, digest),
            edition=editions.of(database, digest, shown.newsletter.lang),
            problem=problem,
        )
    return make_response(html, status)
