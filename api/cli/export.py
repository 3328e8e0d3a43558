"""``onegrid export``: zones, faults or circles of a version to a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli.assign import Version
from api.cli.console import progress_bar, say
from api.cli.sources import level_code
from api.store import exports
from api.store.engine import session
from geo import files


class What(StrEnum):
    """What to export."""

    zones = "zones"
    faults = "faults"
    circles = "circles"
    stations = "stations"
    counts = "counts"


def export(
    version: Version,
    file: Annotated[Path, typer.Argument(help="写到哪个文件: .geojson .gpkg .parquet .csv .xlsx .shp")],
    *,
    what: Annotated[What, typer.Option(help="导出内容")] = What.zones,
    level: Annotated[str | None, typer.Option(help="只导出一个层级的网格")] = None,
) -> None:
    """Write what a version holds to a file; its format follows the file's suffix."""
    with progress_bar(f"导出 {version}") as progress, session() as opened:
        progress(0.1, "读取")
        level = level_code(opened, version, level)
        frame = exports.read_export(opened, version, what.value, level=level)
        progress(0.6, "写出")
        files.write(frame, file)
    say(f"已写出 {file}: {len(frame):,} 行。")


def register(app: typer.Typer) -> None:
    """Add ``onegrid export``."""
    app.command(help="导出一个版本的网格、检查结果、服务圈、服务站或统计")(export)
