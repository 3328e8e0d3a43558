"""十五分钟服务圈: what is within so many minutes' walk of a station, and how many subjects each reaches.

**Reached.** A subject is reached within *m* minutes when its walk to the station (:mod:`geo.network`) is at most
``m × 60 × walk_speed_mps`` metres. A subject without location, or farther from any walkable street than
``max_access_m``, is not reached. Numbers always come from subjects' walks, never from the polygons.

**Circle.** The polygon of a circle is drawn from the streets: each point of a walkable street that is reached with
*r* metres to spare is surrounded by a disc of min(*r*, ``street_m``) metres (*r* rounded down to quarters of
``street_m``), and blocks that the discs enclose are filled up to ``fill_m2``. A wider circle also takes in the
narrower one of its station with a margin of 5 cm, so circles are nested exactly: 5 ⊂ 10 ⊂ 15 minutes. The circle of all
stations together is the union of theirs.

:func:`screening_circles` draws straight-line buffers instead. They claim too much (rivers, railways and walls do not
stop them) and are for 初筛 only.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from geo.crs import INTERNAL_CRS, metric_crs, quantise
from geo.errors import NetworkError
from geo.network import MAX_ACCESS_M, Snaps, StreetNetwork
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

MINUTES = (5, 10, 15)
WALK_SPEED_MPS = 1.0
"""Default walking speed: 900 m in 15 minutes; the elderly 0.8 m/s (unverified)."""

STREET_M = 60.0
FILL_M2 = 40_000.0
"""A block of 200 m × 200 m: its inside is reached from the streets around it."""

_NESTING_M = 0.05
_BANDS = 4
SCREENING_METHOD = "初筛(直线距离)"
NETWORK_METHOD = "路网步行"


def _limits_m(minutes: Sequence[float], walk_speed_mps: float) -> tuple[list[float], Floats]:
    """Return the minutes in ascending order and the walks that they allow."""
    wanted = sorted(set(minutes))
    if not wanted or not all(math.isfinite(m) and m > 0 for m in [*wanted, walk_speed_mps]):
        raise NetworkError(
            "步行时间和步行速度必须大于零。",
            "minutes and walk_speed_mps must be positive",
            remedy="例如 5、10、15 分钟，1.0 米/秒。",
        )
    return wanted, np.array([m * 60.0 * walk_speed_mps for m in wanted])


def service_circles(
    network: StreetNetwork,
    stations: gpd.GeoDataFrame,
    minutes: Sequence[float] = MINUTES,
    *,
    walk_speed_mps: float = WALK_SPEED_MPS,
    max_access_m: float = MAX_ACCESS_M,
    street_m: float = STREET_M,
    fill_m2: float = FILL_M2,
) -> gpd.GeoDataFrame:
    """Draw the service circles of stations along the streets (definition above).

    Parameters
    ----------
    network
        The streets.
    stations
        Frame with ``code`` and points. A station without location or too far from any street has empty circles.
    minutes
        Walking times.
    walk_speed_mps
        Walking speed (in meters per second).
    max_access_m
        Farthest street from a station (in meters).
    street_m
        How far from a street a circle extends at most (in meters).
    fill_m2
        Largest enclosed block that is filled (in square meters).

    Returns
    -------
    GeoDataFrame
        Columns ``station`` (code; None for all stations together, last), ``minutes``, ``walk_speed_mps``,
        ``area_m2``, ``method`` and ``geometry`` (MultiPolygon, EPSG:4490, possibly empty). One row per station and
        time, stations in the order given, minutes ascending.

    Raises
    ------
    NetworkError
        When a time or the speed is not positive.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString, Point
    >>> lines = gpd.GeoSeries([LineString([(121.40, 31.07), (121.42, 31.07)])], crs="EPSG:4490")
    >>> network = StreetNetwork.from_lines(lines.to_frame("geometry"))
    >>> stations = gpd.GeoDataFrame({"code": ["s1"]}, geometry=[Point(121.41, 31.0701)], crs="EPSG:4490")
    >>> circles = service_circles(network, stations, (5, 10))
    >>> circles["minutes"].tolist(), circles["station"].tolist()
    ([5, 10, 5, 10], ['s1', 's1', None, None])
    """
    wanted, limits = _limits_m(minutes, walk_speed_mps)
    places = network.snap(stations, max_access_m=max_access_m)

    def one(row: int) -> list[Any]:
        walks_m = network.distances_m(places.take(np.array([row])), float(limits[-1]))[0]
        return _nested(
            [_reach(network, places, row, walks_m, float(limit), street_m) for limit in limits], fill_m2
        )

    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        drawn = list(pool.map(one, range(len(places))))
    return _circle_frame(stations, wanted, drawn, network, walk_speed_mps, NETWORK_METHOD)


def screening_circles(
    stations: gpd.GeoDataFrame,
    minutes: Sequence[float] = MINUTES,
    *,
    walk_speed_mps: float = WALK_SPEED_MPS,
) -> gpd.GeoDataFrame:
    """Draw straight-line buffers around stations, for 初筛 (screening) where no streets are known.

    They claim more than anybody can walk; ``method`` says so in every row.

    Parameters
    ----------
    stations, minutes, walk_speed_mps
        As for :func:`service_circles`.

    Returns
    -------
    GeoDataFrame
        As of :func:`service_circles`.
    """
    wanted, limits = _limits_m(minutes, walk_speed_mps)
    crs = metric_crs(stations.geometry.to_crs(INTERNAL_CRS).to_numpy())
    points = stations.geometry.to_crs(crs).to_numpy()
    there = ~(shapely.is_missing(points) | shapely.is_empty(points))
    drawn = [
        [shapely.buffer(point, limit, quad_segs=16) if ok else shapely.Polygon() for limit in limits]
        for point, ok in zip(points, there, strict=True)
    ]
    back = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    return _frame(stations, wanted, drawn, back, walk_speed_mps, SCREENING_METHOD)


def _circle_frame(
    stations: gpd.GeoDataFrame,
    minutes: list[float],
    drawn: list[list[Any]],
    network: StreetNetwork,
    walk_speed_mps: float,
    method: str,
) -> gpd.GeoDataFrame:
    back = Transformer.from_crs(network.crs, network.crs.geodetic_crs, always_xy=True)
    return _frame(stations, minutes, drawn, back, walk_speed_mps, method)


def _frame(
    stations: gpd.GeoDataFrame,
    minutes: list[float],
    drawn: list[list[Any]],
    back: Transformer,
    walk_speed_mps: float,
    method: str,
) -> gpd.GeoDataFrame:
    codes = [None if code is None else str(code) for code in stations["code"]] if "code" in stations else []
    together = [shapely.union_all([shapes[k] for shapes in drawn]) for k in range(len(minutes))]
    metric = np.array([shape for shapes in [*drawn, together] for shape in shapes], dtype=object)
    coords = shapely.get_coordinates(metric)
    lonlat = np.column_stack(back.transform(coords[:, 0], coords[:, 1])) if len(coords) else coords
    shapes = quantise(shapely.set_coordinates(metric.copy(), lonlat))
    return gpd.GeoDataFrame(
        {
            "station": pd.Series(
                np.repeat(np.array([*codes, None], dtype=object), len(minutes)), dtype=object
            ),
            "minutes": minutes * (len(drawn) + 1),
            "walk_speed_mps": walk_speed_mps,
            "area_m2": shapely.area(metric),
            "method": method,
        },
        geometry=[_multi(shape) for shape in shapes],
        crs=INTERNAL_CRS,
    )


def _multi(shape: shapely.Geometry) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([part for part in shapely.get_parts(shape) if not part.is_empty])


def _nested(reaches: list[Any], fill_m2: float) -> list[Any]:
    """Fill blocks, and let each circle take in the narrower one with a margin that survives rounding."""
    done: list[Any] = []
    for reach in reaches:
        shape = reach
        if done and not done[-1].is_empty:
            shape = shapely.union(shape, shapely.buffer(done[-1], _NESTING_M, join_style="mitre"))
        done.append(_filled(shape, fill_m2))
    return done


def _filled(shape: shapely.Geometry, fill_m2: float) -> shapely.Geometry:
    parts = []
    for part in shapely.get_parts(shape):
        holes = [ring for ring in part.interiors if shapely.Polygon(ring).area > fill_m2]
        parts.append(shapely.Polygon(part.exterior, holes))
    return shapely.union_all(np.array(parts, dtype=object))


def _reach(
    network: StreetNetwork, places: Snaps, row: int, walks_m: Floats, limit_m: float, street_m: float
) -> shapely.Geometry:
    """Surround the reached street parts of one station by discs that shrink with the metres to spare."""
    if places.edge[row] < 0 or places.access_m[row] > limit_m:
        return shapely.Polygon()
    buffers, nearer_m = [], -math.inf
    for band in range(_BANDS, 0, -1):
        radius = street_m * band / _BANDS
        parts = network.parts_between(places, row, walks_m, nearer_m, limit_m - radius)
        if len(parts):
            buffers.append(shapely.union_all(shapely.buffer(parts, radius, quad_segs=4)))
            nearer_m = limit_m - radius
    return shapely.union_all(buffers) if buffers else shapely.Polygon()


def coverage_of(
    network: StreetNetwork,
    stations: gpd.GeoDataFrame,
    subjects: gpd.GeoDataFrame,
    minutes: Sequence[float] = MINUTES,
    *,
    walk_speed_mps: float = WALK_SPEED_MPS,
    max_access_m: float = MAX_ACCESS_M,
) -> pd.DataFrame:
    """Count the subjects that each station, and all together, reach on foot (definition above).

    Parameters
    ----------
    network
        The streets.
    stations
        Frame with ``code`` and points.
    subjects
        Frame with ``kind``, geometry (points; polygons stand for their point on surface; None: no location) and
        optionally ``people``.
    minutes
        Walking times.
    walk_speed_mps
        Walking speed (in meters per second).
    max_access_m
        Farthest street from a station or subject (in meters).

    Returns
    -------
    DataFrame
        Columns ``station`` (code; None for all stations together: each subject counted once), ``minutes``,
        ``kind``, ``reached``, ``total`` (subjects of the kind, with or without location) and ``people`` (Int64: of
        those reached; NA where subjects are reached but nobody knows their people). One row per station, time and
        kind.
    """
    wanted, limits = _limits_m(minutes, walk_speed_mps)
    origins = network.snap(stations, max_access_m=max_access_m)
    places = network.snap(subjects, max_access_m=max_access_m)
    named = subjects["kind"].astype(object).to_numpy()
    kinds = [kind for kind in SUBJECT_KINDS if (named == kind).any()]
    kinds += sorted(set(pd.unique(named)) - set(kinds))
    kind = pd.Categorical(named, categories=kinds).codes.astype(np.int64)
    people = np.full(len(subjects), -1, dtype=np.int64)
    if "people" in subjects:
        people = pd.to_numeric(subjects["people"]).fillna(-1).to_numpy(dtype=np.int64)
    reached, known, total = network.count_reached(origins, places, kind, people, limits, kinds=len(kinds))
    _, walk_m = network.nearest_m(origins, places, limit_m=float(limits[-1]))
    for m, limit in enumerate(limits):
        in_time = walk_m <= limit + 1e-9
        knows = in_time & (people >= 0)
        reached[-1, m] = np.bincount(kind[in_time], minlength=len(kinds))
        known[-1, m] = np.bincount(kind[knows], minlength=len(kinds))
        total[-1, m] = np.bincount(kind[knows], weights=people[knows], minlength=len(kinds)).round()
    codes = [str(code) for code in stations["code"]]
    counted = pd.array(total.ravel(), dtype="Int64")
    counted[(reached.ravel() > 0) & (known.ravel() == 0)] = pd.NA
    rows = len(wanted) * len(kinds)
    return pd.DataFrame(
        {
            "station": pd.Series(np.repeat(np.array([*codes, None], dtype=object), rows), dtype=object),
            "minutes": np.tile(np.repeat(wanted, len(kinds)), len(codes) + 1),
            "kind": np.tile(np.array(kinds, dtype=object), len(wanted) * (len(codes) + 1)),
            "reached": reached.ravel(),
            "total": np.tile(np.bincount(kind, minlength=len(kinds)), len(wanted) * (len(codes) + 1)),
            "people": counted,
        }
    )


def nearest_stations(
    network: StreetNetwork,
    stations: gpd.GeoDataFrame,
    lon: ArrayLike,
    lat: ArrayLike,
    *,
    limit_m: float = math.inf,
    max_access_m: float = MAX_ACCESS_M,
) -> tuple[NDArray[np.int32], Floats]:
    """Find the station with the shortest walk from each point.

    Parameters
    ----------
    network, stations
        The streets, and a frame of points.
    lon, lat
        Points in degrees (EPSG:4490).
    limit_m, max_access_m
        Longest walk, and farthest street (in meters).

    Returns
    -------
    tuple of ndarray
        Row position in ``stations`` (int32, −1: none) and the walk (in meters, inf: none).
    """
    origins = network.snap(stations, max_access_m=max_access_m)
    places = network.snap_lonlat(lon, lat, max_access_m=max_access_m)
    return network.nearest_m(origins, places, limit_m=limit_m)


def nearest_station(
    network: StreetNetwork,
    stations: gpd.GeoDataFrame,
    lon: float,
    lat: float,
    *,
    max_access_m: float = MAX_ACCESS_M,
) -> tuple[int, float] | None:
    """Find the station with the shortest walk from one point.

    Returns
    -------
    tuple or None
        Row position in ``stations`` and the walk (in meters); None when no station can be walked to.
    """
    here = network.snap_lonlat([lon], [lat], max_access_m=max_access_m)
    origins = network.snap(stations, max_access_m=max_access_m)
    # A station is mostly near: widening searches from the point touch far less of a city than one from all stations.
    for limit_m in (1_000.0, 5_000.0, math.inf):
        walk_m = network.distances_m(here, limit_m, origins)[0]
        if len(walk_m) and np.isfinite(walk_m).any():
            row = int(np.argmin(walk_m))
            return row, float(walk_m[row])
    return None


def main() -> None:
    """Compile the loops over streets once, so that the first user does not wait: ``python -m geo.circles``."""
    lines = [shapely.LineString([(121.40, 31.07), (121.41, 31.07)])]
    network = StreetNetwork.from_lines(gpd.GeoDataFrame(geometry=lines, crs=INTERNAL_CRS))
    here = gpd.GeoDataFrame({"code": ["s1"], "kind": ["facility"]}, geometry=[shapely.Point(121.405, 31.07)])
    here = here.set_crs(INTERNAL_CRS)
    service_circles(network, here)
    coverage_of(network, here, here)
    nearest_station(network, here, 121.405, 31.07)


if __name__ == "__main__":
    main()
