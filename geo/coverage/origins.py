"""Which of the faults found at first a later one is, or comes from.

A repair looks again after each round. A fault that it then sees is one of the first look, perhaps smaller or under
another name; or it is new, and follows from what was repaired beside it. Numbers are those of the first look.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.decisions import EMPTY_KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from geo.coverage.findings import Finding
    from geo.coverage.plane import Geometries

_SHARED_KINDS = ("overlap", "contained", "duplicate")


class Origins:
    """The faults of the first look; their numbers are their positions."""

    def __init__(self, findings: Sequence[Finding], places: Geometries) -> None:
        """Take faults and their places (in the zones' own coordinates)."""
        self._findings, self._places = findings, places
        self._tree = shapely.STRtree(places)
        self._concerning: dict[int, list[int]] = defaultdict(list)
        for number, finding in enumerate(findings):
            for row in finding.rows:
                self._concerning[row].append(number)

    def same(self, finding: Finding, place: shapely.Geometry) -> int | None:
        """Return the number of the fault that this is, or is left of; None when it is new."""
        near = {int(number) for number in self._tree.query(place, predicate="intersects")}
        if finding.kind == "invalid":  # its place may be unknown
            near.update(number for row in finding.rows for number in self._concerning[row])
        for number in sorted(near):
            known = self._findings[number]
            if finding.kind == known.kind == "invalid" and finding.rows == known.rows:
                return number
            if _akin(finding, known) and _together(place, self._places[number]):
                return number
        return None

    def cause(self, finding: Finding, place: shapely.Geometry, among: Collection[int]) -> int:
        """Return the number from which a new fault follows: the nearest among those that concern one of its zones."""
        concerning = {number for row in finding.rows for number in self._concerning[row]} & set(among)
        numbers = np.array(sorted(concerning or among or range(len(self._findings))), dtype=np.int64)
        distances = np.nan_to_num(shapely.distance(self._places[numbers], place), nan=np.inf)
        return int(numbers[distances.argmin()])


def _family(kind: str) -> str:
    if kind in EMPTY_KINDS:
        return "empty"
    return "shared" if kind in _SHARED_KINDS else kind


def _akin(one: Finding, other: Finding) -> bool:
    """Return whether two faults can be one: land in no zone, or the same zones' business."""
    families = {_family(one.kind), _family(other.kind)}
    if families == {"empty"}:
        return True
    nested = set(one.rows) <= set(other.rows) or set(other.rows) <= set(one.rows)
    return nested and (len(families) == 1 or "near_miss" in families)


def _together(one: shapely.Geometry, other: shapely.Geometry) -> bool:
    """Return whether two places are the same, or one is part of the other."""
    inner = shapely.point_on_surface(np.array([one, other], dtype=object))
    return bool(shapely.intersects(inner, np.array([other, one], dtype=object)).any())
