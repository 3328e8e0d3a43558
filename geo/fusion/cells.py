"""Atomic cells: where each piece of ground lies in every layer, and who lives on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.assignment import ZoneIndex
from geo.crs import INTERNAL_CRS, quantise, to_internal, to_metric
from geo.errors import ZonesError
from geo.fusion.overlay import overlay
from geo.records import LAYER_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from shapely import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

FEWEST_LAYERS, MOST_LAYERS = 2, 8
COUNTED = ("household", "business", "institution")
COUNTS = (*COUNTED, "people", "people_unknown")
"""Figures of a cell: subjects by kind, people of households, and households whose people are not known."""


@dataclass(frozen=True)
class Layer:
    """One department's grids, ready for the overlay.

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
    """

    code: str
    name: str
    codes: NDArray[Any]
    dedicated: NDArray[np.bool_]
    shapes: NDArray[Any]


@dataclass(frozen=True)
class Cells:
    """Cells as arrays: one row per cell throughout.

    Parameters
    ----------
    layers
        The layers.
    shapes
        Polygons in EPSG:4490.
    zone
        Row of each layer's zone, (n, layers), -1 for none.
    doubled
        Whether several zones of a layer claim a cell, (n, layers).
    inside
        Whether a cell is in the territory.
    parent
        Row of the parent zone, -1 where none is given.
    area_m2, perimeter_m
        In meters, in the metric reference of the data.
    counts
        Columns ``COUNTS``.
    whole
        Cells that must stay together (estates and buildings that some border cuts): pairs (k, 2).
    estate
        Row of the cut estate or building of each cell, -1 for none.
    pairs
        Cells with a common border (p, 2), each pair once.
    pair_length_m
        Length of that border.
    pair_street_m
        The part of it that runs along a street.
    """

    layers: tuple[Layer, ...]
    shapes: NDArray[Any]
    zone: Ints
    doubled: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    parent: Ints
    area_m2: Floats
    perimeter_m: Floats
    counts: pd.DataFrame
    whole: Ints
    estate: Ints
    pairs: Ints
    pair_length_m: Floats
    pair_street_m: Floats


def read_layers(layers: Mapping[str, gpd.GeoDataFrame]) -> tuple[Layer, ...]:
    """Check the departments' frames and take them in: all faults of all layers in one error."""
    if not FEWEST_LAYERS <= len(layers) <= MOST_LAYERS:
        raise ZonesError(
            f"多格合一需要 {FEWEST_LAYERS} 到 {MOST_LAYERS} 个图层，收到 {len(layers)} 个。",
            f"fusion takes {FEWEST_LAYERS} to {MOST_LAYERS} layers, not {len(layers)}",
        )
    read, faults = [], []
    for code, frame in layers.items():
        name = LAYER_NAMES.get(code, code)
        problem = _problem(frame)
        if problem:
            faults.append(f"{name}：{problem}")
            continue
        internal = to_internal(frame)
        shapes = shapely.force_2d(internal.geometry.to_numpy())
        broken = ~shapely.is_valid(shapes)
        if broken.any():
            faults.append(f"{name}：图形自相交 {'、'.join(internal['code'][broken].astype(str).head(5))}")
            continue
        kind = internal["kind"].to_numpy() if "kind" in internal else np.full(len(internal), "general")
        read.append(Layer(code, name, internal["code"].astype(str).to_numpy(), kind == "dedicated", shapes))
    if faults:
        raise ZonesError(
            "；".join(faults) + "。",
            "layers that cannot be fused: " + ", ".join(layers),
            remedy="请先对这些图层运行检查与修复。",
        )
    return tuple(read)


def _problem(frame: gpd.GeoDataFrame) -> str:
    """Return what is wrong with a layer's frame, the first thing found; empty when nothing is."""
    if len(frame) == 0:
        return "没有网格"
    if "code" not in frame:
        return "缺少编码列 code"
    shapes = frame.geometry.to_numpy()
    checks = (
        (frame["code"].isna(), "{} 个网格没有编码"),
        (frame["code"].duplicated(), "{} 个网格的编码与前面重复"),
        (~np.isin(shapely.get_type_id(shapes), (3, 6)), "{} 个图形不是面"),
        (shapely.area(shapes) == 0.0, "{} 个网格没有面积"),
    )
    return next((text.format(int(np.sum(bad))) for bad, text in checks if np.any(bad)), "")


def cut(
    layers: tuple[Layer, ...],
    *,
    boundary: Polygon | MultiPolygon | None,
    estates: gpd.GeoDataFrame | None,
    buildings: gpd.GeoDataFrame | None,
    parents: gpd.GeoDataFrame | None,
    streets: gpd.GeoDataFrame | None,
    street_reach_m: float,
) -> Cells:
    """Cut the ground into cells and say where each lies."""
    solid = _cut_footprints(layers, estates, buildings)
    over = to_internal(parents).geometry.to_numpy() if parents is not None else np.zeros(0, dtype=object)
    edge = np.array([quantise(boundary)], dtype=object) if boundary is not None else np.zeros(0, dtype=object)
    laid = overlay(np.concatenate([*(layer.shapes for layer in layers), solid, over, edge]))

    lon, lat = laid.inner[:, 0], laid.inner[:, 1]
    located = [_locate(layer.shapes, lon, lat) for layer in layers]
    zone = np.column_stack([row for row, _ in located])
    inside = _locate(edge, lon, lat)[0] >= 0 if len(edge) else np.ones(len(laid.cells), dtype=bool)
    keep = (zone >= 0).any(axis=1) | (inside & (len(edge) > 0))
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    left = np.where(laid.left >= 0, number[laid.left], -1)
    right = np.where(laid.right >= 0, number[laid.right], -1)
    shapes = laid.cells[keep]

    ends = shapely.multipoints(np.vstack([laid.start, laid.end]))
    plane = shapely.get_coordinates(to_metric(gpd.GeoSeries([ends], crs=INTERNAL_CRS)).to_numpy())
    start, end = np.split(plane, 2)
    length = np.hypot(*(end - start).T)
    real = left != right
    pairs, pair_length, pair_street = _pairs(
        left[real],
        right[real],
        length[real],
        _along_street((start + end)[real] / 2.0, streets, street_reach_m),
    )
    perimeter = np.zeros(len(shapes))
    for side in (left, right):
        there = real & (side >= 0)
        perimeter += np.bincount(side[there], weights=length[there], minlength=len(shapes))
    estate = np.full(len(laid.cells), -1, dtype=np.int64)
    held = _all(solid, lon, lat) if len(solid) else np.zeros((2, 0), dtype=np.int64)
    estate[held[0][::-1]] = held[1][::-1]
    held = held[:, keep[held[0]]]
    order = np.argsort(held[1], kind="stable")
    cell, holder = number[held[0][order]], held[1][order]
    same = holder[1:] == holder[:-1]
    area = to_metric(gpd.GeoSeries(shapes, crs=INTERNAL_CRS)).area.to_numpy()
    return Cells(
        layers=layers,
        shapes=shapes,
        zone=zone[keep],
        doubled=np.column_stack([twice for _, twice in located])[keep],
        inside=inside[keep],
        parent=_locate(over, lon, lat)[0][keep],
        area_m2=area,
        perimeter_m=perimeter,
        counts=pd.DataFrame(0, index=range(len(shapes)), columns=list(COUNTS), dtype=np.int64),
        whole=np.column_stack([cell[:-1][same], cell[1:][same]]),
        estate=estate[keep],
        pairs=pairs,
        pair_length_m=pair_length,
        pair_street_m=pair_street,
    )


def united(cells: Cells, members: Ints) -> BaseGeometry:
    """Return the union of some cells: a polygon where it is one piece."""
    if len(members) == 1:
        return cast("BaseGeometry", cells.shapes[members[0]])
    parts = shapely.get_parts([shapely.coverage_union_all(cells.shapes[members])])
    return cast("BaseGeometry", parts[0]) if len(parts) == 1 else shapely.MultiPolygon(list(parts))


def _cut_footprints(
    layers: tuple[Layer, ...], estates: gpd.GeoDataFrame | None, buildings: gpd.GeoDataFrame | None
) -> NDArray[Any]:
    """Return estates and buildings that lie in no single zone of some layer: borders may cut them."""
    given = [
        quantise(shapely.force_2d(to_internal(frame).geometry.to_numpy()))
        for frame in (estates, buildings)
        if frame is not None
    ]
    if not given:
        return np.zeros(0, dtype=object)
    shapes = np.concatenate(given)
    shapes = shapes[~shapely.is_missing(shapes) & np.isin(shapely.get_type_id(shapes), (3, 6))]
    shapes = np.where(shapely.is_valid(shapes), shapes, shapely.make_valid(shapes))
    safe = np.ones(len(shapes), dtype=bool)
    for layer in layers:
        held = shapely.STRtree(layer.shapes).query(shapes, predicate="covered_by")[0]
        safe &= np.isin(np.arange(len(shapes)), held)
    return np.asarray(shapes[~safe])


def _frame(shapes: NDArray[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=shapes, crs=INTERNAL_CRS)


def _all(shapes: NDArray[Any], lon: Floats, lat: Floats) -> Ints:
    """Return points and shapes that hold them, (2, m)."""
    return ZoneIndex(_frame(shapes)).locate_all(lon, lat)


def _locate(shapes: NDArray[Any], lon: Floats, lat: Floats) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the first shape that holds each point (-1 for none), and whether several do."""
    row = np.full(len(lon), -1, dtype=np.int64)
    twice = np.zeros(len(lon), dtype=bool)
    if len(shapes):
        point, shape = _all(shapes, lon, lat)
        row[point[::-1]] = shape[::-1]
        twice = np.bincount(point, minlength=len(lon)) > 1
    return row, twice


def _along_street(middle: Floats, streets: gpd.GeoDataFrame | None, reach_m: float) -> NDArray[np.bool_]:
    """Whether points on the metric plane are near a street."""
    near = np.zeros(len(middle), dtype=bool)
    if streets is not None and len(streets) and len(middle):
        plane = to_metric(to_internal(streets)).geometry.to_numpy()
        near[
            shapely.STRtree(plane).query(shapely.points(middle), predicate="dwithin", distance=reach_m)[0]
        ] = True
    return near


def _pairs(left: Ints, right: Ints, length: Floats, street: NDArray[np.bool_]) -> tuple[Ints, Floats, Floats]:
    """Add up pieces of border by the two cells beside them."""
    both = (left >= 0) & (right >= 0)
    low, high = np.minimum(left, right)[both], np.maximum(left, right)[both]
    base = np.int64(max(left.max(initial=0), right.max(initial=0)) + 1)
    keys, inverse = np.unique(low * base + high, return_inverse=True)
    pairs = np.column_stack([keys // base, keys % base])
    total = np.bincount(inverse.reshape(-1), weights=length[both], minlength=len(keys))
    along = np.bincount(inverse.reshape(-1), weights=(length * street)[both], minlength=len(keys))
    return pairs, total.astype(np.float64), along.astype(np.float64)


def count_subjects(cells: Cells, subjects: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Count subjects into cells (in place) and return those that are in none: ``kind, reason, count, people``."""
    lost: list[pd.DataFrame] = []
    columns = ["kind", "reason", "count", "people"]
    if subjects is None:
        return pd.DataFrame(columns=columns)
    wanted = subjects[subjects["kind"].isin(COUNTED)]
    wanted = wanted if wanted.crs == INTERNAL_CRS else to_internal(wanted)
    shapes = wanted.geometry.to_numpy()
    located = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    points = np.array(np.where(located, shapes, None), dtype=object)
    flat = shapely.get_type_id(points) > 0
    points[flat] = shapely.point_on_surface(points[flat])
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    good = located & np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)  # noqa: PLR2004
    row = np.full(len(wanted), -1, dtype=np.int64)
    row[good] = ZoneIndex(_frame(cells.shapes)).locate(lon[good], lat[good])
    kind = wanted["kind"].to_numpy()
    people = wanted["people"] if "people" in wanted else pd.Series(pd.NA, index=wanted.index, dtype="Int64")
    home = kind == "household"
    known = people.notna().to_numpy()
    heads = people.fillna(0).to_numpy(dtype=np.int64)
    there = row >= 0
    for name in COUNTED:
        cells.counts[name] = np.bincount(row[there & (kind == name)], minlength=len(cells.shapes))
    weights = np.bincount(row[there & home], weights=heads[there & home], minlength=len(cells.shapes))
    cells.counts["people"] = np.round(weights).astype(np.int64)
    cells.counts["people_unknown"] = np.bincount(row[there & home & ~known], minlength=len(cells.shapes))
    reason = np.where(~located, "no_location", np.where(~good, "bad_location", "outside"))
    away = pd.DataFrame({"kind": kind, "reason": reason, "people": np.where(home, heads, 0)})[~there]
    if len(away):
        grouped = away.groupby(["kind", "reason"], sort=True)["people"].agg(["size", "sum"]).reset_index()
        grouped.columns = pd.Index(columns)
        lost.append(grouped)
    return lost[0] if lost else pd.DataFrame(columns=columns)
