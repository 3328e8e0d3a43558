"""What a fusion is given: departments' zones and other frames, checked and brought to one reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.coverage.zones import zone_codes
from geo.crs import to_internal, undeclared_reference
from geo.errors import ZonesError
from geo.records import LAYER_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Objects = NDArray[Any]
    Bools = NDArray[np.bool_]

FEWEST_LAYERS, MOST_LAYERS = 2, 8
POLYGON = shapely.GeometryType.POLYGON
_POLYGONS = (POLYGON, shapely.GeometryType.MULTIPOLYGON)
_MOST_LON, _MOST_LAT = 360.0, 90.0
"""Longitudes may go on beyond the antimeridian, so that what lies across it hangs together."""

_SHOWN = 5
"""Codes or rows that a message names."""


@dataclass(frozen=True)
class Layer:
    """One department's grids by code, ready for the overlay: the order of rows decides nothing but who comes first.

    Parameters
    ----------
    code
        Code of the layer, such as ``party``.
    name
        Chinese name.
    codes
        Codes of its zones.
    dedicated
        Which zones are dedicated (专属).
    shapes
        Polygons in EPSG:4490, quantised.
    place
        Row of each zone as given: of several that claim the same ground the first counts.
    """

    code: str
    name: str
    codes: Objects
    dedicated: Bools
    shapes: Objects
    place: NDArray[np.int64]


def read_layers(layers: Mapping[str, gpd.GeoDataFrame]) -> tuple[Layer, ...]:
    """Check the departments' frames and take them in: all faults of all layers in one error."""
    if not FEWEST_LAYERS <= len(layers) <= MOST_LAYERS:
        raise ZonesError(
            f"多格合一需要 {FEWEST_LAYERS} 到 {MOST_LAYERS} 个图层，收到 {len(layers)} 个。",
            f"fusion takes {FEWEST_LAYERS} to {MOST_LAYERS} layers, not {len(layers)}",
            remedy="请增减图层。",
        )
    read, faults = [], []
    for code, frame in layers.items():
        try:
            read.append(_layer(code, frame))
        except ZonesError as fault:
            faults.append(fault)
    if faults:
        raise ZonesError(
            "".join(fault.zh for fault in faults),
            "; ".join(fault.en for fault in faults),
            remedy="".join(dict.fromkeys(fault.remedy for fault in faults)),
        )
    return tuple(read)


def _layer(code: str, frame: gpd.GeoDataFrame) -> Layer:
    """Check a department's frame and take it in."""
    name = LAYER_NAMES.get(code, code)
    codes = np.array(zone_codes(frame, name), dtype=object)
    if len(frame) == 0:
        raise ZonesError(f"{name}没有网格。", f"no zones in {code}", remedy="请去掉这个图层，或换一个文件。")
    refuse(
        name,
        codes,
        (pd.Series(codes).duplicated().to_numpy(), "编码与前面重复", "have a code that occurs before"),
    )
    given = geometries(frame)
    nothing = shapely.is_missing(given) | shapely.is_empty(given)
    refuse(
        name,
        codes,
        (nothing, "是空的", "are empty"),
        (~nothing & ~is_area(given), "不是面（曲线面请先转为折线面）", "are not polygons"),
    )
    shapes = placed(frame, name, codes)
    # by its hull: the two halves of a ring that crosses itself may cancel out
    flat = shapely.area(shapely.convex_hull(shapes)) == 0.0
    refuse(
        name,
        codes,
        (flat, "没有面积", "have no area"),
        (~flat & ~shapely.is_valid(shapes), "边线自相交", "have rings that cross themselves"),
    )
    dedicated = (
        frame["kind"].isin(["dedicated"]).to_numpy() if "kind" in frame else np.zeros(len(frame), bool)
    )
    order = np.argsort(codes.astype(str), kind="stable")
    return Layer(code, name, codes[order], dedicated[order], shapes[order], order)


def refuse(name: str, codes: Objects | None, *checks: tuple[Bools, str, str]) -> None:
    """Raise ``ZonesError`` naming the rows of a frame with which something is wrong: all that is.

    Parameters
    ----------
    name
        Chinese name of the layer.
    codes
        What each row is called; None: its number, from 1.
    checks
        Which rows are wrong, and how in Chinese and English.
    """
    chinese, english = [], []
    for wrong, zh, en in checks:
        rows = np.flatnonzero(wrong)
        if len(rows):
            called = [f"第 {row + 1} 行" if codes is None else str(codes[row]) for row in rows[:_SHOWN]]
            listed = "、".join(called) + ("…" if len(rows) > _SHOWN else "")
            chinese.append(f"有 {len(rows)} 个图形{zh}：{listed}")
            english.append(f"{len(rows)} {en} ({listed})")
    if chinese:
        raise ZonesError(
            f"{name}{'；'.join(chinese)}。",
            f"{name}: {', '.join(english)}",
            remedy="请先改正（可运行检查与修复），再重新合一。",
        )


def geometries(frame: gpd.GeoDataFrame) -> Objects:
    """Return the geometries of a frame as an array."""
    shapes: Objects = np.asarray(frame.geometry.array, dtype=object)
    return shapes


def check_frame(frame: gpd.GeoDataFrame, name: str) -> None:
    """Refuse what has no geometries, or rows whose reference nobody named."""
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        raise ZonesError(f"{name}没有图形列。", f"no geometry column: {name}", remedy="请提供 GeoDataFrame。")
    if len(frame) and frame.crs is None:
        raise undeclared_reference(name)


def finite(shapes: Objects) -> Bools:
    """Whether every coordinate of a geometry is a number; true of those that have none."""
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    known = np.ones(len(shapes), dtype=bool)
    known[of[~np.isfinite(xy).all(axis=1)]] = False
    return known


def is_area(shapes: Objects) -> Bools:
    """Whether geometries are polygons or multipolygons."""
    area: Bools = np.isin(shapely.get_type_id(shapes), _POLYGONS)
    return area


def placed(frame: gpd.GeoDataFrame, name: str, codes: Objects | None = None) -> Objects:
    """Return the geometries of a frame in EPSG:4490.

    Raises
    ------
    ZonesError
        When it has no column of geometries, or coordinates that are no degrees: with the codes, else the rows (from 1).
    UndeclaredReferenceError
        When it has rows and names no reference.
    """
    check_frame(frame, name)
    if len(frame) == 0:
        return np.zeros(0, dtype=object)
    if frame.crs.is_geographic:  # before numbers that are no coordinates are rounded
        _check_places(geometries(frame), name, codes)
        return geometries(to_internal(frame))
    shapes = geometries(to_internal(frame))
    _check_places(shapes, name, codes)
    return shapes


def _check_places(shapes: Objects, name: str, codes: Objects | None) -> None:
    """Refuse coordinates that are no numbers or no degrees."""
    known = finite(shapes)
    west, south, east, north = shapely.bounds(shapes).T
    away = (np.maximum(-west, east) > _MOST_LON) | (np.maximum(-south, north) > _MOST_LAT)
    refuse(
        name,
        codes,
        (~known, "坐标不是有限的数", "have coordinates that are no numbers"),
        (
            away & known,
            "坐标超出经纬度的范围（经度与纬度写反，或坐标系声明错了）",
            "do not lie on the globe: longitude and latitude swapped, or another reference",
        ),
    )
