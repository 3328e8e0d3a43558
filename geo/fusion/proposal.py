"""One partition out of several: who decides each cell, how large the new grids are, and why.

The steps, in order; each cell remembers the last one that decided it:

1. ``noise``: a cell narrower than drafting noise goes with the neighbour that most layers (before all others a
   leading layer set by the planner) put it together with; of two equal choices the border along streets and
   estates stays.
2. ``leading``: any other cell goes where the leading layer has it.
3. ``vote``: without a leading layer set by the planner, the layers vote. A layer whose grid is for the most part
   inside a grid of the leading layer votes for that one; coarser grids abstain. A tie goes to the border that
   runs along streets and the edges of estates (``edge``), then to the leading layer.
4. ``pin``: what the planner pinned stays where it was pinned.
5. ``footprint``: an estate or a building that some border cuts goes whole to where most of its ground is.
6. ``other``: where the leading layer has no grid, a grid of another layer stands that lies there for the most
   part; the layer that agrees most with all others is asked first.
7. ``gap``: other ground that the leading layer does not cover joins the neighbour with the longest common border,
   across one on which all agree only where there is none else.
8. ``connect``: a piece cut off from its grid joins a neighbour, unless it is large enough to be a grid.
9. ``split``: a grid above the upper limit is divided along the borders that most layers draw.
10. ``merge``: a grid below the lower limit joins a neighbour, never across a border on which all agree.

Borders of the territory and of parents are not fusion's to move: they may cut an estate.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from geo.errors import ZonesError
from geo.fusion.conflicts import match
from geo.fusion.sizes import breaches, merge, split
from geo.fusion.units import NAMES, NO_BASE, REASONS, Draft, Units, absorb, agreed_m, gather, mixed
from geo.partition import components

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from geo.fusion.cells import Cells
    from geo.fusion.profile import FusionProfile

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

LARGE_PIECE_SHARE = 0.4
"""A detached piece with at least this part of its grid's ground stays a grid by itself."""


def ranking(cells: Cells, profile: FusionProfile) -> list[int]:
    """Return the layers, first the one that agrees most with the others.

    That one leads when the planner names none. Of equal ones that which covers most of the ground (by more than a
    hundredth) comes first, then the one given first.
    """
    score = np.zeros(len(cells.layers))
    for a, b in combinations(range(len(cells.layers)), 2):
        found = match(cells, a, b, profile)
        score[[a, b]] += found.area_m2[found.same].sum()
    there = (cells.zone >= 0) & cells.inside[:, None]
    ground = (there * cells.area_m2[:, None]).sum(axis=0) / max(float(cells.area_m2.sum()), 1e-9)
    return [int(layer) for layer in np.lexsort((-np.round(ground, 2), -np.round(score)))]


def propose(
    cells: Cells,
    leading: int,
    *,
    others: list[int],
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
    others
        The other layers, first those whose word counts where all are equal.
    decided
        Whether the planner set it: then it decides alone where it has a grid.
    noise
        Cells that are drafting noise.
    pins
        Cell → code of a zone of the leading layer.
    profile
        Thresholds.

    Raises
    ------
    ZonesError
        Pins that contradict each other or that contiguity forbids.
    """
    count = len(cells.shapes)
    loose = noise & (cells.estate < 0)
    loose[list(pins)] = False
    absorbed = absorb(cells, loose, leading if decided else None)
    unit = components(count, np.vstack([cells.whole, absorbed]))
    units = gather(cells, unit)
    own = units.zone[:, leading].copy()
    group, reason = own.copy(), np.full(len(own), NAMES.index("leading"))
    held = np.flatnonzero(cells.estate >= 0)
    reason[unit[held][mixed(unit[held], cells.zone[held, leading], len(own))[unit[held]]]] = NAMES.index(
        "footprint"
    )
    if not decided:
        _vote(cells, leading, others, units, group, reason, profile)
    fixed = _pin(cells, unit, leading, pins, group, reason)
    group[~units.inside] = -2
    taken = np.zeros(count, dtype=bool)
    taken[absorbed[:, 0]] = True
    draft = Draft(unit, group, {}, reason, units, taken, agreed_m(cells, absorbed))
    layer = np.where(group >= 0, leading, -1)
    _stand_in(cells, draft, others, layer, profile)
    _number(draft, units, layer)
    _fill(draft, units)
    _connect(draft, units, fixed)
    _check_pins(cells, draft, leading, pins)
    if profile.households is not None and units.households.sum() > 0:
        exempt = {number for number, base in draft.base.items() if cells.dedicated(base)}
        split(draft, units, profile.households, exempt)
        merge(draft, units, profile.households, exempt)
        solid = np.zeros(len(own), dtype=bool)
        solid[unit[cells.whole]] = True
        draft.rules = breaches(draft, units, profile.households, exempt, solid)
    return draft


def _vote(
    cells: Cells,
    leading: int,
    others: list[int],
    units: Units,
    group: Ints,
    reason: Ints,
    profile: FusionProfile,
) -> None:
    """Let the layers decide where they differ, in place; of equal votes the first layer's counts."""
    ballots = [group.copy()]
    for layer in others:
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
    """Where as many layers want one grid as another, keep the border that runs along streets and estates, in place."""
    if units.along.sum() == 0.0:
        return
    tied = np.flatnonzero((tally == tally.max(axis=1)[:, None]).sum(axis=1) > tally.max(axis=1))
    wanted = set(tied[votes[tied, 0] >= 0].tolist())
    if not wanted:
        return
    sides: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for (a, b), along in zip(units.pairs.tolist(), units.along.tolist(), strict=True):
        for here, there in ((a, b), (b, a)):
            if here in wanted:
                sides[here][int(before[there])] += along
    for row in sorted(wanted):
        rivals = {int(vote) for vote, n in zip(votes[row], tally[row], strict=True) if n == tally[row].max()}
        if len(rivals) < 2:  # noqa: PLR2004
            continue
        # joining one rival leaves the border with the others: most of what it follows must be on that side
        total = sum(sides[row][rival] for rival in rivals)
        kept = {rival: total - sides[row][rival] for rival in sorted(rivals)}
        best = max(kept, key=lambda rival: (kept[rival], rival == before[row]))
        if best != group[row] and kept[best] > kept.get(int(group[row]), 0.0):
            group[row] = best
            reason[row] = NAMES.index("edge")


def _pin(
    cells: Cells, unit: Ints, leading: int, pins: Mapping[int, str], group: Ints, reason: Ints
) -> set[int]:
    """Put pinned units where the planner wants them, in place; return them."""
    row_of = {str(code): row for row, code in enumerate(cells.layers[leading].codes)}
    fixed: set[int] = set()
    for cell, code in sorted(pins.items()):
        target = int(unit[cell])
        if target in fixed and group[target] != row_of[code]:
            raise ZonesError(
                f"固定单元 {cell} 与另一个固定单元同属一个小区或楼栋，却指向不同的网格。",
                f"pins of one estate or building contradict each other: cell {cell}",
                remedy="小区和楼栋不可切分，请只保留其中一个固定单元。",
            )
        group[target] = row_of[code]
        reason[target] = NAMES.index("pin")
        fixed.add(target)
    return fixed


def _check_pins(cells: Cells, draft: Draft, leading: int, pins: Mapping[int, str]) -> None:
    """Refuse pins that would have torn a grid: the ground of the zone is then in another grid than the cell."""
    zone, number = cells.zone[:, leading], draft.group[draft.unit]
    free = cells.inside & (draft.reason[draft.unit] != NAMES.index("pin"))
    row_of = {str(code): row for row, code in enumerate(cells.layers[leading].codes)}
    apart = []
    for cell, code in sorted(pins.items()):
        ground = number[free & (zone == row_of[code])]
        if len(ground) and number[cell] not in ground:
            apart.append(f"{cell}={code}")
    if apart:
        raise ZonesError(
            f"固定单元与所指的网格不相连，或被上级边界隔开：{'、'.join(apart[:5])}。",
            f"pins that cannot be in one piece with their zone: {apart[:5]}",
            remedy="网格必须连成一片：请一并固定中间的单元，或改为固定到相邻的网格。",
        )


def _stand_in(cells: Cells, draft: Draft, others: list[int], layer: Ints, profile: FusionProfile) -> None:
    """Let whole grids of other layers stand where the leading layer has none, in place."""
    for other in others:
        open_ = draft.group == -1
        if not open_.any():
            return
        zone = cells.zone[:, other]
        there = cells.inside & (zone >= 0)
        free = there & open_[draft.unit]
        count = len(cells.layers[other].codes)
        whole = np.bincount(zone[there], weights=cells.area_m2[there], minlength=count)
        part = np.bincount(zone[free], weights=cells.area_m2[free], minlength=count)
        stands = np.append((part > 0.0) & (part >= profile.same_share * whole), False)
        rows = np.flatnonzero(open_ & stands[draft.units.zone[:, other]])
        layer[rows] = other
        draft.group[rows] = draft.units.zone[rows, other]
        draft.reason[rows] = NAMES.index("other")


def _number(draft: Draft, units: Units, layer: Ints) -> None:
    """Give grids numbers from 0, one for each zone that grids come from and parent, in place."""
    known = draft.group >= 0
    keys = np.column_stack([layer, draft.group, units.parent])[known]
    found, inverse = np.unique(keys, axis=0, return_inverse=True)
    draft.group[known] = inverse.reshape(-1)
    draft.base = {number: (key[0], key[1]) for number, key in enumerate(found.tolist())}


def _fill(draft: Draft, units: Units) -> None:
    """Give undecided units to the neighbour with the longest common border, in place."""
    # a border on which all agree is crossed only where there is no other
    worth = units.length - 0.999 * units.agreed
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
                ties[here][int(draft.group[there])] += float(worth[row])
        if not ties:
            break
        for here, wanted in ties.items():
            draft.give(np.array([here]), max(sorted(wanted), key=lambda number: wanted[number]), "gap")
    # ground that touches no grid at all becomes grids of its own
    rest = np.flatnonzero(draft.group == -1)
    position = np.full(len(draft.group), -1, dtype=np.int64)
    position[rest] = np.arange(len(rest))
    near = position[units.pairs]
    label = components(len(rest), near[(near >= 0).all(axis=1)])
    first = max(draft.base, default=-1) + 1
    for number in range(int(label.max()) + 1):
        draft.base[first + number] = NO_BASE
        draft.give(rest[label == number], first + number, "gap")


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
                draft.give(members, max(sorted(wanted), key=lambda number: wanted[number]), "connect")
            moved = True
        if not moved:
            settled = set(range(len(mass)))


def _touching(one: int, piece: Ints, units: Units) -> set[int]:
    """Return the pieces beside a piece."""
    left, right = piece[units.pairs[:, 0]], piece[units.pairs[:, 1]]
    return set(right[left == one].tolist()) | set(left[right == one].tolist()) - {one}


def kept_share(cells: Cells, draft: Draft) -> float:
    """Return which part of the borders that all layers agree on is a border of the proposal."""
    number = draft.group[draft.unit]
    apart = number[cells.pairs[:, 0]] != number[cells.pairs[:, 1]]
    whole = float(draft.agreed_m.sum())
    return float(draft.agreed_m[apart].sum()) / whole if whole else 1.0


def explain(
    cells: Cells, leading: int, base: tuple[int, int], row: dict[str, Any], reasons: Mapping[str, float]
) -> str:
    """Return in Chinese how a proposed grid came about."""
    number, zone = base
    layer = cells.layers[number]
    parts = [] if number == leading else [f"{cells.layers[leading].name}在此没有网格"]
    parts += [] if base == NO_BASE else [f"以{layer.name} {layer.codes[zone]} 为基础"]
    parts += [
        f"{REASONS[name]}（{area:,.0f} m²）"
        for name, area in sorted(reasons.items(), key=lambda item: -item[1])
        if name != "leading" and area >= 1.0
    ]
    if row["rule"]:
        parts.append(row["rule"])
    return "；".join(parts) + "。"
