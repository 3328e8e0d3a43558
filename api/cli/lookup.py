"""``onegrid lookup``: which grid is it in, asked on the command line."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.store import lookups
from api.store.accounts import Caller
from api.store.audit import COMMAND_LINE
from api.store.engine import session
from api.store.refusals import AddressNotFoundError

# Who runs the command line owns the database; telephones stay masked all the same, for they end up in terminals.
_CALLER = Caller(0, COMMAND_LINE, COMMAND_LINE, "viewer")

REASONS = {"outside": "在辖区外", "gap": "在缺口里"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(lookup)


def lookup(
    address: Annotated[str | None, typer.Argument(help="地址 address")] = None,
    lon: Annotated[float | None, typer.Option(help="经度或东坐标")] = None,
    lat: Annotated[float | None, typer.Option(help="纬度或北坐标")] = None,
    crs: Annotated[str, typer.Option(help="EPSG:n, GCJ-02, BD-09")] = "EPSG:4490",
    territory: Annotated[str | None, typer.Option(help="辖区编码")] = None,
    as_of: Annotated[datetime | None, typer.Option(help="按当时有效的版本", formats=["%Y-%m-%d"])] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """查地址或坐标所在的网格。Say which grids an address or point is in."""
    moment = as_of.replace(hour=23, minute=59, second=59, microsecond=999_999).astimezone() if as_of else None
    query, how = lookups.Query(address, lon, lat), lookups.Lookup(crs, territory, moment)
    console = Console()
    with session() as opened:
        try:
            answer = lookups.look_up(opened, _CALLER, query, how)
        except AddressNotFoundError as error:
            for near in error.near_misses:
                console.print(f"相近地址: {near['text']} ({near['confidence']:.0%})")
            raise
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    for match in answer["matches"]:
        console.print(_table(answer["version"], match))
    if answer["ambiguous"]:
        console.print("[yellow]答案不唯一，或距边界不足 3 米，请核实。[/]")


def _table(version: str, match: dict[str, Any]) -> Table:
    title = match["text"] or "{:.6f}, {:.6f}".format(*match["point"])
    table = Table(
        "层级", "编码", "名称", "负责人", "距边界 m", title=f"{title} · {version}", title_justify="left"
    )
    for zone in match["zones"]:
        staff = "、".join(f"{one['role']} {one['name']}" for one in zone["staff"])
        table.add_row(zone["level_name"], zone["code"], zone["name"], staff, f"{zone['edge_m']:,.1f}")
    for level, reason in match["unassigned"].items():
        table.add_row(level, "", REASONS.get(reason, reason), "", "")
    station = match["station"]
    if station is not None:
        far = (
            f"步行 {station['walk_m']:,.0f} m"
            if station["walk_m"] is not None
            else f"直线 {station['straight_m']:,.0f} m"
        )
        table.caption = f"最近服务站: {station['name']} ({far})"
    return table
