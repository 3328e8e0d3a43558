"""Assignment runs: one complete answer each to the question in which zone every subject is."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models.base import Base, identity, now


class AssignmentRun(Base):
    """One complete assignment of a territory's subjects to a version's zones, with its reconciliation (law 2)."""

    __tablename__ = "assignment_run"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"))
    reconciliation: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="per level and subject kind: total, assigned, unassigned by reason"
    )
    made_at: Mapped[datetime] = now()


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
