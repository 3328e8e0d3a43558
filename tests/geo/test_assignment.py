"""Laws of the index: exact against Shapely and against fractions, one zone per point, nobody lost."""

from __future__ import annotations

import pickle
import threading
from fractions import Fraction
from functools import cmp_to_key
from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from geo.assignment import ZoneIndex
from geo.assignment.building import MARGIN, SLANT
from geo.assignment.index import _CENTRES
from geo.assignment.predicates import UNSURE, orientation
from geo.errors import CoordinatesError, FileFormatError, MixedReferenceError, ZonesError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

coordinates = st.floats(-180, 180, allow_subnormal=False)
small_integers = st.integers(-3, 3).map(float)


def frame(*geometries: shapely.Geometry | None) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=list(geometries))


def random_coverage(
    count: int, seed: int, *, corner: tuple[float, float], digits: int | None = None, size: float = 0.1
) -> gpd.GeoDataFrame:
    """A lattice shaken so that borders are crooked and neighbours share every vertex exactly; ``count`` zones."""
    rng = np.random.default_rng(seed)
    side, steps = int(np.ceil(np.sqrt(count))), int(rng.integers(1, 6))
    lattice = np.stack(np.meshgrid(*[np.arange(side * steps + 1.0)] * 2, indexing="ij"), axis=-1)
    lattice += (rng.random(lattice.shape) - 0.5) * 0.6
    lattice = lattice / (side * steps) * size + np.array(corner)
    lattice = lattice if digits is None else np.round(lattice, digits)
    there, back = np.arange(steps), np.arange(steps, 0, -1)
    i = np.concatenate([there, np.full(steps, steps), back, np.zeros(steps, int)])
    j = np.concatenate([np.zeros(steps, int), there, np.full(steps, steps), back])
    corners = [(a * steps, b * steps) for a in range(side) for b in range(side)][:count]
    return frame(*[Polygon(lattice[a + i, b + j]) for a, b in corners])


def telling_points(
    zones: gpd.GeoDataFrame, seed: int, extra: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertices, points on and one ulp off edges, and points all over the extent and just beyond it."""
    rng = np.random.default_rng(seed)
    rings = shapely.get_rings(shapely.get_parts(zones.geometry.array))
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    share = rng.random((len(edge), 1))
    on_edges = vertices[edge] * (1 - share) + vertices[edge + 1] * share
    middles = (vertices[edge] + vertices[edge + 1]) / 2
    beside = [np.nextafter(p, p + rng.choice([-1, 0, 1], p.shape)) for p in (vertices, middles)]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    anywhere = low + (high - low) * (rng.random((extra, 2)) * 1.1 - 0.05)
    points = np.concatenate([vertices, on_edges, middles, *beside, anywhere])
    return points[:, 0].copy(), points[:, 1].copy()


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


def points_near_borders(
    zones: gpd.GeoDataFrame, seed: int, per_edge: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points beside edges and around vertices, from far less than a cell away to a whole cell and more."""
    rng = np.random.default_rng(seed)
    vertices, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(zones.geometry.array)), return_index=True
    )
    edge = np.repeat(np.flatnonzero(ring[1:] == ring[:-1]), per_edge)
    share = rng.choice([0.0, 0.5, 1.0], (len(edge), 1)) * rng.random((len(edge), 1))
    length = np.linalg.norm(vertices[edge + 1] - vertices[edge], axis=1)
    away = length * 2.0 ** -rng.uniform(0, 40, len(edge))
    turn = rng.uniform(0, 2 * np.pi, len(edge))
    points = vertices[edge] * (1 - share) + vertices[edge + 1] * share
    points += np.column_stack([np.cos(turn), np.sin(turn)]) * away[:, None]
    return points[:, 0].copy(), points[:, 1].copy()


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
    signs = {_exact_sign(*a, *b, *point) for a, b in pairwise(triangle.exterior.coords)}
    return signs in ({1}, {-1})


def _exact_sign(*numbers: float) -> int:
    ax, ay, bx, by, px, py = (Fraction(float(number)) for number in numbers)
    side = (ax - px) * (by - py) - (ay - py) * (bx - px)
    return (side > 0) - (side < 0)


# ---- against the definition, in whole numbers --------------------------------------------------------------------


def by_definition(zones: gpd.GeoDataFrame, points: NDArray[np.float64]) -> list[list[int]]:
    """Every zone of each point by the words of `ZoneIndex`, without cells, filters or rounding."""
    polygons = [
        (row, [edge for ring in shapely.get_rings(polygon) for edge in pairwise(_whole(ring))])
        for row, zone in enumerate(zones.geometry.array)
        for polygon in shapely.get_parts(zone)
    ]
    return [_zones_of(polygons, p) for p in _whole(shapely.points(points))]


def _whole(shape: Any) -> list[tuple[int, ...]]:
    """Coordinates in units of the smallest double."""
    ratios = [
        [number.as_integer_ratio() for number in pair] for pair in shapely.get_coordinates(shape).tolist()
    ]
    return [tuple(above * (2**1074 // below) for above, below in pair) for pair in ratios]


def _zones_of(polygons: list[tuple[int, list[Any]]], p: tuple[int, ...]) -> list[int]:
    def side(a: Any, b: Any) -> int:
        return (a[0] - p[0]) * (b[1] - p[1]) - (a[1] - p[1]) * (b[0] - p[0])

    inside = set()
    aims: list[tuple[int, Any]] = []
    spots = []
    for row, edges in polygons:
        crossed = 0
        for a, b in edges:
            on = side(a, b) == 0 and all(min(s, t) <= c <= max(s, t) for s, t, c in zip(a, b, p, strict=True))
            spots += [row] * on
            aims += [(row, end) for end in (a, b) if on and end != p]
            if (a[1] > p[1]) != (b[1] > p[1]):
                crossed ^= side(a, b) > 0 if b[1] > p[1] else side(a, b) < 0
        if crossed:
            inside.add(row)
    if inside or not spots:
        return sorted(inside)

    def later(one: tuple[int, Any], other: tuple[int, Any]) -> int:
        lower = [q[1] < p[1] or (q[1] == p[1] and q[0] > p[0]) for _, q in (one, other)]
        turn = side(one[1], other[1])
        return lower[0] - lower[1] or (turn < 0) - (turn > 0) or one[0] - other[0]

    return [min(aims, key=cmp_to_key(later))[0] if aims else min(spots)]


@st.composite
def drawn_zones(draw: st.DrawFn) -> gpd.GeoDataFrame:
    """Rings drawn on few lattice points: spikes, repeated vertices, borders on borders, rings that touch or cross."""
    lattice = draw(st.sampled_from([2, 5, 40]))
    size = draw(st.sampled_from([1e-9, 1e-3, 1.0, 100.0]))
    corner = draw(st.sampled_from([(0.0, 0.0), (121.4, 31.0), (-180.0, -90.0), (-size / 2, -size / 2)]))
    vertex = st.tuples(*[st.integers(0, lattice).map(lambda n: n / lattice * size)] * 2)
    ring = st.lists(vertex, min_size=3, max_size=8).map(
        lambda points: [(corner[0] + x, corner[1] + y) for x, y in points]
    )
    polygon = st.lists(ring, min_size=1, max_size=2).map(lambda rings: Polygon(rings[0], rings[1:]))
    zone = st.one_of(polygon, st.lists(polygon, min_size=1, max_size=2).map(MultiPolygon))
    return frame(*draw(st.lists(zone, min_size=1, max_size=4)))


@settings(max_examples=60, deadline=None)
@given(zones=drawn_zones(), seed=st.integers(0, 2**32 - 1))
def test_any_rings_follow_the_definition(zones: gpd.GeoDataFrame, seed: int) -> None:
    index = ZoneIndex(zones)
    rng = np.random.default_rng(seed)
    near = np.column_stack(points_near_borders(zones, seed, per_edge=1))
    telling = np.column_stack(telling_points(zones, seed, extra=20))
    points = rng.permutation(np.concatenate([near, telling]))[:40]
    expected = by_definition(zones, points)
    lon, lat = points.T.copy()
    assert index.locate(lon, lat).tolist() == [each[0] if each else -1 for each in expected]
    pairs = [[k, row] for k, each in enumerate(expected) for row in each]
    assert index.locate_all(lon, lat).T.tolist() == pairs


# ---- where rounding could lose something -------------------------------------------------------------------------


def cells_of(zones: gpd.GeoDataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """South-west corner and size of the cells of the top grid."""
    box_ = ZoneIndex(zones)._frame  # noqa: SLF001 - the places where something could be lost are its own
    return box_[4:6], 1 / box_[6:8]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("parts", [1, 16])
def test_borders_through_the_reference_points_of_cells(axis: int, parts: int) -> None:
    """A cell is decided at one point, however it was computed: no border runs between two roundings of it."""
    angles = np.linspace(0, 2 * np.pi, 40)
    # Many edges at one place divide the cells there.
    crowd = Polygon(np.column_stack([121.445 + 0.003 * np.cos(angles), 31.045 + 0.003 * np.sin(angles)]))

    def halves(at: float) -> gpd.GeoDataFrame:
        west, south, east, north = 121.4, 31.0, 121.5, 31.1
        if axis:
            return frame(box(west, south, east, at), box(west, at, east, north), crowd)
        return frame(box(west, south, at, north), box(at, south, east, north), crowd)

    corner, size = cells_of(halves(121.44 if axis == 0 else 31.04))
    first = int(((121.442, 31.042)[axis] - corner[axis]) / size[axis])
    rng = np.random.default_rng(0)
    for part in range(2 * parts if parts > 1 else 8):
        share = _CENTRES[0] * (SLANT if axis else 1)
        place = corner[axis] + (first + (part + share) / parts) * size[axis]
        for at in place + np.arange(-2, 3) * np.spacing(place):
            points = rng.uniform((121.4, 31.0), (121.5, 31.1), (200, 2))
            points[:, axis] = at + rng.uniform(-1, 1, 200) * size[axis] / parts * 0.6
            rows = ZoneIndex(halves(at)).locate(*points.T.copy())
            assert np.array_equal(rows, (points[:, axis] >= at).astype(int))


def test_slanted_borders_beside_the_reference_point_of_a_cell() -> None:
    """So near that float32 cannot say on which side the point is: then it must not say which side is which zone's."""
    west, south, east, north = 121.4, 31.0, 121.5, 31.1

    def halves(at: float, slope: float, y: float) -> tuple[gpd.GeoDataFrame, tuple[float, ...]]:
        low, high = (at - slope * (y - south), south), (at + slope * (north - y), north)
        left = Polygon([(west, south), low, high, (west, north)])
        return frame(left, Polygon([low, (east, south), (east, north), high])), (*low, *high)

    corner, size = cells_of(halves(121.45, 0, 31.05)[0])
    rng = np.random.default_rng(0)
    for place in rng.integers(2, (0.1 / size).astype(int) - 2, (300, 2)):
        x, y = corner + (place + _CENTRES[0] * np.array([1, SLANT])) * size
        slope = rng.uniform(-0.2, 0.2)
        zones, border = halves(x + size[0] * 2.0**-24 * rng.normal(), slope, y)
        lon, lat = corner[:, None] + (place[:, None] + rng.random((2, 20))) * size[:, None]
        left = [orientation(*border, *point) > 0 for point in zip(lon, lat, strict=True)]
        assert np.array_equal(ZoneIndex(zones).locate(lon, lat), np.where(left, 0, 1))


@pytest.mark.parametrize(
    ("a", "tip", "b"),
    [
        ((0.0821288502664125, 0.8163417555067157), 0.3506879664179104, (0.2708179969378506, 0.2661374614424751)),
        ((0.13260251891766442, 0.7708939140226687), 0.47009095149253727, (0.04849535632556314, 0.2617266648684034)),
        ((0.005239933498056237, 0.7328347972989544), 0.708896921641791, (0.14255320125653972, 0.2515368797850415)),
    ],
)  # fmt: skip
def test_a_tip_so_near_to_a_cell_that_only_one_of_its_edges_is_given_to_it(
    a: tuple[float, float], tip: float, b: tuple[float, float]
) -> None:
    """The line of that edge runs on through the cell, the edge does not."""
    corners = [box(0.01 * k, 0, 0.01 * k + 0.005, 0.005) for k in range(5)]
    zones = frame(Polygon([a, (tip, 0.5), b]), *corners, box(0.999, 0.999, 1, 1), box(0, 0.999, 0.001, 1))
    beyond = np.random.default_rng(0).uniform((tip, 0.45), (tip + 0.08, 0.55), (2_000, 2))
    assert (ZoneIndex(zones).locate(*beyond.T.copy()) == -1).all()


def test_a_level_border_along_the_sides_of_many_cells() -> None:
    """It is near two lines of cells all along: more cells than any slanted edge comes near."""
    many_vertices = Point(1, 0.9).buffer(0.05, quad_segs=100)

    def layers(at: float) -> gpd.GeoDataFrame:
        return frame(many_vertices, box(0, 0, 20, at), box(0, at, 20, 1))

    (_, south), (_, height) = cells_of(layers(0.5))
    at = south + (5 + MARGIN / 2) * height
    lon = np.linspace(0.01, 19.99, 2_000)
    index = ZoneIndex(layers(at))
    for lat, row in ((at, 2), (at - MARGIN / 4 * height, 1), (at - MARGIN * height, 1)):
        assert (index.locate(lon, np.full_like(lon, lat)) == row).all()


def test_a_spike_shares_no_second_edge_with_a_corner() -> None:
    """Both zones have two edges at the origin, but one of them the same edge twice."""
    zones = frame(Polygon([(0, 0), (5, 0), (0, 0)]), Polygon([(0, 0), (5, 0), (5, 4)]))
    lon, lat = np.random.default_rng(0).uniform(-0.1, 1, (2, 20_000))
    rows = ZoneIndex(zones).locate(lon, lat)
    assert np.array_equal(rows, np.where((lat > 0) & (lat < 0.8 * lon), 1, -1))


def test_lines_answer_at_the_first_vertex_of_a_ring_too() -> None:
    """There the last edge comes before the first."""
    ring = [(0.0, 0.0), (7.0, 1.0), (9.0, 8.0), (1.0, 6.0)]
    lines = ZoneIndex(frame(Polygon(ring)))._lines  # noqa: SLF001 - see above
    assert (lines[:, :2] != 0).any(axis=1).all()


# ---- exact signs -------------------------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(numbers=st.tuples(*[st.one_of(coordinates, small_integers)] * 6))
@example(numbers=(0.1, 0.1, 0.3, 0.3, 0.2, 0.2))
@example(numbers=(5e-324, 0.0, 1.0, 1.0, 0.5, 0.5))
def test_orientation_is_that_of_real_numbers(numbers: tuple[float, ...]) -> None:
    sign = orientation(*numbers)
    assert sign in (UNSURE, _exact_sign(*numbers))
    if all(number == 0 or abs(number) > 1e-100 for number in numbers) and _exact_sign(*numbers) == 0:
        assert sign == 0


@settings(max_examples=300, deadline=None)
@given(
    ends=st.tuples(coordinates, coordinates, coordinates, coordinates),
    share=st.floats(0, 1),
    steps=st.integers(-2, 2),
)
def test_orientation_of_nearly_collinear_points(
    ends: tuple[float, float, float, float], share: float, steps: int
) -> None:
    ax, ay, bx, by = ends
    px, py = ax + share * (bx - ax), ay + share * (by - ay)
    for _ in range(abs(steps)):
        py = float(np.nextafter(py, np.inf * steps))
    sign = orientation(ax, ay, bx, by, px, py)
    assert sign in (UNSURE, _exact_sign(ax, ay, bx, by, px, py))


def test_points_that_underflow_are_settled_by_fractions() -> None:
    """A slanted edge through the origin; the points differ from it by less than any product of doubles can say."""
    zones = frame(Polygon([(-1, -1), (1, 1), (-1, 1)]), Polygon([(-1, -1), (1, -1), (1, 1)]))
    index = ZoneIndex(zones)
    lon = np.array([1e-300, 0.0, 1e-300, -2e-300, 5e-324, -5e-324])
    lat = np.array([0.0, 1e-300, 1e-300, -1e-300, 0.0, 0.0])
    assert index.locate(lon, lat).tolist() == [1, 0, 1, 0, 1, 0]
    assert index.locate_all(lon, lat).tolist() == [[0, 1, 2, 3, 4, 5], [1, 0, 1, 0, 1, 0]]
    outer = ZoneIndex(zones.iloc[:1]).locate(lon, lat)
    assert outer.tolist() == [-1, 0, 0, 0, -1, 0]


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
    with pytest.raises(MixedReferenceError, match="EPSG:4528"):
        ZoneIndex(frame(box(0, 0, 1, 1)).set_crs("EPSG:4528"))


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


@pytest.mark.parametrize(("lon", "lat"), [([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]]), (1.0, 1.0)])
def test_shapes_that_do_not_belong_together(lon: object, lat: object) -> None:
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
    for content in (b"", b"nonsense", whole[:-3_000], whole.replace(b"zone index 2", b"zone index 1")):
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
