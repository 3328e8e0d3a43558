"""Compiled loops that compare edges exactly, by the bits of their ends.

Edges stand in a hash table with open addressing, keyed by their two ends in a fixed order: one pass, one look each.
Coordinates must not hold -0.0, which is the same place as 0.0 in other bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.coverage.plane import Bools, Floats, Ints

    Bits = NDArray[np.uint64]

_MARGIN = 1e-6
_TRIANGLE = 3


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def ring_areas(coordinates: Floats, offsets: Ints) -> Floats:
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
def _forward(bits: Bits, at: int) -> bool:
    """Return whether the ends of an edge stand in their fixed order."""
    first: bool = bits[at, 0] < bits[at + 1, 0]
    return first or (bits[at, 0] == bits[at + 1, 0] and bits[at, 1] < bits[at + 1, 1])


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _slot(table: Ints, known: Bits, bits: Bits, at: int) -> int:
    """Return where an edge of ``bits`` stands in a table of the edges of ``known``, or would stand."""
    mask = np.uint64(len(table) - 1)
    a = at if _forward(bits, at) else at + 1
    b = at + 1 if a == at else at
    ax, ay, bx, by = bits[a, 0], bits[a, 1], bits[b, 0], bits[b, 1]
    key = ax * np.uint64(0x9E3779B97F4A7C15) + ay * np.uint64(0xC2B2AE3D27D4EB4F)
    key ^= key >> np.uint64(29)
    key = (key + bx) * np.uint64(0xBF58476D1CE4E5B9) + by * np.uint64(0x94D049BB133111EB)
    key ^= key >> np.uint64(32)
    slot = key & mask
    while table[slot] >= 0:
        other = table[slot]
        px, py, qx, qy = known[other, 0], known[other, 1], known[other + 1, 0], known[other + 1, 1]
        if px == ax and py == ay and qx == bx and qy == by:
            break
        if px == bx and py == by and qx == ax and qy == ay:
            break
        slot = (slot + np.uint64(1)) & mask
    found: int = slot
    return found


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def present_edges(coordinates: Floats, offsets: Ints, among: Floats, among_offsets: Ints) -> Bools:
    """Return for each position whether the edge that begins there is an edge of other rings."""
    size = 16
    while size < 2 * len(coordinates):
        size *= 2
    table = np.full(size, -1, dtype=np.int32)
    found = np.zeros(len(coordinates), dtype=np.bool_)
    bits = coordinates.view(np.uint64)
    for ring in range(len(offsets) - 1):
        for at in range(offsets[ring], offsets[ring + 1] - 1):
            slot = _slot(table, bits, bits, at)
            if table[slot] < 0:
                table[slot] = at
    others = among.view(np.uint64)
    for ring in range(len(among_offsets) - 1):
        for at in range(among_offsets[ring], among_offsets[ring + 1] - 1):
            slot = _slot(table, bits, others, at)
            if table[slot] >= 0:
                found[table[slot]] = True
    # An edge may stand in the rings twice, in the table once.
    for ring in range(len(offsets) - 1):
        for at in range(offsets[ring], offsets[ring + 1] - 1):
            found[at] = found[table[_slot(table, bits, bits, at)]]
    return found


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def tiled_edges(
    coordinates: Floats, offsets: Ints, west: float, south: float, per_unit: float, columns: int, rows: int
) -> tuple[Ints, Ints, Ints]:
    """Sort edges by the tile of the plane in which their lower end lies.

    Returns
    -------
    tuple
        Ring of each edge; edges, tile by tile, those without length left out; where each tile begins among them.
    """
    count = len(coordinates)
    bits = coordinates.view(np.uint64)
    ring_of = np.empty(count, dtype=np.int32)
    tile_of = np.full(count, -1, dtype=np.int32)
    starts = np.zeros(columns * rows + 1, dtype=np.int64)
    for ring in range(len(offsets) - 1):
        for at in range(offsets[ring], offsets[ring + 1] - 1):
            ring_of[at] = ring
            if bits[at, 0] == bits[at + 1, 0] and bits[at, 1] == bits[at + 1, 1]:
                continue
            end = at if _forward(bits, at) else at + 1
            column = min(int((coordinates[end, 0] - west) * per_unit), columns - 1)
            row = min(int((coordinates[end, 1] - south) * per_unit), rows - 1)
            tile_of[at] = row * columns + column
            starts[tile_of[at] + 1] += 1
    starts = np.cumsum(starts)
    ahead = starts[:-1].copy()
    edges = np.empty(starts[-1], dtype=np.int32)
    for at in range(count):
        tile = tile_of[at]
        if tile >= 0:
            edges[ahead[tile]] = at
            ahead[tile] += 1
    return ring_of, edges, starts


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def unmatched_edges(
    coordinates: Floats, ring_of: Ints, sign: Ints, edges: Ints, starts: Ints, tiles: tuple[int, int]
) -> Ints:
    """Return the positions of the edges of some tiles that do not cancel.

    The value kept with an edge is by how much the number of zones grows when it is crossed from right to left. Equal
    edges lie in one tile, and the table of a tile fits into the processor's cache.
    """
    bits = coordinates.view(np.uint64)
    first, last = tiles
    kept = np.empty(starts[last] - starts[first], dtype=np.int64)
    found = 0
    for tile in range(first, last):
        low, high = starts[tile], starts[tile + 1]
        size = 16
        while size < 2 * (high - low):
            size *= 2
        table = np.full(size, -1, dtype=np.int32)
        net = np.zeros(size, dtype=np.int32)
        slots = np.empty(high - low, dtype=np.int32)
        for k in range(low, high):
            at = edges[k]
            slot = _slot(table, bits, bits, at)
            if table[slot] < 0:
                table[slot] = at
            slots[k - low] = slot
            net[slot] += sign[ring_of[at]] if _forward(bits, at) else -sign[ring_of[at]]
        for k in range(low, high):
            if net[slots[k - low]] != 0:
                kept[found] = edges[k]
                found += 1
    return kept[:found].copy()


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def surely_simple(coordinates: Floats, offsets: Ints) -> Bools:
    """Return which rings certainly do not cross themselves: those seen whole from the mean of their vertices.

    Seen from there, each edge leads on in the same direction, and all together once round. A margin far above rounding
    leaves anything doubtful to the full check.
    """
    simple = np.zeros(len(offsets) - 1, dtype=np.bool_)
    for ring in range(len(offsets) - 1):
        first, last = offsets[ring], offsets[ring + 1] - 1
        x, y = 0.0, 0.0
        for at in range(first, last):
            x += coordinates[at, 0] - coordinates[first, 0]
            y += coordinates[at, 1] - coordinates[first, 1]
        x = coordinates[first, 0] + x / max(last - first, 1)
        y = coordinates[first, 1] + y / max(last - first, 1)
        ahead, back, up, down = 0, 0, 0, 0
        for at in range(first, last):
            ax, ay = coordinates[at, 0] - x, coordinates[at, 1] - y
            bx, by = coordinates[at + 1, 0] - x, coordinates[at + 1, 1] - y
            turn = ax * by - ay * bx
            margin = _MARGIN * (abs(ax) + abs(ay)) * (abs(bx) + abs(by))
            ahead += turn > margin
            back += turn < -margin
            up += (ay < 0) and (by >= 0)
            down += (ay >= 0) and (by < 0)
        simple[ring] = (
            last - first >= _TRIANGLE and up == 1 and down == 1 and max(ahead, back) == last - first
        )
    return simple
