"""The compiled loops that build the cells of an index (their layout: `geo.assignment.lookup`).

A *unit* is one polygon of a zone; its rings are edges from vertex k to vertex k + 1. A *leaf* is a cell that
edges meet, or that several zones hold whole; it has one *entry* per unit: whether the cell's centre is
inside, and the unit's edges that meet the cell. Edges are given to every cell that they come near
(`MARGIN`), so that rounding, in them or in the cell of a point, never loses one; the line ``x = east`` of a
leaf lies between its last point and that margin.
"""

# numba infers the types of compiled functions, and a call costs more than a long body.
# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0913, PLR0915, PLR0917
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numba
import numpy as np

from geo.assignment.lookup import longer
from geo.assignment.predicates import UNSURE, ray_crosses

MARGIN = 2.0**-10
EAST = 1 + 2.0**-12
SLANT = 0.8090169943749475
"""How high in its cell a centre is, over how far east: off the diagonals that drawn borders often follow."""


@numba.njit(cache=True, nogil=True, inline="always")
def reference(side, place, size, share):
    """Return where the reference point of a cell is, one way: ``share`` of a cell past the near side of the cell.

    ``place`` counts cells from ``side``. To the last bit it is the same wherever it is asked for, as a border may run
    between two roundings of one point.
    """
    return side + place * size + share * size


@numba.njit(cache=True, nogil=True, inline="always")
def _clamped(value, most):
    """Return the cell number of a coordinate counted in cells, at least 0 and at most ``most``."""
    if value <= 0:
        return 0
    return int(value) if value < most else most


@numba.njit(cache=True, nogil=True)
def trace(ax, ay, bx, by, box, columns, lines, out):
    """Write the cells of a grid that an edge comes near to ``out``; return how many.

    ``box`` is west, south, width and height of one cell.
    """
    west, south, width, height = box
    x_margin, y_margin = width * MARGIN, height * MARGIN
    x_low = (min(ax, bx) - x_margin - west) / width
    x_high = (max(ax, bx) + x_margin - west) / width
    y_low = (min(ay, by) - y_margin - south) / height
    y_high = (max(ay, by) + y_margin - south) / height
    if x_high < 0 or y_high < 0 or x_low >= columns or y_low >= lines:
        return 0
    first, last = _clamped(x_low, columns - 1), _clamped(x_high, columns - 1)
    bottom, top = _clamped(y_low, lines - 1), _clamped(y_high, lines - 1)
    count = 0
    for line in range(bottom, top + 1):
        near, far = first, last
        if first != last and bottom != top and ay != by:  # a level edge near a cell's side is in both lines
            # The part of the edge between the line's lower and upper side, both moved out by the margin.
            t = (south + line * height - y_margin - ay) / (by - ay)
            u = (south + (line + 1) * height + y_margin - ay) / (by - ay)
            t, u = min(max(t, 0.0), 1.0), min(max(u, 0.0), 1.0)
            x, z = ax + t * (bx - ax), ax + u * (bx - ax)
            low, high = (min(x, z) - x_margin - west) / width, (max(x, z) + x_margin - west) / width
            if high < 0 or low >= columns:
                continue
            near, far = max(first, _clamped(low, columns - 1)), min(last, _clamped(high, columns - 1))
        for column in range(near, far + 1):
            out[count] = line * columns + column
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def spread(vertices, unit, box, columns, lines):
    """Give every edge to the cells of the top grid that it comes near.

    ``unit`` is the unit of the edge that starts at each vertex, -1 at the last vertex of a ring. Returns ``cells``
    (-1, or ``-2 - 2 * leaf``), the leaves' cells, where each leaf's edges begin, and the edges, in order of units.
    """
    cells = np.zeros(columns * lines, np.int32)
    near = np.empty(2 * columns + 4 * lines + 16, np.int64)  # a level edge can be near two lines all along
    for k in range(len(unit)):
        if unit[k] >= 0:
            for c in near[
                : trace(
                    vertices[k, 0],
                    vertices[k, 1],
                    vertices[k + 1, 0],
                    vertices[k + 1, 1],
                    box,
                    columns,
                    lines,
                    near,
                )
            ]:
                cells[c] += 1
    leaves = 0
    for c in range(len(cells)):
        leaves += int(cells[c] > 0)
    starts = np.zeros(leaves + 2, np.int64)
    places = np.empty(leaves, np.int64)
    leaf = 0
    for c in range(len(cells)):
        if cells[c] > 0:
            starts[leaf + 2] = starts[leaf + 1] + cells[c]
            places[leaf] = c
            cells[c] = -2 - 2 * leaf
            leaf += 1
        else:
            cells[c] = -1
    edges = np.empty(starts[leaves + 1], np.int32)
    for k in range(len(unit)):
        if unit[k] >= 0:
            for c in near[
                : trace(
                    vertices[k, 0],
                    vertices[k, 1],
                    vertices[k + 1, 0],
                    vertices[k + 1, 1],
                    box,
                    columns,
                    lines,
                    near,
                )
            ]:
                leaf = (-2 - cells[c]) >> 1
                edges[starts[leaf + 1]] = k
                starts[leaf + 1] += 1
    return cells, places, starts[: leaves + 1], edges


@numba.njit(cache=True, nogil=True)
def group(starts, edges, unit):
    """Group each leaf's edges by unit: where a leaf's entries begin, and unit, first edge and edges of each entry."""
    leaves = len(starts) - 1
    entry_of_leaf = np.zeros(leaves + 1, np.int64)
    for leaf in range(leaves):
        last = -1
        count = 0
        for k in range(starts[leaf], starts[leaf + 1]):
            count += int(unit[edges[k]] != last)
            last = unit[edges[k]]
        entry_of_leaf[leaf + 1] = entry_of_leaf[leaf] + count
    total = entry_of_leaf[leaves]
    entry_unit, entry_size = np.empty(total, np.int32), np.zeros(total, np.int32)
    entry_first = np.empty(total, np.int32)
    entry = -1
    for leaf in range(leaves):
        last = -1
        for k in range(starts[leaf], starts[leaf + 1]):
            if unit[edges[k]] != last:
                last = unit[edges[k]]
                entry += 1
                entry_unit[entry] = last
                entry_first[entry] = k
            entry_size[entry] += 1
    return entry_of_leaf, entry_unit, entry_first, entry_size


@numba.njit(cache=True, nogil=True)
def flip_column(ax, ay, bx, by, y, west, first, width, centre, columns):
    """Return the first column whose centre at height y is east of an edge that passes y, ``columns`` if none.

    Columns count from number ``first`` of the grid that begins at ``west``. -1 stands for ``UNSURE``. The estimate is
    rounded, the decision exact.
    """
    x = ax + (y - ay) / (by - ay) * (bx - ax)
    column = _clamped((x - west) / width - first - centre + 1, columns)
    while column > 0:
        crosses = ray_crosses(ax, ay, bx, by, reference(west, first + column - 1, width, centre), y)
        if crosses == UNSURE:
            return -1
        if crosses:
            break
        column -= 1
    while column < columns:
        crosses = ray_crosses(ax, ay, bx, by, reference(west, first + column, width, centre), y)
        if crosses == UNSURE:
            return -1
        if not crosses:
            break
        column += 1
    return column


@numba.njit(cache=True, nogil=True)
def fill(
    vertices, unit, unit_starts, unit_zone, box, centre, columns, lines, cells, entry_of_leaf, entry_unit
):
    """Decide for each unit which cells it holds whole, and for the leaves of its border whether their centre is inside.

    A cell without edges gets the zone's row, or becomes a leaf if two zones hold it. Returns whether all was decided,
    whether the centre is inside for each entry, the cells of new leaves, and leaves and zones of further entries.
    """
    inside = np.zeros(len(entry_unit), np.uint8)
    leaves = len(entry_of_leaf) - 1
    fresh = np.empty(16, np.int64)
    new = 0
    more_leaf, more_zone = np.empty(16, np.int32), np.empty(16, np.int32)
    more = 0
    west, south, width, height = box
    x_margin, y_margin = width * MARGIN, height * MARGIN
    flips = np.zeros(0, np.uint8)
    for u in range(len(unit_zone)):
        begin, end = unit_starts[u], unit_starts[u + 1]
        if begin == end:
            continue
        x_low = x_high = vertices[begin, 0]
        y_low = y_high = vertices[begin, 1]
        for k in range(begin, end):
            x_low, x_high = min(x_low, vertices[k, 0]), max(x_high, vertices[k, 0])
            y_low, y_high = min(y_low, vertices[k, 1]), max(y_high, vertices[k, 1])
        first = _clamped((x_low - x_margin - west) / width, columns - 1)
        last = _clamped((x_high + x_margin - west) / width, columns - 1)
        bottom = _clamped((y_low - y_margin - south) / height, lines - 1)
        top = _clamped((y_high + y_margin - south) / height, lines - 1)
        across = last - first + 2
        size = across * (top - bottom + 1)
        if size > len(flips):
            flips = np.zeros(2 * size, np.uint8)
        flips[:size] = 0
        for k in range(begin, end):
            if unit[k] < 0:
                continue
            ax, ay, bx, by = vertices[k, 0], vertices[k, 1], vertices[k + 1, 0], vertices[k + 1, 1]
            low = _clamped((min(ay, by) - y_margin - south) / height, lines - 1)
            high = _clamped((max(ay, by) + y_margin - south) / height, lines - 1)
            for line in range(low, high + 1):
                y = reference(south, line, height, centre * SLANT)
                if (ay > y) == (by > y):
                    continue
                column = flip_column(ax, ay, bx, by, y, west, first, width, centre, across)
                if column < 0:
                    return False, inside, fresh[:0], more_leaf[:0], more_zone[:0]
                if column < across:
                    flips[(line - bottom) * across + column] ^= 1
        zone = unit_zone[u]
        for line in range(bottom, top + 1):
            now = 0
            for column in range(first, last + 1):
                now ^= flips[(line - bottom) * across + column - first]
                cell = line * columns + column
                code = cells[cell]
                if code >= -1:
                    if now == 0 or code == zone:
                        continue
                    if code == -1:
                        cells[cell] = zone
                        continue
                    if new == len(fresh):
                        fresh = longer(fresh, 2 * new)
                    fresh[new] = cell
                    cells[cell] = -2 - 2 * (leaves + new)
                    if more + 2 > len(more_leaf):
                        more_leaf, more_zone = (
                            longer(more_leaf, 2 * more + 2),
                            longer(more_zone, 2 * more + 2),
                        )
                    more_leaf[more], more_zone[more] = leaves + new, code
                    more_leaf[more + 1], more_zone[more + 1] = leaves + new, zone
                    new += 1
                    more += 2
                    continue
                leaf = (-2 - code) >> 1
                known = False
                if leaf < leaves:
                    for entry in range(entry_of_leaf[leaf], entry_of_leaf[leaf + 1]):
                        if entry_unit[entry] == u:
                            inside[entry] = now
                            known = True
                            break
                if now and not known:
                    if more == len(more_leaf):
                        more_leaf, more_zone = longer(more_leaf, 2 * more), longer(more_zone, 2 * more)
                    more_leaf[more], more_zone[more] = leaf, zone
                    more += 1
    return True, inside, fresh[:new], more_leaf[:more], more_zone[:more]


@numba.njit(cache=True, nogil=True)
def merge(entry_of_leaf, entry_zone, inside, entry_first, entry_size, new, more_leaf, more_zone):
    """Add further entries (zones that hold a leaf whole) to the leaves, in order of zones."""
    old = len(entry_of_leaf) - 1
    starts = np.zeros(old + new + 1, np.int64)
    for leaf in range(old):
        starts[leaf + 1] = entry_of_leaf[leaf + 1] - entry_of_leaf[leaf]
    for leaf in more_leaf:
        starts[leaf + 1] += 1
    for leaf in range(old + new):
        starts[leaf + 1] += starts[leaf]
    total = starts[old + new]
    zones, insides = np.empty(total, np.int32), np.ones(total, np.uint8)
    firsts, sizes = np.zeros(total, np.int32), np.zeros(total, np.int32)
    held = np.zeros(old + new, np.int32)
    for leaf in range(old):
        for k in range(entry_of_leaf[leaf], entry_of_leaf[leaf + 1]):
            at = starts[leaf] + k - entry_of_leaf[leaf]
            zones[at], insides[at], firsts[at], sizes[at] = (
                entry_zone[k],
                inside[k],
                entry_first[k],
                entry_size[k],
            )
        held[leaf] = entry_of_leaf[leaf + 1] - entry_of_leaf[leaf]
    for k in range(len(more_leaf)):
        leaf = more_leaf[k]
        at = starts[leaf] + held[leaf]
        while at > starts[leaf] and zones[at - 1] > more_zone[k]:
            zones[at], insides[at], firsts[at], sizes[at] = (
                zones[at - 1],
                insides[at - 1],
                firsts[at - 1],
                sizes[at - 1],
            )
            at -= 1
        zones[at], insides[at], firsts[at], sizes[at] = more_zone[k], 1, 0, 0
        held[leaf] += 1
    return starts, zones, insides, firsts, sizes


@numba.njit(cache=True, nogil=True)
def base_parity(vertices, edges, px, py, east):
    """Return the parity of what some edges contribute at p, in a cell that ends before ``east``, or ``UNSURE``."""
    parity = 0
    for k in edges:
        ax, ay, bx, by = vertices[k, 0], vertices[k, 1], vertices[k + 1, 0], vertices[k + 1, 1]
        crossing = ray_crosses(ax, ay, bx, by, px, py)
        if crossing == UNSURE:
            return UNSURE
        parity ^= crossing ^ int(ax > east and ay > py) ^ int(bx > east and by > py)
    return parity
