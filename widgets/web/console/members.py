"""Members: their names, people and sites, by hand or in tables, and what each of them shows."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from babel import Locale
from flask import Response, abort, make_response, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from widgets import jobs, languages, member_edits, member_tables, members, sightings, tables
from widgets.audit import Actor
from widgets.member_edits import Overtaken
from widgets.member_tables import Does
from widgets.members import Alike, BadMember, Entry, NoSuchMember, Person, Problems, checked
from widgets.models import Editor, Member
from widgets.regions import REGIONS, region_of
from widgets.text import country_name, is_country, same_tag
from widgets.web import service
from widgets.web.console.asked import page_number, search
from widgets.web.console.charts import bars
from widgets.web.console.door import Screen, noted

screen = Screen("members", __name__, url_prefix="/admin/members")

LARGEST_TABLE = 2_000_000  # bytes
ROOM = 2  # empty rows for further contacts
SHOWN_PLANS = 500  # rows of a preview that are listed one by one


@screen.get("")
def index(editor: Editor) -> Response:
    q, left = search(), request.args.get("left") == "yes"
    where = request.args.get("where", "")[:3].upper()
    narrowed = {"region": where} if where in REGIONS else {"country": where}
    with service().database.reading() as session:
        page = members.found(session, search=q, left=left, number=page_number(), **narrowed)
        last = sightings.last_days(session, [one.slug for one in page.items])
        there, gone = members.numbers(session)
        countries = members.countries(session)
    html = render_template(
        "console/members.html",
        page=page,
        last=last,
        q=q,
        where=where,
        left=left,
        there=there,
        gone=gone,
        places=_places(countries),
        country=_country,
    )
    return make_response(html)


@screen.get("/add")
def add(editor: Editor) -> Response:
    return _form(Entry())


@screen.post("/add")
def create(editor: Editor) -> AnyResponse:
    typed, slug = _typed(), request.form.get("slug", "").strip()[: members.LONGEST_TEXT]
    now = datetime.now(UTC)
    try:
        entry = checked(typed, allow_test_domains=service().settings.is_local)
        with service().database.writing() as session:
            alike = members.alike(session, entry)
            if not alike or request.form.get("another") == "yes":
                added = members.add(session, entry, slug, Actor.of(editor), now)
                alike = []
    except Problems as error:
        return _form(typed, slug=slug, problems=error.problems)
    if alike:
        return _form(typed, slug=slug, alike=alike)
    return noted(f"{added.name} is a member now.", url_for("members.show", slug=added.slug))


@screen.get("/<slug:slug>")
def show(editor: Editor, slug: str) -> Response:
    today = datetime.now(UTC).date()
    with service().database.reading() as session:
        member = _member(session, slug)
        embedded = sightings.of_member(session, slug, today)
        hanging = members.hangs_on(session, slug)
    html = render_template(
        "console/member.html",
        member=member,
        embedded=embedded,
        hanging=hanging,
        bars=bars,
        country=_country,
        language_name=_language,
        widget_name=widget_name,
    )
    return make_response(html)


@screen.get("/<slug:slug>/edit")
def edit(editor: Editor, slug: str) -> Response:
    with service().database.reading() as session:
        member = _member(session, slug)
    entry = members.entry_of(member)
    return _form(entry, member=member, base=entry)


@screen.post("/<slug:slug>/edit")
def change(editor: Editor, slug: str) -> AnyResponse:
    typed, base = _typed(), member_edits.unpacked(request.form.get("base", ""))
    with service().database.reading() as session:
        member = _member(session, slug)
    try:
        entry = checked(typed, allow_test_domains=service().settings.is_local)
        with service().database.writing() as session:
            changed = member_edits.save(
                session, slug, entry, base, Actor.of(editor), datetime.now(UTC)
            )
    except NoSuchMember:
        abort(404)
    except Problems as error:
        return _form(typed, member=member, problems=error.problems, base=base)
    except Overtaken as overtaken:
        return _form(overtaken.merged, member=member, overtaken=overtaken, base=overtaken.theirs)
    said = f"{entry.name} is saved." if changed else "Nothing was to be changed."
    return noted(said, url_for("members.show", slug=slug))


@screen.post("/<slug:slug>/leave")
def leave(editor: Editor, slug: str) -> AnyResponse:
    with service().database.writing() as session:
        _member(session, slug)
        member = members.leave(session, slug, Actor.of(editor), datetime.now(UTC))
    said = f"{member.name} is no member any more. Its history stays, and it can come back."
    return noted(said, url_for("members.show", slug=slug))


@screen.post("/<slug:slug>/return")
def come_back(editor: Editor, slug: str) -> AnyResponse:
    with service().database.writing() as session:
        _member(session, slug)
        member = members.come_back(session, slug, Actor.of(editor), datetime.now(UTC))
    return noted(f"{member.name} is a member again.", url_for("members.show", slug=slug))


@screen.post("/<slug:slug>/delete")
def delete(editor: Editor, slug: str) -> AnyResponse:
    try:
        with service().database.writing() as session:
            name = members.forget(session, slug, Actor.of(editor), datetime.now(UTC))
    except NoSuchMember:
        abort(404)
    except BadMember as error:
        return noted(str(error), url_for("members.show", slug=slug))
    return noted(f"{name} is deleted.", url_for("members.index"))


@screen.get("/shown")
def shown(editor: Editor) -> Response:
    """What all members show, at a glance."""
    with service().database.reading() as session:
        rows = sightings.overview(session, datetime.now(UTC).date())
        slugs = [row.member_slug for row in rows]
        named = session.execute(select(Member.slug, Member.name).where(Member.slug.in_(slugs)))
        names = {row[0]: row[1] for row in named}
    html = render_template(
        "console/members_shown.html",
        rows=rows,
        names=names,
        bars=bars,
        counts=service().settings.sightings_seconds > 0,
    )
    return make_response(html)


@screen.get("/export")
def export(editor: Editor) -> Response:
    with service().database.reading() as session:
        table = member_tables.exported(members.everyone(session))
    # With a byte order mark, by which Excel knows UTF-8
    response = make_response(b"\xef\xbb\xbf" + table.encode())
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="members.csv"'
    return response


@screen.get("/import")
def choose_table(editor: Editor) -> Response:
    return _import_page()


@screen.post("/import")
def preview(editor: Editor) -> Response:
    """What a table would do. Nothing is kept of it: the page carries it along."""
    upload = request.files.get("file")
    data = upload.read() if upload else b""
    pasted = request.form.get("table", "")
    if request.form.get("again"):
        return _import_page(pasted)
    if not data:
        data = pasted.encode("utf-8", "replace")
    if not data.strip():
        return _import_page("", "Choose a file, or paste a table.")
    if len(data) > LARGEST_TABLE:
        return _import_page(
            pasted,
            f"This table has {len(data) / 1e6:.1f} MB; at most {LARGEST_TABLE / 1e6:.0f} MB can "
            "be read at once. Please part it.",
        )
    try:
        text = tables.decoded(data)
        table = member_tables.read(text.encode())
        with service().database.reading() as session:
            plan = member_tables.plan(
                session, table, {}, allow_test_domains=service().settings.is_local
            )
    except tables.BadRow as error:
        shown_again = pasted or data.decode("utf-8", "replace")
        return _import_page(shown_again, f"Line {error.line}: {error.reason}.")
    if not plan:
        return _import_page(pasted, "There are no members in this table.")
    counts = {does.value: sum(one.does is does for one in plan) for does in Does}
    asked = [one for one in plan if one.does is Does.ASK]
    other = [one for one in plan if one.does not in (Does.ASK, Does.NOTHING)]
    order = (Does.REFUSE, Does.CHANGE, Does.ADD)
    other.sort(key=lambda one: (order.index(one.does), one.line))
    html = render_template(
        "console/members_preview.html",
        counts=counts,
        asked=asked,
        other=other[:SHOWN_PLANS],
        more=max(0, len(other) - SHOWN_PLANS),
        table=text,
        unread=table.unread,
        rows=len(plan),
    )
    return make_response(html)


@screen.post("/import/start")
def bring_in(editor: Editor) -> AnyResponse:
    text = request.form.get("table", "")
    data = text.encode("utf-8", "replace")
    try:
        if len(data) > LARGEST_TABLE * 2:
            raise tables.BadRow(1, "too long")
        rows = len(member_tables.read(data).rows)
    except tables.BadRow as error:
        return _import_page(text, f"Line {error.line}: {error.reason}.")
    choices = {
        name.removeprefix("line-"): value[:100]
        for name, value in request.form.items()
        if name.startswith("line-") and name.removeprefix("line-").isdecimal()
    }
    with service().database.writing() as session:
        job_id = jobs.start(
            session,
            editor,
            "import members",
            datetime.now(UTC),
            params={"choices": choices},
            data=data,
            total=rows,
        )
    return noted("The import has begun.", url_for("jobs.progress", job_id=job_id))


def widget_name(widget: str) -> str:
    """What to call a widget (its path after /embed/) on the screen.

    >>> widget_name("statements/river-gate/signatories"), widget_name("newsletters/weekly")
    ('Names under “river-gate”', 'Newsletter “weekly”')
    """
    first, *rest = widget.split("/")
    if widget == "statements/latest":
        return "The latest statement"
    if first == "statements" and len(rest) > 1:
        kinds = {"signatories": "Names under"}
        return f"{kinds.get(rest[1], rest[1].replace('-', ' ').capitalize())} “{rest[0]}”"
    kinds = {"statements": "Statement", "posts": "Posts of", "newsletters": "Newsletter"}
    if first in kinds and rest:
        return f"{kinds[first]} “{rest[0]}”"
    return "More stories" if widget == "stories" else widget


def _member(session: Session, slug: str) -> Member:
    try:
        return members.get(session, slug)
    except NoSuchMember:
        abort(404)


def _typed() -> Entry:
    """The form as it was filled in. What is far too long is cut, and told by `checked`."""
    form = request.form

    def text(name: str) -> str:
        return form.get(name, "")[: members.LONGEST_TEXT]

    names = {name.removeprefix("name-"): text(name) for name in form if name.startswith("name-")}
    tag = form.get("other-tag", "").strip()[:40]
    if tag or form.get("other-name", "").strip():
        names[tag] = text("other-name")
    return Entry(
        name=text("name"),
        names=names,
        country=text("country"),
        website=text("website"),
        contacts=list(_typed_contacts(form)),
        sites=form.get("sites", "")[:20_000].split(),
    )


def _typed_contacts(form: Mapping[str, str]) -> Iterable[Person]:
    for place in range(members.MOST_CONTACTS + ROOM):
        where = f"contact-{place}"
        if f"{where}-address" not in form:
            return
        number = form.get(f"{where}-id", "")
        yield Person(
            form.get(f"{where}-name", "")[: members.LONGEST_TEXT],
            form.get(f"{where}-address", "")[: members.LONGEST_TEXT],
            form.get(f"{where}-lang", "")[:40] or None,
            int(number) if number.isdecimal() and len(number) < 12 else None,
        )


def _form(
    entry: Entry,
    *,
    member: Member | None = None,
    slug: str = "",
    problems: dict[str, str] | None = None,
    alike: list[Alike] | None = None,
    base: Entry | None = None,
    overtaken: Overtaken | None = None,
) -> Response:
    """The form of a member; with 422 where something has to be put right, 409 where somebody was
    quicker. base: what it was first filled with."""
    found = problems or {}
    tags = [tag for tag in languages.LANGUAGES if tag != languages.SOURCE]
    own = [tag for tag in entry.names if tag not in tags and f"name-{tag}" not in found]
    wrong = [tag for tag in entry.names if tag not in tags and f"name-{tag}" in found]
    people = [*entry.contacts]
    while people and people[-1] == Person():  # the room that was not used
        people.pop()
    room = max(0, min(ROOM, members.MOST_CONTACTS - len(people)))
    html = render_template(
        "console/member_form.html",
        member=member,
        entry=replace(entry, contacts=people + [Person()] * room),
        slug=slug,
        tags=[languages.SOURCE, *tags, *(tag for tag in own if tag != languages.SOURCE)],
        other=wrong[0] if wrong else "",
        problems=found,
        alike=alike or [],
        base=member_edits.packed(base) if base else "",
        overtaken=overtaken,
        countries=_all_countries(entry.country),
        tag_choices=_tag_choices(entry),
        language_name=_language,
    )
    return make_response(html, 409 if overtaken else 422 if problems or alike else 200)


def _import_page(table: str = "", problem: str = "") -> Response:
    html = render_template(
        "console/members_import.html",
        table=table,
        problem=problem,
        most=member_tables.MOST,
        tags=[tag for tag in languages.LANGUAGES if tag != languages.SOURCE],
    )
    return make_response(html, 422 if problem else 200)


def _country(code: str | None) -> str:
    """In English, as the console is."""
    return country_name(code, languages.SOURCE) if code else ""


def _language(tag: str) -> str:
    """In English, as the console is."""
    return str(Locale.parse("en").languages.get(tag.partition("-")[0].lower(), tag))


def _all_countries(chosen: str | None) -> list[tuple[str, str]]:
    codes = [code for code in map(str, Locale.parse("en").territories) if is_country(code)]
    listed = sorted(((code, _country(code)) for code in codes), key=lambda pair: pair[1])
    if chosen and chosen not in codes:
        listed.insert(0, (chosen, chosen))
    return [("", "–"), *listed]


def _tag_choices(entry: Entry) -> list[tuple[str, str]]:
    tags = list(languages.LANGUAGES)
    tags += [one.lang for one in entry.contacts if one.lang and one.lang not in tags]
    return [("", "the network’s"), *((tag, _language(same_tag(tag))) for tag in tags)]


def _places(countries: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """To choose from: the regions, and the countries in which there are members."""
    regions = {region_of(country) for country in countries}
    listed = sorted(((code, _country(code)) for code in countries), key=lambda pair: pair[1])
    return [
        ("Regions", [(code, name) for code, name in REGIONS.items() if code in regions]),
        ("Countries", listed),
    ]
