"""Plans are listed, named, described, shared, copied, put away and taken out again; each by those who may."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from api.store.accounts import GrantedSubtree
from api.store.transactions import transaction

WHOLE = GrantedSubtree("town", None, personal_data=False)
GRID = "310112103002122"
EDIT = {
    "revision": 0,
    "edit": {"operation": "describe", "level": "grid", "code": GRID, "name": "新名网格"},
    "reason": "试",
}


@pytest.fixture(scope="module")
def people(web):
    """Return browsers of the usual accounts, and of a second planner."""
    web.add("colleague", "planner", WHOLE)
    names = ("planner", "colleague", "publisher", "viewer", "stranger", "root")
    return {name: web.browser(name) for name in names}


@pytest.fixture
def plan(people) -> int:
    made = people["planner"].post("/api/plans", json={"territory": "town", "name": "调整"})
    assert made.status_code == 201, made.text
    return made.json()["id"]


def listed(client) -> list[int]:
    return [entry["id"] for entry in client.get("/api/territories/town/plans").json()]


def test_a_plan_says_whose_it_is_and_what_one_may_do(people, plan) -> None:
    entry = people["planner"].get(f"/api/plans/{plan}").json()
    assert entry["created_by"] == "planner"
    assert entry["created_at"] <= entry["updated_at"]
    assert (entry["access"], entry["members"], entry["may_edit"], entry["may_manage"]) == (
        "territory",
        [],
        True,
        True,
    )
    seen = {
        name: (seen["may_edit"], seen["may_manage"])
        for name in ("colleague", "viewer", "stranger", "root")
        for seen in [people[name].get(f"/api/plans/{plan}").json()]
    }
    assert seen == {
        "colleague": (True, False),
        "viewer": (False, False),
        "stranger": (False, False),
        "root": (True, True),
    }


def test_a_plan_is_named_and_described_by_its_editors(web, people, plan) -> None:
    before = people["planner"].get(f"/api/plans/{plan}").json()
    changed = people["colleague"].patch(
        f"/api/plans/{plan}", json={"name": "2026年调整", "description": "按会议"}
    )
    assert changed.status_code == 200
    entry = changed.json()
    assert (entry["name"], entry["description"], entry["revision"]) == ("2026年调整", "按会议", 0)
    assert entry["updated_at"] > before["updated_at"]
    kept = people["planner"].patch(f"/api/plans/{plan}", json={"name": "又名"}).json()
    assert (kept["name"], kept["description"]) == ("又名", "按会议")
    assert people["viewer"].patch(f"/api/plans/{plan}", json={"name": "不行"}).status_code == 403
    assert people["planner"].patch(f"/api/plans/{plan}", json={"name": ""}).status_code == 422
    assert web.events("plan.describe")[0].object == f"plan {plan}"


def test_a_plan_of_members_is_seen_by_them_only_and_edited_by_its_editors(people, plan) -> None:
    share = {
        "access": "members",
        "members": [{"account": "viewer", "role": "viewer"}, {"account": "colleague", "role": "editor"}],
    }
    assert people["colleague"].patch(f"/api/plans/{plan}", json=share).status_code == 403  # not the owner's
    shared = people["planner"].patch(f"/api/plans/{plan}", json=share).json()
    assert shared["members"] == [
        {"account": "colleague", "name": "colleague", "role": "editor"},
        {"account": "viewer", "name": "viewer", "role": "viewer"},
    ]
    assert {name for name in people if plan in listed(people[name])} == {
        "planner",
        "colleague",
        "viewer",
        "root",
    }
    hidden = (
        "",
        "/changes",
        "/zones",
        "/ledger",
        "/ledger.xlsx",
        "/comments",
        "/events",
        "/flows",
        "/compare",
    )
    for path in hidden:
        refused = people["publisher"].get(f"/api/plans/{plan}{path}")
        assert refused.status_code == 403, path
        assert "只与指定成员共享" in refused.json()["detail"]
    assert people["publisher"].post(f"/api/plans/{plan}/publish", json={"reason": "x"}).status_code == 403
    assert people["publisher"].post(f"/api/plans/{plan}/presence", json={}).status_code == 403
    assert people["viewer"].get(f"/api/plans/{plan}/zones").status_code == 200
    assert people["viewer"].post(f"/api/plans/{plan}/edits", json=EDIT).status_code == 403
    assert people["colleague"].post(f"/api/plans/{plan}/edits", json=EDIT).status_code == 200
    # An editor who becomes a viewer of the plan may look on.
    share["members"] = [{"account": "colleague", "role": "viewer"}]
    assert len(people["root"].patch(f"/api/plans/{plan}", json=share).json()["members"]) == 1
    again = people["colleague"].post(f"/api/plans/{plan}/undo", json={"revision": 1})
    assert again.status_code == 403
    assert "只能查看" in again.json()["detail"]
    assert people["viewer"].get(f"/api/plans/{plan}").status_code == 403
    opened = people["planner"].patch(f"/api/plans/{plan}", json={"access": "territory"}).json()
    assert [member["account"] for member in opened["members"]] == ["colleague"]
    assert people["colleague"].post(f"/api/plans/{plan}/undo", json={"revision": 1}).status_code == 200


@pytest.mark.parametrize(
    ("member", "status", "words"),
    [
        ({"account": "viewer", "role": "editor"}, 422, "不是本辖区的规划员"),
        ({"account": "stranger", "role": "editor"}, 422, "不是本辖区的规划员"),
        ({"account": "nobody", "role": "viewer"}, 404, "没有名为"),
    ],
)
def test_who_cannot_be_a_member_is_said(people, plan, member, status, words) -> None:
    refused = people["planner"].patch(f"/api/plans/{plan}", json={"members": [member]})
    assert refused.status_code == status
    assert words in refused.json()["detail"]
    assert people["planner"].get(f"/api/plans/{plan}").json()["members"] == []


def test_candidates_are_those_who_could_be_members(people, plan) -> None:
    found = people["planner"].get(f"/api/plans/{plan}/candidates").json()
    able = {each["account"]: each["may_edit"] for each in found}
    assert able["colleague"] is able["root"] is able["publisher"] is True
    assert able["viewer"] is able["stranger"] is False
    assert "planner" not in able
    assert people["viewer"].get(f"/api/plans/{plan}/candidates").status_code == 403


def test_a_copy_has_the_same_zones_and_history_and_goes_its_own_way(people, plan) -> None:
    planner, colleague = people["planner"], people["colleague"]
    planner.post(f"/api/plans/{plan}/edits", json=EDIT)
    other = {**EDIT, "revision": 1, "edit": {**EDIT["edit"], "name": "撤掉的名字"}}
    planner.post(f"/api/plans/{plan}/edits", json=other)
    planner.post(f"/api/plans/{plan}/undo", json={"revision": 2})
    made = colleague.post(f"/api/plans/{plan}/duplicate", json={"name": "副本"})
    assert made.status_code == 201
    copy = made.json()
    assert (copy["name"], copy["created_by"], copy["revision"], copy["status"]) == (
        "副本",
        "colleague",
        3,
        "open",
    )
    assert (
        colleague.get(f"/api/plans/{copy['id']}/changes").json()["changes"]
        == planner.get(f"/api/plans/{plan}/changes").json()["changes"]
    )

    def name(number: int) -> str:
        zones = planner.get(f"/api/plans/{number}/zones").json()["zones"]
        return next(zone["name"] for zone in zones if zone["code"] == GRID)

    assert name(copy["id"]) == "新名网格"
    assert colleague.post(f"/api/plans/{copy['id']}/redo", json={"revision": 3}).status_code == 200
    assert (name(copy["id"]), name(plan)) == ("撤掉的名字", "新名网格")
    assert people["viewer"].post(f"/api/plans/{plan}/duplicate", json={"name": "不行"}).status_code == 403


def test_a_plan_is_put_away_and_taken_out_again_by_its_owner(web, people, plan) -> None:
    planner = people["planner"]
    assert people["colleague"].delete(f"/api/plans/{plan}").status_code == 403
    archived = planner.delete(f"/api/plans/{plan}").json()
    assert (archived["status"], archived["may_edit"]) == ("archived", False)
    assert planner.post(f"/api/plans/{plan}/edits", json=EDIT).status_code == 409
    assert people["colleague"].post(f"/api/plans/{plan}/reopen").status_code == 403
    assert people["root"].post(f"/api/plans/{plan}/reopen").json()["status"] == "open"
    assert planner.post(f"/api/plans/{plan}/edits", json=EDIT).status_code == 200
    assert web.events("plan.reopen")[0].account == "root"


def test_a_plan_from_the_terminal_belongs_to_the_planners_of_its_territory(web, people, plan) -> None:
    with transaction(web.engine) as session:
        session.execute(text("UPDATE plan SET created_by = NULL WHERE id = :id"), {"id": plan})
    entry = people["colleague"].get(f"/api/plans/{plan}").json()
    assert (entry["created_by"], entry["may_manage"]) == (None, True)
    assert people["stranger"].get(f"/api/plans/{plan}").json()["may_manage"] is False


def test_an_edit_does_not_wait_for_ever_for_a_plan_that_is_being_published(
    web, people, plan, monkeypatch
) -> None:
    monkeypatch.setattr("api.store.plans.LOCK_WAIT_MS", 50)
    with transaction(web.engine) as session:
        session.execute(text("SELECT 1 FROM plan WHERE id = :id FOR UPDATE"), {"id": plan})
        busy = people["planner"].post(f"/api/plans/{plan}/edits", json=EDIT)
    assert busy.status_code == 409
    assert "正在发布" in busy.json()["detail"]
    assert people["planner"].post(f"/api/plans/{plan}/edits", json=EDIT).status_code == 200
