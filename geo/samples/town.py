"""The ground of the synthetic town: outline, roads, river, expressway, and the blocks that they leave.

Everything is drawn on a plane in metres, noded once on a grid of a centimetre, then carried to lon/lat by one
linear map and quantised: so blocks share every vertex, whatever is made of them later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import shapely

from geo.samples import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from shapely import LineString, Polygon

CENTRE = (121.40, 31.07)
"""Where the town lies (lon, lat in degrees)."""

METRES_PER_DEGREE_LAT = 110_870.0
METRES_PER_DEGREE_LON = 95_450.0
"""At 31.07 degrees north on the CGCS2000 ellipsoid."""

NODING_GRID_M = 0.01
"""Vertices of the drawing stand a centimetre apart at least, so that quantising to 1e-8 degrees merges none."""

BARRIERS = ("motorway", "river")
CROSSING_COST = {
    "motorway": 6.0, "river": 6.0, "primary": 2.4, "secondary": 1.7, "tertiary": 1.3, "residential": 1.0,
}  # fmt: skip
"""How much farther apart two blocks are for having such a line between them."""


@dataclass(frozen=True)
class Line:
    """One whole road or river before noding, on the plane."""

    geometry: LineString
    kind: str
    name: str


@dataclass(frozen=True)
class Town:
    """The drawn town.

    Parameters
    ----------
    blocks
        Faces of the street network in lon/lat: a valid coverage.
    small
        Which blocks are too small or thin for buildings.
    cores
        Centres of the five functional zones in metres on the plane, (5, 2).
    core_radius_m
        Radius of the built-up area round each centre.
    lines
        Whole roads and rivers on the plane.
    edges
        Noded pieces of them in lon/lat.
    edge_line
        Row of ``lines`` that each edge is a piece of.
    pairs
        Adjacent blocks (p, 2), each pair once, ``pairs[:, 0] < pairs[:, 1]``.
    pair_length_m
        Length of their common border (in metres).
    pair_cost
        ``CROSSING_COST`` of that border.
    sides
        Segments of street in front of blocks: block, line, x0, y0, x1, y1 (metres on the plane).
    """

    blocks: NDArray[Any]
    small: NDArray[np.bool_]
    cores: NDArray[np.float64]
    core_radius_m: float
    lines: list[Line]
    edges: NDArray[Any]
    edge_line: NDArray[np.int64]
    pairs: NDArray[np.int64]
    pair_length_m: NDArray[np.float64]
    pair_cost: NDArray[np.float64]
    sides: NDArray[np.float64]


def to_lonlat(geometries: NDArray[Any]) -> NDArray[Any]:
    """Carry geometries from the plane (metres) to lon/lat, quantised to 1e-8 degrees."""
    return np.asarray(shapely.transform(geometries, lonlat_of))


def lonlat_of(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry coordinates (n, 2) from the plane (metres) to lon/lat, quantised to 1e-8 degrees."""
    scale = np.array([METRES_PER_DEGREE_LON, METRES_PER_DEGREE_LAT])
    return np.asarray(np.round(xy / scale + np.array(CENTRE), 8))


def metres_of(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry coordinates (n, 2) from lon/lat to the plane (metres)."""
    scale = np.array([METRES_PER_DEGREE_LON, METRES_PER_DEGREE_LAT])
    return np.asarray((lonlat - np.array(CENTRE)) * scale)


def draw_town(area_km2: float, urban_share: float, rng: np.random.Generator) -> Town:
    """Draw a town of a given area whose built-up share has small blocks and whose rest has large ones."""
    outline = _outline(area_km2, rng)
    west, south, east, north = outline.bounds
    size = np.array([east - west, north - south])
    cores = np.array([share for _, share in names.FUNCTIONAL_ZONES]) * size + np.array([west, south])
    radius = float(np.sqrt(urban_share * area_km2 * 1e6 / (len(cores) * np.pi)))

    lines = _main_lines(outline, rng)
    ring = Line(cast("LineString", shapely.segmentize(outline.exterior, 15.0)), "boundary", "")
    faces = _faces([ring, *lines])
    pool = iter(names.road_names())
    for face in faces:
        lines.extend(_subdivide(face, cores, radius, rng, pool))
    return _node([*lines, ring], outline, cores, radius)


def _outline(area_km2: float, rng: np.random.Generator) -> Polygon:
    """Return a town's irregular outline with its middle at the origin."""
    # sides of unequal length, bent here and there, as borders along watercourses and field paths are
    corners = np.sort(np.linspace(0.0, 2.0 * np.pi, 17)[:-1] + rng.uniform(-0.15, 0.15, 16))
    rounded = (np.abs(np.cos(corners)) ** 4 + np.abs(np.sin(corners)) ** 4) ** -0.25
    reach = rounded * rng.uniform(0.86, 1.1, len(corners))
    turn = np.linspace(0.0, 2.0 * np.pi, 361)[:-1]
    x = np.interp(turn, corners, reach * np.cos(corners), period=2.0 * np.pi)
    y = np.interp(turn, corners, reach * np.sin(corners), period=2.0 * np.pi)
    swell = 1.0 + sum(
        0.02 / wave**0.5 * np.sin(wave * turn + rng.uniform(0.0, 6.28)) for wave in (7, 13, 23, 41)
    )
    shape = shapely.Polygon(np.column_stack([x * swell, y * swell * 1.12]))
    scale = float(np.sqrt(area_km2 * 1e6 / shape.area))
    shape = shapely.transform(shape, lambda xy: xy * scale)
    middle = np.array(shape.envelope.centroid.coords[0])
    return shapely.transform(shape, lambda xy: xy - middle)


def _curve(
    start: NDArray[np.float64], end: NDArray[np.float64], sway_m: float, rng: np.random.Generator
) -> LineString:
    """Return a gently curved line with a vertex every 60 m or so."""
    chord = end - start
    length = float(np.hypot(*chord))
    along = np.linspace(0.0, 1.0, max(2, int(length / 60.0)))
    normal = np.array([-chord[1], chord[0]]) / length
    swing = np.zeros_like(along)
    for wavelength_m, share in ((4200.0, 0.6), (1900.0, 0.3), (800.0, 0.1)):
        swing += share * sway_m * np.sin(2.0 * np.pi * along * length / wavelength_m + rng.uniform(0.0, 6.28))
    return shapely.LineString(start + along[:, None] * chord + swing[:, None] * normal)


def _main_lines(outline: Polygon, rng: np.random.Generator) -> list[Line]:
    """Return the expressway, the rivers and the main roads, clipped to the outline."""
    west, south, east, north = outline.bounds
    width, height = east - west, north - south
    drawn: list[Line] = []

    def across(x0: float, y0: float, x1: float, y1: float, sway_m: float, kind: str, name: str) -> None:
        start = np.array([west + x0 * width, south + y0 * height])
        end = np.array([west + x1 * width, south + y1 * height])
        clipped = shapely.intersection(_curve(start, end, sway_m, rng), outline)
        drawn.extend(
            Line(part, kind, name)
            for part in shapely.get_parts([clipped])
            if part.length > 150.0  # noqa: PLR2004
        )

    across(0.645, -0.05, 0.60, 1.05, 90.0, "motorway", names.EXPRESSWAY)
    across(-0.05, 0.30, 1.05, 0.26, 150.0, "river", names.RIVERS[0])
    across(-0.05, 0.665, 1.05, 0.70, 130.0, "river", names.RIVERS[1])
    across(0.05, -0.05, 0.74, 1.05, 60.0, "primary", names.DIAGONAL_ROAD)
    spare = (f"颛桥{number}号公路" for number in range(1, 1000))
    for roads, upright, extent in (
        (names.NORTH_SOUTH_ROADS, True, width),
        (names.EAST_WEST_ROADS, False, height),
    ):
        count = max(4, round(extent / 1150.0))
        for number in range(count):
            name = roads[number] if number < len(roads) else next(spare)
            share = (number + 0.5) / count
            a, b = share + rng.uniform(-0.22, 0.22, 2) / count
            if upright:
                across(a, -0.05, b, 1.05, 55.0, "primary", name)
            else:
                across(-0.05, a, 1.05, b, 55.0, "primary", name)
    return drawn


def _faces(lines: list[Line]) -> list[Polygon]:
    """Return the polygons that lines enclose."""
    noded = shapely.union_all([line.geometry for line in lines], grid_size=NODING_GRID_M)
    return list(shapely.get_parts(shapely.polygonize(shapely.get_parts([noded]))))


def _subdivide(
    face: Polygon, cores: NDArray[np.float64], radius_m: float, rng: np.random.Generator, pool: Iterator[str]
) -> list[Line]:
    """Cut a face by secondary, tertiary and residential streets until its blocks are small enough."""
    streets: list[Line] = []
    todo = [face]
    while todo:
        block = todo.pop()
        area = block.area
        middle = np.array(block.centroid.coords[0])
        reach = float(np.hypot(*(cores - middle).T).min()) / radius_m
        # blocks grow with the distance from the centres: streets of a town, lanes of a village, fields
        limit = 24_000.0 if reach < 1.0 else 44_000.0 if reach < 1.6 else 95_000.0  # noqa: PLR2004
        if area < limit * rng.uniform(0.75, 1.35):
            continue
        cut = _cut(block, rng)
        pieces = list(
            shapely.get_parts(shapely.polygonize(shapely.get_parts([shapely.union(block.boundary, cut)])))
        )
        if len(pieces) != 2 or min(piece.area for piece in pieces) < 0.15 * area:  # noqa: PLR2004
            continue
        kind = "secondary" if area > 320_000.0 else "tertiary" if area > 95_000.0 else "residential"  # noqa: PLR2004
        inside = shapely.intersection(cut, block)
        if inside.geom_type != "LineString":
            continue
        streets.append(Line(cast("LineString", inside), kind, next(pool, "")))
        todo.extend(pieces)
    return streets


def _cut(block: Polygon, rng: np.random.Generator) -> LineString:
    """Return a slightly bent line across the longer direction of a block."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(block))[:4]
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    long, wide = (first, second) if np.hypot(*first) >= np.hypot(*second) else (second, first)
    middle = corners.mean(axis=0) + long * rng.uniform(-0.13, 0.13)
    turn = rng.normal(0.0, 0.09)
    direction = wide @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    bend = long / np.hypot(*long) * rng.normal(0.0, 0.025) * np.hypot(*wide)
    return shapely.LineString([middle - 1.6 * direction, middle + bend, middle + 1.6 * direction])


def _node(lines: list[Line], outline: Polygon, cores: NDArray[np.float64], radius_m: float) -> Town:
    """Node all lines together and measure what lies beside what."""
    whole = np.array([line.geometry for line in lines], dtype=object)
    noded = shapely.union_all(whole, grid_size=NODING_GRID_M)
    edges = shapely.get_parts(shapely.line_merge(noded))
    blocks = shapely.get_parts(shapely.polygonize(shapely.get_parts([noded])))
    blocks = blocks[shapely.contains_properly(outline.buffer(1.0), shapely.point_on_surface(blocks))]

    tree = shapely.STRtree(whole)
    spot = shapely.line_interpolate_point(edges, 0.5, normalized=True)
    near, line = tree.query_nearest(spot, all_matches=False)
    edge_line = np.zeros(len(edges), dtype=np.int64)
    edge_line[near] = line

    thickness = shapely.area(blocks) / shapely.length(blocks)
    small = (shapely.area(blocks) < 4_000.0) | (thickness < 14.0)  # noqa: PLR2004

    # which block lies on which side of every segment: equal vertices, so equal keys
    block_segments, block_of = _segments(shapely.boundary(blocks))
    edge_segments, edge_of = _segments(edges)
    keys = _segment_keys(np.vstack([block_segments, edge_segments]))
    block_keys, edge_keys = keys[: len(block_segments)], keys[len(block_segments) :]
    order = np.argsort(edge_keys, kind="stable")
    place = np.clip(np.searchsorted(edge_keys[order], block_keys), 0, len(order) - 1)
    segment_line = edge_line[edge_of[order[place]]]
    length = np.hypot(
        block_segments[:, 2] - block_segments[:, 0], block_segments[:, 3] - block_segments[:, 1]
    )

    order = np.argsort(block_keys, kind="stable")
    twin = block_keys[order][1:] == block_keys[order][:-1]
    a, b = order[:-1][twin], order[1:][twin]
    cost = np.array([CROSSING_COST.get(line.kind, 1.0) for line in lines])
    both = np.sort(np.column_stack([block_of[a], block_of[b]]), axis=1)
    pairs, inverse = np.unique(both, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    pair_length = np.bincount(inverse, weights=length[a], minlength=len(pairs)).astype(np.float64)
    pair_cost = (
        np.bincount(inverse, weights=length[a] * cost[segment_line[a]], minlength=len(pairs)) / pair_length
    )

    kinds = np.array([line.kind for line in lines])
    addressed = np.isin(kinds, ("primary", "secondary", "tertiary", "residential"))[segment_line]
    sides = np.column_stack([block_of, segment_line, block_segments])[addressed]
    inner = np.flatnonzero(kinds[edge_line] != "boundary")
    return Town(
        blocks=to_lonlat(blocks),
        small=small,
        cores=cores,
        core_radius_m=radius_m,
        lines=lines,
        edges=to_lonlat(edges[inner]),
        edge_line=edge_line[inner],
        pairs=pairs,
        pair_length_m=pair_length,
        pair_cost=pair_cost,
        sides=sides,
    )


def _segments(lines: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the segments of lines as x0, y0, x1, y1, and the line that each belongs to."""
    parts, of = shapely.get_parts(lines, return_index=True)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    inside = part[1:] == part[:-1]
    return np.column_stack([xy[:-1], xy[1:]])[inside], of[part[:-1][inside]]


def _segment_keys(segments: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return one integer per segment, equal for the two directions of the same segment."""
    ends = np.round(segments / NODING_GRID_M).astype(np.int64)
    ends[:, 0::2] -= ends[:, 0::2].min()
    ends[:, 1::2] -= ends[:, 1::2].min()
    span = np.int64(1) << 31
    first, second = ends[:, 0] * span + ends[:, 1], ends[:, 2] * span + ends[:, 3]
    both = np.column_stack([np.minimum(first, second), np.maximum(first, second)])
    _, keys = np.unique(both, axis=0, return_inverse=True)
    return np.asarray(keys.reshape(-1))
