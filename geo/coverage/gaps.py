"""Places in no zone: gaps, slivers, inlets, uncovered parts of the boundary."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.borders import BOUNDARY, Edges
from geo.coverage.findings import BOUNDARY_NAMES, Finding
from geo.coverage.plane import at_least_wide, opened, parts_of, widths

if TYPE_CHECKING:
    from geo.coverage.findings import Tolerances
    from geo.coverage.plane import Geometries, Ints


MOUTH = 2.0
"""An open-sided gap is an inlet when its open side is at most this many times as long as it is wide inside."""


class Contacts:
    """Which zones border on a place, and over what length, told from unmatched edges alone."""

    def __init__(self, edges: Edges, tolerance_m: float) -> None:
        """Take edges (on the plane); nearer than ``tolerance_m`` counts as touching."""
        self._edges = edges
        self._owner = edges.owner
        self.tolerance_m = tolerance_m

    @cached_property
    def _lines(self) -> Geometries:
        return self._edges.lines()

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._lines)

    def of(self, polygons: Geometries) -> list[dict[int, float]]:
        """Return, for each polygon, metres of contact by zone row (or ``BOUNDARY``), longest first."""
        if len(polygons) == 0:
            return []
        # Hair-thin tails, where a vertex of one side stands on a straight border of the other, touch nobody.
        polygons = opened(polygons, self.tolerance_m)
        at, edge = self._tree.query(polygons, predicate="dwithin", distance=self.tolerance_m)
        rims = shapely.buffer(polygons, self.tolerance_m, quad_segs=2)
        lengths = shapely.length(shapely.intersection(self._lines[edge], rims[at]))
        found: list[dict[int, float]] = [{} for _ in polygons]
        # A neighbour's edge that merely ends at the place reaches as far into its rim as the rim is wide.
        for place, row, length in zip(at, self._owner[edge], lengths, strict=True):
            if length > 3 * self.tolerance_m:
                found[place][int(row)] = found[place].get(int(row), 0.0) + float(length)
        return [dict(sorted(by_row.items(), key=lambda item: (-item[1], item[0]))) for by_row in found]

    def owners_at(self, points: Geometries) -> Ints:
        """Return the row of a zone whose border runs through each point (``BOUNDARY`` when none does)."""
        owners = np.full(len(points), BOUNDARY, dtype=np.int64)
        zonal = np.flatnonzero(self._owner != BOUNDARY)
        at, edge = self._tree.query(points, predicate="dwithin", distance=self.tolerance_m)
        known = np.isin(edge, zonal)
        owners[at[known]] = self._owner[edge[known]]
        return owners


def without(polygons: Geometries, exceptions: Geometries, allowed_m: float) -> Geometries:
    """Return what exceptions leave of polygons, as far as it is at least ``allowed_m`` wide."""
    if len(exceptions) == 0 or len(polygons) == 0:
        return polygons
    tree = shapely.STRtree(exceptions)
    touched = np.unique(tree.query(polygons, predicate="intersects")[0])
    rest = [np.delete(polygons, touched)]
    for row in touched:
        near = exceptions[tree.query(polygons[row], predicate="intersects")]
        parts, _ = parts_of(
            np.array([shapely.difference(polygons[row], shapely.union_all(near))], dtype=object)
        )
        rest.append(parts[at_least_wide(parts, allowed_m)])
    return np.concatenate(rest)


def gaps(empty: Geometries, contacts: Contacts, exceptions: Geometries, limits: Tolerances) -> list[Finding]:
    """Name the places without a zone.

    Parameters
    ----------
    empty
        Polygons on the plane without a zone: enclosed by zones, or inside the boundary where one is given.
    contacts
        Who borders on them.
    exceptions
        Registered exceptions on the plane.
    limits
        Widths that tell kinds apart.
    """
    places = without(empty, exceptions, limits.near_miss_m)
    findings = []
    broad = at_least_wide(places, limits.sliver_width_m)
    for place, wide, touching in zip(places, broad, contacts.of(places), strict=True):
        mouth = touching.pop(BOUNDARY, 0.0)
        rows = tuple(touching)
        if mouth == 0.0:
            kind = "gap" if wide else "sliver"
        elif (
            rows
            and mouth <= MOUTH * (width := widths(np.array([place]))[0])
            and width <= limits.inlet_width_m
        ):
            kind = "inlet"
        else:
            kind = "uncovered"
        # A strip along the boundary, not a passage between zones that leads to it.
        beside = kind == "uncovered" and mouth > max(touching.values(), default=0.0) / 2
        findings.append(Finding(kind, place, rows, BOUNDARY_NAMES if beside else ()))
    return findings
