"""``onegrid site``: where the next service stations should stand."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli.assign import Version
from api.cli.console import out, progress_bar, say, table
from api.settings import get_settings
from api.store.engine import session
from api.store.sitings import choose_stations
from geo import files
from geo.records import SUBJECT_NAMES


class Goal(StrEnum):
    """What a choice is best at."""

    coverage = "coverage"
    walk = "walk"


def site(
    version: Version,
    *,
    count: Annotated[int, typer.Option("--count", "-n", help="新建几个服务站", min=1)] = 1,
    goal: Annotated[
        Goal, typer.Option(help="目标: coverage 覆盖户数最多 / walk 步行总路程最短")
    ] = Goal.coverage,
    minutes: Annotated[float, typer.Option(help="步行几分钟以内算覆盖", min=1)] = 15.0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="把选中的点写到文件 (.xlsx .gpkg .geojson …)")
    ] = None,
) -> None:
    """Choose places for new stations along the streets, beside those that stand."""
    with progress_bar(f"选址 {version}") as progress, session() as opened:
        report = choose_stations(
            opened,
            version,
            count,
            progress,
            goal=goal.value,
            minutes=minutes,
            walk_speed_mps=get_settings().walk_speed_mps,
        )
    rows = [
        (number, row.code, SUBJECT_NAMES[row.kind], row.name or "—", row.address or "—")
        for number, row in enumerate(report.chosen.itertuples(), start=1)
    ]
    out.print(table(f"{report.version} 建议新建的服务站", ("序号", "编码", "类别", "名称", "地址"), rows))
    say(
        f"{minutes:g} 分钟覆盖 {report.reached_before:,} → {report.reached:,} 户 (共 {report.total:,} 户)。"
        + ("已证明没有更好的选择。" if report.gap == 0 else f"更好的选择最多再好 {report.gap:.1%}。")
    )
    say(
        f"核对: 覆盖 {report.reached:,} + 步行超过 {minutes:g} 分钟 {report.beyond:,}"
        f" + 附近没有道路 {report.off_streets:,} + 没有位置 {report.unlocated:,} = {report.total:,} 户。"
    )
    if output is not None:
        files.write(report.chosen, output)
        say(f"已写入 {output}。")


def register(app: typer.Typer) -> None:
    """Add ``onegrid site``."""
    app.command(help="在路网上为新服务站选址: 覆盖最多的户，或总路程最短")(site)
