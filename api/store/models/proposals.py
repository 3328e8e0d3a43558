"""Proposed grids: departments' layers fused (多格合一), and ground divided along street blocks (划格建议)."""

from datetime import datetime
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import ARRAY, BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models.base import Base, geometry, identity, now


class Fusion(Base):
    """多格合一: several departments' layers of a version reconciled into one proposal."""

    __tablename__ = "fusion"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), unique=True)
    layers: Mapped[list[str]]
    leading: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(comment="leading layer as asked, pins, profile, within")
    agreed_kept: Mapped[float]
    crosswalk: Mapped[list[dict[str, Any]]] = mapped_column(comment="old grid, new grid, cells, shares")
    unassigned: Mapped[list[dict[str, Any]]]
    made_by: Mapped[str]
    made_at: Mapped[datetime] = now()


class FusionConflict(Base):
    """A place where departments' borders disagree."""

    __tablename__ = "fusion_conflict"
    id: Mapped[int] = identity()
    fusion_id: Mapped[int] = mapped_column(ForeignKey("fusion.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str]
    departments: Mapped[list[str]]
    codes: Mapped[dict[str, Any]] = mapped_column(comment="layer: its zones there")
    length_m: Mapped[float]
    own_length_m: Mapped[float] = mapped_column(comment="borders divided among the conflicts of its kind")
    area_m2: Mapped[float]
    width_m: Mapped[float | None]
    household: Mapped[int]
    business: Mapped[int]
    institution: Mapped[int]
    people: Mapped[int]
    message: Mapped[str]
    message_en: Mapped[str]
    geom: Mapped[WKBElement] = geometry("GEOMETRY")
    __table_args__ = (
        UniqueConstraint("fusion_id", "number"),
        Index("ix_fusion_conflict_geom", "geom", postgresql_using="gist"),
    )


class FusionGrid(Base):
    """A grid of the proposal."""

    __tablename__ = "fusion_grid"
    id: Mapped[int] = identity()
    fusion_id: Mapped[int] = mapped_column(ForeignKey("fusion.id", ondelete="CASCADE"))
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    leading: Mapped[list[str]]
    sources: Mapped[dict[str, Any]] = mapped_column(comment="layer: old grids that it has ground of")
    cells: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    area_m2: Mapped[float]
    household: Mapped[int]
    business: Mapped[int]
    institution: Mapped[int]
    people: Mapped[int]
    people_unknown: Mapped[int] = mapped_column(comment="households whose people are unknown")
    rule: Mapped[str] = mapped_column(comment="how it breaks the rules of size; empty: it does not")
    explanation: Mapped[str]
    geom: Mapped[WKBElement] = geometry("GEOMETRY")
    __table_args__ = (
        UniqueConstraint("fusion_id", "code"),
        Index("ix_fusion_grid_geom", "geom", postgresql_using="gist"),
    )


class FusionCell(Base):
    """An atomic piece of ground: in one zone of each layer, or in none."""

    __tablename__ = "fusion_cell"
    fusion_id: Mapped[int] = mapped_column(ForeignKey("fusion.id", ondelete="CASCADE"), primary_key=True)
    cell: Mapped[int] = mapped_column(primary_key=True)
    codes: Mapped[dict[str, Any]] = mapped_column(comment="layer: code of the zone there, or null")
    grid: Mapped[str | None] = mapped_column(comment="code in the proposal; NULL: outside the territory")
    reason: Mapped[str | None]
    estate: Mapped[bool]
    inside: Mapped[bool]
    area_m2: Mapped[float]
    household: Mapped[int]
    business: Mapped[int]
    institution: Mapped[int]
    people: Mapped[int]
    people_unknown: Mapped[int] = mapped_column(comment="households whose people are unknown")
    geom: Mapped[WKBElement] = geometry("GEOMETRY")
    __table_args__ = (Index("ix_fusion_cell_geom", "geom", postgresql_using="gist"),)


class PartitionProposal(Base):
    """划格建议: grids drawn along street blocks for a level of a version."""

    __tablename__ = "partition_proposal"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    level: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(
        comment="within, number of grids, limits of households, keep, seed"
    )
    figures: Mapped[dict[str, Any]]
    messages: Mapped[list[str]] = mapped_column(comment="what a planner has to know")
    made_by: Mapped[str]
    made_at: Mapped[datetime] = now()


class PartitionZone(Base):
    """A grid of a proposal along street blocks."""

    __tablename__ = "partition_zone"
    proposal_id: Mapped[int] = mapped_column(
        ForeignKey("partition_proposal.id", ondelete="CASCADE"), primary_key=True
    )
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    parent: Mapped[str | None]
    before: Mapped[str | None] = mapped_column(comment="zone that most of its households were in")
    household: Mapped[int]
    area_m2: Mapped[float]
    compactness: Mapped[float]
    note: Mapped[str] = mapped_column(comment="why it is outside the limits; empty: it is not")
    attributes: Mapped[dict[str, Any]]
    geom: Mapped[WKBElement] = geometry("GEOMETRY")
