"""The state of the tables: which revision a database has, and bringing it to this program's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.store.errors import SchemaError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

HEAD = "0011"
"""Newest revision. Stated here so that an ordinary start need not import Alembic; a test compares it."""

POSTGIS_MIN = (3, 3)

MIGRATION_LOCK = 0x6F6E6567  # "oneg": key of the advisory lock that one migrating process holds


def is_ours(
    item: Any,  # noqa: ANN401  whatever Alembic found
    name: str | None,
    kind: str,
    reflected: bool,  # noqa: FBT001  Alembic's signature
    compare_to: Any,  # noqa: ANN401
) -> bool:
    """Tell Alembic which objects are OneGrid's: not PostGIS's tables."""
    del item
    return not (kind == "table" and reflected and compare_to is None and name == "spatial_ref_sys")


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration, built here rather than in an ``alembic.ini``."""
    from alembic.config import Config  # noqa: PLC0415  slow to import, rarely needed

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def current(connection: Connection) -> str | None:
    """Return the revision of the database, None when OneGrid's tables are not there."""
    known = connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    return connection.scalar(text("SELECT version_num FROM alembic_version")) if known else None


def check_postgis(connection: Connection) -> str:
    """Return the version of PostGIS, installing the extensions when they are available.

    Raises
    ------
    SchemaError
        PostGIS is missing, too old, or may not be installed by this user.
    """
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS postgis"))
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    except DBAPIError as error:
        raise SchemaError(
            "数据库没有 PostGIS 或 pg_trgm 扩展，当前用户也不能安装。",
            f"the extensions postgis and pg_trgm are missing: {str(error.orig).strip()}",
            remedy="请安装 PostGIS 后由数据库管理员执行: CREATE EXTENSION postgis; CREATE EXTENSION pg_trgm;",
        ) from error
    found = str(connection.scalar(text("SELECT postgis_lib_version()")))
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if numbers < POSTGIS_MIN:
        wanted = ".".join(map(str, POSTGIS_MIN))
        raise SchemaError(
            f"PostGIS {found} 太旧，需要 {wanted} 或更新。",
            f"PostGIS {found} is older than {wanted}",
            remedy="请升级 PostGIS，或不设置 ONEGRID_DATABASE_URL 而使用内置数据库。",
        )
    return found


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to a revision, in one transaction; of several processes, one does it and the others wait.

    Raises
    ------
    SchemaError
        The database is newer than this program, or has no PostGIS.
    """
    from alembic import command  # noqa: PLC0415  slow to import, rarely needed

    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        if revision == "head" and current(connection) == HEAD:
            return
        check_postgis(connection)
        _refuse_newer(connection)
        command.upgrade(alembic_config(connection), revision)


def ensure(engine: Engine) -> None:
    """Bring the tables to this program's revision; a query when they are there already."""
    with engine.connect() as connection:
        if current(connection) == HEAD:
            return
    upgrade(engine)


def _refuse_newer(connection: Connection) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    found = current(connection)
    known = {
        script.revision for script in ScriptDirectory.from_config(alembic_config(connection)).walk_revisions()
    }
    if found is not None and found not in known:
        raise SchemaError(
            f"数据库的结构版本 ({found}) 比本程序 ({HEAD}) 新，为避免损坏数据，不予打开。",
            f"the database has revision {found}, newer than this program's {HEAD}",
            remedy="请升级 OneGrid，或用升级前的备份恢复 (onegrid db restore)。",
        )
