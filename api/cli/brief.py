"""``onegrid brief``: a briefing page that opens without internet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import err, say
from api.settings import get_settings
from api.store.briefings import gather_briefing
from api.store.engine import session
from geo import files
from maps.briefing import write_briefing


def brief(
    version: Annotated[str, typer.Argument(help="版本编号，如 zhuanqiao-v1")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="写到哪个文件，默认 <版本>.html", dir_okay=False)
    ] = None,
    level: Annotated[str | None, typer.Option("--level", help="画哪个层级，如 grid、community")] = None,
) -> None:
    """生成简报: 一个可离线打开、可打印的网页 (A briefing page that opens offline and prints)."""
    with err.status(f"生成简报 {version}…"):
        path = brief_file(version, output or Path(f"{version}.html"), level=level)
    say(f"已写入 {path} ({path.stat().st_size / 1e6:.1f} MB)，可离线打开或打印。")


def brief_file(version: str, path: Path, *, level: str | None = None) -> Path:
    """Write the briefing page of a version.

    Parameters
    ----------
    version
        Code of the version.
    path
        File to write.
    level
        Code of the level that is drawn; by default grids, or the finest level above them.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotFoundError
        There is no such version or level.
    FileFormatError
        The file cannot be written.
    """
    with session() as opened:
        data = gather_briefing(opened, version, level, map_approval=get_settings().map_approval)
    page = write_briefing(data)
    with files.in_place_of(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("brief")(brief)
