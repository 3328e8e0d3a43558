"""A flat drawing board in metres on which faults are looked for, and the measures taken on it.

Borders are compared where they were drawn. A map projection bends straight lines (1 km of border by about a
centimetre), so two neighbours that agree in lon/lat, one with a vertex in the middle, would disagree after it. The
plane is therefore a *linear* image of the zones' own coordinates: shifted to their centre and stretched to metres
there. What stands on one straight line stays on it. Areas and widths are then corrected at each fault to the metric
reference of the data (law 6: ``geo.crs.metric_crs``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from geo import crs as references

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS


Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Geometries = NDArray[np.object_]
Ints = NDArray[np.signedinteger[Any]]

_PRECISION = 1.01
"""Ratio of the bounds between which the width of a polygon is told."""

_COMPACT = 0.2
"""Share of the area of a circle with the same outline from which on a polygon is not thin."""

_STEP = 1e-4
"""Length of the step (in units of the data: degrees, or ten thousand times more in metres) that measures scale."""


@dataclass(frozen=True)
class Plane:
    """A linear image, in metres, of the coordinates of one frame.

    Parameters
    ----------
    crs
        Reference of the frame.
    metric
        Reference in which it is measured.
    origin
        Centre of the frame, in its own coordinates.
    scale
        Metres per unit of x and of y at the centre.
    """

    crs: CRS
    metric: CRS
    origin: tuple[float, float]
    scale: tuple[float, float]

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame) -> Plane:
        """Return the plane of a frame; raise ``UndeclaredReferenceError`` when it names no reference."""
        if frame.crs is None:
            raise references.undeclared_reference("网格图层")
        metric = references.metric_crs(frame)
        west, south, east, north = frame.total_bounds
        if not np.isfinite([west, south, east, north]).all():
            west = south = east = north = 0.0
        origin = ((west + east) / 2, (south + north) / 2)
        jacobian = _jacobian(frame.crs, metric, np.array([origin]))[0]
        return cls(frame.crs, metric, origin, (float(np.hypot(*jacobian[0])), float(np.hypot(*jacobian[1]))))

    def flat(self, coordinates: Floats) -> Floats:
        """Return coordinates (n, 2) on the plane, in metres."""
        flat: Floats = (coordinates - self.origin) * self.scale
        return flat

    def down(self, geometries: Geometries) -> Geometries:
        """Return geometries laid on the plane."""
        laid: Geometries = shapely.transform(geometries, self.flat)
        return laid

    def up(self, geometries: Geometries) -> Geometries:
        """Return geometries of the plane in the frame's own coordinates."""
        raised: Geometries = shapely.transform(geometries, lambda flat: flat / self.scale + self.origin)
        return raised

    def corrections(self, geometries: Geometries) -> Floats:
        """Return the factor (n,) from an area on the plane to square metres of the metric reference."""
        if len(geometries) == 0:
            return np.empty(0)
        centres = shapely.get_coordinates(self.up(shapely.point_on_surface(geometries)))
        jacobian = _jacobian(self.crs, self.metric, centres)
        factors: Floats = np.abs(np.linalg.det(jacobian)) / (self.scale[0] * self.scale[1])
        return factors

    def areas_m2(self, geometries: Geometries) -> Floats:
        """Return areas (n,) in the metric reference of whole zones in the frame's own coordinates."""
        transformer = _transformer(self.crs, self.metric)

        def project(coordinates: Floats) -> Floats:
            return np.stack(transformer.transform(coordinates[:, 0], coordinates[:, 1]), axis=1)

        areas: Floats = shapely.area(shapely.transform(geometries, project))
        return areas


@lru_cache(maxsize=32)
def _transformer(crs: CRS, metric: CRS) -> Transformer:
    return Transformer.from_crs(crs, metric, always_xy=True)


def _jacobian(crs: CRS, metric: CRS, points: Floats) -> Floats:
    """Return (n, 2, 2): metres moved per unit of x (first row) and of y at each point."""
    step = _STEP if crs.is_geographic else _STEP * 1e5
    moves = np.array([[0.0, 0.0], [step, 0.0], [0.0, step]])
    places = (points[:, None, :] + moves).reshape(-1, 2)
    projected = _transformer(crs, metric).transform(places[:, 0], places[:, 1])
    there = np.stack(projected, axis=1).reshape(-1, 3, 2)
    result: Floats = (there[:, 1:] - there[:, :1]) / step
    return result


def parts_of(geometries: Geometries) -> tuple[Geometries, NDArray[np.int64]]:
    """Return the non-empty polygons that geometries consist of, and the position each comes from."""
    parts, owner = shapely.get_parts(geometries, return_index=True)
    nested = shapely.get_type_id(parts) > shapely.GeometryType.POLYGON
    while nested.any():
        deeper, inner = shapely.get_parts(parts[nested], return_index=True)
        owner = np.concatenate([owner[~nested], owner[nested][inner]])
        parts = np.concatenate([parts[~nested], deeper])
        nested = shapely.get_type_id(parts) > shapely.GeometryType.POLYGON
    keep = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (shapely.area(parts) > 0)
    order = np.argsort(owner[keep], kind="stable")
    return parts[keep][order], owner[keep][order]


def _least_radius(polygons: Geometries) -> Floats:
    """Return a radius (n,) of which a circle surely fits into each polygon.

    Every point is within the inscribed radius r of the outline, and the strip of width r along it has an area of at
    most r times its length, plus pi r² for each hole.
    """
    area, length = shapely.area(polygons), np.maximum(shapely.length(polygons), 1e-12)
    holes = shapely.get_num_interior_rings(polygons)
    root = np.sqrt(length**2 + 4 * np.pi * holes * area)
    radius: Floats = 2 * area / (length + root)
    return radius


def at_least_wide(polygons: Geometries, width_m: float) -> Bools:
    """Return (n,) whether a circle of this diameter fits into each polygon."""
    wide = _least_radius(polygons) >= width_m / 2
    unsure = ~wide & (shapely.area(polygons) >= np.pi * width_m**2 / 4)
    if unsure.any():
        wide[unsure] = _fits(polygons[unsure], width_m / 2)
    found: Bools = wide
    return found


def widths(polygons: Geometries) -> Floats:
    """Return (n,) the diameter of the largest circle that fits into each polygon: how wide it is at its widest."""
    compact = 4 * np.pi * shapely.area(polygons) > _COMPACT * shapely.length(polygons) ** 2
    diameters = np.empty(len(polygons))
    diameters[~compact] = _widths_of_thin(polygons[~compact])
    for at in np.flatnonzero(compact):
        fine = 0.01 * shapely.area(polygons[at]) / shapely.length(polygons[at])
        diameters[at] = 2 * shapely.length(
            shapely.maximum_inscribed_circle(polygons[at], tolerance=float(fine))
        )
    return diameters


def _widths_of_thin(polygons: Geometries) -> Floats:
    """Return widths by halving between bounds of the inscribed radius.

    shapely's own ``maximum_inscribed_circle`` takes a hundred times as long on the long thin polygons that most faults
    are. Few of them have more than twice the least radius, none more than the circle of their area.
    """
    low = _least_radius(polygons)
    most = np.maximum(np.sqrt(shapely.area(polygons) / np.pi), low)
    high = np.minimum(2 * low, most)
    beyond = _fits(polygons, high)
    low, high = np.where(beyond, high, low), np.where(beyond, most, high)
    while (open_ := np.flatnonzero(high > low * _PRECISION)).size:
        middle = np.sqrt(low[open_] * high[open_])
        fits = _fits(polygons[open_], middle)
        low[open_[fits]] = middle[fits]
        high[open_[~fits]] = middle[~fits]
    diameters: Floats = 2 * np.sqrt(low * high)
    return diameters


def _fits(polygons: Geometries, radius: Floats | float) -> Bools:
    # Round about inward corners, as a circle is: a mitre would take more away there.
    shrunk = shapely.buffer(polygons, -radius, quad_segs=8)
    found: Bools = ~shapely.is_empty(shrunk)
    return found


def opened(polygons: Geometries, width_m: float) -> Geometries:
    """Return polygons without their parts that are narrower than this."""
    shrunk = shapely.buffer(polygons, -width_m / 2, join_style="mitre")
    grown: Geometries = shapely.buffer(shrunk, width_m / 2, join_style="mitre")
    return grown
