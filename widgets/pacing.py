"""How many mails go to one mailbox and to one domain, whatever they ask to confirm: sign-ups for
newsletters, signatures and new addresses are counted together, so that nobody's inbox is flooded by
us."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from widgets.models import AddressChange, Signing, SignUp
from widgets.models.database import one_at_a_time

LONGEST_WAIT = timedelta(hours=12)  # for the turn of one's domain; after that, no mail at all
_COUNTED = (SignUp, Signing, AddressChange)  # each row is one press, and at most one mail


@dataclass(frozen=True)
class Limits:
    """How many confirmation mails may go out; see widgets.settings."""

    per_mailbox: int  # in 24 hours
    per_domain: int  # in an hour; what is over is sent later, at this pace
    unlimited_domains: frozenset[str]


def turn(
    session: Session,
    limits: Limits,
    mailbox: str,
    domain: str | None,
    now: datetime,
    *,
    besides: int = 0,
) -> datetime | None:
    """When one more mail may go to this mailbox; None: not at all. Both are keyed hashes. domain:
    None where its limit does not hold. besides: how many mails of other kinds went to the mailbox
    in these 24 hours. Whoever asks for the same mailbox waits until the caller's transaction ends,
    or two could both be the last one allowed."""
    one_at_a_time(session, mailbox)
    in_mailbox = besides + _mailed_since(session, mailbox, now - timedelta(days=1))
    at = now if domain is None else _turn_of_domain(session, domain, limits, now)
    return at if in_mailbox < limits.per_mailbox and at - now <= LONGEST_WAIT else None


def _mailed_since(session: Session, mailbox: str, since: datetime) -> int:
    return sum(
        session.scalar(
            select(func.count()).where(
                model.mailbox == mailbox, model.send_at.is_not(None), model.asked_at > since
            )
        )
        or 0
        for model in _COUNTED
    )


def _turn_of_domain(session: Session, domain: str, limits: Limits, now: datetime) -> datetime:
    """When this domain may be written to once more: an hour after its per_domain-th latest mail,
    so that no hour has more."""
    one_at_a_time(session, domain)
    latest = union_all(
        *(
            select(model.send_at.label("send_at"))
            .where(model.domain == domain, model.send_at > now - timedelta(hours=1))
            .order_by(model.send_at.desc())
            .limit(limits.per_domain)
            .subquery()
            .select()
            for model in _COUNTED
        )
    ).subquery()
    earlier = session.scalar(
        select(latest.c.send_at)
        .order_by(latest.c.send_at.desc())
        .offset(limits.per_domain - 1)
        .limit(1)
    )
    return max(now, earlier + timedelta(hours=1)) if earlier else now
