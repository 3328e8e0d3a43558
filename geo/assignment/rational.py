"""The same answers as `geo.assignment.lookup` in rational arithmetic, for the few points whose products underflow.

Slow and never wrong: a coordinate is a fraction, so there is nothing to filter. Tests hold the compiled loops to it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cmp_to_key
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

Point = tuple[Fraction, Fraction]
Edge = tuple[Point, Point]


def zones_in_leaf(
    vertices: NDArray[np.float64], words: NDArray[np.int32], leaf: int, lon: float, lat: float
) -> list[int]:
    """Return every zone of a point in a leaf, in order of rows; see `geo.assignment.lookup`."""
    point = Fraction(lon), Fraction(lat)
    paired = words[leaf] >= 0
    zones: list[int] = []
    touching: list[tuple[int, Edge]] = []
    for zone, parity, edges in _entries(vertices, words, leaf):
        inside = (parity + sum(_contribution(edge, beyond, point) for edge, beyond in edges)) % 2
        if inside and zone not in zones:
            zones.append(zone)
        elif not inside and paired and words[leaf + 1] >= 0:
            zones.append(int(words[leaf + 1]))
        touching += [(zone, edge) for edge, _ in edges if _touches(edge, point)]
    return zones or _first_met(touching, point)


def _entries(
    vertices: NDArray[np.float64], words: NDArray[np.int32], leaf: int
) -> Iterator[tuple[int, int, list[tuple[Edge, int]]]]:
    """Yield zone, parity and edges of each entry of a leaf, an edge with which of its ends lie beyond the cell."""
    paired = words[leaf] >= 0
    at = leaf if paired else leaf + 1
    for _ in range(1 if paired else -int(words[leaf])):
        zone = int(words[at])
        at += 2 if paired else 1
        count, parity = divmod(int(words[at]), 2)
        at += 1
        edges = []
        for word in words[at : at + count].tolist():
            a, b = vertices[word >> 2 : (word >> 2) + 2].tolist()
            edges.append((((Fraction(a[0]), Fraction(a[1])), (Fraction(b[0]), Fraction(b[1]))), word & 3))
        yield zone, parity, edges
        at += count


def _side(a: Point, b: Point, p: Point) -> Fraction:
    """Return a number with the sign of the side of the line from a to b that p is on, positive for left."""
    return (a[0] - p[0]) * (b[1] - p[1]) - (a[1] - p[1]) * (b[0] - p[0])


def _contribution(edge: Edge, beyond: int, p: Point) -> int:
    """Return 1 if the edge flips inside and outside between p and the cell's reference, else 0."""
    a, b = edge
    a_above, b_above = a[1] > p[1], b[1] > p[1]
    side = _side(a, b, p)
    crosses = a_above != b_above and (side > 0 if b_above else side < 0)
    return int(crosses) ^ (beyond >> 1 & int(a_above)) ^ (beyond & int(b_above))


def _touches(edge: Edge, p: Point) -> bool:
    """Return whether p is on the closed edge."""
    boxed = all(min(a, b) <= c <= max(a, b) for a, b, c in zip(*edge, p, strict=True))
    return boxed and _side(*edge, p) == 0


def _first_met(touching: list[tuple[int, Edge]], p: Point) -> list[int]:
    """Return the zone met first when turning anticlockwise from just past due east, as a list; none if none touches."""
    if not touching:
        return []
    aims = [(zone, q) for zone, edge in touching for q in edge if q != p]

    def later(one: tuple[int, Point], other: tuple[int, Point]) -> int:
        halves = [int(not (y > p[1] or (y == p[1] and x < p[0]))) for _, (x, y) in (one, other)]
        if halves[0] != halves[1]:
            return halves[0] - halves[1]
        side = _side(p, one[1], other[1])
        return -1 if side > 0 else int(side < 0) or one[0] - other[0]

    return [min(aims, key=cmp_to_key(later))[0] if aims else touching[0][0]]
