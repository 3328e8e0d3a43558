"""Fixtures that every test may use: a private PostGIS cluster, and a database of its own per test.

One cluster per pytest session, in a folder of its own, so that several sessions may run at once. The tables are
made once in a template; a test's database is a copy of it (some 50 ms).
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, settings
from sqlalchemy.orm import Session

import api
import geo
import maps
from api.settings import get_settings
from api.store.cluster import Cluster
from api.store.engine import get_cluster, get_engine, make_engine
from api.store.schema import upgrade
from geo.records import LEVELS, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

TEMPLATE = "onegrid_template"

# What terminals and CI machines say of themselves: tests read what is printed, plain and in lines of one width.
for _name in ("FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH", "TTY_COMPATIBLE"):
    os.environ.pop(_name, None)
os.environ["COLUMNS"] = "200"

# The same examples every time: a run says something about the change, not about luck. To look for new ones:
# pytest --hypothesis-profile=explore.
_UNHURRIED = [HealthCheck.too_slow]  # a busy machine is no failure
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=_UNHURRIED)
settings.register_profile("explore", max_examples=500, deadline=None, suppress_health_check=_UNHURRIED)
settings.load_profile("same")

# Hypothesis also tries numbers and words that stand in our modules, in those that happen to be imported: all are, so
# that a test alone has the examples that it has among the others, whatever ran before it.
for _package in (api, geo, maps):
    for _module in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        if ".migrations" not in _module.name and not _module.name.endswith("__main__"):
            importlib.import_module(_module.name)


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests away from the settings and the data of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("ONEGRID_"):
                patch.delenv(name)
        patch.setenv("ONEGRID_HOME", str(tmp_path_factory.mktemp("home")))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return a running cluster, stopped and removed at the end of the session."""
    # Not pytest's own folder: its path may be too long for a socket, and closed to the user postgres.
    home = Path(tempfile.mkdtemp(prefix="onegrid-test-"))
    home.chmod(0o755)
    made = Cluster(home, {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """Return the name of a database with the tables and no rows."""
    with cluster.connect() as connection:
        connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
    engine = make_engine(cluster.url_of(TEMPLATE))
    upgrade(engine)
    engine.dispose()
    return TEMPLATE


@contextmanager
def _fresh_database(cluster: Cluster, template: str | None) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with cluster.connect() as connection:
        copied = f' TEMPLATE "{template}"' if template else ""
        connection.execute(f'CREATE DATABASE "{name}"{copied}')
    try:
        yield cluster.url_of(name)
    finally:
        with cluster.connect() as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """URL of a database without any tables."""
    with _fresh_database(cluster, None) as url:
        yield url


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[str]:
    """URL of a fresh database with the tables; ``get_engine()`` and ``onegrid`` subprocesses use it too."""
    with _fresh_database(cluster, template) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONEGRID_DATABASE_URL", url)
        get_settings.cache_clear()
        get_engine.cache_clear()
        get_cluster.cache_clear()
        try:
            yield url
        finally:
            if get_engine.cache_info().currsize:
                get_engine().dispose()
            get_engine.cache_clear()
    get_settings.cache_clear()


@pytest.fixture
def engine(database: str) -> Engine:
    """Return the engine of the test's database."""
    assert database
    return get_engine()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Return a session on the test's database; commit in the test if other connections should see its rows."""
    with Session(engine) as opened:
        yield opened


@pytest.fixture(scope="session")
def database_factory(cluster: Cluster, template: str) -> Callable[[], object]:
    """Return a context manager that yields the URL of a fresh database with the tables, for more than one per test."""
    return lambda: _fresh_database(cluster, template)


def chessboard_place(code: str = "board", *, side: int = 4, households: int = 200, seed: int = 1) -> Place:
    """Draw a small place: a square of 0.02 degrees of communities (2 x 2) and grids (side x side), streets along them.

    ::

        +----+----+      community C00, C01 / C10, C11; each of side/2 x side/2 grids G0000 (row, column);
        |C10 |C11 |      households strewn evenly, five more outside, three without location;
        +----+----+      one station in the middle, one in the south-west.
        |C00 |C01 |
        +----+----+
    """
    west, south, size = 121.40, 31.06, 0.02
    step = size / side
    edge = (
        [round(west + step * k, 8) for k in range(side + 1)],
        [round(south + step * k, 8) for k in range(side + 1)],
    )

    def cell(row: int, column: int, span: int = 1) -> shapely.Polygon:
        # Every vertex of the finest cells along the border, so that levels share vertices exactly.
        xs, ys = edge[0][column : column + span + 1], edge[1][row : row + span + 1]
        ring = [(x, ys[0]) for x in xs] + [(xs[-1], y) for y in ys[1:]]
        ring += [(x, ys[-1]) for x in xs[-2::-1]] + [(xs[0], y) for y in ys[-2:0:-1]]
        return shapely.Polygon(ring)

    half = side // 2
    zones = [
        {"code": f"C{row}{column}", "name": f"社区{row}{column}", "level": "community", "parent": None,
         "geometry": cell(row * half, column * half, half)}
        for row in (0, 1) for column in (0, 1)
    ] + [
        {"code": f"G{row:02}{column:02}", "name": f"网格{row:02}{column:02}", "level": "grid",
         "parent": f"C{row // half}{column // half}", "geometry": cell(row, column)}
        for row in range(side) for column in range(side)
    ]  # fmt: skip
    frame = gpd.GeoDataFrame(zones, crs="EPSG:4490")
    frame["layer"] = frame["level"].map({"community": "admin", "grid": "grid"})
    frame["kind"] = "general"
    frame["staff"] = [[{"role": "网格长", "name": "王某", "phone": "13800000000"}]] * len(frame)
    frame["attributes"] = [{}] * len(frame)
    rng = np.random.default_rng(seed)
    lon = np.round(west + size * rng.random(households), 8)
    lat = np.round(south + size * rng.random(households), 8)
    points = [
        *shapely.points(lon, lat),
        *shapely.points(np.full(5, west - 0.01), np.full(5, south)),
        None,
        None,
        None,
    ]
    total = len(points)
    subjects = gpd.GeoDataFrame(
        {
            "code": [f"H{k:06}" for k in range(total)],
            "kind": ["business" if k % 10 == 0 else "household" for k in range(total)],
            "name": [f"户{k}" for k in range(total)],
            "address": [f"测试路{k + 1}号" for k in range(total)],
            "people": pd.array([k % 5 if k % 7 else pd.NA for k in range(total)], dtype="Int64"),
            "attributes": [{}] * total,
        },
        geometry=points,
        crs="EPSG:4490",
    )
    located = subjects[subjects.geometry.notna()]
    addresses = gpd.GeoDataFrame(
        {
            "text": located["address"].to_list(),
            "subject": located["code"].to_list(),
            "attributes": [{}] * len(located),
        },
        geometry=located.geometry.to_list(),
        crs="EPSG:4490",
    )
    stations = gpd.GeoDataFrame(
        {
            "code": ["S1", "S2"],
            "name": ["党群服务中心", "服务站"],
            "kind": ["center", "point"],
            "address": ["测试路1号", None],
            "attributes": [{}, {}],
        },
        geometry=shapely.points([west + size / 2, west + 0.002], [south + size / 2, south + 0.002]),
        crs="EPSG:4490",
    )
    lines = [
        shapely.LineString([(edge[0][k], edge[1][m]), (edge[0][k + dk], edge[1][m + dm])])
        for k in range(side + 1) for m in range(side + 1) for dk, dm in ((1, 0), (0, 1))
        if k + dk <= side and m + dm <= side
    ]  # fmt: skip
    streets = gpd.GeoDataFrame(
        {
            "name": ["测试路"] * len(lines),
            "kind": ["residential"] * len(lines),
            "walkable": [True] * len(lines),
            "attributes": [{}] * len(lines),
        },
        geometry=lines,
        crs="EPSG:4490",
    )
    return Place(
        code=code,
        name="棋盘镇",
        boundary=cell(0, 0, side),
        levels=(LEVELS["community"], LEVELS["grid"]),
        zones=frame,
        subjects=subjects,
        stations=stations,
        addresses=addresses,
        streets=streets,
        synthetic=True,
        source="测试数据",
        date="2026-01-01",
        notes=("测试用",),
    )


@pytest.fixture(scope="session")
def make_board() -> Callable[..., Place]:
    """Return the maker of small places: ``make_board(code="board", side=4, households=200, seed=1)``."""
    return chessboard_place
