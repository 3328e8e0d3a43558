"""Service circles: nested polygons along the streets, and who is reached on foot."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from geo.circles import coverage_of, nearest_station, nearest_stations, screening_circles, service_circles
from geo.errors import NetworkError
from geo.network import StreetNetwork

MONACO = Path(__file__).parents[2] / "data" / "boundaries" / "monaco.osm.pbf"
EAST, NORTH = 500_000.0, 3_440_000.0


def lonlat(shapes: list[object]) -> gpd.GeoSeries:
    return gpd.GeoSeries(shapes, crs="EPSG:4549").to_crs("EPSG:4490")


def at(x: float, y: float) -> Point:
    return Point(EAST + x, NORTH + y)


def town(lines: list[list[tuple[float, float]]], **columns: list[object]) -> StreetNetwork:
    shapes = [LineString([(EAST + x, NORTH + y) for x, y in line]) for line in lines]
    return StreetNetwork.from_lines(gpd.GeoDataFrame(columns, geometry=lonlat(shapes), crs="EPSG:4490"))


def stations(*xy: tuple[float, float]) -> gpd.GeoDataFrame:
    codes = [f"s{i}" for i in range(len(xy))]
    return gpd.GeoDataFrame({"code": codes}, geometry=lonlat([at(*p) for p in xy]), crs="EPSG:4490")


def subjects(*rows: tuple[float | None, float, str, int | None]) -> gpd.GeoDataFrame:
    """Subjects as x, y, kind and people; x None has no location."""
    shapes = [None if x is None else at(x, y) for x, y, _, _ in rows]
    return gpd.GeoDataFrame(
        {"kind": [r[2] for r in rows], "people": pd.array([r[3] for r in rows], dtype="Int64")},
        geometry=lonlat(shapes),
        crs="EPSG:4490",
    )


def figures(table: pd.DataFrame, station: str | None, minutes: int, kind: str = "household") -> list[object]:
    where = table["station"].isna() if station is None else table["station"] == station
    row = table[where & (table["minutes"] == minutes) & (table["kind"] == kind)]
    assert len(row) == 1
    return [row["reached"].iloc[0], row["total"].iloc[0], row["people"].iloc[0]]


STREET = [[(0, 0), (2_000, 0)]]


def test_households_are_counted_by_their_own_walk() -> None:
    people = subjects(
        (290, 9, "household", 3),  # 290 + 9 = 299 m
        (290, -11, "household", 2),  # 301 m
        (890, 0, "household", None),  # 890 m, nobody knows who lives there
        (1_500, 0, "household", 4),
        (100, 400, "household", 5),  # too far from any street
        (None, 0, "household", 1),
        (310, 0, "business", None),
    )
    table = coverage_of(town(STREET), stations((0, 0), (1_400, 0)), people)
    assert figures(table, "s0", 5) == [1, 6, 3]
    assert figures(table, "s0", 10) == [2, 6, 5]
    assert figures(table, "s0", 15) == [3, 6, 5]
    assert figures(table, "s1", 5) == [1, 6, 4]
    assert figures(table, "s1", 15)[0] == 2
    assert figures(table, None, 5) == [2, 6, 7]
    assert figures(table, None, 15) == [4, 6, 9]
    assert figures(table, "s0", 10, "business")[:2] == [1, 1]
    assert figures(table, "s0", 10, "business")[2] is pd.NA
    assert figures(table, "s0", 5, "business") == [0, 1, 0]
    assert list(table.columns) == ["station", "minutes", "kind", "reached", "total", "people"]


def test_a_slower_walk_reaches_less() -> None:
    people = subjects((250, 0, "household", 1))
    network, station = town(STREET), stations((0, 0))
    assert figures(coverage_of(network, station, people), "s0", 5)[0] == 1
    assert figures(coverage_of(network, station, people, walk_speed_mps=0.8), "s0", 5)[0] == 0


def test_an_expressway_is_a_barrier() -> None:
    lines = [[(0, 0), (100, 0)], [(100, 0), (140, 0)], [(140, 0), (300, 0)]]
    network = town(lines, highway=["residential", "motorway", "residential"])
    table = coverage_of(
        network, stations((50, 0)), subjects((150, 0, "household", 2), (90, 0, "household", 2))
    )
    assert figures(table, "s0", 15)[:2] == [1, 2]
    circle = service_circles(network, stations((50, 0)), (15,)).geometry.iloc[0]
    assert circle.covers(lonlat([at(90, 0)])[0])
    assert not circle.intersects(lonlat([at(250, 0)])[0])


def test_a_circle_is_the_street_within_reach_and_its_sides() -> None:
    circles = service_circles(town(STREET), stations((1_000, 0)), (5, 10))
    assert circles["station"].tolist() == ["s0", "s0", None, None]
    assert circles["minutes"].tolist() == [5, 10, 5, 10]
    assert set(circles.geom_type) == {"MultiPolygon"}
    assert circles.crs.to_epsg() == 4490
    five = circles.geometry.iloc[0]
    assert five.covers(lonlat([at(1_280, 0)])[0])
    assert five.covers(lonlat([at(1_100, 50)])[0])
    assert not five.covers(lonlat([at(1_302, 0)])[0])
    assert not five.covers(lonlat([at(1_100, 62)])[0])
    assert circles["area_m2"].iloc[0] == pytest.approx(2 * 240 * 120 + math.pi * 60**2 / 2, rel=0.1)


def test_small_blocks_are_filled_and_large_ones_are_not() -> None:
    def ring(size: float) -> list[list[tuple[float, float]]]:
        return [[(0, 0), (size, 0), (size, size), (0, size), (0, 0)]]

    small = service_circles(town(ring(200)), stations((0, 0)), (15,)).geometry.iloc[0]
    assert small.covers(lonlat([at(100, 100)])[0])
    large = service_circles(town(ring(400)), stations((0, 0)), (15,)).geometry.iloc[0]
    assert not large.covers(lonlat([at(200, 200)])[0])


def test_a_station_far_from_any_street_has_empty_circles() -> None:
    network = town(STREET)
    far = stations((100, 0), (100, 2_000))
    circles = service_circles(network, far, (5,))
    assert circles.geometry.is_empty.tolist() == [False, True, False]
    table = coverage_of(network, far, subjects((120, 0, "household", 1)), (5,))
    assert table["reached"].tolist() == [1, 0, 1]
    none = service_circles(network, far.iloc[:0], (5, 10))
    assert none["station"].tolist() == [None, None]
    assert none.geometry.is_empty.all()


def test_times_and_speeds_have_to_be_positive() -> None:
    network, where = town(STREET), stations((0, 0))
    for minutes, speed in (((), 1.0), ((0,), 1.0), ((5,), 0.0), ((5,), math.nan)):
        with pytest.raises(NetworkError, match="必须大于零"):
            service_circles(network, where, minutes, walk_speed_mps=speed)


def test_screening_circles_say_what_they_are() -> None:
    circles = screening_circles(stations((0, 0)), (5, 10))
    assert circles["method"].str.contains("初筛").all()
    assert circles["area_m2"].tolist()[:2] == pytest.approx([math.pi * 300**2, math.pi * 600**2], rel=0.01)


def test_the_nearest_station_is_the_one_with_the_shortest_walk() -> None:
    # Across the river the station is 100 m away in a straight line and 1.1 km on foot over the bridge.
    network = town([[(0, 0), (500, 0)], [(500, 0), (500, 100)], [(500, 100), (0, 100)], [(0, 0), (-400, 0)]])
    both = stations((0, 100), (-400, 0))
    here = lonlat([at(0, 0)])[0]
    row, walk_m = nearest_station(network, both, here.x, here.y) or (-1, 0.0)
    assert row == 1
    assert walk_m == pytest.approx(400.0, abs=0.1)
    rows, walks = nearest_stations(network, both, [here.x, 0.0], [here.y, 0.0])
    assert rows.tolist() == [1, -1]
    assert walks[0] == pytest.approx(walk_m)
    assert nearest_station(network, both, 0.0, 0.0) is None
    assert nearest_station(network, both.iloc[:0], here.x, here.y) is None


cell = st.integers(0, 6).map(lambda v: v * 150.0)
line = st.lists(st.tuples(cell, cell), min_size=2, max_size=4, unique=True)
spot = st.tuples(st.floats(-100, 1_000), st.floats(-100, 1_000))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(line, min_size=1, max_size=10),
    st.lists(spot, min_size=1, max_size=4),
    st.lists(spot, min_size=1, max_size=12),
    st.floats(0.5, 1.5),
)
def test_laws_of_circles(
    lines: list[list[tuple[float, float]]],
    places: list[tuple[float, float]],
    homes: list[tuple[float, float]],
    speed: float,
) -> None:
    network, where = town(lines), stations(*places)
    people = subjects(*((x, y, "household", i) for i, (x, y) in enumerate(homes)))
    circles = service_circles(network, where, (5, 10, 15), walk_speed_mps=speed)
    assert circles.geometry.is_valid.all()
    for _, group in circles.groupby("station", dropna=False):
        for narrow, wide in pairwise(group.sort_values("minutes").geometry):
            assert narrow.is_empty or wide.covers(narrow)
    together = circles[circles["station"].isna()].set_index("minutes").geometry
    for minutes, shape in zip(circles["minutes"], circles.geometry, strict=True):
        assert shape.difference(together[minutes].buffer(5e-8)).is_empty  # 5 mm: corners are rounded

    table = coverage_of(network, where, people, (5, 10, 15), walk_speed_mps=speed)
    a, b = network.snap(where), network.snap(people)
    walks = network.distances_m(a, math.inf, b)
    for minutes in (5, 10, 15):
        in_time = walks <= minutes * 60.0 * speed + 1e-9
        known = np.arange(len(homes))
        for row, code in enumerate(where["code"]):
            expected = [in_time[row].sum(), len(homes), known[in_time[row]].sum()]
            assert figures(table, code, minutes) == expected
        anyone = in_time.any(axis=0)
        assert figures(table, None, minutes) == [anyone.sum(), len(homes), known[anyone].sum()]


def test_monaco_is_reached_on_foot() -> None:
    network = StreetNetwork.from_osm(MONACO)
    rows = np.linspace(0, len(network.nodes) - 1, 300).astype(int)
    homes = gpd.GeoDataFrame(
        {"kind": "household"},
        geometry=gpd.points_from_xy(network.nodes.lon[rows], network.nodes.lat[rows]),
        index=range(len(rows)),
        crs="EPSG:4490",
    )
    two = gpd.GeoDataFrame(
        {"code": ["hall", "casino"]},
        geometry=gpd.points_from_xy([7.4203, 7.4283], [43.7315, 43.7391]),
        crs="EPSG:4490",
    )
    table = coverage_of(network, two, homes)
    reached = table[table["station"].isna()]["reached"].tolist()
    assert 0 < reached[0] < reached[1] < reached[2] <= len(homes)
    circles = service_circles(network, two)
    assert circles["area_m2"].is_monotonic_increasing or circles["area_m2"].gt(0).all()
    # Nobody who is reached stands farther from the polygon than the straight line to the street allows.
    straight = screening_circles(two)
    for shape, wide in zip(circles.geometry, straight.geometry, strict=True):
        assert shape.difference(wide.buffer(2e-5)).is_empty
