"""What stands on the blocks: estates, villages, malls, parks, industry, and the rooms of their buildings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import shapely

from geo.samples.districts import Districts, may_leave
from geo.samples.town import Town, metres_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

ESTATE_SETBACK_M = 6.0
BUILDING_SETBACK_M = 12.0


class Type(NamedTuple):
    """A type of building: its size, its distance from the next, its rooms."""

    length_m: float
    depth_m: float
    across_m: float
    along_m: float
    floors: int
    per_floor: int


TYPES: dict[str, Type] = {
    "slab": Type(38.0, 12.0, 50.0, 31.0, 6, 4),
    "tower": Type(30.0, 15.0, 52.0, 44.0, 11, 4),
    "high": Type(28.0, 18.0, 56.0, 60.0, 18, 4),
    "house": Type(12.0, 10.0, 17.0, 22.0, 1, 1),
    "shed": Type(66.0, 38.0, 84.0, 58.0, 0, 0),
    "school": Type(56.0, 16.0, 76.0, 50.0, 0, 0),
    "hall": Type(84.0, 52.0, 104.0, 76.0, 0, 0),
}
MOST_ROOMS = 420
"""Rooms of one block at most, so that grids of 300-500 households can be made of whole blocks."""

MOST_VILLAGE_HOUSEHOLDS = 600
"""Households of one village at most; what exceeds it lives in estates."""


@dataclass(frozen=True)
class Estates:
    """Land use and buildings.

    Parameters
    ----------
    use
        Land use of each block: ``estate, village, industry, mall, park, school, field, verge``.
    dedicated
        Blocks that are grids by themselves.
    block
        Block of each building.
    corners
        Corners of each building in metres on the plane, (b, 4, 2).
    rooms
        Rooms of each building; ``per_floor`` of them to a floor.
    per_floor
        Rooms to a floor.
    """

    use: NDArray[Any]
    dedicated: NDArray[np.bool_]
    block: NDArray[np.int64]
    corners: NDArray[np.float64]
    rooms: NDArray[np.int64]
    per_floor: NDArray[np.int64]


def estate_outline(block: Polygon) -> Polygon:
    """Return the ground of an estate inside its block (metres on the plane), or an empty polygon."""
    return _largest(shapely.buffer(block, -ESTATE_SETBACK_M, join_style="mitre"))


def _largest(shape: BaseGeometry) -> Polygon:
    """Return the largest polygon of a shape."""
    parts = shapely.get_parts([shape])
    return cast("Polygon", parts[int(shapely.area(parts).argmax())]) if len(parts) else shapely.Polygon()


def build(
    town: Town, districts: Districts, communities: list[str], households: int, rng: np.random.Generator
) -> Estates:
    """Settle the households: choose blocks from the middle of each community outward and build on them."""
    count = len(town.blocks)
    plane = shapely.transform(town.blocks, metres_of)
    use = np.where(town.small, "verge", "field").astype(object)
    built: list[tuple[int, NDArray[np.float64], str]] = []

    village = np.array([name.endswith("村委会") for name in communities])
    village_share = min(0.06, village.sum() * MOST_VILLAGE_HOUSEHOLDS / max(1, households))
    wanted = np.where(
        village,
        households * village_share / max(1, village.sum()),
        households * (1.0 - village_share) * _grid_shares(households, village, rng),
    )
    # one room in twenty stands empty
    wanted = np.maximum(wanted * 1.05, 4.0)

    free = ~town.small
    order = np.lexsort((districts.remoteness_m, districts.community))
    starts = np.searchsorted(districts.community[order], np.arange(len(communities) + 1))
    missing = 0.0  # rooms that the communities so far have too few or, negative, too many
    for row in np.argsort(village, kind="stable").tolist():
        need = max(4.0, float(wanted[row]) + (0.0 if village[row] else missing))
        begun = False
        for block in order[starts[row] : starts[row + 1]].tolist():
            if need <= 0.0:
                break
            if not free[block] or (not village[row] and rng.random() < 0.12):  # noqa: PLR2004
                continue
            kinds = ["house"] if village[row] else rng.permutation(["slab", "slab", "tower", "high"]).tolist()
            kind, boxes = _fitting(plane[block], kinds, rng)
            rooms_each = TYPES[kind].floors * TYPES[kind].per_floor
            needed = int(np.ceil(need / rooms_each))
            # nobody opens a new estate for the last few families
            if len(boxes) == 0 or (begun and needed < 0.4 * len(boxes)):
                continue
            boxes = boxes[:needed]
            begun = True
            free[block] = False
            use[block] = "village" if village[row] else "estate"
            built.append((block, boxes, kind))
            need -= len(boxes) * rooms_each
        if not village[row]:
            missing = need

    dedicated = np.zeros(count, dtype=bool)
    _place_others(town, districts, plane, use, dedicated, free, built, rng)
    block = np.concatenate([np.full(len(boxes), number) for number, boxes, _ in built])
    kinds = np.concatenate([np.full(len(boxes), kind) for _, boxes, kind in built])
    rooms = np.array([TYPES[kind].floors * TYPES[kind].per_floor for kind in kinds], dtype=np.int64)
    per_floor = np.array([TYPES[kind].per_floor for kind in kinds], dtype=np.int64)
    # what did not fit on the ground goes up: a floor more for every building of flats
    flats = per_floor > 1
    while rooms.sum() < households:
        rooms[flats] += per_floor[flats]
    return Estates(
        use=use,
        dedicated=dedicated,
        block=block.astype(np.int64),
        corners=np.concatenate([boxes for _, boxes, _ in built]),
        rooms=rooms,
        per_floor=per_floor,
    )


def _grid_shares(
    households: int, village: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return each committee's share of the households: whole numbers of grids, some committees larger."""
    committees = np.flatnonzero(~village)
    grids = np.ones(len(village)) * ~village
    more = max(0, round(households / 400.0) - len(committees))
    if len(committees):
        size = rng.uniform(0.6, 1.4, len(committees))
        grids[committees] += rng.multinomial(more, size / size.sum())
    return np.asarray(grids / max(1.0, grids.sum()))


def _fitting(block: Polygon, kinds: list[str], rng: np.random.Generator) -> tuple[str, NDArray[np.float64]]:
    """Return a type of building that fills a block with at most ``MOST_ROOMS``, and where its buildings stand."""
    for kind in kinds:
        boxes = _lattice(block, TYPES[kind], rng)
        rooms_each = TYPES[kind].floors * TYPES[kind].per_floor
        if 0 < len(boxes) * rooms_each <= MOST_ROOMS:
            return kind, boxes
    most = MOST_ROOMS // rooms_each
    thinned = np.linspace(0, max(0, len(boxes) - 1), min(most, len(boxes))).astype(int)
    return kind, boxes[thinned]


def _place_others(
    town: Town,
    districts: Districts,
    plane: NDArray[Any],
    use: NDArray[Any],
    dedicated: NDArray[np.bool_],
    free: NDArray[np.bool_],
    built: list[tuple[int, NDArray[np.float64], str]],
    rng: np.random.Generator,
) -> None:
    """Place malls, parks, industrial parks and schools on free blocks, in place."""
    area = shapely.area(plane)
    for zone, core in enumerate(town.cores):
        blocks = np.flatnonzero(free & (districts.functional == zone))
        reach = np.hypot(*(districts.centre[blocks] - core).T) / town.core_radius_m
        near, far = blocks[np.argsort(reach)], blocks[np.argsort(-area[blocks] * (reach > 1.0))]
        size = max(1, len(blocks) // 200)
        for what, candidates, wanted in (
            ("mall", near, size),
            ("park", near, size),
            ("school", near, 3 * size),
            ("industry", far, 3 * size),
        ):
            placed = 0
            for block in candidates.tolist():
                if placed == wanted:
                    break
                alone = what != "school"
                if not free[block] or (alone and not may_leave(town, districts.community, dedicated, block)):
                    continue
                kind = {"mall": "hall", "school": "school", "industry": "shed"}.get(what)
                boxes = _lattice(plane[block], TYPES[kind], rng) if kind else np.zeros((0, 4, 2))
                if kind and len(boxes) == 0:
                    continue
                free[block] = False
                use[block] = what
                dedicated[block] = alone
                if kind:
                    built.append((block, boxes[: 2 if what == "mall" else 24], kind))
                placed += 1


def _lattice(block: Polygon, kind: Type, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return as many buildings as a block holds in rows that face south, as corners (b, 4, 2) in metres."""
    ground = _largest(shapely.buffer(block, -BUILDING_SETBACK_M, join_style="mitre"))
    if ground.is_empty:
        return np.zeros((0, 4, 2))
    corners = (
        shapely.get_coordinates(shapely.oriented_envelope(ground))[:4] if ground.area else np.zeros((4, 2))
    )
    side = corners[1] - corners[0]
    # the side of the block that runs nearest to east-west, and no more than 25 degrees off it
    turn = (np.arctan2(side[1], side[0]) + np.pi / 4.0) % (np.pi / 2.0) - np.pi / 4.0
    turn = float(np.clip(turn, -0.44, 0.44))
    along = np.array([np.cos(turn), np.sin(turn)])
    up = np.array([-np.sin(turn), np.cos(turn)])
    ring = shapely.get_coordinates(ground)
    u, v = ring @ along, ring @ up
    columns = max(1, int((u.max() - u.min() - kind.length_m) // kind.across_m) + 1)
    rows = max(1, int((v.max() - v.min() - kind.depth_m) // kind.along_m) + 1)
    # rows fill the depth of the block evenly
    u0 = (u.min() + u.max()) / 2.0 - (columns - 1) * kind.across_m / 2.0
    v0 = (v.min() + v.max()) / 2.0 - (rows - 1) * kind.along_m / 2.0
    row, column = np.divmod(np.arange(rows * columns), columns)
    shift = rng.uniform(-2.0, 2.0, len(row))
    centre = (u0 + column * kind.across_m + shift)[:, None] * along + (v0 + row * kind.along_m)[:, None] * up
    half = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * (kind.length_m, kind.depth_m)
    boxes = centre[:, None, :] + half[None, :, 0, None] * along + half[None, :, 1, None] * up
    shapely.prepare(ground)
    boxes = boxes[shapely.contains_properly(ground, shapely.polygons(boxes))]
    return np.asarray(boxes)
