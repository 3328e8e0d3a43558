"""Places in two zones: overlaps, zones inside others, zones drawn twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.findings import BOUNDARY_NAMES, Finding
from geo.coverage.plane import at_least_wide, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geo.coverage.plane import Geometries, Ints
    from geo.coverage.zones import Zones


_SAME = 1e-9
_MOSTLY = 0.9
"""Share of a zone in another from which on it is worth asking whether it is wholly inside."""


def overlaps(zones: Zones, faces: Geometries, tolerance_m: float) -> list[Finding]:
    """Return the overlaps within faces where several zones lie, pair by pair, in connected pieces.

    Parameters
    ----------
    zones
        All zones.
    faces
        Polygons on the plane in which some place is in two zones.
    tolerance_m
        Pieces narrower than this are none.
    """
    shared: dict[tuple[int, int], list[shapely.Geometry]] = {}
    for face, rows, pieces in _zones_in(zones, faces):
        whole = shapely.area(pieces) >= (1 - _SAME) * shapely.area(face)
        for one in range(len(rows)):
            for other in range(one + 1, len(rows)):
                if whole[one] and whole[other]:
                    piece = face
                elif whole[one] or whole[other]:
                    piece = pieces[other] if whole[one] else pieces[one]
                else:
                    piece = shapely.intersection(pieces[one], pieces[other])
                shared.setdefault((int(rows[one]), int(rows[other])), []).append(piece)
    findings = []
    for pair, places in shared.items():
        union = shapely.union_all(np.array(places, dtype=object))
        parts, _ = parts_of(np.array([union], dtype=object))
        parts = parts[at_least_wide(parts, tolerance_m)]
        if len(parts):
            findings += _named(zones, pair, parts, tolerance_m)
    return findings


def _zones_in(zones: Zones, faces: Geometries) -> Iterator[tuple[shapely.Geometry, Ints, Geometries]]:
    """Yield each face with the rows of the zones that share area with it, and these shares."""
    at, rows = zones.over(faces)
    order = np.argsort(at, kind="stable")
    at, rows = at[order], rows[order]
    pieces = shapely.intersection(faces[at], zones.laid(rows))
    real = shapely.area(pieces) > 0
    at, rows, pieces = at[real], rows[real], pieces[real]
    starts = np.searchsorted(at, np.arange(len(faces) + 1))
    for number, face in enumerate(faces):
        span = slice(starts[number], starts[number + 1])
        yield face, rows[span], pieces[span]


def _named(zones: Zones, pair: tuple[int, int], parts: Geometries, tolerance_m: float) -> list[Finding]:
    """Say what an overlap of two zones is: one drawn twice, one inside the other, or pieces of both."""
    areas = shapely.area(zones.shapes[list(pair)]) * np.prod(zones.plane.scale)
    covered = shapely.area(parts).sum() >= _MOSTLY * areas
    if not covered.any():
        return [Finding("overlap", part, pair) for part in parts]
    shapes, common = zones.laid(np.array(pair)), shapely.union_all(parts)
    for side in np.flatnonzero(covered):
        rest, _ = parts_of(np.array([shapely.difference(shapes[side], common)], dtype=object))
        covered[side] = not at_least_wide(rest, tolerance_m).any()
    if covered.all():
        return [Finding("duplicate", shapes[0], pair)]
    if covered.any():
        inner = int(np.flatnonzero(covered)[0])
        return [Finding("contained", shapes[inner], (pair[inner], pair[1 - inner]))]
    return [Finding("overlap", part, pair) for part in parts]


def outside(zones: Zones, faces: Geometries, boundary: shapely.Geometry, tolerance_m: float) -> list[Finding]:
    """Return the parts of zones, within these faces, that lie outside a boundary (all on the plane)."""
    shapely.prepare(boundary)
    beyond = faces[~shapely.covers(boundary, faces)]
    parts, _ = parts_of(shapely.difference(beyond, boundary))
    parts = parts[at_least_wide(parts, tolerance_m)]
    found: dict[int, list[shapely.Geometry]] = {}
    for _, rows, pieces in _zones_in(zones, parts):
        for row, piece in zip(rows, pieces, strict=True):
            found.setdefault(int(row), []).append(piece)
    findings = []
    for row, places in found.items():
        merged, _ = parts_of(np.array([shapely.union_all(np.array(places, dtype=object))], dtype=object))
        wide = merged[at_least_wide(merged, tolerance_m)]
        findings += [Finding("outside_parent", part, (row,), BOUNDARY_NAMES) for part in wide]
    return findings
