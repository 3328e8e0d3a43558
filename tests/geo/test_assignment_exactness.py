"""The index is exact: by the definition in whole numbers, where rounding could lose something, and in its signs."""

from __future__ import annotations

from functools import cmp_to_key
from itertools import pairwise
from typing import TYPE_CHECKING

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
from tests.geo.coverages import exact_sign, frame, points_near_borders, telling_points

if TYPE_CHECKING:
    from typing import Any

    import geopandas as gpd
    from numpy.typing import NDArray

coordinates = st.floats(-180, 180, allow_subnormal=False)
small_integers = st.integers(-3, 3).map(float)


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
    assert sign in (UNSURE, exact_sign(*numbers))
    if all(number == 0 or abs(number) > 1e-100 for number in numbers) and exact_sign(*numbers) == 0:
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
    assert sign in (UNSURE, exact_sign(ax, ay, bx, by, px, py))


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
