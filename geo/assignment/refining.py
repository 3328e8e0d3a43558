"""The compiled loop that divides crowded leaves of an index (their layout: `geo.assignment.lookup`)."""

# numba infers the types of compiled functions, and a call costs more than a long body.
# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0913, PLR0915, PLR0917, PLR1714
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numba
import numpy as np

from geo.assignment.building import EAST, SLANT, base_parity, flip_column, reference, trace
from geo.assignment.lookup import longer
from geo.assignment.predicates import UNSURE

CROWDED = 12
"""A leaf with more edges than this is divided; an edge between two zones counts twice."""

_MOST_SHIFT = 4  # at most 16 by 16 cells in one step
_MOST_COVERS = 4  # zones that hold the leaf whole are copied to every cell of it
_STUCK = 3  # steps without fewer edges in a cell before giving up
_GROWTH = 4  # times as many edges and entries in all as before dividing, at most; a bound on memory


@numba.njit(cache=True, nogil=True)
def refine(
    vertices, box, centre, most_shift, cells, leaf_cell, leaf_west, leaf_south, entry_of_leaf, entries
):
    """Divide leaves with many edges into finer grids, again and again.

    ``entries`` is zone, inside, first edge, number of edges of each entry, and the edges. Returns whether
    all was decided, then cells, leaves (cell, west, south, shift, first entry, number of entries, -1 when
    divided) and entries, grown.
    """
    entry_zone, entry_inside, entry_first, entry_size, edges = entries
    leaves, entry_count, edge_count = len(leaf_cell), len(entry_zone), len(edges)
    leaf_shift, leaf_stuck = np.zeros(leaves, np.int8), np.zeros(leaves, np.int8)
    leaf_first = entry_of_leaf[:-1].copy()
    leaf_size = (entry_of_leaf[1:] - entry_of_leaf[:-1]).astype(np.int32)
    most_edges, most_entries = _GROWTH * edge_count + 100_000, _GROWTH * entry_count + 100_000
    cell_count = len(cells)
    near = np.empty(6 << _MOST_SHIFT, np.int64)
    leaf = -1
    while leaf + 1 < leaves:
        leaf += 1
        first, size = leaf_first[leaf], leaf_size[leaf]
        crowd = 0
        covers = 0
        for entry in range(first, first + size):
            crowd += entry_size[entry]
            covers += int(entry_size[entry] == 0)
        shift = 1
        while shift < _MOST_SHIFT and (2 << shift) < crowd:
            shift += 1
        shift = min(shift, most_shift - leaf_shift[leaf])
        if crowd <= CROWDED or shift <= 0 or covers > _MOST_COVERS or leaf_stuck[leaf] >= _STUCK:
            continue
        side = 1 << shift
        parts = side * side
        scale = 1.0 / (1 << leaf_shift[leaf])
        west, south, width, height = leaf_west[leaf], leaf_south[leaf], box[2] * scale, box[3] * scale
        east = west + width * EAST
        fine = (west, south, width / side, height / side)
        # Which parts each edge comes near, sorted by part; edges of one entry stay together.
        counts = np.zeros(parts + 1, np.int64)
        for entry in range(first, first + size):
            for e in edges[entry_first[entry] : entry_first[entry] + entry_size[entry]]:
                for part in near[
                    : trace(
                        vertices[e, 0],
                        vertices[e, 1],
                        vertices[e + 1, 0],
                        vertices[e + 1, 1],
                        fine,
                        side,
                        side,
                        near,
                    )
                ]:
                    counts[part + 1] += 1
        fullest = counts.max()
        for part in range(parts):
            counts[part + 1] += counts[part]
        # Borders on top of each other, or that meet in one point, only multiply when their cell is divided.
        futile = 2 * fullest > crowd and counts[parts] > 2 * crowd
        if futile or edge_count + counts[parts] > most_edges or entry_count + parts * size > most_entries:
            continue
        if edge_count + counts[parts] > len(edges):
            edges = longer(edges, edge_count + edge_count // 4 + counts[parts])
        owner = np.empty(counts[parts], np.int64)
        inside = np.zeros((size, parts), np.uint8)
        free = counts[:parts].copy()
        flips = np.empty((side, side + 1), np.uint8)
        for entry in range(first, first + size):
            own = edges[entry_first[entry] : entry_first[entry] + entry_size[entry]]
            if len(own) == 0:
                inside[entry - first] = 1
                continue
            flips[:] = 0
            x, y = reference(west, 0, width, centre), reference(south, 0, height, centre * SLANT)
            start = base_parity(vertices, own, x, y, east)
            if start == UNSURE:
                leaves = -1
                break
            start ^= entry_inside[entry]
            for line in range(side):
                y = reference(south, line, fine[3], centre * SLANT)
                now = base_parity(vertices, own, reference(west, 0, fine[2], centre), y, east)
                if now == UNSURE:
                    leaves = -1
                    break
                flips[line, 0] = now ^ start
            for e in own:
                ax, ay, bx, by = vertices[e, 0], vertices[e, 1], vertices[e + 1, 0], vertices[e + 1, 1]
                for part in near[: trace(ax, ay, bx, by, fine, side, side, near)]:
                    edges[edge_count + free[part]] = e
                    owner[free[part]] = entry
                    free[part] += 1
                for line in range(side):
                    y = reference(south, line, fine[3], centre * SLANT)
                    if (ay > y) == (by > y):
                        continue
                    column = flip_column(ax, ay, bx, by, y, west, 0, fine[2], centre, side)
                    if column < 0:
                        leaves = -1
                        break
                    if column > 0:
                        flips[line, column] ^= 1
            for line in range(side):
                now = 0
                for column in range(side):
                    now ^= flips[line, column]
                    inside[entry - first, line * side + column] = now
        if leaves < 0:
            break
        # The parts become cells, some of them leaves in their turn.
        if cell_count + 1 + parts > len(cells):
            cells = longer(cells, cell_count + cell_count // 4 + 1 + parts)
        cells[leaf_cell[leaf]] = -3 - 2 * cell_count
        cells[cell_count] = shift
        if leaves + parts > len(leaf_cell):
            room = leaves + leaves // 4 + parts
            leaf_cell, leaf_west, leaf_south = (
                longer(leaf_cell, room),
                longer(leaf_west, room),
                longer(leaf_south, room),
            )
            leaf_shift, leaf_stuck = longer(leaf_shift, room), longer(leaf_stuck, room)
            leaf_first, leaf_size = longer(leaf_first, room), longer(leaf_size, room)
        if entry_count + parts * size > len(entry_zone):
            room = entry_count + entry_count // 4 + parts * size
            entry_zone, entry_inside = longer(entry_zone, room), longer(entry_inside, room)
            entry_first, entry_size = longer(entry_first, room), longer(entry_size, room)
        for part in range(parts):
            begin, end = counts[part], counts[part + 1]
            at = cell_count + 1 + part
            holder, same = -1, True
            for k in range(size):
                if inside[k, part]:
                    zone = entry_zone[first + k]
                    same = same and (holder == -1 or holder == zone)
                    holder = zone
            if begin == end and same:
                cells[at] = holder
                continue
            cells[at] = -2 - 2 * leaves
            leaf_cell[leaves] = at
            leaf_west[leaves] = west + (part % side) * fine[2]
            leaf_south[leaves] = south + (part // side) * fine[3]
            leaf_shift[leaves] = leaf_shift[leaf] + shift
            leaf_stuck[leaves] = leaf_stuck[leaf] + 1 if 4 * (end - begin) > 3 * crowd else 0
            leaf_first[leaves] = entry_count
            k = begin
            for entry in range(first, first + size):
                here = k
                while k < end and owner[k] == entry:
                    k += 1
                if k == here and not inside[entry - first, part]:
                    continue
                entry_zone[entry_count] = entry_zone[entry]
                entry_inside[entry_count] = inside[entry - first, part]
                entry_first[entry_count] = edge_count + here
                entry_size[entry_count] = k - here
                entry_count += 1
            leaf_size[leaves] = entry_count - leaf_first[leaves]
            leaves += 1
        cell_count += 1 + parts
        edge_count += counts[parts]
        leaf_size[leaf] = -1
    decided = leaves >= 0
    leaves = max(leaves, 0)
    return (
        decided,
        cells[:cell_count],
        (leaf_cell[:leaves], leaf_west[:leaves], leaf_south[:leaves], leaf_shift, leaf_first, leaf_size),
        (entry_zone, entry_inside, entry_first, entry_size, edges),
    )
