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
from geo.fusion.layers import (
    POLYGON,
    Layer,
    check_frame,
    finite,
    geometries,
    is_area,
    placed,
    refuse,
)
from geo.fusion.overlay import overlay

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS
    from shapely import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_TOUCH_M2 = 0.5
"""Footprints that share no more ground than this do but touch."""

_MOST_PEOPLE = 1_000_000
"""No household has more."""

COUNTED = ("household", "business", "institution")
COUNTS = (*COUNTED, "people", "people_unknown")
"""Figures of a cell: subjects by kind, people of households, and households whose people are not known."""


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
    claims
        Zones of a layer, where several claim a cell: (cell, layer) → rows; ``zone`` is the first of them.
    inside
        Whether a cell is in the territory.
    parent
        Row of the parent zone, -1 where none is given.
    area_m2, perimeter_m
        In meters, in the metric reference of the data.
    counts
        Columns ``COUNTS``.
    whole
        Cells that must stay together (within estates and buildings that some border cuts, but for borders of the
        territory and of parents): pairs (k, 2).
    estate
        Row of the cut estate or building of each cell, -1 for none.
    pairs
        Cells with a common border (p, 2), each pair once.
    pair_length_m
        Length of that border.
    pair_along_m
        The part of it that runs along a street or the edge of an estate.
    """

    layers: tuple[Layer, ...]
    shapes: NDArray[Any]
    zone: Ints
    claims: dict[tuple[int, int], tuple[int, ...]]
    inside: NDArray[np.bool_]
    parent: Ints
    area_m2: Floats
    perimeter_m: Floats
    counts: pd.DataFrame
    whole: Ints
    estate: Ints
    pairs: Ints
    pair_length_m: Floats
    pair_along_m: Floats

    def dedicated(self, base: tuple[int, int]) -> bool:
        """Whether a zone (layer and row, both -1 for none) is dedicated."""
        layer, zone = base
        return layer >= 0 and bool(self.layers[layer].dedicated[zone])


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
    edge = _territory(layers, boundary)
    ground = shapely.STRtree(np.concatenate([*(layer.shapes for layer in layers), edge]))
    solid = _touching(_cut_footprints(layers, estates, buildings), ground)
    over = np.zeros(0, dtype=object) if parents is None else _touching(_parents(parents), ground)
    laid = overlay(np.concatenate([*(layer.shapes for layer in layers), solid, over, edge]))

    lon, lat = laid.inner[:, 0], laid.inner[:, 1]
    claimed = []
    for layer in layers:
        held = _all(layer.shapes, lon, lat)
        claimed.append(held[:, np.lexsort((layer.place[held[1]], held[0]))])
    zone = np.column_stack([_first(held, len(lon)) for held in claimed])
    inside = _first(_all(edge, lon, lat), len(lon)) >= 0 if len(edge) else np.ones(len(lon), dtype=bool)
    parent = _first(_all(over, lon, lat), len(lon))
    keep = (zone >= 0).any(axis=1) | (inside & (len(edge) > 0))
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    left = np.where(laid.left >= 0, number[laid.left], -1)
    right = np.where(laid.right >= 0, number[laid.right], -1)
    shapes = laid.cells[keep]

    ends = shapely.multipoints(np.vstack([laid.start, laid.end]))
    plane = to_metric(gpd.GeoSeries([ends], crs=INTERNAL_CRS))
    start, end = np.split(shapely.get_coordinates(plane.to_numpy()), 2)
    length = np.hypot(*(end - start).T)
    real = left != right
    pairs, pair_length, pair_along = _pairs(
        left[real],
        right[real],
        length[real],
        _along((start + end)[real] / 2.0, _lines(streets, estates, plane.crs), street_reach_m),
    )
    perimeter = np.zeros(len(shapes))
    for side in (left, right):
        there = real & (side >= 0)
        perimeter += np.bincount(side[there], weights=length[there], minlength=len(shapes))
    held = _all(solid, lon, lat)
    estate = _first(held, len(lon))[keep]
    held = np.stack([number[held[0]], held[1]])[:, keep[held[0]]]
    inside, parent = inside[keep], parent[keep]
    a, b = pairs.T
    within = inside[a] & inside[b] & (parent[a] == parent[b])
    area = to_metric(gpd.GeoSeries(shapes, crs=INTERNAL_CRS)).area.to_numpy()
    return Cells(
        layers=layers,
        shapes=shapes,
        zone=zone[keep],
        claims=_claims(claimed, number),
        inside=inside,
        parent=parent,
        area_m2=area,
        perimeter_m=perimeter,
        counts=pd.DataFrame(0, index=range(len(shapes)), columns=list(COUNTS), dtype=np.int64),
        whole=_together(pairs[within], held),
        estate=estate,
        pairs=pairs,
        pair_length_m=pair_length,
        pair_along_m=pair_along,
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
    """Return parts of estates and buildings that lie in no single zone of some layer: borders may cut them."""
    given = [
        placed(frame, name)
        for frame, name in ((estates, "小区图层"), (buildings, "楼栋图层"))
        if frame is not None
    ]
    shapes = np.concatenate([np.zeros(0, dtype=object), *given])
    shapes = shapes[is_area(shapes)]
    shapes = shapely.get_parts(np.where(shapely.is_valid(shapes), shapes, shapely.make_valid(shapes)))
    shapes = shapes[shapely.get_type_id(shapes) == POLYGON]
    safe = np.ones(len(shapes), dtype=bool)
    for layer in layers:
        held = shapely.STRtree(layer.shapes).query(shapes, predicate="covered_by")[0]
        safe &= np.isin(np.arange(len(shapes)), held)
    # the outline of one that is kept whole may become a border: what lies across it is at stake too
    fresh = ~safe
    while fresh.any() and safe.any():
        others, cutting = np.flatnonzero(safe), shapes[fresh]
        own, by = shapely.STRtree(cutting).query(shapes[others], predicate="overlaps")
        shared = to_metric(
            gpd.GeoSeries(shapely.intersection(shapes[others[own]], cutting[by]), crs=INTERNAL_CRS)
        )
        fresh = np.isin(np.arange(len(shapes)), others[own[shared.area.to_numpy() > _TOUCH_M2]])
        safe &= ~fresh
    return np.asarray(shapes[~safe])


def _parents(parents: gpd.GeoDataFrame) -> NDArray[Any]:
    """Return the parents that no grid may cross, in an order that is not that of their rows."""
    shapes = placed(parents, "上级图层")
    drawn = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    refuse("上级图层", None, (drawn & ~is_area(shapes), "不是面", "are not polygons"))
    return np.asarray(shapes[drawn][np.lexsort(shapely.bounds(shapes[drawn]).T)])


def _touching(shapes: NDArray[Any], ground: shapely.STRtree) -> NDArray[Any]:
    """Return the shapes that meet the ground of the layers and the territory: one far away is no concern of theirs."""
    return np.asarray(shapes[np.unique(ground.query(shapes, predicate="intersects")[0])])


def _territory(layers: tuple[Layer, ...], boundary: Polygon | MultiPolygon | None) -> NDArray[Any]:
    """Return the outline of the territory, an array of one; empty where none is given."""
    if boundary is None:
        return np.zeros(0, dtype=object)
    edge = quantise(boundary) if isinstance(boundary, shapely.Geometry) else None
    if edge is None or not is_area(edge) or edge.is_empty:
        problem = "不是面"
    elif edge.area == 0.0:
        problem = "没有面积"
    elif not edge.is_valid:
        problem = "自相交"
    elif not any(
        (shapely.intersects(layer.shapes, edge) & ~shapely.touches(layer.shapes, edge)).any()
        for layer in layers
    ):
        problem = "与各图层没有任何重合"
    else:
        return np.array([edge], dtype=object)
    raise ZonesError(
        f"辖区边界{problem}。",
        "the boundary is no valid polygon that any layer lies in",
        remedy="请给出 EPSG:4490 经纬度的辖区面，并检查各图层与边界的坐标系。",
    )


def _claims(claimed: list[Ints], number: Ints) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the zones of every cell that several zones of a layer claim."""
    out: dict[tuple[int, int], tuple[int, ...]] = {}
    for layer, (face, zone) in enumerate(claimed):
        several = np.bincount(face, minlength=len(number))[face] > 1
        for cell, row in zip(number[face[several]].tolist(), zone[several].tolist(), strict=True):
            out[cell, layer] = (*out.get((cell, layer), ()), row)
    return out


def _together(pairs: Ints, held: Ints) -> Ints:
    """Return the pairs of neighbours that one footprint holds: cells and footprints that hold them, (2, k).

    Neighbours only: what a footprint's cells are tied to must be in one piece.
    """
    cell, holder = held
    base = np.int64(holder.max(initial=0) + 1)
    keys = np.sort(cell * base + holder)
    first, last = np.searchsorted(keys, pairs[:, 0] * base), np.searchsorted(keys, (pairs[:, 0] + 1) * base)
    pair = np.repeat(np.arange(len(pairs)), last - first)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    common = np.isin(pairs[pair, 1] * base + keys[first[pair] + place] % base, keys)
    return pairs[np.unique(pair[common])]


def _frame(shapes: NDArray[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=shapes, crs=INTERNAL_CRS)


def _all(shapes: NDArray[Any], lon: Floats, lat: Floats) -> Ints:
    """Return points and shapes that hold them, (2, m)."""
    if len(shapes) == 0:
        return np.zeros((2, 0), dtype=np.int64)
    return np.asarray(ZoneIndex(_frame(shapes)).locate_all(lon, lat), dtype=np.int64)


def _first(held: Ints, count: int) -> Ints:
    """Return the first shape that holds each point, -1 for none."""
    row = np.full(count, -1, dtype=np.int64)
    row[held[0][::-1]] = held[1][::-1]
    return row


def _lines(streets: gpd.GeoDataFrame | None, estates: gpd.GeoDataFrame | None, plane: CRS) -> NDArray[Any]:
    """Return on the plane what borders should follow: streets and the edges of estates."""
    given = [
        placed(frame, name)
        for frame, name in ((streets, "道路图层"), (estates, "小区图层"))
        if frame is not None
    ]
    lines = np.concatenate([np.zeros(0, dtype=object), *given])
    outlines = np.where(is_area(lines), shapely.boundary(lines), lines)
    # on the plane of the cells: that of the streets' own middle may be another, where zones of it meet
    return geometries(to_metric(_frame(outlines), plane))


def _along(middle: Floats, lines: NDArray[Any], reach_m: float) -> NDArray[np.bool_]:
    """Whether points on the plane are near one of some lines."""
    near = np.zeros(len(middle), dtype=bool)
    if len(middle):
        found = shapely.STRtree(lines).query(shapely.points(middle), predicate="dwithin", distance=reach_m)
        near[found[0]] = True
    return near


def _pairs(
    left: Ints, right: Ints, length: Floats, follows: NDArray[np.bool_]
) -> tuple[Ints, Floats, Floats]:
    """Add up pieces of border by the two cells beside them."""
    both = (left >= 0) & (right >= 0)
    low, high = np.minimum(left, right)[both], np.maximum(left, right)[both]
    base = np.int64(max(left.max(initial=0), right.max(initial=0)) + 1)
    keys, inverse = np.unique(low * base + high, return_inverse=True)
    pairs = np.column_stack([keys // base, keys % base])
    total = np.bincount(inverse.reshape(-1), weights=length[both], minlength=len(keys))
    along = np.bincount(inverse.reshape(-1), weights=(length * follows)[both], minlength=len(keys))
    return pairs, total.astype(np.float64), along.astype(np.float64)


def count_subjects(cells: Cells, subjects: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Count subjects into cells (in place) and return those that are in none: ``kind, reason, count, people``."""
    lost: list[pd.DataFrame] = []
    columns = ["kind", "reason", "count", "people"]
    if subjects is None:
        return pd.DataFrame(columns=columns)
    check_frame(subjects, "管理对象")
    if "kind" not in subjects:
        raise ZonesError(
            "管理对象缺少种类列 kind。",
            "subjects have no column kind",
            remedy="请给出 kind 列：household、business、institution。",
        )
    wanted = subjects[subjects["kind"].isin(COUNTED)]
    wanted = wanted if wanted.crs == INTERNAL_CRS else to_internal(wanted)
    shapes = geometries(wanted)
    located = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    points = shapes.copy()
    points[~(located & finite(shapes))] = None
    flat = shapely.get_type_id(points) > 0
    points[flat] = shapely.point_on_surface(points[flat])
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    good = located & np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)  # noqa: PLR2004
    row = np.full(len(wanted), -1, dtype=np.int64)
    # who stands on the outline of the territory is in it
    for side in (cells.inside, ~cells.inside):
        rest = np.flatnonzero(good & (row < 0))
        if side.any() and len(rest):
            found = ZoneIndex(_frame(cells.shapes[side])).locate(lon[rest], lat[rest])
            row[rest] = np.append(np.flatnonzero(side), -1)[found]
    kind = wanted["kind"].to_numpy()
    home = kind == "household"
    heads, known = _people(wanted, home)
    there = row >= 0
    for name in COUNTED:
        cells.counts[name] = np.bincount(row[there & (kind == name)], minlength=len(cells.shapes))
    weights = np.bincount(row[there & home], weights=heads[there & home], minlength=len(cells.shapes))
    cells.counts["people"] = np.round(weights).astype(np.int64)
    cells.counts["people_unknown"] = np.bincount(row[there & home & ~known], minlength=len(cells.shapes))
    reason = np.where(~located, "no_location", np.where(~good, "bad_location", "outside"))
    away = pd.DataFrame({"kind": kind, "reason": reason, "people": heads})[~there]
    if len(away):
        grouped = away.groupby(["kind", "reason"], sort=True)["people"].agg(["size", "sum"]).reset_index()
        grouped.columns = pd.Index(columns)
        lost.append(grouped)
    return lost[0] if lost else pd.DataFrame(columns=columns)


def _people(subjects: gpd.GeoDataFrame, home: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
    """Return how many people each household has, 0 where it does not say, and where it says."""
    if "people" not in subjects:
        return np.zeros(len(subjects), dtype=np.int64), np.zeros(len(subjects), dtype=bool)
    given = subjects["people"]
    numbers = pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    known = home & given.notna().to_numpy()
    wrong = np.flatnonzero(
        known & ~((numbers >= 0) & (numbers <= _MOST_PEOPLE) & (numbers == np.round(numbers)))
    )
    if len(wrong):
        raise ZonesError(
            f"管理对象的人数（people）有 {len(wrong)} 个不是人数，例如第 {wrong[0] + 1} 行“{given.iloc[wrong[0]]}”。",
            f"{len(wrong)} numbers of people are none, such as {given.iloc[wrong[0]]!r}",
            remedy="请改成 0 或正整数，不知道人数的留空。",
        )
    return np.where(known, numbers, 0.0).astype(np.int64), known
