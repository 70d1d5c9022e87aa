"""The ground floor: tables, one noun a file, and the database that holds them."""

from widgets.models.audit import AuditEntry
from widgets.models.base import Base
from widgets.models.bounce import Bounce, BounceKind
from widgets.models.database import Database
from widgets.models.digest import (
    LAST,
    Digest,
    DigestEdition,
    DigestState,
    DigestStatement,
    DigestText,
)
from widgets.models.editor import Editor, EditorSession, Role, SignInLink
from widgets.models.fact import Fact
from widgets.models.feed import Feed, Post
from widgets.models.invitation import Invitation, Reply
from widgets.models.job import Job, JobState
from widgets.models.member import Contact, Member, Sighting, Site
from widgets.models.newsletter import ConsentText, Newsletter, NewsletterText, Rhythm
from widgets.models.outbox import Message, MessageState
from widgets.models.partner import Partner, PartnerEntry
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
    AddressChange,
    Consent,
    FormerSubscription,
    SignUp,
    State,
    Subscriber,
    Subscription,
    Suppression,
)
from widgets.models.webhook import ApiKey, CallState, Webhook, WebhookCall

__all__ = [
    "LAST",
    "AddressChange",
    "ApiKey",
    "AuditEntry",
    "Base",
    "Bounce",
    "BounceKind",
    "CallState",
    "Consent",
    "ConsentText",
    "Consented",
    "Contact",
    "Database",
    "Digest",
    "DigestEdition",
    "DigestState",
    "DigestStatement",
    "DigestText",
    "Editor",
    "EditorSession",
    "Fact",
    "Feed",
    "FormerSubscription",
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
    "Partner",
    "PartnerEntry",
    "Post",
    "Preview",
    "Reply",
    "Rhythm",
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
    "Webhook",
    "WebhookCall",
]
