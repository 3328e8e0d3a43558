"""Each kind of fault, drawn small; what counts as none; what cannot be checked at all."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import affinity

from geo.coverage import KINDS, SEVERITIES, find_faults
from geo.crs import areas_m2
from geo.errors import MixedReferenceError, UndeclaredReferenceError, ZonesError
from tests.geo.boards import LONLAT, METRE, STEP, TERRITORY, X0, Y0, board, cell, frame, widened


def kinds(faults: gpd.GeoDataFrame) -> list[tuple[str, set[str]]]:
    return [(kind, set(codes)) for kind, codes in zip(faults["kind"], faults["codes"], strict=True)]


def test_a_clean_coverage_has_no_fault_with_or_without_a_boundary() -> None:
    zones = frame(board())
    for boundary in (None, TERRITORY, gpd.GeoSeries([TERRITORY], crs=LONLAT)):
        faults = find_faults(zones, boundary)
        assert faults.empty
        assert list(faults.columns) == [
            "kind", "severity", "codes", "area_m2", "width_m", "subjects", "message", "message_en", "geometry"
        ]  # fmt: skip
        assert faults.crs == zones.crs


@pytest.mark.parametrize("metres", [0.05, 0.3, 1.3, 20])
def test_overlap(metres: float) -> None:
    """a1 reaches into b1."""
    shapes = board()
    shapes["a1"] = widened(shapes["a1"], metres)
    faults = find_faults(frame(shapes), TERRITORY)
    assert kinds(faults) == [("overlap", {"a1", "b1"})]
    common = shapes["a1"].intersection(shapes["b1"])
    assert faults.area_m2[0] == pytest.approx(areas_m2(gpd.GeoSeries([common], crs=LONLAT))[0], rel=1e-3)
    assert faults.width_m[0] == pytest.approx(metres, rel=0.05)
    assert faults.geometry[0].symmetric_difference(common).area < 1e-3 * common.area
    assert faults.severity[0] == "error"


def test_the_sentence_of_an_overlap_names_zones_area_and_width() -> None:
    shapes = board()
    shapes["a1"] = widened(shapes["a1"], 1.3)
    faults = find_faults(frame(shapes))
    assert faults.message[0] == "网格 a1 与 网格 b1 重叠 433 m²，最宽 1.3 米。"
    assert faults.message_en[0] == "zone a1 and zone b1 overlap: 433 m², at most 1.3 m wide."
    assert find_faults(frame(shapes), noun="社区").message[0].startswith("社区 a1 与 社区 b1")


@pytest.mark.parametrize(
    ("metres", "kind"), [(-0.05, "sliver"), (-0.9, "sliver"), (-1.5, "gap"), (-20, "gap")]
)
def test_gaps_and_slivers(metres: float, kind: str) -> None:
    """b1 draws back from c1."""
    shapes = board()
    shapes["b1"] = widened(shapes["b1"], metres)
    for boundary in (None, TERRITORY):
        faults = find_faults(frame(shapes), boundary)
        assert kinds(faults) == [(kind, {"b0", "b1", "b2", "c1"})]
        assert set(faults.codes[0][:2]) == {"b1", "c1"}  # the longest contacts first
        assert faults.width_m[0] == pytest.approx(-metres, rel=0.05)


def test_a_missing_zone_is_a_gap_and_a_missing_corner_is_uncovered() -> None:
    shapes = board()
    middle = shapes.pop("b1")
    faults = find_faults(frame(shapes))
    assert kinds(faults) == [("gap", {"a1", "b0", "b2", "c1"})]
    assert faults.geometry[0].equals(middle)
    shapes = board()
    del shapes["c2"]
    assert find_faults(frame(shapes)).empty  # nothing says that there should be a corner
    assert kinds(find_faults(frame(shapes), TERRITORY)) == [("uncovered", {"b2", "c1"})]


@pytest.mark.parametrize("metres", [0.05, 0.5, 5, 20])
def test_inlet(metres: float) -> None:
    """a0 draws back from b0: a slot open to the south."""
    shapes = board()
    shapes["a0"] = widened(shapes["a0"], -metres)
    for boundary in (None, TERRITORY):
        faults = find_faults(frame(shapes), boundary)
        assert kinds(faults) == [("inlet", {"a0", "a1", "b0"})]
        assert faults.width_m[0] == pytest.approx(metres, rel=0.05)


@pytest.mark.parametrize("angle", range(0, 90, 10))
def test_an_inlet_as_deep_as_a_zone_is_found_however_borders_are_rounded(angle: float) -> None:
    """Its end is a vertex on the straight border of the zones below, a hair off by rounding."""
    squares = {
        "a": (0, 0, 600, 600),
        "b": (600, 0, 1200, 600),
        "c": (0, 600, 597, 1200),
        "d": (600, 600, 1200, 1200),
    }
    placed = {
        code: shapely.transform(
            affinity.rotate(shapely.box(*square), angle, origin=(0, 0)),
            lambda metres: np.round(np.array([X0, Y0]) + metres * (METRE, 1 / 110_870), 8),
        )
        for code, square in squares.items()
    }
    faults = find_faults(frame(placed))
    assert [kind for kind, _ in kinds(faults)] == ["inlet"]
    assert {"c", "d"} <= set(faults.codes[0])
    assert faults.area_m2[0] == pytest.approx(1800, rel=0.02)


@pytest.mark.parametrize(
    ("metres", "kind"), [(0.005, "near_miss"), (0.05, "inlet"), (5, "inlet"), (20, "inlet")]
)
def test_a_passage_between_zones_is_found_without_a_boundary(metres: float, kind: str) -> None:
    """Two zones, and four of which one draws back from its neighbours: the passage is open at both ends."""
    drawn_back = widened(cell(0, 0), -metres)
    faults = find_faults(frame({"a": drawn_back, "b": cell(1, 0)}))
    assert kinds(faults) == [(kind, {"a", "b"})]
    west, south, east, north = drawn_back.bounds
    corner = shapely.box(west, south, east, round(north - metres / 110_870, 8))
    faults = find_faults(frame({"a": corner, "b": cell(1, 0), "c": cell(0, 1), "d": cell(1, 1)}))
    assert [kind for kind, _ in kinds(faults)] == [kind]
    assert faults.width_m[0] == pytest.approx(metres, rel=0.25)  # wider at the bend


def test_zones_that_are_far_apart_or_touch_at_a_corner_have_no_passage() -> None:
    assert find_faults(frame({"a": cell(0, 0), "b": cell(1.2, 0)})).empty
    assert find_faults(frame({"a": cell(0, 0), "b": cell(1, 1)})).empty
    # They face each other over 5 m, 23 m apart.
    assert find_faults(frame({"a": cell(0, 0), "b": cell(1.08, 0.985)})).empty


@pytest.mark.parametrize("metres", [0.05, 20])
def test_outside_and_uncovered_along_the_boundary(metres: float) -> None:
    shapes = board()
    shapes["c1"] = widened(shapes["c1"], metres)
    assert kinds(find_faults(frame(shapes), TERRITORY)) == [("outside_parent", {"c1"})]
    shapes["c1"] = widened(cell(2, 1), -metres)
    found = find_faults(frame(shapes), TERRITORY)
    assert found.kind.tolist() == ["uncovered"]
    assert "c1" in found.codes[0]


def test_a_strip_is_as_wide_as_the_circle_that_fits_into_its_corner() -> None:
    """c2 draws back by 10 m from both borders of the territory: at the corner a circle reaches further in."""
    west, south, east, north = cell(2, 2).bounds
    shapes = {**board(), "c2": shapely.box(west, south, east - 10 * METRE, north - 10 / 110_870)}
    faults = find_faults(frame(shapes), TERRITORY)
    assert kinds(faults) == [("uncovered", {"c2", "b2", "c1"})]
    assert faults.width_m[0] == pytest.approx(20 / (1 + 0.5**0.5), rel=0.02)


def test_overlap_that_also_leaves_the_boundary_is_told_apart() -> None:
    """B0 moved east as a whole: it overlaps c0, leaves a slot at a0 and stays inside."""
    shapes = {"a": cell(0, 0), "b": cell(0.9, 0, 1.3)}
    faults = find_faults(frame(shapes), cell(0, 0, 2))
    assert sorted(kinds(faults)) == [("outside_parent", {"b"}), ("overlap", {"a", "b"})]


def test_three_zones_over_one_place_are_three_pairs() -> None:
    shapes = {"a": cell(0, 0), "b": cell(0.5, 0), "c": cell(0.75, 0)}
    pairs = [codes for kind, codes in kinds(find_faults(frame(shapes))) if kind == "overlap"]
    assert pairs == [{"a", "b"}, {"a", "c"}, {"b", "c"}]


def test_a_zone_drawn_twice_and_a_zone_inside_another() -> None:
    shapes = board()
    shapes["twice"] = shapes["a1"]
    shapes["inner"] = cell(2.3, 1.3, 0.2, 0.2)
    faults = find_faults(frame(shapes), TERRITORY)
    assert kinds(faults) == [("duplicate", {"a1", "twice"}), ("contained", {"inner", "c1"})]
    assert faults.codes[1] == ["inner", "c1"]
    assert faults.message[1].startswith("网格 inner 整个落在 网格 c1 里面")


def test_two_whole_coverages_on_top_of_each_other_are_all_duplicates() -> None:
    """Every inner edge cancels within its own copy: only the depth of the one big face tells."""
    shapes = board()
    both = frame({**shapes, **{f"{code}'": shape for code, shape in shapes.items()}})
    faults = find_faults(both)
    assert set(faults.kind) == {"duplicate"}
    assert len(faults) == 9


def test_one_code_for_two_zones_is_a_duplicate() -> None:
    zones = frame(board())
    zones.loc[4, "code"] = "a0"
    faults = find_faults(zones)
    assert kinds(faults) == [("duplicate", {"a0"})]
    assert "2 个网格" in faults.message[0]


def test_a_border_that_crosses_itself_is_one_fault() -> None:
    """The east side of b1 is drawn as a loop; the gap and the overlap that follow are not listed beside it."""
    shapes = board()
    west, south, east, north = shapes["b1"].bounds
    third = (north - south) / 3
    out = 5 * METRE
    shapes["b1"] = shapely.Polygon(
        [
            (west, south),
            (east, south),
            (east + out, south + 2 * third),
            (east + out, south + third),
            (east, north),
            (west, north),
        ]
    )
    assert not shapes["b1"].is_valid
    faults = find_faults(frame(shapes), TERRITORY)
    assert kinds(faults) == [("invalid", {"b1"})]
    assert "自相交" in faults.message[0]
    assert faults.geometry[0].distance(shapely.Point(east, south + 1.5 * third)) < 5 * METRE


@pytest.mark.parametrize("shape", [None, shapely.Polygon(), shapely.Polygon([(0, 0), (np.inf, 1), (1, 1)])])
def test_a_zone_without_usable_geometry_is_invalid_and_its_land_a_gap(shape: shapely.Geometry | None) -> None:
    shapes: dict[str, shapely.Geometry | None] = {**board(), "b1": shape}
    faults = find_faults(frame(shapes))
    assert faults.kind.tolist() == ["invalid", "gap"]
    assert faults.codes[0] == ["b1"]


def test_stray_pieces() -> None:
    """b1 owns a square in the middle of c1, which has a hole there."""
    shapes = board()
    piece = cell(2.4, 1.4, 0.2, 0.2)
    shapes["b1"] = shapely.MultiPolygon([shapes["b1"], piece])
    shapes["c1"] = shapes["c1"].difference(piece)
    faults = find_faults(frame(shapes), TERRITORY)
    assert kinds(faults) == [("stray", {"b1"})]
    assert faults.severity[0] == "warning"
    assert faults.geometry[0].equals(piece)


def test_near_miss() -> None:
    """b1 and c1 drew their common border twice, 1 cm apart."""
    shapes = board()
    shapes["b1"] = widened(shapes["b1"], 0.01)
    faults = find_faults(frame(shapes), TERRITORY)
    assert kinds(faults) == [("near_miss", {"b1", "c1"})]
    assert "没有对齐" in faults.message[0]


def test_vertices_that_a_neighbour_lacks_are_no_fault() -> None:
    """A slanted border where one zone has 50 more vertices, rounded to the grid: hairs of less than a millimetre."""
    ends = np.array([[121.41, 31.07], [121.4137, 31.0791]])
    share = np.linspace(0, 1, 52)[:, None]
    many = np.round(ends[0] * (1 - share) + ends[1] * share, 8)
    west = shapely.Polygon([*many, (121.40, 31.0791), (121.40, 31.07)])
    east = shapely.Polygon([*ends, (121.42, 31.0791), (121.42, 31.07)])
    assert not shapely.coverage_is_valid([west, east])
    whole = shapely.box(121.40, 31.07, 121.42, 31.0791)
    zones = frame({"w": west, "e": east})
    assert find_faults(zones).empty
    assert find_faults(zones, whole).empty


def test_crossing_levels() -> None:
    """Parents meet in the middle of b; b1 declares the west, a2 lies in the east alone."""
    zones = frame(board())
    parents = frame({"west": cell(0, 0, 1.5, 3), "east": cell(1.5, 0, 1.5, 3)})
    faults = find_faults(zones, parents=parents)
    assert kinds(faults) == [("crossing_levels", {f"b{row}"}) for row in range(3)]
    split = frame({"west": cell(0, 0, 2, 3), "east": cell(2, 0, 1, 3)})
    assert find_faults(zones, parents=split).empty
    zones["parent"] = ["west"] * 3 + ["west", "east", "west"] + ["east"] * 3
    faults = find_faults(zones, parents=split)
    assert kinds(faults) == [("crossing_levels", {"b1"})]
    assert "属于 east" in faults.message[0]


def test_codes_that_are_numbers_name_the_same_zones_whatever_pandas_made_of_them() -> None:
    """One zone without a parent makes the others' 1 and 2 to 1.0 and 2.0."""
    town = frame({1: cell(0, 0), 2: cell(1, 0)})
    zones = frame({101.0: cell(0, 0), 102.0: cell(1, 0)})
    zones["parent"] = [2, None]
    faults = find_faults(zones, parents=town)
    assert kinds(faults) == [("crossing_levels", {"101"})]
    assert faults.message[0].startswith("网格 101 跨上级：属于 2，")


def test_parents_stand_in_for_the_boundary() -> None:
    shapes = board()
    shapes["c1"] = widened(shapes["c1"], 4)
    del shapes["c0"]
    parents = frame({"west": cell(0, 0, 2, 3), "east": cell(2, 0, 1, 3)})
    faults = find_faults(frame(shapes), parents=parents)
    assert sorted(kinds(faults)) == [("outside_parent", {"c1"}), ("uncovered", {"b0", "c1"})]


def test_exceptions_are_honoured() -> None:
    shapes = board()
    lake = shapes.pop("b1")
    assert find_faults(frame(shapes), TERRITORY, exceptions=gpd.GeoSeries([lake], crs=LONLAT)).empty
    half = find_faults(frame(shapes), TERRITORY, exceptions=cell(1, 1, 0.5))
    assert half.kind.tolist() == ["gap"]
    assert half.geometry[0].equals(cell(1.5, 1, 0.5))
    # An exception is no licence to overlap.
    shapes = board()
    shapes["a1"] = widened(shapes["a1"], 5)
    assert find_faults(frame(shapes), TERRITORY, exceptions=lake).kind.tolist() == ["overlap"]


def test_cut_estates_and_buildings() -> None:
    zones = frame(board())
    subjects = gpd.GeoDataFrame(
        {
            "code": ["e1", "e2", "b1", "h1"],
            "kind": ["estate", "estate", "building", "household"],
            "name": ["兴银花园", None, None, None],
        },
        geometry=[
            cell(0.8, 0.2, 0.5, 0.5),
            cell(2.2, 0.2, 0.5, 0.5),
            cell(1.95, 1.95, 0.1, 0.1),
            shapely.Point(0, 0),
        ],
        crs=LONLAT,
    )
    faults = find_faults(zones, subjects=subjects)
    assert kinds(faults) == [("cut_estate", {"a0", "b0"}), ("cut_building", {"b1", "b2", "c1", "c2"})]
    assert faults.codes[0] == ["b0", "a0"]
    assert faults.message[0].startswith("小区兴银花园 被分在 网格 b0、a0")
    assert find_faults(zones, estates=subjects[:1], subjects=subjects[3:]).kind.tolist() == ["cut_estate"]
    # A wall drawn half a metre over the border is no cut.
    over = frame(
        {"B": shapely.box(X0 + STEP - 0.5 * METRE, Y0 + 0.1 * STEP, X0 + 1.5 * STEP, Y0 + 0.2 * STEP)}
    )
    assert find_faults(zones, buildings=over).empty


def test_cut_by_barriers() -> None:
    zones = frame(board())
    south, north = Y0 - STEP, Y0 + 4 * STEP
    lines = gpd.GeoDataFrame(
        {"kind": ["motorway", "residential", "rail", "river"]},
        geometry=[
            shapely.LineString([(X0 + 0.5 * STEP, south), (X0 + 0.5 * STEP, north)]),
            shapely.LineString(
                [(X0 + 1.5 * STEP, south), (X0 + 1.5 * STEP, north)]
            ),  # a street may cross a zone
            shapely.LineString(
                [(X0 + 2 * STEP + 3 * METRE, south), (X0 + 2 * STEP + 3 * METRE, north)]
            ),  # on a border
            shapely.LineString([(X0 + 2.5 * STEP, south), (X0 + 2.5 * STEP, Y0 + 0.5 * STEP)]),  # ends inside
        ],
        crs=LONLAT,
    )
    faults = find_faults(zones, barriers=lines)
    assert kinds(faults) == [("cut_barrier", {f"a{row}"}) for row in range(3)]
    assert "高速公路" in faults.message[0]
    assert faults.geometry[0].geom_type == "LineString"


def test_an_expressway_that_changes_its_kind_inside_a_zone_cuts_it_once() -> None:
    zones = frame(board())
    middle, south, north = X0 + 0.5 * STEP, Y0 - 0.1 * STEP, Y0 + 1.1 * STEP
    ends = [(south, Y0 + 0.3 * STEP), (Y0 + 0.3 * STEP, north)]
    lines = [shapely.LineString([(middle, low), (middle, high)]) for low, high in ends]

    def found(*called: str) -> gpd.GeoDataFrame:
        return find_faults(zones, barriers=gpd.GeoDataFrame({"kind": called}, geometry=lines, crs=LONLAT))

    faults = found("trunk", "motorway")
    assert kinds(faults) == [("cut_barrier", {"a0"})]
    assert "被高速公路穿过" in faults.message[0], "named after the longer part"
    assert found("river", "motorway").empty, "one ends where the other begins, and neither crosses"


@pytest.mark.parametrize("clipped", [False, True])
def test_a_slanted_barrier_cuts_every_zone_that_it_crosses(*, clipped: bool) -> None:
    """Where it meets a slanted border no coordinate is exactly on both."""
    drawn = {code: affinity.rotate(shape, 17, origin=(X0, Y0)) for code, shape in board().items()}
    drawn = {code: shapely.transform(shape, lambda at: np.round(at, 8)) for code, shape in drawn.items()}
    middles = [shapely.centroid(drawn[code]) for code in ("a0", "b1", "c2")]
    line = affinity.scale(shapely.LineString(middles), 3, 3)
    if clipped:
        line = shapely.intersection(line, shapely.union_all(list(drawn.values())))
    rail = gpd.GeoDataFrame({"kind": ["rail"]}, geometry=[line], crs=LONLAT)
    faults = find_faults(frame(drawn), barriers=rail)
    assert kinds(faults) == [("cut_barrier", {code}) for code in ("a0", "b1", "c2")]
    assert faults.message[1].startswith("网格 b1 被铁路穿过 4")


def test_subjects_in_faults_are_counted() -> None:
    shapes = board()
    shapes["a1"] = widened(shapes["a1"], 10)
    households = gpd.GeoSeries(
        [shapely.Point(X0 + STEP + metres * METRE, Y0 + 1.5 * STEP) for metres in (-5, 2, 5, 50)] + [None],
        crs=LONLAT,
    )
    subjects = gpd.GeoDataFrame({"kind": "household"}, geometry=households, index=range(5))
    assert find_faults(frame(shapes), subjects=subjects).subjects.tolist() == [2]
    assert find_faults(frame(shapes)).subjects.isna().all()


def test_projected_zones_are_checked_in_their_own_reference() -> None:
    """Degrees and metres give the same faults with the same measures."""
    shapes = board()
    shapes["a1"] = widened(shapes["a1"], 1.3)
    lonlat = frame(shapes)
    for crs in ("EPSG:4549", "EPSG:4528", "EPSG:3857"):
        zones = lonlat.to_crs(crs)
        zones.geometry = shapely.set_precision(zones.geometry.array, 0.001)
        faults = find_faults(zones)
        assert faults.kind.tolist() == ["overlap"]
        assert faults.crs == zones.crs
        assert faults.area_m2[0] == pytest.approx(find_faults(lonlat).area_m2[0], rel=2e-3)


def test_empty_zones() -> None:
    none = frame({})
    assert find_faults(none).empty
    faults = find_faults(none, TERRITORY)
    assert kinds(faults) == [("uncovered", set())]
    assert faults.area_m2[0] == pytest.approx(areas_m2(gpd.GeoSeries([TERRITORY], crs=LONLAT))[0], rel=1e-3)
    assert "全部" in faults.message[0]


def test_heights_are_ignored() -> None:
    zones = frame(board())
    zones.geometry = shapely.force_3d(zones.geometry.array, 4.5)
    assert find_faults(zones, shapely.force_3d(TERRITORY)).empty


def test_input_is_not_changed() -> None:
    shapes = board()
    shapes["a1"] = widened(shapes["a1"], 1.3)
    zones = frame(shapes)
    before = zones.copy()
    find_faults(zones, TERRITORY)
    assert zones.equals(before)


@pytest.mark.parametrize(
    ("zones", "text"),
    [
        (frame(board()).rename(columns={"code": "编码"}), "code"),
        (frame({**board(), "": cell(5, 5)}), "没有编码"),
        (frame({"a": cell(0, 0), "line": shapely.LineString([(121, 31), (122, 32)])}), "line（LineString）"),
        (
            frame({"a": cell(0, 0), "mix": shapely.GeometryCollection([cell(1, 0), shapely.Point(1, 1)])}),
            "不是面",
        ),
        (
            frame({"fiji": shapely.box(179, -17, 180, -16), "east": shapely.box(-180, -17, -179, -16)}),
            "360° 经度",
        ),
        (frame({"turned": shapely.box(31.07, 121.4, 31.08, 121.41)}), "是否写反"),
        (frame({"metres": shapely.box(380_000, 3_430_000, 380_300, 3_430_300)}), "是否写反"),
    ],
)
def test_zones_that_cannot_be_checked_say_why_and_what_to_do(zones: gpd.GeoDataFrame, text: str) -> None:
    with pytest.raises(ZonesError) as caught:
        find_faults(zones)
    assert text in f"{caught.value.zh}{caught.value.remedy}"
    assert caught.value.remedy


def test_a_territory_without_area_is_refused() -> None:
    flat = shapely.Polygon([(121.4, 31), (121.5, 31), (121.4, 31)])
    for boundary in (flat, shapely.Polygon()):
        with pytest.raises(ZonesError, match="没有面积"):
            find_faults(frame(board()), boundary)
    with pytest.raises(ZonesError, match="不是面"):
        find_faults(frame(board()), shapely.LineString([(121, 31), (122, 32)]))


def test_references_must_be_declared_and_agree() -> None:
    with pytest.raises(UndeclaredReferenceError):
        find_faults(frame(board(), crs=None))
    zones = frame(board())
    for other in (frame({"t": TERRITORY}).to_crs(4528), frame({"t": TERRITORY}, crs=None)):
        with pytest.raises(MixedReferenceError):
            find_faults(zones, other)
        with pytest.raises(MixedReferenceError):
            find_faults(zones, subjects=other)


def test_every_kind_has_a_severity_that_the_store_knows() -> None:
    assert set(SEVERITIES) == set(KINDS)
    assert set(SEVERITIES.values()) == {"error", "warning"}
