"""``onegrid plan propose``: grids drawn along street blocks, for a version or from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from api.cli.console import out, progress_bar, say, table, warn
from api.cli.sources import (
    Declared,
    Reading,
    is_file,
    read_area,
    read_areas,
    read_polygons,
    read_subjects,
    read_zones,
    refuse_same_file,
    save,
)
from api.store import partitions
from api.store.engine import session
from api.store.refusals import InvalidRequestError
from api.store.versions import get_version
from geo import files
from geo.partition import Place, ProposalOptions
from geo.partition import propose as propose_grids

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from geo.partition import Proposal

ROLES = ("boundary", "within", "current", "streets", "estates", "buildings", "subjects", "exceptions")
"""What a file may be given for."""

NOTES_SHOWN = 10


def propose(  # noqa: PLR0913  options of a command
    sources: Annotated[
        list[str],
        typer.Argument(
            help="一个辖区编码或版本号；或文件: boundary=镇界.geojson streets=道路.parquet subjects=住户.csv "
            "within=社区.gpkg current=现有网格.gpkg estates= buildings= exceptions="
        ),
    ],
    *,
    grids: Annotated[
        int | None, typer.Option(min=1, help="划成多少个综合网格；不写则按每格户数上下限定")
    ] = None,
    households: Annotated[
        str | None, typer.Option(help="每格户数上下限，例如 300-500；默认按辖区规则")
    ] = None,
    level: Annotated[str, typer.Option(help="划分哪个层级")] = "grid",
    within: Annotated[
        str | None, typer.Option(help="新网格不得跨越的上级层级，例如 community；默认为该层级的上级")
    ] = None,
    keep: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="尽量少变动: 0 重新划分，1 尽量保留现有边界")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="随机种子: 同样的数据和种子得到同样的结果")] = 1,
    plan: Annotated[str | None, typer.Option(help="采用: 以此名称新建方案 (仅限数据库中的辖区)")] = None,
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="结果 .gpkg (网格、街区、指标) 或其他格式 (只有网格)")
    ] = None,
    declared: Declared = None,
) -> None:
    """Draw a balanced, contiguous, compact partition along street blocks."""
    limits = None if households is None else _range(households)
    if any("=" in each or is_file(each) for each in sources):
        if plan is not None:
            raise InvalidRequestError(
                "只有数据库中的辖区才能新建方案。",
                "--plan needs a territory of the database",
                remedy="请先 onegrid load 加载辖区，再用辖区编码代替文件。",
            )
        options = ProposalOptions(
            grids=grids,
            households=limits or (None if grids else ProposalOptions().households),
            keep=keep,
            seed=seed,
        )
        with progress_bar("划格建议") as progress:
            given = dict(_named_file(each) for each in sources)
            refuse_same_file(output, *given.values())
            place = _place(given, declared, level)
            made = propose_grids(place, options, level=level, progress=progress)
        _show("划格建议", made)
        _write(made, output or Path("proposal.gpkg"))
        return
    request = partitions.PartitionRequest(level, within, grids, limits, keep, seed)
    name = _only(sources)
    with progress_bar(f"划格建议 {name}") as progress, session() as opened:
        info = get_version(opened, name)
        made = partitions.make_proposal(opened, info, request, progress)
        number = partitions.store_proposal(opened, info, request, made)
        _show(f"{info.code} 划格建议 {number}", made)
        if plan is not None:
            adopted = partitions.adopt_proposal(opened, number, plan, author=None)
            say(f"已新建方案 {adopted.id}“{adopted.name}”，基于 {adopted.base}。请在网页上打开它查看、修改。")
    if output is not None:
        _write(made, output)


def summary(made: Proposal) -> pd.DataFrame:
    """Return the figures of a proposal as rows of name and value, in Chinese."""
    figures = made.figures
    least, most, mean = figures.households
    rows: list[tuple[str, Any]] = [
        ("网格数", figures.zones),
        ("其中综合网格", figures.general),
        ("其中专属网格 (不动)", figures.dedicated),
        ("户数最少", least),
        ("户数最多", most),
        ("户数平均", round(mean, 1)),
        ("均衡 (最多/平均，1 最好)", round(figures.balance, 3)),
        ("在户数上下限内的综合网格", "未要求" if figures.in_band is None else figures.in_band),
        ("紧凑度平均 (1 为圆)", round(figures.compactness, 3)),
        ("紧凑度最小", round(figures.compactness_least, 3)),
        ("切分小区", figures.cut_estates),
        ("切分楼栋", figures.cut_buildings),
        ("被上级边界切开的小区和楼栋", figures.across_parents),
        ("网格内的快速路、铁路、河流 (米)", round(figures.inside_barriers_m)),
        ("变更网格的户数", "无现有网格" if figures.moved_households is None else figures.moved_households),
        ("变更户数占比", "无现有网格" if figures.changed_share is None else f"{figures.changed_share:.1%}"),
    ]
    return pd.DataFrame([(name, str(value)) for name, value in rows], columns=["指标", "数值"])


def _show(title: str, made: Proposal) -> None:
    rows: list[tuple[Any, ...]] = list(summary(made).itertuples(index=False, name=None))
    out.print(table(title, ("指标", "数值"), rows, numbers=1))
    noted = made.zones[made.zones["note"] != ""].head(NOTES_SHOWN)
    for code, note in zip(noted["code"], noted["note"], strict=True):
        say(f"{code}: {note}")
    for message in made.messages:
        warn(message)


def _write(made: Proposal, output: Path) -> None:
    save({"proposal": made.zones, "blocks": made.blocks, "summary": summary(made)}, output, "proposal")


def _only(sources: list[str]) -> str:
    if len(sources) != 1:
        raise InvalidRequestError(
            f"给出了 {len(sources)} 个辖区，一次只能划一个。",
            "one territory at a time",
            remedy="请只写一个辖区编码或版本号。",
        )
    return sources[0]


def _place(given: Mapping[str, Path], declared: str | None, level: str) -> Place:
    reading = Reading(fallback=declared)
    subjects = read_subjects(given.get("subjects"), reading)
    exceptions = read_areas(given.get("exceptions"), reading)
    return Place(
        boundary=read_area(given.get("boundary"), reading),
        parents=_zones(given.get("within"), reading),
        current=_zones(given.get("current"), Reading(level=level, fallback=declared)),
        streets=None
        if "streets" not in given
        else files.read(given["streets"], "streets", declared=declared).frame,
        estates=read_polygons(given.get("estates"), reading),
        buildings=read_polygons(given.get("buildings"), reading),
        households=None if subjects is None else subjects[subjects["kind"] == "household"],
        exceptions=None if exceptions is None else exceptions.to_frame("geometry"),
    )


def _zones(path: Path | None, reading: Reading) -> gpd.GeoDataFrame | None:
    return None if path is None else read_zones(path, reading)


def _named_file(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not sign and is_file(text):
        return "boundary", Path(text)
    if name not in ROLES or not path:
        raise InvalidRequestError(
            f"“{text}”没有说明文件是什么。",
            f"{text!r} is no role=file",
            remedy=f"可用: {'、'.join(f'{role}=文件' for role in ROLES)}。",
        )
    return name, Path(path)


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    if not (low.strip().isdecimal() and high.strip().isdecimal() and 0 < int(low) <= int(high)):
        raise InvalidRequestError(
            f"户数上下限“{text}”写法不对。", f"{text!r} is no range", remedy="例如 --households 300-500。"
        )
    return float(low), float(high)
