"""多格合一: nothing lost, nothing counted twice, one connected partition, estates whole, every choice explained."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import box

from geo.crs import areas_m2
from geo.errors import UndeclaredReferenceError, ZonesError
from geo.fusion import KINDS, Fusion, FusionProfile, fuse
from geo.fusion.overlay import overlay
from geo.samples import Sample, make_zhuanqiao, random_points, random_zones
from tests.geo.drawings import NO_SIZES, STEP, at, check_laws, drawn, households, together


@st.composite
def departments(draw: st.DrawFn) -> tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """Draw two to four layers over the same blocks: grouped, shifted, with zones missing, doubled or swollen."""
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    blocks = random_zones(draw(st.integers(4, 30)), vertices=draw(st.sampled_from([4, 12, 24])), seed=seed)
    layers = {}
    for code in ("party", "order", "civil", "urban")[: draw(st.integers(2, 4))]:
        label = rng.integers(0, draw(st.integers(2, 8)), len(blocks))
        frame = blocks.assign(label=label).dissolve("label", as_index=False)[["label", "geometry"]]
        offset = draw(st.sampled_from([0.0, 3e-8, 2e-5, 4e-4]))
        frame["geometry"] = shapely.transform(
            frame.geometry.to_numpy(), lambda xy, by=offset: np.round(xy + by, 8)
        )
        frame["code"] = [f"{code}{number}" for number in frame["label"]]
        if draw(st.booleans()) and len(frame) > 1:
            frame = frame.iloc[1:]
        if draw(st.booleans()):
            swollen = frame.iloc[[0]].copy()
            swollen["geometry"] = shapely.transform(
                swollen.geometry.to_numpy(), lambda xy: np.round(xy + 1e-4, 8)
            )
            swollen["code"] = f"{code}x"
            frame = pd.concat([frame, swollen])
        layers[code] = frame[["code", "geometry"]].reset_index(drop=True)
    west, south, east, north = blocks.total_bounds
    lon, lat = random_points((west - 0.002, south, east, north + 0.002), 300, seed=seed)
    people = pd.array(rng.integers(1, 5, 300), dtype="Int64")
    people[rng.random(300) < 0.1] = pd.NA
    points = gpd.points_from_xy(lon, lat).to_numpy()
    points[rng.random(300) < 0.05] = None
    kinds = rng.choice(["household", "business", "institution", "facility"], 300, p=[0.7, 0.15, 0.1, 0.05])
    subjects = gpd.GeoDataFrame({"kind": kinds, "people": people}, geometry=points, crs="EPSG:4490")
    return layers, subjects


@settings(deadline=None, max_examples=25)
@given(departments(), st.sampled_from(["order", None]), st.booleans())
def test_nothing_is_lost_or_counted_twice(
    city: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame],
    leading: str | None,
    bounded: bool,  # noqa: FBT001
) -> None:
    layers, subjects = city
    assume(all(frame.geometry.is_valid.all() for frame in layers.values()))
    boundary = shapely.union_all(layers["party"].geometry.to_numpy()) if bounded else None
    fused = fuse(
        layers,
        subjects=subjects,
        boundary=boundary,
        leading=leading,
        profile=FusionProfile(households=(20.0, 60.0)),
    )
    check_laws(fused, layers, subjects)
    # the cells cover what the layers cover
    whole = shapely.union_all([shape for frame in layers.values() for shape in frame.geometry])
    assert shapely.area(fused.cells.geometry.to_numpy()).sum() >= whole.area * (1 - 1e-6)


@settings(deadline=None, max_examples=10)
@given(departments())
def test_the_order_of_layers_and_subjects_is_no_matter_to_a_leading_layer(
    city: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame],
) -> None:
    layers, subjects = city
    assume(all(frame.geometry.is_valid.all() for frame in layers.values()))
    profile = FusionProfile(households=(20.0, 60.0))
    one = fuse(layers, subjects=subjects, leading="party", profile=profile)
    turned = dict(reversed(layers.items()))
    other = fuse(turned, subjects=subjects.iloc[::-1], leading="party", profile=profile)
    assert one.proposal.geometry.to_wkb().tolist() == other.proposal.geometry.to_wkb().tolist()
    assert one.proposal[["code", "household", "rule"]].equals(other.proposal[["code", "household", "rule"]])
    for kind in KINDS:
        areas = [
            np.sort(each.conflicts.loc[each.conflicts["kind"] == kind, "area_m2"]) for each in (one, other)
        ]
        assert areas[0] == pytest.approx(areas[1])


@settings(deadline=None, max_examples=25)
@given(departments())
def test_overlay_is_that_of_geos(city: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame]) -> None:
    """The faces are those of ``union_all`` and ``polygonize``, up to millimetres."""
    shapes = np.concatenate([frame.geometry.to_numpy() for frame in city[0].values()])
    laid = overlay(shapes)
    assert shapely.is_valid(laid.cells).all()
    assert shapely.coverage_is_valid(laid.cells)
    lines = shapely.union_all(shapely.boundary(shapes), grid_size=1e-8)
    expected = shapely.get_parts(shapely.polygonize(shapely.get_parts([lines])))
    # faces wider than 0.1 m: thinner ones may close where a crossing is rounded to a vertex nearby
    rim = shapely.length(expected)
    roomy = 2.0 * shapely.area(expected) / rim > 1e-6
    # asked where a face is wide: a point in its narrows may lie in the neighbour once both are rounded
    inner = shapely.point_on_surface(shapely.buffer(expected[roomy], -2e-7))
    held = shapely.STRtree(laid.cells).query(inner, predicate="within")
    assert held[0].tolist() == list(range(int(roomy.sum())))
    apart = np.abs(shapely.area(laid.cells[held[1]]) - shapely.area(expected[roomy]))
    assert (apart < rim[roomy] * 1e-7).all()
    assert shapely.area(laid.cells).sum() == pytest.approx(shapely.area(expected).sum(), rel=1e-6)


def test_overlay_sees_islands_and_sides() -> None:
    """A square in a square, not touching: the outer face has a hole, and each border has its two sides."""
    outer, inner = box(121.0, 31.0, 121.01, 31.01), box(121.004, 31.004, 121.006, 31.006)
    far = box(121.02, 31.0, 121.03, 31.01)
    laid = overlay(np.array([outer, inner, far], dtype=object))
    assert len(laid.cells) == 3
    assert sorted(shapely.get_num_interior_rings(laid.cells)) == [0, 0, 1]
    beside = {tuple(sorted(sides)) for sides in zip(laid.left.tolist(), laid.right.tolist(), strict=True)}
    assert beside == {(-1, 0), (0, 1), (-1, 2)}
    assert shapely.contains_properly(laid.cells, shapely.points(laid.inner)).all()


def test_near_parallel_borders_settle() -> None:
    """Borders that cross at a hair's breadth, a millimetre apart over a kilometre."""
    fans = [
        shapely.Polygon([(121.0, 31.0), (121.01, 31.0 + tilt * 1e-8), (121.01, 31.001), (121.0, 31.001)])
        for tilt in range(-6, 7)
    ]
    laid = overlay(np.array(fans, dtype=object))
    assert shapely.coverage_is_valid(laid.cells)
    assert shapely.area(laid.cells).sum() == pytest.approx(1e-5, rel=1e-3)


def test_layers_that_agree_give_themselves() -> None:
    layer = drawn("AABB AABB CCDD")
    fused = fuse({"party": layer, "order": layer, "civil": layer}, profile=NO_SIZES)
    assert fused.conflicts.empty
    assert len(fused.proposal) == 4
    assert fused.agreed_kept == 1.0
    assert set(fused.cells["reason"]) == {"leading"}
    same = fused.proposal.geometry.to_numpy()[:, None] == layer.geometry.to_numpy()[None]
    assert (
        shapely.equals(fused.proposal.geometry.to_numpy()[:, None], layer.geometry.to_numpy()[None]).sum()
        == 4
    ), same


def test_most_layers_decide_a_real_conflict() -> None:
    """The square in the middle is A's to two departments and B's to one."""
    fused = fuse(
        {"party": drawn("AABBB"), "order": drawn("XXXYY"), "civil": drawn("MMMNN")},
        profile=NO_SIZES,
    )
    assert fused.conflicts["kind"].tolist() == ["conflict"]
    row = fused.conflicts.iloc[0]
    assert row["departments"] == ["party", "order", "civil"]
    assert row["codes"] == {"party": ["B"], "order": ["X"], "civil": ["M"]}
    assert row["area_m2"] == pytest.approx(areas_m2(fused.conflicts.geometry).iloc[0])
    assert row["length_m"] == pytest.approx(2 * 222, rel=0.01)
    assert together(fused, (0.5, 0.5), (1.5, 0.5), (2.5, 0.5))
    assert together(fused, (3.5, 0.5), (4.5, 0.5))
    assert not together(fused, (2.5, 0.5), (3.5, 0.5))


def test_the_leading_layer_decides_alone_when_the_planner_says_so() -> None:
    layers = {"party": drawn("AABBB"), "order": drawn("XXXYY"), "civil": drawn("MMMNN")}
    fused = fuse(layers, leading="party", profile=NO_SIZES)
    assert fused.leading == "party"
    assert not together(fused, (1.5, 0.5), (2.5, 0.5))
    assert together(fused, (2.5, 0.5), (3.5, 0.5))


def test_a_pinned_cell_goes_where_it_is_pinned() -> None:
    layers = {"party": drawn("AABBB"), "order": drawn("XXXYY"), "civil": drawn("MMMNN")}
    free = fuse(layers, leading="party", profile=NO_SIZES)
    cell = int(free.cells.index[free.cells.geometry.contains(at(2.5, 0.5))][0])
    fused = fuse(layers, leading="party", pins={cell: "A"}, profile=NO_SIZES)
    assert together(fused, (1.5, 0.5), (2.5, 0.5))
    assert fused.cells.loc[cell, "reason"] == "pin"
    assert "规划员指定" in fused.proposal["explanation"].iloc[0]


TIED = {"party": "AABBB", "order": "XXXYY", "civil": "MMMNN", "urban": "PPQQQ"}
"""Two layers put the border west of the middle, two east."""


@pytest.mark.parametrize(("where", "left_joins"), [(2, False), (3, True)])
def test_a_tie_follows_the_street(where: int, left_joins: bool) -> None:  # noqa: FBT001
    layers = {code: drawn(rows) for code, rows in TIED.items()}
    street = gpd.GeoDataFrame(
        {"kind": ["residential"]},
        geometry=[shapely.LineString([at(where, -1), at(where, 2)])],
        crs="EPSG:4490",
    )
    fused = fuse(layers, streets=street, profile=NO_SIZES)
    assert together(fused, (1.5, 0.5), (2.5, 0.5)) == left_joins
    assert together(fused, (2.5, 0.5), (3.5, 0.5)) != left_joins
    moved = "沿道路或小区边的边界" in "".join(fused.proposal["explanation"])
    assert moved == left_joins  # the leading layer draws the western one


def test_streets_are_found_where_their_middle_is_in_another_zone_of_the_projection() -> None:
    """The territory lies west of 121.5 degrees, most of the streets east of it: Gauss-Krüger zones meet there."""
    east = 0.48
    layers = {
        code: drawn(rows).set_geometry(drawn(rows).translate(east), crs="EPSG:4490")
        for code, rows in TIED.items()
    }
    near = shapely.LineString([at(3, -1), at(3, 2)])
    streets = gpd.GeoDataFrame(geometry=[near, shapely.LineString([at(100, 0), at(100, 1)])], crs="EPSG:4490")
    fused = fuse(layers, streets=streets.set_geometry(streets.translate(east)), profile=NO_SIZES)
    assert fused.proposal["area_m2"].iloc[0] == pytest.approx(
        1.5 * fused.proposal["area_m2"].iloc[1], rel=1e-3
    )


@pytest.mark.parametrize(("west", "east", "left_joins"), [(1.2, 2.0, False), (3.0, 3.8, True)])
def test_a_tie_follows_the_edge_of_an_estate(west: float, east: float, left_joins: bool) -> None:  # noqa: FBT001
    """No border cuts the estate; one of the two that differ runs along its edge."""
    layers = {code: drawn(rows) for code, rows in TIED.items()}
    estate = box(*np.round([121.0 + west * STEP, 31.0, 121.0 + east * STEP, 31.0 + STEP], 8))
    fused = fuse(layers, estates=gpd.GeoDataFrame(geometry=[estate], crs="EPSG:4490"), profile=NO_SIZES)
    assert together(fused, (1.5, 0.5), (2.5, 0.5)) == left_joins
    assert together(fused, (2.5, 0.5), (3.5, 0.5)) != left_joins


def test_an_estate_is_never_cut() -> None:
    """An estate lies across the border that both departments draw, most of it in the east."""
    layer = drawn("AABB AABB")
    west, south = 121.0 + 1.8 * STEP, 31.0 + 0.4 * STEP
    estate = gpd.GeoDataFrame(
        geometry=[box(*np.round([west, south, west + 0.7 * STEP, south + 0.5 * STEP], 8))], crs="EPSG:4490"
    )
    fused = fuse({"party": layer, "order": layer}, estates=estate, profile=NO_SIZES)
    assert shapely.covers(fused.proposal.geometry.to_numpy(), estate.geometry.iloc[0]).sum() == 1
    assert together(fused, (1.9, 0.5), (2.1, 0.5), (3.5, 0.5))
    assert not together(fused, (1.7, 0.5), (1.9, 0.5))
    assert (fused.cells.loc[fused.cells["estate"], "reason"] == "footprint").all()
    check_laws(fused, {"party": layer, "order": layer}, None)


def test_uncovered_ground_of_the_territory_joins_a_neighbour() -> None:
    layers = {"party": drawn("AA.B"), "order": drawn("XX.Y")}
    boundary = box(121.0, 31.0, 121.0 + 4 * STEP, 31.0 + STEP)
    fused = fuse(layers, boundary=boundary, profile=NO_SIZES)
    assert fused.proposal.geometry.union_all().equals(boundary)
    assert "gap" in set(fused.cells["reason"])
    without = fuse(layers, profile=NO_SIZES)
    assert len(without.cells) == 2


def test_ground_beyond_the_territory_is_kept_out() -> None:
    layers = {"party": drawn("AABB"), "order": drawn("XXYY")}
    boundary = box(121.0, 31.0, 121.0 + 3 * STEP, 31.0 + STEP)
    subjects = households((0.5, 0.5, 3), (3.5, 0.5, 4))
    fused = fuse(layers, boundary=boundary, subjects=subjects, profile=NO_SIZES)
    assert fused.proposal["household"].sum() == 3
    assert fused.crosswalk.loc[fused.crosswalk["new"].isna(), "household"].sum() == 8  # 4 in each layer
    check_laws(fused, layers, subjects)


def test_grids_that_are_too_large_are_split_along_other_layers_borders() -> None:
    layers = {"party": drawn("AAAA BBBB"), "order": drawn("XXYY ZZWW")}
    subjects = households(*[(right + 0.5, up + 0.5, 40) for right in range(4) for up in range(2)])
    fused = fuse(layers, subjects=subjects, leading="party", profile=FusionProfile(households=(60.0, 100.0)))
    assert sorted(fused.proposal["household"]) == [80, 80, 80, 80]
    assert "split" in set(fused.cells["reason"])
    whole = fuse(layers, subjects=subjects, leading="party", profile=NO_SIZES)
    assert sorted(whole.proposal["household"]) == [160, 160]


def test_grids_that_are_too_small_merge_but_not_across_agreed_borders() -> None:
    layers = {"party": drawn("ABCC"), "order": drawn("XXYY")}
    subjects = households((0.5, 0.5, 20), (1.5, 0.5, 20), (2.5, 0.5, 10), (3.5, 0.5, 10))
    fused = fuse(layers, subjects=subjects, leading="party", profile=FusionProfile(households=(35.0, 80.0)))
    assert together(fused, (0.5, 0.5), (1.5, 0.5))
    assert not together(fused, (1.5, 0.5), (2.5, 0.5))  # both departments draw this border
    small = fused.proposal[fused.proposal["household"] == 20]
    assert "低于下限" in small["rule"].iloc[0]


def test_dedicated_grids_are_exempt_from_sizes() -> None:
    party = drawn("ABCC").assign(kind=["dedicated", "general", "general"])
    subjects = households((1.5, 0.5, 20), (2.5, 0.5, 10), (3.5, 0.5, 30))
    layers = {"party": party, "order": drawn("XXXX")}
    fused = fuse(layers, subjects=subjects, leading="party", profile=FusionProfile(households=(25.0, 60.0)))
    kinds = dict(zip(fused.proposal["kind"], fused.proposal["household"], strict=True))
    assert kinds == {"dedicated": 0, "general": 60}
    assert (fused.proposal["rule"] == "").all()


def test_no_grid_crosses_its_parent() -> None:
    parents = drawn("PPQQ").assign(name="社区")
    layers = {"party": drawn("AAAA"), "order": drawn("XXXX")}
    fused = fuse(layers, parents=parents, profile=NO_SIZES)
    assert len(fused.proposal) == 2
    for parent in parents.geometry:
        assert shapely.covers(parent, fused.proposal.geometry.to_numpy()).sum() == 1


def test_a_grid_in_two_pieces_becomes_two_or_joins_neighbours() -> None:
    layers = {"party": drawn("AABBBA"), "order": drawn("XXYYYX")}
    fused = fuse(layers, leading="party", profile=NO_SIZES)
    check_laws(fused, layers, None)
    assert len(fused.proposal) == 3


NOWHERE = shapely.transform(
    box(121, 31, 121.01, 31.01), lambda xy: np.where((xy == (121.0, 31.01)).all(axis=1)[:, None], np.nan, xy)
)
"""A square one of whose corners is nowhere."""


DOUBLED_CODE = drawn("AB").assign(other="A").set_axis(["code", "geometry", "code"], axis=1)


def with_first(shape: Any) -> gpd.GeoDataFrame:
    """Draw A as it is not to be, and B."""
    return gpd.GeoDataFrame(
        {"code": ["A", "B"]}, geometry=[shape, box(121, 31, 121.01, 31.01)], crs="EPSG:4490"
    )


def turned(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Swap longitude and latitude."""
    return layer.set_geometry(
        shapely.transform(layer.geometry.to_numpy(), lambda xy: xy[:, ::-1]), crs=layer.crs
    )


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"party": drawn("AB")}, "2 到 8 个图层"),
        ({"party": drawn("AB"), "order": drawn("AB").iloc[:0]}, "没有网格"),
        ({"party": drawn("AB"), "order": drawn("AB").assign(code="A")}, "重复"),
        ({"party": drawn("AB"), "order": drawn("AB").drop(columns="code")}, "没有编码列 code"),
        ({"party": drawn("AB"), "order": drawn("AB").assign(code=[None, "B"])}, "没有编码"),
        ({"party": drawn("AB"), "order": drawn("AB").set_geometry([at(0, 0), at(1, 1)], crs="EPSG:4490")}, "不是面"),
        (
            {
                "party": drawn("AB"),
                "order": gpd.GeoDataFrame(
                    {"code": ["A"]},
                    geometry=[shapely.Polygon([(121, 31), (121.01, 31.01), (121.01, 31), (121, 31.02)])],
                    crs="EPSG:4490",
                ),
            },
            "综治网格有 1 个图形边线自相交：A。",
        ),
        ({"party": drawn("AB"), "order": with_first(None)}, "是空的：A"),
        ({"party": drawn("AB"), "order": with_first(NOWHERE)}, "不是有限的数：A"),
        ({"party": drawn("AB"), "order": turned(drawn("AB"))}, "经度与纬度写反.*：A、B"),
        ({"party": drawn("AB"), "order": with_first(box(1e20, 0, 2e20, 1))}, "经纬度的范围.*：A。"),
        ({"party": drawn("AB"), "order": with_first(box(1e300, 1e300, 2e300, 2e300))}, "经纬度的范围.*：A。"),
        ({"party": drawn("AB"), "order": pd.DataFrame({"code": ["A"]})}, "综治网格没有图形列"),
        ({"party": drawn("AB"), "order": gpd.GeoDataFrame({"code": ["A"]})}, "综治网格没有图形列"),
        ({"party": drawn("AB"), "order": DOUBLED_CODE}, "2 列都叫 code"),
        ({"party": drawn("AB").assign(code="A"), "order": drawn("AB").iloc[:0]}, "重复：A。综治网格没有网格"),
        ({"Grid": drawn("AB"), "grid": drawn("AB")}, "分不开"),
        ({"cell": drawn("AB"), "layer_cell": drawn("AB")}, "分不开"),
        ({" ": drawn("AB"), "order": drawn("AB")}, "是空的"),
        (
            {"party": drawn("AB"), "order": drawn("AB").set_geometry([box(80, 31, 81, 32)] * 2, crs="EPSG:4490")},
            "20 度",
        ),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_fused_are_refused(layers: dict[str, gpd.GeoDataFrame], message: str) -> None:
    with pytest.raises(ZonesError, match=message):
        fuse(layers)


def test_a_layer_without_a_reference_is_named() -> None:
    with pytest.raises(UndeclaredReferenceError, match="综治网格"):
        fuse({"party": drawn("AB"), "order": drawn("AB").set_crs(None, allow_override=True)})


def test_layers_may_have_heights_and_references_of_their_own() -> None:
    party, order = drawn("AB"), drawn("AB").to_crs("EPSG:4549")
    tall = party.set_geometry(shapely.force_3d(party.geometry.to_numpy(), 5.0), crs=party.crs)
    fused = fuse({"party": tall, "order": order}, profile=NO_SIZES)
    assert (
        fused.proposal.geometry.to_wkb().tolist()
        == fuse({"party": party, "order": party}).proposal.geometry.to_wkb().tolist()
    )
    assert not shapely.has_z(fused.cells.geometry.to_numpy()).any()


@pytest.mark.parametrize("choice", ["estates", "buildings", "parents", "streets"])
def test_other_frames_that_are_nowhere_are_named(choice: str) -> None:
    layers = {"party": drawn("AB"), "order": drawn("XX")}
    name = {"estates": "小区", "buildings": "楼栋", "parents": "上级", "streets": "道路"}[choice]
    for wrong, message in (
        (gpd.GeoDataFrame(geometry=[NOWHERE], crs="EPSG:4490"), "不是有限的数：第 1 行"),
        (turned(drawn("AB")), "经度与纬度写反.*：第 1 行、第 2 行"),
        (pd.DataFrame({"code": ["A"]}), "没有图形列"),
    ):
        with pytest.raises(ZonesError, match=f"{name}图层.*{message}"):
            fuse(layers, **{choice: wrong})  # type: ignore[arg-type]  wrong is what it is
    with pytest.raises(UndeclaredReferenceError, match=name):
        fuse(layers, **{choice: drawn("AB").set_crs(None, allow_override=True)})  # type: ignore[arg-type]
    empty = gpd.GeoDataFrame(geometry=[], crs="EPSG:4490")
    assert len(fuse(layers, **{choice: empty}).proposal) == 2  # type: ignore[arg-type]


def test_parents_that_are_no_areas_are_refused() -> None:
    with pytest.raises(ZonesError, match="上级图层有 1 个图形不是面：第 1 行"):
        fuse(
            {"party": drawn("AB"), "order": drawn("XX")},
            parents=gpd.GeoDataFrame(geometry=[at(0, 0)], crs="EPSG:4490"),
        )


@pytest.mark.parametrize("choice", ["estates", "buildings", "parents"])
def test_what_is_misplaced_on_another_continent_is_no_concern_of_the_layers(choice: str) -> None:
    layers = {"party": drawn("AB"), "order": drawn("XX")}
    far = gpd.GeoDataFrame(geometry=[box(0, 0, 0.001, 0.001)], crs="EPSG:4490")
    fused = fuse(layers, **{choice: far})  # type: ignore[arg-type]
    assert len(fused.cells) == 2


def test_a_boundary_that_the_layers_touch_only_is_refused() -> None:
    with pytest.raises(ZonesError, match="没有任何重合"):
        fuse({"party": drawn("AB"), "order": drawn("XX")}, boundary=box(121, 31 + STEP, 121.01, 31.01))


@pytest.mark.parametrize("people", ["三", 2.5, -1, np.inf])
def test_people_that_are_no_number_of_people_are_refused(people: Any) -> None:
    subjects = households((0.5, 0.5, 2)).assign(people=pd.Series([1, people], dtype=object))
    with pytest.raises(ZonesError, match="第 2 行"):
        fuse({"party": drawn("AB"), "order": drawn("XX")}, subjects=subjects)


def test_subjects_that_are_nowhere_are_listed() -> None:
    places = [NOWHERE, shapely.Point(31, 121), None, shapely.Point(), at(9, 9)]
    subjects = gpd.GeoDataFrame({"kind": ["household"] * 5}, geometry=places, crs="EPSG:4490")
    fused = fuse({"party": drawn("AB"), "order": drawn("XX")}, subjects=subjects)
    assert fused.unassigned[["reason", "count"]].to_numpy().tolist() == [
        ["bad_location", 2],
        ["no_location", 2],
        ["outside", 1],
    ]


@settings(deadline=None, max_examples=8)
@given(departments(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_no_matter(
    city: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame], random: Any
) -> None:
    """Of zones, parents and subjects; of zones that overlap it says which is counted, so there are none."""
    drawings, subjects = city
    layers = {code: frame[~frame["code"].str.endswith("x")] for code, frame in drawings.items()}
    assume(all(shapely.coverage_is_valid(frame.geometry.to_numpy()) for frame in layers.values()))
    west, south, east, north = next(iter(layers.values())).total_bounds
    middle = round((west + east) / 2, 8)
    parents = gpd.GeoDataFrame(
        geometry=[box(west, south, middle, north), box(middle, south, east, north)], crs="EPSG:4490"
    )

    def mixed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return frame.iloc[random.sample(range(len(frame)), len(frame))]

    profile = FusionProfile(households=(20.0, 60.0))
    one = fuse(layers, subjects=subjects, parents=parents, profile=profile)
    turned = {code: mixed(frame) for code, frame in layers.items()}
    other = fuse(turned, subjects=mixed(subjects), parents=mixed(parents), profile=profile)
    for frame in ("cells", "crosswalk", "conflicts", "proposal"):
        pd.testing.assert_frame_equal(pd.DataFrame(getattr(one, frame)), pd.DataFrame(getattr(other, frame)))


def test_choices_that_name_nothing_are_refused() -> None:
    layers = {"party": drawn("AB"), "order": drawn("AB")}
    with pytest.raises(ZonesError, match="主导图层"):
        fuse(layers, leading="police")
    with pytest.raises(ZonesError, match="先指定主导图层"):
        fuse(layers, pins={0: "A"})
    with pytest.raises(ZonesError, match="网格不存在"):
        fuse(layers, leading="party", pins={0: "Z"})
    with pytest.raises(ZonesError, match="单元编号不存在"):
        fuse(layers, leading="party", pins={99: "A"})
    with pytest.raises(ZonesError, match="单元编号不存在"):
        fuse(layers, leading="party", pins={True: "A"})
    with pytest.raises(ZonesError, match="网格不存在：7、Z"):
        fuse(layers, leading="party", pins={0: 7, 1: "Z"})  # type: ignore[dict-item]


@pytest.fixture(scope="module")
def town() -> Sample:
    return make_zhuanqiao(households=8_000, seed=4)


@pytest.fixture(scope="module")
def fused_town(town: Sample) -> tuple[Fusion, dict[str, gpd.GeoDataFrame]]:
    place = town.place
    layers = {
        code: place.zones[place.zones["level"] == code].reset_index(drop=True)
        for code in ("party", "order", "civil", "urban")
    }
    subjects = place.subjects
    fused = fuse(
        layers,
        boundary=place.boundary,
        estates=subjects[subjects["kind"] == "estate"],
        buildings=subjects[subjects["kind"] == "building"],
        streets=place.streets,
        subjects=subjects,
        parents=place.zones[place.zones["level"] == "community"].reset_index(drop=True),
    )
    return fused, layers


def test_a_town_with_faulty_layers_keeps_the_laws(
    town: Sample, fused_town: tuple[Fusion, dict[str, gpd.GeoDataFrame]]
) -> None:
    fused, layers = fused_town
    check_laws(fused, layers, town.place.subjects)
    grids = fused.proposal.geometry.to_numpy()
    assert shapely.coverage_union_all(grids).symmetric_difference(town.place.boundary).area < 1e-12
    assert fused.agreed_kept > 0.99


def test_a_town_keeps_its_estates_and_communities_whole(
    town: Sample, fused_town: tuple[Fusion, dict[str, gpd.GeoDataFrame]]
) -> None:
    fused, _ = fused_town
    grids = fused.proposal.geometry.to_numpy()
    solid = town.place.subjects[town.place.subjects["kind"].isin(["estate", "building"])].geometry.to_numpy()
    held = shapely.STRtree(grids).query(solid, predicate="covered_by")
    assert len(np.unique(held[0])) == len(solid)
    communities = town.place.zones[town.place.zones["level"] == "community"].geometry.to_numpy()
    inside, _ = shapely.STRtree(communities).query(shapely.point_on_surface(grids), predicate="within")
    assert len(inside) == len(grids)


def test_the_faults_of_a_layer_show_as_overlaps_and_omissions(
    town: Sample, fused_town: tuple[Fusion, dict[str, gpd.GeoDataFrame]]
) -> None:
    fused, _ = fused_town
    overlaps = fused.conflicts[fused.conflicts["kind"] == "overlap"]
    expected = town.injected[town.injected["kind"].isin(["overlap", "duplicate", "contained"])]
    assert overlaps["area_m2"].sum() == pytest.approx(expected["area_m2"].sum(), rel=0.01)
    assert (overlaps["departments"].map(tuple) == ("party",)).all()


def test_the_same_input_gives_the_same_fusion(town: Sample) -> None:
    zones = town.place.zones
    layers = {code: zones[zones["level"] == code].reset_index(drop=True) for code in ("order", "urban")}
    first, again = fuse(layers), fuse(layers)
    pd.testing.assert_frame_equal(
        pd.DataFrame(first.proposal.drop(columns="geometry")),
        pd.DataFrame(again.proposal.drop(columns="geometry")),
    )
