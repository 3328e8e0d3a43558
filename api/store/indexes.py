"""What lookups keep in memory: zone indexes of versions, street networks of territories.

Both are made of stored rows on first use and kept per database, the least recently used leaving first. A published
version never changes; a draft is recognised by its rows, so that an edited one is read again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Transformer
from sqlalchemy import text

from api.store.errors import NotFoundError
from api.store.networks import read_network, read_stations
from api.store.territories import boundary_of, levels_of
from api.store.zonesets import column, read_zones
from geo.assignment import ZoneIndex, explain
from geo.circles import nearest_stations
from geo.crs import INTERNAL_CRS
from geo.errors import NetworkError
from geo.records import LAYER_NAMES, UNASSIGNED_REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from api.store.versions import VersionInfo
    from geo.network import StreetNetwork

    Floats = NDArray[np.float64]

VERSIONS_KEPT: Final = 8
NETWORKS_KEPT: Final = 4

_ZONE_FIELDS: Final = ("id", "code", "name", "parent", "staff")

T = TypeVar("T")


class _Kept(Generic[T]):
    """The last few made of something, per database. Two threads that want the same wait for one making."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._of: WeakKeyDictionary[Engine, OrderedDict[Hashable, T]] = WeakKeyDictionary()

    def get(self, session: Session, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            kept = self._of.setdefault(session.get_bind().engine, OrderedDict())
            if key not in kept:
                kept[key] = make()
            kept.move_to_end(key)
            while len(kept) > self._most:
                kept.popitem(last=False)
            return kept[key]


@dataclass(frozen=True)
class FoundZone:
    """A zone that holds a point.

    Parameters
    ----------
    id
        Row of the zone.
    edge_m
        From the point to the zone's edge (in meters).
    """

    id: int
    layer: str
    level: str
    level_name: str
    code: str
    name: str
    parent: str | None
    staff: list[dict[str, Any]]
    edge_m: float


@dataclass(frozen=True)
class FoundStation:
    """The nearest station of a point.

    Parameters
    ----------
    walk_m
        Walking distance on the streets; None when no street leads there.
    straight_m
        Straight line, given only in place of a walk.
    """

    code: str
    name: str
    walk_m: float | None
    straight_m: float | None


@dataclass
class _LevelIndex:
    code: str
    name: str
    layer: str
    partition: bool
    zones: gpd.GeoDataFrame
    rows: list[dict[str, Any]]
    index: ZoneIndex
    metric_crs: str
    _edges: dict[int, shapely.Geometry] = field(default_factory=dict)

    def locate(
        self, lon: Floats, lat: Floats
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """Return pairs of point and zone, and the first zone of each point (-1 in none).

        A partition has one zone per point, by the half-open rule of `geo.assignment.ZoneIndex`. A department's own
        layer may overlap: then every zone is named.
        """
        rows = self.index.locate(lon, lat)
        if self.partition:
            points = np.flatnonzero(rows >= 0)
            return points, rows[points].astype(np.int64), rows
        points, hits = self.index.locate_all(lon, lat)
        return points, hits, rows

    def edge_m(self, zones: NDArray[np.int64], points: NDArray[Any]) -> Floats:
        """Return the distance of metric points to the edges of zones (in meters)."""
        new = [int(row) for row in np.unique(zones) if int(row) not in self._edges]
        if new:
            edges = metric_shapes(shapely.boundary(self.zones.geometry.to_numpy()[new]), self.metric_crs)
            shapely.prepare(edges)
            self._edges.update(zip(new, edges, strict=True))
        edges_of = np.array([self._edges[int(row)] for row in zones], dtype=object)
        return np.asarray(shapely.distance(edges_of, points), dtype=np.float64)


@dataclass(frozen=True)
class VersionIndex:
    """Every level of a version, ready to be asked.

    Parameters
    ----------
    metric_crs
        In which lengths are measured.
    """

    metric_crs: str
    territory: ZoneIndex
    levels: Sequence[_LevelIndex]

    def find(self, lon: Floats, lat: Floats) -> tuple[list[list[FoundZone]], list[dict[str, str]]]:
        """Return, for each point, the zones that hold it, and the reason for each partition level without one.

        Parameters
        ----------
        lon, lat
            Degrees (EPSG:4490).
        """
        zones: list[list[FoundZone]] = [[] for _ in lon]
        unassigned: list[dict[str, str]] = [{} for _ in lon]
        metric = metric_points(lon, lat, self.metric_crs)
        for level in self.levels:
            points, hits, rows = level.locate(lon, lat)
            edges = level.edge_m(hits, metric[points])
            for point, hit, edge_m in zip(points, hits, edges, strict=True):
                row = level.rows[int(hit)]
                found = FoundZone(
                    int(row["id"]), level.layer, level.code, level.name, row["code"], row["name"], row["parent"],
                    row["staff"], round(float(edge_m), 2),
                )  # fmt: skip
                zones[int(point)].append(found)
            if level.partition:
                reasons = explain(rows, lon, lat, territory=self.territory)
                for point in np.flatnonzero(reasons):
                    unassigned[int(point)][level.code] = UNASSIGNED_REASONS[int(reasons[point]) - 1]
        return zones, unassigned


@dataclass(frozen=True)
class StationIndex:
    """The stations of a territory and the streets that lead to them."""

    metric_crs: str
    stations: gpd.GeoDataFrame
    network: StreetNetwork | None

    def nearest(self, lon: Floats, lat: Floats) -> list[FoundStation | None]:
        """Return the nearest station of each point on foot, else by straight line and marked so."""
        if self.stations.empty or not len(lon):
            return [None] * len(lon)
        rows, walks = np.full(len(lon), -1), np.full(len(lon), np.inf)
        if self.network is not None:
            rows, walks = nearest_stations(self.network, self.stations, lon, lat)
        here = metric_points(lon, lat, self.metric_crs)
        there = metric_shapes(self.stations.geometry.to_numpy(), self.metric_crs)
        found: list[FoundStation | None] = []
        for point, row, walk_m in zip(here, rows, walks, strict=True):
            by_foot = row >= 0 and bool(np.isfinite(walk_m))
            straight = shapely.distance(point, there)
            station = self.stations.iloc[int(row) if by_foot else int(np.argmin(straight))]
            found.append(
                FoundStation(
                    station["code"],
                    station["name"],
                    round(float(walk_m), 1) if by_foot else None,
                    None if by_foot else round(float(straight.min()), 1),
                )
            )
        return found


_VERSIONS: _Kept[VersionIndex] = _Kept(VERSIONS_KEPT)
_STATIONS: _Kept[StationIndex] = _Kept(NETWORKS_KEPT)


@lru_cache(maxsize=64)
def _projection(metric_crs: str) -> Transformer:
    # The same datum on both sides: only the projection is computed. Kept, since lookups come one by one.
    crs = CRS.from_user_input(metric_crs)
    return Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)


def metric_shapes(shapes: NDArray[Any], metric_crs: str) -> NDArray[Any]:
    """Return lon/lat geometries (EPSG:4490) in a metric reference."""
    projection = _projection(metric_crs)

    def move(lonlat: Floats) -> Floats:
        return np.column_stack(projection.transform(lonlat[:, 0], lonlat[:, 1]))

    return np.asarray(shapely.transform(shapes, move))


def metric_points(lon: Floats, lat: Floats, metric_crs: str) -> NDArray[Any]:
    """Return points in a metric reference."""
    return np.asarray(shapely.points(*_projection(metric_crs).transform(lon, lat)))


def version_index(session: Session, version: VersionInfo) -> VersionIndex:
    """Return the index of a version's zones."""
    key: tuple[Any, ...] = (version.code, version.id)
    if version.is_draft:
        rows = session.execute(
            text("SELECT count(*), max(id), max(xmin::text::bigint) FROM zone WHERE version_id = :version"),
            {"version": version.id},
        ).one()
        key += tuple(rows)
    return _VERSIONS.get(session, key, lambda: _read_version(session, version))


def station_index(session: Session, territory_id: int) -> StationIndex:
    """Return the stations and streets of a territory."""
    rows = session.execute(
        text("""
            SELECT (SELECT max(id) FROM street_edge), count(*), max(id), max(xmin::text::bigint)
            FROM station WHERE territory_id = :territory
        """),
        {"territory": territory_id},
    ).one()
    key = (territory_id, *rows)
    return _STATIONS.get(session, key, lambda: _read_stations(session, territory_id))


def _metric_crs(session: Session, territory_id: int) -> str:
    srid = session.scalar(text("SELECT metric_srid FROM territory WHERE id = :id"), {"id": territory_id})
    return f"EPSG:{srid}"


def _read_version(session: Session, version: VersionInfo) -> VersionIndex:
    metric_crs = _metric_crs(session, version.territory_id)
    zones = read_zones(session, version)
    levels = []
    order = list(LAYER_NAMES)
    stored_levels = sorted(
        levels_of(session, version.territory_id),
        key=lambda one: (
            order.index(one.level.layer) if one.level.layer in order else len(order),
            one.level.rank,
        ),
    )
    for stored in stored_levels:
        level, of_level = stored.level, zones[zones["level"] == stored.code].reset_index(drop=True)
        if len(of_level):
            columns = [column(of_level, name) for name in _ZONE_FIELDS]
            rows = [dict(zip(_ZONE_FIELDS, values, strict=True)) for values in zip(*columns, strict=True)]
            levels.append(
                _LevelIndex(
                    level.code,
                    level.name,
                    level.layer,
                    level.partition,
                    of_level,
                    rows,
                    ZoneIndex(of_level),
                    metric_crs,
                )
            )
    boundary = gpd.GeoDataFrame(geometry=[boundary_of(session, version.territory_id)], crs=INTERNAL_CRS)
    return VersionIndex(metric_crs, ZoneIndex(boundary), tuple(levels))


def _read_stations(session: Session, territory_id: int) -> StationIndex:
    try:
        network = read_network(session, territory_id)
    except (NotFoundError, NetworkError):
        network = None  # distances are straight lines then, and say so
    return StationIndex(_metric_crs(session, territory_id), read_stations(session, territory_id), network)
