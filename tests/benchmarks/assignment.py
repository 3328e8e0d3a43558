"""Points to zones beside geopandas.sjoin, shapely's STRtree, DuckDB spatial and SedonaDB, on the same points.

All get the same points and are timed from there to the row of each point; every answer is compared with ours.
"""

from __future__ import annotations

import functools
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import duckdb_extension_spatial
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import sedonadb
import shapely
from numpy.typing import NDArray

from geo.assignment import ZoneIndex
from geo.samples import random_points, random_zones
from tests.benchmarks.report import Report, forget_peak, peak_mib

if TYPE_CHECKING:
    from collections.abc import Callable

POINTS = 10_000_000
VERTICES = 100
ZONES = (2_285, 50_000)
PEER_RUNS = 3

Rows = NDArray[np.int32]


def run(report: Report) -> None:
    """Compare at both sizes."""
    report.versions("geopandas", "shapely", "duckdb", "sedonadb", "numba", "numpy")
    ZoneIndex(random_zones(4, vertices=8, seed=0)).locate([0.0], [0.0])  # load what is compiled
    for count in ZONES:
        _compare(report, report.scaled(count, least=4))


def _compare(report: Report, count: int) -> None:
    zones = random_zones(count, vertices=VERTICES, seed=1)
    lon, lat = random_points(tuple(zones.total_bounds), report.scaled(POINTS, least=1000), seed=1)
    before = forget_peak()
    index = ZoneIndex(zones)
    rows = index.locate(lon, lat)
    memory = peak_mib() - before
    build = report.measure("index built", lambda: ZoneIndex(zones))
    ours = report.measure("OneGrid", lambda: index.locate(lon, lat), runs=2 * report.runs + 1)
    cpu = report.cpu_seconds
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder) / "zones.npy")
        load = report.measure("saved index opened", lambda: ZoneIndex.load(Path(folder) / "zones.npy"))
    report.note(
        f"**{len(lon):,} clustered points, {len(zones):,} zones of {VERTICES} vertices**: "
        f"index built in {build:.2f} s, {index.nbytes / 2**20:.0f} MiB, "
        f"opened from a file in {load * 1000:.1f} ms; peak memory of building and "
        f"locating {memory:.0f} MiB above the input; {(rows >= 0).mean():.1%} of the points are in a zone."
    )
    speed = len(lon) / ours / 1e6
    table: list[tuple[object, ...]] = [
        ("OneGrid ZoneIndex.locate", len(lon), ours, speed, 1.0, cpu / len(lon) * 1e6, 1.0)
    ]
    for name, prepare in PEERS.items():
        answer = prepare(zones, lon, lat)
        answers: deque[Rows] = deque(maxlen=1)
        seconds = report.measure(
            name, functools.partial(_keep, answers, answer), runs=min(PEER_RUNS, report.runs)
        )
        if differ := int((answers[0] != rows).sum()):
            report.note(f"{name} differs at {differ:,} of {len(lon):,} points (borders).")
        speeds = len(lon) / seconds / 1e6, seconds / ours
        costs = report.cpu_seconds / len(lon) * 1e6, report.cpu_seconds / cpu
        table.append((name, len(lon), seconds, *speeds, *costs))
    columns = ["", "points", "seconds", "million points/s", "OneGrid is faster by"]
    report.table([*columns, "processor seconds per million", "OneGrid costs less by"], table)


def _keep(answers: deque[Rows], answer: Callable[[], Rows]) -> None:
    answers.append(answer())


def _first(points: NDArray[np.int64], zones: NDArray[np.int64], count: int) -> Rows:
    """Return the first zone of each point from pairs."""
    rows = np.full(count, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(rows, points, zones.astype(np.int32))
    rows[rows == np.iinfo(np.int32).max] = -1
    return rows


def _sjoin(zones: gpd.GeoDataFrame, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Callable[[], Rows]:
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat, crs=zones.crs))
    shapes = zones[["geometry"]]

    def act() -> Rows:
        joined = gpd.sjoin(points, shapes, predicate="intersects")
        return _first(joined.index.to_numpy(), joined["index_right"].to_numpy(), len(points))

    return act


def _tree(zones: gpd.GeoDataFrame, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Callable[[], Rows]:
    points = shapely.points(lon, lat)
    geometries = np.asarray(zones.geometry.array, dtype=object)

    def act() -> Rows:
        return _first(*shapely.STRtree(geometries).query(points, predicate="intersects"), len(points))

    return act


def _duckdb(
    zones: gpd.GeoDataFrame, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> Callable[[], Rows]:
    database = duckdb.connect()
    # From its own package: INSTALL spatial would ask the network.
    extension = next(Path(duckdb_extension_spatial.__path__[0]).rglob("spatial.duckdb_extension"))
    database.execute(f"LOAD '{extension}'")
    shapes = pd.DataFrame({"zone": np.arange(len(zones)), "wkb": zones.geometry.to_wkb()})
    points = pd.DataFrame({"point": np.arange(len(lon)), "lon": lon, "lat": lat})
    database.register("s", shapes)
    database.register("p", points)
    database.execute("CREATE TABLE zones AS SELECT zone, ST_GeomFromWKB(wkb) AS geom FROM s")
    database.execute("CREATE TABLE points AS SELECT point, ST_Point(lon, lat) AS geom FROM p")
    query = "SELECT point, zone FROM points JOIN zones ON ST_Intersects(zones.geom, points.geom)"

    def act() -> Rows:
        found = database.execute(query).fetchnumpy()
        return _first(np.asarray(found["point"]), np.asarray(found["zone"]), len(lon))

    return act


def _sedona(
    zones: gpd.GeoDataFrame, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> Callable[[], Rows]:
    session = sedonadb.connect()
    shapes = gpd.GeoDataFrame({"zone": np.arange(len(zones))}, geometry=zones.geometry.array)
    points = gpd.GeoDataFrame(
        {"point": np.arange(len(lon))}, geometry=gpd.points_from_xy(lon, lat, crs=zones.crs)
    )
    session.create_data_frame(shapes).to_view("zones", overwrite=True)
    session.create_data_frame(points).to_view("points", overwrite=True)
    query = "SELECT p.point, z.zone FROM points p JOIN zones z ON ST_Intersects(z.geometry, p.geometry)"

    def act() -> Rows:
        found = pa.table(session.sql(query))
        return _first(found["point"].to_numpy(), found["zone"].to_numpy(), len(lon))

    return act


PEERS: dict[
    str, Callable[[gpd.GeoDataFrame, NDArray[np.float64], NDArray[np.float64]], Callable[[], Rows]]
] = {
    "geopandas.sjoin": _sjoin,
    "shapely STRtree (built and queried)": _tree,
    "DuckDB spatial": _duckdb,
    "SedonaDB": _sedona,
}
