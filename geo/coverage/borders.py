"""The borders of zones as edges, and which of them do not match a neighbour's.

Let ``d(p)`` be the number of zones at a place ``p``. Walking over an edge, ``d`` changes by what the zones on its two
sides bring. Where two neighbours share an edge exactly, one zone ends and another begins: no change. So ``d`` changes
only over edges that do *not* cancel, and these alone decide where a coverage has gaps (``d = 0``) and overlaps
(``d > 1``). In a good coverage they are its outer border; each fault adds a few. Cancelling is exact comparison of
coordinates, done once per edge in a hash table, which makes a check of a whole city cost little more than reading it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats = NDArray[np.float64] if TYPE_CHECKING else Any
Ints = NDArray[np.int64] if TYPE_CHECKING else Any
Geometries = NDArray[np.object_] if TYPE_CHECKING else Any

BOUNDARY = -1
"""Owner of the edges of the territory's boundary."""


@dataclass(frozen=True)
class Rings:
    """The rings of polygons as arrays.

    Parameters
    ----------
    coordinates
        (n, 2) of all rings, one after the other, each closed.
    offsets
        (r + 1,) where each ring begins.
    owner
        (r,) row of the polygon, or ``BOUNDARY``.
    sign
        (r,) +1 when the polygon lies on the left of its ring as given (shell counter-clockwise), -1 on the right;
        the other way round for the boundary, which is taken away from the zones.
    """

    coordinates: Floats
    offsets: Ints
    owner: Ints
    sign: Ints

    @classmethod
    def of(cls, polygons: Geometries, boundary: Geometries | None = None) -> Rings:
        """Return the rings of polygons and multipolygons, and of a boundary to be taken away."""
        taken = np.empty(0, dtype=object) if boundary is None else boundary
        given = np.concatenate([polygons, taken])
        present = ~(shapely.is_missing(given) | shapely.is_empty(given))
        kind, coordinates, offsets = shapely.to_ragged_array(given[present], include_z=False)
        rows = np.flatnonzero(present)
        rings = np.asarray(offsets[0], dtype=np.int64) if len(rows) else np.zeros(1, dtype=np.int64)
        if len(rows) == 0:
            polygon_of_ring, row_of_polygon, coordinates = rows, rows, np.empty((0, 2))
        else:
            polygon_of_ring = _spread(offsets[1])
            row_of_polygon = rows[_spread(offsets[2])] if kind == shapely.GeometryType.MULTIPOLYGON else rows
        owner = row_of_polygon[polygon_of_ring]
        first = np.ones(len(polygon_of_ring), dtype=bool)
        first[1:] = polygon_of_ring[1:] != polygon_of_ring[:-1]
        sign = np.where(_areas(coordinates, rings) > 0, 1, -1) * np.where(first, 1, -1)
        sign[owner >= len(polygons)] *= -1
        owner = np.where(owner >= len(polygons), BOUNDARY, owner)
        return cls(np.ascontiguousarray(coordinates, dtype=np.float64), rings, owner, sign.astype(np.int64))


@dataclass(frozen=True)
class Edges:
    """Directed edges: what they bound lies on their left.

    Parameters
    ----------
    start, end
        (n, 2).
    owner
        (n,) row of the zone, or ``BOUNDARY``.
    """

    start: Floats
    end: Floats
    owner: Ints

    def lines(self) -> Geometries:
        """Return the edges as line strings."""
        lines: Geometries = shapely.linestrings(np.stack([self.start, self.end], axis=1))
        return lines


def unmatched(rings: Rings) -> Edges:
    """Return the edges over which the number of zones changes: those that no neighbour shares exactly."""
    if len(rings.coordinates) == 0:
        return Edges(np.empty((0, 2)), np.empty((0, 2)), np.empty(0, dtype=np.int64))
    kept, ring = _unmatched(rings.coordinates, rings.offsets, rings.sign)
    start, end = rings.coordinates[kept], rings.coordinates[kept + 1]
    turned = rings.sign[ring] < 0
    start[turned], end[turned] = end[turned], start[turned].copy()
    return Edges(start, end, rings.owner[ring])


def _spread(offsets: Ints) -> Ints:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _areas(coordinates: Floats, offsets: Ints) -> Floats:
    """Return twice the signed area of each ring; taken from its first vertex, which keeps the digits."""
    areas = np.zeros(len(offsets) - 1)
    for ring in range(len(areas)):
        first = offsets[ring]
        x, y = coordinates[first, 0], coordinates[first, 1]
        total = 0.0
        for at in range(first + 1, offsets[ring + 1] - 1):
            total += (coordinates[at, 0] - x) * (coordinates[at + 1, 1] - y)
            total -= (coordinates[at + 1, 0] - x) * (coordinates[at, 1] - y)
        areas[ring] = total
    return areas


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _unmatched(coordinates: Floats, offsets: Ints, sign: Ints) -> tuple[Ints, Ints]:
    """Return the positions of edges that do not cancel, and the ring of each.

    A hash table with open addressing, keyed by an edge's two ends in a fixed order; its value is by how much the
    number of zones grows when the edge is crossed from right to left.
    """
    count = len(coordinates)
    size = 16
    while size < 2 * count:
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, -1, dtype=np.int32)
    slots = np.empty(count, dtype=np.int32)
    net = np.zeros(count, dtype=np.int32)
    # -0.0 and 0.0 are one place with two bit patterns.
    bits = (coordinates + 0.0).view(np.uint64)
    for ring in range(len(offsets) - 1):
        for at in range(offsets[ring], offsets[ring + 1] - 1):
            ax, ay, bx, by = bits[at, 0], bits[at, 1], bits[at + 1, 0], bits[at + 1, 1]
            slots[at] = -1
            if ax == bx and ay == by:
                continue
            forward = ax < bx or (ax == bx and ay < by)
            if not forward:
                ax, ay, bx, by = bx, by, ax, ay
            key = ax * np.uint64(0x9E3779B97F4A7C15) + ay * np.uint64(0xC2B2AE3D27D4EB4F)
            key ^= key >> np.uint64(29)
            key = (key + bx) * np.uint64(0xBF58476D1CE4E5B9) + by * np.uint64(0x94D049BB133111EB)
            key ^= key >> np.uint64(32)
            slot = key & mask
            while True:
                other = table[slot]
                if other < 0:
                    table[slot] = at
                    other = at
                    break
                px, py, qx, qy = bits[other, 0], bits[other, 1], bits[other + 1, 0], bits[other + 1, 1]
                if (px == ax and py == ay and qx == bx and qy == by) or (
                    px == bx and py == by and qx == ax and qy == ay
                ):
                    break
                slot = (slot + np.uint64(1)) & mask
            slots[at] = other
            net[other] += sign[ring] if forward else -sign[ring]
    kept = np.empty(count, dtype=np.int64)
    rings = np.empty(count, dtype=np.int64)
    found = 0
    for ring in range(len(offsets) - 1):
        for at in range(offsets[ring], offsets[ring + 1] - 1):
            if slots[at] >= 0 and net[slots[at]] != 0:
                kept[found] = at
                rings[found] = ring
                found += 1
    return kept[:found].copy(), rings[:found].copy()


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _depths(
    points: Floats, start: Floats, end: Floats, row_of: Ints, edges: Ints, low: float, step: float
) -> Ints:
    """Count edges crossed by a ray to the east of each point: +1 going up, -1 going down."""
    depths = np.zeros(len(points), dtype=np.int64)
    rows = len(row_of) - 1
    for at in range(len(points)):
        x, y = points[at, 0], points[at, 1]
        row = int((y - low) / step)
        if y < low or row >= rows:
            continue
        for k in range(row_of[row], row_of[row + 1]):
            e = edges[k]
            sx, sy, ex, ey = start[e, 0], start[e, 1], end[e, 0], end[e, 1]
            if (sy <= y) == (ey <= y):
                continue
            side = (ex - sx) * (y - sy) - (ey - sy) * (x - sx)
            if sy <= y and side > 0:
                depths[at] += 1
            elif ey <= y and side < 0:
                depths[at] -= 1
    return depths


def depths(points: Floats, edges: Edges) -> Ints:
    """Return (n,) how many zones lie at each point (less one inside a boundary that was taken away).

    Far from any edge a winding number is exact; points are taken in the midst of faces, never on an edge.
    """
    if len(points) == 0 or len(edges.owner) == 0:
        return np.zeros(len(points), dtype=np.int64)
    bottom = np.minimum(edges.start[:, 1], edges.end[:, 1])
    top = np.maximum(edges.start[:, 1], edges.end[:, 1])
    low, high = bottom.min(), top.max()
    count = max(1, min(len(edges.owner), 65_536))
    step = max((high - low) / count, 1e-12) * (1 + 1e-9)
    first = ((bottom - low) / step).astype(np.int64)
    spans = ((top - low) / step).astype(np.int64) - first + 1
    which = np.repeat(np.arange(len(spans)), spans)
    row = first[which] + np.arange(len(which)) - np.repeat(np.cumsum(spans) - spans, spans)
    order = np.argsort(row, kind="stable")
    row_of = np.searchsorted(row[order], np.arange(count + 1))
    found: Ints = _depths(points, edges.start, edges.end, row_of, which[order], float(low), float(step))
    return found
