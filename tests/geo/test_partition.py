"""Proposals of grids: exact coverage, one piece each, nothing cut, limits held where possible, the same every time."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString

from geo.assignment import ZoneIndex
from geo.coverage.plane import Plane
from geo.crs import to_internal
from geo.errors import ZonesError
from geo.partition import BlockRules, Place, ProposalOptions, propose
from geo.partition.graph import connect, metis_parts
from geo.partition.ground import faces_of, led_on, without_loose_nodes
from geo.partition.proposal import apportion
from geo.plans import Draft
from geo.plans.adoption import adopt
from geo.samples import make_zhuanqiao
from tests.geo.blocks import at, check_laws, chessboard, evenly, frame, square, strewn

DATA = File(__file__).parents[2] / "data" / "boundaries"
NO_SIZES = BlockRules(reach_m=0.0, least_area_m2=0.0, least_width_m=0.0)


# ---- whole proposals


def test_a_board_is_shared_out_evenly() -> None:
    place = Place(square(0, 0, 4, 4), streets=chessboard(4), households=evenly(4, 10))
    found = propose(place, ProposalOptions(grids=4))
    check_laws(found, place)
    assert found.figures.zones == 4
    assert found.zones["household"].tolist() == [40, 40, 40, 40]
    assert found.figures.balance == 1.0
    # four squares of four: nothing is more compact
    assert found.figures.compactness == pytest.approx(np.pi / 4, abs=0.01)
    assert found.figures.moved_households is None


def test_limits_decide_how_many() -> None:
    place = Place(square(0, 0, 6, 6), streets=chessboard(6), households=evenly(6, 45))
    found = propose(place, ProposalOptions(households=(300.0, 500.0)))
    check_laws(found, place)
    assert found.zones["household"].between(300, 500).all()
    assert found.figures.in_band == found.figures.zones == 4
    assert (found.zones["note"] == "").all()


def test_what_no_division_can_mend_is_said() -> None:
    # one estate of 800, and a community of 120
    parents = frame([square(0, 0, 2, 2), square(2, 0, 4, 2)], code=["A1", "B1"], name=["甲社区", "乙社区"])
    place = Place(
        parents=parents,
        streets=chessboard(4),
        estates=frame([square(0.1, 0.1, 0.9, 0.9)], code=["E1"], name=["阳光花园"]),
        households=strewn([(0.5, 0.5, 800), (1.5, 1.5, 320), (3.5, 0.5, 120)]),
    )
    found = propose(place)
    check_laws(found, place)
    notes = dict(zip(found.zones["household"], found.zones["note"], strict=True))
    assert notes[800].startswith(
        "800 户，超过 500 户: 小区“阳光花园”所在的一块地有 800 户，小区不拆到两个网格。"
    )
    assert "切分" in notes[800]
    assert "提高户数上限" in notes[800]
    assert "只有 120 户" in notes[120]
    assert notes[320] == ""
    assert set(found.zones["parent"]) == {"A1", "B1"}


@pytest.mark.parametrize(
    ("buildings", "why"),
    [
        (frame([square(0.4, 0.4, 0.6, 0.6)], code=["B7"]), "楼栋“B7”所在的一块地有 800 户"),
        (frame([square(0.4, 0.4, 0.6, 0.6)]), "楼栋所在的一块地有 800 户"),
        (None, "一带的街区有 800 户，里面没有道路可作边界。请补充内部道路"),
    ],
    ids=["named", "nameless", "none"],
)
def test_what_keeps_a_block_whole_is_named(buildings: gpd.GeoDataFrame | None, why: str) -> None:
    """800 households at one place, beside 400 in each of two squares."""
    homes = strewn([(0.5, 0.5, 800), (1.5, 0.5, 400), (2.5, 0.5, 400)])
    place = Place(square(0, 0, 3, 1), streets=chessboard(3), buildings=buildings, households=homes)
    notes = propose(place).zones["note"].tolist()
    assert [note for note in notes if why in note], notes


def test_more_grids_than_blocks_are_refused_with_words() -> None:
    place = Place(square(0, 0, 1, 1), households=strewn([(0.5, 0.5, 10)]))
    found = propose(place, ProposalOptions(grids=5, blocks=NO_SIZES))
    assert found.figures.zones == 1
    assert any("实际 1 个" in message for message in found.messages)


def test_a_street_through_an_estate_goes_round_it() -> None:
    estate = square(1.5, 0.5, 2.4, 1.5)  # the street at 2 runs through
    building = square(0.95, 1.2, 1.05, 1.4)  # and the one at 1 through this
    place = Place(
        square(0, 0, 4, 2),
        streets=chessboard(4),
        estates=frame([estate]),
        buildings=frame([building]),
        households=strewn([(0.5, 1, 100), (1.2, 1, 100), (1.9, 1, 100), (3.5, 1, 100)]),
    )
    found = propose(place, ProposalOptions(grids=2))
    check_laws(found, place)
    assert found.zones["household"].tolist() == [200, 200]


def test_a_large_block_is_divided_between_its_estates() -> None:
    estates = [square(x + 0.1, y + 0.1, x + 0.9, y + 0.9) for x in range(2) for y in range(2)]
    homes = [(x + 0.5, y + 0.5, 400) for x in range(2) for y in range(2)]
    place = Place(square(0, 0, 2, 2), estates=frame(estates), households=strewn(homes))
    found = propose(place)
    check_laws(found, place)
    assert found.zones["household"].tolist() == [400] * 4


def test_an_expressway_is_a_border_even_where_it_costs_balance() -> None:
    lines = chessboard(4)
    lines.loc[1, "kind"] = "motorway"  # at 1 east: 4 squares on one side, 12 on the other
    place = Place(square(0, 0, 4, 4), streets=lines, households=evenly(4, 30))
    found = propose(place, ProposalOptions(grids=4))
    check_laws(found, place)
    assert found.figures.inside_barriers_m == 0.0


def test_a_dead_end_that_stops_short_is_led_on() -> None:
    lines = frame([LineString([at(1, 0), at(1, 1.95)])], kind="residential")  # 11 m short of the outline
    place = Place(square(0, 0, 2, 2), streets=lines)
    assert len(propose(place, ProposalOptions(grids=2)).blocks) == 2
    short = ProposalOptions(grids=2, blocks=BlockRules(reach_m=5.0))
    assert len(propose(place, short).blocks) == 1


def test_traffic_islands_join_a_block() -> None:
    lines = [LineString([at(1, 0), at(1, 2)]), LineString([at(1.03, 0), at(1.03, 2)])]  # two carriageways
    place = Place(square(0, 0, 2, 2), streets=frame(lines, kind="primary"))
    assert len(propose(place, ProposalOptions(grids=2)).blocks) == 2


def test_dedicated_zones_and_exceptions_stay_as_they_are() -> None:
    park, lake = square(1, 1, 2, 2), square(3, 0, 4, 1)
    current = frame(
        [square(0, 0, 4, 4).difference(park).difference(lake), park],
        code=["G1", "G2"],
        name=["一", "公园"],
        kind=["general", "dedicated"],
        parent=[None, None],
    )
    place = Place(
        square(0, 0, 4, 4),
        current=current,
        streets=chessboard(4),
        households=evenly(4, 10),
        exceptions=frame([lake]),
    )
    found = propose(place, ProposalOptions(grids=3))
    check_laws(found, place)
    kept = found.zones[found.zones["kind"] == "dedicated"]
    assert kept["code"].tolist() == ["G2"]
    assert shapely.equals(kept.geometry.iloc[0], park)
    assert not found.zones.geometry.intersects(shapely.centroid(lake)).any()
    assert (found.figures.general, found.figures.dedicated) == (3, 1)


def halves(codes: tuple[str, str] = ("C001", "C002")) -> gpd.GeoDataFrame:
    """Draw two zones of a 4 x 4 board: three columns, and one."""
    return frame(
        [square(0, 0, 3, 4), square(3, 0, 4, 4)],
        code=list(codes),
        name=["大格", "小格"],
        kind="general",
        parent="C",
        staff=[[{"role": "网格长", "name": "王某"}], []],
        attributes=[{"备注": "试点"}, {}],
    )


def test_keeping_everything_restores_every_zone() -> None:
    parents = frame([square(0, 0, 4, 4)], code=["C"], name=["丙社区"])
    place = Place(parents=parents, current=halves(), streets=chessboard(4), households=evenly(4, 10))
    found = propose(place, ProposalOptions(grids=2, keep=1.0))
    check_laws(found, place)
    assert found.figures.moved_households == 0
    assert found.zones["code"].tolist() == ["C001", "C002"]
    assert found.zones["name"].tolist() == ["大格", "小格"]
    assert found.zones["staff"].iloc[0][0]["name"] == "王某"
    for shape, old in zip(found.zones.geometry, halves().geometry, strict=True):
        assert shapely.equals(shape, old)


def test_drawn_afresh_codes_are_new_and_who_moves_is_counted() -> None:
    parents = frame([square(0, 0, 4, 4)], code=["C"], name=["丙社区"])
    place = Place(parents=parents, current=halves(), streets=chessboard(4), households=evenly(4, 10))
    found = propose(place, ProposalOptions(grids=2), retired=["C003"])
    check_laws(found, place)
    assert found.figures.balance == 1.0
    assert found.figures.moved_households == 80  # north and south are rounder halves than west and east
    assert found.figures.changed_share == 0.5
    assert set(found.zones["code"]) == {"C004", "C005"}  # 001 and 002 are retired by it, 003 was before
    assert set(found.zones["name"]) == {"丙社区第4网格", "丙社区第5网格"}


def test_keep_weighs_balance_against_change() -> None:
    parents = frame([square(0, 0, 4, 4)], code=["C"], name=["丙社区"])
    place = Place(parents=parents, current=halves(), streets=chessboard(4), households=evenly(4, 10))
    moved = [
        propose(place, ProposalOptions(grids=2, keep=keep)).figures.moved_households
        for keep in (0.0, 0.1, 1.0)
    ]
    assert moved == sorted(moved, key=lambda count: -(count or 0))
    assert moved[0] == 80
    assert moved[-1] == 0


def test_official_communities_give_official_codes() -> None:
    parents = frame([square(0, 0, 4, 4)], code=["310112103001"], name=["银桥社区"])
    found = propose(
        Place(parents=parents, streets=chessboard(4), households=evenly(4, 10)), ProposalOptions(grids=2)
    )
    assert found.zones["code"].tolist() == ["310112103001001", "310112103001002"]


def test_without_households_ground_is_shared_out() -> None:
    place = Place(square(0, 0, 4, 4), streets=chessboard(4))
    found = propose(place, ProposalOptions(grids=4))
    check_laws(found, place)
    assert found.zones["area_m2"].max() / found.zones["area_m2"].min() < 1.05
    assert any("没有住户数据" in message for message in found.messages)


@pytest.mark.parametrize(
    ("place", "options"),
    [
        (Place(), ProposalOptions()),
        (Place(square(0, 0, 1, 1)), ProposalOptions(households=None)),
        (Place(square(0, 0, 1, 1)), ProposalOptions(grids=0)),
        (Place(square(0, 0, 1, 1)), ProposalOptions(households=(500.0, 300.0))),
        (Place(square(0, 0, 1, 1)), ProposalOptions(keep=2.0)),
        (Place(square(0, 0, 1, 1), exceptions=frame([square(0, 0, 1, 1)])), ProposalOptions(grids=1)),
    ],
)
def test_contradicting_wishes_say_what_to_do(place: Place, options: ProposalOptions) -> None:
    with pytest.raises(ZonesError) as caught:
        propose(place, options)
    assert caught.value.remedy


# ---- the synthetic town, and real streets


def test_a_town_is_better_than_it_was() -> None:
    town = make_zhuanqiao(households=6000).place
    zones, subjects = town.zones, town.subjects
    located = subjects[subjects.geometry.notna()]
    place = Place(
        parents=zones[zones["level"] == "community"].reset_index(drop=True),
        current=zones[zones["level"] == "grid"].reset_index(drop=True),
        streets=town.streets,
        estates=located[located["kind"] == "estate"],
        buildings=located[located["kind"] == "building"],
        households=located[located["kind"] == "household"],
    )
    afresh = propose(place, ProposalOptions(households=(80.0, 160.0)))
    check_laws(afresh, place)
    gentle = propose(place, ProposalOptions(households=(80.0, 160.0), keep=1.0))
    check_laws(gentle, place)
    before = ZoneIndex(place.current).locate(place.households.geometry.x, place.households.geometry.y)
    assert gentle.figures.moved_households <= afresh.figures.moved_households
    counted = np.bincount(before[before >= 0], minlength=len(place.current))
    general = (place.current["kind"] == "general").to_numpy()
    was_in_band = ((counted[general] >= 80) & (counted[general] <= 160)).mean()
    assert afresh.figures.in_band / afresh.figures.general >= was_in_band
    # adopted, it gives every level valid shapes: streets and communities were rounded apart by a step of the grid
    own_levels = zones[zones["level"].isin(["street", "functional", "community", "grid"])]
    for found in (afresh, gentle):
        draft = Draft.from_frame(own_levels, town.levels, town.boundary)
        draft.apply(adopt(draft, "grid", found.zones))
        for level in ("street", "functional", "community", "grid"):
            shapes = np.array([zone.geometry for zone in draft.at(level)], dtype=object)
            assert shapely.is_valid(shapes).all()
            assert shapely.coverage_is_valid(shapes)
    again = propose(place, ProposalOptions(households=(80.0, 160.0), keep=1.0))
    assert again.zones["code"].tolist() == gentle.zones["code"].tolist()
    assert shapely.equals_identical(again.zones.geometry.to_numpy(), gentle.zones.geometry.to_numpy()).all()


def wuhan(side_m: float) -> Place:
    """Cut a square out of the streets of Wuhan, with made-up estates and households in it."""
    lines = gpd.read_parquet(DATA / "wuhan_streets.parquet").rename(columns={"highway": "kind"})
    middle = shapely.Point(238_000.0, 3_387_000.0).buffer(side_m / 2.0, cap_style="square")
    lines = lines[lines.intersects(middle)]
    rng = np.random.default_rng(1)
    centre = middle.bounds[0] + side_m * rng.random((int(side_m**2 / 30_000), 2))
    centre[:, 1] += middle.bounds[1] - middle.bounds[0]
    estates = shapely.box(*(centre - 45.0).T, *(centre + 45.0).T)
    estates = estates[shapely.within(estates, middle)]
    apart = [k for k, shape in enumerate(estates) if not shapely.intersects(shape, estates[:k]).any()]
    estates = estates[apart]
    homes = shapely.get_coordinates(shapely.centroid(estates)).repeat(
        rng.integers(20, 160, len(estates)), axis=0
    )
    homes += rng.uniform(-40.0, 40.0, homes.shape)

    def internal(shapes: Any, **columns: Any) -> gpd.GeoDataFrame:
        return to_internal(
            gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32650", index=range(len(shapes))),
            declared="EPSG:32650",
        )

    return Place(
        internal([middle]).geometry.iloc[0],
        streets=internal(lines.geometry.to_numpy(), kind=lines["kind"].to_numpy()),
        estates=internal(estates),
        households=internal(shapely.points(homes)),
    )


def test_real_streets_make_blocks_and_grids() -> None:
    place = wuhan(2000.0)
    found = propose(place)
    check_laws(found, place)
    figures = found.figures
    assert len(found.blocks) > 3 * figures.zones
    assert shapely.coverage_is_valid(found.blocks.geometry.to_numpy())
    assert figures.in_band is not None
    assert figures.in_band >= 0.9 * figures.zones
    assert figures.balance < 1.35
    assert figures.compactness > 0.4


def test_refinement_is_better_than_metis_alone() -> None:
    found = propose(wuhan(1500.0))
    blocks, zones = found.blocks, found.zones
    faces = blocks.geometry.to_numpy()
    row, other = shapely.STRtree(faces).query(faces, predicate="touches")
    length = shapely.length(shapely.intersection(faces[row], faces[other]))
    both = (row < other) & (length > 0.0)
    pairs = np.column_stack([row, other])[both]
    load = blocks["household"].to_numpy(dtype=np.float64)
    plain = connect(
        metis_parts(load, pairs, length[both] / length[both].max(), len(zones)), load, pairs, length[both]
    )
    sums = np.bincount(plain, weights=load)
    assert zones["household"].max() / zones["household"].mean() <= sums.max() / sums.mean()


# ---- parts


def test_grids_are_shared_out_by_load() -> None:
    assert apportion(np.array([900.0, 300.0, 10.0]), np.array([9, 9, 9]), 5).tolist() == [3, 1, 1]
    assert apportion(np.array([900.0, 300.0]), np.array([2, 9]), 5).tolist() == [2, 3]  # no more than blocks
    assert apportion(np.array([1.0, 1.0]), np.array([1, 1]), 9).tolist() == [1, 1]


def test_streets_that_meet_are_not_led_on() -> None:
    lines = np.array([LineString([at(0, 0), at(1, 0)]), LineString([at(1, 0), at(1, 1)])], dtype=object)
    plane = Plane.of(frame(list(lines)))
    assert len(led_on(lines, np.empty(0, dtype=object), plane, 30.0)) == 2


def test_only_vertices_that_noding_added_go() -> None:
    rims = [square(0, 0, 2, 1).boundary, LineString([at(1, 0), at(1, 1)])]
    faces = faces_of(rims)
    assert shapely.get_num_coordinates(faces).tolist() == [5, 5]
    whole = np.array([shapely.coverage_union_all(faces)], dtype=object)
    assert shapely.get_num_coordinates(whole).tolist() == [7]  # the ends of the street remain as vertices
    outline = np.array([square(0, 0, 2, 1)], dtype=object)
    assert shapely.get_num_coordinates(without_loose_nodes(whole, outline)).tolist() == [5]
    kept = without_loose_nodes(faces, outline)
    assert shapely.get_num_coordinates(kept).tolist() == [5, 5]  # a junction: both need it
