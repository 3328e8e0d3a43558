"""Assigning: the zone of every subject of a version at every level, with a reason for each that is in none.

A run is computed by the kernel and written (``api.store.runs``) in the same transaction that sets ``version.run_id`` to
it. Readers follow ``run_id``: they see the old run or the new one, never a half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import text

from api.store import audit, bulk
from api.store.errors import NotFoundError
from api.store.progress import Progress, silent
from api.store.runs import Slots, read_unchanged, write_run
from api.store.subject_blocks import Subjects, read_subjects
from api.store.territories import StoredLevel, levels_of
from api.store.versions import VersionInfo, get_version
from api.store.zone_indexes import boundary_index, zone_index
from geo.assignment import ZoneIndex, can_have_moved, changed_boxes, explain

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

MOST_CHANGED = 64
"""Changed zones of a level up to which it is asked who lies near them. Beyond, locating everybody is faster."""


@dataclass(frozen=True)
class AssignmentReport:
    """What an assignment found.

    Parameters
    ----------
    version
        Code of the version.
    run_id
        The run that readers now follow.
    subjects
        How many subjects there are.
    reassigned
        How many of them were located anew (all, or those that can have moved).
    reconciliation
        One dict per level and kind: ``level, kind, total, assigned, outside, gap, no_location, bad_location``.
    """

    version: str
    run_id: int
    subjects: int
    reassigned: int
    reconciliation: list[dict[str, Any]]


def assign(
    session: Session,
    version: str,
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> AssignmentReport:
    """Assign every subject of a version's territory to the zones of every level.

    Parameters
    ----------
    session
        Its transaction holds the run and the switch to it.
    version
        Code of the version, draft or published.
    progress
        Told how far it is.
    actor
        Who asks, for the audit trail.

    Raises
    ------
    NotFoundError
        No such version, or it has no zones.
    """
    info = _locked_version(session, version)
    progress(0.0, "读取网格和管理对象")
    levels = _levels_with_zones(session, info)
    subjects = read_subjects(session, info.territory_id)
    located: dict[int, tuple[str, Slots]] = {}
    for position, level in enumerate(levels):
        progress(0.3 + 0.4 * position / len(levels), f"定位到{level.level.name}")
        zone_ids, index = zone_index(session, info.id, level.id)
        rows = index.locate(subjects.lon, subjects.lat)
        reasons = _reasons(session, info, rows, subjects.lon, subjects.lat)
        located[level.id] = level.code, Slots.of(zone_ids, rows, reasons)
    progress(0.7, "写入分配结果")
    run, sums = write_run(session, info.id, subjects, located)
    audit.record(session, actor or audit.Actor(), "version.assign", info.code, subjects=len(subjects))
    progress(1.0, "分配完成")
    return AssignmentReport(info.code, run, len(subjects), len(subjects), sums)


def reassign(
    session: Session,
    version: str,
    based_on: str,
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> AssignmentReport:
    """Assign a version by an assigned one that it differs little from: only subjects that can have moved are located.

    Those are the subjects near a border that differs, and the blocks of subjects written since ``based_on`` was
    assigned. Where many borders differ, every subject is located: that is faster than asking who need not be.

    Parameters
    ----------
    session
        Its transaction holds the run and the switch to it.
    version
        Code of the version to assign.
    based_on
        Code of a version of the same territory with a complete run, such as the one that it is a copy of.
    progress
        Told how far it is.
    actor
        Who asks, for the audit trail.

    Raises
    ------
    NotFoundError
        No such version, or ``based_on`` is not assigned.
    """
    info, base = _locked_version(session, version), get_version(session, based_on)
    if base.run_id is None or base.territory_id != info.territory_id:
        raise NotFoundError(
            f"版本 {based_on} 还没有分配，不能作为增量分配的基础。",
            f"version {based_on} is not assigned",
            remedy="请先完整分配 (onegrid assign)。",
        )
    progress(0.0, "读取管理对象")
    subjects = read_subjects(session, info.territory_id)
    levels = _levels_with_zones(session, info)
    located: dict[int, tuple[str, Slots]] = {}
    moved = np.zeros(len(subjects), dtype=bool)
    for position, level in enumerate(levels):
        progress(0.2 + 0.5 * position / len(levels), f"定位到{level.level.name}")
        slots, touched = _relocate(session, info, base, level, subjects)
        located[level.id] = level.code, slots
        moved |= touched
    progress(0.7, "写入分配结果")
    run, sums = write_run(session, info.id, subjects, located)
    count = int(moved.sum())
    audit.record(session, actor or audit.Actor(), "version.assign", info.code, subjects=count)
    progress(1.0, f"分配完成，重新定位 {count:,} 个")
    return AssignmentReport(info.code, run, len(subjects), count, sums)


def _locked_version(session: Session, version: str) -> VersionInfo:
    """Return a version whose zones stay as they are, and which nobody else assigns, until the transaction ends."""
    found = get_version(session, version)
    session.execute(text("SELECT 1 FROM version WHERE id = :id FOR UPDATE"), {"id": found.id})
    return get_version(session, found.code)


def get_reconciliation(session: Session, version: str) -> list[dict[str, Any]]:
    """Return the stored reconciliation of a version, empty when it is not assigned."""
    stored = session.scalar(
        text(
            """SELECT r.reconciliation FROM version v JOIN assignment_run r ON r.id = v.run_id
               WHERE v.code = :code"""
        ),
        {"code": version},
    )
    return list(stored or [])


def _levels_with_zones(session: Session, version: VersionInfo) -> list[StoredLevel]:
    filled = set(
        session.scalars(
            text("SELECT DISTINCT level_id FROM zone WHERE version_id = :version"), {"version": version.id}
        )
    )
    levels = [each for each in levels_of(session, version.territory_id) if each.id in filled]
    if not levels:
        raise NotFoundError(
            f"版本 {version.code} 没有网格，无法分配。",
            f"version {version.code} has no zones",
            remedy="请先加载网格 (onegrid load --kind zones)。",
        )
    return levels


def _locate_near(
    session: Session,
    version: VersionInfo,
    level: StoredLevel,
    boxes: NDArray[np.float64],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the zones of a level that may touch a box, and the position of each point among them, -1 in none."""
    zones = bulk.read_shapes(
        session,
        """SELECT id, ST_AsBinary(geom) AS geometry FROM zone
           WHERE version_id = %(version)s AND level_id = %(level)s
               AND EXISTS (SELECT FROM unnest(%(west)s::float8[], %(south)s::float8[], %(east)s::float8[],
                           %(north)s::float8[]) AS box (west, south, east, north)
                           WHERE geom && ST_MakeEnvelope(west, south, east, north, 4490))
           ORDER BY id""",
        {
            "version": version.id,
            "level": level.id,
            **dict(zip(("west", "south", "east", "north"), boxes.T.tolist(), strict=True)),
        },
    )
    rows = ZoneIndex(zones).locate(lon, lat) if len(zones) else np.full(len(lon), -1, dtype=np.int32)
    return zones["id"].to_numpy(dtype=np.int64), rows


def _reasons(
    session: Session,
    version: VersionInfo,
    rows: NDArray[np.int32],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
) -> NDArray[np.int8]:
    """Return the code of the reason of each point that is in no zone."""
    boundary = boundary_index(session, version.territory_id) if (rows < 0).any() else None
    return explain(rows, lon, lat, territory=boundary)


def _relocate(
    session: Session,
    version: VersionInfo,
    base: VersionInfo,
    level: StoredLevel,
    subjects: Subjects,
) -> tuple[Slots, NDArray[np.bool_]]:
    """Return where the subjects are at a level, and which of them were located anew."""
    former = read_unchanged(session, base.run_id or 0, level.id, subjects)
    was, now = _codes(session, base, level), _codes(session, version, level)
    slot_of = {code: slot for slot, code in enumerate(now.values(), 1)}
    # From slots of the former run to slots of this one; 0 where the zone is no more.
    slot = np.array(
        [0, *(slot_of.get(was.get(zone, ""), 0) for zone in former.zone_ids.tolist())], dtype=np.int32
    )
    slots = np.where(former.slots > 0, slot[np.maximum(former.slots, 0)], former.slots)
    unknown = slots == 0
    boxes = _changed(session, base, version, level, was, now)
    anew = np.ones(len(subjects), dtype=bool)
    if boxes is not None:
        anew = unknown | can_have_moved(boxes, subjects.lon, subjects.lat)
    if anew.any():
        lon, lat = subjects.lon[anew], subjects.lat[anew]
        if boxes is not None and bool(can_have_moved(boxes, lon, lat).all()):
            # Who is in a box is in no zone that does not touch it.
            zone_ids, rows = _locate_near(session, version, level, boxes, lon, lat)
        else:
            zone_ids, index = zone_index(session, version.id, level.id)
            rows = index.locate(lon, lat)
        row_of = {zone: row for row, zone in enumerate(now)}
        found = np.array([*(row_of[zone] for zone in zone_ids.tolist()), -1], dtype=np.int32)
        reasons = _reasons(session, version, rows, lon, lat)
        slots[anew] = Slots.of(former.zone_ids, found[rows], reasons).slots
    return Slots(np.array(list(now), dtype=np.int64), slots.astype(np.int32)), anew


def _codes(session: Session, version: VersionInfo, level: StoredLevel) -> dict[int, str]:
    """Return the codes of the zones of a level by row, in stored order."""
    rows = session.execute(
        text("SELECT id, code FROM zone WHERE version_id = :version AND level_id = :level ORDER BY id"),
        {"version": version.id, "level": level.id},
    )
    return {row.id: row.code for row in rows}


def _changed(
    session: Session,
    base: VersionInfo,
    version: VersionInfo,
    level: StoredLevel,
    was: dict[int, str],
    now: dict[int, str],
) -> NDArray[np.float64] | None:
    """Return boxes outside of which nobody changes the zone; None where that may be anywhere, or nearly.

    The zones whose geometry is the same to the bit are told apart in the database: they are nearly all, and reading
    them would take longer than everything else.
    """
    kept = set(was.values()) & set(now.values())
    if [code for code in was.values() if code in kept] != [code for code in now.values() if code in kept]:
        return None  # overlapping zones are decided by their order
    changed = bulk.read_shapes(
        session,
        """WITH pair AS (
               SELECT code, was.geom AS was, now.geom AS now
               FROM (SELECT code, geom FROM zone WHERE version_id = %(base)s AND level_id = %(level)s) AS was
               FULL JOIN (SELECT code, geom FROM zone WHERE version_id = %(version)s AND level_id = %(level)s) AS now
                   USING (code)
               WHERE was.geom IS NULL OR now.geom IS NULL OR was.geom::bytea <> now.geom::bytea)
           SELECT code, true AS former, ST_AsBinary(was) AS geometry FROM pair WHERE was IS NOT NULL
           UNION ALL SELECT code, false, ST_AsBinary(now) FROM pair WHERE now IS NOT NULL ORDER BY code""",
        {"base": base.id, "version": version.id, "level": level.id},
    )
    if len(changed) > 2 * MOST_CHANGED:
        return None
    former = changed["former"].to_numpy(dtype=bool)
    return changed_boxes(changed[former], changed[~former])
