"""Alembic's entry point: runs the revisions on the connection that :mod:`api.store.schema` hands over."""

from __future__ import annotations

from alembic import context
from geoalchemy2 import alembic_helpers

from api.store.models import Base
from api.store.schema import is_ours

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_object=is_ours,
    process_revision_directives=alembic_helpers.writer,
    render_item=alembic_helpers.render_item,
    compare_server_default=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
