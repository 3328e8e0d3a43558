"""``onegrid load``: files into a territory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from api.cli.console import out, progress_bar, say, show_faults, table, warn
from api.cli.sources import Columns, Encoding, Reading, SheetName, TableName, read_area
from api.store import assignments, places, register_loads, versions
from api.store.bulk import area_of
from api.store.engine import session
from geo import files
from geo.errors import FileFormatError
from geo.files.words import LEVEL_WORDS

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon
    from sqlalchemy.orm import Session

    from api.store.places import LoadReport
    from geo.records import Kind


class RecordKind(StrEnum):
    """What a file holds."""

    zones = "zones"
    subjects = "subjects"
    stations = "stations"
    addresses = "addresses"
    streets = "streets"
    register = "register"


OSM_SUFFIXES = (".pbf", ".osm")


@dataclass(frozen=True)
class NewTerritory:
    """What the command line says of a territory that is not there yet."""

    name: str | None
    boundary: Path | None
    source: str
    date: str


def load(  # noqa: PLR0913  options of a command
    file: Annotated[
        Path, typer.Argument(help="文件: .geojson .gpkg .shp .parquet .csv .xlsx，或 .osm.pbf", exists=True)
    ],
    *,
    kind: Annotated[RecordKind | None, typer.Option(help="文件内容 (除 .osm.pbf 外必填)")] = None,
    territory: Annotated[str, typer.Option(help="辖区编码，例如 zhuanqiao")],
    declared: Annotated[
        str | None,
        typer.Option("--crs", help="坐标系: EPSG:4490、EPSG:4528、GCJ-02、BD-09 …；文件未注明时必填"),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="网格所属图层，例如 grid、party")] = None,
    level: Annotated[str | None, typer.Option(help="网格所属层级，例如 community、grid")] = None,
    table_name: TableName = None,
    sheet: SheetName = None,
    encoding: Encoding = None,
    column: Columns = None,
    boundary: Annotated[
        Path | None, typer.Option(help="辖区边界文件: 辖区不存在时据此新建", exists=True)
    ] = None,
    name: Annotated[str | None, typer.Option(help="新建辖区的名称")] = None,
    source: Annotated[str, typer.Option(help="新建辖区的数据来源")] = "",
    date: Annotated[str, typer.Option(help="新建辖区的数据日期 (ISO 8601)")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="先删除辖区原有的同类数据")] = False,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="跳过坏行，写到 <文件名>.rejected.csv")
    ] = False,
    no_assign: Annotated[bool, typer.Option("--no-assign", help="加载管理对象后不重新分配")] = False,
) -> None:
    """Load one file in one transaction: all of it, or nothing and every fault at once."""
    if file.suffix.lower() in OSM_SUFFIXES:
        _load_osm(file, territory, name, replace=replace)
        return
    if kind is None:
        raise FileFormatError(
            "请用 --kind 说明文件内容。", "--kind is missing", remedy="例如 --kind subjects"
        )
    if kind is RecordKind.register:
        _load_register(file, territory, level or "grid", sheet, encoding)
        return
    content = cast("Kind", kind.value)
    options: dict[str, Any] = {
        "declared": declared,
        "columns": files.named_columns(column or (), content),
        "layer": table_name,
        "level": level,
        "sheet": sheet,
        "encoding": encoding,
        "skip_bad_rows": skip_bad_rows,
    }
    with progress_bar(f"加载 {file.name}") as progress, session() as opened:
        if not places.is_loaded(opened, territory):
            new = NewTerritory(name, boundary, source, date)
            if boundary is not None:
                whole = read_area(boundary, Reading(fallback=declared))
            elif kind is RecordKind.zones:
                whole = area_of(files.read(file, content, **options).frame.union_all())
            else:
                whole = None
            _make_territory(opened, territory, new, whole, boundary or file)
        _, area = places.levels_and_boundary(opened, territory)
        report = places.load_records(
            opened,
            territory,
            content,
            files.read_chunks(file, content, territory=area, **options),
            layer=layer,
            level=level,
            replace=replace,
            progress=progress,
            expected_rows=_rows_of(file),
        )
        places.refuse_nothing(report, content, file.name)
    _show(report, file)
    if kind is RecordKind.subjects and not no_assign:
        _assign_again(territory)


def _load_register(file: Path, territory: str, level: str, sheet: str | None, encoding: str | None) -> None:
    """Take names, kinds, staff and remarks of zones back from a register into a new draft."""
    table = files.read_table(file, sheet=sheet, encoding=encoding)
    with progress_bar(f"加载 {file.name}"), session() as opened:
        version, changed = register_loads.load_register(
            opened, territory, table, LEVEL_WORDS.get(level, level)
        )
    say(f"台账共 {len(table):,} 行，更新了 {changed:,} 个网格；网格在草稿版本 {version}。")


def _load_osm(file: Path, territory: str, name: str | None, *, replace: bool) -> None:
    with progress_bar(f"读取 {file.name}") as progress:
        progress(0.0, "解析 OpenStreetMap")
        place = files.read_osm(file, code=territory, name=name or territory)
        with session() as opened:
            report = places.load_place(opened, place, progress, replace=replace)
    _show(report, file)


def _make_territory(
    opened: Session, territory: str, options: NewTerritory, area: MultiPolygon | Polygon | None, origin: Path
) -> None:
    """Make a territory whose polygon is that of a boundary file, or of the zones to be loaded."""
    if area is None:
        raise FileFormatError(
            f"辖区“{territory}”还不存在。",
            f"no territory {territory!r}",
            remedy="请先加载它的网格 (--kind zones)，或用 --boundary 指定边界文件 (另可加 --name --source --date)。",
        )
    places.new_territory(
        opened,
        territory,
        options.name or territory,
        area,
        source=options.source or f"文件 {origin.name}",
        date=options.date or "日期未注明",
    )


def _rows_of(file: Path) -> int | None:
    """Return about how many rows a text file has, for the percentage; None for other formats."""
    if file.suffix.lower() not in {".csv", ".tsv"}:
        return None
    with file.open("rb") as opened:
        return sum(block.count(b"\n") for block in iter(lambda: opened.read(1 << 20), b""))


def _show(report: LoadReport, file: Path) -> None:
    out.print(
        table(
            f"已加载到 {report.territory}" + (f"，网格在草稿版本 {report.version}" if report.version else ""),
            ("内容", "条数"),
            [(places.KIND_NAMES[kind], count) for kind, count in report.counts.items()],
            numbers=1,
        )
    )
    for line in report.warnings:
        warn(line)
    if len(report.rejected):
        rejected = file.with_name(f"{file.name}.rejected.csv")
        show_faults(report.rejected.to_dict("records"))
        files.write_rejected(report.rejected, rejected)
        warn(f"跳过 {len(report.rejected)} 处问题，明细写在 {rejected}")


def _assign_again(territory: str) -> None:
    """Assign the versions that readers look at: new subjects are in no zone until then."""
    with session() as opened:
        codes = [each.code for each in versions.list_versions(opened, territory) if each.valid_to is None]
    for code in codes[:2]:
        with progress_bar(f"分配 {code}") as progress, session() as opened:
            counted = places.counts_of(opened, territory)
            if counted["zones"]:
                assignments.assign(opened, code, progress)
                say(f"已重新分配 {code}。")


def register(app: typer.Typer) -> None:
    """Add ``onegrid load``."""
    app.command(help="加载文件: 网格、管理对象、服务站、地址、道路，或 OpenStreetMap 数据")(load)
