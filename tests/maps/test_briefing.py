"""A briefing page says what the data say, loads nothing, and is the same for the same data."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import shapely

from maps.briefing import write_briefing
from maps.inline import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from maps.briefing_data import BriefingData

    Make = Callable[..., BriefingData]


@pytest.fixture
def page(make_briefing: Make) -> str:
    return write_briefing(make_briefing())


def _text(page: str) -> str:
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def _collections(page: str) -> list[dict[str, Any]]:
    """Return the GeoJSON that Folium wrote into the page."""
    return [json.loads(match[1]) for match in re.finditer(r"_add\((\{.*?\})\);\n", page)]


def test_page_makes_no_request(page: str) -> None:
    assert list(requests(page)) == []
    for library in ("jquery", "bootstrap", "awesome"):
        assert library not in page.lower()


def test_same_data_same_page(make_briefing: Make) -> None:
    assert write_briefing(make_briefing()) == write_briefing(make_briefing())


@pytest.mark.parametrize(
    "words",
    [
        "棋盘镇 网格简报", "版本 board-v1", "自 2026-01-02 起", "数据日期 2026-01-01", "示意数据", "来源：测试数据",
        "内部工作用图", "图例", "第1网格", "南居委会", "1,240", "1,230", "辖区外 4，无位置 6", "18%", ">99.9%",
        "党群服务中心", "第1网格与第2网格之间有缺口。", "检查于 2026-01-03", "未知", "步行 15 分钟可达", "测试用。",
    ],
)  # fmt: skip
def test_page_says(page: str, words: str) -> None:
    assert words in _text(page)


def test_the_head_counts_who_is_in_the_zones_and_says_who_is_not(page: str) -> None:
    """Its people are those of the zones: so must its households be, or 1,240 households would have 2,700 people."""
    head = _text(page.partition("<figure")[0])
    assert "4 网格 1,230 户 2,700 人口" in head
    assert "10 未归格的户" in head


def test_levels_that_agree_share_a_row_of_the_accounts(make_briefing: Make) -> None:
    grid = make_briefing().reconciliation
    street = grid.assign(level="street", level_name="街镇")
    party = grid.assign(level="party", level_name="党建网格", assigned=1200, gap=30)
    two = _text(write_briefing(make_briefing(reconciliation=pd.concat([street, grid]))))
    assert "户 全部层级 1,240 1,230 10 辖区外 4，无位置 6" in two
    three = _text(write_briefing(make_briefing(reconciliation=pd.concat([street, grid, party]))))
    assert "户 街镇、网格 1,240 1,230 10 辖区外 4，无位置 6" in three
    assert "户 党建网格 1,240 1,200 40 辖区外 4，缺口内 30，无位置 6" in three


def test_the_legend_explains_what_is_drawn_and_nothing_else(make_briefing: Make) -> None:
    data = make_briefing()
    warned = _text(write_briefing(make_briefing(faults=data.faults.assign(severity="warning"))))
    assert "问题编号（错误）" in _text(write_briefing(data))
    assert "问题编号（错误）" not in warned


def test_scale_and_north_are_drawn(page: str) -> None:
    assert "L.control.scale({imperial: false" in page
    assert 'class="north"' in page


def test_real_data_are_not_called_synthetic(make_briefing: Make) -> None:
    assert "示意数据" not in write_briefing(make_briefing(synthetic=False))


def test_zones_keep_their_common_borders(page: str) -> None:
    zones = _collections(page)[0]["features"]
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in zones]
    assert shapely.coverage_is_valid(shapes)
    assert [feature["properties"]["household"] for feature in zones] == ["310", "420", "500", "未知"]
    assert shapely.union_all(shapes).area == pytest.approx(4e-4, rel=1e-4)


def test_names_cannot_become_markup(make_briefing: Make) -> None:
    data = make_briefing()
    data.zones.loc[0, "name"] = "<img src=x onerror=alert(1)>`${alert(2)}`</script>"
    data.stations.loc[0, "address"] = '"><script>alert(3)</script>'
    page = write_briefing(data)
    assert "<img src=x" not in page
    assert "<script>alert(3)" not in page
    assert list(requests(page)) == []
    properties = [one["properties"] for found in _collections(page) for one in found["features"]]
    assert all("<" not in str(value) for one in properties for value in one.values())


def test_layer_that_is_no_partition_is_drawn_as_it_is(make_briefing: Make) -> None:
    data = make_briefing(partition=False, wider=())
    data.zones.loc[0, "geometry"] = shapely.box(121.40, 31.06, 121.415, 31.07)
    page = write_briefing(data)
    shapes = [shapely.geometry.shape(one["geometry"]) for one in _collections(page)[0]["features"]]
    assert shapes[0].intersection(shapes[1]).area == pytest.approx(5e-5, rel=1e-3)


def test_level_with_a_gap_is_drawn_too(make_briefing: Make) -> None:
    data = make_briefing()
    data.zones.loc[0, "geometry"] = shapely.box(121.40, 31.06, 121.4095, 31.07)
    assert "南居委会" in _text(write_briefing(data))


def test_nothing_loaded_yet_is_said(make_briefing: Make) -> None:
    data = make_briefing()
    empty = make_briefing(
        stations=data.stations.iloc[:0], circles=data.circles.iloc[:0], faults=data.faults.iloc[:0],
        coverage=data.coverage.iloc[:0], reconciliation=data.reconciliation.iloc[:0], streets=data.streets.iloc[:0],
        checked_at=None, walk_speed_mps=None, valid_from=None,
    )  # fmt: skip
    text = _text(write_briefing(empty))
    for words in ("尚未计算服务圈", "尚未归格", "本版本尚未检查"):
        assert words in text


def test_many_zones_are_summed_by_parent(make_briefing: Make) -> None:
    data = make_briefing()
    columns, rows = 21, 20
    xs = [round(121.40 + 0.001 * k, 8) for k in range(columns + 1)]
    ys = [round(31.06 + 0.001 * k, 8) for k in range(rows + 1)]
    cells = [shapely.box(xs[c], ys[r], xs[c + 1], ys[r + 1]) for r in range(rows) for c in range(columns)]
    records = pd.DataFrame(
        {
            "code": [f"G{k:03d}" for k in range(len(cells))], "name": [f"网格{k}" for k in range(len(cells))],
            "kind": "general", "parent": ["C1" if k < 210 else "C2" for k in range(len(cells))], "area_m2": 1e4,
            "household": [100 + k % 7 for k in range(len(cells))], "business": 1, "institution": 0, "people": 250,
        }
    )  # fmt: skip
    records["community"], records["street"] = records["parent"], "T"
    zones = data.zones.iloc[:0].__class__(records, geometry=cells, crs=data.zones.crs)
    text = _text(write_briefing(make_briefing(zones=zones)))
    assert "按社区/村汇总" in text
    assert "C1 南居委会 210 21,630 100 106 2.100 km²" in text
    assert "网格17 " not in text.split("网格一览")[1]
