"""Conflicts of a fusion say how much border they have by themselves, so that lengths may be added up.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the length; of fusions stored before, all of a conflict's borders are taken as its own."""
    op.add_column(
        "fusion_conflict",
        sa.Column(
            "own_length_m",
            sa.Double(),
            nullable=True,
            comment="borders divided among the conflicts of its kind",
        ),
    )
    op.execute("UPDATE fusion_conflict SET own_length_m = length_m")
    op.alter_column("fusion_conflict", "own_length_m", nullable=False)


def downgrade() -> None:
    """Forget the lengths."""
    op.drop_column("fusion_conflict", "own_length_m")
