"""Compiled loops over a street network: nearest street, shortest walks, who is reached.

Everything here works on plain arrays in metres; :mod:`geo.network` owns the meaning. The loops release the GIL, so
:func:`in_threads` runs them on every core; they are cached on disk after the first use.

A *place* is where somebody stands: ``edge`` (−1: too far from any street), ``offset`` (metres from the edge's first
node to the nearest point on the edge) and ``access`` (metres in a straight line from there to the place).
"""

# Compiled functions take plain arrays and have no types of their own; splitting a loop costs what it saves.
# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0913, PLR0917
# mypy: disallow-untyped-defs=False, disallow-untyped-decorators=False, disallow-untyped-calls=False

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

TOLERANCE_M = 1e-9
"""A walk of exactly the limit counts as reached, whatever the last bit says."""


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


@numba.njit(nogil=True, cache=True)
def _push(keys, items, size, key, item):
    """Put an item on a binary heap; return the new size."""
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if keys[parent] <= key:
            break
        keys[i], items[i] = keys[parent], items[parent]
        i = parent
    keys[i], items[i] = key, item
    return size + 1


@numba.njit(nogil=True, cache=True)
def _pop(keys, items, size):
    """Take the smallest item off a binary heap; return its key, the item and the new size."""
    top, item = keys[0], items[0]
    size -= 1
    key, last = keys[size], items[size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[i], items[i] = keys[child], items[child]
        i = child
    keys[i], items[i] = key, last
    return top, item, size


@numba.njit(nogil=True, cache=True)
def spread(seeds, costs, labels, limit, starts, ends, lengths, dist, label, touched, keys, items):
    """Run Dijkstra's algorithm from seeds until the limit; the nearest seed labels each node.

    Parameters
    ----------
    seeds, costs, labels
        Nodes to start from, metres already walked there, number of their origin. Equally near: the first seed.
    limit
        Longest walk in metres.
    starts, ends, lengths
        The network in compressed rows: neighbours of node ``i`` are ``ends[starts[i]:starts[i + 1]]``.
    dist, label
        Results per node; ``dist`` must be inf everywhere before.
    touched
        int32, filled with the nodes that got a distance.
    keys, items
        Room for the heap: as many as there are directed edges and seeds.

    Returns
    -------
    int
        How many of ``touched`` are filled.
    """
    size, count = 0, 0
    for k in range(len(seeds)):
        node, cost = seeds[k], costs[k]
        if cost <= limit and cost < dist[node]:
            if dist[node] == np.inf:
                touched[count] = node
                count += 1
            dist[node], label[node] = cost, labels[k]
            size = _push(keys, items, size, cost, node)
    while size > 0:
        walked, node, size = _pop(keys, items, size)
        if walked > dist[node]:
            continue  # a shorter way was found meanwhile
        for k in range(starts[node], starts[node + 1]):
            other, cost = ends[k], walked + lengths[k]
            if cost <= limit and cost < dist[other]:
                if dist[other] == np.inf:
                    touched[count] = other
                    count += 1
                dist[other], label[other] = cost, label[node]
                size = _push(keys, items, size, cost, other)
    return count


@numba.njit(nogil=True, cache=True)
def _seeds(place_edge, offset, access, tail, head, length, first, last):
    """Turn places ``first…last`` into seeds: each begins at both ends of its edge."""
    seeds = np.empty(2 * (last - first), np.int32)
    costs = np.empty(2 * (last - first))
    labels = np.empty(2 * (last - first), np.int32)
    count = 0
    for i in range(first, last):
        e = place_edge[i]
        if e < 0:
            continue
        seeds[count], costs[count], labels[count] = tail[e], access[i] + offset[i], i
        seeds[count + 1], costs[count + 1], labels[count + 1] = head[e], access[i] + length[e] - offset[i], i
        count += 2
    return seeds[:count], costs[:count], labels[:count]


@numba.njit(nogil=True, cache=True)
def walks_to_nodes(edge, offset, access, tail, head, length, starts, ends, lengths, limit, first, last, out):
    """Fill rows ``first…last`` of ``out`` (origins × nodes, inf before) with walks in metres."""
    nodes = len(starts) - 1
    label = np.empty(nodes, np.int32)
    touched = np.empty(nodes, np.int32)
    keys = np.empty(len(ends) + 2)
    items = np.empty(len(ends) + 2, np.int32)
    for i in range(first, last):
        seeds, costs, labels = _seeds(edge, offset, access, tail, head, length, i, i + 1)
        spread(seeds, costs, labels, limit, starts, ends, lengths, out[i], label, touched, keys, items)


@numba.njit(nogil=True, cache=True)
def _walk(e, offset, access, dist, tail, head, length, same, origin_offset, origin_access):
    """Give the walk to one place: by either end of its edge, or along the edge when the origin is on it."""
    walk = min(dist[tail[e]] + offset, dist[head[e]] + length[e] - offset)
    if same:
        walk = min(walk, origin_access + abs(origin_offset - offset))
    return walk + access


@numba.njit(nogil=True, cache=True)
def walks_to_places(
    edge,
    offset,
    access,
    to_edge,
    to_offset,
    to_access,
    tail,
    head,
    length,
    starts,
    ends,
    lengths,
    limit,
    first,
    last,
    out,
):
    """Fill rows ``first…last`` of ``out`` (origins × places, inf before) with walks in metres."""
    nodes = len(starts) - 1
    dist = np.full(nodes, np.inf)
    label = np.empty(nodes, np.int32)
    touched = np.empty(nodes, np.int32)
    keys = np.empty(len(ends) + 2)
    items = np.empty(len(ends) + 2, np.int32)
    for i in range(first, last):
        seeds, costs, labels = _seeds(edge, offset, access, tail, head, length, i, i + 1)
        count = spread(seeds, costs, labels, limit, starts, ends, lengths, dist, label, touched, keys, items)
        for j in range(len(to_edge)):
            e = to_edge[j]
            if e >= 0 and edge[i] >= 0:
                walk = _walk(
                    e,
                    to_offset[j],
                    to_access[j],
                    dist,
                    tail,
                    head,
                    length,
                    e == edge[i],
                    offset[i],
                    access[i],
                )
                if walk <= limit + 1e-9:
                    out[i, j] = walk
        for k in range(count):
            dist[touched[k]] = np.inf


@numba.njit(nogil=True, cache=True)
def count_reached(
    edge,
    offset,
    access,
    by_edge,
    to_offset,
    to_access,
    kind,
    people,
    limits,
    tail,
    head,
    length,
    starts,
    ends,
    lengths,
    first,
    last,
    reached,
    known,
    total,
):
    """Count the places that each of the origins ``first…last`` reaches within each limit.

    Parameters
    ----------
    edge, offset, access
        Origins.
    by_edge
        int64: places of edge ``e`` are ``by_edge[e]:by_edge[e + 1]``.
    to_offset, to_access, kind, people
        Places, sorted by edge; ``kind`` a number, ``people`` −1 where unknown.
    limits
        Ascending walks in metres.
    tail, head, length, starts, ends, lengths
        The network: edges by number, and in compressed rows.
    first, last
        The share of the origins to do.
    reached, known, total
        int64 ``(origins, limits, kinds)``: places reached, those of them with known people, their people.
    """
    nodes = len(starts) - 1
    limit = limits[-1]
    dist = np.full(nodes, np.inf)
    label = np.empty(nodes, np.int32)
    touched = np.empty(nodes, np.int32)
    keys = np.empty(len(ends) + 2)
    items = np.empty(len(ends) + 2, np.int32)
    for i in range(first, last):
        if edge[i] < 0:
            continue
        seeds, costs, labels = _seeds(edge, offset, access, tail, head, length, i, i + 1)
        count = spread(seeds, costs, labels, limit, starts, ends, lengths, dist, label, touched, keys, items)
        for e in range(len(tail)):
            if by_edge[e] == by_edge[e + 1]:
                continue
            if dist[tail[e]] == np.inf and dist[head[e]] == np.inf and e != edge[i]:
                continue
            for j in range(by_edge[e], by_edge[e + 1]):
                walk = _walk(
                    e,
                    to_offset[j],
                    to_access[j],
                    dist,
                    tail,
                    head,
                    length,
                    e == edge[i],
                    offset[i],
                    access[i],
                )
                for m in range(len(limits) - 1, -1, -1):
                    if walk > limits[m] + 1e-9:
                        break
                    reached[i, m, kind[j]] += 1
                    if people[j] >= 0:
                        known[i, m, kind[j]] += 1
                        total[i, m, kind[j]] += people[j]
        for k in range(count):
            dist[touched[k]] = np.inf


@numba.njit(nogil=True, cache=True)
def nearest_origins(
    offset,
    access,
    on_edge,
    on_starts,
    to_edge,
    to_offset,
    to_access,
    dist,
    label,
    tail,
    head,
    length,
    limit,
    first,
    last,
    row,
    walk,
):
    """Find the nearest origin of the places ``first…last``, after :func:`spread` from all origins at once.

    Parameters
    ----------
    offset, access
        Origins.
    on_edge, on_starts
        Origins of edge ``e`` are ``on_edge[on_starts[e]:on_starts[e + 1]]``.
    to_edge, to_offset, to_access
        Places.
    dist, label
        Per node: the walk from its nearest origin, and which one that is.
    tail, head, length
        The edges.
    limit
        Longest walk in metres.
    first, last
        The share of the places to do.
    row, walk
        Filled with the origin (−1: none) and the walk in metres (inf: none).
    """
    for j in range(first, last):
        row[j], walk[j] = -1, np.inf
        e = to_edge[j]
        if e < 0:
            continue
        a, b = dist[tail[e]] + to_offset[j], dist[head[e]] + length[e] - to_offset[j]
        best, who = (a, label[tail[e]]) if a <= b else (b, label[head[e]])
        for k in range(on_starts[e], on_starts[e + 1]):
            i = on_edge[k]
            d = access[i] + abs(offset[i] - to_offset[j])
            if d < best or (d == best and i < who):
                best, who = d, i
        best += to_access[j]
        if best <= limit + 1e-9:
            row[j], walk[j] = who, best
