"""Loading and assigning stored subjects, beside what a city would type into PostGIS: UPDATE … WHERE ST_Contains."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import assignments, places, versions
from api.store.cluster import Cluster
from api.store.engine import make_engine
from api.store.schema import upgrade
from geo import files
from geo.records import LEVELS, Place
from geo.samples import random_points, random_zones
from tests.benchmarks.report import alone

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tests.benchmarks.report import Report

SUBJECTS = 1_000_000
ZONES = 2_285
VERTICES = 100
CHANGED = 4
"""Zones that a change touches, for assigning again."""


def run(report: Report) -> None:
    """Load, assign, assign again after a change, and let PostGIS do the same."""
    report.versions("sqlalchemy", "psycopg", "shapely", "geoalchemy2")
    home = Path(tempfile.mkdtemp(prefix="onegrid-bench-"))
    home.chmod(0o755)  # for the user postgres
    cluster = Cluster(home)  # durable, as in earnest
    try:
        cluster.start()
        engine = make_engine(cluster.url)
        upgrade(engine)
        _compare(report, engine, home)
        engine.dispose()
    finally:
        cluster.stop()
        shutil.rmtree(home)


def _compare(report: Report, engine: Engine, home: Path) -> None:
    zones = random_zones(report.scaled(ZONES, least=16), vertices=VERTICES, seed=1)
    count = report.scaled(SUBJECTS, least=10_000)
    with Session(engine) as session:
        server = session.scalar(
            text("SELECT current_setting('server_version') || ', PostGIS ' || postgis_lib_version()")
        )
        places.load_place(session, _place(zones))
        session.commit()
    report.note(
        f"PostgreSQL {server}. {count:,} subjects, {len(zones):,} zones of about {VERTICES} vertices."
    )
    _load(report, engine, _file(zones, count, home))
    ours = report.measure("OneGrid assign", lambda: _assign(engine))
    again = report.measure("OneGrid reassign after a change", lambda: _reassign(engine))
    _prepare_update(engine)
    # Each run takes many times as long as ours: few are enough.
    update = report.measure("UPDATE … ST_Contains", lambda: _update(engine), runs=min(report.runs, 3))
    report.table(
        ["", "seconds", "subjects/s", "OneGrid is faster by"],
        [
            ("OneGrid assign: read, locate, write, index, count, swap", ours, count / ours, 1.0),
            (f"OneGrid reassign after {CHANGED} zones changed", again, count / again, ours / again),
            ("UPDATE … FROM zone WHERE ST_Contains", update, count / update, update / ours),
        ],
    )
    report.note(_agreement(engine))


def _place(zones: gpd.GeoDataFrame) -> Place:
    frame = gpd.GeoDataFrame(
        {
            "code": [f"G{row:06}" for row in range(len(zones))],
            "name": "网格",
            "layer": "grid",
            "level": "grid",
        },
        geometry=zones.geometry.to_numpy(),
        crs="EPSG:4490",
    )
    none = gpd.GeoDataFrame({"geometry": []}, crs="EPSG:4490")
    return Place(
        "bench", "测试", zones.union_all(), (LEVELS["grid"],), frame, none, none, none, none,
        synthetic=True, source="测试数据", date="2026-01-01",
    )  # fmt: skip


def _file(zones: gpd.GeoDataFrame, count: int, folder: Path) -> Path:
    lon, lat = random_points(tuple(zones.total_bounds), count, seed=1)
    rng = np.random.default_rng(1)
    lanes, houses, rooms = (
        rng.integers(1, 2_000, count),
        rng.integers(1, 60, count),
        rng.integers(101, 1_800, count),
    )
    frame = pd.DataFrame(
        {
            "code": [f"H{row:07}" for row in range(count)],
            "kind": "household",
            "address": [f"颛兴东路{a}弄{b}号{c}室" for a, b, c in zip(lanes, houses, rooms, strict=True)],
            "people": rng.integers(1, 6, count),
            "lon": lon.round(8),
            "lat": lat.round(8),
        }
    )
    path = folder / "subjects.csv"
    frame.to_csv(path, index=False)
    return path


def _load(report: Report, engine: Engine, path: Path) -> None:
    loading = alone(_load_file, engine.url.render_as_string(hide_password=False), path)
    report.note(
        f"Loading a CSV file of {path.stat().st_size / 2**20:.0f} MiB: {loading.answer['subjects']:,} subjects and "
        f"{loading.answer['addresses']:,} parsed addresses in {loading.seconds:.0f} s (one run), peak memory of the "
        f"process that loads {loading.peak_mib:,.0f} MiB, of which {loading.before_mib:,.0f} MiB before it began."
    )


def _load_file(url: str, path: Path) -> dict[str, int]:
    """Load a file, in a process of its own, and return how many rows of each table."""
    engine = make_engine(url)
    with Session(engine) as session:
        chunks = files.read_chunks(path, "subjects", declared="EPSG:4490")
        loaded = places.load_records(session, "bench", "subjects", chunks)
        session.commit()
    engine.dispose()
    return dict(loaded.counts)


def _assign(engine: Engine) -> None:
    with Session(engine) as session:
        assignments.assign(session, "bench-v1")
        session.commit()


def _reassign(engine: Engine) -> None:
    with Session(engine) as session:
        base = versions.get_version(session, "bench-v1")
        newest = versions.get_version(session, "bench")
        if newest.code == base.code:
            newest = versions.add_version(session, "bench", copy_of=base)
            session.execute(
                text("""UPDATE zone SET geom = ST_Multi(ST_Buffer(geom, -1e-5)) WHERE version_id = :version
                        AND id IN (SELECT id FROM zone WHERE version_id = :version ORDER BY id LIMIT :some)"""),
                {"version": newest.id, "some": CHANGED},
            )
        assignments.reassign(session, newest.code, base.code)
        session.commit()


def _prepare_update(engine: Engine) -> None:
    """Make the table that a city would have: subjects with a column for their zone, indexed as ours is."""
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE flat AS SELECT id, location, NULL::bigint AS zone_id FROM subject")
        )
        connection.execute(text("ALTER TABLE flat ADD PRIMARY KEY (id)"))
        connection.execute(text("CREATE INDEX ON flat USING gist (location)"))
        connection.execute(text("CREATE INDEX ON flat (zone_id)"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE flat"))
        connection.execute(text("ANALYZE zone"))


def _update(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                """UPDATE flat SET zone_id = z.id FROM zone z JOIN version v ON v.id = z.version_id
                   WHERE v.code = 'bench-v1' AND ST_Contains(z.geom, flat.location)"""
            )
        )


def _agreement(engine: Engine) -> str:
    with engine.connect() as connection:
        differ, borders = connection.execute(
            text(
                """SELECT count(*), count(*) FILTER (WHERE EXISTS (
                       SELECT FROM zone z WHERE z.version_id = v.id AND ST_Intersects(ST_Boundary(z.geom), f.location)))
                   FROM version v JOIN assignment a ON a.run_id = v.run_id JOIN flat f ON f.id = a.subject_id
                   WHERE v.code = 'bench-v1' AND a.zone_id IS DISTINCT FROM f.zone_id"""
            )
        ).one()
    return f"Answers that differ: {differ:,}, of which on a border (where ST_Contains names no zone): {borders:,}."
