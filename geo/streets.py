"""Street lines into nodes and edges: reading OpenStreetMap, cutting lines at shared vertices, joining crossings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely

from geo.crs import INTERNAL_CRS, quantise, to_internal
from geo.errors import FileFormatError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

NOT_WALKABLE_KINDS = frozenset(
    {"motorway", "motorway_link", "trunk", "trunk_link", "bus_guideway", "busway", "cycleway", "escape"}
)
"""Values of OpenStreetMap's ``highway`` that nobody walks along unless ``foot`` or ``sidewalk`` says so."""

_NOT_STREETS = frozenset(
    {"abandoned", "construction", "no", "planned", "platform", "proposed", "raceway", "razed", "rest_area"}
    | {"services", "elevator", "bus_stop", "emergency_bay", "disused", "demolished"}
)
_ALLOWED = frozenset({"yes", "designated", "permissive", "destination", "official"})
_INTERNAL_EPSG = 4490
_FORBIDDEN = frozenset({"no", "private", "use_sidepath", "discouraged", "customers", "delivery", "military"})
_SIDEWALKS = frozenset({"both", "left", "right", "yes"})


def _is_walkable(tags: osmium.osm.TagList, not_walkable: frozenset[str]) -> bool:
    """Decide by ``foot`` first, then ``access``, then sidewalks, then the kind of street."""
    foot = tags.get("foot")
    if foot in _ALLOWED:
        return True
    if foot in _FORBIDDEN or tags.get("access") in ("no", "private", "military"):
        return False
    if any(
        tags.get(key) in _SIDEWALKS
        for key in ("sidewalk", "sidewalk:both", "sidewalk:left", "sidewalk:right")
    ):
        return True
    return tags["highway"] not in not_walkable and tags.get("motorroad") != "yes"


def lines_of_frame(frame: gpd.GeoDataFrame, not_walkable: Collection[str]) -> gpd.GeoDataFrame:
    """Read street lines of a frame.

    Returns
    -------
    GeoDataFrame
        Columns ``kind, name, walkable, geometry``: LineStrings, quantised, EPSG:4490.

    Raises
    ------
    NetworkError
        When a geometry is no line.
    """
    given = frame.reset_index(drop=True)
    given = given[~(given.geometry.isna() | given.geometry.is_empty)]
    wrong = ~given.geom_type.isin(["LineString", "MultiLineString", "LinearRing"])
    if wrong.any():
        row = int(np.flatnonzero(wrong.to_numpy())[0])
        found = str(given.geom_type.iloc[row])
        raise NetworkError(
            f"道路数据第 {int(given.index[row]) + 1} 条不是线，而是 {found}。",
            f"street {int(given.index[row]) + 1} is a {found}, not a line",
            remedy="请只提供道路中心线。",
        )
    if len(given):
        given = _internal(given).explode(ignore_index=True)
    lines = gpd.GeoDataFrame(
        {
            "kind": _text(given, ("kind", "highway", "fclass"), "unclassified"),
            "name": _text(given, ("name",), None),
        },
        geometry=shapely.force_2d(given.geometry.to_numpy()),
        crs=INTERNAL_CRS,
        index=given.index,
    )
    lines["walkable"] = ~lines["kind"].isin(list(not_walkable)).to_numpy()
    if "walkable" in given:
        said = given["walkable"].notna().to_numpy()
        lines.loc[said, "walkable"] = given.loc[said, "walkable"].astype(bool)
    return lines


def osm_lines(
    path: str | Path, not_walkable: frozenset[str]
) -> tuple[gpd.GeoDataFrame, Floats, Longs, Longs]:
    """Read the streets of an OpenStreetMap file.

    Returns
    -------
    tuple
        Lines (columns ``kind, name, walkable, geometry``), and per vertex its lon/lat, line and OpenStreetMap node.

    Raises
    ------
    FileFormatError
        When the file is missing or no OpenStreetMap file.
    """
    rows: list[tuple[str, str | None, bool]] = []
    lon: list[float] = []
    lat: list[float] = []
    ids: list[int] = []
    sizes: list[int] = []
    if not Path(path).is_file():
        raise FileFormatError(f"找不到文件 {path}。", f"{path} does not exist", remedy="请检查路径。")
    try:
        source = (
            osmium.FileProcessor(str(path)).with_locations().with_filter(osmium.filter.KeyFilter("highway"))
        )
        for item in source:
            if not isinstance(item, osmium.osm.Way) or item.tags["highway"] in _NOT_STREETS:
                continue
            here = [node for node in item.nodes if node.location.valid()]
            if len(here) < 2:  # noqa: PLR2004  a line has two ends
                continue
            rows.append((item.tags["highway"], item.tags.get("name"), _is_walkable(item.tags, not_walkable)))
            sizes.append(len(here))
            lon += [node.lon for node in here]
            lat += [node.lat for node in here]
            ids += [node.ref for node in here]
    except RuntimeError as error:
        raise FileFormatError(
            f"{Path(path).name} 不是可读取的 OpenStreetMap 文件。",
            f"{Path(path).name} cannot be read as OpenStreetMap: {error}",
            remedy="请提供 .osm.pbf 或 .osm 文件。",
        ) from error
    coords = np.column_stack([np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)]).round(8)
    line_of = np.repeat(np.arange(len(sizes)), sizes)
    lines = pd.DataFrame(rows, columns=["kind", "name", "walkable"]).astype({"kind": object, "name": object})
    frame = gpd.GeoDataFrame(
        lines, geometry=shapely.linestrings(coords, indices=line_of) if len(coords) else [], crs=INTERNAL_CRS
    )
    _, vertex = np.unique(np.asarray(ids, dtype=np.int64), return_inverse=True)
    return frame, coords, line_of, vertex


def edges_of_lines(
    lines: gpd.GeoDataFrame, coords: Floats, line_of: Longs, vertex: Longs
) -> tuple[Floats, Floats, pd.DataFrame]:
    """Cut lines at their ends and at every vertex that occurs twice.

    Parameters
    ----------
    lines
        One row per line with ``kind, name, walkable``.
    coords, line_of, vertex
        Per vertex: lon/lat, row of its line, and a number that is the same where vertices are the same.

    Returns
    -------
    tuple
        Longitudes and latitudes of the nodes; edges with ``from_node, to_node, kind, name, walkable, geometry``,
        in the order of the lines.
    """
    fresh = np.ones(len(vertex), dtype=bool)  # a vertex repeated in place adds no length
    fresh[1:] = (vertex[1:] != vertex[:-1]) | (line_of[1:] != line_of[:-1])
    coords, line_of, vertex = coords[fresh], line_of[fresh], vertex[fresh]
    many = np.bincount(line_of, minlength=len(lines))[line_of] > 1 if len(line_of) else fresh
    coords, line_of, vertex = coords[many], line_of[many], vertex[many]
    if not len(vertex):
        return np.empty(0), np.empty(0), pd.DataFrame()
    first = np.ones(len(vertex), dtype=bool)
    first[1:] = line_of[1:] != line_of[:-1]
    last = np.roll(first, -1)
    cut = first | last | (np.bincount(vertex)[vertex] > 1)
    at = np.flatnonzero(cut)
    begin, end = at[:-1], at[1:]
    same = line_of[begin] == line_of[end]
    begin, end = begin[same], end[same]
    sizes = end - begin + 1
    edge = np.repeat(np.arange(len(begin)), sizes)
    picked = np.arange(len(edge)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(begin, sizes)
    shapes = shapely.linestrings(coords[picked], indices=edge)
    used, where = np.unique(vertex[at], return_index=True)
    edges = pd.DataFrame(
        {
            "from_node": np.searchsorted(used, vertex[begin]).astype(np.int32),
            "to_node": np.searchsorted(used, vertex[end]).astype(np.int32),
            "kind": lines["kind"].to_numpy()[line_of[begin]],
            "name": lines["name"].to_numpy()[line_of[begin]],
            "walkable": lines["walkable"].to_numpy(dtype=bool)[line_of[begin]],
            "geometry": shapes,
        }
    )
    spots = coords[at[where]]
    return spots[:, 0].copy(), spots[:, 1].copy(), edges


def crossings_joined(lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give both of two crossing lines a vertex where they cross, so that they are joined there.

    Parameters
    ----------
    lines
        LineStrings in EPSG:4490. Not changed.

    Returns
    -------
    GeoDataFrame
        The same rows with more vertices, quantised.
    """
    shapes = np.array(lines.geometry.to_numpy(), dtype=object)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    meets = quantise(shapely.intersection(shapes[a], shapes[b]))
    points, pair = shapely.get_coordinates(meets, return_index=True)
    on = np.concatenate([a[pair], b[pair]])
    points = np.concatenate([points, points])
    for row in np.unique(on):
        shapes[row] = _with_vertices(shapes[row], points[on == row])
    return lines.set_geometry(gpd.GeoSeries(shapes, index=lines.index, crs=lines.crs))


def _with_vertices(line: shapely.LineString, points: Floats) -> shapely.LineString:
    coords = shapely.get_coordinates(line)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(coords, axis=0).T))])
    where = np.asarray(shapely.line_locate_point(line, shapely.points(points)))
    known = {tuple(c) for c in coords.tolist()}
    new = [i for i, p in enumerate(points.tolist()) if tuple(p) not in known]
    order = np.argsort(np.concatenate([along, where[new]]), kind="stable")
    return shapely.LineString(np.concatenate([coords, points[new]])[order])


def is_internal(crs: CRS) -> bool:
    """Tell whether coordinates are lon/lat EPSG:4490 already."""
    return bool(crs.to_epsg() == _INTERNAL_EPSG)


def _internal(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if frame.crs is not None and is_internal(frame.crs):
        return frame.set_geometry(quantise(frame.geometry))
    return to_internal(frame)


def _text(frame: gpd.GeoDataFrame, columns: tuple[str, ...], default: str | None) -> NDArray[np.object_]:
    """Take the first of the columns that exists as text; missing or empty values become the default."""
    for column in columns:
        if column in frame:
            values = frame[column]
            given = values.notna() & (values.astype("object").astype(str).str.strip() != "")
            return np.where(given, values.astype("object").astype(str), np.array(default, dtype=object))
    return np.full(len(frame), default, dtype=object)
