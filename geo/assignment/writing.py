"""The compiled loops that write the leaves of an index down (their layout: `geo.assignment.lookup`)."""

# numba infers the types of compiled functions, and a call costs more than a long body.
# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0915, PLR2004
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import math

import numba
import numpy as np

from geo.assignment.building import EAST, SLANT, base_parity
from geo.assignment.lookup import DOUBT
from geo.assignment.predicates import UNSURE

_LEAST_STEP = 1e-200
"""The shortest edge, in cells of the top grid, whose direction has lost nothing to underflow."""


@numba.njit(cache=True, nogil=True)
def _shared(vertices, edges, one, other, size):
    """Return whether two runs of edges are the same segments, whatever their direction and order."""
    for i in range(one, one + size):
        k = edges[i]
        ax, ay, bx, by = vertices[k, 0], vertices[k, 1], vertices[k + 1, 0], vertices[k + 1, 1]
        if ax == bx and ay == by:
            return False
        times = 0
        for j in range(other, other + size):
            k = edges[j]
            cx, cy, dx, dy = vertices[k, 0], vertices[k, 1], vertices[k + 1, 0], vertices[k + 1, 1]
            same = ax == cx and ay == cy and bx == dx and by == dy
            times += int(same or (ax == dx and ay == dy and bx == cx and by == cy))
        if times != 1:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _lines(vertices, own, box, px, py, out):
    """Write the two lines that divide a leaf between two zones to ``out``; return on which side a point of it is.

    Positive left of both lines, negative right of one; 0 if the leaf's border is not one edge or two that meet.

    An edge that ends in or beside a leaf has the next edge of its ring in that leaf too (`geo.assignment.building`). So
    one edge alone passes all the way through, two that meet do so together, and in the leaf nothing is missing of the
    border that their lines describe, and nothing else is there. Wherever a border turns back on itself, or so little
    that rounding hides to which side, points between its lines are in doubt.
    """
    if not 1 <= len(own) <= 2:
        return np.float32(0)
    first, second = own[0], own[-1]
    if len(own) == 2:
        if vertices[second + 1, 0] == vertices[first, 0] and vertices[second + 1, 1] == vertices[first, 1]:
            first, second = second, first
        if vertices[first + 1, 0] != vertices[second, 0] or vertices[first + 1, 1] != vertices[second, 1]:
            return np.float32(0)
    across, along = 1 / box[2], 1 / box[3]
    u, v = (px - box[0]) * across, (py - box[1]) * along
    column, line = math.floor(u), math.floor(v)
    # From the coordinates themselves: right to the last digit also where an edge is short and far from the origin.
    dx, dy = (
        (vertices[first + 1, 0] - vertices[first, 0]) * across,
        (vertices[first + 1, 1] - vertices[first, 1]) * along,
    )
    ex, ey = (
        (vertices[second + 1, 0] - vertices[second, 0]) * across,
        (vertices[second + 1, 1] - vertices[second, 1]) * along,
    )
    # Left of both lines where the border turns left, right of both where it turns right.
    sign = -1 if dx * ey < dy * ex else 1
    for at, k, x, y in ((0, first, dx, dy), (3, second, ex, ey)):
        length = abs(x) + abs(y)
        if length < _LEAST_STEP:
            return np.float32(0)
        a, b = -sign * y / length, sign * x / length
        qx, qy = (vertices[k, 0] - box[0]) * across - column, (vertices[k, 1] - box[1]) * along - line
        out[at], out[at + 1], out[at + 2] = a, b, -(a * qx + b * qy)
    u, v = np.float32(u - column), np.float32(v - line)
    return min(out[0] * u + out[1] * v + out[2], out[3] * u + out[4] * v + out[5])


@numba.njit(cache=True, nogil=True)
def write(vertices, box, centre, cells, leaves, entries):
    """Write leaves down, their numbers into ``cells``.

    Returns whether all was decided, the rows, starts and words of the leaves, and the most entries of one.
    """
    leaf_cell, leaf_west, leaf_south, leaf_shift, leaf_first, leaf_size = leaves
    entry_zone, entry_inside, entry_first, entry_size, edges = entries
    paired = np.zeros(len(leaf_cell), np.bool_)
    total = 0
    kept = 0
    most = 1
    for leaf in range(len(leaf_cell)):
        first, size = leaf_first[leaf], leaf_size[leaf]
        if size == 1:
            paired[leaf] = True
        elif size == 2 and 0 < entry_size[first] == entry_size[first + 1]:
            # Sharing all edges, being inside flips for both at once: if it differs once it differs always.
            paired[leaf] = entry_inside[first] != entry_inside[first + 1] and _shared(
                vertices, edges, entry_first[first], entry_first[first + 1], entry_size[first]
            )
        if paired[leaf]:
            total += 3 + entry_size[first]
        elif size > 0:
            total += 1
            for entry in range(first, first + size):
                total += 2 + entry_size[entry]
        kept += int(size > 0)
        most = max(most, size)
    words = np.zeros(total + 4, np.int32)  # lookups read one word past a leaf
    rows, starts = np.zeros((kept, 8), np.int32), np.empty(kept, np.int32)
    lines = np.empty(6, np.float32)
    bits = lines.view(np.int32)
    at = 0
    number = -1
    for leaf in range(len(leaf_cell)):
        first, size = leaf_first[leaf], leaf_size[leaf]
        if size <= 0:
            continue
        number += 1
        cells[leaf_cell[leaf]] = -2 - 2 * number
        starts[number] = at
        scale = 1.0 / (1 << leaf_shift[leaf])
        width, height = box[2] * scale, box[3] * scale
        east = leaf_west[leaf] + width * EAST
        px, py = leaf_west[leaf] + centre * width, leaf_south[leaf] + centre * SLANT * height
        if not paired[leaf]:
            words[at] = -size
            at += 1
        for entry in range(first, first + (1 if paired[leaf] else size)):
            own = edges[entry_first[entry] : entry_first[entry] + entry_size[entry]]
            parity = base_parity(vertices, own, px, py, east)
            if parity == UNSURE:
                return False, rows, starts, words, most
            words[at] = entry_zone[entry]
            at += 1
            if paired[leaf]:
                other = entry_zone[entry + 1] if size > 1 else -1
                words[at] = other
                at += 1
                least = _lines(vertices, own, box, px, py, lines)
                if abs(least) > DOUBT:
                    rows[number, :6] = bits
                    held = int((least > 0) == (entry_inside[entry] == 1))
                    rows[number, 7 - held], rows[number, 6 + held] = entry_zone[entry], other
            words[at] = 2 * len(own) + (parity ^ entry_inside[entry])
            at += 1
            for e in own:
                words[at] = 4 * e + 2 * int(vertices[e, 0] > east) + int(vertices[e + 1, 0] > east)
                at += 1
    return True, rows, starts, words, most
