"""What follows from an edit: the patch is redivided and checked, the levels below and beside follow.

Levels below: children of changed zones change parent, or are cut and their pieces join the child of the new parent
with which they share the longest border. Levels beside (functional zones of communities) stay unions of their
members. Levels above are not crossed; they only receive the new vertices that come to lie on their borders.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from geo.crs import INTERNAL_CRS, to_metric
from geo.errors import RefusedError
from geo.plans.draft import Area, Change, Draft, PlanZone, simplest
from geo.plans.redivision import GRID_DEG, Owner, check_patch, insert_vertices, redivide, refuse_invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from shapely import LineString
    from shapely.geometry.base import BaseGeometry

    from geo.plans.draft import Key


def redivide_patch(
    draft: Draft,
    level: str,
    operation: str,
    cuts: Sequence[Area],
    owner: Owner,
    *,
    to: Iterable[str] = (),
    fresh: Mapping[str, PlanZone] | None = None,
    grows: bool = False,
) -> Change:
    """Redivide what touches ``cuts`` along them (see `geo.plans.redivision.redivide`) and make the change.

    Zones that ``to`` names take part wherever they are: given ground far away, they keep what they have.
    """
    touched = {zone.code: zone for area in cuts for zone in draft.touching(level, area, distance=GRID_DEG)}
    touched |= {code: draft.zone(level, code) for code in to}
    rim = {
        zone.code: zone for inner in list(touched.values()) for zone in draft.touching(level, inner.geometry)
    }
    patch = {code: zone.geometry for code, zone in {**rim, **touched}.items()}
    after = redivide(patch, cuts, owner)
    delete = tuple((level, code) for code in patch if code not in after)
    changed = {code: geometry for code, geometry in after.items() if geometry is not patch.get(code)}
    return change_of(draft, level, operation, changed, fresh=fresh, delete=delete, grows=grows)


def give_areas(
    draft: Draft,
    level: str,
    operation: str,
    areas: Mapping[str, Area],
    *,
    fresh: Mapping[str, PlanZone] | None = None,
) -> Change:
    """Give areas to zones by code; only ground of zones among ``areas`` changes hands."""
    codes = np.array(list(areas), dtype=object)
    shapes = np.array(list(areas.values()), dtype=object)

    def owner(faces: NDArray[np.object_], now: NDArray[np.object_]) -> NDArray[np.object_]:
        ours = np.isin(now.astype(str), codes.astype(str)) & is_taken(now)
        points = shapely.point_on_surface(faces)
        best = np.argmin(shapely.distance(points[:, None], shapes[None, :]), axis=1)
        return np.where(ours, codes[best], now)

    to = [code for code in areas if (level, code) in draft]
    return redivide_patch(draft, level, operation, list(shapes), owner, to=to, fresh=fresh)


def change_of(
    draft: Draft,
    level: str,
    operation: str,
    after: Mapping[str, Area],
    *,
    fresh: Mapping[str, PlanZone] | None = None,
    delete: tuple[Key, ...] = (),
    grows: bool = False,
) -> Change:
    """Make the change of these geometries, check laws 1 and parents, and let the levels below follow."""
    known = fresh or {}
    put = [
        replace(known[code] if code in known else draft.zone(level, code), geometry=geometry)
        for code, geometry in after.items()
    ]
    before = [draft.zone(level, code) for code in after if code not in known or (level, code) in draft]
    before += [draft.zone(*key) for key in delete]
    ours = {zone.code for zone in put} | {code for _, code in delete}
    refuse_invalid(put)
    reach = shapely.union_all([zone.geometry for zone in (*before, *put)])
    rim = [zone for zone in draft.touching(level, reach) if zone.code not in ours]
    if not before and not put:
        return Change(operation)
    if grows:
        refuse_overlaps(put, rim)
    else:
        check_patch(before, put, rim)
    refuse_leaving_parent(draft, level, put)
    vertices = new_vertices(before, put)
    woven = weave(draft, level, vertices, reach)
    below, gone = follow_below(draft, level, put, before)
    beside = follow_beside(draft, level, put, before, reach)
    later = {zone.key for zone in (*below, *beside)}
    return Change(
        operation,
        (*put, *(zone for zone in woven if zone.key not in later), *below, *beside),
        (*delete, *gone),
    )


def follow_below(
    draft: Draft, level: str, put: Sequence[PlanZone], before: Sequence[PlanZone]
) -> tuple[tuple[PlanZone, ...], tuple[Key, ...]]:
    """Let the children of changed zones follow, level by level: whole ones change parent, cut ones are divided.

    A piece that comes to another parent joins the child there with which it shares the longest border, or becomes a
    child of its own where there is none.
    """
    changed: list[PlanZone] = []
    gone: list[Key] = []
    for child_level in [
        item.code for item in draft.levels.values() if item.parent == level and item.partition
    ]:
        children = {
            child.code: child
            for zone in before
            for child in draft.children(level, zone.code)
            if child.level == child_level
        }
        if children:
            cut, lost = recut(draft, child_level, children, put, before)
            old = [draft.zone(*zone.key) for zone in cut if zone.key in draft]
            deeper, deeper_lost = follow_below(draft, child_level, cut, old)
            changed += [*cut, *deeper]
            gone += [*lost, *deeper_lost]
    return tuple(changed), tuple(gone)


def recut(
    draft: Draft,
    level: str,
    children: Mapping[str, PlanZone],
    parents: Sequence[PlanZone],
    before: Sequence[PlanZone],
) -> tuple[list[PlanZone], list[Key]]:
    """Divide children along the borders of their changed parents; return changed children and keys of vanished ones.

    Ground that a parent with children gains from one without goes to its child with the longest border on it.
    """
    were = {zone.code: zone.geometry for zone in before}
    codes = np.array([zone.code for zone in parents], dtype=object)
    shapes = np.array([zone.geometry for zone in parents], dtype=object)
    fresh = FreshCodes({zone.code for zone in draft.at(level)})

    def parent_of(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
        points = shapely.point_on_surface(geometries)
        nearest: NDArray[np.object_] = codes[
            np.argmin(shapely.distance(points[:, None], shapes[None, :]), axis=1)
        ]
        return nearest

    def is_gained(face: Area, parent: str) -> bool:
        point = shapely.point_on_surface(face)
        had = were.get(parent)
        has = shapes[int(np.flatnonzero(codes == parent)[0])]
        return bool(shapely.intersects(has, point)) and not (
            had is not None and shapely.intersects(had, point)
        )

    def owner(faces: NDArray[np.object_], now: NDArray[np.object_]) -> NDArray[np.object_]:
        parent = parent_of(faces)
        home = {
            code: _home(child.parent, parent[now == code], shapely.area(faces[now == code]))
            for code, child in children.items()
        }
        stays = np.array([home.get(code) == new for code, new in zip(now, parent, strict=True)])
        ours = np.array([code in home for code in now])
        then = now.copy()
        gained = ~is_taken(now) & np.array(
            [is_gained(face, code) for face, code in zip(faces, parent, strict=True)]
        )
        for row in np.flatnonzero(gained):
            same = stays & (parent == parent[row])
            then[row] = longest_neighbour(faces[row], faces[same], now[same])
        for row in np.flatnonzero(ours & ~stays):
            same = stays & (parent == parent[row])
            heir = longest_neighbour(faces[row], faces[same], now[same])
            then[row] = heir or fresh.of(now[row], parent[row])
        return then

    around = {
        zone.code: zone.geometry
        for child in children.values()
        for zone in draft.touching(level, child.geometry)
    }
    after = redivide(around, list(shapes), owner)
    changed = [
        replace(
            children[origin],
            code=code,
            name=f"{children[origin].name}{code.rsplit('-', 1)[1]}",
            geometry=after.pop(code),
            parent=parent,
            staff=(),
        )
        for (origin, parent), code in fresh.made.items()
    ]
    for code, geometry in after.items():
        child = draft.zone(level, code)
        parent = parent_of(np.array([geometry]))[0] if code in children else child.parent
        if geometry is not around[code] or parent != child.parent:
            changed.append(replace(child, geometry=geometry, parent=parent))
    return changed, [(level, code) for code in around if code not in after]


class FreshCodes:
    """Codes for the children that pieces make in a parent without children there: one per child and parent."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self.made: dict[tuple[str, str], str] = {}

    def of(self, code: str, parent: str) -> str:
        """Return the code for the pieces of a child in a parent: the child's, with a number."""
        if (code, parent) not in self.made:
            new = next(f"{code}-{number}" for number in count(2) if f"{code}-{number}" not in self._taken)
            self._taken.add(new)
            self.made[(code, parent)] = new
        return self.made[(code, parent)]


def _home(old: str | None, parents: NDArray[np.object_], areas: NDArray[np.float64]) -> str | None:
    """Return the parent of a child after a cut: the old one while a piece is left there, else that of the most area."""
    if old in parents or not len(parents):
        return old
    return str(max(set(parents), key=lambda parent: (areas[parents == parent].sum(), parent)))


def follow_beside(
    draft: Draft,
    level: str,
    put: Sequence[PlanZone],
    before: Sequence[PlanZone],
    reach: shapely.Geometry,
) -> list[PlanZone]:
    """Let zones that group this level's (functional zones of communities) follow: each is the union of its members."""
    gone = {zone.code for zone in before}
    was = {zone.code: zone for zone in before}
    follow = []
    for other in draft.levels.values():
        if other.code == level or not other.partition or other.code in levels_below(draft, level):
            continue
        if level in levels_below(draft, other.code):  # an ancestor: its border is not crossed
            continue
        for group in draft.touching(other.code, reach):
            if shapely.covers(group.geometry, reach):  # ground changes hands among members only
                continue
            zones = [zone for zone in draft.touching(level, group.geometry) if zone.code not in gone]
            zones += put
            inside = shapely.point_on_surface([was.get(zone.code, zone).geometry for zone in zones])
            ours = shapely.intersects(group.geometry, inside)
            members = [zone.geometry for zone, mine in zip(zones, ours, strict=True) if mine]
            geometry = simplest(shapely.coverage_union_all(members)) if members else group.geometry
            if not shapely.equals_identical(shapely.normalize(geometry), shapely.normalize(group.geometry)):
                follow.append(replace(group, geometry=geometry))
    return follow


def weave(draft: Draft, level: str, vertices: NDArray[np.float64], reach: shapely.Geometry) -> list[PlanZone]:
    """Put new vertices into zones of the levels above whose borders they lie on: all levels share them."""
    if not len(vertices):
        return []
    below = levels_below(draft, level)
    woven = []
    for other in draft.levels.values():
        if other.code == level or other.code in below or not other.partition:
            continue
        for zone in draft.touching(other.code, reach):
            geometry = insert_vertices(zone.geometry, vertices)
            if geometry is not zone.geometry:
                woven.append(replace(zone, geometry=geometry))
    return woven


def levels_below(draft: Draft, level: str) -> set[str]:
    """Return the codes of all levels below one."""
    below: set[str] = set()
    for item in draft.levels.values():
        if item.parent == level:
            below |= {item.code} | levels_below(draft, item.code)
    return below


def new_vertices(before: Iterable[PlanZone], after: Iterable[PlanZone]) -> NDArray[np.float64]:
    """Return the vertices, (n, 2), that only the zones after have."""
    old = {tuple(xy) for zone in before for xy in shapely.get_coordinates(zone.geometry).tolist()}
    new = {tuple(xy) for zone in after for xy in shapely.get_coordinates(zone.geometry).tolist()}
    return np.array(sorted(new - old), dtype=float).reshape(-1, 2)


def refuse_leaving_parent(draft: Draft, level: str, put: Sequence[PlanZone]) -> None:
    """Refuse zones that would leave their parent."""
    parent_level = draft.levels[level].parent
    if parent_level is None:
        return
    for zone in put:
        if zone.parent is None or (parent_level, zone.parent) not in draft:
            continue
        parent = draft.zone(parent_level, zone.parent)
        outside = shapely.difference(zone.geometry, parent.geometry)
        if shapely.area(outside) > GRID_DEG * 2 * shapely.length(zone.geometry):
            raise RefusedError(
                f"{zone.name}({zone.code})会越出上级 {parent.name} 的边界。",
                f"{zone.code} would leave its parent {parent.code}",
                place=outside,
                remedy=f"请先移动{draft.levels[parent_level].name}边界,网格会随之调整。",
            )


def refuse_overlaps(put: Sequence[PlanZone], rim: Sequence[PlanZone]) -> None:
    """Refuse zones that overlap or mismatch their neighbours."""
    together = np.array([zone.geometry for zone in (*put, *rim)], dtype=object)
    if not shapely.coverage_is_valid(together):
        raise RefusedError(
            "所画范围与相邻网格重叠或错开。",
            "the shape overlaps or mismatches its neighbours",
            place=shapely.union_all(shapely.coverage_invalid_edges(together)),
            remedy="请打开吸附,沿相邻网格的边界绘制。",
        )


def refuse_taken(draft: Draft, level: str, codes: Sequence[str]) -> None:
    """Refuse codes that stand at the level already."""
    taken = [code for code in codes if (level, code) in draft]
    if taken or len(set(codes)) < len(codes):
        raise RefusedError(
            f"编码 {taken[0] if taken else codes[0]} 已被使用。",
            "the code is taken",
            remedy="请换用未使用过的编码。",
        )


def refuse_orphans(faces: NDArray[np.object_], now: NDArray[np.object_], then: NDArray[np.object_]) -> None:
    """Refuse ground that had an owner and would have none."""
    orphans = is_taken(now) & ~is_taken(then)
    if orphans.any():
        raise RefusedError(
            "让出的部分没有相邻网格可以接收。",
            "no neighbour could take what is lost",
            place=shapely.union_all(faces[orphans]),
            remedy="请指定接收的网格。",
        )


def does_not_cross(name: str, geometry: shapely.Geometry, line: LineString) -> RefusedError:
    """Make the refusal of a line that does not divide an area, with the place and the missing metres."""
    ends = [shapely.Point(xy) for xy in shapely.get_coordinates(line)[[0, -1]]]
    inner = [end for end in ends if shapely.intersects(geometry, end)]
    edge = shapely.boundary(geometry)
    if not inner:
        return RefusedError(
            f"所画的线没有穿过 {name}。",
            "the line does not cross the zone",
            place=line,
            remedy="请让线从边界到边界贯穿。",
        )
    far = max(inner, key=lambda end: float(shapely.distance(end, edge)))
    gap = shapely.shortest_line(far, edge)
    metres = length_m(gap)
    return RefusedError(
        f"切割线没有贯穿 {name}:终点距边界 {metres:.0f} 米。",
        f"the line ends {metres:.0f} m before the border",
        place=gap,
        remedy="请延长到边界。",
    )


def sides_of(geometry: shapely.Geometry, line: LineString) -> NDArray[np.object_]:
    """Return the pieces that a line divides a polygon into."""
    noded = shapely.unary_union([shapely.boundary(geometry), line], grid_size=GRID_DEG)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    return faces[shapely.intersects(geometry, shapely.point_on_surface(faces))]


def longest_neighbour(
    piece: Area,
    faces: NDArray[np.object_],
    codes: NDArray[np.object_],
    *,
    exclude: frozenset[str] | set[str] = frozenset(),
) -> str | None:
    """Return the code of the faces that share the longest border with a piece, None where none does."""
    borders: dict[str, float] = defaultdict(float)
    for face, code in zip(faces, codes, strict=True):
        if code is not None and code not in exclude:
            length = float(shapely.length(shapely.intersection(piece, face)))
            if length > 0:
                borders[code] += length
    # Ties go to the smaller code, so that the same edit always has the same outcome.
    return min(borders, key=lambda code: (-borders[code], code)) if borders else None


def faces_inside(faces: NDArray[np.object_], area: shapely.Geometry) -> NDArray[np.bool_]:
    """Tell which faces lie in an area."""
    shapely.prepare(area)
    return np.asarray(shapely.intersects(area, shapely.point_on_surface(faces)))


def is_taken(owners: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which faces have an owner."""
    return np.array([owner is not None for owner in owners], dtype=bool)


def usable(shape: BaseGeometry) -> Area:
    """Return a drawn shape on the 1e-8 degree grid, or refuse it."""
    shape = shapely.set_precision(shapely.force_2d(shape), GRID_DEG)
    if shapely.is_empty(shape) or shapely.get_dimensions(shape) != 2 or not shapely.is_valid(shape):  # noqa: PLR2004
        raise RefusedError(
            "所画的范围不是有效的面。",
            "the shape is no valid polygon",
            place=shape,
            remedy="请画一个不自相交的闭合范围。",
        )
    return simplest(shape)


def quantised(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round lon/lat to 1e-8 degrees."""
    return np.round(xy, 8)


def length_m(geometry: shapely.Geometry) -> float:
    """Measure a lon/lat geometry in metres."""
    return float(to_metric(gpd.GeoSeries([geometry], crs=INTERNAL_CRS)).length.iloc[0])
