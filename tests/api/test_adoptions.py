"""A proposal becomes a plan: one change that can be looked at, edited, undone and published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from api.cli import app
from api.store import (
    adoptions,
    assignments,
    checks,
    drafts,
    fusions,
    places,
    plans,
    publishing,
    stored_fusions,
    versions,
)
from api.store.errors import NotFoundError
from api.store.fusions import FusionOptions
from api.store.zonesets import read_zones
from geo.errors import RefusedError, ZonesError
from geo.fusion import FusionProfile
from geo.plans import operations as op

if TYPE_CHECKING:
    from conftest import Web
    from sqlalchemy.orm import Session

    from geo.fusion import Fusion
    from geo.records import Place

ANY_SIZE = FusionProfile(households=None)
SOUTH_WEST, NORTH_WEST = "310112103001111", "310112103001112"


def published(session: Session, place: Place) -> str:
    places.load_place(session, place)
    code = f"{place.code}-v1"
    assignments.assign(session, code)
    checks.check(session, code)
    versions.publish(session, code, "首次发布")
    session.commit()
    return code


def fuse(session: Session, leading: str, within: str | None = "community") -> Fusion:
    options = FusionOptions(("party", "grid"), leading=leading, within=within, profile=ANY_SIZE)
    fusions.compute_fusion(session, "town", "town-v1", options)
    return stored_fusions.read_fusion(session, "town")


def zones_of(session: Session, number: int, level: str = "grid") -> dict[str, Any]:
    states = drafts.zones_of(session, drafts.Rooms(), number, level).zones
    return {state.zone.code: state for state in states}


def test_a_fusion_is_adopted_edited_undone_and_published(session: Session, town: Place) -> None:
    published(session, town)
    fused = fuse(session, "party")
    plan = adoptions.adopt_fusion(session, "town", "合一", "grid", author=None)
    assert (plan.revision, plan.base, plan.status) == (1, "town-v1", "open")
    # P1 takes the whole west: one grid there goes on, the other is merged into it.
    grids = zones_of(session, plan.id)
    assert len(grids) == len(fused.proposal)
    assert NORTH_WEST not in grids
    heir = grids[SOUTH_WEST]
    assert (heir.zone.name, heir.zone.staff[0]["name"]) == ("西南网格", "长111")
    assert heir.zone.attributes["proposal"] in set(fused.proposal["code"])
    assert sum(state.figures.counts["household"] for state in grids.values()) == 3
    assert all(state.zone.parent for state in grids.values())
    (change,) = plans.history(session, plan.id)
    assert change["operation"] == "adopt"
    assert "主导图层 party" in change["reason"]

    def rename(draft: Any) -> Any:
        return op.describe(draft, "grid", SOUTH_WEST, name="西网格")

    rooms = drafts.Rooms()
    drafts.edit(session, rooms, plan.id, rename, revision=1)
    for revision in (2, 3):
        drafts.undo(session, rooms, plan.id, revision=revision)
    before = read_zones(session, versions.get_version(session, "town-v1"))
    for level in ("street", "community", "grid"):
        undone = zones_of(session, plan.id, level)
        stored = before[before["level"] == level].set_index("code")
        assert set(undone) == set(stored.index)
        for code, state in undone.items():
            assert shapely.equals_identical(
                shapely.multipolygons(shapely.get_parts(state.zone.geometry)), stored.geometry[code]
            )
            assert list(state.zone.staff) == stored["staff"][code]
    for revision in (4, 5):
        drafts.redo(session, rooms, plan.id, revision=revision)
    session.commit()
    info = publishing.publish_plan(session, plan.id, "多格合一")
    assert (info.code, info.status) == ("town-v2", "published")
    after = read_zones(session, info, "grid").set_index("code")
    assert set(after.index) == set(grids)
    assert after["name"][SOUTH_WEST] == "西网格"


def test_what_was_not_fused_within_communities_is_refused_and_leaves_no_plan(
    session: Session, town: Place
) -> None:
    published(session, town)
    with pytest.raises(NotFoundError, match="还没有融合"):
        adoptions.adopt_fusion(session, "town", "合一", "grid", author=None)
    fuse(session, "party", within=None)
    session.commit()
    with pytest.raises(RefusedError) as refusal:
        adoptions.adopt_fusion(session, "town", "合一", "grid", author=None)
    assert "--within community" in refusal.value.remedy
    session.rollback()
    assert plans.list_plans(session, "town") == []
    with pytest.raises(ZonesError, match="没有层级"):
        adoptions.adopt_fusion(session, "town", "合一", "ward", author=None)


def test_a_departments_own_level_may_be_adopted_too(session: Session, town: Place) -> None:
    published(session, town)
    fuse(session, "party", within=None)
    plan = adoptions.adopt_fusion(session, "town", "党建", "party", author=None)
    assert {"P1", "P2"} <= set(zones_of(session, plan.id, "party"))


def test_two_thousand_grids_become_one_thousand(session: Session, make_board: Any) -> None:
    place = make_board(side=48, households=3_000)
    published(session, place)
    grids = place.zones[place.zones["level"] == "grid"]
    row, column = grids["code"].str[1:3].astype(int), grids["code"].str[3:].astype(int)
    pair = (row * 24 + column // 2).to_numpy()
    shapes = grids.geometry.to_numpy()
    merged = [shapely.coverage_union_all(shapes[pair == number]) for number in np.unique(pair)]
    proposal = gpd.GeoDataFrame({"code": [f"N{n:04}" for n in np.unique(pair)]}, geometry=merged, crs=4490)
    plan = adoptions.adopt(session, "board", "减半", "grid", proposal, reason="减半", author=None)
    session.commit()
    now = zones_of(session, plan.id)
    assert len(now) == 48 * 24
    assert set(now) < set(grids["code"])  # each goes on as one of the two that it was
    assert sum(state.figures.counts["household"] for state in now.values()) == int(
        (place.subjects.geometry.within(place.boundary) & (place.subjects["kind"] == "household")).sum()
    )
    drafts.undo(session, drafts.Rooms(), plan.id, revision=1)
    assert len(zones_of(session, plan.id)) == len(grids)


def test_a_planner_adopts_over_http(web: Web) -> None:
    planner, path = web.program("planner"), "/api/territories/town/fusion"
    assert planner.post(f"{path}/plan", json={"name": "合一"}).status_code == 404
    order = {
        "version": "town-v1",
        "layers": ["party", "grid"],
        "leading": "party",
        "profile": {"households": None},
    }
    for within, status in ((None, 422), ("community", 201)):
        planner.post(path, json={**order, "within": within})
        web.services.jobs.wait()
        answer = planner.post(f"{path}/plan", json={"name": "合一", "level": "grid"})
        assert answer.status_code == status, answer.text
        if status == 422:
            assert "跨越" in answer.text
            assert planner.get("/api/territories/town/plans").json() == []
    plan = answer.json()
    assert (plan["name"], plan["revision"], plan["base"], plan["may_edit"]) == ("合一", 1, "town-v1", True)
    zones = planner.get(f"/api/plans/{plan['id']}/zones", params={"level": "grid"}).json()["zones"]
    assert NORTH_WEST not in {zone["code"] for zone in zones}
    undone = planner.post(f"/api/plans/{plan['id']}/undo", json={"revision": 1})
    assert undone.status_code == 200, undone.text
    assert [event.account for event in web.events("plan.adopt")] == ["planner"]
    for name in ("viewer", "stranger"):
        assert web.program(name).post(f"{path}/plan", json={"name": "合一"}).status_code == 403
    assert planner.post(f"{path}/plan", json={"name": ""}).status_code == 422


def test_the_command_fuses_and_adopts_and_adopts_what_is_stored(session: Session, town: Place) -> None:
    published(session, town)

    def onegrid(*words: str) -> Any:
        return CliRunner().invoke(app, ["fuse", "town", *words])

    nothing = onegrid("--adopt", "合一")
    assert nothing.exit_code == 1
    assert "还没有融合" in nothing.output
    made = onegrid("--layers", "party,grid", "--leading", "party", "--households", "none", "--adopt", "合一")
    assert made.exit_code == 0, made.output
    assert "合一" in made.output
    again = onegrid("--adopt", "再来")
    assert again.exit_code == 0, again.output
    found = plans.list_plans(session, "town")
    assert [(plan.name, plan.revision) for plan in found] == [("再来", 1), ("合一", 1)]
    assert zones_of(session, found[0].id).keys() == zones_of(session, found[1].id).keys()
    files = CliRunner().invoke(app, ["fuse", "party=a.gpkg", "order=b.gpkg", "--adopt", "合一"])
    assert files.exit_code == 1
    assert "载入同一版本" in files.output
