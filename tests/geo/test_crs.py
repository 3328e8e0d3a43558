"""References: law 6, both shifts and their inverses, quantising, measures."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.crs import (
    areas_m2,
    china_shift_warning,
    declaration_fault,
    from_internal,
    lengths_m,
    lonlat_to_internal,
    metric_crs,
    quantise,
    reference,
    require_metric,
    to_internal,
    to_metric,
)
from geo.crs.references import move_in
from geo.errors import DegreesError, MixedReferenceError, UndeclaredReferenceError, UnknownReferenceError

GEOD = Geod(ellps="GRS80")
IN_CHINA = st.tuples(st.floats(75, 134), st.floats(5, 53))


@given(st.lists(IN_CHINA, min_size=1, max_size=20), st.sampled_from(["GCJ-02", "BD-09"]))
@settings(deadline=None, max_examples=30)
def test_shifts_are_undone_to_under_a_hundredth_of_a_millimetre(
    points: list[tuple[float, float]], name: str
) -> None:
    lon, lat = np.array(points).T
    back_lon, back_lat = move_in(name)(*from_internal(lon, lat, name))
    _, _, error_m = GEOD.inv(lon, lat, back_lon, back_lat)
    assert np.max(error_m) < 1e-5


@pytest.mark.parametrize(
    ("lon", "lat", "gcj_m", "bd_m"),
    [
        (121.40, 31.07, (460, 620), (1150, 1420)),  # Zhuanqiao
        (113.30, 40.08, (460, 620), (1150, 1420)),  # Datong
        (116.59, 35.41, (460, 620), (1150, 1420)),  # Jining
    ],
)
def test_shifts_have_the_published_size(
    lon: float, lat: float, gcj_m: tuple[int, int], bd_m: tuple[int, int]
) -> None:
    for name, (low, high) in (("GCJ-02", gcj_m), ("BD-09", bd_m)):
        x, y = from_internal([lon], [lat], name)
        distance_m = GEOD.inv(lon, lat, x[0], y[0])[2]
        assert low <= distance_m <= high


def test_gcj_02_agrees_with_a_published_pair() -> None:
    # A pair in Shanghai from the tests of eviltransform, the formula's best-known implementation.
    x, y = from_internal([121.5272106], [31.1774276], "GCJ-02")
    assert x[0] == pytest.approx(121.531541859215, abs=1e-9)
    assert y[0] == pytest.approx(31.17530398364597, abs=1e-9)


def test_outside_china_gcj_02_moves_nothing() -> None:
    x, y = from_internal([7.42], [43.73], "GCJ-02")
    assert (x[0], y[0]) == (7.42, 43.73)


@pytest.mark.parametrize("zone", range(25, 46))
def test_both_gauss_kruger_forms_round_trip(zone: int) -> None:
    meridian = zone * 3.0
    lon, lat = np.array([meridian - 1.2, meridian, meridian + 1.4]), np.array([22.5, 35.0, 47.25])
    plain_x, plain_y = from_internal(lon, lat, f"EPSG:{4509 + zone}")
    prefixed_x, prefixed_y = from_internal(lon, lat, f"EPSG:{4488 + zone}")
    np.testing.assert_allclose(prefixed_x - plain_x, zone * 1e6)
    np.testing.assert_allclose(prefixed_y, plain_y)
    assert plain_x[1] == pytest.approx(500_000)
    for x, y, epsg in ((plain_x, plain_y, 4509 + zone), (prefixed_x, prefixed_y, 4488 + zone)):
        back = lonlat_to_internal(x, y, f"EPSG:{epsg}")
        np.testing.assert_allclose(back, [lon, lat], atol=1.01e-8)


def test_missing_coordinates_stay_missing() -> None:
    lon, lat = lonlat_to_internal([np.nan, 121.0, np.inf], [31.0, 31.0, 31.0], "BD-09")
    assert np.isnan(lon).tolist() == [True, False, True]
    assert np.isnan(lat).tolist() == [True, False, True]


@pytest.mark.parametrize("text", ["gcj02", "GCJ-02", " Gcj_02 ", "火星坐标"])
def test_names_of_gcj_02(text: str) -> None:
    assert reference(text) == "GCJ-02"


@pytest.mark.parametrize("text", ["", "EPSG:", "EPSG:999999", "北京54", "EPSG:5773"])
def test_unknown_references_say_what_is_allowed(text: str) -> None:
    with pytest.raises(UnknownReferenceError, match="EPSG"):
        reference(text)


def test_a_datum_without_known_shift_is_refused() -> None:
    with pytest.raises(UnknownReferenceError, match="没有公开的转换参数"):
        lonlat_to_internal([40_500_000.0], [3_400_000.0], "EPSG:2364")


def test_undeclared_frames_are_refused_with_an_explanation() -> None:
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(121.4, 31.07)])
    with pytest.raises(UndeclaredReferenceError, match="请声明坐标系"):
        to_internal(frame)


def test_a_declaration_must_not_contradict_a_projected_frame(two_zones: gpd.GeoDataFrame) -> None:
    projected = to_metric(two_zones)
    with pytest.raises(MixedReferenceError, match="矛盾"):
        to_internal(projected, "EPSG:4547")
    assert to_internal(projected, "EPSG:4549").crs.to_epsg() == 4490


def test_to_internal_keeps_rows_index_and_input(two_zones: gpd.GeoDataFrame) -> None:
    given_frame = two_zones.set_index(np.array([7, 3]))
    before = given_frame.geometry.to_wkt().to_list()
    moved = to_internal(given_frame, "GCJ-02")
    assert moved.index.to_list() == [7, 3]
    assert given_frame.geometry.to_wkt().to_list() == before
    assert moved.crs.to_epsg() == 4490
    assert abs(moved.geometry.iloc[0].centroid.x - 121.405) == pytest.approx(0.0045, abs=0.001)


def test_projected_gcj_02_is_brought_back_to_degrees_first() -> None:
    degrees = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(121.407, 31.069)], crs="EPSG:4326")
    mercator = degrees.to_crs("EPSG:3857")
    a, b = to_internal(degrees, "GCJ-02").geometry[0], to_internal(mercator, "GCJ-02").geometry[0]
    assert a.distance(b) <= 1.5e-8


def test_heights_are_dropped() -> None:
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(121.4, 31.0, 5.0)], crs="EPSG:4490")
    assert not to_internal(frame).geometry.has_z.any()


@given(
    st.lists(st.tuples(st.floats(121.0, 121.5), st.floats(31.0, 31.5)), min_size=3, max_size=30, unique=True),
    st.sampled_from(["EPSG:4490", "GCJ-02", "BD-09"]),
)
@settings(deadline=None, max_examples=30)
def test_shared_vertices_stay_equal_and_areas_valid(points: list[tuple[float, float]], name: str) -> None:
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(points)))
    frame = gpd.GeoDataFrame({"i": range(len(cells))}, geometry=cells)
    moved = to_internal(frame, name).geometry.to_numpy()
    corners, where = np.unique(shapely.get_coordinates(cells), axis=0, return_inverse=True)
    images = shapely.get_coordinates(to_internal(frame, name).geometry.to_numpy())
    if len(images) == len(where):  # no cell was so thin that it had to be cleaned
        by_corner: dict[int, tuple[float, float]] = {}
        for corner, image in zip(where.ravel(), images, strict=True):
            assert by_corner.setdefault(corner, tuple(image)) == tuple(image)
    assert len(corners) > 0
    assert shapely.is_valid(moved).all()
    np.testing.assert_array_equal(shapely.get_coordinates(quantise(moved)), images)


def test_quantising_mends_only_what_it_breaks() -> None:
    # A neck 1e-10 degrees wide: rounding closes it, so that the ring would touch itself along a line.
    spike = shapely.Polygon([(0, 0), (1, 0), (1, 1), (0.5, 1e-10), (0, 1)])
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    mended, kept, none = quantise(np.array([spike, bow, None], dtype=object))
    assert mended.is_valid
    assert mended.area == pytest.approx(spike.area, abs=1e-8)
    assert not kept.is_valid  # was invalid before: not for rounding to hide
    assert none is None


def test_negative_zero_is_zero() -> None:
    assert not np.signbit(shapely.get_coordinates(quantise(shapely.Point(-1e-12, -0.0)))).any()


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (121.40, 31.07, 4549),  # Zhuanqiao: zone 40
        (116.59, 35.41, 4548),  # Jining: zone 39
        (113.30, 40.08, 4547),  # Datong: zone 38
        (120.35, 36.12, 4549),  # Qingdao: zone 40
        (111.90, 32.10, 4546),  # Xiangyang: zone 37
        (7.42, 43.73, 32632),  # Monaco
        (-70.0, -33.0, 32719),
    ],
)
def test_metric_reference_of_a_place(lon: float, lat: float, epsg: int) -> None:
    assert metric_crs(shapely.Point(lon, lat)).to_epsg() == epsg


def test_measures_are_metres_whatever_the_reference(two_zones: gpd.GeoDataFrame) -> None:
    truth_m2 = abs(GEOD.geometry_area_perimeter(two_zones.geometry.iloc[0])[0])
    for frame in (two_zones, two_zones.to_crs("EPSG:3857"), to_metric(two_zones)):
        assert areas_m2(frame.geometry).iloc[0] == pytest.approx(truth_m2, rel=5e-4)
    assert lengths_m(two_zones.geometry).iloc[0] == pytest.approx(2 * (953.6 + 1109.0), rel=2e-3)


def test_measuring_degrees_raises(two_zones: gpd.GeoDataFrame) -> None:
    unnamed = gpd.GeoSeries(two_zones.geometry.to_numpy())
    for measure in (areas_m2, lengths_m):
        with pytest.raises(DegreesError, match="不能"):
            measure(unnamed)
    for crs in (two_zones.crs, None):
        with pytest.raises(DegreesError):
            require_metric(crs)
    with pytest.raises(DegreesError):
        to_metric(two_zones, "EPSG:4326")


@pytest.mark.parametrize(
    ("x", "y", "declared", "what"),
    [
        (3438000.0, 538000.0, "EPSG:4549", "swapped"),
        (538000.0, 3438000.0, "EPSG:4528", "zone"),
        (40538000.0, 3438000.0, "EPSG:4549", "zone"),
        (39538000.0, 3438000.0, "EPSG:4528", "zone"),
        (538000.0, 3438000.0, "EPSG:4490", "metres"),
        (121.4, 31.07, "EPSG:4549", "metres"),
        (31.07, 121.4, "GCJ-02", "swapped"),
    ],
)
def test_declarations_that_the_numbers_contradict(x: float, y: float, declared: str, what: str) -> None:
    found, sentence = declaration_fault([x], [y], declared)
    assert found == what
    assert sentence


@pytest.mark.parametrize(
    ("x", "y", "declared"),
    [(40538000.0, 3438000.0, "EPSG:4528"), (538000.0, 3438000.0, "EPSG:4549"), (121.4, 31.07, "BD-09")],
)
def test_declarations_that_fit(x: float, y: float, declared: str) -> None:
    assert declaration_fault([x], [y], declared) is None


def _streets_and_houses() -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    # Streets 800 m apart, houses 20 m beside them.
    lines = [shapely.LineString([(121.40, 31.07 + i * 0.007), (121.44, 31.07 + i * 0.007)]) for i in range(5)]
    streets = gpd.GeoDataFrame({"name": "路"}, index=range(5), geometry=lines, crs="EPSG:4490")
    lon = np.tile(np.linspace(121.402, 121.438, 20), 5)
    lat = np.repeat(31.07 + np.arange(5) * 0.007 + 0.0002, 20)
    houses = gpd.GeoDataFrame({"i": range(100)}, geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4490")
    return streets, houses


def test_data_in_the_wrong_shift_is_suspected() -> None:
    streets, houses = _streets_and_houses()
    assert china_shift_warning(houses, streets) is None
    for name in ("GCJ-02", "BD-09"):
        x, y = from_internal(houses.geometry.x, houses.geometry.y, name)
        shifted = houses.set_geometry(gpd.points_from_xy(x, y), crs="EPSG:4490")
        assert name in china_shift_warning(shifted, streets)


def test_no_suspicion_from_a_few_points_or_outside_china() -> None:
    streets, houses = _streets_and_houses()
    assert china_shift_warning(houses.iloc[:5], streets) is None
    abroad = houses.set_geometry(houses.geometry.translate(-100.0, 10.0))
    assert china_shift_warning(abroad, streets) is None
