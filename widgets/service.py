"""What every way in (web, worker, command line) works with: settings, database, keys."""

from dataclasses import dataclass

from widgets import instance, signatories, versions
from widgets.addresses import Hasher
from widgets.links import Links
from widgets.models import Database, Fact
from widgets.models.database import insert
from widgets.models.fact import HASH_KEY, read_fact
from widgets.settings import Settings


class WrongHashKey(Exception):
    """This machine's HASH_KEY is not the one that the database's hashes were made with."""


@dataclass(frozen=True)
class Service:
    settings: Settings
    database: Database
    links: Links
    hasher: Hasher


def open_service(settings: Settings) -> Service:
    """Opens the database and reads or makes the keys; creates no tables."""
    instance.prepare(settings.instance_path)
    secret = settings.secret_key or instance.kept_key(settings.instance_path, "secret.key")
    hash_key = settings.hash_key or instance.kept_key(settings.instance_path, "hash.key")
    return Service(
        settings=settings,
        database=Database(settings.database_url),
        links=Links([secret, *settings.secret_key_fallbacks]),
        hasher=Hasher(hash_key),
    )


def make_ready(service: Service, *, upgrade: bool = False) -> None:
    """Creates the tables of an empty database, checks (or with `upgrade` brings up) those of
    another, and that the hash key is the database's own.

    Raises DatabaseIsBehind and WrongHashKey.
    """
    if upgrade or service.database.is_empty():
        service.database.upgrade()
        with service.database.writing() as session:
            signatories.bring_up_to_date(session)
            versions.bring_up_to_date(session)
    service.database.check()
    ours = service.hasher.fingerprint()
    with service.database.writing() as session:
        session.execute(
            insert(session, Fact).values(name=HASH_KEY, value=ours).on_conflict_do_nothing()
        )
        if read_fact(session, HASH_KEY) != ours:
            raise WrongHashKey(
                "UNDERSIGNED_HASH_KEY (or hash.key in the instance folder) is not the key this "
                "database was made with: suppressed addresses would be forgotten. "
                "Give this machine the same key as the first."
            )
