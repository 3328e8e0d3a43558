"""Assigning: the zone of every subject of a version at every level, with a reason for each that is in none.

A run is computed by the kernel and written into a table of its own, which becomes a partition of ``assignment``
when it is complete; then ``version.run_id`` is set to it, in the same transaction. Readers follow ``run_id``: they see
the old run or the new one, never a half.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import event, text

from api.store import audit, bulk
from api.store.errors import NotFoundError
from api.store.progress import Progress, part, silent
from api.store.records_in import BAD_LOCATION
from api.store.territories import StoredLevel, boundary_of, levels_of
from api.store.versions import VersionInfo, get_version
from api.store.zonesets import read_zones
from geo.assignment import ZoneIndex, can_have_moved, changed_boxes, explain, reconcile, territory_index
from geo.records import SUBJECT_KINDS, UNASSIGNED_REASONS

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

SUBJECT_FIELDS = (("id", "i8"), ("kind", "i2"), ("people", "i4"), ("lon", "f8"), ("lat", "f8"))
ASSIGNMENT_FIELDS = (("subject_id", "i8"), ("zone_id", "i8"))

SWEEP_LOCK = 0x6F6E6568
"""Key of the advisory lock of whoever removes former runs."""

NO_PEOPLE = -1
"""People unknown, in the arrays; NULL in the table."""


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


def read_subjects(session: Session, territory_id: int) -> NDArray[Any]:
    """Read id, kind (position in ``SUBJECT_KINDS``), people and lon/lat of a territory's subjects.

    Returns
    -------
    structured ndarray
        Fields of ``SUBJECT_FIELDS``, ordered by id. Both coordinates are NaN without a location and infinite with an
        unusable one, as ``geo.assignment.explain`` wants them; people is -1 where unknown.
    """
    kinds = " ".join(f"WHEN '{kind}' THEN {position}" for position, kind in enumerate(SUBJECT_KINDS))
    # A location of its own row needs no join; CASE on the few without one only.
    absent = f"CASE WHEN attributes ? '{BAD_LOCATION}' THEN float8 'Infinity' ELSE float8 'NaN' END"
    query = f"""
        SELECT id, (CASE kind {kinds} END)::int2 AS kind, coalesce(people, {NO_PEOPLE})::int4 AS people,
               coalesce(ST_X(location), {absent}) AS lon, coalesce(ST_Y(location), {absent}) AS lat
        FROM subject WHERE territory_id = {int(territory_id)}
    """  # noqa: S608  only numbers and words of our own
    return bulk.read_fixed(session, query, SUBJECT_FIELDS)


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
    zones = {level.code: read_zones(session, info, level.code) for level in levels}
    # The server packs subjects while the kernel indexes zones; nobody else uses the session meanwhile.
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_subjects, session, info.territory_id)
        indexes = {code: ZoneIndex(frame) for code, frame in zones.items()}
        subjects = reading.result()
    territory = _Territory(session, info)
    located: dict[str, _Located] = {}
    for position, level in enumerate(levels):
        progress(0.2 + 0.3 * position / len(levels), f"定位到{level.level.name}")
        located[level.code] = _located(
            zones[level.code], indexes[level.code], subjects["lon"], subjects["lat"], territory
        )
    report = _store(session, info, levels, subjects, located, part(progress, 0.5, 1.0))
    audit.record(session, actor or audit.Actor(), "version.assign", info.code, subjects=len(subjects))
    progress(1.0, "分配完成")
    return AssignmentReport(info.code, report[0], len(subjects), len(subjects), report[1])


def reassign(
    session: Session,
    version: str,
    based_on: str,
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> AssignmentReport:
    """Assign a version by an assigned one that it differs little from: only subjects that can have moved are located.

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
    territory = _Territory(session, info)
    located: dict[str, _Located] = {}
    moved = np.zeros(len(subjects), dtype=bool)
    for position, level in enumerate(levels):
        progress(0.2 + 0.3 * position / len(levels), f"定位到{level.level.name}")
        located[level.code], touched = _relocate(session, info, base, level, subjects, territory)
        moved |= touched
    run, reconciliation = _store(session, info, levels, subjects, located, part(progress, 0.5, 1.0))
    count = int(moved.sum())
    audit.record(session, actor or audit.Actor(), "version.assign", info.code, subjects=count)
    progress(1.0, f"分配完成，重新定位 {count:,} 个")
    return AssignmentReport(info.code, run, len(subjects), count, reconciliation)


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


@dataclass(frozen=True)
class _Located:
    """Where the subjects are at one level: ``zone`` (row id, -1 in none) and ``reason`` (code of ``explain``)."""

    zone: NDArray[np.int64]
    reason: NDArray[np.int8]


class _Territory:
    """The index of the boundary that tells a gap from the outside, made when the first subject is in no zone."""

    def __init__(self, session: Session, version: VersionInfo) -> None:
        self._session = session
        self._territory_id = version.territory_id
        self._index: ZoneIndex | None = None

    def index(self, zones: gpd.GeoDataFrame) -> ZoneIndex:
        if self._index is None:
            self._index = territory_index(zones, boundary_of(self._session, self._territory_id))
        return self._index


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


def _located(
    zones: gpd.GeoDataFrame,
    index: ZoneIndex,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    territory: _Territory,
) -> _Located:
    rows = index.locate(lon, lat)
    boundary = territory.index(zones) if (rows < 0).any() else None
    reason = explain(rows, lon, lat, territory=boundary)
    ids = np.append(zones["id"].to_numpy(dtype=np.int64), -1)  # row -1 is "in none", also as an index
    return _Located(ids[rows], reason)


def _relocate(
    session: Session,
    version: VersionInfo,
    base: VersionInfo,
    level: StoredLevel,
    subjects: NDArray[Any],
    territory: _Territory,
) -> tuple[_Located, NDArray[np.bool_]]:
    new, old = read_zones(session, version, level.code), read_zones(session, base, level.code)
    stored = bulk.read_fixed(
        session,
        f"""SELECT subject_id AS subject, coalesce(zone_id, -1) AS zone,
                   (CASE reason {_REASON_CASES} ELSE 0 END)::int2 AS reason
            FROM assignment WHERE run_id = {int(base.run_id or 0)} AND level_id = {level.id}""",  # noqa: S608
        (("subject", "i8"), ("zone", "i8"), ("reason", "i2")),
    )
    lon, lat = subjects["lon"], subjects["lat"]
    codes = dict(zip(old["code"], old["id"], strict=True))
    renamed = {codes[code]: zone for code, zone in zip(new["code"], new["id"], strict=True) if code in codes}
    place = np.searchsorted(stored["subject"], subjects["id"])
    place = np.minimum(place, max(len(stored) - 1, 0))
    known = stored["subject"][place] == subjects["id"] if len(stored) else np.zeros(len(subjects), dtype=bool)
    # Subjects keep their location for as long as they are stored: only new ones, and those near a changed border,
    # can be elsewhere than before.
    anew = ~known | can_have_moved(changed_boxes(old, new), lon, lat)
    zone = np.full(len(subjects), -1, dtype=np.int64)
    reason = np.zeros(len(subjects), dtype=np.int8)
    kept = ~anew
    mapping = pd.Series({-1: -1, **renamed}, dtype=np.int64)
    zone[kept] = mapping.loc[stored["zone"][place[kept]]].to_numpy()
    reason[kept] = stored["reason"][place[kept]].astype(np.int8)
    if anew.any():
        found = _located(new, ZoneIndex(new), lon[anew], lat[anew], territory)
        zone[anew], reason[anew] = found.zone, found.reason
    return _Located(zone, reason), anew


_REASON_CASES = " ".join(f"WHEN '{reason}' THEN {code}" for code, reason in enumerate(UNASSIGNED_REASONS, 1))


def _store(
    session: Session,
    version: VersionInfo,
    levels: list[StoredLevel],
    subjects: NDArray[Any],
    located: dict[str, _Located],
    progress: Progress,
) -> tuple[int, list[dict[str, Any]]]:
    """Write a run into a table of its own, attach it, and let readers follow it. Returns the run and its sums."""
    kinds = np.array(SUBJECT_KINDS, dtype=object)[subjects["kind"]]
    table = reconcile({code: each.reason for code, each in located.items()}, kinds)
    reconciliation: list[dict[str, Any]] = [
        {str(key): value if isinstance(value, str) else int(value) for key, value in row.items()}
        for row in table.to_dict("records")
    ]
    run = session.scalar(
        text(
            """INSERT INTO assignment_run (version_id, reconciliation)
               VALUES (:version, CAST(:reconciliation AS jsonb)) RETURNING id"""
        ),
        {"version": version.id, "reconciliation": json.dumps(reconciliation)},
    )
    assert isinstance(run, int)  # noqa: S101  RETURNING gives one
    name = f"assignment_{run}"
    session.execute(text(f"CREATE TABLE {name} (LIKE assignment INCLUDING CONSTRAINTS)"))
    session.execute(text(f"ALTER TABLE {name} ALTER run_id SET DEFAULT {run}"))
    progress(0.0, "写入分配结果")
    _copy_run(session, name, levels, subjects["id"], located)
    progress(0.5, "建立索引")
    # Indexes after the rows, and a check that lets ATTACH skip reading them again.
    session.execute(
        text(f"ALTER TABLE {name} ADD CONSTRAINT pk_{name} PRIMARY KEY (subject_id, level_id, run_id)")
    )
    zone_index = f"CREATE INDEX ix_{name}_zone_id ON {name} USING brin (zone_id) WITH (pages_per_range = 16)"
    session.execute(text(zone_index))
    session.execute(text(f"ALTER TABLE {name} ADD CONSTRAINT ck_{name}_run CHECK (run_id = {run})"))
    session.execute(text(f"ALTER TABLE assignment ATTACH PARTITION {name} FOR VALUES IN ({run})"))
    session.execute(text(f"ALTER TABLE {name} DROP CONSTRAINT ck_{name}_run"))
    session.execute(text(f"ANALYZE {name}"))
    progress(0.9, "汇总")
    _copy_counts(session, run, subjects, located)
    session.execute(text("UPDATE version SET run_id = :run WHERE id = :id"), {"run": run, "id": version.id})
    # Only when readers see the new run may former ones go.
    engine = session.get_bind().engine
    event.listen(session, "after_commit", lambda _: sweep_runs(engine, version.id), once=True)
    return run, reconciliation


def _copy_run(
    session: Session,
    table: str,
    levels: list[StoredLevel],
    subject_ids: NDArray[np.int64],
    located: dict[str, _Located],
) -> None:
    """Write the rows, by zone: what is equal in all rows of a COPY is the table's default, and does not travel."""
    columns = ", ".join(name for name, _ in ASSIGNMENT_FIELDS)
    types = {"subject_id": "int8", "reason": "text"}
    connection = bulk.raw_connection(session)
    for level in levels:
        found = located[level.code]
        session.execute(text(f"ALTER TABLE {table} ALTER level_id SET DEFAULT {level.id}"))
        rows = _by_zone(found.zone)
        rows = rows[found.reason[rows] == 0]
        values = {"subject_id": subject_ids[rows], "zone_id": found.zone[rows]}
        statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)".encode()
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(bulk.HEADER)
            copy.write(bulk.encode(ASSIGNMENT_FIELDS, values))
            copy.write(bulk.TRAILER)
        nowhere = np.flatnonzero(found.reason > 0)
        reasons = zip(subject_ids[nowhere].tolist(), found.reason[nowhere].tolist(), strict=True)
        bulk.copy_rows(
            session, table, types, ((subject, UNASSIGNED_REASONS[code - 1]) for subject, code in reasons)
        )
    for name in ("level_id", "run_id"):
        session.execute(text(f"ALTER TABLE {table} ALTER {name} DROP DEFAULT"))


def _by_zone(zones: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the order by zone, stable. Zones of a level have numbers close together: 16 bits sort ten times faster."""
    if not len(zones):
        return np.empty(0, dtype=np.intp)
    lowest = int(zones[zones >= 0].min()) if (zones >= 0).any() else 0
    above = np.where(zones >= 0, zones - lowest + 1, 0)
    return np.argsort(
        above.astype(np.uint16) if above.max() <= np.iinfo(np.uint16).max else above, kind="stable"
    )


def _copy_counts(session: Session, run: int, subjects: NDArray[Any], located: dict[str, _Located]) -> None:
    """Write how many subjects, and how many people, each zone has by kind."""
    people = np.where(subjects["people"] == NO_PEOPLE, 0, subjects["people"]).astype(np.int64)
    known = subjects["people"] != NO_PEOPLE
    width = len(SUBJECT_KINDS)
    rows: list[tuple[object, ...]] = []
    for found in located.values():
        inside = found.zone >= 0
        zones, place = np.unique(found.zone[inside], return_inverse=True)
        cell = place * width + subjects["kind"][inside]
        size = len(zones) * width
        counts = np.bincount(cell, minlength=size)
        sums = np.bincount(cell, weights=people[inside], minlength=size)
        counted = np.bincount(cell, weights=known[inside], minlength=size)
        for position in np.flatnonzero(counts):
            zone, kind = zones[position // width], SUBJECT_KINDS[position % width]
            total = int(sums[position]) if counted[position] else None
            rows.append((run, int(zone), kind, int(counts[position]), total))
    bulk.copy_rows(session, "zone_count", _COUNT_TYPES, rows)


_COUNT_TYPES = {"run_id": "int8", "zone_id": "int8", "kind": "text", "subjects": "int8", "people": "int8"}


def sweep_runs(engine: Engine, version_id: int) -> int:
    """Remove the runs of a version that no reader can follow any more; return how many.

    The run before the present one stays: a reader may have read its number just before the switch. Partitions are
    detached concurrently, which waits for those who read them and holds up nobody.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        former = connection.scalars(
            text(
                """SELECT r.id FROM assignment_run r JOIN version v ON v.id = r.version_id
                   WHERE v.id = :version AND r.id IS DISTINCT FROM v.run_id ORDER BY r.id DESC OFFSET 1"""
            ),
            {"version": version_id},
        ).all()
        # One sweeper at a time: PostgreSQL detaches one partition of a table at a time.
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": SWEEP_LOCK})
        try:
            for run in former:
                _drop_run(connection, int(run))
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": SWEEP_LOCK})
    return len(former)


def _drop_run(connection: Connection, run: int) -> None:
    name = f"assignment_{run}"
    pending = connection.scalar(
        text("SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(:name)"), {"name": name}
    )
    if pending is not None:  # still attached, or left half detached by a crash
        how = "FINALIZE" if pending else "CONCURRENTLY"
        connection.execute(text(f"ALTER TABLE assignment DETACH PARTITION {name} {how}"))
    connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
    connection.execute(text("DELETE FROM assignment_run WHERE id = :run"), {"run": run})
