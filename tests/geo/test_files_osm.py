"""Monaco from its OpenStreetMap extract: what is counted as what, and what is said about it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.errors import FileFormatError, ZonesError
from geo.files import read_osm
from geo.files.extracts import is_walkable

if TYPE_CHECKING:
    from geo.records import Place

DATA = Path(__file__).parents[2] / "data" / "boundaries"


def test_six_wards_are_a_coverage_of_their_territory(monaco: Place) -> None:
    wards = monaco.zones[monaco.zones["level"] == "community"]
    assert sorted(wards["name"]) == [
        "Fontvieille",
        "La Condamine",
        "La Rousse",
        "Larvotto",
        "Monaco-Ville",
        "Monte-Carlo",
    ]
    assert shapely.coverage_is_valid(wards.geometry.to_numpy())
    assert shapely.equals(shapely.coverage_union_all(wards.geometry.to_numpy()), monaco.boundary)
    assert set(wards["parent"]) == {"monaco"}
    assert monaco.zones["staff"].map(len).sum() == 0


def test_what_is_counted(monaco: Place) -> None:
    kinds = monaco.subjects["kind"].value_counts()
    assert kinds["household"] > 470
    assert kinds["building"] > kinds["household"]
    assert kinds["business"] > 150
    assert {"institution", "facility", "estate"} <= set(kinds.index)
    assert monaco.subjects["code"].is_unique
    assert monaco.subjects["people"].isna().all()
    assert shapely.is_valid(monaco.subjects.geometry.to_numpy()).all()
    assert len(monaco.addresses) > 250
    assert monaco.addresses["subject"].dropna().isin(monaco.subjects["code"]).all()


def test_stations_are_named_and_inside_with_one_centre(monaco: Place) -> None:
    assert (monaco.stations["kind"] == "center").sum() == 1
    assert monaco.stations.set_index("kind").loc["center", "name"] == "Mairie de Monaco"
    assert shapely.covers(monaco.boundary, monaco.stations.geometry.to_numpy()).all()


def test_streets_meet_only_at_their_ends(monaco: Place) -> None:
    ends: set[tuple[float, float]] = set()
    inner: set[tuple[float, float]] = set()
    for line in monaco.streets.geometry:
        first, *middle, last = line.coords
        ends |= {first, last}
        inner |= set(middle)
    assert not ends & inner
    assert monaco.streets["walkable"].sum() > 4500


def test_every_frame_is_internal_and_quantised(monaco: Place) -> None:
    for frame in (monaco.zones, monaco.subjects, monaco.stations, monaco.addresses, monaco.streets):
        assert isinstance(frame, gpd.GeoDataFrame)
        assert frame.crs.to_epsg() == 4490
        assert frame.index.to_list() == list(range(len(frame)))
        coordinates = shapely.get_coordinates(frame.geometry.to_numpy())
        np.testing.assert_array_equal(coordinates, np.round(coordinates, 8))


def test_the_notes_say_what_the_numbers_mean(monaco: Place) -> None:
    notes = "\n".join(monaco.notes)
    for words in ("每栋住宅楼计一户", "用途不明", "Les Monegetti", "门牌", "并非党群服务站"):
        assert words in notes
    assert monaco.source == "© OpenStreetMap contributors, ODbL 1.0"
    assert monaco.date == "2023-12-26"
    assert not monaco.synthetic


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    path.write_bytes(b"nothing")
    with pytest.raises(FileFormatError):
        read_osm(path, code="a", name="甲")
    path = tmp_path / "b.osm"
    path.write_text('<osm version="0.6"><node id="1" version="1" lat="1" lon="1"/></osm>')
    with pytest.raises(ZonesError, match="行政区"):
        read_osm(path, code="b", name="乙")


@pytest.mark.parametrize(
    ("tags", "walkable"),
    [
        ({"highway": "footway"}, True),
        ({"highway": "motorway"}, False),
        ({"highway": "cycleway", "foot": "yes"}, True),
        ({"highway": "service", "access": "private"}, False),
        ({"highway": "service", "access": "private", "foot": "permissive"}, True),
        ({"highway": "residential", "foot": "no"}, False),
    ],
)
def test_where_one_may_walk(tags: dict[str, str], *, walkable: bool) -> None:
    assert is_walkable(tags) is walkable


def test_sources_name_every_file_with_its_sum() -> None:
    listed = dict(re.findall(r"\| `([^`]+)` \|.*`([0-9a-f]{64})`", (DATA / "SOURCES.md").read_text("utf-8")))
    present = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in DATA.iterdir() if p.name != "SOURCES.md"
    }
    assert listed == present
