"""Backup and restore of the whole database, embedded or not, by PostgreSQL's own ``pg_dump`` and ``pg_restore``.

A backup file appears under its name only when it is complete. A restore goes into a database of its own first and takes
the old one's place only when everything is in it and its tables are known to this program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from api.settings import get_settings
from api.store.binaries import find_binaries
from api.store.cluster import Cluster
from api.store.engine import get_cluster, make_engine
from api.store.errors import BackupError, DiskFullError
from api.store.schema import HEAD, current, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import URL, Connection

SIGNATURE = b"PGDMP"
"""First bytes of a file in pg_dump's custom format."""

SHOWN = 1500
"""Characters of a program's complaint that a message quotes."""


@dataclass(frozen=True)
class BackupReport:
    """A backup as written: where, how large, and of which revision of the tables."""

    path: Path
    size_bytes: int
    revision: str


@contextmanager
def _server() -> Iterator[tuple[URL, int | None]]:
    """Yield the URL of the database and the major version of the embedded server, which runs meanwhile."""
    url = get_settings().database_url
    if url is not None:
        yield make_url(url).set(drivername="postgresql+psycopg"), None
        return
    cluster: Cluster = get_cluster()
    holder = Cluster(cluster.home, cluster.extra)  # its own mark of use, beside the process's
    holder.acquire()
    try:
        yield make_url(holder.url), holder.major
    finally:
        holder.release()


def _run(program: str, major: int | None, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's clients on a database, its password in the environment rather than in the list."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    command = [find_binaries(major).path(program), "--dbname", plain, *arguments]
    result = subprocess.run(  # noqa: S603  our own arguments, no shell
        command, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL
    )
    if result.returncode:
        if "No space left on device" in result.stderr:
            raise _disk_full()
        raise BackupError(
            f"{program} 失败，原有数据没有改动。",
            f"{program} failed: {result.stderr.strip()[-SHOWN:]}",
            remedy="请按上面的原因处理后重试。",
        )


def _disk_full() -> DiskFullError:
    return DiskFullError(
        "磁盘空间不足，原有数据没有改动。",
        "no space left on the disk",
        remedy="请清理磁盘或换一个磁盘后重试。",
    )


def backup(path: Path) -> BackupReport:
    """Write the whole database to one file, atomically.

    Parameters
    ----------
    path
        The file; replaced if it exists.

    Raises
    ------
    BackupError
        The folder is missing, or the program failed; a file of that name stays as it was.
    DiskFullError
        There is too little space.
    """
    target = path.absolute()
    if not target.parent.is_dir():
        raise BackupError(
            f"备份目录不存在: {target.parent}", f"no such folder: {target.parent}", remedy="请先建立该目录。"
        )
    with _server() as (url, major):
        engine = create_engine(url)
        with engine.connect() as connection:
            revision = current(connection)
            size = int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        engine.dispose()
        if revision is None:
            raise BackupError(
                "数据库里没有 OneGrid 的数据，无需备份。", "the database has no tables of OneGrid"
            )
        # Compressed, a dump takes well under half of the database; indexes are not in it at all.
        if shutil.disk_usage(target.parent).free < size // 2:
            raise _disk_full()
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
        try:
            _run(
                "pg_dump", major, url, "--format=custom", "--no-owner", "--no-privileges", f"--file={partial}"
            )
            with partial.open("rb+") as written:
                os.fsync(written.fileno())
            partial.chmod(0o600)  # it holds personal data
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return BackupReport(target, target.stat().st_size, revision)


def restore(path: Path) -> str:
    """Put a backup in the place of the present database; return the revision that the backup had.

    Everything is restored into a new database, brought to this program's revision, and only then swapped in. Whoever is
    connected to the old one is disconnected at that moment.

    Raises
    ------
    BackupError
        The file is no backup or is damaged, or this user may not make databases. The present data stays.
    SchemaError
        The backup is from a newer program.
    """
    try:
        with path.open("rb") as opened:
            known = opened.read(len(SIGNATURE)) == SIGNATURE
    except OSError as error:
        raise BackupError(
            f"无法读取备份文件 {path}: {error.strerror}。", f"cannot read {path}: {error}"
        ) from error
    if not known:
        raise BackupError(
            f"{path} 不是 OneGrid 的备份文件。",
            f"{path} is no pg_dump file",
            remedy="请选择 onegrid db backup 写出的文件。",
        )
    with _server() as (url, major):
        name = str(url.database)
        fresh = f"{name}_restore_{uuid.uuid4().hex[:8]}"
        maintenance = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        try:
            with maintenance.connect() as connection:
                _create(connection, fresh)
                try:
                    revision = _fill(url.set(database=fresh), major, path)
                    _swap(connection, name, fresh)
                finally:
                    connection.execute(text(f'DROP DATABASE IF EXISTS "{fresh}" WITH (FORCE)'))
        finally:
            maintenance.dispose()
    return revision


def _create(connection: Connection, name: str) -> None:
    try:
        connection.execute(text(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"))
    except DBAPIError as error:
        raise BackupError(
            "当前数据库用户无权新建数据库，不能恢复。",
            f"cannot create a database: {str(error.orig).strip()}",
            remedy="请由数据库管理员授予 CREATEDB 权限，或手工用 pg_restore 恢复。",
        ) from error


def _fill(url: URL, major: int | None, path: Path) -> str:
    _run("pg_restore", major, url, "--no-owner", "--no-privileges", "--exit-on-error", str(path.absolute()))
    engine = make_engine(url.render_as_string(hide_password=False))
    try:
        with engine.connect() as connection:
            revision = current(connection)
        if revision is None:
            raise BackupError(f"{path} 里没有 OneGrid 的表。", f"{path} holds no tables of OneGrid")
        if revision != HEAD:
            upgrade(engine)
        with engine.begin() as connection:
            connection.execute(text("ANALYZE"))
    finally:
        engine.dispose()
    return revision


def _swap(connection: Connection, name: str, fresh: str) -> None:
    """Let the fresh database take the name of the old one, which goes."""
    former = f"{name}_former_{uuid.uuid4().hex[:8]}"
    connection.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
        ),
        {"name": name},
    )
    connection.execute(text(f'ALTER DATABASE "{name}" RENAME TO "{former}"'))
    try:
        connection.execute(text(f'ALTER DATABASE "{fresh}" RENAME TO "{name}"'))
    except DBAPIError:
        connection.execute(text(f'ALTER DATABASE "{former}" RENAME TO "{name}"'))
        raise
    connection.execute(text(f'DROP DATABASE "{former}" WITH (FORCE)'))
