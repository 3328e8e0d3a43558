"""The synthetic places: valid coverages, honest counts, known faults, the same again for the same seed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import FileFormatError
from geo.partition import components, contiguous_parts
from geo.records import COLUMNS, SUBJECT_KINDS
from geo.samples import Sample, make_zhuanqiao, random_points, random_zones

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = ("street", "functional", "community", "grid")


@pytest.fixture(scope="module")
def sample() -> Sample:
    return make_zhuanqiao(households=20_000, seed=1)


def level(sample: Sample, code: str) -> gpd.GeoDataFrame:
    zones = sample.place.zones
    return zones[zones["level"] == code].reset_index(drop=True)


@pytest.mark.parametrize("code", PARTITIONS)
def test_partition_levels_are_coverages_of_the_town(sample: Sample, code: str) -> None:
    shapes = level(sample, code).geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    assert shapely.coverage_union_all(shapes).equals(sample.place.boundary)
    assert shapely.area(shapes).sum() == pytest.approx(sample.place.boundary.area, rel=1e-12)


def test_territory_is_where_and_as_large_as_the_town(sample: Sample) -> None:
    centre = sample.place.boundary.centroid
    assert abs(centre.x - 121.40) < 0.01
    assert abs(centre.y - 31.07) < 0.01
    area = gpd.GeoSeries([sample.place.boundary], crs="EPSG:4490").to_crs("EPSG:4549").area.iloc[0]
    assert area == pytest.approx(20e6, rel=0.01)


@pytest.mark.parametrize(
    ("child", "parent"), [("functional", "street"), ("community", "street"), ("grid", "community")]
)
def test_every_zone_lies_in_its_parent(sample: Sample, child: str, parent: str) -> None:
    children, parents = level(sample, child), level(sample, parent)
    united = children.dissolve("parent").geometry
    assert set(united.index) == set(parents["code"])
    for code, shape in zip(parents["code"], parents.geometry, strict=True):
        assert united[code].symmetric_difference(shape).area == 0.0


def test_functional_zones_are_unions_of_communities(sample: Sample) -> None:
    zones, communities = level(sample, "functional"), level(sample, "community")
    assert [name.removesuffix("片区") for name in zones["name"]] == ["颛桥", "君莲", "都市", "田园", "北桥"]
    inside = [sum(zone.covers(community) for zone in zones.geometry) for community in communities.geometry]
    assert inside == [1] * len(communities)


def test_communities_are_the_official_ones(sample: Sample) -> None:
    official = pd.read_csv("data/boundaries/divisions.csv", dtype=str)
    official = official[official["parent_code"] == "310112103"]
    communities = level(sample, "community")
    assert dict(zip(communities["code"], communities["name"], strict=True)) == dict(
        zip(official["code"], official["name"], strict=True)
    )


def test_grid_codes_extend_their_community_and_names_say_it(sample: Sample) -> None:
    grids = level(sample, "grid")
    assert grids["code"].str.fullmatch(r"\d{15}").all()
    assert (grids["code"].str[:12] == grids["parent"]).all()
    assert grids["code"].is_unique
    assert grids["name"].is_unique
    assert "兴银花园第一网格" in set(grids["name"])
    assert (grids["kind"] == "dedicated").sum() >= 10
    roles = Counter(member["role"] for member in grids["staff"].iloc[0])
    assert roles["网格长"] == roles["专职网格员"] == roles["兼职网格员"] == roles["网格指导员"] == 1


def test_grids_hold_three_to_five_hundred_households_where_blocks_allow() -> None:
    sample = make_zhuanqiao(households=60_000, seed=3)
    grids = level(sample, "grid")
    grids = grids[grids["kind"] == "general"]
    households = sample.place.subjects[sample.place.subjects["kind"] == "household"]
    tree = shapely.STRtree(grids.geometry.to_numpy())
    _, row = tree.query(households.geometry.to_numpy(), predicate="within")
    counts = np.bincount(row, minlength=len(grids))
    assert np.mean((counts >= 300) & (counts <= 500)) > 0.75
    assert counts.max() <= 650


def test_estates_lie_in_one_grid_and_buildings_in_their_estate(sample: Sample) -> None:
    subjects = sample.place.subjects
    estates = subjects[subjects["kind"] == "estate"].set_index("code").geometry
    grids = level(sample, "grid").geometry
    home = shapely.STRtree(grids.to_numpy()).query(estates.to_numpy(), predicate="covered_by")
    assert Counter(home[0].tolist()) == Counter(range(len(estates)))
    buildings = subjects[subjects["kind"] == "building"]
    owner = buildings["attributes"].map(lambda extra: extra.get("estate"))
    homes = buildings[owner.notna()]
    around = estates.loc[owner.dropna()].to_numpy()
    assert shapely.covers(around, homes.geometry.to_numpy()).all()
    tree = shapely.STRtree(buildings.geometry.to_numpy())
    pairs = tree.query(buildings.geometry.to_numpy(), predicate="overlaps")
    assert pairs.shape[1] == 0


def test_households_live_in_their_building(sample: Sample) -> None:
    subjects = sample.place.subjects
    buildings = subjects[subjects["kind"] == "building"].set_index("code")
    households = subjects[subjects["kind"] == "household"]
    door = households["attributes"].map(lambda extra: extra["building"])
    footprint = buildings.geometry.loc[door].to_numpy()
    inside = shapely.contains(footprint, households.geometry.to_numpy())
    strange = households[~inside]
    assert len(households) == 20_000
    assert strange.geometry.isna().sum() == 40
    assert len(strange) == 50  # 40 without location, 4 with a bad one, 6 outside the town
    doors = buildings["address"].loc[door].to_numpy()
    matches = [text.startswith(start) for text, start in zip(households["address"], doors, strict=True)]
    assert all(matches)
    assert households["address"].str.contains(r"^\S+路\d+弄\d+号\d{3,4}室$").mean() > 0.9
    assert households["address"].is_unique


def test_people_are_counted_or_unknown(sample: Sample) -> None:
    households = sample.place.subjects[sample.place.subjects["kind"] == "household"]
    assert str(households["people"].dtype) == "Int64"
    assert 0.01 < households["people"].isna().mean() < 0.03
    assert households["people"].dropna().between(1, 6).all()


def test_institutions_and_stations_are_all_inside(sample: Sample) -> None:
    place = sample.place
    institutions = place.subjects[place.subjects["kind"] == "institution"]
    assert shapely.contains(place.boundary, institutions.geometry.to_numpy()).all()
    assert shapely.contains(place.boundary, place.stations.geometry.to_numpy()).all()
    kinds = place.stations["kind"].value_counts()
    assert kinds["center"] == 1
    assert kinds["zone"] == 5
    assert kinds["point"] >= 41
    zones = level(sample, "functional")
    for row, zone in enumerate(zones.geometry):
        assert zone.contains(place.stations.geometry.iloc[1 + row])


def test_streets_are_noded_and_barriers_not_walkable(sample: Sample) -> None:
    streets = sample.place.streets
    assert {"motorway", "river", "primary", "secondary", "tertiary", "residential"} == set(streets["kind"])
    assert (streets["walkable"] == ~streets["kind"].isin(["motorway", "river"])).all()
    assert {"沪闵路", "颛兴路", "沪金高速公路", "俞塘"} <= set(streets["name"].dropna())
    tree = shapely.STRtree(streets.geometry.to_numpy())
    assert tree.query(streets.geometry.to_numpy(), predicate="crosses").shape[1] == 0
    # blocks follow streets: the border of a community is street except on the town's outline
    border = shapely.union_all(shapely.boundary(level(sample, "community").geometry.to_numpy()))
    ways = shapely.union_all(streets.geometry.to_numpy()).union(sample.place.boundary.boundary)
    assert border.difference(ways.buffer(1e-8)).length == 0.0


def test_frames_have_their_columns_and_quantised_coordinates(sample: Sample) -> None:
    place = sample.place
    for kind in ("zones", "stations", "addresses", "streets"):
        frame = getattr(place, kind)
        expected = {column.name for column in COLUMNS[kind]} - {"lon", "lat"}
        assert expected | {"attributes", "geometry"} == set(frame.columns)
    for kind in ("zones", "subjects", "stations", "addresses", "streets"):
        frame = getattr(place, kind)
        assert frame.crs == "EPSG:4490"
        assert isinstance(frame.index, pd.RangeIndex)
        xy = shapely.get_coordinates(frame.geometry.to_numpy())
        assert np.array_equal(np.round(xy, 8), xy)
    assert set(place.subjects["kind"]) == set(SUBJECT_KINDS)
    assert place.subjects["code"].is_unique
    assert place.addresses["text"].is_unique
    assert place.synthetic
    assert "合成示意数据" in place.source
    assert any("合成示意数据" in note for note in place.notes)


def test_addresses_lead_to_subjects(sample: Sample) -> None:
    addresses = sample.place.addresses
    assert set(addresses["subject"]) <= set(sample.place.subjects["code"])
    households = sample.place.subjects.query("kind == 'household'")
    assert set(households["address"]) <= set(addresses["text"])


def test_injected_faults_are_the_only_faults_of_the_party_layer(sample: Sample) -> None:
    injected = sample.injected
    assert Counter(injected["kind"]) == {
        "gap": 4, "overlap": 6, "sliver": 6, "inlet": 3, "stray": 1, "duplicate": 1, "contained": 1,
    }  # fmt: skip
    party = level(sample, "party").set_index("code").geometry
    assert {code for codes in injected["codes"] for code in codes} <= set(party.index)
    narrow = injected[injected["kind"].isin(["gap", "overlap", "sliver"])]
    assert narrow["width_m"].min() == 0.05
    assert narrow["width_m"].max() == 20.0

    uncovered = sample.place.boundary.difference(shapely.union_all(party.to_numpy()))
    expected = injected[injected["kind"].isin(["gap", "sliver", "inlet"])]
    assert uncovered.symmetric_difference(shapely.union_all(expected.geometry.to_numpy())).area < 1e-15
    tree = shapely.STRtree(party.to_numpy())
    left, right = tree.query(party.to_numpy(), predicate="intersects")
    both = shapely.intersection(party.to_numpy()[left[left < right]], party.to_numpy()[right[left < right]])
    doubled = shapely.union_all(both[shapely.area(both) > 1e-16])
    expected = injected[injected["kind"].isin(["overlap", "duplicate", "contained"])]
    assert doubled.symmetric_difference(shapely.union_all(expected.geometry.to_numpy())).area < 1e-15
    parts = shapely.get_num_geometries(party.to_numpy())
    assert party.index[parts > 1].tolist() == injected.query("kind == 'stray'")["codes"].iloc[0]


def test_other_departments_disagree_but_are_coverages(sample: Sample) -> None:
    borders = {}
    for code in ("order", "civil", "urban"):
        shapes = level(sample, code).geometry.to_numpy()
        assert shapely.is_valid(shapes).all()
        assert shapely.coverage_is_valid(shapes)
        borders[code] = shapely.union_all(shapely.boundary(shapes))
    assert borders["order"].difference(borders["urban"]).length > 0.1
    missing = sample.place.boundary.difference(shapely.union_all(level(sample, "civil").geometry.to_numpy()))
    assert missing.area > 0.01 * sample.place.boundary.area


def test_the_same_seed_gives_the_same_place() -> None:
    first, again, other = make_zhuanqiao(1000, 5), make_zhuanqiao(1000, 5), make_zhuanqiao(1000, 6)
    for kind in ("zones", "subjects", "stations", "addresses", "streets"):
        one, two = getattr(first.place, kind), getattr(again.place, kind)
        pd.testing.assert_frame_equal(
            pd.DataFrame(one.drop(columns="geometry")), pd.DataFrame(two.drop(columns="geometry"))
        )
        assert one.geometry.to_wkb().equals(two.geometry.to_wkb())
    assert first.injected.equals(again.injected)
    assert not first.place.boundary.equals(other.place.boundary)


@pytest.mark.parametrize("seed", [2, 11, 47])
def test_small_places_keep_the_laws(seed: int) -> None:
    sample = make_zhuanqiao(households=1000, seed=seed)
    for code in PARTITIONS:
        shapes = level(sample, code).geometry.to_numpy()
        assert shapely.coverage_is_valid(shapes)
        assert shapely.get_type_id(shapes).max() == 3  # polygons only: every zone in one piece
        assert shapely.coverage_union_all(shapes).equals(sample.place.boundary)
    assert (sample.place.subjects["kind"] == "household").sum() == 1000


def test_larger_places_have_more_ground_and_more_grids() -> None:
    sample = make_zhuanqiao(households=150_000, seed=1)
    assert (sample.place.subjects["kind"] == "household").sum() == 150_000
    grids = level(sample, "grid")
    assert 300 < len(grids) < 500
    assert shapely.coverage_is_valid(grids.geometry.to_numpy())


def test_divisions_without_the_town_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "divisions.csv"
    other.write_text("code,name,level,parent_code\n140213,平城区,county,1402\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="颛桥镇"):
        make_zhuanqiao(1000, divisions=other)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 150), vertices=st.integers(4, 60), seed=st.integers(0, 10_000))
def test_random_zones_are_a_coverage_without_gaps(n: int, vertices: int, seed: int) -> None:
    zones = random_zones(n, vertices=vertices, seed=seed)
    shapes = zones.geometry.to_numpy()
    assert len(zones) == n
    assert zones["code"].is_unique
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    whole = shapely.coverage_union_all(shapes)
    assert whole.geom_type == "Polygon"
    assert not shapely.get_num_interior_rings(whole)
    assert set(shapely.get_num_coordinates(shapes)) == {vertices // 4 * 4 + 1}
    xy = shapely.get_coordinates(shapes)
    assert np.array_equal(np.round(xy, 8), xy)


@given(n=st.integers(0, 500), seed=st.integers(0, 10_000))
def test_random_points_stay_inside(n: int, seed: int) -> None:
    lon, lat = random_points((112.0, 39.0, 113.0, 40.0), n, seed=seed)
    assert len(lon) == len(lat) == n
    assert ((lon >= 112.0) & (lon <= 113.0) & (lat >= 39.0) & (lat <= 40.0)).all()


@settings(deadline=None, max_examples=60)
@given(
    side=st.integers(1, 9),
    weights=st.lists(st.integers(0, 260), min_size=81, max_size=81),
    seed=st.integers(0, 99),
)
def test_parts_are_connected_and_complete(side: int, weights: list[int], seed: int) -> None:
    """Blocks of a square town: every part in one piece, every block in one part."""
    cells = np.arange(side * side).reshape(side, side)
    pairs = np.vstack(
        [
            np.column_stack([cells[:, :-1].ravel(), cells[:, 1:].ravel()]),
            np.column_stack([cells[:-1].ravel(), cells[1:].ravel()]),
        ]
    )
    parts = contiguous_parts(
        np.array(weights[: side * side]), pairs, strength=np.ones(len(pairs)), low=300, high=500, seed=seed
    )
    assert set(parts) == set(range(parts.max() + 1))
    same = parts[pairs[:, 0]] == parts[pairs[:, 1]]
    assert components(side * side, pairs[same]).max() == parts.max()


def test_parts_of_nothing() -> None:
    none = np.zeros((0, 2), dtype=np.int64)
    assert len(contiguous_parts(np.zeros(0), none, strength=np.zeros(0), low=1, high=2)) == 0
    alone = contiguous_parts(np.array([900.0, 5.0]), none, strength=np.zeros(0), low=300, high=500)
    assert alone.tolist() == [0, 1]
