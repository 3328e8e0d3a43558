"""The Spark engine on this machine with several executors: answers equal to the local engine's, and the time of both.

PySpark is an optional extra (``pip install -e '.[spark]'``) and needs Java 17; without it this topic says so.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from geo.samples import random_points, random_zones
from geo.spark import assign_files

if TYPE_CHECKING:
    from tests.benchmarks.report import Report

POINTS = 10_000_000
ZONES = 2_285
FILES = 10
EXECUTORS = 2


def run(report: Report) -> None:
    """Assign ten million points with both engines and compare every row."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an optional package
    except ImportError:
        report.note("PySpark is not installed here (`pip install -e '.[spark]'`).")
        return
    report.versions("pyspark", "pyarrow", "numpy")
    root = str(Path(__file__).parents[2])
    os.environ.update(
        PYSPARK_PYTHON=sys.executable, PYTHONPATH=os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    )
    session = (
        SparkSession.builder.master(f"local-cluster[{EXECUTORS},1,1024]")
        .appName("onegrid")
        .config("spark.ui.enabled", "false")
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .getOrCreate()
    )
    zones = random_zones(ZONES, vertices=100, seed=1)
    zones["code"] = [f"Z{row:05}" for row in range(len(zones))]
    with tempfile.TemporaryDirectory() as folder:
        count = report.scaled(POINTS, least=1000)
        lon, lat = random_points(tuple(zones.total_bounds), count, seed=1)
        source = Path(folder) / "points"
        source.mkdir()
        for k, some in enumerate(np.array_split(np.arange(count), FILES)):
            columns = {"code": some.astype(str), "lon": lon[some], "lat": lat[some]}
            pq.write_table(pa.table(columns), source / f"{k:02}.parquet")
        tables: dict[str, pd.DataFrame] = {}

        def act(name: str, engine: object) -> None:
            target = Path(folder) / name
            for file in target.glob("*"):
                file.unlink()
            tables[name] = assign_files(zones, str(source), str(target), level="grid", session=engine)

        runs = min(report.runs, 3)
        local = report.measure("local engine", lambda: act("local", None), runs=runs)
        spark = report.measure("Spark", lambda: act("spark", session), runs=runs)
        pd.testing.assert_frame_equal(tables["local"], tables["spark"])
        written = [sorted((Path(folder) / name).glob("*.parquet")) for name in ("local", "spark")]
        equal = all(pq.read_table(a).equals(pq.read_table(b)) for a, b in zip(*written, strict=True))
        jobs = len(session.sparkContext.statusTracker().getJobIdsForGroup(None)) / runs
        report.note(
            f"{count:,} points in {FILES} files, {len(zones):,} zones; {EXECUTORS} executors of one core, "
            f"jobs a run: {jobs:g}. Same rows and reconciliation: {'yes' if equal else 'NO'}. "
            f"{int(tables['spark']['assigned'].sum()):,} assigned."
        )
        report.table(["", "seconds"], [("local engine", local), (f"Spark, {EXECUTORS} executors", spark)])
    session.stop()
