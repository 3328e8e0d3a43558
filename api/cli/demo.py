"""``onegrid demo``: two places, from loading to briefing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.settings import get_settings
from api.store.engine import published_territories

DEMO_CODES = ("monaco", "zhuanqiao")


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="已加载过的不再加载")] = False,
    households: Annotated[int, typer.Option(help="颛桥镇示意数据的户数", min=1_000, max=1_000_000)] = 20_000,
    folder: Annotated[Path | None, typer.Option(help="简报写到哪个目录 (默认在数据目录下)")] = None,
) -> None:
    """Load both places, assign, check, draw circles, publish, write briefings, and print what came of it."""
    there = published_territories() if once else set()
    wanted = [code for code in DEMO_CODES if code not in there]
    if wanted:
        # Every start of the service asks with --once: it should not import the whole kernel to do nothing.
        from api.cli.demonstration import show  # noqa: PLC0415

        show(wanted, households, folder or get_settings().home / "briefings")


def register(app: typer.Typer) -> None:
    """Add ``onegrid demo``."""
    app.command(help="加载两个示例 (摩纳哥、颛桥镇)，完成分配、检查、服务圈、发布、简报，并列出结果")(demo)
