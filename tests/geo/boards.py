"""A chessboard of three by three zones that faults are drawn on, each about 286 m x 333 m, in Zhuanqiao."""

from __future__ import annotations

import geopandas as gpd
import shapely
from pyproj import CRS

LONLAT = CRS.from_epsg(4490)
X0, Y0, STEP = 121.40, 31.07, 0.003
METRE = 1 / 95_400  # degrees of longitude there


def cell(column: float, row: float, columns: float = 1, rows: float = 1) -> shapely.Polygon:
    """Return the cell of a chessboard, its corners on the grid of 1e-8 degrees."""
    west, south = round(X0 + column * STEP, 8), round(Y0 + row * STEP, 8)
    east, north = round(X0 + (column + columns) * STEP, 8), round(Y0 + (row + rows) * STEP, 8)
    return shapely.box(west, south, east, north)


def frame(shapes: dict[str, shapely.Geometry | None], crs: CRS | None = LONLAT) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": list(shapes)}, geometry=list(shapes.values()), crs=crs)


def board() -> dict[str, shapely.Polygon]:
    """Return a chessboard of three by three cells, named by column and row: a0 … c2."""
    return {f"{name}{row}": cell(column, row) for column, name in enumerate("abc") for row in range(3)}


def widened(shape: shapely.Polygon, metres: float) -> shapely.Polygon:
    """Return a cell with its east side moved by so many metres."""
    west, south, east, north = shape.bounds
    return shapely.box(west, south, round(east + metres * METRE, 8), north)


TERRITORY = cell(0, 0, 3, 3)
