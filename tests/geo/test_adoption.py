"""A whole level drawn anew in one change: a coverage as before, children follow, what stays keeps its code."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from geo.errors import RefusedError, ZonesError
from geo.plans import Draft, PlanZone
from geo.plans.adoption import adopt
from geo.records import LEVELS
from geo.samples import random_zones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geo.plans import Change

WEST, SOUTH, STEP = 121.4, 31.06, 0.002
HEAD = ({"role": "网格长", "name": "王某"},)
LEVEL_CODES = ("functional", "community", "grid", "microgrid")


def cell(column: int, row: int, columns: int = 1, rows: int = 1) -> shapely.Polygon:
    """A rectangle of cells with a vertex at every corner of a cell."""
    xs = [round(WEST + STEP * (column + k), 8) for k in range(columns + 1)]
    ys = [round(SOUTH + STEP * (row + k), 8) for k in range(rows + 1)]
    ring = [(x, ys[0]) for x in xs] + [(xs[-1], y) for y in ys[1:]]
    return shapely.Polygon(ring + [(x, ys[-1]) for x in xs[-2::-1]] + [(xs[0], y) for y in ys[-2:0:-1]])


def slice_of(first: float, last: float) -> shapely.Geometry:
    """What of the western community lies between two columns."""
    return cell(0, 0, 2, 4).intersection(
        box(WEST + STEP * first, SOUTH, WEST + STEP * last, SOUTH + STEP * 4)
    )


def town() -> Draft:
    """Two communities side by side, of 2 × 4 cells each; each row of two is a grid; each cell a microgrid.

    ::

        G13 | G23      F1 is the functional zone of the west, F2 of the east; community C1 of prefix 310112103001
        G12 | G22      has the grids 001 to 004 from south to north, C2 likewise
        G11 | G21
        G10 | G20
    """
    zones = []
    for side, (code, column) in enumerate((("310112103001", 0), ("310112103002", 2)), start=1):
        zones.append(PlanZone("functional", f"F{side}", f"片区{side}", cell(column, 0, 2, 4)))
        zones.append(PlanZone("community", code, f"社区{side}", cell(column, 0, 2, 4)))
        for row in range(4):
            grid = f"{code}{row + 1:03}"
            kind = "dedicated" if (side, row) == (2, 3) else "general"
            zones.append(
                PlanZone(
                    "grid",
                    grid,
                    f"网格{side}{row}",
                    cell(column, row, 2),
                    kind,
                    code,
                    HEAD,
                    {"note": grid[-1]},
                )
            )
            zones += [
                PlanZone("microgrid", f"{grid}{k:02}", f"微{k}", cell(column + k, row), "general", grid)
                for k in (0, 1)
            ]
    return Draft(zones, [LEVELS[code] for code in LEVEL_CODES], cell(0, 0, 4, 4))


def frame(*rows: tuple[str, shapely.Geometry], **columns: Sequence[Any]) -> gpd.GeoDataFrame:
    codes, shapes = zip(*rows, strict=True)
    return gpd.GeoDataFrame({"code": codes, **columns}, geometry=list(shapes), crs=4490)


def snapshot(draft: Draft) -> dict[tuple[str, str], PlanZone]:
    return {zone.key: zone for level in draft.levels for zone in draft.at(level)}


def whole(draft: Draft, change: Change) -> Draft:
    """Apply a change; undo restores every coordinate, and each level is a coverage of the same ground."""
    before = snapshot(draft)
    ground = {level: shapely.union_all([zone.geometry for zone in draft.at(level)]) for level in draft.levels}
    inverse = draft.apply(change)
    for level, area in ground.items():
        shapes = np.array([zone.geometry for zone in draft.at(level)], dtype=object)
        assert shapely.coverage_is_valid(shapes), level
        assert shapely.coverage_union_all(shapes).symmetric_difference(area).area < 1e-13, level
        above = {zone.code: zone for zone in draft.at(draft.levels[level].parent or "")}
        for zone in draft.at(level):
            if above:
                assert zone.geometry.difference(above[zone.parent].geometry).area < 1e-15
    # Levels share the vertices of common borders: every corner of a wider zone is one of the finer zones.
    for wide, fine in (("community", "grid"), ("grid", "microgrid")):
        corners, fines = (
            {tuple(xy) for zone in draft.at(level) for xy in shapely.get_coordinates(zone.geometry).tolist()}
            for level in (wide, fine)
        )
        assert corners <= fines
    redone = draft.apply(inverse)
    after = snapshot(draft)
    assert after.keys() == before.keys()
    assert all(zone.same_as(before[key]) for key, zone in after.items())
    draft.apply(redone)
    return draft


def proposal() -> gpd.GeoDataFrame:
    """In the west, 10 is as it was, 11 loses a cell to 12, 13 is cut in two; in the east two merge, two are one."""
    return frame(
        ("RH1", cell(0, 0, 2)),
        ("RH2", cell(0, 1)),
        ("RH3", shapely.union(cell(0, 2, 2), cell(1, 1))),
        ("RH4", cell(0, 3)),
        ("RH5", cell(1, 3)),
        ("RH6", cell(2, 0, 2, 2)),
        ("RH7", cell(2, 2, 2, 2)),
        name=[f"融合{k}" for k in range(1, 8)],
    )


def test_what_stays_keeps_its_code_and_staff_and_the_rest_gets_codes_never_used() -> None:
    draft = town()
    change = adopt(draft, "grid", proposal(), used={"310112103001005"})
    whole(draft, change)
    west, east = "310112103001", "310112103002"
    grids = {zone.code: zone for zone in draft.at("grid")}
    assert set(grids) == {f"{west}{k}" for k in ("001", "002", "003", "004", "006")} | {
        f"{east}{k}" for k in ("001", "003")
    }
    assert f"{west}001" not in {zone.code for zone in change.put}  # nothing changed there
    kept = grids[f"{west}003"]
    assert (kept.name, kept.staff, kept.attributes) == ("网格12", HEAD, {"note": "3", "proposal": "RH3"})
    assert kept.geometry.area == pytest.approx(3 * STEP**2)
    # Half of 11 stays 11. Of the halves of 13 one goes on; the other takes kind and attributes, not the person.
    assert grids[f"{west}002"].staff == HEAD
    fresh = grids[f"{west}006"]
    assert (fresh.name, fresh.staff, fresh.attributes) == ("融合5", (), {"note": "4", "proposal": "RH5"})
    assert grids[f"{east}003"].kind == "general"
    assert set(change.delete) == {("grid", f"{east}002"), ("grid", f"{east}004")}
    lineage = {(old, new) for (_, old), (_, new) in change.lineage}
    assert {
        (f"{west}002", f"{west}003"),
        (f"{west}004", f"{west}006"),
        (f"{east}002", f"{east}001"),
    } <= lineage
    assert {old for old, _ in lineage} == {f"{west}00{k}" for k in range(1, 5)} | {
        f"{east}00{k}" for k in range(1, 5)
    }
    homes = {zone.code: zone.parent for zone in draft.at("microgrid")}
    assert homes[f"{west}00201"] == f"{west}003"
    assert homes[f"{east}00200"] == f"{east}001"


def test_codes_of_another_kind_are_those_of_the_proposal_once() -> None:
    draft = Draft(
        [PlanZone("grid", code, code, cell(2 * k, 0, 2)) for k, code in enumerate(("A", "RH1"))],
        [LEVELS["grid"]],
        cell(0, 0, 4),
    )
    halves = frame(*((f"RH{k}", cell(k, 0)) for k in range(4)))
    change = adopt(draft, "grid", halves, used={"RH3"})
    draft.apply(change)
    codes = {zone.code: zone.attributes["proposal"] for zone in draft.at("grid")}
    assert codes == {"A": "RH0", "RH1-2": "RH1", "RH1": "RH2", "RH3-2": "RH3"}


def test_a_proposal_that_numbered_in_the_levels_way_keeps_its_numbers() -> None:
    draft = town()
    numbered = proposal().assign(code=["x1", "x2", "x3", "0", "310112103001009", "x6", "x7"])
    draft.apply(adopt(draft, "grid", numbered))
    assert "310112103001009" in {zone.code for zone in draft.at("grid")}


def test_a_crosswalk_is_believed_and_kinds_of_the_proposal_count() -> None:
    draft = town()
    kinds = proposal().assign(kind=["dedicated", *["general"] * 6])
    east = "310112103002"
    walk = kinds[[]].iloc[:0].assign(code=[], new=[], area_m2=[])
    walk = type(walk)(
        {"code": [f"{east}004", None, "elsewhere"], "new": ["RH7", "RH1", "RH2"], "area_m2": [1e9, 5.0, 5.0]}
    )
    change = adopt(draft, "grid", kinds, lineage=walk)
    draft.apply(change)
    heir = draft.zone("grid", f"{east}004")
    assert (heir.attributes["proposal"], heir.kind) == ("RH7", "dedicated")
    assert change.lineage == ((("grid", f"{east}004"), ("grid", f"{east}004")),)
    assert {zone.attributes["proposal"] for zone in draft.at("grid") if zone.kind == "dedicated"} == {
        "RH1",
        "RH7",
    }


@pytest.mark.parametrize(
    ("zones", "words", "at"),
    [
        (frame(("a", cell(0, 0, 2, 3)), ("b", cell(0, 2, 2, 2)), ("c", cell(2, 0, 2, 4))), "重叠", cell(0, 2, 2)),
        (frame(("a", cell(0, 0, 2, 4)), ("b", cell(2, 0, 2, 3))), "没有盖住", cell(2, 3, 2)),
        (frame(("a", cell(0, 0, 2, 5)), ("b", cell(2, 0, 2, 4))), "跨越社区", cell(0, 4, 2)),
        (frame(("a", cell(0, 0, 4, 2)), ("b", cell(0, 2, 4, 2))), "2 个新网格跨越社区", cell(2, 0, 2, 4)),
        (frame(("a", slice_of(0, 1.5)), ("b", slice_of(1.5, 2)), ("c", cell(2, 0, 2, 4))),
         "切开 4 个微网格", cell(1, 0, 1, 4)),
    ],
)  # fmt: skip
def test_what_would_break_a_law_is_refused_with_its_place(zones, words: str, at: shapely.Polygon) -> None:
    draft = town()
    before = snapshot(draft)
    with pytest.raises(RefusedError) as refusal:
        adopt(draft, "grid", zones)
    assert words in refusal.value.zh
    assert refusal.value.remedy
    assert refusal.value.place is not None
    assert refusal.value.place.intersects(at)
    assert snapshot(draft) == before


def test_a_proposal_beyond_the_territory_is_refused_where_there_is_no_level_above() -> None:
    draft = Draft([PlanZone("grid", "A", "A", cell(0, 0))], [LEVELS["grid"]], cell(0, 0))
    with pytest.raises(RefusedError, match="超出辖区"):
        adopt(draft, "grid", frame(("a", cell(0, 0, 2))))


def test_nothing_to_adopt_says_so() -> None:
    for level, zones in (("street", proposal()), ("grid", proposal().iloc[:0])):
        with pytest.raises(ZonesError) as refusal:
            adopt(town(), level, zones)
        assert "grid" in refusal.value.remedy
    doubled = proposal().assign(code="a")
    with pytest.raises(ZonesError, match="重复"):
        adopt(town(), "grid", doubled)


def test_functional_zones_follow_communities_drawn_anew() -> None:
    draft = town()
    # The south-eastern grid goes to the western community.
    south = shapely.union(cell(0, 0, 2, 4), cell(2, 0, 2))
    change = adopt(draft, "community", frame(("w", south), ("e", cell(2, 1, 2, 3))))
    draft.apply(change)
    west, east = draft.at("community")
    assert (west.code, east.code) == ("310112103001", "310112103002")
    assert [zone.geometry.area for zone in draft.at("functional")] == pytest.approx(
        [west.geometry.area, east.geometry.area]
    )
    assert draft.zone("grid", "310112103002001").parent == "310112103001"
    assert {zone.key for zone in change.put if zone.level == "grid"} == {("grid", "310112103002001")}


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=16, max_size=16), st.booleans())
def test_any_grouping_of_cells_keeps_the_laws_and_is_undone(labels: list[int], named: bool) -> None:  # noqa: FBT001
    draft = town()
    cells = [(column, row) for column in range(4) for row in range(4)]
    groups: dict[tuple[int, int], list[shapely.Geometry]] = {}
    for (column, row), label in zip(cells, labels, strict=True):
        groups.setdefault((column // 2, label), []).append(cell(column, row))
    zones = frame(
        *((f"{side}{label}", shapely.coverage_union_all(parts)) for (side, label), parts in groups.items())
    )
    change = adopt(draft, "grid", zones if named else zones[["geometry"]])
    whole(draft, change)
    assert len(draft.at("grid")) == len(groups)
    assert all(zone.parent for zone in draft.at("microgrid"))


def test_two_thousand_zones_at_once() -> None:
    zones = random_zones(2_000, vertices=40, seed=5)
    columns = [
        PlanZone("grid", code, code, shape) for code, shape in zip(zones["code"], zones.geometry, strict=True)
    ]
    draft = Draft(columns, [LEVELS["grid"]], shapely.coverage_union_all(zones.geometry.to_numpy()))
    pairs = np.arange(len(zones)) // 2
    merged = [shapely.coverage_union_all(zones.geometry.to_numpy()[pairs == pair]) for pair in range(1_000)]
    change = adopt(draft, "grid", gpd.GeoDataFrame(geometry=merged, crs=4490))
    inverse = draft.apply(change)
    assert len(draft.at("grid")) == 1_000
    assert shapely.coverage_is_valid(np.array([zone.geometry for zone in draft.at("grid")], dtype=object))
    draft.apply(inverse)
    assert [
        dataclasses.replace(zone).same_as(old) for zone, old in zip(draft.at("grid"), columns, strict=False)
    ]
