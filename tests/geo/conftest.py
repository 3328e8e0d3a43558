"""What tests of the kernel share: the real place, and frames small enough to draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely

from geo.files import read_osm

if TYPE_CHECKING:
    from geo.records import Place

DATA = Path(__file__).parents[2] / "data" / "boundaries"


@pytest.fixture(scope="session")
def monaco() -> Place:
    """Monaco, read from its OpenStreetMap extract once."""
    return read_osm(DATA / "monaco.osm.pbf", code="monaco", name="摩纳哥", name_en="Monaco")


@pytest.fixture
def two_zones() -> gpd.GeoDataFrame:
    """Two zones side by side near Zhuanqiao, their common border at 121.41."""
    return gpd.GeoDataFrame(
        {
            "code": ["310112103001001", "310112103001002"],
            "name": ["第一网格", "第二网格"],
            "layer": "grid",
            "level": "grid",
            "kind": ["general", "dedicated"],
            "parent": "310112103001",
            "staff": [[{"role": "网格长", "name": "王某", "phone": "13800000000"}], []],
            "attributes": [{"备注": "试点"}, {}],
        },
        geometry=[shapely.box(121.40, 31.07, 121.41, 31.08), shapely.box(121.41, 31.07, 121.42, 31.08)],
        crs="EPSG:4490",
    )
