"""The borders of zones as edges, and which of them do not match a neighbour's.

Let ``d(p)`` be the number of zones at a place ``p``. Walking over an edge, ``d`` changes by what the zones on its two
sides bring. Where two neighbours share an edge exactly, one zone ends and another begins: no change. So ``d`` changes
only over edges that do *not* cancel, and these alone decide where a coverage has gaps (``d = 0``) and overlaps
(``d > 1``). In a good coverage they are its outer border; each fault adds a few. Cancelling is exact comparison of
coordinates, done once per edge in a hash table, which makes a check of a whole city cost little more than reading it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.matching import present_edges, ring_areas, tiled_edges, unmatched_edges

if TYPE_CHECKING:
    from geo.coverage.plane import Bools, Floats, Geometries, Ints


_PER_TILE = 2048
"""About how many edges are compared at a time."""

_TINY = 1e-9
"""Least extent of a coverage, in its own unit, for what is a point or a line."""

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
        """Return the rings of polygons and multipolygons, and of a boundary that is taken away from them."""
        zones = len(polygons)
        given = polygons if boundary is None else np.concatenate([polygons, boundary])
        present = ~(shapely.is_missing(given) | shapely.is_empty(given))
        # Most zones are one ring: its coordinates are all that there is, and getting them costs a tenth.
        plain = shapely.get_type_id(given) == shapely.GeometryType.POLYGON
        plain &= shapely.get_num_interior_rings(given) == 0
        single, rest = np.flatnonzero(present & plain), np.flatnonzero(present & ~plain)
        coordinates, ring = shapely.get_coordinates(given[single], return_index=True)
        rings = np.concatenate([[0], np.cumsum(np.bincount(ring, minlength=len(single)))])
        owner, sign = single, np.where(ring_areas(coordinates, rings) > 0, 1, -1)
        if len(rest):
            nested = cls._nested(given[rest], rest)
            coordinates = np.concatenate([coordinates, nested.coordinates])
            rings = np.concatenate([rings, nested.offsets[1:] + rings[-1]])
            owner, sign = np.concatenate([owner, nested.owner]), np.concatenate([sign, nested.sign])
        coordinates += 0.0  # -0.0 is the same place in other bits
        taken = owner >= zones
        return cls(coordinates, rings, np.where(taken, BOUNDARY, owner), np.where(taken, -sign, sign))

    @classmethod
    def _nested(cls, polygons: Geometries, rows: Ints) -> Rings:
        """Return the rings of polygons that may have holes and several pieces."""
        kind, coordinates, offsets = shapely.to_ragged_array(polygons, include_z=False)
        rings = np.asarray(offsets[0], dtype=np.int64)
        polygon_of_ring = _spread(offsets[1])
        row_of_polygon = rows[_spread(offsets[2])] if kind == shapely.GeometryType.MULTIPOLYGON else rows
        first = np.ones(len(polygon_of_ring), dtype=bool)
        first[1:] = polygon_of_ring[1:] != polygon_of_ring[:-1]
        coordinates = np.ascontiguousarray(coordinates, dtype=np.float64)
        sign = np.where(ring_areas(coordinates, rings) > 0, 1, -1) * np.where(first, 1, -1)
        return cls(coordinates, rings, row_of_polygon[polygon_of_ring], sign)


@dataclass(frozen=True)
class Edges:
    """Directed edges: what they bound lies on their left.

    Parameters
    ----------
    start, end
        (n, 2).
    owner
        (n,) row of the zone, or ``BOUNDARY``.
    position
        (n,) where the edge stands in the rings that it comes from: one more than the edge before it in its ring.
    turned
        (n,) whether it runs against its ring.
    """

    start: Floats
    end: Floats
    owner: Ints
    position: Ints
    turned: Bools

    def lines(self) -> Geometries:
        """Return the edges as line strings."""
        return np.asarray(shapely.linestrings(np.stack([self.start, self.end], axis=1)), dtype=object)


def unmatched(rings: Rings) -> Edges:
    """Return the edges over which the number of zones changes: those that no neighbour shares exactly."""
    if len(rings.coordinates) == 0:
        none = np.empty(0, dtype=np.int64)
        return Edges(np.empty((0, 2)), np.empty((0, 2)), none, none, none.astype(bool))
    # Column by column: numpy takes twenty times as long over both at once.
    (west, east), (south, north) = ((column.min(), column.max()) for column in rings.coordinates.T)
    width, height = max(east - west, _TINY), max(north - south, _TINY)
    per_unit = np.sqrt(max(len(rings.coordinates) / _PER_TILE, 1) / (width * height))
    # A country-long strip of zones must not make more tiles than it has edges.
    columns, rows = (int(min(size * per_unit, len(rings.coordinates))) + 1 for size in (width, height))
    ring_of, edges, starts = tiled_edges(
        rings.coordinates, rings.offsets, west, south, per_unit, columns, rows
    )
    middle = int(np.searchsorted(starts, len(edges) // 2))
    halves = ((0, min(middle, columns * rows)), (min(middle, columns * rows), columns * rows))
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(
            lambda half: unmatched_edges(rings.coordinates, ring_of, rings.sign, edges, starts, half), halves
        )
        kept = np.sort(np.concatenate(list(found)))
    ring = ring_of[kept]
    start, end = rings.coordinates[kept], rings.coordinates[kept + 1]
    turned = rings.sign[ring] < 0
    start[turned], end[turned] = end[turned], start[turned].copy()
    return Edges(start, end, rings.owner[ring], kept, turned)


def absent(rings: Rings, among: Rings) -> Edges:
    """Return the edges of rings that are no edge of others, in either direction."""
    count = max(len(rings.coordinates) - 1, 0)
    present = present_edges(rings.coordinates, rings.offsets, among.coordinates, among.offsets)[:count]
    inner = np.ones(count, dtype=bool)
    inner[rings.offsets[1:-1] - 1] = False
    kept = np.flatnonzero(inner & ~present)
    ring = np.searchsorted(rings.offsets, kept, side="right") - 1
    turned = np.zeros(len(kept), dtype=bool)
    return Edges(rings.coordinates[kept], rings.coordinates[kept + 1], rings.owner[ring], kept, turned)


def _spread(offsets: Ints) -> Ints:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
