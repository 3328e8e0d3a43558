"""Zones against the level above: each lies in exactly one parent."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.borders import Rings, absent
from geo.coverage.findings import Finding
from geo.coverage.plane import at_least_wide, parts_of
from geo.coverage.zones import area_of, texts, zone_codes
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from geo.coverage.findings import Tolerances
    from geo.coverage.plane import Geometries, Ints
    from geo.coverage.zones import Zones


_LISTED = 5


class Parents:
    """The zones of the level above, on the same plane."""

    def __init__(self, frame: gpd.GeoDataFrame, zones: Zones) -> None:
        """Take parents in; raise ``ZonesError`` or ``MixedReferenceError`` as ``find_faults`` says."""
        self.codes = zone_codes(frame, "上级图层")
        repeated = sorted(code for code, count in Counter(self.codes).items() if count > 1)
        if repeated:
            raise ZonesError(
                f"上级图层有重复的编码：{'、'.join(repeated[:_LISTED])}。",
                f"codes that several parents bear: {', '.join(repeated[:_LISTED])}",
                remedy="请先检查上级图层：每个上级一个编码，几块地请合为一个多部件面。",
            )
        shapes = area_of(frame, zones.frame.crs, "上级图层")
        self.shapes: Geometries = np.empty(0, dtype=object) if shapes is None else shapes
        self._zones = zones
        row_of = {code: row for row, code in enumerate(self.codes)}
        # The parent that each zone declares; -1 where it declares none that is known.
        self.declared = np.array(
            [row_of.get(code, -1) for code in texts(zones.frame, "parent")], dtype=np.int64
        )

    @cached_property
    def _laid(self) -> Geometries:
        return self._zones.plane.down(self.shapes)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.shapes)

    def own(self, row: int) -> int:
        """Return the parent of a zone: the one that it declares, else the one with most of its area; -1 for none."""
        if self.declared[row] >= 0:
            return int(self.declared[row])
        shape = self._zones.shapes[row]
        near = self._tree.query(shape, predicate="intersects")
        areas = shapely.area(shapely.intersection(self.shapes[near], shape))
        return int(near[areas.argmax()]) if len(near) else -1

    def pieces(self, place: shapely.Geometry, least_m: float) -> list[shapely.Geometry]:
        """Return a place on the plane cut along the borders of parents; itself where it lies in one.

        Pieces narrower than ``least_m`` do not count.
        """
        near = self._tree.query(self._zones.plane.up(np.array([place], dtype=object))[0])
        parts, owner = parts_of(shapely.intersection(self._laid[near], place))
        wide = at_least_wide(parts, least_m)
        parts, owner = parts[wide], owner[wide]
        if len(np.unique(owner)) < 2:  # noqa: PLR2004  one parent
            return [place]
        return [shapely.MultiPolygon(list(parts[owner == one])) for one in np.unique(owner)]

    def reached(self, row: int, land: shapely.Geometry, least_m: float) -> str | None:
        """Return the code of another parent than a zone's own in which land (on the plane) lies, or None."""
        own = self.own(row)
        near = self._tree.query(self._zones.plane.up(np.array([land], dtype=object))[0])
        for other in near[near != own]:
            parts, _ = parts_of(np.array([shapely.intersection(self._laid[other], land)], dtype=object))
            if at_least_wide(parts, least_m).any():
                return str(self.codes[other])
        return None

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
        at, parent = self._tree.query(zones.shapes[suspects], predicate="intersects")
        pieces = shapely.intersection(zones.laid(suspects)[at], self._laid[parent])
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
