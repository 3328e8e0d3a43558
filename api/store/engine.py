"""The database of this process: the embedded one, or the one that ``ONEGRID_DATABASE_URL`` names."""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from api.settings import get_settings
from api.store.cluster import Cluster
from api.store.errors import SchemaError, StoreError
from api.store.schema import HEAD, current, ensure

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
        raise _unreachable(error) from error
    return engine


def _leave(engine: Engine, cluster: Cluster) -> None:
    engine.dispose()
    cluster.release()


@dataclass(frozen=True)
class StatusLine:
    """One line of ``onegrid db status``."""

    name: str
    value: str


def database_status() -> list[StatusLine]:
    """Describe the database without starting, migrating or otherwise changing it."""
    url = get_settings().database_url
    lines: list[StatusLine] = []
    if url is None:
        cluster = get_cluster()
        running = cluster.pid is not None and cluster.ready()
        made = f"PostgreSQL {cluster.major}" if cluster.exists else "尚未建立"
        lines += [
            StatusLine("方式", "内置"),
            StatusLine("数据目录", f"{cluster.data} ({made})"),
            StatusLine("状态", f"运行中 (进程 {cluster.pid})" if running else "已停止"),
        ]
        if not running:
            return lines
        engine = make_engine(cluster.url)
    else:
        engine = make_engine(url)
        lines.append(StatusLine("方式", f"外部: {engine.url.render_as_string(hide_password=True)}"))
    try:
        with engine.connect() as connection:
            row = connection.execute(
                text(
                    """SELECT current_setting('server_version') AS server,
                              (SELECT installed_version FROM pg_available_extensions WHERE name = 'postgis') AS postgis,
                              pg_size_pretty(pg_database_size(current_database())) AS size"""
                )
            ).one()
            revision = current(connection)
    except OperationalError as error:
        raise _unreachable(error) from error
    finally:
        engine.dispose()
    state = "最新" if revision == HEAD else f"本程序需要 {HEAD}"
    return [
        *lines,
        StatusLine("PostgreSQL", row.server),
        StatusLine("PostGIS", row.postgis or "未安装"),
        StatusLine("大小", row.size),
        StatusLine("结构版本", f"{revision} ({state})" if revision else "尚未建表"),
    ]


def _unreachable(error: OperationalError) -> StoreError:
    return StoreError(
        "无法连接数据库。",
        f"cannot connect to the database: {str(error.orig).strip()}",
        remedy="请检查 ONEGRID_DATABASE_URL、网络和数据库服务是否已启动。",
    )


def published_territories() -> set[str]:
    """Return the codes of the territories that have a published version."""
    with get_engine().connect() as connection:
        return set(
            connection.scalars(
                text(
                    """SELECT t.code FROM territory t
                       WHERE EXISTS (SELECT FROM version v WHERE v.territory_id = t.id AND v.status = 'published')"""
                )
            )
        )


@contextmanager
def session() -> Iterator[Session]:
    """Open a session and one transaction: committed at the end, rolled back by an exception."""
    with Session(get_engine()) as opened, opened.begin():
        yield opened
