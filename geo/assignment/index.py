"""Points to zones: the index that answers which zone a point is in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import shapely

from geo.errors import ZonesError

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray


class ZoneIndex:
    """Which zone is a point in?

    Parameters
    ----------
    zones
        Polygons and multipolygons in lon/lat.
    """

    def __init__(self, zones: gpd.GeoDataFrame) -> None:
        if len(zones) == 0:
            raise ZonesError(
                "没有网格：图层是空的。", "no zones: the frame is empty", remedy="请先加载网格。"
            )
        self._zones = np.asarray(zones.geometry.array, dtype=object)
        self._tree = shapely.STRtree(self._zones)

    def locate(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int32]:
        """Return the row position of the zone of each point, -1 in none."""
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        rows = np.full(len(x), len(self._zones), dtype=np.int32)
        points, hits = self.locate_all(x, y)
        np.minimum.at(rows, points, hits.astype(np.int32))
        rows[rows == len(self._zones)] = -1
        return rows

    def locate_all(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int64]:
        """Return every zone of every point: shape ``(2, m)``, point positions and row positions."""
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        good = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        points, hits = self._tree.query(shapely.points(x[good], y[good]), predicate="intersects")
        return np.array([good[points], hits])

    def save(self, path: str | Path) -> None:
        """Write the index to one file."""
        np.save(
            Path(path),
            np.frombuffer(shapely.to_wkb(shapely.geometrycollections(self._zones)), dtype=np.uint8),
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an index that `save` wrote."""
        index = cls.__new__(cls)
        index._zones = shapely.get_parts(shapely.from_wkb(np.load(path).tobytes()))
        index._tree = shapely.STRtree(index._zones)
        return index
