"""Sort keys

The columns are filled by widgets.signatories.bring_up_to_date, which every upgrade ends with.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    empty = sa.text("X''" if op.get_bind().dialect.name == "sqlite" else "''")
    for column in (
        sa.Column("sort_key", sa.LargeBinary(), nullable=False, server_default=empty),
        sa.Column("initial", sa.String(length=8), nullable=False, server_default=""),
        sa.Column("weight", sa.Integer(), nullable=False, server_default="100"),
    ):
        op.add_column("signatories", column)
    columns = ["statement_id", "sort_key", "position", "weight", "initial"]
    op.create_index(op.f(f"ix_signatories_{'_'.join(columns)}"), "signatories", columns)
