"""The command line: ``onegrid``. One module per group of commands; each has ``register(app)``."""

from __future__ import annotations

from api.cli.console import Group, new_app

__all__ = ["Group", "app"]

app = new_app("OneGrid 一网格: 网格划分、检查、分配、查询、发布")


def _register_all() -> None:
    from importlib import import_module  # noqa: PLC0415
    from importlib.util import find_spec  # noqa: PLC0415

    for name in (
        "demo",
        "serve",
        "load",
        "check",
        "assign",
        "circles",
        "publish",
        "lookup",
        "brief",
        "export",
        "user",
        "db",
    ):
        if find_spec(f"api.cli.{name}") is not None:
            import_module(f"api.cli.{name}").register(app)


_register_all()
