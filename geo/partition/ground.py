"""Ground cut along lines into faces whose neighbours share every vertex, and what lies on either side of a border.

All lines are noded together, once, on the grid of 1e-8 degrees on which coordinates stand (law 1); the faces between
them are polygons of the same noded lines, so that any union of them is a coverage by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.crs import QUANTUM_DECIMALS, QUANTUM_DEG

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from geo.coverage.plane import Plane

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]

_SCALE = 10**QUANTUM_DECIMALS
_SPAN = np.int64(1) << 31
_MEETS_M = 1e-3
"""An end nearer to a line than this is on it."""

_SNAP_DEG = 5.0 * QUANTUM_DEG
"""A line that passes a given vertex nearer than this (5 mm) is meant to meet it."""

_NEAR_DEG = 2.0 * QUANTUM_DEG
"""A vertex that noding put on an edge is no further from it: rounding moves it by at most 0.71e-8 degrees."""


def keys_of(xy: Floats, origin: Floats) -> Ints:
    """Return one integer per coordinate pair (n, 2) in degrees; equal pairs, equal integers."""
    whole = np.round((xy - origin) * _SCALE).astype(np.int64)
    return np.asarray(whole[:, 0] * _SPAN + whole[:, 1])


def faces_of(lines: Sequence[Any]) -> Geometries:
    """Return the faces between lines (degrees), noded on the grid, from west to east, then south to north."""
    network = shapely.union_all(np.array(list(lines), dtype=object), grid_size=QUANTUM_DEG)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts([network])))
    if not len(faces):
        return np.empty(0, dtype=object)
    bounds = shapely.bounds(faces)
    return np.asarray(faces[np.lexsort(bounds.T[::-1])])


def led_on(streets: Geometries, others: Geometries, plane: Plane, reach_m: float) -> Geometries:
    """Return streets (lines, degrees), and for each dead end near another line the missing piece.

    A dead end is an end point that no other line touches. Ends with nothing near stay: they bound nothing.
    """
    if not len(streets):
        return streets
    every = np.concatenate([streets, others])
    flat = plane.down(every)
    ends = np.concatenate(
        [shapely.get_point(flat[: len(streets)], 0), shapely.get_point(flat[: len(streets)], -1)]
    )
    own = np.tile(np.arange(len(streets)), 2)
    row, line = shapely.STRtree(flat).query(ends, predicate="dwithin", distance=reach_m)
    foreign = line != own[row]
    row, line = row[foreign], line[foreign]
    distance = shapely.distance(ends[row], flat[line])
    order = np.lexsort((line, distance, row))
    row, line, distance = row[order], line[order], distance[order]
    first = np.ones(len(row), dtype=bool)
    first[1:] = row[1:] != row[:-1]
    loose = first & (distance > _MEETS_M)
    pieces = shapely.shortest_line(ends[row[loose]], flat[line[loose]])
    return np.concatenate([streets, plane.up(pieces)])


def snapped(lines: Iterable[Any], rims: Geometries) -> list[Any]:
    """Return lines led through the vertices of given borders that they pass within millimetres.

    Lines and borders of different sources were rounded apart: a street at a community's corner may stand a step
    of the grid beside it, and noding would give the community two vertices a millimetre apart.
    """
    result = list(lines)
    if not result or not len(rims):
        return result
    vertices = np.asarray(shapely.points(np.unique(shapely.get_coordinates(rims), axis=0)), dtype=object)
    row, near = shapely.STRtree(vertices).query(
        np.array(result, dtype=object), predicate="dwithin", distance=_SNAP_DEG
    )
    order = np.lexsort((near, row))
    row, near = row[order], near[order]
    starts = np.searchsorted(row, np.arange(len(result) + 1))
    for at in np.unique(row).tolist():
        corners = shapely.multipoints(vertices[near[starts[at] : starts[at + 1]]])
        result[at] = shapely.snap(result[at], corners, _SNAP_DEG)
    return result


@dataclass(frozen=True)
class Borders:
    """The segments between faces.

    Parameters
    ----------
    left, right
        Face on either side, ``right`` -1 where there is none.
    length_m
        Length.
    middle
        Midpoint (degrees), (n, 2).
    """

    left: Ints
    right: Ints
    length_m: Floats
    middle: Floats


def borders_of(faces: Geometries, plane: Plane) -> Borders:
    """Match the segments of faces: equal vertices, so equal keys."""
    xy, ring = shapely.get_coordinates(shapely.get_rings(faces), return_index=True)
    _, owner = shapely.get_rings(faces, return_index=True)
    inside = ring[1:] == ring[:-1]
    start, end = xy[:-1][inside], xy[1:][inside]
    face = owner[ring[:-1][inside]]
    origin = xy.min(axis=0) if len(xy) else np.zeros(2)
    a, b = keys_of(start, origin), keys_of(end, origin)
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((face, high, low))
    low, high, face = low[order], high[order], face[order]
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    first = np.flatnonzero(~same)
    paired = np.zeros(len(order) + 1, dtype=bool)
    paired[:-1] = same
    right = (
        np.where(paired[first + 1], face[np.minimum(first + 1, len(face) - 1)], -1) if len(first) else first
    )
    flat = plane.flat(start[order][first]) - plane.flat(end[order][first])
    return Borders(
        left=face[first],
        right=right,
        length_m=np.hypot(flat[:, 0], flat[:, 1]),
        middle=(start[order][first] + end[order][first]) / 2.0,
    )


def without_loose_nodes(polygons: Geometries, given: Geometries) -> Geometries:
    """Take out the vertices that noding put on a straight edge and that no junction of borders needs.

    Parameters
    ----------
    polygons
        A coverage in degrees.
    given
        Everything that was noded; its own vertices stay.

    Returns
    -------
    numpy.ndarray
        The same coverage: a vertex goes from all polygons that have it, or from none.
    """
    rings, owner = shapely.get_rings(polygons, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if not len(xy):
        return polygons
    last = np.ones(len(ring), dtype=bool)
    last[:-1] = ring[1:] != ring[:-1]
    xy, ring = xy[~last], ring[~last]
    starts = np.searchsorted(ring, np.arange(len(rings) + 1))
    place = np.arange(len(xy))
    before, after = place - 1, place + 1
    before[starts[:-1]] = starts[1:] - 1
    after[starts[1:] - 1] = starts[:-1]
    origin = xy.min(axis=0) - 1e-6
    own = shapely.get_coordinates(given)
    own = own[(own >= origin).all(axis=1) & (own <= xy.max(axis=0) + 1e-6).all(axis=1)]
    keys = keys_of(xy, origin)
    span, off = xy[after] - xy[before], xy - xy[before]
    length = np.maximum(np.hypot(span[:, 0], span[:, 1]), 1e-300)
    straight = np.abs(span[:, 0] * off[:, 1] - span[:, 1] * off[:, 0]) / length < _NEAR_DEG
    straight &= (off * span).sum(axis=1) > 0.0
    straight &= ~np.isin(keys, keys_of(own, origin))
    # of a vertex with two ways on, every ring that has it names the same two neighbours
    ways = np.sort(np.column_stack([keys[before], keys[after]]), axis=1)
    order = np.lexsort((keys,))
    groups = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]]))
    needed = np.zeros(len(keys), dtype=bool)
    for column in (0, 1):
        value = ways[order, column]
        needed_here = np.maximum.reduceat(value, groups) != np.minimum.reduceat(value, groups)
        sizes = np.diff(np.append(groups, len(order)))
        needed[order] |= np.repeat(needed_here, sizes)
    loose_here = np.minimum.reduceat(straight[order].astype(np.int8), groups).astype(bool)
    loose = np.zeros(len(keys), dtype=bool)
    loose[order] = np.repeat(loose_here, np.diff(np.append(groups, len(order))))
    keep = needed | ~loose
    if keep.all():
        return polygons
    result = polygons.copy()
    for row in np.unique(owner[ring[~keep]]).tolist():
        made = []
        for number in np.flatnonzero(owner == row).tolist():
            part = slice(int(starts[number]), int(starts[number + 1]))
            made.append(shapely.linearrings(xy[part][keep[part]]))
        result[row] = _rebuilt(polygons[row], made)
    return result


def _rebuilt(shape: Any, rings: Sequence[Any]) -> Any:  # noqa: ANN401  a polygon or multipolygon
    """Return a shape with other rings, in the order of `shapely.get_rings`."""
    parts = shapely.get_parts([shape])
    sizes = np.cumsum([0, *(shapely.get_num_interior_rings(parts) + 1).tolist()])
    made = [
        shapely.Polygon(rings[begin], list(rings[begin + 1 : end])) for begin, end in pairwise(sizes.tolist())
    ]
    return made[0] if len(made) == 1 else shapely.MultiPolygon(made)
