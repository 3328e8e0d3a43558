"""Gaps between two zones that are open to the outside, where no boundary says what is outside.

An inlet begins where the outline passes from one zone to another and turns back on itself. So each such place of the
outline is looked at: where two points, equally far along the outline to both sides, are much nearer to each other than
the way between them, the zones around are *closed* (widened by half a width and narrowed again). What closing fills
there is an inlet when it lies between at least two zones and is deeper than its mouth is wide; an ordinary bend of the
border is not. A narrow inlet in a bend is told from the bend by closing also with about its own width.

Where the outline falls into several pieces there may be *passages* between them, open at both ends. They are what
closing fills between zones of different pieces and whose mouths are about as wide as they are on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.findings import Finding
from geo.coverage.gaps import MOUTH, without
from geo.coverage.plane import at_least_wide, opened, parts_of, widths

if TYPE_CHECKING:
    from geo.coverage.findings import Tolerances
    from geo.coverage.gaps import Contacts
    from geo.coverage.plane import Floats, Geometries
    from geo.coverage.zones import Zones

_WIDER = (4.0, 1.5)
"""Widths with which zones are closed, in widths of the inlet."""

_NARROWER = 0.25 ** np.arange(7)
"""Widths with which pieces of a coverage are closed, in widths of the widest inlet: 30 m down to 7 mm."""

_DETOUR = 0.5
"""Below this ratio of straight distance to way along it the outline turns back on itself: a wedge of 60 degrees has it,
a slot between two zones of three quarters its width; a corner of 90 degrees has 0.71, a straight border 1."""

_STEPS_M = 0.02 * 1.5 ** np.arange(24)
"""How far along the outline, in metres, the two points are taken: 2 cm to 224 m."""

_GROWING = 8
"""How often the zones around a place are extended by others on which what was filled borders."""


def inlets(
    zones: Zones, outline: Geometries, contacts: Contacts, exceptions: Geometries, limits: Tolerances
) -> list[Finding]:
    """Return the inlets of a coverage.

    Parameters
    ----------
    zones
        All zones.
    outline
        Polygons on the plane that make up the coverage with its holes filled.
    contacts
        Who borders on what.
    exceptions
        Registered exceptions on the plane.
    limits
        Tolerance, and the width of the widest inlet.
    """
    if len(outline) == 0 or len(zones) == 1 or limits.inlet_width_m <= 0:
        return []
    whole = _whole(outline, limits.tolerance_m)
    places = _passages(whole, contacts, limits)
    found: shapely.Geometry = shapely.union_all(places)
    for turn, width_m in zip(*_turns(whole, contacts), strict=True):
        if shapely.dwithin(found, turn, limits.tolerance_m):
            continue
        place = _inlet_at(zones, turn, float(width_m), contacts, limits)
        if place is not None:
            places.append(place)
            found = shapely.union(found, place)
    findings: list[Finding] = []
    for place in places:
        left = without(np.array([place], dtype=object), exceptions, limits.near_miss_m)
        findings += [
            Finding("inlet", one, tuple(rows))
            for one, rows in zip(left, contacts.of(left), strict=True)
            if rows
        ]
    return findings


def _whole(outline: Geometries, tolerance_m: float) -> shapely.Geometry:
    """Return the union of faces with their holes filled; faces inside others are found without an overlay.

    A crack of rounding, where a vertex of one zone stands on a straight border of the next, is no way in: it would
    part what hangs together, or lead a turn of the outline far away from the inlet at its end.
    """
    filled = np.asarray(shapely.polygons(shapely.get_exterior_ring(outline)), dtype=object)
    order = np.argsort(-shapely.area(filled), kind="stable")
    filled = filled[order]
    shapely.prepare(filled[:1])
    inner = shapely.contains_properly(filled[0], filled)
    widened = shapely.buffer(shapely.union_all(filled[~inner]), tolerance_m / 2, join_style="mitre")
    whole: shapely.Geometry = shapely.buffer(widened, -tolerance_m / 2, join_style="mitre")
    return whole


def _passages(whole: shapely.Geometry, contacts: Contacts, limits: Tolerances) -> list[shapely.Geometry]:
    """Return the passages between the pieces of a coverage, open at both ends."""
    pieces = shapely.get_parts(whole)
    one, other = shapely.STRtree(pieces).query(pieces, predicate="dwithin", distance=limits.inlet_width_m)
    near = np.unique(one[one != other])
    places: list[shapely.Geometry] = []
    if len(near) == 0:
        return places
    shores = shapely.union_all(pieces[near])
    for share in _NARROWER:
        filled = _closed(shores, share * limits.inlet_width_m, limits.tolerance_m)
        filled = filled[~shapely.dwithin(filled, shapely.union_all(places), limits.tolerance_m)]
        for place, by_row in zip(filled, contacts.of(filled), strict=True):
            mouths, along = _mouths(place, shores, limits.tolerance_m / 4), sum(by_row.values())
            mean_m = 2 * shapely.area(place) / max(along, limits.tolerance_m)
            if len(by_row) > 1 and len(mouths) > 1 and sum(mouths) <= MOUTH * len(mouths) * mean_m <= along:
                places.append(place)
    return places


def _mouths(place: shapely.Geometry, shores: shapely.Geometry, apart_m: float) -> list[float]:
    """Return the lengths of the open sides of a place: where its rim is further from the shores than this."""
    rim = shapely.difference(shapely.boundary(place), shapely.buffer(shores, apart_m, quad_segs=2))
    lengths = shapely.length(shapely.get_parts(shapely.line_merge(rim)))
    return [float(length) for length in lengths if length > apart_m]


def _turns(whole: shapely.Geometry, contacts: Contacts) -> tuple[Geometries, Floats]:
    """Return the points where the outline passes from one zone to another and turns back on itself, and how wide."""
    turns, wide = [np.empty(0, dtype=object)], [np.empty(0)]
    for ring in shapely.get_rings(whole):
        points = shapely.get_coordinates(ring)
        way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        middles = np.asarray(shapely.points((points[1:] + points[:-1]) / 2), dtype=object)
        owners = contacts.owners_at(middles)
        passes = np.flatnonzero(owners != np.roll(owners, 1))
        steps = np.minimum(_STEPS_M, way[-1] / 4)
        ahead = _along(points, way, way[passes, None] + steps)
        behind = _along(points, way, way[passes, None] - steps)
        straight = np.hypot(*np.moveaxis(ahead - behind, -1, 0))
        detour = straight / (2 * steps)
        sharp = detour.min(axis=1) < _DETOUR
        turns.append(np.asarray(shapely.points(points[passes[sharp]]), dtype=object))
        wide.append(np.take_along_axis(straight, detour.argmin(axis=1)[:, None], axis=1)[sharp, 0])
    return np.concatenate(turns), np.concatenate(wide)


def _along(points: Floats, way: Floats, at: Floats) -> Floats:
    """Return the points (…, 2) of a closed line so far along it."""
    x = np.interp(at, way[:-1], points[:-1, 0], period=way[-1])
    y = np.interp(at, way[:-1], points[:-1, 1], period=way[-1])
    return np.stack([x, y], axis=-1)


def _inlet_at(
    zones: Zones, turn: shapely.Geometry, width_m: float, contacts: Contacts, limits: Tolerances
) -> shapely.Geometry | None:
    """Return the inlet that ends at a point of the outline, about so wide, or None."""
    for closing_m in (limits.inlet_width_m, *(times * width_m for times in _WIDER)):
        if closing_m > limits.inlet_width_m:
            continue
        filled = np.empty(0, dtype=object)
        around = np.array([shapely.buffer(turn, closing_m)], dtype=object)
        rows = np.unique(zones.over(around)[1])
        for _ in range(_GROWING):
            filled = _filled(shapely.union_all(zones.laid(rows)), turn, closing_m, limits.tolerance_m)
            more = np.setdiff1d(zones.over(filled)[1], rows)
            if len(more) == 0:
                break
            rows = np.append(rows, more)
        deep = _deep(filled, contacts)
        if len(deep):
            place: shapely.Geometry = deep[0]
            return place
    return None


def _filled(
    shores: shapely.Geometry, turn: shapely.Geometry, width_m: float, tolerance_m: float
) -> Geometries:
    """Return what closing fills at a point."""
    parts = _closed(shores, width_m, tolerance_m)
    return parts[shapely.dwithin(parts, turn, tolerance_m)]


def _closed(shores: shapely.Geometry, width_m: float, tolerance_m: float) -> Geometries:
    """Return what closing fills: places outside into which no circle of this width can enter."""
    closed = shapely.buffer(shapely.buffer(shores, width_m / 2, quad_segs=4), -width_m / 2, quad_segs=4)
    parts, _ = parts_of(np.array([shapely.difference(closed, shores)], dtype=object))
    return parts[at_least_wide(parts, tolerance_m)]


def _deep(places: Geometries, contacts: Contacts) -> Geometries:
    """Return the places that lie between zones and are deeper than their mouth is wide."""
    touching = contacts.of(places)
    along = np.array([sum(by_row.values()) for by_row in touching])
    mouths = shapely.length(opened(places, contacts.tolerance_m)) - along
    between = np.array([len(by_row) > 1 for by_row in touching], dtype=bool)
    # A mouth may be flared: then the way in, along both sides, tells that it is deep.
    found: Geometries = places[between & ((mouths <= MOUTH * widths(places)) | (mouths <= along / 2))]
    return found
