"""Layers of grids drawn as letters, and what a fusion makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import box

from geo.fusion import FusionProfile

if TYPE_CHECKING:
    from geo.fusion import Fusion

STEP = 0.002  # degrees: a drawn square is about 190 m wide and 222 m high
NO_SIZES = FusionProfile(households=None)


def drawn(codes: str) -> gpd.GeoDataFrame:
    """Read a layer from a drawing: one letter per square, a dot for no grid; rows north to south."""
    rows = codes.split()
    squares: dict[str, list[Any]] = {}
    for up, row in enumerate(reversed(rows)):
        for right, letter in enumerate(row):
            if letter != ".":
                west, south = 121.0 + right * STEP, 31.0 + up * STEP
                squares.setdefault(letter, []).append(box(west, south, west + STEP, south + STEP))
    shapes = [shapely.union_all(parts, grid_size=1e-8) for parts in squares.values()]
    return gpd.GeoDataFrame({"code": list(squares)}, geometry=np.array(shapes, dtype=object), crs="EPSG:4490")


def at(right: float, up: float) -> shapely.Point:
    return shapely.Point(121.0 + right * STEP, 31.0 + up * STEP)


def households(*places: tuple[float, float, int]) -> gpd.GeoDataFrame:
    """Put some households at each place (squares east, squares north, how many)."""
    points = [at(right, up) for right, up, count in places for _ in range(count)]
    people = pd.array([2] * len(points), dtype="Int64")
    return gpd.GeoDataFrame({"kind": "household", "people": people}, geometry=points, crs="EPSG:4490")


def together(fused: Fusion, *spots: tuple[float, float]) -> bool:
    """Whether places are in one proposed grid."""
    tree = shapely.STRtree(fused.proposal.geometry.to_numpy())
    homes = {int(tree.query(at(right, up), predicate="within")[0]) for right, up in spots}
    return len(homes) == 1
