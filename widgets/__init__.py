"""Undersigned: opens the rooms and wires them; nothing else."""

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter, IntegerConverter, Map

from widgets import letters
from widgets import settings as setting_values
from widgets.models.fact import content_version
from widgets.relays import Receiver
from widgets.service import make_ready, open_service
from widgets.settings import Settings
from widgets.sightings import Tally
from widgets.web import (
    api,
    back_issues,
    choose,
    console,
    counting,
    crawlers,
    embeds,
    endorse,
    errors,
    forms,
    hooks,
    mailbox,
    metadata,
    oembed,
    pages,
    rendering,
    security,
    sign_on,
    signup,
    snippets,
    syndication,
    unsaved,
)
from widgets.web.cache import PageCache
from widgets.wording import SLUG


class SlugConverter(BaseConverter):
    """What a slug can be; all else (NUL bytes too) is no route of ours and reaches no table."""

    regex = SLUG
    part_isolating = True


class DigestConverter(BaseConverter):
    regex = "[0-9a-f]{32}"


class NumberConverter(IntegerConverter):
    """The number of a row: what a database can hold."""

    def __init__(self, url_map: Map, **options: Any) -> None:
        super().__init__(url_map, **{"max": 2**31 - 1, **options})


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; without settings, those of the environment.

    Raises widgets.settings.UnsafeSettings, and what widgets.service.make_ready raises.
    """
    service = open_service(settings or setting_values.load())
    make_ready(service)
    settings = service.settings

    app = Flask("undersigned", template_folder=letters.template_folder(), static_folder=None)
    app.request_class = forms.ForgivingRequest
    app.extensions["undersigned"] = service
    app.extensions["relay"] = Receiver(settings, service.links)
    app.config["MAX_CONTENT_LENGTH"] = security.LARGEST_POST
    app.config["MAX_FORM_MEMORY_SIZE"] = security.LARGEST_POST
    app.url_map.converters["int"] = NumberConverter
    app.url_map.converters["slug"] = SlugConverter
    app.url_map.converters["digest"] = DigestConverter
    app.url_map.strict_slashes = False

    rendering.install(app)
    metadata.install(app)
    security.install(app, service)
    errors.install(app)
    for room in (
        api,
        back_issues,
        crawlers,
        embeds,
        endorse,
        hooks,
        oembed,
        pages,
        choose,
        sign_on,
        signup,
        snippets,
        syndication,
        unsaved,
    ):
        app.register_blueprint(room.blueprint)
    console.install(app, service)
    if settings.smtp_url is None:
        app.register_blueprint(mailbox.blueprint)

    def read_version() -> int:
        with service.database.reading() as session:
            return content_version(session)

    tally = Tally(service.database, settings.sightings_seconds)
    app.extensions["sightings"] = tally
    count = counting.counter(tally, settings.origin) if tally.counts else None
    cached = PageCache(app.wsgi_app, read_version, settings.content_check_seconds, count)
    app.wsgi_app = cached  # type: ignore[method-assign]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(cached, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    return app
