"""The sign-up form, and a form token that needs no session.

The form is shown in frames on other sites, where a cookie would be blocked, and it is cached,
so its token can belong to nobody. It proves that the form was ours and is not older than a week,
and says which wording of the consent it showed.
"""

import time
from typing import Any
from urllib.parse import parse_qsl

from flask import Request, request
from flask_wtf import FlaskForm
from werkzeug.formparser import FormDataParser
from wtforms import StringField
from wtforms.csrf.core import CSRF
from wtforms.validators import ValidationError

from widgets.languages import N_, gettext
from widgets.links import BadLink, ExpiredLink, Links
from widgets.newsletters import Form

STALE = N_(
    "This page had been open for a long time. Your address is still here: please press again."
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


class FormToken(CSRF):
    """WTForms' CSRF protection on Links.form instead of on a session."""

    def setup_form(self, form: Any) -> Any:
        self.links: Links = form.meta.csrf_context["links"]
        self.shown: Form = form.meta.csrf_context["shown"]
        return super().setup_form(form)

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        return self.links.form(self.shown.slug, self.shown.consent_text_id, this_hour())

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        try:
            form.agreed_to = self.links.read_form(field.data or "", self.shown.slug, this_hour())
        except ExpiredLink:
            raise ValidationError(gettext(STALE)) from None
        except BadLink:
            raise ValidationError(gettext(NOT_OURS)) from None


class SignUpForm(FlaskForm):  # type: ignore[misc]
    """address: as typed; subject: the honeypot, which no person sees; agreed_to: after
    validation, the id of the consent text that the reader was shown."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = True
        csrf_class = FormToken
        csrf_field_name = "token"

    address = StringField()
    subject = StringField()
    agreed_to: int | None = None

    @classmethod
    def of(cls, links: Links, shown: Form) -> "SignUpForm":
        """The form of a newsletter, filled in from the request where that is a POST."""
        return cls(
            formdata=request.form if request.method == "POST" else None,
            meta={"csrf_context": {"links": links, "shown": shown}},
        )

    def token_problem(self) -> str | None:
        """A sentence for the reader where the token is not good; checks it."""
        self.validate()
        return str(self.token.errors[0]) if self.token.errors else None


def this_hour() -> int:
    """Hours since 1970."""
    return int(time.time() // 3600)


def seconds_left_in_hour() -> float:
    return 3600 - time.time() % 3600
