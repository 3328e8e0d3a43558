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
    leaves: NDArray[np.float64], words: NDArray[np.int32], leaf: int, lon: float, lat: float
) -> list[int]:
    """Return every zone of a point in a leaf, in order of rows; see `geo.assignment.lookup`."""
    point = Fraction(lon), Fraction(lat)
    east = Fraction(float(leaves[leaf, 2]))
    zones: list[int] = []
    touching: list[tuple[int, Edge]] = []
    for zone, parity, edges in _entries(leaves, words, leaf):
        inside = (parity + sum(_contribution(edge, point, east) for edge in edges)) % 2
        if inside and zone not in zones:
            zones.append(zone)
        elif not inside and words[leaf, 0] == 0 and words[leaf, 2] >= 0:
            zones.append(int(words[leaf, 2]))
        touching += [(zone, edge) for edge in edges if _touches(edge, point)]
    return zones or _first_met(touching, point)


def _entries(
    leaves: NDArray[np.float64], words: NDArray[np.int32], leaf: int
) -> Iterator[tuple[int, int, list[Edge]]]:
    """Yield zone, parity and edges of each entry of a leaf."""
    entries = int(words[leaf, 0])
    row = leaf if entries == 0 else leaf + 1
    for _ in range(max(entries, 1)):
        zone, packed = (words[row, 1], words[row, 3]) if entries == 0 else (words[row, 0], words[row, 1])
        count = int(packed) >> 1
        corners = [[Fraction(float(value)) for value in leaves[k]] for k in range(row + 1, row + 1 + count)]
        yield int(zone), int(packed) & 1, [((ax, ay), (bx, by)) for ax, ay, bx, by in corners]
        row += 1 + count


def _side(a: Point, b: Point, p: Point) -> Fraction:
    """Return a number with the sign of the side of the line from a to b that p is on, positive for left."""
    return (a[0] - p[0]) * (b[1] - p[1]) - (a[1] - p[1]) * (b[0] - p[0])


def _contribution(edge: Edge, p: Point, east: Fraction) -> int:
    """Return 1 if the edge flips inside and outside between p and the cell's reference, else 0."""
    a, b = edge
    a_above, b_above = a[1] > p[1], b[1] > p[1]
    side = _side(a, b, p)
    crosses = a_above != b_above and (side > 0 if b_above else side < 0)
    return int(crosses) ^ int(a[0] > east and a_above) ^ int(b[0] > east and b_above)


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
