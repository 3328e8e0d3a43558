"""Work in the background: done as a whole or not at all, seen while it runs, failed with a reason after a restart."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from api.store.audit import Actor
from api.store.jobs import INTERRUPTED, JobRunner
from api.store.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Web

HEADER = "编码,类别,名称,地址,人数,经度,纬度\n"
GOOD = HEADER + "N1,household,周五,北桥路10号,2,121.4155,31.075\nN2,business,书店,,,121.405,31.065\n"
BAD = (
    HEADER
    + "N3,household,吴六,,2,121.4155,31.075\nN4,castle,城堡,,,121.405,31.065\n,household,郑七,,,121.4,31.07\n"
)


def load(client: Any, content: str, **fields: Any) -> Any:
    form = {"kind": "subjects", "territory": "town", "crs": "EPSG:4490", **fields}
    return client.post("/api/load", data=form, files={"file": ("对象.csv", content.encode())})


def subjects(web: Web, prefix: str) -> list[str]:
    with transaction(web.engine) as session:
        query = text("SELECT code FROM subject WHERE code LIKE :prefix ORDER BY code")
        return list(session.scalars(query, {"prefix": f"{prefix}%"}))


def finished(web: Web, client: Any, response: Any) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    web.services.jobs.wait()
    state: dict[str, Any] = client.get(f"/api/jobs/{response.json()['job']}").json()
    return state


def test_a_file_is_loaded_and_removed(web: Web) -> None:
    client = web.program("planner")
    state = finished(web, client, load(client, GOOD))
    assert (state["kind"], state["status"], state["percent"]) == ("load", "done", 100), state
    assert state["result"]["counts"]["subjects"] == 2
    assert subjects(web, "N") == ["N1", "N2"]
    assert list((web.services.settings.home / "uploads").glob("*")) == []
    assert any(event.account == "planner" for event in web.events("subjects.load"))


def test_bad_rows_are_all_named_and_nothing_is_kept(web: Web) -> None:
    client = web.program("planner")
    state = finished(web, client, load(client, BAD))
    assert state["status"] == "failed"
    assert state["message"]
    faults = state["result"]["faults"]
    assert {fault["row"] for fault in faults} == {3, 4}
    assert all(fault["remedy"] for fault in faults)
    assert subjects(web, "N3") == []


def test_bad_rows_may_be_skipped(web: Web) -> None:
    client = web.program("planner")
    state = finished(
        web, client, load(client, BAD.replace("N3", "N5").replace("N4", "N6"), skip_bad_rows="true")
    )
    assert state["status"] == "done", state
    assert state["result"]["rejected_total"] >= 2
    assert subjects(web, "N5") == ["N5"]


def test_a_load_is_refused_before_it_starts(web: Web) -> None:
    assert load(web.program("viewer"), GOOD).status_code == 403
    assert load(web.program("stranger"), GOOD).status_code == 403
    assert load(web.program("planner"), GOOD, territory="none").status_code == 404
    assert load(web.program("planner"), GOOD, kind="castles").status_code == 422


def test_an_undeclared_reference_fails_with_its_reason(web: Web) -> None:
    client = web.program("planner")
    state = finished(web, client, load(client, GOOD.replace("N", "U"), crs=""))
    assert state["status"] == "failed"
    assert "坐标系" in state["message"]


def test_assign_check_and_circles_run_as_jobs(web: Web) -> None:
    client = web.program("planner")
    for act, key in (("assign", "reconciliation"), ("check", "by_kind"), ("circles", "coverage")):
        state = finished(web, client, client.post(f"/api/versions/town-v1/{act}"))
        assert (state["kind"], state["status"], state["percent"]) == (act, "done", 100), state
        assert state["result"][key]
        assert state["result"]["version"] == "town-v1"
    assert client.post("/api/versions/none/assign").status_code == 404


def test_others_do_not_see_a_job_but_admins_do(web: Web) -> None:
    client = web.program("planner")
    number = client.post("/api/versions/town-v1/check").json()["job"]
    web.services.jobs.wait()
    assert web.program("viewer").get(f"/api/jobs/{number}").status_code == 404
    assert web.program("root").get(f"/api/jobs/{number}").status_code == 200
    assert client.get("/api/jobs/999999").status_code == 404
    assert client.get("/api/jobs/0").status_code == 422


def test_progress_is_seen_while_the_work_is_not(web: Web) -> None:
    seen, go_on = threading.Event(), threading.Event()

    def work(session: Any, progress: Callable[[float, str], None]) -> dict[str, Any]:
        session.execute(text("UPDATE territory SET notes = '{半}'"))
        progress(0.42, "做到一半")
        seen.set()
        assert go_on.wait(30)
        return {"answer": 42}

    number = web.services.jobs.submit("check", {}, Actor("planner"), work)
    assert seen.wait(30)
    state = web.program("planner").get(f"/api/jobs/{number}").json()
    notes = web.program("planner").get("/api/territories").json()[0]["notes"]
    go_on.set()
    web.services.jobs.wait()
    assert (state["status"], state["percent"], state["message"]) == ("running", 42, "做到一半")
    assert notes == ["测试用"]
    done = web.program("planner").get(f"/api/jobs/{number}").json()
    assert (done["status"], done["percent"], done["result"]) == ("done", 100, {"answer": 42})
    with transaction(web.engine) as session:
        session.execute(text("UPDATE territory SET notes = '{测试用}'"))


def test_a_defect_leaves_nothing_and_shows_nothing_inside(web: Web) -> None:
    def work(session: Any, _progress: Any) -> dict[str, Any]:
        session.execute(text("UPDATE territory SET name = '坏'"))
        raise RuntimeError("secret inside")

    number = web.services.jobs.submit("check", {}, Actor("planner"), work)
    web.services.jobs.wait()
    state = web.program("planner").get(f"/api/jobs/{number}").json()
    assert state["status"] == "failed"
    assert str(number) in state["message"]
    assert "secret" not in str(state)
    assert web.program("planner").get("/api/territories").json()[0]["name"] == "小镇"


def test_a_restart_fails_what_was_left_and_sweeps_uploads(serve: Callable[..., Any], tmp_path: Path) -> None:
    with serve() as web:
        left = tmp_path / "uploads" / "abc"
        left.mkdir(parents=True)
        web.services.jobs.stop()
        with transaction(web.engine) as session:
            session.execute(
                text("""
                    INSERT INTO job (kind, arguments, status, account)
                    SELECT 'load', '{}', unnest(CAST(:states AS text[])), 'x'
                """),
                {"states": ["waiting", "running", "done"]},
            )
        again = JobRunner(web.engine)
        assert again.start() is True
        beside = JobRunner(web.engine)
        assert beside.start() is False  # a second service leaves the first one's jobs alone
        with transaction(web.engine) as session:
            rows = session.execute(
                text("SELECT status, message, finished_at IS NULL FROM job ORDER BY id")
            ).all()
        failed = ("failed", INTERRUPTED, False)
        assert [tuple(row) for row in rows] == [failed, failed, ("done", "", True)]
        beside.stop()
        again.stop()
