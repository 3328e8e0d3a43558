"""Divisions of a connected graph of blocks: first ones by METIS or from old zones, then made better.

What is better is one number (`Wishes`): equal weights, weights within limits, compact parts, borders along streets, few
households that change zone. Two kinds of step lower it, and both keep every part in one piece: a block goes to the
part beside it, and two neighbouring parts are joined and cut anew along the best edge of a random spanning tree (the
"recombination" of redistricting: DeFord, Duchin, Solomon 2021).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from geo.partition.graph import connect, metis_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_TREES = 6
"""Spanning trees tried for each pair of parts."""

_EDGES = 4
"""Best balanced edges of a tree whose whole cost is looked at."""

_LEAST_TIE = 1e-3
"""METIS and trees need a positive tie, also where two sides should be apart."""

_ROUNDS = 30
_LEAST_GAIN = 1e-9


@dataclass(frozen=True, eq=False)
class Graph:
    """Blocks of one connected piece of ground.

    Parameters
    ----------
    weight
        Households (or square meters, where nobody lives) of each block.
    area_m2, perimeter_m
        Of each block.
    pairs, length_m, tie_m
        Blocks with a common border, its length, and how much of it belongs together.
    old
        Households of each block by old zone, (blocks, old zones).
    """

    weight: Floats
    area_m2: Floats
    perimeter_m: Floats
    pairs: Ints
    length_m: Floats
    tie_m: Floats
    old: Floats

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.weight)


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a division, and how much.

    Parameters
    ----------
    target
        Wanted weight of a part.
    low, high
        Limits of it.
    balance, shape, along, limits, keep
        Weights, see `geo.partition.ProposalOptions`.
    """

    target: float
    low: float
    high: float
    balance: float
    shape: float
    along: float
    limits: float
    keep: float

    def of_part(self, weight: float, area_m2: float, perimeter_m: float) -> float:
        """Return what a part costs by itself."""
        off = (weight - self.target) / self.target
        beyond = max(self.low - weight, weight - self.high, 0.0) / self.target
        round_ = perimeter_m / sqrt(4.0 * pi * area_m2) - 1.0 if area_m2 > 0.0 else 0.0
        limit = self.limits * beyond + 0.1 * self.limits if beyond > 0.0 else 0.0
        return self.balance * off * off + limit + self.shape * round_


class Division:
    """Parts of a graph, with the sums that steps change.

    Parameters
    ----------
    graph, wishes
        What is divided, and what is wanted.
    parts
        Part of each block, numbered from 0 without holes, each connected.
    """

    def __init__(self, graph: Graph, wishes: Wishes, parts: Ints) -> None:
        self.graph, self.wishes = graph, wishes
        self.part = parts.tolist()
        count = int(parts.max()) + 1
        self._weight, self._area, self._around = (
            graph.weight.tolist(),
            graph.area_m2.tolist(),
            graph.perimeter_m.tolist(),
        )
        self._beside: list[list[tuple[int, float, float]]] = [[] for _ in range(len(graph))]
        for (a, b), length, tie in zip(
            graph.pairs.tolist(), graph.length_m.tolist(), graph.tie_m.tolist(), strict=True
        ):
            self._beside[a].append((b, length, tie))
            self._beside[b].append((a, length, tie))
        self._scale = sqrt(float(graph.area_m2.sum()) / count) or 1.0
        self.members: list[set[int]] = [set() for _ in range(count)]
        for block, part in enumerate(self.part):
            self.members[part].add(block)
        self.weight = np.bincount(parts, weights=graph.weight, minlength=count).tolist()
        self.area = np.bincount(parts, weights=graph.area_m2, minlength=count).tolist()
        self.perimeter = [self._perimeter(members) for members in self.members]
        self.cost = [self._cost(row) for row in range(count)]
        self.anchor = self._anchors(parts, count)

    def total(self) -> float:
        """Return what the division costs."""
        a, b = self.graph.pairs.T
        parts = np.array(self.part)
        cut = float(self.graph.tie_m[parts[a] != parts[b]].sum())
        moved = sum(self._moved(block, part) for block, part in enumerate(self.part))
        return sum(self.cost) + self.wishes.along * cut / self._scale + moved

    def improve(self, rng: np.random.Generator) -> None:
        """Take steps until none makes it better."""
        for _ in range(_ROUNDS):
            moved = self._move_blocks(rng)
            if not (self._recombine(rng) or moved):
                return

    # ---- sums

    def _anchors(self, parts: Ints, count: int) -> list[int]:
        """Return the old zone that each part goes on from, -1 for none: so that the most households stay."""
        old = self.graph.old
        anchor = [-1] * count
        if self.wishes.keep <= 0.0 or not old.shape[1]:
            return anchor
        shared = np.zeros((count, old.shape[1]))
        np.add.at(shared, parts, old)
        for part, zone in zip(*linear_sum_assignment(-shared), strict=True):
            if shared[part, zone] > 0.0:
                anchor[int(part)] = int(zone)
        return anchor

    def _moved(self, block: int, part: int) -> float:
        """Return what it costs that households of a block are not where they were."""
        if self.wishes.keep <= 0.0:
            return 0.0
        old = self.graph.old[block]
        stays = float(old[self.anchor[part]]) if self.anchor[part] >= 0 else 0.0
        return float(self.wishes.keep * (float(old.sum()) - stays) / self.wishes.target)

    def _cost(self, part: int) -> float:
        return self.wishes.of_part(self.weight[part], self.area[part], self.perimeter[part])

    def _perimeter(self, members: set[int]) -> float:
        inner = 0.0
        around = 0.0
        for block in members:
            around += self._around[block]
            inner += sum(length for other, length, _ in self._beside[block] if other in members)
        return around - inner

    # ---- one block

    def _move_blocks(self, rng: np.random.Generator) -> bool:
        any_moved = False
        for _ in range(_ROUNDS):
            moved = False
            for block in rng.permutation(len(self.part)).tolist():
                moved |= self._move(block)
            any_moved |= moved
            if not moved:
                break
        return any_moved

    def _move(self, block: int) -> bool:
        """Give a block to the neighbouring part where it costs least, if less than here."""
        here = self.part[block]
        if len(self.members[here]) == 1:
            return False
        length: dict[int, float] = defaultdict(float)
        tie: dict[int, float] = defaultdict(float)
        for other, metres, tied in self._beside[block]:
            length[self.part[other]] += metres
            tie[self.part[other]] += tied
        if len(length) == 1 and here in length:
            return False
        weight, area, around = self._weight[block], self._area[block], self._around[block]
        left = self.wishes.of_part(
            self.weight[here] - weight,
            self.area[here] - area,
            self.perimeter[here] - around + 2.0 * length.get(here, 0.0),
        )
        best, gain = -1, _LEAST_GAIN
        for there in sorted(length):
            if there == here:
                continue
            got = self.wishes.of_part(
                self.weight[there] + weight,
                self.area[there] + area,
                self.perimeter[there] + around - 2.0 * length[there],
            )
            less = self.cost[here] + self.cost[there] - left - got
            less -= self.wishes.along * (tie.get(here, 0.0) - tie[there]) / self._scale
            less += self._moved(block, here) - self._moved(block, there)
            if less > gain:
                best, gain = there, less
        if best < 0 or not self._holds_without(here, block):
            return False
        self.part[block] = best
        self.members[here].discard(block)
        self.members[best].add(block)
        for part, sign in ((here, -1.0), (best, 1.0)):
            self.weight[part] += sign * weight
            self.area[part] += sign * area
            self.perimeter[part] += sign * (around - 2.0 * length.get(part, 0.0))
            self.cost[part] = self._cost(part)
        return True

    def _holds_without(self, part: int, without: int) -> bool:
        """Whether a part is in one piece without one of its blocks."""
        members = self.members[part]
        near = [other for other, _, _ in self._beside[without] if other in members]
        seen, todo, missing = {near[0]}, [near[0]], set(near[1:])
        while todo and missing:
            for other, _, _ in self._beside[todo.pop()]:
                if other in members and other != without and other not in seen:
                    seen.add(other)
                    missing.discard(other)
                    todo.append(other)
        return not missing

    # ---- two parts

    def _recombine(self, rng: np.random.Generator) -> bool:
        """Join and cut anew neighbouring parts, those first that cost most."""
        parts = np.array(self.part)
        both = parts[self.graph.pairs]
        both = np.unique(np.sort(both[both[:, 0] != both[:, 1]], axis=1), axis=0)
        cost = np.array(self.cost)
        moved = False
        for a, b in both[np.argsort(-cost[both].sum(axis=1), kind="stable")].tolist():
            moved |= self._recut(a, b, rng)
        return moved

    def _recut(self, a: int, b: int, rng: np.random.Generator) -> bool:
        blocks = sorted(self.members[a] | self.members[b])
        if len(blocks) < 3:  # noqa: PLR2004  two blocks have one cut
            return False
        rows = {block: row for row, block in enumerate(blocks)}
        edges = [
            (rows[block], rows[other], tie)
            for block in blocks
            for other, _, tie in self._beside[block]
            if block < other and other in rows
        ]
        if len(edges) < len(blocks) - 1:  # an earlier cut has drawn them apart
            return False
        best = self._best_cut(a, b, blocks, edges, rng)
        if best is None:
            return False
        for part, members in ((a, best[0]), (b, best[1])):
            self.members[part] = members
            for block in members:
                self.part[block] = part
            self.weight[part] = sum(self._weight[block] for block in sorted(members))
            self.area[part] = sum(self._area[block] for block in sorted(members))
            self.perimeter[part] = self._perimeter(members)
            self.cost[part] = self._cost(part)
        return True

    def _best_cut(
        self,
        a: int,
        b: int,
        blocks: list[int],
        edges: list[tuple[int, int, float]],
        rng: np.random.Generator,
    ) -> tuple[set[int], set[int]] | None:
        """Return the members of two parts cut anew, None where no cut is better than what is."""
        whole = set(blocks)
        weight = np.array([self._weight[block] for block in blocks])
        best, least = None, self._pair_cost(a, b, self.members[a], self.members[b]) - 1e-6
        for _ in range(_TREES):
            for side in _tree_cuts(len(blocks), edges, weight, self.wishes.target, rng):
                one = {blocks[row] for row in side}
                other = whole - one
                for first, second in ((one, other), (other, one)):
                    cost = self._pair_cost(a, b, first, second)
                    if cost < least:
                        best, least = (first, second), cost
        return best

    def _pair_cost(self, a: int, b: int, first: set[int], second: set[int]) -> float:
        """Return what two parts cost with these members."""
        cost = 0.0
        for part, members in ((a, first), (b, second)):
            cost += self.wishes.of_part(
                sum(self._weight[block] for block in members),
                sum(self._area[block] for block in members),
                self._perimeter(members),
            )
            if self.wishes.keep > 0.0:
                cost += sum(self._moved(block, part) for block in members)
        small, large = (first, second) if len(first) < len(second) else (second, first)
        cut = sum(tie for block in small for other, _, tie in self._beside[block] if other in large)
        return cost + self.wishes.along * cut / self._scale


def _tree_cuts(
    count: int,
    edges: Sequence[tuple[int, int, float]],
    weight: Floats,
    target: float,
    rng: np.random.Generator,
) -> list[list[int]]:
    """Return one side of the best balanced cuts of a random spanning tree; strong ties are rather in the tree."""
    a, b, tie = (np.array(column) for column in zip(*edges, strict=True))
    draw = rng.random(len(edges)) / np.maximum(tie, _LEAST_TIE) + 1e-12
    tree = minimum_spanning_tree(coo_array((draw, (a, b)), shape=(count, count)).tocsr())
    order, before = breadth_first_order(tree, 0, directed=False)
    below = weight.copy()
    for node in order[:0:-1].tolist():
        below[before[node]] += below[node]
    nodes = order[1:]
    rest = below[order[0]] - below[nodes]
    off = np.abs(below[nodes] - target) + np.abs(rest - target)
    chosen = nodes[np.argsort(off, kind="stable")[:_EDGES]]
    parent, place = before.tolist(), order.tolist()
    sides = []
    for root in chosen.tolist():
        inside = [False] * count
        inside[root] = True
        for node in place:
            if node != root and parent[node] >= 0 and inside[parent[node]]:
                inside[node] = True
        sides.append([node for node in range(count) if inside[node]])
    return sides


def divide(graph: Graph, wishes: Wishes, count: int, *, starts: int, seed: int) -> Division:
    """Divide a connected graph into parts, each connected, as well as can be found.

    Parameters
    ----------
    graph
        Connected.
    wishes
        What is wanted.
    count
        How many parts, at most as many as blocks.
    starts
        How many first divisions by METIS are tried; one more goes on from the old zones where they are to be kept.
    seed
        Same seed, same division.
    """
    count = max(1, min(count, len(graph)))
    best: Division | None = None
    for number, parts in enumerate(_starts(graph, wishes, count, starts, seed)):
        found = Division(graph, wishes, parts)
        found.improve(np.random.default_rng([seed, number]))
        if best is None or found.total() < best.total() - _LEAST_GAIN:
            best = found
        if count == 1:
            break
    assert best is not None  # noqa: S101  there is at least one start
    return best


def _starts(graph: Graph, wishes: Wishes, count: int, starts: int, seed: int) -> list[Ints]:
    """Return first divisions into exactly ``count`` connected parts."""
    if count == 1:
        return [np.zeros(len(graph), dtype=np.int64)]
    made: list[Ints] = []
    if wishes.keep > 0.0 and graph.old.shape[1]:
        lived = graph.old.sum(axis=1) > 0.0
        zone = np.where(lived, graph.old.argmax(axis=1), -1)
        made.append(_spread(zone, graph))
    strength = np.maximum(graph.tie_m, _LEAST_TIE)
    made += [
        metis_parts(graph.weight, graph.pairs, strength, count, seed=seed + number, contiguous=number % 2 == 0)
        for number in range(max(1, starts))
    ]
    return [_numbered(connect(parts, graph.weight, graph.pairs, strength), graph, count) for parts in made]


def _spread(zone: Ints, graph: Graph) -> Ints:
    """Give blocks where nobody lived in an old zone to the part beside them that they belong to most."""
    zone = zone.copy()
    a, b = graph.pairs.T
    while (zone < 0).any() and (zone >= 0).any():
        gain: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for here, there in ((a, b), (b, a)):
            rows = np.flatnonzero((zone[here] < 0) & (zone[there] >= 0))
            for row in rows.tolist():
                gain[int(here[row])][int(zone[there[row]])] += max(float(graph.tie_m[row]), _LEAST_TIE)
        for block, ties in gain.items():
            zone[block] = max(sorted(ties), key=lambda part: ties[part])
    return np.maximum(zone, 0)


def _numbered(parts: Ints, graph: Graph, count: int) -> Ints:
    """Return parts numbered from 0, exactly ``count`` of them: the heaviest divided, the lightest joined."""
    parts = np.unique(parts, return_inverse=True)[1].reshape(-1)
    while parts.max() + 1 < count:
        weight = np.bincount(parts, weights=graph.weight + 1e-6)
        weight[np.bincount(parts) < 2] = -1.0  # noqa: PLR2004  one block is not divided
        blocks = np.flatnonzero(parts == int(weight.argmax()))
        rows = np.full(len(graph), -1, dtype=np.int64)
        rows[blocks] = np.arange(len(blocks))
        inner = (rows[graph.pairs] >= 0).all(axis=1)
        edges = [
            (int(x), int(y), float(tie))
            for (x, y), tie in zip(rows[graph.pairs[inner]], graph.tie_m[inner], strict=True)
        ]
        own = graph.weight[blocks]
        side = _tree_cuts(
            len(blocks), edges, own, float(own.sum()) / 2.0, np.random.default_rng(len(blocks))
        )[0]
        parts[blocks[side]] = parts.max() + 1
    while parts.max() + 1 > count:
        weight = np.bincount(parts, weights=graph.weight)
        lightest = int(weight.argmin())
        a, b = parts[graph.pairs].T
        beside = np.unique(
            np.concatenate([b[(a == lightest) & (b != lightest)], a[(b == lightest) & (a != lightest)]])
        )
        into = int(beside[weight[beside].argmin()])
        parts[parts == lightest] = into
        parts = np.unique(parts, return_inverse=True)[1].reshape(-1)
    return np.asarray(parts, dtype=np.int64)
