"""What subscribers choose, and how their addresses change."""

import json
import threading
import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from tests.test_newsletters import LIMITS, NOW, Desk
from widgets import address_changes, letters, newsletters, people, preferences, topics
from widgets.addresses import parse
from widgets.models import (
    AddressChange,
    Consent,
    ConsentText,
    Message,
    MessageState,
    Newsletter,
    NewsletterText,
    Rhythm,
    State,
    Statement,
    Subscriber,
    Subscription,
    Suppression,
    Translation,
)
from widgets.newsletters import Answer
from widgets.preferences import NothingKept, Page, Wishes
from widgets.service import Service

NOTHING = Wishes(frozenset(), {}, "en", frozenset(), frozenset(), "")


class Chooser(Desk):
    """Chooses too, and changes addresses."""

    def subscribed(self, address: str = "anna@example.org") -> uuid.UUID:
        """A new subscriber, and the id of who they are."""
        sign_up = self.sign_up(address)
        assert self.confirm(sign_up) is Answer.DONE
        return self.who(address)

    def who(self, address: str) -> uuid.UUID:
        key = self.service.hasher.address(parse(address))
        with self.service.database.reading() as session:
            found = session.scalar(select(Subscriber.id).where(Subscriber.key == key))
        assert found
        return found

    def page(self, who: uuid.UUID, *langs: str) -> Page:
        with self.service.database.reading() as session:
            return preferences.page(session, who, langs or ("en", "en"), self.now)

    def save(
        self, who: uuid.UUID, was: str = "weekly", newsletters: str = "weekly", **kw: object
    ) -> bool:
        wishes = Wishes(
            **{**vars(NOTHING), "newsletters": frozenset(newsletters.split()), **kw}  # type: ignore[arg-type]
        )
        with self.service.database.writing() as session:
            agreed = {
                slug: self.consent_text(slug)
                for slug in wishes.newsletters - frozenset(was.split())
            }
            return preferences.save(
                session,
                self.service.hasher,
                LIMITS,
                who,
                wishes,
                was_sent=frozenset(was.split()),
                agreed=agreed,
                now=self.now,
            )

    def consent_text(self, slug: str) -> int:
        with self.service.database.reading() as session:
            return newsletters.form(session, slug, "en").consent_text_id

    def subscription(self, who: uuid.UUID) -> Subscription:
        with self.service.database.reading() as session:
            return session.scalars(
                select(Subscription).where(Subscription.subscriber_id == who)
            ).one()

    def ask(self, who: uuid.UUID, address: str) -> AddressChange:
        """Asks for another address; what is kept of that."""
        with self.service.database.writing() as session:
            address_changes.ask(
                session,
                self.service.hasher,
                LIMITS,
                who,
                parse(address),
                lang="en",
                now=self.now,
            )
        self.now += timedelta(seconds=1)
        with self.service.database.reading() as session:
            newest = select(AddressChange).order_by(AddressChange.asked_at.desc())
            return session.scalars(newest).first()  # type: ignore[return-value]

    def change(self, change: AddressChange) -> Answer:
        with self.service.database.writing() as session:
            return address_changes.confirm(session, change.id, self.now)

    def waiting(self, kind: str) -> list[Message]:
        return [m for m in self.messages() if (m.kind, m.state) == (kind, MessageState.WAITING)]


@pytest.fixture
def desk(service: Service) -> Chooser:
    return Chooser(service)


def add_newsletter(service: Service, slug: str = "alerts") -> None:
    with service.database.writing() as session:
        made = Newsletter(slug=slug, lang="en", rhythm=Rhythm.EACH)
        session.add(made)
        session.flush()
        session.add(
            NewsletterText(
                newsletter_id=made.id, lang="en", title="Alerts", name="the alerts", description="D"
            )
        )
        session.add(ConsentText(newsletter_id=made.id, lang="en", text="I agree.", created_at=NOW))


def add_statement(
    service: Service,
    slug: str,
    about: list[str],
    countries: list[str] | None = None,
    lang: str = "en",
    **translated: list[str],
) -> None:
    with service.database.writing() as session:
        made = Statement(
            slug=slug,
            lang=lang,
            title=slug,
            published_on=date(2026, 3, 2),
            topics=about,
            countries=countries or [],
            body="Text.",
            updated_at=NOW,
        )
        session.add(made)
        session.flush()
        session.add_all(
            Translation(
                statement_id=made.id, lang=tag, title=slug, body="T", topics=names, updated_at=NOW
            )
            for tag, names in translated.items()
        )


def test_wishes_are_kept_and_shown_again(desk: Chooser) -> None:
    add_statement(desk.service, "one", ["Women"], ["KH", "NO"], fr=["Femmes"])
    who = desk.subscribed()
    desk.save(
        who,
        rhythms={"weekly": "monthly"},
        lang="fr",
        topics=frozenset({"Women"}),
        countries=frozenset({"KH"}),
        pause="month",
    )

    kept = desk.subscription(who)
    assert (kept.rhythm, kept.lang, kept.countries) == ("monthly", "fr", ["KH"])
    assert kept.paused_until == NOW + timedelta(days=30)
    page = desk.page(who, "fr", "en")
    assert [(one.name, one.is_chosen) for one in page.topics] == [("Femmes", True)]
    assert [(one.value, one.is_chosen) for one in page.countries] == [("KH", True), ("NO", False)]
    assert page.wishes.rhythms == {"weekly": "monthly"}
    assert page.address == "a…a@e…e.org"


def test_a_topic_is_kept_by_all_its_names(desk: Chooser) -> None:
    add_statement(desk.service, "one", ["Women", "Press"], fr=["Femmes", "Presse"])
    add_statement(desk.service, "two", ["Women", "Press"], fr=["Femmes", "Presse"])
    add_statement(desk.service, "mixed", ["Women", "Press"], fr=["Presse", "Femmes"])
    who = desk.subscribed()
    desk.save(who, topics=frozenset({"FEMMES"}))

    assert sorted(desk.subscription(who).topics) == ["Femmes", "Women"]


def test_a_topic_that_is_no_more_stays_until_it_is_given_up(desk: Chooser) -> None:
    who = desk.subscribed()
    with desk.service.database.writing() as session:
        session.get_one(Subscription, desk.subscription(who).id).topics = ["Gone", "Over"]
    assert [one.name for one in desk.page(who).topics] == ["Gone", "Over"]

    desk.save(who, topics=frozenset({"Gone"}))
    assert desk.subscription(who).topics == ["Gone"]


def test_what_was_never_offered_is_not_kept(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.save(
        who,
        newsletters="weekly nothing",
        was="weekly nothing",
        rhythms={"weekly": "hourly", "nothing": "each"},
        lang="klingon",
        topics=frozenset(f"topic {number}" for number in range(5000)),
        countries=frozenset({"QQ", "NO", "\0"}),
        pause="for ever",
    )

    kept = desk.subscription(who)
    assert (kept.rhythm, kept.lang, kept.topics, kept.countries) == (None, "en", [], [])
    assert kept.paused_until is None


def test_of_thousands_of_topics_the_most_usual_are_offered(desk: Chooser) -> None:
    add_statement(desk.service, "one", [f"Topic {number}" for number in range(5000)])
    add_statement(desk.service, "two", ["Topic 4999"])
    who = desk.subscribed()
    offered = [one.name for one in desk.page(who).topics]

    assert len(offered) == topics.MOST
    assert "Topic 4999" in offered


def test_a_pause_has_its_end_or_none_and_can_be_ended(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.save(who, pause="open")
    assert desk.page(who).paused_until == preferences.UNTIL_TOLD
    desk.save(who, pause="two-weeks")
    assert desk.page(who).paused_until == NOW + timedelta(days=14)
    desk.save(who, pause=preferences.GOES_ON)
    assert desk.page(who).wishes.pause == preferences.GOES_ON

    desk.save(who, pause="")
    assert desk.page(who).paused_until is None


def test_a_pause_that_is_over_is_none(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.save(who, pause="month")
    desk.now += timedelta(days=31)

    assert desk.page(who).paused_until is None


def test_a_newsletter_that_is_ticked_asks_for_a_confirmation_as_ever(desk: Chooser) -> None:
    add_newsletter(desk.service)
    who = desk.subscribed()
    asked = desk.save(who, newsletters="weekly alerts")

    assert asked
    assert len(desk.waiting("confirmation")) == 1
    stands = {one.slug: (one.is_sent, one.is_asked) for one in desk.page(who).newsletters}
    assert stands == {"weekly": (True, False), "alerts": (False, True)}
    assert len(desk.consents()) == 1


def test_a_newsletter_without_its_wording_is_not_asked_for(desk: Chooser) -> None:
    add_newsletter(desk.service)
    who = desk.subscribed()
    wishes = Wishes(**{**vars(NOTHING), "newsletters": frozenset({"weekly", "alerts"})})
    with desk.service.database.writing() as session:
        asked = preferences.save(
            session,
            desk.service.hasher,
            LIMITS,
            who,
            wishes,
            was_sent=frozenset({"weekly"}),
            agreed={},
            now=desk.now,
        )

    assert not asked
    assert desk.count(Subscription) == 1


def test_a_newsletter_that_is_unticked_is_left(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.save(who, newsletters="")

    assert desk.subscription(who).state == State.UNSUBSCRIBED
    assert desk.consents()[0].withdrawn_at == NOW


def test_a_page_that_stood_open_brings_nothing_back_and_takes_nothing_away(desk: Chooser) -> None:
    add_newsletter(desk.service)
    who = desk.subscribed()
    desk.save(who, newsletters="")  # in another tab
    desk.save(who, newsletters="weekly")  # here, where it was ticked from before
    assert desk.subscription(who).state == State.UNSUBSCRIBED

    desk.confirm(desk.sign_up())  # and this tab does not know of it
    desk.save(who, was="", newsletters="")
    assert desk.subscription(who).state == State.CONFIRMED


def test_two_tabs_that_save_at_once_both_save(desk: Chooser) -> None:
    who = desk.subscribed()
    tabs = [
        threading.Thread(target=desk.save, args=(who,), kwargs={"rhythms": {"weekly": rhythm}})
        for rhythm in ("each", "monthly")
    ]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(30)

    assert desk.subscription(who).rhythm in ("each", "monthly")


def test_leaving_everything_calls_back_what_waits_for_a_confirmation_too(desk: Chooser) -> None:
    add_newsletter(desk.service)
    who = desk.subscribed()
    desk.save(who, newsletters="weekly alerts")
    with desk.service.database.writing() as session:
        preferences.leave_all(session, who, desk.now)

    with desk.service.database.reading() as session:
        assert set(session.scalars(select(Subscription.state))) == {State.UNSUBSCRIBED}
    assert desk.to_be_sent() == 0


def test_who_comes_back_chooses_anew(desk: Chooser) -> None:
    add_statement(desk.service, "one", ["Women"])
    who = desk.subscribed()
    desk.save(who, topics=frozenset({"Women"}), rhythms={"weekly": "monthly"}, pause="open")
    desk.save(who, newsletters="")
    desk.confirm(desk.sign_up(lang="fr"))

    kept = desk.subscription(who)
    assert (kept.topics, kept.rhythm, kept.paused_until, kept.lang) == ([], None, None, "fr")


@pytest.mark.parametrize("how", ["unknown", "erased", "suppressed"])
def test_whoever_is_gone_for_whatever_reason_gets_the_same(desk: Chooser, how: str) -> None:
    who = uuid.uuid4()
    if how != "unknown":
        who = desk.subscribed()
    if how == "erased":
        with desk.service.database.writing() as session:
            preferences.erase(session, desk.service.hasher, who, False, desk.now)
    if how == "suppressed":
        with desk.service.database.writing() as session:
            key = session.get_one(Subscriber, who).key
            session.add(Suppression(key=key, reason="complained", created_at=desk.now))

    with pytest.raises(NothingKept):
        desk.page(who)
    with pytest.raises(NothingKept):
        desk.save(who)
    with pytest.raises(NothingKept):
        desk.ask(who, "new@example.org")


def mail_link(desk: Chooser, who: uuid.UUID, kind: str) -> None:
    with desk.service.database.writing() as session:
        preferences.mail_link(session, desk.service.hasher, LIMITS, who, kind, desk.now)


def test_links_are_mailed_a_few_times_a_day(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.now += timedelta(days=2)
    for kind in ("record", "preferences", "record", "record"):
        mail_link(desk, who, kind)
    assert len(desk.waiting("record")) + len(desk.waiting("preferences")) == 3

    desk.now += timedelta(days=1, minutes=1)
    mail_link(desk, who, "preferences")
    assert len(desk.waiting("preferences")) == 2


def test_erasing_keeps_nothing_and_lets_them_come_back(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.change(desk.ask(who, "new@example.org"))
    desk.ask(desk.who("new@example.org"), "third@example.org")
    with desk.service.database.writing() as session:
        new = desk.who("new@example.org")
        preferences.erase(session, desk.service.hasher, new, False, desk.now)

    for model in (Subscriber, Subscription, Consent, Message, AddressChange, Suppression):
        assert desk.count(model) == 0, model
    assert desk.confirm(desk.sign_up("new@example.org")) is Answer.DONE


def test_erasing_for_good_keeps_the_keyed_hash_alone(desk: Chooser) -> None:
    who = desk.subscribed()
    with desk.service.database.writing() as session:
        preferences.erase(session, desk.service.hasher, who, True, desk.now)
    desk.sign_up()

    assert desk.count(Suppression) == 1
    assert desk.to_be_sent() == 0


def test_a_new_address_is_asked_and_then_gets_what_the_old_one_got(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.save(who, rhythms={"weekly": "monthly"})
    change = desk.ask(who, "new@example.org")
    assert [m.address_change_id for m in desk.waiting("new-address")] == [change.id]
    assert desk.subscription(who).state == State.CONFIRMED  # nothing is changed yet

    assert desk.change(change) is Answer.DONE
    assert desk.change(change) is Answer.ALREADY

    new = desk.who("new@example.org")
    moved = desk.subscription(new)
    assert (moved.state, moved.rhythm) == (State.CONFIRMED, "monthly")
    assert [one.subscription_id for one in desk.consents()] == [moved.id]
    with desk.service.database.reading() as session:
        told = letters.compose(desk.service, session, desk.waiting("address-changed")[0].id)
    assert told is not None
    assert told["To"] == "anna@example.org"
    assert "new@example.org" not in told.as_string()


def test_the_old_address_is_forgotten_when_it_was_told(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.change(desk.ask(who, "new@example.org"))
    desk.now += timedelta(days=3)
    assert desk.forget() == 0
    desk.now += timedelta(days=5)

    assert desk.forget() == 1
    assert desk.count(AddressChange) == 0
    assert desk.subscription(desk.who("new@example.org")).state == State.CONFIRMED


def test_two_subscribers_become_one_with_the_evidence_of_both(desk: Chooser) -> None:
    who, other = desk.subscribed(), desk.subscribed("new@example.org")
    former = desk.subscription(who).id
    desk.save(who, rhythms={"weekly": "each"})
    desk.change(desk.ask(who, "new@example.org"))

    kept = desk.subscription(other)
    assert (kept.state, kept.rhythm) == (State.CONFIRMED, "each")
    assert [one.subscription_id for one in desk.consents()] == [kept.id] * 2
    with desk.service.database.writing() as session:
        # a link in an old mail to the address that is no more
        now_called = newsletters.current(session, former)
        assert newsletters.unsubscribe(session, now_called, desk.now) is Answer.DONE
    assert desk.subscription(other).state == State.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("theirs", "becomes"),
    [
        (State.PENDING, State.CONFIRMED),
        (State.BOUNCED, State.CONFIRMED),
        (State.UNSUBSCRIBED, State.UNSUBSCRIBED),
        (State.COMPLAINED, State.COMPLAINED),
    ],
)
def test_what_the_new_address_itself_left_stays_left(
    desk: Chooser, theirs: State, becomes: State
) -> None:
    who = desk.subscribed()
    desk.become(desk.sign_up("new@example.org"), theirs)
    desk.change(desk.ask(who, "new@example.org"))

    assert desk.subscription(desk.who("new@example.org")).state == becomes
    is_withdrawn = desk.consents()[0].withdrawn_at is not None
    assert is_withdrawn == (becomes != State.CONFIRMED)


def test_mail_to_the_old_address_can_confirm_nothing_for_the_new_one(desk: Chooser) -> None:
    first = desk.sign_up()
    who = desk.who("anna@example.org")
    desk.leave(first)
    desk.sign_up("new@example.org")
    old_links = [(desk.sign_up(), epoch) for epoch in range(3)]
    assert desk.change(desk.ask(who, "new@example.org")) is Answer.DONE

    answers = {desk.confirm(sign_up, epoch) for sign_up, epoch in old_links}
    new = desk.subscription(desk.who("new@example.org"))
    assert new.state == State.PENDING, answers


def test_asking_does_the_same_for_every_address(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.subscribed("taken@example.org")
    desk.suppress("never@example.org")
    for address in ("taken@example.org", "never@example.org", "typo@exmaple.org"):
        desk.ask(who, address)

    changes = [m for m in desk.messages() if m.kind == "new-address"]
    assert sorted(m.state for m in changes) == ["void", "waiting", "waiting"]
    with desk.service.database.reading() as session:
        assert "never@example.org" not in set(session.scalars(select(AddressChange.address)))


def test_a_suppressed_address_is_not_changed_to(desk: Chooser) -> None:
    who = desk.subscribed()
    change = desk.ask(who, "never@example.org")
    with desk.service.database.writing() as session:
        key = desk.service.hasher.address(parse("never@example.org"))
        session.add(Suppression(key=key, reason="complained", created_at=desk.now))

    assert desk.change(change) is Answer.OVER
    assert desk.subscription(who).state == State.CONFIRMED


def test_a_change_to_oneself_writes_the_address_in_the_new_way(desk: Chooser) -> None:
    who = desk.subscribed()
    assert desk.change(desk.ask(who, "Anna@example.org")) is Answer.DONE

    with desk.service.database.reading() as session:
        assert session.scalars(select(Subscriber.address)).all() == ["Anna@example.org"]
    assert desk.waiting("address-changed") == []


def test_nobody_has_many_strangers_written_to(desk: Chooser) -> None:
    who = desk.subscribed()
    for number in range(6):
        desk.ask(who, f"stranger{number}@large.example")

    assert len(desk.waiting("new-address")) == LIMITS.per_mailbox


def test_new_addresses_and_sign_ups_are_counted_together(desk: Chooser) -> None:
    who = desk.subscribed()
    for _ in range(LIMITS.per_mailbox):
        desk.sign_up("new@large.example")

    assert desk.ask(who, "new@large.example").send_at is None


def test_of_two_changes_the_one_that_is_confirmed_first_holds(desk: Chooser) -> None:
    who = desk.subscribed()
    one, other = desk.ask(who, "one@example.org"), desk.ask(who, "other@example.org")
    assert desk.change(other) is Answer.DONE

    assert desk.change(one) is Answer.LEFT
    assert len(desk.waiting("new-address")) == 1  # that of the one that was confirmed


def test_the_record_tells_everything_in_json(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.save(who, pause="month", rhythms={"weekly": "monthly"})
    mail_link(desk, who, "record")
    desk.ask(who, "new@example.org")
    with desk.service.database.reading() as session:
        key = session.get_one(Subscriber, who).key
        told = json.loads(people.as_json(people.find(session, desk.service.hasher, key)))

    (held,) = told["subscriptions"]
    assert held["wishes"] == {
        "lang": "en",
        "rhythm": "monthly",
        "topics": [],
        "countries": [],
        "paused_until": "2026-04-01 12:00:00+00:00",
    }
    assert held["consents"][0]["method"] == "link"
    assert held["consents"][0]["site"] == "lamp-keepers"
    assert [one["to"] for one in told["address_changes"]] == ["new@example.org"]
    assert {one["kind"] for one in told["mails"]} == {"record", "new-address"}


def test_what_a_stranger_typed_is_in_nobodys_record(desk: Chooser) -> None:
    who = desk.subscribed()
    desk.subscribed("victim@example.org")
    desk.ask(who, "victim@example.org")
    with desk.service.database.reading() as session:
        key = session.get_one(Subscriber, desk.who("victim@example.org")).key
        assert people.find(session, desk.service.hasher, key).address_changes == []
