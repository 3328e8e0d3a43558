"""四至: streets along a zone's sides, else the neighbours, else the edge of the place.

::

            北路 (10 m north of A)
        +--------+--------+
    西河|   A    |   B    |      the middle of A is crossed by 穿心路, which bounds nothing;
        +--------+--------+      斜路 cuts across the east side of A and runs along no side
           (no name)
"""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely import LineString, MultiPolygon, box

from geo.bounds import bounds_of

WEST, MIDDLE, EAST, SOUTH, NORTH = 121.40, 121.41, 121.42, 31.06, 31.07


def frame(rows: list[tuple[str | None, object]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"name": [row[0] for row in rows]}, geometry=[row[1] for row in rows], crs="EPSG:4490"
    )


@pytest.fixture
def zones() -> gpd.GeoDataFrame:
    shapes = [box(WEST, SOUTH, MIDDLE, NORTH), box(MIDDLE, SOUTH, EAST, NORTH)]
    return frame([("甲网格", shapes[0]), ("乙网格", shapes[1])]).assign(code=["A", "B"])


@pytest.fixture
def streets() -> gpd.GeoDataFrame:
    return frame(
        [
            ("北路", LineString([(WEST, NORTH + 1e-4), (MIDDLE, NORTH + 1e-4)])),
            ("西河", LineString([(WEST, SOUTH), (WEST, NORTH)])),
            ("穿心路", LineString([(WEST, 31.065), (EAST, 31.065)])),
            ("斜路", LineString([(MIDDLE - 0.002, SOUTH), (MIDDLE + 0.002, SOUTH + 0.002)])),
            (None, LineString([(WEST, SOUTH), (EAST, SOUTH)])),
        ]
    )


def test_streets_then_neighbours_then_the_edge(zones, streets) -> None:
    found = bounds_of(zones, streets)
    assert found["A"].zh == "东至乙网格，南至辖区边界，西至西河，北至北路"
    assert found["B"].zh == "东至辖区边界，南至辖区边界，西至甲网格，北至辖区边界"
    assert list(bounds_of(zones, streets, of=["B"])) == ["B"]


def test_a_side_has_two_names_when_each_runs_along_a_good_part_of_it(zones, streets) -> None:
    half = (WEST + MIDDLE) / 2
    streets.loc[0, "geometry"] = LineString([(WEST, NORTH), (half, NORTH)])
    more = frame([("新路", LineString([(half, NORTH), (MIDDLE, NORTH)]))])
    assert set(bounds_of(zones, gpd.pd.concat([streets, more]))["A"].north) == {"北路", "新路"}
    short = frame([("短弄", LineString([(WEST + 0.009, NORTH), (MIDDLE, NORTH)]))])
    assert "短弄" not in bounds_of(zones, gpd.pd.concat([streets, short]))["A"].north


def test_of_two_streets_the_nearer_and_none_beyond_the_tolerance(zones, streets) -> None:
    nearer = frame([("贴边路", LineString([(WEST, NORTH), (MIDDLE, NORTH)]))])
    assert bounds_of(zones, gpd.pd.concat([streets, nearer]))["A"].north == ("贴边路",)
    streets.loc[0, "geometry"] = LineString([(WEST, NORTH + 4e-4), (MIDDLE, NORTH + 4e-4)])  # 44 m
    assert bounds_of(zones, streets)["A"].north == ("辖区边界",)


def test_pieces_holes_and_the_way_a_ring_runs_make_no_difference(zones, streets) -> None:
    whole = bounds_of(zones, streets)["A"]
    pierced = zones.geometry[0].difference(box(121.403, 31.062, 121.404, 31.063))
    zones.loc[0, "geometry"] = MultiPolygon([pierced.reverse()])
    assert bounds_of(zones, streets)["A"] == whole
    assert bounds_of(zones.iloc[:0], streets) == {}
    assert bounds_of(zones, streets.iloc[:0])["B"].west == ("甲网格",)
