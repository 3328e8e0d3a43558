"""The compiled loops that answer points from the cells of an index.

**Cells.** ``cells`` begins with the top grid, row by row from the south-west. A code is -1 (no zone), a row position of
the zone that holds the whole cell, or ``-2 - 2 * k`` for the leaf at position k of ``words``, or ``-3 - 2 * k`` for a
finer grid at position k of ``cells``: its width in cells as a power of two, then its cells.

**Leaves.** Either two zones that share all edges of the leaf, so that inside the first means outside the second (-1 for
no second): first zone, second zone, ``2 * edges + parity``, edges. Or minus the number of entries, and each entry, in
order of zones: zone, ``2 * edges + parity``, edges. An edge is ``4 * vertex``, from that vertex to the next,
plus 2 if its first end and 1 if its second end lies beyond the line ``x = east``.

**Parity.** Whether p is inside flips at each edge that a path from the cell's own reference point to p
crosses. The path goes level from p to the line ``x = east`` just beyond the cell, and then along it. So only
edges that meet the cell can be crossed, and the edge's contribution is its crossing with the ray due east of
p, corrected for each of its ends that lies beyond that line and above p. The parity of the reference point
is folded into the stored one.
"""

# numba infers the types of compiled functions.
# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0915
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numba
import numpy as np

from geo.assignment.predicates import FILTER, UNDERFLOW, UNSURE, orientation, ray_crosses, touches

NOWHERE = -1
"""Answer for a point in no zone."""

OPEN = -2
"""Answer for a point that only exact fractions can settle."""

_BLOCK = 2048


@numba.njit(cache=True, nogil=True)
def _parity(vertices, words, first, count, parity, px, py):
    """Return whether p is inside the zone whose edges are ``words[first : first + count]``, or ``UNSURE``."""
    for at in range(first, first + count):
        edge = words[at]
        k = edge >> 2
        ay, by = vertices[k, 1], vertices[k + 1, 1]
        crossing = ray_crosses(vertices[k, 0], ay, vertices[k + 1, 0], by, px, py)
        if crossing == UNSURE:
            return UNSURE
        parity ^= crossing ^ (edge >> 1 & int(ay > py)) ^ (edge & int(by > py))
    return parity & 1


@numba.njit(cache=True, nogil=True)
def _turns_first(px, py, qx, qy, rx, ry):
    """Return 1 if, turning anticlockwise from just past due east, p sees q before r; 0 if after; -1 if together."""
    q_half = int(not (qy > py or (qy == py and qx < px)))
    r_half = int(not (ry > py or (ry == py and rx < px)))
    if q_half != r_half:
        return int(q_half < r_half)
    side = orientation(px, py, qx, qy, rx, ry)
    if side == 0:
        return -1
    return side if side == UNSURE else int(side > 0)


@numba.njit(cache=True, nogil=True)
def _touched(vertices, words, leaf, px, py):
    """Return the zone for a point of the leaf that is in none by the half-open rule: one that it touches, or none.

    The first zone met when turning anticlockwise from due east; the first by row among those met together.
    """
    paired = words[leaf] >= 0
    best, best_x, best_y, aimed = NOWHERE, px, py, False
    at = leaf if paired else leaf + 1
    for _ in range(1 if paired else -words[leaf]):
        zone = words[at]
        at += 2 if paired else 1
        count = words[at] >> 1
        at += 1
        for edge in words[at : at + count]:
            k = edge >> 2
            ax, ay, bx, by = vertices[k, 0], vertices[k, 1], vertices[k + 1, 0], vertices[k + 1, 1]
            touch = touches(ax, ay, bx, by, px, py)
            if touch == UNSURE:
                return OPEN
            if touch == 0:
                continue
            if best == NOWHERE:
                best = zone
            for end in range(2):
                qx, qy = (ax, ay) if end == 0 else (bx, by)
                if qx == px and qy == py:
                    continue
                sooner = 1 if not aimed else _turns_first(px, py, qx, qy, best_x, best_y)
                if sooner == UNSURE:
                    return OPEN
                if sooner == 1:
                    best, best_x, best_y, aimed = zone, qx, qy, True
        at += count
    return best


@numba.njit(cache=True, nogil=True)
def _first_in_leaf(vertices, words, leaf, px, py):
    """Return the first zone by row of a point in a leaf, ``NOWHERE`` or ``OPEN``."""
    if words[leaf] >= 0:
        packed = words[leaf + 2]
        inside = _parity(vertices, words, leaf + 3, packed >> 1, packed, px, py)
        if inside == UNSURE:
            return OPEN
        zone = words[leaf] if inside else words[leaf + 1]
        return zone if zone != NOWHERE else _touched(vertices, words, leaf, px, py)
    at = leaf + 1
    for _ in range(-words[leaf]):
        packed = words[at + 1]
        inside = _parity(vertices, words, at + 2, packed >> 1, packed, px, py)
        if inside == UNSURE:
            return OPEN
        if inside:
            return words[at]
        at += 2 + (packed >> 1)
    return _touched(vertices, words, leaf, px, py)


@numba.njit(cache=True, nogil=True)
def _finer(code, px, py, frame, cells):
    """Return the code of the finest cell of a point whose cell in the top grid is divided."""
    fx = (px - frame[4]) * frame[6]
    fy = (py - frame[5]) * frame[7]
    column, line = int(fx), int(fy)
    while code < NOWHERE and code & 1:
        fx -= column
        fy -= line
        at = (-3 - code) >> 1
        shift = cells[at]
        fx *= 1 << shift
        fy *= 1 << shift
        column, line = int(fx), int(fy)
        code = cells[at + 1 + (line << shift) + column]
    return code


@numba.njit(cache=True, nogil=True)
def code_at(px, py, frame, columns, cells):
    """Return the code of a point's finest cell; ``frame`` is the bounds it is in, origin, cells per degree."""
    column, line = int((px - frame[4]) * frame[6]), int((py - frame[5]) * frame[7])
    return _finer(cells[line * columns + column], px, py, frame, cells)


@numba.njit(cache=True, nogil=True)
def locate(lon, lat, frame, columns, cells, words, vertices, out):
    """Write the first zone by row of each point to ``out``; return how many are in a zone, not finite, open."""
    west, south, east, north = frame[0], frame[1], frame[2], frame[3]
    assigned = 0
    bad = 0
    still_open = 0
    warmth = 0  # returned so that the compiler keeps the loads that it sums
    last = len(vertices) - 1
    # Narrow integers, and nothing read from an array that could change, let the compiler use vector instructions.
    west_edge, south_edge, across, along = frame[4], frame[5], frame[6], frame[7]
    width = np.int32(columns)
    places = np.empty(_BLOCK, np.int32)
    waiting, leaves, left = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    for start in range(0, len(lon), _BLOCK):
        # In stages, each a short loop, so that the memory of many points is on its way at once and no branch waits.
        size = min(_BLOCK, len(lon) - start)
        inside = 0
        for k in range(size):
            px, py = lon[start + k], lat[start + k]
            within = int(px >= west) & int(px <= east) & int(py >= south) & int(py <= north)
            # Far away or not a number, a coordinate would not fit an integer: the origin stands in.
            column = np.int32(((px if within else west) - west_edge) * across)
            line = np.int32(((py if within else south) - south_edge) * along)
            places[k] = np.int32(line * width + column) if within else np.int32(-1)
            inside += within
        if inside < size:
            for k in range(start, start + size):
                bad += int(not (abs(lon[k]) < np.inf and abs(lat[k]) < np.inf))
        for k in range(size):
            out[start + k] = cells[max(places[k], 0)]
        held = 0
        for k in range(start, start + size):
            code = out[k] if places[k - start] >= 0 else NOWHERE
            if (
                int(code < NOWHERE) & code & 1
            ):  # bitwise: one branch that is nearly always right instead of two guesses
                code = _finer(code, lon[k], lat[k], frame, cells)
            out[k] = code
            waiting[held] = k
            held += int(code < NOWHERE)
            assigned += int(code > NOWHERE)
        for h in range(held):
            leaf = (-2 - out[waiting[h]]) >> 1
            leaves[h] = leaf
            warmth += words[leaf]
        for h in range(held):
            # Mostly the first edge of the leaf; otherwise any vertex does no harm.
            k = words[leaves[h] + 3] >> 2
            warmth += int(vertices[min(max(k, 0), last), 0] > west) + int(
                vertices[min(max(k + 2, 0), last), 1] > south
            )
        # Most leaves are two zones that share an edge or two: no calls, few branches. Whether an edge passes the
        # height of p, and on which side, is as good as random, and a wrong guess costs more than the arithmetic.
        left_over = 0
        for h in range(held):
            k, leaf = waiting[h], leaves[h]
            px, py = lon[k], lat[k]
            doubt = int(words[leaf] < 0)
            parity = words[leaf + 2]
            for at in range(leaf + 3, leaf + 3 + (0 if doubt else parity >> 1)):
                edge = words[at]
                v = edge >> 2
                ax, ay, bx, by = vertices[v, 0], vertices[v, 1], vertices[v + 1, 0], vertices[v + 1, 1]
                a_above, b_above = int(ay > py), int(by > py)
                one, other = (ax - px) * (by - py), (ay - py) * (bx - px)
                side = one - other
                passes = a_above ^ b_above
                doubt |= passes & int(abs(side) <= FILTER * (abs(one) + abs(other)) + UNDERFLOW)
                parity ^= (passes & (int(side > 0) ^ a_above)) ^ (edge >> 1 & a_above) ^ (edge & b_above)
            zone = words[leaf + 1 - (parity & 1)]
            out[k] = zone
            left[left_over] = h
            left_over += doubt | int(zone == NOWHERE)
        assigned += held - left_over
        for at in range(left_over):
            h = left[at]
            k = waiting[h]
            zone = _first_in_leaf(vertices, words, leaves[h], lon[k], lat[k])
            out[k] = zone
            assigned += int(zone > NOWHERE)
            still_open += int(zone == OPEN)
    return assigned, bad, still_open, warmth


@numba.njit(cache=True, nogil=True)
def _all_in_leaf(vertices, words, leaf, px, py, zones):
    """Write every zone of a point in a leaf to ``zones``, in order of rows; return how many, or ``OPEN``."""
    found = 0
    if words[leaf] < 0:
        at = leaf + 1
        for _ in range(-words[leaf]):
            zone, packed = words[at], words[at + 1]
            inside = _parity(vertices, words, at + 2, packed >> 1, packed, px, py)
            if inside == UNSURE:
                return OPEN
            # Two parts of one zone can overlap: it is still one zone.
            if inside and (found == 0 or zones[found - 1] != zone):
                zones[found] = zone
                found += 1
            at += 2 + (packed >> 1)
    if found == 0:
        zone = _first_in_leaf(vertices, words, leaf, px, py)
        if zone == OPEN:
            return OPEN
        zones[0] = zone
        found = int(zone != NOWHERE)
    return found


@numba.njit(cache=True, nogil=True)
def locate_all(lon, lat, frame, columns, cells, words, vertices, most):
    """Return point positions and zones, one pair per zone of a point, and the positions of open points."""
    points = np.empty(len(lon) + most, np.int64)
    rows = np.empty(len(lon) + most, np.int32)
    unsettled = np.empty(len(lon), np.int64)
    total = 0
    still_open = 0
    zones = np.empty(most, np.int32)
    for k in range(len(lon)):
        px, py = lon[k], lat[k]
        if not (px >= frame[0] and px <= frame[2] and py >= frame[1] and py <= frame[3]):
            continue
        code = code_at(px, py, frame, columns, cells)
        if code == NOWHERE:
            continue
        found = 1
        zones[0] = code
        if code < NOWHERE:
            found = _all_in_leaf(vertices, words, (-2 - code) >> 1, px, py, zones)
        if found == OPEN:
            unsettled[still_open] = k
            still_open += 1
            continue
        if total + found > len(points):
            size = 2 * len(points) + found
            points = longer(points, size)
            rows = longer(rows, size)
        points[total : total + found] = k
        rows[total : total + found] = zones[:found]
        total += found
    return points[:total], rows[:total], unsettled[:still_open]


@numba.njit(cache=True, nogil=True)
def longer(array, size):
    """Return a copy of an array with room for more."""
    copy = np.empty(size, array.dtype)
    copy[: len(array)] = array
    return copy
