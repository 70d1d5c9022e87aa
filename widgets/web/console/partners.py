"""Other tools that hold a newsletter's subscribers too: added, tried, kept in step, stopped."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import jobs, newsletter_texts, partner_findings, partner_sync, partners
from widgets.audit import Actor
from widgets.models import Editor, Partner, Role
from widgets.newsletter_texts import Listed
from widgets.newsletters import NoSuchNewsletter
from widgets.partner_tools.tool import ToolFails
from widgets.partners import KINDS, BadPartner, NoSuchPartner, Typed
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("partners", __name__, url_prefix="/admin/newsletters/<slug:slug>/partners")


@screen.get("", role=Role.ADMINISTRATOR)
def index(editor: Editor, slug: str) -> Response:
    with service().database.reading() as session:
        shown = _newsletter(session, slug)
        listed = partners.listed(session, shown.newsletter.id)
    html = render_template(
        "console/partners.html", shown=shown, listed=listed, name=partners.name, asks=partners.asks
    )
    return make_response(html)


@screen.get("/add", role=Role.ADMINISTRATOR)
def new(editor: Editor, slug: str) -> Response:
    return _form(slug, Typed("listmonk", "", "", "", ""), {})


@screen.post("/add", role=Role.ADMINISTRATOR)
def add(editor: Editor, slug: str) -> AnyResponse:
    typed = _typed(request.form.get("kind", ""))
    now = datetime.now(UTC)
    try:
        with service().database.writing() as session:
            _newsletter(session, slug)
            added = partners.add(session, service().links, slug, typed, Actor.of(editor), now)
    except BadPartner as error:
        return _form(slug, typed, error.problems, 422)
    return noted(f"Saved. {_tried(added)}", _path(slug, added.id))


@screen.get("/<int:number>", role=Role.ADMINISTRATOR)
def partner(editor: Editor, slug: str, number: int) -> Response:
    return _page(slug, number)


@screen.post("/<int:number>", role=Role.ADMINISTRATOR)
def save(editor: Editor, slug: str, number: int) -> AnyResponse:
    now = datetime.now(UTC)
    with service().database.reading() as session:
        typed = _typed(_one(session, slug, number).kind)
    try:
        with service().database.writing() as session:
            one = _one(session, slug, number)
            partners.change(session, service().links, one, typed, Actor.of(editor), now)
    except BadPartner as error:
        return _page(slug, number, typed, error.problems, 422)
    return noted(f"Saved. {_tried(one)}", _path(slug, number))


@screen.post("/<int:number>/test", role=Role.ADMINISTRATOR)
def test(editor: Editor, slug: str, number: int) -> AnyResponse:
    with service().database.reading() as session:
        one = _one(session, slug, number)
    return noted(_tried(one), _path(slug, number))


@screen.post("/<int:number>/look", role=Role.ADMINISTRATOR)
def look(editor: Editor, slug: str, number: int) -> AnyResponse:
    """Compares, and changes nothing; a worker does it, since it can take its time."""
    with service().database.writing() as session:
        _one(session, slug, number)
        job = jobs.start(
            session,
            editor,
            partner_sync.KIND,
            datetime.now(UTC),
            params={"partner": number, "path": _path(slug, number)},
        )
    return redirect(url_for("jobs.progress", job_id=job), 303)


@screen.post("/<int:number>/start", role=Role.ADMINISTRATOR)
def start(editor: Editor, slug: str, number: int) -> AnyResponse:
    """Starts it, or has it run now."""
    with service().database.writing() as session:
        one = _one(session, slug, number)
        partners.start(session, one, Actor.of(editor), datetime.now(UTC))
    return noted("It begins in a moment.", _path(slug, number))


@screen.post("/<int:number>/stop", role=Role.ADMINISTRATOR)
def stop(editor: Editor, slug: str, number: int) -> AnyResponse:
    with service().database.writing() as session:
        one = _one(session, slug, number)
        partners.stop(session, one, Actor.of(editor), datetime.now(UTC))
    return noted("It is stopped. What was done stays done.", _path(slug, number))


@screen.post("/<int:number>/agree", role=Role.ADMINISTRATOR)
def agree(editor: Editor, slug: str, number: int) -> AnyResponse:
    ends = request.form.get("ends", "")
    with service().database.writing() as session:
        one = _one(session, slug, number)
        agreed = ends.isdecimal() and partners.agree(
            session, one, int(ends[:9]), Actor.of(editor), datetime.now(UTC)
        )
    said = "It goes on in a moment." if agreed else "It asks for something else now. Please look."
    return noted(said, _path(slug, number))


@screen.post("/<int:number>/remove", role=Role.ADMINISTRATOR)
def remove(editor: Editor, slug: str, number: int) -> AnyResponse:
    with service().database.writing() as session:
        one = _one(session, slug, number)
        partners.remove(session, one, Actor.of(editor), datetime.now(UTC))
    return noted(
        "The partner is removed, and its password forgotten. Nobody was unsubscribed.",
        url_for("partners.index", slug=slug),
    )


def _typed(kind: str) -> Typed:
    fields = {name: request.form.get(name, "") for name in ("url", "user", "list_name")}
    return Typed(
        kind=kind,
        password=request.form.get("password", ""),
        take_in=request.form.get("take_in") == "yes",
        **fields,
    )


def _tried(one: Partner) -> str:
    """Whether the tool lets us in, in a sentence."""
    try:
        return f"It answers. {partners.check(service().links, one)}"
    except ToolFails as error:
        return f"But it can’t be used yet. {error}"


def _newsletter(session: Session, slug: str) -> Listed:
    try:
        return newsletter_texts.one(session, slug)
    except NoSuchNewsletter:
        abort(404)


def _one(session: Session, slug: str, number: int) -> Partner:
    newsletter = _newsletter(session, slug).newsletter
    try:
        return partners.one(session, number, newsletter.id)
    except NoSuchPartner:
        abort(404)


def _path(slug: str, number: int) -> str:
    return url_for("partners.partner", slug=slug, number=number)


def _form(slug: str, typed: Typed, problems: dict[str, str], status: int = 200) -> Response:
    with service().database.reading() as session:
        shown = _newsletter(session, slug)
    html = render_template(
        "console/partner_new.html", shown=shown, typed=typed, problems=problems, kinds=KINDS
    )
    return make_response(html, status)


def _page(
    slug: str,
    number: int,
    typed: Typed | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    with service().database.reading() as session:
        shown = _newsletter(session, slug)
        one = _one(session, slug, number)
        compared = partners.compared(session, one)
    looked: dict[str, Any] | None = one.state.get("looked")
    html = render_template(
        "console/partner.html",
        shown=shown,
        one=one,
        name=partners.name(one),
        kinds=KINDS,
        compared=compared,
        asked=partners.asks(one),
        looked=partner_findings.found(looked) if looked else None,
        looked_at=datetime.fromisoformat(looked["at"]) if looked else None,
        sentence=partner_findings.sentence,
        told=partner_findings.told,
        typed=typed
        or Typed(one.kind, one.url, one.user, "", one.list_name, partners.takes_in(one)),
        problems=problems or {},
        is_running=one.leased_until is not None and one.leased_until > datetime.now(UTC),
    )
    return make_response(html, status)
