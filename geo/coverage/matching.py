"""Compiled loops that compare edges exactly, by the bits of their ends.

Edges stand in a hash table with open addressing, keyed by their two ends in a fixed order: one pass, one look each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.coverage.plane import Bools, Floats, Ints

    Bits = NDArray[np.uint64]


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
    bits = (coordinates + 0.0).view(np.uint64)
    for ring in range(len(offsets) - 1):
        for at in range(offsets[ring], offsets[ring + 1] - 1):
            slot = _slot(table, bits, bits, at)
            if table[slot] < 0:
                table[slot] = at
    others = (among + 0.0).view(np.uint64)
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
def unmatched_edges(coordinates: Floats, offsets: Ints, sign: Ints, half: int) -> tuple[Ints, Ints]:
    """Return the positions of edges that do not cancel, and the ring of each.

    The value kept with an edge is by how much the number of zones grows when it is crossed from right to left. Only
    the edges of one half (0 or 1) are looked at, so that two threads can share the work; equal edges are in one half.
    """
    count = len(coordinates)
    size = 16
    # Edges are mostly shared by two zones, and one half is looked at: a quarter of them are keys.
    while size < count:
        size *= 2
    table = np.full(size, -1, dtype=np.int32)
    slots = np.empty(count, dtype=np.int32)
    net = np.zeros(count, dtype=np.int32)
    # -0.0 and 0.0 are one place with two bit patterns.
    bits = (coordinates + 0.0).view(np.uint64)
    for ring in range(len(offsets) - 1):
        for at in range(offsets[ring], offsets[ring + 1] - 1):
            slots[at] = -1
            if bits[at, 0] == bits[at + 1, 0] and bits[at, 1] == bits[at + 1, 1]:
                continue
            # The same for both directions, and spread evenly by the last digits.
            mixed = (bits[at, 0] ^ bits[at, 1] ^ bits[at + 1, 0] ^ bits[at + 1, 1]) * np.uint64(
                0x9E3779B97F4A7C15
            )
            if (mixed >> np.uint64(40)) & np.uint64(1) != half:
                continue
            slot = _slot(table, bits, bits, at)
            if table[slot] < 0:
                table[slot] = at
            other = table[slot]
            slots[at] = other
            net[other] += sign[ring] if _forward(bits, at) else -sign[ring]
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
