"""Alembic runs this; the connection, already in a transaction, comes from Database.upgrade."""

from alembic import context

from widgets.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
context.run_migrations()
