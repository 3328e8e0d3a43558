"""Find every fault of a coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.coverage.borders import Edges, Rings, unmatched
from geo.coverage.cuts import cut_subjects, cut_zones
from geo.coverage.faces import faces
from geo.coverage.findings import Finding, Tolerances, as_frame, with_near_misses
from geo.coverage.gaps import Contacts, gaps, inlets
from geo.coverage.nesting import Parents
from geo.coverage.overlaps import outside, overlaps
from geo.coverage.shapes import invalid, repeated_codes, stray, without_consequences
from geo.coverage.zones import Zones, area_of, same_reference
from geo.errors import ZonesError

if TYPE_CHECKING:
    import geopandas as gpd

    from geo.coverage.plane import Geometries

_SHARED = ("overlap", "contained", "duplicate")


def find_faults(  # noqa: PLR0913  everything that may be known of a place
    zones: gpd.GeoDataFrame,
    boundary: Any = None,  # noqa: ANN401  a polygon, a GeoSeries or a GeoDataFrame
    *,
    parents: gpd.GeoDataFrame | None = None,
    exceptions: Any = None,  # noqa: ANN401
    subjects: gpd.GeoDataFrame | None = None,
    estates: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    noun: str = "网格",
    tolerance_m: float = 0.002,
    near_miss_m: float = 0.02,
    sliver_width_m: float = 1.0,
    inlet_width_m: float = 30.0,
) -> gpd.GeoDataFrame:
    """Find the faults of a coverage, as ``geo.coverage`` defines it."""
    limits = Tolerances(tolerance_m, near_miss_m, sliver_width_m, inlet_width_m)
    taken = Zones.of(zones)
    allowed = _exceptions(exceptions, taken)
    above = None if parents is None else Parents(parents, taken)
    limit = _territory(boundary, None if above is None else above.shapes, taken)
    rings = Rings.of(taken.shapes)
    areal = _of_faces(taken, rings, limit, allowed, limits)
    found = invalid(taken) + repeated_codes(taken) + stray(taken)
    found += with_near_misses(without_consequences(areal, taken, limits.tolerance_m), limits)
    if above is not None:
        overlapping = [row for finding in areal if finding.kind in _SHARED for row in finding.rows]
        found += above.crossings(rings, overlapping, limits)
    for kind, frame in _cuttable(subjects, estates, buildings):
        found += cut_subjects(taken, frame, kind, limits)
    if barriers is not None:
        found += cut_zones(taken, barriers, limits)
    return as_frame(found, taken, _locations(subjects, taken), noun)


def _cuttable(
    subjects: gpd.GeoDataFrame | None, estates: gpd.GeoDataFrame | None, buildings: gpd.GeoDataFrame | None
) -> list[tuple[str, gpd.GeoDataFrame]]:
    """Return the frames of things that zones should not cut: those given, else those among the subjects."""
    found = []
    for kind, frame in (("estate", estates), ("building", buildings)):
        if frame is not None:
            found.append((f"cut_{kind}", frame))
        elif subjects is not None and "kind" in subjects.columns:
            found.append((f"cut_{kind}", subjects[subjects["kind"] == kind]))
    return found


def _of_faces(
    zones: Zones, rings: Rings, boundary: Geometries | None, exceptions: Geometries, limits: Tolerances
) -> list[Finding]:
    raw = unmatched(rings if boundary is None else rings.less(boundary))
    edges = Edges(zones.plane.flat(raw.start), zones.plane.flat(raw.end), raw.owner)
    cut = faces(edges, limits.tolerance_m)
    contacts = Contacts(edges, limits.tolerance_m)
    if boundary is None:
        return [
            *overlaps(zones, cut.polygons[cut.depth > 1], limits.tolerance_m),
            *gaps(cut.polygons[cut.depth == 0], contacts, exceptions, limits),
            *inlets(zones, cut.outline, contacts, exceptions, limits),
        ]
    laid = shapely.union_all(zones.plane.down(boundary))
    many = cut.polygons[cut.depth > 0]
    return [
        *overlaps(zones, many, limits.tolerance_m),
        *outside(zones, many, laid, limits.tolerance_m),
        *gaps(cut.polygons[cut.depth < 0], contacts, exceptions, limits),
    ]


def _territory(boundary: Any, parents: Geometries | None, zones: Zones) -> Geometries | None:  # noqa: ANN401
    """Return the territory: the boundary, or else what the parents cover together."""
    what = "辖区边界" if boundary is not None else "上级图层"
    areas = parents if boundary is None else area_of(boundary, zones.frame.crs, what)
    if areas is None:
        return None
    if not shapely.area(areas).sum() > 0:
        raise ZonesError(
            f"{what}没有面积。", f"no area: {what}", remedy="请检查边界文件，辖区必须是有面积的面。"
        )
    return areas if len(areas) == 1 else np.array([shapely.union_all(areas)], dtype=object)


def _exceptions(exceptions: Any, zones: Zones) -> Geometries:  # noqa: ANN401
    areas = area_of(exceptions, zones.frame.crs, "豁免")
    if areas is None:
        return np.empty(0, dtype=object)
    parts = areas[~shapely.is_empty(areas)]
    laid: Geometries = zones.plane.down(parts)
    return laid


def _locations(subjects: gpd.GeoDataFrame | None, zones: Zones) -> Geometries | None:
    if subjects is None:
        return None
    same_reference(subjects, zones.frame.crs, "管理对象")
    geometries = np.asarray(subjects.geometry.array, dtype=object)
    known = geometries[~(shapely.is_missing(geometries) | shapely.is_empty(geometries))]
    points: Geometries = shapely.point_on_surface(known)
    return points
