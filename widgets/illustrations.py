"""The picture that goes with a statement: what is said of it, and what a crop keeps of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from widgets import audit, statements, text, versions, writing
from widgets.audit import Actor
from widgets.images import StoredImage
from widgets.models import Statement, Translation
from widgets.models.fact import content_changed

LONGEST_ALT = 1000  # characters
LONGEST_CREDIT = 300
USUAL_FOCUS = (50, 30)  # per cent from the left and from the top


class BadPicture(Exception):
    """What is said of the picture can't be saved. problems: a sentence for each field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


class PictureOvertaken(Exception):
    """Somebody else has changed the picture, or what is said of it, meanwhile."""


def written(statement: Statement) -> dict[str, str]:
    """What stands in the fields of the form: alt and credit, and alt-fr and credit-fr for a
    translation."""
    fields = {"alt": statement.image_alt, "credit": statement.image_credit or ""}
    for one in statement.translations:
        fields[f"alt-{one.lang}"] = one.image_alt or ""
        fields[f"credit-{one.lang}"] = one.image_credit or ""
    return fields


def state(statement: Statement) -> str:
    """Changes with the picture and with all that is said of it."""
    digest = statement.image.digest if statement.image else None
    told = [digest, statement.focus_x, statement.focus_y, *sorted(written(statement).items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def describe(
    session: Session,
    number: int,
    typed: Mapping[str, str],
    picture: StoredImage | None,
    base: str,
    actor: Actor,
    now: datetime,
) -> list[str]:
    """Saves what is said of the picture, and another picture if there is one. base: the `state`
    that the form was filled with. Gives the digests of pictures whose files are to be removed once
    this is committed. Raises NoSuchStatement, BadPicture, PictureOvertaken.

    What was said in other languages of the picture before is not said of another one.
    """
    statement = writing.held(session, number)
    if state(statement) != base:
        raise PictureOvertaken
    is_another = picture is not None and (
        statement.image is None or statement.image.digest != picture.digest
    )
    fields = _checked(typed, statement, has_picture=bool(picture or statement.image))
    before = written(statement)
    if picture is not None and is_another:
        statement.image_id = statements.image_row(session, picture).id
        statement.focus_x, statement.focus_y = USUAL_FOCUS
    statement.image_alt = fields["alt"]
    statement.image_credit = fields["credit"] or None
    for one in statement.translations:
        for name, column in (("alt", "image_alt"), ("credit", "image_credit")):
            said = fields[f"{name}-{one.lang}"]
            if name == "alt" and is_another and said == before[f"alt-{one.lang}"]:
                said = ""
            setattr(one, column, said or None)
    _note(session, statement, [statement, *statement.translations], "changed the picture of",
          actor, now)  # fmt: skip
    return statements.forget_unused_pictures(session)


def focus(session: Session, number: int, x: int, y: int, actor: Actor, now: datetime) -> None:
    """Sets the point that every crop keeps, in per cent from the left and from the top. Raises
    NoSuchStatement, BadPicture."""
    statement = writing.held(session, number)
    if statement.image is None:
        raise BadPicture({"x": "There is no picture any more."})
    if not (0 <= x <= 100 and 0 <= y <= 100):
        raise BadPicture({"x": "Both are numbers from 0 to 100."})
    if (statement.focus_x, statement.focus_y) == (x, y):
        return
    statement.focus_x, statement.focus_y = x, y
    _note(session, statement, [], "changed the focal point of", actor, now, x=x, y=y)


def take_away(session: Session, number: int, actor: Actor, now: datetime) -> list[str]:
    """The statement has no picture any more, nor anything that was said of it. Gives digests as
    `describe` does. Raises NoSuchStatement."""
    statement = writing.held(session, number)
    if statement.image_id is None:
        return []
    statement.image_id, statement.image_alt, statement.image_credit = None, "", None
    statement.focus_x, statement.focus_y = USUAL_FOCUS
    for one in statement.translations:
        one.image_alt = one.image_credit = None
    _note(session, statement, [statement, *statement.translations],
          "took away the picture of", actor, now)  # fmt: skip
    return statements.forget_unused_pictures(session)


def _checked(
    typed: Mapping[str, str], statement: Statement, *, has_picture: bool
) -> dict[str, str]:
    fields: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name in written(statement):
        most = LONGEST_CREDIT if name.startswith("credit") else LONGEST_ALT
        given = typed.get(name, "")
        if len(given) > 4 * most or len(text.clean(given)) > most:
            problems[name] = f"This has more than {text.thousands(most, 'en')} characters."
        else:
            fields[name] = text.clean(given)
    if not has_picture:
        problems["file"] = "Choose a picture."
    elif "alt" in fields and not text.has_substance(fields["alt"]):
        problems["alt"] = "Say what is in the picture, for those who can’t see it."
    if problems:
        raise BadPicture(problems)
    return fields


def _note(
    session: Session,
    statement: Statement,
    rows: Sequence[Statement | Translation],
    action: str,
    actor: Actor,
    now: datetime,
    **details: int,
) -> None:
    statement.updated_at = now
    session.flush()
    for row in rows:
        versions.keep(session, row, actor, now)
    audit.record(session, actor, action, writing.subject(statement), now, **details)
    if statement.standing in statements.PUBLIC:
        content_changed(session)
