"""The tables that the map is made of: territories, versions, zones, faults, stations, circles, search, exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Web

    from geo.records import Place

GRID = "310112103001111"


def test_territories_and_versions(web: Web) -> None:
    client = web.program("viewer")
    (town,) = client.get("/api/territories").json()
    assert town == {
        "code": "town", "name": "小镇", "synthetic": True, "source": "drawn by hand", "data_date": "2026-03-01",
        "notes": ["测试用"], "bbox": [121.4, 31.06, 121.42, 31.08], "current_version": "town-v1",
    }  # fmt: skip
    (version,) = client.get("/api/territories/town/versions").json()
    assert version["version"] == "town-v1"
    assert version["status"] == "published"
    assert version["valid_from"] == "2026-01-01T00:00:00Z"
    assert client.get("/api/territories/none/versions").status_code == 404


def test_a_version_adds_up(web: Web, town: Place) -> None:
    details = web.program("viewer").get("/api/versions/town-v1").json()
    assert details["territory"]["name"] == "小镇"
    assert details["map_approval"] == "内部工作用图"
    assert {level["code"]: level["zones"] for layer in details["layers"] for level in layer["levels"]} == {
        "street": 1, "community": 2, "grid": 4, "party": 2,
    }  # fmt: skip
    for row in details["reconciliation"]:
        reasons = row["outside"] + row["gap"] + row["no_location"] + row["bad_location"]
        assert row["assigned"] + reasons == row["total"]
    grids = {row["kind"]: row for row in details["reconciliation"] if row["level"] == "grid"}
    assert (grids["household"]["assigned"], grids["household"]["no_location"]) == (3, 1)
    assert sum(row["total"] for row in grids.values()) == len(town.subjects)
    assert details["stations"] == 2
    assert details["faults"]["total"] == sum(details["faults"]["by_kind"].values())
    assert [line["minutes"] for line in details["coverage"]] == [5, 10, 15]
    assert all(line["households_total"] == 4 for line in details["coverage"])


def test_a_table_of_zones(web: Web) -> None:
    table = web.program("viewer").get("/api/versions/town-v1/zones", params={"level": "grid"}).json()
    assert (table["version"], table["level"], len(table["zones"])) == ("town-v1", "grid", 4)
    first = table["zones"][0]
    assert (first["code"], first["parent"], first["people"]) == (GRID, "310112103001", 5)
    assert first["counts"] == {
        "household": 2, "business": 0, "institution": 0, "building": 1, "estate": 0, "facility": 0,
    }  # fmt: skip
    assert first["staff"] == [{"role": "网格长", "name": "长111"}]
    assert first["bbox"] == [121.4, 31.06, 121.41, 31.07]
    north_east = table["zones"][3]
    assert north_east["people"] is None  # one household, of unknown size: unknown, not zero
    # A degree of latitude is 110.9 km here, one of longitude 95.4 km: 0.01 by 0.01 is 1.06 km².
    assert first["area_m2"] == pytest.approx(1.058e6, rel=0.01)
    assert (
        web.program("viewer").get("/api/versions/town-v1/zones", params={"level": "none"}).status_code == 404
    )


def test_one_zone_hides_telephones_from_those_who_may_not(web: Web) -> None:
    path = f"/api/versions/town-v1/zones/grid/{GRID}"
    zone = web.program("viewer").get(path).json()
    assert zone["parent"] == {"code": "310112103001", "name": "西社区", "level": "community"}
    assert zone["staff"] == [{"role": "网格长", "name": "长111", "phone": "138****0111"}]
    assert [station["code"] for station in zone["stations"]] == ["S1"]
    assert zone["geometry"]["type"] == "MultiPolygon"
    assert "crs" not in zone["geometry"]
    community = web.program("viewer").get("/api/versions/town-v1/zones/community/310112103001").json()
    assert community["children"] == 2
    # No level of this town has grids above it: that there are no children is not a count of none.
    assert zone["children"] is None
    party = web.program("viewer").get("/api/versions/town-v1/zones/party/P1").json()
    assert party["children"] is None
    before = len(web.events("disclosure"))
    assert web.program("officer").get(path).json()["staff"][0]["phone"] == "13800000111"
    (event,) = web.events("disclosure")[: len(web.events("disclosure")) - before]
    assert (event.account, event.object) == ("officer", f"town-v1/grid/{GRID}")
    other = web.program("officer").get("/api/versions/town-v1/zones/grid/310112103002122").json()
    assert other["staff"][0]["phone"] == "138****0122"
    assert web.program("viewer").get("/api/versions/town-v1/zones/grid/none").status_code == 404


def test_faults_have_names_places_and_sentences(web: Web) -> None:
    faults = web.program("viewer").get("/api/versions/town-v1/faults").json()["faults"]
    kinds = {(fault["level"], fault["kind"]) for fault in faults}
    assert ("party", "overlap") in kinds
    overlap = next(fault for fault in faults if fault["kind"] == "overlap")
    assert sorted(overlap["codes"]) == ["P1", "P2"]
    assert overlap["kind_name"] == "重叠"
    assert 121.411 <= overlap["point"][0] <= 121.412
    assert overlap["message"]
    assert [fault["number"] for fault in faults] == list(range(1, len(faults) + 1))


def test_stations_and_circles(web: Web) -> None:
    client = web.program("viewer")
    stations = client.get("/api/versions/town-v1/stations").json()["stations"]
    assert [station["code"] for station in stations] == ["S1", "S2"]
    everything = client.get("/api/versions/town-v1/circles").json()["circles"]
    together = client.get("/api/versions/town-v1/circles", params={"station": "all"}).json()["circles"]
    assert [(circle["station"], circle["minutes"]) for circle in together] == [
        (None, 15),
        (None, 10),
        (None, 5),
    ]
    one = client.get("/api/versions/town-v1/circles", params={"station": "S1"}).json()["circles"]
    assert {circle["station"] for circle in one} == {"S1"}
    assert len(everything) == len(together) + 2 * len(one)
    assert all(0 <= circle["share"] <= 1 for circle in everything)
    assert client.get("/api/versions/town-v1/circles", params={"station": "S9"}).status_code == 404


def test_search_finds_zones_stations_and_addresses_without_flats(web: Web) -> None:
    def search(name: str, words: str) -> list[tuple[str, str]]:
        answer = web.program(name).get("/api/search", params={"q": words, "version": "town-v1"}).json()
        assert answer["version"] == "town-v1"
        return [(result["type"], result["title"]) for result in answer["results"]]

    assert search("viewer", "西南") == [("zone", "西南网格")]
    assert search("viewer", GRID) == [("zone", "西南网格")]
    assert search("viewer", "东站") == [("station", "东站")]
    assert search("viewer", "颛兴东路") == [("address", "颛兴东路1234弄15号")]
    assert search("viewer", "赵一") == []
    assert search("viewer", "100%_\\") == []
    before = len(web.events("disclosure"))
    assert search("officer", "赵一") == [("subject", "赵一")]
    assert search("officer", "孙三") == []  # lives in the east, where the officer may not look
    assert search("chief", "孙三") == [("subject", "孙三")]
    assert search("chief", "面馆") == [("subject", "面馆")]  # no person
    assert len(web.events("disclosure")) == before + 2
    assert web.program("viewer").get("/api/search", params={"q": "x", "version": "none"}).status_code == 404


def test_exceptions_are_registered_by_planners(web: Web) -> None:
    shape = {
        "type": "Polygon",
        "coordinates": [[[121.412, 31.07], [121.42, 31.07], [121.42, 31.08], [121.412, 31.07]]],
    }
    body = {"name": "六磊塘", "reason": "河道", "geometry": shape}
    url = "/api/territories/town/exceptions"
    assert web.program("viewer").post(url, json=body).status_code == 403
    made = web.program("planner").post(url, json=body)
    assert made.status_code == 201
    assert made.json()["area_m2"] > 100_000
    (listed,) = web.program("viewer").get(url).json()
    assert (listed["name"], listed["reason"]) == ("六磊塘", "河道")
    assert web.events("exception.register")[0].account == "planner"
    for wrong in (
        {**body, "geometry": {"type": "Point", "coordinates": [1, 2]}},
        {**body, "geometry": {}},
        {**body, "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}},
        {**body, "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
        {**body, "crs": "EPSG:1"},
        {**body, "name": ""},
    ):
        assert web.program("planner").post(url, json=wrong).status_code == 422, wrong
    assert web.program("planner").post("/api/territories/none/exceptions", json=body).status_code in {
        403,
        404,
    }


def test_a_briefing_is_self_contained(web: Web) -> None:
    response = web.program("viewer").get("/api/briefings/town-v1.html", params={"level": "grid"})
    assert response.status_code == 200
    assert "town-v1" in response.text
    assert "示意数据" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "sandbox" in response.headers["content-security-policy"]
    assert web.program("viewer").get("/api/briefings/none.html").status_code == 404


def test_the_audit_trail_pages_backwards(web: Web) -> None:
    client = web.program("root")
    newest = client.get("/api/audit", params={"limit": 2}).json()["events"]
    assert len(newest) == 2
    older = client.get("/api/audit", params={"limit": 2, "before": newest[-1]["id"]}).json()["events"]
    assert older[0]["id"] < newest[-1]["id"]
    grants = client.get("/api/audit", params={"action": "grant.add"}).json()["events"]
    assert {event["action"] for event in grants} == {"grant.add"}
    assert client.get("/api/audit", params={"account": "nobody"}).json()["events"] == []
