"""Previews, figures, warnings with places, and zones changed since a revision, over HTTP."""

from __future__ import annotations

import threading

import pytest

from api.store import drafts
from api.store.transactions import transaction
from geo.plans import Change

WEST_CUT = [[121.4045, 31.0599], [121.4045, 31.0701]]  # through building F1
SPLIT = {
    "operation": "split",
    "level": "grid",
    "code": "310112103001111",
    "line": WEST_CUT,
    "codes": ["310112103001113"],
    "names": ["西南第二网格"],
}
CUT = {"310112103001111", "310112103001112", "310112103001113"}
"""What the split touches: the two halves, and the neighbour in whose border the line ends."""

RENAME = {"operation": "describe", "level": "grid", "code": "310112103002122", "name": "新名网格"}
MERGE = {"operation": "merge", "level": "grid", "codes": ["310112103001111", "310112103001112"]}


@pytest.fixture
def planner(web):
    return web.browser("planner")


@pytest.fixture
def plan(planner):
    return planner.post("/api/plans", json={"territory": "town", "name": "草稿"}).json()["id"]


def sent(client, plan, path, revision, edit=None):
    body = {"revision": revision} if edit is None else {"revision": revision, "edit": edit}
    return client.post(f"/api/plans/{plan}/{path}", json=body)


def zones(client, plan, **query):
    return client.get(f"/api/plans/{plan}/zones", params={"level": "grid", **query}).json()


def by_code(answer):
    return {zone["code"]: zone for zone in answer["zones"] if zone["level"] == "grid"}


def test_a_preview_answers_as_the_edit_will_and_stores_nothing(planner, plan) -> None:
    before = zones(planner, plan)
    foreseen = sent(planner, plan, "preview", 0, MERGE)
    assert foreseen.status_code == 200, foreseen.text
    assert zones(planner, plan) == before
    assert planner.get(f"/api/plans/{plan}").json()["revision"] == 0
    assert planner.get(f"/api/plans/{plan}/changes").json()["changes"] == []
    made = sent(planner, plan, "edits", 0, MERGE).json()
    assert foreseen.json() == {**made, "revision": 0}
    assert made["revision"] == 1
    assert made["deleted"] == [{"level": "grid", "code": "310112103001112"}]


def test_previews_are_refused_as_edits_are(web, planner, plan) -> None:
    short = {**SPLIT, "line": [WEST_CUT[0], [121.4045, 31.065]]}
    refused = sent(planner, plan, "preview", 0, short)
    assert refused.status_code == 422
    assert refused.json()["place"]["type"] == "LineString"
    sent(planner, plan, "edits", 0, RENAME)
    stale = sent(planner, plan, "preview", 0, SPLIT)
    assert (stale.status_code, stale.json()["revision"]) == (409, 1)
    assert sent(web.browser("viewer"), plan, "preview", 1, SPLIT).status_code == 403
    planner.delete(f"/api/plans/{plan}")
    assert sent(planner, plan, "preview", 1, SPLIT).status_code == 409


def test_a_preview_waits_for_nobody_who_is_editing(web, planner, plan) -> None:
    """An edit that is not committed yet holds the plan's row; a preview does not ask for it."""
    zones(planner, plan)
    with transaction(web.engine) as session:
        held = drafts.edit(
            session,
            web.services.rooms,
            plan,
            lambda draft: Change("describe", (draft.zone("grid", RENAME["code"]),)),
            revision=0,
        )
        assert held.plan.revision == 1
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(sent(planner, plan, "preview", 0, MERGE).status_code)
        )
        asking.start()
        asking.join(60)
        assert answers == [200]
        session.rollback()
    # Nothing came of the edit that was not committed.
    assert zones(planner, plan)["revision"] == 0
    assert sent(planner, plan, "edits", 0, RENAME).json()["revision"] == 1


def test_two_edits_in_one_transaction_are_both_kept_or_both_forgotten(web, planner, plan) -> None:
    def rename(name):
        from dataclasses import replace  # noqa: PLC0415

        return lambda draft: Change("describe", (replace(draft.zone("grid", RENAME["code"]), name=name),))

    for ends, name in ((False, "东北网格"), (True, "乙")):
        with transaction(web.engine) as session:
            drafts.edit(session, web.services.rooms, plan, rename("甲"), revision=0)
            drafts.edit(session, web.services.rooms, plan, rename("乙"), revision=1)
            if not ends:
                session.rollback()
        assert by_code(zones(planner, plan))[RENAME["code"]]["name"] == name
    assert zones(planner, plan)["revision"] == 2


def test_zones_carry_their_figures_and_staff_without_telephones(planner, plan) -> None:
    found = by_code(zones(planner, plan))
    west = found["310112103001111"]
    assert west["counts"] == {
        "household": 2, "business": 0, "institution": 0, "building": 1, "estate": 0, "facility": 0,
    }  # fmt: skip
    assert (west["people"], west["parts"], west["stations"]) == (5, 1, 1)
    assert west["staff"] == [{"role": "网格长", "name": "长111"}]
    assert west["share_15min"] == 0.0  # half a kilometre from any street: nobody walks
    assert found["310112103002121"]["share_15min"] is None  # nobody lives there
    assert found["310112103002122"]["people"] is None  # one household, people unknown
    assert sum(zone["stations"] for zone in found.values()) == 2
    assert west["area_m2"] == pytest.approx(1_058_000, rel=0.01)
    assert west["compactness"] == pytest.approx(0.78, abs=0.01)
    assert zones(planner, plan)["pending"] == []


def test_a_cut_building_is_told_with_its_code_and_place(planner, plan) -> None:
    answer = sent(planner, plan, "edits", 0, SPLIT).json()
    for code in ("310112103001111", "310112103001113"):
        cut = next(each for each in by_code(answer)[code]["warnings"] if each["rule"] == "cut_building")
        assert cut["codes"] == ["F1"]
        assert cut["severity"] == "warning"
        assert cut["place"]["type"] == "Polygon"
        assert "一号楼" in cut["message"]
        assert "F1" in cut["message_en"]
        assert cut["message"] in answer["warnings"]
    undone = sent(planner, plan, "undo", 1).json()
    assert not any(each["rule"] == "cut_building" for each in undone["zones"][0]["warnings"])


def test_zones_changed_since_a_revision_undone_ones_too(planner, plan) -> None:
    sent(planner, plan, "edits", 0, RENAME)
    sent(planner, plan, "edits", 1, SPLIT)
    assert set(by_code(zones(planner, plan, since=1))) == CUT
    assert set(by_code(zones(planner, plan, since=0))) == CUT | {RENAME["code"]}
    assert zones(planner, plan, since=2)["zones"] == []
    sent(planner, plan, "undo", 2)
    later = zones(planner, plan, since=2)
    assert set(by_code(later)) == CUT - {"310112103001113"}
    assert later["deleted"] == [{"level": "grid", "code": "310112103001113"}]
    assert later["revision"] == 3


def test_plans_of_one_base_share_it_and_not_their_edits(web, planner, plan) -> None:
    other = planner.post("/api/plans", json={"territory": "town", "name": "另一"}).json()["id"]
    sent(planner, plan, "edits", 0, MERGE)
    assert len(by_code(zones(planner, other))) == 4
    assert len(by_code(zones(planner, plan))) == 3
    rooms = web.services.rooms
    with transaction(web.engine) as session:
        from api.store.plans import get_plan  # noqa: PLC0415

        first, second = (rooms.enter(session, get_plan(session, each)) for each in (plan, other))
    assert first.census.population is second.census.population
    assert first.draft is not second.draft
