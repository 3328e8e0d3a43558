"""The compiled steps of `geo.partition.search`: blocks moved and pairs of parts cut anew, each part in one piece.

Parts are rows of ``sums``: weight, area, perimeter, blocks, cost. Neighbours of block ``b`` are
``other[first[b] : first[b + 1]]`` with the length of their common border and how much of it belongs together.
"""

# numba infers the types of compiled functions.
# ruff: noqa: ANN001, ANN201, ANN202, PLR0913, PLR0917, PLR2004, FBT003, C901, PLR0912
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from math import pi, sqrt

import numba
import numpy as np

from geo import heaps

WEIGHT, AREA, PERIMETER, BLOCKS, COST = 0, 1, 2, 3, 4
"""Columns of ``sums``."""

LEAST_TIE = 1e-3
"""METIS and trees need a positive tie, also where two sides should be apart."""

LEAST_GAIN = 1e-7

_EDGES = 6
"""Best balanced edges of a tree whose whole cost is looked at."""


@numba.njit(cache=True, nogil=True)
def cost_of(weight, area, perimeter, wishes):
    """Return what a part costs by itself; ``wishes``: target, low, high, balance, shape, along, limits, keep."""
    target = wishes[0]
    off = (weight - target) / target
    beyond = max(wishes[1] - weight, weight - wishes[2], 0.0) / target
    cost = wishes[3] * off * off
    if beyond > 0.0:
        cost += wishes[6] * (beyond + 0.1)
    if area > 0.0:
        cost += wishes[4] * (perimeter / sqrt(4.0 * pi * area) - 1.0)
    return cost


@numba.njit(cache=True, nogil=True)
def _random(state):
    """Return a number from 0 to 1 (xorshift64*: the same on every machine)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@numba.njit(cache=True, nogil=True)
def _moved_cost(block, anchor, kept, total, wishes):
    """Return what it costs that households of a block are not in the zone that their old one goes on as."""
    if wishes[7] <= 0.0:
        return 0.0
    stays = kept[block, anchor] if anchor >= 0 else 0.0
    return wishes[7] * (total[block] - stays) / wishes[0]


@numba.njit(cache=True, nogil=True)
def _holds_without(block, part, first, other, seen, stamp, queue):
    """Whether the part of a block is in one piece without it; ``seen`` marks with ``stamp``."""
    here = part[block]
    missing = 0
    start = -1
    for at in range(first[block], first[block + 1]):
        if part[other[at]] == here:
            seen[other[at]] = -stamp
            missing += 1
            start = other[at]
    if missing <= 1:
        return missing == 1
    queue[0] = start
    seen[start] = stamp
    missing -= 1
    head, tail = 0, 1
    while head < tail and missing > 0:
        now = queue[head]
        head += 1
        for at in range(first[now], first[now + 1]):
            near = other[at]
            if near != block and part[near] == here and seen[near] != stamp:
                if seen[near] == -stamp:
                    missing -= 1
                seen[near] = stamp
                queue[tail] = near
                tail += 1
    return missing == 0


@numba.njit(cache=True, nogil=True)
def move_blocks(
    order,
    part,
    sums,
    anchor,
    first,
    other,
    length,
    tie,
    weight,
    area,
    around,
    kept,
    total,
    wishes,
    scale,
    rounds,
):
    """Give blocks, one after another, to the part beside them where they cost least; return how many moved."""
    count, parts = len(part), len(sums)
    seen, queue = np.zeros(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    near_length, near_tie = np.zeros(parts), np.zeros(parts)
    near, stamp, moves = np.empty(parts, dtype=np.int64), 0, 0
    for _ in range(rounds):
        before = moves
        for block in order:
            here = part[block]
            if sums[here, BLOCKS] < 2.0:
                continue
            found = 0
            for at in range(first[block], first[block + 1]):
                there = part[other[at]]
                if near_length[there] == 0.0:
                    near[found] = there
                    found += 1
                near_length[there] += length[at]
                near_tie[there] += tie[at]
            own_length, own_tie = near_length[here], near_tie[here]
            left = cost_of(
                sums[here, WEIGHT] - weight[block],
                sums[here, AREA] - area[block],
                sums[here, PERIMETER] - around[block] + 2.0 * own_length,
                wishes,
            )
            best, gain = -1, LEAST_GAIN
            for row in range(found):
                there = near[row]
                if there == here:
                    continue
                got = cost_of(
                    sums[there, WEIGHT] + weight[block],
                    sums[there, AREA] + area[block],
                    sums[there, PERIMETER] + around[block] - 2.0 * near_length[there],
                    wishes,
                )
                less = sums[here, COST] + sums[there, COST] - left - got
                less -= wishes[5] * (own_tie - near_tie[there]) / scale
                less += _moved_cost(block, anchor[here], kept, total, wishes)
                less -= _moved_cost(block, anchor[there], kept, total, wishes)
                if less > gain or (less == gain and 0 <= there < best):
                    best, gain = there, less
            if best >= 0:
                stamp += 1
                if _holds_without(block, part, first, other, seen, stamp, queue):
                    part[block] = best
                    for there, sign, common in ((here, -1.0, own_length), (best, 1.0, near_length[best])):
                        sums[there, WEIGHT] += sign * weight[block]
                        sums[there, AREA] += sign * area[block]
                        sums[there, PERIMETER] += sign * (around[block] - 2.0 * common)
                        sums[there, BLOCKS] += sign
                        sums[there, COST] = cost_of(
                            sums[there, WEIGHT], sums[there, AREA], sums[there, PERIMETER], wishes
                        )
                    moves += 1
            for row in range(found):
                near_length[near[row]] = 0.0
                near_tie[near[row]] = 0.0
        if moves == before:
            break
    return moves


@numba.njit(cache=True, nogil=True)
def random_tree(blocks, row_of, first, other, tie, state):
    """Return a random spanning tree of some blocks: the order of visit and the row before each, -1 for the first.

    Prim's tree of random keys, smaller where the tie is strong: strong ties are rather in the tree, so that cuts of it
    run where ties are weak. Shorter than the blocks when they are not connected.
    """
    count = len(blocks)
    key, before = np.full(count, np.inf), np.full(count, -1, dtype=np.int64)
    done = np.zeros(count, dtype=np.bool_)
    order = np.empty(count, dtype=np.int64)
    heap_key, heap_row = np.empty(count * 4 + 16), np.empty(count * 4 + 16, dtype=np.int64)
    size = 1
    heap_key[0], heap_row[0] = 0.0, 0
    key[0] = 0.0
    visited = 0
    while size > 0:
        _, now, size = heaps.pop(heap_key, heap_row, size)
        if done[now]:
            continue
        done[now] = True
        order[visited] = now
        visited += 1
        block = blocks[now]
        for at in range(first[block], first[block + 1]):
            row = row_of[other[at]]
            if row < 0 or done[row]:
                continue
            drawn = _random(state) / max(tie[at], LEAST_TIE)
            if drawn < key[row]:
                key[row], before[row] = drawn, now
                if size >= len(heap_key):
                    heap_key = np.concatenate((heap_key, np.empty(len(heap_key))))
                    heap_row = np.concatenate((heap_row, np.empty(len(heap_row), dtype=np.int64)))
                size = heaps.push(heap_key, heap_row, size, drawn, row)
    return order[:visited], before


@numba.njit(cache=True, nogil=True)
def tree_sides(blocks, order, before, weight, target, edges):
    """Return, for the best balanced cuts of a tree, which rows lie below the cut: (cuts, rows) of bool."""
    count = len(order)
    below = np.empty(count)
    for row in range(count):
        below[row] = weight[blocks[row]]
    for at in range(count - 1, 0, -1):
        below[before[order[at]]] += below[order[at]]
    whole = below[order[0]]
    off = np.empty(count - 1)
    for at in range(1, count):
        here = below[order[at]]
        off[at - 1] = abs(here - target) + abs(whole - here - target)
    chosen = np.argsort(off, kind="mergesort")[:edges]
    sides = np.zeros((len(chosen), count), dtype=np.bool_)
    for number in range(len(chosen)):
        root = order[chosen[number] + 1]
        sides[number, root] = True
        for at in range(1, count):
            row = order[at]
            if row != root and sides[number, before[row]]:
                sides[number, row] = True
    return sides


@numba.njit(cache=True, nogil=True)
def _two_sums(blocks, row_of, side, first, other, length, tie, weight, area, around):
    """Return the sums (2, 3) of the rows with ``side`` false and true, and how much of their border is tied."""
    sums = np.zeros((2, 3))
    cut = 0.0
    for row in range(len(blocks)):
        block = blocks[row]
        which = 1 if side[row] else 0
        inner = 0.0
        for at in range(first[block], first[block + 1]):
            near = row_of[other[at]]
            if near < 0:
                continue
            if side[near] == side[row]:
                inner += length[at]
            elif side[row]:
                cut += tie[at]
        sums[which, WEIGHT] += weight[block]
        sums[which, AREA] += area[block]
        sums[which, PERIMETER] += around[block] - inner
    return sums, cut


@numba.njit(cache=True, nogil=True)
def _pair_cost(blocks, side, turned, sums, cut, anchors, kept, total, wishes, scale):
    """Return what two parts cost, the first with the rows where ``side`` equals ``turned``."""
    cost = wishes[5] * cut / scale
    for which in range(2):
        cost += cost_of(sums[which, WEIGHT], sums[which, AREA], sums[which, PERIMETER], wishes)
    if wishes[7] > 0.0:
        for row in range(len(blocks)):
            anchor = anchors[0] if side[row] == turned else anchors[1]
            cost += _moved_cost(blocks[row], anchor, kept, total, wishes)
    return cost


@numba.njit(cache=True, nogil=True)
def recut(
    a, b, part, sums, anchor, first, other, length, tie, weight, area, around, kept, total, wishes, scale, trees, state,
    row_of,
):  # fmt: skip
    """Join two parts and cut them anew along the best edge of random spanning trees, if that costs less."""
    count = int(sums[a, BLOCKS] + sums[b, BLOCKS])
    blocks = np.empty(count, dtype=np.int64)
    filled = 0
    for block in range(len(part)):
        if part[block] == a or part[block] == b:
            blocks[filled] = block
            filled += 1
    for row in range(count):
        row_of[blocks[row]] = row
    side = np.empty(count, dtype=np.bool_)
    for row in range(count):
        side[row] = part[blocks[row]] == b
    anchors = np.array([anchor[a], anchor[b]])
    both, cut = _two_sums(blocks, row_of, side, first, other, length, tie, weight, area, around)
    least = _pair_cost(blocks, side, False, both, cut, anchors, kept, total, wishes, scale) - 1e-6
    best, best_turned, better = side, False, False
    for _ in range(trees):
        order, before = random_tree(blocks, row_of, first, other, tie, state)
        if len(order) < count:  # an earlier cut has drawn them apart
            break
        sides = tree_sides(blocks, order, before, weight, wishes[0], _EDGES)
        for number in range(len(sides)):
            both, cut = _two_sums(
                blocks, row_of, sides[number], first, other, length, tie, weight, area, around
            )
            for turned in (False, True):
                cost = _pair_cost(
                    blocks, sides[number], turned, both, cut, anchors, kept, total, wishes, scale
                )
                if cost < least:
                    least, best, best_turned, better = cost, sides[number].copy(), turned, True
                if wishes[7] <= 0.0:
                    break  # without old zones the two parts are alike
    if better:
        both, cut = _two_sums(blocks, row_of, best, first, other, length, tie, weight, area, around)
        sums[a, BLOCKS] = 0.0
        sums[b, BLOCKS] = 0.0
        for row in range(count):
            into = a if best[row] == best_turned else b
            part[blocks[row]] = into
            sums[into, BLOCKS] += 1.0
        for which in range(2):
            into = a if (which == 1) == best_turned else b
            for column in range(3):
                sums[into, column] = both[which, column]
            sums[into, COST] = cost_of(both[which, 0], both[which, 1], both[which, 2], wishes)
    for row in range(count):
        row_of[blocks[row]] = -1
    return better
