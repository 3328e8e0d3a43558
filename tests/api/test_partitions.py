"""划格建议 of a version: stored with its figures, shown, adopted as a plan; from the command line too."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely
from shapely.geometry import shape

from api.store import partitions, places, plans
from api.store.errors import NotFoundError
from api.store.partitions import PartitionRequest
from api.store.refusals import InvalidRequestError
from api.store.versions import get_version

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Web
    from sqlalchemy.orm import Session

    from geo.records import Place


@pytest.fixture
def board(session: Session, make_board: Any) -> Place:
    place: Place = make_board(side=8, households=320)
    places.load_place(session, place)
    session.commit()
    return place


def test_a_proposal_is_stored_and_read_back(session: Session, board: Place) -> None:
    number = partitions.compute_proposal(
        session, "board", None, PartitionRequest(households=(20.0, 50.0), keep=0.0, seed=3)
    )
    said = partitions.describe(session, number)
    assert (said["id"], said["territory"], said["version"], said["level"]) == (
        number, "board", "board-v1", "grid",
    )  # fmt: skip
    assert said["options"]["households"] == [20.0, 50.0]
    assert said["cut_estates"] == 0
    assert said["in_band"] == said["zones"]  # 80 households in each community of 16 blocks
    zones = partitions.read_proposal(session, number)
    assert len(zones) == said["zones"]
    assert shapely.coverage_is_valid(zones.geometry.to_numpy())
    assert shapely.equals(shapely.coverage_union_all(zones.geometry.to_numpy()), board.boundary)
    assert set(zones["parent"]) == {"C00", "C01", "C10", "C11"}
    # codes of the version are retired by a proposal that is drawn afresh, and not given out again
    assert not set(zones["code"]) & set(board.zones["code"])
    features = partitions.zone_collection(session, number)["features"]
    assert [feature["id"] for feature in features] == zones["code"].tolist()
    assert shape(features[0]["geometry"]).equals_exact(zones.geometry.iloc[0], 1e-8)
    assert partitions.list_proposals(session, "board")[0] == said


def test_only_the_newest_proposals_are_kept(
    session: Session, board: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    del board
    monkeypatch.setattr(partitions, "KEPT", 2)
    numbers = [
        partitions.compute_proposal(session, "board", None, PartitionRequest(grids=4, seed=seed))
        for seed in range(3)
    ]
    assert [row["id"] for row in partitions.list_proposals(session, "board")] == numbers[:0:-1]
    with pytest.raises(NotFoundError):
        partitions.describe(session, numbers[0])


def test_an_adopted_proposal_is_a_plan_of_one_change(session: Session, board: Place) -> None:
    number = partitions.compute_proposal(session, "board", None, PartitionRequest(grids=8))
    plan = partitions.adopt_proposal(session, number, "八个网格", author=None)
    assert (plan.base, plan.revision) == ("board-v1", 1)
    (change,) = plans.history(session, plan.id)
    assert "划格建议" in change["reason"]
    assert len(board.zones) == 68  # 4 communities and 64 grids: 8 stand in their place
    proposed = partitions.read_proposal(session, number)
    assert len(proposed) == 8


def test_the_present_grids_can_be_kept(session: Session, make_board: Any) -> None:
    board = make_board(side=4, households=320)
    places.load_place(session, board)
    number = partitions.compute_proposal(
        session, "board", "board-v1", PartitionRequest(households=(8.0, 40.0), keep=1.0)
    )
    said = partitions.describe(session, number)
    assert said["moved_households"] == 0
    zones = partitions.read_proposal(session, number).set_index("code")
    old = board.zones[board.zones["level"] == "grid"].set_index("code")
    assert set(zones.index) == set(old.index)
    assert shapely.equals(zones.geometry.loc[old.index].to_numpy(), old.geometry.to_numpy()).all()


def test_bad_wishes_say_what_to_do(session: Session, board: Place) -> None:
    del board
    info = get_version(session, "board")
    for request, failure in (
        (PartitionRequest(level="party"), NotFoundError),
        (PartitionRequest(within="ward"), NotFoundError),
        (PartitionRequest(level="community"), InvalidRequestError),
    ):
        with pytest.raises(failure) as caught:
            partitions.make_proposal(session, info, request)
        assert caught.value.zh
        assert caught.value.remedy
    with pytest.raises(NotFoundError):
        partitions.adopt_proposal(session, 999, "无", author=None)


def test_a_planner_proposes_over_http(web: Web) -> None:
    planner, viewer = web.program("planner"), web.program("viewer")
    order = {"level": "grid", "zones": 2, "keep": 0.5, "seed": 2}
    assert viewer.post("/api/territories/town/proposals", json=order).status_code == 403
    assert planner.post("/api/territories/town/proposals", json={"zones": 0}).status_code == 422
    assert planner.post("/api/territories/nowhere/proposals", json=order).status_code == 404
    response = planner.post("/api/territories/town/proposals", json=order)
    assert response.status_code == 202, response.text
    web.services.jobs.wait()
    state = planner.get(f"/api/jobs/{response.json()['job']}").json()
    assert state["status"] == "done", state
    number = state["result"]["proposal"]
    said = viewer.get(f"/api/proposals/{number}").json()
    assert (said["territory"], said["zones"], said["cut_estates"]) == ("town", 2, 0)
    assert said["households"]["least"] <= said["households"]["mean"] <= said["households"]["most"]
    zones = viewer.get(f"/api/proposals/{number}/zones.geojson").json()
    assert zones["version"] == said["version"]
    assert len(zones["features"]) == 2
    assert [row["id"] for row in viewer.get("/api/territories/town/proposals").json()] == [number]
    assert viewer.post(f"/api/proposals/{number}/plan", json={"name": "试"}).status_code == 403
    plan = planner.post(f"/api/proposals/{number}/plan", json={"name": "均衡建议"})
    assert plan.status_code == 201, plan.text
    assert (plan.json()["name"], plan.json()["revision"]) == ("均衡建议", 1)
    drawn = planner.get(f"/api/plans/{plan.json()['id']}/zones").json()["zones"]
    assert len(drawn) == 2
    assert viewer.get("/api/proposals/999").status_code == 404


COMMAND = [sys.executable, "-c", "from api.cli import app; app()"]


def onegrid(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_command_line_proposes_and_adopts(session: Session, board: Place, tmp_path: Path) -> None:
    del board
    done = onegrid(
        "plan",
        "propose",
        "board",
        "--households",
        "20-50",
        "--plan",
        "命令行建议",
        "--out",
        "made.gpkg",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "切分小区" in done.stdout + done.stderr
    assert "命令行建议" in done.stdout + done.stderr
    assert len(gpd.read_file(tmp_path / "made.gpkg", layer="proposal"))
    assert len(gpd.read_file(tmp_path / "made.gpkg", layer="blocks")) == 64
    assert [plan.name for plan in plans.list_plans(session, "board")] == ["命令行建议"]


def test_the_command_line_proposes_from_files(make_board: Any, tmp_path: Path) -> None:
    place = make_board(side=8, households=320)
    plain = {
        "streets": place.streets,
        "within": place.zones[place.zones["level"] == "community"],
        "subjects": place.subjects[place.subjects.geometry.notna()],
    }
    for name, frame in plain.items():
        frame.drop(columns=["attributes", "staff"], errors="ignore").to_file(tmp_path / f"{name}.gpkg")
    files = [f"{name}={name}.gpkg" for name in plain]
    done = onegrid("plan", "propose", *files, "--grids", "8", "--out", "made.geojson", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = gpd.read_file(tmp_path / "made.geojson")
    assert len(made) == 8
    assert shapely.coverage_is_valid(made.geometry.to_numpy())
    refused = onegrid("plan", "propose", *files, "--plan", "不行", cwd=tmp_path)
    assert refused.returncode != 0
    assert "onegrid load" in refused.stdout + refused.stderr
