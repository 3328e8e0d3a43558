"""``onegrid fuse``: 多格合一, of files or of a version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import out, progress_bar, say, table, warn
from api.cli.sources import (
    Boundary,
    Declared,
    Reading,
    SubjectsDeclared,
    is_file,
    read_area,
    read_polygons,
    read_streets,
    read_subjects,
    read_zones,
    refuse_same_file,
    save,
)
from api.cli.usage import refuse_idle
from api.store import adoptions, audit, fusions, plans, stored_fusions
from api.store.engine import session
from api.store.refusals import InvalidRequestError
from api.store.versions import get_version
from geo.errors import FileFormatError, MixedReferenceError
from geo.fusion import KINDS, Fusion, FusionProfile
from geo.fusion import fuse as fuse_layers
from geo.records import LAYER_NAMES
from maps.fusion import FusionReport, write_fusion

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

CONFLICTS_SHOWN = 20

_OF_FILES = ("declared", "boundary", "estates", "buildings", "streets", "subjects", "subjects_declared")
_OF_FUSING = ("leading", "pin", "households", "noise", "within")


def fuse(  # noqa: PLR0913  options of a command
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            help="一个版本号 (或辖区编码)，或各条线的文件: party=党建.gpkg order=综治.geojson …；"
            "一个文件里有几个图层或层级时，取与条线同名的那个"
        ),
    ],
    *,
    layers: Annotated[
        str | None, typer.Option(help="版本: 要合并的图层，例如 party,order,civil,urban")
    ] = None,
    leading: Annotated[
        str | None, typer.Option(help="主导图层: 有分歧时以它为准；不写则由各图层表决")
    ] = None,
    pin: Annotated[list[str] | None, typer.Option(help="固定单元: 单元号=主导图层的网格编码")] = None,
    households: Annotated[str, typer.Option(help="每格户数上下限，例如 300-500；none 为不限")] = "300-500",
    noise: Annotated[float, typer.Option(help="窄于此 (米) 的差别视为描绘误差", min=0.0)] = 10.0,
    adopt: Annotated[
        str | None,
        typer.Option(
            help="版本: 把结果变成这个名称的方案，可在网页上查看、修改、发布；不写 --layers 则采用已有的结果"
        ),
    ] = None,
    level: Annotated[str, typer.Option(help="--adopt: 新网格替换哪一层级的网格")] = "grid",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="结果 .gpkg: 单元、新旧对照、分歧、方案，并写同名 .xlsx (汇总、新旧对照、分歧、新网格)；可只写 .xlsx",
        ),
    ] = None,
    declared: Declared = None,
    boundary: Boundary = None,
    within: Annotated[
        str | None, typer.Option(help="新网格不得跨越的上级: 版本写层级 (community)，文件写文件名")
    ] = None,
    estates: Annotated[Path | None, typer.Option(help="文件: 不得切割的小区 (面)")] = None,
    buildings: Annotated[Path | None, typer.Option(help="文件: 不得切割的楼栋 (面)")] = None,
    streets: Annotated[Path | None, typer.Option(help="文件: 边界宜沿的道路")] = None,
    subjects: Annotated[Path | None, typer.Option(help="文件: 管理对象，统计户数和人数")] = None,
    subjects_declared: SubjectsDeclared = None,
) -> None:
    """Reconcile departments' grids into one proposal, and say where they disagree."""
    profile = FusionProfile(households=_range(households), noise_width_m=noise)
    pins = dict(_pin(each) for each in pin or ())
    if any("=" in each or is_file(each) for each in sources):
        refuse_idle(
            context,
            ("layers", "adopt"),
            "只用于版本",
            "请先用 onegrid load 把各条线网格载入同一版本，再对版本融合。",
        )
        title = "多格合一"
        named = _named_files(sources)
        others = Reading(fallback=declared)
        refuse_same_file(output, *named.values(), boundary, estates, buildings, streets, subjects)
        with progress_bar(title) as progress:
            progress(0.0, "读取各条线网格")
            frames = {name: _zones(name, path, Reading(declared)) for name, path in named.items()}
            progress(0.2, f"叠加 {len(frames)} 个条线")
            fused = fuse_layers(
                frames,
                boundary=read_area(boundary, others),
                estates=read_polygons(estates, others),
                buildings=read_polygons(buildings, others),
                streets=read_streets(streets, others),
                subjects=read_subjects(subjects, replace(others, declared=subjects_declared)),
                parents=None if within is None else read_zones(Path(within), others),
                leading=leading,
                pins=pins or None,
                profile=profile,
            )
        now = datetime.now(UTC)
        report = FusionReport(
            source=[(f"{LAYER_NAMES.get(name, name)}文件", path.name) for name, path in named.items()],
            fused=fused,
            layers={name: LAYER_NAMES.get(name, name) for name in frames},
            zone_names={
                name: dict(zip(zones["code"], zones["name"], strict=True)) for name, zones in frames.items()
            },
            decided=leading is not None,
            within=within,
            pins=pins,
            profile=profile,
            fused_at=now,
            made_at=now,
        )
        output = output or Path("fusion.gpkg")
    else:
        _check_version(context, sources)
        with progress_bar(f"多格合一 {sources[0]}") as progress, session() as opened:
            info = get_version(opened, sources[0])
            if adopt is not None and within is None:
                within = adoptions.parent_of(opened, info, level)
            if adopt is None or layers is not None:
                options = fusions.FusionOptions(_layers(layers), leading, pins, within, profile)
                fusions.compute_fusion(opened, info.territory, info.code, options, progress)
            report = stored_fusions.report_of(opened, info)
        title = info.code
    _show(title, report.fused)
    if adopt is not None:
        _adopt(title, adopt, level)
    if output is not None:
        if output.suffix.lower() != ".xlsx":
            save(tables_of(report.fused), output, "proposal")
        if output.suffix.lower() in {".gpkg", ".xlsx"}:
            _save_workbook(report, output.with_suffix(".xlsx"))


def _adopt(version: str, name: str, level: str) -> None:
    """Make a plan of the stored proposal, in a transaction of its own: a refusal leaves the fusion stored."""
    with progress_bar(f"采用方案 {name}") as progress, session() as opened:
        progress(0.1, "生成方案")
        info = get_version(opened, version)
        plan = adoptions.adopt_fusion(opened, info.territory, name, level, author=None, version=info.code)
        plans.note(opened, audit.Actor(), "plan.adopt", plan)
    say(f"已生成方案 {plan.id}“{plan.name}”，基于 {plan.base}。请在网页上打开它查看、修改、发布。")


def _save_workbook(report: FusionReport, path: Path) -> None:
    try:
        path.write_bytes(write_fusion(report))
    except OSError as error:
        raise FileFormatError(
            f"无法写入“{path}”：{error.strerror}。",
            f"cannot write {path}: {error}",
            remedy="请检查文件夹、磁盘与权限，并关闭正打开这个文件的程序。",
        ) from error
    say(f"已写入 {path}。")


def tables_of(fused: Fusion) -> dict[str, pd.DataFrame]:
    """Return what goes into one file: figures, cells, crosswalk, conflicts, proposal and who is in no cell."""
    return {
        "proposal": fused.proposal,
        "conflicts": fused.conflicts,
        "cells": fused.cells,
        "crosswalk": fused.crosswalk,
        "summary": summary(fused.conflicts),
        **({"unassigned": fused.unassigned} if len(fused.unassigned) else {}),
    }


def summary(conflicts: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return how many conflicts there are of each kind, most serious first."""
    sums = conflicts.groupby("kind").agg(
        count=("kind", "size"),
        length_m=("own_length_m", "sum"),
        area_m2=("area_m2", "sum"),
        household=("household", "sum"),
        people=("people", "sum"),
    )
    made: pd.DataFrame = sums.reindex([kind for kind in KINDS if kind in sums.index]).reset_index()
    made.insert(1, "name", [KINDS[kind][0] for kind in made["kind"]])
    return made


def _show(title: str, fused: Fusion) -> None:
    body: list[tuple[Any, ...]] = [
        (name, count, f"{length:,.0f}", f"{area:,.0f}", int(household), int(people))
        for _kind, name, count, length, area, household, people in summary(fused.conflicts).itertuples(
            index=False
        )
    ]
    headers = ("分歧", "处数", "争议边界 m", "面积 m²", "户", "人")
    if body:
        out.print(table(f"{title} 分歧汇总", headers, body, numbers=1))
    serious = fused.conflicts[fused.conflicts["kind"].isin(("overlap", "conflict", "missing"))]
    worst = serious.sort_values("household", ascending=False, kind="stable").head(CONFLICTS_SHOWN)
    if len(worst):
        out.print(
            table(
                f"涉及户数最多的 {len(worst)} 处分歧",
                ("种类", "部门", "说明", "户", "人"),
                [
                    (KINDS[kind][0], " ".join(departments), message, int(household), int(people))
                    for kind, departments, message, household, people in zip(
                        worst["kind"],
                        worst["departments"],
                        worst["message"],
                        worst["household"],
                        worst["people"],
                        strict=True,
                    )
                ],
                numbers=3,
            )
        )
    broken = int((fused.proposal["rule"] != "").sum())
    say(
        f"{title}: {len(fused.cells):,} 个单元合为 {len(fused.proposal):,} 个新网格 (主导图层 {fused.leading})，"
        f"一致边界保留 {fused.agreed_kept:.1%}，{broken:,} 个不合户数规则。"
    )


def _zones(name: str, path: Path, reading: Reading) -> gpd.GeoDataFrame:
    """Read a department's zones: a file that does not say its level is of the layer it is given for."""
    try:
        frame = _own_zones(name, path, reading)
    except MixedReferenceError:
        warn(f"“{path.name}”自带坐标系，不按 --crs {reading.declared} 读。")
        frame = _own_zones(name, path, replace(reading, declared=None))
    return frame.assign(layer=name)


def _own_zones(name: str, path: Path, reading: Reading) -> gpd.GeoDataFrame:
    """Read the only zones of a file, or those in the table or of the level that is named like the department."""
    try:
        return read_zones(path, reading)
    except FileFormatError as error:
        if not path.exists():
            raise
        for own in (replace(reading, table=name), replace(reading, level=name)):
            try:
                return read_zones(path, own)
            except FileFormatError:
                continue
        raise FileFormatError(
            error.zh,
            error.en,
            remedy=f"{error.remedy}文件里有几个图层或层级时，取名为“{name}”的那个: "
            "请让条线与它同名，或另存为单独的文件。",
        ) from error


def _named_files(sources: list[str]) -> dict[str, Path]:
    """Return the file of each department."""
    named: dict[str, Path] = {}
    for text in sources:
        name, sign, path = (part.strip() for part in text.partition("="))
        if not (sign and name and path):
            raise InvalidRequestError(
                f"“{text}”没有说明是哪个条线的文件。",
                f"{text!r} is no layer=file",
                remedy="例如 party=党建.gpkg order=综治.geojson。",
            )
        if name in named:
            raise InvalidRequestError(
                f"条线“{name}”给了两个文件。",
                f"two files for {name!r}",
                remedy="每个条线一个文件；不同的条线请用不同的名称。",
            )
        named[name] = Path(path)
    return named


def _check_version(context: typer.Context, sources: list[str]) -> None:
    """Refuse what would be ignored for a version."""
    if len(sources) > 1:
        raise InvalidRequestError(
            f"一次只能融合一个版本，写了 {len(sources)} 个: {' '.join(sources)}。",
            f"several versions: {sources}",
            remedy="请只写一个版本号，或写各条线的文件: party=党建.gpkg order=综治.geojson。",
        )
    refuse_idle(
        context,
        _OF_FILES,
        "只用于文件",
        "版本的边界、小区、楼栋、道路和管理对象取自数据库: 请去掉这些选项，或先用 onegrid load 载入。",
    )
    if context.params["adopt"] is not None and context.params["layers"] is None:
        refuse_idle(
            context, _OF_FUSING, "只用于重新融合", "请同时写 --layers，或去掉这些选项以采用已有的结果。"
        )


def _layers(text: str | None) -> tuple[str, ...]:
    found = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if not found:
        raise InvalidRequestError(
            "没有说明要合并哪些图层。",
            "--layers is missing",
            remedy="例如 --layers party,order,civil,urban。",
        )
    return found


def _range(text: str) -> tuple[float, float] | None:
    if text == "none":
        return None
    low, _, high = text.partition("-")
    if not (low.strip().isdecimal() and high.strip().isdecimal() and int(low) <= int(high)):
        raise InvalidRequestError(
            f"户数上下限“{text}”写法不对。", f"{text!r} is no range", remedy="例如 --households 300-500。"
        )
    return float(low), float(high)


def _pin(text: str) -> tuple[int, str]:
    cell, _, code = text.partition("=")
    if not (cell.strip().isdecimal() and code.strip()):
        raise InvalidRequestError(
            f"固定单元“{text}”写法不对。", f"{text!r} is no cell=code", remedy="例如 --pin 17=P1。"
        )
    return int(cell), code.strip()


def register(app: typer.Typer) -> None:
    """Add ``onegrid fuse``."""
    app.command(help="多格合一: 把几个条线的网格 (版本或文件) 合成一套方案，并列出分歧")(fuse)
