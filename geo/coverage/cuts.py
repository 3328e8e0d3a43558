"""Estates and buildings divided among zones, and zones divided by roads, railways and rivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.coverage.findings import Finding
from geo.coverage.plane import at_least_wide, parts_of
from geo.coverage.zones import area_of, same_reference, texts

if TYPE_CHECKING:
    import geopandas as gpd

    from geo.coverage.findings import Tolerances
    from geo.coverage.plane import Geometries
    from geo.coverage.zones import Zones

BARRIERS: dict[str, tuple[str, str]] = {
    "motorway": ("高速公路", "an expressway"),
    "motorway_link": ("高速公路匝道", "an expressway ramp"),
    "expressway": ("快速路", "an expressway"),
    "trunk": ("快速路", "a trunk road"),
    "rail": ("铁路", "a railway"),
    "railway": ("铁路", "a railway"),
    "light_rail": ("轻轨", "a light railway"),
    "river": ("河流", "a river"),
    "canal": ("运河", "a canal"),
}
"""Kinds of lines (OpenStreetMap's values) that should not cut a zone, with their names."""

FAMILIES: dict[str, str] = {
    **dict.fromkeys(("motorway", "motorway_link", "expressway", "trunk"), "expressway"),
    **dict.fromkeys(("rail", "railway", "light_rail"), "railway"),
    **dict.fromkeys(("river", "canal"), "river"),
}
"""Kinds that go on in one another: a trunk road that becomes a motorway inside a zone still cuts it."""

_OTHER = ("隔断线", "a barrier")
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def cut_subjects(zones: Zones, frame: gpd.GeoDataFrame, kind: str, limits: Tolerances) -> list[Finding]:
    """Return the estates or buildings that lie in several zones.

    Parameters
    ----------
    zones
        The zones.
    frame
        Polygons, with a ``name`` or ``code``; other geometries are passed over, having no area to cut.
    kind
        ``cut_estate`` or ``cut_building``.
    limits
        A share of less than ``cut_m`` width is a border drawn along a wall, not a cut.
    """
    same_reference(frame, zones.frame.crs, "小区或楼栋图层")
    polygonal = np.isin(shapely.get_type_id(np.asarray(frame.geometry.array, dtype=object)), _POLYGONAL)
    frame = frame[polygonal]
    shapes = area_of(frame, zones.frame.crs, "小区或楼栋图层")
    if shapes is None or len(shapes) == 0:
        return []
    names = [name or code for name, code in zip(texts(frame, "name"), texts(frame, "code"), strict=True)]
    at, row = zones.tree.query(shapes, predicate="intersects")
    several = np.bincount(at, minlength=len(shapes))[at] > 1
    at, row = at[several], row[several]
    laid = zones.plane.down(shapes)
    shares = shapely.intersection(laid[at], zones.laid(row))
    parts, owner = parts_of(shares)
    real = np.zeros(len(shares), dtype=bool)
    real[owner[at_least_wide(parts, limits.cut_m)]] = True
    findings = []
    for subject in np.unique(at[real]):
        here = np.flatnonzero(real & (at == subject))
        here = here[np.argsort(-shapely.area(shares[here]), kind="stable")]
        # Where zones overlap, one may hold the whole of it: then nothing is cut.
        rest, _ = parts_of(np.array([shapely.difference(laid[subject], shares[here[0]])], dtype=object))
        if len(here) > 1 and at_least_wide(rest, limits.cut_m).any():
            pieces, _ = parts_of(shares[here[1:]])
            rows = tuple(int(number) for number in row[here])
            findings.append(Finding(kind, shapely.MultiPolygon(list(pieces)), rows, (names[subject],)))
    return findings


def divided(shape: shapely.Geometry, inside: shapely.Geometry, grid: float) -> Geometries:
    """Return the pieces into which lines inside a polygon divide it.

    Parameters
    ----------
    shape
        Polygon or multipolygon.
    inside
        Lines, clipped to it.
    grid
        Lines that end nearer to its border than this, in its own unit, reach it: clipped lines miss it by rounding.
    """
    network = shapely.union_all([shapely.boundary(shape), inside], grid_size=grid)
    pieces, _ = parts_of(np.array([shapely.polygonize([network])], dtype=object))
    found: Geometries = pieces[shapely.contains_properly(shape, shapely.point_on_surface(pieces))]
    return found


def cut_zones(zones: Zones, frame: gpd.GeoDataFrame, limits: Tolerances) -> list[Finding]:
    """Return the zones that barriers divide into pieces.

    Parameters
    ----------
    zones
        The zones.
    frame
        Lines; with a column ``kind`` only the kinds in ``BARRIERS`` count.
    limits
        A piece of less than ``barrier_m`` width is no piece: the line then follows the zone's border.
    """
    same_reference(frame, zones.frame.crs, "隔断线图层")
    kinds = np.array(texts(frame, "kind"), dtype=object)
    lines = shapely.force_2d(np.asarray(frame.geometry.array, dtype=object))
    counted = ~(shapely.is_missing(lines) | shapely.is_empty(lines))
    if "kind" in frame.columns:
        counted &= np.isin(kinds, list(BARRIERS))
    lines, kinds = lines[counted], kinds[counted]
    at, row = zones.tree.query(lines, predicate="intersects")
    families = np.array([FAMILIES.get(kind, "") for kind in kinds], dtype=object)
    findings = []
    for number in np.unique(row):
        shape = zones.laid(np.array([number]))[0]
        near = at[row == number]
        for family in sorted(set(families[near])):
            chosen = near[families[near] == family]
            along = shapely.intersection(zones.plane.down(lines[chosen]), shape)
            inside = shapely.union_all(along)
            pieces = divided(shape, inside, limits.tolerance_m)
            wide = at_least_wide(pieces, limits.barrier_m)
            if wide.sum() > max(1, shapely.get_num_geometries(shape)):
                interior = shapely.difference(
                    inside, shapely.buffer(shapely.boundary(shape), limits.tolerance_m)
                )
                named = BARRIERS.get(kinds[chosen[np.argmax(shapely.length(along))]], _OTHER)
                findings.append(Finding("cut_barrier", interior, (int(number),), named))
    return findings
