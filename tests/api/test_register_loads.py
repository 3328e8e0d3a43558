"""A register goes round: downloaded, changed in Excel, loaded back; telephones that it masks are not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openpyxl
import pandas as pd
import pytest
from sqlalchemy.orm import Session

from api.store import places, registers, versions
from api.store.audit import Actor
from api.store.engine import get_engine
from api.store.register_loads import load_register
from api.store.zonesets import read_zones
from geo import files
from maps.register import write_register
from tests.api.test_load_command import onegrid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

PHONE = "13812345678"


@pytest.fixture
def register(database: str, make_board: Callable, tmp_path: Path) -> Path:
    """Return the register of a board whose first grid has a head with a telephone."""
    assert database
    place = make_board(code="board")
    first = place.zones.index[place.zones["level"] == "grid"][0]
    staff = [{"role": "网格长", "name": "王芳", "phone": PHONE}]
    place.zones["staff"] = [staff if row == first else [] for row in place.zones.index]
    with Session(get_engine()) as session, session.begin():
        version = places.load_place(session, place).version
        told = registers.register_of_version(session, version, "grid", Actor())
        (tmp_path / "台账.xlsx").write_bytes(write_register(told))
    return tmp_path / "台账.xlsx"


def zones() -> tuple[str, gpd.GeoDataFrame]:
    with Session(get_engine()) as session:
        newest = versions.list_versions(session, "board")[0]
        return newest.code, read_zones(session, newest, "grid").set_index("code")


def change(path: Path, cells: dict[str, str]) -> str:
    """Write into the first zone's row; return its code."""
    book = openpyxl.load_workbook(path)
    sheet = book.active
    head = next(row for row in sheet.iter_rows() if row[0].value == "序号")
    at = {cell.value: cell.column for cell in head}
    row = head[0].row + 1
    for heading, value in cells.items():
        sheet.cell(row, at[heading]).value = value
    book.save(path)
    return str(sheet.cell(row, at["网格编码"]).value)


def test_unchanged_it_changes_nothing(register: Path) -> None:
    _, before = zones()
    onegrid("load", register, "--kind", "register", "--territory", "board")
    version, after = zones()
    assert version == "board-v2"
    columns = ["name", "kind", "staff", "attributes"]
    assert before[columns].to_dict() == after[columns].to_dict()
    assert before.geometry.geom_equals_exact(after.geometry, 0).all()


def test_names_staff_and_remarks_come_back_and_telephones_stay(register: Path) -> None:
    cells = {
        "名称": "一号",
        "类型": "专属网格",
        "专职/兼职/微网格员": "专职:李明、兼职:赵强",
        "党支部": "第一支部",
    }
    code = change(register, cells)
    assert "更新了 1 个网格" in onegrid("load", register, "--kind", "register", "--territory", "board").output
    zone = zones()[1].loc[code]
    assert (zone["name"], zone["kind"], zone["attributes"]["党支部"]) == ("一号", "dedicated", "第一支部")
    assert zone["staff"] == [
        {"role": "网格长", "name": "王芳", "phone": PHONE},
        {"role": "专职", "name": "李明"},
        {"role": "兼职", "name": "赵强"},
    ]
    change(register, {"网格长": "李明", "专职/兼职/微网格员": "未知", "联系电话(脱敏)": "李明:13900000000"})
    onegrid("load", register, "--kind", "register", "--territory", "board")
    assert zones()[1].loc[code, "staff"] == [{"role": "网格长", "name": "李明", "phone": "13900000000"}]


def test_codes_that_are_no_zones_are_all_named_and_nothing_is_loaded(register: Path) -> None:
    change(register, {"网格编码": "XX"})
    told = onegrid("load", register, "--kind", "register", "--territory", "board", code=1).output
    assert "XX" in told
    assert zones()[0] == "board-v1"
    table = files.read_table(register)
    with Session(get_engine()) as session, pytest.raises(ValueError, match="重复"):
        load_register(session, "board", pd.concat([table.iloc[1:]] * 2))
