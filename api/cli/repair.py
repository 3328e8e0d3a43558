"""``onegrid repair``: proposals of repair of a version or a file, applied on request, undone on request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import pandas as pd
import typer

from api.cli.console import out, progress_bar, say, table, warn
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
    read_area,
    read_areas,
    read_subjects,
    read_zones,
    refuse_same_file,
    save,
)
from api.cli.usage import refuse_idle
from api.store import acceptances, repairs
from api.store.engine import session
from api.store.findings import FAULT_NAMES
from api.store.refusals import InvalidRequestError
from geo import files
from geo.coverage import KINDS, STRATEGIES, Guards, propose
from geo.files.words import LEVEL_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from geo.coverage import Proposal

ALL = "all"


def repair(  # noqa: PLR0913  options of a command
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="版本号 (或辖区编码，取其最新版本)，或网格文件")],
    *,
    accept: Annotated[
        str | None, typer.Option(help="接受哪些建议: all，或编号如 1,3,5-8；不写则只列出建议，什么也不改")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="版本: 撤销这个草稿里接受过的修复")] = False,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help=f"某类问题怎么办，例如 gap=most_households；可用: {' '.join(STRATEGIES)}"),
    ] = None,
    decide: Annotated[
        list[str] | None, typer.Option(help="某一处归谁或怎么办，例如 7=310112103001017 或 7=exception")
    ] = None,
    priority: Annotated[
        str | None, typer.Option(help="重叠归谁: 网格编码或图层，按优先顺序，用逗号分开")
    ] = None,
    max_change: Annotated[float, typer.Option(help="一个网格的面积最多改变的比例", min=0.0, max=1.0)] = 0.1,
    max_gap: Annotated[float, typer.Option(help="更宽 (米) 的缺口视为真实空地，不自动处理", min=0.0)] = 25.0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="写出建议清单，文件来源接受后并写出修复后的网格 .gpkg .xlsx .geojson"
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
) -> None:
    """Propose repairs fault by fault; apply those that are accepted, within guards."""
    if undo:
        idle = {option.name for option in context.command.params} - {"source", "undo"}
        refuse_idle(context, idle, "不能与 --undo 合用", "撤销总是撤销全部: 请去掉这些选项。")
        _undo(source)
        return
    if output is not None:
        files.require_writable(output)
    strategies = dict(_pair(each, "--strategy") for each in strategy or ())
    decisions = {_number(number): name for number, name in (_pair(each, "--decide") for each in decide or ())}
    order = tuple(name.strip() for name in (priority or "").split(",") if name.strip())
    if not is_file(source):
        refuse_idle(context, OF_FILES, "只用于文件", IN_DATABASE)
        options = repairs.RepairOptions(
            () if level is None else (LEVEL_WORDS.get(level, level),),
            strategies,
            decisions,
            order,
            max_change,
            max_gap,
        )
        _repair_version(source, options, accept, output)
        return
    _check_kinds(strategies)
    path, others = Path(source), Reading(fallback=declared)
    refuse_same_file(output, path, boundary, parents, exceptions, subjects)
    if accept is not None:
        refuse_same_file(_beside(_target(path, output)), exceptions)
    with progress_bar(f"修复 {path.name}") as progress:
        progress(0.0, "读取网格")
        zones = read_zones(path, Reading(declared, table_name, level), lenient=True)
        excused = read_areas(exceptions, others)
        progress(0.3, f"检查 {len(zones):,} 个网格")
        proposal = propose(
            zones,
            read_area(boundary, others),
            parents=None if parents is None else read_zones(parents, others),
            exceptions=excused,
            subjects=read_subjects(subjects, replace(others, declared=subjects_declared)),
            strategies=strategies,
            # Faults are numbered from 1 on, as `onegrid check` lists them.
            decisions={number - 1: name for number, name in decisions.items()},
            priority=order or None,
            guards=Guards(max_change, max_gap),
        )
    _check_numbers(decisions, proposal)
    _finish_file(path, proposal, excused, accept, output)


def _finish_file(
    path: Path, proposal: Proposal, excused: gpd.GeoSeries | None, accept: str | None, output: Path | None
) -> None:
    zones = proposal.zones
    level = str(zones["level"].iloc[0])
    rows = [
        {**row, "number": row["number"] + 1, "level": level, "status": "proposed"}
        for row in proposal.actions.to_dict("records")
    ] + [
        {**row, "number": _shown(row["number"]), "level": level, "status": "refused", "message": row["reason"],
         "message_en": row["reason_en"], "strategy": None, "recipient": None, "households": None, "people": None}
        for row in proposal.refused.to_dict("records")
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["number"] is None, row["number"]))
    _show(path.name, rows)
    columns = [name for name in _COLUMNS if name != "version"]
    tables: dict[str, pd.DataFrame] = {"proposals": gpd.GeoDataFrame(
        pd.DataFrame(rows, columns=[*columns, "geometry"]), geometry="geometry", crs=zones.crs
    )}  # fmt: skip
    if accept is None:
        if rows:
            say("以上只是建议，网格没有改动；用 --accept all 或 --accept 1,3,5-8 执行。")
        if output is not None:
            save(tables, output, "proposals")
        return
    known = {row["number"] for row in rows if row["status"] == "proposed"}
    chosen = _chosen(accept, known)
    done = proposal.apply({number - 1 for number in chosen})
    output = _target(path, output)
    save({"zones": done.zones, **tables}, output, "zones")
    if output.suffix.lower() == ".xlsx":  # a workbook says what was done, but holds no borders
        save({"zones": done.zones, **tables}, output.with_name(f"{output.stem}.repaired.gpkg"), "zones")
    if len(done.exceptions):
        whole = [*(() if excused is None else excused), *done.exceptions]
        beside = _beside(output)
        save({"exceptions": gpd.GeoDataFrame(geometry=whole, crs=zones.crs)}, beside, "exceptions")
        say(f"登记豁免 {len(done.exceptions)} 处；以后检查和修复请加 --exceptions {beside}。")
    say(f"已执行 {len(done.actions)} 处，改动 {len(done.inverse)} 个网格；原文件不变。")
    for row in done.refused.itertuples():
        number = _shown(row.number)
        what = f"{number} 号" if number else f"修复引出的{FAULT_NAMES[row.kind]} ({' '.join(row.codes)}) "
        warn(f"{what}没有执行: {row.reason}")


def _target(path: Path, output: Path | None) -> Path:
    """Return where the repaired zones of a file go."""
    return output or path.with_name(f"{path.stem}.repaired.gpkg")


def _beside(target: Path) -> Path:
    """Return where the exceptions go that a repair registers, with those known before."""
    return target.with_name(f"{target.stem}.exceptions.gpkg")


def _repair_version(
    source: str, options: repairs.RepairOptions, accept: str | None, output: Path | None
) -> None:
    with progress_bar(f"修复建议 {source}") as progress, session() as opened:
        found = repairs.propose_repair(opened, source, options, progress)
    _show(found["version"], found["proposals"])
    if output is not None:
        save({"proposals": repairs.proposal_frame(found)}, output, "proposals")
    if accept is None:
        say(f"以上只是建议，{found['version']} 没有改动；用 --accept all 或 --accept 1,3,5-8 执行。")
        return
    known = {row["number"] for row in found["proposals"] if row["status"] == "proposed"}
    chosen = _chosen(accept, known)
    with progress_bar("执行修复") as progress, session() as opened:
        done = acceptances.accept_repair(opened, found["version"], chosen, progress)
    before, after = done["faults_before"], done["faults_after"]
    out.print(
        table(
            f"{done['version']} (草稿，基于 {done['base']})",
            ("", "错误", "提示"),
            [
                ("修复前", before["errors"], before["warnings"]),
                ("修复后", after["errors"], after["warnings"]),
            ],
            numbers=1,
        )
    )
    say(f"已执行 {len(done['accepted'])} 处，改动 {done['zones']} 个网格，登记豁免 {done['exceptions']} 处。")
    for row in done["refused"]:
        warn(f"{row['number']} 号没有执行: {row['reason']}")
    say(f"撤销: onegrid repair {done['version']} --undo")


def _undo(source: str) -> None:
    with progress_bar(f"撤销 {source} 的修复") as progress, session() as opened:
        done = acceptances.undo_repair(opened, source, progress)
    say(f"{done['version']}: 已恢复 {done['restored']} 个网格，撤销豁免 {done['exceptions']} 处。")


_COLUMNS = (
    "version", "number", "level", "status", "kind", "strategy", "codes", "recipient", "area_m2", "changes",
    "households", "people", "message", "message_en",
)  # fmt: skip


def _show(title: str, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    body = [
        (
            str(row["number"] or "–"),
            row["level"],
            FAULT_NAMES.get(row["kind"], row["kind"]),
            repairs.STRATEGY_NAMES.get(row["strategy"], row["strategy"])
            if row["status"] == "proposed"
            else "不处理",
            row["message"] if row["status"] == "proposed" else f"{' '.join(row['codes'])}: {row['message']}",
            "" if pd.isna(row["households"]) else f"{row['households']:,}",
        )
        for row in rows
    ]
    headers = ("号", "层级", "种类", "处理", "说明", "户")
    if body:
        out.print(table(f"{title} 修复建议", headers, body, numbers=5))
    proposed = sum(row["status"] == "proposed" for row in rows)
    say(f"{title}: {proposed} 处可以修复，{len(rows) - proposed} 处需要人工决定。")


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (sign and name.strip() and value.strip()):
        raise InvalidRequestError(
            f"{option} “{text}”写法不对。", f"{option} wants name=value", remedy=f"例如 {option} 名称=值。"
        )
    return name.strip(), value.strip()


def _check_kinds(strategies: dict[str, str]) -> None:
    unknown = sorted(set(strategies) - set(KINDS))
    if unknown:
        raise InvalidRequestError(
            f"没有这样的问题种类: {'、'.join(unknown)}。",
            f"unknown kinds of fault: {unknown}",
            remedy=f"可用: {'、'.join(KINDS)}。",
        )


def _check_numbers(decisions: Mapping[int, str], proposal: Proposal) -> None:
    known = {row + 1 for row in [*proposal.actions["number"], *proposal.refused["number"].dropna()]}
    lost = sorted(set(decisions) - known)
    if lost:
        raise InvalidRequestError(
            f"没有编号为 {'、'.join(map(str, lost[:5]))} 的可修复的问题。",
            f"no faults numbered {lost[:5]} that can be repaired",
            remedy="编号见 onegrid check 的结果；小区、楼栋被切割和道路穿过要靠调整边界解决。",
        )


def _shown(number: Any) -> int | None:  # noqa: ANN401  pandas' missing value
    """Return the number of a fault as ``onegrid check`` lists it; None for what only arose from a repair."""
    return None if pd.isna(number) else int(number) + 1


def _number(text: str) -> int:
    if not text.isdecimal():
        raise InvalidRequestError(
            f"“{text}”不是问题编号。",
            f"{text!r} is no number of a fault",
            remedy="编号见 onegrid check 的结果。",
        )
    return int(text)


def _chosen(accept: str, known: set[int]) -> set[int]:
    """Return the numbers that ``all`` or ``1,3,5-8`` names; ``all`` are the proposed ones."""
    if accept == ALL:
        return set(known)
    spans = []
    for each in accept.split(","):
        first, dash, last = each.strip().partition("-")
        spans.append((_number(first), _number(last if dash else first)))
    chosen = {number for number in known if any(first <= number <= last for first, last in spans)}
    lost = sorted({end for span in spans for end in span} - known)
    if lost:
        raise InvalidRequestError(
            f"没有可以执行的 {'、'.join(map(str, lost[:5]))} 号建议。",
            f"no proposals numbered {lost[:5]}",
            remedy="可执行的编号见上面的建议清单。",
        )
    return chosen


def register(app: typer.Typer) -> None:
    """Add ``onegrid repair``."""
    app.command(help="提出修复建议，接受后执行，可撤销: 一个版本 (写入新草稿) 或一个网格文件")(repair)
