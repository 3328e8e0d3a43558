"""The overlay of several layers: every border at once, cut into atomic cells.

Coordinates are whole numbers of 1e-8 degrees, so that "crosses", "touches" and "left of" are decided exactly.
Borders are cut where they cross (the crossing rounded to the same grid, and looked at again until nothing
crosses), then the faces between them are walked. GEOS does the same by ``union_all`` and ``polygonize``; at the
size of a city this takes a tenth of the time and keeps what lies on either side of each border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.crs import QUANTUM_DECIMALS
from geo.errors import ZonesError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_SCALE = 10.0**QUANTUM_DECIMALS
_MOST_SPAN = 2_000_000_000
"""Widest extent (in 1e-8 degrees, so 20 degrees) for which products of differences fit 64 bits."""

_NEAR_END = 5
"""A crossing nearer than this to an end of its segments (in 1e-8 degrees, so 5 mm) is taken to be that end."""

_MOST_ROUNDS = 60


@dataclass(frozen=True)
class Overlay:
    """Faces between borders, and the pieces of border between faces.

    Parameters
    ----------
    cells
        Polygons in lon/lat (degrees), a valid coverage, holes included.
    inner
        A point (degrees) strictly inside each cell, (n, 2).
    start, end
        Ends (degrees) of each piece of border, (e, 2).
    left, right
        Cell on either side of each piece, -1 outside.
    """

    cells: NDArray[Any]
    inner: NDArray[np.float64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    left: Ints
    right: Ints


def overlay(shapes: NDArray[Any]) -> Overlay:
    """Cut the plane by the borders of polygons.

    Parameters
    ----------
    shapes
        Valid polygons and multipolygons of all layers in lon/lat, in any order.

    Returns
    -------
    Overlay
        Every bounded face, whether or not a polygon covers it.

    Raises
    ------
    ZonesError
        When the polygons span more than 20 degrees.
    """
    segments = _segments(shapes)
    origin = segments.reshape(-1, 2).min(axis=0) if len(segments) else np.zeros(2, dtype=np.int64)
    segments = segments - np.tile(origin, 2)
    if len(segments) and segments.max() > _MOST_SPAN:
        raise ZonesError(
            "图层跨度超过 20 度，不是同一个辖区。",
            "the layers span more than 20 degrees: not one territory",
            remedy="请检查坐标系，或按辖区分别融合。",
        )
    segments = _noded(_canonical(segments))
    while True:
        walked = _faces(segments)
        # a piece with the same face on both sides is a thread left by rounding: it bounds nothing
        thread = walked.face[: len(segments)] == walked.face[len(segments) :]
        if not thread.any():
            break
        segments = segments[~thread]
    degrees = (segments + np.tile(origin, 2)) / _SCALE
    cells, number = _polygons(walked, origin)
    left, right = number[walked.face[: len(segments)]], number[walked.face[len(segments) :]]
    return Overlay(
        cells=cells,
        inner=shapely.get_coordinates(shapely.point_on_surface(cells)),
        start=degrees[:, :2],
        end=degrees[:, 2:],
        left=left,
        right=right,
    )


def _segments(shapes: NDArray[Any]) -> Ints:
    """Return the segments of all rings as whole numbers x0, y0, x1, y1."""
    rings = shapely.get_rings(shapely.get_parts(shapes))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    whole = np.round(xy * _SCALE).astype(np.int64)
    inside = ring[1:] == ring[:-1]
    return np.asarray(np.column_stack([whole[:-1], whole[1:]])[inside])


def _canonical(segments: Ints) -> Ints:
    """Return each segment once, from its lower left end to its upper right, without those of no length."""
    turned = (segments[:, 0] > segments[:, 2]) | (
        (segments[:, 0] == segments[:, 2]) & (segments[:, 1] > segments[:, 3])
    )
    segments = np.where(turned[:, None], segments[:, [2, 3, 0, 1]], segments)
    segments = segments[(segments[:, :2] != segments[:, 2:]).any(axis=1)]
    order = np.lexsort(segments.T[::-1])
    segments = segments[order]
    first = np.ones(len(segments), dtype=bool)
    first[1:] = (segments[1:] != segments[:-1]).any(axis=1)
    return np.asarray(segments[first])


def _orient(a: Ints, b: Ints, c: Ints) -> Ints:
    """Return twice the signed area of triangles, exactly."""
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def _noded(segments: Ints) -> Ints:
    """Cut segments where they cross or touch, until they meet at ends only."""
    fresh = np.ones(len(segments), dtype=bool)
    for _ in range(_MOST_ROUNDS):
        cut, point = _crossings(segments, fresh)
        if len(cut) == 0:
            return segments
        touched = np.zeros(len(segments), dtype=bool)
        touched[cut] = True
        pieces = _split(segments, touched, cut, point)
        segments, fresh = _merged(segments[~touched], pieces)
    raise ZonesError(
        "边界过于破碎，叠加没有收敛。",
        "the overlay did not settle",
        remedy="请先对各图层运行检查与修复。",
    )


def _merged(old: Ints, pieces: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return old and new segments together, each once, and which of them have to be looked at again."""
    pieces = _canonical(pieces)
    both = np.vstack([old, pieces])
    new = np.concatenate([np.zeros(len(old), dtype=bool), np.ones(len(pieces), dtype=bool)])
    order = np.lexsort((new, *both.T[::-1]))  # an old twin comes first: it has been looked at
    both, new = both[order], new[order]
    first = np.ones(len(both), dtype=bool)
    first[1:] = (both[1:] != both[:-1]).any(axis=1)
    return both[first], new[first]


def _crossings(segments: Ints, fresh: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return segments to cut and the points to cut them at; only pairs with a fresh segment are looked at."""
    lines = np.asarray(shapely.linestrings(segments.reshape(-1, 2, 2).astype(np.float64)))
    tree = shapely.STRtree(lines)
    asked = np.flatnonzero(fresh)
    found_cut, found_point = [np.zeros(0, dtype=np.int64)], [np.zeros((0, 2), dtype=np.int64)]
    for block in np.array_split(asked, max(1, len(asked) // 200_000)):
        i, j = tree.query(lines[block])
        i = block[i]
        keep = (i != j) & ~(fresh[j] & (j < i))
        i, j = i[keep], j[keep]
        a, b, c, d = segments[i, :2], segments[i, 2:], segments[j, :2], segments[j, 2:]
        abc, abd = _orient(a, b, c), _orient(a, b, d)
        cda, cdb = _orient(c, d, a), _orient(c, d, b)
        proper = (np.sign(abc) * np.sign(abd) < 0) & (np.sign(cda) * np.sign(cdb) < 0)
        share = cda[proper] / (cda[proper] - cdb[proper]).astype(np.float64)
        point = a[proper] + np.round(share[:, None] * (b[proper] - a[proper])).astype(np.int64)
        # near-parallel borders would cross again and again a millimetre further on: where an end is near, take it
        gap = np.full(len(point), _NEAR_END**2, dtype=np.int64)
        wanted = point.copy()
        for ends in (a[proper], b[proper], c[proper], d[proper]):
            away = ((ends - point) ** 2).sum(axis=1)
            closer = away < gap
            wanted[closer], gap[closer] = ends[closer], away[closer]
        point = wanted
        for row, both in ((i[proper], (a[proper], b[proper])), (j[proper], (c[proper], d[proper]))):
            # a crossing that rounds to an end of a segment cuts the other one only
            real = (point != both[0]).any(axis=1) & (point != both[1]).any(axis=1)
            found_cut.append(row[real])
            found_point.append(point[real])
        for row, p, q, tip, turn in (
            (i, a, b, c, abc),
            (i, a, b, d, abd),
            (j, c, d, a, cda),
            (j, c, d, b, cdb),
        ):
            on = turn == 0
            within = (
                (np.minimum(p, q) <= tip).all(axis=1)
                & (tip <= np.maximum(p, q)).all(axis=1)
                & (tip != p).any(axis=1)
                & (tip != q).any(axis=1)
            )
            found_cut.append(row[on & within])
            found_point.append(tip[on & within])
    return np.concatenate(found_cut), np.concatenate(found_point)


def _split(segments: Ints, touched: NDArray[np.bool_], cut: Ints, point: Ints) -> Ints:
    """Return the pieces of the touched segments."""
    rows = np.flatnonzero(touched)
    row = np.concatenate([rows, cut, rows])
    xy = np.vstack([segments[rows, :2], point, segments[rows, 2:]])
    # from the lower left end to the upper right: the order of the points along a segment is that of the
    # longer extent, ties cannot be told apart by it and are ordered by the other
    way = segments[row, 2:] - segments[row, :2]
    along = (xy[:, 0] - segments[row, 0]) * way[:, 0] + (xy[:, 1] - segments[row, 1]) * way[:, 1]
    # ends first and last, whatever rounding did to the points between
    along[: len(rows)] = np.iinfo(np.int64).min
    along[len(row) - len(rows) :] = np.iinfo(np.int64).max
    order = np.lexsort((along, row))
    row, xy = row[order], xy[order]
    inside = row[1:] == row[:-1]
    return np.asarray(np.column_stack([xy[:-1], xy[1:]])[inside])


@dataclass(frozen=True)
class _Walked:
    """Half-edges: 0 … e-1 run from start to end, e … 2e-1 back; the face of each lies to its left."""

    face: Ints
    shells: NDArray[Any]
    """Outline of each face, in whole numbers."""
    holes: dict[int, list[Any]]
    """Outlines of the islands in a face."""


def _faces(segments: Ints) -> _Walked:
    """Walk the faces between segments that meet at ends only."""
    count = len(segments)
    if count == 0:
        return _Walked(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object), {})
    tail = np.vstack([segments[:, :2], segments[:, 2:]])
    way = np.vstack([segments[:, 2:] - segments[:, :2], segments[:, :2] - segments[:, 2:]]).astype(np.float64)
    node = np.unique(tail[:, 0] * (np.int64(_MOST_SPAN) + 1) + tail[:, 1], return_inverse=True)[1].reshape(-1)
    order = np.lexsort((np.arctan2(way[:, 1], way[:, 0]), node))
    place = np.empty(2 * count, dtype=np.int64)
    place[order] = np.arange(2 * count)
    starts = np.searchsorted(node[order], np.arange(node.max() + 2))
    twin = np.concatenate([np.arange(count, 2 * count), np.arange(count)])
    # the face to the left goes on with the edge that follows the way back clockwise
    before = place[twin] - 1
    before = np.where(before < starts[node[twin]], starts[node[twin] + 1] - 1, before)
    walk, ring, round_of = _cycles(order[before], node)
    rings = len(round_of)
    xy = tail[walk].astype(np.float64)

    begins = np.searchsorted(ring, np.arange(rings + 1))
    after = np.arange(1, len(walk) + 1)
    after[begins[1:] - 1] = begins[:-1]
    x0, y0 = (xy - xy.mean(axis=0)).T
    area = np.bincount(ring, weights=x0 * y0[after] - x0[after] * y0)
    lines = np.empty(rings, dtype=object)
    solid = (np.diff(begins) >= 3) & (area != 0.0)  # noqa: PLR2004  a thread has no area
    keep = solid[ring]
    lines[solid] = shapely.linearrings(xy[keep], indices=(np.cumsum(solid) - 1)[ring[keep]])
    outward = np.flatnonzero(solid & (area > 0.0))
    inward = np.flatnonzero(solid & (area < 0.0))
    # a walk round a face has one ring that runs round it, and may have others round islands that touch that one
    face = np.full(int(round_of.max()) + 1, -1, dtype=np.int64)
    face[round_of[outward]] = np.arange(len(outward))
    holes: dict[int, list[Any]] = {}
    touching = inward[face[round_of[inward]] >= 0]
    for ring_number in touching.tolist():
        holes.setdefault(int(face[round_of[ring_number]]), []).append(lines[ring_number])
    inward = inward[face[round_of[inward]] < 0]
    if len(inward) > 1:
        islands, shells = (np.asarray(shapely.polygons(lines[rows])) for rows in (inward, outward))
        island, shell = shapely.STRtree(shells).query(islands, predicate="covered_by")
        # an island lies in the smallest face round it; the faces that make it up are no larger than itself
        size = np.asarray(shapely.area(shells))[shell]
        larger = size > np.asarray(shapely.area(islands))[island] * (1.0 + 1e-12)
        island, shell, size = island[larger], shell[larger], size[larger]
        rank = np.lexsort((size, island))
        _, nearest = np.unique(island[rank], return_index=True)
        for row in rank[nearest].tolist():
            hole, around = int(inward[island[row]]), int(shell[row])
            holes.setdefault(around, []).append(lines[hole])
            face[round_of[hole]] = around
    of_edge = np.empty(2 * count, dtype=np.int64)
    of_edge[walk] = face[round_of[ring]]
    return _Walked(of_edge, lines[outward], holes)


def _cycles(ahead: Ints, node: Ints) -> tuple[Ints, Ints, Ints]:
    """Walk round every face.

    Parameters
    ----------
    ahead
        Half-edge that follows each half-edge round its face.
    node
        Node where each half-edge begins.

    Returns
    -------
    tuple of ndarray
        The half-edges ring after ring, each ring in its own order and touching itself nowhere; the ring of each;
        the walk that each ring is part of.
    """
    follow, begins_at = ahead.tolist(), node.tolist()
    seen = bytearray(len(follow))
    walk: list[int] = []
    ends: list[int] = [0]
    rounds: list[int] = []
    number = 0
    for begin in range(len(follow)):
        if seen[begin]:
            continue
        path: list[int] = []
        at: dict[int, int] = {}
        edge = begin
        while not seen[edge]:
            seen[edge] = 1
            here = begins_at[edge]
            if here in at:
                # back at a node: what lies between is a ring of its own
                cut = at[here]
                loop = path[cut:]
                for passed in loop:
                    del at[begins_at[passed]]
                del path[cut:]
                walk.extend(loop)
                ends.append(len(walk))
                rounds.append(number)
            at[here] = len(path)
            path.append(edge)
            edge = follow[edge]
        walk.extend(path)
        ends.append(len(walk))
        rounds.append(number)
        number += 1
    sizes = np.diff(np.array(ends))
    return (
        np.array(walk, dtype=np.int64),
        np.repeat(np.arange(len(rounds)), sizes),
        np.array(rounds, dtype=np.int64),
    )


def _polygons(walked: _Walked, origin: Ints) -> tuple[NDArray[Any], Ints]:
    """Return the cells west to east, and the number of the cell of each face (with -1 for outside at the end)."""
    cells = np.asarray(shapely.polygons(walked.shells))
    for face, inside in walked.holes.items():
        cells[face] = shapely.Polygon(walked.shells[face], inside)
    cells = shapely.transform(cells, lambda xy: (xy + origin) / _SCALE)
    corner = shapely.bounds(cells)[:, :2] if len(cells) else np.zeros((0, 2))
    rank = np.lexsort((corner[:, 1], corner[:, 0]))
    number = np.full(len(cells) + 1, -1, dtype=np.int64)
    number[rank] = np.arange(len(cells))
    return cells[rank], number
