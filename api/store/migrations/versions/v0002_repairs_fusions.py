"""Proposals of repair and what was accepted of them; fusions of departments' layers.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COUNTS = ("household", "business", "institution", "people")


def _geometry() -> sa.Column:  # type: ignore[type-arg]
    return sa.Column("geom", Geometry("GEOMETRY", srid=4490, spatial_index=False), nullable=False)


def _id() -> sa.Column:  # type: ignore[type-arg]
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _text(name: str, *, nullable: bool = False, comment: str | None = None) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment)


def _number(name: str, *, nullable: bool = False, comment: str | None = None) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.BigInteger(), nullable=nullable, comment=comment)


def _real(name: str, *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.Float(), nullable=nullable)


def _json(name: str, comment: str | None = None) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.JSONB(), nullable=False, comment=comment)


def _texts(name: str) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.ARRAY(sa.Text()), nullable=False)


def _numbers(name: str) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.ARRAY(sa.BigInteger()), nullable=False)


def _when(name: str = "made_at", *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    default = None if nullable else sa.text("now()")
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=nullable, server_default=default)


def _counts() -> list[sa.Column]:  # type: ignore[type-arg]
    return [_number(name) for name in COUNTS]


def _of(table: str, column: str, other: str, *, owned: bool = True) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=name, ondelete="CASCADE" if owned else None
    )


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "repair_run",
        _id(),
        _number("version_id"),
        _json("options", "levels, strategies, decisions, priority, guards"),
        _text("digest", comment="SHA-256 of the zones, exceptions and boundary it looked at"),
        _text("made_by"),
        _when(),
        _of("repair_run", "version_id", "version"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repair_run")),
        sa.UniqueConstraint("version_id", name=op.f("uq_repair_run_version_id")),
    )
    op.create_table(
        "repair_proposal",
        _id(),
        _number("run_id"),
        _number("level_id"),
        _number("number", comment="number of the fault on the map"),
        _text("status"),
        _text("kind"),
        _text("strategy", nullable=True),
        _texts("codes"),
        _text("recipient", nullable=True),
        _real("area_m2"),
        _json("changes", "zone code: square metres before and after"),
        _number("households", nullable=True),
        _number("people", nullable=True),
        _text("message", comment="what it does, or why not"),
        _text("message_en"),
        _geometry(),
        sa.CheckConstraint("status IN ('proposed', 'refused')", name=op.f("ck_repair_proposal_status_known")),
        _of("repair_proposal", "run_id", "repair_run"),
        _of("repair_proposal", "level_id", "level", owned=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repair_proposal")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_repair_proposal_run_id_number")),
    )
    op.create_table(
        "repair_acceptance",
        _id(),
        _number("version_id", comment="the draft"),
        _number("base_version_id"),
        _numbers("numbers"),
        _json("inverse", "geometries before, exceptions registered"),
        _text("made_by"),
        _when(),
        _when("undone_at", nullable=True),
        _of("repair_acceptance", "version_id", "version"),
        _of("repair_acceptance", "base_version_id", "version"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repair_acceptance")),
        sa.UniqueConstraint("version_id", name=op.f("uq_repair_acceptance_version_id")),
    )
    op.create_index(op.f("ix_repair_acceptance_base_version_id"), "repair_acceptance", ["base_version_id"])
    op.create_table(
        "fusion",
        _id(),
        _number("version_id"),
        _texts("layers"),
        _text("leading"),
        _json("options", "leading layer as asked, pins, profile, within"),
        _real("agreed_kept"),
        _json("crosswalk", "old grid, new grid, cells, shares"),
        _json("unassigned"),
        _text("made_by"),
        _when(),
        _of("fusion", "version_id", "version"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fusion")),
        sa.UniqueConstraint("version_id", name=op.f("uq_fusion_version_id")),
    )
    op.create_table(
        "fusion_conflict",
        _id(),
        _number("fusion_id"),
        _number("number"),
        _text("kind"),
        _texts("departments"),
        _json("codes", "layer: its zones there"),
        _real("length_m"),
        _real("area_m2"),
        _real("width_m", nullable=True),
        *_counts(),
        _text("message"),
        _text("message_en"),
        _geometry(),
        _of("fusion_conflict", "fusion_id", "fusion"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fusion_conflict")),
        sa.UniqueConstraint("fusion_id", "number", name=op.f("uq_fusion_conflict_fusion_id_number")),
    )
    op.create_table(
        "fusion_grid",
        _id(),
        _number("fusion_id"),
        _text("code"),
        _text("name"),
        _text("kind"),
        _texts("leading"),
        _json("sources", "layer: old grids that it has ground of"),
        _numbers("cells"),
        _real("area_m2"),
        *_counts(),
        _number("people_unknown", comment="households whose people are unknown"),
        _text("rule", comment="how it breaks the rules of size; empty: it does not"),
        _text("explanation"),
        _geometry(),
        _of("fusion_grid", "fusion_id", "fusion"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fusion_grid")),
        sa.UniqueConstraint("fusion_id", "code", name=op.f("uq_fusion_grid_fusion_id_code")),
    )
    op.create_table(
        "fusion_cell",
        _number("fusion_id"),
        _number("cell"),
        _json("codes", "layer: code of the zone there, or null"),
        _text("grid", nullable=True, comment="code in the proposal; NULL: outside the territory"),
        _text("reason", nullable=True),
        sa.Column("estate", sa.Boolean(), nullable=False),
        sa.Column("inside", sa.Boolean(), nullable=False),
        _real("area_m2"),
        *_counts(),
        _number("people_unknown", comment="households whose people are unknown"),
        _geometry(),
        _of("fusion_cell", "fusion_id", "fusion"),
        sa.PrimaryKeyConstraint("fusion_id", "cell", name=op.f("pk_fusion_cell")),
    )
    for table in ("fusion_conflict", "fusion_grid", "fusion_cell"):
        op.create_index(f"ix_{table}_geom", table, ["geom"], postgresql_using="gist")


def downgrade() -> None:
    """Remove them. What was proposed and accepted is forgotten; drafts made by it stay."""
    for table in (
        "fusion_cell",
        "fusion_grid",
        "fusion_conflict",
        "fusion",
        "repair_acceptance",
        "repair_proposal",
        "repair_run",
    ):
        op.drop_table(table)
