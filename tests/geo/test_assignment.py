"""Laws of the index: it agrees with Shapely, one zone per point, nobody lost."""

from __future__ import annotations

import pickle
import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from geo.assignment import ZoneIndex
from geo.errors import CoordinatesError, FileFormatError, MixedReferenceError, ZonesError
from tests.geo.coverages import exact_sign, frame, points_near_borders, random_coverage, telling_points

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

coordinates = st.floats(-180, 180, allow_subnormal=False)


def assert_agrees_with_shapely(
    zones: gpd.GeoDataFrame, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> None:
    """``locate`` names a zone that ``intersects`` names, and -1 only where it names none."""
    rows = ZoneIndex(zones).locate(lon, lat)
    points = shapely.points(lon, lat)
    geometries = np.asarray(zones.geometry.array, dtype=object)
    located = rows >= 0
    assert shapely.intersects(geometries[rows[located]], points[located]).all()
    tree = shapely.STRtree(geometries)
    assert tree.query(points[~located], predicate="intersects").size == 0


# ---- against Shapely ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corner", [(121.4, 31.0), (0.0, 0.0), (-0.05, -0.05)])
@pytest.mark.parametrize("digits", [None, 8, 4])
@pytest.mark.parametrize("count", [2, 40, 400])
def test_vertices_edges_and_neighbours_of_random_coverages(
    count: int, digits: int | None, corner: tuple[float, float]
) -> None:
    zones = random_coverage(count, seed=count, corner=corner, digits=digits)
    zones = zones[zones.is_valid].reset_index(drop=True)
    lon, lat = telling_points(zones, seed=1, extra=2_000)
    # GEOS itself rounds products of subnormal numbers to zero; fractions judge those below.
    normal = ((lon == 0) | (np.abs(lon) > 1e-300)) & ((lat == 0) | (np.abs(lat) > 1e-300))
    assert_agrees_with_shapely(zones, lon[normal], lat[normal])


def test_a_million_random_points() -> None:
    zones = random_coverage(300, seed=7, corner=(121.4, 31.0), digits=8)
    rng = np.random.default_rng(7)
    west, south, east, north = zones.total_bounds
    lon, lat = rng.uniform(west, east, 1_000_000), rng.uniform(south, north, 1_000_000)
    assert_agrees_with_shapely(zones, lon, lat)


def test_zones_of_very_different_sizes_are_refined() -> None:
    """A town's worth of tiny zones in the corner of a province: one grid of cells would not do."""
    tiny = random_coverage(300, seed=3, corner=(121.4, 31.0), size=1e-4)
    zones = frame(*tiny.geometry, box(110, 20, 121.39, 40), box(121.6, 20, 130, 40))
    lon, lat = telling_points(zones, seed=3, extra=5_000)
    assert_agrees_with_shapely(zones, lon, lat)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 30), digits=st.sampled_from([None, 8, 3]))
def test_coverages_of_any_seed(seed: int, count: int, digits: int | None) -> None:
    zones = random_coverage(count + 1, seed=seed, corner=(121.4, 31.0), digits=digits)
    lon, lat = telling_points(zones, seed=seed, extra=100)
    if not zones.is_valid.all():  # three digits can fold a small zone
        return
    assert_agrees_with_shapely(zones, lon, lat)
    points, _ = ZoneIndex(zones).locate_all(lon, lat)
    if shapely.coverage_is_valid(zones.geometry.array):
        assert len(np.unique(points)) == len(points)


def assert_lines_answer_as_words(zones: gpd.GeoDataFrame, seed: int, per_edge: int) -> ZoneIndex:
    """``locate`` asks the float32 lines of a leaf first, ``locate_all`` always the exact words."""
    index = ZoneIndex(zones)
    lon, lat = points_near_borders(zones, seed, per_edge)
    points, rows = index.locate_all(lon, lat)
    exact = np.full(len(lon), -1)
    exact[points[::-1]] = rows[::-1]
    assert np.array_equal(index.locate(lon, lat), exact)
    return index


@pytest.mark.parametrize("size", [1e-4, 0.1, 50.0])
def test_points_near_borders(size: float) -> None:
    zones = random_coverage(300, seed=5, corner=(121.4, 31.0), size=size)
    index = assert_lines_answer_as_words(zones, seed=5, per_edge=40)
    lines = index._lines[:, :2]  # noqa: SLF001 - otherwise nothing would be compared
    assert (lines != 0).any(axis=1).mean() > 0.9


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 6),
    spread=st.floats(-12, 2),
    longest=st.floats(-3, 3),
)
def test_points_near_borders_of_stars(seed: int, count: int, spread: float, longest: float) -> None:
    """Spikes, slivers, notches and edges of very different lengths, alone and on top of each other."""
    rng = np.random.default_rng(seed)
    stars = []
    for _ in range(count):
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 30))))
        far = 10.0 ** rng.uniform(min(spread, longest), max(spread, longest), len(angles))
        middle = np.array([121.4, 31.0]) + rng.normal(0, 10.0**spread, 2)
        stars.append(Polygon(middle + np.column_stack([np.cos(angles), np.sin(angles)]) * far[:, None]))
    assert_lines_answer_as_words(frame(*stars), seed, per_edge=30)


triangles = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=3).map(Polygon)


@settings(max_examples=60, deadline=None)
@given(
    zones=st.lists(triangles, min_size=1, max_size=5), points=st.lists(st.tuples(coordinates, coordinates))
)
def test_overlapping_zones_of_arbitrary_doubles(
    zones: list[Polygon], points: list[tuple[float, float]]
) -> None:
    every = np.array([*points, *(c for zone in zones for c in zone.exterior.coords)])
    index = ZoneIndex(frame(*zones))
    pairs = index.locate_all(every[:, 0], every[:, 1])
    rows = index.locate(every[:, 0], every[:, 1])
    first = dict(reversed(pairs.T.tolist()))
    assert rows.tolist() == [first.get(k, -1) for k in range(len(every))]
    inside = [
        [k, z] for k, p in enumerate(every) for z, zone in enumerate(zones) if _strictly_inside(zone, p)
    ]
    assert {tuple(pair) for pair in inside} <= {tuple(pair) for pair in pairs.T.tolist()}


def _strictly_inside(triangle: Polygon, point: NDArray[np.float64]) -> bool:
    signs = {exact_sign(*a, *b, *point) for a, b in pairwise(triangle.exterior.coords)}
    return signs in ({1}, {-1})


# ---- the half-open rule ------------------------------------------------------------------------------------------

FOUR = frame(box(0, 0, 1, 1), box(1, 0, 2, 1), box(0, 1, 1, 2), box(1, 1, 2, 2))
"""South-west, south-east, north-west, north-east."""


@pytest.mark.parametrize(
    ("lon", "lat", "row"),
    [
        (1.0, 0.5, 1),  # east of it
        (0.5, 1.0, 2),  # north of it
        (1.0, 1.0, 3),  # the corner of four
        (1.0, 0.0, 1),  # east, on the outer border
        (0.0, 1.0, 2),
        (2.0, 0.5, 1),  # nothing lies east: a zone that it touches
        (2.0, 1.0, 3),  # turning anticlockwise from east, the northern one comes first
        (1.0, 2.0, 2),  # … here the north-western one
        (0.5, 2.0, 2),
        (2.0, 2.0, 3),
        (2.0, 0.0, 1),
        (0.0, 0.0, 0),
        (0.0, 2.0, 2),
        (2.0000000000000004, 1.0, -1),
        (1.0, -5e-324, -1),
    ],
)
def test_border_points(lon: float, lat: float, row: int) -> None:
    assert ZoneIndex(FOUR).locate([lon], [lat]).tolist() == [row]


@given(order=st.permutations(range(4)))
@settings(deadline=None, max_examples=24)
def test_the_rule_does_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    lon, lat = telling_points(FOUR, seed=0, extra=50)
    rows = ZoneIndex(FOUR).locate(lon, lat)
    shuffled = ZoneIndex(FOUR.iloc[order]).locate(lon, lat)
    assert np.where(shuffled < 0, -1, np.array(order)[shuffled]).tolist() == rows.tolist()


def test_every_point_of_a_coverage_is_in_exactly_one_zone() -> None:
    zones = random_coverage(200, seed=11, corner=(121.4, 31.0), digits=8)
    assert shapely.coverage_is_valid(zones.geometry.array)
    lon, lat = telling_points(zones, seed=11, extra=5_000)
    index = ZoneIndex(zones)
    points, rows = index.locate_all(lon, lat)
    assert np.array_equal(points, np.flatnonzero(index.locate(lon, lat) >= 0))
    assert np.array_equal(rows, index.locate(lon, lat)[points])


# ---- shapes ------------------------------------------------------------------------------------------------------


def test_holes_islands_and_several_parts() -> None:
    ring = Polygon(box(0, 0, 9, 9).exterior, [box(3, 3, 6, 6).exterior])
    zones = frame(ring, MultiPolygon([box(4, 4, 5, 5), box(20, 0, 21, 1)]))
    index = ZoneIndex(zones)
    assert index.locate([1, 3.5, 4.5, 20.5, 15], [1, 3.5, 4.5, 0.5, 5]).tolist() == [0, -1, 1, 1, -1]
    # On the hole's border: its west side is the ring's, its east side too, since nothing else is there.
    assert index.locate([3, 6, 4.5], [4.5, 4.5, 6]).tolist() == [0, 0, 0]


def test_overlapping_zones_give_all_and_the_first_by_row() -> None:
    zones = frame(box(0, 0, 4, 4), box(2, 2, 6, 6), box(3, 3, 3.5, 3.5), box(2, 2, 6, 6))
    index = ZoneIndex(zones)
    lon = np.array([1, 3.2, 5, 9, 2.5])
    assert index.locate(lon, lon).tolist() == [0, 0, 1, -1, 0]
    assert index.locate_all(lon, lon).tolist() == [
        [0, 1, 1, 1, 1, 2, 2, 4, 4, 4],
        [0, 0, 1, 2, 3, 1, 3, 0, 1, 3],
    ]


def test_many_zones_on_top_of_each_other() -> None:
    zones = frame(*[box(0, 0, 1 + k / 1000, 1) for k in range(300)])
    points, rows = ZoneIndex(zones).locate_all([0.5, 1.1505], [0.5, 0.5])
    assert np.bincount(points).tolist() == [300, 149]
    assert rows[-149:].tolist() == list(range(151, 300))


def test_overlapping_parts_of_one_zone_count_once() -> None:
    index = ZoneIndex(frame(MultiPolygon([box(0, 0, 2, 2), box(1, 0, 3, 2)])))
    assert index.locate_all([1.5], [1.0]).tolist() == [[0], [0]]


def test_rings_without_area_are_touched_and_nothing_else() -> None:
    line = Polygon([(0, 0), (2, 2), (0, 0)])
    spot = Polygon([(5, 5), (5, 5), (5, 5)])
    index = ZoneIndex(frame(line, spot))
    assert index.locate([1, 0, 5, 1], [1, 0, 5, 1.5]).tolist() == [0, 0, 1, -1]


def test_a_ring_that_crosses_itself_follows_even_odd() -> None:
    bow_tie = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    assert ZoneIndex(frame(bow_tie)).locate([0.5, 1.5, 1, 1], [1, 1, 0.5, 1]).tolist() == [0, 0, -1, 0]


def test_a_hundred_edges_that_meet_in_one_point() -> None:
    angles = np.linspace(0, 2 * np.pi, 101)
    wheel = np.column_stack([121.4 + 0.01 * np.cos(angles), 31.1 + 0.01 * np.sin(angles)])
    wheel[-1] = wheel[0]
    zones = frame(*[Polygon([(121.4, 31.1), *wheel[k : k + 2]]) for k in range(100)])
    lon, lat = telling_points(zones, seed=0, extra=2_000)
    assert_agrees_with_shapely(zones, lon, lat)


def test_height_missing_and_empty_geometries() -> None:
    high = Polygon([(0, 0, 5), (1, 0, 5), (1, 1, 5), (0, 1, 5)])
    index = ZoneIndex(frame(None, Polygon(), high, MultiPolygon()))
    assert len(index) == 4
    assert index.locate([0.5], [0.5]).tolist() == [2]


def test_zones_that_are_no_zones() -> None:
    with pytest.raises(ZonesError, match="第 1 行"):
        ZoneIndex(frame(box(0, 0, 1, 1), Point(0, 0)))
    with pytest.raises(ZonesError, match="没有任何网格"):
        ZoneIndex(frame())
    with pytest.raises(ZonesError, match="没有任何网格"):
        ZoneIndex(frame(None, Polygon()))
    with np.errstate(invalid="ignore"):
        broken = Polygon([(0, 0), (1, 0), (float("nan"), 1)])
    with pytest.raises(ZonesError, match="第 0 行"):
        ZoneIndex(frame(broken))
    with pytest.raises(ZonesError, match="不是有限的数"):
        ZoneIndex(frame(box(0, 0, 1e101, 1)))
    for bare in (frame(box(0, 0, 1, 1)).drop(columns="geometry"), pd.DataFrame({"code": ["A"]})):
        with pytest.raises(ZonesError, match="没有图形列"):
            ZoneIndex(bare)  # type: ignore[arg-type]
    for metres in ("EPSG:4528", "EPSG:4978"):  # projected, geocentric
        with pytest.raises(MixedReferenceError, match=metres):
            ZoneIndex(frame(box(0, 0, 1, 1)).set_crs(metres))


# ---- points ------------------------------------------------------------------------------------------------------


def test_coordinates_that_are_not_numbers_are_counted() -> None:
    nan, inf = float("nan"), float("inf")
    found = ZoneIndex(FOUR).locate_counted([0.5, nan, 0.5, inf, -inf, 7.0], [0.5, 0.5, nan, 0.5, inf, 7.0])
    assert found.rows.tolist() == [0, -1, -1, -1, -1, -1]
    assert (found.assigned, found.nowhere, found.bad) == (1, 1, 4)
    assert ZoneIndex(FOUR).locate_all([nan, inf], [0.5, 0.5]).shape == (2, 0)


@settings(deadline=None, max_examples=50)
@given(points=st.lists(st.tuples(st.floats(), st.floats())))
def test_counts_add_up_for_any_floats(points: list[tuple[float, float]]) -> None:
    every = np.array(points, dtype=float).reshape(-1, 2)
    found = ZoneIndex(FOUR).locate_counted(every[:, 0], every[:, 1])
    assert found.assigned + found.nowhere + found.bad == len(points)
    assert found.assigned == (found.rows >= 0).sum()
    assert found.bad == (~np.isfinite(every)).any(axis=1).sum()


def test_no_points_and_points_of_other_types() -> None:
    index = ZoneIndex(FOUR)
    assert index.locate([], []).dtype == np.int32
    assert index.locate([], []).shape == (0,)
    assert index.locate_all([], []).shape == (2, 0)
    assert index.locate(np.array([0, 1], dtype="int16"), np.float32([0.5, 0.5])).tolist() == [0, 1]
    strided = np.array([[0.5, 0.5], [1.5, 1.5]])
    assert index.locate(strided[:, 0], strided[:, 1]).tolist() == [0, 3]
    # By position, whatever the labels of a Series say.
    assert index.locate(pd.Series([0.5, 1.5], [1, 0]), pd.Series([0.5, 1.5], [0, 1])).tolist() == [0, 3]


@pytest.mark.parametrize(
    "missing",
    [
        np.ma.array([0.5, 1.5], mask=[False, True]),
        np.ma.array([0, 1], mask=[False, True]),
        pd.Series([0.5, None], dtype="Float64"),
        [0.5, None],
    ],
)
def test_what_is_masked_or_missing_is_no_number(missing: ArrayLike) -> None:
    for lon, lat in ((missing, [0.5, 0.5]), ([0.5, 0.5], missing)):
        found = ZoneIndex(FOUR).locate_counted(lon, lat)
        assert (found.rows.tolist(), found.bad) == ([0, -1], 1)


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        ([1.0], [1.0, 2.0]),
        ([[1.0]], [[1.0]]),
        (1.0, 1.0),
        ([[1.0], [1.0, 2.0]], [1.0, 2.0]),
        (["x"], [1.0]),
        (np.array([1 + 1j]), [1.0]),
        (np.array(["2026-01-01"], "datetime64[D]"), [1.0]),
    ],
)
def test_what_is_no_list_of_numbers_or_of_another_length(lon: ArrayLike, lat: ArrayLike) -> None:
    with pytest.raises(CoordinatesError):
        ZoneIndex(FOUR).locate(lon, lat)


def test_threads_share_an_index() -> None:
    zones = random_coverage(50, seed=5, corner=(121.4, 31.0), digits=8)
    index = ZoneIndex(zones)
    rng = np.random.default_rng(5)
    west, south, east, north = zones.total_bounds
    lon, lat = rng.uniform(west, east, 400_000), rng.uniform(south, north, 400_000)
    expected = index.locate(lon, lat)
    answers: list[NDArray[np.int32]] = []
    threads = [threading.Thread(target=lambda: answers.append(index.locate(lon, lat))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(np.array_equal(answer, expected) for answer in answers)


# ---- files -------------------------------------------------------------------------------------------------------


def test_save_load_and_pickle_answer_alike(tmp_path: Path) -> None:
    zones = random_coverage(60, seed=9, corner=(121.4, 31.0), digits=8)
    index = ZoneIndex(zones)
    lon, lat = telling_points(zones, seed=9, extra=1_000)
    index.save(tmp_path / "zones.npy")
    loaded = ZoneIndex.load(tmp_path / "zones.npy")
    for other in (loaded, pickle.loads(pickle.dumps(index))):  # noqa: S301 - our own bytes
        assert np.array_equal(other.locate_all(lon, lat), index.locate_all(lon, lat))
        assert (len(other), other.bounds, other.nbytes) == (len(index), index.bounds, index.nbytes)
    assert [path.name for path in tmp_path.iterdir()] == ["zones.npy"]


def test_files_that_are_no_index(tmp_path: Path) -> None:
    path = tmp_path / "zones.npy"
    ZoneIndex(FOUR).save(path)
    whole = path.read_bytes()
    damaged = whole.replace(b'"zones": 4', b'"zones": 9')
    for content in (
        b"",
        b"nonsense",
        whole[:-3_000],
        whole.replace(b"zone index 3", b"zone index 2"),
        damaged,
    ):
        assert content != whole
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"zones\.npy”不是可用的网格索引"):
            ZoneIndex.load(path)
    for other in (np.arange(3.0), np.float64(3), np.zeros((2, 2), np.uint8)):
        np.save(path, other)
        with pytest.raises(FileFormatError):
            ZoneIndex.load(path)
    np.savez(tmp_path / "zones.npz", np.arange(3.0))
    with pytest.raises(FileFormatError):
        ZoneIndex.load(tmp_path / "zones.npz")
