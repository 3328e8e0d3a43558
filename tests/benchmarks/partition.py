"""Proposals of grids on the streets of Wuhan, beside plain METIS and plain region growing on the same blocks.

Run by ``python -m tests.benchmarks partition``. The streets are OpenStreetMap's; the households are made up.
"""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from geo.crs import to_internal
from geo.partition import Place, ProposalOptions, propose
from geo.partition.figures import compactness_of
from geo.partition.graph import components, metis_parts
from geo.partition.place import union_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.report import Report

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

STREETS = Path(__file__).parents[2] / "data" / "boundaries" / "wuhan_streets.parquet"
SIDE_M = 6000.0
HOUSEHOLDS_PER_KM2 = 4000.0
LIMITS = (300.0, 500.0)


def city(side_m: float, seed: int = 1) -> Place:
    """Cut a square out of the streets of Wuhan, and strew made-up households in clusters over it."""
    lines = gpd.read_parquet(STREETS).rename(columns={"highway": "kind"})
    half = side_m / 2.0
    middle = shapely.box(238_000.0 - half, 3_387_000.0 - half, 238_000.0 + half, 3_387_000.0 + half)
    lines = lines[lines.intersects(middle)].reset_index(drop=True)
    rng = np.random.default_rng(seed)
    count = int(side_m**2 / 1e6 * HOUSEHOLDS_PER_KM2)
    west, south, _, _ = middle.bounds
    centres = np.array([west, south]) + side_m * rng.random((max(4, count // 120), 2))
    homes = centres[rng.integers(0, len(centres), count)] + rng.normal(0.0, 40.0, (count, 2))
    points = np.asarray(shapely.points(homes), dtype=object)
    points = points[shapely.within(points, middle)]

    def internal(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return to_internal(frame, declared="EPSG:32650")

    boundary = internal(gpd.GeoDataFrame(geometry=[middle], crs="EPSG:32650")).geometry.iloc[0]
    return Place(
        boundary,
        streets=internal(lines),
        households=internal(gpd.GeoDataFrame(geometry=points, crs="EPSG:32650")),
    )


def grown(load: Floats, pairs: Ints, count: int) -> Ints:
    """Grow regions from blocks far apart, always the lightest one next: what one writes without a partitioner."""
    rng = np.random.default_rng(1)
    beside: list[list[int]] = [[] for _ in load]
    for a, b in pairs.tolist():
        beside[a].append(b)
        beside[b].append(a)
    part = np.full(len(load), -1, dtype=np.int64)
    seeds = rng.choice(len(load), count, replace=False)
    part[seeds] = np.arange(count)
    queue = [(float(load[seed]), number, int(seed)) for number, seed in enumerate(seeds)]
    weight = load[seeds].copy()
    heapq.heapify(queue)
    edge = [[int(seed)] for seed in seeds]
    while queue:
        _, number, _ = heapq.heappop(queue)
        free = next((near for block in edge[number] for near in beside[block] if part[near] < 0), None)
        if free is None:
            continue
        part[free] = number
        weight[number] += load[free]
        edge[number].append(free)
        heapq.heappush(queue, (float(weight[number]), number, free))
    return np.maximum(part, 0)


def run(report: Report) -> None:
    """Divide the same blocks three ways and write balance, compactness and time."""
    report.versions("pymetis", "shapely", "numba", "numpy")
    side_m = max(1200.0, SIDE_M * report.size**0.5)
    place, options = city(side_m), ProposalOptions(households=LIMITS)
    propose(place, options)  # compiled loops are loaded
    seconds = report.measure("proposal", lambda: propose(place, options))
    made = propose(place, options)
    blocks = made.blocks.geometry.to_numpy()
    load = made.blocks["household"].to_numpy(dtype=np.float64)
    row, other = shapely.STRtree(blocks).query(blocks, predicate="intersects")
    row, other = row[row < other], other[row < other]
    length = shapely.length(shapely.intersection(blocks[row], blocks[other]))
    pairs, length = np.column_stack([row, other])[length > 0.0], length[length > 0.0]
    count = made.figures.general

    def rows(name: str, part: Ints, took: float) -> tuple[object, ...]:
        same = part[pairs[:, 0]] == part[pairs[:, 1]]
        pieces = int(components(len(part), pairs[same]).max()) + 1
        sums = np.bincount(part, weights=load)
        shapes = np.array([union_of(blocks[part == number]) for number in np.unique(part)], dtype=object)
        compact = compactness_of(shapes)[1]
        held = float(((sums >= LIMITS[0]) & (sums <= LIMITS[1])).mean())
        return (
            name,
            len(shapes),
            f"{held:.0%}",
            float(sums.max() / sums.mean()),
            float(compact.mean()),
            float(compact.min()),
            pieces - len(shapes),
            took,
        )

    ours = np.unique(made.blocks["zone"], return_inverse=True)[1].reshape(-1)
    plain_s = report.measure("METIS alone", lambda: metis_parts(load, pairs, length, count))
    contig_s = report.measure(
        "METIS, contiguous", lambda: metis_parts(load, pairs, length, count, contiguous=True)
    )
    grown_s = report.measure("region growing", lambda: grown(load, pairs, count))
    houses = 0 if place.households is None else len(place.households)
    report.note(
        f"**{side_m / 1000:.1f} km by {side_m / 1000:.1f} km of Wuhan, {houses:,} made-up households, "
        f"{len(blocks):,} blocks** made of {0 if place.streets is None else len(place.streets):,} street lines; "
        f"grids of {LIMITS[0]:.0f} to {LIMITS[1]:.0f} households. The proposal's time includes making the blocks, "
        "codes and figures; the others only divide blocks made already."
    )
    report.table(
        ("", "grids", "within limits", "most / mean", "compactness", "least", "detached pieces", "seconds"),
        [
            rows("propose", ours, seconds),
            rows("METIS alone", metis_parts(load, pairs, length, count), plain_s),
            rows("METIS, contiguous", metis_parts(load, pairs, length, count, contiguous=True), contig_s),
            rows("region growing", grown(load, pairs, count), grown_s),
        ],
    )
