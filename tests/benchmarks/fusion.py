"""Fusion at Datong's size: four layers of some 2,285 grids, 600,000 households.

Run by ``python -m tests.benchmarks fusion``.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.fusion import FusionProfile, fuse
from geo.fusion.overlay import overlay
from geo.partition import contiguous_parts
from geo.samples import random_zones
from geo.samples.departments import dissolve, shifted, sketchy

if TYPE_CHECKING:
    from tests.benchmarks.report import Report

GRIDS = 2285
HOUSEHOLDS = 600_000
RUNS = 3


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


def run(report: Report) -> None:
    """Fuse the departments' layers of a city and write the figures."""
    report.versions("shapely", "geopandas", "pymetis", "numpy")
    layers, subjects = city(report.scaled(GRIDS, 50), report.scaled(HOUSEHOLDS, 5_000))
    wanted = len(subjects) / len(layers["party"])
    profile = FusionProfile(households=(0.75 * wanted, 1.25 * wanted))
    fused = fuse(layers, subjects=subjects, profile=profile)
    seconds = report.measure(
        "fuse", lambda: fuse(layers, subjects=subjects, profile=profile), runs=min(RUNS, report.runs)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counted = int(fused.cells["household"].sum() + fused.unassigned["count"].sum())
    sized = fused.proposal["household"].between(0.75 * wanted, 1.25 * wanted).mean()
    grids = ", ".join(f"{code} {len(frame):,}" for code, frame in layers.items())
    report.note(
        f"**{grids} grids, {len(subjects):,} households**: fused in {seconds:.1f} s, peak "
        f"of the whole process {peak:,.0f} MiB; {len(fused.cells):,} cells, {len(fused.conflicts):,} conflicts, "
        f"{len(fused.proposal):,} "
        f"proposed grids, {sized:.1%} of them with {0.75 * wanted:.0f} to {1.25 * wanted:.0f} households; "
        f"agreed borders kept {fused.agreed_kept:.4%}; households in cells and unassigned {counted:,}."
    )
