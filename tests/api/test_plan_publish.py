"""Publishing a plan: lineage, ledger and reason are kept with the version; one plan at a time; a second person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from api.store import profiles
from api.store.transactions import transaction

if TYPE_CHECKING:
    from conftest import Web

SOUTH_WEST, NORTH_WEST = "310112103001111", "310112103001112"
SOUTH_EAST, NORTH_EAST = "310112103002121", "310112103002122"

SPLIT = {
    "operation": "split",
    "level": "grid",
    "code": SOUTH_WEST,
    "line": [[121.4045, 31.0599], [121.4046, 31.0701]],
    "codes": ["310112103001113"],
}
MERGE = {"operation": "merge", "level": "grid", "codes": [SOUTH_EAST, NORTH_EAST]}
RENUMBER = {"operation": "renumber", "level": "grid", "codes": {NORTH_WEST: "310112103001114"}}
CARVE = {
    "operation": "carve",
    "level": "grid",
    "code": "310112103001115",
    "name": "商场",
    "area": [[[121.407, 31.062], [121.409, 31.062], [121.409, 31.064], [121.407, 31.064], [121.407, 31.062]]],
}


def new_plan(web: Web, *edits: dict[str, Any], name: str = "调整") -> int:
    planner = web.browser("planner")
    plan = planner.post("/api/plans", json={"territory": "town", "name": name}).json()["id"]
    for revision, edit in enumerate(edits):
        body = {"revision": revision, "edit": edit, "reason": f"第{revision + 1}步"}
        answer = planner.post(f"/api/plans/{plan}/edits", json=body)
        assert answer.status_code == 200, answer.text
    return plan


def publish(web: Web, plan: int, who: str = "publisher") -> dict[str, Any]:
    client = web.browser(who)
    started = client.post(f"/api/plans/{plan}/publish", json={"reason": "会议通过"})
    assert started.status_code == 202, started.text
    web.services.jobs.wait()
    return client.get(f"/api/jobs/{started.json()['job']}").json()


def test_what_became_of_codes_is_kept_and_retired_ones_are_never_used_again(office) -> None:
    plan = new_plan(office, SPLIT, MERGE, RENUMBER, CARVE)
    assert publish(office, plan)["result"] == {"version": "town-v2"}
    client = office.browser("planner")
    lineage = client.get("/api/versions/town-v2/lineage").json()
    assert lineage["version"] == "town-v2"
    became = lineage["lineage"]
    grids = {(row["from"], row["to"], row["operation"]) for row in became if row["level"] == "grid"}
    assert grids == {
        (SOUTH_WEST, "310112103001113", "split"),
        (NORTH_EAST, SOUTH_EAST, "merge"),
        (NORTH_WEST, "310112103001114", "renumber"),
        # The mall lies in the larger half of the split.
        (SOUTH_WEST, "310112103001115", "carve"),
    }
    codes = client.get("/api/territories/town/codes", params={"level": "grid"}).json()
    assert (codes["version"], codes["retired"]) == ("town-v2", [NORTH_WEST, NORTH_EAST])
    assert SOUTH_EAST in codes["taken"]
    assert client.get("/api/versions/town-v1/lineage").json()["lineage"] == []
    again = new_plan(office, name="再调整")
    reuse = {**SPLIT, "code": "310112103001114", "line": [[121.405, 31.0699], [121.4051, 31.0801]]}
    refused = client.post(
        f"/api/plans/{again}/edits", json={"revision": 0, "edit": {**reuse, "codes": [NORTH_WEST]}}
    )
    assert refused.status_code == 422
    assert f"编码 {NORTH_WEST} 已经停用" in refused.json()["detail"]
    assert refused.json()["place"]["type"] == "Polygon"
    free = client.post(
        f"/api/plans/{again}/codes/next", json={"level": "grid", "beside": "310112103001114", "count": 2}
    )
    # On from the highest that anybody ever had in the community.
    assert free.json() == ["310112103001116", "310112103001117"]
    accepted = client.post(
        f"/api/plans/{again}/edits", json={"revision": 0, "edit": {**reuse, "codes": free.json()[:1]}}
    )
    assert accepted.status_code == 200


def test_codes_run_out_with_a_word_and_only_for_zones_that_are_there(office) -> None:
    plan, client = new_plan(office), office.browser("planner")
    path = f"/api/plans/{plan}/codes/next"
    some = client.post(path, json={"level": "grid", "beside": NORTH_EAST, "count": 900})
    found = some.json()
    assert len(set(found)) == 900
    assert found[0] == "310112103002123"
    # 999 is the last; then come the numbers between that nobody ever had.
    assert "310112103002001" in found
    assert not {SOUTH_EAST, NORTH_EAST} & set(found)
    many = client.post(path, json={"level": "grid", "beside": NORTH_EAST, "count": 1000})
    assert many.status_code == 422
    assert "只剩 997 个" in many.json()["detail"]
    assert client.post(path, json={"level": "party", "beside": "P1"}).json() == ["P3"]
    assert client.post(path, json={"level": "grid", "beside": "nobody"}).status_code == 422
    unknown = client.get("/api/territories/town/codes", params={"level": "moon"})
    assert unknown.status_code == 404


PAINT = {
    "operation": "paint",
    "level": "grid",
    "code": NORTH_WEST,
    "areas": [[[[121.404, 31.064], [121.406, 31.064], [121.406, 31.0701], [121.404, 31.0701], [121.404, 31.064]]]],
}  # fmt: skip


def test_the_ledger_is_kept_with_the_version_and_is_the_difference_of_the_two_assignments(office) -> None:
    plan = new_plan(office, SPLIT, PAINT)
    client = office.browser("publisher")
    planned = client.get(f"/api/plans/{plan}/ledger").json()["moves"]
    assert publish(office, plan)["status"] == "done"
    kept = client.get("/api/versions/town-v2/ledger").json()
    assert (kept["reason"], kept["plan"], kept["base"]) == ("会议通过", plan, "town-v1")
    key = ("level", "kind", "from", "to")
    assert sorted(kept["moves"], key=lambda row: [row[k] or "" for k in key]) == sorted(
        planned, key=lambda row: [row[k] or "" for k in key]
    )
    assert sum(row["subjects"] for row in kept["moves"]) == sum(edit["counted"] for edit in kept["edits"])
    compared = [
        row
        for level in ("street", "community", "grid", "party")
        for row in client.get("/api/versions/town-v1/compare/town-v2", params={"level": level}).json()[
            "moves"
        ]
    ]
    assert sorted(compared, key=str) == sorted(kept["moves"], key=str)
    entry = client.get(f"/api/plans/{plan}").json()
    assert (entry["status"], entry["may_edit"]) == ("published", False)
    assert client.get("/api/versions/town-v1/ledger").json()["moves"] == []


def test_versions_are_compared_zone_by_zone_with_the_ground_that_changed_hands(office) -> None:
    plan = new_plan(office, PAINT, MERGE)
    client = office.browser("planner")
    before = client.get(f"/api/plans/{plan}/compare", params={"level": "grid"}).json()
    assert publish(office, plan)["status"] == "done"
    after = client.get("/api/versions/town-v1/compare/town-v2", params={"level": "grid"}).json()
    for answer in (before, after):
        zones = {zone["code"]: zone for zone in answer["zones"]}
        assert {code: zone["change"] for code, zone in zones.items()} == {
            SOUTH_WEST: "moved_border",
            NORTH_WEST: "moved_border",
            SOUTH_EAST: "moved_border",
            NORTH_EAST: "gone",
        }
        assert zones[NORTH_EAST]["b"] is None
        gained, lost = zones[NORTH_WEST]["area_gained_m2"], zones[SOUTH_WEST]["area_lost_m2"]
        assert gained == pytest.approx(lost, rel=1e-9)
        # 0.002 by 0.006 degrees at 31 degrees north.
        assert gained == pytest.approx(191 * 665, rel=0.01)
        assert zones[NORTH_WEST]["b"]["counts"]["household"] == 2
        assert zones[NORTH_WEST]["a"]["counts"]["household"] == 0
        for zone in zones.values():
            was, now = zone["a"]["area_m2"], (zone["b"] or {"area_m2": 0})["area_m2"]
            # Borders of a kilometre between two vertices: the chord of the projection takes some square metres.
            assert now - was == pytest.approx(zone["area_gained_m2"] - zone["area_lost_m2"], abs=20)
        ways = {
            (each["properties"]["from"], each["properties"]["to"])
            for each in answer["differences"]["features"]
        }
        assert ways == {(SOUTH_WEST, NORTH_WEST), (NORTH_EAST, SOUTH_EAST)}
    assert before["a"] == after["a"] == "town-v1"
    assert (before["b"], after["b"]) == (f"plan-{plan}-r2", "town-v2")
    same = client.get("/api/versions/town-v1/compare/town-v1", params={"level": "grid"}).json()
    assert {zone["change"] for zone in same["zones"]} == {"same"}
    assert (same["moves"], same["differences"]["features"]) == ([], [])
    assert client.get("/api/versions/town-v1/compare/none", params={"level": "grid"}).status_code == 404
    assert client.get("/api/versions/town-v1/compare/town-v2", params={"level": "moon"}).status_code == 404


def test_of_two_plans_published_at_once_the_second_is_told_that_its_base_has_gone(office) -> None:
    plans = [new_plan(office, SPLIT), new_plan(office, MERGE)]
    client = office.browser("publisher")
    jobs = [
        client.post(f"/api/plans/{plan}/publish", json={"reason": "同时"}).json()["job"] for plan in plans
    ]
    office.services.jobs.wait()
    ends = [client.get(f"/api/jobs/{job}").json() for job in jobs]
    assert sorted(end["status"] for end in ends) == ["done", "failed"]
    failed = next(end for end in ends if end["status"] == "failed")
    assert "现行版本已是 town-v2" in failed["message"]
    with transaction(office.engine) as session:
        statuses = session.scalars(text("SELECT status FROM plan WHERE id = ANY(:ids)"), {"ids": plans}).all()
        numbers = session.scalars(text("SELECT number FROM version ORDER BY number")).all()
    assert sorted(statuses) == ["open", "published"]
    assert numbers == [1, 2]


def ask(web: Web, plan: int, who: str = "planner", note: str = "请看") -> Any:
    return web.browser(who).post(f"/api/plans/{plan}/approval/ask", json={"note": note})


def give(web: Web, plan: int, who: str = "second") -> Any:
    return web.browser(who).post(f"/api/plans/{plan}/approval/give", json={})


def require_approval(web: Web) -> None:
    with transaction(web.engine) as session:
        profiles.write_profile(session, "town", approval=True)


def test_where_the_office_asks_for_it_a_second_person_approves_exactly_what_is_published(office) -> None:
    plan = new_plan(office, SPLIT)
    client = office.browser("publisher")

    def refused() -> str:
        answer = client.post(f"/api/plans/{plan}/publish", json={"reason": "会议通过"})
        assert answer.status_code == 409, answer.text
        return answer.json()["detail"]

    approval = client.get(f"/api/plans/{plan}").json()["approval"]
    assert (approval["required"], approval["state"]) == (False, "none")
    require_approval(office)
    assert client.get(f"/api/plans/{plan}").json()["approval"]["required"] is True
    assert "还没有第二人审批" in refused()
    assert give(office, plan).status_code == 409  # nobody asked
    assert ask(office, plan).json()["approval"]["state"] == "asked"
    assert "还没有第二人审批" in refused()
    assert give(office, plan, "planner").status_code == 403
    given = give(office, plan).json()["approval"]
    assert (given["state"], given["asked_by"], given["approved_by"], given["revision"]) == (
        "given",
        "planner",
        "second",
        1,
    )
    edited = {"revision": 1, "edit": MERGE, "reason": "又改"}
    assert office.browser("planner").post(f"/api/plans/{plan}/edits", json=edited).status_code == 200
    assert client.get(f"/api/plans/{plan}").json()["approval"]["state"] == "none"
    assert "审批之后方案又改动过" in refused()
    assert "申请之后方案又改动过" in give(office, plan).json()["detail"]
    ask(office, plan)
    give(office, plan)
    self_service = office.browser("second").post(f"/api/plans/{plan}/publish", json={"reason": "自批"})
    assert self_service.status_code == 409
    assert "审批人自己" in self_service.json()["detail"]
    assert publish(office, plan)["status"] == "done"
    assert [event.account for event in office.events("plan.approval.give")] == ["second", "second"]


def test_who_asks_may_not_approve(office) -> None:
    require_approval(office)
    plan = new_plan(office, SPLIT)
    assert ask(office, plan, "publisher").status_code == 200
    own = give(office, plan, "publisher")
    assert own.status_code == 403
    assert "不能自己审批" in own.json()["detail"]


def test_an_approval_that_goes_stale_while_the_job_waits_does_not_count(office) -> None:
    require_approval(office)
    plan = new_plan(office, SPLIT)
    ask(office, plan)
    give(office, plan)
    from api.store import actions  # noqa: PLC0415

    work = actions.publishing_plan(plan, "会议通过", "publisher", office_actor())
    edited = {"revision": 1, "edit": MERGE, "reason": "抢先"}
    assert office.browser("planner").post(f"/api/plans/{plan}/edits", json=edited).status_code == 200
    job = office.services.jobs.submit("publish", {"plan": plan}, office_actor(), work)
    office.services.jobs.wait()
    failed = office.browser("publisher").get(f"/api/jobs/{job}").json()
    assert failed["status"] == "failed"
    assert "审批之后方案又改动过" in failed["message"]


def office_actor() -> Any:
    from api.store.audit import Actor  # noqa: PLC0415

    return Actor("publisher")
