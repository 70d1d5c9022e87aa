"""The ground floor: tables, one noun a file, and the database that holds them."""

from widgets.models.audit import AuditEntry
from widgets.models.base import Base
from widgets.models.database import Database
from widgets.models.editor import Editor, EditorSession, Role, SignInLink
from widgets.models.fact import Fact
from widgets.models.feed import Feed, Post
from widgets.models.invitation import Invitation, Reply
from widgets.models.job import Job, JobState
from widgets.models.member import Contact, Member, Sighting, Site
from widgets.models.newsletter import ConsentText, Newsletter, NewsletterText
from widgets.models.outbox import Message, MessageState
from widgets.models.signing import Signing, SigningState
from widgets.models.statement import (
    Consented,
    Image,
    Opening,
    Preview,
    Signatory,
    Standing,
    Statement,
    Translation,
    Version,
)
from widgets.models.subscriber import (
    Consent,
    SignUp,
    State,
    Subscriber,
    Subscription,
    Suppression,
)

__all__ = [
    "AuditEntry",
    "Base",
    "Consent",
    "ConsentText",
    "Consented",
    "Contact",
    "Database",
    "Editor",
    "EditorSession",
    "Fact",
    "Feed",
    "Image",
    "Invitation",
    "Job",
    "JobState",
    "Member",
    "Message",
    "MessageState",
    "Newsletter",
    "NewsletterText",
    "Opening",
    "Post",
    "Preview",
    "Reply",
    "Role",
    "Sighting",
    "SignInLink",
    "SignUp",
    "Signatory",
    "Signing",
    "SigningState",
    "Site",
    "Standing",
    "State",
    "Statement",
    "Subscriber",
    "Subscription",
    "Suppression",
    "Translation",
    "Version",
]
