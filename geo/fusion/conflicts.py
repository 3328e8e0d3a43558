"""Where the departments' borders disagree, and in what way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.crs import INTERNAL_CRS
from geo.fusion.cells import united
from geo.partition import components, runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from geo.fusion.cells import Cells
    from geo.fusion.profile import FusionProfile

    Ints = NDArray[np.int64]

KINDS: dict[str, tuple[str, str]] = {
    "overlap": ("层内重叠", "two zones of one layer claim the same ground"),
    "conflict": ("实际分歧", "departments put the same ground into different grids"),
    "missing": ("单层缺失", "one department has no grid here"),
    "noise": ("描绘误差", "the same border drawn a little apart"),
    "grain": ("粒度不同", "one grid of a department is several of another's"),
    "containment": ("包含关系", "a grid of one department lies inside a larger one of another"),
}
"""Kinds of disagreement, most serious first."""

_SERIOUS = ("overlap", "conflict", "missing", "noise")
_FIGURES = ("household", "business", "institution", "people")
_SPLINTER_M = 10.0
"""A cell narrower than this (in meters) makes no place of its own."""

_SHOWN = 4
"""Codes of one department that a sentence names."""

_FILLED = 0.8
"""A zone is several of another layer when they fill at least this part of it."""

COLUMNS = (
    "kind", "kind_name", "departments", "codes", "length_m", "own_length_m", "area_m2", "width_m",
    "household", "business", "institution", "people", "message", "message_en", "geometry",
)  # fmt: skip

_TYPES: dict[str, type] = {
    **dict.fromkeys(("length_m", "own_length_m", "area_m2", "width_m"), float),
    **dict.fromkeys(_FIGURES, int),
}
"""Of columns with numbers, also where there is no row to tell."""


class Matches(NamedTuple):
    """How the zones of one layer lie in those of another, over the ground that both cover.

    Parameters
    ----------
    first, second
        Zones that share ground.
    area_m2
        How much.
    same
        Each is the other's best match, and by enough; and neither is the smaller part of the other.
    first_inside, second_inside
        One lies inside the other and is not the same.
    row
        Row of this table of each cell, -1 where a layer has none.
    """

    first: Ints
    second: Ints
    area_m2: NDArray[np.float64]
    same: NDArray[np.bool_]
    first_inside: NDArray[np.bool_]
    second_inside: NDArray[np.bool_]
    row: Ints


def match(cells: Cells, a: int, b: int, profile: FusionProfile) -> Matches:
    """Compare two layers zone by zone."""
    first, second = cells.zone[:, a], cells.zone[:, b]
    both = np.flatnonzero((first >= 0) & (second >= 0))
    base = np.int64(len(cells.layers[b].codes))
    keys, inverse = np.unique(first[both] * base + second[both], return_inverse=True)
    inverse = inverse.reshape(-1)
    area = np.bincount(inverse, weights=cells.area_m2[both], minlength=len(keys)).astype(np.float64)
    one, two = keys // base, keys % base
    share_one = area / np.bincount(one, weights=area)[one] if len(keys) else area
    share_two = area / np.bincount(two, weights=area)[two] if len(keys) else area
    best = _is_best(one, area) & _is_best(two, area)
    same = best & (np.minimum(share_one, share_two) >= profile.same_share)
    inside_one, inside_two = share_one >= profile.contained_share, share_two >= profile.contained_share
    # where a layer leaves much out, a small zone may be all it has in a large one: that is inside, not the same
    ground_one, ground_two = (
        np.bincount(zone[zone >= 0], weights=cells.area_m2[zone >= 0])[rows]
        for zone, rows in ((first, one), (second, two))
    )
    same &= (area >= profile.same_share * ground_one) | ~inside_two
    same &= (area >= profile.same_share * ground_two) | ~inside_one
    larger = ground_one > ground_two
    row = np.full(len(first), -1, dtype=np.int64)
    row[both] = inverse
    return Matches(
        one,
        two,
        area,
        same,
        inside_one & ~same & ~(inside_two & larger),
        inside_two & ~same & ~(inside_one & ~larger),
        row,
    )


def _is_best(group: Ints, area: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row has the largest area of its group (the first of equals)."""
    order = np.lexsort((np.arange(len(group)), -area, group))
    best = np.zeros(len(group), dtype=bool)
    if len(group):
        leading = np.ones(len(group), dtype=bool)
        leading[1:] = group[order][1:] != group[order][:-1]
        best[order[leading]] = True
    return best


@dataclass(frozen=True)
class Survey:
    """What every pair of layers says of every cell.

    Parameters
    ----------
    marks
        For ``overlap`` bits of layers, for the other kinds of one cell bits of pairs of layers, that disagree on it.
    nested
        Rows of ``find_conflicts`` for zones inside zones.
    low, high
        In the view of each layer, its zones that the zones of all layers at a cell match best: the one of lowest row
        and the one of highest, -1 for none, (n, layers). Where they differ, the cell lies between them.
    """

    marks: dict[str, Ints]
    nested: list[dict[str, Any]]
    low: Ints
    high: Ints

    @property
    def noise(self) -> NDArray[np.bool_]:
        """Cells on which layers differ by no more than drafting noise."""
        return np.asarray(
            (self.marks["noise"] > 0) & (self.marks["conflict"] == 0) & (self.marks["missing"] == 0)
        )


def survey(cells: Cells, profile: FusionProfile) -> Survey:
    """Compare every pair of layers on every cell."""
    count, layers = len(cells.shapes), len(cells.layers)
    marks = {kind: np.zeros(count, dtype=np.int64) for kind in _SERIOUS}
    for cell, layer in cells.claims:
        marks["overlap"][cell] |= 1 << layer
    nested: list[dict[str, Any]] = []
    low, high = cells.zone.copy(), cells.zone.copy()
    for number, (a, b) in enumerate(combinations(range(layers), 2)):
        found = match(cells, a, b, profile)
        _mark(cells, found, (a, b), np.int64(1) << number, profile, marks)
        nested.extend(_nested(cells, found, a, b))
        for own, other, zones, theirs in (
            (a, b, found.first, found.second),
            (b, a, found.second, found.first),
        ):
            best = _is_best(theirs, found.area_m2)
            into = np.full(len(cells.layers[other].codes) + 1, -1, dtype=np.int64)
            into[theirs[best]] = zones[best]
            seen = into[cells.zone[:, other]]
            low[:, own] = np.where(
                (seen >= 0) & ((low[:, own] < 0) | (seen < low[:, own])), seen, low[:, own]
            )
            high[:, own] = np.maximum(high[:, own], seen)
    return Survey(marks, nested, low, high)


def find_conflicts(cells: Cells, found: Survey) -> gpd.GeoDataFrame:
    """Return every place where borders disagree: columns ``COLUMNS``, most serious first.

    A piece of ground is in one row of the first four kinds at most, so their areas and subjects may be added up.
    ``grain`` and ``containment`` describe zones within a zone and say nothing against a border; their ground and
    subjects are those of the zones within. ``length_m`` is that of the borders in and round a place that some
    departments draw and others do not; neighbouring places share such a border. ``own_length_m`` divides each border
    among the places of its kind that share it, so that it may be added up within a kind: every metre counts once.
    ``width_m`` is the mean width.
    """
    rows = [*_places(cells, found), *found.nested]
    for kind in ("grain", "containment"):
        _divide_borders(cells, [row for row in found.nested if row["kind"] == kind])
    rows.sort(key=lambda row: list(KINDS).index(row["kind"]))
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(_TYPES)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=INTERNAL_CRS)


def _mark(
    cells: Cells,
    found: Matches,
    layers: tuple[int, int],
    bit: np.int64,
    profile: FusionProfile,
    marks: dict[str, Ints],
) -> None:
    """Mark cells on which two layers disagree, in place."""
    first, second = cells.zone[:, layers[0]], cells.zone[:, layers[1]]
    fine = np.append(found.same | found.first_inside | found.second_inside, True)
    apart = (found.row >= 0) & ~fine[found.row]
    lacking = ((first < 0) != (second < 0)) & cells.inside
    asked = apart | lacking
    if not asked.any():
        return
    a, b = cells.pairs.T
    joined = asked[a] & asked[b] & (first[a] == first[b]) & (second[a] == second[b])
    piece = components(len(first), cells.pairs[joined])
    area = np.bincount(piece, weights=cells.area_m2)
    rim = np.bincount(piece, weights=cells.perimeter_m)
    rim = rim - 2.0 * np.bincount(piece[a[joined]], weights=cells.pair_length_m[joined], minlength=len(rim))
    # a strip of width w and length l has an area of wl and a rim of 2(l + w): twice the area over the rim is w
    thin = (2.0 * area / np.maximum(rim, 1e-9) < profile.noise_width_m)[piece]
    marks["noise"][asked & thin] |= bit
    marks["conflict"][apart & ~thin] |= bit
    marks["missing"][lacking & ~thin] |= bit


def _places(cells: Cells, found: Survey) -> list[dict[str, Any]]:
    """Gather marked cells into places."""
    count, marks = len(cells.shapes), found.marks
    kind = np.full(count, len(_SERIOUS), dtype=np.int64)
    for rank in range(len(_SERIOUS) - 1, -1, -1):
        kind[marks[_SERIOUS[rank]] > 0] = rank
    mask = np.zeros(count, dtype=np.int64)
    for rank, name in enumerate(_SERIOUS):
        mask[kind == rank] = marks[name][kind == rank]
    asked = kind < len(_SERIOUS)
    a, b = cells.pairs.T
    # one place lies in one zone of each department concerned, or it would spread over the whole city
    concerned, claimed = _concerned(cells, kind, mask), _claimed(cells)
    alike = (~concerned[a] | (claimed[a] == claimed[b])).all(axis=1)
    joined = asked[a] & asked[b] & (kind[a] == kind[b]) & (mask[a] == mask[b]) & alike
    links = np.vstack([cells.pairs[joined], _splinters(cells, kind, mask, claimed)])
    place = components(count, links)
    _gather_noise(cells, found, np.flatnonzero(kind == _SERIOUS.index("noise")), place)
    member = np.flatnonzero(asked)
    order = member[np.lexsort((member, place[member], kind[member]))]
    # borders inside or round a place that some departments draw and others do not
    drawn = claimed[a] != claimed[b]
    disputed = drawn.any(axis=1) & ~drawn.all(axis=1)
    length, own_length = np.zeros(count), np.zeros(count)
    for side, other in ((a, b), (b, a)):
        mine = disputed & asked[side]
        for sums, one in ((length, place), (own_length, kind)):
            metres = cells.pair_length_m * np.where(one[side] == one[other], 0.5, 1.0)
            np.add.at(sums, side[mine], metres[mine])
    figures = cells.counts[list(_FIGURES)].to_numpy()
    inner = asked[a] & asked[b] & (place[a] == place[b])
    within = np.bincount(
        place[a[inner]], weights=cells.pair_length_m[inner], minlength=int(place.max(initial=0)) + 1
    )
    rows = []
    for run in runs(place[order]):
        members = order[run]
        name = _SERIOUS[kind[members[0]]]
        involved = np.flatnonzero(concerned[members].any(axis=0)).tolist()
        area = float(cells.area_m2[members].sum())
        # as in `_mark`: twice the area over the rim
        rim = float(cells.perimeter_m[members].sum() - 2.0 * within[place[members[0]]])
        row: dict[str, Any] = {
            "kind": name,
            "departments": [cells.layers[layer].code for layer in involved],
            "codes": {cells.layers[layer].code: _codes(cells, layer, members) for layer in involved},
            "length_m": float(length[members].sum()),
            "own_length_m": float(own_length[members].sum()),
            "area_m2": area,
            "width_m": 2.0 * area / max(rim, 1e-9),
            "geometry": united(cells, members),
        }
        row.update(zip(_FIGURES, figures[members].sum(axis=0).tolist(), strict=True))
        taken = {} if name != "overlap" else {
            cells.layers[layer].code: sorted(set(cells.layers[layer].codes[cells.zone[members, layer]].tolist()))
            for layer in involved
        }  # fmt: skip
        _say(cells, row, taken)
        rows.append(row)
    return rows


def _gather_noise(cells: Cells, found: Survey, noise: Ints, place: Ints) -> None:
    """Give one place to drafting noise along the border between the same two grids, in place: it comes in splinters.

    The grids are those of the layer with the fewest in whose view the noise lies between two.
    """
    order = sorted(
        range(len(cells.layers)), key=lambda at: (len(cells.layers[at].codes), cells.layers[at].code)
    )
    low, high = found.low[noise][:, order], found.high[noise][:, order]
    between = (low >= 0) & (low < high)
    view = between.argmax(axis=1)
    row = np.flatnonzero(between.any(axis=1))
    ends = np.column_stack([view[row], low[row, view[row]], high[row, view[row]]])
    if len(row):
        place[noise[row]] = place.max() + 1 + np.unique(ends, axis=0, return_inverse=True)[1].reshape(-1)


def _claimed(cells: Cells) -> Ints:
    """Return the zone of each layer as ``cells.zone``, with a number of its own for each set of zones that overlap."""
    claimed = cells.zone.copy()
    sets: dict[tuple[int, tuple[int, ...]], int] = {}
    for (cell, layer), zones in cells.claims.items():
        claimed[cell, layer] = len(cells.layers[layer].codes) + sets.setdefault((layer, zones), len(sets))
    return claimed


def _codes(cells: Cells, layer: int, members: Ints) -> list[str]:
    """Return the codes of the zones of a layer that have a claim to some of the cells."""
    zones = set(cells.zone[members, layer].tolist()) - {-1}
    zones.update(zone for cell in members.tolist() for zone in cells.claims.get((cell, layer), ()))
    return [str(code) for code in cells.layers[layer].codes[sorted(zones)]]


def _concerned(cells: Cells, kind: Ints, mask: Ints) -> NDArray[np.bool_]:
    """Return which layers disagree on each cell, (n, layers)."""
    layers = len(cells.layers)
    out = np.zeros((len(kind), layers), dtype=bool)
    overlap = kind == 0
    for layer in range(layers):
        out[:, layer] = overlap & ((mask >> layer & 1) > 0)
    for number, pair in enumerate(combinations(range(layers), 2)):
        said = ~overlap & ((mask >> number & 1) > 0)
        out[said, pair[0]] = True
        out[said, pair[1]] = True
    return out


def _splinters(cells: Cells, kind: Ints, mask: Ints, claimed: Ints) -> Ints:
    """Return links from each splinter of a conflict to the place that it was cut off from.

    Drafting noise of a third layer cuts thin pieces off a place where two others disagree: they are no places
    of their own. A splinter goes with the neighbour it shares the longest border with: of those in the same zones of
    all departments concerned, else of those in the same zones of two that disagree, else of those where the same
    departments disagree.
    """
    a, b = cells.pairs.T
    thin = 2.0 * cells.area_m2 / np.maximum(cells.perimeter_m, 1e-9) < _SPLINTER_M
    serious = kind < _SERIOUS.index("noise")
    concerned = _concerned(cells, kind, mask)
    both, same = concerned[a] & concerned[b], claimed[a] == claimed[b]
    alike = (~both | same).all(axis=1) & both.any(axis=1)
    shared = np.zeros(len(a), dtype=bool)
    for number, (one, two) in enumerate(combinations(range(len(cells.layers)), 2)):
        shared |= ((mask[a] & mask[b]) >> number & 1 > 0) & same[:, one] & same[:, two]
    rank = np.select([alike, shared & (kind[a] > 0), mask[a] == mask[b]], [0, 1, 2], 3)
    together = (kind[a] == kind[b]) & serious[a] & (rank < 3)  # noqa: PLR2004
    side, other = np.concatenate([a, b]), np.concatenate([b, a])
    length, rank = np.tile(cells.pair_length_m, 2), np.tile(rank, 2)
    rows = np.flatnonzero(np.tile(together, 2) & thin[side])
    order = rows[np.lexsort((-length[rows], rank[rows], thin[other[rows]], side[rows]))]
    best = order[np.unique(side[order], return_index=True)[1]]
    return np.column_stack([side[best], other[best]])


def _nested(cells: Cells, found: Matches, a: int, b: int) -> list[dict[str, Any]]:
    """Return rows for zones of one layer that hold zones of the other."""
    one, two = cells.pairs.T
    figures = cells.counts[list(_FIGURES)].to_numpy()
    rows = []
    for outer, inner, holders, is_inside in (
        (b, a, found.second, found.first_inside),
        (a, b, found.first, found.second_inside),
    ):
        if not is_inside.any():
            continue
        whole = np.bincount(holders, weights=found.area_m2)
        within = np.append(is_inside, False)[found.row]
        of_cell = cells.zone[:, outer]
        between = of_cell[one] == of_cell[two]
        between &= (cells.zone[one, inner] != cells.zone[two, inner]) & (within[one] | within[two])
        edges = np.flatnonzero(between)
        edges = edges[np.argsort(of_cell[one[edges]], kind="stable")]
        holder = of_cell[one[edges]]
        borders = {int(holder[run][0]): edges[run] for run in runs(holder)}
        member = np.flatnonzero(within)
        member = member[np.argsort(of_cell[member], kind="stable")]
        for run in runs(of_cell[member]):
            members = member[run]
            zone = int(of_cell[members[0]])
            kids = np.unique(cells.zone[members, inner])
            area = float(cells.area_m2[members].sum())
            row: dict[str, Any] = {
                "kind": "grain" if len(kids) > 1 and area >= _FILLED * whole[zone] else "containment",
                "departments": [cells.layers[outer].code, cells.layers[inner].code],
                "codes": {
                    cells.layers[outer].code: [str(cells.layers[outer].codes[zone])],
                    cells.layers[inner].code: sorted(cells.layers[inner].codes[kids].tolist()),
                },
                "borders": borders.get(zone, edges[:0]),
                "length_m": float(cells.pair_length_m[borders.get(zone, edges[:0])].sum()),
                "area_m2": area,
                "width_m": np.nan,
                "geometry": united(cells, members),
            }
            row.update(zip(_FIGURES, figures[members].sum(axis=0).tolist(), strict=True))
            _say(cells, row)
            rows.append(row)
    return rows


def _divide_borders(cells: Cells, rows: list[dict[str, Any]]) -> None:
    """Divide each border among the rows that count it, in place."""
    counted = np.zeros(len(cells.pairs))
    for row in rows:
        counted[row["borders"]] += 1.0
    for row in rows:
        row["own_length_m"] = float((cells.pair_length_m / np.maximum(counted, 1.0))[row["borders"]].sum())


def _say(cells: Cells, row: dict[str, Any], taken: Mapping[str, list[str]] | None = None) -> None:
    """Write the sentences of a row, in place; ``taken``: the zones that ground is counted as that several claim."""
    names = {layer.code: layer.name for layer in cells.layers}
    parts, parts_en = [], []
    for code, zones in row["codes"].items():
        more = len(zones) > _SHOWN
        shown = "、".join(zones[:_SHOWN]) + (f" 等{len(zones)}个" if more else "") if zones else "无网格"
        parts.append(f"{names[code]} {shown}")
        listed = ", ".join(zones[:_SHOWN]) + (f" and {len(zones) - _SHOWN} more" if more else "")
        parts_en.append(f"{code} {listed or 'none'}")
    chinese, english = KINDS[row["kind"]]
    row["kind_name"] = chinese
    size = f"{row['area_m2']:,.0f} m²，争议边界 {row['length_m']:,.0f} 米，{row['household']:,} 户"
    which = "disputed borders"
    if row["kind"] in ("grain", "containment"):
        which = "borders within"
        size = f"{row['area_m2']:,.0f} m²，内部边界 {row['length_m']:,.0f} 米，{row['household']:,} 户"
    row["message"] = f"{chinese}：{'；'.join(parts)}（{size}）。"
    row["message_en"] = (
        f"{english}: {'; '.join(parts_en)} ({row['area_m2']:,.0f} m2, {which} {row['length_m']:,.0f} m, "
        f"{row['household']:,} households)"
    )
    if taken:
        counted = "；".join(f"{names[code]} {'、'.join(zones)}" for code, zones in taken.items())
        row["message"] += f"这块地暂按排在前面的 {counted} 计算；请先修复重叠，再重新合一。"
        row["message_en"] += (
            f", counted as {', '.join(code for zones in taken.values() for code in zones)}, which comes first"
        )
