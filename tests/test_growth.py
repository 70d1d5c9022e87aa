"""The numbers of subscribers over time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.test_newsletters import Desk
from widgets import growth, newsletter_texts, newsletters
from widgets.growth import Growth, Month
from widgets.models import Consent
from widgets.service import Service

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def desk(service: Service) -> Desk:
    return Desk(service)


def grown(service: Service, days: int = 60) -> Growth:
    with service.database.reading() as session:
        return growth.growth(session, newsletter_texts.get(session, "weekly"), NOW, days)


def test_each_day_has_the_number_at_its_end(desk: Desk) -> None:
    desk.now = datetime(2025, 6, 1, tzinfo=UTC)
    long_ago = desk.sign_up("a@example.org")
    desk.confirm(long_ago)
    desk.now = datetime(2026, 2, 27, 23, 59, 59, tzinfo=UTC)
    later = desk.sign_up("b@example.org")
    desk.confirm(later)
    desk.sign_up("never@example.org")
    desk.now = datetime(2026, 3, 1, tzinfo=UTC)
    desk.leave(long_ago)

    found = grown(desk.service)

    assert found.days[-5:] == [
        (date(2026, 2, 26), 1),
        (date(2026, 2, 27), 2),
        (date(2026, 2, 28), 2),
        (date(2026, 3, 1), 1),
        (date(2026, 3, 2), 1),
    ]
    assert len(found.days) == 60
    assert found.months == [
        Month(date(2026, 3, 1), came=0, left=1, end=1),
        Month(date(2026, 2, 1), came=1, left=0, end=2),
    ]


def test_who_comes_back_counts_once(desk: Desk) -> None:
    sign_up = desk.sign_up()
    desk.confirm(sign_up)
    desk.leave(sign_up)
    desk.confirm(desk.sign_up())

    assert grown(desk.service).days[-1] == (NOW.date(), 1)


def test_who_was_imported_counts_from_that_day_on(desk: Desk) -> None:
    service = desk.service
    with service.database.writing() as session:
        newsletter = newsletter_texts.get(session, "weekly")
        long_ago = NOW - timedelta(days=900)
        evidence = Consent(
            lang="de", method="import", evidence="on paper", asked_at=long_ago, given_at=long_ago
        )
        newsletters.confirm_elsewhere(
            session, "0" * 64, "a@example.org", newsletter.id, evidence, NOW
        )

    assert [many for _, many in grown(service).days[-2:]] == [0, 1]
    with service.database.reading() as session:
        assert growth.by_language(session, newsletter) == [("de", 1)]
        assert growth.by_site(session, newsletter) == [("", 1)]


def test_languages_and_sites_are_those_of_the_latest_consent(desk: Desk) -> None:
    sign_up = desk.sign_up(site="lamp-keepers", lang="en")
    desk.confirm(sign_up)
    desk.leave(sign_up)
    desk.confirm(desk.sign_up(site="paper-and-ink", lang="fr"))
    desk.confirm(desk.sign_up("b@example.org", site="paper-and-ink", lang="en"))

    with desk.service.database.reading() as session:
        newsletter = newsletter_texts.get(session, "weekly")
        assert growth.by_language(session, newsletter) == [("en", 1), ("fr", 1)]
        assert growth.by_site(session, newsletter) == [("paper-and-ink", 2)]
