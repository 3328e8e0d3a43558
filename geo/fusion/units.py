"""Units of a fusion: cells that must stay together, what lies between them, and the draft made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from geo.partition import components

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.fusion.cells import Cells

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

REASONS: dict[str, str] = {
    "leading": "沿用主导图层的边界",
    "noise": "只是描绘误差，取多数图层的边界",
    "vote": "多数图层划在这里",
    "edge": "各方图层一样多，取沿道路或小区边的边界",
    "pin": "规划员指定",
    "footprint": "小区或楼栋不可切分，整体划入占地最多的一侧",
    "other": "主导图层没有覆盖，沿用其他图层的网格",
    "gap": "主导图层没有覆盖，并入公共边界最长的相邻网格",
    "connect": "与所属网格不相连，并入相邻网格",
    "split": "原网格超过户数上限，沿多数图层的边界拆分",
    "merge": "原网格低于户数下限，与边界有分歧的相邻网格合并",
}
NAMES = tuple(REASONS)

NO_BASE = (-1, -1)
"""Base of a grid on ground where no layer has one that could be its base."""


@dataclass(frozen=True)
class Units:
    """Cells that must stay together, added up.

    Parameters
    ----------
    zone
        Zone of each layer that most of a unit lies in, (u, layers), -1 for none.
    area, households
        Of each unit.
    pairs
        Units with a common border.
    length, along
        Length of that border (in meters), and the part of it along streets and the edges of estates.
    drawn
        How many layers draw it.
    agreed
        Its length where all layers that cover both sides draw it, two at least; else 0.
    parent
        Parent zone of each unit.
    inside
        Whether a unit is in the territory.
    """

    zone: Ints
    area: Floats
    households: Floats
    pairs: Ints
    length: Floats
    along: Floats
    drawn: Floats
    agreed: Floats
    parent: Ints
    inside: NDArray[np.bool_]


@dataclass
class Draft:
    """The proposal while it is made: units (cells that must stay together) and the grid of each.

    Parameters
    ----------
    unit
        Unit of each cell.
    group
        Grid of each unit, -1 while undecided.
    base
        Layer and zone that each grid came from, ``NO_BASE`` for none.
    reason
        Row of ``NAMES`` of each unit.
    units
        The units.
    absorbed
        Cells that were drafting noise and went with a neighbour.
    agreed_m
        Length of the border of each pair of cells where all layers agree on it.
    rules
        How grids break the rules of size, in Chinese.
    """

    unit: Ints
    group: Ints
    base: dict[int, tuple[int, int]]
    reason: Ints
    units: Units
    absorbed: NDArray[np.bool_]
    agreed_m: Floats
    rules: dict[int, str] = field(default_factory=dict)

    @property
    def why(self) -> Ints:
        """Row of ``NAMES`` of each cell."""
        reason = self.reason[self.unit]
        return np.where(self.absorbed & (reason == NAMES.index("leading")), NAMES.index("noise"), reason)

    def give(self, rows: Ints | NDArray[np.bool_], number: int, why: str) -> None:
        """Put units into a grid, in place; what the planner pinned keeps saying so."""
        self.group[rows] = number
        pinned = self.reason[rows] == NAMES.index("pin")
        self.reason[rows] = np.where(pinned, self.reason[rows], NAMES.index(why))


def absorb(cells: Cells, loose: NDArray[np.bool_], leading: int | None) -> Ints:
    """Return links from loose cells to the neighbour each goes with: pairs (k, 2)."""
    a, b = cells.pairs.T
    alike = ((cells.zone[a] == cells.zone[b]) & (cells.zone[a] >= 0)).sum(axis=1)
    if leading is not None:
        alike = alike + 100 * (cells.zone[a, leading] == cells.zone[b, leading])
    side, other = np.concatenate([a, b]), np.concatenate([b, a])
    alike, along = np.tile(alike, 2), np.tile(cells.pair_along_m, 2)
    length = np.tile(cells.pair_length_m, 2)
    good = (
        loose[side]
        & (cells.parent[side] == cells.parent[other])
        & (cells.inside[side] == cells.inside[other])
    )
    # a cell that joins a neighbour loses the border with it: let it not be the one along a street or an estate
    rows = np.flatnonzero(good)[np.lexsort((-length[good], along[good], -alike[good], side[good]))]
    open_, links = loose.copy(), [np.zeros((0, 2), dtype=np.int64)]
    while len(rows):
        # the best neighbour of each cell, if it is decided already; the others wait
        first = np.concatenate([[True], side[rows][1:] != side[rows][:-1]])
        ready = rows[first][~open_[other[rows[first]]]]
        if len(ready) == 0:
            # best neighbours wait for each other: take the best decided one, or link the two and be done
            decided = rows[~open_[other[rows]]]
            taken = decided if len(decided) else rows
            ready = taken[np.unique(side[taken], return_index=True)[1]]
            if not len(decided):
                links.append(np.column_stack([side[ready], other[ready]]))
                break
        links.append(np.column_stack([side[ready], other[ready]]))
        open_[side[ready]] = False
        rows = rows[open_[side[rows]]]
    return np.vstack(links)


def gather(cells: Cells, unit: Ints) -> Units:
    """Add cells up by unit; units of different parents or on different sides of the outline are no neighbours."""
    count = int(unit.max()) + 1 if len(unit) else 0
    parent, inside = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=bool)
    parent[unit], inside[unit] = cells.parent, cells.inside  # cells of a unit are alike in both
    zone = np.column_stack(
        [majority(unit, cells.zone[:, layer], cells.area_m2, count) for layer in range(len(cells.layers))]
    )
    a, b = cells.pairs.T
    low, high = np.minimum(unit[a], unit[b]), np.maximum(unit[a], unit[b])
    keep = (low != high) & (parent[low] == parent[high]) & (cells.inside[a] == cells.inside[b])
    base = np.int64(max(count, 1))
    keys, inverse = np.unique(low[keep] * base + high[keep], return_inverse=True)
    inverse = inverse.reshape(-1)

    def total(values: Floats) -> Floats:
        return np.bincount(inverse, weights=values[keep], minlength=len(keys)).astype(np.float64)

    pairs = np.column_stack([keys // base, keys % base])
    one, two = zone[pairs[:, 0]], zone[pairs[:, 1]]
    both = (one >= 0) & (two >= 0)
    drawn = (both & (one != two)).sum(axis=1)
    agreed = inside[pairs[:, 0]] & _agree(one, two)
    length = total(cells.pair_length_m)
    return Units(
        zone=zone,
        area=np.bincount(unit, weights=cells.area_m2, minlength=count).astype(np.float64),
        households=np.bincount(unit, weights=cells.counts["household"].to_numpy(), minlength=count).astype(
            np.float64
        ),
        pairs=pairs,
        length=length,
        along=total(cells.pair_along_m),
        drawn=drawn.astype(np.float64),
        agreed=np.where(agreed, length, 0.0),
        parent=parent,
        inside=inside,
    )


def agreed_m(cells: Cells, absorbed: Ints) -> Floats:
    """Return the length of the border of each pair of cells (in meters) where all layers agree on it, else 0.

    Drafting noise counts as drawn where it went (``absorbed``: pairs of cells).
    """
    count = len(cells.shapes)
    clean = components(count, absorbed)
    zone = np.column_stack(
        [
            majority(clean, cells.zone[:, layer], cells.area_m2, count)[clean]
            for layer in range(len(cells.layers))
        ]
    )
    a, b = cells.pairs.T
    return np.where(cells.inside[a] & cells.inside[b] & _agree(zone[a], zone[b]), cells.pair_length_m, 0.0)


def _agree(one: Ints, two: Ints) -> NDArray[np.bool_]:
    """Whether all layers that cover both of two neighbours, two layers at least, draw the border between them."""
    both = (one >= 0) & (two >= 0)
    drawn = (both & (one != two)).sum(axis=1)
    return np.asarray((drawn == both.sum(axis=1)) & (drawn >= 2))  # noqa: PLR2004


def majority(unit: Ints, value: Ints, weight: Floats, count: int) -> Ints:
    """Return the value with the largest weight of each unit, -1 where there is none."""
    good = value >= 0
    base = np.int64(value.max(initial=0) + 1)
    keys, inverse = np.unique(unit[good] * base + value[good], return_inverse=True)
    total = np.bincount(inverse.reshape(-1), weights=weight[good], minlength=len(keys))
    order = np.lexsort((-total, keys // base))
    rows, first = np.unique((keys // base)[order], return_index=True)
    out = np.full(count, -1, dtype=np.int64)
    out[rows] = (keys % base)[order][first]
    return out


def mixed(unit: Ints, value: Ints, count: int) -> NDArray[np.bool_]:
    """Whether the cells of a unit have more than one value."""
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -2)
    np.minimum.at(low, unit, value)
    np.maximum.at(high, unit, value)
    return np.asarray(low != high)
