"""多格合一, the conflicts: where departments' borders disagree, in what way, and how much ground that is."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

from geo.crs import areas_m2
from geo.fusion import KINDS, FusionProfile, fuse
from tests.geo.drawings import NO_SIZES, STEP, at, check_laws, drawn, households


def moved(layer: gpd.GeoDataFrame, *borders: int, by: float = 4e-5) -> gpd.GeoDataFrame:
    """Draw some borders (squares east) a few meters further east."""
    out = layer.copy()
    for border in borders:
        near = 121.0 + border * STEP
        out.geometry = shapely.transform(
            out.geometry.to_numpy(),
            lambda xy, near=near: np.where(np.abs(xy[:, :1] - near) < 1e-6, np.add(xy, (by, 0.0)), xy).round(
                8
            ),
        )
    return out


def test_drafting_noise_is_told_from_conflict() -> None:
    """The same two grids, one department 4 m further east."""
    layer = drawn("AABB AABB")
    moved = layer.copy()
    moved.geometry = shapely.transform(
        layer.geometry.to_numpy(),
        lambda xy: np.where((xy > 121.003) & (xy < 121.005), np.add(xy, (4e-5, 0.0)), xy).round(8),
    )
    fused = fuse({"party": layer, "order": layer, "civil": moved}, profile=NO_SIZES)
    assert fused.conflicts["kind"].tolist() == ["noise"]
    assert fused.conflicts["width_m"].iloc[0] == pytest.approx(3.8, abs=0.2)
    assert len(fused.proposal) == 2
    assert fused.proposal.geometry.iloc[0].equals(layer.geometry.iloc[0])  # as two of three draw it
    assert fused.agreed_kept == 1.0
    narrow = FusionProfile(households=None, noise_width_m=2.0)
    assert fuse({"party": layer, "civil": moved}, profile=narrow).conflicts["kind"].tolist() == ["conflict"]


def test_grain_containment_and_omission_are_named() -> None:
    grain = fuse({"party": drawn("AABB"), "urban": drawn("PQRS")}, profile=NO_SIZES)
    assert grain.conflicts["kind"].tolist() == ["grain", "grain"]
    assert grain.conflicts["codes"].iloc[0] == {"party": ["A"], "urban": ["P", "Q"]}
    assert grain.conflicts["length_m"].iloc[0] == pytest.approx(222, rel=0.01)
    inside = fuse({"party": drawn("AAA AAA AAA"), "order": drawn("XXX XYX XXX")}, profile=NO_SIZES)
    assert "containment" in set(inside.conflicts["kind"])
    missing = fuse({"party": drawn("AABB"), "civil": drawn("MM..")}, profile=NO_SIZES)
    assert missing.conflicts["kind"].tolist() == ["missing"]
    assert missing.conflicts["codes"].iloc[0] == {"party": ["B"], "civil": []}
    assert "无网格" in missing.conflicts["message"].iloc[0]


def test_sentences_name_the_grids_in_both_languages() -> None:
    grain = fuse({"party": drawn("AA"), "urban": drawn("PQ")}, profile=NO_SIZES).conflicts.iloc[0]
    assert "党建网格 A；城管网格 P、Q（" in grain["message"]
    assert "party A; urban P, Q (84,7" in grain["message_en"]
    assert "borders within 222 m, 0 households)" in grain["message_en"]
    missing = fuse({"party": drawn("AB"), "civil": drawn("M.")}, profile=NO_SIZES).conflicts.iloc[0]
    assert "party B; civil none (" in missing["message_en"]


def test_numbers_are_numbers_where_nobody_disagrees() -> None:
    conflicts = fuse({"party": drawn("AB"), "order": drawn("AB")}, profile=NO_SIZES).conflicts
    assert conflicts.empty
    types = {name: conflicts[name].dtype.kind for name in ("length_m", "area_m2", "household", "people")}
    assert types == {"length_m": "f", "area_m2": "f", "household": "i", "people": "i"}


def test_overlaps_inside_a_layer_are_listed_and_counted_once() -> None:
    doubled = pd.concat([drawn("AABB"), drawn(".XX.")], ignore_index=True)
    layers = {"party": doubled, "order": drawn("AABB")}
    subjects = households((1.5, 0.5, 7), (2.5, 0.5, 5))
    fused = fuse(layers, subjects=subjects, profile=NO_SIZES)
    overlap = fused.conflicts[fused.conflicts["kind"] == "overlap"]
    assert overlap["household"].sum() == 12
    assert fused.crosswalk.groupby("layer")["household"].sum().tolist() == [12, 12]
    check_laws(fused, layers, subjects)
    hidden = fused.crosswalk[(fused.crosswalk["layer"] == "party") & (fused.crosswalk["code"] == "X")]
    assert hidden["cells"].tolist() == [[]]


def test_overlaps_name_all_zones_that_claim_the_ground() -> None:
    doubled = pd.concat([drawn("AABB"), drawn(".XXY")], ignore_index=True)
    fused = fuse({"party": doubled, "order": drawn("AABB")}, profile=NO_SIZES)
    overlaps = fused.conflicts
    assert overlaps["kind"].tolist() == ["overlap"] * 3
    assert [codes["party"] for codes in overlaps["codes"]] == [["A", "X"], ["B", "X"], ["B", "Y"]]
    assert "A、X" in overlaps["message"].iloc[0]
    # the outline of the overlap, where party alone draws it: west of A∩X, east of B∩X and west of B∩Y
    assert overlaps["length_m"].tolist() == pytest.approx([222, 222, 222], rel=0.01)
    # the one between B∩X and B∩Y is half of either's, so that the sum is that of the two borders there are
    assert overlaps["own_length_m"].tolist() == pytest.approx([222, 111, 111], rel=0.01)
    # the ground is told to be counted as the zone that comes first
    assert [message.partition("排在前面的 ")[2].partition(" 计算")[0] for message in overlaps["message"]] == [
        "党建网格 A", "党建网格 B", "党建网格 B",
    ]  # fmt: skip
    assert overlaps["message_en"].iloc[0].endswith("counted as A, which comes first")


def test_a_border_of_several_nestings_is_counted_once_in_their_sum() -> None:
    """A of the party and C of public order both hold P and Q of urban management: one border of 222 m.

    ::

        AA   CC   PQ
    """
    layers = {"party": drawn("AA"), "order": drawn("CC"), "urban": drawn("PQ")}
    grain = fuse(layers, profile=NO_SIZES).conflicts
    assert grain["kind"].tolist() == ["grain", "grain"]
    assert grain["length_m"].tolist() == pytest.approx([222, 222], rel=0.01)
    assert grain["own_length_m"].tolist() == pytest.approx([111, 111], rel=0.01)


def test_neighbouring_conflicts_divide_the_border_between_them() -> None:
    """Four borders of 222 m, each drawn by one department only, round three places of ground side by side.

    ::

        party  AABBB    from 1 to 2: A and Y; from 2 to 3: party's B, civil's A; from 3 to 4: Y and civil's B
        order  XYYYZ    the borders at 2 and 3 lie between two of the places
        civil  AAABB
    """
    layers = {"party": drawn("AABBB"), "order": drawn("XYYYZ"), "civil": drawn("AAABB")}
    found = fuse(layers, profile=NO_SIZES).conflicts
    places = found[found["kind"] == "conflict"]
    border = 221.764
    assert places["length_m"].tolist() == pytest.approx([2 * border] * 3, rel=1e-4)
    assert places["own_length_m"].tolist() == pytest.approx([1.5 * border, border, 1.5 * border], rel=1e-4)
    assert places["own_length_m"].sum() == pytest.approx(4 * border, rel=1e-4)
    # Of order's X two departments say that it lies inside A: the border at 1 is there once.
    inside = found[found["kind"] == "containment"]
    assert inside["own_length_m"].sum() == pytest.approx(2 * border, rel=1e-4)


def test_a_place_of_several_cells_has_the_width_of_the_whole() -> None:
    """An estate cuts the place, which is a square of 190 m by 222 m: twice its area over its rim is 103 m."""
    estate = gpd.GeoDataFrame(
        geometry=[box(*at(2.3, 0.2).coords[0], *at(3.4, 0.6).coords[0])], crs="EPSG:4490"
    )
    layers = {"party": drawn("AABBB"), "order": drawn("XXXYY")}
    fused = fuse(layers, estates=estate, profile=NO_SIZES)
    place = fused.conflicts[fused.conflicts["kind"] == "conflict"]
    assert place["width_m"].tolist() == pytest.approx([102.6], abs=0.1)


def test_a_grid_inside_another_is_counted_by_itself() -> None:
    subjects = households((0.5, 0.5, 100), (1.5, 1.5, 7))
    fused = fuse(
        {"party": drawn("AAA AAA AAA"), "order": drawn("... .Y. ...")}, subjects=subjects, profile=NO_SIZES
    )
    row = fused.conflicts[fused.conflicts["kind"] == "containment"].iloc[0]
    assert row["codes"] == {"party": ["A"], "order": ["Y"]}
    assert (row["household"], row["people"]) == (7, 14)
    assert row["area_m2"] == pytest.approx(areas_m2(fused.conflicts.geometry)[row.name])
    assert row["length_m"] == pytest.approx(2 * 191 + 2 * 222, rel=0.01)


def test_kinds_come_most_serious_first() -> None:
    layers = {
        "party": drawn("AAABBBCD EEEEEEEE"),
        "order": drawn("AABBBB.. EEEEEFFF"),
        "civil": drawn("PPPPPPPP QQQQQQQQ"),
    }
    kinds = fuse(layers, profile=NO_SIZES).conflicts["kind"].tolist()
    assert kinds == sorted(kinds, key=list(KINDS).index)
    assert len(set(kinds)) > 3


@pytest.mark.parametrize("coarse", ["PPPPPPPP", "PPPPPPP."])
def test_drafting_noise_far_apart_is_not_one_place(coarse: str) -> None:
    """Two borders of a fine layer drawn twice, inside one grid of a coarse one; the order of layers is no matter."""
    fine = drawn("ABCDEFGH")
    layers = {"party": drawn(coarse), "order": fine, "civil": moved(fine, 3, 6)}
    found = []
    for ordered in (layers, dict(reversed(layers.items()))):
        conflicts = fuse(ordered, profile=NO_SIZES).conflicts
        noise = conflicts[conflicts["kind"] == "noise"]
        found.append(sorted((row["order"][0], row["civil"][0]) for row in noise["codes"]))
    assert found == [[("D", "C"), ("G", "F")]] * 2


def test_drafting_noise_where_a_layer_is_missing_is_no_place_of_its_own() -> None:
    fine = drawn("ABCD")
    layers = {"party": drawn("A..."), "order": fine, "civil": moved(fine, 2, 3)}
    conflicts = fuse(layers, profile=NO_SIZES).conflicts
    assert conflicts["kind"].tolist() == ["missing"] * 3
    assert conflicts["width_m"].min() > 100


def test_drafting_noise_of_a_third_layer_cuts_no_place_in_two() -> None:
    """Y takes half of A and half of B; civil follows party, 4 m further east: two places, not three."""
    layers = {"party": drawn("AABB"), "order": drawn("XYYZ"), "civil": moved(drawn("MMNN"), 2)}
    conflicts = fuse(layers, profile=NO_SIZES).conflicts
    places = conflicts[conflicts["kind"] == "conflict"]
    assert places["area_m2"].tolist() == pytest.approx([191 * 222] * 2, rel=0.03)
    assert places["width_m"].min() > 90
