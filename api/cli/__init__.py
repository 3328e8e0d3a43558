"""The command line: ``onegrid``. One module per group of commands; each has ``register(app)``.

A module is imported when its command is called: most commands need only a part of the kernel, and start in a
fraction of the time that all of it takes.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer

from api.cli.console import Group, new_app

MODULES = {
    "demo": "demo",
    "serve": "serve",
    "load": "load",
    "check": "check",
    "repair": "repair",
    "fuse": "fuse",
    "assign": "assign",
    "circles": "circles",
    "versions": "publish",
    "publish": "publish",
    "site": "site",
    "plan": "plan",
    "profile": "profile",
    "lookup": "lookup",
    "brief": "brief",
    "export": "export",
    "user": "user",
    "db": "db",
}
"""Commands in the order of the help, and the module of each."""


class LazyGroup(Group):
    """The commands of ``MODULES``, imported when called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Return the names of the commands."""
        del ctx
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401  a class of typer's own, vendored click
        """Import and return a command."""
        if cmd_name not in MODULES:
            return None
        part = new_app("")
        import_module(f"api.cli.{MODULES[cmd_name]}").register(part)
        part.callback()(_nothing)  # one command alone would not be a group
        return typer.main.get_group(part).get_command(ctx, cmd_name)


def _nothing() -> None:
    """Do nothing: what a group does before its command."""


app = new_app("OneGrid 一网格: 网格划分、检查、分配、查询、发布", group=LazyGroup)
app.callback()(_nothing)
