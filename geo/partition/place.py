"""What a proposal is made from: ground, streets, footprints, households, and the zones as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from geo.crs import INTERNAL_CRS
from geo.errors import ZonesError
from geo.partition.blocks import Given

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely import MultiPolygon, Polygon

    Geometries = NDArray[np.object_]

_EMPTY = np.empty(0, dtype=object)


@dataclass(frozen=True, eq=False)
class Place:
    """What a proposal is made from. Frames are in EPSG:4490; all but the boundary or parents may be missing.

    Parameters
    ----------
    boundary
        The ground to divide; not needed where ``parents`` are given.
    parents
        Zones that no grid crosses, with ``code`` and ``name`` (communities).
    current
        Zones of the level as they are: ``code, name, kind, parent, staff, attributes``. Dedicated ones stay as they
        are; general ones are what ``keep`` keeps, and what moves are counted against.
    streets
        Lines with ``kind``; rivers and railways too.
    estates, buildings
        Polygons that no border may cut.
    households
        Points.
    exceptions
        Registered gaps: polygons that no grid covers.
    """

    boundary: Polygon | MultiPolygon | None = None
    parents: gpd.GeoDataFrame | None = None
    current: gpd.GeoDataFrame | None = None
    streets: gpd.GeoDataFrame | None = None
    estates: gpd.GeoDataFrame | None = None
    buildings: gpd.GeoDataFrame | None = None
    households: gpd.GeoDataFrame | None = None
    exceptions: gpd.GeoDataFrame | None = None


def shapes_of(frame: gpd.GeoDataFrame | None) -> Geometries:
    """Return the geometries of a frame, without empty ones."""
    if frame is None or not len(frame):
        return _EMPTY
    shapes = frame.geometry.to_numpy()
    return np.asarray(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))], dtype=object)


def union_of(faces: Geometries) -> Any:  # noqa: ANN401  a polygon, a multipolygon, or None of no face
    """Return faces of one coverage as one polygon where they are in one piece."""
    if not len(faces):
        return None
    merged = faces[0] if len(faces) == 1 else shapely.coverage_union_all(faces)
    pieces = shapely.get_parts([merged])
    return pieces[0] if len(pieces) == 1 else shapely.MultiPolygon(list(pieces))


@dataclass(frozen=True, eq=False)
class Setting:
    """A place made ready.

    Parameters
    ----------
    place
        As given.
    parents
        With ``code`` and ``name``; one without a code where there is no level above.
    general, dedicated
        Current zones that may change, and that stay.
    given
        What blocks are made of.
    """

    place: Place
    parents: gpd.GeoDataFrame
    general: gpd.GeoDataFrame
    dedicated: gpd.GeoDataFrame
    given: Given

    @classmethod
    def of(cls, place: Place, *, keep: bool) -> Setting:
        """Make a place ready; ``keep``: old borders are borders of blocks.

        Raises
        ------
        ZonesError
            Without ground.
        """
        parents = _parents(place)
        current = place.current
        if current is None:
            current = gpd.GeoDataFrame(
                {name: [] for name in ("code", "name", "kind", "parent")}, geometry=[], crs=INTERNAL_CRS
            )
        stays = (
            (current["kind"] == "dedicated").to_numpy() if "kind" in current else np.zeros(len(current), bool)
        )
        general, dedicated = current[~stays].reset_index(drop=True), current[stays].reset_index(drop=True)
        streets = place.streets
        if streets is not None:
            streets = streets[~(streets.geometry.isna() | streets.geometry.is_empty)].explode(
                ignore_index=True
            )
        lines = shapes_of(streets)
        kinds = np.full(len(lines), "", dtype=object)
        if streets is not None and "kind" in streets:
            kinds = streets["kind"].fillna("").to_numpy(dtype=object)
        points = shapes_of(place.households)
        given = Given(
            parents=shapes_of(parents),
            fixed=np.concatenate([shapes_of(dedicated), shapes_of(place.exceptions)]),
            old=shapes_of(general) if keep else _EMPTY,
            streets=lines,
            kinds=kinds.astype(str),
            footprints=np.concatenate([shapes_of(place.estates), shapes_of(place.buildings)]),
            lon=shapely.get_x(points),
            lat=shapely.get_y(points),
        )
        return cls(place, parents, general, dedicated, given)


def _parents(place: Place) -> gpd.GeoDataFrame:
    if place.parents is not None and len(place.parents):
        return place.parents.reset_index(drop=True)
    boundary = place.boundary
    if boundary is None and place.current is not None and len(place.current):
        boundary = union_of(place.current.geometry.to_numpy())
    if boundary is None or shapely.is_empty(boundary):
        raise ZonesError(
            "没有辖区边界，也没有上级网格或现有网格。",
            "no ground: neither boundary, parents nor current zones",
            remedy="请给出辖区边界，或社区、现有网格的图层。",
        )
    return gpd.GeoDataFrame({"code": [None], "name": [None]}, geometry=[boundary], crs=INTERNAL_CRS)
