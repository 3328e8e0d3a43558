"""Service circles of a version: drawn along the streets, and whom they reach, stored for maps and briefings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from psycopg.types.json import Jsonb
from sqlalchemy import text

from api.store import audit, bulk
from api.store.errors import NotFoundError
from api.store.networks import read_network, read_stations
from api.store.progress import Progress, silent
from api.store.subject_blocks import Subjects, read_subjects
from api.store.versions import get_version
from api.store.zonesets import column
from geo.circles import coverage_of, service_circles
from geo.crs import INTERNAL_CRS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

MINUTES = (5, 10, 15)


@dataclass(frozen=True)
class CoverageLine:
    """How many households all stations together reach within so many minutes."""

    minutes: int
    households_reached: int
    households_total: int

    @property
    def share(self) -> float | None:
        """Return the part reached, None without households."""
        return self.households_reached / self.households_total if self.households_total else None


@dataclass(frozen=True)
class CirclesReport:
    """What was drawn: stations, circles stored, and the coverage of all stations together."""

    version: str
    stations: int
    circles: int
    coverage: tuple[CoverageLine, ...]


def compute_circles(
    session: Session,
    version: str,
    progress: Progress = silent,
    *,
    minutes: Sequence[int] = MINUTES,
    walk_speed_mps: float = 1.0,
    actor: audit.Actor | None = None,
) -> CirclesReport:
    """Draw the circles of every station of a version's territory and store them in place of the former ones.

    Parameters
    ----------
    session
        Its transaction holds the result.
    version
        Code of the version.
    progress
        Told how far it is.
    minutes
        Walking times.
    walk_speed_mps
        Walking speed (in meters per second).
    actor
        Who asks, for the audit trail.

    Raises
    ------
    NotFoundError
        No such version, no streets, or no stations.
    """
    info = get_version(session, version)
    stations = read_stations(session, info.territory_id)
    if not len(stations):
        raise NotFoundError(
            "该辖区没有服务站，无法计算服务圈。",
            "the territory has no stations",
            remedy="请先加载服务站: onegrid load --kind stations。",
        )
    progress(0.05, "读取路网")
    network = read_network(session, info.territory_id)
    progress(0.2, f"绘制 {len(stations)} 个服务站的服务圈")
    circles = service_circles(network, stations, minutes, walk_speed_mps=walk_speed_mps)
    progress(0.7, "统计覆盖")
    subjects = _subject_frame(read_subjects(session, info.territory_id))
    reached = coverage_of(network, stations, subjects, minutes, walk_speed_mps=walk_speed_mps)
    progress(0.9, "保存服务圈")
    session.execute(text("DELETE FROM circle WHERE version_id = :id"), {"id": info.id})
    ids = dict(zip(stations["code"], stations["id"], strict=True))
    sums = _sums(reached)
    station_codes = column(circles, "station")
    count = bulk.copy_columns(
        session,
        "circle",
        {
            "station_id": (None if code is None else int(ids[code]) for code in station_codes),
            "minutes": circles["minutes"].astype(int),
            "reached": (
                Jsonb(sums.get(key, {})) for key in zip(station_codes, circles["minutes"], strict=True)
            ),
            "geom": bulk.to_ewkb(circles.geometry.to_numpy()),
        },
        version_id=info.id,
        walk_speed_mps=walk_speed_mps,
    )
    audit.record(session, actor or audit.Actor(), "version.circles", info.code, stations=len(stations))
    progress(1.0, f"服务圈完成: {count} 个")
    return CirclesReport(info.code, len(stations), count, tuple(coverage_lines(session, info.code)))


def _subject_frame(subjects: Subjects) -> gpd.GeoDataFrame:
    points = np.full(len(subjects), None, dtype=object)
    placed = subjects.placed
    points[placed] = shapely.points(subjects.lon[placed], subjects.lat[placed])
    people = pd.arrays.IntegerArray(subjects.people.astype(np.int64), subjects.people_unknown)
    return gpd.GeoDataFrame(
        {"kind": subjects.kind_names, "people": people}, geometry=points, crs=INTERNAL_CRS
    )


def _sums(reached: pd.DataFrame) -> dict[tuple[str | None, int], dict[str, int | None]]:
    """Return per station (None: all) and minutes the subjects reached by kind, and the people in households."""
    sums: dict[tuple[str | None, int], dict[str, int | None]] = {}
    columns = (reached[name].tolist() for name in ("station", "minutes", "kind", "reached", "people"))
    for station, minutes, kind, count, people in zip(*columns, strict=True):
        entry = sums.setdefault((None if pd.isna(station) else str(station), int(minutes)), {"people": None})
        entry[str(kind)] = int(count)
        # People live in households; staff of firms and residents of buildings would count them again.
        if kind == "household" and not pd.isna(people):
            entry["people"] = int(people)
    return sums


def list_circles(session: Session, version: str, station: str | None = None) -> gpd.GeoDataFrame:
    """List the stored circles of a version.

    Parameters
    ----------
    session
        Where to read.
    version
        Code of the version.
    station
        Code of one station, ``all`` for the circles of all together, None for every one.

    Returns
    -------
    GeoDataFrame
        Columns ``station`` (code, None for all together), ``minutes, walk_speed_mps, reached`` (dict), ``geometry``.
    """
    info = get_version(session, version)
    rows = session.execute(
        text(
            """SELECT s.code AS station, c.minutes, c.walk_speed_mps, c.reached, ST_AsBinary(c.geom) AS geometry
               FROM circle c LEFT JOIN station s ON s.id = c.station_id
               WHERE c.version_id = :version
                   AND (CAST(:station AS text) IS NULL OR coalesce(s.code, 'all') = :station)
               ORDER BY s.code NULLS LAST, c.minutes"""
        ),
        {"version": info.id, "station": station},
    )
    return bulk.geo_frame(rows)


def coverage_lines(session: Session, version: str) -> list[CoverageLine]:
    """Return how many households all stations together reach, by minutes; empty when no circles are stored."""
    rows = session.execute(
        text(
            """SELECT c.minutes, (c.reached ->> 'household')::bigint AS reached,
                      (SELECT count(*) FROM subject s
                       WHERE s.territory_id = v.territory_id AND s.kind = 'household') AS total
               FROM circle c JOIN version v ON v.id = c.version_id
               WHERE v.code = :version AND c.station_id IS NULL ORDER BY c.minutes"""
        ),
        {"version": version},
    )
    return [CoverageLine(row.minutes, row.reached or 0, row.total) for row in rows]
