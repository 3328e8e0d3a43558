"""Connected parts of a graph of cells, as near to a wanted weight as the cells allow.

Cells (blocks, pieces) and the pairs of them that share a border make a graph. ``contiguous_parts`` divides it by
METIS, mends what METIS leaves disconnected, then moves border cells between parts until as few as possible are
outside the wanted limits. Used for proposals of grids and for sample places.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pymetis
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 12
"""Passes over the border cells when balancing; more change nothing in practice."""


def components(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the connected component of each of ``count`` cells, numbered from 0.

    Examples
    --------
    >>> components(4, np.array([[0, 1], [2, 3]])).tolist()
    [0, 0, 1, 1]
    """
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph.tocsr(), directed=False)[1], dtype=np.int64)


def runs(labels: NDArray[Any]) -> list[slice]:
    """Return the runs of equal values of a sorted array.

    Examples
    --------
    >>> runs(np.array([4, 4, 7]))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    if len(labels) == 0:
        return []
    starts = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]])).tolist()
    return [slice(begin, stop) for begin, stop in zip(starts, [*starts[1:], len(labels)], strict=True)]


def contiguous_parts(
    weights: NDArray[Any],
    pairs: NDArray[np.int64],
    *,
    strength: NDArray[np.float64],
    low: float,
    high: float,
    seed: int = 1,
) -> NDArray[np.int64]:
    """Divide cells into connected parts whose weights lie between two limits where that is possible.

    Parameters
    ----------
    weights
        Weight of each cell (households, say), shape (n,), not negative.
    pairs
        Adjacent cells (p, 2), each pair once.
    strength
        How much each pair wants to stay together, shape (p,), positive: a long common border on a quiet street is
        strong, one on a river weak.
    low, high
        Wanted limits of a part's weight.
    seed
        Same seed, same parts.

    Returns
    -------
    numpy.ndarray
        Part of each cell, numbered from 0 without holes. Every part is connected. A component of the graph that
        weighs less than ``low`` stays one part; a cell heavier than ``high`` is never cut.

    Examples
    --------
    >>> row = np.array([[0, 1], [1, 2], [2, 3]])
    >>> parts = contiguous_parts(np.array([200, 200, 200, 200]), row, strength=np.ones(3), low=300, high=500)
    >>> parts[0] == parts[1] and parts[2] == parts[3] and parts[0] != parts[2]
    np.True_
    """
    weights = np.asarray(weights, dtype=np.float64)
    count = len(weights)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    whole = components(count, pairs)
    parts = np.zeros(count, dtype=np.int64)
    used = 0
    order = np.argsort(whole, kind="stable")
    starts = np.searchsorted(whole[order], np.arange(whole.max() + 2))
    position = np.empty(count, dtype=np.int64)
    position[order] = np.arange(count) - starts[whole[order]]
    pair_order = np.argsort(whole[pairs[:, 0]], kind="stable")
    pair_starts = np.searchsorted(whole[pairs[pair_order, 0]], np.arange(whole.max() + 2))
    for number in range(whole.max() + 1):
        cells = order[starts[number] : starts[number + 1]]
        rows = pair_order[pair_starts[number] : pair_starts[number + 1]]
        local = _divide(weights[cells], position[pairs[rows]], strength[rows], (low, high), seed)
        parts[cells] = local + used
        used += int(local.max()) + 1
    return parts


def _divide(
    weights: NDArray[np.float64],
    pairs: NDArray[np.int64],
    strength: NDArray[np.float64],
    limits: tuple[float, float],
    seed: int,
) -> NDArray[np.int64]:
    """Divide one connected graph."""
    low, high = limits
    wanted = max(1, round(float(weights.sum()) / ((low + high) / 2.0)))
    count = len(weights)
    if wanted == 1 or count <= 1:
        return np.zeros(count, dtype=np.int64)
    # METIS wants more cells than parts; what stays too heavy is balanced below
    wanted = min(wanted, max(2, count // 2))
    parts = connect(metis_parts(weights, pairs, strength, wanted, seed=seed), weights, pairs, strength)
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for (a, b), tie in zip(pairs.tolist(), strength.tolist(), strict=True):
        neighbours[a].append((b, tie))
        neighbours[b].append((a, tie))
    _balance(parts, weights, neighbours, low, high)
    _join_light(parts, weights, neighbours, low, high)
    return np.asarray(np.unique(parts, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def metis_parts(
    weights: NDArray[np.float64],
    pairs: NDArray[np.int64],
    strength: NDArray[np.float64],
    count: int,
    *,
    seed: int = 1,
    contiguous: bool = False,
) -> NDArray[np.int64]:
    """Divide a connected graph by METIS alone.

    Parameters
    ----------
    weights, pairs, strength
        As for `contiguous_parts`.
    count
        Parts wanted; METIS may leave some empty where cells are few.
    seed
        Same seed, same parts.
    contiguous
        Divide into all parts at once and ask METIS for connected ones, instead of dividing in two again and again.

    Returns
    -------
    numpy.ndarray
        Part of each cell, not always connected.
    """
    cells = len(weights)
    if count <= 1 or cells <= 1:
        return np.zeros(cells, dtype=np.int64)
    edges = np.vstack([pairs, pairs[:, ::-1]])
    both = np.concatenate([strength, strength])
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    edges, both = edges[order], both[order]
    starts = np.searchsorted(edges[:, 0], np.arange(cells + 1))
    scaled = np.maximum(1, np.round(both / both.max() * 1000.0)).astype(int)
    # a cell without weight still costs a little, or METIS piles empty cells on one part
    loads = np.maximum(1, np.round(weights / max(1.0, weights.max()) * 1000.0)).astype(int)
    _, membership = pymetis.part_graph(
        count,
        pymetis.CSRAdjacency(starts.tolist(), edges[:, 1].tolist()),
        eweights=scaled.tolist(),
        vweights=loads.tolist(),
        recursive=not contiguous,
        options=pymetis.Options(seed=seed, contig=True) if contiguous else pymetis.Options(seed=seed),
    )
    return np.asarray(membership, dtype=np.int64)


def connect(
    parts: NDArray[np.int64],
    weights: NDArray[np.float64],
    pairs: NDArray[np.int64],
    strength: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Give every detached piece of a part to the neighbouring part that it is tied to most strongly."""
    while True:
        same = parts[pairs[:, 0]] == parts[pairs[:, 1]]
        piece = components(len(parts), pairs[same])
        mass = np.bincount(piece, weights=weights + 1e-6)
        part_of_piece = np.zeros(len(mass), dtype=np.int64)
        part_of_piece[piece] = parts
        order = np.lexsort((-mass, part_of_piece))
        first = np.ones(len(order), dtype=bool)
        first[1:] = part_of_piece[order][1:] != part_of_piece[order][:-1]
        stray = np.ones(len(mass), dtype=bool)
        stray[order[first]] = False
        if not stray.any():
            return parts
        moved = int(np.flatnonzero(stray)[np.argmin(mass[stray])])
        ties: dict[int, float] = defaultdict(float)
        for here, there in ((0, 1), (1, 0)):
            rows = (piece[pairs[:, here]] == moved) & ~same
            for other, tie in zip(parts[pairs[rows, there]].tolist(), strength[rows].tolist(), strict=True):
                ties[other] += tie
        parts = parts.copy()
        parts[piece == moved] = max(sorted(ties), key=lambda other: ties[other])


def _excess(weight: float, low: float, high: float) -> float:
    """Return how far a weight is outside its limits."""
    return max(low - weight, weight - high, 0.0)


def stays_connected(part: set[int], without: int, neighbours: dict[int, list[tuple[int, float]]]) -> bool:
    """Whether a part is not empty and in one piece without one of its cells."""
    around = [cell for cell, _ in neighbours[without] if cell in part]
    if not around:
        return False
    seen = {around[0]}
    todo = [around[0]]
    missing = set(around[1:])
    while todo and missing:
        for cell, _ in neighbours[todo.pop()]:
            if cell in part and cell != without and cell not in seen:
                seen.add(cell)
                missing.discard(cell)
                todo.append(cell)
    return not missing


def _balance(
    parts: NDArray[np.int64],
    weights: NDArray[np.float64],
    neighbours: dict[int, list[tuple[int, float]]],
    low: float,
    high: float,
) -> None:
    """Move border cells between parts, in place, as long as that brings weights nearer to their limits."""
    total = np.bincount(parts, weights=weights).tolist()
    members: dict[int, set[int]] = defaultdict(set)
    for cell, part in enumerate(parts.tolist()):
        members[part].add(cell)
    for _ in range(_ROUNDS):
        moved = False
        for cell in np.argsort(-weights, kind="stable").tolist():
            here, load = int(parts[cell]), float(weights[cell])
            if load <= 0.0:
                continue
            now = _excess(total[here], low, high)
            best, gain = -1, 1e-9
            for there in sorted({int(parts[other]) for other, _ in neighbours[cell]} - {here}):
                before = now + _excess(total[there], low, high)
                if before == 0.0:
                    continue
                after = _excess(total[here] - load, low, high) + _excess(total[there] + load, low, high)
                if before - after > gain:
                    best, gain = there, before - after
            if best >= 0 and stays_connected(members[here], cell, neighbours):
                members[here].discard(cell)
                members[best].add(cell)
                parts[cell] = best
                total[here] -= load
                total[best] += load
                moved = True
        if not moved:
            return


def _join_light(
    parts: NDArray[np.int64],
    weights: NDArray[np.float64],
    neighbours: dict[int, list[tuple[int, float]]],
    low: float,
    high: float,
) -> None:
    """Join parts below the lower limit to a neighbour that stays within the upper one, in place."""
    total = dict(enumerate(np.bincount(parts, weights=weights).tolist()))
    for part in sorted(total, key=lambda number: total[number]):
        if total[part] >= low:
            return
        ties: dict[int, float] = defaultdict(float)
        for cell in np.flatnonzero(parts == part).tolist():
            for other, tie in neighbours[cell]:
                ties[int(parts[other])] += tie
        fitting = [other for other in sorted(ties) if other != part and total[other] + total[part] <= high]
        if fitting:
            into = max(fitting, key=lambda other: ties[other])
            parts[parts == part] = into
            total[into] += total[part]
