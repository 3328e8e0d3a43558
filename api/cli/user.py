"""``onegrid user``: accounts, grants, keys and sign-in links."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.settings import get_settings
from api.store import accounts, credentials
from api.store.engine import session

Name = Annotated[str, typer.Argument(help="账号名 account")]
Zone = Annotated[str | None, typer.Option("--zone", help="只授权这个网格及其下级 zone code; 不给则整个辖区")]

users = typer.Typer(
    help="账号、授权、密钥与登录链接 Accounts, grants, keys, sign-in links.", no_args_is_help=True
)
keys = typer.Typer(help="程序调用的密钥 API keys.", no_args_is_help=True)
users.add_typer(keys, name="key")

_console = Console()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(users, name="user")


@users.command()
def add(
    name: Name,
    role: Annotated[
        str, typer.Option(help="viewer 查看员, planner 规划员, publisher 发布员, admin 管理员")
    ] = "viewer",
    display_name: Annotated[str, typer.Option(help="姓名 name as shown")] = "",
    password: Annotated[bool, typer.Option("--password", help="现在设置密码 ask for a password")] = False,
) -> None:
    """新增账号；不设密码时给出一次性登录链接。Add an account."""
    with session() as opened:
        accounts.add_account(opened, name, display_name, role)
        if password:
            credentials.set_password(opened, name, _ask())
        token = None if password else credentials.make_link(opened, name)
    typer.echo(f"已新增账号 {name}（{accounts.ROLE_NAMES[role]}）。")
    if token is not None:
        _show_link(token)


@users.command("list")
def list_() -> None:
    """列出账号及其授权。List accounts and their grants."""
    table = Table("账号", "姓名", "角色", "状态", "授权")
    with session() as opened:
        for one in accounts.list_accounts(opened):
            state = "启用" if one.active else "停用"
            if one.locked_until is not None:
                state += f"，锁定至 {one.locked_until.astimezone():%m-%d %H:%M}"
            grants = "\n".join(
                f"{grant.territory}/{grant.zone or '*'}{'（可看个人信息）' if grant.personal_data else ''}"
                for grant in one.grants
            )
            table.add_row(one.name, one.display_name, accounts.ROLE_NAMES[one.role], state, grants)
    _console.print(table)


@users.command()
def password(name: Name) -> None:
    """设置密码，解除锁定，并结束该账号的全部登录。Set a password."""
    with session() as opened:
        credentials.set_password(opened, name, _ask())
    typer.echo(f"已设置 {name} 的密码。")


@users.command()
def role(name: Name, new: Annotated[str, typer.Argument(help="viewer, planner, publisher, admin")]) -> None:
    """更改角色。Change an account's role."""
    with session() as opened:
        accounts.set_role(opened, name, new)
    typer.echo(f"{name} 现在是{accounts.ROLE_NAMES[new]}。")


@users.command()
def grant(
    name: Name,
    territory: Annotated[str, typer.Argument(help="辖区编码 territory")],
    zone: Zone = None,
    personal_data: Annotated[
        bool, typer.Option("--personal-data", help="可看个人信息 may see persons")
    ] = False,
) -> None:
    """授权一个辖区，或其中一个网格及其下级。Grant a territory, or a zone with all below it."""
    with session() as opened:
        accounts.add_grant(opened, name, accounts.GrantedSubtree(territory, zone, personal_data))
    typer.echo(f"已授权 {name}：{territory}/{zone or '*'}。")


@users.command()
def revoke(
    name: Name, territory: Annotated[str, typer.Argument(help="辖区编码 territory")], zone: Zone = None
) -> None:
    """收回授权。Take a grant back."""
    with session() as opened:
        accounts.remove_grant(opened, name, territory, zone)
    typer.echo(f"已收回 {name} 的授权：{territory}/{zone or '*'}。")


@users.command()
def link(name: Name) -> None:
    """生成一次性登录链接。Make a one-time sign-in link."""
    with session() as opened:
        token = credentials.make_link(opened, name)
    _show_link(token)


@users.command()
def unlock(name: Name) -> None:
    """解除锁定。Unlock an account."""
    with session() as opened:
        accounts.unlock(opened, name)
    typer.echo(f"已解除 {name} 的锁定。")


@users.command("close")
def close(name: Name) -> None:
    """停用账号，结束其登录，其密钥同时失效。Close an account."""
    with session() as opened:
        accounts.set_active(opened, name, active=False)
    typer.echo(f"已停用 {name}。")


@users.command("open")
def open_(name: Name) -> None:
    """重新启用账号。Open a closed account again."""
    with session() as opened:
        accounts.set_active(opened, name, active=True)
    typer.echo(f"已启用 {name}。")


@keys.command("add")
def add_key(name: Name, key: Annotated[str, typer.Argument(help="密钥的用途 what it is for")]) -> None:
    """新增密钥，只显示这一次。Add an API key, shown this once."""
    with session() as opened:
        secret = credentials.add_key(opened, name, key)
    typer.echo("密钥只显示这一次，请妥善保存 (Authorization: Bearer …)：")
    typer.echo(secret)


@keys.command("list")
def list_keys(name: Name) -> None:
    """列出一个账号的密钥。List an account's keys."""
    table = Table("名称", "开头", "新增", "最近使用", "撤销")
    with session() as opened:
        for one in credentials.list_keys(opened, name):
            moments = (one.created_at, one.used_at, one.revoked_at)
            shown = (f"{at.astimezone():%Y-%m-%d %H:%M}" if at is not None else "" for at in moments)
            table.add_row(one.name, f"{one.prefix}…", *shown)
    _console.print(table)


@keys.command("revoke")
def revoke_key(name: Name, key: Annotated[str, typer.Argument(help="密钥的名称 its name")]) -> None:
    """撤销密钥，立即失效。Revoke a key at once."""
    with session() as opened:
        credentials.revoke_key(opened, name, key)
    typer.echo(f"已撤销 {name} 的密钥 {key}。")


def _ask() -> str:
    return str(typer.prompt("密码 password", hide_input=True, confirmation_prompt=True))


def _show_link(token: str) -> None:
    settings = get_settings()
    typer.echo(f"一次性登录链接（{credentials.LINK_MINUTES} 分钟内有效）：")
    typer.echo(f"http://{settings.host}:{settings.port}/sign-in?token={token}")
