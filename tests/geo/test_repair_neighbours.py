"""Repair where faults meet: at corners of several zones, along parents and the boundary, one following from another.

Drawn in metres from a corner of Zhuanqiao. Four squares of 100 m::

    +---+---+
    | c | d |
    +---+---+
    | a | b |
    +---+---+
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.coverage import Guards, find_faults, propose, repair
from geo.errors import MixedReferenceError, ZonesError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

ORIGIN, DEGREES = (121.40, 31.07), (1 / 95_540, 1 / 110_870)


def at(*points: tuple[float, float]) -> shapely.Polygon:
    """Return a polygon from metres."""
    return shapely.Polygon(np.round(np.array(points) * DEGREES + ORIGIN, 8))


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return at((west, south), (east, south), (east, north), (west, north))


def squares(**other: BaseGeometry) -> dict[str, BaseGeometry]:
    four = {"a": box(0, 0, 100, 100), "b": box(100, 0, 200, 100), "c": box(0, 100, 100, 200)}
    return {**four, "d": box(100, 100, 200, 200), **other}


def frame(shapes: dict[str, Any], **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": list(shapes), **columns}, geometry=list(shapes.values()), crs="EPSG:4490"
    )


def household(shape: BaseGeometry, people: int) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"kind": ["household"], "people": [people]}, geometry=[shape.centroid], crs="EPSG:4490"
    )


def square_metres(shape: BaseGeometry) -> float:
    return float(shape.area / np.prod(DEGREES))


TOWN = box(0, 0, 200, 200)
WEST_EAST = frame({"P": box(0, 0, 100, 200), "Q": box(100, 0, 200, 200)})
OF_PARENTS = {"parent": ["P", "Q", "P", "Q"]}


# --- several zones over one place


@pytest.mark.parametrize("metres", [0.05, 1, 5])
def test_land_of_four_zones_at_a_corner_is_settled_once(metres: float) -> None:
    """a and b both reach over the corner into c and d."""
    over = squares(a=box(0, 0, 100 + metres, 100 + metres), b=box(100 - metres, 0, 200, 100 + metres))
    zones = frame(over)
    corner = household(box(100 + metres / 4, 100 + metres / 4, 100 + metres / 2, 100 + metres / 2), 3)
    guards = Guards(max_change=0.3)
    done = repair(zones, TOWN, subjects=corner, guards=guards)
    assert find_faults(done.zones, TOWN).empty
    assert done.refused.empty
    # One row for each fault of the report, by its number there.
    faults = find_faults(zones, TOWN)
    assert done.actions.number.tolist() == faults.index.tolist()
    assert [set(codes) for codes in done.actions.codes] == [set(codes) for codes in faults.codes]
    # Nobody gives land that it gets back: b, c and d each lose the household in the corner, at most once.
    for code in "bcd":
        sizes = [changes[code] for changes in done.actions.changes if code in changes]
        assert all(after <= before for before, after in sizes)
    assert done.actions.households.sum() == 2  # a, b and d overlapped there
    assert done.actions.people.sum() == 6
    settled = done.actions[done.actions.strategy == "settled"]
    assert [set(codes) for codes in settled.codes] == [{"b", "c"}]
    assert settled.recipient.tolist() == [None]
    assert settled.area_m2.tolist() == [0]


def test_area_that_changes_hands_is_what_zones_gain_and_lose() -> None:
    over = squares(a=box(0, 0, 102, 102), b=box(98, 0, 200, 102))
    for action in repair(frame(over), TOWN, guards=Guards(max_change=0.3)).actions.itertuples():
        lost = sum(before - after for before, after in action.changes.values() if after < before)
        assert lost == pytest.approx(action.area_m2, abs=0.05)


def test_a_zone_that_only_gains_a_vertex_is_not_among_the_changes() -> None:
    over = squares(a=box(0, 0, 101, 100))
    assert set(repair(frame(over), TOWN).actions.changes[0]) == {"b"}


# --- a border drawn twice


def test_a_hairline_between_three_zones_gives_nobody_a_tail() -> None:
    """a draws back 1 cm from b and from c: no zone may run on between two others."""
    done = repair(frame(squares(a=box(0, 0, 99.99, 99.99))), TOWN)
    assert done.actions.kind.tolist() == ["near_miss"]
    assert find_faults(done.zones, TOWN).empty
    for shape, whole in zip(done.zones.geometry, squares().values(), strict=True):
        assert shape.symmetric_difference(whole).area < 1e-12


@pytest.mark.parametrize("metres", [-0.01, 0.01])
def test_a_hairline_along_the_boundary_follows_the_boundary(metres: float) -> None:
    zones = frame(squares(b=box(100, 0, 200 + metres, 100)))
    fault = find_faults(zones, TOWN).iloc[0]
    assert fault.kind == "near_miss"
    assert "与辖区边界对齐" in fault.message
    done = repair(zones, TOWN)
    assert done.actions.number.tolist() == [0]
    assert done.actions.message[0].startswith("边界按辖区边界对齐")
    assert find_faults(done.zones, TOWN).empty
    assert set(done.actions.changes[0]) == {"b"}  # not its neighbour, which only touches the end


def test_a_hairline_inside_one_zone_is_not_said_to_be_the_boundary() -> None:
    slit = squares()["a"].difference(box(20, 50, 80, 50.01))
    fault = find_faults(frame(squares(a=slit)), TOWN).iloc[0]
    assert (fault.kind, fault.codes) == ("near_miss", ["a"])
    assert fault.message == "网格 a 内有一条不到 1 厘米的细缝。"


def test_a_border_cannot_follow_a_zone_that_does_not_have_it() -> None:
    zones = frame(squares(a=box(0, 0, 100.01, 100)))
    done = repair(zones, TOWN, strategies={"near_miss": "c"})
    assert done.actions.empty
    assert done.refused.kind.tolist() == ["near_miss"]
    followed = repair(zones, TOWN, strategies={"near_miss": "b"})
    assert followed.actions.recipient.tolist() == ["b"]
    assert find_faults(followed.zones, TOWN).empty


# --- parents


def test_a_gap_across_parents_is_divided_between_them() -> None:
    hole = box(90, 90, 110, 110)
    zones = frame({code: shape.difference(hole) for code, shape in squares().items()}, **OF_PARENTS)
    done = repair(zones, parents=WEST_EAST)
    assert find_faults(done.zones, parents=WEST_EAST).empty
    action = done.actions.iloc[0]
    assert len(done.actions) == 1
    assert action.area_m2 == pytest.approx(square_metres(hole), rel=2e-3)
    gains = {code: after - before for code, (before, after) in action.changes.items()}
    assert sum(gains.values()) == pytest.approx(action.area_m2, abs=0.05)
    assert {code in "ac" for code in gains} == {True, False}
    assert action.message.count("归网格") == 2


def test_an_overlap_goes_to_the_zone_whose_parent_has_the_land() -> None:
    zones = frame(squares(a=box(0, 0, 105, 100)), **OF_PARENTS)
    for strategy in ("longest_border", "priority"):
        done = repair(zones, parents=WEST_EAST, strategies={"overlap": strategy}, priority=["a"])
        assert done.actions.recipient.tolist() == ["b", None]
        assert done.actions.strategy.tolist() == [strategy, "settled"]
        assert find_faults(done.zones, parents=WEST_EAST).empty
    refused = repair(zones, parents=WEST_EAST, strategies={"overlap": "a"}).refused
    assert refused.kind.tolist() == ["overlap", "crossing_levels"]
    assert refused.reason[0] == "网格 a 会跨到上级 Q"


# --- numbers


def two_bays() -> dict[str, BaseGeometry]:
    """Return a and b with two gaps of 30 m between them: both are faults of the same two zones."""
    bays = box(70, 10, 100, 40), box(70, 60, 100, 90)
    return {"a": box(0, 0, 100, 100).difference(shapely.union_all(bays)), "b": box(100, 0, 200, 100)}


def test_a_decision_is_about_one_fault_and_refusals_keep_their_numbers() -> None:
    zones = frame({**two_bays(), "e": box(199, 0, 300, 100)})
    faults = find_faults(zones)
    assert faults.kind.tolist() == ["overlap", "gap", "gap"]
    # The overlap is repaired, so both gaps are looked at again; one was decided about, and too large for the cap.
    done = repair(zones, decisions={2: "b"}, guards=Guards(max_change=0.05))
    assert done.actions.number.tolist() == [0]
    assert dict(zip(done.refused.number, done.refused.reason.str[:4], strict=True)) == {
        1: "缺口太宽", 2: "网格 b",
    }  # fmt: skip
    done = repair(zones, decisions={2: "b"})
    assert done.actions.number.tolist() == [0, 2]
    assert done.refused.number.tolist() == [1]


def test_what_was_not_accepted_is_left_though_its_neighbours_change() -> None:
    """A gap in the middle, and an overlap that ends at it: mending the overlap changes who borders on the gap."""
    gap = box(98, 90, 102, 110)
    over = squares(a=box(0, 0, 103, 100))
    zones = frame({code: shape.difference(gap) for code, shape in over.items()})
    proposal = propose(zones, TOWN)
    kinds = dict(zip(proposal.actions.kind, proposal.actions.number, strict=True))
    assert set(kinds) == {"overlap", "gap"}
    done = proposal.apply([kinds["overlap"]])
    assert done.actions.kind.tolist() == ["overlap"]
    assert find_faults(done.zones, TOWN).kind.tolist() == ["gap"]
    excused = repair(zones, TOWN, strategies={"gap": "exception"})
    assert len(excused.exceptions) == 1
    assert find_faults(excused.zones, TOWN, exceptions=excused.exceptions).empty


def test_what_follows_from_a_mended_border_is_part_of_its_action() -> None:
    """A hole of a that reaches over its edge: mended, it is a bay between a and b, which a repair fills."""
    crossing = shapely.Polygon(box(0, 0, 100, 100).exterior, [box(90, 20, 110, 30).exterior])
    zones = frame(squares(a=crossing))
    proposal = propose(zones, TOWN)
    assert proposal.actions.number.tolist() == [0]
    assert proposal.actions.kind.tolist() == ["invalid"]
    done = proposal.apply([0])
    assert find_faults(done.zones, TOWN).empty
    before, after = done.actions.changes[0]["a"]
    assert after - before == pytest.approx(square_metres(box(90, 20, 100, 30)), abs=0.5)
    assert done.undone().geometry.geom_equals_exact(zones.geometry, 0).all()


def test_what_follows_and_cannot_be_done_is_refused_without_a_number() -> None:
    """The same, but the bay is 40 m wide, which may be real."""
    crossing = shapely.Polygon(box(0, 0, 100, 100).exterior, [box(60, 20, 110, 60).exterior])
    done = repair(frame(squares(a=crossing)), TOWN, guards=Guards(max_change=0.3))
    assert done.actions.kind.tolist() == ["invalid"]
    assert done.refused.kind.tolist() == ["gap"]
    assert done.refused.number.isna().all()
    assert find_faults(done.zones, TOWN).kind.tolist() == ["gap"]


def test_a_real_hole_that_touches_the_border_twice_is_not_filled() -> None:
    """It divides the zone, which is therefore invalid: who keeps which half is for people to say."""
    holed = shapely.Polygon(box(0, 0, 100, 100).exterior, [at((0, 50), (100, 40), (100, 60)).exterior])
    done = repair(frame({"a": holed}))
    assert done.actions.empty
    assert "面积会改变" in done.refused.reason[0]


# --- inlets


def test_an_inlet_with_a_flared_mouth_is_found_at_its_whole_length() -> None:
    """b stands 5 m west and north of its place, and a strip of the corner where it met e is nobody's.

    ::

        +---+=====+---+    =  the strip, 2 m high, 40 m to either side
        | b |  |  e   |       between b and e 5 m, open to the south; there b ends 5 m further north than its neighbours
        +---+  +------+
    """
    zones = frame({
        "a": box(0, 0, 100, 100),
        "b": at((195, 5), (95, 5), (95, 105), (155, 105), (155, 104), (195, 104)),
        "d": at((100, 100), (100, 200), (200, 200), (200, 101), (160, 101), (160, 100)),
        "e": at((300, 100), (300, 0), (200, 0), (200, 99), (240, 99), (240, 100)),
        "f": at((200, 200), (300, 200), (300, 100), (240, 100), (240, 101), (200, 101)),
    })  # fmt: skip
    faults = find_faults(zones)
    inlets = faults[faults.kind == "inlet"]
    assert [set(codes) for codes in inlets.codes] == [{"b", "d", "e", "f"}]
    assert inlets.area_m2.iloc[0] == pytest.approx(5 * 100 + 2 * 40, rel=0.05)


# --- bad input


def test_what_cannot_be_asked_of_a_repair_is_refused_with_a_remedy() -> None:
    zones = frame(squares(a=box(0, 0, 101, 100)))
    for options, text in (
        ({"strategies": {"hole": "refuse"}}, "没有这样的问题种类：hole"),
        ({"parents": WEST_EAST.assign(code=["P", "P"])}, "上级图层有重复的编码：P"),
        ({"parents": WEST_EAST.rename(columns={"code": "编码"})}, "上级图层没有编码列"),
        ({"boundary": "town.gpkg"}, "辖区边界不是图形"),
    ):
        with pytest.raises(ZonesError, match=text) as caught:
            repair(zones, **options)
        assert caught.value.remedy
    residents = household(TOWN, 3).assign(people=["三"])
    with pytest.raises(ZonesError, match="“三”"):
        repair(zones, subjects=residents)
    for limits in ((-0.1, 25), (float("nan"), 25), (0.1, -1)):
        with pytest.raises(ZonesError, match="上限不能是"):
            Guards(*limits)
    elsewhere = household(TOWN, 3).to_crs(4549)
    for subjects in (elsewhere, elsewhere.set_crs(None, allow_override=True)):
        with pytest.raises(MixedReferenceError, match="管理对象的坐标系"):
            repair(zones, subjects=subjects)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_zone_that_is_a_line_or_has_no_numbers_is_invalid() -> None:
    line = at((0, 0), (50, 50), (100, 100))
    assert line.is_valid  # by the rounding of its coordinates alone
    nowhere = shapely.Polygon([(121.4, 31), (np.nan, 31), (121.5, 31.1)])
    for shape in (line, nowhere):
        zones = frame({"b": box(100, 0, 200, 100), "z": shape})
        faults = find_faults(zones)
        assert faults.kind.tolist() == ["invalid"]
        assert faults.codes[0] == ["z"]
        done = repair(zones)
        assert done.refused.reason.tolist() == ["没有可用的图形，要重新绘制"]


def test_recipients_are_codes_or_none() -> None:
    over = squares(a=box(0, 0, 102, 102), b=box(98, 0, 200, 102))
    recipients = repair(frame(over), TOWN, guards=Guards(max_change=0.3)).actions.recipient
    assert not any(isinstance(code, float) for code in recipients)
    assert pd.api.types.is_object_dtype(recipients)
