"""Borders that are moved: vertices dragged, put in and taken away, in every zone around them at once (laws 1, 3).

The town of these tests, drawn to 0.01 degrees (about 1 km): two communities of four grids each, one of which is divided
into microgrids ``M0``, ``M1``.

    C001 C011 | C101 C111
    C000 C010 | C100 C110
"""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from geo.errors import RefusedError
from geo.plans import Draft, PlanZone
from geo.plans import operations as op
from geo.records import LEVELS

SIDE = 0.01
TERRITORY = box(0, 0, 0.04, 0.02)


def rectangle(column: int, row: int, wide: int = 1, high: int = 1) -> Polygon:
    """A rectangle of cells with a vertex at every cell corner on its border."""
    steps = [(column + k, row) for k in range(wide)] + [(column + wide, row + k) for k in range(high)]
    steps += [(column + wide - k, row + high) for k in range(wide)]
    steps += [(column, row + high - k) for k in range(high)]
    return Polygon(np.round(np.array(steps) * SIDE, 8))


def town() -> Draft:
    zones = []
    for community in range(2):
        parent = f"C{community}"
        zones.append(PlanZone("community", parent, f"社区{community}", rectangle(2 * community, 0, 2, 2)))
        zones += [
            PlanZone("grid", f"{parent}{i}{j}", f"网格{i}{j}", rectangle(2 * community + i, j), parent=parent)
            for i in range(2)
            for j in range(2)
        ]
    halves = [
        Polygon([(0, 0), (0.005, 0), (0.005, 0.01), (0, 0.01)]),
        Polygon([(0.005, 0), (0.01, 0), (0.01, 0.01), (0.005, 0.01)]),
    ]
    # The levels above share the vertices that the halves bring in.
    woven = Polygon([(0, 0), (0.005, 0), (0.01, 0), (0.01, 0.01), (0.005, 0.01), (0, 0.01)])
    above = Polygon([(0, 0), (0.005, 0), (0.01, 0), (0.01, 0.01), (0, 0.01)])
    upper = Polygon([(0, 0.01), (0.005, 0.01), (0.01, 0.01), (0.01, 0.02), (0, 0.02)])
    community = shapely.union(above, rectangle(1, 0, 1, 2)).union(rectangle(0, 1))
    swapped = {
        ("grid", "C000"): woven,
        ("grid", "C001"): upper,
        ("community", "C0"): Polygon(shapely.get_coordinates(community)),
    }
    zones = [
        PlanZone(z.level, z.code, z.name, swapped.get(z.key, z.geometry), parent=z.parent) for z in zones
    ]
    zones += [
        PlanZone("microgrid", f"M{k}", f"微网格{k}", half, parent="C000") for k, half in enumerate(halves)
    ]
    return Draft(zones, [LEVELS["community"], LEVELS["grid"], LEVELS["microgrid"]], TERRITORY)


def vertices(draft: Draft, level: str, code: str) -> set[tuple[float, float]]:
    return {(x, y) for x, y in shapely.get_coordinates(draft.zone(level, code).geometry).tolist()}


def assert_coverage(draft: Draft) -> None:
    for level in ("community", "grid"):
        shapes = np.array([zone.geometry for zone in draft.at(level)])
        assert shapely.coverage_is_valid(shapes)
        assert shapely.area(shapely.symmetric_difference(shapely.union_all(shapes), TERRITORY)) < 1e-9
    for child, parent in (("grid", "community"), ("microgrid", "grid")):
        for zone in draft.at(child):
            outside = shapely.difference(zone.geometry, draft.zone(parent, zone.parent or "").geometry)
            assert shapely.area(outside) < 1e-9
    micro = shapely.union_all([zone.geometry for zone in draft.at("microgrid") if zone.parent == "C000"])
    assert shapely.area(shapely.symmetric_difference(micro, draft.zone("grid", "C000").geometry)) < 1e-9


def test_a_vertex_is_put_into_both_zones_of_a_border() -> None:
    draft = town()
    new = (0.0113, 0.0042)
    inverse = draft.apply(op.move_border(draft, "grid", {}, inserts=[((0.01, 0.0), (0.01, 0.01), new)]))
    assert_coverage(draft)
    assert new in vertices(draft, "grid", "C000") & vertices(draft, "grid", "C010")
    assert draft.zone("grid", "C000").geometry.area == pytest.approx(SIDE**2 + SIDE * 0.0013 / 2)
    assert new in vertices(draft, "microgrid", "M1"), "the level below follows"
    draft.apply(inverse)
    assert new not in vertices(draft, "grid", "C000")


def test_a_vertex_is_put_in_while_the_ends_of_its_segment_move() -> None:
    draft = town()
    change = op.move_border(
        draft, "grid", {(0.01, 0.01): (0.0108, 0.0107)}, inserts=[((0.01, 0.01), (0.01, 0.0), (0.012, 0.005))]
    )
    draft.apply(change)
    assert_coverage(draft)
    ring = shapely.get_coordinates(draft.zone("grid", "C010").geometry).tolist()
    at = ring.index([0.012, 0.005])
    assert {tuple(ring[at - 1]), tuple(ring[at + 1])} == {(0.0108, 0.0107), (0.01, 0.0)}


def test_a_vertex_is_taken_away_from_both_zones() -> None:
    draft = town()
    before = {zone.code: zone.geometry for zone in draft.at("grid")}
    new = (0.031, 0.006)
    draft.apply(op.move_border(draft, "grid", {}, inserts=[((0.03, 0.0), (0.03, 0.01), new)]))
    draft.apply(op.move_border(draft, "grid", {}, removes=[new]))
    assert_coverage(draft)
    for zone in draft.at("grid"):
        assert shapely.equals(zone.geometry, before[zone.code])
        assert new not in vertices(draft, "grid", zone.code)


def test_a_community_border_takes_a_vertex_and_its_grids_follow() -> None:
    draft = town()
    new = (0.0214, 0.0051)
    draft.apply(op.move_border(draft, "community", {}, inserts=[((0.02, 0.0), (0.02, 0.01), new)]))
    assert_coverage(draft)
    for level, code in (("community", "C0"), ("community", "C1"), ("grid", "C010"), ("grid", "C100")):
        assert new in vertices(draft, level, code)


REFUSALS = {
    "a junction": (lambda d: op.move_border(d, "grid", {}, removes=[(0.01, 0.01)]), "交汇点"),
    "no segment": (
        lambda d: op.move_border(d, "grid", {}, inserts=[((0.01, 0.0), (0.02, 0.01), (0.015, 0.005))]),
        "不是任何网格的边界顶点",
    ),
    "no vertex": (lambda d: op.move_border(d, "grid", {}, removes=[(0.013, 0.013)]), "不是任何网格的边界顶点"),
    "a parent's vertex": (lambda d: op.move_border(d, "grid", {}, removes=[(0.0, 0.0)]), "社区.*的边界上"),
    "the outer border": (
        lambda d: op.move_border(d, "grid", {}, inserts=[((0.0, 0.01), (0.0, 0.02), (-0.001, 0.015))]),
        "越出|缺口",
    ),
    "a triangle's corner": (
        lambda d: op.move_border(d, "community", {}, removes=[(0.0, 0.0), (0.0, 0.01), (0.0, 0.02), (0.005, 0.0),
                                                              (0.01, 0.02), (0.01, 0.0), (0.02, 0.01)]),
        "至少要有三个顶点|交汇点",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_why_and_changes_nothing(name: str) -> None:
    edit, words = REFUSALS[name]
    draft = town()
    with pytest.raises(RefusedError, match=words) as refusal:
        edit(draft)
    assert refusal.value.remedy
    for level in ("community", "grid", "microgrid"):
        for zone in town().at(level):
            assert draft.zone(*zone.key).same_as(zone)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_sequence_keeps_the_coverage_and_is_undone_to_the_coordinate(data: st.DataObject) -> None:
    draft = town()
    inverses = []
    offset = st.floats(-0.004, 0.004).map(lambda x: round(x, 8))
    for _ in range(data.draw(st.integers(1, 6))):
        level = data.draw(st.sampled_from(["grid", "community"]))
        zone = data.draw(st.sampled_from(sorted(draft.at(level), key=lambda zone: zone.code)))
        ring = [(x, y) for x, y in shapely.get_coordinates(zone.geometry.exterior).tolist()]
        at = data.draw(st.integers(0, len(ring) - 2))
        start, end = ring[at], ring[at + 1]
        east, north = data.draw(offset), data.draw(offset)
        middle = ((start[0] + end[0]) / 2 + east, (start[1] + end[1]) / 2 + north)
        how = data.draw(st.sampled_from(["insert", "remove", "drag"]))
        try:
            change = op.move_border(
                draft,
                level,
                {start: (start[0] + east, start[1] + north)} if how == "drag" else {},
                inserts=[(start, end, middle)] if how == "insert" else [],
                removes=[start] if how == "remove" else [],
            )
        except RefusedError as refusal:
            assert refusal.remedy  # noqa: PT017  a refusal says what to do
            continue
        inverses.append(draft.apply(change))
        assert_coverage(draft)
    for inverse in reversed(inverses):
        draft.apply(inverse)
    for level in ("community", "grid", "microgrid"):
        for zone in town().at(level):
            assert draft.zone(*zone.key).same_as(zone)
