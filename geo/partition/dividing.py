"""Lines that blocks need besides streets: through faces with too many households, and round footprints that are cut."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from scipy.cluster.vq import kmeans2

from geo.assignment import ZoneIndex
from geo.crs import INTERNAL_CRS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.coverage.plane import Plane

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]

_GROUP_SHARE = 0.7
"""Groups of households in a face that is divided have this share of what a block may have: some come out larger."""


def located(shapes: Geometries, lon: Floats, lat: Floats) -> Ints:
    """Return the row of the polygon that each point is in, -1 for none, by the half-open rule of `geo.assignment`."""
    if not len(shapes):
        return np.full(len(lon), -1, dtype=np.int64)
    index = ZoneIndex(gpd.GeoDataFrame(geometry=shapes, crs=INTERNAL_CRS))
    return np.asarray(index.locate(lon, lat), dtype=np.int64)


def dividing_lines(
    faces: Geometries, lonlat: Floats, footprints: Geometries, plane: Plane, *, most: float, seed: int
) -> list[shapely.Geometry]:
    """Return lines that divide faces with more than ``most`` households, half-way between groups of households.

    Parameters
    ----------
    faces
        Polygons (degrees).
    lonlat
        Households, (n, 2).
    footprints
        Estates and buildings: the lines end at them, and those in the way get their outline as a border.
    plane
        The plane on which metres are measured.
    most
        Households.
    seed
        Same seed, same lines.
    """
    face = located(faces, *lonlat.T)
    large = np.flatnonzero(np.bincount(face[face >= 0], minlength=len(faces)) > most)
    order = np.argsort(face, kind="stable")
    ranks = face[order]
    tree = shapely.STRtree(footprints)
    lines: list[shapely.Geometry] = []
    for row in large.tolist():
        homes = order[np.searchsorted(ranks, row) : np.searchsorted(ranks, row, side="right")]
        groups = footprints[tree.query(faces[row], predicate="intersects")]
        xy = _gathered_in(plane.flat(lonlat[homes]), plane.down(groups))
        spots = _centres(xy, int(np.ceil(len(homes) / max(1.0, _GROUP_SHARE * most))), seed)
        if len(spots) < 2:  # noqa: PLR2004  one estate: it stays whole
            continue
        between = shapely.voronoi_polygons(
            shapely.multipoints(spots), extend_to=plane.down(faces[row : row + 1])[0], only_edges=True
        )
        cuts = shapely.intersection(plane.up(np.array([between], dtype=object))[0], faces[row])
        lines.append(shapely.difference(cuts, shapely.union_all(groups)))
        # outlines only of those that a line between groups would cut: others' walls are no borders
        lines.extend(shapely.boundary(groups[shapely.intersects(groups, cuts)]))
    return [line for line in lines if not shapely.is_empty(line)]


def _gathered_in(xy: Floats, footprints: Geometries) -> Floats:
    """Return the places of households, those in a footprint all at its centre, so that they are one group."""
    xy = xy.copy()
    house, footprint = shapely.STRtree(footprints).query(shapely.points(xy), predicate="intersects")
    # of a building in an estate the estate counts: the larger one comes last and stays
    rank = np.argsort(shapely.area(footprints)[footprint], kind="stable")
    centres = shapely.get_coordinates(shapely.centroid(footprints))
    xy[house[rank]] = centres[footprint[rank]]
    return xy


def _centres(xy: Floats, count: int, seed: int) -> Floats:
    """Return the centres of so many groups of places; where there are no more places than groups, the places."""
    distinct = np.unique(xy, axis=0)
    if count <= 1:
        return distinct[:1]
    if count < len(distinct):
        with warnings.catch_warnings():
            # a group that loses all its households keeps its centre: one line more, no harm
            warnings.simplefilter("ignore", UserWarning)
            distinct = kmeans2(xy, count, minit="++", rng=np.random.default_rng(seed))[0]
    return np.asarray(np.unique(np.round(distinct, 2), axis=0))


def cut_footprints(faces: Geometries, footprints: Geometries, plane: Plane, touch_m2: float) -> Ints:
    """Return the rows of footprints of which more than ``touch_m2`` lies in each of two faces or more."""
    if not len(footprints) or not len(faces):
        return np.empty(0, dtype=np.int64)
    row, face = shapely.STRtree(faces).query(footprints, predicate="intersects")
    several = np.bincount(row, minlength=len(footprints))[row] > 1
    row, face = row[several], face[several]
    pieces = shapely.intersection(plane.down(footprints[row]), plane.down(faces[face]))
    real = shapely.area(pieces) > touch_m2
    return np.flatnonzero(np.bincount(row[real], minlength=len(footprints)) > 1)


def pieces_of_footprints(inside: Floats, home: Ints, footprints: Geometries, cut: Ints) -> tuple[Ints, Ints]:
    """Return pairs of faces that are one footprint's, and the footprints that no block can hold whole.

    Parameters
    ----------
    inside
        A point in each face, (n, 2).
    home
        What ground each face is of: parent from 0, fixed ground below 0. Faces of two grounds never come together.
    footprints, cut
        All, and the rows of those whose outlines bound faces.
    """
    if not len(cut):
        return np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64)
    face, which = shapely.STRtree(footprints[cut]).query(shapely.points(inside), predicate="intersects")
    order = np.lexsort((face, home[face], which))
    face, which = face[order], which[order]
    place = home[face]
    same = which[1:] == which[:-1]
    alike = place[1:] == place[:-1]
    pairs = np.column_stack([face[:-1], face[1:]])[same & alike & (place[1:] >= 0)]
    return pairs, np.unique(cut[which[1:][same & ~alike]])
