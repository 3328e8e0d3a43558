"""What speaks against a declared reference: the size of the numbers, and the distance to the streets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.crs.measures import CHINA_BOUNDS, metric_crs, to_metric
from geo.crs.references import BD_09, GCJ_02, move_out, reference, to_internal
from geo.crs.shifts import bd_to_lonlat, gcj_to_lonlat, lonlat_to_bd, lonlat_to_gcj

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import ArrayLike

    from geo.crs.shifts import Moves

_GK_PREFIXED = range(4513, 4534)
_GK_PLAIN = range(4534, 4555)
_MIN_EASTING_M, _MAX_EASTING_M = 100_000.0, 900_000.0
_MIN_NORTHING_M, _MAX_NORTHING_M = 1_800_000.0, 6_100_000.0
_ZONE_M = 1_000_000.0
_MAX_LON_DEG, _MAX_LAT_DEG = 360.0, 90.0

_SHIFT_SAMPLE = 2000
_SHIFT_MIN_POINTS = 20
_SHIFT_GAIN = 2.0
"""How many times closer to the streets the data must come before a shift is suspected."""


def declaration_fault(x: ArrayLike, y: ArrayLike, declared: str) -> tuple[str, str] | None:
    """Say what is wrong with a declared reference, judged by the size of the numbers alone.

    Parameters
    ----------
    x, y
        Coordinates as read.
    declared
        The declared reference.

    Returns
    -------
    tuple of str, or None
        ``("swapped", sentence)`` when x holds northings or latitudes that only make sense as y (surveyors'
        order), ``("zone", sentence)`` when zone-prefixed and plain Gauss-Krüger are confused,
        ``("metres", sentence)`` when degrees are declared and metres given or the reverse; None when nothing
        speaks against it.
    """
    named = reference(declared)
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    fit = np.isfinite(xs) & np.isfinite(ys)
    if not fit.any():
        return None
    east, north = float(np.median(xs[fit])), float(np.median(ys[fit]))
    degrees = abs(east) <= _MAX_LON_DEG and abs(north) <= _MAX_LON_DEG
    if isinstance(named, str) or named.is_geographic:
        if not degrees:
            return "metres", f"声明为经纬度（{declared}），数值却像投影坐标（单位米）：{east:g}, {north:g}。"
        swapped = abs(north) > _MAX_LAT_DEG >= abs(east)
        return ("swapped", f"经度与纬度像是填反了：{east:g}, {north:g}。") if swapped else None
    if degrees:
        return "metres", f"声明为投影坐标（{declared}），数值却像经纬度：{east:g}, {north:g}。"
    return _gauss_kruger_fault(east, north, named.to_epsg() or 0)


def _gauss_kruger_fault(east: float, north: float, epsg: int) -> tuple[str, str] | None:
    zone = int(east // _ZONE_M)
    if epsg not in _GK_PREFIXED and epsg not in _GK_PLAIN:
        return None
    if _is_northing(east) and (_is_easting(north) or north > _MAX_NORTHING_M):
        return "swapped", f"x 像是北坐标、y 像是东坐标（测量习惯的轴序）：{east:g}, {north:g}。"
    says = None
    if epsg in _GK_PREFIXED and _is_easting(east):
        says = f"声明为带号坐标（EPSG:{epsg}），东坐标 {east:g} 却不带带号；不带号是 EPSG:{epsg + 21}。"
    elif epsg in _GK_PLAIN and east > _MAX_NORTHING_M:
        says = f"声明为不带号坐标（EPSG:{epsg}），东坐标 {east:g} 却带号；{zone} 带是 EPSG:{4488 + zone}。"
    elif epsg in _GK_PREFIXED and zone != epsg - 4488:
        says = f"声明为 {epsg - 4488} 带（EPSG:{epsg}），东坐标 {east:g} 却属于 {zone} 带。"
    return None if says is None else ("zone", says)


def _is_easting(value: float) -> bool:
    return _MIN_EASTING_M <= value <= _MAX_EASTING_M


def _is_northing(value: float) -> bool:
    return _MIN_NORTHING_M <= value <= _MAX_NORTHING_M


def china_shift_warning(frame: gpd.GeoDataFrame, streets: gpd.GeoDataFrame) -> str | None:
    """Say whether data looks as if it had been declared in the wrong one of GCJ-02, BD-09 and EPSG:4490.

    The data's vertices, or points, are compared with the street network as they are and moved by each of
    the two shifts, both ways (300-1,500 m). When one of the moves brings the median distance to the nearest
    street to less than half, the data was probably declared wrongly.

    Parameters
    ----------
    frame, streets
        In EPSG:4490 (or any declared reference).

    Returns
    -------
    str or None
        A sentence in Chinese; None when nothing is suspicious, outside China, or with fewer than 20 points.
    """
    points = shapely.get_coordinates(to_internal(frame).geometry.to_numpy())
    if len(points) < _SHIFT_MIN_POINTS or len(streets) == 0:
        return None
    west, south, east, north = CHINA_BOUNDS
    lon, lat = points[:: max(1, len(points) // _SHIFT_SAMPLE)].T
    if not (west <= np.median(lon) <= east and south <= np.median(lat) <= north):
        return None
    target = metric_crs(to_internal(streets[[streets.geometry.name]]))
    lines = to_metric(streets.geometry, target)
    tree = shapely.STRtree(lines.to_numpy())
    moves: dict[str, Moves | None] = {
        "": None,
        GCJ_02: gcj_to_lonlat,
        BD_09: bd_to_lonlat,
        f"{GCJ_02} 多转了一次": lonlat_to_gcj,
        f"{BD_09} 多转了一次": lonlat_to_bd,
    }
    project = move_out(target)
    assert project is not None  # noqa: S101  a metric reference is never the identity
    median_m: dict[str, float] = {}
    for name, move in moves.items():
        x, y = project(*((lon, lat) if move is None else move(lon, lat)))
        _, distance_m = tree.query_nearest(shapely.points(x, y), return_distance=True, all_matches=False)
        median_m[name] = float(np.median(distance_m)) if len(distance_m) else np.inf
    best = min(median_m, key=lambda name: median_m[name])
    if not best or median_m[""] < _SHIFT_GAIN * median_m[best]:
        return None
    means = best if "多转" in best else f"{best} 坐标"
    return (
        f"数据与道路对不上：到最近道路的中位距离为 {median_m['']:.0f} 米，"
        f"若按“{means}”理解则只有 {median_m[best]:.0f} 米，坐标系可能声明错了，请核对。"
    )
