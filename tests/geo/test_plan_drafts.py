"""A draft finds its zones by place, whatever was changed since its index was made."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box, intersects
from shapely import distance as apart

from geo.plans import Change, Draft, PlanZone
from geo.plans.draft import MOST_STALE
from geo.records import LEVELS

SIDE = 6


def cell(code, at, size=1.0):
    x, y = divmod(at, SIDE)
    return PlanZone("grid", code, code, box(x, y, x + size, y + size))


def draft(count):
    return Draft([cell(f"G{at}", at) for at in range(count)], (LEVELS["grid"],), box(0, 0, SIDE, SIDE))


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "new"]), st.integers(0, 8), st.integers(0, 35), st.floats(0.1, 2)
    ),
    max_size=3 * MOST_STALE,
)


@given(edits=EDITS, x=st.floats(-1, 7), y=st.floats(-1, 7), far=st.sampled_from([0.0, 0.5]))
@settings(max_examples=80, deadline=None)
def test_what_touches_a_place_is_what_a_search_through_all_zones_finds(edits, x, y, far) -> None:
    plan = draft(9)
    plan.at("grid")
    inverses = []
    for number, (what, which, at, size) in enumerate(edits):
        code = f"G{which}"
        if what == "delete":
            if ("grid", code) not in plan:
                continue
            change = Change("delete", (), (("grid", code),))
        else:
            change = Change("put", (cell(f"N{number}" if what == "new" else code, at, size),))
        inverses.append(plan.apply(change))
    place = Point(x, y).buffer(0.7)

    def check() -> None:
        expected = [
            zone.code
            for zone in plan.at("grid")
            if (apart(zone.geometry, place) <= far if far else intersects(zone.geometry, place))
        ]
        assert [zone.code for zone in plan.touching("grid", place, far)] == expected

    check()
    for inverse in reversed(inverses):
        plan.apply(inverse)
    check()
    assert {zone.code for zone in plan.at("grid")} == {f"G{at}" for at in range(9)}


def test_a_copy_is_changed_alone() -> None:
    plan = draft(4)
    plan.at("grid")
    copy = plan.copy()
    copy.apply(Change("delete", (), (("grid", "G0"),)))
    assert [zone.code for zone in copy.touching("grid", Point(0.5, 0.5))] == []
    assert [zone.code for zone in plan.touching("grid", Point(0.5, 0.5))] == ["G0"]
    assert ("grid", "G0") in plan
    assert len(copy.at("grid")) == len(plan.at("grid")) - 1
