"""Plain coverages and points of any size, for tests and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_DEG = 0.004
"""Side of a zone of ``random_zones`` (in degrees), about 400 m."""

LONELY_SHARE = 0.1
"""Share of ``random_points`` that belongs to no cluster."""

SOUTH_WEST = (112.6, 39.6)
"""Where ``random_zones`` begins: near Datong, in CGCS2000 3-degree zone 38."""

_CORNER_JITTER = 0.15
_EDGE_WIGGLE = 0.08
# Each edge stays inside a cone of atan(4 * 0.08) = 18 degrees at its ends, and edges at a corner that moved by
# 0.15 of a side are at least 44 degrees apart: so edges meet at corners only and every zone is valid.


def random_zones(n: int, vertices: int = 100, seed: int = 1) -> gpd.GeoDataFrame:
    """Make a coverage of ``n`` zones whose neighbours share wiggly edges exactly.

    Parameters
    ----------
    n
        How many zones.
    vertices
        About how many vertices each zone has (rounded down to a multiple of four, at least four).
    seed
        Same seed, same coverage.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns ``code`` (15 digits), ``name``, ``kind``, ``parent`` and ``geometry`` in EPSG:4490, quantised to 1e-8
        degrees; a valid coverage without gaps whose outline is ragged where ``n`` is no rectangle number.

    Examples
    --------
    >>> import shapely
    >>> zones = random_zones(9, vertices=20)
    >>> len(zones), bool(shapely.coverage_is_valid(zones.geometry.values))
    (9, True)
    """
    rng = np.random.default_rng(seed)
    columns = max(1, int(np.ceil(np.sqrt(n))))
    rows = max(1, -(-n // columns))
    steps = max(1, vertices // 4)

    corner_y, corner_x = np.mgrid[0 : rows + 1, 0 : columns + 1].astype(float)
    corners = np.stack([corner_x, corner_y], axis=-1)
    corners += rng.uniform(-_CORNER_JITTER, _CORNER_JITTER, corners.shape)
    across = _wiggle(corners[:, :-1], corners[:, 1:], steps, rng)
    upward = _wiggle(corners[:-1], corners[1:], steps, rng)

    row, column = np.divmod(np.arange(n), columns)
    rings = np.concatenate(
        [
            across[row, column, :-1],
            upward[row, column + 1, :-1],
            across[row + 1, column, :0:-1],
            upward[row, column, ::-1],
        ],
        axis=1,
    )
    del across, upward
    serial = np.arange(n)
    community = serial // 999
    codes = [
        f"140213{street:03d}{part:03d}{number:03d}"
        for street, part, number in zip(
            community // 999 + 1, community % 999 + 1, serial % 999 + 1, strict=True
        )
    ]
    return gpd.GeoDataFrame(
        {
            "code": codes,
            "name": [f"样例网格{number}" for number in range(1, n + 1)],
            "kind": "general",
            "parent": pd.Series([code[:12] for code in codes], dtype="str"),
        },
        geometry=shapely.polygons(rings),
        crs="EPSG:4490",
    )


def _wiggle(
    start: NDArray[np.float64], end: NDArray[np.float64], steps: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return polylines from ``start`` to ``end`` (..., 2) in degrees, as (..., steps + 1, 2)."""
    along = np.linspace(0.0, 1.0, steps + 1)
    chord = end - start
    normal = np.stack([-chord[..., 1], chord[..., 0]], axis=-1)
    envelope = _EDGE_WIGGLE * 4.0 * along * (1.0 - along) / 1.3  # 1.3: the longest chord, in sides
    swing = rng.uniform(-1.0, 1.0, (*chord.shape[:-1], steps + 1)) * envelope
    points = (
        start[..., None, :] + chord[..., None, :] * along[:, None] + normal[..., None, :] * swing[..., None]
    )
    return np.asarray(np.round(points * CELL_DEG + np.array(SOUTH_WEST), 8))


def random_points(
    bounds: tuple[float, float, float, float], n: int, seed: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scatter ``n`` points in clusters, as people live: nine in ten near one of some hundred centres.

    Parameters
    ----------
    bounds
        West, south, east, north (in degrees), such as ``zones.total_bounds``.
    n
        How many points.
    seed
        Same seed, same points.

    Returns
    -------
    tuple of numpy.ndarray
        Longitudes and latitudes, float64 of shape (n,), inside the bounds.

    Examples
    --------
    >>> lon, lat = random_points((0.0, 0.0, 1.0, 1.0), 1000)
    >>> bool(((lon >= 0) & (lon <= 1) & (lat >= 0) & (lat <= 1)).all())
    True
    """
    rng = np.random.default_rng(seed)
    west, south, east, north = (float(side) for side in bounds)
    centres = rng.uniform(0.0, 1.0, (120, 2))
    spread = rng.uniform(0.004, 0.04, 120)
    cluster = rng.integers(0, 120, n)
    lonely = rng.random(n) < LONELY_SHARE
    shares = []
    for axis in (0, 1):
        share = centres[cluster, axis] + rng.standard_normal(n) * spread[cluster]
        share[lonely] = rng.random(int(lonely.sum()))
        # fold what left the bounds back in, so that no point is lost and none piles up on the outline
        shares.append(1.0 - np.abs(1.0 - np.mod(share, 2.0)))
    return west + shares[0] * (east - west), south + shares[1] * (north - south)
