"""Who moves by a plan: summed, by zone, by edit, as Excel, on the map; names only for those who may see them."""

from __future__ import annotations

from io import BytesIO

import openpyxl
import pytest

WEST, NORTH_WEST, EAST, NORTH_EAST = (
    "310112103001111",
    "310112103001112",
    "310112103002121",
    "310112103002122",
)


def box(west: float, south: float, east: float, north: float) -> list[list[list[float]]]:
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


PAINT_HOME = {
    "operation": "paint",
    "level": "grid",
    "code": NORTH_WEST,
    "areas": [box(121.404, 31.064, 121.406, 31.0701)],
}
BACK = {"operation": "paint", "level": "grid", "code": WEST, "areas": [box(121.404, 31.0649, 121.406, 31.07)]}


@pytest.fixture
def planner(web):
    return web.browser("planner")


@pytest.fixture
def plan(planner):
    made = planner.post("/api/plans", json={"territory": "town", "name": "=调整"})
    return made.json()["id"]


@pytest.fixture
def moved(planner, plan):
    """Give the plan two edits: the first moves everybody of one house, the second half of its ground back."""
    for revision, (edit, reason) in enumerate([(PAINT_HOME, "楼门朝北"), (BACK, "改回")]):
        body = {"revision": revision, "edit": edit, "reason": reason}
        assert planner.post(f"/api/plans/{plan}/edits", json=body).status_code == 200
    body = {"revision": 2, "edit": PAINT_HOME, "reason": "会上定"}
    assert planner.post(f"/api/plans/{plan}/edits", json=body).status_code == 200
    return plan


def test_totals_are_conserved_at_every_level_and_kind(planner, moved) -> None:
    answer = planner.get(f"/api/plans/{moved}/ledger").json()
    assert all(row["balanced"] for row in answer["totals"])
    grid = {row["kind"]: row for row in answer["totals"] if row["level"] == "grid"}
    assert grid["household"]["total"] == 4
    assert grid["household"]["moved"] == 2
    assert grid["household"]["assigned_before"] == grid["household"]["assigned_after"] == 3
    assert grid["household"]["unassigned_after"] == 1
    assert answer["edits"] is None


def test_zones_balance_before_minus_leaving_plus_coming(planner, moved) -> None:
    zones = planner.get(f"/api/plans/{moved}/ledger", params={"by": "zone"}).json()["zones"]
    homes = {
        row["code"]: (row["before"], row["leaving"], row["coming"], row["after"])
        for row in zones
        if row["kind"] == "household" and row["level"] == "grid"
    }
    assert homes == {WEST: (2, 2, 0, 0), NORTH_WEST: (0, 0, 2, 2)}
    assert {row["name"] for row in zones} == {"西南网格", "西北网格"}


def test_edits_say_what_they_moved_and_what_they_account_for(planner, moved) -> None:
    edits = planner.get(f"/api/plans/{moved}/ledger", params={"by": "edit"}).json()["edits"]

    def homes(rows):
        return sum(row["subjects"] for row in rows if row["kind"] == "household" and row["level"] == "grid")

    assert [(edit["revision"], edit["reason"], edit["made_by"]) for edit in edits] == [
        (1, "楼门朝北", "planner"),
        (2, "改回", "planner"),
        (3, "会上定", "planner"),
    ]
    assert [homes(edit["moves"]) for edit in edits] == [2, 2, 2]
    # Everybody was moved three times and is counted once, for the last.
    assert [homes(edit["counted"]) for edit in edits] == [0, 0, 2]


def test_points_and_flows_name_nobody(planner, moved) -> None:
    points = planner.get(f"/api/plans/{moved}/moves.geojson", params={"level": "grid"}).json()
    homes = [each for each in points["features"] if each["properties"]["kind"] == "household"]
    assert [each["properties"] for each in homes] == [
        {"kind": "household", "from": WEST, "to": NORTH_WEST}
    ] * 2
    assert homes[0]["geometry"] == {"type": "Point", "coordinates": [121.405, 31.065]}
    assert points["left_out"] == 0
    few = planner.get(f"/api/plans/{moved}/moves.geojson", params={"limit": 1}).json()
    assert (len(few["features"]), few["left_out"]) == (1, points["total"] - 1)
    table = planner.get(f"/api/plans/{moved}/flows", params={"level": "grid"}).json()
    assert (table["plan"], table["revision"], table["level"]) == (moved, points["revision"], "grid")
    (flow,) = table["flows"]
    assert (flow["from"], flow["to"], flow["counts"]["household"]) == (WEST, NORTH_WEST, 2)
    assert 31.06 < flow["from_point"][1] < 31.07 < flow["to_point"][1] < 31.08
    assert planner.get(f"/api/plans/{moved}/flows", params={"level": "party"}).json()["flows"] == []


def sheets(client, plan):
    answer = client.get(f"/api/plans/{plan}/ledger.xlsx")
    assert answer.status_code == 200, answer.text
    book = openpyxl.load_workbook(BytesIO(answer.content))
    found = {}
    for sheet in book:
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        head = {row[0]: row[1] for row in rows[:6]}
        found[sheet.title] = (head, [dict(zip(rows[6], row, strict=True)) for row in rows[7:]])
    return found


def test_the_workbook_says_everything_with_codes_as_text(planner, moved) -> None:
    found = sheets(planner, moved)
    assert list(found) == ["汇总", "按网格", "按修改", "明细"]
    head, totals = found["汇总"]
    assert (head["修订"], head["基于版本"], head["方案"]) == ("第 3 版", "town-v1", f"{moved} =调整")
    assert {row["核对"] for row in totals} == {"平"}
    assert [row["网格编码"] for row in found["按网格"][1] if row["类别"] == "户"] == [WEST, NORTH_WEST]
    assert [(row["修订"], row["操作"]) for row in found["按修改"][1] if row["类别"] == "户"] == [
        (1, "涂入"),
        (2, "涂入"),
        (3, "涂入"),
    ]
    homes = [row for row in found["明细"][1] if row["类别"] == "户"]
    assert [(row["对象编码"], row["从"], row["到"], row["原因"]) for row in homes] == [
        ("H1", WEST, NORTH_WEST, "会上定"),
        ("H2", WEST, NORTH_WEST, "会上定"),
    ]


@pytest.mark.parametrize(
    ("who", "names"),
    [("planner", set()), ("viewer", set()), ("officer", {"赵一", "钱二"}), ("chief", {"赵一", "钱二"})],
)
def test_names_are_for_those_who_may_see_persons_and_leave_an_audit_event(web, moved, who, names) -> None:
    before = len(web.events("disclosure"))
    _, details = sheets(web.browser(who), moved)["明细"]
    homes = [row for row in details if row["类别"] == "户"]
    assert {row["名称"] for row in homes} - {None} == names
    assert all((row["地址"] is None) == (row["名称"] is None) for row in homes)
    told = web.events("disclosure")[: len(web.events("disclosure")) - before]
    assert [(event.account, event.object) for event in told] == ([(who, f"plan {moved}")] if names else [])


def test_a_plan_without_edits_has_an_empty_ledger(planner, plan) -> None:
    answer = planner.get(f"/api/plans/{plan}/ledger", params={"by": "edit"}).json()
    assert (answer["moves"], answer["edits"]) == ([], [])
    assert sheets(planner, plan)["明细"][1] == []
    assert planner.get(f"/api/plans/{plan}/flows").json()["flows"] == []
