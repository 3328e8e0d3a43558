"""``onegrid user`` and ``onegrid lookup``, as a person at a terminal uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.store import accounts, audit, credentials
from api.store.engine import session

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "correct-Horse-7"  # noqa: S105  of accounts that live for one test


@pytest.fixture
def onegrid(database: str) -> Callable[..., Any]:
    """Return a way to run commands on a fresh database."""
    assert database
    return lambda *words, **more: CliRunner().invoke(app, list(words), **more)


def test_an_account_from_its_first_day_to_its_last(onegrid: Callable[..., Any]) -> None:
    made = onegrid("user", "add", "zhang", "--role", "planner", "--display-name", "张三")
    assert made.exit_code == 0, made.output
    token = made.output.split("token=")[1].strip()
    with session() as opened:
        assert credentials.sign_in_by_link(opened, token).caller.role == "planner"
    assert onegrid("user", "password", "zhang", input=f"{PASSWORD}\n{PASSWORD}\n").exit_code == 0
    with session() as opened:
        credentials.sign_in(opened, "zhang", PASSWORD, tries=5, lockout_minutes=15)
    assert onegrid("user", "role", "zhang", "viewer").exit_code == 0
    key = onegrid("user", "key", "add", "zhang", "接口").output.split()[-1]
    with session() as opened:
        assert credentials.caller_of_key(opened, key).name == "zhang"
    assert "接口" in onegrid("user", "key", "list", "zhang").output
    assert onegrid("user", "key", "revoke", "zhang", "接口").exit_code == 0
    assert "张三" in onegrid("user", "list").output
    assert "token=" in onegrid("user", "link", "zhang").output
    for act in ("unlock", "close", "open"):
        assert onegrid("user", act, "zhang").exit_code == 0
    with session() as opened:
        actions = [event.action for event in audit.list_events(opened) if event.account == audit.COMMAND_LINE]
    assert actions == [
        "account.open", "account.close", "account.unlock", "link.add", "key.revoke", "key.add", "account.role",
        "account.password", "link.add", "account.add",
    ]  # fmt: skip


def test_grants_on_the_command_line(onegrid: Callable[..., Any], make_board: Callable[..., Any]) -> None:
    from api.store import places  # noqa: PLC0415

    with session() as opened:
        places.load_place(opened, make_board(households=10))
    onegrid("user", "add", "li")
    assert onegrid("user", "grant", "li", "board", "--personal-data").exit_code == 0
    with session() as opened:
        (entry,) = accounts.list_accounts(opened)
        assert entry.grants == (accounts.GrantedSubtree("board", None, personal_data=True),)
    assert "board/*" in onegrid("user", "list").output
    assert onegrid("user", "revoke", "li", "board").exit_code == 0
    assert onegrid("user", "revoke", "li", "board").exit_code == 1


def test_what_is_wrong_is_said(onegrid: Callable[..., Any]) -> None:
    for words in (("link", "nobody"), ("add", "x", "--role", "emperor"), ("key", "revoke", "nobody", "k")):
        assert onegrid("user", *words).exit_code == 1
    onegrid("user", "add", "zhang")
    assert onegrid("user", "password", "zhang", input="short\nshort\n").exit_code == 1


def test_lookup_on_the_command_line(onegrid: Callable[..., Any], town: Any) -> None:
    from api.store import places  # noqa: PLC0415

    with session() as opened:
        places.load_place(opened, town)
    found = onegrid("lookup", "北桥路8号")
    assert found.exit_code == 0, found.output
    assert "东北网格" in found.output
    assert "town-v1" in found.output
    assert '"version": "town-v1"' in onegrid("lookup", "--lon", "121.405", "--lat", "31.065", "--json").output
    missed = onegrid("lookup", "北桥路12号")
    assert missed.exit_code == 1
    assert "北桥路10号" in missed.output
    far = onegrid("lookup", "--lon", "120", "--lat", "30", "--territory", "town")
    assert "在辖区外" in far.output
