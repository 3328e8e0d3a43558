"""Rule profiles: what each office asks of its grids, as data that it edits. And when a change was last done or undone.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, empty: a territory without a row follows the defaults. Add the column to changes."""
    op.add_column(
        "change",
        sa.Column(
            "touched",
            sa.BigInteger(),
            nullable=True,
            comment="revision of the plan at which it was last done, undone or redone",
        ),
    )
    # When former changes were undone is not known: as late as can be, so that nobody misses one.
    op.execute("UPDATE change SET touched = p.revision FROM plan p WHERE p.id = change.plan_id")
    op.alter_column("change", "touched", nullable=False)
    op.create_table(
        "rule_profile",
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "rules",
            postgresql.JSONB(),
            nullable=False,
            comment="one object per rule and level: rule, level, least, most, on, source, verified",
        ),
        sa.Column("number_format", postgresql.JSONB(), nullable=False, comment="segments of a zone's code"),
        sa.Column(
            "approval",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether a second person approves a plan before it is published",
        ),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "changed_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("changed_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_rule_profile_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["account.id"], name=op.f("fk_rule_profile_changed_by_account")
        ),
        sa.PrimaryKeyConstraint("territory_id", name=op.f("pk_rule_profile")),
    )


def downgrade() -> None:
    """Forget the profiles, and the column."""
    op.drop_table("rule_profile")
    op.drop_column("change", "touched")
