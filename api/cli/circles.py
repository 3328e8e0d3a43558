"""``onegrid circles``: service circles of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.assign import Version
from api.cli.console import out, progress_bar, table
from api.settings import get_settings
from api.store import circles as store
from api.store.engine import session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from api.store.circles import CoverageLine


def circles(
    version: Version,
    *,
    walk_speed_mps: Annotated[
        float | None,
        typer.Option("--speed", help="步行速度 (米/秒)，默认取设置 ONEGRID_WALK_SPEED_MPS", min=0.1),
    ] = None,
) -> None:
    """Draw the 5, 10 and 15 minutes' circles of each station along the streets."""
    speed = walk_speed_mps if walk_speed_mps is not None else get_settings().walk_speed_mps
    with progress_bar(f"服务圈 {version}") as progress, session() as opened:
        report = store.compute_circles(opened, version, progress, walk_speed_mps=speed)
    out.print(
        coverage_table(
            f"{report.version} 服务圈: {report.stations} 个服务站, 步速 {speed} 米/秒", report.coverage
        )
    )


def coverage_table(title: str, lines: Iterable[CoverageLine]) -> Table:
    """Return how many households all stations together reach."""
    body = [
        (
            f"{line.minutes} 分钟",
            line.households_reached,
            line.households_total,
            "未知" if line.share is None else f"{line.share:.1%}",
        )
        for line in lines
    ]
    return table(title, ("步行", "覆盖户数", "总户数", "覆盖率"), body, numbers=1)


def register(app: typer.Typer) -> None:
    """Add ``onegrid circles``."""
    app.command(help="沿道路计算各服务站 5/10/15 分钟服务圈及覆盖户数")(circles)
