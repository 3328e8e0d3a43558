"""A town of four grids, drawn by hand, and the service in front of it.

::

    31.08 +---------+---------+   grids   112 | 122      West 西社区 = 111 + 112
          |   112   |   122   |           ----+----      East 东社区 = 121 + 122
    31.07 +----B----+---------+           111 | 121      B: 和平路1号, on the border of 111 and 112
          |   111   |   121   |   party   P1 overlaps P2 by a strip; north of P2 is a gap
    31.06 +---------+---------+
        121.40    121.41    121.42
"""

from __future__ import annotations

import secrets
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely import LineString, MultiPolygon, Point, Polygon, box

from api.app import create_app
from api.services import Services
from api.settings import Settings
from api.store import accounts, assignments, checks, circles, credentials, places, versions
from api.store.accounts import GrantedSubtree
from api.store.engine import make_engine
from api.store.jobs import JobRunner
from api.store.transactions import transaction
from geo.records import LEVELS, Place

with warnings.catch_warnings():
    # Starlette wants httpx2, of which httpx is the working predecessor.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI
    from sqlalchemy import Engine

WEST, MIDDLE, EAST = 121.40, 121.41, 121.42
SOUTH, CENTRE, NORTH = 31.06, 31.07, 31.08
PASSWORD = "correct-Horse-7"  # noqa: S105  of accounts that live for one test


def _zone(code: str, name: str, level: str, parent: str | None, shape: Polygon) -> dict[str, Any]:
    staff = (
        [{"role": "网格长", "name": f"长{code[-3:]}", "phone": f"13800000{code[-3:]}"}]
        if level == "grid"
        else []
    )
    return {
        "code": code,
        "name": name,
        "layer": LEVELS[level].layer,
        "level": level,
        "kind": "general",
        "parent": parent,
        "staff": staff,
        "attributes": {},
        "geometry": shape,
    }


def _frame(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4490")


def _streets() -> gpd.GeoDataFrame:
    xs, ys = (WEST, MIDDLE, EAST), (SOUTH, CENTRE, NORTH)
    lines = [((xs[i], y), (xs[i + 1], y)) for y in ys for i in range(2)]
    lines += [((x, ys[i]), (x, ys[i + 1])) for x in xs for i in range(2)]
    return _frame(
        [
            {
                "name": "和平路",
                "kind": "residential",
                "walkable": True,
                "attributes": {},
                "geometry": LineString(line),
            }
            for line in lines
        ]
    )


def make_town() -> Place:
    """Return the town of the module's docstring."""
    zones = _frame(
        [
            _zone("310112103", "颛桥镇", "street", None, box(WEST, SOUTH, EAST, NORTH)),
            _zone("310112103001", "西社区", "community", "310112103", box(WEST, SOUTH, MIDDLE, NORTH)),
            _zone("310112103002", "东社区", "community", "310112103", box(MIDDLE, SOUTH, EAST, NORTH)),
            _zone("310112103001111", "西南网格", "grid", "310112103001", box(WEST, SOUTH, MIDDLE, CENTRE)),
            _zone("310112103001112", "西北网格", "grid", "310112103001", box(WEST, CENTRE, MIDDLE, NORTH)),
            _zone("310112103002121", "东南网格", "grid", "310112103002", box(MIDDLE, SOUTH, EAST, CENTRE)),
            _zone("310112103002122", "东北网格", "grid", "310112103002", box(MIDDLE, CENTRE, EAST, NORTH)),
            _zone("P1", "党建一", "party", None, box(WEST, SOUTH, 121.412, NORTH)),
            _zone("P2", "党建二", "party", None, box(121.411, SOUTH, EAST, CENTRE)),
        ]
    )
    subject = {"attributes": {}}
    subjects = _frame(
        [
            {
                **subject,
                "code": "H1",
                "kind": "household",
                "name": "赵一",
                "people": 3,
                "geometry": Point(121.405, 31.065),
                "address": "颛兴东路1234弄15号602室",
            },
            {
                **subject,
                "code": "H2",
                "kind": "household",
                "name": "钱二",
                "people": 2,
                "geometry": Point(121.405, 31.065),
                "address": "颛兴东路1234弄15号601室",
            },
            {
                **subject,
                "code": "H3",
                "kind": "household",
                "name": "孙三",
                "people": None,
                "geometry": Point(121.415, 31.075),
                "address": "北桥路8号",
            },
            {
                **subject,
                "code": "H4",
                "kind": "household",
                "name": "李四",
                "people": 4,
                "geometry": None,
                "address": None,
            },
            {
                **subject,
                "code": "B1",
                "kind": "business",
                "name": "面馆",
                "people": None,
                "geometry": Point(121.415, 31.065),
                "address": "和平路9号",
            },
            {
                **subject,
                "code": "F1",
                "kind": "building",
                "name": "一号楼",
                "people": None,
                "geometry": box(121.404, 31.064, 121.406, 31.066),
                "address": None,
            },
        ]
    )
    subjects["people"] = pd.array(subjects["people"], dtype="Int64")
    stations = _frame(
        [
            {
                "code": "S1",
                "name": "镇中心",
                "kind": "center",
                "address": "和平路2号",
                "attributes": {},
                "geometry": Point(WEST + 0.001, SOUTH),
            },
            {
                "code": "S2",
                "name": "东站",
                "kind": "point",
                "address": None,
                "attributes": {},
                "geometry": Point(EAST, NORTH - 0.001),
            },
        ]
    )
    known = [
        ("颛兴东路1234弄15号602室", "H1", 121.405, 31.065),
        ("颛兴东路1234弄15号601室", "H2", 121.405, 31.065),
        ("北桥路8号", "H3", 121.415, 31.075),
        ("北桥路10号", None, 121.4155, 31.075),
        ("和平路1号", None, 121.405, CENTRE),
        ("团结路5号", None, 121.403, 31.063),
        ("团结路5号", None, 121.417, 31.077),
    ]
    addresses = _frame(
        [
            {"text": text, "subject": code, "attributes": {}, "geometry": Point(x, y)}
            for text, code, x, y in known
        ]
    )
    return Place(
        code="town",
        name="小镇",
        boundary=MultiPolygon([box(WEST, SOUTH, EAST, NORTH)]),
        levels=tuple(LEVELS[level] for level in ("street", "community", "grid", "party")),
        zones=zones,
        subjects=subjects,
        stations=stations,
        addresses=addresses,
        streets=_streets(),
        synthetic=True,
        source="drawn by hand",
        date="2026-03-01",
        notes=("测试用",),
    )


@dataclass
class Web:
    """The service with the town in it.

    Parameters
    ----------
    app, services
        As made by ``create_app``.
    """

    app: FastAPI
    services: Services

    @property
    def engine(self) -> Engine:
        """Return the database."""
        return self.services.engine

    def add(self, name: str, role: str, *grants: GrantedSubtree, password: bool = False) -> None:
        """Add an account with grants."""
        with transaction(self.engine) as session:
            accounts.add_account(session, name, name, role)
            if password:
                credentials.set_password(session, name, PASSWORD)
            for grant in grants:
                accounts.add_grant(session, name, grant)

    def visitor(self) -> TestClient:
        """Return a browser that nobody signed in with."""
        return TestClient(self.app, raise_server_exceptions=False)

    def browser(self, name: str) -> TestClient:
        """Return a browser signed in by a one-time link, which sends the token that writes need."""
        client = self.visitor()
        with transaction(self.engine) as session:
            token = credentials.make_link(session, name)
        client.get("/sign-in", params={"token": token}, follow_redirects=False)
        client.headers["X-CSRF-Token"] = client.get("/api/session").json()["csrf_token"]
        return client

    def program(self, name: str) -> TestClient:
        """Return a program with a key of an account."""
        client = self.visitor()
        with transaction(self.engine) as session:
            secret = credentials.add_key(session, name, secrets.token_hex(8))
        client.headers["Authorization"] = f"Bearer {secret}"
        return client

    def events(self, action: str) -> list[Any]:
        """Return the audit events of an action, newest first."""
        with transaction(self.engine) as session:
            from api.store import audit  # noqa: PLC0415

            return audit.list_events(session, action=action)


WHOLE = GrantedSubtree("town", None, personal_data=False)
PERSONS = GrantedSubtree("town", None, personal_data=True)
PERSONS_WEST = GrantedSubtree("town", "310112103001", personal_data=True)


@contextmanager
def serving(url: str, home: Path, **changed: Any) -> Iterator[Web]:
    """Serve a database, with settings changed."""
    unlimited = Settings(home=home, lookups_per_minute=100_000, sign_in_per_minute=100_000)
    settings = unlimited.model_copy(update=changed)
    engine = make_engine(url)
    services = Services(settings, engine, JobRunner(engine))
    app = create_app(settings, services=services)
    try:
        with TestClient(app):
            yield Web(app, services)
    finally:
        engine.dispose()


def load_town(engine: Engine) -> None:
    """Store the town, assigned, checked, with circles, published since 2026-01-01."""
    from datetime import UTC, datetime  # noqa: PLC0415

    with transaction(engine) as session:
        places.load_place(session, make_town())
        assignments.assign(session, "town-v1")
        checks.check(session, "town-v1")
        circles.compute_circles(session, "town-v1")
        versions.publish(session, "town-v1", "首次发布", moment=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def web(database_factory: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Return the service with the town, shared by the tests of a module, with an account of each kind."""
    with database_factory() as url, serving(url, tmp_path_factory.mktemp("home")) as made:
        load_town(made.engine)
        made.add("viewer", "viewer")
        made.add("planner", "planner", WHOLE)
        made.add("stranger", "planner")
        made.add("publisher", "publisher", WHOLE)
        made.add("officer", "viewer", PERSONS_WEST)
        made.add("chief", "viewer", PERSONS)
        made.add("root", "admin")
        yield made


@pytest.fixture(scope="session")
def town() -> Place:
    """Return the town as it was drawn."""
    return make_town()


@pytest.fixture
def serve(database_factory: Callable[[], Any], tmp_path: Path) -> Callable[..., Any]:
    """Return ``serve(**settings)``, a context manager that serves a fresh empty database."""

    @contextmanager
    def fresh(**changed: Any) -> Iterator[Web]:
        with database_factory() as url, serving(url, tmp_path, **changed) as made:
            yield made

    return fresh


@pytest.fixture
def office(serve: Callable[..., Any]) -> Iterator[Web]:
    """Return the service with a town of the test's own, for what cannot be taken back: two publishers, a planner."""
    with serve() as made:
        load_town(made.engine)
        made.add("planner", "planner", WHOLE)
        made.add("publisher", "publisher", WHOLE)
        made.add("second", "publisher", WHOLE)
        yield made
