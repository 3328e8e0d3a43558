"""Divisions of a connected graph of blocks: first ones by METIS or from old zones, then made better.

What is better is one number (`Wishes`): equal weights, weights within limits, compact parts, borders along streets, few
households that change zone. Two kinds of step lower it, and both keep every part in one piece: a block goes to the
part beside it, and two neighbouring parts are joined and cut anew along the best edge of a random spanning tree (the
"recombination" of redistricting: DeFord, Duchin, Solomon 2021).
"""

# numba compiles what it is given: its stubs know no arguments.
# mypy: disable-error-code="call-arg"
from __future__ import annotations

from collections import defaultdict
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from geo.partition import steps
from geo.partition.graph import connect, metis_parts
from geo.partition.steps import LEAST_TIE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_TREES = 8
"""Spanning trees tried for each pair of parts."""

_ROUNDS = 40
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
        self.graph = graph
        self.part = np.array(parts, dtype=np.int64)
        self.count = int(parts.max()) + 1
        self._wishes = np.array(astuple(wishes), dtype=np.float64)
        self._scale = float(np.sqrt(graph.area_m2.sum() / self.count)) or 1.0
        self._total = graph.old.sum(axis=1) if graph.old.shape[1] else np.zeros(len(graph))
        a, b = graph.pairs.T
        here, there = np.concatenate([a, b]), np.concatenate([b, a])
        order = np.lexsort((there, here))
        self._first = np.searchsorted(here[order], np.arange(len(graph) + 1)).astype(np.int64)
        self._other = np.ascontiguousarray(there[order], dtype=np.int64)
        self._length = np.tile(graph.length_m, 2)[order]
        self._tie = np.tile(graph.tie_m, 2)[order]
        self._sums = self._summed()
        self._anchor = self._anchors()

    def total(self) -> float:
        """Return what the division costs."""
        a, b = self.graph.pairs.T
        cut = float(self.graph.tie_m[self.part[a] != self.part[b]].sum())
        moved = 0.0
        if self._wishes[7] > 0.0 and self.graph.old.shape[1]:
            anchor = self._anchor[self.part]
            stays = np.where(anchor >= 0, self.graph.old[np.arange(len(anchor)), np.maximum(anchor, 0)], 0.0)
            moved = float(self._wishes[7] * (self._total - stays).sum() / self._wishes[0])
        return float(self._sums[:, steps.COST].sum()) + float(self._wishes[5]) * cut / self._scale + moved

    def improve(self, seed: int) -> None:
        """Take steps until none makes it better; the same seed, the same steps."""
        rng = np.random.default_rng(seed)
        state = rng.integers(1, 2**63, 1, dtype=np.uint64)
        row_of = np.full(len(self.part), -1, dtype=np.int64)
        # pairs that no step has touched since they were last cut anew would come out the same way
        tried: dict[tuple[int, int], tuple[int, int]] = {}
        touched = np.zeros(self.count, dtype=np.int64)
        for number in range(1, _ROUNDS + 1):
            was = self.part.copy()
            moves = steps.move_blocks(
                rng.permutation(len(self.part)), self.part, self._sums, self._anchor, *self._fixed(), _ROUNDS
            )
            changed = np.flatnonzero(was != self.part)
            touched[was[changed]] = number
            touched[self.part[changed]] = number
            both = self.part[self.graph.pairs]
            both = np.unique(np.sort(both[both[:, 0] != both[:, 1]], axis=1), axis=0)
            cost = self._sums[both[:, 0], steps.COST] + self._sums[both[:, 1], steps.COST]
            for a, b in both[np.argsort(-cost, kind="stable")].tolist():
                now = (int(touched[a]), int(touched[b]))
                if tried.get((a, b)) == now or self._sums[[a, b], steps.BLOCKS].sum() < 3.0:  # noqa: PLR2004
                    continue
                tried[a, b] = now
                if steps.recut(
                    a, b, self.part, self._sums, self._anchor, *self._fixed(), _TREES, state, row_of
                ):
                    touched[[a, b]] += 1000 * number
                    moves += 1
            if moves == 0:
                return

    def _fixed(self) -> tuple[Any, ...]:
        """Return what steps read and never change."""
        graph = self.graph
        return (
            self._first, self._other, self._length, self._tie, graph.weight, graph.area_m2, graph.perimeter_m,
            graph.old, self._total, self._wishes, self._scale,
        )  # fmt: skip

    def _summed(self) -> Floats:
        graph, part, count = self.graph, self.part, self.count
        a, b = graph.pairs.T
        inner = part[a] == part[b]
        sums = np.zeros((count, 5))
        sums[:, steps.WEIGHT] = np.bincount(part, weights=graph.weight, minlength=count)
        sums[:, steps.AREA] = np.bincount(part, weights=graph.area_m2, minlength=count)
        sums[:, steps.PERIMETER] = np.bincount(part, weights=graph.perimeter_m, minlength=count)
        sums[:, steps.PERIMETER] -= 2.0 * np.bincount(
            part[a[inner]], weights=graph.length_m[inner], minlength=count
        )
        sums[:, steps.BLOCKS] = np.bincount(part, minlength=count)
        for row in range(count):
            sums[row, steps.COST] = steps.cost_of(*sums[row, :3], self._wishes)
        return sums

    def _anchors(self) -> Ints:
        """Return the old zone that each part goes on from, -1 for none: so that the most households stay."""
        old = self.graph.old
        anchor = np.full(self.count, -1, dtype=np.int64)
        if self._wishes[7] <= 0.0 or not old.shape[1]:
            return anchor
        shared = np.zeros((self.count, old.shape[1]))
        np.add.at(shared, self.part, old)
        for part, zone in zip(*linear_sum_assignment(-shared), strict=True):
            if shared[part, zone] > 0.0:
                anchor[part] = zone
        return anchor


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
        found.improve(seed + 7919 * number)
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
    strength = np.maximum(graph.tie_m, LEAST_TIE)
    made += [
        metis_parts(
            graph.weight, graph.pairs, strength, count, seed=seed + number, contiguous=number % 2 == 0
        )
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
                gain[int(here[row])][int(zone[there[row]])] += max(float(graph.tie_m[row]), LEAST_TIE)
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
        parts[blocks[_half(graph, blocks, rows)]] = parts.max() + 1
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


def _half(graph: Graph, blocks: Ints, rows: Ints) -> NDArray[np.bool_]:
    """Return which blocks of a connected part are one half of it; ``rows`` is the place of each block in the part."""
    inner = (rows[graph.pairs] >= 0).all(axis=1)
    a, b = rows[graph.pairs[inner]].T
    here, there, tie = np.concatenate([a, b]), np.concatenate([b, a]), np.tile(graph.tie_m[inner], 2)
    order = np.lexsort((there, here))
    first = np.searchsorted(here[order], np.arange(len(blocks) + 1)).astype(np.int64)
    own, place = graph.weight[blocks], np.arange(len(blocks))
    state = np.array([len(blocks) + 1], dtype=np.uint64)
    visited, before = steps.random_tree(place, place, first, there[order].astype(np.int64), tie[order], state)
    sides: NDArray[np.bool_] = steps.tree_sides(place, visited, before, own, float(own.sum()) / 2.0, 1)
    return np.asarray(sides[0])
