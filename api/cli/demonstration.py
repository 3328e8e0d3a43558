"""The demo's work: two places, from loading to briefing, and one honest table of what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.cli.brief import brief
from api.cli.console import out, progress_bar, say, table
from api.settings import BOUNDARIES, get_settings
from api.store import assignments, checks, circles, places, versions
from api.store.engine import session
from api.store.findings import FAULT_NAMES
from api.store.progress import part
from geo import files
from geo.records import UNASSIGNED_NAMES
from geo.samples import make_zhuanqiao

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from api.store.progress import Progress
    from geo.records import Place

REASON = "示例数据首次发布"

SECTIONS = ("数据", "分配", "检查", "覆盖户数", "写出文件")
"""Of the table, in order."""


@dataclass(frozen=True)
class Demo:
    """One place of the demo.

    Parameters
    ----------
    code
        Of the territory.
    make
        How its place is made.
    """

    code: str
    make: Callable[[int], Place]


def _monaco(households: int) -> Place:
    del households  # it is as large as it is
    return files.read_osm(BOUNDARIES / "monaco.osm.pbf", code="monaco", name="摩纳哥", name_en="Monaco")


def _zhuanqiao(households: int) -> Place:
    return make_zhuanqiao(households=households, seed=1).place


DEMOS = (Demo("monaco", _monaco), Demo("zhuanqiao", _zhuanqiao))


def show(codes: Sequence[str], households: int, folder: Path) -> None:
    """Load the places of these codes, work on them, and print what came of it."""
    wanted = [each for each in DEMOS if each.code in codes]
    folder.mkdir(parents=True, exist_ok=True)
    columns = []
    for each in wanted:
        with progress_bar(each.code) as progress:
            columns.append(_run(each, households, folder, progress))
    names = list(dict.fromkeys(name for column in columns for name in column))
    # By section, so that a line which only one place has stands with its like.
    names.sort(key=lambda name: SECTIONS.index(name[0]))
    body = [(*name, *(column.get(name, "—") for column in columns)) for name in names]
    out.print(table("示例数据", ("", "项目", *(each.code for each in wanted)), body, numbers=2))
    say(f"简报写在 {folder}")
    say("颛桥镇为合成示意数据: 社区名称与编码为官方公布，图形、人口、商户均为虚构。")
    say("摩纳哥为 OpenStreetMap 真实数据: 每栋住宅楼算一户，居住人口未知。")


def _run(each: Demo, households: int, folder: Path, progress: Progress) -> dict[tuple[str, str], str]:
    """Do everything for one place; each step is a transaction of its own."""
    progress(0.0, "准备数据")
    place = each.make(households)
    with session() as opened:
        report = places.load_place(opened, place, part(progress, 0.1, 0.4), replace=True)
    version = str(report.version)
    with session() as opened:
        assigned = assignments.assign(opened, version, part(progress, 0.4, 0.5))
    with session() as opened:
        checked = checks.check(opened, version, part(progress, 0.5, 0.7))
    with session() as opened:
        drawn = circles.compute_circles(
            opened, version, part(progress, 0.7, 0.85), walk_speed_mps=get_settings().walk_speed_mps
        )
    with session() as opened:
        versions.publish(opened, version, REASON)
    progress(0.9, "写简报")
    written = folder / f"{version}.html"
    brief(version, written, None)
    lines = {
        ("数据", "版本"): version,
        ("数据", "来源"): ("合成示意" if place.synthetic else "真实") + f", {place.date}",
        **{("数据", KIND_TITLES[kind]): f"{count:,}" for kind, count in report.counts.items()},
    }
    for row in _by_level(assigned.reconciliation):
        lines["分配", f"{row.level} 已分配 / 总数"] = f"{row.assigned:,} / {row.total:,}"
        lines["分配", f"{row.level} 未分配"] = row.unassigned
    for kind, count in checked.by_kind.items():
        lines["检查", FAULT_NAMES.get(kind, kind)] = f"{count:,}"
    lines["检查", "错误 / 提示"] = f"{checked.errors:,} / {checked.warnings:,}"
    for line in drawn.coverage:
        share = "未知" if line.share is None else f"{line.share:.1%}"
        lines["覆盖户数", f"{line.minutes} 分钟"] = (
            f"{line.households_reached:,} / {line.households_total:,} ({share})"
        )
    lines["写出文件", "简报"] = f"{written.name} ({written.stat().st_size / 2**20:.1f} MB)"
    return lines


KIND_TITLES = {**places.KIND_NAMES, "streets": "道路 (段)"}


@dataclass(frozen=True)
class _LevelSum:
    level: str
    total: int
    assigned: int
    unassigned: str


def _by_level(rows: list[dict[str, object]]) -> list[_LevelSum]:
    sums: list[_LevelSum] = []
    for level in dict.fromkeys(str(row["level"]) for row in rows):
        own = [row for row in rows if row["level"] == level]

        def total(name: str, of: list[dict[str, object]] = own) -> int:
            return sum(int(str(row[name])) for row in of)

        reasons = [f"{title} {total(name):,}" for name, title in UNASSIGNED_NAMES.items() if total(name)]
        sums.append(_LevelSum(level, total("total"), total("assigned"), "，".join(reasons) or "0"))
    return sums
