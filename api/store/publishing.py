"""Publishing a plan: its draft becomes a version, in one transaction; and its move ledger with names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
from sqlalchemy import text, update

from api.store import assignments, audit, bulk, checks, models, versions
from api.store.drafts import furnish
from api.store.plans import ClosedError, get_plan, refuse_closed
from api.store.progress import Progress, part, silent
from api.store.zonesets import add_zones
from geo.crs import INTERNAL_CRS
from geo.plans import EXCEPTION, Draft, PlanZone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from api.store.versions import VersionInfo


def publish_plan(
    session: Session,
    number: int,
    reason: str,
    progress: Progress = silent,
    *,
    account: str | None = None,
    actor: audit.Actor | None = None,
) -> VersionInfo:
    """Publish a plan as a new version, in the caller's one transaction: all of it, or nothing.

    Raises
    ------
    ClosedError
        The plan is not open, or its base is no longer in force.
    NotPublishableError
        Faults without exception, or subjects not reconciled.
    """
    plan = get_plan(session, number, lock=True)
    refuse_closed(plan)
    current = versions.as_of(session, plan.territory)
    if current.code != plan.base:
        raise ClosedError(
            f"方案基于 {plan.base}，现行版本已是 {current.code}。",
            f"the plan is based on {plan.base}, {current.code} is in force",
            remedy="请基于现行版本新建方案，再重做修改。",
        )
    room = furnish(session, plan)
    progress(0.2, "写入新版本")
    draft = versions.add_version(session, plan.territory)
    add_zones(session, draft, _frame(room.draft))
    for zone in room.draft.at(EXCEPTION):
        checks.register_exception(
            session,
            plan.territory,
            zone.name,
            str(zone.attributes.get("reason", "")),
            zone.geometry,
            declared=INTERNAL_CRS,
            account=account,
            actor=actor,
        )
    assignments.reassign(session, draft.code, plan.base, part(progress, 0.3, 0.6), actor=actor)
    checks.check(session, draft.code, part(progress, 0.6, 0.9), actor=actor)
    published = versions.publish(session, draft.code, reason, account, actor=actor)
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(status="published"))
    progress(1.0, f"已发布 {published.code}")
    return published


def named_ledger(session: Session, number: int) -> gpd.GeoDataFrame:
    """Return the move ledger of a plan with code, kind, name, address and place of each subject: personal data."""
    moves = furnish(session, get_plan(session, number)).census.ledger()
    rows = session.execute(
        text(
            """SELECT id, code, name, address, ST_AsBinary(location) AS geometry
               FROM subject WHERE id = ANY(:ids) ORDER BY id"""
        ),
        {"ids": [int(each) for each in moves["subject"].unique()]},
    )
    subjects = bulk.geo_frame(rows)
    found = subjects.merge(moves, left_on="id", right_on="subject", how="inner")
    columns = ["level", "code", "kind", "name", "address", "from_zone", "to_zone", "geometry"]
    return gpd.GeoDataFrame(found[columns], crs=INTERNAL_CRS)


def _frame(draft: Draft) -> gpd.GeoDataFrame:
    zones: Sequence[PlanZone] = [zone for level in draft.levels for zone in draft.at(level)]
    return gpd.GeoDataFrame(
        {
            "code": [zone.code for zone in zones],
            "name": [zone.name for zone in zones],
            "layer": [draft.levels[zone.level].layer for zone in zones],
            "level": [zone.level for zone in zones],
            "kind": [zone.kind for zone in zones],
            "parent": [zone.parent for zone in zones],
            "staff": [list(zone.staff) for zone in zones],
            "attributes": [dict(zone.attributes) for zone in zones],
        },
        geometry=gpd.GeoSeries([zone.geometry for zone in zones], crs=INTERNAL_CRS),
    )
