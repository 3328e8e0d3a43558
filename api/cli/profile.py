"""``onegrid profile``: what an office asks of its grids, shown and edited."""

from __future__ import annotations

import codecs
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from api.cli.console import Group, new_app, out, say, table
from api.routes.profiles import NewProfile
from api.store import profiles
from api.store.engine import session
from geo.errors import ProfileError
from geo.plans.rules import KINDS, Profile, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_LEVEL = "grid"
FAULTS_SHOWN = 5

Territory = Annotated[str, typer.Argument(help="辖区编码")]

group = new_app("规则: 网格的户数、人数、形状等要求，查看和修改", group=Group)


@group.command("show", help="显示辖区的规则")
def show(
    territory: Territory,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="以 JSON 显示，改动后可用 set --file 写回")] = False,
) -> None:
    """Show the rules of a territory."""
    with session() as opened:
        stored = profiles.read_profile(opened, territory)
    if as_json:
        typer.echo(json.dumps(profiles.document_of(stored), ensure_ascii=False, indent=2))
        return
    rows = [
        (
            rule.rule,
            rule.level,
            f"{_shown(rule.least)}–{_shown(rule.most)} {rule.kind.unit}".strip(),
            "停用" if not rule.on else "启用" if rule.verified else "提示(未核实)",
            rule.source,
        )
        for rule in stored.profile.rules
    ]
    heads = ("规则", "层级", "要求", "状态", "来源")
    out.print(table(f"{territory} · {stored.profile.name}", heads, rows))
    say(f"编码格式 {stored.number_format.name}；发布前{'须第二人审批' if stored.approval else '不需审批'}。")


@group.command("set", help="修改辖区的规则；未提到的保持不变")
def set_(
    territory: Territory,
    *,
    band: Annotated[
        list[str] | None,
        typer.Option(help="上下限，如 households=300-500、compactness=0.1-、parts@community=-1"),
    ] = None,
    on: Annotated[list[str] | None, typer.Option(help="启用的规则，如 share_15min@grid")] = None,
    off: Annotated[list[str] | None, typer.Option(help="停用的规则，如 people")] = None,
    source: Annotated[str | None, typer.Option(help="本次上下限的来源；给出即视为已核实")] = None,
    number_format: Annotated[str | None, typer.Option(help="编码格式: DB11 或 CJT349")] = None,
    approval: Annotated[
        bool | None, typer.Option("--approval/--no-approval", help="发布前是否须第二人审批")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="由 show --json 写出的文件，整套替换", exists=True)
    ] = None,
) -> None:
    """Edit the rules of a territory."""
    given = NewProfile() if file is None else _document(file)
    with session() as opened:
        profile = profiles.read_profile(opened, territory).profile
        if given.rules is not None:
            profile = Profile(tuple(Rule(**rule.model_dump()) for rule in given.rules), profile.name)
        for text in band or ():
            key, least, most = _band(text)
            rule = replace(_rule(profile, key), least=least, most=most)
            sourced = rule if source is None else replace(rule, source=source, verified=True)
            profile = profile.with_rules([sourced])
        profile = profile.with_rules(_switched(profile, on or (), on=True))
        profile = profile.with_rules(_switched(profile, off or (), on=False))
        chosen = {"name": number_format} if number_format else given.model_dump()["number_format"]
        stored = profiles.write_profile(
            opened,
            territory,
            name=given.name,
            rules=profile.rules,
            number_format=None if chosen is None else profiles.code_format(**chosen),
            approval=given.approval if approval is None else approval,
        )
    say(f"{territory} 的规则已保存 (第 {stored.revision} 版)，共 {len(stored.profile.rules)} 条。")


def register(app: typer.Typer) -> None:
    """Add ``onegrid profile``."""
    app.add_typer(group, name="profile")


def _document(file: Path) -> NewProfile:
    """Return what ``show --json`` wrote, edited since, perhaps by an editor that marks UTF-8."""
    try:
        return NewProfile.model_validate_json(file.read_bytes().removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:FAULTS_SHOWN]
        ]
        raise ProfileError(
            f"“{file.name}”不是一套规则：{'；'.join(told)}。",
            f"{file.name} is no profile of rules",
            remedy="请以 onegrid profile show 辖区编码 --json 的输出为底稿修改，保存为 UTF-8。",
        ) from error


def _switched(profile: Profile, names: Iterable[str], *, on: bool) -> list[Rule]:
    return [replace(_rule(profile, _key(name)), on=on) for name in names]


def _rule(profile: Profile, key: tuple[str, str]) -> Rule:
    level, name = key
    found = [rule for rule in profile.rules if (rule.level, rule.rule) == key]
    return found[0] if found else Rule(name, level)


def _key(text: str) -> tuple[str, str]:
    name, _, level = text.strip().partition("@")
    if name not in KINDS:
        raise ProfileError(
            f"没有叫 {name} 的规则。", f"no rule {name}", remedy=f"可用的规则：{'、'.join(KINDS)}。"
        )
    return level or DEFAULT_LEVEL, name


def _band(text: str) -> tuple[tuple[str, str], float | None, float | None]:
    name, _, numbers = text.partition("=")
    least, dash, most = numbers.strip().partition("-")
    try:
        ends = [float(end) if end.strip() else None for end in (least, most)]
    except ValueError:
        ends = []
    if not dash or not ends:
        raise ProfileError(
            f"“{text}”不是上下限。",
            f"{text!r} is no band",
            remedy="例如 households=300-500、compactness=0.1-。",
        )
    return _key(name), ends[0], ends[1]


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"
