"""Siting: no other choice of candidates is better."""

from __future__ import annotations

import math
from itertools import combinations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from geo.errors import SitingError
from geo.network import StreetNetwork
from geo.siting import Goal, _greedy, _relaxed, _save, site_stations

EAST, NORTH = 500_000.0, 3_440_000.0


def places(*xy: tuple[float, float]) -> gpd.GeoDataFrame:
    shapes = [Point(EAST + x, NORTH + y) for x, y in xy]
    return gpd.GeoDataFrame(geometry=gpd.GeoSeries(shapes, crs="EPSG:4549").to_crs("EPSG:4490"))


def grid() -> StreetNetwork:
    """Draw nine streets of 1.6 km, 400 m apart both ways, crossing at shared vertices."""
    at = [400.0 * i for i in range(5)]
    lines = [LineString([(EAST + x, NORTH + y) for x in at]) for y in at]
    lines += [LineString([(EAST + x, NORTH + y) for y in at]) for x in at]
    return StreetNetwork.from_lines(
        gpd.GeoDataFrame(geometry=gpd.GeoSeries(lines, crs="EPSG:4549").to_crs("EPSG:4490"))
    )


GRID = grid()
spot = st.tuples(st.floats(0, 1_600), st.floats(0, 1_600))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(spot, min_size=2, max_size=6),
    st.lists(spot, min_size=1, max_size=15),
    st.lists(spot, max_size=2),
    st.integers(1, 2),
    st.sampled_from(["coverage", "walk"]),
    st.data(),
)
def test_no_other_choice_is_better(
    candidates: list[tuple[float, float]],
    homes: list[tuple[float, float]],
    standing: list[tuple[float, float]],
    count: int,
    goal: Goal,
    data: st.DataObject,
) -> None:
    people = data.draw(st.lists(st.integers(0, 5), min_size=len(homes), max_size=len(homes)))
    existing = places(*standing) if standing else None
    found = site_stations(
        GRID,
        places(*candidates),
        places(*homes),
        count,
        goal=goal,
        existing=existing,
        weights=people,
        minutes=8,
    )
    assert found.proven
    assert len(found.chosen) == count
    reach_m = 480.0
    home = GRID.snap(places(*homes))
    new = GRID.distances_m(GRID.snap(places(*candidates)), reach_m, home)
    now = np.full((1, len(homes)), np.inf)
    if existing is not None:
        now = GRID.distances_m(GRID.snap(existing), reach_m, home)

    def worth(rows: tuple[int, ...]) -> float:
        walk = np.vstack([now, new[list(rows)]]).min(axis=0)
        return float(
            np.dot(np.isfinite(walk) if goal == "coverage" else reach_m - np.minimum(walk, reach_m), people)
        )

    best = max(worth(rows) for rows in combinations(range(len(candidates)), count))
    assert worth(tuple(found.chosen)) == pytest.approx(best, rel=1e-5, abs=1e-3)
    walk = np.vstack([now, new[found.chosen]]).min(axis=0)
    assert found.walk_m == pytest.approx(walk, abs=1e-6)
    assert found.reached == pytest.approx(np.dot(np.isfinite(walk), people))
    assert found.total == sum(people)
    assert np.array_equal(found.station < 0, np.isinf(walk))


def test_stations_that_stand_are_counted_in() -> None:
    homes = places(*([(0, 0)] * 5 + [(1_600, 1_600)] * 2))
    corners = places((0, 0), (1_600, 1_600))
    assert site_stations(GRID, corners, homes, 1).chosen.tolist() == [0]
    found = site_stations(GRID, corners, homes, 1, existing=places((10, 0)))
    assert found.chosen.tolist() == [1]
    assert (found.reached_before, found.reached, found.total) == (5.0, 7.0, 7.0)
    assert found.station.tolist() == [0] * 5 + [1 + 1] * 2


def test_nobody_to_reach_is_no_error() -> None:
    found = site_stations(GRID, places((0, 0), (400, 0)), places((90_000, 0)), 1)
    assert len(found.chosen) == 1
    assert (found.reached, found.total, found.station.tolist()) == (0.0, 1.0, [-1])
    assert math.isinf(found.walk_m[0])


def test_impossible_wishes_are_typed_errors() -> None:
    two, home = places((0, 0), (400, 0)), places((0, 0))
    for count in (0, 3):
        with pytest.raises(SitingError, match="候选点有 2 个"):
            site_stations(GRID, two, home, count)
    for weights in ([1, 2], [-1], [math.nan]):
        with pytest.raises(SitingError, match="权重"):
            site_stations(GRID, two, home, 1, weights=weights)


def test_the_fallback_takes_what_adds_most() -> None:
    value = np.array([[3.0, 0.0, 3.0], [2.0, 2.0, 2.0], [0.0, 4.0, 0.0]])
    assert _greedy(value, 1).tolist() == [0]
    assert _greedy(value, 2).tolist() == [0, 2]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(4, 9), st.integers(1, 20))
def test_savings_without_any_geometry_are_the_best_there_are(
    seed: int, count: int, many: int, demands: int
) -> None:
    value = np.random.default_rng(seed).integers(0, 9, (many, demands)).astype(float)
    chosen, gap = _save(value, np.ones(demands), count, 30.0)
    best = max(value[list(rows)].max(axis=0).sum() for rows in combinations(range(many), count))
    assert gap <= 1e-6
    assert value[chosen].max(axis=0).sum() == pytest.approx(best)
    # The programme that sees only some candidates of each demand never promises less than there is.
    order = np.argsort(-value, axis=0, kind="stable")
    if value.any(axis=0).all():
        for near in (1, 2, many):
            ranked = np.take_along_axis(value, order, axis=0)
            _, promised, bound = _relaxed(order, ranked, np.full(demands, near), count, 30.0)
            assert bound >= best - 1e-6
            assert promised.sum() == pytest.approx(bound)
