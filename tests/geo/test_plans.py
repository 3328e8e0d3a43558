"""Operations on drafts: each keeps law 1 or refuses; undo restores every coordinate; nobody is lost (laws 1, 3, 4).

The town of these tests, two communities of four grids each, drawn to 0.01 degrees (about 1 km):

    C001 C011 | C101 C111
    C000 C010 | C100 C110
"""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from shapely import LineString, Polygon, box

from geo.errors import RefusedError
from geo.plans import EXCEPTION, Census, Draft, PlanZone, Profile, Rule, warnings_of
from geo.plans import operations as op
from geo.plans.redivision import insert_vertices
from geo.records import LEVELS

SIDE = 0.01
TERRITORY = box(0, 0, 0.04, 0.02)
TOWN_LEVELS = [LEVELS["functional"], LEVELS["community"], LEVELS["grid"]]


def square(column: int, row: int, *, wide: int = 1, high: int = 1) -> Polygon:
    """A rectangle of cells with a vertex at every cell corner on its border."""
    steps = [(column + k, row) for k in range(wide)] + [(column + wide, row + k) for k in range(high)]
    steps += [(column + wide - k, row + high) for k in range(wide)] + [
        (column, row + high - k) for k in range(high)
    ]
    return Polygon(np.round(np.array(steps) * SIDE, 8))


def town() -> Draft:
    zones = [PlanZone("functional", "F", "片区", square(0, 0, wide=4, high=2))]
    for community in range(2):
        parent = f"C{community}"
        zones.append(
            PlanZone("community", parent, f"社区{community}", square(2 * community, 0, wide=2, high=2))
        )
        zones += [
            PlanZone(
                "grid", f"{parent}{i}{j}", f"网格{parent}{i}{j}", square(2 * community + i, j), parent=parent
            )
            for i in range(2)
            for j in range(2)
        ]
    return Draft(zones, TOWN_LEVELS, TERRITORY)


GAP = square(1, 0)


def holed_town() -> Draft:
    """The town before anybody has drawn grid C010."""
    zones = [zone for level in TOWN_LEVELS for zone in town().at(level.code) if zone.code != "C010"]
    return Draft(zones, TOWN_LEVELS, TERRITORY)


def households(draft: Draft, count: int = 2000) -> Census:
    random = np.random.default_rng(7)
    census = Census.of(
        [f"H{n}" for n in range(count)],
        ["household"] * count,
        random.integers(1, 6, count),
        random.uniform(-0.001, 0.041, count),
        random.uniform(-0.001, 0.021, count),
    )
    census.settle(draft)
    return census


def assert_coverage(draft: Draft) -> None:
    for level in draft.levels:
        shapes = np.array([zone.geometry for zone in draft.at(level)])
        assert shapely.coverage_is_valid(shapes)
        missing = shapely.symmetric_difference(shapely.union_all(shapes), draft.boundary)
        assert shapely.area(missing) < 1e-9
    for zone in draft.at("grid"):
        parent = draft.zone("community", zone.parent or "")
        assert shapely.area(shapely.difference(zone.geometry, parent.geometry)) < 1e-9


def assert_same(left: Draft, right: Draft) -> None:
    assert len(left) == len(right)
    for level in right.levels:
        for zone in right.at(level):
            assert left.zone(*zone.key).same_as(zone)


EDITS = {
    "split": lambda d: op.split(
        d, "grid", "C000", LineString([(0.005, -0.001), (0.006, 0.011)]), codes=["C0n"]
    ),
    "merge": lambda d: op.merge(d, "grid", ["C000", "C001"]),
    "move_border": lambda d: op.move_border(d, "grid", {(0.01, 0.01): (0.0112, 0.0091)}),
    "redraw_border": lambda d: op.redraw_border(
        d, "grid", ("C000", "C010"), LineString([(0.01, 0), (0.012, 0.004), (0.009, 0.007), (0.01, 0.01)])
    ),
    "reshape": lambda d: op.reshape(
        d, "grid", "C010", Polygon([(0.01, 0), (0.02, 0), (0.02, 0.012), (0.008, 0.009)])
    ),
    "paint": lambda d: op.paint(d, "grid", "C000", [box(0.0095, 0.002, 0.0131, 0.0062)]),
    "carve": lambda d: op.carve(d, "grid", "D1", "公园", box(0.0131, 0.0031, 0.0152, 0.0072)),
    "carve across borders": lambda d: op.carve(d, "grid", "D1", "商场", box(0.0081, 0.0081, 0.0122, 0.0133)),
    "delete": lambda d: op.delete(d, "grid", "C111"),
    "community border": lambda d: op.redraw_border(
        d, "community", ("C0", "C1"), LineString([(0.02, 0), (0.0215, 0.007), (0.0188, 0.013), (0.02, 0.02)])
    ),
    "rename": lambda d: op.describe(d, "grid", "C000", name="新名"),
    "staff": lambda d: op.describe(d, "grid", "C000", staff=[{"role": "网格长", "name": "王"}]),
    "renumber": lambda d: op.renumber(d, "community", {"C0": "C9"}),
    "exception": lambda d: op.register_exception(d, "X1", "横沥港", "河道", box(0.001, 0.001, 0.002, 0.002)),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_keeps_the_coverage_and_is_undone_to_the_coordinate(name: str) -> None:
    draft = town()
    census = households(draft)
    change = EDITS[name](draft)
    inverse = draft.apply(change)
    census.follow(draft, change, inverse)
    assert_coverage(draft)
    census.follow(draft, inverse, draft.apply(inverse))
    assert_same(draft, town())
    assert len(census.ledger()) == 0


def test_a_split_divides_households_and_gives_the_neighbours_and_the_parent_the_new_vertices() -> None:
    draft = town()
    census = households(draft)
    before = census.figures([draft.zone("grid", "C000")])[0].counts["household"]
    change = EDITS["split"](draft)
    moves = census.follow(draft, change, draft.apply(change))
    old, new = census.figures([draft.zone("grid", "C000"), draft.zone("grid", "C0n")])
    assert old.counts["household"] + new.counts["household"] == before
    assert set(moves["from_zone"]) == {"C000"}
    assert set(moves["to_zone"]) == {"C0n"}
    assert len(moves) == new.counts["household"]
    assert change.lineage == ((("grid", "C000"), ("grid", "C000")), (("grid", "C000"), ("grid", "C0n")))
    assert len(shapely.get_coordinates(draft.zone("grid", "C001").geometry)) == 6
    assert len(shapely.get_coordinates(draft.zone("community", "C0").geometry)) == 10


def test_a_moved_community_border_recuts_its_grids_and_its_functional_zone_stays() -> None:
    draft = town()
    change = EDITS["community border"](draft)
    draft.apply(change)
    assert {zone.code for zone in change.put} == {"C0", "C1", "C010", "C011", "C100", "C101"}
    assert {zone.parent for zone in draft.at("grid") if zone.code in {"C010", "C011"}} == {"C0"}


def test_regroup_unites_communities_and_refuses_to_leave_one_without() -> None:
    draft = town()
    change = op.regroup(draft, "functional", "G", ["C1"], of="community", name="东片区")
    draft.apply(change)
    assert shapely.equals(draft.zone("functional", "G").geometry, draft.zone("community", "C1").geometry)
    assert_coverage(draft)
    with pytest.raises(RefusedError, match="不属于任何片区"):
        op.regroup(draft, "functional", "G", [], of="community")


def test_a_gap_is_filled_up_to_its_neighbours_and_no_further() -> None:
    holed = holed_town()
    change = op.fill_gap(
        holed, "grid", box(0.005, -0.005, 0.025, 0.0123), code="N1", name="新网格", parent="C0"
    )
    holed.apply(change)
    assert shapely.equals(holed.zone("grid", "N1").geometry, square(1, 0))


def test_ground_far_away_is_added_to_what_a_zone_has() -> None:
    holed = holed_town()
    before = holed.zone("grid", "C000").geometry
    island = box(0.014, 0.002, 0.017, 0.004)
    holed.apply(op.fill_gap(holed, "grid", island, code="C000"))
    assert shapely.equals(holed.zone("grid", "C000").geometry, shapely.union(before, island))


def test_painting_beyond_the_parent_says_so_wherever_it_is() -> None:
    with pytest.raises(RefusedError, match="越出上级"):
        op.paint(town(), "grid", "C000", [box(0.033, 0.012, 0.037, 0.014)])


def test_a_vertex_beside_a_sharp_corner_is_put_in_once() -> None:
    corner = Polygon([(0, 0), (0.01, 0), (0.01, 0.005)])
    after = insert_vertices(corner, np.array([[1e-8, 0], [1e-8, 0], [0.01, 0.002], [0.004, 0.001]]))
    assert shapely.get_coordinates(after).tolist() == [
        [0, 0], [1e-8, 0], [0.01, 0], [0.01, 0.002], [0.01, 0.005], [0, 0],
    ]  # fmt: skip


def test_a_dedicated_zone_may_make_a_hole() -> None:
    draft = town()
    draft.apply(EDITS["carve"](draft))
    assert draft.zone("grid", "D1").kind == "dedicated"
    assert len(draft.zone("grid", "C010").geometry.interiors) == 1


REFUSALS = {
    "a line that ends inside": (
        lambda d: op.split(d, "grid", "C000", LineString([(0.005, -0.001), (0.005, 0.009)]), codes=["x"]),
        "没有贯穿.*111 米.*延长到边界",
    ),
    "a code that is taken": (
        lambda d: op.split(d, "grid", "C000", LineString([(0.005, -0.001), (0.005, 0.02)]), codes=["C001"]),
        "已被使用",
    ),
    "more pieces than codes": (
        lambda d: op.split(
            d, "grid", "C000", LineString([(0.002, -0.01), (0.004, 0.02), (0.006, -0.01)]), codes=["x"]
        ),
        "只给了 1 个新编码",
    ),
    "beyond the parent": (lambda d: op.reshape(d, "grid", "C011", box(0.01, 0.01, 0.03, 0.02)), "越出上级"),
    "merging strangers": (lambda d: op.merge(d, "grid", ["C011", "C101"]), "不同的上级"),
    "merging the distant": (lambda d: op.merge(d, "grid", ["C000", "C011"]), "不相邻"),
    "the outer border": (lambda d: op.move_border(d, "grid", {(0.0, 0.01): (0.001, 0.01)}), "缺口"),
    "a ring that crosses itself": (
        lambda d: op.move_border(d, "grid", {(0.01, 0.01): (0.05, 0.015)}),
        "自相交|重叠|越出|缺口",
    ),
    "no vertex": (
        lambda d: op.move_border(d, "grid", {(0.005, 0.005): (0.006, 0.006)}),
        "不是任何网格的边界顶点",
    ),
    "no such zone": (lambda d: op.merge(d, "grid", ["C000", "nobody"]), "没有编码为 nobody"),
    "no common border": (
        lambda d: op.redraw_border(d, "grid", ("C000", "C111"), LineString([(0, 0), (1, 1)])),
        "没有公共边界",
    ),
    "a shape that is no polygon": (
        lambda d: op.paint(d, "grid", "C000", [Polygon([(0, 0), (0.001, 0), (0.002, 0)])]),
        "不是有效的面",
    ),
    "two zones of one code": (lambda d: op.renumber(d, "grid", {"C000": "C001"}), "已被使用"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_the_reason_and_leaves_the_draft_alone(name: str) -> None:
    edit, words = REFUSALS[name]
    draft = town()
    with pytest.raises(RefusedError, match=words) as refusal:
        edit(draft)
    assert refusal.value.remedy
    assert_same(draft, town())


def test_an_exception_is_kept_beside_the_levels() -> None:
    draft = town()
    draft.apply(EDITS["exception"](draft))
    assert draft.zone(EXCEPTION, "X1").attributes["reason"] == "河道"


def test_warnings_follow_the_profile_and_spare_dedicated_zones() -> None:
    draft = town()
    census = households(draft, 8 * 400)
    draft.apply(EDITS["carve"](draft))
    zones = [draft.zone("grid", "C000"), draft.zone("grid", "D1")]
    census.settle(draft)
    found = warnings_of(zones, census.figures(zones), Profile((Rule("households", "grid", 1, 2),)))
    assert [(warned.code, warned.rule) for warned in found] == [("C000", "households")]
    assert "超" in found[0].zh


class Redrawing(RuleBasedStateMachine):
    """Random edits of a town: laws 1 and 3 after each, and back to the first coordinate at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = self.begin()
        self.census = households(self.draft)
        self.total = len(self.census)
        self.inverses: list = []
        self.fresh = 0

    def begin(self) -> Draft:
        return town()

    def _try(self, make) -> None:
        try:
            change = make()
        except RefusedError as refusal:
            assert refusal.remedy  # noqa: PT017  a refusal says what to do
            return
        inverse = self.draft.apply(change)
        self.census.follow(self.draft, change, inverse)
        self.inverses.append(inverse)

    def _zone(self, data: st.DataObject, level: str) -> PlanZone:
        zones = sorted(self.draft.at(level), key=lambda zone: zone.code)
        return data.draw(st.sampled_from(zones))

    @rule(
        data=st.data(),
        west=st.integers(0, 38),
        south=st.integers(0, 18),
        wide=st.integers(1, 9),
        high=st.integers(1, 9),
    )
    def paint(self, data, west, south, wide, high) -> None:
        zone = self._zone(data, "grid")
        shape = box(*np.round(np.array([west, south, west + wide, south + high]) * 0.001 + 0.00037, 8))
        self._try(lambda: op.paint(self.draft, "grid", zone.code, [shape]))

    @rule(data=st.data(), angle=st.floats(0, 3.14), community=st.booleans())
    def split(self, data, angle, community) -> None:
        zone = self._zone(data, "community" if community else "grid")
        middle = shapely.point_on_surface(zone.geometry)
        reach = np.array([np.cos(angle), np.sin(angle)]) * 0.1
        line = LineString([np.array([middle.x, middle.y]) - reach, np.array([middle.x, middle.y]) + reach])
        self.fresh += 1
        codes = [f"N{self.fresh}-{k}" for k in range(12)]
        self._try(lambda: op.split(self.draft, zone.level, zone.code, line, codes=codes))

    @rule(data=st.data())
    def merge(self, data) -> None:
        zone = self._zone(data, "grid")
        others = sorted(
            other.code for other in self.draft.touching("grid", zone.geometry) if other.code != zone.code
        )
        if others:
            other = data.draw(st.sampled_from(others))
            self._try(lambda: op.merge(self.draft, "grid", [zone.code, other]))

    @rule(data=st.data(), east=st.floats(-0.002, 0.002), north=st.floats(-0.002, 0.002))
    def drag(self, data, east, north) -> None:
        zone = self._zone(data, "grid")
        vertices = sorted({tuple(xy) for xy in shapely.get_coordinates(zone.geometry).tolist()})
        old = data.draw(st.sampled_from(vertices))
        self._try(lambda: op.move_border(self.draft, "grid", {old: (old[0] + east, old[1] + north)}))

    @rule(data=st.data(), radius=st.floats(0.0005, 0.006))
    def carve(self, data, radius) -> None:
        zone = self._zone(data, "grid")
        shape = shapely.point_on_surface(zone.geometry).buffer(radius, quad_segs=3)
        self.fresh += 1
        self._try(lambda: op.carve(self.draft, "grid", f"D{self.fresh}", "专属", shape))

    @rule(data=st.data(), shift=st.floats(-0.004, 0.004))
    def community_border(self, data, shift) -> None:
        zone = self._zone(data, "community")
        middle = shapely.point_on_surface(zone.geometry)
        shape = box(
            middle.x - 0.003 + shift, middle.y - 0.002, middle.x + 0.003 + shift * 3 + 0.005, middle.y + 0.004
        )
        self._try(lambda: op.paint(self.draft, "community", zone.code, [shape]))

    @rule(data=st.data(), radius=st.floats(0.001, 0.008))
    def reshape(self, data, radius) -> None:
        zone = self._zone(data, "grid")
        shape = shapely.point_on_surface(zone.geometry).buffer(radius, quad_segs=2)
        self._try(lambda: op.reshape(self.draft, "grid", zone.code, shape))

    @rule(data=st.data(), shift=st.floats(-0.003, 0.003))
    def redraw(self, data, shift) -> None:
        zone = self._zone(data, "grid")
        others = sorted(
            other.code for other in self.draft.touching("grid", zone.geometry) if other.code != zone.code
        )
        if others:
            other = data.draw(st.sampled_from(others))
            _, south, east, north = zone.geometry.bounds
            line = LineString([(east + shift, south - 0.01), (east - shift, north + 0.01)])
            self._try(lambda: op.redraw_border(self.draft, "grid", (zone.code, other), line))

    @rule(data=st.data(), community=st.booleans())
    def delete(self, data, community) -> None:
        zone = self._zone(data, "community" if community else "grid")
        self._try(lambda: op.delete(self.draft, zone.level, zone.code))

    @rule(data=st.data(), community=st.booleans())
    def rename_and_renumber(self, data, community) -> None:
        zone = self._zone(data, "community" if community else "grid")
        self.fresh += 1
        self._try(lambda: op.describe(self.draft, zone.level, zone.code, name=f"改名{self.fresh}"))
        self._try(lambda: op.renumber(self.draft, zone.level, {zone.code: f"R{self.fresh}"}))

    @rule(data=st.data(), existing=st.booleans())
    def regroup(self, data, existing) -> None:
        communities = sorted(zone.code for zone in self.draft.at("community"))
        members = data.draw(st.lists(st.sampled_from(communities), min_size=1, unique=True))
        self.fresh += 1
        code = self._zone(data, "functional").code if existing else f"G{self.fresh}"
        self._try(lambda: op.regroup(self.draft, "functional", code, members, of="community"))

    @rule(data=st.data(), radius=st.floats(0.0002, 0.002))
    def exception(self, data, radius) -> None:
        shape = shapely.point_on_surface(self._zone(data, "grid").geometry).buffer(radius, quad_segs=2)
        self.fresh += 1
        self._try(lambda: op.register_exception(self.draft, f"X{self.fresh}", "河道", "河道", shape))

    @precondition(lambda self: self.inverses)
    @rule()
    def undo(self) -> None:
        inverse = self.inverses.pop()
        self.census.follow(self.draft, inverse, self.draft.apply(inverse))

    @invariant()
    def law_1(self) -> None:
        assert_coverage(self.draft)

    @invariant()
    def law_3(self) -> None:
        inside = sum(figure.counts["household"] for figure in self.census.figures(self.draft.at("grid")))
        outside = int(sum(code is None for code in self.census.home("grid")))
        assert inside + outside == self.total

    def teardown(self) -> None:
        while self.inverses:
            self.undo()
        assert_same(self.draft, self.begin())
        assert len(self.census.ledger()) == 0


class RedrawingAroundAGap(Redrawing):
    """The same where a grid is missing: nothing overlaps, no edit makes the gap larger, and it can be filled."""

    def begin(self) -> Draft:
        return holed_town()

    @rule(data=st.data(), share=st.floats(0.1, 1.0), new=st.booleans())
    def fill(self, data, share, new) -> None:
        shape = shapely.affinity.scale(GAP, share, share)
        self.fresh += 1
        code = f"N{self.fresh}" if new else self._zone(data, "grid").code
        self._try(lambda: op.fill_gap(self.draft, "grid", shape, code=code, parent="C0"))

    @invariant()
    def law_1(self) -> None:
        shapes = np.array([zone.geometry for zone in self.draft.at("grid")])
        assert shapely.coverage_is_valid(shapes)
        missing = shapely.difference(self.draft.boundary, shapely.union_all(shapes))
        assert shapely.area(shapely.difference(missing, GAP)) < 1e-9


MACHINE = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
TestRedrawing = Redrawing.TestCase
TestRedrawing.settings = MACHINE
TestRedrawingAroundAGap = RedrawingAroundAGap.TestCase
TestRedrawingAroundAGap.settings = MACHINE
