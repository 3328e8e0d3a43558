"""The faces between unmatched edges: places with no zone, with one, with several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.coverage.borders import Edges, depths
from geo.coverage.plane import at_least_wide, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Geometries = NDArray[np.object_] if TYPE_CHECKING else Any
Ints = NDArray[np.int64] if TYPE_CHECKING else Any


@dataclass(frozen=True)
class Faces:
    """The bounded faces of unmatched edges on the plane.

    Parameters
    ----------
    polygons
        (n,) polygons, each at least as wide as the tolerance.
    depth
        (n,) number of zones there, less one where a boundary was taken away.
    outline
        Union of all bounded faces: the coverage with its holes filled.
    """

    polygons: Geometries
    depth: Ints
    outline: Geometries


def faces(edges: Edges, tolerance_m: float) -> Faces:
    """Return the faces into which edges (on the plane, in metres) cut it.

    Faces narrower than ``tolerance_m`` are dropped: what coordinates on a grid of 1e-8 degrees leave behind where a
    vertex of one neighbour stands on a straight border of the other.
    """
    if len(edges.owner) == 0:
        none = np.empty(0, dtype=object)
        return Faces(none, np.empty(0, dtype=np.int64), none)
    # Noding joins lines drawn twice, so each place between lines comes out once.
    noded = shapely.unary_union(edges.lines())
    polygons, _ = parts_of(np.array([shapely.polygonize([noded])], dtype=object))
    wide = polygons[at_least_wide(polygons, tolerance_m)]
    centres = shapely.get_coordinates(shapely.point_on_surface(wide)) if len(wide) else np.empty((0, 2))
    return Faces(wide, depths(centres, edges), polygons)
