"""The console

Editors and how they sign in; drafts, versions and previews of statements; members, their contacts
and sites; invitations to endorse; open letters; background jobs; the audit.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

from widgets.models.base import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("editor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_editor_id"), "audit", ["editor_id"])
    op.create_index(op.f("ix_audit_kind_subject_id"), "audit", ["kind", "subject", "id"])
    op.create_table(
        "editors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("totp_secret", sa.String(length=64), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editors")),
        sa.UniqueConstraint("address", name=op.f("uq_editors_address")),
    )
    op.create_table(
        "sightings",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("widget", sa.String(length=160), nullable=False),
        sa.Column("member_slug", sa.String(length=64), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "widget", "member_slug", name=op.f("pk_sightings")),
    )
    op.create_index(
        op.f("ix_sightings_widget_member_slug_day"), "sightings", ["widget", "member_slug", "day"]
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_slug"],
            ["members.slug"],
            name=op.f("fk_contacts_member_slug"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("member_slug", "address", name=op.f("uq_contacts_member_slug_address")),
    )
    op.create_table(
        "editor_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("editor_id", sa.Integer(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("verified_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["editor_id"], ["editors.id"], name=op.f("fk_editor_sessions_editor_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editor_sessions")),
        sa.UniqueConstraint("token", name=op.f("uq_editor_sessions_token")),
    )
    op.create_index(op.f("ix_editor_sessions_editor_id"), "editor_sessions", ["editor_id"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("editor_id", sa.Integer(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("leased_by", sa.String(length=128), nullable=True),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["editor_id"], ["editors.id"], name=op.f("fk_jobs_editor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_state_created_at"), "jobs", ["state", "created_at"])
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("editor_id", sa.Integer(), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["editor_id"], ["editors.id"], name=op.f("fk_sign_in_links_editor_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
    )
    op.create_index(op.f("ix_sign_in_links_editor_id"), "sign_in_links", ["editor_id"])
    op.create_table(
        "sites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_slug", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_slug"], ["members.slug"], name=op.f("fk_sites_member_slug"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("origin", name=op.f("uq_sites_origin")),
    )
    op.create_index(op.f("ix_sites_member_slug"), "sites", ["member_slug"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("member_slug", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("reminded_at", UtcDateTime(), nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("reply", sa.String(length=16), nullable=True),
        sa.Column("replied_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_invitations_contact_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["member_slug"],
            ["members.slug"],
            name=op.f("fk_invitations_member_slug"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_invitations_statement_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint(
            "statement_id", "contact_id", name=op.f("uq_invitations_statement_id_contact_id")
        ),
    )
    op.create_index(
        op.f("ix_invitations_statement_id_member_slug"),
        "invitations",
        ["statement_id", "member_slug"],
    )
    op.create_table(
        "previews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_previews_statement_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_previews")),
    )
    op.create_index(op.f("ix_previews_created_at"), "previews", ["created_at"])
    op.create_table(
        "signings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("affiliation", sa.Text(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("folded_affiliation", sa.Text(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("shows_name", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=True),
        sa.Column("lang", sa.String(length=35), nullable=False),
        sa.Column("mailbox", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("consent_text_id", sa.Integer(), nullable=True),
        sa.Column("send_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_text_id"], ["consent_texts.id"], name=op.f("fk_signings_consent_text_id")
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_signings_statement_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signings")),
    )
    op.create_index(op.f("ix_signings_domain_send_at"), "signings", ["domain", "send_at"])
    op.create_index(op.f("ix_signings_mailbox_asked_at"), "signings", ["mailbox", "asked_at"])
    signed = sa.text("state IN ('confirmed', 'listed', 'refused')")
    op.create_index(
        "ix_signings_one_of_an_address",
        "signings",
        ["statement_id", "key"],
        unique=True,
        sqlite_where=signed,
        postgresql_where=signed,
    )
    for column in ("key", "folded_name"):
        op.create_index(
            op.f(f"ix_signings_statement_id_{column}"), "signings", ["statement_id", column]
        )
    op.create_index(
        op.f("ix_signings_statement_id_state_shows_name"),
        "signings",
        ["statement_id", "state", "shows_name"],
    )
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_versions_statement_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
        sa.UniqueConstraint(
            "statement_id", "lang", "number", name=op.f("uq_versions_statement_id_lang_number")
        ),
    )

    with op.batch_alter_table("consents") as table:
        table.add_column(sa.Column("evidence", sa.Text(), nullable=True))
        table.alter_column("consent_text_id", existing_type=sa.Integer(), nullable=True)
    _widen(
        "members",
        (
            sa.Column("names", sa.JSON(), nullable=False, server_default="{}"),
            sa.Column("country", sa.String(length=2), nullable=True),
            sa.Column("left_at", UtcDateTime(), nullable=True),
        ),
    )
    _widen(
        "statements",
        (
            sa.Column("focus_x", sa.Integer(), nullable=False, server_default="50"),
            sa.Column("focus_y", sa.Integer(), nullable=False, server_default="30"),
            sa.Column("standing", sa.String(length=16), nullable=False, server_default="published"),
            sa.Column("publish_at", UtcDateTime(), nullable=True),
            sa.Column("correction", sa.Text(), nullable=True),
            sa.Column("corrected_on", sa.Date(), nullable=True),
            sa.Column("withdrawal", sa.Text(), nullable=True),
            sa.Column("endorse_until", UtcDateTime(), nullable=True),
            sa.Column("opening", sa.String(length=16), nullable=False, server_default="no"),
            sa.Column("version", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("folded", sa.Text(), nullable=False, server_default=""),
        ),
    )
    op.execute("UPDATE statements SET standing = 'withdrawn' WHERE withdrawn_on IS NOT NULL")
    op.create_index(op.f("ix_statements_publish_at"), "statements", ["publish_at"])
    _widen(
        "translations",
        (
            sa.Column("correction", sa.Text(), nullable=True),
            sa.Column("withdrawal", sa.Text(), nullable=True),
            sa.Column("version", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("folded", sa.Text(), nullable=False, server_default=""),
        ),
    )
    with op.batch_alter_table("signatories") as table:
        table.add_column(
            sa.Column("consented", sa.String(length=16), nullable=False, server_default="file")
        )
        table.add_column(sa.Column("note", sa.Text(), nullable=True))
        table.add_column(sa.Column("member_slug", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("signing_id", sa.Uuid(), nullable=True))
        _point(table, "signatories", "member_slug", "members", "slug", "SET NULL")
        _point(table, "signatories", "signing_id", "signings", "id", "CASCADE")
    with op.batch_alter_table("outbox") as table:
        table.alter_column("sign_up_id", existing_type=sa.Uuid(), nullable=True)
        for column, there in (
            ("sign_in_link_id", "sign_in_links"),
            ("invitation_id", "invitations"),
            ("signing_id", "signings"),
        ):
            table.add_column(sa.Column(column, sa.Uuid(), nullable=True))
            _point(table, "outbox", column, there, "id", "CASCADE")
        table.add_column(sa.Column("editor_id", sa.Integer(), nullable=True))
        _point(table, "outbox", "editor_id", "editors", "id", "CASCADE")
    _refuse_changes_of_the_audit()


def _widen(table: str, columns: Iterable[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _point(
    batch: BatchOperations, table: str, column: str, there: str, key: str, on_delete: str
) -> None:
    name = op.f(f"fk_{table}_{column}")
    batch.create_foreign_key(name, there, [column], [key], ondelete=on_delete)
    batch.create_index(op.f(f"ix_{table}_{column}"), [column])


def _refuse_changes_of_the_audit() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_refuses_{change.lower()} BEFORE {change} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )
