"""Proposals of repair that a planner does not want: marked, not applied, taken back; what a version says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from api.store import audit
from api.store.transactions import transaction

if TYPE_CHECKING:
    from conftest import Web

PATH = "/api/versions/town-v1/repair"
ORDER = {"levels": ["party"], "max_change": 0.9}


def job(web: Web, client: Any, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code == 202, response.text
    web.services.jobs.wait()
    state: dict[str, Any] = client.get(f"/api/jobs/{response.json()['job']}").json()
    return state


def by_number(client: Any) -> dict[int, Any]:
    return {row["number"]: row for row in client.get(PATH).json()["proposals"]}


def test_what_is_declined_is_not_applied_until_it_is_taken_back(web: Web) -> None:
    planner = web.program("planner")
    assert planner.get("/api/versions/town-v1").json()["repair_proposed_at"] is None
    job(web, planner, PATH, ORDER)
    assert planner.get("/api/versions/town-v1").json()["repair_proposed_at"] is not None
    overlap = next(row["number"] for row in by_number(planner).values() if row["kind"] == "overlap")
    table = planner.post(f"{PATH}/decline", json={"numbers": [overlap]}).json()
    assert [row["number"] for row in table["proposals"] if row["declined"]] == [overlap]
    assert by_number(planner)[overlap]["declined"]["by"] == "planner"
    # The same zones are asked about again: the mark stays.
    job(web, planner, PATH, ORDER)
    assert by_number(planner)[overlap]["declined"] is not None
    failed = job(web, planner, f"{PATH}/accept", {"numbers": [overlap]})
    assert failed["status"] == "failed"
    assert "不采纳" in failed["message"]
    planner.post(f"{PATH}/decline", json={"numbers": [overlap], "declined": False})
    assert by_number(planner)[overlap]["declined"] is None
    done = job(web, planner, f"{PATH}/accept", {"numbers": [overlap]})
    draft = done["result"]["version"]
    repaired = planner.get(f"/api/versions/{draft}").json()["repaired"]
    assert (repaired["base"], repaired["numbers"], repaired["undone_at"]) == ("town-v1", [overlap], None)
    job(web, planner, f"/api/versions/{draft}/repair/undo")
    assert planner.get(f"/api/versions/{draft}").json()["repaired"]["undone_at"] is not None
    with transaction(web.engine) as session:
        events = audit.list_events(session, action="repair.decline")
        assert [event.account for event in events] == ["planner", "planner"]


@pytest.mark.parametrize("name", ["viewer", "stranger"])
def test_declining_needs_a_planner(web: Web, name: str) -> None:
    job(web, web.program("planner"), PATH, ORDER)
    assert web.program(name).post(f"{PATH}/decline", json={"numbers": [1]}).status_code == 403
    answer = web.program("planner").post(f"{PATH}/decline", json={"numbers": [999]})
    assert (answer.status_code, "999" in answer.text) == (404, True)
