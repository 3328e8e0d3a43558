"""四至: what bounds a zone on its four sides, in words: streets that its border runs along, else the zones beyond it.

The border is walked in short steps. Each step faces east, south, west or north, whichever its outward side is nearest
to, and is put down to the nearest named street beside it that runs its way; without one, to the zone on its other
side; without that, to the edge of the place. A side is named by what most of its length runs along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from geo.crs import metric_crs, to_metric

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]

SIDES: Final = ("east", "south", "west", "north")
"""In the order in which 四至 are told."""

BESIDE_M: Final = 30.0
"""How far (in meters) from the border the middle of a street along it may be: half of a wide road."""

STEP_M: Final = 10.0
"""Length (in meters) of the steps in which a border is walked."""

TURN_DEG: Final = 30.0
"""How much (in degrees) a street may turn from the border that it runs along."""

SHARE: Final = 0.3
"""Part of a side's length from which on a name is told of it."""

EDGE: Final = "辖区边界"
"""What a side is called that has neither street nor zone beyond it."""

_BEYOND_M: Final = 1.0
_FEW: Final = 3
"""Names that are told of one side at most."""


@dataclass(frozen=True)
class Bounds:
    """What bounds a zone.

    Parameters
    ----------
    east, south, west, north
        Names, those along the most of that side first; none for a side that the zone does not have.
    """

    east: tuple[str, ...] = ()
    south: tuple[str, ...] = ()
    west: tuple[str, ...] = ()
    north: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """Lists of names by side, and ``text``: as answers have them."""
        return {**{side: list(getattr(self, side)) for side in SIDES}, "text": self.zh}

    @property
    def zh(self) -> str:
        """In the words of a register.

        Examples
        --------
        >>> Bounds(("沪闵路",), ("北松公路",), ("中春路", "横泾"), ("春申塘",)).zh
        '东至沪闵路，南至北松公路，西至中春路、横泾，北至春申塘'
        """
        said = zip("东南西北", (self.east, self.south, self.west, self.north), strict=True)
        return "，".join(f"{side}至{'、'.join(names)}" for side, names in said if names)


def bounds_of(
    zones: gpd.GeoDataFrame, streets: gpd.GeoDataFrame, *, of: Iterable[str] | None = None
) -> dict[str, Bounds]:
    """Return what bounds zones of one level.

    Parameters
    ----------
    zones
        Columns ``code, name, geometry``: polygons, EPSG:4490; those asked for and their neighbours.
    streets
        Columns ``name, geometry``: lines, EPSG:4490. Those without a name bound nothing.
    of
        Codes of the zones asked for; None: all.

    Returns
    -------
    dict
        By code.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString, box
    >>> zones = gpd.GeoDataFrame(
    ...     {"code": ["A", "B"], "name": ["甲", "乙"]},
    ...     geometry=[box(121.40, 31.06, 121.41, 31.07), box(121.41, 31.06, 121.42, 31.07)],
    ...     crs="EPSG:4490",
    ... )
    >>> street = LineString([(121.40, 31.0601), (121.42, 31.0601)])
    >>> streets = gpd.GeoDataFrame({"name": ["和平路"]}, geometry=[street], crs="EPSG:4490")
    >>> bounds_of(zones, streets)["A"].zh
    '东至乙，南至和平路，西至辖区边界，北至辖区边界'
    """
    if not len(zones):
        return {}
    crs = metric_crs(zones)
    shapes = to_metric(zones.geometry, crs).to_numpy()
    names = zones["name"].astype(str).to_numpy()
    codes = zones["code"].astype(str).to_numpy()
    asked = set(codes) if of is None else set(of)
    roads = _Roads(streets, crs)
    tree = shapely.STRtree(shapes)
    return {
        code: _bounds(shape, row, names, tree, roads)
        for row, (code, shape) in enumerate(zip(codes, shapes, strict=True))
        if code in asked
    }


class _Roads:
    """Named streets, as straight pieces in a metric reference."""

    def __init__(self, streets: gpd.GeoDataFrame, crs: CRS) -> None:
        named = streets[streets["name"].notna() & (streets["name"].astype(str).str.strip() != "")]
        lines = to_metric(named.geometry, crs).to_numpy() if len(named) else np.empty(0, dtype=object)
        coords, line = shapely.get_coordinates(lines, return_index=True)
        same = line[1:] == line[:-1]
        start, end = coords[:-1][same], coords[1:][same]
        self.names = named["name"].astype(str).str.strip().to_numpy()[line[:-1][same]]
        # Stacked pairs, so that an array comes back; none at all make an empty one.
        drawn: Any = shapely.linestrings(np.stack([start, end], axis=1)) if len(start) else []
        self.pieces: NDArray[np.object_] = np.asarray(drawn, dtype=object)
        self.turn = np.arctan2(*(end - start).T[::-1]) if len(start) else np.empty(0)
        self.tree = shapely.STRtree(self.pieces)

    def beside(self, points: NDArray[np.object_], turn: Floats) -> NDArray[np.object_]:
        """Return the name of the nearest street that runs the way of each point of a border; None without one."""
        found = np.full(len(points), None, dtype=object)
        if not len(self.pieces):
            return found
        at, piece = self.tree.query(points, predicate="dwithin", distance=BESIDE_M)
        along = np.abs(np.cos(self.turn[piece] - turn[at])) >= np.cos(np.radians(TURN_DEG))
        at, piece = at[along], piece[along]
        away = shapely.distance(points[at], self.pieces[piece])
        # The nearest is written last. Of equally near ones the first by name, whatever the order of the file.
        order = np.lexsort((self.names[piece].astype(str), np.round(away, 3)))[::-1]
        found[at[order]] = self.names[piece[order]]
        return found


def _bounds(
    shape: shapely.Geometry, row: int, names: NDArray[np.object_], tree: shapely.STRtree, roads: _Roads
) -> Bounds:
    rings = shapely.get_exterior_ring(shapely.get_parts(shapely.orient_polygons(shape, exterior_cw=False)))
    coords, ring = shapely.get_coordinates(shapely.segmentize(rings, STEP_M), return_index=True)
    same = ring[1:] == ring[:-1]
    step = (coords[1:] - coords[:-1])[same]
    middle = ((coords[1:] + coords[:-1]) / 2)[same]
    length = np.hypot(step[:, 0], step[:, 1])
    real = length > 0
    step, middle, length = step[real], middle[real], length[real]
    outward = np.column_stack([step[:, 1], -step[:, 0]]) / length[:, None]  # the ring runs counter-clockwise
    side = _sides(outward)
    label = roads.beside(shapely.points(middle), np.arctan2(step[:, 1], step[:, 0]))
    bare = np.flatnonzero(label == None)  # noqa: E711  element by element
    label[bare] = EDGE
    beyond = shapely.points(middle[bare] + outward[bare] * _BEYOND_M)
    at, other = tree.query(beyond, predicate="intersects")
    foreign = other != row
    label[bare[at[foreign]]] = names[other[foreign]]
    return Bounds(*(_most(label[side == number], length[side == number]) for number in range(len(SIDES))))


def _sides(outward: Floats) -> NDArray[np.int64]:
    """Return which of `SIDES` each direction faces."""
    east, north = outward[:, 0], outward[:, 1]
    across = np.abs(east) >= np.abs(north)
    sides: NDArray[np.int64] = np.where(across, np.where(east > 0, 0, 2), np.where(north > 0, 3, 1))
    return sides


def _most(labels: NDArray[np.object_], lengths: Floats) -> tuple[str, ...]:
    if not len(labels):
        return ()
    found, which = np.unique(labels.astype(str), return_inverse=True)
    sums = np.bincount(which, weights=lengths)
    order = np.argsort(-sums, kind="stable")
    told = [number for number in order if sums[number] >= SHARE * lengths.sum()] or [order[0]]
    return tuple(str(found[number]) for number in told[:_FEW])
