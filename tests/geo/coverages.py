"""Random coverages, and points where their borders tell most."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from shapely import Polygon

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frame(*geometries: shapely.Geometry | None) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=list(geometries))


def random_coverage(
    count: int, seed: int, *, corner: tuple[float, float], digits: int | None = None, size: float = 0.1
) -> gpd.GeoDataFrame:
    """A lattice shaken so that borders are crooked and neighbours share every vertex exactly; ``count`` zones."""
    rng = np.random.default_rng(seed)
    side, steps = int(np.ceil(np.sqrt(count))), int(rng.integers(1, 6))
    lattice = np.stack(np.meshgrid(*[np.arange(side * steps + 1.0)] * 2, indexing="ij"), axis=-1)
    lattice += (rng.random(lattice.shape) - 0.5) * 0.6
    lattice = lattice / (side * steps) * size + np.array(corner)
    lattice = lattice if digits is None else np.round(lattice, digits)
    there, back = np.arange(steps), np.arange(steps, 0, -1)
    i = np.concatenate([there, np.full(steps, steps), back, np.zeros(steps, int)])
    j = np.concatenate([np.zeros(steps, int), there, np.full(steps, steps), back])
    corners = [(a * steps, b * steps) for a in range(side) for b in range(side)][:count]
    return frame(*[Polygon(lattice[a + i, b + j]) for a, b in corners])


def telling_points(
    zones: gpd.GeoDataFrame, seed: int, extra: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertices, points on and one ulp off edges, and points all over the extent and just beyond it."""
    rng = np.random.default_rng(seed)
    rings = shapely.get_rings(shapely.get_parts(zones.geometry.array))
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    share = rng.random((len(edge), 1))
    on_edges = vertices[edge] * (1 - share) + vertices[edge + 1] * share
    middles = (vertices[edge] + vertices[edge + 1]) / 2
    beside = [np.nextafter(p, p + rng.choice([-1, 0, 1], p.shape)) for p in (vertices, middles)]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    anywhere = low + (high - low) * (rng.random((extra, 2)) * 1.1 - 0.05)
    points = np.concatenate([vertices, on_edges, middles, *beside, anywhere])
    return points[:, 0].copy(), points[:, 1].copy()


def points_near_borders(
    zones: gpd.GeoDataFrame, seed: int, per_edge: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points beside edges and around vertices, from far less than a cell away to a whole cell and more."""
    rng = np.random.default_rng(seed)
    vertices, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(zones.geometry.array)), return_index=True
    )
    edge = np.repeat(np.flatnonzero(ring[1:] == ring[:-1]), per_edge)
    share = rng.choice([0.0, 0.5, 1.0], (len(edge), 1)) * rng.random((len(edge), 1))
    length = np.linalg.norm(vertices[edge + 1] - vertices[edge], axis=1)
    away = length * 2.0 ** -rng.uniform(0, 40, len(edge))
    turn = rng.uniform(0, 2 * np.pi, len(edge))
    points = vertices[edge] * (1 - share) + vertices[edge + 1] * share
    points += np.column_stack([np.cos(turn), np.sin(turn)]) * away[:, None]
    return points[:, 0].copy(), points[:, 1].copy()


def exact_sign(*numbers: float) -> int:
    ax, ay, bx, by, px, py = (Fraction(float(number)) for number in numbers)
    side = (ax - px) * (by - py) - (ay - py) * (bx - px)
    return (side > 0) - (side < 0)
