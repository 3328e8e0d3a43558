"""The documents agree with the product: commands, settings and routes are in the reference, links lead somewhere."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import typer

from api.app import create_app
from api.cli import app as command_line
from api.cli.usage import EXIT_CODES
from api.services import Services
from api.settings import Settings
from api.store.jobs import JobRunner

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / ".docs" / "REFERENCE.md"
# Read at import: the fixtures take ONEGRID_ variables away.
WRITE = "ONEGRID_WRITE_REFERENCE" in os.environ


def commands(command, path="onegrid"):
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from commands(command.get_command(None, name), f"{path} {name}")
    else:
        yield path, command


def command_lines():
    for path, command in commands(typer.main.get_command(command_line)):
        arguments = [p for p in command.params if not p.opts[0].startswith("-")]
        usage = " ".join(
            f"{p.opts[0].upper()}" if p.required else f"[{p.opts[0].upper()}]" for p in arguments
        )
        yield f"### `{f'{path} {usage}'.strip()}`"
        yield ""
        yield " ".join((command.help or "").split())
        yield ""
        for p in command.params:
            names = ", ".join(f"`{name}`" for name in [*p.opts, *p.secondary_opts])
            must = " (必填)" if p.required and p not in arguments else ""
            yield f"- {names}{must}: {' '.join((p.help or '').split())}"
        yield ""


def exit_lines():
    yield "| exit code | meaning |"
    yield "| --- | --- |"
    for code, meaning in EXIT_CODES.items():
        yield f"| {code} | {meaning} |"


def setting_lines():
    yield "| variable | default | meaning |"
    yield "| --- | --- | --- |"
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default is None else f"`{field.default}`"
        yield f"| `ONEGRID_{name.upper()}` | {default} | {field.description} |"


def route_lines(document):
    yield "| route | what it does |"
    yield "| --- | --- |"
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            yield f"| `{method.upper()} {path}` | {operation.get('summary', '')} |"


def reference(document) -> str:
    parts = [
        "# Reference",
        "",
        "Every command, setting and route. Written by `ONEGRID_WRITE_REFERENCE=1 python -m pytest tests/test_docs.py`,",
        "and a test fails when it is no longer true.",
        "",
        "## Commands",
        "",
        "What is wrong with a command is told on standard error, in Chinese and English. The exit code is the same for",
        "every command:",
        "",
        *exit_lines(),
        "",
        *command_lines(),
        "## Settings",
        "",
        *setting_lines(),
        "",
        "## Routes",
        "",
        "Described with examples at `/docs` of a running service.",
        "",
        *route_lines(document),
        "",
    ]
    return "\n".join(parts)


@pytest.fixture
def document(engine):
    return create_app(Settings(), services=Services(Settings(), engine, JobRunner(engine))).openapi()


def test_the_reference_names_every_command_setting_and_route(document) -> None:
    text = reference(document)
    if WRITE:
        REFERENCE.write_text(text, encoding="utf-8")
    assert REFERENCE.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("page", ["README.md", *(f".docs/{p.name}" for p in (ROOT / ".docs").glob("*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_readme_names_every_make_target() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [t for t in targets if f"make {t}" not in readme] == []
