"""Subjects of a frame: reasons, reconciliation, and who can have moved when zones change."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box

from geo.assignment import (
    ZoneIndex,
    assign,
    can_have_moved,
    changed_boxes,
    explain,
    reconcile,
    subject_points,
    territory_index,
)
from geo.errors import CoordinatesError, MixedReferenceError
from geo.records import UNASSIGNED_REASONS


def frame(*geometries: shapely.Geometry | None, **columns: list[str]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(geometries))


ZONES = frame(box(0, 0, 1, 1), box(2, 0, 3, 1), box(0, 1, 3, 2), box(0, -1, 3, 0), code=["a", "b", "c", "d"])
"""A ring of four around the gap from (1, 0) to (2, 1)."""


def test_each_subject_has_a_zone_or_a_reason() -> None:
    u_shape = Polygon([(0, 0), (1, 0), (1, 1), (0.9, 1), (0.9, 0.1), (0.1, 0.1), (0.1, 1), (0, 1)])
    subjects = frame(
        Point(0.5, 0.5), Point(1.5, 0.5), Point(9, 9), None, Point(), Point(200, 0), Point(float("inf"), 1), u_shape,
        LineString([(2, 0.5), (3, 0.5)]),
    )  # fmt: skip
    subjects.index = list("abcdefghi")
    answer = assign(ZONES, subjects)
    assert answer["zone"].tolist() == [0, -1, -1, -1, -1, -1, -1, 0, 1]
    reasons = [
        None,
        "gap",
        "outside",
        "no_location",
        "no_location",
        "bad_location",
        "bad_location",
        None,
        None,
    ]
    assert answer["reason"].tolist() == reasons
    assert answer.index.tolist() == list("abcdefghi")


def test_the_boundary_tells_a_gap_from_the_outside() -> None:
    subjects = frame(Point(4.5, 0), Point(5, 0), Point(5.1, 0))
    assert assign(ZONES, subjects)["reason"].tolist() == ["outside"] * 3
    # On the territory's own border is still in the territory.
    assert assign(ZONES, subjects, box(-1, -1, 5, 3))["reason"].tolist() == ["gap", "gap", "outside"]


def test_a_point_with_one_good_coordinate_is_a_mistake() -> None:
    lon, lat = subject_points(gpd.GeoSeries([Point(1, float("nan")), None]))
    codes = explain(np.array([-1, -1], "int32"), lon, lat, territory=None)
    assert [UNASSIGNED_REASONS[code - 1] for code in codes] == ["bad_location", "no_location"]


def test_frames_in_two_references() -> None:
    with pytest.raises(MixedReferenceError):
        assign(ZONES.set_crs(4490), frame(Point(0, 0)).set_crs(4326))


def test_no_subjects() -> None:
    answer = assign(ZONES, frame())
    assert answer.columns.tolist() == ["zone", "reason"]
    assert len(answer) == 0


@settings(deadline=None, max_examples=50)
@given(
    points=st.lists(
        st.one_of(st.none(), st.tuples(st.floats(-2, 5), st.floats(-2, 5)), st.just((999.0, 0.0)))
    ),
    data=st.data(),
)
def test_assigned_and_unassigned_add_up(
    points: list[tuple[float, float] | None], data: st.DataObject
) -> None:
    kinds = data.draw(
        st.lists(st.sampled_from(["household", "business"]), min_size=len(points), max_size=len(points))
    )
    subjects = frame(*[None if point is None else Point(point) for point in points])
    answer = assign(ZONES, subjects)
    names = [None, *UNASSIGNED_REASONS]
    codes = np.array([names.index(reason) for reason in answer["reason"]], dtype=np.int8)
    table = reconcile({"grid": codes, "community": codes}, np.array(kinds, dtype=object))
    assert (table["total"] == table[["assigned", *UNASSIGNED_REASONS]].sum(axis=1)).all()
    assert table["total"].sum() == 2 * len(points)
    assert table["assigned"].sum() == 2 * (answer["zone"] >= 0).sum()
    assert ((answer["zone"] >= 0) == answer["reason"].isna()).all()


def test_reconciling_levels_of_different_subjects_is_refused() -> None:
    with pytest.raises(CoordinatesError, match="grid"):
        reconcile({"grid": np.zeros(2, "int8")}, np.array(["household"], dtype=object))
    assert len(reconcile({}, np.array([], dtype=object))) == 0


def test_the_territory_of_zones_is_their_outline_without_holes() -> None:
    assert territory_index(ZONES).locate([1.5, 0.5, 9], [0.5, 0.5, 9]).tolist() == [0, 0, -1]


# ---- changes -----------------------------------------------------------------------------------------------------


def test_only_the_changed_part_of_a_border_counts() -> None:
    old = frame(box(0, 0, 10, 10), box(10, 0, 20, 10), box(20, 0, 30, 10), code=["a", "b", "c"])
    new = old.copy()
    new.loc[0, "geometry"] = Polygon([(0, 0), (10, 0), (10, 4), (11, 5), (10, 6), (10, 10), (0, 10)])
    new.loc[1, "geometry"] = Polygon([(10, 0), (20, 0), (20, 10), (10, 10), (10, 6), (11, 5), (10, 4)])
    new.loc[2, "geometry"] = shapely.normalize(box(20, 0, 30, 10))  # the same ring from another vertex
    assert changed_boxes(old, new).tolist() == [[10, 0, 11, 10]] * 2
    assert changed_boxes(old, old).shape == (0, 4)


def test_zones_that_come_go_or_change_places() -> None:
    old = frame(box(0, 0, 1, 1), box(5, 5, 6, 6), code=["a", "b"])
    new = frame(box(0, 0, 1, 1), box(7, 7, 8, 8), code=["a", "c"])
    assert sorted(changed_boxes(old, new).tolist()) == [[5, 5, 6, 6], [7, 7, 8, 8]]
    assert len(changed_boxes(old, old.iloc[::-1])) == 4
    assert len(changed_boxes(frame(None, code=["a"]), frame(box(0, 0, 1, 1), code=["a"]))) == 1


def test_what_bounds_no_area_counts_by_how_often_it_is_there() -> None:
    spike = frame(Polygon([(0, 0), (4, 0), (4, 4), (4, 9), (4, 4), (0, 4)]), code=["a"])
    assert changed_boxes(spike, frame(box(0, 0, 4, 4), code=["a"])).tolist() == [[4, 4, 4, 9]]
    twice = frame(MultiPolygon([box(0, 0, 4, 4)] * 2), code=["a"])
    assert changed_boxes(twice, frame(Polygon(), code=["a"])).tolist() == [[0, 0, 4, 4]]


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_nobody_else_moves(seed: int) -> None:
    """Shake a few vertices of a lattice: whoever changes zone lies in a box."""
    rng = np.random.default_rng(seed)
    lattice = np.stack(np.meshgrid(np.arange(7.0), np.arange(7.0), indexing="ij"), axis=-1)
    shaken = lattice.copy()
    for _ in range(rng.integers(1, 4)):
        shaken[*rng.integers(0, 7, 2)] += rng.integers(-3, 4, 2) / 8
    i, j = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1])
    plans = [
        frame(*[Polygon(grid[a + i, b + j]) for a in range(6) for b in range(6)],
              code=[f"{k:02}" for k in range(36)])
        for grid in (lattice, shaken)
    ]  # fmt: skip
    # Eighths hit vertices and borders as often as insides.
    lon, lat = (rng.integers(-4, 53, 4_000) / 8 for _ in range(2))
    before, after = (ZoneIndex(plan).locate(lon, lat) for plan in plans)
    moved = can_have_moved(changed_boxes(*plans), lon, lat)
    assert not (before != after)[~moved].any()
