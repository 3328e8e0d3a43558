"""Territories, their layers and levels, the versions of their zones, and what became of codes from one to the next."""

from datetime import datetime
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy import text as expression
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models.base import CODE_FORMAT, ZONE_CODE_FORMAT, Base, geometry, identity, now, one_of, valid


class Territory(Base):
    """辖区: the polygon that partitions cover."""

    __tablename__ = "territory"
    id: Mapped[int] = identity()
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    boundary: Mapped[WKBElement] = geometry("MULTIPOLYGON")
    metric_srid: Mapped[int] = mapped_column(comment="EPSG code in which its lengths and areas are measured")
    synthetic: Mapped[bool]
    source: Mapped[str]
    data_date: Mapped[str]
    notes: Mapped[list[str]] = mapped_column(server_default=expression("'{}'"))
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        CheckConstraint(CODE_FORMAT, name="code_format"),
        valid("boundary"),
        Index("ix_territory_boundary", "boundary", postgresql_using="gist"),
    )


class Layer(Base):
    """图层/条线: one family of zones with one purpose."""

    __tablename__ = "layer"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    code: Mapped[str]
    name: Mapped[str]
    position: Mapped[int] = mapped_column(SmallInteger, server_default=expression("0"))
    __table_args__ = (
        UniqueConstraint("territory_id", "code"),
        CheckConstraint(CODE_FORMAT, name="code_format"),
    )


class Level(Base):
    """层级 of a layer."""

    __tablename__ = "level"
    id: Mapped[int] = identity()
    layer_id: Mapped[int] = mapped_column(ForeignKey("layer.id", ondelete="CASCADE"))
    code: Mapped[str]
    name: Mapped[str]
    rank: Mapped[int] = mapped_column(SmallInteger)
    parent_level_id: Mapped[int | None] = mapped_column(ForeignKey("level.id"))
    partition: Mapped[bool] = mapped_column(comment="law 1 holds for it")
    __table_args__ = (
        UniqueConstraint("layer_id", "code"),
        CheckConstraint(CODE_FORMAT, name="code_format"),
    )


class Version(Base):
    """版本: what was published (or the draft that will be): immutable from then on."""

    __tablename__ = "version"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    number: Mapped[int]
    code: Mapped[str] = mapped_column(unique=True, comment="version id that every answer carries: monaco-v3")
    status: Mapped[str] = mapped_column(server_default="draft")
    reason: Mapped[str] = mapped_column(server_default="")
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    published_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("assignment_run.id", use_alter=True), comment="the assignment run that readers follow"
    )
    checked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        UniqueConstraint("territory_id", "number"),
        one_of("status", "draft", "published"),
        CheckConstraint("status = 'draft' OR valid_from IS NOT NULL", name="published_since"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="valid_span"),
        Index(
            "ix_version_current",
            "territory_id",
            unique=True,
            postgresql_where=expression("status = 'published' AND valid_to IS NULL"),
        ),
    )


class Zone(Base):
    """网格、片区、社区: one (Multi)Polygon of a version at a level."""

    __tablename__ = "zone"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"))
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("zone.id"))
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="general")
    staff: Mapped[list[dict[str, Any]]] = mapped_column(server_default=expression("'[]'"))
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    area_m2: Mapped[float]
    perimeter_m: Mapped[float]
    geom: Mapped[WKBElement] = geometry("MULTIPOLYGON")
    __table_args__ = (
        UniqueConstraint("version_id", "level_id", "code"),
        CheckConstraint(ZONE_CODE_FORMAT, name="code_format"),
        one_of("kind", "general", "dedicated"),
        CheckConstraint("area_m2 > 0 AND perimeter_m > 0", name="measured"),
        valid("geom"),
        Index("ix_zone_geom", "geom", postgresql_using="gist"),
        Index("ix_zone_parent", "parent_id"),
    )


class Lineage(Base):
    """What became of a code when a version was published: splits, mergers, deletions, new numbers."""

    __tablename__ = "lineage"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(
        ForeignKey("version.id", ondelete="CASCADE"),
        index=True,
        comment="the version in which the code on the right stands",
    )
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    from_code: Mapped[str | None] = mapped_column(
        comment="of the version before; NULL: drawn where nothing was"
    )
    to_code: Mapped[str | None] = mapped_column(comment="NULL: abolished without heir")
    operation: Mapped[str]
    __table_args__ = (CheckConstraint("coalesce(from_code, to_code) IS NOT NULL", name="some_code"),)


class VersionMove(Base):
    """迁移清单 as published: one subject whose zone at a level is another than in the version before."""

    __tablename__ = "version_move"
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), primary_key=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"), primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    from_code: Mapped[str | None] = mapped_column(comment="zone in the version before; NULL: in none")
    to_code: Mapped[str | None] = mapped_column(comment="zone in this version; NULL: in none")
    revision: Mapped[int | None] = mapped_column(comment="the change of the plan that moved it last")
