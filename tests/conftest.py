"""Fixtures that every test may use: a private PostGIS cluster, and a database of its own per test.

One cluster per pytest session, in a folder of its own, so that several sessions may run at once. The tables are
made once in a template; a test's database is a copy of it (some 50 ms).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from api.settings import get_settings
from api.store.cluster import Cluster
from api.store.engine import get_cluster, get_engine, make_engine
from api.store.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

TEMPLATE = "onegrid_template"


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


@contextmanager
def _as_settings(url: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
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
def database(cluster: Cluster, template: str) -> Iterator[str]:
    """URL of a fresh database with the tables; ``get_engine()`` and ``onegrid`` subprocesses use it too."""
    with _fresh_database(cluster, template) as url, _as_settings(url):
        yield url


@pytest.fixture(scope="module")
def module_database(cluster: Cluster, template: str) -> Iterator[str]:
    """As ``database``, shared by the tests of a module: for loads that take seconds and tests that only read."""
    with _fresh_database(cluster, template) as url, _as_settings(url):
        yield url


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
