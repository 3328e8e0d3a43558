"""多格合一, the proposal: pins, estates, parents, omissions and sizes; what is kept, refused and explained."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

from geo.assignment import ZoneIndex
from geo.errors import ProfileError, ZonesError
from geo.fusion import Fusion, FusionProfile, fuse
from tests.geo.drawings import NO_SIZES, STEP, at, drawn, households, together


def ground(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    """Draw a rectangle in squares."""
    return box(*np.round([121 + west * STEP, 31 + south * STEP, 121 + east * STEP, 31 + north * STEP], 8))


def footprints(*shapes: shapely.Geometry) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=list(shapes), crs="EPSG:4490")


def cell_at(fused: Fusion, right: float, up: float) -> int:
    return int(fused.cells.index[fused.cells.geometry.contains(at(right, up))][0])


# ---------------------------------------------------------------------------------- estates, territory, parents


def test_an_estate_across_the_territorys_border_is_whole_up_to_it() -> None:
    estate = footprints(ground(2.5, 0.2, 3.5, 0.6))
    layers = {"party": drawn("AABB"), "order": drawn("XXXY")}
    fused = fuse(layers, boundary=ground(0, 0, 3, 1), estates=estate, profile=NO_SIZES)
    assert (fused.cells["grid"].notna() == fused.cells["inside"]).all()
    assert fused.proposal.union_all().equals(ground(0, 0, 3, 1))


def test_parts_of_an_estate_that_do_not_touch_are_kept_whole_each_by_itself() -> None:
    west, east = ground(1.5, 0.2, 2.4, 0.6), ground(3.2, 0.2, 3.6, 0.6)
    layers = {"party": drawn("AABB"), "order": drawn("XXYY")}
    fused = fuse(layers, estates=footprints(shapely.MultiPolygon([west, east])), profile=NO_SIZES)
    assert set(fused.proposal.geom_type) == {"Polygon"}
    for part in (west, east):
        assert fused.proposal.covers(part).sum() == 1
    assert together(fused, (1.7, 0.5), (2.2, 0.5), (0.5, 0.5))


def test_a_building_across_the_outline_of_a_cut_estate_is_not_cut_by_it() -> None:
    """The building lies in one grid of both departments, half of it in an estate that goes to the other side."""
    layer = drawn("AABB AABB")
    estate, building = ground(1.8, 0.4, 2.6, 1.0), ground(1.7, 0.5, 1.9, 0.6)
    fused = fuse(
        {"party": layer, "order": layer},
        estates=footprints(estate),
        buildings=footprints(building, ground(0.5, 0.5, 0.6, 0.6)),
        profile=NO_SIZES,
    )
    assert fused.proposal.covers(building).sum() == 1
    assert fused.proposal.covers(estate).sum() == 1


def test_a_parents_border_cuts_an_estate_and_no_grid_crosses_it() -> None:
    """Whether the estate lies in one grid of both departments or in two: the community's border goes through it."""
    parents = drawn("PPPQQQ")
    estate = footprints(ground(2.6, 0.2, 3.3, 0.6))
    for party in ("AAAAAA", "AAABBB", "AABBBB"):
        layers = {"party": drawn(party), "order": drawn("XXXXXX")}
        fused = fuse(layers, parents=parents, estates=estate, profile=NO_SIZES)
        for parent in parents.geometry:
            inside = fused.proposal.intersects(parent.buffer(-1e-9))
            assert fused.proposal.geometry[inside].within(parent).all()
        for half in shapely.get_parts(estate.geometry.iloc[0].intersection(parents.geometry.to_numpy())):
            assert fused.proposal.covers(half).sum() == 1


def test_borders_that_an_estate_moves_count_as_not_kept() -> None:
    layer = drawn("AABB AABB")
    estate = footprints(ground(1.5, 0.0, 2.3, 1.0))
    fused = fuse({"party": layer, "order": layer}, estates=estate, profile=NO_SIZES)
    assert fused.agreed_kept == pytest.approx(0.5, abs=0.001)


def test_agreed_borders_beyond_the_territory_do_not_count() -> None:
    layer = drawn("AABBCC")
    fused = fuse({"party": layer, "order": layer}, boundary=ground(0, 0, 3, 1), profile=NO_SIZES)
    assert fused.agreed_kept == 1.0


def test_who_stands_on_the_territorys_outline_is_in_it() -> None:
    """The counts of the proposal are those that an assignment to it would give."""
    layers = {"party": drawn("AABB"), "order": drawn("XXYY")}
    subjects = households((3, 0.5, 4), (3, 0, 2), (2, 0.5, 3), (0, 1, 1), (3.5, 0.5, 5), (9, 9, 6))
    fused = fuse(layers, boundary=ground(0, 0, 3, 1), subjects=subjects, profile=NO_SIZES)
    found = ZoneIndex(fused.proposal).locate(subjects.geometry.x.to_numpy(), subjects.geometry.y.to_numpy())
    assert fused.proposal["household"].tolist() == np.bincount(found[found >= 0]).tolist()
    assert fused.proposal["household"].sum() == 10
    assert fused.unassigned["count"].tolist() == [6]


# ------------------------------------------------------------------------------------- where one layer has nothing


@pytest.mark.parametrize("leading", [None, "party"])
def test_whole_grids_of_others_stand_where_the_leading_layer_has_none(leading: str | None) -> None:
    layers = {"party": drawn("AA...."), "order": drawn("XXYYZZ"), "civil": drawn("MMNNOO")}
    fused = fuse(layers, leading=leading, profile=NO_SIZES)
    assert len(fused.proposal) == 3
    assert fused.agreed_kept == 1.0
    assert set(fused.conflicts["kind"]) == {"missing"}
    if leading:
        assert fused.proposal["leading"].tolist() == [["A"], [], []]
        assert "党建网格在此没有网格；以综治网格 Y 为基础" in fused.proposal["explanation"].iloc[1]
        assert fused.cells["reason"].tolist() == ["leading", "other", "other"]


def test_of_two_layers_the_one_that_leaves_less_out_leads_whatever_their_order() -> None:
    layers = {"party": drawn("AA...."), "order": drawn("XXYYZZ")}
    for given in (layers, dict(reversed(layers.items()))):
        fused = fuse(given, profile=NO_SIZES)
        assert (fused.leading, len(fused.proposal)) == ("order", 3)


def test_a_strip_that_the_leading_layer_left_out_joins_across_no_agreed_border() -> None:
    """The strip between A and B belongs to the western grid of both others."""
    layers = {"party": drawn("AAA.BB"), "order": drawn("XXXXYY"), "civil": drawn("MMMMNN")}
    fused = fuse(layers, leading="party", profile=NO_SIZES)
    assert together(fused, (2.5, 0.5), (3.5, 0.5))
    assert not together(fused, (3.5, 0.5), (4.5, 0.5))
    assert fused.agreed_kept == 1.0


def test_a_dedicated_grid_that_stands_in_stays_dedicated_and_exempt() -> None:
    order = drawn("XXYZ").assign(kind=["general", "dedicated", "general"])
    layers = {"party": drawn("AA.."), "order": order}
    subjects = households((0.5, 0.5, 40), (3.5, 0.5, 40))
    fused = fuse(layers, leading="party", subjects=subjects, profile=FusionProfile(households=(30, 90)))
    assert fused.proposal["kind"].tolist() == ["general", "dedicated", "general"]
    assert (fused.proposal["rule"] == "").all()


# --------------------------------------------------------------------------------------------------------- pins

PINNED = {"party": drawn("AABBCC"), "order": drawn("XXXYYY")}


def test_a_pin_that_would_tear_a_grid_is_refused() -> None:
    """The west of A cannot go to C: B lies between."""
    with pytest.raises(ZonesError, match="0=C") as refusal:
        fuse(PINNED, leading="party", pins={0: "C"}, profile=NO_SIZES)
    assert "固定中间的单元" in refusal.value.remedy


def test_pins_that_make_a_way_are_honoured() -> None:
    fused = fuse(PINNED, leading="party", pins={np.int64(1): "C", 2: "C"}, profile=NO_SIZES)  # type: ignore[dict-item]
    assert together(fused, (2.5, 0.5), (3.5, 0.5), (5.5, 0.5))
    assert len(fused.proposal) == 2


def test_a_pin_across_a_parents_border_is_refused() -> None:
    with pytest.raises(ZonesError, match="上级边界"):
        fuse(PINNED, leading="party", pins={1: "A"}, parents=drawn("PPQQQQ"), profile=NO_SIZES)


def test_a_pin_beyond_the_territory_is_refused() -> None:
    with pytest.raises(ZonesError, match="辖区之外"):
        fuse(PINNED, leading="party", pins={3: "B"}, boundary=ground(0, 0, 3, 1), profile=NO_SIZES)


def test_pins_that_contradict_each_other_in_one_estate_are_refused() -> None:
    estate = footprints(ground(1.5, 0.2, 2.5, 0.6))
    free = fuse(PINNED, leading="party", estates=estate, profile=NO_SIZES)
    west, east = cell_at(free, 1.7, 0.5), cell_at(free, 2.3, 0.5)
    with pytest.raises(ZonesError, match="不同的网格"):
        fuse(PINNED, leading="party", estates=estate, pins={west: "A", east: "B"}, profile=NO_SIZES)
    fused = fuse(PINNED, leading="party", estates=estate, pins={west: "A", east: "A"}, profile=NO_SIZES)
    assert together(fused, (0.5, 0.5), (1.7, 0.5), (2.3, 0.5))


def test_pins_survive_the_rules_of_size() -> None:
    """A is divided, and both pinned cells still say that the planner put them there; every grid is in one piece."""
    layers = {"party": drawn("AAAAAAB"), "order": drawn("UVWXYZB")}
    subjects = households(*[(right + 0.5, 0.5, 40) for right in range(7)])
    pins = {0: "A", 5: "A"}
    fused = fuse(
        layers, leading="party", pins=pins, subjects=subjects, profile=FusionProfile(households=(60, 100))
    )
    assert set(fused.proposal.geom_type) == {"Polygon"}
    assert fused.cells.loc[[0, 5], "reason"].tolist() == ["pin", "pin"]
    assert not together(fused, (0.5, 0.5), (5.5, 0.5))


# -------------------------------------------------------------------------------------------------------- sizes


def test_sizes_are_silent_where_nobody_was_counted() -> None:
    layers = {"party": drawn("AABB"), "order": drawn("XXYY")}
    assert fuse(layers).proposal["rule"].tolist() == ["", ""]


def test_the_number_of_parts_is_what_the_limits_allow() -> None:
    """100 households in cells of 10: two parts of 50 are hardly to be had of 11 cells, three of 30 to 40 are."""
    layers = {"party": drawn("A" * 10), "order": drawn("KLMNOPQRST")}
    subjects = households(*[(right + 0.5, 0.5, 11 if right % 2 else 9) for right in range(10)])
    fused = fuse(layers, leading="party", subjects=subjects, profile=FusionProfile(households=(29, 49)))
    assert (fused.proposal["rule"] == "").all()
    assert fused.proposal["household"].between(29, 49).all()


@pytest.mark.parametrize(
    ("party", "order", "homes", "why"),
    [
        ("AA", "XX", [(0.5, 50), (1.5, 60)], "内部没有任何图层的边界"),
        ("AA", "XY", [(0.5, 50), (1.5, 60)], "拆开后会有网格低于下限"),
        ("AA", "XY", [(0.5, 20), (1.5, 150)], "拆不出都在上下限内"),
        ("AABB", "XXXX", [(0.5, 20), (2.5, 90)], "与相邻网格合并后超过上限"),
        ("AABB", "XXYY", [(0.5, 20), (2.5, 70)], "与相邻网格的边界各图层一致"),
        ("A.BB", "X.YY", [(0.5, 20), (2.5, 70)], "没有可以合并的相邻网格"),
    ],
)
def test_a_broken_rule_says_why_nothing_better_was_found(
    party: str, order: str, homes: list[tuple[float, int]], why: str
) -> None:
    subjects = households(*[(right, 0.5, count) for right, count in homes])
    layers = {"party": drawn(party), "order": drawn(order)}
    fused = fuse(layers, leading="party", subjects=subjects, profile=FusionProfile(households=(60, 100)))
    broken = fused.proposal[fused.proposal["rule"] != ""]
    assert any(why in rule for rule in broken["rule"]), broken["rule"].tolist()
    assert (broken["explanation"].str.contains("户，")).all()


def test_a_grid_that_is_one_large_estate_says_so() -> None:
    """A border of public order runs through it."""
    layers = {"party": drawn("AAAA"), "order": drawn("XXYY")}
    subjects = households((0.5, 0.5, 60), (3.5, 0.5, 60))
    estate = footprints(ground(0, 0, 4, 1))
    profile = FusionProfile(households=(30, 100))
    fused = fuse(layers, estates=estate, subjects=subjects, profile=profile)
    assert "穿过不可切分的小区或楼栋" in fused.proposal["rule"].iloc[0]
    assert sorted(fuse(layers, subjects=subjects, profile=profile).proposal["household"]) == [60, 60]


def test_a_small_grid_beside_a_dedicated_one_says_so() -> None:
    party = drawn("AABB").assign(kind=["general", "dedicated"])
    layers = {"party": party, "order": drawn("XXXX")}
    subjects = households((0.5, 0.5, 20), (2.5, 0.5, 10))
    fused = fuse(layers, leading="party", subjects=subjects, profile=FusionProfile(households=(60, 100)))
    assert "相邻的是专属网格" in fused.proposal["rule"].iloc[0]


# ---------------------------------------------------------------------------------------------- what is taken in


def test_kinds_and_codes_are_taken_as_they_come() -> None:
    """Kinds may be unknown, codes are text with their zeros, names of layers Chinese."""
    kinds = pd.array([pd.NA, "dedicated"], dtype="string")
    party = drawn("AABB").assign(kind=kinds, code=["001", "01"])
    fused = fuse({"党建网格": party, "grid": drawn("XXYY")}, leading="党建网格", profile=NO_SIZES)
    assert fused.cells["党建网格"].tolist() == ["001", "01"]
    assert fused.cells["layer_grid"].tolist() == ["X", "Y"]
    assert fused.proposal["kind"].tolist() == ["general", "dedicated"]
    assert "党建网格 001" in fused.proposal["explanation"].iloc[0]


def test_columns_of_layers_are_told_from_others_whatever_their_case() -> None:
    """GeoPackage and spreadsheets do not tell Grid from grid."""
    fused = fuse({"Grid": drawn("AB"), "fid": drawn("XX")}, profile=NO_SIZES)
    assert {"layer_Grid", "layer_fid"} <= set(fused.cells.columns)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([1, "1"], "重复"),
        (["", "B"], "没有编码"),
        ([" ", "B"], "没有编码"),
    ],
)
def test_codes_that_name_nothing_are_refused(codes: list[Any], message: str) -> None:
    layers = {"party": drawn("AB").assign(code=pd.Series(codes, dtype=object)), "order": drawn("XY")}
    with pytest.raises(ZonesError, match=message):
        fuse(layers)


def test_a_zone_thinner_than_coordinates_can_say_is_refused() -> None:
    thin = drawn("AB").set_geometry(
        [box(121, 31, 121 + 1e-9, 31.1), box(121, 31, 121.1, 31.1)], crs="EPSG:4490"
    )
    with pytest.raises(ZonesError, match="没有面积：A"):
        fuse({"party": thin, "order": drawn("XY")})


@pytest.mark.parametrize(
    ("boundary", "message"),
    [
        (at(1, 1), "不是面"),
        (shapely.Polygon(), "不是面"),
        (drawn("AB"), "不是面"),
        (shapely.Polygon([(121, 31), (121.01, 31), (121, 31)]), "没有面积"),
        (shapely.Polygon([(121, 31), (121.01, 31.01), (121.01, 31), (121, 31.02)]), "自相交"),
        (box(122, 31, 122.1, 31.1), "没有任何重合"),
        (box(3e5, 3e6, 4e5, 4e6), "没有任何重合"),
    ],
)
def test_a_boundary_that_is_no_territory_is_refused(boundary: Any, message: str) -> None:
    with pytest.raises(ZonesError, match=message) as refusal:
        fuse({"party": drawn("AB"), "order": drawn("XY")}, boundary=boundary)
    assert "EPSG:4490" in refusal.value.remedy


def test_subjects_without_a_kind_are_refused() -> None:
    subjects = households((0.5, 0.5, 2)).drop(columns="kind")
    with pytest.raises(ZonesError, match="种类列 kind"):
        fuse({"party": drawn("AB"), "order": drawn("XY")}, subjects=subjects)


@pytest.mark.parametrize(
    "thresholds",
    [
        {"households": (500.0, 300.0)},
        {"households": (-1.0, 300.0)},
        {"households": (0.0, 0.0)},
        {"households": (float("nan"), 300.0)},
        {"same_share": 0.0},
        {"contained_share": 1.2},
        {"noise_width_m": -1.0},
        {"street_reach_m": -1.0},
    ],
)
def test_thresholds_that_cannot_be_followed_are_refused(thresholds: dict[str, Any]) -> None:
    with pytest.raises(ProfileError, match="阈值"):
        FusionProfile(**thresholds)
