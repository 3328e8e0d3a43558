"""多格合一 of a version: stored with everything that was found, conserved, read back as it was made."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from shapely.geometry import shape
from sqlalchemy import event
from sqlalchemy.orm import Session as SessionOf

from api.store import assignments, audit, checks, fusions, places, stored_fusions, versions
from api.store.errors import NotFoundError
from api.store.fusions import FusionOptions
from api.store.refusals import InvalidRequestError
from api.store.transactions import transaction
from geo.errors import ZonesError
from geo.fusion import FusionProfile

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Web
    from sqlalchemy.orm import Session

    from geo.records import Place

ANY_SIZE = FusionProfile(households=None)


@pytest.fixture
def version(session: Session, town: Place) -> str:
    places.load_place(session, town)
    session.commit()
    return "town-v1"


def test_a_fusion_is_stored_and_read_back(session: Session, version: str) -> None:
    summary = fusions.compute_fusion(
        session, "town", version, FusionOptions(("party", "grid"), leading="grid", profile=ANY_SIZE)
    )
    assert (summary["version"], summary["leading"], summary["layers"]) == (
        "town-v1",
        "grid",
        ["party", "grid"],
    )
    stored = stored_fusions.read_fusion(session, "town")
    assert len(stored.cells) == summary["cells"]
    assert len(stored.proposal) == summary["grids"]
    assert sum(row["count"] for row in summary["conflicts"]) == len(stored.conflicts)
    # The layer whose name is also that of the proposal's column keeps its own codes.
    assert set(stored.cells["layer_grid"]) == {
        "310112103001111", "310112103001112", "310112103002121", "310112103002122",
    }  # fmt: skip
    located = 4  # of six subjects one has no location, and a building is counted nowhere
    for column in ("household", "business"):
        assert set(stored.crosswalk.groupby("layer")[column].sum()) == {stored.cells[column].sum()}
    assert stored.cells[["household", "business", "institution"]].to_numpy().sum() == located
    # who was counted nowhere is told, with the reason
    assert [(row["kind"], row["reason"], row["count"]) for row in summary["unassigned"]] == [
        ("household", "no_location", 1)
    ]
    assert stored.cells["people"].sum() == stored.proposal["people"].sum() == 5
    assert stored.conflicts["kind"].iloc[0] == "overlap"
    assert stored.conflicts["departments"].iloc[0] == ["party"]


def test_a_second_fusion_takes_the_place_of_the_first(session: Session, version: str) -> None:
    options = FusionOptions(("party", "grid"), profile=ANY_SIZE)
    fusions.compute_fusion(session, "town", version, options)
    fusions.compute_fusion(session, "town", version, options)
    assert stored_fusions.fusion_summary(session, "town")["cells"] == 7


def test_a_pinned_cell_goes_where_the_planner_says(session: Session, version: str) -> None:
    options = FusionOptions(("party", "grid"), leading="party", profile=ANY_SIZE)
    fusions.compute_fusion(session, "town", version, options)
    place = (121.4115, 31.065)  # P1 and P2 both claim it
    cell = stored_fusions.cell_at(session, "town", *place)
    for code in ("P1", "P2"):
        pinned = FusionOptions(
            ("party", "grid"), leading="party", pins={cell["cell"]: code}, profile=ANY_SIZE
        )
        fusions.compute_fusion(session, "town", version, pinned)
        grids = stored_fusions.proposal_collection(session, "town")["features"]
        home = next(g for g in grids if g["id"] == stored_fusions.cell_at(session, "town", *place)["grid"])
        assert home["properties"]["leading"] == [code]


@pytest.mark.parametrize(
    "read",
    [
        lambda session: stored_fusions.fusion_summary(session, "town")["grids"],
        lambda session: len(stored_fusions.conflict_table(session, "town")["conflicts"]),
        lambda session: len(stored_fusions.proposal_collection(session, "town")["features"]),
        lambda session: len(stored_fusions.read_fusion(session, "town").cells),
        lambda session: stored_fusions.cell_at(session, "town", 121.405, 31.065)["area_m2"],
    ],
)
def test_a_reader_never_sees_half_of_a_fusion(
    session: Session, version: str, read: Callable[[Session], float]
) -> None:
    options = FusionOptions(("party", "grid"), profile=ANY_SIZE)
    fusions.compute_fusion(session, "town", version, options)
    session.commit()
    whole = read(session)
    session.rollback()
    replaced = []

    def replace(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Put another in the place of the fusion that was found, before anything more is read of it."""
        if "FROM fusion \n" in statement and not replaced:
            replaced.append(statement)
            with SessionOf(engine) as other:
                fusions.compute_fusion(other, "town", version, options)
                other.commit()

    engine = session.get_bind()
    event.listen(engine, "after_cursor_execute", replace)
    try:
        assert read(session) == whole > 0
    finally:
        event.remove(engine, "after_cursor_execute", replace)
    assert replaced


def test_a_pin_is_not_taken_for_other_ground(session: Session, version: str) -> None:
    fusions.compute_fusion(
        session, "town", version, FusionOptions(("party", "community"), leading="party", profile=ANY_SIZE)
    )
    # The west in one; grids part it in two.
    cell = stored_fusions.cell_at(session, "town", 121.405, 31.065)["cell"]
    pins = {cell: "P1"}
    other = FusionOptions(("party", "grid"), leading="party", pins=pins, profile=ANY_SIZE)
    with pytest.raises(InvalidRequestError, match=f"指定的单元 {cell} 已不是原来那块地"):
        fusions.compute_fusion(session, "town", version, other)
    assert stored_fusions.fusion_summary(session, "town")["layers"] == ["party", "community"]
    same = FusionOptions(("party", "community"), leading="party", pins=pins, profile=ANY_SIZE)
    fusions.compute_fusion(session, "town", version, same)
    assert stored_fusions.fusion_summary(session, "town")["options"]["pins"] == {str(cell): "P1"}


def test_a_draft_whose_zones_change_has_no_fusion_any_more(session: Session, version: str) -> None:
    fusions.compute_fusion(session, "town", version, FusionOptions(("party", "grid"), profile=ANY_SIZE))
    versions.mark_changed(session, versions.get_version(session, version))
    with pytest.raises(NotFoundError):
        stored_fusions.fusion_summary(session, "town")


def test_bad_choices_say_what_to_do(session: Session, version: str) -> None:
    with pytest.raises(NotFoundError):
        stored_fusions.fusion_summary(session, "town")
    for options, failure in (
        (FusionOptions(("party", "police")), NotFoundError),
        (FusionOptions(("party", "grid"), within="ward"), NotFoundError),
        (FusionOptions(("party", "grid"), leading="civil"), ZonesError),
        (FusionOptions(("party",)), ZonesError),
        (FusionOptions(("party", "grid", "party")), InvalidRequestError),
    ):
        with pytest.raises(failure) as caught:
            fusions.compute_fusion(session, "town", version, options)
        assert caught.value.zh


def test_a_version_of_another_territory_is_refused(session: Session, version: str, make_board: Any) -> None:
    places.load_place(session, make_board())
    with pytest.raises(InvalidRequestError):
        versions.version_within(session, "board", version)


def test_a_planner_fuses_over_http(web: Web) -> None:
    planner, viewer, path = web.program("planner"), web.program("viewer"), "/api/territories/town/fusion"
    assert (viewer.get(path).status_code, viewer.get(f"{path}.xlsx").status_code) == (404, 404)
    order = {
        "version": "town-v1",
        "layers": ["party", "grid"],
        "leading": "grid",
        "profile": {"households": None},
    }
    response = planner.post(path, json=order)
    assert response.status_code == 202, response.text
    web.services.jobs.wait()
    state = planner.get(f"/api/jobs/{response.json()['job']}").json()
    assert (state["status"], state["result"]["leading"]) == ("done", "grid"), state
    summary = viewer.get(path).json()
    assert summary["grids"] == state["result"]["grids"]
    conflicts = viewer.get(f"{path}/conflicts").json()["conflicts"]
    assert [row["number"] for row in conflicts] == list(range(1, len(conflicts) + 1))
    assert conflicts[0]["kind_name"] == "层内重叠"
    assert shape(conflicts[0]["geometry"]).is_valid
    crosswalk = viewer.get(f"{path}/crosswalk").json()["crosswalk"]
    assert {row["layer"] for row in crosswalk} == {"party", "grid"}
    answer = viewer.get(f"{path}.xlsx", params={"version": "town-v1"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="onegrid-town-v1-fusion.xlsx"'
    sheets = pd.read_excel(
        BytesIO(answer.content), sheet_name=None, header=None, engine="calamine", dtype=str
    )
    assert list(sheets) == ["汇总", "新旧对照", "分歧", "新网格"]
    assert sheets["汇总"].iloc[:3, 1].tolist() == ["多格合一", "小镇", "town-v1"]
    told = sheets["新旧对照"].iloc[6:]  # below five lines and the headings
    old = ["（没有网格）" if row["code"] is None else row["code"] for row in crosswalk]
    assert (told[2].tolist(), told[7].astype(int).tolist()) == (old, [row["household"] for row in crosswalk])
    assert {("网格", "310112103001111", "西南网格"), ("党建网格", "P1", "党建一")} <= set(
        told[[0, 2, 3]].itertuples(index=False, name=None)
    )
    assert sheets["分歧"].iloc[6:][1].tolist() == [row["kind_name"] for row in conflicts]
    proposal = viewer.get(f"{path}/proposal", params={"version": "town-v1"}).json()
    assert (proposal["version"], len(proposal["features"])) == ("town-v1", summary["grids"])
    assert proposal["features"][0]["properties"]["explanation"]
    cell = viewer.get(f"{path}/cell", params={"lon": 121.405, "lat": 31.065}).json()
    assert cell["codes"] == {"party": "P1", "grid": "310112103001111"}
    assert viewer.get(f"{path}/cell", params={"lon": 0, "lat": 0}).status_code == 404
    with transaction(web.engine) as session:
        events = audit.list_events(session, action="fusion.compute")
        assert [event.account for event in events] == ["planner"]


def test_fusions_need_a_planner_of_the_territory(web: Web) -> None:
    order = {"version": "town-v1", "layers": ["party", "grid"]}
    path = "/api/territories/town/fusion"
    for name in ("viewer", "stranger"):
        assert web.program(name).post(path, json=order).status_code == 403
    planner = web.program("planner")
    for body in (
        {**order, "layers": ["party"]},
        {**order, "profile": {"households": [300]}},
        {"version": "town-v1"},
    ):
        assert planner.post(path, json=body).status_code == 422, body
    assert planner.post("/api/territories/none/fusion", json=order).status_code == 404
    for path, body in (
        ("fusion", {**order, "profile": {"households": [500, 300]}}),
        ("proposals", {"households": [500, 300]}),
    ):
        refused = planner.post(f"/api/territories/town/{path}", json=body)
        assert refused.status_code == 422
        (fault,) = refused.json()["faults"]
        assert fault["where"].endswith("households"), fault
        assert "先写下限" in fault["problem"]


def test_without_a_version_the_one_in_force_or_the_only_fused_one_answers(
    session: Session, make_board: Any
) -> None:
    """board-v1 is in force, board-v2 and board-v3 are drafts: the newest is never what a reader expects."""
    places.load_place(session, make_board())
    assignments.assign(session, "board-v1")
    checks.check(session, "board-v1")
    first = versions.publish(session, "board-v1", "首次发布")
    for _ in range(2):
        versions.add_version(session, "board", copy_of=first)
    options = FusionOptions(("community", "grid"), profile=ANY_SIZE)

    def asked() -> str:
        return str(stored_fusions.fusion_summary(session, "board")["version"])

    with pytest.raises(NotFoundError):
        asked()
    fusions.compute_fusion(session, "board", "board-v2", options)
    assert asked() == "board-v2"
    fusions.compute_fusion(session, "board", "board-v3", options)
    with pytest.raises(NotFoundError) as several:
        asked()
    assert "board-v3、board-v2" in str(several.value)
    with pytest.raises(NotFoundError) as other:
        stored_fusions.fusion_summary(session, "board", "board-v1")
    assert "board-v3、board-v2" in str(other.value)
    fusions.compute_fusion(session, "board", "board-v1", options)
    assert asked() == "board-v1"
