"""A repair under way: fault after fault, each tried on the zones as they are by then."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geo.coverage.decisions import (
    EMPTY_KINDS,
    NO_EFFECT,
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
from geo.coverage.guards import Refusal, beyond_cap, beyond_fault, into_parent, not_mended
from geo.coverage.origins import Origins
from geo.coverage.plane import widths
from geo.coverage.redraw import Around, Redrawn, grid_of, on_grid
from geo.coverage.requests import with_geometries
from geo.coverage.sentences import action_sentence
from geo.coverage.zones import mended

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from geo.coverage.plane import Geometries
    from geo.coverage.requests import Request


_ROUNDS = 8
"""How often the zones that changed are looked at again."""

_DIVISIBLE = (*EMPTY_KINDS, "overlap")
"""Faults whose land is divided where it lies in several parents."""


class Work:
    """The state of a repair under way.

    Faults keep the numbers of the first look. What a later round finds belongs to the fault that it is, or follows
    from (``Origins``), and is dealt with if that was accepted.
    """

    def __init__(self, request: Request, accepted: Collection[int] | None) -> None:
        """Take a request in and look for the first time; ``accepted`` numbers are dealt with, None: all."""
        zones, self.first, self.parents = request.found_in(request.zones)
        request.check(zones)
        self.request, self.zones = request, zones
        self.blocked: Mapping[int, Refusal] = {}
        self.grid = grid_of(geographic=zones.frame.crs.is_geographic)
        self.original = zones
        self.shapes: Geometries = zones.shapes.copy()
        self.census = Census(request.subjects, zones)
        self.ranks = ranked(zones, request.priority)
        places = zones.plane.up(np.array([one.place for one in self.first], dtype=object))
        self.origins = Origins(self.first, places)
        self.crossing = {one.rows[0] for one in self.first if one.kind == "invalid"}
        self.left = set() if accepted is None else set(range(len(self.first))) - set(accepted)
        self.touched: set[int] = set()
        self.actions: dict[int, dict[str, Any]] = {}
        self.begun = False
        self.done = 0
        self.refused: list[dict[str, Any]] = []
        self.exceptions: list[tuple[int, shapely.Geometry]] = []

    def continued(self, blocked: Mapping[int, Refusal]) -> Work:
        """Return this work as it is after more rounds in which some zones are left alone."""
        other = copy(self)
        other.blocked, other.shapes = blocked, self.shapes.copy()
        other.left, other.touched = set(self.left), set(self.touched)
        other.actions, other.exceptions = dict(self.actions), list(self.exceptions)
        other.refused = []
        other._go_on()  # noqa: SLF001  its own
        return other

    def _go_on(self) -> None:
        """Go round until nothing changes.

        What follows from a crossing border shows only when it is mended, closing one place can leave a crumb at its
        end, and what could not be done may have become possible.
        """
        for _ in range(_ROUNDS):
            before = self.done
            if self.begun:
                self._look_again()
            else:
                self.begun = True
                self._round(list(enumerate(self.first)), {})
            if self.done == before:
                break

    def _look_again(self) -> None:
        """Repair what is left, and what follows from the repairs before."""
        self.zones, found, self.parents = self.request.found_in(
            with_geometries(self.request.zones, self.changed()), [place for _, place in self.exceptions]
        )
        self.refused = []
        numbered, fresh = [], {}
        for at, finding in enumerate(found):
            place = self._up(finding)
            number = self.origins.same(finding, place)
            fresh[at] = number is None
            numbered.append(
                (self.origins.cause(finding, place, self.actions) if number is None else number, finding)
            )
        self._round(numbered, fresh)

    def changed(self) -> dict[int, shapely.Geometry]:
        """Return row → geometry of the zones that changed."""
        return {row: self.shapes[row] for row in sorted(self.touched)}

    def _round(self, numbered: Sequence[tuple[int, Finding]], fresh: Mapping[int, bool]) -> None:
        """Repair numbered faults, crossing borders first; those that are new follow the usual strategies."""
        chosen = [at for at, (number, _) in enumerate(numbered) if number not in self.left]
        for at in sorted(chosen, key=lambda at: numbered[at][1].kind != "invalid"):
            number, finding = numbered[at]
            ordered = not self.ranks.keys().isdisjoint(finding.rows)
            strategy = self.request.strategy(None if fresh.get(at) else number, finding.kind, ordered=ordered)
            if finding.kind == "invalid":
                self._mend(number, finding, strategy)
            else:
                self._settle(number, finding, strategy)

    def close(self) -> None:
        """Note the faults that are gone though nothing was done about them: others took their land."""
        known = {*self.left, *self.actions, *(one["number"] for one in self.refused)}
        for number, finding in enumerate(self.first):
            if number not in known:
                self._note(number, finding, "settled", None, {}, shapely.Polygon())

    def beyond_cap(self, since: Work) -> dict[int, Refusal]:
        """Return the zones that all repairs since then together change by more than the cap."""
        found = {}
        for row in self.touched:
            before, after = shapely.area(since.shapes[row]), shapely.area(self.shapes[row])
            change = abs(after / max(before, 1e-30) - 1)
            if change > self.request.guards.max_change:
                found[row] = beyond_cap(self.zones.codes[row], change, self.request.guards.max_change)
        return found

    def connected(self, refusals: Mapping[int, Refusal]) -> dict[int, Refusal]:
        """Return refusals for all zones, too, whose faults hang together with those of zones that have one."""
        spread = dict(refusals)
        while True:
            before = len(spread)
            for finding in self.first:
                known = next((row for row in finding.rows if row in spread), None)
                if known is not None:
                    spread |= {row: spread[known] for row in finding.rows if row not in spread}
            if len(spread) == before:
                return spread

    def _up(self, finding: Finding) -> shapely.Geometry:
        place: shapely.Geometry = self.zones.plane.up(np.array([finding.place], dtype=object))[0]
        return place

    def _area_m2(self, shape: shapely.Geometry) -> float:
        if shapely.is_empty(shape):
            return 0.0
        laid = self.zones.plane.down(np.array([shape], dtype=object))
        return float((shapely.area(laid) * self.zones.plane.corrections(laid))[0])

    def _refuse(self, number: int, finding: Finding, why: Refusal) -> None:
        """Note a fault that is left; what only arose on the way has no number."""
        place = self._up(finding)
        known = number in self.actions or any(one["number"] == number for one in self.refused)
        self.refused.append(
            {
                "number": None if known else number,
                "kind": finding.kind,
                "codes": [self.zones.codes[row] for row in finding.rows],
                "area_m2": self._area_m2(place) if shapely.get_dimensions(place) == 2 else 0.0,  # noqa: PLR2004  areal
                "reason": why.reason,
                "reason_en": why.reason_en,
                "geometry": place,
            }
        )

    def _mend(self, number: int, finding: Finding, strategy: str) -> None:
        """Replace an invalid zone by what its rings enclose: its largest piece and what is no splinter."""
        row = finding.rows[0]
        if strategy == "refuse":
            self._refuse(number, finding, ON_REQUEST)
            return
        given = self.original.given[row]
        whole = shapely.Polygon() if shapely.is_empty(self.shapes[row]) else mended(given)
        if shapely.is_empty(whole):
            self._refuse(
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
            self._refuse(number, finding, why)
            return
        splinters = shapely.symmetric_difference(whole, shape)
        self._act(number, finding, "mend", row, Redrawn({row: shape}, splinters, frozenset([row])))

    def _settle(self, number: int, finding: Finding, strategy: str) -> None:
        """Repair one fault, parent by parent, or refuse it with the reason."""
        why = self._reason_to_leave(number, finding, strategy)
        if why is not None:
            self._refuse(number, finding, why)
            return
        place = self._up(finding)
        if strategy == "exception":
            self.exceptions.append((number, place))
            self._act(number, finding, strategy, None, Redrawn({}, place, frozenset()))
            return
        pieces = [finding.place]
        if self.parents is not None and finding.kind in _DIVISIBLE:
            pieces = self.parents.pieces(finding.place, Tolerances().near_miss_m)
        for piece in pieces:
            self._give(number, replace(finding, place=piece), strategy)

    def _give(self, number: int, finding: Finding, strategy: str) -> None:
        """Give the land of a fault to the best zone that may have it, or refuse it with the reason."""
        choices: list[int | None] = [None]
        if finding.kind != "outside_parent" and not (finding.kind == "near_miss" and finding.names):
            tolerance_m = Tolerances().tolerance_m
            choices = list(recipients(finding, self.zones, strategy, self.census, self.ranks, tolerance_m))
        why = NOBODY
        for choice in choices:
            redrawn, why_not = self._tried(finding, choice)
            if why_not is None:
                self._act(number, finding, strategy, choice, redrawn)
                return
            why = why_not if why is NOBODY else why
        self._refuse(number, finding, why)

    def _reason_to_leave(self, number: int, finding: Finding, strategy: str) -> Refusal | None:
        for row in finding.rows:
            if row in self.blocked:
                return self.blocked[row]
        if strategy == "refuse":
            asked = number in self.request.decisions or finding.kind in self.request.strategies
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

    def _tried(self, finding: Finding, choice: int | None) -> tuple[Redrawn, Refusal | None]:
        """Return how zones change when this row gets the land, and what speaks against it."""
        place = self._up(finding)
        near = self.zones.tree.query(place, predicate="dwithin", distance=10 * self.grid)
        rows = sorted({*(int(row) for row in near), *finding.rows, *([] if choice is None else [choice])})
        shapes = on_grid(self.shapes[rows], self.grid)
        around = Around(
            dict(zip(rows, shapes, strict=True)), on_grid(np.array([place]), self.grid)[0], self.grid
        )
        redrawn = around.redrawn(lambda held, beside: decision(finding, choice, held, beside))
        if not redrawn.parties:
            return redrawn, NO_EFFECT
        return redrawn, self._objection(redrawn, choice)

    def _objection(self, redrawn: Redrawn, choice: int | None) -> Refusal | None:
        """Return what speaks against zones as they come out, where this row gets the land that moves."""
        codes, plane = self.zones.codes, self.zones.plane
        if choice is not None and self.parents is not None:
            land = plane.down(np.array([redrawn.moved], dtype=object))[0]
            parent = self.parents.reached(choice, land, Tolerances().near_miss_m)
            if parent is not None:
                return into_parent(codes[choice], parent)
        for row, shape in redrawn.shapes.items():
            if row in self.blocked and row in redrawn.parties:
                return self.blocked[row]
            if self._unmended(row) and row in redrawn.parties:
                return not_mended(codes[row])
            before, after = plane.down(np.array([self.shapes[row], shape], dtype=object))
            why = self.request.guards.objection(codes[row], before, after)
            if why is not None:
                return why
        disturbed = redrawn.disturbed(self.shapes, self.grid)
        return None if disturbed is None else beyond_fault(codes[disturbed])

    def _unmended(self, row: int) -> bool:
        """Return whether a zone is as invalid as it was given: its shape here is only what its rings enclose."""
        return row in self.crossing and row not in self.touched

    def _act(
        self,
        number: int,
        finding: Finding,
        strategy: str,
        recipient: int | None,
        redrawn: Redrawn,
    ) -> None:
        """Change zones, and note it."""
        codes = self.zones.codes
        changes = {}
        for row, shape in redrawn.shapes.items():
            if row not in redrawn.parties and self._unmended(row):
                continue  # a vertex beside it must not mend what was refused
            if row in redrawn.parties:
                before, after = self.zones.plane.areas_m2(np.array([self.shapes[row], shape], dtype=object))
                changes[codes[row]] = (round(float(before), 2), round(float(after), 2))
            self.shapes[row] = shape
            self.touched.add(row)
        self.done += 1
        self._note(number, finding, strategy, recipient, changes, redrawn.moved)

    def _note(
        self,
        number: int,
        finding: Finding,
        strategy: str,
        recipient: int | None,
        changes: Mapping[str, tuple[float, float]],
        moved: shapely.Geometry,
    ) -> None:
        """Note what was done about a fault, one row for each number."""
        households, people = self.census.within(moved)
        area = self._area_m2(moved)
        name = None if recipient is None else self.zones.codes[recipient]
        message, message_en = action_sentence(finding.kind, strategy, name, area, changes)
        if self.census.known:
            message += f"涉及 {households:,} 户、{people:,} 人。"
            message_en += f" {households:,} households, {people:,} people affected."
        row = {
            "number": number,
            "kind": finding.kind,
            "strategy": strategy,
            "codes": [self.zones.codes[row] for row in finding.rows],
            "recipient": name,
            "area_m2": area,
            "changes": dict(changes),
            "households": households if self.census.known else pd.NA,
            "people": people if self.census.known else pd.NA,
            "message": message,
            "message_en": message_en,
            "geometry": self._up(finding),
        }
        self.actions[number] = row if number not in self.actions else _joined(self.actions[number], row)


def _joined(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return one action for what was done about a fault in two steps: land and people of both, in both sentences."""
    changes = dict(first["changes"])
    for code, (before, after) in then["changes"].items():
        changes[code] = (changes.get(code, (before, after))[0], after)
    return {
        **first,
        "changes": changes,
        **{name: first[name] + then[name] for name in ("area_m2", "households", "people")},
        "message": first["message"] + then["message"],
        "message_en": f"{first['message_en']} {then['message_en']}",
    }
