"""Who signs an open letter: its states, what nobody can learn, and what editors do."""

import csv
import io
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests.samples import open_to_the_public, publish, statement_file
from widgets import (
    forgetting,
    moderation,
    newsletters,
    records,
    signatories,
    signings,
    statements,
)
from widgets.addresses import parse
from widgets.audit import COMMAND_LINE
from widgets.letters import compose
from widgets.models import (
    AuditEntry,
    Consent,
    Message,
    MessageState,
    Opening,
    Signing,
    SigningState,
    Statement,
    Subscription,
)
from widgets.moderation import Act, Sort
from widgets.newsletters import Answer
from widgets.pacing import Limits
from widgets.service import Service
from widgets.signatories import Name, Tally
from widgets.signings import Incomplete, NotOpen, Signer

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LIMITS = Limits(per_mailbox=3, per_domain=4, unlimited_domains=frozenset({"large.example"}))
ADA = Signer("Ada Li", "Lamp Keepers", "NO", shows_name=True)
ANNA = "anna@example.org"


class Desk:
    """Signs, confirms and takes back, at a time of its own."""

    def __init__(self, service: Service, statement_id: int) -> None:
        self.service = service
        self.statement_id = statement_id
        self.now = NOW

    def sign(
        self, address: str = ANNA, signer: Signer = ADA, wants: bool = False, site: str = "keepers"
    ) -> uuid.UUID:
        with self.service.database.writing() as session:
            offered = signings.offered(session, "en")
            assert offered
            return signings.sign(
                session,
                self.service.hasher,
                LIMITS,
                self.statement_id,
                signer,
                parse(address),
                consent_text_id=offered.consent_text_id if wants else None,
                site=site,
                lang="en",
                now=self.now,
            )

    def confirm(self, made: uuid.UUID) -> Answer:
        with self.service.database.writing() as session:
            return signings.confirm(session, made, self.now)

    def type_code(self, made: uuid.UUID, code: str | None = None) -> Answer:
        with self.service.database.writing() as session:
            links = self.service.links
            return signings.confirm_with_code(
                session, links, made, code or links.code(made), self.now
            )

    def withdraw(self, made: uuid.UUID) -> Answer:
        with self.service.database.writing() as session:
            return signings.withdraw(session, made, self.now)

    def signed(self, address: str = ANNA, signer: Signer = ADA) -> uuid.UUID:
        made = self.sign(address, signer)
        assert self.confirm(made) is Answer.DONE
        return made

    def moderate(self, act: Act, sort: Sort = Sort.ALL, search: str = "") -> int:
        with self.service.database.writing() as session:
            statement = session.get_one(Statement, self.statement_id)
            wanted = moderation.matching(self.statement_id, sort, search)
            return moderation.moderate(session, statement, act, wanted, COMMAND_LINE, self.now)

    def suppress(self, address: str = ANNA) -> None:
        with self.service.database.writing() as session:
            records.suppress(session, self.service.hasher, parse(address), "by hand", self.now)

    def state(self, made: uuid.UUID) -> str:
        with self.service.database.reading() as session:
            return session.get_one(Signing, made).state

    def names(self) -> list[str]:
        with self.service.database.reading() as session:
            return [one.name for one in signatories.listed(session, self.statement_id)]

    def tally(self) -> Tally:
        with self.service.database.reading() as session:
            return signatories.tally(session, self.statement_id)

    def counts(self) -> moderation.Counts:
        with self.service.database.reading() as session:
            return moderation.counts(session, self.statement_id)

    def mails(self) -> list[tuple[str, str]]:
        with self.service.database.reading() as session:
            rows = session.execute(
                select(Message.kind, Message.state)
                .where(Message.signing_id.is_not(None))
                .order_by(Message.created_at)
            )
            return [(kind, state) for kind, state in rows]


@pytest.fixture
def desk(service: Service, tmp_path: Path) -> Desk:
    publish(service, statement_file(tmp_path, names=["Union of Readers"]))
    return Desk(service, open_to_the_public(service))


@pytest.fixture
def moderated(desk: Desk) -> Desk:
    open_to_the_public(desk.service, Opening.MODERATED)
    return desk


def test_a_confirmed_name_stands_in_the_list_and_counts_as_a_person(desk: Desk) -> None:
    made = desk.sign()
    assert desk.names() == ["Union of Readers"]
    assert desk.tally() == Tally(organisations=1)

    assert desk.confirm(made) is Answer.DONE

    assert desk.names() == ["Union of Readers", "Ada Li, Lamp Keepers"]
    assert desk.tally() == Tally(organisations=1, people=1)
    assert desk.confirm(made) is Answer.ALREADY


def test_who_hides_their_name_is_counted_and_never_shown(desk: Desk) -> None:
    desk.signed(signer=replace(ADA, shows_name=False))

    assert desk.names() == ["Union of Readers"]
    assert desk.tally() == Tally(organisations=1, people=1, hidden=1)
    with desk.service.database.reading() as session:
        assert signatories.tallies(session) == {desk.statement_id: desk.tally()}


def test_where_editors_look_first_a_confirmed_name_waits(moderated: Desk) -> None:
    made = moderated.signed()

    assert moderated.state(made) == SigningState.CONFIRMED
    assert moderated.tally() == Tally(organisations=1)
    assert moderated.moderate(Act.LIST, Sort.WAITING) == 1
    assert moderated.tally() == Tally(organisations=1, people=1)


def test_nobody_signs_what_is_not_open(desk: Desk) -> None:
    for opening in (Opening.NO, Opening.CLOSED):
        open_to_the_public(desk.service, opening)
        with pytest.raises(NotOpen):
            desk.sign()


def test_who_signed_in_time_can_confirm_after_the_end_and_waits_for_an_editor(desk: Desk) -> None:
    made = desk.sign()
    open_to_the_public(desk.service, Opening.CLOSED)

    assert desk.confirm(made) is Answer.DONE
    assert desk.state(made) == SigningState.CONFIRMED


def test_the_code_confirms_and_five_wrong_ones_are_too_many(desk: Desk) -> None:
    made = desk.sign()
    wrong = "000000" if desk.service.links.code(made) != "000000" else "111111"

    assert desk.type_code(made, "12 34") is Answer.WRONG  # a slip
    assert [desk.type_code(made, wrong) for _ in range(5)] == [Answer.WRONG] * 4 + [
        Answer.EXHAUSTED
    ]
    assert desk.type_code(made) is Answer.EXHAUSTED
    assert desk.type_code(desk.sign()) is Answer.DONE


def test_an_address_signs_once_and_the_second_mail_says_so(desk: Desk) -> None:
    desk.signed()
    again = desk.sign(signer=replace(ADA, name="Somebody Else"))

    assert desk.mails()[-1] == ("signed-already", MessageState.WAITING)
    assert desk.type_code(again) is Answer.WRONG  # of this mail there is no code
    assert desk.confirm(again) is Answer.ALREADY
    assert desk.names() == ["Union of Readers", "Ada Li, Lamp Keepers"]


def test_two_presses_confirmed_one_after_the_other_are_one_name(desk: Desk) -> None:
    first, second = desk.sign(), desk.sign()

    assert (desk.confirm(second), desk.confirm(first)) == (Answer.DONE, Answer.ALREADY)
    assert desk.tally().people == 1


@contextmanager
def statements_run(service: Service) -> Iterator[list[str]]:
    run: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        run.append(statement)

    event.listen(service.database.engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        event.remove(service.database.engine, "before_cursor_execute", note)


def test_the_same_work_is_done_whoever_signs(desk: Desk) -> None:
    desk.sign("pending@example.org")
    desk.signed("listed@large.example")
    desk.withdraw(desk.signed("back@large.example", replace(ADA, name="Bo Lind")))
    desk.signed("refused@large.example", replace(ADA, name="Cleo Sand"))
    desk.moderate(Act.REFUSE, search="cleo")
    desk.suppress("never@example.org")
    work = []
    for address in ("new@", "pending@", "listed@", "back@", "refused@", "never@"):
        domain = "large.example" if address in ("listed@", "back@", "refused@") else "example.org"
        with statements_run(desk.service) as run:
            desk.sign(address + domain)
        work.append([one for one in run if "latest" not in one and "anon" not in one])

    large = work[2]
    assert all(one == large for one in work[2:5])
    assert work[0] == work[1] == work[5]


def test_of_a_suppressed_address_nothing_is_kept_and_no_mail_goes_out(desk: Desk) -> None:
    desk.suppress()
    made = desk.sign()

    assert desk.mails() == [("sign", MessageState.VOID)]
    with desk.service.database.reading() as session:
        row = session.get_one(Signing, made)
        assert (row.address, row.name, row.affiliation, row.country) == (None, "", "", None)
    assert desk.confirm(made) is Answer.OVER


def test_mails_of_signatures_and_of_sign_ups_are_counted_together(desk: Desk) -> None:
    with desk.service.database.writing() as session:
        shown = newsletters.form(session, "weekly", "en")
        for _ in range(2):
            newsletters.sign_up(
                session, desk.service.hasher, LIMITS, parse(ANNA),
                consent_text_id=shown.consent_text_id, site=None, lang="en", now=NOW,
            )  # fmt: skip
    desk.sign()
    desk.sign("anna+again@example.org")

    assert [state for _, state in desk.mails()] == [MessageState.WAITING, MessageState.VOID]


def test_a_domain_has_its_pace(desk: Desk) -> None:
    made = [desk.sign(f"reader{number}@example.org") for number in range(5)]

    with desk.service.database.reading() as session:
        times = [session.get_one(Signing, one).send_at for one in made]
    assert times == [NOW] * 4 + [NOW + timedelta(hours=1)]


def test_a_name_is_taken_back_with_one_press_and_deleted(desk: Desk) -> None:
    made = desk.signed()

    assert desk.withdraw(made) is Answer.DONE

    assert desk.names() == ["Union of Readers"]
    assert desk.tally() == Tally(organisations=1)
    assert desk.withdraw(made) is Answer.ALREADY
    with desk.service.database.reading() as session:
        row = session.get_one(Signing, made)
        assert (row.state, row.name, row.address) == (SigningState.WITHDRAWN, "", None)


def test_taking_back_makes_every_confirmation_under_way_void(desk: Desk) -> None:
    earlier, later = desk.sign(), desk.sign()
    desk.withdraw(earlier)

    assert desk.confirm(later) is Answer.LEFT
    assert [state for _, state in desk.mails()] == [MessageState.VOID] * 2
    assert desk.confirm(desk.sign()) is Answer.DONE  # their own new one


def test_who_was_refused_cannot_come_back_by_taking_the_name_back(desk: Desk) -> None:
    made = desk.signed()
    desk.moderate(Act.REFUSE)

    assert desk.withdraw(made) is Answer.DONE
    assert desk.state(made) == SigningState.REFUSED
    assert desk.confirm(desk.sign()) is Answer.ALREADY


def test_the_newsletter_comes_only_to_who_ticked_it_with_the_evidence(desk: Desk) -> None:
    desk.signed("without@example.org")
    with desk.service.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscription)) == 0

    made = desk.sign(ANNA, replace(ADA, name="Bo Lind"), wants=True)
    with desk.service.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscription)) == 0
    desk.now += timedelta(minutes=5)
    desk.type_code(made)

    with desk.service.database.reading() as session:
        consent = session.scalars(select(Consent)).one()
        shown = newsletters.form(session, "weekly", "en")
        assert session.scalar(select(Subscription.state)) == "confirmed"
    assert (consent.consent_text_id, consent.site, consent.lang, consent.method) == (
        shown.consent_text_id, "keepers", "en", "code",
    )  # fmt: skip
    assert (consent.asked_at, consent.given_at) == (NOW, desk.now)


def test_erasing_an_address_takes_its_name_out_of_every_list(desk: Desk) -> None:
    desk.signed()
    desk.suppress()

    assert desk.names() == ["Union of Readers"]
    with desk.service.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Signing)) == 0


def test_who_never_confirms_is_forgotten(desk: Desk) -> None:
    desk.sign()
    desk.signed("listed@example.org", replace(ADA, name="Bo Lind"))
    forgetting.tidy(desk.service.database, desk.service.settings, NOW + timedelta(days=31))

    with desk.service.database.reading() as session:
        assert session.scalars(select(Signing.name)).all() == ["Bo Lind"]


TWINS = [
    ("bo@example.org", Signer("ADA  LÍ", "", "NO", shows_name=True)),
    ("cleo@example.org", Signer("Ada Li", "lamp keepers", "SE", shows_name=True)),
    ("anna+2@example.org", Signer("Somebody Else", "", "FR", shows_name=True)),
]


@pytest.mark.parametrize(("address", "signer"), TWINS)
def test_who_may_have_signed_twice_waits_for_an_editor(
    desk: Desk, address: str, signer: Signer
) -> None:
    first = desk.signed()
    second = desk.signed(address, signer)

    assert desk.state(second) == SigningState.CONFIRMED
    with desk.service.database.reading() as session:
        page = moderation.listed(session, desk.statement_id, Sort.TWINS)
        assert {row.id for row in page.items} == {first, second}
        assert set(signings.twins(session, page.items)) == {first, second}


def test_a_namesake_in_another_country_is_somebody_else(desk: Desk) -> None:
    desk.signed()
    other = desk.signed("bo@example.org", Signer("Ada Li", "", "SE", shows_name=True))

    assert desk.state(other) == SigningState.LISTED


def test_editors_list_refuse_and_take_back_and_all_can_be_undone(moderated: Desk) -> None:
    made = moderated.signed()
    for act, state, shown in (
        (Act.REFUSE, SigningState.REFUSED, 0),
        (Act.LIST, SigningState.LISTED, 1),
        (Act.TAKE_BACK, SigningState.CONFIRMED, 0),
        (Act.LIST, SigningState.LISTED, 1),
        (Act.REFUSE, SigningState.REFUSED, 0),
    ):
        assert moderated.moderate(act) == 1
        assert (moderated.state(made), moderated.tally().people) == (state, shown)
        assert len(moderated.names()) == 1 + shown
    assert moderated.moderate(Act.REFUSE) == 0
    with moderated.service.database.reading() as session:
        told = session.scalars(
            select(AuditEntry.action).where(AuditEntry.action != "imported").order_by(AuditEntry.id)
        ).all()
    assert told == ["refused names under", "listed names under",
                    "put names back among those that wait under", "listed names under",
                    "refused names under"]  # fmt: skip


def test_what_is_searched_for_is_found_whatever_its_accents(moderated: Desk) -> None:
    moderated.signed("a@example.org", Signer("Zoë Ångström", "", "SE", shows_name=True))
    moderated.signed("b@example.org", Signer("Bo", "Ångström-Institutet", "SE", shows_name=True))
    moderated.signed("c@example.org", Signer("100% _real", "", "SE", shows_name=True))

    assert moderated.moderate(Act.LIST, Sort.WAITING, "angstrom zoe") == 1
    assert moderated.moderate(Act.LIST, Sort.WAITING, "%") == 1
    assert moderated.counts().waiting == 1


def test_the_counts_are_of_people(desk: Desk) -> None:
    desk.sign("pending@large.example")
    desk.sign("pending@large.example")
    desk.signed("a@large.example", replace(ADA, name="A"))
    desk.signed("b@large.example", Signer("B", "", "NO", shows_name=False))
    desk.withdraw(desk.signed("c@large.example", replace(ADA, name="C")))
    desk.withdraw(desk.sign("d@large.example"))  # never confirmed: nobody

    assert desk.counts() == moderation.Counts(
        pending=1, waiting=0, shown=1, hidden=1, refused=0, withdrawn=1
    )


def test_an_import_of_the_statement_leaves_who_signed(desk: Desk, tmp_path: Path) -> None:
    desk.signed()
    names = ["First", "Second", "Ada Li, Lamp Keepers"]
    publish(desk.service, statement_file(tmp_path, names=names))
    publish(desk.service, statement_file(tmp_path, names=names))

    assert desk.names() == [*names, "Ada Li, Lamp Keepers"]
    assert desk.tally() == Tally(organisations=3, people=1)


def test_the_table_has_everybody_and_no_formula(desk: Desk) -> None:
    desk.signed(signer=Signer("=cmd|A1", "+Org", "NO", shows_name=True))
    desk.withdraw(desk.signed("gone@example.org", replace(ADA, name="Gone")))
    with desk.service.database.reading() as session:
        (row,) = csv.DictReader(io.StringIO(moderation.exported(session, desk.statement_id)))

    assert (row["name"], row["affiliation"]) == ("'=cmd|A1", "'+Org")
    assert (row["address"], row["state"], row["shown"]) == (ANNA, "listed", "yes")


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        (("", "", "NO", "yes"), {"name"}),
        (("\u202e \u200b", "", "NO", "yes"), {"name"}),
        (("A" * 121, "B" * 171, "NO", "yes"), {"name", "affiliation"}),
        (("Buy at https://x.example", "www.x.example", "NO", "no"), {"name", "affiliation"}),
        (("Ada", "", "QQ", ""), {"country", "shows"}),
    ],
)
def test_what_is_wrong_is_said_beside_each_field(
    typed: tuple[str, str, str, str], wrong: set[str]
) -> None:
    with pytest.raises(Incomplete) as raised:
        signings.read(*typed)
    assert set(raised.value.problems) == wrong


def test_a_name_is_kept_clean(desk: Desk) -> None:
    signer = signings.read(" Ada\u202e\n Li ", "\u2067Lamp  Keepers", "no", "yes")

    assert signer == ADA


def test_the_mails_say_it_in_words_and_are_not_sent_when_nobody_needs_them(desk: Desk) -> None:
    made = desk.sign()
    with desk.service.database.reading() as session:
        message = session.scalars(select(Message.id)).one()
        mail = compose(desk.service, session, message)
    assert mail is not None
    text = mail.get_body(("plain",))
    assert text is not None
    said = text.get_content()
    assert "Ada Li, Lamp Keepers" in said
    assert "/withdraw/" in said
    assert desk.service.links.code(made) in str(mail["Subject"])

    desk.withdraw(made)
    with desk.service.database.reading() as session:
        assert compose(desk.service, session, message) is None


def test_a_withdrawn_statement_is_neither_signed_for_nor_written_about(
    desk: Desk, tmp_path: Path
) -> None:
    made = desk.sign()
    publish(desk.service, statement_file(tmp_path, withdrawn="2026-11-25"))

    assert desk.confirm(made) is Answer.OVER
    with desk.service.database.reading() as session:
        message = session.scalars(select(Message.id)).one()
        assert compose(desk.service, session, message) is None
    with pytest.raises(statements.Withdrawn), desk.service.database.reading() as session:
        statements.standing(session, "river-gate")


def test_ten_thousand_signers_are_counted_and_looked_through_quickly(moderated: Desk) -> None:
    with moderated.service.database.writing() as session:
        _many(session, moderated.statement_id, 10_000)
    began = datetime.now(UTC)
    with moderated.service.database.reading() as session:
        assert moderation.counts(session, moderated.statement_id).waiting == 10_000
        page = moderation.listed(session, moderated.statement_id, Sort.TWINS, number=3)
        assert page.total == 0
        assert signatories.tally(session, moderated.statement_id) == Tally(organisations=1)
    assert datetime.now(UTC) - began < timedelta(seconds=5)


def _many(session: Session, statement_id: int, number: int) -> None:
    session.add_all(
        Signing(
            id=uuid.uuid4(),
            statement_id=statement_id,
            key=f"{one:064x}",
            mailbox=f"{one:064x}",
            domain="0" * 64,
            name=f"Name {one}",
            folded_name=f"name {one}",
            country="NO",
            shows_name=True,
            state=SigningState.CONFIRMED,
            lang="en",
            asked_at=NOW,
            confirmed_at=NOW + timedelta(seconds=one),
            changed_at=NOW,
        )
        for one in range(number)
    )


def test_names_of_the_list_are_as_the_table_of_names_takes_them() -> None:
    longest = Signer("A" * 120, "B" * 170, "NO", shows_name=True)
    assert len(longest.line) <= signatories.LONGEST_NAME
    assert Name(longest.line, "NO").name == longest.line


def test_many_who_confirm_at_the_same_moment_all_stand_there(desk: Desk) -> None:
    people = [desk.sign(f"p{n}@example{n}.org", replace(ADA, name=f"P {n}")) for n in range(8)]
    barrier = Barrier(len(people))

    def confirm(made: uuid.UUID) -> Answer:
        barrier.wait()
        return desk.confirm(made)

    with ThreadPoolExecutor(len(people)) as threads:
        assert set(threads.map(confirm, people)) == {Answer.DONE}
    assert desk.tally() == Tally(organisations=1, people=8)
    assert len(desk.names()) == 9


def test_the_last_page_stands_for_those_beyond_it(moderated: Desk) -> None:
    for number in range(52):
        moderated.signed(f"p{number}@example.org", replace(ADA, name=f"Name {number}"))

    with moderated.service.database.reading() as session:
        last = moderation.listed(session, moderated.statement_id, Sort.ALL, number=99)
    assert (last.number, last.pages, last.total, len(last.items)) == (2, 2, 52, 2)
