"""Redraw a few zones around one fault, with every vertex of their borders shared.

The borders of these zones and the outline of the fault are noded on the grid on which coordinates stand (1e-8 degrees,
or 0.1 mm), which cuts their land into faces. Each face is given to the zone that should have it, and each zone is the
union of its faces. So neighbours come out with the same vertices by construction, nothing that no decision names moves
by more than half a step of the grid, and a face that nobody decided about stays with whom it was, gap or overlap.

``shapely.coverage_clean`` does all at once what is done here fault by fault, but it also makes zones EMPTY that lie in
others, cuts necks by snapping and fills real holes (GEOS #1525, #1476); tests hold these cases against this module.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.coverage.plane import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from geo.coverage.plane import Bools, Floats, Geometries

GRID_DEG = 1e-8
GRID_M = 1e-4

Decision = frozenset[int]
"""Rows of the zones that hold a face."""

Beside = Mapping[int, float]
"""Row → length of the border that a face shares with what only this zone holds."""


def grid_of(*, geographic: bool) -> float:
    """Return the step of the grid on which coordinates stand, in their own unit."""
    return GRID_DEG if geographic else GRID_M


def on_grid(geometries: Geometries, grid: float) -> Geometries:
    """Return geometries with each coordinate on the grid."""
    decimals = round(-np.log10(grid))

    def rounded(coordinates: Floats) -> Floats:
        result: Floats = np.round(coordinates, decimals)
        return result

    moved: Geometries = shapely.transform(geometries, rounded)
    return moved


@dataclass(frozen=True)
class Redrawn:
    """Zones as they come out.

    Parameters
    ----------
    shapes
        Row → new polygon, also for a zone that only gains a vertex which its neighbour has there.
    moved
        The land of the fault that somebody else holds now; empty when nothing changes hands.
    parties
        Rows of those who lose or get it.
    """

    shapes: Mapping[int, shapely.Geometry]
    moved: shapely.Geometry
    parties: Decision


@dataclass(frozen=True)
class Around:
    """The zones around one fault.

    Parameters
    ----------
    shapes
        Row → polygon, on the grid: the zones on which the fault borders.
    place
        The fault, in the same coordinates.
    grid
        Step of the grid.
    """

    shapes: Mapping[int, shapely.Geometry]
    place: shapely.Geometry
    grid: float

    def redrawn(self, decide: Callable[[Decision, Callable[[], Beside]], Decision]) -> Redrawn:
        """Return the zones that change, and the land that changes hands.

        Parameters
        ----------
        decide
            From the zones that hold a face of the fault, and who stands beside it, to those that shall hold it.

        """
        faces, holders = self._faces()
        inside = shapely.intersects(self.place, shapely.point_on_surface(faces))
        after = list(holders)
        for at in np.flatnonzero(inside):
            after[at] = decide(holders[at], partial(_beside, faces, holders, at))
        moved = [at for at in np.flatnonzero(inside) if holders[at] != after[at]]
        parties = frozenset[int]().union(*(holders[at] ^ after[at] for at in moved))
        land = shapely.union_all(faces[moved])
        after = self._hairs_given(faces, after, inside)
        changed = {}
        for row, shape in self.shapes.items():
            own = faces[np.array([row in held for held in after], dtype=bool)]
            new = _union(own)
            if not shapely.equals_exact(shapely.normalize(new), shapely.normalize(shape)):
                changed[row] = new
        return Redrawn(changed, land, parties)

    def _faces(self) -> tuple[Geometries, list[Decision]]:
        rows = np.array(list(self.shapes), dtype=np.int64)
        shapes = np.array(list(self.shapes.values()), dtype=object)
        rims = shapely.boundary(np.append(shapes, [self.place]))
        network = shapely.union_all(rims, grid_size=self.grid)
        faces, _ = parts_of(np.array([shapely.polygonize([network])], dtype=object))
        centres = shapely.point_on_surface(faces)
        held = shapely.intersects(shapes[None, :], centres[:, None])
        return faces, [frozenset(int(row) for row in rows[which]) for which in held]

    def _hairs_given(self, faces: Geometries, after: list[Decision], inside: Bools) -> list[Decision]:
        """Give faces as thin as the grid, which rounding made, to one zone: the one beside, or the first."""
        thin = shapely.is_empty(shapely.buffer(faces, -2 * self.grid, quad_segs=1))
        for at in np.flatnonzero(thin & ~inside):
            if len(after[at]) == 0:
                shared = _shared(faces, at)
                shared[[number for number, held in enumerate(after) if len(held) != 1]] = 0
                if shared.max() > 0:
                    after[at] = after[int(shared.argmax())]
            elif len(after[at]) > 1:
                after[at] = frozenset([min(after[at])])
        return after


def _shared(faces: Geometries, at: np.integer[Any]) -> Floats:
    """Return how much of its outline a face has in common with each face."""
    lengths: Floats = shapely.length(
        shapely.intersection(shapely.boundary(faces[at]), shapely.boundary(faces))
    )
    return lengths


def _beside(faces: Geometries, holders: list[Decision], at: np.integer[Any]) -> Beside:
    lengths: dict[int, float] = defaultdict(float)
    for held, length in zip(holders, _shared(faces, at), strict=True):
        if len(held) == 1 and length > 0:
            lengths[min(held)] += float(length)
    return lengths


def _union(faces: Geometries) -> shapely.Geometry:
    """Return faces that share their vertices as one polygon; it keeps each vertex on the outline."""
    if len(faces) == 0:
        return shapely.Polygon()
    parts, _ = parts_of(np.array([shapely.coverage_union_all(faces)], dtype=object))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(list(parts))
