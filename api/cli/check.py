"""``onegrid check``: the faults of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.assign import Version
from api.cli.console import out, progress_bar, say, table
from api.store import checks
from api.store.engine import session
from api.store.findings import FAULT_NAMES

if TYPE_CHECKING:
    import geopandas as gpd
    from rich.table import Table

SEVERITY_NAMES = {"error": "错误", "warning": "提示"}


def check(
    version: Version,
    *,
    limit: Annotated[int, typer.Option(help="最多列出几处")] = 30,
    fail: Annotated[bool, typer.Option("--fail", help="有错误时以状态码 2 结束 (供脚本使用)")] = False,
) -> None:
    """Find the faults of every level of a version."""
    with progress_bar(f"检查 {version}") as progress, session() as opened:
        report = checks.check(opened, version, progress)
        faults = checks.list_faults(opened, version)
    if len(faults):
        out.print(faults_table(report.version, faults, limit))
    say(f"{report.version}: {report.errors} 处错误，{report.warnings} 处提示。")
    if fail and report.errors:
        raise typer.Exit(2)


def faults_table(version: str, faults: gpd.GeoDataFrame, limit: int) -> Table:
    """Return the first faults, numbered as on the map."""
    shown = faults.head(limit)
    columns = (shown[name] for name in ("number", "level", "kind", "severity", "message"))
    body = [
        (
            str(number),
            level,
            f"{FAULT_NAMES.get(kind, kind)} ({SEVERITY_NAMES[severity]})",
            f"{message} 位置 {place.x:.6f},{place.y:.6f}",
        )
        for number, level, kind, severity, message, place in zip(
            *columns, shown.geometry.representative_point(), strict=True
        )
    ]
    left = f" (共 {len(faults)} 处，列前 {limit} 处)" if len(faults) > limit else ""
    return table(f"{version} 检查结果{left}", ("号", "层级", "种类", "说明"), body)


def register(app: typer.Typer) -> None:
    """Add ``onegrid check``."""
    app.command(help="检查一个版本各层级的缺口、重叠、缝隙等")(check)
