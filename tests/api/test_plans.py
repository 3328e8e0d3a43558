"""Plans over HTTP: edits, undo across sign-ins, stale revisions, refusals with a place, publishing."""

from __future__ import annotations

import pytest

from api.store import drafts

SPLIT = {
    "operation": "split",
    "level": "grid",
    "code": "310112103001111",
    "line": [[121.4045, 31.0599], [121.4046, 31.0701]],
    "codes": ["310112103001113"],
    "names": ["西南第二网格"],
}
RENAME = {"operation": "describe", "level": "grid", "code": "310112103002122", "name": "新名网格"}


@pytest.fixture
def planner(web):
    return web.browser("planner")


@pytest.fixture
def plan(planner):
    made = planner.post("/api/plans", json={"territory": "town", "name": "调整"})
    assert made.status_code == 201
    assert made.json()["base"] == "town-v1"
    return made.json()["id"]


def edited(client, plan, revision, edit):
    return client.post(f"/api/plans/{plan}/edits", json={"revision": revision, "edit": edit, "reason": "试"})


def grids(client, plan):
    zones = client.get(f"/api/plans/{plan}/zones", params={"level": "grid"}).json()["zones"]
    return {zone["code"]: zone for zone in zones}


def test_a_split_answers_with_zones_figures_and_the_ledgers_delta(planner, plan) -> None:
    answer = edited(planner, plan, 0, SPLIT)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["revision"] == 1
    zones = {zone["code"]: zone for zone in body["zones"] if zone["level"] == "grid"}
    assert zones["310112103001111"]["counts"]["household"] == 2
    assert zones["310112103001113"]["counts"]["household"] == 0
    assert body["moves"] == []
    assert any("少 298 户" in words for words in body["warnings"])


def test_undo_and_redo_work_across_sign_ins_and_restore_every_coordinate(web, planner, plan) -> None:
    before = grids(planner, plan)
    edited(planner, plan, 0, SPLIT)
    after = grids(planner, plan)
    web.services.rooms.leave(plan)  # as after a restart: the draft is made from the stored changes
    again = web.browser("planner")
    assert grids(again, plan) == after
    assert again.post(f"/api/plans/{plan}/undo", json={"revision": 1}).json()["revision"] == 2
    assert grids(again, plan) == before
    web.services.rooms.leave(plan)
    assert again.post(f"/api/plans/{plan}/redo", json={"revision": 2}).json()["revision"] == 3
    assert grids(again, plan) == after
    nothing = again.post(f"/api/plans/{plan}/redo", json={"revision": 3})
    assert nothing.status_code == 409
    assert "没有可重做" in nothing.json()["detail"]


def test_what_was_undone_before_another_edit_stays_undone_and_in_the_history(planner, plan) -> None:
    edited(planner, plan, 0, SPLIT)
    planner.post(f"/api/plans/{plan}/undo", json={"revision": 1})
    edited(planner, plan, 2, RENAME)
    assert planner.post(f"/api/plans/{plan}/redo", json={"revision": 3}).status_code == 409
    changes = planner.get(f"/api/plans/{plan}/changes").json()["changes"]
    assert [(change["operation"], change["undone"]) for change in changes] == [
        ("split", True),
        ("rename", False),
    ]
    assert changes[0]["made_by"] == "planner"
    assert changes[0]["reason"] == "试"


def test_a_stale_edit_is_told_what_changed(planner, plan) -> None:
    edited(planner, plan, 0, SPLIT)
    stale = edited(planner, plan, 0, RENAME)
    assert stale.status_code == 409
    assert stale.json()["revision"] == 1
    assert stale.json()["changes"][0]["operation"] == "split"
    assert grids(planner, plan)["310112103002122"]["name"] == "东北网格"


def test_an_edit_that_is_sent_again_with_its_key_is_made_once(planner, plan) -> None:
    body = {"revision": 0, "edit": SPLIT, "key": "1795357495216.4f1c2a"}
    path = f"/api/plans/{plan}/edits"
    assert planner.post(path, json=body).status_code == 200
    for revision in (0, 1):
        again = planner.post(path, json={**body, "revision": revision})
        assert (again.status_code, again.json()["made"], again.json()["revision"]) == (409, True, 1)
    # Also when it was taken back since; another edit has another key, or none.
    planner.post(f"/api/plans/{plan}/undo", json={"revision": 1})
    assert planner.post(path, json={**body, "revision": 2}).json()["made"]
    assert planner.post(path, json={**body, "revision": 2, "key": "2"}).status_code == 200
    assert planner.post(path, json={"revision": 3, "edit": RENAME}).status_code == 200
    stale = planner.post(path, json={"revision": 3, "edit": RENAME, "key": "3"})
    assert (stale.status_code, stale.json()["made"]) == (409, False)
    changes = planner.get(f"/api/plans/{plan}/changes").json()["changes"]
    assert [change["key"] for change in changes] == ["1795357495216.4f1c2a", "2", None]
    for key in ("", "a key", "键", "k" * 65):
        assert planner.post(path, json={**body, "key": key}).status_code == 422


def test_a_refusal_says_where_and_what_to_do_and_changes_nothing(planner, plan) -> None:
    short = {**SPLIT, "line": [[121.4045, 31.0599], [121.4046, 31.065]]}
    refused = edited(planner, plan, 0, short)
    assert refused.status_code == 422
    assert "没有贯穿" in refused.json()["detail"]
    assert refused.json()["place"]["type"] == "LineString"
    assert refused.json()["remedy"]
    assert planner.get(f"/api/plans/{plan}").json()["revision"] == 0


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("stranger", 403), ("planner", 200)])
def test_only_planners_of_the_territory_edit(web, plan, who, status) -> None:
    assert edited(web.browser(who), plan, 0, RENAME).status_code == status


def test_the_ledger_counts_moves_and_names_nobody(planner, plan) -> None:
    paint = {
        "operation": "paint",
        "level": "grid",
        "code": "310112103001112",
        "areas": [
            [
                [
                    [121.404, 31.064],
                    [121.406, 31.064],
                    [121.406, 31.0701],
                    [121.404, 31.0701],
                    [121.404, 31.064],
                ]
            ]
        ],
    }
    assert edited(planner, plan, 0, paint).status_code == 200
    moves = planner.get(f"/api/plans/{plan}/ledger").json()["moves"]
    assert {
        "level": "grid",
        "kind": "household",
        "from": "310112103001111",
        "to": "310112103001112",
        "subjects": 2,
    } in moves


def test_an_edit_is_an_audit_event(web, planner, plan) -> None:
    edited(planner, plan, 0, RENAME)
    assert web.events("plan.describe")[0].object == f"plan {plan}"


def test_an_archived_plan_is_read_and_not_edited(planner, plan) -> None:
    assert planner.delete(f"/api/plans/{plan}").json()["status"] == "archived"
    closed = edited(planner, plan, 0, RENAME)
    assert closed.status_code == 409
    assert "已归档" in closed.json()["detail"]
    assert plan in [entry["id"] for entry in planner.get("/api/territories/town/plans").json()]


def test_a_failure_while_storing_leaves_the_draft_as_it_was(planner, plan, monkeypatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(drafts, "stored", lambda _change: 1 / 0)
        assert edited(planner, plan, 0, SPLIT).status_code == 500
    assert "310112103001113" not in grids(planner, plan)
    assert planner.get(f"/api/plans/{plan}").json()["revision"] == 0


def test_publishing_makes_a_version_and_lookups_switch_and_as_of_keeps_the_old(web, planner, plan) -> None:
    edited(planner, plan, 0, SPLIT)
    edited(planner, plan, 1, RENAME)
    publisher = web.browser("publisher")
    assert planner.post(f"/api/plans/{plan}/publish", json={"reason": "会议通过"}).status_code == 403
    job = publisher.post(f"/api/plans/{plan}/publish", json={"reason": "会议通过"})
    assert job.status_code == 202
    web.services.jobs.wait()
    done = publisher.get(f"/api/jobs/{job.json()['job']}").json()
    assert done["status"] == "done", done
    version = done["result"]["version"]
    here = {"lon": 121.403, "lat": 31.065, "territory": "town"}

    def grid(**more):
        answer = publisher.get("/api/lookup", params={**here, **more}).json()
        zones = answer["matches"][0]["zones"]
        return answer["version"], next(zone["code"] for zone in zones if zone["level"] == "grid")

    assert grid()[0] == version
    assert grid(as_of="2026-02-01") == ("town-v1", "310112103001111")
    assert {grid()[1], grid(lon=121.4048)[1]} == {"310112103001111", "310112103001113"}
    late = publisher.post(f"/api/plans/{plan}/publish", json={"reason": "再次"})
    web.services.jobs.wait()
    again = publisher.get(f"/api/jobs/{late.json()['job']}").json()
    assert again["status"] == "failed"
    assert "已发布" in again["message"]


def test_a_plan_whose_base_is_no_longer_in_force_is_not_published(web, planner) -> None:
    old = planner.post("/api/plans", json={"territory": "town", "name": "旧", "base": "town-v1"}).json()["id"]
    publisher = web.browser("publisher")
    current = planner.get("/api/territories").json()[0]["current_version"]
    assert current != "town-v1"  # the test above published one
    job = publisher.post(f"/api/plans/{old}/publish", json={"reason": "会议通过"})
    web.services.jobs.wait()
    failed = publisher.get(f"/api/jobs/{job.json()['job']}").json()
    assert failed["status"] == "failed"
    assert f"现行版本已是 {current}" in failed["message"]
