"""Subjects to zones at the level of frames: who is where, who is nowhere and why, and whether the sums agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.assignment.index import ZoneIndex
from geo.errors import CoordinatesError, MixedReferenceError
from geo.records import UNASSIGNED_REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from shapely import MultiPolygon, Polygon

ASSIGNED = 0
"""Reason code of a subject that is in a zone; the other codes count ``geo.records.UNASSIGNED_REASONS`` from 1."""

OUTSIDE, GAP, NO_LOCATION, BAD_LOCATION = range(1, len(UNASSIGNED_REASONS) + 1)

_REASON_NAMES = np.array([None, *UNASSIGNED_REASONS], dtype=object)


def subject_points(
    subjects: gpd.GeoDataFrame | gpd.GeoSeries,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where subjects are, as one point each.

    A point is itself; a polygon or line (building, estate) is a point on its surface, which no concave shape pushes
    outside. A shape that GEOS cannot place (a ring of NaN) is at infinity, which `explain` calls a bad location.

    Parameters
    ----------
    subjects
        Frame or series with a geometry; rows without one are allowed.

    Returns
    -------
    lon, lat
        Degrees, shape ``(n,)``; NaN where a subject has no geometry or an empty one.

    Examples
    --------
    >>> from shapely import Point, box
    >>> lon, lat = subject_points(gpd.GeoSeries([Point(121.4, 31.1), box(0, 0, 2, 2), None]))
    >>> lon.tolist()
    [121.4, 1.0, nan]
    """
    geometries = np.asarray(subjects.geometry.array, dtype=object)
    lon = np.full(len(geometries), np.nan)
    lat = np.full(len(geometries), np.nan)
    kinds = shapely.get_type_id(geometries)
    with_place = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    is_point = with_place & (kinds == shapely.GeometryType.POINT)
    lon[is_point] = shapely.get_x(geometries[is_point])
    lat[is_point] = shapely.get_y(geometries[is_point])
    # shapely calls POINT (nan nan) empty, but a point with one good coordinate is a mistake, not an absence.
    lon[is_point & ~(np.isfinite(lon) & np.isfinite(lat))] = np.inf
    shaped = np.flatnonzero(with_place & ~is_point)
    finite = np.isfinite(shapely.bounds(geometries[shaped])).all(axis=1)
    lon[shaped[~finite]] = np.inf
    lat[shaped[~finite]] = np.inf
    shaped = shaped[finite]
    on_surface = shapely.point_on_surface(geometries[shaped])
    lon[shaped] = shapely.get_x(on_surface)
    lat[shaped] = shapely.get_y(on_surface)
    return lon, lat


def explain(
    rows: NDArray[np.int32],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    *,
    territory: ZoneIndex | None,
    missing: NDArray[np.bool_] | None = None,
) -> NDArray[np.int8]:
    """Say why each point is in no zone (law 2).

    Parameters
    ----------
    rows
        What `ZoneIndex.locate` answered, shape ``(n,)``.
    lon, lat
        Degrees, shape ``(n,)``.
    territory
        Index of the territory's boundary: a point in no zone is in a gap when it touches the territory, else outside.
        Without it every such point is outside.
    missing
        True where a subject has no location at all; by default where both coordinates are NaN.

    Returns
    -------
    ndarray of int8
        0 for assigned, else 1 + the position of the reason in ``geo.records.UNASSIGNED_REASONS``. A coordinate that is
        not finite, or off the globe (beyond 180 degrees east or west, 90 north or south), is a bad location.

    Examples
    --------
    >>> explain(np.array([0, -1], dtype="int32"), np.array([0.5, 999.0]), np.array([0.5, 0.5]), territory=None).tolist()
    [0, 4]
    """
    unassigned = np.flatnonzero(rows < 0)
    codes = np.zeros(len(rows), dtype=np.int8)
    x, y = lon[unassigned], lat[unassigned]
    absent = np.isnan(x) & np.isnan(y) if missing is None else missing[unassigned]
    in_territory = np.zeros(len(unassigned), dtype=bool) if territory is None else territory.locate(x, y) >= 0
    on_globe = (np.abs(x) <= 180) & (np.abs(y) <= 90)  # noqa: PLR2004 - the globe's own limits; NaN compares False
    codes[unassigned] = np.select(
        [absent, in_territory, ~on_globe], [NO_LOCATION, GAP, BAD_LOCATION], default=OUTSIDE
    )
    return codes


def territory_index(zones: gpd.GeoDataFrame, boundary: Polygon | MultiPolygon | None = None) -> ZoneIndex:
    """Index the territory that tells a gap from the outside.

    Parameters
    ----------
    zones
        The zones of a level.
    boundary
        The territory; without one it is the zones' own outline with every hole filled, so that an enclosed gap is a gap
        and an open-sided one is outside.
    """
    if boundary is None:
        outline = shapely.union_all(shapely.make_valid(np.asarray(zones.geometry.array, dtype=object)))
        shells = [part for part in shapely.get_parts(outline) if isinstance(part, shapely.Polygon)]
        boundary = shapely.multipolygons(
            [shapely.polygons(shapely.get_exterior_ring(part)) for part in shells]
        )
    return ZoneIndex(gpd.GeoDataFrame(geometry=[boundary], crs=zones.crs))


def assign(
    zones: gpd.GeoDataFrame,
    subjects: gpd.GeoDataFrame,
    boundary: Polygon | MultiPolygon | None = None,
) -> pd.DataFrame:
    """Assign subjects to the zones of one level, with a reason for each that is in none.

    Parameters
    ----------
    zones
        Polygons in lon/lat, in the same reference as ``subjects``.
    subjects
        Points, or shapes whose point on surface counts, or rows without a location.
    boundary
        The territory, see `territory_index`.

    Returns
    -------
    DataFrame
        On the index of ``subjects``: ``zone`` (int32, row position in ``zones``, -1 in none) and ``reason``
        (None, or one of ``geo.records.UNASSIGNED_REASONS``).

    Raises
    ------
    MixedReferenceError
        When both frames name a reference and the two differ.
    ZonesError
        When ``zones`` cannot be indexed, see `ZoneIndex`.

    Examples
    --------
    >>> from shapely import Point, box
    >>> zones = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)])
    >>> assign(zones, gpd.GeoDataFrame(geometry=[Point(1, 0.5), Point(5, 5), None]))
       zone       reason
    0     1         None
    1    -1      outside
    2    -1  no_location
    """
    if zones.crs is not None and subjects.crs is not None and zones.crs != subjects.crs:
        raise MixedReferenceError(
            f"网格的坐标系（{zones.crs.to_string()}）与管理对象的坐标系（{subjects.crs.to_string()}）不同。",
            "zones and subjects are in different reference systems",
            remedy="请先把两者都转换到 EPSG:4490（geo.crs.to_internal）。",
        )
    lon, lat = subject_points(subjects)
    rows = ZoneIndex(zones).locate(lon, lat)
    territory = territory_index(zones, boundary) if (rows < 0).any() else None
    reasons = explain(rows, lon, lat, territory=territory)
    reason = pd.Series(_REASON_NAMES[reasons], index=subjects.index, dtype=object)
    return pd.DataFrame({"zone": rows, "reason": reason}, index=subjects.index)


def reconcile(
    reasons: Mapping[str, NDArray[np.int8]], kinds: NDArray[np.object_] | pd.Series | pd.Categorical[Any]
) -> pd.DataFrame:
    """Count subjects per level and kind, so that assigned and unassigned add up to all (law 2).

    Parameters
    ----------
    reasons
        Per level, the reason code of each subject as `explain` gives it.
    kinds
        Kind of each subject, in the same order. A Categorical, its categories sorted, saves comparing words.

    Returns
    -------
    DataFrame
        One row per level and kind, in the order of ``reasons`` and of kinds by name: ``level, kind, total, assigned,
        outside, gap, no_location, bad_location``.

    Raises
    ------
    CoordinatesError
        When a level has another number of subjects than ``kinds``: something was lost.

    Examples
    --------
    >>> reconcile({"grid": np.array([0, 0, 2], dtype="int8")}, np.array(["household", "business", "household"], object))
      level       kind  total  assigned  outside  gap  no_location  bad_location
    0  grid   business      1         1        0    0            0             0
    1  grid  household      2         1        0    1            0             0
    """
    values = kinds if isinstance(kinds, pd.Categorical) else np.asarray(kinds, dtype=object)
    kind_codes, names = pd.factorize(values, sort=True)
    kind_names = np.asarray(names, dtype=object)
    width = len(UNASSIGNED_REASONS) + 1
    tables = []
    for level, codes in reasons.items():
        if len(codes) != len(kind_codes):
            raise CoordinatesError(
                f"层级 {level} 只核对了 {len(codes)} 个对象，应为 {len(kind_codes)} 个。",
                f"level {level} has {len(codes)} results for {len(kind_codes)} subjects",
                remedy="每个层级必须对同一批对象逐一给出结果。",
            )
        cells = np.bincount(kind_codes * width + codes, minlength=len(kind_names) * width).reshape(-1, width)
        table = pd.DataFrame(cells, columns=["assigned", *UNASSIGNED_REASONS])
        table.insert(0, "total", cells.sum(axis=1))
        table.insert(0, "kind", kind_names)
        table.insert(0, "level", level)
        tables.append(table)
    columns = ["level", "kind", "total", "assigned", *UNASSIGNED_REASONS]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
