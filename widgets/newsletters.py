"""Signing up, confirming, leaving: the states of a subscription and the consent behind them.

Whatever an address' state is, signing up does the same work and has the same answer, so that
nobody learns from it who is subscribed. Only the mail differs, and only its owner reads that.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from widgets import outbox, pacing, suppressions, webhooks
from widgets.addresses import Address, Hasher
from widgets.links import CODE_FOR, Links
from widgets.models import (
    Consent,
    ConsentText,
    FormerSubscription,
    Message,
    MessageState,
    Newsletter,
    NewsletterText,
    SignUp,
    State,
    Subscriber,
    Subscription,
)
from widgets.models.database import insert, one_at_a_time
from widgets.pacing import Limits
from widgets.webhooks import Event

TRIES = 5  # of one code
OF_ANOTHER = -1  # the epoch of a sign-up for a subscription that has become one with another


class NoSuchNewsletter(Exception):
    """There is no newsletter of this name."""


@dataclass(frozen=True)
class _Person:
    """Who signs up. address: None where all we have is hashes; paced: whether the limit of the
    address' domain holds."""

    key: str
    mailbox: str
    domain: str
    address: str | None
    paced: bool


@dataclass(frozen=True)
class _Asked:
    """What a consent was asked for with; as in SignUp."""

    consent_text_id: int
    site: str | None
    lang: str
    asked_at: datetime


@dataclass(frozen=True)
class Form:
    """What a sign-up form shows."""

    slug: str
    lang: str
    title: str
    name: str
    description: str
    consent_text: str
    consent_text_id: int


class Answer(Enum):
    """What became of a press on a button."""

    DONE = "done"
    ALREADY = "already"  # it was so before
    LEFT = "left"  # unsubscribed since the link was made
    OVER = "over"  # nothing there any more: forgotten, erased, or not to be written to
    WRONG = "wrong"  # not the code
    EXHAUSTED = "exhausted"  # tried too often, or too late: only a new code helps


def form(session: Session, slug: str, *langs: str) -> Form:
    """The form of a newsletter in the first of these languages that it has, else in its own,
    with the newest wording of its consent there. Raises NoSuchNewsletter."""
    found = session.execute(
        select(Newsletter.lang, NewsletterText, ConsentText)
        .join(NewsletterText, NewsletterText.newsletter_id == Newsletter.id)
        .join(
            ConsentText,
            (ConsentText.newsletter_id == Newsletter.id)
            & (ConsentText.lang == NewsletterText.lang),
        )
        .where(Newsletter.slug == slug)
        .order_by(ConsentText.id)
    ).all()
    newest = {words.lang: (words, consent) for _, words, consent in found}
    own = found[0][0] if found else ""
    lang = next((lang for lang in (*langs, own) if lang in newest), None)
    if lang is None:
        raise NoSuchNewsletter(slug)
    words, consent = newest[lang]
    return Form(slug, lang, words.title, words.name, words.description, consent.text, consent.id)


def slugs(session: Session) -> list[str]:
    """The names of all newsletters, the oldest first."""
    return list(session.scalars(select(Newsletter.slug).order_by(Newsletter.id)))


def forms(session: Session) -> dict[str, list[Form]]:
    """The forms of all newsletters, by slug, the oldest first; each in all its languages, its own
    first."""
    found: dict[str, list[Form]] = {}
    rows = session.execute(
        select(Newsletter.slug, NewsletterText.lang)
        .join(NewsletterText, NewsletterText.newsletter_id == Newsletter.id)
        .order_by(Newsletter.id, NewsletterText.lang != Newsletter.lang, NewsletterText.lang)
    )
    for slug, lang in rows:
        one = form(session, slug, lang)
        if one.lang == lang:  # it has a wording of the consent
            found.setdefault(slug, []).append(one)
    return found


def has_asked(session: Session, slug: str, consent_text_id: int) -> bool:
    """Whether this is or was a wording of the consent to a newsletter."""
    query = (
        select(ConsentText.id)
        .join(Newsletter, Newsletter.id == ConsentText.newsletter_id)
        .where(Newsletter.slug == slug, ConsentText.id == consent_text_id)
    )
    return session.scalar(query) is not None


def sign_up(
    session: Session,
    hasher: Hasher,
    limits: Limits,
    address: Address,
    *,
    consent_text_id: int,
    site: str | None,
    lang: str,
    now: datetime,
) -> uuid.UUID:
    """One press of "Sign up": a subscription (pending, where it is new), a record of the press,
    and a message in the outbox, all in the caller's transaction. Returns the record's id.

    The same statements run for a new, pending, confirmed, unsubscribed and suppressed address.
    A suppressed address is not stored, and the message of one is void.
    """
    person = _Person(
        key=hasher.address(address),
        mailbox=hasher.mailbox(address),
        domain=hasher.domain(address),
        address=address.text,
        paced=address.domain not in limits.unlimited_domains,
    )
    return _asked(session, limits, person, consent_text_id, site, lang, now)


def new_code(session: Session, limits: Limits, sign_up_id: uuid.UUID, now: datetime) -> uuid.UUID:
    """Signs up again for the person of an earlier sign-up, with the same evidence, which makes
    a new code. The same limits hold, and the same work is done for every address. An unknown
    sign-up gets an id that leads nowhere."""
    earlier = session.get(SignUp, sign_up_id)
    if earlier is None:
        return uuid.uuid4()
    subscriber = earlier.subscription.subscriber
    host = (subscriber.address or "").rpartition("@")[2].casefold()
    person = _Person(
        key=subscriber.key,
        mailbox=earlier.mailbox,
        domain=earlier.domain,
        address=subscriber.address,
        paced=host not in limits.unlimited_domains,
    )
    return _asked(session, limits, person, earlier.consent_text_id, earlier.site, earlier.lang, now)


def _asked(
    session: Session,
    limits: Limits,
    person: _Person,
    consent_text_id: int,
    site: str | None,
    lang: str,
    now: datetime,
) -> uuid.UUID:
    one_at_a_time(session, person.mailbox)
    suppressed = suppressions.is_suppressed(session, person.key, now)
    subscription_id, state, epoch = _subscription(session, person, suppressed, consent_text_id, now)
    turn = pacing.turn(
        session, limits, person.mailbox, person.domain if person.paced else None, now
    )
    mailed = not suppressed and state not in (State.COMPLAINED, State.ERASED)
    record = SignUp(
        id=uuid.uuid4(),
        subscription_id=subscription_id,
        consent_text_id=consent_text_id,
        site=site,
        lang=lang,
        mailbox=person.mailbox,
        domain=person.domain,
        send_at=turn if mailed else None,
        epoch=epoch,
        asked_at=now,
    )
    session.add(record)
    session.flush()
    outbox.add(
        session,
        "already" if state == State.CONFIRMED else "confirmation",
        now,
        send_at=record.send_at,
        sign_up_id=record.id,
    )
    session.flush()
    is_to_confirm = record.send_at is not None and state != State.CONFIRMED
    subscription = session.get_one(Subscription, subscription_id)
    _tell(session, Event.SUBSCRIBED, record, subscription, now, is_sent=is_to_confirm)
    return record.id


def _subscription(
    session: Session, person: _Person, suppressed: bool, consent_text_id: int, now: datetime
) -> tuple[uuid.UUID, str, int]:
    """The subscription of a person, pending where there is none yet: its id, state and epoch. The
    newsletter is that of the consent text."""
    newsletter_id = session.scalar(
        select(ConsentText.newsletter_id).where(ConsentText.id == consent_text_id)
    )
    subscriber_id = session.scalar(
        insert(session, Subscriber)
        .values(
            id=uuid.uuid4(),
            key=person.key,
            address=None if suppressed else person.address,
            created_at=now,
        )
        .on_conflict_do_update(index_elements=["key"], set_={"key": person.key})
        .returning(Subscriber.id)
    )
    row = session.execute(
        insert(session, Subscription)
        .values(
            id=uuid.uuid4(),
            subscriber_id=subscriber_id,
            newsletter_id=newsletter_id,
            state=State.PENDING,
            epoch=0,
            created_at=now,
            changed_at=now,
        )
        .on_conflict_do_update(
            index_elements=["subscriber_id", "newsletter_id"],
            set_={"newsletter_id": newsletter_id},
        )
        .returning(Subscription.id, Subscription.state, Subscription.epoch)
    ).one()
    return row[0], row[1], row[2]


def subscribe(
    session: Session,
    key: str,
    address: str,
    *,
    consent_text_id: int,
    site: str | None,
    lang: str,
    method: str,
    asked_at: datetime,
    now: datetime,
) -> Answer:
    """Subscribes whoever has just confirmed, by a mail of another kind, that the address is theirs
    and that they want this too; with the evidence. key: the address' keyed hash."""
    suppressed = suppressions.is_suppressed(session, key, now)
    if suppressed:
        return Answer.OVER
    person = _Person(key=key, mailbox="", domain="", address=address, paced=False)
    subscription_id, _, epoch = _subscription(session, person, suppressed, consent_text_id, now)
    subscription = session.get_one(Subscription, subscription_id, with_for_update=True)
    answer = _standing(subscription, epoch)
    if answer is Answer.DONE:
        asked = _Asked(consent_text_id, site, lang, asked_at)
        _confirm(session, asked, subscription, method, now)
    return answer


def confirm(session: Session, sign_up_id: uuid.UUID, epoch: int, now: datetime) -> Answer:
    """Confirms by the link of a sign-up, made when the subscription was at `epoch`."""
    record, subscription = _locked(session, sign_up_id)
    answer = _standing(subscription, _holding(record, epoch))
    if answer is not Answer.DONE or record is None or subscription is None:
        return answer
    _confirm(session, record, subscription, "link", now)
    return Answer.DONE


def link_stands(session: Session, sign_up_id: uuid.UUID, epoch: int) -> Answer:
    """What `confirm` would answer now: DONE where its button is worth showing."""
    record = session.get(SignUp, sign_up_id)
    return _standing(record.subscription if record else None, _holding(record, epoch))


def confirm_with_code(
    session: Session, links: Links, sign_up_id: uuid.UUID, typed: str, now: datetime
) -> Answer:
    """Confirms by the six digits that were mailed for this sign-up; TRIES tries, then none.

    Only the right code is told how things stand; to a wrong one every address looks alike.
    """
    digits = "".join(str(int(c)) for c in typed if c.isdecimal())
    record, subscription = _locked(session, sign_up_id)
    if record is None or subscription is None:
        return Answer.WRONG
    if record.tries >= TRIES or now - (record.send_at or record.asked_at) > CODE_FOR:
        return Answer.EXHAUSTED
    confirmable = _was_asked_to_confirm(session, record) and record.send_at is not None
    if len(digits) != 6:
        return Answer.WRONG  # a slip, and no guess
    if not links.is_code(sign_up_id, digits) or not confirmable:
        record.tries += 1
        return Answer.EXHAUSTED if record.tries >= TRIES else Answer.WRONG
    answer = _standing(subscription, record.epoch)
    if answer is Answer.DONE:
        _confirm(session, record, subscription, "code", now)
    return answer


def unsubscribe(session: Session, subscription_id: uuid.UUID, now: datetime) -> Answer:
    """Ends a subscription at once. A pending one too, and one that was left and asked for again:
    every confirmation that was sent for it is void."""
    subscription = session.get(Subscription, subscription_id, with_for_update=True)
    if subscription is None:
        return Answer.OVER
    if subscription.state not in (State.PENDING, State.CONFIRMED):
        subscription.epoch += 1
        _call_back(session, subscription_id)
        return Answer.ALREADY
    _change(subscription, State.UNSUBSCRIBED, now)
    subscription.rhythm, subscription.paused_until = None, None
    subscription.topics, subscription.countries = [], []  # who comes back chooses anew
    session.execute(
        update(Consent)
        .where(Consent.subscription_id == subscription_id, Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )
    _call_back(session, subscription_id)
    tell_ended(session, subscription, "left", now)
    return Answer.DONE


def confirm_elsewhere(
    session: Session, key: str, address: str, newsletter_id: int, evidence: Consent, now: datetime
) -> bool:
    """Takes in who agreed elsewhere: confirms a new or pending subscription, with this evidence
    (which is given its subscription here). No other state is changed, and nobody who is
    suppressed is taken in; whether this one was. The caller has checked the address, whose keyed
    hash is `key`."""
    if suppressions.is_suppressed(session, key, now):
        return False
    subscriber_id = session.scalar(
        insert(session, Subscriber)
        .values(id=uuid.uuid4(), key=key, address=address, created_at=now)
        .on_conflict_do_update(index_elements=["key"], set_={"key": key})
        .returning(Subscriber.id)
    )
    subscription = session.scalar(
        select(Subscription)
        .where(
            Subscription.subscriber_id == subscriber_id,
            Subscription.newsletter_id == newsletter_id,
        )
        .with_for_update()
    )
    if subscription is None:
        subscription = Subscription(
            id=uuid.uuid4(),
            subscriber_id=subscriber_id,
            newsletter_id=newsletter_id,
            state=State.PENDING,
            epoch=0,
            created_at=now,
        )
        session.add(subscription)
    elif subscription.state != State.PENDING:
        return False
    _begin(subscription, evidence.lang, now)
    session.flush()
    evidence.subscription_id = subscription.id
    session.add(evidence)
    _call_back(session, subscription.id)
    _tell(session, Event.CONFIRMED, evidence, subscription, now, method=evidence.method)
    return True


def current(session: Session, subscription_id: uuid.UUID) -> uuid.UUID:
    """The id of what became of a subscription: another, where two became one."""
    became = session.get(FormerSubscription, subscription_id)
    return became.subscription_id if became else subscription_id


def can_be_left(session: Session, subscription_id: uuid.UUID) -> bool:
    """Whether there is a subscription, or a confirmation under way that would make one."""
    subscription = session.get(Subscription, subscription_id)
    if subscription is None or subscription.state in (State.COMPLAINED, State.ERASED):
        return False
    under_way = exists().where(
        SignUp.subscription_id == subscription_id,
        SignUp.epoch == subscription.epoch,
        SignUp.send_at.is_not(None),
    )
    return subscription.state != State.UNSUBSCRIBED or bool(session.scalar(select(under_way)))


def words(session: Session, newsletter: Newsletter, *langs: str) -> NewsletterText:
    """What a newsletter is called in the first of these languages that it has, else in its own."""
    texts = session.scalars(
        select(NewsletterText).where(NewsletterText.newsletter_id == newsletter.id)
    )
    by_lang = {text.lang: text for text in texts}
    return next(by_lang[lang] for lang in (*langs, newsletter.lang) if lang in by_lang)


def of_subscription(session: Session, subscription_id: uuid.UUID) -> Newsletter | None:
    subscription = session.get(Subscription, subscription_id)
    return subscription.newsletter if subscription else None


def of_sign_up(session: Session, sign_up_id: uuid.UUID) -> Newsletter | None:
    record = session.get(SignUp, sign_up_id)
    return record.subscription.newsletter if record else None


def lang_of_subscription(session: Session, subscription_id: uuid.UUID) -> str | None:
    """The language that was chosen for it, else the one in which it was last asked for, here or
    where it was imported from."""
    chosen = session.scalar(select(Subscription.lang).where(Subscription.id == subscription_id))
    if chosen:
        return chosen
    asked = session.scalar(
        select(SignUp.lang)
        .where(SignUp.subscription_id == subscription_id)
        .order_by(SignUp.asked_at.desc())
        .limit(1)
    )
    return asked or session.scalar(
        select(Consent.lang)
        .where(Consent.subscription_id == subscription_id)
        .order_by(Consent.id.desc())
        .limit(1)
    )


def lang_of_sign_up(session: Session, sign_up_id: uuid.UUID) -> str | None:
    return session.scalar(select(SignUp.lang).where(SignUp.id == sign_up_id))


def _locked(session: Session, sign_up_id: uuid.UUID) -> tuple[SignUp | None, Subscription | None]:
    record = session.get(SignUp, sign_up_id, with_for_update=True)
    if record is None:
        return None, None
    return record, session.get(Subscription, record.subscription_id, with_for_update=True)


def _standing(subscription: Subscription | None, epoch: int) -> Answer:
    if subscription is None:
        return Answer.OVER
    if subscription.state == State.CONFIRMED:
        return Answer.ALREADY
    if subscription.state in (State.COMPLAINED, State.ERASED):
        return Answer.OVER
    return Answer.DONE if subscription.epoch == epoch else Answer.LEFT


def _holding(record: SignUp | None, epoch: int) -> int:
    """The epoch for which a link holds: none, where its subscription has become another."""
    return epoch if record and record.epoch != OF_ANOTHER else OF_ANOTHER


def _was_asked_to_confirm(session: Session, record: SignUp) -> bool:
    kind = session.scalar(select(Message.kind).where(Message.sign_up_id == record.id))
    return kind == "confirmation"


def _confirm(
    session: Session,
    record: SignUp | _Asked,
    subscription: Subscription,
    method: str,
    now: datetime,
) -> None:
    _begin(subscription, record.lang, now)
    subscription.soft_bounces = 0
    session.add(
        Consent(
            subscription_id=subscription.id,
            consent_text_id=record.consent_text_id,
            site=record.site,
            lang=record.lang,
            method=method,
            asked_at=record.asked_at,
            given_at=now,
        )
    )
    _call_back(session, subscription.id)
    _tell(session, Event.CONFIRMED, record, subscription, now, method=method)


def told(
    newsletter: str,
    subscriber_id: uuid.UUID,
    address: str | None,
    *,
    site: str | None = None,
    lang: str | None = None,
    **more: str,
) -> dict[str, str | None]:
    """What programs are told of a change of a subscription. newsletter: its slug. more: how it
    was confirmed (method), or why it ended (reason)."""
    return {
        "subscriber": str(subscriber_id),
        "newsletter": newsletter,
        "address": address,
        "site": site,
        "lang": lang,
        **more,
    }


def tell_ended(session: Session, subscription: Subscription, reason: str, now: datetime) -> None:
    """Tells programs that somebody is not to be written to any more. reason: "left", or the state
    that the subscription has now."""
    _tell(session, Event.UNSUBSCRIBED, None, subscription, now, reason=reason)


def _tell(
    session: Session,
    event: Event,
    asked: SignUp | _Asked | Consent | None,
    subscription: Subscription,
    now: datetime,
    *,
    is_sent: bool = True,
    **more: str,
) -> None:
    def data() -> dict[str, str | None]:
        return told(
            subscription.newsletter.slug,
            subscription.subscriber_id,
            subscription.subscriber.address,
            site=asked.site if asked else None,
            lang=asked.lang if asked else lang_of_subscription(session, subscription.id),
            **more,
        )

    webhooks.tell(session, event, data, now, subscription.subscriber_id, is_sent=is_sent)


def _call_back(session: Session, subscription_id: uuid.UUID) -> None:
    """What is still on its way for this subscription asks for nothing any more: it is not sent."""
    asked = select(SignUp.id).where(SignUp.subscription_id == subscription_id)
    session.execute(
        update(Message)
        .where(
            Message.state == MessageState.WAITING,
            Message.leased_until.is_(None),
            Message.sign_up_id.in_(asked),
        )
        .values(state=MessageState.VOID)
    )


def _begin(subscription: Subscription, lang: str, now: datetime) -> None:
    """Confirmed, and wanted from now on, in the language in which it was asked for."""
    _change(subscription, State.CONFIRMED, now)
    subscription.lang = lang
    subscription.paused_until = None
    subscription.soft_bounces = 0


def _change(subscription: Subscription, state: State, now: datetime) -> None:
    subscription.state = state
    subscription.epoch += 1
    subscription.changed_at = now
