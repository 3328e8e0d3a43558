"""Faults of a zone by itself: its rings, its pieces, its code."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from shapely import MultiPoint

from geo.coverage.findings import Finding

if TYPE_CHECKING:
    from geo.coverage.zones import Zones


_REASONS = {
    "Self-intersection": "边界自相交",
    "Ring Self-intersection": "边界自相交",
    "Hole lies outside shell": "挖空在外边界之外",
    "Holes are nested": "挖空套着挖空",
    "Interior is disconnected": "内部被隔断",
    "Nested shells": "一块套在另一块里面",
    "Duplicate Rings": "同一圈边界画了两次",
    "Duplicate Nested shells": "同一块画了两次",
    "Too few points in geometry component": "边界的点太少，没有面积",
    "Invalid Coordinate": "坐标不是有限的数",
    "Ring not closed": "边界没有闭合",
}
"""Reasons that GEOS gives for an invalid polygon (``IsValidOp``), in Chinese."""

_PLACE = re.compile(r"\[(\S+) (\S+)\]")


def crossings(zones: Zones, row: int) -> MultiPoint:
    """Return where the border of an invalid zone crosses itself, as points on the plane (empty when unknown)."""
    given = zones.given[row]
    if given is None or given.is_empty or not np.isfinite(shapely.get_coordinates(given)).all():
        return MultiPoint()
    before = {tuple(point) for point in shapely.get_coordinates(given)}
    new = [point for point in shapely.get_coordinates(zones.shapes[row]) if tuple(point) not in before]
    if not new:
        place = _PLACE.search(shapely.is_valid_reason(given))
        new = [np.array([float(place[1]), float(place[2])])] if place else []
    if not new:
        return MultiPoint()
    return MultiPoint(zones.plane.flat(np.array(new)))


def invalid(zones: Zones) -> list[Finding]:
    """Return zones whose geometry is missing, empty, not finite, or whose rings break the rules."""
    findings = []
    for row in np.flatnonzero(zones.broken):
        given = zones.given[row]
        if given is None or given.is_empty:
            names, place = ("没有图形", "it is empty"), MultiPoint()
        else:
            reason = shapely.is_valid_reason(given).split("[")[0]
            if shapely.is_valid(given):
                reason = "Too few points in geometry component"  # all but on one line
            names = (_REASONS.get(reason, reason), reason.lower())
            place = crossings(zones, int(row))
        findings.append(Finding("invalid", place, (int(row),), names))
    return findings


def stray(zones: Zones) -> list[Finding]:
    """Return the pieces of zones that are detached from the largest."""
    several = np.flatnonzero(shapely.get_num_geometries(zones.shapes) > 1)
    several = several[~zones.broken[several]]
    findings = []
    for row, shape in zip(several, zones.laid(several), strict=True):
        pieces = sorted(shape.geoms, key=lambda piece: -piece.area)
        findings += [Finding("stray", piece, (int(row),)) for piece in pieces[1:]]
    return findings


def repeated_codes(zones: Zones) -> list[Finding]:
    """Return codes that several zones bear; one finding per code, at its zones."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(pd.Series(zones.codes).duplicated(keep=False)):
        rows[zones.codes[row]].append(int(row))
    return [
        Finding("duplicate", shapely.union_all(zones.laid(np.array(same))), (same[0],), (str(len(same)),))
        for same in rows.values()
    ]


def without_consequences(findings: list[Finding], zones: Zones, tolerance_m: float) -> list[Finding]:
    """Drop the gaps and overlaps that the crossing border of an invalid zone explains.

    These begin where the border crosses itself, or hang together with such a one and concern the same zone.
    """
    dropped: set[int] = set()
    for row in np.flatnonzero(zones.broken):
        near = [at for at, finding in enumerate(findings) if row in finding.rows]
        front: shapely.Geometry = crossings(zones, int(row))
        while near and not shapely.is_empty(front):
            reached = [at for at in near if shapely.dwithin(front, findings[at].place, tolerance_m)]
            near = [at for at in near if at not in reached]
            dropped.update(reached)
            front = shapely.GeometryCollection([findings[at].place for at in reached])
    return [finding for at, finding in enumerate(findings) if at not in dropped]
