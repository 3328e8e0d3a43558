"""A second person's approval of a draft version that is no plan: loaded from files, or repaired.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "version_approval",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column(
            "asked_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("given_by", sa.BigInteger(), nullable=True),
        sa.Column("given_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "given_by IS DISTINCT FROM asked_by OR given_by IS NULL",
            name=op.f("ck_version_approval_second_person"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["version.id"],
            name=op.f("fk_version_approval_version_id_version"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["account.id"], name=op.f("fk_version_approval_asked_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["given_by"], ["account.id"], name=op.f("fk_version_approval_given_by_account")
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_version_approval")),
    )


def downgrade() -> None:
    """Forget the approvals."""
    op.drop_table("version_approval")
