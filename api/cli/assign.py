"""``onegrid assign``: subjects to zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import out, progress_bar, table
from api.store import assignments
from api.store.engine import session
from geo.records import SUBJECT_NAMES

if TYPE_CHECKING:
    from rich.table import Table

Version = Annotated[str, typer.Argument(help="版本号，例如 monaco-v1；写辖区编码则取其最新版本")]


def assign(
    version: Version,
    *,
    based_on: Annotated[
        str | None, typer.Option(help="增量分配: 以另一个已分配的版本为基础，只重新定位可能变动的对象")
    ] = None,
) -> None:
    """Assign every subject of a version to the zones of every level."""
    with progress_bar(f"分配 {version}") as progress, session() as opened:
        if based_on is None:
            report = assignments.assign(opened, version, progress)
        else:
            report = assignments.reassign(opened, version, based_on, progress)
    out.print(reconciliation_table(report.version, report.reconciliation))


def reconciliation_table(version: str, rows: list[dict[str, Any]]) -> Table:
    """Return the reconciliation: assigned and unassigned add up to the total (law 2)."""
    headers = ("层级", "类别", "总数", "已分配", "辖区外", "在缺口内", "无位置", "位置无效")
    names = ("total", "assigned", "outside", "gap", "no_location", "bad_location")
    body = [
        (row["level"], SUBJECT_NAMES.get(row["kind"], row["kind"]), *(row[name] for name in names))
        for row in rows
    ]
    return table(f"{version} 分配核对", headers, body, numbers=2)


def register(app: typer.Typer) -> None:
    """Add ``onegrid assign``."""
    app.command(help="把一个版本的全部管理对象分配到各层级网格，并核对")(assign)
