"""Repairs of a version: proposals by fault number, accepted into a new draft, undone to the last coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import shapely
from shapely import box
from sqlalchemy import text

from api.store import acceptances, assignments, audit, checks, exceptions, places, repairs, versions
from api.store.errors import NotFoundError, PublishedError
from api.store.refusals import InvalidRequestError
from api.store.repairs import RepairOptions
from api.store.transactions import transaction
from api.store.zonesets import read_zones
from geo.errors import RefusedError, ZonesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Web
    from sqlalchemy.orm import Session

    from geo.records import Place

STEP = 0.005
NARROW = 0.00005  # some 5 m
WIDE = 0.001  # some 95 m


def damaged(place: Place) -> Place:
    """Damage three grids of the board.

    ::

        +---+---+---+---+    G0000 reaches 5 m into G0001: an overlap, fault 1
        |   |   |   |   |    G0202 stops 5 m short of G0203: a gap, fault 2
        +---+---+---+---+    G0300 stops 95 m short of G0301: land left uncovered, maybe for good, fault 3
    """
    west, south = 121.40, 31.06

    def cell(row: int, column: int, east: float) -> shapely.Polygon:
        return box(
            round(west + STEP * column, 8), round(south + STEP * row, 8),
            round(west + STEP * (column + 1) + east, 8), round(south + STEP * (row + 1), 8),
        )  # fmt: skip

    shapes = {"G0000": cell(0, 0, NARROW), "G0202": cell(2, 2, -NARROW), "G0300": cell(3, 0, -WIDE)}
    zones = place.zones.copy()
    zones["geometry"] = [
        shapes.get(code, shape) for code, shape in zip(zones["code"], zones.geometry, strict=True)
    ]
    return type(place)(**{**vars(place), "zones": zones})


@pytest.fixture
def board(session: Session, make_board: Callable[..., Place]) -> str:
    places.load_place(session, damaged(make_board()))
    assignments.assign(session, "board-v1")
    session.commit()
    return "board-v1"


def geometries(session: Session, version: str) -> dict[tuple[str, str], str]:
    zones = read_zones(session, versions.get_version(session, version))
    return {
        (level, code): shapely.to_wkb(shape, hex=True)
        for level, code, shape in zip(zones["level"], zones["code"], zones.geometry, strict=True)
    }


def kinds(session: Session, version: str) -> list[str]:
    return checks.list_faults(session, version)["kind"].to_list()


def test_each_fault_at_a_corner_of_four_grids_has_one_proposal_with_its_number(
    session: Session, make_board: Callable[..., Place]
) -> None:
    """G0000 and G0001 both reach 5 m over the corner at which they meet G0100 and G0101."""
    place = make_board()
    zones = place.zones.copy()
    corner, south = round(121.40 + STEP, 8), 31.06
    north = round(south + STEP + NARROW, 8)
    over = {
        "G0000": box(121.40, south, round(corner + NARROW, 8), north),
        "G0001": box(round(corner - NARROW, 8), south, round(corner + STEP, 8), north),
    }
    zones["geometry"] = [
        over.get(code, shape) for code, shape in zip(zones["code"], zones.geometry, strict=True)
    ]
    places.load_place(session, type(place)(**{**vars(place), "zones": zones}))
    found = repairs.propose_repair(session, "board-v1", RepairOptions(levels=("grid",)))
    faults = checks.list_faults(session, "board-v1")
    faults = faults[faults["level"] == "grid"]
    assert len(faults) > 3
    assert [row["number"] for row in found["proposals"]] == faults["number"].to_list()
    assert [row["codes"] for row in found["proposals"]] == faults["codes"].to_list()
    done = acceptances.accept_repair(session, "board-v1", faults["number"].to_list())
    assert done["accepted"] == faults["number"].to_list()
    assert done["faults_after"] == {"errors": 0, "warnings": 0}


def test_proposals_have_the_numbers_of_the_faults_and_change_nothing(session: Session, board: str) -> None:
    before = geometries(session, board)
    found = repairs.propose_repair(session, board)
    assert geometries(session, board) == before
    faults = checks.list_faults(session, board).set_index("number")
    shown = [(row["number"], row["kind"], row["status"], row["recipient"]) for row in found["proposals"]]
    assert shown == [
        (1, "overlap", "proposed", "G0000"), (2, "gap", "proposed", "G0202"), (3, "uncovered", "refused", None),
    ]  # fmt: skip
    for row in found["proposals"]:
        fault = faults.loc[row["number"]]
        assert (fault["kind"], fault["codes"]) == (row["kind"], row["codes"])
        assert row["area_m2"] == pytest.approx(fault["area_m2"], rel=1e-6)
    overlap = found["proposals"][0]
    before_m2, after_m2 = overlap["changes"]["G0001"]
    assert before_m2 - after_m2 == pytest.approx(overlap["area_m2"], rel=1e-3)
    assert "豁免" in found["proposals"][2]["message"]
    assert not found["stale"]


def test_accepted_proposals_make_a_new_draft(session: Session, board: str) -> None:
    before = geometries(session, board)
    repairs.propose_repair(session, board)
    done = acceptances.accept_repair(session, board, [1, 3])
    assert (done["version"], done["base"], done["accepted"]) == ("board-v2", "board-v1", [1])
    assert [row["number"] for row in done["refused"]] == [3]
    assert (done["faults_before"], done["faults_after"]) == (
        {"errors": 3, "warnings": 0}, {"errors": 2, "warnings": 0},
    )  # fmt: skip
    assert geometries(session, board) == before
    assert kinds(session, "board-v2") == ["gap", "uncovered"]
    assert versions.get_version(session, "board-v2").run_id is not None
    changed = {key for key, shape in geometries(session, "board-v2").items() if shape != before[key]}
    assert ("grid", "G0001") in changed
    areas = session.execute(
        text(
            """SELECT z.code, z.area_m2, ST_Area(ST_Transform(z.geom, t.metric_srid::int)) AS measured
               FROM zone z JOIN version v ON v.id = z.version_id JOIN territory t ON t.id = v.territory_id
               WHERE v.code = 'board-v2'"""
        )
    ).all()
    assert all(row.area_m2 == pytest.approx(row.measured, rel=1e-7) for row in areas)
    assert [row["version"] for row in repairs.repair_table(session, board)["acceptances"]] == ["board-v2"]


def test_undo_restores_every_coordinate(session: Session, board: str) -> None:
    before = geometries(session, board)
    repairs.propose_repair(session, board)
    acceptances.accept_repair(session, board, [1, 2])
    assert kinds(session, "board-v2") == ["uncovered"]
    done = acceptances.undo_repair(session, "board-v2")
    assert geometries(session, "board-v2") == before
    assert done["numbers"] == [1, 2]
    assert kinds(session, "board-v2") == kinds(session, board)
    with pytest.raises(NotFoundError):
        acceptances.undo_repair(session, "board-v2")
    assert repairs.repair_table(session, board)["acceptances"][0]["undone_at"] is not None


def test_a_decision_gives_the_land_to_a_named_zone_or_registers_an_exception(
    session: Session, board: str
) -> None:
    repairs.propose_repair(session, board)
    named = RepairOptions(decisions={3: "G0301", 2: "exception"}, max_change=0.5)
    found = {row["number"]: row for row in repairs.propose_repair(session, board, named)["proposals"]}
    assert (found[3]["status"], found[3]["recipient"]) == ("proposed", "G0301")
    assert found[2]["strategy"] == "exception"
    done = acceptances.accept_repair(session, board, [1, 2, 3])
    assert done["exceptions"] == 1
    assert done["faults_after"] == {"errors": 0, "warnings": 0}
    assert len(exceptions.list_exceptions(session, "board")) == 1
    assert repairs.repair_table(session, board)["stale"]
    acceptances.undo_repair(session, "board-v2")
    assert exceptions.list_exceptions(session, "board") == []


def test_proposals_about_other_zones_are_not_applied(session: Session, board: str) -> None:
    repairs.propose_repair(session, board)
    session.execute(text("UPDATE zone SET geom = ST_Multi(ST_Reverse(geom)) WHERE code = 'G0101'"))
    with pytest.raises(RefusedError, match="已有变化"):
        acceptances.accept_repair(session, board, [1])


def test_a_later_edit_is_not_lost_by_undo(session: Session, board: str) -> None:
    repairs.propose_repair(session, board)
    acceptances.accept_repair(session, board, [1])
    session.execute(
        text(
            """UPDATE zone SET geom = ST_Multi(ST_Reverse(geom)) FROM version v
               WHERE v.id = zone.version_id AND v.code = 'board-v2' AND zone.code = 'G0001'"""
        )
    )
    with pytest.raises(RefusedError, match="G0001"):
        acceptances.undo_repair(session, "board-v2")


def test_bad_requests_say_what_to_do(session: Session, board: str) -> None:
    with pytest.raises(NotFoundError):
        repairs.repair_table(session, board)
    with pytest.raises(NotFoundError):
        acceptances.accept_repair(session, board, [1])
    for options, failure in (
        (RepairOptions(levels=("ward",)), NotFoundError),
        (RepairOptions(strategies={"hole": "refuse"}), InvalidRequestError),
        (RepairOptions(strategies={"gap": "magic"}), InvalidRequestError),
        (RepairOptions(decisions={99: "refuse"}), NotFoundError),
        (RepairOptions(decisions={1: "G9999"}), ZonesError),
    ):
        with pytest.raises(failure) as caught:
            repairs.propose_repair(session, board, options)
        assert caught.value.remedy
    repairs.propose_repair(session, board)
    with pytest.raises(InvalidRequestError):
        acceptances.accept_repair(session, board, [])
    with pytest.raises(NotFoundError):
        acceptances.accept_repair(session, board, [1, 77])
    with pytest.raises(RefusedError):
        acceptances.accept_repair(session, board, [3])
    with pytest.raises(NotFoundError):
        acceptances.undo_repair(session, board)


# ------------------------------------------------------------------ over HTTP: the party layer of the town overlaps


def job(web: Web, client: Any, response: Any) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    web.services.jobs.wait()
    state: dict[str, Any] = client.get(f"/api/jobs/{response.json()['job']}").json()
    return state


def test_a_planner_proposes_accepts_and_undoes_over_http(web: Web) -> None:
    planner, path = web.program("planner"), "/api/versions/town-v1/repair"
    assert planner.get(path).status_code == 404
    state = job(web, planner, planner.post(path, json={"levels": ["party"], "max_change": 0.9}))
    assert state["status"] == "done", state
    table = web.program("viewer").get(path).json()
    assert state["result"]["proposals"] == table["proposals"]
    overlap = next(row for row in table["proposals"] if row["kind"] == "overlap")
    assert (overlap["action"], overlap["action_name"]) == ("longest_border", "归最长边界的邻格")
    assert overlap["geometry"]["type"] in {"Polygon", "MultiPolygon"}
    lost = max(each["before_m2"] - each["after_m2"] for each in overlap["changes"])
    assert lost == pytest.approx(overlap["area_m2"], rel=1e-3)
    accepted = job(web, planner, planner.post(f"{path}/accept", json={"numbers": [overlap["number"]]}))
    draft = accepted["result"]["version"]
    assert accepted["result"]["accepted"] == [overlap["number"]]
    assert web.program("viewer").get(f"/api/versions/{draft}").json()["status"] == "draft"
    undone = job(web, planner, planner.post(f"/api/versions/{draft}/repair/undo"))
    assert undone["status"] == "done", undone
    with transaction(web.engine) as session:
        assert geometries(session, draft) == geometries(session, "town-v1")
        for action in ("repair.propose", "repair.accept", "repair.undo"):
            assert [event.account for event in audit.list_events(session, action=action)] == ["planner"]
    again = job(web, planner, planner.post(f"/api/versions/{draft}/repair/undo"))
    assert again["status"] == "failed"
    assert "撤销" in again["message"]


@pytest.mark.parametrize("name", ["viewer", "stranger", "officer"])
def test_repairs_need_a_planner_of_the_territory(web: Web, name: str) -> None:
    client = web.program(name)
    for path in ("", "/accept"):
        response = client.post(f"/api/versions/town-v1/repair{path}", json={"numbers": [1]} if path else {})
        assert response.status_code == 403, path


def test_bad_orders_are_problems(web: Web) -> None:
    planner = web.program("planner")
    path = "/api/versions/town-v1/repair"
    for body in ({"max_change": 2}, {"levels": "grid"}, {"decisions": {"x": "refuse"}}, {"more": 1}):
        assert planner.post(path, json=body).status_code == 422, body
    assert planner.post(f"{path}/accept", json={"numbers": []}).status_code == 422
    assert planner.post(f"{path}/undo").status_code == 409
    assert planner.post("/api/versions/none/repair").status_code == 404
    state = job(web, planner, planner.post(path, json={"strategies": {"gap": "magic"}}))
    assert state["status"] == "failed"
    assert "magic" in state["message"]
    assert PublishedError.__name__ not in state["message"]
