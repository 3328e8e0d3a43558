"""One partition out of several: who decides each cell, how large the new grids are, and why.

The steps, in order; each cell remembers the last one that decided it:

1. ``noise``: a cell narrower than drafting noise goes with the neighbour that most layers (before all others a
   leading layer set by the planner) put it together with; of two equal choices the border along streets stays.
2. ``leading``: any other cell goes where the leading layer has it.
3. ``vote``: without a leading layer set by the planner, the layers vote. A layer whose grid is for the most part
   inside a grid of the leading layer votes for that one; coarser grids abstain. A tie goes to the border that
   runs along streets, then to the leading layer.
4. ``pin``: what the planner pinned stays where it was pinned.
5. ``footprint``: an estate or a building that some border cuts goes whole to where most of its ground is.
6. ``gap``: ground that no deciding layer covers joins the neighbour with the longest common border.
7. ``connect``: a piece cut off from its grid joins a neighbour, unless it is large enough to be a grid.
8. ``split``: a grid above the upper limit is divided along the borders that most layers draw.
9. ``merge``: a grid below the lower limit joins a neighbour, never across a border on which all agree.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from geo.fusion.conflicts import match
from geo.partition import components, contiguous_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from geo.fusion.cells import Cells
    from geo.fusion.profile import FusionProfile

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

REASONS: dict[str, str] = {
    "leading": "沿用主导图层的边界",
    "noise": "只是描绘误差，取多数图层的边界",
    "vote": "多数图层划在这里",
    "pin": "规划员指定",
    "footprint": "小区或楼栋不可切分，整体划入占地最多的一侧",
    "gap": "主导图层没有覆盖，并入公共边界最长的相邻网格",
    "connect": "与所属网格不相连，并入相邻网格",
    "split": "原网格超过户数上限，沿多数图层的边界拆分",
    "merge": "原网格低于户数下限，与边界有分歧的相邻网格合并",
}
NAMES = tuple(REASONS)
_SAME_LENGTH_M = 1.0
"""Shorter lengths of border are rounding."""

LARGE_PIECE_SHARE = 0.4
"""A detached piece with at least this part of its grid's ground stays a grid by itself."""


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
    length, street
        Length of that border (in meters), and the part of it along streets.
    drawn
        How many layers draw it.
    agreed
        Its length where all layers that cover both sides draw it, two at least; else 0.
    parent
        Parent zone of each unit.
    """

    zone: Ints
    area: Floats
    households: Floats
    pairs: Ints
    length: Floats
    street: Floats
    drawn: Floats
    agreed: Floats
    parent: Ints


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
        Zone of the leading layer that each grid came from, -1 for none.
    reason
        Row of ``NAMES`` of each unit.
    units
        The units.
    absorbed
        Cells that were drafting noise and went with a neighbour.
    """

    unit: Ints
    group: Ints
    base: dict[int, int]
    reason: Ints
    units: Units
    absorbed: NDArray[np.bool_]

    @property
    def why(self) -> Ints:
        """Row of ``NAMES`` of each cell."""
        reason = self.reason[self.unit]
        return np.where(self.absorbed & (reason == NAMES.index("leading")), NAMES.index("noise"), reason)


def lead(cells: Cells, profile: FusionProfile) -> int:
    """Return the layer that agrees most with the others: the leading one when the planner names none."""
    score = np.zeros(len(cells.layers))
    for a, b in combinations(range(len(cells.layers)), 2):
        found = match(cells, a, b, profile)
        score[[a, b]] += found.area_m2[found.same].sum()
    return int(score.argmax())


def propose(
    cells: Cells,
    leading: int,
    *,
    decided: bool,
    noise: NDArray[np.bool_],
    pins: Mapping[int, str],
    profile: FusionProfile,
) -> Draft:
    """Return the new grid of every cell.

    Parameters
    ----------
    cells
        The overlay.
    leading
        The leading layer.
    decided
        Whether the planner set it: then it decides alone where it has a grid.
    noise
        Cells that are drafting noise.
    pins
        Cell → code of a zone of the leading layer.
    profile
        Thresholds.
    """
    count = len(cells.shapes)
    outside = ~cells.inside
    loose = noise & (cells.estate < 0)
    loose[list(pins)] = False
    absorbed = _absorb(cells, loose, leading if decided else None)
    unit = components(count, np.vstack([cells.whole, absorbed]))
    units = _units(cells, unit)
    own = units.zone[:, leading].copy()
    group, reason = own.copy(), np.full(len(own), NAMES.index("leading"))
    held = np.flatnonzero(cells.estate >= 0)
    reason[unit[held][_mixed(unit[held], cells.zone[held, leading], len(own))[unit[held]]]] = NAMES.index(
        "footprint"
    )
    if not decided:
        _vote(cells, leading, units, group, reason, profile)
    fixed = _pin(cells, unit, leading, pins, group, reason)
    dropped = np.bincount(unit[outside], minlength=len(own)) == np.bincount(unit, minlength=len(own))
    group[dropped] = -2
    taken = np.zeros(count, dtype=bool)
    taken[absorbed[:, 0]] = True
    draft = Draft(unit, group, {}, reason, units, taken)
    _number(draft, units)
    _fill(draft, units, NAMES.index("gap"))
    _connect(draft, units, fixed)
    if profile.households is not None and units.households.sum() > 0:
        alone = {int(row) for row in np.flatnonzero(cells.layers[leading].dedicated)}
        exempt = {number for number, zone in draft.base.items() if zone in alone}
        _split(draft, units, profile.households, exempt, fixed)
        _merge(draft, units, profile.households, exempt)
    return draft


def _absorb(cells: Cells, loose: NDArray[np.bool_], leading: int | None) -> Ints:
    """Return links from loose cells to the neighbour each goes with: pairs (k, 2)."""
    a, b = cells.pairs.T
    alike = ((cells.zone[a] == cells.zone[b]) & (cells.zone[a] >= 0)).sum(axis=1)
    if leading is not None:
        alike = alike + 100 * (cells.zone[a, leading] == cells.zone[b, leading])
    side, other = np.concatenate([a, b]), np.concatenate([b, a])
    alike, street = np.tile(alike, 2), np.tile(cells.pair_street_m, 2)
    length = np.tile(cells.pair_length_m, 2)
    good = (
        loose[side]
        & (cells.parent[side] == cells.parent[other])
        & (cells.inside[side] == cells.inside[other])
    )
    # a cell that joins a neighbour loses the border with it: let it not be the one along the street
    rows = np.flatnonzero(good)[np.lexsort((-length[good], street[good], -alike[good], side[good]))]
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


def _majority(unit: Ints, value: Ints, weight: Floats, count: int) -> Ints:
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


def _mixed(unit: Ints, value: Ints, count: int) -> NDArray[np.bool_]:
    """Whether the cells of a unit have more than one value."""
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -2)
    np.minimum.at(low, unit, value)
    np.maximum.at(high, unit, value)
    return np.asarray(low != high)


def _units(cells: Cells, unit: Ints) -> Units:
    """Add cells up by unit; units of different parents or on different sides of the outline are no neighbours."""
    count = int(unit.max()) + 1 if len(unit) else 0
    parent = _majority(unit, cells.parent, cells.area_m2, count)
    zone = np.column_stack(
        [_majority(unit, cells.zone[:, layer], cells.area_m2, count) for layer in range(len(cells.layers))]
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
    length = total(cells.pair_length_m)
    return Units(
        zone=zone,
        area=np.bincount(unit, weights=cells.area_m2, minlength=count).astype(np.float64),
        households=np.bincount(unit, weights=cells.counts["household"].to_numpy(), minlength=count).astype(
            np.float64
        ),
        pairs=pairs,
        length=length,
        street=total(cells.pair_street_m),
        drawn=drawn.astype(np.float64),
        agreed=np.where((drawn == both.sum(axis=1)) & (drawn >= 2), length, 0.0),  # noqa: PLR2004
        parent=parent,
    )


def _vote(
    cells: Cells,
    leading: int,
    units: Units,
    group: Ints,
    reason: Ints,
    profile: FusionProfile,
) -> None:
    """Let the layers decide where they differ, in place."""
    ballots = [group.copy()]
    for layer in range(len(cells.layers)):
        if layer == leading:
            continue
        found = match(cells, leading, layer, profile)
        share = found.area_m2 / np.maximum(
            np.bincount(found.second, weights=found.area_m2)[found.second], 1e-9
        )
        good = share >= profile.same_share
        into = np.full(len(cells.layers[layer].codes), -1, dtype=np.int64)
        order = np.argsort(share[good], kind="stable")
        into[found.second[good][order]] = found.first[good][order]
        code = units.zone[:, layer]
        ballots.append(np.where(code >= 0, into[code], -1))
    votes = np.column_stack(ballots)
    tally = np.where(votes >= 0, (votes[:, :, None] == votes[:, None, :]).sum(axis=2), 0)
    most = tally.max(axis=1)
    own = np.where(votes[:, 0] >= 0, tally[:, 0], 0)
    choice = votes[np.arange(len(votes)), tally.argmax(axis=1)]
    moved = (most > own) & (choice >= 0) & (choice != group)
    before = group.copy()
    group[moved] = choice[moved]
    reason[moved] = NAMES.index("vote")
    _break_ties(votes, tally, units, group, reason, before)
    # a border on which all agree stays one: whoever voted it away goes back
    a, b = units.pairs.T
    broken = (units.agreed > 0.5 * units.length) & (group[a] == group[b]) & (before[a] != before[b])
    back = np.unique(np.concatenate([a[broken], b[broken]]))
    group[back] = before[back]
    reason[back] = NAMES.index("leading")


def _break_ties(votes: Ints, tally: Ints, units: Units, group: Ints, reason: Ints, before: Ints) -> None:
    """Where as many layers want one grid as another, keep the border that runs along streets, in place."""
    if units.street.sum() == 0.0:
        return
    tied = np.flatnonzero((tally == tally.max(axis=1)[:, None]).sum(axis=1) > tally.max(axis=1))
    wanted = set(tied[votes[tied, 0] >= 0].tolist())
    if not wanted:
        return
    sides: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for (a, b), along in zip(units.pairs.tolist(), units.street.tolist(), strict=True):
        for here, there in ((a, b), (b, a)):
            if here in wanted:
                sides[here][int(before[there])] += along
    for row in sorted(wanted):
        rivals = {int(vote) for vote, n in zip(votes[row], tally[row], strict=True) if n == tally[row].max()}
        if len(rivals) < 2:  # noqa: PLR2004
            continue
        # joining one rival leaves the border with the others: the most street must be on that side
        total = sum(sides[row][rival] for rival in rivals)
        kept = {rival: total - sides[row][rival] for rival in sorted(rivals)}
        best = max(kept, key=lambda rival: (kept[rival], rival == before[row]))
        if best != group[row] and kept[best] > kept.get(int(group[row]), 0.0):
            group[row] = best
            reason[row] = NAMES.index("vote")


def _pin(
    cells: Cells, unit: Ints, leading: int, pins: Mapping[int, str], group: Ints, reason: Ints
) -> set[int]:
    """Put pinned units where the planner wants them, in place; return them."""
    row_of = {str(code): row for row, code in enumerate(cells.layers[leading].codes)}
    fixed: set[int] = set()
    for cell, code in pins.items():
        target = int(unit[cell])
        group[target] = row_of[code]
        reason[target] = NAMES.index("pin")
        fixed.add(target)
    return fixed


def _number(draft: Draft, units: Units) -> None:
    """Give grids numbers from 0, one for each leading zone and parent, in place."""
    known = draft.group >= 0
    base = np.int64(units.parent.max(initial=0) + 2)
    keys, inverse = np.unique(draft.group[known] * base + units.parent[known] + 1, return_inverse=True)
    draft.group[known] = inverse.reshape(-1)
    draft.base = {number: int(key // base) for number, key in enumerate(keys)}


def _fill(draft: Draft, units: Units, why: int) -> None:
    """Give undecided units to the neighbour with the longest common border, in place."""
    a, b = units.pairs.T
    while True:
        open_ = draft.group == -1
        if not open_.any():
            return
        ties: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        rows = np.flatnonzero(open_[a] != open_[b])
        for row in rows.tolist():
            here, there = (int(a[row]), int(b[row])) if open_[a[row]] else (int(b[row]), int(a[row]))
            if draft.group[there] >= 0:
                ties[here][int(draft.group[there])] += float(units.length[row])
        if not ties:
            break
        for here, wanted in ties.items():
            draft.group[here] = max(sorted(wanted), key=lambda number: wanted[number])
            draft.reason[here] = why
    # ground that touches no grid at all becomes grids of its own
    rest = np.flatnonzero(draft.group == -1)
    position = np.full(len(draft.group), -1, dtype=np.int64)
    position[rest] = np.arange(len(rest))
    near = position[units.pairs]
    label = components(len(rest), near[(near >= 0).all(axis=1)])
    first = max(draft.base, default=-1) + 1
    draft.group[rest] = first + label
    draft.reason[rest] = why
    draft.base.update({first + number: -1 for number in range(int(label.max()) + 1)})


def _connect(draft: Draft, units: Units, fixed: set[int]) -> None:
    """Make every grid one piece, in place."""
    a, b = units.pairs.T
    pinned = np.zeros(len(draft.group), dtype=bool)
    pinned[list(fixed)] = True
    settled: set[int] = set()
    while True:
        same = draft.group[a] == draft.group[b]
        piece = components(len(draft.group), units.pairs[same])
        of_piece = np.zeros(int(piece.max()) + 1, dtype=np.int64)
        of_piece[piece] = draft.group
        area = np.bincount(piece, weights=units.area)
        mass = (
            np.bincount(piece, weights=units.households) * 1e3
            + area
            + np.bincount(piece, weights=pinned) * 1e15
        )
        order = np.lexsort((-mass, of_piece))
        main = np.zeros(len(mass), dtype=bool)
        main[order[np.concatenate([[True], of_piece[order][1:] != of_piece[order][:-1]])]] = True
        stray = ~main & (of_piece >= 0)
        if not stray.any():
            return
        largest = np.zeros(int(draft.group.max()) + 1)
        np.maximum.at(largest, np.maximum(of_piece, 0), np.where(of_piece >= 0, area, 0.0))
        ties: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for here, there in ((a, b), (b, a)):
            rows = np.flatnonzero(stray[piece[here]] & ~same & main[piece[there]] & (draft.group[there] >= 0))
            # an agreed border is worth nothing to a piece that looks for a home
            worth = units.length[rows] - 0.999 * units.agreed[rows]
            for one, other, length in zip(
                piece[here[rows]].tolist(), draft.group[there[rows]].tolist(), worth.tolist(), strict=True
            ):
                ties[one][other] += length
        moved = False
        for one in np.flatnonzero(stray).tolist():
            members = piece == one
            alone = area[one] >= LARGE_PIECE_SHARE * largest[of_piece[one]] or bool(pinned[members].any())
            if alone or one not in ties:
                if not alone and any(stray[n] for n in _touching(one, piece, units)) and one not in settled:
                    continue  # its neighbours look for a home too: ask again when they have one
                first = max(draft.base) + 1
                draft.base[first] = draft.base[int(of_piece[one])]
                draft.group[members] = first
            else:
                wanted = ties[one]
                draft.group[members] = max(sorted(wanted), key=lambda number: wanted[number])
                draft.reason[members] = np.where(
                    pinned[members], draft.reason[members], NAMES.index("connect")
                )
            moved = True
        if not moved:
            settled = set(range(len(mass)))


def _touching(one: int, piece: Ints, units: Units) -> set[int]:
    """Return the pieces beside a piece."""
    left, right = piece[units.pairs[:, 0]], piece[units.pairs[:, 1]]
    return set(right[left == one].tolist()) | set(left[right == one].tolist()) - {one}


def _split(
    draft: Draft, units: Units, limits: tuple[float, float], exempt: set[int], fixed: set[int]
) -> None:
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


def _merge(draft: Draft, units: Units, limits: tuple[float, float], exempt: set[int]) -> None:
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


def kept_share(draft: Draft) -> float:
    """Return which part of the borders that all layers agree on is a border of the proposal."""
    units = draft.units
    a, b = units.pairs.T
    apart = draft.group[a] != draft.group[b]
    whole = float(units.agreed.sum())
    return float(units.agreed[apart].sum()) / whole if whole else 1.0


def explain(cells: Cells, leading: int, row: dict[str, Any], reasons: Mapping[str, float]) -> str:
    """Return in Chinese how a proposed grid came about."""
    layer = cells.layers[leading]
    parts = [
        f"以{layer.name} {'、'.join(row['leading'][:3])} 为基础"
        if row["leading"]
        else f"{layer.name}在此没有网格"
    ]
    parts += [
        f"{REASONS[name]}（{area:,.0f} m²）"
        for name, area in sorted(reasons.items(), key=lambda item: -item[1])
        if name != "leading" and area >= 1.0
    ]
    if row["rule"]:
        parts.append(row["rule"])
    return "；".join(parts) + "。"
