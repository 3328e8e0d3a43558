"""What stands on the ground where grids are drawn, and the measures of a zone on it: what it cuts, what divides it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import Transformer

from geo.coverage.cuts import BARRIERS, FAMILIES, divided
from geo.coverage.plane import at_least_wide, parts_of
from geo.crs import INTERNAL_CRS, metric_crs
from geo.plans.redivision import GRID_DEG

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    from geo.plans.draft import PlanZone
    from geo.plans.rules import Profile

CROSSED: dict[str, str] = {kind: f"crosses_{family}" for kind, family in FAMILIES.items()}
"""Which rule a kind of line is about."""

CUT: dict[str, str] = {"estate": "cut_estate", "building": "cut_building"}
"""Which rule the footprint of a kind of subject is about."""


@dataclass(frozen=True)
class Cut:
    """An estate or building that a zone's border cuts, or a line that divides a zone.

    Parameters
    ----------
    rule
        The rule that it breaks.
    code
        Code of the estate or building; empty for a line.
    name
        Its name, for sentences.
    place
        The part outside of the zone, or the line inside of it, in lon/lat.
    """

    rule: str
    code: str
    name: str
    place: shapely.Geometry


@dataclass(frozen=True)
class Measure:
    """The measures of one zone's ground.

    Parameters
    ----------
    area_m2, perimeter_m
        In the metric reference of the place.
    compactness
        Polsby-Popper: 4π·area / perimeter², 1 for a circle.
    parts
        Number of pieces.
    strays
        All pieces but the largest, in lon/lat; None for a zone of one piece.
    cuts
        What it cuts, and what divides it.
    """

    area_m2: float
    perimeter_m: float
    compactness: float
    parts: int
    strays: shapely.Geometry | None
    cuts: tuple[Cut, ...]


@lru_cache(maxsize=32)
def _projection(crs: CRS) -> Transformer:
    return Transformer.from_crs(INTERNAL_CRS, crs, always_xy=True)


class Ground:
    """Footprints of estates and buildings, and lines that should not divide a zone, found by place.

    Parameters
    ----------
    footprints
        Columns ``code, kind, name, geometry`` (polygons, EPSG:4490), or None.
    barriers
        Columns ``kind, name, geometry`` (lines, EPSG:4490), or None; kinds that are none of `CROSSED` are passed over.
    crs
        The metric reference of the territory; None takes that of the zones measured.
    """

    def __init__(
        self,
        footprints: gpd.GeoDataFrame | None = None,
        barriers: gpd.GeoDataFrame | None = None,
        *,
        crs: CRS | None = None,
    ) -> None:
        self._crs = crs
        self._shapes, self._shape_rows = _shapes(footprints)
        self._shape_tree = shapely.STRtree(self._shapes)
        self._lines, self._line_rows = _lines(barriers)
        self._line_tree = shapely.STRtree(self._lines)

    def measure(self, zones: Sequence[PlanZone], profile: Profile) -> list[Measure]:
        """Measure zones; of cuts and crossings only those that a rule of the profile asks about."""
        if not zones:
            return []
        shapes = np.array([zone.geometry for zone in zones], dtype=object)
        projection = _projection(self._crs or metric_crs(shapes))

        def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.column_stack(projection.transform(xy[:, 0], xy[:, 1]))

        metric = shapely.transform(shapes, project)
        areas, lengths = shapely.area(metric), shapely.length(metric)
        cuts: list[list[Cut]] = [[] for _ in zones]
        self._cut(zones, shapes, profile, cuts)
        self._cross(zones, shapes, profile, cuts)
        return [
            Measure(
                float(area),
                float(length),
                float(4 * np.pi * area / length**2) if length else 0.0,
                int(parts),
                _strays(shape) if parts > 1 else None,
                tuple(found),
            )
            for shape, area, length, parts, found in zip(
                shapes, areas, lengths, shapely.get_num_geometries(shapes), cuts, strict=True
            )
        ]

    def _cut(
        self,
        zones: Sequence[PlanZone],
        shapes: NDArray[np.object_],
        profile: Profile,
        cuts: list[list[Cut]],
    ) -> None:
        """Find the footprints that borders cut into two pieces that are both wider than the rule allows."""
        zone_rows, rows = self._shape_tree.query(shapely.boundary(shapes), predicate="intersects")
        if not len(rows):
            return
        for kind, rule in CUT.items():
            widths = np.array([_width(profile, zone, rule) for zone in zones])
            asked = np.isfinite(widths[zone_rows]) & (self._shape_rows[rows, 0] == kind)
            at, found = zone_rows[asked], rows[asked]
            if not len(at):
                continue
            inner = shapely.intersection(self._shapes[found], shapes[at])
            outer = shapely.difference(self._shapes[found], shapes[at])
            width = widths[at]
            cut = _wide(inner, width)
            cut[cut] = _wide(outer[cut], width[cut])
            for row in np.flatnonzero(cut):
                _, code, name = self._shape_rows[found[row]]
                cuts[at[row]].append(Cut(rule, code, name, outer[row]))

    def _cross(
        self,
        zones: Sequence[PlanZone],
        shapes: NDArray[np.object_],
        profile: Profile,
        cuts: list[list[Cut]],
    ) -> None:
        """Find the lines that divide zones into more pieces than they have, each wider than the rule allows."""
        zone_rows, rows = self._line_tree.query(shapes, predicate="intersects")
        rules = self._line_rows[rows, 0]
        for at in np.unique(zone_rows):
            for rule in dict.fromkeys(rules[zone_rows == at]):
                width = _width(profile, zones[at], rule)
                if not np.isfinite(width):
                    continue
                near = rows[(zone_rows == at) & (rules == rule)]
                inside = shapely.intersection(shapely.union_all(self._lines[near]), shapes[at])
                if _divides(shapes[at], inside, width):
                    names = dict.fromkeys(name for _, name in self._line_rows[near])
                    cuts[at].append(Cut(rule, "", "、".join(names), inside))


def _shapes(frame: gpd.GeoDataFrame | None) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    if frame is None or not len(frame):
        return np.empty(0, dtype=object), np.empty((0, 3), dtype=object)
    codes = frame["code"].astype(str).to_numpy(dtype=object)
    names = np.where(frame["name"].isna(), codes, frame["name"].to_numpy(dtype=object))
    rows = np.column_stack([frame["kind"].to_numpy(dtype=object), codes, names])
    return np.asarray(frame.geometry.array, dtype=object), rows


def _lines(frame: gpd.GeoDataFrame | None) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    if frame is None or not len(frame):
        return np.empty(0, dtype=object), np.empty((0, 2), dtype=object)
    chosen = frame[frame["kind"].isin(list(CROSSED)).to_numpy()]
    rows = [
        (CROSSED[kind], f"{BARRIERS[kind][0]}{name}" if isinstance(name, str) and name else BARRIERS[kind][0])
        for kind, name in zip(chosen["kind"], chosen["name"], strict=True)
    ]
    return np.asarray(chosen.geometry.array, dtype=object), np.array(rows, dtype=object).reshape(-1, 2)


def _width(profile: Profile, zone: PlanZone, rule: str) -> float:
    """Return the width in metres of a piece that counts, NaN where no rule asks."""
    found = profile.rule(zone.level, rule)
    return np.nan if found is None else float(found.most or 0.0)


def _flat(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return small lon/lat shapes stretched to metres where they are: good for widths, not for areas of cities."""
    if shapely.is_empty(shapes).all():
        return shapes
    west, south, _, north = shapely.total_bounds(shapes)
    metres = 111_320.0 * np.array([np.cos(np.radians((south + north) / 2)), 1.0])
    corner = np.array([west, south])
    flat: NDArray[np.object_] = shapely.transform(shapes, lambda xy: (xy - corner) * metres)
    return flat


def _wide(shapes: NDArray[np.object_], widths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which shapes have a piece of at least such a width (in meters)."""
    pieces, owner = parts_of(_flat(shapes))
    found = np.zeros(len(shapes), dtype=bool)
    for width in np.unique(widths[owner]):
        chosen = widths[owner] == width
        found[owner[chosen][at_least_wide(pieces[chosen], float(width))]] = True
    return found


def _divides(shape: shapely.Geometry, inside: shapely.Geometry, width: float) -> bool:
    pieces = divided(shape, inside, 2 * GRID_DEG)
    if len(pieces) <= shapely.get_num_geometries(shape):
        return False
    wide = at_least_wide(_flat(pieces), width)
    return int(wide.sum()) > max(1, int(shapely.get_num_geometries(shape)))


def _strays(shape: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(shape)
    order = np.argsort(-shapely.area(parts), kind="stable")
    return shapely.MultiPolygon(list(parts[order[1:]]))
