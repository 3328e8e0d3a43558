"""The compiled loops that write the leaves of an index down (their layout: `geo.assignment.lookup`)."""

# numba infers the types of compiled functions, and a call costs more than a long body.
# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0915, PLR2004
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import math

import numba
import numpy as np

from geo.assignment.building import EAST, MARGIN, SLANT, base_parity, reference
from geo.assignment.lookup import DOUBT
from geo.assignment.predicates import UNSURE


@numba.njit(cache=True, nogil=True)
def _shared(vertices, edges, one, other, size):
    """Return whether two runs of edges are the same segments, each once, whatever their direction and order."""
    for i in range(one, one + size):
        k = edges[i]
        ax, ay, bx, by = vertices[k, 0], vertices[k, 1], vertices[k + 1, 0], vertices[k + 1, 1]
        if ax == bx and ay == by:
            return False
        for run in (one, other):
            times = 0
            for k in edges[run : run + size]:
                cx, cy, dx, dy = vertices[k, 0], vertices[k, 1], vertices[k + 1, 0], vertices[k + 1, 1]
                same = ax == cx and ay == cy and bx == dx and by == dy
                times += int(same or (ax == dx and ay == dy and bx == cx and by == cy))
            if times != 1:
                return False
    return True


@numba.njit(cache=True, nogil=True)
def _lines(vertices, own, box, leaf, px, py, out):
    """Write the two lines that divide a leaf between two zones to ``out``; return on which side a point of it is.

    Positive left of both lines, negative right of one; 0 if the leaf's border is not one edge or two that meet.
    ``leaf`` is west, south, width and height of the leaf.

    A leaf has every edge that meets it, and none whose box does not come near it (`MARGIN`). So past an end that is
    clear of the leaf the line of its edge does not meet the leaf: it leaves that box by a corner, and a leaf on both
    sides of the corner would have the end in it or near it. One edge with both ends clear is therefore, as far as the
    leaf goes, its whole line; two that meet, their other ends clear, are two whole rays. Wherever these turn back, or
    turn so little that rounding hides to which side, points between the lines are in doubt.
    """
    if not 1 <= len(own) <= 2:
        return np.float32(0)
    first, second = own[0], own[-1]
    if len(own) == 2:
        if vertices[second + 1, 0] == vertices[first, 0] and vertices[second + 1, 1] == vertices[first, 1]:
            first, second = second, first
        if vertices[first + 1, 0] != vertices[second, 0] or vertices[first + 1, 1] != vertices[second, 1]:
            return np.float32(0)
    west, south, width, height = leaf
    for k in (np.int64(first), second + 1):
        # Twice as far as an edge of the leaf may be, whatever was rounded.
        far_x = abs(vertices[k, 0] - west - width / 2) / width
        far_y = abs(vertices[k, 1] - south - height / 2) / height
        if max(far_x, far_y) < 0.5 + 2 * MARGIN:
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
        px = reference(leaf_west[leaf], 0, width, centre)
        py = reference(leaf_south[leaf], 0, height, centre * SLANT)
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
                place = leaf_west[leaf], leaf_south[leaf], width, height
                least = _lines(vertices, own, box, place, px, py, lines)
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
