"""What is said of a proposal: how balanced, how compact, what is cut, who moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from geo.crs import INTERNAL_CRS, to_metric
from geo.partition.dividing import located
from geo.partition.naming import match, shared_with

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely import Geometry

    from geo.partition.blocks import Blocks
    from geo.partition.place import Place
    from geo.partition.rules import ProposalOptions

    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]


@dataclass(frozen=True)
class Figures:
    """Figures of a proposal; households and balance are of general zones.

    Parameters
    ----------
    zones, general, dedicated
        Zones in all, and of either kind.
    balance
        Most households of a zone by their mean: 1 is perfect.
    households
        Least, most and mean.
    in_band
        Zones within the limits of households; None without limits.
    compactness, compactness_least
        Polsby-Popper (1 is a circle): mean and least.
    cut_estates, cut_buildings
        Those that a border of the proposal cuts.
    across_parents
        Footprints that a parent's border or a zone that stays cuts: not the proposal's doing.
    inside_barriers_m
        Metres of expressway, railway and river between blocks of one zone.
    moved_households, changed_share
        Households whose zone is not the one that theirs goes on as, and their share of those located in old zones;
        None without old zones.
    """

    zones: int
    general: int
    dedicated: int
    balance: float
    households: tuple[int, int, float]
    in_band: int | None
    compactness: float
    compactness_least: float
    cut_estates: int
    cut_buildings: int
    across_parents: int
    inside_barriers_m: float
    moved_households: int | None
    changed_share: float | None


def compactness_of(shapes: Geometries) -> tuple[Floats, Floats]:
    """Return areas (square meters) and Polsby-Popper compactness (4 pi area / perimeter²) of polygons in degrees."""
    plane = to_metric(gpd.GeoSeries(shapes, crs=INTERNAL_CRS))
    area, length = plane.area.to_numpy(), plane.length.to_numpy()
    return area, 4.0 * np.pi * area / np.maximum(length, 1e-9) ** 2


def cut_footprints(zones: Geometries, footprints: Geometries, touch_m2: float) -> NDArray[np.int64]:
    """Return the rows of footprints of which more than ``touch_m2`` lies in each of two zones or more."""
    if not len(footprints) or not len(zones):
        return np.empty(0, dtype=np.int64)
    row, zone = shapely.STRtree(zones).query(footprints, predicate="intersects")
    several = np.bincount(row, minlength=len(footprints))[row] > 1
    row, zone = row[several], zone[several]
    pieces = to_metric(gpd.GeoSeries(shapely.intersection(footprints[row], zones[zone]), crs=INTERNAL_CRS))
    real = pieces.area.to_numpy() > touch_m2
    return np.flatnonzero(np.bincount(row[real], minlength=len(footprints)) > 1)


def measured(
    zones: gpd.GeoDataFrame,
    blocks: Blocks,
    place: Place,
    general: gpd.GeoDataFrame,
    options: ProposalOptions,
) -> tuple[gpd.GeoDataFrame, Figures, list[str]]:
    """Return the zones with their figures, the figures of all, and what a planner has to know."""
    shapes = zones.geometry.to_numpy()
    own = (zones["kind"] != "dedicated").to_numpy()
    points = _points(place)
    home = located(shapes, shapely.get_x(points), shapely.get_y(points))
    households = np.bincount(home[home >= 0], minlength=len(zones))
    area, compact = compactness_of(shapes)
    limits = options.households if options.grids is None else None
    notes = _notes(zones, households, own, blocks, limits, place)
    result = zones.copy()
    result["household"] = households
    result["area_m2"] = area
    result["compactness"] = compact
    result["note"] = notes
    estates, buildings = _footprints(place.estates), _footprints(place.buildings)
    touch = options.blocks.touch_m2
    across = set(blocks.across.tolist())
    cut_estates = set(cut_footprints(shapes, estates, touch).tolist()) - across
    cut_buildings = {row + len(estates) for row in cut_footprints(shapes, buildings, touch).tolist()} - across
    moved, share = _moved(shapes[own], general, place)
    inside = _inside_barriers(blocks, result)
    mean = float(households[own].mean())
    figures = Figures(
        zones=len(zones),
        general=int(own.sum()),
        dedicated=int((~own).sum()),
        balance=float(households[own].max() / mean) if mean > 0.0 else 1.0,
        households=(int(households[own].min()), int(households[own].max()), mean),
        in_band=None
        if limits is None
        else int(((households[own] >= limits[0]) & (households[own] <= limits[1])).sum()),
        compactness=float(compact[own].mean()),
        compactness_least=float(compact[own].min()),
        cut_estates=len(cut_estates),
        cut_buildings=len(cut_buildings),
        across_parents=len(across),
        inside_barriers_m=inside,
        moved_households=moved,
        changed_share=share,
    )
    messages = []
    if not len(points):
        messages.append("没有住户数据: 按面积均分，户数均为未知。")
    if across:
        messages.append(
            f"有 {len(across)} 个小区或楼栋被上级边界、专属网格或豁免范围的边界切开，划格不能避免；请先核对这些边界。"
        )
    outside = int((home < 0).sum())
    if outside:
        messages.append(f"{outside:,} 户不在辖区的网格之内（辖区之外或在豁免范围里），没有计入。")
    return result, figures, messages


def _points(place: Place) -> Geometries:
    if place.households is None:
        return np.empty(0, dtype=object)
    points = place.households.geometry.to_numpy()
    return np.asarray(points[~(shapely.is_missing(points) | shapely.is_empty(points))], dtype=object)


def _footprints(frame: gpd.GeoDataFrame | None) -> Geometries:
    if frame is None or not len(frame):
        return np.empty(0, dtype=object)
    shapes = frame.geometry.to_numpy()
    return np.asarray(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))], dtype=object)


def _notes(
    zones: gpd.GeoDataFrame,
    households: NDArray[np.int64],
    own: NDArray[np.bool_],
    blocks: Blocks,
    limits: tuple[float, float] | None,
    place: Place,
) -> list[str]:
    """Say for each general zone outside the limits why no other division was found, and what a planner can do."""
    if limits is None:
        return [""] * len(zones)
    low, high = limits
    middle = shapely.get_coordinates(shapely.point_on_surface(blocks.faces))
    zone = located(zones.geometry.to_numpy(), *middle.T)
    block_zone = np.full(len(blocks.households), -1, dtype=np.int64)
    free = blocks.block >= 0
    block_zone[blocks.block[free]] = zone[free]
    notes = []
    for row, count in enumerate(households.tolist()):
        rows = np.flatnonzero(block_zone == row)
        if not own[row] or low <= count <= high:
            notes.append("")
        elif count > high:
            largest = rows[np.argmax(blocks.households[rows])] if len(rows) else -1
            why = (
                _why_whole(blocks, int(largest), place)
                if largest >= 0 and blocks.households[largest] > high / 2.0
                else "相邻网格也已接近上限"
            )
            notes.append(f"{count:,} 户，超过 {high:g} 户: {why}。")
        else:
            parent = blocks.parent[rows[0]] if len(rows) else -1
            total = int(blocks.households[blocks.parent == parent].sum())
            why = (
                f"所在社区可划分的地块只有 {total:,} 户"
                if total < 2 * low
                else "受小区、街区和社区边界所限，不能再从相邻网格划入"
            )
            notes.append(f"{count:,} 户，不足 {low:g} 户: {why}。")
    return notes


def _why_whole(blocks: Blocks, block: int, place: Place) -> str:
    """Say what keeps a block in one piece and how to divide it all the same: its estate, its building, or no street."""
    ground = shapely.union_all(blocks.faces[blocks.block == block])
    count = f"{int(blocks.households[block]):,} 户"
    for word, frame in (("小区", place.estates), ("楼栋", place.buildings)):
        name = _largest_in(ground, frame)
        if name is not None:
            return (
                f"{word}{name}所在的一块地有 {count}，{word}不拆到两个网格。"
                "要拆开，请采用后在方案里用“切分”手工划开，或提高户数上限"
            )
    at = shapely.point_on_surface(ground)
    return (
        f"{at.x:.5f}, {at.y:.5f} 一带的街区有 {count}，里面没有道路可作边界。"
        "请补充内部道路后重新划分，或采用后在方案里用“切分”手工划开"
    )


def _largest_in(ground: Geometry, frame: gpd.GeoDataFrame | None) -> str | None:
    """Return in quotes the name, else the code, of the footprint that covers most of some ground; None without one."""
    if frame is None or not len(frame):
        return None
    rows = np.flatnonzero(shapely.intersects(frame.geometry.to_numpy(), ground))
    shared = shapely.area(shapely.intersection(frame.geometry.to_numpy()[rows], ground))
    if not shared.any():
        return None
    row = rows[np.argmax(shared)]
    told = (frame[column].iloc[row] for column in ("name", "code") if column in frame)
    return next((f"“{name}”" for name in told if isinstance(name, str) and name), "")


def _inside_barriers(blocks: Blocks, zones: gpd.GeoDataFrame) -> float:
    """Return the metres of barriers that zones have inside."""
    if not len(blocks.pairs):
        return 0.0
    middle = shapely.get_coordinates(shapely.point_on_surface(blocks.faces))
    zone = located(zones.geometry.to_numpy(), *middle.T)
    of_block = np.full(len(blocks.households), -1, dtype=np.int64)
    free = blocks.block >= 0
    of_block[blocks.block[free]] = zone[free]
    same = of_block[blocks.pairs[:, 0]] == of_block[blocks.pairs[:, 1]]
    return float(blocks.barrier_m[same].sum())


def _moved(shapes: Geometries, general: gpd.GeoDataFrame, place: Place) -> tuple[int | None, float | None]:
    """Return how many households of old general zones are not in the zone that theirs goes on as."""
    if not len(general) or place.households is None:
        return None, None
    houses, ground = shared_with(shapes, general.geometry.to_numpy(), place.households)
    from_ = match(houses, ground)
    rows = np.flatnonzero(from_ >= 0)
    total = float(houses.sum())
    moved = total - float(houses[rows, from_[rows]].sum())
    return int(moved), moved / total if total else 0.0
