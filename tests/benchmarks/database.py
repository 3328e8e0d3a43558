"""Loading and assigning stored subjects, beside what a city would type into PostGIS: UPDATE … WHERE ST_Contains."""

from __future__ import annotations

import gc
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.settings import get_settings
from api.store import assignments, places, versions
from api.store.cluster import Cluster
from api.store.engine import make_engine
from api.store.schema import upgrade
from api.store.subject_blocks import read_subjects
from geo import files
from geo.records import LEVELS, Place
from geo.samples import random_points, random_zones
from tests.benchmarks.report import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    os.environ["ONEGRID_HOME"] = str(home)  # also where indexes are kept
    get_settings.cache_clear()
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
    first = alone(_assign_at, engine.url.render_as_string(hide_password=False)).seconds
    _prepare_update(engine)
    taken = _rounds(
        report,
        {
            "assign": (3, lambda: _assign(engine), None),
            "reassign": (3, lambda: _reassign(engine), None),
            "update": (1, lambda: _update(engine), lambda: _vacuum(engine)),
        },
    )
    _write_all(engine)
    stale = _seconds(lambda: _assign(engine))
    update = taken["update"]
    lines = (
        ("OneGrid assign: read, locate, write, count, swap", taken["assign"]),
        (f"OneGrid reassign after {CHANGED} zones changed", taken["reassign"]),
        ("UPDATE … FROM zone WHERE ST_Contains", update),
        ("OneGrid, the first assign after loading, also the first of its process (once)", first),
        ("OneGrid, the first assign after every subject was written by other means (once)", stale),
    )
    report.table(
        ["", "seconds", "subjects/s", "faster than UPDATE by"],
        [(name, seconds, count / seconds, update / seconds) for name, seconds in lines],
    )
    report.note(
        f"The first three lines are medians of runs that take turns ({_ROUNDS} UPDATEs at most, three times as many of "
        "ours), so that what else the machine does meets all of them. Each UPDATE finds its table vacuumed; that table "
        "has a primary key and a spatial index, none on the zone. Loading copies the subjects' numbers into blocks and "
        "builds and keeps the index of the zones; after subjects were written by other means the next assign copies "
        "them again, which is in its time. A new process starts the compiled loops, which is in the time of its first "
        "assign; what it imports before is not. Load average of the "
        f"machine meanwhile: {os.getloadavg()[1]:.1f}. Alone: `python -m tests.benchmarks database --runs 3`."
    )
    report.note(_agreement(engine))
    _read(report, engine, count)


def _seconds(act: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _rounds(
    report: Report, acts: Mapping[str, tuple[int, Callable[[], object], Callable[[], object] | None]]
) -> dict[str, float]:
    """Return the medians of the seconds of several acts that take turns.

    Parameters
    ----------
    report
        Says how many rounds, `_ROUNDS` at most.
    acts
        By name: how often in a round, what is timed, and what is done before it untimed.
    """
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(min(report.runs, _ROUNDS)):
        for name, (times, act, before) in acts.items():
            for _ in range(times):
                if before is not None:
                    before()
                taken[name].append(_seconds(act))
    for name, seconds in taken.items():
        sys.stdout.write(f"  {name}: {', '.join(f'{one:.4g}' for one in seconds)}\n")
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


_ROUNDS = 3
"""Turns: an UPDATE takes many times as long as ours, and a few of each tell enough."""


def _read(report: Report, engine: Engine, count: int) -> None:
    """Read the subjects as a plan's draft does."""
    with Session(engine) as session:
        territory = versions.get_version(session, "bench-v1").territory_id
        subjects = read_subjects(session, territory)
        seconds = statistics.median(
            _seconds(lambda: read_subjects(session, territory)) for _ in range(report.runs)
        )
    arrays = (subjects.ids, subjects.kinds, subjects.people, subjects.lon, subjects.lat)
    held = sum(each.nbytes for each in arrays) / 2**20
    report.note(
        f"Reading the numbers of all {count:,} subjects, as a draft of a plan does: {seconds:.2g} s into "
        f"{held:.0f} MiB of arrays; blocks are laid into them one by one as they come, so nothing is held twice."
    )


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


def _assign_at(url: str) -> None:
    engine = make_engine(url)
    _assign(engine)
    engine.dispose()


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


def _write_all(engine: Engine) -> None:
    """Write every subject behind the program's back, and leave the table as a nightly VACUUM would."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE subject SET name = name"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE subject"))


def _vacuum(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE flat"))


def _prepare_update(engine: Engine) -> None:
    """Make the table that a city would have: subjects with their place and a column for their zone."""
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE flat AS SELECT id, location, NULL::bigint AS zone_id FROM subject")
        )
        connection.execute(text("ALTER TABLE flat ADD PRIMARY KEY (id)"))
        connection.execute(text("CREATE INDEX ON flat USING gist (location)"))
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
                   FROM version v CROSS JOIN level l CROSS JOIN LATERAL assigned(v.run_id, l.id) a
                   JOIN flat f ON f.id = a.subject_id
                   WHERE v.code = 'bench-v1' AND a.zone_id IS DISTINCT FROM f.zone_id"""
            )
        ).one()
    return f"Answers that differ: {differ:,}, of which on a border (where ST_Contains names no zone): {borders:,}."
