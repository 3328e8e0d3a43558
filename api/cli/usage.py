"""What is wrong with how a command was written, in Chinese above typer's own English; and what exit codes mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from typer._click.exceptions import UsageError  # typer's own, vendored click

from api.store.refusals import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Container

    import typer

DONE, REFUSED, MISWRITTEN, FAULTY = 0, 1, 2, 3

EXIT_CODES: Final = {
    DONE: "done",
    REFUSED: "refused or failed, nothing half done: the message says why and what to do",
    MISWRITTEN: "the command was written wrongly: an unknown command or option, a missing or impossible value",
    FAULTY: "`onegrid check --fail` only: checked, and there are errors",
}
"""Exit code → what it says, the same for every command."""

_WORDS: Final = (
    (r"Missing (?:argument|parameter) '(.+?)'.*", r"缺少参数 \1。"),
    (r"Missing option '(.+?)'.*", r"缺少选项 \1。"),
    (r"Missing command\.", "缺少子命令。"),
    (r"No such command '(.+?)'\. Did you mean (.+)\?", r"没有命令“\1”，是不是 \2？"),
    (r"No such command '(.+?)'\.", r"没有命令“\1”。"),
    (r"No such option: (\S+) \(Possible options: (.+)\)", r"没有选项 \1，是不是 \2？"),
    (r"No such option: (\S+)", r"没有选项 \1。"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", r"多出了 \1；含空格的值请加引号。"),
    (r"Option '(.+?)' requires an argument\.", r"选项 \1 后面缺少值。"),
    (r"Option '(.+?)' requires (\d+) arguments\.", r"选项 \1 后面要有 \2 个值。"),
    (r"Option '(.+?)' does not take a value\.", r"选项 \1 不带值。"),
)
_VALUES: Final = (
    (r"Input should be a valid integer.*", "应为整数"),
    (r"Input should be a valid number.*", "应为数字"),
    (r"Input should be a finite number.*", "应为有限的数字"),
    (r"Input should be greater than or equal to (.+)", r"应不小于 \1"),
    (r"Input should be greater than (.+)", r"应大于 \1"),
    (r"Input should be less than or equal to (.+)", r"应不大于 \1"),
    (r"Input should be less than (.+)", r"应小于 \1"),
    (r"Value error, '(.*)' is not one of (.+)\.", r"没有“\1”，可选 \2"),
    (r"\w+ '(.+)' does not exist\.", r"没有“\1”这个文件或文件夹"),
    (r"\w+ '(.+)' is a directory\.", r"“\1”是文件夹，应为文件"),
    (r"\w+ '(.+)' is a file\.", r"“\1”是文件，应为文件夹"),
    (r"\w+ '(.+)' is not readable\.", r"无权读取“\1”"),
    (r"\w+ '(.+)' is not writable\.", r"无权写入“\1”"),
)


class BilingualUsageError(UsageError):
    """What is wrong with how a command was written, in Chinese and English."""

    exit_code = MISWRITTEN


def in_chinese(message: str) -> str | None:
    """Return what one of typer's English messages says, None where it is not known.

    Examples
    --------
    >>> in_chinese("Missing option '--reason'.")
    '缺少选项 --reason。'
    >>> in_chinese("Invalid value for '--count' / '-n': Input should be greater than or equal to 1")
    '--count / -n 的值不对：应不小于 1。'
    """
    if found := re.fullmatch(r"Invalid value for (.+?): (.*)", message, re.DOTALL):
        return f"{found[1].replace(chr(39), '')} 的值不对：{_told(found[2], _VALUES) or '格式不正确'}。"
    return _told(message, _WORDS)


def bilingual(error: UsageError) -> UsageError:
    """Return what is wrong with how a command was written with Chinese words above the English ones."""
    # Help that is shown for want of arguments is an error in typer's eyes, and has its own words.
    if type(error).__name__ == "NoArgsIsHelpError" or isinstance(error, BilingualUsageError):
        return error
    english = error.format_message()
    chinese = in_chinese(english) or "命令无法执行，见下面的英文说明。"
    return BilingualUsageError(f"{chinese}\n{english}", error.ctx)


def _told(message: str, words: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, chinese in words:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return found.expand(chinese)
    return None


def refuse_idle(context: typer.Context, names: Container[str], zh: str, remedy: str) -> None:
    """Refuse options that were given but would do nothing.

    Parameters
    ----------
    context
        Of the command.
    names
        The parameters that do nothing here.
    zh
        Why, after the names of the options.
    remedy
        What to write instead.

    Raises
    ------
    InvalidRequestError
        One of them was given.
    """
    given = []
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if option.name in names and source is not None and source.name == "COMMANDLINE":
            given.append(option.opts[0])
    if given:
        raise InvalidRequestError(
            f"{'、'.join(given)} {zh}。", f"options that do nothing here: {given}", remedy=remedy
        )
