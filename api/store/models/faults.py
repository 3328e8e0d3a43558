"""Faults of a version, exceptions, and what a repair proposes and was allowed to do."""

from datetime import datetime
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import ARRAY, BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models.base import Base, geometry, identity, now, one_of, valid


class Fault(Base):
    """缺口、重叠、缝隙…: a fault of one level of a version, found by the last check."""

    __tablename__ = "fault"
    id: Mapped[int] = identity()
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
    geom: Mapped[WKBElement] = geometry("GEOMETRY")
    __table_args__ = (
        UniqueConstraint("version_id", "number"),
        one_of("severity", "error", "warning"),
        Index("ix_fault_geom", "geom", postgresql_using="gist"),
    )


class GapException(Base):
    """豁免: a gap registered as legitimate (river, lake, land of another office)."""

    __tablename__ = "gap_exception"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    name: Mapped[str]
    reason: Mapped[str]
    geom: Mapped[WKBElement] = geometry("MULTIPOLYGON")
    registered_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    registered_at: Mapped[datetime] = now()
    __table_args__ = (valid("geom"), Index("ix_gap_exception_geom", "geom", postgresql_using="gist"))


class RepairRun(Base):
    """What a repair of a version would do: its proposals, and of which zones they speak."""

    __tablename__ = "repair_run"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), unique=True)
    options: Mapped[dict[str, Any]] = mapped_column(comment="levels, strategies, decisions, priority, guards")
    digest: Mapped[str] = mapped_column(comment="SHA-256 of the zones, exceptions and boundary it looked at")
    made_by: Mapped[str]
    made_at: Mapped[datetime] = now()


class RepairProposal(Base):
    """One fault: what a repair would do about it, or why it leaves it."""

    __tablename__ = "repair_proposal"
    id: Mapped[int] = identity()
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
    geom: Mapped[WKBElement] = geometry("GEOMETRY")
    __table_args__ = (UniqueConstraint("run_id", "number"), one_of("status", "proposed", "refused"))


class RepairAcceptance(Base):
    """Accepted proposals as they were applied to a new draft, and the way back."""

    __tablename__ = "repair_acceptance"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(
        ForeignKey("version.id", ondelete="CASCADE"), unique=True, comment="the draft"
    )
    base_version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    inverse: Mapped[dict[str, Any]] = mapped_column(comment="geometries before, exceptions registered")
    made_by: Mapped[str]
    made_at: Mapped[datetime] = now()
    undone_at: Mapped[datetime | None]
