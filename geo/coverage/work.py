"""A repair under way: fault after fault, each tried on the zones as they are by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from geo.coverage.findings import Finding, Tolerances
from geo.coverage.guards import Refusal, beyond_cap
from geo.coverage.plane import widths
from geo.coverage.redraw import Around, grid_of, on_grid
from geo.coverage.sentences import action_sentence
from geo.coverage.zones import mended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geo.coverage.plane import Geometries
    from geo.coverage.requests import Request
    from geo.coverage.zones import Zones


class Work:
    """The state of a repair under way."""

    def __init__(self, request: Request, zones: Zones, blocked: Mapping[int, Refusal]) -> None:
        self.request, self.zones, self.blocked = request, zones, blocked
        self.grid = grid_of(geographic=zones.frame.crs.is_geographic)
        self.original = zones
        self.shapes: Geometries = zones.shapes.copy()
        self.census = Census(request.subjects, zones)
        self.ranks = ranked(zones, request.priority)
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
            if change > self.request.guards.max_change:
                found[row] = beyond_cap(self.zones.codes[row], change, self.request.guards.max_change)
        return found

    def _up(self, finding: Finding) -> shapely.Geometry:
        place: shapely.Geometry = self.zones.plane.up(np.array([finding.place], dtype=object))[0]
        return place

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
        if self.request.strategy(number, "invalid") == "refuse":
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
        why = self.request.guards.objection(self.zones.codes[row], laid[0], laid[1])
        if why is not None:
            self.refuse(number, finding, why)
            return
        self._act(number, finding, "mend", row, {row: shape}, shapely.symmetric_difference(whole, shape))

    def settle(self, number: int, finding: Finding) -> None:
        """Repair one fault, or refuse it with the reason."""
        strategy = self.request.strategy(number, finding.kind)
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
            asked = number in self.request.decisions or self.request.strategies.get(
                finding.kind
            ) != DEFAULTS.get(finding.kind)
            return ON_REQUEST if asked else UNDECIDED.get(finding.kind, ON_REQUEST)
        if finding.kind == "duplicate" or (finding.kind == "crossing_levels" and strategy in STRATEGIES):
            return UNDECIDED[finding.kind]
        if strategy == "exception" and finding.kind not in EMPTY_KINDS:
            return Refusal("只有缺口可以登记为豁免", "only a gap can be registered as an exception")
        if finding.kind in EMPTY_KINDS and strategy in STRATEGIES and strategy != "exception":
            width = float(widths(np.array([finding.place], dtype=object))[0])
            if width > self.request.guards.max_gap_width_m:
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
            why = self.blocked.get(row) or self.request.guards.objection(
                self.zones.codes[row], laid[0], laid[1]
            )
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
        message, message_en = action_sentence(finding.kind, strategy, name, area, changes)
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
