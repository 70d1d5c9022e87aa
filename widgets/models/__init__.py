"""The ground floor: tables, one noun a file, and the database that holds them."""

from widgets.models.base import Base
from widgets.models.database import Database
from widgets.models.fact import Fact
from widgets.models.feed import Feed, Post
from widgets.models.member import Member
from widgets.models.newsletter import ConsentText, Newsletter, NewsletterText
from widgets.models.outbox import Message, MessageState
from widgets.models.statement import Image, Signatory, Statement, Translation
from widgets.models.subscriber import (
    Consent,
    SignUp,
    State,
    Subscriber,
    Subscription,
    Suppression,
)

__all__ = [
    "Base",
    "Consent",
    "ConsentText",
    "Database",
    "Fact",
    "Feed",
    "Image",
    "Member",
    "Message",
    "MessageState",
    "Newsletter",
    "NewsletterText",
    "Post",
    "SignUp",
    "Signatory",
    "State",
    "Statement",
    "Subscriber",
    "Subscription",
    "Suppression",
    "Translation",
]
