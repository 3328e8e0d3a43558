"""The rules of size: proposed grids that are too large are split, those too small join a neighbour."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from geo.partition import contiguous_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.fusion.units import Draft, Units

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_SAME_LENGTH_M = 1.0
"""Shorter lengths of border are rounding."""

_MORE_PARTS = 3
"""How many numbers of parts beyond the least are tried for a grid that is too large."""


def split(draft: Draft, units: Units, limits: tuple[float, float], exempt: set[int]) -> None:
    """Divide grids above the upper limit where borders of other layers allow it, in place."""
    high = limits[1]
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
        # weak where many layers draw a border, weaker where it runs along a street or an estate
        along = units.along[rows] / np.maximum(units.length[rows], 1e-9)
        strength = units.length[rows] / (1.0 + 4.0 * units.drawn[rows]) / (1.0 + along) + 1e-3
        parts = _divided(units.households[members], position[units.pairs[rows]], strength, limits)
        keep = int(np.bincount(parts, weights=units.households[members]).argmax())
        for part in range(int(parts.max()) + 1):
            if part != keep:
                fresh = max(draft.base) + 1
                draft.base[fresh] = draft.base[number]
                draft.give(members[parts == part], fresh, "split")


def _divided(loads: Floats, pairs: Ints, strength: Floats, limits: tuple[float, float]) -> Ints:
    """Return the parts of a grid that is too large, as little outside the limits as can be found."""
    low, high = limits
    total = float(loads.sum())
    least, most = math.ceil(total / high), math.floor(total / max(low, 1.0))
    # limits as far from the mean on either side ask for that many parts
    means = [total / count for count in range(least, min(most, least + _MORE_PARTS) + 1)]
    reach = [min(mean - low, high - mean) for mean in means]
    tries = [(low, high), *((mean - far, mean + far) for mean, far in zip(means, reach, strict=True))]
    best = np.zeros(len(loads), dtype=np.int64)
    for least_load, most_load in tries:
        if _beyond(best, loads, limits) == 0.0:
            break
        parts = contiguous_parts(loads, pairs, strength=strength, low=least_load, high=most_load)
        if _beyond(parts, loads, limits) < _beyond(best, loads, limits):
            best = parts
    return best


def _beyond(parts: Ints, loads: Floats, limits: tuple[float, float]) -> float:
    """Return by how many households parts are outside the limits, together."""
    total = np.bincount(parts, weights=loads)
    return float(np.maximum(0.0, np.maximum(limits[0] - total, total - limits[1])).sum())


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
            draft.give(draft.group == number, final[number], "merge")


def breaches(
    draft: Draft, units: Units, limits: tuple[float, float], exempt: set[int], solid: NDArray[np.bool_]
) -> dict[int, str]:
    """Say in Chinese how grids break the rules of size, and why nothing better was found.

    ``solid`` tells which units are the cells of an estate or building that borders cut.
    """
    low, high = limits
    good = draft.group >= 0
    total = np.bincount(draft.group[good], weights=units.households[good])
    parts = np.bincount(draft.group[good])
    kept = np.zeros(len(parts), dtype=bool)
    kept[draft.group[good & solid]] = True
    border = _borders(draft, units)
    out: dict[int, str] = {}
    for number in np.unique(draft.group[good]).tolist():
        load = float(total[number])
        if number in exempt or low <= load <= high:
            continue
        if load > high:
            if parts[number] == 1:
                why = (
                    "内部的边界都穿过不可切分的小区或楼栋"
                    if kept[number]
                    else "内部没有任何图层的边界可供拆分"
                )
            elif load < 2.0 * low:
                why = "拆开后会有网格低于下限"
            else:
                why = "沿各图层的边界拆不出都在上下限内的网格"
            out[number] = f"{load:,.0f} 户，超过上限 {high:,.0f} 户，{why}"
            continue
        found = {
            "相邻的是专属网格"
            if other in exempt
            else "与相邻网格的边界各图层一致"
            if agreed > _SAME_LENGTH_M
            else "与相邻网格合并后超过上限"
            for other, (_, agreed, _) in border[number].items()
        }
        why = "、".join(sorted(found)) or "没有可以合并的相邻网格"
        out[number] = f"{load:,.0f} 户，低于下限 {low:,.0f} 户，{why}，未合并"
    return out


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
