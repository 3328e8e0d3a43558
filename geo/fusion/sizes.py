"""The rules of size: proposed grids that are too large are split, those too small join a neighbour."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from geo.fusion.units import NAMES
from geo.partition import contiguous_parts

if TYPE_CHECKING:
    from geo.fusion.units import Draft, Units

_SAME_LENGTH_M = 1.0
"""Shorter lengths of border are rounding."""


def split(draft: Draft, units: Units, limits: tuple[float, float], exempt: set[int], fixed: set[int]) -> None:
    """Divide grids above the upper limit where borders of other layers allow it, in place."""
    low, high = limits
    good = draft.group >= 0
    total = np.bincount(draft.group[good], weights=units.households[good])
    large = [number for number in np.flatnonzero(total > high).tolist() if number not in exempt]
    if not large:
        return
    a, b = units.pairs.T
    order = np.argsort(draft.group, kind="stable")
    ranks = draft.group[order]
    inner = np.flatnonzero(draft.group[a] == draft.group[b])
    inner = inner[np.argsort(draft.group[a[inner]], kind="stable")]
    inner_group = draft.group[a[inner]]
    position = np.full(len(draft.group), -1, dtype=np.int64)
    for number in large:
        members = order[np.searchsorted(ranks, number) : np.searchsorted(ranks, number, side="right")]
        rows = inner[
            np.searchsorted(inner_group, number) : np.searchsorted(inner_group, number, side="right")
        ]
        position[members] = np.arange(len(members))
        # weak where many layers draw a border, weaker where it runs along a street
        along = units.street[rows] / np.maximum(units.length[rows], 1e-9)
        strength = units.length[rows] / (1.0 + 4.0 * units.drawn[rows]) / (1.0 + along) + 1e-3
        parts = contiguous_parts(
            units.households[members], position[units.pairs[rows]], strength=strength, low=low, high=high
        )
        if parts.max(initial=0) == 0:
            continue
        anchors = [int(position[row]) for row in fixed if draft.group[row] == number]
        keep = (
            int(parts[anchors[0]])
            if anchors
            else int(np.bincount(parts, weights=units.households[members]).argmax())
        )
        for part in range(int(parts.max()) + 1):
            if part == keep or any(parts[anchor] == part for anchor in anchors):
                continue
            fresh = max(draft.base) + 1
            draft.base[fresh] = draft.base[number]
            draft.group[members[parts == part]] = fresh
            draft.reason[members[parts == part]] = NAMES.index("split")


def merge(draft: Draft, units: Units, limits: tuple[float, float], exempt: set[int]) -> None:
    """Join grids below the lower limit to a neighbour, smallest first, in place."""
    low, high = limits
    good = draft.group >= 0
    total = dict(enumerate(np.bincount(draft.group[good], weights=units.households[good]).tolist()))
    border = _borders(draft, units)
    home = {number: number for number in total}
    queue = [(load, number) for number, load in total.items() if load < low and number not in exempt]
    heapq.heapify(queue)
    while queue:
        load, number = heapq.heappop(queue)
        if home[number] != number or total[number] != load:
            continue
        fitting = [
            other
            for other, (_, agreed, _) in border[number].items()
            if other not in exempt and total[other] + load <= high and agreed <= _SAME_LENGTH_M
        ]
        if not fitting:
            continue
        beside = border[number]
        into = max(sorted(fitting), key=lambda other, beside=beside: _worth(*beside[other]))  # type: ignore[misc]
        home[number] = into
        total[into] += load
        _join(border, number, into)
        if total[into] < low:
            heapq.heappush(queue, (total[into], into))
    final = {number: _final(home, number) for number in home}
    for number in sorted(final):
        if final[number] != number:
            members = draft.group == number
            draft.group[members] = final[number]
            draft.reason[members] = NAMES.index("merge")


def _final(home: dict[int, int], number: int) -> int:
    """Return where a grid ended up."""
    while home[number] != number:
        number = home[number]
    return number


def _worth(length_m: float, agreed_m: float, drawn_m: float) -> float:
    """Return how little a border is missed: long ones that few layers draw go first."""
    return (length_m - agreed_m) / (1.0 + drawn_m / max(length_m, 1e-9))


def _borders(draft: Draft, units: Units) -> dict[int, dict[int, list[float]]]:
    """Return the border between grids: length, agreed length, and length times the number of layers that draw it."""
    border: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0, 0.0]))
    a, b = draft.group[units.pairs[:, 0]], draft.group[units.pairs[:, 1]]
    for row in np.flatnonzero((a != b) & (a >= 0) & (b >= 0)).tolist():
        more = (
            float(units.length[row]),
            float(units.agreed[row]),
            float(units.length[row] * units.drawn[row]),
        )
        for here, there in ((int(a[row]), int(b[row])), (int(b[row]), int(a[row]))):
            border[here][there] = [x + y for x, y in zip(border[here][there], more, strict=True)]
    return border


def _join(border: dict[int, dict[int, list[float]]], number: int, into: int) -> None:
    """Hand the borders of one grid to another, in place."""
    for other, sums in border.pop(number).items():
        border[other].pop(number, None)
        if other != into:
            for one, two in ((into, other), (other, into)):
                border[one][two] = [x + y for x, y in zip(border[one][two], sums, strict=True)]
