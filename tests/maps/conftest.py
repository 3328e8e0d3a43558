"""A briefing's data, drawn by hand: two communities of two grids each, one station, one gap."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from maps.briefing_data import BriefingData

if TYPE_CHECKING:
    from collections.abc import Callable

WEST, SOUTH, STEP = 121.40, 31.06, 0.01


def _square(column: int, row: int) -> shapely.Polygon:
    west, south = round(WEST + STEP * column, 8), round(SOUTH + STEP * row, 8)
    east, north = round(WEST + STEP * (column + 1), 8), round(SOUTH + STEP * (row + 1), 8)
    return shapely.Polygon([(west, south), (east, south), (east, north), (west, north)])


def _frame(records: list[dict[str, Any]], shapes: list[shapely.Geometry]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(pd.DataFrame(records), geometry=shapes, crs="EPSG:4490")


def _briefing() -> BriefingData:
    """Draw it.

    ::

        +----+----+
        | G3 | G4 |   community C2     G4's households are unknown
        +----+----+
        | G1 | G2 |   community C1     a station in G1, a gap between G1 and G2
        +----+----+
    """
    counts = {"G1": 310, "G2": 420, "G3": 500, "G4": None}
    zones = _frame(
        [
            {"code": code, "name": f"第{n}网格", "kind": "general", "parent": parent, "area_m2": 1.06e6,
             "household": households, "business": 12, "institution": 3, "people": None if households is None else 900,
             "community": parent, "street": "T"}
            for n, ((code, households), parent) in enumerate(
                zip(counts.items(), ("C1", "C1", "C2", "C2"), strict=True), start=1)
        ],
        [_square(0, 0), _square(1, 0), _square(0, 1), _square(1, 1)],
    )  # fmt: skip
    return BriefingData(
        version="board-v1",
        territory="棋盘镇",
        synthetic=True,
        source="测试数据",
        data_date="2026-01-01",
        map_approval="内部工作用图",
        level="grid",
        level_name="网格",
        partition=True,
        zones=zones,
        wider=(("street", "街镇"), ("community", "社区/村")),
        names={("street", "T"): "棋盘镇", ("community", "C1"): "南居委会", ("community", "C2"): "北居委会"},
        levels=pd.DataFrame([{"layer": "网格", "level": "grid", "name": "网格", "zones": 4}]),
        reconciliation=pd.DataFrame(
            [
                {"level": "grid", "level_name": "网格", "kind": "household", "total": 1240, "assigned": 1230,
                 "outside": 4, "gap": 0, "no_location": 6, "bad_location": 0}
            ]
        ),
        coverage=pd.DataFrame(
            {"minutes": [5, 10, 15], "households_reached": [300, 900, 4999], "households_total": 5000}
        ),
        stations=_frame(
            [{"code": "S1", "name": "党群服务中心", "kind": "center", "address": None,
              "reached_5": 300, "reached_10": 900, "reached_15": 1239}],
            [shapely.Point(WEST + 0.005, SOUTH + 0.005)],
        ),
        circles=_frame(
            [{"minutes": minutes} for minutes in (5, 10, 15)],
            [shapely.Point(WEST + 0.005, SOUTH + 0.005).buffer(0.001 * minutes) for minutes in (5, 10, 15)],
        ),
        faults=_frame(
            [{"number": 1, "level_name": "网格", "kind_name": "缺口", "severity": "error", "area_m2": 12.5,
              "subjects": 2, "message": "第1网格与第2网格之间有缺口。"}],
            [shapely.box(WEST + 0.0099, SOUTH + 0.002, WEST + 0.0101, SOUTH + 0.004)],
        ),
        streets=_frame(
            [{"kind": "primary"}, {"kind": "footway"}],
            [shapely.LineString([(WEST, SOUTH), (WEST + 0.02, SOUTH + 0.02)]),
             shapely.LineString([(WEST, SOUTH + 0.005), (WEST + 0.02, SOUTH + 0.005)])],
        ),
        notes=("测试用。",),
        valid_from="2026-01-02",
        checked_at="2026-01-03",
        walk_speed_mps=1.0,
    )  # fmt: skip


@pytest.fixture
def make_briefing() -> Callable[..., BriefingData]:
    """Return the maker of a small briefing's data: ``make_briefing(synthetic=False)`` replaces fields."""
    return lambda **fields: replace(_briefing(), **fields)
