"""A proposal adopted: one change that gives a whole level of a draft the zones of another partition.

What keeps law 1 for an edit keeps it here: the new zones are a coverage of the same ground, each in one parent; levels
below come under their new parents; levels that group this one follow; all levels share their vertices. Whatever would
break that is refused with the place. What of the old zones lives on in the new ones is decided in `geo.plans.descent`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.errors import RefusedError, ZonesError
from geo.plans.consequences import levels_below, quantised
from geo.plans.descent import carried_on, descent_of, shapes_of
from geo.plans.draft import Change, Draft, PlanZone, simplest
from geo.plans.redivision import GRID_DEG, NEAR_DEG, insert_vertices, refuse_invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

NAMED = 5
"""Zones that a refusal names."""


def adopt(
    draft: Draft,
    level: str,
    zones: gpd.GeoDataFrame,
    *,
    lineage: pd.DataFrame | None = None,
    used: Collection[str] = (),
) -> Change:
    """Let the zones of a proposal take the place of all zones of a level.

    Parameters
    ----------
    draft
        The draft.
    level
        Code of the level.
    zones
        The new zones in EPSG:4490: ``geometry``, and where known ``code`` (unique; a name within the proposal),
        ``name``, ``kind``, ``attributes``.
    lineage
        Which old zone gave how much ground to which new one: ``code`` (of the draft), ``new`` (of ``zones``),
        ``area_m2``, as in ``geo.fusion.Fusion.crosswalk``; by default measured.
    used
        Codes of the level that were used in other versions: they are not given out again.

    Returns
    -------
    Change
        ``adopt``, with the lineage. Zones that stay as they were are not in it. A new zone's ``attributes`` name its
        code in the proposal as ``proposal``.

    Raises
    ------
    RefusedError
        When the new zones overlap, leave ground that the level had, leave the territory or a parent, or cut zones of a
        level below.
    ZonesError
        When there is no such level, or no new zone.
    CodeFormatError
        When a parent has no free code left.
    """
    if level not in draft.levels or not len(zones):
        raise ZonesError(
            f"没有层级“{level}”，或方案里没有网格。",
            f"no level {level!r}, or no zones to adopt",
            remedy=f"可用的层级: {'、'.join(draft.levels)}。",
        )
    before = draft.at(level)
    proposed = _proposed(draft, level, zones)
    _refuse_bad_coverage(draft, before, proposed)
    descent = descent_of(before, proposed, lineage)
    settled = carried_on(draft, level, proposed, descent, frozenset(used))
    names = dict(zip((zone.code for zone in proposed), settled, strict=True))
    put = list(_share_vertices(draft, level, settled))
    now = [zone for zone in put if zone.level == level]
    below = _follow_below(draft, level, now)
    beside = _follow_beside(draft, level, now)
    final = {zone.key: zone for zone in put}
    final |= {zone.key: replace(final.get(zone.key, zone), parent=zone.parent) for zone in below}
    final |= {zone.key: zone for zone in beside}
    kept = {zone.key for zone in settled}
    return Change(
        "adopt",
        tuple(
            zone
            for zone in final.values()
            if zone.key not in draft or not zone.same_as(draft.zone(*zone.key))
        ),
        tuple(zone.key for zone in before if zone.key not in kept),
        tuple(
            ((level, str(old)), names[str(new)].key)
            for old, new in descent.loc[descent["counts"], ["code", "new"]].itertuples(index=False)
        ),
    )


# ---- the proposal


def _proposed(draft: Draft, level: str, zones: gpd.GeoDataFrame) -> list[PlanZone]:
    """Return the zones of the proposal under their parents, with the codes of the proposal."""
    shapes = shapely.force_2d(zones.geometry.to_numpy())
    shapes = shapely.transform(shapes, quantised)
    codes = (
        zones["code"].astype(str).to_list()
        if "code" in zones
        else [f"N{k:04d}" for k in range(1, len(zones) + 1)]
    )
    names = zones["name"].astype(str).to_list() if "name" in zones else codes
    kinds = zones["kind"].astype(str).to_list() if "kind" in zones else ["general"] * len(zones)
    extra = zones["attributes"].to_list() if "attributes" in zones else [{}] * len(zones)
    parents = _parents(draft, level, shapes)
    made = [
        PlanZone(level, code, name, simplest(shape), kind, parent, (), {**(more or {}), "proposal": code})
        for code, name, shape, kind, parent, more in zip(
            codes, names, shapes, kinds, parents, extra, strict=True
        )
    ]
    if len(set(codes)) < len(codes):
        raise ZonesError(
            "方案中的网格编码有重复。", "duplicate codes in the proposal", remedy="请先改正编码。"
        )
    refuse_invalid(made)
    _refuse_leaving_parents(draft, level, made)
    return made


def _parents(draft: Draft, level: str, shapes: NDArray[np.object_]) -> list[str | None]:
    """Return the code of the parent that each shape's inner point is in."""
    above = draft.at(draft.levels[level].parent or "")
    home = _homes(shapes, shapes_of(above))
    return [above[row].code if row >= 0 else None for row in home]


def _refuse_leaving_parents(draft: Draft, level: str, zones: Sequence[PlanZone]) -> None:
    above = {zone.code: zone for zone in draft.at(draft.levels[level].parent or "")}
    inside = [zone for zone in zones if zone.parent in above]
    outside = _beyond(shapes_of(inside), shapes_of([above[str(zone.parent)] for zone in inside]))
    crossing = [zone for zone, beyond in zip(inside, outside, strict=True) if beyond]
    if crossing:
        upper = draft.levels[str(draft.levels[level].parent)]
        raise RefusedError(
            f"{len(crossing)} 个新网格跨越{upper.name}边界: {_listed(crossing)}。",
            f"{len(crossing)} new zones cross borders of level {upper.code}",
            place=shapely.union_all([beyond for beyond in outside if beyond]),
            remedy=f"请重新融合或划分，并选择不跨越{upper.name} (--within {upper.code})，再采用。",
        )


def _refuse_bad_coverage(draft: Draft, before: Sequence[PlanZone], after: Sequence[PlanZone]) -> None:
    """Refuse zones that are no coverage, or of other ground than the level had within the territory."""
    shapes = shapes_of(after)
    if not shapely.coverage_is_valid(shapes):
        edges = shapely.coverage_invalid_edges(shapes)
        bad = np.flatnonzero(~shapely.is_empty(edges)).tolist()
        raise RefusedError(
            f"方案中有 {len(bad)} 个网格与相邻网格重叠或错开: {_listed([after[row] for row in bad])}。",
            "the proposal is no valid coverage",
            place=shapely.union_all(edges[bad]),
            remedy="请先检查并修复方案 (onegrid check)。",
        )
    whole = shapely.coverage_union_all(shapes)
    lost = _more_than_noise(
        shapely.difference(shapely.intersection(shapely.union_all(shapes_of(before)), draft.boundary), whole),
        whole,
    )
    if lost is not None:
        raise RefusedError(
            "方案没有盖住原有网格的全部范围，会留下缺口。",
            "ground would be lost",
            place=lost,
            remedy="请用覆盖整个辖区的方案，或先登记豁免缺口。",
        )
    beyond = _more_than_noise(shapely.difference(whole, draft.boundary), whole)
    if beyond is not None:
        raise RefusedError(
            "方案超出辖区边界。",
            "the proposal leaves the territory",
            place=beyond,
            remedy="请按辖区边界裁剪方案。",
        )


# ---- the other levels


def _share_vertices(draft: Draft, level: str, zones: Sequence[PlanZone]) -> list[PlanZone]:
    """Return the new zones, and zones of other partition levels, with each other's vertices on common borders."""
    others = [
        zone
        for item in draft.levels.values()
        if item.partition and item.code != level
        for zone in draft.at(item.code)
    ]
    ours, theirs = _vertices(zones), _vertices(others)
    return [
        *_with_vertices(zones, np.setdiff1d(theirs, ours)),
        *(
            woven
            for woven, zone in zip(_with_vertices(others, np.setdiff1d(ours, theirs)), others, strict=True)
            if woven is not zone
        ),
    ]


def _vertices(zones: Sequence[PlanZone]) -> NDArray[np.complex128]:
    """Return the vertices of zones, each once, as complex numbers: lon + i lat."""
    xy = shapely.get_coordinates(shapes_of(zones))
    found: NDArray[np.complex128] = np.unique(xy[:, 0] + 1j * xy[:, 1])
    return found


def _with_vertices(zones: Sequence[PlanZone], vertices: NDArray[np.complex128]) -> list[PlanZone]:
    if not len(vertices) or not zones:
        return list(zones)
    xy = np.column_stack([vertices.real, vertices.imag])
    tree = shapely.STRtree(np.asarray(shapely.points(xy), dtype=object))
    rows, hits = tree.query(shapely.boundary(shapes_of(zones)), predicate="dwithin", distance=NEAR_DEG)
    woven = list(zones)
    for row in np.unique(rows):
        geometry = insert_vertices(zones[row].geometry, xy[hits[rows == row]])
        if geometry is not zones[row].geometry:
            woven[row] = replace(zones[row], geometry=geometry)
    return woven


def _follow_below(draft: Draft, level: str, zones: Sequence[PlanZone]) -> list[PlanZone]:
    """Return the children of the level under their new parents, or refuse when one would be cut."""
    moved: list[PlanZone] = []
    shapes = shapes_of(zones)
    for item in draft.levels.values():
        children = draft.at(item.code) if item.parent == level else []
        home = _homes(shapes_of(children), shapes)
        placed = home >= 0
        inside = [child for child, known in zip(children, placed, strict=True) if known]
        if item.partition:
            beyond = _beyond(shapes_of(inside), shapes[home[placed]])
            cut = [child for child, outside in zip(inside, beyond, strict=True) if outside]
            if cut:
                raise RefusedError(
                    f"采用方案会切开 {len(cut)} 个{item.name}: {_listed(cut)}。",
                    f"{len(cut)} zones of level {item.code} would be cut",
                    place=shapely.union_all([outside for outside in beyond if outside]),
                    remedy=f"请把{item.name}也作为一个图层参与融合，或先调整{item.name}，再采用。",
                )
        for child, row in zip(children, home.tolist(), strict=True):
            parent = zones[row].code if row >= 0 else None
            if child.parent != parent:
                moved.append(replace(child, parent=parent))
    return moved


def _follow_beside(draft: Draft, level: str, zones: Sequence[PlanZone]) -> list[PlanZone]:
    """Return the zones of levels that group this one (functional zones), each the union of its new members.

    A level groups this one when every old zone lay in one zone of it. Groups that no new zone crosses stay.
    """
    follow: list[PlanZone] = []
    old, new = shapes_of(draft.at(level)), shapes_of(zones)
    below = levels_below(draft, level)
    for item in draft.levels.values():
        groups = draft.at(item.code)
        above = level in levels_below(draft, item.code)
        if item.code == level or item.code in below or above or not item.partition or not groups:
            continue
        bounds = shapes_of(groups)
        before = _homes(old, bounds)
        if (before < 0).any() or any(_beyond(old, bounds[before])):
            continue
        home = _most(new, bounds)
        if (home >= 0).all() and not any(_beyond(new, bounds[home])):
            continue
        for row, group in enumerate(groups):
            members = new[home == row]
            if not len(members):
                raise RefusedError(
                    f"采用方案后{item.name} {group.name}({group.code}) 将没有任何成员。",
                    f"{group.code} of level {item.code} would have no member",
                    place=group.geometry,
                    remedy=f"请先调整{item.name}。",
                )
            follow.append(replace(group, geometry=simplest(shapely.coverage_union_all(members))))
    return follow


# ---- measures


def _homes(shapes: NDArray[np.object_], among: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the row of the polygon that the inner point of each shape is in, -1 for none."""
    home = np.full(len(shapes), -1, dtype=np.int64)
    if len(shapes) and len(among):
        inner = shapely.point_on_surface(shapes)
        rows, others = shapely.STRtree(among).query(inner, predicate="intersects")
        # Backwards, so that of several the first stays.
        home[rows[::-1]] = others[::-1]
    return home


def _most(shapes: NDArray[np.object_], among: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the row of the polygon that has most of each shape, -1 for none."""
    rows, others = shapely.STRtree(among).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[rows], among[others]))
    order = np.argsort(shared, kind="stable")
    order = order[shared[order] > 0]
    home = np.full(len(shapes), -1, dtype=np.int64)
    home[rows[order]] = others[order]  # in rising order: of several the last, largest one stays
    return home


def _beyond(shapes: NDArray[np.object_], bounds: NDArray[np.object_]) -> list[BaseGeometry | None]:
    """Return what of each shape lies outside its bound, None where it is no more than noise."""
    if not len(shapes):
        return []
    return [
        _more_than_noise(outside, shape)
        for outside, shape in zip(shapely.difference(shapes, bounds), shapes, strict=True)
    ]


def _more_than_noise(piece: BaseGeometry, beside: BaseGeometry) -> BaseGeometry | None:
    """Return a piece unless it is a seam as thin as rounding makes it."""
    return piece if shapely.area(piece) > GRID_DEG * 2 * shapely.length(beside) else None


def _listed(zones: Sequence[PlanZone]) -> str:
    shown = "、".join(f"{zone.name}({zone.code})" for zone in zones[:NAMED])
    return shown + (" 等" if len(zones) > NAMED else "")
