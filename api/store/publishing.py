"""Publishing a plan: its draft becomes a version, with lineage and ledger, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
from sqlalchemy import text, update

from api.store import (
    approvals,
    assignments,
    audit,
    bulk,
    checks,
    exceptions,
    ledgers,
    lineages,
    models,
    versions,
)
from api.store.accounts import find_account
from api.store.drafts import furnish
from api.store.plans import ClosedError, get_plan, refuse_closed
from api.store.progress import Progress, part, silent
from api.store.territories import boundary_of, levels_of
from api.store.zonesets import add_zones, read_zones
from geo.crs import INTERNAL_CRS
from geo.plans import EXCEPTION, Draft, PlanZone
from geo.plans.lineage import successions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from api.store.rooms import Rooms
    from api.store.versions import VersionInfo


def publish_plan(
    session: Session,
    number: int,
    reason: str,
    progress: Progress = silent,
    *,
    account: str | None = None,
    actor: audit.Actor | None = None,
    rooms: Rooms | None = None,
) -> VersionInfo:
    """Publish a plan as a new version, in the caller's one transaction: all of it, or nothing.

    With the version are kept what became of codes (lineage), and the move ledger. Until the transaction is committed
    everybody sees the version before, in every answer; from then on the new one.

    Raises
    ------
    ClosedError
        The plan is not open, or its base is no longer in force.
    NotPublishableError
        Faults without exception, subjects not reconciled, or no second person's approval where the office asks for it.
    RefusedError
        A retired code would be used again.
    """
    plan = get_plan(session, number, lock=True)
    refuse_closed(plan)
    publisher = None if account is None else find_account(session, account).id
    approvals.refuse_unapproved(session, plan, publisher)
    # Two plans published at once: the second waits here, and then finds that its base is no longer in force.
    session.execute(
        text("SELECT 1 FROM territory WHERE id = :id FOR NO KEY UPDATE"), {"id": plan.territory_id}
    )
    current = versions.as_of(session, plan.territory)
    if current.code != plan.base:
        raise ClosedError(
            f"方案基于 {plan.base}，现行版本已是 {current.code}。",
            f"the plan is based on {plan.base}, {current.code} is in force",
            remedy="请基于现行版本新建方案，再重做修改。",
        )
    ledger = ledgers.trace(session, plan, rooms)
    found = successions(_base_draft(session, current), ledger.changes)
    progress(0.2, "写入新版本")
    draft = versions.add_version(session, plan.territory)
    add_zones(session, draft, _frame(ledger.draft))
    lineages.store_lineage(session, draft, plan, found)
    for zone in ledger.draft.at(EXCEPTION):
        exceptions.register_exception(
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
    checks.check(session, draft.code, part(progress, 0.6, 0.8), actor=actor)
    progress(0.8, "保存迁移清单")
    ledgers.store_moves(session, draft, ledger.moves)
    progress(0.9, "切换版本")
    published = versions.publish(session, draft.code, reason, account, actor=actor)
    session.execute(
        update(models.Plan).where(models.Plan.id == plan.id).values(status="published", version_id=draft.id)
    )
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


def _base_draft(session: Session, version: VersionInfo) -> Draft:
    levels = [stored.level for stored in levels_of(session, version.territory_id)]
    zones = read_zones(session, version)
    return Draft.from_frame(zones, levels, boundary_of(session, version.territory_id))


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
