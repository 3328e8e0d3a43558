"""What became of codes over a plan, the sums of the ledger, and two states compared, on a field of three squares.

::

    +---+---+---+     A, B, C: squares of a hundredth of a degree, side by side
    | A | B | C |
    +---+---+---+
"""

from __future__ import annotations

import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.plans import Draft, PlanZone
from geo.plans import ledger as sums
from geo.plans import operations as op
from geo.plans.comparison import compare
from geo.plans.lineage import Succession, successions
from geo.records import LEVELS

STEP = 0.01
WEST, SOUTH = 121.4, 31.06


def square(column: int, width: int = 1) -> shapely.Polygon:
    edge = [round(WEST + STEP * (column + k), 8) for k in range(width + 1)]
    north = round(SOUTH + STEP, 8)
    return shapely.Polygon([*((x, SOUTH) for x in edge), *((x, north) for x in reversed(edge))])


@pytest.fixture
def field() -> Draft:
    return draw()


def draw() -> Draft:
    zones = [PlanZone("grid", code, f"{code}格", square(column)) for column, code in enumerate("ABC")]
    return Draft(zones, [LEVELS["grid"]], square(0, 3))


def line(x: float) -> shapely.LineString:
    return shapely.LineString([(x, SOUTH - 0.001), (x + 0.0001, SOUTH + STEP + 0.001)])


def made(field: Draft, *operations) -> list[tuple[str | None, str | None, str]]:
    """Make operations one after the other on a copy, and return what became of codes."""
    trial, changes = draw(), []
    for operation in operations:
        changes.append(operation(trial))
        trial.apply(changes[-1])
    return [(each.old, each.new, each.operation) for each in successions(field, changes)]


def split(code: str, new: str, x: float):
    return lambda draft: op.split(draft, "grid", code, line(x), codes=[new])


def merge(*codes: str):
    return lambda draft: op.merge(draft, "grid", list(codes))


def renumber(**codes: str):
    return lambda draft: op.renumber(draft, "grid", codes)


def test_a_split_names_the_new_code_and_a_merger_the_old_one(field) -> None:
    assert made(field, split("A", "D", 121.404)) == [("A", "D", "split")]
    assert made(draw(), merge("A", "B")) == [("B", "A", "merge")]
    assert made(draw(), lambda draft: op.delete(draft, "grid", "A")) == [("A", "B", "delete")]


def test_chains_lead_from_the_version_before_to_the_one_after(field) -> None:
    # Renumbered, split, and one half merged with a neighbour: nobody needs the codes between.
    steps = (renumber(A="X"), split("X", "Y", 121.4045), merge("B", "X"))
    assert made(field, *steps) == [("A", "B", "merge"), ("A", "Y", "split")]


def test_what_was_undone_by_hand_has_no_lineage(field) -> None:
    steps = (split("A", "D", 121.404), merge("A", "D"))
    assert made(field, *steps) == []


def test_codes_that_change_places_are_renumbered(field) -> None:
    assert made(field, renumber(A="B", B="A")) == [("B", "A", "renumber"), ("A", "B", "renumber")]


def test_a_merger_gives_no_lineage_to_ground_that_was_never_there(field) -> None:
    # B takes A, then gives its eastern end away as D: D has nothing of A.
    steps = (merge("B", "A"), split("B", "D", 121.4185))
    assert made(field, *steps) == [("A", "B", "merge"), ("B", "D", "split")]


def test_a_carved_zone_comes_from_those_whose_ground_it_has(field) -> None:
    mall = shapely.box(121.408, 31.063, 121.413, 31.066)
    steps = (lambda draft: op.carve(draft, "grid", "M", "商场", mall),)
    assert made(field, *steps) == [("A", "M", "carve"), ("B", "M", "carve")]


def test_a_zone_that_is_painted_over_has_the_painter_as_heir(field) -> None:
    assert made(field, lambda draft: op.paint(draft, "grid", "B", [square(0)])) == [("A", "B", "paint")]


def test_a_zone_drawn_into_a_gap_comes_from_nobody() -> None:
    def gapped() -> Draft:
        zones = [zone for zone in draw().at("grid") if zone.code != "C"]
        return Draft(zones, [LEVELS["grid"]], square(0, 3))

    change = op.fill_gap(gapped(), "grid", square(2), code="C", name="新")
    assert successions(gapped(), [change]) == [Succession("grid", None, "C", "fill_gap")]


def test_a_moved_border_is_no_lineage(field) -> None:
    corner = (round(WEST + STEP, 8), SOUTH + STEP)
    moves = {corner: (corner[0], corner[1])} | {(round(WEST + STEP, 8), SOUTH): (121.409, SOUTH)}
    assert made(field, lambda draft: op.move_border(draft, "grid", moves)) == []


# ---- sums of the ledger

CODES = st.sampled_from(["A", "B", "C", None])


@settings(deadline=None, max_examples=50)
@given(
    homes=st.lists(st.tuples(st.sampled_from(["household", "business"]), CODES, CODES), max_size=60),
)
def test_sums_by_zone_and_in_total_are_conserved(homes) -> None:
    moved = [(k, kind, old, new) for k, (kind, old, new) in enumerate(homes) if old != new]
    ledger = pd.DataFrame(
        {
            "level": ["grid"] * len(moved),
            "subject": [k for k, *_ in moved],
            "kind": pd.Series([kind for _, kind, _, _ in moved], dtype=object),
            "from_zone": pd.Series([old for *_, old, _ in moved], dtype=object),
            "to_zone": pd.Series([new for *_, new in moved], dtype=object),
        }
    )
    was = pd.DataFrame(homes, columns=["kind", "code", "to"], dtype=object).dropna(subset=["code"])
    before = was.groupby(["code", "kind"]).size().reset_index(name="subjects").assign(level="grid")
    table = sums.by_zone(ledger, before)
    for row in table.itertuples():
        stays = [1 for kind, _, new in homes if (new, kind) == (row.code, row.kind)]
        assert row.after == len(stays)
    kinds = {kind for kind, _, _ in homes}
    reconciliation = [
        {
            "level": "grid",
            "kind": kind,
            "total": sum(each == kind for each, _, _ in homes),
            "assigned": sum(each == kind and old is not None for each, old, _ in homes),
            "outside": sum(each == kind and old is None for each, old, _ in homes),
            "gap": 0,
            "no_location": 0,
            "bad_location": 0,
        }
        for kind in sorted(kinds)
    ]
    present = {row["kind"]: row["total"] for row in reconciliation}
    for row in sums.totals(ledger, reconciliation, present):
        assert row["balanced"]
        assert row["assigned_after"] == sum(kind == row["kind"] and new is not None for kind, _, new in homes)
    counted = sums.summed(ledger)
    assert sum(row["subjects"] for row in counted) == len(ledger)


def test_subjects_that_appeared_since_are_out_of_balance() -> None:
    rows = [{"level": "grid", "kind": "household", "total": 2, "assigned": 2, "outside": 0, "gap": 0,
             "no_location": 0, "bad_location": 0}]  # fmt: skip
    nobody = pd.DataFrame({"level": [], "subject": [], "kind": [], "from_zone": [], "to_zone": []})
    assert sums.totals(nobody, rows, {"household": 2})[0]["balanced"]
    assert not sums.totals(nobody, rows, {"household": 3})[0]["balanced"]


# ---- two states


def test_states_are_compared_by_ground_and_not_by_the_order_of_vertices(field) -> None:
    before = field.at("grid")
    turned = [
        PlanZone(
            "grid", zone.code, "又名" if zone.code == "C" else zone.name, shapely.normalize(zone.geometry)
        )
        for zone in before
    ]
    zones, pieces = compare(before, turned)
    assert [(zone.code, zone.change) for zone in zones] == [("A", "same"), ("B", "same"), ("C", "renamed")]
    assert len(pieces) == 0


def test_what_one_gains_others_lose(field) -> None:
    before = field.at("grid")
    after = draw()
    after.apply(op.paint(after, "grid", "B", [shapely.box(121.405, 31.06, 121.41, 31.07)]))
    after.apply(op.split(after, "grid", "C", line(121.424), codes=["D"]))
    zones, pieces = compare(before, after.at("grid"))
    assert [(zone.code, zone.change) for zone in zones] == [
        ("A", "moved_border"),
        ("B", "moved_border"),
        ("C", "moved_border"),
        ("D", "new"),
    ]
    assert sum(zone.area_gained_m2 for zone in zones) == pytest.approx(
        sum(zone.area_lost_m2 for zone in zones)
    )
    ways = set(zip(pieces["from_zone"], pieces["to_zone"], strict=True))
    assert ways == {("A", "B"), ("C", "D")}
    assert pieces["area_m2"].is_monotonic_decreasing


def test_ground_of_nobody_is_told(field) -> None:
    before = field.at("grid")
    zones, pieces = compare(before, [zone for zone in before if zone.code != "B"])
    assert [(zone.code, zone.change) for zone in zones] == [("A", "same"), ("B", "gone"), ("C", "same")]
    assert list(zip(pieces["from_zone"], pieces["to_zone"], strict=True)) == [("B", None)]
    nothing, none = compare([], [])
    assert (nothing, len(none)) == ([], 0)
