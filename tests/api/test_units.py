"""What lies at a place and can be given to a zone as a whole: blocks between streets, estates, buildings."""

from __future__ import annotations

import json

import pytest
import shapely
from shapely import LineString, Point, box
from sqlalchemy import text

from geo.units import block_at

CROSS = [LineString([(1, 0), (1, 2)]), LineString([(0, 1), (2, 1)])]


def test_a_block_is_the_face_between_streets_and_the_edge() -> None:
    found = block_at(Point(0.3, 1.6), CROSS, box(0, 0, 2, 2))
    assert found is not None
    assert shapely.equals(found, box(0, 1, 1, 2))
    assert block_at(Point(1.0, 0.5), CROSS, box(0, 0, 2, 2)) is None, "on a street"
    assert block_at(Point(3, 3), CROSS, box(0, 0, 2, 2)) is None, "outside"


@pytest.fixture
def place(web):
    """Return a browser, a plan, and the middle of the plan's first grid with an estate and a building put there."""
    planner = web.browser("planner")
    made = planner.post("/api/plans", json={"territory": "town", "name": "划单元"}).json()
    zones = planner.get(f"/api/plans/{made['id']}/zones?level=grid").json()["zones"]
    middle = shapely.from_geojson(json.dumps(zones[0]["geometry"])).point_on_surface()
    with web.engine.begin() as connection:
        for code, kind, reach in (("E-1", "estate", 2e-4), ("B-1", "building", 5e-5)):
            connection.execute(
                text(
                    """INSERT INTO subject (territory_id, code, kind, name, footprint)
                       SELECT id, :code, :kind, :code, ST_Multi(ST_Expand(
                           ST_SetSRID(ST_MakePoint(:lon, :lat), 4490), :reach))
                       FROM territory WHERE code = 'town'"""
                ),
                {"code": code, "kind": kind, "lon": middle.x, "lat": middle.y, "reach": reach},
            )
    return planner, made["id"], middle


def test_an_estate_comes_before_its_building_and_a_building_alone_may_be_asked_for(place) -> None:
    planner, plan, middle = place

    def ask(kind: str, east: float = 0.0) -> dict | None:
        answer = planner.get(f"/api/plans/{plan}/units?lon={middle.x + east}&lat={middle.y}&kind={kind}")
        assert answer.status_code == 200
        return answer.json()

    estate = ask("auto")
    assert estate is not None
    assert estate["kind"] == "estate"
    assert estate["name"] is None, "names are for those who may see persons"
    assert shapely.from_geojson(json.dumps(estate["geometry"])).contains(middle)
    building = ask("building")
    assert building is not None
    assert building["kind"] == "building"
    beside = ask("building", 1.5e-4)
    assert beside is not None
    assert beside["geometry"] != building["geometry"], "the smallest building at a place"
    assert ask("block", 1.0) is None
    assert planner.get(f"/api/plans/999999/units?lon={middle.x}&lat={middle.y}").status_code == 404
    assert planner.get(f"/api/plans/{plan}/units?lon=500&lat=0").status_code == 422
