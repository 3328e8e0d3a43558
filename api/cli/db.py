"""``onegrid db``: the database itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import err, new_app, out, say, table
from api.settings import get_settings
from api.store import backups
from api.store.engine import database_status, get_cluster, get_engine
from api.store.errors import StoreError

db = new_app("数据库: 启动、停止、状态、备份、恢复、升级")

ExistingFile = Annotated[Path, typer.Argument(help="备份文件", exists=True, dir_okay=False)]
NewFile = Annotated[Path, typer.Argument(help="写到哪个文件")]
Yes = Annotated[bool, typer.Option("--yes", help="不再询问")]


def _embedded_only() -> None:
    if get_settings().database_url is not None:
        raise StoreError(
            "设置了 ONEGRID_DATABASE_URL，使用的不是内置数据库。",
            "ONEGRID_DATABASE_URL is set: the database is not OneGrid's own",
            remedy="请在那台数据库服务器上启动或停止它。",
        )


@db.command(help="启动内置数据库，并让它一直运行到 stop")
def start() -> None:
    """Start the embedded database and let it run until ``stop``."""
    _embedded_only()
    with err.status("启动内置数据库…"):
        cluster = get_cluster()
        get_engine()
        cluster.keep()
    say(f"内置数据库正在运行: {cluster.data}")


@db.command(help="停止内置数据库")
def stop() -> None:
    """Stop the embedded database."""
    _embedded_only()
    cluster = get_cluster()
    if cluster.pid is None:
        say("内置数据库没有在运行。")
        return
    cluster.stop()
    say("内置数据库已停止。")


@db.command(help="显示数据库的位置、版本、大小")
def status() -> None:
    """Show where the database is, its versions and size."""
    rows = [(line.name, line.value) for line in database_status()]
    out.print(table("数据库", ("项目", "值"), rows))


@db.command(help="把数据库结构升级到本程序的版本")
def migrate() -> None:
    """Bring the tables to this program's revision."""
    with err.status("升级数据库结构…"):
        get_engine()
    say("数据库结构已是最新。")


@db.command(help="备份整个数据库到一个文件")
def backup(file: NewFile) -> None:
    """Write the whole database to one file."""
    with err.status("备份…"):
        report = backups.backup(file)
    say(f"已备份到 {report.path} ({report.size_bytes / 2**20:,.1f} MB)。文件含个人信息，请妥善保管。")


@db.command(help="用备份文件替换现有数据库的全部内容")
def restore(file: ExistingFile, *, yes: Yes = False) -> None:
    """Put a backup in the place of the present database."""
    if not yes:
        typer.confirm("现有数据将全部被备份文件的内容替换，继续吗？", abort=True)
    with err.status("恢复…"):
        backups.restore(file)
    say("已恢复。")


def register(app: typer.Typer) -> None:
    """Add ``onegrid db``."""
    app.add_typer(db, name="db")
