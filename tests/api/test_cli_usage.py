"""Commands that were written wrongly: told in Chinese and English, with one exit code."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.cli.usage import MISWRITTEN, in_chinese

WRONG = [
    (["site"], "缺少参数 version。", "Missing argument"),
    (["publish", "v1"], "缺少选项 --reason。", "Missing option"),
    (["sites"], "没有命令“sites”。", "No such command"),
    (["plan", "propos"], "没有命令“propos”，是不是 'propose'？", "Did you mean"),
    (["site", "v1", "--coun", "3"], "没有选项 --coun，是不是 --count？", "Possible options"),
    (["--nonsense"], "没有选项 --nonsense。", "No such option"),
    (["site", "v1", "more", "words"], "多出了 more words；", "unexpected extra"),
    (["site", "v1", "-n"], "选项 -n 后面缺少值。", "requires an argument"),
    (["check", "v1", "--fail=3"], "选项 --fail 不带值。", "does not take a value"),
    (["site", "v1", "-n", "two"], "--count / -n 的值不对：应为整数。", "valid integer"),
    (["site", "v1", "-n", "0"], "--count / -n 的值不对：应不小于 1。", "greater than or equal"),
    (["circles", "v1", "--speed", "fast"], "--speed 的值不对：应为数字。", "valid number"),
    (
        ["site", "v1", "--goal", "best"],
        "--goal 的值不对：没有“best”，可选 'coverage', 'walk'。",
        "not one of",
    ),
    (
        ["load", "no-such.shp", "--kind", "zones", "--territory", "t"],
        "没有“no-such.shp”这个文件",
        "not exist",
    ),
]


@pytest.mark.parametrize(("words", "chinese", "english"), WRONG, ids=[" ".join(one[0]) for one in WRONG])
def test_a_command_written_wrongly_says_why_in_two_languages(
    words: list[str], chinese: str, english: str
) -> None:
    result = CliRunner().invoke(
        app, words, terminal_width=200, env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}
    )
    assert result.exit_code == MISWRITTEN, result.output
    said = result.stderr.replace("│", "").replace("\n", " ")
    squeezed = "".join(said.split())
    assert "".join(chinese.split()) in squeezed, said
    assert "".join(english.split()) in squeezed, said
    assert squeezed.count("".join(english.split())) == 1, said


def test_what_is_not_known_is_left_to_the_english_words() -> None:
    assert in_chinese("Something new.") is None
    assert in_chinese("Invalid value for '--n': odd") == "--n 的值不对：格式不正确。"
