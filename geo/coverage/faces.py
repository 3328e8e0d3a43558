"""The faces between unmatched edges: places with no zone, with one, with several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numba import njit

from geo.coverage.plane import at_least_wide, parts_of

if TYPE_CHECKING:
    from geo.coverage.borders import Edges
    from geo.coverage.plane import Floats, Geometries, Ints


@dataclass(frozen=True)
class Faces:
    """The bounded faces of unmatched edges on the plane.

    Parameters
    ----------
    polygons
        (n,) polygons, each at least as wide as the tolerance.
    depth
        (n,) number of zones there, less one where a boundary was taken away.
    outline
        Union of all bounded faces: the coverage with its holes filled.
    """

    polygons: Geometries
    depth: Ints
    outline: Geometries


def faces(edges: Edges, tolerance_m: float) -> Faces:
    """Return the faces into which edges (on the plane, in metres) cut it.

    Faces narrower than ``tolerance_m`` are dropped: what coordinates on a grid of 1e-8 degrees leave behind where a
    vertex of one neighbour stands on a straight border of the other.
    """
    if len(edges.owner) == 0:
        none = np.empty(0, dtype=object)
        return Faces(none, np.empty(0, dtype=np.int64), none)
    polygons, _ = parts_of(np.array([shapely.polygonize(_network(_chains(edges)))], dtype=object))
    wide = polygons[at_least_wide(polygons, tolerance_m)]
    centres = shapely.get_coordinates(shapely.point_on_surface(wide)) if len(wide) else np.empty((0, 2))
    return Faces(wide, depths(centres, edges), polygons)


def _chains(edges: Edges) -> Geometries:
    """Return edges that follow one another as one line each."""
    first = np.concatenate([[True], np.diff(edges.position) != 1])
    chain = np.cumsum(first) - 1
    # Each chain is the beginnings of its edges and the end of the last, as its ring has them.
    last = np.flatnonzero(np.append(first[1:], True))
    begin = np.where(edges.turned[:, None], edges.end, edges.start)
    finish = np.where(edges.turned[:, None], edges.start, edges.end)
    coordinates = np.concatenate([begin, finish[last]])
    owner = np.concatenate([chain, chain[last]])
    order = np.argsort(owner, kind="stable")
    return np.asarray(shapely.linestrings(coordinates[order], indices=owner[order]), dtype=object)


def _network(chains: Geometries) -> Geometries:
    """Return lines that meet at their ends only.

    A chain is part of the border of one valid zone, so it does not cross itself. Most meet their neighbours at common
    ends, as they should; only those that do not have to be noded, which takes a kilobyte for each vertex.
    """
    one, other = shapely.STRtree(chains).query(chains, predicate="intersects")
    one, other = one[one < other], other[one < other]
    ends = shapely.boundary(chains)
    # A closed chain has no ends for the library, but begins somewhere.
    closed = shapely.is_empty(ends)
    ends[closed] = shapely.get_point(chains[closed], 0)
    common = shapely.intersection(chains[one], chains[other])
    fine = shapely.covered_by(common, ends[one]) & shapely.covered_by(common, ends[other])
    crossing = np.unique(np.concatenate([one[~fine], other[~fine]]))
    if len(crossing) == 0:
        return chains
    return np.append(np.delete(chains, crossing), [shapely.union_all(chains[crossing])])


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
