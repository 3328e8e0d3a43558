"""Files sent to the service: the words of ``onegrid load``, with the same meaning and the same errors."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
from shapely.geometry import box

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Web

ROW = ("户", 2, 121.4155, 31.075)
HEADINGS = ("类别", "人数", "经度", "纬度")


def load(web: Web, name: str, content: bytes, **fields: Any) -> Any:
    form = {"kind": "subjects", "territory": "town", "crs": "EPSG:4490", **fields}
    return web.program("planner").post("/api/load", data=form, files={"file": (name, content)})


def loaded(web: Web, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
    """Return the job that loaded a file, done or failed."""
    response = load(web, name, content, **fields)
    assert response.status_code == 202, response.text
    web.services.jobs.wait()
    state: dict[str, Any] = web.program("planner").get(f"/api/jobs/{response.json()['job']}").json()
    return state


def workbook(**sheets: list[tuple[Any, ...]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def test_the_sheet_is_named(web: Web) -> None:
    content = workbook(
        一社区=[("编码", *HEADINGS), ("S1", *ROW)], 二社区=[("编码", *HEADINGS), ("S2", *ROW), ("S3", *ROW)]
    )
    refused = loaded(web, "台账.xlsx", content)
    assert refused["status"] == "failed"
    assert "一社区、二社区" in refused["message"]
    state = loaded(web, "台账.xlsx", content, sheet="二社区")
    assert state["result"]["counts"]["subjects"] == 2, state
    assert "没有工作表" in loaded(web, "台账.xlsx", content, sheet="三社区")["message"]


def test_columns_are_named(web: Web) -> None:
    content = "房屋编号,人数,经度,纬度\nC1,2,121.4155,31.075\n".encode()
    state = loaded(web, "户.csv", content, column=["编码=房屋编号", "类别==户"])
    assert state["result"]["counts"]["subjects"] == 1, state
    (fault,) = loaded(web, "户.csv", content, column=["编码=门牌", "类别==户"])["result"]["faults"][:1]
    assert (fault["column"], fault["row"]) == ("门牌", 1)
    for wrong in ("编码", "房屋=房屋编号", "编码="):
        problem = load(web, "户.csv", content, column=[wrong])
        assert problem.status_code == 422
        assert f"“{wrong}”写法不对" in problem.json()["detail"]


def test_the_encoding_is_named(web: Web) -> None:
    content = ",".join(("编码", "名称", *HEADINGS)) + "\nE1,张三," + ",".join(map(str, ROW)) + "\n"
    state = loaded(web, "户.csv", content.encode("utf-16-le"), encoding="utf-16-le")
    assert state["status"] == "done", state
    assert "--encoding" in str(loaded(web, "户.csv", content.encode("utf-16-le")))
    assert "不认识的编码" in loaded(web, "户.csv", content.encode(), encoding="klingon")["message"]


@pytest.fixture
def layers(tmp_path: Path) -> bytes:
    """Two layers of one GeoPackage; a department's codes are its own."""
    path = tmp_path / "各条线.gpkg"
    zones = gpd.GeoDataFrame(
        {"编码": ["MZ-莘庄-07"], "名称": ["甲"]},
        geometry=[box(121.40, 31.06, 121.41, 31.07)],
        crs="EPSG:4490",
    )
    for name in ("民政", "城管"):
        pyogrio.write_dataframe(zones, path, layer=name, append=path.exists())
    return path.read_bytes()


def test_the_table_is_named_and_a_department_has_codes_of_its_own(web: Web, layers: bytes) -> None:
    fields = {"kind": "zones", "crs": ""}
    assert "民政、城管" in loaded(web, "各条线.gpkg", layers, level="civil", **fields)["message"]
    state = loaded(web, "各条线.gpkg", layers, level="民政网格", table="民政", **fields)
    assert state["status"] == "done", state
    zone = web.program("planner").get(f"/api/versions/{state['result']['version']}/zones/civil/MZ-莘庄-07")
    assert (zone.status_code, zone.json()["name"]) == (200, "甲"), zone.text
    refused = loaded(web, "各条线.gpkg", layers, level="grid", table="民政", **fields)
    assert refused["result"]["faults"][0]["problem"] == "编码格式不对"


def test_blank_fields_say_nothing(web: Web) -> None:
    """As a form sends those that were not filled in."""
    content = (",".join(("编码", *HEADINGS)) + "\nQ1," + ",".join(map(str, ROW)) + "\n").encode()
    blank = dict.fromkeys(("sheet", "table", "encoding", "column", "layer", "level"), "")
    assert loaded(web, "户.csv", content, **blank)["status"] == "done"


def test_a_file_without_rows_is_refused(web: Web) -> None:
    assert "没有数据行" in loaded(web, "户.csv", ",".join(("编码", *HEADINGS)).encode())["message"]
