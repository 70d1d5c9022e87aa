"""Long lists, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

T = TypeVar("T")
PER_PAGE = 50


@dataclass(frozen=True)
class Page(Generic[T]):
    """items: of page `number` (from 1) of `pages` (at least 1); total: how many there are."""

    items: Sequence[T]
    number: int
    pages: int
    total: int


def paged(session: Session, query: Select[Any], number: int, per: int = PER_PAGE) -> Page[Any]:
    """A page of a query for one kind of thing, in its order; the last page where `number` is
    beyond it."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    pages = max(1, -(-total // per))
    number = min(max(1, number), pages)
    items = session.scalars(query.limit(per).offset((number - 1) * per)).all()
    return Page(items, number, pages, total)
