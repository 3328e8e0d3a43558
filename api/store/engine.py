"""The database of this process: the embedded one, or the one that ``ONEGRID_DATABASE_URL`` names."""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from api.settings import get_settings
from api.store.cluster import Cluster
from api.store.errors import SchemaError, StoreError
from api.store.schema import ensure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@cache
def get_cluster() -> Cluster:
    """Return the embedded database of this process's settings (not started)."""
    return Cluster(get_settings().home)


def make_engine(url: str) -> Engine:
    """Return an engine for a PostgreSQL URL, however its scheme is written.

    Raises
    ------
    SchemaError
        The URL is not one of PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _bad_url() from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise _bad_url()
    # Long-lived processes outlive a restart of the server: each connection is tried before use.
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=8, max_overflow=8
    )

    @event.listens_for(engine, "connect")
    def set_up(connection, _record) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        # Times are compared and printed as ISO 8601 in UTC whatever the server's habits.
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return engine


def _bad_url() -> SchemaError:
    return SchemaError(
        "ONEGRID_DATABASE_URL 不是 PostgreSQL 地址。",
        "ONEGRID_DATABASE_URL is no PostgreSQL URL",
        remedy="例如: postgresql://用户:口令@主机:5432/数据库",
    )


@cache
def get_engine() -> Engine:
    """Return the engine of this process, with the database running and its tables at this program's revision.

    The embedded database is started on first use, and stopped when the last process that uses it ends.

    Raises
    ------
    StoreError
        The database cannot be started or reached, or its tables are newer than this program.
    """
    url = get_settings().database_url
    if url is None:
        cluster = get_cluster()
        cluster.acquire()
        engine = make_engine(cluster.url)
        atexit.register(_leave, engine, cluster)
    else:
        engine = make_engine(url)
    try:
        ensure(engine)
    except OperationalError as error:
        raise StoreError(
            "无法连接数据库。",
            f"cannot connect to the database: {str(error.orig).strip()}",
            remedy="请检查 ONEGRID_DATABASE_URL、网络和数据库服务是否已启动。",
        ) from error
    return engine


def _leave(engine: Engine, cluster: Cluster) -> None:
    engine.dispose()
    cluster.release()


@contextmanager
def session() -> Iterator[Session]:
    """Open a session and one transaction: committed at the end, rolled back by an exception."""
    with Session(get_engine()) as opened, opened.begin():
        yield opened
