"""Rules as data, the warnings that follow, the measures of zones on the ground, and sums that an edit adds to.

::

    lat 0.02 +------+------+   A and B are grids of 0.01 x 0.01 degrees; the building stands on their border,
             |      |      |   the estate inside A, the expressway crosses A from side to side
        0.01 |  A  [#]  B  |
             |      |      |
             +------+------+
           0.00   0.01   0.02
"""

from __future__ import annotations

import threading
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, affinity, box

from geo.errors import ProfileError
from geo.plans import Census, Change, Draft, Ground, PlanZone, Population, Profile, Rule, warnings_of
from geo.plans.rules import DEFAULT_RULES
from geo.records import LEVELS, SUBJECT_KINDS

WEST, EAST = box(0, 0, 0.01, 0.01), box(0.01, 0, 0.02, 0.01)
GRID = LEVELS["grid"]
SIZE = Profile((Rule("households", "grid", 2, 3, verified=True), Rule("people", "grid", 5, 9, verified=True)))


def zone(code="A", shape=WEST, *, kind="general"):
    return PlanZone("grid", code, f"网格{code}", shape, kind)


def draft(*zones):
    return Draft(zones, (GRID,), box(0, 0, 0.02, 0.01))


def census(people, *, ground=None, profile=None, stations=(), kind="household", at=WEST):
    """A census of subjects in the middle of a zone."""
    x, y = at.centroid.x, at.centroid.y
    n = len(people)
    population = Population(
        [f"H{row}" for row in range(n)], [kind] * n, people, [x] * n, [y] * n, stations=stations
    )
    return Census(population, ground=ground, profile=profile)


def warned(zones, counted, profile):
    counted.settle(draft(*zones))
    return warnings_of(zones, counted.figures(zones), profile)


def frame(rows, columns):
    return gpd.GeoDataFrame(rows, columns=[*columns, "geometry"], geometry="geometry", crs="EPSG:4490")


def buildings(*rows):
    return frame(rows, ["code", "kind", "name"])


def lines(*rows):
    return frame(rows, ["kind", "name"])


# ---- rules of size


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([2], ["网格A 少 1 户", "网格A 少 3 人"]),
        ([2, 3], []),
        ([2, 2, 2, 4], ["网格A 超 1 户", "网格A 超 1 人"]),
        ([np.nan, np.nan], []),  # people unknown break nothing
        ([np.nan] * 4, ["网格A 超 1 户"]),
    ],
)
def test_bands_are_told_by_how_much_and_what_is_unknown_breaks_nothing(people, said) -> None:
    assert [each.zh for each in warned([zone()], census(people), SIZE)] == said


def test_unknown_people_read_unknown_not_zero() -> None:
    counted = census([np.nan, np.nan])
    counted.settle(draft(zone()))
    assert counted.figures([zone()])[0].people is None


def test_a_dedicated_zone_is_exempt_from_size_and_from_nothing_else() -> None:
    split = MultiPolygon([box(0, 0, 0.002, 0.002), box(0.008, 0.008, 0.01, 0.01)])
    profile = Profile((*SIZE.rules, Rule("parts", "grid", most=1, verified=True)))
    found = warned([zone(shape=split, kind="dedicated")], census([], profile=profile), profile)
    assert [each.rule for each in found] == ["parts"]
    assert "分成 2 块" in found[0].zh
    assert found[0].place.area == pytest.approx(4e-6)


def test_a_rule_that_is_off_or_of_another_level_is_not_followed() -> None:
    off = Profile((replace(SIZE.rules[0], on=False), replace(SIZE.rules[1], level="community")))
    assert warned([zone()], census([1]), off) == []


def test_unverified_numbers_give_notes() -> None:
    note = Profile((Rule("households", "grid", 2, 3),))
    assert [each.severity for each in warned([zone()], census([1]), note)] == ["note"]


def test_a_drawn_out_zone_and_one_without_station() -> None:
    thin = zone(shape=box(0, 0, 0.02, 0.0002))
    profile = Profile((Rule("compactness", "grid", 0.1), Rule("stations", "grid", 1)))
    found = warned([thin], census([], profile=profile), profile)
    assert [each.rule for each in found] == ["compactness", "stations"]
    assert "少 1 个" in found[1].zh
    assert "too few" in found[1].en


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        ((Rule("households", "grid", 500, 300),), "下限 500 大于上限 300"),
        ((Rule("households", "grid", 1), Rule("households", "grid", 2)), "出现两次"),
        ((Rule("beauty", "grid", 1),), "没有叫 beauty 的规则"),
        ((Rule("people", "grid", -1),), "不小于零"),
        ((Rule("people", "grid", float("nan")),), "不小于零"),
        ((Rule("cut_estate", "grid", 1, 2),), "只有上限"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(rules, word) -> None:
    with pytest.raises(ProfileError) as refused:
        Profile(rules)
    assert word in refused.value.zh
    assert refused.value.remedy


def test_the_defaults_are_the_fields() -> None:
    assert Profile().band("grid", "households") == (300, 500)
    assert Profile().band("grid", "people") == (800, 1500)
    assert Profile().band("microgrid", "households") == (30, 50)
    assert not Profile().rule("microgrid", "households").verified
    assert Profile().band("grid", "share_15min") is None  # off
    assert Profile().with_rules([Rule("people", "grid", 1, 2)]).band("grid", "people") == (1, 2)
    assert len(Profile().with_rules([Rule("area", "grid", 1)]).rules) == len(DEFAULT_RULES) + 1


# ---- the ground


def test_a_border_that_cuts_a_building_is_told_of_both_sides_with_the_part_beyond() -> None:
    ground = Ground(
        buildings(
            ("B1", "building", "一号楼", box(0.0095, 0.004, 0.0105, 0.005)),
            ("E1", "estate", "花园", box(0.002, 0.002, 0.004, 0.004)),
        )
    )
    zones = [zone("A", WEST), zone("B", EAST)]
    found = warned(zones, census([], ground=ground), Profile())
    cuts = [each for each in found if each.rule.startswith("cut_")]
    assert [(each.code, each.rule, each.codes) for each in cuts] == [
        ("A", "cut_building", ("B1",)),
        ("B", "cut_building", ("B1",)),
    ]
    assert "切开楼栋 一号楼" in cuts[0].zh
    assert cuts[0].place.bounds == pytest.approx((0.01, 0.004, 0.0105, 0.005))


def test_a_border_along_a_wall_is_no_cut() -> None:
    # 0.000005 degrees are half a metre: less than the metre that the rule allows.
    ground = Ground(buildings(("B1", "building", None, box(0.009, 0.004, 0.010005, 0.005))))
    both = [zone("A", WEST), zone("B", EAST)]
    assert not [w for w in warned(both, census([], ground=ground), Profile()) if w.codes]
    assert not [w for w in warned(both[1:], census([], ground=ground), Profile()) if w.codes]
    strict = Profile((Rule("cut_building", "grid", most=0.2),))
    found = warned([zone("A", WEST)], census([], ground=ground, profile=strict), strict)
    assert [each.codes for each in found] == [("B1",)]
    assert "B1" in found[0].zh  # a building without a name is called by its code


def test_many_cut_buildings_are_counted_in_one_sentence() -> None:
    rows = [
        (f"B{n}", "building", f"{n}号楼", box(0.0095, n / 1000, 0.0105, n / 1000 + 0.0005)) for n in range(5)
    ]
    found = [w for w in warned([zone()], census([], ground=Ground(buildings(*rows))), Profile()) if w.codes]
    assert len(found) == 1
    assert "0号楼、1号楼、2号楼 等 5 处" in found[0].zh
    assert len(found[0].codes) == 5


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("motorway", "crosses_expressway"),
        ("trunk", "crosses_expressway"),
        ("rail", "crosses_railway"),
        ("river", "crosses_river"),
    ],
)
def test_a_line_from_side_to_side_divides_a_zone(kind, rule) -> None:
    ground = Ground(None, lines((kind, "沪昆", LineString([(-0.001, 0.005), (0.011, 0.005)]))))
    found = [w for w in warned([zone()], census([], ground=ground), Profile()) if w.place is not None]
    assert [each.rule for each in found] == [rule]
    assert "沪昆" in found[0].zh
    assert found[0].place.length == pytest.approx(0.01)


@pytest.mark.parametrize(
    "line",
    [
        [(0.005, -0.001), (0.005, 0.005)],  # ends inside
        [(-0.001, 0.00005), (0.011, 0.00005)],  # along the border, five metres from it
        [(0.011, 0.0), (0.02, 0.005)],  # elsewhere
    ],
)
def test_a_line_that_divides_nothing_is_passed_over(line) -> None:
    ground = Ground(None, lines(("motorway", None, LineString(line))))
    assert not [w for w in warned([zone()], census([], ground=ground), Profile()) if w.place is not None]


@pytest.mark.parametrize("angle", range(5, 90, 20))
def test_a_slanted_line_divides_a_slanted_zone(angle) -> None:
    """Where it meets the border no coordinate is exactly on both."""
    middle = WEST.centroid
    across = affinity.rotate(LineString([(-0.01, 0.005), (0.02, 0.005)]), 2 * angle, origin=middle)
    ground = Ground(None, lines(("rail", None, across)))
    slanted = zone(shape=affinity.rotate(WEST, angle, origin=middle))
    found = [w for w in warned([slanted], census([], ground=ground), Profile()) if w.place is not None]
    assert [each.rule for each in found] == ["crosses_railway"]


def test_streets_and_what_no_rule_asks_are_passed_over() -> None:
    across = LineString([(-0.001, 0.005), (0.011, 0.005)])
    assert not [
        w
        for w in warned(
            [zone()], census([], ground=Ground(None, lines(("residential", "和平路", across)))), Profile()
        )
        if w.place is not None
    ]
    quiet = Profile((Rule("households", "grid", 0, 9),))
    counted = census([], ground=Ground(None, lines(("motorway", None, across))), profile=quiet)
    counted.settle(draft(zone()))
    assert counted.figures([zone()])[0].cuts == ()


# ---- sums


def test_stations_are_counted_by_the_half_open_rule_and_never_move_in_a_ledger() -> None:
    counted = census([1], stations=[(0.01, 0.005), (0.002, 0.002)])  # the first on the border: B has it
    plan = draft(zone("A", WEST), zone("B", EAST))
    counted.settle(plan)
    assert [figure.stations for figure in counted.figures(plan.at("grid"))] == [1, 1]
    change = Change("merge", (zone("A", box(0, 0, 0.02, 0.01)),), (("grid", "B"),))
    moves = counted.follow(plan, change, plan.apply(change))
    assert counted.figures(plan.at("grid"))[0].stations == 2
    assert len(moves) == 0
    assert len(counted.ledger()) == 0
    assert len(counted) == 1


def test_the_share_within_fifteen_minutes_is_unknown_until_walks_are() -> None:
    counted = census([1, 1, 1, 1])
    plan = draft(zone("A", WEST), zone("B", EAST))
    counted.settle(plan)
    assert [figure.share_15min for figure in counted.figures(plan.at("grid"))] == [None, None]
    counted.population.reached = np.array([True, False, False, False])
    assert [figure.share_15min for figure in counted.figures(plan.at("grid"))] == [0.25, None]
    asked = Profile((Rule("share_15min", "grid", 80),))
    found = warnings_of(plan.at("grid"), counted.figures(plan.at("grid")), asked)
    assert [each.zh for each in found] == ["网格A 只有 25% 的户在步行 15 分钟内到得了服务站，要求 80%"]


def test_walks_that_become_known_between_foreseeing_and_taking_are_counted_once() -> None:
    counted = census([1, 1])
    plan = draft(zone("A", WEST), zone("B", EAST))
    counted.settle(plan)
    change = Change("merge", (zone("B", box(0, 0, 0.02, 0.01)),), (("grid", "A"),))
    step = counted.foresee(plan, change, plan.apply(change))
    counted.population.reached = np.array([True, False])
    counted.figures([zone("B", EAST)])
    counted.take(step)
    assert counted.figures(plan.at("grid"))[0].share_15min == 0.5


def test_foreseeing_changes_nothing_and_says_what_following_says() -> None:
    plan = draft(zone("A", WEST), zone("B", EAST))
    counted = census([1, 2, 3])
    counted.settle(plan)
    twin = counted.twin()
    change = Change("merge", (zone("B", box(0, 0, 0.02, 0.01)),), (("grid", "A"),))
    after = plan.copy()
    inverse = after.apply(change)
    step = counted.foresee(after, change, inverse)
    foreseen = counted.figures(change.put, step)
    assert [figure.counts["household"] for figure in counted.figures(plan.at("grid"))] == [3, 0]
    assert [(flow.from_zone, flow.to_zone, flow.subjects) for flow in counted.flows(step)] == [("A", "B", 3)]
    counted.take(step)
    assert counted.figures(change.put) == foreseen
    assert foreseen[0].people == 6
    # The twin was not touched.
    assert [figure.counts["household"] for figure in twin.figures(plan.at("grid"))] == [3, 0]
    assert len(twin.ledger()) == 0
    assert len(counted.ledger()) == 3


@given(
    cut=st.floats(0.001, 0.019),
    points=st.lists(
        st.tuples(
            st.sampled_from(SUBJECT_KINDS),
            st.floats(-0.001, 0.021),
            st.floats(-0.001, 0.011),
            st.one_of(st.none(), st.integers(0, 9)),
        ),
        max_size=30,
    ),
)
@settings(max_examples=60, deadline=None)
def test_sums_that_are_kept_equal_sums_that_are_counted_anew(cut, points) -> None:
    """Law 3: after any border move, what is kept equals a census of the result from nothing."""
    kinds, lon, lat, people = zip(*points, strict=True) if points else ((), (), (), ())
    known = [np.nan if each is None else each for each in people]
    population = Population([f"S{n}" for n in range(len(points))], list(kinds), known, lon, lat)
    plan = draft(zone("A", WEST), zone("B", EAST))
    kept = Census(population)
    kept.settle(plan)
    change = Change("move", (zone("A", box(0, 0, cut, 0.01)), zone("B", box(cut, 0, 0.02, 0.01))))
    kept.follow(plan, change, plan.apply(change))
    anew = Census(population)
    anew.settle(plan)
    assert kept.figures(plan.at("grid")) == anew.figures(plan.at("grid"))
    assert list(kept.home("grid")) == list(anew.home("grid"))


def test_people_may_look_while_an_edit_is_taken() -> None:
    """Previews run beside edits: nothing raises, and what is answered last is right."""
    plan = draft(zone("A", WEST), zone("B", EAST))
    counted = census([1] * 50)
    counted.settle(plan)
    wide, narrow = zone("B", box(0, 0, 0.02, 0.01)), zone("B", EAST)
    forth = Change("merge", (wide,), (("grid", "A"),))
    faults: list[Exception] = []

    def look() -> None:
        after = plan.copy()
        inverse = after.apply(forth)
        try:
            for _ in range(50):
                counted.figures(forth.put, counted.foresee(after, forth, inverse))
        except Exception as fault:  # noqa: BLE001  handed to the test
            faults.append(fault)

    looking = threading.Thread(target=look)
    looking.start()
    own = plan.copy()
    for _ in range(10):
        back = own.apply(forth)
        counted.follow(own, forth, back)
        counted.follow(own, back, own.apply(back))
    looking.join()
    assert faults == []
    assert [f.counts["household"] for f in counted.figures([zone("A", WEST), narrow])] == [50, 0]
