"""Which grid is it in: by point and address, one and many, at a date; and what it may tell whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.store import lookups
from api.store.accounts import Caller
from api.store.transactions import transaction
from geo.assignment import ZoneIndex
from geo.crs import from_internal

if TYPE_CHECKING:
    from conftest import Web

    from geo.records import Place


def grid_of(match: dict[str, Any]) -> list[str]:
    return [zone["code"][-3:] for zone in match["zones"] if zone["level"] == "grid"]


def test_a_point_is_in_one_zone_of_each_partition_level(web: Web) -> None:
    answer = web.program("viewer").get("/api/lookup", params={"lon": 121.405, "lat": 31.065}).json()
    assert answer["version"] == "town-v1"
    assert answer["query"] == {"lon": 121.405, "lat": 31.065, "crs": "EPSG:4490"}
    assert answer["ambiguous"] is False
    (match,) = answer["matches"]
    assert [(zone["level"], zone["name"]) for zone in match["zones"]] == [
        ("street", "颛桥镇"),
        ("community", "西社区"),
        ("grid", "西南网格"),
        ("party", "党建一"),
    ]
    assert [zone["parent"] for zone in match["zones"]] == [None, "310112103", "310112103001", None]
    # Half of 0.01 degrees of longitude at 31 degrees north is 477 m; of latitude, 554 m.
    assert match["zones"][2]["edge_m"] == pytest.approx(477, abs=1)
    assert match["station"]["code"] == "S1"
    assert match["station"]["straight_m"] is None or match["station"]["walk_m"] is None


def test_a_departments_layer_may_give_two_zones_and_none_is_no_fault_of_a_partition(web: Web) -> None:
    client = web.program("viewer")
    (both,) = client.get("/api/lookup", params={"lon": 121.4115, "lat": 31.065}).json()["matches"]
    assert [zone["code"] for zone in both["zones"] if zone["level"] == "party"] == ["P1", "P2"]
    (none,) = client.get("/api/lookup", params={"lon": 121.418, "lat": 31.078}).json()["matches"]
    assert [zone["code"] for zone in none["zones"] if zone["level"] == "party"] == []
    assert none["unassigned"] == {}


def test_a_border_point_is_in_one_grid_and_marked_ambiguous(web: Web) -> None:
    answer = web.program("viewer").get("/api/lookup", params={"address": "和平路1号"}).json()
    (match,) = answer["matches"]
    assert grid_of(match) == ["112"]  # on the border: the zone north of it
    assert answer["ambiguous"] is True


def test_other_references_are_converted(web: Web) -> None:
    client = web.program("viewer")
    for crs in ("GCJ-02", "BD-09", "EPSG:4549"):
        x, y = from_internal(np.array([121.405]), np.array([31.065]), crs)
        answer = client.get("/api/lookup", params={"lon": float(x[0]), "lat": float(y[0]), "crs": crs}).json()
        assert answer["matches"][0]["point"] == pytest.approx([121.405, 31.065], abs=2e-8)
    unknown = client.get("/api/lookup", params={"lon": 121.405, "lat": 31.065, "crs": "EPSG:1"})
    assert unknown.status_code == 422
    assert "EPSG:1" in unknown.json()["detail"]


def test_outside_is_an_answer_when_the_territory_is_named(web: Web) -> None:
    client = web.program("viewer")
    far = {"lon": 120.0, "lat": 30.0}
    (match,) = client.get("/api/lookup", params={**far, "territory": "town"}).json()["matches"]
    assert match["zones"] == []
    assert match["unassigned"] == {"street": "outside", "community": "outside", "grid": "outside"}
    assert client.get("/api/lookup", params=far).status_code == 404
    assert client.get("/api/lookup", params={**far, "territory": "nowhere"}).status_code == 404


def test_an_address_with_several_places_returns_them_all(web: Web) -> None:
    answer = web.program("viewer").get("/api/lookup", params={"address": "团结路5号"}).json()
    assert [grid_of(match) for match in answer["matches"]] == [["111"], ["122"]]
    assert answer["ambiguous"] is True


def test_an_unknown_address_says_which_come_near(web: Web) -> None:
    response = web.program("viewer").get("/api/lookup", params={"address": "北桥路12号"})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert {near["text"] for near in response.json()["near_misses"]} >= {"北桥路10号"}
    nothing = web.program("viewer").get("/api/lookup", params={"address": "qqqq"}).json()
    assert nothing["near_misses"] == [] if "near_misses" in nothing else True


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"lon": 121.4},
        {"address": "北桥路8号", "lon": 121.4, "lat": 31.0},
        {"lon": 181, "lat": 0},
        {"lon": "x", "lat": 1},
        {"address": "北桥路8号", "as-of": "2026-02-01"},
    ],
)
def test_senseless_queries_are_refused(web: Web, params: dict[str, Any]) -> None:
    assert web.program("viewer").get("/api/lookup", params=params).status_code == 422


def test_flats_and_telephones_only_for_those_who_may(web: Web) -> None:
    query = {"address": "颛兴东路1234弄15号602室"}
    before = len(web.events("disclosure"))
    (public,) = web.program("viewer").get("/api/lookup", params=query).json()["matches"]
    assert public["text"] == "颛兴东路1234弄15号"
    assert public["zones"][2]["staff"] == [{"role": "网格长", "name": "长111", "phone": "138****0111"}]
    assert len(web.events("disclosure")) == before
    (personal,) = web.program("officer").get("/api/lookup", params=query).json()["matches"]
    assert personal["text"] == "颛兴东路1234弄15号602室"
    assert personal["zones"][2]["staff"][0]["phone"] == "13800000111"
    event = web.events("disclosure")[0]
    assert (event.account, event.object, event.detail) == (
        "officer",
        "town-v1",
        {"shown": "lookup", "persons": 2},
    )
    (elsewhere,) = (
        web.program("officer").get("/api/lookup", params={"address": "北桥路8号"}).json()["matches"]
    )
    assert elsewhere["zones"][2]["staff"][0]["phone"] == "138****0122"
    assert len(web.events("disclosure")) == before + 1


def test_flats_of_one_building_are_one_match(web: Web) -> None:
    answer = web.program("viewer").get("/api/lookup", params={"address": "颛兴东路1234弄15号"}).json()
    assert [match["text"] for match in answer["matches"]] == ["颛兴东路1234弄15号"]
    assert answer["ambiguous"] is False


def test_a_date_asks_the_version_of_then(web: Web) -> None:
    client = web.program("viewer")
    point = {"lon": 121.405, "lat": 31.065, "territory": "town"}
    assert client.get("/api/lookup", params={**point, "as_of": "2026-02-01"}).json()["version"] == "town-v1"
    assert (
        client.get("/api/lookup", params={**point, "as_of": "2026-02-01T12:00:00Z"}).json()["version"]
        == "town-v1"
    )
    before = client.get("/api/lookup", params={**point, "as_of": "2025-06-01"})
    assert before.status_code == 404
    assert "2025-06-01" in before.json()["detail"]
    anywhere = client.get("/api/lookup", params={"address": "北桥路8号", "as_of": "2025-06-01"})
    assert anywhere.status_code == 404
    assert "2025-06-01" in anywhere.json()["detail"]


def test_a_batch_answers_in_order_and_says_what_it_lacks(web: Web) -> None:
    queries = [
        {"id": "a", "address": "北桥路8号"},
        {"id": "b", "lon": 121.405, "lat": 31.065},
        {"id": "c", "address": "没有的路99号"},
        {"id": "d", "lon": 0.0, "lat": 0.0},
    ]
    answer = web.program("viewer").post("/api/lookup", json={"queries": queries}).json()
    assert answer["version"] == "town-v1"
    results = {result["id"]: result for result in answer["results"]}
    assert list(results) == ["a", "b", "c", "d"]
    assert grid_of(results["a"]["matches"][0]) == ["122"]
    assert grid_of(results["b"]["matches"][0]) == ["111"]
    assert results["a"]["problem"] is None
    assert results["c"]["matches"] == []
    assert results["c"]["problem"] == "没有找到这个地址。"
    assert results["d"]["problem"] == "这个点不在任何辖区内。"


def test_a_batch_has_a_largest_size(web: Web) -> None:
    queries = [{"lon": 121.405, "lat": 31.065}] * (web.services.settings.batch_rows + 1)
    response = web.program("viewer").post("/api/lookup", json={"queries": queries})
    assert response.status_code == 422
    assert response.json()["detail"] == "一次最多查询 10000 条。"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([121.40, 121.405, 121.41, 121.4100000001, 121.411, 121.415, 121.42, 121.43]),
            st.sampled_from([31.06, 31.065, 31.0699999999, 31.07, 31.075, 31.08, 31.09]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_service_says_what_the_kernel_says(
    web: Web, town: Place, points: list[tuple[float, float]]
) -> None:
    """Law 2: one house, one grid, by the same rule in the kernel and the API, on borders too."""
    grids = town.zones.query("level == 'grid'").reset_index(drop=True)
    rows = ZoneIndex(grids).locate([x for x, _ in points], [y for _, y in points])
    expected = [[] if row < 0 else [grids["code"][row]] for row in rows]
    caller = Caller(0, "law", "law", "viewer")
    with transaction(web.engine) as session:
        queries = [lookups.Query(lon=x, lat=y) for x, y in points]
        answer = lookups.look_up_many(session, caller, queries, lookups.Lookup(territory="town"))
    found = [
        [zone["code"] for match in result["matches"] for zone in match["zones"] if zone["level"] == "grid"]
        for result in answer["results"]
    ]
    assert found == expected
