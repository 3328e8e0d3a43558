"""Fusion at Datong's size: four layers of some 2,285 grids, 600,000 households.

Run from the project: ``PYTHONPATH=. python tests/benchmarks/fusion.py``.
"""

# ruff: noqa: T201  a benchmark prints

from __future__ import annotations

import argparse
import resource
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.fusion import FusionProfile, fuse
from geo.fusion.overlay import overlay
from geo.partition import contiguous_parts
from geo.samples import random_zones
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
    home = laid.inner[rng.integers(0, len(blocks), households)]
    lon, lat = (home + rng.normal(0.0, 2e-4, home.shape)).T
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
    wanted = chosen.households / chosen.grids
    profile = FusionProfile(households=(0.75 * wanted, 1.25 * wanted))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    fused = fuse(layers, subjects=subjects, profile=profile)
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
    sized = fused.proposal["household"].between(0.75 * wanted, 1.25 * wanted).mean()
    print(f"grids with {0.75 * wanted:.0f} to {1.25 * wanted:.0f} households: {sized:.1%}")


if __name__ == "__main__":
    main()
