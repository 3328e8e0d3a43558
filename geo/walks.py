"""Compiled loops over a street network: nearest street, shortest walks, who is reached.

Everything here works on plain arrays in metres; :mod:`geo.network` owns the meaning. The loops release the GIL, so
:func:`in_threads` runs them on every core; they are cached on disk after the first use. Those that fill rows
``first…last`` of their results do one share of the work.
"""

# numba infers the types of compiled functions; splitting a loop costs what it saves.
# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0913, PLR0917
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from geo import heaps

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int32]

TOLERANCE_M = 1e-9
"""A walk of exactly the limit counts as reached, whatever the last bit says."""


class Streets(NamedTuple):
    """Edges by number, and the walkable ones in compressed rows.

    Parameters
    ----------
    tail, head, length
        Nodes at the beginning and at the end of each edge, and its metres.
    starts, ends, lengths
        Walkable neighbours of node ``i`` are ``ends[starts[i]:starts[i + 1]]``, so many metres away.
    """

    tail: Ints
    head: Ints
    length: Floats
    starts: NDArray[np.int64]
    ends: Ints
    lengths: Floats


class Places(NamedTuple):
    """Where people stand.

    Parameters
    ----------
    edge
        The nearest walkable edge; −1: too far from any street.
    offset
        Metres from the edge's first node to the nearest point on the edge.
    access
        Metres in a straight line from there to the place.
    """

    edge: Ints
    offset: Floats
    access: Floats


def in_threads(work: Callable[[int, int], None], count: int, *, smallest: int = 1) -> None:
    """Call ``work(start, stop)`` on consecutive shares of ``range(count)``, one per core.

    Parameters
    ----------
    work
        Handles one share; shares never overlap, so it may write into shared arrays at its own rows.
    count
        Number of rows.
    smallest
        Smallest share worth a thread of its own.
    """
    shares = max(1, min(os.cpu_count() or 1, count // max(smallest, 1)))
    if shares == 1:
        work(0, count)
        return
    bounds = [count * share // shares for share in range(shares + 1)]
    with ThreadPoolExecutor(shares) as pool:
        for done in [pool.submit(work, a, b) for a, b in pairwise(bounds)]:
            done.result()


@numba.njit(nogil=True, cache=True)
def cells_of_segments(x1, y1, x2, y2, west, south, size, columns, rows, starts, members):
    """List the segments that touch each cell of a grid.

    Called twice: with empty ``members`` it counts into ``starts`` (shifted by one), then, with ``starts`` summed
    up, it fills ``members``.

    Parameters
    ----------
    x1, y1, x2, y2
        Ends of the segments in metres.
    west, south, size, columns, rows
        Corner, cell size in metres and shape of the grid.
    starts
        int64 ``(columns * rows + 1,)``.
    members
        int32; empty in the counting pass.
    """
    for i in range(len(x1)):
        low, high = min(y1[i], y2[i]), max(y1[i], y2[i])
        first, last = int((low - south) // size), int((high - south) // size)
        for row in range(max(first, 0), min(last, rows - 1) + 1):
            # The part of the segment inside this row of cells spans only some columns.
            if first == last:
                a, b = x1[i], x2[i]
            else:
                slope = (x2[i] - x1[i]) / (y2[i] - y1[i])
                bottom, top = max(low, south + row * size), min(high, south + (row + 1) * size)
                a, b = x1[i] + (bottom - y1[i]) * slope, x1[i] + (top - y1[i]) * slope
            left = int((min(a, b) - 1e-6 - west) // size)
            right = int((max(a, b) + 1e-6 - west) // size)
            for column in range(max(left, 0), min(right, columns - 1) + 1):
                cell = row * columns + column
                if len(members) == 0:
                    starts[cell + 1] += 1
                else:
                    members[starts[cell]] = i
                    starts[cell] += 1


@numba.njit(nogil=True, cache=True)
def nearest_segments(
    x, y, limit, x1, y1, x2, y2, west, south, size, columns, rows, starts, members, out, far
):
    """Find the nearest segment of each point by searching rings of cells around it.

    Equally near segments: the one with the lower number.

    Parameters
    ----------
    x, y
        Points in metres; not finite means no location.
    limit
        Farthest distance in metres; beyond it a point has no segment.
    x1, y1, x2, y2, west, south, size, columns, rows, starts, members
        Segments and their grid, see :func:`cells_of_segments`.
    out
        int32, filled with the segment or −1.
    far
        float64 ``(n, 2)``, filled with the distance to the segment and the share of its length before the nearest
        point.
    """
    for i in range(len(x)):
        out[i], far[i, 0], far[i, 1] = -1, np.inf, 0.0
        px, py = x[i], y[i]
        if not (np.isfinite(px) and np.isfinite(py)):
            continue
        fx, fy = np.floor((px - west) / size), np.floor((py - south) / size)
        # Ring 0 is the point's own cell; a point outside the grid starts at the first ring that meets the grid.
        ring = max(0.0, -fx, fx - (columns - 1), -fy, fy - (rows - 1))
        if (ring - 1) * size > limit:
            continue
        column, row = int(fx), int(fy)
        ring = int(ring)
        margin = min(px - west - fx * size, west + (fx + 1) * size - px, py - south - fy * size)
        margin = max(0.0, min(margin, south + (fy + 1) * size - py))
        best, segment, share = limit, -1, 0.0
        while True:
            inner = margin + (ring - 1) * size if ring > 0 else 0.0  # all nearer than this has been seen
            if inner > best or inner > limit:
                break
            if column - ring < 0 and column + ring >= columns and row - ring < 0 and row + ring >= rows:
                break
            for r in range(max(row - ring, 0), min(row + ring, rows - 1) + 1):
                edge_row = r in (row - ring, row + ring)
                c = column - ring
                step = 1 if edge_row or ring == 0 else 2 * ring
                while c <= column + ring:
                    if 0 <= c < columns:
                        cell = r * columns + c
                        for k in range(starts[cell], starts[cell + 1]):
                            s = members[k]
                            dx, dy = x2[s] - x1[s], y2[s] - y1[s]
                            t = ((px - x1[s]) * dx + (py - y1[s]) * dy) / (dx * dx + dy * dy)
                            if t <= 0.0:
                                t, qx, qy = 0.0, x1[s], y1[s]
                            elif t >= 1.0:
                                t, qx, qy = 1.0, x2[s], y2[s]
                            else:
                                qx, qy = x1[s] + t * dx, y1[s] + t * dy
                            d = np.sqrt((px - qx) ** 2 + (py - qy) ** 2)
                            if d < best or (d == best and (segment < 0 or s < segment)):
                                best, segment, share = d, s, t
                    elif c < 0 and step == 1:
                        c = -1  # jump to the grid
                    elif c >= columns:
                        break
                    c += step
            ring += 1
        if segment >= 0:
            out[i], far[i, 0], far[i, 1] = segment, best, share


class Room(NamedTuple):
    """Arrays that a search works in: per node the number of its nearest origin, the nodes reached, a heap."""

    label: Ints
    touched: Ints
    keys: Floats
    items: Ints


@numba.njit(nogil=True, cache=True)
def room_for(streets, seeds):
    """Return room for searches of so many seeds each."""
    nodes, most = len(streets.starts) - 1, len(streets.ends) + seeds
    return Room(
        np.full(nodes, -1, np.int32), np.empty(nodes, np.int32), np.empty(most), np.empty(most, np.int32)
    )


@numba.njit(nogil=True, cache=True)
def spread(places, first, last, streets, limit, dist, room):
    """Run Dijkstra's algorithm from places ``first…last`` until the limit; each begins at both ends of its edge.

    Parameters
    ----------
    places, first, last
        :class:`Places` to start from. Equally near to a node: the first of them.
    streets
        :class:`Streets`.
    limit
        Longest walk in metres.
    dist
        Filled with the walk per node; inf everywhere before.
    room
        :class:`Room` for two seeds per place; its labels are the numbers of the places.

    Returns
    -------
    int
        How many of ``room.touched`` are filled.
    """
    size, count = 0, 0
    for i in range(first, last):
        e = places.edge[i]
        if e < 0:
            continue
        before = places.access[i] + places.offset[i]
        after = places.access[i] + streets.length[e] - places.offset[i]
        for node, cost in ((streets.tail[e], before), (streets.head[e], after)):
            if cost <= limit and cost < dist[node]:
                if dist[node] == np.inf:
                    room.touched[count] = node
                    count += 1
                dist[node], room.label[node] = cost, i
                size = heaps.push(room.keys, room.items, size, cost, node)
    while size > 0:
        walked, node, size = heaps.pop(room.keys, room.items, size)
        if walked > dist[node]:
            continue  # a shorter way was found meanwhile
        for k in range(streets.starts[node], streets.starts[node + 1]):
            other, cost = streets.ends[k], walked + streets.lengths[k]
            if cost <= limit and cost < dist[other]:
                if dist[other] == np.inf:
                    room.touched[count] = other
                    count += 1
                dist[other], room.label[other] = cost, room.label[node]
                size = heaps.push(room.keys, room.items, size, cost, other)
    return count


@numba.njit(nogil=True, cache=True)
def _walk(tail, head, length, dist, e, offset, own, own_offset, own_access):
    """Return the walk from an origin to a point of edge ``e``: by either end, or along the edge if it is its own.

    Takes arrays one by one: handing on a tuple of them in an inner loop costs more than the sum.
    """
    walk = min(dist[tail[e]] + offset, dist[head[e]] + length[e] - offset)
    if e == own:
        walk = min(walk, own_access + abs(own_offset - offset))
    return walk


@numba.njit(nogil=True, cache=True)
def walks_to_nodes(origins, streets, limit, first, last, out):
    """Fill rows ``first…last`` of ``out`` (origins × nodes, inf before) with walks in metres."""
    room = room_for(streets, 2)
    for i in range(first, last):
        spread(origins, i, i + 1, streets, limit, out[i], room)


@numba.njit(nogil=True, cache=True)
def walks_to_places(origins, places, streets, limit, first, last, out):
    """Fill rows ``first…last`` of ``out`` (origins × places, inf before) with walks in metres."""
    tail, head, length = streets.tail, streets.head, streets.length
    edge, offset, access = places.edge, places.offset, places.access
    room = room_for(streets, 2)
    dist = np.full(len(room.label), np.inf)
    for i in range(first, last):
        own, own_offset, own_access = origins.edge[i], origins.offset[i], origins.access[i]
        if own < 0:
            continue
        count = spread(origins, i, i + 1, streets, limit, dist, room)
        for j in range(len(edge)):
            e = edge[j]
            if e >= 0:
                walk = _walk(tail, head, length, dist, e, offset[j], own, own_offset, own_access) + access[j]
                if walk <= limit + TOLERANCE_M:
                    out[i, j] = walk
        for k in range(count):
            dist[room.touched[k]] = np.inf


@numba.njit(nogil=True, cache=True)
def count_reached(
    origins, places, by_edge, kind, people, limits, streets, first, last, reached, known, total
):
    """Count the places that each of the origins ``first…last`` reaches within each limit.

    Parameters
    ----------
    origins
        :class:`Places` to start from.
    places, by_edge
        :class:`Places` sorted by edge, and int64: those of edge ``e`` are ``by_edge[e]:by_edge[e + 1]``.
    kind, people
        Of each place: a number, and how many people, −1 where unknown.
    limits
        Ascending walks in metres.
    streets
        :class:`Streets`.
    first, last
        The share of the origins to do.
    reached, known, total
        int64 ``(origins, limits, kinds)``: places reached, those of them with known people, their people.
    """
    tail, head, length = streets.tail, streets.head, streets.length
    offset, access = places.offset, places.access
    room = room_for(streets, 2)
    dist = np.full(len(room.label), np.inf)
    for i in range(first, last):
        own, own_offset, own_access = origins.edge[i], origins.offset[i], origins.access[i]
        if own < 0:
            continue
        count = spread(origins, i, i + 1, streets, limits[-1], dist, room)
        for e in range(len(tail)):
            if by_edge[e] == by_edge[e + 1]:
                continue
            if dist[tail[e]] == np.inf and dist[head[e]] == np.inf and e != own:
                continue
            for j in range(by_edge[e], by_edge[e + 1]):
                walk = _walk(tail, head, length, dist, e, offset[j], own, own_offset, own_access) + access[j]
                for m in range(len(limits) - 1, -1, -1):
                    if walk > limits[m] + TOLERANCE_M:
                        break
                    reached[i, m, kind[j]] += 1
                    if people[j] >= 0:
                        known[i, m, kind[j]] += 1
                        total[i, m, kind[j]] += people[j]
        for k in range(count):
            dist[room.touched[k]] = np.inf


@numba.njit(nogil=True, cache=True)
def nearest_origins(origins, order, by_edge, places, dist, label, streets, limit, first, last, row, walk):
    """Find the nearest origin of the places ``first…last``, after :func:`spread` from all origins at once.

    Parameters
    ----------
    origins, order, by_edge
        :class:`Places`; those on edge ``e`` are ``order[by_edge[e]:by_edge[e + 1]]``.
    places
        :class:`Places` to be reached.
    dist, label
        Per node: the walk from its nearest origin, and which one that is.
    streets
        :class:`Streets`.
    limit
        Longest walk in metres.
    first, last
        The share of the places to do.
    row, walk
        Filled with the origin (−1: none) and the walk in metres (inf: none).
    """
    for j in range(first, last):
        row[j], walk[j] = -1, np.inf
        e, offset = places.edge[j], places.offset[j]
        if e < 0:
            continue
        tail, head = streets.tail[e], streets.head[e]
        a, b = dist[tail] + offset, dist[head] + streets.length[e] - offset
        best, who = (a, label[tail]) if a <= b else (b, label[head])
        for k in range(by_edge[e], by_edge[e + 1]):
            i = order[k]
            d = origins.access[i] + abs(origins.offset[i] - offset)
            if d < best or (d == best and i < who):
                best, who = d, i
        best += places.access[j]
        if best <= limit + TOLERANCE_M:
            row[j], walk[j] = who, best
