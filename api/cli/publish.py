"""``onegrid publish`` and ``onegrid versions``."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.assign import Version
from api.cli.console import out, say, table
from api.store import releases
from api.store import versions as store
from api.store.engine import session

STATUS_NAMES = {"draft": "草稿", "published": "已发布"}


def publish(
    version: Version, *, reason: Annotated[str, typer.Option(help="发布原因，随版本永久保存")]
) -> None:
    """Publish a draft: it holds from now on, and the version before it ends."""
    with session() as opened:
        info = releases.publish_draft(opened, store.get_version(opened, version).code, reason)
    say(f"{info.code} 已发布，自 {info.valid_from:%Y-%m-%d %H:%M:%S} (UTC) 起生效。")


def versions(territory: Annotated[str, typer.Argument(help="辖区编码")]) -> None:
    """List the versions of a territory, newest first."""
    with session() as opened:
        found = store.list_versions(opened, territory)
    body = [
        (
            each.code,
            STATUS_NAMES[each.status],
            f"{each.valid_from:%Y-%m-%d %H:%M}" if each.valid_from else "—",
            f"{each.valid_to:%Y-%m-%d %H:%M}" if each.valid_to else "—",
            each.reason or "—",
            "是" if each.checked_at else "否",
            "是" if each.run_id else "否",
        )
        for each in found
    ]
    headers = ("版本", "状态", "生效 (UTC)", "失效 (UTC)", "原因", "已检查", "已分配")
    out.print(table(f"{territory} 的版本", headers, body))


def register(app: typer.Typer) -> None:
    """Add both."""
    app.command(help="发布一个草稿版本")(publish)
    app.command(help="列出辖区的全部版本")(versions)
