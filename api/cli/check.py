"""``onegrid check``: the faults of a version, or of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import out, progress_bar, say, table
from api.cli.sources import (
    IN_DATABASE,
    OF_FILES,
    Boundary,
    Declared,
    Exceptions,
    Level,
    Reading,
    Subjects,
    SubjectsDeclared,
    TableName,
    is_file,
    level_code,
    read_area,
    read_areas,
    read_streets,
    read_subjects,
    read_zones,
    refuse_same_file,
    save,
)
from api.cli.usage import FAULTY, refuse_idle
from api.store import checks
from api.store.engine import session
from api.store.findings import FAULT_NAMES
from geo import files
from geo.coverage import find_faults
from geo.records import LEVELS

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from rich.table import Table

SEVERITY_NAMES = {"error": "错误", "warning": "提示"}


def check(  # noqa: PLR0913  options of a command
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="版本号 (或辖区编码，取其最新版本)，或网格文件")],
    *,
    limit: Annotated[int, typer.Option(help="最多列出几处", min=0)] = 30,
    fail: Annotated[bool, typer.Option("--fail", help="有错误时以状态码 3 结束 (供脚本使用)")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="结果文件 .gpkg .xlsx .geojson (文件默认写 <文件名>.faults.gpkg)"
        ),
    ] = None,
    declared: Declared = None,
    level: Level = None,
    table_name: TableName = None,
    boundary: Boundary = None,
    parents: Annotated[Path | None, typer.Option(help="上级网格文件 (例如社区)")] = None,
    exceptions: Exceptions = None,
    subjects: Subjects = None,
    subjects_declared: SubjectsDeclared = None,
    streets: Annotated[
        Path | None, typer.Option(help="文件: 不应穿过网格的高速、铁路、河流 (道路文件里只看这几类)")
    ] = None,
) -> None:
    """Find the faults of every level of a version, or of the zones of a file."""
    if output is not None:
        files.require_writable(output)
    if is_file(source):
        path, reading = Path(source), Reading(declared, table_name, level)
        refuse_same_file(output, path, boundary, parents, exceptions, subjects, streets)
        with progress_bar(f"检查 {path.name}") as progress:
            progress(0.0, "读取网格")
            zones = read_zones(path, reading, lenient=True)
            others = Reading(fallback=declared)
            progress(0.3, f"检查 {len(zones):,} 个网格")
            faults = find_faults(
                zones,
                read_area(boundary, others),
                parents=None if parents is None else read_zones(parents, others),
                exceptions=read_areas(exceptions, others),
                subjects=read_subjects(subjects, replace(others, declared=subjects_declared)),
                barriers=read_streets(streets, others),
                noun=LEVELS[zones["level"].iloc[0]].name,
            )
        title = path.name
        faults.insert(0, "number", range(1, len(faults) + 1))
        faults.insert(1, "level", zones["level"].iloc[0])
        usual = path.with_name(f"{path.stem}.faults.gpkg")
        if output is None and (len(faults) or usual.exists()):  # what an earlier check found is no longer so
            output = usual
    else:
        refuse_idle(context, OF_FILES, "只用于文件", IN_DATABASE)
        with progress_bar(f"检查 {source}") as progress, session() as opened:
            level = level_code(opened, source, level)
            title = checks.check(opened, source, progress).version
            faults = checks.list_faults(opened, title)
        if level is not None:
            faults = faults[faults["level"] == level].reset_index(drop=True)
    _show(title, faults, limit)
    if output is not None:
        save({"faults": faults, "summary": summary(faults)}, output, "faults")
    if fail and (faults["severity"] == "error").any():
        raise typer.Exit(FAULTY)


def _show(title: str, faults: gpd.GeoDataFrame, limit: int) -> None:
    if len(faults):
        out.print(faults_table(title, faults, limit))
        headers = ("种类", "程度", "处数", "面积 m²", "最宽 m")
        body = [
            (
                row["name"],
                SEVERITY_NAMES[row["severity"]],
                row["count"],
                f"{row['area_m2']:,.1f}",
                f"{row['width_m']:,.2f}",
            )
            for row in summary(faults).to_dict("records")
        ]
        out.print(table(f"{title} 汇总", headers, body, numbers=2))
    errors = int((faults["severity"] == "error").sum())
    say(f"{title}: {errors} 处错误，{len(faults) - errors} 处提示。")


def summary(faults: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return how many faults there are of each kind, in the order of their gravity."""
    grouped = faults.groupby(["kind", "severity"], sort=False)
    sums = grouped.agg(count=("number", "size"), area_m2=("area_m2", "sum"), width_m=("width_m", "max"))
    made: pd.DataFrame = sums.reset_index()
    made.insert(1, "name", [FAULT_NAMES.get(kind, kind) for kind in made["kind"]])
    return made


def faults_table(version: str, faults: gpd.GeoDataFrame, limit: int) -> Table:
    """Return the first faults, numbered as on the map."""
    shown = faults.head(limit)
    columns = (shown[name] for name in ("number", "level", "kind", "severity", "message"))
    body = [
        (
            str(number),
            level,
            f"{FAULT_NAMES.get(kind, kind)} ({SEVERITY_NAMES[severity]})",
            message if place.is_empty else f"{message} 位置 {place.x:.6f},{place.y:.6f}",
        )
        for number, level, kind, severity, message, place in zip(
            *columns, shown.geometry.representative_point(), strict=True
        )
    ]
    left = f" (共 {len(faults)} 处，列前 {limit} 处)" if len(faults) > limit else ""
    return table(f"{version} 检查结果{left}", ("号", "层级", "种类", "说明"), body)


def register(app: typer.Typer) -> None:
    """Add ``onegrid check``."""
    app.command(help="检查一个版本各层级 (或一个网格文件) 的缺口、重叠、缝隙等")(check)
