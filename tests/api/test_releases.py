"""A draft that is no plan on its way into force: what it would change, a second person's approval, publishing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import shapely
from sqlalchemy import text

from api.store import acceptances, assignments, bulk, checks, profiles, releases, repairs, versions
from api.store.errors import NotPublishableError
from api.store.repairs import RepairOptions
from api.store.transactions import transaction

if TYPE_CHECKING:
    from conftest import Web
    from sqlalchemy.orm import Session

SOUTHWEST, NORTHWEST = "310112103001111", "310112103001112"
BORDER = 31.063
"""South of H1, H2 and the building F1, all of the south-western grid."""


def reground(session: Session, draft: versions.VersionInfo, code: str, shape: shapely.Polygon) -> None:
    session.execute(
        text("UPDATE zone SET geom = ST_GeomFromEWKB(:geom) WHERE version_id = :version AND code = :code"),
        {"geom": bulk.to_ewkb(bulk.to_multi([shape]))[0], "version": draft.id, "code": code},
    )


def redraw(session: Session, border: float = BORDER) -> versions.VersionInfo:
    """Make a draft of the version in force in which two grids meet at another latitude."""
    draft = versions.add_version(session, "town", copy_of=versions.as_of(session, "town"))
    reground(session, draft, SOUTHWEST, shapely.box(121.40, 31.06, 121.41, border))
    reground(session, draft, NORTHWEST, shapely.box(121.40, border, 121.41, 31.08))
    session.execute(
        text("UPDATE zone SET name = '东南一网格' WHERE version_id = :id AND code = '310112103002121'"),
        {"id": draft.id},
    )
    versions.mark_changed(session, draft)
    return draft


def prepare(session: Session, version: str) -> None:
    assignments.assign(session, version)
    checks.check(session, version)


@pytest.fixture
def draft(office: Web) -> str:
    with transaction(office.engine) as session:
        made = redraw(session)
        prepare(session, made.code)
        return made.code


def post(office: Web, who: str, draft: str, act: str, **body: Any) -> Any:
    return office.browser(who).post(f"/api/versions/{draft}/{act}", json=body)


def read(office: Web, draft: str, who: str = "planner") -> dict[str, Any]:
    answer = office.browser(who).get(f"/api/versions/{draft}/readiness")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def moved(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {(row["level"], row["kind"], row["from"], row["to"], row["subjects"]) for row in rows}


MOVES = {
    ("grid", "household", SOUTHWEST, NORTHWEST, 2),
    ("grid", "building", SOUTHWEST, NORTHWEST, 1),
}


def test_what_a_draft_changes_is_told_and_kept_with_the_version(office: Web, draft: str) -> None:
    told = read(office, draft)
    assert (told["version"], told["in_force"], told["obstacles"]) == ("town-v2", "town-v1", [])
    levels = {row["level"]: row for row in told["levels"]}
    assert list(levels) == ["street", "community", "grid", "party"]
    grid = levels["grid"]
    assert [grid[each] for each in ("new", "gone", "redrawn", "described", "same")] == [0, 0, 2, 1, 1]
    assert [levels["party"][each] for each in ("redrawn", "same")] == [0, 2]
    assert moved(told["moves"]) == MOVES
    assert told["faults_before"] == told["faults_after"]
    assert told["faults_before"]["errors"] > 0  # the party's zones overlap in both

    assert post(office, "planner", draft, "publish", reason="调整").status_code == 403
    answer = post(office, "publisher", draft, "publish", reason="调整")
    assert (answer.status_code, answer.json()["status"]) == (200, "published"), answer.text
    kept = office.browser("planner").get(f"/api/versions/{draft}/ledger").json()
    assert (kept["plan"], kept["base"]) == (None, "town-v1")
    assert moved(kept["moves"]) == MOVES
    gone = office.browser("planner").get(f"/api/versions/{draft}/readiness")
    assert gone.status_code == 409


def test_what_is_not_known_yet_is_not_told_as_nothing(office: Web) -> None:
    with transaction(office.engine) as session:
        draft = redraw(session).code
    told = read(office, draft)
    assert (told["moves"], told["faults_after"]) == (None, None)
    assert len(told["obstacles"]) == 2
    refused = post(office, "publisher", draft, "publish", reason="调整")
    assert refused.status_code == 409
    assert "检查" in refused.json()["detail"]


def require_approval(office: Web) -> None:
    with transaction(office.engine) as session:
        profiles.write_profile(session, "town", approval=True)


def test_where_the_office_asks_for_it_a_second_person_approves_the_draft(office: Web, draft: str) -> None:
    require_approval(office)
    approval = read(office, draft)["approval"]
    assert (approval["required"], approval["state"]) == (True, "none")
    refused = post(office, "publisher", draft, "publish", reason="调整")
    assert refused.status_code == 409
    assert "还没有第二人审批" in refused.json()["detail"]
    with transaction(office.engine) as session, pytest.raises(NotPublishableError, match="第二人审批"):
        releases.publish_draft(session, draft, "从命令行")

    assert post(office, "second", draft, "approval/give").status_code == 409  # nobody asked
    asked = post(office, "planner", draft, "approval/ask", note="请看").json()["approval"]
    assert (asked["state"], asked["asked_by"], asked["note"]) == ("asked", "planner", "请看")
    assert post(office, "publisher", draft, "publish", reason="调整").status_code == 409
    assert post(office, "planner", draft, "approval/give").status_code == 403
    given = post(office, "second", draft, "approval/give").json()["approval"]
    assert (given["state"], given["approved_by"]) == ("given", "second")
    own = post(office, "second", draft, "publish", reason="自批")
    assert own.status_code == 409
    assert "审批人自己" in own.json()["detail"]
    assert post(office, "publisher", draft, "publish", reason="调整").status_code == 200
    assert [event.account for event in office.events("version.approval.give")] == ["second"]


def test_who_asks_for_a_draft_may_not_approve_it(office: Web, draft: str) -> None:
    require_approval(office)
    assert post(office, "publisher", draft, "approval/ask").status_code == 200
    own = post(office, "publisher", draft, "approval/give")
    assert own.status_code == 403
    assert "不能自己审批" in own.json()["detail"]


def test_zones_that_change_take_the_approval_away(office: Web, draft: str) -> None:
    require_approval(office)
    post(office, "planner", draft, "approval/ask")
    post(office, "second", draft, "approval/give")
    with transaction(office.engine) as session:
        versions.mark_changed(session, versions.get_version(session, draft))
        prepare(session, draft)
    assert read(office, draft)["approval"]["state"] == "none"
    assert post(office, "publisher", draft, "publish", reason="调整").status_code == 409


def test_a_repair_of_what_is_no_longer_in_force_is_not_published(office: Web, draft: str) -> None:
    """The party's overlap is mended in a draft of town-v1; town-v2 comes into force: publishing would take it back."""
    with transaction(office.engine) as session:
        found = repairs.propose_repair(session, "town-v1", RepairOptions(levels=("party",)))
        numbers = [row["number"] for row in found["proposals"] if row["kind"] == "overlap"]
        mended = acceptances.accept_repair(session, "town-v1", numbers)["version"]

    assert read(office, mended)["obstacles"] == []
    assert post(office, "publisher", draft, "publish", reason="调整").status_code == 200
    told = read(office, mended)
    assert "town-v1" in told["obstacles"][0]
    assert "town-v2" in told["obstacles"][0]
    refused = post(office, "publisher", mended, "publish", reason="修复")
    assert refused.status_code == 409
    assert "town-v2" in refused.json()["detail"]
    with transaction(office.engine) as session:
        assert versions.as_of(session, "town").code == "town-v2"


def test_a_repaired_draft_of_the_version_in_force_is_published(office: Web) -> None:
    with transaction(office.engine) as session:
        found = repairs.propose_repair(session, "town-v1", RepairOptions(levels=("party",)))
        numbers = [row["number"] for row in found["proposals"] if row["kind"] == "overlap"]
        mended = acceptances.accept_repair(session, "town-v1", numbers)["version"]
    told = read(office, mended)
    party = next(row for row in told["levels"] if row["level"] == "party")
    assert (party["redrawn"], party["same"]) == (1, 1)
    assert told["faults_after"]["errors"] == told["faults_before"]["errors"] - len(numbers)
    assert post(office, "publisher", mended, "publish", reason="修复").status_code == 200
