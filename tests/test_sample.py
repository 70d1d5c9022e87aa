"""The invented network that can be tried."""

from datetime import UTC, datetime

from sqlalchemy import select

from widgets import dispatch, sample, upcoming
from widgets.models import Newsletter
from widgets.service import Service

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_the_sample_has_an_issue_that_waits_for_an_editor(service: Service) -> None:
    assert sample.load(service, NOW)

    with service.database.reading() as session:
        weekly = session.scalars(select(Newsletter)).one()
        (issue,) = upcoming.coming(session, weekly, NOW)
    assert (len(issue.inside), issue.written) == (3, ["en", "fr"])
    assert issue.digest.due_at == datetime(2026, 11, 26, 8, tzinfo=UTC)
    assert dispatch.begin_due(service.database, datetime(2026, 11, 26, 9, tzinfo=UTC)) == 0


def test_the_sample_is_loaded_once(service: Service) -> None:
    sample.load(service, NOW)
    assert sample.load(service, NOW)

    with service.database.reading() as session:
        assert len(session.scalars(select(Newsletter)).all()) == 1
