"""Moving a border: its vertices are dragged, new ones are put in, and those that nobody needs are taken away.

A vertex belongs to every zone around it, so that each of these is done to all of them at once, at every level: a
junction stays a junction, and neighbours go on sharing every vertex of their common border (law 1).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.errors import RefusedError
from geo.plans.consequences import change_of, levels_below, quantised
from geo.plans.draft import simplest
from geo.plans.redivision import GRID_DEG

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from geo.plans.draft import Area, Change, Draft, PlanZone

Position = tuple[float, float]
"""Lon/lat."""

Insert = tuple[Position, Position, Position]
"""Both ends of a segment of a border as it is, and where its new vertex goes."""

LEAST_VERTICES = 3
"""A ring has at least so many."""

BETWEEN = 2
"""Neighbours of a vertex that lies between two others; a junction has more."""


def move_border(
    draft: Draft,
    level: str,
    moves: Mapping[Position, Position],
    *,
    inserts: Sequence[Insert] = (),
    removes: Collection[Position] = (),
) -> Change:
    """Drag vertices, put new ones into borders, take others away: every zone of the level that has them follows.

    Parameters
    ----------
    draft
        The draft.
    level
        Level of the zones.
    moves
        New lon/lat by old lon/lat; the old must be vertices.
    inserts
        New vertices. The ends of their segments are named as they are before the moves.
    removes
        Vertices to take away; each must lie between two others, at this level and at those above.

    Raises
    ------
    RefusedError
        When no zone has such a vertex or segment, when a vertex to be taken away is a junction, when rings would
        cross, or when the outer border would move.
    """
    targets = {_exact(old): _grid(new) for old, new in moves.items()}
    between = {(_exact(start), _exact(end)): _grid(new) for start, end, new in inserts}
    gone = {_exact(xy) for xy in removes}
    named = [*targets, *gone, *(xy for segment in between for xy in segment)]
    around = draft.touching(level, _points(named), distance=GRID_DEG)
    _refuse_missing(around, targets, between, gone)
    _refuse_junctions(draft, level, around, gone)
    after = {}
    for zone in around:
        geometry = _rebuilt(zone, targets, between, gone)
        if geometry is not zone.geometry:
            after[zone.code] = geometry
    return change_of(draft, level, "move_border", after)


def _exact(xy: Position) -> Position:
    return (float(xy[0]), float(xy[1]))


def _grid(xy: Position) -> Position:
    lon, lat = quantised(np.array(xy, dtype=float)).tolist()
    return (lon, lat)


def _points(positions: Iterable[Position]) -> shapely.MultiPoint:
    return shapely.MultiPoint(np.array(list(positions), dtype=float))


def _rings(geometry: Area) -> list[list[Position]]:
    """Return every ring as its positions, without the last, which is the first again."""
    return [
        [(lon, lat) for lon, lat in shapely.get_coordinates(ring).tolist()[:-1]]
        for part in shapely.get_parts(geometry)
        for ring in (part.exterior, *part.interiors)
    ]


def _segments(ring: list[Position]) -> Iterator[tuple[Position, Position]]:
    return pairwise([*ring, ring[0]])


def _refuse_missing(
    around: Sequence[PlanZone],
    targets: Mapping[Position, Position],
    between: Mapping[tuple[Position, Position], Position],
    gone: set[Position],
) -> None:
    """Refuse vertices and segments that no zone has."""
    rings = [ring for zone in around for ring in _rings(zone.geometry)]
    vertices = {xy for ring in rings for xy in ring}
    segments = {segment for ring in rings for segment in _segments(ring)}
    missing = [xy for xy in (*targets, *gone) if xy not in vertices]
    missing += [
        xy for start, end in between for xy in (start, end) if not {(start, end), (end, start)} & segments
    ]
    if missing:
        raise RefusedError(
            "所拖动的点不是任何网格的边界顶点。",
            "no zone has this vertex",
            place=_points(missing),
            remedy="它可能刚被他人移动:请刷新后再拖动边界上的顶点。",
        )


def _refuse_junctions(draft: Draft, level: str, around: Sequence[PlanZone], gone: set[Position]) -> None:
    """Refuse to take away vertices where borders meet or end, or that a border of a level above needs."""
    above = [
        zone
        for other in draft.levels.values()
        if gone and other.partition and level in levels_below(draft, other.code)
        for zone in draft.touching(other.code, _points(gone), distance=GRID_DEG)
    ]
    neighbours: dict[Position, set[Position]] = {xy: set() for xy in gone}
    for zone in around:
        for ring in _rings(zone.geometry):
            for start, end in _segments(ring):
                for one, other in ((start, end), (end, start)):
                    if one in neighbours:
                        neighbours[one].add(other)
    for xy, beside in neighbours.items():
        if len(beside) > BETWEEN:
            raise RefusedError(
                "这里是几条边界的交汇点,不能删除。",
                "borders meet at this vertex",
                place=shapely.Point(xy),
                remedy="请拖动它,或合并相邻的网格。",
            )
    for zone in above:
        kept = [xy for ring in _rings(zone.geometry) for xy in ring if xy in gone]
        if kept:
            raise RefusedError(
                f"这个顶点也在{draft.levels[zone.level].name} {zone.name} 的边界上,不能在此删除。",
                f"{zone.level} {zone.code} has this vertex too",
                place=shapely.Point(kept[0]),
                remedy=f"请切换到{draft.levels[zone.level].name}层级删除,网格会随之调整。",
            )


def _rebuilt(
    zone: PlanZone,
    targets: Mapping[Position, Position],
    between: Mapping[tuple[Position, Position], Position],
    gone: set[Position],
) -> Area:
    """Return a zone's geometry after the move; the geometry itself where nothing changes."""
    changed = False

    def rebuilt(ring: NDArray[np.float64]) -> list[Position]:
        nonlocal changed
        new: list[Position] = []
        for start, end in pairwise([(lon, lat) for lon, lat in ring.tolist()]):
            if start not in gone:
                new.append(targets.get(start, start))
            inserted = between.get((start, end)) or between.get((end, start))
            if inserted:
                new.append(inserted)
            changed |= start in gone or start in targets or inserted is not None
        if len(set(new)) < LEAST_VERTICES:
            raise RefusedError(
                f"{zone.name}({zone.code})的边界至少要有三个顶点。",
                f"{zone.code} would have fewer than three vertices",
                place=shapely.centroid(zone.geometry),
                remedy="请保留这个顶点,或删除整个网格。",
            )
        return new

    parts = [
        shapely.Polygon(
            rebuilt(shapely.get_coordinates(part.exterior)),
            [rebuilt(shapely.get_coordinates(hole)) for hole in part.interiors],
        )
        for part in shapely.get_parts(zone.geometry)
    ]
    return simplest(shapely.MultiPolygon(parts)) if changed else zone.geometry
