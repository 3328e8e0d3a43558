"""Proposals adopted: a plan whose one change gives a level the zones of a proposal.

Fusion (多格合一) and drawn partitions come to planners this way: the plan is looked at, edited, undone and published
like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from api.store import drafts, plans, stored_fusions
from api.store.territories import find_territory, levels_of
from api.store.zonesets import read_zones
from geo.plans import Draft, adoption

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo
    from api.store.versions import VersionInfo
    from geo.plans import Change


def adopt(  # noqa: PLR0913  what a plan is made of
    session: Session,
    territory: str,
    name: str,
    level: str,
    zones: gpd.GeoDataFrame,
    *,
    reason: str,
    author: int | None,
    lineage: pd.DataFrame | None = None,
    base: str | None = None,
    description: str = "",
    rooms: drafts.Rooms | None = None,
) -> PlanInfo:
    """Make a plan whose one change replaces all zones of a level by those of a proposal.

    Parameters
    ----------
    session
        Its transaction holds the plan and its change: both, or neither.
    territory
        Code of the territory.
    name, description
        Of the plan.
    level
        Code of the level.
    zones
        The proposal: ``geometry`` and where known ``code, name, kind, attributes``; see `geo.plans.adoption.adopt`.
    reason, author
        Why and who, kept with the change.
    lineage
        ``code, new, area_m2``: which old zone gave how much ground to which new one; by default measured.
    base
        Version that the plan is based on, by default the one in force.
    rooms
        The drafts of this process, which then keep that of the new plan.

    Returns
    -------
    PlanInfo
        The plan, at revision 1.

    Raises
    ------
    NotFoundError
        No such territory or version.
    RefusedError
        The proposal would break law 1, leave a parent or cut zones below; there is no plan then.
    ZonesError
        No such level, or no zones.
    """
    plan = plans.create_plan(session, territory, name, description, base=base, author=author)
    used = _codes_used(session, territory, level)

    def make(draft: Draft) -> Change:
        return adoption.adopt(draft, level, zones, lineage=lineage, used=used)

    kept = rooms if rooms is not None else drafts.Rooms()
    try:
        return drafts.edit(
            session, kept, plan.id, make, revision=plan.revision, reason=reason, author=author
        ).plan
    except BaseException:
        kept.leave(plan.id)
        raise


def adopt_fusion(
    session: Session,
    territory: str,
    name: str,
    level: str,
    *,
    author: int | None,
    version: str | None = None,
    rooms: drafts.Rooms | None = None,
) -> PlanInfo:
    """Make a plan of the stored proposal of a fusion, on the version that was fused.

    Parameters
    ----------
    session, territory, name, level, author, rooms
        As for :func:`adopt`.
    version
        The version that was fused, by default as `api.store.stored_fusions.fused_version` says.

    Raises
    ------
    NotFoundError
        No such territory or version, or no fusion of it.
    RefusedError, ZonesError
        As for :func:`adopt`.
    """
    info = stored_fusions.fused_version(session, territory, version)
    fused = stored_fusions.read_fusion(session, territory, info.code)
    walk = fused.crosswalk
    layer = _layer_of(session, info.territory_id, level, set(walk["layer"])) if len(walk) else None
    return adopt(
        session,
        territory,
        name,
        level,
        fused.proposal[["code", "name", "kind", "geometry"]],
        reason=f"采用多格合一方案 (主导图层 {fused.leading})",
        author=author,
        lineage=None if layer is None else walk[walk["layer"] == layer],
        base=info.code,
        description=f"由 {info.code} 的多格合一方案生成，共 {len(fused.proposal)} 个新网格。",
        rooms=rooms,
    )


def parent_of(session: Session, version: VersionInfo, level: str) -> str | None:
    """Return the level that zones of a level must not cross in a version: its parent, if that has zones there."""
    parent = next(
        (each.level.parent for each in levels_of(session, version.territory_id) if each.code == level), None
    )
    return parent if parent is not None and len(read_zones(session, version, parent)) else None


def _layer_of(session: Session, territory_id: int, level: str, fused: set[str]) -> str | None:
    """Return the name by which a level was fused, None when it was not: its own, or its layer's."""
    layers = {each.code: each.level.layer for each in levels_of(session, territory_id)}
    return next((name for name in (level, layers.get(level)) if name in fused), None)


def _codes_used(session: Session, territory: str, level: str) -> frozenset[str]:
    """Return every code that a level of a territory ever had, in any version."""
    codes = session.scalars(
        text(
            """SELECT DISTINCT z.code FROM zone z JOIN level l ON l.id = z.level_id
               JOIN version v ON v.id = z.version_id
               WHERE v.territory_id = :territory AND l.code = :level"""
        ),
        {"territory": find_territory(session, territory).id, "level": level},
    )
    return frozenset(codes)
