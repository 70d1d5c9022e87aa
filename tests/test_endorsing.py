"""Members are asked, answer by signed links, and stand under the statement."""

import re
import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import delete, select, update

from widgets import (
    editors,
    endorsing,
    inviting,
    letters,
    members,
    names_by_hand,
    signatories,
    work,
)
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.endorsing import Closed, NoSuchInvitation, Said
from widgets.inviting import CannotInvite
from widgets.models import (
    AuditEntry,
    Consented,
    Contact,
    Editor,
    Invitation,
    Job,
    Member,
    Message,
    MessageState,
    Reply,
    Role,
    Signatory,
    Standing,
    Statement,
    Suppression,
    Translation,
)
from widgets.models.fact import content_version
from widgets.service import Service
from widgets.signatories import Name

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Network:
    """A statement, members, and an editor who asks them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        with service.database.writing() as session:
            self.editor = editors.add(
                session, parse("anna@example.org"), "Anna", Role.EDITOR, COMMAND_LINE, NOW
            )
            statement = Statement(
                slug="river-gate",
                lang="en",
                title="Reopen the reading room",
                published_on=date(2026, 3, 2),
                topics=[],
                countries=[],
                body="The first paragraph.\n\nThe second.",
                standing=Standing.DRAFT,
                updated_at=NOW,
            )
            session.add(statement)
            session.flush()
            self.statement = statement.id

    def member(self, name: str, *contacts: str, lang: str | None = None, **fields: object) -> str:
        """A member, with contacts called so; its slug."""
        slug = name.lower().replace(" ", "-")
        with self.service.database.writing() as session:
            session.add(Member(slug=slug, name=name, **fields))
            session.flush()
            for contact in contacts:
                address = f"{contact.lower()}@{slug}.org"
                session.add(Contact(member_slug=slug, name=contact, address=address, lang=lang))
        return slug

    def change(self, **fields: object) -> None:
        with self.service.database.writing() as session:
            statement = session.get_one(Statement, self.statement)
            for name, value in fields.items():
                setattr(statement, name, value)

    def invite(
        self,
        slugs: Sequence[str] | None = None,
        until: datetime | None = None,
        words: str = "",
        now: datetime | None = None,
    ) -> uuid.UUID:
        with self.service.database.writing() as session:
            slugs = list(session.scalars(select(Member.slug))) if slugs is None else slugs
            now = now or datetime.now(UTC)
            planned = inviting.plan(
                session, self.statement, slugs, until=until, words=words, now=now
            )
            editor = session.get_one(Editor, self.editor.id)
            return inviting.invite(session, editor, self.statement, planned, now)

    def remind(self, now: datetime, words: str = "") -> uuid.UUID:
        with self.service.database.writing() as session:
            editor = session.get_one(Editor, self.editor.id)
            return inviting.remind(session, editor, self.statement, words, now)

    def work_off(self) -> None:
        while work.do_one(self.service, "the tests:1"):
            pass

    def asked_long_ago(self) -> None:
        """As if the mails had gone out two days earlier."""
        with self.service.database.writing() as session:
            for one in session.scalars(select(Invitation)):
                one.asked_at -= timedelta(days=2)
                if one.reminded_at:
                    one.reminded_at -= timedelta(days=2)

    def sent(self) -> None:
        """All mail that waited is with its readers."""
        with self.service.database.writing() as session:
            session.execute(update(Message).values(state=MessageState.SENT))

    def of(self, contact: str) -> uuid.UUID:
        """The invitation of a contact."""
        with self.service.database.reading() as session:
            return session.scalars(
                select(Invitation.id).join(Contact).where(Contact.name == contact)
            ).one()

    def say(self, contact: str, said: Said, now: datetime = NOW) -> None:
        with self.service.database.writing() as session:
            endorsing.answer(session, self.of(contact), said, now)

    def sees(self, contact: str, lang: str = "en", now: datetime = NOW) -> endorsing.Asked:
        with self.service.database.reading() as session:
            return endorsing.asked(session, self.of(contact), lang, now)

    def names(self) -> list[str]:
        with self.service.database.reading() as session:
            return [one.name for one in signatories.listed(session, self.statement)]

    def row(self, name: str) -> Signatory:
        with self.service.database.reading() as session:
            return session.scalars(select(Signatory).where(Signatory.name == name)).one()

    def mails(self, kind: str = "invitation") -> dict[str, EmailMessage]:
        """What would be sent, by address."""
        found = {}
        with self.service.database.reading() as session:
            for row in session.scalars(select(Message).where(Message.kind == kind)):
                mail = letters.compose(self.service, session, row.id)
                if mail is not None:
                    assert letters.addressee(mail) not in found
                    found[letters.addressee(mail)] = mail
        return found

    def outcome(self, job: uuid.UUID) -> Job:
        with self.service.database.reading() as session:
            return session.get_one(Job, job)

    def version(self) -> int:
        with self.service.database.reading() as session:
            return content_version(session)

    def overview(self) -> dict[str, endorsing.MemberAsked]:
        with self.service.database.reading() as session:
            found = endorsing.members_asked(session, self.statement)
        return {one.member.slug: one for one in found}


@pytest.fixture
def network(service: Service) -> Network:
    return Network(service)


def plain(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


# asking


def test_each_contact_is_asked_once_and_a_draft_gathers_endorsements(network: Network) -> None:
    network.member("Lamp Keepers", "Maria", "Omar")
    network.member("Ink Press", "Lena")
    job = network.invite()
    network.work_off()

    assert sorted(network.mails()) == [
        "lena@ink-press.org", "maria@lamp-keepers.org", "omar@lamp-keepers.org",
    ]  # fmt: skip
    assert network.outcome(job).outcome["text"] == (
        "3 people of 2 members asked. The mails are on their way."
    )
    with network.service.database.reading() as session:
        assert session.get_one(Statement, network.statement).standing == Standing.GATHERING
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.details["contacts"]) == ("asked members to endorse", 3)


def test_whoever_is_asked_twice_is_not_mailed_twice(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    network.invite()
    network.invite()
    network.work_off()

    with pytest.raises(CannotInvite, match="has been asked already"):
        network.invite()
    assert len(network.mails()) == 1


def test_a_published_statement_stays_published(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    network.change(standing=Standing.PUBLISHED)
    network.invite()

    with network.service.database.reading() as session:
        assert session.get_one(Statement, network.statement).standing == Standing.PUBLISHED


def test_members_without_a_contact_are_named(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    network.member("Silent Society")
    job = network.invite()
    network.work_off()

    assert network.outcome(job).outcome["lines"] == [
        "Silent Society has no contact, so nobody there was asked."
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"standing": Standing.WITHDRAWN}, "This statement is withdrawn"),
        ({"body": " "}, "a headline and a text first"),
        ({"title": ""}, "a headline and a text first"),
    ],
)
def test_what_cannot_be_endorsed_is_not_asked_about(
    network: Network, fields: dict[str, object], says: str
) -> None:
    network.member("Lamp Keepers", "Maria")
    network.change(**fields)

    with pytest.raises(CannotInvite, match=says):
        network.invite()


def test_a_deadline_that_has_passed_and_words_without_end_are_refused(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")

    with pytest.raises(CannotInvite, match="has passed") as late:
        network.invite(until=NOW, now=NOW)
    with pytest.raises(CannotInvite, match=r"1,001 characters") as long:
        network.invite(words="x" * 1001)
    assert (late.value.field, long.value.field) == ("day", "words")


def test_a_killed_worker_is_followed_by_one_that_mails_nobody_twice(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        network.member(f"Member {number}", f"Contact{number}")
    network.invite()
    steps = iter(range(10))
    real = inviting.Task.advance

    def dies(*args: object) -> None:
        if next(steps) == 1:
            raise KeyboardInterrupt
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(inviting.Task, "advance", dies)
    with pytest.raises(KeyboardInterrupt):
        network.work_off()
    assert len(network.mails()) == 20
    later = datetime.now(UTC) + timedelta(hours=1)
    while work.do_one(network.service, "the tests:2", clock=lambda: later):
        pass

    assert len(network.mails()) == 50


def test_nobody_else_is_asked_once_the_statement_is_withdrawn(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    job = network.invite()
    network.change(standing=Standing.WITHDRAWN)
    network.work_off()

    assert network.mails() == {}
    assert "was taken back" in str(network.outcome(job).error)


def test_a_suppressed_address_gets_no_mail_and_the_editor_is_told(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    with network.service.database.writing() as session:
        key = network.service.hasher.address(parse("maria@lamp-keepers.org"))
        session.add(Suppression(key=key, reason="asked", created_at=NOW))
    job = network.invite()
    network.work_off()

    assert network.mails() == {}
    assert network.outcome(job).outcome["lines"] == [
        "Maria (Lamp Keepers) never wants mail from us, so none is sent."
    ]


# the mail


def test_the_mail_speaks_the_contacts_language_with_the_nearest_headline(network: Network) -> None:
    network.member("Lamp Keepers", "Maria", lang="fr-CA")
    network.member("Ink Press", "Lena", lang="de")
    with network.service.database.writing() as session:
        session.add(
            Translation(statement_id=network.statement, lang="fr", title="Rouvrez la salle",
                        body="Texte.", topics=[], updated_at=NOW)
        )  # fmt: skip
    network.invite(words="We publish <b>on Friday</b>.")
    network.work_off()
    maria, lena = (network.mails()[one] for one in ("maria@lamp-keepers.org", "lena@ink-press.org"))

    assert maria["Content-Language"] == "fr"
    assert "\n    Rouvrez la salle\n" in plain(maria)
    assert lena["Content-Language"] == "en"
    assert lena["Subject"] == (
        "Network of Tests asks you: does Ink Press endorse “Reopen the reading room”?"
    )
    assert "We publish <b>on Friday</b>." in plain(lena)
    assert "We publish &lt;b&gt;on Friday&lt;/b&gt;." in html(lena)
    assert "<img" not in html(lena)


def test_the_link_stands_in_both_parts_and_leads_to_the_invitation(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    network.invite(until=datetime(2099, 12, 24, 17, tzinfo=UTC))
    network.work_off()
    (mail,) = network.mails().values()
    (link,) = re.findall(r"\nhttp://127\.0\.0\.1:8000(/endorse/\S+)\n", plain(mail))

    assert network.service.links.read_endorse(link.split("/")[2]) == network.of("Maria")
    assert f'href="http://127.0.0.1:8000{link}"' in html(mail)
    assert "24 December 2099, 17:00 UTC" in plain(mail)


def test_a_mail_that_waited_too_long_is_not_sent(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    network.invite()
    network.work_off()
    network.change(endorse_until=datetime.now(UTC))

    assert network.mails() == {}


# reminding


def test_only_those_are_reminded_of_whose_member_nobody_answered(network: Network) -> None:
    network.member("Lamp Keepers", "Maria", "Omar")
    network.member("Ink Press", "Lena")
    network.member("Old Friends", "Ida")
    network.invite()
    network.work_off()
    network.asked_long_ago()
    network.say("Maria", Said.DECLINE)
    with network.service.database.writing() as session:
        names_by_hand.add(
            session, network.editor, network.statement, Name("Old Friends"), "by mail", NOW
        )
    network.remind(datetime.now(UTC), words="Only a week is left.")
    network.work_off()

    (reminder,) = network.mails("reminder").values()
    assert letters.addressee(reminder) == "lena@ink-press.org"
    assert "Only a week is left." in plain(reminder)
    assert reminder["Subject"].startswith("A reminder: does Ink Press endorse")


def test_nobody_is_reminded_twice_a_day(network: Network) -> None:
    network.member("Lamp Keepers", "Maria")
    network.invite()
    network.work_off()

    with pytest.raises(CannotInvite, match="nobody to remind"):
        network.remind(datetime.now(UTC))
    network.asked_long_ago()
    network.remind(datetime.now(UTC))
    network.remind(datetime.now(UTC))
    network.work_off()
    with pytest.raises(CannotInvite, match="nobody to remind"):
        network.remind(datetime.now(UTC))
    assert len(network.mails("reminder")) == 1


def test_a_reminder_is_void_when_a_colleague_answers_before_it_goes(network: Network) -> None:
    network.member("Lamp Keepers", "Maria", "Omar")
    network.invite()
    network.work_off()
    network.asked_long_ago()
    network.remind(datetime.now(UTC))
    network.work_off()
    assert len(network.mails("reminder")) == 2
    network.say("Omar", Said.ENDORSE)

    assert network.mails("reminder") == {}


# answering


def asked(network: Network, *contacts: str, **fields: object) -> None:
    """One member with these contacts, all of them asked."""
    network.member("Lamp Keepers", *contacts, **fields)  # type: ignore[arg-type]
    network.invite()
    network.work_off()


def test_endorsing_puts_the_name_there_at_once_and_withdrawing_takes_it_away(
    network: Network,
) -> None:
    asked(network, "Maria", country="NO", website="https://lamp.example")
    network.change(standing=Standing.PUBLISHED)
    before = network.version()
    network.say("Maria", Said.ENDORSE)
    row = network.row("Lamp Keepers")

    assert (row.country, row.url) == ("NO", "https://lamp.example")
    assert (row.consented, row.member_slug) == (Consented.LINK, "lamp-keepers")
    assert row.note == "2 Mar 2026, 12:00 UTC, Maria"
    assert network.version() == before + 1
    network.say("Maria", Said.WITHDRAW)
    assert network.names() == []
    assert network.version() == before + 2


def test_what_is_not_public_yet_makes_no_page_stale(network: Network) -> None:
    asked(network, "Maria")
    before = network.version()
    network.say("Maria", Said.ENDORSE)

    assert network.names() == ["Lamp Keepers"]
    assert network.version() == before


def test_endorsing_twice_is_endorsing_once(network: Network) -> None:
    asked(network, "Maria")
    network.say("Maria", Said.ENDORSE)
    network.say("Maria", Said.ENDORSE, NOW + timedelta(hours=1))

    assert network.names() == ["Lamp Keepers"]
    assert network.sees("Maria").answers[0].at == NOW


def test_a_mind_can_be_changed_until_the_deadline(network: Network) -> None:
    asked(network, "Maria")
    network.say("Maria", Said.DECLINE)
    assert network.overview()["lamp-keepers"].state == Reply.DECLINED
    network.say("Maria", Said.ENDORSE)
    network.say("Maria", Said.WITHDRAW)
    network.say("Maria", Said.ENDORSE)

    assert network.names() == ["Lamp Keepers"]


def test_after_the_deadline_what_stands_stays_and_can_still_be_taken_away(
    network: Network,
) -> None:
    network.member("Ink Press", "Lena")
    asked(network, "Maria")
    network.change(endorse_until=NOW + timedelta(hours=1))
    late = NOW + timedelta(hours=1)
    network.say("Maria", Said.ENDORSE)
    network.say("Lena", Said.ENDORSE, late)

    assert network.names() == ["Lamp Keepers"]
    assert network.sees("Lena", now=late).closed == Closed.LATE
    assert network.sees("Lena", now=late).mine is None
    network.say("Maria", Said.DECLINE, late)  # from a page that was open when it ended
    assert network.names() == ["Lamp Keepers"]
    network.say("Maria", Said.WITHDRAW, late)
    assert network.names() == []


def test_the_latest_of_two_contacts_counts_and_the_editor_sees_that_they_differ(
    network: Network,
) -> None:
    asked(network, "Maria", "Omar")
    network.say("Maria", Said.ENDORSE)
    network.say("Omar", Said.DECLINE, NOW + timedelta(minutes=5))
    member = network.overview()["lamp-keepers"]

    assert network.names() == []
    assert member.disagrees
    assert member.state == Reply.WITHDRAWN
    assert [(one.name, one.reply, one.is_mine) for one in network.sees("Maria").answers] == [
        ("Omar", "withdrawn", False),
        ("Maria", "endorsed", True),
    ]
    network.say("Maria", Said.ENDORSE, NOW + timedelta(minutes=9))
    assert network.names() == ["Lamp Keepers"]


def test_a_name_that_stands_there_already_is_not_doubled(network: Network) -> None:
    asked(network, "Maria", country="NO", names={"fr": "Gardiens de lampes"})
    with network.service.database.writing() as session:
        signatories.replace(session, network.statement, [Name("GARDIENS de lampes", None)])
    assert network.sees("Maria").name.name == "GARDIENS de lampes"
    network.say("Maria", Said.ENDORSE)

    assert network.names() == ["GARDIENS de lampes"]
    assert network.row("GARDIENS de lampes").member_slug == "lamp-keepers"
    network.say("Maria", Said.WITHDRAW)
    assert network.names() == []


def test_the_name_is_that_of_the_statements_own_language(network: Network) -> None:
    asked(network, "Maria", names={"en": "Circle of Lamp Keepers", "fr": "Gardiens"}, lang="fr")
    expected = network.sees("Maria", "fr").name.name
    network.say("Maria", Said.ENDORSE)

    assert expected == "Circle of Lamp Keepers"
    assert network.names() == ["Circle of Lamp Keepers"]


def test_two_members_of_one_name_do_not_get_in_each_others_way(network: Network) -> None:
    asked(network, "Maria")
    network.member("Lamp  Keepers", "Omar")
    network.invite()
    network.work_off()
    network.say("Maria", Said.ENDORSE)
    network.say("Omar", Said.ENDORSE)
    network.say("Omar", Said.WITHDRAW)

    assert network.names() == ["Lamp Keepers"]


def test_a_withdrawn_statement_can_not_be_endorsed(network: Network) -> None:
    asked(network, "Maria")
    network.change(standing=Standing.WITHDRAWN)
    network.say("Maria", Said.ENDORSE)

    assert network.names() == []
    assert network.sees("Maria").closed == Closed.WITHDRAWN


def test_a_member_that_left_can_only_take_its_name_away(network: Network) -> None:
    network.member("Ink Press", "Lena")
    asked(network, "Maria")
    network.say("Maria", Said.ENDORSE)
    with network.service.database.writing() as session:
        for one in session.scalars(select(Member)):
            one.left_at = NOW
    network.say("Lena", Said.ENDORSE)

    assert network.sees("Lena").closed == Closed.LEFT
    assert network.names() == ["Lamp Keepers"]
    network.say("Maria", Said.WITHDRAW)
    assert network.names() == []


def test_a_contact_who_was_removed_has_no_say_and_what_stood_stays(network: Network) -> None:
    asked(network, "Maria")
    invitation = network.of("Maria")
    network.say("Maria", Said.ENDORSE)
    with network.service.database.writing() as session:
        session.execute(delete(Contact))

    with (
        pytest.raises(NoSuchInvitation),
        network.service.database.writing() as session,
    ):
        endorsing.answer(session, invitation, Said.WITHDRAW, NOW)
    assert network.names() == ["Lamp Keepers"]
    assert network.row("Lamp Keepers").note == "2 Mar 2026, 12:00 UTC, Maria"


def test_the_address_of_a_contact_without_a_name_goes_nowhere_else(network: Network) -> None:
    """Not into a name's note, the audit or what a job tells: it has to go when it is erased."""
    asked(network, "Maria")
    key = network.service.hasher.address(parse("maria@lamp-keepers.org"))
    with network.service.database.writing() as session:
        session.execute(update(Contact).values(name=""))
        invitation = session.scalars(select(Invitation.id)).one()
        endorsing.answer(session, invitation, Said.ENDORSE, NOW)
        session.add(Suppression(key=key, reason="asked", created_at=NOW))
    row = network.row("Lamp Keepers")
    with network.service.database.writing() as session:
        names_by_hand.remove(session, network.editor, network.statement, row.id, NOW)
        session.execute(delete(Invitation))
    job = network.invite()
    network.work_off()

    assert row.note
    assert "a contact" in row.note
    assert network.outcome(job).outcome["lines"] == [
        "A contact (Lamp Keepers) never wants mail from us, so none is sent."
    ]
    with network.service.database.reading() as session:
        told = [(one.actor, one.title, one.details) for one in session.scalars(select(AuditEntry))]
    assert "@lamp-keepers.org" not in str(told)


def test_two_contacts_who_press_at_the_same_moment_make_one_name(network: Network) -> None:
    asked(network, *(f"Contact{number}" for number in range(6)))
    together(network, [f"Contact{number}" for number in range(6)])

    assert network.names() == ["Lamp Keepers"]


def test_many_members_who_press_at_the_same_moment_all_stand_there(network: Network) -> None:
    for number in range(8):
        network.member(f"Member {number}", f"Contact{number}")
    network.invite()
    network.work_off()
    together(network, [f"Contact{number}" for number in range(8)])

    assert sorted(network.names()) == [f"Member {number}" for number in range(8)]


def together(network: Network, contacts: Sequence[str]) -> None:
    """All of them endorse, each in a thread of their own."""
    invitations = [network.of(contact) for contact in contacts]
    barrier = threading.Barrier(len(contacts))
    faults: list[Exception] = []

    def press(invitation: uuid.UUID) -> None:
        barrier.wait()
        try:
            with network.service.database.writing() as session:
                endorsing.answer(session, invitation, Said.ENDORSE, NOW)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=press, args=(one,)) for one in invitations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


# another address for a contact


def move(network: Network, contact: str, address: str, slug: str = "lamp-keepers") -> None:
    """An editor puts another address in the place of a contact's."""
    with network.service.database.writing() as session:
        entry = members.entry_of(members.get(session, slug))
        people = [
            replace(one, address=address) if one.name == contact else one for one in entry.contacts
        ]
        members.change(session, slug, replace(entry, contacts=people), COMMAND_LINE, NOW)


def test_what_was_mailed_to_an_address_that_is_changed_opens_nothing_any_more(
    network: Network,
) -> None:
    asked(network, "Maria", "Omar")
    network.sent()
    old, others = network.of("Maria"), network.of("Omar")
    move(network, "Maria", "maria@elsewhere.org")

    with (
        pytest.raises(NoSuchInvitation),
        network.service.database.writing() as session,
    ):
        endorsing.answer(session, old, Said.ENDORSE, NOW)
    assert network.names() == []
    assert network.of("Omar") == others
    network.invite()
    network.work_off()
    assert "maria@elsewhere.org" in network.mails()
    with network.service.database.reading() as session:
        waiting = select(Message.invitation_id).where(Message.state == MessageState.WAITING)
        assert session.scalars(waiting).all() == [network.of("Maria")]


def test_an_answer_outlives_the_address_that_it_was_given_from(network: Network) -> None:
    asked(network, "Maria")
    network.sent()
    network.say("Maria", Said.ENDORSE)
    old = network.of("Maria")
    move(network, "Maria", "lena@lamp-keepers.org")

    assert network.of("Maria") != old
    assert network.sees("Maria").mine == Reply.ENDORSED
    assert network.names() == ["Lamp Keepers"]


def test_a_mail_that_waits_goes_to_the_new_address(network: Network) -> None:
    asked(network, "Maria")
    old = network.of("Maria")
    move(network, "Maria", "maria@elsewhere.org")

    assert list(network.mails()) == ["maria@elsewhere.org"]
    assert network.of("Maria") != old
    with pytest.raises(CannotInvite):
        network.invite()


def test_upper_case_makes_no_other_address(network: Network) -> None:
    asked(network, "Maria")
    old = network.of("Maria")
    move(network, "Maria", "Maria@Lamp-Keepers.org")

    assert network.of("Maria") == old


# the file's names, once more


def import_names(network: Network, *names: Name) -> bool:
    with network.service.database.writing() as session:
        return signatories.replace(session, network.statement, names)


def test_names_by_link_and_by_hand_outlive_another_import_of_the_file(network: Network) -> None:
    asked(network, "Maria", country="NO")
    import_names(network, Name("Quay"), Name("Ink"))
    network.say("Maria", Said.ENDORSE)
    with network.service.database.writing() as session:
        names_by_hand.add(session, network.editor, network.statement, Name("Paper"), "by mail", NOW)
    changed = import_names(network, Name("Ink"), Name("Wharf"))

    assert changed
    assert network.names() == ["Ink", "Wharf", "Lamp Keepers", "Paper"]
    assert network.row("Lamp Keepers").member_slug == "lamp-keepers"
    assert network.row("Paper").note == "by mail"
    assert not import_names(network, Name("Ink"), Name("Wharf"))
    network.say("Maria", Said.WITHDRAW)
    assert network.names() == ["Ink", "Wharf", "Paper"]


@pytest.mark.parametrize("country", ["NO", None])
def test_a_name_in_the_file_that_a_member_endorsed_by_stays_that_members(
    network: Network, country: str | None
) -> None:
    asked(network, "Maria", country="NO")
    network.say("Maria", Said.ENDORSE)
    import_names(network, Name("LAMP  Keepers", country), Name("Lamp Keepers", "SE"))
    row = network.row("LAMP  Keepers")

    assert network.names() == ["LAMP  Keepers", "Lamp Keepers"]
    assert (row.member_slug, row.consented) == ("lamp-keepers", "link")
    assert row.note == "2 Mar 2026, 12:00 UTC, Maria"
    assert network.row("Lamp Keepers").consented == "file"


def test_the_very_same_name_in_the_file_is_taken_for_the_members_before_a_vaguer_one(
    network: Network,
) -> None:
    asked(network, "Maria", country="NO")
    network.say("Maria", Said.ENDORSE)
    import_names(network, Name("Lamp Keepers"), Name("LAMP KEEPERS", "NO"))

    assert network.row("LAMP KEEPERS").member_slug == "lamp-keepers"
    assert network.row("Lamp Keepers").member_slug is None


# names by hand


def test_a_name_by_hand_needs_to_tell_how_consent_was_given(network: Network) -> None:
    def add(note: str) -> None:
        with network.service.database.writing() as session:
            names_by_hand.add(session, network.editor, network.statement, Name("Ink"), note, NOW)

    with pytest.raises(names_by_hand.NoNote):
        add("  ")
    add("by mail of Lena, 1 March")
    assert network.row("Ink").note == "by mail of Lena, 1 March"
    with pytest.raises(signatories.Twin):
        add("again")


def test_a_name_by_hand_without_a_country_does_not_double_a_member(network: Network) -> None:
    asked(network, "Maria", country="NO")
    network.say("Maria", Said.ENDORSE)

    def add(name: Name) -> None:
        with network.service.database.writing() as session:
            names_by_hand.add(session, network.editor, network.statement, name, "by mail", NOW)

    with pytest.raises(signatories.Twin):
        add(Name("LAMP Keepers"))
    add(Name("Lamp Keepers", "SE"))
    with network.service.database.writing() as session:
        twins = signatories.add_all(
            session,
            network.statement,
            [Name("lamp keepers"), Name("Ink"), Name("Lamp Keepers", "FI")],
            consented=Consented.BY_HAND,
        )

    assert twins == [Name("lamp keepers")]
    assert network.names() == ["Lamp Keepers", "Lamp Keepers", "Ink", "Lamp Keepers"]


def test_taking_a_name_away_keeps_in_the_audit_how_it_was_consented_to(network: Network) -> None:
    asked(network, "Maria", country="NO")
    network.say("Maria", Said.ENDORSE)
    row = network.row("Lamp Keepers")
    with network.service.database.writing() as session:
        names_by_hand.remove(session, network.editor, network.statement, row.id, NOW)
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()

    assert entry is not None
    assert entry.details == {
        "name": "Lamp Keepers, NO",
        "consented": "link",
        "note": "2 Mar 2026, 12:00 UTC, Maria",
    }
    assert network.overview()["lamp-keepers"].differs


def test_a_corrected_name_keeps_its_place_and_is_found_by_its_new_spelling(
    network: Network,
) -> None:
    with network.service.database.writing() as session:
        signatories.replace(session, network.statement, [Name("Lapm"), Name("Ink")])
    row = network.row("Lapm")
    with network.service.database.writing() as session:
        names_by_hand.correct(
            session, network.editor, network.statement, row.id, Name("Lamp", "NO"), NOW
        )

    assert network.names() == ["Lamp", "Ink"]
    assert network.row("Lamp").folded == "lamp"
    with (
        pytest.raises(signatories.Twin),
        network.service.database.writing() as session,
    ):
        names_by_hand.correct(session, network.editor, network.statement, row.id, Name("INK"), NOW)


def test_a_table_of_names_is_added_once_even_by_two_workers(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names_by_hand, "AT_ONCE", 2)
    with network.service.database.writing() as session:
        signatories.replace(session, network.statement, [Name("Name 2")])
        data = ("name\n" + "".join(f"Name {number}\n" for number in range(5))).encode()
        job = names_by_hand.start_table(
            session, network.editor, network.statement, data, signatories.read_csv(data),
            "signed on paper", NOW,
        )  # fmt: skip
    network.work_off()

    assert network.names() == ["Name 2", "Name 0", "Name 1", "Name 3", "Name 4"]
    assert network.outcome(job).outcome["text"] == "4 names are added; 5 stand there now."
    assert network.outcome(job).outcome["lines"] == ["“Name 2” stood there already"]
    assert network.row("Name 4").note == "signed on paper"


def test_a_name_of_another_statement_is_not_touched(network: Network) -> None:
    with network.service.database.writing() as session:
        signatories.replace(session, network.statement, [Name("Lamp")])
    row = network.row("Lamp")

    with (
        pytest.raises(names_by_hand.NoSuchName),
        network.service.database.reading() as session,
    ):
        names_by_hand.get(session, network.statement + 1, row.id)


def test_who_answered_what_can_be_taken_out(network: Network) -> None:
    asked(network, "Maria", "Omar")
    network.say("Maria", Said.ENDORSE)
    with network.service.database.reading() as session:
        rows = list(endorsing.answers(session, network.statement))

    assert [(one["contact"], one["answer"], one["stands"]) for one in rows] == [
        ("Maria", "endorsed", "yes"),
        ("Omar", "", "yes"),
    ]
