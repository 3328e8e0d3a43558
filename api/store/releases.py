"""A draft that is no plan (loaded from files, or repaired) on its way into force: what it would change, publishing it.

What a plan changes is known edit by edit (`api.store.publishing`); a draft is compared with the version in force.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import text

from api.store import approvals, checks, comparisons, ledgers, versions
from api.store.accounts import find_account
from api.store.errors import NotFoundError, NotPublishableError
from api.store.territories import find_territory
from geo.plans import ledger as sums
from geo.plans.comparison import NOISE_M2

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from api.store import audit
    from api.store.versions import VersionInfo


def readiness(session: Session, version: str) -> dict[str, Any]:
    """Say what publishing a draft would do, and what stands against it.

    Parameters
    ----------
    session
        Where to read.
    version
        Code of the draft.

    Returns
    -------
    dict
        ``version``; ``in_force`` (the version it would replace; None before the first); ``levels``: of each level with
        zones in either ``level, name, new, gone, redrawn`` (other ground, by more than
        `geo.plans.comparison.NOISE_M2`), ``described`` (another name, kind, parent, staff or attribute) and ``same``;
        ``moves`` (``level, kind, from, to, subjects``; None when one of the two is not assigned); ``faults_before``,
        ``faults_after`` (``errors, warnings``; None when not checked); ``obstacles`` (in Chinese, empty when nothing
        stands against it); ``approval``.

    Raises
    ------
    NotFoundError
        There is no such version.
    PublishedError
        It is published.
    """
    info = versions.require_draft(versions.get_version(session, version))
    current = _in_force(session, info)
    assigned = current is not None and None not in {current.run_id, info.run_id}
    return {
        "version": info.code,
        "in_force": None if current is None else current.code,
        "levels": _level_changes(session, current, info),
        "moves": sums.summed(comparisons.version_moves(session, current, info))
        if current is not None and assigned
        else None,
        "faults_before": None if current is None else _faults(session, current),
        "faults_after": _faults(session, info),
        "obstacles": [*_overtaken(session, info), *versions.obstacles(session, info)],
        "approval": asdict(approvals.approval_of_draft(session, info)),
    }


def publish_draft(
    session: Session,
    version: str,
    reason: str,
    account: str | None = None,
    *,
    actor: audit.Actor | None = None,
) -> VersionInfo:
    """Publish a draft that is no plan, in the caller's one transaction, with the ledger of who moves by it.

    Parameters
    ----------
    session
        Its transaction; readers see all of it or nothing.
    version
        Code of the draft.
    reason
        Why, kept with the version for ever.
    account
        Name of the account that publishes; None for the command line.
    actor
        Who acts, for the audit trail.

    Raises
    ------
    NotPublishableError
        No reason, something stands against it (see :func:`readiness`), or no second person's approval where the office
        asks for it.
    PublishedError
        It is published already.
    """
    info = versions.require_draft(versions.get_version(session, version))
    # Two published at once: the second waits here, and then finds what the first one made of its base.
    session.execute(
        text("SELECT 1 FROM territory WHERE id = :id FOR NO KEY UPDATE"), {"id": info.territory_id}
    )
    if against := _overtaken(session, info):
        raise NotPublishableError(
            f"版本 {info.code} 不能发布: {against[0]}。",
            f"the version that {info.code} repairs is no longer in force",
            remedy="请打开现行版本，重新提出修复建议。",
        )
    publisher = None if account is None else find_account(session, account).id
    approvals.refuse_unapproved_draft(session, info, publisher)
    before = _in_force(session, info)
    published = versions.publish(session, info.code, reason, account, actor=actor)
    if before is not None:
        moves = comparisons.version_moves(session, before, published)
        ledgers.store_moves(
            session, published, moves.assign(revision=pd.Series(pd.NA, index=moves.index, dtype="Int64"))
        )
    return published


def _in_force(session: Session, version: VersionInfo) -> VersionInfo | None:
    try:
        return versions.as_of(session, version.territory)
    except NotFoundError:
        return None


def _overtaken(session: Session, version: VersionInfo) -> list[str]:
    """Say that a repaired draft would undo what was published after its base, in Chinese; empty: it would not."""
    base = session.scalar(
        text(
            """WITH RECURSIVE origin AS (
                   SELECT base_version_id AS id FROM repair_acceptance WHERE version_id = :id
                   UNION ALL
                   SELECT a.base_version_id FROM origin
                   JOIN version v ON v.id = origin.id AND v.status = 'draft'
                   JOIN repair_acceptance a ON a.version_id = origin.id
               )
               SELECT v.code FROM origin JOIN version v ON v.id = origin.id WHERE v.valid_to IS NOT NULL"""
        ),
        {"id": version.id},
    )
    if base is None:
        return []
    current = versions.as_of(session, version.territory).code
    return [f"它由 {base} 修复而成，现行版本已是 {current}，发布会撤回其间的调整；请对 {current} 重新修复"]


def _faults(session: Session, version: VersionInfo) -> dict[str, int] | None:
    return None if version.checked_at is None else checks.count_faults(session, version)


def _level_changes(session: Session, before: VersionInfo | None, after: VersionInfo) -> list[dict[str, Any]]:
    rows = session.execute(
        text(
            """
            WITH was AS (SELECT z.*, p.code AS parent FROM zone z LEFT JOIN zone p ON p.id = z.parent_id
                         WHERE z.version_id = :before),
                 now AS (SELECT z.*, p.code AS parent FROM zone z LEFT JOIN zone p ON p.id = z.parent_id
                         WHERE z.version_id = :after),
                 pair AS (
                     SELECT level_id, was.id AS old, now.id AS new,
                            CASE WHEN ST_OrderingEquals(was.geom, now.geom) THEN true
                                 ELSE ST_Area(ST_Transform(ST_SymDifference(was.geom, now.geom), :srid)) <= :noise
                            END AS ground,
                            (was.name, was.kind, was.staff, was.attributes, was.parent)
                                IS NOT DISTINCT FROM (now.name, now.kind, now.staff, now.attributes, now.parent)
                            AS words
                     FROM was FULL JOIN now USING (level_id, code)
                 )
            SELECT l.code AS level, l.name,
                   count(*) FILTER (WHERE old IS NULL) AS new,
                   count(*) FILTER (WHERE pair.new IS NULL) AS gone,
                   count(*) FILTER (WHERE NOT ground) AS redrawn,
                   count(*) FILTER (WHERE ground AND NOT words) AS described,
                   count(*) FILTER (WHERE ground AND words) AS same
            FROM pair JOIN level l ON l.id = pair.level_id JOIN layer ON layer.id = l.layer_id
            GROUP BY l.id, l.code, l.name, layer.position, layer.id, l.rank
            ORDER BY layer.position, layer.id, l.rank
            """
        ),
        {
            "before": None if before is None else before.id,
            "after": after.id,
            "srid": find_territory(session, after.territory).metric_srid,
            "noise": NOISE_M2,
        },
    )
    return [dict(row) for row in rows.mappings()]
