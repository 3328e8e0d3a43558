"""Which block of the town belongs to which functional zone, community and grid."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.partition import components, contiguous_parts
from geo.samples import names
from geo.samples.town import Town, metres_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID_HOUSEHOLDS = (300.0, 500.0)
"""Households of a general grid: the default rule profile (Zhejiang; Tengzhou)."""


@dataclass(frozen=True)
class Districts:
    """Belonging of blocks.

    Parameters
    ----------
    functional
        Row of ``names.FUNCTIONAL_ZONES`` of each block.
    community
        Row of the official list of each block.
    centre
        Centre of each block in metres on the plane, (n, 2).
    remoteness_m
        Distance of each block from the block that its community grew from.
    """

    functional: NDArray[np.int64]
    community: NDArray[np.int64]
    centre: NDArray[np.float64]
    remoteness_m: NDArray[np.float64]


def share_out(town: Town, communities: list[str], rng: np.random.Generator) -> Districts:
    """Give every block to a functional zone, and inside it to a community: all of them connected."""
    centre = metres_of(shapely.get_coordinates(shapely.point_on_surface(town.blocks)))
    step = np.hypot(*(centre[town.pairs[:, 0]] - centre[town.pairs[:, 1]]).T) * town.pair_cost
    hubs = [int(np.hypot(*(centre - core).T).argmin()) for core in town.cores]
    functional = _spread(len(centre), town.pairs, step, hubs, [0.0] * len(hubs))

    inside = functional[town.pairs[:, 0]] == functional[town.pairs[:, 1]]
    reach = np.hypot(*(centre - town.cores[functional]).T) / town.core_radius_m
    zone_names = [name for name, _ in names.FUNCTIONAL_ZONES]
    seeds: list[int] = []
    owners: list[int] = []
    for zone, zone_name in enumerate(zone_names):
        blocks = np.flatnonzero((functional == zone) & ~town.small)
        here = [row for row, name in enumerate(communities) if names.functional_zone(name) == zone_name]
        villages = [row for row in here if communities[row].endswith("村委会")]
        committees = [row for row in here if row not in villages]
        for rows, weight in (
            (committees, np.exp(-(reach[blocks] ** 2)) + 0.01),
            (villages, np.clip(reach[blocks] - 1.0, 0.02, 1.5)),
        ):
            for row, place in zip(rows, _centres(centre[blocks], weight, len(rows), rng), strict=True):
                free = [block for block in blocks.tolist() if block not in seeds]
                seeds.append(free[int(np.hypot(*(centre[free] - place).T).argmin())])
                owners.append(row)
    # a village holds more land than a committee: committees start their race 250 m late
    late = [0.0 if communities[row].endswith("村委会") else 250.0 for row in owners]
    nearest = _spread(len(centre), town.pairs[inside], step[inside], seeds, late)
    return Districts(
        functional=functional,
        community=np.array(owners, dtype=np.int64)[nearest],
        centre=centre,
        remoteness_m=np.hypot(*(centre - centre[np.array(seeds)[nearest]]).T),
    )


def grids_of(
    town: Town,
    community: NDArray[np.int64],
    households: NDArray[np.int64],
    dedicated: NDArray[np.bool_],
    seed: int,
) -> NDArray[np.int64]:
    """Divide every community into grids; a dedicated block is a grid by itself."""
    a, b = town.pairs.T
    joined = (community[a] == community[b]) & ~dedicated[a] & ~dedicated[b]
    # what a border costs to cross, it is good for: weak ties where roads are wide, weakest on rivers
    strength = town.pair_length_m / town.pair_cost**3
    return contiguous_parts(
        households,
        town.pairs[joined],
        strength=strength[joined],
        low=GRID_HOUSEHOLDS[0],
        high=GRID_HOUSEHOLDS[1],
        seed=seed,
    )


def may_leave(town: Town, community: NDArray[np.int64], dedicated: NDArray[np.bool_], block: int) -> bool:
    """Whether the rest of a block's community stays in one piece when the block becomes a grid by itself."""
    rest = np.flatnonzero((community == community[block]) & ~dedicated)
    rest = rest[rest != block]
    if len(rest) == 0:
        return False
    position = np.full(len(community), -1, dtype=np.int64)
    position[rest] = np.arange(len(rest))
    pairs = position[town.pairs]
    return int(components(len(rest), pairs[(pairs >= 0).all(axis=1)]).max()) == 0


def _spread(
    count: int, pairs: NDArray[np.int64], step: NDArray[np.float64], seeds: list[int], late: list[float]
) -> NDArray[np.int64]:
    """Return which seed reaches each block first (Dijkstra from all seeds at once): regions are connected."""
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for (a, b), length in zip(pairs.tolist(), step.tolist(), strict=True):
        neighbours[a].append((b, length))
        neighbours[b].append((a, length))
    owner = np.full(count, -1, dtype=np.int64)
    for number, seed in enumerate(seeds):
        owner[seed] = number  # a seed is its own, however late it starts
    taken = set(seeds)
    queue = [(start, number, seed) for number, (seed, start) in enumerate(zip(seeds, late, strict=True))]
    heapq.heapify(queue)
    done: set[int] = set()
    while queue:
        length, number, block = heapq.heappop(queue)
        if block in done or (block in taken and owner[block] != number):
            continue
        done.add(block)
        owner[block] = number
        for other, more in neighbours[block]:
            if other not in done:
                heapq.heappush(queue, (length + more, number, other))
    return owner


def _centres(
    points: NDArray[np.float64], weight: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return ``count`` centres spread over weighted points (Lloyd's iteration)."""
    if count == 0:
        return np.zeros((0, 2))
    chosen = points[rng.choice(len(points), size=count, replace=False, p=weight / weight.sum())]
    for _ in range(12):
        nearest = np.hypot(*(points[:, None] - chosen[None]).transpose(2, 0, 1)).argmin(axis=1)
        mass = np.bincount(nearest, weights=weight, minlength=count)
        for axis in (0, 1):
            total = np.bincount(nearest, weights=weight * points[:, axis], minlength=count)
            chosen[:, axis] = np.where(mass > 0, total / np.maximum(mass, 1e-12), chosen[:, axis])
    return chosen
