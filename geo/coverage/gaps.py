"""Places in no zone: gaps, slivers, inlets, uncovered parts of the boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.coverage.borders import BOUNDARY, Edges
from geo.coverage.findings import Finding
from geo.coverage.plane import at_least_wide, opened, parts_of, widths

if TYPE_CHECKING:
    from geo.coverage.findings import Tolerances
    from geo.coverage.plane import Geometries
    from geo.coverage.zones import Zones


_MOUTH = 2.0
"""An open-sided gap is an inlet when its open side is at most this many times as long as it is wide inside."""


_FINER = 4.0
"""Ratio of the widths with which the outline is closed, one after the other."""


class Contacts:
    """How long each zone borders on each place, told from unmatched edges alone."""

    def __init__(self, edges: Edges, tolerance_m: float) -> None:
        """Index edges (on the plane); nearer than ``tolerance_m`` counts as touching."""
        self._lines = edges.lines()
        self._owner = edges.owner
        self._tree = shapely.STRtree(self._lines)
        self.tolerance_m = tolerance_m

    def of(self, polygons: Geometries) -> list[dict[int, float]]:
        """Return, for each polygon, metres of contact by zone row (or ``BOUNDARY``), longest first."""
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


def _without(polygons: Geometries, exceptions: Geometries, allowed_m: float) -> Geometries:
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
    places = _without(empty, exceptions, limits.near_miss_m)
    findings = []
    for place, width, touching in zip(places, widths(places), contacts.of(places), strict=True):
        mouth = touching.pop(BOUNDARY, 0.0)
        rows = tuple(touching)
        if mouth == 0.0:
            kind = "gap" if width >= limits.sliver_width_m else "sliver"
        elif rows and mouth <= _MOUTH * width and width <= limits.inlet_width_m:
            kind = "inlet"
        else:
            kind = "uncovered"
        findings.append(Finding(kind, place, rows))
    return findings


def inlets(
    zones: Zones, outline: Geometries, contacts: Contacts, exceptions: Geometries, limits: Tolerances
) -> list[Finding]:
    """Return the gaps between two zones that are open to the outside, where no boundary says what is outside.

    The outline is closed: widened by half the inlet's width and narrowed again. What this fills is an inlet when it
    lies between at least two zones and is deeper than its mouth is wide; an ordinary bend of the border is not. A
    narrow inlet in a bend is told from it by closing once more, the narrower the nearer.
    """
    if len(outline) == 0 or limits.inlet_width_m <= 0:
        return []
    width_m = limits.inlet_width_m
    filled, _ = parts_of(np.array([_filling(shapely.union_all(outline), width_m)], dtype=object))
    filled = _without(filled[at_least_wide(filled, limits.tolerance_m)], exceptions, limits.near_miss_m)
    found, rows = _deep(filled, contacts)
    findings = [Finding("inlet", filled[at], rows[at]) for at in found]
    bends = [at for at in range(len(filled)) if len(rows[at]) > 1 and at not in set(found)]
    places = filled[bends]
    shores = np.array([shapely.union_all(zones.laid(np.array(rows[at]))) for at in bends], dtype=object)
    shores = shapely.intersection(shores, shapely.buffer(places, width_m)) if bends else places
    while len(places) and width_m > limits.tolerance_m:
        width_m /= _FINER
        narrow, owner = parts_of(shapely.intersection(_filling(shores, width_m), places))
        wide = at_least_wide(narrow, limits.tolerance_m)
        narrow, owner = narrow[wide], owner[wide]
        found, rows = _deep(narrow, contacts)
        findings += [Finding("inlet", narrow[at], rows[at]) for at in found]
        rest = np.setdiff1d(np.arange(len(places)), owner[found])
        places, shores = places[rest], shores[rest]
    return findings


def _filling(shores: Any, width_m: float) -> Any:  # noqa: ANN401  one geometry or an array: the same comes back
    """Return what closing fills: the places outside into which no circle of this width can enter."""
    closed = shapely.buffer(shapely.buffer(shores, width_m / 2, quad_segs=4), -width_m / 2, quad_segs=4)
    return shapely.difference(closed, shores)


def _deep(places: Geometries, contacts: Contacts) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return which places are inlets, and the rows of the zones on which each place borders."""
    touching = contacts.of(places)
    mouths = shapely.length(opened(places, contacts.tolerance_m)) - [
        sum(by_row.values()) for by_row in touching
    ]
    # No place is wider than the circle of its area: most bends are told from inlets without measuring them.
    likely = mouths <= _MOUTH * np.sqrt(4 * shapely.area(places) / np.pi)
    likely &= np.array([len(by_row) > 1 for by_row in touching], dtype=bool)
    at = np.flatnonzero(likely)
    deep = at[mouths[at] <= _MOUTH * widths(places[at])]
    return [int(number) for number in deep], [tuple(by_row) for by_row in touching]
