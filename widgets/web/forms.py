"""The sign-up form, that of an open letter, and a form token that needs no session.

The forms are shown in frames on other sites, where a cookie would be blocked, and they are cached,
so their token can belong to nobody. It proves that the form was ours and is not older than a week,
and says which wording of the consent it showed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import Request, request
from flask_wtf import FlaskForm
from werkzeug.formparser import FormDataParser
from wtforms import BooleanField, StringField
from wtforms.csrf.core import CSRF
from wtforms.validators import ValidationError

from widgets.languages import N_, gettext
from widgets.links import BadLink, ExpiredLink, Links
from widgets.newsletters import Form

STALE = N_(
    "This page had been open for a long time. Your address is still here: please press again."
)
STALE_SIGNATURE = N_(
    "This page had been open for a long time. What you typed is still here: please press again."
)
NOT_OURS = N_("We could not tell that this came from our form. Please press again.")


class _ForgivingParser(FormDataParser):
    """Reads what is not UTF-8 as the replacement character, which then stands in the field it
    came in. Werkzeug drops the whole form, or writes %FF into the field."""

    def _parse_urlencoded(
        self, stream: Any, _mimetype: str, _length: int | None, _options: dict[str, str]
    ) -> Any:
        pairs = parse_qsl(stream.read().decode(errors="replace"), keep_blank_values=True)
        return stream, self.cls(pairs), self.cls()


class ForgivingRequest(Request):
    form_data_parser_class = _ForgivingParser


@dataclass(frozen=True)
class About:
    """What the token of a form is about, and how Links makes and reads it. stale: what is said
    where it is too old."""

    slug: str
    consent_text_id: int
    make: Callable[[str, int, int], str]
    read: Callable[[str, str, int], int]
    stale: str


class FormToken(CSRF):
    """WTForms' CSRF protection on tokens of Links instead of on a session."""

    def setup_form(self, form: Any) -> Any:
        self.about: About = form.meta.csrf_context
        return super().setup_form(form)

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        return self.about.make(self.about.slug, self.about.consent_text_id, this_hour())

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        try:
            form.agreed_to = self.about.read(field.data or "", self.about.slug, this_hour())
        except ExpiredLink:
            raise ValidationError(gettext(self.about.stale)) from None
        except BadLink:
            raise ValidationError(gettext(NOT_OURS)) from None


class _OpenForm(FlaskForm):  # type: ignore[misc]
    """address: as typed; subject: the honeypot, which no person sees; agreed_to: after
    validation, the id of the consent text that the reader was shown."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = True
        csrf_class = FormToken
        csrf_field_name = "token"

    address = StringField()
    subject = StringField()
    agreed_to: int | None = None

    def token_problem(self) -> str | None:
        """A sentence for the reader where the token is not good; checks it."""
        self.validate()
        return str(self.token.errors[0]) if self.token.errors else None


class SignUpForm(_OpenForm):
    """To a newsletter."""

    @classmethod
    def of(cls, links: Links, shown: Form) -> "SignUpForm":
        """The form of a newsletter, filled in from the request where that is a POST."""
        about = About(shown.slug, shown.consent_text_id, links.form, links.read_form, STALE)
        return cls(formdata=_sent(), meta={"csrf_context": about})


class SignForm(_OpenForm):
    """Of an open letter. All are as typed; shows: "yes", "no" or nothing; wants: whether the
    newsletter is wanted too."""

    name = StringField()
    affiliation = StringField()
    country = StringField()
    shows = StringField()
    wants = BooleanField()

    @classmethod
    def of(cls, links: Links, slug: str, offered: Form | None) -> "SignForm":
        """The form of a statement with the newsletter that it offers, filled in from the request
        where that is a POST."""
        consent_text = offered.consent_text_id if offered else 0
        about = About(slug, consent_text, links.sign_form, links.read_sign_form, STALE_SIGNATURE)
        return cls(formdata=_sent(), meta={"csrf_context": about})


def _sent() -> Any:
    return request.form if request.method == "POST" else None


def this_hour() -> int:
    """Hours since 1970."""
    return int(time.time() // 3600)


def seconds_left_in_hour() -> float:
    return 3600 - time.time() % 3600
