"""Zones against the level above: each lies in exactly one parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.borders import Rings, absent
from geo.coverage.findings import Finding
from geo.coverage.plane import at_least_wide, parts_of
from geo.coverage.zones import area_of, texts, zone_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from geo.coverage.findings import Tolerances
    from geo.coverage.plane import Geometries, Ints
    from geo.coverage.zones import Zones


class Parents:
    """The zones of the level above, on the same plane."""

    def __init__(self, frame: gpd.GeoDataFrame, zones: Zones) -> None:
        """Take parents in; raise ``ZonesError`` or ``MixedReferenceError`` as ``find_faults`` says."""
        self.codes = zone_codes(frame)
        shapes = area_of(frame, zones.frame.crs, "上级图层")
        self.shapes: Geometries = np.empty(0, dtype=object) if shapes is None else shapes
        self._zones = zones
        row_of = {code: row for row, code in enumerate(self.codes)}
        # The parent that each zone declares; -1 where it declares none that is known.
        self.declared = np.array(
            [row_of.get(code, -1) for code in texts(zones.frame, "parent")], dtype=np.int64
        )

    def _suspects(self, rings: Rings, also: Sequence[int]) -> Ints:
        """Return rows of zones that can lie in two parents, or in another than they declare.

        A parent's border that consists of zones' edges cannot run through a zone, unless zones overlap there. So only
        zones met by the rest of the parents' borders, and overlapping ones, need to be measured.
        """
        zones = self._zones
        loose = absent(Rings.of(self.shapes), rings)
        met = zones.tree.query(loose.lines(), predicate="intersects")[1]
        named = np.flatnonzero(self.declared >= 0)
        centres = shapely.point_on_surface(zones.shapes[named])
        elsewhere = named[~shapely.intersects(self.shapes[self.declared[named]], centres)]
        return np.unique(np.concatenate([met, elsewhere, np.asarray(also, dtype=np.int64)]))

    def crossings(self, rings: Rings, overlapping: Sequence[int], limits: Tolerances) -> list[Finding]:
        """Return the parts of zones that lie in another parent than their own.

        A zone's own parent is the one that it declares (column ``parent``), else the one with most of its area.
        """
        zones = self._zones
        suspects = self._suspects(rings, overlapping)
        at, parent = shapely.STRtree(self.shapes).query(zones.shapes[suspects], predicate="intersects")
        laid = zones.plane.down(self.shapes)
        pieces = shapely.intersection(zones.laid(suspects)[at], laid[parent])
        findings = []
        for position, row in enumerate(suspects):
            here = np.flatnonzero(at == position)
            if len(here) == 0:
                continue
            areas = shapely.area(pieces[here])
            own = self.declared[row] if self.declared[row] >= 0 else parent[here[np.argmax(areas)]]
            for which in here[parent[here] != own]:
                parts, _ = parts_of(pieces[which : which + 1])
                parts = parts[at_least_wide(parts, limits.near_miss_m)]
                if len(parts):
                    names = (self.codes[own], self.codes[parent[which]])
                    findings.append(
                        Finding("crossing_levels", shapely.MultiPolygon(list(parts)), (int(row),), names)
                    )
        return findings
