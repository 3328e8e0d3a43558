"""Redividing a patch of a coverage along new lines, so that the result is a coverage by construction.

The borders of all zones of the patch and the new lines are noded together, once, on the 1e-8 degree grid; the faces
between them are given to zones; each zone is the union of its faces. Since neighbours are made of the same noded
lines, they share every vertex, also those that the new lines brought in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import RefusedError
from geo.plans.draft import simplest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geo.plans.draft import Area, PlanZone


GRID_DEG = 1e-8
"""Coordinates lie on this grid (law 1)."""

NEAR_DEG = 2e-8
"""A vertex nearer than this to an edge belongs on it: rounding moves a vertex by at most 0.71e-8 degrees."""


Owner = Callable[[NDArray[np.object_], NDArray[np.object_]], NDArray[np.object_]]
"""Says who shall have each face, given the faces and who has each now (see `redivide`)."""


def redivide(
    patch: Mapping[str, Area],
    cuts: Sequence[shapely.Geometry],
    owner: Owner,
) -> dict[str, Area]:
    """Cut a patch of zones along lines and give the pieces to zones.

    Parameters
    ----------
    patch
        Zones by code: those to be cut, and every neighbour whose border may receive a new vertex.
    cuts
        New lines (lines, or polygons whose rings are meant), lon/lat.
    owner
        Called once with the faces (n,) and, for each, the code of the zone that it lies in now or None (n,);
        returns the code of the zone that it shall lie in, or None for nobody (n,).

    Returns
    -------
    dict
        Geometry by code, for every code that owns at least one face. Zones that came through unchanged are the
        objects given.
    """
    codes = list(patch)
    geometries = np.array([patch[code] for code in codes], dtype=object)
    lines = [*shapely.boundary(geometries), *(_as_lines(cut) for cut in cuts)]
    noded = shapely.unary_union(np.array(lines, dtype=object), grid_size=GRID_DEG)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inside = shapely.point_on_surface(faces)
    now = np.full(len(faces), None, dtype=object)
    face_rows, zone_rows = shapely.STRtree(geometries).query(inside, predicate="intersects")
    now[face_rows] = np.array(codes, dtype=object)[zone_rows]
    then = owner(faces, now)
    result: dict[str, Area] = {}
    for code in dict.fromkeys(code for code in then if code is not None):
        merged = _union_of_faces(faces[then == code])
        old = patch.get(code)
        result[code] = old if old is not None and _same_rings(merged, old) else merged
    return result


def insert_vertices(geometry: Area, points: NDArray[np.float64]) -> Area:
    """Put points that lie on a polygon's edges (within `NEAR_DEG`) into its rings, in order along each edge.

    Parameters
    ----------
    geometry
        A polygon or multipolygon.
    points
        Lon/lat, shape (n, 2).
    """
    if not len(points):
        return geometry
    # What lies on no edge is the usual case: found first, since a town's border has thousands of vertices.
    fresh = points[shapely.dwithin(shapely.boundary(geometry), shapely.points(points), NEAR_DEG)]
    existing = shapely.get_coordinates(geometry)
    fresh = np.unique(fresh[~(fresh[:, None] == existing).all(axis=2).any(axis=1)], axis=0)
    if not len(fresh):
        return geometry

    def ring_with(ring: NDArray[np.float64]) -> NDArray[np.float64]:
        start, span = ring[:-1], np.diff(ring, axis=0)
        length = np.hypot(*span.T)
        offset = fresh[:, None] - start
        along = (offset * span).sum(axis=2) / length
        across = np.abs(offset[..., 1] * span[:, 0] - offset[..., 0] * span[:, 1]) / length
        away = np.where((along > 0) & (along < length), across, np.inf)
        # Beside a sharp corner a point is near two edges; in both, it would make a spike.
        edge = away.argmin(axis=1)
        near = np.flatnonzero(away[np.arange(len(fresh)), edge] < NEAR_DEG)
        near = near[np.lexsort((along[near, edge[near]], edge[near]))]
        return np.insert(ring, edge[near] + 1, fresh[near], axis=0)

    polygons = [
        shapely.Polygon(
            ring_with(shapely.get_coordinates(part.exterior)),
            [ring_with(shapely.get_coordinates(hole)) for hole in part.interiors],
        )
        for part in shapely.get_parts(geometry)
    ]
    return simplest(shapely.MultiPolygon(polygons))


def refuse_invalid(zones: Sequence[PlanZone]) -> None:
    """Refuse zones whose rings cross themselves or enclose nothing.

    Raises
    ------
    RefusedError
        Naming the first such zone and the place.
    """
    for zone in zones:
        if shapely.is_empty(zone.geometry) or not shapely.is_valid(zone.geometry):
            raise RefusedError(
                f"{zone.name}({zone.code})的边界自相交。",
                f"{zone.code} would be no valid polygon: {shapely.is_valid_reason(zone.geometry)}",
                place=shapely.centroid(zone.geometry),
                remedy="请避免边界线自相交后重试。",
            )


def check_patch(before: Sequence[PlanZone], after: Sequence[PlanZone], rim: Sequence[PlanZone]) -> None:
    """Refuse a redivision that breaks law 1.

    Parameters
    ----------
    before, after
        The zones of one level that a change takes away and puts in place.
    rim
        Zones of that level that touch them and stay as they are.

    Raises
    ------
    RefusedError
        When zones overlap or do not share their vertices, or ground is lost or gained.
    """
    together = np.array([zone.geometry for zone in (*after, *rim)], dtype=object)
    if not shapely.coverage_is_valid(together):
        edges = shapely.coverage_invalid_edges(together)
        bad = int(np.argmin(shapely.is_empty(edges)))
        zone = (*after, *rim)[bad]
        raise RefusedError(
            f"修改后 {zone.name}({zone.code})会与相邻网格重叠或错开。",
            f"{zone.code} would overlap or mismatch its neighbours",
            place=edges[bad],
            remedy="请将边界改到相邻网格的公共边上,或一并选择相邻网格。",
        )
    old = shapely.union_all([zone.geometry for zone in before])
    new = shapely.union_all([zone.geometry for zone in after])
    off = shapely.symmetric_difference(old, new)
    if shapely.area(off) > GRID_DEG * 2 * max(shapely.length(old), shapely.length(new)):
        raise RefusedError(
            "修改会留下缺口或超出原有范围。",
            "ground would be lost or gained",
            place=off,
            remedy="外边界不在此处修改:请改用“划入缺口”,或先修改上级边界。",
        )


def _as_lines(geometry: shapely.Geometry) -> shapely.Geometry:
    is_area = shapely.get_dimensions(geometry) == 2  # noqa: PLR2004  areas have two dimensions
    return shapely.boundary(geometry) if is_area else geometry


def _union_of_faces(faces: NDArray[np.object_]) -> Area:
    merged = faces[0] if len(faces) == 1 else shapely.coverage_union_all(faces)
    return simplest(merged)


def _same_rings(left: Area, right: Area) -> bool:
    return bool(shapely.equals_identical(shapely.normalize(left), shapely.normalize(right)))
