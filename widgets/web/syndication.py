"""The statements as feeds and as data, for feed readers and for whoever builds on them."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, Response, render_template
from sqlalchemy.orm import Session

from widgets import images, languages, signatories, statements
from widgets.signatories import Tally
from widgets.statements import NoSuchStatement, Notice, Shown, Withdrawn
from widgets.text import blocks, xml_only
from widgets.web import cache, service, statement_languages
from widgets.web.metadata import preview_size, statement_url, summary
from widgets.web.parameters import asked_look
from widgets.web.rendering import picture_url, with_lang

blueprint = Blueprint("syndication", __name__)

NOBODY = Tally()


@blueprint.get("/feed.atom")
def atom() -> Response:
    """RFC 4287. An entry's id is its statement's address, whatever the language: it never
    changes."""
    with service().database.reading() as session:
        wanted = statement_languages(asked_look().lang)
        listed = statements.newest(session, wanted, most=statements.MOST_IN_A_FEED)
        tallies = signatories.tallies(session)
        updated = statements.last_change(session)
    xml = render_template(
        "syndication/feed.xml",
        statements=listed,
        updated=updated or datetime.fromtimestamp(0, UTC),
        midnight=midnight,
        content={one.id: content(one, tallies.get(one.id, NOBODY)) for one in listed},
        enclosures={one.id: picture(one) for one in listed},
    )
    return _public(xml_only(xml), "application/atom+xml; charset=utf-8")


@blueprint.get("/feed.json")
def json_feed() -> Response:
    """JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""
    settings = service().settings
    with service().database.reading() as session:
        wanted = statement_languages(asked_look().lang)
        listed = statements.newest(session, wanted, most=statements.MOST_IN_A_FEED)
        tallies = signatories.tallies(session)
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": settings.network_name,
        "home_page_url": settings.url(with_lang("/")),
        "feed_url": settings.url(with_lang("/feed.json")),
        "language": languages.spoken(),
        "authors": [{"name": settings.network_name, "url": settings.url("/")}],
        "items": [_item(one, tallies.get(one.id, NOBODY)) for one in listed],
    }
    return _public(_json(feed), "application/feed+json; charset=utf-8")


@blueprint.get("/statements/<slug:slug>.json")
def statement(slug: str) -> Response:
    """One statement with all its names; described in docs/machines.md."""
    with service().database.reading() as session:
        return _public(_json(data(session, slug)), "application/json")


def data(session: Session, slug: str) -> dict[str, Any]:
    """A statement with all its names, in the language that the address asks for. Raises
    NoSuchStatement and Withdrawn."""
    shown = statements.standing(session, slug, statement_languages(asked_look().lang))
    names = signatories.listed(session, shown.id)
    tally = signatories.tally(session, shown.id)
    return {
        **named(shown),
        "languages": {tag: statement_url(shown, tag) for tag in shown.languages},
        "date": shown.published_on.isoformat(),
        "updated": shown.updated_at.isoformat(timespec="seconds"),
        "topics": shown.topics,
        "countries": shown.countries,
        "body": {"markdown": shown.body, "html": _html(shown)},
        "pull_quote": shown.pull_quote,
        "endorsement": shown.endorsement,
        "picture": _picture_as_data(shown),
        "count": len(names),
        "organisations": tally.organisations,
        "people": tally.people,
        "hidden": tally.hidden,
        "signatories": [asdict(name) for name in names],
        "correction": _notice_as_data(shown.correction),
        "withdrawn": None,
    }


@blueprint.errorhandler(Withdrawn)
def withdrawn(error: Withdrawn) -> Response:
    return _open(_json({**named(error.statement), **withdrawal(error.statement)}), 410)


def withdrawal(gone: Shown) -> dict[str, Any]:
    """When a statement was withdrawn, and why."""
    assert gone.withdrawn_on
    return {"withdrawn": gone.withdrawn_on.isoformat(), "reason": _notice_as_data(gone.withdrawal)}


@blueprint.errorhandler(NoSuchStatement)
def not_there(error: NoSuchStatement) -> Response:
    return _open(_json({"error": "There is no statement of this name."}), 404)


def midnight(day: date) -> datetime:
    """A day as a moment, which feeds ask for."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def content(statement: Shown, tally: Tally) -> str:
    """The whole statement as HTML that can stand anywhere: all its addresses are whole."""
    with languages.speaking(languages.known(statement.lang) or languages.spoken()):
        return render_template(
            "syndication/content.html",
            statement=statement,
            tally=tally,
            picture=picture(statement),
            url=statement_url(statement),
        )


def picture(statement: Shown) -> dict[str, Any] | None:
    """The picture of a statement, for an `img` or an enclosure: url, width and height in pixels,
    and length in bytes (None where the file can't be looked at)."""
    if statement.image is None:
        return None
    settings, image = service().settings, statement.image
    width, height = preview_size(image)
    path = images.file(settings.instance_path, image.digest, width, "jpg")
    return {
        "url": settings.url(picture_url(image, width, "jpg")),
        "width": width,
        "height": height,
        "length": path.stat().st_size if path.is_file() else None,
    }


def _item(statement: Shown, tally: Tally) -> dict[str, Any]:
    url = statement_url(statement)
    item: dict[str, Any] = {
        "id": service().settings.url(f"/statements/{statement.slug}"),
        "url": url,
        "title": statement.title,
        "language": statement.lang,
        "summary": summary(statement),
        "content_html": content(statement, tally),
        "date_published": midnight(statement.published_on).isoformat(),
        "date_modified": statement.updated_at.isoformat(timespec="seconds"),
        "tags": statement.topics,
    }
    if shown := picture(statement):
        item["image"] = shown["url"]
        enclosed = {"url": shown["url"], "mime_type": "image/jpeg"}
        if shown["length"] is not None:
            enclosed["size_in_bytes"] = shown["length"]
        item["attachments"] = [enclosed]
    return item


def named(statement: Shown) -> dict[str, str]:
    """What a statement is known by."""
    return {
        "slug": statement.slug,
        "url": statement_url(statement),
        "lang": statement.lang,
        "title": statement.title,
    }


def _html(statement: Shown) -> str:
    return "\n".join(block.html.strip() for block in blocks(statement.body))


def _picture_as_data(statement: Shown) -> dict[str, Any] | None:
    shown = picture(statement)
    if shown is None:
        return None
    del shown["length"]
    return {**shown, "alt": statement.image_alt, "credit": statement.image_credit}


def _notice_as_data(notice: Notice | None) -> dict[str, str] | None:
    if notice is None:
        return None
    return {"date": notice.on.isoformat(), "lang": notice.lang, "text": notice.text}


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False) + "\n"


def _public(body: str, content_type: str) -> Response:
    return cache.keep(_open(body, 200, content_type))


def _open(body: str, status: int, content_type: str = "application/json") -> Response:
    """For pages of any site to fetch: it is public, and nothing of the reader's goes with it."""
    response = Response(body, status, content_type=content_type)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
