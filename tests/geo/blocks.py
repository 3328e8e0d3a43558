"""Streets round squares, households strewn over them, and what holds for every proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from shapely import LineString, box

from geo.assignment import ZoneIndex
from geo.coverage import find_faults
from geo.partition.figures import cut_footprints

if TYPE_CHECKING:
    from geo.partition import Place, Proposal

WEST, SOUTH, STEP = 121.40, 31.06, 0.002  # a step is about 190 m east and 222 m north


def at(right: float, up: float) -> tuple[float, float]:
    return round(WEST + right * STEP, 8), round(SOUTH + up * STEP, 8)


def frame(shapes: list[Any], **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4490", index=range(len(shapes)))


def square(left: float, low: float, right: float, top: float) -> shapely.Polygon:
    return box(*at(left, low), *at(right, top))


def chessboard(side: int) -> gpd.GeoDataFrame:
    """Draw streets round side x side squares."""
    lines = [LineString([at(k, 0), at(k, side)]) for k in range(side + 1)]
    lines += [LineString([at(0, k), at(side, k)]) for k in range(side + 1)]
    return frame(lines, kind="residential")


def strewn(places: list[tuple[float, float, int]]) -> gpd.GeoDataFrame:
    """Put some households at each place (squares east, squares north, how many)."""
    return frame([shapely.Point(at(right, up)) for right, up, count in places for _ in range(count)])


def evenly(side: int, each: int) -> gpd.GeoDataFrame:
    return strewn([(x + 0.5, y + 0.5, each) for x in range(side) for y in range(side)])


def check_laws(found: Proposal, place: Place) -> None:
    """Check what holds for every proposal: law 1, one piece, no footprint cut, figures that are true."""
    shapes = found.zones.geometry.to_numpy()
    ground = (
        place.boundary
        if place.parents is None
        else shapely.coverage_union_all(place.parents.geometry.to_numpy())
    )
    exceptions = place.exceptions.union_all() if place.exceptions is not None else shapely.Polygon()
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    general = (found.zones["kind"] == "general").to_numpy()
    assert set(shapely.get_type_id(shapes[general])) == {3}  # a polygon: one piece
    rounding = 2e-8 * (shapely.length(ground) + shapely.length(shapes).sum())
    whole = shapely.union_all(shapes)
    assert (
        shapely.area(shapely.symmetric_difference(whole, shapely.difference(ground, exceptions))) < rounding
    )
    xy = shapely.get_coordinates(shapes)
    assert np.array_equal(xy, np.round(xy, 8))
    assert found.zones["code"].is_unique
    assert found.figures.cut_estates == found.figures.cut_buildings == 0
    for footprints in (place.estates, place.buildings):
        if footprints is not None and found.figures.across_parents == 0:
            assert len(cut_footprints(shapes, footprints.geometry.to_numpy(), 0.5)) == 0
    if place.households is not None:
        points = place.households.geometry.to_numpy()
        home = ZoneIndex(found.zones).locate(shapely.get_x(points), shapely.get_y(points))
        counted = np.bincount(home[home >= 0], minlength=len(shapes))
        assert found.zones["household"].tolist() == counted.tolist()
    if place.parents is not None:
        faults = find_faults(found.zones, parents=place.parents)
        assert set(faults["kind"]) <= {"cut_estate", "cut_building"}, faults
