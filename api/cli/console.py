"""What all commands share at the terminal: tables, progress bars, and failures in a planner's words."""

from __future__ import annotations

import errno
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from typer import rich_utils
from typer._click.exceptions import UsageError  # typer's own, vendored click
from typer.core import TyperGroup

from api.cli.usage import REFUSED, bilingual
from api.settings import Settings
from geo.errors import BadRecordsError, FileFormatError, GeoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

out = Console()
"""Results."""

err = Console(stderr=True)
"""Progress and failures: not part of a result that is piped on."""

FAULTS_SHOWN = 50

rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.ERRORS_PANEL_TITLE = "命令写法不对"
rich_utils.RICH_HELP = "用 [blue]'{command_path} {help_option}'[/] 查看用法。"
rich_utils.ABORTED_TEXT = "已取消。"

# GDAL's remarks on single features: what matters of them is reported with its row.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"pyogrio\.")


class Group(TyperGroup):
    """Commands whose known failures end with a message instead of a stack trace."""

    def make_context(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401  typer's own, vendored click
        """Read the words of a command line; say in Chinese too what is wrong with them."""
        try:
            return super().make_context(*args, **more)
        except UsageError as error:
            raise bilingual(error) from error

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  typer's own, vendored click
        """Run a command; show what a planner can mend, let defects surface as they are."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise bilingual(error) from error
        except BadRecordsError as error:
            show_failure(error)
            show_faults(error.faults.to_dict("records"))
            raise typer.Exit(REFUSED) from error
        except GeoError as error:
            show_failure(error)
            raise typer.Exit(REFUSED) from error
        except ValidationError as error:
            if error.title != Settings.__name__:
                raise
            show_failure(_wrong_settings(error))
            raise typer.Exit(REFUSED) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of the output has gone: click ends quietly
                raise
            show_failure(_unusable(error))
            raise typer.Exit(REFUSED) from error


def _wrong_settings(error: ValidationError) -> GeoError:
    told = [f"ONEGRID_{str(fault['loc'][0]).upper()} ({fault['msg']})" for fault in error.errors()]
    return GeoError(
        f"设置的值不对: {'、'.join(told)}。",
        "settings that cannot be used",
        remedy="请改正或删去这些环境变量；可用的设置见 .docs/REFERENCE.md。",
    )


def _unusable(error: OSError) -> GeoError:
    return FileFormatError(
        f"无法读写{f'“{error.filename}”' if error.filename else '文件'}: {error.strerror or error}。",
        str(error),
        remedy="请检查路径、权限与磁盘空间，并关闭正在使用它的程序。",
    )


def new_app(meaning: str, *, group: type[Group] = Group) -> typer.Typer:
    """Return a group of commands."""
    return typer.Typer(
        help=meaning, cls=group, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )


def show_failure(error: GeoError) -> None:
    """Show what is wrong and what to do."""
    lines = [f"[bold]{_plain(error.zh)}[/]"]
    if error.remedy:
        lines.append(_plain(error.remedy))
    lines.append(f"[dim]{_plain(error.en)}[/]")
    err.print(Panel("\n".join(lines), title="出错", border_style="red", title_align="left"))


def show_faults(faults: Sequence[dict[Any, Any]]) -> None:
    """Show bad rows of a file: file, row, column, value, problem, remedy."""
    rows = [
        # Row 0: the file as a whole, where its headings are no row.
        [str(fault.get(name) or "") for name in _FAULT_COLUMNS]
        for fault in faults[:FAULTS_SHOWN]
    ]
    left = len(faults) - len(rows)
    err.print(
        table(
            f"{len(faults)} 处问题" + (f"，只列前 {FAULTS_SHOWN} 处" if left else ""),
            _FAULT_COLUMNS.values(),
            rows,
        )
    )


_FAULT_COLUMNS = {
    "file": "文件",
    "row": "行",
    "column": "列",
    "value": "值",
    "problem": "问题",
    "remedy": "处理办法",
}


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def table(
    title: str, headers: Iterable[str], rows: Iterable[Sequence[object]], *, numbers: int | None = None
) -> Table:
    """Return a table; columns from the ``numbers``-th on are right-aligned, integers get thousands separators."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for position, header in enumerate(headers):
        right = numbers is not None and position >= numbers
        # Chinese has no spaces: a sentence that is longer than its column goes on in the next line, whole.
        made.add_column(header, justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def _cell(value: object) -> str:
    if value is None:
        return "未知"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int):
        return f"{value:,}"
    return _plain(str(value))


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """Yield ``progress(fraction, message)`` that moves a bar on the terminal (silent when it is none)."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("[dim]{task.fields[message]}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=1.0, message="")

        def tell(fraction: float, message: str) -> None:
            bar.update(task, completed=min(max(fraction, 0.0), 1.0), message=message)

        yield tell


def say(message: str) -> None:
    """Print one line of result."""
    out.print(_plain(message))


def warn(message: str) -> None:
    """Print one line that asks for attention."""
    err.print(f"[yellow]注意:[/] {_plain(message)}")
