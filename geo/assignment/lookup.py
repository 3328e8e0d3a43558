"""The compiled loops that answer points from the cells of an index.

**Cells.** ``cells`` begins with the top grid, row by row from the south-west. A code is -1 (no zone), a row position of
the zone that holds the whole cell, or ``-2 - 2 * k`` for leaf k, or ``-3 - 2 * k`` for a finer grid at position k of
``cells``: its width in cells as a power of two, then its cells.

**Leaves.** A row of ``leaves`` answers nearly every point of a leaf from 32 bytes: two lines as float32 (a, b, c, with
``|a| + |b| = 1``; the side of a point is ``a * u + b * v + c``, its place u, v being counted in cells of the top grid
from that cell's corner), the zone of points left of both lines by more than `DOUBT`, and the zone of points right of
one by more than that. A leaf whose border is not one line or two that meet has zeros for lines: always in doubt.

**Words.** A point in doubt is decided exactly from what is at position ``starts[k]`` of ``words``. Either two zones
that share all edges of the leaf, so that inside the first means outside the second (-1 for no second): first zone,
second zone, ``2 * edges + parity``, edges. Or minus the number of entries, and each entry, in order of zones: zone,
``2 * edges + parity``, edges. An edge is ``4 * vertex``, from that vertex to the next, plus 2 if its first end and 1
if its second end lies beyond the line ``x = east``.

**Parity.** Whether p is inside flips at each edge that a path from the cell's own reference point to p
crosses. The path goes level from p to the line ``x = east`` just beyond the cell, and then along it. So only
edges that meet the cell can be crossed, and the edge's contribution is its crossing with the ray due east of
p, corrected for each of its ends that lies beyond that line and above p. The parity of the reference point
is folded into the stored one.
"""

# numba infers the types of compiled functions.
# ruff: noqa: ANN001, ANN201, ANN202, C901, FURB136, PLR0912, PLR0913, PLR0915, PLR0917
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numba
import numpy as np

from geo.assignment.predicates import FILTER, UNDERFLOW, UNSURE, orientation, ray_crosses, touches

NOWHERE = -1
"""Answer for a point in no zone."""

OPEN = -2
"""Answer for a point that only exact fractions can settle."""

DOUBT = np.float32(2.0**-18)
"""How near to a line of a leaf, in cells of the top grid, its float32 says nothing about a point.

Places and coefficients of at most about 1 are rounded to 2**-25 each and summed, which errs by less than 2**-21; places
are computed from degrees in double, which errs by less than 2**-26 in a grid of at most 2**24 cells.
"""

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
def locate(lon, lat, frame, columns, cells, leaves, lines, starts, words, vertices, out):
    """Write the first zone by row of each point to ``out``; return how many are in a zone, not finite, open.

    ``lines`` is ``leaves`` seen as float32.
    """
    west, south, east, north = frame[0], frame[1], frame[2], frame[3]
    west_edge, south_edge, across, along = frame[4], frame[5], frame[6], frame[7]
    assigned = 0
    bad = 0
    still_open = 0
    warmth = 0  # returned so that the compiler keeps the loads that it sums
    last = np.uint32(len(vertices) - 1)
    # Slices, narrow integers and nothing read from an array that could change let the compiler use vector instructions;
    # with unsigned positions it need not ask whether they count from the end.
    width = np.int32(columns)
    places = np.empty(_BLOCK, np.uint32)
    waiting, left = np.empty_like(places), np.empty_like(places)
    for start in range(0, len(lon), _BLOCK):
        # In stages, each a short loop, so that the memory of many points is on its way at once and no branch waits.
        x, y, rows = lon[start : start + _BLOCK], lat[start : start + _BLOCK], out[start : start + _BLOCK]
        inside = 0
        for k in range(len(x)):
            # Far away or not a number, a coordinate would not fit an integer: one on the bounds stands in.
            px = x[k] if x[k] >= west else west  # not max, which keeps a NaN
            px = px if px <= east else east
            py = y[k] if y[k] >= south else south
            py = py if py <= north else north
            column, line = np.int32((px - west_edge) * across), np.int32((py - south_edge) * along)
            places[k] = line * width + column
            inside += int(px == x[k]) & int(py == y[k])
        for k in range(len(x)):
            rows[k] = cells[places[k]]
        if inside < len(x):
            for k in range(len(x)):
                if not (x[k] >= west and x[k] <= east and y[k] >= south and y[k] <= north):
                    rows[k] = NOWHERE
                    bad += int(not (abs(x[k]) < np.inf and abs(y[k]) < np.inf))
        held = 0
        for k in range(len(x)):
            code = rows[k]
            # Bitwise: one branch that is nearly always right, not two guesses.
            if int(code < NOWHERE) & code & 1:
                code = _finer(code, x[k], y[k], frame, cells)
                rows[k] = code
            waiting[held] = k
            held += int(code < NOWHERE)
            assigned += int(code > NOWHERE)
        left_over = 0
        for h in range(held):
            leaf = np.uint32((-2 - rows[waiting[h]]) >> 1)
            left[h] = leaf
            warmth += leaves[leaf, 6]
        for h in range(held):
            k, leaf = waiting[h], left[h]
            fx, fy = (x[k] - west_edge) * across, (y[k] - south_edge) * along
            u, v = np.float32(fx - np.int32(fx)), np.float32(fy - np.int32(fy))
            one = lines[leaf, 0] * u + lines[leaf, 1] * v + lines[leaf, 2]
            other = lines[leaf, 3] * u + lines[leaf, 4] * v + lines[leaf, 5]
            least = min(one, other)
            doubt = int(abs(least) <= DOUBT)
            zone = leaves[leaf, 6 + int(least < 0)]
            assigned += int(zone > NOWHERE) & ~doubt
            rows[k] = zone
            left[left_over] = k
            places[left_over] = leaf
            left_over += doubt
        for at in range(left_over):
            places[at] = starts[places[at]]
        for at in range(left_over):
            # Mostly the first edge of the leaf; otherwise any vertex does no harm.
            vertex = np.uint32(words[places[at] + 3] >> 2)
            warmth += int(vertices[min(vertex, last), 0] > west)
        # Mostly two zones that share some edges: no calls, few branches. Whether an edge passes the height of p, and on
        # which side, is as good as random, and a wrong guess costs more than the arithmetic.
        unsure = 0
        for at in range(left_over):
            k, leaf = left[at], places[at]
            px, py = x[k], y[k]
            doubt = int(words[leaf] < 0)
            parity = words[leaf + 2]
            for word in range(leaf + 3, leaf + 3 + np.uint32(0 if doubt else parity >> 1)):
                edge = words[word]
                a = np.uint32(edge >> 2)
                ax, ay, bx, by = vertices[a, 0], vertices[a, 1], vertices[a + 1, 0], vertices[a + 1, 1]
                a_above, b_above = int(ay > py), int(by > py)
                plus, minus = (ax - px) * (by - py), (ay - py) * (bx - px)
                side = plus - minus
                passes = a_above ^ b_above
                doubt |= passes & int(abs(side) <= FILTER * (abs(plus) + abs(minus)) + UNDERFLOW)
                parity ^= (passes & (int(side > 0) ^ a_above)) ^ (edge >> 1 & a_above) ^ (edge & b_above)
            zone = words[leaf + 1 - (parity & 1)]
            rows[k] = zone
            left[unsure], places[unsure] = k, leaf
            unsure += doubt | int(zone == NOWHERE)
        assigned += left_over - unsure
        for at in range(unsure):
            k = left[at]
            zone = _first_in_leaf(vertices, words, places[at], x[k], y[k])
            rows[k] = zone
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
def locate_all(lon, lat, frame, columns, cells, starts, words, vertices, most):
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
            found = _all_in_leaf(vertices, words, starts[(-2 - code) >> 1], px, py, zones)
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
