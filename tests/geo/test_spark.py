"""``onegrid assign --engine spark`` on a cluster of this machine: ten million points, two executors, restarted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from geo.assignment import ZoneIndex, explain, reconcile, territory_index
from geo.records import SUBJECT_NAMES, UNASSIGNED_REASONS
from geo.samples import random_points, random_zones
from geo.spark import assign_files

if TYPE_CHECKING:
    import geopandas as gpd

POINTS = 10_000_000
PARTS = 8
EXECUTORS = 2
KINDS = ("household", "business", "institution")
MARK = "ONEGRID_TEST_CLUSTER"
POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
GEO = {
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
}


@dataclass
class City:
    """Zones with a gap, and points as GeoParquet; what the local index says of them."""

    folder: Path
    zones: gpd.GeoDataFrame
    rows: np.ndarray
    reasons: np.ndarray
    kinds: np.ndarray

    @property
    def source(self) -> Path:
        return self.folder / "points"


def write_points(path: Path, first: int, lon: np.ndarray, lat: np.ndarray, kinds: np.ndarray) -> None:
    """Write points as a file of GeoParquet with one row group; codes are numbers from ``first`` on."""
    records = np.empty(len(lon), POINT)
    records["order"], records["type"], records["lon"], records["lat"] = 1, 1, lon, lat
    offsets = np.arange(len(lon) + 1, dtype=np.int32) * POINT.itemsize
    shapes = pa.BinaryArray.from_buffers(
        pa.binary(), len(lon), [None, pa.py_buffer(offsets), pa.py_buffer(records.tobytes())]
    )
    table = pa.table(
        {
            "code": pa.array(np.arange(first, first + len(lon))).cast(pa.string()),
            "kind": pa.DictionaryArray.from_arrays(pa.array(kinds), pa.array(KINDS)),
            "geometry": shapes,
        }
    ).replace_schema_metadata({"geo": json.dumps(GEO)})
    pq.write_table(
        table,
        path,
        row_group_size=len(lon),
        compression="none",
        use_dictionary=["kind"],
        write_statistics=False,
    )


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("spark")
    (folder / "points").mkdir()
    zones = random_zones(400, vertices=60, seed=3).assign(level="grid", layer="grid").drop(index=187)
    zones = zones.reset_index(drop=True)
    zones.to_parquet(folder / "zones.parquet")
    lon, lat = random_points(tuple(zones.total_bounds), POINTS, seed=3)
    lon[::100_003], lat[::100_003] = np.nan, np.nan
    lon[7::100_003] = np.inf
    kinds = (np.arange(POINTS) % len(KINDS)).astype(np.int8)
    for number, some in enumerate(np.array_split(np.arange(POINTS), PARTS)):
        part = slice(some[0], some[-1] + 1)
        write_points(folder / "points" / f"{number}.parquet", int(some[0]), lon[part], lat[part], kinds[part])
    rows = ZoneIndex(zones).locate(lon, lat)
    return City(folder, zones, rows, explain(rows, lon, lat, territory=territory_index(zones)), kinds)


@pytest.fixture(scope="module")
def spark_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PySpark's own folder, but what workers write goes to the test's; each job is logged."""
    pyspark = Path(pytest.importorskip("pyspark").__file__).parent
    home = tmp_path_factory.mktemp("spark-home")
    for each in pyspark.iterdir():
        if each.name not in {"work", "conf"}:
            (home / each.name).symlink_to(each)
    for name in ("work", "conf", "events"):
        (home / name).mkdir()
    # Three short-lived machines of Java: compiling their code well would take longer than running it.
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    (home / "conf" / "spark-defaults.conf").write_text(
        f"spark.driver.extraJavaOptions {java}\n"
        f"spark.executor.extraJavaOptions {java}\n"
        "spark.ui.enabled false\n"
        "spark.eventLog.enabled true\n"
        f"spark.eventLog.dir file://{home}/events\n"
        "spark.eventLog.compress false\n"
        "spark.eventLog.logBlockUpdates.enabled true\n"
        "spark.scheduler.minRegisteredResourcesRatio 1.0\n"
        "spark.scheduler.maxRegisteredResourcesWaitingTime 300s\n"
    )
    return home


def command(city: City, spark_home: Path, mark: str) -> subprocess.Popen[str]:
    """Start the real command on a new cluster of two executors, a process group of its own."""
    environment = {
        **os.environ,
        "SPARK_HOME": str(spark_home),
        "SPARK_CONF_DIR": str(spark_home / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        MARK: mark,
    }
    environment.pop("PYSPARK_PYTHON", None)
    order = ["assign", str(city.source), "--zones", str(city.folder / "zones.parquet"), "--engine", "spark"]
    order += ["--master", f"local-cluster[{EXECUTORS},1,1024]", "-o", str(city.folder / "out")]
    return subprocess.Popen(
        [Path(sys.executable).parent / "onegrid", *order],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def marked(mark: str) -> list[int]:
    """Return the processes that a command with this mark started, itself included."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(
                b"\0"
            ):
                found.append(int(entry.name))
    return found


def answers(folder: Path) -> dict[str, int]:
    """Return the finished answers, with the moment each was written."""
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*.parquet"))}


def events(home: Path) -> list[dict[str, Any]]:
    """Return what Spark logged of its newest application."""
    newest = max((home / "events").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    logs = sorted(newest.glob("events_*")) if newest.is_dir() else [newest]
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


@pytest.mark.timeout(1800)  # two clusters are started: on a machine that is busy otherwise this takes minutes
def test_a_cluster_killed_halfway_continues_and_says_what_the_local_engine_says(
    city: City, spark_home: Path
) -> None:
    out = city.folder / "out"
    first = command(city, spark_home, "first")
    try:
        while first.poll() is None and not answers(out):
            time.sleep(0.05)  # no synchronisation: the loop ends by what it looks at
    finally:
        with suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)
        said, _ = first.communicate()
    while marked("first"):  # executors and their workers notice that their driver is gone
        time.sleep(0.05)
    done = answers(out)
    assert done, said
    if len(done) == PARTS:  # a machine so fast that all was done
        (out / min(done)).unlink()
        done.pop(min(done))

    second = command(city, spark_home, "second")
    said, _ = second.communicate()
    assert second.returncode == 0, said
    after = answers(out)
    assert len(after) == PARTS
    assert {name: moment for name, moment in after.items() if name in done} == done
    assert sorted(path.name for path in out.iterdir()) == sorted(after)  # no draft is left

    table = pq.read_table(out, read_dictionary=["zone", "kind", "reason"])
    assert table.num_rows == POINTS
    assert pa.compute.all(
        pa.compute.equal(table["code"], pa.array(np.arange(POINTS)).cast(pa.string()))
    ).as_py()
    assert np.array_equal(positions(table, "zone", city.zones["code"].tolist()), city.rows)
    assert np.array_equal(positions(table, "kind", KINDS), city.kinds)
    assert np.array_equal(positions(table, "reason", UNASSIGNED_REASONS) + 1, city.reasons)
    kinds = pd.Series(pd.Categorical.from_codes(city.kinds, KINDS)).astype(object)
    expected = reconcile({"grid": city.reasons}, kinds)
    assert (expected[["outside", "gap", "no_location", "bad_location"]].sum() > 0).all()
    assert printed(said) == {
        SUBJECT_NAMES[row["kind"]]: [
            row[name] for name in ("total", "assigned", "outside", "gap", "no_location", "bad_location")
        ]
        for row in expected.to_dict("records")
    }

    log = events(spark_home)
    named = [event["Event"].rsplit(".", 1)[-1] for event in log]
    assert named.count("SparkListenerJobStart") == 1
    tasks = [event["Task Info"] for event in log if event["Event"] == "SparkListenerTaskEnd"]
    assert len(tasks) == PARTS
    assert {task["Executor ID"] for task in tasks} == {str(number) for number in range(EXECUTORS)}
    plans = [event["physicalPlanDescription"] for event in log if "physicalPlanDescription" in event]
    assert any("MapInArrow" in plan for plan in plans)
    blocks = [event["Block Updated Info"] for event in log if event["Event"] == "SparkListenerBlockUpdated"]
    index = len(ZoneIndex(city.zones).to_bytes())
    holders = {
        block["Block Manager ID"]["Executor ID"]
        for block in blocks
        if block["Block ID"].startswith("broadcast_") and block["Disk Size"] >= index
    }
    assert {str(number) for number in range(EXECUTORS)} <= holders


def positions(table: pa.Table, column: str, words: Any) -> np.ndarray:
    """Return the position of each value of a column of words in a list, -1 for null."""
    found = []
    for chunk in table[column].chunks:
        place = np.array([list(words).index(word) for word in chunk.dictionary.to_pylist()] + [-1])
        found.append(place[chunk.indices.fill_null(len(place) - 1).to_numpy()])
    return np.concatenate(found)


def printed(said: str) -> dict[str, list[int]]:
    """Return the numbers of the reconciliation that a command printed, by kind."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    return {row[1]: [int(cell.replace(",", "")) for cell in row[2:]] for row in cells}


def test_points_read_where_they_lie_are_as_points_made_into_shapes(city: City, tmp_path: Path) -> None:
    lon = np.array([*city.zones.geometry.representative_point().x, np.nan, np.inf, np.nan, 121.0, 0.0])
    lat = np.array([*city.zones.geometry.representative_point().y, np.nan, 31.0, 31.0, np.nan, -np.inf])
    kinds = np.zeros(len(lon), np.int8)
    write_points(tmp_path / "plain.parquet", 0, lon, lat, kinds)
    # The same, as big-endian WKB, which is read by GEOS.
    table = pq.read_table(tmp_path / "plain.parquet")
    wkb = [shapely.to_wkb(shape, byte_order=0) for shape in shapely.points(lon, lat)]
    at = table.schema.get_field_index("geometry")
    pq.write_table(table.set_column(at, "geometry", pa.array(wkb, pa.binary())), tmp_path / "shapes.parquet")
    tables = [
        assign_files(city.zones, str(tmp_path / f"{name}.parquet"), str(tmp_path / name), level="grid")
        for name in ("plain", "shapes")
    ]
    pd.testing.assert_frame_equal(*tables)
    plain, shapes = (pq.read_table(tmp_path / name).to_pylist() for name in ("plain", "shapes"))
    assert plain == shapes
    assert [row["zone"] for row in plain[: len(city.zones)]] == city.zones["code"].tolist()
    assert [row["reason"] for row in plain[len(city.zones) :]] == ["no_location", *["bad_location"] * 4]
