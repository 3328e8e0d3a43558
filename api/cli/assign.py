"""``onegrid assign``: subjects to zones, of a version or of files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import typer

from api.cli.console import out, progress_bar, say, show_faults, table, warn
from api.cli.sources import (
    Boundary,
    Columns,
    Declared,
    Encoding,
    Reading,
    SheetName,
    is_file,
    read_area,
    read_zones,
    refuse_same_file,
    spark_session,
)
from api.cli.usage import refuse_idle
from api.store import assignments
from api.store.engine import session
from api.store.refusals import InvalidRequestError
from geo import files
from geo.assignment import ZoneIndex, explain, reconcile, subject_points, territory_index
from geo.records import SUBJECT_NAMES, UNASSIGNED_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table
    from shapely import MultiPolygon, Polygon

Version = Annotated[str, typer.Argument(help="版本号，例如 monaco-v1；写辖区编码则取其最新版本")]


_OF_TABLES = ("column", "encoding", "sheet", "skip_bad_rows")
"""Options about subjects that Spark does not heed: its files are Parquet, with the columns that it knows."""

REASON_NAMES = ("", *UNASSIGNED_NAMES.values())
"""By the codes of ``geo.assignment.explain``."""


class Engine(StrEnum):
    """Where the work is done."""

    local = "local"
    spark = "spark"


def assign(  # noqa: PLR0913  options of a command
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="版本号 (或辖区编码，取其最新版本)，或管理对象文件 (与 --zones 合用)")
    ],
    *,
    based_on: Annotated[
        str | None, typer.Option(help="增量分配: 以另一个已分配的版本为基础，只重新定位可能变动的对象")
    ] = None,
    zones: Annotated[Path | None, typer.Option(help="网格文件: 把文件里的管理对象分配到这些网格")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="结果文件 (默认 <文件名>.assigned.csv)；spark 时为文件夹"),
    ] = None,
    declared: Declared = None,
    zones_declared: Annotated[
        str | None,
        typer.Option("--zones-crs", help="网格文件的坐标系 (默认取文件自带的；文件未注明则同 --crs)"),
    ] = None,
    level: Annotated[str | None, typer.Option(help="网格文件里有几个层级时，分配到哪一个，例如 grid")] = None,
    table_name: Annotated[
        str | None, typer.Option("--table", help="网格文件 (GeoPackage) 里的图层名，或 .zip 里的文件名")
    ] = None,
    boundary: Boundary = None,
    sheet: SheetName = None,
    encoding: Encoding = None,
    column: Columns = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="跳过坏行，写到 <文件名>.rejected.csv")
    ] = False,
    engine: Annotated[
        Engine, typer.Option(help="spark: 用 Spark 集群处理 GeoParquet 文件或文件夹")
    ] = Engine.local,
    master: Annotated[str | None, typer.Option(help="Spark 主节点，例如 spark://… 或 local[4]")] = None,
) -> None:
    """Assign every subject of a version, or of a file, to the zones of every level."""
    if zones is None:
        if is_file(source):
            raise InvalidRequestError(
                "没有说明分配到哪些网格。", "--zones is missing", remedy="例如 --zones grids.gpkg。"
            )
        of_files = {option.name for option in context.command.params} - {"source", "based_on"}
        refuse_idle(
            context,
            of_files,
            "只用于文件",
            "版本的网格和管理对象取自数据库: 请去掉这些选项，或用 --zones 写明网格文件。",
        )
        _assign_version(source, based_on)
        return
    refuse_idle(context, ("based_on",), "只用于版本", "请去掉这个选项。")
    refuse_same_file(output, Path(source), zones, boundary)
    # What is declared of the subjects is not true of zones whose file says otherwise.
    reading = Reading(zones_declared, table_name, level, fallback=declared)
    if engine is Engine.spark:
        refuse_idle(
            context,
            _OF_TABLES,
            "不能与 --engine spark 合用",
            "请把数据整理成 GeoParquet，或不用 --engine spark。",
        )
        frame, area = read_zones(zones, reading), read_area(boundary, reading)
        _assign_on_spark(frame, source, output, area, declared, master)
        return
    refuse_idle(context, ("master",), "只用于 --engine spark", "请加上 --engine spark，或去掉它。")
    path = Path(source)
    target = output or path.with_name(f"{path.stem}.assigned.csv")
    files.require_writable(target)
    frame, area = read_zones(zones, reading), read_area(boundary, reading)
    job = _FileJob(frame, area)
    rejected: list[pd.DataFrame] = []
    with progress_bar(f"分配 {path.name}") as progress:
        progress(0.0, "读取管理对象")
        chunks = files.read_chunks(
            path,
            "subjects",
            declared=declared,
            columns=files.named_columns(column or (), "subjects"),
            sheet=sheet,
            encoding=encoding,
            skip_bad_rows=skip_bad_rows,
        )
        _write(job.answers(chunks, rejected), target)
    out.print(reconciliation_table(path.name, job.reconciliation()))
    say(f"已写入 {target}。")
    _show_rejected(path, rejected)


def _assign_version(version: str, based_on: str | None) -> None:
    with progress_bar(f"分配 {version}") as progress, session() as opened:
        if based_on is None:
            report = assignments.assign(opened, version, progress)
        else:
            report = assignments.reassign(opened, version, based_on, progress)
    out.print(reconciliation_table(report.version, report.reconciliation))


class _FileJob:
    """Assigns the chunks of a file and keeps the counts of all of them."""

    def __init__(self, zones: gpd.GeoDataFrame, area: Polygon | MultiPolygon | None) -> None:
        self.level = str(zones["level"].iloc[0])
        self.codes = np.array([*zones["code"], None], dtype=object)
        self.names = np.array([*zones["name"], None], dtype=object)
        self.index = ZoneIndex(zones)
        self.territory = territory_index(zones, area)
        self._counts: list[pd.DataFrame] = []

    def answers(
        self, chunks: Iterator[files.Loaded], rejected: list[pd.DataFrame]
    ) -> Iterator[gpd.GeoDataFrame]:
        """Yield each chunk with code and name of the zone of each subject, or the reason why it has none."""
        for chunk in chunks:
            for line in chunk.warnings:
                warn(line)
            if len(chunk.rejected):
                rejected.append(chunk.rejected)
            lon, lat = subject_points(chunk.frame)
            rows = self.index.locate(lon, lat)
            reasons = explain(rows, lon, lat, territory=self.territory)
            self._counts.append(reconcile({self.level: reasons}, chunk.frame["kind"]))
            given = chunk.frame.drop(columns="attributes")
            yield given.assign(
                zone=self.codes[rows], zone_name=self.names[rows], unassigned=np.array(REASON_NAMES)[reasons]
            )

    def reconciliation(self) -> list[dict[str, Any]]:
        """Return the counts of all chunks, by kind."""
        if not self._counts:
            return []
        whole = pd.concat(self._counts).groupby(["level", "kind"], sort=False).sum().reset_index()
        rows: list[dict[str, Any]] = [
            {str(name): value for name, value in row.items()} for row in whole.to_dict("records")
        ]
        return rows


def _write(parts: Iterator[gpd.GeoDataFrame], target: Path) -> None:
    """Write answers part by part as CSV, which may be larger than memory, or all at once in another format.

    In CSV a subject is a point, where it was located: parts of points and parts of shapes make one table. A bad row
    found late leaves no half.
    """
    if target.suffix.lower() != ".csv":
        files.write(pd.concat(list(parts), ignore_index=True), target)
        return
    with files.in_place_of(target) as beside, beside.open("wb") as stream:
        chunk = beside.with_name(f"{target.stem}.chunk.csv")
        for number, part in enumerate(parts):
            files.write(_as_points(part), chunk)
            text = chunk.read_bytes()
            chunk.unlink()
            stream.write(text if number == 0 else text.split(b"\n", 1)[1])


def _as_points(subjects: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the subjects as points, None where they have no place."""
    lon, lat = subject_points(subjects)
    placed = np.isfinite(lon) & np.isfinite(lat)
    points = np.full(len(subjects), None, dtype=object)
    points[placed] = shapely.points(lon[placed], lat[placed])
    return subjects.set_geometry(gpd.GeoSeries(points, index=subjects.index, crs=subjects.crs))


def _show_rejected(path: Path, rejected: list[pd.DataFrame]) -> None:
    if not rejected:
        return
    whole = pd.concat(rejected, ignore_index=True)
    beside = path.with_name(f"{path.name}.rejected.csv")
    show_faults(whole.to_dict("records"))
    files.write_rejected(whole, beside)
    warn(f"跳过 {len(whole)} 处问题，明细写在 {beside}")


def _assign_on_spark(
    zones: gpd.GeoDataFrame,
    source: str,
    output: Path | None,
    area: Polygon | MultiPolygon | None,
    declared: str | None,
    master: str | None,
) -> None:
    from geo.spark import assign_files  # noqa: PLC0415  only this engine needs it

    target = str(output) if output is not None else f"{source.rstrip('/')}.assigned"
    with progress_bar("Spark 分配") as progress, spark_session(master) as cluster:
        progress(0.1, "分配到集群")
        counts = assign_files(
            zones,
            source,
            target,
            level=str(zones["level"].iloc[0]),
            boundary=area,
            declared=declared,
            session=cluster,
        )
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in counts.to_dict("records")
    ]
    out.print(reconciliation_table(source, rows))
    say(f"已写入 {target}/ (每个分片一个文件，可断点续算)。")


def reconciliation_table(version: str, rows: list[dict[str, Any]]) -> Table:
    """Return the reconciliation: assigned and unassigned add up to the total (law 2)."""
    headers = ("层级", "类别", "总数", "已分配", *UNASSIGNED_NAMES.values())
    names = ("total", "assigned", *UNASSIGNED_NAMES)
    body = [
        (row["level"], SUBJECT_NAMES.get(row["kind"], row["kind"]), *(row[name] for name in names))
        for row in rows
    ]
    return table(f"{version} 分配核对", headers, body, numbers=2)


def register(app: typer.Typer) -> None:
    """Add ``onegrid assign``."""
    app.command(help="把一个版本 (或文件) 的全部管理对象分配到网格，并核对")(assign)
