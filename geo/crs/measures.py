"""Lengths and areas in metres: the metric reference of data, and measuring in it (law 6)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from geo.crs.references import lonlat_to_internal, move_in, move_out, on_pairs, undeclared_reference
from geo.errors import DegreesError, UnknownReferenceError

if TYPE_CHECKING:
    import pandas as pd

Frame = TypeVar("Frame", gpd.GeoDataFrame, gpd.GeoSeries)

CHINA_BOUNDS = (73.0, 3.0, 136.0, 54.0)
"""West, south, east, north in degrees: where measures use a CGCS2000 Gauss-Krüger zone."""


def _centre(geometry_or_frame: Any) -> tuple[float, float]:  # noqa: ANN401  a geometry, an array or a frame
    given = geometry_or_frame
    if isinstance(given, gpd.GeoDataFrame | gpd.GeoSeries):
        if given.crs is None:
            raise undeclared_reference()
        west, south, east, north = given.total_bounds
        lon, lat = lonlat_to_internal([west, east], [south, north], _declarable(given.crs))
        west, east, south, north = lon[0], lon[1], lat[0], lat[1]
    else:
        west, south, east, north = shapely.total_bounds(given)
    if not np.isfinite([west, south, east, north]).all():
        return 105.0, 35.0  # nothing to measure: any zone serves
    if max(abs(west), abs(east)) > 360 or max(abs(south), abs(north)) > 90:  # noqa: PLR2004
        raise undeclared_reference("几何")
    return (west + east) / 2, (south + north) / 2


def _declarable(crs: CRS) -> str:
    epsg = crs.to_epsg()
    if epsg is None:
        raise UnknownReferenceError(
            f"坐标系“{crs.name}”没有 EPSG 代码。",
            f"{crs.name} has no EPSG code",
            remedy="请先转换为 EPSG:4490。",
        )
    return f"EPSG:{epsg}"


@cache
def _by_code(code: int) -> CRS:
    # Making one asks PROJ's database, some 50 ms: far longer than an edit's own measures.
    return CRS.from_epsg(code)


def metric_crs(geometry_or_frame: Any) -> CRS:  # noqa: ANN401  a geometry, an array of them or a frame
    """Return the reference in which lengths and areas of this data are measured.

    Parameters
    ----------
    geometry_or_frame
        A geometry or an array of them in EPSG:4490, or a GeoSeries or GeoDataFrame with any reference.

    Returns
    -------
    pyproj.CRS
        The CGCS2000 3-degree Gauss-Krüger zone of its centre without prefix (EPSG 4509 + zone) inside China's
        bounding box, the WGS 84 UTM zone of its centre elsewhere; unit metre.

    Examples
    --------
    >>> import shapely
    >>> metric_crs(shapely.Point(121.40, 31.07)).to_epsg()
    4549
    >>> metric_crs(shapely.Point(7.42, 43.73)).to_epsg()
    32632
    """
    lon, lat = _centre(geometry_or_frame)
    west, south, east, north = CHINA_BOUNDS
    if west <= lon <= east and south <= lat <= north:
        zone = min(max(round(lon / 3), 25), 45)
        return _by_code(4509 + zone)
    zone = int((lon + 180.0) // 6) % 60 + 1
    return _by_code((32600 if lat >= 0 else 32700) + zone)


def require_metric(crs: CRS | None) -> CRS:
    """Return the reference if lengths and areas in it are metres; raise otherwise (law 6).

    Raises
    ------
    DegreesError
        When it is none, in degrees, or not a transverse Mercator projection in metres.
    """
    if crs is None or not _is_metric(crs):
        name = "未声明" if crs is None else crs.name
        raise DegreesError(
            f"不能在坐标系“{name}”里直接量长度或面积。",
            f"lengths and areas cannot be measured in {'no reference' if crs is None else crs.name}",
            remedy="请先用 geo.crs.to_metric 投影到所在的高斯-克吕格 3 度带（境外为 UTM）。",
        )
    return crs


def _is_metric(crs: CRS) -> bool:
    return (
        crs.is_projected
        and crs.coordinate_operation is not None
        and crs.coordinate_operation.method_name == "Transverse Mercator"
        and all(axis.unit_conversion_factor == 1.0 for axis in crs.axis_info[:2])
    )


def to_metric(frame: Frame, crs: CRS | str | None = None) -> Frame:
    """Project a frame so that its lengths and areas are metres.

    Parameters
    ----------
    frame
        GeoSeries or GeoDataFrame with any reference. Not changed.
    crs
        Where to; None takes ``metric_crs(frame)``, or leaves a frame that already is metric as it is.

    Returns
    -------
    GeoSeries or GeoDataFrame
        The same index.

    Raises
    ------
    DegreesError
        When ``crs`` is not metric.
    UndeclaredReferenceError
        When the frame has no reference.
    """
    if frame.crs is None:
        raise undeclared_reference()
    own = frame.crs.to_2d()
    if crs is None and _is_metric(own):
        return frame
    target = require_metric(metric_crs(frame) if crs is None else CRS.from_user_input(crs))
    if own.equals(target):
        return frame
    geometries = frame.geometry.to_numpy()
    for step in (move_in(own), move_out(target)):
        if step is not None:
            geometries = shapely.transform(geometries, on_pairs(step))
    if isinstance(frame, gpd.GeoSeries):
        return gpd.GeoSeries(geometries, index=frame.index, crs=target, name=frame.name)
    result = frame.copy()
    name = frame.geometry.name
    result[name] = gpd.GeoSeries(geometries, index=frame.index)
    return result.set_geometry(name).set_crs(target, allow_override=True)


def _measurable(series: gpd.GeoSeries) -> gpd.GeoSeries:
    if series.crs is None:
        return require_metric(None)
    return to_metric(series)


def areas_m2(series: gpd.GeoSeries) -> pd.Series[float]:
    """Measure areas (in square meters) in the metric reference of the data.

    Parameters
    ----------
    series
        With a reference: lon/lat and web maps' metres are projected first, metric ones measured as they are.

    Returns
    -------
    Series
        Float, same index.

    Raises
    ------
    DegreesError
        When the series names no reference: its numbers may be degrees.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> square = gpd.GeoSeries([shapely.box(121.0, 31.0, 121.01, 31.01)], crs="EPSG:4490")
    >>> round(float(areas_m2(square).iloc[0]) / 1e6, 2)
    1.06
    """
    areas: pd.Series[float] = _measurable(series).area
    return areas


def lengths_m(series: gpd.GeoSeries) -> pd.Series[float]:
    """Measure lengths, or perimeters of polygons (in meters), as ``areas_m2`` does areas.

    Raises
    ------
    DegreesError
        When the series names no reference.
    """
    lengths: pd.Series[float] = _measurable(series).length
    return lengths
