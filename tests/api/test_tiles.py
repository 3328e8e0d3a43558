"""Vector tiles: what is in them, that neighbours still share their border, and when they may be kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyogrio
import pytest
import shapely
from sqlalchemy import text

from api.store.transactions import transaction

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from conftest import Web


def tile_of(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    """Return column and row of the tile that holds a point (OGC 17-083r4, D.3)."""
    across = (lon + 180) / 360 * 2**zoom
    down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom
    return int(across), int(down)


def layers_of(content: bytes, folder: Path) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers of a tile, in the tile's own coordinates."""
    path = folder / "tile.pbf"
    path.write_bytes(content)
    return {
        str(name): pyogrio.read_dataframe(path, layer=str(name), CLIP="NO")
        for name, _ in pyogrio.list_layers(path)
    }


def get(web: Web, name: str, layer: str, zoom: int = 14, **headers: str) -> Any:
    x, y = tile_of(121.4051, 31.0651, zoom)
    return web.program(name).get(f"/api/tiles/town-v1/{layer}/{zoom}/{x}/{y}.mvt", headers=headers)


def test_a_layer_has_one_mvt_layer_per_level_with_counts(web: Web, tmp_path: Path) -> None:
    response = get(web, "viewer", "admin", 12)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    layers = layers_of(response.content, tmp_path)
    assert sorted(layers) == ["community", "street"]
    (grids,) = layers_of(get(web, "viewer", "grid", 12).content, tmp_path).values()
    properties = ["code", "name", "kind", "level", "parent", "household", "business", "institution", "people"]
    assert [name for name in grids.columns if name not in ("geometry", "mvt_id")] == properties
    first = grids.set_index("code").loc["310112103001111"]
    assert (first["household"], first["business"], first["people"]) == (2, 0, 5)
    assert grids.set_index("code").loc["310112103002122", "household"] == 1


@pytest.mark.parametrize("zoom", [12, 14, 16])
def test_snapping_opens_no_gap_between_neighbours(web: Web, tmp_path: Path, zoom: int) -> None:
    (grids,) = layers_of(get(web, "viewer", "grid", zoom).content, tmp_path).values()
    shapes = grids.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    assert shapely.area(shapely.union_all(shapes)) == shapely.area(shapes).sum()


def test_streets_stations_faults_and_footprints(web: Web, tmp_path: Path) -> None:
    for layer, columns in (
        ("streets", {"kind", "name"}),
        ("stations", {"code", "name", "kind"}),
        ("faults", {"number", "kind", "severity"}),
        ("footprints", {"kind"}),
    ):
        found = layers_of(get(web, "viewer", layer, 14).content, tmp_path)
        if layer == "stations" and not found:
            continue  # none lies in this tile
        assert list(found) == [layer]
        assert columns <= set(found[layer].columns)


def test_names_of_buildings_only_for_those_who_may(web: Web, tmp_path: Path) -> None:
    public = layers_of(get(web, "viewer", "footprints", 14).content, tmp_path)["footprints"]
    assert "name" not in public.columns
    personal = layers_of(get(web, "chief", "footprints", 14).content, tmp_path)["footprints"]
    assert personal["name"].tolist() == ["一号楼"]
    assert get(web, "viewer", "footprints").headers["etag"] != get(web, "chief", "footprints").headers["etag"]


def test_a_sliver_thinner_than_the_tiles_grid_is_still_there(web: Web, tmp_path: Path) -> None:
    strip = "SRID=4490;POLYGON((121.41 31.0669, 121.41000001 31.0669, 121.41000001 31.0671, 121.41 31.0669))"
    with transaction(web.engine) as session:
        session.execute(
            text("""
                INSERT INTO fault (version_id, level_id, number, kind, severity, codes, area_m2, width_m, message,
                                   message_en, geom)
                SELECT version.id, level.id, 999, 'gap', 'error', '{}', 0.02, 0.001, '缝', 'gap', :strip
                FROM version, level WHERE version.code = 'town-v1' AND level.code = 'grid'
            """),
            {"strip": strip},
        )
    faults = layers_of(get(web, "viewer", "faults", 12).content, tmp_path)["faults"]
    assert 999 in faults["number"].tolist()


def test_small_streets_appear_with_the_zoom(web: Web) -> None:
    assert get(web, "viewer", "streets", 12).status_code == 204
    assert get(web, "viewer", "streets", 14).status_code == 200


def test_a_kept_tile_is_not_sent_again_until_it_changes(web: Web) -> None:
    first = get(web, "viewer", "grid")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    again = get(web, "viewer", "grid", **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    with transaction(web.engine) as session:
        session.execute(text("UPDATE version SET checked_at = now() WHERE code = 'town-v1'"))
    assert get(web, "viewer", "grid", **{"If-None-Match": etag}).status_code == 200


def test_places_without_content_and_places_that_are_none(web: Web) -> None:
    client = web.program("viewer")
    empty = client.get("/api/tiles/town-v1/grid/14/0/0.mvt")
    assert (empty.status_code, empty.content) == (204, b"")
    for path, status in (
        ("town-v9/grid/14/0/0", 404),
        ("town-v1/nothing/14/0/0", 404),
        ("town-v1/grid/1/2/0", 404),
        ("town-v1/grid/23/0/0", 422),
        ("town-v1/grid/3/-1/0", 422),
        ("town-v1/grid/0/0/0", 204),
    ):
        assert client.get(f"/api/tiles/{path}.mvt").status_code == status, path
