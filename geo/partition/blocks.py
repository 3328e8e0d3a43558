"""Blocks: the ground between streets, of which grids are made; no block cuts an estate or a building.

1. Streets, with dead ends led on, the borders of parents and of zones that stay, are noded: faces.
2. A face with too many households for one block is divided: by the estates in it, and half-way between groups of
   households elsewhere.
3. Where an estate or a building is cut all the same, its outline becomes a border and its pieces one block: the border
   goes round it.
4. Faces too small or too narrow to be a block join the neighbour that they belong to most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from scipy.cluster.vq import kmeans2

from geo.assignment import ZoneIndex
from geo.coverage.plane import at_least_wide
from geo.crs import INTERNAL_CRS
from geo.partition.graph import components
from geo.partition.ground import borders_of, faces_of, led_on

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.coverage.plane import Plane
    from geo.partition.ground import Borders
    from geo.partition.rules import BlockRules

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]

_ON_LINE_DEG = 5e-8
"""A border's middle is no further from the line that it was noded from."""

_OLD_BORDER_TIE = 0.05
"""A strip joins a neighbour of the same old zone rather than one across an old border."""


@dataclass(frozen=True, eq=False)
class Given:
    """What blocks are made of; geometries in degrees, households as points.

    Parameters
    ----------
    parents
        Polygons that no block crosses.
    fixed
        Polygons that are nobody's to give: zones that stay, registered gaps.
    old
        Zones whose borders are to be kept where possible; empty: draw afresh.
    streets, kinds
        Lines and what they are.
    footprints
        Estates and buildings.
    lon, lat
        Of each household.
    """

    parents: Geometries
    fixed: Geometries
    old: Geometries
    streets: Geometries
    kinds: NDArray[np.str_]
    footprints: Geometries
    lon: Floats
    lat: Floats


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks, and what lies between them.

    Parameters
    ----------
    faces
        Polygons in degrees, a coverage.
    block
        Of each face, -1 on fixed ground.
    fixed
        Row of the fixed zone of each face, -1 elsewhere.
    parent, households, area_m2, perimeter_m
        Of each block.
    pairs, length_m, tie_m
        Blocks of one parent with a common border; its length; how much of it belongs together (see `BlockRules.ties`).
    barrier_m
        Part of the border along lines whose two sides belong together least (expressways, railways, rivers).
    house
        Block of each household, -1 on fixed ground or outside.
    across
        Footprints that a parent's or a fixed zone's border cuts: no proposal can keep them whole.
    given
        All that was noded.
    """

    faces: Geometries
    block: Ints
    fixed: Ints
    parent: Ints
    households: Floats
    area_m2: Floats
    perimeter_m: Floats
    pairs: Ints
    length_m: Floats
    tie_m: Floats
    barrier_m: Floats
    house: Ints
    across: Ints
    given: Geometries


def located(shapes: Geometries, lon: Floats, lat: Floats) -> Ints:
    """Return the row of the polygon that each point is in, -1 for none, by the half-open rule of `geo.assignment`."""
    if not len(shapes):
        return np.full(len(lon), -1, dtype=np.int64)
    index = ZoneIndex(gpd.GeoDataFrame(geometry=shapes, crs=INTERNAL_CRS))
    return np.asarray(index.locate(lon, lat), dtype=np.int64)


def lay_blocks(given: Given, plane: Plane, rules: BlockRules, *, most: float, seed: int) -> Blocks:
    """Make blocks.

    Parameters
    ----------
    given
        Streets, borders, footprints, households.
    plane
        The plane on which metres are measured.
    rules
        Thresholds.
    most
        Households from which on a block is divided.
    seed
        Same seed, same blocks.
    """
    rims = shapely.boundary(np.concatenate([given.parents, given.fixed, given.old]))
    bounding = ~np.isin(given.kinds, list(rules.ignored))
    ground = shapely.union_all(given.parents)
    shapely.prepare(ground)
    streets = given.streets[bounding & shapely.intersects(ground, given.streets)]
    lines = [*rims, *led_on(streets, rims, plane, rules.reach_m)]
    faces = faces_of(lines)
    inside, parent, fixed = _places(faces, given)
    extra = _divided(faces, parent >= 0, fixed < 0, inside, given, plane, most, seed)
    if extra:
        lines += extra
        faces = faces_of(lines)
    cut = _cut_footprints(faces, given.footprints, plane, rules.touch_m2)
    if len(cut):
        lines += list(shapely.boundary(given.footprints[cut]))
        faces = faces_of(lines)
    inside, parent, fixed = _places(faces, given)
    kept = parent >= 0
    faces, inside, parent, fixed = faces[kept], inside[kept], parent[kept], fixed[kept]
    whole, across = _whole(inside, parent, fixed, given.footprints, cut)
    borders = borders_of(faces, plane)
    kinds = given.kinds[bounding & shapely.intersects(ground, given.streets)]
    tie = _ties(borders, streets, kinds, rules)
    old = located(given.old, *inside.T)
    flat = plane.down(faces)
    area = shapely.area(flat) * plane.corrections(faces)
    block = _joined(faces, parent, fixed, whole, borders, tie, old, (flat, area), rules)
    return _gathered(
        faces, block, fixed, parent, area, borders, tie, given, across, np.array(lines, dtype=object), rules
    )


def _places(faces: Geometries, given: Given) -> tuple[Floats, Ints, Ints]:
    """Return a point inside each face, its parent and its fixed zone."""
    inside = shapely.get_coordinates(shapely.point_on_surface(faces)).reshape(-1, 2)
    return inside, located(given.parents, *inside.T), located(given.fixed, *inside.T)


def _divided(  # noqa: PLR0913  where and what
    faces: Geometries,
    ours: NDArray[np.bool_],
    free: NDArray[np.bool_],
    inside: Floats,
    given: Given,
    plane: Plane,
    most: float,
    seed: int,
) -> list[shapely.Geometry]:
    """Return lines that divide the faces with too many households: outlines of estates, and between groups."""
    face = located(faces, given.lon, given.lat)
    count = np.bincount(face[face >= 0], minlength=len(faces))
    large = np.flatnonzero((count > most) & ours & free)
    if not len(large):
        return []
    order = np.argsort(face, kind="stable")
    ranks = face[order]
    tree = shapely.STRtree(given.footprints)
    lines: list[shapely.Geometry] = []
    for row in large.tolist():
        homes = order[np.searchsorted(ranks, row) : np.searchsorted(ranks, row, side="right")]
        xy = plane.flat(np.column_stack([given.lon[homes], given.lat[homes]]))
        near = tree.query(faces[row], predicate="intersects")
        groups = given.footprints[near]
        flat = plane.down(groups)
        house, group = shapely.STRtree(flat).query(shapely.points(xy), predicate="intersects")
        # of a building in an estate the estate counts: the larger one comes last and stays
        rank = np.argsort(shapely.area(flat)[group], kind="stable")
        centres = shapely.get_coordinates(shapely.centroid(flat))
        xy[house[rank]] = centres[group[rank]]
        distinct = np.unique(xy, axis=0)
        wanted = min(len(distinct), int(np.ceil(len(homes) / max(1.0, 0.7 * most))))
        if wanted < 2:  # noqa: PLR2004  one estate: it stays whole
            continue
        chosen, _ = kmeans2(
            xy, distinct if wanted == len(distinct) else wanted, minit="matrix" if wanted == len(distinct) else "++",
            rng=np.random.default_rng(seed), missing="warn",
        ) if wanted < len(distinct) else (distinct, None)  # fmt: skip
        spots = np.unique(np.round(chosen, 2), axis=0)
        if len(spots) < 2:  # noqa: PLR2004
            continue
        between = shapely.voronoi_polygons(
            shapely.multipoints(spots), extend_to=plane.down(faces[row : row + 1])[0], only_edges=True
        )
        cuts = shapely.intersection(plane.up(np.array([between], dtype=object))[0], faces[row])
        held = shapely.union_all(groups)
        lines.append(shapely.difference(cuts, held))
        split = shapely.area(flat) > 0
        estates = groups[split & ~shapely.contains_properly(groups, faces[row])]
        # outlines only of those that groups of households are divided by: a building's own wall is no border
        met = shapely.intersects(estates, cuts)
        lines.extend(shapely.boundary(estates[met]))
    return [line for line in lines if not shapely.is_empty(line)]


def _cut_footprints(faces: Geometries, footprints: Geometries, plane: Plane, touch_m2: float) -> Ints:
    """Return the footprints that lie in more than one face."""
    if not len(footprints) or not len(faces):
        return np.empty(0, dtype=np.int64)
    row, face = shapely.STRtree(faces).query(footprints, predicate="intersects")
    several = np.bincount(row, minlength=len(footprints))[row] > 1
    row, face = row[several], face[several]
    pieces = shapely.intersection(plane.down(footprints[row]), plane.down(faces[face]))
    real = shapely.area(pieces) > touch_m2
    return np.flatnonzero(np.bincount(row[real], minlength=len(footprints)) > 1)


def _whole(inside: Floats, parent: Ints, fixed: Ints, footprints: Geometries, cut: Ints) -> tuple[Ints, Ints]:
    """Return pairs of faces that are one footprint's, and the footprints that no block can hold whole."""
    if not len(cut):
        return np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64)
    face, which = shapely.STRtree(footprints[cut]).query(shapely.points(inside), predicate="intersects")
    home = np.where(fixed[face] >= 0, -2 - fixed[face], parent[face])
    order = np.lexsort((face, home, which))
    face, which, home = face[order], which[order], home[order]
    same = which[1:] == which[:-1]
    together = same & (home[1:] == home[:-1]) & (home[1:] >= 0)
    pairs = np.column_stack([face[:-1], face[1:]])[together]
    return pairs, np.unique(cut[which[1:][same & (home[1:] != home[:-1])]])


def _ties(borders: Borders, streets: Geometries, kinds: NDArray[np.str_], rules: BlockRules) -> Floats:
    """Return how much the two sides of each border belong together: by the least of the lines that it runs along."""
    tie = np.ones(len(borders.left))
    if not len(streets):
        return tie
    of_line = np.array([rules.ties.get(str(kind), rules.street_tie) for kind in kinds])
    border, line = shapely.STRtree(streets).query(
        shapely.points(borders.middle), predicate="dwithin", distance=_ON_LINE_DEG
    )
    np.minimum.at(tie, border, of_line[line])
    return tie


def _joined(  # noqa: PLR0913  faces and all that is known of them
    faces: Geometries,
    parent: Ints,
    fixed: Ints,
    whole: Ints,
    borders: Borders,
    tie: Floats,
    old: Ints,
    measured: tuple[Geometries, Floats],
    rules: BlockRules,
) -> Ints:
    """Return the block of each face, -1 on fixed ground: footprints whole, what is too small joined."""
    flat, area = measured
    count = len(faces)
    free = fixed < 0
    known = borders.right >= 0
    left, right = borders.left[known], borders.right[known]
    open_ = free[left] & free[right] & (parent[left] == parent[right])
    left, right = left[open_], right[open_]
    worth = (borders.length_m * np.maximum(tie, 1e-3))[known][open_]
    worth = np.where(old[left] == old[right], worth, worth * _OLD_BORDER_TIE)
    block = components(count, whole)
    narrow = ~at_least_wide(flat, rules.least_width_m)
    while True:
        size = np.bincount(block, weights=area)
        # a strip is one however long it is; a block of several faces has the width of its widest
        thin = np.ones(len(size), dtype=bool)
        thin[block[~narrow]] = False
        held = np.zeros(len(size), dtype=bool)
        held[block[free]] = True
        small = held & ((size < rules.least_area_m2) | thin)
        a, b = block[left], block[right]
        apart = a != b
        here, there = np.concatenate([a[apart], b[apart]]), np.concatenate([b[apart], a[apart]])
        value = np.tile(worth[apart], 2)
        asks = small[here]
        if not asks.any():
            break
        pairs, at = np.unique(np.column_stack([here[asks], there[asks]]), axis=0, return_inverse=True)
        total = np.bincount(at.reshape(-1), weights=value[asks])
        order = np.lexsort((pairs[:, 1], -total, pairs[:, 0]))
        first = np.ones(len(order), dtype=bool)
        first[1:] = pairs[order][1:, 0] != pairs[order][:-1, 0]
        chosen = pairs[order[first]]
        # the smallest first: a strip between two blocks must not tie them together
        chosen = chosen[np.lexsort((chosen[:, 0], size[chosen[:, 0]]))]
        taken = np.zeros(len(size), dtype=bool)
        into = np.arange(len(size))
        for one, other in chosen.tolist():
            if not taken[one] and not taken[other]:
                into[one] = other
                taken[one] = True
                if small[other]:
                    taken[other] = True
        block = np.unique(into[block], return_inverse=True)[1].reshape(-1)
    result = np.full(count, -1, dtype=np.int64)
    result[free] = np.unique(block[free], return_inverse=True)[1].reshape(-1)
    return result


def _gathered(  # noqa: PLR0913  faces and all that is known of them
    faces: Geometries,
    block: Ints,
    fixed: Ints,
    parent: Ints,
    area: Floats,
    borders: Borders,
    tie: Floats,
    given: Given,
    across: Ints,
    lines: Geometries,
    rules: BlockRules,
) -> Blocks:
    """Add faces up to blocks."""
    count = int(block.max(initial=-1)) + 1
    free = block >= 0
    of_block = np.zeros(count, dtype=np.int64)
    of_block[block[free]] = parent[free]
    padded = np.append(block, -1)
    a, b = padded[borders.left], padded[borders.right]
    outer = a != b
    perimeter = np.zeros(count)
    for side in (a, b):
        rows = outer & (side >= 0)
        perimeter += np.bincount(side[rows], weights=borders.length_m[rows], minlength=count)
    inner = outer & (a >= 0) & (b >= 0)
    inner[inner] = of_block[a[inner]] == of_block[b[inner]]
    both = np.sort(np.column_stack([a, b])[inner], axis=1)
    pairs, at = np.unique(both, axis=0, return_inverse=True)
    at = at.reshape(-1)
    length = borders.length_m[inner]
    least = min(rules.ties.values(), default=0.0)
    barrier = tie[inner] <= least
    face = located(faces, given.lon, given.lat)
    house = padded[face]
    return Blocks(
        faces=faces,
        block=block,
        fixed=fixed,
        parent=of_block,
        households=np.bincount(house[house >= 0], minlength=count).astype(np.float64),
        area_m2=np.bincount(block[free], weights=area[free], minlength=count),
        perimeter_m=perimeter,
        pairs=pairs.reshape(-1, 2),
        length_m=np.bincount(at, weights=length, minlength=len(pairs)),
        tie_m=np.bincount(at, weights=length * tie[inner], minlength=len(pairs)),
        barrier_m=np.bincount(at, weights=length * barrier, minlength=len(pairs)),
        house=house,
        across=across,
        given=np.concatenate([given.parents, given.fixed, given.old, lines]),
    )
