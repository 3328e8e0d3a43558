"""Faults of a coverage beside geoplanar, a PostGIS self-join and shapely's STRtree; completeness, growth, repair.

The same city of zones with the same injected faults for all. The others answer less: overlaps of pairs and, geoplanar
and PostGIS, gaps; only ours names all fifteen kinds with their measures.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import geoplanar
import numpy as np
import shapely

from api.store.cluster import Cluster
from geo.coverage import find_faults, repair
from geo.samples import random_zones
from tests.geo.damage import RIM, SHAPES, damaged

if TYPE_CHECKING:
    import geopandas as gpd

    from tests.benchmarks.report import Report
    from tests.geo.damage import Damage

ZONES = 50_000
FAULTS = 500
GROWTH = (2_000, 20_000, 200_000)
PEER_RUNS = 3
CLEANED_M = 20.0
METRES_PER_DEGREE = 111_000.0

OVERLAPS = """
    SELECT a.code, b.code, ST_Area(ST_Intersection(a.geom, b.geom))
    FROM zone a JOIN zone b ON a.id < b.id AND a.geom && b.geom AND ST_Overlaps(a.geom, b.geom)
"""
UNCOVERED = (
    "SELECT ST_AsBinary(ST_Difference(b.geom, u.geom)) FROM b, (SELECT ST_Union(geom) AS geom FROM zone) u"
)


def run(report: Report) -> None:
    """Compare, then look at completeness, growth and repair."""
    report.versions("shapely", "geopandas", "geoplanar", "numba", "numpy")
    find_faults(random_zones(9, vertices=8, seed=0))  # load what is compiled
    side = round(np.sqrt(report.scaled(ZONES, least=1600))) + 1
    faults = report.scaled(FAULTS, least=60)
    for steps in (9, 24):
        _compare(report, side, faults, steps)
    _grow(report)
    _repair(report, side, faults)


def _compare(report: Report, side: int, faults: int, steps: int) -> None:
    damage = damaged(side, faults, steps=steps, kinds=(*SHAPES, *RIM))
    zones, boundary = damage.zones, damage.boundary
    found = find_faults(zones, boundary)
    kinds = damage.injected.kind.value_counts()
    missed = kinds.sub(found.kind.value_counts(), fill_value=0)
    report.note(
        f"**{len(zones):,} zones of {4 * (steps + 1)} vertices, {len(damage.injected)} injected faults of "
        f"{len(kinds)} kinds**: {len(found)} found, difference by kind {missed[missed != 0].to_dict() or 'none'}."
    )
    rows = []
    for name, act in (
        ("OneGrid find_faults, with the boundary", lambda: find_faults(zones, boundary)),
        ("OneGrid find_faults, without", lambda: find_faults(zones)),
    ):
        seconds = report.measure(name, act)
        rows.append((name, seconds, report.cpu_seconds))
    shapes = np.asarray(zones.geometry.array, dtype=object)

    def tree() -> None:
        shapely.STRtree(shapes).query(shapes, predicate="overlaps")

    # geoplanar mends what it is given in place, so each run gets a copy of the valid zones.
    valid = zones[shapely.is_valid(shapes)].reset_index(drop=True)
    for name, act in (
        ("shapely STRtree, overlaps only", tree),
        ("geoplanar overlaps and gaps", lambda: (geoplanar.overlaps(valid), geoplanar.gaps(valid))),
    ):
        seconds = report.measure(name, act, runs=min(PEER_RUNS, report.runs))
        rows.append((name, seconds, report.cpu_seconds))
    rows += _postgis(report, valid, boundary)
    ours = rows[0][1]
    report.table(
        ["", "seconds", "processor seconds", "OneGrid (boundary) is faster by"],
        [(name, seconds, cpu, seconds / ours) for name, seconds, cpu in rows],
    )


def _postgis(
    report: Report, zones: gpd.GeoDataFrame, boundary: shapely.Geometry
) -> list[tuple[str, float, float | str]]:
    home = Path(tempfile.mkdtemp(prefix="onegrid-bench-"))
    home.chmod(0o755)  # for the user postgres
    cluster = Cluster(home)
    try:
        cluster.start()
        with cluster.connect() as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
            connection.execute("CREATE TABLE zone (id serial PRIMARY KEY, code text, geom geometry)")
            with connection.cursor().copy("COPY zone (code, geom) FROM STDIN") as copy:
                for code, shape in zip(
                    zones.code, shapely.to_wkb(zones.geometry.array, hex=True), strict=True
                ):
                    copy.write_row((code, shape))
            connection.execute("CREATE TABLE b AS SELECT %s::geometry AS geom", (boundary.wkb_hex,))
            connection.execute("CREATE INDEX ON zone USING gist (geom)")
            connection.execute("ANALYZE zone")

            def act() -> None:
                connection.execute(OVERLAPS).fetchall()
                connection.execute(UNCOVERED).fetchall()

            seconds = report.measure("PostGIS", act, runs=min(PEER_RUNS, report.runs))
        return [("PostGIS ST_Overlaps self-join and difference", seconds, "")]
    finally:
        cluster.stop()
        shutil.rmtree(home)


def _grow(report: Report) -> None:
    rows = []
    for count in GROWTH:
        zones = random_zones(report.scaled(count, least=400), vertices=40, seed=1)
        boundary = shapely.coverage_union_all(np.asarray(zones.geometry.array, dtype=object))
        seconds = report.measure(f"{len(zones):,} clean zones", lambda z=zones, b=boundary: find_faults(z, b))
        cost = report.cpu_seconds / len(zones) * 1e6
        rows.append((len(zones), seconds, report.cpu_seconds, cost))
    report.note("**Growth** on clean coverages of 40 vertices a zone, with their boundary:")
    report.table(["zones", "seconds", "processor seconds", "processor microseconds per zone"], rows)


def _repair(report: Report, side: int, faults: int) -> None:
    damage = damaged(
        side, faults, kinds=("overlap", "gap", "sliver", "near_miss", "invalid", "contained", *RIM)
    )
    done = repair(damage.zones, damage.boundary)
    left = find_faults(done.zones, damage.boundary)
    valid = shapely.coverage_is_valid(np.asarray(done.zones.geometry.array, dtype=object))
    seconds = report.measure(
        "repair", lambda: repair(damage.zones, damage.boundary), runs=min(PEER_RUNS, report.runs)
    )
    report.note(
        f"**Repair** of {len(damage.injected)} faults in {len(damage.zones):,} zones: {len(done.actions)} actions, "
        f"{len(done.refused)} refused, {len(left)} faults left, a valid coverage by shapely: {valid}; "
        f"{seconds:.2f} s, {report.cpu_seconds:.2f} processor seconds."
    )
    _clean(report, damage)


def _clean(report: Report, damage: Damage) -> None:
    """What shapely.coverage_clean makes of the same zones, which it cleans all at once and without guards."""
    before = np.asarray(damage.zones.geometry.array, dtype=object)
    width = CLEANED_M / METRES_PER_DEGREE
    after = shapely.coverage_clean(before, gap_width=width, snapping_distance=width / 10)
    seconds = report.measure(
        "shapely.coverage_clean",
        lambda: shapely.coverage_clean(before, gap_width=width, snapping_distance=width / 10),
        runs=min(PEER_RUNS, report.runs),
    )
    left = find_faults(damage.zones.set_geometry(after), damage.boundary)
    moved = int((~shapely.equals_exact(shapely.normalize(before), shapely.normalize(after))).sum())
    report.note(
        f"**shapely.coverage_clean** of the same (gaps up to {CLEANED_M:g} m, snapping {CLEANED_M / 10:g} m): "
        f"{seconds:.2f} s, {len(left)} faults left, {int(shapely.is_empty(after).sum())} zones gone, "
        f"{int((shapely.get_num_geometries(after) > shapely.get_num_geometries(before)).sum())} with more parts, "
        f"{moved:,} zones with other coordinates."
    )
