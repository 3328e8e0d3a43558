"""多格合一 as Excel: it says what the fusion says, its sums add up and say so, codes stay text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import geopandas as gpd
import openpyxl
import pytest
from shapely import Point, box

from geo.fusion import FusionProfile, fuse
from maps.fusion import CODES_MOST, COVERED, FusionReport, write_fusion

WEST, MIDDLE, EAST, SOUTH, NORTH = 121.40, 121.41, 121.42, 31.06, 31.07


@pytest.fixture(scope="module")
def report() -> FusionReport:
    """Fuse three layers of a small place.

    ::

        party   | 01 | 02 |   02 reaches east out of the territory; 03 lies whole under 01
        order   |   X  |  |   X goes a fifth into 02; nothing east of it
    """
    party = {
        "01": box(WEST, SOUTH, MIDDLE, NORTH),
        "02": box(MIDDLE, SOUTH, EAST + 0.01, NORTH),
        "03": box(WEST + 0.001, SOUTH + 0.001, WEST + 0.002, SOUTH + 0.002),
    }
    order = {"X": box(WEST, SOUTH, MIDDLE + 0.002, NORTH)}
    homes = [(WEST + 0.005, 3), (MIDDLE + 0.001, 2), (EAST - 0.001, None), (EAST + 0.005, 4), (122.0, 7)]
    subjects = gpd.GeoDataFrame(
        {"kind": "household", "people": [people for _, people in homes]},
        geometry=[Point(lon, 31.065) for lon, _ in homes],
        crs="EPSG:4490",
    )
    layers = {
        name: gpd.GeoDataFrame({"code": list(zones)}, geometry=list(zones.values()), crs="EPSG:4490")
        for name, zones in (("party", party), ("order", order))
    }
    profile = FusionProfile(households=(2.0, 500.0))
    fused = fuse(
        layers,
        boundary=box(WEST, SOUTH, EAST, NORTH),
        subjects=subjects.astype({"people": "Int64"}),
        leading="party",
        profile=profile,
    )
    return FusionReport(
        source=[("辖区", "小镇"), ("版本", "town-v1")],
        fused=fused,
        layers={"party": "党建网格", "order": "综治网格"},
        zone_names={"party": {"01": "一号"}},
        decided=True,
        within="社区",
        pins={7: "02"},
        profile=profile,
        fused_at=datetime(2026, 1, 31, 20, 0, tzinfo=UTC),
        made_at=datetime(2026, 2, 1, 0, 30, tzinfo=UTC),
    )


def read(written: bytes) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return the lines above the table, and the rows, of each sheet."""
    found = {}
    for sheet in openpyxl.load_workbook(BytesIO(written)):
        lines = list(sheet.iter_rows(values_only=True))
        at = int(str(sheet.freeze_panes)[1:]) - 2
        head = {str(line[0]): line[1] for line in lines[:at]}
        found[sheet.title] = (head, [dict(zip(lines[at], line, strict=True)) for line in lines[at + 1 :]])
    return found


def test_every_sheet_says_what_it_was_made_of(report: FusionReport) -> None:
    sheets = read(write_fusion(report))
    assert list(sheets) == ["汇总", "新旧对照", "分歧", "新网格"]
    for head, rows in sheets.values():
        assert (head["辖区"], head["版本"]) == ("小镇", "town-v1")
        assert (head["合一时间"], head["制表时间"]) == ("2026-02-01 04:00", "2026-02-01 08:30")
        assert rows
    head, _ = sheets["汇总"]
    assert head["主导图层"] == "党建网格（规划员选定）"
    assert "每格 2–500 户" in head["规则"]
    assert "新网格不跨社区" in head["规则"]
    assert head["指定归属"] == "1 个：单元 7 归 02"
    voted = read(write_fusion(replace(report, decided=False, within=None, pins={})))["汇总"][0]
    assert voted["主导图层"] == "无，各图层表决（以党建网格为底）"
    assert (voted["指定归属"], "不跨" in voted["规则"]) == ("无", False)


def test_layers_and_new_grids_add_up_to_all_cells(report: FusionReport) -> None:
    _, rows = read(write_fusion(report))["汇总"]
    whole = next(row for row in rows if row["项目"] == "合计")
    assert (whole["户数"], whole["人口(已知)"], whole["人口不详(户)"]) == (4, 9, 1)
    for items in (("旧网格", "没有旧网格的地方"), ("新网格", "不归新网格的地方")):
        for name in ("党建网格", "综治网格") if items[0] == "旧网格" else ("合一方案", "辖区外"):
            own = [
                row for row in rows if row["项目"] in items and (row["名称"] == name or items[0] == "新网格")
            ]
            assert sum(row["户数"] for row in own) == whole["户数"], name
            assert sum(row["面积(平方米)"] for row in own) == pytest.approx(whole["面积(平方米)"]), name
    assert {row["名称"]: row["个数"] for row in rows if row["项目"] == "旧网格"} == {
        "党建网格": 3,
        "综治网格": 1,
    }
    assert {row["核对"] for row in rows if row["核对"]} == {"平"}
    (lost,) = (row for row in rows if row["项目"] == "没有计入的对象")
    assert (lost["名称"], lost["个数"], lost["人口(已知)"]) == ("户：辖区外", 1, 7)
    counts = report.fused.conflicts["kind"].value_counts().to_dict()
    told = {row["编码"]: row["个数"] for row in rows if row["项目"] == "分歧"}
    assert {kind: count for kind, count in told.items() if count} == counts
    assert len(told) == 6


def test_a_crosswalk_that_lost_somebody_does_not_balance(report: FusionReport) -> None:
    crosswalk = report.fused.crosswalk
    lost = crosswalk.drop(crosswalk.index[(crosswalk["code"] == "01") & (crosswalk["household"] > 0)])
    _, rows = read(write_fusion(replace(report, fused=replace(report.fused, crosswalk=lost))))["汇总"]
    assert {row["编码"]: row["核对"] for row in rows if row["项目"] == "旧网格"} == {
        "party": "不平，请重新合一",
        "order": "平",
    }


def test_the_crosswalk_names_old_and_new_and_what_is_neither(report: FusionReport) -> None:
    _, rows = read(write_fusion(report))["新旧对照"]
    assert len(rows) == len(report.fused.crosswalk)
    first = next(row for row in rows if row["旧网格"] == "01")
    assert (first["图层"], first["图层编码"], first["旧网格名称"]) == ("党建网格", "party", "一号")
    assert {row["新网格"] for row in rows if row["旧网格"] == "03"} == {COVERED}
    assert "（辖区外）" in {row["新网格"] for row in rows if row["旧网格"] == "02"}
    assert {row["图层编码"] for row in rows if row["旧网格"] == "（没有网格）"} == {"order"}
    share = sum(row["占旧网格面积(%)"] for row in rows if row["旧网格"] == "02")
    assert share == pytest.approx(100, abs=0.02)


def test_disagreements_and_new_grids_explain_themselves(report: FusionReport) -> None:
    sheets = read(write_fusion(report))
    _, rows = sheets["分歧"]
    assert [row["说明"] for row in rows] == report.fused.conflicts["message"].tolist()
    missing = next(row for row in rows if row["类型"] == "单层缺失")
    assert (missing["涉及图层"], missing["各图层网格"]) == (
        "党建网格、综治网格",
        "党建网格：02；综治网格：无",
    )
    assert MIDDLE < missing["经度(CGCS2000)"] < EAST
    _, grids = sheets["新网格"]
    assert [row["新网格"] for row in grids] == report.fused.proposal["code"].tolist()
    assert {row["主导图层的网格"] for row in grids} <= {"01", "02"}
    assert [row["说明"] for row in grids] == report.fused.proposal["explanation"].tolist()
    assert [row["越限"] or "" for row in grids] == report.fused.proposal["rule"].tolist()
    assert {row["类型"] for row in grids} == {"综合网格"}


def test_codes_of_a_whole_district_fit_into_a_cell(report: FusionReport) -> None:
    conflicts = report.fused.conflicts.copy()
    many = [f"3101121030{number:05d}" for number in range(3000)]
    conflicts["codes"] = [{"order": ["X"], "party": many}] * len(conflicts)
    _, rows = read(write_fusion(replace(report, fused=replace(report.fused, conflicts=conflicts))))["分歧"]
    told = rows[0]["各图层网格"]
    assert told.startswith(f"党建网格：{many[0]}、")
    assert told.endswith(" 等 3,000 个；综治网格：X")
    assert told.count("、") == CODES_MOST - 1
