"""The tables of OneGrid (SQLAlchemy 2, GeoAlchemy2).

Geometry is lon/lat EPSG:4490 throughout. A *version* is immutable once published (a trigger holds it); its zones
belong to it alone. An *assignment run* is one complete answer to "which zone is each subject in" for a version:
readers follow ``version.run_id``, so that a new run takes the place of the old in one update.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy import (
    text as expression,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SRID = 4490

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

CODE_FORMAT = "code ~ '^[0-9A-Za-z_.-]{1,40}$'"


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own way
        str: Text,
        int: BigInteger,
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


def _geometry(kind: str, *, nullable: bool = False) -> Mapped[Any]:
    return mapped_column(Geometry(kind, srid=SRID, spatial_index=False), nullable=nullable)


def _id() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


def _valid(column: str) -> CheckConstraint:
    return CheckConstraint(
        f"{column} IS NULL OR (ST_IsValid({column}) AND NOT ST_IsEmpty({column}))", name=f"{column}_valid"
    )


def _on_globe(column: str) -> CheckConstraint:
    return CheckConstraint(
        f"{column} IS NULL OR (NOT ST_IsEmpty({column}) AND ST_X({column}) BETWEEN -180 AND 180"
        f" AND ST_Y({column}) BETWEEN -90 AND 90)",
        name=f"{column}_on_globe",
    )


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class Territory(Base):
    """辖区: the polygon that partitions cover."""

    __tablename__ = "territory"
    id: Mapped[int] = _id()
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    boundary: Mapped[WKBElement] = _geometry("MULTIPOLYGON")
    metric_srid: Mapped[int] = mapped_column(comment="EPSG code in which its lengths and areas are measured")
    synthetic: Mapped[bool]
    source: Mapped[str]
    data_date: Mapped[str]
    notes: Mapped[list[str]] = mapped_column(server_default=expression("'{}'"))
    created_at: Mapped[datetime] = _now()
    __table_args__ = (
        CheckConstraint(CODE_FORMAT, name="code_format"),
        _valid("boundary"),
        Index("ix_territory_boundary", "boundary", postgresql_using="gist"),
    )


class Layer(Base):
    """图层/条线: one family of zones with one purpose."""

    __tablename__ = "layer"
    id: Mapped[int] = _id()
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
    id: Mapped[int] = _id()
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
    id: Mapped[int] = _id()
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
    created_at: Mapped[datetime] = _now()
    __table_args__ = (
        UniqueConstraint("territory_id", "number"),
        _one_of("status", "draft", "published"),
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
    id: Mapped[int] = _id()
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
    geom: Mapped[WKBElement] = _geometry("MULTIPOLYGON")
    __table_args__ = (
        UniqueConstraint("version_id", "level_id", "code"),
        CheckConstraint(CODE_FORMAT, name="code_format"),
        _one_of("kind", "general", "dedicated"),
        CheckConstraint("area_m2 > 0 AND perimeter_m > 0", name="measured"),
        _valid("geom"),
        Index("ix_zone_geom", "geom", postgresql_using="gist"),
        Index("ix_zone_parent", "parent_id"),
    )


class Plan(Base):
    """方案: a draft that planners edit, based on one version."""

    __tablename__ = "plan"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    base_version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="open")
    revision: Mapped[int] = mapped_column(server_default=expression("0"))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = _now()
    access: Mapped[str] = mapped_column(server_default="territory")
    updated_at: Mapped[datetime] = _now()
    version_id: Mapped[int | None] = mapped_column(
        ForeignKey("version.id"), comment="the version that it became"
    )
    __table_args__ = (
        _one_of("status", "open", "archived", "published"),
        _one_of("access", "territory", "members"),
    )


class PlanMember(Base):
    """Whom a plan is shared with, and what for."""

    __tablename__ = "plan_member"
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str]
    __table_args__ = (_one_of("role", "viewer", "editor"),)


class PlanComment(Base):
    """What is said about a place of a plan, pinned on the map until it is resolved."""

    __tablename__ = "plan_comment"
    id: Mapped[int] = _id()
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    location: Mapped[WKBElement] = _geometry("POINT")
    made_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = _now()
    resolved_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    resolved_at: Mapped[datetime | None]
    __table_args__ = (_on_globe("location"),)


class PlanReply(Base):
    """An answer to a comment."""

    __tablename__ = "plan_reply"
    id: Mapped[int] = _id()
    comment_id: Mapped[int] = mapped_column(ForeignKey("plan_comment.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = _now()


class PlanApproval(Base):
    """A second person's approval of one revision of a plan, asked for or given."""

    __tablename__ = "plan_approval"
    plan_id: Mapped[int] = mapped_column(
        ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    revision: Mapped[int] = mapped_column(
        comment="of the plan that is approved; another revision needs a new approval"
    )
    note: Mapped[str] = mapped_column(server_default="")
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = _now()
    given_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    given_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("given_by IS DISTINCT FROM asked_by OR given_by IS NULL", name="second_person"),
    )


class VersionApproval(Base):
    """A second person's approval of a draft version, asked for or given; whatever changes its zones takes it away."""

    __tablename__ = "version_approval"
    version_id: Mapped[int] = mapped_column(
        ForeignKey("version.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    note: Mapped[str] = mapped_column(server_default="")
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = _now()
    given_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    given_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("given_by IS DISTINCT FROM asked_by OR given_by IS NULL", name="second_person"),
    )


class Lineage(Base):
    """What became of a code when a version was published: splits, mergers, deletions, new numbers."""

    __tablename__ = "lineage"
    id: Mapped[int] = _id()
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


class Change(Base):
    """变更: one edit of a plan, ``{put, delete}``, and its inverse."""

    __tablename__ = "change"
    id: Mapped[int] = _id()
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"))
    revision: Mapped[int]
    operation: Mapped[str]
    put: Mapped[list[dict[str, Any]]]
    delete: Mapped[list[dict[str, Any]]]
    inverse: Mapped[dict[str, Any]]
    lineage: Mapped[list[dict[str, Any]]] = mapped_column(
        server_default=expression("'[]'"), comment="pairs of keys: zones that took over from others"
    )
    reason: Mapped[str] = mapped_column(server_default="")
    undone: Mapped[bool] = mapped_column(server_default=expression("false"))
    touched: Mapped[int] = mapped_column(
        comment="revision of the plan at which it was last done, undone or redone"
    )
    made_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = _now()
    __table_args__ = (UniqueConstraint("plan_id", "revision"),)


class RuleProfile(Base):
    """规则: what an office asks of its grids; a territory without a row follows the defaults of the kernel."""

    __tablename__ = "rule_profile"
    territory_id: Mapped[int] = mapped_column(
        ForeignKey("territory.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    name: Mapped[str]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="one object per rule and level: rule, level, least, most, on, source, verified"
    )
    number_format: Mapped[dict[str, Any]] = mapped_column(comment="segments of a zone's code")
    approval: Mapped[bool] = mapped_column(
        server_default=expression("false"),
        comment="whether a second person approves a plan before it is published",
    )
    revision: Mapped[int] = mapped_column(server_default=expression("1"))
    changed_at: Mapped[datetime] = _now()
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class Subject(Base):
    """管理对象: what is assigned to a zone."""

    __tablename__ = "subject"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    code: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str | None]
    address: Mapped[str | None]
    people: Mapped[int | None] = mapped_column(comment="NULL is unknown (未知), never zero")
    location: Mapped[WKBElement | None] = _geometry("POINT", nullable=True)
    footprint: Mapped[WKBElement | None] = _geometry("MULTIPOLYGON", nullable=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    __table_args__ = (
        UniqueConstraint("territory_id", "code"),
        _one_of("kind", "household", "business", "institution", "building", "estate", "facility"),
        CheckConstraint("people IS NULL OR people >= 0", name="people_counted"),
        _valid("footprint"),
        _on_globe("location"),
        Index("ix_subject_location", "location", postgresql_using="gist"),
        Index("ix_subject_footprint", "footprint", postgresql_using="gist"),
    )


class Address(Base):
    """A known address and where it is."""

    __tablename__ = "address"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id", ondelete="SET NULL"))
    text: Mapped[str]
    normalised: Mapped[str] = mapped_column(
        comment="the form that lookups compare: geo.addresses.parse(text).key"
    )
    location: Mapped[WKBElement] = _geometry("POINT")
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    __table_args__ = (
        _on_globe("location"),
        Index("ix_address_key", "territory_id", "normalised"),
        Index(
            "ix_address_trgm",
            "normalised",
            postgresql_using="gin",
            postgresql_ops={"normalised": "gin_trgm_ops"},
        ),
        Index("ix_address_location", "location", postgresql_using="gist"),
        Index("ix_address_subject", "subject_id"),
    )


class Station(Base):
    """服务站: the origin of a service circle."""

    __tablename__ = "station"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    address: Mapped[str | None]
    location: Mapped[WKBElement] = _geometry("POINT")
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    __table_args__ = (
        UniqueConstraint("territory_id", "code"),
        CheckConstraint(CODE_FORMAT, name="code_format"),
        _one_of("kind", "center", "zone", "point"),
        _on_globe("location"),
        Index("ix_station_location", "location", postgresql_using="gist"),
    )


class StreetNode(Base):
    """Where streets meet or end."""

    __tablename__ = "street_node"
    territory_id: Mapped[int] = mapped_column(
        ForeignKey("territory.id", ondelete="CASCADE"), primary_key=True
    )
    node: Mapped[int] = mapped_column(primary_key=True)
    location: Mapped[WKBElement] = _geometry("POINT")
    __table_args__ = (Index("ix_street_node_location", "location", postgresql_using="gist"),)


class StreetEdge(Base):
    """One street between two nodes."""

    __tablename__ = "street_edge"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"), index=True)
    from_node: Mapped[int]
    to_node: Mapped[int]
    length_m: Mapped[float]
    kind: Mapped[str]
    name: Mapped[str | None]
    walkable: Mapped[bool]
    geom: Mapped[WKBElement] = _geometry("LINESTRING")
    __table_args__ = (
        CheckConstraint("length_m >= 0", name="length_measured"),
        Index("ix_street_edge_geom", "geom", postgresql_using="gist"),
    )


class AssignmentRun(Base):
    """One complete assignment of a territory's subjects to a version's zones, with its reconciliation (law 2)."""

    __tablename__ = "assignment_run"
    id: Mapped[int] = _id()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"))
    reconciliation: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="per level and subject kind: total, assigned, unassigned by reason"
    )
    made_at: Mapped[datetime] = _now()


class AssignmentLevel(Base):
    """The zones of a level that a run names, in the order in which its slots count them."""

    __tablename__ = "assignment_level"
    run_id: Mapped[int] = mapped_column(ForeignKey("assignment_run.id", ondelete="CASCADE"), primary_key=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id", ondelete="CASCADE"), primary_key=True)
    zone_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    __table_args__ = (CheckConstraint("array_position(zone_ids, NULL) IS NULL", name="zones_named"),)


class AssignmentBlock(Base):
    """Where the subjects of one block are at a level of a run. See `api.store.runs`."""

    __tablename__ = "assignment_block"
    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(
        primary_key=True, comment="of the block: number of its subjects >> 13"
    )
    level_id: Mapped[int] = mapped_column(primary_key=True)
    subject_block_id: Mapped[int | None] = mapped_column(
        comment="the block as it was: gone as soon as anything about its subjects is changed"
    )
    first_id: Mapped[int] = mapped_column(comment="number of the subject of the first slot")
    slots: Mapped[list[int]] = mapped_column(
        ARRAY(Integer),
        comment="by number of subject: place among zone_ids from 1, minus a reason's code, 0: no subject",
    )
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "level_id"],
            ["assignment_level.run_id", "assignment_level.level_id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("first_id >> 13 = position", name="positioned"),
    )


class SubjectBlock(Base):
    """A copy of subjects in columns, read instead of them while it has no mark. See `api.store.subject_blocks`."""

    __tablename__ = "subject_block"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(comment="number of its subjects >> 13")
    subjects: Mapped[int] = mapped_column(Integer, comment="how many")
    packed: Mapped[bytes] = mapped_column(comment="their numbers, longitudes, latitudes, people and kinds")
    __table_args__ = (UniqueConstraint("territory_id", "position"),)


class SubjectMark(Base):
    """A block of subjects of which something was written since it was copied. Triggers of ``subject`` leave it."""

    __tablename__ = "subject_mark"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]


class ZoneCount(Base):
    """Subjects per zone and kind of an assignment run, kept so that a map need not count again."""

    __tablename__ = "zone_count"
    run_id: Mapped[int] = mapped_column(ForeignKey("assignment_run.id", ondelete="CASCADE"), primary_key=True)
    zone_id: Mapped[int] = mapped_column(ForeignKey("zone.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    subjects: Mapped[int]
    people: Mapped[int | None] = mapped_column(
        comment="sum over subjects whose people are known; NULL: none known"
    )


class Fault(Base):
    """缺口、重叠、缝隙…: a fault of one level of a version, found by the last check."""

    __tablename__ = "fault"
    id: Mapped[int] = _id()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    number: Mapped[int] = mapped_column(comment="1, 2, 3… within the version: the number on the map")
    kind: Mapped[str]
    severity: Mapped[str]
    codes: Mapped[list[str]]
    area_m2: Mapped[float]
    width_m: Mapped[float]
    subjects: Mapped[int | None]
    message: Mapped[str]
    message_en: Mapped[str]
    geom: Mapped[WKBElement] = _geometry("GEOMETRY")
    __table_args__ = (
        UniqueConstraint("version_id", "number"),
        _one_of("severity", "error", "warning"),
        Index("ix_fault_geom", "geom", postgresql_using="gist"),
    )


class GapException(Base):
    """豁免: a gap registered as legitimate (river, lake, land of another office)."""

    __tablename__ = "gap_exception"
    id: Mapped[int] = _id()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    name: Mapped[str]
    reason: Mapped[str]
    geom: Mapped[WKBElement] = _geometry("MULTIPOLYGON")
    registered_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    registered_at: Mapped[datetime] = _now()
    __table_args__ = (_valid("geom"), Index("ix_gap_exception_geom", "geom", postgresql_using="gist"))


class RepairRun(Base):
    """What a repair of a version would do: its proposals, and of which zones they speak."""

    __tablename__ = "repair_run"
    id: Mapped[int] = _id()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), unique=True)
    options: Mapped[dict[str, Any]] = mapped_column(comment="levels, strategies, decisions, priority, guards")
    digest: Mapped[str] = mapped_column(comment="SHA-256 of the zones, exceptions and boundary it looked at")
    made_by: Mapped[str]
    made_at: Mapped[datetime] = _now()


class RepairProposal(Base):
    """One fault: what a repair would do about it, or why it leaves it."""

    __tablename__ = "repair_proposal"
    id: Mapped[int] = _id()
    run_id: Mapped[int] = mapped_column(ForeignKey("repair_run.id", ondelete="CASCADE"))
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    number: Mapped[int] = mapped_column(comment="number of the fault on the map")
    status: Mapped[str]
    kind: Mapped[str]
    strategy: Mapped[str | None]
    codes: Mapped[list[str]]
    recipient: Mapped[str | None]
    area_m2: Mapped[float]
    changes: Mapped[dict[str, Any]] = mapped_column(comment="zone code: square metres before and after")
    households: Mapped[int | None]
    people: Mapped[int | None]
    message: Mapped[str] = mapped_column(comment="what it does, or why not")
    message_en: Mapped[str]
    geom: Mapped[WKBElement] = _geometry("GEOMETRY")
    __table_args__ = (UniqueConstraint("run_id", "number"), _one_of("status", "proposed", "refused"))


class RepairAcceptance(Base):
    """Accepted proposals as they were applied to a new draft, and the way back."""

    __tablename__ = "repair_acceptance"
    id: Mapped[int] = _id()
    version_id: Mapped[int] = mapped_column(
        ForeignKey("version.id", ondelete="CASCADE"), unique=True, comment="the draft"
    )
    base_version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    inverse: Mapped[dict[str, Any]] = mapped_column(comment="geometries before, exceptions registered")
    made_by: Mapped[str]
    made_at: Mapped[datetime] = _now()
    undone_at: Mapped[datetime | None]


class Fusion(Base):
    """多格合一: several departments' layers of a version reconciled into one proposal."""

    __tablename__ = "fusion"
    id: Mapped[int] = _id()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), unique=True)
    layers: Mapped[list[str]]
    leading: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(comment="leading layer as asked, pins, profile, within")
    agreed_kept: Mapped[float]
    crosswalk: Mapped[list[dict[str, Any]]] = mapped_column(comment="old grid, new grid, cells, shares")
    unassigned: Mapped[list[dict[str, Any]]]
    made_by: Mapped[str]
    made_at: Mapped[datetime] = _now()


class FusionConflict(Base):
    """A place where departments' borders disagree."""

    __tablename__ = "fusion_conflict"
    id: Mapped[int] = _id()
    fusion_id: Mapped[int] = mapped_column(ForeignKey("fusion.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str]
    departments: Mapped[list[str]]
    codes: Mapped[dict[str, Any]] = mapped_column(comment="layer: its zones there")
    length_m: Mapped[float]
    area_m2: Mapped[float]
    width_m: Mapped[float | None]
    household: Mapped[int]
    business: Mapped[int]
    institution: Mapped[int]
    people: Mapped[int]
    message: Mapped[str]
    message_en: Mapped[str]
    geom: Mapped[WKBElement] = _geometry("GEOMETRY")
    __table_args__ = (
        UniqueConstraint("fusion_id", "number"),
        Index("ix_fusion_conflict_geom", "geom", postgresql_using="gist"),
    )


class FusionGrid(Base):
    """A grid of the proposal."""

    __tablename__ = "fusion_grid"
    id: Mapped[int] = _id()
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
    geom: Mapped[WKBElement] = _geometry("GEOMETRY")
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
    geom: Mapped[WKBElement] = _geometry("GEOMETRY")
    __table_args__ = (Index("ix_fusion_cell_geom", "geom", postgresql_using="gist"),)


class PartitionProposal(Base):
    """划格建议: grids drawn along street blocks for a level of a version."""

    __tablename__ = "partition_proposal"
    id: Mapped[int] = _id()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    level: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(
        comment="within, number of grids, limits of households, keep, seed"
    )
    figures: Mapped[dict[str, Any]]
    messages: Mapped[list[str]] = mapped_column(comment="what a planner has to know")
    made_by: Mapped[str]
    made_at: Mapped[datetime] = _now()


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
    geom: Mapped[WKBElement] = _geometry("GEOMETRY")


class Circle(Base):
    """十五分钟服务圈: what is within so many minutes' walk of a station (or of any: ``station_id`` NULL)."""

    __tablename__ = "circle"
    id: Mapped[int] = _id()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    station_id: Mapped[int | None] = mapped_column(ForeignKey("station.id", ondelete="CASCADE"))
    minutes: Mapped[int] = mapped_column(SmallInteger)
    walk_speed_mps: Mapped[float]
    reached: Mapped[dict[str, Any]] = mapped_column(comment="subjects reached by kind, and people")
    geom: Mapped[WKBElement] = _geometry("MULTIPOLYGON")
    __table_args__ = (
        UniqueConstraint("version_id", "station_id", "minutes", postgresql_nulls_not_distinct=True),
        CheckConstraint("minutes > 0", name="minutes_positive"),
        Index("ix_circle_geom", "geom", postgresql_using="gist"),
    )


class Account(Base):
    """Who may sign in."""

    __tablename__ = "account"
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(comment="argon2id; NULL: only by one-time link")
    failed_tries: Mapped[int] = mapped_column(SmallInteger, server_default=expression("0"))
    locked_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(server_default=expression("true"))
    created_at: Mapped[datetime] = _now()
    __table_args__ = (_one_of("role", "viewer", "planner", "publisher", "admin"),)


class Grant(Base):
    """Which subtree of zones an account or key may see persons of, or edit: a territory, or zones by code prefix."""

    __tablename__ = "grant"
    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    zone_code: Mapped[str | None] = mapped_column(comment="root of the subtree; NULL: the whole territory")
    personal_data: Mapped[bool] = mapped_column(server_default=expression("false"))


class SignInSession(Base):
    """A signed-in browser. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "sign_in_session"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    csrf_token: Mapped[str]
    created_at: Mapped[datetime] = _now()
    seen_at: Mapped[datetime] = _now()


class SignInLink(Base):
    """A one-time sign-in link."""

    __tablename__ = "sign_in_link"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class ApiKey(Base):
    """A key of an integrator: acts as its account. Only its SHA-256 is kept."""

    __tablename__ = "api_key"
    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    name: Mapped[str]
    key_hash: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str] = mapped_column(comment="first characters, to tell keys apart")
    created_at: Mapped[datetime] = _now()
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEvent(Base):
    """Who did what, and whose data was disclosed to whom. Rows are only ever added."""

    __tablename__ = "audit_event"
    id: Mapped[int] = _id()
    at: Mapped[datetime] = _now()
    account: Mapped[str] = mapped_column(comment="name of the account, or 'command line'")
    action: Mapped[str]
    object: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    client: Mapped[str | None] = mapped_column(comment="network address of the caller")
    __table_args__ = (Index("ix_audit_event_at", "at"),)


class Job(Base):
    """Work longer than a second, with its percentage."""

    __tablename__ = "job"
    id: Mapped[int] = _id()
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(server_default="waiting")
    percent: Mapped[int] = mapped_column(SmallInteger, server_default=expression("0"))
    message: Mapped[str] = mapped_column(server_default="")
    result: Mapped[dict[str, Any] | None]
    account: Mapped[str]
    created_at: Mapped[datetime] = _now()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        _one_of("status", "waiting", "running", "done", "failed"),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent_range"),
    )
