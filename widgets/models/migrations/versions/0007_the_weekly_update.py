"""The weekly update

Issues of newsletters, what subscribers wish of them, what bounced; webhooks, keys for programs, and
other tools that hold subscribers too.
"""

from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa
from alembic import op

from widgets.models.base import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _new_tables()
    _wider_tables()
    _what_is_known()


def _new_tables() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("start", sa.String(length=16), nullable=False),
        sa.Column("may_write", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("used_on", sa.Date(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key", name=op.f("uq_api_keys_key")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("disabled_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "address_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=False),
        sa.Column("mailbox", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("send_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_address_changes_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_changes")),
    )
    op.create_index(
        op.f("ix_address_changes_domain_send_at"), "address_changes", ["domain", "send_at"]
    )
    op.create_index(
        op.f("ix_address_changes_mailbox_asked_at"), "address_changes", ["mailbox", "asked_at"]
    )
    op.create_index(op.f("ix_address_changes_subscriber_id"), "address_changes", ["subscriber_id"])
    op.create_table(
        "digests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("rhythm", sa.String(length=8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("stopped_because", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("expanded", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_digests_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digests")),
        sa.UniqueConstraint(
            "newsletter_id", "number", name=op.f("uq_digests_newsletter_id_number")
        ),
    )
    op.create_index(
        op.f("ix_digests_newsletter_id_rhythm_state"),
        "digests",
        ["newsletter_id", "rhythm", "state"],
    )
    op.create_index(op.f("ix_digests_state"), "digests", ["state"])
    op.create_table(
        "partners",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("leased_by", sa.String(length=128), nullable=True),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("run_at", UtcDateTime(), nullable=True),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_partners_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partners")),
    )
    op.create_index(op.f("ix_partners_newsletter_id"), "partners", ["newsletter_id"])
    op.create_table(
        "webhook_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("subscriber_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("leased_by", sa.String(length=128), nullable=True),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_webhook_calls_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name=op.f("fk_webhook_calls_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_calls")),
    )
    op.create_index(
        op.f("ix_webhook_calls_state_not_before"), "webhook_calls", ["state", "not_before"]
    )
    op.create_index(op.f("ix_webhook_calls_subscriber_id"), "webhook_calls", ["subscriber_id"])
    op.create_index(
        op.f("ix_webhook_calls_webhook_id_created_at"),
        "webhook_calls",
        ["webhook_id", "created_at"],
    )
    op.create_table(
        "bounces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("subscriber_id", sa.Uuid(), nullable=True),
        sa.Column("digest_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=24), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digests.id"], name=op.f("fk_bounces_digest_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_bounces_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
    )
    op.create_index(op.f("ix_bounces_at"), "bounces", ["at"])
    op.create_index(op.f("ix_bounces_digest_id"), "bounces", ["digest_id"])
    op.create_index(op.f("ix_bounces_message_id"), "bounces", ["message_id"])
    op.create_index(op.f("ix_bounces_subscriber_id"), "bounces", ["subscriber_id"])
    op.create_table(
        "digest_editions",
        sa.Column("digest_id", sa.Uuid(), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["digests.id"],
            name=op.f("fk_digest_editions_digest_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest_id", "lang", name=op.f("pk_digest_editions")),
    )
    op.create_table(
        "digest_statements",
        sa.Column("digest_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_in", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["digests.id"],
            name=op.f("fk_digest_statements_digest_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_digest_statements_statement_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest_id", "statement_id", name=op.f("pk_digest_statements")),
    )
    op.create_index(
        op.f("ix_digest_statements_statement_id"), "digest_statements", ["statement_id"]
    )
    op.create_table(
        "digest_texts",
        sa.Column("digest_id", sa.Uuid(), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("introduction", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["digests.id"],
            name=op.f("fk_digest_texts_digest_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest_id", "lang", name=op.f("pk_digest_texts")),
    )
    op.create_table(
        "partner_entries",
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("remote_state", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_partner_entries_partner_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_partner_entries_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("partner_id", "subscription_id", name=op.f("pk_partner_entries")),
        sa.UniqueConstraint(
            "partner_id", "remote_id", name=op.f("uq_partner_entries_partner_id_remote_id")
        ),
    )
    op.create_index(
        op.f("ix_partner_entries_subscription_id"), "partner_entries", ["subscription_id"]
    )
    op.create_table(
        "former_subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_former_subscriptions_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_subscriptions")),
    )
    op.create_index(
        op.f("ix_former_subscriptions_subscription_id"),
        "former_subscriptions",
        ["subscription_id"],
    )


def _wider_tables() -> None:
    _widen(
        "newsletters",
        sa.Column("rhythm", sa.String(length=8), nullable=False, server_default="never"),
        sa.Column("weekday", sa.Integer(), nullable=False, server_default="3"),
        sa.Column("clock", sa.String(length=5), nullable=False, server_default="09:00"),
        sa.Column("zone", sa.String(length=64), nullable=False, server_default="UTC"),
        sa.Column("by_itself", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("only_urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("digests_since", UtcDateTime(), nullable=True),
    )
    _widen(
        "statements",
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("is_urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index(op.f("ix_statements_published_at"), "statements", ["published_at"])
    _widen(
        "subscriptions",
        sa.Column("lang", sa.String(length=35), nullable=True),
        sa.Column("rhythm", sa.String(length=8), nullable=True),
        sa.Column("topics", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("countries", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("soft_bounces", sa.Integer(), nullable=False, server_default="0"),
    )
    op.drop_index(op.f("ix_subscriptions_newsletter_id_state"), "subscriptions")
    op.create_index(
        op.f("ix_subscriptions_newsletter_id_state_id"),
        "subscriptions",
        ["newsletter_id", "state", "id"],
    )
    op.add_column("suppressions", sa.Column("until", UtcDateTime(), nullable=True))
    with op.batch_alter_table("outbox") as table:
        table.add_column(
            sa.Column("is_bulk", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.drop_index(op.f("ix_outbox_state_not_before"))
        table.create_index(
            op.f("ix_outbox_state_is_bulk_not_before"), ["state", "is_bulk", "not_before"]
        )
        for column, there in (
            ("subscriber_id", "subscribers"),
            ("address_change_id", "address_changes"),
            ("subscription_id", "subscriptions"),
            ("digest_id", "digests"),
        ):
            table.add_column(sa.Column(column, sa.Uuid(), nullable=True))
            table.create_foreign_key(
                op.f(f"fk_outbox_{column}"), there, [column], ["id"], ondelete="CASCADE"
            )
            if column != "digest_id":
                table.create_index(op.f(f"ix_outbox_{column}"), [column])
        table.create_index(
            op.f("ix_outbox_digest_id_state_settled_at"), ["digest_id", "state", "settled_at"]
        )
        table.create_unique_constraint(
            op.f("uq_outbox_digest_id_subscription_id"), ["digest_id", "subscription_id"]
        )


def _widen(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _what_is_known() -> None:
    """When what is public was published, as far as can be told; and the language of each
    subscription: that in which it was last asked for."""
    public = sa.table(
        "statements",
        sa.column("id", sa.Integer()),
        sa.column("published_on", sa.Date()),
        sa.column("published_at", UtcDateTime()),
        sa.column("standing", sa.String()),
    )
    connection = op.get_bind()
    rows = connection.execute(
        sa.select(public.c.id, public.c.published_on).where(
            public.c.standing.in_(("published", "withdrawn"))
        )
    ).all()
    for number, day in rows:
        connection.execute(
            public.update()
            .where(public.c.id == number)
            .values(published_at=datetime.combine(day, time(), UTC))
        )
    op.execute(
        "UPDATE subscriptions SET lang = coalesce("
        "(SELECT lang FROM sign_ups WHERE subscription_id = subscriptions.id "
        "ORDER BY asked_at DESC LIMIT 1), "
        "(SELECT lang FROM consents WHERE subscription_id = subscriptions.id "
        "ORDER BY id DESC LIMIT 1))"
    )
