"""Fusion at Datong's size: four layers of some 2,285 grids, 600,000 households. Run: python tests/benchmarks/fusion.py."""

from __future__ import annotations

import argparse
import resource
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.fusion import fuse
from geo.fusion.overlay import overlay
from geo.partition import contiguous_parts
from geo.samples import random_points, random_zones
from geo.samples.departments import dissolve, shifted, sketchy

GRIDS = 2285
HOUSEHOLDS = 600_000


def city(grids: int, households: int, seed: int = 1) -> tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """Make four departments' layers over the same streets, and the households.

    Blocks of a city (four to a grid, some 50 vertices each) are grouped by people. The order department has one
    border block in ten elsewhere and draws 4 m off, the civil one likewise at 8 m; urban management has its own
    grouping altogether.
    """
    rng = np.random.default_rng(seed)
    laid = overlay(random_zones(grids * 4, vertices=48, seed=seed).geometry.to_numpy())
    blocks, both = laid.cells, (laid.left >= 0) & (laid.right >= 0)
    sides = np.sort(np.column_stack([laid.left, laid.right])[both], axis=1)
    pairs, length = np.unique(sides, axis=0, return_counts=True)
    lon, lat = random_points(tuple(shapely.total_bounds(blocks)), households, seed=seed)
    weight = np.full(len(blocks), households / len(blocks))
    wanted = households / grids

    def parts(number: int) -> np.ndarray:
        return contiguous_parts(
            weight, pairs, strength=length.astype(float), low=0.8 * wanted, high=1.2 * wanted, seed=number
        )

    base, own = parts(1), parts(2)
    outline = shapely.coverage_union_all(blocks)
    shapes = {
        "party": dissolve(blocks, base),
        "order": sketchy(dissolve(blocks, shifted(pairs, base, 0.1, rng)), outline, 4.0, rng),
        "civil": sketchy(dissolve(blocks, shifted(pairs, base, 0.1, rng)), outline, 8.0, rng),
        "urban": dissolve(blocks, own),
    }
    layers = {
        code: gpd.GeoDataFrame(
            {"code": [f"{code[:1].upper()}{row:05d}" for row in range(len(shape))]},
            geometry=shape,
            crs="EPSG:4490",
        )
        for code, shape in shapes.items()
    }
    people = pd.array(rng.integers(1, 6, households), dtype="Int64")
    subjects = gpd.GeoDataFrame(
        {"kind": "household", "people": people}, geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4490"
    )
    return layers, subjects


def main() -> None:
    """Fuse and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--grids", type=int, default=GRIDS)
    options.add_argument("--households", type=int, default=HOUSEHOLDS)
    chosen = options.parse_args()
    layers, subjects = city(chosen.grids, chosen.households)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    fused = fuse(layers, subjects=subjects)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"layers: {', '.join(f'{code} {len(frame):,}' for code, frame in layers.items())}; households {len(subjects):,}"
    )
    print(f"fuse: {seconds:.1f} s; peak memory {peak:,.0f} MB (before: {before:,.0f} MB)")
    print(f"cells {len(fused.cells):,}; proposal {len(fused.proposal):,} grids; conflicts:")
    print(fused.conflicts.groupby("kind")[["area_m2", "household"]].agg(["count", "sum"]).to_string())
    print(f"agreed borders kept: {fused.agreed_kept:.4%}")
    counted = fused.cells["household"].sum() + fused.unassigned["count"].sum()
    print(f"households in cells and unassigned: {counted:,} of {len(subjects):,}")
    print(f"within 300-500: {fused.proposal['household'].between(300, 500).mean():.1%}")


if __name__ == "__main__":
    main()
