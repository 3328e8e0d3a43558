"""Find every fault of a coverage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.coverage.borders import Rings, unmatched
from geo.coverage.cuts import cut_subjects, cut_zones
from geo.coverage.faces import faces
from geo.coverage.findings import Finding, Tolerances, as_frame, in_order, with_near_misses
from geo.coverage.gaps import Contacts, gaps
from geo.coverage.inlets import inlets
from geo.coverage.nesting import Parents
from geo.coverage.overlaps import outside, overlaps
from geo.coverage.shapes import invalid, repeated_codes, stray, without_consequences
from geo.coverage.zones import Zones, area_of, same_reference
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    cut_m: Mapping[str, float] | float = 1.0,
    barrier_m: float = 10.0,
) -> gpd.GeoDataFrame:
    """Find every fault of the zones of one level: where they are no valid coverage, as ``geo.coverage`` defines it.

    Parameters
    ----------
    zones
        Columns ``code`` (not empty) and ``geometry`` (polygons and multipolygons; heights are ignored); a column
        ``parent`` names each zone's parent. Not changed.
    boundary
        Territory to be covered: a polygon, GeoSeries or GeoDataFrame. Without one nothing can be outside it or left
        uncovered at its edge, and what ``parents`` cover stands in for it.
    parents
        Zones of the level above, with a column ``code``.
    exceptions
        Registered gaps (rivers, lakes, land of others): what they cover is never a gap, sliver, inlet or uncovered.
    subjects
        Households, businesses, …: counted in each fault. Polygons of kind ``estate`` and ``building`` among them are
        checked for being cut, unless ``estates`` and ``buildings`` are given.
    estates, buildings
        Polygons that no border should cut, with ``name`` or ``code``.
    barriers
        Lines that should not cut a zone; with a column ``kind`` only expressways, railways and rivers count
        (``geo.coverage.BARRIERS``).
    noun
        What messages call a zone: 网格, 社区, 片区.
    tolerance_m
        What is narrower (in meters) is rounding, not a fault. Coordinates on the grid of 1e-8 degrees are rounded by
        up to 0.8 mm, so a vertex of one zone on a straight border of its neighbour leaves no fault behind.
    near_miss_m
        Gaps and overlaps narrower than this (in meters) are near misses.
    sliver_width_m
        Enclosed gaps narrower than this (in meters) are slivers.
    inlet_width_m
        Widest inlet (in meters).
    cut_m
        A piece of an estate or building narrower than this (in meters) is not cut off; one width, or one for each of
        ``cut_estate`` and ``cut_building``.
    barrier_m
        A piece of a zone narrower than this (in meters) is not cut off by a barrier.

    Returns
    -------
    GeoDataFrame
        One row per fault, gravest kinds first, in the reference of ``zones``:

        - ``kind``: one of ``geo.coverage.KINDS``;
        - ``severity``: ``error`` or ``warning``;
        - ``codes``: list of the zones concerned, the most concerned first (inner before outer, own before other,
          longest contact first);
        - ``area_m2``, ``width_m``: area, and diameter of the largest circle that fits in, in the metric reference of
          the data (``geo.crs.metric_crs``); 0 for points and lines;
        - ``subjects``: how many of ``subjects`` lie in it (Int64, missing when none were given);
        - ``message``, ``message_en``: a sentence for planners;
        - ``geometry``: the place; points where a border crosses itself, a line where a barrier cuts, empty for a zone
          without geometry.

    Raises
    ------
    ZonesError
        When there is no column ``code``, a code is empty, a geometry is no polygon, coordinates are not on the globe,
        the zones span more than half of it, the territory is no polygon or has no area, or several parents bear one
        code.
    UndeclaredReferenceError
        When ``zones`` name no reference.
    MixedReferenceError
        When another frame is in another reference than ``zones``.

    Notes
    -----
    A zone that has an invalid ring is judged by what its rings enclose; gaps and overlaps that follow from its
    crossing are not listed beside it. A duplicate or contained zone is not listed as an overlap too.

    Complete by construction: gaps and overlaps can only lie between edges that do not cancel
    (``geo.coverage.borders``), and all faces between these are looked at. The cost grows with the number of edges, and
    only the edges that do not cancel need geometry.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> zones = gpd.GeoDataFrame(
    ...     {"code": ["A", "B"]},
    ...     geometry=[shapely.box(121.40, 31.07, 121.40301, 31.073), shapely.box(121.403, 31.07, 121.406, 31.073)],
    ...     crs="EPSG:4490",
    ... )
    >>> find_faults(zones)["message"].tolist()
    ['网格 A 与 网格 B 重叠 318 m²，最宽 1.0 米。']
    """
    limits = Tolerances(tolerance_m, near_miss_m, sliver_width_m, inlet_width_m, barrier_m=barrier_m)
    taken, found, _ = search(zones, boundary, parents, exceptions, limits)
    points = _locations(subjects, taken)
    for kind, frame in _cuttable(subjects, estates, buildings):
        width = cut_m if isinstance(cut_m, int | float) else cut_m.get(kind, limits.cut_m)
        found += cut_subjects(taken, frame, kind, replace(limits, cut_m=float(width)))
    if barriers is not None:
        found += cut_zones(taken, barriers, limits)
    return as_frame(in_order(found), taken, points, noun)


def search(
    zones: gpd.GeoDataFrame,
    boundary: Any,  # noqa: ANN401
    parents: gpd.GeoDataFrame | None,
    exceptions: Any,  # noqa: ANN401
    limits: Tolerances,
) -> tuple[Zones, list[Finding], Parents | None]:
    """Return zones as they were taken in, the faults of their borders, and their parents.

    Arguments as of ``find_faults``.
    """
    taken = Zones.of(zones, around=boundary if parents is None else parents)
    allowed = _exceptions(exceptions, taken)
    above = None if parents is None else Parents(parents, taken)
    limit = _territory(boundary, None if above is None else above.shapes, taken)
    rings = Rings.of(taken.shapes, limit)
    areal = _of_faces(taken, rings, limit, allowed, limits)
    found = invalid(taken) + repeated_codes(taken) + stray(taken)
    found += with_near_misses(without_consequences(areal, taken, limits.tolerance_m), limits)
    if above is not None:
        overlapping = [row for finding in areal if finding.kind in _SHARED for row in finding.rows]
        found += above.crossings(rings, overlapping, limits)
    return taken, found, above


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
    raw = unmatched(rings)
    edges = replace(raw, start=zones.plane.flat(raw.start), end=zones.plane.flat(raw.end))
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
