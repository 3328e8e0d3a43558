"""Street networks: built from lines and OpenStreetMap, snapped to, measured on."""

from __future__ import annotations

import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from shapely import LineString, MultiLineString, Point, Polygon, get_coordinates, transform

from geo.errors import FileFormatError, NetworkError, UndeclaredReferenceError
from geo.network import StreetNetwork
from geo.walks import in_threads

MONACO = Path(__file__).parents[2] / "data" / "boundaries" / "monaco.osm.pbf"
EAST, NORTH = (
    500_000.0,
    3_440_000.0,
)  # easting and northing of the drawn towns, in the 3-degree zone of 120° E


def drawn(lines: list[list[tuple[float, float]]], **columns: list[object]) -> gpd.GeoDataFrame:
    """Draw street lines in metres from a corner near Shanghai."""
    shapes = [LineString([(EAST + x, NORTH + y) for x, y in line]) for line in lines]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4549").to_crs("EPSG:4490")


def town(lines: list[list[tuple[float, float]]], **columns: list[object]) -> StreetNetwork:
    return StreetNetwork.from_lines(drawn(lines, **columns))


def points(*xy: tuple[float, float] | None) -> gpd.GeoSeries:
    shapes = [None if p is None else Point(EAST + p[0], NORTH + p[1]) for p in xy]
    return gpd.GeoSeries(shapes, crs="EPSG:4549").to_crs("EPSG:4490")


CROSS = [[(0, 0), (100, 0), (200, 0)], [(100, -100), (100, 0), (100, 100)]]


def test_lines_are_joined_where_they_share_a_vertex() -> None:
    network = town(CROSS, name=["东街", "北街"], kind=["residential", "tertiary"])
    assert len(network.nodes) == 5
    assert network.edges["length_m"].to_numpy() == pytest.approx([100.0] * 4, abs=0.01)
    assert network.edges["name"].tolist() == ["东街", "东街", "北街", "北街"]
    assert network.distances_m(network.snap(points((0, 0))), 250.0).max() == pytest.approx(200.0, abs=0.01)


def test_a_bridge_stays_apart_unless_asked() -> None:
    lines = drawn([[(0, 0), (200, 0)], [(100, -100), (100, 100)]])
    apart, joined = StreetNetwork.from_lines(lines), StreetNetwork.from_lines(lines, join_crossings=True)
    assert (len(apart.nodes), len(apart.edges)) == (4, 2)
    assert (len(joined.nodes), len(joined.edges)) == (5, 4)
    start, end = points((0, 0)), points((100, 100))
    assert math.isinf(apart.distances_m(apart.snap(start), 1e6, apart.snap(end))[0, 0])
    assert joined.distances_m(joined.snap(start), 1e6, joined.snap(end))[0, 0] == pytest.approx(
        200.0, abs=0.01
    )


def test_crossings_are_joined_at_every_point_of_contact() -> None:
    wave = [(0, 0), (50, 50), (100, -50), (150, 50), (200, 0)]
    network = StreetNetwork.from_lines(drawn([[(0, 0), (200, 0)], wave]), join_crossings=True)
    assert len(network.nodes) == 4  # both ends and two crossings
    assert sorted(network.edges["from_node"].tolist() + network.edges["to_node"].tolist()) == sorted(
        [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    )


def test_expressways_are_not_walked_unless_the_data_says_so() -> None:
    network = town([CROSS[0], CROSS[1]], highway=["trunk", "residential"])
    assert network.edges["walkable"].tolist() == [False, False, True, True]
    snapped = network.snap(points((150, 5)), max_access_m=80)
    assert snapped.access_m[0] == pytest.approx(50.0, abs=0.01)
    told = town(CROSS, highway=["trunk", "residential"], walkable=[True, False])
    assert told.edges["walkable"].tolist() == [True, True, False, False]


def test_islands_are_marked_when_asked() -> None:
    lines = drawn([[(0, 0), (500, 0)], [(0, 50), (30, 50)]])
    assert StreetNetwork.from_lines(lines).edges["walkable"].all()
    assert StreetNetwork.from_lines(lines, island_m=100).edges["walkable"].tolist() == [True, False]
    alone = StreetNetwork.from_lines(lines.iloc[1:], island_m=100)
    assert alone.edges["walkable"].all()


def test_snapping_finds_the_point_on_the_edge() -> None:
    snapped = town(CROSS).snap(points((30, 40), (100, 0), (250, 0), None, (5_000, 5_000)))
    assert snapped.edge.tolist()[3:] == [-1, -1]
    assert snapped.access_m == pytest.approx([40.0, 0.0, 50.0, math.inf, math.inf], abs=0.01)
    assert snapped.offset_m[:3] == pytest.approx([30.0, 100.0, 100.0], abs=0.01)


def test_polygons_stand_for_a_point_on_their_surface_and_bad_numbers_have_no_location() -> None:
    network = town(CROSS)
    box = transform(
        Polygon([(20, 20), (40, 20), (40, 40), (20, 40)]), lambda xy: xy + np.array([EAST, NORTH])
    )
    house = gpd.GeoSeries([box, Polygon()], crs="EPSG:4549").to_crs("EPSG:4490")
    snapped = network.snap(house)
    assert snapped.access_m[0] == pytest.approx(30.0, abs=0.1)
    assert snapped.edge[1] == -1
    bad = network.snap_lonlat([math.nan, math.inf, 1e300, 0.0], [31.0, 31.0, 31.0, 0.0])
    assert bad.edge.tolist() == [-1] * 4


def test_no_streets_is_a_typed_error() -> None:
    with pytest.raises(NetworkError, match="没有可用的线段"):
        StreetNetwork.from_lines(gpd.GeoDataFrame(geometry=[], crs="EPSG:4490"))
    with pytest.raises(NetworkError, match="没有可用的线段"):
        StreetNetwork.from_lines(gpd.GeoDataFrame(geometry=[LineString(), None], crs="EPSG:4490"))
    with pytest.raises(NetworkError, match="没有可用的线段"):
        StreetNetwork.from_lines(drawn([[(0, 0), (0, 0)]]))
    with pytest.raises(NetworkError, match="第 2 条不是线"):
        StreetNetwork.from_lines(
            gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)]), Point(0, 0)], crs="EPSG:4490")
        )
    with pytest.raises(UndeclaredReferenceError):
        StreetNetwork.from_lines(gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])]))


def test_a_network_without_walkable_streets_reaches_nobody() -> None:
    network = town(CROSS, walkable=[False, False])
    snapped = network.snap(points((0, 0), (100, 0)))
    assert snapped.edge.tolist() == [-1, -1]
    assert np.isinf(network.distances_m(snapped, math.inf)).all()
    assert network.nearest_m(snapped, snapped)[0].tolist() == [-1, -1]


def test_multilines_and_rings_are_taken_apart() -> None:
    ring = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
    shape = MultiLineString([LineString(ring), LineString([(0, 0), (-100, 0)])])
    frame = gpd.GeoDataFrame(
        geometry=[transform(shape, lambda xy: xy + np.array([EAST, NORTH]))], crs="EPSG:4549"
    )
    network = StreetNetwork.from_lines(frame)
    walk = network.distances_m(network.snap(points((100, 90))), 1e4, network.snap(points((-100, 0))))
    assert walk[0, 0] == pytest.approx(290.0, abs=0.05)


def test_a_network_comes_back_from_its_arrays() -> None:
    network = town(CROSS, name=["东街", None], kind=["residential", "tertiary"])
    again = StreetNetwork.from_arrays(network.nodes.lon, network.nodes.lat, network.edges)
    where = points((30, 40), (160, 3))
    for a, b in ((network, again), (again, network)):
        assert a.distances_m(a.snap(where), 500).tolist() == b.distances_m(b.snap(where), 500).tolist()
    assert again.edges["name"].isna().tolist() == [False, False, True, True]
    with pytest.raises(NetworkError, match="length_m"):
        StreetNetwork.from_arrays([0.0], [0.0], network.edges.drop(columns="length_m"))
    with pytest.raises(NetworkError, match="不存在的节点"):
        StreetNetwork.from_arrays(network.nodes.lon[:2], network.nodes.lat[:2], network.edges)
    with pytest.raises(NetworkError, match="没有可用的线段"):
        StreetNetwork.from_arrays([], [], network.edges.iloc[:0])


def test_a_stored_length_that_differs_from_the_drawn_one_counts() -> None:
    network = town([[(0, 0), (100, 0)]])
    longer = network.edges.assign(length_m=200.0)
    again = StreetNetwork.from_arrays(network.nodes.lon, network.nodes.lat, longer)
    assert again.snap(points((50, 0))).offset_m[0] == pytest.approx(100.0, abs=0.01)


def test_input_frames_are_not_changed() -> None:
    lines = drawn(CROSS)
    before = lines.to_wkt().to_csv()
    StreetNetwork.from_lines(lines, join_crossings=True, island_m=50)
    assert lines.to_wkt().to_csv() == before


coordinate = st.integers(0, 12).map(lambda v: v * 40.0)
street = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=4)
spot = st.tuples(st.floats(-50, 530), st.floats(-50, 530))


@settings(deadline=None, max_examples=60)
@given(st.lists(street, min_size=1, max_size=14), st.lists(spot, min_size=2, max_size=5))
def test_walks_agree_with_scipy_and_are_symmetric(
    lines: list[list[tuple[float, float]]], spots: list[tuple[float, float]]
) -> None:
    try:
        network = town(lines)
    except NetworkError:
        assert all(len(set(line)) == 1 for line in lines)
        return
    places = network.snap(points(*spots), max_access_m=math.inf)
    assert (places.edge >= 0).all()
    shapes = network.edges.geometry.to_crs(network.crs)
    here = points(*spots).to_crs(network.crs)
    nearest = [float(shapes.distance(point).min()) for point in here]
    assert places.access_m == pytest.approx(nearest, abs=1e-6)

    ends = network.edges[["from_node", "to_node"]].to_numpy()
    size = len(network.nodes)
    best = np.full((size, size), np.inf)
    for (a, b), length in zip(ends, network.edges["length_m"], strict=True):
        best[a, b] = best[b, a] = min(best[a, b], length)
    nodes = dijkstra(csr_array(np.where(np.isinf(best), 0.0, best)), directed=False)
    walks = network.distances_m(places, math.inf, places)
    for i in range(len(spots)):
        for j in range(len(spots)):
            a, b = places.edge[i], places.edge[j]
            ways = [
                di + nodes[x, y] + dj
                for x, di in zip(ends[a], _ends(network, places, i), strict=True)
                for y, dj in zip(ends[b], _ends(network, places, j), strict=True)
            ]
            if a == b:
                ways.append(abs(places.offset_m[i] - places.offset_m[j]))
            assert walks[i, j] == pytest.approx(min(ways) + places.access_m[i] + places.access_m[j], abs=1e-6)
    assert walks == pytest.approx(walks.T, abs=1e-6)
    finite = np.isfinite(walks)
    straight = np.array([[p.distance(q) for q in here] for p in here])
    assert (walks[finite] >= straight[finite] - 1e-6).all()

    limited = network.distances_m(places, 200.0, places)
    assert np.array_equal(np.isfinite(limited), walks <= 200.0 + 1e-9)
    row, walk = network.nearest_m(places.take(np.array([0, 1])), places)
    assert walk == pytest.approx(walks[:2].min(axis=0), abs=1e-6)
    assert all(walks[r, j] == pytest.approx(walk[j], abs=1e-6) for j, r in enumerate(row) if r >= 0)


def _ends(network: StreetNetwork, places: object, i: int) -> tuple[float, float]:
    edge, offset = places.edge[i], float(places.offset_m[i])  # type: ignore[attr-defined]
    return offset, float(network.edges["length_m"].iloc[edge]) - offset


def test_monaco_is_one_walkable_town() -> None:
    network = StreetNetwork.from_osm(MONACO)
    assert len(network.edges) > 4_000
    assert set(network.edges["kind"]) >= {"footway", "steps", "residential", "primary"}
    assert not set(network.edges["kind"]) & {"construction", "raceway", "platform"}
    walkable = network.edges["walkable"].to_numpy()
    by_part = network.edges[walkable].groupby(network.components[walkable])["length_m"].sum()
    assert by_part.max() / by_part.sum() > 0.97
    assert by_part.min() >= 200.0
    assert network.edges.is_valid.all()
    streets = network.streets
    assert list(streets.columns) == ["name", "kind", "walkable", "attributes", "geometry"]
    # From the palace square to the casino: about 1.6 km on foot, 1.1 km as the crow flies.
    places = network.snap_lonlat([7.4203, 7.4283], [43.7315, 43.7391])
    assert 1_150 < network.distances_m(places.take(np.array([0])), 5_000, places)[0, 1] < 2_500


def test_nodes_of_monaco_are_the_ends_of_its_edges() -> None:
    network = StreetNetwork.from_osm(MONACO)
    for end, column in ((0, "from_node"), (-1, "to_node")):
        spots = np.array([get_coordinates(line)[end] for line in network.edges.geometry])
        node = network.edges[column]
        assert np.array_equal(spots, np.column_stack([network.nodes.lon[node], network.nodes.lat[node]]))


def test_a_file_that_is_no_map_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="找不到文件"):
        StreetNetwork.from_osm(tmp_path / "missing.osm.pbf")
    broken = tmp_path / "broken.osm.pbf"
    broken.write_bytes(b"this is no map")
    with pytest.raises(FileFormatError, match=r"broken\.osm\.pbf"):
        StreetNetwork.from_osm(broken)


def test_osm_tags_decide_who_walks(tmp_path: Path) -> None:
    ways = [
        {"highway": "trunk"},
        {"highway": "trunk", "sidewalk": "both"},
        {"highway": "residential", "foot": "no"},
        {"highway": "service", "access": "private"},
        {"highway": "service", "access": "private", "foot": "yes"},
        {"highway": "construction"},
        {"highway": "primary", "motorroad": "yes"},
        {"highway": "steps", "name": "台阶"},
    ]
    nodes = [f'<node id="{i}" version="1" lat="{31 + i / 1000}" lon="121"/>' for i in range(1, len(ways) + 2)]
    body = [
        f'<way id="{i}" version="1"><nd ref="{i}"/><nd ref="{i + 1}"/>'
        + "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        + "</way>"
        for i, tags in enumerate(ways, start=1)
    ]
    path = tmp_path / "town.osm"
    path.write_text('<osm version="0.6">' + "".join(nodes + body) + "</osm>", encoding="utf-8")
    edges = StreetNetwork.from_osm(path, island_m=0).edges
    assert edges["walkable"].tolist() == [False, True, False, False, True, False, True]
    assert edges["name"].tolist()[-1] == "台阶"
    path.write_text(
        '<osm version="0.6"><node id="1" version="1" lat="31" lon="121"/></osm>', encoding="utf-8"
    )
    with pytest.raises(NetworkError):
        StreetNetwork.from_osm(path)


def test_threads_share_the_rows_without_overlap() -> None:
    seen = np.zeros(101, dtype=int)

    def work(a: int, b: int) -> None:
        seen[a:b] += 1

    in_threads(work, 101)
    assert (seen == 1).all()
    in_threads(work, 0)
