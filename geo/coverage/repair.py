"""Guarded repair: proposals, what was done to whom, what was refused, and the way back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.coverage.decisions import (
    DEFAULTS,
    EMPTY_KINDS,
    NOBODY,
    ON_REQUEST,
    STRATEGIES,
    TOO_WIDE,
    UNDECIDED,
    Census,
    decision,
    ranked,
    recipients,
)
from geo.coverage.faults import search
from geo.coverage.findings import Finding, Tolerances, in_order
from geo.coverage.guards import Guards, Refusal, beyond_cap
from geo.coverage.plane import widths
from geo.coverage.redraw import Around, grid_of, on_grid
from geo.coverage.sentences import area_text
from geo.coverage.zones import mended
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from geo.coverage.plane import Geometries
    from geo.coverage.zones import Zones

_ROUNDS = 8
"""How often the zones that changed are looked at again."""

ACTION_COLUMNS = (
    "number",
    "kind",
    "strategy",
    "codes",
    "recipient",
    "area_m2",
    "changes",
    "households",
    "people",
    "message",
    "message_en",
    "geometry",
)
REFUSED_COLUMNS = ("number", "kind", "codes", "area_m2", "reason", "reason_en", "geometry")


@dataclass(frozen=True)
class Repair:
    """What a repair did.

    Parameters
    ----------
    zones
        The repaired zones: the rows, columns and index of the input; only geometries differ.
    actions
        One row per fault that was dealt with: ``number`` (for ``Proposal.apply``), ``kind``, ``strategy``, ``codes`` of
        the zones concerned, ``recipient`` (code, or None), ``area_m2`` that changed hands, ``changes`` (code → square
        meters before and after, for each zone whose area changed), ``households`` and ``people`` affected (missing
        when no subjects were given), ``message``, ``message_en`` and ``geometry``.
    refused
        One row per fault that was left: ``number``, ``kind``, ``codes``, ``area_m2``, ``reason``, ``reason_en``,
        ``geometry``.
    exceptions
        Gaps to be registered as exceptions (strategy ``exception``): give them to ``find_faults``.
    inverse
        Row position → geometry before: every one that changed.
    """

    zones: gpd.GeoDataFrame
    actions: gpd.GeoDataFrame
    refused: gpd.GeoDataFrame
    exceptions: gpd.GeoSeries
    inverse: Mapping[int, shapely.Geometry | None]

    def undone(self) -> gpd.GeoDataFrame:
        """Return the zones as they were, each coordinate restored."""
        return _with_geometries(self.zones, self.inverse)


@dataclass(frozen=True)
class Proposal:
    """What a repair would do: nothing is changed before ``apply``.

    Parameters
    ----------
    zones
        As given.
    actions, refused
        As in ``Repair``.
    """

    zones: gpd.GeoDataFrame
    actions: gpd.GeoDataFrame
    refused: gpd.GeoDataFrame
    _job: _Job = field(repr=False)

    def apply(self, accepted: Collection[int] | None = None) -> Repair:
        """Return the repair with the accepted actions (their ``number``), or with all."""
        return self._job.run(None if accepted is None else frozenset(accepted))


def propose(  # noqa: PLR0913  as many as a planner can decide about
    zones: gpd.GeoDataFrame,
    boundary: Any = None,  # noqa: ANN401  a polygon, a GeoSeries or a GeoDataFrame
    *,
    parents: gpd.GeoDataFrame | None = None,
    exceptions: Any = None,  # noqa: ANN401
    subjects: gpd.GeoDataFrame | None = None,
    strategies: Mapping[str, str] | None = None,
    decisions: Mapping[int, str] | None = None,
    priority: Sequence[str] | None = None,
    guards: Guards | None = None,
) -> Proposal:
    """Say what a repair would do, fault by fault.

    Parameters
    ----------
    zones, boundary, parents, exceptions
        As in ``find_faults``.
    subjects
        Households, for the strategies that count them and for who is affected. Column ``people`` is summed.
    strategies
        Kind of fault → what to do: ``longest_border`` (give the land to the neighbour with which it shares most of its
        outline), ``most_households``, ``fewest_households``, ``priority``, ``exception`` (register the gap, change
        nothing), ``refuse``, or the code of a zone. What is not named is done by ``geo.coverage.DEFAULTS``.
    decisions
        Number of a fault (its row in ``find_faults(zones, boundary, parents=…, exceptions=…)``) → a strategy or the
        code of the zone that shall have it. A named zone also lifts the limit on the width of gaps.
    priority
        Codes of zones, or of layers (column ``layer``), the most important first: it keeps what overlaps.
    guards
        Limits; ``Guards()`` when None.

    Returns
    -------
    Proposal

    Raises
    ------
    ZonesError
        As ``find_faults``; also for an unknown strategy or code, and a strategy that counts households without
        ``subjects``.
    """
    job = _Job(
        zones,
        boundary,
        parents,
        exceptions,
        subjects,
        strategies or {},
        decisions or {},
        priority,
        guards or Guards(),
    )
    tried = job.run(None)
    return Proposal(zones, tried.actions, tried.refused, job)


def repair(  # noqa: PLR0913  as many as a planner can decide about
    zones: gpd.GeoDataFrame,
    boundary: Any = None,  # noqa: ANN401  a polygon, a GeoSeries or a GeoDataFrame
    *,
    parents: gpd.GeoDataFrame | None = None,
    exceptions: Any = None,  # noqa: ANN401
    subjects: gpd.GeoDataFrame | None = None,
    strategies: Mapping[str, str] | None = None,
    decisions: Mapping[int, str] | None = None,
    priority: Sequence[str] | None = None,
    guards: Guards | None = None,
) -> Repair:
    """Repair a coverage within guards: every action that ``propose`` proposes is done.

    No zone vanishes, none falls into more pieces, none changes by more of its area than ``Guards.max_change``, and a
    gap wider than ``Guards.max_gap_width_m`` is left as real unless somebody decided about it. What a guard stops is
    tried with the next best recipient, and refused with the reason when none is left. Afterwards ``find_faults`` finds
    nothing that was repaired, a second repair changes nothing, and ``Repair.undone`` restores every coordinate.

    Parameters
    ----------
    zones, boundary, parents, exceptions
        As in ``find_faults``.
    subjects, strategies, decisions, priority, guards
        As in ``propose``.

    Returns
    -------
    Repair

    Raises
    ------
    ZonesError
        As ``propose``.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> zones = gpd.GeoDataFrame(
    ...     {"code": ["A", "B"]},
    ...     geometry=[shapely.box(121.40, 31.07, 121.40301, 31.073), shapely.box(121.403, 31.07, 121.406, 31.073)],
    ...     crs="EPSG:4490",
    ... )
    >>> done = repair(zones)
    >>> done.actions[["kind", "codes", "recipient"]].values.tolist()
    [['overlap', ['A', 'B'], 'A']]
    >>> done.undone().equals(zones)
    True
    """
    job = _Job(
        zones,
        boundary,
        parents,
        exceptions,
        subjects,
        strategies or {},
        decisions or {},
        priority,
        guards or Guards(),
    )
    return job.run(None)


@dataclass(frozen=True)
class _Job:
    """A repair as it was asked for; running it again gives the same again."""

    zones: gpd.GeoDataFrame
    boundary: Any
    parents: gpd.GeoDataFrame | None
    exceptions: Any
    subjects: gpd.GeoDataFrame | None
    strategies: Mapping[str, str]
    decisions: Mapping[int, str]
    priority: Sequence[str] | None
    guards: Guards

    def run(self, accepted: frozenset[int] | None) -> Repair:
        """Repair what is accepted, or everything; numbers do not depend on what is accepted.

        Where all repairs of a zone together would change it by more than the cap, none of its faults is repaired: to
        stop half-way would make the outcome depend on the order, and a second repair go on where the first stopped.
        """
        blocked: dict[int, Refusal] = {}
        while True:
            work = self._attempt(accepted, blocked)
            beyond = work.beyond_cap()
            if not beyond:
                return work.result()
            blocked |= beyond

    def _attempt(self, accepted: frozenset[int] | None, blocked: Mapping[int, Refusal]) -> _Work:
        taken, found = search(self.zones, self.boundary, self.parents, self.exceptions, Tolerances())
        self._check(taken)
        work = _Work(self, taken, blocked)
        numbered = list(enumerate(in_order(found)))
        for number, finding in numbered:
            if accepted is not None and number not in accepted:
                work.leave(finding)
        work.round([(number, one) for number, one in numbered if accepted is None or number in accepted])
        after = len(numbered)
        # What follows from a crossing border shows only when it is mended, closing one place can leave a crumb at its
        # end, and what could not be done may now be possible: go on until a round changes nothing.
        done = 0
        for _ in range(_ROUNDS):
            if len(work.actions) == done:
                break
            done = len(work.actions)
            frame = _with_geometries(self.zones, {row: work.shapes[row] for row in work.touched})
            work.zones, found = search(frame, self.boundary, self.parents, self.exceptions, Tolerances())
            known = work.numbers_of_refused()
            work.refused = []
            later = [one for one in in_order(found) if not work.is_left(one)]
            fresh = itertools.count(after)
            work.round([(known.get((one.kind, one.rows)) or next(fresh), one) for one in later])
            after = next(fresh)
        return work

    def _check(self, taken: Zones) -> None:
        for name in [*self.strategies.values(), *self.decisions.values()]:
            if name not in STRATEGIES and name not in taken.codes:
                raise ZonesError(
                    f"没有叫“{name}”的处理办法，也没有这个编码的网格。",
                    f"{name} is neither a strategy nor the code of a zone",
                    remedy=f"可用的处理办法：{'、'.join(STRATEGIES)}，或者接收网格的编码。",
                )
            if name.endswith("_households") and self.subjects is None:
                raise ZonesError(
                    "按户数分配需要管理对象。",
                    f"{name} needs subjects",
                    remedy="请提供 subjects（户的位置），或改用 longest_border。",
                )


class _Work:
    """The state of a repair under way."""

    def __init__(self, job: _Job, zones: Zones, blocked: Mapping[int, Refusal]) -> None:
        self.job, self.zones, self.blocked = job, zones, blocked
        self.grid = grid_of(geographic=zones.frame.crs.is_geographic)
        self.original = zones
        self.shapes: Geometries = zones.shapes.copy()
        self.census = Census(job.subjects, zones)
        self.ranks = ranked(zones, job.priority)
        self.left: list[tuple[str, tuple[int, ...], shapely.Geometry]] = []
        self.touched: set[int] = set()
        self.actions: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.exceptions: list[shapely.Geometry] = []

    def round(self, found: Sequence[tuple[int, Finding]]) -> None:
        """Repair numbered faults, crossing borders first."""
        for number, finding in found:
            if finding.kind == "invalid":
                self.mend(number, finding)
        for number, finding in found:
            if finding.kind != "invalid":
                self.settle(number, finding)

    def leave(self, finding: Finding) -> None:
        """Leave a fault alone from now on."""
        self.left.append((finding.kind, finding.rows, self._up(finding)))

    def is_left(self, finding: Finding) -> bool:
        """Return whether this is a fault that was left alone, at its place."""
        place = self._up(finding)
        return any(
            (kind, rows) == (finding.kind, finding.rows) and shapely.intersects(place, where)
            for kind, rows, where in self.left
        )

    def numbers_of_refused(self) -> dict[tuple[str, tuple[int, ...]], int]:
        """Return the numbers under which faults were refused so far."""
        rows = {code: row for row, code in enumerate(self.zones.codes)}
        return {
            (one["kind"], tuple(rows[code] for code in one["codes"])): one["number"] for one in self.refused
        }

    def beyond_cap(self) -> dict[int, Refusal]:
        """Return the zones that all repairs together change by more than the cap."""
        found = {}
        for row in self.touched:
            before, after = shapely.area(self.original.shapes[row]), shapely.area(self.shapes[row])
            change = abs(after / max(before, 1e-30) - 1)
            if change > self.job.guards.max_change:
                found[row] = beyond_cap(self.zones.codes[row], change, self.job.guards.max_change)
        return found

    def _up(self, finding: Finding) -> shapely.Geometry:
        place: shapely.Geometry = self.zones.plane.up(np.array([finding.place], dtype=object))[0]
        return place

    def _strategy(self, number: int, kind: str) -> str:
        return self.job.decisions.get(number, self.job.strategies.get(kind, DEFAULTS.get(kind, "refuse")))

    def _area_m2(self, shape: shapely.Geometry) -> float:
        if shapely.is_empty(shape):
            return 0.0
        laid = self.zones.plane.down(np.array([shape], dtype=object))
        return float((shapely.area(laid) * self.zones.plane.corrections(laid))[0])

    def refuse(self, number: int, finding: Finding, why: Refusal) -> None:
        """Note a fault that is left."""
        place = self._up(finding)
        self.refused.append(
            {
                "number": number,
                "kind": finding.kind,
                "codes": [self.zones.codes[row] for row in finding.rows],
                "area_m2": self._area_m2(place) if shapely.get_dimensions(place) == 2 else 0.0,  # noqa: PLR2004  areal
                "reason": why.reason,
                "reason_en": why.reason_en,
                "geometry": place,
            }
        )

    def mend(self, number: int, finding: Finding) -> None:
        """Replace an invalid zone by what its lines enclose: its largest piece and what is no splinter."""
        row = finding.rows[0]
        if self._strategy(number, "invalid") == "refuse":
            self.refuse(number, finding, ON_REQUEST)
            return
        given = self.original.given[row]
        whole = shapely.Polygon() if shapely.is_empty(self.shapes[row]) else mended(given)
        if shapely.is_empty(whole):
            self.refuse(
                number,
                finding,
                Refusal("没有可用的图形，要重新绘制", "there is no shape to mend: draw it anew"),
            )
            return
        pieces = sorted(shapely.get_parts(whole), key=lambda piece: -shapely.area(piece))
        kept = pieces[: max(1, shapely.get_num_geometries(given))]
        shape = on_grid(
            np.array([kept[0] if len(kept) == 1 else shapely.MultiPolygon(kept)], dtype=object), self.grid
        )[0]
        laid = self.zones.plane.down(np.array([whole, shape], dtype=object))
        why = self.job.guards.objection(self.zones.codes[row], laid[0], laid[1])
        if why is not None:
            self.refuse(number, finding, why)
            return
        self._act(number, finding, "mend", row, {row: shape}, shapely.symmetric_difference(whole, shape))

    def settle(self, number: int, finding: Finding) -> None:
        """Repair one fault, or refuse it with the reason."""
        strategy = self._strategy(number, finding.kind)
        why = self._reason_to_leave(number, finding, strategy)
        if why is not None:
            self.refuse(number, finding, why)
            return
        place = self._up(finding)
        if strategy == "exception":
            self.exceptions.append(place)
            self.leave(finding)
            self._act(number, finding, strategy, None, {}, place)
            return
        if finding.kind == "outside_parent":
            choices: list[int | None] = [None]
        else:
            limits = Tolerances()
            choices = list(
                recipients(finding, self.zones, strategy, self.census, self.ranks, limits.tolerance_m)
            )
        why = NOBODY
        for choice in choices:
            changed, why_not = self._tried(finding, place, choice)
            if why_not is None:
                self._act(number, finding, strategy, choice, changed, place)
                return
            why = why_not if why is NOBODY else why
        self.refuse(number, finding, why)

    def _reason_to_leave(self, number: int, finding: Finding, strategy: str) -> Refusal | None:
        for row in finding.rows:
            if row in self.blocked:
                return self.blocked[row]
        if strategy == "refuse":
            asked = number in self.job.decisions or self.job.strategies.get(finding.kind) != DEFAULTS.get(
                finding.kind
            )
            return ON_REQUEST if asked else UNDECIDED.get(finding.kind, ON_REQUEST)
        if finding.kind == "duplicate" or (finding.kind == "crossing_levels" and strategy in STRATEGIES):
            return UNDECIDED[finding.kind]
        if strategy == "exception" and finding.kind not in EMPTY_KINDS:
            return Refusal("只有缺口可以登记为豁免", "only a gap can be registered as an exception")
        if finding.kind in EMPTY_KINDS and strategy in STRATEGIES and strategy != "exception":
            width = float(widths(np.array([finding.place], dtype=object))[0])
            if width > self.job.guards.max_gap_width_m:
                return TOO_WIDE
        return None

    def _tried(
        self, finding: Finding, place: shapely.Geometry, choice: int | None
    ) -> tuple[dict[int, shapely.Geometry], Refusal | None]:
        """Return how zones change when this row gets the land, and what speaks against it."""
        near = self.zones.tree.query(place, predicate="dwithin", distance=10 * self.grid)
        rows = sorted({*(int(row) for row in near), *finding.rows, *([] if choice is None else [choice])})
        shapes = on_grid(self.shapes[rows], self.grid)
        around = Around(
            dict(zip(rows, shapes, strict=True)), on_grid(np.array([place]), self.grid)[0], self.grid
        )
        changed = around.redrawn(lambda held: decision(finding, choice, held))
        for row, shape in changed.items():
            laid = self.zones.plane.down(np.array([self.shapes[row], shape], dtype=object))
            why = self.blocked.get(row) or self.job.guards.objection(self.zones.codes[row], laid[0], laid[1])
            if why is not None:
                return {}, why
        return changed, None

    def _act(
        self,
        number: int,
        finding: Finding,
        strategy: str,
        recipient: int | None,
        changed: Mapping[int, shapely.Geometry],
        place: shapely.Geometry,
    ) -> None:
        codes = self.zones.codes
        changes = {}
        for row, shape in changed.items():
            before, after = self.zones.plane.areas_m2(np.array([self.shapes[row], shape], dtype=object))
            if abs(after - before) > 1e-3:  # noqa: PLR2004  a vertex more is no change of area
                changes[codes[row]] = (round(float(before), 2), round(float(after), 2))
            self.shapes[row] = shape
            self.touched.add(row)
        households, people = self.census.within(place)
        area = self._area_m2(place)
        name = None if recipient is None else codes[recipient]
        message, message_en = _sentence(finding.kind, strategy, name, area, changes)
        if self.census.known:
            message += f"涉及 {households:,} 户、{people:,} 人。"
            message_en += f" {households:,} households, {people:,} people affected."
        self.actions.append(
            {
                "number": number,
                "kind": finding.kind,
                "strategy": strategy,
                "codes": [codes[row] for row in finding.rows],
                "recipient": name,
                "area_m2": area,
                "changes": changes,
                "households": households if self.census.known else pd.NA,
                "people": people if self.census.known else pd.NA,
                "message": message,
                "message_en": message_en,
                "geometry": place,
            }
        )

    def result(self) -> Repair:
        """Return what was done; geometries that nobody touched come back as the same objects."""
        frame = self.job.zones
        crs = frame.crs
        rows = sorted(self.touched)
        given = np.asarray(frame.geometry.array, dtype=object)
        return Repair(
            zones=_with_geometries(frame, {row: self.shapes[row] for row in rows}),
            actions=_table(self.actions, ACTION_COLUMNS, crs),
            refused=_table(self.refused, REFUSED_COLUMNS, crs),
            exceptions=gpd.GeoSeries(self.exceptions, crs=crs),
            inverse={row: given[row] for row in rows},
        )


def _sentence(
    kind: str,
    strategy: str,
    recipient: str | None,
    area_m2: float,
    changes: Mapping[str, tuple[float, float]],
) -> tuple[str, str]:
    """Return what an action does, in Chinese and in English."""
    sizes = "；".join(f"{code} {before:,.0f} → {after:,.0f} m²" for code, (before, after) in changes.items())
    sizes_en = "; ".join(
        f"{code} {before:,.0f} → {after:,.0f} m²" for code, (before, after) in changes.items()
    )
    tail = f"（{sizes}）。" if sizes else "。"
    tail_en = f" ({sizes_en})." if sizes_en else "."
    size = area_text(area_m2)
    if strategy == "exception":
        return f"缺口 {size} 登记为豁免。", f"Gap of {area_m2:,.1f} m² registered as an exception."
    if strategy == "mend":
        return (
            f"网格 {recipient} 的自相交边界已理顺{tail}",
            f"The crossing border of zone {recipient} is mended{tail_en}",
        )
    if kind == "near_miss":
        return (
            f"共同边界按网格 {recipient} 的线对齐{tail}",
            f"The common border follows zone {recipient}{tail_en}",
        )
    if recipient is None:
        return f"边界外的 {size} 已裁去{tail}", f"{area_m2:,.1f} m² outside the boundary are cut off{tail_en}"
    return f"{size} 归网格 {recipient}{tail}", f"{area_m2:,.1f} m² go to zone {recipient}{tail_en}"


def _with_geometries(
    frame: gpd.GeoDataFrame, changed: Mapping[int, shapely.Geometry | None]
) -> gpd.GeoDataFrame:
    geometries = np.asarray(frame.geometry.array, dtype=object).copy()
    for row, shape in changed.items():
        geometries[row] = shape
    result = frame.copy()
    result[frame.geometry.name] = gpd.GeoSeries(list(geometries), index=frame.index, crs=frame.crs)
    return result


def _table(rows: list[dict[str, Any]], columns: Sequence[str], crs: Any) -> gpd.GeoDataFrame:  # noqa: ANN401
    table = pd.DataFrame(rows, columns=list(columns))
    for column in ("households", "people"):
        if column in table.columns:
            table[column] = table[column].astype("Int64")
    return gpd.GeoDataFrame(table, geometry="geometry", crs=crs)
