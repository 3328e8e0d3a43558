"""Redraw a few zones around one fault, with every vertex of their borders shared.

The borders of these zones and the outline of the fault are noded on the grid on which coordinates stand (1e-8 degrees,
or 0.1 mm), which cuts their land into faces. Each face is given to the zone that should have it. ``coverage_clean``
then makes a coverage of the land so divided: the faces as thin as the grid that rounding left go to whoever lies along
them most, and neighbours come out with the same vertices. Nothing that no decision names moves by more than the grid,
and a face that nobody decided about stays with whom it was, gap or overlap.

Given whole zones with their faults, ``shapely.coverage_clean`` decides by itself: it makes zones EMPTY that lie in
others, cuts necks by snapping and fills real holes (GEOS #1525, #1476). So it is given only land that is divided
already, snaps nothing, closes nothing wider than the grid, and what it returns must pass the guards; tests hold the
known cases against this module.
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

_THIN = 4
"""Widest that a face made by rounding can be, in steps of the grid."""

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

    def disturbed(self, before: Geometries, grid: float) -> int | None:
        """Return the row of a zone that neither loses nor gets land of the fault and yet has other land, or None.

        Rounding moves a border by half a step of the grid, a face as thin as the grid by a few.

        Parameters
        ----------
        before
            All zones before (n,).
        grid
            Step of the grid.
        """
        for row in sorted(self.shapes.keys() - self.parties):
            slack = (_THIN + 1) * grid * shapely.length(before[row])
            if shapely.area(shapely.symmetric_difference(before[row], self.shapes[row])) > slack:
                return row
        return None


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
        held, pieces = self._cleaned(faces, after, inside)
        changed = {}
        for row, shape in self.shapes.items():
            new = _union(pieces[np.array([row in rows for rows in held], dtype=bool)])
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

    def _cleaned(
        self, faces: Geometries, after: list[Decision], inside: Bools
    ) -> tuple[list[Decision], Geometries]:
        """Return sets of holders and what each holds, without the faces as thin as the grid, which rounding made."""
        thin = shapely.is_empty(shapely.buffer(faces, -_THIN / 2 * self.grid, quad_segs=1)) & ~inside
        own: dict[Decision, list[int]] = defaultdict(list)
        for at, rows in enumerate(after):
            if len(rows) == 1 or (rows and not thin[at]):
                own[rows].append(at)
        pieces = np.array([_union(faces[at]) for at in own.values()], dtype=object)
        cleaned: Geometries = shapely.coverage_clean(  # type: ignore[attr-defined]  # newer than its stubs
            pieces, gap_width=_THIN * self.grid, snapping_distance=0
        )
        return list(own), cleaned


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
