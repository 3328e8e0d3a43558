"""Edits have a key that their sender made up, so that one that is sent again is not made again.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the key; edits made before have none."""
    op.add_column(
        "change",
        sa.Column("key", sa.Text(), nullable=True, comment="made up by who sent the edit; NULL without one"),
    )
    op.create_unique_constraint("uq_change_plan_id_key", "change", ["plan_id", "key"])


def downgrade() -> None:
    """Forget the keys."""
    op.drop_constraint("uq_change_plan_id_key", "change")
    op.drop_column("change", "key")
