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
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.coverage.plane import at_least_wide
from geo.partition.dividing import cut_footprints, dividing_lines, located, pieces_of_footprints
from geo.partition.graph import components
from geo.partition.ground import borders_of, faces_of, led_on, snapped

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

_LEAST_TIE = 1e-3
"""Even across a river something that is too small has to join somebody."""

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


def summed(group: Ints, values: NDArray[Any], count: int) -> Floats:
    """Return the sums (count,) of values by group."""
    return np.bincount(group, weights=values, minlength=count).astype(np.float64)


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
    ground = shapely.union_all(given.parents)
    shapely.prepare(ground)
    bounding = ~np.isin(given.kinds, list(rules.ignored)) & shapely.intersects(ground, given.streets)
    streets, kinds = given.streets[bounding], given.kinds[bounding]
    lines = [*rims, *snapped(led_on(streets, rims, plane, rules.reach_m), rims)]
    cut = _Cut.along(lines, given)
    lonlat = np.column_stack([given.lon, given.lat])
    own = cut.faces[cut.home >= 0]
    extra = dividing_lines(own, lonlat, given.footprints, plane, most=most, seed=seed)
    if extra:
        lines += snapped(extra, rims)
        cut = _Cut.along(lines, given)
    through = np.empty(0, dtype=np.int64)
    # the outline of an estate may run through a building that no street cuts
    while len(
        more := np.setdiff1d(cut_footprints(cut.faces, given.footprints, plane, rules.touch_m2), through)
    ):
        through = np.union1d(through, more)
        lines += snapped(shapely.boundary(given.footprints[more]), rims)
        cut = _Cut.along(lines, given)
    whole, across = pieces_of_footprints(cut.inside, cut.home, given.footprints, through)
    borders = borders_of(cut.faces, plane)
    tie = _ties(borders, streets, kinds, rules)
    flat = plane.down(cut.faces)
    area = shapely.area(flat) * plane.corrections(cut.faces)
    worth = borders.length_m * np.maximum(tie, _LEAST_TIE)
    old = located(given.old, *cut.inside.T)
    worth = np.where(
        (borders.right >= 0) & (old[borders.left] != old[borders.right]), worth * _OLD_BORDER_TIE, worth
    )
    wide = at_least_wide(flat, rules.least_width_m)
    block = _joined(cut, whole, borders, worth, area, wide, rules.least_area_m2)
    count = int(block.max(initial=-1)) + 1
    free = block >= 0
    house = np.append(block, -1)[located(cut.faces, given.lon, given.lat)]
    of_block = np.zeros(count, dtype=np.int64)
    of_block[block[free]] = cut.home[free]
    pairs, sums = _beside(block, of_block, borders, tie, least=min(rules.ties.values(), default=0.0))
    return Blocks(
        faces=cut.faces,
        block=block,
        fixed=np.where(free, -1, -2 - cut.home),
        parent=of_block,
        households=np.bincount(house[house >= 0], minlength=count).astype(np.float64),
        area_m2=summed(block[free], area[free], count),
        perimeter_m=_perimeters(block, borders, count),
        pairs=pairs,
        length_m=sums[0],
        tie_m=sums[1],
        barrier_m=sums[2],
        house=house,
        across=across,
        given=np.concatenate([given.parents, given.fixed, given.old, np.array(lines, dtype=object)]),
    )


@dataclass(frozen=True, eq=False)
class _Cut:
    """Faces within the parents, a point in each, and what ground it is of: parent from 0, fixed zone k as -2 - k."""

    faces: Geometries
    inside: Floats
    home: Ints

    @classmethod
    def along(cls, lines: list[shapely.Geometry], given: Given) -> _Cut:
        faces = faces_of(lines)
        inside = shapely.get_coordinates(shapely.point_on_surface(faces)).reshape(-1, 2)
        parent, fixed = located(given.parents, *inside.T), located(given.fixed, *inside.T)
        kept = parent >= 0
        home = np.where(fixed >= 0, -2 - fixed, parent)
        return cls(faces[kept], inside[kept], home[kept])


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


def _joined(
    cut: _Cut,
    whole: Ints,
    borders: Borders,
    worth: Floats,
    area: Floats,
    wide: NDArray[np.bool_],
    least_area_m2: float,
) -> Ints:
    """Return the block of each face, -1 on fixed ground: footprints whole, what is too small joined.

    In each round every block that is too small joins the neighbour that it belongs to most, the smallest first; one
    that another joins waits for the next round, so that a strip does not tie two large blocks together.
    """
    free = cut.home >= 0
    left, right = borders.left, borders.right
    open_ = (right >= 0) & free[left] & (cut.home[left] == cut.home[right])
    left, right, worth = left[open_], right[open_], worth[open_]
    block = components(len(cut.faces), whole)
    while True:
        size = np.bincount(block, weights=area)
        # a block of several faces is as wide as its widest
        thin = np.ones(len(size), dtype=bool)
        thin[block[wide]] = False
        held = np.zeros(len(size), dtype=bool)
        held[block[free]] = True
        small = held & ((size < least_area_m2) | thin)
        chosen = _wanted(block[left], block[right], worth, small)
        if not len(chosen):
            break
        into = np.arange(len(size))
        busy = np.zeros(len(size), dtype=bool)
        for one, other in chosen[np.lexsort((chosen[:, 0], size[chosen[:, 0]]))].tolist():
            if not busy[one] and not busy[other]:
                into[one] = other
                busy[one] = True
                busy[other] = small[other]
        block = np.unique(into[block], return_inverse=True)[1].reshape(-1)
    result = np.full(len(cut.faces), -1, dtype=np.int64)
    result[free] = np.unique(block[free], return_inverse=True)[1].reshape(-1)
    return result


def _wanted(a: Ints, b: Ints, worth: Floats, small: NDArray[np.bool_]) -> Ints:
    """Return (block, neighbour that it belongs to most) for blocks that are too small."""
    here, there = np.concatenate([a, b]), np.concatenate([b, a])
    asks = small[here] & (here != there)
    pairs, at = np.unique(np.column_stack([here, there])[asks], axis=0, return_inverse=True)
    pairs = pairs.reshape(-1, 2)
    total = summed(at.reshape(-1), np.tile(worth, 2)[asks], len(pairs))
    order = np.lexsort((pairs[:, 1], -total, pairs[:, 0]))
    pairs = pairs[order]
    first = np.ones(len(pairs), dtype=bool)
    first[1:] = pairs[1:, 0] != pairs[:-1, 0]
    return np.asarray(pairs[first])


def _perimeters(block: Ints, borders: Borders, count: int) -> Floats:
    padded = np.append(block, -1)
    a, b = padded[borders.left], padded[borders.right]
    perimeter = np.zeros(count)
    for side in (a, b):
        rows = (a != b) & (side >= 0)
        perimeter += summed(side[rows], borders.length_m[rows], count)
    return perimeter


def _beside(
    block: Ints, parent: Ints, borders: Borders, tie: Floats, *, least: float
) -> tuple[Ints, tuple[Floats, Floats, Floats]]:
    """Return neighbouring blocks of one parent, and per pair the length of border, what is tied, what is a barrier."""
    padded = np.append(block, -1)
    a, b = padded[borders.left], padded[borders.right]
    inner = (a != b) & (a >= 0) & (b >= 0)
    inner[inner] = parent[a[inner]] == parent[b[inner]]
    both = np.sort(np.column_stack([a, b])[inner], axis=1)
    pairs, at = np.unique(both, axis=0, return_inverse=True)
    pairs, at = pairs.reshape(-1, 2), at.reshape(-1)
    length, tie = borders.length_m[inner], tie[inner]
    sums = (
        summed(at, length, len(pairs)),
        summed(at, length * tie, len(pairs)),
        summed(at, length * (tie <= least), len(pairs)),
    )
    return pairs, sums
