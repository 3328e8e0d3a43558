"""``onegrid plan``: drafts of new grids, from the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Group, new_app, out, progress_bar, say, table
from api.cli.propose import propose
from api.store import ledgers, plans, publishing
from api.store.engine import session
from geo import files
from maps.ledger import write_ledger

STATUS_NAMES = {"open": "进行中", "archived": "已归档", "published": "已发布"}

Number = Annotated[int, typer.Argument(help="方案编号", min=1)]
Territory = Annotated[str, typer.Argument(help="辖区编码")]

group = new_app("方案: 新建、列出、迁移清单、发布", group=Group)


@group.command("new", help="基于现行版本 (或 --base 指定的版本) 新建方案")
def new(
    territory: Territory,
    name: Annotated[str, typer.Argument(help="方案名称")],
    *,
    base: Annotated[str | None, typer.Option(help="基于哪个版本")] = None,
    description: Annotated[str, typer.Option(help="说明")] = "",
) -> None:
    """Start a plan."""
    with session() as opened:
        plan = plans.create_plan(opened, territory, name, description, base=base, author=None)
    say(f"已新建方案 {plan.id}“{plan.name}”，基于 {plan.base}。请在网页上打开它划格。")


@group.command("list", help="列出辖区的方案")
def list_(territory: Territory) -> None:
    """List the plans of a territory."""
    with session() as opened:
        found = plans.list_plans(opened, territory)
    rows = [(p.id, p.name, STATUS_NAMES[p.status], p.base, p.revision) for p in found]
    out.print(table(f"{territory} 的方案", ("编号", "名称", "状态", "基于", "修订"), rows))


@group.command("ledger", help="迁移清单: 方案会让哪些对象换网格")
def ledger(
    number: Number,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="写到文件 (.xlsx .csv .gpkg …)")
    ] = None,
    xlsx: Annotated[
        Path | None,
        typer.Option("--xlsx", help="写成 Excel 工作簿: 汇总、按网格、按修改、明细 (含名称、地址)"),
    ] = None,
) -> None:
    """Show the move ledger of a plan, summed; write it whole."""
    with session() as opened:
        moves = publishing.named_ledger(opened, number)
        if xlsx is not None:
            workbook = write_ledger(ledgers.gather_ledger(opened, plans.get_plan(opened, number), None))
    sums = (
        moves.fillna({"from_zone": "—", "to_zone": "—"})
        .groupby(["level", "kind", "from_zone", "to_zone"])
        .size()
    )
    rows = [(*key, int(count)) for key, count in sums.items()]
    out.print(table(f"方案 {number} 的迁移清单", ("层级", "类别", "从", "到", "数量"), rows, numbers=4))
    if output is not None:
        files.write(moves, output)
        say(f"已写入 {output}。")
    if xlsx is not None:
        with files.in_place_of(xlsx) as beside:
            beside.write_bytes(workbook)
        say(f"已写入 {xlsx}。")


@group.command("publish", help="把方案发布为新版本")
def publish(number: Number, *, reason: Annotated[str, typer.Option(help="发布原因，随版本永久保存")]) -> None:
    """Publish a plan as a new version."""
    with progress_bar(f"发布方案 {number}") as progress, session() as opened:
        version = publishing.publish_plan(opened, number, reason, progress)
    say(f"{version.code} 已发布。")


group.command("propose", help="划格建议: 沿街区划出均衡、相连、紧凑的网格，不切小区和楼栋")(propose)


def register(app: typer.Typer) -> None:
    """Add ``onegrid plan``."""
    app.add_typer(group, name="plan")
