"""What a planner does to grids: each operation reads a draft and returns a change, or refuses with place and reason.

Every operation keeps law 1: at each partition level zones neither overlap nor leave a gap that is no registered
exception, and neighbours share every vertex. Levels below follow: a community border that moves re-cuts its grids. A
level above stays: what would leave its parent is refused, with the advice to move the parent's border first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.errors import RefusedError
from geo.plans.borders import move_border
from geo.plans.consequences import (
    change_of,
    does_not_cross,
    faces_inside,
    give_areas,
    is_taken,
    longest_neighbour,
    redivide_patch,
    refuse_orphans,
    refuse_taken,
    sides_of,
    usable,
)
from geo.plans.draft import EXCEPTION, Area, Change, Draft, PlanZone, simplest
from geo.plans.redivision import GRID_DEG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from shapely import LineString

    from geo.plans.draft import Key


__all__ = [
    "carve",
    "delete",
    "describe",
    "fill_gap",
    "merge",
    "move_border",
    "paint",
    "redraw_border",
    "register_exception",
    "regroup",
    "renumber",
    "reshape",
    "split",
]

# ---- operations on borders


def redraw_border(draft: Draft, level: str, codes: tuple[str, str], line: LineString) -> Change:
    """Let a line take the place of the common border of two zones.

    Parameters
    ----------
    draft, level
        Draft and level.
    codes
        The two zones.
    line
        Lon/lat, from one end of the common border (or beyond) to the other.

    Raises
    ------
    RefusedError
        When the zones have no common border or the line does not divide them in two.
    """
    first, second = (draft.zone(level, code) for code in codes)
    common = shapely.intersection(first.geometry, second.geometry)
    if shapely.length(common) == 0:
        raise RefusedError(
            f"{first.name} 与 {second.name} 没有公共边界。",
            "the two zones have no common border",
            place=common,
            remedy="请选择相邻的两个网格。",
        )
    whole = shapely.union(first.geometry, second.geometry, grid_size=GRID_DEG)
    sides = sides_of(whole, line)
    if len(sides) < 2:  # noqa: PLR2004  a border has two sides
        raise does_not_cross(f"{first.name} 与 {second.name}", whole, line)
    # The side that keeps most of the first zone is the first zone's; the rest goes to the second.
    shares = shapely.area(shapely.intersection(sides, first.geometry))
    mine = sides[int(np.argmax(shares / shapely.area(sides)))]
    return give_areas(
        draft, level, "redraw_border", {codes[0]: mine, codes[1]: shapely.difference(whole, mine)}
    )


def reshape(draft: Draft, level: str, code: str, shape: Area, *, heir: str | None = None) -> Change:
    """Give a zone the shape of a polygon: it gains from neighbours, and what it loses goes to the heir.

    Parameters
    ----------
    draft, level, code
        The zone.
    shape
        Its new shape, lon/lat.
    heir
        Who gets what it loses; by default each lost piece goes to the neighbour with the longest border.
    """
    shape = usable(shape)

    def owner(faces: NDArray[np.object_], now: NDArray[np.object_]) -> NDArray[np.object_]:
        inside = faces_inside(faces, shape)
        then = np.where(inside & is_taken(now), code, now)
        lost = (now == code) & ~inside
        for row in np.flatnonzero(lost):
            then[row] = heir or longest_neighbour(faces[row], faces[~lost], then[~lost], exclude={code})
        refuse_orphans(faces, now, then)
        return then

    to = [code] if heir is None else [code, heir]
    return redivide_patch(draft, level, "reshape", [shape], owner, to=to)


def paint(draft: Draft, level: str, code: str, areas: Sequence[Area]) -> Change:
    """Give areas (blocks, estates, buildings) to a zone; neighbours lose them."""
    area = usable(shapely.union_all(list(areas), grid_size=GRID_DEG))

    def owner(faces: NDArray[np.object_], now: NDArray[np.object_]) -> NDArray[np.object_]:
        return np.where(faces_inside(faces, area) & is_taken(now), code, now)

    return redivide_patch(draft, level, "paint", [area], owner, to=[code])


def split(
    draft: Draft, level: str, code: str, line: LineString, *, codes: Sequence[str], names: Sequence[str] = ()
) -> Change:
    """Split a zone by a line; the largest piece keeps the code, the others take ``codes`` in order of size.

    Raises
    ------
    RefusedError
        When the line does not cross the zone, or makes more pieces than there are codes.
    """
    zone = draft.zone(level, code)
    pieces = sides_of(zone.geometry, line)
    if len(pieces) < 2:  # noqa: PLR2004  a split makes two
        raise does_not_cross(zone.name, zone.geometry, line)
    if len(pieces) - 1 > len(codes):
        raise RefusedError(
            f"切割线把 {zone.name} 切成了 {len(pieces)} 块,只给了 {len(codes)} 个新编码。",
            f"the line makes {len(pieces)} pieces for {len(codes)} new codes",
            place=line,
            remedy="请画一条只穿过一次的线。",
        )
    refuse_taken(draft, level, codes)
    pieces = pieces[np.argsort(-shapely.area(pieces))]
    given = dict(zip([code, *codes], pieces, strict=False))
    called = dict(zip(codes, names, strict=False))
    fresh = {
        new: replace(zone, code=new, name=called.get(new, f"{zone.name}{order}"), staff=())
        for order, new in enumerate(list(given)[1:], start=2)
    }
    change = give_areas(draft, level, "split", given, fresh=fresh)
    return replace(change, lineage=tuple((zone.key, (level, new)) for new in given))


def merge(draft: Draft, level: str, codes: Sequence[str]) -> Change:
    """Merge zones into the first of them."""
    zones = [draft.zone(level, code) for code in dict.fromkeys(codes)]
    if len(zones) < 2:  # noqa: PLR2004  a merger joins two
        raise RefusedError(
            "请至少选择两个网格。", "a merger takes two zones", remedy="按住 Shift 多选后重试。"
        )
    parents = {zone.parent for zone in zones}
    if len(parents) > 1:
        raise RefusedError(
            "所选网格分属不同的上级,不能合并。",
            "zones of different parents",
            place=shapely.multipoints([shapely.point_on_surface(zone.geometry) for zone in zones]),
            remedy="请先调整上级边界,或只选择同一社区的网格。",
        )
    merged = simplest(shapely.coverage_union_all([zone.geometry for zone in zones]))
    if len(shapely.get_parts(merged)) > max(len(shapely.get_parts(zone.geometry)) for zone in zones):
        raise RefusedError(
            "所选网格不相邻,合并后会分成几块。",
            "the zones are not adjacent",
            place=merged,
            remedy="请选择有公共边界的网格。",
        )
    keep, *gone = zones
    change = change_of(draft, level, "merge", {keep.code: merged}, delete=tuple(zone.key for zone in gone))
    followers = tuple(
        replace(child, parent=keep.code) for zone in gone for child in draft.children(level, zone.code)
    )
    return replace(change, put=change.put + followers, lineage=tuple((zone.key, keep.key) for zone in zones))


def carve(draft: Draft, level: str, code: str, name: str, shape: Area) -> Change:
    """Carve a dedicated zone (one institution, park or mall) out of those that it lies in; holes are allowed."""
    refuse_taken(draft, level, [code])
    shape = usable(shape)
    under = draft.touching(level, shapely.point_on_surface(shape))
    if not under:
        raise RefusedError(
            "所画范围不在任何网格内。",
            "the shape lies in no zone",
            place=shape,
            remedy="要填补缺口请用“划入缺口”。",
        )

    def owner(faces: NDArray[np.object_], now: NDArray[np.object_]) -> NDArray[np.object_]:
        return np.where(faces_inside(faces, shape) & is_taken(now), code, now)

    fresh = {code: replace(under[0], code=code, name=name, kind="dedicated", staff=(), attributes={})}
    return redivide_patch(draft, level, "carve", [shape], owner, fresh=fresh)


def fill_gap(
    draft: Draft, level: str, shape: Area, *, code: str, name: str = "", parent: str | None = None
) -> Change:
    """Draw a zone, new or existing, into a gap: it gets what nobody has within the shape and the territory."""
    shape = usable(shapely.intersection(shape, draft.boundary, grid_size=GRID_DEG))
    is_new = (level, code) not in draft

    def owner(faces: NDArray[np.object_], now: NDArray[np.object_]) -> NDArray[np.object_]:
        return np.where(faces_inside(faces, shape) & ~is_taken(now), code, now)

    fresh = {code: PlanZone(level, code, name or code, shape, parent=parent)} if is_new else {}
    to = [] if is_new else [code]
    return redivide_patch(draft, level, "fill_gap", [shape], owner, to=to, fresh=fresh, grows=True)


def delete(draft: Draft, level: str, code: str, *, heir: str | None = None) -> Change:
    """Delete a zone; its ground goes to the heir, by default the neighbour with the longest border."""
    zone = draft.zone(level, code)
    others = [other for other in draft.touching(level, zone.geometry) if other.code != code]
    if heir is None:
        siblings = [other for other in others if other.parent == zone.parent]
        heir = longest_neighbour(
            zone.geometry,
            np.array([other.geometry for other in siblings], dtype=object),
            np.array([other.code for other in siblings], dtype=object),
        )
    if heir is None:
        raise RefusedError(
            f"{zone.name} 没有同一上级的相邻网格可以接收。",
            "no sibling could take the ground",
            place=zone.geometry,
            remedy="请指定接收的网格。",
        )
    change = merge(draft, level, [heir, code])
    return replace(change, operation="delete")


def regroup(
    draft: Draft, level: str, code: str, members: Sequence[str], *, of: str, name: str = ""
) -> Change:
    """Let a functional zone be the union of these communities; other functional zones lose them.

    Parameters
    ----------
    draft, level, code
        The functional zone, new or existing.
    members
        Codes of the zones of level ``of`` that it shall consist of, besides none other.
    of
        Level of the members, such as ``community``.
    name
        Name of a new zone.
    """
    wanted = {draft.zone(of, member).code for member in members}
    group_of: dict[str, str] = {}
    for group in draft.at(level):
        for member in draft.touching(of, group.geometry):
            if shapely.intersects(group.geometry, shapely.point_on_surface(member.geometry)):
                group_of[member.code] = group.code
    left = {member for member, group in group_of.items() if group == code and member not in wanted}
    if left:
        first = draft.zone(of, min(left))
        raise RefusedError(
            f"{first.name} 等 {len(left)} 个社区将不属于任何片区。",
            f"{len(left)} members would be in no group",
            place=first.geometry,
            remedy="请先把它们划入其他片区。",
        )
    group_of.update(dict.fromkeys(wanted, code))
    before = {zone.code: zone for zone in draft.at(level)}
    by_group: dict[str, list[Area]] = defaultdict(list)
    for member_code, group_code in group_of.items():
        by_group[group_code].append(draft.zone(of, member_code).geometry)
    put: list[PlanZone] = []
    gone: list[Key] = []
    for group_code in sorted({*before, code}):
        if group_code not in by_group:
            gone.append((level, group_code))
            continue
        geometry = simplest(shapely.coverage_union_all(by_group[group_code]))
        old = before.get(group_code)
        if old is None:
            put.append(PlanZone(level, group_code, name or group_code, geometry))
        elif not shapely.equals(old.geometry, geometry):
            put.append(replace(old, geometry=geometry))
    return Change("regroup", tuple(put), tuple(gone))


# ---- operations on the register


def describe(
    draft: Draft,
    level: str,
    code: str,
    *,
    name: str | None = None,
    staff: Sequence[Mapping[str, Any]] | None = None,
) -> Change:
    """Rename a zone, or set its staff."""
    zone = draft.zone(level, code)
    renamed = replace(
        zone, name=zone.name if name is None else name, staff=zone.staff if staff is None else tuple(staff)
    )
    return Change("rename" if staff is None else "staff", (renamed,))


def renumber(draft: Draft, level: str, codes: Mapping[str, str]) -> Change:
    """Give zones new codes (old code → new code); their children follow.

    The order west→east, north→south is `geo.codes.number`'s; retired codes are the caller's to avoid.
    """
    zones = [draft.zone(level, code) for code in codes]
    staying = {zone.code for zone in draft.at(level)} - set(codes)
    taken = sorted(set(codes.values()) & staying)
    if taken or len(set(codes.values())) < len(codes):
        raise RefusedError(
            f"新编码 {taken[0] if taken else '有重复'} 已被使用。",
            "a new code is taken",
            remedy="请换用未使用过的编码。",
        )
    put = [replace(zone, code=codes[zone.code]) for zone in zones]
    put += [
        replace(child, parent=codes[zone.code])
        for zone in zones
        for child in draft.children(level, zone.code)
    ]
    gone = tuple((level, code) for code in codes if code not in set(codes.values()))
    return Change(
        "renumber", tuple(put), gone, tuple(((level, old), (level, new)) for old, new in codes.items())
    )


def register_exception(draft: Draft, code: str, name: str, reason: str, shape: Area) -> Change:
    """Register a gap as legitimate (river, lake, land of another office): no check reports it again."""
    refuse_taken(draft, EXCEPTION, [code])
    return Change(
        "exception", (PlanZone(EXCEPTION, code, name, usable(shape), attributes={"reason": reason}),)
    )
