"""``onegrid plan`` and ``onegrid site``, as a person at a terminal uses them."""

from __future__ import annotations

import re

import geopandas as gpd
import openpyxl
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.store import assignments, checks, drafts, places, plans, versions
from api.store.engine import session
from geo import files
from geo.plans import operations as op


@pytest.fixture
def board(database, make_board):
    """A board whose first ten households are institutions as well, published."""
    assert database
    place = make_board()
    place.subjects.loc[:9, "kind"] = "institution"
    with session() as opened:
        places.load_place(opened, place)
        assignments.assign(opened, "board-v1")
        checks.check(opened, "board-v1")
        versions.publish(opened, "board-v1", "首次发布")
    return place


def onegrid(*words: str):
    return CliRunner().invoke(app, list(words))


def test_a_plan_from_new_to_published_with_its_ledger(board, tmp_path) -> None:
    assert "基于 board-v1" in onegrid("plan", "new", "board", "调整").output
    with session() as opened:
        number = plans.list_plans(opened, "board")[0].id
        drafts.edit(
            opened,
            drafts.Rooms(),
            number,
            lambda draft: op.merge(draft, "grid", ["G0000", "G0001"]),
            revision=0,
        )
    written = tmp_path / "ledger.xlsx"
    shown = onegrid("plan", "ledger", str(number), "-o", str(written))
    assert "G0001" in shown.output
    moves = files.read(written, "subjects", declared="EPSG:4490").frame
    inside = gpd.sjoin(
        board.subjects[board.subjects.geometry.notna()],
        board.zones[board.zones["code"] == "G0001"][["geometry"]],
    )
    assert set(moves["code"]) == set(inside["code"])
    book = tmp_path / "清单.xlsx"
    assert "已写入" in onegrid("plan", "ledger", str(number), "--xlsx", str(book)).output
    opened = openpyxl.load_workbook(book)
    assert opened.sheetnames == ["汇总", "按网格", "按修改", "明细"]
    details = [[cell.value for cell in row] for row in opened["明细"].iter_rows(min_row=8)]
    assert {row[2] for row in details} == set(moves["code"])
    assert all(row[3] for row in details)  # who may run the command owns the database
    assert "board-v2" in onegrid("plan", "publish", str(number), "--reason", "会议通过").output
    assert "已发布" in onegrid("plan", "list", "board").output
    refused = onegrid("plan", "publish", str(number), "--reason", "再次")
    assert refused.exit_code == 1


def test_sites_are_chosen_among_institutions_and_written(board, tmp_path) -> None:
    written = tmp_path / "sites.geojson"
    shown = onegrid("site", "board-v1", "-n", "2", "--minutes", "5", "-o", str(written))
    assert shown.exit_code == 0, shown.output
    assert "已证明没有更好的选择" in shown.output
    # Every household of the town is accounted for, those without a place too.
    households = board.subjects[board.subjects["kind"] == "household"]
    line = " ".join(shown.output.split()).partition("核对: ")[2]
    *parts, total = (int(number.replace(",", "")) for number in re.findall(r" ([\d,]+)(?= [+=户])", line))
    assert len(parts) == 4
    assert sum(parts) == total == len(households)
    assert parts[-1] == households.geometry.isna().sum() > 0
    chosen = gpd.read_file(written)
    assert len(chosen) == 2
    assert set(chosen["code"]) <= set(board.subjects["code"][:10])


def test_more_sites_than_candidates_is_an_error_that_says_so(board) -> None:
    assert len(board.subjects)
    shown = onegrid("site", "board-v1", "-n", "11")
    assert shown.exit_code == 1
    assert "候选点有 10 个" in shown.output
