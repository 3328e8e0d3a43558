"""Proposals of grids along street blocks: what was asked, its figures, its zones.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "partition_proposal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column(
            "options",
            postgresql.JSONB(),
            nullable=False,
            comment="within, number of grids, limits of households, keep, seed",
        ),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column(
            "messages", postgresql.ARRAY(sa.Text()), nullable=False, comment="what a planner has to know"
        ),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column(
            "made_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["version.id"],
            name=op.f("fk_partition_proposal_version_id_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partition_proposal")),
    )
    op.create_index(op.f("ix_partition_proposal_version_id"), "partition_proposal", ["version_id"])
    op.create_table(
        "partition_zone",
        sa.Column("proposal_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True, comment="zone that most of its households were in"),
        sa.Column("household", sa.BigInteger(), nullable=False),
        sa.Column("area_m2", sa.Float(), nullable=False),
        sa.Column("compactness", sa.Float(), nullable=False),
        sa.Column(
            "note", sa.Text(), nullable=False, comment="why it is outside the limits; empty: it is not"
        ),
        sa.Column("attributes", postgresql.JSONB(), nullable=False),
        sa.Column("geom", Geometry("GEOMETRY", srid=4490, spatial_index=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["partition_proposal.id"],
            name=op.f("fk_partition_zone_proposal_id_partition_proposal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("proposal_id", "code", name=op.f("pk_partition_zone")),
    )


def downgrade() -> None:
    """Forget the proposals."""
    op.drop_table("partition_zone")
    op.drop_table("partition_proposal")
