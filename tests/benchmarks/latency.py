"""From request to answer: a border moved, and foreseen while it is dragged, over HTTP with the whole city loaded.

The service is the real one (``onegrid serve`` in a process of its own, its embedded PostGIS, one worker), asked over
one kept connection, as a browser does. Cities of different sizes are asked in turn, so that a busy machine slows all.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import accounts, bulk, credentials, places
from api.store.cluster import Cluster
from api.store.engine import make_engine
from api.store.schema import upgrade
from geo.records import LEVELS, Place
from geo.samples import random_points, random_zones

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.benchmarks.report import Report

HOUSEHOLDS = (100_000, 1_000_000, 10_000_000)
ZONES = 2_285
VERTICES = 100
MOVES = 200
"""Border moves per city."""

RUN = 5
"""Vertices of a border that one move drags."""

STEP_DEG = 0.0001
"""How far, at most: some ten metres."""

BLOCK = (4, 3)
"""Grids of a community, across and up."""

KEPT_S = 3.0
"""How long a connection is kept that nobody uses; uvicorn's own patience is 5 s."""

STATIONS = 120
BUILDINGS = 20_000
GOAL_MS, GOAL_RATIO = 100, 1.5


def run(report: Report) -> None:
    """Load the cities, open a plan of each, and move borders."""
    report.versions("fastapi", "uvicorn", "sqlalchemy", "psycopg", "shapely", "numba")
    home = Path(tempfile.mkdtemp(prefix="onegrid-bench-"))
    home.chmod(0o755)  # for the user postgres
    try:
        sizes = [report.scaled(size, least=1_000) for size in HOUSEHOLDS]
        zones = _zones(report.scaled(ZONES, least=48))
        key = _prepare(report, home, zones, sizes)
        with _serving(home) as service:
            cities = [_opened(report, service, key, size) for size in sizes]
            report.note(
                f"Memory of the service with the {len(cities)} plans open: {service.memory_mib():,.0f} MiB. "
                f"{len(zones[zones['level'] == 'grid']):,} grids of about {VERTICES} vertices in "
                f"{len(zones):,} zones of {zones['level'].nunique()} levels, {STATIONS} stations, "
                f"{BUILDINGS:,} buildings in each city."
            )
            _move(cities, report.scaled(MOVES, least=10))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    rows = []
    for kind in ("edit", "preview"):
        base = next(city for city in cities if city.households == sizes[1])
        for city in cities:
            ms = np.array(city.seconds[kind]) * 1000
            p50, p95 = np.percentile(ms, [50, 95])
            ratio = p95 / np.percentile(np.array(base.seconds[kind]) * 1000, 95)
            cpu = city.cpu_seconds[kind] / len(ms) * 1000
            rows.append((kind, city.households, len(ms), *map(float, (p50, p95, ms.max(), ratio, cpu))))
    report.table(
        [
            "",
            "households",
            "moves",
            "p50 ms",
            "p95 ms",
            "max ms",
            "p95 / p95 at the middle size",
            "processor ms",
        ],
        rows,
    )
    report.note(
        "Processor: what the service itself computes per request, on average; the rest is PostgreSQL, and waiting. "
        f"Load of the machine meanwhile: {os.getloadavg()[1]:.1f} on {len(os.sched_getaffinity(0))} cores, the "
        "benchmark's own being about one."
    )
    report.note(
        f"Goals: p95 ≤ {GOAL_MS} ms at {HOUSEHOLDS[1]:,}, and at most {GOAL_RATIO} times that at ten times as many."
    )
    moved = ", ".join(f"{np.median(city.moved):,.0f} (of {city.households:,})" for city in cities)
    report.note(f"Subjects that a move takes to another grid, median: {moved}.")


# ---- the cities


def _zones(count: int) -> gpd.GeoDataFrame:
    """Return grids, communities and functional zones that are unions of them, and the whole."""
    grids = random_zones(count, vertices=VERTICES, seed=1).geometry.to_numpy()
    across = int(np.ceil(np.sqrt(count)))
    row, column = np.divmod(np.arange(count), across)
    community = (row // BLOCK[1]) * across + column // BLOCK[0]
    functional = (row // (4 * BLOCK[1])) * across + column // (3 * BLOCK[0])
    rows = [("street", "S", "街镇", None, shapely.coverage_union_all(grids))]
    rows += [
        (
            "functional",
            f"F{number:05}",
            f"片区{number}",
            "S",
            shapely.coverage_union_all(grids[functional == number]),
        )
        for number in np.unique(functional)
    ]
    rows += [
        (
            "community",
            f"C{number:05}",
            f"社区{number}",
            "S",
            shapely.coverage_union_all(grids[community == number]),
        )
        for number in np.unique(community)
    ]
    rows += [
        ("grid", f"G{number:05}", f"网格{number}", f"C{community[number]:05}", grid)
        for number, grid in enumerate(grids)
    ]
    frame = gpd.GeoDataFrame(
        rows, columns=["level", "code", "name", "parent", "geometry"], geometry="geometry", crs="EPSG:4490"
    )
    return frame.assign(
        layer=[LEVELS[level].layer for level in frame["level"]],
        kind="general",
        staff=[[] for _ in range(len(frame))],
        attributes=[{} for _ in range(len(frame))],
    )


def _place(code: str, zones: gpd.GeoDataFrame) -> Place:
    rng = np.random.default_rng(3)
    bounds = tuple(zones.total_bounds)
    lon, lat = random_points(bounds, STATIONS, seed=5)
    stations = gpd.GeoDataFrame(
        {
            "code": [f"P{row}" for row in range(STATIONS)],
            "name": "驿站",
            "kind": "point",
            "address": None,
            "attributes": [{}] * STATIONS,
        },
        geometry=gpd.points_from_xy(lon, lat),
        crs="EPSG:4490",
    )
    x, y = random_points(bounds, BUILDINGS, seed=6)
    buildings = gpd.GeoDataFrame(
        {
            "code": [f"B{row}" for row in range(BUILDINGS)],
            "kind": "building",
            "name": [f"{row} 号楼" for row in range(BUILDINGS)],
            "address": None,
            "people": None,
            "attributes": [{}] * BUILDINGS,
        },
        geometry=shapely.box(*np.round([x, y, x + 0.0004, y + 0.00015], 8)),
        crs="EPSG:4490",
    )
    edges = shapely.get_parts(
        shapely.line_merge(
            shapely.unary_union(shapely.boundary(zones[zones["level"] == "grid"].geometry.to_numpy()))
        )
    )
    streets = gpd.GeoDataFrame(
        {
            "name": "路",
            "kind": rng.choice(["residential", "motorway"], len(edges), p=[0.97, 0.03]),
            "walkable": True,
            "attributes": [{}] * len(edges),
        },
        geometry=edges,
        crs="EPSG:4490",
    )
    none = gpd.GeoDataFrame({"geometry": []}, crs="EPSG:4490")
    levels = tuple(LEVELS[level] for level in ("street", "functional", "community", "grid"))
    whole = zones[zones["level"] == "street"].geometry.iloc[0]
    return Place(
        code, f"{code} 城", whole, levels, zones, buildings, stations, none, streets,
        synthetic=True, source="测试数据", date="2026-01-01",
    )  # fmt: skip


def _prepare(report: Report, home: Path, zones: gpd.GeoDataFrame, sizes: list[int]) -> str:
    """Store the cities in the service's own database; return a key of a planner."""
    cluster = Cluster(home)
    try:
        cluster.start()
        engine = make_engine(cluster.url)
        upgrade(engine)
        with engine.begin() as connection:  # made again below, at once for all: ten times as fast
            connection.execute(text("DROP INDEX ix_subject_location"))
        for size in sizes:
            start = time.perf_counter()
            with Session(engine) as session:
                places.load_place(session, _place(_code(size), zones))
                session.commit()
            _copy_households(engine, _code(size), tuple(zones.total_bounds), size)
            report.note(f"{size:,} households stored in {time.perf_counter() - start:.0f} s.")
        with engine.begin() as connection:
            connection.execute(text("CREATE INDEX ix_subject_location ON subject USING gist (location)"))
        with Session(engine) as session:
            accounts.add_account(session, "bench", "bench", "admin")
            key = credentials.add_key(session, "bench", "bench")
            session.commit()
        engine.dispose()
    finally:
        cluster.stop()
    return key


def _code(size: int) -> str:
    return f"city{size}"


_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("l1", ">i4"), ("territory", ">i8"),
        ("l2", ">i4"), ("code", "S9"),
        ("l3", ">i4"), ("kind", "S9"),
        ("l4", ">i4"), ("people", ">i8"),
        ("l5", ">i4"), ("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("x", "<f8"), ("y", "<f8"),
    ]
)  # fmt: skip
_POINT_WITH_SRID = 0x20000001
_CHUNK = 250_000


def _copy_households(
    engine: Engine, code: str, bounds: tuple[float, float, float, float], count: int
) -> None:
    """Store households by binary COPY, written as arrays: ten million of them in minutes."""
    lon, lat = random_points(bounds, count, seed=1)
    people = np.random.default_rng(2).integers(1, 6, count)
    with Session(engine) as session:
        raw = bulk.raw_connection(session)
        with raw.cursor() as cursor:
            territory = cursor.execute("SELECT id FROM territory WHERE code = %s", (code,)).fetchone()[0]
            with cursor.copy(
                "COPY subject (territory_id, code, kind, people, location) FROM STDIN (FORMAT binary)"
            ) as copy:
                copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
                for start in range(0, count, _CHUNK):
                    part = slice(start, min(start + _CHUNK, count))
                    rows = np.zeros(part.stop - start, dtype=_ROW)
                    rows["fields"] = 5
                    rows["l1"], rows["territory"] = 8, territory
                    rows["l2"] = 9
                    rows["code"] = np.char.add("H", np.char.zfill(np.arange(start, part.stop).astype(str), 8))
                    rows["l3"], rows["kind"] = 9, b"household"
                    rows["l4"], rows["people"] = 8, people[part]
                    rows["l5"], rows["order"], rows["type"], rows["srid"] = 25, 1, _POINT_WITH_SRID, 4490
                    rows["x"], rows["y"] = lon[part].round(8), lat[part].round(8)
                    copy.write(rows.tobytes())
                copy.write(b"\xff\xff")
        session.commit()


# ---- the service


@dataclass
class Service:
    """The service in a process of its own."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        """Return what it holds in memory, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def _serving(home: Path) -> Iterator[Service]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "ONEGRID_HOME": str(home)}
    words = [
        sys.executable,
        "-c",
        "from api.cli import app; app()",
        "serve",
        "--port",
        str(port),
        "--no-link",
    ]
    with (home / "service.log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        try:
            _await(port, process)
            yield Service(port, process)
        finally:
            process.terminate()
            process.wait(60)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.2)
    message = "the service did not start"
    raise RuntimeError(message)


@dataclass
class City:
    """A plan of a city, open over one connection."""

    households: int
    connection: http.client.HTTPConnection
    key: str
    service: Service
    plan: int = 0
    revision: int = 0
    zones: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"edit": [], "preview": []})
    cpu_seconds: dict[str, float] = field(default_factory=lambda: {"edit": 0.0, "preview": 0.0})
    moved: list[int] = field(default_factory=list)
    refused: int = 0
    asked: float = 0.0

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any, float]:
        """Return status, answer and the seconds from sending the request to the answer's last byte."""
        sent = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if time.monotonic() - self.asked > KEPT_S:
            self.connection.close()  # the service would close it any moment; the next request opens it again
            self.connection.connect()
        start = time.perf_counter()
        self.connection.request(method, path, sent, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - start
        self.asked = time.monotonic()
        return answer.status, json.loads(text), seconds


def _opened(report: Report, service: Service, key: str, size: int) -> City:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=1800)
    city = City(size, connection, key, service)
    _, plan, _ = city.ask(
        "POST", "/api/plans", {"territory": _code(size), "name": "测速", "base": f"{_code(size)}-v1"}
    )
    city.plan = plan["id"]
    _, answer, first = city.ask("GET", f"/api/plans/{city.plan}/zones?level=grid")
    _, again, then = city.ask("GET", f"/api/plans/{city.plan}/zones?level=grid")
    city.zones = {zone["code"]: zone for zone in again["zones"]}
    report.note(
        f"{size:,} households: a plan opens in {first:.1f} s (the first of its base), its grids are answered in "
        f"{then:.2f} s afterwards; still to come then: {', '.join(answer['pending']) or 'nothing'}."
    )
    while again["pending"]:
        time.sleep(1)
        _, again, _ = city.ask("GET", f"/api/plans/{city.plan}/zones?level=grid&since=0")
    return city


def _move(cities: list[City], count: int) -> None:
    rng = np.random.default_rng(11)
    for _ in range(count):
        done = False
        while not done:
            codes = sorted(cities[0].zones)
            zone, number = str(rng.choice(codes)), int(rng.integers(2**31))
            shift = rng.uniform(-STEP_DEG, STEP_DEG, 2)
            # The cities have the same grids, and the same is done to each.
            answers = [_move_in(city, zone, number, shift) for city in rng.permutation(np.array(cities))]
            done = all(answers)


def _move_in(city: City, code: str, number: int, shift: np.ndarray) -> bool:
    ring = city.zones[code]["geometry"]["coordinates"][0][:-1]
    at = [ring[(number + step) % len(ring)] for step in range(RUN)]
    moves = [[xy, [round(xy[0] + shift[0], 8), round(xy[1] + shift[1], 8)]] for xy in at]
    body = {"revision": city.revision, "edit": {"operation": "move_border", "level": "grid", "moves": moves}}
    before = city.service.cpu_seconds()
    status, answer, foreseen = city.ask("POST", f"/api/plans/{city.plan}/preview", body)
    between = city.service.cpu_seconds()
    if (
        status == http.HTTPStatus.UNPROCESSABLE_ENTITY
    ):  # rings would cross, or the parent be left: another border
        city.refused += 1
        return False
    if status != http.HTTPStatus.OK:
        raise RuntimeError(answer)
    status, answer, seconds = city.ask("POST", f"/api/plans/{city.plan}/edits", body)
    if status != http.HTTPStatus.OK:
        raise RuntimeError(answer)
    city.cpu_seconds["preview"] += between - before
    city.cpu_seconds["edit"] += city.service.cpu_seconds() - between
    city.seconds["preview"].append(foreseen)
    city.seconds["edit"].append(seconds)
    city.moved.append(sum(move["subjects"] for move in answer["moves"] if move["level"] == "grid"))
    city.revision = answer["revision"]
    city.zones |= {zone["code"]: zone for zone in answer["zones"] if zone["level"] == "grid"}
    return True
